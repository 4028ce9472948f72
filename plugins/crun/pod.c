#include "config.h"

#include "pod.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/namespace.h"
#include "base/rotated.h"
#include "base/userns.h"
#include "cgroup.h"
#include "volume.h"

#define FOLDER_MODE 0700
#define POD_NAME_IN_PATH 120 /* so that namespace_name_uid stays below the 255 bytes of a file name */

/* It is made first and removed last, so it says whether anything of a pod is left. */
static char *pod_folder(const struct crun *crun, const char *uid)
{
    return mem_printf("%s/pods/%s", crun->state_dir, uid);
}

char *pod_netns_path(const struct crun *crun, const char *uid)
{
    return mem_printf("%s/netns/%s", crun->run_dir, uid);
}

static char *log_folder(const struct crun *crun, const struct document *document)
{
    return mem_printf("%s/%s_%.*s_%s/%s", crun->log_dir, document->namespace_, POD_NAME_IN_PATH, document->pod,
                      document->uid, document->container_name);
}

char *pod_log_path(const struct crun *crun, const struct document *document)
{
    AUTO_FREE char *folder = log_folder(crun, document);

    return mem_printf("%s/%lld.log", folder, (long long)document->attempt);
}

bool pod_is_known(const struct crun *crun, const char *uid)
{
    AUTO_FREE char *folder = pod_folder(crun, uid);

    return access(folder, F_OK) == 0;
}

static bool make_network(const char *path, const struct shared *shared, struct error *err)
{
    return shared->userns < 0 ? namespace_make(path, CLONE_NEWNET, err)
                              : namespace_is(path) || userns_make_namespace(shared->userns, CLONE_NEWNET, path, err);
}

bool pod_prepare(const struct crun *crun, const struct document *document, bool *made, struct shared *shared,
                 struct error *err)
{
    AUTO_FREE char *folder = pod_folder(crun, document->uid);
    AUTO_FREE char *netns = pod_netns_path(crun, document->uid);
    AUTO_FREE char *logs = log_folder(crun, document);

    *made = mkdir(folder, FOLDER_MODE) == 0;
    if (!*made && errno != EEXIST)
        return error_set_errno(err, errno, "cannot make %s", folder);
    if (!shared_make(crun, document, shared, err))
        return false;
    if (!document->host_network && document->netns == NULL && !make_network(netns, shared, err))
        return false;
    /* As the kubelet: the log of the attempt before stays, older ones go. */
    AUTO_FREE char *older = mem_printf("%s/%lld.log", logs, (long long)document->attempt - 2);
    rotated_remove(older);
    return file_make_dirs(logs, FOLDER_MODE, err);
}

bool pod_release(const struct crun *crun, const char *uid, bool users_too, struct error *err)
{
    AUTO_FREE char *folder = pod_folder(crun, uid);
    AUTO_FREE char *netns = pod_netns_path(crun, uid);

    if (!shared_release(crun, uid, users_too, err))
        return false;
    cgroup_remove_pod(crun, uid);
    AUTO_FREE char *run = mem_printf("%s/pods/%s", crun->run_dir, uid);
    AUTO_FREE char *logs = mem_printf("_%s", uid); /* how its folder of logs ends */
    return namespace_remove(netns, err) && volume_release(crun, uid, err) && file_remove_tree(run, err) &&
           file_remove_ending(crun->log_dir, logs, err) && file_remove_tree(folder, err);
}

bool pod_empty(const struct crun *crun, const char *uid, struct error *err)
{
    AUTO_FREE char *folder = pod_folder(crun, uid);
    AUTO_FREE char *volumes = mem_printf("%s/volumes", folder);

    return volume_release(crun, uid, err) && file_remove_tree(volumes, err);
}

void pod_list(const struct crun *crun, struct json *array)
{
    AUTO_FREE char *path = mem_printf("%s/pods", crun->state_dir);
    DIR *folder = opendir(path);
    struct dirent *entry;

    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        if (address_uid_is_valid(entry->d_name))
            json_add_text(array, entry->d_name);
    }
    if (folder != NULL)
        closedir(folder);
}
