#include "config.h"

#include "cli/jsonpath_steps.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

#define NAME_ENDS " .[]{}()=!<>,|&\"'"

void json_nodes_free(struct json_nodes *nodes)
{
    free(nodes->list);
    *nodes = (struct json_nodes){0};
}

static void nodes_add(struct json_nodes *nodes, const struct json *node)
{
    if (node == NULL)
        return;
    nodes->list = mem_resize(nodes->list, nodes->count + 1, sizeof(*nodes->list));
    nodes->list[nodes->count++] = node;
}

static void nodes_replace(struct json_nodes *nodes, struct json_nodes *by)
{
    json_nodes_free(nodes);
    *nodes = *by;
    *by = (struct json_nodes){0};
}

char *jsonpath_quoted(const char **at, struct error *err)
{
    static const char letters[] = "ntr", means[] = "\n\t\r";
    char quote = *(*at)++;
    char *text = mem_alloc(strlen(*at) + 1), *out = text;
    for (; **at != quote && **at != '\0'; (*at)++) {
        if (**at != '\\' || (*at)[1] == '\0') {
            *out++ = **at;
            continue;
        }
        const char *letter = strchr(letters, *++*at);
        *out++ = letter != NULL ? means[letter - letters] : **at;
    }
    if (**at == quote) {
        (*at)++;
        return text;
    }
    free(text);
    (void)error_set(err, ERROR_INVALID, "a quote is not closed");
    return NULL;
}

/* ---- steps by name */

static void add_children(const struct json *parent, struct json_nodes *out)
{
    if (json_type(parent) == JSON_ARRAY || json_type(parent) == JSON_OBJECT)
        JSON_EACH(child, parent)
            nodes_add(out, child);
}

static void add_descendants(const struct json *parent, const char *name, struct json_nodes *out)
{
    nodes_add(out, json_get(parent, name));
    if (json_type(parent) == JSON_ARRAY || json_type(parent) == JSON_OBJECT)
        JSON_EACH(child, parent)
            add_descendants(child, name, out);
}

static bool step_name(const char **at, struct json_nodes *nodes, struct error *err)
{
    struct json_nodes next = {0};
    bool is_deep = (*at)[1] == '.';
    *at += is_deep ? 2 : 1;
    size_t len = 0;
    while ((*at)[len] != '\0' && strchr(NAME_ENDS, (*at)[len]) == NULL)
        len += (*at)[len] == '\\' && (*at)[len + 1] != '\0' ? 2 : 1;
    if (len == 0)
        return (*at)[0] == '[' || ((*at)[-1] == '.' && strchr(" })", **at) != NULL && !is_deep) ||
               error_set(err, ERROR_INVALID, "a name is missing before \"%.40s\"", *at);
    AUTO_FREE char *name = mem_strndup(*at, len);
    *at += len;
    char *out = name;
    for (const char *in = name; *in != '\0'; in++) { /* annotations: {.metadata.annotations.davit\.dev/x} */
        if (*in == '\\')
            in++;
        *out++ = *in;
    }
    *out = '\0';
    for (size_t i = 0; i < nodes->count; i++)
        if (is_deep)
            add_descendants(nodes->list[i], name, &next);
        else if (strcmp(name, "*") == 0)
            add_children(nodes->list[i], &next);
        else
            nodes_add(&next, json_get(nodes->list[i], name));
    nodes_replace(nodes, &next);
    return true;
}

/* ---- [0], [-1], [1:3], [0:9:2], [*] */

static bool read_number(const char **at, long fallback, long *number, bool *given, struct error *err)
{
    char *end = NULL;
    errno = 0;
    *number = strtol(*at, &end, 10);
    *given = end != *at;
    if (!*given)
        *number = fallback;
    *at = end;
    return errno == 0 || error_set(err, ERROR_INVALID, "an index is too large");
}

static void add_slice(const struct json *array, const long part[3], bool has_end, struct json_nodes *out)
{
    long size = (long)json_size(array), index = 0;
    long first = part[0] < 0 ? part[0] + size : part[0];
    long end = !has_end ? size : part[1] < 0 ? part[1] + size : part[1];
    if (json_type(array) != JSON_ARRAY)
        return;
    JSON_EACH(child, array) {
        if (index >= first && index < end && (index - (first < 0 ? 0 : first)) % part[2] == 0)
            nodes_add(out, child);
        index++;
    }
}

static bool step_index(const char **at, const struct json_nodes *nodes, struct json_nodes *out, struct error *err)
{
    long part[3] = {0, 0, 1};
    bool given[3] = {false, false, false};
    bool is_slice = false;
    for (size_t i = 0; i < 3; i++) {
        if (!read_number(at, part[i], &part[i], &given[i], err))
            return false;
        if (**at != ':')
            break;
        is_slice = true;
        ++*at;
    }
    if ((!is_slice && !given[0]) || part[2] < 1)
        return error_set(err, ERROR_INVALID, "\"%.40s\": an index, a slice, a name in quotes, * or ?() is meant in []", *at);
    if (!is_slice) {
        part[1] = part[0] + 1;
        given[1] = part[0] != -1;
    }
    for (size_t i = 0; i < nodes->count; i++)
        add_slice(nodes->list[i], part, given[1], out);
    return true;
}

static bool step_names(const char **at, const struct json_nodes *nodes, struct json_nodes *out, struct error *err)
{
    for (;;) {
        AUTO_FREE char *name = jsonpath_quoted(at, err);
        if (name == NULL)
            return false;
        for (size_t i = 0; i < nodes->count; i++)
            nodes_add(out, json_get(nodes->list[i], name));
        if (**at != ',')
            return true;
        *at += 1 + strspn(*at + 1, " ");
        if (**at != '"' && **at != '\'')
            return error_set(err, ERROR_INVALID, "behind a comma in [] comes a name in quotes");
    }
}

/* ---- [?(@.type=="Ready")] */

struct operand {
    struct json_nodes nodes;
    struct json *literal; /* NULL: a path */
};

static bool operand_read(const char **at, const struct json *item, const struct json *root, struct operand *operand,
                         struct error *err)
{
    struct error ignored;
    *at += strspn(*at, " ");
    if (**at == '@' || **at == '$')
        return jsonpath_walk(at, item, root, &operand->nodes, err);
    if (**at == '"' || **at == '\'') {
        AUTO_FREE char *text = jsonpath_quoted(at, err);
        operand->literal = text != NULL ? json_new_text(text) : NULL;
        return text != NULL;
    }
    size_t len = strcspn(*at, " )=!<>");
    operand->literal = json_parse(*at, len, &ignored);
    if (operand->literal == NULL)
        return error_set(err, ERROR_INVALID, "\"%.40s\": a filter compares @ paths, texts in quotes and numbers", *at);
    *at += len;
    return true;
}

static const struct json *operand_value(const struct operand *operand)
{
    if (operand->literal != NULL)
        return operand->literal;
    return operand->nodes.count > 0 ? operand->nodes.list[0] : NULL;
}

static void operand_free(struct operand *operand)
{
    json_nodes_free(&operand->nodes);
    json_free(operand->literal);
}

/* *order: -1, 0, 1. False: they cannot be compared. */
static bool compare(const struct json *a, const struct json *b, int *order)
{
    double one = 0, other = 0;
    bool flag, other_flag;
    if (json_text(a) != NULL && json_text(b) != NULL)
        *order = strcmp(json_text(a), json_text(b));
    else if (json_number(a, &one) && json_number(b, &other))
        *order = one < other ? -1 : one > other;
    else if (json_boolean(a, &flag) && json_boolean(b, &other_flag))
        *order = flag - other_flag;
    else
        return false;
    return true;
}

static const struct {
    const char *sign; /* the longer one first */
    bool less, equal, greater;
} OPERATORS[] = {{"==", false, true, false}, {"!=", true, false, true}, {"<=", true, true, false},
                 {">=", false, true, true},  {"<", true, false, false}, {">", false, false, true}};

#define OPERATOR_COUNT (sizeof(OPERATORS) / sizeof(OPERATORS[0]))

static bool judge(size_t operator, const struct operand *left, const struct operand *right)
{
    int order = 0;
    const struct json *a = operand_value(left), *b = operand_value(right);
    if (a == NULL || b == NULL)
        return false;
    if (!compare(a, b, &order))
        return strcmp(OPERATORS[operator].sign, "!=") == 0;
    return order < 0 ? OPERATORS[operator].less : order > 0 ? OPERATORS[operator].greater : OPERATORS[operator].equal;
}

/* Behind the bracket, up to and with the one that closes. */
static bool filter_read(const char **at, const struct json *item, const struct json *root, bool *fits, struct error *err)
{
    struct operand left = {0}, right = {0};
    size_t operator = 0;
    bool good = operand_read(at, item, root, &left, err);
    *at += strspn(*at, " ");
    while (good && operator < OPERATOR_COUNT &&
           strncmp(*at, OPERATORS[operator].sign, strlen(OPERATORS[operator].sign)) != 0)
        operator++;
    if (good && operator < OPERATOR_COUNT) {
        *at += strlen(OPERATORS[operator].sign);
        good = operand_read(at, item, root, &right, err);
        *fits = good && judge(operator, &left, &right);
    } else {
        *fits = good && operand_value(&left) != NULL;
    }
    operand_free(&left);
    operand_free(&right);
    *at += strspn(*at, " ");
    if (good && **at != ')')
        return error_set(err, ERROR_INVALID, "a filter is not closed before \"%.40s\"", *at);
    *at += good ? 1 : 0;
    return good;
}

static bool step_filter(const char **at, const struct json_nodes *nodes, const struct json *root, struct json_nodes *out,
                        struct error *err)
{
    AUTO_NODES struct json_nodes items = {0};
    const char *begin = *at + 2;
    bool fits = false;
    if (strncmp(*at, "?(", 2) != 0)
        return error_set(err, ERROR_INVALID, "a filter is [?(…)]");
    for (size_t i = 0; i < nodes->count; i++)
        add_children(nodes->list[i], &items);
    for (size_t i = 0; i == 0 || i < items.count; i++) { /* over nothing too, for it must be read */
        *at = begin;
        if (!filter_read(at, items.count > 0 ? items.list[i] : NULL, root, &fits, err))
            return false;
        if (fits && items.count > 0)
            nodes_add(out, items.list[i]);
    }
    return true;
}

/* ---- */

static bool step_bracket(const char **at, struct json_nodes *nodes, const struct json *root, struct error *err)
{
    struct json_nodes next = {0};
    bool good = true;
    *at += 1 + strspn(*at + 1, " ");
    if (**at == '?') {
        good = step_filter(at, nodes, root, &next, err);
    } else if (**at == '*') {
        for (size_t i = 0; i < nodes->count; i++)
            add_children(nodes->list[i], &next);
        ++*at;
    } else if (**at == '"' || **at == '\'') {
        good = step_names(at, nodes, &next, err);
    } else {
        good = step_index(at, nodes, &next, err);
    }
    nodes_replace(nodes, &next);
    *at += strspn(*at, " ");
    if (good && **at != ']')
        return error_set(err, ERROR_INVALID, "a [ is not closed before \"%.40s\"", *at);
    *at += good ? 1 : 0;
    return good;
}

bool jsonpath_walk(const char **at, const struct json *current, const struct json *root, struct json_nodes *nodes,
                   struct error *err)
{
    if (strchr("$@.[", **at) == NULL || **at == '\0')
        return error_set(err, ERROR_INVALID, "\"%.40s\" is no path: it begins with a dot", *at);
    nodes_add(nodes, **at == '$' ? root : current);
    if (**at == '$' || **at == '@')
        ++*at;
    while (**at == '.' || **at == '[')
        if (!(**at == '.' ? step_name(at, nodes, err) : step_bracket(at, nodes, root, err)))
            return false;
    return true;
}
