/* Deployment and StatefulSet in the core: which pods are there, and when. */
#include "ownerkit.h"

#define TEMPLATE(image) "\"template\":{\"metadata\":{\"labels\":{\"app\":\"web\"}},\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"" image "\"}]}}"
#define SET(more, image) "\"serviceName\":\"nginx\"," more TEMPLATE(image)
#define CLAIMS "\"volumeClaimTemplates\":[{\"metadata\":{\"name\":\"www\"},\"spec\":{\"accessModes\":[\"ReadWriteOnce\"],\"resources\":{\"requests\":{\"storage\":\"1Gi\"}}}}],"
#define DEMO1 "docker.io/library/demo:1"
#define DEMO2 "docker.io/library/demo:2"
#define ID1 "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define ID2 "sha256:2222222222222222222222222222222222222222222222222222222222222222"

static const struct object *find(const struct corekit *kit, const char *resource, const char *name)
{
    struct object_id id = { .namespace = "default" };
    strncpy(id.resource, resource, sizeof(id.resource) - 1);
    strncpy(id.name, name, sizeof(id.name) - 1);
    return objects_find(&kit->core->objects, &id);
}

static bool is_there(const struct corekit *kit, const char *resource, const char *name)
{
    const struct object *object = find(kit, resource, name);
    return object != NULL && object_ruling(object) != NULL;
}

static void a_set_is_made_and_taken_down_in_order(void **state)
{
    struct corekit *kit = *state;
    kit->failing = "start";
    want(kit, "statefulsets/web", "StatefulSet", "apps/v1", SET("\"replicas\":3," CLAIMS, "demo:1"));
    assert_true(is_there(kit, "pods", "web-0"));
    assert_false(is_there(kit, "pods", "web-1")); /* the one before it is not ready */
    kit->failing = NULL;
    kit_advance(kit, 2000);
    running_are(kit, "web-0 web-1 web-2 ");
    assert_told(kit, "status", "statefulsets/web", "\"replicas\":3,\"readyReplicas\":3,\"availableReplicas\":3,\"currentReplicas\":3,"
                                                   "\"updatedReplicas\":3");
    assert_told(kit, "state", "statefulsets/web", "\"state\":\"Running\"");
    assert_true(is_there(kit, "persistentvolumeclaims", "www-web-2"));
    kit->runtime_waits = true;
    want(kit, "statefulsets/web", "StatefulSet", "apps/v1", SET("\"replicas\":1," CLAIMS, "demo:1"));
    assert_false(is_there(kit, "pods", "web-2"));
    kit_advance(kit, 600);
    assert_true(is_there(kit, "pods", "web-1")); /* the highest is not gone yet */
    kit->runtime_waits = false;
    for (int i = 0; i < 6; i++)
        kit_advance(kit, 600);
    running_are(kit, "web-0 ");
    assert_true(is_there(kit, "persistentvolumeclaims", "www-web-2")); /* Retain */
    bury(kit, "statefulsets/web", "StatefulSet", "apps/v1");
    kit_advance(kit, 1000);
    running_are(kit, "");
    assert_true(is_silent(kit, "statefulsets/web"));
    assert_true(is_silent(kit, "pods/web-0"));
    assert_true(is_there(kit, "persistentvolumeclaims", "www-web-0"));
    restart_davitd(kit);
    assert_true(is_there(kit, "persistentvolumeclaims", "www-web-0"));
}

static void claims_go_where_that_is_asked_for(void **state)
{
    struct corekit *kit = *state;
    static const char policy[] = SET("\"replicas\":2,\"persistentVolumeClaimRetentionPolicy\":{\"whenScaled\":\"Delete\",\"whenDeleted\":"
                                     "\"Delete\"}," CLAIMS, "demo:1");
    static const char scaled[] = SET("\"replicas\":1,\"persistentVolumeClaimRetentionPolicy\":{\"whenScaled\":\"Delete\",\"whenDeleted\":"
                                     "\"Delete\"}," CLAIMS, "demo:1");
    want(kit, "statefulsets/web", "StatefulSet", "apps/v1", policy);
    assert_true(is_there(kit, "persistentvolumeclaims", "www-web-1"));
    want(kit, "statefulsets/web", "StatefulSet", "apps/v1", scaled);
    for (int i = 0; i < 4; i++)
        kit_advance(kit, 600);
    running_are(kit, "web-0 ");
    assert_false(is_there(kit, "persistentvolumeclaims", "www-web-1"));
    assert_true(is_there(kit, "persistentvolumeclaims", "www-web-0"));
    bury(kit, "statefulsets/web", "StatefulSet", "apps/v1");
    kit_advance(kit, 1000);
    assert_false(is_there(kit, "persistentvolumeclaims", "www-web-0"));
}

static void a_set_is_updated_down_to_its_partition(void **state)
{
    struct corekit *kit = *state;
    want(kit, "statefulsets/web", "StatefulSet", "apps/v1", SET("\"replicas\":3,", "demo:1"));
    want(kit, "statefulsets/web", "StatefulSet", "apps/v1",
         SET("\"replicas\":3,\"updateStrategy\":{\"rollingUpdate\":{\"partition\":1}},", "demo:2"));
    running_are(kit, "web-0 web-1 web-2 ");
    assert_true(kit_state_has(kit, "web-0", "\"image\":\"demo:1\""));
    assert_true(kit_state_has(kit, "web-1", "\"image\":\"demo:2\""));
    assert_told(kit, "status", "statefulsets/web", "\"currentReplicas\":1,\"updatedReplicas\":2");
    want(kit, "statefulsets/web", "StatefulSet", "apps/v1", SET("\"replicas\":3,\"updateStrategy\":{\"type\":\"OnDelete\"},", "demo:3"));
    assert_true(kit_state_has(kit, "web-2", "\"image\":\"demo:2\""));
    want(kit, "statefulsets/web", "StatefulSet", "apps/v1", SET("\"replicas\":3,", "demo:3"));
    assert_true(kit_state_has(kit, "web-0", "\"image\":\"demo:3\""));
    assert_told(kit, "status", "statefulsets/web", "\"currentReplicas\":3,\"updatedReplicas\":3");
}

static int setup_images(void **state)
{
    if (kit_setup(state) != 0)
        return 1;
    struct corekit *kit = *state;
    core_runtime_down(kit->core, "again");
    kit->needs_images = true;
    kit_runtime_up(kit);
    return 0;
}

static void an_update_that_waits_for_its_image_is_one_that_is_not_there_yet(void **state)
{
    struct corekit *kit = *state;
    want(kit, "deployments/web", "Deployment", "apps/v1", "\"replicas\":2," TEMPLATE("demo:1"));
    kit_pulled(kit, DEMO1, ID1);
    running_are(kit, "web-0 web-1 ");
    want(kit, "deployments/web", "Deployment", "apps/v1", "\"replicas\":2," TEMPLATE("demo:2"));
    running_are(kit, "web-0 web-1 "); /* pulled first */
    kit->runtime_waits = true;
    kit_pulled(kit, DEMO2, ID2);
    AUTO_FREE char *nothing = kit_calls(kit);
    kit_advance(kit, 100);
    /* One is being ended, the other still runs: they must not both have been waiting for the image. */
    assert_int_equal(json_size(kit->calls), 1);
    kit->runtime_waits = false;
    kit_settle(kit);
    assert_told(kit, "status", "deployments/web", "\"updatedReplicas\":2,\"readyReplicas\":2,\"availableReplicas\":2");
}

static void a_restart_of_davitd_hurries_no_update(void **state)
{
    struct corekit *kit = *state;
    want(kit, "deployments/web", "Deployment", "apps/v1", "\"replicas\":3," TEMPLATE("demo:1"));
    kit->failing = "start";
    want(kit, "deployments/web", "Deployment", "apps/v1", "\"replicas\":3," TEMPLATE("demo:2"));
    assert_int_equal(kit_running(kit), 2);
    restart_davitd(kit);
    assert_int_equal(kit_running(kit), 2);
    kit->failing = NULL;
    kit_advance(kit, 300000);
    assert_int_equal(kit_running(kit), 3);
    assert_told(kit, "status", "deployments/web", "\"updatedReplicas\":3");
}

static void a_deployment_that_gets_no_further_says_so(void **state)
{
    struct corekit *kit = *state;
    kit->failing = "start";
    want(kit, "deployments/web", "Deployment", "apps/v1", "\"progressDeadlineSeconds\":60," TEMPLATE("demo:1"));
    assert_told(kit, "status", "deployments/web", "\"reason\":\"ReplicaSetUpdated\"");
    for (int i = 0; i < 7; i++)
        kit_advance(kit, 10000);
    assert_told(kit, "status", "deployments/web", "\"reason\":\"ProgressDeadlineExceeded\"");
    kit->failing = NULL;
    kit_advance(kit, 300000);
    assert_told(kit, "status", "deployments/web", "\"reason\":\"NewReplicaSetAvailable\"");
}

static void the_next_waits_until_the_last_was_ready_long_enough(void **state)
{
    struct corekit *kit = *state;
    want(kit, "deployments/web", "Deployment", "apps/v1", "\"replicas\":2,\"minReadySeconds\":30," TEMPLATE("demo:1"));
    assert_told(kit, "status", "deployments/web", "\"readyReplicas\":2,\"availableReplicas\":0");
    kit_advance(kit, 30000);
    assert_told(kit, "status", "deployments/web", "\"readyReplicas\":2,\"availableReplicas\":2");
    want(kit, "deployments/web", "Deployment", "apps/v1", "\"replicas\":2,\"minReadySeconds\":30," TEMPLATE("demo:2"));
    assert_true(kit_state_has(kit, "web-1", "\"image\":\"demo:1\""));
    kit_advance(kit, 29000);
    assert_true(kit_state_has(kit, "web-1", "\"image\":\"demo:1\""));
    kit_advance(kit, 1000);
    assert_true(kit_state_has(kit, "web-1", "\"image\":\"demo:2\""));
}

static void what_a_child_is_refused_for_is_said_by_its_owner(void **state)
{
    struct corekit *kit = *state;
    want(kit, "deployments/web", "Deployment", "apps/v1",
         "\"template\":{\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"x\",\"securityContext\":{\"privileged\":true}}]}}");
    assert_told(kit, "status", "deployments/web", "\"type\":\"Progressing\",\"status\":\"False\",\"reason\":\"Forbidden\"");
}

static uint64_t created(const struct corekit *kit)
{
    return object_ruling(find(kit, "deployments", "web"))->created_ms;
}

/* Kubernetes' creationTimestamp: of the object, not of its last document. */
static void an_object_is_as_old_as_its_first_document(void **state)
{
    struct corekit *kit = *state;
    want(kit, "deployments/web", "Deployment", "apps/v1", TEMPLATE("demo:1"));
    uint64_t first = created(kit);
    AUTO_FREE char *said = mem_strdup(strstr(kit_held(kit, NODE_TOPIC "/status/default/deployments/web"), "\"creationTimestamp\":"));
    said[strlen("\"creationTimestamp\":\"2026-01-01T00:00:00Z\"")] = '\0';
    kit_advance(kit, 3600 * 1000);
    want(kit, "deployments/web", "Deployment", "apps/v1", TEMPLATE("demo:2"));
    assert_int_equal(created(kit), first);
    restart_davitd(kit);
    assert_int_equal(created(kit), first);
    assert_told(kit, "status", "deployments/web", said);
    bury(kit, "deployments/web", "Deployment", "apps/v1");
    kit_advance(kit, 3600 * 1000);
    want(kit, "deployments/web", "Deployment", "apps/v1", TEMPLATE("demo:2"));
    assert_int_equal(created(kit), kit->wall);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT(an_object_is_as_old_as_its_first_document),
        KIT(a_set_is_made_and_taken_down_in_order),
        KIT(claims_go_where_that_is_asked_for),
        KIT(a_set_is_updated_down_to_its_partition),
        cmocka_unit_test_setup_teardown(an_update_that_waits_for_its_image_is_one_that_is_not_there_yet, setup_images, kit_teardown),
        KIT(a_restart_of_davitd_hurries_no_update),
        KIT(a_deployment_that_gets_no_further_says_so),
        KIT(the_next_waits_until_the_last_was_ready_long_enough),
        KIT(what_a_child_is_refused_for_is_said_by_its_owner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
