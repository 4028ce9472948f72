#include "config.h"

#include "image/layer.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "image/stream.h"

/* Headers and padding are no files: what a layer may have of them beside its bytes. */
#define OVERHEAD_BYTES (1024ULL * 1024 * 1024)

struct layer {
    struct plain stored;
    struct archive *tar;
    struct digest plain;
    uint64_t plain_bytes;
    const struct layer_limits *limits;
};

static bool check_plain(struct layer *layer, size_t len)
{
    struct error *failure = &layer->stored.failure;
    layer->plain_bytes += len;
    if (!layer->limits->is_wanted())
        return error_set(failure, ERROR_UNAVAILABLE, "nobody waits for the image any more");
    if (layer->plain_bytes > layer->limits->bytes + OVERHEAD_BYTES)
        return error_set(failure, ERROR_LIMIT, "it unpacks to more than %llu bytes",
                         (unsigned long long)layer->limits->bytes);
    return stream_check_ratio(layer->stored.raw, failure);
}

static la_ssize_t read_plain(struct archive *tar, void *ctx, const void **data)
{
    struct layer *layer = ctx;
    size_t len = 0;
    if (!plain_next(&layer->stored, data, &len) || (len > 0 && !check_plain(layer, len))) {
        archive_set_error(tar, EIO, "the input failed");
        return ARCHIVE_FATAL;
    }
    if (layer->stored.compressed)
        digest_add(&layer->plain, *data, len);
    return (la_ssize_t)len;
}

static bool open_tar(struct layer *layer, struct error *err)
{
    layer->tar = archive_read_new();
    if (layer->tar == NULL)
        return error_set(err, ERROR_INTERNAL, "no tar reader");
    archive_read_support_format_tar(layer->tar);
    if (archive_read_open(layer->tar, layer, NULL, read_plain, NULL) != ARCHIVE_OK)
        return plain_fail(&layer->stored, layer->tar, "reading the tar", err);
    return true;
}

/* Without a locale libarchive warns of names beyond ASCII, and gives their bytes as they are: just what is wanted. Any
 * other warning is about an entry that was read by halves.
 */
static bool is_name_warning(struct archive *archive, int rc)
{
    const char *text = archive_error_string(archive);
    return rc == ARCHIVE_WARN && text != NULL && strstr(text, "can't be converted") != NULL;
}

static bool read_entries(struct layer *layer, struct tree *tree, struct layer_sum *sum, struct error *err)
{
    struct archive_entry *entry = NULL;
    for (;;) {
        int rc = archive_read_next_header(layer->tar, &entry);
        if (rc == ARCHIVE_EOF)
            return true;
        if (rc != ARCHIVE_OK && !is_name_warning(layer->tar, rc))
            return plain_fail(&layer->stored, layer->tar, "reading the tar", err);
        if (!layer_add_entry(tree, layer->tar, entry, layer->limits, sum, err)) {
            if (layer->stored.failure.code != ERROR_NONE)
                *err = layer->stored.failure;
            return false;
        }
    }
}

/* What comes behind the tar's end is part of both digests. */
static bool read_to_end(struct layer *layer, struct error *err)
{
    const void *data = NULL;
    la_ssize_t len = 0;
    while ((len = read_plain(layer->tar, layer, &data)) > 0)
        continue;
    if (len < 0 || !plain_finish(&layer->stored))
        return plain_fail(&layer->stored, layer->tar, "reading the rest of", err);
    return true;
}

static bool check_stored(struct layer *layer, const char *digest, struct layer_sum *sum, struct error *err)
{
    plain_digest(&layer->stored, sum->digest);
    if (digest[0] == '\0' || strcmp(digest, sum->digest) == 0)
        return true;
    return error_set(err, ERROR_CONFLICT, "its bytes have the digest %s instead of %s", sum->digest, digest);
}

static bool check_diff_id(struct layer *layer, const char *diff_id, struct layer_sum *sum, struct error *err)
{
    char hex[DIGEST_HEX_BYTES];
    digest_hex(&layer->plain, hex);
    if (layer->stored.compressed)
        snprintf(sum->diff_id, sizeof(sum->diff_id), "sha256:%s", hex);
    else
        memcpy(sum->diff_id, sum->digest, sizeof(sum->diff_id));
    if (strcmp(diff_id, sum->diff_id) == 0)
        return true;
    return error_set(err, ERROR_CONFLICT, "unpacked it has the digest %s instead of %s", sum->diff_id, diff_id);
}

/* A layer that is damaged on its way is seldom a tar any more: what is said of it is that it is another one. */
static bool blame_source(struct layer *layer, const char *digest, struct layer_sum *sum, struct error *err)
{
    return plain_is_about_content(err->code) && plain_drain(&layer->stored, layer->limits->is_wanted) &&
           check_stored(layer, digest, sum, err) && false;
}

bool layer_unpack(const struct plain_source *source, const char *digest, const char *diff_id, struct tree *tree,
                  const struct layer_limits *limits, struct layer_sum *sum, struct error *err)
{
    struct layer layer = {.limits = limits};
    memset(sum, 0, sizeof(*sum));
    digest_init(&layer.plain);
    bool ok = plain_open(&layer.stored, source, false, err) && open_tar(&layer, err) && read_entries(&layer, tree, sum, err) &&
              read_to_end(&layer, err);
    ok = ok ? check_stored(&layer, digest, sum, err) && check_diff_id(&layer, diff_id, sum, err) &&
                  tree_finish(tree, err)
            : blame_source(&layer, digest, sum, err);
    if (layer.tar != NULL)
        archive_read_free(layer.tar);
    plain_close(&layer.stored);
    return ok;
}
