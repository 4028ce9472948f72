/* What a Service means on this device: which pods answer for it, under which names, and what is told of it. Pure. */
#ifndef PROTOCOL_SERVICE_H
#define PROTOCOL_SERVICE_H

#include "base/json.h"
#include "model/object_id.h"
#include "model/service.h"
#include "protocol/fields.h"

bool service_is_headless(const struct service *service);
bool service_wants_address(const struct service *service); /* one of its own */
/* Whether it speaks IPv4 and IPv6, where pods have IPv6 too (`six`). */
void service_families(const struct service *service, bool six, bool *v4, bool *v6);

/* A pod of the device, as far as services look at it. */
struct service_pod {
    const struct object_id *id;
    const struct pod *pod;   /* its labels are with it */
    bool ready;
    bool over;               /* it will not run again, or is on its way out */
    const char *addresses[2]; /* IPv4, IPv6; NULL: none yet */
};

/* {"endpoints":[{"pod","addresses":[],"ready","hostname","ports":[{"name","protocol","port"}]}],"matched","ready"}: the pods
 * that its selector chooses, in the order given. Those that are not ready are in it too, and said so; `serving` tells which
 * of them get connections. The caller frees.
 */
struct json *service_endpoints(const struct service *service, const char *namespace, const struct service_pod *pods,
                               size_t count, bool six);
bool service_serves(const struct service *service, const struct json *endpoint);

/* What davit-net is to know of it: docs/wire.md, `services`. Appends one for each port. `given`: {"addresses":[],
 * "ports":{"TCP/80":30080},"taken":{"TCP/443":"pod default/web"}}: its addresses, its node ports, the host ports that others hold.
 */
void service_add_rules(const struct object_id *id, const struct service *service, const struct json *endpoints,
                       const struct json *given, struct json *out);
/* {"name","addresses"} for each name that leads to it, or to a pod by it. */
void service_add_records(const struct object_id *id, const struct service *service, const struct json *endpoints,
                         const struct json *given, struct json *out);

/* The host ports that it takes, its own (LoadBalancer) and node ports, as keys: {"TCP/80":true}. */
void service_host_ports(const struct service *service, const struct json *given, struct json *out);

struct refusal;

struct service_report {
    const struct object_id *id;
    int64_t generation;
    const char *source;
    uint64_t created_ms;
    const struct service *service;
    const struct json *given;     /* NULL: nothing yet */
    const struct json *endpoints;
    const char *host_address;     /* NULL: not known */
    const char *problem, *message; /* what stands in the way, NULL: nothing */
    const struct ignored_fields *ignored;
    const struct refusal *refusal; /* of a newer document; NULL: none was */
};

struct json *service_state_write(const struct service_report *report);  /* flat; the caller frees */
struct json *service_status_write(const struct service_report *report); /* Kubernetes' shape; the caller frees */

#endif
