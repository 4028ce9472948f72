/* Named brokers and what else would have to be said each time: $XDG_CONFIG_HOME/davit/config, or ~/.config/davit/config.
 *
 *     current=plant
 *     [context plant]
 *     broker=mqtts://broker.plant:8883
 *     root=acme/davit
 *
 * Each key is a flag, with _ for -. What is absent has the flag's default; a flag and an environment variable are nearer.
 */
#ifndef CLI_CONTEXT_H
#define CLI_CONTEXT_H

#include "cli/options.h"

#define CONTEXT_KEYS 11

struct context {
    char *name;
    char *values[CONTEXT_KEYS]; /* by contexts_key(); NULL: absent */
};

struct contexts {
    char *path;
    char *current; /* NULL: none */
    struct context *list; /* in the file's order */
    size_t count;
};

/* An absent file has none. Unknown keys and what is no context are errors, with the line. */
MUST_CHECK bool contexts_load(struct contexts *contexts, struct error *err);
/* Whole, mode 0600. Makes the folder. */
MUST_CHECK bool contexts_save(const struct contexts *contexts, struct error *err);
/* NULL on error, which lists those that there are. */
struct context *contexts_find(const struct contexts *contexts, const char *name, struct error *err);
struct context *contexts_add(struct contexts *contexts, const char *name);
void contexts_remove(struct contexts *contexts, struct context *context);
void contexts_free(struct contexts *contexts);
#define AUTO_CONTEXTS __attribute__((cleanup(contexts_free)))

const char *context_key(size_t index);                               /* "password_file" */
const char *context_value(const struct context *context, const char *key); /* NULL: absent */
/* What options have of its keys becomes the context's; the number of them. */
size_t context_take(struct context *context, const struct options *options);
MUST_CHECK bool context_name_check(const char *name, struct error *err);

/* Where a flag and the environment are silent, the context that is meant speaks: --context's, else the current one. */
MUST_CHECK bool context_apply(struct options *options, struct error *err);

#endif
