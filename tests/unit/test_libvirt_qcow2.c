/* Hostile disks: each is a whole qcow2 in which one thing is wrong, and each is refused with a sentence. */
#include "config.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/spawn.h"
#include "plugins/libvirt/qcow2.h"
#include "qcow2kit.h"

#define QEMU_IMG "/usr/bin/qemu-img"
#define TIB (1024ull * 1024 * 1024 * 1024)

static unsigned char image[QCOW2_FILE];

static int file_of(const void *bytes, size_t len)
{
    int fd = memfd_create("disk", MFD_CLOEXEC);

    assert_true(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
    return fd;
}

static bool inspect(const void *bytes, size_t len, struct qcow2 *out, struct error *err)
{
    AUTO_CLOSE int fd = file_of(bytes, len);

    *err = (struct error){0};
    return qcow2_inspect(fd, out, err);
}

static void assert_refused(const void *bytes, size_t len, const char *message)
{
    struct qcow2 out;
    struct error err;

    if (inspect(bytes, len, &out, &err))
        fail_msg("taken, but: %s", message);
    if (err.code != ERROR_INVALID || strstr(err.message, message) == NULL)
        fail_msg("\"%s\" is not about: %s", err.message, message);
}

static void a_whole_one_is_taken(void **state)
{
    struct qcow2 out;
    struct error err;

    (void)state;
    for (uint32_t version = 2; version <= 3; version++) {
        qcow2_build(image, version);
        assert_true(inspect(image, sizeof(image), &out, &err));
        assert_string_equal(out.format, "qcow2");
        assert_int_equal(out.virtual_bytes, QCOW2_VIRTUAL);
    }
}

/* Else what is refused below might be refused for what the tests build wrongly. */
static void qemu_takes_the_whole_one_too(void **state)
{
    char path[] = "/tmp/davit-qcow2-XXXXXX";
    const char *argv[] = {QEMU_IMG, "check", "-f", "qcow2", path, NULL};
    struct error err = {0};
    int fd;

    (void)state;
    if (access(QEMU_IMG, X_OK) != 0) {
        print_message("# " QEMU_IMG " is not installed (qemu-utils)\n");
        skip();
    }
    fd = mkstemp(path);
    qcow2_build(image, 3);
    assert_true(fd >= 0 && write(fd, image, sizeof(image)) == (ssize_t)sizeof(image));
    close(fd);
    bool taken = spawn_run(argv, -1, &err);
    unlink(path);
    if (!taken)
        fail_msg("%s", err.message);
}

static const struct hostile {
    size_t at, width;
    uint64_t value;
    const char *message;
} hostiles[] = {
    {4, 4, 1, "has the version 1"},
    {4, 4, 4, "has the version 4"},
    {8, 8, 512, "has a backing file"},
    {16, 4, 11, "has a backing file"},
    {20, 4, 8, "has clusters of 2^8"},
    {20, 4, 22, "has clusters of 2^22"},
    {20, 4, 0xffffffff, "has clusters of 2^4294967295"},
    {24, 8, 0, "a disk of 0 bytes"},
    {24, 8, 64 * TIB + 1, "a disk of 70368744177665 bytes"},
    {24, 8, UINT64_MAX, "a disk of 18446744073709551615 bytes"},
    {24, 8, 64 * TIB, "its size needs 131072"},
    {32, 4, 1, "is encrypted"},
    {32, 4, 2, "is encrypted"},
    {36, 4, 0, "L1 table has 0 entries, its size needs 1"},
    {36, 4, 8193, "L1 table lies beyond the end"},
    {36, 4, 0xffffffff, "L1 table has 34359738360 bytes"},
    {40, 8, 0, "L1 table does not begin where"},
    {40, 8, 3 * QCOW2_CLUSTER + 8, "L1 table does not begin where"},
    {40, 8, 4 * QCOW2_CLUSTER, "L1 table lies beyond the end"},
    {40, 8, 0xffffffffffff0000, "L1 table lies beyond the end"},
    {48, 8, 0, "refcount table does not begin where"},
    {48, 8, 4 * QCOW2_CLUSTER, "refcount table lies beyond the end"},
    {48, 8, 0xffffffffffff0000, "refcount table lies beyond the end"},
    {56, 4, 0, "has no refcount table"},
    {56, 4, 4, "refcount table lies beyond the end"},
    {56, 4, 0xffffffff, "refcount table has 281474976645120 bytes"},
    {60, 4, 1, "snapshot table does not begin where"},
    {60, 4, 0xffffffff, "snapshot table has"},
    {72, 8, 1 << 1, "is marked as corrupt"},
    {72, 8, 1 << 2, "has an external data file"},
    {72, 8, 1 << 3, "compressed in a way that is not known"},
    {72, 8, 1 << 5, "incompatible features that are not known: 0x20"},
    {72, 8, 1ull << 63, "incompatible features that are not known"},
    {96, 4, 7, "reference counts are wider"},
    {100, 4, 0, "a header of 0 bytes"},
    {100, 4, 96, "a header of 96 bytes"},
    {100, 4, 108, "a header of 108 bytes"},
    {100, 4, 0xfffffff8, "a header of 4294967288 bytes"},
    {104, 8, 0x44415441ull << 32 | 8, "names an external data file"},
    {104, 8, 0x0537be77ull << 32 | 16, "is encrypted"},
    {104, 8, 0x6803f857ull << 32 | 0xffffffff, "extension of the qcow2's header leads out"},
    {104, 8, 0x6803f857ull << 32 | (QCOW2_CLUSTER - 111), "extension of the qcow2's header leads out"},
};

static void a_hostile_one_is_refused_with_a_sentence(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(hostiles) / sizeof(hostiles[0]); i++) {
        qcow2_build(image, 3);
        qcow2_put(image, hostiles[i].at, hostiles[i].width, hostiles[i].value);
        assert_refused(image, sizeof(image), hostiles[i].message);
    }
}

/* The old version has all of the fields but those of version 3. */
static void so_is_one_of_version_2(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(hostiles) / sizeof(hostiles[0]); i++) {
        if (hostiles[i].at == 4 || hostiles[i].at >= 72)
            continue;
        qcow2_build(image, 2);
        qcow2_put(image, hostiles[i].at, hostiles[i].width, hostiles[i].value);
        assert_refused(image, sizeof(image), hostiles[i].message);
    }
}

static void an_external_data_file_behind_other_extensions_is_seen(void **state)
{
    (void)state;
    qcow2_build(image, 2);
    qcow2_put(image, 72, 8, 0x6803f857ull << 32 | 3);
    qcow2_put(image, 88, 8, 0x44415441ull << 32 | 11);
    memcpy(image + 96, "/etc/passwd", 11);
    assert_refused(image, sizeof(image), "names an external data file");
}

static void extensions_without_an_end_are_refused(void **state)
{
    (void)state;
    qcow2_build(image, 3);
    for (size_t at = 104; at < 4096; at += 8)
        qcow2_put(image, at, 8, 0x6803f857ull << 32);
    assert_refused(image, sizeof(image), "more than 64 extensions");
}

static void a_truncated_one_is_refused(void **state)
{
    static const size_t lengths[] = {4,   5,   31,        71,        72,  100,
                                     103, 104, 111, QCOW2_CLUSTER, 2 * QCOW2_CLUSTER - 1, 3 * QCOW2_CLUSTER, 3 * QCOW2_CLUSTER + 7};

    (void)state;
    qcow2_build(image, 3);
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        struct qcow2 out;
        struct error err;

        if (inspect(image, lengths[i], &out, &err))
            fail_msg("%zu bytes of it were taken", lengths[i]);
        assert_int_equal(err.code, ERROR_INVALID);
    }
}

/* Under the sanitizers: whatever stands there, nothing is read that is not there; and what is taken is within the caps. */
static void no_bit_of_the_header_leads_astray(void **state)
{
    struct qcow2 out;
    struct error err;

    (void)state;
    for (size_t bit = 0; bit < 128 * 8; bit++) {
        qcow2_build(image, 3);
        image[bit / 8] ^= (unsigned char)(1 << bit % 8);
        if (inspect(image, sizeof(image), &out, &err))
            assert_true(out.virtual_bytes > 0 && out.virtual_bytes <= 64 * TIB);
        else
            assert_int_equal(err.code, ERROR_INVALID);
    }
}

static void features_that_need_no_other_file_are_taken(void **state)
{
    struct qcow2 out;
    struct error err;

    (void)state;
    qcow2_build(image, 3);
    qcow2_put(image, 72, 8, 1 << 0 | 1 << 3 | 1 << 4);
    qcow2_put(image, 100, 4, 112);
    image[104] = 1; /* zstd */
    assert_true(inspect(image, sizeof(image), &out, &err));
    image[104] = 2;
    assert_refused(image, sizeof(image), "compressed in a way that is not known");
    image[104] = 0;
    qcow2_put(image, 20, 4, 13);
    assert_refused(image, sizeof(image), "has clusters of 2^13");
}

static void anything_else_is_raw(void **state)
{
    char bytes[1000] = "\xeb\x63\x90";
    struct qcow2 out;
    struct error err;

    (void)state;
    assert_true(inspect(bytes, sizeof(bytes), &out, &err));
    assert_string_equal(out.format, "raw");
    assert_int_equal(out.virtual_bytes, sizeof(bytes));
    assert_true(inspect(bytes, 1, &out, &err));
    assert_refused(bytes, 0, "it is empty");
}

static void formats_of_others_are_named(void **state)
{
    unsigned char bytes[1024] = {0};

    (void)state;
    memcpy(bytes, "KDMV", 4);
    assert_refused(bytes, sizeof(bytes), "it is a VMDK");
    memcpy(bytes, "vhdxfile", 8);
    assert_refused(bytes, sizeof(bytes), "it is a VHDX");
    memcpy(bytes, "conectix", 8);
    assert_refused(bytes, sizeof(bytes), "it is a VHD");
    memset(bytes, 0, sizeof(bytes));
    memcpy(bytes + 64, "\x7f\x10\xda\xbe", 4);
    assert_refused(bytes, sizeof(bytes), "it is a VDI");
}

static void what_is_no_file_is_refused(void **state)
{
    struct qcow2 out;
    struct error err;
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_false(qcow2_inspect(ends[0], &out, &err));
    assert_non_null(strstr(err.message, "no regular file"));
    close(ends[0]);
    close(ends[1]);
}

static void the_base_of_an_own_one_is_read(void **state)
{
    char backing[QCOW2_BACKING_BYTES];
    uint64_t bytes;
    struct error err;

    (void)state;
    qcow2_build(image, 3);
    qcow2_put(image, 8, 8, 512);
    qcow2_put(image, 16, 4, 5);
    memcpy(image + 512, "/base", 5);
    AUTO_CLOSE int fd = file_of(image, sizeof(image));
    assert_true(qcow2_read_own(fd, &bytes, backing, &err));
    assert_int_equal(bytes, QCOW2_VIRTUAL);
    assert_string_equal(backing, "/base");
    qcow2_put(image, 16, 4, 1024);
    AUTO_CLOSE int longer = file_of(image, sizeof(image));
    assert_false(qcow2_read_own(longer, &bytes, backing, &err));
    qcow2_put(image, 8, 8, UINT64_MAX);
    qcow2_put(image, 16, 4, 8);
    AUTO_CLOSE int beyond = file_of(image, sizeof(image));
    assert_false(qcow2_read_own(beyond, &bytes, backing, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_one_is_taken),
        cmocka_unit_test(qemu_takes_the_whole_one_too),
        cmocka_unit_test(a_hostile_one_is_refused_with_a_sentence),
        cmocka_unit_test(so_is_one_of_version_2),
        cmocka_unit_test(an_external_data_file_behind_other_extensions_is_seen),
        cmocka_unit_test(extensions_without_an_end_are_refused),
        cmocka_unit_test(a_truncated_one_is_refused),
        cmocka_unit_test(no_bit_of_the_header_leads_astray),
        cmocka_unit_test(features_that_need_no_other_file_are_taken),
        cmocka_unit_test(anything_else_is_raw),
        cmocka_unit_test(formats_of_others_are_named),
        cmocka_unit_test(what_is_no_file_is_refused),
        cmocka_unit_test(the_base_of_an_own_one_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
