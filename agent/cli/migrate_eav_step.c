#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/migrate_eav.h"
#include "agent/cli/migrate_fit.h"
#include "schema/log.h"

enum { MAX_COLUMNS = 256 };

static const char *prefix_of(const struct eav_step *s, enum map_side side)
{
    const struct config *c = &s->g->in->config;
    return side == MAP_SOURCE ? c->source.prefix : c->destination.prefix;
}

void eav_step_close(struct eav_step *s)
{
    for (size_t i = 0; i < EAV_TABLES; i++) {
        struct eav_merge *m = &s->tables[i];
        step_table_free(&m->both);
        free(m->ours.items);
        free(m->theirs.items);
        free(m->wanted);
        row_list_free(&m->all);
    }
    eav_memory_close(s);
    step_sides_close(&s->sides);
    row_changes_free(&s->changes);
    map_servers_free(s->servers);
    target_free(s->schema[MAP_SOURCE]);
    target_free(s->schema[MAP_DESTINATION]);
    map_free(s->map);
    class_map_free(s->classes);
    groups_free(s->attributes);
    arena_free(&s->arena);
    free(s);
}

static int open_files(struct eav_step *s, struct ds_error *err)
{
    const struct migration *m = s->g->migration;
    BUF_AUTO struct buf map = {0}, classes = {0}, attributes = {0};
    int rc = migration_file(m, "eav_map_file", &map, err);
    rc = rc ? rc : map_new(&s->map, err);
    rc = rc ? rc : map_read(s->map, buf_cstr(&map), err);
    rc = rc ? rc : map_check(s->map, err);
    if (rc == 0 && migration_option(m, "class_map")) {
        rc = migration_file(m, "class_map", &classes, err);
        rc = rc ? rc : class_map_read(&s->classes, buf_cstr(&classes), err);
    }
    if (rc == 0 && migration_option(m, "eav_attribute_groups_file")) {
        rc = migration_file(m, "eav_attribute_groups_file", &attributes, err);
        rc = rc ? rc : groups_read(&s->attributes, buf_cstr(&attributes), err);
    }
    return rc;
}

static int open_servers(struct eav_step *s, struct position *at, struct ds_error *err)
{
    const struct config *c = &s->g->in->config;
    int rc = map_servers_new(&s->servers, c, s->map, s->g->own, err);
    rc = rc ? rc : step_sides_open_at(&s->sides, c, at, err);
    rc = rc ? rc : target_new(&s->schema[MAP_SOURCE], s->sides.source.db, c->source.database, err);
    rc = rc ? rc
            : target_new(&s->schema[MAP_DESTINATION], s->sides.destination.db,
                         c->destination.database, err);
    if (rc)
        return rc;
    map_servers_attach(s->servers, s->schema[MAP_DESTINATION]);
    s->facts = *map_servers_facts(s->servers);
    s->facts.classes = s->classes;
    return 0;
}

static int open_step(struct eav_step **out, struct migrating *g, struct position *at,
                     struct ds_error *err)
{
    struct eav_step *s = *out = calloc(1, sizeof *s);
    if (!s)
        return error_set(err, DS_ENOMEM, "out of memory for the EAV step");
    s->g = g;
    int rc = open_files(s, err);
    return rc ? rc : open_servers(s, at, err);
}

static int open_table(struct eav_step *s, size_t i, struct ds_error *err)
{
    struct step_table *t = &s->tables[i].both;
    const struct step_table_options o = {.sides = &s->sides,
                                         .schema = s->schema[MAP_DESTINATION],
                                         .config = &s->g->in->config,
                                         .map = s->map,
                                         .facts = &s->facts,
                                         .document = eav_documents[i].name,
                                         .number = (uint32_t)i + 1};
    int rc = step_table_open(t, &o, err);
    if (rc == 0 &&
        (t->from.plan.column_count > MAX_COLUMNS || t->here.plan.column_count > MAX_COLUMNS))
        rc = error_set(err, DS_ESCHEMA, "table %s has more than %d columns", eav_documents[i].name,
                       MAX_COLUMNS);
    return rc;
}

static int open_tables(struct eav_step *s, struct ds_error *err)
{
    int rc = 0;
    for (size_t i = 0; i < EAV_TABLES && rc == 0; i++)
        rc = open_table(s, i, err);
    return rc;
}

int eav_step_open(struct eav_step **out, struct migrating *g, struct position *at,
                  struct ds_error *err)
{
    int rc = open_step(out, g, at, err);
    rc = rc ? rc : open_tables(*out, err);
    return rc ? rc : eav_memory_open(*out, err);
}

/* --- integrity ------------------------------------------------------------------------------- */

/* Names of classes that nobody has said anything of. */
static int check_class(struct eav_step *s, size_t i, const struct map_rule *r, bool *good,
                       struct ds_error *err)
{
    const struct whole_table *t = &s->tables[i].both.from;
    int rc = 0;
    for (size_t n = 0; n < t->count && rc == 0; n++) {
        struct value v, id;
        rc = eav_split(s, t, t->rows[n], err);
        struct slice raw = rc ? (struct slice){0} : eav_raw(s, t, r->field);
        const uint8_t *p = raw.p, *key = s->values[0];
        if (!raw.p || value_read(&p, raw.p + raw.len, &v) || !v.bytes.len ||
            (v.kind != VALUE_TEXT && v.kind != VALUE_BYTES) ||
            class_map_find(s->classes, (const char *)v.bytes.p, v.bytes.len))
            continue;
        bool has_id = value_read(&key, key + value_length(key), &id) == 0 && id.kind == VALUE_UINT;
        log_write(s->g->in->automatic ? LOG_LEVEL_WARN : LOG_LEVEL_ERROR,
                  "Incompatibility in data. Source document: %s. Field: %s. Error: Class %.*s is "
                  "not mapped in record %.*s=%" PRIu64,
                  r->document, r->field, (int)v.bytes.len, (const char *)v.bytes.p,
                  (int)t->plan.described[0].name.len, (const char *)t->plan.described[0].name.p,
                  has_id ? id.u : 0);
        *good = false;
    }
    return rc;
}

static int check_classes(struct eav_step *s, bool *good, struct ds_error *err)
{
    static const char convert[] = "EavAttribute\\ConvertModel";
    int rc = 0;
    for (size_t i = 0; s->classes && i < map_count(s->map) && rc == 0; i++) {
        const struct map_rule *r = map_at(s->map, i);
        const char *found =
            r->kind == MAP_TRANSFORM && r->side == MAP_SOURCE ? strstr(r->handler, convert) : NULL;
        for (size_t k = 0; found && k < EAV_TABLES && rc == 0; k++)
            if (strcmp(r->document, eav_documents[k].name) == 0)
                rc = check_class(s, k, r, good, err);
    }
    return rc;
}

static struct slice text_of(const char *text)
{
    return (struct slice){(const uint8_t *)text, strlen(text)};
}

/* Attributes that nobody could put in are none that the destination's shop would show. */
static int check_inputs(struct eav_step *s, bool *good, struct ds_error *err)
{
    const char *p = prefix_of(s, MAP_SOURCE);
    MYSQL_RES *rows =
        db_select(s->sides.source.db, err,
                  "SELECT a.attribute_id, a.attribute_code, t.entity_type_code FROM "
                  "`%seav_attribute` a JOIN `%seav_entity_type` t ON t.entity_type_id = "
                  "a.entity_type_id WHERE COALESCE(a.frontend_input, '') = '' ORDER BY 1",
                  p, p);
    if (!rows)
        return err->code;
    for (MYSQL_ROW r; (r = mysql_fetch_row(rows));) {
        if (eav_group_has(s, "ignore", text_of(r[1]), text_of(r[2])) ||
            eav_group_has(s, "frontend_input_empty_allowed", text_of(r[1]), text_of(r[2])))
            continue;
        log_write(s->g->in->automatic ? LOG_LEVEL_WARN : LOG_LEVEL_ERROR,
                  "Incompatibility in data. Source document: eav_attribute. Field: frontend_input. "
                  "Error: Attribute with attribute_id=%s cannot contain empty field value (%s of "
                  "%s: list it in frontend_input_empty_allowed, or in ignore)",
                  r[0], r[1], r[2]);
        *good = false;
    }
    mysql_free_result(rows);
    return 0;
}

/* Rows of one table as they will be. */
static int look_at(struct eav_step *s, struct fit *f, size_t i, struct ds_error *err)
{
    const struct eav_merge *m = &s->tables[i];
    const char *name = eav_documents[i].name;
    char table[300];
    int len = snprintf(table, sizeof table, "%s%s", prefix_of(s, MAP_SOURCE), name);
    const struct target_table *from = target_find(s->schema[MAP_SOURCE], table, (size_t)len);
    const struct fit_document d = {.map = s->map,
                                   .document = name,
                                   .from = from,
                                   .there = name,
                                   .without_keys = true,
                                   .out = s->findings};
    return fit_whole(f, m->both.target, &m->all, &d, err);
}

/* Values that would get lost, and keys that would refuse rows. What is remembered of earlier runs
 * does not matter for them. */
static int look_at_all(struct eav_step *s, struct map_findings *findings, struct ds_error *err)
{
    struct fit f = {.key = fit_own_key, .arg = &f};
    s->findings = findings;
    int rc = fit_open(&f, &s->g->in->config, err);
    rc = rc ? rc : eav_compute(s, err);
    for (size_t i = 0; i < EAV_TABLES && rc == 0; i++)
        rc = look_at(s, &f, i, err);
    s->findings = NULL;
    fit_close(&f);
    return rc;
}

int migrate_eav_integrity(struct migrating *g, bool *good, struct ds_error *err)
{
    const char *names[EAV_TABLES + 1] = {NULL};
    struct map_findings findings = {0};
    struct eav_step *s;
    int rc = open_step(&s, g, NULL, err);
    for (size_t i = 0; i < EAV_TABLES; i++)
        names[i] = eav_documents[i].name;
    rc = rc ? rc
            : step_side_check(&s->sides.source, true, prefix_of(s, MAP_SOURCE), names, good, err);
    rc = rc ? rc
            : step_side_check(&s->sides.destination, false, prefix_of(s, MAP_DESTINATION), names,
                              good, err);
    if (rc == 0 && *good) {
        rc = open_tables(s, err);
        rc = rc ? rc : check_classes(s, good, err);
        rc = rc ? rc : check_inputs(s, good, err);
        rc = rc ? rc : look_at_all(s, &findings, err);
        const struct step_rules rules = {"Eav", "eav_map_file", s->map, s->schema, names};
        rc = rc ? rc : step_compare_structure(g, &rules, &findings, good, err);
    }
    map_findings_free(&findings);
    if (s)
        eav_step_close(s);
    return rc;
}

/* --- data, volume ---------------------------------------------------------------------------- */

int migrate_eav_data(struct migrating *g, bool *good, struct ds_error *err)
{
    struct eav_step *s;
    int rc = eav_step_open(&s, g, NULL, err);
    rc = rc ? rc : eav_compute(s, err);
    rc = rc ? rc : eav_memory_write(s, err);
    if (rc == 0) {
        for (size_t i = 0; i < EAV_TABLES; i++)
            log_info("document=%s source=%zu destination=%zu together=%zu", eav_documents[i].name,
                     s->tables[i].both.from.count, s->tables[i].both.here.count,
                     s->tables[i].wanted_count);
        step_sides_close(&s->sides);
        rc = row_changes_write(g, &s->changes, good, err);
    }
    if (s)
        eav_step_close(s);
    return rc;
}

int migrate_eav_volume(struct migrating *g, bool *good, struct ds_error *err)
{
    struct eav_step *s;
    int rc = eav_step_open(&s, g, NULL, err);
    rc = rc ? rc : eav_compute(s, err);
    *good = rc == 0 && s->changes.inserted + s->changes.updated + s->changes.deleted == 0;
    if (rc == 0 && !*good)
        log_error(
            "Mismatch of attributes, sets or groups: rows that the destination lacks: %" PRIu64
            ", with other values: %" PRIu64 ", that should not be there: %" PRIu64,
            s->changes.inserted, s->changes.updated, s->changes.deleted);
    if (s)
        eav_step_close(s);
    return rc;
}
