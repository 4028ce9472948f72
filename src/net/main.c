/* davit-net: namespaces, addresses, bridges and firewall rules of pods are made here, and nowhere else. See docs/wire.md. */
#include "config.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <malloc.h>
#include <netlink/netlink.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utlist.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/userns.h"
#include "net/names.h"
#include "net/net.h"
#include "net/pod.h"
#include "wire/frame.h"

#define FOLDER_MODE 0700

struct net_pod *net_pod(const struct net *net, const char *uid)
{
    struct net_pod *pod = net->pods;
    while (pod != NULL && strcmp(pod->uid, uid) != 0)
        pod = pod->next;
    return pod;
}

void net_gateway(const struct net *net, char out[64])
{
    struct in_addr address = { .s_addr = htonl(net->base + 1) };
    inet_ntop(AF_INET, &address, out, 64);
}

static void say(struct json *head)
{
    struct error err;
    if (!frame_send(FRAME_CHILD_FD, head, NULL, 0, NULL, 0, &err))
        _exit(0); /* the parent is gone */
    json_free(head);
}

static struct json *answer(const struct json *question, bool ok, const char *reason, const char *message)
{
    struct json *head = json_new_texts("op", "result", NULL);
    json_set_integer(head, "id", json_get_integer(question, "id", 0));
    json_set_boolean(head, "ok", ok);
    json_set_text(head, "reason", ok ? NULL : reason);
    json_set_text(head, "message", ok ? NULL : message);
    return head;
}

/* ---- open */

static bool read_subnet(struct net *net, const struct json *head, struct error *err)
{
    const char *subnet = json_get_text(head, "subnet"), *subnet6 = json_get_text(head, "subnet6");
    const char *slash = subnet != NULL ? strchr(subnet, '/') : NULL;
    struct in_addr address;
    AUTO_FREE char *text = mem_printf("%.*s", slash != NULL ? (int)(slash - subnet) : 0, subnet != NULL ? subnet : "");
    if (slash == NULL || inet_pton(AF_INET, text, &address) != 1)
        return error_set(err, ERROR_INVALID, "subnet \"%.60s\" is no network, as 10.213.0.0/16", subnet != NULL ? subnet : "");
    net->prefix = (unsigned)strtoul(slash + 1, NULL, 10);
    net->mask = 0xffffffffu << (32 - net->prefix);
    net->base = ntohl(address.s_addr) & net->mask;
    net->subnet = mem_strdup(subnet);
    if (subnet6 != NULL && subnet6[0] != '\0') {
        net->subnet6 = mem_strdup(subnet6);
        net->prefix6 = strchr(subnet6, '/') != NULL ? (unsigned)strtoul(strchr(subnet6, '/') + 1, NULL, 10) : 64;
    }
    return true;
}

static bool open_net(struct net *net, const struct json *head, struct error *err)
{
    const char *bridge = json_get_text(head, "bridge"), *folder = json_get_text(head, "netnsDir");
    const char *cni = json_get_text(head, "cniDir");
    if (bridge == NULL || strlen(bridge) >= sizeof(net->bridge) || folder == NULL || !file_path_is_safe(folder))
        return error_set(err, ERROR_INVALID, "open needs a bridge and a netnsDir");
    snprintf(net->bridge, sizeof(net->bridge), "%s", bridge);
    net->netns_dir = mem_strdup(folder);
    const char *users = json_get_text(head, "usernsDir");
    net->userns_dir = users != NULL && file_path_is_safe(users) ? mem_strdup(users) : NULL;
    net->state_dir = mem_printf("%s.state", folder);
    net->cni_dir = mem_strdup(cni != NULL ? cni : "/etc/cni/net.d");
    net->socket = link_socket(err);
    if (net->socket == NULL || !read_subnet(net, head, err))
        return false;
    if (!file_make_dirs(net->netns_dir, FOLDER_MODE, err) || !file_make_dirs(net->state_dir, FOLDER_MODE, err) ||
        !state_read_all(net, err) || !link_bridge(net, err) || !firewall_rebuild(net, err))
        return false;
    net->names = names_new(net);
    return true;
}

/* What is there already: whoever lost his database reads it here. */
static void say_pods(const struct net *net, struct json *list)
{
    for (const struct net_pod *pod = net->pods; pod != NULL; pod = pod->next) {
        const struct json *addresses = json_get(pod->attached, "addresses");
        struct json *one = json_add_object(list);
        json_set_text(one, "uid", pod->uid);
        if (addresses != NULL)
            json_set(one, "addresses", json_copy(addresses));
    }
}

static void do_open(struct net *net, const struct json *head)
{
    struct error err = { 0 };
    bool ok = net->socket == NULL && open_net(net, head, &err);
    struct json *said = json_new_texts("op", "opened", NULL);
    AUTO_FREE char *address = ok ? pod_host_address(net) : NULL;
    json_set_boolean(said, "ok", ok);
    json_set_boolean(said, "names", net->names != NULL);
    json_set_text(said, "hostAddress", address);
    say_pods(net, json_set_array(said, "pods"));
    if (!ok) {
        json_set_text(said, "reason", err.code == ERROR_CONFLICT ? "SubnetInUse" : "NetworkNotReady");
        json_set_text(said, "message", err.message);
    }
    say(said);
    if (!ok)
        _exit(1); /* started again after a while: what stood in the way may have gone */
}

/* ---- the others */

static void do_attach(struct net *net, const struct json *head)
{
    struct error err = { 0 };
    const char *reason = "NetworkError";
    struct json *networks = pod_attach(net, head, &reason, &err);
    struct json *said = answer(head, networks != NULL, reason, err.message);
    if (networks != NULL)
        json_set(said, "networks", networks);
    say(said);
}

static void do_detach(struct net *net, const struct json *head)
{
    struct error err = { 0 };
    const char *uid = json_get_text(head, "uid");
    /* What runs with these ids has ended. */
    bool ok = uid != NULL && pod_detach(net, uid, &err) &&
              (net->userns_dir == NULL || userns_remove(net->userns_dir, uid, &err));
    say(answer(head, ok, "NetworkError", err.message));
}

static void do_keep(struct net *net, const struct json *head)
{
    struct json *said = answer(head, true, NULL, NULL);
    json_set(said, "removed", pod_keep(net, json_get(head, "uids")));
    say(said);
}

static void do_names(struct net *net, const struct json *head)
{
    struct error err = { 0 };
    const struct json *services = json_get(head, "services");
    if (net->names != NULL)
        names_set(net->names, json_get(head, "records"));
    bool ok = true;
    if (services != NULL) {
        json_free(net->services);
        net->services = json_copy(services);
        ok = firewall_rebuild(net, &err);
    }
    say(answer(head, ok, "NetworkError", err.message));
}

static void do_stats(struct net *net, const struct json *head)
{
    struct json *said = answer(head, true, NULL, NULL), *pods = json_set_array(said, "pods");
    for (const struct net_pod *pod = net->pods; pod != NULL; pod = pod->next) {
        int64_t received = 0, sent = 0;
        if (!link_stats(net, pod->uid, &received, &sent))
            continue;
        struct json *one = json_add_object(pods);
        json_set_text(one, "uid", pod->uid);
        json_set_integer(one, "rxBytes", received);
        json_set_integer(one, "txBytes", sent);
    }
    say(said);
}

static void do_ping(struct net *net, const struct json *head)
{
    (void)net;
    (void)head;
    say(json_new_texts("op", "pong", NULL));
}

static const struct {
    const char *op;
    void (*run)(struct net *net, const struct json *head);
} ops[] = { { "open", do_open }, { "attach", do_attach }, { "detach", do_detach },
            { "keep", do_keep }, { "names", do_names },   { "stats", do_stats }, { "ping", do_ping } };

static bool handle(struct net *net, const struct frame *frame)
{
    const char *op = json_get_text(frame->head, "op");
    for (size_t i = 0; op != NULL && i < sizeof(ops) / sizeof(ops[0]); i++) {
        if (strcmp(ops[i].op, op) != 0)
            continue;
        if (net->socket == NULL && ops[i].run != do_open && ops[i].run != do_ping)
            say(answer(frame->head, false, "NetworkNotReady", "open comes first, and must succeed"));
        else
            ops[i].run(net, frame->head);
        return true;
    }
    log_error("the parent said \"%.60s\", which is not understood", op != NULL ? op : "");
    return false;
}

static bool receive(struct frame_reader *reader, struct frame *frame, struct error *err)
{
    struct pollfd parent = { .fd = FRAME_CHILD_FD, .events = POLLIN };
    if (frame_reader_next(reader, frame, err))
        return true;
    if (err->code == ERROR_NONE && poll(&parent, 1, MEM_REST_MS) == 0)
        mem_rest();
    return err->code == ERROR_NONE && frame_receive(FRAME_CHILD_FD, reader, frame, err);
}

int main(void)
{
    static struct net net;
    struct frame_reader *reader = frame_reader_new();
    struct frame frame;
    struct error err = { 0 };
    log_init("davit-net", LOG_LEVEL_INFO);
    signal(SIGPIPE, SIG_IGN);
    mallopt(M_ARENA_MAX, 1);
    umask(0077);
    if (fcntl(FRAME_CHILD_FD, F_SETFD, FD_CLOEXEC) != 0) {
        log_error("davit-net is started by davitd, with its socket as descriptor %d", FRAME_CHILD_FD);
        return 2;
    }
    fcntl(FRAME_CHILD_FD, F_SETFL, fcntl(FRAME_CHILD_FD, F_GETFL) & ~O_NONBLOCK);
    while (receive(reader, &frame, &err)) {
        bool good = handle(&net, &frame);
        frame_free(&frame);
        if (!good)
            return 1;
    }
    names_free(net.names);
    return err.code == ERROR_UNAVAILABLE ? 0 : 1;
}
