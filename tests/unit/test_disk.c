/* Disks from outside: their formats by their own bytes, and what in them would lead to other files. */
#include "unit.h"

#include <string.h>

#include "base/memory.h"
#include "davit/limits.h"
#include "image/disk.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define KIB 1024u

struct made {
    uint8_t *data;
    size_t size;
};

static bool read_made(void *ctx, uint64_t offset, void *data, size_t len, struct error *err)
{
    const struct made *made = ctx;
    (void)err;
    assert_true(offset + len <= made->size);
    memcpy(data, made->data + offset, len);
    return true;
}

static bool check(const struct made *made, enum disk_format *format, struct error *err)
{
    struct made copy = *made;
    const struct disk_bytes bytes = { .read = read_made, .ctx = &copy, .size = made->size };
    return disk_check(&bytes, format, err);
}

static void put(uint8_t *at, uint64_t value, size_t len, bool big)
{
    for (size_t i = 0; i < len; i++)
        at[big ? len - 1 - i : i] = (uint8_t)(value >> (8 * i));
}

static void refused(const struct made *made, const char *why)
{
    struct error err = { 0 };
    enum disk_format format;
    if (check(made, &format, &err))
        fail_msg("taken, though: %s", why);
    if (strstr(err.message, why) == NULL)
        fail_msg("'%s' is not in: %s", why, err.message);
}

static void taken(const struct made *made, const char *name)
{
    struct error err = { 0 };
    enum disk_format format;
    if (!check(made, &format, &err))
        fail_msg("%s", err.message);
    assert_string_equal(disk_format_name(format), name);
}

/* ---- qcow2: clusters of 64 kB: head, level 1, level 2, counts, data */

static struct made make_qcow2(void)
{
    struct made made = { mem_alloc(5 * 64 * KIB), 5 * 64 * KIB };
    uint8_t *head = made.data;
    memcpy(head, "QFI\xfb", 4);
    put(head + 4, 3, 4, true);
    put(head + 20, 16, 4, true);
    put(head + 24, 1024 * KIB, 8, true);
    put(head + 36, 1, 4, true);
    put(head + 40, 64 * KIB, 8, true);
    put(head + 48, 3 * 64 * KIB, 8, true);
    put(head + 56, 1, 4, true);
    put(head + 96, 4, 4, true);
    put(head + 100, 104, 4, true);
    put(head + 64 * KIB, 1ull << 63 | 2 * 64 * KIB, 8, true);
    put(head + 2 * 64 * KIB, 1ull << 63 | 4 * 64 * KIB, 8, true);
    return made;
}

static void a_qcow2_that_is_whole_is_taken(void **state)
{
    (void)state;
    struct made made = make_qcow2();
    taken(&made, "qcow2");
    put(made.data + 4, 2, 4, true);
    taken(&made, "qcow2");
    put(made.data + 4, 3, 4, true);
    put(made.data + 72, 1 | 8 | 16, 8, true); /* dirty, another compression, parts of clusters */
    taken(&made, "qcow2");
    put(made.data + 72, 0, 8, true);
    put(made.data + 2 * 64 * KIB, 1ull << 62 | (4 * 64 * KIB + 77), 8, true); /* a compressed cluster */
    taken(&made, "qcow2");
    free(made.data);
}

static void a_qcow2_that_leads_elsewhere_is_refused(void **state)
{
    (void)state;
    static const struct {
        size_t offset;
        uint64_t value;
        size_t len;
        const char *why;
    } table[] = {
        { 4, 1, 4, "version 1 is neither" },
        { 4, 4, 4, "version 4 is neither" },
        { 8, 512, 8, "backing file" },
        { 20, 8, 4, "impossible size" },
        { 20, 22, 4, "impossible size" },
        { 20, 0xffffffff, 4, "impossible size" },
        { 24, 0, 8, "0 bytes" },
        { 24, LIMIT_DISK_BYTES + 1, 8, "are the most" },
        { 24, UINT64_MAX, 8, "are the most" },
        { 24, 1ull << 40, 8, "does not fit its size" },
        { 32, 1, 4, "encrypted" },
        { 32, 2, 4, "encrypted" },
        { 36, 0xffffffff, 4, "does not fit its size" },
        { 36, 0, 4, "does not fit its size" },
        { 40, 1, 8, "across clusters" },
        { 40, 64 * 64 * KIB, 8, "beyond its end" },
        { 40, 0xffffffffffff0000ull, 8, "beyond its end" },
        { 48, 0, 8, "across clusters" },
        { 48, 64 * 64 * KIB, 8, "beyond its end" },
        { 56, 0xffffffff, 4, "beyond its end" },
        { 60, 70000, 4, "70000 snapshots" },
        { 72, 2, 8, "corrupt" },
        { 72, 4, 8, "external data file" },
        { 72, 1ull << 40, 8, "unknown here" },
        { 100, 103, 4, "impossible length" },
        { 100, 65537, 4, "impossible length" },
        { 64 * KIB, 1ull << 63 | 8 * 64 * KIB, 8, "truncated" },
        { 2 * 64 * KIB, 1ull << 63 | 5 * 64 * KIB, 8, "truncated" },
        { 2 * 64 * KIB + 8, 1ull << 62 | 9 * 64 * KIB, 8, "truncated" },
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct made made = make_qcow2();
        put(made.data + table[i].offset, table[i].value, table[i].len, true);
        refused(&made, table[i].why);
        free(made.data);
    }
}

static void a_qcow2_that_is_cut_is_refused(void **state)
{
    (void)state;
    static const size_t sizes[] = { 4, 71, 72, 103, 104, 64 * KIB, 2 * 64 * KIB, 3 * 64 * KIB, 4 * 64 * KIB };
    struct made made = make_qcow2();
    for (size_t i = 0; i < COUNT(sizes); i++) {
        made.size = sizes[i];
        refused(&made, "truncated");
    }
    free(made.data);
}

/* ---- VMDK: head, descriptor, directory, one table, one grain */

#define DESCRIPTOR \
    "# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=ffffffff\ncreateType=\"monolithicSparse\"\n" \
    "# Extent description\nRW 2048 SPARSE \"x.vmdk\"\n"

static struct made make_vmdk(const char *descriptor)
{
    struct made made = { mem_alloc(128 * KIB), 128 * KIB };
    uint8_t *head = made.data;
    memcpy(head, "KDMV", 4);
    put(head + 4, 1, 4, false);
    put(head + 12, 2048, 8, false);
    put(head + 20, 128, 8, false);
    put(head + 28, 1, 8, false);
    put(head + 36, 20, 8, false);
    put(head + 44, 512, 4, false);
    put(head + 56, 30, 8, false);
    put(head + 30 * 512, 31, 4, false);
    put(head + 31 * 512, 128, 4, false);
    memcpy(head + 512, descriptor, strlen(descriptor));
    return made;
}

static void a_vmdk_in_one_file_is_taken(void **state)
{
    (void)state;
    struct made made = make_vmdk(DESCRIPTOR);
    taken(&made, "vmdk");
    memcpy(made.data + 128 * KIB - 1024, made.data, 512); /* a stream: the directory is told of at the end */
    put(made.data + 56, UINT64_MAX, 8, false);
    taken(&made, "vmdk");
    made.size -= 512;
    refused(&made, "truncated");
    free(made.data);
    assert_string_equal(disk_format_to_convert("vmdk"), "vmdk");
    assert_string_equal(disk_format_to_convert("vhdx"), "vhdx");
    assert_null(disk_format_to_convert("qcow2"));
    assert_null(disk_format_to_convert("raw"));
}

static void a_vmdk_that_leads_elsewhere_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *descriptor, *why;
    } table[] = {
        { "", "damaged" },
        { "createType=\"monolithicSparse\"\n", "names 0 extents" },
        { "RW 2048 SPARSE \"x\"\n", "no type" },
        { "createType=\"monolithicSparse\"\nRW 2048 SPARSE \"x\"\nRW 2048 SPARSE \"y\"\n", "several extents" },
        { "createType=\"monolithicSparse\"\nRW 2048 SPARSE \"x\"\n rdonly\t2048 FLAT \"/etc/passwd\" 0\n", "several extents" },
        { "createType=\"monolithicSparse\"\nRW 2048 FLAT \"/etc/passwd\" 0\n", "no SPARSE one" },
        { "createType=\"monolithicSparse\"\nRW 2048 SPARSEX \"/etc/passwd\"\n", "no SPARSE one" },
        { "createType=\"monolithicFlat\"\nRW 2048 SPARSE \"x\"\n", "no VMDK in one file" },
        { "createType=\"twoGbMaxExtentSparse\"\nRW 2048 SPARSE \"x\"\n", "no VMDK in one file" },
        { "parentCID=12345678\n" DESCRIPTOR, "parent" },
        { DESCRIPTOR "parentFileNameHint=\"/etc/passwd\"\n", "parent" },
        { DESCRIPTOR "#PARENTFILENAMEHINT=\"/etc/passwd\"\n", "parent" },
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct made made = make_vmdk(table[i].descriptor);
        refused(&made, table[i].why);
        free(made.data);
    }
}

static void a_vmdk_with_a_head_that_lies_is_refused(void **state)
{
    (void)state;
    static const struct {
        size_t offset;
        uint64_t value;
        size_t len;
        const char *why;
    } table[] = {
        { 4, 4, 4, "version 4" },
        { 12, 0, 8, "capacity" },
        { 12, UINT64_MAX, 8, "capacity" },
        { 12, 1ull << 40, 8, "capacity" },
        { 20, 0, 8, "impossible size" },
        { 20, 1ull << 60, 8, "impossible size" },
        { 28, 2, 8, "behind its head" },
        { 28, 1ull << 55 | 1, 8, "behind its head" },
        { 44, 0, 4, "impossible size" },
        { 44, 513, 4, "impossible size" },
        { 56, 1ull << 40, 8, "impossible size" },
        { 56, 4096, 8, "truncated" },
        { 30 * 512, 4096, 4, "truncated" },
        { 31 * 512 + 2044, 256, 4, "truncated" },
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct made made = make_vmdk(DESCRIPTOR);
        put(made.data + table[i].offset, table[i].value, table[i].len, false);
        refused(&made, table[i].why);
        free(made.data);
    }
}

/* ---- VHDX: two tables of regions, metadata at 1 MB */

static const uint8_t metadata_region[16] = { 0x06, 0xa2, 0x7c, 0x8b, 0x90, 0x47, 0x9a, 0x4b,
                                             0xb8, 0xfe, 0x57, 0x5f, 0x05, 0x0f, 0x88, 0x6e };
static const uint8_t file_parameters[16] = { 0x37, 0x67, 0xa1, 0xca, 0x36, 0xfa, 0x43, 0x4d,
                                             0xb3, 0xb6, 0x33, 0xf0, 0xaa, 0x44, 0xe7, 0x6b };
static const uint8_t parent_locator[16] = { 0x2d, 0x5f, 0xd3, 0xa8, 0x0b, 0xb3, 0x4d, 0x45,
                                            0xab, 0xf7, 0xd3, 0xd8, 0x48, 0x34, 0xab, 0x0c };

static struct made make_vhdx(void)
{
    struct made made = { mem_alloc(2048 * KIB), 2048 * KIB };
    memcpy(made.data, "vhdxfile", 8);
    for (size_t table = 192 * KIB; table <= 256 * KIB; table += 64 * KIB) {
        memcpy(made.data + table, "regi", 4);
        put(made.data + table + 8, 1, 4, false);
        memcpy(made.data + table + 16, metadata_region, 16);
        put(made.data + table + 32, 1024 * KIB, 8, false);
    }
    uint8_t *metadata = made.data + 1024 * KIB;
    memcpy(metadata, "metadata", 8);
    put(metadata + 10, 1, 2, false);
    memcpy(metadata + 32, file_parameters, 16);
    put(metadata + 48, 64 * KIB, 4, false);
    return made;
}

static void a_vhdx_without_a_parent_is_taken(void **state)
{
    (void)state;
    struct made made = make_vhdx();
    uint8_t *metadata = made.data + 1024 * KIB;
    taken(&made, "vhdx");
    put(metadata + 64 * KIB + 4, 2, 4, false);
    refused(&made, "parent");
    put(metadata + 64 * KIB + 4, 0, 4, false);
    memcpy(metadata + 32, parent_locator, 16);
    refused(&made, "parent");
    memcpy(metadata + 32, file_parameters, 16);
    put(metadata + 10, 2048, 2, false);
    refused(&made, "damaged");
    put(metadata + 10, 1, 2, false);
    put(metadata + 48, 0xffffffff, 4, false);
    refused(&made, "truncated");
    put(metadata + 48, 64 * KIB, 4, false);
    /* The second table is looked at too. */
    put(made.data + 256 * KIB + 32, UINT64_MAX - 8, 8, false);
    refused(&made, "truncated");
    memset(made.data + 192 * KIB, 0, 4);
    memset(made.data + 256 * KIB, 0, 4);
    refused(&made, "no metadata");
    made.size = 200 * KIB;
    refused(&made, "truncated");
    free(made.data);
}

/* ---- the rest */

static void what_is_no_other_format_is_raw(void **state)
{
    (void)state;
    struct made made = { mem_alloc(512), 512 };
    taken(&made, "raw");
    made.size = 1;
    taken(&made, "raw");
    made.size = 0;
    refused(&made, "0 bytes");
    made.size = 512;
    memcpy(made.data, "conectix", 8);
    refused(&made, "VHD");
    memcpy(made.data, "# Disk DescriptorFile", 21);
    refused(&made, "other files");
    memcpy(made.data, "<!DOCTYPE html>", 15);
    refused(&made, "web page");
    memcpy(made.data, "PK\x03\x04", 4);
    refused(&made, "zip");
    memset(made.data, 0, 512);
    memcpy(made.data + 257, "ustar", 5);
    refused(&made, "tar");
    memset(made.data, 0, 512);
    memcpy(made.data + 64, "\x7f\x10\xda\xbe", 4);
    refused(&made, "VirtualBox");
    free(made.data);
}

static void an_image_is_known_by_the_bytes_of_its_disk(void **state)
{
    (void)state;
    char image[DIGEST_OCI_BYTES], again[DIGEST_OCI_BYTES], layer[DIGEST_OCI_BYTES];
    const char *digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    disk_image_id(digest, image);
    disk_image_id(digest, again);
    disk_layer_id(digest, layer);
    assert_true(digest_is_valid(image) && digest_is_valid(layer));
    assert_string_equal(image, again);
    assert_string_not_equal(image, layer);
    assert_string_not_equal(layer, digest);
    disk_image_id("sha256:1123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", again);
    assert_string_not_equal(image, again);
    AUTO_JSON struct json *config = disk_config(digest);
    assert_string_equal(json_get_text(json_get(config, "davit"), "disk"), digest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_qcow2_that_is_whole_is_taken),
        cmocka_unit_test(a_qcow2_that_leads_elsewhere_is_refused),
        cmocka_unit_test(a_qcow2_that_is_cut_is_refused),
        cmocka_unit_test(a_vmdk_in_one_file_is_taken),
        cmocka_unit_test(a_vmdk_that_leads_elsewhere_is_refused),
        cmocka_unit_test(a_vmdk_with_a_head_that_lies_is_refused),
        cmocka_unit_test(a_vhdx_without_a_parent_is_taken),
        cmocka_unit_test(what_is_no_other_format_is_raw),
        cmocka_unit_test(an_image_is_known_by_the_bytes_of_its_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
