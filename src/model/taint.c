#include "model/taint.h"

#include <string.h>

#include "davit/limits.h"

static bool is_one_of(const char *text, const char *const *words)
{
    for (; *words != NULL; words++)
        if (strcmp(text, *words) == 0)
            return true;
    return false;
}

static const char *text_or(const struct json *object, const char *key, const char *fallback)
{
    const char *text = json_get_text(object, key);
    return text != NULL ? text : fallback;
}

static const char *const effects[] = { "NoSchedule", "PreferNoSchedule", "NoExecute", NULL };

bool taints_check(const struct json *taints, const char *path, struct error *err)
{
    bool good = json_type(taints) == JSON_ARRAY && json_size(taints) <= LIMIT_TAINTS;
    JSON_EACH(taint, taints)
        good = good && text_or(taint, "key", "")[0] != '\0' && is_one_of(text_or(taint, "effect", ""), effects);
    return good || error_set(err, ERROR_INVALID, "%s must be at most %d objects with a key and an effect: NoSchedule, "
                             "PreferNoSchedule or NoExecute", path, LIMIT_TAINTS);
}

bool tolerations_check(const struct json *tolerations, const char *path, struct error *err)
{
    static const char *const operators[] = { "Equal", "Exists", NULL };
    bool good = json_type(tolerations) == JSON_ARRAY && json_size(tolerations) <= LIMIT_TAINTS;
    JSON_EACH(one, tolerations) {
        const char *operator = text_or(one, "operator", "Equal"), *effect = text_or(one, "effect", "");
        int64_t seconds = 0;
        const struct json *given = json_get(one, "tolerationSeconds");
        good = good && json_type(one) == JSON_OBJECT && is_one_of(operator, operators) &&
               (effect[0] == '\0' || is_one_of(effect, effects)) &&
               (text_or(one, "key", "")[0] != '\0' || strcmp(operator, "Exists") == 0) &&
               (given == NULL || json_type(given) == JSON_NULL || json_integer(given, &seconds));
    }
    return good || error_set(err, ERROR_INVALID, "%s must be at most %d tolerations as Kubernetes has them: a key, an operator "
                             "(Equal or Exists), a value, an effect, tolerationSeconds", path, LIMIT_TAINTS);
}

static bool matches(const struct json *one, const struct json *taint)
{
    const char *effect = text_or(one, "effect", ""), *key = text_or(one, "key", "");
    if (effect[0] != '\0' && strcmp(effect, text_or(taint, "effect", "")) != 0)
        return false;
    if (key[0] != '\0' && strcmp(key, text_or(taint, "key", "")) != 0)
        return false;
    return strcmp(text_or(one, "operator", "Equal"), "Exists") == 0 ||
           strcmp(text_or(one, "value", ""), text_or(taint, "value", "")) == 0;
}

bool taint_is_tolerated(const struct json *taint, const struct json *tolerations, int64_t *seconds)
{
    bool tolerated = false;
    *seconds = TAINT_FOR_EVER;
    JSON_EACH(one, tolerations) {
        int64_t most = 0;
        if (!matches(one, taint))
            continue;
        tolerated = true;
        if (!json_integer(json_get(one, "tolerationSeconds"), &most))
            continue;
        most = most > 0 ? most : 0;
        *seconds = *seconds == TAINT_FOR_EVER || most < *seconds ? most : *seconds;
    }
    return tolerated;
}
