/* Kubernetes' names, and the kinds that have topics. */
#include <string.h>

#include "unit.h"

#include "base/memory.h"
#include "davit/limits.h"
#include "protocol/names.h"

static char *letters(size_t count)
{
    char *text = mem_alloc(count + 1);
    memset(text, 'a', count);
    return text;
}

static void labels_are_short_lower_case_and_have_letters_at_the_ends(void **state)
{
    (void)state;
    static const char *const good[] = { "a", "0", "press-7", "a--b", "0a" };
    static const char *const bad[] = { "", "-a", "a-", "A", "a.b", "a_b", "a b", "a/b", "+", "#", "\xc3\xa4", "a\n" };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(name_is_label(good[i]));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(name_is_label(bad[i]));
    assert_false(name_is_label(NULL));
    AUTO_FREE char *longest = letters(LIMIT_LABEL_BYTES);
    AUTO_FREE char *longer = letters(LIMIT_LABEL_BYTES + 1);
    assert_true(name_is_label(longest));
    assert_false(name_is_label(longer));
}

static void subdomains_are_labels_with_dots(void **state)
{
    (void)state;
    static const char *const good[] = { "a", "a.b", "press-7.line-3.plant", "1.2.3" };
    static const char *const bad[] = { "", ".", "a.", ".a", "a..b", "a.-b", "A.b", "a.b/c", "a.+" };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(name_is_subdomain(good[i]));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(name_is_subdomain(bad[i]));
    assert_false(name_is_subdomain(NULL));
    AUTO_FREE char *label = letters(62);
    AUTO_FREE char *longest = mem_printf("%s.%s.%s.%sa", label, label, label, label);
    assert_int_equal(strlen(longest), 252);
    assert_true(name_is_subdomain(longest));
    AUTO_FREE char *over = mem_printf("%s.aa", longest);
    assert_false(name_is_subdomain(over));
}

static void the_protocols_own_words_are_no_nodes(void **state)
{
    (void)state;
    assert_true(name_is_node("press-7"));
    assert_true(name_is_node("nodes.plant"));
    assert_false(name_is_node("nodes"));
    assert_false(name_is_node("groups"));
    assert_false(name_is_node("Press"));
}

static void roots_have_one_to_four_levels(void **state)
{
    (void)state;
    static const char *const good[] = { "davit", "acme/davit", "A_b-c.d", "a/b/c/d", "0" };
    static const char *const bad[] = { "",        "/",   "/davit",  "davit/", "a//b", "a/b/c/d/e",
                                       "davit/+", "a/#", "a b",     "$SYS",   "a\n" };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(name_is_root(good[i]));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(name_is_root(bad[i]));
    assert_false(name_is_root(NULL));
    AUTO_FREE char *longer = letters(LIMIT_NAME_BYTES + 1);
    assert_false(name_is_root(longer));
}

static void kinds_are_found_by_plural_kind_and_kubectls_words(void **state)
{
    (void)state;
    const struct resource *pods = resource_by_plural("pods");
    assert_non_null(pods);
    assert_string_equal(pods->kind, "Pod");
    assert_string_equal(pods->api_version, "v1");
    assert_true(pods->honoured);
    assert_ptr_equal(resource_by_kind("Pod"), pods);
    assert_ptr_equal(resource_by_word("po"), pods);
    assert_ptr_equal(resource_by_word("pod"), pods);
    assert_ptr_equal(resource_by_word("pods"), pods);
    assert_string_equal(resource_by_word("vm")->kind, "VirtualMachine");
    assert_string_equal(resource_by_kind("VirtualMachine")->api_version, "kubevirt.io/v1");
    assert_string_equal(resource_by_word("deploy")->plural, "deployments");
    assert_null(resource_by_plural("pod"));
    assert_null(resource_by_kind("pods"));
    assert_null(resource_by_word("Pod"));
    /* As kubectl prints them. */
    assert_string_equal(resource_by_word("deployment.apps")->plural, "deployments");
    assert_string_equal(resource_by_word("deployments.v1.apps")->plural, "deployments");
    assert_string_equal(resource_by_word("vm.kubevirt.io")->plural, "virtualmachines");
    assert_null(resource_by_word("deployments.batch"));
    assert_null(resource_by_word("deployments.v1"));
    assert_null(resource_by_word("pods.v1"));
    assert_null(resource_by_word("deployments."));
    assert_null(resource_by_word(".apps"));
    assert_null(resource_by_plural(NULL));
    assert_null(resource_by_kind(NULL));
    assert_null(resource_by_word(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_are_short_lower_case_and_have_letters_at_the_ends),
        cmocka_unit_test(subdomains_are_labels_with_dots),
        cmocka_unit_test(the_protocols_own_words_are_no_nodes),
        cmocka_unit_test(roots_have_one_to_four_levels),
        cmocka_unit_test(kinds_are_found_by_plural_kind_and_kubectls_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
