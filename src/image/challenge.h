/* WWW-Authenticate, as a registry asks with it for a name. Pure; what comes is hostile. */
#ifndef IMAGE_CHALLENGE_H
#define IMAGE_CHALLENGE_H

#include <stdbool.h>

#include "base/error.h"

struct challenge {
    bool basic, bearer;                    /* the schemes that are offered; others are passed over */
    char *realm, *service, *scope, *error; /* Bearer's; NULL: not there */
};

/* All challenges of an answer, joined by commas (RFC 9110, 11.6.1). False: it is broken, or offers neither of the two;
 * *err does not repeat what came. challenge_free in every case.
 */
MUST_CHECK bool challenge_parse(const char *text, struct challenge *out, struct error *err);
void challenge_free(struct challenge *challenge);
/* "repository:NAME:pull", several with a space between them; nothing else is asked for, whatever a registry wishes. */
bool challenge_scope_is_pull(const char *scope);

#endif
