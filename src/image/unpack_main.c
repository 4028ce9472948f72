/* davit-unpack: an image archive, one layer, or a disk, on standard input becomes folders. See docs/wire.md. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/sandbox.h"
#include "image/iso.h"
#include "image/unpack.h"

#define CAP(name) (1ULL << (name))
/* Files of any owner and mode, file capabilities; no CAP_MKNOD: a whiteout and a FIFO need none. */
#define UNPACK_CAPS \
    (CAP(CAP_CHOWN) | CAP(CAP_DAC_OVERRIDE) | CAP(CAP_FOWNER) | CAP(CAP_FSETID) | CAP(CAP_SETFCAP))

static const char *reason_of(enum error_code code)
{
    static const char *const reasons[] = {
        [ERROR_INVALID] = "InvalidImage",     [ERROR_NOT_FOUND] = "MissingBlob",  [ERROR_CONFLICT] = "DigestMismatch",
        [ERROR_LIMIT] = "TooLarge",           [ERROR_DENIED] = "UnsafeEntry",     [ERROR_NO_SPACE] = "NoSpace",
        [ERROR_UNSUPPORTED] = "Unsupported",  [ERROR_UNAVAILABLE] = "Cancelled",
    };
    const char *reason = (size_t)code < sizeof(reasons) / sizeof(reasons[0]) ? reasons[code] : NULL;
    return reason != NULL ? reason : "UnpackError";
}

bool unpack_say(const struct json *head, struct error *err)
{
    return frame_send(FRAME_CHILD_FD, head, NULL, 0, NULL, 0, err);
}

/* What an archive says must not break the frame: plain ASCII. */
static void send_failed(const struct error *why)
{
    struct error err;
    char message[ERROR_MESSAGE_BYTES];
    snprintf(message, sizeof(message), "%s", why->message);
    for (char *at = message; *at != '\0'; at++) {
        if (*at < ' ' || *at > '~')
            *at = '?';
    }
    log_error("%s", message);
    AUTO_JSON struct json *head =
        json_new_texts("op", "failed", "reason", reason_of(why->code), "message", message, NULL);
    if (!unpack_say(head, &err))
        log_error("telling the parent: %s", err.message);
}

bool unpack_say_layer(const struct layer_sum *sum, const char *dir, struct error *err)
{
    AUTO_JSON struct json *head =
        json_new_texts("op", "layer", "diffId", sum->diff_id, "digest", sum->digest, "dir", dir, NULL);
    json_set_integer(head, "bytes", (int64_t)sum->bytes);
    json_set_integer(head, "entries", (int64_t)sum->entries);
    return unpack_say(head, err);
}

bool unpack_say_done(struct error *err)
{
    AUTO_JSON struct json *done = json_new_texts("op", "done", NULL);
    return unpack_say(done, err);
}

/* A decompressor's window is the archive's choice: what does not fit is an error of this archive. */
static bool limit_memory(rlim_t most, struct error *err)
{
#ifndef __SANITIZE_ADDRESS__ /* its shadow is terabytes of this kind */
    struct rlimit limit;
    if (getrlimit(RLIMIT_DATA, &limit) != 0)
        return error_set_errno(err, errno, "reading the limit of memory");
    if (limit.rlim_max > most)
        limit.rlim_max = most;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_DATA, &limit) != 0)
        return error_set_errno(err, errno, "setting the limit of memory");
#endif
    (void)most;
    (void)err;
    return true;
}

static uint64_t limit_of(const struct json *head, const char *key)
{
    int64_t value = json_get_integer(head, key, 0);
    return value > 0 ? (uint64_t)value : INT64_MAX;
}

struct layer_limits unpack_limits(const struct unpack *unpack, bool (*is_wanted)(void))
{
    return (struct layer_limits){
        .bytes = unpack->bytes_left < LIMIT_LAYER_BYTES ? unpack->bytes_left : LIMIT_LAYER_BYTES,
        .entries = unpack->entries_left < LIMIT_LAYER_ENTRIES ? unpack->entries_left : LIMIT_LAYER_ENTRIES,
        .is_wanted = is_wanted,
    };
}

static bool begin(struct unpack *unpack, const struct json *head, struct error *err)
{
    const char *staging = json_get_text(head, "staging");
    if (staging == NULL || !file_path_is_safe(staging))
        return error_set(err, ERROR_INTERNAL, "the first frame names no staging folder");
    unpack->bytes_left = limit_of(head, "maxBytes");
    unpack->entries_left = limit_of(head, "maxEntries");
    unpack->staging = open(staging, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (unpack->staging < 0)
        return error_set_errno(err, errno, "opening the staging folder %s", staging);
    umask(0);
    return true;
}

static bool confine(const struct json *head, rlim_t memory, struct error *err)
{
    const char *staging = json_get_text(head, "staging");
    const struct sandbox sandbox = {.chroot_dir = staging, .keep_caps = UNPACK_CAPS, .calls = SANDBOX_CALLS_UNPACK};
    return limit_memory(memory, err) && sandbox_enter(&sandbox, err);
}

static bool do_import(struct unpack *unpack, const struct json *request, struct error *err)
{
    return confine(request, LIMIT_UNPACK_MEMORY_BYTES, err) && unpack_archive(unpack, err);
}

static bool do_layer(struct unpack *unpack, const struct json *request, struct error *err)
{
    return confine(request, LIMIT_UNPACK_MEMORY_BYTES, err) && unpack_layer(unpack, request, err);
}

static bool do_disk(struct unpack *unpack, const struct json *request, struct error *err)
{
    return confine(request, LIMIT_DISK_MEMORY_BYTES, err) && unpack_disk(unpack, request, err);
}

static bool do_convert(struct unpack *unpack, const struct json *request, struct error *err)
{
    AUTO_CLOSE int fd = unpack_convert(unpack, request, err);
    return fd >= 0 && confine(request, LIMIT_UNPACK_MEMORY_BYTES, err) && unpack_report_disk(fd, "1", err);
}

static const struct {
    const char *op;
    bool (*run)(struct unpack *unpack, const struct json *request, struct error *err);
} ops[] = {
    { "import", do_import },
    { "layer", do_layer },
    { "disk", do_disk },
    { "convert", do_convert },
};

static bool run(struct unpack *unpack, const struct json *request, struct error *err)
{
    const char *op = json_get_text(request, "op");
    for (size_t i = 0; op != NULL && i < sizeof(ops) / sizeof(ops[0]); i++)
        if (strcmp(ops[i].op, op) == 0)
            return begin(unpack, request, err) && ops[i].run(unpack, request, err);
    return error_set(err, ERROR_INTERNAL, "the first frame asks for nothing that is known");
}

static int make_iso(int argc, char **argv)
{
    struct error err = {0};
    if (argc != 4) {
        log_error("usage: davit-unpack --iso LABEL OUT <TAR");
        return 2;
    }
    if (iso_make(argv[2], argv[3], &err))
        return 0;
    log_error("%s", err.message);
    return 1;
}

int main(int argc, char **argv)
{
    struct unpack unpack = {.staging = -1, .reader = frame_reader_new()};
    struct frame frame;
    struct error err = {0};
    log_init("davit-unpack", LOG_LEVEL_INFO);
    signal(SIGPIPE, SIG_IGN);
    if (argc > 1 && strcmp(argv[1], "--iso") == 0)
        return make_iso(argc, argv);
    if (!frame_receive(FRAME_CHILD_FD, unpack.reader, &frame, &err)) {
        log_error("no request on descriptor %d (davit-unpack is started by davitd): %s", FRAME_CHILD_FD, err.message);
        frame_reader_free(unpack.reader);
        return 2;
    }
    bool ok = run(&unpack, frame.head, &err);
    frame_free(&frame);
    frame_reader_free(unpack.reader);
    if (!ok)
        send_failed(&err);
    /* Nothing is left to be written, and a leak checker could not work in the sandbox. */
    _exit(ok ? 0 : 1);
}
