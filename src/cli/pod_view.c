#include "config.h"

#include "cli/pod_view.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/status.h"
#include "cli/table.h"

static void count_ready(const struct entry *entry, int64_t *ready, int64_t *all)
{
    *ready = json_get_integer(entry->state, "containersReady", -1);
    *all = json_get_integer(entry->state, "containers", -1);
    if (*ready >= 0 && *all > 0) /* none: it is wanted no more, and ends */
        return;
    const struct json *list = json_get(json_get(entry->status, "status"), "containerStatuses");
    *ready = 0;
    *all = (int64_t)json_size(list);
    JSON_EACH(container, list)
        *ready += json_get_boolean(container, "ready", false) ? 1 : 0;
}

static const char *waits_for(const struct json *container)
{
    const char *reason = json_get_text(json_get(json_get(container, "state"), "waiting"), "reason");
    return reason != NULL && *reason != '\0' ? reason : NULL;
}

/* What an init container that is not done makes of the pod's status; false: it is done, or, as a sidecar, started. */
static bool init_word(const struct json *container, size_t index, size_t count, char *out, size_t size)
{
    const struct json *ended = json_get(json_get(container, "state"), "terminated");
    const char *reason = ended != NULL ? json_get_text(ended, "reason") : waits_for(container);
    bool started = json_get_boolean(container, "started", false) && json_get_boolean(container, "ready", false);
    if ((ended != NULL && json_get_integer(ended, "exitCode", -1) == 0) || started)
        return false;
    if (reason != NULL && strcmp(reason, "PodInitializing") != 0)
        (void)snprintf(out, size, "Init:%.80s", reason);
    else
        (void)snprintf(out, size, "Init:%zu/%zu", index, count);
    return true;
}

static bool init_words(const struct json *status, char *out, size_t size)
{
    const struct json *list = json_get(status, "initContainerStatuses");
    size_t index = 0;
    JSON_EACH(container, list) {
        if (init_word(container, index, json_size(list), out, size))
            return true;
        index++;
    }
    return false;
}

/* Of the first container that waits or has ended; a pod that completed in part runs on. NULL: none does. */
static const char *container_word(const struct json *status, bool is_ready)
{
    const char *word = NULL;
    bool running = false;
    JSON_EACH(container, json_get(status, "containerStatuses")) {
        const struct json *state = json_get(container, "state"), *ended = json_get(state, "terminated");
        const char *reason = ended != NULL ? json_get_text(ended, "reason") : waits_for(container);
        word = word == NULL ? reason : word;
        running = running || (json_get(state, "running") != NULL && json_get_boolean(container, "ready", false));
    }
    if (word != NULL && strcmp(word, "Completed") == 0 && running)
        return is_ready ? "Running" : "NotReady";
    return word;
}

/* The word of kubectl's column STATUS, from the containers' states. "": they say nothing of it. */
static void status_word(const struct entry *entry, char *out, size_t size)
{
    const struct json *status = json_get(entry->status, "status");
    const char *word = json_get_text(status, "reason");
    const char *state = json_get_text(entry->state, "state");
    out[0] = '\0';
    if (json_get(status, "containerStatuses") == NULL || (state != NULL && strcmp(state, "Terminating") == 0))
        return;
    bool initialized = status_condition_is(entry->status, "Initialized", "True");
    if (word == NULL && init_words(status, out, size) && !initialized)
        return;
    if (word == NULL)
        word = container_word(status, status_condition_is(entry->status, "Ready", "True"));
    if (word != NULL) /* else what a sidecar says, that does not run beside what runs */
        (void)snprintf(out, size, "%.100s", word);
}

/* The newest end that was followed by another start, or will be. */
static uint64_t restarted_ms(const struct json *status)
{
    static const char *const lists[] = { "initContainerStatuses", "containerStatuses" };
    uint64_t newest = 0;
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        JSON_EACH(container, json_get(status, lists[i])) {
            const struct json *last = json_get(json_get(container, "lastState"), "terminated");
            uint64_t at = status_time_ms(json_get_text(last, "finishedAt"));
            newest = at > newest ? at : newest;
        }
    return newest;
}

/* kubectl: while it initializes, the restarts of its init containers. */
static int64_t restarts_of(const struct entry *entry)
{
    const struct json *status = json_get(entry->status, "status");
    int64_t count = 0;
    if (status_condition_is(entry->status, "Initialized", "True") || json_get(status, "initContainerStatuses") == NULL)
        return json_get_integer(entry->state, "restarts", 0);
    JSON_EACH(container, json_get(status, "initContainerStatuses"))
        count += json_get_integer(container, "restartCount", 0);
    return count;
}

/* Where the containers say nothing: why it waits, else its phase. */
static const char *word_of(const struct entry *entry)
{
    const char *refusal = json_get_text(status_refusal(entry->status), "reason");
    const char *reason = json_get_text(entry->state, "reason");
    const char *state = json_get_text(entry->state, "state");
    const char *phase = json_get_text(json_get(entry->status, "status"), "phase");
    const char *message;
    if (state != NULL && strcmp(state, "Terminating") == 0)
        return state;
    if (state != NULL && strcmp(state, "Succeeded") == 0)
        return "Completed";
    if (reason != NULL && *reason != '\0' && (refusal == NULL || strcmp(reason, refusal) != 0))
        return reason;
    if (state != NULL)
        return state;
    status_waiting(entry->status, &reason, &message);
    if (*reason != '\0')
        return reason;
    return phase != NULL ? phase : "";
}

static uint64_t since_of(const struct entry *entry)
{
    const struct json *status = json_get(entry->status, "status");
    uint64_t since_ms = status_time_ms(json_get_text(json_get(entry->status, "metadata"), "creationTimestamp"));
    if (since_ms == 0)
        since_ms = status_time_ms(json_get_text(status, "startTime"));
    if (since_ms == 0)
        since_ms = (uint64_t)json_get_integer(entry->state, "createdAt", 0);
    if (since_ms == 0)
        since_ms = (uint64_t)json_get_integer(entry->state, "startedAt", 0);
    return since_ms;
}

/* The newer document waits, and the older one runs; NULL: none does, or that is the word already. */
static const char *update_of(const struct entry *entry, const char *word)
{
    const char *update = json_get_text(entry->state, "update");
    return update != NULL && strcmp(update, word) != 0 ? update : NULL;
}

void pod_view_of(const struct entry *entry, enum fleet_reach reach, struct pod_view *view)
{
    int64_t ready;
    int64_t all;
    char containers_word[128], ago[TABLE_AGE_BYTES];
    status_word(entry, containers_word, sizeof(containers_word));
    const char *word = json_get_text(json_get(entry->status, "status"), "printableStatus"); /* of a virtual machine */
    if (word == NULL)
        word = containers_word[0] != '\0' ? containers_word : word_of(entry);
    bool is_refused = status_refusal(entry->status) != NULL && strcmp(word, "Refused") != 0;
    count_ready(entry, &ready, &all);
    (void)snprintf(view->ready, sizeof(view->ready), "%lld/%lld", (long long)ready, (long long)all);
    uint64_t restarted = restarted_ms(json_get(entry->status, "status"));
    view->restart_count = restarts_of(entry);
    (void)snprintf(view->restarts, sizeof(view->restarts), "%lld", (long long)view->restart_count);
    if (view->restart_count > 0 && restarted > 0)
        (void)snprintf(view->restarts, sizeof(view->restarts), "%lld (%s ago)", (long long)view->restart_count,
                       table_age(restarted, clock_wall_ms(), ago));
    view->address = json_get_text(json_get(entry->status, "status"), "podIP");
    if (view->address == NULL)
        view->address = json_get_text(entry->state, "address");
    const char *update = update_of(entry, word);
    (void)snprintf(view->status, sizeof(view->status), "%.100s%s%.30s%s%s%s", word, update != NULL ? "," : "",
                   update != NULL ? update : "", is_refused && *word != '\0' ? "," : "", is_refused ? "Refused" : "",
                   reach == FLEET_ONLINE ? "" : reach == FLEET_OFFLINE ? ",Offline" : ",Unknown");
    view->since_ms = since_of(entry);
    view->image = json_get_text(entry->state, "image");
}
