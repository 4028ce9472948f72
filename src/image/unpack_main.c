/* davit-unpack: an image archive on standard input becomes folders, one for each layer. See docs/wire.md. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/sandbox.h"
#include "image/layer.h"
#include "image/plan.h"
#include "wire/frame.h"

#define CAP(name) (1ULL << (name))
/* Files of any owner and mode, file capabilities; no CAP_MKNOD: a whiteout and a FIFO need none. */
#define UNPACK_CAPS \
    (CAP(CAP_CHOWN) | CAP(CAP_DAC_OVERRIDE) | CAP(CAP_FOWNER) | CAP(CAP_FSETID) | CAP(CAP_SETFCAP))

struct unpack {
    int staging;
    uint64_t bytes_left;
    uint64_t entries_left;
    struct plan *plan;
    struct layer_sum *sums; /* by the plan's layers; entries 0: not unpacked yet */
    int *roots;
};

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

/* The parent says nothing after its request: whatever happens on the socket is its end. */
static bool parent_is_there(void)
{
    char byte = 0;
    ssize_t got = recv(FRAME_CHILD_FD, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got < 0 && (errno == EAGAIN || errno == EINTR);
}

static bool send_head(const struct json *head, struct error *err)
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
    if (!send_head(head, &err))
        log_error("telling the parent: %s", err.message);
}

static bool report_layer(const struct layer_sum *sum, const char *dir, struct error *err)
{
    AUTO_JSON struct json *head =
        json_new_texts("op", "layer", "diffId", sum->diff_id, "digest", sum->digest, "dir", dir, NULL);
    json_set_integer(head, "bytes", (int64_t)sum->bytes);
    json_set_integer(head, "entries", (int64_t)sum->entries);
    return send_head(head, err);
}

static bool report_image(const struct unpack *unpack, const struct plan_image *image, struct error *err)
{
    uint64_t size = 0;
    AUTO_JSON struct json *head = json_new_texts("op", "image", "id", image->id, NULL);
    json_set_text(head, "manifest", image->manifest[0] != '\0' ? image->manifest : NULL);
    json_set(head, "references", json_copy(image->references));
    json_set(head, "config", json_copy(image->config));
    struct json *layers = json_set_array(head, "layers");
    for (size_t i = 0; i < image->layer_count; i++) {
        json_add_text(layers, unpack->plan->layers[image->layers[i]].diff_id);
        size += unpack->sums[image->layers[i]].bytes;
    }
    json_set_integer(head, "size", (int64_t)size);
    return send_head(head, err);
}

static bool check_digests(const struct plan_layer *layer, const struct layer_sum *sum, struct error *err)
{
    if (layer->digest[0] != '\0' && strcmp(layer->digest, sum->digest) != 0)
        return error_set(err, ERROR_CONFLICT, "its bytes have the digest %s instead of %s", sum->digest, layer->digest);
    if (strcmp(layer->diff_id, sum->diff_id) != 0)
        return error_set(err, ERROR_CONFLICT, "unpacked it has the digest %s instead of %s", sum->diff_id,
                         layer->diff_id);
    return true;
}

static bool unpack_into(struct unpack *unpack, size_t index, struct tree *tree, struct error *err)
{
    const struct plan_layer *layer = &unpack->plan->layers[index];
    struct layer_sum sum;
    const struct layer_limits limits = {
        .bytes = unpack->bytes_left < LIMIT_LAYER_BYTES ? unpack->bytes_left : LIMIT_LAYER_BYTES,
        .entries = unpack->entries_left < LIMIT_LAYER_ENTRIES ? unpack->entries_left : LIMIT_LAYER_ENTRIES,
        .is_wanted = parent_is_there,
    };
    if (!layer_unpack(unpack->plan->file, layer->entry, tree, &limits, &sum, err) || !check_digests(layer, &sum, err))
        return false;
    unpack->bytes_left -= sum.bytes < unpack->bytes_left ? sum.bytes : unpack->bytes_left;
    unpack->entries_left -= sum.entries;
    unpack->sums[index] = sum;
    unpack->roots[index] = tree_steal_root(tree);
    return true;
}

static bool unpack_layer(struct unpack *unpack, size_t index, const int *lower, size_t lower_count, struct error *err)
{
    struct tree tree;
    char dir[16];
    snprintf(dir, sizeof(dir), "%zu", index);
    bool ok = tree_open(&tree, unpack->staging, dir, lower, lower_count, err) && unpack_into(unpack, index, &tree, err);
    tree_close(&tree);
    if (!ok)
        return error_wrap(err, "layer %zu (%s)", index, unpack->plan->layers[index].diff_id);
    if (syncfs(unpack->staging) != 0)
        return error_set_errno(err, errno, "bringing layer %zu to the disk", index);
    return report_layer(&unpack->sums[index], dir, err);
}

/* Lowest first: a layer is unpacked in the sight of those below it. One shared by images sees those of the first. */
static bool unpack_image(struct unpack *unpack, const struct plan_image *image, struct error *err)
{
    AUTO_FREE int *lower = mem_array(image->layer_count, sizeof(*lower));
    for (size_t i = 0; i < image->layer_count; i++) {
        size_t index = image->layers[i];
        if (unpack->roots[index] < 0 && !unpack_layer(unpack, index, lower, i, err))
            return false;
        lower[i] = unpack->roots[index];
    }
    return true;
}

static bool unpack_all(struct unpack *unpack, struct error *err)
{
    size_t count = unpack->plan->layer_count;
    unpack->sums = mem_array(count, sizeof(unpack->sums[0]));
    unpack->roots = mem_array(count, sizeof(unpack->roots[0]));
    for (size_t i = 0; i < count; i++)
        unpack->roots[i] = -1;
    for (size_t i = 0; i < unpack->plan->image_count; i++) {
        if (!unpack_image(unpack, &unpack->plan->images[i], err))
            return false;
    }
    for (size_t i = 0; i < unpack->plan->image_count; i++) {
        if (!report_image(unpack, &unpack->plan->images[i], err))
            return false;
    }
    AUTO_JSON struct json *done = json_new_texts("op", "done", NULL);
    return send_head(done, err);
}

static bool import(struct unpack *unpack, struct error *err)
{
    struct imagefile *file = imagefile_open(STDIN_FILENO, err);
    if (file == NULL)
        return false;
    unpack->plan = plan_new(file, err);
    bool ok = unpack->plan != NULL && unpack_all(unpack, err);
    plan_free(unpack->plan);
    imagefile_free(file);
    free(unpack->sums);
    free(unpack->roots);
    return ok;
}

/* A decompressor's window is the archive's choice: what does not fit is an error of this archive. */
static bool limit_memory(struct error *err)
{
#ifndef __SANITIZE_ADDRESS__ /* its shadow is terabytes of this kind */
    struct rlimit limit;
    if (getrlimit(RLIMIT_DATA, &limit) != 0)
        return error_set_errno(err, errno, "reading the limit of memory");
    if (limit.rlim_max > LIMIT_UNPACK_MEMORY_BYTES)
        limit.rlim_max = LIMIT_UNPACK_MEMORY_BYTES;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_DATA, &limit) != 0)
        return error_set_errno(err, errno, "setting the limit of memory");
#endif
    (void)err;
    return true;
}

static uint64_t limit_of(const struct json *head, const char *key)
{
    int64_t value = json_get_integer(head, key, 0);
    return value > 0 ? (uint64_t)value : INT64_MAX;
}

static bool prepare(struct unpack *unpack, const struct json *head, struct error *err)
{
    const char *op = json_get_text(head, "op"), *staging = json_get_text(head, "staging");
    if (op == NULL || strcmp(op, "import") != 0 || staging == NULL || !file_path_is_safe(staging))
        return error_set(err, ERROR_INTERNAL, "the first frame is no import with a staging folder");
    unpack->bytes_left = limit_of(head, "maxBytes");
    unpack->entries_left = limit_of(head, "maxEntries");
    unpack->staging = open(staging, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (unpack->staging < 0)
        return error_set_errno(err, errno, "opening the staging folder %s", staging);
    const struct sandbox sandbox = {.chroot_dir = staging, .keep_caps = UNPACK_CAPS, .calls = SANDBOX_CALLS_UNPACK};
    umask(0);
    return limit_memory(err) && sandbox_enter(&sandbox, err);
}

int main(void)
{
    struct unpack unpack = {.staging = -1};
    struct frame frame;
    struct error err = {0};
    log_init("davit-unpack", LOG_LEVEL_INFO);
    signal(SIGPIPE, SIG_IGN);
    struct frame_reader *reader = frame_reader_new();
    if (!frame_receive(FRAME_CHILD_FD, reader, &frame, &err)) {
        log_error("no request on descriptor %d (davit-unpack is started by davitd): %s", FRAME_CHILD_FD, err.message);
        frame_reader_free(reader);
        return 2;
    }
    bool ok = prepare(&unpack, frame.head, &err) && import(&unpack, &err);
    frame_free(&frame);
    frame_reader_free(reader);
    if (!ok)
        send_failed(&err);
    /* Nothing is left to be written, and a leak checker could not work in the sandbox. */
    _exit(ok ? 0 : 1);
}
