/* davit, the operator's tool: finds the verb, reads the flags, prints what went wrong. */
#include "config.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/nearest.h"
#include "cli/device.h"
#include "cli/habits.h"
#include "cli/options.h"
#include "cli/text.h"
#include "cli/verb_table.h"

enum exit_code exit_code_of(const struct error *err)
{
    switch (err->code) {
    case ERROR_NONE:
        return EXIT_CODE_OK;
    case ERROR_UNAVAILABLE:
        return EXIT_CODE_UNREACHABLE;
    case ERROR_NOT_FOUND:
        return EXIT_CODE_NOT_FOUND;
    case ERROR_TIMEOUT:
        return EXIT_CODE_TIMED_OUT;
    default:
        return EXIT_CODE_FAILED;
    }
}

enum exit_code usage_error(struct error *err, const char *format, ...)
{
    va_list args;
    err->code = ERROR_INVALID;
    va_start(args, format);
    (void)vsnprintf(err->message, sizeof(err->message), format, args);
    va_end(args);
    return EXIT_CODE_USAGE;
}

static void print_usage(FILE *out)
{
    (void)fputs("davit: Kubernetes objects on edge devices, over MQTT\n\nUsage: davit VERB [flags]\n", out);
    verb_table_print(out);
    (void)fputs("\n`davit VERB --help` shows a verb's flags and an example; man davit has the rest.\n", out);
}

static int verb_unknown(const char *name)
{
    const char *near = nearest_word(name, VERBS, VERB_COUNT, sizeof(struct verb));
    const char *instead = habit_verb(name);
    if (instead != NULL) {
        (void)fprintf(stderr, "davit: unknown verb %s: %s\n", name, instead);
        return EXIT_CODE_USAGE;
    }
    (void)fprintf(stderr, "davit: unknown verb %s. ", name);
    if (near != NULL)
        (void)fprintf(stderr, "Did you mean %s?\n", near);
    else
        (void)fputs("davit --help lists the verbs.\n", stderr);
    return EXIT_CODE_USAGE;
}

static enum exit_code dispatch(const struct verb *verb, int argc, char **argv)
{
    struct options options;
    struct error err = {0};
    enum exit_code code = EXIT_CODE_OK;
    if (!options_parse(argc, argv, verb->flags, &options, &err))
        code = EXIT_CODE_USAGE;
    else if (options.help)
        verb_print_help(verb);
    else if (!device_join(&options, verb->flags, &err))
        code = exit_code_of(&err);
    else
        code = verb->run(&options, &err);
    options_free(&options);
    if (err.code != ERROR_NONE)
        (void)fprintf(stderr, "davit: %s\n", text_clean(err.message));
    if (code == EXIT_CODE_USAGE)
        (void)fprintf(stderr, "davit %s --help shows how it is used.\n", verb->name);
    return code;
}

/* Where a caller closed one of them, the next socket would become it. */
static void fill_standard_fds(void)
{
    while (true) {
        int fd = open("/dev/null", O_RDWR);
        if (fd > STDERR_FILENO || fd < 0) {
            (void)close(fd);
            return;
        }
    }
}

/* `davit help`, `davit help apply`. `word` NULL: none. */
static int help_for(const char *word)
{
    const struct verb *verb = word != NULL ? verb_find(word) : NULL;
    if (word != NULL && verb == NULL)
        return verb_unknown(word);
    if (verb != NULL)
        verb_print_help(verb);
    else
        print_usage(stdout);
    return EXIT_CODE_OK;
}

/* Flags before the verb go behind it. */
static bool verb_first(int argc, char **argv)
{
    struct error err = {0};
    int index = 0;
    if (strcmp(argv[0], "--version") == 0)
        return true;
    if (!options_find_verb(argc, argv, &index, &err) || index == argc) {
        (void)fprintf(stderr, "davit: %s\n", err.code != ERROR_NONE ? text_clean(err.message) : "which verb? davit --help lists them");
        return false;
    }
    char *verb = argv[index];
    memmove(argv + 1, argv, (size_t)index * sizeof(*argv));
    argv[0] = verb;
    return true;
}

int main(int argc, char **argv)
{
    fill_standard_fds();
    log_init("davit", LOG_LEVEL_WARN);
    (void)signal(SIGPIPE, SIG_DFL); /* `davit get -w | head` ends quietly, whatever the parent ignored */
    if (argc < 2) {
        print_usage(stderr);
        return EXIT_CODE_USAGE;
    }
    bool help = strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0;
    if (help)
        return help_for(argv[2]);
    if (!verb_first(argc - 1, argv + 1))
        return EXIT_CODE_USAGE;
    const struct verb *verb = verb_find(strcmp(argv[1], "--version") == 0 ? "version" : argv[1]);
    if (verb == NULL)
        return verb_unknown(argv[1]);
    enum exit_code code = dispatch(verb, argc - 2, argv + 2);
    if ((fflush(stdout) != 0 || ferror(stdout) != 0) && code == EXIT_CODE_OK) {
        (void)fputs("davit: cannot write to stdout\n", stderr);
        code = EXIT_CODE_FAILED;
    }
    return code;
}
