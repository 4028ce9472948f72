/* The name of the interface that a workload has on this side: "dv" and the first 12 digits of its uid. */
#ifndef BASE_IFNAME_H
#define BASE_IFNAME_H

#define IFNAME_PREFIX "dv" /* also of what may be swept away */
#define IFNAME_BYTES 16 /* the kernel's IFNAMSIZ */

void ifname_of(const char *uid, char out[IFNAME_BYTES]);

#endif
