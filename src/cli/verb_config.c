/* davit config: contexts, kubectl's words. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "cli/context.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/verbs.h"

static enum exit_code context_error(const struct error *err)
{
    return err->code == ERROR_INVALID ? EXIT_CODE_USAGE : exit_code_of(err);
}

static enum exit_code get_contexts(struct contexts *contexts, const struct options *options, struct error *err)
{
    static const char *const headings[] = {"CURRENT", "NAME", "BROKER", "ROOT", "NODE", "NAMESPACE"};
    bool only_names = options->output != NULL && strcmp(options->output, "name") == 0;
    if (options->output != NULL && !only_names)
        return usage_error(err, "get-contexts has -o name, or no -o");
    AUTO_TABLE struct table table;
    table_init(&table);
    for (size_t i = 0; i < sizeof(headings) / sizeof(headings[0]); i++)
        table_column(&table, headings[i]);
    for (size_t i = 0; i < contexts->count; i++) {
        const struct context *context = &contexts->list[i];
        const char *node = context_value(context, "node"), *group = context_value(context, "group");
        AUTO_FREE char *place = group != NULL ? mem_printf("group %s", group) : mem_strdup(node);
        bool is_current = contexts->current != NULL && strcmp(contexts->current, context->name) == 0;
        const char *const cells[] = {is_current ? "*" : " ", context->name, context_value(context, "broker"),
                                     context_value(context, "root"), place, context_value(context, "namespace")};
        if (only_names)
            (void)puts(context->name);
        else
            table_row(&table, cells);
    }
    if (!only_names)
        table_print(&table);
    return EXIT_CODE_OK;
}

static enum exit_code current_context(struct contexts *contexts, const struct options *options, struct error *err)
{
    (void)options;
    if (contexts->current == NULL) {
        (void)error_set(err, ERROR_NOT_FOUND, "no context is current: `davit config use-context NAME` makes one so");
        return EXIT_CODE_NOT_FOUND;
    }
    (void)puts(contexts->current);
    return EXIT_CODE_OK;
}

static enum exit_code view(struct contexts *contexts, const struct options *options, struct error *err)
{
    (void)options;
    (void)err;
    printf("# %s\n", contexts->path != NULL ? contexts->path : "neither XDG_CONFIG_HOME nor HOME is set");
    if (contexts->current != NULL)
        printf("current=%s\n", text_clean(contexts->current));
    for (size_t i = 0; i < contexts->count; i++) {
        printf("\n[context %s]\n", contexts->list[i].name);
        for (size_t j = 0; j < CONTEXT_KEYS; j++)
            if (contexts->list[i].values[j] != NULL)
                printf("%s=%s\n", context_key(j), text_clean(contexts->list[i].values[j]));
    }
    return EXIT_CODE_OK;
}

static enum exit_code save(const struct contexts *contexts, const char *name, const char *what, struct error *err)
{
    if (!contexts_save(contexts, err))
        return context_error(err);
    printf("context \"%s\" %s\n", name, what);
    return EXIT_CODE_OK;
}

static enum exit_code use_context(struct contexts *contexts, const struct options *options, struct error *err)
{
    const char *name = options->words[1];
    if (contexts_find(contexts, name, err) == NULL)
        return exit_code_of(err);
    free(contexts->current);
    contexts->current = mem_strdup(name);
    return save(contexts, name, "is current", err);
}

static enum exit_code set_context(struct contexts *contexts, const struct options *options, struct error *err)
{
    const char *name = options->words[1];
    struct error none = {0};
    struct context *context = contexts_find(contexts, name, &none);
    bool is_new = context == NULL;
    if (!context_name_check(name, err))
        return EXIT_CODE_USAGE;
    if (is_new)
        context = contexts_add(contexts, name);
    if (context_take(context, options) == 0)
        return usage_error(err, "set what of %s? As: --broker mqtts://broker:8883 --node press-7", name);
    return save(contexts, name, is_new ? "created" : "modified", err);
}

static enum exit_code delete_context(struct contexts *contexts, const struct options *options, struct error *err)
{
    const char *name = options->words[1];
    struct context *context = contexts_find(contexts, name, err);
    if (context == NULL)
        return exit_code_of(err);
    contexts_remove(contexts, context);
    if (contexts->current != NULL && strcmp(contexts->current, name) == 0)
        free(mem_steal(&contexts->current));
    return save(contexts, name, "deleted", err);
}

static const struct {
    const char *name;
    size_t words; /* with its own */
    enum exit_code (*run)(struct contexts *contexts, const struct options *options, struct error *err);
} ACTIONS[] = {
    {"get-contexts", 1, get_contexts}, {"current-context", 1, current_context}, {"view", 1, view},
    {"use-context", 2, use_context},   {"set-context", 2, set_context},         {"delete-context", 2, delete_context},
};

enum exit_code verb_config(const struct options *options, struct error *err)
{
    AUTO_CONTEXTS struct contexts contexts = {0};
    const char *word = options->word_count > 0 ? options->words[0] : "";
    for (size_t i = 0; i < sizeof(ACTIONS) / sizeof(ACTIONS[0]); i++) {
        if (strcmp(ACTIONS[i].name, word) != 0)
            continue;
        if (options->word_count != ACTIONS[i].words)
            return usage_error(err, "config %s %s", word, ACTIONS[i].words == 2 ? "takes the name of one context" : "takes no words");
        return contexts_load(&contexts, err) ? ACTIONS[i].run(&contexts, options, err) : context_error(err);
    }
    return usage_error(err, "config what? get-contexts, use-context, set-context, delete-context, current-context or view");
}
