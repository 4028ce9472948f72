/* A fixed number of threads, and lanes: calls of one lane keep their order and never overlap. */
#ifndef RUNTIME_POOL_H
#define RUNTIME_POOL_H

#include "runtime/host.h"

struct pool;

/* The threads run as long as the process does. NULL on error. */
MUST_CHECK struct pool *pool_new(struct host *host, const struct davit_runtime_plugin *plugin, void *ctx,
                                 struct error *err);
/* Takes the call. Over LIMIT_RUNTIME_CALLS it is answered as unavailable. */
void pool_submit(struct pool *pool, struct davit_call *call);
/* The process is about to end: the plugin is told. What runs, runs until then. */
void pool_close(struct pool *pool);
/* Answers what is over its deadline. Returns the time until the next one, -1 where there is none. */
int pool_expire(struct pool *pool, uint64_t now_boot_ms);

#endif
