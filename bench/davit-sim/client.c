#include "client.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"

#define FILTERS_ID 65535 /* publications have lower ones */
#define READ_BYTES (256 * 1024)
#define OUT_CAP_BYTES (16 * 1024 * 1024)
#define IN_CAP_BYTES (8 * 1024 * 1024)

static void on_event(uv_poll_t *poll, int status, int events);

void client_init(struct client *client, uv_loop_t *loop, const struct client_events *events, void *ctx)
{
    *client = (struct client){ .loop = loop, .events = events, .ctx = ctx, .fd = -1 };
    strbuf_init(&client->out, OUT_CAP_BYTES);
    strbuf_init(&client->in, IN_CAP_BYTES);
    strbuf_init(&client->subscribe, OUT_CAP_BYTES);
}

static void on_closed(uv_handle_t *handle)
{
    struct client *client = handle->data;
    client->closing = false;
}

static void end(struct client *client)
{
    client->phase = CLIENT_DOWN;
    client->closing = true;
    uv_close((uv_handle_t *)&client->poll, on_closed);
    close(fd_steal(&client->fd));
    strbuf_free(&client->out);
    strbuf_free(&client->in);
    strbuf_free(&client->subscribe);
}

static void lost(struct client *client, const char *why, int code)
{
    if (client->phase == CLIENT_DOWN)
        return;
    end(client);
    client->events->down(client->ctx, why, code);
}

static void watch(struct client *client, int events)
{
    if (client->watched == events)
        return;
    client->watched = events;
    uv_poll_start(&client->poll, events, on_event);
}

bool client_open(struct client *client, const struct sockaddr_storage *address, const struct packet_connect *connect_packet,
                 const char *const *topics, size_t count, struct error *err)
{
    const int on = 1;
    AUTO_CLOSE int fd = socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (client->phase != CLIENT_DOWN || client->closing)
        return error_set(err, ERROR_INTERNAL, "it is open already");
    if (fd < 0)
        return error_set_errno(err, errno, "no more sockets: raise the limit of open files (ulimit -n)");
    socklen_t len = address->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    if (connect(fd, (const struct sockaddr *)address, len) != 0 && errno != EINPROGRESS)
        return error_set_errno(err, errno, "connect");
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    int failed = uv_poll_init_socket(client->loop, &client->poll, fd);
    if (failed != 0)
        return error_set(err, ERROR_IO, "the loop does not take the socket: %s", uv_strerror(failed));
    client->fd = fd_steal(&fd);
    client->poll.data = client;
    client->phase = CLIENT_CONNECTING;
    client->watched = 0;
    packet_connect(&client->out, connect_packet);
    packet_subscribe(&client->subscribe, FILTERS_ID, topics, count);
    watch(client, UV_WRITABLE);
    return true;
}

void client_publish(struct client *client, const struct packet_publish *publish)
{
    packet_publish(&client->out, publish);
}

void client_subscribe(struct client *client, const char *const *topics, size_t count)
{
    packet_subscribe(&client->out, FILTERS_ID, topics, count);
}

void client_unsubscribe(struct client *client, const char *const *topics, size_t count)
{
    packet_unsubscribe(&client->out, FILTERS_ID, topics, count);
}

void client_ping(struct client *client)
{
    packet_empty(&client->out, PACKET_PINGREQ);
    client_flush(client);
}

void client_flush(struct client *client)
{
    if (client->phase == CLIENT_DOWN)
        return;
    if (client->out.overflow) {
        lost(client, "the broker does not read", 0);
        return;
    }
    ssize_t sent = client->out.len > 0 ? send(client->fd, client->out.data, client->out.len, MSG_NOSIGNAL) : 0;
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        lost(client, strerror(errno), 0);
        return;
    }
    if (sent == (ssize_t)client->out.len) {
        strbuf_free(&client->out);
    } else if (sent > 0) {
        client->out.len -= (size_t)sent;
        memmove(client->out.data, client->out.data + sent, client->out.len + 1);
    }
    watch(client, UV_READABLE | (client->out.len > 0 ? UV_WRITABLE : 0));
}

static void take_connack(struct client *client, const struct packet *packet)
{
    if (packet->code >= PACKET_FAILED) {
        lost(client, "the broker refuses the connection", packet->code);
        return;
    }
    client->connack = *packet;
    client->phase = CLIENT_SUBSCRIBING;
    strbuf_add_bytes(&client->out, client->subscribe.data, client->subscribe.len);
    strbuf_free(&client->subscribe);
}

static void take_suback(struct client *client, const struct packet *packet)
{
    if (packet->code >= PACKET_FAILED) {
        lost(client, "the broker refuses a subscription", packet->code);
        return;
    }
    if (client->phase == CLIENT_UP) {
        client->events->subscribed(client->ctx);
        return;
    }
    client->phase = CLIENT_UP;
    client->events->up(client->ctx, &client->connack);
}

static void take(struct client *client, const struct packet *packet)
{
    switch (packet->kind) {
    case PACKET_CONNACK:
        take_connack(client, packet);
        break;
    case PACKET_SUBACK:
        take_suback(client, packet);
        break;
    case PACKET_PUBLISH:
        client->events->message(client->ctx, packet);
        if (packet->qos > 0 && client->phase != CLIENT_DOWN)
            packet_puback(&client->out, packet->id);
        break;
    case PACKET_PUBACK:
        client->events->acknowledged(client->ctx, packet->id, packet->code);
        break;
    case PACKET_DISCONNECT:
        lost(client, "the broker ends the connection", packet->code);
        break;
    default:
        break;
    }
}

/* How many bytes were whole packets. */
static size_t take_all(struct client *client, const char *data, size_t len)
{
    size_t at = 0;
    while (client->phase != CLIENT_DOWN) {
        struct packet packet;
        ptrdiff_t used = packet_read(data + at, len - at, &packet);
        if (used < 0)
            lost(client, "what the broker said is no MQTT 5", 0);
        if (used <= 0)
            break;
        at += (size_t)used;
        take(client, &packet);
    }
    return at;
}

static void receive(struct client *client)
{
    static _Thread_local char data[READ_BYTES];
    ssize_t got = recv(client->fd, data, sizeof(data), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        lost(client, got == 0 ? "connection closed" : strerror(errno), 0);
        return;
    }
    if (client->in.len == 0) {
        size_t used = take_all(client, data, (size_t)got);
        if (client->phase != CLIENT_DOWN && used < (size_t)got)
            strbuf_add_bytes(&client->in, data + used, (size_t)got - used);
        return;
    }
    strbuf_add_bytes(&client->in, data, (size_t)got);
    if (client->in.overflow) {
        lost(client, "a packet of the broker is too large", 0);
        return;
    }
    struct strbuf all = client->in;
    strbuf_init(&client->in, IN_CAP_BYTES);
    size_t used = take_all(client, all.data, all.len);
    if (client->phase != CLIENT_DOWN && used < all.len)
        strbuf_add_bytes(&client->in, all.data + used, all.len - used);
    strbuf_free(&all);
}

static void on_event(uv_poll_t *poll, int status, int events)
{
    struct client *client = poll->data;
    int problem = 0;
    socklen_t len = sizeof(problem);
    if (status != 0) {
        (void)getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &problem, &len);
        lost(client, strerror(problem != 0 ? problem : EIO), 0);
        return;
    }
    if ((events & UV_READABLE) != 0) {
        receive(client);
        client->events->rest(client->ctx);
    }
    client_flush(client);
}

void client_cut(struct client *client)
{
    const struct linger at_once = { .l_onoff = 1 };
    if (client->phase == CLIENT_DOWN)
        return;
    (void)setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    end(client);
}

void client_close(struct client *client)
{
    if (client->phase == CLIENT_DOWN)
        return;
    packet_empty(&client->out, PACKET_DISCONNECT);
    client_flush(client);
    if (client->phase != CLIENT_DOWN)
        end(client);
}
