/* Asks the kernel, from inside a container, for what leads out of one: "NAME ok" or "NAME EPERM" a line. Static, so that it
 * runs in any image.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static void tell(const char *name, long result)
{
    int failed = errno;
    printf("%s %s\n", name, result >= 0 ? "ok" : strerrorname_np(failed));
}

static long write_to(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY);
    return fd < 0 ? -1 : write(fd, text, strlen(text));
}

static long read_from(const char *path)
{
    char byte;
    int fd = open(path, O_RDONLY);
    ssize_t got = fd < 0 ? -1 : read(fd, &byte, 1);
    if (got == 0)
        errno = ENODATA;
    return got > 0 ? 0 : -1;
}

/* A device of the host under a name of ours. */
static long open_device(mode_t kind, unsigned first, unsigned second)
{
    const char *path = "/tmp/escape-device";
    unlink(path);
    if (mknod(path, kind | 0666, makedev(first, second)) != 0)
        return -1;
    return open(path, O_RDWR);
}

/* "shocker": files by their handle, from any mount that is on the same filesystem. */
static long open_by_handle(void)
{
    struct {
        unsigned int bytes;
        int type;
        unsigned char handle[8];
    } root = { .bytes = 8, .type = 1, .handle = { 2 } };
    int mount = open("/etc/hosts", O_RDONLY);
    return syscall(SYS_open_by_handle_at, mount, &root, O_RDONLY);
}

/* Out of a chroot by a folder that was open before. */
static long leave_chroot(void)
{
    struct stat here, top;
    mkdir("/tmp/jail", 0700);
    int before = open("/", O_RDONLY | O_DIRECTORY);
    stat("/", &top);
    if (chroot("/tmp/jail") != 0 || fchdir(before) != 0)
        return -1;
    for (int i = 0; i < 64 && chdir("..") == 0; i++)
        ;
    stat(".", &here);
    errno = ENOENT; /* at the container's own root is nowhere to go */
    return here.st_ino == top.st_ino && here.st_dev == top.st_dev ? -1 : 0;
}

int main(int argc, char **argv)
{
    pid_t outside = argc > 1 ? atoi(argv[1]) : 1 << 21;
    tell("mount", mount("none", "/tmp", "tmpfs", 0, NULL));
    tell("umount", umount("/proc"));
    tell("remount", mount(NULL, "/proc/sys", NULL, MS_REMOUNT | MS_BIND, NULL));
    tell("pivot_root", syscall(SYS_pivot_root, ".", "."));
    tell("open_tree", syscall(SYS_open_tree, AT_FDCWD, "/", 1));
    tell("fsopen", syscall(SYS_fsopen, "proc", 0));
    tell("unshare_user", unshare(CLONE_NEWUSER));
    tell("unshare_mount", unshare(CLONE_NEWNS));
    tell("clone_user", syscall(SYS_clone, (long)CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0));
    tell("clone3", syscall(SYS_clone3, NULL, 0));
    tell("setns", setns(open("/proc/self/ns/net", O_RDONLY), 0));
    tell("keyctl", syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0));
    tell("add_key", syscall(SYS_add_key, "user", "x", "y", 1, KEY_SPEC_SESSION_KEYRING));
    tell("userfaultfd", syscall(SYS_userfaultfd, 0));
    tell("io_uring", syscall(SYS_io_uring_setup, 1, NULL));
    tell("bpf", syscall(SYS_bpf, 0, NULL, 0));
    tell("perf_event", syscall(SYS_perf_event_open, NULL, 0, 0, 0, 0));
    tell("init_module", syscall(SYS_init_module, NULL, 0, ""));
    tell("kexec", syscall(SYS_kexec_load, 0, 0, NULL, 0));
    tell("reboot", syscall(SYS_reboot, 0xfee1dead, 672274793, 0, NULL));
    tell("swapon", syscall(SYS_swapon, "/tmp/x", 0));
    tell("settime", syscall(SYS_settimeofday, NULL, NULL));
    tell("syslog", syscall(SYS_syslog, 10, NULL, 0));
    tell("sethostname", sethostname("x", 1));
    tell("acct", syscall(SYS_acct, "/tmp/x"));
    tell("open_by_handle_at", open_by_handle());
    tell("iopl", syscall(SYS_ioperm, 0, 1, 1));
    tell("kill_outside", kill(outside, 0));
    tell("ptrace_outside", ptrace(PTRACE_ATTACH, outside, NULL, NULL));
    tell("vm_readv_outside", syscall(SYS_process_vm_readv, outside, NULL, 0, NULL, 0, 0));
    tell("disk", open_device(S_IFBLK, argc > 2 ? (unsigned)atoi(argv[2]) : 8, 0));
    tell("kmem", open_device(S_IFCHR, 1, 2));
    tell("port", open_device(S_IFCHR, 1, 4));
    tell("core_pattern", write_to("/proc/sys/kernel/core_pattern", "|/tmp/x"));
    tell("modprobe", write_to("/proc/sys/kernel/modprobe", "/tmp/x"));
    tell("binfmt", write_to("/proc/sys/fs/binfmt_misc/register", ":x:M::x::/tmp/x:"));
    tell("sysrq", write_to("/proc/sysrq-trigger", "h"));
    tell("irq", write_to("/proc/irq/default_smp_affinity", "1"));
    tell("uevent_helper", write_to("/sys/kernel/uevent_helper", "/tmp/x"));
    tell("kcore", read_from("/proc/kcore"));
    tell("keys", read_from("/proc/keys"));
    tell("timer_list", read_from("/proc/timer_list"));
    tell("mem_of_init", read_from("/proc/1/mem"));
    tell("chroot", leave_chroot());
    return 0;
}
