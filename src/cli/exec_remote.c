#include "config.h"

#include "cli/exec_remote.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
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
    bool over; /* on this side */
    struct error failed; /* the terminal could not be made raw */
};

/* False: nobody reads any more. */
static bool write_all(int fd, const char *data, size_t len)
{
    while (fd >= 0 && len > 0) {
        ssize_t put = write(fd, data, len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        data += put;
        len -= (size_t)put;
    }
    return true;
}

static void print_chunk(struct running *running, const struct json *chunk)
{
    const struct exec_client *client = running->client;
    const char *text = json_get_text(chunk, "text"), *base64 = json_get_text(chunk, "base64");
    const char *stream = json_get_text(chunk, "stream");
    bool is_error = stream != NULL && strcmp(stream, "stderr") == 0;
    AUTO_FREE char *bytes = NULL;
    size_t len = text != NULL ? strlen(text) : 0;
    if (text == NULL && base64 != NULL && base64_decode(base64, strlen(base64), &bytes, &len))
        text = bytes;
    if (text != NULL && !write_all(is_error ? client->err : client->out, text, len) && client->ends_with_input)
        running->over = true;
}

static void take_chunk(void *ctx, const struct json *chunk)
{
    struct running *running = ctx;
    const struct exec_client *client = running->client;
    print_chunk(running, chunk);
    if (json_get_boolean(chunk, "last", false))
        running->last = json_copy(chunk);
    if (running->last != NULL || running->begun)
        return;
    running->begun = true;
    if (!client->quiet)
        choice_tell(client->options, chunk);
    if (client->greeting != NULL)
        (void)fputs(client->greeting, stderr);
    if (client->tty && terminal_make_raw(client->in, &running->failed))
        running->failed.code = ERROR_NONE;
}

static struct json *request_of(const struct exec_client *client)
{
    int columns, rows;
    struct json *args = json_new_texts("object", client->pod, "namespace", client->options->ns, NULL);
    json_set_text(args, "container", client->options->container);
    if (client->console != NULL) {
        json_set_boolean(args, "tty", client->tty); /* whose keys its are */
        return args;
    }
    if (client->port > 0) {
        json_set_integer(args, "port", client->port);
        return args;
    }
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
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return true;
    size_t len = got > 0 ? (size_t)got : 0;
    running->over = exec_client_cut(running->client, data, &len) || (got <= 0 && running->client->ends_with_input);
    if (running->over && len == 0)
        return true;
    struct json *input = json_new_object();
    if (got > 0)
        request_put_bytes(input, "stdin", "stdinBase64", data, len);
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

static bool is_over(const struct running *running, const struct remote *remote)
{
    return running->over || remote_is_over(remote);
}

static bool converse(struct running *running, struct remote *remote, struct error *err)
{
    bool good = true, readable;
    const volatile sig_atomic_t *cancelled = running->client->cancelled;
    while (good && !is_over(running, remote)) {
        if (cancelled != NULL && *cancelled != 0)
            return error_set(err, ERROR_UNAVAILABLE, "it was ended by a signal");
        bool listens = running->client->in >= 0 && !running->input_over && remote_may_give(remote);
        good = remote_turn(remote, listens ? running->client->in : -1, &readable, err) &&
               (!listens || !readable || is_over(running, remote) || give_input(running, remote, err)) &&
               give_size(running, remote, err);
        if (good && running->failed.code != ERROR_NONE) {
            *err = running->failed;
            good = false;
        }
    }
    return good;
}

static const char *verb_of(const struct exec_client *client)
{
    if (client->port > 0)
        return "port-forward";
    return client->console == NULL ? "exec" : strcmp(client->console, "vnc") == 0 ? "vnc" : "console";
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
    struct remote *remote = remote_open(client->options, verb_of(client), args, take_chunk, &running, err);
    bool good = remote != NULL && converse(&running, remote, err);
    bool left = good && running.over && running.last == NULL; /* before the node says that it was cancelled */
    if (remote != NULL)
        remote_close(remote);
    terminal_restore();
    AUTO_JSON struct json *last = running.last;
    if (left) {
        exec_client_leave(client, exit_code);
        return true;
    }
    if (!good || !remote_check(last, err))
        return false;
    *exit_code = (int)json_get_integer(last, "exitCode", EXIT_CODE_FAILED);
    return true;
}
