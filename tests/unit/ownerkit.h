/* Documents of owners, and what is asked of them, for the core's tests. */
#ifndef TESTS_OWNERKIT_H
#define TESTS_OWNERKIT_H

#include "corekit.h"

#define DESIRED NODE_TOPIC "/desired/default/"

static inline void want(struct corekit *kit, const char *what, const char *kind, const char *version, const char *spec)
{
    AUTO_FREE char *topic = mem_printf(DESIRED "%s", what);
    AUTO_FREE char *document = mem_printf("{\"apiVersion\":\"%s\",\"kind\":\"%s\",\"metadata\":{\"name\":\"%s\"},\"spec\":{%s}}",
                                          version, kind, strchr(what, '/') + 1, spec);
    kit_message(kit, topic, document, LIVE, NO_SEQ);
}

static inline void bury(struct corekit *kit, const char *what, const char *kind, const char *version)
{
    AUTO_FREE char *topic = mem_printf(DESIRED "%s", what);
    AUTO_FREE char *document = mem_printf("{\"apiVersion\":\"%s\",\"kind\":\"%s\",\"metadata\":{\"name\":\"%s\","
                                          "\"deletionTimestamp\":\"2026-11-23T08:17:00Z\"}}", version, kind, strchr(what, '/') + 1);
    kit_message(kit, topic, document, LIVE, NO_SEQ);
}

static inline bool told(const struct corekit *kit, const char *word, const char *what, const char *text)
{
    AUTO_FREE char *topic = mem_printf(NODE_TOPIC "/%s/default/%s", word, what);
    const char *held = kit_held(kit, topic);
    return held != NULL && strstr(held, text) != NULL;
}

#define assert_told(kit, word, what, text) \
    do { \
        AUTO_FREE char *topic_ = mem_printf(NODE_TOPIC "/%s/default/%s", word, what); \
        if (!told(kit, word, what, text)) \
            fail_msg("%s is not in %s", text, kit_held(kit, topic_)); \
    } while (0)

static inline bool is_silent(const struct corekit *kit, const char *what)
{
    AUTO_FREE char *topic = mem_printf(NODE_TOPIC "/status/default/%s", what);
    const char *held = kit_held(kit, topic);
    return held == NULL || held[0] == '\0';
}

static inline void running_are(const struct corekit *kit, const char *expected)
{
    AUTO_FREE char *names = kit_running_names(kit);
    assert_string_equal(names, expected);
}

static inline void restart_davitd(struct corekit *kit)
{
    kit_stop(kit);
    kit_start(kit);
    kit_connect(kit);
    kit_flood_over(kit);
    kit_runtime_up(kit);
}

/* Nothing survives but the disk. */
static inline void reboot(struct corekit *kit)
{
    kit_stop(kit);
    json_free(kit->instances);
    kit->instances = json_new_object();
    kit->env.boot_id = kit->env.boot_id[5] == '1' ? "boot-2" : "boot-1";
    kit->now = 100000;
    kit_start(kit);
    kit_connect(kit);
    kit_flood_over(kit);
    kit_runtime_up(kit);
}

#define KIT(test) cmocka_unit_test_setup_teardown(test, kit_setup, kit_teardown)

#endif
