/* What the API server would refuse is refused with its path, and its words. */
#include <string.h>

#include "base/memory.h"
#include "protocol/pod_fields.h"
#include "unit.h"

#define C "\"name\":\"a\",\"image\":\"x\""
#define ONE(rest) "{\"containers\":[{" C "," rest "}]}"
#define WITH(rest) "{\"containers\":[{" C "}]," rest "}"
#define INIT(rest) "{\"containers\":[{" C "}],\"initContainers\":[{\"name\":\"i\",\"image\":\"x\"," rest "}]}"
#define PROBE(name, rest) ONE("\"" name "\":{" rest "}")
#define EXEC "\"exec\":{\"command\":[\"true\"]}"
#define ENV(from) ONE("\"env\":[{\"name\":\"X\",\"valueFrom\":" from "}]")
#define MOUNTS(list, volumes) "{\"containers\":[{" C ",\"volumeMounts\":[" list "]}],\"volumes\":[" volumes "]}"
#define FILES(item) WITH("\"volumes\":[{\"name\":\"v\",\"downwardAPI\":{\"items\":[{\"path\":\"p\"," item "}]}}]")
#define RES(map) ONE("\"resources\":" map)

static const struct row {
    const char *spec, *message; /* NULL: it is taken */
} rows[] = {
    { "{}", "spec.containers: Required value" },
    { "{\"containers\":[]}", "spec.containers: Required value" },
    { "{\"containers\":[{\"image\":\"x\"}]}", "spec.containers[0].name: Required value" },
    { "{\"containers\":[{\"name\":\"a\"}]}", "spec.containers[0].image: Required value" },
    { "{\"containers\":[{\"name\":\"A_b\",\"image\":\"x\"}]}",
      "spec.containers[0].name: Invalid value: \"A_b\": must be a DNS label" },
    { "{\"containers\":[{" C "},{" C "}]}", "spec.containers[1].name: Duplicate value: \"a\"" },
    { WITH("\"initContainers\":[{" C "}]"), "spec.containers[0].name: Duplicate value: \"a\"" },
    { WITH("\"restartPolicy\":\"always\""),
      "spec.restartPolicy: Unsupported value: \"always\": supported values: \"Always\", \"OnFailure\", \"Never\"" },
    { WITH("\"activeDeadlineSeconds\":0"),
      "spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive" },
    { WITH("\"terminationGracePeriodSeconds\":-1"),
      "spec.terminationGracePeriodSeconds: Invalid value: -1: must be greater than or equal to 0" },
    { WITH("\"dnsPolicy\":\"None\""),
      "spec.dnsConfig.nameservers: Required value: must provide at least one DNS nameserver when `dnsPolicy` is None" },
    { ONE("\"imagePullPolicy\":\"always\""), "spec.containers[0].imagePullPolicy: Unsupported value: \"always\": supported values: "
                                             "\"Always\", \"IfNotPresent\", \"Never\"" },
    { ONE("\"ports\":[{\"containerPort\":70000}]"),
      "spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive" },
    { ONE("\"ports\":[{\"containerPort\":80,\"name\":\"h\"},{\"containerPort\":81,\"name\":\"h\"}]"),
      "spec.containers[0].ports[1].name: Duplicate value: \"h\"" },
    { ONE("\"ports\":[{\"containerPort\":80,\"hostPort\":80},{\"containerPort\":81,\"hostPort\":80}]"),
      "spec.containers[0].ports[1].hostPort: Duplicate value: \"TCP//80\"" },
    { ONE("\"ports\":[{\"containerPort\":80,\"hostPort\":80},{\"containerPort\":80,\"hostPort\":80,\"protocol\":\"UDP\"}]"), NULL },
    { WITH("\"os\":{\"name\":\"linux\"}"), NULL },
    { WITH("\"os\":{\"name\":\"windows\"}"), "spec.os.name: Unsupported value: \"windows\": supported values: \"linux\"" },
    { WITH("\"hostNetwork\":true,\"securityContext\":{\"sysctls\":[{\"name\":\"net/ipv4/tcp_syncookies\",\"value\":\"1\"}]}"),
      "spec.securityContext.sysctls[0].name: Invalid value: \"net/ipv4/tcp_syncookies\": may not be specified when 'hostNetwork' "
      "is true" },
    { WITH("\"securityContext\":{\"sysctls\":[{\"name\":\"kernel.shmmax-\",\"value\":\"1\"}]}"),
      "spec.securityContext.sysctls[0].name: Invalid value: \"kernel.shmmax-\": must be a name of a sysctl, as kernel.shmmax" },
    { ONE("\"lifecycle\":{\"preStop\":{\"sleep\":{\"seconds\":31}}}"),
      "spec.containers[0].lifecycle.preStop.sleep: Invalid value: 31: must be non-negative and less than "
      "terminationGracePeriodSeconds (30)" },
    { ONE("\"lifecycle\":{\"preStop\":{\"sleep\":{\"seconds\":30}}}"), NULL },
    /* probes */
    { PROBE("livenessProbe", ""), "spec.containers[0].livenessProbe: Required value: must specify a handler type" },
    { PROBE("livenessProbe", EXEC ",\"tcpSocket\":{\"port\":1}"),
      "spec.containers[0].livenessProbe: Forbidden: may not specify more than 1 handler type" },
    { PROBE("livenessProbe", EXEC ",\"successThreshold\":2"),
      "spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1" },
    { PROBE("readinessProbe", EXEC ",\"successThreshold\":2"), NULL },
    { PROBE("readinessProbe", EXEC ",\"terminationGracePeriodSeconds\":2"),
      "spec.containers[0].readinessProbe.terminationGracePeriodSeconds: Invalid value: 2: must not be set for readinessProbes" },
    { PROBE("startupProbe", EXEC ",\"periodSeconds\":-1"),
      "spec.containers[0].startupProbe.periodSeconds: Invalid value: -1: must be greater than or equal to 0" },
    { INIT("\"livenessProbe\":{" EXEC "}"),
      "spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always" },
    { INIT("\"restartPolicy\":\"Always\",\"livenessProbe\":{" EXEC "}"), NULL },
    { INIT("\"restartPolicy\":\"Never\""), NULL },
    { INIT("\"restartPolicy\":\"never\""), "spec.initContainers[0].restartPolicy: Unsupported value: \"never\": supported values: "
                                          "\"Always\", \"OnFailure\", \"Never\"" },
    { ONE("\"restartPolicyRules\":[{\"action\":\"Restart\",\"exitCodes\":{\"operator\":\"In\",\"values\":[42]}}]"),
      "spec.containers[0].restartPolicy: Required value: must specify restartPolicy when restart rules are used" },
    { ONE("\"restartPolicy\":\"Never\",\"restartPolicyRules\":[{\"action\":\"Restart\",\"exitCodes\":{\"operator\":\"In\","
          "\"values\":[256]}}]"),
      "spec.containers[0].restartPolicyRules[0].exitCodes.values: Invalid value: must be 1 to 255 exit codes from 0 to 255" },
    /* environment */
    { ENV("{}"), "spec.containers[0].env[0].valueFrom: Invalid value: \"\": must specify one of: `fieldRef`, `resourceFieldRef`, "
                 "`configMapKeyRef` or `secretKeyRef`" },
    { ENV("{\"fieldRef\":{\"fieldPath\":\"metadata.name\"},\"secretKeyRef\":{\"name\":\"s\",\"key\":\"k\"}}"),
      "spec.containers[0].env[0].valueFrom: Invalid value: \"\": may not have more than one field specified at a time" },
    { ENV("{\"fieldRef\":{\"fieldPath\":\"status.phase\"}}"),
      "spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: \"status.phase\": error converting fieldPath: field "
      "label not supported: status.phase" },
    { ENV("{\"fieldRef\":{\"fieldPath\":\"metadata.labels\"}}"),
      "spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Unsupported value: \"metadata.labels\": it is for volumes only" },
    { ENV("{\"fieldRef\":{\"fieldPath\":\"metadata.labels['a/b']\"}}"), NULL },
    { ENV("{\"resourceFieldRef\":{\"resource\":\"limits.ephemeral-storage\"}}"), NULL },
    { ENV("{\"resourceFieldRef\":{\"resource\":\"limits.gpu\"}}"),
      "spec.containers[0].env[0].valueFrom.resourceFieldRef.resource: Unsupported value: \"limits.gpu\"" },
    { ENV("{\"secretKeyRef\":{\"key\":\"k\"}}"), "spec.containers[0].env[0].valueFrom.secretKeyRef.name: Required value" },
    /* volumes */
    { MOUNTS("{\"name\":\"v\",\"mountPath\":\"/v\"}", ""), "spec.containers[0].volumeMounts[0].name: Not found: \"v\"" },
    { MOUNTS("{\"name\":\"v\",\"mountPath\":\"/v\"},{\"name\":\"v\",\"mountPath\":\"/v\"}", "{\"name\":\"v\"}"),
      "spec.containers[0].volumeMounts[1].mountPath: Invalid value: \"/v\": must be unique" },
    { MOUNTS("{\"name\":\"v\",\"mountPath\":\"/v\",\"subPath\":\"a\",\"subPathExpr\":\"b\"}", "{\"name\":\"v\"}"),
      "spec.containers[0].volumeMounts[0].subPathExpr: Invalid value: \"b\": subPathExpr and subPath are mutually exclusive" },
    { MOUNTS("", "{\"name\":\"v\"},{\"name\":\"v\"}"), "spec.volumes[1].name: Duplicate value: \"v\"" },
    { MOUNTS("", "{\"name\":\"v\",\"emptyDir\":{},\"hostPath\":{\"path\":\"/\"}}"),
      "spec.volumes[0]: Forbidden: may not specify more than 1 volume type" },
    { MOUNTS("", "{\"name\":\"v\",\"secret\":{}}"), "spec.volumes[0].secret.secretName: Required value" },
    { MOUNTS("", "{\"name\":\"v\",\"configMap\":{\"name\":\"c\",\"items\":[{\"key\":\"k\",\"path\":\"../x\"}]}}"),
      "spec.volumes[0].configMap.items[0].path: Invalid value: \"../x\": must be a relative path without \"..\"" },
    { FILES("\"fieldRef\":{\"fieldPath\":\"metadata.labels\"}"), NULL },
    { FILES("\"fieldRef\":{\"fieldPath\":\"status.podIP\"}"),
      "spec.volumes[0].downwardAPI.items[0].fieldRef.fieldPath: Unsupported value: \"status.podIP\": it is for environment variables "
      "only" },
    { FILES("\"resourceFieldRef\":{\"resource\":\"limits.cpu\"}"),
      "spec.volumes[0].downwardAPI.items[0].resourceFieldRef.containerName: Required value" },
    /* resources */
    { RES("{\"requests\":{\"cpu\":\"2\"},\"limits\":{\"cpu\":\"1500m\"}}"),
      "spec.containers[0].resources.requests: Invalid value: \"2\": must be less than or equal to cpu limit of 1500m" },
    { RES("{\"requests\":{\"memory\":\"64Mi\"},\"limits\":{\"memory\":\"67108864\"}}"), NULL },
    { RES("{\"limits\":{\"cpu\":\"-1\"}}"),
      "spec.containers[0].resources.limits[cpu]: Invalid value: \"-1\": must be a quantity, as 500m or 128Mi, not below 0" },
    { RES("{\"limits\":{\"gpu\":\"1\"}}"),
      "spec.containers[0].resources.limits[gpu]: Invalid value: \"gpu\": must be a standard resource for containers" },
    { RES("{\"limits\":{\"hugepages-2Mi\":\"2Mi\"}}"),
      "spec.containers[0].resources.limits[hugepages-2Mi]: Forbidden: this version of Davit gives no huge pages" },
    { RES("{\"limits\":{\"e.x/d\":\"500m\"}}"), "spec.containers[0].resources.limits[e.x/d]: Invalid value: must be an integer" },
    { RES("{\"requests\":{\"e.x/d\":1}}"),
      "spec.containers[0].resources.limits: Required value: Limit must be set for non overcommitable resources" },
    { RES("{\"requests\":{\"e.x/d\":1},\"limits\":{\"e.x/d\":2}}"),
      "spec.containers[0].resources.requests: Invalid value: \"1\": must be equal to e.x/d limit of 2" },
    { RES("{\"requests\":{\"e.x/d\":2},\"limits\":{\"e.x/d\":\"2\"}}"), NULL },
};

static void what_the_api_server_refuses_is_refused_in_its_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ignored_fields ignored = { 0 };
        struct error err = { .message = "" };
        AUTO_JSON struct json *spec = json_parse(rows[i].spec, strlen(rows[i].spec), &err);
        struct pod *pod = pod_read(spec, &ignored, &err);
        bool good = (pod != NULL) == (rows[i].message == NULL);
        if (!good || (pod == NULL && strcmp(err.message, rows[i].message) != 0))
            fail_msg("%s\n  is: %s\n  not: %s", rows[i].spec, pod != NULL ? "taken" : err.message,
                     rows[i].message != NULL ? rows[i].message : "taken");
        pod_free(pod);
        ignored_free(&ignored);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(what_the_api_server_refuses_is_refused_in_its_words) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
