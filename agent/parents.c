#include "agent/parents.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "schema/db.h"
#include "schema/list.h"

/* A key between tables that are both left out: it matters once something depends on the child. */
struct edge {
    char *child, *parent, *column;
};

struct parents {
    const struct filter *filter;
    struct parent *list;
    size_t count, cap;
    struct edge *edges;
    size_t edge_count, edge_cap;
    uint64_t version;
};

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for foreign keys");
}

int parents_new(struct parents **out, const struct filter *filter, struct ds_error *err)
{
    *out = calloc(1, sizeof **out);
    if (!*out)
        return no_memory(err);
    (*out)->filter = filter;
    (*out)->version = 1;
    return 0;
}

void parents_free(struct parents *p)
{
    for (size_t i = 0; p && i < p->count; i++) {
        for (size_t c = 0; c < p->list[i].column_count; c++)
            free(p->list[i].columns[c]);
        free(p->list[i].columns);
        free(p->list[i].table);
    }
    for (size_t i = 0; p && i < p->edge_count; i++) {
        free(p->edges[i].child);
        free(p->edges[i].parent);
        free(p->edges[i].column);
    }
    if (p) {
        free(p->list);
        free(p->edges);
    }
    free(p);
}

static struct parent *find(const struct parents *p, const char *table)
{
    for (size_t i = 0; p && i < p->count; i++)
        if (strcmp(p->list[i].table, table) == 0)
            return &p->list[i];
    return NULL;
}

const struct parent *parents_find(const struct parents *p, const char *table)
{
    return find(p, table);
}

const struct parent *parents_at(const struct parents *p, size_t i)
{
    return i < p->count ? &p->list[i] : NULL;
}

uint64_t parents_version(const struct parents *p)
{
    return p ? p->version : 0;
}

static struct parent *add_table(struct parents *p, const char *table)
{
    struct parent *known = find(p, table);
    if (known)
        return known;
    if (LIST_ROOM(p->list, p->count, p->cap))
        return NULL;
    struct parent *x = &p->list[p->count];
    *x = (struct parent){.table = strdup(table)};
    p->count += x->table != NULL;
    return x->table ? x : NULL;
}

static int add(struct parents *p, const char *table, const char *column);

/* Rows that travel depend on `table` now, so they do on those that it refers to. */
static int add_ancestors(struct parents *p, const char *table)
{
    int rc = 0;
    for (size_t i = 0; i < p->edge_count && rc == 0; i++)
        if (strcmp(p->edges[i].child, table) == 0)
            rc = add(p, p->edges[i].parent, p->edges[i].column);
    return rc;
}

/* Do all of its rows travel? */
static bool travels(const struct parents *p, const char *table)
{
    struct filter_level level;
    return filter_keeps(p->filter, table) && !filter_level(p->filter, table, &level);
}

static int add(struct parents *p, const char *table, const char *column)
{
    if (travels(p, table))
        return 0;
    bool fresh = !find(p, table);
    struct parent *x = add_table(p, table);
    if (!x)
        return DS_ENOMEM;
    for (size_t i = 0; i < x->column_count; i++)
        if (strcasecmp(x->columns[i], column) == 0)
            return 0;
    char **grown = realloc(x->columns, (x->column_count + 1) * sizeof *grown);
    if (!grown)
        return DS_ENOMEM;
    x->columns = grown;
    if (!(x->columns[x->column_count] = strdup(column)))
        return DS_ENOMEM;
    x->column_count++;
    p->version++;
    return fresh ? add_ancestors(p, table) : 0;
}

static int add_edge(struct parents *p, const char *child, const char *parent, const char *column)
{
    for (size_t i = 0; i < p->edge_count; i++)
        if (strcmp(p->edges[i].child, child) == 0 && strcmp(p->edges[i].parent, parent) == 0 &&
            strcasecmp(p->edges[i].column, column) == 0)
            return 0;
    if (LIST_ROOM(p->edges, p->edge_count, p->edge_cap))
        return DS_ENOMEM;
    struct edge *e = &p->edges[p->edge_count++];
    *e = (struct edge){strdup(child), strdup(parent), strdup(column)};
    p->version++;
    return e->child && e->parent && e->column ? 0 : DS_ENOMEM;
}

/* `child` refers to this column of `parent`. */
static int refer(struct parents *p, const char *child, const char *parent, const char *column)
{
    if (travels(p, parent))
        return 0;
    if (filter_keeps(p->filter, child))
        return filter_crosses(p->filter, child, NULL, parent) ? add(p, parent, column) : 0;
    int rc = add_edge(p, child, parent, column);
    return rc == 0 && find(p, child) ? add(p, parent, column) : rc;
}

int parents_parse(struct parents *p, const char *text, struct ds_error *err)
{
    char *copy = strdup(text), *save;
    int rc = copy ? 0 : DS_ENOMEM;
    for (char *line = copy ? strtok_r(copy, "\n", &save) : NULL; line && rc == 0;
         line = strtok_r(NULL, "\n", &save)) {
        char *column = strchr(line, '\t');
        if (!column)
            continue;
        *column++ = 0;
        char *child = strchr(column, '\t');
        if (child)
            *child++ = 0;
        rc = child ? refer(p, child, line, column) : add(p, line, column);
    }
    free(copy);
    return rc ? no_memory(err) : 0;
}

int parents_print(const struct parents *p, struct buf *out)
{
    int rc = 0;
    buf_clear(out);
    for (size_t i = 0; i < p->count && rc == 0; i++)
        for (size_t c = 0; c < p->list[i].column_count && rc == 0; c++)
            rc = buf_printf(out, "%s\t%s\n", p->list[i].table, p->list[i].columns[c]);
    for (size_t i = 0; i < p->edge_count && rc == 0; i++)
        rc = buf_printf(out, "%s\t%s\t%s\n", p->edges[i].parent, p->edges[i].column,
                        p->edges[i].child);
    return rc;
}

/* --- the source's schema --------------------------------------------------- */

enum { CHILD, PARENT, COLUMN, ON_DELETE, ON_UPDATE };

static bool acts(MYSQL_ROW row)
{
    return strcmp(row[ON_DELETE], "CASCADE") == 0 || strncmp(row[ON_DELETE], "SET", 3) == 0 ||
           strcmp(row[ON_UPDATE], "CASCADE") == 0 || strncmp(row[ON_UPDATE], "SET", 3) == 0;
}

static int take_keys(struct parents *p, MYSQL_RES *res)
{
    int rc = 0;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(res));)
        if (acts(row))
            rc = refer(p, row[CHILD], row[PARENT], row[COLUMN]);
    return rc;
}

int parents_read(struct parents *p, MYSQL *source, const char *database, struct ds_error *err)
{
    BUF_AUTO struct buf name = {0};
    if (sql_string(&name, database, strlen(database)))
        return no_memory(err);
    MYSQL_RES *res = db_select(
        source, err,
        "SELECT k.TABLE_NAME, k.REFERENCED_TABLE_NAME, k.REFERENCED_COLUMN_NAME, r.DELETE_RULE, "
        "r.UPDATE_RULE FROM information_schema.KEY_COLUMN_USAGE k JOIN "
        "information_schema.REFERENTIAL_CONSTRAINTS r ON r.CONSTRAINT_SCHEMA = "
        "k.CONSTRAINT_SCHEMA AND r.TABLE_NAME = k.TABLE_NAME AND r.CONSTRAINT_NAME = "
        "k.CONSTRAINT_NAME WHERE k.TABLE_SCHEMA = %s AND k.REFERENCED_TABLE_SCHEMA = %s AND "
        "r.CONSTRAINT_SCHEMA = %s",
        buf_cstr(&name), buf_cstr(&name), buf_cstr(&name));
    if (!res)
        return err->code;
    int rc = take_keys(p, res);
    mysql_free_result(res);
    return rc ? no_memory(err) : 0;
}

/* --- statements ------------------------------------------------------------ */

struct adding {
    struct parents *p;
    const char *table; /* that an ALTER TABLE is about */
    int rc;
};

static void add_reference(void *arg, struct slice table, struct slice column)
{
    struct adding *a = arg;
    char t[260], c[260];
    snprintf(t, sizeof t, "%.*s", (int)table.len, (const char *)table.p);
    snprintf(c, sizeof c, "%.*s", (int)column.len, (const char *)column.p);
    a->rc = a->rc ? a->rc : refer(a->p, a->table, t, c);
}

/* What is known of `from` goes for `to`, too. */
static int add_name(struct parents *p, const char *from, const char *to)
{
    int rc = 0;
    for (size_t c = 0; find(p, from) && c < find(p, from)->column_count && rc == 0; c++)
        rc = add(p, to, find(p, from)->columns[c]);
    for (size_t i = 0, n = p->edge_count; i < n && rc == 0; i++) {
        bool child = strcmp(p->edges[i].child, from) == 0;
        bool parent = strcmp(p->edges[i].parent, from) == 0;
        if (child || parent)
            rc = refer(p, child ? to : p->edges[i].child, parent ? to : p->edges[i].parent,
                       p->edges[i].column);
    }
    return rc;
}

/* A table that gets another name keeps what refers to it; both names count from then on. */
static int add_renamed(struct parents *p, const struct sql_statement *st)
{
    bool renames =
        st->kind == SQL_RENAME_TABLE || (st->kind == SQL_ALTER_TABLE && st->alter_renames);
    int rc = 0;
    for (size_t i = 0; renames && i + 1 < st->name_count && rc == 0; i += 2) {
        struct slice old = st->names[i].name, new = st->names[i + 1].name;
        char from[260], to[260];
        snprintf(from, sizeof from, "%.*s", (int)old.len, (const char *)old.p);
        snprintf(to, sizeof to, "%.*s", (int)new.len, (const char *)new.p);
        rc = add_name(p, from, to);
    }
    return rc;
}

static void add_renamed_column(void *arg, struct slice old, struct slice new)
{
    struct adding *a = arg;
    char name[260];
    snprintf(name, sizeof name, "%.*s", (int)new.len, (const char *)new.p);
    const struct parent *x = find(a->p, a->table);
    size_t c = 0;
    while (x && c < x->column_count &&
           (strlen(x->columns[c]) != old.len ||
            strncasecmp(x->columns[c], (const char *)old.p, old.len) != 0))
        c++;
    if (x && c < x->column_count)
        a->rc = a->rc ? a->rc : add(a->p, a->table, name);
    for (size_t i = 0, n = a->p->edge_count; i < n && a->rc == 0; i++) {
        const struct edge *e = &a->p->edges[i];
        if (strcmp(e->parent, a->table) == 0 && strlen(e->column) == old.len &&
            strncasecmp(e->column, (const char *)old.p, old.len) == 0)
            a->rc = refer(a->p, e->child, e->parent, name);
    }
}

int parents_ddl(struct parents *p, struct slice statement, uint64_t sql_mode,
                const struct sql_statement *st, struct ds_error *err)
{
    char name[260] = "";
    if (st->name_count)
        snprintf(name, sizeof name, "%.*s", (int)st->names[0].name.len,
                 (const char *)st->names[0].name.p);
    struct adding a = {.p = p, .table = name};
    bool table = st->kind == SQL_CREATE_TABLE || st->kind == SQL_ALTER_TABLE;
    int rc = table ? sql_references(statement, sql_mode, add_reference, &a) : 0;
    if (rc == 0)
        rc = add_renamed(p, st);
    if (rc == 0 && st->kind == SQL_ALTER_TABLE)
        rc = sql_renamed_columns(statement, sql_mode, add_renamed_column, &a);
    return rc || a.rc ? no_memory(err) : 0;
}
