/* Topics to words, and back. */
#include <stdio.h>
#include <string.h>

#include "unit.h"

#include "base/memory.h"
#include "protocol/topic.h"

#define ROOT "acme/davit"
#define NODE "press-7"
#define OWN ROOT "/nodes/" NODE

static const struct object_id hello = { .namespace = "default", .resource = "pods", .name = "hello" };

static enum topic_kind kind_of(const char *text)
{
    struct topic topic;
    struct error err = { 0 };
    if (!topic_parse(ROOT, NODE, text, &topic, &err))
        fail_msg("%s: %s", text, err.message);
    return topic.kind;
}

static void every_topic_of_the_node_is_known(void **state)
{
    (void)state;
    assert_int_equal(kind_of(OWN "/desired/default/pods/hello"), TOPIC_DESIRED_OBJECT);
    assert_int_equal(kind_of(OWN "/desired"), TOPIC_DESIRED_BUNDLE);
    assert_int_equal(kind_of(OWN "/desired/node"), TOPIC_DESIRED_NODE);
    assert_int_equal(kind_of(OWN "/sync"), TOPIC_SYNC);
    assert_int_equal(kind_of(OWN "/presence"), TOPIC_PRESENCE);
    assert_int_equal(kind_of(ROOT "/groups/line-3/desired/default/pods/hello"), TOPIC_DESIRED_OBJECT);
}

static void what_is_for_others_is_ignored(void **state)
{
    (void)state;
    static const char *const others[] = {
        "", "/", "davit", ROOT, ROOT "/", ROOT "/nodes", ROOT "/nodes/", ROOT "/nodes/press-7x/desired/default/pods/a",
        ROOT "/nodes/press/desired/default/pods/a", ROOT "/nodes/press-8/sync", ROOT "x/nodes/press-7/sync",
        "davit/nodes/press-7/sync", OWN, OWN "/", OWN "/desiredx", OWN "/desiredx/default/pods/a", OWN "/state",
        OWN "/status/default/pods/hello", OWN "/sync/", OWN "/presence/x", OWN "/Sync", "x/" OWN "/sync",
        ROOT "/groups/line-3", ROOT "/groups/line-3/sync", ROOT "/groups/line-3/desired", "$SYS/broker/uptime",
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (kind_of(others[i]) != TOPIC_OTHER)
            fail_msg("\"%s\" was taken", others[i]);
}

static void addresses_that_cannot_be_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        OWN "/desired/", OWN "/desired/default", OWN "/desired/default/pods", OWN "/desired/default/pods/",
        OWN "/desired//pods/hello", OWN "/desired/default//hello", OWN "/desired/default/pods/a/b",
        OWN "/desired/default/pods/hello/", OWN "/desired/+/pods/hello", OWN "/desired/default/+/hello",
        OWN "/desired/default/pods/+", OWN "/desired/default/pods/#", OWN "/desired/#",
        OWN "/desired/Default/pods/hello", OWN "/desired/default/pods/Hello", OWN "/desired/default/pods/a b",
        OWN "/desired/default/pod/hello", OWN "/desired/default/widgets/hello", OWN "/desired/node/",
        OWN "/desired/a.b/pods/hello", OWN "/desired/default/pods/..", OWN "/desired/../pods/hello",
        ROOT "/groups//desired/default/pods/hello", ROOT "/groups/+/desired/default/pods/hello",
        ROOT "/groups/nodes/desired/default/pods/hello", ROOT "/groups/line-3/desired/node",
        ROOT "/groups/line-3/desired/",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct topic topic;
        struct error err = { 0 };
        if (topic_parse(ROOT, NODE, bad[i], &topic, &err))
            fail_msg("\"%s\" was taken as %d", bad[i], (int)topic.kind);
        assert_string_not_equal(err.message, "");
    }
}

static void long_levels_are_refused_whole(void **state)
{
    (void)state;
    AUTO_FREE char *tail = mem_alloc(70000);
    memset(tail, 'a', 69999);
    const char *const patterns[] = { OWN "/desired/%s/pods/hello", OWN "/desired/default/%s/hello",
                                     OWN "/desired/default/pods/%s", ROOT "/groups/%s/desired/default/pods/hello" };
    static const size_t lengths[] = { 64, 254, 255, 69999 };
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < 4; j++) {
            AUTO_FREE char *level = mem_strndup(tail, lengths[j]);
            AUTO_FREE char *before = mem_strndup(patterns[i], (size_t)(strchr(patterns[i], '%') - patterns[i]));
            AUTO_FREE char *text = mem_printf("%s%s%s", before, level, strchr(patterns[i], '%') + 2);
            struct topic topic;
            struct error err = { 0 };
            assert_false(topic_parse(ROOT, NODE, text, &topic, &err));
        }
}

static void an_object_topic_reads_as_it_was_built(void **state)
{
    (void)state;
    static const char *const groups[] = { NULL, "", "line-3", "all" };
    struct object_id id = { .namespace = "plant", .resource = "virtualmachines" };
    memset(id.name, 'a', LIMIT_LABEL_BYTES);
    strncat(id.name, ".b", sizeof(id.name) - strlen(id.name) - 1);
    for (size_t i = 0; i < 4; i++) {
        AUTO_FREE char *text = topic_desired(ROOT, NODE, groups[i], &id);
        struct topic topic;
        struct error err;
        assert_true(topic_parse(ROOT, NODE, text, &topic, &err));
        assert_int_equal(topic.kind, TOPIC_DESIRED_OBJECT);
        assert_string_equal(topic.group, groups[i] != NULL ? groups[i] : "");
        assert_memory_equal(&topic.id, &id, sizeof(id)); /* it is a key: all bytes count */
    }
    AUTO_FREE char *own = topic_desired(ROOT, NODE, NULL, &hello);
    assert_string_equal(own, OWN "/desired/default/pods/hello");
    AUTO_FREE char *group = topic_desired(ROOT, NODE, "line-3", &hello);
    assert_string_equal(group, ROOT "/groups/line-3/desired/default/pods/hello");
}

static void topics_of_nodes_read_as_they_were_built(void **state)
{
    (void)state;
    char node[LIMIT_NAME_BYTES + 1], word[LIMIT_LABEL_BYTES + 1];
    struct object_id id;
    bool has_id;
    AUTO_FREE char *status = topic_node(ROOT, NODE, "status", &hello);
    assert_string_equal(status, OWN "/status/default/pods/hello");
    assert_true(topic_node_parse(ROOT, status, node, word, &id, &has_id));
    assert_string_equal(node, NODE);
    assert_string_equal(word, "status");
    assert_true(has_id);
    assert_int_equal(object_id_compare(&id, &hello), 0);
    AUTO_FREE char *state_topic = topic_node(ROOT, NODE, "state", NULL);
    assert_string_equal(state_topic, OWN "/state");
    assert_true(topic_node_parse(ROOT, state_topic, node, word, &id, &has_id));
    assert_string_equal(word, "state");
    assert_false(has_id);
}

static void readers_of_many_nodes_skip_what_is_no_node_topic(void **state)
{
    (void)state;
    static const char *const bad[] = { "", ROOT, ROOT "/nodes", ROOT "/nodes/", ROOT "/nodes/press-7", ROOT "/nodes//state",
                                       ROOT "/nodes/press-7/", ROOT "/groups/a/state", "other/nodes/press-7/state",
                                       OWN "/status/default/pods", OWN "/status/default/pods/hello/x",
                                       OWN "/status/default/widgets/x", OWN "/status/default/pods/X" };
    char node[LIMIT_NAME_BYTES + 1], word[LIMIT_LABEL_BYTES + 1];
    struct object_id id;
    bool has_id;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (topic_node_parse(ROOT, bad[i], node, word, &id, &has_id))
            fail_msg("\"%s\" was taken", bad[i]);
    AUTO_FREE char *level = mem_alloc(1000);
    memset(level, 'a', 999);
    AUTO_FREE char *long_node = mem_printf(ROOT "/nodes/%s/state", level);
    AUTO_FREE char *long_word = mem_printf(OWN "/%s", level);
    assert_false(topic_node_parse(ROOT, long_node, node, word, &id, &has_id));
    assert_false(topic_node_parse(ROOT, long_word, node, word, &id, &has_id));
}

static void ids_are_ordered_by_namespace_resource_name(void **state)
{
    (void)state;
    struct object_id other = hello;
    snprintf(other.name, sizeof(other.name), "%s", "world");
    assert_true(object_id_compare(&hello, &other) < 0);
    snprintf(other.resource, sizeof(other.resource), "%s", "jobs");
    assert_true(object_id_compare(&hello, &other) > 0);
    snprintf(other.namespace, sizeof(other.namespace), "%s", "a");
    assert_true(object_id_compare(&hello, &other) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_topic_of_the_node_is_known),
        cmocka_unit_test(what_is_for_others_is_ignored),
        cmocka_unit_test(addresses_that_cannot_be_are_refused),
        cmocka_unit_test(long_levels_are_refused_whole),
        cmocka_unit_test(an_object_topic_reads_as_it_was_built),
        cmocka_unit_test(topics_of_nodes_read_as_they_were_built),
        cmocka_unit_test(readers_of_many_nodes_skip_what_is_no_node_topic),
        cmocka_unit_test(ids_are_ordered_by_namespace_resource_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
