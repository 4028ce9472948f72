/* App: the shorthand, and what it means. */
#include <string.h>

#include "base/memory.h"
#include "protocol/after.h"
#include "protocol/app.h"
#include "protocol/document.h"
#include "unit.h"

static const struct object_id ID = { .namespace = "default", .resource = "apps", .name = "historian" };

static struct json *parse(const char *text)
{
    struct error err = { .message = "" };
    struct json *json = json_parse(text, strlen(text), &err);
    if (json == NULL)
        fail_msg("%s: %s", err.message, text);
    return json;
}

static char *expand(const char *spec)
{
    struct error err = { .message = "" };
    AUTO_JSON struct json *json = parse(spec);
    AUTO_JSON struct json *expansion = app_expand(&ID, json, &err);
    if (expansion == NULL)
        fail_msg("%s: %s", err.message, spec);
    return json_print(expansion);
}

#define REF "\"ownerReferences\":[{\"apiVersion\":\"davit/v1\",\"kind\":\"App\",\"name\":\"historian\"}]"

/* The Deployment; a Service follows where this version of Davit runs them. */
static void the_example_of_the_protocol(void **state)
{
    (void)state;
    AUTO_FREE char *text = expand("{\"image\":\"influxdb:2.7\",\"ports\":[\"8086:8086\"],\"volumes\":[\"hist:/var/lib/influxdb2\"],"
                                  "\"memory\":\"256Mi\",\"after\":[\"vms/hmi\"]}");
    static const char expected[] =
        "[{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"historian\",\"namespace\":\"default\"," REF "},"
        "\"spec\":{\"replicas\":1,\"selector\":{\"matchLabels\":{\"app.kubernetes.io/name\":\"historian\"}},\"strategy\":{\"type\":"
        "\"Recreate\"},\"template\":{\"metadata\":{\"labels\":{\"app.kubernetes.io/name\":\"historian\"},\"annotations\":{"
        "\"davit/after\":\"vms/hmi\"}},\"spec\":{\"volumes\":[{\"persistentVolumeClaim\":{\"claimName\":\"hist\"},\"name\":\"v0\"}],"
        "\"containers\":[{\"name\":\"main\",\"image\":\"influxdb:2.7\",\"ports\":[{\"containerPort\":8086,\"hostPort\":8086}],"
        "\"volumeMounts\":[{\"name\":\"v0\",\"mountPath\":\"/var/lib/influxdb2\"}],\"resources\":{\"limits\":{\"memory\":\"256Mi\"}}}]}}}},"
        "{\"apiVersion\":\"v1\",\"kind\":\"PersistentVolumeClaim\",\"metadata\":{\"name\":\"hist\",\"namespace\":\"default\"," REF "},"
        "\"spec\":{\"accessModes\":[\"ReadWriteOnce\"],\"resources\":{\"requests\":{\"storage\":\"1Gi\"}}}}";
    assert_memory_equal(text, expected, strlen(expected));
}

static void every_field_has_its_meaning(void **state)
{
    static const struct {
        const char *spec, *part;
    } cases[] = {
        { "\"command\":\"a | b\"", "\"command\":[\"/bin/sh\",\"-c\",\"a | b\"]" },
        { "\"command\":[\"a\",\"b\"],\"args\":[\"c\"]", "\"command\":[\"a\",\"b\"],\"args\":[\"c\"]" },
        { "\"env\":{\"A\":\"x\",\"N\":5,\"B\":true}",
          "\"env\":[{\"name\":\"A\",\"value\":\"x\"},{\"name\":\"N\",\"value\":\"5\"},{\"name\":\"B\",\"value\":\"true\"}]" },
        { "\"env\":[\"A=x=y\",{\"name\":\"S\",\"valueFrom\":{\"secretKeyRef\":{\"name\":\"s\",\"key\":\"k\"}}}]",
          "\"env\":[{\"name\":\"A\",\"value\":\"x=y\"},{\"name\":\"S\",\"valueFrom\":{\"secretKeyRef\":{\"name\":\"s\",\"key\":\"k\"}}}]" },
        { "\"ports\":[\"127.0.0.1:53:5353/udp\"]",
          "\"ports\":[{\"containerPort\":5353,\"protocol\":\"UDP\",\"hostPort\":53,\"hostIP\":\"127.0.0.1\"}]" },
        { "\"ports\":[\"[::1]:80:8080\",90]",
          "\"ports\":[{\"containerPort\":8080,\"hostPort\":80,\"hostIP\":\"::1\"},{\"containerPort\":90}]" },
        { "\"volumes\":[\"/srv/www:/www:ro\"]", "\"volumes\":[{\"hostPath\":{\"path\":\"/srv/www\"},\"name\":\"v0\"}]" },
        { "\"volumes\":[\"/srv/www:/www:ro\"]", "\"volumeMounts\":[{\"name\":\"v0\",\"mountPath\":\"/www\",\"readOnly\":true}]" },
        { "\"volumes\":[{\"claim\":\"d\",\"path\":\"/d\",\"size\":\"5Gi\"}]", "\"requests\":{\"storage\":\"5Gi\"}" },
        { "\"devices\":[\"vendor.com/gpu=all\"]", "\"limits\":{\"vendor.com/gpu=all\":1}" },
        { "\"devices\":[\"/dev/ttyS0\"]", "\"hostPath\":{\"path\":\"/dev/ttyS0\",\"type\":\"CharDevice\"}" },
        { "\"devices\":[\"/dev/ttyS0\"]", "\"volumeDevices\":[{\"name\":\"v0\",\"devicePath\":\"/dev/ttyS0\"}]" },
        { "\"cpu\":0.5,\"memory\":\"1Gi\"", "\"limits\":{\"memory\":\"1Gi\",\"cpu\":0.5}" },
        { "\"health\":\"http://:8086/health\"", "\"livenessProbe\":{\"httpGet\":{\"port\":8086,\"path\":\"/health\"}}" },
        { "\"health\":\"tcp://:1883\"", "\"readinessProbe\":{\"tcpSocket\":{\"port\":1883}}" },
        { "\"health\":\"test -e /ok\"", "\"readinessProbe\":{\"exec\":{\"command\":[\"/bin/sh\",\"-c\",\"test -e /ok\"]}}" },
        { "\"health\":{\"tcpSocket\":{\"port\":1},\"periodSeconds\":3}",
          "\"startupProbe\":{\"tcpSocket\":{\"port\":1},\"periodSeconds\":2,\"failureThreshold\":150}" },
        { "\"labels\":{\"line\":\"3\"}", "\"labels\":{\"app.kubernetes.io/name\":\"historian\",\"line\":\"3\"}" },
        { "\"replicas\":3", "\"replicas\":3" },
        { "\"restart\":\"no\"", "\"completions\":1,\"parallelism\":1,\"backoffLimit\":0" },
        { "\"restart\":\"on-failure\"", "\"restartPolicy\":\"OnFailure\"" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        AUTO_FREE char *spec = mem_printf("{\"image\":\"x\",%s}", cases[i].spec);
        AUTO_FREE char *text = expand(spec);
        if (strstr(text, cases[i].part) == NULL)
            fail_msg("%s\nis not in %s", cases[i].part, text);
        /* And it is what the decoders of these kinds take. */
        AUTO_FREE char *document = mem_printf("{\"apiVersion\":\"davit/v1\",\"kind\":\"App\",\"metadata\":{\"name\":\"historian\"},"
                                              "\"spec\":%s}", spec);
        struct document read;
        struct refusal refusal;
        if (!document_read(&ID, document, strlen(document), &read, &refusal))
            fail_msg("%s: %s", spec, refusal.message);
        document_free(&read);
    }
}

static void what_is_wrong_is_named(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        { "{\"imgae\":\"x\"}", "\"imgae\" is no field of an App. Did you mean image?" },
        { "{\"image\":\"x\",\"volume\":[]}", "\"volume\" is no field of an App. Did you mean volumes?" },
        { "{\"image\":\"x\",\"nonsense\":1}", "\"nonsense\" is no field of an App: image, command" },
        { "{\"ports\":[\"80\"]}", "image is required" },
        { "{\"image\":\"x\",\"ports\":[\"80:x\"]}", "the port \"80:x\" is none" },
        { "{\"image\":\"x\",\"ports\":[\"80:80/sctp\"]}", "the port \"80:80/sctp\" is none" },
        { "{\"image\":\"x\",\"ports\":\"80\"}", "ports must be a list" },
        { "{\"image\":\"x\",\"volumes\":[\"data\"]}", "the volume \"data\" is none" },
        { "{\"image\":\"x\",\"volumes\":[\"data:/x:rw:z\"]}", "the volume \"data:/x:rw:z\" is none" },
        { "{\"image\":\"x\",\"volumes\":[{\"claim\":\"d\",\"pth\":\"/d\"}]}", "the volume {" },
        { "{\"image\":\"x\",\"health\":\"http://example.com/\"}", "health must be" },
        { "{\"image\":\"x\",\"after\":[\"hmi\"]}", "after: \"hmi\" is no object" },
        { "{\"image\":\"x\",\"after\":\"vms/hmi\"}", "after must be a list" },
        { "{\"image\":\"x\",\"restart\":\"sometimes\"}", "restart must be one of always, on-failure, no" },
        { "{\"image\":\"x\",\"replicas\":2,\"ports\":[\"80:80\"]}", "replicas: only one can have a port of the host" },
        { "{\"image\":\"x\",\"memory\":\"much\"}", "spec.template: " },
        { "{\"image\":\"x\",\"env\":[\"A\"]}", "env must be" },
        { "{\"image\":\"x\",\"devices\":[\"ttyS0\"]}", "devices must be" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct document document;
        struct refusal refusal;
        if (document_read(&ID, cases[i].text, strlen(cases[i].text), &document, &refusal))
            fail_msg("%s was read", cases[i].text);
        assert_string_equal(refusal.reason, "InvalidOwner");
        if (strncmp(refusal.message, cases[i].message, strlen(cases[i].message)) != 0)
            fail_msg("%s: %s", cases[i].text, refusal.message);
    }
}

static void a_flat_app_is_a_document_like_any_other(void **state)
{
    static const char flat[] = "{\"image\":\"x\",\"generation\":7}";
    static const char whole[] = "{\"apiVersion\":\"davit/v1\",\"kind\":\"App\",\"metadata\":{\"name\":\"historian\",\"namespace\":"
                                "\"default\",\"annotations\":{\"davit/generation\":\"7\"}},\"spec\":{\"image\":\"x\"}}";
    static const char gone[] = "{\"deletionTimestamp\":\"2026-11-25T00:00:00Z\"}";
    struct document a, b, again, tombstone;
    struct refusal refusal;
    (void)state;
    assert_true(document_read(&ID, flat, strlen(flat), &a, &refusal));
    assert_true(document_read(&ID, whole, strlen(whole), &b, &refusal));
    assert_int_equal(a.generation, 7);
    assert_string_equal(a.content, b.content);
    assert_true(document_read(&ID, a.text, strlen(a.text), &again, &refusal));
    assert_string_equal(again.content, a.content);
    assert_true(document_read(&ID, gone, strlen(gone), &tombstone, &refusal));
    assert_true(tombstone.tombstone);
    document_free(&a);
    document_free(&b);
    document_free(&again);
    document_free(&tombstone);
}

static void after_names_objects_as_a_person_does(void **state)
{
    struct object_id ids[LIMIT_AFTER];
    struct error err;
    size_t count = 0;
    (void)state;
    assert_true(after_parse("vms/hmi, deploy/db,pods/x", "ns", ids, &count, &err));
    assert_int_equal(count, 3);
    assert_string_equal(ids[0].resource, "virtualmachines");
    assert_string_equal(ids[1].resource, "deployments");
    assert_string_equal(ids[2].name, "x");
    assert_string_equal(ids[2].namespace, "ns");
    assert_false(after_parse("db", "ns", ids, &count, &err));
    assert_false(after_parse("things/db", "ns", ids, &count, &err));
    assert_false(after_parse("apps/D_B", "ns", ids, &count, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(the_example_of_the_protocol),
                                        cmocka_unit_test(every_field_has_its_meaning), cmocka_unit_test(what_is_wrong_is_named),
                                        cmocka_unit_test(a_flat_app_is_a_document_like_any_other),
                                        cmocka_unit_test(after_names_objects_as_a_person_does) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
