/* What a test looks at: the broker, the events, what runs. */
#include "corekit.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"

const char *kit_held(const struct corekit *kit, const char *topic)
{
    return json_get_text(kit->broker, topic);
}

static bool held_has(const struct corekit *kit, const char *word, const char *name, const char *text)
{
    AUTO_FREE char *topic = mem_printf(NODE_TOPIC "/%s/default/pods/%s", word, name);
    const char *held = kit_held(kit, topic);
    return held != NULL && strstr(held, text) != NULL;
}

bool kit_status_has(const struct corekit *kit, const char *name, const char *text)
{
    return held_has(kit, "status", name, text);
}

bool kit_state_has(const struct corekit *kit, const char *name, const char *text)
{
    return held_has(kit, "state", name, text);
}

size_t kit_event_count(const struct corekit *kit, const char *reason)
{
    size_t count = 0;
    JSON_EACH(event, kit->events)
        count += strcmp(json_get_text(event, "reason"), reason) == 0;
    return count;
}

size_t kit_running(const struct corekit *kit)
{
    size_t count = 0;
    JSON_EACH(instance, kit->instances)
        count += strcmp(json_get_text(instance, "state"), "running") == 0;
    return count;
}

char *kit_calls(struct corekit *kit)
{
    struct strbuf text;
    strbuf_init(&text, 4096);
    JSON_EACH(name, kit->told)
        strbuf_printf(&text, "%s ", json_text(name));
    json_free(kit->told);
    kit->told = json_new_array();
    return strbuf_steal(&text);
}

static bool runs(const struct json *instance)
{
    return strcmp(json_get_text(instance, "state"), "running") == 0;
}

char *kit_running_names(const struct corekit *kit)
{
    AUTO_JSON struct json *names = json_new_object();
    struct strbuf text;
    strbuf_init(&text, 4096);
    JSON_EACH(instance, kit->instances)
        if (runs(instance))
            json_set_boolean(names, json_get_text(instance, "pod"), true);
    AUTO_FREE char *sorted = json_print_canonical(names);
    struct error err;
    AUTO_JSON struct json *again = json_parse(sorted, strlen(sorted), &err);
    JSON_EACH(name, again)
        strbuf_printf(&text, "%s ", json_key(name));
    return strbuf_steal(&text);
}
