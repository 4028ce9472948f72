#include "config.h"

#include "runtime/host.h"

#include <stdio.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>

#include "base/log.h"
#include "base/memory.h"

static void api_notify(const struct davit_runtime_host *api, const char *event)
{
    host_send((struct host *)api, json_new_texts("op", "notify", NULL), event);
}

static void api_answer(struct davit_call *call, const char *json)
{
    free(call->answer);
    call->answer = mem_strdup(json);
}

static enum davit_result api_fail(struct davit_call *call, enum davit_result result, const char *reason,
                                  const char *message)
{
    snprintf(call->reason, sizeof(call->reason), "%s", reason);
    snprintf(call->message, sizeof(call->message), "%s", message);
    return result;
}

static void api_log(int level, const char *line)
{
    log_write((enum log_level)level, "%s", line);
}

/* A timer, so that a call over its deadline is told without any thread watching it. */
static int api_cancel_fd(struct davit_call *call)
{
    struct itimerspec at = {0};

    if (call->cancel_fd >= 0 || call->expires_boot_ms == 0)
        return call->cancel_fd;
    at.it_value.tv_sec = (time_t)(call->expires_boot_ms / 1000);
    at.it_value.tv_nsec = (long)(call->expires_boot_ms % 1000) * 1000000;
    call->cancel_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (call->cancel_fd >= 0)
        timerfd_settime(call->cancel_fd, TFD_TIMER_ABSTIME, &at, NULL);
    return call->cancel_fd;
}

static int api_call_fd(struct davit_call *call, const char *name)
{
    for (size_t i = 0; i < call->fd_count; i++) {
        if (strcmp(call->fds[i].name, name) == 0)
            return call->fds[i].fd;
    }
    return -1;
}

void host_init(struct host *host, int fd)
{
    host->api = (struct davit_runtime_host){
        .size = sizeof(host->api), .notify = api_notify, .answer = api_answer,
        .fail = api_fail, .log = api_log, .cancel_fd = api_cancel_fd, .call_fd = api_call_fd,
    };
    pthread_mutex_init(&host->sending, NULL);
    host->fd = fd;
}

void host_send(struct host *host, struct json *head_taken, const char *body)
{
    struct error err;

    pthread_mutex_lock(&host->sending);
    if (!frame_send(host->fd, head_taken, body, body == NULL ? 0 : strlen(body), NULL, 0, &err)) {
        log_error("the answer cannot be sent, the parent is gone: %s", err.message);
        _exit(1);
    }
    pthread_mutex_unlock(&host->sending);
    json_free(head_taken);
}

static void send_failure(struct host *host, const struct davit_call *call, const char *result, const char *reason,
                         const char *message)
{
    struct json *head = json_new_texts("op", "result", "result", result, "reason", reason, "message", message, NULL);

    json_set_integer(head, "id", call->id);
    json_set_boolean(head, "ok", false);
    host_send(host, head, NULL);
}

void host_send_result(struct host *host, const struct davit_call *call, enum davit_result result)
{
    struct json *head;

    if (result != DAVIT_OK) {
        send_failure(host, call, call_result_name(result), call->reason[0] != '\0' ? call->reason : "RuntimeError",
                     call->message[0] != '\0' ? call->message : "the runtime gave no reason");
        return;
    }
    head = json_new_texts("op", "result", NULL);
    json_set_integer(head, "id", call->id);
    json_set_boolean(head, "ok", true);
    host_send(host, head, call->answer != NULL ? call->answer : "{}");
}

void host_send_deadline(struct host *host, const struct davit_call *call, const char *plugin_name)
{
    char message[CALL_MESSAGE_BYTES];

    snprintf(message, sizeof(message), "the runtime %s has not answered %s within %llu ms", plugin_name, call->name,
             (unsigned long long)call->deadline_ms);
    send_failure(host, call, "deadline", "DeadlineExceeded", message);
}

void host_send_refused(struct host *host, const char *plugin, const char *reason, const char *message)
{
    log_error("%s: %s: %s", plugin, reason, message);
    host_send(host, json_new_texts("op", "refused", "plugin", plugin, "reason", reason, "message", message, NULL), NULL);
}
