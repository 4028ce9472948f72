/* davit ping: whether a node answers requests, and how soon; of many, who does. */
#include "config.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/memory.h"
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

enum exit_code verb_ping(const struct options *options, struct error *err)
{
    if (options->word_count != 0)
        return usage_error(err, "ping takes no words: the node is --node's");
    if (fleet_is_meant(options))
        return ping_fleet(options, err);
    AUTO_JSON struct json *args = json_new_object();
    uint64_t begun_ms = clock_boot_ms();
    AUTO_JSON struct json *answer = remote_ask(options, "ping", args, err);
    if (answer == NULL)
        return exit_code_of(err);
    const char *node = json_get_text(answer, "node"), *version = json_get_text(answer, "version");
    AUTO_FREE char *line = mem_printf("%s answers: davitd %s, %llu ms", node != NULL ? node : "it", version != NULL ? version : "?",
                                      (unsigned long long)(clock_boot_ms() - begun_ms));
    (void)puts(text_clean(line));
    return EXIT_CODE_OK;
}
