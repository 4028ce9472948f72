/* davit completion bash|zsh|fish: what a shell reads to complete davit's words. */
#include "config.h"

#include <string.h>

#include "cli/completion.h"
#include "cli/verbs.h"

static const struct {
    const char *shell;
    void (*print)(FILE *out);
} SHELLS[] = {{"bash", completion_bash}, {"zsh", completion_zsh}, {"fish", completion_fish}};

enum exit_code verb_completion(const struct options *options, struct error *err)
{
    for (size_t i = 0; options->word_count == 1 && i < sizeof(SHELLS) / sizeof(SHELLS[0]); i++)
        if (strcmp(SHELLS[i].shell, options->words[0]) == 0) {
            SHELLS[i].print(stdout);
            return EXIT_CODE_OK;
        }
    return usage_error(err, "of which shell? bash, zsh or fish");
}
