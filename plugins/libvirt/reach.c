#include "config.h"

#include "reach.h"

#include <endian.h>
#include <errno.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <linux/xattr.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/memory.h"

#define ENTRIES_MOST 64

/* As the kernel keeps it: sorted by tag, and users by number. */
struct list {
    struct posix_acl_xattr_header header;
    struct posix_acl_xattr_entry entries[ENTRIES_MOST];
};

static size_t begin_list(struct list *list, mode_t mode)
{
    const struct {
        int tag;
        mode_t rights;
    } plain[] = {{ACL_USER_OBJ, mode >> 6}, {ACL_GROUP_OBJ, mode >> 3}, {ACL_OTHER, mode}};

    list->header.a_version = htole32(POSIX_ACL_XATTR_VERSION);
    for (size_t i = 0; i < 3; i++)
        list->entries[i] = (struct posix_acl_xattr_entry){.e_tag = htole16((uint16_t)plain[i].tag),
                                                          .e_perm = htole16(plain[i].rights & 7),
                                                          .e_id = htole32((uint32_t)ACL_UNDEFINED_ID)};
    return 3;
}

/* Where an entry stands, or would have to. */
static size_t place_of(const struct list *list, size_t count, int tag, uint32_t id, bool *there)
{
    size_t at = 0;

    while (at < count && (le16toh(list->entries[at].e_tag) < tag ||
                          (tag == ACL_USER && le16toh(list->entries[at].e_tag) == tag && le32toh(list->entries[at].e_id) < id)))
        at++;
    *there = at < count && le16toh(list->entries[at].e_tag) == tag && (tag != ACL_USER || le32toh(list->entries[at].e_id) == id);
    return at;
}

/* True: something changed. */
static bool allow(struct list *list, size_t *count, int tag, uint32_t id, unsigned rights)
{
    bool there;
    size_t at = place_of(list, *count, tag, id, &there);

    if (there) {
        unsigned had = le16toh(list->entries[at].e_perm);

        list->entries[at].e_perm = htole16((uint16_t)(had | rights));
        return (had | rights) != had;
    }
    memmove(&list->entries[at + 1], &list->entries[at], (*count - at) * sizeof(list->entries[0]));
    list->entries[at] = (struct posix_acl_xattr_entry){
        .e_tag = htole16((uint16_t)tag), .e_perm = htole16((uint16_t)rights), .e_id = htole32(id)};
    (*count)++;
    return true;
}

static bool open_folder(const char *path, uid_t uid, struct error *err)
{
    struct list list;
    struct stat info;
    size_t count;
    bool changed;

    if (stat(path, &info) != 0)
        return error_set_errno(err, errno, "cannot look at %s", path);
    if ((info.st_mode & S_IXOTH) != 0 || (info.st_uid == uid && (info.st_mode & S_IXUSR) != 0))
        return true;
    ssize_t got = getxattr(path, XATTR_NAME_POSIX_ACL_ACCESS, &list, sizeof(list) - 2 * sizeof(list.entries[0]));
    count = got > (ssize_t)sizeof(list.header) ? ((size_t)got - sizeof(list.header)) / sizeof(list.entries[0])
                                               : begin_list(&list, info.st_mode);
    changed = allow(&list, &count, ACL_USER, uid, ACL_EXECUTE);
    /* The mask is what any of them can have at most; without a list it was the group's. */
    changed = allow(&list, &count, ACL_MASK, (uint32_t)ACL_UNDEFINED_ID,
                    ACL_EXECUTE | ((unsigned)(info.st_mode >> 3) & 7)) || changed;
    if (changed && setxattr(path, XATTR_NAME_POSIX_ACL_ACCESS, &list,
                            sizeof(list.header) + count * sizeof(list.entries[0]), 0) != 0)
        return error_set_errno(err, errno, "QEMU's user %u cannot be let into %s", uid, path);
    return true;
}

static bool open_above(const char *path, uid_t uid, struct error *err)
{
    AUTO_FREE char *folder = mem_strdup(path);

    for (char *slash = strrchr(folder, '/'); slash != NULL && slash != folder; slash = strrchr(folder, '/')) {
        *slash = '\0';
        if (!open_folder(folder, uid, err))
            return false;
    }
    return true;
}

bool reach_allow(const char *path, uid_t uid, struct error *err)
{
    AUTO_FREE char *real = realpath(path, NULL);

    return uid == 0 || (open_above(path, uid, err) && (real == NULL || strcmp(real, path) == 0 || open_above(real, uid, err)));
}
