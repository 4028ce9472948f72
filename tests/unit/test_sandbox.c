#include "config.h"

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/sandbox.h"

/* Each test enters the sandbox in a child, for there is no way out of it. The number says what did not hold. */
#define HOLDS(condition) \
    do { \
        if (!(condition)) \
            return __LINE__ % 200 + 20; \
    } while (0)

static char folder[] = "/tmp/davit-test-sandbox-XXXXXX";

static int in_child(int (*check)(void))
{
    int status;
    pid_t child = fork();

    if (child == 0)
        exit(check()); /* with all that runs at a normal exit */
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* A line of /proc/self/status, opened before the sandbox: undumpable, a process may not open its own. */
static unsigned long long status_value(int fd, const char *key, int base)
{
    char text[8192];
    ssize_t got = pread(fd, text, sizeof(text) - 1, 0);

    text[got > 0 ? got : 0] = '\0';
    const char *line = strstr(text, key);
    return line != NULL ? strtoull(line + strlen(key), NULL, base) : ~0ULL;
}

static int network_status(void)
{
    struct sandbox sandbox = {.user = "nobody", .calls = SANDBOX_CALLS_NETWORK};
    struct error err;
    struct rlimit core;
    int status = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    gid_t group = 4;

    HOLDS(setgroups(1, &group) == 0);
    HOLDS(sandbox_enter(&sandbox, &err));
    static const char *const sets[] = {"CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"};
    for (size_t i = 0; i < 5; i++)
        HOLDS(status_value(status, sets[i], 16) == 0);
    HOLDS(status_value(status, "NoNewPrivs:", 10) == 1);
    HOLDS(status_value(status, "Seccomp:", 10) == 2);
    HOLDS(status_value(status, "Uid:", 10) != 0);
    HOLDS(getgroups(0, NULL) == 0);
    HOLDS(setuid(0) == -1);
    HOLDS(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
    HOLDS(getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max == 0);
    return 0;
}

static void *thread_run(void *arg)
{
    *(int *)arg = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return NULL;
}

static bool denied(long result)
{
    return result == -1 && errno == EPERM;
}

static int denied_calls(void)
{
    HOLDS(denied(mount("none", "/tmp", "tmpfs", 0, NULL)));
    HOLDS(denied(unshare(CLONE_NEWUSER)));
    HOLDS(denied(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0)));
    HOLDS(denied(syscall(SYS_clone, CLONE_NEWNET | SIGCHLD, 0, 0, 0, 0)));
    HOLDS(syscall(SYS_clone3, NULL, 0) == -1 && errno == ENOSYS);
    HOLDS(denied(syscall(SYS_ptrace, 0, 0, 0, 0)));
    HOLDS(denied(syscall(SYS_bpf, 0, NULL, 0)));
    HOLDS(denied(syscall(SYS_keyctl, 0, 0)));
    HOLDS(denied(syscall(SYS_io_uring_setup, 1, NULL)));
    HOLDS(denied(syscall(SYS_process_vm_readv, getpid(), NULL, 0, NULL, 0, 0)));
    HOLDS(denied(syscall(SYS_userfaultfd, 0)));
    return 0;
}

static int network_calls(void)
{
    struct sandbox sandbox = {.user = geteuid() == 0 ? "nobody" : NULL, .calls = SANDBOX_CALLS_NETWORK};
    struct error err;
    pthread_t thread;
    int made = -1;
    char *const argv[] = {(char *)"true", NULL};

    HOLDS(sandbox_enter(&sandbox, &err));
    HOLDS(pthread_create(&thread, NULL, thread_run, &made) == 0 && pthread_join(thread, NULL) == 0 && made >= 0);
    HOLDS(denied(execv("/bin/true", argv)));
    return denied_calls();
}

static int unpack_enter(void)
{
    struct sandbox sandbox = {.chroot_dir = folder,
                              .keep_caps = 1ULL << CAP_CHOWN | 1ULL << CAP_DAC_OVERRIDE | 1ULL << CAP_FOWNER |
                                           1ULL << CAP_FSETID | 1ULL << CAP_MKNOD | 1ULL << CAP_SETFCAP,
                              .calls = SANDBOX_CALLS_UNPACK};
    struct error err;

    if (sandbox_enter(&sandbox, &err))
        return 0;
    fprintf(stderr, "%s\n", err.message);
    return 1;
}

/* What an unpacker does with every kind of entry. */
static int unpack_files(void)
{
    int status = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 2}};
    struct stat found;
    gid_t group = 4;
    char byte;

    HOLDS(setgroups(1, &group) == 0);
    HOLDS(unpack_enter() == 0 && getgroups(0, NULL) == 0);
    HOLDS(status_value(status, "CapEff:", 16) == status_value(status, "CapBnd:", 16));
    HOLDS(status_value(status, "CapEff:", 16) == (1ULL << CAP_CHOWN | 1ULL << CAP_DAC_OVERRIDE | 1ULL << CAP_FOWNER |
                                                 1ULL << CAP_FSETID | 1ULL << CAP_MKNOD | 1ULL << CAP_SETFCAP));
    HOLDS(status_value(status, "CapAmb:", 16) == 0 && status_value(status, "Seccomp:", 10) == 2);
    HOLDS(access("/etc/passwd", F_OK) == -1);
    HOLDS(mkdirat(AT_FDCWD, "/dir", 0755) == 0);
    int dir = open("/dir", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int file = openat(dir, "file", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    HOLDS(dir >= 0 && file >= 0 && pwrite(file, "data", 4, 0) == 4 && fchown(file, 1000, 1000) == 0);
    HOLDS(fchmod(file, 04755) == 0 && ftruncate(file, 2) == 0 && futimens(file, times) == 0 && fsync(file) == 0);
    HOLDS(pread(file, &byte, 1, 1) == 1 && byte == 'a' && syncfs(dir) == 0);
    HOLDS(symlinkat("/x", dir, "link") == 0 && linkat(dir, "file", dir, "hard", 0) == 0);
    HOLDS(fchownat(dir, "link", 5, 5, AT_SYMLINK_NOFOLLOW) == 0);
    HOLDS(mknodat(dir, "fifo", S_IFIFO | 0600, 0) == 0);
    HOLDS(mknodat(dir, "whiteout", S_IFCHR, 0) == 0);
    HOLDS(fstatat(dir, "file", &found, 0) == 0 && found.st_mode == (S_IFREG | 04755));
    HOLDS(renameat(dir, "hard", dir, "moved") == 0 && unlinkat(dir, "moved", 0) == 0);
    void *memory = malloc(10 * 1024 * 1024);
    HOLDS(memory != NULL);
    free(memory);
    return 0;
}

static int unpack_missing(void)
{
    HOLDS(unpack_enter() == 0);
    /* An unknown call: as on an older kernel. */
    HOLDS(syscall(SYS_timer_create, 0, 0, 0) == -1 && errno == ENOSYS);
    HOLDS(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) == -1 && errno == ENOSYS);
    HOLDS(mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    HOLDS(page != MAP_FAILED && mprotect(page, 4096, PROT_READ | PROT_EXEC) == -1);
    return 0;
}

static int unpack_socket(void)
{
    return unpack_enter() != 0 ? 1 : socket(AF_INET, SOCK_STREAM, 0);
}

static int unpack_exec(void)
{
    char *const argv[] = {(char *)"sh", NULL};

    return unpack_enter() != 0 ? 1 : execv("/bin/sh", argv);
}

static int unpack_chroot(void)
{
    return unpack_enter() != 0 ? 1 : chroot("/dir");
}

static int unpack_kill(void)
{
    return unpack_enter() != 0 ? 1 : kill(getppid(), 0);
}

static int developer_network(void)
{
    if (setgid(65534) != 0 || setuid(65534) != 0)
        return 77;
    struct sandbox sandbox = {.user = "nobody", .chroot_dir = "/", .calls = SANDBOX_CALLS_NETWORK};
    struct error err;
    char *const argv[] = {(char *)"true", NULL};
    HOLDS(sandbox_enter(&sandbox, &err));
    HOLDS(execv("/bin/true", argv) == -1 && errno == EPERM);
    HOLDS(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
    return 0;
}

static int wrong_users(void)
{
    struct sandbox absent = {.user = "no-such-user", .calls = SANDBOX_CALLS_NETWORK};
    struct sandbox root = {.user = "root", .calls = SANDBOX_CALLS_NETWORK};
    struct error err;

    HOLDS(!sandbox_enter(&absent, &err) && err.code == ERROR_NOT_FOUND);
    HOLDS(!sandbox_enter(&root, &err) && err.code == ERROR_INVALID);
    return 0;
}

static void root_needed(void)
{
    if (geteuid() != 0)
        skip();
}

static void a_network_client_has_no_privilege_left(void **state)
{
    (void)state;
    root_needed();
    assert_int_equal(in_child(network_status), 0);
}

static void a_network_client_has_threads_and_sockets_but_no_exec(void **state)
{
    (void)state;
    assert_int_equal(in_child(network_calls), 0);
}

static void an_unpacker_can_make_every_kind_of_file(void **state)
{
    (void)state;
    root_needed();
    assert_int_equal(in_child(unpack_files), 0);
}

static void a_call_that_is_not_listed_is_answered_as_unknown(void **state)
{
    (void)state;
    root_needed();
    assert_int_equal(in_child(unpack_missing), 0);
}

static void an_intruder_in_the_unpacker_is_killed(void **state)
{
    (void)state;
    root_needed();
    assert_int_equal(in_child(unpack_socket), 1000 + SIGSYS);
    assert_int_equal(in_child(unpack_exec), 1000 + SIGSYS);
    assert_int_equal(in_child(unpack_chroot), 1000 + SIGSYS);
    assert_int_equal(in_child(unpack_kill), 1000 + SIGSYS);
}

static void a_developer_without_root_is_filtered_too(void **state)
{
    (void)state;
    root_needed();
    assert_int_equal(in_child(developer_network), 0);
}

static void a_user_that_cannot_be_is_refused(void **state)
{
    (void)state;
    root_needed();
    assert_int_equal(in_child(wrong_users), 0);
}

static int folder_make(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL;
}

static int folder_remove(void **state)
{
    struct error err;

    (void)state;
    return !file_remove_tree(folder, &err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_network_client_has_no_privilege_left),
        cmocka_unit_test(a_network_client_has_threads_and_sockets_but_no_exec),
        cmocka_unit_test(an_unpacker_can_make_every_kind_of_file),
        cmocka_unit_test(a_call_that_is_not_listed_is_answered_as_unknown),
        cmocka_unit_test(an_intruder_in_the_unpacker_is_killed),
        cmocka_unit_test(a_developer_without_root_is_filtered_too),
        cmocka_unit_test(a_user_that_cannot_be_is_refused),
    };

    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
