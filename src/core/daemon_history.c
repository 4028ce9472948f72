/* Of core_env: samples go to the disk, and come from it, on a thread of their own, for a flash may take its time. */
#include <stdio.h>

#include "base/memory.h"
#include "core/daemon.h"
#include "core/history_files.h"

struct keeping {
    struct daemon *daemon;
    uv_work_t work;
    char *path, *text;
    size_t len;
    bool good, counted;
    struct error err; /* of the worker thread */
    struct history samples;
    size_t bad;
};

static void begin(struct daemon *daemon, struct keeping keeping_of, uv_work_cb work, uv_after_work_cb done)
{
    struct keeping *keeping = mem_alloc(sizeof(*keeping));
    *keeping = keeping_of;
    keeping->daemon = daemon;
    keeping->work.data = keeping;
    uv_queue_work(daemon->loop, &keeping->work, work, done);
}

static void end(struct keeping *keeping)
{
    struct daemon *daemon = keeping->daemon;
    free(keeping->path);
    free(keeping->text);
    free(keeping);
    daemon_settle(daemon);
}

/* ---- to the disk */

static void keep_work(uv_work_t *work)
{
    struct keeping *keeping = work->data;
    keeping->good = history_file_append(keeping->path, keeping->text, keeping->len, &keeping->err);
}

static void keep_done(uv_work_t *work, int status)
{
    struct keeping *keeping = work->data;
    (void)status;
    core_samples_kept(keeping->daemon->core, keeping->good ? NULL : keeping->err.message);
    end(keeping);
}

void daemon_keep_samples(void *ctx, char *path_taken, char *text_taken, size_t len)
{
    begin(ctx, (struct keeping){ .path = path_taken, .text = text_taken, .len = len }, keep_work, keep_done);
}

/* ---- from it */

static void read_work(uv_work_t *work)
{
    struct keeping *keeping = work->data;
    keeping->bad = history_file_read(keeping->path, &keeping->samples);
}

static void read_done(uv_work_t *work, int status)
{
    struct keeping *keeping = work->data;
    (void)status;
    core_samples_read(keeping->daemon->core, &keeping->samples, keeping->bad);
    end(keeping);
}

void daemon_read_samples(void *ctx, char *path_taken)
{
    begin(ctx, (struct keeping){ .path = path_taken }, read_work, read_done);
}

static void remove_work(uv_work_t *work)
{
    struct keeping *keeping = work->data;
    if (keeping->counted)
        keeping->bad = history_file_read(keeping->path, &keeping->samples);
    history_file_remove(keeping->path);
}

static void remove_done(uv_work_t *work, int status)
{
    struct keeping *keeping = work->data;
    (void)status;
    if (keeping->counted)
        core_samples_lost(keeping->daemon->core, keeping->samples.count + keeping->bad);
    history_clear(&keeping->samples);
    end(keeping);
}

void daemon_remove_samples(void *ctx, char *path_taken, bool counted)
{
    begin(ctx, (struct keeping){ .path = path_taken, .counted = counted }, remove_work, remove_done);
}
