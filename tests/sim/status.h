/* What the node says of itself: never ahead of its disk, never back, and true in the end. */
#ifndef SIM_STATUS_H
#define SIM_STATUS_H

#include "sim.h"

void status_published(struct sim *sim, const char *topic, const char *body);
/* When all is calm: everything is as the operator wants it, and the broker knows. */
void status_check_end(struct sim *sim);

#endif
