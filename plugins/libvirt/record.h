/* What is kept of an attempt beside its domain.xml: with it a later host knows the attempt, and how it ended. It is
 * written last, so a folder without a whole one was left half made.
 */
#ifndef VMS_RECORD_H
#define VMS_RECORD_H

#include "instance.h"

MUST_CHECK bool record_write(const struct vms *vms, const struct instance *instance, struct error *err);
/* ERROR_NOT_FOUND: it is not there, or of another boot. The caller frees. */
MUST_CHECK struct instance *record_read(const struct vms *vms, const char *id, struct error *err);

#endif
