#include "config.h"

#include "image/stream.h"

#include <archive.h>
#include <errno.h>
#include <string.h>

#include "davit/limits.h"

struct archive *stream_new(struct error *err)
{
    struct archive *archive = archive_read_new();
    /* ARCHIVE_WARN: it would start a program to decompress, which this process may not. */
    if (archive != NULL && archive_read_support_filter_gzip(archive) == ARCHIVE_OK &&
        archive_read_support_filter_zstd(archive) == ARCHIVE_OK)
        return archive;
    if (archive != NULL)
        archive_read_free(archive);
    error_set(err, ERROR_INTERNAL, "this libarchive was built without gzip or zstd");
    return NULL;
}

bool stream_take_xz(struct archive *archive, struct error *err)
{
    return archive_read_support_filter_xz(archive) == ARCHIVE_OK ||
           error_set(err, ERROR_INTERNAL, "this libarchive was built without xz");
}

bool stream_fail(struct archive *archive, const char *what, struct error *err)
{
    int errnum = archive_errno(archive);
    const char *text = archive_error_string(archive);
    /* libzstd's words, which libarchive hands on: not enough of it, and more than libzstd gives anybody. */
    if (text != NULL && (strstr(text, "not enough memory") != NULL || strstr(text, "too much memory") != NULL))
        return error_set(err, ERROR_LIMIT, "%s: it was compressed with a window of more than 32 MB: compress it "
                                           "without --long, and below level 21", what);
    enum error_code code = errnum == ENOMEM ? ERROR_LIMIT : errnum == EIO ? ERROR_IO : ERROR_INVALID;
    return error_set(err, code, "%s: %s", what, text != NULL ? text : "the data is damaged");
}

bool stream_is_compressed(struct archive *archive)
{
    return archive_filter_code(archive, 0) != ARCHIVE_FILTER_NONE;
}

bool stream_check_filters(struct archive *archive, struct error *err)
{
    /* libarchive counts the descriptor as one. */
    if (archive_filter_count(archive) <= 2)
        return true;
    return error_set(err, ERROR_UNSUPPORTED, "the data is compressed more than once");
}

bool stream_check_ratio(struct archive *archive, struct error *err)
{
    int64_t in = archive_filter_bytes(archive, -1), out = archive_filter_bytes(archive, 0);
    if (out <= LIMIT_LAYER_RATIO_FREE_BYTES || out / LIMIT_LAYER_RATIO <= in)
        return true;
    return error_set(err, ERROR_LIMIT, "%lld bytes unpack to more than %d times as much: no real data does",
                     (long long)in, LIMIT_LAYER_RATIO);
}
