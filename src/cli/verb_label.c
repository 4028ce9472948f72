/* davit label, davit annotate: KEY=VALUE and KEY- in the metadata of documents on the broker, of objects and of nodes. */
#include "config.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "cli/edit_run.h"
#include "davit/limits.h"
#include "protocol/document.h"
#include "protocol/names.h"

struct pairs {
    const char *map; /* "labels" or "annotations" */
    const char **words;
    size_t count;
    bool overwrite;
};

static bool set_pair(struct json *map, const char *word, bool overwrite, struct error *err)
{
    size_t len = strcspn(word, "=");
    AUTO_FREE char *key = mem_strndup(word, len);
    const char *value = word[len] == '=' ? word + len + 1 : NULL, *old = json_get_text(map, key);
    if (value == NULL) {
        key[len - 1] = '\0'; /* KEY- */
        json_remove(map, key);
        return true;
    }
    if (old != NULL && strcmp(old, value) != 0 && !overwrite)
        return error_set(err, ERROR_CONFLICT, "'%s' already has a value (%s), and --overwrite is false", key, old);
    json_set_text(map, key, value);
    return true;
}

static bool set_pairs(void *ctx, struct json *document, struct error *err)
{
    const struct pairs *pairs = ctx;
    struct json *metadata = json_get_mutable(document, "metadata");
    metadata = metadata != NULL ? metadata : json_set_object(document, "metadata");
    struct json *map = json_get_mutable(metadata, pairs->map);
    if (map == NULL || json_type(map) != JSON_OBJECT)
        map = json_set_object(metadata, pairs->map);
    for (size_t i = 0; i < pairs->count; i++)
        if (!set_pair(map, pairs->words[i], pairs->overwrite, err))
            return false;
    return true;
}

/* Kubernetes' rules: "" or up to 63 letters, digits, - _ . with a letter or digit at both ends. */
static bool is_label_word(const char *text, bool may_be_empty)
{
    size_t len = strlen(text);
    if (len == 0)
        return may_be_empty;
    return name_is_word(text, "-_.", LIMIT_LABEL_BYTES) && isalnum((unsigned char)text[0]) && isalnum((unsigned char)text[len - 1]);
}

/* No selector could name another one. */
static bool check_label(const char *word, struct error *err)
{
    AUTO_FREE char *key = mem_strndup(word, strcspn(word, "="));
    const char *value = word[strlen(key)] == '=' ? word + strlen(key) + 1 : NULL;
    if (value == NULL)
        return true;
    char *slash = strchr(key, '/');
    const char *name = slash != NULL ? slash + 1 : key;
    if (slash != NULL)
        *slash = '\0';
    if (!is_label_word(name, false) || (slash != NULL && !name_is_subdomain(key)))
        return error_set(err, ERROR_INVALID, "\"%s\" has no label's key: [PREFIX/]NAME, of letters, digits, - _ .", word);
    return is_label_word(value, true) ||
           error_set(err, ERROR_INVALID, "\"%s\" has no label's value: at most %d letters, digits, - _ ., with a letter or digit at both ends",
                     word, LIMIT_LABEL_BYTES);
}

static bool check_pairs(const struct pairs *pairs, struct error *err)
{
    for (size_t i = 0; i < pairs->count; i++) {
        const char *word = pairs->words[i];
        size_t len = strlen(word), key = strcspn(word, "=");
        if (word[key] == '\0' ? len < 2 || word[len - 1] != '-' : key == 0)
            return error_set(err, ERROR_INVALID, "\"%s\" is neither KEY=VALUE nor KEY-", word);
        if (strncmp(word, DOCUMENT_GENERATION, strlen(DOCUMENT_GENERATION)) == 0)
            return error_set(err, ERROR_INVALID, DOCUMENT_GENERATION " is Davit's own: each change gets a new one");
        if (strcmp(pairs->map, "labels") == 0 && !check_label(word, err))
            return false;
    }
    return pairs->count > 0 || error_set(err, ERROR_INVALID, "what is to be set? Give KEY=VALUE, or KEY- to remove one");
}

static bool is_pair(const char *word)
{
    return strchr(word, '=') != NULL || word[strlen(word) - 1] == '-';
}

static enum exit_code change(const struct options *options, const char *map, const char *done, struct error *err)
{
    size_t objects = 0;
    while (objects < options->word_count && options->words[objects][0] != '\0' && !is_pair(options->words[objects]))
        objects++;
    struct pairs pairs = {.map = map,
                          .words = options->words + objects,
                          .count = options->word_count - objects,
                          .overwrite = options->overwrite};
    const char *type = objects > 0 ? options->words[0] : "";
    if (!check_pairs(&pairs, err))
        return EXIT_CODE_USAGE;
    bool slashed = strncmp(type, "node/", 5) == 0;
    if (!slashed && strcmp(type, "node") != 0 && strcmp(type, "nodes") != 0 && strcmp(type, "no") != 0)
        return edit_objects(options, options->words, objects, done, set_pairs, &pairs, err);
    AUTO_TARGETS struct target_set set = {.options = options};
    AUTO_SESSION struct session *session = NULL;
    AUTO_FREE const char **names = mem_array(objects, sizeof(*names));
    size_t first = slashed ? 0 : 1;
    for (size_t i = first; i < objects; i++)
        names[i - first] = strncmp(options->words[i], "node/", 5) == 0 ? options->words[i] + 5 : options->words[i];
    return edit_nodes(&set, &session, names, objects - first, "change", done, set_pairs, &pairs, err);
}

enum exit_code verb_label(const struct options *options, struct error *err)
{
    return change(options, "labels", "labeled", err);
}

enum exit_code verb_annotate(const struct options *options, struct error *err)
{
    return change(options, "annotations", "annotated", err);
}
