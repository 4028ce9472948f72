/* How a domain ended while nobody looked: libvirtd writes it into its log of the domain. */
#ifndef VMS_END_LOG_H
#define VMS_END_LOG_H

#include "instance.h"

/* Remembers the end where the log tells it of this attempt. Lock held. */
void end_log_read(struct instance *instance);
/* The same of a log's last lines; `since_ms` is when the attempt began. Returns the word behind "reason=", which lies in
 * `text`, and sets *at_ms; NULL: it does not say.
 */
const char *end_log_find(char *text, uint64_t since_ms, uint64_t *at_ms);

#endif
