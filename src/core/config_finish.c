/* After the last source: defaults, and what must fit together. */
#include <arpa/inet.h>
#include <string.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/memory.h"
#include "core/config.h"
#include "davit/limits.h"
#include "image/platform.h"
#include "protocol/names.h"

#define LOG_MIN_BYTES (64 * 1024)

/* The same on each start, another on each machine, and not the machine id itself. */
static char *name_of_machine(struct error *err)
{
    AUTO_FREE char *id = NULL;
    size_t len = 0;
    if (!file_read("/etc/machine-id", 64, &id, &len, err) || len < 32) {
        error_set(err, ERROR_INVALID, "this machine has no /etc/machine-id: set [node] name=");
        return NULL;
    }
    char hex[DIGEST_HEX_BYTES];
    AUTO_FREE char *salted = mem_printf("davit node %.32s", id);
    digest_of(salted, strlen(salted), hex);
    return mem_printf("node-%.12s", hex);
}

/* "10.213.0.0/16": an IPv4 network, with room for a few pods. */
static bool check_subnet(const char *text, struct error *err)
{
    struct in_addr address;
    const char *slash = strchr(text, '/');
    AUTO_FREE char *head = mem_printf("%.*s", slash != NULL ? (int)(slash - text) : 0, text);
    char *end = NULL;
    unsigned long bits = slash != NULL ? strtoul(slash + 1, &end, 10) : 0;
    bool good = inet_pton(AF_INET, head, &address) == 1 && end != slash + 1 && *end == '\0' && bits >= 8 && bits <= 28;
    return good || error_set(err, ERROR_INVALID, "[network] subnet=%.60s must be an IPv4 network from /8 to /28, as 10.213.0.0/16",
                             text);
}

/* Labels that every node of Kubernetes has; what is configured stands. */
static void add_own_labels(const struct config *config)
{
    const char *platform = machine_platform(machine_here()); /* "linux/arm/v7" */
    const char *architecture = strchr(platform, '/') + 1;
    AUTO_FREE char *arch = mem_printf("%.*s", (int)strcspn(architecture, "/"), architecture);
    const char *const labels[][2] = { { "kubernetes.io/hostname", config->node }, { "kubernetes.io/os", "linux" },
                                      { "kubernetes.io/arch", arch },             { "beta.kubernetes.io/os", "linux" },
                                      { "beta.kubernetes.io/arch", arch } };
    for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++)
        if (json_get(config->labels, labels[i][0]) == NULL)
            json_set_text(config->labels, labels[i][0], labels[i][1]);
}

/* "fd00:da::/64": an IPv6 network with room for as many as subnet= has; "": none. */
static bool check_subnet6(const struct network_config *network, struct error *err)
{
    struct in6_addr address;
    const char *text = network->subnet6, *slash = strchr(text, '/');
    AUTO_FREE char *head = mem_printf("%.*s", slash != NULL ? (int)(slash - text) : 0, text);
    char *end = NULL;
    unsigned long bits = slash != NULL ? strtoul(slash + 1, &end, 10) : 0;
    unsigned long bits4 = strtoul(strchr(network->subnet, '/') + 1, NULL, 10);
    if (text[0] == '\0')
        return true;
    bool good = inet_pton(AF_INET6, head, &address) == 1 && end != slash + 1 && *end == '\0' && bits >= 16 && bits <= 96 + bits4;
    for (unsigned long i = bits; good && i < 128; i++)
        good = (address.s6_addr[i / 8] >> (7 - i % 8) & 1) == 0;
    return good || error_set(err, ERROR_INVALID,
                             "[network] subnet6=%.60s must be an IPv6 network from /16 to /%lu (as many addresses as subnet= has), "
                             "as fd00:da::/64", text, 96 + bits4);
}

bool config_finish(struct config *config, struct error *err)
{
    if (config->logs.max_bytes < LOG_MIN_BYTES || config->logs.max_bytes > LIMIT_LOG_BYTES / 2)
        return error_set(err, ERROR_INVALID, "[logs] max_size= must be from 64K to 512M");
    if (!check_subnet(config->network.subnet, err) || !check_subnet6(&config->network, err))
        return false;
    if (config->node == NULL)
        config->node = name_of_machine(err);
    if (config->node == NULL)
        return false;
    if (!name_is_node(config->node))
        return error_set(err, ERROR_INVALID, "[node] name=%.80s is no DNS subdomain", config->node);
    if (config->site != NULL && !name_is_node(config->site))
        return error_set(err, ERROR_INVALID, "[node] site=%.80s is no DNS subdomain", config->site);
    if (!name_is_root(config->root))
        return error_set(err, ERROR_INVALID, "[broker] root=%.80s must be one to four topic levels of A-Z a-z 0-9 - _ .",
                         config->root);
    static const char *const schemes[] = { "mqtt://", "mqtts://", "ws://", "wss://" };
    bool known = false;
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
        known = known || strncmp(config->url, schemes[i], strlen(schemes[i])) == 0;
    if (!known)
        return error_set(err, ERROR_INVALID, "[broker] url=%.80s must begin with mqtt:// mqtts:// ws:// or wss://",
                         config->url);
    if (config->crun.enabled && config->fake.enabled)
        return error_set(err, ERROR_INVALID, "[runtime.crun] and [runtime.fake] cannot both run pods: set enabled=no in one");
    if ((config->cert_file == NULL) != (config->key_file == NULL))
        return error_set(err, ERROR_INVALID, "[broker] cert_file= and key_file= go together");
    add_own_labels(config);
    return true;
}
