/* What the plugin sees of its host, and what the parent hears from it. */
#ifndef RUNTIME_HOST_H
#define RUNTIME_HOST_H

#include <pthread.h>

#include "runtime/call.h"

struct host {
    struct davit_runtime_host api; /* first: the plugin holds a pointer to it */
    pthread_mutex_t sending;
    int fd;
};

void host_init(struct host *host, int fd);
/* Any thread. A frame that cannot be sent ends the process: the parent is gone. Head is taken. */
void host_send(struct host *host, struct json *head_taken, const char *body);
void host_send_result(struct host *host, const struct davit_call *call, enum davit_result result);
void host_send_deadline(struct host *host, const struct davit_call *call, const char *plugin_name);
/* The plugin will not run: said by name, for a person. */
void host_send_refused(struct host *host, const char *plugin, const char *reason, const char *message);

#endif
