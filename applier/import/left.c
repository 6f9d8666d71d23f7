/* Entities that are left out: what else comes of them in this run, or in the transaction in hand,
 * is left out, too. */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

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
