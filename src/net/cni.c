#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "davit/limits.h"
#include "net/net.h"

#define CNI_TIMEOUT_MS 30000
#define ENV_COUNT 7

/* ---- one plugin */

static char *find_plugin(const struct net *net, const char *type, struct error *err)
{
    AUTO_FREE char *folders = mem_strdup(net->cni_path);
    char *rest = folders;
    if (type != NULL && strchr(type, '/') == NULL)
        for (char *folder; (folder = strsep(&rest, ":")) != NULL;) {
            char *path = mem_printf("%s/%s", folder, type);
            if (access(path, X_OK) == 0)
                return path;
            free(path);
        }
    error_set(err, ERROR_NOT_FOUND, "there is no CNI plugin \"%.60s\" in %.200s: install the package containernetworking-plugins",
              type != NULL ? type : "", net->cni_path);
    return NULL;
}

/* What the plugin says until it closes its output; NULL when it takes too long. */
static char *read_answer(int fd, pid_t pid)
{
    AUTO_STRBUF struct strbuf said;
    char data[4096];
    uint64_t due = clock_boot_ms() + CNI_TIMEOUT_MS;
    strbuf_init(&said, LIMIT_CNI_BYTES);
    for (;;) {
        uint64_t now = clock_boot_ms();
        struct pollfd wait = { .fd = fd, .events = POLLIN };
        if (now >= due || poll(&wait, 1, (int)(due - now)) == 0) {
            kill(pid, SIGKILL);
            return NULL;
        }
        ssize_t got = read(fd, data, sizeof(data));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return strbuf_steal(&said);
        strbuf_add_bytes(&said, data, (size_t)got);
    }
}

static bool spawn_plugin(const char *path, char *const env[], int in, int out, pid_t *pid, struct error *err)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, usual;
    char *const argv[] = { (char *)path, NULL };
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    sigemptyset(&none);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    posix_spawnattr_setsigdefault(&attributes, &usual);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int failed = posix_spawn(pid, path, &actions, &attributes, argv, env);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return failed == 0 || error_set_errno(err, failed, "cannot run %s", path);
}

/* The configuration lies in a file without a name: a plugin that does not read it blocks nobody. */
static int input_of(const struct json *config)
{
    AUTO_FREE char *text = json_print(config);
    FILE *file = tmpfile();
    int fd = file != NULL ? fcntl(fileno(file), F_DUPFD_CLOEXEC, 3) : -1;
    if (fd >= 0 && (write(fd, text, strlen(text)) != (ssize_t)strlen(text) || lseek(fd, 0, SEEK_SET) != 0)) {
        close(fd);
        fd = -1;
    }
    if (file != NULL)
        fclose(file);
    return fd;
}

static struct json *judge(const char *path, char *said, int status, struct error *err)
{
    struct error why;
    struct json *answer = said != NULL && said[0] != '\0' ? json_parse(said, strlen(said), &why) : json_new_object();
    if (said != NULL && status == 0 && answer != NULL)
        return answer;
    const char *message = json_get_text(answer, "msg");
    error_set(err, ERROR_INTERNAL, "%s: %.300s", path,
              said == NULL ? "it did not answer within 30 s" : message != NULL ? message : "it failed, and said nothing");
    json_free(answer);
    return NULL;
}

static struct json *run_plugin(const char *path, char *const env[], const struct json *config, struct error *err)
{
    int out[2];
    pid_t pid = 0;
    int status = -1;
    AUTO_CLOSE int in = input_of(config);
    if (in < 0 || pipe2(out, O_CLOEXEC) != 0) {
        error_set_errno(err, errno, "cannot run %s", path);
        return NULL;
    }
    bool good = spawn_plugin(path, env, in, out[1], &pid, err);
    close(out[1]);
    AUTO_FREE char *said = good ? read_answer(out[0], pid) : NULL;
    close(out[0]);
    if (!good)
        return NULL;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return judge(path, said, status, err);
}

/* ---- a list of them */

static struct json *read_list(const struct net *net, const char *network, struct error *err)
{
    static const char *const endings[] = { "conflist", "conf" };
    if (network[0] == '.' || strchr(network, '/') != NULL) {
        error_set(err, ERROR_INVALID, "\"%.60s\" is no name of a network", network);
        return NULL;
    }
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        AUTO_FREE char *path = mem_printf("%s/%s.%s", net->cni_dir, network, endings[i]);
        AUTO_FREE char *text = NULL;
        size_t len = 0;
        if (access(path, F_OK) != 0)
            continue;
        if (!file_read_regular(path, LIMIT_CNI_BYTES, &text, &len, err))
            return NULL;
        struct json *json = json_parse(text, len, err);
        if (json == NULL)
            error_wrap(err, "%s", path);
        return json;
    }
    error_set(err, ERROR_NOT_FOUND, "there is no network \"%.60s\": neither %s/%.60s.conflist nor .conf", network, net->cni_dir,
              network);
    return NULL;
}

/* CNI: a plugin's configuration is its own entry, with the list's name and version, and what the one before it said. */
static struct json *config_for(const struct json *list, const struct json *plugin, const struct json *before)
{
    struct json *config = json_copy(plugin);
    const char *version = json_get_text(list, "cniVersion");
    json_set_text(config, "cniVersion", version != NULL ? version : "0.4.0");
    json_set_text(config, "name", json_get_text(list, "name"));
    if (before != NULL && json_size(before) > 0)
        json_set(config, "prevResult", json_copy(before));
    return config;
}

static void environment(const struct net *net, const char *command, const char *uid, const char *interface,
                        char *env[ENV_COUNT])
{
    size_t n = 0;
    env[n++] = mem_printf("CNI_COMMAND=%s", command);
    env[n++] = mem_printf("CNI_CONTAINERID=%s", uid);
    env[n++] = mem_printf("CNI_NETNS=%s/%s", net->netns_dir, uid);
    env[n++] = mem_printf("CNI_IFNAME=%s", interface);
    env[n++] = mem_printf("CNI_PATH=%s", net->cni_path);
    env[n++] = mem_strdup("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    env[n] = NULL;
}

static struct json *run_one(const struct net *net, const struct json *list, const struct json *plugin, char *const env[],
                            const struct json *before, struct error *err)
{
    AUTO_FREE char *path = find_plugin(net, json_get_text(plugin, "type"), err);
    if (path == NULL)
        return NULL;
    AUTO_JSON struct json *config = config_for(list, plugin, before);
    return run_plugin(path, env, config, err);
}

static const struct json *plugin_at(const struct json *plugins, size_t index)
{
    const struct json *plugin = json_first(plugins);
    while (plugin != NULL && index-- > 0)
        plugin = json_next(plugin);
    return plugin;
}

static struct json *run_list(const struct net *net, const struct json *list, char *const env[], bool add, struct error *err)
{
    const struct json *plugins = json_get(list, "plugins");
    size_t count = json_type(plugins) == JSON_ARRAY ? json_size(plugins) : 0;
    struct json *result = json_new_object();
    if (count == 0) { /* a configuration of one plugin */
        json_free(result);
        return run_one(net, list, list, env, NULL, err);
    }
    for (size_t i = 0; i < count; i++) {
        struct json *next = run_one(net, list, plugin_at(plugins, add ? i : count - 1 - i), env, add ? result : NULL, err);
        json_free(result);
        result = next;
        if (result == NULL)
            return NULL;
    }
    return result;
}

static struct json *run(const struct net *net, const char *command, const char *uid, const char *network,
                        const char *interface, struct error *err)
{
    AUTO_JSON struct json *list = read_list(net, network, err);
    char *env[ENV_COUNT];
    if (list == NULL)
        return NULL;
    environment(net, command, uid, interface, env);
    struct json *result = run_list(net, list, env, strcmp(command, "ADD") == 0, err);
    for (size_t i = 0; env[i] != NULL; i++)
        free(env[i]);
    if (result == NULL)
        error_wrap(err, "network %.60s", network);
    return result;
}

struct json *cni_add(const struct net *net, const char *uid, const char *network, const char *interface, struct error *err)
{
    return run(net, "ADD", uid, network, interface, err);
}

bool cni_del(const struct net *net, const char *uid, const char *network, const char *interface, struct error *err)
{
    AUTO_JSON struct json *result = run(net, "DEL", uid, network, interface, err);
    return result != NULL;
}
