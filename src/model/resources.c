#include "model/resources.h"

#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "model/quantity.h"

#define PERIOD_US 100000
#define QUOTA_MIN_US 1000
#define SHARES_MIN 2
#define SHARES_MAX 262144
#define OOM_GUARANTEED (-997)
#define OOM_BEST_EFFORT 1000

int64_t resource_value(const struct json *map, const char *name, int64_t scale)
{
    const struct json *value = json_get(map, name);
    int64_t number = POD_UNSET;
    if (value == NULL)
        return POD_UNSET;
    AUTO_FREE char *printed = json_print(value);
    return quantity_read(json_text(value) != NULL ? json_text(value) : printed, scale, &number) ? number : POD_UNSET;
}

void container_resources(const struct container *container, struct container_resources *out)
{
    const struct resources *said = container->resources;
    *out = (struct container_resources){ POD_UNSET, POD_UNSET, POD_UNSET, POD_UNSET };
    if (said == NULL)
        return;
    out->cpu_limit_m = resource_value(said->limits, "cpu", 1000);
    out->cpu_request_m = resource_value(said->requests, "cpu", 1000);
    out->memory_limit = resource_value(said->limits, "memory", 1);
    out->memory_request = resource_value(said->requests, "memory", 1);
    if (out->cpu_request_m == POD_UNSET)
        out->cpu_request_m = out->cpu_limit_m;
    if (out->memory_request == POD_UNSET)
        out->memory_request = out->memory_limit;
}

int64_t container_limit_of(const struct container *container, const char *resource)
{
    return container->resources != NULL ? resource_value(container->resources->limits, resource, 1) : POD_UNSET;
}

static int64_t container_request_of(const struct container *container, const char *resource)
{
    int64_t said = container->resources != NULL ? resource_value(container->resources->requests, resource, 1) : POD_UNSET;
    return said != POD_UNSET ? said : container_limit_of(container, resource);
}

enum qos pod_qos(const struct pod *pod)
{
    bool guaranteed = true, any = false;
    for (size_t i = 0; i < pod_count(pod); i++) {
        struct container_resources one;
        container_resources(pod_container(pod, i), &one);
        any = any || one.cpu_request_m > 0 || one.memory_request > 0 || one.cpu_limit_m > 0 || one.memory_limit > 0;
        guaranteed = guaranteed && one.cpu_limit_m > 0 && one.memory_limit > 0 &&
                     one.cpu_request_m == one.cpu_limit_m && one.memory_request == one.memory_limit;
    }
    if (!any)
        return QOS_BEST_EFFORT;
    return guaranteed ? QOS_GUARANTEED : QOS_BURSTABLE;
}

const char *qos_name(enum qos qos)
{
    static const char *const names[] = { "Guaranteed", "Burstable", "BestEffort" };
    return names[qos];
}

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

static int64_t oom_score(enum qos qos, int64_t request, int64_t capacity)
{
    if (qos == QOS_GUARANTEED)
        return OOM_GUARANTEED;
    if (qos == QOS_BEST_EFFORT || capacity <= 0)
        return OOM_BEST_EFFORT;
    double share = request > 0 ? (double)request / (double)capacity : 0;
    return clamp(1000 - (int64_t)(1000 * share), 3, 999);
}

static int64_t shares_of(int64_t request_m)
{
    if (request_m <= 0)
        return SHARES_MIN;
    return clamp(request_m > INT64_MAX / 1024 ? SHARES_MAX : request_m * 1024 / 1000, SHARES_MIN, SHARES_MAX);
}

static void set_quota(int64_t limit_m, struct kernel_limits *out)
{
    if (limit_m <= 0 || limit_m >= INT64_MAX / PERIOD_US)
        return;
    out->cpu_period_us = PERIOD_US;
    out->cpu_quota_us = clamp(limit_m * PERIOD_US / 1000, QUOTA_MIN_US, INT64_MAX);
}

void container_limits(const struct pod *pod, const struct container *container, int64_t capacity_bytes,
                      struct kernel_limits *out)
{
    struct container_resources said;
    container_resources(container, &said);
    *out = (struct kernel_limits){ .cpu_shares = shares_of(said.cpu_request_m) };
    set_quota(said.cpu_limit_m, out);
    if (said.memory_limit > 0)
        out->memory_bytes = said.memory_limit;
    out->oom_score_adj = oom_score(pod_qos(pod), said.memory_request, capacity_bytes);
}

enum { CPU_REQUEST, CPU_LIMIT, MEMORY_LIMIT, AMOUNTS };

static int64_t add(int64_t a, int64_t b)
{
    return b <= 0 ? a : a > INT64_MAX - b ? INT64_MAX : a + b;
}

void pod_limits(const struct pod *pod, struct kernel_limits *out)
{
    int64_t running[AMOUNTS] = { 0 }, most[AMOUNTS] = { 0 }; /* sidecars so far; the greatest need */
    bool all[AMOUNTS] = { true, true, true };
    for (size_t i = 0; i < pod_count(pod); i++) {
        struct container_resources said;
        container_resources(pod_container(pod, i), &said);
        const int64_t own[AMOUNTS] = { said.cpu_request_m, said.cpu_limit_m, said.memory_limit };
        for (size_t j = 0; j < AMOUNTS; j++) {
            int64_t here = add(running[j], own[j]);
            all[j] = all[j] && own[j] > 0;
            most[j] = here > most[j] ? here : most[j];
            if (pod_role(pod, i) != ROLE_INIT)
                running[j] = here;
        }
    }
    *out = (struct kernel_limits){ .cpu_shares = shares_of(most[CPU_REQUEST]) };
    if (all[CPU_LIMIT])
        set_quota(most[CPU_LIMIT], out);
    if (all[MEMORY_LIMIT])
        out->memory_bytes = most[MEMORY_LIMIT];
}

static int64_t sum_of(const struct pod *pod, const char *resource, int64_t (*value)(const struct container *, const char *))
{
    int64_t beside = 0, most = 0; /* sidecars so far; the greatest need */
    bool any = false;
    for (size_t i = 0; i < pod_count(pod); i++) {
        int64_t own = value(pod_container(pod, i), resource);
        if (own == POD_UNSET)
            continue;
        any = true;
        int64_t here = add(beside, own);
        if (pod_role(pod, i) != ROLE_INIT)
            beside = here;
        most = here > most ? here : most;
    }
    return any ? most : POD_UNSET;
}

int64_t pod_limit_of(const struct pod *pod, const char *resource)
{
    return sum_of(pod, resource, container_limit_of);
}

int64_t pod_request_of(const struct pod *pod, const char *resource)
{
    return sum_of(pod, resource, container_request_of);
}
