/* What the node has accepted, read from its disk after each commit, and held against what was said to it: the order of
 * documents and the ruling of sources, written down a second time and independently of the core.
 */
#ifndef SIM_ACCEPTED_H
#define SIM_ACCEPTED_H

#include "sim.h"

void accepted_look(struct sim *sim);
/* A message goes up to davitd; what may be accepted is known from here. */
void accepted_deliver(struct sim *sim, const struct message *message);
/* content -1: there is no file. */
void accepted_deliver_file(struct sim *sim, int pod, int content);
/* The node says that it is safe: it must be. */
void accepted_taken(struct sim *sim, const struct message *message);
/* A new davitd knows only what is on the disk. */
void accepted_forget_deliveries(struct sim *sim);
/* The database is gone. */
void accepted_wipe(struct sim *sim);
/* The slot that rules; -1: nothing is wanted. */
int accepted_ruling(const struct sim *sim, const struct slot_seen slots[SOURCES]);
bool source_is_configured(const struct sim *sim, enum source source);

#endif
