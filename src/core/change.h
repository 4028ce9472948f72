/* A change of one slot on its way to the disk: built, committed, and only then applied. */
#ifndef CORE_CHANGE_H
#define CORE_CHANGE_H

#include "core/core.h"

struct change {
    struct core *core;
    struct object *object;
    enum slot_source source;
    char *group;
    size_t rank;
    bool remove;              /* the slot is emptied; else it takes `document` */
    struct document document;
    int64_t generation;
    uint64_t accepted_ms;
    char uid[POD_UID_BYTES];  /* of the incarnation that this change wants; "" : it stays */
    bool forgets;             /* of an owner: nothing is wanted any more, and what comes next begins anew */
    bool ends;                /* nothing is wanted any more: the incarnation is to end */
    struct json *previous;    /* ids of the images of the incarnation before it */
    struct pod *held;         /* what runs goes on until the images of what is wanted now are here; NULL: no need */
    char hash[POD_HASH_BYTES];
    bool restart;             /* no slot changes: another incarnation of the wanted one */
    int64_t restart_serial;   /* the request that is answered then; 0: none */
    int purge;                /* claims_plan */
    int64_t seq;
    uint64_t retry_ms;        /* the commit failed: again then */
    struct change *next;
};

/* The slot takes `document`, which is left empty; NULL: the slot is emptied. The caller frees, or gives it away below. */
struct change *change_new(struct core *core, struct object *object, const struct slot_key *key, struct document *document,
                          int64_t generation);
void change_free(struct change *change);
/* Takes `change`. object->committing stays set until it is applied; a commit that fails is tried again. */
void change_commit(struct change *change);
/* Of several in one commit (core/whole): what follows from it by what is known now, and its rows. */
void change_write(struct change *change, struct store_txn *txn);
/* It is on the disk. Takes `change`. */
void change_settled(struct change *change);
/* Tries those again whose time has come; the next time (boot ms), 0: none. */
uint64_t change_retry(struct core *core);
void change_free_all(struct core *core);

#endif
