#include "store/store.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "store/schema.h"
#include "store/txn.h"

#define WRITER_STACK_BYTES (256 * 1024)

struct queue {
    struct store_txn *first;
    struct store_txn **last;
};

struct store {
    sqlite3 *db;
    enum store_mode mode;
    char *boot_id;
    sqlite3_stmt *prepared[STATEMENT_COUNT];
    pthread_t writer;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t work;
    bool ending;
    struct queue waiting;
    struct queue answered;
    size_t pending;
    int event_fd;
};

static void queue_clear(struct queue *queue)
{
    queue->first = NULL;
    queue->last = &queue->first;
}

static void queue_add(struct queue *queue, struct store_txn *txn)
{
    txn->next = NULL;
    *queue->last = txn;
    queue->last = &txn->next;
}

static struct store_txn *queue_take_all(struct queue *queue)
{
    struct store_txn *all = queue->first;
    queue_clear(queue);
    return all;
}

static bool run_sql(sqlite3 *db, const char *sql, const char *what, struct error *err)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK || store_error(err, db, what);
}

/* One disk transaction for a chain of ours. */
static bool write_group(struct store *store, struct store_txn *first, const struct store_txn *end,
                        struct error *err)
{
    if (!run_sql(store->db, "BEGIN IMMEDIATE", "cannot begin a transaction", err))
        return false;
    bool good = true;
    for (struct store_txn *txn = first; good && txn != end; txn = txn->next)
        good = txn_run(txn, store->db, store->prepared, err);
    if (good && run_sql(store->db, "COMMIT", "cannot commit", err))
        return true;
    if (sqlite3_get_autocommit(store->db) == 0)
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL); /* the cause is in err already */
    return false;
}

/* All together, for one sync; where that fails each alone, so that one cannot spoil the others. */
static void write_all(struct store *store, struct store_txn *all)
{
    struct error err;
    if (write_group(store, all, NULL, &err))
        return;
    for (struct store_txn *txn = all; txn != NULL; txn = txn->next)
        if (!write_group(store, txn, txn->next, &txn->result))
            log_error("%s", txn->result.message);
}

static void *writer_main(void *arg)
{
    struct store *store = arg;
    pthread_mutex_lock(&store->lock);
    while (!store->ending || store->waiting.first != NULL) {
        struct store_txn *all = queue_take_all(&store->waiting);
        if (all == NULL) {
            pthread_cond_wait(&store->work, &store->lock);
            continue;
        }
        pthread_mutex_unlock(&store->lock);
        write_all(store, all);
        pthread_mutex_lock(&store->lock);
        for (struct store_txn *next; all != NULL; all = next) {
            next = all->next;
            queue_add(&store->answered, all);
        }
        uint64_t one = 1;
        if (write(store->event_fd, &one, sizeof(one)) < 0)
            log_error("cannot wake the deciding thread: %s", strerror(errno));
    }
    pthread_mutex_unlock(&store->lock);
    return NULL;
}

static bool schema_apply(sqlite3 *db, struct error *err)
{
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &stmt, NULL) != SQLITE_OK)
        return store_error(err, db, "cannot read the schema's version");
    int version = sqlite3_step(stmt) == SQLITE_ROW ? sqlite3_column_int(stmt, 0) : -1;
    sqlite3_finalize(stmt);
    const int newest = (int)(sizeof(store_schema) / sizeof(store_schema[0]));
    if (version < 0)
        return store_error(err, db, "cannot read the schema's version");
    if (version > newest)
        return error_set(err, ERROR_UNSUPPORTED,
                         "the database has schema %d, this version of Davit knows up to %d: install a newer one", version,
                         newest);
    for (; version < newest; version++) {
        AUTO_FREE char *sql = mem_printf("BEGIN IMMEDIATE; %s PRAGMA user_version = %d; COMMIT;", store_schema[version],
                                         version + 1);
        if (!run_sql(db, sql, "cannot bring the schema up to date", err))
            return false;
    }
    return true;
}

static bool database_check(sqlite3 *db, struct error *err)
{
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &stmt, NULL) != SQLITE_OK)
        return store_error(err, db, "cannot check the database");
    const char *verdict = sqlite3_step(stmt) == SQLITE_ROW ? (const char *)sqlite3_column_text(stmt, 0) : "no answer";
    bool good = verdict != NULL && strcmp(verdict, "ok") == 0;
    if (!good)
        error_set(err, ERROR_INVALID, "the database is damaged: %s", verdict != NULL ? verdict : "out of memory");
    sqlite3_finalize(stmt);
    return good;
}

/* A container that ended while the next incarnation was on its way to the disk left a memory of the last one behind.
 * Writes nothing where there is none; a full disk keeps them until the next start.
 */
#define OF_NO_SLOT "(namespace, resource, name) NOT IN (SELECT namespace, resource, name FROM slots)"
static void memories_sweep(sqlite3 *db)
{
    struct error err;
    if (!run_sql(db, "DELETE FROM memories WHERE uid NOT IN (SELECT uid FROM incarnations);"
                     "DELETE FROM restarts WHERE uid NOT IN (SELECT uid FROM incarnations);"
                     "DELETE FROM powers WHERE " OF_NO_SLOT ";"
                     "DELETE FROM rollbacks WHERE " OF_NO_SLOT, "cannot tidy up", &err))
        log_warn("%s", err.message);
}

/* WAL: one fdatasync a commit. Small caches: the database is small. */
static const char pragmas[] = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -256; "
                              "PRAGMA wal_autocheckpoint = 256; PRAGMA journal_size_limit = 1048576;";

static bool writer_start(struct store *store, struct error *err)
{
    store->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (store->event_fd < 0)
        return error_set_errno(err, errno, "cannot make an eventfd");
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, WRITER_STACK_BYTES);
    int failed = pthread_create(&store->writer, &attr, writer_main, store);
    pthread_attr_destroy(&attr);
    if (failed != 0) {
        close(fd_steal(&store->event_fd));
        return error_set_errno(err, failed, "cannot start the store's writer");
    }
    return true;
}

struct store *store_open(const char *path, enum store_mode mode, const char *boot_id, struct error *err)
{
    struct store *store = mem_alloc(sizeof(*store));
    store->mode = mode;
    store->boot_id = mem_strdup(boot_id);
    store->event_fd = -1;
    queue_clear(&store->waiting);
    queue_clear(&store->answered);
    pthread_mutex_init(&store->lock, NULL);
    pthread_cond_init(&store->work, NULL);
    bool good = sqlite3_open_v2(path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) == SQLITE_OK ||
                store_error(err, store->db, "cannot open the database");
    good = good && run_sql(store->db, pragmas, "cannot set up the database", err) && database_check(store->db, err) &&
           schema_apply(store->db, err);
    if (good)
        memories_sweep(store->db);
    good = good && (mode == STORE_MANUAL || writer_start(store, err));
    if (good)
        return store;
    error_wrap(err, "%s", path);
    sqlite3_close(store->db);
    free(store->boot_id);
    free(store);
    return NULL;
}

static void answer_all(struct store_txn *all, const struct error *why)
{
    for (struct store_txn *next; all != NULL; all = next) {
        next = all->next;
        const struct error *err = why != NULL ? why : all->result.code != ERROR_NONE ? &all->result : NULL;
        if (all->done != NULL && why == NULL)
            all->done(all->ctx, err);
        if (all->told != NULL && why == NULL)
            all->told(all->ctx, err == NULL ? all->answer : NULL, err);
        txn_free(all);
    }
}

void store_close(struct store *store)
{
    if (store == NULL)
        return;
    if (store->mode == STORE_THREADED) {
        pthread_mutex_lock(&store->lock);
        store->ending = true;
        pthread_cond_signal(&store->work);
        pthread_mutex_unlock(&store->lock);
        pthread_join(store->writer, NULL);
        close(store->event_fd);
    }
    const struct error closed = { .code = ERROR_UNAVAILABLE };
    answer_all(queue_take_all(&store->waiting), &closed);
    answer_all(queue_take_all(&store->answered), &closed);
    for (size_t i = 0; i < STATEMENT_COUNT; i++)
        sqlite3_finalize(store->prepared[i]);
    if (sqlite3_close(store->db) != SQLITE_OK)
        log_error("the database did not close: %s", sqlite3_errmsg(store->db));
    pthread_mutex_destroy(&store->lock);
    pthread_cond_destroy(&store->work);
    free(store->boot_id);
    free(store);
}

int store_fd(const struct store *store)
{
    return store->event_fd;
}

size_t store_pending(const struct store *store)
{
    return store->pending;
}

sqlite3 *store_reader(struct store *store)
{
    return store->db;
}

const char *store_boot_id(const struct store *store)
{
    return store->boot_id;
}

void store_dispatch(struct store *store)
{
    uint64_t count = 0;
    if (store->event_fd >= 0 && read(store->event_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
        log_error("cannot read the store's eventfd: %s", strerror(errno));
    pthread_mutex_lock(&store->lock);
    struct store_txn *all = queue_take_all(store->mode == STORE_MANUAL ? &store->waiting : &store->answered);
    pthread_mutex_unlock(&store->lock);
    if (store->mode == STORE_MANUAL && all != NULL)
        write_all(store, all);
    for (struct store_txn *txn = all; txn != NULL; txn = txn->next)
        store->pending--;
    answer_all(all, NULL);
}

struct store_txn *store_begin(struct store *store)
{
    struct store_txn *txn = mem_alloc(sizeof(*txn));
    txn->store = store;
    return txn;
}

void store_commit(struct store_txn *txn, store_done done, void *ctx)
{
    struct store *store = txn->store;
    txn->done = done;
    txn->ctx = ctx;
    store->pending++;
    pthread_mutex_lock(&store->lock);
    queue_add(&store->waiting, txn);
    pthread_cond_signal(&store->work);
    pthread_mutex_unlock(&store->lock);
}

void store_abandon(struct store_txn *txn)
{
    txn_free(txn);
}
