/* PersistentVolumeClaims: what a document may say, and what is told of one. */
#include <string.h>

#include "base/memory.h"
#include "protocol/claim.h"
#include "unit.h"

static bool reads(const char *spec, const char *annotations, struct document *document, struct refusal *refusal)
{
    static const struct object_id id = { .namespace = "default", .resource = CLAIM_RESOURCE, .name = "hist" };
    AUTO_FREE char *text = mem_printf("{\"apiVersion\":\"v1\",\"kind\":\"PersistentVolumeClaim\",\"metadata\":{\"name\":\"hist\","
                                      "\"annotations\":{%s}},\"spec\":{%s}}", annotations, spec);
    return document_read(&id, text, strlen(text), document, refusal);
}

static void is_refused(const char *spec, const char *annotations, const char *message)
{
    struct document document;
    struct refusal refusal;
    assert_false(reads(spec, annotations, &document, &refusal));
    assert_string_equal(refusal.reason, "InvalidClaim");
    assert_string_equal(refusal.message, message);
}

#define SIZE "\"resources\":{\"requests\":{\"storage\":\"10Mi\"}}"
#define ONCE "\"accessModes\":[\"ReadWriteOnce\"]"

static void a_claim_says_size_modes_and_policy(void **state)
{
    struct document document;
    struct refusal refusal;
    (void)state;
    assert_true(reads(SIZE "," ONCE, "", &document, &refusal));
    assert_int_equal(claim_bytes(document.data), 10 << 20);
    assert_false(claim_deletes(document.data));
    assert_false(claim_is_for_one_pod(document.data));
    document_free(&document);
    assert_true(reads(SIZE ",\"accessModes\":[\"ReadWriteOncePod\"]", "\"davit/reclaim-policy\":\"Delete\"", &document, &refusal));
    assert_true(claim_deletes(document.data));
    assert_true(claim_is_for_one_pod(document.data));
    document_free(&document);
}

static void what_chooses_a_place_is_ignored_and_listed(void **state)
{
    struct document document;
    struct refusal refusal;
    (void)state;
    assert_true(reads(SIZE "," ONCE ",\"storageClassName\":\"fast\",\"volumeName\":\"pv-1\",\"selector\":{},\"volumeMode\":\"Filesystem\"",
                      "", &document, &refusal));
    assert_int_equal(document.ignored.count, 3);
    assert_string_equal(document.ignored.paths.items[0], "spec.storageClassName");
    assert_string_equal(document.ignored.paths.items[1], "spec.volumeName");
    assert_string_equal(document.ignored.paths.items[2], "spec.selector");
    document_free(&document);
}

static void what_is_no_claim_is_refused_in_kubernetes_words(void **state)
{
    (void)state;
    is_refused(ONCE, "", "spec.resources.requests.storage must be a quantity above 0, as 1Gi");
    is_refused("\"resources\":{\"requests\":{\"storage\":\"0\"}}," ONCE, "",
               "spec.resources.requests.storage must be a quantity above 0, as 1Gi");
    is_refused(SIZE, "", "spec.accessModes: Required value: at least 1 access mode is required");
    is_refused(SIZE ",\"accessModes\":[\"Once\"]", "", "spec.accessModes: Unsupported value: \"Once\"");
    is_refused(SIZE ",\"accessModes\":[\"ReadOnlyMany\",\"ReadWriteOncePod\"]", "",
               "spec.accessModes: may not use ReadWriteOncePod with other access modes");
    is_refused(SIZE "," ONCE ",\"volumeMode\":\"Tape\"", "",
               "spec.volumeMode: Unsupported value: \"Tape\": supported values: \"Block\", \"Filesystem\"");
    is_refused(SIZE "," ONCE, "\"davit/reclaim-policy\":\"Recycle\"",
               "annotation davit/reclaim-policy must be Retain or Delete, and is \"Recycle\"");
}

static void a_name_leads_nowhere_else(void **state)
{
    static const char *const names[] = { "..", ".", "../x", "a/b", "a/../b", ".trash", "A", "" };
    struct document document;
    struct refusal refusal;
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        AUTO_FREE char *text = mem_printf("{\"apiVersion\":\"v1\",\"kind\":\"PersistentVolumeClaim\",\"metadata\":{\"name\":\"%s\"},"
                                          "\"spec\":{" SIZE "," ONCE "}}", names[i]);
        AUTO_FREE char *spaced = mem_printf("{\"apiVersion\":\"v1\",\"kind\":\"PersistentVolumeClaim\",\"metadata\":{\"name\":\"x\","
                                            "\"namespace\":\"%s\"},\"spec\":{" SIZE "," ONCE "}}", names[i]);
        assert_false(document_read(NULL, text, strlen(text), &document, &refusal));
        if (names[i][0] != '\0')
            assert_false(document_read(NULL, spaced, strlen(spaced), &document, &refusal));
    }
}

static void only_a_tombstone_purges(void **state)
{
    static const char text[] = "{\"apiVersion\":\"v1\",\"kind\":\"PersistentVolumeClaim\",\"metadata\":{\"name\":\"hist\","
                               "\"deletionTimestamp\":\"2026-11-23T08:17:00Z\",\"annotations\":{\"davit/purge\":\"true\"}}}";
    struct document document;
    struct refusal refusal;
    (void)state;
    assert_true(document_read(NULL, text, strlen(text), &document, &refusal));
    assert_true(document.tombstone && document.purge);
    document_free(&document);
    assert_true(reads(SIZE "," ONCE, "\"davit/purge\":\"true\"", &document, &refusal));
    assert_false(document.purge);
    document_free(&document);
}

static void what_is_told_has_kubernetes_shape(void **state)
{
    static const struct pod_view nothing = { .uid = "" };
    static const struct object_id id = { .namespace = "default", .resource = CLAIM_RESOURCE, .name = "hist" };
    struct document document;
    struct refusal refusal;
    (void)state;
    assert_true(reads(SIZE "," ONCE, "", &document, &refusal));
    struct pod_report common = { .id = &id, .uid = "", .generation = 3, .view = &nothing, .accepted_ms = 1795410958000 };
    struct claim_report report = { .common = &common, .claim = document.data, .used_bytes = 12 << 20 };
    AUTO_JSON struct json *over = claim_status_write(&report);
    AUTO_FREE char *text = json_print(over);
    assert_non_null(strstr(text, "\"phase\":\"Bound\""));
    assert_non_null(strstr(text, "\"capacity\":{\"storage\":\"10Mi\"}"));
    assert_non_null(strstr(text, "\"used\":\"12Mi\""));
    assert_non_null(strstr(text, "\"type\":\"OverCapacity\",\"status\":\"True\",\"reason\":\"UsageOverRequest\""));
    report.terminating = report.purging = true;
    report.users = "u1";
    AUTO_JSON struct json *ending = claim_status_write(&report);
    AUTO_FREE char *words = json_print(ending);
    assert_non_null(strstr(words, "\"reason\":\"InUse\",\"message\":\"used by u1; what is in it goes when they do\""));
    assert_non_null(strstr(words, "kubernetes.io/pvc-protection"));
    document_free(&document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_claim_says_size_modes_and_policy),
        cmocka_unit_test(what_chooses_a_place_is_ignored_and_listed),
        cmocka_unit_test(what_is_no_claim_is_refused_in_kubernetes_words),
        cmocka_unit_test(a_name_leads_nowhere_else),
        cmocka_unit_test(only_a_tombstone_purges),
        cmocka_unit_test(what_is_told_has_kubernetes_shape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
