#include "config.h"

#include "unit.h"

#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/yaml.h"
#include "davit/limits.h"

#define LATE_MS 5000 /* a search for each key takes several times as long, sorting them a tenth of a second */

static const struct {
    const char *yaml;
    const char *json;
} readings[] = {
    {"", "[]"}, {"---\n", "[]"}, {"# only a comment\n", "[]"}, {"---\n---\na: 1\n---\n", "[{\"a\":1}]"},
    {"a: 1\n---\nb: 2\n...\n", "[{\"a\":1},{\"b\":2}]"}, {"\xef\xbb\xbf" "a: 1\n", "[{\"a\":1}]"},
    {"- a\n- b\n", "[[\"a\",\"b\"]]"}, {"a: {b: [1, x]}\n", "[{\"a\":{\"b\":[1,\"x\"]}}]"},
    /* booleans and null as go-yaml 2 knows them */
    {"a: [yes, No, ON, off, True, FALSE, y, N]\n", "[{\"a\":[true,false,true,false,true,false,true,false]}]"},
    {"a: [yEs, truE, nULL, none]\n", "[{\"a\":[\"yEs\",\"truE\",\"nULL\",\"none\"]}]"},
    {"a:\nb: ~\nc: null\nd: NULL\n", "[{\"a\":null,\"b\":null,\"c\":null,\"d\":null}]"},
    /* what is quoted, and what is a block, is text */
    {"a: \"yes\"\nb: '1'\nc: !!str 5\nd: ! 6\n", "[{\"a\":\"yes\",\"b\":\"1\",\"c\":\"5\",\"d\":\"6\"}]"},
    {"a: |\n  true\n  x\nb: >-\n  1\n  2\n", "[{\"a\":\"true\\nx\\n\",\"b\":\"1 2\"}]"},
    {"a: \"\\u00e9\\x41\\t\"\n", "[{\"a\":\"\xc3\xa9" "A\\t\"}]"},
    /* numbers */
    {"a: [0, -0, 12, -3, +4, 1_000]\n", "[{\"a\":[0,0,12,-3,4,1000]}]"},
    {"a: [0x1F, 0o17, 0644, 0b101, -0x10]\n", "[{\"a\":[31,15,420,5,-16]}]"},
    {"a: [089, 1.50, .5, 5., 1e3, -1.5E-3, 1.10]\n", "[{\"a\":[89,1.5,0.5,5,1000,-0.0015,1.1]}]"},
    {"a: 9007199254740992\n", "[{\"a\":9007199254740992}]"},
    /* what only looks like one is text */
    {"a: [100m, 64Mi, 1.2.3, 1.36.1-uclibc, 10.0.0.1, 0x, 0b12, '-', +, .]\n",
     "[{\"a\":[\"100m\",\"64Mi\",\"1.2.3\",\"1.36.1-uclibc\",\"10.0.0.1\",\"0x\",\"0b12\",\"-\",\"+\",\".\"]}]"},
    {"a: [2001-01-01, 12:30, 8080:80, 1e, 0xZZ, 12e3x, 1 2]\n",
     "[{\"a\":[\"2001-01-01\",\"12:30\",\"8080:80\",\"1e\",\"0xZZ\",\"12e3x\",\"1 2\"]}]"},
    {"a: [+.nan, .5_0, -., _1, 1__0]\n", "[{\"a\":[\"+.nan\",\".5_0\",\"-.\",\"_1\",10]}]"},
    /* JSON is read as JSON */
    {"{\"a\": \"yes\"}", "[{\"a\":\"yes\"}]"}, {"[1, 2]", "[[1,2]]"},
    /* a byte order mark, and more than one line */
    {"\xef\xbb\xbf" "a: 1\nb:\n  - c\n", "[{\"a\":1,\"b\":[\"c\"]}]"}, {"\xef\xbb\xbf" "{\"a\": 1}", "[{\"a\":1}]"},
    /* anchors and aliases; the last one of a name is meant */
    {"a: &x 1\n", "[{\"a\":1}]"},
    {"a: &x 1\nb: *x\nc: &x [yes, *x]\nd: {e: *x}\n", "[{\"a\":1,\"b\":1,\"c\":[true,1],\"d\":{\"e\":[true,1]}}]"},
    {"a: &x \"1\"\nb: *x\nc: &y ~\nd: *y\n", "[{\"a\":\"1\",\"b\":\"1\",\"c\":null,\"d\":null}]"},
    {"&x {a: &y b, c: *y}\n", "[{\"a\":\"b\",\"c\":\"b\"}]"},
    /* merge keys: what stands there goes before, then the first */
    {"a: &x {b: 1, c: 2}\nd: {<<: *x, b: 3}\n", "[{\"a\":{\"b\":1,\"c\":2},\"d\":{\"b\":3,\"c\":2}}]"},
    {"a: &x {b: 1}\nc: &y {b: 2, d: 3}\ne: {f: 4, <<: [*x, *y]}\n",
     "[{\"a\":{\"b\":1},\"c\":{\"b\":2,\"d\":3},\"e\":{\"f\":4,\"b\":1,\"d\":3}}]"},
    {"a: &x {b: 1}\nc: &y {<<: *x, d: 2}\ne: {<<: *y}\n", "[{\"a\":{\"b\":1},\"c\":{\"d\":2,\"b\":1},\"e\":{\"d\":2,\"b\":1}}]"},
    {"\"<<\": 1\n<<: {}\n", "[{\"<<\":1}]"},
    {"\"true\": 1\n\"5\": 2\n", "[{\"true\":1,\"5\":2}]"},
};

static const struct {
    const char *yaml;
    const char *place;
} refusals[] = {
    {"b: *x\n", "line 1, column 4: an alias of an anchor that is not there"},
    {"a: &x 1\n---\nb: *x\n", "line 3, column 4: an alias of an anchor that is not there"},
    {"a: &x [*x]\n", "line 1, column 8: an alias of an anchor that is not there"},
    {"a: &x b\n*x : 1\n", "line 2, column 1: a key that is an alias"},
    {"a: 1\n<<: 1\n", "a merge key's value must be a mapping"},
    {"a: 1\n<<: [{b: 1}, [{c: 1}]]\n", "a merge key's value must be a mapping"},
    {"a: 1\na: 2\n<<: {a: 3}\n", "line 2, column 1: a key stands here for the second time"},
    {"\xff\xfe" "a", "UTF-16"},
    {"a: 1\nb: 2\na: 3\n", "line 3, column 1: a key stands here for the second time"},
    {"x:\n  a: 1\n  \"a\": 3\n", "line 3, column 3: a key stands"},
    {"1: a\n", "line 1, column 1: a key that is no string"},
    {"on: a\n", "line 1, column 1: a key that is no string"},
    {"~: a\n", "line 1, column 1: a key that is no string"},
    {"? [a]\n: 1\n", "line 1, column 3: a key that is a list"},
    {"? {a: 1}\n: 1\n", "line 1, column 3: a key that is a list or a mapping"},
    {"a: !!binary aGk=\n", "line 1, column 4: a tag"},
    {"a: !mine x\n", "line 1, column 4: a tag"},
    {"a: !mine {b: 1}\n", "line 1, column 4: a tag"},
    {"a: !!set {b}\n", "line 1, column 4: a tag"},
    {"a: .inf\n", "line 1, column 4: infinity"},
    {"a: -.INF\n", "line 1, column 4: infinity"},
    {"a: +.Inf\n", "line 1, column 4: infinity"},
    {"a: .nan\n", "line 1, column 4: infinity"},
    {"a:\n  - 1e400\n", "line 2, column 5: out of"},
    {"a: 9007199254740993\n", "line 1, column 4: an integer"},
    {"a: 0xFFFFFFFFFFFFFFFFFF\n", "line 1, column 4: an integer"},
    {"a: 0777777777777777777777\n", "line 1, column 4: an integer"},
    {"a: 0.1000000000000000055\n", "line 1, column 4: more digits"},
    {"a: \"x\\0y\"\n", "line 1, column 4: a NUL"},
    {"a: b: c\n", "line 1"},
    {"a:\n\t- b\n", "line 2"},
    {"a: [1, 2\n", "line 2"},
    {"a: \"x\n", "line 2"},
    {"a: 1\n b: 2\n", "line 2"},
    {"%YAML 3.0\n---\na: 1\n", "line 1"},
    {"a: @x\n", "line 1"},
    {"a: \xff\xfe\n", "byte 3"},
    {"a: \x01\n", "control characters"},
    {"{\"a\": 1, \"a\": 2}", "byte 9"},
    {"{a: 1}", "byte 1"},
};

static char *yaml_as_json(const char *text, struct error *err)
{
    char *exact = mem_alloc(strlen(text)); /* so that a read behind the end is seen */

    memcpy(exact, text, strlen(text));
    AUTO_JSON struct json *json = yaml_parse(exact, strlen(text), err);
    free(exact);
    return json != NULL ? json_print(json) : NULL;
}

static void yaml_is_read_as_kubectl_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(readings) / sizeof(readings[0]); i++) {
        struct error err = {0};
        AUTO_FREE char *json = yaml_as_json(readings[i].yaml, &err);
        if (json == NULL)
            fail_msg("%s: %s", readings[i].yaml, err.message);
        assert_string_equal(json, readings[i].json);
    }
}

static void wrong_yaml_is_refused_with_its_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        struct error err = {0};
        AUTO_FREE char *json = yaml_as_json(refusals[i].yaml, &err);
        if (json != NULL)
            fail_msg("%s was read as %s", refusals[i].yaml, json);
        if (strstr(err.message, refusals[i].place) == NULL)
            fail_msg("%s: \"%s\" does not say \"%s\"", refusals[i].yaml, err.message, refusals[i].place);
    }
}

static void a_pod_manifest_is_read_whole(void **state)
{
    static const char manifest[] = "apiVersion: v1\n"
                                   "kind: Pod\n"
                                   "metadata:\n"
                                   "  name: web   # the name\n"
                                   "  labels: {app: web, \"tier\": \"1\"}\n"
                                   "spec:\n"
                                   "  restartPolicy: OnFailure\n"
                                   "  hostNetwork: no\n"
                                   "  containers:\n"
                                   "  - name: main\n"
                                   "    image: registry.local:5000/web:1.10\n"
                                   "    command: [\"sh\", \"-c\"]\n"
                                   "    args:\n"
                                   "    - |\n"
                                   "      while :; do\n"
                                   "        echo \"hi: there\"\n"
                                   "      done\n"
                                   "    env:\n"
                                   "    - name: ON\n"
                                   "      value: \"on\"\n"
                                   "    resources:\n"
                                   "      limits: {cpu: 250m, memory: 64Mi}\n"
                                   "    volumeMounts:\n"
                                   "    - {mountPath: /data, name: data, readOnly: true}\n"
                                   "  volumes:\n"
                                   "  - name: data\n"
                                   "    configMap:\n"
                                   "      name: web\n"
                                   "      defaultMode: 0400\n"
                                   "---\n"
                                   "apiVersion: v1\n"
                                   "kind: ConfigMap\n"
                                   "metadata:\n"
                                   "  name: web\n"
                                   "data:\n"
                                   "  config.ini: |+\n"
                                   "    [a]\n"
                                   "    b=1\n"
                                   "\n"
                                   "  empty: \"\"\n";
    struct error err = {0};
    AUTO_FREE char *json = yaml_as_json(manifest, &err);

    (void)state;
    if (json == NULL)
        fail_msg("%s", err.message);
    assert_string_equal(
        json, "[{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"web\",\"labels\":{\"app\":\"web\","
              "\"tier\":\"1\"}},\"spec\":{\"restartPolicy\":\"OnFailure\",\"hostNetwork\":false,\"containers\":[{"
              "\"name\":\"main\",\"image\":\"registry.local:5000/web:1.10\",\"command\":[\"sh\",\"-c\"],\"args\":["
              "\"while :; do\\n  echo \\\"hi: there\\\"\\ndone\\n\"],\"env\":[{\"name\":true,\"value\":\"on\"}],"
              "\"resources\":{\"limits\":{\"cpu\":\"250m\",\"memory\":\"64Mi\"}},\"volumeMounts\":[{\"mountPath\":"
              "\"/data\",\"name\":\"data\",\"readOnly\":true}]}],\"volumes\":[{\"name\":\"data\",\"configMap\":{"
              "\"name\":\"web\",\"defaultMode\":256}}]}},{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{"
              "\"name\":\"web\"},\"data\":{\"config.ini\":\"[a]\\nb=1\\n\\n\",\"empty\":\"\"}}]");
}

static void depth_ends_at_the_limit(void **state)
{
    struct error err = {0};
    char text[4 + 2 * (LIMIT_JSON_DEPTH + 1)] = "a: ";

    (void)state;
    memset(text + 3, '[', LIMIT_JSON_DEPTH - 1);
    memset(text + 3 + LIMIT_JSON_DEPTH - 1, ']', LIMIT_JSON_DEPTH - 1);
    AUTO_FREE char *json = yaml_as_json(text, &err);
    assert_non_null(json);
    memset(text + 3, '[', LIMIT_JSON_DEPTH);
    memset(text + 3 + LIMIT_JSON_DEPTH, ']', LIMIT_JSON_DEPTH);
    assert_null(yaml_as_json(text, &err));
    assert_int_equal(err.code, ERROR_LIMIT);
}

static void many_keys_are_checked_in_time(void **state)
{
    struct strbuf buf;
    struct error err = {0};

    (void)state;
    strbuf_init(&buf, LIMIT_DOCUMENT_BYTES);
    for (int i = 0; i < 60000; i++)
        strbuf_printf(&buf, "k%d: %d\n", i, i);
    strbuf_add(&buf, "k30000: again\n");
    uint64_t start_ms = clock_boot_ms();
    assert_null(yaml_parse(buf.data, buf.len, &err));
    assert_true(clock_boot_ms() - start_ms < LATE_MS);
    assert_non_null(strstr(err.message, "line 60001, column 1: a key stands"));
    strbuf_free(&buf);
}

/* Each line is `times` aliases of the one before. */
static struct json *laugh(int lines, int times, struct error *err)
{
    struct strbuf buf;

    strbuf_init(&buf, LIMIT_DOCUMENT_BYTES);
    strbuf_add(&buf, "a0: &a0 [laugh]\n");
    for (int line = 1; line <= lines; line++) {
        strbuf_printf(&buf, "a%d: &a%d [", line, line);
        for (int i = 0; i < times; i++)
            strbuf_printf(&buf, "*a%d,", line - 1);
        strbuf_add(&buf, "]\n");
    }
    struct json *json = yaml_parse(buf.data, buf.len, err);
    strbuf_free(&buf);
    return json;
}

static void aliases_of_aliases_end_at_a_limit(void **state)
{
    struct error err = {0};

    (void)state;
    uint64_t start_ms = clock_boot_ms();
    assert_null(laugh(20, 10, &err));
    assert_non_null(strstr(err.message, "aliases that make more of this than 16 MiB"));
    assert_null(laugh(LIMIT_JSON_DEPTH, 1, &err));
    assert_non_null(strstr(err.message, "aliases that are nested too deep"));
    assert_true(clock_boot_ms() - start_ms < LATE_MS);
    struct json *json = laugh(LIMIT_JSON_DEPTH - 2, 1, &err);
    assert_non_null(json);
    json_free(json);
}

static void a_merge_of_many_keys_is_refused(void **state)
{
    struct strbuf buf;
    struct error err = {0};

    (void)state;
    strbuf_init(&buf, LIMIT_DOCUMENT_BYTES);
    strbuf_add(&buf, "a: &a\n");
    for (int i = 0; i < 257; i++)
        strbuf_printf(&buf, "  k%d: %d\n", i, i);
    strbuf_add(&buf, "b: {<<: *a}\n");
    assert_null(yaml_parse(buf.data, buf.len, &err));
    assert_non_null(strstr(err.message, "with more than 256 keys"));
    strbuf_free(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(yaml_is_read_as_kubectl_does),
        cmocka_unit_test(wrong_yaml_is_refused_with_its_place),
        cmocka_unit_test(a_pod_manifest_is_read_whole),
        cmocka_unit_test(depth_ends_at_the_limit),
        cmocka_unit_test(many_keys_are_checked_in_time),
        cmocka_unit_test(aliases_of_aliases_end_at_a_limit),
        cmocka_unit_test(a_merge_of_many_keys_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
