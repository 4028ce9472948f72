#include "config.h"

#include "user.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/file.h"
#include "base/memory.h"

#define ACCOUNT_FILE_BYTES (1024 * 1024)
#define ACCOUNT_NAME_BYTES 256
#define PASSWD_FIELDS 7
#define GROUP_FIELDS 4

/* The text of a file in the image; "" where there is none. A pipe or a device in its place is none either. */
static char *read_account_file(int rootfs_fd, const char *path, struct error *err)
{
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    AUTO_CLOSE int fd = (int)syscall(SYS_openat2, rootfs_fd, path, &how, sizeof(how));
    struct stat stat;
    char *text = NULL;
    size_t len;

    if (fd < 0 || fstat(fd, &stat) != 0 || !S_ISREG(stat.st_mode))
        return mem_strdup("");
    if (!file_read_fd(fd, ACCOUNT_FILE_BYTES, &text, &len, err)) {
        error_wrap(err, "the image's %s", path);
        return NULL;
    }
    return text;
}

/* Cuts one "a:b:c" line into fields, in place. Returns the next line. */
static char *cut_line(char *line, char *fields[], size_t count)
{
    char *next = line + strcspn(line, "\n");

    if (*next != '\0')
        *next++ = '\0';
    for (size_t i = 0; i < count; i++) {
        fields[i] = line;
        line += strcspn(line, ":");
        if (*line != '\0')
            *line++ = '\0';
    }
    return next;
}

static bool parse_id(const char *text, unsigned *id)
{
    char *end;
    unsigned long value;

    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    value = strtoul(text, &end, 10);
    /* -1 means "leave as it is" to setuid's family, and 2^31 is Kubernetes' own limit */
    if (*end != '\0' || errno != 0 || value > INT_MAX)
        return false;
    *id = (unsigned)value;
    return true;
}

/* Looks a user up by name, or by number; the name is kept for the groups it is in. */
static bool find_user(char *passwd, const char *text, struct user *user, char name[ACCOUNT_NAME_BYTES])
{
    char *fields[PASSWD_FIELDS];
    unsigned wanted = 0, uid, gid;
    bool numeric = parse_id(text, &wanted);

    for (char *line = passwd; *line != '\0';) {
        line = cut_line(line, fields, PASSWD_FIELDS);
        if (!parse_id(fields[2], &uid) || !parse_id(fields[3], &gid))
            continue;
        if (numeric ? uid != wanted : strcmp(fields[0], text) != 0)
            continue;
        user->uid = uid;
        user->gid = gid;
        snprintf(name, ACCOUNT_NAME_BYTES, "%s", fields[0]);
        return true;
    }
    user->uid = wanted; /* a number needs no entry; its group is 0 then, as Kubernetes has it */
    user->gid = 0;
    return numeric;
}

static bool list_has(const char *list, const char *name)
{
    size_t len = strlen(name);

    for (const char *at = list; len > 0 && *at != '\0'; at += strcspn(at, ",") + (at[strcspn(at, ",")] == ',')) {
        if (strcspn(at, ",") == len && strncmp(at, name, len) == 0)
            return true;
    }
    return false;
}

/* The wanted group's number into *gid (wanted may be NULL), and the groups that list `member` beside it. */
static bool find_groups(char *groups, const char *wanted, const char *member, struct user *user, struct error *err)
{
    char *fields[GROUP_FIELDS];
    unsigned gid;
    bool found = wanted == NULL || parse_id(wanted, &user->gid);

    for (char *line = groups; *line != '\0';) {
        line = cut_line(line, fields, GROUP_FIELDS);
        if (!parse_id(fields[2], &gid))
            continue;
        if (!found && strcmp(fields[0], wanted) == 0) {
            user->gid = gid;
            found = true;
        }
        if (!list_has(fields[3], member))
            continue;
        if (user->group_count == USER_GROUPS)
            return error_set(err, ERROR_INVALID, "the user %s is in more than %d groups", member, USER_GROUPS);
        user->groups[user->group_count++] = gid;
    }
    return found || error_set(err, ERROR_INVALID, "the image's /etc/group has no group %s, which its User names", wanted);
}

bool user_resolve(int rootfs_fd, const char *text, struct user *user, struct error *err)
{
    char wanted[ACCOUNT_NAME_BYTES], name[ACCOUNT_NAME_BYTES] = "";
    AUTO_FREE char *passwd = NULL;
    AUTO_FREE char *groups = NULL;
    char *group;

    *user = (struct user){0};
    if (text[0] == '\0')
        return true;
    if (snprintf(wanted, sizeof(wanted), "%s", text) >= (int)sizeof(wanted))
        return error_set(err, ERROR_INVALID, "the image's User is longer than %d bytes", ACCOUNT_NAME_BYTES - 1);
    group = strchr(wanted, ':');
    if (group != NULL)
        *group++ = '\0';
    passwd = read_account_file(rootfs_fd, "/etc/passwd", err);
    if (passwd == NULL)
        return false;
    if (!find_user(passwd, wanted, user, name))
        return error_set(err, ERROR_INVALID, "the image's /etc/passwd has no user %s, which its User names", wanted);
    groups = read_account_file(rootfs_fd, "/etc/group", err);
    return groups != NULL && find_groups(groups, group != NULL && *group != '\0' ? group : NULL, name, user, err);
}

static bool add_group(struct user *user, int64_t group, struct error *err)
{
    for (size_t i = 0; i < user->group_count; i++)
        if (user->groups[i] == (gid_t)group)
            return true;
    if (user->group_count == USER_GROUPS)
        return error_set(err, ERROR_INVALID, "a container can be in %d groups", USER_GROUPS);
    user->groups[user->group_count++] = (gid_t)group;
    return true;
}

/* Kubernetes: a name says nothing about a number that only the image knows. */
static bool check_non_root(const char *image_user, bool by_number, const struct user *user, struct error *err)
{
    bool named = image_user[0] != '\0' && (image_user[0] < '0' || image_user[0] > '9');

    if (!by_number && named)
        return error_set(err, ERROR_INVALID, "container has runAsNonRoot and image has non-numeric user (%.60s), cannot verify "
                         "user is non-root", image_user);
    if (user->uid == 0)
        return error_set(err, ERROR_INVALID, by_number ? "container's runAsUser breaks non-root policy"
                                                       : "container has runAsNonRoot and image will run as root");
    return true;
}

bool user_apply(int rootfs_fd, const char *image_user, const struct json *context, const struct json *pod_context,
                struct user *user, struct error *err)
{
    int64_t uid = json_get_integer(context, "runAsUser", -1), gid = json_get_integer(context, "runAsGroup", -1);
    int64_t owner = json_get_integer(pod_context, "fsGroup", -1);
    AUTO_FREE char *text = uid >= 0 ? mem_printf("%lld", (long long)uid) : mem_strdup(image_user);

    if (!user_resolve(rootfs_fd, text, user, err))
        return false;
    if (gid >= 0)
        user->gid = (gid_t)gid;
    const char *policy = json_get_text(pod_context, "supplementalGroupsPolicy");
    if (policy != NULL && strcmp(policy, "Strict") == 0)
        user->group_count = 0; /* what the image's /etc/group says is nothing */
    JSON_EACH(group, json_get(pod_context, "supplementalGroups")) {
        int64_t number = -1;

        if (json_integer(group, &number) && !add_group(user, number, err))
            return false;
    }
    if (owner >= 0 && !add_group(user, owner, err))
        return false;
    return !json_get_boolean(context, "runAsNonRoot", false) || check_non_root(image_user, uid >= 0, user, err);
}
