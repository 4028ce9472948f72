/* ctnetlink, by hand: a library for one list and one deletion would be one more. */
#include "config.h"

#include "net/conntrack.h"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "net/net.h"

#define FORGET_AT_ONCE 4096

struct hunt {
    unsigned char address[sizeof(struct in6_addr)];
    int family;
    bool datagrams;
    struct nl_msg *found[FORGET_AT_ONCE];
    size_t count;
};

static struct nl_msg *question(int type, int flags, int family)
{
    struct nfgenmsg general = { .nfgen_family = (uint8_t)family, .version = NFNETLINK_V0 };
    struct nl_msg *msg = nlmsg_alloc_simple(NFNL_SUBSYS_CTNETLINK << 8 | type, flags);
    nlmsg_append(msg, &general, sizeof(general), NLMSG_ALIGNTO);
    return msg;
}

static struct nlattr *inside(struct nlattr *tuple, int outer, int inner)
{
    struct nlattr *part = tuple != NULL ? nla_find(nla_data(tuple), nla_len(tuple), outer) : NULL;
    return part != NULL ? nla_find(nla_data(part), nla_len(part), inner) : NULL;
}

/* The answers come from the address, and the questions went to another one: it was led there. */
static bool leads_there(const struct hunt *hunt, struct nlattr *asked, struct nlattr *answered)
{
    bool v6 = hunt->family == AF_INET6;
    int size = v6 ? 16 : 4;
    struct nlattr *to = inside(asked, CTA_TUPLE_IP, v6 ? CTA_IP_V6_DST : CTA_IP_V4_DST);
    struct nlattr *from = inside(answered, CTA_TUPLE_IP, v6 ? CTA_IP_V6_SRC : CTA_IP_V4_SRC);
    struct nlattr *protocol = inside(asked, CTA_TUPLE_PROTO, CTA_PROTO_NUM);
    if (to == NULL || from == NULL || nla_len(to) != size || nla_len(from) != size ||
        memcmp(nla_data(from), hunt->address, (size_t)size) != 0)
        return false;
    if (!hunt->datagrams)
        return true;
    return protocol != NULL && nla_get_u8(protocol) == IPPROTO_UDP && memcmp(nla_data(to), hunt->address, (size_t)size) != 0;
}

static int look(struct nl_msg *msg, void *ctx)
{
    struct hunt *hunt = ctx;
    struct nlmsghdr *header = nlmsg_hdr(msg);
    struct nlattr *asked = nlmsg_find_attr(header, sizeof(struct nfgenmsg), CTA_TUPLE_ORIG);
    struct nlattr *answered = nlmsg_find_attr(header, sizeof(struct nfgenmsg), CTA_TUPLE_REPLY);
    if (asked == NULL || answered == NULL || hunt->count == FORGET_AT_ONCE || !leads_there(hunt, asked, answered))
        return NL_OK;
    struct nl_msg *removal = question(IPCTNL_MSG_CT_DELETE, NLM_F_REQUEST | NLM_F_ACK, hunt->family);
    nla_put(removal, CTA_TUPLE_ORIG | NLA_F_NESTED, nla_len(asked), nla_data(asked));
    hunt->found[hunt->count++] = removal;
    return NL_OK;
}

static void forget_found(struct nl_sock *socket, struct hunt *hunt)
{
    for (size_t i = 0; i < hunt->count; i++)
        nl_send_sync(socket, hunt->found[i]); /* it takes the message; one that ended by itself is no error */
}

void conntrack_forget(const char *address, bool datagrams)
{
    struct hunt *hunt = mem_alloc(sizeof(*hunt));
    struct nl_sock *socket = nl_socket_alloc();
    hunt->datagrams = datagrams;
    hunt->family = strchr(address, ':') != NULL ? AF_INET6 : AF_INET;
    inet_pton(hunt->family, address, hunt->address);
    int code = socket != NULL ? nl_connect(socket, NETLINK_NETFILTER) : -NLE_NOMEM;
    if (code == 0) {
        struct nl_msg *list = question(IPCTNL_MSG_CT_GET, NLM_F_REQUEST | NLM_F_DUMP, hunt->family);
        nl_socket_modify_cb(socket, NL_CB_VALID, NL_CB_CUSTOM, look, hunt);
        code = nl_send_auto(socket, list);
        nlmsg_free(list);
        code = code >= 0 ? nl_recvmsgs_default(socket) : code;
        forget_found(socket, hunt);
    }
    if (code < 0)
        log_warn("what the kernel remembers of connections to %s stays until it ends by itself: %s", address, nl_geterror(code));
    nl_socket_free(socket);
    free(hunt);
}
