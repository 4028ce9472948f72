#include "config.h"

#include "cli/choice.h"

#include <stdio.h>

void choice_tell(const struct options *options, const struct json *answer)
{
    const struct json *names = json_get(answer, "containers");
    const char *separator = "";
    if (options->container != NULL || json_size(names) < 2)
        return;
    (void)fprintf(stderr, "Defaulted container \"%s\" out of: ", json_get_text(answer, "container"));
    JSON_EACH(name, names) {
        (void)fprintf(stderr, "%s%s", separator, json_text(name));
        separator = ", ";
    }
    (void)fputc('\n', stderr);
}
