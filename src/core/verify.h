/* Who may say what: the stage between a message and its document. Open mode: whoever the broker lets publish. Signed
 * desired state takes this place, and nothing else moves.
 */
#ifndef CORE_VERIFY_H
#define CORE_VERIFY_H

#include "core/object.h"

struct verified {
    const char *payload; /* the object's JSON, within the message */
    size_t len;
};

/* False: refused, with the reason. */
MUST_CHECK bool verify_message(const struct slot_key *key, const char *data, size_t len, int64_t max_bytes,
                               struct verified *out, struct refusal *refusal);
/* "open": what the node's status says of it. */
const char *verify_mode(void);

#endif
