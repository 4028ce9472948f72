/* davit wait: until objects or nodes are what is asked for, on every node that is meant. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "cli/address.h"
#include "cli/get.h"
#include "cli/jsonpath.h"
#include "cli/status.h"
#include "cli/text.h"
#include "davit/limits.h"

#define TIMEOUT_MS 30000 /* kubectl's */
#define LINES 10         /* of what is missing, in the end */

enum goal { GOAL_CONDITION, GOAL_DELETE, GOAL_PATH };

struct wait {
    struct get get; /* what is waited for */
    enum goal goal;
    char *condition; /* or a template */
    char *value;     /* NULL: any that is not empty */
    bool is_synced;
    bool is_done;
};

/* condition=Ready[=False], delete, jsonpath='{…}'[=VALUE] */
static bool goal_read(struct wait *wait, const char *text, struct error *err)
{
    static const char condition[] = "condition=", jsonpath[] = "jsonpath=";
    if (text != NULL && strcmp(text, "delete") == 0) {
        wait->goal = GOAL_DELETE;
        return true;
    }
    if (text != NULL && strncmp(text, condition, sizeof(condition) - 1) == 0) {
        const char *name = text + sizeof(condition) - 1, *equals = strchr(name, '=');
        wait->condition = mem_strndup(name, strcspn(name, "="));
        wait->value = mem_strdup(equals != NULL ? equals + 1 : "True");
        return *wait->condition != '\0' || error_set(err, ERROR_INVALID, "--for %s: which condition? As condition=Ready", text);
    }
    if (text != NULL && strncmp(text, jsonpath, sizeof(jsonpath) - 1) == 0) {
        const char *path = text + sizeof(jsonpath) - 1, *end = strrchr(path, '}');
        size_t len = end != NULL ? (size_t)(end + 1 - path) : 0;
        wait->goal = GOAL_PATH;
        if (len == 0 || (path[len] != '\0' && path[len] != '='))
            return error_set(err, ERROR_INVALID, "--for %s: as jsonpath='{.status.phase}'=Running", text);
        wait->condition = mem_strndup(path, len);
        wait->value = path[len] == '=' ? mem_strdup(path + len + 1) : NULL;
        return jsonpath_check(wait->condition, err);
    }
    return error_set(err, ERROR_INVALID, "wait for what? --for condition=Ready, --for delete or --for jsonpath='{…}'=VALUE");
}

/* What a node said before it was cut off is no proof. */
static bool is_reached(const struct wait *wait, const struct entry *entry)
{
    if (board_reach(&wait->get.board, entry->node) != FLEET_ONLINE)
        return false;
    if (!get_is_listed(entry))
        return wait->goal == GOAL_DELETE;
    AUTO_JSON struct json *object = get_object(&wait->get, entry);
    if (wait->goal == GOAL_DELETE)
        return false;
    if (wait->goal == GOAL_CONDITION)
        return status_condition_is(object, wait->condition, wait->value);
    AUTO_FREE char *value = jsonpath_fill(wait->condition, object, " ");
    return wait->value != NULL ? strcmp(value, wait->value) == 0 : *value != '\0';
}

static char *name_of(const struct entry *entry)
{
    const struct resource *resource = entry->is_object ? resource_by_plural(entry->id.resource) : NULL;
    if (resource == NULL)
        return mem_printf("node/%s", entry->node);
    return mem_printf("%s/%s on %s", resource->singular, entry->id.name, entry->node);
}

/* What there was before it was deleted is known by what was shown of it. */
static bool is_meant(struct wait *wait, const struct entry *entry)
{
    struct get_type *type = get_type_of(&wait->get, entry);
    return type != NULL && (entry->shown != NULL || (get_is_listed(entry) && get_fits(&wait->get, type, entry)));
}

static bool is_seen(const struct wait *wait, const struct get_type *type, const char *name)
{
    for (const struct entry *entry = wait->get.board.entries; entry != NULL; entry = entry->hh.next)
        if (entry->shown != NULL && entry->is_object == (type->resource != NULL) &&
            strcmp(entry->is_object ? entry->id.name : entry->node, name) == 0)
            return true;
    return false;
}

/* Of each name something must be there, or there is nothing that could be Ready. */
static bool names_seen(const struct wait *wait)
{
    for (size_t i = 0; i < wait->get.type_count; i++)
        for (size_t j = 0; j < wait->get.types[i].name_count; j++)
            if (!is_seen(wait, &wait->get.types[i], wait->get.types[i].names[j]))
                return false;
    return true;
}

static void judge(struct wait *wait)
{
    size_t count = 0, reached = 0;
    for (struct entry *entry = wait->get.board.entries; entry != NULL; entry = entry->hh.next) {
        if (!is_meant(wait, entry))
            continue;
        if (entry->shown == NULL)
            entry->shown = name_of(entry);
        count++;
        reached += is_reached(wait, entry);
    }
    wait->is_done = reached == count && (wait->goal == GOAL_DELETE || (count > 0 && names_seen(wait)));
}

static void on_change(void *ctx, struct entry *entry)
{
    struct wait *wait = ctx;
    (void)entry;
    if (wait->is_synced)
        wait->is_done = true; /* looked at again: a flood of changes is judged once */
}

static void print_all(struct wait *wait)
{
    for (const struct entry *entry = wait->get.board.entries; entry != NULL; entry = entry->hh.next)
        if (entry->shown != NULL)
            printf("%s %s\n", entry->shown, wait->goal == GOAL_DELETE ? "deleted" : "condition met");
}

static bool missed(struct wait *wait, uint64_t timeout_ms, struct error *err)
{
    size_t count = 0, missing = 0;
    for (const struct entry *entry = wait->get.board.entries; entry != NULL; entry = entry->hh.next) {
        if (entry->shown == NULL)
            continue;
        count++;
        bool is_missing = !is_reached(wait, entry);
        missing += is_missing;
        if (is_missing && missing <= LINES)
            (void)fprintf(stderr, "  %s%s\n", entry->shown,
                          board_reach(&wait->get.board, entry->node) != FLEET_ONLINE ? ": its node is not reached" : "");
    }
    if (count == 0)
        return error_set(err, ERROR_NOT_FOUND, "nothing that fits was seen within %llu s", (unsigned long long)(timeout_ms / 1000));
    if (missing == 0)
        return error_set(err, ERROR_NOT_FOUND, "not everything that was named was seen within %llu s",
                         (unsigned long long)(timeout_ms / 1000));
    return error_set(err, ERROR_TIMEOUT, "timed out after %llu s: %zu of %zu are not there yet", (unsigned long long)(timeout_ms / 1000),
                     missing, count);
}

static bool wait_for(struct wait *wait, struct session *session, uint64_t timeout_ms, struct error *err)
{
    uint64_t until_ms = clock_boot_ms() + timeout_ms, now_ms;
    wait->is_synced = true;
    for (;;) {
        judge(wait);
        if (wait->is_done)
            return true;
        now_ms = clock_boot_ms();
        if (now_ms < until_ms && session_until(session, &wait->is_done, until_ms - now_ms, err))
            continue;
        return now_ms < until_ms && err->code != ERROR_TIMEOUT ? false : missed(wait, timeout_ms, err);
    }
}

static enum exit_code run(struct wait *wait, uint64_t timeout_ms, struct error *err)
{
    AUTO_SESSION struct session *session = get_open(&wait->get, on_change, wait, err);
    if (session == NULL || !wait_for(wait, session, timeout_ms, err))
        return exit_code_of(err);
    print_all(wait);
    return EXIT_CODE_OK;
}

enum exit_code verb_wait(const struct options *given, struct error *err)
{
    struct options options = *given;
    struct wait *wait = mem_alloc(sizeof(*wait));
    enum exit_code code = EXIT_CODE_USAGE;
    uint64_t timeout_ms = TIMEOUT_MS;
    wait->get.options = &options;
    options.output = "json"; /* the objects are what is looked at */
    if (options.word_count == 0)
        (void)error_set(err, ERROR_INVALID, "wait for what? As: davit wait pod/hello --for condition=Ready");
    else if (address_check(&options, err) && get_read_words(&wait->get, err) && get_read_output(&wait->get, err) &&
             get_read_filters(&wait->get, err) && goal_read(wait, options.for_what, err) &&
             options_time("timeout", options.timeout, &timeout_ms, err)) {
        get_forget_place(&wait->get, &options);
        code = run(wait, timeout_ms, err);
    }
    get_free(&wait->get);
    free(wait->condition);
    free(wait->value);
    free(wait);
    return code;
}
