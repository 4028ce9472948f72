#include "config.h"

#include "domain_xml.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "davit/limits.h"

#define INDENT 2

void xml_init(struct xml *xml)
{
    *xml = (struct xml){0};
    strbuf_init(&xml->text, LIMIT_DOMAIN_BYTES);
}

static void refuse(struct xml *xml, const char *name, const char *why)
{
    if (xml->err.code == ERROR_NONE)
        error_set(&xml->err, ERROR_INVALID, "what stands for %s %s", name, why);
}

/* XML 1.0 has none below U+0020 but three that a reader turns into spaces, and neither U+FFFE nor U+FFFF. DEL and the
 * C1 controls it has, and nothing here is meant by them.
 */
static bool is_fit(const unsigned char *at, size_t len)
{
    if (len == 1)
        return at[0] >= 0x20 && at[0] != 0x7f;
    if (len == 2)
        return at[0] != 0xc2 || at[1] >= 0xa0;
    return len != 3 || at[0] != 0xef || at[1] != 0xbf || at[2] < 0xbe;
}

static void add_char(struct xml *xml, const char *at, size_t len)
{
    static const struct {
        char plain;
        const char *escaped;
    } marks[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'\'', "&apos;"}, {'"', "&quot;"}};

    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        if (*at == marks[i].plain) {
            strbuf_add(&xml->text, marks[i].escaped);
            return;
        }
    }
    strbuf_add_bytes(&xml->text, at, len);
}

static void add_escaped(struct xml *xml, const char *name, const char *value)
{
    size_t left = strlen(value);

    while (left > 0) {
        size_t len = utf8_char_bytes(value, left);

        if (len == 0 || !is_fit((const unsigned char *)value, len)) {
            refuse(xml, name, len == 0 ? "is no UTF-8" : "holds a control character");
            return;
        }
        add_char(xml, value, len);
        value += len;
        left -= len;
    }
}

static void add_start(struct xml *xml, const char *name, va_list pairs)
{
    const char *attribute;

    strbuf_printf(&xml->text, "%*s<%s", (int)(xml->depth * INDENT), "", name);
    while ((attribute = va_arg(pairs, const char *)) != NULL) {
        const char *value = va_arg(pairs, const char *);

        if (value == NULL)
            continue;
        strbuf_printf(&xml->text, " %s='", attribute);
        add_escaped(xml, attribute, value);
        strbuf_add(&xml->text, "'");
    }
}

void xml_open(struct xml *xml, const char *name, ...)
{
    va_list pairs;

    va_start(pairs, name);
    add_start(xml, name, pairs);
    va_end(pairs);
    strbuf_add(&xml->text, ">\n");
    xml->depth++;
}

void xml_close(struct xml *xml, const char *name)
{
    xml->depth--;
    strbuf_printf(&xml->text, "%*s</%s>\n", (int)(xml->depth * INDENT), "", name);
}

void xml_leaf(struct xml *xml, const char *name, ...)
{
    va_list pairs;

    va_start(pairs, name);
    add_start(xml, name, pairs);
    va_end(pairs);
    strbuf_add(&xml->text, "/>\n");
}

void xml_text(struct xml *xml, const char *name, const char *text, ...)
{
    va_list pairs;

    va_start(pairs, text);
    add_start(xml, name, pairs);
    va_end(pairs);
    strbuf_add(&xml->text, ">");
    add_escaped(xml, name, text);
    strbuf_printf(&xml->text, "</%s>\n", name);
}

char *xml_take(struct xml *xml, struct error *err)
{
    char *text = NULL;

    if (xml->err.code == ERROR_NONE && xml->text.overflow)
        error_set(&xml->err, ERROR_INVALID, "the domain has more than %d bytes", LIMIT_DOMAIN_BYTES);
    if (xml->err.code == ERROR_NONE)
        text = strbuf_steal(&xml->text);
    else
        *err = xml->err;
    strbuf_free(&xml->text);
    return text;
}

struct xml_number xml_number(int64_t value)
{
    struct xml_number number;

    snprintf(number.text, sizeof(number.text), "%" PRId64, value);
    return number;
}
