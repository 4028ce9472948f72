/* References of a pod: environment, arguments, files; the kubelet's words where something is missing. */
#include <string.h>

#include "base/base64.h"
#include "base/memory.h"
#include "protocol/pod_fields.h"
#include "protocol/resolve.h"
#include "unit.h"

static const struct json *lookup(void *ctx, const char *resource, const char *name)
{
    return json_get(json_get(ctx, resource), name);
}

struct kit {
    struct json *objects;
    struct pod *pod;
    struct resolve resolve;
    struct object_id id;
};

static void kit_begin(struct kit *kit, const char *spec_text)
{
    static const char objects[] = "{\"configmaps\":{\"c\":{\"data\":{\"A\":\"MQ==\",\"B\":\"dHdv\"}}},"
                                  "\"secrets\":{\"s\":{\"data\":{\"P\":\"cHc=\"}}}}";
    struct ignored_fields ignored = { 0 };
    struct error err;
    memset(kit, 0, sizeof(*kit));
    kit->objects = json_parse(objects, strlen(objects), &err);
    AUTO_JSON struct json *spec = json_parse(spec_text, strlen(spec_text), &err);
    kit->pod = pod_read(spec, &ignored, &err);
    if (kit->pod == NULL)
        fail_msg("%s", err.message);
    ignored_free(&ignored);
    kit->id = (struct object_id){ .namespace = "ns", .resource = "pods", .name = "p" };
    kit->resolve = (struct resolve){ .pod = kit->pod, .id = &kit->id, .uid = "u", .node = "n", .host_address = "192.0.2.1",
                                     .capacity_cpu_m = 4000, .capacity_memory = 1024, .capacity_disk = 2048, .lookup = lookup,
                                     .ctx = kit->objects };
}

static void kit_end(struct kit *kit)
{
    json_free(kit->objects);
    pod_free(kit->pod);
}

#define CONTAINER(rest) "{\"containers\":[{\"name\":\"a\",\"image\":\"x\"," rest "}]}"

static void env_is(const char *spec, const char *wanted)
{
    struct kit kit;
    struct error err = { .message = "" };
    kit_begin(&kit, spec);
    AUTO_JSON struct json *env = resolve_env(&kit.resolve, pod_container(kit.pod, 0), &err);
    AUTO_FREE char *text = env != NULL ? json_print(env) : mem_strdup(err.message);
    assert_string_equal(text, wanted);
    kit_end(&kit);
}

static void the_environment_is_put_together(void **state)
{
    (void)state;
    env_is(CONTAINER("\"envFrom\":[{\"prefix\":\"X_\",\"configMapRef\":{\"name\":\"c\"}},"
                     "{\"secretRef\":{\"name\":\"none\",\"optional\":true}}],"
                     "\"env\":[{\"name\":\"V\",\"value\":\"$(X_A)-$(NO)-$$(X_A)-$\"}]"),
           "[{\"name\":\"X_A\",\"value\":\"1\"},{\"name\":\"X_B\",\"value\":\"two\"},"
           "{\"name\":\"V\",\"value\":\"1-$(NO)-$(X_A)-$\"}]");
    env_is(CONTAINER("\"env\":[{\"name\":\"P\",\"valueFrom\":{\"secretKeyRef\":{\"name\":\"s\",\"key\":\"P\"}}},"
                     "{\"name\":\"N\",\"valueFrom\":{\"fieldRef\":{\"fieldPath\":\"spec.nodeName\"}}},"
                     "{\"name\":\"C\",\"valueFrom\":{\"resourceFieldRef\":{\"resource\":\"limits.cpu\"}}}]"),
           "[{\"name\":\"P\",\"value\":\"pw\"},{\"name\":\"N\",\"value\":\"n\"},{\"name\":\"C\",\"value\":\"4\"}]");
}

static void what_is_missing_is_said_as_the_kubelet_says_it(void **state)
{
    (void)state;
    env_is(CONTAINER("\"envFrom\":[{\"configMapRef\":{\"name\":\"none\"}}]"), "configmap \"none\" not found");
    env_is(CONTAINER("\"env\":[{\"name\":\"P\",\"valueFrom\":{\"secretKeyRef\":{\"name\":\"s\",\"key\":\"Q\"}}}]"),
           "couldn't find key Q in Secret ns/s");
    env_is(CONTAINER("\"env\":[{\"name\":\"P\",\"valueFrom\":{\"fieldRef\":{\"fieldPath\":\"status.nothing\"}}}]"),
           "unsupported fieldPath: status.nothing");
}

static void a_limit_that_is_not_set_is_the_machines(void **state)
{
    (void)state;
#define FROM(name, resource, divisor) "{\"name\":\"" name "\",\"valueFrom\":{\"resourceFieldRef\":{\"resource\":\"" resource "\"" divisor "}}}"
    env_is(CONTAINER("\"resources\":{\"limits\":{\"ephemeral-storage\":\"1536\"}},\"env\":["
                     FROM("A", "limits.ephemeral-storage", "") "," FROM("B", "limits.ephemeral-storage", ",\"divisor\":\"1Ki\"") ","
                     FROM("C", "requests.ephemeral-storage", "") "," FROM("D", "limits.memory", ",\"divisor\":\"1000\"") "]"),
           "[{\"name\":\"A\",\"value\":\"1536\"},{\"name\":\"B\",\"value\":\"2\"},{\"name\":\"C\",\"value\":\"1536\"},"
           "{\"name\":\"D\",\"value\":\"2\"}]");
    env_is(CONTAINER("\"env\":[" FROM("A", "limits.ephemeral-storage", "") "," FROM("B", "requests.ephemeral-storage", "") ","
                     FROM("C", "requests.memory", "") "]"),
           "[{\"name\":\"A\",\"value\":\"2048\"},{\"name\":\"B\",\"value\":\"0\"},{\"name\":\"C\",\"value\":\"0\"}]");
}

static void files_come_from_maps_and_the_pod(void **state)
{
    struct kit kit;
    struct error err;
    (void)state;
    kit_begin(&kit, "{\"containers\":[{\"name\":\"a\",\"image\":\"x\"}],\"volumes\":[{\"name\":\"v\",\"projected\":{\"defaultMode\":256,"
                    "\"sources\":[{\"configMap\":{\"name\":\"c\",\"items\":[{\"key\":\"A\",\"path\":\"d/a\",\"mode\":416}]}},"
                    "{\"secret\":{\"name\":\"s\"}},{\"downwardAPI\":{\"items\":[{\"path\":\"n\",\"fieldRef\":"
                    "{\"fieldPath\":\"metadata.name\"}}]}}]}}]}");
    AUTO_JSON struct json *files = resolve_files(&kit.resolve, pod_volume(kit.pod, 0), &err);
    AUTO_FREE char *text = json_print(files);
    assert_string_equal(text, "{\"items\":[{\"path\":\"d/a\",\"mode\":416,\"data\":\"MQ==\"},"
                              "{\"path\":\"P\",\"mode\":256,\"data\":\"cHc=\"},{\"path\":\"n\",\"mode\":256,\"data\":\"cA==\"}]}");
    assert_true(resolve_uses(kit.pod, "configmaps", "c"));
    assert_true(resolve_uses(kit.pod, "secrets", "s"));
    assert_false(resolve_uses(kit.pod, "secrets", "c"));
    kit_end(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(the_environment_is_put_together),
                                        cmocka_unit_test(a_limit_that_is_not_set_is_the_machines),
                                        cmocka_unit_test(what_is_missing_is_said_as_the_kubelet_says_it),
                                        cmocka_unit_test(files_come_from_maps_and_the_pod) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
