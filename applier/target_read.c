/* The destination's schema from information_schema. What follows from several tables together is
 * worked out in target.c. */
#include <mysqld_error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "applier/target_internal.h"
#include "schema/members.h"

enum { MAX_FK_COLUMNS = 64 };

static bool is_one_of(const char *word, const char *const *list)
{
    for (; *list; list++)
        if (strcasecmp(word, *list) == 0)
            return true;
    return false;
}

static const struct {
    const char *name;
    uint8_t type, width;
    enum target_class class;
} type_table[] = {
    {"tinyint", 1, 1, TARGET_INT},
    {"smallint", 2, 2, TARGET_INT},
    {"mediumint", 9, 3, TARGET_INT},
    {"int", 3, 4, TARGET_INT},
    {"bigint", 8, 8, TARGET_INT},
    {"float", 4, 0, TARGET_FLOAT},
    {"double", 5, 0, TARGET_DOUBLE},
    {"decimal", 246, 0, TARGET_DECIMAL},
    {"bit", 16, 0, TARGET_INT},
    {"year", 13, 0, TARGET_INT},
    {"date", 10, 0, TARGET_TEMPORAL},
    {"time", 19, 0, TARGET_TEMPORAL},
    {"datetime", 18, 0, TARGET_TEMPORAL},
    {"timestamp", 17, 0, TARGET_TEMPORAL},
    {"char", 254, 0, TARGET_TEXT},
    {"varchar", 15, 0, TARGET_TEXT},
    {"tinytext", 252, 0, TARGET_TEXT},
    {"text", 252, 0, TARGET_TEXT},
    {"mediumtext", 252, 0, TARGET_TEXT},
    {"longtext", 252, 0, TARGET_TEXT},
    {"binary", 254, 0, TARGET_BYTES},
    {"varbinary", 15, 0, TARGET_BYTES},
    {"tinyblob", 252, 0, TARGET_BYTES},
    {"blob", 252, 0, TARGET_BYTES},
    {"mediumblob", 252, 0, TARGET_BYTES},
    {"longblob", 252, 0, TARGET_BYTES},
    {"uuid", 254, 0, TARGET_BYTES},
    {"inet6", 254, 0, TARGET_BYTES},
    {"inet4", 254, 0, TARGET_BYTES},
    {"enum", 247, 0, TARGET_INT},
    {"set", 248, 0, TARGET_INT},
    {"json", 245, 0, TARGET_JSON},
    {"geometry", 255, 0, TARGET_BYTES},
    {"point", 255, 0, TARGET_BYTES},
    {"linestring", 255, 0, TARGET_BYTES},
    {"polygon", 255, 0, TARGET_BYTES},
    {"multipoint", 255, 0, TARGET_BYTES},
    {"multilinestring", 255, 0, TARGET_BYTES},
    {"multipolygon", 255, 0, TARGET_BYTES},
    {"geometrycollection", 255, 0, TARGET_BYTES},
    {"geomcollection", 255, 0, TARGET_BYTES},
    {"vector", 242, 0, TARGET_BYTES},
};

/* A row of load_columns. */
static int add_column(struct target_table *x, struct target_column *c, MYSQL_ROW row,
                      struct ds_error *err)
{
    memset(c, 0, sizeof *c);
    c->name = arena_strdup(&x->arena, row[1]);
    c->type_text = arena_strdup(&x->arena, row[4]);
    c->charset = arena_strdup(&x->arena, row[5] ? row[5] : "");
    c->collation = arena_strdup(&x->arena, row[11] ? row[11] : "");
    if (!c->name || !c->type_text || !c->charset || !c->collation)
        return error_set(err, DS_ENOMEM, "out of memory");
    size_t i = 0, n = sizeof type_table / sizeof *type_table;
    while (i < n && strcasecmp(type_table[i].name, row[3]) != 0)
        i++;
    if (i == n)
        return error_set(err, DS_EUNSUPPORTED,
                         "column %s of table %s has the type %s, which this version does not know",
                         row[1], x->name, row[4]);
    c->type = type_table[i].type;
    c->width = type_table[i].width;
    c->class = type_table[i].class;
    const char *extra = row[8] ? row[8] : "";
    c->is_unsigned = strstr(row[4], "unsigned") != NULL;
    c->is_enum = c->type == 247;
    c->members = c->is_enum ? members_count(row[4]) : 0;
    c->nullable = strcmp(row[7], "YES") == 0;
    c->auto_increment = strcasestr(extra, "auto_increment") != NULL;
    c->on_update = strcasestr(extra, "on update") != NULL;
    c->invisible = strcasestr(extra, "invisible") != NULL;
    c->generated = (row[9] && *row[9]) || strcasestr(extra, "GENERATED") != NULL;
    if (strcasestr(extra, "DEFAULT_GENERATED") && !(row[9] && *row[9]))
        c->generated = false; /* MySQL: an expression default, not a generated column */
    uint32_t octets = row[6] ? (uint32_t)strtoul(row[6], NULL, 10) : 0;
    if (strcasecmp(row[3], "binary") == 0)
        c->pad_to = octets;
    else if (strcasecmp(row[3], "uuid") == 0 || strcasecmp(row[3], "inet6") == 0)
        c->pad_to = 16;
    else if (strcasecmp(row[3], "inet4") == 0)
        c->pad_to = 4;
    c->null_default = row[12] && *row[12] == '1';
    c->scale = row[10] ? (uint8_t)strtoul(row[10], NULL, 10) : 0;
    c->has_default = c->nullable || c->auto_increment || (row[13] && *row[13] == '1') ||
                     strcasestr(extra, "DEFAULT_GENERATED");
    c->characters = row[14] ? strtoull(row[14], NULL, 10) : 0;
    c->precision = row[15] ? (uint8_t)strtoul(row[15], NULL, 10) : 0;
    return 0;
}

static int load_tables(struct target *t, MYSQL *db, const char *filter, struct ds_error *err)
{
    static const char *const plain_engines[] = {"InnoDB", "ROCKSDB", "TokuDB", NULL};
    MYSQL_RES *res =
        db_select(db, err,
                  "SELECT TABLE_NAME, ENGINE, TABLE_TYPE FROM information_schema.TABLES "
                  "WHERE TABLE_SCHEMA = DATABASE()%s",
                  filter);
    if (!res)
        return err->code;
    int rc = 0;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(res));) {
        struct target_table *x = target_slot(t, row[0]);
        if (!x) {
            rc = error_set(err, DS_ENOMEM, "out of memory");
            break;
        }
        x->exists = true;
        x->view = strstr(row[2], "VIEW") != NULL;
        x->engine = arena_strdup(&x->arena, row[1] ? row[1] : "");
        x->transactional = row[1] && is_one_of(row[1], plain_engines);
        x->memory = row[1] && strcasecmp(row[1], "MEMORY") == 0;
        x->sequence = strcmp(row[2], "SEQUENCE") == 0;
        x->versioned = strcmp(row[2], "SYSTEM VERSIONED") == 0;
        if (!x->engine)
            rc = error_set(err, DS_ENOMEM, "out of memory");
    }
    mysql_free_result(res);
    return rc;
}

/* Result rows come ordered by table; columns of one table are collected, then copied in one piece.
 */
static int load_columns(struct target *t, MYSQL *db, const char *filter, struct ds_error *err)
{
    /* MariaDB says whether a default is NULL, or there is none (DROP DEFAULT); MySQL does not */
    bool tells = mysql_get_server_version(db) >= 100207;
    MYSQL_RES *res = db_select(
        db, err,
        "SELECT TABLE_NAME, COLUMN_NAME, ORDINAL_POSITION, DATA_TYPE, COLUMN_TYPE, "
        "CHARACTER_SET_NAME, CHARACTER_OCTET_LENGTH, IS_NULLABLE, EXTRA, GENERATION_EXPRESSION, "
        "NUMERIC_SCALE, COLLATION_NAME, %d AND IS_NULLABLE = 'YES' AND COLUMN_DEFAULT <=> "
        "'NULL', COLUMN_DEFAULT IS NOT NULL, CHARACTER_MAXIMUM_LENGTH, NUMERIC_PRECISION FROM "
        "information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE()%s "
        "ORDER BY TABLE_NAME, ORDINAL_POSITION",
        tells, filter);
    if (!res)
        return err->code;
    struct target_column *columns = malloc(MESSAGE_MAX_COLUMNS * sizeof *columns);
    int rc = columns ? 0 : error_set(err, DS_ENOMEM, "out of memory");
    struct target_table *x = NULL;
    for (;;) {
        MYSQL_ROW row = rc == 0 ? mysql_fetch_row(res) : NULL;
        if (x && (!row || strcmp(row[0], x->name) != 0)) {
            x->columns = arena_copy(&x->arena, columns, x->column_count * sizeof *columns);
            if (!x->columns)
                rc = error_set(err, DS_ENOMEM, "out of memory");
            x = NULL;
        }
        if (!row || rc)
            break;
        if (!x)
            x = target_find_any(t, row[0], strlen(row[0]));
        if (!x || x->view) { /* created since the list of tables was read; its DDL will come */
            x = NULL;
            continue;
        }
        if (x->column_count == MESSAGE_MAX_COLUMNS)
            break;
        rc = add_column(x, &columns[x->column_count], row, err);
        if (rc == 0 && columns[x->column_count].auto_increment)
            x->auto_increment = (int32_t)x->column_count;
        x->column_count++;
    }
    free(columns);
    mysql_free_result(res);
    return rc;
}

bool target_is_indexed(const struct target_table *x, uint32_t column)
{
    for (uint32_t k = 0; k < x->key_count; k++)
        for (uint32_t i = 0; i < x->keys[k].count; i++)
            if (x->keys[k].columns[i] == column)
                return true;
    return false;
}

const struct target_key *target_key_of(const struct target_table *x, uint32_t column)
{
    for (uint32_t i = 0; i < x->key_count; i++)
        if (x->keys[i].usable && !x->keys[i].has_prefix && x->keys[i].columns[0] == column)
            return &x->keys[i];
    return NULL;
}

int target_column_ordinal(const struct target_table *x, const char *name)
{
    for (uint32_t i = 0; i < x->column_count; i++)
        if (strcasecmp(x->columns[i].name, name) == 0)
            return (int)i;
    return -1;
}

bool target_warns_of_enum(const struct target_column *c, unsigned number, const char *text)
{
    char quoted[300];
    (void)snprintf(quoted, sizeof quoted, "'%s'", c->name);
    return number == WARN_DATA_TRUNCATED && c->is_enum && strstr(text, quoted);
}

static int grow_key(struct target_table *x, const char *name, bool unique)
{
    struct target_key *keys = arena_alloc(&x->arena, (x->key_count + 1) * sizeof *keys);
    if (!keys)
        return DS_ENOMEM;
    if (x->key_count)
        memcpy(keys, x->keys, x->key_count * sizeof *keys);
    struct target_key *k = &keys[x->key_count];
    memset(k, 0, sizeof *k);
    k->name = arena_strdup(&x->arena, name);
    k->columns = arena_alloc(&x->arena, 64 * sizeof *k->columns);
    k->unique = unique;
    k->primary = strcmp(name, "PRIMARY") == 0;
    x->keys = keys;
    x->key_count++;
    return k->name && k->columns ? 0 : DS_ENOMEM;
}

/* Whether the optimizer may use an index: asked for in different ways, or not at all. */
static const char *is_visible(MYSQL *db)
{
    unsigned long version = mysql_get_server_version(db);
    return version >= 100600                      ? "IGNORED = 'NO'"
           : version >= 80000 && version < 100000 ? "IS_VISIBLE = 'YES'"
                                                  : "1";
}

static int load_keys(struct target *t, MYSQL *db, const char *filter, struct ds_error *err)
{
    MYSQL_RES *res = db_select(
        db, err,
        "SELECT TABLE_NAME, INDEX_NAME, COLUMN_NAME, SUB_PART, INDEX_TYPE, %s FROM "
        "information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE()%s AND NON_UNIQUE = 0 "
        "ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX",
        is_visible(db), filter);
    if (!res)
        return err->code;
    int rc = 0;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(res));) {
        struct target_table *x = target_find(t, row[0], strlen(row[0]));
        int c = x && row[2] ? target_column_ordinal(x, row[2]) : -1;
        if (!x || c < 0)
            continue; /* a functional key part: MySQL's hidden column, asked about by law 5 only */
        struct target_key *k = x->key_count ? &x->keys[x->key_count - 1] : NULL;
        if (!k || strcmp(k->name, row[1]) != 0) {
            rc = grow_key(x, row[1], true);
            x->hidden_count += !x->memory && strcmp(row[4], "HASH") == 0;
            k = &x->keys[x->key_count - 1];
            k->usable = strcmp(row[4], "BTREE") == 0 && row[5] && *row[5] == '1';
        }
        if (rc == 0 && k->count < 64) {
            k->columns[k->count++] = (uint32_t)c;
            k->has_nullable |= x->columns[c].nullable;
            k->has_prefix |= row[3] != NULL;
            x->columns[c].in_unique = true;
        }
    }
    mysql_free_result(res);
    return rc ? error_set(err, rc, "out of memory") : 0;
}

static enum fk_rule rule_of(const char *text)
{
    if (strcmp(text, "CASCADE") == 0)
        return FK_CASCADE;
    return strncmp(text, "SET", 3) == 0 ? FK_SET_NULL : FK_RESTRICT;
}

static struct target_fk *new_fk(struct target_table *x, const char *name, const char *parent)
{
    struct target_fk *fks = arena_alloc(&x->arena, (x->fk_count + 1) * sizeof *fks);
    if (!fks)
        return NULL;
    if (x->fk_count)
        memcpy(fks, x->fks, x->fk_count * sizeof *fks);
    struct target_fk *fk = &fks[x->fk_count];
    memset(fk, 0, sizeof *fk);
    fk->name = arena_strdup(&x->arena, name);
    fk->columns = arena_zalloc(&x->arena, MAX_FK_COLUMNS * sizeof *fk->columns);
    fk->parent_columns = arena_zalloc(&x->arena, MAX_FK_COLUMNS * sizeof *fk->parent_columns);
    fk->parent_column_names =
        arena_zalloc(&x->arena, MAX_FK_COLUMNS * sizeof *fk->parent_column_names);
    fk->parent_name = arena_strdup(&x->arena, parent);
    fk->child = x;
    fk->on_delete = fk->on_update = FK_CASCADE; /* until its rules are read: the careful one */
    if (!fk->name || !fk->columns || !fk->parent_columns || !fk->parent_column_names ||
        !fk->parent_name)
        return NULL;
    x->fks = fks;
    x->fk_count++;
    return fk;
}

static int add_fk_column(struct target_table *x, struct target_fk *fk, const char *column,
                         const char *parent_column)
{
    int c = target_column_ordinal(x, column);
    if (c < 0 || fk->count == MAX_FK_COLUMNS)
        return 0;
    fk->parent_column_names[fk->count] = arena_strdup(&x->arena, parent_column);
    fk->columns[fk->count] = (uint32_t)c;
    return fk->parent_column_names[fk->count++] ? 0 : DS_ENOMEM;
}

static int add_fk_row(struct target *t, struct target_table *x, MYSQL_ROW row)
{
    struct target_fk *fk = x->fk_count ? &x->fks[x->fk_count - 1] : NULL;
    if (!fk || fk->derived || strcmp(fk->name, row[1]) != 0)
        fk = new_fk(x, row[1], strcmp(row[3], t->database) == 0 ? row[4] : "");
    return fk ? add_fk_column(x, fk, row[2], row[5]) : DS_ENOMEM;
}

int target_add_derived(struct target_table *x, const struct derived_key *key)
{
    struct target_fk *fk = new_fk(x, key->name, key->parent);
    if (!fk)
        return DS_ENOMEM;
    fk->derived = true;
    fk->linked = key->linked;
    fk->acts = key->acts;
    fk->on_delete = key->on_delete;
    fk->on_update = key->on_update;
    int rc = 0;
    for (uint32_t i = 0; i < key->count && rc == 0; i++)
        rc = add_fk_column(x, fk, key->columns[i], key->parent_columns[i]);
    return rc;
}

/* Joined by us: the server takes ten times longer for the same. */
static int load_rules(struct target *t, MYSQL *db, const char *filter, struct ds_error *err)
{
    MYSQL_RES *res = db_select(db, err,
                               "SELECT TABLE_NAME, CONSTRAINT_NAME, DELETE_RULE, UPDATE_RULE FROM "
                               "information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA "
                               "= DATABASE()%s",
                               filter);
    if (!res)
        return err->code;
    for (MYSQL_ROW row; (row = mysql_fetch_row(res));) {
        struct target_table *x = target_find(t, row[0], strlen(row[0]));
        for (uint32_t i = 0; x && i < x->fk_count; i++)
            if (strcmp(x->fks[i].name, row[1]) == 0) {
                x->fks[i].on_delete = rule_of(row[2]);
                x->fks[i].on_update = rule_of(row[3]);
            }
    }
    mysql_free_result(res);
    return 0;
}

static int load_foreign_keys(struct target *t, MYSQL *db, const char *filter, struct ds_error *err)
{
    MYSQL_RES *res =
        db_select(db, err,
                  "SELECT TABLE_NAME, CONSTRAINT_NAME, COLUMN_NAME, REFERENCED_TABLE_SCHEMA, "
                  "REFERENCED_TABLE_NAME, REFERENCED_COLUMN_NAME FROM "
                  "information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = DATABASE()%s AND "
                  "REFERENCED_TABLE_NAME IS NOT NULL "
                  "ORDER BY TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION",
                  filter);
    if (!res)
        return err->code;
    int rc = 0;
    bool any = false;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(res));) {
        struct target_table *x = target_find(t, row[0], strlen(row[0]));
        any = true;
        if (x)
            rc = add_fk_row(t, x, row);
    }
    mysql_free_result(res);
    if (rc)
        return error_set(err, rc, "out of memory");
    return any ? load_rules(t, db, filter, err) : 0;
}

int target_read(struct target *t, MYSQL *db, const char *filter, struct ds_error *err)
{
    int rc = load_tables(t, db, filter, err);
    if (rc == 0)
        rc = load_columns(t, db, filter, err);
    if (rc == 0)
        rc = load_keys(t, db, filter, err);
    if (rc == 0)
        rc = load_foreign_keys(t, db, filter, err);
    return rc;
}

int target_triggers(MYSQL *db, const char *database, struct buf *names, struct ds_error *err)
{
    BUF_AUTO struct buf literal = {0};
    bool found;
    if (sql_string(&literal, database, strlen(database)))
        return error_set(err, DS_ENOMEM, "out of memory");
    return db_scalar(db, names, &found, err,
                     "SELECT GROUP_CONCAT(TRIGGER_NAME SEPARATOR ', ') FROM "
                     "information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = %s",
                     buf_cstr(&literal));
}
