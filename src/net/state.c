#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "davit/limits.h"
#include "net/check.h"
#include "net/net.h"

#define STATE_BYTES (256 * 1024)
#define STATE_MODE 0600

static char *path_of(const struct net *net, const char *uid)
{
    return mem_printf("%s/%s", net->state_dir, uid);
}

bool state_write(const struct net *net, const struct net_pod *pod, struct error *err)
{
    AUTO_FREE char *path = path_of(net, pod->uid);
    AUTO_FREE char *text = json_print(pod->attached);
    return file_write_atomic(path, text, strlen(text), STATE_MODE, false, err);
}

bool state_remove(const struct net *net, const char *uid, struct error *err)
{
    AUTO_FREE char *path = path_of(net, uid);
    return unlink(path) == 0 || errno == ENOENT || error_set_errno(err, errno, "cannot remove %s", path);
}

static void read_one(struct net *net, const char *uid)
{
    AUTO_FREE char *path = path_of(net, uid);
    AUTO_FREE char *text = NULL;
    size_t len = 0;
    struct error err;
    struct json *json = file_read(path, STATE_BYTES, &text, &len, &err) ? json_parse(text, len, &err) : NULL;
    if (json == NULL) {
        log_warn("%s: %s: taken for an empty one", path, err.message);
        json = json_new_object();
    }
    struct net_pod *pod = mem_alloc(sizeof(*pod));
    pod->uid = mem_strdup(uid);
    pod->attached = json;
    LL_PREPEND(net->pods, pod);
}

/* Beside the folder of namespaces lie the files of what davit-net starts: the same of them. */
static void remove_halves(const struct net *net)
{
    AUTO_FREE char *pattern = mem_printf("%s.*.??????", net->netns_dir);
    glob_t found;
    if (glob(pattern, GLOB_NOSORT, NULL, &found) != 0)
        return;
    for (size_t i = 0; i < found.gl_pathc; i++)
        unlink(found.gl_pathv[i]);
    globfree(&found);
}

/* Those with a namespace and no file were cut off on their way: they are known too, so that they can be removed. */
bool state_read_all(struct net *net, struct error *err)
{
    const char *const folders[] = { net->state_dir, net->netns_dir };
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        DIR *folder = opendir(folders[i]);
        if (folder == NULL)
            return error_set_errno(err, errno, "cannot read %s", folders[i]);
        for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
            if (check_uid(entry->d_name) && net_pod(net, entry->d_name) == NULL)
                read_one(net, entry->d_name);
            else if (strchr(entry->d_name, '.') > entry->d_name)
                unlinkat(dirfd(folder), entry->d_name, 0); /* half of a file, as file_write_atomic leaves it when killed */
        closedir(folder);
    }
    remove_halves(net);
    return true;
}
