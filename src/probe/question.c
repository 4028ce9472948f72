#include "probe/question.h"

#include <inttypes.h>
#include <string.h>

#include "base/memory.h"

#define GRPC_HEAD 5          /* a flag and a length, in front of a message */
#define GRPC_FIELD_SERVICE 0x0a /* field 1, a text */
#define GRPC_FIELD_STATUS 0x08  /* field 1, a number */
#define GRPC_SERVING 1
#define GRPC_SERVICE_MAX 120

static bool read_kind(const char *word, enum question_kind *kind)
{
    static const char *const words[] = { "http", "tcp", "grpc" };
    for (size_t i = 0; word != NULL && i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(word, words[i]) == 0) {
            *kind = (enum question_kind)i;
            return true;
        }
    return false;
}

static char *text_or(const struct json *head, const char *key, const char *fallback)
{
    const char *text = json_get_text(head, key);
    return mem_strdup(text != NULL ? text : fallback);
}

struct question *question_read(const struct json *head, struct error *err)
{
    struct question *question = mem_alloc(sizeof(*question));
    const char *host = json_get_text(head, "host"), *scheme = json_get_text(head, "scheme");
    const struct json *headers = json_get(head, "headers");
    question->id = json_get_integer(head, "id", -1);
    question->port = json_get_integer(head, "port", 0);
    question->timeout_ms = json_get_integer(head, "timeoutMs", 1000);
    question->https = scheme != NULL && strcmp(scheme, "HTTPS") == 0;
    if (question->id < 0 || host == NULL || !read_kind(json_get_text(head, "kind"), &question->kind) ||
        question->timeout_ms <= 0) {
        error_set(err, ERROR_INVALID, "a probe needs an id, a kind (http, tcp, grpc), a host and a timeoutMs");
        free(question);
        return NULL;
    }
    question->host = mem_strdup(host);
    question->path = text_or(head, "path", "/");
    question->service = text_or(head, "service", "");
    question->headers = headers != NULL ? json_copy(headers) : json_new_array();
    return question;
}

void question_free(struct question *question)
{
    if (question == NULL)
        return;
    free(question->host);
    free(question->path);
    free(question->service);
    json_free(question->headers);
    free(question);
}

char *question_url(const struct question *question)
{
    bool is_v6 = strchr(question->host, ':') != NULL && question->host[0] != '[';
    const char *path = question->kind == QUESTION_GRPC ? "/grpc.health.v1.Health/Check"
                       : question->kind == QUESTION_TCP ? "/"
                                                        : question->path;
    return mem_printf("%s://%s%s%s:%" PRId64 "%s%s", question->https ? "https" : "http", is_v6 ? "[" : "", question->host,
                      is_v6 ? "]" : "", question->port, path[0] == '/' ? "" : "/", path);
}

size_t question_grpc_body(const struct question *question, unsigned char *out, size_t size)
{
    size_t len = strlen(question->service);
    size_t message = len > 0 ? len + 2 : 0;
    if (len > GRPC_SERVICE_MAX || GRPC_HEAD + message > size)
        return 0;
    memset(out, 0, GRPC_HEAD);
    out[4] = (unsigned char)message;
    if (len > 0) {
        out[5] = GRPC_FIELD_SERVICE;
        out[6] = (unsigned char)len;
        memcpy(out + 7, question->service, len);
    }
    return GRPC_HEAD + message;
}

bool question_grpc_serving(const unsigned char *body, size_t len, int *status)
{
    *status = 0;
    if (len >= GRPC_HEAD + 2 && body[0] == 0 && body[GRPC_HEAD] == GRPC_FIELD_STATUS)
        *status = body[GRPC_HEAD + 1];
    return *status == GRPC_SERVING;
}
