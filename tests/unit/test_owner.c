/* Owners with stable names: what a Deployment, a DaemonSet and a StatefulSet mean, and what is told of them. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "protocol/replicas.h"
#include "unit.h"

#define TEMPLATE "\"template\":{\"metadata\":{\"labels\":{\"app\":\"web\"}},\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"x\"}]}}"

/* It mounts the claim that the set gives it. */
#define MOUNTED "\"template\":{\"metadata\":{\"labels\":{\"app\":\"web\"}},\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"x\"," \
                "\"volumeMounts\":[{\"name\":\"www\",\"mountPath\":\"/d\"}]}]}}"

static struct json *owner_of(const char *resource, const char *spec, struct error *err, struct ignored_fields *ignored)
{
    AUTO_FREE char *text = mem_printf("{\"metadata\":{\"name\":\"web\"},\"spec\":{%s}}", spec);
    AUTO_JSON struct json *document = json_parse(text, strlen(text), err);
    assert_non_null(document);
    return owner_read(resource, document, ignored, err);
}

static void a_deployment_means_its_replicas(void **state)
{
    struct error err;
    struct ignored_fields ignored = { 0 };
    struct object_id id = { .namespace = "ns", .resource = "deployments", .name = "web" }, child;
    struct rollout_rule rule;
    (void)state;
    AUTO_JSON struct json *owner = owner_of("deployments", "\"replicas\":8,\"paused\":true,\"revisionHistoryLimit\":2,"
                                            "\"strategy\":{\"rollingUpdate\":{\"maxSurge\":1}}," TEMPLATE, &err, &ignored);
    replicas_rule(owner, &rule);
    assert_int_equal(rule.wanted, 8);
    assert_int_equal(rule.max_unavailable, 2); /* Kubernetes: a quarter */
    assert_true(rule.paused);
    assert_false(rule.recreate);
    assert_int_equal(replicas_deadline_ms(owner), 600000);
    assert_int_equal(json_get_integer(owner, "revisionHistoryLimit", 0), 2);
    assert_int_equal(ignored.count, 1);
    assert_string_equal(ignored.paths.items[0], "spec.strategy.rollingUpdate.maxSurge");
    ignored_free(&ignored);
    replicas_child_id(&id, owner, 2, &child);
    assert_string_equal(child.name, "web-2");
    assert_string_equal(child.resource, "pods");
    AUTO_JSON struct json *pod = replicas_child(&id, owner, 2);
    AUTO_FREE char *text = json_print(pod);
    assert_string_equal(text, "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"web-2\",\"namespace\":\"ns\","
                              "\"labels\":{\"app\":\"web\"},\"ownerReferences\":[{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\","
                              "\"name\":\"web\"}]},\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"x\"}]}}");
}

static void what_is_wrong_is_named(void **state)
{
    static const struct {
        const char *resource, *spec, *message;
    } cases[] = {
        { "deployments", "\"replicas\":1", "spec.template is required" },
        { "deployments", "\"replicas\":-1," TEMPLATE, "spec.replicas must be a whole number from 0 to 100" },
        { "deployments", "\"selector\":{\"matchLabels\":{\"app\":\"no\"}}," TEMPLATE,
          "spec.template.metadata.labels: `selector` does not match template `labels` (app)" },
        { "deployments", "\"selector\":{\"matchExpressions\":[{\"key\":\"app\",\"operator\":\"In\",\"values\":[\"a\",\"b\"]}]}," TEMPLATE,
          "spec.template.metadata.labels: `selector` does not match template `labels` (app)" },
        { "deployments", "\"selector\":{\"matchExpressions\":[{\"key\":\"app\",\"operator\":\"Like\"}]}," TEMPLATE,
          "spec.selector.matchExpressions: key and operator (In, NotIn, Exists or DoesNotExist) are required" },
        { "deployments", "\"template\":{}", "spec.template.spec is required" },
        { "deployments", "\"strategy\":{\"type\":\"Fast\"}," TEMPLATE, "spec.strategy.type must be one of RollingUpdate, Recreate" },
        { "deployments", "\"strategy\":{\"rollingUpdate\":{\"maxUnavailable\":\"many\"}}," TEMPLATE,
          "spec.strategy.rollingUpdate.maxUnavailable must be a whole number, or a share as 25%" },
        { "statefulsets", "\"serviceName\":\"a.b\"," TEMPLATE, "spec.serviceName must be a DNS label" },
        { "statefulsets", "\"podManagementPolicy\":\"Wild\"," TEMPLATE,
          "spec.podManagementPolicy must be one of OrderedReady, Parallel" },
        { "statefulsets", "\"volumeClaimTemplates\":[{\"spec\":{}}]," TEMPLATE,
          "spec.volumeClaimTemplates: metadata.name (a DNS label) and spec are required" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct error err = { .message = "" };
        struct ignored_fields ignored = { 0 };
        assert_null(owner_of(cases[i].resource, cases[i].spec, &err, &ignored));
        assert_string_equal(err.message, cases[i].message);
        ignored_free(&ignored);
    }
}

static void expressions_match_as_kubernetes_has_them(void **state)
{
    static const char *const good[] = { "{\"key\":\"app\",\"operator\":\"In\",\"values\":[\"web\"]}",
                                        "{\"key\":\"app\",\"operator\":\"NotIn\",\"values\":[\"db\"]}",
                                        "{\"key\":\"app\",\"operator\":\"Exists\"}",
                                        "{\"key\":\"tier\",\"operator\":\"DoesNotExist\"}",
                                        "{\"key\":\"tier\",\"operator\":\"NotIn\",\"values\":[\"x\"]}" };
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct error err;
        struct ignored_fields ignored = { 0 };
        AUTO_FREE char *spec = mem_printf("\"selector\":{\"matchExpressions\":[%s]}," TEMPLATE, good[i]);
        AUTO_JSON struct json *owner = owner_of("deployments", spec, &err, &ignored);
        assert_non_null(owner);
        assert_int_equal(ignored.count, 0);
    }
}

static void a_claim_is_for_one_at_a_time(void **state)
{
    struct error err;
    struct ignored_fields ignored = { 0 };
    struct rollout_rule rule;
    (void)state;
    AUTO_JSON struct json *claim =
        owner_of("deployments", "\"template\":{\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"x\"}],"
                                "\"volumes\":[{\"name\":\"d\",\"persistentVolumeClaim\":{\"claimName\":\"c\"}}]}}", &err, &ignored);
    replicas_rule(claim, &rule);
    assert_true(rule.recreate);
    AUTO_JSON struct json *asked = owner_of("deployments", "\"strategy\":{\"type\":\"Recreate\"}," TEMPLATE, &err, &ignored);
    replicas_rule(asked, &rule);
    assert_true(rule.recreate);
    AUTO_JSON struct json *daemon = owner_of("daemonsets", "\"replicas\":5," TEMPLATE, &err, &ignored);
    replicas_rule(daemon, &rule);
    assert_int_equal(rule.wanted, 1);
    ignored_free(&ignored);
}

static void a_set_gives_its_pods_names_and_claims(void **state)
{
    struct error err;
    struct ignored_fields ignored = { 0 };
    struct object_id id = { .namespace = "ns", .resource = "statefulsets", .name = "web" }, claim;
    (void)state;
    AUTO_JSON struct json *owner =
        owner_of("statefulsets", "\"serviceName\":\"nginx\",\"replicas\":2,\"ordinals\":{\"start\":3},\"volumeClaimTemplates\":["
                 "{\"metadata\":{\"name\":\"www\"},\"spec\":{\"resources\":{\"requests\":{\"storage\":\"1Gi\"}}}}]," MOUNTED,
                 &err, &ignored);
    if (owner == NULL)
        fail_msg("%s", err.message);
    assert_int_equal(ignored.count, 0);
    AUTO_JSON struct json *pod = replicas_child(&id, owner, 1);
    AUTO_FREE char *text = json_print(pod);
    assert_string_equal(text, "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"web-4\",\"namespace\":\"ns\","
                              "\"labels\":{\"app\":\"web\",\"statefulset.kubernetes.io/pod-name\":\"web-4\","
                              "\"apps.kubernetes.io/pod-index\":\"4\"},\"ownerReferences\":[{\"apiVersion\":\"apps/v1\","
                              "\"kind\":\"StatefulSet\",\"name\":\"web\"}]},\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"x\","
                              "\"volumeMounts\":[{\"name\":\"www\",\"mountPath\":\"/d\"}]}],"
                              "\"hostname\":\"web-4\",\"subdomain\":\"nginx\",\"volumes\":[{\"name\":\"www\","
                              "\"persistentVolumeClaim\":{\"claimName\":\"www-web-4\"}}]}}");
    replicas_claim_id(&id, owner, 0, 1, &claim);
    assert_string_equal(claim.name, "www-web-4");
    /* Kept when the set goes: nobody owns it. */
    AUTO_JSON struct json *kept = replicas_claim_child(&id, owner, 0, 1);
    assert_null(json_get(json_get(kept, "metadata"), "ownerReferences"));
    AUTO_JSON struct json *other = owner_of("statefulsets", "\"persistentVolumeClaimRetentionPolicy\":{\"whenDeleted\":\"Delete\"},"
                                            "\"volumeClaimTemplates\":[{\"metadata\":{\"name\":\"www\"},\"spec\":{}}]," TEMPLATE,
                                            &err, &ignored);
    AUTO_JSON struct json *owned = replicas_claim_child(&id, other, 0, 0);
    assert_non_null(json_get(json_get(owned, "metadata"), "ownerReferences"));
}

static void its_status_is_kubernetes_own(void **state)
{
    struct object_id id = { .namespace = "ns", .resource = "deployments", .name = "web" };
    struct replicas_report report = { .told = { .id = &id, .generation = 7, .source = "node", .created_ms = 1795410900000 },
                                      .wanted = 2, .present = 2, .updated = 1, .ready = 1, .available = 1 };
    (void)state;
    AUTO_JSON struct json *status = replicas_status_write(&report);
    AUTO_FREE char *text = json_print(json_get(status, "status"));
    assert_string_equal(text, "{\"observedGeneration\":7,\"replicas\":2,\"updatedReplicas\":1,\"readyReplicas\":1,"
                              "\"availableReplicas\":1,\"unavailableReplicas\":1,\"conditions\":[{\"type\":\"Available\","
                              "\"status\":\"False\",\"reason\":\"MinimumReplicasUnavailable\",\"message\":"
                              "\"Deployment does not have minimum availability.\"},{\"type\":\"Progressing\",\"status\":\"True\","
                              "\"reason\":\"ReplicaSetUpdated\"},{\"type\":\"Accepted\",\"status\":\"True\",\"reason\":\"Accepted\"}],"
                              "\"source\":\"node\"}");
    AUTO_JSON struct json *flat = replicas_state_write(&report);
    assert_string_equal(json_get_text(flat, "state"), "Pending");
    report.late = true;
    AUTO_JSON struct json *late = replicas_status_write(&report);
    AUTO_FREE char *late_text = json_print(late);
    assert_non_null(strstr(late_text, "\"status\":\"False\",\"reason\":\"ProgressDeadlineExceeded\""));
}

/* ---- docs/kubernetes.md */

static char *doc_text(void)
{
    const char *sources = getenv("srcdir");
    AUTO_FREE char *path = mem_printf("%s/docs/kubernetes.md", sources == NULL ? ".." : sources);
    char *text = NULL;
    size_t len = 0;
    struct error err;
    if (!file_read(path, 256 * 1024, &text, &len, &err))
        fail_msg("%s", err.message);
    return text;
}

/* The least that is accepted of a kind. */
static struct json *least_of(const char *kind)
{
    static const char pod[] = "\"template\":{\"spec\":{\"restartPolicy\":\"%s\",\"containers\":[{\"name\":\"a\",\"image\":\"x\"}]}}";
    struct error err;
    bool is_cron = strcmp(kind, "CronJob") == 0, ends = is_cron || strcmp(kind, "Job") == 0;
    AUTO_FREE char *template = mem_printf(pod, ends ? "Never" : "Always");
    AUTO_FREE char *text = is_cron ? mem_printf("{\"spec\":{\"schedule\":\"@daily\",\"jobTemplate\":{\"spec\":{%s}}}}", template)
                                   : mem_printf("{\"spec\":{%s}}", template);
    struct json *document = json_parse(text, strlen(text), &err);
    assert_non_null(document);
    return document;
}

/* Sets `.spec.a.b`, as an empty object where nothing is there yet. */
static void set_path(struct json *document, const char *path)
{
    struct json *at = document;
    AUTO_FREE char *copy = mem_strdup(path + 1);
    char *rest = copy;
    for (char *key; (key = strsep(&rest, ".")) != NULL;) {
        struct json *next = json_get_mutable(at, key);
        at = next != NULL ? next : json_set_object(at, key);
    }
}

static void is_ignored(const char *resource, const char *kind, const char *path)
{
    struct ignored_fields ignored = { 0 };
    struct error err;
    bool found = false;
    AUTO_JSON struct json *document = least_of(kind);
    set_path(document, path);
    AUTO_JSON struct json *owner = owner_read(resource, document, &ignored, &err);
    if (owner == NULL)
        fail_msg("%s %s: %s", kind, path, err.message);
    for (size_t i = 0; i < ignored.paths.count; i++)
        found = found || strcmp(ignored.paths.items[i], path + 1) == 0;
    ignored_free(&ignored);
    if (!found)
        fail_msg("docs/kubernetes.md says that %s of a %s is ignored, and it is not", path, kind);
}

static void what_the_documentation_calls_ignored_is_ignored(void **state)
{
    static const struct {
        const char *heading, *kind, *resource;
    } kinds[] = { { "### Deployment and DaemonSet", "Deployment", "deployments" }, { "### StatefulSet", "StatefulSet", "statefulsets" },
                  { "### Job", "Job", "jobs" }, { "### CronJob", "CronJob", "cronjobs" } };
    AUTO_FREE char *text = doc_text();
    char *rest = text;
    size_t kind = SIZE_MAX, seen = 0;
    (void)state;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
            kind = strcmp(line, kinds[i].heading) == 0 ? i : kind;
        char *cells = strstr(line, "| ignored");
        if (strncmp(line, "| `.spec.", 9) != 0 || cells == NULL || kind == SIZE_MAX)
            continue;
        *cells = '\0';
        for (char *at = line; (at = strstr(at, "`.")) != NULL; seen++) {
            AUTO_FREE char *path = mem_strndup(at + 1, strcspn(at + 1, "`"));
            is_ignored(kinds[kind].resource, kinds[kind].kind, path);
            at += strlen(path) + 2;
        }
    }
    assert_true(seen >= 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_deployment_means_its_replicas),
                                        cmocka_unit_test(what_is_wrong_is_named),
                                        cmocka_unit_test(expressions_match_as_kubernetes_has_them),
                                        cmocka_unit_test(a_claim_is_for_one_at_a_time),
                                        cmocka_unit_test(a_set_gives_its_pods_names_and_claims),
                                        cmocka_unit_test(its_status_is_kubernetes_own),
                                        cmocka_unit_test(what_the_documentation_calls_ignored_is_ignored) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
