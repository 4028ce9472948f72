/* Which objects davit get shows: -l, --field-selector, and the nodes that are meant. */
#include "config.h"

#include <string.h>

#include "base/memory.h"
#include "cli/get.h"
#include "cli/jsonpath.h"
#include "cli/label_query.h"
#include "cli/node_view.h"

static bool field_read(struct get *get, const char *text, struct error *err)
{
    size_t len = strcspn(text, "!=");
    const char *value = text + len;
    struct get_field *field = &get->fields[get->field_count];
    if (get->field_count == TABLE_COLUMNS)
        return error_set(err, ERROR_LIMIT, "--field-selector has at most %d parts", TABLE_COLUMNS);
    field->differs = *value == '!';
    value += strspn(value, "!") > 0 ? 1 : 0;
    if (len == 0 || *value != '=')
        return error_set(err, ERROR_INVALID, "--field-selector \"%.80s\": FIELD=VALUE or FIELD!=VALUE, as status.phase=Running", text);
    AUTO_FREE char *name = mem_strndup(text, len);
    get->field_count++;
    field->path = jsonpath_of_path(name);
    field->value = mem_strdup(value + (value[1] == '=' ? 2 : 1));
    return jsonpath_check(field->path, err);
}

static bool fields_read(struct get *get, struct error *err)
{
    const char *at = get->options->field_selector;
    while (at != NULL && *at != '\0') {
        AUTO_FREE char *part = mem_strndup(at, strcspn(at, ","));
        at += strlen(part);
        at += *at == ',';
        if (!field_read(get, part, err))
            return false;
    }
    return true;
}

bool get_read_filters(struct get *get, struct error *err)
{
    const struct options *options = get->options;
    if (options->selector != NULL) {
        get->labels = label_query_parse(options->selector, err);
        if (get->labels == NULL)
            return false;
    }
    if (options->sort_by != NULL) {
        get->sort_path = jsonpath_of_path(options->sort_by);
        if (!jsonpath_check(get->sort_path, err))
            return false;
    }
    return fleet_query(options, &get->node_labels, err) && fields_read(get, err);
}

bool get_needs_objects(const struct get *get)
{
    return get->labels != NULL || get->field_count > 0 || get->sort_path != NULL || get->options->show_labels ||
           get->label_count > 0 || !get_is_table(get);
}

bool get_is_listed(const struct entry *entry)
{
    return entry->state != NULL || (entry->is_object ? entry->status != NULL : entry->presence != NULL);
}

struct get_type *get_type_of(struct get *get, const struct entry *entry)
{
    for (size_t i = 0; i < get->type_count; i++) {
        const struct resource *resource = get->types[i].resource;
        if (entry->is_object ? resource != NULL && strcmp(resource->plural, entry->id.resource) == 0 : resource == NULL)
            return &get->types[i];
    }
    return NULL;
}

struct json *get_object(const struct get *get, const struct entry *entry)
{
    return entry->is_object ? workload_object(&get->board, entry) : node_object(entry, board_reach(&get->board, entry->node));
}

static bool name_fits(const struct get_type *type, const char *name)
{
    for (size_t i = 0; i < type->name_count; i++)
        if (strcmp(type->names[i], name) == 0)
            return true;
    return type->name_count == 0;
}

static bool node_fits(const struct get *get, const char *node)
{
    if (!fleet_names_fit(get->options, node))
        return false;
    if (!fleet_needs_status(get->options))
        return true;
    const struct entry *entry = board_node(&get->board, node);
    return entry != NULL && entry->status != NULL && fleet_status_fits(get->options, get->node_labels, entry->status);
}

static bool fields_fit(const struct get *get, const struct entry *entry)
{
    AUTO_JSON struct json *object = get->field_count > 0 ? get_object(get, entry) : NULL;
    for (size_t i = 0; i < get->field_count; i++) {
        AUTO_FREE char *value = jsonpath_fill(get->fields[i].path, object, " ");
        if ((strcmp(value, get->fields[i].value) == 0) == get->fields[i].differs)
            return false;
    }
    return true;
}

bool get_fits(struct get *get, const struct get_type *type, const struct entry *entry)
{
    const struct json *labels = json_get(json_get(entry->status, "metadata"), "labels");
    return name_fits(type, entry->is_object ? entry->id.name : entry->node) && node_fits(get, entry->node) &&
           (get->labels == NULL || label_query_fits(get->labels, labels)) && fields_fit(get, entry);
}
