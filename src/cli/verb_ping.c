/* davit ping: whether a node answers requests, and how soon; of many, who does. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "cli/address.h"
#include "cli/fleet.h"
#include "cli/remote.h"
#include "cli/text.h"
#include "cli/verbs.h"

static enum exit_code ping_fleet(const struct options *options, struct error *err)
{
    AUTO_FLEET struct fleet fleet = {0};
    AUTO_JSON struct json *args = json_new_object();
    if (!fleet_find(options, &fleet, err))
        return exit_code_of(err);
    return fleet_ask(options, &fleet, "ping", args, "answered", NULL, NULL, err);
}

/* A node that is named is asked over the broker, as --node is; the device's own davitd answers by itself. */
static bool take_name(struct options *options, struct error *err)
{
    bool twice = options->node_given || options->control_given || fleet_is_meant(options);
    const char *name = options->word_count > 0 ? options->words[0] : NULL;
    if (options->word_count > 1 || (name != NULL && twice))
        return error_set(err, ERROR_INVALID, "ping takes one node: its name, or --node's, or a selector");
    if (name != NULL && !(options->by_control && strcmp(name, options->node) == 0)) {
        options->node = name;
        options->node_given = true;
        options->by_control = false;
    }
    return options->by_control || options->node == NULL || address_check(options, err);
}

enum exit_code verb_ping(const struct options *options, struct error *err)
{
    struct options named = *options;
    if (fleet_is_meant(options) && options->word_count == 0)
        return ping_fleet(options, err);
    if (!take_name(&named, err))
        return EXIT_CODE_USAGE;
    AUTO_JSON struct json *args = json_new_object();
    uint64_t begun_ms = clock_boot_ms();
    AUTO_JSON struct json *answer = remote_ask(&named, "ping", args, err);
    if (answer == NULL)
        return exit_code_of(err);
    const char *node = json_get_text(answer, "node"), *version = json_get_text(answer, "version");
    AUTO_FREE char *line = mem_printf("%s answers: davitd %s, %llu ms", node != NULL ? node : "it", version != NULL ? version : "?",
                                      (unsigned long long)(clock_boot_ms() - begun_ms));
    (void)puts(text_clean(line));
    return EXIT_CODE_OK;
}
