/* Which of an index's images is for this machine. */
#ifndef IMAGE_PLATFORM_H
#define IMAGE_PLATFORM_H

#include "base/json.h"

#define PLATFORM_TEXT_BYTES 64

struct machine; /* opaque; static */

/* This one, read once from uname. */
const struct machine *machine_here(void);
/* As uname spells it ("armv7l"). NULL: not known. */
const struct machine *machine_of(const char *uname);
/* "linux/amd64", "linux/arm/v7": as images spell it. Static, good until it is asked for another machine. */
const char *machine_platform(const struct machine *machine);

/* How well a descriptor's `platform` object, or an image configuration, fits: both have `os`, `architecture`, `variant`.
 * 0: not at all. What is left out fits. So does an older variant of the same architecture, and the newest fits best.
 * NULL, nobody says: it fits worst, for the image's configuration says more.
 */
int platform_rank(const struct json *platform, const struct machine *machine);
/* For messages. `out` holds PLATFORM_TEXT_BYTES. Returns out. */
const char *platform_text(const struct json *platform, char *out);

#endif
