/* conmon's log lines ("TIME STREAM P|F words"), picked and put together as kubectl prints them. Pure: for davitd, which
 * answers requests, and for davit, which reads the files.
 */
#ifndef PROTOCOL_LOG_LINES_H
#define PROTOCOL_LOG_LINES_H

#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"

struct log_pick {
    bool raw;            /* no lines of conmon: every byte is the workload's own. Only limit_bytes has a meaning then */
    bool timestamps;
    uint64_t since_ms;   /* wall; 0: from the beginning */
    int64_t limit_bytes; /* of output; 0: none */
    int64_t printed;
    bool within;         /* the line that is being put together is printed */
    bool open;           /* its end has not come yet */
};

/* One line of the file, without its newline. False: the limit is reached. */
bool log_line_pick(struct log_pick *pick, const char *line, size_t len, struct strbuf *out);
/* It ends a line of the container: a partial one belongs to the next. */
bool log_line_ends(const char *line, size_t len);

/* For rotated_seek_tail where it is raw: every line counts. */
bool log_line_is_any(const char *line, size_t len);

/* A piece of the file, cut anywhere: whole lines are picked, the rest waits for the next piece. */
struct log_cutter {
    struct log_pick pick;
    struct strbuf rest;
    bool full; /* the limit is reached */
};

void log_cutter_init(struct log_cutter *cutter);
void log_cutter_add(struct log_cutter *cutter, const char *data, size_t len, struct strbuf *out);
void log_cutter_free(struct log_cutter *cutter);

#endif
