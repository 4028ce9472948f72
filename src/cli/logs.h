/* davit logs, by both ways: the files of this device, or a node's answer over the broker. */
#ifndef CLI_LOGS_H
#define CLI_LOGS_H

#include "base/json.h"
#include "cli/log_flags.h"
#include "cli/verbs.h"

enum exit_code logs_local(const struct options *options, const char *pod, const struct log_flags *flags, struct error *err);
enum exit_code logs_remote(const struct options *options, const char *pod, const struct log_flags *flags, struct error *err);
/* As kubectl says it, where a pod has more than one container and none was named. */
void logs_tell_choice(const struct options *options, const struct json *answer);

#endif
