#include "net.h"

#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "base/memory.h"
#include "content.h"
#include "node.h"

static struct attached *find(const struct sim *sim, const char *uid)
{
    struct attached *one;
    LL_FOREACH(sim->net.attached, one)
        if (strcmp(one->uid, uid) == 0)
            return one;
    return NULL;
}

static void drop(struct sim *sim, struct attached *one)
{
    LL_DELETE(sim->net.attached, one);
    free(one->address);
    free(one);
}

/* ---- what it does */

/* No two pods may have one address, as long as something of the other runs. */
static void check_address(struct sim *sim, const char *uid, const char *address)
{
    const struct attached *other;
    LL_FOREACH(sim->net.attached, other)
        if (strcmp(other->uid, uid) != 0 && (strcmp(other->address, address) == 0 || sim->lie == LIE_ADDRESS))
            sim_fail(sim, "address", "%s is given to %.8s, and %.8s has it", address, uid, other->uid);
}

static void attach(struct sim *sim, const struct json *head)
{
    const char *uid = json_get_text(head, "uid");
    const char *address = json_text(json_first(json_get(head, "addresses")));
    if (uid == NULL || strlen(uid) != POD_UID_BYTES - 1 || address == NULL) {
        sim_fail(sim, "orders", "an attach without a uid or an address");
        return;
    }
    check_address(sim, uid, address);
    struct attached *one = find(sim, uid);
    if (one != NULL && strcmp(one->address, address) != 0)
        sim_fail(sim, "address", "%.8s has %s, and is given %s", uid, one->address, address);
    if (one != NULL)
        return;
    one = mem_alloc(sizeof(*one));
    memcpy(one->uid, uid, sizeof(one->uid));
    one->address = mem_strdup(address);
    sim_note(sim, "net: %.8s is attached as %s", uid, address);
    LL_PREPEND(sim->net.attached, one);
    sim->counters[N_ATTACHES]++;
}

static void take_away(struct sim *sim, struct attached *one, const char *why)
{
    for (const struct box *box = sim->device.boxes; box != NULL; box = box->next)
        if (box->life == RUNNING && strcmp(box->uid, one->uid) == 0)
            sim_fail(sim, "net", "%s takes the network of p%d/c%d of %.8s, which runs", why, box->pod, box->container, box->uid);
    sim->counters[N_DETACHES]++;
    sim_note(sim, "net: %s takes %.8s away", why, one->uid);
    if (sim->lie != LIE_NET)
        drop(sim, one);
}

static void keep(struct sim *sim, const struct json *head)
{
    struct attached *one, *next;
    LL_FOREACH_SAFE(sim->net.attached, one, next) {
        bool kept = false;
        JSON_EACH(uid, json_get(head, "uids"))
            kept = kept || strcmp(json_text(uid), one->uid) == 0;
        if (!kept)
            take_away(sim, one, "keep");
    }
}

static void effect(struct sim *sim, const struct json *head)
{
    const char *op = json_get_text(head, "op"), *uid = json_get_text(head, "uid");
    struct attached *one = uid != NULL ? find(sim, uid) : NULL;
    if (strcmp(op, "attach") == 0)
        attach(sim, head);
    else if (strcmp(op, "detach") == 0 && one != NULL)
        take_away(sim, one, "detach");
    else if (strcmp(op, "keep") == 0)
        keep(sim, head);
}

/* ---- its frames */

static void frame_arrives(struct sim *sim, struct event *event)
{
    if (event->epoch == sim->net.epoch && event->node_epoch == sim->node.epoch && sim->node.up)
        node_net_frame(sim, event->head);
}

static void say(struct sim *sim, struct json *head)
{
    struct net *net = &sim->net;
    uint64_t at = sim->now_ms + sim_below(sim, 4) * sim_below(sim, 8);
    net->last_out_ms = at < net->last_out_ms ? net->last_out_ms : at;
    struct event *event = sim_after(sim, net->last_out_ms - sim->now_ms, frame_arrives);
    event->epoch = net->epoch;
    event->head = head;
}

static void begin_next(struct sim *sim);

static void call_drop(struct sim *sim, struct net_call *call)
{
    LL_DELETE(sim->net.calls, call);
    json_free(call->head);
    free(call);
}

static void say_attached(const struct sim *sim, struct json *list)
{
    const struct attached *one;
    LL_FOREACH(sim->net.attached, one) {
        struct json *pod = json_add_object(list);
        json_set_text(pod, "uid", one->uid);
        json_add_text(json_set_array(pod, "addresses"), one->address);
    }
}

/* It does it, and says so; or says that it could not, and then nothing of it is left. */
static void work(struct sim *sim, struct event *event)
{
    struct net_call *call = sim->net.calls;
    if (event->epoch != sim->net.epoch || call == NULL || call->serial != event->number)
        return;
    const char *op = json_get_text(call->head, "op");
    bool may_fail = strcmp(op, "attach") == 0 || strcmp(op, "detach") == 0;
    bool fails = may_fail && !sim->calm && sim_chance(sim, sim->temper.call_fails);
    struct json *answer = strcmp(op, "open") == 0
                              ? json_new_texts("op", "opened", "hostAddress", "192.0.2.2", NULL)
                              : json_new_texts("op", "result", "reason", fails ? "NetworkError" : NULL, "message",
                                               fails ? "the simulator says so" : NULL, NULL);
    if (!fails)
        effect(sim, call->head);
    if (strcmp(op, "open") == 0)
        say_attached(sim, json_set_array(answer, "pods"));
    json_set_boolean(answer, "ok", !fails);
    json_set_integer(answer, "id", json_get_integer(call->head, "id", 0));
    say(sim, answer);
    call_drop(sim, call);
    begin_next(sim);
}

static void begin_next(struct sim *sim)
{
    if (sim->net.calls == NULL)
        return;
    bool slow = !sim->calm && sim_chance(sim, sim->temper.call_slow);
    struct event *event = sim_after(sim, slow ? sim_below(sim, 5 * SECOND) : sim_below(sim, 10), work);
    event->epoch = sim->net.epoch;
    event->number = sim->net.calls->serial;
}

static void comes_up(struct sim *sim, struct event *event)
{
    if (event->epoch != sim->net.epoch || event->node_epoch != sim->node.epoch || !sim->node.up)
        return;
    sim->net.starting = false;
    sim->net.up = true;
    sim_note(sim, "net: up");
    node_net_up(sim);
}

static void start_after(struct sim *sim, uint64_t delay_ms)
{
    sim->net.starting = true;
    sim_after(sim, delay_ms, comes_up)->epoch = sim->net.epoch;
}

void net_frame(struct sim *sim, struct json *head)
{
    struct net *net = &sim->net;
    if (!net->up) { /* what it missed is said when it is up */
        json_free(head);
        if (!net->starting)
            start_after(sim, 1 + sim_below(sim, 100));
        return;
    }
    struct net_call *call = mem_alloc(sizeof(*call));
    call->serial = ++net->last_serial;
    call->head = head;
    bool idle = net->calls == NULL;
    LL_APPEND(net->calls, call);
    if (idle)
        begin_next(sim);
}

void net_end(struct sim *sim)
{
    struct net *net = &sim->net;
    if (net->calls != NULL && sim_chance(sim, 500))
        effect(sim, net->calls->head);
    while (net->calls != NULL)
        call_drop(sim, net->calls);
    net->up = net->starting = false;
    net->epoch++;
}

void net_crash(struct sim *sim)
{
    if (!sim->net.up)
        return;
    sim_note(sim, "net: crashes");
    sim->counters[N_NET_CRASHES]++;
    net_end(sim);
    start_after(sim, 100 + sim_below(sim, 5 * SECOND));
    node_net_down(sim);
}

void net_reboot(struct sim *sim)
{
    while (sim->net.attached != NULL)
        drop(sim, sim->net.attached);
}

void net_free(struct sim *sim)
{
    while (sim->net.calls != NULL)
        call_drop(sim, sim->net.calls);
    net_reboot(sim);
}

/* ---- what must hold */

bool net_check_create(struct sim *sim, const struct call *call, const struct box *box)
{
    struct shape shape = content_shape(sim, box->pod, box->variant);
    bool there = !sim->networks || shape.host_network || find(sim, box->uid) != NULL;
    if (!there && !call->answered)
        sim_fail(sim, "net", "p%d/c%d of %.8s is made, and its network is not", box->pod, box->container, box->uid);
    return there;
}

void net_check_end(struct sim *sim)
{
    const struct attached *one;
    LL_FOREACH(sim->net.attached, one) {
        bool used = false;
        for (const struct object *object = sim->node.core->objects.table; object != NULL; object = object->hh.next)
            used = used || strcmp(object->uid, one->uid) == 0 || object_run(object, one->uid) != NULL;
        if (!used)
            sim_fail(sim, "leak", "the network of %.8s, %s, is left behind", one->uid, one->address);
    }
}
