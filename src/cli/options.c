#include "config.h"

#include "cli/options.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/nearest.h"
#include "cli/context.h"
#include "cli/flags.h"
#include "cli/habits.h"

/* -f is a file here and following there: what the verb takes comes first. */
static const struct flag *flag_find(const char *name, size_t len, char letter, uint64_t groups)
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
    const char *near = nearest_word(word, FLAGS, FLAG_COUNT, sizeof(struct flag));
    const char *instead = habit_flag(word);
    if (instead != NULL)
        return error_set(err, ERROR_INVALID, "unknown flag %s: %s", arg, instead);
    if (near != NULL)
        return error_set(err, ERROR_INVALID, "unknown flag %s. Did you mean --%s?", arg, near);
    return error_set(err, ERROR_INVALID, "unknown flag %s: --help shows which there are", arg);
}

static bool list_add(const struct flag *flag, const char *value, struct words *list, struct error *err)
{
    if (value == NULL || *value == '\0')
        return error_set(err, ERROR_INVALID, "--%s needs a value: --%s %s", flag->name, flag->name, flag->value);
    list->list = mem_resize(list->list, list->count + 1, sizeof(*list->list));
    list->list[list->count++] = value;
    return true;
}

static bool flag_store(const struct flag *flag, const char *value, struct options *options, struct error *err)
{
    if (flag->kind == FLAG_KIND_SWITCH) {
        bool on = value == NULL || strcmp(value, "true") == 0;
        *(bool *)(void *)((char *)options + flag->offset) = on;
        return on || strcmp(value, "false") == 0 || error_set(err, ERROR_INVALID, "--%s=%.80s: true or false", flag->name, value);
    }
    if (flag->kind == FLAG_KIND_LIST)
        return list_add(flag, value, (struct words *)(void *)((char *)options + flag->offset), err);
    const char **at = (const char **)(void *)((char *)options + flag->offset);
    if (*at != NULL)
        return error_set(err, ERROR_INVALID, "--%s is given twice", flag->name);
    *at = value != NULL ? value : "";
    if (flag->kind == FLAG_KIND_TEXT && **at == '\0')
        return error_set(err, ERROR_INVALID, "--%s needs a value: --%s %s", flag->name, flag->name, flag->value);
    return true;
}

/* Of `-Aw` everything but the last letter, as far as they are switches the verb takes. Returns what is left. */
static const char *switches_read(const char *letters, uint64_t groups, struct options *options)
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
static bool flag_read(int argc, char **argv, int *index, uint64_t groups, struct options *options, struct error *err)
{
    const char *arg = argv[*index];
    bool is_long = arg[1] == '-';
    const char *name = is_long ? arg + 2 : switches_read(arg + 1, groups, options);
    size_t len = is_long ? strcspn(name, "=") : 1;
    const struct flag *flag = flag_find(is_long ? name : NULL, len, is_long ? 0 : name[0], groups);
    if (flag == NULL)
        return flag_unknown(arg, name, is_long ? len : strlen(name), err);
    if ((flag->group & (groups | FLAG_ANY)) == 0)
        return error_set(err, ERROR_INVALID, "%s has no meaning here: --help shows what has", arg);
    const char *value = NULL;
    if (name[len] != '\0')
        value = name + len + (name[len] == '=' ? 1 : 0);
    if ((flag->kind == FLAG_KIND_TEXT || flag->kind == FLAG_KIND_LIST) && value == NULL && *index + 1 < argc)
        value = argv[++*index];
    return flag_store(flag, value, options, err);
}

bool options_find_verb(int argc, char **argv, int *index, struct error *err)
{
    for (*index = 0; *index < argc && argv[*index][0] == '-' && argv[*index][1] != '\0'; ++*index) {
        const char *arg = argv[*index];
        bool is_long = arg[1] == '-';
        const char *name = is_long ? arg + 2 : arg + 1;
        size_t len = is_long ? strcspn(name, "=") : 1;
        const struct flag *flag = flag_find(is_long ? name : NULL, len, is_long ? 0 : name[0], UINT64_MAX);
        if (flag == NULL)
            return flag_unknown(arg, name, len, err);
        *index += (flag->kind == FLAG_KIND_TEXT || flag->kind == FLAG_KIND_LIST) && name[len] == '\0' && *index + 1 < argc;
    }
    return true;
}

static bool read_words(int argc, char **argv, uint64_t groups, struct options *options, struct error *err)
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
        if (*at != NULL && **at == '\0')
            *at = NULL;
    }
}

static void read_fallbacks(struct options *options)
{
    for (size_t i = 0; i < FLAG_COUNT; i++) {
        const char **at = (const char **)(void *)((char *)options + FLAGS[i].offset);
        if (FLAGS[i].kind == FLAG_KIND_TEXT && *at == NULL)
            *at = FLAGS[i].fallback;
    }
}

/* kubectl's --timeout, where something is waited for. */
static void read_timeout(uint64_t groups, struct options *options)
{
    bool is_open = options->wait == NULL || *options->wait == '\0' || strcmp(options->wait, "true") == 0;
    if ((groups & FLAG_WAIT) != 0 && options->timeout != NULL && is_open)
        options->wait = options->timeout;
}

/* A flag that names nodes is nearer than DAVIT_NODE. */
static bool read_surroundings(struct options *options, struct error *err)
{
    bool is_nearer = options->group != NULL || options->nodes.count > 0 || options->node_selector != NULL;
    read_environment(options);
    if (is_nearer)
        options->node = NULL;
    bool read = context_apply(options, err);
    options->broker_set = options->broker != NULL;
    read_fallbacks(options);
    return read;
}

bool options_parse(int argc, char **argv, uint64_t groups, struct options *options, struct error *err)
{
    *options = (struct options){0};
    options->words = mem_array((size_t)argc + 1, sizeof(*options->words));
    if (!read_words(argc, argv, groups, options, err))
        return false;
    read_timeout(groups, options);
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
    if (options->node_given && (options->nodes.count > 0 || options->node_selector != NULL))
        return error_set(err, ERROR_INVALID, "--node is one node: it excludes --nodes and selectors of nodes");
    return (groups & FLAG_BARE) != 0 || options->help || read_surroundings(options, err);
}

void options_free(struct options *options)
{
    for (size_t i = 0; i < FLAG_COUNT; i++)
        if (FLAGS[i].kind == FLAG_KIND_LIST) {
            struct words *words = (struct words *)(void *)((char *)options + FLAGS[i].offset);
            free(words->list); /* two flags may fill the same */
            words->list = NULL;
        }
    if (options->contexts != NULL)
        contexts_free(options->contexts);
    free(options->contexts);
    json_free(options->device);
    free(options->words);
    *options = (struct options){0};
}

void options_print_help(uint64_t groups, bool with_broker)
{
    for (size_t i = 0; i < FLAG_COUNT; i++) {
        const struct flag *flag = &FLAGS[i];
        if ((flag->group & (groups | FLAG_ANY)) == 0 || (!with_broker && (flag->group & FLAG_BROKER) != 0))
            continue;
        char letter[8] = "";
        if (flag->letter != 0)
            (void)snprintf(letter, sizeof(letter), "-%c,", flag->letter);
        AUTO_FREE char *name = mem_printf("--%s%s%s", flag->name, flag->kind == FLAG_KIND_TEXT || flag->kind == FLAG_KIND_LIST ? " " : "",
                                          flag->value != NULL ? flag->value : "");
        printf("  %-3s %-21s %s", letter, name, flag->help);
        if (flag->fallback != NULL)
            printf(" (%s)", flag->fallback);
        putchar('\n');
        if (flag->environment != NULL)
            printf("  %-25s or %s\n", "", flag->environment);
    }
}

bool options_time(const char *flag, const char *text, uint64_t *ms, struct error *err)
{
    static const struct {
        const char *unit;
        uint64_t ms;
    } units[] = {{"", 1000}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 24 * 3600000}};
    char *end = NULL;
    if (text == NULL)
        return true;
    unsigned long number = strtoul(text, &end, 10);
    for (size_t i = 0; *text >= '0' && *text <= '9' && number <= 1000000 && i < sizeof(units) / sizeof(units[0]); i++)
        if (strcmp(end, units[i].unit) == 0) {
            *ms = number * units[i].ms;
            return true;
        }
    return error_set(err, ERROR_INVALID, "--%s=%.60s is no time: give it as 90s, 5m, 2h or 30d", flag, text);
}

bool options_wait_ms(const struct options *options, uint64_t fallback_ms, uint64_t *wait_ms, struct error *err)
{
    const char *text = options->wait;
    *wait_ms = fallback_ms;
    if (text == NULL || *text == '\0' || strcmp(text, "true") == 0)
        return true;
    if (strcmp(text, "false") != 0)
        return options_time("wait", text, wait_ms, err);
    *wait_ms = 0;
    return true;
}
