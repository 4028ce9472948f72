#include "config.h"

#include "cli/compose_values.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "davit/limits.h"

char *compose_text(const struct json *value)
{
    switch (json_type(value)) {
    case JSON_STRING:
        return mem_strdup(json_text(value));
    case JSON_NUMBER:
    case JSON_BOOL:
        return json_print(value);
    default:
        return NULL;
    }
}

struct unit {
    const char *name;
    double factor;
};

/* NULL: none is so called. */
static const struct unit *unit_find(const struct unit *units, const char *name, size_t len)
{
    for (; units->name != NULL; units++)
        if (strlen(units->name) == len && strncasecmp(units->name, name, len) == 0)
            return units;
    return NULL;
}

/* "1m30s" by units; a bare number has the factor of the unit "". */
static bool sum_of(const char *text, const struct unit *units, double *sum)
{
    *sum = 0;
    do {
        char *end = NULL;
        if (!isdigit((unsigned char)*text))
            return false;
        double number = strtod(text, &end);
        size_t len = 0;
        while (isalpha((unsigned char)end[len]))
            len++;
        const struct unit *unit = unit_find(units, end, len);
        if (unit == NULL)
            return false;
        *sum += number * unit->factor;
        text = end + len;
    } while (*text != '\0');
    return *sum < 9e15;
}

bool compose_seconds(const struct json *value, int64_t *seconds)
{
    static const struct unit UNITS[] = {{"us", 1e-6}, {"ms", 1e-3}, {"s", 1}, {"m", 60}, {"h", 3600}, {"", 1}, {NULL, 0}};
    AUTO_FREE char *text = compose_text(value);
    double sum = 0;
    if (text == NULL || !sum_of(text, UNITS, &sum))
        return false;
    *seconds = sum < 1 && sum > 0 ? 1 : (int64_t)llround(sum);
    return true;
}

bool compose_bytes(const struct json *value, int64_t *bytes)
{
    static const struct unit UNITS[] = {{"b", 1},          {"k", 1024},       {"kb", 1024},       {"kib", 1024},
                                        {"m", 1048576},    {"mb", 1048576},   {"mib", 1048576},   {"g", 1073741824},
                                        {"gb", 1073741824}, {"gib", 1073741824}, {"", 1},           {NULL, 0}};
    AUTO_FREE char *text = compose_text(value);
    double sum = 0;
    if (text == NULL || !sum_of(text, UNITS, &sum))
        return false;
    *bytes = (int64_t)sum;
    return *bytes > 0;
}

/* One word of the line, up to a blank outside of quotes. False: a quote is not closed. */
static bool word_read(const char **at, struct strbuf *word)
{
    char quote = '\0';
    for (; **at != '\0' && (quote != '\0' || !isspace((unsigned char)**at)); (*at)++) {
        char c = **at;
        bool escapes = c == '\\' && quote != '\'' && (*at)[1] != '\0';
        if (escapes && (quote == '\0' || strchr("\"\\$`", (*at)[1]) != NULL))
            c = *++*at;
        else if (c == quote || (quote == '\0' && (c == '"' || c == '\''))) {
            quote = quote == '\0' ? c : '\0';
            continue;
        }
        strbuf_add_bytes(word, &c, 1);
    }
    return quote == '\0';
}

struct json *compose_words(const char *line)
{
    struct json *words = json_new_array();
    while (true) {
        AUTO_STRBUF struct strbuf word;
        strbuf_init(&word, LIMIT_DOCUMENT_BYTES);
        while (isspace((unsigned char)*line))
            line++;
        if (*line == '\0')
            return words;
        if (!word_read(&line, &word)) {
            json_free(words);
            return NULL;
        }
        json_add_text(words, word.data != NULL ? word.data : "");
    }
}

char *compose_literal(const char *text)
{
    struct strbuf out;
    strbuf_init(&out, 2 * LIMIT_DOCUMENT_BYTES);
    for (; *text != '\0'; text++) {
        strbuf_add_bytes(&out, text, 1);
        if (*text == '$' && (text[1] == '(' || text[1] == '$'))
            strbuf_add(&out, "$");
    }
    return strbuf_steal(&out);
}

static size_t name_length(const char *text)
{
    size_t len = 0;
    while (isalnum((unsigned char)text[len]) || text[len] == '_')
        len++;
    return isdigit((unsigned char)text[0]) ? 0 : len;
}

static bool unset(const struct compose_source *source, const char *name, struct error *err)
{
    AUTO_FREE char *text = mem_printf("the variable %s is not set, and taken as empty", name);
    return source->remark(source->ctx, text, err);
}

/* Between "${" and "}". */
struct reference {
    char *name;
    bool colon;    /* what is empty counts as not set */
    char operator; /* '-', '?', '+', or '}' for none */
    char *word;
};

static void reference_free(struct reference *reference)
{
    free(reference->name);
    free(reference->word);
}

static bool reference_read(const char *text, struct reference *reference)
{
    size_t len = name_length(text);
    const char *rest = text + len, *end = strchr(text, '}');
    reference->colon = *rest == ':';
    rest += reference->colon ? 1 : 0;
    if (len == 0 || end == NULL || *rest == '\0' || strchr(reference->colon ? "-?+" : "}-?+", *rest) == NULL)
        return false;
    reference->operator = *rest;
    reference->name = mem_strndup(text, len);
    reference->word = rest < end ? mem_strndup(rest + 1, (size_t)(end - rest) - 1) : mem_strdup("");
    return true;
}

static bool resolve(const struct reference *reference, const struct compose_source *source, struct strbuf *out, struct error *err)
{
    const char *value = source->variable(source->ctx, reference->name);
    bool is_there = value != NULL && (!reference->colon || *value != '\0');
    if (strchr(reference->word, '$') != NULL)
        return error_set(err, ERROR_UNSUPPORTED, "a variable in the default of another one, ${%s…}: Davit resolves one level",
                         reference->name);
    switch (reference->operator) {
    case '?':
        if (!is_there)
            return error_set(err, ERROR_INVALID, "the variable %s is not set: %s", reference->name, reference->word);
        break;
    case '+':
        strbuf_add(out, is_there ? reference->word : "");
        return true;
    case '-':
        strbuf_add(out, is_there ? "" : reference->word);
        break;
    default:
        if (!is_there)
            return unset(source, reference->name, err);
    }
    strbuf_add(out, is_there ? value : "");
    return true;
}

static bool braced(const char **at, const struct compose_source *source, struct strbuf *out, struct error *err)
{
    struct reference reference = {0};
    if (!reference_read(*at, &reference))
        return error_set(err, ERROR_INVALID, "\"${%.60s\" is no variable: ${NAME}, ${NAME:-default}, ${NAME:?message} or $$", *at);
    bool ok = resolve(&reference, source, out, err);
    reference_free(&reference);
    *at = strchr(*at, '}') + 1;
    return ok;
}

static bool interpolate_text(const char *at, const struct compose_source *source, struct strbuf *out, struct error *err)
{
    while (*at != '\0') {
        size_t plain = strcspn(at, "$");
        strbuf_add_bytes(out, at, plain);
        at += plain;
        if (*at == '\0')
            break;
        at++;
        size_t len = name_length(at);
        if (*at == '$') {
            strbuf_add(out, "$");
            at++;
        } else if (*at == '{') {
            at++;
            if (!braced(&at, source, out, err))
                return false;
        } else if (len > 0) {
            AUTO_FREE char *name = mem_strndup(at, len);
            const char *value = source->variable(source->ctx, name);
            if (value == NULL && !unset(source, name, err))
                return false;
            strbuf_add(out, value != NULL ? value : "");
            at += len;
        } else {
            return error_set(err, ERROR_INVALID, "a lone $ before \"%.20s\": write $$ for one", at);
        }
    }
    return !out->overflow || error_set(err, ERROR_LIMIT, "over %d bytes with its variables", LIMIT_DOCUMENT_BYTES);
}

struct json *compose_interpolate(const struct json *value, const struct compose_source *source, struct error *err)
{
    enum json_type type = json_type(value);
    if (type == JSON_STRING) {
        AUTO_STRBUF struct strbuf out;
        strbuf_init(&out, LIMIT_DOCUMENT_BYTES);
        bool ok = interpolate_text(json_text(value), source, &out, err);
        return ok ? json_new_text(out.data != NULL ? out.data : "") : NULL;
    }
    if (type != JSON_OBJECT && type != JSON_ARRAY)
        return json_copy(value);
    AUTO_JSON struct json *copy = type == JSON_OBJECT ? json_new_object() : json_new_array();
    JSON_EACH(child, value) {
        struct json *made = compose_interpolate(child, source, err);
        if (made == NULL) {
            if (type == JSON_OBJECT)
                (void)error_wrap(err, "%s", json_key(child));
            return NULL;
        }
        if (type == JSON_OBJECT)
            json_append(copy, json_key(child), made);
        else
            json_add(copy, made);
    }
    return mem_steal(&copy);
}
