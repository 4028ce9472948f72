/* What the network of pods needs. Interfaces are tried in a network of a child's own, which goes with it. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "cli/doctor.h"

#define ANSWER_S 2

struct message {
    struct nlmsghdr head;
    char rest[256];
};

static void message_begin(struct message *message, uint16_t type, uint16_t flags, const void *body, size_t len)
{
    *message = (struct message){.head = {.nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags}};
    message->head.nlmsg_len = NLMSG_LENGTH((uint32_t)len);
    memcpy(NLMSG_DATA(&message->head), body, len);
}

static struct nlattr *message_add(struct message *message, uint16_t type, const void *data, size_t len)
{
    struct nlattr *at = (struct nlattr *)(void *)((char *)message + NLMSG_ALIGN(message->head.nlmsg_len));
    *at = (struct nlattr){.nla_type = type, .nla_len = (uint16_t)(NLA_HDRLEN + len)};
    memcpy((char *)at + NLA_HDRLEN, data, len);
    message->head.nlmsg_len = NLMSG_ALIGN(message->head.nlmsg_len) + (uint32_t)NLA_ALIGN(at->nla_len);
    return at;
}

/* The kernel's answer to one message: 0, or an errno. */
static int ask(int protocol, const struct message *message)
{
    AUTO_CLOSE int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
    const struct timeval wait = {.tv_sec = ANSWER_S};
    union {
        struct nlmsghdr head;
        char bytes[4096];
    } answer;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) != 0 ||
        send(fd, message, message->head.nlmsg_len, 0) < 0)
        return errno;
    for (ssize_t got; (got = recv(fd, &answer, sizeof(answer), 0)) > 0;)
        for (struct nlmsghdr *at = &answer.head; NLMSG_OK(at, (uint32_t)got); at = NLMSG_NEXT(at, got))
            if (at->nlmsg_type == NLMSG_ERROR)
                return -((const struct nlmsgerr *)NLMSG_DATA(at))->error;
    return errno;
}

static int make_link(const char *kind)
{
    const struct ifinfomsg info = {.ifi_family = AF_UNSPEC};
    struct message message;
    message_begin(&message, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &info, sizeof(info));
    (void)message_add(&message, IFLA_IFNAME, "try0", sizeof("try0"));
    struct nlattr *outer = message_add(&message, IFLA_LINKINFO, "", 0);
    struct nlattr *inner = message_add(&message, IFLA_INFO_KIND, kind, strlen(kind) + 1);
    outer->nla_len = (uint16_t)(NLA_HDRLEN + NLA_ALIGN(inner->nla_len));
    return ask(NETLINK_ROUTE, &message);
}

static int ask_generation(const char *unused)
{
    const struct nfgenmsg info = {.nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0};
    struct message message;
    (void)unused;
    message_begin(&message, (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETGEN, 0, &info, sizeof(info));
    return ask(NETLINK_NETFILTER, &message);
}

/* In a network of its own. An errno; EPERM where there can be none. */
static int try_apart(int (*try)(const char *kind), const char *kind)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0)
        _exit(unshare(CLONE_NEWNET) == 0 ? try(kind) : EPERM);
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : EPERM;
}

static bool is_off(const struct doctor *doctor, struct finding *finding)
{
    if (!doctor_is_on(doctor, "network.enabled"))
        finding_ok(finding, "not needed: [network] enabled=no");
    return !doctor_is_on(doctor, "network.enabled");
}

void doctor_nftables(const struct doctor *doctor, struct finding *finding)
{
    int failed = is_off(doctor, finding) ? -1 : try_apart(ask_generation, "");
    if (failed == 0)
        finding_ok(finding, "the kernel has it");
    else if (failed == EPERM)
        finding_set(finding, VERDICT_WARN, "Run it as root.", "only root can look");
    else if (failed > 0)
        finding_set(finding, VERDICT_FAIL, "Ports and Services are rules of nftables: CONFIG_NF_TABLES, or [network] enabled=no.",
                    "the kernel does not have it: %s", strerror(failed));
}

void doctor_links(const struct doctor *doctor, struct finding *finding)
{
    static const char *const KINDS[] = {"bridge", "veth"};
    if (is_off(doctor, finding))
        return;
    for (size_t i = 0; i < 2; i++) {
        int failed = try_apart(make_link, KINDS[i]);
        if (failed == 0)
            continue;
        if (failed == EPERM)
            finding_set(finding, VERDICT_WARN, "Run it as root.", "only root can look");
        else
            finding_set(finding, VERDICT_FAIL, "The network of pods is made of it: CONFIG_BRIDGE and CONFIG_VETH, or [network] enabled=no.",
                        "no %s can be made: %s", KINDS[i], strerror(failed));
        return;
    }
    finding_ok(finding, "bridges and veth pairs can be made");
}

void doctor_tun(const struct doctor *doctor, struct finding *finding)
{
    if (doctor_exists(doctor, "/dev/net/tun"))
        finding_ok(finding, "/dev/net/tun is there");
    else
        finding_set(finding, VERDICT_WARN, "Only virtual machines need it: `modprobe tun`.", "there is no /dev/net/tun");
}

static size_t count_networks(const struct doctor *doctor, const char *folder)
{
    AUTO_FREE char *path = mem_printf("%s%s", doctor->root, folder);
    DIR *dir = opendir(path);
    size_t count = 0;
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        const char *dot = strrchr(entry->d_name, '.');
        if (dot != NULL && (strcmp(dot, ".conflist") == 0 || strcmp(dot, ".conf") == 0))
            count++;
    }
    if (dir != NULL)
        (void)closedir(dir);
    return count;
}

void doctor_cni(const struct doctor *doctor, struct finding *finding)
{
    const char *folder = doctor_setting(doctor, "network.cni_dir", "/etc/cni/net.d");
    AUTO_FREE char *paths = mem_strdup(doctor_setting(doctor, "network.cni_path", "/opt/cni/bin:/usr/lib/cni:/usr/libexec/cni"));
    size_t networks = count_networks(doctor, folder);
    bool plugins = false;
    char *rest = paths;
    if (networks == 0) {
        finding_ok(finding, "no network in %.200s: pods are in Davit's own", folder);
        return;
    }
    for (char *path; (path = strsep(&rest, ":")) != NULL;)
        plugins = plugins || doctor_exists(doctor, path);
    if (plugins)
        finding_ok(finding, "%zu in %.200s", networks, folder);
    else
        finding_set(finding, VERDICT_FAIL, "Install the plugins (package containernetworking-plugins), or set [network] cni_path=.",
                    "%zu in %.200s, and no folder of plugins", networks, folder);
}
