/* What is gone at one side, and was not told to the other.
 *
 * The destination deletes rows that the registry still knows. A root that is looked for is missed
 * there and then, and so is a row of a member that has an id of its own: of neither is anything
 * made from what a change happens to have. What only refers to one fails at its foreign key. Only
 * then, the transaction is tried once more with every id of the registry looked up: those that lead
 * nowhere are forgotten.
 *
 * The source may delete an entity by statements for each of its tables. Of one that is the
 * destination's own, its rows stay as its root does.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "applier/apply.h"
#include "applier/import/import_internal.h"
#include "applier/import/options.h"
#include "applier/import/seen.h"
#include "schema/list.h"
#include "schema/log.h"

enum { ER_NO_REFERENCED_ROW_2 = 1452 };

/* --- at the destination ------------------------------------------------------------------------
 */

/* The table and column at the destination that a type's ids are of. false: not known. */
static bool table_of_type(const struct import *im, const char *type, struct buf *table,
                          const char **column)
{
    const struct catalogue *all = im->options.catalogue;
    const char *prefix = im->options.config->destination.prefix;
    const struct catalogue_entity *e;
    const struct catalogue_table *entry;
    if (catalogue_lookup(all, type, &e, &entry) && entry != &e->tables[0]) {
        *column = entry->key;
    } else {
        e = catalogue_find(all, type);
        entry = e ? &e->tables[0] : NULL;
        *column = e ? entry->link : NULL;
    }
    if (!entry || !*column || buf_printf(table, "%s%s", prefix ? prefix : "", entry->table))
        return false;
    const struct target_table *t = target_find(im->target, (const char *)table->data, table->len);
    return t && t->exists && target_column_ordinal(t, *column) >= 0;
}

int import_doubt(struct import *im, const struct ds_error *why, bool *again, struct ds_error *err)
{
    int rc = 0;
    bool doubts = !im->doubts && why->server_errno == ER_NO_REFERENCED_ROW_2;
    /* somebody else may have made it between our look and our insert: now it is seen */
    *again = !im->options.dry_run && (doubts || why->server_errno == IMPORT_DUPLICATE);
    im->doubts |= *again && doubts;
    im->collides = *again && why->server_errno == IMPORT_DUPLICATE;
    for (uint32_t i = 0; *again && doubts && registry_type_name(im->registry, i) && rc == 0; i++) {
        BUF_AUTO struct buf table = {0};
        const char *column = NULL;
        if (table_of_type(im, registry_type_name(im->registry, i), &table, &column))
            rc = registry_doubt(im->registry, i, buf_cstr(&table), column) ? import_no_memory(err)
                                                                           : 0;
    }
    return rc;
}

/* Has the catalogue rows below the row? They go with it. */
static bool has_below(const struct import_table *t)
{
    const struct catalogue_entity *e = t->entity;
    for (size_t i = 1; i < e->table_count; i++)
        if (import_parent(e, &e->tables[i]) == t->entry && catalogue_is_imported(&e->tables[i]))
            return true;
    return false;
}

/* What is below it is not to find it. Else it stays registered: the next change is left out, too.
 */
int import_leave_part(struct import *im, struct import_row *row, struct ds_error *err)
{
    struct import_entity *e = row->entity;
    const struct import_table *t = row->table;
    char which[200] = "";
    row->state = ROW_LEFT;
    e->left |= t->root;
    if (!t->root)
        snprintf(which, sizeof which, " table=%s row=%.*s", t->entry->table, (int)row->id.len,
                 (const char *)row->id.p);
    log_warn("changed at the source, and not at the destination: left out%s; to bring it there, "
             "run datasync sync %s %s --entity-ids %.*s",
             which, e->entity->name, im->options.config->source_system, (int)e->key.len,
             (const char *)e->key.p);
    return (t->root ? e->here : has_below(t)) && registry_remove(im->registry, t->type, row->id)
               ? import_no_memory(err)
               : 0;
}

/* Not registered, and nothing below it: the change has all of it. */
static bool is_part(const struct import *im, const struct import_row *row)
{
    const struct registered *r =
        row->id.p ? registry_find(im->registry, row->table->type, row->id) : NULL;
    return row->gone || (row->id.p && !(r && r->found) && has_below(row->table));
}

int import_leave_parts(struct import *im, uint32_t first, uint32_t end, struct ds_error *err)
{
    const struct import_table *t = im->rows[first]->table;
    int rc = 0;
    for (uint32_t i = first; i < end && !t->root && t->type != UINT32_MAX && rc == 0; i++) {
        struct import_row *row = im->rows[i];
        if (row->op == CHANGE_UPDATE && row->state == ROW_NEW && !row->entity->left &&
            row->entity->policy != IMPORT_MATCH && !import_option_stays(im, row) &&
            is_part(im, row))
            rc = import_leave_part(im, row, err);
    }
    return rc;
}

/* --- at the source -----------------------------------------------------------------------------
 */

static uint64_t hash_entity(const struct catalogue_entity *e, struct slice key)
{
    return import_hash((uintptr_t)e, key);
}

static int by_value(const void *x, const void *y)
{
    uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;
    return (a > b) - (a < b);
}

int import_dying_begin(struct import *im, const struct change *changes, uint32_t count,
                       struct ds_error *err)
{
    int rc = 0;
    im->dying_count = 0;
    for (uint32_t i = 0; i < count && rc == 0; i++) {
        const struct change *c = &changes[i];
        struct slice key;
        char scratch[32];
        bool null;
        if (!c->table->import || !c->table->import->root || c->skip || c->op != CHANGE_DELETE ||
            c->flags & CHANGE_COPIED || import_is_remade(im, c))
            continue;
        rc = import_change_key(im, c, &key, scratch, &null, err);
        if (rc || null)
            continue;
        if (LIST_ROOM(im->dying, im->dying_count, im->dying_cap))
            return import_no_memory(err);
        im->dying[im->dying_count++] = hash_entity(c->table->import->entity, key);
    }
    if (im->dying_count)
        qsort(im->dying, im->dying_count, sizeof *im->dying, by_value);
    return rc;
}

bool import_is_dying(const struct import *im, const struct import_entity *e)
{
    uint64_t hash = hash_entity(e->entity, e->key);
    return im->dying_count &&
           bsearch(&hash, im->dying, im->dying_count, sizeof hash, by_value) != NULL;
}
