/* Image references, as docker, podman and containerd read them: `busybox` is `docker.io/library/busybox:latest`.
 * The grammar is distribution's (distribution/reference); a reference that is not in it is refused, never guessed.
 *
 * Davit's own: https://host/path#sha256=HEX (or #sha512=HEX, or nothing) is a disk, served as one file; the checksum is
 * that of the bytes as they are served.
 */
#ifndef IMAGE_REFERENCE_H
#define IMAGE_REFERENCE_H

#include <stddef.h>

#include "base/digest.h"
#include "base/error.h"

#define REFERENCE_NAME_BYTES 256 /* domain, "/" and path together, with the NUL */
#define REFERENCE_TAG_BYTES 129
#define REFERENCE_URL_BYTES 1024 /* of a disk, without its checksum, with the NUL */
#define REFERENCE_TEXT_BYTES (REFERENCE_URL_BYTES + CHECKSUM_BYTES + 1)

struct reference {
    char domain[REFERENCE_NAME_BYTES]; /* "docker.io", "localhost:5000" */
    char path[REFERENCE_NAME_BYTES];   /* "library/busybox" */
    char tag[REFERENCE_TAG_BYTES];     /* "" only where there is a digest and no tag */
    char digest[DIGEST_OCI_BYTES];     /* "sha256:…" or "". Where it is there, it rules and the tag is for people. */
    char url[REFERENCE_URL_BYTES];     /* "": an image in a registry. Else a disk; `domain` is its host and port, and
                                          `path`, `tag` and `digest` are "" */
    char checksum[CHECKSUM_BYTES];     /* of what `url` serves: "sha256:…", "sha512:…", or "" */
};

/* Fills in what is left out: docker.io, library/, :latest. ERROR_INVALID names the part that is wrong. */
MUST_CHECK bool reference_parse(const char *text, struct reference *out, struct error *err);
/* "docker.io/library/busybox:latest", "…@sha256:…", or both. Two references are the same image name exactly when
 * these texts are equal. `out` holds REFERENCE_TEXT_BYTES. Returns out.
 */
const char *reference_format(const struct reference *reference, char *out);
/* The shortest text that reads back as the same reference: "busybox:latest". Returns out, as above. */
const char *reference_familiar(const struct reference *reference, char *out);
/* It is asked for without TLS. */
bool reference_is_plain(const struct reference *reference);
/* The host that serves it: docker.io's registry has another name. */
const char *reference_registry(const struct reference *reference);

#endif
