/* What others refer to and the destination has not got: made, or an error, as reference_missing
 * says.
 *
 * Entities, and of those that are there rows that are known by a name: options of an attribute,
 * groups of a set, regions of a country. A dry run, which comes first, tells of all of them.
 */
#include "applier/import/import_internal.h"
#include "schema/log.h"

enum { TOLD_BY_NAME = 20 }; /* of each kind; more would hide the others */

/* What people call it, as far as that is in the segment. */
static int print_name(struct import *im, const struct import_row *row, struct buf *out)
{
    const struct import_table *t = row->table;
    char scratch[32];
    bool null;
    int rc = row->parent ? print_name(im, row->parent, out) : 0;
    for (uint32_t i = 0; i < t->part_count && rc == 0; i++) {
        const struct import_part *part = &t->parts[i];
        bool elsewhere = part->target == NO_COLUMN;
        if (!elsewhere && (part->source == NO_COLUMN || part->target == t->link_target))
            continue;
        const uint8_t *raw =
            elsewhere ? import_value_elsewhere(im, row, part->rule, part->rule->attribute)
                      : row->after[part->source];
        struct slice text = import_text(raw, scratch, &null);
        if (!null)
            rc = buf_printf(out, "%s%.*s", out->len ? "/" : "", (int)text.len,
                            text.len ? (const char *)text.p : "");
    }
    return rc;
}

static int print(struct import *im, const struct import_row *row, struct buf *what,
                 struct buf *name, struct ds_error *err)
{
    int rc = print_name(im, row, name);
    if (rc == 0 && !row->table->root)
        rc = buf_printf(what, " table=%s row=%.*s", row->table->entry->table, (int)row->id.len,
                        (const char *)row->id.p);
    return rc ? import_no_memory(err) : 0;
}

/* *created: the count that it belongs to, unless it is an error. */
static int decide(struct import *im, const struct import_row *row, uint64_t *created,
                  struct import_counts *counts, struct ds_error *err)
{
    const struct import_entity *e = row->entity;
    bool is_error = im->missing[row->table->place] == MISSING_ERROR, look = im->options.dry_run;
    BUF_AUTO struct buf what = {0}, name = {0};
    *created += !is_error;
    counts->missing += is_error && look;
    if (look ? *created + counts->missing > TOLD_BY_NAME : !is_error)
        return 0;
    if (print(im, row, &what, &name, err))
        return err->code;
    if (!look)
        return error_set(err, DS_ECONFLICT,
                         "%s %.*s%s (%s) is not at the destination: make it there, or set "
                         "reference_missing: create",
                         e->entity->name, (int)e->key.len, (const char *)e->key.p, buf_cstr(&what),
                         buf_cstr(&name));
    log_info("not at the destination entity=%s key=%.*s%s name=\"%s\" action=%s", e->entity->name,
             (int)e->key.len, (const char *)e->key.p, buf_cstr(&what), buf_cstr(&name),
             is_error ? "stop" : "create");
    return 0;
}

int import_missing(struct import *im, const struct import_row *row, struct import_counts *counts,
                   struct ds_error *err)
{
    return decide(im, row, &counts->created, counts, err);
}

int import_missing_members(struct import *im, uint32_t first, uint32_t end, struct ds_error *err)
{
    const struct import_table *t = im->rows[first]->table;
    struct import_counts *counts = &im->pending[t->place];
    int rc = 0;
    if (t->root || t->type == UINT32_MAX || !t->part_count || !filter_maps(t->entity))
        return 0;
    for (uint32_t i = first; i < end && rc == 0; i++) {
        const struct import_row *row = im->rows[i];
        const struct import_entity *e = row->entity;
        bool there = e->root ? e->found : e->here;
        if (row->op != CHANGE_DELETE && row->state == ROW_NEW && there && !e->left &&
            e->policy == IMPORT_REFER && !import_is_asked_for(e) && !import_comes_again(row))
            rc = decide(im, row, &counts->members, counts, err);
    }
    return rc;
}
