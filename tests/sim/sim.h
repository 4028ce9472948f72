/* The simulator: the real core, protocol, model and store of davitd in a world of its own, where everything comes from
 * one seed: a simulated broker, runtime, device, clock, disk and operator. One queue orders all that happens, so a seed
 * is a whole history, and plays again exactly.
 */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include "base/json.h"
#include "core/core.h"
#include "queue.h"

#define SIM_PODS 5
#define SIM_CONTENTS 6     /* documents an operator may choose from, for each pod */
#define SIM_TOMBSTONE 6    /* the seventh: its deletion */
#define SIM_CONTAINERS 2
#define SIM_MEMORY_MI 448  /* for pods: of 512, with what is reserved */
#define SIM_ROOT "davit"
#define SIM_NODE "sim"

#define SECOND 1000u
#define MINUTE 60000u

/* Those with a topic for each object first. The order of ruling is in accepted_ruling. */
enum source { FROM_NODE, FROM_LINE1, FROM_LINE2, FROM_ALL, FROM_FILES, FROM_BUNDLE, SOURCES };

/* Lies that a self-test has the simulated world tell: each must be found by its invariant. */
enum lie {
    LIE_NONE, LIE_TWICE, LIE_BACK, LIE_UNASKED, LIE_ONCE, LIE_CONVERGE, LIE_STATUS, LIE_LEAK, LIE_DURABLE, LIE_QUIET,
    LIE_REPLAY, LIE_IMAGE, LIE_NET, LIE_ADDRESS, LIE_HEALTH, LIE_MEMORY, LIE_COUNT
};

enum counter {
    N_EVENTS, N_FRAMES, N_COMMITS, N_DISK_FULL, N_CRASHES, N_CRASHES_COMMITTED, N_HOST_CRASHES, N_HALF_MADE, N_REBOOTS,
    N_WALL_STEPS, N_RECONFIGURED, N_WIPED, N_BROKER_RESTARTS, N_BROKER_LOST, N_BROKER_RESTORED, N_DISCONNECTS, N_REPLAYS,
    N_LIVE_AGAIN, N_TRUNCATED, N_LATE_WILLS, N_LINK_ENDS, N_PUBLISHED, N_TOMBSTONES, N_REFUSABLE, N_EMPTIED, N_FILES,
    N_ACCEPTED, N_CREATES, N_STARTS, N_STOPS, N_KILLS, N_EXITS, N_CALLS_FAILED, N_DEADLINES, N_NOTIFY_LOST, N_STATUSES, N_PULLS,
    N_PULLS_FAILED, N_ATTACHES, N_DETACHES, N_NET_CRASHES, N_PROBES, N_PROBES_FAILED, N_HOOKS, N_PROBE_CRASHES, N_COMMANDS,
    N_WAIT,
    N_COUNTERS
};

struct sim;

/* ---- what an operator wants of one slot */
struct intent {
    bool filled;
    int content;         /* SIM_TOMBSTONE: deleted */
    bool has_generation;
    int64_t generation;
    bool doubtful;       /* the broker may not hold it, or the node may refuse it: said again when all is calm */
    bool said[SIM_CONTENTS + 1]; /* contents that were published before */
};

/* One that was published and may be accepted; content -1: the pod is not in it. */
struct bundle_said {
    int64_t generation;
    int content[SIM_PODS];
};

struct operator {
    struct intent slots[SIM_PODS][SOURCES];
    struct bundle_said *bundles; /* oldest first */
    size_t bundle_count;
    bool bundle_doubtful;        /* as of an intent */
    int64_t last_generation;
    bool garbage_file;
};

/* ---- what the node has accepted, read from its disk */
struct delivery {
    int content;
    int64_t generation; /* -1: none */
    bool live;
    struct delivery *next;
};

struct slot_seen {
    bool filled;
    int content;
    int64_t generation;
    uint64_t accepted_ms;
    int64_t told; /* the highest observedGeneration that a status named; -1 */
    struct delivery *delivered; /* to this davitd, oldest first */
    bool superseded[SIM_CONTENTS + 1];
};

struct pod_seen {
    struct slot_seen slots[SOURCES];
    int ruling;    /* variant; -1: none */
    int source;    /* of the ruling slot; -1 */
    uint64_t turn; /* counts the changes of `ruling` */
    uint64_t none_turn; /* when nothing was wanted last */
    bool wiped;    /* the database was lost: nothing is known until a document comes */
};

/* ---- the device */
enum life { MADE, RUNNING, ENDED };

struct box {
    char uid[POD_UID_BYTES];
    int pod;
    int container;
    int64_t attempt;
    int variant;
    uint64_t turn; /* the pod's, when it was asked for */
    enum life life;
    bool supervised;
    bool told_to_stop;
    size_t failed[PROBE_KINDS]; /* answers of its probes that said so */
    bool hook_failed;           /* its postStart */
    bool pre_stop_asked;
    int64_t exit_code;
    uint64_t started_ms, finished_ms, finished_boot_ms;
    uint64_t serial; /* of its life: late ends of an earlier one are void */
    char *record;
    struct box *next;
};

/* A container of an incarnation: what was done with it ever. */
struct past {
    char uid[POD_UID_BYTES];
    int container;
    size_t starts;
    bool ended_well;
    struct past *next;
};

struct shared {
    char uid[POD_UID_BYTES];
    int pod;
    struct shared *next;
};

struct device {
    struct box *boxes;
    struct shared *shared;
    struct past *past;
    uint64_t last_serial;
    uint64_t changed_ms[SIM_PODS];
};

/* ---- the runtime host */
struct call {
    int64_t id;
    char name[16];
    char lane[POD_UID_BYTES];
    struct json *document;
    uint64_t turn;
    bool begun, done, answered;
    bool ok;
    const char *reason;
    char *answer;
    struct call *next;
};

/* One that a person runs in a container. */
#define SIM_COMMANDS 8
struct command {
    struct sim *sim;
    int64_t id;
    bool waits; /* for its end to be told */
};

struct host {
    bool up, opened;
    uint64_t epoch;
    uint64_t last_out_ms;
    struct call *calls; /* oldest first */
};

/* ---- davit-net, and the namespaces that outlive it */
struct attached {
    char uid[POD_UID_BYTES];
    char *address;
    struct attached *next;
};

struct net_call {
    int64_t serial;
    struct json *head;
    struct net_call *next;
};

struct net {
    bool starting, up;
    uint64_t epoch;
    uint64_t last_out_ms;
    int64_t last_serial;
    struct net_call *calls; /* oldest first: one after the other */
    struct attached *attached;
};

/* ---- davit-probe */
struct asker {
    bool starting, up;
    uint64_t epoch;
};

/* ---- the broker, and the link to it */
struct kept {
    char *topic;
    char *payload;
    struct kept *next;
};

struct message {
    char *topic;
    char *payload; /* NULL: the mark "connected" */
    bool retain;
    bool qos1;
    struct message *next;
};

struct broker {
    bool up;
    struct kept *retained;
    struct kept *backup;
    bool session;
    struct message *queue; /* of the session: not acknowledged yet; oldest first */
};

enum link_phase { LINK_DOWN, LINK_TRYING, LINK_CONNECTED };

struct link {
    enum link_phase phase;
    uint64_t epoch;
    uint64_t last_out_ms;
    struct message *wire; /* on the way to davitd */
    bool pumping;
    int64_t waits_for;    /* seq that is to be taken; 0: none */
    int64_t last_seq;
    uint64_t tries;
    int64_t flying[64];   /* ids of publishes without an answer */
    size_t flying_count;
    char *will;
};

/* ---- davitd */
struct node {
    bool up;
    uint64_t epoch;
    struct config *config;
    struct core_env env;
    struct store *store;
    struct core *core;
    uint64_t timer; /* serial of the timer that counts */
    bool dispatch_due;
    bool dispatching;
    bool deaf; /* what it says is lost: it is being ended */
    struct held { struct json *head; char *body; size_t len; struct held *next; } *held;
    char boot_id[POD_UID_BYTES];
    uint64_t boot_at_ms;
    bool link_started;
    uint64_t settled_at_ms;
    size_t settled_count;
};

/* ---- a pull that runs */
struct pulling {
    char *reference; /* NULL: none */
    uint64_t serial;
    bool placing;
};

/* How wild a seed is; chances are in 1/1000, gaps in ms. */
struct temper {
    unsigned call_fails, notify_lost, call_slow, flood_cut, commit_slow, commit_crash, ack_lost, half, pull_fails, sick;
    uint64_t operator_gap, chaos_gap;
    bool crashes, broker, hosts, reboots, disk, wipes, groups, files, nets;
};

struct sim {
    uint64_t seed;
    uint64_t random;
    enum lie lie;
    bool trace;
    uint64_t hash;
    uint64_t now_ms;
    int64_t wall_offset_ms;
    uint64_t latest_wall_ms; /* it may have been set back since */
    bool calm; /* faults have ended */
    bool disk_full;
    const char *folder;
    struct queue queue;
    struct temper temper;
    struct operator operator;
    struct pod_seen seen[SIM_PODS];
    int64_t bundle_seen; /* generation of the accepted bundle; -1: none */
    struct device device;
    struct host host;
    struct net net;
    struct asker asker;
    struct command commands[SIM_COMMANDS];
    struct broker broker;
    struct link link;
    struct node node;
    struct pulling pulls[LIMIT_PULLS];
    uint64_t last_pull;
    bool networks; /* pods have their own; else there is no davit-net */
    bool images; /* they come from a registry; else every one is here */
    enum source groups[2]; /* as configured, in their order */
    size_t group_count;
    uint64_t counters[N_COUNTERS];
    bool failed;
    const char *invariant;
    char what[512];
};

/* base */
uint64_t sim_random(struct sim *sim);
uint64_t sim_below(struct sim *sim, uint64_t bound);
bool sim_chance(struct sim *sim, unsigned per_thousand);
uint64_t sim_boot_ms(const struct sim *sim);
uint64_t sim_wall_ms(const struct sim *sim);
void sim_note(struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The first one counts. `invariant` is static. */
void sim_fail(struct sim *sim, const char *invariant, const char *format, ...) __attribute__((format(printf, 3, 4)));
struct event *sim_after(struct sim *sim, uint64_t delay_ms, void (*run)(struct sim *sim, struct event *event));
const char *sim_source_word(enum source source);
const char *sim_group_name(enum source source); /* "" unless a group */

#endif
