#include "config.h"

#include "image/answer.h"

#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/memory.h"
#include "davit/limits.h"

#define DIGITS_MAX 18

static void fields_free(struct answer *answer)
{
    free(answer->content_type);
    free(answer->content_range);
    free(answer->location);
    free(answer->retry_after);
    free(answer->etag);
    free(answer->last_modified);
    free(answer->challenges);
}

void answer_init(struct answer *answer)
{
    memset(answer, 0, sizeof(*answer));
    answer->content_length = -1;
}

void answer_free(struct answer *answer)
{
    fields_free(answer);
    answer_init(answer);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* "HTTP/1.1 200 …" */
static bool status_read(struct answer *answer, const char *line, size_t len, struct error *err)
{
    const char *space = memchr(line, ' ', len);
    const char *digits = space != NULL ? space + 1 : line + len;
    int status = 0;
    if (len < 5 || strncasecmp(line, "HTTP/", 5) != 0 || line + len - digits < 3)
        return error_set(err, ERROR_INVALID, "it begins with no HTTP status");
    for (size_t i = 0; i < 3; i++) {
        if (digits[i] < '0' || digits[i] > '9')
            return error_set(err, ERROR_INVALID, "it begins with no HTTP status");
        status = status * 10 + (digits[i] - '0');
    }
    fields_free(answer);
    size_t bytes = answer->bytes, lines = answer->lines;
    answer_init(answer);
    answer->bytes = bytes;
    answer->lines = lines;
    answer->status = status;
    answer->inside = true;
    return true;
}

/* Digits at *at, behind which it stands then; false: none, or too many. */
static bool digits_read(const char **at, int64_t *out)
{
    size_t count = strspn(*at, "0123456789");
    *out = 0;
    for (size_t i = 0; i < count && count <= DIGITS_MAX; i++)
        *out = *out * 10 + ((*at)[i] - '0');
    *at += count;
    return count > 0 && count <= DIGITS_MAX;
}

static bool length_read(struct answer *answer, const char *value, struct error *err)
{
    int64_t length;
    if (!digits_read(&value, &length) || *value != '\0')
        return error_set(err, ERROR_INVALID, "a Content-Length that is no number");
    if (answer->content_length >= 0 && answer->content_length != length)
        return error_set(err, ERROR_INVALID, "two Content-Lengths that differ");
    answer->content_length = length;
    return true;
}

static bool transfer_read(struct answer *answer, const char *value)
{
    answer->chunked = strcasecmp(value, "chunked") == 0;
    answer->encoded = answer->encoded || !(answer->chunked || strcasecmp(value, "identity") == 0);
    return true;
}

static void keep(char **field, const char *value)
{
    if (*field == NULL)
        *field = mem_strdup(value);
}

static void challenge_add(struct answer *answer, const char *value)
{
    char *joined = answer->challenges != NULL ? mem_printf("%s, %s", answer->challenges, value) : mem_strdup(value);
    free(answer->challenges);
    answer->challenges = joined;
}

static bool field_take(struct answer *answer, const char *name, const char *value, struct error *err)
{
    if (strcasecmp(name, "Content-Length") == 0)
        return length_read(answer, value, err);
    if (strcasecmp(name, "Transfer-Encoding") == 0)
        return transfer_read(answer, value);
    if (strcasecmp(name, "Content-Encoding") == 0)
        answer->encoded = answer->encoded || (value[0] != '\0' && strcasecmp(value, "identity") != 0);
    else if (strcasecmp(name, "Content-Type") == 0)
        keep(&answer->content_type, value);
    else if (strcasecmp(name, "Content-Range") == 0)
        keep(&answer->content_range, value);
    else if (strcasecmp(name, "Location") == 0)
        keep(&answer->location, value);
    else if (strcasecmp(name, "Retry-After") == 0)
        keep(&answer->retry_after, value);
    else if (strcasecmp(name, "ETag") == 0)
        keep(&answer->etag, value);
    else if (strcasecmp(name, "Last-Modified") == 0)
        keep(&answer->last_modified, value);
    else if (strcasecmp(name, "WWW-Authenticate") == 0)
        challenge_add(answer, value);
    return true;
}

static bool field_read(struct answer *answer, const char *line, size_t len, struct error *err)
{
    const char *colon = memchr(line, ':', len);
    if (memchr(line, '\0', len) != NULL)
        return error_set(err, ERROR_INVALID, "a NUL in a header");
    if (colon == NULL)
        return true; /* nothing that could matter */
    AUTO_FREE char *name = mem_strndup(line, (size_t)(colon - line));
    const char *value = colon + 1;
    while (value < line + len && is_blank(*value))
        value++;
    AUTO_FREE char *copy = mem_strndup(value, (size_t)(line + len - value));
    return field_take(answer, name, copy, err);
}

bool answer_line(struct answer *answer, const char *line, size_t len, struct error *err)
{
    answer->bytes += len;
    answer->lines++;
    if (answer->bytes > LIMIT_FETCH_HEADER_BYTES || answer->lines > LIMIT_FETCH_HEADERS)
        return error_set(err, ERROR_LIMIT, "more than %d bytes or %d lines of headers", LIMIT_FETCH_HEADER_BYTES,
                         LIMIT_FETCH_HEADERS);
    if (answer->whole)
        return true;
    while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r' || is_blank(line[len - 1])))
        len--;
    if (!answer->inside)
        return status_read(answer, line, len, err);
    if (len > 0)
        return field_read(answer, line, len, err);
    answer->inside = false;
    answer->whole = answer->status >= 200;
    return true;
}

bool answer_is_rest(const struct answer *answer, int64_t start, int64_t total)
{
    static const char unit[] = "bytes ";
    const char *at = answer->content_range;
    int64_t first, last, all;
    if (at == NULL || strncasecmp(at, unit, sizeof(unit) - 1) != 0)
        return false;
    at += sizeof(unit) - 1;
    if (!digits_read(&at, &first) || *at++ != '-' || !digits_read(&at, &last) || *at++ != '/' ||
        !digits_read(&at, &all) || *at != '\0')
        return false;
    return first == start && last == total - 1 && all == total &&
           (answer->content_length < 0 || answer->content_length == total - start);
}

uint64_t answer_retry_after_ms(const struct answer *answer, uint64_t wall_ms)
{
    const char *at = answer->retry_after;
    int64_t seconds = 0;
    struct tm date = {0};
    if (at == NULL)
        return 0;
    bool fits = digits_read(&at, &seconds);
    if (at != answer->retry_after && *at == '\0')
        return fits && seconds < LIMIT_FETCH_RETRY_AFTER_MS / 1000 ? (uint64_t)seconds * 1000
                                                                   : LIMIT_FETCH_RETRY_AFTER_MS;
    const char *end = strptime(answer->retry_after, "%a, %d %b %Y %H:%M:%S GMT", &date);
    time_t when = end != NULL && *end == '\0' ? timegm(&date) : 0;
    if (when <= 0 || (uint64_t)when * 1000 <= wall_ms)
        return 0;
    uint64_t wait_ms = (uint64_t)when * 1000 - wall_ms;
    return wait_ms < LIMIT_FETCH_RETRY_AFTER_MS ? wait_ms : LIMIT_FETCH_RETRY_AFTER_MS;
}
