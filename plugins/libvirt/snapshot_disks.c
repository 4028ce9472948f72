#include "config.h"

#include "snapshot_disks.h"

#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <libvirt/libvirt-qemu.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/spawn.h"
#include "connection.h"

#define QEMU_IMG "/usr/bin/qemu-img"
#define INFO_BYTES (1024 * 1024)
#define ENDING ".qcow2"
#define COUNT_OFFSET 60 /* of the number of snapshots in a qcow2's header, big-endian */

void snapshot_disks_find(const char *folder, struct snapshot_disks *out)
{
    DIR *open = opendir(folder);
    struct dirent *entry;

    *out = (struct snapshot_disks){0};
    while (open != NULL && out->count < LIMIT_VOLUMES && (entry = readdir(open)) != NULL) {
        size_t len = strlen(entry->d_name);

        if (len > strlen(ENDING) && strcmp(entry->d_name + len - strlen(ENDING), ENDING) == 0)
            out->paths[out->count++] = mem_printf("%s/%s", folder, entry->d_name);
    }
    if (open != NULL)
        closedir(open);
}

void snapshot_disks_free(struct snapshot_disks *disks)
{
    for (size_t i = 0; i < disks->count; i++)
        free(disks->paths[i]);
    *disks = (struct snapshot_disks){0};
}

/* Most have none, and need no program to say so. */
static bool has_none(const char *path)
{
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    uint32_t count;

    return fd >= 0 && pread(fd, &count, sizeof(count), COUNT_OFFSET) == sizeof(count) && be32toh(count) == 0;
}

static bool read_info(const char *path, int cancel_fd, struct json **out, struct error *err)
{
    const char *const argv[] = {QEMU_IMG, "info", "--output=json", "-U", "-f", "qcow2", path, NULL};
    AUTO_CLOSE int fd = memfd_create("info", MFD_CLOEXEC);
    struct spawn spawn = {.argv = argv, .env = spawn_plain_env, .extra_fd = -1, .cgroup_fd = -1, .out_fd = fd};
    AUTO_FREE char *text = NULL;
    size_t len;
    bool done;

    *out = NULL;
    if (fd < 0)
        return error_set_errno(err, errno, "cannot read what qemu-img says");
    done = spawn_start(&spawn, err) && spawn_wait(&spawn, cancel_fd, err);
    spawn_close(&spawn);
    if (!done || lseek(fd, 0, SEEK_SET) != 0 || !file_read_fd(fd, INFO_BYTES, &text, &len, err))
        return error_wrap(err, "%s cannot be read", path);
    *out = json_parse(text, len, err);
    return *out != NULL;
}

bool snapshot_disks_has(const struct json *list, const char *name)
{
    JSON_EACH(one, list) {
        if (strcmp(json_get_text(one, "name"), name) == 0)
            return true;
    }
    return false;
}

bool snapshot_disks_list(const char *path, struct json *list, int cancel_fd, struct error *err)
{
    struct json *info;

    if (has_none(path))
        return true;
    if (!read_info(path, cancel_fd, &info, err))
        return false;
    JSON_EACH(one, json_get(info, "snapshots")) {
        const char *name = json_get_text(one, "name");

        if (name == NULL || snapshot_disks_has(list, name))
            continue;
        struct json *out = json_add_object(list);
        json_set_text(out, "name", name);
        json_set_integer(out, "createdMs", json_get_integer(one, "date-sec", 0) * 1000 +
                                               json_get_integer(one, "date-nsec", 0) / 1000000);
    }
    json_free(info);
    return true;
}

bool snapshot_disks_change(const char *path, const char *option, const char *name, int cancel_fd, struct error *err)
{
    const char *const argv[] = {QEMU_IMG, "snapshot", "-q", option, name, path, NULL};

    return spawn_run(argv, cancel_fd, err);
}

/* ---- live */

static struct json *ask_monitor(virDomainPtr domain, struct json *command_taken, struct error *err)
{
    virConnectPtr connection = virDomainGetConnect(domain);
    AUTO_FREE char *text = json_print(command_taken);
    char *said = NULL;
    struct json *answer = NULL;

    json_free(command_taken);
    if (virDomainQemuMonitorCommand(domain, text, &said, VIR_DOMAIN_QEMU_MONITOR_COMMAND_DEFAULT) < 0) {
        connection_error(connection, err, "QEMU does not answer");
        return NULL;
    }
    answer = json_parse(said, strlen(said), err);
    free(said);
    const char *refusal = json_get_text(json_get(answer, "error"), "desc");
    if (answer == NULL || refusal == NULL)
        return answer;
    error_set(err, ERROR_INTERNAL, "QEMU refuses: %s", refusal);
    json_free(answer);
    return NULL;
}

/* The node of the disk that QEMU has of a file; NULL: it has none. */
static const char *node_of(const struct json *blocks, const char *path)
{
    AUTO_FREE char *real = realpath(path, NULL);

    JSON_EACH(block, json_get(blocks, "return")) {
        const struct json *inserted = json_get(block, "inserted");
        const char *file = json_get_text(inserted, "file");

        if (file != NULL && (strcmp(file, path) == 0 || (real != NULL && strcmp(file, real) == 0)))
            return json_get_text(inserted, "node-name");
    }
    return NULL;
}

static void add_action(struct json *actions, const char *node, const char *name)
{
    struct json *action = json_add_object(actions);
    struct json *data = json_set_object(action, "data");

    json_set_text(action, "type", "blockdev-snapshot-internal-sync");
    json_set_text(data, "device", node);
    json_set_text(data, "name", name);
}

bool snapshot_disks_take_live(virDomainPtr domain, const struct snapshot_disks *disks, const char *name, struct error *err)
{
    AUTO_JSON struct json *blocks = ask_monitor(domain, json_new_texts("execute", "query-block", NULL), err);
    struct json *command = json_new_texts("execute", "transaction", NULL);
    struct json *actions = json_set_array(json_set_object(command, "arguments"), "actions");
    struct json *answer;

    for (size_t i = 0; blocks != NULL && i < disks->count; i++) {
        const char *node = node_of(blocks, disks->paths[i]);

        if (node != NULL) /* one of an earlier document, which it has not now, needs none */
            add_action(actions, node, name);
    }
    if (blocks == NULL || json_size(actions) == 0) {
        json_free(command);
        return blocks != NULL && error_set(err, ERROR_UNSUPPORTED, "it has no disk of its own that could have a snapshot");
    }
    answer = ask_monitor(domain, command, err);
    json_free(answer);
    return answer != NULL;
}

bool snapshot_disks_delete_live(virDomainPtr domain, const struct snapshot_disks *disks, const char *name, struct error *err)
{
    AUTO_JSON struct json *blocks = ask_monitor(domain, json_new_texts("execute", "query-block", NULL), err);
    bool good = blocks != NULL;

    for (size_t i = 0; good && i < disks->count; i++) {
        const char *node = node_of(blocks, disks->paths[i]);
        AUTO_JSON struct json *list = json_new_array();
        struct json *command, *arguments;

        if (node == NULL || !snapshot_disks_list(disks->paths[i], list, -1, err) || !snapshot_disks_has(list, name))
            continue;
        command = json_new_texts("execute", "blockdev-snapshot-delete-internal-sync", NULL);
        arguments = json_set_object(command, "arguments");
        json_set_text(arguments, "device", node);
        json_set_text(arguments, "name", name);
        struct json *answer = ask_monitor(domain, command, err);
        good = answer != NULL;
        json_free(answer);
    }
    return good;
}
