#include "config.h"

#include "stats.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "connection.h"

#define KIB 1024
#define WANTED (VIR_DOMAIN_STATS_CPU_TOTAL | VIR_DOMAIN_STATS_BALLOON | VIR_DOMAIN_STATS_BLOCK | VIR_DOMAIN_STATS_INTERFACE)
/* A domain whose QEMU is busy is told without what only QEMU knows. */
#define HOW (VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE | VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT)
#define FIELD_BYTES 64

/* ---- libvirt's numbers; -1: not there */

static int64_t number(const virDomainStatsRecord *record, const char *field)
{
    unsigned long long value;

    return virTypedParamsGetULLong(record->params, record->nparams, field, &value) == 1 ? (int64_t)value : -1;
}

static int64_t sum(const virDomainStatsRecord *record, const char *group, const char *field)
{
    char name[FIELD_BYTES];
    unsigned count = 0;
    int64_t all = -1;

    snprintf(name, sizeof(name), "%s.count", group);
    if (virTypedParamsGetUInt(record->params, record->nparams, name, &count) != 1)
        return -1;
    for (unsigned i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "%s.%u.%s", group, i, field);
        int64_t one = number(record, name);

        if (one >= 0)
            all = (all < 0 ? 0 : all) + one;
    }
    return all;
}

static void set_known(struct json *out, const char *key, int64_t value)
{
    if (value >= 0)
        json_set_integer(out, key, value);
}

static int64_t bytes(int64_t kib)
{
    return kib < 0 ? -1 : kib * KIB;
}

/* What the guest itself counts as used where its balloon tells, else what QEMU has of the host's memory. */
static int64_t working_set(const virDomainStatsRecord *record)
{
    int64_t available = number(record, "balloon.available"), usable = number(record, "balloon.usable");

    if (usable < 0)
        usable = number(record, "balloon.unused");
    return available >= 0 && usable >= 0 && usable <= available ? bytes(available - usable) : bytes(number(record, "balloon.rss"));
}

static void read_record(const virDomainStatsRecord *record, struct json *out, struct json *pod)
{
    set_known(out, "cpuNs", number(record, "cpu.time"));
    set_known(out, "memoryBytes", bytes(number(record, "balloon.current")));
    set_known(out, "workingSetBytes", working_set(record));
    set_known(out, "rssBytes", bytes(number(record, "balloon.rss")));
    set_known(out, "ioReadBytes", sum(record, "block", "rd.bytes"));
    set_known(out, "ioWriteBytes", sum(record, "block", "wr.bytes"));
    /* The guest's view: what the host's tap sends, it receives. */
    set_known(pod, "rxBytes", sum(record, "net", "rx.bytes"));
    set_known(pod, "txBytes", sum(record, "net", "tx.bytes"));
}

/* ---- all of them */

static bool is_asked(const struct json *uids, const char *uid)
{
    if (uids == NULL)
        return true;
    JSON_EACH(one, uids)
        if (json_text(one) != NULL && strcmp(json_text(one), uid) == 0)
            return true;
    return false;
}

static void add_record(const struct errand *errand, const virDomainStatsRecord *record, struct json *instances, struct json *pods)
{
    const struct json *uids = json_get(errand->address.json, "uids");
    const char *name = virDomainGetName(record->dom);
    const struct instance *instance;
    struct json *out = NULL, *pod = NULL;

    pthread_mutex_lock(&errand->vms->lock);
    instance = name != NULL ? instance_of_domain(errand->vms, name) : NULL;
    if (instance != NULL && instance->state == INSTANCE_RUNNING && is_asked(uids, instance->uid)) {
        out = json_add_object(instances);
        json_set_text(out, "uid", instance->uid);
        json_set_text(out, "namespace", instance->namespace_);
        json_set_text(out, "pod", instance->name);
        json_set_text(out, "container", instance->container);
        json_set_integer(out, "attempt", instance->attempt);
        pod = json_set_object(pods, instance->uid);
    }
    pthread_mutex_unlock(&errand->vms->lock);
    if (out == NULL)
        return;
    json_set_integer(out, "takenBootMs", (int64_t)clock_boot_ms());
    read_record(record, out, pod);
}

void stats_read(struct errand *errand)
{
    /* Two at once would each find QEMU busy with the other. */
    static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
    virDomainStatsRecordPtr *records = NULL;
    struct json *instances, *pods;
    struct error err;
    int count;

    pthread_mutex_lock(&one_at_a_time);
    count = virConnectGetAllDomainStats(errand->connection, WANTED, &records, HOW);
    pthread_mutex_unlock(&one_at_a_time);
    if (count < 0) {
        connection_error(errand->connection, &err, "libvirtd does not say what virtual machines use");
        errand_fail_with(errand, "StatsError", &err);
        return;
    }
    errand->answer = json_new_object();
    instances = json_set_array(errand->answer, "instances");
    pods = json_set_object(errand->answer, "pods");
    json_set_array(errand->answer, "folders");
    for (int i = 0; i < count; i++)
        add_record(errand, records[i], instances, pods);
    virDomainStatsRecordListFree(records);
}
