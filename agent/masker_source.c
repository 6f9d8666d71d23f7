/* What a masker asks the source: the attributes of EAV tables, unique keys, and at the start all
 * tables, whether the rules fit them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/masker_state.h"
#include "agent/snapshot_rows.h"
#include "agent/snapshot_source.h"
#include "schema/log.h"

enum { IDLE_SECONDS = 20 };
/* The code of an attribute that the source does not have any more. */
static const char gone[] = "(gone)";

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for masks");
}

int masker_connect(struct masker *m, struct ds_error *err)
{
    time_t now = time(NULL);
    bool idle = m->db && now - m->used >= IDLE_SECONDS;
    m->used = now;
    if (idle && mysql_ping(m->db)) /* the server may have given it up */
        db_close(&m->db);
    return m->db ? 0 : db_connect(&m->db, &m->endpoint, err);
}

static struct slice slice_of(const char *text)
{
    return (struct slice){(const uint8_t *)text, strlen(text)};
}

/* --- attributes ------------------------------------------------------------------- */

void masker_forget_attributes(struct masker *m)
{
    m->attributes_read = false;
}

static int by_id(const void *a, const void *b)
{
    uint64_t x = ((const struct attribute *)a)->id, y = ((const struct attribute *)b)->id;
    return x < y ? -1 : x > y;
}

static struct attribute *find(const struct masker *m, uint64_t id)
{
    const struct attribute key = {.id = id};
    return m->attribute_count
               ? bsearch(&key, m->attributes, m->attribute_count, sizeof *m->attributes, by_id)
               : NULL;
}

/* Those that are gone stay known: rows of them may still come. */
static int merge(struct masker *m, MYSQL_RES *res)
{
    size_t known = m->attribute_count, room = known + mysql_num_rows(res);
    struct attribute *all = realloc(m->attributes, (room + 1) * sizeof *all);
    if (!all)
        return DS_ENOMEM;
    m->attributes = all;
    size_t count = known;
    for (MYSQL_ROW row; (row = mysql_fetch_row(res));) {
        struct attribute a = {.id = strtoull(row[0] ? row[0] : "0", NULL, 10),
                              .type = arena_strdup(&m->arena, row[1] ? row[1] : ""),
                              .code = arena_strdup(&m->arena, row[2] ? row[2] : "")};
        struct attribute *old = find(m, a.id);
        if (!a.type || !a.code)
            return DS_ENOMEM;
        if (old)
            *old = a;
        else
            all[count++] = a;
    }
    m->attribute_count = count;
    qsort(all, count, sizeof *all, by_id);
    return 0;
}

static int read_attributes(struct masker *m, struct ds_error *err)
{
    BUF_AUTO struct buf attributes = {0}, types = {0}, name = {0};
    const char *prefix = m->config->source.prefix, *database = m->config->source.database;
    if (buf_printf(&name, "%seav_attribute", prefix) ||
        sql_table(&attributes, database, buf_cstr(&name)))
        return no_memory(err);
    buf_clear(&name);
    if (buf_printf(&name, "%seav_entity_type", prefix) ||
        sql_table(&types, database, buf_cstr(&name)))
        return no_memory(err);
    int rc = masker_connect(m, err);
    if (rc)
        return rc;
    MYSQL_RES *res =
        db_select(m->db, err,
                  "SELECT a.attribute_id, t.entity_type_code, a.attribute_code FROM %s "
                  "a JOIN %s t ON t.entity_type_id = a.entity_type_id",
                  buf_cstr(&attributes), buf_cstr(&types));
    if (!res) {
        db_close(&m->db);
        return err->code;
    }
    rc = merge(m, res);
    mysql_free_result(res);
    m->attributes_read = rc == 0;
    return rc ? no_memory(err) : 0;
}

static int unknown_attribute(const char *type, uint64_t id, const struct attribute *a,
                             struct ds_error *err)
{
    if (a)
        return error_set(err, DS_ESCHEMA,
                         "no mask rule says whether values of attribute %s may leave the source as "
                         "they are: put `@%s.%s keep` (or a method) into mask.rules, or set "
                         "mask.unknown: null",
                         a->code, type, a->code);
    return error_set(err, DS_ESCHEMA,
                     "the source has no attribute %" PRIu64 " any more, so no mask rule can say "
                     "whether its values may leave it: put `@%s.%s null` into mask.rules, or set "
                     "mask.unknown: null",
                     id, type, gone);
}

int masker_attribute_rule(struct masker *m, const char *type, uint64_t id,
                          const struct mask_column *column, const struct mask_rule **out,
                          struct ds_error *err)
{
    if (!m->attributes_read) {
        int rc = read_attributes(m, err);
        if (rc)
            return rc;
    }
    struct attribute *a = find(m, id);
    const struct mask_rule *r = a && strcmp(a->type, type) == 0
                                    ? mask_attribute_rule(m->mask, type, a->code)
                                    : mask_attribute_rule(m->mask, type, gone);
    if (!r && mask_unknown_null(m->mask))
        r = &mask_rule_null;
    if (!r)
        return unknown_attribute(type, id, a, err);
    const char *why = mask_refusal(r, column);
    if (why)
        return error_set(err, DS_ESCHEMA, "%s: `%s` cannot be used for values of attribute %s: %s",
                         r->where, mask_method_name(r->method), a ? a->code : "?", why);
    *out = r;
    return 0;
}

/* --- unique keys -------------------------------------------------------------------- */

/* Run a query about one table; `sql` ends where its two names are to be asked for. */
static MYSQL_RES *ask_about(struct masker *m, const char *table, const char *sql,
                            struct ds_error *err)
{
    BUF_AUTO struct buf schema = {0}, name = {0};
    const char *database = m->config->source.database;
    if (sql_string(&schema, database, strlen(database)) ||
        sql_string(&name, table, strlen(table))) {
        no_memory(err);
        return NULL;
    }
    if (masker_connect(m, err))
        return NULL;
    MYSQL_RES *res = db_select(m->db, err, "%s AND TABLE_SCHEMA = %s AND TABLE_NAME = %s", sql,
                               buf_cstr(&schema), buf_cstr(&name));
    if (!res)
        db_close(&m->db);
    return res;
}

int masker_unique_parts(struct masker *m, const char *table, struct unique_part **out,
                        size_t *count, struct ds_error *err)
{
    *out = NULL;
    *count = 0;
    MYSQL_RES *res = ask_about(m, table,
                               "SELECT INDEX_NAME, COLUMN_NAME, SUB_PART FROM "
                               "information_schema.STATISTICS WHERE NON_UNIQUE = 0 AND COLUMN_NAME "
                               "IS NOT NULL",
                               err);
    if (!res)
        return err->code;
    *out = calloc(mysql_num_rows(res) + 1, sizeof **out);
    for (MYSQL_ROW row; *out && (row = mysql_fetch_row(res));) {
        struct unique_part *p = &(*out)[(*count)++];
        snprintf(p->key, sizeof p->key, "%s", row[0]);
        snprintf(p->column, sizeof p->column, "%s", row[1]);
        p->prefix = row[2] ? (uint32_t)strtoul(row[2], NULL, 10) : 0;
    }
    mysql_free_result(res);
    return *out ? 0 : no_memory(err);
}

int masker_generated(struct masker *m, const char *table, struct generated **out, size_t *count,
                     struct ds_error *err)
{
    *out = NULL;
    *count = 0;
    MYSQL_RES *res = ask_about(m, table,
                               "SELECT COLUMN_NAME, GENERATION_EXPRESSION FROM "
                               "information_schema.COLUMNS WHERE GENERATION_EXPRESSION <> ''",
                               err);
    if (!res)
        return err->code;
    *out = calloc(mysql_num_rows(res) + 1, sizeof **out);
    for (MYSQL_ROW row; *out && (row = mysql_fetch_row(res));) {
        struct generated *g = &(*out)[(*count)++];
        snprintf(g->column, sizeof g->column, "%s", row[0]);
        snprintf(g->expression, sizeof g->expression, "%s", row[1]);
    }
    mysql_free_result(res);
    return *out ? 0 : no_memory(err);
}

int masker_key_needed(struct masker *m, const char *table, struct slice column, bool *needed,
                      struct ds_error *err)
{
    BUF_AUTO struct buf schema = {0}, name = {0}, key = {0};
    const char *database = m->config->source.database;
    *needed = false;
    if (sql_string(&schema, database, strlen(database)) ||
        sql_string(&name, table, strlen(table)) || sql_string(&key, column.p, column.len))
        return no_memory(err);
    int rc = masker_connect(m, err);
    if (rc)
        return rc;
    MYSQL_RES *res = db_select(m->db, err,
                               "SELECT TABLE_NAME, COLUMN_NAME FROM "
                               "information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = %s AND "
                               "REFERENCED_TABLE_SCHEMA = TABLE_SCHEMA AND REFERENCED_TABLE_NAME = "
                               "%s AND REFERENCED_COLUMN_NAME = %s",
                               buf_cstr(&schema), buf_cstr(&name), buf_cstr(&key));
    if (!res) {
        db_close(&m->db);
        return err->code;
    }
    for (MYSQL_ROW row; (row = mysql_fetch_row(res));) {
        size_t next = SIZE_MAX;
        const struct mask_rule *r = mask_column_rule(m->mask, row[0], slice_of(row[1]), &next);
        bool nothing = r ? r->method == MASK_NULL && !r->column : mask_unknown_null(m->mask);
        *needed |= filter_keeps(m->filter, row[0]) && !nothing;
    }
    mysql_free_result(res);
    return 0;
}

/* --- all tables ------------------------------------------------------------------------ */

/* One more finding; those that do not fit are counted. */
static int add_finding(struct buf *findings, size_t *count, const char *table,
                       const struct ds_error *why)
{
    ++*count;
    return findings->len > 900
               ? 0
               : buf_printf(findings, "%s%s: %s", findings->len ? "; " : "", table, why->message);
}

static int check_table(struct masker *m, struct snapshot_source *s, const char *table,
                       struct buf *findings, size_t *count, struct ds_error *err)
{
    struct table_plan columns = {0};
    struct mask_plan *plan = NULL;
    struct ds_error why = {0};
    int rc = table_plan_read(&columns, s, table, 0, &why);
    if (rc == 0)
        rc = masker_plan(m, table, columns.described, columns.column_count, TABLE_NAMES, NULL,
                         &plan, &why);
    mask_plan_free(plan);
    table_plan_free(&columns);
    if (rc == DS_ESCHEMA || rc == DS_EUSAGE)
        return add_finding(findings, count, table, &why) ? no_memory(err) : 0;
    if (rc == DS_ERETRY || rc == DS_EUNSUPPORTED) /* gone meanwhile; the copy says it better */
        return 0;
    if (rc)
        *err = why;
    return rc;
}

/* A key that holds between two columns must hold between their masks. */
static int check_key(const struct masker *m, MYSQL_ROW row, struct buf *findings, size_t *count)
{
    const char *child = row[0], *parent = row[2];
    const struct slice child_column = slice_of(row[1]), parent_column = slice_of(row[3]);
    size_t i = SIZE_MAX, k = SIZE_MAX;
    struct ds_error why;
    if (!filter_keeps(m->filter, child))
        return 0;
    const struct mask_rule *a = mask_column_rule(m->mask, child, child_column, &i);
    const struct mask_rule *b = mask_column_rule(m->mask, parent, parent_column, &k);
    bool kept = a && b && a->method == MASK_KEEP && b->method == MASK_KEEP;
    bool left_out = a && !a->column && a->method == MASK_NULL; /* refers to nothing */
    bool alike = mask_alike(m->mask, child, child_column, parent, parent_column);
    if (!a || !b || left_out || (alike && (kept || strcmp(row[5], row[6]) == 0)))
        return 0; /* what has no rule is found elsewhere */
    error_set(
        &why, DS_EUSAGE,
        "foreign key %s would not hold between the masks of column %s and of %s.%s: give both "
        "the same rule without a condition, and the same type; or keep both",
        row[4], row[1], parent, row[3]);
    return add_finding(findings, count, child, &why);
}

static int check_keys(struct masker *m, struct snapshot_source *s, struct buf *findings,
                      size_t *count, struct ds_error *err)
{
    BUF_AUTO struct buf schema = {0};
    if (sql_string(&schema, s->database, strlen(s->database)))
        return no_memory(err);
    MYSQL_RES *res = db_select(
        s->db, err,
        "SELECT k.TABLE_NAME, k.COLUMN_NAME, k.REFERENCED_TABLE_NAME, k.REFERENCED_COLUMN_NAME, "
        "k.CONSTRAINT_NAME, CONCAT(c.COLUMN_TYPE, ' ', COALESCE(c.COLLATION_NAME, '')), "
        "CONCAT(p.COLUMN_TYPE, ' ', COALESCE(p.COLLATION_NAME, '')) FROM "
        "information_schema.KEY_COLUMN_USAGE k JOIN information_schema.COLUMNS c ON c.TABLE_SCHEMA "
        "= k.TABLE_SCHEMA AND c.TABLE_NAME = k.TABLE_NAME AND c.COLUMN_NAME = k.COLUMN_NAME JOIN "
        "information_schema.COLUMNS p ON p.TABLE_SCHEMA = k.REFERENCED_TABLE_SCHEMA AND "
        "p.TABLE_NAME = k.REFERENCED_TABLE_NAME AND p.COLUMN_NAME = k.REFERENCED_COLUMN_NAME WHERE "
        "k.TABLE_SCHEMA = %s AND k.REFERENCED_TABLE_SCHEMA = k.TABLE_SCHEMA",
        buf_cstr(&schema));
    if (!res)
        return err->code;
    int rc = 0;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(res));)
        rc = check_key(m, row, findings, count);
    mysql_free_result(res);
    return rc ? no_memory(err) : 0;
}

static int check_tables(struct masker *m, struct snapshot_source *s, struct buf *findings,
                        size_t *count, struct ds_error *err)
{
    BUF_AUTO struct buf schema = {0};
    if (sql_string(&schema, s->database, strlen(s->database)))
        return no_memory(err);
    MYSQL_RES *res = db_select(s->db, err,
                               "SELECT TABLE_NAME FROM information_schema.TABLES WHERE "
                               "TABLE_TYPE = 'BASE TABLE' AND TABLE_SCHEMA = %s ORDER BY 1",
                               buf_cstr(&schema));
    if (!res)
        return err->code;
    int rc = 0;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(res));)
        if (filter_keeps(m->filter, row[0]))
            rc = check_table(m, s, row[0], findings, count, err);
    mysql_free_result(res);
    return rc;
}

int masker_check(struct masker *m, bool copies, struct ds_error *err)
{
    BUF_AUTO struct buf findings = {0};
    struct snapshot_source s = {0};
    size_t count = 0;
    int rc = source_open(&s, m->config, err);
    m->passes_unknown = !copies && !mask_unknown_null(m->mask);
    if (rc == 0)
        rc = check_tables(m, &s, &findings, &count, err);
    if (rc == 0)
        rc = check_keys(m, &s, &findings, &count, err);
    m->passes_unknown = false;
    source_close(&s);
    if (rc || !count)
        return rc;
    return error_set(err, DS_EUSAGE, "the masks do not fit the source, %zu table%s: %.1200s", count,
                     count == 1 ? "" : "s", buf_cstr(&findings));
}
