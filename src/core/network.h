/* The network of pods, as davitd decides it: addresses (kept in the store), what davit-net is to make, names, /etc/hosts
 * and resolv.conf. Deciding thread only.
 */
#ifndef CORE_NETWORK_H
#define CORE_NETWORK_H

#include <uthash.h>

#include "base/digest.h"
#include "model/object_id.h"
#include "model/pod_step.h"

#define NETWORK_TEXT_BYTES 46 /* an address of either family */
#define NETWORK_RANGE_BYTES (NETWORK_TEXT_BYTES + 4)

struct core;
struct object;
struct frame_view;
struct json;
struct store_txn;

struct network {
    bool enabled;          /* there is a davit-net */
    bool asked;            /* it was started: somebody needs it */
    bool open;             /* it is ready */
    bool names;            /* it answers for names */
    char problem[256];     /* why it is not; "" */
    char *host_address;    /* of this device; NULL: not known */
    struct json *attached; /* what davit-net had when it was opened */
    struct address *table; /* by uid */
    uint32_t base, mask;   /* of the subnet, host order */
    uint32_t last;         /* given last */
    uint32_t services;     /* how many of its upper end are for services; a power of two */
    unsigned char base6[16]; /* of subnet6 */
    bool six;              /* pods have IPv6 addresses too */
    bool names_owed;       /* a pod came or went since its names were said */
    char names_said[DIGEST_HEX_BYTES];
    bool owed;             /* what there is to keep has not been said yet */
    int64_t keep_call;     /* on its way; 0: none */
    uint64_t keep_due_ms;  /* something that is gone could not be taken away: it is said then; 0: no need */
    bool keep_told;        /* that it fails */
    struct attaching *attaching;
    uint64_t sweep_due_ms; /* an incarnation ended: its address is given back then; 0: none did */
};

void network_init(struct core *core);
void network_free(struct core *core);
/* Gives a pod that is to be its address, in the same commit. Nothing where it has one, or needs none. */
void network_assign(struct core *core, const char *uid, const struct pod *pod, struct store_txn *txn);
/* From the store, at start. */
void network_load(struct core *core, const char *uid, const char *address);

bool network_has(const struct core *core, const char *uid);
/* Borrowed texts, at most two; how many. */
size_t network_addresses(const struct core *core, const char *uid, char *out[2]);

/* ---- network_addresses.c */
/* Of the address with this number, and of the one with the same number in subnet6. */
void network_text(const struct network *network, uint32_t value, char out[NETWORK_TEXT_BYTES], char out6[NETWORK_TEXT_BYTES]);
/* The upper ends that services have, as networks. */
void network_range(const struct network *network, char out[NETWORK_RANGE_BYTES], char out6[NETWORK_RANGE_BYTES]);
/* The bridge's own. */
void network_gateways(const struct network *network, char out[NETWORK_TEXT_BYTES], char out6[NETWORK_TEXT_BYTES]);
bool network_is_given(const struct network *network, uint32_t value); /* to a pod */
/* One for a service: the wanted one where it fits (NULL: any). 0: there is none. */
uint32_t network_service_free(const struct core *core, const char *wanted);
void network_uids(const struct core *core, struct json *list); /* of all that have one */
/* What runs has the address that it was made with, also where the database was lost, or was restored from a copy. Who was
 * given it since has nothing made yet, and is given another one. `attached`: as davit-net was opened with.
 */
void network_take_over(struct core *core, const struct json *attached);
void network_forget(struct core *core, const char *uid, struct store_txn *txn);
/* Gives back what belongs to nothing any more. When to look again; 0: no need. */
uint64_t network_sweep(struct core *core);
/* `object`: waits for the answer, `calling`; NULL: nobody does, and what fails goes with the next "keep". */
void network_detach(struct core *core, struct object *object, const char *uid);
void network_addresses_free(struct network *network);

/* The view of one object for a step: NULL, it needs none of its own. */
const struct pod_network *network_view(const struct core *core, const struct object *object, const struct pod *pod);
/* POD_CONNECT and POD_DISCONNECT. object->calling until the answer. */
void network_act(struct core *core, struct object *object, const struct pod_action *action, const struct pod *pod);

/* Before an incarnation ends: what it has of a network goes first. True: it is on its way. */
bool network_leave(struct core *core, struct object *object);

/* The child. */
void network_up(struct core *core);
void network_down(struct core *core, const char *why);
void network_frame(struct core *core, const struct frame_view *frame);
/* The runtime of virtual machines tells what it has, which comes late where libvirtd is away: it is said once more. */
void network_told(struct core *core);
/* An incarnation ended: its address and its namespace are given back. */
void network_ended(struct core *core);
/* What is due: addresses of pods that are gone are given back. */
void network_settle(struct core *core);
/* Names that changed are said. */
void network_tell(struct core *core);

/* For the create document; the caller frees. NULL: as the runtime does it by itself. */
char *network_hostname(const struct object_id *id, const struct pod *pod);
char *network_namespace(const struct core *core, const char *uid, const struct pod *pod);
char *network_hosts(const struct object_id *id, const struct pod *pod, const char *hostname,
                    const struct text_list *addresses);
char *network_aliases(const struct pod *pod); /* what a pod in the host's network adds to the host's hosts file */
struct json *network_dns(const struct pod *pod); /* its dnsConfig, for resolv_merge */
char *network_resolv(const struct core *core, const struct object_id *id, const struct pod *pod);
/* A port by number or by name; 0: it has none of that name. */
int64_t network_port(const struct container *container, const char *port);

#endif
