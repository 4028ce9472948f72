#include "config.h"

#include "document.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "davit/limits.h"

#define ID_HEX_DIGITS 12
#define UID_BYTES 64
#define ATTEMPT_LAST 1000000000

bool document_uid_is_valid(const char *uid)
{
    size_t len = strlen(uid), digits = 0;

    for (size_t i = 0; i < len; i++)
        digits += uid[i] != '-';
    return len <= UID_BYTES && uid[0] != '-' && digits >= ID_HEX_DIGITS &&
           strspn(uid, "0123456789abcdef-") == len;
}

static bool name_is_valid(const char *name, size_t most, const char *more)
{
    static const char usual[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    size_t len = strlen(name);

    if (len == 0 || len > most || name[0] == '-' || name[0] == '.')
        return false;
    for (size_t i = 0; i < len; i++) {
        if (strchr(usual, name[i]) == NULL && strchr(more, name[i]) == NULL)
            return false;
    }
    return true;
}

static char *make_id(const char *uid, const char *container, int64_t attempt)
{
    char digits[ID_HEX_DIGITS + 1] = "";
    size_t count = 0;

    for (const char *at = uid; *at != '\0' && count < ID_HEX_DIGITS; at++) {
        if (*at != '-')
            digits[count++] = *at;
    }
    return mem_printf("%s-%s-%lld", digits, container, (long long)attempt);
}

static bool check_instance(const char *uid, const char *container, int64_t attempt, struct error *err)
{
    if (uid == NULL || !document_uid_is_valid(uid))
        return error_set(err, ERROR_INVALID, "the uid must be 12 to %d lower-case hex digits and dashes", UID_BYTES);
    if (container == NULL || !name_is_valid(container, LIMIT_LABEL_BYTES, ""))
        return error_set(err, ERROR_INVALID, "the container's name must be a DNS label");
    if (attempt < 0 || attempt > ATTEMPT_LAST)
        return error_set(err, ERROR_INVALID, "the attempt must be a whole number from 0 to %d", ATTEMPT_LAST);
    return true;
}

static bool check_pod(const struct document *document, struct error *err)
{
    if (document->namespace_ == NULL || !name_is_valid(document->namespace_, LIMIT_LABEL_BYTES, ""))
        return error_set(err, ERROR_INVALID, "pod.namespace must be a DNS label");
    if (document->pod == NULL || !name_is_valid(document->pod, LIMIT_NAME_BYTES, "."))
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
    if (!check_instance(document->uid, document->container_name, document->attempt, err) ||
        !check_pod(document, err) || !document_check_layers(document->layers, err))
        return false;
    document->id = make_id(document->uid, document->container_name, document->attempt);
    return true;
}

void document_free(struct document *document)
{
    json_free(document->json);
    free(document->id);
    *document = (struct document){0};
}

bool address_parse(const char *text, bool whole, struct address *address, struct error *err)
{
    *address = (struct address){.json = json_parse(text, strlen(text), err)};
    if (address->json == NULL)
        return error_wrap(err, "the document of the call");
    address->uid = json_get_text(address->json, "uid");
    address->container = json_get_text(address->json, "container");
    address->attempt = json_get_integer(address->json, "attempt", 0);
    address->force = json_get_boolean(address->json, "force", false);
    if (!check_instance(address->uid, whole ? address->container : "any", address->attempt, err))
        return false;
    if (whole)
        address->id = make_id(address->uid, address->container, address->attempt);
    return true;
}

void address_free(struct address *address)
{
    json_free(address->json);
    free(address->id);
    *address = (struct address){0};
}
