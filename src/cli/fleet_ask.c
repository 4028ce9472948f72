/* One request to many nodes, over one session. */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "cli/fleet.h"
#include "cli/remote.h"
#include "cli/session.h"
#include "cli/verbs.h"
#include "davit/limits.h"
#include "protocol/topic.h"

#define UNDER_WAY 300
#define ANSWER_MS 15000
#define EXPIRY_S 30 /* a node that was away does not do later what nobody waits for */
#define TURN_MS 200

struct question {
    const struct options *options;
    const struct fleet *fleet;
    const char *verb;
    const char *who;
    fleet_handler *handler;
    void *ctx;
    struct session *session;
    struct json *request;
    char id[SESSION_ID_BYTES];
    uint64_t *asked_ms; /* of each node; 0: nothing is waited for */
    size_t next;        /* to be asked */
    size_t oldest;      /* under way, or any before it */
    size_t under_way;
    size_t over;
    bool moved; /* something came */
    struct fleet_summary summary;
};

static void node_done(struct question *question, size_t index, const struct json *answer, const char *reason,
                      const struct error *err)
{
    const struct fleet_node *node = &question->fleet->nodes[index];
    question->asked_ms[index] = 0;
    question->over++;
    fleet_summary_add(&question->summary, node->name, reason);
    if (question->handler != NULL)
        question->handler(question->ctx, node, answer, err);
}

/* Who answers on R/nodes/N/response/…; NULL: nobody who was asked. */
static const struct fleet_node *node_of(const struct question *question, const char *topic)
{
    const char *name = topic + strlen(question->options->root) + sizeof("/nodes/") - 1;
    AUTO_FREE char *node = mem_strndup(name, strcspn(name, "/"));
    return fleet_named(question->fleet, node);
}

static void on_message(void *ctx, const struct session_message *message)
{
    struct question *question = ctx;
    struct error err = {0};
    const struct fleet_node *node = message->retained ? NULL : node_of(question, message->topic);
    size_t index = node != NULL ? (size_t)(node - question->fleet->nodes) : 0;
    if (node == NULL || question->asked_ms[index] == 0)
        return;
    AUTO_JSON struct json *answer = json_parse(message->payload, message->len, &err);
    bool good = answer != NULL && remote_check(answer, &err);
    const char *reason = json_get_text(answer, "reason");
    question->under_way--;
    question->moved = true;
    node_done(question, index, good ? answer : NULL, good ? NULL : reason != NULL ? reason : "Refused", &err);
}

static void node_unreached(struct question *question, size_t index)
{
    const struct fleet_node *node = &question->fleet->nodes[index];
    struct error err = {0};
    if (node->reach == FLEET_OFFLINE)
        (void)error_set(&err, ERROR_UNAVAILABLE, "node %s is offline", node->name);
    else
        (void)error_set(&err, ERROR_UNAVAILABLE, "node %s is behind a bridge that is down", node->name);
    node_done(question, index, NULL, node->reach == FLEET_OFFLINE ? "Offline" : "Unknown", &err);
}

static bool send_next(struct question *question, struct error *err)
{
    size_t index = question->next++;
    const struct fleet_node *node = &question->fleet->nodes[index];
    if (node->reach != FLEET_ONLINE) {
        node_unreached(question, index);
        return true;
    }
    AUTO_FREE char *base = topic_node(question->options->root, node->name, "request", NULL);
    AUTO_FREE char *topic = mem_printf("%s/%s/%s", base, question->verb, question->who);
    AUTO_FREE char *text = json_print(question->request);
    question->asked_ms[index] = clock_boot_ms();
    question->under_way++;
    return session_request(question->session, topic, text, strlen(text), EXPIRY_S, err);
}

static void give_up_silent(struct question *question)
{
    uint64_t now_ms = clock_boot_ms();
    struct error err = {0};
    for (; question->oldest < question->next; question->oldest++) {
        uint64_t asked_ms = question->asked_ms[question->oldest];
        if (asked_ms != 0 && asked_ms + ANSWER_MS > now_ms)
            return;
        if (asked_ms == 0)
            continue;
        (void)error_set(&err, ERROR_TIMEOUT, "node %s does not answer", question->fleet->nodes[question->oldest].name);
        question->under_way--;
        node_done(question, question->oldest, NULL, "Timeout", &err);
    }
}

/* In place on a terminal's line, which is empty again at the end. */
static void show_progress(const struct question *question, bool is_last)
{
    size_t count = question->fleet->count;
    if (count < 2 || isatty(STDERR_FILENO) == 0)
        return;
    if (is_last)
        (void)fputs("\r\033[K", stderr);
    else
        (void)fprintf(stderr, "\r%zu of %zu nodes", question->over, count);
    (void)fflush(stderr);
}

static bool ask_all(struct question *question, struct error *err)
{
    size_t count = question->fleet->count;
    while (question->over < count) {
        while (question->under_way < UNDER_WAY && question->next < count)
            if (!send_next(question, err))
                return false;
        if (question->over == count)
            break;
        question->moved = false;
        if (!session_until(question->session, &question->moved, TURN_MS, err) && err->code != ERROR_TIMEOUT)
            return false;
        give_up_silent(question);
        show_progress(question, false);
    }
    *err = (struct error){0};
    return true;
}

static bool ask(struct question *question, const struct json *args, struct error *err)
{
    const struct options *options = question->options;
    session_random_id(question->id);
    AUTO_FREE char *base = topic_node(options->root, "+", "response", NULL);
    AUTO_FREE char *reply = mem_printf("%s/%s/%s", base, question->who, question->id);
    const char *topics[] = {reply};
    question->session = session_open(options, topics, 1, on_message, question, err);
    if (question->session == NULL)
        return false;
    question->request = json_copy(args);
    json_set_text(question->request, "id", question->id);
    if (session_version(question->session) < 5) /* MQTT 5 has an expiry that needs nobody's clock */
        json_set_integer(question->request, "expires", (int64_t)clock_wall_ms() + EXPIRY_S * 1000);
    bool good = ask_all(question, err);
    show_progress(question, true);
    return good;
}

enum exit_code fleet_ask(const struct options *options, const struct fleet *fleet, const char *verb,
                         const struct json *args, const char *done, fleet_handler *handler, void *ctx,
                         struct error *err)
{
    struct question question = {.options = options, .fleet = fleet, .verb = verb, .handler = handler, .ctx = ctx};
    if (!remote_check_user(options, err))
        return EXIT_CODE_USAGE;
    question.who = remote_user(options);
    question.asked_ms = mem_array(fleet->count, sizeof(*question.asked_ms));
    enum exit_code code = EXIT_CODE_OK;
    if (!ask(&question, args, err))
        code = exit_code_of(err);
    else
        code = fleet_summary_print(&question.summary, done);
    session_close(question.session);
    json_free(question.request);
    free(question.asked_ms);
    fleet_summary_free(&question.summary);
    return code;
}
