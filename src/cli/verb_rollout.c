/* davit rollout: how an update goes, what was there before, and back to it. */
#include "config.h"

#include <string.h>

#include "base/memory.h"
#include "cli/address.h"
#include "cli/rollout.h"
#include "cli/verbs.h"

static const struct {
    const char *word;
    const char *kinds; /* plurals, apart by spaces */
    enum exit_code (*run)(const struct rollout *rollout, struct error *err);
} WORDS[] = {
    {"status", "deployments daemonsets statefulsets apps", rollout_status},
    {"history", "deployments daemonsets statefulsets apps pods cronjobs virtualmachines", rollout_history},
    {"undo", "deployments daemonsets statefulsets apps pods cronjobs virtualmachines", rollout_undo},
    {"pause", "deployments", rollout_pause},
    {"resume", "deployments", rollout_resume},
};

static bool has_word(const char *list, const char *word)
{
    const char *at = strstr(list, word);
    return at != NULL && (at == list || at[-1] == ' ') && (at[strlen(word)] == ' ' || at[strlen(word)] == '\0');
}

static bool read_object(const struct options *rest, const char *word, const char *kinds, struct rollout *rollout,
                        struct error *err)
{
    AUTO_ADDRESS struct address address = {0};
    if (rest->word_count == 0)
        return error_set(err, ERROR_INVALID, "rollout %s of what? As: davit rollout %s deploy/web", word, word);
    if (!address_words(rest, &address, err))
        return false;
    rollout->resource = resource_by_word(address.type);
    if (address.count != 1)
        return error_set(err, ERROR_INVALID, "one object at a time, as: davit rollout %s deploy/web", word);
    if (rollout->resource == NULL || !has_word(kinds, rollout->resource->plural))
        return error_set(err, ERROR_INVALID, "rollout %s is for these: %s", word, kinds);
    return address_object(rest, rollout->resource, address.names[0], &rollout->id, err);
}

enum exit_code verb_rollout(const struct options *options, struct error *err)
{
    const char *word = options->word_count > 0 ? options->words[0] : "";
    struct options rest = *options; /* without the first word; the array stays the caller's */
    if (options->word_count > 0) {
        rest.words++;
        rest.word_count--;
        rest.words_before_dashes = rest.word_count;
    }
    if (strcmp(word, "restart") == 0)
        return verb_restart(&rest, err);
    for (size_t i = 0; i < sizeof(WORDS) / sizeof(WORDS[0]); i++) {
        struct rollout rollout = {.options = &rest};
        if (strcmp(word, WORDS[i].word) != 0)
            continue;
        if (!read_object(&rest, word, WORDS[i].kinds, &rollout, err) || !address_check(&rest, err))
            return EXIT_CODE_USAGE;
        return WORDS[i].run(&rollout, err);
    }
    return usage_error(err, "rollout takes status, history, undo, pause, resume or restart, and then TYPE/NAME");
}
