#include "config.h"

#include "base/sandbox_calls.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/mman.h>

/* By name, for libseccomp knows which of them an architecture has. First what makes namespaces and starts programs. */
static const char *const namespaces[] = { "execve", "execveat", "mount", "umount", "umount2", "unshare", "setns" };

static const char *const escapes[] = {
    "mount_setattr", "move_mount", "open_tree", "fsopen",
    "fsconfig", "fsmount", "fspick", "pivot_root", "chroot", "ptrace", "process_vm_readv", "process_vm_writev",
    "process_madvise", "pidfd_getfd", "kcmp", "bpf", "keyctl", "add_key", "request_key",
    "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register", "perf_event_open", "init_module",
    "finit_module", "delete_module", "kexec_load", "kexec_file_load", "reboot", "open_by_handle_at",
    "name_to_handle_at", "swapon", "swapoff", "quotactl", "quotactl_fd", "acct", "settimeofday", "clock_settime",
    "clock_adjtime", "adjtimex", "sethostname", "setdomainname", "syslog", "iopl", "ioperm", "vhangup", "nfsservctl",
    "lookup_dcookie", "modify_ldt", "uselib", "personality", "fanotify_init", "memfd_secret",
};

/* What a reader of archives never does: whoever does it in there came with the archive. */
static const char *const intrusions[] = {
    "socket", "socketpair", "connect", "bind", "listen", "accept", "accept4", "fork", "vfork", "kill", "tkill",
    "pidfd_open", "pidfd_send_signal", "setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid",
    "setgroups", "capset",
};

static const char *const unpack_calls[] = {
    /* memory, signals, time, the end */
    "brk", "munmap", "mremap", "madvise", "futex", "membarrier", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn",
    "sigaltstack", "restart_syscall", "tgkill", "exit", "exit_group", "getrandom", "clock_gettime", "clock_getres",
    "clock_nanosleep", "nanosleep", "gettimeofday", "time", "sched_yield", "sched_getaffinity", "getpid", "gettid",
    "getppid", "getuid", "geteuid", "getgid", "getegid", "getgroups", "getrusage", "getrlimit", "sysinfo", "uname",
    "rseq", "set_robust_list", "prlimit64",
    /* the socket and standard input */
    "read", "readv", "pread64", "preadv", "write", "writev", "pwrite64", "pwritev", "recvmsg", "recvfrom", "sendmsg",
    "sendto", "shutdown", "poll", "ppoll", "lseek", "_llseek", "close", "close_range", "dup", "dup2", "dup3", "fcntl",
    "fcntl64", "fadvise64", "splice",
    /* files below the chroot */
    "open", "openat", "openat2", "creat", "mkdir", "mkdirat", "symlink", "symlinkat", "link", "linkat", "mknod",
    "mknodat", "chown", "lchown", "fchown", "fchownat", "chmod", "fchmod", "fchmodat", "fchmodat2", "setxattr",
    "lsetxattr", "fsetxattr", "getxattr", "lgetxattr", "fgetxattr", "listxattr", "llistxattr", "flistxattr",
    "removexattr", "lremovexattr", "fremovexattr", "utimensat", "futimesat", "utime", "utimes", "rename", "renameat",
    "renameat2", "unlink", "unlinkat", "rmdir", "getdents", "getdents64", "stat", "lstat", "fstat", "stat64", "lstat64",
    "fstat64", "newfstatat", "fstatat64", "statx", "statfs", "fstatfs", "statfs64", "fstatfs64", "access", "faccessat",
    "faccessat2", "readlink", "readlinkat", "getcwd", "chdir", "fchdir", "umask", "fsync", "fdatasync", "syncfs",
    "sync_file_range", "ftruncate", "ftruncate64", "truncate", "fallocate", "copy_file_range",
};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static bool rules_add(scmp_filter_ctx filter, uint32_t action, const char *const *names, size_t count,
                      struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        int number = seccomp_syscall_resolve_name(names[i]);
        if (number == __NR_SCMP_ERROR)
            continue; /* a call this libseccomp does not know: it falls under the default */
        int status = seccomp_rule_add(filter, action, number, 0);
        if (status != 0)
            return error_set_errno(err, -status, "adding %s to the system call filter", names[i]);
    }
    return true;
}

/* Threads yes, namespaces no. clone3 hides its flags in memory: without it the C library takes clone. */
static bool clone_rules_add(scmp_filter_ctx filter, struct error *err)
{
    static const int flags[] = {CLONE_NEWNS,  CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
                                     CLONE_NEWUSER, CLONE_NEWPID,   CLONE_NEWNET};
    int status = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);

    for (size_t i = 0; status == 0 && i < COUNT(flags); i++) {
        uint64_t flag = (uint64_t)flags[i];
        status = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                                  SCMP_A0_64(SCMP_CMP_MASKED_EQ, flag, flag));
    }
    if (status != 0)
        return error_set_errno(err, -status, "adding clone to the system call filter");
    return true;
}

/* Memory is data or code, never made the one from the other. */
static bool memory_rules_add(scmp_filter_ctx filter, struct error *err)
{
    static const char *const calls[] = {"mmap", "mmap2", "mprotect"};

    for (size_t i = 0; i < COUNT(calls); i++) {
        int status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, seccomp_syscall_resolve_name(calls[i]), 1,
                                      SCMP_A2_64(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
        if (status != 0)
            return error_set_errno(err, -status, "adding %s to the system call filter", calls[i]);
    }
    return true;
}

static bool network_fill(scmp_filter_ctx filter, struct error *err)
{
    return rules_add(filter, SCMP_ACT_ERRNO(EPERM), escapes, COUNT(escapes), err) &&
           rules_add(filter, SCMP_ACT_ERRNO(EPERM), namespaces, COUNT(namespaces), err) && clone_rules_add(filter, err);
}

static bool namespaces_fill(scmp_filter_ctx filter, struct error *err)
{
    return rules_add(filter, SCMP_ACT_ERRNO(EPERM), escapes, COUNT(escapes), err);
}

/* What only an intruder calls kills the process, and its parent names the signal. What is in no list gets ENOSYS, not
 * EPERM: a newer C library tries its new calls, and takes the old ones only after that answer.
 */
static bool unpack_fill(scmp_filter_ctx filter, struct error *err)
{
    return rules_add(filter, SCMP_ACT_KILL_PROCESS, escapes, COUNT(escapes), err) &&
           rules_add(filter, SCMP_ACT_KILL_PROCESS, namespaces, COUNT(namespaces), err) &&
           rules_add(filter, SCMP_ACT_KILL_PROCESS, intrusions, COUNT(intrusions), err) &&
           rules_add(filter, SCMP_ACT_ALLOW, unpack_calls, COUNT(unpack_calls), err) && memory_rules_add(filter, err);
}

static bool filter_load(scmp_filter_ctx filter, struct error *err)
{
    int status = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);

    if (status == 0)
        status = seccomp_load(filter);
    if (status != 0)
        return error_set_errno(err, -status, "loading the system call filter: the kernel needs CONFIG_SECCOMP_FILTER");
    return true;
}

bool sandbox_calls_load(enum sandbox_calls calls, struct error *err)
{
    static bool (*const fill[])(scmp_filter_ctx filter, struct error *err) = {
        [SANDBOX_CALLS_NETWORK] = network_fill,
        [SANDBOX_CALLS_NAMESPACES] = namespaces_fill,
        [SANDBOX_CALLS_UNPACK] = unpack_fill,
    };
    bool unpack = calls == SANDBOX_CALLS_UNPACK;
    scmp_filter_ctx filter = seccomp_init(unpack ? SCMP_ACT_ERRNO(ENOSYS) : SCMP_ACT_ALLOW);

    if (filter == NULL)
        return error_set(err, ERROR_INTERNAL, "libseccomp gave no system call filter");
    bool ok = fill[calls](filter, err) && filter_load(filter, err);
    seccomp_release(filter);
    return ok;
}
