/* davit explain: every field that the decoder honours has a line of description, no description is of a field that is gone,
 * and what is said to be left aside is left aside.
 */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "cli/explain.h"
#include "cli/explain_words.h"
#include "protocol/document.h"
#include "unit.h"

#define WORDS_MAX 1024

static const char *used[WORDS_MAX];
static size_t used_count;
static size_t fields_seen;

static void use(const char *text)
{
    for (size_t i = 0; i < used_count; i++)
        if (used[i] == text)
            return;
    assert_true(used_count < WORDS_MAX);
    used[used_count++] = text;
}

static void walk(const struct field_table *table, const char *kind, const char *parent)
{
    for (const struct field *field = table->fields; field->name != NULL; field++) {
        const char *text = explain_text(kind, parent, field->name);
        if (text == NULL)
            fail_msg("%s: %s.%s has no description", kind, parent, field->name);
        use(text);
        fields_seen++;
        if (field->nested != NULL)
            walk(field->nested, explain_kind_below(field->nested, kind), field->name);
    }
}

static void every_field_has_a_description_and_none_is_stale(void **state)
{
    static const struct explain_word *const lists[] = { EXPLAIN_PODS, EXPLAIN_KINDS, EXPLAIN_MACHINES };
    (void)state;
    for (size_t i = 0; resource_at(i) != NULL; i++) {
        const char *kind = resource_at(i)->plural;
        assert_non_null(kind_table(kind));
        walk(kind_table(kind), kind, kind);
        if (explain_text(kind, kind, "") != NULL)
            use(explain_text(kind, kind, ""));
    }
    assert_true(fields_seen > 1000);
    for (size_t l = 0; l < 3; l++)
        for (const struct explain_word *word = lists[l]; word->field != NULL; word++) {
            size_t at = 0;
            while (at < used_count && used[at] != word->text && strcmp(used[at], word->text) != 0)
                at++;
            if (at == used_count)
                fail_msg("%s describes no field", word->field);
        }
}

static struct explained found(const char *path)
{
    struct explained what;
    struct error err = { 0 };
    if (!explain_find(path, &what, &err))
        fail_msg("%s: %s", path, err.message);
    return what;
}

static void refused(const char *path, const char *message)
{
    struct explained what;
    struct error err = { 0 };
    assert_false(explain_find(path, &what, &err));
    assert_string_equal(err.message, message);
}

static void paths_lead_through_templates_and_lists(void **state)
{
    (void)state;
    assert_string_equal(found("po").resource->kind, "Pod");
    assert_string_equal(found("deploy.spec.template.spec.containers[0].image").field->name, "image");
    assert_string_equal(found("cj.spec.jobTemplate.spec.template.spec.hostNetwork").kind, "pods");
    assert_string_equal(found("sts.spec.volumeClaimTemplates.spec.accessModes").parent, "spec");
    assert_string_equal(explain_type(found("pods.spec.containers").field), "[]Object");
    refused("pod.spec.hostNetwrk", "spec has no field \"hostNetwrk\". Did you mean hostNetwork?");
    refused("pod.spec.hostNetwork.x", "hostNetwork has no fields that Davit looks at, so no \"x\"");
    refused("deployment.spek", "deployments has no field \"spek\". Did you mean spec?");
    refused("pdos", "Davit knows no kind \"pdos\". Did you mean pods?");
}

/* What explain says is left aside, the decoder itself lists as ignored; what it does not know it does not find. */
static void what_is_not_honoured_is_what_the_decoder_ignores(void **state)
{
    static const char text[] = "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"a\"},\"spec\":{"
                               "\"strategy\":{\"rollingUpdate\":{\"maxSurge\":1,\"maxUnavailable\":1}},"
                               "\"template\":{\"spec\":{\"affinity\":{},\"containers\":[{\"name\":\"a\",\"image\":\"a\"}]}}}}";
    struct document document = { 0 };
    struct refusal refusal = { 0 };
    (void)state;
    assert_true(document_read(NULL, text, strlen(text), &document, &refusal));
    assert_int_equal(document.ignored.count, 2);
    for (size_t i = 0; i < document.ignored.paths.count; i++) {
        AUTO_FREE char *path = mem_printf("deployments.%s", document.ignored.paths.items[i]);
        assert_true(found(path).ignored);
    }
    document_free(&document);
    assert_false(found("deployments.spec.strategy.rollingUpdate.maxUnavailable").ignored);
    for (size_t i = 0; resource_at(i) != NULL; i++) { /* nothing is said to be both */
        const char *kind = resource_at(i)->plural;
        const struct field *spec = field_named(kind_table(kind), "spec");
        const char *words = explain_not_honoured(kind, "spec");
        AUTO_FREE char *copy = mem_strdup(words != NULL ? words : "");
        char *rest = copy;
        for (char *word; spec != NULL && (word = strsep(&rest, " ")) != NULL;)
            assert_null(field_named(spec->nested, word));
    }
}

static void lines_fit_80_columns(void **state)
{
    (void)state;
    for (size_t i = 0; resource_at(i) != NULL; i++) {
        AUTO_FREE char *path = mem_printf("%s.spec", resource_at(i)->plural);
        struct explained what;
        struct error err;
        char *text = NULL;
        size_t len = 0;
        if (!explain_find(path, &what, &err))
            continue; /* a ConfigMap */
        FILE *out = open_memstream(&text, &len);
        explain_print(&what, path, false, out);
        (void)fclose(out);
        char *rest = text;
        for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
            if (strlen(line) > 90) /* of bytes: an ellipsis has three */
                fail_msg("%s: \"%s\" is too long", path, line);
            assert_false(line[0] != '\0' && line[strlen(line) - 1] == ' ');
        }
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_has_a_description_and_none_is_stale),
        cmocka_unit_test(paths_lead_through_templates_and_lists),
        cmocka_unit_test(what_is_not_honoured_is_what_the_decoder_ignores),
        cmocka_unit_test(lines_fit_80_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
