/* Which container was meant, where none was named. */
#ifndef CLI_CHOICE_H
#define CLI_CHOICE_H

#include "base/json.h"
#include "cli/options.h"

/* As kubectl says it, on stderr: nothing where the pod has one container, or one was named. */
void choice_tell(const struct options *options, const struct json *answer);

#endif
