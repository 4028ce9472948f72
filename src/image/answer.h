/* The head of an HTTP answer, line by line, as far as a registry's matter. Pure. The other side is hostile: what
 * contradicts itself is refused, and so is more than LIMIT_FETCH_HEADERS lines or LIMIT_FETCH_HEADER_BYTES, answers
 * before the answer (1xx) included.
 */
#ifndef IMAGE_ANSWER_H
#define IMAGE_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct answer {
    int status;             /* 0: none yet */
    int64_t content_length; /* -1: not said */
    bool chunked;
    bool encoded;           /* compressed, which nobody asked for */
    char *content_type, *content_range, *location, *retry_after; /* NULL: not there; the first of several */
    char *etag, *last_modified; /* likewise */
    char *challenges;       /* every WWW-Authenticate, joined by ", " */
    size_t bytes, lines;    /* of all heads together */
    bool inside;            /* between a status line and the empty line */
    bool whole;             /* the last head is there; what comes behind the body is counted, and not looked at */
};

void answer_init(struct answer *answer);
void answer_free(struct answer *answer);
/* One line with its end. False: refused, *err says why without repeating what came. */
MUST_CHECK bool answer_line(struct answer *answer, const char *line, size_t len, struct error *err);
/* A 206 brings the bytes from `start` to the end of `total`, and says so. */
bool answer_is_rest(const struct answer *answer, int64_t start, int64_t total);
/* Retry-After, seconds or a date (RFC 9110, 10.2.3), from `wall_ms` on; at most LIMIT_FETCH_RETRY_AFTER_MS. 0: none. */
uint64_t answer_retry_after_ms(const struct answer *answer, uint64_t wall_ms);

#endif
