#include "config.h"

#include "cli/cp.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "cli/exec_client.h"

#define SAID_BYTES (256 * 1024) /* so much of stderr is taken; the rest is not read */
#define SAID_SHOWN 600
#define EXIT_NOT_THERE 127 /* a shell's, and exec's */

bool cp_place_read(const char *text, const struct options *options, struct cp_place *place, struct error *err)
{
    const char *colon = strchr(text, ':');
    *place = (struct cp_place){.options = *options};
    if (strcmp(text, "-") == 0)
        return error_set(err, ERROR_INVALID, "- is no file here: `davit exec POD -- cat PATH`, or `davit exec -i POD -- sh -c 'cat > PATH'`");
    if (colon == NULL || text[0] == '/' || text[0] == '.') {
        place->path = mem_strdup(text);
        return text[0] != '\0' || error_set(err, ERROR_INVALID, "a path is empty");
    }
    const char *slash = memchr(text, '/', (size_t)(colon - text));
    const char *name = slash != NULL ? slash + 1 : text;
    place->pod = mem_strndup(name, (size_t)(colon - name));
    place->path = mem_strdup(colon + 1);
    if (slash != NULL)
        place->options.ns = mem_strndup(text, (size_t)(slash - text));
    else
        place->options.ns = mem_strdup(options->ns);
    if (place->pod[0] == '\0' || place->options.ns[0] == '\0' || place->path[0] == '\0')
        return error_set(err, ERROR_INVALID, "%s: a place in a container is [NAMESPACE/]POD:PATH", text);
    return true;
}

void cp_place_free(struct cp_place *place)
{
    if (place->pod != NULL)
        free((char *)(uintptr_t)place->options.ns);
    free(place->pod);
    free(place->path);
}

static size_t length_without_slashes(const char *path)
{
    size_t len = strlen(path);
    while (len > 0 && path[len - 1] == '/')
        len--;
    return len;
}

char *cp_base_name(const char *path)
{
    size_t len = length_without_slashes(path), start = len;
    while (start > 0 && path[start - 1] != '/')
        start--;
    return mem_strndup(path + start, len - start);
}

char *cp_folder_name(const char *path)
{
    size_t len = length_without_slashes(path);
    while (len > 0 && path[len - 1] != '/')
        len--;
    if (len == 0)
        return mem_strdup(path[0] == '/' ? "/" : ".");
    size_t folder = len;
    while (folder > 1 && path[folder - 1] == '/')
        folder--;
    return mem_strndup(path, folder);
}

/* Of a size that cannot grow: a container must not fill this machine's memory with what it says. */
static int said_new(void)
{
    int fd = memfd_create("stderr", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd >= 0 && (ftruncate(fd, SAID_BYTES) != 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_GROW) != 0))
        fd_close_at(&fd);
    return fd;
}

/* In one line. The caller frees. */
static char *said_read(int fd)
{
    char *text = mem_alloc(SAID_SHOWN + 1);
    ssize_t got = fd >= 0 ? pread(fd, text, SAID_SHOWN, 0) : 0;
    text[got > 0 ? got : 0] = '\0';
    for (char *at = text; *at != '\0'; at++)
        if (*at == '\n')
            *at = at[1] == '\0' ? '\0' : ';';
    return text;
}

static _Noreturn void become_tar(char *const *argv, int fd, int said_fd, bool is_input)
{
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)unsetenv("TAR_OPTIONS"); /* a person's habits are not what was thought about here */
    (void)dup2(fd, is_input ? STDIN_FILENO : STDOUT_FILENO);
    (void)dup2(said_fd, STDERR_FILENO);
    (void)execvp(argv[0], argv);
    _exit(EXIT_NOT_THERE);
}

static volatile sig_atomic_t tar_pid, cancelled;

/* Ends the tar, and with it the copy: what was begun is cleared away on the way out. The second time ends davit. */
static void on_signal(int number)
{
    (void)signal(number, SIG_DFL);
    cancelled = 1;
    if (tar_pid > 0)
        (void)kill((pid_t)tar_pid, SIGTERM);
}

bool cp_tar_start(struct cp_tar *tar, char *const *argv, int fd, bool is_input, struct error *err)
{
    static const int ending[] = {SIGINT, SIGTERM, SIGHUP};
    AUTO_CLOSE int mine = fd;
    tar->said_fd = said_new();
    tar->pid = fork();
    if (tar->pid == 0)
        become_tar(argv, mine, tar->said_fd, is_input);
    if (tar->pid < 0)
        return error_set_errno(err, errno, "cannot start tar");
    tar_pid = tar->pid;
    for (size_t i = 0; i < sizeof(ending) / sizeof(ending[0]); i++)
        (void)signal(ending[i], on_signal);
    return true;
}

int cp_tar_end(struct cp_tar *tar, char **said)
{
    int status = 0;
    while (waitpid(tar->pid, &status, 0) < 0 && errno == EINTR)
        ;
    tar_pid = 0;
    *said = said_read(tar->said_fd);
    fd_close_at(&tar->said_fd);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool cp_run(const struct cp_place *place, const char *const *command, int in, int out, int *exit_code, char **said,
            struct error *err)
{
    AUTO_CLOSE int my_in = in;
    AUTO_CLOSE int my_out = out;
    AUTO_CLOSE int said_fd = said_new();
    bool is_tar = strcmp(command[0], "tar") == 0;
    size_t count = 0;
    while (command[count] != NULL)
        count++;
    const struct exec_client client = {.options = &place->options, .pod = place->pod, .command = command, .word_count = count,
                                       .in = in, .out = out, .err = said_fd, .quiet = !is_tar, .cancelled = &cancelled};
    bool good = exec_client_run(&client, exit_code, err);
    *said = said_read(said_fd);
    if (good && is_tar && *exit_code == EXIT_NOT_THERE)
        return error_set(err, ERROR_NOT_FOUND,
                         "the container has no tar, which davit cp needs there as kubectl cp does: put tar into its image, "
                         "or copy single files with davit exec%s %s -- cat FILE", in >= 0 ? " -i" : "", place->pod);
    return good;
}
