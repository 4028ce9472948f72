/* davit cp: folders and files to and from a container, as tar in it writes and reads them. kubectl's ways. */
#ifndef CLI_CP_H
#define CLI_CP_H

#include "cli/options.h"

/* A path in a container. */
struct cp_place {
    struct options options; /* with the namespace of the place */
    char *pod;              /* NULL: it is a path of this machine */
    char *path;
};

/* "/etc/hosts", "web:/etc/hosts", "plant/web:/etc/hosts". What begins with `/` or `.` is of this machine. */
MUST_CHECK bool cp_place_read(const char *text, const struct options *options, struct cp_place *place, struct error *err);
void cp_place_free(struct cp_place *place);
/* The last part of a path, without slashes behind it; the caller frees. "" of "/". */
char *cp_base_name(const char *path);
/* What comes before it: "." of "a", "/" of "/a"; the caller frees. */
char *cp_folder_name(const char *path);

/* A local tar beside the container's. */
struct cp_tar {
    int pid;
    int said_fd; /* what it wrote to stderr */
};

/* Starts `argv` (argv[0] "tar") with `fd` as its stdin or stdout, which is closed here. */
MUST_CHECK bool cp_tar_start(struct cp_tar *tar, char *const *argv, int fd, bool is_input, struct error *err);
/* Its exit code. *said is what it wrote to stderr, cut; the caller frees. */
int cp_tar_end(struct cp_tar *tar, char **said);

/* Runs a command in the place's container. `in`, `out`: pipes, -1: none, closed here. *said: its stderr, cut; the caller
 * frees. False: it did not run to an end. Where the container has no such program the error says that, for `tar`. */
MUST_CHECK bool cp_run(const struct cp_place *place, const char *const *command, int in, int out, int *exit_code, char **said,
                       struct error *err);

MUST_CHECK bool cp_from_container(const struct cp_place *from, const char *to, struct error *err);
MUST_CHECK bool cp_into_container(const char *from, const struct cp_place *to, struct error *err);

/* What a container's tar left in a fresh folder, made harmless: no set-user-id, no devices, pipes and sockets, and no link
 * that leads out of `name`; what is left out is said. False: it is not what was asked for. Uses no path twice, so that
 * nobody can change what it was.
 */
MUST_CHECK bool cp_clean(int stage_fd, const char *name, struct error *err);
/* Moves `name` out of the folder to its place: a file over what is there, a folder into the one that is there. Follows no
 * link below `to`. */
MUST_CHECK bool cp_put(int stage_fd, const char *name, const char *to, struct error *err);
/* Pure: a link of that text, `depth` folders below the top of what is copied, leads out of it (or may). */
bool cp_link_leads_out(const char *target, size_t depth);

#endif
