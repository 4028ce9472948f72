/* davit cp: between this machine and a container on it. */
#include "config.h"

#include "cli/cp.h"
#include "cli/verbs.h"

static enum exit_code copy(const struct cp_place *from, const struct cp_place *to, struct error *err)
{
    if ((from->pod == NULL) == (to->pod == NULL))
        return usage_error(err, "cp takes one place in a container, as POD:PATH, and one path of this machine");
    bool good = from->pod != NULL ? cp_from_container(from, to->path, err) : cp_into_container(from->path, to, err);
    return good ? EXIT_CODE_OK : exit_code_of(err);
}

enum exit_code verb_cp(const struct options *options, struct error *err)
{
    struct cp_place from = {0}, to = {0};
    enum exit_code code = EXIT_CODE_USAGE;
    if (options->word_count != 2)
        return usage_error(err, "cp takes a source and a target");
    if (cp_place_read(options->words[0], options, &from, err) && cp_place_read(options->words[1], options, &to, err))
        code = copy(&from, &to, err);
    cp_place_free(&from);
    cp_place_free(&to);
    return code;
}
