/* Entities that are left out: what else comes of them in this run, or in the transaction in hand,
 * is left out, too. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "applier/apply.h"
#include "applier/import/import_internal.h"
#include "applier/import/left.h"
#include "schema/log.h"

static struct import_left **left_bucket(struct import *im, uint32_t place, struct slice key)
{
    return &im->left[XXH3_64bits_withSeed(key.p, key.len, place) % IMPORT_LEFT_BUCKETS];
}

struct import_left **import_find_left(struct import *im, uint32_t place, struct slice key)
{
    struct import_left **at = left_bucket(im, place, key);
    while (*at && !((*at)->place == place && (*at)->len == key.len &&
                    (!key.len || memcmp((*at)->key, key.p, key.len) == 0)))
        at = &(*at)->next;
    return at;
}

static struct import_left *remember(struct import *im, uint32_t place, struct slice key,
                                    bool copied)
{
    struct import_left **at = import_find_left(im, place, key), *l = *at;
    if (!l) {
        l = malloc(sizeof *l + key.len);
        if (!l)
            return NULL;
        *l = (struct import_left){.place = place, .len = key.len};
        if (key.len)
            memcpy(l->key, key.p, key.len);
        *at = l;
    }
    l->copied |= copied;
    return l;
}

void import_forget_left(struct import *im, struct import_left **at)
{
    struct import_left *gone = *at;
    *at = gone->next;
    im->held -= gone->why != NULL;
    free(gone->why);
    free(gone);
}

void import_left_free(struct import *im)
{
    for (uint32_t i = 0; i < IMPORT_LEFT_BUCKETS; i++)
        while (im->left[i])
            import_forget_left(im, &im->left[i]);
}

static void tell_left(struct import *im, uint32_t place, struct slice key, const char *why)
{
    log_warn("left out entity=%s key=%.*s reason=\"%s\"",
             catalogue_at(im->options.catalogue, place)->name, (int)key.len,
             key.len ? (const char *)key.p : "", why);
    im->pending[place].invalid++;
}

static uint32_t place_of(const struct import *im, const char *entity)
{
    const struct catalogue *c = im->options.catalogue;
    uint32_t place = 0;
    while (catalogue_at(c, place) != catalogue_find(c, entity))
        place++;
    return place;
}

int import_leave_entity(struct import *im, const char *entity, struct slice raw, bool copied,
                        const char *why)
{
    char scratch[32];
    bool null;
    uint32_t place = place_of(im, entity);
    struct slice key = import_text(raw.len ? raw.p : NULL, scratch, &null);
    tell_left(im, place, key, why);
    return !copied || remember(im, place, key, true) ? 0 : DS_ENOMEM;
}

int import_hold_left(struct import *im, const char *entity, struct slice raw, bool copied,
                     const char *why)
{
    char scratch[32];
    bool null;
    struct slice key = import_text(raw.len ? raw.p : NULL, scratch, &null);
    struct import_left *l = remember(im, place_of(im, entity), key, copied);
    if (!l || l->why)
        return l ? 0 : DS_ENOMEM;
    l->why = strdup(why);
    im->held += l->why != NULL;
    l->met = im->options.dry_run;      /* the rest of it comes, no more */
    if (im->options.dry_run && copied) /* it is alone in its transaction */
        import_forget_counts(im);
    return l->why ? 0 : DS_ENOMEM;
}

uint32_t import_held(const struct import *im)
{
    return im->held;
}

void import_tell_held(struct import *im, uint32_t *count)
{
    for (uint32_t i = 0; i < IMPORT_LEFT_BUCKETS && im->held; i++)
        for (struct import_left *l = im->left[i]; l; l = l->next)
            if (l->why && l->met && !l->told) {
                tell_left(im, l->place, (struct slice){l->key, l->len}, l->why);
                l->told = true;
                ++*count;
            }
}

void import_left_again(struct import *im)
{
    for (uint32_t i = 0; i < IMPORT_LEFT_BUCKETS && im->held; i++)
        for (struct import_left *l = im->left[i]; l; l = l->next)
            l->met = l->told = false;
}

void import_left_committed(struct import *im)
{
    for (uint32_t i = 0; i < IMPORT_LEFT_BUCKETS && im->held; i++)
        for (struct import_left **at = &im->left[i]; *at;) {
            struct import_left *l = *at;
            im->held -= l->why != NULL;
            free(l->why);
            l->why = NULL;
            if (l->copied)
                at = &l->next;
            else
                import_forget_left(im, at);
        }
}

/* --- what ends the run --------------------------------------------------------------------- */

static bool is_named(const char *table, const char *name)
{
    size_t len = strlen(table), n = strlen(name);
    return len >= n && strcmp(table + len - n, name) == 0 &&
           (len == n || table[len - n - 1] == '.');
}

static bool same_entity(const struct change *x, const struct change *y)
{
    struct slice a = held_entity_key(x), b = held_entity_key(y);
    return x->table->import->entity == y->table->import->entity && a.len == b.len &&
           (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

/* Of the entity whose rows of that table the transaction has; NULL: of none, or of several. */
static const struct change *find_failed(const struct batch *batch, const struct transaction *tx,
                                        const char *table)
{
    const struct change *found = NULL;
    for (uint32_t i = tx->first; i < tx->first + tx->count; i++) {
        const struct change *c = &batch->changes[i];
        if (!c->table->import || (*table && !is_named(table, c->table->target->name)))
            continue;
        if (found && !same_entity(found, c))
            return NULL;
        found = c;
    }
    return found;
}

/* A record of a file is no transaction that could be passed over, and neither is a copy. */
static const char *remedy_for(const struct import *im, const struct transaction *tx,
                              const struct change *c)
{
    if (!(c->flags & CHANGE_COPIED) && !tx->record.len)
        return "make room for it at the destination and start again, or pass over the transaction "
               "with datasync skip";
    return im->options.follows ? "make room for it at the destination and start again"
                               : "leave it out with --skip-invalid";
}

void import_name_failed(const struct import *im, const struct batch *batch,
                        const struct transaction *tx, struct ds_error *err)
{
    const struct change *c = find_failed(batch, tx, err->table);
    char scratch[32], named[sizeof err->key];
    bool null;
    struct slice raw = c ? held_entity_key(c) : (struct slice){NULL, 0};
    struct slice key = import_text(raw.len ? raw.p : NULL, scratch, &null);
    if (!c || null)
        return;
    const char *entity = c->table->import->entity->name;
    snprintf(named, sizeof named, "%s %.*s", entity, (int)key.len, (const char *)key.p);
    if (strstr(err->message, named)) /* it says itself what to do */
        return;
    size_t len = strlen(err->message);
    snprintf(err->message + len, sizeof err->message - len, " (entity=%s key=%.*s): %s", entity,
             (int)key.len, (const char *)key.p, remedy_for(im, tx, c));
}

/* --- what does not fit ---------------------------------------------------------------------- */

bool import_may_leave(const struct import *im)
{
    return im->options.skip_invalid && !im->duplicate;
}

int import_leave(struct import *im, const struct batch *batch, uint32_t index,
                 const struct ds_error *why)
{
    const struct transaction *tx = &batch->transactions[index];
    const struct change *c = &batch->changes[tx->first];
    char line[sizeof(struct ds_error)];
    if (!tx->count || !c->table->import)
        return 0;
    error_format(why, line, sizeof line);
    return import_leave_entity(im, c->table->import->entity->name, held_entity_key(c), true, line);
}

void import_failed(struct import *im, const struct batch *batch, uint32_t index,
                   struct ds_error *err)
{
    const struct transaction *tx = &batch->transactions[index];
    const struct import_table *t = tx->count ? batch->changes[tx->first].table->import : NULL;
    if (t)
        im->counts[t->place].errors++;
    import_name_failed(im, batch, tx, err);
}
