#include "config.h"

#include "cli/context.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/nearest.h"
#include "base/strbuf.h"
#include "davit/limits.h"
#include "protocol/names.h"

#define PREFIX "context "
#define NAME_MOST 40 /* inih cuts a section's name at 50 */
#define VALUE_MOST 170 /* and a line at 200 */
#define LISTED_BYTES 300

struct context_key {
    const char *name; /* first: nearest_word */
    size_t offset;
};

static const struct context_key KEYS[CONTEXT_KEYS] = {
    {"broker", offsetof(struct options, broker)},       {"root", offsetof(struct options, root)},
    {"username", offsetof(struct options, username)},   {"password_file", offsetof(struct options, password_file)},
    {"ca_file", offsetof(struct options, ca_file)},     {"cert_file", offsetof(struct options, cert_file)},
    {"key_file", offsetof(struct options, key_file)},   {"node", offsetof(struct options, node)},
    {"group", offsetof(struct options, group)},         {"namespace", offsetof(struct options, ns)},
    {"control", offsetof(struct options, control)},
};

static const char **option_of(const struct options *options, size_t key)
{
    return (const char **)(void *)((char *)(uintptr_t)options + KEYS[key].offset);
}

const char *context_key(size_t index)
{
    return KEYS[index].name;
}

/* CONTEXT_KEYS: there is none of this name. */
static size_t key_index(const char *name)
{
    size_t i = 0;
    while (i < CONTEXT_KEYS && strcmp(KEYS[i].name, name) != 0)
        i++;
    return i;
}

const char *context_value(const struct context *context, const char *key)
{
    return context->values[key_index(key)];
}

bool context_name_check(const char *name, struct error *err)
{
    return name_is_word(name, "-_.@", NAME_MOST) ||
           error_set(err, ERROR_INVALID, "\"%.80s\" is no context's name: at most %d letters, digits, - _ . @", name, NAME_MOST);
}

/* ---- the file */

static char *path_of(void)
{
    const char *folder = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    if (folder != NULL && *folder == '/')
        return mem_printf("%s/davit/config", folder);
    return home != NULL && *home != '\0' ? mem_printf("%s/.config/davit/config", home) : NULL;
}

struct reading {
    struct contexts *contexts;
    struct error *err;
};

static struct context *context_named(const struct contexts *contexts, const char *name)
{
    for (size_t i = 0; i < contexts->count; i++)
        if (strcmp(contexts->list[i].name, name) == 0)
            return &contexts->list[i];
    return NULL;
}

static int read_current(struct reading *reading, const char *key, const char *value)
{
    if (strcmp(key, "current") != 0)
        return error_set(reading->err, ERROR_INVALID, "\"%.80s\": before the first context there is only current=", key);
    free(reading->contexts->current);
    reading->contexts->current = mem_strdup(value);
    return 1;
}

static int on_key(void *user, const char *section, const char *key, const char *value)
{
    struct reading *reading = user;
    size_t index = key_index(key);
    if (reading->err->code != ERROR_NONE)
        return 0;
    if (*section == '\0')
        return read_current(reading, key, value);
    const char *name = section + sizeof(PREFIX) - 1;
    if (strncmp(section, PREFIX, sizeof(PREFIX) - 1) != 0)
        return error_set(reading->err, ERROR_INVALID, "[%.80s] is no context: [context NAME]", section);
    if (!context_name_check(name, reading->err))
        return 0;
    if (index == CONTEXT_KEYS) {
        const char *near = nearest_word(key, KEYS, CONTEXT_KEYS, sizeof(KEYS[0]));
        return error_set(reading->err, ERROR_INVALID, "a context has no key \"%.80s\"%s%s%s", key,
                         near != NULL ? ". Did you mean " : "", near != NULL ? near : "", near != NULL ? "?" : "");
    }
    struct context *context = context_named(reading->contexts, name);
    if (context == NULL)
        context = contexts_add(reading->contexts, name);
    free(context->values[index]);
    context->values[index] = *value != '\0' ? mem_strdup(value) : NULL;
    return 1;
}

bool contexts_load(struct contexts *contexts, struct error *err)
{
    AUTO_FREE char *text = NULL;
    size_t len = 0;
    struct reading reading = {.contexts = contexts, .err = err};
    *contexts = (struct contexts){.path = path_of()};
    if (contexts->path == NULL)
        return true;
    if (!file_read(contexts->path, LIMIT_CONFIG_BYTES, &text, &len, err)) {
        if (err->code != ERROR_NOT_FOUND)
            return error_wrap(err, "the contexts");
        *err = (struct error){0};
        return true;
    }
    int line = ini_parse_string(text, on_key, &reading);
    if (line == 0)
        return true;
    if (err->code == ERROR_NONE)
        (void)error_set(err, ERROR_INVALID, "neither \"[context NAME]\" nor \"key=value\" nor a comment");
    return error_wrap(err, "%s:%d", contexts->path, line);
}

/* What inih would read back as something else. */
static bool value_check(const char *key, const char *value, struct error *err)
{
    bool good = strpbrk(value, "\r\n") == NULL && strstr(value, " ;") == NULL && strlen(value) <= VALUE_MOST && *value != ' ' && *value != '\0' &&
                value[strlen(value) - 1] != ' ';
    return good || error_set(err, ERROR_INVALID, "%s=%.120s: a context cannot hold that value", key, value);
}

static bool context_write(const struct context *context, struct strbuf *text, struct error *err)
{
    strbuf_printf(text, "\n[" PREFIX "%s]\n", context->name);
    for (size_t i = 0; i < CONTEXT_KEYS; i++) {
        const char *value = context->values[i];
        if (value == NULL)
            continue;
        if (!value_check(KEYS[i].name, value, err))
            return false;
        strbuf_printf(text, "%s=%s\n", KEYS[i].name, value);
    }
    return true;
}

bool contexts_save(const struct contexts *contexts, struct error *err)
{
    AUTO_STRBUF struct strbuf text;
    strbuf_init(&text, LIMIT_CONFIG_BYTES);
    if (contexts->path == NULL)
        return error_set(err, ERROR_INVALID, "no folder for the contexts: neither XDG_CONFIG_HOME nor HOME is set");
    if (contexts->current != NULL)
        strbuf_printf(&text, "current=%s\n", contexts->current);
    for (size_t i = 0; i < contexts->count; i++)
        if (!context_write(&contexts->list[i], &text, err))
            return false;
    if (text.overflow)
        return error_set(err, ERROR_LIMIT, "%s would have more than %d bytes", contexts->path, LIMIT_CONFIG_BYTES);
    AUTO_FREE char *folder = mem_strndup(contexts->path, (size_t)(strrchr(contexts->path, '/') - contexts->path));
    AUTO_FREE char *bytes = strbuf_steal(&text);
    return file_make_dirs(folder, 0700, err) && file_write_atomic(contexts->path, bytes, strlen(bytes), 0600, true, err);
}

/* ---- in memory */

struct context *contexts_find(const struct contexts *contexts, const char *name, struct error *err)
{
    AUTO_STRBUF struct strbuf others;
    struct context *context = context_named(contexts, name);
    strbuf_init(&others, LISTED_BYTES);
    if (context != NULL)
        return context;
    for (size_t i = 0; i < contexts->count; i++)
        strbuf_printf(&others, "%s%s", i > 0 ? ", " : "", contexts->list[i].name);
    (void)error_set(err, ERROR_NOT_FOUND, "no context \"%.80s\" in %s: %s", name, contexts->path != NULL ? contexts->path : "HOME",
                    others.len > 0 ? others.data : "`davit config set-context NAME --broker URL` makes one");
    return NULL;
}

struct context *contexts_add(struct contexts *contexts, const char *name)
{
    contexts->list = mem_resize(contexts->list, contexts->count + 1, sizeof(*contexts->list));
    contexts->list[contexts->count] = (struct context){.name = mem_strdup(name)};
    return &contexts->list[contexts->count++];
}

static void context_free(struct context *context)
{
    free(context->name);
    for (size_t i = 0; i < CONTEXT_KEYS; i++)
        free(context->values[i]);
}

void contexts_remove(struct contexts *contexts, struct context *context)
{
    size_t index = (size_t)(context - contexts->list);
    context_free(context);
    contexts->count--;
    memmove(context, context + 1, (contexts->count - index) * sizeof(*context));
}

void contexts_free(struct contexts *contexts)
{
    for (size_t i = 0; i < contexts->count; i++)
        context_free(&contexts->list[i]);
    free(contexts->list);
    free(contexts->current);
    free(contexts->path);
    *contexts = (struct contexts){0};
}

size_t context_take(struct context *context, const struct options *options)
{
    size_t count = 0;
    for (size_t i = 0; i < CONTEXT_KEYS; i++) {
        const char *value = *option_of(options, i);
        if (value == NULL)
            continue;
        bool is_place = strcmp(KEYS[i].name, "node") == 0 || strcmp(KEYS[i].name, "group") == 0;
        for (size_t j = 0; is_place && j < CONTEXT_KEYS; j++) /* one of them: the newer one */
            if (strcmp(KEYS[j].name, "node") == 0 || strcmp(KEYS[j].name, "group") == 0) {
                free(context->values[j]);
                context->values[j] = NULL;
            }
        free(context->values[i]);
        context->values[i] = mem_strdup(value);
        count++;
    }
    return count;
}

/* ---- */

bool context_apply(struct options *options, struct error *err)
{
    struct contexts *contexts = options->contexts = mem_alloc(sizeof(*contexts));
    if (!contexts_load(contexts, err))
        return false;
    const char *name = options->context != NULL ? options->context : contexts->current;
    const struct context *context = name != NULL ? contexts_find(contexts, name, err) : NULL;
    if (context == NULL)
        return name == NULL;
    bool is_placed = options->node != NULL || options->group != NULL || options->nodes.count > 0 || options->node_selector != NULL ||
                     options->control_set;
    for (size_t i = 0; i < CONTEXT_KEYS; i++) {
        const char **at = option_of(options, i);
        bool is_place = strcmp(KEYS[i].name, "node") == 0 || strcmp(KEYS[i].name, "group") == 0 ||
                        strcmp(KEYS[i].name, "control") == 0;
        if (*at == NULL && !(is_place && is_placed))
            *at = context->values[i];
    }
    options->control_set = options->control_set || options->control != NULL;
    return options->node == NULL || options->group == NULL ||
           error_set(err, ERROR_INVALID, "the context %s has both a node and a group: it can have one", name);
}
