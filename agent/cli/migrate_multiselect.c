/* Of the PostProcessing step: values of products' multiselect attributes.
 *
 * The old shop keeps them in catalog_product_entity_text, the new one, where the attribute says so
 * (backend_type varchar), in catalog_product_entity_varchar. A value is a list of ids of options;
 * those of options that are gone go, and so do empty items.
 *
 * What has to be there is made of the source's rows, as of one position that the stream is brought
 * to, and compared with what is: so it does not matter which of it is there already, nor what has
 * come by the stream meanwhile. Rows that move get numbers far behind the source's, which goes on
 * giving some.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/migrate_changes.h"
#include "agent/cli/migrate_leftovers.h"
#include "agent/cli/migrate_sides.h"
#include "applier/map/map_facts.h"
#include "schema/list.h"
#include "schema/log.h"

#define FAR                                                                                        \
    1000000u /* numbers that the source may give before it comes to those of rows that move */

enum place { VARCHAR, TEXT, PLACES };
static const char *const documents[PLACES] = {"catalog_product_entity_varchar",
                                              "catalog_product_entity_text"};

struct attribute {
    uint64_t id;
    bool moves;  /* to VARCHAR */
    bool listed; /* its options are in the shop's table of options */
};

struct pair { /* of ids */
    uint64_t first, second;
};

struct pairs { /* in order */
    struct pair *items;
    size_t count, capacity;
};

struct row {
    struct slice triple, image; /* triple: attribute, store and product */
    uint64_t id;
};

struct values {
    struct step_table t;
    bool there;
    uint32_t columns, id, value, keys[3]; /* ordinals; keys: of the triple, the attribute first */
    struct row *wanted, *here;
    size_t wanted_count, here_count;
};

struct multiselect {
    struct migrating *g;
    struct step_sides sides;
    struct target *schema;
    struct map_servers *servers;
    struct attribute *attributes; /* by id */
    size_t attribute_count, attribute_capacity;
    struct pairs options;  /* attribute, option */
    struct pairs in_sets;  /* set, attribute */
    struct pairs products; /* product, its set */
    struct values places[PLACES];
    struct arena arena;
    uint64_t next; /* number for a row that moves */
};

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for values of multiselect attributes");
}

/* --- attributes and options ------------------------------------------------------------------ */

static bool is_table_of_options(const char *source_model)
{
    static const char *const models[] = {"", "eav/entity_attribute_source_table",
                                         "Magento\\Eav\\Model\\Entity\\Attribute\\Source\\Table"};
    size_t i = 0;
    while (i < sizeof models / sizeof *models && strcmp(models[i], source_model) != 0)
        i++;
    return i < sizeof models / sizeof *models;
}

static int read_attributes(struct multiselect *m, MYSQL *db, struct ds_error *err)
{
    const char *p = m->g->in->config.destination.prefix;
    MYSQL_RES *rows = db_select(
        db, err,
        "SELECT a.attribute_id, a.backend_type, COALESCE(a.source_model, '') FROM "
        "`%seav_attribute` a JOIN `%seav_entity_type` t ON t.entity_type_id = a.entity_type_id "
        "WHERE t.entity_type_code = 'catalog_product' AND a.frontend_input = 'multiselect' AND "
        "a.backend_type IN ('varchar', 'text') ORDER BY a.attribute_id",
        p, p);
    if (!rows)
        return err->code;
    int rc = 0;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(rows));) {
        if (LIST_ROOM(m->attributes, m->attribute_count, m->attribute_capacity))
            rc = no_memory(err);
        else
            m->attributes[m->attribute_count++] =
                (struct attribute){.id = strtoull(row[0], NULL, 10),
                                   .moves = strcmp(row[1], "varchar") == 0,
                                   .listed = is_table_of_options(row[2])};
    }
    mysql_free_result(rows);
    return rc;
}

static int by_ids(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    return (x->second > y->second) - (x->second < y->second);
}

static int by_first(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    return (x->first > y->first) - (x->first < y->first);
}

static int read_pairs(MYSQL *db, const char *sql, struct pairs *to, struct ds_error *err)
{
    MYSQL_RES *rows = db_select(db, err, "%s", sql);
    if (!rows)
        return err->code;
    int rc = 0;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(rows));) {
        if (LIST_ROOM(to->items, to->count, to->capacity))
            rc = no_memory(err);
        else
            to->items[to->count++] =
                (struct pair){strtoull(row[0], NULL, 10), strtoull(row[1], NULL, 10)};
    }
    mysql_free_result(rows);
    if (rc == 0 && to->count)
        qsort(to->items, to->count, sizeof *to->items, by_ids);
    return rc;
}

static bool has_pair(const struct pairs *list, uint64_t first, uint64_t second)
{
    const struct pair like = {first, second};
    return list->count && bsearch(&like, list->items, list->count, sizeof like, by_ids) != NULL;
}

static const struct pair *find_first(const struct pairs *list, uint64_t first)
{
    const struct pair like = {first, 0};
    return list->count ? bsearch(&like, list->items, list->count, sizeof like, by_first) : NULL;
}

static int read_options(struct multiselect *m, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    if (buf_printf(&sql, "SELECT attribute_id, option_id FROM `%seav_attribute_option`",
                   m->g->in->config.destination.prefix))
        return no_memory(err);
    return read_pairs(m->sides.destination.db, buf_cstr(&sql), &m->options, err);
}

/* What the step deletes as not in the product's set does not come. */
static int read_sets(struct multiselect *m, struct ds_error *err)
{
    const char *p = m->g->in->config.destination.prefix;
    MYSQL *db = m->sides.destination.db;
    BUF_AUTO struct buf sets = {0}, products = {0};
    bool staged = false;
    int rc = leftovers_has_column(m->g, db, "catalog_product_entity", "row_id", &staged, err);
    if (rc == 0 &&
        buf_printf(&sets, "SELECT attribute_set_id, attribute_id FROM `%seav_entity_attribute`",
                   p) |
            buf_printf(&products, "SELECT %s, attribute_set_id FROM `%scatalog_product_entity`",
                       staged ? "row_id" : "entity_id", p))
        return no_memory(err);
    rc = rc ? rc : read_pairs(db, buf_cstr(&sets), &m->in_sets, err);
    return rc ? rc : read_pairs(db, buf_cstr(&products), &m->products, err);
}

static bool is_in_set(const struct multiselect *m, uint64_t product, uint64_t attribute)
{
    const struct pair *p = find_first(&m->products, product);
    return !p || has_pair(&m->in_sets, p->second, attribute);
}

/* Of an attribute without a single option nobody can tell which are gone. */
static void settle_listed(struct multiselect *m, bool table)
{
    for (size_t i = 0; i < m->attribute_count; i++) {
        struct attribute *a = &m->attributes[i];
        a->listed &= table && find_first(&m->options, a->id) != NULL;
    }
}

static const struct attribute *find_attribute(const struct multiselect *m, uint64_t id)
{
    size_t i = 0;
    while (i < m->attribute_count && m->attributes[i].id != id)
        i++;
    return i < m->attribute_count ? &m->attributes[i] : NULL;
}

/* --- rows ------------------------------------------------------------------------------------ */

static int put_condition(const struct multiselect *m, const char *in, struct buf *out)
{
    int rc = buf_printf(out, "attribute_id %s (", in);
    for (size_t i = 0; i < m->attribute_count; i++)
        rc |= buf_printf(out, "%s%" PRIu64, i ? "," : "", m->attributes[i].id);
    return rc | buf_puts(out, ")");
}

static bool is_there(const struct multiselect *m, const char *document)
{
    const struct map *map = filter_map(m->g->in->filter);
    const struct config *c = &m->g->in->config;
    const char *there = map_document(map, MAP_SOURCE, document);
    BUF_AUTO struct buf here = {0}, source = {0};
    if (!there || strcmp(there, document) != 0 || map_step(map, MAP_SOURCE, document) ||
        buf_printf(&here, "%s%s", c->destination.prefix, document) ||
        buf_printf(&source, "%s%s", c->source.prefix, document) ||
        !filter_keeps(m->g->in->filter, buf_cstr(&source)))
        return false;
    const struct target_table *t = target_find(m->schema, buf_cstr(&here), here.len);
    return t && t->exists && !t->view;
}

/* Ordinals; false: it has not the columns that values have. */
static bool find_columns(struct values *v)
{
    const struct whole_table *t = &v->t.here;
    const uint32_t staged = whole_table_column(t, "row_id");
    v->columns = t->plan.column_count;
    v->id = whole_table_column(t, "value_id");
    v->value = whole_table_column(t, "value");
    v->keys[0] = whole_table_column(t, "attribute_id");
    v->keys[1] = whole_table_column(t, "store_id");
    v->keys[2] = staged != UINT32_MAX ? staged : whole_table_column(t, "entity_id");
    return v->id != UINT32_MAX && v->value != UINT32_MAX && v->keys[0] != UINT32_MAX &&
           v->keys[1] != UINT32_MAX && v->keys[2] != UINT32_MAX;
}

static bool number_of(const uint8_t *raw, uint64_t *out)
{
    return value_id((struct slice){raw, value_length(raw)}, out);
}

static int take_row(struct multiselect *m, const struct values *v, struct slice image,
                    const uint8_t **columns, struct row *out, struct ds_error *err)
{
    BUF_AUTO struct buf triple = {0};
    if (image_split(image, v->columns, columns) || !number_of(columns[v->id], &out->id))
        return error_set(err, DS_ESCHEMA, "a row of table %s has no value_id", v->t.here.plan.name);
    for (int k = 0; k < 3; k++)
        if (buf_append(&triple, columns[v->keys[k]], value_length(columns[v->keys[k]])))
            return no_memory(err);
    out->image = image;
    out->triple = (struct slice){arena_copy(&m->arena, triple.data, triple.len), triple.len};
    return out->triple.p ? 0 : no_memory(err);
}

static int by_triple(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    size_t len = x->triple.len < y->triple.len ? x->triple.len : y->triple.len;
    int order = memcmp(x->triple.p, y->triple.p, len);
    return order ? order : (x->triple.len > y->triple.len) - (x->triple.len < y->triple.len);
}

static int take_rows(struct multiselect *m, const struct values *v, const struct slice *images,
                     size_t count, size_t room, struct row **out, struct ds_error *err)
{
    const uint8_t **columns = arena_zalloc(&m->arena, (v->columns + 1) * sizeof *columns);
    int rc = 0;
    *out = arena_zalloc(&m->arena, (count + room + 1) * sizeof **out);
    if (!*out || !columns)
        return no_memory(err);
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = take_row(m, v, images[i], columns, &(*out)[i], err);
    if (rc == 0 && count)
        qsort(*out, count, sizeof **out, by_triple);
    return rc;
}

static struct row *find_row(struct row *rows, size_t count, const struct row *like)
{
    return count ? bsearch(like, rows, count, sizeof *rows, by_triple) : NULL;
}

/* --- what values become ---------------------------------------------------------------------- */

/* Is it the id of an option that is gone? */
static bool is_gone(const struct multiselect *m, const struct attribute *a, const char *item,
                    size_t len)
{
    char number[24];
    if (!a->listed || !len || len >= sizeof number)
        return false;
    memcpy(number, item, len); /* which nothing ends */
    number[len] = 0;
    return strspn(number, "0123456789") == len &&
           !has_pair(&m->options, a->id, strtoull(number, NULL, 10));
}

static int clean_list(const struct multiselect *m, const struct attribute *a, struct slice value,
                      struct buf *out)
{
    const char *p = (const char *)value.p, *end = p + value.len;
    int rc = 0;
    while (p < end && rc == 0) {
        const char *comma = memchr(p, ',', (size_t)(end - p)), *stop = comma ? comma : end;
        const char *first = p;
        size_t len;
        p = comma ? comma + 1 : end;
        while (first < stop && *first == ' ')
            first++;
        for (len = (size_t)(stop - first); len && first[len - 1] == ' ';)
            len--;
        if (len && !is_gone(m, a, first, len))
            rc = (out->len ? buf_puts(out, ",") : 0) | buf_append(out, first, len);
    }
    return rc;
}

/* Append the value of the list; of one that has become empty NULL. */
static int put_list(const struct multiselect *m, const struct attribute *a, const uint8_t *raw,
                    struct buf *out)
{
    BUF_AUTO struct buf clean = {0};
    const uint8_t *p = raw;
    struct value v;
    if (value_read(&p, raw + value_length(raw), &v) ||
        (v.kind != VALUE_TEXT && v.kind != VALUE_BYTES))
        return buf_append(out, raw, value_length(raw));
    if (clean_list(m, a, v.bytes, &clean))
        return DS_ENOMEM;
    if (clean.len == v.bytes.len)
        return buf_append(out, raw, value_length(raw));
    return clean.len ? value_write_bytes(out, clean.data, clean.len) : value_write_null(out);
}

/* The row of `from` as one of `to`, with its number there. */
static int remake(struct multiselect *m, const struct values *from, const struct values *to,
                  struct row *row, struct ds_error *err)
{
    const uint8_t **columns = calloc(from->columns + 1, sizeof *columns);
    BUF_AUTO struct buf image = {0};
    uint64_t attribute = 0;
    int rc = columns && image_split(row->image, from->columns, columns) == 0 ? 0 : DS_ENOMEM;
    if (rc == 0)
        (void)number_of(columns[from->keys[0]], &attribute);
    const struct attribute *a = find_attribute(m, attribute);
    rc = rc ? rc : image_write_head(&image, to->columns);
    for (uint32_t i = 0; i < to->columns && rc == 0; i++) {
        const struct slice name = to->t.here.plan.described[i].name;
        char text[65] = "";
        memcpy(text, name.p, name.len < 64 ? name.len : 64);
        const uint32_t at = from == to ? i : whole_table_column(&from->t.here, text);
        rc = i == to->id              ? value_write_uint(&image, row->id)
             : at == UINT32_MAX       ? value_write_absent(&image)
             : a && at == from->value ? put_list(m, a, columns[at], &image)
                                      : buf_append(&image, columns[at], value_length(columns[at]));
    }
    free(columns);
    if (rc)
        return no_memory(err);
    row->image = (struct slice){arena_copy(&m->arena, image.data, image.len), image.len};
    return row->image.p ? 0 : no_memory(err);
}

/* --- rows that move -------------------------------------------------------------------------- */

static int by_number(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static int next_number(struct multiselect *m, struct ds_error *err)
{
    const struct config *c = &m->g->in->config;
    uint64_t there = 0, here = 0;
    bool found;
    int rc = db_scalar_u64(m->sides.source.db, &there, &found, err,
                           "SELECT COALESCE(MAX(value_id), 0) FROM `%s%s`", c->source.prefix,
                           documents[VARCHAR]);
    rc = rc ? rc
            : db_scalar_u64(m->sides.destination.db, &here, &found, err,
                            "SELECT COALESCE(MAX(value_id), 0) FROM `%s%s`", c->destination.prefix,
                            documents[VARCHAR]);
    m->next = there + FAR > here ? there + FAR : here + 1;
    return rc;
}

/* Rows of attributes whose values are VARCHAR's: of `text` they go to the end of `to`. */
static int move_rows(struct multiselect *m, struct ds_error *err)
{
    struct values *to = &m->places[VARCHAR], *from = &m->places[TEXT];
    const size_t own = to->wanted_count;
    uint64_t *taken = arena_zalloc(&m->arena, (own + 1) * sizeof *taken);
    size_t stay = 0;
    int rc = taken ? next_number(m, err) : no_memory(err);
    for (size_t i = 0; rc == 0 && i < own; i++)
        taken[i] = to->wanted[i].id;
    if (rc == 0 && own)
        qsort(taken, own, sizeof *taken, by_number);
    for (size_t i = 0; i < from->wanted_count && rc == 0; i++) {
        struct row row = from->wanted[i], *same = find_row(to->wanted, own, &row);
        const struct row *had = find_row(to->here, to->here_count, &row);
        uint64_t attribute = 0;
        (void)number_of(row.triple.p, &attribute);
        const struct attribute *a = find_attribute(m, attribute);
        if (!a || !a->moves) {
            from->wanted[stay++] = row;
            continue;
        }
        bool free_number =
            had && !(own && bsearch(&had->id, taken, own, sizeof had->id, by_number));
        row.id = same ? same->id : free_number ? had->id : m->next++;
        rc = remake(m, from, to, &row, err);
        if (same)
            *same = row;
        else
            to->wanted[to->wanted_count++] = row;
    }
    from->wanted_count = stay;
    return rc;
}

/* --------------------------------------------------------------------------------------------- */

static int open_place(struct multiselect *m, enum place place, struct ds_error *err)
{
    struct values *v = &m->places[place];
    BUF_AUTO struct buf where = {0};
    if (!is_there(m, documents[place]))
        return 0;
    if (put_condition(m, "IN", &where))
        return no_memory(err);
    const struct step_table_options o = {.sides = &m->sides,
                                         .schema = m->schema,
                                         .config = &m->g->in->config,
                                         .map = filter_map(m->g->in->filter),
                                         .facts = map_servers_facts(m->servers),
                                         .document = documents[place],
                                         .number = place + 1,
                                         .where = {buf_cstr(&where), buf_cstr(&where)}};
    v->there = true;
    int rc = step_table_open(&v->t, &o, err);
    if (rc == 0 && !find_columns(v)) {
        log_warn("document=%s has not the columns of values: multiselect values stay as they are",
                 documents[place]);
        step_table_free(&v->t);
        *v = (struct values){0};
    }
    return rc;
}

/* room: for rows of the other one. */
static int take_place(struct multiselect *m, struct values *v, size_t room, struct ds_error *err)
{
    struct step_images images;
    if (!v->there)
        return 0;
    int rc = step_table_images(&v->t, &m->arena, NULL, &images, err);
    v->wanted_count = images.count;
    v->here_count = v->t.here.count;
    rc = rc ? rc : take_rows(m, v, images.rows, v->wanted_count, room, &v->wanted, err);
    return rc ? rc : take_rows(m, v, v->t.here.rows, v->here_count, 0, &v->here, err);
}

/* A triple's parts. */
static void ids_of(struct slice triple, uint64_t *attribute, uint64_t *product)
{
    const uint8_t *p = triple.p;
    (void)number_of(p, attribute);
    p += value_length(p);
    p += value_length(p);
    (void)number_of(p, product);
}

static int add_changes(struct multiselect *m, enum place place, struct row_changes *changes,
                       struct ds_error *err)
{
    struct values *v = &m->places[place];
    const bool sets = leftovers_cleans_sets(m->g, documents[place]);
    struct slice *images = arena_zalloc(&m->arena, (v->wanted_count + 1) * sizeof *images);
    size_t count = 0;
    int rc = images ? 0 : no_memory(err);
    for (size_t i = 0; i < v->wanted_count && rc == 0; i++) {
        uint64_t attribute = 0, product = 0;
        ids_of(v->wanted[i].triple, &attribute, &product);
        if (!sets || is_in_set(m, product, attribute))
            images[count++] = v->wanted[i].image;
    }
    const struct wanted_rows wanted = {.here = &v->t.here,
                                       .rows = images,
                                       .count = count,
                                       .only = true,
                                       .without_keys = true,
                                       .target = v->t.target};
    return rc || !v->there ? rc : row_changes_add(changes, &wanted, err);
}

static int compute(struct multiselect *m, struct row_changes *changes, struct ds_error *err)
{
    struct values *places = m->places;
    int rc = 0;
    for (int i = 0; i < PLACES && rc == 0; i++)
        rc = open_place(m, (enum place)i, err);
    rc = rc ? rc : take_place(m, &places[VARCHAR], places[TEXT].t.from.count, err);
    rc = rc ? rc : take_place(m, &places[TEXT], 0, err);
    for (int i = 0; i < PLACES; i++)
        for (size_t k = 0; k < places[i].wanted_count && rc == 0; k++)
            rc = remake(m, &places[i], &places[i], &places[i].wanted[k], err);
    if (rc == 0 && places[VARCHAR].there && places[TEXT].there)
        rc = move_rows(m, err);
    for (int i = 0; i < PLACES && rc == 0; i++)
        rc = add_changes(m, (enum place)i, changes, err);
    return rc;
}

/* *any: there are such attributes. */
static int open_all(struct multiselect *m, bool *any, struct ds_error *err)
{
    const struct config *c = &m->g->in->config;
    bool input = false, table = false;
    MYSQL *db = m->sides.destination.db;
    int rc = leftovers_has_column(m->g, db, "eav_attribute", "frontend_input", &input, err);
    rc = rc || !input ? rc : read_attributes(m, db, err);
    *any = rc == 0 && m->attribute_count > 0;
    if (rc || !*any)
        return rc;
    rc = leftovers_has_column(m->g, db, "eav_attribute_option", "option_id", &table, err);
    rc = rc || !table ? rc : read_options(m, err);
    settle_listed(m, table);
    rc = rc ? rc : read_sets(m, err);
    rc = rc ? rc : target_new(&m->schema, db, c->destination.database, err);
    rc = rc ? rc : map_servers_new(&m->servers, c, filter_map(m->g->in->filter), m->g->own, err);
    if (rc == 0)
        map_servers_attach(m->servers, m->schema);
    return rc;
}

static int bring(struct multiselect *m, bool *good, struct ds_error *err)
{
    struct row_changes changes = {0};
    bool any = false;
    int rc = open_all(m, &any, err);
    rc = rc || !any ? rc : compute(m, &changes, err);
    step_sides_close(&m->sides);
    if (rc == 0 && changes.inserted + changes.updated + changes.deleted)
        log_info("values of multiselect attributes: new=%" PRIu64 " cleaned=%" PRIu64
                 " gone=%" PRIu64,
                 changes.inserted, changes.updated, changes.deleted);
    rc = rc ? rc : row_changes_write(m->g, &changes, good, err);
    row_changes_free(&changes);
    return rc;
}

int migrate_multiselect(struct migrating *g, bool *good, struct ds_error *err)
{
    struct multiselect m = {.g = g};
    struct position at = {0};
    const struct snapshot_options o = {.config = &g->in->config};
    if (!migrate_asks_source(g)) {
        log_info("multiselect values stay as they are: with --file the source is not asked");
        return 0;
    }
    int rc = source_open(&m.sides.source, &g->in->config, err);
    if (rc == 0)
        rc = g->in->changelog ? source_begin_alone(&m.sides.source, err)
                              : source_begin(&m.sides.source, &o, &at, err);
    if (rc == 0 && !g->in->changelog)
        *good = migrate_follow_to(g, &at) == EXIT_DONE;
    position_free(&at);
    if (rc == 0 && *good && !g->stopped) {
        rc = source_open_destination(&m.sides.destination, &g->in->config, err);
        rc = rc ? rc : source_begin_alone(&m.sides.destination, err);
        rc = rc ? rc : bring(&m, good, err);
    }
    step_sides_close(&m.sides);
    for (int i = 0; i < PLACES; i++)
        if (m.places[i].there)
            step_table_free(&m.places[i].t);
    map_servers_free(m.servers);
    target_free(m.schema);
    free(m.attributes);
    free(m.options.items);
    free(m.in_sets.items);
    free(m.products.items);
    arena_free(&m.arena);
    return rc;
}

/* --- volume ---------------------------------------------------------------------------------- */

bool migrate_multiselect_has(const char *document)
{
    return strcmp(document, documents[VARCHAR]) == 0 || strcmp(document, documents[TEXT]) == 0;
}

int migrate_multiselect_others(struct migrating *g, MYSQL *db, struct buf *condition,
                               struct ds_error *err)
{
    struct multiselect m = {.g = g};
    bool input = false;
    if (!g->leftovers)
        return 0;
    int rc = leftovers_has_column(g, db, "eav_attribute", "frontend_input", &input, err);
    rc = rc || !input ? rc : read_attributes(&m, db, err);
    if (rc == 0 && m.attribute_count && put_condition(&m, "NOT IN", condition))
        rc = no_memory(err);
    free(m.attributes);
    return rc;
}
