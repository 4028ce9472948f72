/* A Service as Davit honours it: the decoded fields, nothing else. Filled and freed by protocol/service_fields. */
#ifndef MODEL_SERVICE_H
#define MODEL_SERVICE_H

#include "model/pod.h"

enum service_type { SERVICE_CLUSTER_IP, SERVICE_NODE_PORT, SERVICE_LOAD_BALANCER, SERVICE_EXTERNAL_NAME };
enum service_affinity { AFFINITY_NONE, AFFINITY_CLIENT_IP };
enum service_families { FAMILIES_SINGLE, FAMILIES_PREFER_DUAL, FAMILIES_REQUIRE_DUAL };

struct service_port {
    char *name;
    int64_t protocol; /* as of a container's port */
    int64_t port;
    char *target;     /* a number, or the name of a container's port; NULL: the same as port */
    int64_t node_port; /* 0: none is asked for */
};

struct service {
    int64_t type;       /* enum service_type */
    char *cluster_ip;   /* NULL, "", "None" or an address */
    struct json *selector; /* NULL or empty: it chooses no pods */
    struct item_list ports; /* struct service_port */
    char *external_name;
    int64_t affinity;   /* enum service_affinity */
    int64_t family_policy; /* enum service_families */
    struct text_list families; /* IPv4, IPv6 */
    bool publish_not_ready;
};

#endif
