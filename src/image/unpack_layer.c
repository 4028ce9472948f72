#include "config.h"

#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "image/tree_lower.h"
#include "image/unpack.h"
#include "image/unpack_stored.h"

struct asked_lowers {
    struct tree_lowers lowers; /* first: tree_lowers.fetch is given this one */
    struct unpack *unpack;
    int *fds;
    size_t come;
};

static bool take_lowers(struct asked_lowers *asked, struct error *err)
{
    struct frame frame;
    if (!frame_receive(FRAME_CHILD_FD, asked->unpack->reader, &frame, err))
        return false;
    const char *op = json_get_text(frame.head, "op");
    bool good = op != NULL && strcmp(op, "lowers") == 0 && frame.fd_count > 0 &&
                frame.fd_count <= asked->lowers.count - asked->come;
    for (size_t i = 0; good && i < frame.fd_count; i++)
        asked->fds[asked->come++] = frame_take_fd(&frame, i);
    frame_free(&frame);
    return good || error_set(err, ERROR_INTERNAL, "the layers below did not come as they were asked for");
}

static bool fetch_lowers(struct tree_lowers *lowers, struct error *err)
{
    struct asked_lowers *asked = (struct asked_lowers *)lowers;
    AUTO_JSON struct json *need = json_new_texts("op", "need-lowers", NULL);
    if (!unpack_say(need, err))
        return false;
    asked->fds = mem_array(lowers->count, sizeof(asked->fds[0]));
    while (asked->come < lowers->count)
        if (!take_lowers(asked, err))
            return false;
    lowers->fds = asked->fds;
    return true;
}

static bool unpack_into(struct unpack *unpack, struct tree *tree, const struct json *request, struct error *err)
{
    const char *digest = json_get_text(request, "digest"), *diff_id = json_get_text(request, "diffId");
    struct stored stored = { .size = json_get_integer(request, "size", 0) };
    AUTO_FREE char *buffer = stored.buffer = mem_alloc(STORED_READ_BYTES);
    const struct plain_source source = { .read = stored_read, .ctx = &stored };
    const struct layer_limits limits = unpack_limits(unpack, unpack_parent_may_speak);
    struct layer_sum sum;
    if (stored.size == 0)
        return error_set(err, ERROR_INVALID, "it is empty");
    if (!layer_unpack(&source, digest, diff_id, tree, &limits, &sum, err))
        return false;
    return unpack_say_layer(&sum, "0", err) && unpack_say_done(err);
}

bool unpack_layer(struct unpack *unpack, const struct json *request, struct error *err)
{
    struct tree tree;
    struct asked_lowers asked = { .lowers.fetch = fetch_lowers, .unpack = unpack };
    int64_t lowers = json_get_integer(request, "lowers", 0);
    if (!digest_is_valid(json_get_text(request, "digest")) || !digest_is_valid(json_get_text(request, "diffId")) ||
        json_get_integer(request, "size", -1) < 0 || lowers < 0 || lowers > LIMIT_IMAGE_LAYERS)
        return error_set(err, ERROR_INTERNAL, "the request for a layer is not understood");
    asked.lowers.count = (size_t)lowers;
    bool ok = tree_open(&tree, unpack->staging, "0", &asked.lowers, err) && unpack_into(unpack, &tree, request, err);
    tree_close(&tree);
    for (size_t i = 0; i < asked.come; i++)
        close(asked.fds[i]);
    free(asked.fds);
    return ok;
}
