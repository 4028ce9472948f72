/* Manifests, indexes and configurations, as a hostile registry may hand them over. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "davit/limits.h"
#include "image/image_config.h"
#include "image/manifest.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SHA(digit) "sha256:" digit digit digit digit digit digit digit digit
#define A SHA("aaaaaaaa")
#define B SHA("bbbbbbbb")
#define C SHA("cccccccc")
#define D SHA("dddddddd")
#define OCI "application/vnd.oci.image."
#define DOCKER "application/vnd.docker."
#define DESCRIPTOR(type, digest, size) "{\"mediaType\":\"" type "\",\"digest\":\"" digest "\",\"size\":" size "}"
#define CONFIG "\"config\":" DESCRIPTOR(OCI "config.v1+json", A, "100")
#define LAYER(digest) DESCRIPTOR(OCI "layer.v1.tar+gzip", digest, "1000")
#define IMAGE_OF(config, layers) "{\"schemaVersion\":2," config ",\"layers\":[" layers "]}"
#define IMAGE(layers) IMAGE_OF(CONFIG, layers)
#define INDEX(entries) "{\"schemaVersion\":2,\"manifests\":[" entries "]}"
#define ENTRY(digest, platform) "{\"digest\":\"" digest "\",\"size\":500,\"platform\":" platform "}"
#define LINUX(architecture) "{\"os\":\"linux\",\"architecture\":\"" architecture "\"}"
#define VARIANT(architecture, variant) \
    "{\"os\":\"linux\",\"architecture\":\"" architecture "\",\"variant\":\"" variant "\"}"

static bool parse(const char *text, const char *type, struct manifest *out, struct error *err)
{
    return manifest_parse(text, strlen(text), type, machine_of("x86_64"), out, err);
}

static void reads_an_image(const char *config_type, const char *layer_type, const char *said)
{
    struct manifest manifest;
    struct error err = {0};
    AUTO_FREE char *text =
        mem_printf("{\"schemaVersion\":2,\"config\":{\"mediaType\":\"%s\",\"digest\":\"" A "\",\"size\":7},"
                   "\"layers\":[{\"mediaType\":\"%s\",\"digest\":\"" B "\",\"size\":0},"
                   "{\"mediaType\":\"%s\",\"digest\":\"" C "\",\"size\":8589934592,\"urls\":[\"http://x/\"]},"
                   "{\"mediaType\":\"%s\",\"digest\":\"" B "\",\"size\":0}]}",
                   config_type, layer_type, layer_type, layer_type);
    if (!parse(text, said, &manifest, &err))
        fail_msg("%s", err.message);
    assert_int_equal(manifest.kind, MANIFEST_IMAGE);
    assert_string_equal(manifest.config.digest, A);
    assert_int_equal(manifest.config.size, 7);
    assert_int_equal(manifest.layer_count, 3);
    assert_string_equal(manifest.layers[0].digest, B);
    assert_string_equal(manifest.layers[1].digest, C);
    assert_int_equal(manifest.layers[1].size, 8589934592);
    assert_string_equal(manifest.layers[2].digest, B);
    assert_string_equal(manifest.layers[2].media_type, layer_type);
    manifest_free(&manifest);
    assert_null(manifest.layers);
}

static void an_image_is_read(void **state)
{
    (void)state;
    reads_an_image(OCI "config.v1+json", OCI "layer.v1.tar", OCI "manifest.v1+json");
    reads_an_image(OCI "config.v1+json", OCI "layer.v1.tar+zstd", OCI "manifest.v1+json; charset=utf-8");
    reads_an_image(OCI "config.v1+json", OCI "layer.v1.tar+gzip", NULL);
    reads_an_image(DOCKER "container.image.v1+json", DOCKER "image.rootfs.diff.tar.gzip",
                   DOCKER "distribution.manifest.v2+json");
    reads_an_image("application/octet-stream", DOCKER "image.rootfs.diff.tar", "text/plain");
    reads_an_image("", "", "");
}

/* ---- what is refused */

struct refusal {
    const char *text;
    const char *type;
    enum error_code code;
    const char *says;
};

static const struct refusal refusals[] = {
    {"", NULL, ERROR_INVALID, ""},
    {"<html>404</html>", "text/html", ERROR_INVALID, ""},
    {"[]", NULL, ERROR_INVALID, "no manifest"},
    {"\"x\"", NULL, ERROR_INVALID, "no manifest"},
    {"{}", NULL, ERROR_INVALID, "schema version 2"},
    {"{\"schemaVersion\":\"2\"}", NULL, ERROR_INVALID, "schema version 2"},
    {"{\"schemaVersion\":3," CONFIG ",\"layers\":[]}", NULL, ERROR_INVALID, "schema version 2"},
    {"{\"schemaVersion\":2}", NULL, ERROR_INVALID, "no config or no layers"},
    {"{\"schemaVersion\":2," CONFIG "}", NULL, ERROR_INVALID, "no config or no layers"},
    {"{\"schemaVersion\":2," CONFIG ",\"layers\":{}}", NULL, ERROR_INVALID, "no config or no layers"},
    {"{\"schemaVersion\":2,\"layers\":[" LAYER(B) "]}", NULL, ERROR_INVALID, "no config or no layers"},
    {"{\"schemaVersion\":2,\"schemaVersion\":2," CONFIG ",\"layers\":[]}", NULL, ERROR_INVALID, "second time"},
    {IMAGE(LAYER(B)) "{}", NULL, ERROR_INVALID, ""},
    /* CVE-2021-41190 */
    {"{\"schemaVersion\":2,\"manifests\":[]," CONFIG ",\"layers\":[]}", NULL, ERROR_INVALID, "at once"},
    {"{\"schemaVersion\":2,\"manifests\":[],\"layers\":[]}", NULL, ERROR_INVALID, "at once"},
    {"{\"schemaVersion\":2,\"manifests\":[]," CONFIG "}", NULL, ERROR_INVALID, "at once"},
    {"{\"schemaVersion\":2,\"manifests\":null,\"layers\":[]}", NULL, ERROR_INVALID, "at once"},
    {IMAGE(LAYER(B)), OCI "index.v1+json", ERROR_INVALID, "media type"},
    {IMAGE(LAYER(B)), DOCKER "distribution.manifest.list.v2+json", ERROR_INVALID, "media type"},
    {INDEX(ENTRY(B, LINUX("amd64"))), OCI "manifest.v1+json", ERROR_INVALID, "media type"},
    {"{\"schemaVersion\":2,\"mediaType\":\"" OCI "index.v1+json\"," CONFIG ",\"layers\":[]}", NULL, ERROR_INVALID,
     "media type"},
    {"{\"schemaVersion\":2,\"mediaType\":\"" OCI "manifest.v1+json\",\"manifests\":[]}", NULL, ERROR_INVALID,
     "media type"},
    {"{\"schemaVersion\":2,\"mediaType\":\"application/x-evil\\u001b[31m\"," CONFIG ",\"layers\":[]}", NULL,
     ERROR_INVALID, "\\x1b"},
    /* Docker's schema 1 */
    {"{\"schemaVersion\":1,\"name\":\"x\",\"fsLayers\":[{\"blobSum\":\"" B "\"}]}", NULL, ERROR_INVALID, "schema 1"},
    {"{\"schemaVersion\":2,\"fsLayers\":[]," CONFIG ",\"layers\":[]}", NULL, ERROR_INVALID, "schema 1"},
    {"{\"schemaVersion\":2,\"mediaType\":\"" DOCKER "distribution.manifest.v1+prettyjws\"}", NULL, ERROR_INVALID,
     "schema 1"},
    /* what is no container image */
    {IMAGE_OF("\"config\":" DESCRIPTOR("application/vnd.cncf.helm.config.v1+json", A, "10"), LAYER(B)), NULL,
     ERROR_INVALID, "helm"},
    {IMAGE_OF("\"config\":" DESCRIPTOR("application/vnd.oci.empty.v1+json", A, "2"), LAYER(B)), NULL, ERROR_INVALID,
     "no container image"},
    {IMAGE(DESCRIPTOR("application/vnd.in-toto+json", B, "10")), NULL, ERROR_INVALID, "in-toto"},
    {IMAGE(DESCRIPTOR(DOCKER "image.rootfs.foreign.diff.tar.gzip", B, "10")), NULL, ERROR_INVALID, "elsewhere"},
    {IMAGE(DESCRIPTOR(OCI "layer.nondistributable.v1.tar+gzip", B, "10")), NULL, ERROR_INVALID, "elsewhere"},
    {IMAGE(DESCRIPTOR(OCI "layer.v1.tar+gzip+encrypted", B, "10")), NULL, ERROR_INVALID, "encrypted"},
    {IMAGE(DESCRIPTOR(OCI "layer.v1.tar+lzma", B, "10")), NULL, ERROR_INVALID, "lzma"},
    /* descriptors */
    {IMAGE("[]"), NULL, ERROR_INVALID, "digest"},
    {IMAGE("{}"), NULL, ERROR_INVALID, "digest"},
    {IMAGE("{\"digest\":7,\"size\":1}"), NULL, ERROR_INVALID, "digest"},
    {IMAGE("{\"digest\":\"sha256:../../../../etc/passwd\",\"size\":1}"), NULL, ERROR_INVALID, "digest"},
    {IMAGE("{\"digest\":\"sha512:aa\",\"size\":1}"), NULL, ERROR_INVALID, "digest"},
    {IMAGE("{\"digest\":\"" SHA("AAAAAAAA") "\",\"size\":1}"), NULL, ERROR_INVALID, "digest"},
    {IMAGE("{\"digest\":\"" B "\"}"), NULL, ERROR_INVALID, "size"},
    {IMAGE("{\"digest\":\"" B "\",\"size\":-1}"), NULL, ERROR_INVALID, "size"},
    {IMAGE("{\"digest\":\"" B "\",\"size\":1.5}"), NULL, ERROR_INVALID, "size"},
    {IMAGE("{\"digest\":\"" B "\",\"size\":\"1\"}"), NULL, ERROR_INVALID, "size"},
    {IMAGE("{\"digest\":\"" B "\",\"size\":1e300}"), NULL, ERROR_INVALID, "size"},
    {IMAGE("{\"digest\":\"" B "\",\"size\":99999999999999999999}"), NULL, ERROR_INVALID, ""},
    {IMAGE("{\"digest\":\"" B "\",\"size\":9007199254740991}"), NULL, ERROR_LIMIT, "bytes"},
    {IMAGE("{\"digest\":\"" B "\",\"size\":8589934593}"), NULL, ERROR_LIMIT, "bytes"},
    {IMAGE_OF("\"config\":" DESCRIPTOR("", A, "4194305"), LAYER(B)), NULL, ERROR_LIMIT, "configuration"},
    {IMAGE_OF("\"config\":[]", LAYER(B)), NULL, ERROR_INVALID, "digest"},
    /* indexes */
    {INDEX(""), NULL, ERROR_UNSUPPORTED, "linux/amd64, but for: none"},
    {"{\"schemaVersion\":2,\"manifests\":{}}", NULL, ERROR_INVALID, "no list"},
    {INDEX("7,\"x\",null,[]"), NULL, ERROR_INVALID, "digest"},
    {INDEX(ENTRY("sha256:short", LINUX("amd64"))), NULL, ERROR_INVALID, "digest"},
    {INDEX("{\"digest\":\"" B "\",\"size\":4194305,\"platform\":" LINUX("amd64") "}"), NULL, ERROR_LIMIT, "manifest"},
    {INDEX(ENTRY(B, LINUX("arm64")) "," ENTRY(C, VARIANT("arm", "v7")) "," ENTRY(D, LINUX("arm64")) ","
           ENTRY(D, "{\"os\":\"windows\",\"architecture\":\"amd64\"}") ","
           ENTRY(A, "{\"os\":\"unknown\",\"architecture\":\"unknown\"}")),
     NULL, ERROR_UNSUPPORTED, "it has no image for linux/amd64, but for: linux/arm64, linux/arm/v7, windows/amd64"},
    {INDEX(ENTRY(B, VARIANT("amd64", "v3"))), NULL, ERROR_UNSUPPORTED, "linux/amd64/v3"},
    {INDEX(ENTRY(B, VARIANT("amd64", "v11"))), NULL, ERROR_UNSUPPORTED, "linux/amd64/v11"},
    {INDEX("{\"digest\":\"" B "\",\"size\":500,\"annotations\":{\"vnd.docker.reference.type\":\"attestation-manifest\"}}"),
     NULL, ERROR_UNSUPPORTED, "but for: none"},
};

static void what_is_wrong_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refusals); i++) {
        const struct refusal *refusal = &refusals[i];
        struct manifest manifest;
        struct error err = {0};
        if (parse(refusal->text, refusal->type, &manifest, &err))
            fail_msg("taken: %s", refusal->text);
        if (err.code != refusal->code || strstr(err.message, refusal->says) == NULL)
            fail_msg("%s: %s \"%s\" instead of %s \"%s\"", refusal->text, error_code_name(err.code), err.message,
                     error_code_name(refusal->code), refusal->says);
        assert_null(manifest.layers);
    }
}

static void refused(struct strbuf *text, enum error_code code, const char *says)
{
    struct manifest manifest;
    struct error err = {0};
    assert_false(text->overflow);
    assert_false(manifest_parse(text->data, text->len, NULL, machine_of("x86_64"), &manifest, &err));
    assert_int_equal(err.code, code);
    assert_non_null(strstr(err.message, says));
    strbuf_free(text);
}

static void too_much_is_refused(void **state)
{
    (void)state;
    struct strbuf text;
    for (int count = LIMIT_IMAGE_LAYERS; count <= LIMIT_IMAGE_LAYERS + 1; count++) {
        strbuf_init(&text, 1024 * 1024);
        strbuf_add(&text, "{\"schemaVersion\":2," CONFIG ",\"layers\":[");
        for (int i = 0; i < count; i++)
            strbuf_printf(&text, "%s" LAYER(B), i > 0 ? "," : "");
        strbuf_add(&text, "]}");
        if (count > LIMIT_IMAGE_LAYERS) {
            refused(&text, ERROR_LIMIT, "129 layers");
            break;
        }
        struct manifest manifest;
        struct error err;
        assert_true(parse(text.data, NULL, &manifest, &err));
        assert_int_equal(manifest.layer_count, LIMIT_IMAGE_LAYERS);
        manifest_free(&manifest);
        strbuf_free(&text);
    }
    strbuf_init(&text, 1024 * 1024);
    strbuf_add(&text, "{\"schemaVersion\":2,\"annotations\":");
    for (int i = 0; i < 100000; i++)
        strbuf_add(&text, "[");
    refused(&text, ERROR_INVALID, "");
    strbuf_init(&text, LIMIT_IMAGE_MANIFEST_BYTES + 4096);
    strbuf_add(&text, IMAGE(LAYER(B)));
    while (text.len <= LIMIT_IMAGE_MANIFEST_BYTES)
        strbuf_add(&text, "          ");
    refused(&text, ERROR_LIMIT, "bytes");
    strbuf_init(&text, 1024);
    strbuf_add(&text, "{\"schemaVersion\":2," CONFIG ",\"layers\":[{\"digest\":\"" B "\",\"size\":1,\"mediaType\":\"");
    for (int i = 0; i < MANIFEST_TYPE_BYTES; i++)
        strbuf_add(&text, "x");
    strbuf_add(&text, "\"}]}");
    refused(&text, ERROR_INVALID, "media type of 128 bytes");
}

/* A list of names that is longer than a message ends in dots. */
static void many_platforms_are_named_as_far_as_they_go(void **state)
{
    (void)state;
    struct strbuf text;
    strbuf_init(&text, 1024 * 1024);
    strbuf_add(&text, "{\"schemaVersion\":2,\"manifests\":[");
    for (int i = 0; i < 1000; i++)
        strbuf_printf(&text, "%s{\"digest\":\"" B "\",\"size\":1,\"platform\":{\"os\":\"os\\u00e9%d\",\"architecture\":\"x\"}}",
                      i > 0 ? "," : "", i);
    strbuf_add(&text, "]}");
    refused(&text, ERROR_UNSUPPORTED, ", ...");
}

/* ---- the choice */

struct choice {
    const char *machine;
    const char *entries;
    const char *digest; /* NULL: none */
};

#define ARMS ENTRY(A, VARIANT("arm", "v5")) "," ENTRY(B, VARIANT("arm", "v6")) "," ENTRY(C, VARIANT("arm", "v7"))

static const struct choice choices[] = {
    {"x86_64", ENTRY(A, LINUX("arm64")) "," ENTRY(B, LINUX("amd64")) "," ENTRY(C, LINUX("amd64")), B},
    {"x86_64", ENTRY(A, VARIANT("amd64", "v3")) "," ENTRY(B, VARIANT("amd64", "v1")), B},
    {"x86_64", ENTRY(A, VARIANT("amd64", "v2")) "," ENTRY(B, LINUX("amd64")), B},
    {"x86_64", ENTRY(A, "{\"os\":\"unknown\",\"architecture\":\"unknown\"}") "," ENTRY(B, LINUX("amd64")), B},
    {"x86_64", ENTRY(A, "{\"os\":\"windows\",\"architecture\":\"amd64\"}") "," ENTRY(B, LINUX("amd64")), B},
    {"x86_64", "{\"digest\":\"" A "\",\"size\":1}," ENTRY(B, LINUX("amd64")), B},
    {"x86_64", ENTRY(B, LINUX("arm64")) ",{\"digest\":\"" A "\",\"size\":1}", A},
    {"x86_64", "{\"digest\":\"" A "\",\"size\":1,\"artifactType\":\"x\"}," ENTRY(B, LINUX("amd64")), B},
    /* What is not chosen may be what it likes. */
    {"x86_64", "7," ENTRY("sha512:00", LINUX("arm64")) "," ENTRY(B, LINUX("amd64")), B},
    {"x86_64", ENTRY("sha512:00", LINUX("arm64")) "," ENTRY(B, LINUX("amd64")), B},
    {"armv7l", ARMS, C},
    {"armv6l", ARMS, B},
    {"armv8l", ARMS, C},
    {"armv7l", ENTRY(A, VARIANT("arm", "v8")) "," ENTRY(B, LINUX("arm")) "," ENTRY(C, VARIANT("arm", "v7")), B},
    {"armv7l", ENTRY(A, VARIANT("arm64", "v8")), NULL},
    {"aarch64", ARMS "," ENTRY(D, VARIANT("arm64", "v8")), D},
    {"aarch64", ENTRY(A, LINUX("amd64")) "," ENTRY(D, LINUX("arm64")), D},
    {"aarch64", ENTRY(A, VARIANT("arm64", "v9")), NULL},
    {"aarch64", ARMS, NULL},
    {"riscv64", ENTRY(A, LINUX("amd64")) "," ENTRY(B, LINUX("riscv64")), B},
};

static void an_index_is_chosen_from(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(choices); i++) {
        struct manifest manifest;
        struct error err = {0};
        AUTO_FREE char *text = mem_printf(INDEX("%s"), choices[i].entries);
        bool ok = manifest_parse(text, strlen(text), NULL, machine_of(choices[i].machine), &manifest, &err);
        if (ok != (choices[i].digest != NULL))
            fail_msg("choice %zu: %s", i, ok ? manifest.chosen.digest : err.message);
        if (!ok)
            continue;
        assert_int_equal(manifest.kind, MANIFEST_INDEX);
        if (strcmp(manifest.chosen.digest, choices[i].digest) != 0)
            fail_msg("choice %zu: %s", i, manifest.chosen.digest);
        manifest_free(&manifest);
    }
}

static void machines_are_named_as_images_name_them(void **state)
{
    (void)state;
    assert_string_equal(machine_platform(machine_of("x86_64")), "linux/amd64");
    assert_string_equal(machine_platform(machine_of("aarch64")), "linux/arm64");
    assert_string_equal(machine_platform(machine_of("armv7l")), "linux/arm/v7");
    assert_null(machine_of("pdp11"));
    assert_non_null(machine_here());
}

/* ---- configurations */

#define ROOTFS "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" B "\",\"" C "\"]}"

static bool parse_config(const char *text, size_t layers, struct image_config_content *out, struct error *err)
{
    return image_config_parse(text, strlen(text), layers, machine_of("armv7l"), out, err);
}

static void a_configuration_is_read(void **state)
{
    (void)state;
    struct image_config_content content;
    struct error err = {0};
    if (!parse_config("{\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":\"v6\",\"history\":[1]," ROOTFS
                      ",\"config\":{\"Cmd\":[\"sh\"],\"Labels\":null}}", 2, &content, &err))
        fail_msg("%s", err.message);
    assert_int_equal(json_size(content.diff_ids), 2);
    assert_string_equal(json_text(json_first(content.diff_ids)), B);
    AUTO_FREE char *report = json_print_canonical(content.report);
    assert_string_equal(report, "{\"Cmd\":[\"sh\"],\"Labels\":null,\"architecture\":\"arm\",\"os\":\"linux\"}");
    image_config_free(&content);
    assert_true(parse_config("{" ROOTFS ",\"config\":null}", 2, &content, &err));
    assert_int_equal(json_size(content.report), 0);
    image_config_free(&content);
}

static void a_wrong_configuration_is_refused(void **state)
{
    (void)state;
    static const struct refusal table[] = {
        {"", NULL, ERROR_INVALID, "configuration"},
        {"[]", NULL, ERROR_INVALID, "no container image"},
        {"{}", NULL, ERROR_INVALID, "no container image"},
        {"{\"rootfs\":[]}", NULL, ERROR_INVALID, "no container image"},
        {"{\"rootfs\":{\"diff_ids\":{}}}", NULL, ERROR_INVALID, "no container image"},
        {"{\"rootfs\":{\"diff_ids\":[]}}", NULL, ERROR_INVALID, "2 layers, and its configuration names 0"},
        {"{\"rootfs\":{\"diff_ids\":[\"" B "\"]}}", NULL, ERROR_INVALID, "names 1"},
        {"{\"rootfs\":{\"diff_ids\":[\"" B "\",7]}}", NULL, ERROR_INVALID, "diff-id"},
        {"{\"rootfs\":{\"diff_ids\":[\"" B "\",\"../x\"]}}", NULL, ERROR_INVALID, "diff-id"},
        {"{\"os\":\"linux\",\"architecture\":\"amd64\"," ROOTFS "}", NULL, ERROR_UNSUPPORTED,
         "the image is for linux/amd64, and this machine is linux/arm/v7"},
        {"{\"os\":\"windows\",\"architecture\":\"arm\"," ROOTFS "}", NULL, ERROR_UNSUPPORTED, "windows/arm"},
        {"{\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":\"v8\"," ROOTFS "}", NULL, ERROR_UNSUPPORTED, "arm/v8"},
        {"{\"os\":\"linux\\n\",\"architecture\":\"arm\"," ROOTFS "}", NULL, ERROR_UNSUPPORTED, "\\x0a"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct image_config_content content;
        struct error err = {0};
        if (parse_config(table[i].text, 2, &content, &err))
            fail_msg("taken: %s", table[i].text);
        if (err.code != table[i].code || strstr(err.message, table[i].says) == NULL)
            fail_msg("%s: %s \"%s\"", table[i].text, error_code_name(err.code), err.message);
    }
}

static void a_large_configuration_is_refused(void **state)
{
    (void)state;
    struct image_config_content content;
    struct error err = {0};
    struct strbuf text;
    assert_false(parse_config("{\"rootfs\":{\"diff_ids\":[]}}", 0, &content, &err));
    assert_int_equal(err.code, ERROR_LIMIT);
    strbuf_init(&text, LIMIT_IMAGE_CONFIG_BYTES + 4096);
    strbuf_add(&text, "{" ROOTFS ",\"config\":{\"Env\":[\"X=");
    while (text.len < LIMIT_IMAGE_REPORT_BYTES + 1024)
        strbuf_add(&text, "0123456789");
    strbuf_add(&text, "\"]}}");
    assert_false(image_config_parse(text.data, text.len, 2, machine_of("armv7l"), &content, &err));
    assert_int_equal(err.code, ERROR_LIMIT);
    while (text.len <= LIMIT_IMAGE_CONFIG_BYTES)
        strbuf_add(&text, "          ");
    assert_false(image_config_parse(text.data, text.len, 2, machine_of("armv7l"), &content, &err));
    assert_int_equal(err.code, ERROR_LIMIT);
    strbuf_free(&text);
}

#define EMPTY "\"config\":" DESCRIPTOR("application/vnd.oci.empty.v1+json", A, "2")
#define OF_TYPE(type) DESCRIPTOR(type, B, "5")

static void an_artifact_that_is_a_disk_is_one(void **state)
{
    static const char *const disks[] = {
        IMAGE_OF(EMPTY, OF_TYPE("application/octet-stream")),
        IMAGE_OF(EMPTY, OF_TYPE("application/vnd.vm.qcow2")),
        IMAGE_OF(EMPTY, OF_TYPE("application/x-qcow2+gzip")),
        IMAGE_OF(EMPTY, OF_TYPE("application/vnd.cloud.raw+zstd")),
        IMAGE_OF(EMPTY, OF_TYPE("application/vnd.example.Disk.v1+xz")),
        IMAGE_OF("\"artifactType\":\"application/vnd.example.vm.disk\"," EMPTY, OF_TYPE("application/vnd.example.content")),
        IMAGE_OF(CONFIG, OF_TYPE("application/x-qemu-disk")),
    };
    (void)state;
    for (size_t i = 0; i < COUNT(disks); i++) {
        struct manifest manifest;
        struct error err = {0};
        if (!parse(disks[i], NULL, &manifest, &err))
            fail_msg("%s: %s", disks[i], err.message);
        assert_int_equal(manifest.kind, MANIFEST_DISK);
        assert_int_equal(manifest.layer_count, 1);
        assert_string_equal(manifest.layers[0].digest, B);
        assert_int_equal(manifest.layers[0].size, 5);
        manifest_free(&manifest);
    }
}

static void any_other_artifact_is_refused(void **state)
{
    static const char *const others[] = {
        IMAGE_OF(EMPTY, OF_TYPE("application/vnd.cncf.helm.chart.content.v1.tar+gzip")),
        IMAGE_OF(EMPTY, OF_TYPE("application/wasm")),
        IMAGE_OF(EMPTY, OF_TYPE("application/octet-stream") "," OF_TYPE("application/octet-stream")),
        IMAGE_OF(EMPTY, ""),
        IMAGE_OF(CONFIG, OF_TYPE("application/vnd.disk.tar")),
        IMAGE_OF(EMPTY, DESCRIPTOR("application/octet-stream", B, "1099511627777")),
    };
    (void)state;
    for (size_t i = 0; i < COUNT(others); i++) {
        struct manifest manifest;
        struct error err = {0};
        if (parse(others[i], NULL, &manifest, &err))
            fail_msg("%s was taken", others[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_image_is_read),
        cmocka_unit_test(an_artifact_that_is_a_disk_is_one),
        cmocka_unit_test(any_other_artifact_is_refused),
        cmocka_unit_test(what_is_wrong_is_refused),
        cmocka_unit_test(too_much_is_refused),
        cmocka_unit_test(many_platforms_are_named_as_far_as_they_go),
        cmocka_unit_test(an_index_is_chosen_from),
        cmocka_unit_test(machines_are_named_as_images_name_them),
        cmocka_unit_test(a_configuration_is_read),
        cmocka_unit_test(a_wrong_configuration_is_refused),
        cmocka_unit_test(a_large_configuration_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
