#include "config.h"

#include "shared.h"

#include <errno.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/namespace.h"
#include "base/userns.h"
#include "pause.h"

#define FOLDER_MODE 0700
#define SHM_OPTIONS "mode=1777,size=65536k" /* as containerd has it; it counts to the memory of who fills it */

static char *folder_of(const struct crun *crun, const char *uid)
{
    return mem_printf("%s/pods/%s", crun->run_dir, uid);
}

/* Beside runDir, for who makes the pod's network has it too. The caller frees. */
static char *users_folder(const struct crun *crun)
{
    return mem_printf("%s/../userns", crun->run_dir);
}

static bool make_shm(const char *path, struct error *err)
{
    AUTO_FREE char *parent = mem_printf("%s/..", path);
    struct stat here, above;

    if (!file_make_dirs(path, FOLDER_MODE, err))
        return false;
    if (stat(path, &here) == 0 && stat(parent, &above) == 0 && here.st_dev != above.st_dev)
        return true;
    return mount("shm", path, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, SHM_OPTIONS) == 0 ||
           error_set_errno(err, errno, "cannot mount a tmpfs at %s", path);
}

static bool open_users(const struct document *document, struct shared *out, struct error *err)
{
    const struct json *users = json_get(document->pod_json, "users");
    struct userns_source source = {.folder = json_get_text(users, "folder"), .first = json_get_integer(users, "first", 0),
                                   .count = json_get_integer(users, "count", 0)};

    if (users == NULL)
        return true;
    if (source.folder == NULL || !file_path_is_safe(source.folder))
        return error_set(err, ERROR_INVALID, "pod.users.folder must be an absolute path without ..");
    out->user = mem_printf("%s/%s", source.folder, document->uid);
    return userns_open(&source, document->uid, &out->userns, &out->first, err);
}

static bool make_ipc(const struct shared *shared, struct error *err)
{
    return shared->userns < 0 ? namespace_make(shared->ipc, CLONE_NEWIPC, err)
                              : namespace_is(shared->ipc) || userns_make_namespace(shared->userns, CLONE_NEWIPC, shared->ipc, err);
}

bool shared_make(const struct crun *crun, const struct document *document, struct shared *out, struct error *err)
{
    AUTO_FREE char *folder = folder_of(crun, document->uid);

    *out = (struct shared){.userns = -1};
    if (!file_make_dirs(folder, FOLDER_MODE, err) || !open_users(document, out, err))
        return false;
    if (json_get_boolean(document->pod_json, "hostIPC", false)) {
        out->shm = mem_strdup("/dev/shm");
    } else {
        out->shm = mem_printf("%s/shm", folder);
        out->ipc = mem_printf("%s/ipc", folder);
        if (!make_shm(out->shm, err) || !make_ipc(out, err))
            return false;
    }
    if (!json_get_boolean(document->pod_json, "shareProcessNamespace", false))
        return true;
    out->pid = mem_printf("%s/pid", folder);
    return pause_make(crun, document->uid, folder, out->userns, err);
}

bool shared_release(const struct crun *crun, const char *uid, bool users_too, struct error *err)
{
    AUTO_FREE char *folder = folder_of(crun, uid);
    AUTO_FREE char *ipc = mem_printf("%s/ipc", folder);
    AUTO_FREE char *shm = mem_printf("%s/shm", folder);
    AUTO_FREE char *users = users_folder(crun);

    if (!pause_end(crun, uid, folder, err) || !namespace_remove(ipc, err))
        return false;
    while (umount2(shm, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
        ;
    return !users_too || userns_remove(users, uid, err);
}

void shared_free(struct shared *shared)
{
    free(shared->ipc);
    free(shared->pid);
    free(shared->shm);
    free(shared->user);
    fd_close_at(&shared->userns);
}
