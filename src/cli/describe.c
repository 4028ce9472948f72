#include "config.h"

#include "cli/describe.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "cli/status.h"
#include "cli/table.h"
#include "cli/text.h"

#define LINE_COLUMNS 80
#define VALUE_COLUMN 19 /* behind the indent */
#define LINE_BYTES 8192
#define INDENT 2

/* Text from column `at` on, continued at column `indent` on the next lines. */
static void print_wrapped(int at, int indent, const char *raw)
{
    AUTO_FREE char *clean = text_clean(mem_strdup(raw));
    const char *text = clean;
    while (*text != '\0') {
        size_t word = strcspn(text, " ");
        if (at > indent && at + 1 + (int)word > LINE_COLUMNS) {
            printf("\n%*s", indent, "");
            at = indent;
        } else if (at > indent) {
            putchar(' ');
            at++;
        }
        (void)fwrite(text, 1, word, stdout);
        at += (int)word;
        text += word;
        text += strspn(text, " ");
    }
    putchar('\n');
}

void describe_text(int indent, const char *text)
{
    printf("%*s", indent, "");
    print_wrapped(indent, indent, text);
}

void describe_field(int indent, const char *label, const char *value)
{
    if (value == NULL || *value == '\0')
        return;
    AUTO_FREE char *clean = text_clean(mem_strdup(label)); /* a condition's type is the node's word */
    int gap = VALUE_COLUMN - 1 - (int)strlen(clean);
    gap = gap > 0 ? gap : 1; /* a long label pushes its value on */
    int column = indent + (int)strlen(clean) + 1 + gap;
    printf("%*s%s:%*s", indent, "", clean, gap, "");
    print_wrapped(column, column, value);
}

void describe_integer(int indent, const char *label, int64_t value)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%lld", (long long)value);
    describe_field(indent, label, text);
}

void describe_time(int indent, const char *label, const char *rfc3339)
{
    char age[TABLE_AGE_BYTES];
    uint64_t since_ms = status_time_ms(rfc3339);
    if (rfc3339 == NULL)
        return;
    (void)table_age(since_ms, clock_wall_ms(), age);
    AUTO_FREE char *text = since_ms == 0 ? mem_strdup(rfc3339) : mem_printf("%s (%s ago)", rfc3339, age);
    describe_field(indent, label, text);
}

void describe_map(int indent, const char *label, const struct json *map)
{
    AUTO_STRBUF struct strbuf line;
    strbuf_init(&line, LINE_BYTES);
    JSON_EACH(value, map) {
        AUTO_FREE char *printed = json_text(value) == NULL ? json_print(value) : NULL;
        strbuf_printf(&line, "%s%s=%s", line.len > 0 ? " " : "", json_key(value), printed != NULL ? printed : json_text(value));
    }
    describe_field(indent, label, line.data);
}

void describe_conditions(const struct json *status, const struct json *refusal)
{
    const struct json *list = json_get(status, "conditions");
    if (json_size(list) == 0)
        return;
    (void)puts("Conditions:");
    JSON_EACH(condition, list) {
        const char *type = json_get_text(condition, "type");
        const char *value = json_get_text(condition, "status");
        const char *reason = json_get_text(condition, "reason");
        const char *message = json_get_text(condition, "message");
        bool has_reason = reason != NULL && *reason != '\0';
        AUTO_FREE char *line = mem_printf("%s%s%s%s", value != NULL ? value : "?", has_reason ? " (" : "",
                                          has_reason ? reason : "", has_reason ? ")" : "");
        if (type == NULL || strcmp(type, "IgnoredFields") == 0)
            continue;
        describe_field(INDENT, type, line);
        bool told_below = condition == refusal; /* under its own heading */
        if (message != NULL && *message != '\0' && !told_below)
            describe_text(2 * INDENT, message);
    }
}
