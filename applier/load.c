/* Crash safety of a copy. Every step commits by itself, and whatever was committed when we die is
 * replaced by the next copy: a table is noted as ours before it is touched (load_state.c), and
 * there is no checkpoint before the last step. Nothing is resumed: rows of a second position beside
 * rows of the first would lose what the stream deletes by cascade in between.
 */
#include "applier/load.h"
#include "applier/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "applier/load_parts.h"
#include "applier/load_rows.h"
#include "schema/crash.h"
#include "schema/log.h"
#include "schema/table_sum.h"

struct copied_table { /* what the source says that it has */
    char *name;
    struct table_sum sum;
    bool checksum; /* … and can it be compared? */
    struct copied_table *next;
};
struct late_view {
    struct buf kind, name, text, session;
    struct late_view *next;
};

struct loader {
    struct load_context context;
    struct load_options options;
    struct db_server server;
    struct target *target;
    struct row_loader rows;
    struct copied_table *copied; /* newest first */
    struct late_view *late, **late_end;
    uint64_t total_rows;
    bool copying, finished;
    bool table_open; /* between TABLE_BEGIN and TABLE_END */
    bool stale;      /* … of a stale copy */
    bool stale_skip, stale_applied;
    struct ds_error mismatch; /* of the open table, which an abort may still make void */
};

static void free_late(struct late_view *v)
{
    buf_free(&v->kind);
    buf_free(&v->name);
    buf_free(&v->text);
    buf_free(&v->session);
    free(v);
}

/* Forget what the copy so far has brought. */
static void forget(struct loader *l)
{
    while (l->copied) {
        struct copied_table *next = l->copied->next;
        free(l->copied->name);
        free(l->copied);
        l->copied = next;
    }
    while (l->late) {
        struct late_view *next = l->late->next;
        free_late(l->late);
        l->late = next;
    }
    l->late_end = &l->late;
    free(l->context.source_database);
    l->context.source_database = NULL;
    l->total_rows = 0;
    l->table_open = l->copying = l->finished = false;
}

int loader_new(struct loader **out, MYSQL *db, const struct db_server *server,
               struct target *target, const struct load_options *options, struct ds_error *err)
{
    struct loader *l = calloc(1, sizeof *l);
    if (!l)
        return load_no_memory(err);
    l->options = *options;
    l->server = *server;
    l->target = target;
    l->context = (struct load_context){.db = db, .server = &l->server, .options = &l->options};
    l->late_end = &l->late;
    int rc = row_loader_init(&l->rows, db, server, err);
    l->rows.defaults = options->takes != NULL;
    if (rc == 0)
        rc = load_session_rows(&l->context, err);
    if (rc) {
        loader_free(l);
        return rc;
    }
    *out = l;
    return 0;
}

void loader_free(struct loader *l)
{
    if (!l)
        return;
    forget(l);
    row_loader_free(&l->rows);
    buf_free(&l->context.position);
    free(l);
}

bool loader_finished(const struct loader *l)
{
    return l->finished;
}

bool loader_copying(const struct loader *l)
{
    return l->copying;
}

bool loader_stale_applied(const struct loader *l)
{
    return l->stale_applied;
}

uint64_t loader_rows(const struct loader *l)
{
    return l->total_rows + (l->table_open && !l->stale_skip ? l->rows.rows : 0);
}

static int out_of_place(const char *what, struct ds_error *err)
{
    return error_set(err, DS_EFORMAT, "the snapshot is not in order: %s", what);
}

/* --- messages ------------------------------------------------------------ */

static int on_begin(struct loader *l, const struct msg_snapshot *m, struct ds_error *err)
{
    forget(l);
    buf_clear(&l->context.position);
    if (buf_append(&l->context.position, m->text.p, m->text.len))
        return load_no_memory(err);
    crash_point("load.begin");
    int rc = load_state_begin(&l->context, err);
    if (rc == 0 && l->options.takes)
        rc = load_mapped_check(&l->context, l->target, err);
    l->copying = rc == 0;
    return rc;
}

static int keep_for_later(struct loader *l, const struct definition *d, struct ds_error *err)
{
    struct late_view *v = calloc(1, sizeof *v);
    if (!v)
        return load_no_memory(err);
    if (buf_append(&v->kind, d->kind.p, d->kind.len) ||
        buf_append(&v->name, d->name.p, d->name.len) ||
        buf_append(&v->text, d->text.p, d->text.len) ||
        buf_append(&v->session, d->session.p, d->session.len)) {
        free_late(v);
        return load_no_memory(err);
    }
    *l->late_end = v;
    l->late_end = &v->next;
    return 0;
}

static int on_definition(struct loader *l, const struct msg_snapshot *m, struct ds_error *err)
{
    const uint8_t *colon = m->low.len ? memchr(m->low.p, ':', m->low.len) : NULL;
    if (!l->copying || !colon)
        return out_of_place("a definition without a name, or outside of it", err);
    size_t kind = (size_t)(colon - m->low.p);
    const struct definition d = {.kind = {m->low.p, kind},
                                 .name = {colon + 1, m->low.len - kind - 1},
                                 .text = m->text,
                                 .session = m->high};
    bool later;
    int rc = load_definition(&l->context, &d, &later, err);
    if (rc == 0 && later)
        rc = keep_for_later(l, &d, err);
    target_touch_all(l->target);
    return rc;
}

/* The destination's table behind a table message; read again after definitions. */
static int find_table(struct loader *l, const struct msg_table *table,
                      const struct target_table **out, struct ds_error *err)
{
    int rc = target_refresh(l->target, l->context.db, err);
    if (rc)
        return rc;
    struct slice name = table->name;
    *out = target_find(l->target, (const char *)name.p, name.len);
    if (!*out)
        return error_set(err, DS_ESCHEMA,
                         "the destination has no table %.*s: was it dropped during the copy? Start "
                         "again",
                         (int)name.len, name.p);
    return 0;
}

static struct copied_table *find_copied(const struct loader *l, struct slice name)
{
    struct copied_table *t = l->copied;
    while (t && (strlen(t->name) != name.len || memcmp(t->name, name.p, name.len) != 0))
        t = t->next;
    return t;
}

static bool may_double(const struct loader *l, const char *table)
{
    return l->options.doubles && l->options.doubles(l->options.arg, table);
}

static int on_table_begin(struct loader *l, const struct msg_table *table, struct ds_error *err)
{
    const struct target_table *target;
    if (!l->copying || l->table_open)
        return out_of_place("a table begins inside another one", err);
    int rc = find_table(l, table, &target, err);
    if (rc == 0)
        rc = target_match(target, table, err);
    l->stale = l->stale_skip = false;
    error_clear(&l->mismatch);
    if (rc == DS_ESCHEMA) { /* altered since its definition was read: the agent will find out, and
                               abort */
        l->mismatch = *err;
        error_clear(err);
        l->stale_skip = l->table_open = true;
        return 0;
    }
    if (rc == 0 && l->options.takes && !find_copied(l, table->name))
        rc = load_mapped_empty(&l->context, table->name, err);
    if (rc)
        return rc;
    log_debug("%s table=%s", l->options.takes ? "migrating" : "copying", target->name);
    l->rows.doubles = may_double(l, target->name);
    rc = row_loader_begin(&l->rows, l->options.database, target, err);
    l->table_open = rc == 0;
    return rc;
}

/* One table alone: emptied first, as the definitions of a whole snapshot do. */
static int on_stale_begin(struct loader *l, const struct msg_table *table, struct ds_error *err)
{
    const struct target_table *target = NULL;
    BUF_AUTO struct buf name = {0};
    if (l->table_open)
        return out_of_place("a table begins inside another one", err);
    l->table_open = l->stale = true;
    l->stale_skip = l->stale_applied = false;
    int rc = find_table(l, table, &target, err);
    if (rc == 0)
        rc = target_match(target, table, err);
    if (rc == DS_ESCHEMA && !l->copying) {
        log_info("copy of a table is passed over until its definition arrives table=%.*s "
                 "reason=\"%s\"",
                 (int)table->name.len, table->name.p, err->message);
        error_clear(err);
        l->stale_skip = true;
        return 0;
    }
    if (rc == 0 && load_table_name(&l->context, table->name, &name))
        rc = load_no_memory(err);
    if (rc == 0)
        rc = db_exec(l->context.db, err, "TRUNCATE TABLE %s", buf_cstr(&name));
    return rc ? rc : row_loader_begin(&l->rows, l->options.database, target, err);
}

static int on_rows(struct loader *l, const struct msg_snapshot *m, struct ds_error *err)
{
    if (!l->table_open)
        return out_of_place("rows without a table", err);
    return l->stale_skip ? 0 : row_loader_add(&l->rows, m->rows, err);
}

/* Of a table whose rows have come. */
static int on_values(struct loader *l, const struct msg_snapshot *m, const struct msg_table *table,
                     struct ds_error *err)
{
    const struct target_table *target;
    if (!l->copying || l->table_open)
        return out_of_place("values inside a table", err);
    int rc = find_table(l, table, &target, err);
    if (rc)
        return rc;
    if (!find_copied(l, table->name) || !target->row_key)
        return out_of_place("values of a table whose rows have not come, or that has no key", err);
    return load_values(&l->context, target, m->rows, err);
}

/* Under a map there are as many rows as the source's tables have that go to it, and other values.
 */
static int note_copied(struct loader *l, const struct msg_table *table, const struct table_sum *sum,
                       bool checksum, struct ds_error *err)
{
    struct copied_table *t = find_copied(l, table->name);
    if (t) {
        t->sum.rows += sum->rows;
        return 0;
    }
    t = calloc(1, sizeof *t);
    if (!t || !(t->name = strndup((const char *)table->name.p, table->name.len))) {
        free(t);
        return load_no_memory(err);
    }
    t->sum = *sum;
    t->checksum = checksum && !l->options.takes;
    t->next = l->copied;
    l->copied = t;
    return 0;
}

static int on_table_end(struct loader *l, const struct msg_snapshot *m,
                        const struct msg_table *table, struct ds_error *err)
{
    char text[TABLE_SUM_TEXT_SIZE];
    struct table_sum sent;
    bool checksum;
    if (!l->table_open || l->stale != (m->kind == SNAPSHOT_STALE_END))
        return out_of_place("a table ends that has not begun", err);
    l->table_open = false;
    if (l->stale_skip && !l->stale && l->mismatch.code) {
        *err = l->mismatch;
        return err->code;
    }
    if (l->stale_skip)
        return 0;
    int rc = row_loader_end(&l->rows, err);
    if (rc)
        return rc;
    (void)snprintf(text, sizeof text, "%.*s", (int)m->text.len, m->text.p);
    rc = table_sum_parse(text, l->server.mariadb, &sent, &checksum, err);
    if (rc)
        return rc;
    if (sent.rows != l->rows.rows)
        return error_set(err, DS_ECONFLICT,
                         "the source sent %lu rows of the table, %lu were written: copy it again",
                         sent.rows, l->rows.rows);
    l->total_rows += l->rows.rows;
    l->stale_applied = l->stale;
    if (!l->copying)
        return 0;
    crash_point("load.table_end");
    rc = load_state_set(&l->context, table->name, "copied", l->rows.rows, err);
    if (rc == 0 && l->options.takes)
        rc = load_mapped_copied(&l->context, l->rows.table, err);
    return rc ? rc : note_copied(l, table, &sent, checksum, err);
}

/* --- the end ------------------------------------------------------------- */

static int try_late(struct loader *l, struct late_view *v, bool *later, struct ds_error *err)
{
    const struct definition d = {.kind = {v->kind.data, v->kind.len},
                                 .name = {v->name.data, v->name.len},
                                 .text = {v->text.data, v->text.len},
                                 .session = {v->session.data, v->session.len}};
    return load_definition(&l->context, &d, later, err);
}

/* Views that named something which came after them; what is left was not readable at the source
 * either. */
static int create_late(struct loader *l, struct ds_error *err)
{
    for (bool progress = true; l->late && progress;) {
        progress = false;
        for (struct late_view **at = &l->late; *at;) {
            struct late_view *v = *at;
            bool later;
            int rc = try_late(l, v, &later, err);
            if (rc)
                return rc;
            if (later) {
                at = &v->next;
                continue;
            }
            *at = v->next;
            free_late(v);
            progress = true;
        }
    }
    for (struct late_view *v = l->late; v; v = v->next) {
        const struct definition d = {.kind = {v->kind.data, v->kind.len},
                                     .name = {v->name.data, v->name.len},
                                     .text = {v->text.data, v->text.len},
                                     .session = {v->session.data, v->session.len}};
        log_warn("view names what is not there, it is recorded in datasync_objects and not created "
                 "view=%.*s",
                 (int)v->name.len, v->name.data);
        int rc = load_record(&l->context, &d, err);
        if (rc)
            return rc;
    }
    return 0;
}

static int check_table(struct loader *l, const struct copied_table *t, struct ds_error *err)
{
    BUF_AUTO struct buf head = {0};
    struct table_sum there;
    const char *database = l->options.database;
    int rc =
        t->checksum ? table_sum_statement(l->context.db, database, t->name, false, &head, err) : 0;
    if (rc == 0)
        rc = table_sum_read(l->context.db, t->checksum ? &head : NULL, database, t->name, &there,
                            err);
    if (rc)
        return rc;
    if (there.rows < t->sum.rows && may_double(l, t->name)) {
        log_info("rows that the source has twice, by a unique key of the destination's, are there "
                 "once table=%s rows=%lu of=%lu",
                 t->name, there.rows, t->sum.rows);
        return 0;
    }
    if (there.rows != t->sum.rows)
        return error_set(err, DS_ECONFLICT,
                         "table %s has %lu rows after the copy, the source has %lu: is somebody "
                         "else writing to the destination? Start again",
                         t->name, there.rows, t->sum.rows);
    if (t->checksum && (there.hash != t->sum.hash || there.sum != t->sum.sum))
        return error_set(err, DS_ECONFLICT,
                         "table %s has as many rows after the copy as the source (%lu), but other "
                         "values in them: is somebody else writing to the destination? Start again",
                         t->name, there.rows);
    return 0;
}

static int check_tables(struct loader *l, struct ds_error *err)
{
    int rc = 0;
    log_info("comparing row counts%s of the copied tables rows=%lu",
             l->options.takes ? "" : " and checksums", l->total_rows);
    for (const struct copied_table *t = l->copied; t && rc == 0; t = t->next) {
        rc = check_table(l, t, err);
        if (rc)
            error_at_table(err, l->options.database, t->name);
    }
    return rc;
}

/* A copy that may replace what is there leaves nothing that the source does not have: its next
 * CREATE TABLE of that name would fail. */
static int drop_leftovers(struct loader *l, struct ds_error *err)
{
    if (!l->options.resnapshot || l->options.takes)
        return 0;
    BUF_AUTO struct buf database = {0};
    if (sql_string(&database, l->options.database, strlen(l->options.database)))
        return load_no_memory(err);
    MYSQL_RES *res =
        db_select(l->context.db, err,
                  "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = "
                  "%s AND TABLE_TYPE = 'BASE TABLE'",
                  buf_cstr(&database));
    if (!res)
        return err->code;
    int rc = db_exec(l->context.db, err, "SET SESSION foreign_key_checks = 0");
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(res));) {
        BUF_AUTO struct buf name = {0};
        bool noted = state_is_own_table(row[0], strlen(row[0]));
        if (!noted) /* also without rows in the copy */
            rc = load_state_has(
                &l->context, (struct slice){(const uint8_t *)row[0], strlen(row[0])}, &noted, err);
        if (rc || noted)
            continue;
        log_warn("dropping a table that the source does not have table=%s", row[0]);
        rc = sql_table(&name, l->options.database, row[0]) ? load_no_memory(err) : 0;
        if (rc == 0)
            rc = db_exec(l->context.db, err, "DROP TABLE IF EXISTS %s", buf_cstr(&name));
    }
    mysql_free_result(res);
    return rc;
}

static int on_end(struct loader *l, struct ds_error *err)
{
    if (!l->copying || l->table_open)
        return out_of_place("it ends in the middle", err);
    int rc = create_late(l, err);
    crash_point("load.objects");
    if (rc == 0)
        rc = check_tables(l, err);
    if (rc == 0)
        rc = drop_leftovers(l, err);
    if (rc == 0)
        rc = load_state_end(&l->context, l->total_rows, err);
    crash_point("load.end");
    if (rc == 0)
        rc = target_load(l->target, l->context.db, err);
    l->copying = false;
    l->finished = rc == 0;
    if (rc == 0)
        log_info("snapshot loaded rows=%lu position=%s", l->total_rows,
                 buf_cstr(&l->context.position));
    return rc;
}

static int on_abort(struct loader *l, const struct msg_snapshot *m, struct ds_error *err)
{
    log_warn("snapshot was given up by the agent, it starts again reason=\"%.*s\"",
             (int)m->text.len, m->text.p);
    row_loader_drop(&l->rows);
    forget(l);
    return db_exec(l->context.db, err, "ROLLBACK");
}

/* Roll back what is open, so that the connection can be used again. */
static void table_failed(struct loader *l, const struct msg_table *table, int rc,
                         struct ds_error *err)
{
    char name[200];
    struct ds_error ignored = {0}; /* the first error counts */
    row_loader_drop(&l->rows);
    if (rc != DS_ECONN && db_exec(l->context.db, &ignored, "ROLLBACK"))
        log_debug("rollback of a copy failed reason=\"%s\"", ignored.message);
    (void)snprintf(name, sizeof name, "%.*s", (int)table->name.len, table->name.p);
    error_at_table(err, l->options.database, name);
}

int loader_message(struct loader *l, const struct msg_snapshot *m, const struct msg_table *table,
                   struct ds_error *err)
{
    bool of_table = m->kind == SNAPSHOT_TABLE_BEGIN || m->kind == SNAPSHOT_ROWS ||
                    m->kind == SNAPSHOT_TABLE_END || m->kind == SNAPSHOT_STALE_BEGIN ||
                    m->kind == SNAPSHOT_STALE_END || m->kind == SNAPSHOT_VALUES;
    int rc = 0;
    if (of_table && !table)
        return out_of_place("a table that the stream has not defined", err);
    switch (m->kind) {
    case SNAPSHOT_BEGIN:
        return on_begin(l, m, err);
    case SNAPSHOT_DDL:
        return on_definition(l, m, err);
    case SNAPSHOT_TABLE_BEGIN:
        rc = on_table_begin(l, table, err);
        break;
    case SNAPSHOT_STALE_BEGIN:
        rc = on_stale_begin(l, table, err);
        break;
    case SNAPSHOT_ROWS:
        rc = on_rows(l, m, err);
        break;
    case SNAPSHOT_VALUES:
        rc = on_values(l, m, table, err);
        break;
    case SNAPSHOT_TABLE_END:
    case SNAPSHOT_STALE_END:
        rc = on_table_end(l, m, table, err);
        break;
    case SNAPSHOT_END:
        return on_end(l, err);
    case SNAPSHOT_ABORT:
        return on_abort(l, m, err);
    }
    if (rc)
        table_failed(l, table, rc, err);
    return rc;
}
