/* Kubernetes' quantities: "500m", "1.5", "128Mi", "2k", "1e3". Docs: Resource quantities. Pure. */
#ifndef MODEL_QUANTITY_H
#define MODEL_QUANTITY_H

#include <stdbool.h>
#include <stdint.h>

/* The quantity times `scale` (1 for bytes, 1000 for millicores), rounded up as Kubernetes does, cut at INT64_MAX. False:
 * it is none, or below zero.
 */
bool quantity_read(const char *text, int64_t scale, int64_t *out);

#define QUANTITY_BYTES 24
/* Bytes as Kubernetes writes them: in the largest binary unit that divides them. Returns out. */
const char *quantity_bytes(int64_t bytes, char out[QUANTITY_BYTES]);

#endif
