/* Virtual machines in the core: on and off, as a person says it, and what overrules it; consoles. */
#include <fcntl.h>

#include "core/exec.h"
#include "core/network.h"
#include "core/runtime.h"
#include "vmkit.h"

/* ---- on and off */

#define RUNS_ALREADY "\"reason\":\"AlreadyRunning\""
#define RUNS_NOT "\"reason\":\"NotRunning\""

enum seen { FRESH, RUNS, ENDED_WELL, ENDED_BADLY };

static const struct {
    enum vm_strategy strategy;
    enum power power;
    enum seen seen;
    const char *start, *stop, *restart;
} rules[] = {
    { VM_ALWAYS, POWER_AS_SAID, FRESH, RUNS_ALREADY, YES, YES },
    { VM_ALWAYS, POWER_AS_SAID, RUNS, RUNS_ALREADY, YES, YES },
    { VM_ALWAYS, POWER_AS_SAID, ENDED_WELL, RUNS_ALREADY, YES, YES },
    { VM_ALWAYS, POWER_OFF, ENDED_WELL, YES, RUNS_NOT, RUNS_NOT },
    { VM_ALWAYS, POWER_OFF, RUNS, YES, YES, RUNS_NOT },
    { VM_HALTED, POWER_AS_SAID, FRESH, YES, RUNS_NOT, RUNS_NOT },
    { VM_HALTED, POWER_ON, FRESH, RUNS_ALREADY, YES, YES },
    { VM_HALTED, POWER_ON, ENDED_BADLY, RUNS_ALREADY, YES, YES },
    { VM_MANUAL, POWER_AS_SAID, FRESH, YES, RUNS_NOT, RUNS_NOT },
    { VM_MANUAL, POWER_ON, FRESH, RUNS_ALREADY, YES, YES },
    { VM_MANUAL, POWER_ON, RUNS, RUNS_ALREADY, YES, YES },
    { VM_MANUAL, POWER_ON, ENDED_WELL, YES, RUNS_NOT, RUNS_NOT },
    { VM_ONCE, POWER_AS_SAID, FRESH, RUNS_ALREADY, YES, YES },
    { VM_ONCE, POWER_AS_SAID, ENDED_BADLY, YES, RUNS_NOT, RUNS_NOT },
    { VM_RERUN_ON_FAILURE, POWER_AS_SAID, FRESH, RUNS_ALREADY, YES, YES },
    { VM_RERUN_ON_FAILURE, POWER_AS_SAID, ENDED_WELL, YES, RUNS_NOT, RUNS_NOT },
    { VM_RERUN_ON_FAILURE, POWER_AS_SAID, ENDED_BADLY, RUNS_ALREADY, YES, YES },
    { VM_RERUN_ON_FAILURE, POWER_OFF, ENDED_WELL, YES, RUNS_NOT, RUNS_NOT },
};

static void arrange(struct corekit *kit, size_t rule)
{
    struct object *object = hmi(kit);
    object_runs_clear(object);
    object->memory[0] = (struct container_memory){ .name = VM_CONTAINER, .begun = -1, .ended = -1 };
    set_strategy(kit, rules[rule].strategy);
    const struct power_said now = { .power = rules[rule].power, .strategy = rules[rule].strategy };
    power_apply(kit->core, object, &now);
    if (rules[rule].seen == RUNS)
        runs(kit);
    else if (rules[rule].seen != FRESH)
        ended(kit, rules[rule].seen == ENDED_WELL ? 0 : 1);
}

static void what_the_run_strategy_does_by_itself_is_refused(void **state)
{
    struct corekit *kit = *state;
    static const char *const verbs[] = { "start", "stop", "restart" };
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        const char *const expected[] = { rules[i].start, rules[i].stop, rules[i].restart };
        for (size_t j = 0; j < 3; j++) {
            AUTO_FREE char *id = mem_printf("%zu-%zu", i, j);
            arrange(kit, i);
            const char *text = ask(kit, verbs[j], id, "");
            if (strstr(text, expected[j]) == NULL)
                fail_msg("rule %zu, %s: %s is not %s", i, verbs[j], text, expected[j]);
        }
    }
}

static void off_is_on_the_disk_and_outlives_davitd(void **state)
{
    struct corekit *kit = *state;
    runs(kit);
    kit->disk_waits = true;
    assert_string_equal(ask(kit, "stop", "a", ""), "");
    assert_int_equal(hmi(kit)->power, POWER_AS_SAID);
    kit->disk_waits = false;
    kit_settle(kit);
    assert_string_equal(said(kit, "a"), "{\"id\":\"a\",\"ok\":true}");
    assert_int_equal(hmi(kit)->power, POWER_OFF);
    assert_false(hmi(kit)->power_force);
    has(ask(kit, "stop", "b", ",\"force\":true"), YES);
    assert_true(hmi(kit)->power_force);
    come_again(kit);
    assert_int_equal(hmi(kit)->power, POWER_OFF);
    assert_true(hmi(kit)->power_force);
    assert_int_equal(hmi(kit)->power_strategy, VM_ALWAYS);
}

static void a_document_with_another_run_strategy_overrules_and_others_do_not(void **state)
{
    struct corekit *kit = *state;
    runs(kit);
    has(ask(kit, "stop", "a", ""), YES);
    other_document(kit);
    assert_int_equal(hmi(kit)->power, POWER_OFF);
    set_strategy(kit, VM_MANUAL);
    kit_settle(kit);
    assert_int_equal(hmi(kit)->power, POWER_AS_SAID);
    set_strategy(kit, VM_ALWAYS);
    come_again(kit); /* and the row has gone */
    assert_int_equal(hmi(kit)->power, POWER_AS_SAID);
}

static void what_was_deleted_leaves_no_power_to_the_next_of_its_name(void **state)
{
    struct corekit *kit = *state;
    runs(kit);
    has(ask(kit, "stop", "a", ""), YES);
    bury(kit);
    assert_int_equal(hmi(kit)->power, POWER_AS_SAID);
    dig_up(kit, VM_ALWAYS);
    come_again(kit);
    assert_int_equal(hmi(kit)->power, POWER_AS_SAID);
}

static void count_row(void *ctx, const struct power_row *row)
{
    (void)row;
    (*(int *)ctx)++;
}

static void what_is_said_of_nothing_is_swept_at_the_next_start(void **state)
{
    struct corekit *kit = *state;
    struct error err;
    int rows = 0;
    const struct object_id other = { .namespace = "default", .resource = "virtualmachines", .name = "gone" };
    const struct power_said off = { .power = POWER_OFF, .strategy = VM_ALWAYS };
    struct store_txn *txn = store_begin(kit->store);
    power_write(txn, &other, &off);
    power_write(txn, &hmi_id, &off);
    store_commit(txn, NULL, NULL);
    come_again(kit);
    assert_int_equal(hmi(kit)->power, POWER_OFF);
    assert_true(store_each_power(kit->store, count_row, &rows, &err));
    assert_int_equal(rows, 1);
}

static void a_start_after_an_end_is_another_incarnation(void **state)
{
    struct corekit *kit = *state;
    set_strategy(kit, VM_MANUAL);
    AUTO_FREE char *fresh = mem_strdup(hmi(kit)->uid);
    has(ask(kit, "start", "a", ""), YES);
    assert_string_equal(hmi(kit)->uid, fresh); /* nothing of it has begun */
    assert_int_equal(hmi(kit)->power, POWER_ON);
    runs(kit);
    ended(kit, 0);
    has(ask(kit, "start", "b", ""), YES);
    assert_string_not_equal(hmi(kit)->uid, fresh);
    assert_int_equal(hmi(kit)->power, POWER_ON);
    AUTO_FREE char *second = mem_strdup(hmi(kit)->uid);
    come_again(kit); /* once is enough */
    assert_string_equal(hmi(kit)->uid, second);
    assert_int_equal(hmi(kit)->power, POWER_ON);
}

static void a_start_is_finished_by_the_next_davitd(void **state)
{
    struct corekit *kit = *state;
    AUTO_FREE char *before = mem_strdup(hmi(kit)->uid);
    struct power_said now = { .power = POWER_ON, .strategy = VM_MANUAL };
    snprintf(now.uid, sizeof(now.uid), "%s", before);
    set_strategy(kit, VM_MANUAL);
    struct store_txn *txn = store_begin(kit->store);
    power_write(txn, &hmi_id, &now);
    store_commit(txn, NULL, NULL);
    come_again(kit);
    assert_string_not_equal(hmi(kit)->uid, before);
    assert_int_equal(hmi(kit)->power, POWER_ON);
}

static void a_restart_is_another_incarnation_and_says_no_number_of_pods(void **state)
{
    struct corekit *kit = *state;
    runs(kit);
    AUTO_FREE char *before = mem_strdup(hmi(kit)->uid);
    assert_string_equal(ask(kit, "restart", "a", ""), "{\"id\":\"a\",\"ok\":true}");
    assert_string_not_equal(hmi(kit)->uid, before);
}

static void of_pods_it_is_said_what_to_do(void **state)
{
    struct corekit *kit = *state;
    kit_message(kit, NODE_TOPIC "/request/stop/anna", "{\"id\":1,\"pod\":\"web\"}", LIVE, NO_SEQ);
    has(said(kit, "1"), "only a virtual machine can be stopped, as vm/hmi. pods/web: delete it, or set replicas: 0");
    kit_message(kit, NODE_TOPIC "/request/start/anna", "{\"id\":2,\"pod\":\"web\"}", LIVE, NO_SEQ);
    has(said(kit, "2"), "davit restart");
    kit_message(kit, NODE_TOPIC "/request/snapshot/anna", "{\"id\":3,\"pod\":\"web\"}", LIVE, NO_SEQ);
    has(said(kit, "3"), "\"reason\":\"InvalidRequest\"");
    kit_message(kit, NODE_TOPIC "/request/stop/anna", "{\"id\":4,\"object\":\"vm/none\"}", LIVE, NO_SEQ);
    has(said(kit, "4"), "\"reason\":\"NotFound\"");
}

/* ---- its end */

/* It was released for another document, and deleted before that was answered: its disks are still there. */
static void only_a_release_that_said_so_takes_the_disks(void **state)
{
    struct corekit *kit = *state;
    int64_t id;
    struct pod_action action = { .kind = POD_RELEASE };
    snprintf(action.uid, sizeof(action.uid), "%s", "00000000-0000-4000-8000-000000000000");
    runtime_act(kit->core, hmi(kit), &action, NULL);
    AUTO_FREE char *kept = call_of(kit, "release", &id);
    has(kept, "\"gone\":false");
    hmi(kit)->slots[0].tombstone = true;
    answer(kit, id, YES, "{}");
    assert_false(hmi(kit)->forgotten);
    runtime_act(kit->core, hmi(kit), &action, NULL);
    AUTO_FREE char *gone = call_of(kit, "release", &id);
    has(gone, "\"gone\":true");
    answer(kit, id, YES, "{}");
    assert_true(hmi(kit)->forgotten);
}

static void a_device_that_runs_no_machines_waits_for_none(void **state)
{
    struct corekit *kit = *state;
    kit->core->runtime.listed = true;
    runtime_goes(kit);
    assert_false(runtime_all_listed(kit->core));
    kit->env.vms_start = NULL;
    assert_true(runtime_all_listed(kit->core));
}

/* ---- the network of the others */

static struct json *net_heads;

static void to_net(void *ctx, struct json *head)
{
    (void)ctx;
    json_add(net_heads, head);
}

static void net_says(struct corekit *kit, const char *text)
{
    struct error err;
    AUTO_JSON struct json *head = json_parse(text, strlen(text), &err);
    const struct frame_view frame = { .head = head };
    assert_non_null(head);
    core_net_frame(kit->core, &frame);
    kit_settle(kit);
}

static size_t asked_of_net(const char *op, const char *uid)
{
    size_t count = 0;
    JSON_EACH(head, net_heads)
        if (strcmp(json_get_text(head, "op"), op) == 0 && (uid == NULL || strcmp(json_get_text(head, "uid"), uid) == 0))
            count++;
    return count;
}

/* davitd comes back, and libvirtd is away: who it cannot ask about keeps what it has, and pods get what they need. */
static void pods_have_a_network_while_libvirtd_is_away(void **state)
{
    struct corekit *kit = *state;
    AUTO_FREE char *uid = mem_strdup(hmi(kit)->uid);
    net_heads = json_new_array();
    kit->runtime_waits = false;
    kit_stop(kit);
    kit->env.to_net = to_net;
    kit_start(kit);
    attach(kit, VM_ALWAYS);
    kit_runtime_up(kit);
    kit_connect(kit);
    kit_flood_over(kit);
    assert_false(kit->core->vms.listed);
    kit_say(kit, HELLO, kit_pod("demo:1", "1", ""), LIVE);
    core_net_up(kit->core);
    AUTO_FREE char *opened = mem_printf("{\"op\":\"opened\",\"ok\":true,\"pods\":[{\"uid\":\"%s\",\"addresses\":[\"10.213.0.9\"]}]}", uid);
    net_says(kit, opened);
    assert_int_equal(asked_of_net("attach", NULL), 1);
    assert_true(network_has(kit->core, uid));
    assert_int_equal(asked_of_net("detach", NULL), 0);
    kit->runtime_waits = true;
    runtime_comes(kit); /* and has it not: its object stays, so does its address */
    assert_true(network_has(kit->core, uid));
    assert_int_equal(asked_of_net("keep", NULL), 2);
    assert_int_equal(asked_of_net("attach", NULL), 1);
    kit->env.to_net = NULL;
    json_free(net_heads);
}

static void the_bridge_of_the_pods_is_no_network_for_a_card(void **state)
{
    struct corekit *kit = *state;
    static const char *const bridges[] = { "br0", "davit0" };
    for (size_t i = 0; i < 2; i++) {
        AUTO_FREE char *name = mem_printf("on-%s", bridges[i]);
        AUTO_FREE char *topic = mem_printf(NODE_TOPIC "/desired/default/virtualmachines/%s", name);
        struct object_id id = { .namespace = "default", .resource = "virtualmachines" };
        snprintf(id.name, sizeof(id.name), "%s", name);
        kit_say(kit, topic, mem_printf("{\"apiVersion\":\"kubevirt.io/v1\",\"kind\":\"VirtualMachine\",\"metadata\":{\"name\":\"%s\"},\"spec\":{"
                                       "\"runStrategy\":\"Always\",\"template\":{\"spec\":{\"domain\":{\"memory\":{\"guest\":\"64Mi\"},\"devices\":{"
                                       "\"interfaces\":[{\"name\":\"plant\",\"bridge\":{}}]}},\"networks\":[{\"name\":\"plant\",\"multus\":{"
                                       "\"networkName\":\"%s\"}}]}}}}", name, bridges[i]), LIVE);
        const struct object *object = objects_find(&kit->core->objects, &id);
        assert_non_null(object);
        assert_int_equal(object->calling, i == 0);
        if (i == 1)
            has(object->memory[0].message, "davit0 is the bridge of the pods");
    }
}

/* ---- room */

#define MI INT64_C(1048576)

static void what_began_has_its_room_before_libvirt_tells_of_it(void **state)
{
    struct corekit *kit = *state;
    int64_t promised = kit->core->admission.promised.memory_bytes;
    assert_true(promised > 64 * MI);
    struct container_memory row = { .name = VM_CONTAINER, .begun = 0, .ended = -1 };
    struct store_txn *txn = store_begin(kit->store);
    store_put_memory(txn, hmi(kit)->uid, &row);
    store_commit(txn, NULL, NULL);
    kit->runtime_waits = false;
    kit_stop(kit);
    kit_start(kit);
    attach(kit, VM_ALWAYS);
    kit_settle(kit);
    assert_false(kit->core->vms.listed);
    assert_int_equal(kit->core->admission.promised.memory_bytes, promised);
    kit_connect(kit);
    kit_flood_over(kit);
    runtime_comes(kit);
    assert_int_equal(kit->core->admission.promised.memory_bytes, promised);
    has(ask(kit, "stop", "a", ""), YES);
    assert_int_equal(kit->core->admission.promised.memory_bytes, 0);
}

static void a_machine_that_is_off_has_its_disks_and_no_memory(void **state)
{
    struct corekit *kit = *state;
    const struct object_id id = { .namespace = "default", .resource = "virtualmachines", .name = "big" };
    kit_say(kit, NODE_TOPIC "/desired/default/virtualmachines/big",
            mem_strdup("{\"apiVersion\":\"kubevirt.io/v1\",\"kind\":\"VirtualMachine\",\"metadata\":{\"name\":\"big\"},\"spec\":{"
                       "\"runStrategy\":\"Halted\",\"template\":{\"spec\":{\"domain\":{\"memory\":{\"guest\":\"64Mi\"},\"devices\":{"
                       "\"disks\":[{\"name\":\"data\"}]}},\"volumes\":[{\"name\":\"data\",\"emptyDisk\":{\"capacity\":\"2Gi\"}}]}}}}"),
            LIVE);
    struct object *big = objects_find(&kit->core->objects, &id);
    assert_non_null(big);
    assert_int_equal(big->admission.granted.disk_bytes, 0); /* it never ran */
    big->memory[0].begun = big->memory[0].ended = 0;
    core_touch(kit->core, big);
    kit_settle(kit);
    assert_int_equal(big->admission.granted.disk_bytes, 2048 * MI);
    assert_int_equal(big->admission.granted.memory_bytes, 0);
}

/* ---- consoles */

static void on_done(void *ctx, const struct json *result)
{
    (void)result;
    (*(int *)ctx)++;
}

static int64_t open_console(struct corekit *kit, const char *text, int *times, char **told)
{
    struct error err;
    int fds[EXEC_FDS] = { -1, open("/dev/null", O_WRONLY), -1, open("/dev/null", O_RDWR) };
    AUTO_JSON struct json *request = json_parse(text, strlen(text), &err);
    AUTO_JSON struct json *answered = NULL;
    int64_t id = exec_begin(kit->core, request, fds, on_done, times, &answered);
    free(*told);
    *told = json_print(answered);
    return id;
}

static void a_console_is_one_persons_at_a_time_until_it_ends(void **state)
{
    struct corekit *kit = *state;
    int times = 0;
    int64_t id;
    AUTO_FREE char *told = NULL;
    assert_int_equal(open_console(kit, "{\"pod\":\"vm/hmi\",\"console\":\"serial\"}", &times, &told), 0);
    has(told, "virtual machine hmi is not running");
    runs(kit);
    int64_t serial = open_console(kit, "{\"pod\":\"vm/hmi\",\"console\":\"serial\"}", &times, &told);
    assert_true(serial > 0);
    AUTO_FREE char *document = call_of(kit, "exec", &id);
    has(document, "\"container\":\"compute\",\"attempt\":0,\"console\":\"serial\",\"stream\":true}");
    assert_int_equal(open_console(kit, "{\"pod\":\"vm/hmi\",\"console\":\"serial\"}", &times, &told), 0);
    has(told, "\"reason\":\"Busy\"");
    assert_true(open_console(kit, "{\"pod\":\"vm/hmi\",\"console\":\"vnc\"}", &times, &told) > 0);
    assert_int_equal(open_console(kit, "{\"pod\":\"vm/hmi\",\"console\":\"parallel\"}", &times, &told), 0);
    has(told, "serial or vnc");
    answer(kit, serial, YES, "{}");
    assert_int_equal(times, 1);
    serial = open_console(kit, "{\"pod\":\"vm/hmi\",\"console\":\"serial\"}", &times, &told);
    assert_true(serial > 0);
    exec_left(kit->core, serial); /* whoever left is not waited for by the next */
    assert_true(open_console(kit, "{\"pod\":\"vm/hmi\",\"console\":\"serial\"}", &times, &told) > 0);
    runtime_goes(kit);
    assert_int_equal(times, 4);
}

static void a_pod_has_no_console(void **state)
{
    struct corekit *kit = *state;
    int times = 0;
    AUTO_FREE char *told = NULL;
    kit->runtime_waits = false;
    kit_say(kit, HELLO, kit_pod("demo:1", "1", ""), LIVE);
    assert_int_equal(open_console(kit, "{\"pod\":\"hello\",\"console\":\"serial\"}", &times, &told), 0);
    has(told, "pod hello has no console");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        VM(what_the_run_strategy_does_by_itself_is_refused),
        VM(off_is_on_the_disk_and_outlives_davitd),
        VM(a_document_with_another_run_strategy_overrules_and_others_do_not),
        VM(what_was_deleted_leaves_no_power_to_the_next_of_its_name),
        VM(what_is_said_of_nothing_is_swept_at_the_next_start),
        VM(a_start_after_an_end_is_another_incarnation),
        VM(a_start_is_finished_by_the_next_davitd),
        VM(a_restart_is_another_incarnation_and_says_no_number_of_pods),
        VM(of_pods_it_is_said_what_to_do),
        VM(only_a_release_that_said_so_takes_the_disks),
        VM(a_device_that_runs_no_machines_waits_for_none),
        VM(pods_have_a_network_while_libvirtd_is_away),
        VM(the_bridge_of_the_pods_is_no_network_for_a_card),
        VM(what_began_has_its_room_before_libvirt_tells_of_it),
        VM(a_machine_that_is_off_has_its_disks_and_no_memory),
        VM(a_console_is_one_persons_at_a_time_until_it_ends),
        VM(a_pod_has_no_console),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
