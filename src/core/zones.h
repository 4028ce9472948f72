/* Time zones of this device: TZif files below /usr/share/zoneinfo. Deciding thread only. */
#ifndef CORE_ZONES_H
#define CORE_ZONES_H

#include "model/zone.h"

/* NULL: UTC, and so is the device's own. NULL is returned where it is not here: *err says what to do. The caller frees. */
MUST_CHECK struct zone *zone_load(const char *name, struct error *err);

#endif
