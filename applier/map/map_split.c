#include "applier/map/map_split.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "applier/map/map_own.h"
#include "applier/map/map_row.h"
#include "applier/map/map_value.h"
#include "schema/list.h"

struct split_row {
    struct slice image, key;   /* key: empty, the table has none */
    struct split_row *partner; /* what it becomes, or was; NULL: nothing */
};

struct split_rows {
    struct split_row *items;
    size_t count, capacity;
    size_t first; /* of the record in hand */
};

struct output { /* a document of the destination */
    const char *document;
    const struct target_table *target;
    uint64_t version;
    bool itself; /* the row itself goes there */
    bool leads;  /* the row itself refers to its rows by a foreign key, not the other way round */
    struct msg_table table;
    struct split_rows rows[2]; /* by enum map_split_side */
};

struct map_split {
    const struct handler *whose;
    const struct ds_step *step; /* NULL: of handlers */
    struct output *outputs;
    uint32_t count;
    enum map_split_side side; /* that is filled */
    struct arena kept, arena;
};

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for the rows of a step");
}

/* --- made ------------------------------------------------------------------------------------ */

static int open_output(struct map_split *s, const struct map_split_options *o, const char *document,
                       struct ds_error *err)
{
    char name[300];
    int len = snprintf(name, sizeof name, "%s%s", o->target_prefix, document);
    const struct target_table *t = target_find(o->target, name, (size_t)len);
    struct output *x = &s->outputs[s->count];
    if (!t || !t->exists)
        return error_set(err, DS_EUSAGE,
                         "%s%s%.*s writes rows of %s, which the destination does not have: make it "
                         "there",
                         o->step ? "step " : "a handler of ", o->step ? o->step : "",
                         o->step ? 0 : (int)o->like->name.len, (const char *)o->like->name.p, name);
    *x = (struct output){
        .document = document, .target = t, .version = t->version, .itself = t == o->leads_to};
    for (uint32_t i = 0; o->leads_to && i < o->leads_to->fk_count; i++)
        x->leads |= o->leads_to->fks[i].parent == t;
    if (map_row_describe(t, o->like, &s->kept, &x->table))
        return no_memory(err);
    x->table.id = o->first_id + s->count++;
    return 0;
}

static const char *document_at(const struct map_split *s, const struct map_split_options *o,
                               uint32_t i)
{
    return s->step ? s->step->destination[i] : map_row_writes(o->row, i);
}

int map_split_new(struct map_split **out, const struct map_split_options *o, struct ds_error *err)
{
    const char *document;
    uint32_t count = 0;
    *out = NULL;
    struct map_split *s = calloc(1, sizeof *s);
    if (!s)
        return no_memory(err);
    s->step = o->step ? handlers_step(o->own, o->step, &s->whose) : NULL;
    if (o->step && !s->step) {
        free(s);
        return error_set(err, DS_EUSAGE, "no file of `handlers:` has the step %s any more",
                         o->step);
    }
    while (document_at(s, o, count))
        count++;
    s->outputs = arena_zalloc(&s->kept, (count + 1) * sizeof *s->outputs);
    int rc = s->outputs ? 0 : no_memory(err);
    for (uint32_t i = 0; rc == 0 && (document = document_at(s, o, i)); i++)
        rc = open_output(s, o, document, err);
    if (rc)
        map_split_free(s);
    else
        *out = s;
    return rc;
}

void map_split_free(struct map_split *s)
{
    if (!s)
        return;
    for (uint32_t i = 0; s->outputs && i < s->count; i++)
        for (int side = 0; side < 2; side++)
            free(s->outputs[i].rows[side].items);
    arena_free(&s->kept);
    arena_free(&s->arena);
    free(s);
}

bool map_split_is_current(const struct map_split *s)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (!s->outputs[i].target->exists || s->outputs[i].target->version != s->outputs[i].version)
            return false;
    return true;
}

uint32_t map_split_count(const struct map_split *s)
{
    return s->count;
}

const struct msg_table *map_split_table(const struct map_split *s, uint32_t i)
{
    return &s->outputs[i].table;
}

/* --- rows are added -------------------------------------------------------------------------- */

void map_split_clear(struct map_split *s)
{
    for (uint32_t i = 0; i < s->count; i++)
        for (int side = 0; side < 2; side++)
            s->outputs[i].rows[side].count = 0;
    arena_reset(&s->arena, 1 << 16);
}

void map_split_begin(struct map_split *s, enum map_split_side side)
{
    s->side = side;
    for (uint32_t i = 0; i < s->count; i++)
        s->outputs[i].rows[side].first = s->outputs[i].rows[side].count;
}

bool map_split_is_step(const struct map_split *s)
{
    return s->step != NULL;
}

static struct output *find_output(const struct map_split *s, const char *document)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (strcmp(s->outputs[i].document, document) == 0)
            return &s->outputs[i];
    return NULL;
}

static bool same(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

static int refuse(struct ds_error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int refuse(struct ds_error *err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int rc = error_vset(err, DS_ECONFLICT, fmt, ap);
    va_end(ap);
    return rc;
}

static int find_field(const struct output *x, const char *field, uint32_t *at, struct ds_error *err)
{
    int found = target_column_ordinal(x->target, field);
    if (found < 0 || x->target->columns[found].generated)
        return refuse(err, "%s has no field %s that could be written", x->document, field);
    *at = (uint32_t)found;
    return 0;
}

/* Raw values of the key, in a row. */
static int take_key(struct map_split *s, const struct output *x, struct split_row *row,
                    struct ds_error *err)
{
    const struct target_key *key = x->target->row_key;
    BUF_AUTO struct buf bytes = {0};
    const uint8_t **values = arena_alloc(&s->arena, (x->target->column_count + 1) * sizeof *values);
    int rc = values ? image_split(row->image, x->target->column_count, values) : DS_ENOMEM;
    for (uint32_t i = 0; key && rc == 0 && i < key->count; i++) {
        const uint8_t *raw = values[key->columns[i]];
        if (*raw == VALUE_BYTE_ABSENT)
            return refuse(err,
                          "a row of %s comes without %s, which is of the key by which it is found "
                          "again",
                          x->document, x->target->columns[key->columns[i]].name);
        rc = buf_append(&bytes, raw, value_length(raw));
    }
    row->key = (struct slice){arena_copy(&s->arena, bytes.data, bytes.len), bytes.len};
    return rc || (bytes.len && !row->key.p) ? no_memory(err) : 0;
}

static int take_image(struct map_split *s, const struct output *x, const struct map_value *values,
                      struct split_row *row, struct ds_error *err)
{
    BUF_AUTO struct buf image = {0};
    const char *why = NULL;
    int rc = image_write_head(&image, x->target->column_count);
    for (uint32_t i = 0; rc == 0 && i < x->target->column_count; i++) {
        const struct target_column *c = &x->target->columns[i];
        if (!map_value_write(&values[i], c, &image, &why) && why)
            return refuse(err, "the value for %s.%s is not %s (%s)", x->document, c->name, why,
                          c->type_text);
    }
    row->image = (struct slice){arena_copy(&s->arena, image.data, image.len), image.len};
    return rc || !row->image.p ? no_memory(err) : 0;
}

/* `values`: by column of the output. *twice: the record has given a row with that key already. */
static int add_row(struct map_split *s, struct output *x, const struct map_value *values,
                   bool *twice, struct ds_error *err)
{
    struct split_rows *rows = &x->rows[s->side];
    struct split_row row = {0};
    *twice = false;
    if (LIST_ROOM(rows->items, rows->count, rows->capacity))
        return no_memory(err);
    int rc = take_image(s, x, values, &row, err);
    rc = rc ? rc : take_key(s, x, &row, err);
    for (size_t i = rows->first; rc == 0 && row.key.len && i < rows->count; i++)
        *twice |= same(rows->items[i].key, row.key);
    if (rc == 0 && !*twice)
        rows->items[rows->count++] = row;
    return rc;
}

/* --- by a step --- */

static int add_given(struct map_split *s, struct output *x, const char *const *fields,
                     const struct ds_value *values, size_t count, struct ds_error *err)
{
    struct map_value *all = arena_zalloc(&s->arena, (x->target->column_count + 1) * sizeof *all);
    bool twice = false;
    uint32_t at = 0;
    int rc = all ? 0 : no_memory(err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = find_field(x, fields[i], &at, err);
        if (rc == 0 && map_own_value(&values[i], &s->arena, &all[at]))
            rc = no_memory(err);
    }
    rc = rc ? rc : add_row(s, x, all, &twice, err);
    return rc == 0 && twice ? refuse(err, "two rows of %s have the same key", x->document) : rc;
}

int handler_emit(struct ds_call *call, const char *document, const char *const *fields,
                 const struct ds_value *values, size_t count)
{
    struct map_split *s = call->split;
    struct output *x = s ? find_output(s, document) : NULL;
    struct ds_error err = {0};
    if (!x)
        return handler_api.reason(call,
                                  s ? "%s is no document of the step's at the destination"
                                    : "rows of %s can be given by rows() of a step alone",
                                  document);
    if (x->itself)
        return handler_api.reason(call,
                                  "the rules lead the row itself to %s: rows() gives those of "
                                  "other documents, or of all where the step's map ignores its "
                                  "document",
                                  document);
    return add_given(s, x, fields, values, count, &err)
               ? handler_api.reason(call, "%s", err.message)
               : 0;
}

int map_split_add(struct map_split *s, enum map_split_side side, const struct map_record *record,
                  struct ds_error *err)
{
    const struct ds_record row = {*record};
    struct ds_call call = {.handler = s->whose, .arena = &s->arena, .split = s};
    map_split_begin(s, side);
    const int result = s->step->rows(s->whose->state, &call, s->step, record->table->name, &row);
    if (result == DS_HANDLER_OK && !call.has_reason) /* of a row that emit() has refused */
        return 0;
    return error_set(err, DS_ECONFLICT, "%s: %s (step %s)", record->table->name,
                     call.has_reason ? call.reason : "rows() fails without a reason",
                     s->step->name);
}

/* --- by a handler --- */

int map_split_emit(struct map_split *s, const struct map_output *output, struct ds_error *err)
{
    struct output *x = find_output(s, output->table);
    bool twice;
    int rc = 0;
    if (!x)
        return refuse(err, "rows of %s cannot be written from here", output->table);
    for (size_t r = 0; rc == 0 && r < output->row_count; r++) {
        struct map_value *all =
            arena_zalloc(&s->arena, (x->target->column_count + 1) * sizeof *all);
        rc = all ? 0 : no_memory(err);
        for (size_t i = 0; rc == 0 && i < output->field_count; i++) {
            uint32_t at = 0;
            rc = find_field(x, output->fields[i], &at, err);
            if (rc == 0)
                all[at] = output->values[r * output->field_count + i];
        }
        rc = rc ? rc : add_row(s, x, all, &twice, err);
    }
    return rc;
}

/* --- what a change comes to ------------------------------------------------------------------ */

/* Do both leave the same columns to their defaults? Else the one cannot become the other by an
 * update. */
static bool same_columns(const struct output *x, struct slice a, struct slice b)
{
    const uint8_t *p = a.p, *q = b.p;
    uint32_t n;
    if (array_read_head(&p, a.p + a.len, &n) || array_read_head(&q, b.p + b.len, &n))
        return false;
    for (uint32_t i = 0; i < x->target->column_count; i++) {
        if ((*p == VALUE_BYTE_ABSENT) != (*q == VALUE_BYTE_ABSENT))
            return false;
        p += value_length(p);
        q += value_length(q);
    }
    return true;
}

static void pair(struct output *x)
{
    struct split_rows *before = &x->rows[SPLIT_BEFORE], *after = &x->rows[SPLIT_AFTER];
    for (size_t i = 0; i < before->count; i++) {
        struct split_row *b = &before->items[i];
        for (size_t k = 0; !b->partner && k < after->count; k++) {
            struct split_row *a = &after->items[k];
            bool fits = b->key.len ? same(a->key, b->key) && same_columns(x, a->image, b->image)
                                   : same(a->image, b->image);
            if (!a->partner && fits) {
                a->partner = b;
                b->partner = a;
            }
        }
    }
}

static int write_change(const struct output *x, enum change_op op, uint32_t flags,
                        const struct split_row *before, const struct split_row *after,
                        struct buf *out)
{
    const struct msg_change c = {.table_id = x->table.id,
                                 .op = op,
                                 .flags = flags,
                                 .before = before ? before->image : (struct slice){0},
                                 .after = after ? after->image : (struct slice){0}};
    return message_write_change(out, &c);
}

static int write_deletes(const struct output *x, uint32_t flags, struct buf *out)
{
    const struct split_rows *rows = &x->rows[SPLIT_BEFORE];
    int rc = 0;
    for (size_t k = 0; rc == 0 && k < rows->count; k++)
        if (!rows->items[k].partner)
            rc = write_change(x, CHANGE_DELETE, flags, &rows->items[k], NULL, out);
    return rc;
}

static int write_writes(const struct output *x, uint32_t flags, struct buf *out)
{
    const struct split_rows *rows = &x->rows[SPLIT_AFTER];
    int rc = 0;
    for (size_t k = 0; rc == 0 && k < rows->count; k++) {
        const struct split_row *row = &rows->items[k], *was = row->partner;
        if (!was || !same(was->image, row->image))
            rc = write_change(x, was ? CHANGE_UPDATE : CHANGE_INSERT, flags, was, row, out);
    }
    return rc;
}

int map_split_before(struct map_split *s, uint32_t flags, struct buf *out)
{
    int rc = 0;
    for (uint32_t i = s->count; rc == 0 && i-- > 0;) {
        pair(&s->outputs[i]);
        rc = s->outputs[i].leads ? 0 : write_deletes(&s->outputs[i], flags, out);
    }
    for (uint32_t i = 0; rc == 0 && i < s->count; i++)
        rc = s->outputs[i].leads ? write_writes(&s->outputs[i], flags, out) : 0;
    return rc;
}

int map_split_after(struct map_split *s, uint32_t flags, struct buf *out)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < s->count; i++)
        rc = s->outputs[i].leads ? 0 : write_writes(&s->outputs[i], flags, out);
    for (uint32_t i = s->count; rc == 0 && i-- > 0;)
        rc = s->outputs[i].leads ? write_deletes(&s->outputs[i], flags, out) : 0;
    return rc;
}

uint64_t map_split_rows(const struct map_split *s, uint32_t i)
{
    return s->outputs[i].rows[SPLIT_AFTER].count;
}

int map_split_images(const struct map_split *s, uint32_t i, struct buf *out, uint32_t *count)
{
    const struct split_rows *rows = &s->outputs[i].rows[SPLIT_AFTER];
    *count = (uint32_t)rows->count;
    int rc = image_write_head(out, *count);
    for (size_t k = 0; rc == 0 && k < rows->count; k++)
        rc = buf_append(out, rows->items[k].image.p, rows->items[k].image.len);
    return rc;
}
