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

/* "90s", "5m", "2h". */
static bool read_since(const char *text, uint64_t *since_ms, struct error *err)
{
    static const struct {
        const char *unit;
        uint64_t ms;
    } units[] = { { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "", 1000 } };
    char *end = NULL;
    if (text == NULL)
        return true;
    unsigned long number = strtoul(text, &end, 10);
    for (size_t i = 0; end != text && number < 1000000 && i < sizeof(units) / sizeof(units[0]); i++)
        if (strcmp(end, units[i].unit) == 0) {
            *since_ms = number * units[i].ms;
            return true;
        }
    return error_set(err, ERROR_INVALID, "--since=%s is no time: give it as 90s, 5m or 2h", text);
}

bool log_flags_read(const struct options *options, struct log_flags *flags, struct error *err)
{
    *flags = (struct log_flags){ .tail = -1 };
    return read_number(options->tail, "tail", &flags->tail, err) &&
           read_number(options->limit_bytes, "limit-bytes", &flags->limit_bytes, err) &&
           read_since(options->since, &flags->since_ms, err);
}
