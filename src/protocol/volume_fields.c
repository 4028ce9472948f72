#include "protocol/volume_fields.h"

#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "model/quantity.h"
#include "protocol/container_fields.h"
#include "protocol/names.h"
#include "protocol/resolve.h"

#define MODE_MAX 0777
#define MODE_FILES 0644

static bool is_host_path_type(const char *text)
{
    static const char *const types[] = { "",       "DirectoryOrCreate", "Directory", "FileOrCreate", "File",
                                         "Socket", "CharDevice",        "BlockDevice" };
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (strcmp(text, types[i]) == 0)
            return true;
    return false;
}

static bool is_size(const char *text)
{
    int64_t bytes = 0;
    return quantity_read(text, 1, &bytes);
}

static bool is_file_path(const char *text)
{
    return text[0] != '\0' && path_is_relative(text) && strncmp(text, "..", 2) != 0;
}

static const char *const medium_words[] = { "", "Memory", NULL };

static const struct field_table host_path_table = { sizeof(struct host_path), (const struct field[]){
    { FIELD("path", FIELD_TEXT, struct host_path, path), .required = true, .check = file_path_is_safe,
      .expected = "absolute path without \"..\"" },
    { FIELD("type", FIELD_TEXT, struct host_path, type), .check = is_host_path_type, .expected = "hostPath type" },
    { 0 } } };

static const struct field_table empty_dir_table = { sizeof(struct empty_dir), (const struct field[]){
    { FIELD("medium", FIELD_WORD, struct empty_dir, memory), .words = medium_words },
    { FIELD("sizeLimit", FIELD_PORT, struct empty_dir, size_limit) },
    { 0 } } };

static const struct field_table key_path_table = { sizeof(struct key_path), (const struct field[]){
    { FIELD("key", FIELD_TEXT, struct key_path, key), .required = true },
    { FIELD("path", FIELD_TEXT, struct key_path, path), .required = true, .check = is_file_path,
      .expected = "relative path without \"..\"" },
    { FIELD("mode", FIELD_INTEGER, struct key_path, mode), .fallback = POD_UNSET, .max = MODE_MAX },
    { 0 } } };

#define MAP_FIELDS(key)                                                                                               \
    { FIELD(key, FIELD_TEXT, struct map_source, name), .check = name_is_subdomain, .expected = "name of an object" },  \
    { FIELD("items", FIELD_OBJECTS, struct map_source, items), .max = LIMIT_FILES, .nested = &key_path_table },        \
    { FIELD("defaultMode", FIELD_INTEGER, struct map_source, default_mode), .fallback = MODE_FILES, .max = MODE_MAX }, \
    { FIELD("optional", FIELD_BOOL, struct map_source, optional) }

static const struct field_table config_map_table = { sizeof(struct map_source), (const struct field[]){
    MAP_FIELDS("name"),
    { 0 } } };

static const struct field_table secret_table = { sizeof(struct map_source), (const struct field[]){
    MAP_FIELDS("secretName"),
    { 0 } } };

static const struct field_table downward_file_table = { sizeof(struct downward_file), (const struct field[]){
    { FIELD("path", FIELD_TEXT, struct downward_file, path), .required = true, .check = is_file_path,
      .expected = "relative path without \"..\"" },
    { FIELD("fieldRef", FIELD_OBJECT, struct downward_file, field), .nested = &field_ref_table },
    { FIELD("resourceFieldRef", FIELD_OBJECT, struct downward_file, resource), .nested = &resource_ref_table },
    { FIELD("mode", FIELD_INTEGER, struct downward_file, mode), .fallback = POD_UNSET, .max = MODE_MAX },
    { 0 } } };

static const struct field_table downward_table = { sizeof(struct downward_source), (const struct field[]){
    { FIELD("items", FIELD_OBJECTS, struct downward_source, items), .max = LIMIT_FILES, .nested = &downward_file_table },
    { FIELD("defaultMode", FIELD_INTEGER, struct downward_source, default_mode), .fallback = MODE_FILES,
      .max = MODE_MAX },
    { 0 } } };

static const struct field_table projection_table = { sizeof(struct projection), (const struct field[]){
    { FIELD("configMap", FIELD_OBJECT, struct projection, config_map), .nested = &config_map_table },
    { FIELD("secret", FIELD_OBJECT, struct projection, secret), .nested = &config_map_table },
    { FIELD("downwardAPI", FIELD_OBJECT, struct projection, downward), .nested = &downward_table },
    { 0 } } };

static const struct field_table projected_table = { sizeof(struct projected_source), (const struct field[]){
    { FIELD("sources", FIELD_OBJECTS, struct projected_source, sources), .max = LIMIT_VOLUMES,
      .nested = &projection_table },
    { FIELD("defaultMode", FIELD_INTEGER, struct projected_source, default_mode), .fallback = MODE_FILES,
      .max = MODE_MAX },
    { 0 } } };

const struct field_table claim_source_table = { sizeof(struct claim_source), (const struct field[]){
    { FIELD("claimName", FIELD_TEXT, struct claim_source, claim), .required = true, .check = name_is_subdomain,
      .expected = "name of a PersistentVolumeClaim" },
    { FIELD("readOnly", FIELD_BOOL, struct claim_source, read_only) },
    { 0 } } };

static const struct field_table image_table = { sizeof(struct image_source), (const struct field[]){
    { FIELD("reference", FIELD_TEXT, struct image_source, reference), .required = true, .check = image_name_is_valid,
      .expected = "image reference" },
    { FIELD("pullPolicy", FIELD_WORD, struct image_source, pull_policy), .words = pull_words, .fallback = PULL_BY_TAG,
      .unhashed = true },
    { 0 } } };

const struct field_table volume_table = { sizeof(struct volume), (const struct field[]){
    { FIELD("name", FIELD_TEXT, struct volume, name), .required = true, .check = name_is_label,
      .expected = "DNS label" },
    { FIELD("hostPath", FIELD_OBJECT, struct volume, host_path), .nested = &host_path_table },
    { FIELD("emptyDir", FIELD_OBJECT, struct volume, empty_dir), .nested = &empty_dir_table },
    { FIELD("configMap", FIELD_OBJECT, struct volume, config_map), .nested = &config_map_table },
    { FIELD("secret", FIELD_OBJECT, struct volume, secret), .nested = &secret_table },
    { FIELD("downwardAPI", FIELD_OBJECT, struct volume, downward), .nested = &downward_table },
    { FIELD("projected", FIELD_OBJECT, struct volume, projected), .nested = &projected_table },
    { FIELD("persistentVolumeClaim", FIELD_OBJECT, struct volume, claim), .nested = &claim_source_table },
    { FIELD("image", FIELD_OBJECT, struct volume, image), .nested = &image_table },
    { 0 } } };

size_t volume_sources(const struct volume *volume)
{
    return (size_t)(volume->host_path != NULL) + (volume->empty_dir != NULL) + (volume->config_map != NULL) +
           (volume->secret != NULL) + (volume->downward != NULL) + (volume->projected != NULL) +
           (volume->claim != NULL) + (volume->image != NULL);
}

static bool check_downward(const struct downward_source *source, const char *path, struct error *err)
{
    for (size_t i = 0; i < source->items.count; i++) {
        const struct downward_file *file = &((const struct downward_file *)source->items.items)[i];
        if ((file->field != NULL) == (file->resource != NULL))
            return error_set(err, ERROR_INVALID, "%s.downwardAPI.items[%zu]: Invalid value: must specify one of: `fieldRef` or "
                             "`resourceFieldRef`", path, i);
        AUTO_FREE char *below = mem_printf("%s.downwardAPI.items[%zu]", path, i);
        if (!downward_check(file->field, file->resource, false, below, err))
            return false;
    }
    return true;
}

static bool check_projected(const struct projected_source *source, const char *path, struct error *err)
{
    for (size_t i = 0; i < source->sources.count; i++) {
        const struct projection *one = &((const struct projection *)source->sources.items)[i];
        if ((one->config_map != NULL) + (one->secret != NULL) + (one->downward != NULL) > 1)
            return error_set(err, ERROR_INVALID, "%s.projected.sources[%zu]: Forbidden: may not specify more than 1 volume type "
                             "per source", path, i);
        AUTO_FREE char *below = mem_printf("%s.projected.sources[%zu]", path, i);
        if (one->downward != NULL && !check_downward(one->downward, below, err))
            return false;
    }
    return true;
}

bool volume_check(const struct volume *volume, const char *path, struct error *err)
{
    if (volume_sources(volume) > 1)
        return error_set(err, ERROR_INVALID, "%s: Forbidden: may not specify more than 1 volume type", path);
    if (volume->empty_dir != NULL && volume->empty_dir->size_limit != NULL && !is_size(volume->empty_dir->size_limit))
        return error_set(err, ERROR_INVALID, "%s.emptyDir.sizeLimit: Invalid value: \"%.40s\": must be a quantity, as 64Mi",
                         path, volume->empty_dir->size_limit);
    if (volume->secret != NULL && volume->secret->name == NULL)
        return error_set(err, ERROR_INVALID, "%s.secret.secretName: Required value", path);
    if (volume->config_map != NULL && volume->config_map->name == NULL)
        return error_set(err, ERROR_INVALID, "%s.configMap.name: Required value", path);
    if (volume->downward != NULL && !check_downward(volume->downward, path, err))
        return false;
    return volume->projected == NULL || check_projected(volume->projected, path, err);
}

bool volumes_are_known(const struct json *volumes, struct error *err)
{
    size_t index = 0;
    JSON_EACH(volume, volumes) {
        if (json_type(volume) != JSON_OBJECT)
            return error_set(err, ERROR_INVALID, "spec.volumes[%zu] must be an object", index);
        JSON_EACH(child, volume) {
            const struct field *field = volume_table.fields;
            while (field->name != NULL && strcmp(field->name, json_key(child)) != 0)
                field++;
            if (field->name == NULL && json_type(child) != JSON_NULL)
                return error_set(err, ERROR_UNSUPPORTED, "spec.volumes[%zu].%.60s is a kind of volume that this version of Davit "
                                 "does not have", index, json_key(child));
        }
        index++;
    }
    return true;
}
