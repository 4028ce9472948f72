/* The tables: how a row comes out again, at start. */
#include <string.h>

#include "base/memory.h"
#include "store/txn.h"

/* Reads a whole table: `row` is called for each. */
static bool each(struct store *store, const char *sql, void (*row)(sqlite3_stmt *stmt, void *ctx), void *ctx,
                 struct error *err)
{
    sqlite3 *db = store_reader(store);
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
        return store_error(err, db, "cannot read the database");
    int code;
    while ((code = sqlite3_step(stmt)) == SQLITE_ROW)
        row(stmt, ctx);
    bool good = code == SQLITE_DONE || store_error(err, db, "cannot read the database");
    sqlite3_finalize(stmt);
    return good;
}

static const char *text(sqlite3_stmt *stmt, int column)
{
    const char *value = (const char *)sqlite3_column_text(stmt, column);
    return value != NULL ? value : "";
}

static void copy(char *out, size_t size, const char *value)
{
    size_t len = strnlen(value, size - 1);
    memcpy(out, value, len);
    out[len] = '\0';
}

static struct object_id object(sqlite3_stmt *stmt)
{
    struct object_id id = { 0 };
    copy(id.namespace, sizeof(id.namespace), text(stmt, 0));
    copy(id.resource, sizeof(id.resource), text(stmt, 1));
    copy(id.name, sizeof(id.name), text(stmt, 2));
    return id;
}

/* A caller's callback and its context, on their way through `each`. */
struct reader {
    union {
        void (*slot)(void *ctx, const struct slot_row *row);
        void (*incarnation)(void *ctx, const struct incarnation_row *row);
        void (*memory)(void *ctx, const char *uid, const struct container_memory *memory);
        void (*outbox)(void *ctx, const struct outbox_row *row);
        void (*object)(void *ctx, const struct object_id *id);
        void (*image)(void *ctx, const struct image_row *row);
        void (*image_name)(void *ctx, const struct image_name_row *row);
        void (*layer)(void *ctx, const struct layer_row *row);
        void (*address)(void *ctx, const char *uid, const char *address);
        void (*request)(void *ctx, const struct request_row *row);
        void (*restart)(void *ctx, const char *uid, bool made);
        void (*service)(void *ctx, const struct service_row *row);
        void (*owner)(void *ctx, const struct object_id *id, const char *memo);
        void (*power)(void *ctx, const struct power_row *row);
        void (*rollback)(void *ctx, const struct rollback_row *row);
    } call;
    void *ctx;
    const char *boot_id;
};

static void slot_row(sqlite3_stmt *stmt, void *ctx)
{
    const struct reader *reader = ctx;
    struct slot_row row = {
        .id = object(stmt),
        .source = text(stmt, 3),
        .group = text(stmt, 4),
        .generation = sqlite3_column_int64(stmt, 5),
        .content = text(stmt, 6),
        .hash = text(stmt, 7),
        .tombstone = sqlite3_column_int(stmt, 8) != 0,
        .text = text(stmt, 9),
        .accepted_ms = (uint64_t)sqlite3_column_int64(stmt, 10),
        .created_ms = (uint64_t)sqlite3_column_int64(stmt, 11),
    };
    reader->call.slot(reader->ctx, &row);
}

bool store_each_slot(struct store *store, void (*call)(void *, const struct slot_row *), void *ctx, struct error *err)
{
    struct reader reader = { .call.slot = call, .ctx = ctx };
    return each(store, "SELECT * FROM slots ORDER BY namespace, resource, name", slot_row, &reader, err);
}

bool store_each_superseded(struct store *store, void (*call)(void *, const struct slot_row *), void *ctx,
                           struct error *err)
{
    struct reader reader = { .call.slot = call, .ctx = ctx };
    return each(store,
                "SELECT namespace, resource, name, source, grp, 0, content, '', 0, '', 0 FROM superseded ORDER BY id",
                slot_row, &reader, err);
}

static void incarnation_row(sqlite3_stmt *stmt, void *ctx)
{
    const struct reader *reader = ctx;
    struct incarnation_row row = { .id = object(stmt),
                                   .uid = text(stmt, 3),
                                   .hash = text(stmt, 4),
                                   .created_ms = (uint64_t)sqlite3_column_int64(stmt, 5),
                                   .text = text(stmt, 6),
                                   .previous = text(stmt, 7),
                                   .end_reason = text(stmt, 8),
                                   .end_message = text(stmt, 9) };
    reader->call.incarnation(reader->ctx, &row);
}

bool store_each_incarnation(struct store *store, void (*call)(void *, const struct incarnation_row *), void *ctx,
                            struct error *err)
{
    struct reader reader = { .call.incarnation = call, .ctx = ctx };
    return each(store, "SELECT * FROM incarnations ORDER BY namespace, resource, name", incarnation_row, &reader, err);
}

static void memory_row(sqlite3_stmt *stmt, void *ctx)
{
    const struct reader *reader = ctx;
    struct container_memory memory = { .begun = sqlite3_column_int64(stmt, 2),
                                       .ended = sqlite3_column_int64(stmt, 3),
                                       .backoff = sqlite3_column_int64(stmt, 4) };
    copy(memory.name, sizeof(memory.name), text(stmt, 1));
    memory.last.exit_code = sqlite3_column_int64(stmt, 5);
    memory.last.signal = sqlite3_column_int64(stmt, 6);
    copy(memory.last.reason, sizeof(memory.last.reason), text(stmt, 7));
    memory.last.started_ms = (uint64_t)sqlite3_column_int64(stmt, 8);
    memory.last.finished_ms = (uint64_t)sqlite3_column_int64(stmt, 9);
    memory.last.finished_boot_ms = (uint64_t)sqlite3_column_int64(stmt, 10);
    if (strcmp(text(stmt, 11), reader->boot_id) != 0) {
        memory.last.finished_boot_ms = 0;
        memory.backoff = 0;
    }
    AUTO_FREE char *message = text(stmt, 12)[0] != '\0' ? mem_strdup(text(stmt, 12)) : NULL;
    memory.last.message = message;
    reader->call.memory(reader->ctx, text(stmt, 0), &memory);
}

bool store_each_memory(struct store *store, void (*call)(void *, const char *, const struct container_memory *),
                       void *ctx, struct error *err)
{
    struct reader reader = { .call.memory = call, .ctx = ctx, .boot_id = store_boot_id(store) };
    return each(store, "SELECT * FROM memories", memory_row, &reader, err);
}

static void outbox_row(sqlite3_stmt *stmt, void *ctx)
{
    const struct reader *reader = ctx;
    struct outbox_row row = { .id = sqlite3_column_int64(stmt, 0),
                              .topic = text(stmt, 1),
                              .payload = text(stmt, 2),
                              .retain = sqlite3_column_int(stmt, 3) != 0 };
    reader->call.outbox(reader->ctx, &row);
}

bool store_each_outbox(struct store *store, void (*call)(void *, const struct outbox_row *), void *ctx,
                       struct error *err)
{
    struct reader reader = { .call.outbox = call, .ctx = ctx };
    return each(store, "SELECT * FROM outbox ORDER BY id", outbox_row, &reader, err);
}

static void object_row(sqlite3_stmt *stmt, void *ctx)
{
    const struct reader *reader = ctx;
    struct object_id id = object(stmt);
    reader->call.object(reader->ctx, &id);
}

bool store_each_refused(struct store *store, void (*call)(void *, const struct object_id *), void *ctx,
                        struct error *err)
{
    struct reader reader = { .call.object = call, .ctx = ctx };
    return each(store, "SELECT * FROM refused", object_row, &reader, err);
}

bool store_each_purge(struct store *store, void (*call)(void *, const struct object_id *), void *ctx, struct error *err)
{
    struct reader reader = { .call.object = call, .ctx = ctx };
    return each(store, "SELECT * FROM purges", object_row, &reader, err);
}

static void image_row(sqlite3_stmt *stmt, void *ctx)
{
    const struct reader *reader = ctx;
    struct image_row row = { .id = text(stmt, 0),
                             .manifest = text(stmt, 1),
                             .config = text(stmt, 2),
                             .layers = text(stmt, 3),
                             .size_bytes = sqlite3_column_int64(stmt, 4),
                             .created_ms = (uint64_t)sqlite3_column_int64(stmt, 5),
                             .used_ms = (uint64_t)sqlite3_column_int64(stmt, 6) };
    reader->call.image(reader->ctx, &row);
}

bool store_each_image(struct store *store, void (*call)(void *, const struct image_row *), void *ctx, struct error *err)
{
    struct reader reader = { .call.image = call, .ctx = ctx };
    return each(store, "SELECT * FROM images", image_row, &reader, err);
}

static void image_name_row(sqlite3_stmt *stmt, void *ctx)
{
    const struct reader *reader = ctx;
    struct image_name_row row = { .reference = text(stmt, 0), .id = text(stmt, 1) };
    reader->call.image_name(reader->ctx, &row);
}

bool store_each_image_name(struct store *store, void (*call)(void *, const struct image_name_row *), void *ctx,
                           struct error *err)
{
    struct reader reader = { .call.image_name = call, .ctx = ctx };
    return each(store, "SELECT * FROM image_names ORDER BY reference", image_name_row, &reader, err);
}

static void layer_row(sqlite3_stmt *stmt, void *ctx)
{
    const struct reader *reader = ctx;
    struct layer_row row = { .diff_id = text(stmt, 0),
                             .folder = sqlite3_column_int64(stmt, 1),
                             .size_bytes = sqlite3_column_int64(stmt, 2) };
    reader->call.layer(reader->ctx, &row);
}

bool store_each_layer(struct store *store, void (*call)(void *, const struct layer_row *), void *ctx, struct error *err)
{
    struct reader reader = { .call.layer = call, .ctx = ctx };
    return each(store, "SELECT * FROM layers", layer_row, &reader, err);
}

static void address_row(sqlite3_stmt *stmt, void *ctx)
{
    const struct reader *reader = ctx;
    reader->call.address(reader->ctx, text(stmt, 0), text(stmt, 1));
}

bool store_each_address(struct store *store, void (*call)(void *, const char *, const char *), void *ctx,
                        struct error *err)
{
    struct reader reader = { .call.address = call, .ctx = ctx };
    return each(store, "SELECT * FROM addresses", address_row, &reader, err);
}

static void request_row(sqlite3_stmt *stmt, void *ctx)
{
    const struct reader *reader = ctx;
    struct request_row row = { .key = text(stmt, 0),
                               .begun_ms = (uint64_t)sqlite3_column_int64(stmt, 1),
                               .reply = text(stmt, 2),
                               .correlation = text(stmt, 3),
                               .done = sqlite3_column_int(stmt, 4) != 0,
                               .answer = text(stmt, 5) };
    reader->call.request(reader->ctx, &row);
}

bool store_each_request(struct store *store, void (*call)(void *, const struct request_row *), void *ctx,
                        struct error *err)
{
    struct reader reader = { .call.request = call, .ctx = ctx };
    return each(store, "SELECT * FROM requests ORDER BY begun_ms", request_row, &reader, err);
}

static void restart_row(sqlite3_stmt *stmt, void *ctx)
{
    const struct reader *reader = ctx;
    reader->call.restart(reader->ctx, text(stmt, 0), sqlite3_column_int(stmt, 1) != 0);
}

bool store_each_restart(struct store *store, void (*call)(void *, const char *, bool), void *ctx, struct error *err)
{
    struct reader reader = { .call.restart = call, .ctx = ctx };
    return each(store, "SELECT * FROM restarts", restart_row, &reader, err);
}

static void service_row(sqlite3_stmt *stmt, void *ctx)
{
    const struct reader *reader = ctx;
    struct service_row row = { .namespace = text(stmt, 0), .name = text(stmt, 1), .address = text(stmt, 2),
                               .ports = text(stmt, 3) };
    reader->call.service(reader->ctx, &row);
}

bool store_each_service(struct store *store, void (*call)(void *, const struct service_row *), void *ctx, struct error *err)
{
    struct reader reader = { .call.service = call, .ctx = ctx };
    return each(store, "SELECT namespace, name, address, ports FROM services", service_row, &reader, err);
}

static void owner_row(sqlite3_stmt *stmt, void *ctx)
{
    const struct reader *reader = ctx;
    struct object_id id = object(stmt);
    reader->call.owner(reader->ctx, &id, text(stmt, 3));
}

bool store_each_owner(struct store *store, void (*call)(void *, const struct object_id *, const char *), void *ctx,
                      struct error *err)
{
    struct reader reader = { .call.owner = call, .ctx = ctx };
    return each(store, "SELECT * FROM owners", owner_row, &reader, err);
}

static void power_row(sqlite3_stmt *stmt, void *ctx)
{
    const struct reader *reader = ctx;
    struct power_row row = { .id = object(stmt), .power = text(stmt, 3), .force = sqlite3_column_int(stmt, 4) != 0,
                             .strategy = text(stmt, 5), .uid = text(stmt, 6) };
    reader->call.power(reader->ctx, &row);
}

bool store_each_power(struct store *store, void (*call)(void *, const struct power_row *), void *ctx, struct error *err)
{
    struct reader reader = { .call.power = call, .ctx = ctx };
    return each(store, "SELECT * FROM powers", power_row, &reader, err);
}

static void rollback_row(sqlite3_stmt *stmt, void *ctx)
{
    const struct reader *reader = ctx;
    struct rollback_row row = { .id = object(stmt), .snapshot = text(stmt, 3), .force = sqlite3_column_int(stmt, 4) != 0,
                                .uid = text(stmt, 5) };
    reader->call.rollback(reader->ctx, &row);
}

bool store_each_rollback(struct store *store, void (*call)(void *, const struct rollback_row *), void *ctx,
                         struct error *err)
{
    struct reader reader = { .call.rollback = call, .ctx = ctx };
    return each(store, "SELECT * FROM rollbacks", rollback_row, &reader, err);
}
