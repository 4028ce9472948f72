#include "config.h"

#include "cli/explain_words.h"

#include <string.h>

#include "base/memory.h"

static const struct explain_word *const LISTS[] = {EXPLAIN_PODS, EXPLAIN_KINDS, EXPLAIN_MACHINES};

/* Of docs/kubernetes.md: what a node lists in the condition IgnoredFields. A parent may stand for several kinds. */
static const struct explain_word NOT_HONOURED[] = {
    {"pods:spec", "affinity schedulerName schedulingGates topologySpreadConstraints nodeName priority "
                  "priorityClassName preemptionPolicy serviceAccount serviceAccountName automountServiceAccountToken "
                  "enableServiceLinks ephemeralContainers overhead readinessGates runtimeClassName resourceClaims"},
    {"pods:containers", "resizePolicy"},
    {"pods:resources", "claims"},
    {"pods:valueFrom", "fileKeyRef"},
    {"pods:securityContext", "seLinuxOptions windowsOptions"},
    {"pods:sources", "serviceAccountToken clusterTrustBundle podCertificate"},
    {"daemonsets:rollingUpdate", "maxSurge"},
    {"deployments:rollingUpdate", "maxSurge"},
    {"jobs:spec", "podFailurePolicy successPolicy backoffLimitPerIndex maxFailedIndexes podReplacementPolicy selector "
                  "manualSelector managedBy"},
    {"services:spec", "clusterIPs externalIPs externalTrafficPolicy internalTrafficPolicy healthCheckNodePort "
                      "allocateLoadBalancerNodePorts loadBalancerClass loadBalancerIP loadBalancerSourceRanges "
                      "sessionAffinityConfig trafficDistribution"},
    {"services:ports", "appProtocol"},
    {"persistentvolumeclaims:spec", "volumeName storageClassName selector dataSource dataSourceRef "
                                    "volumeAttributesClassName"},
    {NULL, NULL},
};

static const char *find(const struct explain_word *list, const char *field)
{
    for (; list->field != NULL; list++)
        if (strcmp(list->field, field) == 0)
            return list->text;
    return NULL;
}

static const char *find_anywhere(const char *field)
{
    const char *text = NULL;
    for (size_t i = 0; text == NULL && i < sizeof(LISTS) / sizeof(LISTS[0]); i++)
        text = find(LISTS[i], field);
    return text;
}

const char *explain_text(const char *resource, const char *parent, const char *name)
{
    const char *kind = strcmp(resource, "virtualmachineinstances") == 0 ? "virtualmachines" : resource;
    AUTO_FREE char *whole = mem_printf("%s:%s.%s", kind, parent, name);
    const char *text = find_anywhere(whole);
    if (text == NULL)
        text = find_anywhere(strchr(whole, ':') + 1);
    return text != NULL ? text : find_anywhere(name);
}

const char *explain_not_honoured(const char *resource, const char *parent)
{
    AUTO_FREE char *field = mem_printf("%s:%s", resource, parent);
    return find(NOT_HONOURED, field);
}
