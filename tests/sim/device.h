/* The device: containers that outlive davitd and the runtime host, and what they share. */
#ifndef SIM_DEVICE_H
#define SIM_DEVICE_H

#include "content.h"

struct box *device_find(const struct sim *sim, const char *uid, int container, int64_t attempt);
/* The effects of the plugin's calls. False: it failed, with `reason`. */
bool device_create(struct sim *sim, const struct call *call);
bool device_start(struct sim *sim, const struct call *call);
bool device_stop(struct sim *sim, const struct call *call);
bool device_remove(struct sim *sim, const struct call *call);
bool device_release(struct sim *sim, const struct call *call);
char *device_list(const struct sim *sim); /* the caller frees */
char *device_stats(const struct sim *sim); /* likewise */
/* davitd asks for it: a stop, or a preStop. */
void device_told(struct sim *sim, const struct call *call);
/* Half a create: something shared was made, the container was not. */
void device_half_create(struct sim *sim, const struct call *call);
void device_end(struct sim *sim, struct box *box, int64_t exit_code);
/* A container ends by itself, or by someone's kill: chaos. */
void device_strike(struct sim *sim);
void device_reboot(struct sim *sim);
void device_forget_past(struct sim *sim);
void device_free(struct sim *sim);
size_t device_count(const struct sim *sim, int pod, int container, bool running_only);
/* What runs requests together, in MiB; `but`: of all pods but this one, -1: of all. */
int64_t device_memory_mi(const struct sim *sim, int but);

#endif
