/* The tables: how a row goes in. */
#include <string.h>

#include "base/memory.h"
#include "store/txn.h"

static struct txn_step *add_object(struct store_txn *txn, enum statement statement, const struct object_id *id)
{
    struct txn_step *step = txn_add(txn, statement);
    txn_text(step, id->namespace);
    txn_text(step, id->resource);
    txn_text(step, id->name);
    return step;
}

static struct txn_step *add_slot(struct store_txn *txn, enum statement statement, const struct slot_row *key)
{
    struct txn_step *step = add_object(txn, statement, &key->id);
    txn_text(step, key->source);
    txn_text(step, key->group);
    return step;
}

void store_put_slot(struct store_txn *txn, const struct slot_row *row)
{
    struct txn_step *step = add_slot(txn, PUT_SLOT, row);
    txn_integer(step, row->generation);
    txn_text(step, row->content);
    txn_text(step, row->hash);
    txn_integer(step, row->tombstone);
    txn_text(step, row->text);
    txn_integer(step, (int64_t)row->accepted_ms);
    txn_integer(step, (int64_t)row->created_ms);
}

void store_delete_slot(struct store_txn *txn, const struct slot_row *key)
{
    add_slot(txn, DELETE_SLOT, key);
}

void store_put_superseded(struct store_txn *txn, const struct slot_row *key, const char *content)
{
    txn_text(add_slot(txn, PUT_SUPERSEDED, key), content);
    txn_integer(add_slot(txn, PRUNE_SUPERSEDED, key), LIMIT_SUPERSEDED);
}

void store_delete_superseded(struct store_txn *txn, const struct slot_row *key)
{
    add_slot(txn, DELETE_SUPERSEDED, key);
}

void store_put_incarnation(struct store_txn *txn, const struct incarnation_row *row)
{
    txn_text(add_object(txn, DELETE_MEMORIES, &row->id), row->uid);
    struct txn_step *step = add_object(txn, PUT_INCARNATION, &row->id);
    txn_text(step, row->uid);
    txn_text(step, row->hash);
    txn_integer(step, (int64_t)row->created_ms);
    txn_text(step, row->text);
    txn_text(step, row->previous);
    txn_text(step, row->end_reason);
    txn_text(step, row->end_message);
}

void store_delete_incarnation(struct store_txn *txn, const struct object_id *id)
{
    txn_text(add_object(txn, DELETE_MEMORIES, id), "");
    add_object(txn, DELETE_INCARNATION, id);
}

void store_put_memory(struct store_txn *txn, const char *uid, const struct container_memory *memory)
{
    struct txn_step *step = txn_add(txn, PUT_MEMORY);
    txn_text(step, uid);
    txn_text(step, memory->name);
    txn_integer(step, memory->begun);
    txn_integer(step, memory->ended);
    txn_integer(step, memory->backoff);
    txn_integer(step, memory->last.exit_code);
    txn_integer(step, memory->last.signal);
    txn_text(step, memory->last.reason);
    txn_integer(step, (int64_t)memory->last.started_ms);
    txn_integer(step, (int64_t)memory->last.finished_ms);
    txn_integer(step, (int64_t)memory->last.finished_boot_ms);
    txn_text(step, store_boot_id(txn->store));
    txn_text(step, memory->last.message);
}

void store_put_outbox(struct store_txn *txn, const struct outbox_row *row)
{
    struct txn_step *step = txn_add(txn, PUT_OUTBOX);
    txn_integer(step, row->id);
    txn_text(step, row->topic);
    txn_text(step, row->payload);
    txn_integer(step, row->retain);
}

void store_delete_outbox(struct store_txn *txn, int64_t id)
{
    txn_integer(txn_add(txn, DELETE_OUTBOX), id);
}

void store_put_refused(struct store_txn *txn, const struct object_id *id)
{
    add_object(txn, PUT_REFUSED, id);
}

void store_delete_refused(struct store_txn *txn, const struct object_id *id)
{
    add_object(txn, DELETE_REFUSED, id);
}

void store_put_purge(struct store_txn *txn, const struct object_id *id)
{
    add_object(txn, PUT_PURGE, id);
}

void store_delete_purge(struct store_txn *txn, const struct object_id *id)
{
    add_object(txn, DELETE_PURGE, id);
}

void store_put_owner(struct store_txn *txn, const struct object_id *id, const char *memo)
{
    txn_text(add_object(txn, PUT_OWNER, id), memo);
}

void store_delete_owner(struct store_txn *txn, const struct object_id *id)
{
    add_object(txn, DELETE_OWNER, id);
}

void store_put_power(struct store_txn *txn, const struct power_row *row)
{
    struct txn_step *step = add_object(txn, PUT_POWER, &row->id);
    txn_text(step, row->power);
    txn_integer(step, row->force);
    txn_text(step, row->strategy);
    txn_text(step, row->uid);
}

void store_delete_power(struct store_txn *txn, const struct object_id *id)
{
    add_object(txn, DELETE_POWER, id);
}

void store_put_rollback(struct store_txn *txn, const struct rollback_row *row)
{
    struct txn_step *step = add_object(txn, PUT_ROLLBACK, &row->id);
    txn_text(step, row->snapshot);
    txn_integer(step, row->force);
    txn_text(step, row->uid);
}

void store_delete_rollback(struct store_txn *txn, const struct object_id *id)
{
    add_object(txn, DELETE_ROLLBACK, id);
}

void store_put_image(struct store_txn *txn, const struct image_row *row)
{
    struct txn_step *step = txn_add(txn, PUT_IMAGE);
    txn_text(step, row->id);
    txn_text(step, row->manifest);
    txn_text(step, row->config);
    txn_text(step, row->layers);
    txn_integer(step, row->size_bytes);
    txn_integer(step, (int64_t)row->created_ms);
    txn_integer(step, (int64_t)row->used_ms);
}

void store_delete_image(struct store_txn *txn, const char *id)
{
    txn_text(txn_add(txn, DELETE_IMAGE), id);
    txn_text(txn_add(txn, DELETE_IMAGE_NAMES), id);
}

void store_put_image_name(struct store_txn *txn, const struct image_name_row *row)
{
    struct txn_step *step = txn_add(txn, PUT_IMAGE_NAME);
    txn_text(step, row->reference);
    txn_text(step, row->id);
}

void store_delete_image_name(struct store_txn *txn, const char *reference)
{
    txn_text(txn_add(txn, DELETE_IMAGE_NAME), reference);
}

void store_put_layer(struct store_txn *txn, const struct layer_row *row)
{
    struct txn_step *step = txn_add(txn, PUT_LAYER);
    txn_text(step, row->diff_id);
    txn_integer(step, row->folder);
    txn_integer(step, row->size_bytes);
}

void store_put_address(struct store_txn *txn, const char *uid, const char *address)
{
    struct txn_step *step = txn_add(txn, PUT_ADDRESS);
    txn_text(step, uid);
    txn_text(step, address);
}

void store_delete_address(struct store_txn *txn, const char *uid)
{
    txn_text(txn_add(txn, DELETE_ADDRESS), uid);
}

void store_put_request(struct store_txn *txn, const struct request_row *row)
{
    struct txn_step *step = txn_add(txn, PUT_REQUEST);
    txn_text(step, row->key);
    txn_integer(step, (int64_t)row->begun_ms);
    txn_text(step, row->reply);
    txn_text(step, row->correlation);
    txn_integer(step, row->done);
    txn_text(step, row->answer);
}

void store_delete_request(struct store_txn *txn, const char *key)
{
    txn_text(txn_add(txn, DELETE_REQUEST), key);
}

void store_put_restart(struct store_txn *txn, const char *uid, bool made)
{
    struct txn_step *step = txn_add(txn, PUT_RESTART);
    txn_text(step, uid);
    txn_integer(step, made);
}

void store_delete_restart(struct store_txn *txn, const char *uid)
{
    txn_text(txn_add(txn, DELETE_RESTART), uid);
}

void store_put_service(struct store_txn *txn, const struct service_row *row)
{
    struct txn_step *step = txn_add(txn, PUT_SERVICE);
    txn_text(step, row->namespace);
    txn_text(step, row->name);
    txn_text(step, row->address);
    txn_text(step, row->ports);
}

void store_delete_service(struct store_txn *txn, const char *namespace, const char *name)
{
    struct txn_step *step = txn_add(txn, DELETE_SERVICE);
    txn_text(step, namespace);
    txn_text(step, name);
}

void store_delete_layer(struct store_txn *txn, const char *diff_id)
{
    txn_text(txn_add(txn, DELETE_LAYER), diff_id);
}

void store_put_revision(struct store_txn *txn, const struct slot_row *key, int64_t most)
{
    txn_integer(add_slot(txn, PUT_REVISION, key), key->generation);
    struct txn_step *step = add_object(txn, PRUNE_REVISIONS, &key->id);
    txn_integer(step, most);
    txn_integer(step, LIMIT_REVISIONS_BYTES);
}

void store_delete_revisions(struct store_txn *txn, const struct object_id *id)
{
    add_object(txn, DELETE_REVISIONS, id);
}

void store_ask_revisions(struct store *store, const struct slot_row *key, store_told told, void *ctx)
{
    struct store_txn *txn = store_begin(store);
    txn_integer(add_slot(txn, READ_REVISIONS, key), key->generation);
    txn->told = told;
    store_commit(txn, NULL, ctx);
}
