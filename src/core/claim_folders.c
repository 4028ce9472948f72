/* Removes what is in a claim: the folder gets another name at once, and what is behind that name goes off the deciding thread.
 * A davitd that was killed meanwhile goes on with it at its next start.
 */
#include "core/claim_folders.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "core/placing.h"

#define FOLDER_MODE 0700

struct purge {
    uv_work_t work;
    struct daemon *daemon;
    char *namespace, *name;
    char *folder, *trash; /* the claims' folders; `trash` holds what is to go */
    char *gone;           /* its new name */
    struct error err;
};

static char *claims_folder(const struct daemon *daemon, const char *below)
{
    return mem_printf("%s/claims/%s", daemon->config->state_dir, below);
}

static bool sync_folder(const char *path, struct error *err)
{
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return (fd >= 0 && fsync(fd) == 0) || errno == ENOENT || error_set_errno(err, errno, "cannot bring %s to the disk", path);
}

/* The new name comes to the disk first: only then is it forgotten that it has to go. */
static void purge_work(uv_work_t *work)
{
    struct purge *purge = work->data;
    struct error err;
    if (!sync_folder(purge->trash, &err) || !sync_folder(purge->folder, &err) || !file_remove_tree(purge->gone, &err))
        purge->err = err;
}

static void purge_done(uv_work_t *work, int status)
{
    struct purge *purge = work->data;
    struct daemon *daemon = purge->daemon;
    (void)status;
    core_claim_purged(daemon->core, purge->namespace, purge->name,
                      purge->err.code != ERROR_NONE ? purge->err.message : NULL);
    char *const texts[] = { purge->namespace, purge->name, purge->folder, purge->trash, purge->gone };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        free(texts[i]);
    free(purge);
    daemon_settle(daemon);
}

static void set_aside(struct purge *purge)
{
    AUTO_FREE char *path = mem_printf("%s/%s", purge->folder, purge->name);
    if (!file_make_dirs(purge->trash, FOLDER_MODE, &purge->err))
        return;
    if (rename(path, purge->gone) != 0 && errno != ENOENT)
        error_set_errno(&purge->err, errno, "cannot move %s to %s", path, purge->gone);
}

static void on_nothing(uv_work_t *work)
{
    (void)work;
}

void claim_folders_purge(void *ctx, const char *namespace, const char *name)
{
    static unsigned serial;
    struct daemon *daemon = ctx;
    struct purge *purge = mem_alloc(sizeof(*purge));
    purge->work.data = purge;
    purge->daemon = daemon;
    purge->namespace = mem_strdup(namespace);
    purge->name = mem_strdup(name);
    purge->folder = claims_folder(daemon, namespace);
    purge->trash = claims_folder(daemon, CLAIMS_TRASH);
    purge->gone = mem_printf("%s/%llu-%u", purge->trash, (unsigned long long)clock_wall_ms(), serial++);
    set_aside(purge);
    /* The answer comes from the loop, whatever it is. */
    uv_queue_work(daemon->loop, &purge->work, purge->err.code == ERROR_NONE ? purge_work : on_nothing, purge_done);
}

void claim_folders_clean(struct daemon *daemon)
{
    AUTO_FREE char *trash = claims_folder(daemon, CLAIMS_TRASH);
    DIR *dir = opendir(trash);
    for (const struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
        if (entry->d_name[0] != '.')
            placing_remove_later(daemon, mem_printf("%s/%s", trash, entry->d_name));
    if (dir != NULL)
        closedir(dir);
}
