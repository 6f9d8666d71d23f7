/* Entities that come along with those that name them (`brings` of the catalogue).
 *
 * Those that the chosen ones name come before them, chunk by chunk, each a whole entity of its own:
 * nobody owns it, as others may name the same one. It comes once for each kind that brings it.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/entity_copy_internal.h"

bool entity_brings(const struct copy *c, const struct catalogue_reference *r)
{
    const struct catalogue_entity *e =
        r->brings ? catalogue_find(c->o->catalogue, r->entity) : NULL;
    return e && filter_imports(c->o->filter, e) &&
           (c->o->selection.listed || !entity_is_asked_for(c, e));
}

static struct brought *find_brought(struct copy *c, const struct catalogue_entity *e)
{
    for (uint32_t i = 0; i < c->brought_count; i++)
        if (c->brought[i].entity == e)
            return &c->brought[i];
    return NULL;
}

struct id_set *entity_brought_ids(struct copy *c, const struct catalogue_reference *r)
{
    struct brought *b =
        entity_brings(c, r) ? find_brought(c, catalogue_find(c->o->catalogue, r->entity)) : NULL;
    return b ? &b->ids : NULL;
}

int entity_open_brought(struct copy *c, struct ds_error *err)
{
    struct brought *all = calloc(c->entity->reference_count + 1, sizeof *all);
    int rc = 0;
    if (!all)
        return entity_no_memory(err);
    c->brought = all;
    for (size_t i = 0; i < c->entity->reference_count && rc == 0; i++) {
        const struct catalogue_reference *r = &c->entity->references[i];
        const struct catalogue_entity *e = catalogue_find(c->o->catalogue, r->entity);
        if (!entity_brings(c, r) || find_brought(c, e))
            continue;
        struct copy *other = calloc(1, sizeof *other);
        if (!other)
            return entity_no_memory(err);
        *other = (struct copy){.o = c->o, .shared = c->shared, .along = true};
        struct brought *b = &all[c->brought_count++];
        b->entity = e;
        b->copy = other;
        rc = entity_open_ids(&b->arena, &b->came) ? entity_no_memory(err)
                                                  : entity_open_kind(other, e, FIRST, err);
    }
    return rc;
}

/* But for one that is handed out anyway, as it is listed. */
static int add_key(struct brought *b, struct slice value)
{
    struct copy *c = b->copy;
    BUF_AUTO struct buf text = {0};
    const uint8_t *kept = arena_copy(&b->arena, value.p, value.len);
    if (!kept || entity_keep_id(&b->arena, &b->came, (struct slice){kept, value.len}, 0) ||
        entity_key_text(value, &text))
        return DS_ENOMEM;
    if (entity_is_listed(entity_listed(c, c->entity), buf_cstr(&text)))
        return 0;
    c->keys[c->key_count] = strdup(buf_cstr(&text));
    if (!c->keys[c->key_count])
        return DS_ENOMEM;
    c->key_count++;
    return 0;
}

static int add_keys(struct brought *b, uint32_t count)
{
    struct copy *c = b->copy;
    size_t room = 0;
    for (const struct copied_id *id = b->ids.last; id; id = id->earlier)
        room++;
    c->keys = calloc(room + 1, sizeof *c->keys);
    int rc = c->keys ? 0 : DS_ENOMEM;
    for (const struct copied_id *id = b->ids.last; id && rc == 0; id = id->earlier)
        if (id->root < count && !entity_find_id(&b->came, id->value))
            rc = add_key(b, id->value);
    return rc;
}

int entity_put_brought(struct copy *c, uint32_t count, struct ds_error *err)
{
    int rc = 0;
    for (uint32_t i = 0; i < c->brought_count && rc == 0; i++) {
        struct brought *b = &c->brought[i];
        if (!b->ids.last || !b->copy->table_count)
            continue;
        rc = add_keys(b, count) ? entity_no_memory(err) : 0;
        rc = rc ? rc : entity_copy_roots(b->copy, FIRST, err);
        entity_forget_keys(b->copy);
    }
    return rc;
}

void entity_close_brought(struct copy *c)
{
    for (uint32_t i = 0; i < c->brought_count; i++) {
        entity_close_kind(c->brought[i].copy);
        arena_free(&c->brought[i].copy->arena);
        arena_free(&c->brought[i].copy->reading);
        free(c->brought[i].copy);
        arena_free(&c->brought[i].arena);
    }
    free(c->brought);
    c->brought = NULL;
    c->brought_count = 0;
}
