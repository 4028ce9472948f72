/* How a child gives up what it does not need, itself, after start. Never done to davitd or a runtime host: what they
 * start would inherit it. Proven by tests that read CapEff, NoNewPrivs and Seccomp in /proc.
 */
#ifndef BASE_SANDBOX_H
#define BASE_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

enum sandbox_calls {
    SANDBOX_CALLS_NETWORK, /* a network client with threads: no exec, mount, ptrace, bpf, keyctl, namespaces … */
    SANDBOX_CALLS_NAMESPACES, /* what makes namespaces and starts programs: exec, mount, setns; nothing else of the above */
    SANDBOX_CALLS_UNPACK   /* allow-list: files and memory below the chroot, no sockets made, no processes */
};

struct sandbox {
    const char *user;       /* become this user ("nobody"), all groups dropped; NULL: stay */
    const char *chroot_dir; /* NULL: none */
    uint64_t keep_caps;     /* bit mask 1 << CAP_…; the rest leave every set */
    enum sandbox_calls calls;
};

/* Before any other thread is started, with every folder outside the chroot already open. When not root (a developer,
 * the CLI): no user change, no chroot; no_new_privs and seccomp all the same. After an error the process must end: it
 * may stand half way.
 */
MUST_CHECK bool sandbox_enter(const struct sandbox *sandbox, struct error *err);

/* Whom a sandbox of this user becomes. */
MUST_CHECK bool sandbox_user(const char *user, uid_t *uid, struct error *err);

#endif
