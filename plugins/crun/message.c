#include "config.h"

#include "message.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/rotated.h"
#include "base/strbuf.h"

#define MESSAGE_BYTES 4096
#define LOG_BYTES 2048
#define LOG_LINES 80
#define TAIL_BYTES 16384
#define FILE_MODE 0666

char *message_path(const struct crun *crun, const char *id)
{
    return mem_printf("%s/upper/%s/message", crun->state_dir, id);
}

bool message_make(const struct crun *crun, const char *id, struct error *err)
{
    AUTO_FREE char *path = message_path(crun, id);
    AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);

    return (fd >= 0 && fchmod(fd, FILE_MODE) == 0) || error_set_errno(err, errno, "cannot make %s", path);
}

/* The last `most` bytes of a file; NULL where there are none. */
static char *read_tail_of(int fd, size_t most)
{
    struct stat info;

    if (fd < 0 || fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size == 0)
        return NULL;
    off_t from = info.st_size > (off_t)most ? info.st_size - (off_t)most : 0;
    char *text = mem_alloc(most + 1);
    ssize_t got = pread(fd, text, most, from);

    text[got > 0 ? got : 0] = '\0';
    return text;
}

static char *read_tail(const char *path, size_t most)
{
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    return read_tail_of(fd, most);
}

/* "TIME stdout F words" -> "words". *goes_on: a P in the place of the F, the line goes on in the next. */
static const char *words_of(const char *line, bool *goes_on)
{
    for (int spaces = 0; *line != '\0' && *line != '\n'; line++)
        if (*line == ' ' && ++spaces == 3) {
            *goes_on = line[-1] == 'P';
            return line + 1;
        }
    return NULL;
}

/* Of the newest file that has something in it: the last one may just have been put aside. */
static char *read_log_tail(const char *path)
{
    int fds[ROTATED_FILES];
    size_t count = rotated_open(path, fds);
    char *tail = NULL;

    for (size_t i = count; i-- > 0; close(fds[i])) {
        if (tail == NULL)
            tail = read_tail_of(fds[i], TAIL_BYTES);
    }
    return tail;
}

static char *last_lines(const char *log_path)
{
    AUTO_FREE char *tail = log_path != NULL ? read_log_tail(log_path) : NULL;
    AUTO_STRBUF struct strbuf all;
    const char *starts[LOG_LINES];
    size_t count = 0;

    strbuf_init(&all, TAIL_BYTES);
    for (char *line = tail; line != NULL && *line != '\0'; line = strchr(line, '\n') != NULL ? strchr(line, '\n') + 1 : NULL)
        starts[count++ % LOG_LINES] = line;
    for (size_t i = count > LOG_LINES ? count - LOG_LINES : 0; i < count; i++) {
        bool goes_on = false;
        const char *words = words_of(starts[i % LOG_LINES], &goes_on);

        if (words != NULL)
            strbuf_printf(&all, "%.*s%s", (int)strcspn(words, "\n"), words, goes_on ? "" : "\n");
    }
    if (all.len == 0)
        return NULL;
    return mem_strdup(all.len > LOG_BYTES ? all.data + all.len - LOG_BYTES : all.data);
}

char *message_read(const struct crun *crun, const char *id, const char *log_path, bool from_log)
{
    AUTO_FREE char *path = message_path(crun, id);
    char *text = read_tail(path, MESSAGE_BYTES);

    return text != NULL || !from_log ? text : last_lines(log_path);
}
