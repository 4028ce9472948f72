/* Limits on the disk, in the kubelet's order and words. */
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "model/disk_limit.h"
#include "model/quantity.h"
#include "model/resources.h"
#include "protocol/pod_fields.h"
#include "unit.h"

#define MI 1048576

static struct pod *pod_of(const char *spec)
{
    struct error err;
    struct ignored_fields ignored = { 0 };
    AUTO_JSON struct json *json = json_parse(spec, strlen(spec), &err);
    struct pod *pod = pod_read(json, &ignored, &err);
    if (pod == NULL)
        fail_msg("%s", err.message);
    ignored_free(&ignored);
    return pod;
}

static void exceeds(const char *spec, int64_t volume, int64_t first, int64_t second, const char *message)
{
    struct pod *pod = pod_of(spec);
    struct disk_usage usage = { 0 };
    struct pod_end end;
    usage.volumes[0] = volume;
    usage.containers[0] = first;
    usage.containers[1] = second;
    bool over = pod_exceeds_disk(pod, &usage, &end);
    assert_string_equal(over ? end.message : "", message);
    assert_string_equal(end.reason, over ? "Evicted" : "");
    pod_free(pod);
}

#define ONE(limits) "{\"name\":\"a\",\"image\":\"i\",\"resources\":{\"limits\":{" limits "}}}"
#define VOLUME(source) "\"volumes\":[{\"name\":\"x\"," source "}]"

static void a_volume_over_its_limit_comes_first(void **state)
{
    static const char spec[] = "{" VOLUME("\"emptyDir\":{\"sizeLimit\":\"10Mi\"}") ",\"containers\":["
                               ONE("\"ephemeral-storage\":\"1Mi\"") "]}";
    (void)state;
    exceeds(spec, 10 * MI, 0, 0, "Pod ephemeral local storage usage exceeds the total limit of containers 1Mi. ");
    exceeds(spec, 10 * MI + 1, 2 * MI, 0, "Usage of EmptyDir volume \"x\" exceeds the limit \"10Mi\". ");
    exceeds(spec, MI / 2, MI / 2, 0, "");
    exceeds(spec, POD_UNSET, POD_UNSET, 0, ""); /* not known is not over */
}

static void memory_has_its_own_limit_and_no_limit_is_none(void **state)
{
    (void)state;
    exceeds("{" VOLUME("\"emptyDir\":{\"sizeLimit\":\"1Mi\",\"medium\":\"Memory\"}") ",\"containers\":[" ONE("") "]}", 2 * MI, 0, 0,
            "");
    exceeds("{" VOLUME("\"emptyDir\":{\"sizeLimit\":\"0\"}") ",\"containers\":[" ONE("") "]}", 2 * MI, 0, 0, "");
    exceeds("{" VOLUME("\"hostPath\":{\"path\":\"/srv\"}") ",\"containers\":[" ONE("\"ephemeral-storage\":\"1Mi\"") "]}", 2 * MI, 0,
            0, ""); /* not the pod's own */
}

static void containers_are_added_up_and_held_to_their_own(void **state)
{
    static const char spec[] = "{\"containers\":[" ONE("\"ephemeral-storage\":\"1Mi\"") ",{\"name\":\"b\",\"image\":\"i\","
                               "\"resources\":{\"limits\":{\"ephemeral-storage\":\"3Mi\"}}}]}";
    (void)state;
    exceeds(spec, 0, 2 * MI, MI, "Container a exceeded its local ephemeral storage limit \"1Mi\". ");
    exceeds(spec, 0, MI, 3 * MI, "");
    exceeds(spec, 0, MI, 3 * MI + 1, "Pod ephemeral local storage usage exceeds the total limit of containers 4Mi. ");
}

static void a_pods_limit_is_kubernetes_sum(void **state)
{
    struct pod *pod = pod_of("{\"initContainers\":["
                             "{\"name\":\"i\",\"image\":\"i\",\"resources\":{\"limits\":{\"memory\":\"5Mi\"}}},"
                             "{\"name\":\"s\",\"image\":\"i\",\"restartPolicy\":\"Always\",\"resources\":{\"limits\":{\"memory\":\"2Mi\"}}},"
                             "{\"name\":\"j\",\"image\":\"i\",\"resources\":{\"limits\":{\"memory\":\"9Mi\"}}}],"
                             "\"containers\":[" ONE("\"memory\":\"4Mi\"") "]}");
    (void)state;
    assert_int_equal(pod_limit_of(pod, "memory"), 11 * MI); /* the sidecar beside the last init container */
    assert_int_equal(pod_limit_of(pod, "ephemeral-storage"), POD_UNSET);
    assert_false(pod_has_disk_limit(pod));
    pod_free(pod);
}

static void bytes_are_written_in_the_largest_unit(void **state)
{
    char text[QUANTITY_BYTES];
    (void)state;
    assert_string_equal(quantity_bytes(0, text), "0");
    assert_string_equal(quantity_bytes(1000, text), "1000");
    assert_string_equal(quantity_bytes(1536, text), "1536");
    assert_string_equal(quantity_bytes(1024, text), "1Ki");
    assert_string_equal(quantity_bytes(3LL << 30, text), "3Gi");
    assert_string_equal(quantity_bytes(INT64_MAX, text), "9223372036854775807");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_volume_over_its_limit_comes_first),
        cmocka_unit_test(memory_has_its_own_limit_and_no_limit_is_none),
        cmocka_unit_test(containers_are_added_up_and_held_to_their_own),
        cmocka_unit_test(a_pods_limit_is_kubernetes_sum),
        cmocka_unit_test(bytes_are_written_in_the_largest_unit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
