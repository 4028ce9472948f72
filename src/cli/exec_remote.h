/* exec_client_run over the broker. */
#ifndef CLI_EXEC_REMOTE_H
#define CLI_EXEC_REMOTE_H

#include "cli/exec_client.h"

MUST_CHECK bool exec_remote_run(const struct exec_client *client, int *exit_code, struct error *err);

#endif
