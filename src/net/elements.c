#include "config.h"

#include "net/elements.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <string.h>
#include <sys/socket.h>

#include "base/memory.h"
#include "net/firewall.h"

#define PARTS_BYTES 64
#define ANSWER_BYTES 65536

struct parts {
    unsigned char data[PARTS_BYTES];
    size_t len;
};

struct elements {
    const struct net *net;
    bool remove;
    char *buffer; /* messages, one after the other */
    size_t len;
    const char *set; /* of the element that is being put together; NULL: none is */
    struct parts key, value;
    struct parts *part;
    uint32_t sequence;
};

static void put(struct elements *elements, struct nl_msg *taken)
{
    struct nlmsghdr *header = nlmsg_hdr(taken);
    size_t size = NLMSG_ALIGN(header->nlmsg_len);
    header->nlmsg_seq = ++elements->sequence;
    elements->buffer = mem_resize(elements->buffer, elements->len + size, 1);
    memcpy(elements->buffer + elements->len, header, header->nlmsg_len);
    elements->len += size;
    nlmsg_free(taken);
}

static struct nl_msg *message(int type, int flags, int family, int resource)
{
    struct nfgenmsg general = { .nfgen_family = (uint8_t)family, .version = NFNETLINK_V0, .res_id = htons((uint16_t)resource) };
    struct nl_msg *msg = nlmsg_alloc_simple(type, NLM_F_REQUEST | flags);
    nlmsg_append(msg, &general, sizeof(general), NLMSG_ALIGNTO);
    return msg;
}

static void put_value(struct nl_msg *msg, int type, const struct parts *parts)
{
    struct nlattr *nest = nla_nest_start(msg, type | NLA_F_NESTED);
    nla_put(msg, NFTA_DATA_VALUE, (int)parts->len, parts->data);
    nla_nest_end(msg, nest);
}

/* The element that is whole goes into the commit. */
static void finish(struct elements *elements)
{
    int type = elements->remove ? NFT_MSG_DELSETELEM : NFT_MSG_NEWSETELEM;
    if (elements->set == NULL)
        return;
    struct nl_msg *msg = message(NFNL_SUBSYS_NFTABLES << 8 | type, NLM_F_ACK | (elements->remove ? 0 : NLM_F_CREATE), NFPROTO_INET, 0);
    nla_put_string(msg, NFTA_SET_ELEM_LIST_TABLE, firewall_table(elements->net));
    nla_put_string(msg, NFTA_SET_ELEM_LIST_SET, elements->set);
    struct nlattr *list = nla_nest_start(msg, NFTA_SET_ELEM_LIST_ELEMENTS | NLA_F_NESTED);
    struct nlattr *one = nla_nest_start(msg, NFTA_LIST_ELEM | NLA_F_NESTED);
    put_value(msg, NFTA_SET_ELEM_KEY, &elements->key);
    if (elements->value.len > 0)
        put_value(msg, NFTA_SET_ELEM_DATA, &elements->value);
    nla_nest_end(msg, one);
    nla_nest_end(msg, list);
    put(elements, msg);
}

struct elements *elements_begin(const struct net *net, bool remove)
{
    struct elements *elements = mem_alloc(sizeof(*elements));
    elements->net = net;
    elements->remove = remove;
    put(elements, message(NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
    return elements;
}

void elements_next(struct elements *elements, const char *set)
{
    finish(elements);
    elements->set = set;
    elements->key.len = elements->value.len = 0;
    elements->part = &elements->key;
}

/* Zeros up to the next four bytes. */
static void add(struct elements *elements, const void *data, size_t len)
{
    struct parts *part = elements->part;
    memset(part->data + part->len, 0, (len + 3) / 4 * 4);
    memcpy(part->data + part->len, data, len);
    part->len += (len + 3) / 4 * 4;
}

void elements_text(struct elements *elements, const char *interface)
{
    char name[IFNAMSIZ] = "";
    memcpy(name, interface, strnlen(interface, sizeof(name) - 1));
    add(elements, name, sizeof(name));
}

void elements_address(struct elements *elements, const char *address)
{
    unsigned char binary[sizeof(struct in6_addr)];
    bool v6 = strchr(address, ':') != NULL;
    if (inet_pton(v6 ? AF_INET6 : AF_INET, address, binary) == 1)
        add(elements, binary, v6 ? 16 : 4);
}

void elements_protocol(struct elements *elements, const char *word)
{
    unsigned char number = strcmp(word, "udp") == 0 ? IPPROTO_UDP : strcmp(word, "sctp") == 0 ? IPPROTO_SCTP : IPPROTO_TCP;
    add(elements, &number, sizeof(number));
}

void elements_port(struct elements *elements, int64_t port)
{
    uint16_t number = htons((uint16_t)port);
    add(elements, &number, sizeof(number));
}

void elements_leads_to(struct elements *elements)
{
    elements->part = &elements->value;
}

/* Everything is answered before the sending returns. 0: all is well; else an errno. */
static int answer(int fd)
{
    AUTO_FREE char *data = mem_alloc(ANSWER_BYTES);
    int failed = 0;
    for (;;) {
        ssize_t got = recv(fd, data, ANSWER_BYTES, MSG_DONTWAIT);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return failed != 0 || errno == EAGAIN ? failed : errno;
        int left = (int)got;
        for (struct nlmsghdr *header = (struct nlmsghdr *)(void *)data; nlmsg_ok(header, left) && failed == 0;
             header = nlmsg_next(header, &left)) {
            const struct nlmsgerr *said = nlmsg_data(header);
            if (header->nlmsg_type == NLMSG_ERROR)
                failed = -said->error;
        }
    }
}

bool elements_commit(struct elements *elements, struct error *err)
{
    finish(elements);
    put(elements, message(NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
    struct nl_sock *socket = nl_socket_alloc();
    int code = socket != NULL ? nl_connect(socket, NETLINK_NETFILTER) : -NLE_NOMEM;
    int failed = 0;
    if (code == 0)
        code = nl_sendto(socket, elements->buffer, elements->len);
    if (code >= 0)
        failed = answer(nl_socket_get_fd(socket));
    nl_socket_free(socket);
    free(elements->buffer);
    free(elements);
    if (code < 0)
        return error_set(err, ERROR_INTERNAL, "cannot speak to nftables: %s", nl_geterror(code));
    return failed == 0 || error_set_errno(err, failed, "nftables refuses the rules of a pod");
}
