/* The part `linux` of a container's config.json. For spec only. Pure. */
#ifndef CRUN_SPEC_LINUX_H
#define CRUN_SPEC_LINUX_H

#include "spec.h"

struct json *spec_linux(const struct spec *spec); /* the caller frees */

#endif
