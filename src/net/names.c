#include "config.h"

#include "net/names.h"

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
#include "base/strbuf.h"

#define DNSMASQ "/usr/sbin/dnsmasq"
#define NOBODY 65534
#define AGAIN_MS 1000u
#define END_TRIES 100
#define END_WAIT_NS 5000000
#define HOSTS_BYTES (4 * 1024 * 1024)

struct names {
    const struct net *net;
    char *hosts;   /* its file */
    char *pidfile;
    pid_t pid;
    uint64_t due_ms; /* it is started at most so often */
};

/* One that an earlier davit-net left: it listens where ours is to. */
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

/* What answers the pods' questions is nobody, with the right to bind port 53 and to read its file in our folder. */
static bool become_nobody(void)
{
    static const int kept[] = { CAP_NET_BIND_SERVICE, CAP_DAC_READ_SEARCH };
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct sets[2] = { { 0 } };
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
        sets[0].effective |= 1u << kept[i];
    sets[0].permitted = sets[0].inheritable = sets[0].effective;
    if (prctl(PR_SET_KEEPCAPS, 1) != 0 || setgroups(0, NULL) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 ||
        setresuid(NOBODY, NOBODY, NOBODY) != 0 || syscall(SYS_capset, &header, sets) != 0)
        return false;
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, kept[i], 0, 0) != 0)
            return false;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

static bool start(struct names *names)
{
    char gateway[INET6_ADDRSTRLEN], gateway6[INET6_ADDRSTRLEN] = "";
    net_gateway(names->net, false, gateway);
    if (names->net->subnet6 != NULL)
        net_gateway(names->net, true, gateway6);
    AUTO_FREE char *listen = mem_printf("--listen-address=%s%s%s", gateway, gateway6[0] != '\0' ? "," : "", gateway6);
    AUTO_FREE char *hosts = mem_printf("--addn-hosts=%s", names->hosts);
    char *const argv[] = { (char *)DNSMASQ, (char *)"--keep-in-foreground", (char *)"--conf-file=/dev/null",
                           (char *)"--no-hosts", (char *)"--bind-interfaces", listen, hosts, (char *)"--pid-file=",
                           (char *)"--local=/cluster.local/", (char *)"--local-ttl=5",
                           (char *)"--except-interface=lo", (char *)"--log-facility=-", (char *)"--quiet-dhcp", NULL };
    char *const env[] = { (char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL };
    names->pid = fork();
    if (names->pid != 0)
        return names->pid > 0;
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGHUP, SIG_IGN); /* until it listens to it: it may come before */
    /* Behind the change of user, which would forget it. */
    if (become_nobody() && prctl(PR_SET_PDEATHSIG, SIGTERM) == 0)
        execve(DNSMASQ, argv, env);
    _exit(127);
}

/* Our own, for it cannot write in our folder. */
static void write_pid(const struct names *names)
{
    AUTO_FREE char *text = mem_printf("%d\n", names->pid);
    struct error err;
    if (!file_write_atomic(names->pidfile, text, strlen(text), 0600, false, &err))
        log_warn("%s", err.message);
}

struct names *names_new(const struct net *net)
{
    if (access(DNSMASQ, X_OK) != 0) {
        log_warn("dnsmasq is not installed: pods do not find each other by name; install the package dnsmasq-base");
        return NULL;
    }
    struct names *names = mem_alloc(sizeof(*names));
    names->hosts = mem_printf("%s.hosts", net->netns_dir);
    names->pidfile = mem_printf("%s.dnsmasq.pid", net->netns_dir);
    names->net = net;
    end_earlier(names->pidfile);
    names_set(names, NULL);
    return names;
}

void names_need(struct names *names)
{
    if (names->pid > 0 && waitpid(names->pid, NULL, WNOHANG) == 0)
        return;
    names->pid = 0;
    names->due_ms = clock_boot_ms() + AGAIN_MS;
    if (start(names))
        write_pid(names);
    else
        log_warn("dnsmasq does not start: pods do not find each other by name");
}

void names_look(struct names *names)
{
    if (names->pid <= 0 || waitpid(names->pid, NULL, WNOHANG) == 0)
        return;
    log_warn("dnsmasq ended: it is started again");
    names->pid = 0;
    if (clock_boot_ms() >= names->due_ms)
        names_need(names); /* else with the next pod, or the next names: it does not live */
}

void names_set(struct names *names, const struct json *records)
{
    AUTO_STRBUF struct strbuf text;
    struct error err;
    strbuf_init(&text, HOSTS_BYTES);
    strbuf_add(&text, "# written by davit-net\n");
    JSON_EACH(record, records)
        JSON_EACH(address, json_get(record, "addresses"))
            strbuf_printf(&text, "%s %s\n", json_text(address), json_get_text(record, "name"));
    if (!file_write_atomic(names->hosts, text.data, text.len, 0644, false, &err))
        log_warn("the names of pods are not written: %s", err.message);
    if (names->pid > 0)
        kill(names->pid, SIGHUP);
}

void names_free(struct names *names)
{
    if (names == NULL)
        return;
    if (names->pid > 0) {
        kill(names->pid, SIGTERM);
        waitpid(names->pid, NULL, 0);
    }
    free(names->hosts);
    free(names->pidfile);
    free(names);
}
