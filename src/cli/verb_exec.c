/* davit exec: a command in a container of this device. kubectl's flags and words. */
#include "config.h"

#include <stdio.h>
#include <unistd.h>

#include "cli/exec_client.h"
#include "cli/verbs.h"

/* As kubectl: a terminal only with input that is one, and without it the command runs all the same. */
static bool may_have_terminal(const struct options *options)
{
    if (!options->tty || !options->interactive)
        return false;
    if (isatty(STDIN_FILENO))
        return true;
    (void)fputs("Unable to use a TTY - input is not a terminal or the right kind of file\n", stderr);
    return false;
}

enum exit_code verb_exec(const struct options *options, struct error *err)
{
    int exit_code = EXIT_CODE_FAILED;
    if (options->words_before_dashes != 1)
        return usage_error(err, options->dashes ? "exec takes the name of one pod before --"
                                                : "exec POD COMMAND is not understood: use exec POD -- COMMAND");
    if (options->word_count < 2)
        return usage_error(err, "exec needs a command: davit exec %s -- COMMAND", options->words[0]);
    struct exec_client client = { .options = options, .pod = options->words[0], .command = options->words + 1,
                                  .word_count = options->word_count - 1, .in = options->interactive ? STDIN_FILENO : -1,
                                  .out = STDOUT_FILENO, .err = STDERR_FILENO, .tty = may_have_terminal(options) };
    if (!exec_client_run(&client, &exit_code, err))
        return exit_code_of(err);
    if (exit_code != 0)
        (void)fprintf(stderr, "command terminated with exit code %d\n", exit_code);
    return (enum exit_code)exit_code;
}
