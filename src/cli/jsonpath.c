#include "config.h"

#include "cli/jsonpath.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "cli/jsonpath_steps.h"
#include "davit/limits.h"

#define RANGES_MOST 16 /* in each other */

/* A template on its way through: where it is read, and where what it says goes. */
struct filling {
    const char *at;
    struct strbuf *out; /* NULL: it is only checked, or stands in a range over nothing */
    const char *between;
    int ranges;
    struct error *err;
};

static bool fill(struct filling *filling, const struct json *current, const struct json *root, bool is_range);

static void print_value(struct strbuf *out, const struct json *value)
{
    AUTO_FREE char *printed = json_text(value) == NULL ? json_print(value) : NULL;
    strbuf_add(out, printed != NULL ? printed : json_text(value));
}

static bool fill_path(struct filling *filling, const struct json *current, const struct json *root)
{
    AUTO_NODES struct json_nodes nodes = {0};
    if (!jsonpath_walk(&filling->at, current, root, &nodes, filling->err))
        return false;
    for (size_t i = 0; filling->out != NULL && i < nodes.count; i++) {
        if (i > 0)
            strbuf_add(filling->out, filling->between);
        print_value(filling->out, nodes.list[i]);
    }
    return true;
}

static bool fill_quoted(struct filling *filling)
{
    AUTO_FREE char *text = jsonpath_quoted(&filling->at, filling->err);
    if (text == NULL)
        return false;
    if (filling->out != NULL)
        strbuf_add(filling->out, text);
    return true;
}

/* Once for each value; over nothing once too, for it must be read. */
static bool fill_range(struct filling *filling, const struct json *current, const struct json *root)
{
    AUTO_NODES struct json_nodes nodes = {0};
    filling->at += strlen("range");
    filling->at += strspn(filling->at, " ");
    if (!jsonpath_walk(&filling->at, current, root, &nodes, filling->err))
        return false;
    filling->at += strspn(filling->at, " ");
    if (*filling->at != '}')
        return error_set(filling->err, ERROR_INVALID, "{range PATH} has a path only");
    if (++filling->ranges > RANGES_MOST)
        return error_set(filling->err, ERROR_LIMIT, "more than %d ranges in each other", RANGES_MOST);
    const char *body = filling->at + 1;
    struct strbuf *out = filling->out;
    filling->out = nodes.count > 0 ? out : NULL;
    for (size_t i = 0; i == 0 || i < nodes.count; i++) {
        filling->at = body;
        if (!fill(filling, nodes.count > 0 ? nodes.list[i] : NULL, root, true))
            return false;
    }
    filling->out = out;
    filling->ranges--;
    return true;
}

static bool is_word(const char *at, const char *word)
{
    size_t len = strlen(word);
    return strncmp(at, word, len) == 0 && (at[len] == ' ' || at[len] == '}');
}

/* Between { and }. *is_end: it was {end}. */
static bool fill_braces(struct filling *filling, const struct json *current, const struct json *root, bool *is_end)
{
    *is_end = false;
    for (;;) {
        filling->at += strspn(filling->at, " ");
        if (*filling->at == '}') {
            filling->at++;
            return true;
        }
        bool good = true;
        if (*filling->at == '\0')
            good = error_set(filling->err, ERROR_INVALID, "a { is not closed");
        else if (*filling->at == '"' || *filling->at == '\'')
            good = fill_quoted(filling);
        else if (is_word(filling->at, "end")) {
            *is_end = true;
            filling->at += strlen("end");
        } else if (is_word(filling->at, "range"))
            return fill_range(filling, current, root);
        else
            good = fill_path(filling, current, root);
        if (!good)
            return false;
    }
}

static bool fill(struct filling *filling, const struct json *current, const struct json *root, bool is_range)
{
    bool is_end = false;
    while (*filling->at != '\0') {
        size_t len = strcspn(filling->at, "{");
        if (filling->out != NULL)
            strbuf_add_bytes(filling->out, filling->at, len);
        filling->at += len;
        if (*filling->at == '\0')
            break;
        filling->at++;
        if (!fill_braces(filling, current, root, &is_end))
            return false;
        if (is_end)
            return is_range || error_set(filling->err, ERROR_INVALID, "{end} without a {range}");
    }
    return !is_range || error_set(filling->err, ERROR_INVALID, "a {range} has no {end}");
}

bool jsonpath_check(const char *text, struct error *err)
{
    struct filling filling = {.at = text, .err = err};
    return fill(&filling, NULL, NULL, false) || error_wrap(err, "the JSONPath \"%.120s\"", text);
}

char *jsonpath_fill(const char *text, const struct json *root, const char *between)
{
    AUTO_STRBUF struct strbuf out;
    struct error err = {0};
    strbuf_init(&out, LIMIT_JSONPATH_BYTES);
    struct filling filling = {.at = text, .out = &out, .between = between, .err = &err};
    (void)!fill(&filling, root, root, false); /* it was checked */
    if (out.overflow)
        (void)fprintf(stderr, "davit: more than %d MiB of text, so it is cut\n", LIMIT_JSONPATH_BYTES / 1048576);
    return strbuf_steal(&out);
}

char *jsonpath_of_path(const char *text)
{
    if (*text == '{')
        return mem_strdup(text);
    return mem_printf("{%s%s}", *text == '.' || *text == '[' ? "" : ".", text);
}
