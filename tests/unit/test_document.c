/* One desired object: what is taken, what is refused and why, and what is the same. */
#include <string.h>

#include "unit.h"

#include "base/memory.h"
#include "protocol/document.h"

#define META "\"metadata\":{\"name\":\"hello\",\"namespace\":\"default\"}"
#define HEAD "\"apiVersion\":\"v1\",\"kind\":\"Pod\","
#define WEB "{\"name\":\"web\",\"image\":\"demo:1\"}"
#define SPEC "\"spec\":{\"containers\":[" WEB "]}"
#define POD "{" HEAD META "," SPEC "}"
/* A pod with more in its metadata, and with another spec. */
#define POD_WITH(more) "{" HEAD "\"metadata\":{\"name\":\"hello\"," more "}," SPEC "}"
#define POD_OF(spec) "{" HEAD META ",\"spec\":" spec "}"

static const struct object_id address = { .namespace = "default", .resource = "pods", .name = "hello" };

static struct document taken(const char *text)
{
    struct document document;
    struct refusal refusal = { 0 };
    if (!document_read(&address, text, strlen(text), &document, &refusal))
        fail_msg("refused: %s: %s: %s", refusal.reason, refusal.message, text);
    return document;
}

static void a_pod_is_read(void **state)
{
    (void)state;
    struct document document = taken(POD);
    assert_int_equal(object_id_compare(&document.id, &address), 0);
    assert_false(document.tombstone);
    assert_false(document.has_generation);
    assert_int_equal(document.pod->containers.count, 1);
    assert_string_equal(pod_container(document.pod, 0)->image, "demo:1");
    assert_int_equal(document.pod->restart_policy, RESTART_ALWAYS);
    assert_int_equal(document.pod->grace_seconds, 30);
    assert_memory_equal(document.hash, "1:", 2);
    assert_int_equal(strlen(document.hash), POD_HASH_BYTES - 1);
    assert_int_equal(document.ignored.count, 0);
    document_free(&document);
}

static void the_stored_text_reads_as_the_same_document(void **state)
{
    (void)state;
    struct document first = taken("{\"status\":{\"phase\":\"Running\"}," SPEC ",\"kind\":\"Pod\",\"apiVersion\":\"v1\","
                                  "\"metadata\":{\"uid\":\"u\",\"name\":\"hello\",\"labels\":{\"a\":\"b\"},"
                                  "\"annotations\":{\"davit/generation\":\"9\"}}}");
    assert_true(first.has_generation);
    assert_int_equal(first.generation, 9);
    struct document again = taken(first.text);
    assert_string_equal(again.content, first.content);
    assert_string_equal(again.hash, first.hash);
    assert_string_equal(again.text, first.text);
    assert_false(again.has_generation);
    document_free(&first);
    document_free(&again);
}

static void same_content(const char *a, const char *b, bool same)
{
    struct document one = taken(a);
    struct document two = taken(b);
    if ((strcmp(one.content, two.content) == 0) != same)
        fail_msg("%s\n%s\nhave %s content", a, b, same ? "different" : "the same");
    document_free(&one);
    document_free(&two);
}

static void content_is_what_a_person_wrote(void **state)
{
    (void)state;
    const char *plain = "{" HEAD "\"metadata\":{\"name\":\"hello\"}," SPEC "}";
    same_content(plain, "{" SPEC ",\"metadata\":{\"name\":\"hello\"},\"kind\":\"Pod\",\"apiVersion\":\"v1\"}", true);
    same_content(plain, " {\n" HEAD " \"metadata\" : {\"name\":\"\\u0068ello\"}, " SPEC "}\n", true);
    same_content(plain, POD_WITH("\"annotations\":{\"davit/generation\":\"7\"}"), true);
    same_content(plain, POD_WITH("\"uid\":\"x\",\"resourceVersion\":\"1\",\"managedFields\":[{}],\"generation\":4,"
                                 "\"creationTimestamp\":null,\"selfLink\":\"/x\""), true);
    same_content(plain, POD_WITH("\"annotations\":{\"kubectl.kubernetes.io/last-applied-configuration\":\"{}\"}"), true);
    same_content(plain, POD_WITH("\"labels\":{\"a\":\"b\"}"), false);
    same_content(plain, POD_WITH("\"annotations\":{\"a\":\"b\"}"), false);
    same_content(plain, "{" HEAD "\"metadata\":{\"name\":\"hello\"},\"status\":{\"phase\":\"Failed\"}," SPEC "}", true);
    same_content(POD_WITH("\"annotations\":{\"a\":\"b\"}"),
                 POD_WITH("\"annotations\":{\"davit/generation\":\"1\",\"a\":\"b\"}"), true);
}

static void same_hash(const char *a, const char *b, bool same)
{
    struct document one = taken(a);
    struct document two = taken(b);
    if ((strcmp(one.hash, two.hash) == 0) != same)
        fail_msg("%s\n%s\nhave %s hash", a, b, same ? "another" : "the same");
    document_free(&one);
    document_free(&two);
}

static void only_honoured_fields_restart_a_pod(void **state)
{
    (void)state;
    same_hash(POD, POD_WITH("\"labels\":{\"a\":\"b\"},\"annotations\":{\"c\":\"d\",\"davit/generation\":\"3\"}"), true);
    same_hash(POD, POD_OF("{\"containers\":[" WEB "],\"restartPolicy\":\"Always\",\"terminationGracePeriodSeconds\":30,"
                          "\"hostNetwork\":false,\"volumes\":[]}"), true);
    same_hash(POD, POD_OF("{\"containers\":[{\"name\":\"web\",\"image\":\"demo:1\",\"command\":[],\"args\":null,"
                          "\"workingDir\":\"\",\"env\":[],\"volumeMounts\":null}]}"), true);
    same_hash(POD, POD_OF("{\"containers\":[" WEB "],\"priority\":7,\"affinity\":{}}"), true);
    same_hash(POD, POD_OF("{\"containers\":[{\"name\":\"web\",\"image\":\"demo:2\"}]}"), false);
    same_hash(POD, POD_OF("{\"containers\":[" WEB "],\"restartPolicy\":\"Never\"}"), false);
    same_hash(POD, POD_OF("{\"containers\":[" WEB "],\"hostNetwork\":true}"), false);
    same_hash(POD_OF("{\"containers\":[{\"name\":\"web\",\"image\":\"a\",\"env\":[{\"name\":\"A\"}]}]}"),
              POD_OF("{\"containers\":[{\"name\":\"web\",\"image\":\"a\",\"env\":[{\"name\":\"A\",\"value\":\"\"}]}]}"), true);
    same_hash(POD_OF("{\"containers\":[{\"name\":\"web\",\"image\":\"a\",\"command\":[\"x\"]}]}"),
              POD_OF("{\"containers\":[{\"name\":\"web\",\"image\":\"a\",\"args\":[\"x\"]}]}"), false);
}

/* A hash that changed with a version of Davit would restart every pod of a fleet at its upgrade. */
static void the_hash_of_a_known_pod_never_changes(void **state)
{
    (void)state;
    struct document document = taken(POD_OF(
        "{\"containers\":[{\"name\":\"web\",\"image\":\"demo:1\",\"command\":[\"httpd\"],\"args\":[\"-f\"],"
        "\"env\":[{\"name\":\"A\",\"value\":\"b\"}],\"volumeMounts\":[{\"name\":\"d\",\"mountPath\":\"/d\"}]}],"
        "\"volumes\":[{\"name\":\"d\",\"hostPath\":{\"path\":\"/srv\"}}],\"restartPolicy\":\"OnFailure\"}"));
    assert_string_equal(document.hash, "1:8b5b4158beb36e1a9fb273615324ba445096c4b2fb85e71693eb179c4bd4a969");
    document_free(&document);
}

static void what_is_not_honoured_is_named(void **state)
{
    (void)state;
    struct document document =
        taken("{" HEAD "\"more\":1,\"metadata\":{\"name\":\"hello\",\"finalizers\":[]},\"spec\":{\"priority\":1,"
              "\"containers\":[{\"name\":\"web\",\"image\":\"a\",\"resizePolicy\":[]}],"
              "\"volumes\":[{\"name\":\"d\",\"emptyDir\":{\"strange\":\"Memory\"}}]}}");
    static const char *const paths[] = { "more", "metadata.finalizers", "spec.priority", "spec.containers[0].resizePolicy",
                                         "spec.volumes[0].emptyDir.strange" };
    assert_int_equal(document.ignored.count, 5);
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(document.ignored.paths.items[i], paths[i]);
    document_free(&document);
}

static void a_volume_of_an_unknown_kind_is_refused(void **state)
{
    (void)state;
    struct document document;
    struct refusal refusal;
    static const char text[] = POD_OF("{\"containers\":[{\"name\":\"web\",\"image\":\"a\"}],"
                                      "\"volumes\":[{\"name\":\"d\",\"nfs\":{\"server\":\"x\"}}]}");
    assert_false(document_read(NULL, text, strlen(text), &document, &refusal));
    assert_string_equal(refusal.reason, "InvalidPod");
    assert_non_null(strstr(refusal.message, "spec.volumes[0].nfs is a kind of volume"));
}

static void an_image_volume_says_which_and_how_it_is_pulled(void **state)
{
    (void)state;
    struct document document =
        taken(POD_OF("{\"containers\":[{\"name\":\"web\",\"image\":\"a\"}],\"volumes\":[{\"name\":\"t\",\"image\":"
                     "{\"reference\":\"tool:1\",\"pullPolicy\":\"Never\"}}]}"));
    assert_int_equal(pod_image_count(document.pod), 2);
    assert_string_equal(pod_image(document.pod, 1), "tool:1");
    assert_int_equal(pod_volume(document.pod, 0)->image->pull_policy, PULL_NEVER);
    document_free(&document);
}

static void what_excludes_each_other_is_refused(void **state)
{
    static const struct {
        const char *text, *why;
    } pods[] = {
        { POD_OF("{\"containers\":[" WEB "],\"hostPID\":true,\"shareProcessNamespace\":true}"), "cannot both be true" },
        { POD_OF("{\"containers\":[" WEB "],\"volumes\":[{\"name\":\"t\",\"image\":{}}]}"), "reference" },
        { POD_OF("{\"containers\":[" WEB "],\"hostUsers\":false,\"hostNetwork\":true}"), "hostNetwork cannot be true" },
        { POD_OF("{\"containers\":[" WEB "],\"hostUsers\":false,\"hostPID\":true}"), "hostPID cannot be true" },
        { POD_OF("{\"containers\":[" WEB "],\"hostUsers\":false,\"hostIPC\":true}"), "hostIPC cannot be true" },
        { POD_OF("{\"containers\":[{\"name\":\"web\",\"image\":\"a\",\"volumeDevices\":[{\"name\":\"d\",\"devicePath\":\"/dev/x\"}]}],"
                 "\"volumes\":[{\"name\":\"d\",\"hostPath\":{\"path\":\"/dev/null\"}}],\"hostUsers\":false}"), "volumeDevices" },
        { POD_OF("{\"containers\":[" WEB "],\"volumes\":[{\"name\":\"t\",\"emptyDir\":{},\"image\":"
                 "{\"reference\":\"tool:1\"}}]}"), "more than 1 volume type" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(pods) / sizeof(pods[0]); i++) {
        struct document document;
        struct refusal refusal;
        assert_false(document_read(NULL, pods[i].text, strlen(pods[i].text), &document, &refusal));
        assert_non_null(strstr(refusal.message, pods[i].why));
    }
}

static void users_of_the_host_are_the_default_and_hash_to_nothing(void **state)
{
    (void)state;
    same_hash(POD_OF("{\"containers\":[" WEB "]}"), POD_OF("{\"containers\":[" WEB "],\"hostUsers\":true}"), true);
    same_hash(POD_OF("{\"containers\":[" WEB "]}"), POD_OF("{\"containers\":[" WEB "],\"hostUsers\":false}"), false);
}

static void a_tombstone_needs_no_spec(void **state)
{
    (void)state;
    struct document document = taken("{" HEAD "\"metadata\":{\"name\":\"hello\",\"deletionTimestamp\":\"2026-11-23T08:17:00Z\","
                                     "\"annotations\":{\"davit/generation\":\"4\"}}}");
    assert_true(document.tombstone);
    assert_null(document.pod);
    assert_string_equal(document.hash, "");
    assert_int_equal(document.generation, 4);
    document_free(&document);
    document = taken(POD_WITH("\"deletionTimestamp\":null"));
    assert_false(document.tombstone);
    document_free(&document);
}

struct refused {
    const char *text, *reason;
    int64_t generation;
};

static const struct refused refusals[] = {
    { "", "InvalidJSON", -1 },
    { "{", "InvalidJSON", -1 },
    { POD "x", "InvalidJSON", -1 },
    { "{\"kind\":\"Pod\",\"kind\":\"Pod\"}", "InvalidJSON", -1 },
    { "[]", "InvalidDocument", -1 },
    { "null", "InvalidDocument", -1 },
    { "{" HEAD SPEC "}", "InvalidDocument", -1 },
    { "{" HEAD "\"metadata\":[]," SPEC "}", "InvalidDocument", -1 },
    { "{\"kind\":\"Pod\"," META "," SPEC "}", "InvalidDocument", -1 },
    { "{\"apiVersion\":\"v1\"," META "," SPEC "}", "InvalidDocument", -1 },
    { "{\"apiVersion\":\"v1\",\"kind\":7," META "," SPEC "}", "InvalidDocument", -1 },
    { POD_WITH("\"labels\":{\"a\":1}"), "InvalidDocument", -1 },
    { POD_WITH("\"labels\":[]"), "InvalidDocument", -1 },
    { POD_WITH("\"annotations\":{\"a\":true}"), "InvalidDocument", -1 },
    { POD_WITH("\"deletionTimestamp\":\"\""), "InvalidDocument", -1 },
    { POD_WITH("\"deletionTimestamp\":false"), "InvalidDocument", -1 },
    { POD_WITH("\"deletionTimestamp\":0"), "InvalidDocument", -1 },
    { POD_WITH("\"deletionTimestamp\":\"never\",\"annotations\":{\"davit/generation\":\"3\"}"), "InvalidDocument", 3 },
    { "{\"apiVersion\":\"v2\",\"kind\":\"Pod\"," META "," SPEC "}", "UnsupportedKind", -1 },
    { "{\"apiVersion\":\"v1\",\"kind\":\"pod\"," META "," SPEC "}", "UnsupportedKind", -1 },
    { "{\"apiVersion\":\"kubevirt.io/v2\",\"kind\":\"VirtualMachine\"," META "," SPEC "}", "UnsupportedKind", -1 },
    { "{" HEAD "\"metadata\":{\"name\":\"other\"}," SPEC "}", "NameMismatch", -1 },
    { "{" HEAD "\"metadata\":{\"name\":\"hello\",\"namespace\":\"plant\"}," SPEC "}", "NameMismatch", -1 },
    { "{" HEAD "\"metadata\":{}," SPEC "}", "InvalidName", -1 },
    { "{" HEAD "\"metadata\":{\"name\":\"Hello\"}," SPEC "}", "InvalidName", -1 },
    { "{" HEAD "\"metadata\":{\"name\":\"hello\",\"namespace\":\"a.b\"}," SPEC "}", "InvalidName", -1 },
    { POD_WITH("\"annotations\":{\"davit/generation\":\"\"}"), "InvalidGeneration", -1 },
    { POD_WITH("\"annotations\":{\"davit/generation\":\"-1\"}"), "InvalidGeneration", -1 },
    { POD_WITH("\"annotations\":{\"davit/generation\":\"1x\"}"), "InvalidGeneration", -1 },
    { POD_WITH("\"annotations\":{\"davit/generation\":\" 1\"}"), "InvalidGeneration", -1 },
    { POD_WITH("\"annotations\":{\"davit/generation\":\"4503599627370497\"}"), "InvalidGeneration", -1 },
    { POD_WITH("\"annotations\":{\"davit/generation\":\"99999999999999999999\"}"), "InvalidGeneration", -1 },
    { POD_WITH("\"annotations\":{\"davit/generation\":1.5}"), "InvalidGeneration", -1 },
    { POD_WITH("\"annotations\":{\"davit/generation\":null}"), "InvalidGeneration", -1 },
    { "{" HEAD META "}", "InvalidPod", -1 },
    { POD_OF("[]"), "InvalidPod", -1 },
    { POD_OF("{}"), "InvalidPod", -1 },
    { POD_OF("{\"containers\":[]}"), "InvalidPod", -1 },
    { POD_OF("{\"containers\":[{\"name\":\"web\"}]}"), "InvalidPod", -1 },
    { POD_OF("{\"containers\":[{\"name\":\"Web\",\"image\":\"a\"}]}"), "InvalidPod", -1 },
    { POD_OF("{\"containers\":[{\"name\":\"web\",\"image\":\"a b\"}]}"), "InvalidPod", -1 },
    { POD_OF("{\"containers\":[" WEB "," WEB "]}"), "InvalidPod", -1 },
    { POD_OF("{\"containers\":[" WEB "],\"restartPolicy\":\"Sometimes\"}"), "InvalidPod", -1 },
    { POD_OF("{\"containers\":[" WEB "],\"terminationGracePeriodSeconds\":-1}"), "InvalidPod", -1 },
    { POD_OF("{\"containers\":[{\"name\":\"web\",\"image\":\"a\",\"workingDir\":\"../x\"}]}"), "InvalidPod", -1 },
    { POD_OF("{\"containers\":[{\"name\":\"web\",\"image\":\"a\",\"env\":[{\"name\":\"A=B\"}]}]}"), "InvalidPod", -1 },
    { POD_OF("{\"containers\":[{\"name\":\"web\",\"image\":\"a\",\"volumeMounts\":[{\"name\":\"no\",\"mountPath\":\"/d\"}]}]}"),
      "InvalidPod", -1 },
    { POD_OF("{\"containers\":[{\"name\":\"web\",\"image\":\"a\",\"volumeMounts\":[{\"name\":\"d\",\"mountPath\":\"/d\"},"
             "{\"name\":\"d\",\"mountPath\":\"/d\"}]}],\"volumes\":[{\"name\":\"d\"}]}"), "InvalidPod", -1 },
    { POD_OF("{\"containers\":[{\"name\":\"web\",\"image\":\"a\",\"volumeMounts\":[{\"name\":\"d\",\"mountPath\":\"d\"}]}],"
             "\"volumes\":[{\"name\":\"d\"}]}"), "InvalidPod", -1 },
    { POD_OF("{\"containers\":[" WEB "],\"volumes\":[{\"name\":\"d\"},{\"name\":\"d\"}]}"), "InvalidPod", -1 },
    { POD_OF("{\"containers\":[" WEB "],\"volumes\":[{\"name\":\"d\",\"emptyDir\":{},\"hostPath\":{\"path\":\"/\"}}]}"),
      "InvalidPod", -1 },
    { POD_OF("{\"containers\":[" WEB "],\"volumes\":[{\"name\":\"d\",\"hostPath\":{\"path\":\"/a/../b\"}}]}"), "InvalidPod", -1 },
    { POD_OF("{\"containers\":[" WEB "],\"volumes\":[{\"name\":\"d\",\"hostPath\":{\"path\":\"/a\",\"type\":\"Disk\"}}]}"),
      "InvalidPod", -1 },
    { "{" HEAD "\"metadata\":{\"name\":\"hello\",\"annotations\":{\"davit/generation\":\"12\"}}}", "InvalidPod", 12 },
};

static void every_refusal_has_its_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        const struct refused *row = &refusals[i];
        struct document document;
        struct refusal refusal = { 0 };
        if (document_read(&address, row->text, strlen(row->text), &document, &refusal))
            fail_msg("%s was taken", row->text);
        if (strcmp(refusal.reason, row->reason) != 0 || refusal.generation != row->generation || refusal.message[0] == '\0')
            fail_msg("%s: %s, generation %lld: %s", row->text, refusal.reason, (long long)refusal.generation,
                     refusal.message);
    }
}

static void generations_are_whole_numbers_to_2_to_the_52(void **state)
{
    (void)state;
    static const struct {
        const char *written;
        int64_t generation;
    } rows[] = { { "\"0\"", 0 }, { "\"1795410958123\"", 1795410958123 }, { "\"4503599627370496\"", 4503599627370496 },
                 { "17", 17 } };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        AUTO_FREE char *text = mem_printf(POD_WITH("\"annotations\":{\"davit/generation\":%s}"), rows[i].written);
        struct document document = taken(text);
        assert_true(document.has_generation);
        assert_int_equal(document.generation, rows[i].generation);
        document_free(&document);
    }
}

static void refused_for(const char *text, size_t len, const char *reason)
{
    struct document document;
    struct refusal refusal = { 0 };
    assert_false(document_read(&address, text, len, &document, &refusal));
    assert_string_equal(refusal.reason, reason);
}

static void caps_are_kept(void **state)
{
    (void)state;
    AUTO_FREE char *large = mem_alloc(LIMIT_DOCUMENT_BYTES + 2);
    memset(large, ' ', LIMIT_DOCUMENT_BYTES + 1);
    memcpy(large, POD, strlen(POD));
    refused_for(large, LIMIT_DOCUMENT_BYTES + 1, "TooLarge");
    struct document document;
    struct refusal refusal;
    assert_true(document_read(&address, large, LIMIT_DOCUMENT_BYTES, &document, &refusal));
    document_free(&document);
    AUTO_STRBUF struct strbuf deep;
    strbuf_init(&deep, 65536);
    strbuf_add(&deep, "{" HEAD META "," SPEC ",\"x\":");
    for (size_t i = 0; i < LIMIT_JSON_DEPTH; i++)
        strbuf_add(&deep, "[");
    refused_for(deep.data, deep.len, "InvalidJSON");
    AUTO_STRBUF struct strbuf many;
    strbuf_init(&many, 65536);
    strbuf_add(&many, "{" HEAD META ",\"spec\":{\"containers\":[");
    for (size_t i = 0; i < LIMIT_CONTAINERS + 1; i++)
        strbuf_printf(&many, "%s{\"name\":\"c%zu\",\"image\":\"a\"}", i > 0 ? "," : "", i);
    strbuf_add(&many, "]}}");
    refused_for(many.data, many.len, "InvalidPod");
}

static void a_file_says_its_own_address(void **state)
{
    (void)state;
    struct document document;
    struct refusal refusal;
    const char *text = "{" HEAD "\"metadata\":{\"name\":\"other\"}," SPEC "}";
    assert_true(document_read(NULL, text, strlen(text), &document, &refusal));
    assert_string_equal(document.id.namespace, "default");
    assert_string_equal(document.id.resource, "pods");
    assert_string_equal(document.id.name, "other");
    document_free(&document);
}

static void a_container_is_written_as_the_runtime_wants_it(void **state)
{
    (void)state;
    struct document document = taken(POD_OF(
        "{\"containers\":[{\"name\":\"web\",\"image\":\"a\",\"command\":[\"x\",\"\"],\"more\":1,\"volumeMounts\":"
        "[{\"name\":\"d\",\"mountPath\":\"/d\",\"readOnly\":true}]}],\"volumes\":[{\"name\":\"d\",\"emptyDir\":{}}]}"));
    AUTO_JSON struct json *container = container_write(pod_container(document.pod, 0));
    AUTO_JSON struct json *volumes = volumes_write(document.pod);
    AUTO_FREE char *text = json_print(container);
    AUTO_FREE char *volumes_text = json_print(volumes);
    assert_string_equal(text, "{\"name\":\"web\",\"image\":\"a\",\"command\":[\"x\",\"\"],\"volumeMounts\":[{\"name\":\"d\","
                              "\"mountPath\":\"/d\",\"readOnly\":true}]}");
    assert_string_equal(volumes_text, "[{\"name\":\"d\",\"emptyDir\":{}}]");
    document_free(&document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pod_is_read),
        cmocka_unit_test(the_stored_text_reads_as_the_same_document),
        cmocka_unit_test(content_is_what_a_person_wrote),
        cmocka_unit_test(only_honoured_fields_restart_a_pod),
        cmocka_unit_test(the_hash_of_a_known_pod_never_changes),
        cmocka_unit_test(what_is_not_honoured_is_named),
        cmocka_unit_test(a_volume_of_an_unknown_kind_is_refused),
        cmocka_unit_test(an_image_volume_says_which_and_how_it_is_pulled),
        cmocka_unit_test(what_excludes_each_other_is_refused),
        cmocka_unit_test(users_of_the_host_are_the_default_and_hash_to_nothing),
        cmocka_unit_test(a_tombstone_needs_no_spec),
        cmocka_unit_test(every_refusal_has_its_reason),
        cmocka_unit_test(generations_are_whole_numbers_to_2_to_the_52),
        cmocka_unit_test(caps_are_kept),
        cmocka_unit_test(a_file_says_its_own_address),
        cmocka_unit_test(a_container_is_written_as_the_runtime_wants_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
