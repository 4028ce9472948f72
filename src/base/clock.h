/* Time. Durations count on CLOCK_BOOTTIME; the wall clock is for what is shown. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define CLOCK_RFC3339_BYTES 32

uint64_t clock_boot_ms(void);
uint64_t clock_wall_ms(void); /* since 1970, UTC */
/* "2026-11-23T08:17:00Z", as Kubernetes writes it. `out` holds CLOCK_RFC3339_BYTES. Returns out. */
const char *clock_rfc3339(uint64_t wall_ms, char *out);
/* The kernel's boot id, one for each boot; 36 characters and a NUL. Static, read once. */
const char *clock_boot_id(void);

#endif
