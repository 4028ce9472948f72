/* davit console: the serial console of a virtual machine. virsh's escape, Ctrl-]. */
#include "config.h"

#include <unistd.h>

#include "base/memory.h"
#include "cli/exec_client.h"
#include "cli/verbs.h"
#include "cli/vm_word.h"

enum exit_code verb_console(const struct options *options, struct error *err)
{
    int exit_code = EXIT_CODE_FAILED;
    size_t at = 0;
    char *read = NULL;
    if (!vm_word_read(options, &at, &read, err))
        return EXIT_CODE_USAGE;
    AUTO_FREE char *object = read;
    if (at != options->word_count)
        return usage_error(err, "console takes one virtual machine");
    AUTO_FREE char *title = vm_word_title(object);
    AUTO_FREE char *greeting = mem_printf("Connected to %s\nEscape character is ^] (Ctrl + ])\n", title);
    struct exec_client client = { .options = options, .pod = object, .console = "serial", .in = STDIN_FILENO,
                                  .out = STDOUT_FILENO, .err = -1, .tty = isatty(STDIN_FILENO) != 0, .greeting = greeting };
    if (!exec_client_run(&client, &exit_code, err))
        return exit_code_of(err);
    return (enum exit_code)exit_code;
}
