/* Snapshots of virtual machines in the core, and the way back to one, whoever dies meanwhile. */
#include "vmkit.h"

static void a_snapshot_is_the_runtimes_and_its_answer_is_told(void **state)
{
    struct corekit *kit = *state;
    runs(kit);
    kit_settle(kit);
    assert_string_equal(ask(kit, "snapshot", "a", ",\"name\":\"before\""), "");
    snapshot_answered(kit, "\"attempt\":0,\"object\":\"default/virtualmachines/hmi\",\"do\":\"take\",\"name\":\"before\",\"freeze\":true}",
                      YES, SNAPSHOTS);
    assert_string_equal(said(kit, "a"), "{\"id\":\"a\",\"ok\":true,\"name\":\"before\",\"snapshots\":[{\"name\":\"before\",\"createdMs\":1}]}");
    assert_int_equal(kit_event_count(kit, "SnapshotTaken"), 1);
    ask(kit, "snapshot", "b", ",\"freeze\":false"); /* named by the time */
    snapshot_answered(kit, "\"name\":\"20261123-", YES, SNAPSHOTS);
    ask(kit, "snapshot", "c", ",\"do\":\"delete\",\"name\":\"before\"");
    snapshot_answered(kit, "\"do\":\"delete\",\"name\":\"before\"", YES, "{\"snapshots\":[]}");
    has(said(kit, "c"), "\"snapshots\":[]");
    ask(kit, "snapshot", "d", ",\"do\":\"list\"");
    snapshot_answered(kit, "\"do\":\"list\",\"freeze\"", YES, SNAPSHOTS);
    has(said(kit, "d"), "\"name\":\"before\"");
    assert_int_equal(kit_event_count(kit, "SnapshotTaken"), 2);
    assert_int_equal(kit_event_count(kit, "SnapshotDeleted"), 1);
}

static void what_cannot_be_is_refused(void **state)
{
    struct corekit *kit = *state;
    has(ask(kit, "snapshot", "a", ",\"name\":\"../x\""), "\"reason\":\"InvalidRequest\"");
    has(ask(kit, "snapshot", "b", ",\"do\":\"explode\",\"name\":\"x\""), "\"reason\":\"InvalidRequest\"");
    has(ask(kit, "snapshot", "c", ",\"do\":\"delete\""), "\"reason\":\"InvalidRequest\"");
    has(ask(kit, "rollback", "d", ""), "\"reason\":\"InvalidRequest\"");
    assert_false(snapshot_waits(kit));
    ask(kit, "snapshot", "e", ",\"name\":\"x\"");
    has(ask(kit, "snapshot", "f", ",\"name\":\"y\""), "\"reason\":\"Busy\"");
    has(ask(kit, "rollback", "g", ",\"name\":\"y\""), "\"reason\":\"Busy\"");
    snapshot_answered(kit, "\"take\"", "\"ok\":false,\"result\":\"invalid\",\"reason\":\"Unsupported\",\"message\":\"raw\"", NULL);
    has(said(kit, "e"), "\"reason\":\"Unsupported\",\"message\":\"raw\"");
    ask(kit, "snapshot", "h", ",\"name\":\"x\"");
    runtime_goes(kit);
    kit_settle(kit);
    has(said(kit, "h"), "\"reason\":\"Unavailable\"");
    has(ask(kit, "snapshot", "i", ",\"name\":\"x\""), "\"reason\":\"Unavailable\"");
}

/* Up to the point at which it is held off; it ran. */
static void begin_rollback(struct corekit *kit, const char *more)
{
    AUTO_FREE char *args = mem_printf(",\"name\":\"before\"%s", more);
    runs(kit);
    kit_settle(kit);
    assert_string_equal(ask(kit, "rollback", "r", args), "");
    assert_int_equal(hmi(kit)->power, POWER_AS_SAID);
    snapshot_answered(kit, "\"do\":\"list\",\"name\":\"before\"", YES, SNAPSHOTS);
    assert_int_equal(hmi(kit)->power, POWER_OFF);
    assert_string_equal(said(kit, "r"), "");
}

static void a_rollback_stops_restores_and_starts_anew(void **state)
{
    struct corekit *kit = *state;
    AUTO_FREE char *before = mem_strdup(hmi(kit)->uid);
    begin_rollback(kit, "");
    assert_false(hmi(kit)->power_force);
    assert_false(snapshot_waits(kit)); /* not while it runs */
    has(ask(kit, "start", "s", ""), "\"reason\":\"Busy\"");
    has(ask(kit, "stop", "t", ""), "\"reason\":\"Busy\"");
    has(ask(kit, "restart", "u", ""), "\"reason\":\"Busy\"");
    ended(kit, 0);
    assert_int_equal(hmi(kit)->power, POWER_OFF);
    snapshot_answered(kit, "\"do\":\"restore\",\"name\":\"before\"", YES, SNAPSHOTS);
    assert_string_equal(said(kit, "r"), "{\"id\":\"r\",\"ok\":true,\"name\":\"before\"}");
    assert_int_equal(hmi(kit)->power, POWER_AS_SAID);
    assert_string_not_equal(hmi(kit)->uid, before);
    assert_int_equal(kit_event_count(kit, "RolledBack"), 1);
    AUTO_FREE char *after = mem_strdup(hmi(kit)->uid);
    come_again(kit); /* nothing of it is left */
    assert_string_equal(hmi(kit)->uid, after);
    assert_int_equal(hmi(kit)->power, POWER_AS_SAID);
    assert_false(snapshot_waits(kit));
}

static void what_was_off_is_off_again_under_the_same_uid(void **state)
{
    struct corekit *kit = *state;
    runs(kit);
    has(ask(kit, "stop", "a", ""), YES);
    ended(kit, 0);
    AUTO_FREE char *before = mem_strdup(hmi(kit)->uid);
    ask(kit, "rollback", "r", ",\"name\":\"before\"");
    snapshot_answered(kit, "\"list\"", YES, SNAPSHOTS);
    snapshot_answered(kit, "\"restore\"", YES, NULL);
    has(said(kit, "r"), YES);
    assert_int_equal(hmi(kit)->power, POWER_OFF);
    assert_string_equal(hmi(kit)->uid, before);
    come_again(kit);
    assert_int_equal(hmi(kit)->power, POWER_OFF);
}

/* The run strategy changes meanwhile: that is of the time behind it. */
static void a_document_does_not_let_go_of_what_goes_back(void **state)
{
    struct corekit *kit = *state;
    begin_rollback(kit, "");
    set_strategy(kit, VM_MANUAL);
    kit->core->requests.powered = true; /* as by another machine */
    kit_settle(kit);
    assert_int_equal(hmi(kit)->power, POWER_OFF);
    come_again(kit);
    assert_int_equal(hmi(kit)->power, POWER_OFF);
    snapshot_answered(kit, "\"restore\"", YES, NULL);
    assert_int_equal(hmi(kit)->power, POWER_AS_SAID);
}

static void what_is_to_be_started_anew_is_in_the_same_commit(void **state)
{
    struct corekit *kit = *state;
    AUTO_FREE char *before = mem_strdup(hmi(kit)->uid);
    begin_rollback(kit, "");
    ended(kit, 0);
    int64_t id;
    AUTO_FREE char *document = call_of(kit, "snapshot", &id);
    answer(kit, id, YES, NULL);
    come_again(kit); /* that commit was its last */
    assert_false(snapshot_waits(kit));
    assert_string_not_equal(hmi(kit)->uid, before);
}

static void a_snapshot_that_is_not_there_begins_nothing(void **state)
{
    struct corekit *kit = *state;
    runs(kit);
    kit_settle(kit);
    ask(kit, "rollback", "r", ",\"name\":\"other\"");
    snapshot_answered(kit, "\"list\"", YES, SNAPSHOTS);
    has(said(kit, "r"), "\"reason\":\"NotFound\"");
    assert_int_equal(hmi(kit)->power, POWER_AS_SAID);
    come_again(kit);
    assert_int_equal(hmi(kit)->power, POWER_AS_SAID);
}

static void killed_before_it_was_on_the_disk_it_has_not_begun(void **state)
{
    struct corekit *kit = *state;
    runs(kit);
    kit_settle(kit);
    ask(kit, "rollback", "r", ",\"name\":\"before\"");
    come_again(kit);
    assert_int_equal(hmi(kit)->power, POWER_AS_SAID);
    has(said(kit, "r"), "\"reason\":\"Interrupted\"");
    assert_false(snapshot_waits(kit));
}

static void killed_while_it_stops_or_restores_the_next_davitd_goes_on(void **state)
{
    struct corekit *kit = *state;
    AUTO_FREE char *before = mem_strdup(hmi(kit)->uid);
    begin_rollback(kit, ",\"force\":true");
    for (int i = 0; i < 2; i++) {
        come_again(kit);
        assert_int_equal(hmi(kit)->power, POWER_OFF);
        assert_true(hmi(kit)->power_force);
        assert_string_equal(hmi(kit)->uid, before);
        assert_true(snapshot_waits(kit)); /* nothing of it runs in the runtime of this world */
    }
    snapshot_answered(kit, "\"do\":\"restore\",\"name\":\"before\"", YES, NULL);
    assert_int_equal(hmi(kit)->power, POWER_AS_SAID);
    assert_string_not_equal(hmi(kit)->uid, before);
    assert_int_equal(kit_event_count(kit, "RolledBack"), 1);
}

static void a_restore_that_fails_for_good_is_told_and_it_starts_again(void **state)
{
    struct corekit *kit = *state;
    begin_rollback(kit, "");
    ended(kit, 0);
    snapshot_answered(kit, "\"restore\"", "\"ok\":false,\"result\":\"failed\",\"reason\":\"InvalidImage\",\"message\":\"broken\"", NULL);
    has(said(kit, "r"), "\"reason\":\"InvalidImage\",\"message\":\"broken\"");
    assert_int_equal(hmi(kit)->power, POWER_AS_SAID);
    assert_int_equal(kit_event_count(kit, "FailedRollback"), 1);
    assert_int_equal(kit_event_count(kit, "RolledBack"), 0);
}

static void while_the_runtime_is_away_it_is_held_off_and_tried_again(void **state)
{
    struct corekit *kit = *state;
    begin_rollback(kit, "");
    ended(kit, 0);
    snapshot_answered(kit, "\"restore\"",
                      "\"ok\":false,\"result\":\"unavailable\",\"reason\":\"LibvirtUnavailable\",\"message\":\"away\"", NULL);
    assert_string_equal(said(kit, "r"), "");
    assert_int_equal(hmi(kit)->power, POWER_OFF);
    assert_false(snapshot_waits(kit));
    kit_advance(kit, 5000);
    snapshot_answered(kit, "\"restore\"", "\"ok\":false,\"result\":\"failed\",\"reason\":\"StillRunning\",\"message\":\"it runs\"", NULL);
    assert_int_equal(hmi(kit)->power, POWER_OFF);
    kit_advance(kit, 5000);
    assert_true(snapshot_waits(kit));
    runtime_goes(kit);
    json_free(kit->calls);
    kit->calls = json_new_array();
    kit_settle(kit);
    assert_false(snapshot_waits(kit)); /* not before it is known what runs */
    runtime_comes(kit);
    snapshot_answered(kit, "\"restore\"", YES, NULL);
    has(said(kit, "r"), YES);
}

static void a_guest_that_does_not_go_is_switched_off_behind_its_grace(void **state)
{
    struct corekit *kit = *state;
    begin_rollback(kit, "");
    kit_advance(kit, 184000);
    assert_false(hmi(kit)->power_force);
    kit_advance(kit, 1000);
    assert_true(hmi(kit)->power_force);
    assert_false(snapshot_waits(kit));
}

static void a_deletion_ends_a_rollback(void **state)
{
    struct corekit *kit = *state;
    begin_rollback(kit, "");
    bury(kit);
    has(said(kit, "r"), "\"reason\":\"NotFound\"");
    assert_int_equal(hmi(kit)->power, POWER_AS_SAID);
    assert_false(snapshot_waits(kit));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        VM(a_snapshot_is_the_runtimes_and_its_answer_is_told),
        VM(what_cannot_be_is_refused),
        VM(a_rollback_stops_restores_and_starts_anew),
        VM(what_was_off_is_off_again_under_the_same_uid),
        VM(a_document_does_not_let_go_of_what_goes_back),
        VM(what_is_to_be_started_anew_is_in_the_same_commit),
        VM(a_snapshot_that_is_not_there_begins_nothing),
        VM(killed_before_it_was_on_the_disk_it_has_not_begun),
        VM(killed_while_it_stops_or_restores_the_next_davitd_goes_on),
        VM(a_restore_that_fails_for_good_is_told_and_it_starts_again),
        VM(while_the_runtime_is_away_it_is_held_off_and_tried_again),
        VM(a_guest_that_does_not_go_is_switched_off_behind_its_grace),
        VM(a_deletion_ends_a_rollback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
