/* davit version: of this program, and of the agents that a broker knows of. */
#include "config.h"

#include <stdio.h>

#include "base/memory.h"
#include "cli/address.h"
#include "cli/board.h"
#include "cli/text.h"
#include "cli/verbs.h"
#include "protocol/topic.h"

static void print_nodes(struct board *board)
{
    board_sort(board);
    for (const struct entry *entry = board->entries; entry != NULL; entry = entry->hh.next) {
        const char *agent = json_get_text(entry->state, "agent");
        AUTO_FREE char *line = mem_printf("Node %s: %s", entry->node, agent != NULL ? agent : "unknown");
        if (entry->state != NULL)
            (void)puts(text_clean(line));
    }
}

enum exit_code verb_version(const struct options *options, struct error *err)
{
    if (options->word_count > 0)
        return usage_error(err, "version takes no \"%s\"", options->words[0]);
    printf("Client: %s\n", PACKAGE_VERSION);
    (void)fflush(stdout);
    if (options->client)
        return EXIT_CODE_OK;
    if (!address_check(options, err))
        return EXIT_CODE_USAGE;
    struct error unreachable = {0};
    AUTO_BOARD struct board board = {.root = options->root};
    AUTO_FREE char *topic = topic_node(options->root, options->node != NULL ? options->node : "+", "state", NULL);
    const char *topics[] = {topic};
    AUTO_SESSION struct session *session = session_open(options, topics, 1, board_take, &board, &unreachable);
    if (session == NULL || !session_sync(session, &unreachable)) {
        /* The question about this program was answered, so this is no failure. */
        (void)fprintf(stderr, "Nodes: %s\n", unreachable.message);
        return EXIT_CODE_OK;
    }
    print_nodes(&board);
    return EXIT_CODE_OK;
}
