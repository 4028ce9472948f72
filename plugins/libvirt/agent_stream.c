#include "config.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>

#include "agent.h"
#include "base/base64.h"
#include "base/memory.h"
#include "console.h"

#define STREAMS_MOST (ERRANDS_MOST / 2) /* so that there is room for everything else */
#define ASK_MS 10000 /* one question to an agent that is there */
#define POLL_FIRST_MS 20
#define POLL_LAST_MS 500
#define CODE_LEFT 129 /* as of SIGHUP */
#define CODE_CANNOT_RUN 126
#define CODE_NOT_FOUND 127

/* Of "internal error: …: Guest agent command failed, error was 'Failed to execute …'" what the guest said. */
static const char *its_words(const char *message)
{
    const char *words = strstr(message, "error was ");

    return words != NULL ? words + strlen("error was ") : message;
}

/* True: nobody waits for the command any more, or `fd` (-1: none) can be written to, or the time is over. *left tells them
 * apart.
 */
static bool wait_for(const struct errand *errand, int fd, int timeout_ms, bool *left)
{
    struct pollfd fds[] = {{.fd = errand->control_fd, .events = POLLIN},
                           {.fd = errand->cancel_fd, .events = POLLIN},
                           {.fd = fd, .events = POLLOUT}};
    int ready = poll(fds, 3, timeout_ms);

    *left = ready > 0 && (fds[1].revents != 0 || (fds[0].revents != 0 && console_is_left(errand->control_fd)));
    return *left || ready == 0 || (ready > 0 && fds[2].revents != 0);
}

/* Not more at once than a pipe takes that can be written to. */
static void give(const struct errand *errand, int fd, const char *data, size_t len)
{
    bool left = false;

    for (size_t at = 0; fd >= 0 && at < len && !left;) {
        ssize_t put;

        if (!wait_for(errand, fd, -1, &left) || left)
            continue;
        put = write(fd, data + at, len - at < PIPE_BUF ? len - at : PIPE_BUF);
        if (put < 0 && errno != EAGAIN && errno != EINTR)
            return;
        at += put > 0 ? (size_t)put : 0;
    }
}

static void give_decoded(const struct errand *errand, int fd, const char *text)
{
    AUTO_FREE char *data = NULL;
    size_t len;

    if (text != NULL && base64_decode(text, strlen(text), &data, &len))
        give(errand, fd, data, len);
}

static void give_line(const struct errand *errand, const char *text)
{
    AUTO_FREE char *line = mem_printf("%s\n", text);

    give(errand, errand->error_fd, line, strlen(line));
}

static void answer(struct errand *errand, int64_t exit_code)
{
    errand->answer = json_new_object();
    json_set_integer(errand->answer, "exitCode", exit_code);
}

static void answer_end(struct errand *errand, const struct json *status)
{
    give_decoded(errand, errand->out_fd, json_get_text(status, "out-data"));
    give_decoded(errand, errand->error_fd, json_get_text(status, "err-data"));
    if (json_get_boolean(status, "out-truncated", false) || json_get_boolean(status, "err-truncated", false))
        give_line(errand, "the guest's agent keeps no more of what the command wrote: the rest is lost");
    answer(errand, agent_exit_code(status));
}

/* True: it has ended, and that is answered; or it failed, and that is. */
static bool has_ended(struct errand *errand, virDomainPtr domain, int64_t pid)
{
    struct error err;
    AUTO_JSON struct json *said = agent_command(domain, agent_status_question(pid), ASK_MS, &err);
    const struct json *status = json_get(said, "return");

    /* libvirt has no code of its own for that. */
    if (said == NULL && strstr(err.message, "encode message payload") != NULL)
        errand_fail(errand, DAVIT_FAILED, "OutputTooLarge", "the command has ended, and wrote more than libvirt carries at once "
                    "(3 MiB): let it write to a file");
    else if (said == NULL)
        errand_fail_with(errand, "ExecError", &err);
    else if (!json_get_boolean(status, "exited", true))
        return false;
    else
        answer_end(errand, status);
    return true;
}

static void follow(struct errand *errand, virDomainPtr domain, int64_t pid)
{
    int pause_ms = POLL_FIRST_MS;
    bool left = false;

    while (!left && !has_ended(errand, domain, pid)) {
        wait_for(errand, -1, pause_ms, &left);
        pause_ms = pause_ms * 2 < POLL_LAST_MS ? pause_ms * 2 : POLL_LAST_MS;
    }
    if (left)
        answer(errand, CODE_LEFT);
}

static bool has_agent(const struct errand *errand)
{
    const struct instance *instance;
    bool has;

    pthread_mutex_lock(&errand->vms->lock);
    instance = instance_find(errand->vms, errand->address.id);
    has = instance != NULL && instance->agent;
    pthread_mutex_unlock(&errand->vms->lock);
    return has;
}

static void run(struct errand *errand, virDomainPtr domain, const struct json *command)
{
    struct error err;
    AUTO_JSON struct json *said = agent_command(domain, agent_exec_question(command), ASK_MS, &err);

    if (said != NULL) {
        follow(errand, domain, json_get_integer(json_get(said, "return"), "pid", -1));
    } else if (err.code == ERROR_UNAVAILABLE || !has_agent(errand)) {
        errand_fail_with(errand, "ExecError", &err);
    } else {
        give_line(errand, its_words(err.message));
        answer(errand, strstr(err.message, "No such file") != NULL ? CODE_NOT_FOUND : CODE_CANNOT_RUN);
    }
}

/* True: there is room for one more, and it is taken. */
static bool take_room(struct vms *vms)
{
    bool room;

    pthread_mutex_lock(&vms->lock);
    room = vms->streams < STREAMS_MOST;
    vms->streams += room;
    pthread_mutex_unlock(&vms->lock);
    return room;
}

static void give_room(struct vms *vms)
{
    pthread_mutex_lock(&vms->lock);
    vms->streams--;
    pthread_mutex_unlock(&vms->lock);
}

static void run_in_room(struct errand *errand, virDomainPtr domain, const struct json *command)
{
    if (!take_room(errand->vms)) {
        AUTO_FREE char *message = mem_printf("%d commands run in virtual machines of this device already: end one of them first",
                                             STREAMS_MOST);

        errand_fail(errand, DAVIT_FAILED, "TooManyCommands", message);
        return;
    }
    run(errand, domain, command);
    give_room(errand->vms);
}

void agent_stream(struct errand *errand)
{
    const struct json *command = json_get(errand->address.json, "command");
    struct error err;
    virDomainPtr domain = errand_domain(errand, &err);

    if (domain == NULL)
        errand_fail_with(errand, err.code == ERROR_NOT_FOUND ? "NotRunning" : "ExecError", &err);
    else if (json_text(json_first(command)) == NULL)
        errand_fail(errand, DAVIT_INVALID, "InvalidDocument", "exec needs a command");
    else if (!has_agent(errand))
        errand_fail(errand, DAVIT_FAILED, "NoGuestAgent", "no guest agent answers in the virtual machine, and a command needs one: "
                    "install qemu-guest-agent there, or use davit console");
    else
        run_in_room(errand, domain, command);
    if (domain != NULL)
        virDomainFree(domain);
}
