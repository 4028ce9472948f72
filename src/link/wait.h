/* Waiting on a condition for so long at most, by a clock that nobody sets. Any thread. */
#ifndef LINK_WAIT_H
#define LINK_WAIT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

void wait_init(pthread_cond_t *cond);
struct timespec wait_deadline(uint64_t in_ms);
/* False once the deadline is over. Wakes without a reason are possible: look at the condition again. */
bool wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, const struct timespec *deadline);

#endif
