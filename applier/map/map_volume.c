#include "applier/map/map_volume.h"

#include <stdlib.h>
#include <string.h>

#include "applier/map/map_sum.h"
#include "schema/db.h"
#include "schema/log.h"

enum { KEYS_TOLD = 20 };

struct document { /* of the destination */
    const struct target_table *table;
    const char *name;
    uint64_t source, destination;
    struct map_from *from; /* what goes there */
    uint32_t from_count;
    const struct target_table *left; /* what does, too, and stays as it was copied; NULL: nothing */
    struct arena arena;
};

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for a volume check");
}

static const char *without_prefix(const struct map_side_schema *s, const char *table)
{
    size_t len = strlen(s->prefix);
    return strncmp(table, s->prefix, len) == 0 ? table + len : NULL;
}

static int count_rows(MYSQL *db, const struct target_table *t, const char *where, uint64_t *rows,
                      struct ds_error *err)
{
    BUF_AUTO struct buf name = {0};
    bool found;
    if (sql_identifier(&name, t->name) ||
        (where && (buf_puts(&name, " WHERE ") | buf_puts(&name, where))))
        return no_memory(err);
    return db_scalar_u64(db, rows, &found, err, "SELECT COUNT(*) FROM %s", buf_cstr(&name));
}

/* Of either side; NULL: all. */
static const char *rows_of(const struct map_volume_options *o, const struct document *d)
{
    return o->rows ? o->rows(o->arg, d->name) : NULL;
}

/* Which rows of the source's document are there as rows; NULL: all. */
static int source_condition(const struct map_volume_options *o, struct document *d,
                            const char *name, const char **out, struct ds_error *err)
{
    const char *rows = rows_of(o, d);
    BUF_AUTO struct buf where = {0};
    int rc = map_flat_condition(o, name, &where, err);
    if (rc == 0 && rows && (where.len ? buf_puts(&where, " AND ") : 0) | buf_puts(&where, rows))
        rc = no_memory(err);
    *out = rc || !where.len ? NULL : arena_strdup(&d->arena, buf_cstr(&where));
    return rc || !where.len || *out ? rc : no_memory(err);
}

/* What the source's document is called at the destination, if it is to be compared; else NULL. */
static const char *leads_to(const struct map_volume_options *o, const struct target_table *t,
                            const char *name)
{
    const char *step = map_step(o->map, MAP_SOURCE, name);
    bool ours = o->step ? step && strcmp(step, o->step) == 0 : !step;
    if (!ours || t->view || t->sequence || !t->exists || (o->wanted && !o->wanted(o->arg, name)))
        return NULL;
    return map_document(o->map, MAP_SOURCE, name);
}

bool map_volume_leaves(const struct map_volume_options *o, const char *document)
{
    return o->wanted && !o->wanted(o->arg, document) && !map_follows(o->map, document);
}

/* If its rows go to the document. */
static int add_source(const struct map_volume_options *o, struct document *d,
                      const struct target_table *t, const char *name, struct ds_error *err)
{
    uint64_t rows = 0;
    const char *there = leads_to(o, t, name), *led = map_document(o->map, MAP_SOURCE, name);
    if (led && strcmp(led, d->name) == 0 && t->exists && map_volume_leaves(o, name))
        d->left = t;
    if (!there || strcmp(there, d->name) != 0)
        return 0;
    struct map_from *from = &d->from[d->from_count++];
    *from = (struct map_from){.table = t, .document = name};
    int rc = source_condition(o, d, name, &from->where, err);
    rc = rc ? rc : count_rows(o->source.db, t, from->where, &rows, err);
    d->source += rows;
    return rc;
}

static int count_document(const struct map_volume_options *o, struct document *d,
                          struct ds_error *err)
{
    const struct map_side_schema *s = &o->source.tables;
    d->from = arena_alloc(&d->arena, (target_count(s->schema) + 1) * sizeof *d->from);
    int rc = d->from ? 0 : no_memory(err);
    for (uint32_t i = 0; i < target_count(s->schema) && rc == 0; i++) {
        const struct target_table *t = target_at(s->schema, i);
        const char *name = without_prefix(s, t->name);
        rc = name ? add_source(o, d, t, name, err) : 0;
    }
    if (d->left && d->from_count) {
        log_info("not compared: %s, where rows of %s are, too, which is not followed", d->name,
                 d->left->name);
        d->from_count = 0;
    }
    return rc || !d->from_count
               ? rc
               : count_rows(o->destination.db, d->table, rows_of(o, d), &d->destination, err);
}

/* --- which keys ------------------------------------------------------------------------------ */

/* All keys in their order, each with what its row holds; not stored here. */
static MYSQL_RES *read_rows(MYSQL *db, const struct map_pairs *p, bool source, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    MYSQL_RES *rows = NULL;
    if (map_sums_rows(p, source, &sql))
        (void)no_memory(err);
    else if (mysql_real_query(db, buf_cstr(&sql), sql.len) || !(rows = mysql_use_result(db)))
        (void)db_fail(err, db, "reading keys");
    return rows;
}

struct keys {
    struct buf missing, more, changed;
    uint32_t missing_count, more_count, changed_count;
};

static void free_keys(struct keys *k)
{
    buf_free(&k->missing);
    buf_free(&k->more);
    buf_free(&k->changed);
}

int map_volume_add_key(struct buf *list, uint32_t *count, const char *key)
{
    if (++*count > KEYS_TOLD)
        return *count == KEYS_TOLD + 1 ? buf_puts(list, ",…") : 0;
    return (list->len ? buf_puts(list, ",") : 0) | buf_puts(list, key);
}

typedef int key_order(const char *x, const char *y);

static int compare_numbers(const char *x, const char *y)
{
    bool negative = *x == '-';
    size_t a = strlen(x), b = strlen(y);
    if (negative != (*y == '-'))
        return negative ? -1 : 1;
    int order = a != b ? (a < b ? -1 : 1) : strcmp(x, y);
    return negative ? -order : order;
}

/* Of rows of the source that have one key, one may be here. */
static int compare_same(MYSQL_RES *there, MYSQL_ROW *x, MYSQL_ROW y, key_order *compare,
                        struct keys *k)
{
    bool same = strcmp((*x)[2], y[2]) == 0;
    int rc = 0;
    while (rc == 0 && (*x = mysql_fetch_row(there)) && compare((*x)[0], y[0]) == 0) {
        same |= strcmp((*x)[2], y[2]) == 0;
        rc = map_volume_add_key(&k->missing, &k->missing_count, (*x)[1]);
    }
    return rc || same ? rc : map_volume_add_key(&k->changed, &k->changed_count, y[1]);
}

static int compare_rows(MYSQL_RES *there, MYSQL_RES *here, key_order *compare, struct keys *k)
{
    MYSQL_ROW x = mysql_fetch_row(there), y = mysql_fetch_row(here);
    int rc = 0;
    while ((x || y) && rc == 0) {
        int order = !x ? 1 : !y ? -1 : compare(x[0], y[0]);
        if (order == 0) {
            rc = compare_same(there, &x, y, compare, k);
        } else if (order < 0) {
            rc = map_volume_add_key(&k->missing, &k->missing_count, x[1]);
            x = mysql_fetch_row(there);
        } else {
            rc = map_volume_add_key(&k->more, &k->more_count, y[1]);
        }
        y = order >= 0 ? mysql_fetch_row(here) : y;
    }
    return rc;
}

static int find_keys(const struct map_volume_options *o, const struct map_pairs *p, struct keys *k,
                     struct ds_error *err)
{
    MYSQL_RES *there = read_rows(o->source.db, p, true, err);
    if (!there)
        return err->code;
    MYSQL_RES *here = read_rows(o->destination.db, p, false, err);
    int rc = !here                                                                ? err->code
             : compare_rows(there, here, p->number ? compare_numbers : strcmp, k) ? no_memory(err)
                                                                                  : 0;
    if (rc == 0 && mysql_errno(o->source.db))
        rc = db_fail(err, o->source.db, "reading keys");
    if (rc == 0 && mysql_errno(o->destination.db))
        rc = db_fail(err, o->destination.db, "reading keys");
    mysql_free_result(there);
    mysql_free_result(here);
    return rc;
}

/* --------------------------------------------------------------------------------------------- */

/* Whose columns differ can be told where both have the same rows. */
static int tell(const struct map_volume_options *o, const struct document *d,
                const struct map_pairs *p, bool values, struct ds_error *err)
{
    struct keys k = {0};
    BUF_AUTO struct buf columns = {0};
    int rc = p->key_count ? find_keys(o, p, &k, err) : 0;
    bool same_rows = d->source == d->destination && !k.missing_count && !k.more_count;
    values = k.changed_count || (values && same_rows);
    if (rc == 0 && values && same_rows)
        rc = map_sums_differ(o, p, &columns, err);
    if (rc == 0)
        o->found(o->arg, &(struct map_volume_difference){.document = d->name,
                                                         .source = d->source,
                                                         .destination = d->destination,
                                                         .missing = buf_cstr(&k.missing),
                                                         .more = buf_cstr(&k.more),
                                                         .changed = buf_cstr(&k.changed),
                                                         .values = values,
                                                         .columns = buf_cstr(&columns)});
    free_keys(&k);
    return rc;
}

static int compare_document(const struct map_volume_options *o, struct document *d,
                            struct ds_error *err)
{
    struct map_pairs pairs;
    bool counts = d->source == d->destination, agree = true;
    int rc = map_pairs_find(o, d->from, d->from_count, d->table, &d->arena, &pairs, err);
    pairs.where = rows_of(o, d);
    if (rc == 0 && counts)
        rc = map_sums_agree(o, &pairs, &agree, err);
    return rc || (counts && agree) ? rc : tell(o, d, &pairs, !agree, err);
}

/* The destination's table was there, and is not any more. */
static int tell_gone(const struct map_volume_options *o, const struct target_table *t,
                     struct ds_error *err)
{
    const struct map_side_schema *s = &o->destination.tables;
    const char *name = without_prefix(&o->source.tables, t->name);
    struct map_volume_difference d = {
        .document = name ? leads_to(o, t, name) : NULL, .missing = "", .more = "", .changed = ""};
    BUF_AUTO struct buf there = {0};
    if (!d.document || !o->had)
        return 0;
    if (buf_printf(&there, "%s%s", s->prefix, d.document))
        return no_memory(err);
    const struct target_table *x = target_find(s->schema, buf_cstr(&there), there.len);
    if ((x && x->exists) || !o->had(o->arg, buf_cstr(&there)))
        return 0;
    d.columns = "";
    int rc = count_rows(o->source.db, t, NULL, &d.source, err);
    if (rc == 0)
        o->found(o->arg, &d);
    return rc;
}

int map_volume(const struct map_volume_options *o, size_t *documents, struct ds_error *err)
{
    const struct map_side_schema *s = &o->destination.tables;
    int rc = 0;
    *documents = 0;
    for (uint32_t i = 0; i < target_count(s->schema) && rc == 0; i++) {
        struct document d = {.table = target_at(s->schema, i)};
        d.name = without_prefix(s, d.table->name);
        if (o->progress)
            o->progress(o->arg, i, target_count(s->schema));
        if (!d.name || !d.table->exists || d.table->view || d.table->sequence)
            continue;
        rc = count_document(o, &d, err);
        *documents += d.from_count > 0;
        rc = rc || !d.from_count ? rc : compare_document(o, &d, err);
        arena_free(&d.arena);
    }
    for (uint32_t i = 0; i < target_count(o->source.tables.schema) && rc == 0; i++)
        rc = tell_gone(o, target_at(o->source.tables.schema, i), err);
    if (rc == 0 && o->progress)
        o->progress(o->arg, target_count(s->schema), target_count(s->schema));
    const struct handler *whose;
    bool gives = o->step && handlers_step(o->own, o->step, &whose);
    return rc || !gives ? rc : map_recount(o, documents, err);
}
