#include "core/admission.h"

#include <string.h>

#include "base/memory.h"
#include "core/after.h"
#include "core/cordon.h"
#include "core/runtime.h"
#include "core/vms.h"

#define DISK_LOOK_MS 20000u
#define RESERVED_LEAST (INT64_C(64) * 1024 * 1024)
#define RESERVED_SHARE 20 /* one part in twenty */

static const struct pod_wants nothing;

/* ---- what there is */

int64_t admission_memory_bytes(const struct core *core)
{
    int64_t all = core->env->memory_bytes, reserved = core->config->reserved_memory_bytes;
    if (all <= 0)
        return POD_UNSET;
    if (reserved == POD_UNSET)
        reserved = all / RESERVED_SHARE > RESERVED_LEAST ? all / RESERVED_SHARE : RESERVED_LEAST;
    return reserved < all ? all - reserved : 0;
}

/* The disk is asked only for somebody who wants some of it. */
static struct admission_room room_of(const struct core *core, bool with_disk)
{
    struct admission_room room = { .most = { admission_memory_bytes(core), POD_UNSET } };
    room.left.memory_bytes = room.most.memory_bytes - core->admission.promised.memory_bytes;
    if (!with_disk || core->env->machine == NULL)
        return room;
    struct machine machine = { 0 };
    core->env->machine(core->env->ctx, &machine);
    if (machine.disk_bytes <= 0)
        return room;
    room.most.disk_bytes = machine.disk_bytes;
    room.left.disk_bytes = machine.disk_free_bytes - core->admission.promised.disk_bytes;
    return room;
}

/* ---- what is promised */

static bool same_wants(const struct pod_wants *a, const struct pod_wants *b)
{
    return a->memory_bytes == b->memory_bytes && a->disk_bytes == b->disk_bytes;
}

static void set_granted(struct core *core, struct object *object, struct pod_wants granted)
{
    struct admission *admission = &core->admission;
    struct pod_wants *counted = &object->admission.counted;
    struct pod_wants now = granted;
    /* What it has written is not free any more. */
    now.disk_bytes = granted.disk_bytes > object->admission.written_bytes ? granted.disk_bytes - object->admission.written_bytes : 0;
    if (!pod_wants_within(counted, &now))
        admission->unjudged = 0; /* there may be room for somebody */
    admission->promised.memory_bytes += now.memory_bytes - counted->memory_bytes;
    admission->promised.disk_bytes += now.disk_bytes - counted->disk_bytes;
    *counted = now;
    object->admission.granted = granted;
}

void admission_written(struct core *core, struct object *object, int64_t bytes)
{
    if (bytes == object->admission.written_bytes || object->admission.granted.disk_bytes <= 0)
        return;
    object->admission.written_bytes = bytes;
    core_touch(core, object);
}

bool admission_asks_written(const struct core *core, const struct pod *pod)
{
    /* A machine's disks are promised whole, and the runtime of pods knows nothing of them. */
    return core->admission.look_ms != 0 && pod->vm == NULL && admission_wants(pod).disk_bytes > 0;
}

/* ---- who waits */

static void stop_waiting(struct core *core, struct object *object)
{
    struct admission *admission = &core->admission;
    struct admission_state *state = &object->admission;
    size_t at = 0;
    if (state->waits == WAITS_FOR_NOTHING)
        return;
    state->waits = WAITS_FOR_NOTHING;
    state->wait.reason[0] = '\0';
    while (at < admission->count && admission->entries[at].id != &object->id)
        at++;
    if (at == admission->count)
        return;
    admission->count--;
    memmove(&admission->entries[at], &admission->entries[at + 1], (admission->count - at) * sizeof(*admission->entries));
    admission->unjudged -= at < admission->unjudged;
}

static void make_wait(struct core *core, struct object *object, enum admission_waits waits, const struct pod_wants *wants)
{
    struct admission *admission = &core->admission;
    struct admission_state *state = &object->admission;
    struct admission_entry entry = { .id = &object->id, .created_ms = object->created_ms, .wants = *wants,
                                     .granted = state->granted };
    if (waits == state->waits && entry.created_ms == state->asked.created_ms && same_wants(wants, &state->asked.wants) &&
        same_wants(&entry.granted, &state->asked.granted))
        return;
    struct pod_wait told = state->wait;
    bool still = waits == state->waits;
    stop_waiting(core, object);
    if (still)
        state->wait = told; /* until it is judged anew */
    state->waits = waits;
    state->asked = entry;
    if (admission->count == admission->size) {
        admission->size = admission->size == 0 ? 16 : admission->size * 2;
        admission->entries = mem_resize(admission->entries, admission->size, sizeof(*admission->entries));
    }
    size_t at = admission_place(admission->entries, admission->count, &entry);
    memmove(&admission->entries[at + 1], &admission->entries[at], (admission->count - at) * sizeof(entry));
    admission->entries[at] = entry;
    admission->count++;
    if (at < admission->unjudged)
        admission->unjudged = at;
}

/* ---- what an object takes */

/* Whether it is known what runs of it: else nothing is decided. */
static bool is_known(const struct core *core, const struct object *object)
{
    return runtime_seen(core, object)->listed;
}

/* This incarnation, in whatever life of davitd or of the machine. */
static bool began_once(const struct object *object)
{
    for (size_t i = 0; i < object->memory_count; i++)
        if (object->memory[i].begun >= 0)
            return true;
    return false;
}

/* What exists of it. `pod`: what its incarnation is, NULL where that is over; it is counted between two runs, too. A machine
 * that was off is not: what it still has was granted to it.
 */
static struct pod_wants runs_want(const struct object *object, const struct pod *pod, const struct pod_wants *own,
                                  const struct pod_wants *granted)
{
    struct pod_wants sum = nothing;
    for (struct run *run = object->runs; run != NULL; run = run->next) {
        bool wanted = pod != NULL && strcmp(run->uid, object->uid) == 0;
        /* Requests change while it runs: that counts from when it fits. */
        if (wanted && (run->wants.memory_bytes == POD_UNSET || pod_wants_within(own, granted)))
            run->wants = *own;
        if (run->wants.memory_bytes != POD_UNSET && ((wanted && !object_is_vm(object)) || run_has_life(run)))
            sum = pod_wants_sum(&sum, &run->wants);
    }
    return sum;
}

static bool is_over(const struct object *object, const struct pod *pod)
{
    const struct pod_view view = { .pod = pod, .uid = object->uid, .runs = object->runs, .memory = object->memory,
                                   .end = &object->end };
    return pod_is_over(&view);
}

/* What starts after others asks when those are ready: what it were promised they might need. */
static bool waits_for_others(struct core *core, struct object *object)
{
    after_look(core, object);
    return object->waits_for[0] != '\0';
}

/* The pod of an update that only waits for room; NULL: there is none. Images are waited for without a promise. */
static const struct pod *update_of(const struct core *core, const struct object *object)
{
    const struct slot *ruling = object->held != NULL ? object_ruling(object) : NULL;
    if (ruling == NULL || ruling->pod == NULL)
        return NULL;
    struct pod_wants wants = admission_wants(ruling->pod);
    struct admission_room room = { .most = { admission_memory_bytes(core), POD_UNSET } };
    return admission_is_hopeless(&wants, &room) || pulls_ready(core, object, ruling->pod) ? ruling->pod : NULL;
}

/* The pod that is wanted, as far as it takes something; NULL: it is over, or its turn has not come. `known`: what runs of it. */
static const struct pod *taker(struct core *core, struct object *object, bool begun, bool known)
{
    const struct pod *pod = object->uid[0] != '\0' ? object_wanted(object) : NULL;
    if (object_is_vm(object) && !begun && !vms_is_to_run(object))
        return NULL;
    struct pod_wants own = pod != NULL ? admission_wants(pod) : nothing;
    if (!begun && cordon_wait(core, object) != NULL)
        return NULL;
    if (!pod_wants_nothing(&own) && (is_over(object, pod) || (!begun && known && waits_for_others(core, object))))
        return NULL;
    return pod;
}

/* What it wrote is on the disk also where nothing of it runs: after a start of the machine, and of a machine that is off. */
static struct pod_wants disk_left(const struct object *object)
{
    const struct pod *pod = object->uid[0] != '\0' && began_once(object) ? object_wanted(object) : NULL;
    bool stays = object_is_vm(object) || (pod != NULL && object_run(object, object->uid) == NULL && !is_over(object, pod));
    struct pod_wants left = nothing;
    if (pod != NULL && stays)
        left.disk_bytes = admission_wants(pod).disk_bytes;
    return left;
}

static bool has_begun(const struct object *object)
{
    const struct run *run = object->uid[0] != '\0' ? object_run(object, object->uid) : NULL;
    return run != NULL && (!object_is_vm(object) || run_has_life(run));
}

/* What it was granted, as far as that is known: in an earlier life of davitd, where it may run, or has just ended. */
static struct pod_wants granted_before(const struct object *object, const struct pod_wants *own, bool begun, bool known)
{
    if (object->admission.known)
        return object->admission.granted;
    const struct run *run = object_run(object, object->uid);
    bool of_this_boot = !known || (run != NULL && run->count > 0);
    return !begun && began_once(object) && of_this_boot ? *own : nothing;
}

static void make_or_stop_wait(struct core *core, struct object *object, const struct pod_wants *own,
                              const struct pod_wants *next, bool begun)
{
    const struct pod_wants *granted = &object->admission.granted;
    if (!begun && !pod_wants_within(own, granted))
        make_wait(core, object, WAITS_TO_START, own);
    else if (!pod_wants_within(next, granted))
        make_wait(core, object, WAITS_TO_CHANGE, next);
    else if (!pod_wants_within(own, granted))
        make_wait(core, object, WAITS_TO_GROW, own);
    else
        stop_waiting(core, object);
}

static void look(struct core *core, struct object *object)
{
    bool begun = has_begun(object), known = is_known(core, object);
    if (!known && (object->admission.known || !began_once(object)))
        return;
    const struct pod *pod = taker(core, object, begun, known), *newer = known ? update_of(core, object) : NULL;
    struct pod_wants own = pod != NULL ? admission_wants(pod) : nothing;
    struct pod_wants next = newer != NULL ? admission_wants(newer) : nothing;
    struct pod_wants before = granted_before(object, &own, begun, known), left = disk_left(object);
    struct pod_wants now = runs_want(object, pod, &own, &before);
    struct pod_wants keep = pod_wants_most(&own, &next);
    if (object->committing || object->saving) /* an update may be on its way that was let */
        keep = pod_wants_most(&keep, &before);
    keep = pod_wants_least(&keep, &before);
    now = pod_wants_most(&now, &left);
    set_granted(core, object, pod_wants_most(&keep, &now));
    if (!known) /* until its runtime has told what runs: the other runtime's do not get its room */
        return;
    object->admission.known = true;
    make_or_stop_wait(core, object, &own, &next, begun);
}

/* ---- who may */

static void grant(struct core *core, struct object *object, const struct pod_wants *wants)
{
    bool told = object->admission.waits == WAITS_TO_START && object->admission.wait.reason[0] != '\0';
    object->admission.waits = WAITS_FOR_NOTHING;
    object->admission.wait.reason[0] = '\0';
    set_granted(core, object, pod_wants_most(wants, &object->admission.granted));
    if (told)
        core_event(core, object, false, "Scheduled", "Successfully assigned %s/%s to %s", object->id.namespace,
                   object->id.name, core->config->node);
    core_touch(core, object);
}

/* An event once a reason, not once a look. */
static void tell(struct core *core, struct object *object, const struct admission_entry *entry,
                 const struct admission_room *room)
{
    struct admission_state *state = &object->admission;
    struct pod_wait wait;
    admission_describe(entry, room, &wait);
    bool other = strcmp(wait.reason, state->wait.reason) != 0;
    state->wait = wait;
    if (!other || state->waits == WAITS_TO_GROW)
        return;
    core_event(core, object, true, "FailedScheduling", "%s", wait.message);
    core_touch(core, object);
}

static void decide(struct core *core)
{
    struct admission *admission = &core->admission;
    size_t from = admission->unjudged, kept = from;
    bool with_disk = false;
    for (size_t i = from; i < admission->count; i++)
        with_disk = with_disk || admission->entries[i].wants.disk_bytes > admission->entries[i].granted.disk_bytes;
    struct admission_room room = room_of(core, with_disk);
    admission_decide(&admission->entries[from], admission->count - from, &room);
    for (size_t i = from; i < admission->count; i++) {
        const struct admission_entry entry = admission->entries[i];
        struct object *object = objects_find(&core->objects, entry.id);
        if (entry.lack == LACKS_NOTHING) {
            grant(core, object, &entry.wants);
            continue;
        }
        tell(core, object, &entry, &room);
        admission->entries[kept++] = entry;
    }
    admission->count = admission->unjudged = kept;
    admission->look_ms = 0;
    for (size_t i = 0; i < kept; i++)
        if (admission->entries[i].lack == LACKS_DISK)
            admission->look_ms = core_boot_ms(core) + DISK_LOOK_MS;
}

void admission_settle(struct core *core, struct object *const *changed, size_t count)
{
    for (size_t i = 0; i < count; i++)
        look(core, changed[i]);
    if (core->admission.unjudged < core->admission.count)
        decide(core);
}

uint64_t admission_look_again(struct core *core)
{
    struct admission *admission = &core->admission;
    if (admission->count == 0)
        admission->look_ms = 0;
    if (admission->look_ms != 0 && admission->look_ms <= core_boot_ms(core)) {
        admission->unjudged = 0;
        decide(core);
    }
    return admission->look_ms;
}

bool admission_allows(struct core *core, struct object *object, const struct pod *pod)
{
    struct pod_wants wants = admission_wants(pod);
    struct pod_wants *granted = &object->admission.granted;
    if (pod_wants_within(&wants, granted))
        return true;
    if (!is_known(core, object))
        return false;
    struct admission_room room = room_of(core, wants.disk_bytes > granted->disk_bytes);
    if (admission_lack(&wants, granted, &room) != LACKS_NOTHING)
        return false;
    set_granted(core, object, pod_wants_most(&wants, granted));
    return true;
}

const struct pod_wait *admission_wait(const struct object *object, bool update)
{
    const struct admission_state *state = &object->admission;
    bool waits = state->waits == (update ? WAITS_TO_CHANGE : WAITS_TO_START);
    return waits && state->wait.reason[0] != '\0' ? &state->wait : NULL;
}

/* ---- the record */

void admission_record(const struct pod *pod, struct json *record)
{
    struct pod_wants wants = admission_wants(pod);
    json_set_integer(record, "memoryBytes", wants.memory_bytes);
    json_set_integer(record, "diskBytes", wants.disk_bytes);
}

void admission_recorded(const struct json *record, struct run *run)
{
    int64_t memory = json_get_integer(record, "memoryBytes", POD_UNSET);
    int64_t disk = json_get_integer(record, "diskBytes", 0);
    if (run->wants.memory_bytes == POD_UNSET && memory >= 0 && disk >= 0)
        run->wants = (struct pod_wants){ memory, disk };
}
