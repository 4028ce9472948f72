/* davit-sim: many nodes in one process, on one real broker. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "control.h"
#include "report.h"

#define PROGRESS_MS 2000
#define FAREWELL_MS 2000 /* for the good-byes to arrive */

struct session {
    struct options options;
    uv_loop_t loop;
    struct swarm swarm;
    struct watch watch;
    struct control control;
    uv_signal_t signals[2];
    uv_timer_t limit, progress, farewell;
    uint64_t told; /* connected, as it was said last */
    bool ending;
};

static void on_farewell_over(uv_timer_t *timer)
{
    struct session *session = timer->data;
    swarm_order(&session->swarm, ORDER_END, 0);
    watch_end(&session->watch);
    uv_close((uv_handle_t *)&session->farewell, NULL);
}

static void end(void *ctx)
{
    struct session *session = ctx;
    if (session->ending)
        return;
    session->ending = true;
    report_print(&session->swarm, &session->watch);
    swarm_order(&session->swarm, ORDER_FAREWELL, 0);
    uv_timer_start(&session->farewell, on_farewell_over, FAREWELL_MS, 0);
    if (session->options.control)
        control_end(&session->control);
    for (size_t i = 0; i < 2; i++)
        uv_close((uv_handle_t *)&session->signals[i], NULL);
    uv_close((uv_handle_t *)&session->limit, NULL);
    uv_close((uv_handle_t *)&session->progress, NULL);
}

static void on_signal(uv_signal_t *signal, int number)
{
    (void)number;
    end(signal->data);
}

static void on_limit(uv_timer_t *timer)
{
    end(timer->data);
}

static void on_progress(uv_timer_t *timer)
{
    struct session *session = timer->data;
    uint64_t connected = swarm_sum(&session->swarm, N_CONNECTED);
    if (connected == session->told)
        return;
    session->told = connected;
    fprintf(stderr, "davit-sim: %llu of %zu connected\n", (unsigned long long)connected, session->options.count);
}

static void start_timer(struct session *session, uv_timer_t *timer)
{
    uv_timer_init(&session->loop, timer);
    timer->data = session;
}

static bool start(struct session *session, struct error *err)
{
    static const int numbers[] = { SIGTERM, SIGINT };
    const struct options *options = &session->options;
    uv_loop_init(&session->loop);
    start_timer(session, &session->limit);
    start_timer(session, &session->progress);
    start_timer(session, &session->farewell);
    if (!swarm_make(&session->swarm, options, err))
        return false;
    watch_make(&session->watch, options, &session->loop);
    if (options->control && !control_start(&session->control, &session->swarm, &session->watch, &session->loop, end, session, err))
        return false;
    for (size_t i = 0; i < 2; i++) {
        uv_signal_init(&session->loop, &session->signals[i]);
        session->signals[i].data = session;
        uv_signal_start(&session->signals[i], on_signal, numbers[i]);
    }
    uv_update_time(&session->loop); /* making the nodes took a while */
    watch_start(&session->watch);
    if (options->control)
        control_greet(&session->control);
    swarm_order(&session->swarm, ORDER_START, 0);
    uv_timer_start(&session->progress, on_progress, PROGRESS_MS, PROGRESS_MS);
    if (options->run_ms > 0)
        uv_timer_start(&session->limit, on_limit, options->run_ms, 0);
    return true;
}

/* What is freed stays at hand. As it is by default, most of it is merged with its neighbours in memory, and with a gigabyte of
 * nodes those are in no cache: that took a third of a rollout. Only the environment can say it.
 */
static void keep_freed(char **argv)
{
    static const char name[] = "GLIBC_TUNABLES";
    if (getenv(name) == NULL && setenv(name, "glibc.malloc.tcache_count=500", 1) == 0)
        execv("/proc/self/exe", argv); /* else it is slower, no more */
}

int main(int argc, char **argv)
{
    static struct session session;
    struct error err = { 0 };
    keep_freed(argv);
    enum options_verdict verdict = options_read(argc, argv, &session.options, &err);
    log_init("davit-sim", LOG_LEVEL_ERROR);
    signal(SIGPIPE, SIG_IGN);
    if (verdict == OPTIONS_HELP) {
        fputs(options_help, stdout);
        return 0;
    }
    if (verdict == OPTIONS_BAD || !start(&session, &err)) {
        fprintf(stderr, "davit-sim: %s\n", err.message);
        return verdict == OPTIONS_BAD ? 2 : 1;
    }
    uv_run(&session.loop, UV_RUN_DEFAULT);
    swarm_free(&session.swarm);
    watch_free(&session.watch);
    return 0;
}
