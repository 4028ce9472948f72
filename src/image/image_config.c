#include "config.h"

#include "image/image_config.h"

#include <string.h>

#include "base/digest.h"
#include "base/memory.h"
#include "davit/limits.h"
#include "image/path.h"

static bool check_platform(const struct json *document, const struct machine *machine, struct error *err)
{
    char text[PLATFORM_TEXT_BYTES], shown[PATH_SHOW_BYTES];
    if (platform_rank(document, machine) > 0)
        return true;
    return error_set(err, ERROR_UNSUPPORTED, "the image is for %s, and this machine is %s",
                     path_show(platform_text(document, text), shown), machine_platform(machine));
}

static bool check_diff_ids(const struct json *diff_ids, size_t layers, struct error *err)
{
    if (json_size(diff_ids) != layers)
        return error_set(err, ERROR_INVALID, "the image has %zu layers, and its configuration names %zu", layers,
                         json_size(diff_ids));
    if (layers == 0 || layers > LIMIT_IMAGE_LAYERS)
        return error_set(err, ERROR_LIMIT, "the image has %zu layers: 1 to %d are possible", layers, LIMIT_IMAGE_LAYERS);
    JSON_EACH(item, diff_ids) {
        if (json_text(item) == NULL || !digest_is_valid(json_text(item)))
            return error_set(err, ERROR_INVALID, "the image's configuration has a diff-id that is no sha256 digest");
    }
    return true;
}

static struct json *report_of(const struct json *document)
{
    const struct json *inner = json_get(document, "config");
    bool is_object = inner != NULL && json_type(inner) == JSON_OBJECT;
    struct json *report = is_object ? json_copy(inner) : json_new_object();
    json_set_text(report, "architecture", json_get_text(document, "architecture"));
    json_set_text(report, "os", json_get_text(document, "os"));
    return report;
}

bool image_config_read(const struct json *document, size_t layers, const struct machine *machine,
                       struct image_config_content *out, struct error *err)
{
    const struct json *diff_ids = json_get(json_get(document, "rootfs"), "diff_ids");
    if (json_type(document) != JSON_OBJECT || diff_ids == NULL || json_type(diff_ids) != JSON_ARRAY)
        return error_set(err, ERROR_INVALID, "it is no container image: its configuration has no rootfs.diff_ids");
    if (!check_platform(document, machine, err) || !check_diff_ids(diff_ids, layers, err))
        return false;
    AUTO_JSON struct json *report = report_of(document);
    AUTO_FREE char *text = json_print(report);
    if (strlen(text) > LIMIT_IMAGE_REPORT_BYTES)
        return error_set(err, ERROR_LIMIT, "the `config` of the image's configuration has more than %d bytes",
                         LIMIT_IMAGE_REPORT_BYTES);
    *out = (struct image_config_content){.diff_ids = json_copy(diff_ids), .report = mem_steal(&report)};
    return true;
}

bool image_config_parse(const char *body, size_t len, size_t layers, const struct machine *machine,
                        struct image_config_content *out, struct error *err)
{
    if (len > LIMIT_IMAGE_CONFIG_BYTES)
        return error_set(err, ERROR_LIMIT, "the image's configuration has more than %d bytes", LIMIT_IMAGE_CONFIG_BYTES);
    AUTO_JSON struct json *document = json_parse(body, len, err);
    if (document == NULL) {
        err->code = ERROR_INVALID;
        return error_wrap(err, "the image's configuration");
    }
    return image_config_read(document, layers, machine, out, err);
}

void image_config_free(struct image_config_content *content)
{
    json_free(content->diff_ids);
    json_free(content->report);
    *content = (struct image_config_content){0};
}
