/* Ids inside values that are of nothing at the destination: their kind was not imported and is not
 * recognised, or the source has them no more. The value keeps what else it tells. They are counted
 * by the value's table and their entity, each once, and told at the end of a run. A value may come
 * before what it names, and again behind it: then they are found after all.
 */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "applier/import/documents.h"
#include "applier/import/import_internal.h"
#include "schema/log.h"

enum { BUCKETS = 1 << 12, MOST = 100000 }; /* beyond, they are not remembered */

struct lost_id {
    struct lost_id *next;
    const char *table; /* whose key it is */
    size_t len;
    uint8_t id[];
};

struct lost_kind {
    const struct catalogue_table *entry; /* of the value */
    const char *entity;                  /* of what the ids are */
    uint64_t count;
    struct lost_id *buckets[BUCKETS];
    struct lost_kind *next;
};

struct nameless {
    struct lost_kind *kinds;
    uint64_t count;
};

int import_nameless_new(struct import *im)
{
    im->nameless = calloc(1, sizeof *im->nameless);
    return im->nameless ? 0 : DS_ENOMEM;
}

static bool is_imported(const struct import *im, const struct lost_kind *k)
{
    const struct catalogue_entity *e = catalogue_find(im->options.catalogue, k->entity);
    return e && filter_imports(im->options.filter, e);
}

/* See incomplete.h. Only texts of a page, a widget and the like. */
static bool is_remembered(const struct import *im, const struct lost_kind *k)
{
    bool written = false;
    for (size_t i = 0; i < document_format_count(); i++)
        written |= document_is_written(document_format_at(i)) &&
                   strcmp(document_format_at(i)->table, k->entry->table) == 0;
    return written && im->remembers_texts;
}

static void tell(const struct import *im, const struct lost_kind *k)
{
    if (!k->count)
        return;
    if (is_imported(im, k))
        log_info("ids inside values became empty: of what the source has no more, or was not "
                 "imported table=%s of=%s ids=%lu",
                 k->entry->table, k->entity, k->count);
    else
        log_warn("ids inside values became empty: of what is not at the destination. "
                 "datasync sync %s %s brings what the source has of it%s table=%s of=%s ids=%lu",
                 k->entity, im->options.config->source_system,
                 is_remembered(im, k) ? ", and puts this right" : ", then sync this again",
                 k->entry->table, k->entity, k->count);
}

void import_nameless_free(struct import *im)
{
    for (struct lost_kind *k = im->nameless ? im->nameless->kinds : NULL, *next; k; k = next) {
        next = k->next;
        tell(im, k);
        for (size_t i = 0; i < BUCKETS; i++)
            for (struct lost_id *x = k->buckets[i], *after; x; x = after) {
                after = x->next;
                free(x);
            }
        free(k);
    }
    free(im->nameless);
}

static struct lost_kind *find_kind(const struct import *im, const struct catalogue_table *entry,
                                   const struct document_id *id)
{
    struct lost_kind *k = im->nameless->kinds;
    while (k && (k->entry != entry || strcmp(k->entity, id->target.entity) != 0))
        k = k->next;
    return k;
}

/* Where it stands, or is to stand. */
static struct lost_id **find_id(struct lost_kind *k, const struct document_id *id)
{
    struct lost_id **at = &k->buckets[XXH3_64bits(id->id.p, id->id.len) % BUCKETS];
    while (*at && (strcmp((*at)->table, id->target.table) != 0 || (*at)->len != id->id.len ||
                   memcmp((*at)->id, id->id.p, id->id.len) != 0))
        at = &(*at)->next;
    return at;
}

int import_note_nameless(struct import *im, const struct catalogue_table *entry,
                         const struct document_id *id)
{
    struct lost_kind *k = find_kind(im, entry, id);
    if (!k) {
        k = calloc(1, sizeof *k);
        if (!k)
            return DS_ENOMEM;
        *k = (struct lost_kind){
            .entry = entry, .entity = id->target.entity, .next = im->nameless->kinds};
        im->nameless->kinds = k;
    }
    struct lost_id **at = find_id(k, id);
    if (*at || im->nameless->count == MOST)
        return 0;
    struct lost_id *x = malloc(sizeof *x + id->id.len);
    if (!x)
        return DS_ENOMEM;
    *x = (struct lost_id){.table = id->target.table, .len = id->id.len};
    memcpy(x->id, id->id.p, id->id.len);
    *at = x;
    k->count++;
    im->nameless->count++;
    return 0;
}

void import_forget_nameless(struct import *im, const struct catalogue_table *entry,
                            const struct document_id *id)
{
    struct lost_kind *k = im->nameless->kinds ? find_kind(im, entry, id) : NULL;
    struct lost_id **at = k && k->count ? find_id(k, id) : NULL;
    struct lost_id *x = at ? *at : NULL;
    if (!x)
        return;
    *at = x->next;
    free(x);
    k->count--;
    im->nameless->count--;
}
