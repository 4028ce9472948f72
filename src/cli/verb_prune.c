/* davit prune: shows, and with --yes clears, what a broker keeps and nobody needs any more. */
#include "config.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/memory.h"
#include "cli/address.h"
#include "cli/change.h"
#include "cli/leftovers.h"
#include "cli/text.h"
#include "cli/verbs.h"
#include "protocol/discovery.h"

#define OLDER_MS (30 * 24 * 3600 * 1000ull)
#define OLDER_LEAST_MS (3600 * 1000ull)

static bool read_older(const struct options *options, uint64_t *older_ms, struct error *err)
{
    *older_ms = OLDER_MS;
    return options_time("older", options->older, older_ms, err) &&
           (*older_ms >= OLDER_LEAST_MS ||
            error_set(err, ERROR_INVALID, "--older=%s is too short: a node that is away for less than an hour is not gone", options->older));
}

static bool clear(struct session *session, const struct json *topics, struct error *err)
{
    JSON_EACH(topic, topics)
        if (!session_publish_soon(session, json_text(topic), "", 0, err))
            return false;
    return session_flush(session, err);
}

static bool prune(const struct options *options, struct leftovers *leftovers, uint64_t older_ms, bool is_dry, struct error *err)
{
    AUTO_FREE char *nodes = mem_printf("%s/nodes/#", options->root);
    AUTO_FREE char *groups = mem_printf("%s/groups/#", options->root);
    AUTO_FREE char *filter = discovery_filter(options->root, NULL);
    AUTO_FREE char *discoveries = mem_printf("?%s", filter); /* a plant without Home Assistant gives no right to it */
    const char *topics[] = {nodes, groups, discoveries};
    uint64_t now_ms = clock_wall_ms();
    AUTO_SESSION struct session *session = session_open(options, topics, 3, leftovers_take, leftovers, err);
    if (session == NULL || !session_sync(session, err))
        return false;
    leftovers_find(leftovers, now_ms > older_ms ? now_ms - older_ms : 0, now_ms);
    JSON_EACH(line, leftovers->lines) {
        AUTO_FREE char *text = text_clean(mem_strdup(json_text(line)));
        (void)puts(text);
    }
    size_t count = json_size(leftovers->topics);
    if (options->yes && !is_dry && !clear(session, leftovers->topics, err))
        return false;
    (void)fprintf(stderr, "%zu topic%s %s\n", count, count == 1 ? "" : "s",
                  count == 0                   ? "to be cleared"
                  : options->yes && !is_dry ? "cleared"
                                               : "would be cleared; --yes does it");
    return true;
}

enum exit_code verb_prune(const struct options *options, struct error *err)
{
    struct leftovers leftovers = {.root = options->root};
    struct dry_run dry;
    uint64_t older_ms = 0;
    if (options->word_count > 0)
        return usage_error(err, "prune takes no \"%s\": it is about all that the broker keeps", options->words[0]);
    if (!address_check(options, err) || !read_older(options, &older_ms, err) || !dry_run_read(options, &dry, err))
        return EXIT_CODE_USAGE;
    enum exit_code code = prune(options, &leftovers, older_ms, dry.is_dry, err) ? EXIT_CODE_OK : exit_code_of(err);
    leftovers_free(&leftovers);
    return code;
}
