#include "commands.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/exec.h"

static void on_done(void *ctx, const struct json *result)
{
    struct command *command = ctx;
    struct sim *sim = command->sim;
    sim_note(sim, "command %" PRId64 ": %s", command->id, json_get_boolean(result, "ok", false) ? "ended" : "lost");
    if (!command->waits)
        sim_fail(sim, "told", "command %" PRId64 " is told of twice, or before it has begun", command->id);
    command->waits = false;
    sim->counters[N_COMMANDS]++;
}

static void begin(struct sim *sim, struct command *command)
{
    int fds[EXEC_FDS] = { -1, -1, -1, -1 };
    char pod[16];
    snprintf(pod, sizeof(pod), "p%d", (int)sim_below(sim, SIM_PODS));
    AUTO_JSON struct json *request = json_new_texts("pod", pod, NULL);
    AUTO_JSON struct json *said = NULL;
    json_add_text(json_set_array(request, "command"), "ls");
    command->sim = sim;
    command->id = exec_begin(sim->node.core, request, fds, on_done, command, &said);
    command->waits = command->id > 0;
    if (json_get_boolean(said, "ok", false) != command->waits)
        sim_fail(sim, "told", "a command that is %s says the contrary", command->waits ? "begun" : "refused");
    if (command->waits && sim_chance(sim, 100)) {
        exec_forget(sim->node.core, command->id);
        command->waits = false;
        command->id = 0;
    }
}

void commands_act(struct sim *sim)
{
    if (!sim->node.up)
        return;
    for (size_t i = 0; i < SIM_COMMANDS; i++)
        if (!sim->commands[i].waits) {
            begin(sim, &sim->commands[i]);
            return;
        }
}

void commands_check_end(struct sim *sim)
{
    for (size_t i = 0; i < SIM_COMMANDS; i++)
        if (sim->commands[i].waits)
            sim_fail(sim, "told", "nobody was told how command %" PRId64 " ended", sim->commands[i].id);
}
