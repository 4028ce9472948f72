/* A line or two on each field that is honoured: what `davit explain` says beside what the decoder's tables say. */
#ifndef CLI_EXPLAIN_WORDS_H
#define CLI_EXPLAIN_WORDS_H

#include <stddef.h>

struct explain_word {
    const char *field; /* "NAME", "PARENT.NAME" or "RESOURCE:PARENT.NAME": the longest that fits is meant */
    const char *text;
};

/* Each ends with a NULL field. */
extern const struct explain_word EXPLAIN_PODS[];
extern const struct explain_word EXPLAIN_KINDS[];
extern const struct explain_word EXPLAIN_MACHINES[];

/* NULL: there is none, which a test does not let happen. */
const char *explain_text(const char *resource, const char *parent, const char *name);

/* Kubernetes' fields of this parent that are taken and not honoured, apart by spaces. NULL: none are known. */
const char *explain_not_honoured(const char *resource, const char *parent);

#endif
