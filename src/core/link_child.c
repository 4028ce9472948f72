#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "core/daemon.h"
#include "core/report.h"
#include "davit/limits.h"
#include "protocol/topic.h"

#define WILL_DELAY_S 5             /* a break shorter than this is no outage */
#define SESSION_EXPIRY_S (7 * 86400)
#define MIN_DELAY_MS 1000

/* A file's content in memory, for the link, which may not read the file itself. -1: none, or told of in the log. */
static int memfd_of(const char *path, const char *what)
{
    AUTO_FREE char *data = NULL;
    size_t len = 0;
    struct error err;
    if (path == NULL)
        return -1;
    if (!file_read(path, LIMIT_CONFIG_BYTES, &data, &len, &err)) {
        log_error("cannot read [broker] %s: %s", what, err.message);
        return -1;
    }
    int fd = memfd_create(what, MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, len) != (ssize_t)len || lseek(fd, 0, SEEK_SET) != 0) {
        log_error("cannot hold %s in memory: %s", what, strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    return fd;
}

static struct json *add_subscription(struct json *list, char *topic_taken)
{
    AUTO_FREE char *topic = topic_taken;
    struct json *one = json_add_object(list);
    json_set_text(one, "topic", topic);
    json_set_integer(one, "qos", 1);
    return one;
}

static void add_subscriptions(const struct core *core, struct json *head)
{
    const struct config *config = core->config;
    const struct text_list *groups = &core->node.groups;
    struct json *list = json_set_array(head, "subscribe");
    /* The nonce's topic first: it must be there before the flood ends. */
    add_subscription(list, topic_node(config->root, config->node, "sync", NULL));
    /* Twice: a broker that shows a kept message to the first one only shows none of the documents (core: narrow). */
    add_subscription(list, topic_node(config->root, config->node, "presence", NULL));
    add_subscription(list, topic_node(config->root, config->node, "presence/#", NULL));
    add_subscription(list, mem_printf("%s/nodes/%s/desired/#", config->root, config->node));
    /* One that was published retained is refused, also while the node is there. */
    json_set_boolean(add_subscription(list, mem_printf("%s/nodes/%s/request/+/+", config->root, config->node)), "asPublished", true);
    add_subscription(list, mem_printf("%s/groups/all/desired/#", config->root));
    for (size_t i = 0; i < groups->count; i++)
        add_subscription(list, mem_printf("%s/groups/%s/desired/#", config->root, groups->items[i]));
}

static struct json *connect_head(const struct daemon *daemon)
{
    const struct config *config = daemon->config;
    struct json *head = json_new_texts("op", "connect", "url", config->url, NULL);
    /* One node of one root is one client; two of them are told apart by the broker's own word (0x8E). */
    AUTO_FREE char *client = mem_printf("davit-%s-%s", config->root, config->node);
    for (char *c = client; *c != '\0'; c++)
        *c = *c == '/' ? '-' : *c;
    json_set_text(head, "clientId", client);
    json_set_boolean(head, "cleanStart", false);
    json_set_integer(head, "sessionExpiry", SESSION_EXPIRY_S);
    json_set_integer(head, "keepalive", config->keepalive_s);
    json_set_text(head, "username", config->username);
    json_set_text(head, "proxy", config->proxy);
    json_set_text(head, "proxyUsername", config->proxy_username);
    struct json *no_proxy = json_set_array(head, "noProxy");
    for (size_t i = 0; i < config->no_proxy.count; i++)
        json_add_text(no_proxy, config->no_proxy.items[i]);
    json_set_boolean(head, "reconnect", true);
    json_set_integer(head, "minDelayMs", config->reconnect_max_ms < MIN_DELAY_MS ? config->reconnect_max_ms : MIN_DELAY_MS);
    json_set_integer(head, "maxDelayMs", config->reconnect_max_ms);
    struct json *will = json_set_object(head, "will");
    AUTO_FREE char *topic = topic_node(config->root, config->node, "presence", NULL);
    AUTO_FREE char *payload = report_will(daemon->core);
    json_set_text(will, "topic", topic);
    json_set_text(will, "payload", payload);
    json_set_integer(will, "qos", 1);
    json_set_boolean(will, "retain", true);
    json_set_integer(will, "delay", WILL_DELAY_S);
    add_subscriptions(daemon->core, head);
    return head;
}

static void on_up(void *ctx)
{
    struct daemon *daemon = ctx;
    const struct config *config = daemon->config;
    const struct {
        const char *name;
        const char *path;
    } files[] = { { "password", config->password_file }, { "ca", config->ca_file }, { "cert", config->cert_file },
                  { "key", config->key_file }, { "proxyPassword", config->proxy_password_file } };
    struct json *head = connect_head(daemon);
    struct json *names = json_set_array(head, "fds");
    int fds[sizeof(files) / sizeof(files[0])];
    size_t count = 0;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        int fd = memfd_of(files[i].path, files[i].name);
        if (fd < 0)
            continue;
        json_add_text(names, files[i].name);
        fds[count++] = fd;
    }
    peer_send_fds(daemon->link, head, NULL, 0, fds, count);
    peer_pause(daemon->link, daemon->core->link.paused); /* said to the one before, and what waits is here still */
    for (size_t i = 0; i < count; i++)
        close(fds[i]);
}

static void on_frame(void *ctx, struct frame *frame)
{
    struct daemon *daemon = ctx;
    struct frame_view view = { .head = frame->head, .body = frame->body, .body_len = frame->body_len };
    core_link_frame(daemon->core, &view);
    daemon_settle(daemon);
}

static void on_down(void *ctx, const struct error *why)
{
    struct daemon *daemon = ctx;
    core_link_down(daemon->core, why->message);
    daemon_settle(daemon);
}

void daemon_link_start(struct daemon *daemon)
{
    if (daemon->link != NULL || daemon->ending)
        return;
    AUTO_FREE char *program = mem_printf("%s/davit-link", daemon->config->libexec_dir);
    const char *const argv[] = { program, NULL };
    struct peer_options options = { .name = "davit-link", .argv = argv, .stdin_fd = -1,
                                    .on_up = on_up, .on_frame = on_frame, .on_down = on_down };
    daemon->link = peer_new(daemon->loop, &options, daemon);
}
