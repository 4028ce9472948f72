#include "config.h"

#include "net/watch.h"

#include <fcntl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "net/firewall.h"

#define QUEUE_BYTES (1024 * 1024)

struct watch {
    const struct net *net;
    struct nl_sock *socket;
    bool lost;
};

/* Our own changes are told too: a table that is made anew goes and comes. */
static int look(struct nl_msg *msg, void *ctx)
{
    struct watch *watch = ctx;
    struct nlmsghdr *header = nlmsg_hdr(msg);
    struct nlattr *name = nlmsg_find_attr(header, sizeof(struct nfgenmsg), NFTA_TABLE_NAME);
    const struct nfgenmsg *general = nlmsg_data(header);
    bool gone = header->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_DELTABLE);
    bool came = header->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWTABLE);
    if ((gone || came) && general->nfgen_family == NFPROTO_INET && name != NULL &&
        nla_strcmp(name, firewall_table(watch->net)) == 0)
        watch->lost = gone;
    return NL_OK;
}

struct watch *watch_new(const struct net *net)
{
    struct watch *watch = mem_alloc(sizeof(*watch));
    watch->net = net;
    watch->socket = nl_socket_alloc();
    int code = watch->socket != NULL ? nl_connect(watch->socket, NETLINK_NETFILTER) : -NLE_NOMEM;
    if (code == 0)
        code = nl_socket_add_membership(watch->socket, NFNLGRP_NFTABLES);
    if (code == 0)
        code = nl_socket_set_nonblocking(watch->socket);
    if (code != 0) {
        log_warn("the kernel does not tell of changes to its firewall (%s): who flushes it is noticed with the next pod",
                 nl_geterror(code));
        watch_free(watch);
        return NULL;
    }
    fcntl(watch_fd(watch), F_SETFD, FD_CLOEXEC);
    nl_socket_set_buffer_size(watch->socket, QUEUE_BYTES, 0);
    nl_socket_disable_seq_check(watch->socket);
    nl_socket_modify_cb(watch->socket, NL_CB_VALID, NL_CB_CUSTOM, look, watch);
    return watch;
}

void watch_free(struct watch *watch)
{
    if (watch == NULL)
        return;
    nl_socket_free(watch->socket);
    free(watch);
}

int watch_fd(const struct watch *watch)
{
    return nl_socket_get_fd(watch->socket);
}

bool watch_lost(struct watch *watch)
{
    int code;
    watch->lost = false;
    while ((code = nl_recvmsgs_default(watch->socket)) == 0)
        ;
    /* Too much happened to be told: it may be gone, and making it anew harms nothing. */
    return watch->lost || code != -NLE_AGAIN;
}
