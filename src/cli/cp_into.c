/* To a container: a tar here writes, one there reads. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "cli/cp.h"

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* As it must stand in a replacement of tar's --transform, with `|` around it. */
static char *escape_replacement(const char *name)
{
    AUTO_STRBUF struct strbuf out;
    strbuf_init(&out, 4 * strlen(name) + 1);
    for (const char *at = name; *at != '\0'; at++) {
        if (strchr("\\&|", *at) != NULL)
            strbuf_add(&out, "\\");
        strbuf_add_bytes(&out, at, 1);
    }
    return strbuf_steal(&out);
}

static bool is_folder_there(const struct cp_place *to, bool *is_folder, struct error *err)
{
    const char *const command[] = {"test", "-d", to->path, NULL};
    AUTO_FREE char *said = NULL;
    int exit_code = 1;
    bool ran = cp_run(to, command, -1, -1, &exit_code, &said, err);
    *is_folder = exit_code == 0;
    return ran;
}

/* Where it is to be, from what was typed: into a folder that is there, else by that very name. The caller frees. */
static char *choose_target(const char *from, const struct cp_place *to, struct error *err)
{
    AUTO_FREE char *name = cp_base_name(from);
    bool is_folder;
    if (!is_folder_there(to, &is_folder, err))
        return NULL;
    bool into = (is_folder || to->path[strlen(to->path) - 1] == '/') && !is_dots(name) && name[0] != '\0';
    return into ? mem_printf("%s/%s", to->path, name) : mem_strdup(to->path);
}

/* The local tar's words; `whole` is the source with no link in its own place. */
static bool start_tar(struct cp_tar *tar, const char *whole, bool is_folder, const char *name, int out, struct error *err)
{
    AUTO_FREE char *folder = is_folder ? mem_strdup(whole) : cp_folder_name(whole);
    AUTO_FREE char *base = cp_base_name(whole);
    AUTO_FREE char *member = is_folder ? mem_strdup(".") : mem_printf("./%s", base);
    AUTO_FREE char *safe = escape_replacement(name);
    /* S: the targets of symbolic links are left as they are. */
    AUTO_FREE char *transform = is_folder ? mem_printf("--transform=s|^\\.|./%s|S", safe)
                                          : mem_printf("--transform=s|.*|./%s|S", safe);
    char word[] = "tar", create[] = "-cf", dash[] = "-", format[] = "--format=gnu", change[] = "-C";
    char *all[] = {word, create, dash, format, transform, change, folder, member, NULL};
    char *contents[] = {word, create, dash, format, change, folder, member, NULL};
    return cp_tar_start(tar, is_dots(name) || name[0] == '\0' ? contents : all, out, false, err);
}

static bool judge(const char *from, const struct cp_place *to, int local, const char *local_said, int remote,
                  const char *remote_said, struct error *err)
{
    if (remote != 0)
        return error_set(err, ERROR_IO, "tar in the container could not write %s (exit code %d): %s", to->path, remote,
                         remote_said[0] != '\0' ? remote_said : "it gives no reason");
    return local == 0 || error_set(err, ERROR_IO, "tar could not read all of %s (exit code %d): %s", from, local, local_said);
}

static bool copy(const char *from, const char *whole, bool is_folder, const struct cp_place *to, const char *target,
                 struct error *err)
{
    AUTO_FREE char *folder = cp_folder_name(target);
    AUTO_FREE char *name = cp_base_name(target);
    AUTO_FREE char *local_said = NULL;
    AUTO_FREE char *remote_said = NULL;
    bool contents = is_dots(name) || name[0] == '\0';
    const char *const command[] = {"tar", "-xmf", "-", "-C", contents ? target : folder, NULL};
    struct cp_tar tar;
    int ends[2], remote = 0;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return error_set_errno(err, errno, "cannot make a pipe");
    if (!start_tar(&tar, whole, is_folder, name, ends[1], err)) {
        (void)close(ends[0]);
        return false;
    }
    bool ran = cp_run(to, command, ends[0], -1, &remote, &remote_said, err);
    int local = cp_tar_end(&tar, &local_said);
    return ran && judge(from, to, local, local_said, remote, remote_said, err);
}

bool cp_into_container(const char *from, const struct cp_place *to, struct error *err)
{
    struct stat info;
    AUTO_FREE char *whole = realpath(from, NULL);
    if (whole == NULL || stat(whole, &info) != 0)
        return error_set(err, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_IO, "%s: %s", from, strerror(errno));
    if (!S_ISDIR(info.st_mode) && !S_ISREG(info.st_mode))
        return error_set(err, ERROR_INVALID, "%s is neither a file nor a folder", from);
    AUTO_FREE char *target = choose_target(from, to, err);
    return target != NULL && copy(from, whole, S_ISDIR(info.st_mode), to, target, err);
}
