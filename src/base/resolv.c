#include "base/resolv.h"

#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"

struct lists {
    struct json *servers, *searches; /* texts */
    struct json *options;            /* {"name","value"} */
};

static bool has_text(const struct json *array, const char *text)
{
    JSON_EACH(one, array)
        if (strcmp(json_text(one), text) == 0)
            return true;
    return false;
}

static void add_text(struct json *array, const char *text, size_t most)
{
    if (text != NULL && text[0] != '\0' && !has_text(array, text) && json_size(array) < most)
        json_add_text(array, text);
}

/* Later wins, in the place of the earlier. `value` NULL: it has none. */
static void add_option(struct lists *lists, const char *name, const char *value)
{
    struct json *options = json_new_array();
    bool found = false;
    JSON_EACH(one, lists->options) {
        bool same = strcmp(json_get_text(one, "name"), name) == 0;
        json_add(options, same ? json_new_texts("name", name, "value", value, NULL) : json_copy(one));
        found = found || same;
    }
    if (!found)
        json_add(options, json_new_texts("name", name, "value", value, NULL));
    json_free(lists->options);
    lists->options = options;
}

static void add_word(struct lists *lists, const char *kind, char *word)
{
    if (strcmp(kind, "nameserver") == 0)
        add_text(lists->servers, word, RESOLV_SERVERS_MAX);
    else if (strcmp(kind, "search") == 0)
        add_text(lists->searches, word, SIZE_MAX);
    char *colon = strchr(word, ':');
    if (strcmp(kind, "options") != 0)
        return;
    if (colon != NULL)
        *colon = '\0';
    add_option(lists, word, colon != NULL ? colon + 1 : NULL);
}

/* Of several `search` lines the last one counts. */
static void read_line(struct lists *lists, char *line)
{
    static const char blanks[] = " \t\r";
    char *rest = line + strspn(line, blanks), *word;
    char *kind = strsep(&rest, blanks);
    if (kind[0] == '#' || kind[0] == ';')
        return;
    if (strcmp(kind, "search") == 0) {
        json_free(lists->searches);
        lists->searches = json_new_array();
    }
    while ((word = strsep(&rest, blanks)) != NULL && word[0] != '#' && word[0] != ';')
        if (word[0] != '\0')
            add_word(lists, kind, word);
}

static void add_list(struct strbuf *out, const char *kind, const struct json *texts, bool one_line)
{
    bool first = true;
    JSON_EACH(one, texts) {
        strbuf_printf(out, "%s%s %s", first || one_line ? "" : "\n", first || !one_line ? kind : "", json_text(one));
        first = false;
    }
    if (!first)
        strbuf_add(out, "\n");
}

static char *print(const struct lists *lists)
{
    AUTO_STRBUF struct strbuf out;
    bool first = true;
    strbuf_init(&out, RESOLV_FILE_MAX);
    add_list(&out, "search", lists->searches, true);
    add_list(&out, "nameserver", lists->servers, false);
    JSON_EACH(one, lists->options) {
        const char *value = json_get_text(one, "value");
        strbuf_printf(&out, "%s %s%s%s", first ? "options" : "", json_get_text(one, "name"), value != NULL ? ":" : "",
                      value != NULL ? value : "");
        first = false;
    }
    if (!first)
        strbuf_add(&out, "\n");
    return strbuf_steal(&out);
}

char *resolv_merge(const char *text, const struct json *dns)
{
    struct lists lists = { json_new_array(), json_new_array(), json_new_array() };
    AUTO_FREE char *copy = mem_strdup(text);
    char *rest = copy, *line;
    while ((line = strsep(&rest, "\n")) != NULL)
        read_line(&lists, line);
    JSON_EACH(server, json_get(dns, "nameservers"))
        add_text(lists.servers, json_text(server), RESOLV_SERVERS_MAX);
    JSON_EACH(search, json_get(dns, "searches"))
        add_text(lists.searches, json_text(search), SIZE_MAX);
    JSON_EACH(option, json_get(dns, "options")) {
        const char *value = json_get_text(option, "value");
        add_option(&lists, json_get_text(option, "name"), value != NULL && value[0] != '\0' ? value : NULL);
    }
    char *merged = print(&lists);
    json_free(lists.servers);
    json_free(lists.searches);
    json_free(lists.options);
    return merged;
}
