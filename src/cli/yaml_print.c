#include "config.h"

#include "cli/yaml_print.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"

/* Plain only where no reader of YAML 1.1 or 1.2 could take it for anything but this text. */
static bool is_plain(const char *text)
{
    static const char *const WORDS[] = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"};
    size_t len = strlen(text);
    if (len == 0 || !isalpha((unsigned char)text[0]) || text[len - 1] == ' ' || text[len - 1] == ':')
        return false;
    for (size_t i = 0; i < sizeof(WORDS) / sizeof(WORDS[0]); i++)
        if (strcasecmp(text, WORDS[i]) == 0)
            return false;
    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char)text[i]) && strchr("-_./:@ ", text[i]) == NULL)
            return false;
        if (text[i] == ':' && text[i + 1] == ' ')
            return false;
    }
    return true;
}

static void print_text(FILE *out, const char *text)
{
    if (is_plain(text)) {
        (void)fputs(text, out);
        return;
    }
    AUTO_JSON struct json *quoted = json_new_text(text);
    AUTO_FREE char *escaped = json_print(quoted); /* JSON's quotes and escapes are YAML's too */
    (void)fputs(escaped, out);
}

static void print_block(FILE *out, const struct json *json, int indent, bool at_dash);

/* Behind `key:` or `-`. */
static void print_value(FILE *out, const struct json *value, int indent, bool at_dash)
{
    enum json_type type = json_type(value);
    bool is_block = (type == JSON_OBJECT || type == JSON_ARRAY) && json_size(value) > 0;
    if (is_block && at_dash && type == JSON_OBJECT) {
        (void)fputc(' ', out);
        print_block(out, value, indent, true);
    } else if (is_block) {
        (void)fputc('\n', out);
        print_block(out, value, indent, false);
    } else {
        (void)fputc(' ', out);
        AUTO_FREE char *text = json_print(value);
        if (type == JSON_STRING)
            print_text(out, json_text(value));
        else
            (void)fputs(text, out);
        (void)fputc('\n', out);
    }
}

static void print_block(FILE *out, const struct json *json, int indent, bool at_dash)
{
    bool is_array = json_type(json) == JSON_ARRAY;
    JSON_EACH(child, json) {
        (void)fprintf(out, "%*s", at_dash ? 0 : indent, "");
        at_dash = false;
        if (is_array) {
            (void)fputc('-', out);
            print_value(out, child, indent + 2, true);
            continue;
        }
        print_text(out, json_key(child));
        (void)fputc(':', out);
        /* kubectl's way: a list stands as far left as its key. */
        print_value(out, child, json_type(child) == JSON_ARRAY ? indent : indent + 2, false);
    }
}

void yaml_print_to(FILE *out, const struct json *json)
{
    if ((json_type(json) == JSON_OBJECT || json_type(json) == JSON_ARRAY) && json_size(json) > 0) {
        print_block(out, json, 0, false);
        return;
    }
    AUTO_FREE char *text = json_print(json);
    (void)fprintf(out, "%s\n", text);
}

void yaml_print(const struct json *json)
{
    yaml_print_to(stdout, json);
}
