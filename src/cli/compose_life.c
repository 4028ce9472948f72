/* Of a service: its health, what it waits for, and what it may use. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "cli/compose_service.h"
#include "cli/compose_values.h"

#define AFTER "davit/after"
#define HEALTH_SECONDS 30 /* Compose: interval and timeout */
#define HEALTH_RETRIES 3

/* ["CMD", …], ["CMD-SHELL", line], a line. False: there is none. */
static bool read_test(const struct json *test, struct json *command)
{
    const char *line = json_text(test), *first = json_text(json_first(test));
    if (first != NULL && strcmp(first, "CMD") == 0) {
        for (const struct json *word = json_next(json_first(test)); word != NULL; word = json_next(word)) {
            AUTO_FREE char *text = compose_text(word);
            AUTO_FREE char *literal = compose_literal(text != NULL ? text : "");
            json_add_text(command, literal);
        }
        return json_size(command) > 0;
    }
    if (first != NULL && strcmp(first, "CMD-SHELL") == 0)
        line = json_text(json_next(json_first(test)));
    if (line == NULL)
        return false;
    AUTO_FREE char *literal = compose_literal(line);
    json_add_text(command, "/bin/sh");
    json_add_text(command, "-c");
    json_add_text(command, literal);
    return true;
}

static bool read_time(const struct compose_service *service, const struct json *said, const char *key, int64_t *seconds, struct error *err)
{
    const struct json *value = json_get(said, key);
    return value == NULL || compose_seconds(value, seconds) ||
           compose_error(service, "healthcheck", err, "%s is no time, as 1m30s", key);
}

/* Compose looks at health, and restarts nobody for it: a readiness probe. Until the first success nothing counts, so that
 * start_period has nothing to say.
 */
bool compose_read_healthcheck(struct compose_service *service, const struct json *value, struct error *err)
{
    const struct json *test = json_get(value, "test");
    const char *first = json_text(json_first(test));
    int64_t period = HEALTH_SECONDS, timeout = HEALTH_SECONDS, retries = HEALTH_RETRIES, at_start = 0;
    AUTO_JSON struct json *probe = json_new_object();
    if (json_get_boolean(value, "disable", false) || (first != NULL && strcmp(first, "NONE") == 0))
        return true;
    if (!read_test(test, json_set_array(json_set_object(probe, "exec"), "command")))
        return compose_error(service, "healthcheck", err, "test is a line, [\"CMD\", WORD…] or [\"CMD-SHELL\", LINE]");
    if (!read_time(service, value, "interval", &period, err) || !read_time(service, value, "timeout", &timeout, err) ||
        !read_time(service, value, "start_interval", &at_start, err))
        return false;
    if (json_get(value, "retries") != NULL && !json_integer(json_get(value, "retries"), &retries))
        return compose_error(service, "healthcheck", err, "retries is a number");
    json_set_integer(probe, "periodSeconds", period > 0 ? period : 1);
    json_set_integer(probe, "timeoutSeconds", timeout > 0 ? timeout : 1);
    json_set_integer(probe, "failureThreshold", retries > 0 ? retries : 1);
    json_set(service->container, "readinessProbe", json_copy(probe));
    return true;
}

static bool add_after(struct compose_service *service, const char *other, const char *condition, struct strbuf *words, struct error *err)
{
    static const char *const CONDITIONS[] = {"service_started", "service_healthy", "service_completed_successfully"};
    const struct json *file = service->compose->file;
    const struct json *said = json_get(json_get(file, "services"), other);
    size_t i = 0;
    while (i < 3 && strcmp(CONDITIONS[i], condition) != 0)
        i++;
    if (i == 3)
        return compose_error(service, "depends_on", err, "\"%.60s\" is no condition", condition);
    if (said == NULL || json_get(said, "profiles") != NULL)
        return compose_error(service, "depends_on", err, "there is no service \"%.60s\"", other);
    bool is_job = strcmp(compose_resource(file, other), "jobs") == 0;
    if (i == 2 && !is_job)
        return compose_error(service, "depends_on", err, "%s is restarted always, and never completed", other);
    strbuf_printf(words, "%s%s/%s", words->len > 0 ? "," : "", is_job ? "jobs" : "deployments", other);
    return true;
}

bool compose_read_depends_on(struct compose_service *service, const struct json *value, struct error *err)
{
    bool is_map = json_type(value) == JSON_OBJECT;
    AUTO_STRBUF struct strbuf words;
    strbuf_init(&words, 8192);
    JSON_EACH(one, value) {
        const char *other = is_map ? json_key(one) : json_text(one), *condition = json_get_text(one, "condition");
        if (other == NULL)
            return compose_error(service, "depends_on", err, "a list of services is expected, or a map");
        if (!add_after(service, other, condition != NULL ? condition : "service_started", &words, err))
            return false;
    }
    if (words.len > 0)
        json_set_text(compose_object(service->metadata, "annotations"), AFTER, words.data);
    return true;
}

/* ---- what it may use */

static bool set_resource(struct compose_service *service, const char *key, const char *part, const char *name, const struct json *value,
                         struct error *err)
{
    struct json *parent = compose_object(compose_object(service->container, "resources"), part);
    int64_t bytes = 0;
    if (strcmp(name, "memory") == 0) {
        if (!compose_bytes(value, &bytes))
            return compose_error(service, key, err, "a size is expected, as 512m");
        AUTO_FREE char *text = bytes % (1024 * 1024) == 0 ? mem_printf("%lldMi", (long long)bytes / (1024 * 1024))
                                                          : mem_printf("%lld", (long long)bytes);
        json_set_text(parent, name, text);
        return true;
    }
    AUTO_FREE char *text = compose_text(value);
    char *end = NULL;
    double cores = text != NULL ? strtod(text, &end) : 0;
    if (end == NULL || *end != '\0' || !(cores > 0 && cores < 1e6))
        return compose_error(service, key, err, "a number of processors is expected, as 0.5");
    AUTO_FREE char *milli = mem_printf("%lldm", (long long)(cores * 1000 + 0.5));
    json_set_text(parent, name, milli);
    return true;
}

bool compose_read_mem_limit(struct compose_service *service, const struct json *value, struct error *err)
{
    return set_resource(service, "mem_limit", "limits", "memory", value, err);
}

bool compose_read_mem_reservation(struct compose_service *service, const struct json *value, struct error *err)
{
    return set_resource(service, "mem_reservation", "requests", "memory", value, err);
}

bool compose_read_cpus(struct compose_service *service, const struct json *value, struct error *err)
{
    return set_resource(service, "cpus", "limits", "cpu", value, err);
}

static bool read_resources(struct compose_service *service, const struct json *said, const char *key, const char *part, struct error *err)
{
    JSON_EACH(one, json_get(said, key)) {
        AUTO_FREE char *path = mem_printf("deploy.resources.%s.%s", key, json_key(one));
        bool known = strcmp(json_key(one), "memory") == 0 || strcmp(json_key(one), "cpus") == 0;
        if (!(known ? set_resource(service, path, part, strcmp(json_key(one), "cpus") == 0 ? "cpu" : "memory", one, err)
                    : compose_remark(service, path, "left out", err)))
            return false;
    }
    return true;
}

bool compose_read_deploy(struct compose_service *service, const struct json *value, struct error *err)
{
    JSON_EACH(one, value) {
        AUTO_FREE char *path = mem_printf("deploy.%s", json_key(one));
        bool known = strcmp(json_key(one), "replicas") == 0 || strcmp(json_key(one), "resources") == 0;
        if (!known && !compose_remark(service, path, "left out", err))
            return false;
    }
    const struct json *resources = json_get(value, "resources");
    return read_resources(service, resources, "limits", "limits", err) &&
           read_resources(service, resources, "reservations", "requests", err);
}
