#include "applier/import/foreign_keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "applier/cascade.h"
#include "applier/import/import_internal.h"
#include "schema/buf.h"
#include "schema/db.h"
#include "schema/list.h"
#include "schema/log.h"
#include "schema/shop_table.h"

enum { MAX_COLUMNS = 16 };

/* A key of the source's, in the destination's names. */
struct missing {
    struct derived_key key;
    const char *columns[MAX_COLUMNS], *parent_columns[MAX_COLUMNS];
    const char *engine; /* of its table at the destination */
    const char *cannot; /* why it is not done; NULL: it is */
};

struct foreign_keys {
    struct arena arena;
    struct missing *items; /* by table */
    size_t count, cap;
};

struct finding {
    struct foreign_keys *out;
    const struct target *destination;
    const struct config *config;
    const struct filter *filter;
    const bool *makes; /* by place of the entity: are rows of it written? */
};

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for foreign keys");
}

void foreign_keys_free(struct foreign_keys *k)
{
    if (k) {
        arena_free(&k->arena);
        free(k->items);
    }
    free(k);
}

/* --- the source's ------------------------------------------------------------------------------
 */

enum { TABLE, NAME, COLUMN, PARENT, PARENT_COLUMN }; /* in order of the first two */
enum { RULES_TABLE, RULES_NAME, ON_DELETE, ON_UPDATE };

static enum fk_rule rule_of(const char *text)
{
    return strcmp(text, "CASCADE") == 0   ? FK_CASCADE
           : strncmp(text, "SET", 3) == 0 ? FK_SET_NULL
                                          : FK_RESTRICT;
}

/* Tables of which rows are made, as a list of literals: only these are opened, which takes its
 * time, and one of MEMORY that is opened first writes to the source's binlog. */
static int list_tables(const struct finding *f, struct buf *list)
{
    const struct catalogue *c = filter_catalogue(f->filter);
    const char *prefix = f->config->source.prefix;
    int rc = buf_puts(list, "''");
    for (size_t i = 0; i < catalogue_count(c) && rc == 0; i++) {
        const struct catalogue_entity *e = catalogue_at(c, i);
        for (size_t k = 0; f->makes[i] && k < e->table_count && rc == 0; k++) {
            BUF_AUTO struct buf name = {0};
            if (!catalogue_is_imported(&e->tables[k]))
                continue;
            rc = buf_printf(&name, "%s%s", prefix ? prefix : "", e->tables[k].there) ||
                 buf_puts(list, ", ") || sql_string(list, name.data, name.len);
        }
    }
    return rc;
}

/* Those that do something; joined by us, as the server takes ten times longer for the same. */
static MYSQL_RES *read_rules(MYSQL *source, const char *schema, const char *tables,
                             struct ds_error *err)
{
    return db_select(source, err,
                     "SELECT TABLE_NAME, CONSTRAINT_NAME, DELETE_RULE, UPDATE_RULE FROM "
                     "information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = %s AND "
                     "TABLE_NAME IN (%s) AND "
                     "(DELETE_RULE IN ('CASCADE', 'SET NULL', 'SET DEFAULT') OR UPDATE_RULE IN "
                     "('CASCADE', 'SET NULL', 'SET DEFAULT'))",
                     schema, tables);
}

static MYSQL_RES *read_columns(MYSQL *source, const char *schema, const char *tables,
                               struct ds_error *err)
{
    return db_select(source, err,
                     "SELECT TABLE_NAME, CONSTRAINT_NAME, COLUMN_NAME, REFERENCED_TABLE_NAME, "
                     "REFERENCED_COLUMN_NAME FROM information_schema.KEY_COLUMN_USAGE WHERE "
                     "TABLE_SCHEMA = %s AND TABLE_NAME IN (%s) AND REFERENCED_TABLE_SCHEMA = %s "
                     "ORDER BY TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION",
                     schema, tables, schema);
}

static int compare_rules(const void *x, const void *y)
{
    MYSQL_ROW a = *(const MYSQL_ROW *)x, b = *(const MYSQL_ROW *)y;
    int order = strcmp(a[RULES_TABLE], b[RULES_TABLE]);
    return order ? order : strcmp(a[RULES_NAME], b[RULES_NAME]);
}

/* --- … and the destination's -------------------------------------------------------------------
 */

/* The destination's table for one of the source's of which rows may be imported; NULL: none. */
static const struct target_table *table_for(const struct finding *f, const char *name, bool child)
{
    const struct catalogue *c = filter_catalogue(f->filter);
    const struct catalogue_entity *e;
    const struct catalogue_table *entry;
    char scratch[SHOP_TABLE_SIZE], here[SHOP_TABLE_SIZE + 100];
    bool shops;
    size_t place = 0;
    const char *plain = shop_table(f->config->source.prefix, name, scratch, &shops);
    if (!shops || !catalogue_lookup(c, plain, &e, &entry) || !catalogue_is_imported(entry) ||
        strcmp(name + strlen(name) - strlen(plain), plain) != 0) /* one that is to become it */
        return NULL;
    while (catalogue_at(c, place) != e)
        place++;
    if (child &&
        (!f->makes[place] || (filter_imports(f->filter, e) && !filter_keeps(f->filter, name))))
        return NULL;
    const char *prefix = f->config->destination.prefix;
    int n = snprintf(here, sizeof here, "%s%s", prefix ? prefix : "", entry->table);
    const struct target_table *t = target_find(f->destination, here, (size_t)n);
    return t && t->exists && !t->view ? t : NULL;
}

/* Does a key of the destination's own lead there from these columns? NULL: none does. */
static const struct target_fk *own_key(const struct target_table *t, const struct missing *m)
{
    for (uint32_t i = 0; i < t->fk_count; i++) {
        const struct target_fk *fk = &t->fks[i];
        bool same = !fk->derived && fk->count == m->key.count &&
                    strcmp(fk->parent_name, m->key.parent) == 0;
        for (uint32_t k = 0; same && k < fk->count; k++)
            same = strcasecmp(t->columns[fk->columns[k]].name, m->columns[k]) == 0 &&
                   strcasecmp(fk->parent_column_names[k], m->parent_columns[k]) == 0;
        if (same)
            return fk;
    }
    return NULL;
}

static const char *why_not(const struct target_table *t, const struct target_table *parent,
                           const struct missing *m)
{
    bool nulls = m->key.on_delete == FK_SET_NULL || m->key.on_update == FK_SET_NULL;
    for (uint32_t i = 0; nulls && i < m->key.count; i++)
        if (!t->columns[target_column_ordinal(t, m->columns[i])].nullable)
            return "its column cannot be NULL here";
    if (!parent->row_key)
        return "what it refers to has no key here";
    if (t == parent && !cascade_may_lead_to_itself(t))
        return "it leads from the table to itself, whose rows are not told by one whole number";
    return NULL;
}

/* All columns are there, and no key that does what the source's does. One that does something else
 * is left to that; one that would not let rows go would not let those go that the source has taken
 * along. */
static bool lacks(const struct target_table *t, const struct target_table *parent,
                  struct missing *m)
{
    for (uint32_t i = 0; i < m->key.count; i++)
        if (target_column_ordinal(t, m->columns[i]) < 0 ||
            target_column_ordinal(parent, m->parent_columns[i]) < 0)
            return false;
    const struct target_fk *own = own_key(t, m);
    if (own && (own->on_delete != FK_RESTRICT || m->key.on_delete == FK_RESTRICT))
        return false;
    if (own)
        m->key.on_update = FK_RESTRICT;
    m->engine = t->engine;
    m->cannot = why_not(t, parent, m);
    return true;
}

/* rows[0, count): the columns of one key. */
static int take_key(struct finding *f, const MYSQL_ROW *rows, uint32_t count, MYSQL_ROW rules)
{
    struct foreign_keys *k = f->out;
    const struct target_table *t = table_for(f, rows[0][TABLE], true),
                              *parent = t ? table_for(f, rows[0][PARENT], false) : NULL;
    if (!parent || count > MAX_COLUMNS)
        return 0;
    if (LIST_ROOM(k->items, k->count, k->cap))
        return DS_ENOMEM;
    struct missing *m = &k->items[k->count];
    *m = (struct missing){.key = {.name = arena_strdup(&k->arena, rows[0][NAME]),
                                  .child = arena_strdup(&k->arena, t->name),
                                  .parent = arena_strdup(&k->arena, parent->name),
                                  .count = count,
                                  .on_delete = rule_of(rules[ON_DELETE]),
                                  .on_update = rule_of(rules[ON_UPDATE]),
                                  .acts = true}};
    bool ok = m->key.name && m->key.child && m->key.parent;
    for (uint32_t i = 0; i < count && ok; i++) {
        m->columns[i] = arena_strdup(&k->arena, rows[i][COLUMN]);
        m->parent_columns[i] = arena_strdup(&k->arena, rows[i][PARENT_COLUMN]);
        ok = m->columns[i] && m->parent_columns[i];
    }
    if (ok && lacks(t, parent, m)) {
        m->engine = arena_strdup(&k->arena, m->engine);
        ok = m->engine != NULL;
        k->count++;
    }
    return ok ? 0 : DS_ENOMEM;
}

static int join(struct finding *f, MYSQL_RES *columns, MYSQL_RES *rules)
{
    const size_t count = mysql_num_rows(columns), rule_count = mysql_num_rows(rules);
    MYSQL_ROW *rows = calloc(count + 1, sizeof *rows),
              *sorted = calloc(rule_count + 1, sizeof *rows);
    int rc = rows && sorted ? 0 : DS_ENOMEM;
    for (size_t i = 0; i < count && rc == 0; i++)
        rows[i] = mysql_fetch_row(columns);
    for (size_t i = 0; i < rule_count && rc == 0; i++)
        sorted[i] = mysql_fetch_row(rules);
    if (rc == 0)
        qsort(sorted, rule_count, sizeof *sorted, compare_rules);
    for (size_t first = 0, end; first < count && rc == 0; first = end) {
        for (end = first + 1; end < count && compare_rules(&rows[first], &rows[end]) == 0;)
            end++;
        MYSQL_ROW *found = bsearch(&rows[first], sorted, rule_count, sizeof *sorted, compare_rules);
        rc = found ? take_key(f, rows + first, (uint32_t)(end - first), *found) : 0;
    }
    free(rows);
    free(sorted);
    return rc;
}

/* The items do not move any more. */
static void settle(struct foreign_keys *k)
{
    for (size_t i = 0; i < k->count; i++) {
        k->items[i].key.columns = k->items[i].columns;
        k->items[i].key.parent_columns = k->items[i].parent_columns;
    }
}

int foreign_keys_find(struct foreign_keys **out, MYSQL *source, const struct target *destination,
                      const struct config *config, const struct filter *filter,
                      struct ds_error *err)
{
    BUF_AUTO struct buf schema = {0}, tables = {0};
    bool *makes = calloc(catalogue_count(filter_catalogue(filter)) + 1, sizeof *makes);
    struct finding f = {.out = *out = calloc(1, sizeof **out),
                        .destination = destination,
                        .config = config,
                        .filter = filter,
                        .makes = makes};
    const char *database = config->source.database;
    MYSQL_RES *columns = NULL, *rules = NULL;
    int rc =
        f.out && makes && sql_string(&schema, database, strlen(database)) == 0 ? 0 : no_memory(err);
    if (rc == 0) {
        filter_import_scope(filter, makes);
        rc = list_tables(&f, &tables) ? no_memory(err) : 0;
    }
    if (rc == 0) {
        columns = read_columns(source, buf_cstr(&schema), buf_cstr(&tables), err);
        rules = columns ? read_rules(source, buf_cstr(&schema), buf_cstr(&tables), err) : NULL;
        rc = rules ? 0 : err->code;
    }
    if (rc == 0 && join(&f, columns, rules))
        rc = no_memory(err);
    mysql_free_result(columns);
    mysql_free_result(rules);
    free(makes);
    if (rc == 0)
        settle(f.out);
    return rc;
}

/* --- what is done ------------------------------------------------------------------------------
 */

int foreign_keys_derive(const struct foreign_keys *k, struct target *destination)
{
    int rc = 0;
    for (size_t i = 0; i < k->count && rc == 0; i++)
        rc = k->items[i].cannot ? 0 : target_derive(destination, &k->items[i].key);
    return rc;
}

static int print_key(const struct missing *m, bool first, struct buf *out)
{
    int rc = buf_printf(out, "%s%s (", first ? "" : ", ", m->key.name);
    for (uint32_t i = 0; i < m->key.count; i++)
        rc |= buf_printf(out, "%s%s", i ? ", " : "", m->columns[i]);
    return rc |
           buf_printf(out, " to %s%s", m->key.parent,
                      m->key.on_delete == FK_SET_NULL ? ", set NULL" : "") |
           (m->cannot ? buf_printf(out, "; not done: %s", m->cannot) : 0) | buf_puts(out, ")");
}

/* Of one table: items[first, end). */
static int print_table(const struct foreign_keys *k, size_t first, size_t end, struct buf *out)
{
    bool innodb = strcasecmp(k->items[first].engine, "InnoDB") == 0;
    int rc = buf_puts(out, "lacks foreign keys of the source's, whose work is in no binlog: ");
    for (size_t i = first; i < end; i++)
        rc |= print_key(&k->items[i], i == first, out);
    rc |= buf_puts(out, "; datasync does what they would, more slowly: ");
    return rc | (innodb ? buf_puts(out, "add them at the destination")
                        : buf_printf(out, "%s has none, so make it InnoDB and add them",
                                     k->items[first].engine));
}

int foreign_keys_tell(const struct foreign_keys *k, foreign_keys_tell_callback *tell, void *arg,
                      struct ds_error *err)
{
    for (size_t first = 0, end; first < k->count; first = end) {
        BUF_AUTO struct buf text = {0};
        const char *table = k->items[first].key.child;
        for (end = first + 1; end < k->count && strcmp(k->items[end].key.child, table) == 0;)
            end++;
        if (print_table(k, first, end, &text))
            return no_memory(err);
        tell(arg, table, buf_cstr(&text));
    }
    return 0;
}

/* --- in an import ------------------------------------------------------------------------------
 */

enum { TOLD_BY_NAME = 20 /* tables */ };

static void warn(void *arg, const char *table, const char *text)
{
    unsigned *told = arg;
    if (++*told <= TOLD_BY_NAME)
        log_warn("table %s %s", table, text);
}

/* A look before the run, and a run that completes it, are silent. */
static int warn_of(const struct import *im, const struct foreign_keys *k, struct ds_error *err)
{
    unsigned told = 0;
    if (im->options.dry_run || im->options.completes)
        return 0;
    int rc = foreign_keys_tell(k, warn, &told, err);
    if (told > TOLD_BY_NAME)
        log_warn("more tables lack foreign keys of the source's: datasync check names all of them "
                 "tables=%u",
                 told - TOLD_BY_NAME);
    return rc;
}

int import_look_for_keys(struct import *im, struct ds_error *err)
{
    struct ds_error why;
    int rc = import_derive_keys(im, &why);
    if (rc == DS_ECONN) {
        log_debug("foreign keys of the source are looked for later message=\"%s\"", why.message);
        return 0;
    }
    if (rc)
        *err = why;
    return rc;
}

int import_derive_keys(struct import *im, struct ds_error *err)
{
    struct foreign_keys *k = NULL;
    if (im->keys_known || im->options.no_source)
        return 0;
    int rc = import_connect_source(im, err);
    rc = rc ? rc
            : foreign_keys_find(&k, im->source, im->target, im->options.config, im->options.filter,
                                err);
    rc = rc ? rc : warn_of(im, k, err);
    if (rc == 0 && foreign_keys_derive(k, im->target))
        rc = no_memory(err);
    rc = rc ? rc : target_relink(im->target, err);
    im->keys_known = rc == 0;
    foreign_keys_free(k);
    db_close(&im->source); /* it is seldom asked */
    return rc;
}
