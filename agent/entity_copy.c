/* Entities chunk by chunk: their rows, table by table, sorted to the entities that they are of, and
 * handed out as transactions. */
#include "agent/entity_copy_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/document.h"
#include "schema/log.h"

enum { FIRST_TABLE_ID = 1, BUCKETS = 1 << 14 };

/* --- a chunk: rows by entity
 * -------------------------------------------------------------------------- */

static struct copied_id **bucket(const struct id_set *ids, struct slice value)
{
    uint64_t hash = 1469598103934665603ull;
    for (size_t i = 0; i < value.len; i++)
        hash = (hash ^ value.p[i]) * 1099511628211ull;
    return &ids->buckets[hash % BUCKETS];
}

struct copied_id *entity_find_id(const struct id_set *ids, struct slice value)
{
    struct copied_id *i = *bucket(ids, value);
    while (i && (i->value.len != value.len || memcmp(i->value.p, value.p, value.len) != 0))
        i = i->next;
    return i;
}

int entity_keep_id(struct arena *arena, struct id_set *ids, struct slice value, uint32_t root)
{
    struct copied_id *i = arena_alloc(arena, sizeof *i);
    struct copied_id **head = bucket(ids, value);
    if (!i)
        return DS_ENOMEM;
    *i = (struct copied_id){.value = value, .root = root, .next = *head, .earlier = ids->last};
    *head = ids->last = i;
    return 0;
}

int entity_open_ids(struct arena *arena, struct id_set *ids)
{
    ids->last = NULL;
    ids->buckets = arena_zalloc(arena, BUCKETS * sizeof(struct copied_id *));
    return ids->buckets ? 0 : DS_ENOMEM;
}

static struct slice raw_value(const uint8_t *raw)
{
    return (struct slice){raw, value_length(raw)};
}

static int take_row(struct copy *c, struct copied_table *t, struct slice image,
                    const uint8_t **columns, struct ds_error *err)
{
    uint8_t *kept = arena_copy(&c->arena, image.p, image.len);
    struct copied_row *row = arena_alloc(&c->arena, sizeof *row);
    if (!kept || !row ||
        image_split((struct slice){kept, image.len}, t->plan.column_count, columns))
        return entity_no_memory(err);
    bool root = t == &c->tables[0];
    struct slice link = raw_value(columns[t->link]);
    uint32_t at = 0;
    if (root) { /* in the order of the query, which need not be that of the keys */
        struct copied_id *known =
            entity_find_id(&t->ids, link); /* stock items, of several stocks */
        at = known ? known->root : c->current++;
        if (at >= ROOTS_PER_CHUNK)
            return error_set(err, DS_EFORMAT, "more roots than keys in table %s", t->name);
        c->root_keys[at] = link;
    } else {
        const struct copied_id *parent =
            entity_find_id(&(t->through ? t->through : &c->tables[0])->ids, link);
        if (!parent)
            return 0;
        at = parent->root;
    }
    if ((root || t->has_members) && t->key != UINT32_MAX &&
        !entity_find_id(&t->ids, raw_value(columns[t->key])) &&
        entity_keep_id(&c->arena, &t->ids, raw_value(columns[t->key]), at))
        return entity_no_memory(err);
    if (c->pass == FIRST && entity_note_referred(c, t, columns, at))
        return entity_no_memory(err);
    *row = (struct copied_row){.image = {kept, image.len}, .table = (uint32_t)(t - c->tables)};
    if (c->tails[at])
        c->tails[at]->next = row;
    else
        c->heads[at] = row;
    c->tails[at] = row;
    return 0;
}

struct reading {
    struct copy *c;
    struct copied_table *t;
    const uint8_t **columns;
    entity_take take;
};

static int take_image(void *arg, struct slice image, struct ds_error *err)
{
    const struct reading *r = arg;
    return r->take(r->c, r->t, image, r->columns, err);
}

static int take_rows(void *arg, const void *message, size_t len, struct ds_error *err)
{
    return table_rows_each(message, len, take_image, arg, err);
}

static int no_chunk(void *arg, uint64_t rows, struct ds_error *err)
{
    const struct reading *r = arg;
    (void)rows;
    if (r->c->o->stop_requested && r->c->o->stop_requested(r->c->o->arg))
        return error_set(err, DS_ESTOPPED, "asked to stop during the copy");
    return 0;
}

int entity_key_text(struct slice key, struct buf *out)
{
    const uint8_t *p = key.p;
    struct value v;
    if (value_read(&p, key.p + key.len, &v))
        return 0;
    return v.kind == VALUE_UINT                            ? buf_unsigned(out, v.u)
           : v.kind == VALUE_INT                           ? buf_signed(out, v.i)
           : v.kind == VALUE_TEXT || v.kind == VALUE_BYTES ? buf_append(out, v.bytes.p, v.bytes.len)
                                                           : 0;
}

/* Rows of which the column is one of the ids from *id on (which is moved); without, one of the
 * chunk's keys. By the index, and not by what the server thinks of it: after a bulk load it would
 * read the whole table for each chunk. */
static int read_rows(struct copy *c, struct copied_table *t, const char *column, const char *index,
                     const struct copied_id **id, struct reading *r, struct ds_error *err)
{
    BUF_AUTO struct buf pick = {0};
    uint64_t rows = 0;
    int rc = 0;
    if (index)
        rc =
            buf_puts(&pick, " FORCE INDEX (") | sql_identifier(&pick, index) | buf_puts(&pick, ")");
    rc |= buf_puts(&pick, " WHERE ") | entity_pick(c, t, column, id, &pick);
    if (rc == 0 && t == &c->tables[0])
        rc = entity_add_order(c, &pick);
    if (rc)
        return entity_no_memory(err);
    struct row_output out = entity_output(c, t);
    out.arg = r;
    out.put = take_rows;
    out.chunk = no_chunk;
    out.pick = buf_cstr(&pick);
    return table_rows_copy(&t->plan, &c->shared->source, &out, &rows, err);
}

int entity_read_by_ids(struct copy *c, struct copied_table *t, const char *column,
                       const char *index, const struct id_set *ids, entity_take take,
                       struct ds_error *err)
{
    struct reading r = {c, t, NULL, take};
    r.columns = arena_alloc(&c->arena, (t->plan.column_count + 1) * sizeof *r.columns);
    int rc = r.columns ? 0 : entity_no_memory(err);
    for (const struct copied_id *id = ids->last; id && rc == 0;)
        rc = read_rows(c, t, column, index, &id, &r, err);
    return rc;
}

static int read_table(struct copy *c, struct copied_table *t, struct ds_error *err)
{
    struct reading r = {c, t, NULL, take_row};
    r.columns = arena_alloc(&c->arena, (t->plan.column_count + 1) * sizeof *r.columns);
    if (!r.columns || entity_open_ids(&c->arena, &t->ids))
        return entity_no_memory(err);
    return t->through
               ? entity_read_by_ids(c, t, t->entry->link, t->index, &t->through->ids, take_row, err)
               : read_rows(c, t, t->entry->link, t->index, NULL, &r, err);
}

/* --- messages
 * ----------------------------------------------------------------------------------------- */

static int put(struct copy *c, struct ds_error *err)
{
    return c->o->put(c->o->arg, c->shared->message.data, c->shared->message.len, err);
}

int entity_put_begin(struct copy *c, struct ds_error *err)
{
    const struct msg_begin m = {.server_id = c->shared->source.server.server_id,
                                .flags = BEGIN_SNAPSHOT};
    buf_clear(&c->shared->message);
    return message_write_begin(&c->shared->message, &m) ? entity_no_memory(err) : put(c, err);
}

int entity_put_change(struct copy *c, const struct copied_table *t, enum change_op op,
                      uint32_t flags, struct slice key, struct slice image, struct ds_error *err)
{
    struct msg_change m = {.table_id = t->plan.id,
                           .op = op,
                           .flags = flags | (t->entry->stock ? CHANGE_STOCK : 0u),
                           .entity_key = key};
    *(op == CHANGE_INSERT ? &m.after : &m.before) = image;
    buf_clear(&c->shared->message);
    return message_write_change(&c->shared->message, &m) ? entity_no_memory(err) : put(c, err);
}

static int put_mark(struct copy *c, struct slice key, struct ds_error *err)
{
    BUF_AUTO struct buf image = {0};
    const struct copied_table *t = &c->tables[0];
    int rc = image_write_head(&image, t->plan.column_count);
    for (uint32_t i = 0; i < t->plan.column_count && rc == 0; i++)
        rc = i == t->link ? buf_append(&image, key.p, key.len) : value_write_absent(&image);
    return rc ? entity_no_memory(err)
              : entity_put_change(c, t, CHANGE_DELETE, CHANGE_COPIED, key,
                                  (struct slice){image.data, image.len}, err);
}

static int put_commit_at(struct copy *c, const struct position *at, struct ds_error *err)
{
    BUF_AUTO struct buf gtids = {0};
    if (gtid_set_print(&at->gtid, &gtids))
        return entity_no_memory(err);
    const struct msg_commit m = {
        .server_id = c->shared->source.server.server_id,
        .gtid_set = {gtids.data, gtids.len},
        .file = {(const uint8_t *)at->file.file, strlen(at->file.file)},
        .pos = at->file.pos,
    };
    buf_clear(&c->shared->message);
    if (message_write_commit(&c->shared->message, &m))
        return entity_no_memory(err);
    int rc = put(c, err);
    return rc ? rc : c->o->mark(c->o->arg, at, err);
}

static const struct position *copy_position(const struct copy *c)
{
    c->shared->at.file.pos = c->shared->number;
    return &c->shared->at;
}

int entity_put_commit(struct copy *c, struct ds_error *err)
{
    c->shared->number++;
    const struct position *at = copy_position(c);
    return put_commit_at(c, at, err);
}

/* Of what has come once, some tables. */
static bool comes_again(enum pass pass)
{
    return pass == REFERRING || pass == DEFERRED;
}

/* One entity of the chunk. What has come once is not all that the entity has when it comes again.
 */
static int put_entity(struct copy *c, uint32_t at, enum pass pass, struct ds_error *err)
{
    const struct copied_row *row = c->heads[at];
    struct slice key = c->root_keys[at];
    while (comes_again(pass) && row && !c->tables[row->table].again)
        row = row->next;
    if (!row)
        return 0;
    int rc = entity_put_begin(c, err);
    if (rc == 0 && pass == FIRST)
        rc = put_mark(c, key, err);
    for (; row && rc == 0; row = row->next) {
        const struct copied_table *t = &c->tables[row->table];
        if (!comes_again(pass) || t->again)
            rc = entity_put_change(c, t, CHANGE_INSERT, t->flags, key, row->image, err);
    }
    return rc ? rc : entity_put_commit(c, err);
}

int entity_put_named(struct copy *c, const struct copied_table *t, struct slice key,
                     struct slice image, struct ds_error *err)
{
    return entity_put_change(c, t, CHANGE_INSERT, t->flags, key, image, err);
}

static int copy_chunk(struct copy *c, enum pass pass, struct ds_error *err)
{
    arena_reset(&c->arena, 8 << 20);
    memset(c->heads, 0, sizeof c->heads);
    memset(c->tails, 0, sizeof c->tails);
    c->current = 0;
    c->pass = pass;
    int rc = 0;
    for (uint32_t i = 0; i < c->referred_count; i++)
        c->referred[i].ids = (struct id_set){0};
    for (uint32_t i = 0; pass == FIRST && i < c->brought_count && rc == 0; i++)
        rc = entity_open_ids(&c->arena, &c->brought[i].ids) ? entity_no_memory(err) : 0;
    for (uint32_t i = 0; i < c->table_count && rc == 0; i++) {
        struct copied_table *t = &c->tables[i];
        if (!comes_again(pass) || i == 0 || t->again || t->leads)
            rc = read_table(c, t, err);
    }
    uint32_t count = c->current < c->left ? c->current : (uint32_t)c->left;
    rc = rc || pass != FIRST ? rc : entity_put_referred(c, err);
    rc = rc || pass != FIRST ? rc : entity_put_brought(c, count, err);
    for (uint32_t i = 0; i < count && rc == 0; i++, c->left--)
        rc = put_entity(c, i, pass, err);
    return rc;
}

static int copy_rows(struct copy *c, enum pass pass, struct ds_error *err)
{
    const bool counted = filter_imports(c->o->filter, c->entity) && !c->along && !c->naming;
    const uint64_t limit = counted ? c->o->selection.limit : 0;
    int rc = 0;
    c->left = limit ? limit : UINT64_MAX;
    for (c->first = 0; c->first < c->key_count && c->left && rc == 0; c->first = c->end) {
        c->end = c->first + ROOTS_PER_CHUNK;
        c->end = c->end < c->key_count ? c->end : c->key_count;
        rc = copy_chunk(c, pass, err);
        if (pass == FIRST && c->o->progress && !c->along)
            c->o->progress(c->o->arg, c->entity->name, c->shared->number,
                           c->shared->number + c->key_count - c->end + c->shared->to_come);
    }
    return rc;
}

int entity_open_kind(struct copy *c, const struct catalogue_entity *e, enum pass pass,
                     struct ds_error *err)
{
    int rc = 0;
    c->entity = e;
    c->pass = pass;
    c->tables = calloc(e->table_count + 1, sizeof *c->tables);
    if (!c->tables)
        return entity_no_memory(err);
    for (size_t i = 0; i < e->table_count && rc == 0; i++)
        if (i == 0 || c->table_count)
            rc = entity_open_table(c, &e->tables[i], err);
    if (rc == 0 && !c->table_count && entity_is_asked_for(c, e))
        log_debug("the source has no table %s: nothing to copy of entity %s", e->tables[0].table,
                  e->name);
    if (rc == 0 && c->table_count && entity_is_asked_for(c, e))
        rc = entity_open_referred(c, err);
    return rc;
}

int entity_copy_roots(struct copy *c, enum pass pass, struct ds_error *err)
{
    bool again = false;
    int rc = copy_rows(c, pass, err);
    for (uint32_t i = 0; i < c->table_count; i++)
        again |= c->tables[i].again && pass == FIRST;
    return rc == 0 && again ? copy_rows(c, REFERRING, err) : rc;
}

static int copy_kind(struct copy *c, const struct catalogue_entity *e, enum pass pass,
                     struct ds_error *err)
{
    int rc = entity_open_kind(c, e, pass, err);
    if (rc == 0 && c->table_count)
        rc = entity_read_roots(c, entity_is_asked_for(c, e), err);
    rc = rc ? rc : entity_copy_roots(c, pass, err);
    entity_close_kind(c);
    return rc;
}

static bool names_later(const struct copy *c, const struct document_format *f,
                        const struct catalogue_entity *e)
{
    const struct document_target *target;
    for (size_t i = 0; (target = document_names(f, i)); i++) {
        const struct catalogue_entity *to = catalogue_find(c->o->catalogue, target->entity);
        if (to && entity_is_asked_for(c, to) && entity_is_later(c, to, e))
            return true;
    }
    return false;
}

/* Do its texts name products, categories …, which come later? Attributes that hold such are of
 * products, too, which are many, and behind all but their own kind. */
static bool has_texts(const struct copy *c, const struct catalogue_entity *e)
{
    for (size_t i = 0; i < document_format_count(); i++) {
        const struct document_format *f = document_format_at(i);
        for (size_t k = 0; k < e->table_count; k++)
            if ((f->form == DOCUMENT_TEXT || f->form == DOCUMENT_LAYOUT) &&
                strcmp(f->table, e->tables[k].table) == 0 &&
                (!(f->attribute || f->marker) || names_later(c, f, e)))
                return true;
    }
    return false;
}

/* Which of its rows come once more when all kinds have come? FIRST: none. */
static enum pass last_pass(const struct copy *c, const struct catalogue_entity *e, size_t kinds)
{
    if (!entity_is_asked_for(c, e))
        return FIRST;
    return kinds > 1 && has_texts(c, e)      ? TEXTS
           : entity_refers_later(c, e, NULL) ? DEFERRED
                                             : FIRST;
}

bool entity_selection_takes_some(const struct entity_selection *s)
{
    return s->listed || s->id_count || s->increment_id_count || s->date_from || s->date_to ||
           s->limit;
}

/* What an import maps by code or name, to be found, or made where it is missing. */
static int name_kind(struct copy *c, const struct catalogue_entity *e, struct ds_error *err)
{
    c->naming = e;
    int rc = copy_kind(c, e, FIRST, err);
    c->naming = NULL;
    return rc;
}

static int tell_kind(const struct copy *c, const struct catalogue_entity *e, struct ds_error *err)
{
    const struct position *at = copy_position(c);
    return c->o->kind_done && entity_listed(c, e) ? c->o->kind_done(c->o->arg, e, at, err) : 0;
}

static int copy_kinds(struct copy *c, const bool *needed, struct ds_error *err)
{
    const struct catalogue *all = c->o->catalogue;
    size_t count = catalogue_count(all), kinds = 0;
    bool references = c->o->selection.references;
    int rc = 0;
    for (size_t i = 0; i < count; i++)
        kinds += !references && entity_is_asked_for(c, catalogue_at(all, i));
    for (size_t i = 0; i < count && rc == 0; i++) {
        const struct catalogue_entity *e = catalogue_at(all, i);
        bool asked = entity_is_asked_for(c, e);
        if (needed[i] && asked && kinds > 1 && entity_selection_takes_some(&c->o->selection) &&
            filter_maps(e))
            rc = name_kind(c, e, err);
        if (rc == 0 && needed[i] && (asked ? !references : filter_maps(e)))
            rc = copy_kind(c, e, FIRST, err);
        if (rc == 0 && (references || last_pass(c, e, kinds) == FIRST))
            rc = tell_kind(c, e, err);
    }
    for (size_t i = 0; i < count && rc == 0 && !references; i++) {
        const struct catalogue_entity *e = catalogue_at(all, i);
        enum pass pass = last_pass(c, e, kinds);
        if (!needed[i] || pass == FIRST)
            continue;
        rc = copy_kind(c, e, pass, err);
        rc = rc ? rc : tell_kind(c, e, err);
    }
    return rc;
}

static void add_needed(const struct copy *c, const struct catalogue_entity *e, bool *needed)
{
    filter_add_scope(c->o->filter, e, needed);
    for (size_t i = 0; i < e->reference_count; i++)
        if (entity_brings(c, &e->references[i]))
            add_needed(c, catalogue_find(c->o->catalogue, e->references[i].entity), needed);
}

/* What is asked for, what comes along, and what these map to. */
void entity_set_needed(const struct copy *c, bool *needed)
{
    const struct catalogue *all = c->o->catalogue;
    for (size_t i = 0; i < catalogue_count(all); i++)
        if (entity_is_asked_for(c, catalogue_at(all, i)))
            add_needed(c, catalogue_at(all, i), needed);
    for (size_t i = 0; i < catalogue_count(all); i++)
        if (entity_is_asked_for(c, catalogue_at(all, i)))
            filter_add_recognised(c->o->filter, catalogue_at(all, i), needed);
}

uint32_t entity_copy_number(const struct position *p)
{
    return position_of_copy(p)
               ? (uint32_t)strtoul(p->file.file + sizeof POSITION_COPY_FILE - 1, NULL, 10)
               : 0;
}

static int copy_all(struct copy *c, struct position *end, struct ds_error *err)
{
    const struct entity_copy_options *o = c->o;
    const struct snapshot_options snapshot = {
        .config = o->config, .arg = o->arg, .stop_requested = o->stop_requested};
    struct position at = {0};
    bool *needed = calloc(catalogue_count(o->catalogue) + 1, sizeof *needed);
    if (!needed)
        return entity_no_memory(err);
    int rc = source_open(&c->shared->source, o->config, err);
    rc = rc ? rc : entity_look_at_kinds(c, c->shared->source.db, err);
    if (rc == 0) {
        entity_set_needed(c, needed);
        rc = entity_ask_needed(c, needed, err);
    }
    if (rc == 0) /* where no stream follows, no position is needed, and so no binlog */
        rc = o->follows ? source_begin(&c->shared->source, &snapshot, &at, err)
                        : source_begin_alone(&c->shared->source, err);
    rc = rc ? rc : entity_tell_absent_numbers(c, err);
    rc = rc ? rc : entity_put_gone(c, err);
    rc = rc ? rc : copy_kinds(c, needed, err);
    if (rc == 0) /* moves the position even if there is nothing */
        rc = o->follows ? put_commit_at(c, &at, err) : entity_put_commit(c, err);
    const struct position *last = copy_position(c);
    if (rc == 0 && position_copy(end, o->follows ? &at : last))
        rc = entity_no_memory(err);
    position_free(&at);
    free(needed);
    return rc;
}

int entity_copy(const struct entity_copy_options *o, struct position *end, struct ds_error *err)
{
    struct copy_shared shared = {.next_table_id = FIRST_TABLE_ID};
    struct copy *c = calloc(1, sizeof *c);
    memset(end, 0, sizeof *end);
    if (!c)
        return entity_no_memory(err);
    c->o = o;
    c->shared = &shared;
    snprintf(shared.at.file.file, sizeof shared.at.file.file, POSITION_COPY_FILE "%06u", o->number);
    int rc = copy_all(c, end, err);
    source_close(&shared.source);
    arena_free(&c->arena);
    arena_free(&c->reading);
    buf_free(&shared.message);
    free(shared.kinds);
    free(c);
    return rc;
}
