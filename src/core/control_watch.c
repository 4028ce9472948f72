#include "core/control_watch.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "core/desired_node.h"
#include "core/report.h"
#include "protocol/document.h"
#include "protocol/topic.h"

struct watch {
    struct core *core;
    struct conn *conn;
    struct json *filters; /* of strings */
};

/* MQTT: + is one level, # at the end all that are left. */
static bool fits(const char *filter, const char *topic)
{
    while (*filter != '\0' && strcmp(filter, "#") != 0) {
        size_t want = strcspn(filter, "/"), have = strcspn(topic, "/");
        bool any = want == 1 && *filter == '+';
        if (!any && (want != have || strncmp(filter, topic, want) != 0))
            return false;
        filter += want;
        topic += have;
        if (*filter != *topic)
            return strcmp(filter, "/#") == 0 && *topic == '\0';
        filter += *filter == '/';
        topic += *topic == '/';
    }
    return *filter != '\0' || *topic == '\0';
}

static bool is_asked(const struct watch *watch, const char *topic)
{
    JSON_EACH(filter, watch->filters)
        if (fits(json_text(filter), topic))
            return true;
    return false;
}

void watch_tell(struct watch *watch, const char *topic, const char *payload, bool retained)
{
    if (!is_asked(watch, topic))
        return;
    struct json *head = json_new_texts("op", "message", "topic", topic, NULL);
    json_set_integer(head, "qos", 0);
    json_set_boolean(head, "retain", retained);
    conn_send(watch->conn, head, payload, strlen(payload));
}

static void tell_json(struct watch *watch, const char *word, const struct object_id *id, struct json *json_taken)
{
    const struct config *config = watch->core->config;
    AUTO_FREE char *topic = topic_node(config->root, config->node, word, id);
    AUTO_FREE char *text = json_taken != NULL ? json_print(json_taken) : NULL;
    json_free(json_taken);
    if (text != NULL)
        watch_tell(watch, topic, text, true);
}

/* ---- desired state: a file of its own for each object */

static char *path_of(const struct watch *watch, const struct object_id *id)
{
    return mem_printf("%s/%s.%s.%s.json", watch->core->config->manifests_dir, id->namespace, id->resource, id->name);
}

static char *node_path(const struct watch *watch)
{
    return mem_printf("%s/node.json", watch->core->config->manifests_dir);
}

/* As a broker would say it that does not let who asks read there: nobody takes a list for whole that is not. */
static void refuse(struct watch *watch, const char *topic, const struct error *err)
{
    struct json *head = json_new_texts("op", "refused-subscription", "topic", topic, "reason", err->message, NULL);
    conn_send(watch->conn, head, NULL, 0);
}

/* `id` NULL: of the node itself. */
static void tell_desired(struct watch *watch, const struct object_id *id)
{
    const struct config *config = watch->core->config;
    AUTO_FREE char *path = id != NULL ? path_of(watch, id) : node_path(watch);
    AUTO_FREE char *topic = id != NULL ? topic_desired(config->root, config->node, NULL, id)
                                       : topic_node(config->root, config->node, "desired/node", NULL);
    AUTO_FREE char *text = NULL;
    size_t len = 0;
    struct error err; /* no file is no document */
    if (!is_asked(watch, topic) || strlen(strrchr(path, '/') + 1) > NAME_MAX) /* no file was ever of so long a name */
        return;
    if (file_read_regular(path, LIMIT_DOCUMENT_BYTES, &text, &len, &err))
        watch_tell(watch, topic, text, true);
    else if (err.code != ERROR_NOT_FOUND)
        refuse(watch, topic, &err);
}

static void tell_all(struct watch *watch)
{
    struct core *core = watch->core;
    AUTO_FREE char *presence = topic_node(core->config->root, core->config->node, "presence", NULL);
    AUTO_FREE char *online = report_presence_text(core, true);
    struct json *state = NULL, *status = NULL;
    watch_tell(watch, presence, online, true);
    report_node_write(core, &state, &status);
    tell_json(watch, "state", NULL, state);
    tell_json(watch, "status", NULL, status);
    tell_desired(watch, NULL);
    for (struct object *object = core->objects.table; object != NULL; object = object->hh.next) {
        if (object->summary != NULL)
            tell_json(watch, "state", &object->id, json_copy(object->summary));
        tell_json(watch, "status", &object->id, report_describe(core, object));
        tell_desired(watch, &object->id);
    }
}

struct watch *watch_new(struct core *core, struct conn *conn, const struct json *connect)
{
    struct watch *watch = mem_alloc(sizeof(*watch));
    *watch = (struct watch){ .core = core, .conn = conn, .filters = json_new_array() };
    JSON_EACH(one, json_get(connect, "subscribe")) /* as many as a frame holds */
        if (json_get_text(one, "topic") != NULL)
            json_add_text(watch->filters, json_get_text(one, "topic"));
    struct json *answer = json_new_texts("op", "connected", NULL);
    json_set_integer(answer, "version", 5);
    conn_send(conn, answer, NULL, 0);
    tell_all(watch);
    return watch;
}

void watch_free(struct watch *watch)
{
    if (watch != NULL)
        json_free(watch->filters);
    free(watch);
}

/* ---- publish */

static bool put_file(const struct watch *watch, const struct object_id *id, const struct frame *frame, struct error *err)
{
    AUTO_FREE char *path = path_of(watch, id);
    struct document document = { 0 };
    struct refusal refusal;
    if (!document_read(id, frame->body != NULL ? frame->body : "", frame->body_len, &document, &refusal))
        return error_set(err, ERROR_INVALID, "%s: %s", refusal.reason, refusal.message);
    bool gone = document.tombstone, purge = document.purge;
    document_free(&document);
    if (purge)
        return error_set(err, ERROR_UNSUPPORTED, "data is purged over the broker alone");
    if (!gone)
        return file_write_atomic(path, frame->body, frame->body_len, 0600, true, err);
    if (unlink(path) == 0)
        return true;
    return errno == ENOENT ? error_set(err, ERROR_NOT_FOUND, "no `davit apply --control` brought it: it goes where it came from")
                           : error_set_errno(err, errno, "removing %s", path);
}

/* One that forbids nothing any more is no file. */
static bool put_node(const struct watch *watch, const struct frame *frame, struct error *err)
{
    AUTO_FREE char *path = node_path(watch);
    AUTO_JSON struct json *json = json_parse(frame->body != NULL ? frame->body : "", frame->body_len, err);
    struct refusal refusal;
    if (json == NULL)
        return false;
    if (watch->core->manifest_node != NULL && access(path, F_OK) != 0)
        return error_set(err, ERROR_CONFLICT, "another file of the manifests folder holds a Node: change it there");
    if (!desired_node_manifest_check(watch->core, json, &refusal))
        return error_set(err, ERROR_INVALID, "%s: %s", refusal.reason, refusal.message);
    if (desired_node_forbids(json))
        return file_write_atomic(path, frame->body, frame->body_len, 0600, true, err);
    return unlink(path) == 0 || errno == ENOENT || error_set_errno(err, errno, "removing %s", path);
}

/* False, and no error: it is not this node's desired state. */
static bool put(const struct watch *watch, const char *topic, const struct frame *frame, struct error *err)
{
    const struct config *config = watch->core->config;
    struct topic parsed = { 0 };
    struct error ignored;
    if (topic == NULL || !topic_parse(config->root, config->node, topic, &parsed, &ignored))
        return false;
    if (parsed.kind == TOPIC_DESIRED_NODE)
        return put_node(watch, frame, err);
    return parsed.kind == TOPIC_DESIRED_OBJECT && parsed.group[0] == '\0' && put_file(watch, &parsed.id, frame, err);
}

bool watch_publish(struct watch *watch, const struct frame *frame)
{
    const char *topic = json_get_text(frame->head, "topic");
    struct error err = { 0 };
    bool desired = put(watch, topic, frame, &err);
    bool own = !desired && err.code == ERROR_NONE && topic != NULL && !json_get_boolean(frame->head, "retain", false) &&
               is_asked(watch, topic);
    bool good = desired || own;
    if (!good && err.code == ERROR_NONE)
        error_set(&err, ERROR_UNSUPPORTED, "the control socket takes objects of this node alone");
    if (good) /* back to whoever watches, as a broker would */
        watch_tell(watch, topic, frame->body != NULL ? frame->body : "", false);
    struct json *answer = json_new_texts("op", "published", "reason", good ? NULL : err.message, NULL);
    json_set_integer(answer, "id", json_get_integer(frame->head, "id", 0));
    json_set_boolean(answer, "ok", good);
    conn_send(watch->conn, answer, NULL, 0);
    return desired;
}
