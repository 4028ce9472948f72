#include "core/requests.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "base/log.h"
#include "base/memory.h"
#include "core/core.h"
#include "core/inbox.h"
#include "core/request_record.h"
#include "core/request_verbs.h"
#include "core/snapshots.h"

#define UNTOLD_EVERY_MS 10000u /* an event of requests that nobody can be answered about, at most so often */

struct request_call *requests_find(const struct core *core, int64_t serial)
{
    struct request_call *call = NULL;
    LL_SEARCH_SCALAR(core->requests.calls, call, serial, serial);
    return call;
}

static struct request_call *find_key(const struct core *core, const char *key)
{
    for (struct request_call *call = core->requests.calls; call != NULL && key[0] != '\0'; call = call->next)
        if (strcmp(call->key, key) == 0)
            return call;
    return NULL;
}

static struct request_call *call_new(struct core *core, const struct json *args)
{
    struct request_call *call = mem_alloc(sizeof(*call));
    call->serial = ++core->requests.last_serial;
    call->args = json_copy(args);
    call->seq = -1;
    DL_APPEND(core->requests.calls, call);
    core->requests.call_count++;
    return call;
}

static void call_free(struct core *core, struct request_call *call)
{
    DL_DELETE(core->requests.calls, call);
    core->requests.call_count--;
    json_free(call->args);
    free(call->reply);
    free(call->correlation);
    free(call);
}

void requests_settle(struct core *core)
{
    struct request_call *call, *next;
    DL_FOREACH_SAFE(core->requests.calls, call, next)
        if (call->restarting)
            request_restart_go(core, call);
    power_settle(core);
    snapshots_settle(core);
}

static void send(struct core *core, const char *reply, const char *correlation, const struct json *answer)
{
    AUTO_FREE char *text = json_print(answer);
    outbox_answer(core->outbox, reply, text, correlation);
}

/* Nobody can be answered: an event says it, and not for each of a flood. */
static void tell_refused(struct core *core, const char *reason, const char *message)
{
    struct requests *requests = &core->requests;
    uint64_t now = core_boot_ms(core);
    if (requests->told_ms != 0 && now < requests->told_ms + UNTOLD_EVERY_MS) {
        requests->untold++;
        return;
    }
    if (requests->untold > 0)
        core_event(core, NULL, true, reason, "%s (and %llu more before it)", message, (unsigned long long)requests->untold);
    else
        core_event(core, NULL, true, reason, "%s", message);
    requests->told_ms = now;
    requests->untold = 0;
}

void requests_misdirected(struct core *core, const char *topic, const char *why, int64_t seq)
{
    AUTO_FREE char *message = mem_printf("%.200s: %s", topic, why);
    tell_refused(core, "InvalidTopic", message);
    inbox_taken(core, seq);
}

/* ---- the end */

static void publish_answer(struct core *core, struct request_call *call, const struct json *answer)
{
    if (call->recorded)
        request_record_answer(core, call, answer); /* it is told once it is on the disk */
    else
        send(core, call->reply, call->correlation, answer);
}

void requests_answer(struct core *core, int64_t serial, struct json *answer_taken)
{
    AUTO_JSON struct json *answer = answer_taken;
    struct request_call *call = requests_find(core, serial);
    if (call == NULL)
        return;
    if (call->stream && json_get(answer, "seq") == NULL) {
        json_set_integer(answer, "seq", 1);
        json_set_boolean(answer, "last", true);
    }
    if (call->done != NULL)
        call->done(call->ctx, mem_steal(&answer));
    else
        publish_answer(core, call, answer);
    call_free(core, call);
}

void requests_fail(struct core *core, int64_t serial, const char *reason, const char *format, ...)
{
    char message[ERROR_MESSAGE_BYTES];
    const struct request_call *call = requests_find(core, serial);
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    if (call != NULL)
        requests_answer(core, serial, request_failure(call->args, reason, message));
}

/* ---- the beginning */

static void run(struct core *core, struct request_call *call)
{
    if (call->stream && !call->verb->streams)
        requests_fail(core, call->serial, "InvalidRequest", "%s has no stream", call->verb->name);
    else if (call->verb->of_object && call->object.name[0] == '\0')
        requests_fail(core, call->serial, "InvalidRequest", "of what? Give \"object\":\"pods/NAME\"");
    else
        call->verb->run(core, call);
}

void requests_begun(struct core *core, int64_t serial, const struct error *err)
{
    struct request_call *call = requests_find(core, serial);
    if (call == NULL)
        return;
    int64_t seq = call->seq;
    if (err != NULL) {
        call->recorded = false;
        requests_fail(core, serial, "StoreFailed", "nothing was done, for it could not be remembered: %.300s", err->message);
    } else {
        run(core, call);
    }
    inbox_taken(core, seq);
}

static void begin(struct core *core, const struct topic *topic, const struct frame_view *frame, struct request *request,
                  const struct request_verb *verb, int64_t seq)
{
    struct request_call *call = call_new(core, request->args);
    call->verb = verb;
    call->object = request->object;
    call->stream = request->stream;
    call->reply = mem_steal(&request->reply);
    call->correlation = mem_strdup(json_get_text(frame->head, "correlation"));
    memcpy(call->who, topic->who, sizeof(call->who));
    memcpy(call->key, request->key, sizeof(call->key));
    log_info("%s asks for %s of %s/%s", call->who, verb->name, call->object.resource, call->object.name);
    if (verb->once && call->key[0] != '\0') {
        call->seq = seq;
        call->recorded = true;
        request_record_begin(core, call);
        return;
    }
    run(core, call);
    inbox_taken(core, seq);
}

/* Of one requester over the broker. */
static size_t running_of(const struct core *core, const char *who)
{
    size_t count = 0;
    for (const struct request_call *call = core->requests.calls; call != NULL; call = call->next)
        count += strcmp(call->who, who) == 0;
    return count;
}

/* What may not begin; NULL: it may. `who` "": the control socket's. */
static const char *hindrance(const struct core *core, const char *who, const struct request_verb *verb, struct refusal *refusal)
{
    if (verb == NULL) {
        AUTO_FREE char *known = request_verbs_list();
        refusal_set(refusal, "Unsupported", "this node knows no such request; it knows: %s", known);
        return refusal->reason;
    }
    if (outbox_is_full(core->outbox)) {
        refusal_set(refusal, "TooManyRequests", "too many answers wait for the broker: try again later");
        return refusal->reason;
    }
    if (core->requests.call_count >= LIMIT_REQUESTS_RUNNING) {
        refusal_set(refusal, "TooManyRequests", "%d requests wait for their answers: try again later", LIMIT_REQUESTS_RUNNING);
        return refusal->reason;
    }
    if (who[0] != '\0' && running_of(core, who) >= LIMIT_REQUESTS_RUNNING_EACH) {
        refusal_set(refusal, "TooManyRequests", "%d requests of %s wait for their answers: try again later",
                    LIMIT_REQUESTS_RUNNING_EACH, who);
        return refusal->reason;
    }
    return NULL;
}

/* What is refused for being too long is not said back. */
static const char *correlation_of(const struct frame_view *frame)
{
    const char *correlation = json_get_text(frame->head, "correlation");
    return correlation != NULL && strlen(correlation) <= LIMIT_CORRELATION_BYTES ? correlation : NULL;
}

static void refuse(struct core *core, const struct topic *topic, const struct frame_view *frame,
                   const struct request *request, const struct refusal *refusal)
{
    AUTO_JSON struct json *answer = request_failure(request->args, refusal->reason, refusal->message);
    if (request->stream) {
        json_set_integer(answer, "seq", 1);
        json_set_boolean(answer, "last", true);
    }
    if (request->reply != NULL) {
        send(core, request->reply, correlation_of(frame), answer);
        return;
    }
    AUTO_FREE char *message = mem_printf("a request %s of %s: %s", topic->verb, topic->who, refusal->message);
    tell_refused(core, refusal->reason, message);
}

static void arrived(struct core *core, const struct topic *topic, const struct frame_view *frame,
                    struct request *request, int64_t seq)
{
    struct refusal refusal;
    const struct request_verb *verb = request_verb_find(topic->verb);
    const struct request_record *known = request_record_find(core, request->key);
    if (known != NULL) {
        request_record_repeat(core, known, request->reply, json_get_text(frame->head, "correlation"));
    } else if (find_key(core, request->key) != NULL) {
        log_debug("%s came again, and is being carried out", request->key);
    } else if (hindrance(core, topic->who, verb, &refusal) != NULL) {
        refuse(core, topic, frame, request, &refusal);
    } else {
        begin(core, topic, frame, request, verb, seq);
        return;
    }
    inbox_taken(core, seq);
}

void requests_message(struct core *core, const struct topic *topic, const struct frame_view *frame, int64_t seq)
{
    struct request_message message = { .root = core->config->root,
                                       .node = core->config->node,
                                       .verb = topic->verb,
                                       .who = topic->who,
                                       .payload = frame->body != NULL ? frame->body : "",
                                       .len = frame->body_len,
                                       .retained = json_get_boolean(frame->head, "retain", false),
                                       .response_topic = json_get_text(frame->head, "responseTopic"),
                                       .correlation = json_get_text(frame->head, "correlation"),
                                       .expiry_s = json_get_integer(frame->head, "expiry", -1),
                                       .wall_ms = core_set_wall_ms(core) };
    struct request request;
    struct refusal refusal;
    bool good = request_read(&message, &request, &refusal);
    /* To let the broker wait for its acknowledgement would hold back what it says of our answers. */
    if (outbox_is_overfull(core->outbox) && !(good && request.input)) {
        tell_refused(core, "TooManyRequests", "requests are dropped: too many answers wait for the broker");
        inbox_taken(core, seq);
    } else if (!good) {
        refuse(core, topic, frame, &request, &refusal);
        inbox_taken(core, seq);
    } else if (request.input) {
        if (core->env->stream_input != NULL)
            core->env->stream_input(core->env->ctx, request.key, request.args);
        inbox_taken(core, seq);
    } else {
        arrived(core, topic, frame, &request, seq);
    }
    request_free(&request);
}

int64_t requests_control(struct core *core, const char *name, const struct json *args,
                         void (*done)(void *ctx, struct json *answer_taken), void *ctx)
{
    struct refusal refusal;
    struct object_id object;
    const struct request_verb *verb = request_verb_find(name);
    bool good = hindrance(core, "", verb, &refusal) == NULL && request_object(args, &object, &refusal);
    if (!good) {
        done(ctx, request_failure(args, refusal.reason, refusal.message));
        return 0;
    }
    struct request_call *call = call_new(core, args);
    int64_t serial = call->serial;
    call->verb = verb;
    call->object = object;
    call->done = done;
    call->ctx = ctx;
    run(core, call);
    return requests_find(core, serial) != NULL ? serial : 0;
}

void requests_forget(struct core *core, int64_t serial)
{
    struct request_call *call = requests_find(core, serial);
    if (call != NULL)
        call_free(core, call);
}

void requests_connected(struct core *core)
{
    if (!core->requests.announced)
        request_records_announce(core);
    core->requests.announced = true;
}

bool requests_load(struct core *core, struct error *err)
{
    return request_records_load(core, err) && power_load(core, err) && snapshots_load(core, err);
}

void requests_free(struct core *core)
{
    while (core->requests.calls != NULL)
        call_free(core, core->requests.calls);
    snapshots_free(core);
    request_records_free(core);
}
