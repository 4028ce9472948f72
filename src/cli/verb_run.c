/* davit run: an App in one line, as docker and kubectl users type it. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cli/address.h"
#include "cli/apply.h"
#include "cli/manifest_check.h"
#include "cli/text.h"

/* An image may have to come first. */
#define WAIT_MS 300000

/* "registry:5000/plant/historian_x:2.7@sha256:…" is historian-x. */
static char *name_of_image(const char *image)
{
    const char *last = strrchr(image, '/') != NULL ? strrchr(image, '/') + 1 : image;
    char *name = mem_strndup(last, strcspn(last, ":@"));
    for (char *c = name; *c != '\0'; c++)
        *c = *c == '_' || *c == '.' ? '-' : *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
    return name;
}

static void add_texts(struct json *spec, const char *key, const struct words *words)
{
    for (size_t i = 0; i < words->count; i++)
        json_add_text(i == 0 ? json_set_array(spec, key) : json_get_mutable(spec, key), words->list[i]);
}

/* -e NAME takes this shell's value, as docker does. */
static bool add_env(struct json *spec, const struct words *words, struct error *err)
{
    for (size_t i = 0; i < words->count; i++) {
        const char *word = words->list[i], *value = strchr(word, '=') == NULL ? getenv(word) : NULL;
        AUTO_FREE char *whole = value != NULL ? mem_printf("%s=%s", word, value) : mem_strdup(word);
        if (strchr(whole, '=') == NULL)
            return error_set(err, ERROR_INVALID, "-e %s: it is not set here. Give -e %s=VALUE", word, word);
        json_add_text(i == 0 ? json_set_array(spec, "env") : json_get_mutable(spec, "env"), whole);
    }
    return true;
}

/* docker's and kubectl's words for the App's. */
static const char *restart_of(const char *word)
{
    static const struct {
        const char *word, *own;
    } WORDS[] = {{"Always", "always"}, {"unless-stopped", "always"}, {"OnFailure", "on-failure"}, {"Never", "no"}};
    for (size_t i = 0; word != NULL && i < sizeof(WORDS) / sizeof(WORDS[0]); i++)
        if (strcmp(WORDS[i].word, word) == 0)
            return WORDS[i].own;
    return word;
}

static struct json *app_of(const struct options *options, const char *name, const char *image, struct error *err)
{
    AUTO_JSON struct json *app = json_new_texts("apiVersion", "davit/v1", "kind", "App", NULL);
    json_set_text(json_set_object(app, "metadata"), "name", name);
    struct json *spec = json_set_object(app, "spec");
    json_set_text(spec, "image", image);
    for (size_t i = options->words_before_dashes; i < options->word_count; i++)
        json_add_text(i == options->words_before_dashes ? json_set_array(spec, "args") : json_get_mutable(spec, "args"),
                      options->words[i]);
    add_texts(spec, "ports", &options->publish);
    add_texts(spec, "volumes", &options->volumes);
    json_set_text(spec, "memory", options->memory);
    json_set_text(spec, "cpu", options->cpu);
    json_set_text(spec, "restart", restart_of(options->restart));
    json_set_text(spec, "health", options->health);
    return add_env(spec, &options->env, err) ? mem_steal(&app) : NULL;
}

static void tell_next(const struct options *options, const char *name)
{
    AUTO_FREE char *where = options->node != NULL ? mem_printf(" --node %s", options->node) : mem_strdup("");
    (void)fprintf(stderr,
                  "\nNext:\n  davit get app %s%s\n  davit logs app/%s -f%s\n  davit exec -it app/%s%s -- sh\n  davit set image app/%s '*=IMAGE'%s\n"
                  "  davit delete app %s%s\n",
                  name, where, name, where, name, where, name, where, name, where);
}

/* The name is said, or the image's. The caller frees. NULL: *err. */
static char *name_of(const struct options *options, struct error *err)
{
    const char *word = options->words[0];
    if (options->image != NULL && options->name != NULL) {
        (void)error_set(err, ERROR_INVALID, "the name is \"%s\" or \"%s\"? Give one", word, options->name);
        return NULL;
    }
    AUTO_FREE char *name = options->image != NULL  ? mem_strdup(word)
                           : options->name != NULL ? mem_strdup(options->name)
                                                   : name_of_image(word);
    if (name_is_subdomain(name))
        return mem_steal(&name);
    (void)error_set(err, ERROR_INVALID, "\"%s\" is no name: a-z, 0-9, - and . are. Give one by --name", name);
    return NULL;
}

enum exit_code verb_run(const struct options *options, struct error *err)
{
    AUTO_MANIFEST struct manifest manifest = {0};
    uint64_t wait_ms = WAIT_MS;
    if (options->words_before_dashes == 0)
        return usage_error(err, "run what? As: davit run IMAGE, or davit run NAME --image IMAGE");
    if (options->words_before_dashes > 1)
        return usage_error(err, "what does \"%s\" say? A command stands behind --: davit run IMAGE -- COMMAND", options->words[1]);
    if (!address_check_target(options, err) || !options_wait_ms(options, WAIT_MS, &wait_ms, err))
        return EXIT_CODE_USAGE;
    AUTO_FREE char *name = name_of(options, err);
    struct json *app = name != NULL ? app_of(options, name, options->image != NULL ? options->image : options->words[0], err) : NULL;
    if (app == NULL || !manifest_add(options, &manifest, app, "the App", err) || !manifest_decode(options, &manifest.items[0], err))
        return EXIT_CODE_USAGE;
    enum exit_code code = apply_manifest(options, &manifest, wait_ms, err);
    if (code == EXIT_CODE_OK && options->dry_run == NULL && options->output == NULL)
        tell_next(options, name);
    return code;
}
