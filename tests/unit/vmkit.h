/* A virtual machine default/hmi in the core of corekit.h. Its document is in the slot, but what runs is what a test says. */
#ifndef TESTS_VMKIT_H
#define TESTS_VMKIT_H

#include <stdio.h>

#include "core/snapshots.h"
#include "corekit.h"

#define HMI "{\"id\":\"%s\",\"object\":\"vm/hmi\"%s}"
#define HMI_TEXT "{\"apiVersion\":\"kubevirt.io/v1\",\"kind\":\"VirtualMachine\",\"metadata\":{\"name\":\"hmi\"},\"spec\":{\"runStrategy\":\"%s\"," \
    "\"template\":{\"spec\":{\"domain\":{\"memory\":{\"guest\":\"64Mi\"},\"devices\":{}}}}}}"
#define SNAPSHOTS "{\"snapshots\":[{\"name\":\"before\",\"createdMs\":1}]}"
#define YES "\"ok\":true"
#define NEVER (UINT64_MAX / 2)

static const struct object_id hmi_id = { .namespace = "default", .resource = "virtualmachines", .name = "hmi" };

static inline struct object *hmi(const struct corekit *kit)
{
    struct object *object = objects_find(&kit->core->objects, &hmi_id);
    assert_non_null(object);
    return object;
}

static inline void set_strategy(const struct corekit *kit, enum vm_strategy strategy)
{
    hmi(kit)->slots[0].pod->vm->strategy = strategy;
    core_touch(kit->core, hmi(kit));
}

/* What the slot on the disk means. The reconciler is kept away: here a test says what runs. */
static inline void attach(const struct corekit *kit, enum vm_strategy strategy)
{
    struct object *object = hmi(kit);
    assert_non_null(object->slots[0].pod);
    object->wait_boot_ms = NEVER;
    object->acted = UINT64_MAX;
    set_strategy(kit, strategy);
}

/* The newest call of the runtime by this name, as text; NULL: none. The caller frees. */
static inline char *call_of(const struct corekit *kit, const char *name, int64_t *id)
{
    const struct json *found = NULL;
    JSON_EACH(call, kit->calls)
        if (strcmp(json_get_text(call, "call"), name) == 0)
            found = call;
    *id = json_get_integer(found, "id", 0);
    return found != NULL ? json_print(json_get(found, "document")) : NULL;
}

static inline void answer(struct corekit *kit, int64_t id, const char *head, const char *body)
{
    AUTO_FREE char *text = mem_printf("{\"op\":\"result\",\"id\":%lld,%s}", (long long)id, head);
    struct error err;
    AUTO_JSON struct json *frame_head = json_parse(text, strlen(text), &err);
    const struct frame_view frame = { .head = frame_head, .body = body, .body_len = body != NULL ? strlen(body) : 0 };
    core_vms_frame(kit->core, &frame);
}

static inline void runtime_goes(struct corekit *kit)
{
    core_vms_down(kit->core, "signal 9");
}

/* The runtime is up, and has nothing. What it is called for then waits for a test to answer. */
static inline void runtime_comes(struct corekit *kit)
{
    int64_t id;
    static const char opened[] = "{\"op\":\"opened\",\"plugin\":\"libvirt\",\"abi\":1}";
    static const char version[] = "{\"version\":\"libvirt 9\",\"images\":true}";
    struct error err;
    kit->runtime_waits = true;
    core_vms_up(kit->core);
    AUTO_JSON struct json *head = json_parse(opened, strlen(opened), &err);
    const struct frame_view frame = { .head = head, .body = version, .body_len = strlen(version) };
    core_vms_frame(kit->core, &frame);
    kit_settle(kit);
    AUTO_FREE char *list = call_of(kit, "list", &id);
    assert_non_null(list);
    json_free(kit->calls);
    kit->calls = json_new_array();
    answer(kit, id, YES, "{\"instances\":[],\"pods\":[]}");
    kit_settle(kit);
}

static inline void come_up(struct corekit *kit, enum vm_strategy strategy)
{
    kit_start(kit);
    attach(kit, strategy);
    kit_connect(kit);
    kit_flood_over(kit);
    runtime_comes(kit);
}

/* On the disk. */
static inline void put_document(struct corekit *kit, enum vm_strategy strategy)
{
    static const char *const words[] = { [VM_ALWAYS] = "Always", [VM_RERUN_ON_FAILURE] = "RerunOnFailure",
                                         [VM_MANUAL] = "Manual", [VM_HALTED] = "Halted", [VM_ONCE] = "Once" };
    AUTO_FREE char *text = mem_printf(HMI_TEXT, words[strategy]);
    struct slot_row slot = { .id = hmi_id, .source = "node", .group = "", .generation = 1, .content = "c", .hash = "h",
                             .text = text, .accepted_ms = kit->wall };
    struct store_txn *txn = store_begin(kit->store);
    store_put_slot(txn, &slot);
    store_commit(txn, NULL, NULL);
}

/* davitd dies and comes back. */
static inline void come_again(struct corekit *kit)
{
    enum vm_strategy strategy = vm_strategy(hmi(kit)->slots[0].pod->vm);
    kit->runtime_waits = false;
    put_document(kit, strategy);
    kit_stop(kit);
    come_up(kit, strategy);
}

/* It is deleted, and comes again. */
static inline void bury(struct corekit *kit)
{
    hmi(kit)->slots[0].tombstone = true;
    core_touch(kit->core, hmi(kit));
    kit_settle(kit);
}

static inline void dig_up(struct corekit *kit, enum vm_strategy strategy)
{
    hmi(kit)->slots[0].tombstone = false;
    attach(kit, strategy);
}

/* Another one, with the same run strategy. */
static inline void other_document(struct corekit *kit)
{
    memcpy(hmi(kit)->hash, "other", 6);
    core_touch(kit->core, hmi(kit));
    kit_settle(kit);
}

static inline int vm_setup(void **state)
{
    if (kit_setup(state) != 0)
        return 1;
    struct corekit *kit = *state;
    put_document(kit, VM_ALWAYS);
    struct store_txn *txn = store_begin(kit->store);
    struct incarnation_row incarnation = { .id = hmi_id, .uid = "00000000-0000-4000-8000-000000000001", .hash = "h",
                                           .created_ms = kit->wall };
    store_put_incarnation(txn, &incarnation);
    store_commit(txn, NULL, NULL);
    kit_stop(kit);
    come_up(kit, VM_ALWAYS);
    return 0;
}

static inline int vm_teardown(void **state)
{
    return kit_teardown(state);
}

/* ---- what is seen of it */

static inline void runs(const struct corekit *kit)
{
    struct object *object = hmi(kit);
    struct instance *one = run_add(object_run_make(object, object->uid), VM_CONTAINER, 0);
    one->state = INSTANCE_RUNNING;
    object->memory[0].begun = 0;
    core_touch(kit->core, object);
}

static inline void ended(struct corekit *kit, int64_t code)
{
    struct object *object = hmi(kit);
    for (struct run *run = object->runs; run != NULL; run = run->next)
        for (size_t i = 0; i < run->count; i++)
            run->instances[i].state = INSTANCE_EXITED;
    object->memory[0].begun = object->memory[0].ended = 0;
    object->memory[0].last.exit_code = code;
    core_touch(kit->core, object);
    kit_settle(kit);
}

static inline const char *ask(struct corekit *kit, const char *verb, const char *id, const char *more)
{
    AUTO_FREE char *topic = mem_printf(NODE_TOPIC "/request/%s/anna", verb);
    AUTO_FREE char *payload = mem_printf(HMI, id, more);
    AUTO_FREE char *reply = mem_printf(NODE_TOPIC "/response/anna/%s", id);
    kit_message(kit, topic, payload, LIVE, NO_SEQ);
    const char *said = kit_held(kit, reply);
    return said != NULL ? said : "";
}

static inline const char *said(const struct corekit *kit, const char *id)
{
    AUTO_FREE char *reply = mem_printf(NODE_TOPIC "/response/anna/%s", id);
    const char *text = kit_held(kit, reply);
    return text != NULL ? text : "";
}

static inline void has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("no %s in: %s", part, text);
}

/* The one that waits is what it should be, and is answered. */
static inline void snapshot_answered(struct corekit *kit, const char *what, const char *head, const char *body)
{
    int64_t id;
    AUTO_FREE char *document = call_of(kit, "snapshot", &id);
    assert_non_null(document);
    has(document, what);
    json_free(kit->calls);
    kit->calls = json_new_array();
    answer(kit, id, head, body);
    kit_settle(kit);
}

static inline bool snapshot_waits(const struct corekit *kit)
{
    int64_t id;
    AUTO_FREE char *document = call_of(kit, "snapshot", &id);
    return document != NULL;
}

#define VM(name) cmocka_unit_test_setup_teardown(name, vm_setup, vm_teardown)

#endif
