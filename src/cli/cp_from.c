/* From a container: its tar is hostile, so it is unpacked in a fresh folder beside the target, looked at, and only then
 * moved to its place.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "cli/cp.h"
#include "cli/text.h"

#define KILLED_BY_PIPE (128 + SIGPIPE) /* the tar here went first */
#define CONTENTS_NAME "contents" /* of a folder whose own name does not matter */

struct stage {
    char *path; /* mode 0700; what is unpacked is below `in`, so that no entry can open the way to it */
    char *in;
};

/* On the target's file system: it is moved from there. */
static bool stage_make(struct stage *stage, const char *to, struct error *err)
{
    struct stat info;
    bool is_folder = stat(to, &info) == 0 && S_ISDIR(info.st_mode);
    AUTO_FREE char *folder = is_folder ? mem_strdup(to) : cp_folder_name(to);
    stage->path = mem_printf("%s/.davit-cp-XXXXXX", folder);
    if (mkdtemp(stage->path) == NULL) {
        free(mem_steal(&stage->path));
        return error_set_errno(err, errno, "cannot make a folder in %s", folder);
    }
    stage->in = mem_printf("%s/in", stage->path);
    return mkdir(stage->in, S_IRWXU) == 0 || error_set_errno(err, errno, "cannot make the folder %s", stage->in);
}

static void stage_remove(struct stage *stage)
{
    struct error err;
    if (stage->path != NULL && !file_remove_tree(stage->path, &err))
        (void)fprintf(stderr, "davit: %s is left, remove it by hand: %s\n", stage->path, text_clean(err.message));
    free(stage->path);
    free(stage->in);
}

/* What the container's tar is asked for, and how it is called then. */
struct wanted {
    char *folder, *member, *name;
    bool contents; /* of a folder: "POD:/etc/", "POD:/" */
};

static void wanted_read(struct wanted *wanted, const char *path)
{
    size_t len = strlen(path);
    AUTO_FREE char *base = cp_base_name(path);
    wanted->contents = path[len - 1] == '/' || strcmp(base, ".") == 0 || strcmp(base, "..") == 0;
    wanted->folder = wanted->contents ? mem_strdup(path) : cp_folder_name(path);
    wanted->member = wanted->contents ? mem_strdup(".") : mem_printf("./%s", base);
    wanted->name = wanted->contents ? mem_strdup(CONTENTS_NAME) : mem_steal(&base);
}

static void wanted_free(struct wanted *wanted)
{
    free(wanted->folder);
    free(wanted->member);
    free(wanted->name);
}

/* GNU tar refuses "..", takes "/" away, makes links that leave the folder last of all, and removes what is there before it
 * writes it anew. Owners are not taken over, nor is the mode of a folder that is there: the first one is ours.
 */
static bool start_tar(struct cp_tar *tar, char *folder, int in, struct error *err)
{
    char word[] = "tar", extract[] = "-xf", dash[] = "-", change[] = "-C", owner[] = "--no-same-owner",
         modes[] = "--no-same-permissions", whole[] = "--read-full-records", kept[] = "--no-overwrite-dir",
         late[] = "--delay-directory-restore";
    char *const argv[] = {word, extract, dash, change, folder, owner, modes, whole, kept, late, NULL};
    return cp_tar_start(tar, argv, in, true, err);
}

/* Unpacks what the container's tar writes. *remote is its exit code. */
static bool fetch(const struct cp_place *from, const struct wanted *wanted, char *folder, int *remote, char **remote_said,
                  struct error *err)
{
    const char *const command[] = {"tar", "-cf", "-", "-C", wanted->folder, wanted->member, NULL};
    AUTO_FREE char *local_said = NULL;
    struct cp_tar tar;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return error_set_errno(err, errno, "cannot make a pipe");
    if (!start_tar(&tar, folder, ends[0], err)) {
        (void)close(ends[1]);
        return false;
    }
    bool ran = cp_run(from, command, -1, ends[1], remote, remote_said, err);
    int local = cp_tar_end(&tar, &local_said);
    if (ran && local != 0 && (*remote == 0 || *remote == KILLED_BY_PIPE))
        return error_set(err, ERROR_DENIED, "what the container sent cannot be unpacked (exit code %d), and nothing is copied: %s",
                         local, local_said);
    if (*remote == KILLED_BY_PIPE)
        *remote = 0; /* the tar here had the end, and did not wait for what pads it */
    return ran;
}

/* A file that grew while it was read is no reason to keep the others from a person: they are there, and it is said. */
static bool judge(const struct cp_place *from, int remote, const char *remote_said, struct error *err)
{
    return remote == 0 || error_set(err, ERROR_IO, "tar in the container could not read all of %s (exit code %d): %s", from->path,
                                    remote, remote_said[0] != '\0' ? remote_said : "it gives no reason");
}

static bool copy(const struct cp_place *from, const struct wanted *wanted, const struct stage *stage, const char *to,
                 struct error *err)
{
    AUTO_FREE char *folder = wanted->contents ? mem_printf("%s/%s", stage->in, wanted->name) : mem_strdup(stage->in);
    AUTO_FREE char *said = NULL;
    struct error why;
    int remote = 0;
    if (wanted->contents && mkdir(folder, S_IRWXU) != 0)
        return error_set_errno(err, errno, "cannot make the folder %s", folder);
    if (!fetch(from, wanted, folder, &remote, &said, err))
        return false;
    AUTO_CLOSE int in = open(stage->in, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    bool put = cp_clean(in, wanted->name, &why) && cp_put(in, wanted->name, to, &why);
    if (remote == 0 && !put)
        *err = why;
    return judge(from, remote, said, err) && put;
}

bool cp_from_container(const struct cp_place *from, const char *to, struct error *err)
{
    struct wanted wanted;
    struct stage stage = {0};
    wanted_read(&wanted, from->path);
    bool good = stage_make(&stage, to, err) && copy(from, &wanted, &stage, to, err);
    stage_remove(&stage);
    wanted_free(&wanted);
    return good;
}
