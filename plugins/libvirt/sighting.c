#include "config.h"

#include "sighting.h"

#include <string.h>

#include "base/address.h"
#include "base/memory.h"
#include "connection.h"

#define MARK "<davit:instance "
#define AGENT_IS_THERE "name='org.qemu.guest_agent.0' state='connected'"

/* Names and uids need no escapes, so none is undone. NULL: it is not there. The caller frees. */
static char *attribute(const char *element, const char *name)
{
    AUTO_FREE char *wanted = mem_printf(" %s=", name);
    const char *end = strchr(element, '>'), *at = strstr(element, wanted), *close;

    if (at == NULL || end == NULL || at > end)
        return NULL;
    at += strlen(wanted);
    close = strchr(at + 1, *at);
    return close != NULL && close < end ? mem_strndup(at + 1, (size_t)(close - at - 1)) : NULL;
}

static void read_mark(const char *xml, const char *domain, struct sighting *out)
{
    const char *mark = strstr(xml, MARK);
    char expected[DOMAIN_NAME_BYTES];
    struct error ignored; /* it is not Davit's, then */

    if (mark == NULL)
        return;
    AUTO_FREE char *attempt = attribute(mark, "attempt");
    out->uid = attribute(mark, "uid");
    out->container = attribute(mark, "container");
    out->namespace_ = attribute(mark, "namespace");
    out->name = attribute(mark, "name");
    out->attempt = attempt != NULL ? strtoll(attempt, NULL, 10) : -1;
    if (out->namespace_ == NULL || out->name == NULL || !address_check(out->uid, out->container, out->attempt, &ignored) ||
        !domain_name(out->uid, expected, &ignored) || strcmp(domain, expected) != 0)
        return;
    out->id = address_make_id(out->uid, out->container, out->attempt);
}

static const char *pause_word(int reason)
{
    switch (reason) {
    case VIR_DOMAIN_PAUSED_IOERROR:
        return "IOError";
    case VIR_DOMAIN_PAUSED_WATCHDOG:
        return "Watchdog";
    case VIR_DOMAIN_PAUSED_CRASHED:
        return "Crashed";
    case VIR_DOMAIN_PAUSED_STARTING_UP:
    case VIR_DOMAIN_PAUSED_SHUTTING_DOWN:
        return NULL; /* its beginning or its end is under way */
    default:
        return "Paused";
    }
}

bool sighting_of(virDomainPtr domain, struct sighting *out, struct error *err)
{
    virConnectPtr connection = virDomainGetConnect(domain);
    int state = VIR_DOMAIN_NOSTATE, reason = 0;
    AUTO_FREE char *xml = NULL;

    *out = (struct sighting){0};
    if (virDomainGetState(domain, &state, &reason, 0) < 0 || (xml = virDomainGetXMLDesc(domain, 0)) == NULL)
        return connection_error(connection, err, "cannot look at a domain");
    read_mark(xml, virDomainGetName(domain), out);
    out->active = state != VIR_DOMAIN_SHUTOFF && state != VIR_DOMAIN_NOSTATE;
    out->ending = state == VIR_DOMAIN_CRASHED || state == VIR_DOMAIN_SHUTDOWN;
    out->paused = state == VIR_DOMAIN_PAUSED ? pause_word(reason) : NULL;
    out->agent = strstr(xml, AGENT_IS_THERE) != NULL;
    out->emulated = strncmp(xml, "<domain type='qemu'", strlen("<domain type='qemu'")) == 0;
    return true;
}

void sighting_free(struct sighting *sighting)
{
    free(sighting->id);
    free(sighting->uid);
    free(sighting->container);
    free(sighting->namespace_);
    free(sighting->name);
    *sighting = (struct sighting){0};
}

bool sighting_is(const struct sighting *sighting, const char *id)
{
    return sighting->active && sighting->id != NULL && strcmp(sighting->id, id) == 0;
}
