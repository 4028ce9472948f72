#include <config.h>

#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/memory.h"
#include "core/daemon.h"

#define EXIT_USAGE 2

static const char usage[] =
    "davitd: runs containers as Kubernetes objects in MQTT topics say\n"
    "\n"
    "usage: davitd [--config FILE] [--set SECTION.KEY=VALUE]... [--check-config] [--log-level LEVEL]\n"
    "\n"
    "  --config FILE    configuration (default " SYSCONFDIR "/davit/davitd.conf, then conf.d/*.conf beside it)\n"
    "  --set S.K=V      one key, as if it stood last in the file; may be repeated\n"
    "  --check-config   says what is wrong with the configuration and exits: 0 good, 1 wrong\n"
    "  --log-level L    error, warn, info (default) or debug\n"
    "  --version        prints the version\n"
    "\n"
    "example: davitd --config ./davitd.conf --set broker.url=mqtt://127.0.0.1:1883\n";

struct arguments {
    const char *config_file;
    bool config_named;
    bool check_only;
    enum log_level level;
    const char **settings;
    size_t setting_count;
};

static bool read_level(const char *word, enum log_level *level)
{
    static const struct {
        const char *word;
        enum log_level level;
    } levels[] = { { "error", LOG_LEVEL_ERROR }, { "warn", LOG_LEVEL_WARN },
                   { "info", LOG_LEVEL_INFO }, { "debug", LOG_LEVEL_DEBUG } };
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
        if (strcmp(levels[i].word, word) == 0) {
            *level = levels[i].level;
            return true;
        }
    fprintf(stderr, "davitd: --log-level \"%s\" is none of error, warn, info, debug\n", word);
    return false;
}

/* -1: go on; else the exit code. */
static int read_arguments(int argc, char **argv, struct arguments *arguments)
{
    static const struct option options[] = {
        { "config", required_argument, NULL, 'c' },  { "set", required_argument, NULL, 's' },
        { "check-config", no_argument, NULL, 'k' },  { "log-level", required_argument, NULL, 'l' },
        { "help", no_argument, NULL, 'h' },          { "version", no_argument, NULL, 'v' },
        { NULL, 0, NULL, 0 } };
    for (int option; (option = getopt_long(argc, argv, "c:h", options, NULL)) != -1;) {
        switch (option) {
        case 'c':
            arguments->config_file = optarg;
            arguments->config_named = true;
            break;
        case 's':
            arguments->settings[arguments->setting_count++] = optarg;
            break;
        case 'k':
            arguments->check_only = true;
            break;
        case 'l':
            if (!read_level(optarg, &arguments->level))
                return EXIT_USAGE;
            break;
        case 'h':
            fputs(usage, stdout);
            return 0;
        case 'v':
            puts("davitd " PACKAGE_VERSION);
            return 0;
        default:
            fputs("try: davitd --help\n", stderr);
            return EXIT_USAGE;
        }
    }
    if (optind == argc)
        return -1;
    fprintf(stderr, "davitd: \"%s\" is no option\ntry: davitd --help\n", argv[optind]);
    return EXIT_USAGE;
}

static struct config *load_config(const struct arguments *arguments, struct error *err)
{
    struct config *config = config_read(arguments->config_file, arguments->config_named, err);
    for (size_t i = 0; config != NULL && i < arguments->setting_count; i++)
        if (!config_set(config, arguments->settings[i], err)) {
            config_free(config);
            return NULL;
        }
    if (config != NULL && config_finish(config, err))
        return config;
    config_free(config);
    return NULL;
}

int main(int argc, char **argv)
{
    AUTO_FREE const char **settings = mem_array((size_t)argc + 1, sizeof(*settings));
    struct arguments arguments = { .config_file = SYSCONFDIR "/davit/davitd.conf", .level = LOG_LEVEL_INFO,
                                   .settings = settings };
    int code = read_arguments(argc, argv, &arguments);
    if (code >= 0)
        return code;
    log_init("davitd", arguments.level);
    umask(0077);
    signal(SIGPIPE, SIG_IGN); /* a command may close what it is given to read; libuv gives its children the default again */
    mallopt(M_ARENA_MAX, 1); /* two threads, little memory */
    mallopt(M_TRIM_THRESHOLD, 64 * 1024);
    struct error err;
    struct config *config = load_config(&arguments, &err);
    if (config == NULL) {
        fprintf(stderr, "davitd: %s\n", err.message);
        return 1;
    }
    if (arguments.check_only)
        puts("the configuration is good");
    else
        code = daemon_run(config);
    config_free(config);
    return code < 0 ? 0 : code;
}
