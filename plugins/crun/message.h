/* The words a container leaves when it ends. Kubernetes: Customizing the termination message. */
#ifndef CRUN_MESSAGE_H
#define CRUN_MESSAGE_H

#include "crun.h"

/* The file that the container writes; on the disk, for a workload must not fill a tmpfs. The caller frees. */
char *message_path(const struct crun *crun, const char *id);
MUST_CHECK bool message_make(const struct crun *crun, const char *id, struct error *err);
/* At its end: the file's text, or (`from_log`) the log's last lines. NULL: none. The caller frees. */
char *message_read(const struct crun *crun, const char *id, const char *log_path, bool from_log);

#endif
