#include "config.h"

#include "image/plain.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "image/stream.h"

static bool next_stored(struct plain *plain, const void **data, size_t *len, struct error *err)
{
    plain->source_failed = !plain->source->read(plain->source->ctx, data, len, err);
    if (!plain->source_failed)
        digest_add(&plain->stored, *data, *len);
    return !plain->source_failed;
}

static la_ssize_t read_stored(struct archive *raw, void *ctx, const void **data)
{
    struct plain *plain = ctx;
    size_t len = 0;
    if (next_stored(plain, data, &len, &plain->failure))
        return (la_ssize_t)len;
    archive_set_error(raw, EIO, "the input failed");
    return ARCHIVE_FATAL;
}

bool plain_fail(struct plain *plain, struct archive *archive, const char *what, struct error *err)
{
    if (plain->failure.code == ERROR_NONE)
        return stream_fail(archive, what, err);
    *err = plain->failure;
    return false;
}

bool plain_open(struct plain *plain, const struct plain_source *source, bool xz, struct error *err)
{
    struct archive_entry *entry = NULL;
    *plain = (struct plain){ .source = source };
    digest_init(&plain->stored);
    plain->raw = stream_new(err);
    if (plain->raw == NULL || (xz && !stream_take_xz(plain->raw, err)))
        return false;
    archive_read_support_format_raw(plain->raw);
    if (archive_read_open(plain->raw, plain, NULL, read_stored, NULL) != ARCHIVE_OK)
        return plain_fail(plain, plain->raw, "reading", err);
    int rc = archive_read_next_header(plain->raw, &entry);
    if (rc == ARCHIVE_EOF)
        return error_set(err, ERROR_INVALID, "it is empty");
    if (rc < ARCHIVE_WARN)
        return plain_fail(plain, plain->raw, "decompressing", err);
    plain->compressed = stream_is_compressed(plain->raw);
    return stream_check_filters(plain->raw, err);
}

bool plain_next(struct plain *plain, const void **data, size_t *len)
{
    int64_t offset = 0;
    *len = 0;
    int rc = archive_read_data_block(plain->raw, data, len, &offset);
    if (rc == ARCHIVE_EOF)
        *len = 0;
    if (rc < ARCHIVE_WARN && plain->failure.code == ERROR_NONE)
        stream_fail(plain->raw, "decompressing", &plain->failure);
    return rc >= ARCHIVE_WARN || rc == ARCHIVE_EOF;
}

bool plain_finish(struct plain *plain)
{
    const void *data = NULL;
    size_t len = 1;
    while (len > 0)
        if (!next_stored(plain, &data, &len, &plain->failure))
            return false;
    return true;
}

bool plain_drain(struct plain *plain, bool (*is_wanted)(void))
{
    const void *data = NULL;
    size_t len = 1;
    struct error ignored; /* the first one is told */
    while (len > 0)
        if (plain->source_failed || !is_wanted() || !next_stored(plain, &data, &len, &ignored))
            return false;
    return true;
}

void plain_digest(struct plain *plain, char out[DIGEST_OCI_BYTES])
{
    char hex[DIGEST_HEX_BYTES];
    digest_hex(&plain->stored, hex);
    snprintf(out, DIGEST_OCI_BYTES, "sha256:%s", hex);
}

bool plain_is_about_content(enum error_code code)
{
    return code == ERROR_INVALID || code == ERROR_LIMIT || code == ERROR_DENIED || code == ERROR_UNSUPPORTED;
}

void plain_close(struct plain *plain)
{
    if (plain->raw != NULL)
        archive_read_free(plain->raw);
    plain->raw = NULL;
}
