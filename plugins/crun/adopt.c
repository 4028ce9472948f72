#include "config.h"

#include "adopt.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/namespace.h"
#include "bundle.h"
#include "pod.h"
#include "record.h"
#include "stream.h"
#include "watch.h"

#define FOLDER_MODE 0700

typedef bool (*entry_visitor)(struct crun *crun, const char *name, struct error *err);

static bool each_entry(struct crun *crun, const char *parent, const char *folder_name, entry_visitor visit,
                       struct error *err)
{
    AUTO_FREE char *path = mem_printf("%s/%s", parent, folder_name);
    DIR *folder = opendir(path);
    struct dirent *entry;
    bool good = true;

    if (folder == NULL)
        return error_set_errno(err, errno, "cannot read %s", path);
    while (good && (entry = readdir(folder)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            good = visit(crun, entry->d_name, err);
    }
    closedir(folder);
    return good;
}

/* crun removes the fifo when it starts the container, so it tells without asking crun. */
static bool was_started(const struct crun *crun, const struct instance *instance)
{
    AUTO_FREE char *status = crun_status_path(crun, instance->id);
    AUTO_FREE char *fifo = mem_printf("%s/exec.fifo", status);

    return access(fifo, F_OK) != 0;
}

static bool adopt_bundle(struct crun *crun, const char *id, struct error *err)
{
    struct instance *instance = record_read(crun, id, err);

    if (instance == NULL) {
        crun_log(crun, 6, "%s was left half made and is removed: %s", id, err->message);
        if (!bundle_destroy(crun, id, true, -1, err))
            crun_log(crun, 3, "%s cannot be removed: %s", id, err->message);
        return true;
    }
    if (!process_hold_again(&instance->conmon, err) || !process_hold_again(&instance->init, err)) {
        instance_free(instance);
        return false;
    }
    stream_clear(crun, id);
    instance->state = was_started(crun, instance) ? INSTANCE_RUNNING : INSTANCE_CREATED;
    if (instance->state == INSTANCE_RUNNING && instance->started_ms == 0)
        instance->started_ms = instance->created_ms;
    if (instance->state == INSTANCE_CREATED)
        instance->started_ms = 0;
    instance_add(crun, instance);
    watch_add(crun, instance);
    return true;
}

static bool drop_exit_file(struct crun *crun, const char *id, struct error *err)
{
    AUTO_FREE char *path = crun_exit_path(crun, id);

    (void)err;
    if (instance_find(crun, id) == NULL)
        unlink(path);
    return true;
}

/* Renaming is quick and removing may not be: the reboot of a device must not wait for it. */
static bool drop_upper(struct crun *crun, const char *id, struct error *err)
{
    AUTO_FREE char *from = crun_upper_path(crun, id);
    AUTO_FREE char *to = mem_printf("%s/trash/%s.%llu", crun->state_dir, id, (unsigned long long)clock_boot_ms());

    (void)err; /* no reason to run nothing: a create of the same name tries again */
    if (instance_find(crun, id) == NULL && rename(from, to) != 0)
        crun_log(crun, 4, "cannot move %s away: %s", from, strerror(errno));
    return true;
}

static bool drop_netns(struct crun *crun, const char *uid, struct error *err)
{
    AUTO_FREE char *path = pod_netns_path(crun, uid);

    if (!pod_is_known(crun, uid) && !namespace_remove(path, err))
        crun_log(crun, 4, "%s", err->message);
    return true;
}

static bool remove_trash(struct crun *crun, const char *name, struct error *err)
{
    AUTO_FREE char *path = mem_printf("%s/trash/%s", crun->state_dir, name);

    return file_remove_tree(path, err);
}

static void *sweep(void *arg)
{
    struct crun *crun = arg;
    struct error err;

    if (!each_entry(crun, crun->state_dir, "trash", remove_trash, &err))
        crun_log(crun, 4, "old writable layers stay for now: %s", err.message);
    return NULL;
}

static void start_sweep(struct crun *crun)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, sweep, crun) == 0)
        pthread_detach(thread);
}

static bool make_folders(const struct crun *crun, struct error *err)
{
    static const char *const of_run[] = {"bundles", "exits", "crun", "netns", "pods"};
    static const char *const of_state[] = {"upper", "pods", "trash"};

    for (size_t i = 0; i < sizeof(of_run) / sizeof(of_run[0]); i++) {
        AUTO_FREE char *path = mem_printf("%s/%s", crun->run_dir, of_run[i]);

        if (!file_make_dirs(path, FOLDER_MODE, err))
            return false;
    }
    for (size_t i = 0; i < sizeof(of_state) / sizeof(of_state[0]); i++) {
        AUTO_FREE char *path = mem_printf("%s/%s", crun->state_dir, of_state[i]);

        if (!file_make_dirs(path, FOLDER_MODE, err))
            return false;
    }
    return file_make_dirs(crun->log_dir, FOLDER_MODE, err);
}

bool adopt_all(struct crun *crun, struct error *err)
{
    bool good;

    if (!make_folders(crun, err) || !watch_prepare(crun, err))
        return false;
    pthread_mutex_lock(&crun->lock);
    good = each_entry(crun, crun->run_dir, "bundles", adopt_bundle, err) &&
           each_entry(crun, crun->run_dir, "exits", drop_exit_file, err) &&
           each_entry(crun, crun->run_dir, "netns", drop_netns, err) &&
           each_entry(crun, crun->state_dir, "upper", drop_upper, err);
    pthread_mutex_unlock(&crun->lock);
    if (!good)
        return false;
    start_sweep(crun);
    return watch_start(crun, err);
}
