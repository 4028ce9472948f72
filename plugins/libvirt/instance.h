/* One attempt of a virtual machine: what is known of it. Everything here wants vms->lock held, but for what only makes,
 * frees or describes an instance that nobody else has.
 */
#ifndef VMS_INSTANCE_H
#define VMS_INSTANCE_H

#include "domain.h"
#include "vms.h"

enum instance_state { INSTANCE_CREATED, INSTANCE_RUNNING, INSTANCE_EXITED };

struct end {
    int exit_code;
    const char *reason;  /* static */
    char *message;       /* NULL: none */
    uint64_t wall_ms, boot_ms;
};

struct instance {
    char *id;
    char *uid, *namespace_, *name, *container;
    int64_t attempt;
    char domain[DOMAIN_NAME_BYTES];
    char *log_path;
    struct json *record;    /* the core's own; NULL: none */
    uint64_t created_ms, started_ms; /* wall; 0: not */
    bool emulated;

    enum instance_state state;
    struct end end;         /* when it is exited */
    bool end_seen;          /* an event told `end`; whether it is of this attempt is looked at */
    bool destroying;        /* ended by us */
    bool busy;              /* an errand changes it; the next one waits */
    bool removing;          /* its end is no news any more */
    bool look;              /* the keeper is to look at it */
    uint64_t look_boot_ms;  /* and not before */
    bool console_taken;
    bool frozen;            /* its file systems, for a snapshot: to be thawed */

    int64_t reboots;        /* by the guest, by its watchdog too */
    uint64_t rebooted_boot_ms;
    bool watchdog_fired;    /* and nothing came of it yet */
    const char *paused;     /* why it stands still, a static word; NULL: it does not */
    bool agent;             /* the guest agent has opened its channel */
    uint64_t ask_boot_ms;   /* when the agent is asked again; 0: not */
    unsigned asked;         /* how often it was, since it came */
    struct json *addresses; /* as the agent says; NULL: unknown */
    char *guest_os;
    struct json *snapshots; /* NULL: none */

    struct instance *next;
};

struct instance *instance_new(const char *uid, const char *namespace_, const char *name, const char *container,
                              int64_t attempt);
void instance_free(struct instance *instance);
struct instance *instance_find(const struct vms *vms, const char *id); /* NULL: none */
/* The attempt whose domain has this name now: the last one that has not ended. NULL: none. */
struct instance *instance_of_domain(const struct vms *vms, const char *domain);
void instance_add(struct vms *vms, struct instance *taken);
/* Takes it out of the list and frees it. */
void instance_drop(struct vms *vms, struct instance *instance);
struct json *instance_describe(const struct instance *instance); /* as in list; the caller frees */
/* Tells the core. */
void instance_changed(const struct vms *vms, const struct instance *instance);
/* The keeper is to look at it. */
void instance_look(struct vms *vms, struct instance *instance);
/* Remembers an end that an event told; the first one counts. The message is taken. */
void instance_see_end(struct instance *instance, int exit_code, const char *reason, char *message_taken);
/* It has ended, as was seen, and else as nobody knows. Writes it down, and tells. */
void instance_end(struct vms *vms, struct instance *instance);

#endif
