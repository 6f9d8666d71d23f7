/* Ids in a row → the destination's ids.
 *
 * Rows of a table are translated together: first everything that the registry will be asked for, in
 * a few statements, then row by row. What cannot be resolved yet, since the row that it names is in
 * this segment and not written yet, makes the row wait (the same table, required), or is filled in
 * later. What is not here at all leaves the column empty, or, where a row makes no sense without
 * it, the row out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "applier/bind.h"
#include "applier/import/documents.h"
#include "applier/import/import_internal.h"
#include "applier/import/left.h"
#include "applier/import/resolve.h"
#include "applier/import/when.h"
#include "schema/list.h"
#include "schema/log.h"
#include "schema/message.h"

const uint8_t import_null[1] = {VALUE_BYTE_NULL};

int import_no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for the import");
}

/* --- values --------------------------------------------------------------------------- */

bool import_is_null(const uint8_t *raw)
{
    return !raw || *raw == VALUE_BYTE_NULL || *raw == VALUE_BYTE_ABSENT;
}

struct slice import_text(const uint8_t *raw, char scratch[32], bool *null)
{
    struct value v;
    const uint8_t *at = raw;
    *null = import_is_null(raw);
    if (*null || value_read(&at, raw + value_length(raw), &v))
        return (struct slice){(const uint8_t *)"", 0};
    size_t n = 0;
    switch (v.kind) {
    case VALUE_INT:
        n = decimal_signed(scratch, v.i);
        break;
    case VALUE_UINT:
        n = decimal_unsigned(scratch, v.u);
        break;
    case VALUE_FLOAT:
        n = (size_t)snprintf(scratch, 32, "%.9g", (double)v.f);
        break;
    case VALUE_DOUBLE:
        n = (size_t)snprintf(scratch, 32, "%.17g", v.d);
        break;
    case VALUE_TEXT:
    case VALUE_BYTES:
        return v.bytes;
    default:
        break;
    }
    return (struct slice){(const uint8_t *)scratch, n};
}

bool import_is_zero(const uint8_t *raw)
{
    char scratch[32];
    bool null;
    struct slice text = import_text(raw, scratch, &null);
    return null || text.len == 0 || (text.len == 1 && *text.p == '0');
}

bool import_same(const uint8_t *x, const uint8_t *y)
{
    size_t n = x ? value_length(x) : 0;
    return x && y && n == value_length(y) && memcmp(x, y, n) == 0;
}

static const uint8_t *kept(struct arena *arena, int rc, const struct buf *b)
{
    return rc ? NULL : arena_copy(arena, b->data, b->len);
}

const uint8_t *import_number(struct arena *arena, uint64_t v)
{
    BUF_AUTO struct buf b = {0};
    return kept(arena, value_write_uint(&b, v), &b);
}

const uint8_t *import_string(struct arena *arena, const void *p, size_t len, bool binary)
{
    BUF_AUTO struct buf b = {0};
    return kept(arena, binary ? value_write_bytes(&b, p, len) : value_write_text(&b, p, len), &b);
}

int import_sql_text(struct buf *sql, const struct target_column *c, struct slice text,
                    struct ds_error *err)
{
    int rc = buf_printf(sql, "_%s X'", c ? c->charset : "utf8mb4");
    for (size_t i = 0; i < text.len && rc == 0; i++)
        rc = buf_printf(sql, "%02x", text.p[i]);
    rc |= buf_printf(sql, "' COLLATE %s", c ? c->collation : "utf8mb4_bin");
    return rc ? import_no_memory(err) : 0;
}

int import_sql_value(struct buf *sql, const struct target_column *c, const uint8_t *raw,
                     struct ds_error *err)
{
    char scratch[32];
    bool null;
    if (c && c->class != TARGET_TEXT)
        return bind_literal(sql, c, raw, err);
    struct slice text = import_text(raw, scratch, &null);
    if (null)
        return buf_puts(sql, "NULL") ? import_no_memory(err) : 0;
    return import_sql_text(sql, c, text, err);
}

/* --- wanted ------------------------------------------------------------------------------ */

/* The next id of a list or path in [*at, end), without blanks around it; false: no more. */
static bool next_id(const uint8_t **at, const uint8_t *end, char separator, struct slice *out)
{
    if (*at > end)
        return false;
    const uint8_t *p = *at, *stop = memchr(p, separator, (size_t)(end - p));
    stop = stop ? stop : end;
    *at = stop + 1;
    while (p < stop && *p == ' ')
        p++;
    while (stop > p && stop[-1] == ' ')
        stop--;
    *out = (struct slice){p, (size_t)(stop - p)};
    return true;
}

static char separator_of(const struct import_reference *r)
{
    return r->form == REFERENCE_PATH ? '/' : ',';
}

static bool is_last(const struct import *im, const struct import_reference *r, const uint8_t *raw)
{
    return r->turn == im->turn && import_same(r->last, raw);
}

static void keep_last(const struct import *im, struct import_reference *r, const uint8_t *raw,
                      const uint8_t *to)
{
    r->turn = im->turn;
    r->last = raw;
    r->last_to = to;
}

static bool is_word(const struct import_reference *r, struct slice text)
{
    size_t i = 0;
    while (i < text.len && text.p[i] >= '0' && text.p[i] <= '9')
        i++;
    return r->word && i < text.len;
}

static int want_value(struct import *im, struct import_reference *r, const uint8_t *raw)
{
    char scratch[32];
    bool null;
    if (import_is_null(raw) || is_last(im, r, raw))
        return 0;
    keep_last(im, r, raw, NULL);
    struct slice text = import_text(raw, scratch, &null), id;
    if (is_word(r, text))
        return 0;
    if (r->form == REFERENCE_ONE)
        return registry_want(im->registry, r->type, text);
    int rc = 0;
    const uint8_t *at = text.p, *end = text.p + text.len;
    while (rc == 0 && next_id(&at, end, separator_of(r), &id))
        rc = id.len ? registry_want(im->registry, r->type, id) : 0;
    return rc;
}

static int want_row(struct import *im, const struct import_row *row, bool conditional)
{
    struct import_table *t = row->table;
    int rc = 0;
    if (!conditional && t->type != UINT32_MAX && row->id.p)
        rc = registry_want(im->registry, t->type, row->id);
    for (uint32_t i = 0; i < t->reference_count && rc == 0; i++) {
        struct import_reference *r = &t->references[i];
        bool asks = r->rule && (catalogue_asks_attribute(r->rule) || r->when_of);
        if (asks != conditional)
            continue;
        if (row->before && import_reference_counts(im, row, r, row->before))
            rc = want_value(im, r, row->before[r->source]);
        if (rc == 0 && row->after && import_reference_counts(im, row, r, row->after))
            rc = want_value(im, r, row->after[r->source]);
    }
    return rc || !conditional ? rc : import_want_documents(im, row);
}

int import_want(struct import *im, uint32_t first, uint32_t end, struct ds_error *err)
{
    for (int conditional = 0; conditional < 2; conditional++) {
        im->turn++;
        for (uint32_t i = first; i < end; i++)
            if (want_row(im, im->rows[i], conditional))
                return import_no_memory(err);
        int rc = registry_load(im->registry, err);
        if (rc == 0 && !conditional)
            rc = import_attributes_load(im, err);
        if (rc == 0 && !conditional)
            rc = import_load_codes(im, first, end, err);
        if (rc)
            return rc;
    }
    return 0;
}

/* --- translation -------------------------------------------------------------------------- */

enum resolved import_resolve_id(const struct import *im, uint32_t type, struct slice id,
                                uint64_t *target)
{
    const struct registered *r = registry_find(im->registry, type, id);
    if (r && r->found) {
        *target = r->target;
        return IS_RESOLVED;
    }
    const struct import_row *row = import_row_by_id(im, type, id);
    return row && row->state != ROW_LEFT && row->state != ROW_WRITTEN ? IS_PENDING : IS_NOT_HERE;
}

/* A list keeps what is here; of a path every part must be. */
static enum resolved resolve_list(struct import *im, const struct import_reference *r,
                                  struct slice text, struct buf *out)
{
    enum resolved all = IS_RESOLVED;
    const uint8_t *at = text.p, *end = text.p + text.len;
    struct slice id;
    bool path = r->form == REFERENCE_PATH, first = true;
    uint64_t target;
    while (next_id(&at, end, separator_of(r), &id)) {
        enum resolved one = id.len ? import_resolve_id(im, r->type, id, &target) : IS_RESOLVED;
        if (one == IS_PENDING || (path && one == IS_NOT_HERE))
            all = one > all ? one : all;
        if (one != IS_RESOLVED || (!id.len && !path))
            continue;
        if (!first && buf_printf(out, "%c", separator_of(r)))
            return IS_NOT_HERE;
        if (id.len && buf_unsigned(out, target))
            return IS_NOT_HERE;
        first = false;
    }
    return all;
}

static bool is_text(const struct import_table *t, uint32_t target)
{
    enum target_class class = t->target->columns[target].class;
    return class == TARGET_TEXT || class == TARGET_BYTES;
}

/* *out: the destination's value, NULL: out of memory. Ids that are no number at the source are
 * numbers here; columns that hold ids as text keep them as such. */
static enum resolved resolve(struct import *im, const struct import_table *t,
                             const struct import_reference *r, const uint8_t *raw,
                             const uint8_t **out)
{
    char scratch[32], number[32];
    bool null;
    uint64_t target = 0;
    struct slice text = import_text(raw, scratch, &null);
    BUF_AUTO struct buf list = {0};
    *out = raw;
    if (null || text.len == 0 || is_word(r, text))
        return IS_RESOLVED;
    if (r->form != REFERENCE_ONE) {
        enum resolved is = resolve_list(im, r, text, &list);
        *out = import_string(&im->arena, list.data, list.len, true);
        return is;
    }
    enum resolved is = import_resolve_id(im, r->type, text, &target);
    if (is == IS_NOT_HERE && import_is_zero(raw)) /* 0 means none, where no row has it */
        return IS_RESOLVED;
    if (is != IS_RESOLVED)
        return is;
    *out = is_text(t, r->target)
               ? import_string(&im->arena, number, decimal_unsigned(number, target), true)
               : import_number(&im->arena, target);
    return is;
}

int import_defer(struct import *im, struct import_row *row, const struct import_reference *r,
                 const struct import_document *document, struct ds_error *err)
{
    struct deferred *d = arena_zalloc(&im->arena, sizeof *d);
    if (!d)
        return import_no_memory(err);
    row->waits = true;
    *d = (struct deferred){.row = row, .reference = r, .document = document, .next = im->deferred};
    im->deferred = d;
    return 0;
}

const uint8_t *import_nothing(struct import *im, const struct import_table *t, uint32_t target)
{
    const struct target_column *c = &t->target->columns[target];
    if (c->nullable)
        return import_null;
    return c->class == TARGET_TEXT || c->class == TARGET_BYTES
               ? import_string(&im->arena, "", 0, true)
               : import_number(&im->arena, 0);
}

/* Is it a part of what it names (a product's stock), and that asked for, too? Then that was not
 * chosen, or has told itself why it was left out. */
static bool comes_with(const struct import *im, const struct import_table *t,
                       const struct import_reference *r)
{
    const struct catalogue_entity *e = r->rule && strcmp(r->rule->column, t->entry->link) == 0
                                           ? catalogue_find(im->options.catalogue, r->rule->entity)
                                           : NULL;
    return e && filter_imports(im->options.filter, e);
}

static int leave_row(struct import *im, struct import_row *row, const struct import_reference *r,
                     const uint8_t *raw)
{
    char scratch[32];
    bool null;
    struct slice id = import_text(raw, scratch, &null);
    const char *column = row->table->target->columns[r->target].name;
    row->state = ROW_LEFT;
    if (row->table->root)
        row->entity->left = true;
    if (row->entity->policy == IMPORT_MATCH) /* it would only have been recognised */
        return 0;
    im->left_rows++;
    log_debug("row left out, what it refers to is not here table=%s column=%s id=%.*s",
              row->table->entry->table, column, (int)id.len, (const char *)id.p);
    return row->table->root && !comes_with(im, row->table, r) ? import_orphan(im, row, column, id)
                                                              : 0;
}

/* What is missing in the column may come later. */
static int remember(struct import *im, const struct import_row *row,
                    const struct import_reference *r, const uint8_t *raw)
{
    char scratch[32];
    bool null;
    uint64_t target;
    struct slice text = import_text(raw, scratch, &null), id;
    const uint8_t *at = text.p, *end = text.p + text.len;
    int rc = 0;
    if (null || !import_remembers(im, row))
        return 0;
    if (r->form == REFERENCE_ONE)
        return import_incomplete(im, row, r->type, text, false);
    while (rc == 0 && next_id(&at, end, separator_of(r), &id))
        if (id.len && import_resolve_id(im, r->type, id, &target) == IS_NOT_HERE)
            rc = import_incomplete(im, row, r->type, id, false);
    return rc;
}

/* A tree's row holds its depth beside its path. Gives the column, NO_COLUMN: none. */
static uint32_t set_level(struct import *im, const struct import_table *t,
                          const struct import_reference *r, const uint8_t *path, const uint8_t **to)
{
    int level =
        r->form == REFERENCE_PATH && r->own ? target_column_ordinal(t->target, "level") : -1;
    char scratch[32];
    bool null;
    uint64_t depth = 0;
    if (level < 0)
        return NO_COLUMN;
    struct slice text = import_text(path, scratch, &null);
    for (size_t i = 0; i < text.len; i++)
        depth += text.p[i] == '/';
    const uint8_t *value = import_number(&im->arena, depth);
    if (!value)
        return NO_COLUMN;
    to[level] = value;
    return (uint32_t)level;
}

/* A row that goes is found by this reference, too, and not by the registry alone. */
static bool tells_deleted(const struct import *im, const struct import_row *row,
                          const struct import_reference *r)
{
    const struct import_table *t = row->table;
    const struct registered *known =
        t->type != UINT32_MAX && row->id.p ? registry_find(im->registry, t->type, row->id) : NULL;
    for (uint32_t i = 0; row->op == CHANGE_DELETE && !(known && known->found) && i < t->part_count;
         i++)
        if (t->parts[i].source == r->source)
            return true;
    return false;
}

/* One reference of one image. Changes the row's state when it cannot go on. */
static int translate_one(struct import *im, struct import_row *row, struct import_reference *r,
                         const uint8_t *const *from, const uint8_t **to, bool after,
                         struct ds_error *err)
{
    const uint8_t *value;
    if (!from[r->source] || !import_reference_counts(im, row, r, from))
        return 0;
    if (is_last(im, r, from[r->source])) {
        to[r->target] = r->last_to;
        return 0;
    }
    enum resolved is = resolve(im, row->table, r, from[r->source], &value);
    if (!value)
        return import_no_memory(err);
    if (is == IS_RESOLVED) {
        if (r->form == REFERENCE_ONE)
            keep_last(im, r, from[r->source], value);
        to[r->target] = value;
        set_level(im, row->table, r, value, to);
        return 0;
    }
    bool self = r->form == REFERENCE_PATH && r->own; /* a path ends with the row itself */
    if (is == IS_PENDING && r->own && r->required && !self) {
        row->state = ROW_WAITS;
        return 0;
    }
    if (tells_deleted(im, row, r)) { /* nothing in its place: another row may have that */
        row->state = is == IS_PENDING ? ROW_WAITS : ROW_LEFT;
        return 0;
    }
    to[r->target] = import_nothing(im, row->table, r->target);
    if (!to[r->target])
        return import_no_memory(err);
    if (is == IS_PENDING)
        return after ? import_defer(im, row, r, NULL, err) : 0;
    if (r->required && after && leave_row(im, row, r, from[r->source]))
        return import_no_memory(err);
    if (after && remember(im, row, r, from[r->source]))
        return import_no_memory(err);
    return 0;
}

/* -1 would become a large number, as between servers that do not tell which columns are signed. */
static int check_signs(const struct import_row *row, const uint8_t *const *from,
                       struct ds_error *err)
{
    const struct import_table *t = row->table;
    for (uint32_t i = 0; i < t->unsigned_count; i++) {
        const struct target_column *c = &t->target->columns[t->unsigned_here[i]];
        const uint8_t *at = from[t->from[t->unsigned_here[i]]];
        struct value v;
        if (!at || value_read(&at, at + value_length(at), &v) || v.kind != VALUE_INT || v.i >= 0)
            continue;
        error_set(err, DS_ECONFLICT,
                  "a value does not fit the destination's column: %s is below 0 in %s %.*s, and "
                  "unsigned there",
                  c->name, t->entity->name, (int)row->entity->key.len,
                  (const char *)row->entity->key.p);
        error_at_table(err, NULL, t->target->name);
        return DS_ECONFLICT;
    }
    return 0;
}

static int translate_image(struct import *im, struct import_row *row, const uint8_t *const *from,
                           const uint8_t ***out, bool after, struct ds_error *err)
{
    struct import_table *t = row->table;
    const uint8_t **to = arena_zalloc(&im->arena, (t->target->column_count + 1) * sizeof *to);
    if (!to)
        return import_no_memory(err);
    for (uint32_t i = 0; i < t->target->column_count; i++)
        to[i] =
            t->from[i] == NO_COLUMN || (t->new_ids && i == t->id_target) ? NULL : from[t->from[i]];
    if (t->target->auto_increment >= 0 && !catalogue_same_key(t->entity, t->entry))
        to[t->target->auto_increment] = NULL; /* the destination counts */
    int rc = after ? check_signs(row, from, err) : 0;
    for (uint32_t i = 0; i < t->reference_count && rc == 0 && row->state == ROW_OPEN; i++)
        rc = translate_one(im, row, &t->references[i], from, to, after, err);
    *out = to;
    return rc;
}

/* A tree's rows wait for their parents, whether or not the catalogue calls these required. */
static bool waits_for_own(const struct import *im, const struct import_row *row)
{
    const struct import_table *t = row->table;
    for (uint32_t i = 0; i < t->reference_count; i++) {
        const struct import_reference *r = &t->references[i];
        char scratch[32];
        bool null;
        if (!r->own || r->form != REFERENCE_ONE || (r->rule && r->rule->deferred) ||
            t->target->columns[r->target].nullable || !row->after)
            continue;
        struct slice id = import_text(row->after[r->source], scratch, &null);
        uint64_t ignored;
        bool itself = id.len == row->id.len && row->id.p && !memcmp(id.p, row->id.p, id.len);
        if (!null && !itself && import_resolve_id(im, r->type, id, &ignored) == IS_PENDING)
            return true;
    }
    return false;
}

int import_translate(struct import *im, struct import_row *row, struct ds_error *err)
{
    int rc = 0;
    if (waits_for_own(im, row))
        return 0;
    row->state = ROW_OPEN;
    if (row->before)
        rc = translate_image(im, row, row->before, &row->was, false, err);
    if (rc == 0 && row->after && row->state == ROW_OPEN)
        rc = translate_image(im, row, row->after, &row->values, true, err);
    if (rc == 0 && row->after && row->state == ROW_OPEN)
        rc = import_translate_documents(im, row, err);
    return rc ? rc : import_translate_encrypted(im, row, err);
}

const uint8_t *import_translated(struct import *im, const struct import_row *row, uint32_t source)
{
    const struct import_table *t = row->table;
    const uint8_t *value = row->after[source];
    for (uint32_t i = 0; i < t->reference_count; i++)
        if (t->references[i].source == source && value &&
            import_reference_counts(im, row, &t->references[i], row->after))
            return resolve(im, t, &t->references[i], row->after[source], &value) == IS_RESOLVED
                       ? value
                       : NULL;
    return value;
}

/* --- deferred ------------------------------------------------------------------------------ */

int import_refer_again(struct import *im, const struct import_row *gone, struct ds_error *err)
{
    int rc = 0;
    for (struct import_row *row = gone->entity->rows; row; row = row->next_of_entity) {
        const struct import_table *t = row->table;
        for (uint32_t i = 0; row->state == ROW_WRITTEN && i < t->reference_count && rc == 0; i++) {
            const struct import_reference *r = &t->references[i];
            char scratch[32];
            bool null;
            if (r->type != gone->table->type || r->form != REFERENCE_ONE || !row->after ||
                !row->after[r->source])
                continue;
            struct slice id = import_text(row->after[r->source], scratch, &null);
            if (!null && id.len == gone->id.len && memcmp(id.p, gone->id.p, id.len) == 0)
                rc = import_defer(im, row, r, NULL, err);
        }
    }
    return rc;
}

/* Nothing else looks at the column: no key, check, trigger or other column. */
static bool can_hold(const struct target_table *t, uint32_t column)
{
    const struct target_column *c = &t->columns[column];
    return c->class == TARGET_INT && c->width && c->nullable && !c->in_fk &&
           !target_is_indexed(t, column);
}

static int is_looked_at(struct import *im, struct import_table *t, struct ds_error *err)
{
    BUF_AUTO struct buf name = {0};
    uint64_t yes = 0;
    bool found;
    if (t->looked_at != LOOKED_AT_NOT_KNOWN)
        return 0;
    if (sql_string(&name, t->target->name, strlen(t->target->name)))
        return import_no_memory(err);
    int rc =
        db_scalar_u64(im->db, &yes, &found, err,
                      "SELECT EXISTS (SELECT * FROM information_schema.TRIGGERS WHERE "
                      "EVENT_OBJECT_SCHEMA = DATABASE() AND EVENT_OBJECT_TABLE = %s) OR EXISTS "
                      "(SELECT * FROM information_schema.CHECK_CONSTRAINTS WHERE "
                      "CONSTRAINT_SCHEMA = DATABASE() AND TABLE_NAME = %s)",
                      buf_cstr(&name), buf_cstr(&name));
    for (uint32_t i = 0; i < t->target->column_count; i++)
        yes |= t->target->columns[i].generated;
    t->looked_at = yes ? LOOKED_AT : NOT_LOOKED_AT;
    return rc;
}

/* A number in the place of NULL does not make the row longer when it is set: it stays where it is.
 */
int import_hold_places(struct import *im, struct import_table *t, struct ds_error *err)
{
    const uint8_t *zero = import_number(&im->arena, 0);
    for (struct deferred *d = im->deferred; zero && d; d = d->next) {
        struct import_row *row = d->row;
        if (!d->reference || d->held || row->table != t || row->state != ROW_NEW)
            continue;
        const uint8_t **value = &row->values[d->reference->target];
        if (!*value || **value != VALUE_BYTE_NULL || !can_hold(t->target, d->reference->target))
            continue;
        int rc = is_looked_at(im, t, err);
        if (rc || t->looked_at == LOOKED_AT)
            return rc;
        d->held = true;
        *value = zero;
    }
    return zero ? 0 : import_no_memory(err);
}

static int add_row(struct import *im, struct import_row *row, struct import_row ***rows,
                   uint32_t *count, uint32_t *cap, struct ds_error *err)
{
    row->filled_in = true;
    row->changed = arena_zalloc(&im->arena, (row->table->target->column_count + 63) / 64 * 8);
    if (LIST_ROOM(*rows, *count, *cap))
        return import_no_memory(err);
    (*rows)[(*count)++] = row;
    return row->changed ? 0 : import_no_memory(err);
}

int import_resolve_deferred(struct import *im, struct ds_error *err)
{
    struct import_row **rows = NULL;
    uint32_t count = 0, cap = 0;
    int rc = 0;
    for (struct deferred *d = im->deferred; d && rc == 0; d = d->next) {
        struct import_row *row = d->row;
        const struct import_reference *r = d->reference;
        const uint8_t *value;
        if (row->state != ROW_WRITTEN || !row->place || !row->written)
            continue;
        uint32_t target = r ? r->target : d->document->target;
        enum resolved is =
            r ? resolve(im, row->table, r, row->after[r->source], &value) : IS_RESOLVED;
        if (r && !value)
            rc = import_no_memory(err);
        if (!r)
            rc = import_rewrite_deferred(im, row, d->document, err);
        if (rc == 0 && is != IS_RESOLVED && d->held)
            value = import_null;
        else if (rc || is != IS_RESOLVED)
            continue;
        uint32_t level = NO_COLUMN;
        if (r) {
            row->values[target] = value;
            level = set_level(im, row->table, r, value, row->values);
        }
        if (!row->filled_in && import_tell(im, row, row->fresh ? CHANGE_INSERT : CHANGE_UPDATE))
            rc = import_no_memory(err);
        if (rc == 0 && !row->filled_in)
            rc = add_row(im, row, &rows, &count, &cap, err);
        if (rc == 0)
            row->changed[target / 64] |= 1ull << (target % 64);
        if (rc == 0 && level != NO_COLUMN) {
            row->changed[level / 64] |= 1ull << (level % 64);
            rc = import_note(im, row) ? import_no_memory(err) : 0;
        }
    }
    if (rc == 0)
        rc = import_update_columns(im, rows, count, err);
    free(rows);
    return rc;
}
