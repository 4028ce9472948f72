/* What a run was, for people and for programs. */
#ifndef SIM_REPORT_H
#define SIM_REPORT_H

#include "watch.h"

struct json *report_write(const struct fleet *fleet, const struct watch *watch);
void report_print(const struct fleet *fleet, const struct watch *watch);

#endif
