#include "config.h"

#include "cli/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/spawn.h"
#include "cli/doctor_conf.h"
#include "cli/text.h"

#define READ_BYTES 65536

const struct check DOCTOR_CHECKS[] = {
    {"config", doctor_config},     {"davitd", doctor_davitd},   {"broker", doctor_broker},   {"kernel", doctor_kernel},
    {"cgroups", doctor_cgroups},   {"overlayfs", doctor_overlayfs}, {"users", doctor_users}, {"seccomp", doctor_seccomp},
    {"apparmor", doctor_apparmor}, {"nftables", doctor_nftables},   {"links", doctor_links}, {"tun", doctor_tun},
    {"cni", doctor_cni},           {"crun", doctor_crun},       {"conmon", doctor_conmon},   {"dnsmasq", doctor_dnsmasq},
    {"libvirt", doctor_libvirt},   {"kvm", doctor_kvm},         {"clock", doctor_clock},     {"disk", doctor_disk},
    {"run-dir", doctor_run_dir},   {"memory", doctor_memory},   {"zones", doctor_zones},     {"files", doctor_files},
};

const size_t DOCTOR_CHECK_COUNT = sizeof(DOCTOR_CHECKS) / sizeof(DOCTOR_CHECKS[0]);

void doctor_open(struct doctor *doctor, const struct options *options, const char *root, const char *config)
{
    struct error err = {0};
    *doctor = (struct doctor){.root = root, .config = config, .options = options};
    AUTO_FREE char *path = mem_printf("%s%s", root, config);
    doctor->settings = doctor_conf_read(path, &err);
    if (doctor->settings == NULL)
        (void)snprintf(doctor->problem, sizeof(doctor->problem), "%s", text_clean(err.message));
}

void doctor_close(struct doctor *doctor)
{
    json_free(doctor->settings);
    doctor->settings = NULL;
}

const char *doctor_setting(const struct doctor *doctor, const char *key, const char *fallback)
{
    const char *value = json_get_text(doctor->settings, key);
    return value != NULL && *value != '\0' ? value : fallback;
}

bool doctor_is_on(const struct doctor *doctor, const char *key)
{
    return strcmp(doctor_setting(doctor, key, "yes"), "no") != 0;
}

void finding_ok(struct finding *finding, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(finding->seen, sizeof(finding->seen), format, args);
    va_end(args);
    finding->verdict = VERDICT_OK;
}

void finding_set(struct finding *finding, enum verdict verdict, const char *remedy, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(finding->seen, sizeof(finding->seen), format, args);
    va_end(args);
    (void)snprintf(finding->remedy, sizeof(finding->remedy), "%s", remedy);
    finding->verdict = verdict;
}

bool doctor_exists(const struct doctor *doctor, const char *path)
{
    AUTO_FREE char *whole = mem_printf("%s%s", doctor->root, path);
    return access(whole, F_OK) == 0;
}

char *doctor_read(const struct doctor *doctor, const char *path)
{
    AUTO_FREE char *whole = mem_printf("%s%s", doctor->root, path);
    AUTO_CLOSE int fd = open(whole, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    AUTO_FREE char *text = mem_alloc(READ_BYTES + 1);
    size_t len = 0;
    if (fd < 0)
        return NULL;
    for (ssize_t got; len < READ_BYTES && (got = read(fd, text + len, READ_BYTES - len)) > 0;)
        len += (size_t)got;
    text[len] = '\0';
    return mem_steal(&text);
}

char *doctor_version(const char *program)
{
    int ends[2];
    char text[FINDING_BYTES];
    AUTO_FREE char *path = spawn_find(program);
    const char *argv[] = {path, "--version", NULL};
    struct error ignored;
    if (path == NULL || pipe2(ends, O_CLOEXEC) != 0)
        return NULL;
    struct spawn spawn = {.argv = argv, .env = spawn_plain_env, .extra_fd = -1, .cgroup_fd = -1, .out_fd = ends[1]};
    bool started = spawn_start(&spawn, &ignored);
    (void)close(ends[1]);
    ssize_t got = started ? read(ends[0], text, sizeof(text) - 1) : -1;
    (void)close(ends[0]);
    if (started) {
        (void)spawn_reap(&spawn);
        spawn_close(&spawn);
    }
    if (got <= 0)
        return NULL;
    text[got] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return mem_strdup(text_clean(text));
}
