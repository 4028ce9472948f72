#include "config.h"

#include "apparmor.h"

#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "security.h"

#define PROFILES_BYTES (4 * 1024 * 1024)
#define RUNTIME_DEFAULT "davit-default" /* the host's, where it loads one of that name */

const struct apparmor_host apparmor_host = {
    .enabled = "/sys/module/apparmor/parameters/enabled",
    .profiles = "/sys/kernel/security/apparmor/profiles",
};

static bool is_enabled(const struct apparmor_host *host)
{
    AUTO_FREE char *text = NULL;
    struct error ignored; /* no AppArmor in this kernel */
    size_t len;

    return file_read(host->enabled, 16, &text, &len, &ignored) && text[0] == 'Y';
}

static bool is_loaded(const struct apparmor_host *host, const char *profile)
{
    AUTO_FREE char *text = NULL;
    struct error ignored; /* then nothing is */
    size_t len, wanted = strlen(profile);

    if (!file_read(host->profiles, PROFILES_BYTES, &text, &len, &ignored))
        return false;
    for (const char *line = text; line != NULL && *line != '\0'; line = strchr(line, '\n'), line += line != NULL)
        if (strncmp(line, profile, wanted) == 0 && strncmp(line + wanted, " (", 2) == 0)
            return true;
    return false;
}

static bool choose_local(const struct apparmor_host *host, const char *name, char **profile, struct error *err)
{
    if (name == NULL || name[0] == '\0')
        return error_set(err, ERROR_INVALID, "appArmorProfile.localhostProfile must name a profile");
    if (!is_enabled(host))
        return error_set(err, ERROR_UNAVAILABLE, "Cannot enforce AppArmor: AppArmor is not enabled on the host");
    if (!is_loaded(host, name))
        return error_set(err, ERROR_NOT_FOUND, "Cannot enforce AppArmor: profile \"%.200s\" is not loaded: see apparmor_parser(8)",
                         name);
    *profile = mem_strdup(name);
    return true;
}

bool apparmor_choose(const struct json *context, const struct apparmor_host *host, char **profile, struct error *err)
{
    const struct json *asked = json_get(context, "appArmorProfile");
    const char *type = json_get_text(asked, "type");

    *profile = NULL;
    if (type != NULL && strcmp(type, "Localhost") == 0)
        return choose_local(host, json_get_text(asked, "localhostProfile"), profile, err);
    if (type != NULL && strcmp(type, "Unconfined") == 0) {
        *profile = is_enabled(host) ? mem_strdup("unconfined") : NULL;
        return true;
    }
    /* RuntimeDefault is also what is meant when nothing is said. */
    if (!security_is_privileged(context) && is_enabled(host) && is_loaded(host, RUNTIME_DEFAULT))
        *profile = mem_strdup(RUNTIME_DEFAULT);
    return true;
}
