/* davit logs on the device: davitd gives the open files, so nothing goes through it. */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/rotated.h"
#include "cli/choice.h"
#include "cli/control.h"
#include "cli/logs.h"
#include "protocol/log_lines.h"

#define READ_BYTES (64 * 1024)
#define PRINT_BYTES (1024 * 1024) /* what one piece can become: times are longer than none */
#define FOLLOW_NS 100000000L /* between two looks at a log that is followed */
#define ASK_EVERY 10         /* looks, until davitd is asked whether the container still runs */
#define ASK_BYTES ((size_t)256 * 1024) /* or so much was read: there may be newer files, and they do not stay for ever */

/* A log on its way to stdout. */
struct following {
    const struct options *options;
    const char *pod;
    struct json *answer; /* of davitd, at first */
    struct rotated files;
    struct log_cutter cutter;
    size_t unasked; /* bytes since davitd was asked */
};

/* Takes what there is new of the same attempt. */
static struct json *open_log(struct following *following, struct error *err)
{
    int fds[ROTATED_FILES];
    size_t count = 0;
    AUTO_JSON struct json *request = json_new_texts("op", "log", "namespace", following->options->ns, "pod", following->pod, NULL);
    json_set_text(request, "container", following->options->container);
    json_set_boolean(request, "previous", following->options->previous);
    json_set_boolean(request, "times", following->options->timestamps || following->options->since != NULL);
    if (following->answer != NULL) {
        json_set_text(request, "uid", json_get_text(following->answer, "uid"));
        json_set_text(request, "container", json_get_text(following->answer, "container"));
        json_set_integer(request, "attempt", json_get_integer(following->answer, "attempt", 0));
    }
    struct json *answer = control_open(following->options->control, request, fds, ROTATED_FILES, &count, err);
    bool told = following->files.gap;
    rotated_take(&following->files, fds, count);
    if (following->files.gap && !told)
        (void)fputs("davit: lines are missing: files of the log were removed before they were read\n", stderr);
    return answer;
}

/* What there is, or until davitd is to be asked. True: something was there. */
static bool drain(struct following *following, size_t most)
{
    static char data[READ_BYTES];
    bool any = false;
    AUTO_STRBUF struct strbuf out;
    strbuf_init(&out, PRINT_BYTES);
    for (ssize_t got; !following->cutter.full && following->unasked < most &&
                      (got = rotated_read(&following->files, data, sizeof(data))) > 0;
         any = true) {
        log_cutter_add(&following->cutter, data, (size_t)got, &out);
        (void)fwrite(out.data != NULL ? out.data : "", 1, out.len, stdout);
        out.len = 0;
        following->unasked += (size_t)got;
    }
    (void)fflush(stdout);
    return any;
}

static bool still_runs(struct following *following)
{
    struct error ignored; /* the pod has gone */
    following->unasked = 0;
    AUTO_JSON struct json *answer = open_log(following, &ignored);
    return json_get_boolean(answer, "running", false);
}

/* Until the container has ended, and its last words are out. davitd is asked when a file is at its end: it may have been
 * put aside.
 */
static void follow(struct following *following)
{
    for (int look = 1; !following->cutter.full; look++) {
        if (drain(following, ASK_BYTES)) {
            look = 0;
            if (following->unasked >= ASK_BYTES) {
                if (still_runs(following))
                    continue;
                (void)drain(following, SIZE_MAX);
            }
        } else if ((look == 1 || look % ASK_EVERY == 0) && !still_runs(following) && !drain(following, SIZE_MAX)) {
            break;
        }
        (void)nanosleep(&(struct timespec){ .tv_nsec = FOLLOW_NS }, NULL);
    }
}

enum exit_code logs_local(const struct options *options, const char *pod, const struct log_flags *flags, struct error *err)
{
    struct following following = { .options = options, .pod = pod };
    log_cutter_init(&following.cutter);
    following.cutter.pick.timestamps = options->timestamps;
    following.cutter.pick.limit_bytes = flags->limit_bytes;
    following.cutter.pick.since_ms = flags->since_ms > 0 ? clock_wall_ms() - flags->since_ms : 0;
    AUTO_JSON struct json *answer = open_log(&following, err);
    if (answer == NULL)
        return exit_code_of(err);
    following.answer = answer;
    following.cutter.pick.raw = json_get(answer, "format") != NULL;
    choice_tell(options, answer);
    rotated_skip_before(&following.files, following.cutter.pick.since_ms);
    if (flags->tail >= 0 && !rotated_seek_tail(&following.files, flags->tail, following.cutter.pick.raw ? log_line_is_any : log_line_ends, err))
        return exit_code_of(err);
    if (options->follow && json_get_boolean(answer, "running", false))
        follow(&following);
    else
        (void)drain(&following, SIZE_MAX);
    rotated_close(&following.files);
    log_cutter_free(&following.cutter);
    return EXIT_CODE_OK;
}
