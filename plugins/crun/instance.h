/* One attempt of a container: what is known of it, and how its end is noticed. Everything here wants crun->lock held,
 * but for what only makes, frees or describes an instance that nobody else has. */
#ifndef CRUN_INSTANCE_H
#define CRUN_INSTANCE_H

#include "crun.h"
#include "document.h"
#include "proc.h"

enum instance_state { INSTANCE_CREATED, INSTANCE_RUNNING, INSTANCE_EXITED };

struct instance {
    char *id;
    char *uid, *namespace_, *pod, *container;
    int64_t attempt;
    int stop_signal;
    bool tty, stdin_open; /* when it is made */
    char *log_path;
    struct json *record; /* the core's own; NULL: none */
    uint64_t created_ms, started_ms; /* wall; 0: not */
    struct process conmon, init;

    enum instance_state state;
    bool supervised;     /* conmon lives, so the exit code will be seen */
    bool removing;       /* its end is no news any more */
    int exit_code;
    const char *reason;  /* static */
    bool message_from_log; /* FallbackToLogsOnError */
    char *message;       /* the container's last words; NULL: none */
    uint64_t finished_ms, finished_boot_ms;

    int log_wd;          /* its log is watched for the next write; -1: it is looked at */
    off_t log_size;      /* at the last look */
    uint64_t log_look_ms, log_seen_ms, log_asked_ms; /* boot: next and last look (0: none), conmon asked again */

    uint64_t serial;     /* in the watch thread's events; never used twice */
    struct instance *next;
};

struct instance *instance_new(const struct document *document);
void instance_free(struct instance *instance);
struct instance *instance_find(const struct crun *crun, const char *id); /* NULL: none */
void instance_add(struct crun *crun, struct instance *taken);
/* Takes it out of the list and frees it. */
void instance_drop(struct crun *crun, struct instance *instance);
struct json *instance_describe(const struct instance *instance); /* as in list; the caller frees */
/* Tells the core. */
void instance_changed(const struct crun *crun, const struct instance *instance);
/* Looks at the exit file and the two processes, and takes what they say for the truth. Tells when something is new. */
void instance_look(struct crun *crun, struct instance *instance);

#endif
