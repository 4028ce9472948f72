/* Quantities, requests and limits: Kubernetes' own numbers. */
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "model/quantity.h"
#include "model/resources.h"
#include "protocol/pod_fields.h"
#include "unit.h"

static void quantities_are_read_and_rounded_up(void **state)
{
    static const struct {
        const char *text;
        int64_t scale, value;
    } good[] = { { "500m", 1000, 500 },      { "1", 1000, 1000 },         { "1.5", 1000, 1500 },
                 { "0.0001", 1000, 1 },      { "128Mi", 1, 134217728 },   { "2k", 1, 2000 },
                 { "1e3", 1, 1000 },         { "1E", 1, 1000000000000000000 }, { "1Ki", 1, 1024 },
                 { "100n", 1000, 1 },        { "0", 1, 0 },               { "8Ei", 1, INT64_MAX },
                 { "+5", 1, 5 },             { ".5", 1000, 500 },         { "1e-3", 1000, 1 } };
    static const char *const bad[] = { "", "m", "-1", "1x", "1 Mi", "1.2.3", "1ee3", "0x10", "1e", "Mi", "12345678901234567890" };
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        int64_t value = -1;
        assert_true(quantity_read(good[i].text, good[i].scale, &value));
        assert_int_equal(value, good[i].value);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int64_t value = -1;
        assert_false(quantity_read(bad[i], 1, &value));
    }
}

static void a_pod_may_have_what_its_containers_ask_for_at_most(void **state)
{
    static const struct {
        const char *containers;
        int64_t shares, quota, memory;
    } cases[] = {
        { "\"containers\":[{\"name\":\"a\",\"image\":\"x\"}]", 2, 0, 0 },
        { "\"containers\":[{\"name\":\"a\",\"image\":\"x\",\"resources\":{\"limits\":{\"cpu\":\"500m\",\"memory\":\"64Mi\"}}},"
          "{\"name\":\"b\",\"image\":\"x\",\"resources\":{\"limits\":{\"cpu\":\"1\",\"memory\":\"64Mi\"}}}]", 1536, 150000, 134217728 },
        /* one has no limit, so the pod has none */
        { "\"containers\":[{\"name\":\"a\",\"image\":\"x\",\"resources\":{\"limits\":{\"cpu\":\"500m\"},\"requests\":{\"memory\":\"1Mi\"}}},"
          "{\"name\":\"b\",\"image\":\"x\"}]", 512, 0, 0 },
        /* an init container asks for more than the others together; a sidecar before it runs beside both */
        { "\"initContainers\":[{\"name\":\"s\",\"image\":\"x\",\"restartPolicy\":\"Always\",\"resources\":{\"requests\":{\"cpu\":\"1\"}}},"
          "{\"name\":\"i\",\"image\":\"x\",\"resources\":{\"requests\":{\"cpu\":\"2\"}}}],"
          "\"containers\":[{\"name\":\"a\",\"image\":\"x\",\"resources\":{\"requests\":{\"cpu\":\"500m\"}}}]", 3072, 0, 0 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        AUTO_FREE char *text = mem_printf("{%s}", cases[i].containers);
        struct ignored_fields ignored = { 0 };
        struct error err;
        AUTO_JSON struct json *spec = json_parse(text, strlen(text), &err);
        struct pod *pod = pod_read(spec, &ignored, &err);
        struct kernel_limits limits;
        assert_non_null(pod);
        pod_limits(pod, &limits);
        assert_int_equal(limits.cpu_shares, cases[i].shares);
        assert_int_equal(limits.cpu_quota_us, cases[i].quota);
        assert_int_equal(limits.memory_bytes, cases[i].memory);
        pod_free(pod);
        ignored_free(&ignored);
    }
}

static struct pod *pod_with(const char *resources)
{
    struct ignored_fields ignored = { 0 };
    struct error err;
    AUTO_FREE char *text = mem_printf("{\"containers\":[{\"name\":\"a\",\"image\":\"x\",\"resources\":%s}]}", resources);
    AUTO_JSON struct json *spec = json_parse(text, strlen(text), &err);
    struct pod *pod = pod_read(spec, &ignored, &err);
    ignored_free(&ignored);
    assert_non_null(pod);
    return pod;
}

static void classes_and_kernel_numbers_follow(void **state)
{
    static const struct {
        const char *resources;
        enum qos qos;
        int64_t shares, quota, memory, score;
    } cases[] = {
        { "{}", QOS_BEST_EFFORT, 2, 0, 0, 1000 },
        { "{\"limits\":{\"cpu\":\"500m\",\"memory\":\"100Mi\"}}", QOS_GUARANTEED, 512, 50000, 104857600, -997 },
        { "{\"requests\":{\"cpu\":\"1\"}}", QOS_BURSTABLE, 1024, 0, 0, 999 },
        { "{\"requests\":{\"memory\":\"500M\"}}", QOS_BURSTABLE, 2, 0, 0, 500 },
        { "{\"requests\":{\"memory\":\"1G\"}}", QOS_BURSTABLE, 2, 0, 0, 3 },
        { "{\"limits\":{\"cpu\":\"1m\"}}", QOS_BURSTABLE, 2, 1000, 0, 999 },
        { "{\"limits\":{\"cpu\":2}}", QOS_BURSTABLE, 2048, 200000, 0, 999 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct kernel_limits limits;
        struct pod *pod = pod_with(cases[i].resources);
        container_limits(pod, pod_container(pod, 0), 1000000000, &limits);
        assert_int_equal(pod_qos(pod), cases[i].qos);
        assert_int_equal(limits.cpu_shares, cases[i].shares);
        assert_int_equal(limits.cpu_quota_us, cases[i].quota);
        assert_int_equal(limits.memory_bytes, cases[i].memory);
        assert_int_equal(limits.oom_score_adj, cases[i].score);
        pod_free(pod);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_pod_may_have_what_its_containers_ask_for_at_most),
                                        cmocka_unit_test(quantities_are_read_and_rounded_up),
                                        cmocka_unit_test(classes_and_kernel_numbers_follow) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
