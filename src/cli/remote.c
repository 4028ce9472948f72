#include "config.h"

#include "cli/remote.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"
#include "cli/address.h"
#include "cli/control.h"
#include "cli/session.h"
#include "davit/limits.h"
#include "protocol/topic.h"

#define ANSWER_MS 15000  /* for the first word of a node */
#define EXPIRY_S 30      /* a node that was away does not do later what nobody waits for */
#define SILENT_MS 60000  /* a stream says something each 20 s */
#define NUDGE_MS 5000    /* of silence: what was lost is asked for again */
#define RETRY_NS 500000000L
#define INPUTS 8         /* under way */
#define TURN_MS 1000

static volatile sig_atomic_t interrupted; /* by this signal; 0: not */

static void on_interrupt(int number)
{
    interrupted = number;
}

struct remote {
    const struct options *options;
    const char *verb;
    remote_handler *handler;
    void *ctx;
    struct session *session;
    struct json *id;
    char *topic, *reply, *presence;
    const char *topics[2];
    int64_t got, told;    /* chunks received, and acknowledged */
    bool fresh;           /* one came */
    bool missing;         /* a later one came */
    bool over, offline, online;
    uint64_t heard_ms, nudged_ms;
    struct json *inputs;  /* array: not taken yet, oldest first */
    int64_t input_seq, input_taken;
    struct json *answer;  /* of one that is no stream */
    bool stream;
    bool listens; /* to signals, in the place of their end */
};

bool remote_is_meant(const struct options *options)
{
    if (options->node_given || options->control_given)
        return options->node_given && !options->control_given;
    return options->node != NULL && !options->control_set;
}

static void set_answer(struct remote *remote, const struct json *message)
{
    json_free(remote->answer);
    remote->answer = json_copy(message);
    remote->over = true;
}

static void forget_inputs(struct remote *remote, int64_t taken)
{
    struct json *left = json_new_array();
    JSON_EACH(input, remote->inputs)
        if (json_get_integer(input, "seq", 0) > taken)
            json_add(left, json_copy(input));
    json_free(remote->inputs);
    remote->inputs = left;
    remote->input_taken = taken;
}

static void take_chunk(struct remote *remote, const struct json *chunk)
{
    int64_t seq = json_get_integer(chunk, "seq", 0);
    if (json_get_integer(chunk, "input", 0) > remote->input_taken)
        forget_inputs(remote, json_get_integer(chunk, "input", 0));
    remote->missing = remote->missing || seq > remote->got + 1;
    remote->fresh = true;
    if (seq != remote->got + 1 || remote->over)
        return;
    remote->got = seq;
    remote->over = json_get_boolean(chunk, "last", false);
    remote->handler(remote->ctx, chunk);
}

static void on_message(void *ctx, const struct session_message *message)
{
    struct remote *remote = ctx;
    struct error ignored; /* what is no JSON is not from the node */
    AUTO_JSON struct json *json = json_parse(message->payload, message->len, &ignored);
    if (json != NULL && strcmp(message->topic, remote->presence) == 0) {
        remote->online = json_get_boolean(json, "online", true);
        remote->offline = !remote->online;
        return;
    }
    if (json == NULL || message->retained || strcmp(message->topic, remote->reply) != 0)
        return;
    remote->heard_ms = clock_boot_ms();
    if (remote->stream)
        take_chunk(remote, json);
    else
        set_answer(remote, json);
}

static bool open_session(struct remote *remote, struct error *err)
{
    remote->session = session_open(remote->options, remote->topics, 2, on_message, remote, err);
    return remote->session != NULL;
}

static bool publish(struct remote *remote, const struct json *json, struct error *err)
{
    AUTO_FREE char *text = json_print(json);
    return session_request(remote->session, remote->topic, text, strlen(text), EXPIRY_S, err);
}

const char *remote_user(const struct options *options)
{
    return options->username != NULL ? options->username : "anonymous";
}

static struct remote *remote_new(const struct options *options, const char *verb)
{
    const char *who = remote_user(options);
    struct remote *remote = mem_alloc(sizeof(*remote));
    AUTO_FREE char *node = topic_node(options->root, options->node, "", NULL); /* with a slash behind it */
    char id[SESSION_ID_BYTES];
    session_random_id(id);
    remote->options = options;
    remote->verb = verb;
    remote->id = json_new_text(id);
    remote->topic = mem_printf("%srequest/%s/%s", node, verb, who);
    remote->reply = mem_printf("%sresponse/%s/%s", node, who, id);
    remote->presence = topic_node(options->root, options->node, "presence", NULL);
    remote->topics[0] = remote->reply;
    remote->topics[1] = remote->presence;
    remote->inputs = json_new_array();
    return remote;
}

static bool begin(struct remote *remote, const struct json *args, struct error *err)
{
    AUTO_JSON struct json *request = json_copy(args);
    json_set(request, "id", json_copy(remote->id));
    if (remote->stream)
        json_set_boolean(request, "stream", true);
    if (!open_session(remote, err))
        return false;
    if (session_version(remote->session) < 5) /* MQTT 5 has an expiry that needs nobody's clock */
        json_set_integer(request, "expires", (int64_t)clock_wall_ms() + EXPIRY_S * 1000);
    remote->heard_ms = remote->nudged_ms = clock_boot_ms();
    return publish(remote, request, err);
}

static bool silent(const struct remote *remote, struct error *err)
{
    const struct options *options = remote->options;
    if (remote->offline)
        return error_set(err, ERROR_UNAVAILABLE, "node %s is offline", options->node);
    return error_set(err, ERROR_TIMEOUT,
                     "node %s does not answer. Is that its name, and may this user write %s and read what is below %s/nodes/%s/response?",
                     options->node, remote->topic, options->root, options->node);
}

bool remote_check_user(const struct options *options, struct error *err)
{
    if (options->username == NULL || name_is_user(options->username))
        return true;
    return error_set(err, ERROR_INVALID, "--username %s cannot be a level of a topic: letters, digits, - _ . @ :",
                     options->username);
}

static bool check_name(const struct options *options, struct error *err)
{
    if (options->node == NULL)
        return error_set(err, ERROR_INVALID, "which node? Give --node N, or set DAVIT_NODE");
    return remote_check_user(options, err) && address_check(options, err);
}

bool remote_check(const struct json *answer, struct error *err)
{
    const char *reason = json_get_text(answer, "reason");
    const char *message = json_get_text(answer, "message");
    if (json_get_boolean(answer, "ok", false))
        return true;
    return error_set(err, control_code_of(reason != NULL ? reason : ""), "the node says %s: %s",
                     reason != NULL ? reason : "no", message != NULL ? message : "it gives no message");
}

static struct json *ask_broker(const struct options *options, const char *verb, const struct json *args, uint64_t wait_ms,
                               struct error *err)
{
    struct json *answer = NULL;
    if (!check_name(options, err))
        return NULL;
    struct remote *remote = remote_new(options, verb);
    bool good = begin(remote, args, err);
    uint64_t asked_ms = remote->heard_ms;
    while (good && !remote->over) {
        good = session_until(remote->session, &remote->over, remote->offline ? 1 : TURN_MS, err) || err->code == ERROR_TIMEOUT;
        if (good && !remote->over && (remote->offline || clock_boot_ms() > asked_ms + (remote->online ? wait_ms : ANSWER_MS)))
            good = silent(remote, err);
    }
    if (good && remote_check(remote->answer, err))
        answer = mem_steal(&remote->answer);
    remote_close(remote);
    return answer;
}

struct json *remote_ask(const struct options *options, const char *verb, const struct json *args, struct error *err)
{
    return remote_ask_for(options, verb, args, ANSWER_MS, err);
}

struct json *remote_ask_for(const struct options *options, const char *verb, const struct json *args, uint64_t wait_ms,
                            struct error *err)
{
    if (remote_is_meant(options))
        return ask_broker(options, verb, args, wait_ms, err);
    AUTO_JSON struct json *request = json_copy(args);
    json_set_text(request, "op", "request");
    json_set_text(request, "verb", verb);
    return control_call(options->control, request, -1, NULL, NULL, err);
}

struct remote *remote_open(const struct options *options, const char *verb, const struct json *args,
                           remote_handler *handler, void *ctx, struct error *err)
{
    if (!check_name(options, err))
        return NULL;
    struct remote *remote = remote_new(options, verb);
    remote->handler = handler;
    remote->ctx = ctx;
    remote->stream = true;
    if (!json_get_boolean(args, "tty", false)) { /* a terminal's keys are the command's */
        const struct sigaction action = { .sa_handler = on_interrupt };
        remote->listens = true;
        (void)sigaction(SIGINT, &action, NULL);
        (void)sigaction(SIGTERM, &action, NULL);
    }
    if (begin(remote, args, err))
        return remote;
    remote_close(remote);
    return NULL;
}

static bool acknowledge(struct remote *remote, struct error *err)
{
    AUTO_JSON struct json *ack = json_new_object();
    uint64_t now = clock_boot_ms();
    bool nudge = now > remote->heard_ms + NUDGE_MS && now > remote->nudged_ms + NUDGE_MS && remote->got > 0;
    if (!remote->fresh && !nudge)
        return true;
    json_set(ack, "id", json_copy(remote->id));
    json_set_integer(ack, "ack", remote->got);
    bool lost = remote->missing || nudge; /* then input may be lost, too */
    if (lost) {
        json_set_boolean(ack, "again", true);
        remote->nudged_ms = now;
    }
    remote->fresh = remote->missing = false;
    remote->told = remote->got;
    if (!publish(remote, ack, err))
        return false;
    JSON_EACH(input, remote->inputs)
        if (lost && !publish(remote, input, err))
            return false;
    return true;
}

/* The broker went: a stream outlives that for a while. */
static bool again(struct remote *remote, struct error *err)
{
    uint64_t until = remote->heard_ms + SILENT_MS;
    if (err->code != ERROR_UNAVAILABLE || remote->got == 0)
        return false;
    session_close(mem_steal(&remote->session));
    while (clock_boot_ms() < until) {
        (void)nanosleep(&(struct timespec){ .tv_nsec = RETRY_NS }, NULL);
        *err = (struct error){ 0 };
        if (!open_session(remote, err))
            continue;
        remote->fresh = remote->missing = true; /* what came meanwhile went by */
        remote->nudged_ms = 0;
        return acknowledge(remote, err);
    }
    return false;
}

/* The node does not have to wait until nobody acknowledges any more. */
static void cancel(struct remote *remote)
{
    struct error ignored;
    AUTO_JSON struct json *json = json_new_object();
    json_set(json, "id", json_copy(remote->id));
    json_set_boolean(json, "cancel", true);
    if (remote->session != NULL && !publish(remote, json, &ignored))
        return; /* it notices by itself, later */
}

static void end_by_signal(void)
{
    int number = interrupted;
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

bool remote_turn(struct remote *remote, int fd, bool *readable, struct error *err)
{
    if (interrupted != 0) {
        cancel(remote);
        session_close(mem_steal(&remote->session));
        end_by_signal();
    }
    *readable = false;
    *err = (struct error){ 0 };
    bool good = remote->session == NULL ? again(remote, err)
                                        : session_turn(remote->session, fd, readable, &remote->fresh, TURN_MS, err);
    if (!good && remote->session != NULL)
        good = again(remote, err);
    if (!good)
        return false;
    uint64_t limit = remote->got == 0 ? ANSWER_MS : SILENT_MS;
    if (!remote->over && ((remote->offline && remote->got == 0) || clock_boot_ms() > remote->heard_ms + limit))
        return silent(remote, err);
    return acknowledge(remote, err) || again(remote, err);
}

bool remote_is_over(const struct remote *remote)
{
    return remote->over;
}

bool remote_may_give(const struct remote *remote)
{
    return remote->got > 0 && json_size(remote->inputs) < INPUTS;
}

bool remote_give(struct remote *remote, struct json *input_taken, struct error *err)
{
    json_set(input_taken, "id", json_copy(remote->id));
    json_set_integer(input_taken, "seq", ++remote->input_seq);
    json_add(remote->inputs, input_taken);
    return publish(remote, input_taken, err) || again(remote, err);
}

void remote_close(struct remote *remote)
{
    if (remote->stream && !remote->over && remote->got > 0)
        cancel(remote);
    session_close(remote->session);
    if (remote->listens) {
        (void)signal(SIGINT, SIG_DFL);
        (void)signal(SIGTERM, SIG_DFL);
        if (interrupted != 0) /* one that came behind the last turn */
            end_by_signal();
    }
    json_free(remote->id);
    json_free(remote->inputs);
    json_free(remote->answer);
    free(remote->topic);
    free(remote->reply);
    free(remote->presence);
    free(remote);
}
