/* The words of a Compose file as values: durations, sizes, command lines, variables. Pure. */
#ifndef CLI_COMPOSE_VALUES_H
#define CLI_COMPOSE_VALUES_H

#include "cli/compose.h"

/* "1m30s", "500ms" (a second at least), "10s", 10. False: no such value. */
bool compose_seconds(const struct json *value, int64_t *seconds);
/* "512m", "1.5gb", 1048576: powers of 1024. False: no such value. */
bool compose_bytes(const struct json *value, int64_t *bytes);
/* A line into words, as a shell does it by quotes and backslashes, and nothing more. NULL: a quote is not closed. */
struct json *compose_words(const char *line);
/* A scalar as text; NULL: it is none. The caller frees. */
char *compose_text(const struct json *value);
/* A text in which Kubernetes finds no $(NAME) and no $$. The caller frees. */
char *compose_literal(const char *text);
/* $NAME, ${NAME}, ${NAME:-default}, ${NAME:?what is missing}, ${NAME:+instead}, each without the colon too; $$ is $.
 * Of every text below `value`. The caller frees. NULL on error.
 */
struct json *compose_interpolate(const struct json *value, const struct compose_source *source, struct error *err);

#endif
