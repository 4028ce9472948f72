#include "config.h"

#include "cli/completion.h"

#include <string.h>

const char COMPLETION_OUTPUTS[] = "wide json yaml name jsonpath= custom-columns=";
const char COMPLETION_CONTEXTS[] = "davit config get-contexts -o name 2>/dev/null";

static const char TYPES[] = "pods vms deployments daemonsets statefulsets jobs cronjobs apps services configmaps secrets "
                            "persistentvolumeclaims nodes";

static const struct {
    const char *verb;
    const char *words;
} WORDS[] = {
    {"get", "pods vms deployments daemonsets statefulsets jobs cronjobs apps services configmaps secrets "
            "persistentvolumeclaims nodes events images all"},
    {"top", "pods vms nodes"},
    {"rollout", "status history undo pause resume restart"},
    {"set", "image groups"},
    {"image", "import pull ls inspect rm prune"},
    {"vm", "import"},
    {"config", "get-contexts use-context set-context delete-context current-context view"},
    {"completion", "bash zsh fish"},
};

const char *completion_for(const struct verb *verb)
{
    for (size_t i = 0; i < sizeof(WORDS) / sizeof(WORDS[0]); i++)
        if (strcmp(WORDS[i].verb, verb->name) == 0)
            return WORDS[i].words;
    if (strncmp(verb->usage, "TYPE", 4) == 0)
        return TYPES;
    return strncmp(verb->usage, "VM", 2) == 0 ? "vm" : "";
}

bool completion_takes_files(const struct verb *verb)
{
    return strcmp(verb->name, "cp") == 0;
}

bool completion_has_flag(const struct verb *verb, const struct flag *flag)
{
    return (flag->group & (verb->flags | FLAG_ANY)) != 0;
}

bool completion_flag_has_value(const struct flag *flag)
{
    return flag->kind == FLAG_KIND_TEXT || flag->kind == FLAG_KIND_LIST;
}

bool completion_flag_is_file(const struct flag *flag)
{
    return completion_flag_has_value(flag) && (strcmp(flag->value, "FILE") == 0 || strcmp(flag->value, "SOCKET") == 0);
}

void completion_quote(FILE *out, const char *text, const char *escaped)
{
    (void)fputc('\'', out);
    for (; *text != '\0'; text++)
        if (*text == '\'')
            (void)fputs(escaped, out);
        else
            (void)fputc(*text, out);
    (void)fputc('\'', out);
}
