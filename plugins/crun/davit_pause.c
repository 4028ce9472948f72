/* The first process of a pod whose containers share one PID namespace: it holds the namespace, reaps what is left to it,
 * and ends on SIGTERM; with it everything in the namespace ends. Its root is an empty read-only tmpfs, it is nobody, and
 * nothing of it can be read or traced: containers see it as /proc/1.
 *
 * Without a libc, a few KB: there is one of these in memory for every such pod.
 *
 * fd 0: a byte says go; when it closes before, nobody will ever know of this process, and it ends.
 * fd 1: one byte, 0 when all is set, else the number of the step that failed.
 */
#include <linux/close_range.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define NOBODY 65535 /* as Kubernetes' own pause */
#define SIGSET_BYTES 8
#define OVER "/proc"
#define BIT(signal) (1UL << ((signal) - 1))

#ifdef __x86_64__
#define ENTRY __attribute__((noreturn, used, no_stack_protector, force_align_arg_pointer))
#else
#define ENTRY __attribute__((noreturn, used, no_stack_protector))
#endif

/* The kernel's own convention: the result, or minus errno. */
static inline long call(long number, long a, long b, long c, long d, long e)
{
#if defined(__x86_64__)
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    long result;

    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                     : "rcx", "r11", "memory");
    return result;
#elif defined(__aarch64__)
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;

    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
    return x0;
#elif defined(__riscv) && __riscv_xlen == 64
    register long a7 __asm__("a7") = number;
    register long a0 __asm__("a0") = a;
    register long a1 __asm__("a1") = b;
    register long a2 __asm__("a2") = c;
    register long a3 __asm__("a3") = d;
    register long a4 __asm__("a4") = e;

    __asm__ volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2), "r"(a3), "r"(a4) : "memory");
    return a0;
#elif defined(__arm__)
    register long r7 __asm__("r7") = number;
    register long r0 __asm__("r0") = a;
    register long r1 __asm__("r1") = b;
    register long r2 __asm__("r2") = c;
    register long r3 __asm__("r3") = d;
    register long r4 __asm__("r4") = e;

    __asm__ volatile("svc #0" : "+r"(r0) : "r"(r7), "r"(r1), "r"(r2), "r"(r3), "r"(r4) : "memory");
    return r0;
#else
#error "davit-pause: write down this processor's system call"
#endif
}

/* A 32-bit kernel's old calls have ids of 16 bits. */
#ifdef SYS_setresuid32
#undef SYS_setgroups
#undef SYS_setresgid
#undef SYS_setresuid
#define SYS_setgroups SYS_setgroups32
#define SYS_setresgid SYS_setresgid32
#define SYS_setresuid SYS_setresuid32
#endif

#define CALL(name, a, b, c, d, e) call(SYS_##name, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e))

__attribute__((noreturn)) static void leave(int code)
{
    for (;;)
        CALL(exit_group, code, 0, 0, 0, 0);
}

/* Over a folder that every host has, and that anybody may enter: what is above runDir may be closed to the pod's root. */
static long empty_the_root(void)
{
    static const char options[] = "size=4k,nr_inodes=2,mode=555";
    long failed = CALL(mount, "", "/", 0, MS_REC | MS_PRIVATE, 0);

    if (failed == 0)
        failed = CALL(mount, "tmpfs", OVER, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, options);
    return failed;
}

static long enter(void)
{
    long failed = CALL(chdir, OVER, 0, 0, 0, 0);

    if (failed == 0)
        failed = CALL(pivot_root, ".", ".", 0, 0, 0);
    if (failed == 0)
        failed = CALL(umount2, ".", MNT_DETACH, 0, 0, 0);
    return failed == 0 ? CALL(chdir, "/", 0, 0, 0, 0) : failed;
}

static long become_nobody(void)
{
    long failed = CALL(setgroups, 0, 0, 0, 0, 0);

    if (failed == 0)
        failed = CALL(setresgid, NOBODY, NOBODY, NOBODY, 0, 0);
    if (failed == 0)
        failed = CALL(setresuid, NOBODY, NOBODY, NOBODY, 0, 0);
    if (failed == 0)
        failed = CALL(prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return failed == 0 ? CALL(prctl, PR_SET_DUMPABLE, 0, 0, 0, 0) : failed;
}

ENTRY static void run(void)
{
    unsigned long waited = BIT(SIGCHLD) | BIT(SIGTERM) | BIT(SIGINT);
    char step = 0, go;

    CALL(prctl, PR_SET_NAME, "davit-pause", 0, 0, 0);
    CALL(rt_sigprocmask, SIG_BLOCK, &waited, 0, SIGSET_BYTES, 0);
    CALL(close_range, 2, ~0U, 0, 0, 0);
    if (empty_the_root() != 0)
        step = 1;
    else if (enter() != 0)
        step = 2;
    else if (become_nobody() != 0)
        step = 3;
    CALL(write, 1, &step, 1, 0, 0);
    if (step != 0 || CALL(read, 0, &go, 1, 0, 0) != 1)
        leave(1);
    CALL(close_range, 0, ~0U, 0, 0, 0);
    for (;;) {
        long got = CALL(rt_sigtimedwait, &waited, 0, 0, SIGSET_BYTES, 0);

        if (got == SIGTERM || got == SIGINT)
            leave(0);
        while (CALL(wait4, -1, 0, WNOHANG, 0, 0) > 0)
            ;
    }
}

__attribute__((noreturn, used)) void _start(void);
#if defined(__x86_64__)
__asm__(".globl _start\n_start: xor %ebp, %ebp\n call run\n");
#elif defined(__aarch64__)
__asm__(".globl _start\n_start: mov x29, #0\n bl run\n");
#elif defined(__arm__)
__asm__(".globl _start\n_start: bl run\n");
#else
__asm__(".globl _start\n_start: call run\n");
#endif
