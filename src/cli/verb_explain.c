/* davit explain: what a field means to Davit, by the tables that the agent itself decodes with. */
#include "config.h"

#include <stdio.h>

#include "cli/explain.h"
#include "cli/verbs.h"

enum exit_code verb_explain(const struct options *options, struct error *err)
{
    struct explained what;
    if (options->word_count != 1)
        return usage_error(err, "explain what? One kind or field, as: davit explain pod.spec.containers");
    if (!explain_find(options->words[0], &what, err))
        return EXIT_CODE_NOT_FOUND;
    explain_print(&what, options->words[0], options->recursive, stdout);
    return EXIT_CODE_OK;
}
