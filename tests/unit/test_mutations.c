/* Topics, requests and documents that a hostile sender bends: a corpus of good and nearly good ones, changed at random from
 * fixed seeds. Nothing crashes (the sanitizers watch), and what is taken keeps what the protocol promises.
 * DAVIT_MUTATIONS=N: so many of each, for the long form.
 */
#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/yaml.h"
#include "protocol/bundle.h"
#include "protocol/desired_node.h"
#include "protocol/document.h"
#include "protocol/names.h"
#include "protocol/request.h"
#include "protocol/topic.h"
#include "unit.h"

#define RUNS 4000
#define BYTES_MAX 4096
#define OWN "davit/nodes/press-7/"
#define REPLY OWN "response/anna/"

static uint64_t seed;

static size_t below(size_t limit)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return limit > 0 ? seed % limit : 0;
}

static long runs(void)
{
    const char *said = getenv("DAVIT_MUTATIONS");
    return said != NULL ? strtol(said, NULL, 10) : RUNS;
}

/* Pieces that mean something to the readers. */
static const char *const pieces[] = {
    "{", "}", "[", "]", "\"", ":", ",", "/", "//", "+", "#", "..", "null", "true", "-1", "1e999", "9007199254740993", "0", "\\u0000",
    "\\ud800", "\xff", "\xc0\x80", "\xe2\x82", "\n", "davit/generation", "\"id\":", "\"kind\":", "\"spec\":{", "\"metadata\":", "desired",
    "request", "containers", "deletionTimestamp", "replyTo", REPLY, "nodes", "groups", "apps", "virtualmachines", "  ",
};

/* One change: a byte, a piece put in, a range left out or said twice. */
static void change(char *text, size_t *len)
{
    size_t at = below(*len + 1), count = below(*len - at + 1);
    const char *piece = pieces[below(sizeof(pieces) / sizeof(pieces[0]))];
    size_t added = strlen(piece);
    switch (below(4)) {
    case 0:
        if (at < *len)
            text[at] = (char)below(256);
        break;
    case 1:
        if (*len + added <= BYTES_MAX) {
            memmove(text + at + added, text + at, *len - at);
            memcpy(text + at, piece, added);
            *len += added;
        }
        break;
    case 2:
        memmove(text + at, text + at + count, *len - at - count);
        *len -= count;
        break;
    default:
        if (*len + count <= BYTES_MAX) {
            memmove(text + at + count, text + at, *len - at);
            *len += count;
        }
    }
    text[*len] = '\0';
}

/* In memory of exactly its size, so that a look behind its end is seen. The caller frees. */
static char *mutated(const char *from, size_t *len)
{
    char text[BYTES_MAX + 1];
    *len = strlen(from);
    memcpy(text, from, *len + 1);
    for (size_t changes = 1 + below(6); changes > 0; changes--)
        change(text, len);
    return mem_dup(text, *len + 1);
}

static void each(const char *const *corpus, size_t count, void (*try)(const char *text, size_t len))
{
    seed = 0x9e3779b97f4a7c15;
    for (size_t i = 0; i < count; i++)
        try(corpus[i], strlen(corpus[i]));
    for (long i = 0; i < runs(); i++) {
        size_t len;
        AUTO_FREE char *text = mutated(corpus[below(count)], &len);
        try(text, len);
    }
}

static void try_topic(const char *text, size_t len)
{
    (void)len;
    struct topic topic;
    struct error err = { .message = "" };
    if (!topic_parse("davit", "press-7", text, &topic, &err)) {
        assert_string_not_equal(err.message, "");
        return;
    }
    if (topic.kind == TOPIC_REQUEST)
        assert_true(name_is_label(topic.verb) && name_is_user(topic.who));
    if (topic.kind != TOPIC_DESIRED_OBJECT)
        return;
    assert_true(name_is_label(topic.id.namespace) && name_is_subdomain(topic.id.name));
    AUTO_FREE char *again = topic_desired("davit", "press-7", topic.group, &topic.id);
    assert_string_equal(again, text);
}

static void topics(void **state)
{
    (void)state;
    static const char *const corpus[] = {
        OWN "desired/default/pods/hello", OWN "desired", OWN "desired/node", OWN "sync", OWN "presence", OWN "request/exec/anna",
        OWN "request/ping/a.b@c:d", "davit/groups/all/desired/default/apps/historian", "davit/groups/line-3/desired/ns/vms/a.b.c",
        "davit/nodes/other/desired/default/pods/hello", "davit", "", "$SYS/broker",
    };
    each(corpus, sizeof(corpus) / sizeof(corpus[0]), try_topic);
}

static void try_request(const char *text, size_t len)
{
    struct request_message message = { .root = "davit", .node = "press-7", .verb = "exec", .who = "anna", .payload = text, .len = len,
                                       .expiry_s = -1, .wall_ms = 1795410958000 };
    struct request request;
    struct refusal refusal = { .message = "" };
    bool good = request_read(&message, &request, &refusal);
    assert_non_null(request.args);
    /* The one thing that must never be: an answer elsewhere. */
    if (request.reply != NULL)
        assert_true(strncmp(request.reply, REPLY, strlen(REPLY)) == 0 && strpbrk(request.reply, "+#") == NULL);
    if (good) {
        assert_non_null(request.reply);
        assert_true(request.object.name[0] == '\0' || name_is_subdomain(request.object.name));
        assert_true(request.object.name[0] == '\0' || name_is_label(request.object.namespace));
        assert_true(request.key[0] == '\0' || strncmp(request.key, "anna/", 5) == 0);
    } else {
        assert_string_not_equal(refusal.reason, "");
    }
    request_free(&request);
}

static void requests(void **state)
{
    (void)state;
    static const char *const corpus[] = {
        "pods/historian", "historian", "", "vm/hmi", "{\"id\":17,\"pod\":\"historian\"}",
        "{\"id\":\"a-1\",\"object\":\"ds/x\",\"namespace\":\"ns\",\"command\":[\"sh\",\"-c\",\"true\"],\"timeoutSeconds\":5}",
        "{\"id\":\"1\",\"replyTo\":\"" REPLY "deep/er\",\"expires\":1795410959000}", "{\"id\":\"7\",\"ack\":3,\"again\":true}",
        "{\"id\":\"7\",\"seq\":1,\"stdinBase64\":\"AAECAw==\",\"eof\":true,\"resize\":[80,24]}",
        "{\"id\":\"8\",\"stream\":true,\"pod\":\"a\",\"follow\":true}", "{\"id\":\"9\",\"replyTo\":\"davit/nodes/other/desired\"}",
    };
    each(corpus, sizeof(corpus) / sizeof(corpus[0]), try_request);
}

static void try_document(const char *text, size_t len)
{
    static const struct object_id app = { .namespace = "default", .resource = "apps", .name = "web" };
    const struct object_id *ids[] = { NULL, &app };
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        struct document document, again;
        struct refusal refusal = { .message = "" }, second;
        if (!document_read(ids[i], text, len, &document, &refusal)) {
            assert_string_not_equal(refusal.reason, "");
            continue;
        }
        assert_true(name_is_subdomain(document.id.name) && name_is_label(document.id.namespace));
        assert_true(!document.has_generation || (document.generation >= 0 && document.generation <= INT64_C(1) << 53));
        /* What is kept of it on the disk is the same document. */
        if (!document_read(ids[i], document.text, strlen(document.text), &again, &second))
            fail_msg("%s: was taken, and is %s: %s", document.text, second.reason, second.message);
        assert_string_equal(again.content, document.content);
        assert_string_equal(again.hash, document.hash);
        document_free(&again);
        document_free(&document);
    }
}

static void documents(void **state)
{
    (void)state;
    static const char *const corpus[] = {
        "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"web\",\"annotations\":{\"davit/generation\":\"17\"}},\"spec\":{\"containers\":"
        "[{\"name\":\"m\",\"image\":\"demo:1\",\"env\":[{\"name\":\"A\",\"value\":\"$(B)\"}],\"ports\":[{\"containerPort\":80}],\"resources\":{\"limits\":"
        "{\"memory\":\"64Mi\",\"cpu\":\"250m\"}},\"livenessProbe\":{\"httpGet\":{\"port\":80}},\"volumeMounts\":[{\"name\":\"v\",\"mountPath\":\"/v\"}]}],"
        "\"volumes\":[{\"name\":\"v\",\"emptyDir\":{}}]}}",
        "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"web\"},\"spec\":{\"replicas\":2,\"selector\":{\"matchLabels\":{\"a\":\"b\"}},"
        "\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":[{\"name\":\"m\",\"image\":\"demo:1\"}]}}}}",
        "{\"apiVersion\":\"batch/v1\",\"kind\":\"CronJob\",\"metadata\":{\"name\":\"web\"},\"spec\":{\"schedule\":\"*/5 1-3 * * 1,2\",\"timeZone\":\"Etc/UTC\","
        "\"jobTemplate\":{\"spec\":{\"template\":{\"spec\":{\"restartPolicy\":\"Never\",\"containers\":[{\"name\":\"m\",\"image\":\"demo:1\"}]}}}}}}",
        "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"web\"},\"spec\":{\"selector\":{\"a\":\"b\"},\"ports\":[{\"port\":80,\"targetPort\":\"http\"}]}}",
        "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"web\"},\"data\":{\"a\":\"AAEC\"},\"stringData\":{\"b\":\"c\"}}",
        "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"web\"},\"data\":{\"a\":\"b\"},\"binaryData\":{\"c\":\"AAEC\"}}",
        "{\"apiVersion\":\"v1\",\"kind\":\"PersistentVolumeClaim\",\"metadata\":{\"name\":\"web\"},\"spec\":{\"accessModes\":[\"ReadWriteOnce\"],\"resources\":"
        "{\"requests\":{\"storage\":\"1Gi\"}}}}",
        "{\"apiVersion\":\"kubevirt.io/v1\",\"kind\":\"VirtualMachine\",\"metadata\":{\"name\":\"web\"},\"spec\":{\"runStrategy\":\"Always\",\"template\":{\"spec\":"
        "{\"domain\":{\"devices\":{\"disks\":[{\"name\":\"d\",\"disk\":{\"bus\":\"virtio\"}}]},\"memory\":{\"guest\":\"64Mi\"}},\"volumes\":[{\"name\":\"d\","
        "\"containerDisk\":{\"image\":\"demo:1\"}}]}}}}",
        "{\"image\":\"influxdb:2.7\",\"ports\":[\"8086:8086\"],\"volumes\":[\"hist:/var/lib\"],\"memory\":\"256Mi\",\"after\":[\"vms/hmi\"],\"generation\":3}",
        "{\"apiVersion\":\"davit/v1\",\"kind\":\"App\",\"metadata\":{\"name\":\"web\"},\"spec\":{\"image\":\"a:1\",\"health\":\"http://:80/x\",\"env\":{\"A\":\"b\"}}}",
        "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"web\",\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"}}",
    };
    each(corpus, sizeof(corpus) / sizeof(corpus[0]), try_document);
}

/* A copy in which the node number *at, counted as they are met, is something else. */
static struct json *bent(const struct json *from, long *at, const char *other)
{
    struct error err;
    if ((*at)-- == 0)
        return json_parse(other, strlen(other), &err);
    if (json_type(from) != JSON_OBJECT && json_type(from) != JSON_ARRAY)
        return json_copy(from);
    struct json *copy = json_type(from) == JSON_OBJECT ? json_new_object() : json_new_array();
    JSON_EACH(child, from) {
        struct json *part = bent(child, at, other);
        if (json_type(from) == JSON_OBJECT)
            json_set(copy, json_key(child), part);
        else
            json_add(copy, part);
    }
    return copy;
}

static void try_bundle(const char *text, size_t len)
{
    struct document document, item;
    struct refusal refusal = { .message = "" };
    if (!bundle_read(text, len, &document, &refusal))
        return;
    size_t index = 0;
    JSON_EACH(one, document.data) {
        if (bundle_read_item(one, ++index, LIMIT_DOCUMENT_BYTES, &item, &refusal))
            document_free(&item);
    }
    document_free(&document);
}

static void try_node(const char *text, size_t len)
{
    struct document document;
    struct desired_node node;
    struct refusal refusal = { .message = "" };
    if (!desired_node_read("press-7", text, len, &document, &refusal))
        return;
    if (document.data != NULL) {
        desired_node_take(document.data, &node);
        desired_node_free(&node);
    }
    document_free(&document);
}

/* Each node of it in the place of others: what a person types wrong, and what no byte turns into by chance. */
static void bend(const struct json *json, void (*try)(const char *text, size_t len))
{
    static const char *const others[] = { "[\"a\"]", "[[\"a\"]]", "[null]", "[{\"a\":1}]", "{\"a\":1}", "{\"a\":null}", "{}", "[]", "\"x\"",
                                          "7", "null", "true" };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        for (long nodes = 0, at = 0; at == 0; nodes++) {
            long left = nodes;
            AUTO_JSON struct json *copy = bent(json, &left, others[i]);
            AUTO_FREE char *text = json_print(copy);
            try(text, strlen(text));
            at = left < 0 ? 0 : 1; /* there was no such node */
        }
}

static size_t bend_file(const char *folder, const char *name)
{
    AUTO_FREE char *path = mem_printf("%s/%s", folder, name);
    AUTO_FREE char *text = NULL;
    size_t len = 0, count = 0;
    struct error err;
    if (!file_read(path, LIMIT_MANIFEST_BYTES, &text, &len, &err))
        fail_msg("%s", err.message);
    AUTO_JSON struct json *documents = yaml_parse(text, len, &err);
    JSON_EACH(document, documents) {
        count += json_get(document, "kind") != NULL;
        if (json_get(document, "kind") != NULL)
            bend(document, try_document);
    }
    return count;
}

static int is_yaml(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    return dot != NULL && strcmp(dot, ".yaml") == 0;
}

static void documents_with_other_things_in_them(void **state)
{
    static const char *const folders[] = { "examples", "tests/flow/manifests", "tests/flow/kubevirt" };
    const char *sources = getenv("srcdir");
    size_t count = 0;
    (void)state;
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        AUTO_FREE char *folder = mem_printf("%s/%s", sources != NULL ? sources : ".", folders[i]);
        struct dirent **entries = NULL;
        int found = scandir(folder, &entries, is_yaml, alphasort);
        for (int j = 0; j < found; j++) {
            count += bend_file(folder, entries[j]->d_name);
            free(entries[j]);
        }
        free(entries);
    }
    assert_in_range(count, 100, 10000);
    static const char node[] = "{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"press-7\",\"labels\":{\"a\":\"b\"},\"annotations\":"
                               "{\"davit/groups\":\"x,y\",\"davit/generation\":\"3\"}},\"spec\":{\"unschedulable\":true,\"taints\":[{\"key\":\"k\","
                               "\"value\":\"v\",\"effect\":\"NoExecute\"}]}}";
    static const char bundle[] = "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"metadata\":{\"annotations\":{\"davit/generation\":\"3\"}},\"items\":[{"
                                 "\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"c\"},\"data\":{\"a\":\"b\"}}]}";
    struct error err;
    AUTO_JSON struct json *one = json_parse(node, strlen(node), &err);
    AUTO_JSON struct json *list = json_parse(bundle, strlen(bundle), &err);
    bend(one, try_node);
    bend(list, try_bundle);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(topics), cmocka_unit_test(requests), cmocka_unit_test(documents),
                                        cmocka_unit_test(documents_with_other_things_in_them) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
