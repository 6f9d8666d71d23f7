/* Values that the source has encrypted under its key: the catalogue says which (`encrypted`). With
 * the keys of both shops they are encrypted again under the destination's; with one key for both
 * they stay as they are. Else, or where a value is none under the source's key, the column becomes
 * empty, which is counted, and told at the end for each table.
 */
#include <stdlib.h>
#include <string.h>

#include "applier/import/crypt.h"
#include "applier/import/documents.h"
#include "applier/import/import_internal.h"
#include "applier/import/resolve.h"
#include "applier/import/when.h"
#include "schema/log.h"

struct emptied { /* in a table, since the run began, committed; and not yet */
    const struct catalogue_table *entry;
    uint64_t no_key, unreadable, pending_no_key, pending_unreadable;
    bool told;
    struct emptied *next;
};

struct encryption {
    struct crypt *source, *destination; /* both, or none */
    bool same;                          /* one key for both */
    struct emptied *tables;
};

int import_encryption_new(struct import *im, struct ds_error *err)
{
    const char *from = im->options.config->source.crypt_key,
               *to = im->options.config->destination.crypt_key;
    struct encryption *e = im->encryption = calloc(1, sizeof *e);
    if (!e)
        return import_no_memory(err);
    if (!*from || !*to)
        return 0;
    e->same = strcmp(from, to) == 0;
    int rc = crypt_open(&e->source, from, "source.crypt_key", err);
    return rc ? rc : crypt_open(&e->destination, to, "destination.crypt_key", err);
}

static const char *missing_keys(const struct import *im)
{
    bool from = !*im->options.config->source.crypt_key,
         to = !*im->options.config->destination.crypt_key;
    return from && to ? "source.crypt_key and destination.crypt_key"
           : from     ? "source.crypt_key"
                      : "destination.crypt_key";
}

static void tell(const struct import *im, const struct emptied *t)
{
    if (t->no_key)
        log_warn("values are encrypted under the source's key and were left out: set %s "
                 "table=%s values=%lu",
                 missing_keys(im), t->entry->table, t->no_key);
    if (t->unreadable)
        log_warn("values could not be decrypted with source.crypt_key and were left out: is it "
                 "the source's key? table=%s values=%lu",
                 t->entry->table, t->unreadable);
}

void import_encryption_free(struct import *im)
{
    struct encryption *e = im->encryption;
    for (struct emptied *t = e ? e->tables : NULL, *next; t; t = next) {
        next = t->next;
        tell(im, t);
        free(t);
    }
    if (e) {
        crypt_close(e->source);
        crypt_close(e->destination);
    }
    free(e);
}

/* A stream ends late: it tells of the first ones at once. */
void import_encryption_committed(struct import *im)
{
    for (struct emptied *t = im->encryption->tables; t; t = t->next) {
        t->no_key += t->pending_no_key;
        t->unreadable += t->pending_unreadable;
        t->pending_no_key = t->pending_unreadable = 0;
        if (im->options.follows && !t->told && t->no_key + t->unreadable) {
            tell(im, t);
            t->told = true;
        }
    }
}

void import_encryption_rolled_back(struct import *im)
{
    for (struct emptied *t = im->encryption->tables; t; t = t->next)
        t->pending_no_key = t->pending_unreadable = 0;
}

int import_count_emptied(struct import *im, const struct import_row *row)
{
    struct encryption *e = im->encryption;
    struct emptied *t = e->tables;
    if (!row->emptied)
        return 0;
    while (t && t->entry != row->table->entry)
        t = t->next;
    if (!t) {
        t = calloc(1, sizeof *t);
        if (!t)
            return DS_ENOMEM;
        *t = (struct emptied){.entry = row->table->entry, .next = e->tables};
        e->tables = t;
    }
    *(e->source ? &t->pending_unreadable : &t->pending_no_key) += row->emptied;
    return 0;
}

int import_add_encrypted(struct import_table *t)
{
    const struct catalogue_entity *e = t->entity;
    t->encrypted = arena_zalloc(&t->arena, (e->encrypted_count + 1) * sizeof *t->encrypted);
    if (!t->encrypted)
        return DS_ENOMEM;
    for (size_t i = 0; i < e->encrypted_count; i++) {
        const struct catalogue_encrypted *rule = &e->encrypted[i];
        int target = target_column_ordinal(t->target, rule->column);
        uint32_t source = import_source_column(t, rule->column),
                 when = import_source_column(t, rule->when.column);
        if (strcmp(rule->table, t->entry->table) != 0 || target < 0 || source == NO_COLUMN)
            continue;
        t->encrypted[t->encrypted_count++] =
            (struct import_encrypted){.rule = rule,
                                      .source = source,
                                      .target = (uint32_t)target,
                                      .when = rule->when.column ? when : NO_COLUMN};
    }
    return 0;
}

/* *out NULL: it is none under the source's key, or there is a key missing. */
static int translate(struct import *im, const uint8_t *raw, const uint8_t **out,
                     struct ds_error *err)
{
    const struct encryption *e = im->encryption;
    BUF_AUTO struct buf plain = {0}, stored = {0};
    char scratch[32];
    bool null, readable;
    struct slice text = import_text(raw, scratch, &null);
    *out = raw;
    if (null || !text.len || e->same)
        return 0;
    *out = NULL;
    if (!e->source)
        return 0;
    int rc = crypt_decrypt(e->source, text, &plain, &readable);
    if (rc == 0 && readable)
        rc = crypt_encrypt(e->destination, (struct slice){plain.data, plain.len}, &stored);
    if (rc == 0 && readable) {
        *out = import_string(&im->arena, stored.data, stored.len, true);
        rc = *out ? 0 : DS_ENOMEM;
    }
    if (plain.data)
        explicit_bzero(plain.data, plain.len);
    return rc == DS_EUNSUPPORTED ? error_set(err, rc,
                                             "a value cannot be encrypted: is the cipher "
                                             "of destination.crypt_key still there?")
           : rc                  ? import_no_memory(err)
                                 : 0;
}

static bool is_encrypted(const struct import_encrypted *x, const uint8_t *const *from)
{
    return from && from[x->source] &&
           (!x->rule->when.column ||
            (x->when != NO_COLUMN && import_is_one_of(from[x->when], x->rule->when.values)));
}

static int translate_column(struct import *im, struct import_row *row,
                            const struct import_encrypted *x, const uint8_t *const *from,
                            const uint8_t **to, bool *emptied, struct ds_error *err)
{
    const uint8_t *value;
    *emptied = false;
    if (!is_encrypted(x, from))
        return 0;
    int rc = translate(im, from[x->source], &value, err);
    if (rc)
        return rc;
    *emptied = !value;
    to[x->target] = value ? value : import_nothing(im, row->table, x->target);
    return to[x->target] ? 0 : import_no_memory(err);
}

static bool is_unchanged(const struct import_row *row, uint32_t source)
{
    const uint8_t *x = row->before ? row->before[source] : NULL, *y = row->after[source];
    size_t n = x ? value_length(x) : 0;
    return x && y && n == value_length(y) && memcmp(x, y, n) == 0;
}

int import_translate_encrypted(struct import *im, struct import_row *row, struct ds_error *err)
{
    const struct import_table *t = row->table;
    int rc = 0;
    row->emptied = 0;
    for (uint32_t i = 0; i < t->encrypted_count && rc == 0; i++) {
        const struct import_encrypted *x = &t->encrypted[i];
        bool emptied = false, ignored;
        if (row->was)
            rc = translate_column(im, row, x, row->before, row->was, &ignored, err);
        if (rc == 0 && row->values && row->after)
            rc = translate_column(im, row, x, row->after, row->values, &emptied, err);
        row->emptied += emptied && !is_unchanged(row, x->source);
    }
    return rc;
}
