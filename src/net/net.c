#include "config.h"

#include "net/net.h"

#include <arpa/inet.h>
#include <string.h>

struct net_pod *net_pod(const struct net *net, const char *uid)
{
    struct net_pod *pod = net->pods;
    while (pod != NULL && strcmp(pod->uid, uid) != 0)
        pod = pod->next;
    return pod;
}

void net_gateway(const struct net *net, bool v6, char out[INET6_ADDRSTRLEN])
{
    struct in_addr address = { .s_addr = htonl(net->base + 1) };
    struct in6_addr address6 = net->base6;
    address6.s6_addr[15] |= 1;
    inet_ntop(v6 ? AF_INET6 : AF_INET, v6 ? (void *)&address6 : (void *)&address, out, INET6_ADDRSTRLEN);
}

const char *net_pod_address(const struct net_pod *pod, bool v6)
{
    JSON_EACH(address, json_get(pod->attached, "addresses"))
        if (json_text(address) != NULL && (strchr(json_text(address), ':') != NULL) == v6)
            return json_text(address);
    return NULL;
}

const struct json *net_pod_vm(const struct net_pod *pod)
{
    return json_get(pod->attached, "vm");
}
