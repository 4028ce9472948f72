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

const struct machine *machine_of(const char *uname)
{
    for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++) {
        if (strcmp(machines[i].uname, uname) == 0)
            return &machines[i];
    }
    return NULL;
}

const struct machine *machine_here(void)
{
    static struct utsname name;
    static struct machine other = {name.machine, name.machine, 0};
    if (name.machine[0] == '\0')
        uname(&name);
    const struct machine *machine = machine_of(name.machine);
    return machine != NULL ? machine : &other;
}

const char *machine_platform(const struct machine *machine)
{
    static char text[PLATFORM_TEXT_BYTES];
    if (strcmp(machine->architecture, "arm") == 0)
        snprintf(text, sizeof(text), "linux/arm/v%d", machine->variant);
    else
        snprintf(text, sizeof(text), "linux/%.40s", machine->architecture);
    return text;
}

static bool is_empty(const char *text)
{
    return text == NULL || text[0] == '\0';
}

int platform_rank(const struct json *platform, const struct machine *machine)
{
    const char *os = json_get_text(platform, "os");
    const char *architecture = json_get_text(platform, "architecture");
    const char *variant = json_get_text(platform, "variant");
    if (platform == NULL)
        return 1;
    if (!is_empty(os) && strcmp(os, "linux") != 0)
        return 0;
    if (!is_empty(architecture) && strcmp(architecture, machine->architecture) != 0)
        return 0;
    if (is_empty(variant))
        return 2 + machine->variant;
    if (variant[0] != 'v' || variant[1] < '1' || variant[1] > '9' || variant[2] != '\0')
        return 0;
    int number = variant[1] - '0';
    return number <= machine->variant ? 2 + number : 0;
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
