/* davit ping: whether a node answers requests, and how soon. */
#include "config.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/memory.h"
#include "cli/remote.h"
#include "cli/text.h"
#include "cli/verbs.h"

enum exit_code verb_ping(const struct options *options, struct error *err)
{
    if (options->word_count != 0)
        return usage_error(err, "ping takes no words: the node is --node's");
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
