#include "config.h"

#include "cli/label_query.h"

#include <string.h>

#include "base/memory.h"
#include "protocol/names.h"
#include "protocol/selector.h"

#define LABEL_OTHERS "-_./"
#define KEY_MOST 317 /* Kubernetes: a prefix of 253, a slash, a name of 63 */
#define VALUE_MOST 63

static const char *skip_spaces(const char *at)
{
    return at + strspn(at, " \t");
}

/* The word at *at, which is moved behind it and the spaces that follow. */
static char *take_word(const char **at)
{
    size_t len = strcspn(*at, " \t=!,()");
    char *word = mem_strndup(*at, len);
    *at = skip_spaces(*at + len);
    return word;
}

static bool add_value(struct json *values, const char *word, struct error *err)
{
    if (*word != '\0' && !name_is_word(word, LABEL_OTHERS, VALUE_MOST))
        return error_set(err, ERROR_INVALID, "\"%.80s\" is no label's value", word);
    json_add_text(values, word);
    return true;
}

/* (a, b) */
static bool read_set(const char **at, struct json *values, struct error *err)
{
    if (**at != '(')
        return error_set(err, ERROR_INVALID, "in and notin are followed by values in brackets: (a, b)");
    do {
        *at = skip_spaces(*at + 1);
        AUTO_FREE char *word = take_word(at);
        if (!add_value(values, word, err))
            return false;
    } while (**at == ',');
    if (**at != ')')
        return error_set(err, ERROR_INVALID, "a bracket is not closed");
    *at = skip_spaces(*at + 1);
    return true;
}

static bool read_value(const char **at, size_t sign, struct json *values, struct error *err)
{
    *at = skip_spaces(*at + sign);
    AUTO_FREE char *word = take_word(at);
    return add_value(values, word, err);
}

/* What stands behind a key: its operator and values. */
static bool read_operator(const char **at, struct json *expression, struct error *err)
{
    const char *operator = "Exists";
    AUTO_JSON struct json *values = json_new_array();
    bool good = true;
    if (strncmp(*at, "!=", 2) == 0) {
        operator = "NotIn";
        good = read_value(at, 2, values, err);
    } else if (**at == '=') {
        operator = "In";
        good = read_value(at, (*at)[1] == '=' ? 2 : 1, values, err);
    } else if (**at != '\0' && **at != ',') {
        AUTO_FREE char *word = take_word(at);
        operator = strcmp(word, "in") == 0 ? "In" : "NotIn";
        if (strcmp(word, "in") != 0 && strcmp(word, "notin") != 0)
            return error_set(err, ERROR_INVALID, "\"%.80s\" is neither =, !=, in nor notin", word);
        good = read_set(at, values, err);
    }
    json_set_text(expression, "operator", operator);
    if (json_size(values) > 0)
        json_set(expression, "values", mem_steal(&values));
    return good;
}

static bool read_expression(const char **at, struct json *list, struct error *err)
{
    struct json *expression = json_add_object(list);
    bool is_absent = **at == '!';
    if (is_absent)
        *at = skip_spaces(*at + 1);
    AUTO_FREE char *key = take_word(at);
    if (!name_is_word(key, LABEL_OTHERS, KEY_MOST))
        return error_set(err, ERROR_INVALID, "\"%.80s\" is no label's name", key);
    json_set_text(expression, "key", key);
    if (!is_absent)
        return read_operator(at, expression, err);
    json_set_text(expression, "operator", "DoesNotExist");
    return true;
}

static bool read_all(const char *text, struct json *list, struct error *err)
{
    const char *at = skip_spaces(text);
    for (;;) {
        if (!read_expression(&at, list, err))
            return false;
        if (*at == '\0')
            return true;
        if (*at != ',')
            return error_set(err, ERROR_INVALID, "a comma is missing before \"%.80s\"", at);
        at = skip_spaces(at + 1);
    }
}

struct json *label_query_parse(const char *text, struct error *err)
{
    AUTO_JSON struct json *query = json_new_object();
    if (read_all(text, json_set_array(query, "matchExpressions"), err))
        return mem_steal(&query);
    (void)error_wrap(err, "the selector \"%.120s\"", text);
    return NULL;
}

bool label_query_fits(const struct json *query, const struct json *labels)
{
    struct error ignored;
    return selector_check(query, labels, &ignored);
}
