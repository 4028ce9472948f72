#include "config.h"

#include "cli/choice.h"

#include <stdio.h>

#include "base/memory.h"
#include "cli/text.h"

void choice_tell(const struct options *options, const struct json *answer)
{
    const struct json *names = json_get(answer, "containers");
    const char *separator = "";
    if (options->container != NULL || json_size(names) < 2)
        return;
    const char *chosen = json_get_text(answer, "container");
    AUTO_FREE char *tame = mem_strdup(chosen != NULL ? chosen : "");
    (void)fprintf(stderr, "Defaulted container \"%s\" out of: ", text_clean(tame));
    JSON_EACH(name, names) {
        AUTO_FREE char *one = mem_strdup(json_text(name) != NULL ? json_text(name) : "");
        (void)fprintf(stderr, "%s%s", separator, text_clean(one));
        separator = ", ";
    }
    (void)fputc('\n', stderr);
}
