/* What is kept, is kept: SQLite behind a queue. */
#include <poll.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "unit.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "store/store.h"

static char folder[] = "/tmp/davit-store-XXXXXX";
static char *path;

static const struct object_id hello = { .namespace = "default", .resource = "pods", .name = "hello" };

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return 1;
    path = mem_printf("%s/davit.db", folder);
    return 0;
}

static int remove_folder(void **state)
{
    struct error err;
    (void)state;
    free(path);
    return !file_remove_tree(folder, &err);
}

static int fresh(void **state)
{
    static const char *const endings[] = { "", "-wal", "-shm" };
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        AUTO_FREE char *file = mem_printf("%s%s", path, endings[i]);
        unlink(file);
    }
    return 0;
}

static struct store *open_store(enum store_mode mode, const char *boot_id)
{
    struct error err;
    struct store *store = store_open(path, mode, boot_id, &err);
    if (store == NULL)
        fail_msg("%s", err.message);
    return store;
}

/* What rows say, as one text. */
static struct strbuf seen;

static void look(bool good, const char *expected)
{
    assert_true(good);
    assert_string_equal(seen.data != NULL ? seen.data : "", expected);
    strbuf_free(&seen);
}

static void begin_look(void)
{
    strbuf_init(&seen, 65536);
}

static void see_slot(void *ctx, const struct slot_row *row)
{
    (void)ctx;
    strbuf_printf(&seen, "%s/%s/%s %s %s %lld %s %s %d %s %llu %llu;", row->id.namespace, row->id.resource, row->id.name,
                  row->source, row->group, (long long)row->generation, row->content, row->hash, row->tombstone, row->text,
                  (unsigned long long)row->accepted_ms, (unsigned long long)row->created_ms);
}

static void see_incarnation(void *ctx, const struct incarnation_row *row)
{
    (void)ctx;
    strbuf_printf(&seen, "%s %s %s %llu %s %s%s%s%s%s;", row->id.name, row->uid, row->hash,
                  (unsigned long long)row->created_ms, row->text, row->previous, row->end_reason[0] != '\0' ? " " : "",
                  row->end_reason, row->end_message[0] != '\0' ? " " : "", row->end_message);
}

static void see_memory(void *ctx, const char *uid, const struct container_memory *memory)
{
    (void)ctx;
    strbuf_printf(&seen, "%s %s %lld %lld %lld %lld %lld %s%s%s %llu %llu %llu;", uid, memory->name, (long long)memory->begun,
                  (long long)memory->ended, (long long)memory->backoff, (long long)memory->last.exit_code,
                  (long long)memory->last.signal, memory->last.reason, memory->last.message != NULL ? " " : "",
                  memory->last.message != NULL ? memory->last.message : "", (unsigned long long)memory->last.started_ms,
                  (unsigned long long)memory->last.finished_ms, (unsigned long long)memory->last.finished_boot_ms);
}

static void see_outbox(void *ctx, const struct outbox_row *row)
{
    (void)ctx;
    strbuf_printf(&seen, "%lld %s %s %d;", (long long)row->id, row->topic, row->payload, row->retain);
}

static void see_object(void *ctx, const struct object_id *id)
{
    (void)ctx;
    strbuf_printf(&seen, "%s/%s/%s;", id->namespace, id->resource, id->name);
}

static void see_image(void *ctx, const struct image_row *row)
{
    (void)ctx;
    strbuf_printf(&seen, "%s %s %s %s %lld %llu %llu;", row->id, row->manifest, row->config, row->layers,
                  (long long)row->size_bytes, (unsigned long long)row->created_ms, (unsigned long long)row->used_ms);
}

static void see_image_name(void *ctx, const struct image_name_row *row)
{
    (void)ctx;
    strbuf_printf(&seen, "%s %s;", row->reference, row->id);
}

static void see_layer(void *ctx, const struct layer_row *row)
{
    (void)ctx;
    strbuf_printf(&seen, "%s %lld %lld;", row->diff_id, (long long)row->folder, (long long)row->size_bytes);
}

static void see_address(void *ctx, const char *uid, const char *address)
{
    (void)ctx;
    strbuf_printf(&seen, "%s %s;", uid, address);
}

static void slots_are(struct store *store, const char *expected)
{
    struct error err;
    begin_look();
    look(store_each_slot(store, see_slot, NULL, &err), expected);
}

static struct slot_row slot_of(const char *name)
{
    struct slot_row row = { .id = hello, .source = "group", .group = "line-3", .generation = 7, .content = "c",
                            .hash = "h", .text = "{}", .accepted_ms = 1795410958123, .created_ms = 1795410957000 };
    snprintf(row.id.name, sizeof(row.id.name), "%s", name);
    return row;
}

/* Callbacks, in their order: "a", or "A" where the commit failed. */
static char answers[64];

static void answered(void *ctx, const struct error *err)
{
    char letter = *(const char *)ctx;
    size_t len = strlen(answers);
    answers[len] = err == NULL ? letter : (char)(letter - 'a' + 'A');
    answers[len + 1] = '\0';
}

static void commit_slot(struct store *store, const char *name, const char *letter)
{
    struct store_txn *txn = store_begin(store);
    struct slot_row row = slot_of(name);
    store_put_slot(txn, &row);
    store_commit(txn, answered, (void *)(uintptr_t)letter);
}

static void every_row_comes_back_after_a_restart(void **state)
{
    (void)state;
    struct error err;
    struct store *store = open_store(STORE_MANUAL, "boot-1");
    struct store_txn *txn = store_begin(store);
    struct slot_row slot = slot_of("hello");
    store_put_slot(txn, &slot);
    slot.source = "node";
    slot.group = "";
    slot.tombstone = true;
    slot.text = NULL;
    store_put_slot(txn, &slot);
    store_put_superseded(txn, &slot, "old");
    store_put_incarnation(txn, &(struct incarnation_row){ hello, "uid", "1:h", 5, "{}", "[]", "Evicted", "full" });
    static char message[] = "out";
    struct container_memory memory = { .name = "web", .begun = 3, .ended = 2, .backoff = 4,
                                       .last = { 137, 9, "OOMKilled", message, 1, 2, 3 } };
    store_put_memory(txn, "uid", &memory);
    store_put_outbox(txn, &(struct outbox_row){ 4, "t", "", true });
    store_put_refused(txn, &hello);
    store_put_image(txn, &(struct image_row){ "i", "m", "{}", "[]", 6, 7, 8 });
    store_put_image_name(txn, &(struct image_name_row){ "r", "i" });
    store_put_layer(txn, &(struct layer_row){ "d", 8, 9 });
    store_put_address(txn, "uid", "10.213.0.2");
    store_commit(txn, NULL, NULL);
    assert_int_equal(store_pending(store), 1);
    assert_int_equal(store_fd(store), -1);
    store_dispatch(store);
    assert_int_equal(store_pending(store), 0);
    store_close(store);
    store = open_store(STORE_MANUAL, "boot-1");
    slots_are(store, "default/pods/hello group line-3 7 c h 0 {} 1795410958123 1795410957000;"
                     "default/pods/hello node  7 c h 1  1795410958123 1795410957000;");
    begin_look();
    look(store_each_superseded(store, see_slot, NULL, &err), "default/pods/hello node  0 old  0  0 0;");
    begin_look();
    look(store_each_incarnation(store, see_incarnation, NULL, &err), "hello uid 1:h 5 {} [] Evicted full;");
    begin_look();
    look(store_each_memory(store, see_memory, NULL, &err), "uid web 3 2 4 137 9 OOMKilled out 1 2 3;");
    begin_look();
    look(store_each_outbox(store, see_outbox, NULL, &err), "4 t  1;");
    begin_look();
    look(store_each_refused(store, see_object, NULL, &err), "default/pods/hello;");
    begin_look();
    look(store_each_image(store, see_image, NULL, &err), "i m {} [] 6 7 8;");
    begin_look();
    look(store_each_image_name(store, see_image_name, NULL, &err), "r i;");
    begin_look();
    look(store_each_layer(store, see_layer, NULL, &err), "d 8 9;");
    begin_look();
    look(store_each_address(store, see_address, NULL, &err), "uid 10.213.0.2;");
    store_close(store);
    store = open_store(STORE_MANUAL, "boot-2"); /* a reboot delays no restart */
    begin_look();
    look(store_each_memory(store, see_memory, NULL, &err), "uid web 3 2 0 137 9 OOMKilled out 1 2 0;");
    store_close(store);
    store_close(NULL);
}

static void what_is_deleted_is_gone(void **state)
{
    (void)state;
    struct error err;
    struct store *store = open_store(STORE_MANUAL, "b");
    struct store_txn *txn = store_begin(store);
    struct slot_row slot = slot_of("hello"), other = slot_of("other");
    struct container_memory memory = { .name = "web" };
    store_put_slot(txn, &slot);
    store_put_slot(txn, &other);
    store_put_superseded(txn, &slot, "old");
    store_put_superseded(txn, &other, "older");
    store_put_incarnation(txn, &(struct incarnation_row){ hello, "uid", "h", 5, NULL, NULL, NULL, NULL });
    store_put_memory(txn, "uid", &memory);
    store_put_memory(txn, "another", &memory);
    store_put_outbox(txn, &(struct outbox_row){ 1, "t", "", true });
    store_put_outbox(txn, &(struct outbox_row){ 2, "u", "p", false });
    store_put_refused(txn, &hello);
    store_delete_slot(txn, &slot);
    store_delete_superseded(txn, &slot);
    store_delete_incarnation(txn, &hello);
    store_delete_outbox(txn, 1);
    store_delete_refused(txn, &hello);
    store_commit(txn, NULL, NULL);
    store_dispatch(store);
    slots_are(store, "default/pods/other group line-3 7 c h 0 {} 1795410958123 1795410957000;");
    begin_look();
    look(store_each_superseded(store, see_slot, NULL, &err), "default/pods/other group line-3 0 older  0  0 0;");
    begin_look();
    look(store_each_incarnation(store, see_incarnation, NULL, &err), "");
    begin_look();
    look(store_each_memory(store, see_memory, NULL, &err), "another web 0 0 0 0 0  0 0 0;");
    begin_look();
    look(store_each_outbox(store, see_outbox, NULL, &err), "2 u p 0;");
    begin_look();
    look(store_each_refused(store, see_object, NULL, &err), "");
    store_close(store);
}

static void a_new_incarnation_forgets_the_memories_of_the_last(void **state)
{
    (void)state;
    struct error err;
    struct store *store = open_store(STORE_MANUAL, "b");
    struct store_txn *txn = store_begin(store);
    struct container_memory memory = { .name = "web" };
    store_put_incarnation(txn, &(struct incarnation_row){ hello, "first", "h", 5, NULL, NULL, NULL, NULL });
    store_put_memory(txn, "first", &memory);
    store_put_incarnation(txn, &(struct incarnation_row){ hello, "second", "h", 5, NULL, NULL, NULL, NULL });
    store_commit(txn, NULL, NULL);
    store_dispatch(store);
    begin_look();
    look(store_each_memory(store, see_memory, NULL, &err), "");
    store_close(store);
}

static void a_memory_behind_its_incarnation_is_gone_at_the_next_start(void **state)
{
    (void)state;
    struct error err;
    struct store *store = open_store(STORE_MANUAL, "b");
    struct store_txn *txn = store_begin(store);
    struct container_memory memory = { .name = "web" };
    store_put_incarnation(txn, &(struct incarnation_row){ hello, "second", "h", 5, NULL, NULL, NULL, NULL });
    store_put_memory(txn, "second", &memory);
    store_put_memory(txn, "first", &memory); /* it ended while the second was on its way */
    store_commit(txn, NULL, NULL);
    store_dispatch(store);
    store_close(store);
    store = open_store(STORE_MANUAL, "b");
    begin_look();
    look(store_each_memory(store, see_memory, NULL, &err), "second web 0 0 0 0 0  0 0 0;");
    store_close(store);
}

static size_t superseded_count;
static char superseded_first[8];

static void count_superseded(void *ctx, const struct slot_row *row)
{
    (void)ctx;
    if (strcmp(row->id.name, "hello") == 0 && superseded_count++ == 0)
        snprintf(superseded_first, sizeof(superseded_first), "%s", row->content);
}

static void only_the_newest_superseded_contents_are_kept(void **state)
{
    (void)state;
    struct error err;
    struct store *store = open_store(STORE_MANUAL, "b");
    struct slot_row slot = slot_of("hello"), other = slot_of("other");
    for (int i = 0; i < LIMIT_SUPERSEDED + 5; i++) {
        AUTO_FREE char *content = mem_printf("%d", i);
        struct store_txn *txn = store_begin(store);
        store_put_superseded(txn, &slot, content);
        store_put_superseded(txn, &other, content);
        store_commit(txn, NULL, NULL);
    }
    store_dispatch(store);
    superseded_count = 0;
    assert_true(store_each_superseded(store, count_superseded, NULL, &err));
    assert_int_equal(superseded_count, LIMIT_SUPERSEDED);
    assert_string_equal(superseded_first, "5");
    store_close(store);
}

static void answers_come_in_the_order_of_the_commits(void **state)
{
    (void)state;
    answers[0] = '\0';
    struct store *store = open_store(STORE_MANUAL, "b");
    commit_slot(store, "one", "a");
    commit_slot(store, "two", "b");
    commit_slot(store, "three", "c");
    assert_string_equal(answers, ""); /* nothing is answered before it is on the disk */
    store_dispatch(store);
    assert_string_equal(answers, "abc");
    store_dispatch(store);
    assert_string_equal(answers, "abc");
    store_abandon(store_begin(store));
    store_close(store);
}

/* The database as another program sees it. */
static void sql(const char *text)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s", sqlite3_errmsg(db));
    sqlite3_close(db);
}

static void a_commit_that_fails_leaves_nothing_and_the_others_succeed(void **state)
{
    (void)state;
    answers[0] = '\0';
    struct store *store = open_store(STORE_MANUAL, "b");
    sql("CREATE TRIGGER broken BEFORE INSERT ON slots WHEN NEW.name = 'bad' BEGIN SELECT RAISE(ABORT, 'no'); END");
    commit_slot(store, "one", "a");
    struct store_txn *txn = store_begin(store);
    struct slot_row good = slot_of("half"), bad = slot_of("bad");
    store_put_slot(txn, &good);
    store_put_slot(txn, &bad);
    store_commit(txn, answered, (void *)(uintptr_t) "b");
    commit_slot(store, "three", "c");
    store_dispatch(store);
    assert_string_equal(answers, "aBc");
    slots_are(store, "default/pods/one group line-3 7 c h 0 {} 1795410958123 1795410957000;"
                     "default/pods/three group line-3 7 c h 0 {} 1795410958123 1795410957000;");
    sql("DROP TRIGGER broken");
    commit_slot(store, "bad", "d");
    store_dispatch(store);
    assert_string_equal(answers, "aBcd");
    store_close(store);
}

static void what_was_not_dispatched_is_lost_in_a_crash(void **state)
{
    (void)state;
    answers[0] = '\0';
    struct store *store = open_store(STORE_MANUAL, "b");
    commit_slot(store, "kept", "a");
    store_dispatch(store);
    commit_slot(store, "lost", "b");
    store_close(store);
    assert_string_equal(answers, "a");
    store = open_store(STORE_MANUAL, "b");
    slots_are(store, "default/pods/kept group line-3 7 c h 0 {} 1795410958123 1795410957000;");
    store_close(store);
}

static void the_writer_thread_answers_through_its_descriptor(void **state)
{
    (void)state;
    answers[0] = '\0';
    struct store *store = open_store(STORE_THREADED, "b");
    for (const char *letter = "abcdefghijklmnop"; *letter != '\0'; letter++) {
        const char name[2] = { *letter, '\0' };
        commit_slot(store, name, letter);
    }
    for (int i = 0; i < 1000 && strlen(answers) < 16; i++) {
        struct pollfd ready = { .fd = store_fd(store), .events = POLLIN };
        assert_true(poll(&ready, 1, 10000) == 1);
        store_dispatch(store);
    }
    assert_string_equal(answers, "abcdefghijklmnop");
    assert_int_equal(store_pending(store), 0);
    commit_slot(store, "last", "q"); /* what was handed over is written before the end */
    store_close(store);
    store = open_store(STORE_MANUAL, "b");
    struct error err;
    begin_look();
    assert_true(store_each_slot(store, see_slot, NULL, &err));
    assert_non_null(strstr(seen.data, "default/pods/last "));
    strbuf_free(&seen);
    store_close(store);
}

static enum error_code code_of_opening(struct error *err)
{
    struct store *store = store_open(path, STORE_MANUAL, "b", err);
    if (store != NULL)
        fail_msg("it was opened");
    return err->code;
}

static void a_newer_schema_is_refused(void **state)
{
    (void)state;
    struct error err;
    store_close(open_store(STORE_MANUAL, "b"));
    sql("PRAGMA user_version = 99");
    assert_int_equal(code_of_opening(&err), ERROR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "schema 99"));
    assert_non_null(strstr(err.message, path));
}

static void a_damaged_file_is_told_from_one_that_cannot_be_opened(void **state)
{
    (void)state;
    struct error err;
    char garbage[8192];
    memset(garbage, 'x', sizeof(garbage));
    assert_true(file_write_atomic(path, garbage, sizeof(garbage), 0600, false, &err));
    assert_int_equal(code_of_opening(&err), ERROR_INVALID);
    fresh(NULL);
    struct store *store = open_store(STORE_MANUAL, "b");
    for (int i = 0; i < 200; i++) {
        AUTO_FREE char *name = mem_printf("pod-%d", i);
        struct store_txn *txn = store_begin(store);
        struct slot_row row = slot_of(name);
        store_put_slot(txn, &row);
        store_commit(txn, NULL, NULL);
    }
    store_dispatch(store);
    store_close(store);
    AUTO_FREE char *data = NULL;
    size_t len = 0;
    assert_true(file_read(path, 1 << 24, &data, &len, &err));
    assert_true(len > 16384);
    memset(data + 4096, 0xa5, len - 4096); /* the head stays */
    assert_true(file_write_atomic(path, data, len, 0600, false, &err));
    assert_int_equal(code_of_opening(&err), ERROR_INVALID);
    AUTO_FREE char *elsewhere = mem_printf("%s/no/such/folder.db", folder);
    assert_null(store_open(elsewhere, STORE_MANUAL, "b", &err));
    assert_int_equal(err.code, ERROR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_row_comes_back_after_a_restart, fresh),
        cmocka_unit_test_setup(what_is_deleted_is_gone, fresh),
        cmocka_unit_test_setup(a_new_incarnation_forgets_the_memories_of_the_last, fresh),
        cmocka_unit_test_setup(a_memory_behind_its_incarnation_is_gone_at_the_next_start, fresh),
        cmocka_unit_test_setup(only_the_newest_superseded_contents_are_kept, fresh),
        cmocka_unit_test_setup(answers_come_in_the_order_of_the_commits, fresh),
        cmocka_unit_test_setup(a_commit_that_fails_leaves_nothing_and_the_others_succeed, fresh),
        cmocka_unit_test_setup(what_was_not_dispatched_is_lost_in_a_crash, fresh),
        cmocka_unit_test_setup(the_writer_thread_answers_through_its_descriptor, fresh),
        cmocka_unit_test_setup(a_newer_schema_is_refused, fresh),
        cmocka_unit_test_setup(a_damaged_file_is_told_from_one_that_cannot_be_opened, fresh),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
