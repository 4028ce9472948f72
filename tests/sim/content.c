#include "content.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "registry.h"

int content_variant(int content)
{
    return content == SIM_TOMBSTONE ? -1 : content / 2;
}

static uint64_t mix(uint64_t a, uint64_t b, uint64_t c)
{
    struct sim dice = { .random = a * 1000003 + b * 10007 + c };
    sim_random(&dice);
    return sim_random(&dice);
}

static void draw_health(struct sim *dice, struct shape *shape, size_t i)
{
    for (enum probe_kind kind = 0; kind < PROBE_KINDS; kind++)
        shape->container[i].probed[kind] = sim_below(dice, 3) == 0;
    shape->container[i].by_exec = sim_below(dice, 2) == 0;
    shape->container[i].failures = 1 + sim_below(dice, 3);
    shape->container[i].post_start = sim_below(dice, 5) == 0;
    shape->container[i].pre_stop = sim_below(dice, 4) == 0;
}

/* Five pods seldom fit all at once, and one now and then never does. */
static int64_t draw_memory(struct sim *dice)
{
    if (sim_below(dice, 3) == 0)
        return 0;
    return sim_below(dice, 25) == 0 ? SIM_MEMORY_MI + 1 : (int64_t)sim_below(dice, SIM_MEMORY_MI / 3);
}

struct shape content_shape(const struct sim *sim, int pod, int variant)
{
    struct sim dice = { .random = mix(sim->seed, (uint64_t)pod, (uint64_t)variant) };
    static const enum restart_policy policies[] = { RESTART_ALWAYS, RESTART_ALWAYS, RESTART_ALWAYS,
                                                    RESTART_ON_FAILURE, RESTART_NEVER };
    static const enum behaviour behaviours[] = { RUNS, RUNS, RUNS, RUNS, STUBBORN, ENDS_WELL, ENDS_BADLY };
    static const uint64_t graces[] = { 0, 2, 10, 30 };
    struct shape shape = { .containers = 1 + sim_below(&dice, SIM_CONTAINERS) };
    shape.policy = policies[sim_below(&dice, 5)];
    shape.grace_s = graces[sim_below(&dice, 4)];
    for (size_t i = 0; i < SIM_CONTAINERS; i++) {
        shape.container[i].behaviour = behaviours[sim_below(&dice, 7)];
        shape.container[i].after_ms = 100 + sim_below(&dice, 2) * sim_below(&dice, MINUTE);
    }
    shape.always = sim_below(&dice, 3) == 0;
    shape.host_network = sim_below(&dice, 4) == 0;
    for (size_t i = 0; i < SIM_CONTAINERS; i++)
        draw_health(&dice, &shape, i);
    for (size_t i = 0; i < SIM_CONTAINERS; i++)
        shape.memory_mi[i] = draw_memory(&dice);
    return shape;
}

int64_t shape_memory_mi(const struct shape *shape)
{
    int64_t sum = 0;
    for (size_t i = 0; i < shape->containers; i++)
        sum += shape->memory_mi[i];
    return sum;
}

/* Port and command say which probe of which container it is: see health.c. */
static void write_health(struct strbuf *text, const struct shape *shape, int pod, size_t i)
{
    static const char *const words[] = { "startupProbe", "livenessProbe", "readinessProbe" };
    for (int kind = 0; kind < PROBE_KINDS; kind++) {
        if (!shape->container[i].probed[kind])
            continue;
        strbuf_printf(text, ",\"%s\":{\"periodSeconds\":%d,\"failureThreshold\":%" PRIu64 ",", words[kind], 2 + kind,
                      shape->container[i].failures);
        if (shape->container[i].by_exec)
            strbuf_printf(text, "\"exec\":{\"command\":[\"probe\",\"%d\"]}}", kind);
        else
            strbuf_printf(text, "\"tcpSocket\":{\"port\":%zu}}", 1000 + (size_t)pod * 100 + i * 10 + (size_t)kind);
    }
    const char *post = shape->container[i].post_start ? "\"postStart\":{\"exec\":{\"command\":[\"post\"]}}" : "";
    const char *pre = shape->container[i].pre_stop ? "\"preStop\":{\"exec\":{\"command\":[\"pre\"]}}" : "";
    if (post[0] != '\0' || pre[0] != '\0')
        strbuf_printf(text, ",\"lifecycle\":{%s%s%s}", post, post[0] != '\0' && pre[0] != '\0' ? "," : "", pre);
}

char *content_write(const struct sim *sim, int pod, int content, int64_t generation)
{
    static const char *const policies[] = { "Always", "OnFailure", "Never" };
    struct strbuf text;
    strbuf_init(&text, 8192);
    strbuf_printf(&text, "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p%d\",\"namespace\":\"default\","
                         "\"labels\":{\"sim-content\":\"c%d\"}", pod, content);
    if (generation >= 0)
        strbuf_printf(&text, ",\"annotations\":{\"davit/generation\":\"%" PRId64 "\"}", generation);
    if (content == SIM_TOMBSTONE) {
        strbuf_add(&text, ",\"deletionTimestamp\":\"2026-11-23T00:00:00Z\"}}");
        return strbuf_steal(&text);
    }
    struct shape shape = content_shape(sim, pod, content_variant(content));
    strbuf_printf(&text, "},\"spec\":{\"restartPolicy\":\"%s\",\"terminationGracePeriodSeconds\":%" PRIu64 ",\"containers\":[",
                  policies[shape.policy], shape.grace_s);
    AUTO_FREE char *image = image_name(sim, pod, content_variant(content));
    for (size_t i = 0; i < shape.containers; i++) {
        strbuf_printf(&text, "%s{\"name\":\"c%zu\",\"image\":\"%s\",\"imagePullPolicy\":\"%s\",\"command\":[\"v%d\"]",
                      i > 0 ? "," : "", i, image, shape.always ? "Always" : "IfNotPresent", content_variant(content));
        write_health(&text, &shape, pod, i);
        if (shape.memory_mi[i] > 0)
            strbuf_printf(&text, ",\"resources\":{\"requests\":{\"memory\":\"%" PRId64 "Mi\"}}", shape.memory_mi[i]);
        strbuf_add(&text, "}");
    }
    strbuf_printf(&text, "],\"hostNetwork\":%s}}", shape.host_network ? "true" : "false");
    return strbuf_steal(&text);
}

int content_read(const char *text)
{
    static const char mark[] = "\"sim-content\":\"c";
    const char *at = strstr(text, mark);
    if (at == NULL)
        return -1;
    int content = at[sizeof(mark) - 1] - '0';
    return content >= 0 && content <= SIM_TOMBSTONE ? content : -1;
}

int pod_of_name(const char *name)
{
    return name != NULL && name[0] == 'p' && name[1] >= '0' && name[1] < '0' + SIM_PODS && name[2] == '\0' ? name[1] - '0'
                                                                                                     : -1;
}

char *topic_of_slot(int pod, enum source source)
{
    if (source == FROM_NODE)
        return mem_printf(SIM_ROOT "/nodes/" SIM_NODE "/desired/default/pods/p%d", pod);
    return mem_printf(SIM_ROOT "/groups/%s/desired/default/pods/p%d", sim_group_name(source), pod);
}
