/* davit options: the flags that every verb takes which talks to a broker. */
#include "config.h"

#include <stdio.h>

#include "cli/options.h"
#include "cli/verbs.h"

enum exit_code verb_options(const struct options *options, struct error *err)
{
    if (options->word_count > 0)
        return usage_error(err, "options takes no \"%s\"", options->words[0]);
    (void)puts("Every verb that talks to a broker takes these:");
    options_print_help(FLAG_BROKER, true);
    return EXIT_CODE_OK;
}
