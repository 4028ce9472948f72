#include "config.h"

#include "end_log.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"

#define FOLDER "/var/log/libvirt/qemu"
#define TAIL_BYTES 4096
#define ENDED ": shutting down, reason="

/* "2026-11-26 03:41:07.123+0000": always UTC. 0: it is something else. */
static uint64_t read_time(const char *line)
{
    struct tm utc = {0};
    int ms = 0;

    if (sscanf(line, "%d-%d-%d %d:%d:%d.%3d+0000", &utc.tm_year, &utc.tm_mon, &utc.tm_mday, &utc.tm_hour, &utc.tm_min,
               &utc.tm_sec, &ms) != 7)
        return 0;
    utc.tm_year -= 1900;
    utc.tm_mon--;
    return (uint64_t)timegm(&utc) * 1000 + (uint64_t)ms;
}

const char *end_log_find(char *text, uint64_t since_ms, uint64_t *at_ms)
{
    char *found = NULL;

    for (char *at = text; (at = strstr(at, ENDED)) != NULL; at += strlen(ENDED))
        found = at;
    if (found == NULL)
        return NULL;
    char *line = found;
    while (line > text && line[-1] != '\n')
        line--;
    *at_ms = read_time(line);
    if (*at_ms < since_ms)
        return NULL;
    found += strlen(ENDED);
    found[strspn(found, "abcdefghijklmnopqrstuvwxyz-")] = '\0';
    return found;
}

/* As the guest's user may write to it, through QEMU, it is only read, and only its own lines are believed: whoever lies
 * here can say of a machine that it ended otherwise than it did.
 */
static bool read_tail(const char *domain, char text[TAIL_BYTES + 1])
{
    AUTO_FREE char *path = mem_printf("%s/%s.log", FOLDER, domain);
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    off_t size = fd >= 0 ? lseek(fd, 0, SEEK_END) : -1;
    ssize_t got = size >= 0 ? pread(fd, text, TAIL_BYTES, size > TAIL_BYTES ? size - TAIL_BYTES : 0) : -1;

    text[got > 0 ? got : 0] = '\0';
    return got > 0;
}

void end_log_read(struct instance *instance)
{
    static const struct {
        const char *word;
        int exit_code;
        const char *reason;
    } ends[] = {
        {"shutdown", 0, "Completed"}, {"destroyed", 137, "Destroyed"}, {"crashed", 1, "Crashed"}, {"failed", 1, "Crashed"},
    };
    char text[TAIL_BYTES + 1];
    uint64_t at_ms = 0, now_ms = clock_wall_ms();
    const char *word = read_tail(instance->domain, text) ? end_log_find(text, instance->started_ms, &at_ms) : NULL;

    for (size_t i = 0; word != NULL && i < sizeof(ends) / sizeof(ends[0]); i++) {
        if (strcmp(word, ends[i].word) != 0)
            continue;
        instance_see_end(instance, ends[i].exit_code, ends[i].reason, NULL);
        if (at_ms < now_ms && now_ms - at_ms < instance->end.boot_ms) {
            instance->end.boot_ms -= now_ms - at_ms;
            instance->end.wall_ms = at_ms;
        }
    }
}
