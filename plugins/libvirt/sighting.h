/* A domain as libvirtd describes it now, if it carries Davit's mark. */
#ifndef VMS_SIGHTING_H
#define VMS_SIGHTING_H

#include "instance.h"

struct sighting {
    char *id;               /* of the attempt that its mark names */
    char *uid, *container, *namespace_, *name;
    int64_t attempt;
    bool active;            /* it has not ended: there is no room for the next one */
    bool ending;            /* and will at any moment */
    const char *paused;     /* why it stands still, a static word; NULL: it does not */
    bool agent, emulated;
};

/* False: it cannot be known now, or (ERROR_NOT_FOUND) it has gone. One without the mark has no id. */
MUST_CHECK bool sighting_of(virDomainPtr domain, struct sighting *out, struct error *err);
void sighting_free(struct sighting *sighting);
bool sighting_is(const struct sighting *sighting, const char *id);

#endif
