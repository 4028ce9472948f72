#include "config.h"

#include "adopt.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "create.h"
#include "record.h"

static bool make_folders(const struct vms *vms, struct error *err)
{
    const char *const folders[][2] = {{vms->run_dir, "vms"}, {vms->state_dir, "disks"}, {vms->state_dir, "workloads"}};

    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        AUTO_FREE char *path = mem_printf("%s/%s", folders[i][0], folders[i][1]);

        if (!file_make_dirs(path, VMS_FOLDER_MODE, err))
            return false;
    }
    return file_make_dirs(vms->log_dir, VMS_FOLDER_MODE, err);
}

static void adopt(struct vms *vms, const char *id)
{
    struct error err;
    struct instance *instance = record_read(vms, id, &err);

    if (instance != NULL) {
        instance_add(vms, instance);
        return;
    }
    /* A domain that its record was lost of keeps what it has open, and goes on under its mark. */
    vms_log(vms, 6, "%s was left half made and is removed: %s", id, err.message);
    if (!create_undo(vms, id, -1, &err))
        vms_log(vms, 3, "%s cannot be removed: %s", id, err.message);
}

bool adopt_all(struct vms *vms, struct error *err)
{
    AUTO_FREE char *path = mem_printf("%s/vms", vms->run_dir);
    struct dirent *entry;
    DIR *folder;

    if (!make_folders(vms, err))
        return false;
    folder = opendir(path);
    if (folder == NULL)
        return error_set_errno(err, errno, "cannot read %s", path);
    pthread_mutex_lock(&vms->lock);
    while ((entry = readdir(folder)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            adopt(vms, entry->d_name);
    }
    pthread_mutex_unlock(&vms->lock);
    closedir(folder);
    return true;
}
