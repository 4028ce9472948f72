/* What was unpacked is put in its place: folders are moved and brought to the disk, on a thread of their own, then come
 * the rows, in one transaction, then memory. One after the other, for two may bring the same layer. Deciding thread only.
 */
#ifndef CORE_PLACING_H
#define CORE_PLACING_H

#include "core/daemon.h"

struct placing;

struct placing *placing_new(struct daemon *daemon);
/* `from`: the folder as it was unpacked. A layer that is here already is left where it is. */
void placing_add_layer(struct placing *placing, const char *diff_id, const char *from, int64_t size_bytes);
/* Copied. */
void placing_add_image(struct placing *placing, const struct image_row *row);
/* Of an image that is here or is added. Copied. */
void placing_add_name(struct placing *placing, const struct image_name_row *row);
/* `err` NULL: it is on the disk and in memory; else nothing of it is. Then the placing is gone. */
typedef void (*placing_done)(void *ctx, const struct error *err);
void placing_run(struct placing *placing, placing_done done, void *ctx);

void placing_free(struct placing *placing); /* instead of running it */

/* Removes a folder, off the deciding thread. */
void placing_remove_later(struct daemon *daemon, char *path_taken);
/* What the images may have, bytes. */
int64_t placing_quota(const struct daemon *daemon);
/* At start: what an earlier davitd left half made, and what no row knows. */
void placing_clean(struct daemon *daemon);

#endif
