#include "config.h"

#include "link/session.h"

#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "link/backoff.h"
#include "link/client.h"
#include "link/diagnose.h"
#include "link/publication.h"
#include "link/reason.h"
#include "link/session_state.h"
#include "link/wait.h"

/* Paho gives up after 30 s; when it does not, it is stuck, and a new process is the cure. */
#define OPEN_GUARD_MS 120000
#define SUBSCRIBE_MS 30000
#define CLOSE_MS 3000
#define DRAIN_MS 1500
/* So many connections lost early, one after the other, are no accident. */
#define SHORT_LIVES 3

static bool opened_or_ended(const struct session *session)
{
    return session->now.opened || session->now.ended;
}

static bool opened_or_stopped(const struct session *session)
{
    return opened_or_ended(session) || session->stop;
}

static bool subscribed_or_ended(const struct session *session)
{
    return session->now.subscribed || session->now.ended;
}

static bool drained_or_ended(const struct session *session)
{
    return session->sent.first == NULL || session->now.ended;
}

static bool closed_or_ended(const struct session *session)
{
    return session->now.closed || session->now.ended;
}

/* With the lock held. False: the time is over. */
static bool wait_for(struct session *session, bool (*done)(const struct session *session), uint64_t for_ms)
{
    struct timespec deadline = wait_deadline(for_ms);

    while (!done(session))
        if (!wait_until(&session->changed, &session->lock, &deadline))
            return done(session);
    return true;
}

/* With the lock held. */
static void end_set(struct session *session, const char *text)
{
    if (session->now.ended)
        return;
    session->now.ended = true;
    snprintf(session->now.end.text, sizeof(session->now.end.text), "%s", text);
}

/* Ends the client of the last try, and Paho's threads with it. There is never a second one beside it: Paho 1.3.12 walks
 * its list of clients without a lock when a write completes, and then frees the wrong one. */
static void client_drop(struct session *session)
{
    client_free(session->client);
    session->client = NULL;
    pthread_mutex_lock(&session->lock);
    for (struct publication *left = publications_take_first(&session->sent); left != NULL;
         left = publications_take_first(&session->sent))
        publication_free(left);
    pthread_mutex_unlock(&session->lock);
}

static bool client_make(struct session *session, int version, struct error *err)
{
    pthread_mutex_lock(&session->lock);
    free(session->now.codes);
    memset(&session->now, 0, sizeof(session->now));
    session->now.version = version;
    pthread_mutex_unlock(&session->lock);
    session->client = client_new(session->options, version, &session_events, session, err);
    return session->client != NULL;
}

/* One try with one version. False: session->now.end says why. */
static bool session_open(struct session *session, int version)
{
    struct error err = {0};
    bool started = client_make(session, version, &err) && client_connect(session->client, session->keepalive_s, &err);

    pthread_mutex_lock(&session->lock);
    if (!started)
        end_set(session, err.message);
    if (!wait_for(session, opened_or_stopped, OPEN_GUARD_MS)) {
        log_error("Paho does not come back from connecting to %s: the link ends, to be started again",
                  session->options->uri);
        _exit(1);
    }
    /* Asked to stop meanwhile: a CONNECT under way is given a moment, or its will would outlive it. */
    if (!opened_or_ended(session) && !wait_for(session, opened_or_ended, CLOSE_MS))
        end_set(session, "stopped while connecting");
    bool opened = session->now.opened && !session->now.ended;
    pthread_mutex_unlock(&session->lock);
    return opened;
}

/* Puts the network's reason into end.text. False: the network is not to blame. */
static bool session_explain(struct session *session)
{
    struct client_end *end = &session->now.end;
    const struct link_options *options = session->options;

    if (!end->unreached && !end->tls)
        return true;
    if (diagnose(options, end->text, sizeof(end->text)) || end->tls)
        return true;
    snprintf(end->text, sizeof(end->text), "%.80s port %s takes the connection but does not answer CONNECT: is it a broker's port%s?",
             options->host, options->port, options->tls ? "" : ", and one without TLS");
    return false;
}

/* Acknowledgements under way are waited for here: Paho 1.3 would look for them again only after seconds. */
static void session_close(struct session *session)
{
    pthread_mutex_lock(&session->lock);
    (void)wait_for(session, drained_or_ended, DRAIN_MS);
    pthread_mutex_unlock(&session->lock);
    if (!client_disconnect(session->client))
        return;
    pthread_mutex_lock(&session->lock);
    if (!wait_for(session, closed_or_ended, CLOSE_MS))
        log_warn("the broker connection did not end in time: the will may be published");
    pthread_mutex_unlock(&session->lock);
}

/* Paho keeps to its own keep alive whatever CONNACK says: the connection is made anew with the broker's (MQTT 5, 3.2.2.3.14). */
static bool session_agree(struct session *session)
{
    int asked = session->now.opening.keepalive_s;

    if (asked == 0 || (session->keepalive_s != 0 && asked >= session->keepalive_s))
        return true;
    log_info("the broker wants to hear of its clients every %d s: it is connected to anew", asked);
    session->keepalive_s = asked;
    session_close(session);
    client_drop(session);
    return session_open(session, session->version);
}

/* MQTT 5, and 3.1.1 where the broker refuses 5: said by a code it is remembered; said by closing the connection it may
 * have been something else, and 5 is tried again next time. */
static bool session_open_any(struct session *session)
{
    if (session_open(session, session->version))
        return session_agree(session);
    struct client_end end = session->now.end;
    bool refused = end.code == REASON_UNSUPPORTED_VERSION || end.code == 1;
    bool explained = session->stop || session_explain(session);

    if (session->stop || session->version == CLIENT_VERSION_311 || (explained && !refused))
        return false;
    end = session->now.end;
    if (refused) {
        log_info("the broker does not speak MQTT 5: 3.1.1 is used");
        session->version = CLIENT_VERSION_311;
    }
    client_drop(session);
    if (session_open(session, CLIENT_VERSION_311))
        return true;
    if (refused)
        (void)session_explain(session);
    else
        session->now.end = end;
    return false;
}

static void report_refused(struct session *session, const char *topic, int code)
{
    struct json *head = json_new_texts("op", "refused-subscription", "topic", topic, NULL);

    log_warn("the broker refused the subscription to %.200s: reason code %d", topic, code);
    json_set_integer(head, "code", code);
    up_send(session->up, head);
}

static void report_connected(struct session *session)
{
    struct json *head = json_new_texts("op", "connected", NULL);

    json_set_boolean(head, "sessionPresent", session->now.opening.session_present);
    json_set_integer(head, "receiveMaximum", session->now.opening.receive_maximum);
    json_set_integer(head, "maximumPacketSize", session->now.opening.maximum_packet_size);
    json_set_integer(head, "sessionExpiry", session->now.opening.session_expiry_s);
    json_set_integer(head, "version", session->now.version);
    up_send(session->up, head);
    if (session->now.opening.session_expiry_s < session->options->session_expiry_s)
        log_warn("the broker keeps a session for %u s at most, not %u: what is asked of an absent device for longer is lost",
                 session->now.opening.session_expiry_s, session->options->session_expiry_s);
    log_info("connected to %s with MQTT %s", session->options->uri,
             session->now.version == CLIENT_VERSION_5 ? "5" : "3.1.1");
}

/* To what the options have from place `from` on. False: the connection ended first. */
static bool session_subscribe(struct session *session, size_t from)
{
    struct error err = {0};
    size_t count = session->options->subscription_count - from;
    bool started = count == 0 || client_subscribe(session->client, from, &err);

    pthread_mutex_lock(&session->lock);
    if (!started)
        end_set(session, err.message);
    else if (count > 0 && !wait_for(session, subscribed_or_ended, SUBSCRIBE_MS))
        end_set(session, "the broker did not answer the subscription");
    bool ok = !session->now.ended;
    pthread_mutex_unlock(&session->lock);
    for (size_t i = 0; ok && i < session->now.code_count && i < count; i++)
        if (session->now.codes[i] >= 128)
            report_refused(session, session->options->subscriptions[from + i].topic, session->now.codes[i]);
    return ok;
}

/* The next one that the parent asked for, in what each new connection subscribes to; NULL: there is none. */
static struct subscription_change *take_change(struct session *session)
{
    pthread_mutex_lock(&session->lock);
    struct subscription_change *change = session->changes;
    if (change != NULL)
        session->changes = change->next;
    pthread_mutex_unlock(&session->lock);
    if (change != NULL)
        subscription_change_apply(change, session->options);
    return change;
}

static void apply_changes(struct session *session)
{
    for (struct subscription_change *change; (change = take_change(session)) != NULL;)
        subscription_change_free(change);
}

/* While connected. False: the connection ended. */
static bool session_resubscribe(struct session *session)
{
    bool good = true;

    for (struct subscription_change *change; good && (change = take_change(session)) != NULL;) {
        pthread_mutex_lock(&session->lock);
        session->now.subscribed = false;
        free(mem_steal(&session->now.codes));
        session->now.code_count = 0;
        pthread_mutex_unlock(&session->lock);
        client_unsubscribe(session->client, change->unsubscribe, change->unsubscribe_count);
        good = session_subscribe(session, session->options->subscription_count - change->subscribe_count);
        if (good && change->subscribe_count > 0)
            up_send(session->up, json_new_texts("op", "subscribed", NULL));
        subscription_change_free(change);
    }
    return good;
}

static void session_send(struct session *session, struct publication *publication)
{
    struct client_publish publish = {.topic = publication->topic,
                                     .payload = publication->payload,
                                     .payload_len = publication->payload_len,
                                     .qos = publication->qos,
                                     .retain = publication->retain,
                                     .correlation = publication->correlation,
                                     .correlation_len = publication->correlation_len,
                                     .expiry_s = publication->expiry_s};
    uint32_t max = session->now.opening.maximum_packet_size;
    struct error err = {0};

    if (max != 0 && publication_packet_bytes(publication, session->now.version) > max) {
        publication_answer(publication, session->up, 149, "PacketTooLarge");
        publication_free(publication);
        return;
    }
    pthread_mutex_lock(&session->lock);
    publications_add(&session->sent, publication);
    pthread_mutex_unlock(&session->lock);
    if (client_publish(session->client, &publish, publication, &err))
        return;
    bool lost = err.code == ERROR_UNAVAILABLE;
    if (!lost)
        log_warn("a message on %.200s cannot be sent: %s", publication->topic, err.message);
    session_published(session, publication, 0, lost ? "NotConnected" : "Refused");
}

static void session_serve(struct session *session)
{
    pthread_mutex_lock(&session->lock);
    while (!session->now.ended) {
        bool changed = session->changes != NULL;
        struct publication *publication = changed ? NULL : publications_take_first(&session->asked);
        if (changed) {
            pthread_mutex_unlock(&session->lock);
            bool good = session_resubscribe(session);
            pthread_mutex_lock(&session->lock);
            if (!good)
                break;
            continue;
        }
        if (publication == NULL && session->stop)
            break;
        if (publication == NULL) {
            pthread_cond_wait(&session->changed, &session->lock);
            continue;
        }
        pthread_mutex_unlock(&session->lock);
        session_send(session, publication);
        pthread_mutex_lock(&session->lock);
    }
    pthread_mutex_unlock(&session->lock);
}

/* What was sent and is not acknowledged is lost with the connection; what was asked since was never sent. */
static void session_answer_all(struct session *session)
{
    pthread_mutex_lock(&session->lock);
    for (struct publication *sent = session->sent.first; sent != NULL; sent = sent->next) {
        if (!sent->answered)
            publication_answer(sent, session->up, 0, "ConnectionLost");
        sent->answered = true;
    }
    for (struct publication *asked = publications_take_first(&session->asked); asked != NULL;
         asked = publications_take_first(&session->asked)) {
        publication_answer(asked, session->up, 0, "NotConnected");
        publication_free(asked);
    }
    pthread_mutex_unlock(&session->lock);
}

static void report_disconnected(struct session *session, uint64_t retry_ms)
{
    struct json *head = json_new_texts("op", "disconnected", "reason", session->now.end.text, NULL);

    json_set_integer(head, "code", session->now.end.code);
    if (session->options->reconnect)
        json_set_integer(head, "retryInMs", (int64_t)retry_ms);
    up_send(session->up, head);
    log_warn("%s: %s", session->options->uri, session->now.end.text);
}

/* Waits for the next try, and answers what is asked meanwhile. for_ms 0: until the parent ends it. */
static void session_rest(struct session *session, uint64_t for_ms)
{
    struct timespec deadline = wait_deadline(for_ms);
    bool more = true;

    while (more) {
        session_answer_all(session);
        pthread_mutex_lock(&session->lock);
        if (session->stop)
            more = false;
        else if (session->asked.first == NULL && for_ms > 0)
            more = wait_until(&session->changed, &session->lock, &deadline);
        else if (session->asked.first == NULL)
            pthread_cond_wait(&session->changed, &session->lock);
        pthread_mutex_unlock(&session->lock);
    }
}

/* From the first packet to the last. Returns how long it was up, in milliseconds. */
static uint64_t session_once(struct session *session)
{
    uint64_t since;

    apply_changes(session);
    if (!session_open_any(session) || !session_subscribe(session, 0))
        return 0;
    since = clock_boot_ms();
    report_connected(session);
    malloc_trim(0);
    session_serve(session);
    if (session->stop && !session->now.ended)
        session_close(session);
    return clock_boot_ms() - since + 1; /* 0 is: never */
}

/* Mosquitto 2.0 hangs up without a word on a client whose id another one brings. */
static void session_suspect(struct session *session, uint64_t lived_ms)
{
    struct client_end *end = &session->now.end;
    size_t len = strlen(end->text);

    if (lived_ms == 0)
        return;
    session->short_lives = lived_ms < BACKOFF_GOOD_MS && end->code == 0 ? session->short_lives + 1 : 0;
    if (session->short_lives > 0 && session->rival) {
        end->code = REASON_TAKEN_OVER;
        snprintf(end->text + len, sizeof(end->text) - len, " soon: %s", reason_advice(REASON_TAKEN_OVER));
    } else if (session->short_lives >= SHORT_LIVES)
        snprintf(end->text + len, sizeof(end->text) - len, " soon, again and again: does another client use the same id?");
    session->rival = false;
}

static void *session_run(void *arg)
{
    struct session *session = arg;
    struct backoff backoff = {.min_ms = session->options->min_delay_ms, .max_ms = session->options->max_delay_ms};

    while (!session->stop) {
        uint64_t lived_ms = session_once(session);
        session_suspect(session, lived_ms);
        uint64_t retry_ms = backoff_next(&backoff, lived_ms, session->now.end.code) + 1;
        session_answer_all(session);
        if (session->stop)
            break;
        report_disconnected(session, retry_ms);
        client_drop(session);
        malloc_trim(0); /* the wait may be long: keep nothing of a TLS handshake through it */
        session_rest(session, session->options->reconnect ? retry_ms : 0);
    }
    pthread_mutex_lock(&session->lock);
    session->over = true;
    pthread_mutex_unlock(&session->lock);
    up_wake(session->up);
    return NULL;
}

struct session *session_new(struct link_options *options, struct up *up)
{
    struct session *session = mem_alloc(sizeof(*session));
    pthread_t thread;

    session->options = options;
    session->up = up;
    session->version = CLIENT_VERSION_5;
    session->keepalive_s = options->keepalive_s;
    pthread_mutex_init(&session->lock, NULL);
    wait_init(&session->changed);
    publications_init(&session->asked);
    publications_init(&session->sent);
    if (pthread_create(&thread, NULL, session_run, session) != 0) {
        log_error("the session's thread cannot be started: %m");
        _exit(1);
    }
    pthread_detach(thread);
    return session;
}
