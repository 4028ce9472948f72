#include "config.h"

#include "cli/doctor_conf.h"

#include <dirent.h>
#include <ini.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "davit/limits.h"

static int take(void *ctx, const char *section, const char *name, const char *value)
{
    AUTO_FREE char *key = mem_printf("%s.%s", section, name);
    json_set_text(ctx, key, value);
    return 1;
}

static bool read_one(const char *path, struct json *settings, struct error *err)
{
    AUTO_FREE char *text = NULL;
    size_t len = 0;
    if (!file_read_regular(path, LIMIT_CONFIG_BYTES, &text, &len, err))
        return false;
    int line = ini_parse_string(text, take, settings);
    return line == 0 || error_set(err, ERROR_INVALID, "%s:%d: neither a section nor a key", path, line);
}

static int is_conf(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return len > 5 && strcmp(entry->d_name + len - 5, ".conf") == 0;
}

static bool read_folder(const char *folder, struct json *settings, struct error *err)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_conf, alphasort);
    bool good = true;
    for (int i = 0; i < count; i++) {
        AUTO_FREE char *path = mem_printf("%s/%s", folder, entries[i]->d_name);
        good = good && read_one(path, settings, err);
        free(entries[i]);
    }
    free(entries);
    return good;
}

struct json *doctor_conf_read(const char *path, struct error *err)
{
    AUTO_JSON struct json *settings = json_new_object();
    const char *slash = strrchr(path, '/');
    AUTO_FREE char *folder = mem_printf("%.*s/conf.d", slash != NULL ? (int)(slash - path) : 1, slash != NULL ? path : ".");
    return read_one(path, settings, err) && read_folder(folder, settings, err) ? mem_steal(&settings) : NULL;
}
