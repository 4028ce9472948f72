/* The beginning and the end of an attempt: work of errands. */
#ifndef VMS_LIFE_H
#define VMS_LIFE_H

#include "errand.h"

void life_start(struct errand *errand); /* answers with the instance */
void life_stop(struct errand *errand);

#endif
