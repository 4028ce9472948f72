/* Commands in containers, for whoever asks: `davit exec` by the control socket, a request by the broker. The streams are
 * descriptors that go to the runtime host as they are: nothing of them goes through davitd. Deciding thread only.
 */
#ifndef CORE_EXEC_H
#define CORE_EXEC_H

#include "core/core.h"

/* Each may be -1: /dev/null, and without EXEC_CONTROL the command ends only by itself or with its container.
 *  EXEC_STDIN, EXEC_STDOUT, EXEC_STDERR: without a terminal the command gets these very descriptors, so give nothing
 *      that a container must not hold (a pipe or a socket of a pair, never a file or a terminal). With "tty" there is no
 *      EXEC_STDERR; the runtime host copies between the other two, which it makes non-blocking, and the terminal.
 *  EXEC_CONTROL: one end of a socketpair (stream). Lines `resize COLUMNS ROWS\n` come from it; when the other end is
 *      closed the command is ended: SIGHUP, and what is left a second later is killed.
 */
enum exec_fd { EXEC_STDIN, EXEC_STDOUT, EXEC_STDERR, EXEC_CONTROL, EXEC_FDS };
/* "stdin", "stdout", "stderr", "control": as heads of frames name them. */
extern const char *const exec_fd_names[EXEC_FDS];

/* {"ok":true,"exitCode":N} (128 + the signal that ended it), or {"ok":false,"reason","message"}. `result` lives as long
 * as the call. Everything that the command itself wrote is in its descriptors by then.
 */
typedef void (*exec_done)(void *ctx, const struct json *result);

/* Begins `request`: {"namespace","pod","container","command":["ls","-l"],"stdin":true,"tty":false,"columns":80,"rows":24};
 * pod and container as in choice.h. With "console":"serial" or "vnc" in the place of the command it is that console of a
 * virtual machine: stdin and stdout are joined to it, until control is closed or the machine ends; one at a time. The descriptors are taken in every case. Returns its id, above 0; `done` then
 * follows exactly once, never before exec_begin has returned, and comes too when the runtime host ends meanwhile, or
 * davitd. *said is the caller's: {"ok":true,"container","containers":[…]}.
 * 0: refused; *said is {"ok":false,"reason","message"} and `done` never comes.
 */
MUST_CHECK int64_t exec_begin(struct core *core, const struct json *request, int fds[EXEC_FDS], exec_done done, void *ctx,
                              struct json **said);
/* Its asker has closed EXEC_CONTROL: `done` still comes, but a console is free for the next one. */
void exec_left(struct core *core, int64_t id);
/* Nobody waits any more: `done` does not come. It ends nothing; closing the other end of EXEC_CONTROL does. */
void exec_forget(struct core *core, int64_t id);

/* Of the runtime host. False: it is none of ours. */
bool exec_answered(struct core *core, const struct frame_view *frame);
/* Nobody will answer any more, of this runtime (NULL: of any): each is done, with this reason and message. */
void exec_end_all(struct core *core, const struct runtime_state *runtime, const char *reason, const char *message);

/* ---- for core/forward: connections that davit-probe makes are begun, left and ended as commands are */

int64_t exec_add_forward(struct core *core, exec_done done, void *ctx);
size_t exec_forwards(const struct core *core);
void exec_finish(struct core *core, int64_t id, const struct json *result); /* nothing, if it is not waited for any more */
void exec_end_forwards(struct core *core, const char *reason, const char *message);

#endif
