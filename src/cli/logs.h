/* davit logs, by both ways: the files of this device, or a node's answer over the broker. */
#ifndef CLI_LOGS_H
#define CLI_LOGS_H

#include "base/json.h"
#include "cli/log_flags.h"
#include "cli/verbs.h"

enum exit_code logs_local(const struct options *options, const char *pod, const struct log_flags *flags, struct error *err);
enum exit_code logs_remote(const struct options *options, const char *pod, const struct log_flags *flags, struct error *err);

#endif
