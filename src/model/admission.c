#include "model/admission.h"

#include <stdio.h>

#include "model/quantity.h"
#include "model/resources.h"
#include "model/vm.h"

#define MI INT64_C(1048576)
#define WANTS_MOST (INT64_C(1) << 49) /* more nobody has; and what 10,000 want together fits in 64 bits */

/* KubeVirt's formula for a guest: guest/512 for the page tables, 8 MiB for each processor, 16 MiB for a screen. Its fixed
 * part is mostly virt-launcher, which is not here: QEMU by itself has 40 to 60 MiB that are not the guest's.
 */
#define VM_PAGE_TABLES 512
#define VM_QEMU (64 * MI)
#define VM_CPU (8 * MI)
#define VM_SCREEN (16 * MI)

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t clamp(int64_t bytes)
{
    return most(0, least(bytes, WANTS_MOST));
}

/* What its disks may become. What they have taken of it by now is not known: it counts as promised still. */
static int64_t vm_disk_bytes(const struct vm *vm)
{
    int64_t sum = 0, bytes = 0;
    for (size_t i = 0; i < vm->template->spec->volumes.count; i++) {
        const struct vm_volume *volume = vm_volume(vm, i);
        bytes = 0;
        if (volume->data_volume != NULL)
            bytes = vm_data_size(vm_data_template(vm, volume->data_volume->name));
        else if (volume->empty_disk != NULL && !quantity_read(volume->empty_disk->capacity, 1, &bytes))
            bytes = 0;
        sum = clamp(sum + clamp(bytes));
    }
    return sum;
}

struct pod_wants admission_wants(const struct pod *pod)
{
    if (pod->vm != NULL) {
        int64_t memory = clamp(vm_memory_bytes(pod->vm));
        int64_t more = admission_vm_overhead(memory, vm_cpus(pod->vm), vm_devices(pod->vm)->graphics);
        return (struct pod_wants){ .memory_bytes = clamp(memory + more), .disk_bytes = vm_disk_bytes(pod->vm) };
    }
    return (struct pod_wants){ .memory_bytes = clamp(pod_request_of(pod, "memory")),
                               .disk_bytes = clamp(pod_request_of(pod, "ephemeral-storage")) };
}

int64_t admission_vm_overhead(int64_t guest_bytes, int64_t cpus, bool graphics)
{
    return guest_bytes / VM_PAGE_TABLES + VM_QEMU + cpus * VM_CPU + (graphics ? VM_SCREEN : 0);
}

bool pod_wants_nothing(const struct pod_wants *wants)
{
    return wants->memory_bytes <= 0 && wants->disk_bytes <= 0;
}

bool pod_wants_within(const struct pod_wants *wants, const struct pod_wants *granted)
{
    return wants->memory_bytes <= granted->memory_bytes && wants->disk_bytes <= granted->disk_bytes;
}

struct pod_wants pod_wants_most(const struct pod_wants *a, const struct pod_wants *b)
{
    return (struct pod_wants){ most(a->memory_bytes, b->memory_bytes), most(a->disk_bytes, b->disk_bytes) };
}

struct pod_wants pod_wants_least(const struct pod_wants *a, const struct pod_wants *b)
{
    return (struct pod_wants){ least(a->memory_bytes, b->memory_bytes), least(a->disk_bytes, b->disk_bytes) };
}

struct pod_wants pod_wants_sum(const struct pod_wants *a, const struct pod_wants *b)
{
    return (struct pod_wants){ a->memory_bytes + b->memory_bytes, a->disk_bytes + b->disk_bytes };
}

/* What is wanted beyond what was granted is not there. */
static bool lacks(int64_t wants, int64_t granted, int64_t all, int64_t left)
{
    return all != POD_UNSET && wants > granted && wants - granted > left;
}

enum admission_lack admission_lack(const struct pod_wants *wants, const struct pod_wants *granted,
                                   const struct admission_room *room)
{
    if (lacks(wants->memory_bytes, granted->memory_bytes, room->most.memory_bytes, room->left.memory_bytes))
        return LACKS_MEMORY;
    if (lacks(wants->disk_bytes, granted->disk_bytes, room->most.disk_bytes, room->left.disk_bytes))
        return LACKS_DISK;
    return LACKS_NOTHING;
}

bool admission_is_hopeless(const struct pod_wants *wants, const struct admission_room *room)
{
    static const struct pod_wants nothing;
    const struct admission_room empty = { .most = room->most, .left = room->most };
    return admission_lack(wants, &nothing, &empty) != LACKS_NOTHING;
}

/* Of two that were created in the same millisecond the names say which: it is the same after a restart. */
static bool is_before(const struct admission_entry *a, const struct admission_entry *b)
{
    if (a->created_ms != b->created_ms)
        return a->created_ms < b->created_ms;
    return object_id_compare(a->id, b->id) < 0;
}

size_t admission_place(const struct admission_entry *entries, size_t count, const struct admission_entry *one)
{
    while (count > 0 && is_before(one, &entries[count - 1])) /* mostly it is the last */
        count--;
    return count;
}

void admission_decide(struct admission_entry *entries, size_t count, struct admission_room *room)
{
    for (size_t i = 0; i < count; i++) {
        struct admission_entry *entry = &entries[i];
        entry->lack = admission_lack(&entry->wants, &entry->granted, room);
        if (entry->lack != LACKS_NOTHING)
            continue;
        room->left.memory_bytes -= most(0, entry->wants.memory_bytes - entry->granted.memory_bytes);
        room->left.disk_bytes -= most(0, entry->wants.disk_bytes - entry->granted.disk_bytes);
    }
}

/* For people: whole MiB, where it is as much. */
static const char *rounded(int64_t bytes, char out[QUANTITY_BYTES])
{
    bytes = most(bytes, 0);
    return quantity_bytes(bytes >= MI ? bytes / MI * MI : bytes, out);
}

void admission_describe(const struct admission_entry *entry, const struct admission_room *room, struct pod_wait *wait)
{
    bool memory = entry->lack == LACKS_MEMORY;
    int64_t wants = memory ? entry->wants.memory_bytes : entry->wants.disk_bytes;
    int64_t granted = memory ? entry->granted.memory_bytes : entry->granted.disk_bytes;
    int64_t all = memory ? room->most.memory_bytes : room->most.disk_bytes;
    int64_t left = memory ? room->left.memory_bytes : room->left.disk_bytes;
    char wanted[QUANTITY_BYTES], free[QUANTITY_BYTES], whole[QUANTITY_BYTES];
    const char *what = memory ? "memory" : "ephemeral-storage";
    int begun = snprintf(wait->message, sizeof(wait->message), "0/1 nodes are available: 1 Insufficient %s: it requests %s, ",
                         what, quantity_bytes(wants, wanted));
    char *rest = wait->message + begun;
    size_t size = sizeof(wait->message) - (size_t)begun;
    snprintf(wait->reason, sizeof(wait->reason), "%s", memory ? "InsufficientMemory" : "InsufficientDisk");
    if (wants > all)
        snprintf(rest, size, "and this node has %s for all: it never starts with that; let it request less", rounded(all, whole));
    else if (memory)
        snprintf(rest, size, "%s of %s are free: it starts when others have ended; or let it request less",
                 rounded(left + granted, free), rounded(all, whole));
    else
        snprintf(rest, size, "%s are free on the disk and promised to nobody: it starts when there is room; remove what is not "
                 "needed (davit image prune), or let it request less", rounded(left + granted, free));
}
