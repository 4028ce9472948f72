#include "core/network.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "base/log.h"
#include "base/memory.h"
#include "core/policy.h"
#include "core/core.h"
#include "davit/limits.h"
#include "model/restart.h"

#define NETWORK_RETRY_MS 5000u
#define FRESH_MS 60000u      /* a commit that names it may still be on its way */
#define RESERVED 256u        /* the upper end of the subnet is for services */

struct address {
    char uid[POD_UID_BYTES];
    char text[INET_ADDRSTRLEN];
    uint64_t given_boot_ms;
    bool used; /* while sweeping */
    UT_hash_handle hh;
};

/* A question to davit-net on its way. */
struct attaching {
    int64_t id;
    struct object *object; /* NULL: nobody waits */
    char uid[POD_UID_BYTES];
    bool detach;
    struct attaching *next;
};

static struct address *find(const struct core *core, const char *uid)
{
    struct address *address = NULL;
    HASH_FIND_STR(core->network.table, uid, address);
    return address;
}

/* "10.213.0.0/16"; checked by config_finish. */
static void read_subnet(struct network *network, const char *subnet)
{
    char text[INET_ADDRSTRLEN] = "";
    const char *slash = strchr(subnet, '/');
    struct in_addr address = { 0 };
    snprintf(text, sizeof(text), "%.*s", slash != NULL ? (int)(slash - subnet) : 0, subnet);
    inet_pton(AF_INET, text, &address);
    unsigned bits = slash != NULL ? (unsigned)strtoul(slash + 1, NULL, 10) : 16;
    network->mask = bits == 0 || bits > 30 ? 0xffff0000u : 0xffffffffu << (32 - bits);
    network->base = ntohl(address.s_addr) & network->mask;
    network->last = network->base + 1; /* the bridge's own */
}

void network_init(struct core *core)
{
    core->network.enabled = core->env->to_net != NULL && core->config->network.enabled;
    read_subnet(&core->network, core->config->network.subnet);
}

void network_free(struct core *core)
{
    struct address *address, *next;
    HASH_ITER(hh, core->network.table, address, next) {
        HASH_DEL(core->network.table, address);
        free(address);
    }
    while (core->network.attaching != NULL) {
        struct attaching *one = core->network.attaching;
        LL_DELETE(core->network.attaching, one);
        free(one);
    }
    free(core->network.host_address);
    json_free(core->network.attached);
}

static bool is_given(const struct core *core, uint32_t value)
{
    char text[INET_ADDRSTRLEN];
    struct in_addr in = { .s_addr = htonl(value) };
    inet_ntop(AF_INET, &in, text, sizeof(text));
    for (const struct address *address = core->network.table; address != NULL; address = address->hh.next)
        if (strcmp(address->text, text) == 0)
            return true;
    return false;
}

/* The next one in the row: an address that was just given back is not given again at once. 0: there is none. */
static uint32_t next_free(struct core *core)
{
    struct network *network = &core->network;
    uint32_t size = ~network->mask;
    uint32_t end = network->base + (size > 4 * RESERVED ? size - RESERVED : size);
    for (uint32_t tried = 0; tried < size; tried++) {
        network->last = network->last + 1 >= end ? network->base + 2 : network->last + 1;
        if (!is_given(core, network->last))
            return network->last;
    }
    return 0;
}

static struct address *give(struct core *core, const char *uid, const char *text)
{
    struct address *address = mem_alloc(sizeof(*address));
    snprintf(address->uid, sizeof(address->uid), "%s", uid);
    snprintf(address->text, sizeof(address->text), "%s", text);
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
    if ((value & core->network.mask) == core->network.base && value > core->network.last)
        core->network.last = value;
    give(core, uid, address);
}

void network_assign(struct core *core, const char *uid, const struct pod *pod, struct store_txn *txn)
{
    char text[INET_ADDRSTRLEN];
    if (!core->network.enabled || pod == NULL || pod->host_network || find(core, uid) != NULL)
        return;
    struct in_addr in = { .s_addr = htonl(next_free(core)) };
    if (in.s_addr == 0)
        return; /* network_act says so */
    inet_ntop(AF_INET, &in, text, sizeof(text));
    give(core, uid, text);
    store_put_address(txn, uid, text);
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
    return 1;
}

const struct pod_network *network_view(const struct core *core, const struct object *object, const struct pod *pod)
{
    return core->network.enabled && pod != NULL && !pod->host_network ? &object->network : NULL;
}

/* ---- questions */

static void add_ports(const struct pod *pod, struct json *list)
{
    static const char *const protocols[] = { "TCP", "UDP", "SCTP" };
    for (size_t i = 0; i < pod_count(pod); i++) {
        const struct container *container = pod_container(pod, i);
        const struct container_port *ports = container->ports.items;
        for (size_t j = 0; j < container->ports.count; j++) {
            if (ports[j].host_port == 0)
                continue;
            struct json *port = json_add_object(list);
            json_set_text(port, "protocol", protocols[ports[j].protocol]);
            json_set_text(port, "hostIP", ports[j].host_ip != NULL ? ports[j].host_ip : "");
            json_set_integer(port, "hostPort", ports[j].host_port);
            json_set_integer(port, "port", ports[j].port);
        }
    }
}

/* Names of CNI networks: annotation davit/network, with commas between. */
static void add_networks(const struct pod *pod, struct json *list)
{
    const char *said = json_get_text(pod->annotations, "davit/network");
    AUTO_FREE char *copy = mem_strdup(said != NULL ? said : "");
    char *rest = copy;
    for (char *word; (word = strsep(&rest, ", \t")) != NULL;)
        if (word[0] != '\0')
            json_add_text(list, word);
}

static struct json *attach_head(const struct core *core, const char *uid, const struct pod *pod)
{
    char *addresses[2];
    size_t count = network_addresses(core, uid, addresses);
    struct json *head = json_new_texts("op", "attach", "uid", uid, NULL);
    struct json *list = json_set_array(head, "addresses");
    for (size_t i = 0; i < count; i++)
        json_add_text(list, addresses[i]);
    add_ports(pod, json_set_array(head, "hostPorts"));
    add_networks(pod, json_set_array(head, "networks"));
    struct json *users = policy_users(core->config, pod);
    if (users != NULL)
        json_set(head, "users", users);
    return head;
}

static void send_question(struct core *core, struct object *object, const char *uid, bool detach, struct json *head)
{
    struct attaching *one = mem_alloc(sizeof(*one));
    one->id = ++core->runtime.last_call;
    one->object = object;
    one->detach = detach;
    snprintf(one->uid, sizeof(one->uid), "%s", uid);
    LL_PREPEND(core->network.attaching, one);
    json_set_integer(head, "id", one->id);
    core->env->to_net(core->env->ctx, head);
}

static void failed(struct core *core, struct object *object, const char *reason, const char *message)
{
    struct pod_network *network = &object->network;
    bool again = network->state == NETWORK_FAILED && strcmp(network->message, message) == 0;
    network->state = NETWORK_FAILED;
    network->retry_boot_ms = core_boot_ms(core) + NETWORK_RETRY_MS;
    snprintf(network->reason, sizeof(network->reason), "%s", reason);
    snprintf(network->message, sizeof(network->message), "%s", message);
    if (!again)
        core_event(core, object, true, "FailedCreatePodSandBox", "Failed to create pod sandbox: %s: %.300s", reason, message);
}

void network_act(struct core *core, struct object *object, const struct pod_action *action, const struct pod *pod)
{
    bool detach = action->kind == POD_DISCONNECT;
    struct run *run = object_run(object, action->uid);
    if (!core->network.asked)
        network_up(core);
    if (!core->network.open || core->network.owed) {
        const char *why = core->network.problem;
        if (why[0] == '\0') /* it is on its way, and touches everyone when it is there */
            return;
        if (!detach)
            failed(core, object, "NetworkNotReady", why);
        else if (run != NULL)
            run->retry_boot_ms = core_boot_ms(core) + NETWORK_RETRY_MS;
        core_touch(core, object);
        return;
    }
    if (!detach && find(core, action->uid) == NULL) {
        struct store_txn *txn = store_begin(core->store);
        network_assign(core, action->uid, pod, txn);
        store_commit(txn, NULL, NULL);
    }
    if (!detach && find(core, action->uid) == NULL) {
        failed(core, object, "NoAddress", "every address of [network] subnet= is given");
        core_touch(core, object);
        return;
    }
    object->calling = true;
    send_question(core, object, action->uid, detach,
                  detach ? json_new_texts("op", "detach", "uid", action->uid, NULL)
                         : attach_head(core, action->uid, pod));
}

/* ---- the child */

void network_up(struct core *core)
{
    const struct network_config *config = &core->config->network;
    struct json *head = json_new_texts("op", "open", "bridge", config->bridge, "subnet", config->subnet, "cniDir",
                                       config->cni_dir, NULL);
    core->network.asked = true;
    AUTO_FREE char *folder = mem_printf("%s/netns", core->config->run_dir);
    json_set_text(head, "netnsDir", folder);
    AUTO_FREE char *users = mem_printf("%s/userns", core->config->run_dir);
    json_set_text(head, "usernsDir", users);
    core->env->to_net(core->env->ctx, head);
}

void network_down(struct core *core, const char *why)
{
    struct network *network = &core->network;
    network->open = false;
    core_touch_all(core);
    if (network->problem[0] == '\0')
        snprintf(network->problem, sizeof(network->problem), "davit-net ended: %.200s", why);
    while (network->attaching != NULL) {
        struct attaching *one = network->attaching;
        LL_DELETE(network->attaching, one);
        if (one->object != NULL) {
            one->object->calling = false;
            core_touch(core, one->object);
        }
        free(one);
    }
    core->node_dirty = true;
}

static struct run *run_of(const struct core *core, const char *uid)
{
    struct run *run = NULL;
    for (const struct object *object = core->objects.table; object != NULL && run == NULL; object = object->hh.next)
        run = object_run(object, uid);
    return run;
}

static void give_back(struct core *core, struct address *address, struct store_txn *txn)
{
    store_delete_address(txn, address->uid);
    HASH_DEL(core->network.table, address);
    free(address);
}

/* What runs has the address that it was made with, also where the database was lost, or was restored from a copy. Who was given
 * it since has nothing made yet, and is given another one.
 */
static void take_over(struct core *core)
{
    struct store_txn *txn = store_begin(core->store);
    JSON_EACH(pod, core->network.attached) {
        const char *uid = json_get_text(pod, "uid"), *text = json_text(json_first(json_get(pod, "addresses")));
        struct in_addr in;
        struct run *run = uid != NULL ? run_of(core, uid) : NULL;
        if (run == NULL || text == NULL || inet_pton(AF_INET, text, &in) != 1)
            continue;
        run->connected = true;
        struct address *own = find(core, uid), *other, *next;
        if (own != NULL && strcmp(own->text, text) == 0)
            continue;
        if (own != NULL)
            give_back(core, own, txn);
        HASH_ITER(hh, core->network.table, other, next)
            if (strcmp(other->text, text) == 0)
                give_back(core, other, txn);
        network_load(core, uid, text);
        store_put_address(txn, uid, text);
    }
    store_commit(txn, NULL, NULL);
}

/* What lives keeps its network, whatever was lost on the way: everything is said once more. */
static void say_everything(struct core *core)
{
    take_over(core);
    struct json *keep = json_new_texts("op", "keep", NULL);
    struct json *uids = json_set_array(keep, "uids");
    struct address *address, *next;
    HASH_ITER(hh, core->network.table, address, next)
        json_add_text(uids, address->uid);
    json_set_integer(keep, "id", 0);
    core->env->to_net(core->env->ctx, keep);
    for (struct object *object = core->objects.table; object != NULL; object = object->hh.next) {
        const struct run *run = object_run(object, object->uid);
        const struct pod *pod = object_wanted(object);
        if (run == NULL || run->count == 0 || network_view(core, object, pod) == NULL || !network_has(core, object->uid))
            continue;
        send_question(core, NULL, object->uid, false, attach_head(core, object->uid, pod));
    }
}

static void opened(struct core *core, const struct json *head)
{
    struct network *network = &core->network;
    network->open = json_get_boolean(head, "ok", false);
    network->names = json_get_boolean(head, "names", false);
    const char *address = json_get_text(head, "hostAddress");
    if (address != NULL) {
        free(network->host_address);
        network->host_address = mem_strdup(address);
    }
    network->problem[0] = '\0';
    if (!network->open) {
        const char *message = json_get_text(head, "message");
        snprintf(network->problem, sizeof(network->problem), "%.250s", message != NULL ? message : "it did not say why");
        log_error("no network for pods: %s", network->problem);
    }
    network->owed = network->names_owed = network->open;
    json_free(network->attached);
    network->attached = json_copy(json_get(head, "pods"));
    core->node_dirty = true;
    core_touch_all(core);
}

static void detached(struct core *core, struct object *object, struct run *run, bool good)
{
    run->connected = !good;
    if (!good)
        run->retry_boot_ms = core_boot_ms(core) + NETWORK_RETRY_MS;
    else if (run->count == 0 && !run->shared)
        object_run_remove(object, run);
    network_ended(core);
}

static void attached(struct core *core, struct object *object, const char *uid, bool good, const struct json *head)
{
    const char *reason = json_get_text(head, "reason"), *message = json_get_text(head, "message");
    bool is_wanted = strcmp(object->uid, uid) == 0; /* else another incarnation is by now */
    if (good) {
        object_run_make(object, uid)->connected = true;
        core->network.names_owed = true;
    }
    if (good && is_wanted)
        object->network.state = NETWORK_READY;
    else if (is_wanted)
        failed(core, object, reason != NULL ? reason : "NetworkError", message != NULL ? message : "");
}

static void answered(struct core *core, const struct attaching *one, const struct json *head)
{
    bool good = json_get_boolean(head, "ok", false);
    struct object *object = one->object;
    if (object == NULL) {
        const char *message = json_get_text(head, "message");
        if (!good)
            log_warn("the network of pod %s: %s", one->uid, message != NULL ? message : "it failed");
        return;
    }
    object->calling = false;
    struct run *run = object_run(object, one->uid);
    if (!one->detach)
        attached(core, object, one->uid, good, head);
    else if (run != NULL)
        detached(core, object, run, good);
    core_touch(core, object);
}

void network_frame(struct core *core, const struct frame_view *frame)
{
    const char *op = json_get_text(frame->head, "op");
    struct attaching *one;
    if (op != NULL && strcmp(op, "opened") == 0) {
        opened(core, frame->head);
        return;
    }
    int64_t id = json_get_integer(frame->head, "id", 0);
    LL_SEARCH_SCALAR(core->network.attaching, one, id, id);
    if (one == NULL)
        return;
    LL_DELETE(core->network.attaching, one);
    answered(core, one, frame->head);
    free(one);
}

/* Every pod that has an address, by the name that Kubernetes' search list leads to. */
static void say_names(struct core *core)
{
    struct json *head = json_new_texts("op", "names", NULL);
    struct json *records = json_set_array(head, "records");
    for (const struct object *object = core->objects.table; object != NULL; object = object->hh.next) {
        const struct pod *pod = object_wanted(object);
        char *addresses[2];
        size_t count = network_view(core, object, pod) != NULL ? network_addresses(core, object->uid, addresses) : 0;
        if (count == 0 || object->network.state != NETWORK_READY)
            continue;
        struct json *record = json_add_object(records), *list = json_set_array(record, "addresses");
        AUTO_FREE char *name = mem_printf("%s.%s.svc.cluster.local", object->id.name, object->id.namespace);
        json_set_text(record, "name", name);
        for (size_t i = 0; i < count; i++)
            json_add_text(list, addresses[i]);
    }
    json_set_integer(head, "id", 0);
    core->env->to_net(core->env->ctx, head);
}

/* ---- giving back */

static void mark(struct core *core, const char *uid)
{
    struct address *address = find(core, uid);
    if (address != NULL)
        address->used = true;
}

static void sweep(struct core *core)
{
    struct address *address, *next;
    struct store_txn *txn = NULL;
    for (struct object *object = core->objects.table; object != NULL; object = object->hh.next) {
        mark(core, object->uid);
        for (const struct run *run = object->runs; run != NULL; run = run->next)
            mark(core, run->uid);
    }
    HASH_ITER(hh, core->network.table, address, next) {
        bool keep = address->used || core_boot_ms(core) < address->given_boot_ms + FRESH_MS;
        address->used = false;
        if (keep)
            continue;
        txn = txn != NULL ? txn : store_begin(core->store);
        store_delete_address(txn, address->uid);
        core->env->to_net(core->env->ctx, json_new_texts("op", "detach", "uid", address->uid, NULL));
        HASH_DEL(core->network.table, address);
        free(address);
    }
    if (txn != NULL)
        store_commit(txn, NULL, NULL);
}

void network_ended(struct core *core)
{
    core->network.sweep_due_ms = core_boot_ms(core) + FRESH_MS;
    core->network.names_owed = true;
}

void network_settle(struct core *core)
{
    struct network *network = &core->network;
    if (network->enabled && !network->asked && network->table != NULL)
        network_up(core); /* pods of an earlier life have addresses */
    if (!network->enabled || !network->open || !core->runtime.listed)
        return;
    if (network->owed) {
        network->owed = false;
        say_everything(core);
        core_touch_all(core);
    }
    if (network->names_owed) {
        network->names_owed = false;
        say_names(core);
    }
    if (network->sweep_due_ms == 0)
        return;
    if (core_boot_ms(core) < network->sweep_due_ms) {
        core_wake_at(core, network->sweep_due_ms);
        return;
    }
    network->sweep_due_ms = 0;
    sweep(core);
}
