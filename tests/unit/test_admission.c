/* Who may start: what pods request, what there is, and in which order. */
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "model/admission.h"
#include "protocol/pod_fields.h"
#include "unit.h"

#define MI INT64_C(1048576)
#define GI (1024 * MI)

static const struct object_id ids[] = { { "default", "pods", "a" }, { "default", "pods", "b" }, { "default", "pods", "c" } };

static struct pod_wants wants_of(const char *spec)
{
    struct error err;
    struct ignored_fields ignored = { 0 };
    AUTO_JSON struct json *json = json_parse(spec, strlen(spec), &err);
    struct pod *pod = pod_read(json, &ignored, &err);
    if (pod == NULL)
        fail_msg("%s", err.message);
    struct pod_wants wants = admission_wants(pod);
    ignored_free(&ignored);
    pod_free(pod);
    return wants;
}

#define ONE(name, more) "{\"name\":\"" name "\",\"image\":\"i\"" more "}"
#define ASKS(requests, limits) ",\"resources\":{\"requests\":{" requests "},\"limits\":{" limits "}}"
#define MEMORY(quantity) "\"memory\":\"" quantity "\""

static void requests_count_and_limits_where_there_are_none(void **state)
{
    (void)state;
    struct pod_wants wants = wants_of("{\"containers\":[" ONE("a", ASKS(MEMORY("10Mi"), MEMORY("100Mi")))
                                      "," ONE("b", ASKS("", MEMORY("7Mi"))) "," ONE("c", "") "]}");
    assert_int_equal(wants.memory_bytes, 17 * MI);
    assert_int_equal(wants.disk_bytes, 0);
    wants = wants_of("{\"containers\":[" ONE("a", ASKS("\"ephemeral-storage\":\"1Gi\"", "")) "]}");
    assert_int_equal(wants.disk_bytes, GI);
    assert_int_equal(wants.memory_bytes, 0);
    wants = wants_of("{\"containers\":[" ONE("a", "") "]}");
    assert_true(pod_wants_nothing(&wants));
}

static void init_containers_run_before_the_others_and_sidecars_beside_them(void **state)
{
    (void)state;
    static const char spec[] = "{\"initContainers\":[" ONE("i", ASKS(MEMORY("50Mi"), "")) ","
                               ONE("s", ",\"restartPolicy\":\"Always\"" ASKS(MEMORY("5Mi"), "")) "],\"containers\":["
                               ONE("a", ASKS(MEMORY("20Mi"), "")) "]}";
    assert_int_equal(wants_of(spec).memory_bytes, 50 * MI);
}

/* Ten thousand of them must not turn round what is left. */
static void what_nobody_has_is_cut(void **state)
{
    (void)state;
    struct pod_wants wants = wants_of("{\"containers\":[" ONE("a", ASKS(MEMORY("8Ei"), "")) "]}");
    assert_true(wants.memory_bytes > 0 && wants.memory_bytes <= INT64_MAX / LIMIT_OBJECTS);
}

static void a_virtual_machine_takes_more_than_its_guest(void **state)
{
    (void)state;
    assert_int_equal(admission_vm_overhead(GI, 2, false), 2 * MI + 64 * MI + 16 * MI);
    assert_int_equal(admission_vm_overhead(GI, 1, true) - admission_vm_overhead(GI, 1, false), 16 * MI);
}

static struct admission_room memory_room(int64_t most, int64_t left)
{
    return (struct admission_room){ .most = { most, POD_UNSET }, .left = { left, 0 } };
}

static struct admission_entry asks(size_t id, uint64_t created_ms, int64_t memory, int64_t granted)
{
    return (struct admission_entry){ .id = &ids[id], .created_ms = created_ms, .wants = { memory, 0 },
                                     .granted = { granted, 0 }, .lack = LACKS_DISK };
}

static void the_first_that_was_created_comes_first_and_a_smaller_one_passes(void **state)
{
    (void)state;
    struct admission_entry entries[4] = { asks(0, 10, 60, 0), asks(1, 20, 50, 0), asks(2, 30, 40, 0) };
    struct admission_room room = memory_room(100, 100);
    admission_decide(entries, 3, &room);
    assert_int_equal(entries[0].lack, LACKS_NOTHING);
    assert_int_equal(entries[1].lack, LACKS_MEMORY); /* 40 are left, and it wants 50 */
    assert_int_equal(entries[2].lack, LACKS_NOTHING);
    assert_int_equal(room.left.memory_bytes, 0);
    const struct admission_entry late = asks(1, 40, 1, 0), early = asks(1, 5, 1, 0), same = asks(1, 10, 1, 0);
    assert_int_equal(admission_place(entries, 3, &late), 3);
    assert_int_equal(admission_place(entries, 3, &early), 0);
    assert_int_equal(admission_place(entries, 3, &same), 1); /* b behind a */
}

static void what_it_has_it_keeps_also_where_more_runs_than_fits(void **state)
{
    (void)state;
    struct admission_entry entries[] = { asks(0, 1, 50, 50), asks(1, 2, 51, 50), asks(2, 3, 0, 0) };
    struct admission_room room = memory_room(100, -20);
    admission_decide(entries, 3, &room);
    assert_int_equal(entries[0].lack, LACKS_NOTHING);
    assert_int_equal(entries[1].lack, LACKS_MEMORY);
    assert_int_equal(entries[2].lack, LACKS_NOTHING); /* it requests nothing */
    assert_int_equal(room.left.memory_bytes, -20);
}

static void what_is_not_known_is_not_counted(void **state)
{
    (void)state;
    const struct pod_wants wants = { GI, GI }, nothing = { 0, 0 };
    struct admission_room room = { .most = { POD_UNSET, POD_UNSET } };
    assert_int_equal(admission_lack(&wants, &nothing, &room), LACKS_NOTHING);
    room.most.disk_bytes = 4 * GI;
    room.left.disk_bytes = GI - 1;
    assert_int_equal(admission_lack(&wants, &nothing, &room), LACKS_DISK);
    assert_false(admission_is_hopeless(&wants, &room));
    room.most.disk_bytes = GI - 1;
    assert_true(admission_is_hopeless(&wants, &room));
}

static void says(struct admission_entry entry, const struct admission_room *room, const char *reason, const char *message)
{
    struct pod_wait wait;
    admission_decide(&entry, 1, &(struct admission_room){ room->most, room->left });
    admission_describe(&entry, room, &wait);
    assert_string_equal(wait.reason, reason);
    assert_string_equal(wait.message, message);
}

static void it_says_what_is_wanted_what_is_free_and_what_helps(void **state)
{
    (void)state;
    struct admission_room room = { .most = { 448 * MI, 10 * GI }, .left = { 100 * MI + 5, 2 * GI } };
    says(asks(0, 1, 200 * MI, 0), &room, "InsufficientMemory",
         "0/1 nodes are available: 1 Insufficient memory: it requests 200Mi, 100Mi of 448Mi are free: it starts when others have "
         "ended; or let it request less");
    says(asks(0, 1, 2 * GI, 0), &room, "InsufficientMemory",
         "0/1 nodes are available: 1 Insufficient memory: it requests 2Gi, and this node has 448Mi for all: it never starts with "
         "that; let it request less");
    struct admission_entry disk = asks(0, 1, 0, 0);
    disk.wants.disk_bytes = 3 * GI;
    says(disk, &room, "InsufficientDisk",
         "0/1 nodes are available: 1 Insufficient ephemeral-storage: it requests 3Gi, 2Gi are free on the disk and promised to "
         "nobody: it starts when there is room; remove what is not needed (davit image prune), or let it request less");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_count_and_limits_where_there_are_none),
        cmocka_unit_test(init_containers_run_before_the_others_and_sidecars_beside_them),
        cmocka_unit_test(what_nobody_has_is_cut),
        cmocka_unit_test(a_virtual_machine_takes_more_than_its_guest),
        cmocka_unit_test(the_first_that_was_created_comes_first_and_a_smaller_one_passes),
        cmocka_unit_test(what_it_has_it_keeps_also_where_more_runs_than_fits),
        cmocka_unit_test(what_is_not_known_is_not_counted),
        cmocka_unit_test(it_says_what_is_wanted_what_is_free_and_what_helps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
