/* What is kept: SQLite, written by one thread behind a queue, with group commit.
 *
 * A transaction is filled on the deciding thread, handed over, and answered later by its callback, from store_dispatch,
 * on the deciding thread again, in the order of the commits. It is on the disk then (synchronous=FULL), or, with an
 * error, nothing of it is. Reading happens at start, before the first commit.
 *
 * In manual mode (the simulator) there is no thread: store_dispatch itself commits what waits, and a crash is
 * store_close with transactions that nobody dispatched.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/error.h"
#include "model/instance.h"
#include "model/object_id.h"

struct store;
struct store_txn;

enum store_mode { STORE_THREADED, STORE_MANUAL };

/* Opens or makes the database, brings its schema up to date, checks its integrity. The folder must exist. `boot_id`
 * tells this boot from others. ERROR_INVALID: the file is damaged, or no database.
 */
MUST_CHECK struct store *store_open(const char *path, enum store_mode mode, const char *boot_id, struct error *err);
void store_close(struct store *store); /* commits nothing that has not been dispatched in manual mode */
/* Becomes readable when store_dispatch has something to answer. -1 in manual mode. */
int store_fd(const struct store *store);
void store_dispatch(struct store *store);
/* Transactions handed over and not answered yet. */
size_t store_pending(const struct store *store);

struct store_txn *store_begin(struct store *store);
/* err NULL: it is on the disk. */
typedef void (*store_done)(void *ctx, const struct error *err);
void store_commit(struct store_txn *txn, store_done done, void *ctx); /* takes txn; done may be NULL */
/* The same for one that reads: `text` is what it read, NULL: nothing, or err says why. */
typedef void (*store_told)(void *ctx, const char *text, const struct error *err);
void store_abandon(struct store_txn *txn); /* it was not handed over, and will not be */

/* Slots: what each source says of an object. The key is (id, source, group). */
struct slot_row {
    struct object_id id;
    const char *source; /* "node" "bundle" "group" "all" "manifests" "owner" */
    const char *group;  /* "" unless source is "group" */
    int64_t generation;
    const char *content;
    const char *hash; /* restart hash; "" for a tombstone */
    bool tombstone;
    const char *text; /* the document */
    uint64_t accepted_ms;
    uint64_t created_ms; /* when the first of these documents was accepted; 0: it was before this was written down */
};
void store_put_slot(struct store_txn *txn, const struct slot_row *row);
void store_delete_slot(struct store_txn *txn, const struct slot_row *key);
MUST_CHECK bool store_each_slot(struct store *store, void (*each)(void *ctx, const struct slot_row *row), void *ctx,
                                struct error *err);

/* Contents that were accepted once and are not any more; the newest LIMIT_SUPERSEDED of each slot are kept. */
void store_put_superseded(struct store_txn *txn, const struct slot_row *key, const char *content);
void store_delete_superseded(struct store_txn *txn, const struct slot_row *key);
MUST_CHECK bool store_each_superseded(struct store *store, void (*each)(void *ctx, const struct slot_row *key), void *ctx,
                                      struct error *err);

/* The wanted incarnation of an object. Memories of the one before it go; those of its own stay. */
struct incarnation_row {
    struct object_id id;
    const char *uid;
    const char *hash;
    uint64_t created_ms;
    const char *text;     /* the spec that it runs, while a newer document waits for its images; NULL or "": the ruling one */
    const char *previous; /* JSON array: ids of the images of the incarnation before it; NULL or "": there was none */
    const char *end_reason, *end_message; /* the pod as a whole is over; NULL or "": it is not */
};
void store_put_incarnation(struct store_txn *txn, const struct incarnation_row *row);
/* With the memories of its containers. */
void store_delete_incarnation(struct store_txn *txn, const struct object_id *id);
MUST_CHECK bool store_each_incarnation(struct store *store, void (*each)(void *ctx, const struct incarnation_row *row),
                                       void *ctx, struct error *err);

/* What is remembered of the containers of an incarnation. Delays of an earlier boot are read as over. */
void store_put_memory(struct store_txn *txn, const char *uid, const struct container_memory *memory);
MUST_CHECK bool store_each_memory(struct store *store,
                                  void (*each)(void *ctx, const char *uid, const struct container_memory *memory),
                                  void *ctx, struct error *err);

/* Addresses given to pods, by uid. */
void store_put_address(struct store_txn *txn, const char *uid, const char *address);
void store_delete_address(struct store_txn *txn, const char *uid);
MUST_CHECK bool store_each_address(struct store *store, void (*each)(void *ctx, const char *uid, const char *address),
                                   void *ctx, struct error *err);

/* Requests that are carried out once: WHO/VERB/ID, and how they were answered. */
struct request_row {
    const char *key;
    uint64_t begun_ms; /* wall */
    const char *reply; /* topic */
    const char *correlation;
    bool done;
    const char *answer; /* not done: what is answered if it never will be */
};
void store_put_request(struct store_txn *txn, const struct request_row *row);
void store_delete_request(struct store_txn *txn, const char *key);
MUST_CHECK bool store_each_request(struct store *store, void (*each)(void *ctx, const struct request_row *row), void *ctx,
                                   struct error *err); /* oldest first */

/* Incarnations, by uid, that are to be replaced by another one of the same kind when their turn comes; `made`: that
 * replaced another one of the same kind.
 */
void store_put_restart(struct store_txn *txn, const char *uid, bool made);
void store_delete_restart(struct store_txn *txn, const char *uid);
MUST_CHECK bool store_each_restart(struct store *store, void (*each)(void *ctx, const char *uid, bool made), void *ctx,
                                   struct error *err);

/* What was given to Services. */
struct service_row {
    const char *namespace, *name;
    const char *address; /* "": none */
    const char *ports;   /* JSON: {"TCP/80":30080} */
};
void store_put_service(struct store_txn *txn, const struct service_row *row);
void store_delete_service(struct store_txn *txn, const char *namespace, const char *name);
MUST_CHECK bool store_each_service(struct store *store, void (*each)(void *ctx, const struct service_row *row), void *ctx,
                                   struct error *err);

/* Messages that must arrive. `id` is the caller's, and rises. */
struct outbox_row {
    int64_t id;
    const char *topic;
    const char *payload; /* "" is a clear */
    bool retain;
};
void store_put_outbox(struct store_txn *txn, const struct outbox_row *row);
void store_delete_outbox(struct store_txn *txn, int64_t id);
MUST_CHECK bool store_each_outbox(struct store *store, void (*each)(void *ctx, const struct outbox_row *row), void *ctx,
                                  struct error *err);

/* Objects that have status topics and no incarnation: a document of theirs was refused, or they run without one. */
void store_put_refused(struct store_txn *txn, const struct object_id *id);
void store_delete_refused(struct store_txn *txn, const struct object_id *id);
MUST_CHECK bool store_each_refused(struct store *store, void (*each)(void *ctx, const struct object_id *id), void *ctx,
                                   struct error *err);

/* Claims whose data is to go. */
void store_put_purge(struct store_txn *txn, const struct object_id *id);
void store_delete_purge(struct store_txn *txn, const struct object_id *id);
MUST_CHECK bool store_each_purge(struct store *store, void (*each)(void *ctx, const struct object_id *id), void *ctx,
                                 struct error *err);

/* What an owner must not forget: JSON, the owner's own (core/owner_jobs, core/owner_crons). */
void store_put_owner(struct store_txn *txn, const struct object_id *id, const char *memo);
void store_delete_owner(struct store_txn *txn, const struct object_id *id);
MUST_CHECK bool store_each_owner(struct store *store,
                                 void (*each)(void *ctx, const struct object_id *id, const char *memo), void *ctx,
                                 struct error *err);

/* Documents that ruled an object before, with rising numbers. What the slot `key` holds becomes one, before it takes another; of
 * them the newest `most` are kept, and of those the newest one and what else is within LIMIT_REVISIONS_BYTES.
 */
void store_put_revision(struct store_txn *txn, const struct slot_row *key, int64_t most);
void store_delete_revisions(struct store_txn *txn, const struct object_id *id);
/* On the writer thread. A JSON array, oldest first, the last one is what the slot holds: {"revision","generation","acceptedMs",
 * "source","group","text"}.
 */
void store_ask_revisions(struct store *store, const struct slot_row *key, store_told told, void *ctx);

/* What a person said of a virtual machine beside its document: on or off. */
struct power_row {
    struct object_id id;
    const char *power; /* "said" "on" "off" */
    bool force;
    const char *strategy; /* of the document that it was said about: one with another one overrules it */
    const char *uid;      /* the incarnation that is to be replaced by another of the same kind; "" : none */
};
void store_put_power(struct store_txn *txn, const struct power_row *row);
void store_delete_power(struct store_txn *txn, const struct object_id *id);
MUST_CHECK bool store_each_power(struct store *store, void (*each)(void *ctx, const struct power_row *row), void *ctx,
                                 struct error *err);

/* Virtual machines that are going back to a snapshot: until the row goes, they are held off. */
struct rollback_row {
    struct object_id id;
    const char *snapshot;
    bool force;
    const char *uid; /* the incarnation that ran, and is started anew then; "" : none did */
};
void store_put_rollback(struct store_txn *txn, const struct rollback_row *row);
void store_delete_rollback(struct store_txn *txn, const struct object_id *id);
MUST_CHECK bool store_each_rollback(struct store *store, void (*each)(void *ctx, const struct rollback_row *row),
                                    void *ctx, struct error *err);

/* Images, by id; names lead to them, layers are folders that they share. How many images need a layer is counted from
 * these rows, and kept nowhere else.
 */
struct image_row {
    const char *id;        /* digest of the configuration */
    const char *manifest;  /* digest; "" where the archive has none */
    const char *config;    /* JSON */
    const char *layers;    /* JSON array of diff-ids, lowest first */
    int64_t size_bytes;
    uint64_t created_ms;   /* came here at */
    uint64_t used_ms;      /* a container was last made of it, or it came */
};
void store_put_image(struct store_txn *txn, const struct image_row *row);
void store_delete_image(struct store_txn *txn, const char *id); /* with its names */
MUST_CHECK bool store_each_image(struct store *store, void (*each)(void *ctx, const struct image_row *row), void *ctx,
                                 struct error *err);
struct image_name_row {
    const char *reference; /* normalised: docker.io/library/busybox:latest */
    const char *id;
};
void store_put_image_name(struct store_txn *txn, const struct image_name_row *row);
void store_delete_image_name(struct store_txn *txn, const char *reference);
MUST_CHECK bool store_each_image_name(struct store *store, void (*each)(void *ctx, const struct image_name_row *row),
                                      void *ctx, struct error *err);
struct layer_row {
    const char *diff_id;
    int64_t folder; /* images/layers/FOLDER */
    int64_t size_bytes;
};
void store_put_layer(struct store_txn *txn, const struct layer_row *row);
void store_delete_layer(struct store_txn *txn, const char *diff_id);
MUST_CHECK bool store_each_layer(struct store *store, void (*each)(void *ctx, const struct layer_row *row), void *ctx,
                                 struct error *err);

#endif
