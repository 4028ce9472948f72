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
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct reference reference;
        struct error err = {0};
        if (reference_parse(bad[i], &reference, &err))
            fail_msg("'%s' was accepted", bad[i]);
        assert_int_equal(err.code, ERROR_INVALID);
    }
}

static void a_url_is_a_disk(void **state)
{
    (void)state;
    static const char *const table[][4] = { /* text, whole, host, checksum */
        {"https://h/a.img", "https://h/a.img", "h", ""},
        {"https://HOST.Example:8443/A/b.qcow2?x=1&y=%20#sha256=" HEX, "https://host.example:8443/A/b.qcow2?x=1&y=%20#sha256=" HEX,
         "host.example:8443", SHA},
        {"http://[fd00::1]:80/a#sha512=" HEX HEX, "http://[fd00::1]:80/a#sha512=" HEX HEX, "[fd00::1]:80", "sha512:" HEX HEX},
        {"https://h/a#sha256=0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef", "https://h/a#sha256=" HEX, "h", SHA},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct reference reference;
        struct error err = {0};
        char text[REFERENCE_TEXT_BYTES];
        if (!reference_parse(table[i][0], &reference, &err))
            fail_msg("%s: %s", table[i][0], err.message);
        assert_string_equal(reference_format(&reference, text), table[i][1]);
        assert_string_equal(reference_familiar(&reference, text), table[i][1]);
        assert_string_equal(reference.domain, table[i][2]);
        assert_string_equal(reference.checksum, table[i][3]);
        assert_string_equal(reference.path, "");
        assert_string_equal(reference.tag, "");
        assert_int_equal(reference_is_plain(&reference), table[i][0][4] == ':');
        assert_true(reference_parse(text, &reference, &err));
    }
    struct reference image;
    struct error err;
    assert_true(reference_parse("busybox", &image, &err));
    assert_string_equal(image.url, "");
    assert_false(reference_is_plain(&image));
}

static void a_url_that_is_no_disk_is_refused(void **state)
{
    (void)state;
    static const char *const table[][2] = {
        {"https://", "valid host"}, {"https:///a", "valid host"}, {"https://h", "names no file"}, {"https://h/", "names no file"},
        {"https://h?a", "names no file"}, {"https://u:p@h/a", "user"}, {"https://u@h/a", "user"}, {"https://-h/a", "valid host"},
        {"https://h:port/a", "valid host"}, {"https://h/a b", "%20"}, {"https://h/a\nb", "%0A"}, {"https://h/\\a", "%5C"},
        {"https://h/caf\xc3\xa9", "%C3"}, {"https://h/a#", "checksum"}, {"https://h/a#sha256=12", "checksum"},
        {"https://h/a#sha256:" HEX, "checksum"}, {"https://h/a#sha1=" HEX, "checksum"}, {"https://h/a#sha256=" HEX "0", "checksum"},
        {"https://h/a#sha512=" HEX, "checksum"}, {"https://h/a#sha256=" HEX "#b", "checksum"},
        {"https://h/a#sha512=" HEX HEX HEX, "checksum"}, {"HTTPS://h/a", "valid host"}, {"ftp://h/a", "valid host"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct reference reference;
        struct error err = {0};
        if (reference_parse(table[i][0], &reference, &err))
            fail_msg("'%s' was accepted", table[i][0]);
        if (strstr(err.message, table[i][1]) == NULL)
            fail_msg("'%s' is not in: %s", table[i][1], err.message);
    }
}

static void a_url_has_a_cap(void **state)
{
    (void)state;
    struct reference reference;
    struct error err;
    char text[REFERENCE_TEXT_BYTES + 8] = "https://h/";
    memset(text + strlen(text), 'a', REFERENCE_URL_BYTES - 1 - strlen("https://h/"));
    text[REFERENCE_URL_BYTES - 1] = '\0';
    assert_true(reference_parse(text, &reference, &err));
    memcpy(text + REFERENCE_URL_BYTES - 1, "#sha512=" HEX HEX, sizeof("#sha512=" HEX HEX));
    assert_true(reference_parse(text, &reference, &err));
    memcpy(text + REFERENCE_URL_BYTES - 1, "a", 2);
    assert_false(reference_parse(text, &reference, &err));
    assert_non_null(strstr(err.message, "more than"));
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
        cmocka_unit_test(a_url_is_a_disk),
        cmocka_unit_test(a_url_that_is_no_disk_is_refused),
        cmocka_unit_test(a_url_has_a_cap),
        cmocka_unit_test(lengths_have_a_cap),
        cmocka_unit_test(a_tag_has_at_most_128_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
