/* davit get: the tables of what the nodes say. */
#include "config.h"

#include <string.h>

#include "base/memory.h"
#include "cli/address.h"
#include "cli/get.h"
#include "cli/verbs.h"

static const struct {
    const char *plural;
    const char *singular;
    const char *letters;
    enum exit_code (*get)(const struct options *options, struct error *err);
} OTHERS[] = {
    {"events", "event", "ev", get_events},
    {"images", "image", "images", get_images},
};

#define OTHER_COUNT (sizeof(OTHERS) / sizeof(OTHERS[0]))

static enum exit_code get_board(const struct options *given, struct error *err)
{
    struct options options = *given;
    struct get *get = mem_alloc(sizeof(*get));
    enum exit_code code = EXIT_CODE_USAGE;
    get->options = &options;
    if (get_read_words(get, err) && get_read_output(get, err) && get_read_filters(get, err)) {
        get_forget_place(get, &options);
        code = get_run(get, err);
    }
    get_free(get);
    free(get);
    return code;
}

enum exit_code verb_get(const struct options *options, struct error *err)
{
    if (options->word_count == 0)
        return usage_error(err, "get what? pods, nodes, events, deployments, jobs, apps, all …");
    if (!address_check(options, err))
        return EXIT_CODE_USAGE;
    for (size_t i = 0; i < OTHER_COUNT; i++)
        if (strcmp(OTHERS[i].plural, options->words[0]) == 0 || strcmp(OTHERS[i].singular, options->words[0]) == 0 ||
            strcmp(OTHERS[i].letters, options->words[0]) == 0)
            return OTHERS[i].get(options, err);
    return get_board(options, err);
}
