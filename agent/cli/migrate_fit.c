#include "agent/cli/migrate_fit.h"

#include <inttypes.h>
#include <mysqld_error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "applier/bind.h"
#include "schema/db.h"
#include "schema/list.h"
#include "schema/log.h"

enum { KEYS_TOLD = 10, STATEMENT_BYTES = 1 << 20 };

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for a sample of rows");
}

/* --- what is wrong --------------------------------------------------------------------------- */

static struct misfit *misfit_of(struct fit *f, int32_t column, const char *why)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->misfits[i].column == column && (column == FIT_REFUSED || column <= FIT_REFUSED_BY ||
                                               strcmp(f->misfits[i].why, why) == 0))
            return &f->misfits[i];
    if (LIST_ROOM(f->misfits, f->count, f->capacity))
        return NULL;
    struct misfit *m = &f->misfits[f->count++];
    *m = (struct misfit){.column = column};
    snprintf(m->why, sizeof m->why, "%s", why);
    return m;
}

int fit_note(struct fit *f, int32_t column, const char *why, struct slice from,
             struct ds_error *err)
{
    struct misfit *m = misfit_of(f, column, why);
    if (!m)
        return no_memory(err);
    if (m->rows++ >= KEYS_TOLD)
        return m->rows == KEYS_TOLD + 1 && buf_puts(&m->keys, ",…") ? no_memory(err) : 0;
    if (m->keys.len && buf_puts(&m->keys, ","))
        return no_memory(err);
    return f->key(f->arg, from, &m->keys, err);
}

/* The server's words hold the value, which is no log's. */
static void tell_why(const struct target_column *c, unsigned number, char *out, size_t size)
{
    const bool text = c->class == TARGET_TEXT || c->class == TARGET_BYTES;
    switch (number) {
    case ER_BAD_NULL_ERROR:
        snprintf(out, size, "NULL, which the column refuses");
        return;
    case ER_NO_DEFAULT_FOR_FIELD:
        snprintf(out, size, "there is no value, and the column has no default");
        return;
    case ER_WARN_DATA_OUT_OF_RANGE:
        snprintf(out, size, "out of the column's range");
        return;
    case ER_DATA_TOO_LONG:
    case WARN_DATA_TRUNCATED:
        snprintf(out, size, "%s",
                 text                          ? "longer than the column"
                 : c->class == TARGET_DECIMAL  ? "digits behind the column's last one are cut"
                 : c->class == TARGET_TEMPORAL ? "no such date or time, or a more precise one"
                                               : "not one of the column's values");
        return;
    case ER_TRUNCATED_WRONG_VALUE_FOR_FIELD:
        snprintf(out, size,
                 text ? "characters that the column's character set has not"
                      : "not a value of the column's type");
        return;
    default:
        snprintf(out, size, "the destination changes the value (%u)", number);
    }
}

/* The column that the server names last, as 'a' or `a`. */
static int32_t column_named(const struct target_table *t, const char *text)
{
    int32_t found = -1;
    size_t place = 0;
    for (uint32_t i = 0; i < t->column_count; i++) {
        const size_t len = strlen(t->columns[i].name);
        for (const char *p = text; (p = strstr(p, t->columns[i].name)); p++)
            if (p > text && (p[-1] == '\'' || p[-1] == '`') && p[len] == p[-1] &&
                (size_t)(p - text) >= place) {
                place = (size_t)(p - text);
                found = (int32_t)i;
            }
    }
    return found;
}

/* The error value of an ENUM cannot be written without a warning. */
static bool is_enum_error(const struct fit *f, const struct fit_row *m, int32_t column)
{
    const uint8_t **columns = calloc(f->to->column_count + 1, sizeof *columns);
    struct value v = {.u = 1};
    if (columns && f->to->columns[column].is_enum &&
        image_split(m->image, f->to->column_count, columns) == 0) {
        const uint8_t *p = columns[column];
        (void)value_read(&p, p + value_length(p), &v);
    }
    free(columns);
    return v.kind == VALUE_UINT && v.u == 0;
}

static int take_warnings(struct fit *f, const struct fit_row *m, struct ds_error *err)
{
    MYSQL_RES *rows = mysql_warning_count(f->db) ? db_select(f->db, err, "SHOW WARNINGS") : NULL;
    int rc = 0;
    if (!rows)
        return mysql_warning_count(f->db) ? err->code : 0;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(rows));) {
        const unsigned number = (unsigned)strtoul(row[1], NULL, 10);
        const int32_t column = column_named(f->to, row[2]);
        char why[100];
        if (column < 0 || is_enum_error(f, m, column))
            continue;
        tell_why(&f->to->columns[column], number, why, sizeof why);
        rc = fit_note(f, column, why, m->from, err);
    }
    mysql_free_result(rows);
    return rc;
}

/* --- rows into the temporary table ----------------------------------------------------------- */

static int put_row(const struct fit *f, struct slice image, struct buf *sql, struct ds_error *err)
{
    const uint8_t **columns = calloc(f->to->column_count + 1, sizeof *columns);
    int rc = columns ? 0 : no_memory(err);
    if (rc == 0 && image_split(image, f->to->column_count, columns))
        rc = error_set(err, DS_EFORMAT, "a row for table %s is malformed", f->to->name);
    const char *before = "(";
    for (uint32_t i = 0; rc == 0 && i < f->to->column_count; i++) {
        if (f->to->columns[i].generated)
            continue;
        rc = buf_puts(sql, before) ? no_memory(err) : 0;
        before = ",";
        if (rc == 0)
            rc = *columns[i] != VALUE_BYTE_ABSENT
                     ? bind_literal(sql, &f->to->columns[i], columns[i], err)
                 : buf_puts(sql, "DEFAULT") ? no_memory(err)
                                            : 0;
    }
    free(columns);
    return rc == 0 && buf_puts(sql, ")") ? no_memory(err) : rc;
}

/* "`a`,`b`": what is written, invisible columns too. */
static int put_columns(const struct fit *f, struct buf *sql)
{
    int rc = 0;
    const char *before = "";
    for (uint32_t i = 0; i < f->to->column_count; i++)
        if (!f->to->columns[i].generated) {
            rc |= buf_puts(sql, before) | sql_identifier(sql, f->to->columns[i].name);
            before = ",";
        }
    return rc;
}

static int put_head(const struct fit *f, struct buf *sql)
{
    return buf_printf(sql, "INSERT IGNORE INTO %s (", f->sample) | put_columns(f, sql) |
           buf_puts(sql, ") VALUES ");
}

static int write_one(struct fit *f, const struct fit_row *m, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    if (put_head(f, &sql))
        return no_memory(err);
    int rc = put_row(f, m->image, &sql, err);
    rc = rc ? rc : db_exec_len(f->db, (const char *)sql.data, sql.len, err);
    return rc ? rc : take_warnings(f, m, err);
}

/* All at once, and one by one only where something is wrong. */
static int write_some(struct fit *f, const struct fit_row *made, size_t count, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    int rc = put_head(f, &sql) ? no_memory(err) : 0;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = i && buf_puts(&sql, ",") ? no_memory(err) : put_row(f, made[i].image, &sql, err);
    if (rc || !count)
        return rc;
    rc = db_exec(f->db, err, "START TRANSACTION");
    rc = rc ? rc : db_exec_len(f->db, (const char *)sql.data, sql.len, err);
    const bool good = rc == 0 && !mysql_warning_count(f->db);
    rc = rc ? rc : db_exec(f->db, err, good ? "COMMIT" : "ROLLBACK");
    if (rc || good)
        return rc;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = write_one(f, &made[i], err);
    return rc;
}

int fit_rows(struct fit *f, const struct fit_row *rows, size_t count, struct ds_error *err)
{
    size_t first = 0, bytes = 0;
    int rc = 0;
    if (f->refused)
        return 0;
    for (size_t i = 0; i < count && rc == 0; i++) {
        const size_t len = rows[i].image.len * 3; /* as a text, with what is around it */
        if (bytes && (bytes + len > 3 * STATEMENT_BYTES || bytes + len > f->max_packet)) {
            rc = write_some(f, rows + first, i - first, err);
            first = i;
            bytes = 0;
        }
        bytes += len;
        if (len > f->max_packet) { /* alone, and too large to try */
            first = i + 1;
            bytes = 0;
        }
    }
    f->looked_at += count;
    return rc ? rc : write_some(f, rows + first, count - first, err);
}

/* --- tables ---------------------------------------------------------------------------------- */

/* Without its keys: rows of a sample do not collide, and FULLTEXT cannot be temporary. */
static int make_table(struct fit *f, struct ds_error *err)
{
    BUF_AUTO struct buf name = {0}, columns = {0};
    if (sql_identifier(&name, f->to->name) || put_columns(f, &columns))
        return no_memory(err);
    int rc = db_exec(f->db, err, "DROP TEMPORARY TABLE IF EXISTS %s", f->sample);
    rc = rc ? rc
            : db_exec(f->db, err,
                      "CREATE TEMPORARY TABLE %s ENGINE=InnoDB SELECT %s FROM %s LIMIT 0",
                      f->sample, buf_cstr(&columns), buf_cstr(&name));
    if (rc == DS_ECONN || rc == 0)
        return rc;
    log_warn("no rows are looked at for values that would get lost, since the destination makes no "
             "temporary table: %s",
             err->message);
    f->refused = true;
    error_clear(err);
    return 0;
}

static void forget(struct fit *f)
{
    for (size_t i = 0; i < f->count; i++)
        buf_free(&f->misfits[i].keys);
    f->count = 0;
    f->looked_at = 0;
}

int fit_table(struct fit *f, const struct target_table *to, struct ds_error *err)
{
    forget(f);
    f->to = to;
    return to && !f->refused ? make_table(f, err) : 0;
}

int fit_open(struct fit *f, const struct config *c, struct ds_error *err)
{
    struct db_endpoint to = config_endpoint(c, false);
    bool found;
    snprintf(f->sample, sizeof f->sample, "`datasync_sample`");
    int rc = db_connect(&f->db, &to, err);
    rc = rc ? rc
            : db_exec(f->db, err,
                      "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO', time_zone = '+00:00', "
                      "lc_messages = 'en_US'");
    return rc ? rc
              : db_scalar_u64(f->db, &f->max_packet, &found, err, "SELECT @@max_allowed_packet");
}

void fit_close(struct fit *f)
{
    forget(f);
    free(f->misfits);
    free(f->tried);
    db_close(&f->db);
}

/* --- told ------------------------------------------------------------------------------------ */

/* What goes to a field of the destination; NULL: nothing. */
static const struct target_column *field_from(const struct map *map, const char *document,
                                              const struct target_table *from, const char *field)
{
    for (uint32_t i = 0; from && i < from->column_count; i++) {
        const char *to = map_field(map, MAP_SOURCE, document, from->columns[i].name);
        if (to && strcmp(to, field) == 0)
            return &from->columns[i];
    }
    return NULL;
}

int fit_findings(struct fit *f, const struct map *map, const char *document,
                 const struct target_table *from, const char *there, struct map_findings *out,
                 struct ds_error *err)
{
    int rc = 0;
    for (size_t i = 0; i < f->count; i++) {
        struct misfit *m = &f->misfits[i];
        const struct target_column *to = m->column < 0 ? NULL : &f->to->columns[m->column];
        const struct target_column *field = to ? field_from(map, document, from, to->name) : NULL;
        BUF_AUTO struct buf why = {0};
        rc |= !from && to ? buf_printf(&why, "%s.%s %s: %s", there, to->name, to->type_text, m->why)
                          : buf_puts(&why, m->why);
        rc |=
            map_findings_add(out, &(struct map_finding){.problem = MAP_VALUE_LOST,
                                                        .side = MAP_SOURCE,
                                                        .document = document,
                                                        .field = field ? field->name : NULL,
                                                        .type = field ? field->type_text : NULL,
                                                        .other_document = there,
                                                        .other_field = from && to ? to->name : NULL,
                                                        .other_type = to ? to->type_text : NULL,
                                                        .why = buf_cstr(&why),
                                                        .keys = buf_cstr(&m->keys),
                                                        .rows = m->rows,
                                                        .looked_at = f->looked_at});
    }
    forget(f);
    return rc ? no_memory(err) : 0;
}

int fit_own_key(void *arg, struct slice image, struct buf *out, struct ds_error *err)
{
    const struct fit *f = arg;
    const struct target_key *key = f->to->row_key;
    const uint8_t **columns = calloc(f->to->column_count + 1, sizeof *columns);
    int rc = columns ? 0 : no_memory(err);
    if (rc == 0 && image_split(image, f->to->column_count, columns))
        rc = error_set(err, DS_EFORMAT, "a row for table %s is malformed", f->to->name);
    for (uint32_t i = 0; rc == 0 && key && i < key->count; i++) {
        if (i && buf_puts(out, "/"))
            rc = no_memory(err);
        rc =
            rc ? rc
               : bind_literal(out, &f->to->columns[key->columns[i]], columns[key->columns[i]], err);
    }
    free(columns);
    return rc;
}

/* --- rows of a step --------------------------------------------------------------------------- */

/* The same of another row; NULL: there is none. */
static struct map_finding *like(struct map_findings *out, const struct map_finding *found)
{
    for (size_t i = 0; i < out->count; i++) {
        struct map_finding *x = &out->items[i];
        if (x->problem == found->problem && !x->other_field &&
            strcmp(x->document, found->document) == 0 && strcmp(x->why, found->why) == 0)
            return x;
    }
    return NULL;
}

int fit_refused(struct map_findings *out, const char *document, uint64_t looked_at,
                struct ds_error *err)
{
    BUF_AUTO struct buf keys = {0};
    const struct map_finding found = {.problem = MAP_VALUE_LOST,
                                      .side = MAP_SOURCE,
                                      .document = document,
                                      .why = err->message,
                                      .keys = err->key,
                                      .rows = 1,
                                      .looked_at = looked_at};
    struct map_finding *x = like(out, &found);
    int rc = x ? 0 : map_findings_add(out, &found);
    if (x && x->rows++ <= KEYS_TOLD) { /* the last time instead of a key */
        rc = buf_printf(&keys, "%s,%s", x->keys, x->rows > KEYS_TOLD ? "…" : err->key);
        x->keys = rc ? NULL : arena_strdup(&out->arena, buf_cstr(&keys));
        rc = x->keys ? 0 : DS_ENOMEM;
    }
    error_clear(err);
    return rc ? no_memory(err) : 0;
}
