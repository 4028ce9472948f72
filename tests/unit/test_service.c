/* Services: what their fields mean, which pods answer for them, and what is told. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "protocol/pod_fields.h"
#include "protocol/service.h"
#include "protocol/service_fields.h"
#include "unit.h"

static struct service *service_of(const char *spec, struct error *err, size_t *ignored)
{
    struct ignored_fields fields = { 0 };
    AUTO_JSON struct json *json = json_parse(spec, strlen(spec), err);
    struct service *service = service_read(json, &fields, err);
    if (ignored != NULL)
        *ignored = fields.count;
    ignored_free(&fields);
    return service;
}

#define PODS 4

struct kit {
    struct object_id ids[PODS];
    struct pod *pods[PODS];
    struct service_pod seen[PODS];
};

/* a and b are of app web, b on another port of the same name; c is of another app; d of another namespace. */
static void kit_fill(struct kit *kit)
{
    static const char *const names[PODS] = { "a", "b", "c", "d" };
    static const char *const ports[PODS] = { "8080", "9090", "8080", "8080" };
    static const char *const addresses[PODS] = { "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5" };
    memset(kit, 0, sizeof(*kit));
    for (size_t i = 0; i < PODS; i++) {
        struct error err;
        struct ignored_fields ignored = { 0 };
        AUTO_FREE char *text = mem_printf("{\"hostname\":\"h%zu\",\"subdomain\":\"s\",\"containers\":[{\"name\":\"x\",\"image\":\"y\","
                                          "\"ports\":[{\"name\":\"http\",\"containerPort\":%s}]}]}", i, ports[i]);
        AUTO_JSON struct json *spec = json_parse(text, strlen(text), &err);
        kit->pods[i] = pod_read(spec, &ignored, &err);
        assert_non_null(kit->pods[i]);
        kit->pods[i]->labels = json_new_texts("app", i == 2 ? "other" : "web", "x", "y", NULL);
        snprintf(kit->ids[i].name, sizeof(kit->ids[i].name), "%s", names[i]);
        snprintf(kit->ids[i].namespace, sizeof(kit->ids[i].namespace), "%s", i == 3 ? "away" : "default");
        kit->seen[i] = (struct service_pod){ .id = &kit->ids[i], .pod = kit->pods[i], .ready = true,
                                             .addresses = { addresses[i], i == 0 ? "fd00::2" : NULL } };
    }
}

static void kit_free(struct kit *kit)
{
    for (size_t i = 0; i < PODS; i++)
        pod_free(kit->pods[i]);
}

static const struct object_id web = { .namespace = "default", .resource = "services", .name = "s" };

/* The rules that follow, as text. */
static char *rules_of(const char *spec, struct kit *kit, const char *given, bool six)
{
    struct error err;
    struct service *service = service_of(spec, &err, NULL);
    AUTO_JSON struct json *said = json_parse(given, strlen(given), &err);
    AUTO_JSON struct json *rules = json_new_array();
    AUTO_JSON struct json *endpoints = service_endpoints(service, "default", kit->seen, PODS, six);
    service_add_rules(&web, service, endpoints, said, rules);
    service_free(service);
    return json_print(rules);
}

#define GIVEN "{\"addresses\":[\"10.0.3.1\"],\"ports\":{}}"

static void its_ready_pods_answer_each_on_its_own_port_of_that_name(void **state)
{
    struct kit kit;
    (void)state;
    kit_fill(&kit);
    AUTO_FREE char *both = rules_of("{\"selector\":{\"app\":\"web\"},\"ports\":[{\"port\":80,\"targetPort\":\"http\"}]}", &kit, GIVEN, false);
    assert_string_equal(both, "[{\"id\":\"default/s/TCP/80\",\"protocol\":\"TCP\",\"addresses\":[\"10.0.3.1\"],\"port\":80,"
                              "\"targets\":[{\"address\":\"10.0.0.2\",\"port\":8080},{\"address\":\"10.0.0.3\",\"port\":9090}]}]");
    kit.seen[0].ready = false;
    AUTO_FREE char *one = rules_of("{\"selector\":{\"app\":\"web\",\"x\":\"y\"},\"ports\":[{\"port\":80}]}", &kit, GIVEN, false);
    assert_non_null(strstr(one, "\"targets\":[{\"address\":\"10.0.0.3\",\"port\":80}]"));
    AUTO_FREE char *all = rules_of("{\"selector\":{\"app\":\"web\"},\"publishNotReadyAddresses\":true,\"ports\":[{\"port\":80}]}", &kit,
                                   GIVEN, false);
    assert_non_null(strstr(all, "10.0.0.2"));
    kit.seen[0].over = true;
    AUTO_FREE char *over = rules_of("{\"selector\":{\"app\":\"web\"},\"publishNotReadyAddresses\":true,\"ports\":[{\"port\":80}]}", &kit,
                                    GIVEN, false);
    assert_null(strstr(over, "10.0.0.2"));
    AUTO_FREE char *none = rules_of("{\"selector\":{\"app\":\"web\",\"x\":\"z\"},\"ports\":[{\"port\":80}]}", &kit, GIVEN, false);
    assert_non_null(strstr(none, "\"targets\":[]"));
    AUTO_FREE char *unchosen = rules_of("{\"ports\":[{\"port\":80}]}", &kit, GIVEN, false);
    assert_non_null(strstr(unchosen, "\"targets\":[]"));
    AUTO_FREE char *unnamed = rules_of("{\"selector\":{\"app\":\"web\"},\"ports\":[{\"port\":80,\"targetPort\":\"nope\"}]}", &kit, GIVEN, false);
    assert_non_null(strstr(unnamed, "\"targets\":[]"));
    kit_free(&kit);
}

static void families_are_those_that_it_asks_for_as_far_as_pods_have_them(void **state)
{
    static const struct {
        const char *spec;
        bool six, v4, v6;
    } cases[] = {
        { "{}", false, true, false }, { "{}", true, true, false },
        { "{\"ipFamilyPolicy\":\"PreferDualStack\"}", false, true, false },
        { "{\"ipFamilyPolicy\":\"PreferDualStack\"}", true, true, true },
        { "{\"ipFamilyPolicy\":\"RequireDualStack\"}", true, true, true },
        { "{\"ipFamilies\":[\"IPv6\"]}", true, false, true }, { "{\"ipFamilies\":[\"IPv6\"]}", false, true, false },
        { "{\"ipFamilies\":[\"IPv6\",\"IPv4\"]}", true, false, true },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct error err;
        bool v4, v6;
        AUTO_FREE char *spec = mem_printf("{\"clusterIP\":\"None\",%s", cases[i].spec[1] == '}' ? "\"ports\":[]}" : cases[i].spec + 1);
        struct service *service = service_of(spec, &err, NULL);
        assert_non_null(service);
        service_families(service, cases[i].six, &v4, &v6);
        assert_int_equal(v4, cases[i].v4);
        assert_int_equal(v6, cases[i].v6);
        service_free(service);
    }
}

static void host_ports_are_its_own_where_nobody_else_has_them(void **state)
{
    struct kit kit;
    (void)state;
    kit_fill(&kit);
    AUTO_FREE char *node = rules_of("{\"type\":\"NodePort\",\"selector\":{\"app\":\"web\"},\"ports\":[{\"port\":80,\"nodePort\":30080}]}", &kit,
                                    "{\"addresses\":[\"10.0.3.1\"],\"ports\":{\"TCP/80\":30080},\"taken\":{}}", false);
    assert_non_null(strstr(node, "\"nodePort\":30080"));
    assert_null(strstr(node, "hostPort"));
    AUTO_FREE char *taken = rules_of("{\"type\":\"NodePort\",\"selector\":{\"app\":\"web\"},\"ports\":[{\"port\":80}]}", &kit,
                                     "{\"addresses\":[\"10.0.3.1\"],\"ports\":{\"TCP/80\":30080},\"taken\":{\"TCP/30080\":\"pod x\"}}", false);
    assert_null(strstr(taken, "nodePort"));
    AUTO_FREE char *balancer = rules_of("{\"type\":\"LoadBalancer\",\"selector\":{\"app\":\"web\"},\"ports\":[{\"port\":80,\"protocol\":\"UDP\"}]}",
                                        &kit, GIVEN, false);
    assert_non_null(strstr(balancer, "\"hostPort\":80"));
    kit_free(&kit);
}

static char *records_of(const char *spec, struct kit *kit)
{
    struct error err;
    struct service *service = service_of(spec, &err, NULL);
    AUTO_JSON struct json *given = json_parse(GIVEN, strlen(GIVEN), &err);
    AUTO_JSON struct json *records = json_new_array();
    AUTO_JSON struct json *endpoints = service_endpoints(service, "default", kit->seen, PODS, true);
    service_add_records(&web, service, endpoints, given, records);
    service_free(service);
    return json_print(records);
}

static void a_name_is_its_address_or_those_of_its_pods(void **state)
{
    struct kit kit;
    (void)state;
    kit_fill(&kit);
    AUTO_FREE char *one = records_of("{\"selector\":{\"app\":\"web\"},\"ports\":[{\"port\":80}]}", &kit);
    assert_string_equal(one, "[{\"addresses\":[\"10.0.3.1\"],\"name\":\"s.default.svc.cluster.local\"}]");
    kit.seen[1].ready = false;
    AUTO_FREE char *headless = records_of("{\"clusterIP\":\"None\",\"selector\":{\"app\":\"web\"},\"ipFamilyPolicy\":\"PreferDualStack\"}", &kit);
    assert_string_equal(headless, "[{\"addresses\":[\"10.0.0.2\",\"fd00::2\"],\"name\":\"s.default.svc.cluster.local\"},"
                                  "{\"addresses\":[\"10.0.0.2\",\"fd00::2\"],\"name\":\"h0.s.default.svc.cluster.local\"}]");
    kit_free(&kit);
}

static void what_is_wrong_is_named(void **state)
{
    static const struct {
        const char *spec, *message;
    } cases[] = {
        { "{}", "spec.ports is required" },
        { "{\"ports\":[{\"port\":0}]}", "spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive" },
        { "{\"ports\":[{\"port\":1},{\"port\":2}]}", "spec.ports[0].name is required where there are several ports" },
        { "{\"ports\":[{\"name\":\"a\",\"port\":1},{\"name\":\"a\",\"port\":2}]}", "spec.ports[1] is there twice: by its name, or by protocol and port" },
        { "{\"ports\":[{\"name\":\"a\",\"port\":1},{\"name\":\"b\",\"port\":1}]}", "spec.ports[1] is there twice: by its name, or by protocol and port" },
        { "{\"ports\":[{\"port\":1}],\"selector\":{\"a\":1}}", "spec.selector must map strings to strings" },
        { "{\"ports\":[{\"port\":1}],\"ipFamilies\":[\"IPv5\"]}", "spec.ipFamilies[0] must be IPv4 or IPv6" },
        { "{\"type\":\"ExternalName\"}", "spec.externalName must be a DNS name where type is ExternalName" },
        { "{\"type\":\"NodePort\",\"clusterIP\":\"None\",\"ports\":[{\"port\":1}]}", "spec.clusterIP may be None only where type is ClusterIP" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct error err = { .message = "" };
        assert_null(service_of(cases[i].spec, &err, NULL));
        assert_string_equal(err.message, cases[i].message);
    }
    struct error err;
    size_t ignored = 0;
    struct service *service = service_of("{\"ports\":[{\"port\":1}],\"externalIPs\":[],\"loadBalancerIP\":\"1.2.3.4\"}", &err, &ignored);
    assert_int_equal(ignored, 2);
    service_free(service);
}

static void its_status_says_who_answers_and_why_nobody_does(void **state)
{
    struct error err;
    struct kit kit;
    struct ignored_fields ignored = { 0 };
    (void)state;
    kit_fill(&kit);
    struct service *service = service_of("{\"selector\":{\"app\":\"web\"},\"ports\":[{\"port\":80,\"targetPort\":8080}]}", &err, NULL);
    AUTO_JSON struct json *given = json_parse(GIVEN, strlen(GIVEN), &err);
    struct json *endpoints = service_endpoints(service, "default", kit.seen, PODS, false);
    struct service_report report = { .id = &web, .generation = 3, .service = service, .given = given, .endpoints = endpoints,
                                     .source = "node", .ignored = &ignored };
    AUTO_JSON struct json *flat = service_state_write(&report);
    assert_string_equal(json_get_text(flat, "state"), "Running");
    assert_string_equal(json_get_text(flat, "ports"), "80/TCP");
    assert_string_equal(json_get_text(flat, "clusterIP"), "10.0.3.1");
    AUTO_JSON struct json *status = service_status_write(&report);
    AUTO_FREE char *text = json_print(status);
    assert_non_null(strstr(text, "\"ports\":[{\"port\":80,\"targetPort\":8080,\"protocol\":\"TCP\"}]"));
    assert_non_null(strstr(text, "\"pod\":\"b\",\"ready\":true"));
    assert_non_null(strstr(text, "{\"type\":\"Ready\",\"status\":\"True\",\"reason\":\"EndpointsReady\"}"));
    json_free(endpoints);
    report.endpoints = endpoints = service_endpoints(service, "empty", kit.seen, PODS, false);
    AUTO_JSON struct json *nobody = service_state_write(&report);
    assert_string_equal(json_get_text(nobody, "reason"), "NoEndpoints");
    json_free(endpoints);
    service_free(service);
    kit_free(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_ready_pods_answer_each_on_its_own_port_of_that_name),
        cmocka_unit_test(families_are_those_that_it_asks_for_as_far_as_pods_have_them),
        cmocka_unit_test(host_ports_are_its_own_where_nobody_else_has_them),
        cmocka_unit_test(a_name_is_its_address_or_those_of_its_pods),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(its_status_says_who_answers_and_why_nobody_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
