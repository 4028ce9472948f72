#include "config.h"

#include "disk.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "disk_part.h"

#define FOLDER_MODE 0711 /* QEMU's user finds what it is told of, and cannot look around */
#define OBJECT_KIND "virtualmachines"

static bool is_name(const char *text, size_t len, size_t most, const char *more)
{
    if (len == 0 || len > most || text[0] == '-' || text[0] == '.')
        return false;
    for (size_t i = 0; i < len; i++) {
        if (strchr("abcdefghijklmnopqrstuvwxyz0123456789-", text[i]) == NULL && strchr(more, text[i]) == NULL)
            return false;
    }
    return true;
}

static bool is_label(const char *text)
{
    return text != NULL && is_name(text, strlen(text), LIMIT_LABEL_BYTES, "");
}

char *disk_folder(const struct disk_place *place, const char *object, struct error *err)
{
    size_t space_len = strcspn(object == NULL ? "" : object, "/");
    const char *kind = object != NULL && object[space_len] == '/' ? object + space_len + 1 : "";
    size_t kind_len = strcspn(kind, "/");
    const char *name = kind[kind_len] == '/' ? kind + kind_len + 1 : "";
    bool usual = kind_len == strlen(OBJECT_KIND) && strncmp(kind, OBJECT_KIND, kind_len) == 0;

    if (!is_name(object == NULL ? "" : object, space_len, LIMIT_LABEL_BYTES, "") ||
        !is_name(kind, kind_len, LIMIT_LABEL_BYTES, "") || !is_name(name, strlen(name), LIMIT_NAME_BYTES, ".")) {
        error_set(err, ERROR_INVALID, "vm.object %s is no NAMESPACE/KIND/NAME", object == NULL ? "(nothing)" : object);
        return NULL;
    }
    /* Of another kind with the same name: another object, with disks of its own. */
    return usual ? mem_printf("%s/disks/%.*s.%s", place->state_dir, (int)space_len, object, name)
                 : mem_printf("%s/disks/%.*s.%s@%.*s", place->state_dir, (int)space_len, object, name, (int)kind_len, kind);
}

const struct disk *disk_find(const struct disk_list *list, const char *volume)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->disks[i].volume, volume) == 0)
            return &list->disks[i];
    }
    return NULL;
}

static const struct {
    const char *key;
    bool (*prepare)(struct disk_job *job, const struct json *volume, struct disk *disk, struct error *err);
} kinds[] = {
    {"image", disk_prepare_image}, {"claim", disk_prepare_claim}, {"emptyDisk", disk_prepare_empty},
    {"hostDisk", disk_prepare_host}, {"cloudInit", disk_prepare_cloud_init}, {"files", disk_prepare_files},
};

static bool prepare_volume(struct disk_job *job, const struct json *volume, struct disk_list *out, struct error *err)
{
    const char *name = json_get_text(volume, "name");

    if (!is_label(name))
        return error_set(err, ERROR_INVALID, "a volume's name must be a DNS label");
    if (disk_find(out, name) != NULL)
        return error_set(err, ERROR_INVALID, "volume %s is there twice", name);
    if (out->count == LIMIT_VOLUMES)
        return error_set(err, ERROR_INVALID, "a machine can have %d volumes", LIMIT_VOLUMES);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (json_get(volume, kinds[i].key) == NULL)
            continue;
        struct disk *disk = &out->disks[out->count++]; /* first, so that what is half made is freed too */

        disk->volume = mem_strdup(name);
        return kinds[i].prepare(job, volume, disk, err) || error_wrap(err, "volume %s", name);
    }
    return error_set(err, ERROR_INVALID, "volume %s is of a kind that this runtime does not have", name);
}

static bool find_boot_file(struct disk_job *job, const struct json *boot, const char *key, char **out, struct error *err)
{
    struct disk_file file = {.fd = -1};
    const char *path = json_get_text(boot, key);

    if (path == NULL || path[0] == '\0')
        return true;
    bool found = disk_file_find(job, json_get(json_get(boot, "image"), "layers"), path, &file, err);
    if (found)
        *out = mem_steal(&file.path);
    disk_file_close(&file);
    return found || error_wrap(err, "kernelBoot.%s", key);
}

static bool prepare_all(struct disk_job *job, struct disk_list *out, struct error *err)
{
    const struct json *vm = json_get(job->document, "vm");
    const struct json *boot = json_get(json_get(json_get(vm, "domain"), "firmware"), "kernelBoot");

    job->folder = disk_folder(job->place, json_get_text(vm, "object"), err);
    if (job->folder == NULL || !file_make_dirs(job->folder, FOLDER_MODE, err) ||
        !file_make_dirs(job->place->run_dir, FOLDER_MODE, err) || !disk_drop_links(job, err))
        return false;
    JSON_EACH(volume, json_get(vm, "volumes")) {
        if (!prepare_volume(job, volume, out, err))
            return false;
    }
    return find_boot_file(job, boot, "kernelPath", &out->kernel, err) &&
           find_boot_file(job, boot, "initrdPath", &out->initrd, err);
}

bool disk_prepare(const struct disk_place *place, const struct json *document, struct disk_list *out,
                  const char **reason, struct error *err)
{
    struct disk_job job = {.place = place, .document = document};

    *out = (struct disk_list){0};
    *reason = NULL;
    bool ready = prepare_all(&job, out, err);
    free(job.folder);
    if (!ready)
        *reason = err->code == ERROR_NO_SPACE ? "InsufficientDisk" : job.reason != NULL ? job.reason : "FailedMount";
    return ready;
}

void disk_list_free(struct disk_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->disks[i].volume);
        free(list->disks[i].path);
        free(list->disks[i].base);
    }
    free(list->kernel);
    free(list->initrd);
    *list = (struct disk_list){0};
}

bool disk_forget(const struct disk_place *place, const char *object, struct error *err)
{
    AUTO_FREE char *folder = disk_folder(place, object, err);

    return folder != NULL && file_remove_tree(folder, err);
}
