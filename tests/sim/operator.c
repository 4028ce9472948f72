#include "operator.h"

#include <inttypes.h>
#include <string.h>

#include "base/memory.h"
#include "broker.h"
#include "content.h"
#include "files.h"

static int64_t next_generation(struct sim *sim)
{
    int64_t wall = (int64_t)sim_wall_ms(sim);
    int64_t next = sim->operator.last_generation + 1000;
    return sim->operator.last_generation = next > wall ? next : wall;
}

static void say(struct sim *sim, int pod, enum source source, const char *text)
{
    AUTO_FREE char *topic = topic_of_slot(pod, source);
    broker_publish(sim, topic, text, true);
}

static void publish(struct sim *sim, int pod, enum source source, int content, bool numbered)
{
    struct intent *intent = &sim->operator.slots[pod][source];
    bool same = intent->filled && intent->content == content;
    /* A higher generation is taken wherever it arrives; what takes its place before it was seen may be an old content again. */
    if (numbered)
        intent->doubtful = false;
    else
        intent->doubtful = same ? intent->doubtful || intent->has_generation : intent->said[content];
    intent->filled = true;
    intent->content = content;
    intent->has_generation = numbered;
    intent->generation = numbered ? next_generation(sim) : -1;
    intent->said[content] = true;
    AUTO_FREE char *text = content_write(sim, pod, content, intent->generation);
    say(sim, pod, source, text);
    sim->counters[content == SIM_TOMBSTONE ? N_TOMBSTONES : N_PUBLISHED]++;
}

static void publish_refusable(struct sim *sim, int pod, enum source source)
{
    static const char *const wrong[] = {
        "not JSON at all", "{}", "[1,2]", "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"kind\":\"Pod\"}",
        "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"other\"},\"spec\":{\"containers\":[]}}",
        "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"p0\"}}"
    };
    struct intent *intent = &sim->operator.slots[pod][source];
    sim->counters[N_REFUSABLE]++;
    intent->doubtful = true;
    if (!intent->filled || !intent->has_generation || sim_chance(sim, 300)) {
        say(sim, pod, source, wrong[sim_below(sim, sizeof(wrong) / sizeof(wrong[0]))]);
        return;
    }
    /* Older than what is accepted, or the same generation with another content. */
    int content = (int)sim_below(sim, SIM_CONTENTS);
    intent->said[content] = true;
    AUTO_FREE char *text = content_write(sim, pod, content, intent->generation - (int64_t)sim_below(sim, 3));
    say(sim, pod, source, text);
}

static void act_on_files(struct sim *sim, int pod)
{
    sim->counters[N_FILES]++;
    uint64_t dice = sim_below(sim, 10);
    if (dice == 0)
        files_garbage(sim, !sim->operator.garbage_file);
    else if (dice < 4 && sim->operator.slots[pod][FROM_FILES].filled)
        files_remove(sim, pod);
    else
        files_write(sim, pod, (int)sim_below(sim, SIM_CONTENTS));
}

/* All that the node is to run by it, under a generation; by `wrong` it is to be refused as a whole. */
static void say_bundle(struct sim *sim, const struct bundle_said *said, bool wrong)
{
    AUTO_STRBUF struct strbuf text;
    strbuf_init(&text, 256 * 1024);
    strbuf_printf(&text, "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"metadata\":{\"annotations\":{\"davit/generation\":\"%" PRId64
                         "\"}},\"items\":[", said->generation);
    const char *comma = "";
    for (int pod = 0; pod < SIM_PODS; pod++) {
        AUTO_FREE char *item = said->content[pod] >= 0 ? content_write(sim, pod, said->content[pod], -1) : NULL;
        if (item != NULL)
            strbuf_printf(&text, "%s%s", comma, item);
        comma = item != NULL ? "," : comma;
    }
    strbuf_printf(&text, "%s]}", wrong && comma[0] != '\0' ? ",{\"kind\":\"Pod\"}" : wrong ? "{}" : "");
    broker_publish(sim, SIM_ROOT "/nodes/" SIM_NODE "/desired", text.data, true);
}

static void act_on_bundle(struct sim *sim)
{
    struct operator *operator = &sim->operator;
    struct bundle_said said = { .generation = next_generation(sim) };
    for (int pod = 0; pod < SIM_PODS; pod++)
        said.content[pod] = sim_chance(sim, 500) ? (int)sim_below(sim, SIM_CONTENTS) : -1;
    if (sim_chance(sim, 150)) {
        sim->counters[N_REFUSABLE]++;
        operator->bundle_doubtful = true;
        say_bundle(sim, &said, true);
        return;
    }
    operator->bundles = mem_resize(operator->bundles, operator->bundle_count + 1, sizeof(said));
    operator->bundles[operator->bundle_count++] = said;
    operator->bundle_doubtful = false;
    for (int pod = 0; pod < SIM_PODS; pod++)
        operator->slots[pod][FROM_BUNDLE] = (struct intent){ .filled = said.content[pod] >= 0, .content = said.content[pod] };
    sim->counters[N_PUBLISHED]++;
    say_bundle(sim, &said, false);
}

static enum source choose_source(struct sim *sim)
{
    static const enum source likely[] = { FROM_NODE, FROM_NODE, FROM_NODE, FROM_LINE1, FROM_LINE1, FROM_LINE2, FROM_ALL,
                                          FROM_FILES };
    enum source source = likely[sim_below(sim, sizeof(likely) / sizeof(likely[0]))];
    return source == FROM_FILES && !sim->temper.files ? FROM_NODE : source;
}

void operator_act(struct sim *sim)
{
    int pod = (int)sim_below(sim, SIM_PODS);
    enum source source = choose_source(sim);
    uint64_t dice = sim_below(sim, 100);
    if (source == FROM_FILES) {
        act_on_files(sim, pod);
        return;
    }
    if (!sim->broker.up)
        return;
    if (sim_chance(sim, 80)) {
        act_on_bundle(sim);
        return;
    }
    bool numbered = sim_chance(sim, 600);
    if (dice < 12) {
        publish_refusable(sim, pod, source);
    } else if (dice < 16) {
        sim->counters[N_EMPTIED]++;
        sim->operator.slots[pod][source].doubtful = true;
        say(sim, pod, source, "");
    } else if (dice < 30) {
        publish(sim, pod, source, SIM_TOMBSTONE, numbered);
    } else {
        publish(sim, pod, source, (int)sim_below(sim, SIM_CONTENTS), numbered);
    }
}

void operator_settle(struct sim *sim)
{
    if (sim->operator.garbage_file)
        files_garbage(sim, false);
    for (int pod = 0; pod < SIM_PODS; pod++)
        for (enum source source = 0; source < FROM_FILES; source++) {
            struct intent *intent = &sim->operator.slots[pod][source];
            if (intent->doubtful && intent->filled)
                publish(sim, pod, source, intent->content, intent->has_generation);
            else if (intent->doubtful)
                say(sim, pod, source, "");
        }
    struct operator *operator = &sim->operator;
    if (operator->bundle_doubtful && operator->bundle_count > 0)
        say_bundle(sim, &operator->bundles[operator->bundle_count - 1], false);
    else if (operator->bundle_doubtful)
        broker_publish(sim, SIM_ROOT "/nodes/" SIM_NODE "/desired", "", true);
    operator->bundle_doubtful = false;
}
