/* What hooks are told of: entities whose rows were written, by the destination's ids, which are
 * those that its caches and indexes know. */
#include <stdlib.h>
#include <string.h>

#include "applier/import/import_internal.h"
#include "applier/outbox.h"

/* The key of a root at the destination, as a value of messages; *out len 0: not known. */
static int key_of(struct import *im, const struct catalogue_entity *e, struct slice key,
                  uint64_t target, struct slice *out)
{
    const char *type = import_type_name(e, &e->tables[0]);
    const uint8_t *value = NULL;
    *out = (struct slice){NULL, 0};
    if (!type && key.len) /* the same at both sides */
        value = import_string(&im->arena, key.p, key.len, false);
    else if (type && target)
        value = import_number(&im->arena, target);
    else
        return 0;
    if (value)
        *out = (struct slice){value, value_length(value)};
    return value ? 0 : DS_ENOMEM;
}

static uint64_t target_of(const struct import *im, const struct import_entity *e)
{
    const char *type = import_type_name(e->entity, &e->entity->tables[0]);
    if (e->root && e->root->target_id)
        return e->root->target_id;
    if (e->here || !type || !e->key.len)
        return e->target;
    const struct registered *r =
        registry_find(im->registry, registry_type(im->registry, type), e->key);
    return r && r->found ? r->target : 0;
}

static int tell(struct import *im, struct import_table *t, const struct catalogue_entity *e,
                struct slice key, uint64_t target, enum change_op op)
{
    struct slice value;
    int rc = key_of(im, e, key, target, &value);
    if (rc == 0)
        outbox_note_row(im->options.outbox, &t->told, t->target->name, op, value);
    return rc;
}

/* An update may bring a member to another root. */
static int tell_moved(struct import *im, const struct import_row *row)
{
    struct import_table *t = row->table;
    char scratch[32], was[32];
    bool null, before_null;
    if (t->root || t->entry->through || t->parent_type == UINT32_MAX || !row->before || !row->after)
        return 0;
    struct slice id = import_text(row->after[t->link_source], scratch, &null);
    struct slice old = import_text(row->before[t->link_source], was, &before_null);
    if (null || (id.len == old.len && memcmp(id.p, old.p, id.len) == 0))
        return 0;
    const struct registered *r = registry_find(im->registry, t->parent_type, id);
    return r && r->found ? tell(im, t, t->entity, id, r->target, CHANGE_INSERT) : 0;
}

int import_tell(struct import *im, const struct import_row *row, enum change_op op)
{
    const struct import_entity *e = row->entity;
    if (!im->options.outbox)
        return 0;
    if (row->origin->flags & CHANGE_COPIED)
        outbox_note_copy(im->options.outbox);
    uint64_t target = row->table->root && row->target_id ? row->target_id : target_of(im, e);
    int rc = tell(im, row->table, e->entity, e->key, target, op);
    return rc || op != CHANGE_UPDATE ? rc : tell_moved(im, row);
}
