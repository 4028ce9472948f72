#include "config.h"

#include "document.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "davit/limits.h"

static bool check_pod(const struct document *document, struct error *err)
{
    if (document->namespace_ == NULL || !address_name_is_valid(document->namespace_, LIMIT_LABEL_BYTES, ""))
        return error_set(err, ERROR_INVALID, "pod.namespace must be a DNS label");
    if (document->pod == NULL || !address_name_is_valid(document->pod, LIMIT_NAME_BYTES, "."))
        return error_set(err, ERROR_INVALID, "pod.name must be a DNS subdomain");
    if (document->netns != NULL && !file_path_is_safe(document->netns))
        return error_set(err, ERROR_INVALID, "pod.netns must be an absolute path without ..");
    return true;
}

bool document_check_layers(const struct json *layers, struct error *err)
{
    size_t count = json_size(layers);

    if (count == 0 || count > LIMIT_IMAGE_LAYERS)
        return error_set(err, ERROR_INVALID, "the image has %zu layers, 1 to %d can be used", count, LIMIT_IMAGE_LAYERS);
    JSON_EACH(layer, layers) {
        const char *path = json_text(layer);

        /* overlayfs separates with these, and a path that holds one would name another folder */
        if (path == NULL || !file_path_is_safe(path) || strpbrk(path, ":,\\") != NULL)
            return error_set(err, ERROR_INVALID, "the path of a layer is not usable: %s", path == NULL ? "none" : path);
    }
    return true;
}

bool document_parse(const char *text, struct document *document, struct error *err)
{
    const struct json *pod, *image;

    *document = (struct document){.json = json_parse(text, strlen(text), err), .userns = -1};
    if (document->json == NULL)
        return error_wrap(err, "the document of create");
    pod = json_get(document->json, "pod");
    document->pod_json = pod;
    document->netns = json_get_text(pod, "netns");
    document->uid = json_get_text(pod, "uid");
    document->namespace_ = json_get_text(pod, "namespace");
    document->pod = json_get_text(pod, "name");
    document->host_network = json_get_boolean(pod, "hostNetwork", false);
    document->attempt = json_get_integer(document->json, "attempt", 0);
    document->container = json_get(document->json, "container");
    document->container_name = json_get_text(document->container, "name");
    document->volumes = json_get(document->json, "volumes");
    document->record = json_get(document->json, "record");
    image = json_get(document->json, "image");
    document->layers = json_get(image, "layers");
    document->image = json_get(image, "config");
    if (!address_check(document->uid, document->container_name, document->attempt, err) ||
        !check_pod(document, err) || !document_check_layers(document->layers, err))
        return false;
    document->id = address_make_id(document->uid, document->container_name, document->attempt);
    return true;
}

void document_free(struct document *document)
{
    json_free(document->json);
    free(document->id);
    *document = (struct document){0};
}
