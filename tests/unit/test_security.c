/* Profiles: what a pod may ask for, and what its containers get. */
#include <string.h>

#include "base/memory.h"
#include "protocol/pod_fields.h"
#include "protocol/security.h"
#include "unit.h"

static struct pod *pod_of(const char *text)
{
    struct ignored_fields ignored = { 0 };
    struct error err;
    AUTO_JSON struct json *spec = json_parse(text, strlen(text), &err);
    struct pod *pod = pod_read(spec, &ignored, &err);
    if (pod == NULL)
        fail_msg("%s", err.message);
    ignored_free(&ignored);
    return pod;
}

#define WITH(security) "{\"containers\":[{\"name\":\"a\",\"image\":\"x\",\"securityContext\":{" security "}}]}"
#define POD(more) "{\"containers\":[{\"name\":\"a\",\"image\":\"x\"}]," more "}"

static void each_profile_lets_in_what_it_says(void **state)
{
    static const struct {
        const char *spec;
        bool privileged, baseline, restricted;
    } cases[] = {
        { POD("\"hostNetwork\":false"), true, true, true },
        { POD("\"hostNetwork\":true"), true, true, false },
        { POD("\"hostPID\":true"), true, false, false },
        { POD("\"hostIPC\":true"), true, false, false },
        { WITH("\"privileged\":true"), true, false, false },
        { WITH("\"capabilities\":{\"add\":[\"SYS_ADMIN\"]}"), true, false, false },
        { WITH("\"capabilities\":{\"add\":[\"CAP_CHOWN\"]}"), true, true, false },
        { WITH("\"capabilities\":{\"add\":[\"NET_BIND_SERVICE\"]}"), true, true, true },
        { WITH("\"runAsUser\":0"), true, true, false },
        { WITH("\"allowPrivilegeEscalation\":true"), true, true, false },
        { WITH("\"procMount\":\"Unmasked\""), true, false, false },
        { WITH("\"seccompProfile\":{\"type\":\"Unconfined\"}"), true, false, false },
        { POD("\"securityContext\":{\"sysctls\":[{\"name\":\"kernel.msgmax\",\"value\":\"1\"}]}"), true, false, false },
        { POD("\"securityContext\":{\"sysctls\":[{\"name\":\"kernel/shm_rmid_forced\",\"value\":\"1\"}]}"), true, true, true },
        { POD("\"securityContext\":{\"sysctls\":[{\"name\":\"net.ipv4.tcp_syncookies\",\"value\":\"1\"}]}"), true, true, true },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct error err;
        struct pod *pod = pod_of(cases[i].spec);
        assert_int_equal(security_allows(LEVEL_PRIVILEGED, pod, &err), cases[i].privileged);
        assert_int_equal(security_allows(LEVEL_BASELINE, pod, &err), cases[i].baseline);
        assert_int_equal(security_allows(LEVEL_RESTRICTED, pod, &err), cases[i].restricted);
        pod_free(pod);
    }
}

static void effective_is(enum security_level level, const char *spec, const char *wanted)
{
    struct pod *pod = pod_of(spec);
    AUTO_JSON struct json *json = security_effective(level, pod, pod_container(pod, 0));
    AUTO_FREE char *text = json_print(json);
    assert_string_equal(text, wanted);
    pod_free(pod);
}

static void the_container_stands_over_the_pod_over_the_profile(void **state)
{
    (void)state;
    effective_is(LEVEL_BASELINE, POD("\"securityContext\":{\"runAsUser\":5,\"runAsNonRoot\":true}"),
                 "{\"runAsUser\":5,\"runAsNonRoot\":true,\"privileged\":false,\"readOnlyRootFilesystem\":false,"
                 "\"allowPrivilegeEscalation\":true,\"capabilities\":{\"add\":[],\"drop\":[]},"
                 "\"seccompProfile\":{\"type\":\"RuntimeDefault\"},\"procMount\":\"Default\"}");
    effective_is(LEVEL_RESTRICTED, WITH("\"readOnlyRootFilesystem\":false,\"capabilities\":{\"add\":[\"NET_BIND_SERVICE\"]}"),
                 "{\"runAsNonRoot\":true,\"privileged\":false,\"readOnlyRootFilesystem\":false,"
                 "\"allowPrivilegeEscalation\":false,\"capabilities\":{\"add\":[\"NET_BIND_SERVICE\"],\"drop\":[\"ALL\"]},"
                 "\"seccompProfile\":{\"type\":\"RuntimeDefault\"},"
                 "\"maskedPaths\":[\"/proc/interrupts\",\"/sys/dev/block\",\"/sys/fs/selinux\"],\"procMount\":\"Default\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(each_profile_lets_in_what_it_says),
                                        cmocka_unit_test(the_container_stands_over_the_pod_over_the_profile) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
