#include "core/request_record.h"

#include <string.h>

#include "base/log.h"
#include "base/memory.h"

#define AGAIN_MS 120000u /* what was answered so shortly before the end of a davitd is said again by the next */

struct request_record {
    char *key;
    uint64_t ms; /* wall */
    uint64_t boot_ms, age_before_ms; /* when it came into this davitd, and how old it was then */
    char *answer; /* NULL: it is being carried out */
    char *reply, *correlation; /* for request_records_announce; NULL: there is nothing to say */
    UT_hash_handle hh;
};

static void record_free(struct core *core, struct request_record *record)
{
    HASH_DEL(core->requests.known, record);
    free(record->key);
    free(record->answer);
    free(record->reply);
    free(record->correlation);
    free(record);
}

static struct request_record *find(const struct core *core, const char *key)
{
    struct request_record *record = NULL;
    HASH_FIND_STR(core->requests.known, key, record);
    return record;
}

static struct request_record *record_new(struct core *core, const char *key, uint64_t ms)
{
    struct request_record *record = mem_alloc(sizeof(*record));
    record->key = mem_strdup(key);
    record->ms = ms;
    record->boot_ms = core_boot_ms(core);
    HASH_ADD_KEYPTR(hh, core->requests.known, record->key, strlen(record->key), record);
    return record;
}

static bool is_of(const struct request_record *record, const char *key)
{
    size_t len = strcspn(key, "/") + 1;
    return strncmp(record->key, key, len) == 0;
}

/* The oldest, of that requester or of all, that is answered. */
static struct request_record *oldest(const struct core *core, const char *of)
{
    for (struct request_record *record = core->requests.known; record != NULL; record = record->hh.next)
        if (record->answer != NULL && (of == NULL || is_of(record, of)))
            return record;
    return NULL;
}

static uint64_t age_of(const struct core *core, const struct request_record *record)
{
    return core_boot_ms(core) - record->boot_ms + record->age_before_ms;
}

/* Makes room for one more of `key`'s requester, and drops what is too old. */
static void make_room(struct core *core, const char *key, struct store_txn *txn)
{
    const uint64_t age_ms = (uint64_t)LIMIT_REQUESTS_KNOWN_DAYS * 24 * 3600 * 1000;
    size_t own = 0;
    for (struct request_record *record = core->requests.known; record != NULL; record = record->hh.next)
        own += is_of(record, key);
    for (;;) {
        struct request_record *record = oldest(core, own >= LIMIT_REQUESTS_KNOWN_EACH ? key : NULL);
        bool full = own >= LIMIT_REQUESTS_KNOWN_EACH || HASH_COUNT(core->requests.known) >= LIMIT_REQUESTS_KNOWN;
        if (record == NULL || (!full && age_of(core, record) < age_ms))
            return;
        own -= is_of(record, key);
        store_delete_request(txn, record->key);
        record_free(core, record);
    }
}

/* A row on its way. */
struct saving {
    struct core *core;
    int64_t serial;
    char *key;
    char *answer, *reply, *correlation; /* answer NULL: it begins */
};

static struct saving *saving_new(struct core *core, const struct request_call *call)
{
    struct saving *saving = mem_alloc(sizeof(*saving));
    saving->core = core;
    saving->serial = call->serial;
    saving->key = mem_strdup(call->key);
    return saving;
}

static void saving_free(struct saving *saving)
{
    free(saving->key);
    free(saving->answer);
    free(saving->reply);
    free(saving->correlation);
    free(saving);
}

static void begun(void *ctx, const struct error *err)
{
    struct saving *saving = ctx;
    struct request_record *record = find(saving->core, saving->key);
    if (err != NULL && record != NULL && record->answer == NULL)
        record_free(saving->core, record);
    requests_begun(saving->core, saving->serial, err);
    saving_free(saving);
}

static void put(struct store_txn *txn, const struct request_call *call, uint64_t ms, bool done, const char *answer)
{
    struct request_row row = { .key = call->key, .begun_ms = ms, .reply = call->reply,
                               .correlation = call->correlation, .done = done, .answer = answer };
    store_put_request(txn, &row);
}

void request_record_begin(struct core *core, const struct request_call *call)
{
    AUTO_JSON struct json *never = request_failure(call->args, "Interrupted",
                                                   "davitd ended while it was carried out: look at what is there now");
    AUTO_FREE char *text = json_print(never);
    struct store_txn *txn = store_begin(core->store);
    make_room(core, call->key, txn);
    record_new(core, call->key, core_wall_ms(core));
    put(txn, call, core_wall_ms(core), false, text);
    store_commit(txn, begun, saving_new(core, call));
}

/* Of a long answer how it ended. */
static char *kept(const struct json *answer)
{
    char *text = json_print(answer);
    if (strlen(text) <= LIMIT_REQUEST_ANSWER_BYTES)
        return text;
    free(text);
    AUTO_JSON struct json *part = json_copy(answer);
    static const char *const bulky[] = { "stdout", "stdoutBase64", "stderr", "stderrBase64", "text", "base64", "status" };
    for (size_t i = 0; i < sizeof(bulky) / sizeof(bulky[0]); i++)
        json_remove(part, bulky[i]);
    json_set_boolean(part, "truncated", true);
    return json_print(part);
}

static void answered(void *ctx, const struct error *err)
{
    struct saving *saving = ctx;
    if (err != NULL)
        core_store_failed(saving->core, err); /* told all the same; a repetition after a restart is Interrupted */
    outbox_answer(saving->core->outbox, saving->reply, saving->answer, saving->correlation);
    saving_free(saving);
}

void request_record_answer(struct core *core, const struct request_call *call, const struct json *answer)
{
    struct request_record *record = find(core, call->key);
    AUTO_FREE char *text = kept(answer);
    struct saving *saving = saving_new(core, call);
    saving->answer = json_print(answer);
    saving->reply = mem_strdup(call->reply);
    saving->correlation = mem_strdup(call->correlation);
    struct store_txn *txn = store_begin(core->store);
    put(txn, call, record != NULL ? record->ms : core_wall_ms(core), true, text);
    if (record != NULL) {
        free(record->answer);
        record->answer = mem_steal(&text);
    }
    store_commit(txn, answered, saving);
}

const struct request_record *request_record_find(const struct core *core, const char *key)
{
    const struct request_record *record = key[0] != '\0' ? find(core, key) : NULL;
    return record != NULL && record->answer != NULL ? record : NULL;
}

void request_record_repeat(struct core *core, const struct request_record *record, const char *reply,
                           const char *correlation)
{
    log_info("%s came again: it is answered from memory", record->key);
    outbox_answer(core->outbox, reply, record->answer, correlation);
}

void request_records_announce(struct core *core)
{
    for (struct request_record *record = core->requests.known; record != NULL; record = record->hh.next) {
        if (record->reply != NULL)
            outbox_answer(core->outbox, record->reply, record->answer, record->correlation);
        free(mem_steal(&record->reply));
        free(mem_steal(&record->correlation));
    }
}

/* One that was begun and never answered is answered now, in memory alone: its row says the same to the next davitd. */
static void load(void *ctx, const struct request_row *row)
{
    struct core *core = ctx;
    uint64_t now = core_wall_ms(core);
    struct request_record *record = record_new(core, row->key, row->begun_ms);
    record->answer = mem_strdup(row->answer);
    record->age_before_ms = core_age_ms(core, row->begun_ms);
    if (row->done && now > row->begun_ms + AGAIN_MS)
        return;
    record->reply = mem_strdup(row->reply);
    record->correlation = row->correlation[0] != '\0' ? mem_strdup(row->correlation) : NULL;
}

bool request_records_load(struct core *core, struct error *err)
{
    return store_each_request(core->store, load, core, err);
}

size_t request_records_count(const struct core *core)
{
    return HASH_COUNT(core->requests.known);
}

void request_records_free(struct core *core)
{
    while (core->requests.known != NULL)
        record_free(core, core->requests.known);
}
