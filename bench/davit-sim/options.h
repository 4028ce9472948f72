/* What davit-sim was asked for on its command line. */
#ifndef SIM_OPTIONS_H
#define SIM_OPTIONS_H

#include <stdint.h>
#include <sys/socket.h>

#include "base/error.h"

#define SIM_GROUPS_MAX 16

struct options {
    size_t count;
    size_t threads;
    const char *broker; /* mqtt://HOST:PORT */
    struct sockaddr_storage address;
    const char *root, *prefix;
    const char *groups[SIM_GROUPS_MAX];
    size_t group_count;
    uint64_t jitter_ms;    /* the first connections are begun within it */
    uint64_t connect_rate; /* connections begun a second, at most */
    uint64_t max_delay_ms; /* of the back-off */
    uint64_t run_ms;       /* 0: until a signal */
    const char *watch;     /* NS/RES/NAME, whose statuses are counted */
    bool bare;             /* every connection answers ROOT/bare/desired, without a core */
    bool control;          /* commands on standard input */
    bool json;             /* the report */
};

enum options_verdict { OPTIONS_GOOD, OPTIONS_BAD, OPTIONS_HELP };

/* BAD: err says what is wrong, and what to do. The texts are argv's. */
enum options_verdict options_read(int argc, char **argv, struct options *options, struct error *err);
extern const char options_help[];

#endif
