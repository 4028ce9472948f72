#include "config.h"

#include "net/dnsmasq.h"

#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"

#define DNSMASQ "/usr/sbin/dnsmasq"
#define NOBODY 65534
#define AGAIN_MS 1000u
#define END_TRIES 100
#define END_WAIT_NS 5000000
#define ARGUMENTS 40
#define CAPS 32

struct dnsmasq {
    const struct dnsmasq_kind *kind;
    char *pidfile;
    char *argv[ARGUMENTS]; /* NULL at the end */
    size_t count;
    pid_t pid;
    uint64_t due_ms; /* it is started at most so often */
};

bool dnsmasq_is_installed(void)
{
    return access(DNSMASQ, X_OK) == 0;
}

static void end_earlier(const char *pidfile)
{
    AUTO_FREE char *text = NULL;
    size_t len = 0;
    struct error ignored; /* there is none */
    if (!file_read(pidfile, 32, &text, &len, &ignored))
        return;
    pid_t pid = (pid_t)strtol(text, NULL, 10);
    AUTO_FREE char *path = mem_printf("/proc/%d/cmdline", pid);
    AUTO_FREE char *command = NULL;
    bool ours = pid > 1 && file_read(path, 4096, &command, &len, &ignored) && strcmp(command, DNSMASQ) == 0;
    for (int tried = 0; ours && kill(pid, SIGKILL) == 0 && tried < END_TRIES; tried++)
        nanosleep(&(struct timespec){ .tv_nsec = END_WAIT_NS }, NULL);
    unlink(pidfile);
}

struct dnsmasq *dnsmasq_new(const struct net *net, const struct dnsmasq_kind *kind)
{
    char gateway[INET6_ADDRSTRLEN], gateway6[INET6_ADDRSTRLEN] = "";
    struct dnsmasq *dnsmasq = mem_alloc(sizeof(*dnsmasq));
    dnsmasq->kind = kind;
    dnsmasq->pidfile = mem_printf("%s.%s.pid", net->netns_dir, kind->name);
    end_earlier(dnsmasq->pidfile);
    net_gateway(net, false, gateway);
    if (kind->v6 && net->subnet6 != NULL)
        net_gateway(net, true, gateway6);
    static const char *const always[] = { DNSMASQ, "--keep-in-foreground", "--conf-file=/dev/null", "--no-hosts", "--pid-file=",
                                          "--bind-interfaces", "--except-interface=lo", "--log-facility=-", "--quiet-dhcp" };
    for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
        dnsmasq_argument(dnsmasq, mem_strdup(always[i]));
    dnsmasq_argument(dnsmasq, mem_printf("--listen-address=%s%s%s", gateway, gateway6[0] != '\0' ? "," : "", gateway6));
    return dnsmasq;
}

void dnsmasq_argument(struct dnsmasq *dnsmasq, char *taken)
{
    if (dnsmasq->count < ARGUMENTS - 1)
        dnsmasq->argv[dnsmasq->count++] = taken;
    else
        free(taken);
}

static bool become_nobody(uint64_t caps)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct sets[2] = { { 0 } };
    sets[0].permitted = sets[0].inheritable = sets[0].effective = (uint32_t)caps;
    if (prctl(PR_SET_KEEPCAPS, 1) != 0 || setgroups(0, NULL) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 ||
        setresuid(NOBODY, NOBODY, NOBODY) != 0 || syscall(SYS_capset, &header, sets) != 0)
        return false;
    for (int cap = 0; cap < CAPS; cap++)
        if ((caps >> cap & 1) != 0 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) != 0)
            return false;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

static bool start(struct dnsmasq *dnsmasq)
{
    char *const env[] = { (char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL };
    pid_t parent = getpid();
    dnsmasq->pid = fork();
    if (dnsmasq->pid != 0)
        return dnsmasq->pid > 0;
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGHUP, SIG_IGN); /* until it listens to it: it may come before */
    /* Behind the change of user, which would forget it; a parent that was killed before does not tell any more. */
    if (become_nobody(dnsmasq->kind->caps) && prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && getppid() == parent)
        execve(DNSMASQ, dnsmasq->argv, env);
    _exit(127);
}

/* Our own, for it cannot write in our folder. */
static void write_pid(const struct dnsmasq *dnsmasq)
{
    AUTO_FREE char *text = mem_printf("%d\n", dnsmasq->pid);
    struct error err;
    if (!file_write_atomic(dnsmasq->pidfile, text, strlen(text), 0600, false, &err))
        log_warn("%s", err.message);
}

void dnsmasq_need(struct dnsmasq *dnsmasq)
{
    if (dnsmasq->pid > 0 && waitpid(dnsmasq->pid, NULL, WNOHANG) == 0)
        return;
    dnsmasq->pid = 0;
    dnsmasq->due_ms = clock_boot_ms() + AGAIN_MS;
    if (start(dnsmasq))
        write_pid(dnsmasq);
    else
        log_warn("dnsmasq does not start: %s", dnsmasq->kind->without);
}

void dnsmasq_look(struct dnsmasq *dnsmasq)
{
    if (dnsmasq->pid <= 0 || waitpid(dnsmasq->pid, NULL, WNOHANG) == 0)
        return;
    log_warn("dnsmasq ended: it is started again");
    dnsmasq->pid = 0;
    if (clock_boot_ms() >= dnsmasq->due_ms)
        dnsmasq_need(dnsmasq); /* else when it is needed next: it does not live */
}

void dnsmasq_read_again(const struct dnsmasq *dnsmasq)
{
    if (dnsmasq->pid > 0)
        kill(dnsmasq->pid, SIGHUP);
}

/* It has nothing to save. */
void dnsmasq_end(struct dnsmasq *dnsmasq)
{
    if (dnsmasq->pid > 0 && kill(dnsmasq->pid, SIGKILL) == 0)
        waitpid(dnsmasq->pid, NULL, 0);
    dnsmasq->pid = 0;
    unlink(dnsmasq->pidfile);
}

void dnsmasq_free(struct dnsmasq *dnsmasq)
{
    if (dnsmasq == NULL)
        return;
    dnsmasq_end(dnsmasq);
    for (size_t i = 0; i < dnsmasq->count; i++)
        free(dnsmasq->argv[i]);
    free(dnsmasq->pidfile);
    free(dnsmasq);
}
