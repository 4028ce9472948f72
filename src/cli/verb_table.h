/* The verbs of davit, as data: what main.c dispatches by, what the help and the completions are written from. */
#ifndef CLI_VERB_TABLE_H
#define CLI_VERB_TABLE_H

#include <stdio.h>

#include "cli/verbs.h"

/* The chapters of `davit --help`, in this order. */
enum verb_section { SECTION_DEPLOY, SECTION_LOOK, SECTION_ACT, SECTION_NODE, SECTION_DEVICE, SECTION_COUNT };

struct verb {
    const char *name; /* first: nearest_word */
    enum verb_section section;
    const char *usage;
    const char *summary;
    const char *example;
    uint64_t flags; /* enum flag_group */
    enum exit_code (*run)(const struct options *options, struct error *err);
};

extern const struct verb VERBS[]; /* by section */
extern const size_t VERB_COUNT;

/* NULL: there is none of this name. */
const struct verb *verb_find(const char *name);
void verb_table_print(FILE *out);
void verb_print_help(const struct verb *verb);

#endif
