#include "control.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "report.h"

#define LINE_CAP_BYTES 256
#define WAIT_DEFAULT_S 60

static void say(struct json *taken)
{
    AUTO_JSON struct json *json = taken;
    AUTO_FREE char *text = json_print(json);
    printf("%s\n", text);
    fflush(stdout);
}

static void waited(void *ctx)
{
    struct control *control = ctx;
    const struct watch *watch = control->watch;
    struct json *json = json_new_object();
    static const struct {
        const char *name;
        double at;
    } times[] = { { "firstMs", 0 }, { "medianMs", 0.5 }, { "p99Ms", 0.99 }, { "lastMs", 1 } };
    uv_timer_stop(&control->limit);
    json_set_integer(json, "wanted", watch->wanted);
    json_set_integer(json, "there", (int64_t)watch->there);
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
        json_set(json, times[i].name, json_new_number(watch_time(watch, times[i].at)));
    say(json);
}

static void on_limit(uv_timer_t *timer)
{
    struct control *control = timer->data;
    watch_give_up(control->watch);
}

static void wait_for(struct control *control, enum watched kind, int64_t wanted, size_t count, uint64_t seconds)
{
    if (control->watch->wanted_count > 0) {
        say(json_new_texts("error", "one wait at a time", NULL));
        return;
    }
    uv_timer_start(&control->limit, on_limit, seconds * 1000, 0);
    watch_wait(control->watch, kind, wanted, count, waited, control);
}

static void say_count(size_t count)
{
    struct json *json = json_new_object();
    json_set_integer(json, "nodes", (int64_t)count);
    say(json);
}

static void cut(struct control *control, uint64_t percent)
{
    swarm_order(control->swarm, ORDER_CUT, percent);
    for (size_t i = 0; i < control->swarm->options->count; i++)
        control->cut += fleet_is_among(i, percent);
    say_count(control->cut);
}

static void join(struct control *control)
{
    swarm_order(control->swarm, ORDER_JOIN, 0);
    say_count(control->cut);
    control->cut = 0;
}

static void carry_out(struct control *control, const char *line)
{
    char verb[16] = "";
    long long number = 0, seconds = WAIT_DEFAULT_S;
    int words = sscanf(line, "%15s %lld %lld", verb, &number, &seconds);
    size_t all = control->swarm->options->count;
    if (words < 1)
        return;
    if (strcmp(verb, "present") == 0)
        wait_for(control, WATCH_PRESENT, 1, (size_t)number, (uint64_t)seconds);
    else if (strcmp(verb, "status") == 0)
        wait_for(control, WATCH_STATUS, number, all, (uint64_t)seconds);
    else if (strcmp(verb, "bare") == 0)
        wait_for(control, WATCH_BARE, number, all, (uint64_t)seconds);
    else if (strcmp(verb, "cut") == 0)
        cut(control, (uint64_t)number);
    else if (strcmp(verb, "join") == 0)
        join(control);
    else if (strcmp(verb, "report") == 0)
        say(report_write(control->swarm, control->watch));
    else
        say(json_new_texts("error", "commands are: present status bare cut join report", NULL));
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct control *control = handle->data;
    (void)suggested;
    *buf = uv_buf_init(control->data, sizeof(control->data));
}

static void on_input(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf)
{
    struct control *control = stream->data;
    if (got < 0) {
        uv_read_stop(stream);
        control->ended(control->ctx);
        return;
    }
    for (ssize_t i = 0; i < got; i++) {
        if (buf->base[i] != '\n') {
            strbuf_add_bytes(&control->line, &buf->base[i], 1);
            continue;
        }
        AUTO_FREE char *line = strbuf_steal(&control->line);
        carry_out(control, line);
    }
}

bool control_start(struct control *control, struct swarm *swarm, struct watch *watch, uv_loop_t *loop,
                   void (*ended)(void *ctx), void *ctx, struct error *err)
{
    *control = (struct control){ .swarm = swarm, .watch = watch, .ended = ended, .ctx = ctx };
    strbuf_init(&control->line, LINE_CAP_BYTES);
    uv_timer_init(loop, &control->limit);
    uv_pipe_init(loop, &control->input, 0);
    control->limit.data = control->input.data = control;
    int failed = uv_pipe_open(&control->input, STDIN_FILENO);
    failed = failed == 0 ? uv_read_start((uv_stream_t *)&control->input, on_room, on_input) : failed;
    return failed == 0 || error_set(err, ERROR_INVALID, "--control: standard input must be a pipe: %s", uv_strerror(failed));
}

void control_greet(const struct control *control)
{
    struct json *json = json_new_object();
    json_set_integer(json, "nodes", (int64_t)control->swarm->options->count);
    json_set(json, "startedMs", json_new_number((double)uv_hrtime() / 1e6));
    say(json);
}

void control_end(struct control *control)
{
    watch_give_up(control->watch);
    uv_close((uv_handle_t *)&control->limit, NULL);
    uv_close((uv_handle_t *)&control->input, NULL);
    strbuf_free(&control->line);
}
