/* Kubernetes' appArmorProfile: which profile of the host's kernel a container gets. */
#ifndef CRUN_APPARMOR_H
#define CRUN_APPARMOR_H

#include "base/error.h"
#include "base/json.h"

/* Where the kernel says whether it has AppArmor, and what is loaded. */
struct apparmor_host {
    const char *enabled;  /* a file that says Y */
    const char *profiles; /* "NAME (MODE)" a line */
};

extern const struct apparmor_host apparmor_host;

/* *profile NULL: none. False: a profile of type Localhost that this host cannot enforce. The caller frees. */
MUST_CHECK bool apparmor_choose(const struct json *context, const struct apparmor_host *host, char **profile,
                                struct error *err);

#endif
