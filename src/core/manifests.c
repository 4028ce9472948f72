#include "core/manifests.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/yaml.h"
#include "core/desired_node.h"
#include "core/inbox.h"

/* What the folder holds now. */
struct found {
    struct core *core;
    struct object_id *ids;
    size_t count;
    bool node;     /* what may start and stay here */
    bool doubtful; /* a file could not be read: what it held is not known */
};

static bool is_manifest(const char *name)
{
    const char *dot = strrchr(name, '.');
    return name[0] != '.' && dot != NULL &&
           (strcmp(dot, ".json") == 0 || strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

static void found_add(struct found *found, const struct object_id *id)
{
    found->ids = mem_resize(found->ids, found->count + 1, sizeof(*found->ids));
    found->ids[found->count++] = *id;
}

static bool found_has(const struct found *found, const struct object_id *id)
{
    for (size_t i = 0; i < found->count; i++)
        if (object_id_compare(&found->ids[i], id) == 0)
            return true;
    return false;
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
        if (!inbox_manifest(found->core, document, &id, &refusal)) {
            core_event(found->core, NULL, true, refusal.reason, "%s: %s", file, refusal.message);
            /* A document that says who it is keeps its place; one that does not puts all in doubt. */
            found->doubtful = found->doubtful || id.name[0] == '\0';
        }
        if (id.name[0] != '\0')
            found_add(found, &id);
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
        if (object_slot(object, &key) != NULL && !found_has(found, &object->id))
            inbox_empty_slot(core, object, &key);
}

void manifests_read(struct core *core)
{
    DIR *folder = opendir(core->config->manifests_dir);
    if (folder == NULL) {
        if (errno != ENOENT)
            log_error("cannot read the manifests folder %s: %s", core->config->manifests_dir, strerror(errno));
        return;
    }
    struct found found = { .core = core };
    for (const struct dirent *entry; errno = 0, (entry = readdir(folder)) != NULL;)
        if (is_manifest(entry->d_name))
            read_file(&found, entry->d_name);
    if (errno != 0) {
        log_error("cannot read all of the manifests folder %s: %s", core->config->manifests_dir, strerror(errno));
        found.doubtful = true;
    }
    closedir(folder);
    if (!found.doubtful)
        empty_missing(core, &found);
    if (!found.doubtful && !found.node)
        desired_node_manifest(core, NULL);
    free(found.ids);
}
