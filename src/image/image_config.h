/* The configuration of an image: which layers, unpacked, and what a runtime has to know. Its digest is the image's id. */
#ifndef IMAGE_IMAGE_CONFIG_H
#define IMAGE_IMAGE_CONFIG_H

#include <stddef.h>

#include "base/json.h"
#include "image/platform.h"

struct image_config_content {
    struct json *diff_ids; /* an array of valid digests, as many as the manifest has layers, lowest first */
    struct json *report;   /* its `config` object, with `architecture` and `os` */
};

/* `layers`: how many the manifest names. Refused: ERROR_UNSUPPORTED an image for another machine; ERROR_LIMIT over a cap;
 * ERROR_INVALID the rest. Nothing is to be freed then.
 */
MUST_CHECK bool image_config_parse(const char *body, size_t len, size_t layers, const struct machine *machine,
                                   struct image_config_content *out, struct error *err);
/* The same of a document that was parsed already. */
MUST_CHECK bool image_config_read(const struct json *document, size_t layers, const struct machine *machine,
                                  struct image_config_content *out, struct error *err);
void image_config_free(struct image_config_content *content); /* what is in it */

#endif
