/* A writer of our own: cJSON's loses digits above 2^31, and knows neither sorted keys nor bytes that are no UTF-8. */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/number.h"
#include "base/utf8.h"

#define INDENT_SPACES 2

struct printer {
    struct strbuf out;
    bool pretty;
    bool sorted;
    unsigned depth;
};

static void value_print(struct printer *printer, const struct json *value);

static const char *escape_of(char c)
{
    static const char *const names[] = {['\b'] = "\\b", ['\t'] = "\\t", ['\n'] = "\\n",
                                        ['\f'] = "\\f", ['\r'] = "\\r", ['"'] = "\\\"", ['\\'] = "\\\\"};

    return (size_t)(unsigned char)c < sizeof(names) / sizeof(names[0]) ? names[(unsigned char)c] : NULL;
}

static void special_print(struct strbuf *out, char c)
{
    const char *escape = escape_of(c);

    if (escape != NULL)
        strbuf_add(out, escape);
    else if ((unsigned char)c < ' ')
        strbuf_printf(out, "\\u%04x", (unsigned)(unsigned char)c);
    else
        strbuf_add(out, "\xef\xbf\xbd"); /* no UTF-8: U+FFFD, or the reader would refuse the whole document */
}

static void text_print(struct strbuf *out, const char *text)
{
    size_t left = strlen(text);
    size_t plain = 0; /* waiting to be added in one go */

    strbuf_add(out, "\"");
    while (left > 0) {
        char c = text[plain];
        bool ascii = (unsigned char)c < 0x80; /* nearly all of them */
        size_t bytes = ascii ? 1 : utf8_char_bytes(text + plain, left);
        left -= bytes > 0 ? bytes : 1;
        if (bytes > 0 && (unsigned char)c >= ' ' && escape_of(c) == NULL) {
            plain += bytes;
            continue;
        }
        strbuf_add_bytes(out, text, plain);
        special_print(out, c);
        text += plain + 1;
        plain = 0;
    }
    strbuf_add_bytes(out, text, plain);
    strbuf_add(out, "\"");
}

static void line_break(struct printer *printer)
{
    if (printer->pretty)
        strbuf_printf(&printer->out, "\n%*s", (int)(printer->depth * INDENT_SPACES), "");
}

static void member_print(struct printer *printer, const struct json *child, bool with_key)
{
    line_break(printer);
    if (with_key) {
        text_print(&printer->out, json_key(child));
        strbuf_add(&printer->out, printer->pretty ? ": " : ":");
    }
    value_print(printer, child);
}

static int key_order(const void *left, const void *right)
{
    return strcmp(json_key(*(const struct json *const *)left), json_key(*(const struct json *const *)right));
}

static void members_sorted_print(struct printer *printer, const struct json *object)
{
    size_t count = json_size(object);
    AUTO_FREE const struct json **children = mem_array(count, sizeof(*children));
    size_t i = 0;

    JSON_EACH(child, object) {
        children[i++] = child;
    }
    qsort(children, count, sizeof(*children), key_order);
    for (i = 0; i < count; i++) {
        if (i > 0)
            strbuf_add(&printer->out, ",");
        member_print(printer, children[i], true);
    }
}

static void members_print(struct printer *printer, const struct json *container, bool with_keys)
{
    bool first = true;

    JSON_EACH(child, container) {
        if (!first)
            strbuf_add(&printer->out, ",");
        first = false;
        member_print(printer, child, with_keys);
    }
}

static void container_print(struct printer *printer, const struct json *container)
{
    bool object = json_type(container) == JSON_OBJECT;

    strbuf_add(&printer->out, object ? "{" : "[");
    printer->depth++;
    if (object && printer->sorted)
        members_sorted_print(printer, container);
    else
        members_print(printer, container, object);
    printer->depth--;
    if (json_first(container) != NULL)
        line_break(printer);
    strbuf_add(&printer->out, object ? "}" : "]");
}

static void value_print(struct printer *printer, const struct json *value)
{
    char number[NUMBER_TEXT_BYTES];
    double amount = 0;
    bool truth = false;

    switch (json_type(value)) {
    case JSON_NULL:
        strbuf_add(&printer->out, "null");
        break;
    case JSON_BOOL:
        json_boolean(value, &truth);
        strbuf_add(&printer->out, truth ? "true" : "false");
        break;
    case JSON_NUMBER:
        json_number(value, &amount);
        strbuf_add(&printer->out, number_print(amount, number));
        break;
    case JSON_STRING:
        text_print(&printer->out, json_text(value));
        break;
    case JSON_ARRAY:
    case JSON_OBJECT:
        container_print(printer, value);
        break;
    }
}

static char *json_print_as(const struct json *json, bool pretty, bool sorted)
{
    struct printer printer = {.pretty = pretty, .sorted = sorted};

    strbuf_init(&printer.out, SIZE_MAX / 4); /* the tree in memory is the cap */
    value_print(&printer, json);
    return strbuf_steal(&printer.out);
}

char *json_print(const struct json *json)
{
    return json_print_as(json, false, false);
}

char *json_print_pretty(const struct json *json)
{
    return json_print_as(json, true, false);
}

char *json_print_canonical(const struct json *json)
{
    return json_print_as(json, false, true);
}
