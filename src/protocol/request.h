/* A request that came over the broker or the control socket, and what is answered. docs/protocol.md, Requests. Pure. */
#ifndef PROTOCOL_REQUEST_H
#define PROTOCOL_REQUEST_H

#include "base/json.h"
#include "model/object_id.h"
#include "protocol/document.h"
#include "protocol/topic.h"

#define REQUEST_KEY_BYTES (LIMIT_REQUEST_NAME_BYTES + 1 + TOPIC_VERB_BYTES + 1 + LIMIT_LABEL_BYTES + 1) /* WHO/VERB/ID */

/* How it came. */
struct request_message {
    const char *root, *node;
    const char *verb, *who;
    const char *payload; /* one NUL behind it */
    size_t len;
    bool retained;
    const char *response_topic; /* MQTT 5's; NULL: none */
    const char *correlation;    /* base64; NULL: none */
    int64_t expiry_s;           /* what MQTT 5 leaves it; -1: nothing is said */
    uint64_t wall_ms;           /* this node's clock; 0: it was never set, and `expires` is not held against it */
};

struct request {
    struct json *args; /* the payload as an object, never NULL; `id` as it came */
    struct object_id object; /* what it is about; name "": nothing */
    char key[REQUEST_KEY_BYTES]; /* what it is known by when it comes again; "": it cannot be known */
    char *reply; /* topic of the answer; NULL: none that may be used */
    bool stream; /* answered by chunks */
    bool input;  /* for a stream that runs: an acknowledgement, input */
};

/* False: refused, for the reason of `refusal`; what there is of `request` tells where to say it. Free it in any case.
 * Reasons: ForeignReply Retained Expired ClockSkew InvalidRequest.
 */
MUST_CHECK bool request_read(const struct request_message *message, struct request *request, struct refusal *refusal);
void request_free(struct request *request);

/* What both ways in have: `args` to the object that it names. An empty name where none is named. */
MUST_CHECK bool request_object(const struct json *args, struct object_id *id, struct refusal *refusal);

/* {"id",…,"ok":true}, {"id","ok":false,"reason","message"}; the caller frees. */
struct json *request_answer(const struct json *args);
struct json *request_failure(const struct json *args, const char *reason, const char *message);
/* "text", or "base64" where it is no UTF-8. `key` is "text" or another name of the text. */
void request_put_bytes(struct json *json, const char *key, const char *base64_key, const char *data, size_t len);

#endif
