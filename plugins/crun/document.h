/* The document of a create call, looked at once and found whole: ids that become paths are checked here. */
#ifndef CRUN_DOCUMENT_H
#define CRUN_DOCUMENT_H

#include "base/address.h"

struct document {
    struct json *json;        /* owns everything below but id */
    const char *uid, *namespace_, *pod;
    const struct json *pod_json; /* the whole `pod` */
    bool host_network;
    const char *netns;        /* of the pod, made by somebody else; NULL: this plugin makes one */
    int64_t attempt;
    const struct json *container, *volumes, *record;
    const char *container_name;
    const struct json *layers, *image; /* image: the OCI configuration */
    char *id;                 /* short, and safe as a file name */
    int userns;               /* the pod's, borrowed from who opened it; -1: the host's */
};

MUST_CHECK bool document_parse(const char *text, struct document *document, struct error *err);
void document_free(struct document *document);
/* Folders that an overlay can be made of. */
MUST_CHECK bool document_check_layers(const struct json *layers, struct error *err);

#endif
