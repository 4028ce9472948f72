#include "config.h"

#include "cli/exec_remote.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/memory.h"
#include "cli/choice.h"
#include "cli/remote.h"
#include "cli/terminal.h"
#include "protocol/request.h"

struct running {
    const struct exec_client *client;
    struct json *last;
    bool begun;
    bool input_over;
    struct error failed; /* the terminal could not be made raw */
};

static void write_all(int fd, const char *data, size_t len)
{
    while (fd >= 0 && len > 0) {
        ssize_t put = write(fd, data, len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return; /* nobody reads any more */
        data += put;
        len -= (size_t)put;
    }
}

static void take_chunk(void *ctx, const struct json *chunk)
{
    struct running *running = ctx;
    const struct exec_client *client = running->client;
    const char *text = json_get_text(chunk, "text"), *base64 = json_get_text(chunk, "base64");
    const char *stream = json_get_text(chunk, "stream");
    AUTO_FREE char *bytes = NULL;
    size_t len = text != NULL ? strlen(text) : 0;
    if (text == NULL && base64 != NULL && base64_decode(base64, strlen(base64), &bytes, &len))
        text = bytes;
    if (text != NULL)
        write_all(stream != NULL && strcmp(stream, "stderr") == 0 ? client->err : client->out, text, len);
    if (json_get_boolean(chunk, "last", false))
        running->last = json_copy(chunk);
    else if (!running->begun) {
        running->begun = true;
        if (!client->quiet)
            choice_tell(client->options, chunk);
        if (client->tty && terminal_make_raw(client->in, &running->failed))
            running->failed.code = ERROR_NONE;
    }
}

static struct json *request_of(const struct exec_client *client)
{
    int columns, rows;
    struct json *args = json_new_texts("object", client->pod, "namespace", client->options->ns, NULL);
    json_set_text(args, "container", client->options->container);
    struct json *command = json_set_array(args, "command");
    for (size_t i = 0; i < client->word_count; i++)
        json_add_text(command, client->command[i]);
    json_set_boolean(args, "stdin", client->in >= 0);
    json_set_boolean(args, "tty", client->tty);
    if (client->tty && terminal_size(client->out, client->in, &columns, &rows)) {
        json_set_integer(args, "columns", columns);
        json_set_integer(args, "rows", rows);
    }
    return args;
}

static bool give_input(struct running *running, struct remote *remote, struct error *err)
{
    char data[LIMIT_CHUNK_BYTES];
    ssize_t got = read(running->client->in, data, sizeof(data));
    struct json *input = json_new_object();
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) {
        json_free(input);
        return true;
    }
    if (got > 0)
        request_put_bytes(input, "stdin", "stdinBase64", data, (size_t)got);
    else
        json_set_boolean(input, "eof", running->input_over = true);
    return remote_give(remote, input, err);
}

static bool give_size(const struct running *running, struct remote *remote, struct error *err)
{
    int columns, rows;
    if (!running->client->tty || !terminal_size_changed() ||
        !terminal_size(running->client->out, running->client->in, &columns, &rows))
        return true;
    struct json *input = json_new_object(), *size = json_set_array(input, "resize");
    json_add(size, json_new_integer(columns));
    json_add(size, json_new_integer(rows));
    return remote_give(remote, input, err);
}

static bool converse(struct running *running, struct remote *remote, struct error *err)
{
    bool good = true, readable;
    const volatile sig_atomic_t *cancelled = running->client->cancelled;
    while (good && !remote_is_over(remote)) {
        if (cancelled != NULL && *cancelled != 0)
            return error_set(err, ERROR_UNAVAILABLE, "it was ended by a signal");
        bool listens = running->client->in >= 0 && !running->input_over && remote_may_give(remote);
        good = remote_turn(remote, listens ? running->client->in : -1, &readable, err) &&
               (!listens || !readable || remote_is_over(remote) || give_input(running, remote, err)) &&
               give_size(running, remote, err);
        if (good && running->failed.code != ERROR_NONE) {
            *err = running->failed;
            good = false;
        }
    }
    return good;
}

bool exec_remote_run(const struct exec_client *client, int *exit_code, struct error *err)
{
    struct running running = { .client = client };
    AUTO_JSON struct json *args = request_of(client);
    sigset_t waiting, before;
    (void)signal(SIGPIPE, SIG_IGN); /* an output that is closed: the command's words go nowhere */
    if (client->tty) {
        terminal_watch_size(false, &waiting, &before);
        (void)sigprocmask(SIG_SETMASK, &waiting, NULL); /* poll is told of it */
    }
    struct remote *remote = remote_open(client->options, "exec", args, take_chunk, &running, err);
    bool good = remote != NULL && converse(&running, remote, err);
    if (remote != NULL)
        remote_close(remote);
    terminal_restore();
    AUTO_JSON struct json *last = running.last;
    if (!good || !remote_check(last, err))
        return false;
    *exit_code = (int)json_get_integer(last, "exitCode", EXIT_CODE_FAILED);
    return true;
}
