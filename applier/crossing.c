/* Foreign keys from tables whose rows travel to tables of which rows do not (law 13).
 *
 * They cannot hold at the destination: parents are not there. So they are recorded in
 * datasync_objects (kind `foreign_key`), dropped, and given to the schema as derived keys: the
 * planner sees them, and cascade.c does what they would. A statement about either table finds them
 * in place again, and they are taken out before the next rows. Each step may be repeated after a
 * crash: a record comes before its key is dropped, and goes after it is back.
 *
 * Parents are tables that the filter leaves out, and those of entities of which it leaves some out;
 * within such an entity keys hold, since its rows come and go together. Where no key takes its rows
 * along when the root goes, one is derived that does (`linked`).
 *
 * A row of datasync_objects: object is the key's name, object_table the child, statement the ALTER
 * TABLE that makes it, session an array of values: parent, rules on delete and update, then column
 * and parent's column by turns.
 */
#include <stdlib.h>
#include <string.h>

#include "applier/apply.h"
#include "schema/log.h"

enum { FIXED_VALUES = 3, MAX_VALUES = FIXED_VALUES + 2 * 64 };

static int out_of_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for foreign keys");
}

/* " WHERE name = … AND kind = 'foreign_key'", behind the table's name. */
static int records(const struct applier *a, struct buf *sql)
{
    return sql_table(sql, a->state_database, "datasync_objects") |
           buf_puts(sql, " WHERE kind = 'foreign_key' AND name = ") |
           sql_string(sql, a->name, strlen(a->name));
}

/* --- records ------------------------------------------------------------- */

static int describe(const struct target_fk *fk, struct buf *out)
{
    int rc = image_write_head(out, FIXED_VALUES + 2 * fk->count) |
             value_write_text(out, fk->parent_name, strlen(fk->parent_name)) |
             value_write_uint(out, fk->on_delete) | value_write_uint(out, fk->on_update);
    for (uint32_t i = 0; i < fk->count; i++) {
        const char *column = fk->child->columns[fk->columns[i]].name;
        rc |= value_write_text(out, column, strlen(column)) |
              value_write_text(out, fk->parent_column_names[i], strlen(fk->parent_column_names[i]));
    }
    return rc;
}

static const char *text_value(const uint8_t *raw, const uint8_t *end, struct arena *arena)
{
    struct value v;
    if (value_read(&raw, end, &v) || v.kind != VALUE_TEXT)
        return NULL;
    char *text = arena_alloc(arena, v.bytes.len + 1);
    if (text) {
        memcpy(text, v.bytes.p, v.bytes.len);
        text[v.bytes.len] = 0;
    }
    return text;
}

static int derive(struct applier *a, MYSQL_ROW row, size_t len, struct arena *arena,
                  struct ds_error *err)
{
    const uint8_t *raw = (const uint8_t *)row[2], *p = raw, *end = raw + len, *values[MAX_VALUES];
    const char *columns[64], *parents[64];
    uint32_t n = 0;
    struct value on_delete, on_update;
    if (array_read_head(&p, end, &n) || n < FIXED_VALUES + 2 || n > MAX_VALUES || n % 2 == 0 ||
        image_split((struct slice){raw, len}, n, values))
        return error_set(err, DS_EFORMAT, "foreign key %s in datasync_objects cannot be read",
                         row[0]);
    struct derived_key key = {.name = row[0],
                              .child = row[1],
                              .parent = text_value(values[0], end, arena),
                              .columns = columns,
                              .parent_columns = parents,
                              .count = (n - FIXED_VALUES) / 2};
    bool whole = key.parent && value_read(&values[1], end, &on_delete) == 0 &&
                 value_read(&values[2], end, &on_update) == 0;
    for (uint32_t i = 0; i < key.count && whole; i++) {
        columns[i] = text_value(values[FIXED_VALUES + 2 * i], end, arena);
        parents[i] = text_value(values[FIXED_VALUES + 2 * i + 1], end, arena);
        whole = columns[i] && parents[i];
    }
    if (!whole || on_delete.kind != VALUE_UINT || on_update.kind != VALUE_UINT)
        return error_set(err, DS_EFORMAT, "foreign key %s in datasync_objects cannot be read",
                         row[0]);
    key.on_delete = (enum fk_rule)on_delete.u;
    key.on_update = (enum fk_rule)on_update.u;
    return target_derive(a->target, &key) ? out_of_memory(err) : 0;
}

bool crossing_takes_along(const struct target_table *child, const char *column, const char *parent,
                          bool *follows)
{
    bool takes = false;
    *follows = false;
    for (uint32_t f = 0; f < child->fk_count; f++) {
        const struct target_fk *fk = &child->fks[f];
        bool is = !fk->derived && fk->count == 1 && strcmp(fk->parent_name, parent) == 0 &&
                  strcasecmp(child->columns[fk->columns[0]].name, column) == 0;
        takes |= is && fk->on_delete == FK_CASCADE;
        *follows |= is && fk->on_update == FK_CASCADE;
    }
    return takes;
}

/* Rows that belong to a root, which no key takes along when it goes. */
static int link_members(struct applier *a, struct ds_error *err)
{
    int rc = 0;
    for (uint32_t i = 0; i < target_count(a->target) && rc == 0; i++) {
        const struct target_table *t = target_at(a->target, i);
        BUF_AUTO struct buf parent = {0}, name = {0};
        struct filter_level level;
        if (!t->exists || !filter_level(a->options.filter, t->name, &level) ||
            level.entry == &level.entity->tables[0])
            continue;
        const struct catalogue_table *up = filter_level_parent(&level);
        const char *key = filter_level_key(up);
        if (buf_printf(&parent, "%s%s", a->config->source.prefix, up->table) ||
            buf_printf(&name, "link of %s", t->name))
            return out_of_memory(err);
        struct derived_key link = {.name = buf_cstr(&name),
                                   .child = t->name,
                                   .parent = buf_cstr(&parent),
                                   .columns = &level.entry->link,
                                   .parent_columns = &key,
                                   .count = 1,
                                   .on_delete = FK_CASCADE,
                                   .linked = true};
        bool follows, takes = crossing_takes_along(t, level.entry->link, link.parent, &follows);
        link.on_update = follows ? FK_RESTRICT : FK_CASCADE;
        if (!takes && target_derive(a->target, &link))
            rc = out_of_memory(err);
    }
    return rc;
}

/* The derived keys of the schema are those that are recorded, and links. */
static int load(struct applier *a, struct ds_error *err)
{
    BUF_AUTO struct buf from = {0};
    struct arena arena = {0};
    target_derive_none(a->target);
    if (records(a, &from))
        return out_of_memory(err);
    MYSQL_RES *res =
        db_select(a->db, err, "SELECT object, object_table, session FROM %s", buf_cstr(&from));
    if (!res)
        return err->code;
    int rc = 0;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(res));)
        rc = derive(a, row, mysql_fetch_lengths(res)[2], &arena, err);
    mysql_free_result(res);
    arena_free(&arena);
    return rc ? rc : link_members(a, err);
}

/* --- taking keys out ----------------------------------------------------- */

/* The key's clause in SHOW CREATE TABLE, which has one line for each. */
static int clause(struct applier *a, const struct target_fk *fk, struct buf *out,
                  struct ds_error *err)
{
    BUF_AUTO struct buf table = {0}, head = {0};
    if (sql_table(&table, a->database, fk->child->name) || buf_puts(&head, "  CONSTRAINT ") ||
        sql_identifier(&head, fk->name) || buf_puts(&head, " FOREIGN KEY "))
        return out_of_memory(err);
    MYSQL_RES *res = db_select(a->db, err, "SHOW CREATE TABLE %s", buf_cstr(&table));
    if (!res)
        return err->code;
    MYSQL_ROW row = mysql_fetch_row(res);
    const char *at = row ? strstr(row[1], buf_cstr(&head)) : NULL;
    size_t len = at ? strcspn(at, "\n") : 0;
    while (len && at[len - 1] == ',')
        len--;
    int rc = buf_append(out, at ? at : "", len) ? out_of_memory(err) : 0;
    mysql_free_result(res);
    if (rc == 0 && !len)
        rc = error_set(err, DS_ESCHEMA,
                       "foreign key %s is not in the definition of table %s at the destination",
                       fk->name, fk->child->name);
    return rc;
}

static int record(struct applier *a, const struct target_fk *fk, struct ds_error *err)
{
    BUF_AUTO struct buf statement = {0}, values = {0}, sql = {0};
    int rc = buf_puts(&statement, "ALTER TABLE ") | sql_identifier(&statement, fk->child->name) |
             buf_puts(&statement, " ADD");
    rc = rc ? out_of_memory(err) : clause(a, fk, &statement, err);
    if (rc)
        return rc;
    rc = describe(fk, &values) | buf_puts(&sql, "REPLACE INTO ") |
         sql_table(&sql, a->state_database, "datasync_objects") | buf_puts(&sql, " SET name = ") |
         sql_string(&sql, a->name, strlen(a->name)) |
         buf_puts(&sql, ", kind = 'foreign_key', position = '', object = ") |
         sql_string(&sql, fk->name, strlen(fk->name)) | buf_puts(&sql, ", object_table = ") |
         sql_string(&sql, fk->child->name, strlen(fk->child->name)) |
         buf_puts(&sql, ", statement = ") | sql_string(&sql, buf_cstr(&statement), statement.len) |
         buf_puts(&sql, ", session = ") | sql_string(&sql, values.data, values.len);
    return rc ? out_of_memory(err) : db_exec_len(a->db, (const char *)sql.data, sql.len, err);
}

static int take_out(struct applier *a, const struct target_fk *fk, struct ds_error *err)
{
    BUF_AUTO struct buf table = {0}, name = {0};
    int rc = record(a, fk, err);
    if (rc == 0 &&
        (sql_table(&table, a->database, fk->child->name) || sql_identifier(&name, fk->name)))
        rc = out_of_memory(err);
    if (rc == 0)
        rc = db_exec(a->db, err, "ALTER TABLE %s DROP FOREIGN KEY %s", buf_cstr(&table),
                     buf_cstr(&name));
    if (rc == 0)
        log_info("a foreign key cannot hold here, rows of its parent are left out; what it does is "
                 "done table=%s name=%s parent=%s",
                 fk->child->name, fk->name, fk->parent_name);
    return rc;
}

static bool crosses(const struct applier *a, const struct target_fk *fk)
{
    return !fk->derived && *fk->parent_name &&
           filter_crosses(a->options.filter, fk->child->name,
                          fk->count == 1 ? fk->child->columns[fk->columns[0]].name : NULL,
                          fk->parent_name);
}

/* Does a cascade from `t` reach rows that travel? */
static bool reaches_kept(const struct applier *a, const struct target_table *t)
{
    for (uint32_t i = 0; i < t->reach_count; i++)
        if (filter_keeps(a->options.filter, t->reach[i]->name))
            return true;
    return false;
}

/* Does something have to be done beside the table's own foreign keys when its rows go? */
static bool has_derived(const struct target_table *t)
{
    bool has = false;
    for (uint32_t r = 0; r < t->referrer_count; r++)
        has |= t->referrers[r]->derived && (t->referrers[r]->on_delete != FK_RESTRICT ||
                                            t->referrers[r]->on_update != FK_RESTRICT);
    return has;
}

/* Does what the key does change or delete rows that are left out, to which rows that travel refer,
 * or rows whose own keys do? Deleted ones always, changed ones if it is by these columns. */
static bool passes_unseen(const struct applier *a, const struct target_fk *fk)
{
    const struct target_table *child = fk->child;
    struct filter_level level;
    bool kept = filter_keeps(a->options.filter, child->name);
    bool part = kept && filter_level(a->options.filter, child->name, &level);
    if (part          ? !child->cascades_unknown && !has_derived(child)
        : fk->derived ? true
        : kept        ? !child->cascades_unknown
                      : !reaches_kept(a, child))
        return false;
    bool passes = fk->on_delete == FK_CASCADE;
    for (uint32_t i = 0; i < fk->count; i++)
        passes |= child->columns[fk->columns[i]].in_referenced &&
                  (fk->on_delete != FK_RESTRICT || fk->on_update != FK_RESTRICT);
    return passes;
}

/* Note tables whose cascades pass, at any depth, through rows that are not here: what these take
 * along cannot be known. */
static void note_unknown(struct applier *a)
{
    uint32_t count = target_count(a->target);
    for (uint32_t i = 0; i < count; i++)
        target_at(a->target, i)->cascades_unknown = false;
    for (bool more = true; more;) {
        more = false;
        for (uint32_t i = 0; i < count; i++) {
            struct target_table *t = target_at(a->target, i);
            bool unknown = false;
            for (uint32_t r = 0; t->exists && r < t->referrer_count && !t->cascades_unknown; r++)
                unknown |= passes_unseen(a, t->referrers[r]);
            t->cascades_unknown |= unknown;
            more |= unknown;
        }
    }
}

/* Tell the agent whose keys it is to decode. */
static int note_parents(struct applier *a, struct ds_error *err)
{
    BUF_AUTO struct buf text = {0};
    int rc = 0;
    note_unknown(a);
    for (uint32_t i = 0; i < target_count(a->target) && rc == 0; i++) {
        struct target_table *t = target_at(a->target, i);
        struct filter_level level;
        bool whole = filter_keeps(a->options.filter, t->name) &&
                     !filter_level(a->options.filter, t->name, &level);
        for (uint32_t r = 0; t->exists && !whole && r < t->referrer_count && rc == 0; r++) {
            const struct target_fk *fk = t->referrers[r];
            if (fk->linked)
                continue;
            for (uint32_t c = 0; c < fk->count && rc == 0; c++)
                rc = buf_printf(&text, "%s\t%s\t%s\n", t->name, fk->parent_column_names[c],
                                fk->child->name);
        }
    }
    if (rc)
        return out_of_memory(err);
    return a->options.spool ? spool_post(a->options.spool, SPOOL_NOTE_APPLIED, buf_cstr(&text), err)
                            : 0;
}

int crossing_settle(struct applier *a, struct ds_error *err)
{
    int rc = target_refresh(a->target, a->db, err);
    if (rc == 0 && a->conditions_due)
        rc = condition_check(a, err);
    if (rc || !a->crossings_due || a->options.dry_run)
        return rc;
    for (uint32_t i = 0; i < target_count(a->target) && rc == 0; i++) {
        const struct target_table *t = target_at(a->target, i);
        bool some = false;
        for (uint32_t f = 0; t->exists && f < t->fk_count && rc == 0; f++)
            if (crosses(a, &t->fks[f])) {
                rc = take_out(a, &t->fks[f], err);
                some = true;
            }
        if (some)
            target_touch(a->target, t->name);
    }
    if (rc == 0)
        rc = load(a, err);
    if (rc == 0)
        rc = target_refresh(a->target, a->db, err);
    if (rc == 0)
        rc = target_relink(a->target, err);
    if (rc == 0)
        rc = note_parents(a, err);
    a->crossings_due = rc != 0;
    return rc;
}

int crossing_post(struct applier *a, struct ds_error *err)
{
    if (a->options.spool && spool_post(a->options.spool, SPOOL_NOTE_FILTER, a->chosen, err))
        return err->code;
    if (a->mapped || filter_is_all(a->options.filter))
        return 0;
    int rc = a->stateless ? 0 : load(a, err);
    if (rc == 0)
        rc = target_relink(a->target, err);
    return rc ? rc : note_parents(a, err);
}

/* --- putting them back --------------------------------------------------- */

static bool is_named(const char *table, const char *const *names, size_t count)
{
    bool named = !names;
    for (size_t i = 0; i < count && !named; i++)
        named = strcmp(names[i], table) == 0;
    return named;
}

static int put_back(struct applier *a, const char *object, const char *child, const char *statement,
                    struct ds_error *err)
{
    BUF_AUTO struct buf from = {0}, key = {0}, table = {0};
    bool there = false;
    BUF_AUTO struct buf ignored = {0};
    if (records(a, &from) || sql_string(&key, object, strlen(object)) ||
        sql_string(&table, child, strlen(child)))
        return out_of_memory(err);
    int rc =
        db_scalar(a->db, &ignored, &there, err,
                  "SELECT 1 FROM information_schema.TABLE_CONSTRAINTS WHERE "
                  "CONSTRAINT_SCHEMA = DATABASE() AND TABLE_SCHEMA = DATABASE() AND "
                  "TABLE_NAME = %s AND CONSTRAINT_NAME = %s AND CONSTRAINT_TYPE = 'FOREIGN KEY'",
                  buf_cstr(&table), buf_cstr(&key));
    target_touch(a->target, child);
    if (rc == 0 && !there)
        rc = db_exec(a->db, err, "%s", statement);
    if (rc == 0)
        rc = db_exec(a->db, err, "DELETE FROM %s AND object = %s", buf_cstr(&from), buf_cstr(&key));
    return rc;
}

static int restore_named(struct applier *a, const char *const *names, size_t count,
                         struct ds_error *err)
{
    BUF_AUTO struct buf from = {0};
    if (records(a, &from))
        return out_of_memory(err);
    MYSQL_RES *res = db_select(
        a->db, err, "SELECT object, object_table, statement, session FROM %s", buf_cstr(&from));
    if (!res)
        return err->code;
    struct arena arena = {0};
    int rc = 0;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(res));) {
        const uint8_t *p = (const uint8_t *)row[3], *end = p + mysql_fetch_lengths(res)[3];
        uint32_t n;
        const char *parent = array_read_head(&p, end, &n) ? NULL : text_value(p, end, &arena);
        if (parent && (is_named(row[1], names, count) || is_named(parent, names, count)))
            rc = put_back(a, row[0], row[1], row[2], err);
    }
    mysql_free_result(res);
    arena_free(&arena);
    return rc;
}

int crossing_restore(struct applier *a, const char *const *names, size_t count,
                     struct ds_error *err)
{
    uint64_t checks = 1;
    bool found;
    if (a->mapped || filter_is_all(a->options.filter))
        return 0;
    a->crossings_due = true;
    /* what the writer has left them at, and believes that they are */
    int rc = db_scalar_u64(a->db, &checks, &found, err, "SELECT @@foreign_key_checks");
    if (rc == 0)
        rc = db_exec(a->db, err, "SET SESSION foreign_key_checks = 0");
    if (rc)
        return rc;
    rc = restore_named(a, names, count, err);
    struct ds_error ignored;
    int left = db_exec(a->db, rc ? &ignored : err, "SET SESSION foreign_key_checks = %lu", checks);
    return rc ? rc : left;
}
