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
#include "base/log.h"
#include "base/memory.h"
#include "core/placing.h"

#define FOLDER_MODE 0700
#define TRASH ".trash"     /* NAMESPACE/NAME/TIME below it; no namespace begins with a dot */
#define OLD_TRASH ".trash-" /* an earlier davitd's */

struct purge {
    uv_work_t work;
    struct daemon *daemon;
    char *namespace, *name;
    char *folder; /* of the namespace's claims */
    char *trash;  /* of this claim: all of it goes */
    struct error err;
};

static char *claims_folder(const struct daemon *daemon, const char *below)
{
    return mem_printf("%s/claims/%s", daemon->config->state_dir, below);
}

static bool sync_folder(const char *path, struct error *err)
{
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return true;
    return (fd >= 0 && fsync(fd) == 0) || error_set_errno(err, errno, "cannot bring %s to the disk", path);
}

/* The new name comes to the disk first: only then is it forgotten that it has to go. */
static void purge_work(uv_work_t *work)
{
    struct purge *purge = work->data;
    struct error err;
    if (purge->err.code == ERROR_NONE && !(sync_folder(purge->trash, &err) && sync_folder(purge->folder, &err) &&
                                           file_remove_tree(purge->trash, &err)))
        purge->err = err;
}

static void purge_done(uv_work_t *work, int status)
{
    struct purge *purge = work->data;
    struct daemon *daemon = purge->daemon;
    (void)status;
    core_claim_purged(daemon->core, purge->namespace, purge->name,
                      purge->err.code != ERROR_NONE ? purge->err.message : NULL);
    free(purge->namespace);
    free(purge->name);
    free(purge->folder);
    free(purge->trash);
    free(purge);
    daemon_settle(daemon);
}

static void set_aside(struct purge *purge)
{
    struct stat found;
    AUTO_FREE char *path = mem_printf("%s/%s", purge->folder, purge->name);
    AUTO_FREE char *gone = mem_printf("%s/%llu", purge->trash, (unsigned long long)clock_wall_ms());
    if (lstat(path, &found) != 0 && errno == ENOENT)
        return; /* never used; or moved by a davitd that was killed then */
    if (file_make_dirs(purge->trash, FOLDER_MODE, &purge->err) && rename(path, gone) != 0)
        error_set_errno(&purge->err, errno, "cannot move %s to %s", path, gone);
}

void claim_folders_purge(void *ctx, const char *namespace, const char *name)
{
    struct daemon *daemon = ctx;
    struct purge *purge = mem_alloc(sizeof(*purge));
    AUTO_FREE char *trash = claims_folder(daemon, TRASH);
    purge->work.data = purge;
    purge->daemon = daemon;
    purge->namespace = mem_strdup(namespace);
    purge->name = mem_strdup(name);
    purge->folder = claims_folder(daemon, namespace);
    purge->trash = mem_printf("%s/%s/%s", trash, namespace, name);
    set_aside(purge);
    uv_queue_work(daemon->loop, &purge->work, purge_work, purge_done);
}

/* Under another name, for what is purged from now on has the first one. */
void claim_folders_clean(struct daemon *daemon)
{
    AUTO_FREE char *claims = claims_folder(daemon, "");
    AUTO_FREE char *trash = claims_folder(daemon, TRASH);
    AUTO_FREE char *old = mem_printf("%s" OLD_TRASH "%llu", claims, (unsigned long long)clock_wall_ms());
    if (rename(trash, old) != 0 && errno != ENOENT)
        log_warn("cannot move %s away, what is in it stays: %s", trash, strerror(errno));
    DIR *dir = opendir(claims);
    for (const struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
        if (strncmp(entry->d_name, OLD_TRASH, strlen(OLD_TRASH)) == 0)
            placing_remove_later(daemon, mem_printf("%s%s", claims, entry->d_name));
    if (dir != NULL)
        closedir(dir);
}
