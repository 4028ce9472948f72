#include "config.h"

#include "cli/fleet_act.h"

#include "cli/confirm.h"
#include "cli/verbs.h"

enum exit_code fleet_act(const struct options *options, const char *verb, const char *object, const struct json *args,
                         const char *done, struct error *err)
{
    AUTO_FLEET struct fleet fleet = {0};
    if (!fleet_find(options, &fleet, err))
        return exit_code_of(err);
    if (fleet.count > 1 && !confirm(options, err, "%s %.100s on %zu nodes", verb, object, fleet.count))
        return EXIT_CODE_USAGE;
    return fleet_ask(options, &fleet, verb, args, done, NULL, NULL, err);
}
