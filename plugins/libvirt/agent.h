/* The guest's agent, as far as it has one: commands in the guest, its addresses, its name. What it says is a stranger's. */
#ifndef VMS_AGENT_H
#define VMS_AGENT_H

#include "errand.h"

/* It opened its channel, or closed it. Lock held. */
void agent_came(struct instance *instance, bool there);
/* Keeper only, lock held, which it gives up meanwhile: asks those that are due what they know. How long until the next
 * one, in milliseconds; -1: there is none.
 */
int agent_ask_due(struct vms *vms);
/* Work of errands: a command (`command`, `timeoutMs`), or `ping`. The answer is exec's. */
void agent_exec(struct errand *errand);
/* The same as a stream (`command`): what it wrote goes to the errand's descriptors when it has ended, for an agent says it only
 * then. Until it ends or the errand's control is closed; the command runs on then.
 */
void agent_stream(struct errand *errand);
/* What an agent is asked for a command, and how that goes. The caller frees. */
struct json *agent_exec_question(const struct json *command);
struct json *agent_status_question(int64_t pid);
/* The exit code of an answer to the latter, as a shell has it. */
int64_t agent_exit_code(const struct json *status);
/* Asks for one answer. NULL on error; the caller frees. */
struct json *agent_command(virDomainPtr domain, struct json *command_taken, int64_t timeout_ms, struct error *err) MUST_CHECK;

#endif
