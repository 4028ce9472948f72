/* What kubectl's flags of logs say, read. */
#ifndef CLI_LOG_FLAGS_H
#define CLI_LOG_FLAGS_H

#include "cli/options.h"

struct log_flags {
    int64_t tail;        /* -1: all */
    int64_t limit_bytes; /* 0: none */
    uint64_t since_ms;   /* before now; 0: all */
};

MUST_CHECK bool log_flags_read(const struct options *options, struct log_flags *flags, struct error *err);

#endif
