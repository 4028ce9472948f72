#include "options.h"

#include <getopt.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"

#define COUNT_MAX 100000
#define SECONDS_MAX 31536000u
#define RATE_MAX 1000000
#define CONNECT_RATE 2000
#define MAX_DELAY_MS 120000 /* as davitd's (core/link_child.c) */
#define THREADS_MAX 256
#define SCHEME "mqtt://"

const char options_help[] =
    "davit-sim COUNT [OPTION]...\n"
    "\n"
    "Simulated nodes on a real broker: the core and the protocol of davitd, one each, with the fake runtime, a database in\n"
    "memory, and images that are there. A node has no davit-net and no davit-probe: pods get no addresses, probes no answer.\n"
    "It runs until SIGTERM, or for --seconds, and then says what it saw.\n"
    "\n"
    "    --broker URL         mqtt://HOST:PORT, without TLS (mqtt://127.0.0.1:1883)\n"
    "    --root R             the topics' root (davit)\n"
    "    --group G            a group that all are in; may be given several times\n"
    "    --prefix P           names are P0, P1 ... (sim-)\n"
    "    --jitter SECONDS     the first connections are spread over so long (1)\n"
    "    --connect-rate N     connections begun a second, at most (2000)\n"
    "    --max-delay SECONDS  the longest wait before a connection is tried again (120)\n"
    "    --threads N          the nodes are shared out among so many (one a core)\n"
    "    --seconds S          how long it runs (until a signal)\n"
    "    --watch NS/RES/NAME  counts the statuses of this object as they come back from the broker\n"
    "    --bare               every connection also answers R/bare/desired with one state and one status, as large as the\n"
    "                         watched object's, without a core: what the broker takes for the same fan-out\n"
    "    --control            commands on standard input, a line of JSON for each on standard output (HACKING.md)\n"
    "    -o json              the report as JSON\n"
    "\n"
    "A node needs one open file, and the broker another one for it: see ulimit -n.\n"
    "\n"
    "Example: 200 nodes in the group line-3, and what an operator sees of them\n"
    "    davit-sim 200 --group line-3 --watch default/pods/web &\n"
    "    davit get nodes\n";

static bool number_read(const char *text, const char *what, uint64_t max, uint64_t *out, struct error *err)
{
    char *end = NULL;
    *out = strtoull(text, &end, 10);
    if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && *out <= max)
        return true;
    return error_set(err, ERROR_INVALID, "%s \"%s\": give a whole number up to %llu", what, text, (unsigned long long)max);
}

static bool group_read(struct options *options, const char *text, struct error *err)
{
    if (options->group_count == SIM_GROUPS_MAX)
        return error_set(err, ERROR_LIMIT, "--group: at most %d", SIM_GROUPS_MAX);
    options->groups[options->group_count++] = text;
    return true;
}

static bool seconds_read(const char *text, const char *what, uint64_t *out_ms, struct error *err)
{
    if (!number_read(text, what, SECONDS_MAX, out_ms, err))
        return false;
    *out_ms *= 1000;
    return true;
}

static bool output_read(struct options *options, const char *text, struct error *err)
{
    options->json = strcmp(text, "json") == 0;
    return options->json || error_set(err, ERROR_INVALID, "-o %s: it can be json", text);
}

static bool rate_read(struct options *options, const char *text, struct error *err)
{
    return number_read(text, "--connect-rate", RATE_MAX, &options->connect_rate, err) &&
           (options->connect_rate > 0 || error_set(err, ERROR_INVALID, "--connect-rate: at least 1"));
}

static bool threads_read(struct options *options, const char *text, struct error *err)
{
    uint64_t count = 0;
    if (!number_read(text, "--threads", THREADS_MAX, &count, err))
        return false;
    options->threads = (size_t)count;
    return count > 0 || error_set(err, ERROR_INVALID, "--threads: at least 1");
}

static bool option_read(struct options *options, int option, struct error *err)
{
    switch (option) {
    case 'b': options->broker = optarg; return true;
    case 'r': options->root = optarg; return true;
    case 'p': options->prefix = optarg; return true;
    case 'w': options->watch = optarg; return true;
    case 'B': options->bare = true; return true;
    case 'C': options->control = true; return true;
    case 'g': return group_read(options, optarg, err);
    case 'j': return seconds_read(optarg, "--jitter", &options->jitter_ms, err);
    case 'm': return seconds_read(optarg, "--max-delay", &options->max_delay_ms, err);
    case 's': return seconds_read(optarg, "--seconds", &options->run_ms, err);
    case 't': return threads_read(options, optarg, err);
    case 'c': return rate_read(options, optarg, err);
    case 'o': return output_read(options, optarg, err);
    default: return error_set(err, ERROR_INVALID, "unknown option; davit-sim --help shows what there is");
    }
}

static bool broker_find(struct options *options, struct error *err)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    const char *authority = options->broker + strlen(SCHEME);
    if (strncmp(options->broker, SCHEME, strlen(SCHEME)) != 0 || strchr(authority, '/') != NULL)
        return error_set(err, ERROR_INVALID, "--broker \"%s\": give " SCHEME "HOST:PORT", options->broker);
    const char *colon = strrchr(authority, ':');
    AUTO_FREE char *host = mem_strndup(authority, colon != NULL ? (size_t)(colon - authority) : strlen(authority));
    int failed = getaddrinfo(host, colon != NULL ? colon + 1 : "1883", &hints, &found);
    if (failed != 0)
        return error_set(err, ERROR_INVALID, "--broker \"%s\": %s", options->broker, gai_strerror(failed));
    memcpy(&options->address, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return true;
}

enum options_verdict options_read(int argc, char **argv, struct options *options, struct error *err)
{
    static const struct option known[] = {
        { "broker", required_argument, NULL, 'b' },  { "root", required_argument, NULL, 'r' },
        { "prefix", required_argument, NULL, 'p' },  { "group", required_argument, NULL, 'g' },
        { "jitter", required_argument, NULL, 'j' },  { "connect-rate", required_argument, NULL, 'c' },
        { "seconds", required_argument, NULL, 's' }, { "watch", required_argument, NULL, 'w' },
        { "bare", no_argument, NULL, 'B' },          { "control", no_argument, NULL, 'C' },
        { "max-delay", required_argument, NULL, 'm' }, { "threads", required_argument, NULL, 't' },   { "help", no_argument, NULL, 'h' },          { 0 },
    };
    uint64_t count = 0;
    int option;
    *options = (struct options){ .broker = SCHEME "127.0.0.1:1883", .root = "davit", .prefix = "sim-", .jitter_ms = 1000,
                                 .connect_rate = CONNECT_RATE, .max_delay_ms = MAX_DELAY_MS,
                                 .threads = (size_t)sysconf(_SC_NPROCESSORS_ONLN) };
    while ((option = getopt_long(argc, argv, "o:h", known, NULL)) != -1) {
        if (option == 'h')
            return OPTIONS_HELP;
        if (!option_read(options, option, err))
            return OPTIONS_BAD;
    }
    if (optind + 1 != argc) {
        error_set(err, ERROR_INVALID, "say how many nodes, and nothing else; davit-sim --help shows an example");
        return OPTIONS_BAD;
    }
    if (!number_read(argv[optind], "COUNT", COUNT_MAX, &count, err) || !broker_find(options, err))
        return OPTIONS_BAD;
    options->count = (size_t)count;
    return OPTIONS_GOOD;
}
