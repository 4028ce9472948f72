/* davitd: the real core between the simulated link, runtime host, disk and clock. */
#ifndef SIM_NODE_H
#define SIM_NODE_H

#include "sim.h"

void node_start(struct sim *sim);
/* Ends davitd as kill -9 does. `committed`: what waits for the disk gets there, and nobody hears of it. */
void node_crash(struct sim *sim, bool committed);
/* Ends it as SIGTERM does: a good-bye first. */
void node_stop(struct sim *sim);
void node_reboot(struct sim *sim);
void node_lose_database(struct sim *sim);
/* Starts again after `delay_ms`. */
void node_start_after(struct sim *sim, uint64_t delay_ms);
void node_free(struct sim *sim);

/* Frames in; `head` stays the caller's. */
void node_link_frame(struct sim *sim, const struct json *head, const char *body);
void node_link_down(struct sim *sim, const char *why);
void node_runtime_up(struct sim *sim);
void node_runtime_frame(struct sim *sim, const struct json *head, const char *body);
void node_runtime_down(struct sim *sim);
void node_net_up(struct sim *sim);
void node_net_frame(struct sim *sim, const struct json *head);
void node_net_down(struct sim *sim);
void node_probe_frame(struct sim *sim, const struct json *head);
void node_probe_down(struct sim *sim);
/* After something came in. */
void node_settle(struct sim *sim);
void node_read_files(struct sim *sim);

#endif
