/* Connections to workloads for whoever asks (port-forward): davit-probe makes them, for davitd has no network. They are begun
 * and ended as commands are (core/exec). Deciding thread only.
 */
#ifndef CORE_FORWARD_H
#define CORE_FORWARD_H

#include "core/exec.h"

/* As exec_begin, with {"namespace","pod","port":8086}: bytes from EXEC_STDIN go there, what comes goes to EXEC_STDOUT, and closing
 * EXEC_CONTROL ends it. The pod is as in choice.h, or a Service's as svc/NAME, with a port of the Service.
 */
MUST_CHECK int64_t forward_begin(struct core *core, const struct json *request, int fds[EXEC_FDS], exec_done done, void *ctx,
                                 struct json **said);
/* Of davit-probe. False: it is none of ours. */
bool forward_answered(struct core *core, const struct frame_view *frame);
/* davit-probe is there: what waited for it is asked. Or it has gone, and with it all that it had. */
void forward_probe_up(struct core *core);
void forward_probe_down(struct core *core);
void forward_free_all(struct core *core);

#endif
