/* The Custom Customer Attributes step: tables of orders and quotes that have a column for each of
 * the shop's own attributes of customers. The destination's tables get the columns that they lack,
 * with the source's definitions; rows come with the stream of all steps. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/cli/migrate_changes.h"
#include "agent/cli/migrate_sides.h"
#include "schema/log.h"

#define DOCUMENTS  "customer_attr_document_groups_file"
#define MAP_OPTION "customer_attr_map_file"

struct custom {
    struct groups *documents;
    struct buf path;
    const char **source; /* documents; NULL ends them */
    struct arena arena;
};

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for columns of customers' attributes");
}

/* --- the files ------------------------------------------------------------------------------- */

static int read_groups(struct custom *c, struct ds_error *err)
{
    const struct group *group = groups_find(c->documents, "source_documents");
    if (!group)
        return error_set(err, DS_EUSAGE,
                         "%s: there is no group source_documents, which the step Custom Customer "
                         "Attributes needs",
                         buf_cstr(&c->path));
    c->source = arena_zalloc(&c->arena, (group->count + 1) * sizeof *c->source);
    if (!c->source)
        return no_memory(err);
    for (size_t i = 0; i < group->count; i++)
        c->source[i] = group->items[i].name;
    return 0;
}

int migrate_custom_open(struct migrating *g, struct ds_error *err)
{
    const struct handler *whose;
    if (g->mode == MIGRATION_SETTINGS || !migrate_has_step(g, CUSTOM_STEP "\\") ||
        handlers_step(g->own, CUSTOM_STEP, &whose))
        return 0;
    struct custom *c = g->custom = calloc(1, sizeof *c);
    if (!c)
        return no_memory(err);
    int rc = migration_file(g->migration, DOCUMENTS, &c->path, err);
    rc = rc ? rc : groups_read(&c->documents, buf_cstr(&c->path), err);
    return rc ? rc : read_groups(c, err);
}

void migrate_custom_free(struct custom *c)
{
    if (!c)
        return;
    groups_free(c->documents);
    buf_free(&c->path);
    arena_free(&c->arena);
    free(c);
}

int migrate_add_custom(struct migrating *g, struct map *map, struct buf *text, struct ds_error *err)
{
    struct custom *c = g->custom;
    if (!c)
        return 0;
    int rc = migrate_add_step(g, map, CUSTOM_STEP, MAP_OPTION, c->source, &c->arena, text, err);
    rc = rc ? rc : migrate_add_text(text, DOCUMENTS, buf_cstr(&c->path), err);
    if (rc == 0)
        map_take_all(map, CUSTOM_STEP);
    return rc;
}

/* --- columns --------------------------------------------------------------------------------- */

static const char *prefix_of(const struct migrating *g, bool source)
{
    return source ? g->in->config.source.prefix : g->in->config.destination.prefix;
}

struct columns { /* of one document, that the destination lacks */
    struct migrating *g;
    const char *document, *there; /* there: NULL, it is ignored */
    struct buf from, to;          /* the tables */
    struct buf names;             /* between commas */
    struct buf sql;               /* ALTER TABLE … that adds them; empty: none */
};

static void columns_free(struct columns *c)
{
    buf_free(&c->from);
    buf_free(&c->to);
    buf_free(&c->names);
    buf_free(&c->sql);
}

/* "varchar(20) DEFAULT NULL" as SHOW CREATE TABLE has it behind the name; a character set that is
 * the table's own does not stand there. */
static int put_definition(struct columns *c, const char *line, const char *type,
                          const char *charset, const char *collation, struct ds_error *err)
{
    const size_t len = strlen(type);
    size_t all = strcspn(line, "\n");
    all -= all && line[all - 1] == ',';
    if (all < len || strncmp(line, type, len) != 0)
        return error_set(err, DS_ESCHEMA,
                         "table %s: the definition of a column is not understood: %.*s",
                         buf_cstr(&c->from), (int)all, line);
    const char *rest = line + len;
    int rc = buf_append(&c->sql, type, len);
    if (charset && strncmp(rest, " CHARACTER SET ", 15) != 0) {
        rc |= buf_printf(&c->sql, " CHARACTER SET %s", charset);
        if (strncmp(rest, " COLLATE ", 9) != 0)
            rc |= buf_printf(&c->sql, " COLLATE %s", collation);
    }
    return rc | buf_append(&c->sql, rest, all - len) ? no_memory(err) : 0;
}

/* Row: name, type, character set and collation. `create`: of the source's table. */
static int add_column(struct columns *c, MYSQL_ROW row, const char *create, struct ds_error *err)
{
    const char *field = map_field(filter_map(c->g->in->filter), MAP_SOURCE, c->document, row[0]);
    BUF_AUTO struct buf head = {0};
    if (buf_puts(&head, "\n  ") | sql_identifier(&head, row[0]) | buf_puts(&head, " "))
        return no_memory(err);
    const char *line = strstr(create, buf_cstr(&head));
    if (!line)
        return error_set(err, DS_ESCHEMA, "table %s was altered meanwhile: start again",
                         buf_cstr(&c->from));
    if (buf_printf(&c->names, "%s%s", c->names.len ? "," : "", row[0]) ||
        (c->sql.len
             ? buf_puts(&c->sql, ", ADD COLUMN ")
             : buf_puts(&c->sql, "ALTER TABLE ") | sql_identifier(&c->sql, buf_cstr(&c->to)) |
                   buf_puts(&c->sql, " ADD COLUMN ")) ||
        sql_identifier(&c->sql, field) || buf_puts(&c->sql, " "))
        return no_memory(err);
    return put_definition(c, line + head.len, row[1], row[2], row[3], err);
}

static int has_column(struct columns *c, MYSQL *db, const char *field, bool *has,
                      struct ds_error *err)
{
    BUF_AUTO struct buf table = {0}, name = {0};
    uint64_t count = 0;
    bool found;
    if (sql_string(&table, c->to.data, c->to.len) | sql_string(&name, field, strlen(field)))
        return no_memory(err);
    int rc = db_scalar_u64(db, &count, &found, err,
                           "SELECT COUNT(*) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = "
                           "DATABASE() AND TABLE_NAME = %s AND COLUMN_NAME = %s",
                           buf_cstr(&table), buf_cstr(&name));
    *has = count > 0;
    return rc;
}

static int compare(struct columns *c, const struct step_sides *sides, MYSQL_RES *columns,
                   const char *create, struct ds_error *err)
{
    const struct map *map = filter_map(c->g->in->filter);
    int rc = 0;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(columns));) {
        const char *field = map_field(map, MAP_SOURCE, c->document, row[0]);
        bool has = !field;
        rc = has ? 0 : has_column(c, sides->destination.db, field, &has, err);
        if (rc == 0 && !has)
            rc = add_column(c, row, create, err);
    }
    return rc;
}

static int read_columns(struct columns *c, const struct step_sides *sides, struct ds_error *err)
{
    BUF_AUTO struct buf literal = {0}, quoted = {0};
    MYSQL *db = sides->source.db;
    if (sql_string(&literal, c->from.data, c->from.len) |
        sql_identifier(&quoted, buf_cstr(&c->from)))
        return no_memory(err);
    MYSQL_RES *create = db_select(db, err, "SHOW CREATE TABLE %s", buf_cstr(&quoted));
    MYSQL_ROW text = create ? mysql_fetch_row(create) : NULL;
    MYSQL_RES *columns =
        text ? db_select(db, err,
                         "SELECT COLUMN_NAME, COLUMN_TYPE, CHARACTER_SET_NAME, COLLATION_NAME FROM "
                         "information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND "
                         "TABLE_NAME = %s ORDER BY ORDINAL_POSITION",
                         buf_cstr(&literal))
             : NULL;
    int rc = !create    ? err->code
             : !text    ? error_set(err, DS_ESCHEMA, "table %s is not there", buf_cstr(&c->from))
             : !columns ? err->code
                        : compare(c, sides, columns, text[1], err);
    mysql_free_result(columns);
    mysql_free_result(create);
    return rc;
}

typedef int column_use(struct columns *c, void *arg, struct ds_error *err);

/* Each document of which the destination lacks columns. */
static int each_document(struct migrating *g, column_use *use, void *arg, struct ds_error *err)
{
    struct step_sides sides;
    int rc = step_sides_open(&sides, &g->in->config, err);
    for (const char **document = g->custom->source; rc == 0 && *document; document++) {
        struct columns c = {.g = g, .document = *document};
        c.there = map_document(filter_map(g->in->filter), MAP_SOURCE, *document);
        if (!c.there)
            continue;
        if (buf_printf(&c.from, "%s%s", prefix_of(g, true), c.document) ||
            buf_printf(&c.to, "%s%s", prefix_of(g, false), c.there))
            rc = no_memory(err);
        rc = rc ? rc : read_columns(&c, &sides, err);
        if (rc == 0 && c.names.len)
            rc = use(&c, arg, err);
        columns_free(&c);
    }
    step_sides_close(&sides);
    return rc;
}

static int add_statement(struct columns *c, void *arg, struct ds_error *err)
{
    log_info("columns that the destination gets document=%s columns=%s", c->there,
             buf_cstr(&c->names));
    return row_changes_add_statement(arg, buf_cstr(&c->sql), err);
}

int migrate_custom_prepare(struct migrating *g, bool *good, struct ds_error *err)
{
    struct row_changes changes = {0};
    *good = true;
    if (!g->custom)
        return 0;
    int rc = each_document(g, add_statement, &changes, err);
    rc = rc ? rc : row_changes_write(g, &changes, good, err);
    row_changes_free(&changes);
    return rc;
}

/* --- stages ---------------------------------------------------------------------------------- */

static int check_side(struct migrating *g, struct snapshot_source *side, bool source, bool *good,
                      struct ds_error *err)
{
    const struct map *map = filter_map(g->in->filter);
    struct arena arena = {0};
    size_t count = 0;
    while (g->custom->source[count])
        count++;
    const char **names = arena_zalloc(&arena, (count + 1) * sizeof *names);
    if (!names)
        return no_memory(err);
    for (size_t i = 0, n = 0; i < count; i++) {
        const char *there = map_document(map, MAP_SOURCE, g->custom->source[i]);
        if (there)
            names[n++] = source ? g->custom->source[i] : there;
    }
    int rc = step_side_check(side, source, prefix_of(g, source), names, good, err);
    arena_free(&arena);
    return rc;
}

int migrate_custom_integrity(struct migrating *g, bool *good, struct ds_error *err)
{
    struct step_sides sides;
    bool structure = true;
    int rc = step_sides_open(&sides, &g->in->config, err);
    rc = rc ? rc : check_side(g, &sides.source, true, good, err);
    rc = rc ? rc : check_side(g, &sides.destination, false, good, err);
    step_sides_close(&sides);
    if (rc == 0 && *good)
        rc = migrate_step_integrity(g, CUSTOM_STEP, MAP_OPTION, &structure, err);
    *good &= structure;
    return rc;
}

static int tell_missing(struct columns *c, void *arg, struct ds_error *err)
{
    bool *good = arg;
    (void)err;
    log_error("Mismatch of fields in the document: %s Fields: %s", c->there, buf_cstr(&c->names));
    *good = false;
    return 0;
}

int migrate_custom_volume(struct migrating *g, bool *good, struct ds_error *err)
{
    bool fields = true;
    int rc = migrate_step_volume(g, CUSTOM_STEP, good, err);
    if (rc == 0 && !g->stopped && migrate_asks_source(g))
        rc = each_document(g, tell_missing, &fields, err);
    *good &= fields;
    return rc;
}
