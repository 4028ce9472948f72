#include "config.h"

#include "bundle.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/resolv.h"
#include "cgroup.h"
#include "conmon.h"
#include "record.h"
#include "rootfs.h"
#include "volume.h"

#define FOLDER_MODE 0700
#define FILE_MODE 0644 /* what the container sees in /etc */
#define END_PROCESSES_MS 5000
#define HOST_FILE_BYTES (256 * 1024)

static bool write_file(const char *bundle, const char *name, const char *text, struct error *err)
{
    AUTO_FREE char *path = mem_printf("%s/%s", bundle, name);

    return file_write_atomic(path, text, strlen(text), FILE_MODE, false, err);
}

/* The host's file; "" where it has none. */
static char *read_host_file(const char *path)
{
    struct error err;
    char *text;
    size_t len;

    return file_read(path, HOST_FILE_BYTES, &text, &len, &err) ? text : mem_strdup("");
}

/* Of a pod in the host's network: the host's own, as the kubelet passes it on. */
static char *host_hosts(const struct document *document)
{
    const char *aliases = json_get_text(document->pod_json, "hostAliases");
    AUTO_FREE char *text = read_host_file("/etc/hosts");

    return mem_printf("# Kubernetes-managed hosts file (host network).\n%s%s", text, aliases != NULL ? aliases : "");
}

static bool write_hosts(const char *bundle, const struct document *document, const char *hostname, struct error *err)
{
    const char *given = json_get_text(document->pod_json, "hosts");
    AUTO_FREE char *text = given != NULL            ? mem_strdup(given)
                           : document->host_network
                               ? host_hosts(document)
                               : mem_printf("127.0.0.1\tlocalhost %s\n"
                                            "::1\tlocalhost ip6-localhost ip6-loopback\n"
                                            "fe00::0\tip6-localnet\nff00::0\tip6-mcastprefix\n"
                                            "ff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n", hostname);

    return write_file(bundle, "hosts", text, err);
}

static bool write_pod_files(const char *bundle, const struct document *document, const char *hostname,
                            struct error *err)
{
    AUTO_FREE char *name = mem_printf("%s\n", hostname);
    const char *given = json_get_text(document->pod_json, "resolvConf");
    const struct json *dns = json_get(document->pod_json, "dns");
    AUTO_FREE char *host = given == NULL ? read_host_file("/etc/resolv.conf") : NULL;
    AUTO_FREE char *resolv = given != NULL ? mem_strdup(given) : dns != NULL ? resolv_merge(host, dns) : mem_strdup(host);

    return write_hosts(bundle, document, hostname, err) && write_file(bundle, "hostname", name, err) &&
           write_file(bundle, "resolv.conf", resolv, err);
}

bool bundle_make(const struct crun *crun, const struct document *document, const char *hostname,
                 const char *cgroups_path, struct error *err)
{
    AUTO_FREE char *bundle = crun_bundle_path(crun, document->id);
    AUTO_FREE char *cgroup = mem_printf("%s/cgroup", bundle);

    if (access(bundle, F_OK) == 0 && !bundle_destroy(crun, document->id, true, -1, err))
        return error_wrap(err, "what an earlier try left");
    if (mkdir(bundle, FOLDER_MODE) != 0)
        return error_set_errno(err, errno, "cannot make %s", bundle);
    /* a link, for it is written in one call: whoever clears away knows the cgroup from the first moment on */
    if (symlink(cgroups_path, cgroup) != 0)
        return error_set_errno(err, errno, "cannot write %s", cgroup);
    return write_pod_files(bundle, document, hostname, err);
}

/* crun's own delete where crun knows the container; a folder that a killed `crun create` left is just a folder. */
static bool delete_state(const struct crun *crun, const char *id, bool force, int cancel_fd, struct error *err)
{
    AUTO_FREE char *status = crun_status_path(crun, id);

    if (access(status, F_OK) != 0 || conmon_run_crun(crun, "delete", force ? "--force" : NULL, id, cancel_fd, err))
        return true;
    return (force && file_remove_tree(status, err)) || access(status, F_OK) != 0;
}

static void remove_cgroup(const char *bundle)
{
    AUTO_FREE char *link = mem_printf("%s/cgroup", bundle);
    char path[PATH_MAX];
    ssize_t len = readlink(link, path, sizeof(path) - 1);

    if (len <= 0)
        return;
    path[len] = '\0';
    cgroup_remove(path);
}

bool bundle_destroy(const struct crun *crun, const char *id, bool half_made, int cancel_fd, struct error *err)
{
    AUTO_FREE char *bundle = crun_bundle_path(crun, id);
    AUTO_FREE char *exit_file = crun_exit_path(crun, id);
    AUTO_FREE char *subpaths = mem_printf("%s/subpaths", bundle);

    record_remove(crun, id);
    if (half_made && !process_end_naming(bundle, END_PROCESSES_MS, err))
        return false;
    if (!delete_state(crun, id, half_made, cancel_fd, err))
        return false;
    rootfs_unmount(crun, id);
    volume_unmount(subpaths);
    if (!rootfs_remove_upper(crun, id, err))
        return false;
    remove_cgroup(bundle);
    unlink(exit_file);
    return file_remove_tree(bundle, err);
}
