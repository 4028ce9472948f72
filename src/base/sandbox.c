/* Raw capset and prctl: libcap would be a library for three calls. */
#include "config.h"

#include "base/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/sandbox_calls.h"

#define CAPS_MAX 64

struct identity {
    uid_t uid;
    gid_t gid;
};

/* Looked up before the chroot hides /etc/passwd. */
static bool identity_find(const char *user, struct identity *identity, struct error *err)
{
    errno = 0;
    const struct passwd *entry = getpwnam(user);

    if (entry == NULL && errno != 0 && errno != ENOENT)
        return error_set_errno(err, errno, "looking up the user %s", user);
    if (entry == NULL)
        return error_set(err, ERROR_NOT_FOUND, "there is no user %s on this machine", user);
    if (entry->pw_uid == 0)
        return error_set(err, ERROR_INVALID, "the user %s is root: no privilege would be given up", user);
    *identity = (struct identity){entry->pw_uid, entry->pw_gid};
    return true;
}

bool sandbox_user(const char *user, uid_t *uid, struct error *err)
{
    struct identity identity = {0};

    bool found = identity_find(user, &identity, err);
    *uid = identity.uid;
    return found;
}

static bool root_change(const char *dir, struct error *err)
{
    if (chroot(dir) != 0 || chdir("/") != 0)
        return error_set_errno(err, errno, "making %s the root folder", dir);
    return true;
}

static bool bounding_drop(uint64_t keep_caps, struct error *err)
{
    for (unsigned cap = 0; cap < CAPS_MAX; cap++) {
        if ((keep_caps >> cap & 1) != 0 || prctl(PR_CAPBSET_READ, cap, 0, 0, 0) <= 0)
            continue;
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0)
            return error_set_errno(err, errno, "dropping capability %u from the bounding set", cap);
    }
    return true;
}

static bool user_change(const struct identity *identity, bool keep_caps, struct error *err)
{
    if (setgroups(0, NULL) != 0)
        return error_set_errno(err, errno, "dropping the groups");
    if (setresgid(identity->gid, identity->gid, identity->gid) != 0)
        return error_set_errno(err, errno, "becoming group %u", identity->gid);
    if (prctl(PR_SET_KEEPCAPS, keep_caps ? 1 : 0, 0, 0, 0) != 0)
        return error_set_errno(err, errno, "keeping capabilities over the change of user");
    if (setresuid(identity->uid, identity->uid, identity->uid) != 0)
        return error_set_errno(err, errno, "becoming user %u", identity->uid);
    if (setresuid(0, 0, 0) == 0)
        return error_set(err, ERROR_INTERNAL, "user %u could become root again", identity->uid);
    return true;
}

/* Only what is permitted can be kept: a developer without privileges keeps nothing. */
static bool caps_set(uint64_t keep_caps, struct error *err)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];

    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
        return error_set_errno(err, errno, "clearing the ambient capabilities");
    if (syscall(SYS_capget, &header, data) != 0)
        return error_set_errno(err, errno, "reading the capabilities");
    for (unsigned i = 0; i < 2; i++) {
        data[i].permitted &= (uint32_t)(keep_caps >> (32 * i));
        data[i].effective = data[i].permitted;
        data[i].inheritable = 0;
    }
    if (syscall(SYS_capset, &header, data) != 0)
        return error_set_errno(err, errno, "setting the capabilities");
    return prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) == 0 || error_set_errno(err, errno, "ending the keeping of capabilities");
}

static bool privileges_drop(const struct sandbox *sandbox, struct error *err)
{
    struct identity identity = {0};

    if (sandbox->user != NULL && !identity_find(sandbox->user, &identity, err))
        return false;
    if (sandbox->chroot_dir != NULL && !root_change(sandbox->chroot_dir, err))
        return false;
    if (sandbox->user == NULL && setgroups(0, NULL) != 0)
        return error_set_errno(err, errno, "dropping the groups");
    if (!bounding_drop(sandbox->keep_caps, err)) /* needs CAP_SETPCAP, so before the user changes */
        return false;
    return sandbox->user == NULL || user_change(&identity, sandbox->keep_caps != 0, err);
}

static bool core_forbid(struct error *err)
{
    struct rlimit none = {0, 0};

    return setrlimit(RLIMIT_CORE, &none) == 0 || error_set_errno(err, errno, "forbidding core files");
}

#ifdef __SANITIZE_ADDRESS__
/* The leak check at exit attaches to its own process, which is what a sandbox forbids; all other checks stay. */
static int sandboxed;
__attribute__((visibility("default"))) int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
    return sandboxed;
}
#define LEAK_CHECK_OFF() (sandboxed = 1)
#else
#define LEAK_CHECK_OFF() ((void)0)
#endif

bool sandbox_enter(const struct sandbox *sandbox, struct error *err)
{
    bool root = geteuid() == 0;

    if (root && !privileges_drop(sandbox, err))
        return error_wrap(err, "giving up privileges");
    if (!caps_set(sandbox->keep_caps, err) || !core_forbid(err))
        return error_wrap(err, "giving up privileges");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return error_set_errno(err, errno, "setting no_new_privs");
    if (root && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return error_set_errno(err, errno, "setting the process undumpable");
    LEAK_CHECK_OFF();
    return sandbox_calls_load(sandbox->calls, err);
}
