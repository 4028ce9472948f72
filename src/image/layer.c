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
    const struct layer_source *source;
    struct archive *raw; /* decompression */
    struct archive *tar;
    struct digest stored, plain;
    bool compressed;
    bool source_failed;
    uint64_t plain_bytes;
    const struct layer_limits *limits;
    struct error failure; /* of a callback: it says more than what libarchive makes of it */
};

static la_ssize_t callback_failed(struct archive *archive)
{
    archive_set_error(archive, EIO, "the input failed");
    return ARCHIVE_FATAL;
}

static bool next_stored(struct layer *layer, const void **data, size_t *len, struct error *err)
{
    layer->source_failed = !layer->source->read(layer->source->ctx, data, len, err);
    if (!layer->source_failed)
        digest_add(&layer->stored, *data, *len);
    return !layer->source_failed;
}

static la_ssize_t read_stored(struct archive *raw, void *ctx, const void **data)
{
    struct layer *layer = ctx;
    size_t len = 0;
    return next_stored(layer, data, &len, &layer->failure) ? (la_ssize_t)len : callback_failed(raw);
}

static bool check_plain(struct layer *layer, size_t len)
{
    layer->plain_bytes += len;
    if (!layer->limits->is_wanted())
        return error_set(&layer->failure, ERROR_UNAVAILABLE, "nobody waits for the image any more");
    if (layer->plain_bytes > layer->limits->bytes + OVERHEAD_BYTES)
        return error_set(&layer->failure, ERROR_LIMIT, "it unpacks to more than %llu bytes",
                         (unsigned long long)layer->limits->bytes);
    return stream_check_ratio(layer->raw, &layer->failure);
}

static la_ssize_t read_plain(struct archive *tar, void *ctx, const void **data)
{
    struct layer *layer = ctx;
    size_t len = 0;
    int64_t offset = 0;
    int rc = archive_read_data_block(layer->raw, data, &len, &offset);
    if (rc == ARCHIVE_EOF)
        return 0;
    if (rc < ARCHIVE_WARN && layer->failure.code == ERROR_NONE)
        stream_fail(layer->raw, "decompressing", &layer->failure);
    if (rc < ARCHIVE_WARN || !check_plain(layer, len))
        return callback_failed(tar);
    if (layer->compressed)
        digest_add(&layer->plain, *data, len);
    return (la_ssize_t)len;
}

static bool layer_failed(struct layer *layer, struct archive *archive, const char *what, struct error *err)
{
    if (layer->failure.code == ERROR_NONE)
        return stream_fail(archive, what, err);
    *err = layer->failure;
    return false;
}

static bool open_raw(struct layer *layer, struct error *err)
{
    struct archive_entry *entry = NULL;
    layer->raw = stream_new(err);
    if (layer->raw == NULL)
        return false;
    archive_read_support_format_raw(layer->raw);
    if (archive_read_open(layer->raw, layer, NULL, read_stored, NULL) != ARCHIVE_OK)
        return layer_failed(layer, layer->raw, "reading", err);
    int rc = archive_read_next_header(layer->raw, &entry);
    if (rc == ARCHIVE_EOF)
        return error_set(err, ERROR_INVALID, "it is empty");
    if (rc < ARCHIVE_WARN)
        return layer_failed(layer, layer->raw, "decompressing", err);
    layer->compressed = stream_is_compressed(layer->raw);
    return stream_check_filters(layer->raw, err);
}

static bool open_tar(struct layer *layer, struct error *err)
{
    layer->tar = archive_read_new();
    if (layer->tar == NULL)
        return error_set(err, ERROR_INTERNAL, "no tar reader");
    archive_read_support_format_tar(layer->tar);
    if (archive_read_open(layer->tar, layer, NULL, read_plain, NULL) != ARCHIVE_OK)
        return layer_failed(layer, layer->tar, "reading the tar", err);
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
            return layer_failed(layer, layer->tar, "reading the tar", err);
        if (!layer_add_entry(tree, layer->tar, entry, layer->limits, sum, err)) {
            if (layer->failure.code != ERROR_NONE)
                *err = layer->failure;
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
    while (len == 0 && (len = read_stored(layer->raw, layer, &data)) > 0)
        len = 0;
    if (len < 0)
        return layer_failed(layer, layer->tar, "reading the rest of", err);
    return true;
}

static void digest_text(struct digest *digest, char out[DIGEST_OCI_BYTES])
{
    char hex[DIGEST_HEX_BYTES];
    digest_hex(digest, hex);
    snprintf(out, DIGEST_OCI_BYTES, "sha256:%s", hex);
}

static bool check_stored(struct layer *layer, const char *digest, struct layer_sum *sum, struct error *err)
{
    digest_text(&layer->stored, sum->digest);
    if (digest[0] == '\0' || strcmp(digest, sum->digest) == 0)
        return true;
    return error_set(err, ERROR_CONFLICT, "its bytes have the digest %s instead of %s", sum->digest, digest);
}

static bool check_diff_id(struct layer *layer, const char *diff_id, struct layer_sum *sum, struct error *err)
{
    if (layer->compressed)
        digest_text(&layer->plain, sum->diff_id);
    else
        memcpy(sum->diff_id, sum->digest, sizeof(sum->diff_id));
    if (strcmp(diff_id, sum->diff_id) == 0)
        return true;
    return error_set(err, ERROR_CONFLICT, "unpacked it has the digest %s instead of %s", sum->diff_id, diff_id);
}

static bool is_about_content(enum error_code code)
{
    return code == ERROR_INVALID || code == ERROR_LIMIT || code == ERROR_DENIED || code == ERROR_UNSUPPORTED;
}

/* A layer that is damaged on its way is seldom a tar any more: what is said of it is that it is another one. */
static bool blame_source(struct layer *layer, const char *digest, struct layer_sum *sum, struct error *err)
{
    const void *data = NULL;
    size_t len = 1;
    struct error ignored;
    if (layer->source_failed || !is_about_content(err->code))
        return false;
    while (len > 0) {
        if (!layer->limits->is_wanted() || !next_stored(layer, &data, &len, &ignored))
            return false;
    }
    return check_stored(layer, digest, sum, err) && false;
}

bool layer_unpack(const struct layer_source *source, const char *digest, const char *diff_id, struct tree *tree,
                  const struct layer_limits *limits, struct layer_sum *sum, struct error *err)
{
    struct layer layer = {.source = source, .limits = limits};
    memset(sum, 0, sizeof(*sum));
    digest_init(&layer.stored);
    digest_init(&layer.plain);
    bool ok = open_raw(&layer, err) && open_tar(&layer, err) && read_entries(&layer, tree, sum, err) &&
              read_to_end(&layer, err);
    ok = ok ? check_stored(&layer, digest, sum, err) && check_diff_id(&layer, diff_id, sum, err) &&
                  tree_finish(tree, err)
            : blame_source(&layer, digest, sum, err);
    if (layer.tar != NULL)
        archive_read_free(layer.tar);
    if (layer.raw != NULL)
        archive_read_free(layer.raw);
    return ok;
}
