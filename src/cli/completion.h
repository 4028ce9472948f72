/* What the completions of the three shells are made of: the tables of verbs and flags, and words that stand in neither. */
#ifndef CLI_COMPLETION_H
#define CLI_COMPLETION_H

#include <stdbool.h>
#include <stdio.h>

#include "cli/flags.h"
#include "cli/verb_table.h"

/* What may stand behind a verb, as words with spaces between; "" where there is nothing to offer. */
const char *completion_for(const struct verb *verb);
bool completion_takes_files(const struct verb *verb);
bool completion_has_flag(const struct verb *verb, const struct flag *flag);
bool completion_flag_is_file(const struct flag *flag);  /* its value is the name of one */
bool completion_flag_has_value(const struct flag *flag); /* in the next word */
/* The values of -o. */
extern const char COMPLETION_OUTPUTS[];
/* Lists the contexts: the only thing that is looked up at a key press, in a file. */
extern const char COMPLETION_CONTEXTS[];
/* `text` between single quotes, as a shell has it; `escaped` is what a quote becomes in them. */
void completion_quote(FILE *out, const char *text, const char *escaped);

void completion_bash(FILE *out);
void completion_zsh(FILE *out);
void completion_fish(FILE *out);

#endif
