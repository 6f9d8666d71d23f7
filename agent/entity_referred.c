/* What rows of the kind in hand refer to in kinds that nobody has asked for, by columns and by ids
 * inside longer values (schema/document.h). An import recognises it at the destination: a root by
 * its natural key, rows of its other tables by their identity below it.
 *
 * Of each such kind copy.referred has the root's table, behind it those of whose rows columns and
 * values hold ids, and those by which any of these rows are told (titles, attributes). Of a chunk
 * come the rows that it names, with what they hang on, and no others: all roots, then what is below
 * them.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/entity_copy_internal.h"
#include "schema/document.h"

/* --- kinds
 * ---------------------------------------------------------------------------------------- */

static const struct catalogue_table *table_of(const struct catalogue_entity *e, const char *name)
{
    for (size_t i = 0; i < e->table_count; i++)
        if (strcmp(e->tables[i].table, name) == 0)
            return &e->tables[i];
    return NULL;
}

static bool are_columns(const struct catalogue_part *parts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!parts[i].column)
            return false;
    return count > 0;
}

/* What rows of the table are told by. */
static const struct catalogue_part *parts_of(const struct catalogue_entity *e,
                                             const struct catalogue_table *entry, size_t *count)
{
    bool root = entry == &e->tables[0];
    *count = root ? e->natural_key_count : entry->part_count;
    return root ? e->natural_key : entry->parts;
}

static bool is_recognised(const struct copy *c, const struct catalogue_entity *from,
                          const struct catalogue_entity *e)
{
    const struct entity_selection *s = &c->o->selection;
    bool some =
        s->listed || s->id_count || s->increment_id_count || s->date_from || s->date_to || s->limit;
    bool whole = entity_is_asked_for(c, e) && !some;
    return e != from && e->kind == KIND_DATA && !filter_maps(e) && !whole &&
           are_columns(e->natural_key, e->natural_key_count);
}

/* NULL: the reference leads to no such kind. */
static const struct catalogue_entity *referred_kind(const struct copy *c,
                                                    const struct catalogue_entity *from,
                                                    const struct catalogue_reference *r)
{
    const struct catalogue_entity *e = catalogue_find(c->o->catalogue, r->entity);
    bool plain = !r->by && !r->deferred && r->form != REFERENCE_PATH && !r->input;
    return plain && e && is_recognised(c, from, e) && !entity_brings(c, r) ? e : NULL;
}

/* The table of the kind whose key the reference holds. */
static const struct catalogue_table *named_table(const struct catalogue_entity *e,
                                                 const struct catalogue_reference *r)
{
    return r->to ? table_of(e, r->to) : &e->tables[0];
}

int entity_each_referred(const struct copy *c, const struct catalogue_entity *from,
                         int (*tell)(void *arg, const struct catalogue_entity *e,
                                     const struct catalogue_table *entry, struct ds_error *err),
                         void *arg, struct ds_error *err)
{
    int rc = 0;
    for (size_t i = 0; i < from->reference_count && rc == 0; i++) {
        const struct catalogue_reference *r = &from->references[i];
        const struct catalogue_entity *e = referred_kind(c, from, r);
        rc = e ? tell(arg, e, &e->tables[0], err) : 0;
        rc = rc || !e || !r->to ? rc : tell(arg, e, named_table(e, r), err);
    }
    for (size_t i = 0; i < document_format_count() && rc == 0; i++) {
        const struct document_format *f = document_format_at(i);
        const struct document_target *target;
        for (size_t k = 0; table_of(from, f->table) && (target = document_names(f, k)); k++) {
            const struct catalogue_entity *e = catalogue_find(c->o->catalogue, target->entity);
            const struct catalogue_table *entry = e ? table_of(e, target->table) : NULL;
            if (rc || !entry || !is_recognised(c, from, e))
                continue;
            rc = tell(arg, e, &e->tables[0], err);
            rc = rc ? rc : tell(arg, e, entry, err);
        }
    }
    return rc;
}

static struct copied_table *find_table(struct copy *c, const struct catalogue_table *entry)
{
    for (uint32_t i = 0; i < c->referred_count; i++)
        if (c->referred[i].entry == entry)
            return &c->referred[i];
    return NULL;
}

static int open_table(struct copy *c, const struct catalogue_entity *e,
                      const struct catalogue_table *entry, struct ds_error *err)
{
    struct copied_table *t = &c->referred[c->referred_count];
    const struct catalogue_table *parent = entry->through ? table_of(e, entry->through) : e->tables;
    bool exists = false;
    if (find_table(c, entry))
        return 0;
    *t = (struct copied_table){.entity = e, .entry = entry};
    if (entry != &e->tables[0] && !(t->through = find_table(c, parent)))
        return 0; /* the source has not got it */
    int rc = entity_open_referred_table(c, t, &exists, err);
    c->referred_count += rc == 0 && exists;
    return rc;
}

static bool has_attribute(const struct catalogue_part *parts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (parts[i].attribute)
            return true;
    return false;
}

static int open_telling(struct copy *c, const struct catalogue_entity *e,
                        const struct catalogue_table *entry, struct ds_error *err)
{
    int rc = open_table(c, e, entry, err);
    struct copied_table *t = rc ? NULL : find_table(c, entry);
    if (t)
        t->tells = true;
    return rc;
}

/* ENTRY_varchar and its like. */
static bool holds_attributes_of(const struct catalogue_table *values,
                                const struct catalogue_table *entry)
{
    size_t len = strlen(entry->table);
    return values->through && strcmp(values->through, entry->table) == 0 &&
           strncmp(values->table, entry->table, len) == 0 && values->table[len] == '_';
}

/* A table of which ids are named, with those that lead to it, and those that its rows are told by.
 */
static int open_named(struct copy *c, const struct catalogue_entity *e,
                      const struct catalogue_table *entry, struct ds_error *err)
{
    size_t count;
    const struct catalogue_part *parts = parts_of(e, entry, &count);
    int rc = entry->through ? open_named(c, e, table_of(e, entry->through), err) : 0;
    rc = rc || !count ? rc : open_table(c, e, entry, err);
    for (size_t i = 0; i < count && rc == 0 && find_table(c, entry); i++)
        rc = parts[i].table ? open_telling(c, e, table_of(e, parts[i].table), err) : 0;
    bool values = has_attribute(parts, count) && find_table(c, entry);
    for (size_t i = 0; values && i < e->table_count && rc == 0; i++)
        rc = holds_attributes_of(&e->tables[i], entry) ? open_telling(c, e, &e->tables[i], err) : 0;
    return rc;
}

static const struct document_format *format_of(const struct copied_table *t, uint32_t column)
{
    const struct slice *name = &t->plan.described[column].name;
    for (size_t i = 0; i < document_format_count(); i++) {
        const struct document_format *f = document_format_at(i);
        if (strcmp(f->table, t->entry->table) == 0 && strlen(f->column) == name->len &&
            memcmp(f->column, name->p, name->len) == 0)
            return f;
    }
    return NULL;
}

/* What one column's values may name. */
static int open_by_format(struct copy *c, const struct document_format *f, struct ds_error *err)
{
    const struct document_target *target;
    int rc = 0;
    for (size_t i = 0; rc == 0 && (target = document_names(f, i)); i++) {
        const struct catalogue_entity *e = catalogue_find(c->o->catalogue, target->entity);
        const struct catalogue_table *entry = e ? table_of(e, target->table) : NULL;
        if (!entry || !is_recognised(c, c->entity, e))
            continue;
        rc = open_named(c, e, &e->tables[0], err);
        rc = rc ? rc : open_named(c, e, entry, err);
    }
    return rc;
}

static int open_all(struct copy *c, struct ds_error *err)
{
    size_t room = 1;
    for (size_t i = 0; i < catalogue_count(c->o->catalogue); i++)
        room += catalogue_at(c->o->catalogue, i)->table_count;
    c->referred = calloc(room, sizeof *c->referred);
    if (!c->referred)
        return entity_no_memory(err);
    int rc = 0;
    for (size_t i = 0; i < c->entity->reference_count && rc == 0; i++) {
        const struct catalogue_reference *r = &c->entity->references[i];
        const struct catalogue_entity *e = referred_kind(c, c->entity, r);
        rc = e ? open_named(c, e, &e->tables[0], err) : 0;
        rc = rc || !e ? rc : open_named(c, e, named_table(e, r), err);
    }
    for (uint32_t i = 0; i < c->table_count && rc == 0; i++)
        for (uint32_t k = 0; k < c->tables[i].plan.column_count && rc == 0; k++) {
            const struct document_format *f = format_of(&c->tables[i], k);
            rc = f ? open_by_format(c, f, err) : 0;
        }
    return rc;
}

/* --- where rows name what
 * ---------------------------------------------------------------------------------------- */

/* Its own number of something says nothing to the catalogue: then all rows are looked at. */
static bool is_reference(const struct catalogue_entity *e, const char *table, const char *column)
{
    for (size_t i = 0; column && i < e->reference_count; i++)
        if (strcmp(e->references[i].table, table) == 0 &&
            strcmp(e->references[i].column, column) == 0)
            return true;
    return false;
}

/* Ids of attributes that have the value in the column, of whatever kind: at worst something is
 * looked up for nothing. In the table's arena. */
static int read_attributes(struct copy *c, struct copied_table *t, const char *column,
                           const char *value, const char *const **out, struct ds_error *err)
{
    const char *prefix = c->o->config->source.prefix ? c->o->config->source.prefix : "";
    BUF_AUTO struct buf literal = {0};
    if (sql_string(&literal, value, strlen(value)))
        return entity_no_memory(err);
    MYSQL_RES *rows = db_select(c->shared->source.db, err,
                                "SELECT attribute_id FROM `%seav_attribute` WHERE %s = %s", prefix,
                                column, buf_cstr(&literal));
    if (!rows)
        return err->code;
    const char **ids = arena_zalloc(&t->plan.arena, (mysql_num_rows(rows) + 1) * sizeof *ids);
    int rc = ids ? 0 : DS_ENOMEM;
    MYSQL_ROW row;
    for (size_t n = 0; rc == 0 && (row = mysql_fetch_row(rows)); n++)
        rc = (ids[n] = arena_strdup(&t->plan.arena, row[0])) ? 0 : DS_ENOMEM;
    mysql_free_result(rows);
    *out = ids;
    return rc ? entity_no_memory(err) : 0;
}

/* Only rows of attributes that have the value in the column of eav_attribute count; NULL: all. */
static int bind_attribute(struct copy *c, struct copied_table *t, const char *column,
                          const char *value, struct condition *out, struct ds_error *err)
{
    out->column = value ? entity_column(&t->plan, "attribute_id") : UINT32_MAX;
    return out->column == UINT32_MAX ? 0 : read_attributes(c, t, column, value, &out->values, err);
}

static int bind_reference(struct copy *c, struct copied_table *t,
                          const struct catalogue_reference *r, struct id_set *to, bool words,
                          struct ds_error *err)
{
    uint32_t column = entity_column(&t->plan, r->column);
    if (!to || column == UINT32_MAX || strcmp(r->table, t->entry->table) != 0)
        return 0;
    struct referring_column *more =
        realloc(t->referring, (t->referring_count + 1) * sizeof *t->referring);
    if (!more)
        return entity_no_memory(err);
    t->referring = more;
    bool asks = !is_reference(t->entity, r->table, r->when.column);
    struct condition when = {asks ? entity_column(&t->plan, r->when.column) : UINT32_MAX,
                             r->when.values};
    int rc = r->attribute ? bind_attribute(c, t, "attribute_code", r->attribute, &when, err) : 0;
    if (r->source_model)
        rc = bind_attribute(c, t, "source_model", r->source_model, &when, err);
    more[t->referring_count++] = (struct referring_column){.column = column,
                                                           .list = r->form == REFERENCE_LIST,
                                                           .words = words,
                                                           .when = when,
                                                           .to = to};
    return rc;
}

static bool may_name(const struct copy *c, const struct document_format *f)
{
    const struct document_target *target;
    for (size_t k = 0; (target = document_names(f, k)); k++)
        for (uint32_t n = 0; n < c->referred_count; n++)
            if (strcmp(c->referred[n].entry->table, target->table) == 0)
                return true;
    return false;
}

static int bind_documents(struct copy *c, struct copied_table *t, struct ds_error *err)
{
    int rc = 0;
    t->documents = calloc(t->plan.column_count + 1, sizeof *t->documents);
    if (!t->documents)
        return entity_no_memory(err);
    for (uint32_t i = 0; i < t->plan.column_count && rc == 0; i++) {
        const struct document_format *f = format_of(t, i);
        if (!f || !may_name(c, f))
            continue;
        struct named_document *d = &t->documents[t->document_count++];
        *d = (struct named_document){
            .format = f, .column = i, .beside = entity_column(&t->plan, f->beside)};
        rc = bind_attribute(c, t, "attribute_code", f->attribute, &d->when, err);
    }
    return rc;
}

static int bind_table(struct copy *c, struct copied_table *t, struct ds_error *err)
{
    int rc = bind_documents(c, t, err);
    for (size_t i = 0; i < c->entity->reference_count && rc == 0; i++) {
        const struct catalogue_reference *r = &c->entity->references[i];
        const struct catalogue_entity *e = referred_kind(c, c->entity, r);
        struct copied_table *to = e ? find_table(c, named_table(e, r)) : NULL;
        rc = bind_reference(c, t, r, to ? &to->ids : entity_brought_ids(c, r),
                            to && !entity_key_is_number(to), err);
    }
    return rc;
}

/* Rows of copy.referred are told by what they refer to, too (a bundle's selection by its option and
 * its product). */
static int bind_identity(struct copy *c, struct copied_table *t, struct ds_error *err)
{
    size_t count;
    if (!t->entity || !t->entry) /* not opened */
        return 0;
    const struct catalogue_part *parts = parts_of(t->entity, t->entry, &count);
    int rc = 0;
    for (size_t i = 0; i < t->entity->reference_count; i++) {
        const struct catalogue_reference *r = &t->entity->references[i];
        const struct catalogue_entity *e = catalogue_find(c->o->catalogue, r->entity);
        const struct catalogue_table *entry = e ? named_table(e, r) : NULL;
        struct copied_table *to = entry ? find_table(c, entry) : NULL;
        for (size_t k = 0; to && k < count && rc == 0; k++)
            if (!parts[k].table && parts[k].column && strcmp(parts[k].column, r->column) == 0)
                rc = bind_reference(c, t, r, &to->ids, !entity_key_is_number(to), err);
    }
    return rc;
}

int entity_open_referred(struct copy *c, struct ds_error *err)
{
    int rc = open_all(c, err);
    if (rc == 0 && c->pass == FIRST)
        rc = entity_open_brought(c, err);
    for (uint32_t i = 0; i < c->table_count && rc == 0; i++)
        rc = bind_table(c, &c->tables[i], err);
    for (uint32_t i = 0; i < c->referred_count && rc == 0; i++)
        rc = bind_identity(c, &c->referred[i], err);
    return rc;
}

/* --- what rows of the chunk name
 * ---------------------------------------------------------------------------------------- */

static int note(struct copy *c, struct id_set *to, struct slice value, uint32_t root)
{
    if (!to->buckets && entity_open_ids(&c->arena, to))
        return DS_ENOMEM;
    struct copied_id *known = entity_find_id(to, value);
    if (known && root < known->root) /* the first one, of which --limit may be the last */
        known->root = root;
    return known ? 0 : entity_keep_id(&c->arena, to, value, root);
}

/* An id that stands in a text; what is no number is none. */
static int note_text(struct copy *c, struct id_set *to, struct slice text, uint32_t root)
{
    BUF_AUTO struct buf raw = {0};
    uint64_t id = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.p[i] < '0' || text.p[i] > '9' || i > 18)
            return 0;
        id = id * 10 + (uint64_t)(text.p[i] - '0');
    }
    if (!text.len || value_write_uint(&raw, id))
        return text.len ? DS_ENOMEM : 0;
    uint8_t *kept = arena_copy(&c->arena, raw.data, raw.len);
    return kept ? note(c, to, (struct slice){kept, raw.len}, root) : DS_ENOMEM;
}

static bool read_text(const uint8_t *raw, struct slice *out)
{
    const uint8_t *at = raw;
    struct value v;
    if (value_read(&at, raw + value_length(raw), &v) ||
        (v.kind != VALUE_TEXT && v.kind != VALUE_BYTES))
        return false;
    *out = v.bytes;
    return true;
}

static bool is_one_of(const uint8_t *raw, const char *const *values)
{
    BUF_AUTO struct buf text = {0};
    if (entity_key_text((struct slice){raw, value_length(raw)}, &text))
        return true; /* at worst it is looked up for nothing */
    while (*values && strcmp(*values, buf_cstr(&text)) != 0)
        values++;
    return *values != NULL;
}

static bool holds(const struct condition *when, const uint8_t **columns)
{
    return when->column == UINT32_MAX || is_one_of(columns[when->column], when->values);
}

static int note_column(struct copy *c, const struct referring_column *r, const uint8_t **columns,
                       uint32_t root)
{
    const uint8_t *raw = columns[r->column];
    struct slice text;
    int rc = 0;
    if (*raw == VALUE_BYTE_NULL || !holds(&r->when, columns))
        return 0;
    if (r->words || !read_text(raw, &text))
        return note(c, r->to, (struct slice){raw, value_length(raw)}, root);
    if (!r->list)
        return note_text(c, r->to, text, root);
    for (size_t at = 0, end; at < text.len && rc == 0; at = end + 1) {
        const uint8_t *comma = memchr(text.p + at, ',', text.len - at);
        end = comma ? (size_t)(comma - text.p) : text.len;
        rc = note_text(c, r->to, (struct slice){text.p + at, end - at}, root);
    }
    return rc;
}

struct noting {
    struct copy *c;
    uint32_t root;
};

static int note_id(void *arg, const struct document_id *id, struct slice *to)
{
    const struct noting *n = arg;
    (void)to;
    for (uint32_t i = 0; i < n->c->referred_count; i++) {
        struct copied_table *t = &n->c->referred[i];
        if (strcmp(t->entry->table, id->target.table) == 0)
            return note_text(n->c, &t->ids, id->id, n->root);
    }
    return DOCUMENT_KEEP;
}

/* What cannot be read names nothing: the import says so. */
static int note_document(struct copy *c, const struct named_document *d, const uint8_t **columns,
                         uint32_t root)
{
    struct noting n = {c, root};
    const struct document_visitor visitor = {note_id, NULL, &n};
    struct slice value, beside = {(const uint8_t *)"", 0};
    struct ds_error ignored = {0};
    if (!holds(&d->when, columns) || !read_text(columns[d->column], &value) || !value.len)
        return 0;
    if (d->beside != UINT32_MAX && !read_text(columns[d->beside], &beside))
        beside = (struct slice){(const uint8_t *)"", 0};
    int rc = document_collect(d->format, value, beside, &visitor, &c->reading, &ignored);
    arena_reset(&c->reading, 1 << 20);
    return rc == DS_ENOMEM ? rc : 0;
}

int entity_note_referred(struct copy *c, const struct copied_table *t, const uint8_t **columns,
                         uint32_t root)
{
    int rc = 0;
    for (uint32_t i = 0; i < t->referring_count && rc == 0; i++)
        rc = note_column(c, &t->referring[i], columns, root);
    for (uint32_t i = 0; i < t->document_count && rc == 0; i++)
        rc = note_document(c, &t->documents[i], columns, root);
    return rc;
}

/* --- handing out ------------------------------------------------------------------------------ */

/* Is the referred one listed, so that all of it has come already? */
static bool is_copied(const struct copy *c, const struct copied_table *t, struct slice key)
{
    const struct entity_ids *listed = entity_listed(c, t->entity);
    BUF_AUTO struct buf text = {0};
    return listed && entity_key_text(key, &text) == 0 && entity_is_listed(listed, buf_cstr(&text));
}

static struct slice raw_value(const uint8_t *raw)
{
    return (struct slice){raw, value_length(raw)};
}

/* A row of a table below a root hangs on the row that it leads to, which is wanted then, too. */
static int take_below(struct copy *c, struct copied_table *t, struct slice image,
                      const uint8_t **columns, struct ds_error *err)
{
    uint8_t *kept = arena_copy(&c->arena, image.p, image.len);
    struct referred_row *row = arena_alloc(&c->arena, sizeof *row);
    if (!kept || !row ||
        image_split((struct slice){kept, image.len}, t->plan.column_count, columns))
        return entity_no_memory(err);
    struct slice link = raw_value(columns[t->link]);
    if (note(c, &t->through->ids, link, 0) || entity_note_referred(c, t, columns, 0))
        return entity_no_memory(err);
    struct copied_id *parent = entity_find_id(&t->through->ids, link);
    *row = (struct referred_row){.table = t, .image = {kept, image.len}, .next = parent->rows};
    if (!t->tells)
        row->id = entity_find_id(&t->ids, raw_value(columns[t->key]));
    parent->rows = row;
    return 0;
}

/* Rows whose ids are named, from below; then those that tell which they are. */
static int read_below(struct copy *c, struct ds_error *err)
{
    int rc = 0;
    for (uint32_t i = c->referred_count; i-- > 0 && rc == 0;) {
        struct copied_table *t = &c->referred[i];
        if (t->through && !t->tells && t->key != UINT32_MAX)
            rc = entity_read_by_ids(c, t, t->entry->key, NULL, &t->ids, take_below, err);
    }
    for (uint32_t i = 0; i < c->referred_count && rc == 0; i++) {
        struct copied_table *t = &c->referred[i];
        if (t->tells)
            rc = entity_read_by_ids(c, t, t->entry->link, t->index, &t->through->ids, take_below,
                                    err);
    }
    return rc;
}

static int put_root(struct copy *c, struct copied_table *t, struct slice image,
                    const uint8_t **columns, struct ds_error *err)
{
    if (image_split(image, t->plan.column_count, columns))
        return error_set(err, DS_EFORMAT, "rows of a copy cannot be read");
    struct slice key = raw_value(columns[t->link]);
    const struct copied_id *id = entity_find_id(&t->ids, key);
    if (is_copied(c, t, key))
        return 0;
    int rc = entity_put_begin(c, err);
    rc = rc ? rc : entity_put_named(c, t, key, image, err);
    for (const struct referred_row *r = id ? id->rows : NULL; r && rc == 0; r = r->next)
        rc = r->table->tells ? entity_put_named(c, r->table, key, r->image, err) : 0;
    return rc ? rc : entity_put_commit(c, err);
}

/* All that hangs on the row below a root, with what it is told by. */
static int put_tree(struct copy *c, const struct referred_row *r, struct slice key,
                    struct ds_error *err)
{
    int rc = entity_put_named(c, r->table, key, r->image, err);
    for (const struct referred_row *below = r->id ? r->id->rows : NULL; below && rc == 0;
         below = below->next)
        rc = put_tree(c, below, key, err);
    return rc;
}

static int put_below(struct copy *c, const struct copied_table *t, const struct copied_id *root,
                     struct ds_error *err)
{
    bool any = false;
    for (const struct referred_row *r = root->rows; r; r = r->next)
        any |= !r->table->tells;
    if (!any || is_copied(c, t, root->value))
        return 0;
    int rc = entity_put_begin(c, err);
    for (const struct referred_row *r = root->rows; r && rc == 0; r = r->next)
        rc = r->table->tells ? 0 : put_tree(c, r, root->value, err);
    return rc ? rc : entity_put_commit(c, err);
}

/* Roots that the destination knows need not be recognised, unless something hangs on them. */
static int leave_known(struct copy *c, struct copied_table *t, struct ds_error *err)
{
    const struct entity_known *known = c->o->known;
    struct copied_id *id = t->ids.last, *left = NULL;
    BUF_AUTO struct buf texts = {0};
    int rc = 0;
    while (id && rc == 0) {
        struct copied_id *asked[ROOTS_PER_CHUNK];
        size_t ends[ROOTS_PER_CHUNK], n = 0;
        struct slice ids[ROOTS_PER_CHUNK];
        bool is[ROOTS_PER_CHUNK] = {false};
        buf_clear(&texts);
        for (; id && n < ROOTS_PER_CHUNK && rc == 0; id = id->earlier, n++) {
            rc = entity_key_text(id->value, &texts);
            asked[n] = id;
            ends[n] = texts.len;
        }
        for (size_t i = 0, at = 0; i < n; at = ends[i++])
            ids[i] = (struct slice){texts.data + at, ends[i] - at};
        if (rc == 0)
            known->ask(known->arg, t->entity, ids, is, n);
        for (size_t i = 0; i < n && rc == 0; i++)
            if (!is[i] || asked[i]->rows) {
                asked[i]->earlier = left;
                left = asked[i];
            }
    }
    t->ids.last = left;
    return rc ? entity_no_memory(err) : 0;
}

int entity_put_referred(struct copy *c, struct ds_error *err)
{
    int rc = read_below(c, err);
    for (uint32_t i = 0; i < c->referred_count && c->o->known && rc == 0; i++)
        if (!c->referred[i].through)
            rc = leave_known(c, &c->referred[i], err);
    for (uint32_t i = 0; i < c->referred_count && rc == 0; i++) {
        struct copied_table *t = &c->referred[i];
        if (!t->through)
            rc = entity_read_by_ids(c, t, t->entry->link, t->index, &t->ids, put_root, err);
    }
    for (uint32_t i = 0; i < c->referred_count && rc == 0; i++) {
        const struct copied_table *t = &c->referred[i];
        for (const struct copied_id *id = t->through ? NULL : t->ids.last; id && rc == 0;
             id = id->earlier)
            rc = put_below(c, t, id, err);
    }
    return rc;
}
