/* Files for a guest, as an ISO: a cloud-init seed, a ConfigMap, a Secret. davit-unpack writes it, for
 * libarchive is known there only; it gets the files as a tar, which is made here in memory and touches no disk.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "disk_part.h"

#define BLOCK 512
#define LABEL_BYTES_MAX 32 /* ISO 9660 */
#define SEED_LABEL "cidata" /* cloud-init, NoCloud */
#define DRIVE_LABEL "config-2" /* OpenStack's */
#define DRIVE_FOLDER "openstack/latest/"
#define FILES_LABEL "cfgdata" /* KubeVirt's */
#define FILE_MODE 0644
#define ISO_MODE 0600

/* POSIX.1-1988, ustar: where a header's fields lie. */
enum { TAR_NAME = 0, TAR_NAME_BYTES = 100, TAR_MODE = 100, TAR_UID = 108, TAR_GID = 116, TAR_SIZE = 124, TAR_MTIME = 136,
       TAR_SUM = 148, TAR_SUM_BYTES = 8, TAR_TYPE = 156, TAR_MAGIC = 257, TAR_PREFIX = 345, TAR_PREFIX_BYTES = 155 };

/* A long name is split at a slash. */
static bool put_name(char *header, const char *path, struct error *err)
{
    size_t len = strlen(path);
    const char *split = len > TAR_NAME_BYTES ? strchr(path + len - TAR_NAME_BYTES - 1, '/') : NULL;

    if (len <= TAR_NAME_BYTES) {
        memcpy(header + TAR_NAME, path, len);
        return true;
    }
    if (split == NULL || split == path || (size_t)(split - path) > TAR_PREFIX_BYTES)
        return error_set(err, ERROR_INVALID, "the path %.64s… is too long for a file of a disk", path);
    memcpy(header + TAR_PREFIX, path, (size_t)(split - path));
    memcpy(header + TAR_NAME, split + 1, strlen(split + 1));
    return true;
}

static void put_octal(char *at, unsigned digits, size_t value)
{
    char text[16];

    snprintf(text, sizeof(text), "%0*zo", (int)digits, value);
    memcpy(at, text, digits); /* the NUL behind it is there */
}

static bool add_file(struct strbuf *tar, const char *path, const void *data, size_t len, unsigned mode, struct error *err)
{
    static const char zeroes[BLOCK];
    char header[BLOCK] = {0};
    unsigned sum = 0;

    if (!put_name(header, path, err))
        return false;
    put_octal(header + TAR_MODE, 7, mode);
    put_octal(header + TAR_UID, 7, 0);
    put_octal(header + TAR_GID, 7, 0);
    put_octal(header + TAR_SIZE, 11, len);
    put_octal(header + TAR_MTIME, 11, 0);
    header[TAR_TYPE] = '0';
    memcpy(header + TAR_MAGIC, "ustar\0" "00", 8);
    memset(header + TAR_SUM, ' ', TAR_SUM_BYTES);
    for (size_t i = 0; i < BLOCK; i++)
        sum += (unsigned char)header[i];
    put_octal(header + TAR_SUM, 6, sum);
    header[TAR_SUM + 6] = '\0';
    strbuf_add_bytes(tar, header, BLOCK);
    strbuf_add_bytes(tar, data, len);
    strbuf_add_bytes(tar, zeroes, (BLOCK - len % BLOCK) % BLOCK);
    return true;
}

static int tar_fd(struct strbuf *tar, struct error *err)
{
    static const char end[2 * BLOCK];
    int fd;

    strbuf_add_bytes(tar, end, sizeof(end));
    if (tar->overflow) {
        error_set(err, ERROR_INVALID, "its files have more than %d bytes together", LIMIT_VM_SEED_BYTES);
        return -1;
    }
    fd = memfd_create("seed", MFD_CLOEXEC);
    if (fd < 0 || write(fd, tar->data, tar->len) != (ssize_t)tar->len || lseek(fd, 0, SEEK_SET) != 0) {
        error_set_errno(err, errno, "cannot hold the files in memory");
        fd_close_at(&fd);
        return -1;
    }
    return fd;
}

static bool write_iso(const struct disk_job *job, struct strbuf *tar, const char *label, struct disk *disk,
                      struct error *err)
{
    AUTO_CLOSE int fd = tar_fd(tar, err);

    disk->path = mem_printf("%s/%s.iso", job->place->run_dir, disk->volume);
    disk->format = "raw";
    const char *argv[] = {job->place->unpack, "--iso", label, disk->path, NULL};
    if (fd < 0)
        return false;
    if (unlink(disk->path) != 0 && errno != ENOENT)
        return error_set_errno(err, errno, "cannot remove %s", disk->path);
    if (!disk_run(job->place, argv, fd, err))
        return false;
    /* A Secret may be in it. */
    return chmod(disk->path, ISO_MODE) == 0 || error_set_errno(err, errno, "cannot set the mode of %s", disk->path);
}

/* Without it no seed is taken: what the VM is called, which stays over its restarts. The caller frees. */
static char *usual_meta_data(const struct disk_job *job, const char *id_key, const char *name_key)
{
    const struct json *pod = json_get(job->document, "pod");
    const char *hostname = json_get_text(json_get(job->document, "vm"), "hostname");
    const char *name = json_get_text(pod, "name"), *space = json_get_text(pod, "namespace");
    AUTO_FREE char *id = mem_printf("%s.%s", name == NULL ? "" : name, space == NULL ? "" : space);
    AUTO_JSON struct json *meta = json_new_object();

    json_set_text(meta, id_key, id);
    json_set_text(meta, name_key, hostname == NULL ? name : hostname);
    return json_print(meta);
}

/* As OpenStack lays it out, for guests that look for that: Ignition, cloudbase-init. */
static bool prepare_drive(struct disk_job *job, const char *user, const char *network, struct disk *disk, struct error *err)
{
    AUTO_FREE char *meta = usual_meta_data(job, "uuid", "hostname");
    AUTO_STRBUF struct strbuf tar;

    strbuf_init(&tar, LIMIT_VM_SEED_BYTES);
    return add_file(&tar, DRIVE_FOLDER "meta_data.json", meta, strlen(meta), FILE_MODE, err) &&
           add_file(&tar, DRIVE_FOLDER "user_data", user, strlen(user), FILE_MODE, err) &&
           (network == NULL ||
            add_file(&tar, DRIVE_FOLDER "network_data.json", network, strlen(network), FILE_MODE, err)) &&
           write_iso(job, &tar, DRIVE_LABEL, disk, err);
}

bool disk_prepare_cloud_init(struct disk_job *job, const struct json *volume, struct disk *disk, struct error *err)
{
    const struct json *seed = json_get(volume, "cloudInit");
    const char *user = json_get_text(seed, "userData"), *network = json_get_text(seed, "networkData");
    const char *meta = json_get_text(seed, "metaData");
    AUTO_FREE char *usual = meta == NULL || meta[0] == '\0' ? usual_meta_data(job, "instance-id", "local-hostname") : NULL;
    AUTO_STRBUF struct strbuf tar;

    strbuf_init(&tar, LIMIT_VM_SEED_BYTES);
    if (usual != NULL)
        meta = usual;
    if (user == NULL)
        user = ""; /* it must be there */
    if (json_get_boolean(seed, "configDrive", false))
        return prepare_drive(job, user, network, disk, err);
    return add_file(&tar, "meta-data", meta, strlen(meta), FILE_MODE, err) &&
           add_file(&tar, "user-data", user, strlen(user), FILE_MODE, err) &&
           (network == NULL || add_file(&tar, "network-config", network, strlen(network), FILE_MODE, err)) &&
           write_iso(job, &tar, SEED_LABEL, disk, err);
}

static bool add_item(struct strbuf *tar, const struct json *item, struct error *err)
{
    const char *path = json_get_text(item, "path"), *text = json_get_text(item, "data");
    AUTO_FREE char *rooted = mem_printf("/%s", path == NULL ? "" : path);
    AUTO_FREE char *data = NULL;
    size_t len = 0;

    if (path == NULL || path[0] == '\0' || path[0] == '/' || !file_path_is_safe(rooted))
        return error_set(err, ERROR_INVALID, "the path of a file must be relative and without ..");
    if (text == NULL || !base64_decode(text, strlen(text), &data, &len))
        return error_set(err, ERROR_INVALID, "the contents of %s are no base64", path);
    return add_file(tar, path, data, len, (unsigned)json_get_integer(item, "mode", FILE_MODE) & 0777, err);
}

static bool label_is_valid(const char *label)
{
    return strlen(label) <= LABEL_BYTES_MAX && label[0] != '-' &&
           strspn(label, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 _-.") == strlen(label);
}

bool disk_prepare_files(struct disk_job *job, const struct json *volume, struct disk *disk, struct error *err)
{
    const struct json *items = json_get(json_get(volume, "files"), "items");
    const char *label = json_get_text(volume, "label");
    AUTO_STRBUF struct strbuf tar;

    if (label == NULL || label[0] == '\0')
        label = FILES_LABEL;
    strbuf_init(&tar, LIMIT_VM_SEED_BYTES);
    if (!label_is_valid(label))
        return error_set(err, ERROR_INVALID, "the label %s must be of 1 to %d letters, digits, spaces and _-.", label, LABEL_BYTES_MAX);
    if (json_size(items) > LIMIT_FILES)
        return error_set(err, ERROR_INVALID, "it has more than %d files", LIMIT_FILES);
    JSON_EACH(item, items) {
        if (!add_item(&tar, item, err))
            return false;
    }
    return write_iso(job, &tar, label, disk, err);
}
