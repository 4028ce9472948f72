#include "config.h"

#include "cli/log_flags.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool read_number(const char *text, const char *flag, int64_t *out, struct error *err)
{
    char *end = NULL;
    errno = 0;
    if (text == NULL)
        return true;
    *out = strtoll(text, &end, 10);
    return (errno == 0 && end != text && *end == '\0' && *out >= 0) ||
           error_set(err, ERROR_INVALID, "--%s=%s is no number", flag, text);
}

bool log_flags_read(const struct options *options, struct log_flags *flags, struct error *err)
{
    *flags = (struct log_flags){ .tail = -1 };
    bool all = options->tail != NULL && strcmp(options->tail, "-1") == 0; /* kubectl's word for it */
    return read_number(all ? NULL : options->tail, "tail", &flags->tail, err) &&
           read_number(options->limit_bytes, "limit-bytes", &flags->limit_bytes, err) &&
           options_time("since", options->since, &flags->since_ms, err);
}
