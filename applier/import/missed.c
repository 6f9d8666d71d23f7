#include "applier/import/missed.h"

#include <stdlib.h>
#include <string.h>

#include "applier/import/import_internal.h"
#include "applier/import/seen.h"
#include "schema/key_condition.h"
#include "schema/list.h"

enum { IDS_PER_QUERY = 5000 };

/* Ids that are no numbers; seen.c has the others. */
struct come {
    uint64_t *hashes;
    uint32_t count, cap;
    bool sorted;
    bool any;
    bool *kinds; /* by place: some of it have come */
};

int import_come_new(struct import *im)
{
    im->come = calloc(1, sizeof *im->come);
    if (im->come)
        im->come->kinds =
            calloc(catalogue_count(im->options.catalogue) + 1, sizeof *im->come->kinds);
    return im->come && im->come->kinds ? 0 : DS_ENOMEM;
}

void import_come_free(struct import *im)
{
    if (im->come) {
        free(im->come->hashes);
        free(im->come->kinds);
    }
    free(im->come);
}

void import_copy_begins(struct import *im)
{
    import_come_clear(im);
    im->come->count = 0;
    im->come->any = false;
    memset(im->come->kinds, 0, catalogue_count(im->options.catalogue) * sizeof *im->come->kinds);
}

/* --- what comes --------------------------------------------------------------------------------
 */

static bool number_of(struct slice id, uint64_t *out)
{
    uint64_t n = 0;
    bool plain = id.len > 0 && id.len < 19 && !(id.p[0] == '0' && id.len > 1);
    for (size_t i = 0; plain && i < id.len; i++) {
        plain = id.p[i] >= '0' && id.p[i] <= '9';
        n = n * 10 + (uint64_t)(id.p[i] - '0');
    }
    *out = n;
    return plain && import_seen_keeps(n);
}

static int note(struct import *im, const struct import_table *t, struct slice written)
{
    struct come *come = im->come;
    uint64_t number;
    come->any = come->kinds[t->place] = true;
    if (number_of(written, &number))
        return import_come_number(im, t->type, number);
    if (LIST_ROOM(come->hashes, come->count, come->cap))
        return DS_ENOMEM;
    come->hashes[come->count++] = import_hash(t->type, written);
    come->sorted = false;
    return 0;
}

int import_note_come(struct import *im, const struct batch *batch, uint32_t first, uint32_t count)
{
    struct ds_error ignored;
    int rc = 0;
    if (!im->options.follows || im->options.dry_run)
        return 0;
    for (uint32_t n = first; n < first + count; n++) {
        const struct transaction *tx = &batch->transactions[n];
        for (uint32_t i = tx->first; i < tx->first + tx->count && rc == 0; i++) {
            const struct change *c = &batch->changes[i];
            const struct import_table *t = c->table->import;
            char scratch[32], written[REGISTRY_KEY_MAX + 1];
            struct slice key;
            bool null;
            if (!(c->flags & CHANGE_COPIED) || c->op != CHANGE_DELETE || !t || !t->root ||
                t->type == UINT32_MAX)
                continue;
            rc = import_change_key(im, c, &key, scratch, &null, &ignored);
            rc = rc || null ? rc : note(im, t, registry_key(key, written));
        }
    }
    return rc;
}

/* --- what has not ------------------------------------------------------------------------------
 */

static bool has_come(struct import *im, const struct import_table *t, struct slice written)
{
    struct come *come = im->come;
    uint64_t number, hash = import_hash(t->type, written);
    if (number_of(written, &number))
        return import_number_has_come(im, t->type, number);
    if (!come->sorted && come->count)
        qsort(come->hashes, come->count, sizeof hash, key_compare);
    come->sorted = true;
    return come->count &&
           bsearch(&hash, come->hashes, come->count, sizeof hash, key_compare) != NULL;
}

/* Those that come along with others are not all of their kind; what is only recognised is not this
 * run's. Ids that are those of another entity, or that both sides share, the registry does not
 * know.
 */
bool import_has_come_whole(const struct import *im, const struct source_table *root,
                           const struct catalogue_entity *e)
{
    const struct import_table *t = root->import;
    const struct catalogue_table *entry = &e->tables[0];
    if (!im->come->any || !t || t->entity != e || !t->root || t->type == UINT32_MAX ||
        t->id_source == NO_COLUMN || filter_comes_along(im->options.filter, e) ||
        (entry->key && strcmp(entry->key, entry->link) != 0))
        return false;
    return t->selected || (filter_maps(e) && im->makes[t->place] && im->come->kinds[t->place]);
}

/* A file may have brought ids that the table could not have. */
static bool may_have(const struct source_table *root, struct slice id)
{
    uint64_t number;
    return !key_type_is_integer((uint8_t)root->def.columns[root->import->id_source].type) ||
           number_of(id, &number);
}

/* Rows of the registry, from the next one on. */
static void pick(struct import *im, const struct source_table *root, MYSQL_RES *rows,
                 struct missed *m)
{
    for (MYSQL_ROW row; m->count < MISSED_AT_A_TIME && (row = mysql_fetch_row(rows));) {
        struct slice id = {(const uint8_t *)row[0], mysql_fetch_lengths(rows)[0]};
        if (id.len > REGISTRY_KEY_MAX) /* no such has been written */
            continue;
        memcpy(m->behind, row[0], id.len + 1);
        if (may_have(root, id) && !has_come(im, root->import, id))
            memcpy(m->ids[m->count++], row[0], id.len + 1);
    }
}

int import_missed(struct import *im, const struct source_table *root, struct missed *m,
                  struct ds_error *err)
{
    m->count = 0;
    m->more = true;
    while (!m->count && m->more) {
        struct slice behind = {(const uint8_t *)m->behind, strlen(m->behind)};
        MYSQL_RES *rows =
            registry_ids(im->registry, root->import->type, behind, IDS_PER_QUERY, err);
        if (!rows)
            return err->code;
        pick(im, root, rows, m);
        m->more = mysql_num_rows(rows) == IDS_PER_QUERY || m->count == MISSED_AT_A_TIME;
        mysql_free_result(rows);
    }
    return 0;
}

/* --- their deletion ----------------------------------------------------------------------------
 */

/* Is the column part of what an import asks of each change? */
static bool identifies(const struct import_table *t, uint32_t column)
{
    for (uint32_t i = 0; i < t->key_count; i++)
        if (t->key[i] == column)
            return true;
    for (uint32_t i = 0; i < t->part_count; i++)
        if (t->parts[i].source == column)
            return true;
    return false;
}

int import_missed_change(const struct source_table *root, const char *id, struct arena *arena,
                         struct change *out)
{
    const struct import_table *t = root->import;
    BUF_AUTO struct buf key = {0}, image = {0};
    bool number = key_type_is_integer((uint8_t)root->def.columns[t->id_source].type);
    int rc = number ? value_write_uint(&key, strtoull(id, NULL, 10))
                    : value_write_text(&key, id, strlen(id));
    rc |= image_write_head(&image, t->source_count);
    for (uint32_t i = 0; i < t->source_count && rc == 0; i++)
        rc = i == t->id_source  ? buf_append(&image, key.data, key.len)
             : identifies(t, i) ? value_write_null(&image)
                                : value_write_absent(&image);
    *out = (struct change){.table = (struct source_table *)root,
                           .op = CHANGE_DELETE,
                           .before = {arena_copy(arena, image.data, image.len), image.len},
                           .entity_key = {arena_copy(arena, key.data, key.len), key.len}};
    return rc || !out->before.p || !out->entity_key.p ? DS_ENOMEM : 0;
}
