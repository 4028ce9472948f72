/* People who run commands in containers: each hears of its end once, whoever dies meanwhile. */
#ifndef SIM_COMMANDS_H
#define SIM_COMMANDS_H

#include "sim.h"

/* Somebody tries one, in some pod. */
void commands_act(struct sim *sim);
/* By now all must have ended. */
void commands_check_end(struct sim *sim);

#endif
