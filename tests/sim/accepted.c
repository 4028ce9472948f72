#include "accepted.h"

#include <inttypes.h>
#include <string.h>
#include <utlist.h>

#include "base/memory.h"
#include "content.h"

#define NOTHING -1 /* the content of a file that is not there */
#define TOMBSTONE_AGE_MS (90ull * 24 * 3600 * 1000)

bool source_is_configured(const struct sim *sim, enum source source)
{
    if (source != FROM_LINE1 && source != FROM_LINE2)
        return true;
    for (size_t i = 0; i < sim->group_count; i++)
        if (sim->groups[i] == source)
            return true;
    return false;
}

int accepted_ruling(const struct sim *sim, const struct slot_seen slots[SOURCES])
{
    enum source order[SOURCES] = { FROM_NODE, FROM_BUNDLE };
    size_t count = 2;
    for (size_t i = 0; i < sim->group_count; i++)
        order[count++] = sim->groups[i];
    order[count++] = FROM_ALL;
    order[count++] = FROM_FILES;
    for (size_t i = 0; i < count; i++) {
        const struct slot_seen *slot = &slots[order[i]];
        if (slot->filled && slot->content != SIM_TOMBSTONE)
            return (int)order[i];
        if (slot->filled && order[i] == FROM_NODE)
            return -1;
    }
    return -1;
}

/* ---- what was said */

static void deliver(struct sim *sim, int pod, enum source source, const struct delivery *said)
{
    struct delivery *one = mem_dup(said, sizeof(*said));
    LL_APPEND(sim->seen[pod].slots[source].delivered, one);
}

static bool slot_of_topic(const char *topic, int *pod, enum source *source)
{
    for (*pod = 0; *pod < SIM_PODS; (*pod)++)
        for (*source = 0; *source < FROM_FILES; (*source)++) {
            AUTO_FREE char *own = topic_of_slot(*pod, *source);
            if (strcmp(own, topic) == 0)
                return true;
        }
    return false;
}

static int64_t generation_of(const char *payload)
{
    static const char mark[] = "\"davit/generation\":\"";
    const char *at = strstr(payload, mark);
    return at != NULL ? strtoll(at + sizeof(mark) - 1, NULL, 10) : -1;
}

void accepted_deliver(struct sim *sim, const struct message *message)
{
    int pod;
    enum source source;
    struct delivery said = { .content = content_read(message->payload), .live = !message->retain };
    said.generation = generation_of(message->payload);
    if (said.content >= 0 && slot_of_topic(message->topic, &pod, &source))
        deliver(sim, pod, source, &said);
}

void accepted_deliver_file(struct sim *sim, int pod, int content)
{
    const struct delivery *last = sim->seen[pod].slots[FROM_FILES].delivered;
    while (last != NULL && last->next != NULL)
        last = last->next;
    if (last == NULL || last->content != content)
        deliver(sim, pod, FROM_FILES, &(struct delivery){ .content = content, .generation = -1, .live = true });
}

static void forget(struct slot_seen *slot)
{
    while (slot->delivered != NULL) {
        struct delivery *one = slot->delivered;
        LL_DELETE(slot->delivered, one);
        free(one);
    }
}

/* It was taken, and so what came before it was not. */
static void forget_until(struct slot_seen *slot, const struct delivery *last)
{
    while (slot->delivered != NULL) {
        struct delivery *one = slot->delivered;
        bool done = one == last;
        LL_DELETE(slot->delivered, one);
        free(one);
        if (done)
            return;
    }
}

void accepted_forget_deliveries(struct sim *sim)
{
    for (int pod = 0; pod < SIM_PODS; pod++)
        for (int source = 0; source < SOURCES; source++)
            forget(&sim->seen[pod].slots[source]);
}

void accepted_taken(struct sim *sim, const struct message *message)
{
    int pod;
    enum source source;
    int content = content_read(message->payload);
    if (content < 0 || generation_of(message->payload) >= 0 || !slot_of_topic(message->topic, &pod, &source) ||
        !source_is_configured(sim, source))
        return;
    const struct slot_seen *slot = &sim->seen[pod].slots[source];
    if (slot->filled && slot->content == content)
        return;
    /* The disk refused it, or the one that it waits behind, and that is not over before a commit has worked: it is tried again, and lost
     * if davitd ends before that.
     */
    bool refuses = sim->disk_full || (sim->node.core != NULL && sim->node.core->store_problem[0] != '\0');
    if (refuses && sim->lie == LIE_NONE)
        sim->operator.slots[pod][source].doubtful = true;
    else
        sim_fail(sim, "durable", "a live document of p%d (%s) without a generation is taken, and not on the disk", pod,
                 sim_source_word(source));
}

/* ---- what is on the disk */

struct rows {
    struct sim *sim;
    struct slot_seen slots[SIM_PODS][SOURCES];
    int64_t bundle; /* its generation; -1: none was accepted */
};

static void read_row(void *ctx, const struct slot_row *row)
{
    struct rows *rows = ctx;
    int pod = pod_of_name(row->id.name);
    int content = content_read(row->text);
    if (row->id.resource[0] == '\0' && strcmp(row->id.name, "bundle") == 0) {
        rows->bundle = row->generation;
        return;
    }
    for (int source = 0; pod >= 0 && source < SOURCES; source++) {
        const char *group = source == FROM_LINE1 || source == FROM_LINE2 ? sim_group_name((enum source)source) : "";
        if (strcmp(row->source, sim_source_word((enum source)source)) != 0 || strcmp(row->group, group) != 0)
            continue;
        rows->slots[pod][source] = (struct slot_seen){ .filled = true, .content = content, .generation = row->generation,
                                                       .accepted_ms = row->accepted_ms };
        if (row->tombstone != (content == SIM_TOMBSTONE) || content < 0)
            break;
        return;
    }
    sim_fail(rows->sim, "order", "%s has a row that nobody can have meant", row->id.name);
}

/* The order of documents, once more: docs, "Order". */
static bool is_newer(const struct slot_seen *old, const struct slot_seen *now, const struct delivery *said)
{
    if (said->content != now->content)
        return false;
    if (said->generation >= 0)
        return now->generation == said->generation && (!old->filled || said->generation > old->generation);
    if (!old->filled)
        return now->generation == 1;
    return now->generation == old->generation + 1 && now->content != old->content &&
           (said->live || !old->superseded[said->content]);
}

static void check_change(struct sim *sim, int pod, enum source source, struct slot_seen *old, const struct slot_seen *now)
{
    struct delivery *said;
    if (old->filled && now->generation < old->generation)
        sim_fail(sim, "back", "p%d (%s%s): generation %" PRId64 " was accepted, now it is %" PRId64, pod,
                 sim_source_word(source), sim_group_name(source), old->generation, now->generation);
    LL_FOREACH(old->delivered, said)
        if (is_newer(old, now, said))
            break;
    if (said != NULL)
        forget_until(old, said);
    else
        sim_fail(sim, "order", "p%d (%s%s): content %d generation %" PRId64 " is accepted in place of %d generation %" PRId64
                 ", and nobody said so", pod, sim_source_word(source), sim_group_name(source), now->content,
                 now->generation, old->filled ? old->content : -1, old->generation);
    sim_note(sim, "accepted: p%d (%s%s) content %d generation %" PRId64, pod, sim_source_word(source),
             sim_group_name(source), now->content, now->generation);
    sim->counters[N_ACCEPTED]++;
    if (old->filled && old->content != now->content)
        old->superseded[old->content] = true;
}

static void check_gone(struct sim *sim, int pod, enum source source, struct slot_seen *old)
{
    uint64_t wall = sim_wall_ms(sim) > sim->latest_wall_ms ? sim_wall_ms(sim) : sim->latest_wall_ms;
    bool purged = old->content == SIM_TOMBSTONE && wall >= old->accepted_ms + TOMBSTONE_AGE_MS;
    struct delivery *file_gone;
    LL_SEARCH_SCALAR(old->delivered, file_gone, content, NOTHING);
    if (file_gone != NULL)
        forget_until(old, file_gone);
    if (!purged && file_gone == NULL && source_is_configured(sim, source))
        sim_fail(sim, "order", "p%d (%s%s) content %d is forgotten, and nobody said so", pod, sim_source_word(source),
                 sim_group_name(source), old->content);
    sim_note(sim, "emptied: p%d (%s%s)", pod, sim_source_word(source), sim_group_name(source));
    struct delivery *kept = old->delivered;
    memset(old, 0, sizeof(*old));
    old->delivered = kept;
    old->told = -1;
}

static void look_at_slot(struct sim *sim, int pod, enum source source, const struct slot_seen *now)
{
    struct slot_seen *old = &sim->seen[pod].slots[source];
    if (old->filled && !now->filled) {
        check_gone(sim, pod, source, old);
        return;
    }
    if (!now->filled || (old->filled && old->content == now->content && old->generation == now->generation))
        return;
    check_change(sim, pod, source, old, now);
    old->filled = true;
    old->content = now->content;
    old->generation = now->generation;
    old->accepted_ms = now->accepted_ms;
}

/* All of one bundle that was published is on the disk, and nothing of another. */
static void look_at_bundle(struct sim *sim, const struct rows *rows)
{
    const struct operator *operator = &sim->operator;
    const struct bundle_said *said = NULL;
    for (size_t i = 0; i < operator->bundle_count; i++)
        if (operator->bundles[i].generation == rows->bundle)
            said = &operator->bundles[i];
    if (rows->bundle < sim->bundle_seen)
        sim_fail(sim, "back", "bundle %" PRId64 " was accepted, now it is %" PRId64, sim->bundle_seen, rows->bundle);
    if (said == NULL && rows->bundle >= 0)
        sim_fail(sim, "order", "bundle %" PRId64 " is accepted, and nobody said so", rows->bundle);
    if (rows->bundle > sim->bundle_seen)
        sim->counters[N_ACCEPTED]++;
    for (int pod = 0; pod < SIM_PODS; pod++) {
        const struct slot_seen *now = &rows->slots[pod][FROM_BUNDLE];
        struct slot_seen *old = &sim->seen[pod].slots[FROM_BUNDLE];
        int content = said != NULL ? said->content[pod] : -1;
        if ((now->filled ? now->content : -1) != content)
            sim_fail(sim, "order", "p%d: bundle %" PRId64 " says content %d, accepted is %d", pod, rows->bundle, content,
                     now->filled ? now->content : -1);
        if (old->filled != now->filled)
            old->told = -1;
        old->filled = now->filled;
        old->content = now->content;
        old->generation = rows->bundle; /* an item's is the bundle's */
    }
    sim->bundle_seen = rows->bundle;
}

static void look_at_ruling(struct sim *sim, int pod)
{
    struct pod_seen *seen = &sim->seen[pod];
    bool any = false;
    for (int source = 0; source < SOURCES; source++)
        any = any || seen->slots[source].filled;
    if (seen->wiped && !any)
        return;
    seen->wiped = false;
    seen->source = accepted_ruling(sim, seen->slots);
    int ruling = seen->source >= 0 ? content_variant(seen->slots[seen->source].content) : -1;
    if (ruling == seen->ruling)
        return;
    sim_note(sim, "wanted of p%d: v%d, was v%d", pod, ruling, seen->ruling);
    seen->ruling = ruling;
    seen->turn++;
    if (seen->ruling < 0)
        seen->none_turn = seen->turn;
}

void accepted_look(struct sim *sim)
{
    struct rows rows = { .sim = sim, .bundle = -1 };
    struct error err;
    if (sim->lie == LIE_DURABLE && sim_chance(sim, 300))
        return;
    if (!store_each_slot(sim->node.store, read_row, &rows, &err)) {
        sim_fail(sim, "start", "the database cannot be read: %s", err.message);
        return;
    }
    look_at_bundle(sim, &rows);
    for (int pod = 0; pod < SIM_PODS; pod++) {
        for (enum source source = 0; source < FROM_BUNDLE; source++)
            look_at_slot(sim, pod, source, &rows.slots[pod][source]);
        look_at_ruling(sim, pod);
    }
}

void accepted_wipe(struct sim *sim)
{
    sim->bundle_seen = -1;
    for (int pod = 0; pod < SIM_PODS; pod++) {
        struct pod_seen *seen = &sim->seen[pod];
        for (int source = 0; source < SOURCES; source++) {
            forget(&seen->slots[source]);
            memset(&seen->slots[source], 0, sizeof(seen->slots[source]));
            seen->slots[source].told = -1;
        }
        seen->wiped = true;
    }
}
