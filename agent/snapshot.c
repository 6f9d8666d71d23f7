/* A consistent copy without locks, and the proof that it is one.
 *
 * Definitions. No server shows definitions as of a snapshot. All of them are read before the
 * snapshot is opened and again after: equal means that they are those of its position P. A table's
 * definition (and InnoDB's id of it, which moves when tables are renamed) is read once more when
 * all of its rows are there: still the same means that the rows were read through it. Anything else
 * starts the whole copy again; the server itself refuses to read a rebuilt table through an older
 * snapshot (error 1412).
 *
 * Locks. After each table the transaction goes back to a savepoint, which releases the table's
 * metadata lock: else an ALTER TABLE would wait for the end of the copy, and every statement on
 * that table behind it.
 *
 * Tables that no snapshot covers are read one by one under a read lock on a connection of their
 * own, into a file, so that the lock is held no longer than the source needs to send the rows. Each
 * has its own position C, later than P; whoever applies the stream passes over their changes up to
 * C.
 */
#include "agent/snapshot.h"

#include <mysqld_error.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "agent/snapshot_internal.h"
#include "schema/log.h"
#include "schema/table_sum.h"

enum {
    ATTEMPTS_MAX = 10,
    BACKOFF_FIRST_MS = 500,
    BACKOFF_MAX_MS = 30000,
    LOCK_WAIT_SECONDS = 5, /* of a table's read lock: it queues writers behind it */
    LOCK_TRIES_MAX = 20,
};

/* --- messages ------------------------------------------------------------ */

int snapshot_put(void *arg, const void *message, size_t len, struct ds_error *err)
{
    struct snapshot *s = arg;
    if (s->o->stop_requested && s->o->stop_requested(s->o->arg))
        return error_set(err, DS_ESTOPPED, "asked to stop during the snapshot");
    s->progress.bytes += len;
    return s->o->put(s->o->arg, message, len, err);
}

static int put_nothing(void *arg, const void *message, size_t len, struct ds_error *err)
{
    (void)arg;
    (void)message;
    (void)len;
    (void)err;
    return 0;
}

static int put_aside(void *arg, const void *message, size_t len, struct ds_error *err)
{
    struct snapshot *s = arg;
    if (s->o->stop_requested && s->o->stop_requested(s->o->arg))
        return error_set(err, DS_ESTOPPED, "asked to stop during the snapshot");
    return spill_put(&s->spill, message, len, err);
}

static int put_message(struct snapshot *s, put_function put, const struct msg_snapshot *m,
                       struct ds_error *err)
{
    buf_clear(&s->message);
    if (message_write_snapshot(&s->message, m))
        return error_set(err, DS_ENOMEM, "out of memory for a message");
    return put(s, s->message.data, s->message.len, err);
}

static int put_kind(struct snapshot *s, put_function put, enum snapshot_kind kind, uint32_t id,
                    const char *text, struct ds_error *err)
{
    const struct msg_snapshot m = {
        .kind = kind, .table_id = id, .text = {(const uint8_t *)text, strlen(text)}};
    return put_message(s, put, &m, err);
}

int snapshot_put_position(struct snapshot *s, put_function put, enum snapshot_kind kind,
                          uint32_t id, const struct position *at, struct ds_error *err)
{
    BUF_AUTO struct buf text = {0};
    if (position_print(at, &text))
        return error_set(err, DS_ENOMEM, "out of memory for a position");
    return put_kind(s, put, kind, id, buf_cstr(&text), err);
}

static int put_ddl(struct snapshot *s, const struct object *x, struct ds_error *err)
{
    BUF_AUTO struct buf what = {0};
    if (buf_printf(&what, "%s:%s", object_kind_name(x->kind), x->name))
        return error_set(err, DS_ENOMEM, "out of memory for a definition");
    const struct msg_snapshot m = {
        .kind = SNAPSHOT_DDL,
        .low = {what.data, what.len},
        .high = {(const uint8_t *)x->session, strlen(x->session)},
        .text = x->text,
    };
    return put_message(s, snapshot_put, &m, err);
}

static int put_commit(struct snapshot *s, struct ds_error *err)
{
    BUF_AUTO struct buf gtids = {0};
    if (gtid_set_print(&s->at.gtid, &gtids))
        return error_set(err, DS_ENOMEM, "out of memory for a position");
    const struct msg_commit m = {
        .server_id = s->source.server.server_id,
        .gtid_set = {gtids.data, gtids.len},
        .file = {(const uint8_t *)s->at.file.file, strlen(s->at.file.file)},
        .pos = s->at.file.pos,
    };
    buf_clear(&s->message);
    if (message_write_commit(&s->message, &m))
        return error_set(err, DS_ENOMEM, "out of memory for a message");
    return snapshot_put(s, s->message.data, s->message.len, err);
}

static void report(struct snapshot *s)
{
    if (s->o->progress)
        s->o->progress(s->o->arg, &s->progress);
}

static int on_chunk(void *arg, uint64_t rows, struct ds_error *err)
{
    struct snapshot *s = arg;
    (void)err;
    s->progress.rows += rows;
    report(s);
    return 0;
}

int snapshot_put_table(struct snapshot *s, put_function put, const struct table_plan *plan,
                       bool sequence, struct ds_error *err)
{
    const struct catalogue_entity *entity = NULL;
    const struct catalogue_table *entry = NULL;
    const char *prefix = s->o->config->source.prefix;
    size_t skip = prefix ? strlen(prefix) : 0;
    if (s->o->catalogue && strncmp(plan->name, prefix ? prefix : "", skip) == 0 &&
        !catalogue_lookup(s->o->catalogue, plan->name + skip, &entity, &entry))
        entity = NULL;
    const char *database = s->source.database, *entity_name = entity ? entity->name : "table";
    const char *role = entity && entry && entry->role ? entry->role : "";
    const struct msg_table m = {
        .id = plan->id,
        .database = {(const uint8_t *)database, strlen(database)},
        .name = {(const uint8_t *)plan->name, strlen(plan->name)},
        .entity = {(const uint8_t *)entity_name, strlen(entity_name)},
        .role = {(const uint8_t *)role, strlen(role)},
        .flags = TABLE_NAMES | TABLE_SIGNEDNESS | TABLE_KEYS | (sequence ? TABLE_SEQUENCE : 0),
        .column_count = plan->column_count,
        .columns = plan->described,
    };
    buf_clear(&s->message);
    if (message_write_table(&s->message, &m))
        return error_set(err, DS_ENOMEM, "out of memory for a message");
    int rc = s->o->defined && s->begun
                 ? s->o->defined(s->o->arg, s->message.data, s->message.len, err)
                 : 0;
    return rc ? rc : put(s, s->message.data, s->message.len, err);
}

/* --- one table ----------------------------------------------------------- */

static int altered(const char *name, struct ds_error *err)
{
    return error_set(err, DS_ERETRY, "%s was altered while the snapshot was taken", name);
}

int snapshot_check_unaltered(struct snapshot *s, struct snapshot_source *source,
                             const struct object *x, struct ds_error *err)
{
    BUF_AUTO struct buf now = {0};
    int rc = object_table_text(source, x->kind, x->name, &now, err);
    if (rc == 0 && !object_text_equal(x->text, (struct slice){now.data, now.len}) &&
        !object_counter_appeared(x->text, (struct slice){now.data, now.len}))
        rc = altered(x->name, err);
    if (rc || x->kind != OBJECT_TABLE || x->rows != ROWS_SNAPSHOT)
        return rc;
    if (s->objects.engine_ids) {
        uint64_t id;
        bool known;
        rc = object_engine_id(source, x->name, &id, &known, err);
        return rc == 0 && (!known || id != x->engine_id) ? altered(x->name, err) : rc;
    }
    uint64_t renames;
    rc = source_counter(source, "Com\\_rename\\_table", &renames, err);
    return rc == 0 && renames != s->renames ? altered("some table (RENAME TABLE)", err) : rc;
}

/* While nothing can change what was read: by the snapshot or under the lock. */
static int checksum(struct snapshot_source *source, const char *name, struct table_sum *sum,
                    struct ds_error *err)
{
    BUF_AUTO struct buf head = {0};
    int rc = table_sum_statement(source->db, source->database, name, false, &head, err);
    return rc ? rc : table_sum_read(source->db, &head, source->database, name, sum, err);
}

/* Columns by which rows belong to an entity stay what they are: the stream would stop later. */
static int check_links(const struct snapshot *s, const struct table_plan *plan,
                       const struct mask_plan *mask, struct ds_error *err)
{
    const struct catalogue_entity *entity;
    const struct catalogue_table *entry;
    const char *prefix = s->o->config->source.prefix ? s->o->config->source.prefix : "";
    size_t skip = strlen(prefix);
    if (!s->o->catalogue || strncmp(plan->name, prefix, skip) != 0 ||
        !catalogue_lookup(s->o->catalogue, plan->name + skip, &entity, &entry))
        return 0;
    for (uint32_t i = 0; i < plan->column_count; i++) {
        struct slice name = plan->described[i].name;
        bool links = (entry->link && strlen(entry->link) == name.len &&
                      strncasecmp(entry->link, (const char *)name.p, name.len) == 0) ||
                     (entry->key && strlen(entry->key) == name.len &&
                      strncasecmp(entry->key, (const char *)name.p, name.len) == 0);
        if (links && mask_plan_masks(mask, i))
            return masker_refuse_link(name, err);
    }
    return 0;
}

int snapshot_put_rows(struct snapshot *s, struct snapshot_source *source, put_function put,
                      const struct table_plan *plan, bool table, uint64_t *rows, bool *whole,
                      struct ds_error *err)
{
    struct row_output out = {.arg = s,
                             .put = put,
                             .chunk = on_chunk,
                             .max_row = s->o->config->max_event,
                             .masker = s->o->masker};
    struct mask_plan *mask = NULL;
    struct where_bound *where = NULL;
    struct filter_level level;
    int rc = s->o->masker && table ? masker_plan(s->o->masker, plan->name, plan->described,
                                                 plan->column_count, TABLE_NAMES, NULL, &mask, err)
                                   : 0;
    if (rc == 0 && mask)
        rc = check_links(s, plan, mask, err);
    const struct where *condition = filter_where(s->o->filter, plan->name);
    if (rc == 0 && condition)
        rc = where_bind(&where, condition, plan->described, plan->column_count, TABLE_NAMES, err);
    out.mask = mask;
    out.where = where;
    bool part = table && filter_level(s->o->filter, plan->name, &level);
    if (rc == 0)
        rc = part ? snapshot_members_rows(s, source, plan, &level, &out, rows, err)
                  : table_rows_copy(plan, source, &out, rows, err);
    *whole = table && !mask && !where && !part;
    mask_plan_free(mask);
    where_bound_free(where);
    return rc;
}

/* Of masked rows, and of a part of a table's, only the number can be compared. */
static int copy_rows(struct snapshot *s, struct snapshot_source *source, put_function put,
                     const struct table_plan *plan, const struct object *x, enum snapshot_kind end,
                     struct ds_error *err)
{
    char text[TABLE_SUM_TEXT_SIZE];
    struct table_sum sum = {0};
    uint64_t rows = 0;
    bool whole;
    int rc = snapshot_put_rows(s, source, put, plan, x->kind == OBJECT_TABLE, &rows, &whole, err);
    if (rc == 0 && whole)
        rc = checksum(source, plan->name, &sum, err);
    if (rc)
        return rc;
    sum.rows = rows;
    table_sum_print(&sum, whole, source->server.mariadb, text);
    return put_kind(s, put, end, plan->id, text, err);
}

static int copy_snapshot_table(struct snapshot *s, const struct object *x, struct ds_error *err)
{
    struct table_plan plan = {0};
    int rc = db_exec(s->source.db, err, "SAVEPOINT datasync_table");
    if (rc == 0)
        rc = table_plan_read(&plan, &s->source, x->name, s->next_id++, err);
    if (rc == 0) /* columns of a later definition must not be told */
        rc = snapshot_check_unaltered(s, &s->source, x, err);
    if (rc == 0)
        rc = snapshot_put_table(s, snapshot_put, &plan, x->kind == OBJECT_SEQUENCE, err);
    if (rc == 0)
        rc = put_kind(s, snapshot_put, SNAPSHOT_TABLE_BEGIN, plan.id, "", err);
    if (rc == 0)
        rc = copy_rows(s, &s->source, snapshot_put, &plan, x, SNAPSHOT_TABLE_END, err);
    if (rc == 0) /* while the metadata lock still holds */
        rc = snapshot_check_unaltered(s, &s->source, x, err);
    table_plan_free(&plan);
    return rc ? rc : db_exec(s->source.db, err, "ROLLBACK TO SAVEPOINT datasync_table");
}

/* LOCK TABLES … READ, in short tries: while one waits, everything else that wants the table waits
 * behind it. */
static int lock_table(struct snapshot *s, const char *name, struct ds_error *err)
{
    BUF_AUTO struct buf quoted = {0};
    if (sql_table(&quoted, s->locker.database, name))
        return error_set(err, DS_ENOMEM, "out of memory");
    for (int tries = 0;; tries++) {
        int rc = db_exec(s->locker.db, err, "LOCK TABLES %s READ", buf_cstr(&quoted));
        if (rc != DS_ERETRY)
            return rc;
        if (tries == LOCK_TRIES_MAX)
            return error_set_server(err, DS_ESERVER, err->server_errno,
                                    "no read lock on table %s, which no snapshot covers: some "
                                    "transaction holds it; end it and start again",
                                    name);
        log_info("table is in use, trying to lock it again table=%s", name);
        rc = source_wait(s->o, 1000, err);
        if (rc)
            return rc;
    }
}

/* Under the lock: nothing that changes the table can be in the binlog behind `at`, nor be missing
 * before it, as an open transaction that wrote to the table would keep the lock from us. */
static int read_locked(struct snapshot *s, const struct object *x, struct position *at,
                       struct ds_error *err)
{
    struct table_plan plan = {0};
    int rc = source_position(&s->locker, at, err);
    if (rc == 0 && x->text.len)
        rc = snapshot_check_unaltered(s, &s->locker, x, err);
    if (rc == 0)
        rc = table_plan_read(&plan, &s->locker, x->name, s->next_id++, err);
    if (rc == 0)
        rc = snapshot_put_table(s, put_aside, &plan, x->kind == OBJECT_SEQUENCE, err);
    if (rc == 0)
        rc = snapshot_put_position(s, put_aside, SNAPSHOT_STALE_BEGIN, plan.id, at, err);
    if (rc == 0)
        rc = copy_rows(s, &s->locker, put_aside, &plan, x, SNAPSHOT_STALE_END, err);
    table_plan_free(&plan);
    return rc;
}

static int copy_locked_table(struct snapshot *s, const struct object *x, struct ds_error *err)
{
    struct position at = {0};
    struct ds_error unlocking = {0};
    int rc = lock_table(s, x->name, err);
    if (rc) {
        if (err->server_errno == ER_NO_SUCH_TABLE)
            rc = altered(x->name, err);
        return rc;
    }
    rc = read_locked(s, x, &at, err);
    position_free(&at);
    if (rc && rc != DS_ERETRY)
        return rc; /* the connection is closed next, which unlocks */
    int unlocked = db_exec(s->locker.db, &unlocking, "UNLOCK TABLES");
    if (rc == 0 && unlocked) {
        *err = unlocking;
        return unlocked;
    }
    return rc ? rc : spill_drain(&s->spill, s, snapshot_put, err);
}

static int open_locker(struct snapshot *s, struct ds_error *err)
{
    if (s->locker.db)
        return 0;
    int rc = source_open(&s->locker, s->o->config, err);
    if (rc == 0)
        rc = db_exec(s->locker.db, err, "SET SESSION lock_wait_timeout=%d", LOCK_WAIT_SECONDS);
    return rc ? rc : spill_open(&s->spill, s->o->config->state_dir, err);
}

int snapshot_copy_table(struct snapshot *s, const struct object *x, struct ds_error *err)
{
    int rc = 0;
    s->progress.table = x->name;
    report(s);
    if (x->rows == ROWS_SNAPSHOT) {
        rc = copy_snapshot_table(s, x, err);
    } else {
        rc = open_locker(s, err);
        if (rc == 0)
            rc = copy_locked_table(s, x, err);
    }
    if (rc) {
        error_at_table(err, s->source.database, x->name);
        return rc;
    }
    s->progress.tables_done++;
    s->progress.table = "";
    report(s);
    return 0;
}

/* --- the whole ----------------------------------------------------------- */

bool snapshot_has_rows(const struct object *x)
{
    return (x->kind == OBJECT_TABLE || x->kind == OBJECT_SEQUENCE) && x->rows != ROWS_NONE;
}

/* MariaDB shows what a DDL statement has done a moment before its binlog position counts:
 * definitions may be read that are later than P. So no such statement may begin or run while they
 * are read; MySQL's global read lock sees to that. */
static int ddl_begun(struct snapshot *s, uint64_t *count, struct ds_error *err)
{
    bool found;
    if (!s->source.server.mariadb)
        return 0;
    return db_scalar_u64(
        s->source.db, count, &found, err,
        "SELECT CAST(SUM(VARIABLE_VALUE) AS UNSIGNED) FROM information_schema.GLOBAL_STATUS WHERE "
        "VARIABLE_NAME IN ('COM_ALTER_TABLE', 'COM_CREATE_INDEX', 'COM_CREATE_TABLE', "
        "'COM_DROP_INDEX', 'COM_DROP_TABLE', 'COM_RENAME_TABLE', 'COM_TRUNCATE', "
        "'COM_CREATE_VIEW', 'COM_DROP_VIEW', 'COM_ALTER_DB', 'COM_CREATE_SEQUENCE', "
        "'COM_DROP_SEQUENCE', 'COM_ALTER_SEQUENCE')");
}

static int ddl_running(struct snapshot *s, uint64_t *running, struct ds_error *err)
{
    bool found;
    *running = 0;
    if (!s->source.server.mariadb)
        return 0;
    return db_scalar_u64(
        s->source.db, running, &found, err,
        "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE COMMAND = 'Query' "
        "AND ID <> CONNECTION_ID() AND UPPER(LTRIM(INFO)) RLIKE "
        "'^(ALTER|CREATE|DROP|RENAME|TRUNCATE)'");
}

static int open_snapshot_once(struct snapshot *s, struct ds_error *err)
{
    struct object_list before = {0};
    int rc = source_counter(&s->source, "Com\\_rename\\_table", &s->renames, err);
    if (rc == 0)
        rc = objects_read(&before, &s->source, s->o, err);
    if (rc == 0)
        rc = source_begin(&s->source, s->o, &s->at, err);
    if (rc == 0)
        rc = db_exec(s->source.db, err, "SAVEPOINT datasync_table");
    if (rc == 0)
        rc = objects_read(&s->objects, &s->source, s->o, err);
    if (rc == 0)
        rc = db_exec(s->source.db, err, "ROLLBACK TO SAVEPOINT datasync_table");
    const char *changed = rc == 0 ? objects_difference(&before, &s->objects) : NULL;
    if (changed)
        rc = altered(changed, err);
    objects_free(&before);
    return rc;
}

enum { QUIET_TRIES = 20, QUIET_PAUSE_MS = 50 };

/* Open the snapshot between two equal readings of all definitions, in a moment without DDL. */
int snapshot_open(struct snapshot *s, struct ds_error *err)
{
    int rc = source_open(&s->source, s->o->config, err);
    for (int i = 0; rc == 0; i++) {
        uint64_t begun = 0, running = 0, after = 0;
        rc = ddl_begun(s, &begun, err);
        if (rc == 0)
            rc = ddl_running(s, &running, err);
        if (rc == 0)
            rc = open_snapshot_once(s, err);
        if (rc == 0)
            rc = ddl_begun(s, &after, err);
        if (rc || (begun == after && running == 0) || i == QUIET_TRIES)
            break;
        rc = db_exec(s->source.db, err, "ROLLBACK");
        objects_free(&s->objects);
        position_free(&s->at);
        memset(&s->at, 0, sizeof s->at);
        if (rc == 0)
            rc = source_wait(s->o, QUIET_PAUSE_MS, err);
    }
    if (rc == 0 && !s->objects.engine_ids)
        log_info("the source user has no PROCESS privilege: any RENAME TABLE on the server during "
                 "the snapshot starts it again");
    return rc;
}

static int put_definitions(struct snapshot *s, bool after_rows, struct ds_error *err)
{
    int rc = 0;
    for (size_t i = 0; i < s->objects.count && rc == 0; i++) {
        const struct object *x = &s->objects.items[i];
        if ((x->kind > OBJECT_TABLE) == after_rows)
            rc = put_ddl(s, x, err);
    }
    return rc;
}

/* A table whose rows are left out: what its columns are called is to be known all the same. */
static int define_rowless(struct snapshot *s, const struct object *x, struct ds_error *err)
{
    struct table_plan plan = {0};
    int rc = table_plan_read(&plan, &s->source, x->name, s->next_id, err);
    if (rc == 0)
        rc = snapshot_check_unaltered(s, &s->source, x, err);
    if (rc == 0)
        rc = snapshot_put_table(s, put_nothing, &plan, false, err);
    table_plan_free(&plan);
    return rc;
}

/* Tables of the consistent snapshot; *more: there are some of later steps. */
static int copy_step(struct snapshot *s, unsigned step, bool *more, struct ds_error *err)
{
    int rc = 0;
    *more = false;
    for (size_t i = 0; i < s->objects.count && rc == 0; i++) {
        const struct object *x = &s->objects.items[i];
        unsigned its = snapshot_step(s->o->filter, x->name);
        bool rowless = step == 0 && s->o->wanted && x->kind == OBJECT_TABLE && x->rows == ROWS_NONE;
        if (rowless)
            rc = define_rowless(s, x, err);
        else if (snapshot_has_rows(x) && x->rows != ROWS_LOCKED && its == step)
            rc = snapshot_copy_table(s, x, err);
        *more |= snapshot_has_rows(x) && its > step;
    }
    return rc;
}

static int copy_locked(struct snapshot *s, struct ds_error *err)
{
    int rc = 0;
    for (size_t i = 0; i < s->objects.count && rc == 0; i++)
        if (snapshot_has_rows(&s->objects.items[i]) && s->objects.items[i].rows == ROWS_LOCKED)
            rc = snapshot_copy_table(s, &s->objects.items[i], err);
    return rc;
}

static int write_all(struct snapshot *s, struct ds_error *err)
{
    s->begun = true;
    bool more = true;
    int rc = snapshot_put_position(s, snapshot_put, SNAPSHOT_BEGIN, 0, &s->at, err);
    if (rc == 0)
        rc = put_definitions(s, false, err);
    for (unsigned step = 0; more && rc == 0; step++)
        rc = copy_step(s, step, &more, err);
    if (rc == 0)
        rc = copy_locked(s, err);
    if (rc == 0)
        rc = put_definitions(s, true, err);
    if (rc == 0)
        rc = snapshot_put_position(s, snapshot_put, SNAPSHOT_END, 0, &s->at, err);
    return rc ? rc : put_commit(s, err);
}

static void count_work(struct snapshot *s)
{
    s->progress = (struct snapshot_progress){.table = ""};
    for (size_t i = 0; i < s->objects.count; i++) {
        s->progress.tables += snapshot_has_rows(&s->objects.items[i]);
        s->progress.rows_estimate += s->objects.items[i].rows_estimate;
    }
    report(s);
}

void snapshot_clean(struct snapshot *s)
{
    snapshot_picked_free(s);
    source_close(&s->source);
    source_close(&s->locker);
    objects_free(&s->objects);
    position_free(&s->at);
    spill_close(&s->spill);
    s->begun = false;
}

static int attempt(struct snapshot *s, struct ds_error *err)
{
    char text[300];
    int rc = snapshot_open(s, err);
    if (rc == 0) {
        count_work(s);
        log_info("snapshot begins tables=%lu rows_estimate=%lu position=%s", s->progress.tables,
                 s->progress.rows_estimate, position_format(&s->at, text, sizeof text));
        rc = write_all(s, err);
    }
    if (rc == 0 && s->o->flush)
        rc = s->o->flush(s->o->arg, err);
    if (rc && s->begun) { /* the first error counts, not whether this can still be said */
        struct ds_error ignored = {0};
        const struct msg_snapshot m = {
            .kind = SNAPSHOT_ABORT, .text = {(const uint8_t *)err->message, strlen(err->message)}};
        buf_clear(&s->message);
        if (message_write_snapshot(&s->message, &m) == 0 &&
            s->o->put(s->o->arg, s->message.data, s->message.len, &ignored) == 0 && s->o->flush &&
            s->o->flush(s->o->arg, &ignored))
            log_debug("end of an unfinished snapshot was not stored reason=%s", ignored.message);
    }
    return rc;
}

int snapshot_run(const struct snapshot_options *o, struct position *at, struct ds_error *err)
{
    struct snapshot s = {.o = o, .next_id = o->first_table_id};
    unsigned backoff = BACKOFF_FIRST_MS;
    int rc = 0;
    memset(at, 0, sizeof *at);
    for (int tries = 1;; tries++) {
        rc = attempt(&s, err);
        if (rc == 0 && position_copy(at, &s.at))
            rc = error_set(err, DS_ENOMEM, "out of memory for a position");
        snapshot_clean(&s);
        if (rc != DS_ERETRY)
            break;
        if (tries == ATTEMPTS_MAX) {
            BUF_AUTO struct buf reason = {0};
            if (buf_puts(&reason, err->message))
                buf_clear(&reason);
            rc = error_set(err, DS_ESCHEMA,
                           "tables were altered during each of %d snapshots (%s): pause what "
                           "alters them, then start again",
                           tries, buf_cstr(&reason));
            break;
        }
        log_warn("snapshot starts again reason=\"%s\" wait_ms=%u", err->message, backoff);
        rc = source_wait(o, backoff, err);
        if (rc)
            break;
        backoff = backoff * 2 < BACKOFF_MAX_MS ? backoff * 2 : BACKOFF_MAX_MS;
    }
    buf_free(&s.message);
    if (rc == 0)
        log_info("snapshot read rows=%lu bytes=%lu", s.progress.rows, s.progress.bytes);
    return rc;
}

int snapshot_copy_stale(const struct snapshot_options *o, const char *const *tables, size_t count,
                        struct ds_error *err)
{
    struct snapshot s = {.o = o, .next_id = o->first_table_id};
    int rc = open_locker(&s, err);
    s.source.database = s.locker.database;
    s.progress.tables = count;
    for (size_t i = 0; i < count && rc == 0; i++) {
        const struct object x = {.kind = OBJECT_TABLE, .rows = ROWS_LOCKED, .name = tables[i]};
        rc = snapshot_copy_table(&s, &x, err);
        if (rc == DS_ERETRY) {
            log_info("table is not copied again, it is gone at the source table=%s", tables[i]);
            rc = 0;
        }
    }
    if (rc == 0 && o->flush)
        rc = o->flush(o->arg, err);
    snapshot_clean(&s);
    buf_free(&s.message);
    return rc;
}
