/* A document on the broker, changed: read as it is held there, given to the caller, published under a new generation. */
#ifndef CLI_EDIT_H
#define CLI_EDIT_H

#include "cli/target.h"

/* Changes the document. False: *err says why it cannot be. An App has its `spec` here, however it was published. */
typedef bool edit_change(void *ctx, struct json *document, struct error *err);

/* Of a target whose session has learned what the broker holds (target_session). Refused where the broker holds no document
 * of its own for this place: then the error says where the object comes from. *changed is false where it was so already.
 */
MUST_CHECK bool edit_publish(struct session *session, struct target *target, edit_change *change, void *ctx, bool *changed,
                             struct error *err);

#endif
