/* davit logs over the broker: a stream of chunks, whose end is the log's, or the container's with -f. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/memory.h"
#include "cli/choice.h"
#include "cli/logs.h"
#include "cli/remote.h"

struct printing {
    const struct options *options;
    struct json *last;
    bool told;
};

static void print_chunk(void *ctx, const struct json *chunk)
{
    struct printing *printing = ctx;
    const char *text = json_get_text(chunk, "text"), *base64 = json_get_text(chunk, "base64");
    AUTO_FREE char *bytes = NULL;
    size_t len = text != NULL ? strlen(text) : 0;
    if (!printing->told && json_get(chunk, "containers") != NULL) {
        printing->told = true;
        choice_tell(printing->options, chunk);
    }
    if (text == NULL && base64 != NULL && base64_decode(base64, strlen(base64), &bytes, &len))
        text = bytes;
    if (text != NULL)
        (void)fwrite(text, 1, len, stdout);
    (void)fflush(stdout);
    if (json_get_boolean(chunk, "last", false))
        printing->last = json_copy(chunk);
}

static struct json *request_of(const struct options *options, const char *pod, const struct log_flags *flags)
{
    struct json *args = json_new_texts("object", pod, "namespace", options->ns, NULL);
    json_set_text(args, "container", options->container);
    json_set_boolean(args, "follow", options->follow);
    json_set_boolean(args, "previous", options->previous);
    json_set_boolean(args, "timestamps", options->timestamps);
    if (flags->tail >= 0)
        json_set_integer(args, "tailLines", flags->tail);
    if (flags->limit_bytes > 0)
        json_set_integer(args, "limitBytes", flags->limit_bytes);
    if (flags->since_ms > 0)
        json_set_integer(args, "sinceSeconds", (int64_t)(flags->since_ms + 999) / 1000);
    return args;
}

enum exit_code logs_remote(const struct options *options, const char *pod, const struct log_flags *flags, struct error *err)
{
    struct printing printing = { .options = options };
    AUTO_JSON struct json *args = request_of(options, pod, flags);
    struct remote *remote = remote_open(options, "logs", args, print_chunk, &printing, err);
    bool ignored, good = remote != NULL;
    while (good && !remote_is_over(remote))
        good = remote_turn(remote, -1, &ignored, err);
    if (remote != NULL)
        remote_close(remote);
    AUTO_JSON struct json *last = printing.last;
    if (!good)
        return exit_code_of(err);
    if (json_get_boolean(last, "gap", false))
        (void)fputs("davit: lines are missing: files of the log were removed before they were read\n", stderr);
    return remote_check(last, err) ? EXIT_CODE_OK : exit_code_of(err);
}
