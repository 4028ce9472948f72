#include "protocol/names.h"

#include <stdio.h>
#include <string.h>

#include "davit/limits.h"

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool label_ok(const char *text, size_t len)
{
    if (len == 0 || len > LIMIT_LABEL_BYTES || !is_alnum(text[0]) || !is_alnum(text[len - 1]))
        return false;
    for (size_t i = 0; i < len; i++)
        if (!is_alnum(text[i]) && text[i] != '-')
            return false;
    return true;
}

bool name_is_label(const char *text)
{
    return text != NULL && label_ok(text, strlen(text));
}

bool name_is_subdomain(const char *text)
{
    if (text == NULL || strlen(text) > LIMIT_NAME_BYTES)
        return false;
    for (;;) {
        size_t len = strcspn(text, ".");
        if (!label_ok(text, len))
            return false;
        if (text[len] == '\0')
            return true;
        text += len + 1;
    }
}

bool name_is_node(const char *text)
{
    return name_is_subdomain(text) && strcmp(text, "nodes") != 0 && strcmp(text, "groups") != 0;
}

bool name_is_root(const char *text)
{
    if (text == NULL || strlen(text) > LIMIT_NAME_BYTES)
        return false;
    size_t levels = 1;
    size_t len = 0;
    for (; *text != '\0'; text++, len++) {
        bool upper = *text >= 'A' && *text <= 'Z';
        if (*text == '/') {
            if (len == 0 || ++levels > 4)
                return false;
            len = SIZE_MAX;
        } else if (!is_alnum(*text) && !upper && strchr("-_.", *text) == NULL) {
            return false;
        }
    }
    return len > 0;
}

bool name_is_word(const char *text, const char *others, size_t most)
{
    size_t len = strlen(text);
    for (const char *c = text; *c != '\0'; c++) {
        bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9');
        if (!plain && strchr(others, *c) == NULL)
            return false;
    }
    return len > 0 && len <= most;
}

bool name_is_user(const char *text)
{
    return name_is_word(text, "-_.@:", LIMIT_REQUEST_NAME_BYTES);
}

static const struct resource resources[] = {
    { "pods", "pod", "Pod", "v1", true, { "po" } },
    { "deployments", "deployment", "Deployment", "apps/v1", true, { "deploy" } },
    { "daemonsets", "daemonset", "DaemonSet", "apps/v1", true, { "ds" } },
    { "statefulsets", "statefulset", "StatefulSet", "apps/v1", true, { "sts" } },
    { "jobs", "job", "Job", "batch/v1", true, { "job" } },
    { "cronjobs", "cronjob", "CronJob", "batch/v1", true, { "cj" } },
    { "services", "service", "Service", "v1", true, { "svc" } },
    { "configmaps", "configmap", "ConfigMap", "v1", true, { "cm" } },
    { "secrets", "secret", "Secret", "v1", true, { "secret" } },
    { "persistentvolumeclaims", "persistentvolumeclaim", "PersistentVolumeClaim", "v1", true, { "pvc" } },
    { "virtualmachines", "virtualmachine", "VirtualMachine", "kubevirt.io/v1", true, { "vm", "vms" } },
    { "virtualmachineinstances", "virtualmachineinstance", "VirtualMachineInstance", "kubevirt.io/v1", true, { "vmi", "vmis" } },
    { "apps", "app", "App", "davit/v1", true, { "app" } },
};

#define RESOURCE_COUNT (sizeof(resources) / sizeof(resources[0]))

const struct resource *resource_at(size_t index)
{
    return index < RESOURCE_COUNT ? &resources[index] : NULL;
}

size_t resource_count(void)
{
    return RESOURCE_COUNT;
}

const struct resource *resource_by_plural(const char *plural)
{
    for (size_t i = 0; plural != NULL && i < RESOURCE_COUNT; i++)
        if (strcmp(resources[i].plural, plural) == 0)
            return &resources[i];
    return NULL;
}

const struct resource *resource_by_kind(const char *kind)
{
    for (size_t i = 0; kind != NULL && i < RESOURCE_COUNT; i++)
        if (strcmp(resources[i].kind, kind) == 0)
            return &resources[i];
    return NULL;
}

static bool is_short(const char *const shorts[RESOURCE_SHORTS], const char *word)
{
    return strcmp(shorts[0], word) == 0 || (shorts[1] != NULL && strcmp(shorts[1], word) == 0);
}

static const struct resource *by_bare_word(const char *word)
{
    for (size_t i = 0; word != NULL && i < RESOURCE_COUNT; i++)
        if (strcmp(resources[i].plural, word) == 0 || strcmp(resources[i].singular, word) == 0 ||
            is_short(resources[i].shorts, word))
            return &resources[i];
    return NULL;
}

/* "apps", or "v1.apps", of apps/v1. */
static bool is_group_of(const char *text, const char *api_version)
{
    size_t group = strcspn(api_version, "/");
    const char *version = api_version + group + 1;
    if (api_version[group] == '\0')
        return false;
    if (strncmp(text, version, strlen(version)) == 0 && text[strlen(version)] == '.')
        text += strlen(version) + 1;
    return strncmp(text, api_version, group) == 0 && text[group] == '\0';
}

const struct resource *resource_by_word(const char *word)
{
    const char *dot = word != NULL ? strchr(word, '.') : NULL;
    char bare[LIMIT_LABEL_BYTES + 1];
    if (dot == NULL)
        return by_bare_word(word);
    if ((size_t)(dot - word) >= sizeof(bare))
        return NULL;
    snprintf(bare, sizeof(bare), "%.*s", (int)(dot - word), word);
    const struct resource *resource = by_bare_word(bare);
    return resource != NULL && is_group_of(dot + 1, resource->api_version) ? resource : NULL;
}
