/* What every part of the plugin shares. One for the process, made by open.
 *
 * Threads: the host's, which carry calls; one that dispatches libvirt's events; the keeper, which alone connects, and
 * looks at domains; and errands, which ask libvirt something for a call. What asks libvirt holds no lock of this plugin:
 * libvirtd may take as long as it likes.
 */
#ifndef VMS_H
#define VMS_H

#include <libvirt/libvirt.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/json.h"
#include "davit/limits.h"
#include "davit/runtime.h"
#include "disk.h"

#define VMS_FOLDER_MODE 0700
#define VMS_AWAY "LibvirtUnavailable" /* the reason, where libvirtd is away or hung */

struct instance;

struct vms {
    const struct davit_runtime_host *host;
    char *state_dir; /* outlives a reboot: disks/NAMESPACE.NAME, workloads/UID */
    char *run_dir;   /* does not: vms/ID */
    char *log_dir;
    char *unpack;    /* davit-unpack's path */
    char *node;
    char *uri;
    bool kvm;

    pthread_mutex_t lock;       /* guards what follows, and what instances hold */
    pthread_cond_t news;        /* a connection came or went, or there is something to look at */
    struct instance *instances; /* freed by remove only, on the lane of their workload */
    virConnectPtr connection;   /* compared with what is known; NULL: away. Whoever uses it takes a reference */
    virConnectPtr line;         /* the same, from its opening on: the keeper's own */
    bool closed;                /* libvirt says that the line is lost */
    bool tried;                 /* connected, or failed to, at least once */
    struct error why_away;      /* while it is */
    uid_t qemu_uid;             /* whom libvirtd runs QEMU as; 0 before the first connection, and where it is root */
    gid_t qemu_gid;
    char version[96];
    size_t errands;             /* under way */
    size_t streams;             /* of them: commands that somebody follows */
    bool told_lost;
    bool open;                  /* from here on changes are told */
};

char *vms_folder(const struct vms *vms, const char *id); /* of an attempt; the caller frees */
void vms_log(const struct vms *vms, int level, const char *format, ...) __attribute__((format(printf, 3, 4)));
int vms_call_fd(const struct vms *vms, struct davit_call *call, const char *name); /* -1: none came */
/* Tells the core `{"event":EVENT}`, and where it is given `message`. Lock held. */
void vms_tell(const struct vms *vms, const char *event, const char *message);
/* Where disk.h's functions work for an attempt. *run_dir is the caller's to free. */
struct disk_place vms_disk_place(const struct vms *vms, const char *id, int cancel_fd, char **run_dir);

#endif
