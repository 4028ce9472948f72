/* One question to a workload, as the parent put it. Pure. */
#ifndef PROBE_QUESTION_H
#define PROBE_QUESTION_H

#include "base/error.h"
#include "base/json.h"

enum question_kind { QUESTION_HTTP, QUESTION_TCP, QUESTION_GRPC };

struct question {
    int64_t id;
    enum question_kind kind;
    char *host;         /* an address or a name */
    int64_t port;
    int64_t timeout_ms;
    bool https;
    char *path;
    struct json *headers; /* [{"name","value"}] */
    char *service;      /* gRPC; "" asks for the server */
};

/* NULL: the parent sent nonsense. The caller frees. */
MUST_CHECK struct question *question_read(const struct json *head, struct error *err);
void question_free(struct question *question);
/* "http://10.213.0.5:8080/x"; an IPv6 address in brackets. The caller frees. */
char *question_url(const struct question *question);
/* gRPC: a HealthCheckRequest in its frame; and whether an answer says SERVING. Docs: gRPC health checking protocol. */
size_t question_grpc_body(const struct question *question, unsigned char *out, size_t size);
bool question_grpc_serving(const unsigned char *body, size_t len, int *status);

#endif
