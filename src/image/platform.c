#include "config.h"

#include "image/platform.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

struct machine {
    const char *uname;
    const char *architecture;
    int variant; /* the newest that runs here; an image without one runs everywhere */
};

/* Go's names, which the OCI image index uses. */
static const struct machine machines[] = {
    {"x86_64", "amd64", 1},   {"aarch64", "arm64", 8},   {"armv8l", "arm", 8},     {"armv7l", "arm", 7},
    {"armv6l", "arm", 6},     {"i686", "386", 0},        {"i586", "386", 0},       {"riscv64", "riscv64", 0},
    {"ppc64le", "ppc64le", 0}, {"s390x", "s390x", 0},    {"loongarch64", "loong64", 0},
};

static const struct machine *machine_here(void)
{
    static struct utsname name;
    static struct machine other = {name.machine, name.machine, 0};
    if (name.machine[0] == '\0')
        uname(&name);
    for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++) {
        if (strcmp(machines[i].uname, name.machine) == 0)
            return &machines[i];
    }
    return &other;
}

const char *platform_here(void)
{
    static char text[PLATFORM_TEXT_BYTES];
    const struct machine *machine = machine_here();
    if (strcmp(machine->architecture, "arm") == 0)
        snprintf(text, sizeof(text), "linux/arm/v%d", machine->variant);
    else
        snprintf(text, sizeof(text), "linux/%.40s", machine->architecture);
    return text;
}

bool platform_fits(const struct json *platform)
{
    const struct machine *machine = machine_here();
    const char *os = json_get_text(platform, "os");
    const char *architecture = json_get_text(platform, "architecture");
    const char *variant = json_get_text(platform, "variant");
    if (os != NULL && os[0] != '\0' && strcmp(os, "linux") != 0)
        return false;
    if (architecture != NULL && architecture[0] != '\0' && strcmp(architecture, machine->architecture) != 0)
        return false;
    if (variant == NULL || variant[0] == '\0')
        return true;
    return variant[0] == 'v' && variant[1] >= '1' && variant[1] <= '9' && variant[2] == '\0' &&
           variant[1] - '0' <= machine->variant;
}

const char *platform_text(const struct json *platform, char *out)
{
    const char *os = json_get_text(platform, "os");
    const char *architecture = json_get_text(platform, "architecture");
    const char *variant = json_get_text(platform, "variant");
    snprintf(out, PLATFORM_TEXT_BYTES, "%.16s/%.20s%s%.16s", os != NULL ? os : "?",
             architecture != NULL ? architecture : "?", variant != NULL && variant[0] != '\0' ? "/" : "",
             variant != NULL ? variant : "");
    return out;
}
