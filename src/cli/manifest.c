#include "config.h"

#include "cli/manifest.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/yaml.h"
#include "cli/compose.h"
#include "cli/manifest_check.h"
#include "cli/manifest_compose.h"
#include "davit/limits.h"

#define FOLDERS_DEEP 32

static bool check_once(const struct manifest *manifest, const struct manifest_item *added, struct error *err)
{
    for (size_t i = 0; i < manifest->count; i++) {
        const struct manifest_item *other = &manifest->items[i];
        if (object_id_compare(&other->id, &added->id) == 0)
            return error_set(err, ERROR_INVALID, "%s \"%s\" of namespace \"%s\" is also in %s: one of them is too many",
                             added->resource->singular, added->id.name, added->id.namespace, other->origin);
    }
    return true;
}

bool manifest_add(const struct options *options, struct manifest *manifest, struct json *object_taken, const char *origin,
                  struct error *err)
{
    struct manifest_item item = {.object = object_taken, .origin = mem_strdup(origin)};
    bool skipped = false;
    bool ok = (manifest_check(options, &item, &skipped, err) && (skipped || check_once(manifest, &item, err))) ||
              error_wrap(err, "%s", origin);
    if (ok && !skipped) {
        if (manifest->count % 64 == 0)
            manifest->items = mem_resize(manifest->items, manifest->count + 64, sizeof(item));
        manifest->items[manifest->count++] = item;
        return true;
    }
    json_free(item.object);
    free(item.origin);
    return ok;
}

/* "List", and what the API itself gives: "PodList", whose items do not say what they are. */
static bool is_list(const struct json *object, const char *kind)
{
    size_t len = kind != NULL ? strlen(kind) : 0;
    return len >= 4 && strcmp(kind + len - 4, "List") == 0 && (len == 4 || json_get(object, "items") != NULL);
}

static struct json *item_with_kind(const struct json *list, const struct json *item)
{
    const char *kind = json_get_text(list, "kind"), *version = json_get_text(list, "apiVersion");
    struct json *copy = json_copy(item);
    AUTO_FREE char *own = mem_printf("%.*s", (int)strlen(kind) - 4, kind);
    if (json_type(copy) != JSON_OBJECT || own[0] == '\0' || json_get(copy, "kind") != NULL)
        return copy;
    json_set_text(copy, "kind", own);
    json_set_text(copy, "apiVersion", version);
    return copy;
}

static bool add_list(const struct options *options, struct manifest *manifest, const struct json *list,
                     const char *origin, struct error *err)
{
    const struct json *items = json_get(list, "items");
    size_t index = 0;
    if (items == NULL || json_type(items) != JSON_ARRAY)
        return error_set(err, ERROR_INVALID, "%s: a List without items", origin);
    JSON_EACH(item, items) {
        AUTO_FREE char *item_origin = mem_printf("%s, item %zu", origin, ++index);
        if (!manifest_add(options, manifest, item_with_kind(list, item), item_origin, err))
            return false;
    }
    return true;
}

static bool add_document(const struct options *options, struct manifest *manifest, const struct json *document, const char *origin,
                         const char *path, struct error *err)
{
    if (compose_is_one(document))
        return manifest_add_compose(options, manifest, document, origin, path, err);
    if (is_list(document, json_get_text(document, "kind")))
        return add_list(options, manifest, document, origin, err);
    return manifest_add(options, manifest, json_copy(document), origin, err);
}

static bool add_text(const struct options *options, struct manifest *manifest, const char *path, const char *text, size_t len,
                     struct error *err)
{
    const char *file = strcmp(path, "-") == 0 ? "stdin" : path;
    AUTO_JSON struct json *documents = yaml_parse(text, len, err);
    if (documents == NULL)
        return error_wrap(err, "%s", file);
    size_t index = 0;
    JSON_EACH(object, documents) {
        index++;
        AUTO_FREE char *origin =
            json_size(documents) > 1 ? mem_printf("%s, document %zu", file, index) : mem_strdup(file);
        if (!add_document(options, manifest, object, origin, path, err))
            return false;
    }
    return true;
}

static bool add_file(const struct options *options, struct manifest *manifest, const char *path, struct error *err)
{
    AUTO_FREE char *text = NULL;
    size_t len = 0;
    bool is_stdin = strcmp(path, "-") == 0;
    bool read_whole = is_stdin ? file_read_fd(0, LIMIT_MANIFEST_BYTES, &text, &len, err)
                               : file_read(path, LIMIT_MANIFEST_BYTES, &text, &len, err);
    if (!read_whole)
        return is_stdin ? error_wrap(err, "stdin") : false;
    return add_text(options, manifest, path, text, len, err);
}

static bool is_manifest_name(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot != NULL && (strcmp(dot, ".json") == 0 || strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* Files of a folder by their names; with -R those below too. *files counts them. */
static bool add_folder(const struct options *options, struct manifest *manifest, const char *path, int depth, size_t *files,
                       struct error *err)
{
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, is_visible, alphasort);
    if (count < 0)
        return error_set_errno(err, errno, "%s: cannot read the folder", path);
    bool ok = true;
    for (int i = 0; i < count; i++) {
        AUTO_FREE char *below = mem_printf("%s/%s", path, entries[i]->d_name);
        struct stat status;
        bool is_folder = stat(below, &status) == 0 && S_ISDIR(status.st_mode);
        if (ok && is_folder && options->recursive)
            ok = depth < FOLDERS_DEEP ? add_folder(options, manifest, below, depth + 1, files, err)
                                      : error_set(err, ERROR_LIMIT, "%s: more than %d folders in one another", below, FOLDERS_DEEP);
        else if (ok && !is_folder && is_manifest_name(entries[i]->d_name)) {
            ok = add_file(options, manifest, below, err);
            ++*files;
        }
        free(entries[i]);
    }
    free(entries);
    return ok;
}

static bool read_folder(const struct options *options, struct manifest *manifest, const char *path, struct error *err)
{
    size_t files = 0;
    if (!add_folder(options, manifest, path, 0, &files, err))
        return false;
    return files > 0 || error_set(err, ERROR_NOT_FOUND, "%s: no *.json, *.yaml or *.yml in this folder%s", path,
                                  options->recursive ? "" : "; -R looks into the folders in it");
}

static bool read_one(const struct options *options, struct manifest *manifest, const char *path, struct error *err)
{
    struct stat status;
    bool is_stdin = strcmp(path, "-") == 0;
    if (strstr(path, "://") != NULL)
        return error_set(err, ERROR_UNSUPPORTED, "%s: Davit reads no URLs. Try: curl -fsSL %s | davit apply -f -", path, path);
    bool is_folder = !is_stdin && stat(path, &status) == 0 && S_ISDIR(status.st_mode);
    return (is_folder ? read_folder : add_file)(options, manifest, path, err);
}

/* kubectl's a.yaml,b.yaml, where no file is called so. */
static bool read_list(const struct options *options, struct manifest *manifest, const char *list, struct error *err)
{
    struct stat status;
    if (strchr(list, ',') == NULL || strstr(list, "://") != NULL || stat(list, &status) == 0)
        return read_one(options, manifest, list, err);
    for (const char *at = list; *at != '\0'; at += *at == ',') {
        AUTO_FREE char *path = mem_strndup(at, strcspn(at, ","));
        at += strlen(path);
        if (path[0] != '\0' && !read_one(options, manifest, path, err))
            return false;
    }
    return true;
}

bool manifest_read_names(const struct options *options, struct manifest *manifest, struct error *err)
{
    for (size_t i = 0; i < options->files.count; i++)
        if (!read_list(options, manifest, options->files.list[i], err))
            return false;
    const char *first = options->files.list[0];
    return manifest->count > 0 || error_set(err, ERROR_INVALID, "%s: no object that Davit knows",
                                            strcmp(first, "-") == 0 ? "stdin" : first);
}

bool manifest_read(const struct options *options, struct manifest *manifest, struct error *err)
{
    if (!manifest_read_names(options, manifest, err))
        return false;
    for (size_t i = 0; i < manifest->count; i++)
        if (!manifest_decode(options, &manifest->items[i], err))
            return error_wrap(err, "%s", manifest->items[i].origin);
    return true;
}

void manifest_free(struct manifest *manifest)
{
    for (size_t i = 0; i < manifest->count; i++) {
        json_free(manifest->items[i].object);
        free(manifest->items[i].origin);
    }
    free(manifest->items);
    *manifest = (struct manifest){0};
}
