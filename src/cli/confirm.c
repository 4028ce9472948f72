#include "config.h"

#include "cli/confirm.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

bool confirm(const struct options *options, struct error *err, const char *what, ...)
{
    char text[ERROR_MESSAGE_BYTES / 2], line[16] = "";
    va_list args;
    va_start(args, what);
    (void)vsnprintf(text, sizeof(text), what, args);
    va_end(args);
    if (options->yes)
        return true;
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return error_set(err, ERROR_INVALID, "to %s needs --yes, where nobody can be asked", text);
    (void)fprintf(stderr, "%s? [y/N] ", text);
    if (fgets(line, sizeof(line), stdin) != NULL && (line[0] == 'y' || line[0] == 'Y'))
        return true;
    return error_set(err, ERROR_INVALID, "nothing was done");
}
