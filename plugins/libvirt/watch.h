/* What becomes of domains. Events say only that something happened, and what an end was; what is true is looked at, by
 * the keeper: an event may be late, or of the attempt before.
 */
#ifndef VMS_WATCH_H
#define VMS_WATCH_H

#include "vms.h"

/* From here on events come. */
MUST_CHECK bool watch_begin(struct vms *vms, virConnectPtr line, struct error *err);
void watch_end(virConnectPtr line);
/* Looks at every domain that carries Davit's mark, and at what is known: some may have begun or ended unseen. */
MUST_CHECK bool watch_all(struct vms *vms, virConnectPtr line, struct error *err);
/* Keeper only, lock held, which it gives up meanwhile. Looks at what is to be looked at. How long until there is more, in
 * milliseconds; -1: until there is news.
 */
int watch_look(struct vms *vms, virConnectPtr line);

#endif
