#include "config.h"

#include "cli/pod_view.h"

#include <stdio.h>
#include <string.h>

#include "cli/status.h"

static void count_ready(const struct entry *entry, int64_t *ready, int64_t *all)
{
    *ready = json_get_integer(entry->state, "containersReady", -1);
    *all = json_get_integer(entry->state, "containers", -1);
    if (*ready >= 0 && *all >= 0)
        return;
    const struct json *list = json_get(json_get(entry->status, "status"), "containerStatuses");
    *ready = 0;
    *all = (int64_t)json_size(list);
    JSON_EACH(container, list)
        *ready += json_get_boolean(container, "ready", false) ? 1 : 0;
}

/* The word kubectl would show: why it waits, else its phase. */
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

void pod_view_of(const struct entry *entry, bool node_is_online, struct pod_view *view)
{
    int64_t ready;
    int64_t all;
    const char *word = word_of(entry);
    bool is_refused = status_refusal(entry->status) != NULL && strcmp(word, "Refused") != 0;
    count_ready(entry, &ready, &all);
    (void)snprintf(view->ready, sizeof(view->ready), "%lld/%lld", (long long)ready, (long long)all);
    (void)snprintf(view->restarts, sizeof(view->restarts), "%lld",
                   (long long)json_get_integer(entry->state, "restarts", 0));
    (void)snprintf(view->status, sizeof(view->status), "%.100s%s%s%s", word, is_refused && *word != '\0' ? "," : "",
                   is_refused ? "Refused" : "", node_is_online ? "" : ",Offline");
    view->since_ms = since_of(entry);
    view->image = json_get_text(entry->state, "image");
}
