#include "model/probe.h"

const struct probe *container_probe(const struct container *container, enum probe_kind kind)
{
    const struct probe *const probes[] = { container->startup, container->liveness, container->readiness };
    return probes[kind];
}

const char *probe_name(enum probe_kind kind)
{
    static const char *const names[] = { "Startup", "Liveness", "Readiness" };
    return names[kind];
}

/* Kubernetes: 0 stands for the default. */
static int64_t or_default(int64_t value, int64_t fallback)
{
    return value > 0 ? value : fallback;
}

uint64_t probe_timeout_ms(const struct probe *probe)
{
    return (uint64_t)or_default(probe->timeout_s, PROBE_TIMEOUT_S) * 1000;
}

static uint64_t period_ms(const struct probe *probe)
{
    return (uint64_t)or_default(probe->period_s, PROBE_PERIOD_S) * 1000;
}

static bool has_started(const struct container *container, const struct instance *instance)
{
    const struct probe_state *startup = &instance->probes[PROBE_STARTUP];
    return container->startup == NULL || (startup->known && startup->passed);
}

static uint64_t first_due_ms(const struct container *container, const struct instance *instance, enum probe_kind kind,
                             uint64_t seed)
{
    const struct probe *probe = container_probe(container, kind);
    uint64_t due = instance->seen_boot_ms;
    if (!instance->adopted)
        due += (uint64_t)probe->initial_delay_s * 1000;
    if (kind != PROBE_STARTUP && container->startup != NULL && due < instance->probes[PROBE_STARTUP].turned_boot_ms)
        due = instance->probes[PROBE_STARTUP].turned_boot_ms;
    /* Kubernetes: when it has started up, it is asked at once whether it is ready. */
    if (kind == PROBE_READINESS && container->startup != NULL)
        return due;
    return due + seed % period_ms(probe);
}

uint64_t probe_due_ms(const struct container *container, const struct instance *instance, enum probe_kind kind,
                      uint64_t seed)
{
    const struct probe_state *state = &instance->probes[kind];
    bool over = kind == PROBE_STARTUP && state->known && state->passed;
    if (container_probe(container, kind) == NULL || state->asked || over ||
        (kind != PROBE_STARTUP && !has_started(container, instance)))
        return UINT64_MAX;
    return state->due_boot_ms != 0 ? state->due_boot_ms : first_due_ms(container, instance, kind, seed);
}

void probe_begun(struct probe_state *state, const struct probe *probe, uint64_t now_boot_ms)
{
    state->asked = true;
    state->due_boot_ms = now_boot_ms + period_ms(probe);
}

bool probe_answered(struct probe_state *state, const struct probe *probe, bool passed, uint64_t now_boot_ms,
                    uint64_t now_wall_ms)
{
    int64_t wanted = passed ? or_default(probe->success_threshold, 1) : or_default(probe->failure_threshold, PROBE_FAILURES);
    state->asked = false;
    state->successes = passed ? state->successes + 1 : 0;
    state->failures = passed ? 0 : state->failures + 1;
    if ((passed ? state->successes : state->failures) < wanted || (state->known && state->passed == passed))
        return false;
    state->known = true;
    state->passed = passed;
    state->turned_boot_ms = now_boot_ms;
    state->turned_ms = now_wall_ms;
    return true;
}

bool container_is_started(const struct container *container, const struct instance *instance)
{
    if (instance->state != INSTANCE_RUNNING || instance->post_start == HOOK_RUNS || instance->post_start == HOOK_FAILED)
        return false;
    bool waits_for_hook = container->lifecycle != NULL && container->lifecycle->post_start != NULL &&
                          instance->post_start == HOOK_NONE && !instance->adopted;
    bool unasked = instance->adopted && !instance->probes[PROBE_STARTUP].known;
    return !waits_for_hook && (unasked || has_started(container, instance));
}

bool container_is_ready(const struct container *container, const struct instance *instance)
{
    const struct probe_state *readiness = &instance->probes[PROBE_READINESS];
    if (!container_is_started(container, instance))
        return false;
    return container->readiness == NULL || (readiness->known ? readiness->passed : instance->adopted);
}

static bool has_failed(const struct instance *instance, enum probe_kind kind)
{
    return instance->probes[kind].known && !instance->probes[kind].passed;
}

const char *container_must_end(const struct container *container, const struct instance *instance)
{
    if (instance->state != INSTANCE_RUNNING)
        return NULL;
    if (instance->post_start == HOOK_FAILED)
        return "failed postStart hook";
    if (container->startup != NULL && has_failed(instance, PROBE_STARTUP))
        return "failed startup probe, will be restarted";
    if (container->liveness != NULL && has_failed(instance, PROBE_LIVENESS))
        return "failed liveness probe, will be restarted";
    return NULL;
}

uint64_t container_end_grace_ms(const struct container *container, const struct instance *instance)
{
    const struct probe *probe = has_failed(instance, PROBE_STARTUP)    ? container->startup
                                : has_failed(instance, PROBE_LIVENESS) ? container->liveness
                                                                       : NULL;
    if (probe != NULL && probe->grace_s != POD_UNSET)
        return (uint64_t)probe->grace_s * 1000;
    return instance->grace_ms;
}
