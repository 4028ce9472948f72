/* Compose files and what they become, against what is recorded in tests/unit/compose; and what is refused, by name. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/yaml.h"
#include "cli/compose.h"
#include "protocol/document.h"

#define SERVICE(fields) "services:\n  web:\n    image: demo:1\n" fields

static char remarks[4096];

static const char *variable(void *ctx, const char *name)
{
    (void)ctx;
    return strcmp(name, "SET") == 0 ? "value" : strcmp(name, "EMPTY") == 0 ? "" : NULL;
}

static bool read_beside(void *ctx, const char *path, char **data, size_t *len, struct error *err)
{
    (void)ctx;
    if (strcmp(path, "./admin.txt") != 0)
        return error_set(err, ERROR_NOT_FOUND, "%s: No such file", path);
    *data = mem_strdup("swordfish\n");
    *len = strlen(*data);
    return true;
}

static bool remark(void *ctx, const char *text, struct error *err)
{
    (void)ctx, (void)err;
    size_t len = strlen(remarks);
    (void)snprintf(remarks + len, sizeof(remarks) - len, "%s\n", text);
    return true;
}

static struct json *convert(const char *text, struct error *err)
{
    const struct compose_source source = {.variable = variable, .read_file = read_beside, .remark = remark};
    AUTO_JSON struct json *documents = yaml_parse(text, strlen(text), err);
    remarks[0] = '\0';
    if (documents == NULL)
        fail_msg("%s", err->message);
    assert_true(compose_is_one(json_first(documents)));
    return compose_convert(json_first(documents), &source, err);
}

static char *recorded(const char *name)
{
    const char *sources = getenv("srcdir");
    AUTO_FREE char *path = mem_printf("%s/tests/unit/compose/%s", sources != NULL ? sources : ".", name);
    char *text = NULL;
    size_t len = 0;
    struct error err = {0};
    if (!file_read(path, 1 << 20, &text, &len, &err))
        fail_msg("%s", err.message);
    return text;
}

/* What comes out is what is recorded, and a node takes it and honours all of it. */
static void becomes(const char *yaml, const char *json)
{
    struct error err = {0};
    AUTO_FREE char *text = recorded(yaml), *golden = recorded(json);
    AUTO_JSON struct json *objects = convert(text, &err);
    if (objects == NULL)
        fail_msg("%s", err.message);
    AUTO_FREE char *made = json_print_pretty(objects);
    if (golden[0] != '\0' && golden[strlen(golden) - 1] == '\n')
        golden[strlen(golden) - 1] = '\0';
    if (strcmp(made, golden) != 0)
        printf("%s\n", made);
    assert_string_equal(made, golden);
    JSON_EACH(object, objects) {
        struct document document;
        struct refusal refusal;
        if (!document_read_json(NULL, object, &document, &refusal))
            fail_msg("%s: %s", refusal.reason, refusal.message);
        if (document.ignored.count != 0)
            fail_msg("%s is ignored", document.ignored.paths.items[0]);
        document_free(&document);
    }
}

static void a_plant(void **state)
{
    (void)state;
    becomes("plant.yaml", "plant.json");
    assert_non_null(strstr(remarks, "networks: left out"));
    assert_non_null(strstr(remarks, "services.db.networks: left out"));
}

static void hardware_and_rights(void **state)
{
    (void)state;
    becomes("device.yaml", "device.json");
    assert_string_equal(remarks, "");
}

static void is_refused(const char *text, const char *message)
{
    struct error err = {0};
    AUTO_JSON struct json *objects = convert(text, &err);
    assert_null(objects);
    if (strstr(err.message, message) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", message, err.message);
}

static void what_cannot_be_said_is_refused_by_name(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"services:\n  web: {build: .}\n", "services.web.image: is needed"},
        {"services:\n  Web: {image: a}\n", "services.Web: a name"},
        {SERVICE("    env_file: .env\n"), "services.web.env_file: Davit reads no such files"},
        {SERVICE("    enviroment: {A: b}\n"), "services.web.enviroment: no field that Davit has something for. Did you mean environment?"},
        {SERVICE("    environment: [FROM_SHELL]\n"), "services.web.environment: FROM_SHELL has no value"},
        {SERVICE("    volumes: [\"./conf:/etc/app\"]\n"), "services.web.volumes: ./conf is a path beside the Compose file"},
        {SERVICE("    volumes: [\"data:/data\"]\n"), "\"data\" is not declared in the top-level volumes"},
        {SERVICE("    volumes: [\"data\"]\n"), "\"data\" is none"},
        {SERVICE("    ports: [\"80:http\"]\n"), "services.web.ports: \"80:http\" is none"},
        {SERVICE("    ports: [\"80-82:80-81\"]\n"), "as many ports"},
        {SERVICE("    ports: [\"80:80/sctp\"]\n"), "\"sctp\" is neither tcp nor udp"},
        {SERVICE("    ports: [\"80:80\"]\n    scale: 2\n"), "2 replicas cannot have one port"},
        {SERVICE("    user: grafana\n"), "services.web.user: numbers are expected"},
        {SERVICE("    mem_limit: lots\n"), "services.web.mem_limit: a size is expected"},
        {SERVICE("    cpus: -1\n"), "services.web.cpus: a number of processors"},
        {SERVICE("    command: \"sh -c 'unclosed\"\n"), "services.web.command: a list of words"},
        {SERVICE("    healthcheck: {interval: 5s}\n"), "services.web.healthcheck: test is"},
        {SERVICE("    depends_on: [gone]\n"), "there is no service \"gone\""},
        {SERVICE("    depends_on: {web: {condition: service_healed}}\n"), "\"service_healed\" is no condition"},
        {SERVICE("    network_mode: \"service:db\"\n"), "services.web.network_mode: bridge and host"},
        {SERVICE("    configs: [gone]\n"), "\"gone\" is not declared"},
        {SERVICE("    restart: sometimes\n"), "services.web.restart"},
        {SERVICE("") "volumes:\n  data: {driver: nfs}\n", "volumes.data: Davit has no drivers"},
        {SERVICE("") "secrets:\n  s: {file: ./gone}\n", "secrets.s: ./gone: No such file"},
        {SERVICE("") "include: [other.yaml]\n", "include: Davit has nothing for it"},
        {SERVICE("    hostname: ${NAME:?give a name}\n"), "services: web: hostname: the variable NAME is not set: give a name"},
        {SERVICE("    hostname: ${NAME:-${OTHER}}\n"), "one level"},
        {SERVICE("    hostname: a$\n"), "a lone $"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        is_refused(cases[i].text, cases[i].message);
}

static void hostname_is(const char *said, const char *expected)
{
    struct error err = {0};
    AUTO_FREE char *text = mem_printf(SERVICE("    hostname: \"%s\"\n"), said);
    AUTO_JSON struct json *objects = convert(text, &err);
    if (objects == NULL)
        fail_msg("%s", err.message);
    const struct json *pod = json_get(json_get(json_get(json_first(objects), "spec"), "template"), "spec");
    assert_string_equal(json_get_text(pod, "hostname"), expected);
}

static void variables_are_resolved_as_compose_does(void **state)
{
    (void)state;
    hostname_is("a-$SET-b", "a-value-b");
    hostname_is("${SET}", "value");
    hostname_is("${UNSET-x}${EMPTY-y}${EMPTY:-z}", "xz");
    hostname_is("${SET:+x}${EMPTY:+y}${EMPTY+z}${UNSET+w}", "xz");
    hostname_is("a$$b", "a$b");
    hostname_is("a${UNSET}b", "ab");
    assert_string_equal(remarks, "the variable UNSET is not set, and taken as empty\n");
}

static void a_kubernetes_object_is_none(void **state)
{
    struct error err = {0};
    AUTO_JSON struct json *documents = yaml_parse("kind: Pod\nservices: {}\n", 23, &err);
    (void)state;
    assert_false(compose_is_one(json_first(documents)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plant),
        cmocka_unit_test(hardware_and_rights),
        cmocka_unit_test(what_cannot_be_said_is_refused_by_name),
        cmocka_unit_test(variables_are_resolved_as_compose_does),
        cmocka_unit_test(a_kubernetes_object_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
