/* When a container is started again. Kubernetes: Pod lifecycle, restart policy and back-off. */
#ifndef MODEL_RESTART_H
#define MODEL_RESTART_H

#include <stdbool.h>

#include "model/instance.h"

#define RESTART_FIRST_DELAY_MS 10000u
#define RESTART_MAX_DELAY_MS 300000u
#define RESTART_START_ERROR "StartError" /* the reason of an end before the begin: exit code 128 */
#define RESTART_START_ERROR_CODE 128
#define RESTART_RESET_MS 600000u /* a run this long was a good one: the back-off starts anew */

/* Whether a container that ended so is to run again. */
bool restart_wanted(enum restart_policy policy, const struct ending *ending);
/* The delay before the next start, counted from the end: the first restart at once, then 10 s doubling to 300 s. */
uint64_t restart_delay_ms(int64_t ends_in_a_row);
/* The same ladder for calls that fail (create, start): 1 s, then doubling to 300 s. */
uint64_t restart_failure_delay_ms(uint64_t failures);
/* Puts an end into the memory: count, back-off level, last state. Repeating it changes nothing. */
void restart_remember(struct container_memory *memory, int64_t attempt, const struct ending *ending);
/* Its command could not be started (RESTART_START_ERROR): that is shown so long, then the back-off. 0: it was another end. */
uint64_t restart_failed_until_ms(const struct container_memory *memory);
/* KubeVirt: a virtual machine that failed, or could not be started, n times in a row waits for 10 n^2 s, at most 300. */
uint64_t restart_vm_delay_ms(int64_t failures);
/* Earliest next start on CLOCK_BOOTTIME; 0: now. */
uint64_t restart_due_boot_ms(const struct container_memory *memory, bool is_vm);

#endif
