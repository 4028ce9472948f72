#include "config.h"

#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const code_names[] = {
    [ERROR_NONE] = "None",
    [ERROR_INVALID] = "Invalid",
    [ERROR_NOT_FOUND] = "NotFound",
    [ERROR_EXISTS] = "Exists",
    [ERROR_CONFLICT] = "Conflict",
    [ERROR_LIMIT] = "Limit",
    [ERROR_DENIED] = "Denied",
    [ERROR_TIMEOUT] = "Timeout",
    [ERROR_UNAVAILABLE] = "Unavailable",
    [ERROR_NO_SPACE] = "NoSpace",
    [ERROR_UNSUPPORTED] = "Unsupported",
    [ERROR_IO] = "IO",
    [ERROR_INTERNAL] = "Internal",
};
#define CODE_COUNT (sizeof(code_names) / sizeof(code_names[0]))

static const struct {
    int errnum;
    enum error_code code;
} errno_codes[] = {
    {ENOENT, ERROR_NOT_FOUND},      {ESRCH, ERROR_NOT_FOUND},          {EEXIST, ERROR_EXISTS},
    {EACCES, ERROR_DENIED},         {EPERM, ERROR_DENIED},             {EROFS, ERROR_DENIED},
    {ENOSPC, ERROR_NO_SPACE},       {EDQUOT, ERROR_NO_SPACE},          {ETIMEDOUT, ERROR_TIMEOUT},
    {EAGAIN, ERROR_UNAVAILABLE},    {ECONNREFUSED, ERROR_UNAVAILABLE}, {ECONNRESET, ERROR_UNAVAILABLE},
    {EPIPE, ERROR_UNAVAILABLE},     {EMFILE, ERROR_UNAVAILABLE},       {ENFILE, ERROR_UNAVAILABLE},
    {EBUSY, ERROR_CONFLICT},        {ENOTEMPTY, ERROR_CONFLICT},       {EFBIG, ERROR_LIMIT},
    {ENAMETOOLONG, ERROR_LIMIT},    {E2BIG, ERROR_LIMIT},              {ENOSYS, ERROR_UNSUPPORTED},
    {EOPNOTSUPP, ERROR_UNSUPPORTED}, {EINVAL, ERROR_INVALID},
};

static enum error_code code_from_errno(int errnum)
{
    for (size_t i = 0; i < sizeof(errno_codes) / sizeof(errno_codes[0]); i++) {
        if (errno_codes[i].errnum == errnum)
            return errno_codes[i].code;
    }
    return ERROR_IO;
}

bool error_set(struct error *err, enum error_code code, const char *format, ...)
{
    /* Formatted aside, for an argument may be the old message. */
    char text[ERROR_MESSAGE_BYTES];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    err->code = code;
    memcpy(err->message, text, sizeof(text));
    return false;
}

bool error_set_errno(struct error *err, int errnum, const char *format, ...)
{
    char text[ERROR_MESSAGE_BYTES];
    char reason[128];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    err->code = code_from_errno(errnum);
    snprintf(err->message, sizeof(err->message), "%.*s: %s", (int)(sizeof(text) - sizeof(reason)), text,
             strerror_r(errnum, reason, sizeof(reason)));
    return false;
}

bool error_wrap(struct error *err, const char *format, ...)
{
    char text[ERROR_MESSAGE_BYTES];
    va_list args;

    va_start(args, format);
    int len = vsnprintf(text, sizeof(text) - 2, format, args);
    va_end(args);
    size_t used = len < 0 ? 0 : strlen(text);
    memcpy(text + used, ": ", sizeof(": "));
    used += 2;
    size_t rest = strnlen(err->message, sizeof(text) - used - 1);
    memcpy(text + used, err->message, rest);
    text[used + rest] = '\0';
    memcpy(err->message, text, sizeof(text));
    return false;
}

const char *error_code_name(enum error_code code)
{
    return (size_t)code < CODE_COUNT ? code_names[code] : code_names[ERROR_INTERNAL];
}

enum error_code error_code_from_name(const char *name)
{
    for (size_t i = 0; name != NULL && i < CODE_COUNT; i++) {
        if (strcmp(code_names[i], name) == 0)
            return (enum error_code)i;
    }
    return ERROR_INTERNAL;
}
