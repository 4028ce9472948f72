/* davit-link: one connection, messages one by one, each live one taken before the next comes. */
#ifndef SIM_LINK_H
#define SIM_LINK_H

#include "sim.h"

void link_start(struct sim *sim);
/* A frame from davitd. `head` is taken. */
void link_frame(struct sim *sim, struct json *head, const char *body, size_t len);
/* A message of the broker, on its way to davitd. Taken. */
void link_deliver(struct sim *sim, struct message *message);
/* The connection breaks; it is tried again. */
void link_cut(struct sim *sim, const char *why);
/* The link's process ends with davitd; link_crash: by itself, and is started again. */
void link_end(struct sim *sim);
void link_crash(struct sim *sim, const char *why);

#endif
