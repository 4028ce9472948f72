/* conmon's log lines ("TIME STREAM P|F words"), picked and printed as kubectl does. */
#ifndef CLI_LOG_LINES_H
#define CLI_LOG_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct log_pick {
    bool timestamps;
    uint64_t since_ms;   /* wall; 0: from the beginning */
    int64_t limit_bytes; /* of output; 0: none */
    int64_t printed;
    bool within;         /* the line that is being put together is printed */
    bool open;           /* its end has not come yet */
};

/* Prints one line of the file, without its newline. False: the limit is reached. */
bool log_line_print(struct log_pick *pick, const char *line, size_t len, FILE *out);
/* Where the last `lines` whole lines of text begin. */
size_t log_tail_offset(const char *text, size_t len, int64_t lines);

#endif
