/* New limits for a pod that runs. */
#ifndef CRUN_UPDATE_H
#define CRUN_UPDATE_H

#include "crun.h"

/* `containers` as in the document of `update`. */
MUST_CHECK bool update_limits(struct crun *crun, const char *uid, const struct json *containers, struct error *err);
/* The pod's own: once before its containers' (what then fails may not fail behind them) and once after. `json`: the document. */
MUST_CHECK bool update_pod(struct crun *crun, const struct json *json, const char *uid, bool before, struct error *err);

#endif
