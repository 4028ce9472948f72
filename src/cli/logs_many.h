/* davit logs of more than one container: those of a pod, and those of all pods with some labels. */
#ifndef CLI_LOGS_MANY_H
#define CLI_LOGS_MANY_H

#include "cli/log_flags.h"
#include "cli/verbs.h"

/* -l or --all-containers was given. */
bool logs_many_is_meant(const struct options *options);
/* One after the other; with -f together, line by line. `pod` NULL: those of -l. Each log is read by a process of its own, which
 * returns from here too, with its own code and its own error. Else the first code that is not EXIT_CODE_OK.
 */
enum exit_code logs_many(const struct options *options, const char *pod, struct error *err);

#endif
