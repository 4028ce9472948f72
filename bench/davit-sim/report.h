/* What a run was, for people and for programs. */
#ifndef SIM_REPORT_H
#define SIM_REPORT_H

#include "swarm.h"
#include "watch.h"

struct json *report_write(const struct swarm *swarm, const struct watch *watch);
void report_print(const struct swarm *swarm, const struct watch *watch);

#endif
