#include "config.h"

#include "cli/image_view.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ID_SHOWN 12

const char *image_size_text(int64_t bytes, char *out)
{
    static const char *const UNITS[] = {"B", "kB", "MB", "GB", "TB"};
    double size = (double)bytes;
    size_t unit = 0;
    for (; size >= 1000 && unit + 1 < sizeof(UNITS) / sizeof(UNITS[0]); unit++)
        size /= 1000;
    (void)snprintf(out, IMAGE_SIZE_BYTES, unit == 0 || size >= 100 ? "%.0f%s" : "%.1f%s", size, UNITS[unit]);
    return bytes < 0 ? "" : out;
}

const char *image_id_text(const char *id, char *out)
{
    const char *colon = id != NULL ? strchr(id, ':') : NULL;
    (void)snprintf(out, IMAGE_ID_BYTES, "%.*s", ID_SHOWN, colon != NULL ? colon + 1 : id != NULL ? id : "");
    return out;
}

void image_progress_line(const char *format, ...)
{
    va_list args;
    if (!isatty(STDERR_FILENO))
        return;
    va_start(args, format);
    (void)fputc('\r', stderr);
    (void)vfprintf(stderr, format, args);
    (void)fputs("\033[K", stderr);
    va_end(args);
}

void image_progress_end(void)
{
    if (isatty(STDERR_FILENO))
        (void)fputs("\r\033[K", stderr);
}
