#include "registry.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "device.h"
#include "node.h"

#define PREFIX "docker.io/library/"

struct arrival {
    struct sim *sim;
    char *reference, *id;
    uint64_t serial;
};

char *image_name(const struct sim *sim, int pod, int variant)
{
    return sim->images ? mem_printf("p%d:v%d", pod, variant) : mem_strdup("sim:1");
}

char *image_id(int pod, int variant)
{
    return mem_printf("sha256:%032d%032d", pod, variant);
}

static struct pulling *find(struct sim *sim, const char *reference)
{
    for (size_t i = 0; i < LIMIT_PULLS; i++)
        if (sim->pulls[i].reference != NULL && strcmp(sim->pulls[i].reference, reference) == 0)
            return &sim->pulls[i];
    return NULL;
}

/* NULL: it was cancelled, or davitd is another one. */
static struct pulling *of_event(struct sim *sim, const struct event *event)
{
    if (event->node_epoch != sim->node.epoch || !sim->node.up)
        return NULL;
    for (size_t i = 0; i < LIMIT_PULLS; i++)
        if (sim->pulls[i].reference != NULL && sim->pulls[i].serial == event->epoch)
            return &sim->pulls[i];
    return NULL;
}

static void end(struct sim *sim, struct pulling *pulling, const char *id, const char *reason)
{
    AUTO_FREE char *reference = mem_steal(&pulling->reference);
    sim_note(sim, "registry: %s: %s", reference, reason != NULL ? reason : "is here");
    sim->counters[reason != NULL ? N_PULLS_FAILED : N_PULLS]++;
    core_pull_ended(sim->node.core, reference, id, reason, "the simulator says so");
}

/* ---- it comes */

static void committed(void *ctx, const struct error *err)
{
    struct arrival *arrival = ctx;
    struct sim *sim = arrival->sim;
    struct images *images = &sim->node.core->images;
    struct error ignored; /* it is JSON */
    struct pulling *pulling = find(sim, arrival->reference);
    struct image_row row = { .id = arrival->id, .manifest = arrival->id, .config = "{}", .layers = "[]" };
    if (err == NULL && images_take(images, &row, &ignored))
        images_take_name(images, &(struct image_name_row){ .reference = arrival->reference, .id = arrival->id });
    if (pulling != NULL && pulling->serial == arrival->serial)
        end(sim, pulling, arrival->id, err == NULL ? NULL : "StoreFailed");
    free(arrival->reference);
    free(arrival->id);
    free(arrival);
}

static void place(struct sim *sim, struct pulling *pulling)
{
    struct store_txn *txn = store_begin(sim->node.store);
    struct arrival *arrival = mem_alloc(sizeof(*arrival));
    const char *word = pulling->reference + strlen(PREFIX); /* p0:v1 */
    arrival->sim = sim;
    arrival->reference = mem_strdup(pulling->reference);
    arrival->id = image_id(word[1] - '0', word[4] - '0');
    arrival->serial = pulling->serial;
    pulling->placing = true;
    store_put_image(txn, &(struct image_row){ .id = arrival->id, .manifest = arrival->id, .config = "{}", .layers = "[]" });
    store_put_image_name(txn, &(struct image_name_row){ .reference = arrival->reference, .id = arrival->id });
    store_commit(txn, committed, arrival);
}

static void comes(struct sim *sim, struct event *event)
{
    static const char *const reasons[] = { "Unreachable", "NotFound", "TooSlow", "NoSpace", "DigestMismatch" };
    struct pulling *pulling = of_event(sim, event);
    if (pulling == NULL)
        return;
    if (!sim->calm && sim_chance(sim, sim->temper.pull_fails))
        end(sim, pulling, NULL, reasons[sim_below(sim, sizeof(reasons) / sizeof(reasons[0]))]);
    else
        place(sim, pulling);
    node_settle(sim);
}

static void goes_on(struct sim *sim, struct event *event)
{
    const struct pulling *pulling = of_event(sim, event);
    if (pulling == NULL)
        return;
    struct pull_progress progress = { .bytes = 1, .total = 2, .layers = 1 };
    core_pull_progress(sim->node.core, pulling->reference, &progress);
    node_settle(sim);
}

static void cancelled(struct sim *sim, struct event *event)
{
    struct pulling *pulling = of_event(sim, event);
    if (pulling == NULL || pulling->placing)
        return;
    end(sim, pulling, NULL, "Cancelled");
    node_settle(sim);
}

void registry_pull(struct sim *sim, const char *reference)
{
    size_t free_at = 0;
    while (free_at < LIMIT_PULLS && sim->pulls[free_at].reference != NULL)
        free_at++;
    if (free_at == LIMIT_PULLS || find(sim, reference) != NULL) {
        sim_fail(sim, "orders", "%s is pulled twice, or more than %d are", reference, LIMIT_PULLS);
        return;
    }
    struct pulling *pulling = &sim->pulls[free_at];
    *pulling = (struct pulling){ .reference = mem_strdup(reference), .serial = ++sim->last_pull };
    uint64_t takes = sim_chance(sim, 300) ? sim_below(sim, 2 * MINUTE) : sim_below(sim, 5 * SECOND);
    sim_note(sim, "registry: %s is asked for", reference);
    sim_after(sim, sim_below(sim, takes + 1), goes_on)->epoch = pulling->serial;
    sim_after(sim, takes, comes)->epoch = pulling->serial;
}

void registry_cancel(struct sim *sim, const char *reference)
{
    const struct pulling *pulling = find(sim, reference);
    if (pulling == NULL)
        sim_fail(sim, "orders", "%s is cancelled, and not being pulled", reference);
    else
        sim_after(sim, sim_below(sim, 3) * 100, cancelled)->epoch = pulling->serial;
}

void registry_end(struct sim *sim)
{
    for (size_t i = 0; i < LIMIT_PULLS; i++)
        free(mem_steal(&sim->pulls[i].reference));
}

/* ---- what must hold */

void registry_check_create(struct sim *sim, const struct json *document, int pod, int variant)
{
    const char *id = json_get_text(json_get(document, "image"), "id");
    AUTO_FREE char *expected = image_id(pod, variant);
    if (sim->images && (id == NULL || strcmp(id, expected) != 0))
        sim_fail(sim, "image", "p%d v%d is created from %s", pod, variant, id != NULL ? id : "nothing");
}

/* What is to run next: the ruling document's variant, or what goes on until its images are here. -1: nothing. */
static int next_variant(const struct sim *sim, int pod)
{
    struct object_id id = { .namespace = "default", .resource = "pods", .name = { 'p', (char)('0' + pod) } };
    const struct core *core = sim->node.core; /* NULL: it ended with the call under way */
    const struct object *object = core != NULL ? objects_find(&core->objects, &id) : NULL;
    const struct pod *wanted = object != NULL ? object_wanted(object) : NULL;
    return wanted != NULL ? pod_container(wanted, 0)->command.items[0][1] - '0' : -1;
}

/* Nothing is stopped for an update that cannot start beside what else runs. */
static void check_room(struct sim *sim, const struct box *box, int next)
{
    struct shape old = content_shape(sim, box->pod, box->variant), shape = content_shape(sim, box->pod, next);
    int64_t wants = shape_memory_mi(&shape), others = device_memory_mi(sim, box->pod);
    if (wants > shape_memory_mi(&old) && wants + others > SIM_MEMORY_MI)
        sim_fail(sim, "memory", "p%d v%d is stopped for v%d, which requests %" PRId64 " MiB beside %" PRId64, box->pod,
                 box->variant, next, wants, others);
}

void registry_check_stop(struct sim *sim, const struct box *box)
{
    const struct pod_seen *seen = &sim->seen[box->pod];
    int next = next_variant(sim, box->pod);
    /* Its end has begun before; between the two nothing was wanted, or nothing is known of what was. */
    if (box->told_to_stop || next < 0 || next == box->variant || box->turn <= seen->none_turn || sim->counters[N_WIPED] > 0)
        return;
    check_room(sim, box, next);
    if (!sim->images)
        return;
    AUTO_FREE char *name = image_name(sim, box->pod, next);
    bool here = images_find(&sim->node.core->images, name) != NULL && sim->lie != LIE_IMAGE;
    if (!here)
        sim_fail(sim, "image", "p%d v%d is stopped for v%d, whose image is not here", box->pod, box->variant, next);
}
