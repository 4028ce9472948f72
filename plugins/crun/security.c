#include "config.h"

#include "security.h"

#include <string.h>
#include <sys/utsname.h>

#include "base/file.h"
#include "base/memory.h"
#include "seccomp_profile.h"

#define PROFILE_BYTES (1024 * 1024)

/* What containerd gives a container in Kubernetes, unless told otherwise. */
static const char *const usual[] = {
    "CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP", "SETPCAP",
    "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE", NULL,
};

static const char *const all[] = {
    "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
    "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
    "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
    "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
    "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
    "CHECKPOINT_RESTORE", NULL,
};

static bool names(const struct json *list, const char *name)
{
    JSON_EACH(entry, list) {
        const char *text = json_text(entry);

        if (text != NULL && (strcmp(text, name) == 0 || strcmp(text, "ALL") == 0))
            return true;
    }
    return false;
}

static bool is_among(const char *name, const char *const list[])
{
    for (; *list != NULL; list++)
        if (strcmp(*list, name) == 0)
            return true;
    return false;
}

bool security_is_privileged(const struct json *context)
{
    return json_get_boolean(context, "privileged", false);
}

/* Kubernetes: what is added stays, also where ALL is dropped. */
struct json *security_capabilities(const struct json *context)
{
    const struct json *asked = json_get(context, "capabilities");
    const struct json *add = json_get(asked, "add"), *drop = json_get(asked, "drop");
    struct json *out = json_new_array();

    for (size_t i = 0; all[i] != NULL; i++) {
        bool given = security_is_privileged(context) || names(add, all[i]) ||
                     (is_among(all[i], usual) && !names(drop, all[i]));
        AUTO_FREE char *whole = mem_printf("CAP_%s", all[i]);

        if (given)
            json_add_text(out, whole);
    }
    return out;
}

/* Docker's archMap: a machine's own programs and those of its smaller relatives. For each more architecture crun works as
 * long again; without any the kernel's own is meant.
 */
static struct json *usual_profile(struct error *err)
{
    struct json *profile = json_parse(seccomp_profile, sizeof(seccomp_profile) - 1, err), *list;
    const struct json *found = NULL;
    struct utsname machine;

    if (profile == NULL || uname(&machine) != 0)
        return profile;
    JSON_EACH(family, json_get(profile, "archMap"))
        if (strcmp(json_get_text(family, "machine"), machine.machine) == 0)
            found = json_get(family, "architectures");
    list = json_set_array(profile, "architectures");
    JSON_EACH(one, found)
        json_add_text(list, json_text(one));
    json_remove(profile, "archMap");
    return profile;
}

bool security_seccomp(const struct json *context, const char *folder, struct json **out, bool *is_usual,
                      struct error *err)
{
    const struct json *profile = json_get(context, "seccompProfile");
    const char *type = json_get_text(profile, "type"), *name = json_get_text(profile, "localhostProfile");
    AUTO_FREE char *path = NULL;
    AUTO_FREE char *text = NULL;
    size_t len;

    *out = NULL;
    *is_usual = false;
    if (security_is_privileged(context) || (type != NULL && strcmp(type, "Unconfined") == 0))
        return true;
    if (type == NULL || strcmp(type, "Localhost") != 0) {
        *out = usual_profile(err);
        *is_usual = true;
        return *out != NULL;
    }
    path = mem_printf("%s/%s", folder, name != NULL ? name : "");
    if (name == NULL || !file_path_is_safe(path))
        return error_set(err, ERROR_INVALID, "seccompProfile.localhostProfile must be a file below %s", folder);
    if (!file_read_regular(path, PROFILE_BYTES, &text, &len, err))
        return error_wrap(err, "seccompProfile");
    *out = json_parse(text, len, err);
    return *out != NULL || error_wrap(err, "%s", path);
}
