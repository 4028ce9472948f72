/* kubectl's -l: `a=b`, `a!=b`, `a in (b,c)`, `a notin (b)`, `a`, `!a`, with commas between: all must hold. */
#ifndef CLI_LABEL_QUERY_H
#define CLI_LABEL_QUERY_H

#include "base/error.h"
#include "base/json.h"

/* As Kubernetes' matchExpressions. NULL on error, which names the part that is none. */
MUST_CHECK struct json *label_query_parse(const char *text, struct error *err);
/* `labels` NULL: an object without any. */
bool label_query_fits(const struct json *query, const struct json *labels);

#endif
