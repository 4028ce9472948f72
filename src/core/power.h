/* On or off, as a person said it beside a virtual machine's document: a row, so that it outlives every process, and in the
 * object, where the reconciler reads it. A document with another run strategy overrules it. Deciding thread only.
 */
#ifndef CORE_POWER_H
#define CORE_POWER_H

#include <stdbool.h>

#include "base/error.h"
#include "model/vm.h"

struct core;
struct object;
struct object_id;
struct store_txn;

/* AS_SAID: by the document. ON: as with runStrategy Always where the document says Halted; else the document's strategy rules
 * what follows on an end. OFF: nothing of it is to run.
 */
enum power { POWER_AS_SAID, POWER_ON, POWER_OFF };

/* err NULL: it is on the disk, and in the object. Comes once, not before power_set has returned. */
typedef void (*power_done)(void *ctx, const struct error *err);

struct power_said {
    enum power power;
    bool force;                /* OFF, and at once */
    enum vm_strategy strategy; /* of the document that it was said about */
    char uid[POD_UID_BYTES];   /* this incarnation is to be replaced by another of the same kind; "": none is */
};

/* Commits it for a virtual machine. `anew`: what ran before is replaced by another incarnation, so that no end of it is in
 * the way. done NULL: nobody is to be told.
 */
void power_set(struct core *core, struct object *object, enum power power, bool force, bool anew, power_done done, void *ctx);
/* What is said now; the strategy is the document's where nothing is. */
struct power_said power_of(const struct object *object);
/* The row, within a transaction of somebody else's, who calls power_apply when it is on the disk. */
void power_write(struct store_txn *txn, const struct object_id *id, const struct power_said *said);
void power_apply(struct core *core, struct object *object, const struct power_said *said);

MUST_CHECK bool power_load(struct core *core, struct error *err);
/* What documents overruled is forgotten, what is to be replaced is. */
void power_settle(struct core *core);

/* NULL: it is no virtual machine, nothing of it is wanted, or its document cannot be read any more. */
const struct vm *power_vm(const struct object *object);
/* One of it runs, of whatever incarnation. */
bool power_runs(const struct object *object);
/* It does not run, and is going to by itself: now, or after a delay. */
bool power_comes(const struct object *object);

#endif
