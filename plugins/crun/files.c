#include "config.h"

#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"

#define FOLDER_MODE 0755
#define FILE_MODE 0644
#define GROUP_READS 0440
#define CURRENT "..data"

static const char *path_of(const struct json *item)
{
    const char *path = json_get_text(item, "path");
    AUTO_FREE char *rooted = mem_printf("/%s", path != NULL ? path : "");

    return path != NULL && path[0] != '/' && path[0] != '\0' && strncmp(path, "..", 2) != 0 && file_path_is_safe(rooted)
               ? path
               : NULL;
}

static mode_t mode_of(const struct json *item, int64_t group)
{
    mode_t mode = (mode_t)json_get_integer(item, "mode", FILE_MODE) & 0777;

    return group >= 0 ? mode | GROUP_READS : mode;
}

static bool make_parents(const char *base, const char *path, int64_t group, struct error *err)
{
    AUTO_FREE char *whole = mem_printf("%s/%s", base, path);

    for (char *slash = whole + strlen(base) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        if (mkdir(whole, FOLDER_MODE) != 0 && errno != EEXIST)
            return error_set_errno(err, errno, "cannot make %s", whole);
        if (chmod(whole, FOLDER_MODE) != 0 || (group >= 0 && chown(whole, (uid_t)-1, (gid_t)group) != 0))
            return error_set_errno(err, errno, "cannot set the mode of %s", whole);
        *slash = '/';
    }
    return true;
}

static bool write_item(const char *base, const struct json *item, int64_t group, struct error *err)
{
    const char *path = path_of(item), *text = json_get_text(item, "data");
    AUTO_FREE char *data = NULL;
    size_t len = 0;

    if (path == NULL || text == NULL || !base64_decode(text, strlen(text), &data, &len))
        return error_set(err, ERROR_INVALID, "a file needs a relative path and data in base64");
    AUTO_FREE char *whole = mem_printf("%s/%s", base, path);
    if (!make_parents(base, path, group, err) || !file_write_atomic(whole, data, len, 0600, false, err))
        return false;
    if (chmod(whole, mode_of(item, group)) != 0 || (group >= 0 && chown(whole, (uid_t)-1, (gid_t)group) != 0))
        return error_set_errno(err, errno, "cannot set the mode of %s", whole);
    return true;
}

static bool holds(const char *base, const struct json *item, int64_t group)
{
    const char *path = path_of(item), *text = json_get_text(item, "data");
    AUTO_FREE char *data = NULL;
    AUTO_FREE char *now = NULL;
    AUTO_FREE char *whole = mem_printf("%s/%s", base, path != NULL ? path : "");
    size_t len = 0, now_len = 0;
    struct error ignored; /* then it does not */
    struct stat info;

    return path != NULL && text != NULL && base64_decode(text, strlen(text), &data, &len) && stat(whole, &info) == 0 &&
           (info.st_mode & 0777) == mode_of(item, group) && file_read_regular(whole, len + 1, &now, &now_len, &ignored) &&
           now_len == len && memcmp(now, data, len) == 0;
}

static size_t count_files(const char *path)
{
    DIR *folder = opendir(path);
    struct dirent *entry;
    size_t count = 0;

    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        AUTO_FREE char *below = mem_printf("%s/%s", path, entry->d_name);

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        count += entry->d_type == DT_DIR ? count_files(below) : 1;
    }
    if (folder != NULL)
        closedir(folder);
    return count;
}

static bool is_current(const char *folder, const struct json *items, int64_t group)
{
    AUTO_FREE char *current = mem_printf("%s/" CURRENT, folder);
    AUTO_FREE char *inside = mem_printf("%s/", current);

    if (access(current, F_OK) != 0 || count_files(inside) != json_size(items))
        return false;
    JSON_EACH(item, items)
        if (!holds(current, item, group))
            return false;
    return true;
}

/* "a" of "a/b": what is seen at the top. The caller frees. */
static char *top_of(const char *path)
{
    return mem_printf("%.*s", (int)strcspn(path, "/"), path);
}

static bool is_wanted(const struct json *items, const char *name)
{
    JSON_EACH(item, items) {
        AUTO_FREE char *top = top_of(path_of(item) != NULL ? path_of(item) : "");

        if (strcmp(top, name) == 0)
            return true;
    }
    return false;
}

static bool make_links(const char *folder, const struct json *items, struct error *err)
{
    JSON_EACH(item, items) {
        AUTO_FREE char *top = top_of(path_of(item));
        AUTO_FREE char *link = mem_printf("%s/%s", folder, top);
        AUTO_FREE char *target = mem_printf(CURRENT "/%s", top);

        if (symlink(target, link) != 0 && errno != EEXIST)
            return error_set_errno(err, errno, "cannot link %s", link);
    }
    return true;
}

/* Links to what is there no more, and every folder but the current one. */
static void sweep(const char *folder, const struct json *items, const char *current)
{
    DIR *open = opendir(folder);
    struct dirent *entry;
    struct error ignored; /* the next change tries again */

    while (open != NULL && (entry = readdir(open)) != NULL) {
        AUTO_FREE char *path = mem_printf("%s/%s", folder, entry->d_name);
        bool is_time = strncmp(entry->d_name, "..2", 3) == 0;

        if (is_time && strcmp(entry->d_name, current) != 0 && !file_remove_tree(path, &ignored))
            continue;
        if (!is_time && entry->d_type == DT_LNK && strcmp(entry->d_name, CURRENT) != 0 && !is_wanted(items, entry->d_name))
            unlink(path);
    }
    if (open != NULL)
        closedir(open);
}

/* "..2026_11_24_10_17_41.0123456789": the time, and a number that no two have. */
static void name_folder(char name[64])
{
    static unsigned serial;
    char when[CLOCK_RFC3339_BYTES];

    clock_rfc3339(clock_wall_ms(), when);
    for (char *at = when; *at != '\0'; at++)
        *at = strchr("-T:", *at) != NULL ? '_' : *at == 'Z' ? '\0' : *at;
    snprintf(name, 64, "..2%s.%010u%04u", when + 1, (unsigned)(clock_boot_ms() & 0x7fffffff),
             __atomic_add_fetch(&serial, 1, __ATOMIC_RELAXED) % 10000);
}

static bool swap(const char *folder, const char *name, struct error *err)
{
    AUTO_FREE char *fresh = mem_printf("%s/" CURRENT "_tmp", folder);
    AUTO_FREE char *current = mem_printf("%s/" CURRENT, folder);

    unlink(fresh);
    if (symlink(name, fresh) != 0 || rename(fresh, current) != 0)
        return error_set_errno(err, errno, "cannot swap %s", current);
    return true;
}

bool files_write(const char *folder, const struct json *files, int64_t group, struct error *err)
{
    const struct json *items = json_get(files, "items");
    char name[64];

    if (!file_make_dirs(folder, FOLDER_MODE, err) || chmod(folder, FOLDER_MODE) != 0)
        return error_wrap(err, "%s", folder);
    if (is_current(folder, items, group))
        return true;
    name_folder(name);
    AUTO_FREE char *base = mem_printf("%s/%s", folder, name);
    if (mkdir(base, FOLDER_MODE) != 0 || chmod(base, FOLDER_MODE) != 0)
        return error_set_errno(err, errno, "cannot make %s", base);
    JSON_EACH(item, items)
        if (!write_item(base, item, group, err))
            return false;
    if (!swap(folder, name, err) || !make_links(folder, items, err))
        return false;
    sweep(folder, items, name);
    return true;
}
