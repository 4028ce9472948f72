/* The core in a world of its own: a clock that stands still, a broker that keeps what it is told, a runtime that obeys.
 * Whatever is sent is recorded; nothing happens but in kit_settle.
 */
#ifndef TESTS_COREKIT_H
#define TESTS_COREKIT_H

#include <string.h>

#include "base/memory.h"
#include "core/core.h"
#include "unit.h"

#define NODE_TOPIC "davit/nodes/press-7"
#define HELLO NODE_TOPIC "/desired/default/pods/hello"
#define LINE_HELLO "davit/groups/line-3/desired/default/pods/hello"
#define ALL_HELLO "davit/groups/all/desired/default/pods/hello"
#define LIVE false
#define RETAINED true
#define NO_SEQ (-1)

struct corekit {
    char folder[64];
    struct config *config;
    struct core_env env;
    struct store *store;
    struct core *core;
    uint64_t now;  /* boot */
    uint64_t wall;
    unsigned char random;
    struct json *broker;    /* topic: payload, as published last */
    struct json *unacked;   /* ids that wait for `published` */
    struct json *subscribed; /* the newest change of the subscriptions; NULL: there was none */
    struct json *events;    /* payloads on the events topic, parsed */
    struct json *calls;     /* to the runtime, not answered: {"id","call","document"} */
    struct json *instances; /* what the runtime has: "UID/CONTAINER/ATTEMPT": instance */
    struct json *told;      /* names of all runtime calls but list, in their order */
    struct json *fd_names;  /* of the last call that had descriptors; NULL: none had */
    size_t fd_count;
    int64_t taken;          /* newest seq that was acknowledged; 0: none */
    struct json *pulls;     /* references that are being pulled: their auths */
    struct json *cancelled; /* references */
    struct json *dropped;   /* folders of layers */
    struct json *purged;    /* claims, as "namespace/name" */
    bool purged_wrongly;    /* one that a container had then */
    const char *stats;      /* what the runtime answers to stats; NULL: {} */
    bool needs_images;      /* said by the runtime when it comes up */
    bool disk_waits;        /* the store is not dispatched */
    bool runtime_waits;     /* calls are not answered */
    const char *failing;    /* this call fails */
    const char *failing_reason; /* NULL: TestError */
    bool paused;
    uint64_t wake_ms;       /* what core_settle said last */
};

/* cmocka's setup and teardown. *state is the kit; it is connected, the flood is over and the runtime has been heard. */
int kit_setup(void **state);
int kit_teardown(void **state);
/* The same world after a restart of davitd; settings are kept. Not connected, no runtime. */
void kit_stop(struct corekit *kit);
void kit_start(struct corekit *kit);
void kit_lose_database(struct corekit *kit);

void kit_connect(struct corekit *kit);  /* up to the end of the subscriptions */
void kit_flood_over(struct corekit *kit);
void kit_runtime_up(struct corekit *kit);
void kit_settle(struct corekit *kit);
void kit_advance(struct corekit *kit, uint64_t ms); /* both clocks, and what is due */
void kit_set(struct corekit *kit, const char *assignment); /* configuration, before kit_start */

void kit_link_frame(struct corekit *kit, const char *head, const char *body);
void kit_runtime_frame(struct corekit *kit, const char *head, const char *body);
/* A message, and all that follows from it. */
void kit_message(struct corekit *kit, const char *topic, const char *body, bool retained, int64_t seq);

/* A pod's document; the caller frees. `generation` NULL: a person's hand. `more` is put into the spec. */
char *kit_pod(const char *image, const char *generation, const char *more);
char *kit_tombstone(const char *generation);
/* Publishes one, retained flag as said, and settles. */
void kit_say(struct corekit *kit, const char *topic, char *document_taken, bool retained);

/* What the broker holds: NULL where nothing was published there, "" where it was cleared. */
const char *kit_held(const struct corekit *kit, const char *topic);
bool kit_status_has(const struct corekit *kit, const char *name, const char *text);
bool kit_state_has(const struct corekit *kit, const char *name, const char *text);
size_t kit_event_count(const struct corekit *kit, const char *reason);
size_t kit_running(const struct corekit *kit);
/* The runtime's calls since the last look, as one text: "create start ". The caller frees. */
char *kit_calls(struct corekit *kit);
/* The pull of a reference (normalised) ends: with an image of that id, or, reason not NULL, without. And settles. */
void kit_pulled(struct corekit *kit, const char *reference, const char *id);
void kit_not_pulled(struct corekit *kit, const char *reference, const char *reason);
/* The one instance in the runtime ends by itself. */
void kit_exit(struct corekit *kit, int64_t code);
/* The running instance of a pod does. */
void kit_exit_of(struct corekit *kit, const char *pod, int64_t code);
/* Names of the pods that run, sorted, as one text: "web-0 web-1 ". The caller frees. */
char *kit_running_names(const struct corekit *kit);

#endif
