/* A command in a container that runs: for probes and hooks. With the container's own user, rights and environment. */
#ifndef CRUN_EXEC_H
#define CRUN_EXEC_H

#include "crun.h"

struct exec_result {
    int exit_code;
    bool timed_out;
    char *output; /* what it wrote, cut; the caller frees */
};

/* Waits for it, at most `timeout_ms`; then it is ended, with everything below it, and the container is not. */
MUST_CHECK bool exec_capture(const struct crun *crun, const char *id, const struct json *command, int64_t timeout_ms,
                             int cancel_fd, struct exec_result *result, struct error *err);

#endif
