/* Of core_env: samples go to the disk on a thread of their own, for a flash may take its time. */
#include <stdio.h>

#include "base/memory.h"
#include "core/daemon.h"
#include "core/history_files.h"

struct keeping {
    struct daemon *daemon;
    uv_work_t work;
    char *path, *text;
    size_t len;
    bool good;
    struct error err; /* of the worker thread */
};

static void keep_work(uv_work_t *work)
{
    struct keeping *keeping = work->data;
    keeping->good = history_file_append(keeping->path, keeping->text, keeping->len, &keeping->err);
}

static void keep_done(uv_work_t *work, int status)
{
    struct keeping *keeping = work->data;
    struct daemon *daemon = keeping->daemon;
    (void)status;
    core_samples_kept(daemon->core, keeping->good ? NULL : keeping->err.message);
    free(keeping->path);
    free(keeping->text);
    free(keeping);
    daemon_settle(daemon);
}

void daemon_keep_samples(void *ctx, char *path_taken, char *text_taken, size_t len)
{
    struct keeping *keeping = mem_alloc(sizeof(*keeping));
    *keeping = (struct keeping){ .daemon = ctx, .path = path_taken, .text = text_taken, .len = len };
    keeping->work.data = keeping;
    uv_queue_work(keeping->daemon->loop, &keeping->work, keep_work, keep_done);
}
