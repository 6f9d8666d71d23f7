#include "applier/map/map_flat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "applier/map/map_charset.h"
#include "applier/map/map_row.h"
#include "applier/map/map_value.h"

static const char password[] = "password_hash";

struct code { /* an attribute that is a column */
    const char *name;
    uint32_t column;
    struct map_charset *set; /* of the column; NULL: UTF-8, or no text */
};

struct map_flat {
    struct map_flat_options o;
    const struct target_table *target;
    uint64_t version;
    uint32_t key;      /* column */
    const char *value; /* type of values: "varchar" of customer_entity_varchar */
    struct code *codes;
    size_t count;
    struct msg_table table;
    struct arena kept, arena;
};

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for columns of attributes");
}

/* --- compiled -------------------------------------------------------------------------------- */

static int find_target(struct map_flat *f, struct ds_error *err)
{
    const struct map_columns *c = f->o.columns;
    const char *there = map_document(f->o.map, MAP_SOURCE, c->document);
    const char *key = map_field(f->o.map, MAP_SOURCE, c->document, "entity_id");
    char name[300];
    int len = snprintf(name, sizeof name, "%s%s", f->o.target_prefix, there ? there : "");
    const struct target_table *t = there ? target_find(f->o.target, name, (size_t)len) : NULL;
    if (!t || !t->exists)
        return error_set(err, DS_EUSAGE,
                         "attributes of %s are columns at the destination, which has no table for "
                         "it: make it there, or take them out of customer_attribute_groups_file",
                         c->document);
    int at = key ? target_column_ordinal(t, key) : -1;
    if (at < 0 || !t->row_key || t->row_key->count != 1 || t->row_key->columns[0] != (uint32_t)at)
        return error_set(err, DS_EUSAGE,
                         "table %s needs a key of the column that %s.entity_id goes to, by which "
                         "rows get values of attributes",
                         name, c->document);
    f->target = t;
    f->version = t->version;
    f->key = (uint32_t)at;
    if (map_row_describe(t, f->o.like, &f->kept, &f->table))
        return no_memory(err);
    f->table.id = f->o.id;
    return 0;
}

static int find_codes(struct map_flat *f, struct ds_error *err)
{
    const char *const *names = f->o.columns->codes;
    size_t count = 0;
    while (names[count])
        count++;
    f->codes = arena_zalloc(&f->kept, (count + 1) * sizeof *f->codes);
    if (!f->codes)
        return no_memory(err);
    for (; f->count < count; f->count++) {
        int at = target_column_ordinal(f->target, names[f->count]);
        if (at < 0)
            return error_set(err, DS_EUSAGE,
                             "the attribute %s is a column of %s at the destination, which does "
                             "not have it: add it there, or take it out of "
                             "customer_attribute_groups_file",
                             names[f->count], f->target->name);
        const struct target_column *c = &f->target->columns[at];
        f->codes[f->count] = (struct code){names[f->count], (uint32_t)at, NULL};
        int rc = c->class == TARGET_TEXT
                     ? map_charset_open(&f->codes[f->count].set, c->charset, err)
                     : 0;
        if (rc)
            return rc;
    }
    return 0;
}

int map_flat_new(struct map_flat **out, const struct map_flat_options *o, struct ds_error *err)
{
    struct map_flat *f = calloc(1, sizeof *f);
    *out = NULL;
    if (!f)
        return no_memory(err);
    const size_t len = strlen(o->columns->document);
    f->o = *o;
    for (const char *const *v = o->columns->values; *v; v++)
        if (strcmp(*v, o->document) == 0)
            f->o.document = *v; /* which lives on */
    f->value = strncmp(f->o.document, o->columns->document, len) == 0 && f->o.document[len] == '_'
                   ? f->o.document + len + 1
                   : "";
    int rc = find_target(f, err);
    rc = rc ? rc : find_codes(f, err);
    if (rc)
        map_flat_free(f);
    else
        *out = f;
    return rc;
}

void map_flat_free(struct map_flat *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->count; i++)
        map_charset_close(f->codes[i].set);
    arena_free(&f->kept);
    arena_free(&f->arena);
    free(f);
}

bool map_flat_is_current(const struct map_flat *f)
{
    return f->target->exists && f->target->version == f->version;
}

const struct msg_table *map_flat_table(const struct map_flat *f)
{
    return &f->table;
}

/* --- a row ----------------------------------------------------------------------------------- */

void map_flat_clear(struct map_flat *f)
{
    arena_reset(&f->arena, 1 << 16);
}

static const struct map_value *field(const struct map_record *r, const char *name)
{
    for (size_t i = 0; i < r->table->count; i++)
        if (strcasecmp(r->table->fields[i].name, name) == 0)
            return &r->values[i];
    return NULL;
}

static const struct code *code_of(const struct map_flat *f, const struct map_attribute *a)
{
    for (size_t i = 0; strcmp(a->entity_type, f->o.columns->type) == 0 && i < f->count; i++)
        if (strcmp(f->codes[i].name, a->code) == 0)
            return &f->codes[i];
    return NULL;
}

static int keep(struct map_flat *f, const struct map_value *from, struct map_value *to)
{
    *to = *from;
    if (!from->set || from->null || !from->text.len)
        return 0;
    to->text.p = arena_copy(&f->arena, from->text.p, from->text.len);
    return to->text.p ? 0 : DS_ENOMEM;
}

bool map_flat_is_sha512(struct slice hash)
{
    const uint8_t *colon = hash.len ? memchr(hash.p, ':', hash.len) : NULL;
    return (colon ? (size_t)(colon - hash.p) : hash.len) == 128;
}

int map_flat_password(struct arena *arena, struct map_value *v)
{
    const uint8_t *colon =
        v->set && !v->null && v->text.len ? memchr(v->text.p, ':', v->text.len) : NULL;
    const size_t all = v->set && !v->null ? v->text.len : 0;
    const size_t hash = colon ? (size_t)(colon - v->text.p) : all;
    const size_t rest = colon ? all - hash - 1 : 0;
    if ((hash != 32 && hash != 64) || (rest && memchr(colon + 1, ':', rest)))
        return 0;
    uint8_t *made = arena_alloc(arena, all + 4), *to = made;
    if (!made)
        return DS_ENOMEM;
    memcpy(to, v->text.p, all);
    to += all;
    if (!colon)
        *to++ = ':';
    *to++ = ':';
    *to++ = hash == 32 ? '0' : '1';
    v->text = (struct slice){made, (size_t)(to - made)};
    return 0;
}

int map_flat_look(struct map_flat *f, const struct map_record *record, struct map_flat_row *out,
                  struct ds_error *err)
{
    const struct map_value *id = field(record, "attribute_id"),
                           *entity = field(record, "entity_id"), *value = field(record, "value");
    const struct map_facts *facts = f->o.facts;
    struct map_attribute a = {0};
    bool found = false;
    *out = (struct map_flat_row){.stays = true, .column = MAP_FLAT_NONE};
    if (!id || !entity || !value)
        return error_set(err, DS_EUSAGE,
                         "table %s needs columns entity_id, attribute_id and value, since values "
                         "of attributes in it are columns at the destination",
                         f->o.document);
    int rc = id->set && !id->null ? facts->attribute(facts->arg, id->text, &a, &found, err) : 0;
    const struct code *code = rc == 0 && found ? code_of(f, &a) : NULL;
    if (!code)
        return rc;
    const bool hashes = strcmp(code->name, password) == 0;
    out->stays = hashes && value->set && !value->null && map_flat_is_sha512(value->text);
    if (!a.backend_type || strcmp(a.backend_type, f->value) != 0)
        return 0; /* not where its values are */
    out->column = code->column;
    rc = keep(f, entity, &out->entity) | keep(f, value, &out->value);
    if (rc == 0 && hashes && f->o.columns->upgrade_passwords)
        rc = map_flat_password(&f->arena, &out->value);
    return rc ? no_memory(err) : 0;
}

/* --- what the destination gets --------------------------------------------------------------- */

static size_t characters(struct slice s, size_t most)
{
    size_t count = 0, i = 0;
    for (; i < s.len; i++) {
        count += (s.p[i] & 0xc0) != 0x80;
        if (count > most)
            break;
    }
    return i; /* bytes of as many characters */
}

static int refuse(const struct map_flat *f, const struct map_flat_row *row, const char *why,
                  struct ds_error *err)
{
    const struct target_column *c = &f->target->columns[row->column];
    error_set(err, DS_ECONFLICT,
              "a value of %s does not fit into %s.%s, which needs %s (%s): correct it at the "
              "source, widen the column, or take the attribute out of "
              "customer_attribute_groups_file",
              f->o.document, f->target->name, c->name, why, c->type_text);
    char key[24];
    snprintf(key, sizeof key, "%.*s", (int)row->entity.text.len, (const char *)row->entity.text.p);
    error_at_key(err, key);
    return DS_ECONFLICT;
}

static const struct map_charset *set_of(const struct map_flat *f, uint32_t column)
{
    size_t i = 0;
    while (i < f->count && f->codes[i].column != column)
        i++;
    return i < f->count ? f->codes[i].set : NULL;
}

static int put_column(struct map_flat *f, const struct map_flat_row *row, struct buf *out,
                      struct ds_error *err)
{
    const struct target_column *c = &f->target->columns[row->column];
    struct map_value v = row->value;
    const char *why;
    if (!v.set || v.null)
        v = map_value_empty(c);
    const size_t fits =
        v.null || c->class != TARGET_TEXT ? v.text.len : characters(v.text, c->characters);
    if (fits < v.text.len && !row->stays)
        return refuse(f, row, "a text that is not longer", err);
    v.text.len = fits;
    int rc = v.null ? 0 : map_charset_write(set_of(f, row->column), &v.text, &f->arena);
    if (rc)
        return rc == DS_ECONFLICT ? refuse(f, row, "a text of its character set", err)
                                  : no_memory(err);
    if (map_value_write(&v, c, out, &why))
        return 0;
    return why ? refuse(f, row, why, err) : no_memory(err);
}

static int put_image(struct map_flat *f, const struct map_flat_row *row, bool key, bool column,
                     struct buf *out, struct ds_error *err)
{
    const char *why;
    int rc = image_write_head(out, f->target->column_count) ? no_memory(err) : 0;
    for (uint32_t i = 0; rc == 0 && i < f->target->column_count; i++) {
        if (column && i == row->column)
            rc = put_column(f, row, out, err);
        else if (key && i == f->key)
            rc = map_value_write(&row->entity, &f->target->columns[i], out, &why)
                     ? 0
                     : refuse(f, row, why ? why : "memory", err);
        else if (value_write_absent(out))
            rc = no_memory(err);
    }
    return rc;
}

int map_flat_image(struct map_flat *f, const struct map_flat_row *row, struct buf *out,
                   struct ds_error *err)
{
    return put_image(f, row, true, true, out, err);
}

static int put_update(struct map_flat *f, const struct map_flat_row *row, uint32_t flags,
                      struct buf *out, struct ds_error *err)
{
    if (message_write_change_head(out, f->table.id, CHANGE_UPDATE, flags, (struct slice){0}))
        return no_memory(err);
    int rc = put_image(f, row, true, false, out, err);
    return rc ? rc : put_image(f, row, false, true, out, err);
}

static bool same_text(const struct map_value *a, const struct map_value *b)
{
    return a->set == b->set && a->null == b->null && a->text.len == b->text.len &&
           (!a->text.len || memcmp(a->text.p, b->text.p, a->text.len) == 0);
}

int map_flat_change(struct map_flat *f, const struct map_flat_row *before,
                    const struct map_flat_row *after, uint32_t flags, struct buf *out,
                    struct ds_error *err)
{
    const bool was = before && before->column != MAP_FLAT_NONE,
               is = after && after->column != MAP_FLAT_NONE;
    const bool same_place =
        was && is && before->column == after->column && same_text(&before->entity, &after->entity);
    int rc = 0;
    if (was && !same_place) {
        struct map_flat_row gone = *before;
        gone.value = (struct map_value){.set = true, .null = true};
        rc = put_update(f, &gone, flags, out, err);
    }
    if (rc == 0 && is && !(same_place && same_text(&before->value, &after->value)))
        rc = put_update(f, after, flags, out, err);
    return rc;
}
