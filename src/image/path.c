#include "config.h"

#include "image/path.h"

#include <stdio.h>
#include <string.h>

struct cleaner {
    const char *raw; /* for messages */
    char *out;
    size_t len;
    size_t depth;
};

static bool refuse(const struct cleaner *cleaner, enum error_code code, const char *why, struct error *err)
{
    char shown[PATH_SHOW_BYTES];
    return error_set(err, code, "the path '%s' %s", path_show(cleaner->raw, shown), why);
}

static bool cleaner_up(struct cleaner *cleaner, struct error *err)
{
    if (cleaner->depth == 0)
        return refuse(cleaner, ERROR_DENIED, "leads out of its layer", err);
    while (cleaner->len > 0 && cleaner->out[cleaner->len - 1] != '/')
        cleaner->len--;
    if (cleaner->len > 0)
        cleaner->len--;
    cleaner->depth--;
    return true;
}

static bool cleaner_add(struct cleaner *cleaner, const char *part, size_t len, struct error *err)
{
    if (len == 0 || (len == 1 && part[0] == '.'))
        return true;
    if (len == 2 && part[0] == '.' && part[1] == '.')
        return cleaner_up(cleaner, err);
    if (len >= PATH_NAME_BYTES)
        return refuse(cleaner, ERROR_LIMIT, "has a name of more than 255 bytes", err);
    if (cleaner->depth == LIMIT_LAYER_DEPTH)
        return refuse(cleaner, ERROR_LIMIT, "is nested too deep", err);
    if (cleaner->len + 1 + len >= LIMIT_PATH_BYTES)
        return refuse(cleaner, ERROR_LIMIT, "is too long", err);
    if (cleaner->len > 0)
        cleaner->out[cleaner->len++] = '/';
    memcpy(cleaner->out + cleaner->len, part, len);
    cleaner->len += len;
    cleaner->depth++;
    return true;
}

static bool cleaner_add_all(struct cleaner *cleaner, const char *text, size_t len, struct error *err)
{
    for (size_t at = 0; at < len;) {
        const char *slash = memchr(text + at, '/', len - at);
        size_t part = slash != NULL ? (size_t)(slash - text) - at : len - at;
        if (!cleaner_add(cleaner, text + at, part, err))
            return false;
        at += part + 1;
    }
    cleaner->out[cleaner->len] = '\0';
    return true;
}

bool path_clean(const char *raw, char *out, struct error *err)
{
    struct cleaner cleaner = {.raw = raw, .out = out};
    out[0] = '\0';
    return cleaner_add_all(&cleaner, raw, strlen(raw), err);
}

bool path_clean_link(const char *from, const char *link, char *out, struct error *err)
{
    struct cleaner cleaner = {.raw = link, .out = out};
    out[0] = '\0';
    if (link[0] != '/' && !cleaner_add_all(&cleaner, from, (size_t)(path_base(from) - from), err))
        return false;
    return cleaner_add_all(&cleaner, link, strlen(link), err);
}

const char *path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

const char *path_show(const char *raw, char *out)
{
    size_t len = 0;
    for (const unsigned char *at = (const unsigned char *)raw; *at != '\0'; at++) {
        if (len + sizeof("\\xNN...") > PATH_SHOW_BYTES) {
            memcpy(out + len, "...", 3);
            len += 3;
            break;
        }
        if (*at >= ' ' && *at < 0x7f && *at != '\\')
            out[len++] = (char)*at;
        else
            len += (size_t)snprintf(out + len, PATH_SHOW_BYTES - len, "\\x%02x", *at);
    }
    out[len] = '\0';
    return out;
}
