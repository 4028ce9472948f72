#include "config.h"

#include "cli/options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/nearest.h"


enum flag_kind {
    FLAG_KIND_TEXT,
    FLAG_KIND_SWITCH,
    FLAG_KIND_OPTIONAL /* a value only behind `=` */
};

struct flag {
    const char *name; /* first: nearest_word */
    char letter;
    enum flag_kind kind;
    unsigned group;
    size_t offset;
    const char *value;
    const char *help;
    const char *environment;
    const char *fallback;
};

#define AT(field) offsetof(struct options, field)

static const struct flag FLAGS[] = {
    {"file", 'f', FLAG_KIND_TEXT, FLAG_FILE, AT(file), "FILE", "JSON or YAML, a folder of such files, or - for stdin",
     NULL, NULL},
    {"node", 0, FLAG_KIND_TEXT, FLAG_NODE, AT(node), "N", "the node that is meant", "DAVIT_NODE", NULL},
    {"group", 0, FLAG_KIND_TEXT, FLAG_GROUP, AT(group), "G", "every node of this group, instead of one node", NULL,
     NULL},
    {"namespace", 'n', FLAG_KIND_TEXT, FLAG_NAMESPACE, AT(ns), "NS", "the namespace", "DAVIT_NAMESPACE", "default"},
    {"all-namespaces", 'A', FLAG_KIND_SWITCH, FLAG_ALL_NAMESPACES, AT(all_namespaces), NULL, "in every namespace", NULL,
     NULL},
    {"output", 'o', FLAG_KIND_TEXT, FLAG_OUTPUT, AT(output), "FORMAT", "json, yaml, name or wide", NULL, NULL},
    {"watch", 'w', FLAG_KIND_SWITCH, FLAG_WATCH, AT(watch), NULL, "then a line for each change, until interrupted",
     NULL, NULL},
    {"wait", 0, FLAG_KIND_OPTIONAL, FLAG_WAIT, AT(wait), "[=SECONDS]", "wait for the node; --wait=false does not", NULL,
     NULL},
    {"client", 0, FLAG_KIND_SWITCH, FLAG_CLIENT, AT(client), NULL, "only the version of this program", NULL, NULL},
    {"name", 0, FLAG_KIND_TEXT, FLAG_NAME, AT(name), "REF", "what the image is to be called, as demo:1", NULL, NULL},
    {"follow", 'f', FLAG_KIND_SWITCH, FLAG_LOGS, AT(follow), NULL, "go on until the container ends", NULL, NULL},
    {"container", 'c', FLAG_KIND_TEXT, FLAG_LOGS | FLAG_CONTAINER, AT(container), "NAME", "of the pod's containers this one", NULL, NULL},
    {"stdin", 'i', FLAG_KIND_SWITCH, FLAG_EXEC, AT(interactive), NULL, "give the command what comes in here", NULL, NULL},
    {"tty", 't', FLAG_KIND_SWITCH, FLAG_EXEC, AT(tty), NULL, "give the command a terminal; with -i", NULL, NULL},
    {"previous", 'p', FLAG_KIND_SWITCH, FLAG_LOGS, AT(previous), NULL, "the one before its last restart", NULL, NULL},
    {"tail", 0, FLAG_KIND_TEXT, FLAG_LOGS, AT(tail), "LINES", "only the last lines", NULL, NULL},
    {"since", 0, FLAG_KIND_TEXT, FLAG_LOGS, AT(since), "TIME", "only what is newer: 90s, 5m, 2h", NULL, NULL},
    {"timestamps", 0, FLAG_KIND_SWITCH, FLAG_LOGS, AT(timestamps), NULL, "each line with its time", NULL, NULL},
    {"limit-bytes", 0, FLAG_KIND_TEXT, FLAG_LOGS, AT(limit_bytes), "N", "no more than that", NULL, NULL},
    {"purge", 0, FLAG_KIND_SWITCH, FLAG_PURGE, AT(purge), NULL, "of a claim: what is in it goes too, and for good", NULL, NULL},
    {"containers", 0, FLAG_KIND_SWITCH, FLAG_TOP, AT(containers), NULL, "a line for each container", NULL, NULL},
    {"sort-by", 0, FLAG_KIND_TEXT, FLAG_TOP, AT(sort_by), "KEY", "cpu or memory, the greatest first", NULL, NULL},
    {"force", 0, FLAG_KIND_SWITCH, FLAG_FORCE, AT(force), NULL, "switch it off at once: the guest is not asked", NULL, NULL},
    {"list", 0, FLAG_KIND_SWITCH, FLAG_SNAPSHOT, AT(list), NULL, "what snapshots there are", NULL, NULL},
    {"delete", 0, FLAG_KIND_TEXT, FLAG_SNAPSHOT, AT(delete_name), "SNAP", "remove this snapshot", NULL, NULL},
    {"port", 0, FLAG_KIND_TEXT, FLAG_PORT, AT(port), "N", "the local port; else one that is free", NULL, NULL},
    {"control", 0, FLAG_KIND_TEXT, FLAG_CONTROL, AT(control), "SOCKET", "davitd's control socket", "DAVIT_CONTROL",
     "/run/davit/control.sock"},
    {"broker", 0, FLAG_KIND_TEXT, FLAG_BROKER, AT(broker), "URL", "mqtt, mqtts, ws or wss", "DAVIT_BROKER",
     "mqtt://127.0.0.1:1883"},
    {"root", 0, FLAG_KIND_TEXT, FLAG_BROKER, AT(root), "R", "the first part of every topic", "DAVIT_ROOT", "davit"},
    {"username", 0, FLAG_KIND_TEXT, FLAG_BROKER, AT(username), "USER", "who to be at the broker", "DAVIT_USERNAME",
     NULL},
    {"password-file", 0, FLAG_KIND_TEXT, FLAG_BROKER, AT(password_file), "FILE", "the password, as its first line",
     "DAVIT_PASSWORD_FILE", NULL},
    {"ca-file", 0, FLAG_KIND_TEXT, FLAG_BROKER, AT(ca_file), "FILE", "who may have signed the broker's certificate",
     "DAVIT_CA_FILE", NULL},
    {"cert-file", 0, FLAG_KIND_TEXT, FLAG_BROKER, AT(cert_file), "FILE", "own certificate", "DAVIT_CERT_FILE", NULL},
    {"key-file", 0, FLAG_KIND_TEXT, FLAG_BROKER, AT(key_file), "FILE", "its key", "DAVIT_KEY_FILE", NULL},
    {"help", 'h', FLAG_KIND_SWITCH, FLAG_ANY, AT(help), NULL, "this page", NULL, NULL},
};

#define FLAG_COUNT (sizeof(FLAGS) / sizeof(FLAGS[0]))

/* -f is a file here and following there: what the verb takes comes first. */
static const struct flag *flag_find(const char *name, size_t len, char letter, unsigned groups)
{
    const struct flag *other = NULL;
    for (size_t i = 0; i < FLAG_COUNT; i++) {
        bool is_name = name != NULL && strlen(FLAGS[i].name) == len && strncmp(FLAGS[i].name, name, len) == 0;
        if (!is_name && (letter == 0 || FLAGS[i].letter != letter))
            continue;
        if ((FLAGS[i].group & (groups | FLAG_ANY)) != 0)
            return &FLAGS[i];
        other = &FLAGS[i];
    }
    return other;
}

static bool flag_unknown(const char *arg, const char *name, size_t len, struct error *err)
{
    AUTO_FREE char *word = mem_strndup(name, len);
    const char *near = nearest_word(word, FLAGS, FLAG_COUNT, sizeof(FLAGS[0]));
    if (near != NULL)
        return error_set(err, ERROR_INVALID, "unknown flag %s. Did you mean --%s?", arg, near);
    return error_set(err, ERROR_INVALID, "unknown flag %s", arg);
}

static bool flag_store(const struct flag *flag, const char *value, struct options *options, struct error *err)
{
    if (flag->kind == FLAG_KIND_SWITCH) {
        if (value != NULL)
            return error_set(err, ERROR_INVALID, "--%s takes no value", flag->name);
        *(bool *)(void *)((char *)options + flag->offset) = true;
        return true;
    }
    const char **at = (const char **)(void *)((char *)options + flag->offset);
    if (*at != NULL)
        return error_set(err, ERROR_INVALID, "--%s is given twice", flag->name);
    *at = value != NULL ? value : "";
    if (flag->kind == FLAG_KIND_TEXT && **at == '\0')
        return error_set(err, ERROR_INVALID, "--%s needs a value: --%s %s", flag->name, flag->name, flag->value);
    return true;
}

/* Of `-Aw` everything but the last letter, as far as they are switches the verb takes. Returns what is left. */
static const char *switches_read(const char *letters, unsigned groups, struct options *options)
{
    for (; letters[0] != '\0' && letters[1] != '\0' && letters[1] != '='; letters++) {
        const struct flag *flag = flag_find(NULL, 0, letters[0], groups);
        if (flag == NULL || flag->kind != FLAG_KIND_SWITCH || (flag->group & (groups | FLAG_ANY)) == 0)
            break;
        *(bool *)(void *)((char *)options + flag->offset) = true;
    }
    return letters;
}

/* One argument that begins with a dash; *index moves on where its value is the next one. */
static bool flag_read(int argc, char **argv, int *index, unsigned groups, struct options *options, struct error *err)
{
    const char *arg = argv[*index];
    bool is_long = arg[1] == '-';
    const char *name = is_long ? arg + 2 : switches_read(arg + 1, groups, options);
    size_t len = is_long ? strcspn(name, "=") : 1;
    const struct flag *flag = flag_find(is_long ? name : NULL, len, is_long ? 0 : name[0], groups);
    if (flag == NULL)
        return flag_unknown(arg, name, is_long ? len : strlen(name), err);
    if ((flag->group & (groups | FLAG_ANY)) == 0)
        return error_set(err, ERROR_INVALID, "%s has no meaning here", arg);
    const char *value = NULL;
    if (name[len] != '\0')
        value = name + len + (name[len] == '=' ? 1 : 0);
    if (flag->kind == FLAG_KIND_TEXT && value == NULL && *index + 1 < argc)
        value = argv[++*index];
    return flag_store(flag, value, options, err);
}

static bool read_words(int argc, char **argv, unsigned groups, struct options *options, struct error *err)
{
    for (int i = 0; i < argc; i++) {
        if (!options->dashes && strcmp(argv[i], "--") == 0) {
            options->dashes = true;
            options->words_before_dashes = options->word_count;
        } else if (options->dashes || argv[i][0] != '-' || argv[i][1] == '\0')
            options->words[options->word_count++] = argv[i];
        else if (!flag_read(argc, argv, &i, groups, options, err))
            return false;
    }
    if (!options->dashes)
        options->words_before_dashes = options->word_count;
    return true;
}

static void read_environment(struct options *options)
{
    for (size_t i = 0; i < FLAG_COUNT; i++) {
        const struct flag *flag = &FLAGS[i];
        if (flag->kind != FLAG_KIND_TEXT)
            continue;
        const char **at = (const char **)(void *)((char *)options + flag->offset);
        if (*at == NULL && flag->environment != NULL)
            *at = getenv(flag->environment);
        if (*at == NULL || **at == '\0')
            *at = flag->fallback;
    }
}

bool options_parse(int argc, char **argv, unsigned groups, struct options *options, struct error *err)
{
    *options = (struct options){0};
    options->words = mem_array((size_t)argc + 1, sizeof(*options->words));
    if (!read_words(argc, argv, groups, options, err))
        return false;
    options->namespace_given = options->ns != NULL;
    options->node_given = options->node != NULL;
    options->control_given = options->control != NULL;
    options->control_set = options->control_given || getenv("DAVIT_CONTROL") != NULL;
    if (options->node_given && options->control_given)
        return error_set(err, ERROR_INVALID, "--node and --control exclude each other");
    if (options->node != NULL && options->group != NULL)
        return error_set(err, ERROR_INVALID, "--node and --group exclude each other");
    if (options->namespace_given && options->all_namespaces)
        return error_set(err, ERROR_INVALID, "--namespace and --all-namespaces exclude each other");
    bool whole_group = options->group != NULL;
    read_environment(options);
    if (whole_group) /* the flag is nearer than DAVIT_NODE */
        options->node = NULL;
    return true;
}

void options_free(struct options *options)
{
    free(options->words);
    options->words = NULL;
}

void options_print_help(unsigned groups)
{
    for (size_t i = 0; i < FLAG_COUNT; i++) {
        const struct flag *flag = &FLAGS[i];
        if ((flag->group & (groups | FLAG_ANY)) == 0)
            continue;
        char letter[8] = "";
        if (flag->letter != 0)
            (void)snprintf(letter, sizeof(letter), "-%c,", flag->letter);
        AUTO_FREE char *name = mem_printf("--%s%s%s", flag->name, flag->kind == FLAG_KIND_TEXT ? " " : "",
                                          flag->value != NULL ? flag->value : "");
        printf("  %-3s %-21s %s", letter, name, flag->help);
        if (flag->fallback != NULL)
            printf(" (%s)", flag->fallback);
        putchar('\n');
        if (flag->environment != NULL)
            printf("  %-25s or %s\n", "", flag->environment);
    }
}

bool options_wait_ms(const struct options *options, uint64_t fallback_ms, uint64_t *wait_ms, struct error *err)
{
    const char *text = options->wait;
    *wait_ms = fallback_ms;
    if (text == NULL || *text == '\0' || strcmp(text, "true") == 0)
        return true;
    *wait_ms = 0;
    if (strcmp(text, "false") == 0)
        return true;
    char *end = NULL;
    errno = 0;
    unsigned long number = strtoul(text, &end, 10);
    bool minutes = strcmp(end, "m") == 0;
    bool known_unit = *end == '\0' || minutes || strcmp(end, "s") == 0;
    if (errno != 0 || end == text || *text == '-' || *text == '+' || !known_unit || number > 1000000)
        return error_set(err, ERROR_INVALID, "--wait=%s is no time: give seconds as --wait=90, or --wait=false", text);
    *wait_ms = (uint64_t)number * (minutes ? 60000 : 1000);
    return true;
}
