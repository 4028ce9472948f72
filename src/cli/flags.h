/* The flags of davit, as data: what options.c reads by, what the help and the completions are written from. */
#ifndef CLI_FLAGS_H
#define CLI_FLAGS_H

#include "cli/options.h"

enum flag_kind {
    FLAG_KIND_TEXT,
    FLAG_KIND_SWITCH,
    FLAG_KIND_OPTIONAL, /* a value only behind `=` */
    FLAG_KIND_LIST      /* may be given again: a struct words */
};

struct flag {
    const char *name; /* first: nearest_word */
    char letter;
    enum flag_kind kind;
    uint64_t group;
    size_t offset; /* in struct options */
    const char *value;
    const char *help;
    const char *environment;
    const char *fallback;
};

extern const struct flag FLAGS[];
extern const size_t FLAG_COUNT;

#endif
