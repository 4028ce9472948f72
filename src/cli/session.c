#include "config.h"

#include "cli/session.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "cli/control.h"
#include "cli/link.h"
#include "davit/limits.h"
#include "wire/frame.h"

#define CONNECT_MS 10000
#define PUBLISH_MS 15000
/* Without a nonce of its own a client judges the flood to be over after so long a silence. */
#define QUIET_MS 1000
#define RECEIVE_BYTES 65536

struct session {
    const struct options *options; /* the caller's */
    const char *broker;
    struct json *subscribe; /* the caller's topics */
    session_handler *handler;
    void *ctx;
    struct link link;
    struct frame_reader *reader;
    char id[SESSION_ID_BYTES];
    char *sync_topic;
    int64_t last_id; /* of a publication */
    struct {
        int64_t id;
        char *topic; /* NULL: nobody is told of its refusal */
    } under_way[LIMIT_INFLIGHT]; /* what is published, and not acknowledged; id 0: a free place */
    size_t under_way_count, window; /* how many there may be */
    bool has_room;        /* fewer are under way than that */
    bool is_settled;      /* none is */
    struct error refused; /* the first of them */
    int64_t answered_id;
    bool answer_ok;
    char answer_reason[ERROR_MESSAGE_BYTES];
    bool connected;
    bool synced;
    bool sync_refused;
    bool answered;
    size_t packet_limit;
    int64_t version; /* of MQTT: 5, or 4 (3.1.1) */
    uint64_t received; /* messages */
    struct error down; /* set when the link or the broker is gone */
};

void session_random_id(char out[SESSION_ID_BYTES])
{
    uint64_t number = 0;
    if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
        number = clock_boot_ms() ^ (uint64_t)getpid() << 32;
    (void)snprintf(out, SESSION_ID_BYTES, "%016llx", (unsigned long long)number);
}

static bool send_head(struct session *session, struct json *head_taken, const void *body, size_t len, struct error *err)
{
    bool sent = frame_send(session->link.fd, head_taken, body, len, NULL, 0, err);
    json_free(head_taken);
    return sent || error_wrap(err, "davit-link");
}

static void on_connected(struct session *session, const struct frame *frame)
{
    session->connected = true;
    session->packet_limit = (size_t)json_get_integer(frame->head, "maximumPacketSize", 0);
    session->version = json_get_integer(frame->head, "version", 5);
    int64_t most = json_get_integer(frame->head, "receiveMaximum", LIMIT_INFLIGHT);
    session->window = most > 0 && most < LIMIT_INFLIGHT ? (size_t)most : LIMIT_INFLIGHT;
}

static void on_disconnected(struct session *session, const struct frame *frame)
{
    const char *reason = json_get_text(frame->head, "reason");
    reason = reason != NULL ? reason : "the broker closed the connection";
    /* With a code the broker did answer, and the reason says what to do. */
    const char *help = json_get_integer(frame->head, "code", 0) == 0
                           ? ". Is the broker running? Set --broker or DAVIT_BROKER."
                           : "";
    if (session->connected)
        (void)error_set(&session->down, ERROR_UNAVAILABLE, "lost the connection to %s: %s. Try again.", session->broker,
                        reason);
    else
        (void)error_set(&session->down, ERROR_UNAVAILABLE, "cannot reach %s: %s%s", session->broker, reason, help);
}

static bool may_be_refused(const struct session *session, const char *topic)
{
    JSON_EACH(item, session->subscribe)
        if (strcmp(json_get_text(item, "topic"), topic) == 0)
            return json_get_boolean(item, "optional", false);
    return false;
}

static void on_refused(struct session *session, const struct frame *frame)
{
    const char *topic = json_get_text(frame->head, "topic");
    const char *reason = json_get_text(frame->head, "reason");
    if (topic != NULL && strcmp(topic, session->sync_topic) == 0)
        session->sync_refused = true;
    else if (topic != NULL && may_be_refused(session, topic))
        return;
    else if (reason != NULL) /* davitd's, by its control socket */
        (void)error_set(&session->down, ERROR_UNAVAILABLE, "%s: %s: %s", session->broker, topic != NULL ? topic : "a topic", reason);
    else
        (void)error_set(&session->down, ERROR_DENIED,
                        "%s does not let this user read %s (code %lld). Ask for that right, or set --username.",
                        session->broker, topic != NULL ? topic : "a topic",
                        (long long)json_get_integer(frame->head, "code", 0));
}

static void on_message(struct session *session, const struct frame *frame)
{
    const struct session_message message = {
        .topic = json_get_text(frame->head, "topic"),
        .payload = frame->body != NULL ? frame->body : "",
        .len = frame->body_len,
        .retained = json_get_boolean(frame->head, "retain", false),
    };
    if (message.topic == NULL)
        return;
    session->received++;
    if (strcmp(message.topic, session->sync_topic) == 0)
        session->synced = session->synced || strcmp(message.payload, session->id) == 0;
    else
        session->handler(session->ctx, &message);
}

static bool refusal_set(const struct session *session, const char *topic, struct error *err)
{
    return error_set(err, ERROR_DENIED, "%s refused %s: %s%s", session->broker, topic, session->answer_reason,
                     session->options->by_control ? "" : ". Has this user the right to write it?");
}

static void on_published(struct session *session, const struct frame *frame)
{
    const char *reason = json_get_text(frame->head, "reason");
    session->answered_id = json_get_integer(frame->head, "id", -1);
    session->answer_ok = json_get_boolean(frame->head, "ok", false);
    session->answered = session->answered_id == session->last_id;
    (void)snprintf(session->answer_reason, sizeof(session->answer_reason), "%s", reason != NULL ? reason : "no reason");
    for (size_t i = 0; i < LIMIT_INFLIGHT; i++) {
        if (session->under_way[i].id == 0 || session->under_way[i].id != session->answered_id)
            continue;
        if (!session->answer_ok && session->under_way[i].topic != NULL && session->refused.code == ERROR_NONE)
            (void)refusal_set(session, session->under_way[i].topic, &session->refused);
        free(mem_steal(&session->under_way[i].topic));
        session->under_way[i].id = 0;
        session->under_way_count--;
        session->has_room = true;
        session->is_settled = session->under_way_count == 0;
    }
}

static const struct {
    const char *op;
    void (*handle)(struct session *session, const struct frame *frame);
} OPS[] = {
    {"message", on_message},          {"published", on_published},         {"connected", on_connected},
    {"disconnected", on_disconnected}, {"refused-subscription", on_refused},
};

static void dispatch(struct session *session, const struct frame *frame)
{
    const char *op = json_get_text(frame->head, "op");
    for (size_t i = 0; op != NULL && i < sizeof(OPS) / sizeof(OPS[0]); i++)
        if (strcmp(OPS[i].op, op) == 0) {
            OPS[i].handle(session, frame);
            return;
        }
}

/* Everything that is whole already. */
static bool dispatch_received(struct session *session, struct error *err)
{
    struct frame frame = {0};
    while (session->down.code == ERROR_NONE && frame_reader_next(session->reader, &frame, err)) {
        dispatch(session, &frame);
        frame_free(&frame);
    }
    if (session->down.code != ERROR_NONE)
        *err = session->down;
    return err->code == ERROR_NONE || err->code == ERROR_TIMEOUT;
}

static bool receive_now(struct session *session, struct error *err)
{
    char bytes[RECEIVE_BYTES];
    ssize_t len = recv(session->link.fd, bytes, sizeof(bytes), 0);
    if (len < 0 && errno == EINTR)
        return true;
    if (len <= 0)
        return error_set(err, ERROR_UNAVAILABLE, "davit-link ended before the broker answered: %s",
                         len < 0 ? strerror(errno) : "what it wrote, if anything, stands above");
    return frame_reader_feed(session->reader, bytes, (size_t)len, NULL, 0, err);
}

/* Waits for bytes until boot time `until_ms` and gives them to the reader. */
static bool receive(struct session *session, uint64_t until_ms, struct error *err)
{
    uint64_t now_ms = clock_boot_ms();
    struct pollfd poll_fd = {.fd = session->link.fd, .events = POLLIN};
    uint64_t left_ms = until_ms > now_ms ? until_ms - now_ms : 0;
    int ready = poll(&poll_fd, 1, left_ms > 60000 ? 60000 : (int)left_ms);
    if (ready < 0 && errno != EINTR)
        return error_set_errno(err, errno, "poll");
    if (ready <= 0)
        return left_ms > 0 || error_set(err, ERROR_TIMEOUT, "%s: no answer in time", session->broker);
    return receive_now(session, err);
}

bool session_turn(struct session *session, int fd, bool *readable, const bool *done, uint64_t wait_ms, struct error *err)
{
    struct pollfd fds[] = {{.fd = session->link.fd, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    *err = (struct error){0};
    if (!dispatch_received(session, err))
        return false;
    if (poll(fds, 2, *done ? 0 : (int)wait_ms) < 0)
        return errno == EINTR || error_set_errno(err, errno, "poll");
    *readable = fds[1].revents != 0;
    return (fds[0].revents == 0 || receive_now(session, err)) && dispatch_received(session, err);
}

bool session_until(struct session *session, const bool *done, uint64_t wait_ms, struct error *err)
{
    uint64_t now_ms = clock_boot_ms();
    uint64_t until_ms = wait_ms > UINT64_MAX - now_ms ? UINT64_MAX : now_ms + wait_ms;
    for (;;) {
        *err = (struct error){0};
        if (!dispatch_received(session, err))
            return false;
        if (*done)
            return true;
        if (!receive(session, until_ms, err))
            return false;
    }
}

bool session_watch(struct session *session, struct error *err)
{
    const bool never = false;
    return session_until(session, &never, UINT64_MAX, err);
}

/* QoS 0: what a lost connection loses ends a clean session anyway, and Mosquitto 2.0.11 cuts a retained flood of QoS 1
 * at max_queued_messages, one of QoS 0 not.
 */
static void add_topic(struct json *list, const char *topic)
{
    struct json *item = json_add_object(list);
    bool optional = topic[0] == '?';
    json_set_text(item, "topic", topic + (optional ? 1 : 0));
    json_set_integer(item, "qos", 0);
    if (optional) /* for may_be_refused; a link does not know the word */
        json_set_boolean(item, "optional", true);
}

static struct json *connect_head(const struct session *session, bool with_sync)
{
    AUTO_FREE char *client_id = mem_printf("davit-cli-%s", session->id);
    struct json *head = json_new_texts("op", "connect", "url", session->broker, "clientId", client_id, NULL);
    struct json *list = json_copy(session->subscribe);
    json_set_boolean(head, "cleanStart", true);
    json_set_integer(head, "sessionExpiry", 0);
    json_set_integer(head, "keepalive", 60);
    json_set_boolean(head, "reconnect", false);
    json_set_text(head, "username", session->options->username);
    json_set_text(head, "proxy", session->options->proxy);
    json_set_text(head, "proxyUsername", session->options->proxy_username);
    if (with_sync)
        add_topic(list, session->sync_topic);
    json_set(head, "subscribe", list);
    return head;
}

static bool session_connect(struct session *session, bool with_sync, struct error *err)
{
    AUTO_JSON struct json *head = connect_head(session, with_sync);
    session->reader = frame_reader_new();
    if (session->options->by_control) {
        if (control_connect(session->options->control, &session->link.fd, err) &&
            send_head(session, mem_steal(&head), NULL, 0, err) && session_until(session, &session->connected, CONNECT_MS, err))
            return true;
        return error_wrap(err, "davitd at %s", session->options->control);
    }
    if (!link_start(&session->link, err) || !link_send_connect(&session->link, head, session->options, err)) {
        session->down = *err; /* so the link's complaint about it is not shown too */
        return false;
    }
    if (session_until(session, &session->connected, CONNECT_MS, err))
        return true;
    if (err->code == ERROR_TIMEOUT)
        (void)error_set(err, ERROR_UNAVAILABLE,
                        "cannot reach %s: no answer within %d s. Is the broker running? Set --broker or DAVIT_BROKER.",
                        session->broker, CONNECT_MS / 1000);
    return false;
}

static void session_disconnect(struct session *session)
{
    struct error ignored = {0};
    if (session->connected && session->down.code == ERROR_NONE)
        (void)send_head(session, json_new_texts("op", "disconnect", NULL), NULL, 0, &ignored);
    link_stop(&session->link, session->down.code != ERROR_NONE);
    frame_reader_free(session->reader);
    session->reader = NULL;
    session->connected = false;
    session->down = (struct error){0};
}

struct session *session_open(const struct options *options, const char *const *topics, size_t topic_count,
                             session_handler *handler, void *ctx, struct error *err)
{
    struct session *session = mem_alloc(sizeof(*session));
    session->options = options;
    session->broker = options->by_control ? options->control : options->broker;
    session->handler = handler;
    session->ctx = ctx;
    session->link = (struct link){.fd = -1, .log_fd = -1};
    session->subscribe = json_new_array();
    for (size_t i = 0; i < topic_count; i++)
        add_topic(session->subscribe, topics[i]);
    session_random_id(session->id);
    session->sync_topic = mem_printf("%s/clients/davit-cli-%s/sync", options->root, session->id);
    if (session_connect(session, true, err))
        return session;
    session_close(session);
    return NULL;
}

static struct json *publish_head(struct session *session, const char *topic, bool retain)
{
    struct json *head = json_new_texts("op", "publish", "topic", topic, NULL);
    json_set_integer(head, "id", ++session->last_id);
    json_set_integer(head, "qos", 1);
    json_set_boolean(head, "retain", retain);
    session->answered = false;
    return head;
}

/* One publication, and the broker's answer in session->answer_…. */
static bool publish(struct session *session, const char *topic, bool retain, const char *payload, size_t len,
                    struct error *err)
{
    return send_head(session, publish_head(session, topic, retain), payload, len, err) &&
           session_until(session, &session->answered, PUBLISH_MS, err);
}

bool session_publish(struct session *session, const char *topic, const char *payload, size_t len, struct error *err)
{
    if (!publish(session, topic, true, payload, len, err))
        return error_wrap(err, "cannot publish %s", topic);
    if (session->answer_ok)
        return true;
    return refusal_set(session, topic, err);
}

/* Paho 1.3.12 holds back what is over the broker's receive-maximum, and may look for room again only a second later. */
static bool await_room(struct session *session, const char *topic, struct error *err)
{
    session->has_room = session->under_way_count < session->window;
    return session_until(session, &session->has_room, PUBLISH_MS, err) || error_wrap(err, "cannot publish %s", topic);
}

/* `told`: whose refusal is session_flush's error; NULL: nobody's. */
static void note_under_way(struct session *session, const char *told)
{
    size_t i = 0;
    while (session->under_way[i].id != 0)
        i++;
    session->under_way[i].id = session->last_id;
    session->under_way[i].topic = told != NULL ? mem_strdup(told) : NULL;
    session->under_way_count++;
}

bool session_publish_soon(struct session *session, const char *topic, const char *payload, size_t len, struct error *err)
{
    if (!await_room(session, topic, err))
        return false;
    struct json *head = publish_head(session, topic, true);
    note_under_way(session, topic);
    return send_head(session, head, payload, len, err);
}

bool session_flush(struct session *session, struct error *err)
{
    session->is_settled = session->under_way_count == 0;
    if (!session_until(session, &session->is_settled, PUBLISH_MS, err))
        return error_wrap(err, "what was published is not acknowledged");
    if (session->refused.code != ERROR_NONE)
        *err = session->refused;
    return session->refused.code == ERROR_NONE;
}

bool session_request(struct session *session, const char *topic, const char *payload, size_t len, int64_t expiry_s,
                     struct error *err)
{
    if (!await_room(session, topic, err))
        return false;
    struct json *head = publish_head(session, topic, false);
    json_set_integer(head, "expiry", expiry_s);
    note_under_way(session, NULL);
    return send_head(session, head, payload, len, err);
}

int64_t session_version(const struct session *session)
{
    return session->version;
}

/* Where this user may not use a sync topic: on a new connection, for Mosquitto 2.0.11 drops the one that wrote where it
 * may not, until nothing has come for a while.
 */
static bool sync_by_silence(struct session *session, struct error *err)
{
    const bool never = false;
    uint64_t before;
    session_disconnect(session);
    if (!session_connect(session, false, err))
        return false;
    (void)fprintf(stderr, "davit: this user has no right to %s, so the end of the list is only guessed\n",
                  session->sync_topic);
    do {
        before = session->received;
        if (!session_until(session, &never, QUIET_MS, err) && err->code != ERROR_TIMEOUT)
            return false;
    } while (session->received != before);
    *err = (struct error){0};
    return true;
}

bool session_sync(struct session *session, struct error *err)
{
    bool is_answered =
        !session->sync_refused && publish(session, session->sync_topic, false, session->id, strlen(session->id), err);
    if (!is_answered || !session->answer_ok)
        return sync_by_silence(session, err);
    if (session_until(session, &session->synced, LIMIT_SYNC_MS, err))
        return true;
    if (err->code != ERROR_TIMEOUT)
        return false;
    *err = (struct error){0};
    (void)fprintf(stderr,
                  "davit: what was published to %s did not come back within %d s: the list may be cut. Has this user "
                  "the right to read it?\n",
                  session->sync_topic, LIMIT_SYNC_MS / 1000);
    return true;
}

size_t session_packet_limit(const struct session *session)
{
    return session->packet_limit;
}

void session_close(struct session *session)
{
    if (session == NULL)
        return;
    session_disconnect(session);
    for (size_t i = 0; i < LIMIT_INFLIGHT; i++)
        free(session->under_way[i].topic);
    json_free(session->subscribe);
    free(session->sync_topic);
    free(session);
}

void session_close_at(struct session **session)
{
    session_close(*session);
    *session = NULL;
}
