/* Tables that cannot roll back with the checkpoint (law 9), and the messages of snapshots.
 *
 * With a primary key their rows are written whatever is there, so doing it twice does no harm.
 * Without one it does: such tables are stale after a crash of ours, and MEMORY tables and these
 * after a restart of the destination. A stale table's changes are passed over until the agent has
 * copied it again; the copy has a position of its own, and changes at or before it are in it. The
 * list is part of the checkpoint: lines "TABLE" (waiting for its copy) or "TABLE\tGTID\tFILE:POS".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "applier/apply.h"
#include "applier/images.h"
#include "applier/load.h"
#include "schema/log.h"

static int out_of_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory");
}

static struct stale_table *find_stale(const struct applier *a, const char *name)
{
    for (struct stale_table *s = a->stale; s; s = s->next)
        if (strcmp(s->name, name) == 0)
            return s;
    return NULL;
}

static struct stale_table *add_stale(struct applier *a, const char *name)
{
    struct stale_table *s = find_stale(a, name);
    if (s) {
        position_free(&s->position);
        s->copied = false;
        return s;
    }
    s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->name = strdup(name);
    if (!s->name) {
        free(s);
        return NULL;
    }
    s->next = a->stale;
    a->stale = s;
    return s;
}

static void drop_stale(struct applier *a, struct stale_table *gone)
{
    for (struct stale_table **at = &a->stale; *at; at = &(*at)->next)
        if (*at == gone) {
            *at = gone->next;
            free(gone->name);
            position_free(&gone->position);
            free(gone);
            return;
        }
}

void stale_free(struct applier *a)
{
    while (a->stale)
        drop_stale(a, a->stale);
}

int stale_mark(struct applier *a, const struct target_table *t)
{
    a->stale_requested = false;
    return add_stale(a, t->name) ? 0 : DS_ENOMEM;
}

bool stale_waiting(const struct applier *a)
{
    for (const struct stale_table *s = a->stale; s; s = s->next)
        if (!s->copied)
            return true;
    return false;
}

int stale_print(const struct applier *a, struct buf *out)
{
    int rc = 0;
    for (const struct stale_table *s = a->stale; s; s = s->next) {
        rc |= buf_puts(out, s->name);
        if (s->copied) {
            rc |= buf_puts(out, "\t") | gtid_set_print(&s->position.gtid, out) |
                  buf_printf(out, "\t%s:%lu", s->position.file.file, s->position.file.pos);
        }
        rc |= buf_puts(out, "\n");
    }
    return rc;
}

static int parse_line(struct applier *a, char *line, struct ds_error *err)
{
    char *save, *name = strtok_r(line, "\t", &save);
    char *gtid = strtok_r(NULL, "\t", &save), *file = gtid ? strtok_r(NULL, "\t", &save) : NULL;
    if (gtid && !file) { /* an empty GTID set: only a file */
        file = gtid;
        gtid = NULL;
    }
    struct stale_table *s = name ? add_stale(a, name) : NULL;
    if (!s)
        return name ? out_of_memory(err) : 0;
    if (!file)
        return 0;
    s->copied = true;
    int rc = gtid ? gtid_set_parse(&s->position.gtid, gtid, err) : 0;
    return rc || *file == ':' ? rc : file_position_parse(&s->position.file, file, err);
}

/* Where the checkpoint stands, for hooks. */
static struct outbox_place checkpoint_place(const struct applier *a)
{
    const struct checkpoint *cp = &a->cp;
    return (struct outbox_place){.gtid_set = {(const uint8_t *)cp->gtid_set, strlen(cp->gtid_set)},
                                 .file = {(const uint8_t *)cp->file, strlen(cp->file)},
                                 .pos = cp->pos,
                                 .time = cp->source_time};
}

/* Write dirty, the list and the server's start without moving the position. copied: a table whose
 * copy is now in place, NULL none. */
static int persist_copied(struct applier *a, const char *copied, struct ds_error *err)
{
    if (!a->cp.found)
        return 0;
    BUF_AUTO struct buf text = {0};
    if (stale_print(a, &text))
        return out_of_memory(err);
    char *copy = strdup(buf_cstr(&text));
    if (!copy)
        return out_of_memory(err);
    free(a->cp.stale);
    a->cp.stale = copy;
    int rc = db_exec(a->db, err, "START TRANSACTION");
    if (rc == 0)
        rc = checkpoint_update(a->db, a->state_database, a->name, &a->cp, err);
    if (rc == 0 && copied && a->outbox) {
        struct outbox_place place = checkpoint_place(a);
        outbox_begin(a->outbox, &a->cp, a->cp.stale);
        outbox_note_tables(a->outbox, OUTBOX_COPIED, &copied, 1, false);
        rc = outbox_write(a->outbox, a->db, &place, err);
    }
    rc = rc ? rc : db_exec(a->db, err, "COMMIT");
    if (rc == 0 && copied && a->outbox)
        outbox_committed(a->outbox);
    return rc;
}

static int persist(struct applier *a, struct ds_error *err)
{
    return persist_copied(a, NULL, err);
}

/* What must be copied again, after what has happened since the checkpoint was written. */
static int mark_after_crash(struct applier *a, bool destination_restarted)
{
    for (uint32_t i = 0; !a->mapped && i < target_count(a->target);
         i++) { /* there: no such table */
        const struct target_table *t = target_at(a->target, i);
        if (!t->exists || t->view || t->transactional || t->sequence ||
            state_is_own_table(t->name, strlen(t->name)) ||
            !filter_keeps(a->options.filter, t->name))
            continue;
        if ((t->memory && destination_restarted) ||
            (!t->row_key && (a->cp.dirty || destination_restarted)))
            if (stale_mark(a, t))
                return DS_ENOMEM;
    }
    return 0;
}

static int destination_started(struct applier *a, uint64_t *at, struct ds_error *err)
{
    MYSQL_RES *res = db_select(a->db, err, "SHOW GLOBAL STATUS LIKE 'Uptime'");
    if (!res)
        return err->code;
    MYSQL_ROW row = mysql_fetch_row(res);
    *at = (uint64_t)time(NULL) - (row ? strtoull(row[1], NULL, 10) : 0);
    mysql_free_result(res);
    return 0;
}

int stale_at_start(struct applier *a, struct ds_error *err)
{
    uint64_t started = 0;
    stale_free(a);
    a->stale_known = true;
    BUF_AUTO struct buf text = {0};
    if (a->cp.stale && buf_puts(&text, a->cp.stale))
        return out_of_memory(err);
    char *save, *lines = (char *)buf_cstr(&text);
    int rc = 0;
    for (char *line = strtok_r(lines, "\n", &save); line && rc == 0;
         line = strtok_r(NULL, "\n", &save))
        rc = parse_line(a, line, err);
    if (rc == 0)
        rc = destination_started(a, &started, err);
    if (rc)
        return rc;
    bool restarted;
    rc = state_restarted(a->db, a->state_database, a->name, &restarted, err);
    if (rc == 0 && a->cp.found && (restarted || a->cp.dirty) && mark_after_crash(a, restarted))
        return out_of_memory(err);
    a->cp.server_started = started;
    a->cp.dirty = false;      /* what that meant is now in the list; persist writes both */
    if (rc == 0 && restarted) /* the list first: a crash in between must not forget it */
        rc = persist(a, err);
    if (rc == 0 && restarted)
        rc = state_mark_alive(a->db, a->state_database, a->name, err);
    if (rc)
        return rc;
    bool waiting = false;
    stale_drop_gone(a); /* a statement may have been the last thing that was done */
    for (const struct stale_table *s = a->stale; s; s = s->next)
        waiting |= !s->copied;
    if (waiting)
        log_info("tables that cannot roll back are copied again: see stale_tables in status");
    return 0;
}

int stale_mark_dirty(struct applier *a, struct ds_error *err)
{
    a->cp.dirty = true;
    return persist(a, err);
}

int stale_clean_stop(struct applier *a, struct ds_error *err)
{
    if (!a->cp.dirty)
        return 0;
    a->cp.dirty = false;
    return persist(a, err);
}

void stale_committed(struct applier *a)
{
    for (uint32_t i = 0; i < target_count(a->target); i++)
        target_at(a->target, i)->unsettled = false;
    a->unsettled = false;
}

/* If this cannot be written down, the checkpoint still says dirty: the next start marks them all.
 */
void stale_rolled_back(struct applier *a)
{
    struct ds_error err;
    bool failed = false;
    for (uint32_t i = 0; i < target_count(a->target); i++)
        if (target_at(a->target, i)->unsettled)
            failed |= stale_mark(a, target_at(a->target, i)) != 0;
    stale_committed(a);
    if (failed || persist(a, &err))
        log_debug("stale tables are not written down");
}

/* Is the transaction in the copy, by its own GTID? It is written while it arrives, and where it
 * ends is not known yet. *known false: nothing tells. */
static bool begun_before(const struct stale_table *s, const struct transaction *tx, bool *known)
{
    char text[GTID_TEXT_SIZE + 1];
    struct gtid gtid;
    snprintf(text, sizeof text, "%.*s", (int)tx->gtid.len, (const char *)tx->gtid.p);
    *known = tx->gtid.len && s->position.gtid.count && gtid_parse(&gtid, text, NULL) == 0;
    return *known && gtid_set_contains(&s->position.gtid, &gtid);
}

static bool skips(struct applier *a, const struct change *c, const struct transaction *tx)
{
    const struct target_table *t = c->table->target;
    struct stale_table *s = find_stale(a, t->name);
    if (!s)
        return false;
    if (!s->copied)
        return true;
    if (!tx->gtid_set.len && !tx->file.len) {
        bool known, before = begun_before(s, tx, &known);
        if (!known) { /* the next copy is surely later */
            s->copied = false;
            a->stale_requested = false;
        }
        return !known || before;
    }
    struct position at = {0};
    struct ds_error ignored;
    bool skips =
        transaction_position(tx, &at, &ignored) == 0 && position_reached(&at, &s->position);
    position_free(&at);
    return skips;
}

/* An update that gives a row another key and does not hold all of it (binlog_row_image): such rows
 * are written by their new key, whatever is there, and what is missing stands under the old one. */
static bool cannot_follow(const struct change *c)
{
    const struct target_table *t = c->table->target;
    struct arena arena = {0};
    struct slice full = {0};
    bool partial = false, moves = false;
    if (c->op != CHANGE_UPDATE || !t->row_key || t->sequence)
        return false;
    const uint8_t **before = arena_zalloc(&arena, (t->column_count + 1) * sizeof *before);
    const uint8_t **after = arena_zalloc(&arena, (t->column_count + 1) * sizeof *after);
    if (before && after && images_full_after(&arena, c, &full) == 0 &&
        images_values(t, c->before, before) == 0 && images_values(t, full, after) == 0) {
        for (uint32_t i = 0; i < t->column_count; i++)
            partial |= *after[i] == VALUE_BYTE_ABSENT && !t->columns[i].generated;
        for (uint32_t i = 0; i < t->row_key->count; i++) {
            const uint8_t *x = before[t->row_key->columns[i]], *y = after[t->row_key->columns[i]];
            size_t n = value_length(x);
            moves |= n != value_length(y) || memcmp(x, y, n) != 0;
        }
    }
    arena_free(&arena);
    return partial && moves;
}

bool stale_skips(struct applier *a, const struct change *c, const struct transaction *tx)
{
    const struct target_table *t = c->table->target;
    if (t->transactional)
        return false;
    if (a->stale && skips(a, c, tx)) /* also while a copy is asked for: once is enough */
        return true;
    if (a->options.dry_run || !cannot_follow(c))
        return false;
    log_info("a partial row image moves a key, the table is copied again table=%s", t->name);
    return stale_mark(a, t) == 0;
}

void stale_passed(struct applier *a, const struct position *applied)
{
    struct stale_table *next;
    for (struct stale_table *s = a->stale; s; s = next) {
        next = s->next;
        if (s->copied && position_reached(&s->position, applied))
            drop_stale(a, s);
    }
}

/* A definition has changed at `applied`. A copy that was taken later has lost rows to it
 * (TRUNCATE), or could not be put in place before it: it is taken again. */
void stale_after_ddl(struct applier *a, const char *name, const struct position *applied)
{
    struct stale_table *s = find_stale(a, name);
    if (s && (!s->copied || position_reached(applied, &s->position))) {
        s->copied = false;
        a->stale_requested = false;
    }
}

/* A table that is gone, or that can roll back now, needs no copy. */
void stale_drop_gone(struct applier *a)
{
    struct stale_table *next;
    for (struct stale_table *s = a->stale; s; s = next) {
        const struct target_table *t = target_find(a->target, s->name, strlen(s->name));
        next = s->next;
        if (!t || t->transactional)
            drop_stale(a, s);
    }
}

/* Ask the agent once for everything that waits. */
int stale_request(struct applier *a, struct ds_error *err)
{
    if (a->stale_requested || !a->cp.found)
        return 0;
    BUF_AUTO struct buf text = {0};
    int rc = 0;
    for (const struct stale_table *s = a->stale; s; s = s->next)
        if (!s->copied)
            rc |= buf_printf(&text, "%s%s", text.len ? "," : "stale ", s->name);
    if (rc)
        return out_of_memory(err);
    a->stale_requested = true;
    if (!text.len)
        return 0;
    rc = persist(a, err);
    return rc ? rc : spool_request(a->options.spool, buf_cstr(&text), err);
}

/* --- messages of snapshots and copies ---------------------------------------- */

static int parse_position(struct slice text, struct position *out, struct ds_error *err)
{
    char *copy = strndup((const char *)text.p, text.len);
    if (!copy)
        return out_of_memory(err);
    position_free(out);
    memset(out, 0, sizeof *out);
    int rc = position_parse(out, copy, err);
    free(copy);
    return rc;
}

int take_source_identity(struct applier *a, struct ds_error *err)
{
    struct spool_state st;
    int rc = spool_state_get(a->options.spool, &st, err);
    if (rc)
        return rc;
    char *copy = strdup(st.source_id);
    spool_state_free(&st);
    if (!copy)
        return out_of_memory(err);
    free(a->source_identity);
    a->source_identity = copy;
    return 0;
}

static int end_loading(struct applier *a, struct ds_error *err)
{
    loader_free(a->loader);
    a->loader = NULL;
    a->copy_ended |= a->in_snapshot;
    writer_forget(a->writer, NULL);
    int rc = writer_restore_session(a->writer, err);
    if (rc == 0 && a->in_snapshot)
        rc = target_load(a->target, a->db, err);
    if (rc == 0 && a->in_snapshot)
        rc = take_source_identity(a, err);
    if (rc == 0 && a->in_snapshot)
        rc = mapped_attach(a, err);
    if (rc == 0 && a->in_snapshot && !a->mapped && !filter_is_all(a->options.filter)) {
        a->crossings_due = true;
        rc = crossing_settle(a, err);
    }
    a->in_snapshot = false;
    return rc;
}

static int start_loading(struct applier *a, struct ds_error *err)
{
    struct load_options options = {.name = a->name,
                                   .database = a->database,
                                   .state_database = a->state_database,
                                   .resnapshot = a->replace_rows,
                                   .takes = a->mapped ? mapped_takes : NULL,
                                   .doubles = a->mapped ? mapped_doubles : NULL,
                                   .arg = a};
    return loader_new(&a->loader, a->db, &a->server, a->target, &options, err);
}

static int stale_copy_ended(struct applier *a, const struct source_table *t, struct ds_error *err)
{
    char name[200];
    snprintf(name, sizeof name, "%.*s", (int)t->def.name.len, (const char *)t->def.name.p);
    if (!loader_stale_applied(a->loader)) {
        struct stale_table *waiting = add_stale(a, name); /* until its ALTER TABLE comes */
        return waiting ? 0 : out_of_memory(err);
    }
    struct stale_table *s = add_stale(a, name);
    if (!s || position_copy(&s->position, &a->stale_at))
        return out_of_memory(err);
    s->copied = true;
    log_info("table is copied again table=%s", name);
    return a->in_snapshot ? 0 : persist_copied(a, name, err);
}

static bool waits(const struct applier *a, struct slice name)
{
    for (const struct stale_table *s = a->stale; s; s = s->next)
        if (!s->copied && strlen(s->name) == name.len && memcmp(s->name, name.p, name.len) == 0)
            return true;
    return false;
}

/* A crash between the commit of a copy's end and the trimming of the store leaves the copy, or its
 * rest, in the store: it is applied already. To load it again would take the destination back to
 * what it was, table by table, under a checkpoint that says otherwise. */
static bool snapshot_passed_over(struct applier *a, enum snapshot_kind kind)
{
    bool of_stale = kind == SNAPSHOT_STALE_BEGIN || a->loader;
    if (a->cp.found && !a->in_snapshot && (kind == SNAPSHOT_BEGIN || !of_stale))
        a->passing_copy = true;
    bool passed = a->passing_copy;
    a->copy_passed |= passed && kind == SNAPSHOT_END;
    /* with the rest of a whole copy it begins again; a table's alone has ended */
    if (kind == SNAPSHOT_END || kind == SNAPSHOT_ABORT || kind == SNAPSHOT_STALE_END)
        a->passing_copy = false;
    return passed;
}

/* The same for the copy of one table that arrived earlier: rows of the table that are behind it in
 * the store are applied, and would be missing after it. If the table needs a copy all the same, a
 * new one is on its way. A copy that arrives is never behind the checkpoint, and waited for. */
static int stale_copy_passed_over(struct applier *a, const struct msg_snapshot *s,
                                  const struct source_table *t, bool *passed, struct ds_error *err)
{
    struct position copy = {0}, applied = {0};
    int rc = 0;
    if (s->kind == SNAPSHOT_STALE_BEGIN && a->cp.found && !a->in_snapshot && !a->passing_copy) {
        rc = parse_position(s->text, &copy, err);
        if (rc == 0)
            rc = checkpoint_position(&a->cp, &applied, err);
        a->passing_stale = rc == 0 && position_reached(&copy, &applied) &&
                           !(position_reached(&applied, &copy) && t && waits(a, t->def.name));
        position_free(&copy);
        position_free(&applied);
    }
    *passed = a->passing_stale;
    if (s->kind == SNAPSHOT_STALE_END)
        a->passing_stale = false;
    return rc;
}

int snapshot_message(struct applier *a, const struct message *m, struct ds_error *err)
{
    const struct msg_snapshot *s = &m->snapshot;
    const struct source_table *t = source_table_find(a, s->table_id);
    bool passed = a->options.dry_run;
    int rc = passed ? 0 : stale_copy_passed_over(a, s, t, &passed, err);
    if (rc || passed || snapshot_passed_over(a, s->kind))
        return rc;
    if (s->kind == SNAPSHOT_BEGIN) {
        a->in_snapshot = true;
        stale_free(a);
    }
    rc = a->loader ? 0 : start_loading(a, err);
    if (rc == 0 && s->kind == SNAPSHOT_STALE_BEGIN)
        rc = parse_position(s->text, &a->stale_at, err);
    if (rc == 0)
        rc = loader_message(a->loader, s, t ? &t->def : NULL, err);
    if (rc == 0 && s->kind == SNAPSHOT_STALE_END && t)
        rc = stale_copy_ended(a, t, err);
    if (rc) {
        loader_free(a->loader);
        a->loader = NULL;
        a->stale_requested =
            false; /* the rest of this copy is passed over, another one has to come */
        return rc;
    }
    pthread_mutex_lock(&a->shared.mutex);
    a->shared.status.snapshot_rows = loader_rows(a->loader);
    if (a->in_snapshot)
        a->shared.status.state = APPLIER_SNAPSHOT;
    pthread_mutex_unlock(&a->shared.mutex);
    if (s->kind == SNAPSHOT_END || (s->kind == SNAPSHOT_STALE_END && !a->in_snapshot))
        return end_loading(a, err);
    return 0;
}
