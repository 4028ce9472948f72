/* What became of a request to many nodes, in a few lines. */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <uthash.h>

#include "base/memory.h"
#include "cli/fleet.h"
#include "cli/text.h"

#define LINES 10 /* of reasons; a line before and one behind them make 12 */
#define NAMES 5  /* of nodes in a line */

struct fleet_reason {
    char *reason;
    size_t count;
    char *nodes[NAMES]; /* the first ones */
    UT_hash_handle hh;
};

void fleet_summary_add(struct fleet_summary *summary, const char *node, const char *reason)
{
    struct fleet_reason *entry = NULL;
    if (reason == NULL) {
        summary->done++;
        return;
    }
    HASH_FIND_STR(summary->reasons, reason, entry);
    if (entry == NULL) {
        entry = mem_alloc(sizeof(*entry));
        entry->reason = mem_strdup(reason);
        HASH_ADD_KEYPTR(hh, summary->reasons, entry->reason, strlen(entry->reason), entry);
    }
    if (entry->count < NAMES)
        entry->nodes[entry->count] = mem_strdup(node);
    entry->count++;
}

static int most_first(const void *a, const void *b)
{
    const struct fleet_reason *one = *(struct fleet_reason *const *)a, *other = *(struct fleet_reason *const *)b;
    if (one->count != other->count)
        return one->count < other->count ? 1 : -1;
    return strcmp(one->reason, other->reason);
}

static void reason_print(const struct fleet_reason *entry)
{
    (void)fprintf(stderr, "  %s: %zu (", text_clean(entry->reason), entry->count);
    for (size_t i = 0; i < NAMES && i < entry->count; i++)
        (void)fprintf(stderr, "%s%s", i > 0 ? ", " : "", text_clean(entry->nodes[i]));
    (void)fputs(entry->count > NAMES ? ", …)\n" : ")\n", stderr);
}

static void reasons_print(const struct fleet_summary *summary)
{
    size_t count = HASH_COUNT(summary->reasons), rest = 0, i = 0;
    AUTO_FREE struct fleet_reason **sorted = mem_array(count, sizeof(struct fleet_reason *));
    for (struct fleet_reason *entry = summary->reasons; entry != NULL; entry = entry->hh.next)
        sorted[i++] = entry;
    qsort(sorted, count, sizeof(struct fleet_reason *), most_first);
    for (i = 0; i < count; i++)
        if (i < LINES)
            reason_print(sorted[i]);
        else
            rest += sorted[i]->count;
    if (rest > 0)
        (void)fprintf(stderr, "  %zu other reasons: %zu\n", count - LINES, rest);
}

enum exit_code fleet_summary_print(const struct fleet_summary *summary, const char *done)
{
    size_t all = summary->done;
    for (const struct fleet_reason *entry = summary->reasons; entry != NULL; entry = entry->hh.next)
        all += entry->count;
    const char *nodes = all == 1 ? "node" : "nodes";
    if (summary->reasons == NULL) {
        (void)fprintf(stderr, "%s on %zu %s\n", done, all, nodes);
        return EXIT_CODE_OK;
    }
    (void)fprintf(stderr, "%s on %zu of %zu %s; not on:\n", done, summary->done, all, nodes);
    reasons_print(summary);
    return EXIT_CODE_FAILED;
}

void fleet_summary_free(struct fleet_summary *summary)
{
    struct fleet_reason *entry;
    struct fleet_reason *next;
    HASH_ITER(hh, summary->reasons, entry, next) {
        HASH_DEL(summary->reasons, entry);
        for (size_t i = 0; i < NAMES; i++)
            free(entry->nodes[i]);
        free(entry->reason);
        free(entry);
    }
    summary->done = 0;
}
