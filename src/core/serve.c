#include "core/serve.h"

#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "core/request_verbs.h"
#include "davit/limits.h"

#define LOOK_MS 500u   /* at the clocks of a stream */
#define AGAIN_MS 1000u /* a requester may ask as often as it likes */

static uint64_t timeout_of(const struct served *served)
{
    return (uint64_t)served->daemon->config->stream_timeout_s * 1000;
}

static void maybe_free(struct served *served)
{
    if (served->holding > 0 || !served->stopped || served->timer != NULL)
        return;
    DL_DELETE(served->daemon->served, served);
    served->kind->drop(served);
    chunks_free(&served->chunks);
    json_free(served->args);
    free(served->reply);
    free(served->correlation);
    free(served);
}

void served_hold(struct served *served)
{
    served->holding++;
}

void served_release(struct served *served)
{
    served->holding--;
    maybe_free(served);
}

void served_open(struct served *served, uv_handle_t *handle)
{
    handle->data = served;
    served_hold(served);
}

static void on_closed(uv_handle_t *handle)
{
    struct served *served = handle->data;
    free(handle);
    served_release(served);
}

void served_close(uv_handle_t *handle)
{
    if (handle != NULL && !uv_is_closing(handle))
        uv_close(handle, on_closed);
}

bool served_has_room(const struct served *served)
{
    return !served->stopped && chunks_has_room(&served->chunks) && !outbox_is_full(served->daemon->core->outbox);
}

static void publish(void *ctx, const char *text)
{
    const struct served *served = ctx;
    outbox_answer(served->daemon->core->outbox, served->reply, text, served->correlation);
}

static void add_chunk(struct served *served, const struct json *json)
{
    char *text = json_print(json);
    publish(served, text);
    chunks_add(&served->chunks, text, clock_boot_ms());
}

static void number(const struct served *served, struct json *json)
{
    const struct json *id = json_get(served->args, "id");
    if (id != NULL)
        json_set(json, "id", json_copy(id));
    json_set_integer(json, "seq", served->chunks.last_seq + 1);
    if (served->kind->input != NULL)
        json_set_integer(json, "input", served->chunks.input);
}

void served_say(struct served *served, const char *stream, const char *data, size_t len)
{
    AUTO_JSON struct json *json = json_new_object();
    number(served, json);
    if (len > 0) {
        json_set_text(json, "stream", stream);
        request_put_bytes(json, "text", "base64", data, len);
    }
    add_chunk(served, json);
}

void served_tell(struct served *served, const struct json *fields)
{
    AUTO_JSON struct json *json = json_new_object();
    number(served, json);
    JSON_EACH(field, fields)
        json_set(json, json_key(field), json_copy(field));
    add_chunk(served, json);
}

static void stop(struct served *served)
{
    served->stopped = true;
    served->kind->stop(served);
}

static void drop_timer(struct served *served)
{
    uv_timer_t *timer = mem_steal(&served->timer);
    served_close((uv_handle_t *)timer);
}

void served_end(struct served *served, struct json *result_taken)
{
    AUTO_JSON struct json *result = result_taken;
    struct core *core = served->daemon->core;
    if (served->stopped)
        return;
    stop(served);
    if (!served->stream) {
        const struct json *id = json_get(served->args, "id");
        if (id != NULL)
            json_set(result, "id", json_copy(id));
        requests_answer(core, served->serial, mem_steal(&result));
        maybe_free(served);
        return;
    }
    /* The last chunk waits for its acknowledgement too: it may have to be said again. */
    number(served, result);
    json_set_boolean(result, "last", true);
    chunks_add(&served->chunks, json_print(result), clock_boot_ms());
    requests_answer(core, served->serial, mem_steal(&result));
}

void served_fail(struct served *served, const char *reason, const char *message)
{
    struct json *result = json_new_texts("reason", reason, "message", message, NULL);
    json_set_boolean(result, "ok", false);
    served_end(served, result);
}

struct json *served_choice(const struct served *served)
{
    const char *pod = json_get_text(served->args, "pod");
    struct json *choice = json_new_object();
    json_set_text(choice, "namespace", json_get_text(served->args, "namespace"));
    json_set_text(choice, "pod", pod != NULL ? pod : json_get_text(served->args, "object"));
    json_set_text(choice, "container", json_get_text(served->args, "container"));
    return choice;
}

/* Chunks wait for the broker in line; what is asked for too early, or when the line is full, is said at a later look. */
static void say_again(struct served *served)
{
    uint64_t now = clock_boot_ms();
    if (!served->again || now < served->again_ms + AGAIN_MS || outbox_is_full(served->daemon->core->outbox))
        return;
    served->again = false;
    served->again_ms = now;
    chunks_each(&served->chunks, publish, served);
}

static void on_look(uv_timer_t *timer)
{
    struct served *served = timer->data;
    struct daemon *daemon = served->daemon;
    uint64_t now = clock_boot_ms(), timeout = timeout_of(served);
    say_again(served);
    if (chunks_is_lost(&served->chunks, now, timeout)) {
        if (!served->stopped)
            log_info("stream %s: no acknowledgement for %llu s: it is ended", served->key,
                     (unsigned long long)(timeout / 1000));
        served_fail(served, "NoAcknowledgement", "the requester has acknowledged nothing for too long");
        drop_timer(served);
        maybe_free(served);
    } else if (!served->stopped && chunks_is_idle(&served->chunks, now, timeout) && served_has_room(served)) {
        served_say(served, NULL, "", 0);
    } else if (!served->stopped) {
        served->kind->pump(served); /* others' answers may have left no room, and no acknowledgement will tell */
    }
    daemon_settle(daemon);
}

static const struct served_kind *kind_of(const struct request_call *call)
{
    static const struct served_kind *const kinds[] = { &serve_logs, &serve_exec, &serve_console, &serve_vnc, &serve_forward };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(kinds[i]->verb, call->verb->name) == 0)
            return kinds[i];
    return NULL;
}

/* Those that have ended, and wait only for the last acknowledgement, count for themselves: whoever gives none holds up nobody else. */
static bool has_place(const struct daemon *daemon, const struct request_call *call)
{
    size_t running = 0, own = 0, ended = 0, own_ended = 0;
    const struct served *served;
    DL_FOREACH(daemon->served, served)
    {
        bool is_own = strcmp(served->who, call->who) == 0;
        running += served->stream && !served->stopped;
        ended += served->stream && served->stopped;
        own += served->stream && !served->stopped && is_own;
        own_ended += served->stream && served->stopped && is_own;
    }
    return !call->stream || (running < LIMIT_STREAMS && own < LIMIT_STREAMS_EACH && own_ended < LIMIT_STREAMS && ended < LIMIT_STREAMS_ENDED);
}

void serve_request(void *ctx, const struct request_call *call)
{
    struct daemon *daemon = ctx;
    const struct served_kind *kind = kind_of(call);
    if (kind == NULL || (call->stream && call->done != NULL)) {
        requests_fail(daemon->core, call->serial, "Unsupported", "on the control socket this is an op of its own (docs/wire.md)");
        return;
    }
    if (!has_place(daemon, call)) {
        requests_fail(daemon->core, call->serial, "TooManyStreams", "%d streams, or %d of one requester, are the most: end one",
                      LIMIT_STREAMS, LIMIT_STREAMS_EACH);
        return;
    }
    struct served *served = mem_alloc(sizeof(*served));
    served->daemon = daemon;
    served->kind = kind;
    served->serial = call->serial;
    memcpy(served->who, call->who, sizeof(served->who));
    memcpy(served->key, call->key, sizeof(served->key));
    served->args = json_copy(call->args);
    served->reply = mem_strdup(call->reply);
    served->correlation = mem_strdup(call->correlation);
    served->stream = call->stream;
    chunks_init(&served->chunks, clock_boot_ms());
    DL_APPEND(daemon->served, served);
    if (served->stream) {
        served->timer = mem_alloc(sizeof(*served->timer));
        uv_timer_init(daemon->loop, served->timer);
        served_open(served, (uv_handle_t *)served->timer);
        uv_timer_start(served->timer, on_look, LOOK_MS, LOOK_MS);
    }
    served_hold(served);
    if (kind->begin(served))
        kind->pump(served);
    served_release(served);
}

void serve_input(void *ctx, const char *key, const struct json *input)
{
    struct daemon *daemon = ctx;
    struct served *served;
    DL_FOREACH(daemon->served, served)
        if (served->stream && strcmp(served->key, key) == 0)
            break;
    if (served == NULL)
        return;
    served_hold(served);
    int64_t ack = json_get_integer(input, "ack", -1);
    if (ack >= 0)
        (void)chunks_ack(&served->chunks, ack, clock_boot_ms());
    served->again = served->again || json_get_boolean(input, "again", false);
    say_again(served);
    if (json_get_boolean(input, "cancel", false)) {
        served_fail(served, "Cancelled", "the requester has ended it");
        drop_timer(served); /* and waits for no last word */
    }
    if (!served->stopped && served->kind->input != NULL)
        served->kind->input(served, input);
    if (!served->stopped)
        served->kind->pump(served);
    else if (served->chunks.count == 0)
        drop_timer(served);
    served_release(served);
}

void serve_end_all(struct daemon *daemon)
{
    struct served *served, *next;
    DL_FOREACH_SAFE(daemon->served, served, next)
        served_fail(served, "Interrupted", "davitd ends");
}
