#include "config.h"

#include "cli/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "cli/image_view.h"
#include "cli/status.h"
#include "cli/terminal.h"
#include "cli/text.h"

#define UNKNOWN_COLUMNS 80
#define UNKNOWN_ROWS 24
#define PROGRESS_TEXT_BYTES ERROR_MESSAGE_BYTES

/* "pulling demo:1, 12.3MB of 40.1MB at 1.2MB/s"; false: nothing is being pulled. */
static bool pull_text(const struct json *status, bool with_numbers, char out[PROGRESS_TEXT_BYTES])
{
    char bytes[IMAGE_SIZE_BYTES], total[IMAGE_SIZE_BYTES], rate[IMAGE_SIZE_BYTES];
    JSON_EACH(image, json_get(status, "images")) {
        const char *name = json_get_text(image, "image");
        int64_t done = json_get_integer(image, "bytes", 0), all = json_get_integer(image, "total", 0);
        if (name == NULL)
            continue;
        if (!with_numbers || all == 0)
            (void)snprintf(out, PROGRESS_TEXT_BYTES, "pulling %s", name);
        else
            (void)snprintf(out, PROGRESS_TEXT_BYTES, "pulling %s, %s of %s at %s/s", name, image_size_text(done, bytes),
                           image_size_text(all, total), image_size_text(json_get_integer(image, "bytesPerSecond", 0), rate));
        return true;
    }
    return false;
}

/* Phase, or how many are ready, and the reason of what waits. */
static void state_text(const struct json *object, char out[PROGRESS_TEXT_BYTES])
{
    const struct json *status = json_get(object, "status");
    const char *phase = json_get_text(status, "phase"), *reason, *message;
    status_waiting(object, &reason, &message);
    if (json_get(status, "replicas") != NULL)
        (void)snprintf(out, PROGRESS_TEXT_BYTES, "%lld of %lld ready", (long long)json_get_integer(status, "readyReplicas", 0),
                       (long long)json_get_integer(status, "replicas", 0));
    else if (*reason != '\0')
        (void)snprintf(out, PROGRESS_TEXT_BYTES, "%s%s%s", reason, *message != '\0' ? ": " : "", message);
    else
        (void)snprintf(out, PROGRESS_TEXT_BYTES, "%s, not ready yet", phase != NULL ? phase : "accepted");
}

/* Where one target is, in a few words. `with_numbers`: also what changes each second. Returns out. */
static const char *text_of(const struct target *target, bool with_numbers, char out[PROGRESS_TEXT_BYTES])
{
    const struct json *status = json_get(target->status, "status");
    if (target->failure.code != ERROR_NONE)
        (void)snprintf(out, PROGRESS_TEXT_BYTES, "%s", target->failure.message);
    else if (target->done)
        (void)snprintf(out, PROGRESS_TEXT_BYTES, "done");
    else if (target->kind != TARGET_OBJECT || status_observed_generation(target->status) < target->generation)
        (void)snprintf(out, PROGRESS_TEXT_BYTES, "waiting for node %s%s", target->place->node, target_node_note(target));
    else if (!pull_text(status, with_numbers, out))
        state_text(target->status, out);
    return text_clean(out);
}

/* Cut at the width of the terminal: a line that wraps could not be drawn over. */
static void draw_line(struct progress *progress, int columns, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void draw_line(struct progress *progress, int columns, const char *format, ...)
{
    char line[2 * PROGRESS_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    (void)fprintf(stderr, "\r%.*s\033[K\n", columns - 1, line);
    progress->drawn++;
}

static void draw(struct progress *progress, const struct target_set *set)
{
    int columns = UNKNOWN_COLUMNS, rows = UNKNOWN_ROWS, width = 0;
    (void)terminal_size(STDERR_FILENO, STDOUT_FILENO, &columns, &rows);
    size_t most = rows > 3 ? (size_t)rows - 3 : 1;
    size_t shown = set->count <= most ? set->count : most;
    if (progress->drawn > 0)
        (void)fprintf(stderr, "\033[%zuA", progress->drawn);
    progress->drawn = 0;
    for (size_t i = 0; i < shown; i++) {
        AUTO_FREE char *name = target_name(&set->targets[i]);
        width = (int)strlen(name) > width ? (int)strlen(name) : width;
    }
    for (size_t i = 0; i < shown; i++) {
        char text[PROGRESS_TEXT_BYTES];
        AUTO_FREE char *name = target_name(&set->targets[i]);
        draw_line(progress, columns, "%-*s   %s", width, name, text_of(&set->targets[i], true, text));
    }
    if (shown < set->count)
        draw_line(progress, columns, "… and %zu more, %zu of all %zu done", set->count - shown, set->count - set->waiting, set->count);
}

/* "ready on 812 of 1000 nodes, 3 failed". Targets of a node stand place_count apart. */
static void sum_up(const struct target_set *set, char out[PROGRESS_TEXT_BYTES])
{
    size_t done = 0, failed = 0;
    for (size_t place = 0; place < set->place_count; place++) {
        bool all = true, bad = false;
        for (size_t i = place; i < set->count; i += set->place_count) {
            all = all && set->targets[i].done;
            bad = bad || set->targets[i].failure.code != ERROR_NONE;
        }
        done += all && !bad ? 1 : 0;
        failed += bad ? 1 : 0;
    }
    (void)snprintf(out, PROGRESS_TEXT_BYTES, "done on %zu of %zu nodes", done, set->place_count);
    size_t len = strlen(out);
    if (failed > 0)
        (void)snprintf(out + len, PROGRESS_TEXT_BYTES - len, ", failed on %zu", failed);
}

static void say_change(struct progress *progress, size_t index, const char *name, const char *text)
{
    if (progress->last[index] != NULL && strcmp(progress->last[index], text) == 0)
        return;
    free(progress->last[index]);
    progress->last[index] = mem_strdup(text);
    (void)fprintf(stderr, "%s%s%s\n", name, *name != '\0' ? ": " : "", text);
}

void progress_show(void *ctx, const struct target_set *set)
{
    struct progress *progress = ctx;
    bool terminal = isatty(STDERR_FILENO) == 1, many = set->place_count > 1;
    char text[PROGRESS_TEXT_BYTES];
    if (terminal && !many) {
        draw(progress, set);
        return;
    }
    if (progress->last == NULL) {
        progress->count = many ? 1 : set->count;
        progress->last = mem_array(progress->count + 1, sizeof(*progress->last));
    }
    if (many) {
        sum_up(set, text);
        if (terminal)
            image_progress_line("%s", text);
        else
            say_change(progress, 0, "", text);
        return;
    }
    for (size_t i = 0; i < set->count; i++) {
        AUTO_FREE char *name = target_name(&set->targets[i]);
        if (set->targets[i].failure.code == ERROR_NONE) /* which is said at the end */
            say_change(progress, i, name, text_of(&set->targets[i], false, text));
    }
}

void progress_end(struct progress *progress)
{
    if (progress->count == 1)
        image_progress_end();
    for (size_t i = 0; i < progress->count; i++)
        free(progress->last[i]);
    free(progress->last);
    *progress = (struct progress){0};
}
