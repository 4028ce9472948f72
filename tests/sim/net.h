/* davit-net: the namespaces and addresses of pods, which outlive it. It answers late, fails, and crashes in between. */
#ifndef SIM_NET_H
#define SIM_NET_H

#include "sim.h"

/* A frame from davitd; the first one starts it. `head` is taken. */
void net_frame(struct sim *sim, struct json *head);
/* The socket of davitd closed: what was being done is done, or not. */
void net_end(struct sim *sim);
void net_crash(struct sim *sim);
void net_reboot(struct sim *sim);
void net_free(struct sim *sim);

/* What must hold: a container has its network before it is made (false: that has gone since, for the call is over its deadline);
 * nothing is left in the end.
 */
bool net_check_create(struct sim *sim, const struct call *call, const struct box *box);
void net_check_end(struct sim *sim);

#endif
