/* The verb logs: files are read on libuv's threads, in pieces, and only as fast as the requester takes them. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "core/control_logs.h"
#include "core/serve.h"
#include "davit/limits.h"
#include "protocol/log_lines.h"

#define PIECE_BYTES (16 * 1024)
#define OUT_BYTES (2 * 1024 * 1024) /* what a piece and a line before it can become */
#define FOLLOW_MS 100u /* until the next look at a log that is followed, and up to so many times that */
#define FOLLOW_MOST 5u
#define ASK_MS 500u    /* until it is looked for newer files again, and whether the container still runs */

struct logs {
    struct rotated files;
    struct log_cutter cutter;
    struct strbuf out; /* read, and not said yet */
    size_t said;       /* of it */
    int64_t tail;      /* lines from the end, for the first work; -1: all */
    bool follow, running, truncated;
    struct json *same; /* the request for more of the same attempt */
    struct json *head; /* of the answer: container, containers */
    bool reading;      /* on a thread: files, cutter and out are its own */
    bool at_end;       /* the last piece was empty */
    unsigned looks;    /* idle ones */
    uint64_t asked_ms;
    struct error err;
    uv_work_t work;
    uv_timer_t *timer;
};

static void read_piece(uv_work_t *work)
{
    struct served *served = work->data;
    struct logs *logs = served->state;
    char data[PIECE_BYTES];
    ssize_t got = 0;
    logs->err.code = ERROR_NONE;
    if (logs->tail >= 0 && !rotated_seek_tail(&logs->files, logs->tail, logs->cutter.pick.raw ? log_line_is_any : log_line_ends, &logs->err))
        return;
    logs->tail = -1;
    while (!logs->cutter.full && (got = rotated_read(&logs->files, data, sizeof(data))) > 0) {
        log_cutter_add(&logs->cutter, data, (size_t)got, &logs->out);
        if (served->stream && logs->out.len > 0)
            break;
        if (!served->stream && logs->out.len > (size_t)LIMIT_ANSWER_TEXT_BYTES * 2) {
            size_t extra = logs->out.len - LIMIT_ANSWER_TEXT_BYTES;
            memmove(logs->out.data, logs->out.data + extra, LIMIT_ANSWER_TEXT_BYTES);
            logs->out.len = LIMIT_ANSWER_TEXT_BYTES;
            logs->truncated = true;
        }
    }
    logs->at_end = got <= 0;
}

static void on_piece(uv_work_t *work, int status)
{
    struct served *served = work->data;
    struct daemon *daemon = served->daemon;
    struct logs *logs = served->state;
    (void)status;
    logs->reading = false;
    if (logs->err.code != ERROR_NONE)
        served_fail(served, "LogError", logs->err.message);
    else if (!served->stopped)
        served->kind->pump(served);
    served_release(served);
    daemon_settle(daemon);
}

static void read_more(struct served *served)
{
    struct logs *logs = served->state;
    logs->out.len = 0;
    logs->out.overflow = false;
    logs->said = 0;
    logs->reading = true;
    logs->work.data = served;
    served_hold(served);
    uv_queue_work(served->daemon->loop, &logs->work, read_piece, on_piece);
}

/* New files of the same attempt, and whether it still runs. */
static void look_again(struct served *served)
{
    struct logs *logs = served->state;
    int fds[ROTATED_FILES];
    size_t count = 0;
    AUTO_JSON struct json *answer = control_log(served->daemon->core, logs->same, fds, &count);
    rotated_take(&logs->files, fds, count);
    logs->running = json_get_boolean(answer, "running", false);
    logs->asked_ms = clock_boot_ms();
}

static bool is_time_to_ask(const struct logs *logs)
{
    return logs->follow && logs->running && clock_boot_ms() >= logs->asked_ms + ASK_MS;
}

static void on_time(uv_timer_t *timer)
{
    struct served *served = timer->data;
    struct daemon *daemon = served->daemon;
    served->kind->pump(served);
    daemon_settle(daemon);
}

static void end_well(struct served *served)
{
    struct logs *logs = served->state;
    struct json *result = json_copy(logs->head);
    json_set_boolean(result, "ok", true);
    if (!served->stream) {
        size_t most = served->daemon->core->link.packet_limit > 0 &&
                              served->daemon->core->link.packet_limit / 2 < LIMIT_ANSWER_TEXT_BYTES
                          ? served->daemon->core->link.packet_limit / 2
                          : LIMIT_ANSWER_TEXT_BYTES;
        size_t from = logs->out.len > most ? logs->out.len - most : 0;
        const char *text = logs->out.data != NULL ? logs->out.data : "";
        const char *newline = from > 0 ? memchr(text + from, '\n', logs->out.len - from) : NULL;
        from = newline != NULL ? (size_t)(newline - text) + 1 : from;
        request_put_bytes(result, "text", "base64", text + from, logs->out.len - from);
        json_set_boolean(result, "truncated", logs->truncated || from > 0);
    }
    if (logs->files.gap)
        json_set_boolean(result, "gap", true);
    served_end(served, result);
}

/* Everything that is there was said. */
static void at_end(struct served *served)
{
    struct logs *logs = served->state;
    if (!logs->follow || logs->cutter.full || !logs->running) {
        end_well(served);
        return;
    }
    if (logs->looks == 0 || is_time_to_ask(logs))
        look_again(served);
    if (logs->looks < FOLLOW_MOST)
        logs->looks++;
    logs->at_end = false;
    /* Put aside meanwhile; or its end was seen, and its last words may have come since. */
    if (logs->files.count > 1 || !logs->running)
        read_more(served);
    else
        uv_timer_start(logs->timer, on_time, FOLLOW_MS * logs->looks, 0);
}

static void pump(struct served *served)
{
    struct logs *logs = served->state;
    if (logs->reading)
        return;
    while (served->stream && logs->said < logs->out.len && served_has_room(served)) {
        size_t len = chunks_cut(logs->out.data + logs->said, logs->out.len - logs->said);
        served_say(served, "stdout", logs->out.data + logs->said, len);
        logs->said += len;
        logs->looks = 0;
    }
    if (served->stream && logs->said < logs->out.len) {
        /* An acknowledgement, or the stream's timer, comes again. Until then files may be put aside, and removed. */
        if (is_time_to_ask(logs))
            look_again(served);
        return;
    }
    if (logs->at_end)
        at_end(served);
    else
        read_more(served);
}

static bool begin(struct served *served)
{
    int fds[ROTATED_FILES];
    size_t count = 0;
    struct logs *logs = mem_alloc(sizeof(*logs));
    served->state = logs;
    logs->tail = json_get_integer(served->args, "tailLines", served->stream ? -1 : LIMIT_ANSWER_TEXT_BYTES);
    if (!served->stream && (logs->tail < 0 || logs->tail > LIMIT_ANSWER_TEXT_BYTES))
        logs->tail = LIMIT_ANSWER_TEXT_BYTES; /* each line has a byte at least */
    strbuf_init(&logs->out, OUT_BYTES);
    log_cutter_init(&logs->cutter);
    int64_t since_s = json_get_integer(served->args, "sinceSeconds", 0);
    logs->cutter.pick.timestamps = json_get_boolean(served->args, "timestamps", false);
    logs->cutter.pick.limit_bytes = json_get_integer(served->args, "limitBytes", 0);
    logs->cutter.pick.since_ms = since_s > 0 ? clock_wall_ms() - (uint64_t)since_s * 1000 : 0;
    logs->follow = served->stream && json_get_boolean(served->args, "follow", false);
    logs->same = served_choice(served);
    logs->head = json_new_object();
    json_set_boolean(logs->same, "previous", json_get_boolean(served->args, "previous", false));
    json_set_boolean(logs->same, "times", logs->cutter.pick.timestamps || since_s > 0);
    AUTO_JSON struct json *answer = control_log(served->daemon->core, logs->same, fds, &count);
    rotated_take(&logs->files, fds, count);
    logs->cutter.pick.raw = json_get(answer, "format") != NULL;
    if (count == 0) {
        served_fail(served, json_get_text(answer, "reason"), json_get_text(answer, "message"));
        return false;
    }
    logs->running = json_get_boolean(answer, "running", false);
    json_set_text(logs->same, "uid", json_get_text(answer, "uid"));
    json_set_text(logs->same, "container", json_get_text(answer, "container"));
    json_set_integer(logs->same, "attempt", json_get_integer(answer, "attempt", 0));
    json_set_text(logs->head, "container", json_get_text(answer, "container"));
    json_set(logs->head, "containers", json_copy(json_get(answer, "containers")));
    rotated_skip_before(&logs->files, logs->cutter.pick.since_ms);
    logs->timer = mem_alloc(sizeof(*logs->timer));
    uv_timer_init(served->daemon->loop, logs->timer);
    served_open(served, (uv_handle_t *)logs->timer);
    if (served->stream)
        served_tell(served, logs->head);
    return true;
}

static void stop(struct served *served)
{
    struct logs *logs = served->state;
    served_close((uv_handle_t *)mem_steal(&logs->timer));
}

static void drop(struct served *served)
{
    struct logs *logs = served->state;
    rotated_close(&logs->files);
    log_cutter_free(&logs->cutter);
    strbuf_free(&logs->out);
    json_free(logs->same);
    json_free(logs->head);
    free(logs);
}

const struct served_kind serve_logs = { .verb = "logs", .begin = begin, .pump = pump, .stop = stop, .drop = drop };
