/* The Customer step: customers and their addresses. Values of the attributes that
 * customer_attribute_groups_file lists are rows at the source, and columns of the customer's or the
 * address's row at the destination. Their rows come with the stream of all steps
 * (applier/map/map_flat.h); here are the files, the checks, and the attributes' own rows, which say
 * that the values are columns (backend_type static). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/migrate_changes.h"
#include "agent/cli/migrate_sides.h"
#include "schema/log.h"

#define MAP_OPTION "customer_map_file"
#define DOCUMENTS  "customer_document_groups_file"
#define ATTRIBUTES "customer_attribute_groups_file"

struct customer {
    struct groups *documents, *attributes;
    struct buf paths[2];
    const char **source; /* documents; NULL ends them */
    struct map_columns *columns;
    size_t count;
    struct arena arena;
};

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for customers");
}

/* --- the files ------------------------------------------------------------------------------- */

static int need_group(const struct groups *groups, const struct buf *path, const char *name,
                      const struct group **out, struct ds_error *err)
{
    *out = groups_find(groups, name);
    return *out ? 0
                : error_set(err, DS_EUSAGE,
                            "%.*s: there is no group %s, which the Customer step needs",
                            (int)path->len, (const char *)path->data, name);
}

static bool group_has(const struct group *group, const char *name)
{
    size_t i = 0;
    while (i < group->count && strcmp(group->items[i].name, name) != 0)
        i++;
    return i < group->count;
}

/* Names of the group, but for those that `without` has (NULL: all), ended by NULL. */
static const char **names_of(struct customer *c, const struct group *group,
                             const struct group *without)
{
    const char **names = arena_zalloc(&c->arena, (group->count + 1) * sizeof *names);
    size_t count = 0;
    for (size_t i = 0; names && i < group->count; i++)
        if (!without || !group_has(without, group->items[i].name))
            names[count++] = group->items[i].name;
    return names;
}

/* The one document of a type's that has the entities themselves. */
static int add_type(struct customer *c, const char *type, const struct group *entities,
                    bool upgrade, struct ds_error *err)
{
    const struct group *documents, *codes;
    struct map_columns *to = &c->columns[c->count];
    int rc = need_group(c->documents, &c->paths[0], type, &documents, err);
    if (rc)
        return rc;
    *to = (struct map_columns){.type = type, .upgrade_passwords = upgrade};
    for (size_t i = 0; i < documents->count; i++)
        if (group_has(entities, documents->items[i].name))
            to->document = documents->items[i].name;
    if (!to->document)
        return error_set(err, DS_EUSAGE,
                         "%s:%u: group %s has no document of the group source_entity_documents",
                         buf_cstr(&c->paths[0]), documents->line, type);
    codes = groups_find(c->attributes, to->document);
    if (!codes)
        return 0;
    to->values = names_of(c, documents, entities);
    to->codes = names_of(c, codes, NULL);
    c->count++;
    return to->values && to->codes ? 0 : no_memory(err);
}

static int read_groups(struct customer *c, bool upgrade, struct ds_error *err)
{
    const struct group *source = NULL, *entities = NULL, *types = NULL;
    const struct buf *path = &c->paths[0];
    int rc = need_group(c->documents, path, "source_documents", &source, err);
    rc = rc ? rc : need_group(c->documents, path, "source_entity_documents", &entities, err);
    rc = rc ? rc : need_group(c->documents, path, "eav_entities", &types, err);
    if (rc)
        return rc;
    c->source = names_of(c, source, NULL);
    c->columns = arena_zalloc(&c->arena, (types->count + 1) * sizeof *c->columns);
    if (!c->source || !c->columns)
        return no_memory(err);
    for (size_t i = 0; i < types->count && rc == 0; i++)
        rc = add_type(c, types->items[i].name, entities, upgrade, err);
    return rc;
}

int migrate_customer_open(struct migrating *g, struct ds_error *err)
{
    const struct handler *whose;
    if (g->mode == MIGRATION_SETTINGS || !migrate_has_step(g, CUSTOMER_STEP "\\") ||
        handlers_step(g->own, CUSTOMER_STEP, &whose))
        return 0;
    struct customer *c = g->customer = calloc(1, sizeof *c);
    if (!c)
        return no_memory(err);
    const char *upgrade = migration_option(g->migration, "upgrade_customer_password_hash");
    int rc = migration_file(g->migration, DOCUMENTS, &c->paths[0], err);
    rc = rc ? rc : groups_read(&c->documents, buf_cstr(&c->paths[0]), err);
    rc = rc ? rc : migration_file(g->migration, ATTRIBUTES, &c->paths[1], err);
    rc = rc ? rc : groups_read(&c->attributes, buf_cstr(&c->paths[1]), err);
    return rc ? rc : read_groups(c, upgrade && *upgrade && strcmp(upgrade, "0") != 0, err);
}

void migrate_customer_free(struct customer *c)
{
    if (!c)
        return;
    groups_free(c->documents);
    groups_free(c->attributes);
    buf_free(&c->paths[0]);
    buf_free(&c->paths[1]);
    arena_free(&c->arena);
    free(c);
}

const struct map_columns *migrate_customer_columns(const struct migrating *g, size_t i)
{
    return g->customer && i < g->customer->count ? &g->customer->columns[i] : NULL;
}

static bool is_text(struct slice s, const char *text)
{
    return s.len == strlen(text) && memcmp(s.p, text, s.len) == 0;
}

bool migrate_customer_has(const struct migrating *g, struct slice type, struct slice code)
{
    const struct map_columns *c;
    for (size_t i = 0; (c = migrate_customer_columns(g, i)); i++)
        for (const char *const *name = c->codes; is_text(type, c->type) && *name; name++)
            if (is_text(code, *name))
                return true;
    return false;
}

int migrate_add_customer(struct migrating *g, struct map *map, struct buf *text,
                         struct ds_error *err)
{
    struct customer *c = g->customer;
    if (!c)
        return 0;
    int rc = migrate_add_step(g, map, CUSTOMER_STEP, MAP_OPTION, c->source, &c->arena, text, err);
    rc = rc ? rc : migrate_add_text(text, DOCUMENTS, buf_cstr(&c->paths[0]), err);
    rc = rc ? rc : migrate_add_text(text, ATTRIBUTES, buf_cstr(&c->paths[1]), err);
    for (size_t i = 0; i < c->count && rc == 0; i++)
        rc = map_add_columns(map, &c->columns[i], err);
    if (rc == 0 && c->count && c->columns[0].upgrade_passwords &&
        buf_puts(text, "upgrade_customer_password_hash\n"))
        rc = no_memory(err);
    return rc;
}

/* --- integrity ------------------------------------------------------------------------------- */

static const char *prefix_of(const struct migrating *g, bool source)
{
    return source ? g->in->config.source.prefix : g->in->config.destination.prefix;
}

/* "'a','b'" */
static int put_codes(const struct map_columns *c, struct buf *out)
{
    int rc = 0;
    for (size_t i = 0; c->codes[i]; i++)
        rc |= (i ? buf_puts(out, ",") : 0) | sql_string(out, c->codes[i], strlen(c->codes[i]));
    return rc;
}

static int has_attribute(struct migrating *g, MYSQL *db, const char *type, const char *code,
                         bool *has, struct ds_error *err)
{
    BUF_AUTO struct buf literals = {0};
    const char *p = prefix_of(g, true);
    uint64_t count = 0;
    bool found;
    if (sql_string(&literals, type, strlen(type)) |
        buf_puts(&literals, " AND a.attribute_code = BINARY ") |
        sql_string(&literals, code, strlen(code)))
        return no_memory(err);
    int rc = db_scalar_u64(db, &count, &found, err,
                           "SELECT COUNT(*) FROM `%seav_attribute` a JOIN `%seav_entity_type` t ON "
                           "t.entity_type_id = a.entity_type_id WHERE t.entity_type_code = %s",
                           p, p, buf_cstr(&literals));
    *has = count > 0;
    return rc;
}

static int check_attributes(struct migrating *g, MYSQL *db, const struct map_columns *c, bool *good,
                            struct ds_error *err)
{
    int rc = 0;
    for (size_t i = 0; c->codes[i] && rc == 0; i++) {
        bool has = true;
        rc = has_attribute(g, db, c->type, c->codes[i], &has, err);
        if (rc || has)
            continue;
        log_write(g->in->automatic ? LOG_LEVEL_WARN : LOG_LEVEL_ERROR,
                  "Attribute %s does not exist in the type %s (group %s of %s: take it out)",
                  c->codes[i], c->type, c->document, buf_cstr(&g->customer->paths[1]));
        *good = false;
    }
    return rc;
}

/* Columns that values are to go to: nothing would bring them without. */
static int check_columns(struct migrating *g, MYSQL *db, const struct map_columns *c, bool *good,
                         struct ds_error *err)
{
    const struct map *map = filter_map(g->in->filter);
    const char *there = map_document(map, MAP_SOURCE, c->document);
    BUF_AUTO struct buf name = {0}, literal = {0}, missing = {0};
    int rc = buf_printf(&name, "%s%s", prefix_of(g, false), there ? there : c->document) |
             sql_string(&literal, name.data, name.len);
    for (size_t i = 0; c->codes[i] && rc == 0; i++) {
        BUF_AUTO struct buf code = {0};
        uint64_t count = 0;
        bool found;
        if (sql_string(&code, c->codes[i], strlen(c->codes[i])))
            return no_memory(err);
        rc = db_scalar_u64(db, &count, &found, err,
                           "SELECT COUNT(*) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = "
                           "DATABASE() AND TABLE_NAME = %s AND COLUMN_NAME = %s",
                           buf_cstr(&literal), buf_cstr(&code));
        if (rc == 0 && !count && buf_printf(&missing, "%s%s", missing.len ? "," : "", c->codes[i]))
            return no_memory(err);
    }
    if (rc == DS_ENOMEM)
        return no_memory(err);
    if (rc == 0 && missing.len) {
        log_error("Destination fields are missing. Document: %s. Fields: %s (group %s of %s names "
                  "them: add them there, or take them out)",
                  there ? there : c->document, buf_cstr(&missing), c->document,
                  buf_cstr(&g->customer->paths[1]));
        *good = false;
    }
    return rc;
}

int migrate_customer_integrity(struct migrating *g, bool *good, struct ds_error *err)
{
    static const char *const eav[] = {"eav_attribute", "eav_entity_type", NULL};
    struct step_sides sides;
    const struct map_columns *c;
    bool fields = true;
    int rc = step_sides_open(&sides, &g->in->config, err);
    rc = rc ? rc : step_side_check(&sides.source, true, prefix_of(g, true), eav, good, err);
    rc = rc ? rc : step_side_check(&sides.destination, false, prefix_of(g, false), eav, good, err);
    rc = rc ? rc
            : step_side_check(&sides.source, true, prefix_of(g, true), g->customer->source, good,
                              err);
    for (size_t i = 0; *good && rc == 0 && (c = migrate_customer_columns(g, i)); i++) {
        rc = check_attributes(g, sides.source.db, c, &fields, err);
        rc = rc ? rc : check_columns(g, sides.destination.db, c, &fields, err);
    }
    step_sides_close(&sides);
    bool structure = true;
    rc = rc ? rc : migrate_step_integrity(g, CUSTOMER_STEP, MAP_OPTION, &structure, err);
    *good &= fields && structure;
    return rc;
}

/* --- attributes whose values are columns ------------------------------------------------------ */

/* Rows of eav_attribute at the destination that do not say so yet. */
static int read_attributes(struct migrating *g, const struct map_columns *c, struct whole_table *t,
                           struct ds_error *err)
{
    struct snapshot_source side = {0};
    BUF_AUTO struct buf where = {0}, name = {0};
    if (!*c->codes)
        return 0;
    if (buf_puts(&where, "backend_type <> 'static' AND attribute_code IN (") |
        put_codes(c, &where) |
        buf_printf(&where,
                   ") AND entity_type_id IN (SELECT entity_type_id FROM `%seav_entity_type` WHERE "
                   "entity_type_code = ",
                   prefix_of(g, false)) |
        sql_string(&where, c->type, strlen(c->type)) | buf_puts(&where, ")") |
        buf_printf(&name, "%seav_attribute", prefix_of(g, false)))
        return no_memory(err);
    int rc = source_open_destination(&side, &g->in->config, err);
    rc = rc ? rc
            : whole_table_read_where(t, &side, buf_cstr(&name), 0, buf_cstr(&where), 0,
                                     g->in->config.max_event, err);
    source_close(&side);
    return rc;
}

/* The row with its backend_type, and nothing else but its key. */
static int make_static(const struct whole_table *t, struct slice row, struct buf *image,
                       struct ds_error *err)
{
    static const struct slice text = {(const uint8_t *)"static", sizeof "static" - 1};
    const uint32_t backend = whole_table_column(t, "backend_type"), count = t->plan.column_count;
    const uint8_t **values = calloc(count + 1, sizeof *values);
    int rc = values ? image_split(row, count, values) : DS_ENOMEM;
    rc = rc ? rc : image_write_head(image, count);
    for (uint32_t i = 0; i < count && rc == 0; i++) {
        if (i == backend)
            rc = whole_table_put(t, i, &text, image);
        else if (t->plan.described[i].flags & COLUMN_KEY)
            rc = buf_append(image, values[i], value_length(values[i]));
        else
            rc = value_write_absent(image);
    }
    free(values);
    return rc ? error_set(err, rc, "a row of table %s cannot be changed", t->plan.name) : 0;
}

static int write_static(struct migrating *g, struct whole_table *t, bool *good,
                        struct ds_error *err)
{
    struct row_changes changes = {0};
    struct arena arena = {0};
    struct slice *rows = arena_zalloc(&arena, (t->count + 1) * sizeof *rows);
    int rc = rows ? 0 : no_memory(err);
    for (size_t i = 0; i < t->count && rc == 0; i++) {
        BUF_AUTO struct buf image = {0};
        rc = make_static(t, t->rows[i], &image, err);
        rows[i] = (struct slice){arena_copy(&arena, image.data, image.len), image.len};
        if (rc == 0 && !rows[i].p)
            rc = no_memory(err);
    }
    const struct wanted_rows wanted = {
        .here = t, .rows = rows, .count = t->count, .without_keys = true};
    rc = rc ? rc : row_changes_add(&changes, &wanted, err);
    rc = rc ? rc : row_changes_write(g, &changes, good, err);
    if (rc == 0 && *good && changes.updated)
        log_info("attributes whose values are columns now: %zu", t->count);
    row_changes_free(&changes);
    arena_free(&arena);
    return rc;
}

int migrate_customer_data(struct migrating *g, bool *good, struct ds_error *err)
{
    const struct map_columns *c;
    int rc = migrate_map_data(g, good, err);
    for (size_t i = 0; rc == 0 && *good && !g->stopped && (c = migrate_customer_columns(g, i));
         i++) {
        struct whole_table t = {0};
        rc = read_attributes(g, c, &t, err);
        if (rc == 0 && t.count)
            rc = write_static(g, &t, good, err);
        whole_table_free(&t);
    }
    return rc;
}

int migrate_customer_volume(struct migrating *g, bool *good, struct ds_error *err)
{
    const struct map_columns *c;
    int rc = migrate_step_volume(g, CUSTOMER_STEP, good, err);
    for (size_t i = 0; rc == 0 && (c = migrate_customer_columns(g, i)); i++) {
        struct whole_table t = {0};
        rc = read_attributes(g, c, &t, err);
        if (rc == 0 && t.count) {
            log_error("Mismatch of attributes: %zu of type %s are columns of %s and have another "
                      "backend_type than static",
                      t.count, c->type, c->document);
            *good = false;
        }
        whole_table_free(&t);
    }
    return rc;
}
