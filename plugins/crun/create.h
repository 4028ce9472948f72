/* The way from a document to a created container, and back when a step fails. */
#ifndef CRUN_CREATE_H
#define CRUN_CREATE_H

#include "document.h"
#include "instance.h"

/* NULL on error, with nothing left of it; *reason is then Kubernetes' word. The instance is not in the list yet. */
MUST_CHECK struct instance *create_instance(struct crun *crun, const struct document *document, int cancel_fd,
                                            const char **reason, struct error *err);

#endif
