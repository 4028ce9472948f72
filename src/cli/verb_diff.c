/* davit diff: what `davit apply` would change, as a unified diff of YAML. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "cli/address.h"
#include "cli/change.h"
#include "cli/manifest.h"
#include "cli/text.h"
#include "cli/unified.h"
#include "cli/verbs.h"
#include "cli/yaml_print.h"
#include "protocol/document.h"

#define OUTPUT_BYTES (64 * 1024 * 1024)
/* kubectl: 0 the same, 1 not the same, above it an error. */
#define SAME EXIT_CODE_OK
#define DIFFERENT EXIT_CODE_FAILED
#define WRONG EXIT_CODE_USAGE

/* What a Secret holds is not shown, only that it differs. */
static void mask(struct json *object, const struct json *other)
{
    static const char *const HELD[] = {"data", "stringData"};
    for (size_t i = 0; i < sizeof(HELD) / sizeof(HELD[0]); i++) {
        const struct json *values = json_get(object, HELD[i]);
        AUTO_JSON struct json *masked = json_new_object();
        JSON_EACH(value, values) {
            const char *text = json_text(value), *others = json_get_text(json_get(other, HELD[i]), json_key(value));
            bool same = text == NULL || others == NULL || strcmp(text, others) == 0;
            json_set_text(masked, json_key(value), same ? "***" : "*** (another one)");
        }
        if (json_type(values) == JSON_OBJECT)
            json_set(object, HELD[i], json_copy(masked));
    }
}

static struct json *canonical_copy(const struct json *object)
{
    struct error ignored = {0};
    AUTO_JSON struct json *copy = json_copy(object);
    document_strip(copy);
    AUTO_FREE char *text = json_print_canonical(copy);
    return json_parse(text, strlen(text), &ignored);
}

/* Keys in order, so that only what is said differently differs. NULL is "". */
static char *yaml_of(const struct json *object)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (out == NULL)
        return mem_strdup("");
    if (object != NULL)
        yaml_print_to(out, object);
    (void)fclose(out);
    return text;
}

static bool diff_one(const struct target *target, const struct manifest_item *item, struct strbuf *out)
{
    AUTO_JSON struct json *old = target_is_wanted(target) ? canonical_copy(target->desired) : NULL;
    AUTO_JSON struct json *new = canonical_copy(item->object);
    if (strcmp(item->resource->kind, "Secret") == 0) {
        mask(new, old);
        mask(old, NULL);
    }
    AUTO_FREE char *old_text = yaml_of(old), *new_text = yaml_of(new);
    AUTO_FREE char *name = mem_printf("%s/%s/%s", item->id.namespace, item->id.resource, item->id.name);
    AUTO_FREE char *old_name = mem_printf("%s (desired now)", name), *new_name = mem_printf("%s (%s)", name, item->origin);
    return unified_diff(old != NULL ? old_name : "/dev/null", new_name, old_text, new_text, out);
}

static enum exit_code diff(struct target_set *set, const struct manifest *manifest, struct error *err)
{
    AUTO_STRBUF struct strbuf out;
    bool differs = false;
    strbuf_init(&out, OUTPUT_BYTES);
    for (size_t i = 0; i < manifest->count; i++)
        target_add(set, &manifest->items[i].id, manifest->items[i].resource);
    AUTO_SESSION struct session *session = target_session(set, err);
    if (session == NULL)
        return exit_code_of(err);
    for (size_t i = 0; i < manifest->count; i++)
        differs = diff_one(&set->targets[i], &manifest->items[i], &out) || differs;
    if (out.overflow) {
        (void)error_set(err, ERROR_LIMIT, "the difference is over %d bytes", OUTPUT_BYTES);
        return WRONG;
    }
    (void)fputs(out.data != NULL ? out.data : "", stdout);
    return differs ? DIFFERENT : SAME;
}

enum exit_code verb_diff(const struct options *options, struct error *err)
{
    if (options->files.count == 0)
        return usage_error(err, "compare what? Give -f FILE, or -f - for stdin");
    if (!address_check_target(options, err))
        return EXIT_CODE_USAGE;
    AUTO_MANIFEST struct manifest manifest = {0};
    AUTO_TARGETS struct target_set set = {.options = options};
    if (!manifest_read(options, &manifest, err) || !target_places(&set, err))
        return WRONG;
    enum exit_code code = diff(&set, &manifest, err);
    return code == EXIT_CODE_FAILED && err->code != ERROR_NONE ? WRONG : code;
}
