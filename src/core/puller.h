/* Images from registries: davit-fetch brings the bytes, davit-unpack makes folders of them, this decides what is asked
 * for, and puts in its place what is whole. One job a reference; a layer that two of them need is fetched once. Deciding
 * thread only.
 */
#ifndef CORE_PULLER_H
#define CORE_PULLER_H

#include "core/daemon.h"

struct puller;

struct puller *puller_new(struct daemon *daemon);
void puller_free(struct puller *puller); /* the loop does not turn any more */

/* core_env's pull and cancel_pull: core_pull_ended follows, never from within these two. `reference` is normalised. A
 * second pull of it while one runs is that one.
 */
void puller_start(struct puller *puller, const char *reference, const struct json *auths);
void puller_cancel(struct puller *puller, const char *reference);

/* Bytes that one more disk may have on the disk: of the quota, and of what is free. */
int64_t puller_disk_room(const struct puller *puller);

/* Called with frames of `progress` and `result` shape (docs/wire.md); a result is the last one. `answer` is taken. */
typedef void (*puller_answer)(void *ctx, struct json *answer_taken, bool last);
struct pull_watch;
/* Of the pull of this reference that runs, or that is to be started next. */
struct pull_watch *puller_watch(struct puller *puller, const char *reference, puller_answer answer, void *ctx);
/* Before the result: nobody waits for it any more. The pull goes on. */
void puller_unwatch(struct pull_watch *watch);

#endif
