#include "config.h"

#include "cli/explain.h"

#include <inttypes.h>
#include <string.h>

#include "base/memory.h"
#include "base/nearest.h"
#include "base/strbuf.h"
#include "cli/explain_words.h"

#define WIDTH 80
#define TEXT_BYTES 1024

const char *explain_type(const struct field *field)
{
    static const char *const names[] = {
        [FIELD_TEXT] = "string",   [FIELD_TEXTS] = "[]string",     [FIELD_BOOL] = "boolean",
        [FIELD_INTEGER] = "integer", [FIELD_WORD] = "string",      [FIELD_FLAG] = "boolean",
        [FIELD_PORT] = "IntOrString", [FIELD_QUANTITY] = "Quantity", [FIELD_JSON] = "Object",
        [FIELD_OBJECT] = "Object", [FIELD_OBJECTS] = "[]Object",
    };
    return names[field->type];
}

const char *explain_kind_below(const struct field_table *table, const char *kind)
{
    for (size_t i = 0; table != NULL && resource_at(i) != NULL; i++) {
        const struct field *spec = field_named(kind_table(resource_at(i)->plural), "spec");
        if (spec != NULL && spec->nested == table)
            return resource_at(i)->plural;
    }
    return kind;
}

static bool is_listed(const char *list, const char *name)
{
    size_t len = strlen(name);
    while (list != NULL && *list != '\0') {
        size_t word = strcspn(list, " ");
        if (word == len && strncmp(list, name, len) == 0)
            return true;
        list += word + strspn(list + word, " ");
    }
    return false;
}

static bool field_unknown(const struct explained *at, const char *name, struct error *err)
{
    const char *near = at->table != NULL
                           ? nearest_word(name, at->table->fields, field_count(at->table), sizeof(struct field))
                           : NULL;
    const char *where = at->name[0] != '\0' ? at->name : at->resource->plural;
    if (at->table == NULL)
        return error_set(err, ERROR_NOT_FOUND, "%.60s has no fields that Davit looks at, so no \"%.60s\"", where, name);
    const struct field *spec = at->table != NULL ? field_named(at->table, "spec") : NULL;
    if (spec != NULL && spec->nested != NULL && field_named(spec->nested, name) != NULL)
        return error_set(err, ERROR_NOT_FOUND, "%.60s has no field \"%.60s\". Did you mean spec.%.60s?", where, name, name);
    if (near != NULL)
        return error_set(err, ERROR_NOT_FOUND, "%.60s has no field \"%.60s\". Did you mean %s?", where, name, near);
    return error_set(err, ERROR_NOT_FOUND, "%.60s has no field \"%.60s\" that Davit knows", where, name);
}

static bool step(struct explained *at, const char *name, struct error *err)
{
    const struct field *field = at->table != NULL && !at->ignored ? field_named(at->table, name) : NULL;
    const char *above = at->name[0] != '\0' ? at->name : at->resource->plural;
    if (field == NULL && !is_listed(explain_not_honoured(at->kind, above), name))
        return field_unknown(at, name, err);
    (void)snprintf(at->parent, sizeof(at->parent), "%s", above);
    (void)snprintf(at->name, sizeof(at->name), "%s", name);
    at->field = field;
    at->ignored = field == NULL;
    at->table = field != NULL && field->nested != NULL && field->nested->fields[0].name != NULL ? field->nested : NULL;
    at->kind = explain_kind_below(at->table, at->kind);
    return true;
}

static bool kind_unknown(const char *word, struct error *err)
{
    const char *near = nearest_word(word, resource_at(0), resource_count(), sizeof(struct resource));
    if (near != NULL)
        return error_set(err, ERROR_NOT_FOUND, "Davit knows no kind \"%.60s\". Did you mean %s?", word, near);
    return error_set(err, ERROR_NOT_FOUND, "Davit knows no kind \"%.60s\": `davit api-resources` lists those it does", word);
}

bool explain_find(const char *path, struct explained *out, struct error *err)
{
    AUTO_FREE char *copy = mem_strdup(path);
    char *rest = copy;
    const char *word = strsep(&rest, ".");
    *out = (struct explained){ .resource = resource_by_word(word) };
    if (out->resource == NULL)
        out->resource = resource_by_kind(word);
    if (out->resource == NULL)
        return kind_unknown(word, err);
    out->kind = out->resource->plural;
    out->table = kind_table(out->kind);
    for (char *name; (name = strsep(&rest, ".")) != NULL;) {
        name[strcspn(name, "[")] = '\0'; /* containers[0], as messages have it */
        if (!step(out, name, err))
            return false;
    }
    return true;
}

/* ---- on paper */

static void print_wrapped(const char *text, int indent, FILE *out)
{
    size_t room = (size_t)(WIDTH - indent);
    while (*text != '\0') {
        size_t len = strlen(text);
        if (len > room) {
            len = room;
            while (len > 0 && text[len] != ' ')
                len--;
            len = len > 0 ? len : room; /* one word longer than a line */
        }
        (void)fprintf(out, "%*s%.*s\n", indent, "", (int)len, text);
        text += len + strspn(text + len, " ");
    }
}

static void add_words(const struct field *field, struct strbuf *text)
{
    const char *const *words = field->words;
    strbuf_add(text, "One of ");
    for (bool first = true; *words != NULL; words++)
        if (**words != '\0') {
            strbuf_printf(text, "%s%s", first ? "" : ", ", *words);
            first = false;
        }
    strbuf_add(text, ". ");
}

static void add_default(const struct field *field, struct strbuf *text)
{
    if (field->required)
        return;
    if (field->type == FIELD_BOOL)
        strbuf_printf(text, "Default: %s. ", field->fallback != 0 ? "true" : "false");
    else if (field->type == FIELD_WORD && field->words[field->fallback][0] != '\0')
        strbuf_printf(text, "Default: %s. ", field->words[field->fallback]);
    else if (field->type == FIELD_INTEGER && field->fallback != 0 && field->fallback != POD_UNSET)
        strbuf_printf(text, "Default: %" PRId64 ". ", field->fallback);
}

/* What the table says: words, range, cap, default. */
static char *rule_of(const struct field *field)
{
    AUTO_STRBUF struct strbuf text;
    strbuf_init(&text, TEXT_BYTES);
    if (field->words != NULL)
        add_words(field, &text);
    if (field->type == FIELD_INTEGER && field->max > 0)
        strbuf_printf(&text, "From %" PRId64 " to %" PRId64 ". ", field->min, field->max);
    if ((field->type == FIELD_TEXTS || field->type == FIELD_OBJECTS) && field->max > 0 && field->words == NULL)
        strbuf_printf(&text, "At most %" PRId64 ". ", field->max);
    if (field->expected != NULL)
        strbuf_printf(&text, "Must be: %s. ", field->expected);
    add_default(field, &text);
    if (text.len > 0)
        text.data[--text.len] = '\0'; /* the space behind the last */
    return strbuf_steal(&text);
}

static void print_field(const struct field *field, const char *text, int indent, FILE *out)
{
    AUTO_FREE char *rule = rule_of(field);
    (void)fprintf(out, "%*s%s\t<%s>%s\n", indent, "", field->name, explain_type(field), field->required ? " -required-" : "");
    if (text != NULL)
        print_wrapped(text, indent + 4, out);
    print_wrapped(rule, indent + 4, out);
}

static void print_below(const struct field_table *table, const char *kind, const char *parent, bool recursive, int indent,
                        FILE *out)
{
    for (const struct field *field = table->fields; field->name != NULL; field++) {
        if (!recursive) {
            print_field(field, explain_text(kind, parent, field->name), indent, out);
            continue;
        }
        (void)fprintf(out, "%*s%s\t<%s>%s\n", indent, "", field->name, explain_type(field),
                      field->required ? " -required-" : "");
        if (field->nested != NULL)
            print_below(field->nested, explain_kind_below(field->nested, kind), field->name, true, indent + 2, out);
    }
}

void explain_print(const struct explained *what, const char *path, bool recursive, FILE *out)
{
    const char *dot = strchr(path, '.');
    (void)fprintf(out, "KIND:     %s\nVERSION:  %s\n", what->resource->kind, what->resource->api_version);
    if (dot != NULL && what->field != NULL)
        (void)fprintf(out, "FIELD:    %s <%s>%s\n", dot + 1, explain_type(what->field),
                      what->field->required ? " -required-" : "");
    else if (dot != NULL)
        (void)fprintf(out, "FIELD:    %s\n", dot + 1);
    (void)fputs("\nDESCRIPTION:\n", out);
    if (what->ignored) {
        print_wrapped("Not honoured: a field of Kubernetes that Davit takes and leaves aside. The object's status lists "
                      "it in the condition IgnoredFields.", 4, out);
        return;
    }
    if (what->field == NULL) {
        const char *text = explain_text(what->kind, what->kind, "");
        print_wrapped(text != NULL ? text : what->resource->kind, 4, out);
    } else {
        AUTO_FREE char *rule = rule_of(what->field);
        const char *above = explain_text(what->kind, what->parent, what->name);
        print_wrapped(above != NULL ? above : "", 4, out);
        print_wrapped(rule, 4, out);
        (void)fputs("    Honoured.\n", out);
    }
    if (what->table == NULL)
        return;
    (void)fputs("\nFIELDS:\n", out);
    print_below(what->table, what->kind, what->name[0] != '\0' ? what->name : what->kind, recursive, 2, out);
}
