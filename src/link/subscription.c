#include "link/subscription.h"

#include <string.h>

#include "base/memory.h"

static bool topics_read(const struct json *list, struct subscription_change *change)
{
    change->unsubscribe = mem_array(json_size(list) + 1, sizeof(char *));
    JSON_EACH(item, list) {
        if (json_text(item) == NULL || json_text(item)[0] == '\0')
            return false;
        change->unsubscribe[change->unsubscribe_count++] = mem_strdup(json_text(item));
    }
    return list == NULL || json_type(list) == JSON_ARRAY;
}

struct subscription_change *subscription_change_read(const struct json *head)
{
    struct subscription_change *change = mem_alloc(sizeof(*change));
    struct error ignored;

    if (link_subscriptions_read(head, &change->subscribe, &change->subscribe_count, &ignored) &&
        topics_read(json_get(head, "unsubscribe"), change))
        return change;
    subscription_change_free(change);
    return NULL;
}

void subscription_change_free(struct subscription_change *change)
{
    for (size_t i = 0; i < change->subscribe_count; i++)
        free(change->subscribe[i].topic);
    for (size_t i = 0; i < change->unsubscribe_count; i++)
        free(change->unsubscribe[i]);
    free(change->subscribe);
    free(change->unsubscribe);
    free(change);
}

static void leave(struct link_options *options, const char *topic)
{
    size_t kept = 0;

    for (size_t i = 0; i < options->subscription_count; i++) {
        if (strcmp(options->subscriptions[i].topic, topic) == 0)
            free(options->subscriptions[i].topic);
        else
            options->subscriptions[kept++] = options->subscriptions[i];
    }
    options->subscription_count = kept;
}

void subscription_change_apply(struct subscription_change *change, struct link_options *options)
{
    for (size_t i = 0; i < change->unsubscribe_count; i++)
        leave(options, change->unsubscribe[i]);
    for (size_t i = 0; i < change->subscribe_count; i++)
        leave(options, change->subscribe[i].topic);
    options->subscriptions = mem_resize(options->subscriptions, options->subscription_count + change->subscribe_count + 1,
                                        sizeof(*options->subscriptions));
    for (size_t i = 0; i < change->subscribe_count; i++) {
        options->subscriptions[options->subscription_count++] = change->subscribe[i];
        change->subscribe[i].topic = NULL; /* it has moved */
    }
}
