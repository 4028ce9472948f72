#include "config.h"

#include "cli/output.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "cli/text.h"
#include "cli/yaml_print.h"
#include "protocol/names.h"

static const struct {
    const char *name; /* first: nearest_word */
    enum output output;
} OUTPUTS[] = {{"wide", OUTPUT_WIDE}, {"json", OUTPUT_JSON}, {"yaml", OUTPUT_YAML}, {"name", OUTPUT_NAME}};

#define OUTPUT_COUNT (sizeof(OUTPUTS) / sizeof(OUTPUTS[0]))

bool output_parse(const struct options *options, enum output *output, struct error *err)
{
    *output = OUTPUT_TABLE;
    if (options->output == NULL)
        return true;
    for (size_t i = 0; i < OUTPUT_COUNT; i++)
        if (strcmp(OUTPUTS[i].name, options->output) == 0) {
            *output = OUTPUTS[i].output;
            return true;
        }
    return error_set(err, ERROR_INVALID, "no output format \"%s\": json, yaml, name or wide", options->output);
}

static void print_name(const struct json *object)
{
    const char *kind = json_get_text(object, "kind");
    const char *name = json_get_text(json_get(object, "metadata"), "name");
    const struct resource *resource = kind != NULL ? resource_by_kind(kind) : NULL;
    AUTO_FREE char *type = mem_strdup(resource != NULL ? resource->singular : kind != NULL ? kind : "");
    for (char *at = type; *at != '\0'; at++)
        *at = (char)tolower((unsigned char)*at);
    AUTO_FREE char *line = mem_printf("%s/%s", type, name != NULL ? name : "");
    (void)puts(text_clean(line));
}

static void print_pretty(enum output output, const struct json *object)
{
    if (output == OUTPUT_YAML) {
        yaml_print(object);
        return;
    }
    AUTO_FREE char *text = json_print_pretty(object);
    (void)puts(text);
}

void output_objects(enum output output, const struct json *objects, bool single)
{
    if (output == OUTPUT_NAME) {
        JSON_EACH(object, objects)
            print_name(object);
        return;
    }
    if (single && json_size(objects) == 1) {
        print_pretty(output, json_first(objects));
        return;
    }
    AUTO_JSON struct json *list = json_new_texts("apiVersion", "v1", "kind", "List", NULL);
    json_set(list, "items", json_copy(objects));
    print_pretty(output, list);
}

void output_change(enum output output, const struct json *object)
{
    if (output == OUTPUT_NAME) {
        print_name(object);
    } else if (output == OUTPUT_YAML) {
        (void)puts("---");
        yaml_print(object);
    } else {
        AUTO_FREE char *text = json_print(object);
        (void)puts(text);
    }
    (void)fflush(stdout);
}
