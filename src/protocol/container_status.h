/* Parts of a pod's status: its conditions, and its containers. For pod_status only. Pure. */
#ifndef PROTOCOL_CONTAINER_STATUS_H
#define PROTOCOL_CONTAINER_STATUS_H

#include "protocol/pod_status.h"

void conditions_write(const struct pod_report *report, struct json *conditions);
/* initContainerStatuses and containerStatuses. */
void container_statuses_write(const struct pod_report *report, struct json *status);

/* The condition IgnoredFields, where there are some. */
void ignored_write(const struct ignored_fields *ignored, struct json *conditions);
/* Why a container waits, in words; NULL: nothing is to be said. The caller frees. */
char *status_waiting_message(const struct pod_report *report, size_t index);
const char *status_ending_reason(const struct ending *ending);
void status_set_time(struct json *object, const char *key, uint64_t wall_ms); /* RFC 3339 */
void status_set_ms(struct json *object, const char *key, uint64_t wall_ms);

#endif
