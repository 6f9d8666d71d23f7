/* What is passed over (on_duplicate: skip) is the destination's own, and stays as it is. If the
 * source calls it something else from now on, the destination has nothing of that name, and no
 * later change brings it: that is told. */
#include "applier/import/import_internal.h"
#include "schema/log.h"

/* A column of the natural key that the change changes; NO_COLUMN: none. */
static uint32_t renamed(const struct import_row *row)
{
    const struct import_table *t = row->table;
    for (uint32_t i = 0; i < t->part_count && row->op == CHANGE_UPDATE && row->before; i++) {
        uint32_t column = t->parts[i].source;
        if (column != NO_COLUMN && row->before[column] && row->after[column] &&
            !import_same(row->before[column], row->after[column]))
            return column;
    }
    return NO_COLUMN;
}

void import_tell_renamed(const struct import *im, const struct import_row *row)
{
    const struct import_entity *e = row->entity;
    uint32_t column = renamed(row);
    if (column == NO_COLUMN || !im->options.follows || !import_is_asked_for(e))
        return;
    log_warn("the source calls it something else now, and the destination's own stays as it is, as "
             "on_duplicate (skip) says: to make it what the source has, run datasync sync %s %s "
             "--on-duplicate update --entity-ids %.*s entity=%s key=%.*s column=%s",
             e->entity->name, im->options.config->source_system, (int)e->key.len,
             (const char *)e->key.p, e->entity->name, (int)e->key.len, (const char *)e->key.p,
             row->table->names[column]);
}
