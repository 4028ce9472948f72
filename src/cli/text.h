/* Texts that came from a node or a broker, on their way to a terminal. */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include "base/error.h"

/* Control characters, C0 and C1, and those that turn the direction of writing become `?`: what others write must not steer a
 * terminal, nor look like something else. In place. Returns text. */
char *text_clean(char *text);
char *text_clean_lines(char *text); /* the same, but for ends of lines and tabs */
/* error_set, cleaned. */
bool text_error(struct error *err, enum error_code code, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
