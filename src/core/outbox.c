#include "core/outbox.h"

#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "base/memory.h"
#include "davit/limits.h"
#include "protocol/trim.h"

/* Of a packet around topic, payload and correlation data: fixed header, lengths, packet id, properties. */
#define PACKET_OVERHEAD_BYTES 32

struct entry {
    char *topic;
    char *payload;
    bool retain;
    bool keyed;        /* in `topics` */
    bool answer;       /* to a requester */
    bool light;        /* QoS 0 */
    char *correlation; /* NULL: none */
    bool bound;        /* to this connection: a nonce is worth nothing after it */
    int64_t row;       /* 0: derived */
    int64_t sent_id;   /* 0: waits in `queue`; else in flight, in `flying` */
    bool replaced;     /* a newer payload came while it was in flight */
    bool held;         /* in `held` */
    struct entry *prev, *next;
    UT_hash_handle hh;
};

struct outbox {
    struct store *store;
    outbox_send send;
    void *ctx;
    outbox_listener *listener;
    void *listener_ctx;
    struct entry *topics;
    struct entry *queue;
    struct entry *flying;
    size_t flying_count;
    struct entry *held; /* what must arrive, and the broker refuses now: until it may be tried again */
    size_t held_count;
    size_t event_count;
    size_t light_count; /* that have no topic of their own */
    size_t answer_count, answer_bytes;
    uint64_t dropped;
    int64_t last_row;
    int64_t last_id;
    int64_t window; /* 0: not connected */
    size_t packet_limit; /* 0: none */
    struct json *denied; /* topics */
    int64_t *undeleted; /* rows that the disk did not let go */
    size_t undeleted_count;
};

/* What an answer holds of memory, nearly. */
static size_t bytes_of(const struct entry *entry)
{
    return sizeof(*entry) + strlen(entry->topic) + strlen(entry->payload) +
           (entry->correlation != NULL ? strlen(entry->correlation) : 0);
}

static void entry_free(struct outbox *outbox, struct entry *entry)
{
    if (entry->keyed)
        HASH_DEL(outbox->topics, entry);
    else if (entry->answer) {
        outbox->answer_count--;
        outbox->answer_bytes -= bytes_of(entry);
    } else if (entry->light)
        outbox->light_count--;
    else
        outbox->event_count--;
    free(entry->correlation);
    free(entry->topic);
    free(entry->payload);
    free(entry);
}

/* A row that is to go, on its way. */
struct deletion {
    struct outbox *outbox;
    int64_t row;
};

static void row_deleted(void *ctx, const struct error *err)
{
    struct deletion *deletion = ctx;
    struct outbox *outbox = deletion->outbox;
    if (err != NULL) {
        outbox->undeleted = mem_resize(outbox->undeleted, outbox->undeleted_count + 1, sizeof(int64_t));
        outbox->undeleted[outbox->undeleted_count++] = deletion->row;
    }
    free(deletion);
}

static void row_delete_by_id(struct outbox *outbox, int64_t row)
{
    struct deletion *deletion = mem_alloc(sizeof(*deletion));
    deletion->outbox = outbox;
    deletion->row = row;
    struct store_txn *txn = store_begin(outbox->store);
    store_delete_outbox(txn, row);
    store_commit(txn, row_deleted, deletion);
}

static void row_delete(struct outbox *outbox, struct entry *entry)
{
    if (entry->row == 0)
        return;
    row_delete_by_id(outbox, entry->row);
    entry->row = 0;
}

size_t outbox_undeleted(const struct outbox *outbox)
{
    return outbox->undeleted_count;
}

void outbox_delete_again(struct outbox *outbox)
{
    int64_t *rows = mem_steal(&outbox->undeleted);
    size_t count = outbox->undeleted_count;
    outbox->undeleted_count = 0;
    for (size_t i = 0; i < count; i++)
        row_delete_by_id(outbox, rows[i]);
    free(rows);
}

/* What is larger than the broker takes would end the connection, or never be said: something smaller is. NULL: it fits, or
 * cannot be made to (and davit-link says so). */
static char *trimmed(const struct outbox *outbox, const struct entry *entry)
{
    size_t around = PACKET_OVERHEAD_BYTES + strlen(entry->topic) + (entry->correlation != NULL ? strlen(entry->correlation) : 0);
    if (outbox->packet_limit == 0 || outbox->packet_limit <= around || strlen(entry->payload) <= outbox->packet_limit - around)
        return NULL;
    return trim_message(entry->payload, outbox->packet_limit - around);
}

static bool is_denied(const struct outbox *outbox, const char *topic)
{
    JSON_EACH(denied, outbox->denied) {
        size_t len = strlen(json_text(denied));
        if (strncmp(topic, json_text(denied), len) == 0 && (topic[len] == '/' || topic[len] == '\0'))
            return true;
    }
    return false;
}

/* An entry that is in no line. What is derived is told anew one day; a clear is not, and stays. */
static void leave_out(struct outbox *outbox, struct entry *entry)
{
    if (entry->row == 0) {
        entry_free(outbox, entry);
        return;
    }
    DL_APPEND(outbox->held, entry);
    entry->held = true;
    outbox->held_count++;
}

static void take_up(struct outbox *outbox, struct entry *entry)
{
    DL_DELETE(outbox->held, entry);
    entry->held = false;
    outbox->held_count--;
    DL_APPEND(outbox->queue, entry);
}

static void pump(struct outbox *outbox)
{
    while (outbox->queue != NULL && (int64_t)outbox->flying_count < outbox->window) {
        struct entry *entry = outbox->queue;
        DL_DELETE(outbox->queue, entry);
        if (is_denied(outbox, entry->topic)) {
            leave_out(outbox, entry);
            continue;
        }
        DL_APPEND(outbox->flying, entry);
        outbox->flying_count++;
        entry->sent_id = ++outbox->last_id;
        entry->replaced = false;
        struct json *head = json_new_texts("op", "publish", "topic", entry->topic, NULL);
        json_set_integer(head, "id", entry->sent_id);
        json_set_integer(head, "qos", entry->light ? 0 : 1);
        json_set_boolean(head, "retain", entry->retain);
        json_set_text(head, "correlation", entry->correlation);
        AUTO_FREE char *smaller = trimmed(outbox, entry);
        const char *payload = smaller != NULL ? smaller : entry->payload;
        outbox->send(outbox->ctx, head, payload, strlen(payload));
    }
}

static struct entry *entry_add(struct outbox *outbox, const char *topic, const char *payload, bool keyed)
{
    struct entry *entry = mem_alloc(sizeof(*entry));
    entry->topic = mem_strdup(topic);
    entry->payload = mem_strdup(payload);
    entry->keyed = keyed;
    entry->retain = keyed;
    if (keyed)
        HASH_ADD_KEYPTR(hh, outbox->topics, entry->topic, strlen(entry->topic), entry);
    else
        outbox->event_count++;
    return entry;
}

/* The topic's one entry with this payload, waiting, or marked to be sent again once it is back. */
static struct entry *keyed_put(struct outbox *outbox, const char *topic, const char *payload)
{
    struct entry *entry = NULL;
    HASH_FIND_STR(outbox->topics, topic, entry);
    if (entry == NULL) {
        entry = entry_add(outbox, topic, payload, true);
        DL_APPEND(outbox->queue, entry);
        return entry;
    }
    if (entry->held)
        take_up(outbox, entry);
    entry->light = false;
    free(entry->payload);
    entry->payload = mem_strdup(payload);
    entry->replaced = entry->sent_id != 0;
    return entry;
}

void outbox_listen(struct outbox *outbox, outbox_listener *listener, void *ctx)
{
    outbox->listener = listener;
    outbox->listener_ctx = ctx;
}

static void listener_tell(const struct outbox *outbox, const char *topic, const char *payload, bool retained)
{
    if (outbox->listener != NULL)
        outbox->listener(outbox->listener_ctx, topic, payload, retained);
}

void outbox_put(struct outbox *outbox, const char *topic, const char *payload)
{
    row_delete(outbox, keyed_put(outbox, topic, payload));
    listener_tell(outbox, topic, payload, true);
    pump(outbox);
}

void outbox_put_light(struct outbox *outbox, const char *topic, const char *payload)
{
    struct entry *entry = keyed_put(outbox, topic, payload);
    row_delete(outbox, entry);
    entry->light = true;
    pump(outbox);
}

void outbox_say_light(struct outbox *outbox, const char *topic, const char *payload)
{
    struct entry *entry = entry_add(outbox, topic, payload, false);
    outbox->event_count--;
    entry->light = true;
    outbox->light_count++;
    DL_APPEND(outbox->queue, entry);
    pump(outbox);
}

size_t outbox_light_waiting(const struct outbox *outbox)
{
    return outbox->light_count;
}

void outbox_clear(struct outbox *outbox, struct store_txn *txn, const char *topic)
{
    struct entry *entry = keyed_put(outbox, topic, "");
    if (entry->row == 0)
        entry->row = ++outbox->last_row;
    store_put_outbox(txn, &(struct outbox_row){ .id = entry->row, .topic = topic, .payload = "", .retain = true });
    listener_tell(outbox, topic, "", true);
    pump(outbox);
}

static void drop_oldest_event(struct outbox *outbox)
{
    struct entry *entry;
    DL_FOREACH(outbox->queue, entry)
    {
        if (entry->keyed || entry->answer || entry->light || entry->bound)
            continue;
        DL_DELETE(outbox->queue, entry);
        entry_free(outbox, entry);
        outbox->dropped++;
        return;
    }
}

void outbox_event(struct outbox *outbox, const char *topic, const char *payload)
{
    if (outbox->event_count >= LIMIT_EVENTS)
        drop_oldest_event(outbox);
    struct entry *entry = entry_add(outbox, topic, payload, false);
    DL_APPEND(outbox->queue, entry);
    listener_tell(outbox, topic, payload, false);
    pump(outbox);
}

void outbox_answer(struct outbox *outbox, const char *topic, const char *payload, const char *correlation)
{
    struct entry *entry = entry_add(outbox, topic, payload, false);
    outbox->event_count--;
    entry->answer = true;
    entry->correlation = mem_strdup(correlation);
    outbox->answer_count++;
    outbox->answer_bytes += bytes_of(entry);
    DL_APPEND(outbox->queue, entry);
    pump(outbox);
}

bool outbox_is_full(const struct outbox *outbox)
{
    return outbox->answer_count >= LIMIT_ANSWERS || outbox->answer_bytes >= LIMIT_ANSWERS_BYTES;
}

bool outbox_is_overfull(const struct outbox *outbox)
{
    return outbox->answer_count >= LIMIT_REFUSALS || outbox->answer_bytes >= LIMIT_REFUSALS_BYTES;
}

void outbox_first(struct outbox *outbox, const char *topic, const char *payload)
{
    struct entry *entry = entry_add(outbox, topic, payload, false);
    entry->bound = true;
    DL_PREPEND(outbox->queue, entry);
    pump(outbox);
}

void outbox_connected(struct outbox *outbox, int64_t receive_maximum, size_t packet_limit)
{
    outbox->packet_limit = packet_limit;
    outbox->window = receive_maximum > 0 && receive_maximum < LIMIT_INFLIGHT ? receive_maximum : LIMIT_INFLIGHT;
    while (outbox->held != NULL)
        take_up(outbox, outbox->held);
    pump(outbox);
}

void outbox_disconnected(struct outbox *outbox)
{
    outbox->window = 0;
    outbox->flying_count = 0;
    while (outbox->flying != NULL) {
        struct entry *entry = outbox->flying->prev; /* the last one: the order stays */
        DL_DELETE(outbox->flying, entry);
        entry->sent_id = 0;
        DL_PREPEND(outbox->queue, entry);
    }
    struct entry *entry, *next;
    DL_FOREACH_SAFE(outbox->queue, entry, next)
    {
        if (!entry->bound)
            continue;
        DL_DELETE(outbox->queue, entry);
        entry_free(outbox, entry);
    }
}

void outbox_published(struct outbox *outbox, int64_t id, bool ok)
{
    struct entry *entry;
    DL_SEARCH_SCALAR(outbox->flying, entry, sent_id, id);
    /* What was lost keeps its place until the connection is known to be gone: sent now, it would be lost again. */
    if (entry == NULL || !ok)
        return;
    DL_DELETE(outbox->flying, entry);
    outbox->flying_count--;
    entry->sent_id = 0;
    if (entry->replaced) {
        DL_APPEND(outbox->queue, entry);
    } else {
        row_delete(outbox, entry);
        entry_free(outbox, entry);
    }
    pump(outbox);
}

void outbox_refused(struct outbox *outbox, int64_t id)
{
    struct entry *entry;
    DL_SEARCH_SCALAR(outbox->flying, entry, sent_id, id);
    if (entry == NULL || entry->replaced || entry->row == 0) {
        outbox_published(outbox, id, true);
        return;
    }
    DL_DELETE(outbox->flying, entry);
    outbox->flying_count--;
    entry->sent_id = 0;
    leave_out(outbox, entry);
    pump(outbox);
}

const char *outbox_topic(const struct outbox *outbox, int64_t id)
{
    struct entry *entry;
    DL_SEARCH_SCALAR(outbox->flying, entry, sent_id, id);
    return entry != NULL ? entry->topic : NULL;
}

const char *outbox_flying_alone(const struct outbox *outbox)
{
    return outbox->flying_count == 1 && !outbox->flying->bound ? outbox->flying->topic : NULL;
}

size_t outbox_flying(const struct outbox *outbox)
{
    return outbox->flying_count;
}

void outbox_deny(struct outbox *outbox, const char *topic)
{
    if (!is_denied(outbox, topic))
        json_add_text(outbox->denied, topic);
}

void outbox_allow(struct outbox *outbox)
{
    json_free(outbox->denied);
    outbox->denied = json_new_array();
    while (outbox->held != NULL)
        take_up(outbox, outbox->held);
    pump(outbox);
}

size_t outbox_waiting(const struct outbox *outbox)
{
    return HASH_COUNT(outbox->topics) + outbox->event_count + outbox->answer_count +
           outbox->light_count - outbox->held_count;
}

uint64_t outbox_dropped(const struct outbox *outbox)
{
    return outbox->dropped;
}

static void load_row(void *ctx, const struct outbox_row *row)
{
    struct outbox *outbox = ctx;
    struct entry *entry = keyed_put(outbox, row->topic, row->payload);
    entry->row = row->id;
    if (row->id > outbox->last_row)
        outbox->last_row = row->id;
}

struct outbox *outbox_new(struct store *store, outbox_send send, void *ctx, struct error *err)
{
    struct outbox *outbox = mem_alloc(sizeof(*outbox));
    outbox->store = store;
    outbox->send = send;
    outbox->ctx = ctx;
    outbox->denied = json_new_array();
    if (store_each_outbox(store, load_row, outbox, err))
        return outbox;
    outbox_free(outbox);
    return NULL;
}

void outbox_free(struct outbox *outbox)
{
    if (outbox == NULL)
        return;
    outbox_disconnected(outbox);
    while (outbox->held != NULL)
        take_up(outbox, outbox->held);
    while (outbox->queue != NULL) {
        struct entry *entry = outbox->queue;
        DL_DELETE(outbox->queue, entry);
        entry_free(outbox, entry);
    }
    free(outbox->undeleted);
    json_free(outbox->denied);
    free(outbox);
}
