/* What the modules of the deciding thread stand on, and the way in from outside. The loop around it is main.c in davitd,
 * and the simulator in the tests: nothing here knows libuv, a socket or a clock.
 */
#ifndef CORE_CORE_H
#define CORE_CORE_H

#include "core/config.h"
#include "core/happened.h"
#include "core/images.h"
#include "core/machine.h"
#include "core/network.h"
#include "core/object.h"
#include "core/outbox.h"
#include "core/pulls.h"
#include "core/requests.h"
#include "core/services.h"
#include "model/admission.h"
#include "model/history.h"
#include "protocol/desired_node.h"

/* The world outside. Heads are taken. */
struct core_env {
    void *ctx;
    const char *boot_id;
    uint64_t (*boot_ms)(void *ctx);
    uint64_t (*wall_ms)(void *ctx);
    void (*random)(void *ctx, void *out, size_t len);
    void (*to_link)(void *ctx, struct json *head, const void *body, size_t len);
    bool presence_twice; /* the link subscribes to our presence by its name, and by a wildcard besides */
    void (*to_runtime)(void *ctx, struct json *head, const void *body, size_t len);
    /* The same with descriptors; they stay the caller's. */
    void (*to_runtime_fds)(void *ctx, struct json *head, const void *body, size_t len, const int *fds, size_t fd_count);
    /* The same for the runtime of virtual machines. NULL: this device has none. */
    void (*vms_start)(void *ctx); /* core_vms_up follows, or core_vms_down */
    void (*to_vms)(void *ctx, struct json *head, const void *body, size_t len);
    void (*to_vms_fds)(void *ctx, struct json *head, const void *body, size_t len, const int *fds, size_t fd_count);
    void (*to_probe)(void *ctx, struct json *head);
    /* With descriptors; all stays the caller's. It is started where it is not there; false: it is not yet, and nothing was sent:
     * core_probe_up follows, or core_probe_down. NULL: it cannot be done.
     */
    bool (*to_probe_fds)(void *ctx, const struct json *head, const int *fds, size_t fd_count);
    void (*to_net)(void *ctx, struct json *head); /* NULL: pods have no network but the loopback */
    int64_t cpu_m, memory_bytes, disk_bytes; /* of this machine; the disk: of the state folder's file system */
    /* What all of it uses now. NULL: not known. */
    void (*machine)(void *ctx, struct machine *out);
    /* Stop reading from the link until it is false again: too much waits for the disk. */
    void (*pause_link)(void *ctx, bool paused);
    /* Brings an image; core_pull_ended follows, also after cancel_pull. `auths`: an array of Docker's auth.json documents. */
    void (*pull)(void *ctx, const char *reference, const struct json *auths);
    void (*cancel_pull)(void *ctx, const char *reference);
    /* Removes what is in a claim; core_claim_purged follows, and not before this returns. */
    void (*purge_claim)(void *ctx, const char *namespace, const char *name);
    /* A layer's folder that no row knows any more. */
    void (*drop_layer)(void *ctx, int64_t folder);
    /* Appends samples to a file of the history, on the disk; core_samples_kept follows. Both are taken. NULL: it cannot. */
    void (*keep_samples)(void *ctx, char *path_taken, char *text_taken, size_t len);
    /* Reads one; core_samples_read follows. The path is taken. There where keep_samples is. */
    void (*read_samples)(void *ctx, char *path_taken);
    /* Removes one. `counted`: core_samples_lost follows, with what was in it. The path is taken. */
    void (*remove_samples)(void *ctx, char *path_taken, bool counted);
    /* Carries out what reads files or pumps descriptors: ends in requests_answer. NULL: it cannot be done. */
    void (*serve)(void *ctx, const struct request_call *call);
    /* For the stream WHO/ID: what its requester has received, or gives its command to read. */
    void (*stream_input)(void *ctx, const char *key, const struct json *input);
};

/* Of the layers that a pull has to bring: bytes as stored at the registry. */
struct pull_progress {
    int64_t bytes, total, bytes_per_second;
    size_t layer, layers; /* whole ones, all */
};

/* A frame, looked at: the simulator has no sockets. */
struct frame_view {
    const struct json *head;
    const char *body; /* may be NULL; one NUL behind it */
    size_t body_len;
};

struct link_state {
    bool connected;
    size_t packet_limit;  /* the broker's; 0: none */
    bool flood_over;      /* the nonce came back */
    bool told;            /* all objects were told, behind the first flood of this connection */
    bool truncated;       /* it did not: nothing is judged missing */
    bool narrow;          /* the broker keeps documents, and does not show them to a subscription with wildcards */
    unsigned presences;   /* our own, kept by the broker: one for each of our two subscriptions to it */
    bool was_connected;   /* in this davitd's life, before this connection */
    int64_t former_ts;    /* of the presence that the broker held when this davitd connected first */
    uint64_t connected_ms;  /* boot */
    unsigned short_losses;  /* connections running that were lost soon, with a message in flight */
    unsigned suspected;     /* connections running that ended on it */
    char suspect[512];      /* the topic of the one that was in flight alone; "": none */
    uint64_t denied_ms;   /* boot, when the broker refused a message last; 0: what is refused is tried */
    char denied[256];     /* on which topic */
    uint64_t rival_ms;    /* boot: the last sign of another client with our client id; 0: none */
    uint64_t dropped;     /* events, as far as was looked */
    uint64_t dropped_ms;  /* boot: since when the broker can hear that some were; 0: nothing is to be told of it */
    uint64_t sync_due_ms; /* boot; 0: not waiting */
    char nonce[POD_UID_BYTES];
    char session[POD_UID_BYTES]; /* of this davitd */
    char problem[256];    /* why it is not connected; "" */
    char left[LIMIT_NAME_BYTES + 1]; /* group that was unsubscribed from last, since the connection */
    bool presence_owed;        /* the broker holds another one than ours */
    bool farewell;             /* ours is the good-bye */
    uint64_t presence_said_ms; /* boot */
    size_t arrivals;      /* waiting behind commits */
    size_t arrival_bytes; /* of them */
    int64_t last_seq;     /* of a live message; they rise over the lives of davit-link */
    int64_t base_seq;     /* what davit-link calls 1 is one more */
    bool paused;
};

/* The look at what pods with a limit have on the disk. */
struct eviction {
    int64_t call;      /* in flight; 0: none */
    uint64_t asked_ms; /* boot */
    uint64_t due_ms;   /* 0: nothing to look at */
};

/* What pods were promised of this node. */
struct admission {
    struct pod_wants promised; /* and not used yet, of the disk */
    struct admission_entry *entries; /* those that wait, in their order */
    size_t count, size;
    size_t unjudged;  /* the first of them that is to be looked at again */
    uint64_t look_ms; /* one waits for the disk: it is looked at then (boot); 0: none does */
};

struct claims {
    int64_t call; /* counts what is in some; in flight; 0: none */
    bool watch;   /* one of them ends, and waits for its users */
};

struct runtime_call;

struct runtime_state {
    const char *name;     /* "crun" */
    bool of_vms;
    bool wanted;          /* something needs it: that of virtual machines is started only then */
    bool asked;           /* it was started */
    bool up;
    bool listed;          /* what exists is known */
    bool needs_images;
    char version[64];
    char problem[256];
    struct runtime_call *calls;
    int64_t list_call;    /* in flight; 0: none */
    uint64_t list_asked;  /* `answers` when it was asked */
    uint64_t answers;     /* counts them */
    struct json *notified; /* array: what was told while it listed */
    uint64_t list_due_ms;
};

struct core {
    const struct config *config;
    const struct core_env *env;
    struct store *store;
    struct outbox *outbox;
    struct objects objects;
    struct object bundle, desired_node; /* documents of the node as a whole: in no table (core/whole) */
    struct json *manifest_node; /* the manifests folder's Node; NULL: it has none */
    struct desired_node node; /* what holds: the configuration's, and over it the document's */
    uint64_t tainted_boot_ms; /* its taints hold since, in this life of davitd */
    struct whole_change *whole_changes; /* on their way to the disk */
    uint64_t bundle_serial;
    struct images images;
    struct pulls pulls;
    struct network network;
    struct requests requests;
    struct services services;
    struct asking *askings; /* hooks and probes that are being asked */
    struct exec *execs;     /* commands that people run in containers, and connections to them */
    struct forward *forwards; /* connections that wait for davit-probe */
    struct eviction eviction;
    struct admission admission;
    struct claims claims;
    struct stats *stats;    /* NULL: nobody has asked yet */
    struct telemetry *telemetry; /* NULL: nothing was measured yet */
    bool discovery_told;    /* of the node */
    struct link_state link;
    struct runtime_state runtime; /* of pods */
    struct runtime_state vms;
    int64_t last_call;            /* number of a question to any child */
    struct change *changes; /* whose commit failed */
    struct object **dirty; /* objects to be told of */
    size_t dirty_count, dirty_size;
    uint64_t wake_ms;      /* something is due then; 0: nothing */
    uint64_t objects_wake_ms; /* the earliest time an object wants; 0: none */
    uint64_t event_serial;
    struct happened happened;
    uint64_t purge_due_ms;
    uint64_t sweep_due_ms; /* rows of the outbox that could not be deleted; 0: none */
    char store_problem[256];
    char database_lost[256]; /* where a damaged one was put; "" */
    uint64_t started_ms;     /* wall */
    bool node_dirty;
    bool clock_set;          /* when it was looked at last */
    uint64_t looked_wall_ms, looked_boot_ms; /* clock_state_is_steady */
    char told_node_state[DIGEST_HEX_BYTES];
    char told_node_status[DIGEST_HEX_BYTES];
    uint64_t node_told_ms;
    uint64_t told_images;   /* `changes` of the images when the node was told of */
};

/* Loads everything from the store. `config`, `env` and `store` must outlive it. NULL on error. */
MUST_CHECK struct core *core_new(const struct config *config, const struct core_env *env, struct store *store,
                                 struct error *err);
void core_free(struct core *core);

/* What comes in. Each ends with core_settle, by the caller. */
void core_link_frame(struct core *core, const struct frame_view *frame);
void core_link_down(struct core *core, const char *why);
void core_runtime_up(struct core *core);
void core_runtime_frame(struct core *core, const struct frame_view *frame);
void core_runtime_down(struct core *core, const char *why);
void core_vms_up(struct core *core);
void core_vms_frame(struct core *core, const struct frame_view *frame);
void core_vms_down(struct core *core, const char *why);
void core_probe_frame(struct core *core, const struct frame_view *frame);
void core_probe_up(struct core *core);
void core_probe_down(struct core *core);
void core_net_up(struct core *core);
void core_net_frame(struct core *core, const struct frame_view *frame);
void core_net_down(struct core *core, const char *why);
void core_pull_progress(struct core *core, const char *reference, const struct pull_progress *progress);
/* `reason` NULL: it is there as image `id`, and on the disk; `message` may warn all the same. */
void core_pull_ended(struct core *core, const char *reference, const char *id, const char *reason, const char *message);
/* `problem` NULL: it is not there any more. */
void core_claim_purged(struct core *core, const char *namespace, const char *name, const char *problem);
/* `problem` NULL: the samples are on the disk. */
void core_samples_kept(struct core *core, const char *problem);
/* What a file has, and how many of its lines say nothing. Takes the samples. */
void core_samples_read(struct core *core, struct history *samples_taken, size_t bad);
void core_samples_lost(struct core *core, size_t count);
/* Does what is due, tells what changed. Returns when to call again at the latest (boot ms); 0: no need. */
uint64_t core_settle(struct core *core);
/* Says good-bye on the presence topic: an orderly end. */
void core_farewell(struct core *core);

/* For the modules. */
uint64_t core_boot_ms(const struct core *core);
uint64_t core_wall_ms(const struct core *core);
/* The same for what goes out; 0: the clock of this device was never set (LIMIT_CLOCK_SET_MS), and nobody is told a time by it. */
uint64_t core_set_wall_ms(const struct core *core);
/* How old what an earlier davitd dated is; 0 also where the clock was set since, by years. */
uint64_t core_age_ms(const struct core *core, uint64_t since_wall_ms);
void core_set_ts(const struct core *core, struct json *message); /* `ts`, if it is known */
void core_new_uid(const struct core *core, char out[POD_UID_BYTES]);
void core_event(struct core *core, const struct object *object, bool warning, const char *reason, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* Empties its topics, surely: rows in `txn`. */
void core_clear(struct core *core, struct object *object, struct store_txn *txn);
#define CORE_DISK_RETRY_MS 5000u
void core_store_failed(struct core *core, const struct error *err);
void core_store_worked(struct core *core);
/* It changed: reconcile and tell of it at the next settle. */
void core_touch(struct core *core, struct object *object);
void core_touch_all(struct core *core);
void core_wake_at(struct core *core, uint64_t boot_ms);
/* The same for one object alone: the others are left in peace. */
void core_wake_object(struct core *core, struct object *object, uint64_t boot_ms);

#endif
