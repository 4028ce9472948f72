/* What containers need of the kernel. */
#include "config.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "cli/doctor.h"

void doctor_kernel(const struct doctor *doctor, struct finding *finding)
{
    struct utsname name;
    (void)doctor;
    AUTO_CLOSE int fd = pidfd_open(getpid(), 0);
    if (uname(&name) != 0)
        memset(&name, 0, sizeof(name));
    if (fd < 0)
        finding_set(finding, VERDICT_FAIL, "Davit needs pidfds: Linux 5.3 or newer.", "Linux %.60s has no pidfd_open", name.release);
    else
        finding_ok(finding, "Linux %.60s on %.30s", name.release, name.machine);
}

void doctor_overlayfs(const struct doctor *doctor, struct finding *finding)
{
    struct utsname name;
    AUTO_FREE char *systems = doctor_read(doctor, "/proc/filesystems");
    if (uname(&name) != 0)
        memset(&name, 0, sizeof(name));
    AUTO_FREE char *list = mem_printf("/lib/modules/%s/modules.dep", name.release);
    AUTO_FREE char *modules = doctor_read(doctor, list);
    if (systems != NULL && strstr(systems, "\toverlay\n") != NULL)
        finding_ok(finding, "the kernel has it");
    else if (modules != NULL && strstr(modules, "/overlayfs/overlay.ko") != NULL)
        finding_ok(finding, "the kernel has it as a module");
    else
        finding_set(finding, VERDICT_FAIL, "Containers' files are overlays: a kernel with CONFIG_OVERLAY_FS, or `modprobe overlay`.",
                    "the kernel does not have it");
}

/* Whether a child may unshare this; 0 where it may. */
static int try_unshare(int what)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0)
        _exit(unshare(what) == 0 ? 0 : 1);
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

void doctor_users(const struct doctor *doctor, struct finding *finding)
{
    (void)doctor;
    if (try_unshare(CLONE_NEWUSER) == 0)
        finding_ok(finding, "user namespaces can be made");
    else
        finding_set(finding, VERDICT_WARN,
                    "Only pods with hostUsers: false need them: CONFIG_USER_NS, and /proc/sys/user/max_user_namespaces above 0.",
                    "no user namespace can be made");
}

static bool has_word(const char *text, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = text; at != NULL && (at = strstr(at, word)) != NULL; at += len)
        if ((at == text || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\n' || at[len] == '\0'))
            return true;
    return false;
}

static const char *const CONTROLLERS[] = {"cpu", "memory", "pids"};

static void judge_cgroups(struct finding *finding, const char *version, const char *missing)
{
    if (*missing == '\0')
        finding_ok(finding, "%s, with cpu, memory and pids", version);
    else
        finding_set(finding, VERDICT_FAIL,
                    "Limits of pods need them: the kernel's command line may have cgroup_disable=, or want cgroup_enable=memory.",
                    "%s, without%s", version, missing);
}

void doctor_cgroups(const struct doctor *doctor, struct finding *finding)
{
    AUTO_FREE char *available = doctor_read(doctor, "/sys/fs/cgroup/cgroup.controllers");
    char missing[64] = "";
    size_t len = 0;
    for (size_t i = 0; i < sizeof(CONTROLLERS) / sizeof(CONTROLLERS[0]); i++) {
        AUTO_FREE char *folder = mem_printf("/sys/fs/cgroup/%s", CONTROLLERS[i]);
        bool there = available != NULL ? has_word(available, CONTROLLERS[i]) : doctor_exists(doctor, folder);
        if (!there)
            len += (size_t)snprintf(missing + len, sizeof(missing) - len, " %s", CONTROLLERS[i]);
    }
    bool hybrid = doctor_exists(doctor, "/sys/fs/cgroup/unified");
    if (available == NULL && !hybrid && !doctor_exists(doctor, "/sys/fs/cgroup/memory"))
        finding_set(finding, VERDICT_FAIL, "Mount it: mount -t cgroup2 none /sys/fs/cgroup", "nothing is mounted at /sys/fs/cgroup");
    else
        judge_cgroups(finding, available != NULL ? "version 2" : hybrid ? "version 1 (hybrid)" : "version 1", missing);
}

void doctor_seccomp(const struct doctor *doctor, struct finding *finding)
{
    AUTO_FREE char *actions = doctor_read(doctor, "/proc/sys/kernel/seccomp/actions_avail");
    if (actions != NULL && has_word(actions, "errno"))
        finding_ok(finding, "the kernel has it");
    else
        finding_set(finding, VERDICT_FAIL, "Containers and Davit's own processes are confined by it: CONFIG_SECCOMP_FILTER.",
                    "the kernel does not have it");
}

void doctor_apparmor(const struct doctor *doctor, struct finding *finding)
{
    AUTO_FREE char *enabled = doctor_read(doctor, "/sys/module/apparmor/parameters/enabled");
    finding_ok(finding, enabled != NULL && enabled[0] == 'Y' ? "enabled" : "not enabled; pods that want a profile of theirs wait");
}
