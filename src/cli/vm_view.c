#include "config.h"

#include "cli/vm_view.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "cli/describe.h"

#define INDENT 2
#define LINE_BYTES 4096

static const char *or_none(const char *text)
{
    return text != NULL && text[0] != '\0' ? text : "?";
}

/* "10.213.0.5 fd00::5 (52:54:00:12:34:56)" */
static void print_interfaces(const struct json *list)
{
    if (json_size(list) > 0)
        (void)puts("Interfaces:");
    JSON_EACH(interface, list) {
        const struct json *addresses = json_get(interface, "ipAddresses");
        const char *single = json_get_text(interface, "ipAddress"), *mac = json_get_text(interface, "mac");
        AUTO_STRBUF struct strbuf line;
        strbuf_init(&line, LINE_BYTES);
        JSON_EACH(address, addresses)
            strbuf_printf(&line, "%s%s", line.len > 0 ? " " : "", or_none(json_text(address)));
        if (line.len == 0)
            strbuf_add(&line, or_none(single));
        if (mac != NULL)
            strbuf_printf(&line, " (%s)", mac);
        describe_field(INDENT, or_none(json_get_text(interface, "name")), line.data);
    }
}

static void print_snapshots(const struct json *list)
{
    if (json_size(list) > 0)
        (void)puts("Snapshots:");
    JSON_EACH(snapshot, list) {
        char text[32] = "";
        time_t seconds = (time_t)(json_get_integer(snapshot, "createdMs", 0) / 1000);
        struct tm broken_down;
        if (seconds > 0 && gmtime_r(&seconds, &broken_down) != NULL)
            (void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &broken_down);
        const char *name = or_none(json_get_text(snapshot, "name"));
        if (text[0] != '\0')
            describe_time(INDENT, name, text);
        else
            describe_field(INDENT, name, "?");
    }
}

void describe_vm(const struct json *status)
{
    const struct json *guest = json_get(status, "guestOSInfo");
    describe_field(0, "Run Strategy", json_get_text(status, "runStrategy"));
    describe_field(0, "Phase", json_get_text(status, "phase"));
    describe_field(0, "Ready", json_get_boolean(status, "ready", false) ? "True" : "False");
    describe_field(0, "Guest OS", json_get_text(guest, "prettyName"));
    describe_integer(0, "Restarts", json_get_integer(status, "restarts", 0));
    describe_integer(0, "Guest Reboots", json_get_integer(status, "reboots", 0));
    print_interfaces(json_get(status, "interfaces"));
    print_snapshots(json_get(status, "snapshots"));
}
