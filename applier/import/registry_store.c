#include "applier/import/registry_store.h"

#include <stdlib.h>
#include <string.h>

#include "schema/db.h"
#include "schema/db_later.h"

enum { ROWS_PER_INSERT = 1000 /* of a list, and of what is bound: */, ROWS_BOUND = 4000 };

/* What is bound. */
struct registry_lanes {
    const char *type[ROWS_BOUND], *id[ROWS_BOUND], *origin[ROWS_BOUND], *external_ref[ROWS_BOUND];
    unsigned long type_len[ROWS_BOUND], id_len[ROWS_BOUND], origin_len[ROWS_BOUND],
        external_ref_len[ROWS_BOUND];
    char has_ref[ROWS_BOUND];
    uint64_t target[ROWS_BOUND];
};

static int out_of_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for the registry");
}

void registry_store_free(struct registry_store *s)
{
    if (s->insert)
        mysql_stmt_close(s->insert);
    for (int i = 0; i < 2; i++) {
        buf_free(&s->statements[i].sql);
        free(s->statements[i].lanes);
    }
}

void registry_store_attach(struct registry_store *s, MYSQL *db, bool mariadb, bool missing)
{
    if (s->insert)
        mysql_stmt_close(s->insert);
    s->insert = NULL;
    s->db = db;
    s->mariadb = mariadb;
    s->missing = missing;
}

/* --- reading ------------------------------------------------------------------------------- */

static int from_registry(const struct registry_store *s, struct buf *sql)
{
    return s->missing ? buf_puts(sql, "(SELECT '' AS source_system, '' AS entity_type, '' AS "
                                      "source_id, 0 AS target_id, '' AS origin FROM DUAL WHERE "
                                      "FALSE) r")
                      : sql_table(sql, s->state_database, "datasync_entity_registry") |
                            buf_puts(sql, " r");
}

static int add_text(struct buf *sql, const char *text)
{
    return sql_string(sql, text, strlen(text));
}

/* "… r WHERE (it is of our source and this type)" */
static int from_type(const struct registry_store *s, const struct registry_type *type,
                     struct buf *sql)
{
    return from_registry(s, sql) | buf_puts(sql, " WHERE r.source_system = ") |
           add_text(sql, s->source_system) | buf_puts(sql, " AND r.entity_type = ") |
           add_text(sql, type->name);
}

int registry_store_has(const struct registry_store *s, const struct registry_type *type, bool *has,
                       struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    uint64_t one;
    if (buf_puts(&sql, "SELECT 1 FROM ") | from_type(s, type, &sql) | buf_puts(&sql, " LIMIT 1"))
        return out_of_memory(err);
    return db_scalar_u64(s->db, &one, has, err, "%s", buf_cstr(&sql));
}

int registry_store_may_be_missing(const struct registry_store *s, struct buf *sql)
{
    return buf_puts(sql, "EXISTS (SELECT 1 FROM ") |
           sql_table(sql, s->state_database, "datasync_entity_registry") |
           buf_puts(sql, " m WHERE m.source_system = r.source_system AND m.entity_type = "
                         "CONCAT(LEFT(r.entity_type, 50), '" REGISTRY_UNCHECKED
                         "') AND m.source_id = r.source_id AND m.target_id = 0)");
}

static int select_entries(const struct registry_store *s, const struct registry_type *type,
                          struct buf *sql)
{
    return buf_puts(sql, "SELECT source_id, target_id, origin, ") |
           buf_puts(sql, type->doubt ? type->doubt : "1") | buf_puts(sql, " FROM ") |
           from_type(s, type, sql);
}

MYSQL_RES *registry_store_scan(const struct registry_store *s, const struct registry_type *type,
                               uint32_t limit, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    int rc = select_entries(s, type, &sql);
    if (type->behind.len)
        rc |= buf_puts(&sql, " AND r.source_id > ") |
              sql_string(&sql, type->behind.p, type->behind.len);
    if (rc | buf_printf(&sql, " ORDER BY r.source_id LIMIT %u", limit)) {
        (void)out_of_memory(err);
        return NULL;
    }
    return db_select(s->db, err, "%s", buf_cstr(&sql));
}

MYSQL_RES *registry_store_ids(const struct registry_store *s, const struct registry_type *type,
                              struct slice behind, uint32_t limit, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    if (buf_puts(&sql, "SELECT r.source_id FROM ") | from_type(s, type, &sql) |
        buf_puts(&sql, " AND r.source_id > ") | sql_string(&sql, behind.p, behind.len) |
        buf_printf(&sql, " ORDER BY r.source_id LIMIT %u", limit)) {
        (void)out_of_memory(err);
        return NULL;
    }
    return db_select(s->db, err, "%s", buf_cstr(&sql));
}

MYSQL_RES *registry_store_read(const struct registry_store *s, const struct registry_type *type,
                               const struct registry_entry *list, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    int rc = select_entries(s, type, &sql) | buf_puts(&sql, " AND r.source_id IN (");
    for (const struct registry_entry *e = list; e && rc == 0; e = e->next_pending)
        rc = (e == list ? 0 : buf_puts(&sql, ",")) | sql_string(&sql, e->id.p, e->id.len);
    if (rc || buf_puts(&sql, ")")) {
        (void)out_of_memory(err);
        return NULL;
    }
    return db_select(s->db, err, "%s", buf_cstr(&sql));
}

static const char *name_of(enum origin origin)
{
    return origin == ORIGIN_MATCHED ? "'matched'" : "'created'";
}

int registry_store_condition(const struct registry_store *s, const struct registry_type *type,
                             const enum origin *origin, struct buf *sql)
{
    return buf_puts(sql, "EXISTS (SELECT 1 FROM ") | from_type(s, type, sql) |
           (origin ? buf_printf(sql, " AND r.origin = %s", name_of(*origin)) : 0) |
           buf_puts(sql, " AND r.target_id = ");
}

static int from_targets(const struct registry_store *s, const struct registry_type *type,
                        const char *ids, struct buf *sql)
{
    return buf_puts(sql, " FROM ") | from_type(s, type, sql) |
           buf_puts(sql, " AND r.target_id IN (") | buf_puts(sql, ids) | buf_puts(sql, ")");
}

MYSQL_RES *registry_store_of_targets(const struct registry_store *s,
                                     const struct registry_type *type, const char *ids,
                                     struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    if (buf_puts(&sql, "SELECT r.source_id, r.origin, r.target_id") |
        from_targets(s, type, ids, &sql)) {
        (void)out_of_memory(err);
        return NULL;
    }
    return db_select(s->db, err, "%s", buf_cstr(&sql));
}

/* "registry r WHERE … AND r.target_id" */
static int of_others(const struct registry_store *s, const struct registry_type *type,
                     struct buf *sql)
{
    return from_registry(s, sql) | buf_puts(sql, " WHERE r.source_system <> ") |
           add_text(sql, s->source_system) | buf_puts(sql, " AND r.entity_type = ") |
           add_text(sql, type->name) | buf_puts(sql, " AND r.target_id");
}

int registry_store_condition_others(const struct registry_store *s,
                                    const struct registry_type *type, struct buf *sql)
{
    return buf_puts(sql, "EXISTS (SELECT 1 FROM ") | of_others(s, type, sql) | buf_puts(sql, " = ");
}

MYSQL_RES *registry_store_of_others(const struct registry_store *s,
                                    const struct registry_type *type, const char *ids,
                                    struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    if (buf_puts(&sql, "SELECT r.target_id, MIN(r.source_system) FROM ") |
        of_others(s, type, &sql) | buf_puts(&sql, " IN (") | buf_puts(&sql, ids) |
        buf_puts(&sql, ") GROUP BY r.target_id")) {
        (void)out_of_memory(err);
        return NULL;
    }
    return db_select(s->db, err, "%s", buf_cstr(&sql));
}

int registry_store_hand_over(const struct registry_store *s, const struct registry_type *type,
                             const char *ids, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    if (s->missing)
        return 0;
    int rc = buf_puts(&sql, "UPDATE ") | from_registry(s, &sql) | buf_puts(&sql, " JOIN ") |
             sql_table(&sql, s->state_database, "datasync_entity_registry") |
             buf_printf(&sql,
                        " o ON o.entity_type = r.entity_type AND o.target_id = r.target_id AND "
                        "o.source_system <> r.source_system SET o.origin = %s WHERE "
                        "r.source_system = ",
                        name_of(ORIGIN_CREATED)) |
             add_text(&sql, s->source_system) | buf_puts(&sql, " AND r.entity_type = ") |
             add_text(&sql, type->name) |
             buf_printf(&sql, " AND r.origin = %s AND r.target_id IN (", name_of(ORIGIN_CREATED)) |
             buf_puts(&sql, ids) | buf_puts(&sql, ")");
    return rc ? out_of_memory(err) : db_exec_len(s->db, (const char *)sql.data, sql.len, err);
}

int registry_store_shared(const struct registry_store *s, const struct registry_type *type,
                          const char *ids, bool *shared, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    uint64_t more = 0;
    bool found;
    int rc = buf_puts(&sql, "SELECT COUNT(*) - COUNT(DISTINCT r.target_id)") |
             from_targets(s, type, ids, &sql);
    rc = rc ? out_of_memory(err) : db_scalar_u64(s->db, &more, &found, err, "%s", buf_cstr(&sql));
    *shared = more > 0;
    return rc;
}

/* --- writing ------------------------------------------------------------------------------- */

static int identity(const struct registry_store *s, const struct registry_entry *e, struct buf *sql)
{
    return add_text(sql, s->source_system) | buf_puts(sql, ",") | add_text(sql, e->type->name) |
           buf_puts(sql, ",") | sql_string(sql, e->id.p, e->id.len);
}

static int added_row(const struct registry_store *s, const struct registry_entry *e,
                     struct buf *sql)
{
    int rc = buf_puts(sql, "(") | identity(s, e, sql) | buf_puts(sql, ",") |
             buf_unsigned(sql, e->is.target) | buf_printf(sql, ",%s,", name_of(e->is.origin));
    rc |= e->external_ref.p ? sql_string(sql, e->external_ref.p, e->external_ref.len)
                            : buf_puts(sql, "NULL");
    return rc | buf_puts(sql, ")");
}

static MYSQL_BIND text_lane(const char **text, unsigned long *length)
{
    return (MYSQL_BIND){.buffer_type = MYSQL_TYPE_STRING, .buffer = (void *)text, .length = length};
}

static int run_insert(struct registry_statement *st, struct ds_error *err)
{
    struct registry_lanes *l = st->lanes;
    unsigned rows = st->rows;
    MYSQL_BIND binds[] = {
        text_lane(l->type, l->type_len),
        text_lane(l->id, l->id_len),
        {.buffer_type = MYSQL_TYPE_LONGLONG, .buffer = l->target, .is_unsigned = true},
        text_lane(l->origin, l->origin_len),
        text_lane(l->external_ref, l->external_ref_len)};
    binds[4].u.indicator = l->has_ref;
    if (mysql_stmt_attr_set(st->insert, STMT_ATTR_ARRAY_SIZE, &rows) ||
        mysql_stmt_bind_param(st->insert, binds) || mysql_stmt_execute(st->insert))
        return db_fail_stmt(err, st->insert, "registering entities");
    return 0;
}

static int run_statement(void *arg, struct ds_error *err)
{
    struct registry_statement *st = arg;
    uint64_t affected;
    int rc = 0;
    if (st->insert) {
        rc = run_insert(st, err);
        affected = rc ? 0 : mysql_stmt_affected_rows(st->insert);
    } else {
        rc = db_exec_len(st->db, (const char *)st->sql.data, st->sql.len, err);
        affected = rc ? 0 : mysql_affected_rows(st->db);
    }
    if (rc == 0 && st->new_rows && affected > st->new_rows) /* 2 of one that was */
        rc = error_set(err, DS_ERETRY, "another datasync registers entities of the same source");
    return rc;
}

static int insert_head(const struct registry_store *s, struct buf *sql)
{
    return buf_puts(sql, "INSERT INTO ") |
           sql_table(sql, s->state_database, "datasync_entity_registry") |
           buf_puts(sql, " (source_system, entity_type, source_id, target_id, origin, "
                         "external_ref) VALUES ");
}

/* The table has no other unique key, so that an entry that is there is this one. */
static int insert_tail(struct buf *sql)
{
    return buf_puts(sql, " ON DUPLICATE KEY UPDATE target_id = VALUES(target_id), origin = "
                         "VALUES(origin), external_ref = VALUES(external_ref), synced_at = "
                         "CURRENT_TIMESTAMP");
}

/* Row n of the statement; n 0 begins it. */
static int list_row(const struct registry_store *s, const struct registry_entry *e,
                    struct registry_statement *st, uint32_t n)
{
    bool add = e->pending == PENDING_ADD;
    int rc = n     ? buf_puts(&st->sql, ",")
             : add ? insert_head(s, &st->sql)
                   : buf_puts(&st->sql, "DELETE FROM ") |
                         sql_table(&st->sql, s->state_database, "datasync_entity_registry") |
                         buf_puts(&st->sql, " WHERE (source_system, entity_type, source_id) IN (");
    return rc |
           (add ? added_row(s, e, &st->sql)
                : buf_puts(&st->sql, "(") | identity(s, e, &st->sql) | buf_puts(&st->sql, ")"));
}

static int bind_row(const struct registry_entry *e, struct registry_statement *st, uint32_t n)
{
    if (!st->lanes && !(st->lanes = malloc(sizeof *st->lanes)))
        return DS_ENOMEM;
    struct registry_lanes *l = st->lanes;
    bool matched = e->is.origin == ORIGIN_MATCHED;
    l->type[n] = e->type->name;
    l->type_len[n] = strlen(l->type[n]);
    l->id[n] = (const char *)e->id.p;
    l->id_len[n] = e->id.len;
    l->target[n] = e->is.target;
    l->origin[n] = matched ? "matched" : "created";
    l->origin_len[n] = 7;
    l->external_ref[n] = (const char *)e->external_ref.p;
    l->external_ref_len[n] = e->external_ref.len;
    l->has_ref[n] = e->external_ref.p ? STMT_INDICATOR_NONE : STMT_INDICATOR_NULL;
    return 0;
}

static int prepare_insert(struct registry_store *s, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    if (s->insert)
        return 0;
    if (insert_head(s, &sql) | buf_puts(&sql, "(") | add_text(&sql, s->source_system) |
        buf_puts(&sql, ",?,?,?,?,?)") | insert_tail(&sql))
        return out_of_memory(err);
    int rc = db_settle(s->db, err);
    MYSQL_STMT *stmt = rc ? NULL : mysql_stmt_init(s->db);
    if (!stmt)
        return rc ? rc : out_of_memory(err);
    if (mysql_stmt_prepare(stmt, buf_cstr(&sql), sql.len)) {
        rc = db_fail_stmt(err, stmt, "preparing the registry's statement");
        mysql_stmt_close(stmt);
        return rc;
    }
    s->insert = stmt;
    return 0;
}

/* A statement of one kind for as many of the entries from *at on as go into one: that none of them
 * may be there is checked of all, or of none. */
static int write_some(struct registry_store *s, enum registry_pending pending,
                      struct registry_entry **at, struct ds_error *err)
{
    struct registry_statement *st = &s->statements[s->turn];
    bool add = pending == PENDING_ADD, bound = add && s->mariadb, here = false;
    uint32_t count = 0, most = bound ? ROWS_BOUND : ROWS_PER_INSERT;
    int rc = 0;
    buf_clear(&st->sql);
    for (; *at && count < most && rc == 0; *at = (*at)->next_pending) {
        if ((*at)->pending != pending)
            continue;
        bool is_new = add && (*at)->type->known == IS_HERE && !(*at)->there;
        if (count && is_new != here)
            break;
        here = is_new;
        (*at)->there = true;
        rc = bound ? bind_row(*at, st, count) : list_row(s, *at, st, count);
        count++;
    }
    if (rc == 0 && count && !bound)
        rc = add ? insert_tail(&st->sql) : buf_puts(&st->sql, ")");
    if (rc)
        return out_of_memory(err);
    rc = count && bound ? prepare_insert(s, err) : 0;
    if (rc || !count)
        return rc;
    st->db = s->db;
    st->insert = bound ? s->insert : NULL;
    st->rows = count;
    st->new_rows = here ? count : 0;
    s->turn ^= 1;
    return db_later(s->db, run_statement, st, err);
}

int registry_store_write(struct registry_store *s, struct registry_entry *list,
                         enum registry_pending pending, struct ds_error *err)
{
    int rc = 0;
    while (list && rc == 0)
        rc = write_some(s, pending, &list, err);
    return rc;
}
