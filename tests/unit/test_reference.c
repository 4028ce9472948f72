#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "image/reference.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define SHA "sha256:" HEX
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct spelling {
    const char *text, *full, *familiar;
};

static void short_and_long_spellings_mean_the_same(void **state)
{
    (void)state;
    static const struct spelling table[] = {
        {"busybox", "docker.io/library/busybox:latest", "busybox:latest"},
        {"busybox:1.36", "docker.io/library/busybox:1.36", "busybox:1.36"},
        {"library/busybox", "docker.io/library/busybox:latest", "busybox:latest"},
        {"docker.io/busybox", "docker.io/library/busybox:latest", "busybox:latest"},
        {"index.docker.io/library/busybox:latest", "docker.io/library/busybox:latest", "busybox:latest"},
        {"grafana/grafana:10", "docker.io/grafana/grafana:10", "grafana/grafana:10"},
        {"localhost/demo:1", "localhost/demo:1", "localhost/demo:1"},
        {"localhost:5000/demo", "localhost:5000/demo:latest", "localhost:5000/demo:latest"},
        {"host:5000", "docker.io/library/host:5000", "host:5000"},
        {"quay.io/a/b__c/d-e--f:v1.2_3-4", "quay.io/a/b__c/d-e--f:v1.2_3-4", "quay.io/a/b__c/d-e--f:v1.2_3-4"},
        {"[fd00::1]:5000/demo:1", "[fd00::1]:5000/demo:1", "[fd00::1]:5000/demo:1"},
        {"busybox@" SHA, "docker.io/library/busybox@" SHA, "busybox@" SHA},
        {"busybox:1@" SHA, "docker.io/library/busybox:1@" SHA, "busybox:1@" SHA},
        {"localhost:5000/demo@" SHA, "localhost:5000/demo@" SHA, "localhost:5000/demo@" SHA},
        {"UPPER/demo", "UPPER/demo:latest", "UPPER/demo:latest"},
        {"docker.io/foo.bar/x", "docker.io/foo.bar/x:latest", "docker.io/foo.bar/x:latest"},
        {"docker.io/library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest"},
        {"docker.io/library/" HEX, "docker.io/library/" HEX ":latest", "library/" HEX ":latest"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct reference reference, again;
        struct error err;
        char text[REFERENCE_TEXT_BYTES], back[REFERENCE_TEXT_BYTES];
        assert_true(reference_parse(table[i].text, &reference, &err));
        assert_string_equal(reference_format(&reference, text), table[i].full);
        assert_true(reference_parse(text, &again, &err));
        assert_string_equal(reference_format(&again, back), table[i].full);
        assert_string_equal(reference_familiar(&reference, text), table[i].familiar);
        assert_true(reference_parse(text, &again, &err));
        assert_string_equal(reference_format(&again, back), table[i].full);
    }
}

static void parts_are_taken_apart(void **state)
{
    (void)state;
    struct reference reference;
    struct error err;
    assert_true(reference_parse("registry.example:443/plant/hmi:2@" SHA, &reference, &err));
    assert_string_equal(reference.domain, "registry.example:443");
    assert_string_equal(reference.path, "plant/hmi");
    assert_string_equal(reference.tag, "2");
    assert_string_equal(reference.digest, SHA);
    assert_string_equal(reference_registry(&reference), "registry.example:443");
    assert_true(reference_parse("index.docker.io/busybox", &reference, &err));
    assert_string_equal(reference_registry(&reference), "registry-1.docker.io");
}

static void what_is_outside_the_grammar_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", ":", ":1", "@" SHA, "/", "/busybox", "busybox/", "a//b", "Busybox", "busy box", "busybox:", "busybox:-1",
        "busybox:a/b", "busybox:a:b", "busybox@", "busybox@sha256:12", "busybox@sha512:" HEX HEX, "busybox@" SHA "0",
        "busybox@" SHA "@" SHA, "-host/a/b.", "-h.ost/a", "h..ost/a", "host:port/a", "host:/a", "host:123456/a",
        "a.b/C", "a._b", "a___b", ".a", "a.", "_a", "a_", "-a", "a-", "../etc/passwd", "./a", "docker.io/",
        "[fd00::1/a", "[]/a", "[12]/a", "[fd00::1]x/a", "caf\xc3\xa9", "a\nb", " busybox", HEX, HEX ":1",
        "http://example.org/a",
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct reference reference;
        struct error err = {0};
        if (reference_parse(bad[i], &reference, &err))
            fail_msg("'%s' was accepted", bad[i]);
        assert_int_equal(err.code, ERROR_INVALID);
    }
}

static void lengths_have_a_cap(void **state)
{
    (void)state;
    struct reference reference;
    struct error err;
    char name[2 * REFERENCE_TEXT_BYTES];
    size_t room = REFERENCE_NAME_BYTES - 1 - strlen("docker.io/library/");
    memset(name, 'a', sizeof(name));
    name[room] = '\0';
    assert_true(reference_parse(name, &reference, &err));
    name[room] = 'a';
    name[room + 1] = '\0';
    assert_false(reference_parse(name, &reference, &err));
    memset(name, 'a', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    assert_false(reference_parse(name, &reference, &err));
    assert_non_null(strstr(err.message, "longer than"));
}

static void a_tag_has_at_most_128_characters(void **state)
{
    (void)state;
    struct reference reference;
    struct error err;
    char text[200] = "a:";
    memset(text + 2, 'x', 128);
    text[130] = '\0';
    assert_true(reference_parse(text, &reference, &err));
    text[130] = 'x';
    text[131] = '\0';
    assert_false(reference_parse(text, &reference, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_and_long_spellings_mean_the_same),
        cmocka_unit_test(parts_are_taken_apart),
        cmocka_unit_test(what_is_outside_the_grammar_is_refused),
        cmocka_unit_test(lengths_have_a_cap),
        cmocka_unit_test(a_tag_has_at_most_128_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
