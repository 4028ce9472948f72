#include "core/network.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "base/log.h"
#include "base/memory.h"
#include "core/core.h"
#include "core/create_vm.h"
#include "core/policy.h"
#include "core/runtime.h"
#include "davit/limits.h"
#include "model/restart.h"

#define NETWORK_RETRY_MS 5000u
#define NAMES_A_FRAME 500

/* A question to davit-net on its way. */
struct attaching {
    int64_t id;
    struct object *object; /* NULL: nobody waits */
    char uid[POD_UID_BYTES];
    bool detach;
    struct attaching *next;
};

void network_free(struct core *core)
{
    network_addresses_free(&core->network);
    while (core->network.attaching != NULL) {
        struct attaching *one = core->network.attaching;
        LL_DELETE(core->network.attaching, one);
        free(one);
    }
    free(core->network.host_address);
    json_free(core->network.attached);
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

/* Names of CNI networks: annotation davit/network, with commas between; "plant@eth1" names the interface too, as Multus
 * does. Else they are net1, net2 …
 */
static void add_networks(const struct pod *pod, struct json *list)
{
    const char *said = json_get_text(pod->annotations, "davit/network");
    AUTO_FREE char *copy = mem_strdup(said != NULL ? said : "");
    char *rest = copy;
    int number = 0;
    for (char *word; (word = strsep(&rest, ", \t")) != NULL;) {
        if (word[0] == '\0')
            continue;
        number++;
        char *interface = strchr(word, '@');
        if (interface != NULL)
            *interface++ = '\0';
        AUTO_FREE char *name = interface == NULL ? mem_printf("net%d", number) : mem_strdup(interface);
        json_add(list, json_new_texts("name", word, "interface", name, NULL));
    }
}

/* A machine gets its address by DHCP, by the address of its card. */
static void add_vm(const struct object *object, const struct pod *pod, struct json *head)
{
    char mac[VM_MAC_BYTES];
    AUTO_FREE char *hostname = network_hostname(&object->id, pod);
    create_vm_mac(object, pod->vm, mac);
    struct json *vm = json_new_texts("mac", mac, "hostname", hostname != NULL ? hostname : object->id.name, NULL);
    struct json *searches = json_set_array(vm, "searches");
    AUTO_FREE char *own = mem_printf("%s.svc.cluster.local", object->id.namespace);
    json_add_text(searches, own);
    json_add_text(searches, "svc.cluster.local");
    json_add_text(searches, "cluster.local");
    json_set(head, "vm", vm);
}

static struct json *attach_head(const struct core *core, const struct object *object, const char *uid, const struct pod *pod)
{
    char *addresses[2];
    size_t count = network_addresses(core, uid, addresses);
    AUTO_FREE char *name = mem_printf("%s/%s", object->id.namespace, object->id.name);
    struct json *head = json_new_texts("op", "attach", "uid", uid, "name", name, NULL);
    struct json *list = json_set_array(head, "addresses");
    for (size_t i = 0; i < count; i++)
        json_add_text(list, addresses[i]);
    add_ports(pod, json_set_array(head, "hostPorts"));
    if (pod->vm != NULL)
        add_vm(object, pod, head);
    else
        add_networks(pod, json_set_array(head, "networks"));
    struct json *users = policy_users(core->config, pod);
    if (users != NULL)
        json_set(head, "users", users);
    return head;
}

static void send_question(struct core *core, struct object *object, const char *uid, bool detach, struct json *head)
{
    struct attaching *one = mem_alloc(sizeof(*one));
    one->id = ++core->last_call;
    one->object = object;
    one->detach = detach;
    snprintf(one->uid, sizeof(one->uid), "%s", uid);
    LL_PREPEND(core->network.attaching, one);
    json_set_integer(head, "id", one->id);
    core->env->to_net(core->env->ctx, head);
}

void network_detach(struct core *core, struct object *object, const char *uid)
{
    send_question(core, object, uid, true, json_new_texts("op", "detach", "uid", uid, NULL));
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
    if (!detach && !network_has(core, action->uid)) {
        struct store_txn *txn = store_begin(core->store);
        network_assign(core, action->uid, pod, txn);
        store_commit(txn, NULL, NULL);
    }
    if (!detach && !network_has(core, action->uid)) {
        failed(core, object, "NoAddress", "every address of [network] subnet= is given");
        core_touch(core, object);
        return;
    }
    object->calling = true;
    if (detach)
        network_detach(core, object, action->uid);
    else
        send_question(core, object, action->uid, false, attach_head(core, object, action->uid, pod));
}

/* ---- the child */

void network_up(struct core *core)
{
    const struct network_config *config = &core->config->network;
    struct json *head = json_new_texts("op", "open", "bridge", config->bridge, "subnet", config->subnet, "cniDir",
                                       config->cni_dir, "cniPath", config->cni_path, NULL);
    core->network.asked = true;
    AUTO_FREE char *folder = mem_printf("%s/netns", core->config->run_dir);
    json_set_text(head, "netnsDir", folder);
    AUTO_FREE char *users = mem_printf("%s/userns", core->config->run_dir);
    json_set_text(head, "usernsDir", users);
    char range[NETWORK_RANGE_BYTES], range6[NETWORK_RANGE_BYTES];
    network_range(&core->network, range, range6);
    json_set_text(head, "services", range);
    if (config->subnet6 != NULL && config->subnet6[0] != '\0') {
        json_set_text(head, "subnet6", config->subnet6);
        json_set_text(head, "services6", range6);
    }
    core->env->to_net(core->env->ctx, head);
}

void network_down(struct core *core, const char *why)
{
    struct network *network = &core->network;
    network->open = false;
    network->keep_call = 0;
    network->keep_due_ms = 0; /* the next one is told everything */
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

/* All that has an address keeps its network; what else there is goes. */
static void say_keep(struct core *core)
{
    struct json *keep = json_new_texts("op", "keep", NULL);
    network_uids(core, json_set_array(keep, "uids"));
    core->network.keep_call = ++core->last_call;
    core->network.keep_due_ms = 0;
    json_set_integer(keep, "id", core->network.keep_call);
    core->env->to_net(core->env->ctx, keep);
}

static bool keep_answered(struct core *core, int64_t id, const struct json *head)
{
    struct network *network = &core->network;
    bool good = json_get_boolean(head, "ok", false);
    if (id == 0 || id != network->keep_call)
        return false;
    network->keep_call = 0;
    if (!good)
        network->keep_due_ms = core_boot_ms(core) + NETWORK_RETRY_MS;
    if (!good && !network->keep_told) {
        const char *message = json_get_text(head, "message");
        log_warn("networks of pods that are gone are still there, and are tried again: %s", message != NULL ? message : "");
    }
    network->keep_told = !good;
    return true;
}

static bool is_asked(const struct core *core, const char *uid)
{
    for (const struct attaching *one = core->network.attaching; one != NULL; one = one->next)
        if (strcmp(one->uid, uid) == 0)
            return true;
    return false;
}

/* What lives keeps its network, whatever was lost on the way: everything is said once more. */
static void say_everything(struct core *core)
{
    network_take_over(core, core->network.attached);
    json_free(mem_steal(&core->network.attached)); /* by the next time it is not true any more */
    say_keep(core);
    for (struct object *object = core->objects.table; object != NULL; object = object->hh.next) {
        const struct run *run = object_run(object, object->uid);
        const struct pod *pod = object_wanted(object);
        if (run == NULL || run->count == 0 || network_view(core, object, pod) == NULL || !network_has(core, object->uid) ||
            is_asked(core, object->uid))
            continue;
        if (run->connected && object->network.state == NETWORK_WANTED)
            object->network.state = NETWORK_READY; /* it runs in it */
        send_question(core, NULL, object->uid, false, attach_head(core, object, object->uid, pod));
    }
}

static void opened(struct core *core, const struct json *head)
{
    struct network *network = &core->network;
    network->open = json_get_boolean(head, "ok", false);
    network->names = json_get_boolean(head, "names", false);
    network->six = json_get_boolean(head, "ipv6", false);
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
    network->names_said[0] = '\0';
    services_lost(core);
    core->node_dirty = true;
    core_touch_all(core);
}

/* A namespace is gone: so is its address. */
static void detached(struct core *core, struct object *object, const struct attaching *one, bool good)
{
    struct run *run = object_run(object, one->uid);
    bool wanted = strcmp(one->uid, object->uid) == 0;
    if (good) {
        struct store_txn *txn = store_begin(core->store);
        network_forget(core, one->uid, txn);
        store_commit(txn, NULL, NULL);
    }
    if (wanted) {
        object->network.state = NETWORK_WANTED;
        object->network.retry_boot_ms = good ? 0 : core_boot_ms(core) + NETWORK_RETRY_MS;
    }
    if (run == NULL)
        return;
    run->connected = !good;
    if (!good)
        run->retry_boot_ms = core_boot_ms(core) + NETWORK_RETRY_MS;
    else if (run->count == 0 && !run->shared)
        object_run_remove(object, run);
}

static struct object *by_uid(const struct core *core, const char *uid)
{
    struct object *object = core->objects.table;
    while (object != NULL && strcmp(object->uid, uid) != 0)
        object = object->hh.next;
    return object;
}

/* The networks beside the default one, for the status. */
static void tell_networks(struct core *core, struct object *object, const struct json *head)
{
    const struct json *networks = json_get(head, "networks");
    if (object == NULL || networks == NULL)
        return;
    json_free(object->networks);
    object->networks = json_copy(networks);
    core_touch(core, object);
}

static void unawaited(struct core *core, const struct attaching *one, const struct json *head, bool good)
{
    if (!one->detach)
        tell_networks(core, by_uid(core, one->uid), head);
    else if (!good)
        core->network.keep_due_ms = core_boot_ms(core) + NETWORK_RETRY_MS;
}

static void attached(struct core *core, struct attaching *one, const struct json *head)
{
    struct object *object = one->object;
    const char *reason = json_get_text(head, "reason"), *message = json_get_text(head, "message");
    bool good = json_get_boolean(head, "ok", false);
    if (!good && (object == NULL || one->detach))
        log_warn("the network of pod %s: %s: %s", one->uid, reason != NULL ? reason : "?", message != NULL ? message : "");
    if (object == NULL) {
        unawaited(core, one, head, good);
        return;
    }
    object->calling = false;
    if (one->detach) {
        detached(core, object, one, good);
    } else if (good) {
        object_run_make(object, one->uid)->connected = true;
    }
    bool is_wanted = !one->detach && strcmp(object->uid, one->uid) == 0; /* else another incarnation is by now */
    if (is_wanted && good) {
        object->network.state = NETWORK_READY;
        tell_networks(core, object, head);
    } else if (is_wanted) {
        failed(core, object, reason != NULL ? reason : "NetworkError", message != NULL ? message : "");
    }
    core->network.names_owed = true;
    core_touch(core, object);
}

bool network_leave(struct core *core, struct object *object)
{
    struct network *network = &core->network;
    if (!network->enabled || !network_has(core, object->uid))
        return false;
    if (!network->asked)
        network_up(core);
    if (!network->open || network->owed)
        return network->problem[0] == '\0'; /* on its way: it touches everyone when it is there */
    if (object->network.retry_boot_ms > core_boot_ms(core)) {
        core_wake_object(core, object, object->network.retry_boot_ms);
        return true;
    }
    object->calling = true;
    network_detach(core, object, object->uid);
    return true;
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
    if (services_answered(core, id, json_get_boolean(frame->head, "ok", false), json_get_text(frame->head, "message")))
        return;
    if (keep_answered(core, id, frame->head))
        return;
    LL_SEARCH_SCALAR(core->network.attaching, one, id, id);
    if (one == NULL)
        return;
    LL_DELETE(core->network.attaching, one);
    attached(core, one, frame->head);
    free(one);
}

/* ---- names */

/* Every pod that has an address, by the name that Kubernetes' search list leads to; a Service of that name goes before. */
static struct json *all_records(const struct core *core)
{
    struct json *records = json_new_array();
    for (const struct object *object = core->objects.table; object != NULL; object = object->hh.next) {
        const struct pod *pod = object_wanted(object);
        char *addresses[2];
        size_t count = network_view(core, object, pod) != NULL ? network_addresses(core, object->uid, addresses) : 0;
        if (count == 0 || object->network.state != NETWORK_READY ||
            services_has_name(core, object->id.namespace, object->id.name))
            continue;
        struct json *record = json_add_object(records), *list = json_set_array(record, "addresses");
        AUTO_FREE char *name = mem_printf("%s.%s.svc.cluster.local", object->id.name, object->id.namespace);
        json_set_text(record, "name", name);
        for (size_t i = 0; i < count; i++)
            json_add_text(list, addresses[i]);
    }
    services_add_records(core, records);
    return records;
}

void network_tell(struct core *core)
{
    struct network *network = &core->network;
    char digest[DIGEST_HEX_BYTES];
    if (!network->names_owed || !network->open || !core->runtime.listed)
        return;
    network->names_owed = false;
    AUTO_JSON struct json *records = all_records(core);
    AUTO_FREE char *text = json_print(records);
    digest_of(text, strlen(text), digest);
    if (strcmp(digest, network->names_said) == 0)
        return;
    memcpy(network->names_said, digest, sizeof(digest));
    const struct json *next = json_first(records);
    do {
        struct json *head = json_new_texts("op", "names", NULL), *part = json_set_array(head, "records");
        for (size_t i = 0; i < NAMES_A_FRAME && next != NULL; i++, next = json_next(next))
            json_add(part, json_copy(next));
        json_set_boolean(head, "more", next != NULL);
        json_set_integer(head, "id", 0);
        core->env->to_net(core->env->ctx, head);
    } while (next != NULL);
}

/* ---- giving back */

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
    if (network->keep_due_ms != 0 && core_boot_ms(core) >= network->keep_due_ms)
        say_keep(core);
    if (network->keep_due_ms != 0)
        core_wake_at(core, network->keep_due_ms);
    if (network->sweep_due_ms == 0 || !runtime_all_listed(core)) /* what a machine has that nobody has told of stays its own */
        return;
    if (core_boot_ms(core) >= network->sweep_due_ms)
        network->sweep_due_ms = network_sweep(core);
    if (network->sweep_due_ms != 0)
        core_wake_at(core, network->sweep_due_ms);
}
