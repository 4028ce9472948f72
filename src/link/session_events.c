#include "config.h"

#include <string.h>

#include "base/memory.h"
#include "link/session_state.h"

static void on_opened(void *ctx, const struct client_opened *opened)
{
    struct session *session = ctx;

    pthread_mutex_lock(&session->lock);
    session->now.opened = true;
    session->now.opening = *opened;
    pthread_cond_signal(&session->changed);
    pthread_mutex_unlock(&session->lock);
}

static void on_subscribed(void *ctx, const int *codes, size_t count)
{
    struct session *session = ctx;

    pthread_mutex_lock(&session->lock);
    if (!session->now.subscribed) {
        session->now.codes = mem_dup(codes, count * sizeof(*codes));
        session->now.code_count = count;
        session->now.subscribed = true;
    }
    pthread_cond_signal(&session->changed);
    pthread_mutex_unlock(&session->lock);
}

static void on_end(void *ctx, const struct client_end *end)
{
    struct session *session = ctx;

    pthread_mutex_lock(&session->lock);
    if (!session->now.ended) {
        session->now.ended = true;
        session->now.end = *end;
    }
    pthread_cond_signal(&session->changed);
    pthread_mutex_unlock(&session->lock);
}

static void on_closed(void *ctx)
{
    struct session *session = ctx;

    pthread_mutex_lock(&session->lock);
    session->now.closed = true;
    pthread_cond_signal(&session->changed);
    pthread_mutex_unlock(&session->lock);
}

static void on_message(void *ctx, const struct up_message *message)
{
    struct session *session = ctx;

    up_message(session->up, message);
}

void session_published(void *ctx, void *token, int code, const char *reason)
{
    struct session *session = ctx;
    struct publication *publication = token;

    pthread_mutex_lock(&session->lock);
    publications_remove(&session->sent, publication);
    if (session->stop)
        pthread_cond_signal(&session->changed);
    pthread_mutex_unlock(&session->lock);
    if (!publication->answered)
        publication_answer(publication, session->up, code, reason);
    publication_free(publication);
}

const struct client_events session_events = {.on_opened = on_opened,
                                             .on_subscribed = on_subscribed,
                                             .on_end = on_end,
                                             .on_closed = on_closed,
                                             .on_message = on_message,
                                             .on_published = session_published};

void session_publish(struct session *session, struct publication *taken)
{
    struct publication *publication = taken;

    pthread_mutex_lock(&session->lock);
    bool full = session->asked.bytes + publication->payload_len > LIMIT_LINK_QUEUE_BYTES;
    if (!full) {
        publications_add(&session->asked, publication);
        pthread_cond_signal(&session->changed);
    }
    pthread_mutex_unlock(&session->lock);
    if (full) {
        publication_answer(publication, session->up, 0, "QueueFull");
        publication_free(publication);
    }
}

void session_change(struct session *session, struct subscription_change *change)
{
    pthread_mutex_lock(&session->lock);
    struct subscription_change **last = &session->changes;
    while (*last != NULL)
        last = &(*last)->next;
    *last = change;
    pthread_cond_signal(&session->changed);
    pthread_mutex_unlock(&session->lock);
}

void session_disconnect(struct session *session)
{
    pthread_mutex_lock(&session->lock);
    session->stop = true;
    pthread_cond_signal(&session->changed);
    pthread_mutex_unlock(&session->lock);
}

bool session_is_stopped(struct session *session)
{
    pthread_mutex_lock(&session->lock);
    bool stopped = session->stop;
    pthread_mutex_unlock(&session->lock);
    return stopped;
}

void session_rival(struct session *session)
{
    session->rival = true;
}

bool session_is_over(struct session *session)
{
    pthread_mutex_lock(&session->lock);
    bool over = session->over;
    pthread_mutex_unlock(&session->lock);
    return over;
}
