#include "config.h"

#include "base/clock.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

#define BOOT_ID_CHARS 36

static pthread_once_t boot_id_once = PTHREAD_ONCE_INIT;
static char boot_id[BOOT_ID_CHARS + 1] = "00000000-0000-0000-0000-000000000000";

static uint64_t clock_ms(clockid_t id)
{
    struct timespec now = {0};

    clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t clock_boot_ms(void)
{
    return clock_ms(CLOCK_BOOTTIME);
}

uint64_t clock_wall_ms(void)
{
    return clock_ms(CLOCK_REALTIME);
}

const char *clock_rfc3339(uint64_t wall_ms, char *out)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm parts;

    if (gmtime_r(&seconds, &parts) == NULL || strftime(out, CLOCK_RFC3339_BYTES, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
        memcpy(out, "1970-01-01T00:00:00Z", sizeof("1970-01-01T00:00:00Z"));
    return out;
}

static void boot_id_read(void)
{
    char text[BOOT_ID_CHARS + 1] = "";
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, text, BOOT_ID_CHARS);

    if (fd >= 0)
        close(fd);
    if (got == BOOT_ID_CHARS)
        memcpy(boot_id, text, BOOT_ID_CHARS);
    else
        log_error("cannot read the boot id from /proc: every start looks like the same boot; is /proc mounted?");
}

const char *clock_boot_id(void)
{
    pthread_once(&boot_id_once, boot_id_read);
    return boot_id;
}
