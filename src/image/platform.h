/* Which of an index's images is for this machine. */
#ifndef IMAGE_PLATFORM_H
#define IMAGE_PLATFORM_H

#include "base/json.h"

#define PLATFORM_TEXT_BYTES 64

/* "linux/amd64", "linux/arm/v7": as images spell it. Static, read once from uname. */
const char *platform_here(void);
/* A descriptor's `platform` object, or an image configuration: both have `os`, `architecture`, `variant`. What is left
 * out fits. So does an older variant of the same architecture.
 */
bool platform_fits(const struct json *platform);
/* For messages. `out` holds PLATFORM_TEXT_BYTES. Returns out. */
const char *platform_text(const struct json *platform, char *out);

#endif
