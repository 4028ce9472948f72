#include "config.h"

#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/digest.h"
#include "base/memory.h"

/* FIPS 180-2, appendix B. */
static const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
static const char million_a[] = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

static void known_texts_have_their_known_digests(void **state)
{
    char hex[DIGEST_HEX_BYTES];
    AUTO_FREE char *as = mem_alloc(1000000);

    (void)state;
    digest_of("abc", 3, hex);
    assert_string_equal(hex, abc);
    digest_of("", 0, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    memset(as, 'a', 1000000);
    digest_of(as, 1000000, hex);
    assert_string_equal(hex, million_a);
}

static void parts_have_the_digest_of_the_whole(void **state)
{
    char hex[DIGEST_HEX_BYTES];
    struct digest digest;

    (void)state;
    digest_init(&digest);
    digest_add(&digest, "a", 1);
    digest_add(&digest, "bc", 2);
    digest_hex(&digest, hex);
    assert_string_equal(hex, abc);
}

static void texts_do_not_run_together(void **state)
{
    char left[DIGEST_HEX_BYTES];
    char right[DIGEST_HEX_BYTES];
    struct digest digest;

    (void)state;
    digest_init(&digest);
    digest_add_text(&digest, "ab");
    digest_add_text(&digest, "c");
    digest_hex(&digest, left);
    digest_init(&digest);
    digest_add_text(&digest, "a");
    digest_add_text(&digest, "bc");
    digest_hex(&digest, right);
    assert_string_not_equal(left, right);
}

static void only_a_whole_digest_is_valid(void **state)
{
    char text[80];

    (void)state;
    snprintf(text, sizeof(text), "sha256:%s", abc);
    assert_true(digest_is_valid(text));
    text[70] = '\0';
    assert_false(digest_is_valid(text));
    snprintf(text, sizeof(text), "sha256:%s0", abc);
    assert_false(digest_is_valid(text));
    snprintf(text, sizeof(text), "sha256:%s", abc);
    text[10] = 'A';
    assert_false(digest_is_valid(text));
    text[10] = '/';
    assert_false(digest_is_valid(text));
    snprintf(text, sizeof(text), "sha512:%s", abc);
    assert_false(digest_is_valid(text));
    assert_false(digest_is_valid("sha256:../../etc/passwd"));
    assert_false(digest_is_valid(""));
    assert_false(digest_is_valid(NULL));
}

static void checksums_are_of_either_kind(void **state)
{
    static const char *const known[] = {
        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643c"
        "e80e2a9ac94fa54ca49f",
    };
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct checksum checksum;
        char text[CHECKSUM_BYTES];
        assert_true(checksum_is_valid(known[i]));
        checksum_init(&checksum, known[i]);
        checksum_add(&checksum, "a", 1);
        checksum_add(&checksum, "bc", 2);
        checksum_text(&checksum, text);
        assert_string_equal(text, known[i]);
        text[strlen(text) - 1] = '\0';
        assert_false(checksum_is_valid(text));
    }
    assert_false(checksum_is_valid("sha1:a9993e364706816aba3e25717850c26c9cd0d89d"));
    assert_false(checksum_is_valid(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_texts_have_their_known_digests),
        cmocka_unit_test(parts_have_the_digest_of_the_whole),
        cmocka_unit_test(texts_do_not_run_together),
        cmocka_unit_test(only_a_whole_digest_is_valid),
        cmocka_unit_test(checksums_are_of_either_kind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
