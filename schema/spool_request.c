/* What the applier asks of the agent: numbered texts, served in order. */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "schema/spool_store.h"

struct request_key {
    uint8_t r;
    uint8_t number[8]; /* big-endian: LMDB sorts by bytes */
};

static struct request_key request_key(uint64_t number)
{
    struct request_key k = {.r = 'r'};
    uint64_t be = htobe64(number);
    memcpy(k.number, &be, sizeof be);
    return k;
}

int spool_put_request(struct spool *s, MDB_txn *txn, const char *text, struct ds_error *err)
{
    uint64_t number = 0;
    int rc = spool_get_record(s, txn, "request", &number, sizeof number, err);
    if (rc)
        return rc;
    number++;
    struct request_key key = request_key(number);
    MDB_val k = {sizeof key, &key}, v = {strlen(text), (void *)text};
    rc = mdb_put(txn, s->state, &k, &v, 0);
    if (rc)
        return spool_fail(s, err, rc, "writing");
    return spool_put_bytes(s, txn, "request", &number, sizeof number, err);
}

static bool is_request(const MDB_val *key, uint64_t *number)
{
    struct request_key k;
    if (key->mv_size != sizeof k || *(const uint8_t *)key->mv_data != 'r')
        return false;
    uint64_t be;
    memcpy(&k, key->mv_data, sizeof k);
    memcpy(&be, k.number, sizeof be);
    *number = be64toh(be);
    return true;
}

static int drop(MDB_cursor *cursor, const char *text, uint64_t *newest)
{
    struct request_key first = request_key(0);
    MDB_val k = {sizeof first, &first}, v;
    uint64_t number = 0;
    int rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
    while (rc == 0 && is_request(&k, &number)) {
        if (v.mv_size == strlen(text) && memcmp(v.mv_data, text, v.mv_size) == 0) {
            *newest = number;
            rc = mdb_cursor_del(cursor, 0);
        }
        if (rc == 0)
            rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
    }
    return rc == MDB_NOTFOUND ? 0 : rc;
}

int spool_drop_requests(struct spool *s, MDB_txn *txn, const char *text, struct ds_error *err)
{
    MDB_cursor *cursor;
    uint64_t done = 0, newest = 0;
    int rc = spool_get_record(s, txn, "done", &done, sizeof done, err);
    if (rc)
        return rc;
    rc = mdb_cursor_open(txn, s->state, &cursor);
    if (rc == 0) {
        rc = drop(cursor, text, &newest);
        mdb_cursor_close(cursor);
    }
    if (rc)
        return spool_fail(s, err, rc, "writing");
    return newest > done ? spool_put_bytes(s, txn, "done", &newest, sizeof newest, err) : 0;
}

static int commit_small(struct spool *s, MDB_txn *txn, int rc, struct ds_error *err)
{
    if (rc) {
        mdb_txn_abort(txn);
        return spool_full(s, err, rc);
    }
    rc = mdb_txn_commit(txn);
    return rc ? spool_full(s, err, spool_fail(s, err, rc, "writing")) : 0;
}

int spool_request(struct spool *s, const char *text, struct ds_error *err)
{
    MDB_txn *txn;
    int rc = spool_begin(s, false, &txn, err);
    if (rc)
        return spool_full(s, err, rc);
    return commit_small(s, txn, spool_put_request(s, txn, text, err), err);
}

int spool_request_get(struct spool *s, struct buf *text, uint64_t *number, struct ds_error *err)
{
    return spool_request_next(s, 0, text, number, err);
}

int spool_request_next(struct spool *s, uint64_t after, struct buf *text, uint64_t *number,
                       struct ds_error *err)
{
    MDB_txn *txn = NULL;
    MDB_cursor *cursor = NULL;
    buf_clear(text);
    *number = 0;
    uint64_t last = spool_last_txn(s);
    if (last && atomic_load(&s->quiet_txn) == last)
        return 0;
    int rc = spool_begin_read(s, &txn, err);
    if (rc)
        return rc;
    struct request_key first = request_key(after ? after + 1 : 0);
    MDB_val k = {sizeof first, &first}, v;
    rc = mdb_cursor_open(txn, s->state, &cursor);
    if (rc == 0)
        rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
    if (rc == 0 && is_request(&k, number)) {
        if (buf_append(text, v.mv_data, v.mv_size))
            rc = ENOMEM;
    } else if (rc == 0 || rc == MDB_NOTFOUND) {
        rc = 0;
        if (!after)
            atomic_store(&s->quiet_txn, mdb_txn_id(txn)); /* not `last`: what was seen */
    }
    if (cursor)
        mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
    return rc ? spool_fail(s, err, rc, "reading") : 0;
}

int spool_request_finish(struct spool *s, uint64_t number, struct ds_error *err)
{
    MDB_txn *txn;
    int rc = spool_begin(s, false, &txn, err);
    if (rc)
        return spool_full(s, err, rc);
    struct request_key key = request_key(number);
    MDB_val k = {sizeof key, &key};
    uint64_t done = 0;
    rc = mdb_del(txn, s->state, &k, NULL);
    if (rc && rc != MDB_NOTFOUND)
        rc = spool_fail(s, err, rc, "writing");
    else
        rc = spool_get_record(s, txn, "done", &done, sizeof done, err);
    if (rc == 0 && number > done)
        rc = spool_put_bytes(s, txn, "done", &number, sizeof number, err);
    return commit_small(s, txn, rc, err);
}
