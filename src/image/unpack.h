/* Within davit-unpack: what its two requests share (docs/wire.md). */
#ifndef IMAGE_UNPACK_H
#define IMAGE_UNPACK_H

#include "image/disk.h"
#include "image/layer.h"
#include "wire/frame.h"

struct unpack {
    int staging; /* its folder, which is the root by now */
    uint64_t bytes_left;
    uint64_t entries_left;
    struct frame_reader *reader; /* of the parent's frames */
};

/* An archive on standard input, to its last frame but a `failed`. */
MUST_CHECK bool unpack_archive(struct unpack *unpack, struct error *err);
/* The layer that `request` describes, from standard input. */
MUST_CHECK bool unpack_layer(struct unpack *unpack, const struct json *request, struct error *err);

/* A disk from standard input, perhaps compressed, becomes 0/disk/disk.img. */
MUST_CHECK bool unpack_disk(struct unpack *unpack, const struct json *request, struct error *err);

/* What lies as 0/disk/disk.img becomes a qcow2 as 1/disk/disk.img, whose descriptor is given; -1 on error. Before the
 * sandbox, for it starts a program; nothing that came from outside is read here. */
int unpack_convert(const struct unpack *unpack, const struct json *request, struct error *err);

struct unpacked_disk {
    const char *dir;
    enum disk_format format;
    char digest[DIGEST_OCI_BYTES]; /* of the file */
    char served[DIGEST_OCI_BYTES]; /* of what came; "": the same hand wrote the file */
    uint64_t bytes;                /* on the disk */
};

/* DIR/disk/disk.img, empty. -1 on error. */
int unpack_make_disk(const struct unpack *unpack, const char *dir, struct error *err);
MUST_CHECK bool unpack_look_at_disk(int fd, enum disk_format *format, struct error *err);
/* What qemu-img wrote: checked as what comes from outside is, and told with `done`. */
MUST_CHECK bool unpack_report_disk(int fd, const char *dir, struct error *err);
MUST_CHECK bool unpack_say_disk(const struct unpacked_disk *disk, struct error *err); /* and `done` */

/* Of the next layer: what is left of the request's, but no more than any layer may have. */
struct layer_limits unpack_limits(const struct unpack *unpack, bool (*is_wanted)(void));

MUST_CHECK bool unpack_say(const struct json *head, struct error *err);
MUST_CHECK bool unpack_say_layer(const struct layer_sum *sum, const char *dir, struct error *err);
MUST_CHECK bool unpack_say_done(struct error *err);

#endif
