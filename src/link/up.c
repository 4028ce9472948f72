#include "config.h"

#include "link/up.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "base/base64.h"
#include "base/log.h"
#include "base/memory.h"
#include "link/wait.h"
#include "wire/frame.h"

/* After a flood (all retained documents at connect) the heap is given back to the kernel once. */
#define TRIM_AFTER_BYTES (256 * 1024)

struct up_frame {
    struct up_frame *next;
    char *data;
    size_t len;
};

struct up {
    int fd;
    int wake_fd;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* room was made, or a message was taken */
    struct up_frame *head;
    struct up_frame **tail;
    size_t bytes;
    int64_t last_seq;
    int64_t taken_seq;
    size_t head_sent;     /* loop only: bytes of the head frame that are out */
    size_t since_trimmed; /* loop only */
};

struct up *up_new(int fd)
{
    struct up *up = mem_alloc(sizeof(*up));

    up->fd = fd;
    up->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (up->wake_fd < 0) {
        log_error("eventfd: %m");
        _exit(1);
    }
    pthread_mutex_init(&up->lock, NULL);
    wait_init(&up->changed);
    up->tail = &up->head;
    return up;
}

int up_wake_fd(const struct up *up)
{
    return up->wake_fd;
}

void up_wake(struct up *up)
{
    /* It can only fail when the counter is full, and then the loop is awake. */
    (void)!eventfd_write(up->wake_fd, 1);
}

/* With the lock held. */
static void append(struct up *up, char *data_taken, size_t len)
{
    struct up_frame *frame = mem_alloc(sizeof(*frame));
    bool first = up->head == NULL;

    frame->data = data_taken;
    frame->len = len;
    *up->tail = frame;
    up->tail = &frame->next;
    up->bytes += len;
    if (first)
        up_wake(up);
}

void up_send(struct up *up, struct json *head_taken)
{
    AUTO_JSON struct json *head = head_taken;
    struct error err = {0};
    size_t len;
    char *data = frame_encode(head, NULL, 0, &len, &err);

    if (data == NULL) {
        log_error("a frame to the parent cannot be made: %s", err.message);
        _exit(1);
    }
    pthread_mutex_lock(&up->lock);
    append(up, data, len);
    pthread_mutex_unlock(&up->lock);
}

static char *message_encode(const struct up_message *message, int64_t seq, size_t *len)
{
    AUTO_JSON struct json *head = json_new_texts("op", "message", "topic", message->topic, NULL);
    struct error err = {0};

    json_set_integer(head, "qos", message->qos);
    json_set_boolean(head, "retain", message->retain);
    if (seq != 0)
        json_set_integer(head, "seq", seq);
    json_set_text(head, "responseTopic", message->response_topic);
    if (message->correlation != NULL) {
        AUTO_FREE char *correlation = base64_encode(message->correlation, message->correlation_len);
        json_set_text(head, "correlation", correlation);
    }
    if (message->expiry_s >= 0)
        json_set_integer(head, "expiry", message->expiry_s);
    char *data = frame_encode(head, message->payload, message->payload_len, len, &err);
    if (data == NULL)
        log_warn("a message of %zu bytes on %.200s is left out: %s", message->payload_len, message->topic, err.message);
    return data;
}

/* With the lock held. */
static void wait_for_taken(struct up *up, int64_t seq, const char *topic)
{
    struct timespec deadline = wait_deadline(LIMIT_LIVE_ACK_MS);

    while (up->taken_seq < seq) {
        if (wait_until(&up->changed, &up->lock, &deadline))
            continue;
        log_error("a message on %.200s was not stored within %d ms: the link ends, so that the broker sends it again",
                  topic, LIMIT_LIVE_ACK_MS);
        _exit(1);
    }
}

void up_message(struct up *up, const struct up_message *message)
{
    bool live = message->qos > 0 && !message->retain;
    int64_t seq = 0;
    size_t len = 0;

    if (live) {
        pthread_mutex_lock(&up->lock);
        seq = up->last_seq + 1;
        pthread_mutex_unlock(&up->lock);
    }
    char *data = message_encode(message, seq, &len);
    if (data == NULL)
        return;
    pthread_mutex_lock(&up->lock);
    while (up->bytes > 0 && up->bytes + len > LIMIT_LINK_QUEUE_BYTES)
        pthread_cond_wait(&up->changed, &up->lock);
    if (live)
        up->last_seq = seq;
    append(up, data, len);
    if (live)
        wait_for_taken(up, seq, message->topic);
    pthread_mutex_unlock(&up->lock);
}

bool up_taken(struct up *up, int64_t seq)
{
    pthread_mutex_lock(&up->lock);
    bool known = seq > 0 && seq <= up->last_seq;
    if (known && seq > up->taken_seq) {
        up->taken_seq = seq;
        pthread_cond_broadcast(&up->changed);
    }
    pthread_mutex_unlock(&up->lock);
    return known;
}

static struct up_frame *first(struct up *up)
{
    pthread_mutex_lock(&up->lock);
    struct up_frame *frame = up->head;
    pthread_mutex_unlock(&up->lock);
    return frame;
}

static void drop_first(struct up *up)
{
    pthread_mutex_lock(&up->lock);
    struct up_frame *frame = up->head;
    up->head = frame->next;
    if (up->head == NULL)
        up->tail = &up->head;
    up->bytes -= frame->len;
    pthread_cond_broadcast(&up->changed);
    pthread_mutex_unlock(&up->lock);
    up->head_sent = 0;
    up->since_trimmed += frame->len;
    free(frame->data);
    free(frame);
}

bool up_flush(struct up *up)
{
    for (struct up_frame *frame = first(up); frame != NULL; frame = first(up)) {
        ssize_t sent = send(up->fd, frame->data + up->head_sent, frame->len - up->head_sent,
                            MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK;
        up->head_sent += (size_t)sent;
        if (up->head_sent == frame->len)
            drop_first(up);
    }
    if (up->since_trimmed >= TRIM_AFTER_BYTES) {
        malloc_trim(0);
        up->since_trimmed = 0;
    }
    return true;
}

bool up_is_empty(struct up *up)
{
    return first(up) == NULL;
}
