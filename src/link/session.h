/* The connection kept up: connect, subscribe, publish, lose it, wait, again. One thread of its own, for Paho's calls
 * block while a received message waits for `taken`, and the loop must stay free to read just that.
 */
#ifndef LINK_SESSION_H
#define LINK_SESSION_H

#include "link/options.h"
#include "link/publication.h"
#include "link/subscription.h"
#include "link/up.h"

struct session;

/* Both must outlive the process; the subscriptions are the session's from now on. Starts its thread. */
struct session *session_new(struct link_options *options, struct up *up);

/* Loop. Answered by a `published` frame, whatever happens. */
void session_publish(struct session *session, struct publication *taken);
/* Loop. Takes `change`. Answered by a `subscribed` frame, or by `connected`. */
void session_change(struct session *session, struct subscription_change *change);
/* Loop. DISCONNECT after what was asked before; then session_is_over. */
void session_disconnect(struct session *session);
bool session_is_stopped(struct session *session); /* DISCONNECT was asked for */
/* Loop. The parent has seen another client with our id: if this connection ends soon and without a reason, that is the reason. */
void session_rival(struct session *session);
bool session_is_over(struct session *session);

#endif
