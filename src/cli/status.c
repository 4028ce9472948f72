#include "config.h"

#include "cli/status.h"

#include <string.h>
#include <strings.h>
#include <time.h>

const struct json *status_condition(const struct json *object, const char *type)
{
    JSON_EACH(condition, json_get(json_get(object, "status"), "conditions")) {
        const char *its_type = json_get_text(condition, "type");
        if (its_type != NULL && strcasecmp(its_type, type) == 0) /* as kubectl takes what a person types */
            return condition;
    }
    return NULL;
}

bool status_condition_is(const struct json *object, const char *type, const char *value)
{
    const char *status = json_get_text(status_condition(object, type), "status");
    return status != NULL && strcasecmp(status, value) == 0;
}

int64_t status_observed_generation(const struct json *object)
{
    return json_get_integer(json_get(object, "status"), "observedGeneration", 0);
}

const struct json *status_refusal(const struct json *object)
{
    return status_condition_is(object, "Accepted", "False") ? status_condition(object, "Accepted") : NULL;
}

int64_t status_refused_generation(const struct json *object)
{
    return json_get_integer(status_refusal(object), "refusedGeneration", 0);
}

void status_waiting(const struct json *object, const char **reason, const char **message)
{
    *reason = "";
    *message = "";
    JSON_EACH(container, json_get(json_get(object, "status"), "containerStatuses")) {
        const struct json *waiting = json_get(json_get(container, "state"), "waiting");
        const char *why = json_get_text(waiting, "reason");
        const char *text = json_get_text(waiting, "message");
        if (why == NULL)
            continue;
        *reason = why;
        *message = text != NULL ? text : "";
        return;
    }
}

uint64_t status_time_ms(const char *text)
{
    struct tm broken_down = {0};
    const char *end = text != NULL ? strptime(text, "%Y-%m-%dT%H:%M:%S", &broken_down) : NULL;
    if (end == NULL)
        return 0;
    time_t seconds = timegm(&broken_down);
    return seconds > 0 ? (uint64_t)seconds * 1000 : 0;
}
