#include "config.h"

#include "workload.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/address.h"
#include "base/file.h"
#include "base/memory.h"

#define NOTE_BYTES 65536
#define NOTE_MODE 0600
#define NAME_IN_PATH 120 /* so that namespace_name_uid stays below the 255 bytes of a file name */
#define LOG_BACKUPS 16   /* more than virtlogd is told to keep */

static char *note_path(const struct vms *vms, const char *uid)
{
    return mem_printf("%s/workloads/%s", vms->state_dir, uid);
}

bool workload_note(const struct vms *vms, const char *uid, const char *object, const struct json *raw, struct error *err)
{
    AUTO_JSON struct json *json = json_new_texts("object", object, NULL);
    AUTO_FREE char *path = note_path(vms, uid);
    AUTO_FREE char *text = NULL;
    AUTO_FREE char *before = NULL;
    struct error ignored; /* there may be none */
    size_t len;

    json_set(json, "raw", json_copy(raw));
    text = json_print(json);
    if (file_read_regular(path, NOTE_BYTES, &before, &len, &ignored) && strcmp(before, text) == 0)
        return true;
    return file_write_atomic(path, text, strlen(text), NOTE_MODE, true, err);
}

struct json *workload_read(const struct vms *vms, const char *uid)
{
    AUTO_FREE char *path = note_path(vms, uid);
    AUTO_FREE char *text = NULL;
    struct error ignored; /* there may be none */
    size_t len;

    return file_read_regular(path, NOTE_BYTES, &text, &len, &ignored) ? json_parse(text, len, &ignored) : NULL;
}

bool workload_release(const struct vms *vms, const char *uid, bool gone, const char *object, struct error *err)
{
    AUTO_JSON struct json *note = workload_read(vms, uid);
    AUTO_FREE char *path = note_path(vms, uid);
    AUTO_FREE char *run_dir = NULL;
    const struct disk_place place = vms_disk_place(vms, uid, -1, &run_dir);
    const char *known = object != NULL ? object : json_get_text(note, "object");
    AUTO_FREE char *ending = mem_printf("_%s", uid); /* of its folder of logs */

    return (!gone || known == NULL || disk_forget(&place, known, err)) && file_remove_ending(vms->log_dir, ending, err) &&
           file_remove_tree(path, err);
}

void workload_list(const struct vms *vms, struct json *array)
{
    AUTO_FREE char *path = mem_printf("%s/workloads", vms->state_dir);
    DIR *folder = opendir(path);
    struct dirent *entry;

    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        if (address_uid_is_valid(entry->d_name))
            json_add_text(array, entry->d_name);
    }
    if (folder != NULL)
        closedir(folder);
}

char *workload_log(const struct vms *vms, const char *namespace_, const char *name, const char *uid,
                   const char *container, int64_t attempt)
{
    return mem_printf("%s/%s_%.*s_%s/%s/%lld.log", vms->log_dir, namespace_, NAME_IN_PATH, name, uid, container,
                      (long long)attempt);
}

bool workload_prepare_log(const char *log_path, int64_t attempt, struct error *err)
{
    AUTO_FREE char *folder = mem_strndup(log_path, (size_t)(strrchr(log_path, '/') - log_path));
    AUTO_FREE char *older = mem_printf("%s/%lld.log", folder, (long long)attempt - 2);

    unlink(older);
    for (int i = 0; i < LOG_BACKUPS; i++) { /* virtlogd puts aside what is too large */
        AUTO_FREE char *aside = mem_printf("%s.%d", older, i);

        unlink(aside);
    }
    return file_make_dirs(folder, VMS_FOLDER_MODE, err);
}
