/* Someone who publishes: documents good and bad, with a generation and without, deletions, files. */
#ifndef SIM_OPERATOR_H
#define SIM_OPERATOR_H

#include "sim.h"

void operator_act(struct sim *sim);
/* Says again what the broker may have lost, once all is calm. */
void operator_settle(struct sim *sim);

#endif
