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

static void print_text(const char *text)
{
    if (is_plain(text)) {
        (void)fputs(text, stdout);
        return;
    }
    AUTO_JSON struct json *quoted = json_new_text(text);
    AUTO_FREE char *escaped = json_print(quoted); /* JSON's quotes and escapes are YAML's too */
    (void)fputs(escaped, stdout);
}

static void print_block(const struct json *json, int indent, bool at_dash);

/* Behind `key:` or `-`. */
static void print_value(const struct json *value, int indent, bool at_dash)
{
    enum json_type type = json_type(value);
    bool is_block = (type == JSON_OBJECT || type == JSON_ARRAY) && json_size(value) > 0;
    if (is_block && at_dash && type == JSON_OBJECT) {
        putchar(' ');
        print_block(value, indent, true);
    } else if (is_block) {
        putchar('\n');
        print_block(value, indent, false);
    } else {
        putchar(' ');
        AUTO_FREE char *text = json_print(value);
        if (type == JSON_STRING)
            print_text(json_text(value));
        else
            (void)fputs(text, stdout);
        putchar('\n');
    }
}

static void print_block(const struct json *json, int indent, bool at_dash)
{
    bool is_array = json_type(json) == JSON_ARRAY;
    JSON_EACH(child, json) {
        printf("%*s", at_dash ? 0 : indent, "");
        at_dash = false;
        if (is_array) {
            putchar('-');
            print_value(child, indent + 2, true);
            continue;
        }
        print_text(json_key(child));
        putchar(':');
        /* kubectl's way: a list stands as far left as its key. */
        print_value(child, json_type(child) == JSON_ARRAY ? indent : indent + 2, false);
    }
}

void yaml_print(const struct json *json)
{
    if ((json_type(json) == JSON_OBJECT || json_type(json) == JSON_ARRAY) && json_size(json) > 0) {
        print_block(json, 0, false);
        return;
    }
    AUTO_FREE char *text = json_print(json);
    (void)puts(text);
}
