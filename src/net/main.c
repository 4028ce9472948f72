/* davit-net: namespaces, addresses, bridges and firewall rules of pods are made here, and nowhere else. See docs/wire.md. */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <linux/capability.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/userns.h"
#include "base/sandbox.h"
#include "net/check.h"
#include "net/dhcp.h"
#include "net/firewall.h"
#include "net/names.h"
#include "net/pod.h"
#include "net/watch.h"
#include "wire/frame.h"

#define FOLDER_MODE 0700
#define READ_BYTES 65536
#define CAP(name) (1ull << (name))

/* Its own: links, addresses and rules (NET_ADMIN), namespaces and their mounts (SYS_ADMIN). What it starts: dnsmasq, which
 * becomes nobody, reads its files in our folder and binds port 53, or 67; CNI's plugins, some of which open raw sockets.
 */
#define KEPT_CAPS                                                                                                       \
    (CAP(CAP_NET_ADMIN) | CAP(CAP_SYS_ADMIN) | CAP(CAP_SETUID) | CAP(CAP_SETGID) | CAP(CAP_KILL) |                        \
     CAP(CAP_NET_BIND_SERVICE) | CAP(CAP_DAC_READ_SEARCH) | CAP(CAP_NET_RAW))

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

static unsigned bits_of(const char *subnet)
{
    return (unsigned)strtoul(strchr(subnet, '/') + 1, NULL, 10);
}

static void address_of(const char *subnet, int family, void *out)
{
    AUTO_FREE char *text = mem_printf("%.*s", (int)strcspn(subnet, "/"), subnet);
    inet_pton(family, text, out);
}

/* NULL and "": there is none. */
static bool read_range(const struct json *head, const char *key, int family, char **out, struct error *err)
{
    const char *text = json_get_text(head, key);
    if (text == NULL || text[0] == '\0')
        return true;
    *out = mem_strdup(text);
    return check_subnet(text, family) || error_set(err, ERROR_INVALID, "%s \"%.60s\" is no network", key, text);
}

static bool read_subnets(struct net *net, const struct json *head, struct error *err)
{
    struct in_addr address;
    if (!read_range(head, "subnet", AF_INET, &net->subnet, err) || !read_range(head, "subnet6", AF_INET6, &net->subnet6, err) ||
        !read_range(head, "services", AF_INET, &net->services4, err) ||
        !read_range(head, "services6", AF_INET6, &net->services6, err))
        return false;
    if (net->subnet == NULL)
        return error_set(err, ERROR_INVALID, "open needs a subnet, as 10.213.0.0/16");
    address_of(net->subnet, AF_INET, &address);
    net->prefix = bits_of(net->subnet);
    net->mask = 0xffffffffu << (32 - net->prefix);
    net->base = ntohl(address.s_addr) & net->mask;
    if (net->subnet6 != NULL && access("/proc/sys/net/ipv6/conf/all/forwarding", F_OK) != 0) {
        log_warn("[network] subnet6=%s: this kernel has no IPv6: pods have IPv4 alone", net->subnet6);
        free(mem_steal(&net->subnet6));
        free(mem_steal(&net->services6));
    }
    if (net->subnet6 != NULL) {
        address_of(net->subnet6, AF_INET6, &net->base6);
        net->prefix6 = bits_of(net->subnet6);
    }
    return true;
}

/* One a bridge, unlikely to be anybody else's. */
static uint32_t group_of(const char *bridge)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (const char *c = bridge; *c != '\0'; c++)
        hash = (hash ^ (unsigned char)*c) * 16777619u;
    return 0x5a000000u | (hash & 0xffffffu);
}

static void make_servers(struct net *net)
{
    net->names = names_new(net);
    net->dhcp = dhcp_new(net);
    if (net->dhcp != NULL)
        dhcp_set(net->dhcp); /* guests may have been waiting */
}

static bool open_net(struct net *net, const struct json *head, struct error *err)
{
    const char *bridge = json_get_text(head, "bridge"), *folder = json_get_text(head, "netnsDir");
    const char *cni = json_get_text(head, "cniDir"), *plugins = json_get_text(head, "cniPath");
    if (!check_interface(bridge) || folder == NULL || !file_path_is_safe(folder))
        return error_set(err, ERROR_INVALID, "open needs a bridge and a netnsDir");
    snprintf(net->bridge, sizeof(net->bridge), "%s", bridge);
    net->group = group_of(bridge);
    net->netns_dir = mem_strdup(folder);
    const char *users = json_get_text(head, "usernsDir");
    net->userns_dir = users != NULL && file_path_is_safe(users) ? mem_strdup(users) : NULL;
    net->state_dir = mem_printf("%s.state", folder);
    net->cni_dir = mem_strdup(cni != NULL ? cni : "/etc/cni/net.d");
    net->cni_path = mem_strdup(plugins != NULL ? plugins : "/opt/cni/bin:/usr/lib/cni:/usr/libexec/cni");
    net->socket = link_socket(err);
    if (net->socket == NULL || !read_subnets(net, head, err))
        return false;
    if (!file_make_dirs(net->netns_dir, FOLDER_MODE, err) || !file_make_dirs(net->state_dir, FOLDER_MODE, err) ||
        !state_read_all(net, err) || !link_bridge(net, err) || !firewall_rebuild(net, err))
        return false;
    make_servers(net);
    net->watch = watch_new(net);
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
    bool ok = net->socket == NULL ? open_net(net, head, &err) : error_set(&err, ERROR_INVALID, "it is open already");
    struct json *said = json_new_texts("op", "opened", NULL);
    AUTO_FREE char *address = ok ? pod_host_address(net) : NULL;
    json_set_boolean(said, "ok", ok);
    json_set_boolean(said, "names", net->names != NULL);
    json_set_boolean(said, "ipv6", net->subnet6 != NULL);
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
    const struct json *networks = pod_attach(net, head, &reason, &err);
    struct json *said = answer(head, networks != NULL, reason, err.message);
    if (networks != NULL)
        json_set(said, "networks", json_copy(networks));
    say(said);
}

static void do_detach(struct net *net, const struct json *head)
{
    struct error err = { 0 };
    const char *uid = json_get_text(head, "uid");
    bool ok = pod_detach(net, uid != NULL ? uid : "", &err);
    say(answer(head, ok, "NetworkError", err.message));
}

static void do_keep(struct net *net, const struct json *head)
{
    struct error err = { 0 };
    struct json *removed = pod_keep(net, json_get(head, "uids"), &err);
    struct json *said = answer(head, err.code == ERROR_NONE, "NetworkError", err.message);
    json_set(said, "removed", removed);
    say(said);
}

/* Many come in parts: `more` says that this was not the last. */
static void do_names(struct net *net, const struct json *head)
{
    struct error err = { 0 };
    bool ok = check_records(json_get(head, "records"), &err);
    if (net->records == NULL)
        net->records = json_new_array();
    JSON_EACH(record, ok ? json_get(head, "records") : NULL)
        if (json_size(net->records) < LIMIT_NAME_RECORDS)
            json_add(net->records, json_copy(record));
    if (json_get_boolean(head, "more", false))
        return;
    if (net->names != NULL)
        names_set(net->names, net->records);
    json_free(mem_steal(&net->records));
    say(answer(head, ok, "NetworkError", err.message));
}

static void do_services(struct net *net, const struct json *head)
{
    struct error err = { 0 };
    const struct json *services = json_get(head, "services");
    bool ok = check_services(services, &err);
    if (net->coming == NULL)
        net->coming = json_new_array();
    JSON_EACH(service, ok ? services : NULL)
        json_add(net->coming, json_copy(service));
    if (json_get_boolean(head, "more", false))
        return;
    struct json *coming = mem_steal(&net->coming);
    if (ok)
        ok = services_change(net, coming, &err);
    else
        json_free(coming);
    if (ok && net->names != NULL)
        names_need(net->names);
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
} ops[] = { { "open", do_open }, { "attach", do_attach },     { "detach", do_detach }, { "keep", do_keep },
            { "names", do_names }, { "services", do_services }, { "stats", do_stats }, { "ping", do_ping } };

static bool handle(struct net *net, const struct frame *frame)
{
    const char *op = json_get_text(frame->head, "op");
    for (size_t i = 0; op != NULL && i < sizeof(ops) / sizeof(ops[0]); i++) {
        if (strcmp(ops[i].op, op) != 0)
            continue;
        net->busy = net->busy || ops[i].run != do_ping;
        if (net->socket == NULL && ops[i].run != do_open && ops[i].run != do_ping)
            say(answer(frame->head, false, "NetworkNotReady", "open comes first, and must succeed"));
        else
            ops[i].run(net, frame->head);
        return true;
    }
    log_error("the parent said \"%.60s\", which is not understood", op != NULL ? op : "");
    return false;
}

static bool handle_all(struct net *net, struct frame_reader *reader, struct error *err)
{
    struct frame frame;
    while (frame_reader_next(reader, &frame, err)) {
        bool good = handle(net, &frame);
        frame_free(&frame);
        if (!good)
            return error_set(err, ERROR_INVALID, "nonsense");
    }
    return err->code == ERROR_NONE;
}

/* Who takes the rules away finds them made again. */
static void heal(struct net *net)
{
    struct error err;
    if (!watch_lost(net->watch))
        return;
    log_warn("somebody took the table inet %s away: it is made again", firewall_table(net));
    if (!firewall_rebuild(net, &err))
        log_error("%s", err.message);
    watch_lost(net->watch); /* our own words */
}

/* False: the parent is gone, or sent nonsense (`*code`). */
static bool take(struct net *net, struct frame_reader *reader, int *code)
{
    char data[READ_BYTES];
    struct error err = { 0 };
    ssize_t got = read(FRAME_CHILD_FD, data, sizeof(data));
    *code = 0;
    if (got <= 0)
        return got < 0 && (errno == EINTR || errno == EAGAIN);
    if (frame_reader_feed(reader, data, (size_t)got, NULL, 0, &err) && handle_all(net, reader, &err))
        return true;
    log_error("the parent sent nonsense: %s", err.message);
    *code = 1;
    return false;
}

static void look_at_children(const struct net *net)
{
    if (net->names != NULL)
        names_look(net->names);
    if (net->dhcp != NULL)
        dhcp_look(net->dhcp);
}

static int serve(struct net *net, struct frame_reader *reader, const sigset_t *waiting)
{
    const struct timespec rest = { .tv_sec = MEM_REST_MS / 1000, .tv_nsec = MEM_REST_MS % 1000 * 1000000L };
    bool rested = false;
    int code = 0;
    for (;;) {
        rested = rested && !net->busy;
        net->busy = false;
        struct pollfd ready[] = { { .fd = FRAME_CHILD_FD, .events = POLLIN },
                                  { .fd = net->watch != NULL ? watch_fd(net->watch) : -1, .events = POLLIN } };
        int count = ppoll(ready, 2, rested ? NULL : &rest, waiting); /* a child's end comes through here alone */
        if (count == 0)
            mem_rest();
        rested = rested || count == 0;
        if (count < 0 && errno == EINTR)
            look_at_children(net);
        if (count > 0 && ready[1].revents != 0)
            heal(net);
        if (count > 0 && ready[0].revents != 0 && !take(net, reader, &code))
            return code;
    }
}

static void on_child(int signal)
{
    (void)signal;
}

/* SIGCHLD is let in only while it waits. */
static void prepare_signals(sigset_t *waiting)
{
    const struct sigaction action = { .sa_handler = on_child };
    sigset_t blocked;
    signal(SIGPIPE, SIG_IGN);
    sigaction(SIGCHLD, &action, NULL);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGCHLD);
    sigprocmask(SIG_BLOCK, &blocked, waiting);
}

int main(void)
{
    static struct net net;
    static const struct sandbox sandbox = { .keep_caps = KEPT_CAPS, .calls = SANDBOX_CALLS_NAMESPACES };
    struct error err = { 0 };
    sigset_t waiting;
    log_init("davit-net", LOG_LEVEL_INFO);
    prepare_signals(&waiting);
    mallopt(M_ARENA_MAX, 1);
    umask(0077);
    if (fcntl(FRAME_CHILD_FD, F_SETFD, FD_CLOEXEC) != 0) {
        log_error("davit-net is started by davitd, with its socket as descriptor %d", FRAME_CHILD_FD);
        return 2;
    }
    fcntl(FRAME_CHILD_FD, F_SETFL, fcntl(FRAME_CHILD_FD, F_GETFL) & ~O_NONBLOCK);
    if (!sandbox_enter(&sandbox, &err)) {
        log_error("%s", err.message);
        return 1;
    }
    int code = serve(&net, frame_reader_new(), &waiting);
    names_free(net.names);
    dhcp_free(net.dhcp);
    watch_free(net.watch);
    return code;
}
