/* What came from the source stays the source's under a new id.
 *
 * The source deletes a row and makes it again: what is at the destination is found by its natural
 * key. Between two copies nobody is told of the deletion, and a stream that has switched the row
 * off does not call it registered any more, so that a new one may be it. Such rows are kept in the
 * registry under a type of their own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "applier/import/delete.h"
#include "applier/import/import_internal.h"

static const struct slice no_ref = {NULL, 0};

static uint32_t type_when_off(const struct import *im, const struct import_table *t)
{
    char name[80];
    snprintf(name, sizeof name, "%.50s:off", t->entity->name);
    return registry_type(im->registry, name);
}

int import_note_off(struct import *im, const struct import_row *row)
{
    uint32_t type = type_when_off(im, row->table);
    if (row->table->type == UINT32_MAX || row->entity->matched)
        return 0;
    return type == UINT32_MAX
               ? DS_ENOMEM
               : registry_add(im->registry, type, row->id, row->target_id, ORIGIN_CREATED, no_ref);
}

/* Was it found just now? */
static bool is_heir(const struct import_row *row)
{
    const struct import_entity *e = row->entity;
    return row->op != CHANGE_DELETE && row->state == ROW_FOUND && e->policy == IMPORT_WRITE &&
           !e->here && row->id.p;
}

/* A copy of all brings whatever the source has under the old id, and before this one. */
static bool is_of_copy(const struct import *im, const struct import_row *row)
{
    return row->origin->flags & CHANGE_COPIED && !im->options.some;
}

static int inherit(struct import *im, struct import_row *row, uint32_t type, struct slice old)
{
    row->entity->matched &= !im->options.follows; /* else as on_duplicate says, this time */
    return registry_remove(im->registry, type, old) |
           registry_add(im->registry, row->table->type, row->id, row->target_id, ORIGIN_CREATED,
                        no_ref);
}

/* From what is registered under the type. */
static int inherit_all(struct import *im, uint32_t first, uint32_t end, uint32_t type,
                       const char *ids, struct ds_error *err)
{
    MYSQL_RES *rows = registry_of_targets(im->registry, type, ids, err);
    int rc = 0;
    if (!rows)
        return err->code;
    for (MYSQL_ROW r; rc == 0 && (r = mysql_fetch_row(rows));) {
        struct slice old = {(const uint8_t *)r[0], mysql_fetch_lengths(rows)[0]};
        uint64_t target = strtoull(r[2], NULL, 10);
        bool created = strcmp(r[1], "created") == 0;
        for (uint32_t i = first; created && i < end && rc == 0; i++)
            if (is_heir(im->rows[i]) && im->rows[i]->target_id == target)
                rc = inherit(im, im->rows[i], type, old);
    }
    mysql_free_result(rows);
    return rc ? import_no_memory(err) : 0;
}

int import_inherit(struct import *im, uint32_t first, uint32_t end, struct ds_error *err)
{
    const struct import_table *t = im->rows[first]->table;
    BUF_AUTO struct buf all = {0}, copied = {0};
    int rc = 0;
    for (uint32_t i = first; i < end && t->root && t->type != UINT32_MAX && rc == 0; i++) {
        const struct import_row *row = im->rows[i];
        if (!is_heir(row) || !row->entity->matched)
            continue;
        rc = buf_printf(&all, "%s%lu", all.len ? "," : "", row->target_id);
        if (rc == 0 && is_of_copy(im, row))
            rc = buf_printf(&copied, "%s%lu", copied.len ? "," : "", row->target_id);
    }
    if (rc || !all.len)
        return rc ? import_no_memory(err) : 0;
    uint32_t off = type_when_off(im, t);
    if (off == UINT32_MAX)
        return import_no_memory(err);
    rc = inherit_all(im, first, end, off, buf_cstr(&all), err);
    return rc || !copied.len ? rc : inherit_all(im, first, end, t->type, buf_cstr(&copied), err);
}
