/* davit-runtime PLUGIN.so: runs one plugin for its parent, over FRAME_CHILD_FD. docs/wire.md says what is spoken. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "runtime/plugin.h"
#include "runtime/pool.h"
#include "wire/socket.h"

#define RUN_DIR_MODE 0700
#define READ_BYTES (64 * 1024)

static _Noreturn void end_broken(const struct error *err)
{
    log_error("the parent sent what this host cannot understand: %s", err->message);
    _exit(1);
}

/* Workloads outlive the host, so there is nothing to finish: what is half done is cleared away by the next one. */
static _Noreturn void end_orphaned(void)
{
    _exit(0);
}

static void receive_open(struct frame_reader *reader, struct frame *frame)
{
    struct error err;
    const char *op;

    if (!frame_receive(FRAME_CHILD_FD, reader, frame, &err)) {
        if (err.code == ERROR_UNAVAILABLE)
            end_orphaned();
        end_broken(&err);
    }
    op = json_get_text(frame->head, "op");
    if (op == NULL || strcmp(op, "open") != 0) {
        error_set(&err, ERROR_INVALID, "the first frame must be open");
        end_broken(&err);
    }
}

/* Nobody else runs this plugin in this run directory from here on. The descriptor stays open with the process. */
static bool fence(const char *config, const char *plugin_name, struct error *err)
{
    AUTO_JSON struct json *json = json_parse(config, strlen(config), err);
    AUTO_FREE char *path = NULL;
    const char *run_dir;

    if (json == NULL)
        return error_wrap(err, "the configuration in the open frame");
    run_dir = json_get_text(json, "runDir");
    if (run_dir == NULL || !file_path_is_safe(run_dir))
        return error_set(err, ERROR_INVALID, "the configuration in the open frame has no usable runDir");
    if (!file_make_dirs(run_dir, RUN_DIR_MODE, err))
        return false;
    path = mem_printf("%s/%s.lock", run_dir, plugin_name);
    return file_fence(path, LIMIT_FENCE_MS, err) >= 0;
}

static void *open_plugin(struct host *host, const struct davit_runtime_plugin *plugin, const char *config)
{
    struct davit_call call = {.name = "open", .cancel_fd = -1};
    struct error err;
    struct json *head;
    void *ctx = NULL;

    if (!fence(config, plugin->name, &err)) {
        host_send_refused(host, plugin->name, "CannotFence", err.message);
        _exit(1);
    }
    if (plugin->open(&host->api, config, &ctx, &call) != DAVIT_OK) {
        host_send_refused(host, plugin->name, call.reason[0] != '\0' ? call.reason : "CannotOpen", call.message);
        _exit(1);
    }
    head = json_new_texts("op", "opened", "plugin", plugin->name, NULL);
    json_set_integer(head, "abi", DAVIT_RUNTIME_ABI);
    host_send(host, head, call.answer != NULL ? call.answer : "{}");
    free(call.answer);
    return ctx;
}

/* A look at what is there leaves nothing behind that is worth a wake-up of its own. */
static bool makes_work(const struct davit_call *call)
{
    return strcmp(call->name, "list") != 0 && strcmp(call->name, "stats") != 0;
}

/* True: there was a call among them that makes work. */
static bool take_frames(struct frame_reader *reader, struct host *host, struct pool *pool)
{
    struct frame frame;
    struct davit_call *call;
    struct error err;
    const char *op;
    bool called = false;

    while (frame_reader_next(reader, &frame, &err)) {
        op = json_get_text(frame.head, "op");
        if (op != NULL && strcmp(op, "ping") == 0) {
            host_send(host, json_new_texts("op", "pong", NULL), NULL);
            frame_free(&frame);
            continue;
        }
        if (op == NULL || strcmp(op, "call") != 0) {
            error_set(&err, ERROR_INVALID, "op %s is not one of its calls", op == NULL ? "(none)" : op);
            end_broken(&err);
        }
        call = call_from_frame(&frame, clock_boot_ms(), &err);
        if (call == NULL)
            end_broken(&err);
        frame_free(&frame);
        called = called || makes_work(call);
        pool_submit(pool, call);
    }
    if (err.code != ERROR_NONE)
        end_broken(&err);
    return called;
}

static _Noreturn void serve(struct frame_reader *reader, struct host *host, struct pool *pool)
{
    struct pollfd parent = {.fd = FRAME_CHILD_FD, .events = POLLIN};
    char *buffer = mem_alloc(READ_BYTES);
    int fds[LIMIT_FRAME_FDS];
    struct error err;
    size_t fd_count;
    bool rested = false;
    ssize_t got;

    for (;;) {
        rested = !take_frames(reader, host, pool) && rested;
        int expires_ms = pool_expire(pool, clock_boot_ms());
        bool may_rest = expires_ms < 0 && !rested;
        int ready = poll(&parent, 1, may_rest ? MEM_REST_MS : expires_ms);
        if (ready == 0 && may_rest) {
            mem_rest();
            rested = true;
        }
        if (ready <= 0)
            continue;
        got = socket_receive(FRAME_CHILD_FD, buffer, READ_BYTES, fds, &fd_count);
        if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) {
            pool_close(pool);
            end_orphaned();
        }
        if (got > 0 && !frame_reader_feed(reader, buffer, (size_t)got, fds, fd_count, &err))
            end_broken(&err);
    }
}

static void prepare_process(void)
{
    int flags = fcntl(FRAME_CHILD_FD, F_GETFL);

    if (flags < 0) {
        fprintf(stderr, "davit-runtime is started by davitd, with its socket as descriptor %d\n", FRAME_CHILD_FD);
        exit(2);
    }
    fcntl(FRAME_CHILD_FD, F_SETFL, flags & ~O_NONBLOCK);
    fcntl(FRAME_CHILD_FD, F_SETFD, FD_CLOEXEC);
    mallopt(M_ARENA_MAX, 1); /* a few calls at a time: one heap is quick enough, and small */
    signal(SIGPIPE, SIG_IGN);
    umask(0077);
}

int main(int argc, char **argv)
{
    const struct davit_runtime_plugin *plugin;
    struct frame_reader *reader;
    struct frame frame;
    struct host host;
    struct error err;
    const char *reason;
    struct pool *pool;
    void *ctx;

    log_init("davit-runtime", LOG_LEVEL_INFO);
    if (argc != 2) {
        fprintf(stderr, "usage: davit-runtime PLUGIN.so\n");
        return 2;
    }
    prepare_process();
    host_init(&host, FRAME_CHILD_FD);
    plugin = plugin_load(argv[1], &reason, &err);
    if (plugin == NULL) {
        host_send_refused(&host, argv[1], reason, err.message);
        return 1;
    }
    reader = frame_reader_new();
    receive_open(reader, &frame);
    ctx = open_plugin(&host, plugin, frame.body != NULL ? frame.body : "{}");
    frame_free(&frame);
    pool = pool_new(&host, plugin, ctx, &err);
    if (pool == NULL) {
        log_error("%s", err.message);
        return 1;
    }
    serve(reader, &host, pool);
}
