#include "applier/import/incomplete.h"

#include <stdio.h>
#include <string.h>

#include "applier/import/import_internal.h"
#include "schema/db.h"
#include "schema/document.h"
#include "schema/log.h"
#include "schema/registry_key.h"

enum { STATEMENT_BYTES = 256 << 10 };
enum elsewhere { NOT_KNOWN, COMES_HERE, COMES_ELSEWHERE };

static int out_of_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for entities that are not complete");
}

/* --- remembering --------------------------------------------------------------------------- */

/* Does another run bring what ids of this type name? Types are names of entities and of tables. */
static enum elsewhere find_elsewhere(const struct import *im, const char *type)
{
    const struct catalogue *all = im->options.catalogue;
    const struct catalogue_entity *e = catalogue_find(all, type);
    const struct catalogue_table *t;
    if (!e && !catalogue_lookup(all, type, &e, &t))
        return COMES_HERE;
    return filter_imports(im->options.filter, e) ? COMES_HERE : COMES_ELSEWHERE;
}

static int comes_elsewhere(struct import *im, uint32_t type, bool *yes)
{
    static const uint8_t not_known = NOT_KNOWN;
    const char *name = registry_type_name(im->registry, type);
    struct buf *known = &im->elsewhere;
    while (known->len <= type)
        if (buf_append(known, &not_known, 1))
            return DS_ENOMEM;
    if (known->data[type] == NOT_KNOWN)
        known->data[type] = name ? (uint8_t)find_elsewhere(im, name) : COMES_HERE;
    *yes = known->data[type] == COMES_ELSEWHERE;
    return 0;
}

/* The entity of the row waits for that. */
static int put_row(struct import *im, const struct import_row *row, const char *missing,
                   struct slice id)
{
    const char *system = im->options.config->source_system;
    const struct import_entity *e = row->entity;
    struct buf *rows = &im->incomplete;
    return buf_puts(rows, rows->len ? ",(" : "(") | sql_string(rows, system, strlen(system)) |
           buf_puts(rows, ",") | sql_string(rows, e->entity->name, strlen(e->entity->name)) |
           buf_puts(rows, ",") | sql_string(rows, e->key.p, e->key.len) | buf_puts(rows, ",") |
           sql_string(rows, missing, strlen(missing)) | buf_puts(rows, ",") |
           sql_string(rows, id.p, id.len) | buf_puts(rows, ")");
}

static bool is_unchecked(const struct import *im, const struct import_row *row)
{
    return im->remembers_unchecked && import_is_unchecked(row) && row->op != CHANGE_DELETE;
}

bool import_remembers(const struct import *im, const struct import_row *row)
{
    return im->remembers || is_unchecked(im, row);
}

/* What a text names may also come by this run, later: with a stream of what changes, or, where a
 * copy brings some, with the next one. A copy of all brings texts once more behind the others. */
static bool comes_later(const struct import *im, const struct import_row *row)
{
    const struct import_options *o = &im->options;
    return o->completes || (o->follows ? !(row->origin->flags & CHANGE_COPIED) : o->some);
}

/* Is there anything to be forgotten? Of copies of all, which mostly leave nothing, it is asked
 * once.
 */
static int has_any(struct import *im, bool *any, struct ds_error *err)
{
    const char *system = im->options.config->source_system;
    BUF_AUTO struct buf sql = {0};
    uint64_t count = 0;
    bool found;
    *any = im->remembers || im->incomplete_rows == SOME_INCOMPLETE;
    if (*any || !im->remembers_texts || im->incomplete_rows == NONE_INCOMPLETE)
        return 0;
    if (buf_puts(&sql, "SELECT EXISTS (SELECT * FROM ") |
        sql_table(&sql, im->options.config->state_database, "datasync_incomplete") |
        buf_puts(&sql, " WHERE source_system = ") | sql_string(&sql, system, strlen(system)) |
        buf_puts(&sql, ")"))
        return out_of_memory(err);
    int rc = db_scalar_u64(im->db, &count, &found, err, "%s", buf_cstr(&sql));
    im->incomplete_rows = count ? SOME_INCOMPLETE : NONE_INCOMPLETE;
    *any = count;
    return rc;
}

bool import_waits(const struct import *im)
{
    return im->incomplete_rows != NONE_INCOMPLETE;
}

int import_incomplete(struct import *im, const struct import_row *row, uint32_t type,
                      struct slice id, bool written)
{
    const char *missing = registry_type_name(im->registry, type);
    const struct import_entity *e = row->entity;
    char scratch[2][REGISTRY_KEY_MAX + 1];
    bool text = written && im->remembers_texts, yes;
    bool unchecked = is_unchecked(im, row);
    if (!(im->remembers || text || unchecked) || e->policy != IMPORT_WRITE || !e->key.len ||
        !id.len || !missing)
        return 0;
    yes = unchecked;
    if (unchecked ? import_await_unchecked(im, type, id) : comes_elsewhere(im, type, &yes))
        return DS_ENOMEM;
    if (!yes && !(text && comes_later(im, row)))
        return 0;
    if (registry_key(e->key, scratch[0]).p != e->key.p) {
        log_warn("its key cannot be remembered: copy it again when what it refers to has come "
                 "entity=%s key=%.*s missing=%s id=%.*s",
                 e->entity->name, (int)e->key.len, (const char *)e->key.p, missing, (int)id.len,
                 (const char *)id.p);
        return 0;
    }
    return put_row(im, row, missing, registry_key(id, scratch[1]));
}

int import_copy_again(struct import *im, const struct import_row *row)
{
    const char *type = registry_type_name(im->registry, row->entity->type);
    char scratch[2][REGISTRY_KEY_MAX + 1];
    struct slice key = row->entity->key;
    if (!im->remembers_unchecked || !key.len || registry_key(key, scratch[0]).p != key.p)
        return 0;
    return put_row(im, row, type, registry_key(key, scratch[1]));
}

int import_incomplete_write(struct import *im, bool last, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    struct buf *rows = &im->incomplete;
    if (!rows->len || (!last && rows->len < STATEMENT_BYTES))
        return 0;
    im->incomplete_rows = SOME_INCOMPLETE;
    int rc = buf_puts(&sql, "INSERT IGNORE INTO ") |
             sql_table(&sql, im->options.config->state_database, "datasync_incomplete") |
             buf_puts(&sql, " VALUES ") | buf_append(&sql, rows->data, rows->len);
    buf_clear(rows);
    return rc ? out_of_memory(err) : db_exec_len(im->db, (const char *)sql.data, sql.len, err);
}

/* --- forgetting what is of no use any more ------------------------------------------------------
 */

/* … of the source's system. What was noted before is written first. */
static int forget_where(struct import *im, const struct buf *condition, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    const char *system = im->options.config->source_system;
    int rc = import_incomplete_write(im, true, err);
    if (rc)
        return rc;
    rc = buf_puts(&sql, "DELETE FROM ") |
         sql_table(&sql, im->options.config->state_database, "datasync_incomplete") |
         buf_puts(&sql, " WHERE source_system = ") | sql_string(&sql, system, strlen(system)) |
         buf_puts(&sql, " AND (") | buf_append(&sql, condition->data, condition->len) |
         buf_puts(&sql, ")");
    return rc ? out_of_memory(err) : db_exec_len(im->db, (const char *)sql.data, sql.len, err);
}

static int add_id(struct buf *ids, struct slice id)
{
    char scratch[REGISTRY_KEY_MAX + 1];
    id = registry_key(id, scratch);
    return (ids->len ? buf_puts(ids, ",") : 0) | sql_string(ids, id.p, id.len);
}

/* " OR TYPE = … AND ID IN (…)" */
static int add_condition(struct buf *sql, const char *type_column, const char *type,
                         const char *id_column, struct buf *ids)
{
    return buf_printf(sql, "%s%s = ", sql->len ? " OR " : "", type_column) |
           sql_string(sql, type, strlen(type)) |
           buf_printf(sql, " AND %s IN (%s)", id_column, buf_cstr(ids));
}

int import_incomplete_gone(struct import *im, uint32_t first, uint32_t end, struct ds_error *err)
{
    const struct import_table *t = im->rows[first]->table;
    BUF_AUTO struct buf keys = {0}, ids = {0}, sql = {0};
    const char *type = t->type == UINT32_MAX ? NULL : registry_type_name(im->registry, t->type);
    bool any = false;
    int rc = t->root ? has_any(im, &any, err) : 0;
    if (rc)
        return rc;
    for (uint32_t i = first; i < end && any && rc == 0; i++) {
        const struct import_row *row = im->rows[i];
        if (row->op != CHANGE_DELETE || row->state != ROW_WAITS)
            continue;
        rc = row->entity->key.len ? add_id(&keys, row->entity->key) : 0;
        rc |= type && row->id.len ? add_id(&ids, row->id) : 0;
    }
    if (rc == 0 && keys.len)
        rc = add_condition(&sql, "entity_type", t->entity->name, "source_id", &keys);
    if (rc == 0 && ids.len)
        rc = add_condition(&sql, "missing_type", type, "missing_id", &ids);
    return rc ? out_of_memory(err) : sql.len ? forget_where(im, &sql, err) : 0;
}

int import_incomplete_again(struct import *im, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0}, keys = {0};
    bool any;
    int rc = has_any(im, &any, err);
    if (rc)
        return rc;
    for (uint32_t i = 0; i < im->entity_count && any && !im->part && rc == 0; i++) {
        const struct import_entity *e = im->entity_list[i];
        bool last = i + 1 == im->entity_count || im->entity_list[i + 1]->entity != e->entity;
        if (e->whole && e->policy == IMPORT_WRITE && e->key.len)
            rc = add_id(&keys, e->key);
        if (rc == 0 && last && keys.len) {
            rc = add_condition(&sql, "entity_type", e->entity->name, "source_id", &keys);
            buf_clear(&keys);
        }
    }
    return rc ? out_of_memory(err) : sql.len ? forget_where(im, &sql, err) : 0;
}

/* --- completing ---------------------------------------------------------------------------- */

/* Do its values name what their writers like, which may come at any time? */
static bool has_texts(const struct catalogue_entity *e)
{
    for (size_t i = 0; i < document_format_count(); i++) {
        const struct document_format *f = document_format_at(i);
        for (size_t t = 0; document_is_written(f) && t < e->table_count; t++)
            if (strcmp(f->table, e->tables[t].table) == 0)
                return true;
    }
    return false;
}

/* "('', …)" */
static int list_kinds(const struct filter *f, enum incomplete_kinds kinds, struct buf *sql)
{
    const struct catalogue *all = filter_catalogue(f);
    int rc = buf_puts(sql, "(''");
    for (size_t n = 0; n < catalogue_count(all) && rc == 0; n++) {
        const struct catalogue_entity *e = catalogue_at(all, n);
        if (kinds == INCOMPLETE_WITH_TEXTS ? has_texts(e) : filter_imports(f, e))
            rc = buf_puts(sql, ",") | sql_string(sql, e->name, strlen(e->name));
    }
    return rc | buf_puts(sql, ")");
}

/* " WHERE i.source_system = … AND i.entity_type IN (…)" */
static int where_of(const struct config *c, const struct filter *f, enum incomplete_kinds kinds,
                    struct buf *sql)
{
    return buf_puts(sql, " WHERE i.source_system = ") |
           sql_string(sql, c->source_system, strlen(c->source_system)) |
           buf_puts(sql, " AND i.entity_type IN ") | list_kinds(f, kinds, sql);
}

int incomplete_any(MYSQL *db, const struct config *c, const struct filter *f, bool *any,
                   struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    uint64_t count = 0;
    bool found;
    int rc = buf_puts(&sql, "SELECT EXISTS (SELECT * FROM ") |
             sql_table(&sql, c->state_database, "datasync_incomplete") | buf_puts(&sql, " i") |
             where_of(c, f, INCOMPLETE_ASKED_FOR, &sql) | buf_puts(&sql, ")");
    rc = rc ? out_of_memory(err) : db_scalar_u64(db, &count, &found, err, "%s", buf_cstr(&sql));
    *any = count > 0;
    return rc;
}

MYSQL_RES *incomplete_ready(MYSQL *db, const struct config *c, const struct filter *f,
                            enum incomplete_kinds kinds, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    int rc = buf_puts(&sql, "SELECT i.entity_type, i.source_id, i.missing_type, i.missing_id "
                            "FROM ") |
             sql_table(&sql, c->state_database, "datasync_incomplete") |
             buf_puts(&sql, " i JOIN ") |
             sql_table(&sql, c->state_database, "datasync_entity_registry") |
             buf_puts(&sql, " r ON r.source_system = i.source_system AND r.entity_type = "
                            "i.missing_type AND r.source_id = i.missing_id") |
             where_of(c, f, kinds, &sql) | buf_puts(&sql, " ORDER BY 1, 2");
    if (rc) {
        (void)out_of_memory(err);
        return NULL;
    }
    return db_select(db, err, "%s", buf_cstr(&sql));
}

int incomplete_clear(MYSQL *db, const struct config *c, const struct filter *f,
                     struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    if (!filter_imports_all(f))
        return 0;
    int rc =
        buf_puts(&sql, "DELETE FROM ") | sql_table(&sql, c->state_database, "datasync_incomplete") |
        buf_puts(&sql, " WHERE source_system = ") |
        sql_string(&sql, c->source_system, strlen(c->source_system)) |
        buf_puts(&sql, " AND entity_type NOT IN ") | list_kinds(f, INCOMPLETE_WITH_TEXTS, &sql) |
        buf_puts(&sql, " AND NOT EXISTS (SELECT * FROM ") |
        sql_table(&sql, c->state_database, "datasync_entity_registry") |
        buf_puts(&sql, " r WHERE r.source_system = ") |
        sql_string(&sql, c->source_system, strlen(c->source_system)) |
        buf_puts(&sql, " AND r.entity_type = CONCAT(LEFT(missing_type, 50), "
                       "'" REGISTRY_UNCHECKED "') AND r.source_id = missing_id)") |
        buf_puts(&sql, " AND NOT EXISTS (SELECT * FROM ") |
        sql_table(&sql, c->state_database, "datasync_checkpoint") |
        buf_puts(&sql, " WHERE name = ") | sql_string(&sql, c->name, strlen(c->name)) |
        buf_puts(&sql, " AND entity <> '')");
    return rc ? out_of_memory(err) : db_exec_len(db, (const char *)sql.data, sql.len, err);
}

static int add_row(const struct config *c, MYSQL_ROW row, struct buf *sql)
{
    int rc = buf_puts(sql, sql->len ? ",(" : "(") |
             sql_string(sql, c->source_system, strlen(c->source_system));
    for (int i = 0; i < 4; i++)
        rc |= buf_puts(sql, ",") | sql_string(sql, row[i], strlen(row[i]));
    return rc | buf_puts(sql, ")");
}

int incomplete_forget(MYSQL *db, const struct config *c, MYSQL_RES *ready, struct ds_error *err)
{
    BUF_AUTO struct buf table = {0}, rows = {0};
    int rc = sql_table(&table, c->state_database, "datasync_incomplete") ? out_of_memory(err) : 0;
    mysql_data_seek(ready, 0);
    for (MYSQL_ROW row = mysql_fetch_row(ready); row && rc == 0;) {
        rc = add_row(c, row, &rows) ? out_of_memory(err) : 0;
        row = mysql_fetch_row(ready);
        if (rc || (row && rows.len < STATEMENT_BYTES))
            continue;
        rc = db_exec(db, err,
                     "DELETE FROM %s WHERE (source_system, entity_type, source_id, missing_type, "
                     "missing_id) IN (%s)",
                     buf_cstr(&table), buf_cstr(&rows));
        buf_clear(&rows);
    }
    return rc;
}
