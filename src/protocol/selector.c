#include "protocol/selector.h"

#include <string.h>

static bool does_not_match(struct error *err, const char *key)
{
    return error_set(err, ERROR_INVALID, "spec.template.metadata.labels: `selector` does not match template `labels` (%.80s)",
                     key);
}

static bool has_value(const struct json *values, const char *text)
{
    JSON_EACH(value, values)
        if (text != NULL && json_text(value) != NULL && strcmp(json_text(value), text) == 0)
            return true;
    return false;
}

static bool check_expression(const struct json *expression, const struct json *labels, struct error *err)
{
    const char *key = json_get_text(expression, "key"), *operator = json_get_text(expression, "operator");
    const struct json *values = json_get(expression, "values");
    const char *label = key != NULL ? json_get_text(labels, key) : NULL;
    bool needs_values = operator != NULL && (strcmp(operator, "In") == 0 || strcmp(operator, "NotIn") == 0);
    bool known = needs_values || (operator != NULL && (strcmp(operator, "Exists") == 0 || strcmp(operator, "DoesNotExist") == 0));
    if (key == NULL || !known)
        return error_set(err, ERROR_INVALID, "spec.selector.matchExpressions: key and operator (In, NotIn, Exists or "
                                             "DoesNotExist) are required");
    if (needs_values != (json_size(values) > 0))
        return error_set(err, ERROR_INVALID, "spec.selector.matchExpressions: %.80s %s values with %s", key,
                         needs_values ? "needs" : "has no", operator);
    bool matches = strcmp(operator, "In") == 0       ? has_value(values, label)
                   : strcmp(operator, "NotIn") == 0  ? !has_value(values, label)
                   : strcmp(operator, "Exists") == 0 ? label != NULL
                                                     : label == NULL;
    return matches || does_not_match(err, key);
}

bool selector_check(const struct json *selector, const struct json *labels, struct error *err)
{
    JSON_EACH(label, json_get(selector, "matchLabels")) {
        const char *has = json_get_text(labels, json_key(label));
        if (json_text(label) == NULL || has == NULL || strcmp(has, json_text(label)) != 0)
            return does_not_match(err, json_key(label));
    }
    JSON_EACH(expression, json_get(selector, "matchExpressions"))
        if (!check_expression(expression, labels, err))
            return false;
    return true;
}
