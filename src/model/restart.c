#include "model/restart.h"

#include <string.h>

#define START_ERROR_SHOWN_MS 2000u

bool restart_wanted(enum restart_policy policy, const struct ending *ending)
{
    switch (policy) {
    case RESTART_ALWAYS:
        return true;
    case RESTART_ON_FAILURE:
        return ending->exit_code != 0;
    case RESTART_NEVER:
        break;
    }
    return false;
}

static uint64_t ladder(uint64_t first_ms, uint64_t step)
{
    uint64_t delay_ms = first_ms;
    while (step-- > 0 && delay_ms < RESTART_MAX_DELAY_MS)
        delay_ms *= 2;
    return delay_ms < RESTART_MAX_DELAY_MS ? delay_ms : RESTART_MAX_DELAY_MS;
}

uint64_t restart_delay_ms(int64_t ends_in_a_row)
{
    return ends_in_a_row <= 1 ? 0 : ladder(RESTART_FIRST_DELAY_MS, (uint64_t)ends_in_a_row - 2);
}

uint64_t restart_failure_delay_ms(uint64_t failures)
{
    return failures == 0 ? 0 : ladder(1000, failures - 1);
}

void restart_remember(struct container_memory *memory, int64_t attempt, const struct ending *ending)
{
    if (attempt <= memory->ended)
        return;
    uint64_t ran_ms = ending->finished_ms > ending->started_ms ? ending->finished_ms - ending->started_ms : 0;
    memory->backoff = ran_ms >= RESTART_RESET_MS && ending->started_ms != 0 ? 1 : memory->backoff + 1;
    memory->ended = attempt;
    if (memory->begun < attempt)
        memory->begun = attempt;
    memory->last = *ending;
}

uint64_t restart_failed_until_ms(const struct container_memory *memory)
{
    bool failed = memory->ended >= 0 && memory->last.finished_boot_ms != 0 &&
                  strcmp(memory->last.reason, RESTART_START_ERROR) == 0;
    return failed ? memory->last.finished_boot_ms + START_ERROR_SHOWN_MS : 0;
}

uint64_t restart_vm_delay_ms(int64_t failures)
{
    if (failures <= 0)
        return 0;
    uint64_t most = RESTART_MAX_DELAY_MS / RESTART_FIRST_DELAY_MS, squared = (uint64_t)failures * (uint64_t)failures;
    return failures > (int64_t)most || squared > most ? RESTART_MAX_DELAY_MS : RESTART_FIRST_DELAY_MS * squared;
}

uint64_t restart_due_boot_ms(const struct container_memory *memory, bool is_vm)
{
    if (memory->ended < 0 || memory->last.finished_boot_ms == 0)
        return 0;
    if (is_vm && memory->last.exit_code != 0)
        return memory->last.finished_boot_ms + restart_vm_delay_ms(memory->backoff);
    return memory->last.finished_boot_ms + restart_delay_ms(memory->backoff);
}
