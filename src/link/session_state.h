/* What a session knows, shared by session.c (its thread) and session_events.c (Paho's threads and the loop). */
#ifndef LINK_SESSION_STATE_H
#define LINK_SESSION_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "link/client.h"
#include "link/publication.h"
#include "link/session.h"

/* The try that runs. Written under the lock, and only once each by events. */
struct session_try {
    int version;
    bool opened;
    bool subscribed;
    bool closed;
    bool ended;
    struct client_opened opening;
    struct client_end end;
    int *codes; /* of the subscriptions */
    size_t code_count;
};

struct session {
    struct link_options *options;
    struct up *up;
    pthread_mutex_t lock; /* never held across a call into client.h */
    pthread_cond_t changed;
    struct publications asked; /* by the parent, not yet handed to Paho */
    struct publications sent;  /* Paho has a pointer to each */
    struct subscription_change *changes; /* of the subscriptions, asked by the parent, oldest first */
    struct session_try now;
    atomic_bool stop;
    bool over;
    struct client *client; /* the session's thread only, as what follows */
    int version;
    unsigned short_lives;
};

extern const struct client_events session_events;

/* A publication of `sent` is done: answers it unless that was done, and frees it. */
void session_published(void *ctx, void *token, int code, const char *reason);

#endif
