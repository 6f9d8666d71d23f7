/* Values that would get lost, by a sample: rows of each document go through the map as if they were
 * copied, into a temporary table of the destination that has the columns of the real one. What the
 * server changes or refuses there it would in the copy, too: it knows lengths, ranges, character
 * sets, the values of an ENUM and all else. Nothing else is written.
 *
 * Of a table whose key is one whole number rows are taken from all of its range, of others the
 * first ones. */
#include <inttypes.h>
#include <mysqld_error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/migrate_sample.h"
#include "agent/cli/progress.h"
#include "agent/whole_table.h"
#include "applier/bind.h"
#include "applier/map/map_facts.h"
#include "applier/map/map_row.h"
#include "schema/list.h"
#include "schema/log.h"

enum { PIECES = 10, ROWS_OF_PIECE = 100, KEYS_TOLD = 10, STATEMENT_BYTES = 1 << 20 };
#define SAMPLE "`datasync_sample`"

/* Rows of a document that have the same thing wrong. */
struct misfit {
    int32_t column; /* of the destination; -1: a handler refuses the row */
    char why[sizeof((struct ds_error *)0)->message];
    uint64_t rows;
    struct buf keys;
};

struct made {
    struct slice from, image; /* at the source, and as the destination gets it */
};

struct sampling {
    struct migrating *g;
    struct map_findings *findings;
    struct snapshot_source source;
    MYSQL *db; /* the destination */
    struct map_servers *servers;
    uint64_t max_packet;
    bool refused; /* temporary tables are not to be had */
    /* of the document in hand */
    const char *document, *there;
    const struct target_table *from, *to;
    struct map_row *row;
    struct misfit *misfits;
    size_t count, capacity;
    uint64_t looked_at;
};

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for a sample of rows");
}

/* --- what is wrong --------------------------------------------------------------------------- */

static struct misfit *misfit_of(struct sampling *s, int32_t column, const char *why)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->misfits[i].column == column && (column < 0 || strcmp(s->misfits[i].why, why) == 0))
            return &s->misfits[i];
    if (LIST_ROOM(s->misfits, s->count, s->capacity))
        return NULL;
    struct misfit *m = &s->misfits[s->count++];
    *m = (struct misfit){.column = column};
    snprintf(m->why, sizeof m->why, "%s", why);
    return m;
}

static int note(struct sampling *s, int32_t column, const char *why, struct slice image,
                struct ds_error *err)
{
    struct misfit *m = misfit_of(s, column, why);
    struct map_record record;
    struct ds_error at = {0};
    if (!m)
        return no_memory(err);
    if (m->rows++ >= KEYS_TOLD)
        return m->rows == KEYS_TOLD + 1 && buf_puts(&m->keys, ",…") ? no_memory(err) : 0;
    int rc = map_row_record(s->row, image, (struct slice){0}, &record, err);
    if (rc)
        return rc;
    map_row_at_key(s->row, &at);
    return buf_printf(&m->keys, "%s%s", m->keys.len ? "," : "", at.key) ? no_memory(err) : 0;
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
static bool is_enum_error(const struct sampling *s, const struct made *m, int32_t column)
{
    const uint8_t **columns = calloc(s->to->column_count + 1, sizeof *columns);
    struct value v = {.u = 1};
    if (columns && s->to->columns[column].is_enum &&
        image_split(m->image, s->to->column_count, columns) == 0) {
        const uint8_t *p = columns[column];
        (void)value_read(&p, p + value_length(p), &v);
    }
    free(columns);
    return v.kind == VALUE_UINT && v.u == 0;
}

static int take_warnings(struct sampling *s, const struct made *m, struct ds_error *err)
{
    MYSQL_RES *rows = mysql_warning_count(s->db) ? db_select(s->db, err, "SHOW WARNINGS") : NULL;
    int rc = 0;
    if (!rows)
        return mysql_warning_count(s->db) ? err->code : 0;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(rows));) {
        const unsigned number = (unsigned)strtoul(row[1], NULL, 10);
        const int32_t column = column_named(s->to, row[2]);
        char why[100];
        if (column < 0 || is_enum_error(s, m, column))
            continue;
        tell_why(&s->to->columns[column], number, why, sizeof why);
        rc = note(s, column, why, m->from, err);
    }
    mysql_free_result(rows);
    return rc;
}

/* --- rows into the temporary table ----------------------------------------------------------- */

static int put_row(const struct sampling *s, struct slice image, struct buf *sql,
                   struct ds_error *err)
{
    const uint8_t **columns = calloc(s->to->column_count + 1, sizeof *columns);
    int rc = columns ? 0 : no_memory(err);
    if (rc == 0 && image_split(image, s->to->column_count, columns))
        rc = error_set(err, DS_EFORMAT, "a row for table %s is malformed", s->to->name);
    const char *before = "(";
    for (uint32_t i = 0; rc == 0 && i < s->to->column_count; i++) {
        if (s->to->columns[i].generated)
            continue;
        rc = buf_puts(sql, before) ? no_memory(err) : 0;
        before = ",";
        if (rc == 0)
            rc = *columns[i] != VALUE_BYTE_ABSENT
                     ? bind_literal(sql, &s->to->columns[i], columns[i], err)
                 : buf_puts(sql, "DEFAULT") ? no_memory(err)
                                            : 0;
    }
    free(columns);
    return rc == 0 && buf_puts(sql, ")") ? no_memory(err) : rc;
}

static int put_head(const struct sampling *s, struct buf *sql)
{
    int rc = buf_puts(sql, "INSERT IGNORE INTO " SAMPLE " ");
    const char *before = "(";
    for (uint32_t i = 0; i < s->to->column_count; i++)
        if (!s->to->columns[i].generated) {
            rc |= buf_puts(sql, before) | sql_identifier(sql, s->to->columns[i].name);
            before = ",";
        }
    return rc | buf_puts(sql, ") VALUES ");
}

static int write_one(struct sampling *s, const struct made *m, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    if (put_head(s, &sql))
        return no_memory(err);
    int rc = put_row(s, m->image, &sql, err);
    rc = rc ? rc : db_exec_len(s->db, (const char *)sql.data, sql.len, err);
    return rc ? rc : take_warnings(s, m, err);
}

/* All at once, and one by one only where something is wrong. */
static int write_some(struct sampling *s, const struct made *made, size_t count,
                      struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    int rc = put_head(s, &sql) ? no_memory(err) : 0;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = i && buf_puts(&sql, ",") ? no_memory(err) : put_row(s, made[i].image, &sql, err);
    rc = rc || !count ? rc : db_exec_len(s->db, (const char *)sql.data, sql.len, err);
    if (rc || !count || !mysql_warning_count(s->db))
        return rc;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = write_one(s, &made[i], err);
    return rc;
}

/* --- rows of the source ---------------------------------------------------------------------- */

/* A handler refuses it, or it is no value of the column's type. */
static int note_refused(struct sampling *s, struct slice from, struct ds_error *err)
{
    const struct ds_error refused = *err;
    const char *needs;
    const int32_t column = map_row_misfit(s->row, &needs);
    char why[200];
    error_clear(err);
    if (column >= 0)
        snprintf(why, sizeof why, "the column needs %s", needs);
    return note(s, column, column < 0 ? refused.message : why, from, err);
}

static int make_rows(struct sampling *s, const struct whole_table *t, struct arena *arena,
                     struct ds_error *err)
{
    struct made *made = arena_alloc(arena, (t->count + 1) * sizeof *made);
    size_t count = 0, bytes = 0;
    int rc = made ? 0 : no_memory(err);
    for (size_t i = 0; i < t->count && rc == 0; i++) {
        BUF_AUTO struct buf image = {0};
        rc = map_row_new_image(s->row, t->rows[i], (struct slice){0}, &image, err);
        if (rc == DS_ECONFLICT) {
            rc = note_refused(s, t->rows[i], err);
            continue;
        }
        if (rc || image.len * 3 > s->max_packet) /* as a text, with what is around it */
            continue;
        made[count++] =
            (struct made){t->rows[i], {arena_copy(arena, image.data, image.len), image.len}};
        bytes += image.len;
        if (!made[count - 1].image.p)
            rc = no_memory(err);
        if (rc == 0 && (bytes > STATEMENT_BYTES || bytes * 3 > s->max_packet)) {
            rc = write_some(s, made, count, err);
            count = bytes = 0;
        }
    }
    s->looked_at += t->count;
    return rc ? rc : write_some(s, made, count, err);
}

/* Rows of other documents. */
static int not_looked_at(void *arg, const struct map_output *output, struct ds_error *err)
{
    (void)arg, (void)output, (void)err;
    return 0;
}

static int take_piece(struct sampling *s, const struct whole_table *t, struct ds_error *err)
{
    const struct config *c = &s->g->in->config;
    const struct msg_table source = whole_table_definition(t);
    const struct map_row_options o = {.map = filter_map(s->g->in->filter),
                                      .facts = map_servers_facts(s->servers),
                                      .emit = not_looked_at,
                                      .prefix = c->source.prefix,
                                      .target_prefix = c->destination.prefix,
                                      .source = &source,
                                      .target = s->to};
    struct arena arena = {0};
    int rc = map_row_new(&s->row, &o, err);
    if (rc == 0)
        rc = make_rows(s, t, &arena, err);
    map_row_free(s->row);
    s->row = NULL;
    arena_free(&arena);
    return rc;
}

/* The only column of the key, a whole number; NULL: another key. */
static const struct target_column *number_key(const struct target_table *t)
{
    const struct target_column *c =
        t->row_key && t->row_key->count == 1 ? &t->columns[t->row_key->columns[0]] : NULL;
    return c && c->class == TARGET_INT && c->width ? c : NULL;
}

static int key_range(struct sampling *s, const struct target_column *key, int64_t range[2],
                     struct ds_error *err)
{
    BUF_AUTO struct buf name = {0}, column = {0};
    if (sql_identifier(&name, s->from->name) || sql_identifier(&column, key->name))
        return no_memory(err);
    MYSQL_RES *rows = db_select(s->source.db, err, "SELECT MIN(%s), MAX(%s) FROM %s",
                                buf_cstr(&column), buf_cstr(&column), buf_cstr(&name));
    if (!rows)
        return err->code;
    MYSQL_ROW row = mysql_fetch_row(rows);
    for (int i = 0; i < 2; i++)
        range[i] = row && row[i] ? strtoll(row[i], NULL, 10) : 0;
    mysql_free_result(rows);
    return 0;
}

static int64_t last_key(const struct whole_table *t, const char *key)
{
    const uint8_t **columns = calloc(t->plan.column_count + 1, sizeof *columns);
    const uint32_t at = whole_table_column(t, key);
    struct value v = {0};
    if (columns && t->count && at != UINT32_MAX &&
        image_split(t->rows[t->count - 1], t->plan.column_count, columns) == 0) {
        const uint8_t *p = columns[at];
        if (value_read(&p, p + value_length(p), &v))
            v = (struct value){0};
    }
    free(columns);
    return v.kind == VALUE_INT ? v.i : v.kind == VALUE_UINT ? (int64_t)v.u : INT64_MAX;
}

static int take_pieces(struct sampling *s, const struct target_column *key, struct ds_error *err)
{
    const uint64_t most = s->g->in->config.max_event;
    int64_t range[2] = {0, 0}, next = INT64_MIN;
    int rc = key_range(s, key, range, err);
    bool more = rc == 0;
    for (int64_t i = 0; i < PIECES && more && rc == 0; i++) {
        const uint64_t whole = (uint64_t)range[1] - (uint64_t)range[0];
        const int64_t spread = (int64_t)((uint64_t)range[0] + whole / PIECES * (uint64_t)i);
        struct whole_table t = {0};
        BUF_AUTO struct buf where = {0};
        if (sql_identifier(&where, key->name) ||
            buf_printf(&where, " >= %" PRId64, spread > next ? spread : next))
            return no_memory(err);
        rc = whole_table_read_where(&t, &s->source, s->from->name, 0, buf_cstr(&where),
                                    ROWS_OF_PIECE, most, err);
        rc = rc || !t.count ? rc : take_piece(s, &t, err);
        more = t.count == ROWS_OF_PIECE;
        next = last_key(&t, key->name);
        next += next < INT64_MAX;
        whole_table_free(&t);
    }
    return rc;
}

static int take_first(struct sampling *s, struct ds_error *err)
{
    struct whole_table t = {0};
    int rc = whole_table_read_where(&t, &s->source, s->from->name, 0, NULL,
                                    PIECES * ROWS_OF_PIECE / 2, s->g->in->config.max_event, err);
    rc = rc || !t.count ? rc : take_piece(s, &t, err);
    whole_table_free(&t);
    return rc;
}

/* --- documents ------------------------------------------------------------------------------- */

/* What goes to a field of the destination; NULL: nothing. */
static const struct target_column *field_from(const struct sampling *s, const char *field)
{
    const struct map *map = filter_map(s->g->in->filter);
    for (uint32_t i = 0; i < s->from->column_count; i++) {
        const char *to = map_field(map, MAP_SOURCE, s->document, s->from->columns[i].name);
        if (to && strcmp(to, field) == 0)
            return &s->from->columns[i];
    }
    return NULL;
}

static int tell_misfits(struct sampling *s, struct ds_error *err)
{
    int rc = 0;
    for (size_t i = 0; i < s->count; i++) {
        struct misfit *m = &s->misfits[i];
        const struct target_column *to = m->column < 0 ? NULL : &s->to->columns[m->column];
        const struct target_column *from = to ? field_from(s, to->name) : NULL;
        rc |= map_findings_add(s->findings,
                               &(struct map_finding){.problem = MAP_VALUE_LOST,
                                                     .side = MAP_SOURCE,
                                                     .document = s->document,
                                                     .field = from ? from->name : NULL,
                                                     .type = from ? from->type_text : NULL,
                                                     .other_document = s->there,
                                                     .other_field = to ? to->name : NULL,
                                                     .other_type = to ? to->type_text : NULL,
                                                     .why = m->why,
                                                     .keys = buf_cstr(&m->keys),
                                                     .rows = m->rows,
                                                     .looked_at = s->looked_at});
        buf_free(&m->keys);
    }
    s->count = 0;
    return rc ? no_memory(err) : 0;
}

/* Without its keys: rows of a sample do not collide, and FULLTEXT cannot be temporary. */
static int make_table(struct sampling *s, struct ds_error *err)
{
    BUF_AUTO struct buf name = {0};
    if (sql_identifier(&name, s->to->name))
        return no_memory(err);
    int rc = db_exec(s->db, err, "DROP TEMPORARY TABLE IF EXISTS " SAMPLE);
    rc = rc ? rc
            : db_exec(s->db, err,
                      "CREATE TEMPORARY TABLE " SAMPLE " ENGINE=InnoDB SELECT * FROM %s LIMIT 0",
                      buf_cstr(&name));
    if (rc == DS_ECONN || rc == 0)
        return rc;
    log_warn("no rows are looked at for values that would get lost, since the destination makes no "
             "temporary table: %s",
             err->message);
    s->refused = true;
    error_clear(err);
    return 0;
}

/* What is wrong with a rule itself is told elsewhere; columns that a step adds are not there yet.
 */
static int look_at(struct sampling *s, struct ds_error *err)
{
    const struct target_column *key = number_key(s->from);
    int rc = make_table(s, err);
    if (rc || s->refused)
        return rc;
    rc = source_begin_alone(&s->source, err);
    rc = rc ? rc : key ? take_pieces(s, key, err) : take_first(s, err);
    if (rc == DS_EUSAGE || rc == DS_EUNSUPPORTED || rc == DS_ESCHEMA) {
        log_debug("rows are not looked at document=%s reason=\"%s\"", s->document, err->message);
        error_clear(err);
        rc = 0;
    }
    rc = rc ? rc : source_rollback(&s->source, err); /* the shop may alter it again */
    return rc ? rc : tell_misfits(s, err);
}

static int look_at_all(struct sampling *s, const struct map_side_schema sides[2],
                       struct ds_error *err)
{
    const struct map *map = filter_map(s->g->in->filter);
    const struct map_side_schema *source = &sides[MAP_SOURCE], *here = &sides[MAP_DESTINATION];
    const size_t prefix = strlen(source->prefix);
    int rc = 0;
    for (uint32_t i = 0; i < target_count(source->schema) && rc == 0 && !s->refused; i++) {
        char name[300];
        s->from = target_at(source->schema, i);
        progress_count(i, target_count(source->schema));
        if (!s->from->exists || strncmp(s->from->name, source->prefix, prefix) != 0 ||
            !s->from->row_key || !s->from->row_key->primary)
            continue;
        s->document = s->from->name + prefix;
        s->there = map_document(map, MAP_SOURCE, s->document);
        snprintf(name, sizeof name, "%s%s", here->prefix, s->there ? s->there : "");
        s->to = s->there ? target_find(here->schema, name, strlen(name)) : NULL;
        s->looked_at = 0;
        rc = s->to && s->to->exists ? look_at(s, err) : 0;
    }
    if (rc == 0)
        progress_count(target_count(source->schema), target_count(source->schema));
    return rc;
}

static int open_all(struct sampling *s, const struct target *here, struct ds_error *err)
{
    const struct config *c = &s->g->in->config;
    struct db_endpoint to = config_endpoint(c, false);
    bool found;
    int rc = source_open(&s->source, c, err);
    rc = rc ? rc : db_connect(&s->db, &to, err);
    rc = rc ? rc
            : db_exec(s->db, err,
                      "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO', time_zone = '+00:00', "
                      "lc_messages = 'en_US'");
    rc = rc ? rc : db_scalar_u64(s->db, &s->max_packet, &found, err, "SELECT @@max_allowed_packet");
    rc = rc ? rc : map_servers_new(&s->servers, c, filter_map(s->g->in->filter), s->g->own, err);
    if (rc == 0)
        map_servers_attach(s->servers, here);
    return rc;
}

int migrate_sample(struct migrating *g, const struct map_side_schema sides[2],
                   struct map_findings *findings, struct ds_error *err)
{
    struct sampling s = {.g = g, .findings = findings};
    if (filter_mask(g->in->filter)) /* what would be written is known to the masks alone */
        return 0;
    int rc = open_all(&s, sides[MAP_DESTINATION].schema, err);
    rc = rc ? rc : look_at_all(&s, sides, err);
    for (size_t i = 0; i < s.count; i++)
        buf_free(&s.misfits[i].keys);
    free(s.misfits);
    map_servers_free(s.servers);
    source_close(&s.source);
    db_close(&s.db);
    return rc;
}
