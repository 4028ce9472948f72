/* Which pod has which address: given in the commit that makes an incarnation, kept in the store, given back when nothing is
 * left of it. An IPv6 address follows from the IPv4 one: the same number in the other subnet.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "core/core.h"
#include "core/runtime.h"
#include "core/services.h"

#define COMMIT_MS 60000u /* an address whose commit never came is given back after that */
#define SERVICES_MAX 256u

struct address {
    char uid[POD_UID_BYTES];
    uint32_t value; /* host order */
    char text[NETWORK_TEXT_BYTES];
    char text6[NETWORK_TEXT_BYTES];
    uint64_t given_boot_ms;
    bool pending; /* the commit that names it is on its way */
    bool used;    /* while sweeping */
    UT_hash_handle hh;
};

static struct address *find(const struct core *core, const char *uid)
{
    struct address *address = NULL;
    HASH_FIND_STR(core->network.table, uid, address);
    return address;
}

/* Of "10.213.0.0/16": the address and the bits. Checked by config_finish. */
static unsigned split(const char *subnet, int family, void *out)
{
    AUTO_FREE char *text = mem_printf("%.*s", (int)strcspn(subnet, "/"), subnet);
    const char *slash = strchr(subnet, '/');
    inet_pton(family, text, out);
    return slash != NULL ? (unsigned)strtoul(slash + 1, NULL, 10) : 0;
}

static void read_subnets(struct network *network, const struct network_config *config)
{
    struct in_addr address = { 0 };
    unsigned bits = split(config->subnet, AF_INET, &address);
    network->mask = bits == 0 || bits > 30 ? 0xffff0000u : 0xffffffffu << (32 - bits);
    network->base = ntohl(address.s_addr) & network->mask;
    network->last = network->base + 1; /* the bridge's own */
    uint32_t size = ~network->mask + 1;
    network->services = size / 4 < SERVICES_MAX ? size / 4 : SERVICES_MAX;
    if (config->subnet6 != NULL && config->subnet6[0] != '\0')
        split(config->subnet6, AF_INET6, network->base6);
}

static uint32_t first_service(const struct network *network)
{
    return network->base + (~network->mask + 1) - network->services;
}

void network_text(const struct network *network, uint32_t value, char out[NETWORK_TEXT_BYTES], char out6[NETWORK_TEXT_BYTES])
{
    struct in_addr in = { .s_addr = htonl(value) };
    unsigned char in6[sizeof(network->base6)];
    uint32_t number = value - network->base;
    memcpy(in6, network->base6, sizeof(in6));
    for (size_t i = 0; i < 4; i++)
        in6[15 - i] |= (uint8_t)(number >> (8 * i));
    inet_ntop(AF_INET, &in, out, INET_ADDRSTRLEN);
    inet_ntop(AF_INET6, in6, out6, NETWORK_TEXT_BYTES);
}

void network_range(const struct network *network, char out[NETWORK_RANGE_BYTES], char out6[NETWORK_RANGE_BYTES])
{
    char text[NETWORK_TEXT_BYTES], text6[NETWORK_TEXT_BYTES];
    int bits = __builtin_ctz(network->services); /* a power of two */
    network_text(network, first_service(network), text, text6);
    snprintf(out, NETWORK_RANGE_BYTES, "%s/%d", text, 32 - bits);
    snprintf(out6, NETWORK_RANGE_BYTES, "%s/%d", text6, 128 - bits);
}

void network_gateways(const struct network *network, char out[NETWORK_TEXT_BYTES], char out6[NETWORK_TEXT_BYTES])
{
    network_text(network, network->base + 1, out, out6);
}

void network_init(struct core *core)
{
    core->network.enabled = core->env->to_net != NULL && core->config->network.enabled;
    read_subnets(&core->network, &core->config->network);
}

void network_addresses_free(struct network *network)
{
    struct address *address, *next;
    HASH_ITER(hh, network->table, address, next) {
        HASH_DEL(network->table, address);
        free(address);
    }
}

bool network_is_given(const struct network *network, uint32_t value)
{
    for (const struct address *address = network->table; address != NULL; address = address->hh.next)
        if (address->value == value)
            return true;
    return false;
}

/* The next one in the row: an address that was just given back is not given again at once. 0: there is none. */
static uint32_t next_free(struct network *network)
{
    uint32_t end = first_service(network);
    for (uint32_t tried = 0; tried < ~network->mask; tried++) {
        network->last = network->last + 1 >= end ? network->base + 2 : network->last + 1;
        if (!network_is_given(network, network->last))
            return network->last;
    }
    return 0;
}

/* The last one of the subnet is its broadcast address. */
uint32_t network_service_free(const struct core *core, const char *wanted)
{
    const struct network *network = &core->network;
    uint32_t first = first_service(network), last = first + network->services - 2;
    struct in_addr in;
    uint32_t value = wanted != NULL && inet_pton(AF_INET, wanted, &in) == 1 ? ntohl(in.s_addr) : 0;
    if (value >= first && value <= last && !network_is_given(network, value) && !services_has(core, value))
        return value;
    for (value = first; value <= last; value++)
        if (!network_is_given(network, value) && !services_has(core, value))
            return value;
    return 0;
}

static struct address *give(struct core *core, const char *uid, uint32_t value)
{
    struct address *address = mem_alloc(sizeof(*address));
    snprintf(address->uid, sizeof(address->uid), "%s", uid);
    address->value = value;
    network_text(&core->network, value, address->text, address->text6);
    address->given_boot_ms = core_boot_ms(core);
    HASH_ADD_STR(core->network.table, uid, address);
    return address;
}

void network_load(struct core *core, const char *uid, const char *address)
{
    struct in_addr in;
    if (inet_pton(AF_INET, address, &in) != 1 || strlen(uid) >= POD_UID_BYTES)
        return;
    uint32_t value = ntohl(in.s_addr);
    if ((value & core->network.mask) == core->network.base && value > core->network.last && value < first_service(&core->network))
        core->network.last = value;
    give(core, uid, value);
}

void network_assign(struct core *core, const char *uid, const struct pod *pod, struct store_txn *txn)
{
    if (!core->network.enabled || pod == NULL || pod->host_network || find(core, uid) != NULL)
        return;
    uint32_t value = next_free(&core->network);
    if (value == 0)
        return; /* network_act says so */
    struct address *address = give(core, uid, value);
    address->pending = true;
    store_put_address(txn, uid, address->text);
}

bool network_has(const struct core *core, const char *uid)
{
    return find(core, uid) != NULL;
}

size_t network_addresses(const struct core *core, const char *uid, char *out[2])
{
    struct address *address = find(core, uid);
    if (address == NULL)
        return 0;
    out[0] = address->text;
    out[1] = address->text6;
    return core->network.six ? 2 : 1;
}

void network_uids(const struct core *core, struct json *list)
{
    for (const struct address *address = core->network.table; address != NULL; address = address->hh.next)
        json_add_text(list, address->uid);
}

/* ---- giving back */

void network_forget(struct core *core, const char *uid, struct store_txn *txn)
{
    struct address *address = find(core, uid);
    if (address == NULL)
        return;
    store_delete_address(txn, uid);
    HASH_DEL(core->network.table, address);
    free(address);
}

static void mark(struct core *core, const char *uid)
{
    struct address *address = find(core, uid);
    if (address == NULL)
        return;
    address->used = true;
    address->pending = false;
}

uint64_t network_sweep(struct core *core)
{
    struct address *address, *next;
    struct store_txn *txn = NULL;
    uint64_t again = 0;
    for (struct object *object = core->objects.table; object != NULL; object = object->hh.next) {
        mark(core, object->uid);
        for (const struct run *run = object->runs; run != NULL; run = run->next)
            mark(core, run->uid);
    }
    HASH_ITER(hh, core->network.table, address, next) {
        uint64_t due = address->given_boot_ms + COMMIT_MS;
        bool keep = address->used, waits = address->pending && core_boot_ms(core) < due;
        address->used = false;
        if (!keep && waits)
            again = again == 0 || due < again ? due : again;
        if (keep || waits)
            continue;
        txn = txn != NULL ? txn : store_begin(core->store);
        network_detach(core, NULL, address->uid);
        network_forget(core, address->uid, txn);
    }
    if (txn != NULL)
        store_commit(txn, NULL, NULL);
    return again;
}

void network_ended(struct core *core)
{
    core->network.sweep_due_ms = core_boot_ms(core);
    core->network.names_owed = true;
}

/* ---- what is attached already */

void network_told(struct core *core)
{
    core->network.owed = core->network.open;
}

static struct run *run_of(const struct core *core, const char *uid)
{
    struct run *run = NULL;
    for (const struct object *object = core->objects.table; object != NULL && run == NULL; object = object->hh.next)
        run = object_run(object, uid);
    return run;
}

static void take_back(struct core *core, uint32_t value, struct store_txn *txn)
{
    struct address *address, *next;
    HASH_ITER(hh, core->network.table, address, next)
        if (address->value == value)
            network_forget(core, address->uid, txn);
}

void network_take_over(struct core *core, const struct json *attached)
{
    struct store_txn *txn = store_begin(core->store);
    JSON_EACH(pod, attached) {
        const char *uid = json_get_text(pod, "uid"), *text = json_text(json_first(json_get(pod, "addresses")));
        struct run *run = uid != NULL ? run_of(core, uid) : NULL;
        struct in_addr in;
        if ((run == NULL && (uid == NULL || runtime_all_listed(core))) || text == NULL || inet_pton(AF_INET, text, &in) != 1)
            continue;
        if (run != NULL)
            run->connected = true;
        else /* a machine's, perhaps, of which is not told yet: else it goes then */
            network_ended(core);
        const struct address *own = find(core, uid);
        if (own != NULL && own->value == ntohl(in.s_addr))
            continue;
        network_forget(core, uid, txn);
        take_back(core, ntohl(in.s_addr), txn);
        network_load(core, uid, text);
        store_put_address(txn, uid, text);
    }
    store_commit(txn, NULL, NULL);
}
