/* Kubernetes' label selectors: matchLabels and matchExpressions. Pure. */
#ifndef PROTOCOL_SELECTOR_H
#define PROTOCOL_SELECTOR_H

#include "base/error.h"
#include "base/json.h"

/* Whether `selector` (NULL: everything) is one, and matches `labels`; else *err says which part does not. */
MUST_CHECK bool selector_check(const struct json *selector, const struct json *labels, struct error *err);

#endif
