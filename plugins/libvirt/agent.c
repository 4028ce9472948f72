#include "config.h"

#include "agent.h"

#include <libvirt/libvirt-qemu.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "connection.h"
#include "record.h"

#define OUTPUT_BYTES 10240 /* Kubernetes: of a probe's output */
#define TIMEOUT_MS 1000    /* of a command that names none, as of a probe */
#define POLL_FIRST_MS 20u
#define POLL_LAST_MS 500u
#define ASK_LATER_MS (5 * 60 * 1000u) /* at rest */
#define ADDRESSES_MOST 32
#define TEXT_BYTES 128

/* ---- one question */

struct json *agent_command(virDomainPtr domain, struct json *command_taken, int64_t timeout_ms, struct error *err)
{
    virConnectPtr connection = virDomainGetConnect(domain);
    AUTO_FREE char *text = json_print(command_taken);
    int64_t seconds = (timeout_ms + 999) / 1000;
    AUTO_FREE char *said = virDomainQemuAgentCommand(domain, text, seconds < 1 ? 1 : (int)seconds, 0);
    struct json *answer;

    json_free(command_taken);
    if (said == NULL) {
        connection_error(connection, err, "the guest's agent does not answer");
        return NULL;
    }
    answer = json_parse(said, strlen(said), err);
    if (answer == NULL)
        error_wrap(err, "the guest's agent answers nonsense");
    return answer;
}

/* ---- commands */

struct json *agent_exec_question(const struct json *command)
{
    struct json *question = json_new_texts("execute", "guest-exec", NULL);
    struct json *arguments = json_set_object(question, "arguments");
    const struct json *path = json_first(command);
    struct json *rest = json_set_array(arguments, "arg");

    json_set_text(arguments, "path", json_text(path));
    for (const struct json *one = json_next(path); one != NULL; one = json_next(one))
        json_add_text(rest, json_text(one));
    json_set_boolean(arguments, "capture-output", true);
    return question;
}

struct json *agent_status_question(int64_t pid)
{
    struct json *question = json_new_texts("execute", "guest-exec-status", NULL);

    json_set_integer(json_set_object(question, "arguments"), "pid", pid);
    return question;
}

int64_t agent_exit_code(const struct json *status)
{
    int64_t number = json_get_integer(status, "signal", 0);

    return number != 0 ? 128 + number : json_get_integer(status, "exitcode", 1);
}

static void add_output(struct strbuf *out, const char *text)
{
    AUTO_FREE char *data = NULL;
    size_t len;

    if (text == NULL || !base64_decode(text, strlen(text), &data, &len))
        return;
    if (len > OUTPUT_BYTES - out->len)
        len = OUTPUT_BYTES - out->len;
    strbuf_add_bytes(out, data, len);
}

static void answer_exec(struct errand *errand, int64_t exit_code, bool timed_out, const char *output)
{
    errand->answer = json_new_object();
    json_set_integer(errand->answer, "exitCode", exit_code);
    json_set_boolean(errand->answer, "timedOut", timed_out);
    json_set_text(errand->answer, "output", output);
}

static void answer_end(struct errand *errand, const struct json *status)
{
    AUTO_STRBUF struct strbuf output;

    strbuf_init(&output, OUTPUT_BYTES + 1);
    strbuf_add(&output, "");
    add_output(&output, json_get_text(status, "out-data"));
    add_output(&output, json_get_text(status, "err-data"));
    answer_exec(errand, agent_exit_code(status), false, output.data);
}

/* True: it has ended, and that is answered; or it failed, and that is. */
static bool ask_status(struct errand *errand, virDomainPtr domain, int64_t pid, int64_t left_ms)
{
    struct error err;
    AUTO_JSON struct json *said = agent_command(domain, agent_status_question(pid), left_ms, &err);
    const struct json *status = json_get(said, "return");

    if (said == NULL) {
        errand_fail_with(errand, "ExecError", &err);
        return true;
    }
    if (!json_get_boolean(status, "exited", true))
        return false;
    answer_end(errand, status);
    return true;
}

static void wait_for_end(struct errand *errand, virDomainPtr domain, int64_t pid, uint64_t due_ms)
{
    unsigned pause_ms = POLL_FIRST_MS;

    for (uint64_t now = clock_boot_ms(); now < due_ms; now = clock_boot_ms()) {
        if (ask_status(errand, domain, pid, (int64_t)(due_ms - now)))
            return;
        usleep(pause_ms * 1000);
        pause_ms = pause_ms * 2 < POLL_LAST_MS ? pause_ms * 2 : POLL_LAST_MS;
    }
    /* An agent has no word for ending what it started: it runs on in the guest. */
    answer_exec(errand, 1, true, "");
}

static void run_command(struct errand *errand, virDomainPtr domain, const struct json *command, int64_t timeout_ms)
{
    uint64_t due_ms = clock_boot_ms() + (uint64_t)timeout_ms;
    struct error err;
    AUTO_JSON struct json *said = agent_command(domain, agent_exec_question(command), timeout_ms, &err);
    int64_t pid = json_get_integer(json_get(said, "return"), "pid", -1);

    if (said == NULL && err.code == ERROR_UNAVAILABLE)
        errand_fail_with(errand, "ExecError", &err);
    else if (said == NULL)
        answer_exec(errand, 126, false, err.message); /* as a shell says it: it cannot be run */
    else
        wait_for_end(errand, domain, pid, due_ms);
}

static void ping(struct errand *errand, virDomainPtr domain, int64_t timeout_ms)
{
    struct error err;
    AUTO_JSON struct json *said = agent_command(domain, json_new_texts("execute", "guest-ping", NULL), timeout_ms, &err);

    if (said == NULL && err.code == ERROR_UNAVAILABLE)
        errand_fail_with(errand, "ExecError", &err);
    else
        answer_exec(errand, said != NULL ? 0 : 1, false, said != NULL ? "" : err.message);
}

void agent_exec(struct errand *errand)
{
    const struct json *document = errand->address.json, *command = json_get(document, "command");
    int64_t timeout_ms = json_get_integer(document, "timeoutMs", TIMEOUT_MS);
    virDomainPtr domain;
    struct error err;

    if (timeout_ms <= 0 || timeout_ms > INT_MAX)
        timeout_ms = TIMEOUT_MS;
    domain = errand_domain(errand, &err);
    if (domain == NULL)
        errand_fail_with(errand, err.code == ERROR_NOT_FOUND ? "NotRunning" : "ExecError", &err);
    else if (json_get_boolean(document, "ping", false))
        ping(errand, domain, timeout_ms);
    else if (json_text(json_first(command)) == NULL)
        errand_fail(errand, DAVIT_INVALID, "InvalidDocument", "exec needs a command, or ping");
    else
        run_command(errand, domain, command, timeout_ms);
    if (domain != NULL)
        virDomainFree(domain);
}

/* ---- what it knows */

void agent_came(struct instance *instance, bool there)
{
    instance->agent = there;
    instance->asked = 0;
    instance->ask_boot_ms = there ? clock_boot_ms() : 0;
}

/* It stands in statuses, and on people's terminals. */
static const char *tame(const char *text, char out[TEXT_BYTES])
{
    utf8_tame(text, out, TEXT_BYTES);
    return out;
}

static void add_interface(struct json *list, const virDomainInterface *one)
{
    struct json *out, *addresses;
    char text[TEXT_BYTES];

    if (one->naddrs == 0 || json_size(list) >= ADDRESSES_MOST || strcmp(one->name, "lo") == 0)
        return;
    out = json_add_object(list);
    json_set_text(out, "interface", tame(one->name, text));
    if (one->hwaddr != NULL)
        json_set_text(out, "mac", tame(one->hwaddr, text));
    addresses = json_set_array(out, "addresses");
    for (unsigned i = 0; i < one->naddrs && i < ADDRESSES_MOST; i++)
        json_add_text(addresses, tame(one->addrs[i].addr, text));
}

/* NULL: it does not say. */
static struct json *read_addresses(virDomainPtr domain)
{
    virDomainInterfacePtr *interfaces = NULL;
    int count = virDomainInterfaceAddresses(domain, &interfaces, VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT, 0);
    struct json *list = count >= 0 ? json_new_array() : NULL;

    for (int i = 0; i < count; i++) {
        add_interface(list, interfaces[i]);
        virDomainInterfaceFree(interfaces[i]);
    }
    free(interfaces);
    return list;
}

static char *read_os(virDomainPtr domain)
{
    virTypedParameterPtr values = NULL;
    int count = 0;
    const char *name = NULL;
    char text[TEXT_BYTES], *out = NULL;

    if (virDomainGetGuestInfo(domain, VIR_DOMAIN_GUEST_INFO_OS, &values, &count, 0) == 0 &&
        virTypedParamsGetString(values, count, "os.pretty-name", &name) == 1)
        out = mem_strdup(tame(name, text));
    virTypedParamsFree(values, count);
    return out;
}

static bool replace(struct json **at, struct json *taken)
{
    AUTO_FREE char *before = *at != NULL ? json_print(*at) : NULL;
    AUTO_FREE char *now = taken != NULL ? json_print(taken) : NULL;
    bool news = now != NULL && (before == NULL || strcmp(before, now) != 0);

    if (!news) {
        json_free(taken);
        return false;
    }
    json_free(*at);
    *at = taken;
    return true;
}

/* A snapshot's thaw was lost with a connection, or a host. */
static void thaw(struct errand *errand, virDomainPtr domain)
{
    struct instance *instance;
    struct error err;
    bool frozen;

    pthread_mutex_lock(&errand->vms->lock);
    instance = instance_find(errand->vms, errand->address.id);
    frozen = instance != NULL && instance->frozen && !instance->busy;
    pthread_mutex_unlock(&errand->vms->lock);
    if (!frozen || virDomainFSThaw(domain, NULL, 0, 0) < 0)
        return;
    pthread_mutex_lock(&errand->vms->lock);
    instance = instance_find(errand->vms, errand->address.id);
    if (instance != NULL) {
        instance->frozen = false;
        if (!record_write(errand->vms, instance, &err))
            vms_log(errand->vms, 4, "that %s was thawed is not written down: %s", instance->id, err.message);
    }
    pthread_mutex_unlock(&errand->vms->lock);
}

static void ask(struct errand *errand)
{
    struct error err;
    virDomainPtr domain = errand_domain(errand, &err);
    struct instance *instance;

    if (domain == NULL)
        return; /* what became of it is looked at by others */
    thaw(errand, domain);
    struct json *addresses = read_addresses(domain);
    char *os = read_os(domain);
    virDomainFree(domain);
    pthread_mutex_lock(&errand->vms->lock);
    instance = instance_find(errand->vms, errand->address.id);
    if (instance != NULL && instance->state == INSTANCE_RUNNING) {
        bool news = replace(&instance->addresses, mem_steal(&addresses));

        if (os != NULL && (instance->guest_os == NULL || strcmp(os, instance->guest_os) != 0)) {
            free(instance->guest_os);
            instance->guest_os = mem_steal(&os);
            news = true;
        }
        if (news)
            instance_changed(errand->vms, instance);
    }
    pthread_mutex_unlock(&errand->vms->lock);
    json_free(addresses);
    free(os);
}

/* At once, while the guest is still coming up a few times more, and then seldom. */
static void plan_next(struct instance *instance, uint64_t now)
{
    static const unsigned soon_ms[] = {2000, 5000, 15000, 60000};
    unsigned wait_ms = instance->asked < sizeof(soon_ms) / sizeof(soon_ms[0]) ? soon_ms[instance->asked] : ASK_LATER_MS;

    instance->asked++;
    instance->ask_boot_ms = now + wait_ms;
}

int agent_ask_due(struct vms *vms)
{
    uint64_t now = clock_boot_ms(), next = UINT64_MAX;
    AUTO_FREE char *text = NULL;

    for (struct instance *one = vms->instances; one != NULL && text == NULL; one = one->next) {
        if (one->state != INSTANCE_RUNNING || !one->agent || one->ask_boot_ms == 0)
            continue;
        if (one->ask_boot_ms > now) {
            next = one->ask_boot_ms < next ? one->ask_boot_ms : next;
            continue;
        }
        plan_next(one, now);
        AUTO_JSON struct json *address = json_new_texts("uid", one->uid, "container", one->container, NULL);
        json_set_integer(address, "attempt", one->attempt);
        text = json_print(address);
    }
    if (text == NULL)
        return next == UINT64_MAX ? -1 : (int)(next - now);
    pthread_mutex_unlock(&vms->lock);
    errand_run(vms, NULL, text, ERRAND_NAMES_ATTEMPT, ask);
    pthread_mutex_lock(&vms->lock);
    return 0;
}
