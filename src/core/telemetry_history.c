#include "core/telemetry_history.h"

#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "core/history_files.h"
#include "protocol/metrics_text.h"
#include "protocol/topic.h"

#define KEEP_EVERY_MS (5 * 60 * 1000u) /* to the disk: what a power cut may cost, and how often flash is written */
#define KEEP_LEAST_MS (60 * 1000u)     /* the same, where memory is full before that */
#define SEND_EVERY_MS 1000u

struct telemetry_history {
    struct history memory;
    struct history_files files;
    struct history from_file; /* of the oldest file, on its way out */
    bool reading;             /* the oldest file is being read */
    bool outlived;            /* it was removed meanwhile */
    bool loaded;              /* it is read */
    bool ended;               /* nothing is appended to the newest file any more */
    bool keeping;             /* samples are on their way to the disk */
    size_t kept_bytes;        /* they are so many */
    uint64_t keep_ms, send_ms; /* due then (boot); 0: not */
    uint64_t kept_ms;          /* the last time */
    uint64_t told_lost;
    bool complained;
    char *folder;
};

struct telemetry_history *telemetry_history_new(const struct core *core)
{
    struct telemetry_history *history = mem_alloc(sizeof(*history));
    history->folder = mem_printf("%s/history", core->config->state_dir);
    if (core->env->keep_samples != NULL)
        history_files_read(history->folder, &history->files);
    history->ended = true; /* what an earlier life wrote may end in the middle of a line */
    return history;
}

void telemetry_history_free(struct telemetry_history *history)
{
    history_clear(&history->memory);
    history_clear(&history->from_file);
    history_files_free(&history->files);
    free(history->folder);
    free(history);
}

bool telemetry_is_heard(const struct core *core)
{
    return core->link.connected && core->link.sync_due_ms == 0;
}

size_t telemetry_history_waiting(const struct telemetry_history *history)
{
    return history->memory.count + history->from_file.count;
}

uint64_t telemetry_history_lost(const struct telemetry_history *history)
{
    return history->memory.lost;
}

void telemetry_history_add(struct core *core, struct telemetry_history *history, const struct object_id *id,
                           char *payload_taken)
{
    if (core->config->telemetry.history_memory == 0) {
        free(payload_taken);
        return;
    }
    char *of = id != NULL ? mem_printf("%s/%s/%s", id->namespace, id->resource, id->name) : mem_strdup("");
    history_add(&history->memory,
                history_sample_new(core_set_wall_ms(core), core_boot_ms(core), core->env->boot_id, of, payload_taken),
                (size_t)core->config->telemetry.history_memory);
}

/* ---- to the disk */

/* `counted`: what is in it was not told, and is lost. */
static void remove_oldest_file(const struct core *core, struct telemetry_history *history, bool counted)
{
    history->loaded = false;
    core->env->remove_samples(core->env->ctx, history_file_path(history->folder, history->files.list[0].number), counted);
    history_files_forget_oldest(&history->files);
}

/* The oldest file is; and not one that was removed before it. */
static bool is_being_read(const struct telemetry_history *history)
{
    return history->reading && !history->outlived;
}

static void drop_oldest_file(const struct core *core, struct telemetry_history *history)
{
    history->memory.lost += history->from_file.count;
    history_clear(&history->from_file);
    bool being_read = is_being_read(history);
    history->outlived = history->outlived || being_read; /* and counted by telemetry_history_read */
    remove_oldest_file(core, history, !history->loaded && !being_read);
}

static bool has_room(const struct core *core, const struct telemetry_history *history, size_t len)
{
    return history->files.count == 0 || history->files.bytes + len <= (size_t)core->config->telemetry.history_disk;
}

/* The file that the next samples go to. */
static struct history_file *file_to_write(struct telemetry_history *history)
{
    struct history_files *files = &history->files;
    struct history_file *newest = files->count > 0 ? &files->list[files->count - 1] : NULL;
    bool on_its_way_out = files->count == 1 && (history->loaded || is_being_read(history));
    if (newest != NULL && !history->ended && !on_its_way_out && newest->bytes < LIMIT_HISTORY_SEGMENT_BYTES)
        return newest;
    history->ended = false;
    files->list = mem_resize(files->list, files->count + 1, sizeof(*files->list));
    files->list[files->count] = (struct history_file){ .number = ++files->last };
    return &files->list[files->count++];
}

static char *lines_of(struct history *memory, size_t *len)
{
    struct strbuf text;
    strbuf_init(&text, 2 * LIMIT_HISTORY_MEMORY_BYTES);
    for (const struct history_sample *sample = memory->samples; sample != NULL; sample = sample->next)
        history_write_line(sample, &text);
    memory->leaving = memory->count;
    *len = text.len;
    return strbuf_steal(&text);
}

static void keep(struct core *core, struct telemetry_history *history)
{
    size_t len = 0;
    char *text = lines_of(&history->memory, &len);
    while (!has_room(core, history, len))
        drop_oldest_file(core, history);
    struct history_file *file = file_to_write(history);
    file->bytes += len;
    history->files.bytes += len;
    history->kept_bytes = len;
    history->keeping = true;
    history->kept_ms = core_boot_ms(core);
    history->keep_ms = 0;
    core->env->keep_samples(core->env->ctx, history_file_path(history->folder, file->number), text, len);
}

/* A file that took a part of them says so by its last line; one that has nothing else is none. */
static void take_back(const struct core *core, struct telemetry_history *history)
{
    struct history_files *files = &history->files;
    struct history_file *newest = &files->list[files->count - 1];
    history->ended = true;
    history->memory.leaving = 0;
    newest->bytes -= history->kept_bytes;
    files->bytes -= history->kept_bytes;
    if (newest->bytes > 0)
        return;
    core->env->remove_samples(core->env->ctx, history_file_path(history->folder, newest->number), false);
    files->count--;
}

void telemetry_history_kept(const struct core *core, struct telemetry_history *history, const char *problem)
{
    history->keeping = false;
    if (problem != NULL) {
        take_back(core, history); /* they stay in memory, and are tried again */
        if (!history->complained)
            log_warn("samples of the time without a broker are kept in memory alone: %s", problem);
        history->complained = true;
        return;
    }
    history->complained = false;
    while (history->memory.leaving > 0)
        history_sample_free(history_take(&history->memory));
}

bool telemetry_history_keep_now(struct core *core, struct telemetry_history *history, struct error *err)
{
    size_t len = 0;
    if (core->config->telemetry.history_disk == 0 || history->memory.count == 0 || history->keeping)
        return true;
    AUTO_FREE char *text = lines_of(&history->memory, &len);
    while (!has_room(core, history, len)) {
        AUTO_FREE char *oldest = history_file_path(history->folder, history->files.list[0].number);
        history_file_remove(oldest);
        history_files_forget_oldest(&history->files);
    }
    AUTO_FREE char *path = history_file_path(history->folder, ++history->files.last);
    return history_file_append(path, text, len, err);
}

static uint64_t settle_keeping(struct core *core, struct telemetry_history *history, uint64_t now)
{
    const struct telemetry_config *config = &core->config->telemetry;
    if (config->history_disk == 0 || core->env->keep_samples == NULL || history->keeping || history->memory.count == 0 ||
        telemetry_is_heard(core)) {
        history->keep_ms = 0;
        return 0;
    }
    if (history->keep_ms == 0)
        history->keep_ms = now + KEEP_EVERY_MS;
    bool nearly_full = history->memory.bytes > (size_t)config->history_memory / 4 * 3;
    if (nearly_full && history->keep_ms > history->kept_ms + KEEP_LEAST_MS)
        history->keep_ms = history->kept_ms + KEEP_LEAST_MS;
    if (now < history->keep_ms)
        return history->keep_ms;
    keep(core, history);
    return 0;
}

/* ---- to the broker */

void telemetry_history_read(struct telemetry_history *history, struct history *samples_taken, size_t bad)
{
    bool outlived = history->outlived;
    history->reading = history->outlived = false;
    history->loaded = !outlived;
    history->memory.lost += bad + (outlived ? samples_taken->count : 0);
    if (outlived)
        history_clear(samples_taken);
    else
        history->from_file = *samples_taken;
}

void telemetry_history_lose(struct telemetry_history *history, size_t count)
{
    history->memory.lost += count;
}

/* The oldest there is. A file goes when the one behind it is asked for. NULL: none, or a file has to be read first. */
static struct history_sample *next_sample(const struct core *core, struct telemetry_history *history)
{
    while (history->from_file.samples == NULL) {
        if (history->loaded)
            remove_oldest_file(core, history, false);
        if (history->files.count == 0)
            return history_take(&history->memory);
        history->reading = true;
        core->env->read_samples(core->env->ctx, history_file_path(history->folder, history->files.list[0].number));
        if (history->reading)
            return NULL;
    }
    return history_take(&history->from_file);
}

static bool send_one(struct core *core, struct telemetry_history *history)
{
    struct history_sample *sample = next_sample(core, history);
    if (sample == NULL)
        return false;
    uint64_t ts = history_sample_ms(sample, core->env->boot_id, core_boot_ms(core), core_set_wall_ms(core));
    if (ts == 0) {
        history->memory.lost++; /* of an earlier boot, whose clock was never set */
    } else {
        AUTO_FREE char *word = mem_printf("history%s%s", sample->of[0] != '\0' ? "/" : "", sample->of);
        AUTO_FREE char *topic = topic_node(core->config->root, core->config->node, word, NULL);
        AUTO_FREE char *text = metrics_stamp(sample->payload, ts);
        outbox_say_light(core->outbox, topic, text);
    }
    history_sample_free(sample);
    return true;
}

static void tell_lost(struct core *core, struct telemetry_history *history)
{
    if (history->memory.lost == history->told_lost)
        return;
    core_event(core, NULL, true, "HistoryLost", "%llu samples of the time without a broker are lost: the oldest go when "
               "[telemetry] history_memory= and history_disk= are full",
               (unsigned long long)(history->memory.lost - history->told_lost));
    history->told_lost = history->memory.lost;
}

static bool has_some(const struct telemetry_history *history)
{
    return history->memory.count > 0 || history->from_file.count > 0 || history->files.count > 0;
}

static uint64_t settle_sending(struct core *core, struct telemetry_history *history, uint64_t now)
{
    /* Whose clock is not set says nothing of times yet. */
    if (!telemetry_is_heard(core) || core_set_wall_ms(core) == 0 || history->keeping || history->reading)
        return 0;
    if (!has_some(history)) {
        tell_lost(core, history);
        return 0;
    }
    if (now < history->send_ms)
        return history->send_ms;
    history->send_ms = now + SEND_EVERY_MS;
    /* What the link has not taken yet is waited for: so no more than one second's worth is ever out. */
    bool more = outbox_light_waiting(core->outbox) > 0;
    for (int64_t i = 0; !more && i < core->config->telemetry.history_rate; i++)
        if (!send_one(core, history) || (history->loaded && history->from_file.samples == NULL))
            break; /* a file goes once all of it is out of the house */
    return history->send_ms;
}

uint64_t telemetry_history_settle(struct core *core, struct telemetry_history *history)
{
    uint64_t now = core_boot_ms(core), keeping = settle_keeping(core, history, now);
    uint64_t sending = settle_sending(core, history, now);
    return keeping != 0 && (sending == 0 || keeping < sending) ? keeping : sending;
}
