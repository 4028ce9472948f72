#include "store/txn.h"

#include <string.h>

#include "base/memory.h"

#define SLOT_KEY "namespace = ?1 AND resource = ?2 AND name = ?3 AND source = ?4 AND grp = ?5"
#define OBJECT_KEY "namespace = ?1 AND resource = ?2 AND name = ?3"
#define LAST_REVISION "(SELECT max(revision) FROM revisions WHERE " OBJECT_KEY ")"
#define NEXT_REVISION "1 + coalesce(" LAST_REVISION ", 0)"

const char *const statement_sql[STATEMENT_COUNT] = {
    [PUT_SLOT] = "INSERT OR REPLACE INTO slots VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    [DELETE_SLOT] = "DELETE FROM slots WHERE " SLOT_KEY,
    [PUT_SUPERSEDED] = "INSERT INTO superseded (namespace, resource, name, source, grp, content) "
                       "VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [PRUNE_SUPERSEDED] = "DELETE FROM superseded WHERE " SLOT_KEY " AND id <= (SELECT id FROM superseded WHERE "
                         SLOT_KEY " ORDER BY id DESC LIMIT 1 OFFSET ?6)",
    [DELETE_SUPERSEDED] = "DELETE FROM superseded WHERE " SLOT_KEY,
    [PUT_INCARNATION] = "INSERT OR REPLACE INTO incarnations VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    [DELETE_MEMORIES] = "DELETE FROM memories WHERE uid != ?4 AND uid IN (SELECT uid FROM incarnations WHERE " OBJECT_KEY ")",
    [DELETE_INCARNATION] = "DELETE FROM incarnations WHERE " OBJECT_KEY,
    [PUT_MEMORY] = "INSERT OR REPLACE INTO memories VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    [PUT_OUTBOX] = "INSERT OR REPLACE INTO outbox VALUES (?1, ?2, ?3, ?4)",
    [DELETE_OUTBOX] = "DELETE FROM outbox WHERE id = ?1",
    [PUT_REFUSED] = "INSERT OR REPLACE INTO refused VALUES (?1, ?2, ?3)",
    [DELETE_REFUSED] = "DELETE FROM refused WHERE " OBJECT_KEY,
    [PUT_PURGE] = "INSERT OR REPLACE INTO purges VALUES (?1, ?2, ?3)",
    [DELETE_PURGE] = "DELETE FROM purges WHERE " OBJECT_KEY,
    [PUT_IMAGE] = "INSERT OR REPLACE INTO images VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [DELETE_IMAGE] = "DELETE FROM images WHERE id = ?1",
    [PUT_IMAGE_NAME] = "INSERT OR REPLACE INTO image_names VALUES (?1, ?2)",
    [DELETE_IMAGE_NAME] = "DELETE FROM image_names WHERE reference = ?1",
    [DELETE_IMAGE_NAMES] = "DELETE FROM image_names WHERE id = ?1",
    [PUT_LAYER] = "INSERT OR REPLACE INTO layers VALUES (?1, ?2, ?3)",
    [PUT_ADDRESS] = "INSERT OR REPLACE INTO addresses VALUES (?1, ?2)",
    [PUT_OWNER] = "INSERT OR REPLACE INTO owners VALUES (?1, ?2, ?3, ?4)",
    [DELETE_OWNER] = "DELETE FROM owners WHERE " OBJECT_KEY,
    [PUT_POWER] = "INSERT OR REPLACE INTO powers VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [DELETE_POWER] = "DELETE FROM powers WHERE " OBJECT_KEY,
    [PUT_ROLLBACK] = "INSERT OR REPLACE INTO rollbacks VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [DELETE_ROLLBACK] = "DELETE FROM rollbacks WHERE " OBJECT_KEY,
    [PUT_REVISION] = "INSERT INTO revisions SELECT ?1, ?2, ?3, " NEXT_REVISION ", ?6, accepted_ms, source, grp, text FROM slots "
                     "WHERE " SLOT_KEY,
    [PRUNE_REVISIONS] = "DELETE FROM revisions WHERE " OBJECT_KEY " AND (revision <= " LAST_REVISION " - ?4 OR (revision < " LAST_REVISION
                        " AND ?5 < (SELECT sum(length(CAST(text AS BLOB))) FROM revisions WHERE " OBJECT_KEY ") AND ?5 < (SELECT "
                        "sum(length(CAST(newer.text AS BLOB))) FROM revisions AS newer WHERE newer.namespace = ?1 AND "
                        "newer.resource = ?2 AND newer.name = ?3 AND newer.revision >= revisions.revision)))",
    [DELETE_REVISIONS] = "DELETE FROM revisions WHERE " OBJECT_KEY,
    [READ_REVISIONS] = "SELECT json_group_array(json_object('revision', revision, 'generation', generation, 'acceptedMs', "
                       "accepted_ms, 'source', source, 'group', grp, 'text', text)) FROM (SELECT revision, generation, accepted_ms, "
                       "source, grp, text FROM revisions WHERE " OBJECT_KEY " UNION ALL SELECT " NEXT_REVISION ", ?6, accepted_ms, "
                       "source, grp, text FROM slots WHERE " SLOT_KEY " ORDER BY revision)",
    [DELETE_ADDRESS] = "DELETE FROM addresses WHERE uid = ?1",
    [PUT_REQUEST] = "INSERT OR REPLACE INTO requests VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [DELETE_REQUEST] = "DELETE FROM requests WHERE key = ?1",
    [PUT_RESTART] = "INSERT OR REPLACE INTO restarts VALUES (?1, ?2)",
    [DELETE_RESTART] = "DELETE FROM restarts WHERE uid = ?1",
    [PUT_SERVICE] = "INSERT OR REPLACE INTO services VALUES (?1, ?2, ?3, ?4)",
    [DELETE_SERVICE] = "DELETE FROM services WHERE namespace = ?1 AND name = ?2",
    [DELETE_LAYER] = "DELETE FROM layers WHERE diff_id = ?1",
};

struct txn_step *txn_add(struct store_txn *txn, enum statement statement)
{
    txn->steps = mem_resize(txn->steps, txn->count + 1, sizeof(*txn->steps));
    struct txn_step *step = &txn->steps[txn->count++];
    memset(step, 0, sizeof(*step));
    step->statement = statement;
    return step;
}

void txn_text(struct txn_step *step, const char *text)
{
    step->values[step->count++].text = mem_strdup(text != NULL ? text : "");
}

void txn_integer(struct txn_step *step, int64_t value)
{
    step->values[step->count++].integer = value;
}

void txn_free(struct store_txn *txn)
{
    for (size_t i = 0; i < txn->count; i++)
        for (size_t j = 0; j < txn->steps[i].count; j++)
            free(txn->steps[i].values[j].text);
    free(txn->steps);
    free(txn->answer);
    free(txn);
}

bool store_error(struct error *err, sqlite3 *db, const char *what)
{
    int code = sqlite3_errcode(db);
    enum error_code kind = ERROR_IO;
    if (code == SQLITE_FULL)
        kind = ERROR_NO_SPACE;
    else if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
        kind = ERROR_INVALID;
    return error_set(err, kind, "%s: %s", what, sqlite3_errmsg(db));
}

/* *answer: the first column of the row that it reads, if it reads. */
static bool step_run(const struct txn_step *step, sqlite3 *db, sqlite3_stmt **prepared, char **answer, struct error *err)
{
    sqlite3_stmt **stmt = &prepared[step->statement];
    if (*stmt == NULL &&
        sqlite3_prepare_v3(db, statement_sql[step->statement], -1, SQLITE_PREPARE_PERSISTENT, stmt, NULL) != SQLITE_OK)
        return store_error(err, db, "cannot prepare a statement");
    for (size_t i = 0; i < step->count; i++) {
        const struct txn_value *value = &step->values[i];
        int bound = value->text != NULL ? sqlite3_bind_text(*stmt, (int)i + 1, value->text, -1, SQLITE_STATIC)
                                        : sqlite3_bind_int64(*stmt, (int)i + 1, value->integer);
        if (bound != SQLITE_OK)
            return store_error(err, db, "cannot bind a value");
    }
    int code = sqlite3_step(*stmt);
    if (code == SQLITE_ROW) {
        free(*answer);
        *answer = mem_strdup((const char *)sqlite3_column_text(*stmt, 0));
    }
    bool done = code == SQLITE_DONE || code == SQLITE_ROW;
    if (!done)
        store_error(err, db, "cannot write to the database");
    sqlite3_reset(*stmt);
    sqlite3_clear_bindings(*stmt);
    return done;
}

bool txn_run(struct store_txn *txn, sqlite3 *db, sqlite3_stmt **prepared, struct error *err)
{
    for (size_t i = 0; i < txn->count; i++)
        if (!step_run(&txn->steps[i], db, prepared, &txn->answer, err))
            return false;
    return true;
}
