/* Kubernetes' names, and the kinds whose objects have a place in the topics. Pure. */
#ifndef PROTOCOL_NAMES_H
#define PROTOCOL_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* RFC 1123 label: lower-case letters, digits, '-', not at the ends, 1 to 63. */
bool name_is_label(const char *text);
/* DNS subdomain: labels with dots between, 1 to 253. */
bool name_is_subdomain(const char *text);
/* A node or group name: a subdomain, and none of the protocol's own words. */
bool name_is_node(const char *text);
/* 1 to `most` letters and digits of ASCII, and characters of `others`. */
bool name_is_word(const char *text, const char *others, size_t most);
/* A user's name as a topic level: letters, digits, '-', '_', '.', '@', ':', 1 to LIMIT_REQUEST_NAME_BYTES. */
bool name_is_user(const char *text);
/* A topic root: one to four levels of letters, digits, '-', '_', '.'. */
bool name_is_root(const char *text);

#define RESOURCE_SHORTS 2

struct resource {
    const char *plural;      /* "pods" */
    const char *singular;    /* "pod" */
    const char *kind;        /* "Pod" */
    const char *api_version; /* "v1" */
    bool honoured;           /* this version of Davit runs it */
    const char *shorts[RESOURCE_SHORTS]; /* kubectl's short names; NULL behind the last */
};

/* All, in the order in which they are listed. NULL behind the last; they lie in one array. */
const struct resource *resource_at(size_t index);
size_t resource_count(void);
const struct resource *resource_by_plural(const char *plural); /* NULL: unknown */
const struct resource *resource_by_kind(const char *kind);
/* By plural, singular or kubectl's short name, as a person types it: also "deployment.apps", as kubectl prints it. NULL: unknown. */
const struct resource *resource_by_word(const char *word);

#endif
