#include "core/manifests.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/yaml.h"
#include "core/desired_node.h"
#include "core/inbox.h"
#include "protocol/names.h"

/* What the folder holds now. */
struct found_one {
    struct object_id id;
    const char *file;
};

struct found {
    struct core *core;
    struct found_one *list;
    size_t count;
    bool node;     /* what may start and stay here */
    bool doubtful; /* a file could not be read: what it held is not known */
};

static int is_manifest(const struct dirent *entry)
{
    const char *name = entry->d_name;
    const char *dot = strrchr(name, '.');
    return name[0] != '.' && dot != NULL &&
           (strcmp(dot, ".json") == 0 || strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

static void found_add(struct found *found, const struct object_id *id, const char *file)
{
    found->list = mem_resize(found->list, found->count + 1, sizeof(*found->list));
    found->list[found->count++] = (struct found_one){ .id = *id, .file = file };
}

/* The file that has it; NULL: none yet. */
static const char *found_in(const struct found *found, const struct object_id *id)
{
    for (size_t i = 0; i < found->count; i++)
        if (object_id_compare(&found->list[i].id, id) == 0)
            return found->list[i].file;
    return NULL;
}

/* Two files would take turns, and its pod be restarted each time that the folder is read. */
static bool is_twice(const struct found *found, const char *file, const struct json *document)
{
    const struct json *metadata = json_get(document, "metadata");
    const struct resource *resource = resource_by_kind(json_get_text(document, "kind"));
    const char *name = json_get_text(metadata, "name"), *ns = json_get_text(metadata, "namespace");
    struct object_id id = { 0 };
    if (resource == NULL || name == NULL)
        return false; /* and is refused */
    snprintf(id.namespace, sizeof(id.namespace), "%s", ns != NULL && ns[0] != '\0' ? ns : "default");
    snprintf(id.resource, sizeof(id.resource), "%s", resource->plural);
    snprintf(id.name, sizeof(id.name), "%s", name);
    const char *first = found_in(found, &id);
    if (first != NULL)
        core_event(found->core, NULL, true, "InvalidManifest", "%s: %s/%s/%s is in %s already, which rules: remove one of them", file,
                   id.namespace, id.resource, id.name, first);
    return first != NULL;
}

static bool is_node(const struct json *document)
{
    const char *kind = json_get_text(document, "kind"), *version = json_get_text(document, "apiVersion");
    return kind != NULL && version != NULL && strcmp(kind, "Node") == 0 && strcmp(version, "v1") == 0;
}

static void take_node(struct found *found, const char *file, const struct json *document)
{
    struct refusal refusal;
    bool good = desired_node_manifest_check(found->core, document, &refusal);
    if (good && found->node) {
        good = false;
        refusal_set(&refusal, "InvalidManifest", "another file holds a Node already");
    }
    found->node = true;
    if (good)
        desired_node_manifest(found->core, document);
    else
        core_event(found->core, NULL, true, refusal.reason, "%s: %s", file, refusal.message);
}

static void take_documents(struct found *found, const char *file, const struct json *documents)
{
    JSON_EACH(document, documents) {
        struct object_id id = { 0 };
        struct refusal refusal;
        if (is_node(document)) {
            take_node(found, file, document);
            continue;
        }
        if (is_twice(found, file, document))
            continue;
        if (!inbox_manifest(found->core, document, &id, &refusal)) {
            core_event(found->core, NULL, true, refusal.reason, "%s: %s", file, refusal.message);
            /* A document that says who it is keeps its place; one that does not puts all in doubt. */
            found->doubtful = found->doubtful || id.name[0] == '\0';
        }
        if (id.name[0] != '\0')
            found_add(found, &id, file);
    }
}

static void read_file(struct found *found, const char *file)
{
    AUTO_FREE char *path = mem_printf("%s/%s", found->core->config->manifests_dir, file);
    AUTO_FREE char *text = NULL;
    size_t len = 0;
    struct error err;
    AUTO_JSON struct json *documents =
        file_read_regular(path, LIMIT_DOCUMENT_BYTES, &text, &len, &err) ? yaml_parse(text, len, &err) : NULL;
    if (documents == NULL) {
        core_event(found->core, NULL, true, "InvalidManifest", "%s: %s", file, err.message);
        found->doubtful = true;
        return;
    }
    if (json_size(documents) == 0) { /* as a loss of power leaves it, or a writer who is not done */
        core_event(found->core, NULL, true, "InvalidManifest",
                   "%s: it holds no document; nothing is deleted until it does, or the file is removed", file);
        found->doubtful = true;
    }
    take_documents(found, file, documents);
}

static void empty_missing(struct core *core, const struct found *found)
{
    static const struct slot_key key = { .source = SOURCE_MANIFESTS, .group = "" };
    for (struct object *object = core->objects.table; object != NULL; object = object->hh.next)
        if (object_slot(object, &key) != NULL && found_in(found, &object->id) == NULL)
            inbox_empty_slot(core, object, &key);
}

/* By name, so that of two files with one object it is always the same that rules. */
void manifests_read(struct core *core)
{
    struct dirent **files = NULL;
    int count = scandir(core->config->manifests_dir, &files, is_manifest, alphasort);
    if (count < 0) {
        if (errno != ENOENT)
            log_error("cannot read the manifests folder %s: %s", core->config->manifests_dir, strerror(errno));
        return;
    }
    struct found found = { .core = core };
    for (int i = 0; i < count; i++)
        read_file(&found, files[i]->d_name);
    if (!found.doubtful)
        empty_missing(core, &found);
    if (!found.doubtful && !found.node)
        desired_node_manifest(core, NULL);
    free(found.list);
    for (int i = 0; i < count; i++)
        free(files[i]);
    free(files);
}
