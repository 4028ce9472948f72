/* Whether this device can do what Davit asks of it: one small look a check, with what was seen and what helps. */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/json.h"
#include "cli/options.h"

enum verdict { VERDICT_OK, VERDICT_WARN, VERDICT_FAIL };

#define FINDING_BYTES 512

struct finding {
    enum verdict verdict;
    char seen[FINDING_BYTES];
    char remedy[FINDING_BYTES]; /* "" where all is well */
};

struct doctor {
    const char *root;       /* before each path that is looked at: "" but for tests */
    const char *config;     /* davitd.conf */
    struct json *settings;  /* "section.key": what it and conf.d say; NULL: it cannot be read */
    char problem[FINDING_BYTES]; /* why not */
    const struct options *options;
};

struct check {
    const char *name;
    void (*look)(const struct doctor *doctor, struct finding *finding);
};

extern const struct check DOCTOR_CHECKS[];
extern const size_t DOCTOR_CHECK_COUNT;

/* Reads the configuration. */
void doctor_open(struct doctor *doctor, const struct options *options, const char *root, const char *config);
void doctor_close(struct doctor *doctor);
/* What davitd.conf says, or what davitd takes where it says nothing. */
const char *doctor_setting(const struct doctor *doctor, const char *key, const char *fallback);
bool doctor_is_on(const struct doctor *doctor, const char *key); /* yes, where it does not say no */

/* ---- for the checks: the texts are cut at FINDING_BYTES */
void finding_ok(struct finding *finding, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What was seen; the remedy is said apart. */
void finding_set(struct finding *finding, enum verdict verdict, const char *remedy, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
bool doctor_exists(const struct doctor *doctor, const char *path);
/* A small file, or of a large one its beginning; NULL: it is not there. The caller frees. */
char *doctor_read(const struct doctor *doctor, const char *path);
/* The first line that a program says of itself; NULL: it is not installed, or says nothing. The caller frees. */
char *doctor_version(const char *program);

/* ---- doctor_kernel.c */
void doctor_kernel(const struct doctor *doctor, struct finding *finding);
void doctor_overlayfs(const struct doctor *doctor, struct finding *finding);
void doctor_users(const struct doctor *doctor, struct finding *finding);
void doctor_cgroups(const struct doctor *doctor, struct finding *finding);
void doctor_seccomp(const struct doctor *doctor, struct finding *finding);
void doctor_apparmor(const struct doctor *doctor, struct finding *finding);
/* ---- doctor_network.c */
void doctor_nftables(const struct doctor *doctor, struct finding *finding);
void doctor_links(const struct doctor *doctor, struct finding *finding);
void doctor_tun(const struct doctor *doctor, struct finding *finding);
void doctor_cni(const struct doctor *doctor, struct finding *finding);
/* ---- doctor_tools.c */
void doctor_crun(const struct doctor *doctor, struct finding *finding);
void doctor_conmon(const struct doctor *doctor, struct finding *finding);
void doctor_dnsmasq(const struct doctor *doctor, struct finding *finding);
void doctor_libvirt(const struct doctor *doctor, struct finding *finding);
void doctor_kvm(const struct doctor *doctor, struct finding *finding);
/* ---- doctor_machine.c */
void doctor_clock(const struct doctor *doctor, struct finding *finding);
void doctor_disk(const struct doctor *doctor, struct finding *finding);
void doctor_run_dir(const struct doctor *doctor, struct finding *finding);
void doctor_memory(const struct doctor *doctor, struct finding *finding);
void doctor_zones(const struct doctor *doctor, struct finding *finding);
void doctor_files(const struct doctor *doctor, struct finding *finding);
/* ---- doctor_agent.c */
void doctor_config(const struct doctor *doctor, struct finding *finding);
void doctor_davitd(const struct doctor *doctor, struct finding *finding);
void doctor_broker(const struct doctor *doctor, struct finding *finding);

#endif
