#include "health.h"

#include <string.h>

#include "base/memory.h"
#include "content.h"
#include "device.h"
#include "node.h"

/* The answer of a container to one probe. */
static bool passes(struct sim *sim, struct box *box, int kind)
{
    bool good = box != NULL && box->life == RUNNING && (sim->calm || !sim_chance(sim, sim->temper.sick));
    sim->counters[N_PROBES]++;
    sim->counters[N_PROBES_FAILED] += !good;
    if (box != NULL && !good && sim->lie != LIE_HEALTH)
        box->failed[kind]++;
    return good;
}

/* ---- by exec */

static bool run_hook(struct sim *sim, struct box *box, bool post)
{
    bool good = sim->calm || !sim_chance(sim, sim->temper.sick);
    sim->counters[N_HOOKS]++;
    if (box == NULL)
        return good;
    box->hook_failed = box->hook_failed || (post && !good);
    return good;
}

char *health_exec(struct sim *sim, const struct json *document)
{
    const struct json *command = json_get(document, "command");
    const char *word = json_text(json_first(command)), *uid = json_get_text(document, "uid");
    const char *container = json_get_text(document, "container"), *kind = json_text(json_next(json_first(command)));
    if (word == NULL || uid == NULL || container == NULL || (strcmp(word, "probe") == 0 && kind == NULL)) {
        sim_fail(sim, "orders", "an exec that no plugin understands");
        return NULL;
    }
    struct box *box = device_find(sim, uid, container[1] - '0', json_get_integer(document, "attempt", -1));
    bool good = strcmp(word, "probe") == 0 ? passes(sim, box, kind[0] - '0') : run_hook(sim, box, strcmp(word, "post") == 0);
    return mem_strdup(good ? "{\"exitCode\":0}" : "{\"exitCode\":1}");
}

/* ---- by davit-probe */

static struct box *box_of_port(struct sim *sim, int64_t port)
{
    int pod = (int)(port / 100 % 10), container = (int)(port / 10 % 10);
    for (struct box *box = sim->device.boxes; box != NULL; box = box->next)
        if (box->life == RUNNING && box->pod == pod && box->container == container)
            return box;
    return NULL;
}

static void answer(struct sim *sim, struct event *event)
{
    if (event->epoch != sim->asker.epoch || event->node_epoch != sim->node.epoch || !sim->node.up)
        return;
    int64_t port = json_get_integer(event->head, "port", 0);
    AUTO_JSON struct json *head = json_new_texts("op", "result", "message", "the simulator says so", NULL);
    json_set_integer(head, "id", json_get_integer(event->head, "id", 0));
    json_set_boolean(head, "ok", passes(sim, box_of_port(sim, port), (int)(port % 10)));
    node_probe_frame(sim, head);
}

/* What was said to one that was not there is said again. */
static void comes_up(struct sim *sim, struct event *event)
{
    if (event->epoch != sim->asker.epoch || event->node_epoch != sim->node.epoch || !sim->node.up)
        return;
    sim->asker.starting = false;
    sim->asker.up = true;
    node_probe_down(sim);
}

static void start_after(struct sim *sim, uint64_t delay_ms)
{
    sim->asker.starting = true;
    sim_after(sim, delay_ms, comes_up)->epoch = sim->asker.epoch;
}

void health_frame(struct sim *sim, struct json *head)
{
    struct asker *asker = &sim->asker;
    if (asker->up) {
        struct event *event = sim_after(sim, sim_below(sim, 3) * sim_below(sim, 500), answer);
        event->epoch = asker->epoch;
        event->head = head;
        return;
    }
    json_free(head);
    if (!asker->starting)
        start_after(sim, 1 + sim_below(sim, 100));
}

void health_end(struct sim *sim)
{
    sim->asker.up = sim->asker.starting = false;
    sim->asker.epoch++;
}

void health_crash(struct sim *sim)
{
    if (!sim->asker.up)
        return;
    sim_note(sim, "davit-probe: crashes");
    sim->counters[N_PROBE_CRASHES]++;
    health_end(sim);
    start_after(sim, 100 + sim_below(sim, 5 * SECOND));
    node_probe_down(sim);
}

/* ---- what must hold */

bool health_ends(const struct sim *sim, const struct box *box)
{
    struct shape shape = content_shape(sim, box->pod, box->variant);
    uint64_t threshold = shape.container[box->container].failures;
    return box->hook_failed || box->failed[PROBE_STARTUP] >= threshold || box->failed[PROBE_LIVENESS] >= threshold;
}

void health_check_stop(struct sim *sim, const struct box *box, bool force)
{
    struct shape shape = content_shape(sim, box->pod, box->variant);
    if (!force && shape.container[box->container].pre_stop && shape.grace_s > 0 && !box->pre_stop_asked &&
        sim->counters[N_CRASHES] == 0 && sim->counters[N_HOST_CRASHES] == 0)
        sim_fail(sim, "hook", "p%d/c%d of %.8s is stopped, and its preStop was not run", box->pod, box->container, box->uid);
}
