#include "protocol/trim.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"

#define TEXT_BYTES 160

/* The text's beginning, up to a whole character. */
static struct json *text_begin(const char *text)
{
    size_t len = strlen(text);
    if (len <= TEXT_BYTES)
        return json_new_text(text);
    len = TEXT_BYTES;
    while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
        len--;
    AUTO_FREE char *begin = mem_printf("%.*s…", (int)len, text);
    return json_new_text(begin);
}

/* What is no list and no object, and so is short. */
static void copy_short(const struct json *from, struct json *to)
{
    JSON_EACH(child, from) {
        enum json_type type = json_type(child);
        if (type == JSON_STRING)
            json_set(to, json_key(child), text_begin(json_text(child)));
        else if (type != JSON_OBJECT && type != JSON_ARRAY)
            json_set(to, json_key(child), json_copy(child));
    }
}

static void conditions_keep(const struct json *status, struct json *to, const char *why)
{
    static const char *const kept[] = {"Accepted", "Ready"};
    struct json *list = json_set_array(to, "conditions");
    struct json *own = json_add_object(list);
    json_set_text(own, "type", "Truncated");
    json_set_text(own, "status", "True");
    json_set_text(own, "reason", "PacketTooLarge");
    json_set_text(own, "message", why);
    JSON_EACH(condition, json_get(status, "conditions")) {
        const char *type = json_get_text(condition, "type");
        for (size_t i = 0; type != NULL && i < sizeof(kept) / sizeof(kept[0]); i++)
            if (strcmp(type, kept[i]) == 0)
                copy_short(condition, json_add_object(list));
    }
}

static struct json *answer_failed(const struct json *answer, const char *why)
{
    struct json *failed = json_new_object();
    copy_short(json_get(answer, "id") != NULL ? answer : NULL, failed);
    json_remove(failed, "text");
    json_remove(failed, "base64");
    if (json_get(answer, "seq") != NULL)
        json_set_boolean(failed, "last", true);
    json_set_boolean(failed, "ok", false);
    json_set_text(failed, "reason", "AnswerTooLarge");
    json_set_text(failed, "message", why);
    return failed;
}

static struct json *report_short(const struct json *report, const char *why)
{
    static const char *const parts[] = {"metadata", "involvedObject", "source"};
    struct json *small = json_new_object();
    copy_short(report, small);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (json_get(report, parts[i]) != NULL)
            copy_short(json_get(report, parts[i]), json_set_object(small, parts[i]));
    const struct json *status = json_get(report, "status");
    if (json_type(status) != JSON_OBJECT)
        return small;
    struct json *to = json_set_object(small, "status");
    copy_short(status, to);
    conditions_keep(status, to, why);
    return small;
}

char *trim_message(const char *payload, size_t most)
{
    struct error err = {0};
    size_t len = strlen(payload);
    AUTO_JSON struct json *whole = json_parse(payload, len, &err);
    if (json_type(whole) != JSON_OBJECT)
        return NULL;
    AUTO_FREE char *why = mem_printf("it has %zu bytes, and the broker takes %zu: raise its maximum packet size", len, most);
    bool is_answer = json_get(whole, "ok") != NULL || json_get(whole, "seq") != NULL;
    AUTO_JSON struct json *small = is_answer ? answer_failed(whole, why) : report_short(whole, why);
    AUTO_FREE char *text = json_print(small);
    return strlen(text) <= most ? mem_steal(&text) : NULL;
}
