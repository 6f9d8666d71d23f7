/* The EAV step: types of entities, attribute sets, groups and attributes of both shops become one.
 *
 * The source's keep their ids and go through map-eav.xml; what both have is one, by its code or
 * name, and handlers see the destination's as the opposite. What the destination alone has stays,
 * under a new id where another of the source has taken it. An attribute that both have in a set
 * stays in the destination's group, where its shop looks for it; product sets that are new get
 * what the destination's default set has. A second run finds everything in its place.
 */
#include "agent/cli/migrate_eav.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/migrate_fit.h"
#include "schema/list.h"
#include "schema/log.h"

const struct eav_document eav_documents[EAV_TABLES] = {
    [EAV_TYPES] = {"eav_entity_type",
                   "entity_type_id",
                   {"entity_type_code"},
                   {{"default_attribute_set_id", EAV_SETS}}},
    [EAV_SETS] = {"eav_attribute_set",
                  "attribute_set_id",
                  {"entity_type_id", "attribute_set_name"},
                  {{"entity_type_id", EAV_TYPES}}},
    [EAV_GROUPS] = {"eav_attribute_group",
                    "attribute_group_id",
                    {"attribute_set_id", "attribute_group_name"},
                    {{"attribute_set_id", EAV_SETS}}},
    [EAV_ATTRIBUTES] = {"eav_attribute",
                        "attribute_id",
                        {"entity_type_id", "attribute_code"},
                        {{"entity_type_id", EAV_TYPES}}},
    [EAV_CATALOG] = {"catalog_eav_attribute",
                     NULL,
                     {"attribute_id"},
                     {{"attribute_id", EAV_ATTRIBUTES}}},
    [EAV_CUSTOMER] = {"customer_eav_attribute",
                      NULL,
                      {"attribute_id"},
                      {{"attribute_id", EAV_ATTRIBUTES}}},
    [EAV_ASSIGNMENTS] = {"eav_entity_attribute",
                         "entity_attribute_id",
                         {"attribute_set_id", "attribute_id"},
                         {{"entity_type_id", EAV_TYPES},
                          {"attribute_set_id", EAV_SETS},
                          {"attribute_group_id", EAV_GROUPS},
                          {"attribute_id", EAV_ATTRIBUTES}}},
};

int eav_no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for attributes");
}

/* --- rows ------------------------------------------------------------------------------------ */

int eav_split(struct eav_step *s, const struct whole_table *t, struct slice image,
              struct ds_error *err)
{
    return image_split(image, t->plan.column_count, s->values)
               ? error_set(err, DS_EFORMAT, "a row of table %s is malformed", t->plan.name)
               : 0;
}

struct slice eav_raw(const struct eav_step *s, const struct whole_table *t, const char *column)
{
    const uint32_t i = whole_table_column(t, column);
    return i == UINT32_MAX ? (struct slice){0}
                           : (struct slice){s->values[i], value_length(s->values[i])};
}

static uint64_t number(const struct eav_step *s, const struct whole_table *t, const char *column)
{
    uint64_t n = 0;
    struct slice raw = column ? eav_raw(s, t, column) : (struct slice){0};
    return raw.p && value_id(raw, &n) ? n : 0;
}

static struct eav_row *find_id(const struct eav_rows *rows, uint64_t id)
{
    for (size_t i = 0; i < rows->count; i++)
        if (rows->items[i].id == id)
            return &rows->items[i];
    return NULL;
}

void eav_standing_name(uint64_t id, char out[EAV_STANDING_NAME])
{
    snprintf(out, EAV_STANDING_NAME, "~%lu~", id);
}

bool eav_is_standing(const struct eav_row *row)
{
    char name[EAV_STANDING_NAME], end[EAV_STANDING_NAME + 3];
    eav_standing_name(row->id, name);
    const size_t len = (size_t)snprintf(end, sizeof end, "/%s/", name);
    return row->key.len >= len && memcmp(row->key.p + row->key.len - len, end, len) == 0;
}

/* What an id of the destination has become. */
static uint64_t translate(const struct eav_step *s, enum eav_table to, uint64_t id)
{
    const struct eav_row *r = id ? find_id(&s->tables[to].theirs, id) : NULL;
    return r ? r->final : id;
}

static const struct eav_reference *reference_of(enum eav_table table, const char *column)
{
    const struct eav_reference *r = eav_documents[table].references;
    for (size_t i = 0; i < EAV_REFERENCES && r[i].column; i++)
        if (strcmp(r[i].column, column) == 0)
            return &r[i];
    return NULL;
}

/* Of the row in hand, one of a set that it is copied to (row->set), under the ids that will be. */
static uint64_t final_reference(const struct eav_step *s, const struct eav_row *row,
                                const struct whole_table *t, const struct eav_reference *r)
{
    uint64_t id = number(s, t, r->column);
    if (row->ours)
        return id;
    if (row->set && r->table == EAV_SETS)
        return row->set;
    if (row->group && r->table == EAV_GROUPS)
        return s->tables[EAV_GROUPS].theirs.items[row->group - 1].final;
    return translate(s, r->table, id);
}

/* By which rows of both sides are the same. */
static int make_key(struct eav_step *s, enum eav_table table, const struct whole_table *t,
                    struct eav_row *row, struct ds_error *err)
{
    BUF_AUTO struct buf key = {0};
    int rc = eav_split(s, t, row->image, err);
    for (size_t i = 0; i < EAV_KEYS && eav_documents[table].key[i] && rc == 0; i++) {
        const char *column = eav_documents[table].key[i];
        const struct eav_reference *r = reference_of(table, column);
        struct slice raw = eav_raw(s, t, column);
        struct value v = {0};
        const uint8_t *p = raw.p;
        if (r)
            rc = buf_printf(&key, "%lu/", final_reference(s, row, t, r));
        else if (raw.p && value_read(&p, raw.p + raw.len, &v) == 0)
            rc = buf_append(&key, v.bytes.p, v.bytes.len) | buf_puts(&key, "/");
        rc = rc ? eav_no_memory(err) : 0;
    }
    row->key = (struct slice){arena_copy(&s->arena, key.data, key.len), key.len};
    return rc ? rc : row->key.p ? 0 : eav_no_memory(err);
}

/* Does a handler make names by which rows are the same? Those of types are their kinds. */
static bool names_change(const struct eav_step *s, enum eav_table table)
{
    const struct eav_document *d = &eav_documents[table];
    for (size_t i = 0; i < map_count(s->map) && table != EAV_TYPES; i++) {
        const struct map_rule *r = map_at(s->map, i);
        if (r->kind == MAP_TRANSFORM && strcmp(r->document, d->name) == 0 &&
            (strcmp(r->field, d->key[0]) == 0 || (d->key[1] && strcmp(r->field, d->key[1]) == 0)))
            return true;
    }
    return false;
}

/* Of a row of the source: the key that it gets. What a handler refuses is told by who makes rows.
 */
static int make_our_key(struct eav_step *s, enum eav_table table, struct eav_row *row,
                        struct ds_error *err)
{
    struct eav_merge *m = &s->tables[table];
    BUF_AUTO struct buf image = {0};
    int rc = make_key(s, table, &m->both.from, row, err);
    if (rc || !names_change(s, table))
        return rc;
    rc = map_row_image(m->both.row, row->image, (struct slice){0}, &image, err);
    if (rc == DS_ECONFLICT) {
        error_clear(err);
        return 0;
    }
    struct eav_row there = {.image = {image.data, image.len}, .ours = true};
    rc = rc ? rc : make_key(s, table, &m->both.here, &there, err);
    row->raw = row->key;
    row->key = rc ? row->key : there.key;
    return rc;
}

struct eav_row *eav_find_key(const struct eav_rows *rows, struct slice key)
{
    for (size_t i = 0; i < rows->count; i++) {
        struct eav_row *r = &rows->items[i];
        if (!r->dropped && r->key.len == key.len && memcmp(r->key.p, key.p, key.len) == 0)
            return r;
    }
    return NULL;
}

static int add_row(struct eav_rows *rows, const struct eav_row *row, struct ds_error *err)
{
    if (LIST_ROOM(rows->items, rows->count, rows->capacity))
        return eav_no_memory(err);
    rows->items[rows->count++] = *row;
    return 0;
}

static int take_rows(struct eav_step *s, enum eav_table table, bool ours, struct ds_error *err)
{
    struct eav_merge *m = &s->tables[table];
    const struct whole_table *t = ours ? &m->both.from : &m->both.here;
    int rc = 0;
    for (size_t i = 0; i < t->count && rc == 0; i++) {
        struct eav_row row = {.image = t->rows[i], .ours = ours};
        rc = eav_split(s, t, row.image, err);
        row.id = number(s, t, eav_documents[table].id);
        row.final = row.id;
        rc = rc ? rc : add_row(ours ? &m->ours : &m->theirs, &row, err);
    }
    return rc;
}

/* --- what is left out of the source ---------------------------------------------------------- */

bool eav_group_has(const struct eav_step *s, const char *group, struct slice code,
                   struct slice type)
{
    const struct group *g = s->attributes ? groups_find(s->attributes, group) : NULL;
    for (size_t i = 0; g && i < g->count; i++) {
        const struct group_item *x = &g->items[i];
        if (strlen(x->name) == code.len && memcmp(x->name, code.p, code.len) == 0 &&
            (!x->type || (strlen(x->type) == type.len && memcmp(x->type, type.p, type.len) == 0)))
            return true;
    }
    return false;
}

/* The key of a type is its code, and a slash. */
static bool is_ignored(const struct eav_step *s, struct slice code, uint64_t type)
{
    const struct eav_row *t = find_id(&s->tables[EAV_TYPES].ours, type);
    return t && eav_group_has(s, "ignore", code, (struct slice){t->key.p, t->key.len - 1});
}

/* Does it refer to a row that is not there, or not migrated, and would a key refuse that? */
static bool is_orphan(const struct eav_step *s, enum eav_table table)
{
    const struct target_table *to = s->tables[table].both.target;
    for (uint32_t i = 0; i < to->fk_count; i++) {
        const char *column = to->columns[to->fks[i].columns[0]].name;
        const struct eav_reference *r = reference_of(table, column);
        const struct slice raw =
            r ? eav_raw(s, &s->tables[table].both.from, column) : (struct slice){0};
        uint64_t id = 0;
        if (!raw.p || !value_id(raw, &id))
            continue;
        const struct eav_row *x = find_id(&s->tables[r->table].ours, id);
        if (!x || x->dropped)
            return true;
    }
    return false;
}

/* The other shop's keys would never have let it be. */
static int leave_orphan(struct eav_step *s, enum eav_table table, struct eav_row *row,
                        struct ds_error *err)
{
    struct eav_merge *m = &s->tables[table];
    char key[50];
    row->dropped = true;
    m->orphans++;
    if (!s->findings)
        return 0;
    snprintf(key, sizeof key, "%lu",
             row->id ? row->id : number(s, &m->both.from, eav_documents[table].key[0]));
    error_set(err, DS_ECONFLICT, "%s", "rows refer to what is not there, --auto leaves them out");
    error_at_key(err, key);
    return fit_refused(s->findings, eav_documents[table].name, m->ours.count, err);
}

/* An attribute that is, and what is of one. */
static int leave_out(struct eav_step *s, enum eav_table table, struct eav_row *row,
                     struct ds_error *err)
{
    const struct whole_table *t = &s->tables[table].both.from;
    int rc = eav_split(s, t, row->image, err);
    if (rc)
        return rc;
    if (table == EAV_ATTRIBUTES) {
        struct slice raw = eav_raw(s, t, "attribute_code");
        struct value v = {0};
        const uint8_t *p = raw.p;
        row->dropped = value_read(&p, raw.p + raw.len, &v) == 0 &&
                       is_ignored(s, v.bytes, number(s, t, "entity_type_id"));
    } else if (reference_of(table, "attribute_id")) {
        const struct eav_row *a =
            find_id(&s->tables[EAV_ATTRIBUTES].ours, number(s, t, "attribute_id"));
        row->dropped = a && a->dropped;
    }
    return !row->dropped && is_orphan(s, table) ? leave_orphan(s, table, row, err) : 0;
}

/* --- who is who ------------------------------------------------------------------------------ */

static uint64_t highest(const struct eav_merge *m)
{
    uint64_t most = 0;
    for (size_t i = 0; i < m->ours.count; i++)
        most = m->ours.items[i].id > most ? m->ours.items[i].id : most;
    for (size_t i = 0; i < m->theirs.count; i++)
        most = m->theirs.items[i].id > most ? m->theirs.items[i].id : most;
    return most;
}

/* Keys of the destination's rows, and which of them the source has made. */
static int look_back(struct eav_step *s, enum eav_table table, struct ds_error *err)
{
    struct eav_merge *m = &s->tables[table];
    int rc = 0;
    for (size_t i = 0; i < m->theirs.count && rc == 0; i++)
        rc = make_key(s, table, &m->both.here, &m->theirs.items[i], err);
    return rc ? rc : eav_memory_look(s, table, err);
}

/* --- one of the destination's ---------------------------------------------------------------- */

/* A row of the destination: does it refer to one that the source has made, and has no more? */
static int belongs_to_gone(struct eav_step *s, enum eav_table table, const struct eav_row *row,
                           bool *gone, struct ds_error *err)
{
    const struct whole_table *t = &s->tables[table].both.here;
    const struct eav_reference *r = eav_documents[table].references;
    int rc = table == EAV_TYPES ? 0 : eav_split(s, t, row->image, err);
    for (size_t i = 0; table != EAV_TYPES && rc == 0 && i < EAV_REFERENCES && r[i].column; i++) {
        const struct eav_rows *to = &s->tables[r[i].table].theirs;
        const struct eav_row *x = row->set && r[i].table == EAV_SETS ? NULL
                                  : row->group && r[i].table == EAV_GROUPS
                                      ? &to->items[row->group - 1]
                                      : find_id(to, number(s, t, r[i].column));
        *gone |= x && x->gone;
    }
    return rc;
}

/* The source has made one of the destination's, has it no more, and another one of its name: values
 * that come before it goes are of the former. */
static bool is_another(const struct eav_merge *m, enum eav_table table, const struct eav_row *row,
                       const struct eav_row *same)
{
    return (table == EAV_SETS || table == EAV_ATTRIBUTES) && row->remembered &&
           row->id != same->id && !find_id(&m->ours, row->id);
}

/* Two of the destination's are the same when the source has given one the other's name. */
static struct eav_row *find_twin(const struct eav_rows *rows, size_t i)
{
    const struct slice key = rows->items[i].key;
    for (size_t k = 0; k < i; k++) {
        struct eav_row *r = &rows->items[k];
        if (!r->dropped && !r->match && !r->stands && r->key.len == key.len &&
            memcmp(r->key.p, key.p, key.len) == 0)
            return r;
    }
    return NULL;
}

/* The source's that has this key there, and comes under one that nobody has yet. */
static struct eav_row *find_raw(const struct eav_merge *m, struct slice key)
{
    for (size_t i = 0; i < m->ours.count; i++) {
        struct eav_row *r = &m->ours.items[i];
        if (r->raw.p && !r->dropped && !r->match && r->raw.len == key.len &&
            memcmp(r->raw.p, key.p, key.len) == 0 && !eav_find_key(&m->theirs, r->key))
            return r;
    }
    return NULL;
}

static int match(struct eav_step *s, enum eav_table table, struct ds_error *err)
{
    struct eav_merge *m = &s->tables[table];
    uint64_t next = highest(m);
    int rc = 0;
    for (size_t i = 0; i < m->ours.count && rc == 0; i++) {
        rc = make_our_key(s, table, &m->ours.items[i], err);
        rc = rc ? rc : leave_out(s, table, &m->ours.items[i], err);
    }
    if (rc == 0 && m->orphans && !s->findings)
        log_warn("document=%s rows=%" PRIu64 " of the source refer to what is not there, and are "
                 "left out",
                 eav_documents[table].name, m->orphans);
    rc = rc ? rc : look_back(s, table, err);
    rc = rc ? rc : eav_fold_names(s, table, err);
    for (size_t i = 0; i < m->theirs.count && rc == 0; i++) {
        struct eav_row *row = &m->theirs.items[i];
        struct eav_row *same = eav_find_key(&m->ours, row->key);
        same = same ? same : find_raw(m, row->key);
        if (same && is_another(m, table, row, same)) {
            row->stands = row->gone = true;
            continue;
        }
        if (same && !same->match) {
            same->match = i + 1;
            row->match = (size_t)(same - m->ours.items) + 1;
            row->final = same->id;
            continue;
        }
        if ((same = same ? same : find_twin(&m->theirs, i)) ||
            (row->remembered && find_id(&m->ours, row->id))) {
            row->dropped = true;
            row->final = same ? same->final : row->id;
            continue;
        }
        row->gone = row->remembered || eav_is_standing(row);
        rc = belongs_to_gone(s, table, row, &row->gone, err);
        if (!row->id || find_id(&m->ours, row->id)) {
            row->final = ++next;
        }
    }
    return rc;
}

/* --- product sets that are new --------------------------------------------------------------- */

/* The destination's default set of products; 0: none. */
static int default_set(struct eav_step *s, uint64_t *type, uint64_t *set, struct ds_error *err)
{
    static const char code[] = "catalog_product/";
    const struct eav_merge *m = &s->tables[EAV_TYPES];
    const struct eav_row *row =
        eav_find_key(&m->theirs, (struct slice){(const uint8_t *)code, sizeof code - 1});
    int rc = row ? eav_split(s, &m->both.here, row->image, err) : 0;
    *set = row && rc == 0 ? number(s, &m->both.here, "default_attribute_set_id") : 0;
    *type = row ? row->final : 0;
    return rc;
}

static int copy_row(struct eav_step *s, enum eav_table table, size_t from, uint64_t set,
                    size_t group, struct ds_error *err)
{
    struct eav_rows *rows = &s->tables[table].theirs;
    const struct eav_row copy = {.image = rows->items[from].image, .set = set, .group = group};
    return add_row(rows, &copy, err);
}

/* Each group of the default set, and what is in it. */
static int copy_set(struct eav_step *s, uint64_t standard, uint64_t set, struct ds_error *err)
{
    struct eav_merge *groups = &s->tables[EAV_GROUPS], *assigned = &s->tables[EAV_ASSIGNMENTS];
    const size_t group_count = groups->both.here.count, count = assigned->both.here.count;
    int rc = 0;
    for (size_t g = 0; g < group_count && rc == 0; g++) {
        rc = eav_split(s, &groups->both.here, groups->theirs.items[g].image, err);
        if (rc || number(s, &groups->both.here, "attribute_set_id") != standard ||
            groups->theirs.items[g].remembered)
            continue;
        const uint64_t id = groups->theirs.items[g].id;
        rc = copy_row(s, EAV_GROUPS, g, set, 0, err);
        const size_t place = groups->theirs.count;
        for (size_t i = 0; i < count && rc == 0; i++) {
            rc = eav_split(s, &assigned->both.here, assigned->theirs.items[i].image, err);
            if (rc == 0 && number(s, &assigned->both.here, "attribute_group_id") == id &&
                !assigned->theirs.items[i].remembered)
                rc = copy_row(s, EAV_ASSIGNMENTS, i, set, place, err);
        }
    }
    return rc;
}

static int copy_default_set(struct eav_step *s, struct ds_error *err)
{
    const struct eav_merge *sets = &s->tables[EAV_SETS];
    uint64_t type, standard;
    int rc = default_set(s, &type, &standard, err);
    rc = rc ? rc : look_back(s, EAV_GROUPS, err);
    rc = rc ? rc : look_back(s, EAV_ASSIGNMENTS, err);
    for (size_t i = 0; i < sets->ours.count && rc == 0 && standard; i++) {
        const struct eav_row *row = &sets->ours.items[i];
        const struct eav_row *was = find_id(&sets->theirs, row->id); /* called otherwise? */
        rc = eav_split(s, &sets->both.from, row->image, err);
        if (rc == 0 && !row->match && !(was && was->dropped) &&
            number(s, &sets->both.from, "entity_type_id") == type)
            rc = copy_set(s, standard, row->id, err);
    }
    return rc;
}

/* --- rows as they will be -------------------------------------------------------------------- */

static int keep(struct eav_step *s, struct eav_merge *m, const struct buf *image,
                struct ds_error *err)
{
    struct slice *to = &m->wanted[m->wanted_count++];
    *to = (struct slice){arena_copy(&s->arena, image->data, image->len), image->len};
    return to->p ? 0 : eav_no_memory(err);
}

/* A row of the destination, with the ids that there will be. */
static int make_theirs(struct eav_step *s, enum eav_table table, const struct eav_row *row,
                       struct buf *image, struct ds_error *err)
{
    const struct whole_table *t = &s->tables[table].both.here;
    const uint32_t id =
        eav_documents[table].id ? whole_table_column(t, eav_documents[table].id) : UINT32_MAX;
    char called[EAV_STANDING_NAME];
    eav_standing_name(row->id, called);
    const struct slice standing = {(const uint8_t *)called, strlen(called)};
    int rc = eav_split(s, t, row->image, err);
    rc = rc ? rc : image_write_head(image, t->plan.column_count);
    for (uint32_t i = 0; i < t->plan.column_count && rc == 0; i++) {
        char name[70];
        snprintf(name, sizeof name, "%.*s", (int)t->plan.described[i].name.len,
                 (const char *)t->plan.described[i].name.p);
        const struct eav_reference *r = reference_of(table, name);
        rc = i == id ? value_write_uint(image, row->final)
             : row->stands && strcmp(name, eav_documents[table].key[1]) == 0
                 ? whole_table_put(t, i, &standing, image)
             : r && *s->values[i] != VALUE_BYTE_NULL
                 ? value_write_uint(image, final_reference(s, row, t, r))
                 : buf_append(image, s->values[i], value_length(s->values[i]));
    }
    return rc == DS_ENOMEM ? eav_no_memory(err) : rc;
}

/* In a set of both shops an attribute is where the destination has it. */
static int keep_group(struct eav_step *s, const struct buf *theirs, struct buf *image,
                      struct ds_error *err)
{
    const struct whole_table *t = &s->tables[EAV_ASSIGNMENTS].both.here;
    const uint32_t group = whole_table_column(t, "attribute_group_id"),
                   order = whole_table_column(t, "sort_order"), count = t->plan.column_count;
    const uint8_t *there[64], *ours[64];
    BUF_AUTO struct buf made = {0};
    if (count > 64 || image_split((struct slice){theirs->data, theirs->len}, count, there) ||
        image_split((struct slice){image->data, image->len}, count, ours))
        return error_set(err, DS_EFORMAT, "a row of table %s is malformed", t->plan.name);
    int rc = image_write_head(&made, count);
    for (uint32_t i = 0; i < count && rc == 0; i++) {
        const uint8_t *raw = i == group || i == order ? there[i] : ours[i];
        rc = buf_append(&made, raw, value_length(raw));
    }
    buf_clear(image);
    return rc || buf_append(image, made.data, made.len) ? eav_no_memory(err) : 0;
}

static int make_ours(struct eav_step *s, enum eav_table table, const struct eav_row *row,
                     struct buf *image, struct ds_error *err)
{
    struct eav_merge *m = &s->tables[table];
    BUF_AUTO struct buf theirs = {0};
    if (!row->match)
        return map_row_image(m->both.row, row->image, (struct slice){0}, image, err);
    int rc = make_theirs(s, table, &m->theirs.items[row->match - 1], &theirs, err);
    rc = rc ? rc
            : map_row_image_onto(m->both.row, row->image, (struct slice){theirs.data, theirs.len},
                                 image, err);
    return rc || table != EAV_ASSIGNMENTS ? rc : keep_group(s, &theirs, image, err);
}

/* Text of a column of the row in hand. */
static struct slice text_at(const struct eav_step *s, const struct whole_table *t,
                            const char *column)
{
    struct slice raw = eav_raw(s, t, column);
    const uint8_t *p = raw.p;
    struct value v;
    return raw.p && value_read(&p, raw.p + raw.len, &v) == 0 &&
                   (v.kind == VALUE_TEXT || v.kind == VALUE_BYTES)
               ? v.bytes
               : (struct slice){0};
}

/* Code of the type that the row in hand is of, under the ids that there will be. */
static int type_of(struct eav_step *s, const struct whole_table *t, struct slice *code,
                   struct ds_error *err)
{
    const struct eav_merge *types = &s->tables[EAV_TYPES];
    const uint64_t id = number(s, t, "entity_type_id");
    const uint32_t count = t->plan.column_count;
    const uint8_t *values[256];
    int rc = 0;
    *code = (struct slice){0};
    memcpy(values, s->values, count * sizeof *values);
    for (int ours = 1; ours >= 0 && rc == 0 && !code->p; ours--) {
        const struct eav_rows *rows = ours ? &types->ours : &types->theirs;
        const struct whole_table *of = ours ? &types->both.from : &types->both.here;
        for (size_t i = 0; i < rows->count && rc == 0 && !code->p; i++) {
            if ((ours ? rows->items[i].id : rows->items[i].final) != id)
                continue;
            rc = eav_split(s, of, rows->items[i].image, err);
            *code = rc ? *code : text_at(s, of, "entity_type_code");
        }
    }
    memcpy(s->values, values, count * sizeof *values);
    return rc;
}

/* Values that the Customer step makes columns. */
static int make_static(struct eav_step *s, struct buf *image, struct ds_error *err)
{
    const struct whole_table *t = &s->tables[EAV_ATTRIBUTES].both.here;
    const uint32_t backend = whole_table_column(t, "backend_type");
    static const struct slice text = {(const uint8_t *)"static", sizeof "static" - 1};
    BUF_AUTO struct buf made = {0};
    struct slice type;
    if (!s->g->customer || backend == UINT32_MAX)
        return 0;
    int rc = eav_split(s, t, (struct slice){image->data, image->len}, err);
    rc = rc ? rc : type_of(s, t, &type, err);
    if (rc || !migrate_customer_has(s->g, type, text_at(s, t, "attribute_code")))
        return rc;
    rc = image_write_head(&made, t->plan.column_count);
    for (uint32_t i = 0; i < t->plan.column_count && rc == 0; i++)
        rc = i == backend ? whole_table_put(t, i, &text, &made)
                          : buf_append(&made, s->values[i], value_length(s->values[i]));
    buf_clear(image);
    return rc || buf_append(image, made.data, made.len) ? eav_no_memory(err) : 0;
}

static int make_wanted(struct eav_step *s, enum eav_table table, struct ds_error *err)
{
    struct eav_merge *m = &s->tables[table];
    int rc = 0;
    m->wanted = calloc(m->ours.count + m->theirs.count + 1, sizeof *m->wanted);
    if (!m->wanted)
        return eav_no_memory(err);
    for (size_t i = 0; i < m->ours.count + m->theirs.count && rc == 0; i++) {
        const bool ours = i < m->ours.count;
        const struct eav_row *row = ours ? &m->ours.items[i] : &m->theirs.items[i - m->ours.count];
        BUF_AUTO struct buf image = {0};
        if (row->dropped || (!ours && row->match))
            continue;
        rc = ours ? make_ours(s, table, row, &image, err) : make_theirs(s, table, row, &image, err);
        if (rc == DS_ECONFLICT && s->findings) {
            rc = fit_refused(s->findings, eav_documents[table].name, m->ours.count, err);
            continue;
        }
        if (rc == 0 && table == EAV_ATTRIBUTES)
            rc = make_static(s, &image, err);
        rc = rc ? rc : keep(s, m, &image, err);
    }
    return rc;
}

/* --- all of it ------------------------------------------------------------------------------- */

static int add_changes(struct eav_step *s, enum eav_table table, struct ds_error *err)
{
    struct eav_merge *m = &s->tables[table];
    const struct wanted_rows wanted = {.here = &m->both.here,
                                       .rows = m->wanted,
                                       .count = m->wanted_count,
                                       .only = true,
                                       .without_keys = true,
                                       .target = m->both.target,
                                       .all = s->findings ? &m->all : NULL};
    return row_changes_add(&s->changes, &wanted, err);
}

int eav_compute(struct eav_step *s, struct ds_error *err)
{
    int rc = 0;
    for (int i = 0; i < EAV_TABLES && rc == 0; i++) {
        rc = take_rows(s, (enum eav_table)i, true, err);
        rc = rc ? rc : take_rows(s, (enum eav_table)i, false, err);
    }
    for (int i = 0; i < EAV_TABLES && rc == 0; i++) {
        rc = match(s, (enum eav_table)i, err);
        if (rc == 0 && i == EAV_SETS)
            rc = copy_default_set(s, err);
    }
    for (int i = 0; i < EAV_TABLES && rc == 0; i++) {
        rc = make_wanted(s, (enum eav_table)i, err);
        rc = rc ? rc : add_changes(s, (enum eav_table)i, err);
    }
    return rc;
}
