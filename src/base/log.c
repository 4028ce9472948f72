#include "config.h"

#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

#define LINE_BYTES 2048
#define REPEAT_MS 60000
#define REMEMBERED 64 /* texts; the one not seen for longest makes room */

struct seen {
    uint64_t hash;
    uint64_t written_ms;
    unsigned left_out;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *log_program = "davit";
static enum log_level log_limit = LOG_LEVEL_INFO;
static bool journal;
static struct seen remembered[REMEMBERED];

/* systemd.exec(5): JOURNAL_STREAM holds "DEVICE:INODE" of the journal's stream, which stderr may no longer be. */
static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat stat;
    char here[64];

    if (stream == NULL || fstat(STDERR_FILENO, &stat) != 0)
        return false;
    snprintf(here, sizeof(here), "%ju:%ju", (uintmax_t)stat.st_dev, (uintmax_t)stat.st_ino);
    return strcmp(stream, here) == 0;
}

void log_init(const char *program, enum log_level level)
{
    pthread_mutex_lock(&lock);
    log_program = program;
    log_limit = level;
    journal = stderr_is_journal();
    pthread_mutex_unlock(&lock);
}

static uint64_t text_hash(const char *text)
{
    uint64_t hash = 0xcbf29ce484222325; /* FNV-1a */

    for (; *text != '\0'; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3;
    return hash;
}

/* True when the text is to be written now; *left_out says how often it was not. */
static bool log_is_due(const char *text, uint64_t now_ms, unsigned *left_out)
{
    uint64_t hash = text_hash(text);
    struct seen *slot = &remembered[0];

    *left_out = 0;
    for (size_t i = 0; i < REMEMBERED; i++) {
        struct seen *seen = &remembered[i];
        if (seen->hash == hash && seen->written_ms != 0) {
            slot = seen;
            break;
        }
        if (seen->written_ms < slot->written_ms)
            slot = seen;
    }
    if (slot->hash == hash && slot->written_ms != 0) {
        if (now_ms - slot->written_ms < REPEAT_MS) {
            slot->left_out++;
            return false;
        }
        *left_out = slot->left_out;
    }
    *slot = (struct seen){.hash = hash, .written_ms = now_ms + (now_ms == 0)};
    return true;
}

static const char *level_name(enum log_level level)
{
    switch (level) {
    case LOG_LEVEL_ERROR:
        return "error";
    case LOG_LEVEL_WARN:
        return "warning";
    case LOG_LEVEL_INFO:
        return "info";
    case LOG_LEVEL_DEBUG:
        return "debug";
    }
    return "log";
}

/* What comes from outside may hold line ends, which would forge a line of ours, or terminal commands. */
static void text_clean(char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            *text = ' ';
    }
}

static void line_write(enum log_level level, const char *text, unsigned left_out)
{
    char line[LINE_BYTES + 128];
    char repeats[48] = "";
    int len;

    if (left_out > 0)
        snprintf(repeats, sizeof(repeats), " (left out %u times before)", left_out);
    if (journal)
        len = snprintf(line, sizeof(line), "<%d>%s%s\n", (int)level, text, repeats);
    else
        len = snprintf(line, sizeof(line), "%s: %s: %s%s\n", log_program, level_name(level), text, repeats);
    if (len < 0)
        return;
    if ((size_t)len >= sizeof(line)) {
        len = (int)sizeof(line) - 1;
        line[len - 1] = '\n';
    }
    /* One write, so that lines of several processes do not mix; a log that cannot be written has nowhere to say so. */
    ssize_t written = write(STDERR_FILENO, line, (size_t)len);
    (void)written;
}

void log_write(enum log_level level, const char *format, ...)
{
    char text[LINE_BYTES];
    unsigned left_out;
    va_list args;

    va_start(args, format);
    int len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (len < 0)
        return;
    text_clean(text);
    if ((size_t)len >= sizeof(text))
        memcpy(text + sizeof(text) - sizeof("…"), "…", sizeof("…"));
    pthread_mutex_lock(&lock);
    if (level <= log_limit && log_is_due(text, clock_boot_ms(), &left_out))
        line_write(level, text, left_out);
    pthread_mutex_unlock(&lock);
}
