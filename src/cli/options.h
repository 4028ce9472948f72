/* What a person gave on the command line and in the environment, checked. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"

/* Stable: scripts rely on them. man/davit.1.scd lists them. */
enum exit_code {
    EXIT_CODE_OK = 0,
    EXIT_CODE_FAILED = 1,
    EXIT_CODE_USAGE = 2,
    EXIT_CODE_UNREACHABLE = 3,
    EXIT_CODE_NOT_FOUND = 4,
    EXIT_CODE_TIMED_OUT = 5
};

/* Which flags a verb takes: a set of these bits. */
enum flag_group {
    FLAG_BROKER = 1ull << 0, /* --broker, --root and the credentials */
    FLAG_NODE = 1ull << 1,
    FLAG_GROUP = 1ull << 2,
    FLAG_NAMESPACE = 1ull << 3,
    FLAG_ALL_NAMESPACES = 1ull << 4,
    FLAG_FILE = 1ull << 5,
    FLAG_OUTPUT = 1ull << 6,
    FLAG_WATCH = 1ull << 7,
    FLAG_WAIT = 1ull << 8, /* --wait, --timeout */
    FLAG_CLIENT = 1ull << 9,
    FLAG_CONTROL = 1ull << 10,
    FLAG_NAME = 1ull << 11,
    FLAG_LOGS = 1ull << 12, /* -f, -c, -p, --tail … */
    FLAG_ANY = 1ull << 13, /* --help */
    FLAG_CONTAINER = 1ull << 14,
    FLAG_EXEC = 1ull << 15, /* -i, -t */
    FLAG_MISSING = 1ull << 16, /* --ignore-not-found */
    FLAG_TOP = 1ull << 18, /* --containers, --sort-by */
    FLAG_PURGE = 1ull << 19, /* --purge, --unmask */
    FLAG_FORCE = 1ull << 20,
    FLAG_SNAPSHOT = 1ull << 21, /* --list, --delete */
    FLAG_PORT = 1ull << 22,
    FLAG_LISTEN = 1ull << 56,
    FLAG_ACL = 1ull << 60, /* --operator, --groups … */
    FLAG_NODES = 1ull << 24,       /* --nodes, --node-selector */
    FLAG_NODE_LABELS = 1ull << 25, /* -l: of nodes */
    FLAG_SELECTOR = 1ull << 26,    /* -l: of objects */
    FLAG_BARE = 1ull << 27,        /* no flag: what is absent stays absent, whatever environment and context say */
    FLAG_LIST = 1ull << 28,        /* --field-selector, --sort-by, --show-labels, --no-headers, and all forms of --output */
    FLAG_EVENTS = 1ull << 29,      /* --for TYPE/NAME, --types */
    FLAG_FOR = 1ull << 30,         /* --for CONDITION, --timeout */
    FLAG_STRICT = 1ull << 34,
    FLAG_BUNDLE = 1ull << 35, /* --bundle, --prune */
    FLAG_DRY_RUN = 1ull << 36,
    FLAG_RUN = 1ull << 37, /* --image, -p, -v, -e, --name … */
    FLAG_REPLICAS = 1ull << 38,
    FLAG_OVERWRITE = 1ull << 39,
    FLAG_YES = 1ull << 40,
    FLAG_ALL = 1ull << 41,
    FLAG_OLDER = 1ull << 42,
    FLAG_FORGET = 1ull << 43, /* --force, of a node */
    FLAG_RECURSIVE = 1ull << 44,
    FLAG_CONFIG = 1ull << 45,
    FLAG_REVISION = 1ull << 46, /* --revision, --to-revision */
    FLAG_ADDRESS = 1ull << 48

};

/* What a flag that may be given again had, in order. The array is the options'. */
struct words {
    const char **list;
    size_t count;
};

struct contexts;

/* Texts belong to argv, the environment and the context; NULL and false where absent. */
struct options {
    const char *context;
    struct contexts *contexts; /* the file's, whose texts stand here; NULL: not read */
    const char *broker;
    const char *root;
    const char *node;
    const char *group;
    struct words nodes;        /* globs */
    const char *node_selector; /* kubectl's -l, of nodes */
    const char *selector;      /* the same, of objects */
    const char *field_selector;
    const char *for_what;
    const char *types;
    const char *timeout;
    bool no_headers;
    bool show_labels;
    const char *label_columns;
    const char *ns;
    const char *username;
    const char *password_file;
    const char *ca_file;
    const char *cert_file;
    const char *key_file;
    const char *proxy, *proxy_username, *proxy_password_file;
    const char *groups, *site; /* of davit acl, as the next three */
    struct words operators, revoked;
    bool read_only, from_broker;
    const char *control;
    struct words files;
    const char *dry_run; /* "" for a bare --dry-run */
    const char *replicas;
    const char *older;
    bool overwrite;
    bool all;
    bool strict;
    const char *image;
    struct words publish;
    struct words volumes;
    struct words env;
    const char *memory;
    const char *cpu;
    const char *restart;
    const char *health;
    bool bundle;
    bool prune;
    const char *output;
    const char *wait; /* "" for a bare --wait */
    const char *name;
    const char *container;
    bool all_containers;
    bool prefix;
    const char *tail;
    const char *since;
    const char *limit_bytes;
    bool interactive;
    bool tty;
    const char *sort_by;
    bool containers;
    bool purge;
    bool unmask;
    bool force;
    bool list;
    const char *delete_name;
    const char *port;
    const char *listen;
    bool yes;
    bool recursive;
    bool ignore_missing;
    const char *config;
    const char *revision;
    const char *address;
    const char *to_revision;
    bool follow;
    bool previous;
    bool timestamps;
    bool all_namespaces;
    bool watch;
    bool client;
    bool help;
    bool node_given, control_given; /* by flag */
    bool broker_set;      /* by flag, environment or context: not the default */
    struct json *device;  /* what davitd said of itself; NULL: it was not asked */
    bool by_control;      /* sessions go to davitd's control socket, and no broker is asked */
    bool control_set;     /* by flag, environment or context: not the default */
    bool namespace_given; /* by flag: a document of another namespace is refused */
    const char **words;   /* what is no flag, in order; the array is the caller's to free */
    size_t word_count;
    size_t words_before_dashes; /* of them, before `--`; word_count where there is none */
    bool dashes;
};

/* Reads argv[0 … argc-1] (behind the verb), then for what is absent the environment, the context, the defaults. `groups` is
 * what the verb takes. The error names the flag and, where one is near, what was probably meant.
 */
MUST_CHECK bool options_parse(int argc, char **argv, uint64_t groups, struct options *options, struct error *err);
void options_free(struct options *options);
/* Where the verb is in argv: flags may stand before it, as kubectl has it. argc: there is none. */
MUST_CHECK bool options_find_verb(int argc, char **argv, int *index, struct error *err);
/* The flags of `groups`, one a line, on stdout; those of the broker only where they are asked for. */
void options_print_help(uint64_t groups, bool with_broker);
/* "90", "90s", "5m", "2h", "30d", as the flag --FLAG has it. `text` NULL: *ms stays. */
MUST_CHECK bool options_time(const char *flag, const char *text, uint64_t *ms, struct error *err);
/* --wait as milliseconds: "false" 0, bare or "true" `fallback_ms`, else a time. */
MUST_CHECK bool options_wait_ms(const struct options *options, uint64_t fallback_ms, uint64_t *wait_ms,
                                struct error *err);

#endif
