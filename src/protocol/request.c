#include "protocol/request.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/digest.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "protocol/names.h"

#define REPLY_BYTES 1024 /* of its topic */
#define REPLY_SHOWN_BYTES 150
#define REPLY_LEVELS 64  /* Mosquitto ends the connection of whoever publishes to more than 200 */
/* A session of the broker holds a request no longer: what expires later was said by another clock. */
#define EXPIRES_MAX_MS (8ull * 24 * 3600 * 1000)

static bool has_few_levels(const char *topic)
{
    size_t levels = 1;
    for (const char *at = topic; *at != '\0'; at++)
        levels += *at == '/';
    return levels <= REPLY_LEVELS;
}

/* Below R/nodes/N/response/WHO/, or a requester could make a node write where it has no right itself; and nothing that a broker
 * would end the node's connection for. */
static bool reply_is_own(const struct request_message *message, const char *topic)
{
    AUTO_FREE char *prefix = mem_printf("%s/nodes/%s/response/%s/", message->root, message->node, message->who);
    size_t len = strlen(prefix);
    return strncmp(topic, prefix, len) == 0 && topic[len] != '\0' && strlen(topic) < REPLY_BYTES && has_few_levels(topic) &&
           strpbrk(topic, "+#") == NULL && utf8_is_plain(topic, strlen(topic));
}

static bool take_reply(const struct request_message *message, const char *id, struct request *request,
                       struct refusal *refusal)
{
    const char *asked = message->response_topic;
    if (asked == NULL)
        asked = json_get_text(request->args, "replyTo");
    if (asked != NULL && !reply_is_own(message, asked)) {
        char tame[REPLY_SHOWN_BYTES];
        utf8_tame(asked, tame, sizeof(tame));
        refusal_set(refusal, "ForeignReply", "a reply goes only below %.100s/nodes/%.100s/response/%.80s/, not to %s",
                    message->root, message->node, message->who, tame);
        return false;
    }
    request->reply = asked != NULL ? mem_strdup(asked)
                                   : mem_printf("%s/nodes/%s/response/%s/%s", message->root, message->node, message->who,
                                                id[0] != '\0' ? id : message->verb);
    return true;
}

/* The id is a level of the reply's topic, and half of what the request is known by. */
static bool take_id(const struct json *args, char id[LIMIT_LABEL_BYTES + 1], struct refusal *refusal)
{
    const struct json *value = json_get(args, "id");
    const char *text = json_text(value);
    int64_t number = 0;
    id[0] = '\0';
    if (value == NULL)
        return true;
    if (text == NULL && json_integer(value, &number))
        snprintf(id, LIMIT_LABEL_BYTES + 1, "%" PRId64, number);
    else if (text != NULL && name_is_word(text, "-_.", LIMIT_LABEL_BYTES))
        snprintf(id, LIMIT_LABEL_BYTES + 1, "%s", text);
    else
        refusal_set(refusal, "InvalidRequest", "id must be a whole number, or up to %d letters, digits, - _ .",
                    LIMIT_LABEL_BYTES);
    return id[0] != '\0';
}

static bool is_of_type(const struct json *value, enum json_type type)
{
    int64_t number;
    return value == NULL || json_type(value) == JSON_NULL || (type == JSON_NUMBER ? json_integer(value, &number) : json_type(value) == type);
}

/* What is not what it should be is not passed over: {"tailLines":"1"} would be answered with all of a log. */
static bool check_types(const struct json *args, struct refusal *refusal)
{
    static const struct {
        enum json_type type;
        const char *what;
        const char *keys[16];
    } kinds[] = {
        { JSON_NUMBER, "a whole number",
          { "tailLines", "sinceSeconds", "limitBytes", "timeoutSeconds", "columns", "rows", "revision", "ack", "seq" } },
        { JSON_BOOL, "true or false",
          { "stream", "follow", "previous", "timestamps", "tty", "force", "freeze", "disk", "eof", "again", "cancel" } },
        { JSON_STRING, "a text", { "container", "namespace", "pod", "object", "name" } },
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        for (const char *const *key = kinds[i].keys; *key != NULL; key++)
            if (!is_of_type(json_get(args, *key), kinds[i].type)) {
                refusal_set(refusal, "InvalidRequest", "%s must be %s", *key, kinds[i].what);
                return false;
            }
    return true;
}

/* Bare words: "pods/historian", as a person types them. */
static struct json *read_bare(const struct request_message *message)
{
    const char *from = message->payload, *end = from + message->len;
    while (from < end && isspace((unsigned char)*from))
        from++;
    while (end > from && isspace((unsigned char)end[-1]))
        end--;
    AUTO_FREE char *words = mem_strndup(from, (size_t)(end - from));
    struct json *args = json_new_object();
    if (words[0] != '\0')
        json_set_text(args, "object", words);
    return args;
}

static struct json *read_payload(const struct request_message *message, struct refusal *refusal)
{
    struct error err = { .message = "" };
    size_t space = strspn(message->payload, " \t\r\n");
    if (message->len > LIMIT_REQUEST_BYTES)
        refusal_set(refusal, "InvalidRequest", "it has %zu bytes, %d are the most", message->len, LIMIT_REQUEST_BYTES);
    else if (memchr(message->payload, '\0', message->len) != NULL || !utf8_is_valid(message->payload, message->len))
        refusal_set(refusal, "InvalidRequest", "it is neither JSON nor the name of an object");
    else if (message->payload[space] != '{')
        return read_bare(message);
    else {
        struct json *args = json_parse(message->payload, message->len, &err);
        if (args != NULL)
            return args;
        refusal_set(refusal, "InvalidRequest", "%s", err.message);
    }
    return NULL;
}

static bool split_object(const char *text, struct object_id *id, struct refusal *refusal)
{
    const char *slash = strchr(text, '/');
    AUTO_FREE char *word = mem_strndup(text, slash != NULL ? (size_t)(slash - text) : 0);
    const struct resource *resource = slash != NULL ? resource_by_word(word) : resource_by_plural("pods");
    const char *name = slash != NULL ? slash + 1 : text;
    if (resource == NULL)
        refusal_set(refusal, "InvalidRequest", "\"%.80s\" is no kind of object", word);
    else if (!name_is_subdomain(name))
        refusal_set(refusal, "InvalidRequest", "\"%.80s\" names no object: as historian, or pods/historian", text);
    else {
        snprintf(id->resource, sizeof(id->resource), "%s", resource->plural);
        snprintf(id->name, sizeof(id->name), "%s", name);
        return true;
    }
    return false;
}

bool request_object(const struct json *args, struct object_id *id, struct refusal *refusal)
{
    const char *pod = json_get_text(args, "pod");
    const char *object = pod != NULL ? pod : json_get_text(args, "object");
    const char *namespace = json_get_text(args, "namespace");
    *id = (struct object_id){ .name = "" };
    if (object == NULL)
        return true;
    if (namespace != NULL && !name_is_label(namespace)) {
        refusal_set(refusal, "InvalidRequest", "\"%.80s\" is no namespace", namespace);
        return false;
    }
    snprintf(id->namespace, sizeof(id->namespace), "%s", namespace != NULL ? namespace : "default");
    return split_object(object, id, refusal);
}

static void set_key(const struct request_message *message, const char *id, struct request *request)
{
    char digest[DIGEST_HEX_BYTES];
    if (id[0] != '\0')
        snprintf(request->key, sizeof(request->key), "%s/%s/%s", message->who, message->verb, id);
    if (id[0] != '\0' || message->correlation == NULL)
        return;
    digest_of(message->correlation, strlen(message->correlation), digest);
    snprintf(request->key, sizeof(request->key), "%s/%s/~%.32s", message->who, message->verb, digest); /* no id begins so */
}

/* MQTT's own expiry is kept by the broker's clock and rules; ours is for those who have only 3.1.1. */
static bool check_age(const struct request_message *message, const struct json *args, struct refusal *refusal)
{
    int64_t expires = json_get_integer(args, "expires", -1);
    if (message->retained) {
        refusal_set(refusal, "Retained", "a request must not be retained: it would be carried out again and again");
        return false;
    }
    if (message->expiry_s == 0) {
        refusal_set(refusal, "Expired", "its message expiry was over when it came");
        return false;
    }
    if (message->expiry_s > 0 || json_get(args, "expires") == NULL || (expires > 0 && message->wall_ms == 0))
        return true;
    if (expires <= 0)
        refusal_set(refusal, "InvalidRequest", "expires must be milliseconds since 1970");
    else if ((uint64_t)expires <= message->wall_ms)
        refusal_set(refusal, "Expired", "it expired %" PRIu64 " ms before it came, by this node's clock (%" PRIu64 ")",
                    message->wall_ms - (uint64_t)expires, message->wall_ms);
    else if ((uint64_t)expires - message->wall_ms > EXPIRES_MAX_MS)
        refusal_set(refusal, "ClockSkew", "expires is %llu days ahead of this node's clock: one of the clocks is wrong",
                    ((unsigned long long)expires - message->wall_ms) / (24ull * 3600 * 1000));
    else
        return true;
    return false;
}

static bool is_input(const struct json *args)
{
    if (json_get(args, "pod") != NULL || json_get(args, "object") != NULL)
        return false;
    static const char *const keys[] = { "ack", "again", "cancel", "stdin", "stdinBase64", "eof", "resize" };
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (json_get(args, keys[i]) != NULL)
            return true;
    return false;
}

bool request_read(const struct request_message *message, struct request *request, struct refusal *refusal)
{
    char id[LIMIT_LABEL_BYTES + 1] = "";
    memset(request, 0, sizeof(*request));
    request->args = read_payload(message, refusal);
    bool good = request->args != NULL && take_id(request->args, id, refusal);
    if (request->args == NULL)
        request->args = json_new_object();
    struct refusal foreign;
    if (!take_reply(message, id, request, &foreign)) {
        *refusal = foreign;
        return false;
    }
    set_key(message, id, request);
    request->stream = json_get_boolean(request->args, "stream", false);
    request->input = is_input(request->args);
    if (good && message->correlation != NULL && strlen(message->correlation) > LIMIT_CORRELATION_BYTES) {
        refusal_set(refusal, "InvalidRequest", "its correlation data have more than %d bytes", LIMIT_CORRELATION_BYTES / 4 * 3);
        good = false;
    }
    good = good && check_age(message, request->args, refusal) && check_types(request->args, refusal) && request_object(request->args, &request->object, refusal);
    if (good && (request->stream || request->input) && id[0] == '\0') {
        refusal_set(refusal, "InvalidRequest", "a stream needs an id");
        request->stream = false; /* nobody could tell its chunks */
        return false;
    }
    return good;
}

void request_free(struct request *request)
{
    json_free(mem_steal(&request->args));
    free(mem_steal(&request->reply));
}

struct json *request_answer(const struct json *args)
{
    struct json *answer = json_new_object();
    const struct json *id = json_get(args, "id");
    if (id != NULL)
        json_set(answer, "id", json_copy(id));
    json_set_boolean(answer, "ok", true);
    return answer;
}

struct json *request_failure(const struct json *args, const char *reason, const char *message)
{
    struct json *answer = request_answer(args);
    json_set_boolean(answer, "ok", false);
    json_set_text(answer, "reason", reason);
    json_set_text(answer, "message", message);
    return answer;
}

void request_put_bytes(struct json *json, const char *key, const char *base64_key, const char *data, size_t len)
{
    bool is_text = memchr(data, '\0', len) == NULL && utf8_is_valid(data, len);
    AUTO_FREE char *text = is_text ? mem_strndup(data, len) : base64_encode(data, len);
    json_set_text(json, is_text ? key : base64_key, text);
}
