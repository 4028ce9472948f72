/* What is subscribed to, and how that changes while the connection lasts (docs/wire.md, davit-link, `subscribe`). */
#ifndef LINK_SUBSCRIPTION_H
#define LINK_SUBSCRIPTION_H

#include "link/options.h"

struct subscription_change {
    struct link_subscription *subscribe;
    size_t subscribe_count;
    char **unsubscribe;
    size_t unsubscribe_count;
    struct subscription_change *next;
};

/* NULL: a field is missing or wrong. */
MUST_CHECK struct subscription_change *subscription_change_read(const struct json *head);
void subscription_change_free(struct subscription_change *change);
/* Into what each new connection subscribes to; what is to be asked for now comes last. Moves its topics there. */
void subscription_change_apply(struct subscription_change *change, struct link_options *options);

#endif
