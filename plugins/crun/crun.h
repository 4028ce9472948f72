/* What every part of the plugin shares. One for the process; made by open, then only `instances` changes. */
#ifndef CRUN_CRUN_H
#define CRUN_CRUN_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/json.h"
#include "davit/limits.h"
#include "davit/runtime.h"

struct instance;

struct crun {
    const struct davit_runtime_host *host;
    char *state_dir; /* outlives a reboot: upper/ID, pods/UID, trash/ID */
    char *run_dir;   /* does not: bundles/ID, exits/ID, crun/ID, netns/UID */
    char *log_dir;
    char *crun_path;
    char *conmon_path;
    int conmon_cgroup_fd;       /* where conmons live on cgroup v2; -1: with their parent */
    bool cgroup_v2;
    bool systemd;               /* cgroup_manager=systemd */
    pthread_mutex_t lock;       /* guards what follows, up to the watch, and what instances hold */
    char *filter;               /* what crun made of the usual seccomp profile, in base64; NULL: not yet */
    struct instance *instances; /* freed by remove only, on the lane of their pod */
    off_t log_bytes;            /* of one log file; then it is put aside */
    size_t log_files;           /* of one attempt */
    int logs_fd;                /* inotify, of logs.c */
    int epoll_fd, inotify_fd;   /* the watch thread's */
    bool oom_told;              /* said once that the kernel gives no lower oom_score_adj */
    bool open;                  /* from here on changes are told */
};

char *crun_bundle_path(const struct crun *crun, const char *id); /* the caller frees */
char *crun_upper_path(const struct crun *crun, const char *id);
char *crun_exit_path(const struct crun *crun, const char *id);
char *crun_status_path(const struct crun *crun, const char *id); /* crun's own folder of a container */
const char *crun_manager(const struct crun *crun); /* the option that crun gets */
void crun_log(const struct crun *crun, int level, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
