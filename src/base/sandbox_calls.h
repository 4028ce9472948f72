/* The system calls a sandbox knows, for sandbox.c. */
#ifndef BASE_SANDBOX_CALLS_H
#define BASE_SANDBOX_CALLS_H

#include "base/sandbox.h"

/* Loads the filter into the kernel, for every thread. no_new_privs must be set. */
MUST_CHECK bool sandbox_calls_load(enum sandbox_calls calls, struct error *err);

#endif
