/* Owners: what a Deployment means, and what is told of it. */
#include <string.h>

#include "base/memory.h"
#include "protocol/owner.h"
#include "unit.h"

#define TEMPLATE "\"template\":{\"metadata\":{\"labels\":{\"app\":\"web\"}},\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"x\"}]}}"

static struct json *owner_of(const char *resource, const char *spec, struct error *err, size_t *ignored)
{
    struct ignored_fields fields = { 0 };
    AUTO_FREE char *text = mem_printf("{\"spec\":{%s}}", spec);
    AUTO_JSON struct json *document = json_parse(text, strlen(text), err);
    struct json *owner = owner_read(resource, document, &fields, err);
    *ignored = fields.count;
    ignored_free(&fields);
    return owner;
}

static void a_deployment_means_its_replicas(void **state)
{
    struct error err;
    size_t ignored = 0;
    struct object_id id = { .namespace = "ns", .resource = "deployments", .name = "web" }, child;
    (void)state;
    AUTO_JSON struct json *owner = owner_of("deployments", "\"replicas\":3,\"paused\":true," TEMPLATE, &err, &ignored);
    assert_int_equal(owner_replicas(owner), 3);
    assert_false(owner_recreates(owner));
    assert_int_equal(ignored, 1);
    owner_child_id(&id, 2, &child);
    assert_string_equal(child.name, "web-2");
    assert_string_equal(child.resource, "pods");
    AUTO_JSON struct json *pod = owner_child(&id, owner, 2);
    AUTO_FREE char *text = json_print(pod);
    assert_string_equal(text, "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"web-2\",\"namespace\":\"ns\","
                              "\"labels\":{\"app\":\"web\"},\"ownerReferences\":[{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\","
                              "\"name\":\"web\"}]},\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"x\"}]}}");
}

static void what_is_wrong_is_named(void **state)
{
    static const struct {
        const char *spec, *message;
    } cases[] = {
        { "\"replicas\":1", "spec.template is required" },
        { "\"replicas\":-1," TEMPLATE, "spec.replicas must be a whole number from 0 to 100" },
        { "\"selector\":{\"matchLabels\":{\"app\":\"no\"}}," TEMPLATE,
          "spec.template.metadata.labels: `selector` does not match template `labels` (app)" },
        { "\"template\":{}", "spec.template.spec is required" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct error err = { .message = "" };
        size_t ignored = 0;
        assert_null(owner_of("deployments", cases[i].spec, &err, &ignored));
        assert_string_equal(err.message, cases[i].message);
    }
}

static void a_claim_is_for_one_at_a_time(void **state)
{
    struct error err;
    size_t ignored = 0;
    (void)state;
    AUTO_JSON struct json *claim =
        owner_of("deployments", "\"template\":{\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"x\"}],"
                                "\"volumes\":[{\"name\":\"d\",\"persistentVolumeClaim\":{\"claimName\":\"c\"}}]}}", &err, &ignored);
    assert_true(owner_recreates(claim));
    AUTO_JSON struct json *asked = owner_of("deployments", "\"strategy\":{\"type\":\"Recreate\"}," TEMPLATE, &err, &ignored);
    assert_true(owner_recreates(asked));
    AUTO_JSON struct json *daemon = owner_of("daemonsets", TEMPLATE, &err, &ignored);
    assert_int_equal(owner_replicas(daemon), 1);
}

static void its_status_is_kubernetes_own(void **state)
{
    struct object_id id = { .namespace = "ns", .resource = "deployments", .name = "web" };
    struct owner_report report = { .id = &id, .generation = 7, .source = "node", .accepted_ms = 1795410900000,
                                   .wanted = 2, .present = 2, .updated = 1, .ready = 1 };
    (void)state;
    AUTO_JSON struct json *status = owner_status_write(&report);
    AUTO_FREE char *text = json_print(json_get(status, "status"));
    assert_string_equal(text, "{\"observedGeneration\":7,\"replicas\":2,\"updatedReplicas\":1,\"readyReplicas\":1,"
                              "\"availableReplicas\":1,\"unavailableReplicas\":1,\"conditions\":[{\"type\":\"Available\","
                              "\"status\":\"False\",\"reason\":\"MinimumReplicasUnavailable\",\"message\":"
                              "\"Deployment does not have minimum availability.\"},{\"type\":\"Progressing\",\"status\":\"True\","
                              "\"reason\":\"ReplicaSetUpdated\"},{\"type\":\"Accepted\",\"status\":\"True\",\"reason\":\"Accepted\"}],"
                              "\"source\":\"node\"}");
    AUTO_JSON struct json *flat = owner_state_write(&report);
    assert_string_equal(json_get_text(flat, "state"), "Pending");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_deployment_means_its_replicas),
                                        cmocka_unit_test(what_is_wrong_is_named),
                                        cmocka_unit_test(a_claim_is_for_one_at_a_time),
                                        cmocka_unit_test(its_status_is_kubernetes_own) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
