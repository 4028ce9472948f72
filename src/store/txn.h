/* Inside the store: a transaction as a list of statements with their values. */
#ifndef STORE_TXN_H
#define STORE_TXN_H

#include <sqlite3.h>

#include "store/store.h"

enum statement {
    PUT_SLOT, DELETE_SLOT,
    PUT_SUPERSEDED, PRUNE_SUPERSEDED, DELETE_SUPERSEDED,
    PUT_INCARNATION, DELETE_MEMORIES, DELETE_INCARNATION,
    PUT_MEMORY,
    PUT_OUTBOX, DELETE_OUTBOX,
    PUT_REFUSED, DELETE_REFUSED,
    PUT_PURGE, DELETE_PURGE,
    PUT_IMAGE, DELETE_IMAGE,
    PUT_IMAGE_NAME, DELETE_IMAGE_NAME, DELETE_IMAGE_NAMES,
    PUT_LAYER, DELETE_LAYER,
    PUT_ADDRESS, DELETE_ADDRESS,
    PUT_REQUEST, DELETE_REQUEST,
    PUT_RESTART, DELETE_RESTART,
    PUT_SERVICE, DELETE_SERVICE,
    PUT_OWNER, DELETE_OWNER,
    PUT_POWER, DELETE_POWER,
    PUT_ROLLBACK, DELETE_ROLLBACK,
    PUT_REVISION, PRUNE_REVISIONS, DELETE_REVISIONS, READ_REVISIONS,
    STATEMENT_COUNT
};

extern const char *const statement_sql[STATEMENT_COUNT];

#define TXN_VALUES_MAX 13

struct txn_value {
    char *text; /* NULL: the integer */
    int64_t integer;
};

struct txn_step {
    enum statement statement;
    size_t count;
    struct txn_value values[TXN_VALUES_MAX];
};

struct store_txn {
    struct store *store;
    struct txn_step *steps;
    size_t count;
    store_done done;
    store_told told; /* of one that reads */
    char *answer;    /* what it read; NULL: nothing */
    void *ctx;
    struct error result;
    struct store_txn *next;
};

struct txn_step *txn_add(struct store_txn *txn, enum statement statement);
void txn_text(struct txn_step *step, const char *text); /* NULL is stored as "" */
void txn_integer(struct txn_step *step, int64_t value);
void txn_free(struct store_txn *txn);
/* Runs the steps within an open transaction. */
MUST_CHECK bool txn_run(struct store_txn *txn, sqlite3 *db, sqlite3_stmt **prepared, struct error *err);
/* Fills err from what SQLite says; false. */
bool store_error(struct error *err, sqlite3 *db, const char *what);
sqlite3 *store_reader(struct store *store);
const char *store_boot_id(const struct store *store);

#endif
