/* How images are shown to a person, and the verbs of `davit image` that have a file of their own. */
#ifndef CLI_IMAGE_VIEW_H
#define CLI_IMAGE_VIEW_H

#include <stdint.h>

#include "cli/verbs.h"

#define IMAGE_ID_BYTES 20
#define IMAGE_SIZE_BYTES 24

/* 1.2MB, in powers of ten; "" below 0. Returns out, which holds IMAGE_SIZE_BYTES. */
const char *image_size_text(int64_t bytes, char *out);
/* 12 digits of the digest, as other tools show it. Returns out, which holds IMAGE_ID_BYTES. */
const char *image_id_text(const char *id, char *out);
/* A line on stderr that is written over and over; only where a person looks. */
void image_progress_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
void image_progress_end(void);

/* Hands `fd` to davitd for the request `op`, to be called `name` (NULL: as it says itself), and tells what it became. */
enum exit_code image_hand_over(const struct options *options, const char *op, int fd, const char *name, struct error *err);
enum exit_code image_list(const struct options *options, struct error *err);
enum exit_code image_remove(const struct options *options, struct error *err); /* every word behind `rm` */
enum exit_code image_prune(const struct options *options, struct error *err);
enum exit_code image_inspect(const struct options *options, const char *reference, struct error *err);
enum exit_code image_pull(const struct options *options, const char *reference, struct error *err);

#endif
