/* What a column is: from information_schema to the type and metadata that a TABLE_MAP has, and to
 * the expression that brings its value as the row image has it. */
#include <mysqld_error.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/collations.h"
#include "agent/snapshot_rows.h"
#include "schema/members.h"

enum metadata_rule {
    META_NONE,
    META_FIXED,    /* `metadata` of the form: float and double width, pack length of blobs */
    META_DECIMAL,  /* precision and scale */
    META_BIT,      /* whole bytes and bits over */
    META_FRACTION, /* digits of a second */
    META_LENGTH,   /* bytes */
    META_ENUM,
    META_SET,
};

static const struct type_form {
    const char *name; /* DATA_TYPE */
    uint8_t type;
    enum column_read read;
    enum metadata_rule rule;
    uint16_t metadata;
    const char *before, *after; /* around the column's name in the selection */
} forms[] = {
    {"tinyint", MYSQL_TYPE_TINY, READ_NUMBER, META_NONE, 0, "", ""},
    {"smallint", MYSQL_TYPE_SHORT, READ_NUMBER, META_NONE, 0, "", ""},
    {"mediumint", MYSQL_TYPE_INT24, READ_NUMBER, META_NONE, 0, "", ""},
    {"int", MYSQL_TYPE_LONG, READ_NUMBER, META_NONE, 0, "", ""},
    {"bigint", MYSQL_TYPE_LONGLONG, READ_NUMBER, META_NONE, 0, "", ""},
    {"float", MYSQL_TYPE_FLOAT, READ_NUMBER, META_FIXED, 4, "", ""},
    {"double", MYSQL_TYPE_DOUBLE, READ_NUMBER, META_FIXED, 8, "", ""},
    {"decimal", MYSQL_TYPE_NEWDECIMAL, READ_DECIMAL, META_DECIMAL, 0, "", ""},
    {"bit", MYSQL_TYPE_BIT, READ_BIT, META_BIT, 0, "", ""},
    {"year", MYSQL_TYPE_YEAR, READ_NUMBER, META_NONE, 0, "", ""},
    {"date", MYSQL_TYPE_DATE, READ_TEMPORAL, META_NONE, 0, "", ""},
    {"time", MYSQL_TYPE_TIME2, READ_TEMPORAL, META_FRACTION, 0, "", ""},
    {"datetime", MYSQL_TYPE_DATETIME2, READ_TEMPORAL, META_FRACTION, 0, "", ""},
    {"timestamp", MYSQL_TYPE_TIMESTAMP2, READ_TEMPORAL, META_FRACTION, 0, "", ""},
    {"char", MYSQL_TYPE_STRING, READ_BYTES, META_LENGTH, 0, "", ""},
    {"varchar", MYSQL_TYPE_VARCHAR, READ_BYTES, META_LENGTH, 0, "", ""},
    {"binary", MYSQL_TYPE_STRING, READ_BYTES, META_LENGTH, 0, "", ""},
    {"varbinary", MYSQL_TYPE_VARCHAR, READ_BYTES, META_LENGTH, 0, "", ""},
    {"tinytext", MYSQL_TYPE_BLOB, READ_BYTES, META_FIXED, 1, "", ""},
    {"text", MYSQL_TYPE_BLOB, READ_BYTES, META_FIXED, 2, "", ""},
    {"mediumtext", MYSQL_TYPE_BLOB, READ_BYTES, META_FIXED, 3, "", ""},
    {"longtext", MYSQL_TYPE_BLOB, READ_BYTES, META_FIXED, 4, "", ""},
    {"tinyblob", MYSQL_TYPE_BLOB, READ_BYTES, META_FIXED, 1, "", ""},
    {"blob", MYSQL_TYPE_BLOB, READ_BYTES, META_FIXED, 2, "", ""},
    {"mediumblob", MYSQL_TYPE_BLOB, READ_BYTES, META_FIXED, 3, "", ""},
    {"longblob", MYSQL_TYPE_BLOB, READ_BYTES, META_FIXED, 4, "", ""},
    {"json", COLUMN_TYPE_JSON, READ_TEXT, META_FIXED, 4, "", ""},
    /* `|` takes its operands as 64-bit integers: the index, and all 64 bits of a SET */
    {"enum", MYSQL_TYPE_ENUM, READ_NUMBER, META_ENUM, 0, "", " | 0"},
    {"set", MYSQL_TYPE_SET, READ_NUMBER, META_SET, 0, "", " | 0"},
    {"uuid", MYSQL_TYPE_STRING, READ_BYTES, META_FIXED, 16, "CAST(", " AS BINARY(16))"},
    {"inet6", MYSQL_TYPE_STRING, READ_BYTES, META_FIXED, 16, "CAST(", " AS BINARY(16))"},
    {"inet4", MYSQL_TYPE_STRING, READ_BYTES, META_FIXED, 4, "CAST(", " AS BINARY(4))"},
    {"geometry", MYSQL_TYPE_GEOMETRY, READ_BYTES, META_FIXED, 4, "", ""},
    {"point", MYSQL_TYPE_GEOMETRY, READ_BYTES, META_FIXED, 4, "", ""},
    {"linestring", MYSQL_TYPE_GEOMETRY, READ_BYTES, META_FIXED, 4, "", ""},
    {"polygon", MYSQL_TYPE_GEOMETRY, READ_BYTES, META_FIXED, 4, "", ""},
    {"multipoint", MYSQL_TYPE_GEOMETRY, READ_BYTES, META_FIXED, 4, "", ""},
    {"multilinestring", MYSQL_TYPE_GEOMETRY, READ_BYTES, META_FIXED, 4, "", ""},
    {"multipolygon", MYSQL_TYPE_GEOMETRY, READ_BYTES, META_FIXED, 4, "", ""},
    {"geometrycollection", MYSQL_TYPE_GEOMETRY, READ_BYTES, META_FIXED, 4, "", ""},
    {"geomcollection", MYSQL_TYPE_GEOMETRY, READ_BYTES, META_FIXED, 4, "", ""},
    {"vector", COLUMN_TYPE_VECTOR, READ_BYTES, META_FIXED, 4, "", ""},
};

enum { /* columns of the query on information_schema.COLUMNS */
       C_TABLE,
       C_NAME,
       C_DATA_TYPE,
       C_COLUMN_TYPE,
       C_EXTRA,
       C_NULLABLE,
       C_BYTES,
       C_PRECISION,
       C_SCALE,
       C_FRACTION,
       C_COLLATION,
};

static const struct type_form *form_find(const char *data_type)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (strcasecmp(forms[i].name, data_type) == 0)
            return &forms[i];
    return NULL;
}

static unsigned long number(const char *text)
{
    return text ? strtoul(text, NULL, 10) : 0;
}

static uint16_t metadata(const struct type_form *form, MYSQL_ROW row)
{
    unsigned values, bits;
    switch (form->rule) {
    case META_FIXED:
        return form->metadata;
    case META_DECIMAL:
        return (uint16_t)(number(row[C_PRECISION]) << 8 | number(row[C_SCALE]));
    case META_BIT:
        bits = (unsigned)number(row[C_PRECISION]);
        return (uint16_t)(bits / 8 << 8 | bits % 8);
    case META_FRACTION:
        return (uint16_t)number(row[C_FRACTION]);
    case META_LENGTH:
        return (uint16_t)number(row[C_BYTES]);
    case META_ENUM:
        return members_count(row[C_COLUMN_TYPE]) < 256 ? 1 : 2;
    case META_SET:
        values = (members_count(row[C_COLUMN_TYPE]) + 7) / 8;
        return (uint16_t)(values > 4 ? 8 : values);
    case META_NONE:
        break;
    }
    return 0;
}

static int describe_members(struct table_plan *plan, struct msg_column *d, MYSQL_ROW row)
{
    BUF_AUTO struct buf members = {0};
    if (d->type != MYSQL_TYPE_ENUM && d->type != MYSQL_TYPE_SET)
        return 0;
    int rc = members_of_type(&members, row[C_COLUMN_TYPE]);
    d->members = (struct slice){rc ? NULL : arena_copy(&plan->arena, members.data, members.len),
                                members.len};
    d->members_utf8 = true;
    return d->members.p ? 0 : DS_ENOMEM;
}

static int plan_selection(struct table_plan *plan, uint32_t i, const struct type_form *form,
                          const char *name)
{
    BUF_AUTO struct buf text = {0};
    int rc = buf_puts(&text, form->before);
    rc |= sql_identifier(&text, name);
    rc |= buf_puts(&text, form->after);
    plan->columns[i].selection = arena_strdup(&plan->arena, buf_cstr(&text));
    plan->described[i].name.p = arena_copy(&plan->arena, name, strlen(name));
    plan->described[i].name.len = strlen(name);
    return rc || !plan->columns[i].selection || !plan->described[i].name.p ? DS_ENOMEM : 0;
}

/* --- columns --------------------------------------------------------------------------------- */

static int plan_column(struct table_plan *plan, const struct snapshot_source *s, uint32_t i,
                       MYSQL_ROW row, struct ds_error *err)
{
    const struct type_form *form = form_find(row[C_DATA_TYPE]);
    if (!form)
        return error_set(err, DS_EUNSUPPORTED,
                         "column %s has type %s, which cannot be copied: leave the table out with "
                         "tables.exclude, or use a newer datasync",
                         row[C_NAME], row[C_COLUMN_TYPE]);
    struct snapshot_column *c = &plan->columns[i];
    struct msg_column *d = &plan->described[i];
    bool compressed = strstr(row[C_COLUMN_TYPE], "COMPRESSED*/") != NULL;
    c->read = form->read;
    c->digits = (uint8_t)number(row[C_FRACTION]);
    c->is_unsigned = strstr(row[C_COLUMN_TYPE], " unsigned") && form->rule < META_ENUM;
    d->type = form->type;
    d->metadata = metadata(form, row);
    if (compressed && form->type == MYSQL_TYPE_VARCHAR) {
        d->type = COLUMN_TYPE_VARCHAR_COMPRESSED;
        d->metadata++; /* room for the method byte */
    } else if (compressed && form->type == MYSQL_TYPE_BLOB) {
        d->type = COLUMN_TYPE_BLOB_COMPRESSED;
    }
    d->flags = (uint8_t)((c->is_unsigned ? COLUMN_UNSIGNED : 0) |
                         (strcasecmp(row[C_NULLABLE], "YES") == 0 ? COLUMN_NULLABLE : 0) |
                         (strcasestr(row[C_EXTRA], "INVISIBLE") ? COLUMN_INVISIBLE : 0));
    d->collation = row[C_COLLATION]           ? collation_id(s->collations, row[C_COLLATION])
                   : form->read == READ_BYTES ? 63
                                              : 0;
    return describe_members(plan, d, row) || plan_selection(plan, i, form, row[C_NAME])
               ? error_set(err, DS_ENOMEM, "out of memory")
               : 0;
}

static MYSQL_RES *select_columns(struct snapshot_source *s, const char *database, const char *name,
                                 struct ds_error *err)
{
    return db_select(
        s->db, err,
        "SELECT c.TABLE_NAME, c.COLUMN_NAME, c.DATA_TYPE, c.COLUMN_TYPE, c.EXTRA, c.IS_NULLABLE, "
        "c.CHARACTER_OCTET_LENGTH, c.NUMERIC_PRECISION, c.NUMERIC_SCALE, c.DATETIME_PRECISION, "
        "c.COLLATION_NAME FROM information_schema.COLUMNS c WHERE c.TABLE_SCHEMA = %s AND "
        "c.TABLE_NAME = %s ORDER BY c.ORDINAL_POSITION",
        database, name);
}

/* Names compare without case in information_schema, tables may differ in nothing else. */
static bool of_table(MYSQL_ROW row, const char *name)
{
    return strcmp(row[C_TABLE], name) == 0;
}

static int gone(const struct table_plan *plan, struct ds_error *err)
{
    return error_set(err, DS_ERETRY, "table %s was dropped while the snapshot was taken",
                     plan->name);
}

static int read_columns(struct table_plan *plan, const struct snapshot_source *s, MYSQL_RES *res,
                        struct ds_error *err)
{
    size_t most = mysql_num_rows(res) ? (size_t)mysql_num_rows(res) : 1;
    plan->columns = arena_zalloc(&plan->arena, most * sizeof *plan->columns);
    plan->described = arena_zalloc(&plan->arena, most * sizeof *plan->described);
    if (!plan->columns || !plan->described)
        return error_set(err, DS_ENOMEM, "out of memory");
    int rc = 0;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(res));)
        if (of_table(row, plan->name))
            rc = plan_column(plan, s, plan->column_count++, row, err);
    return rc || plan->column_count ? rc : gone(plan, err);
}

static void mark_key(struct table_plan *plan, const char *column)
{
    for (uint32_t i = 0; i < plan->column_count; i++) {
        const struct slice *name = &plan->described[i].name;
        if (strlen(column) == name->len && memcmp(column, name->p, name->len) == 0) {
            plan->described[i].flags |= COLUMN_KEY;
            plan->has_key = true;
        }
    }
}

/* --- keys ------------------------------------------------------------------------------------ */

/* A column of SHOW INDEX; the names of some depend on the server. */
static const char *index_value(MYSQL_RES *rows, MYSQL_ROW row, const char *name)
{
    const MYSQL_FIELD *fields = mysql_fetch_fields(rows);
    for (unsigned i = 0; i < mysql_num_fields(rows); i++)
        if (strcasecmp(fields[i].name, name) == 0)
            return row[i] ? row[i] : "";
    return "";
}

/* Can rows be looked up by this column in this index? */
static bool index_serves(MYSQL_RES *rows, MYSQL_ROW row)
{
    return strcmp(index_value(rows, row, "Seq_in_index"), "1") == 0 &&
           strcmp(index_value(rows, row, "Index_type"), "BTREE") == 0 &&
           !*index_value(rows, row, "Sub_part") &&
           strcasecmp(index_value(rows, row, "Visible"), "NO") != 0 &&
           strcasecmp(index_value(rows, row, "Ignored"), "YES") != 0;
}

static int add_lookup(struct table_plan *plan, const char *index, const char *column)
{
    struct table_lookup *l = &plan->lookups[plan->lookup_count++];
    l->index = arena_strdup(&plan->arena, index);
    l->column = arena_strdup(&plan->arena, column);
    return l->index && l->column ? 0 : DS_ENOMEM;
}

static int read_keys(struct table_plan *plan, struct snapshot_source *s, struct ds_error *err)
{
    BUF_AUTO struct buf table = {0};
    if (sql_table(&table, s->database, plan->name))
        return error_set(err, DS_ENOMEM, "out of memory");
    MYSQL_RES *res = db_select(s->db, err, "SHOW INDEX FROM %s", buf_cstr(&table));
    if (!res)
        return err->server_errno == ER_NO_SUCH_TABLE ? gone(plan, err) : err->code;
    plan->lookups =
        arena_alloc(&plan->arena, ((size_t)mysql_num_rows(res) + 1) * sizeof *plan->lookups);
    int rc = plan->lookups ? 0 : DS_ENOMEM;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(res));) {
        const char *index = index_value(res, row, "Key_name");
        const char *column = index_value(res, row, "Column_name");
        if (strcmp(index, "PRIMARY") == 0)
            mark_key(plan, column);
        if (index_serves(res, row))
            rc = add_lookup(plan, index, column);
    }
    mysql_free_result(res);
    return rc ? error_set(err, DS_ENOMEM, "out of memory") : 0;
}

int table_plan_read(struct table_plan *plan, struct snapshot_source *s, const char *name,
                    uint32_t id, struct ds_error *err)
{
    memset(plan, 0, sizeof *plan);
    plan->id = id;
    plan->name = arena_strdup(&plan->arena, name);
    BUF_AUTO struct buf database = {0}, table = {0};
    if (!plan->name || sql_string(&database, s->database, strlen(s->database)) ||
        sql_string(&table, name, strlen(name)))
        return error_set(err, DS_ENOMEM, "out of memory");
    MYSQL_RES *res = select_columns(s, buf_cstr(&database), buf_cstr(&table), err);
    if (!res) {
        table_plan_free(plan);
        return err->code;
    }
    int rc = s->collations ? 0 : collations_read(&s->collations, s->db, err);
    rc = rc ? rc : read_columns(plan, s, res, err);
    mysql_free_result(res);
    rc = rc ? rc : read_keys(plan, s, err);
    if (rc)
        table_plan_free(plan);
    return rc;
}

void table_plan_free(struct table_plan *plan)
{
    arena_free(&plan->arena);
    memset(plan, 0, sizeof *plan);
}
