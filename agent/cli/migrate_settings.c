/* The Settings step: core_config_data, by the rules of settings.xml. Rows of the destination with
 * the same scope and path get the source's value, others are added; what the destination alone has
 * stays. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/cli/migrate_changes.h"
#include "agent/cli/migrate_fit.h"
#include "agent/cli/migrate_sides.h"
#include "applier/import/keys.h"
#include "applier/map/map_facts.h"
#include "applier/map/map_settings.h"
#include "applier/map/map_value.h"
#include "schema/list.h"
#include "schema/log.h"

static const char document[] = "core_config_data";

struct setting {
    struct slice key; /* scope, its id and path, without case */
    struct map_value values[SETTING_FIELDS];
    size_t order;       /* as read */
    const char *origin; /* its path at the source; NULL: it is the destination's */
};

struct settings {
    struct setting *items;
    size_t count, capacity;
};

struct settings_step {
    struct migrating *g;
    struct step_sides sides;
    struct whole_table here;
    uint32_t columns[SETTING_FIELDS]; /* of the destination's */
    const uint8_t **values;           /* of the row in hand */
    struct settings_map *rules;
    struct map *map;
    struct map_servers *servers;
    struct map_settings *handlers;
    struct settings theirs, ours; /* by key: the destination's, and what it is to have */
    struct slice *images;
    size_t image_count;
    struct row_changes changes;
    struct buf no_key, unreadable; /* paths */
    uint64_t read, ignored, no_keys, unreadables;
    bool tells_all;                /* each change is told */
    struct map_findings *findings; /* settings that a handler refuses go there; NULL: they end it */
    struct arena arena;
};

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for settings");
}

static int table_name(const struct config_server *side, struct buf *out)
{
    return buf_puts(out, side->prefix) | buf_puts(out, document);
}

static void close_step(struct settings_step *s)
{
    step_sides_close(&s->sides);
    whole_table_free(&s->here);
    row_changes_free(&s->changes);
    map_settings_free(s->handlers);
    map_servers_free(s->servers);
    map_free(s->map);
    settings_map_free(s->rules);
    free(s->theirs.items);
    free(s->ours.items);
    free(s->images);
    free(s->values);
    buf_free(&s->no_key);
    buf_free(&s->unreadable);
    arena_free(&s->arena);
}

static int open_rules(struct settings_step *s, struct ds_error *err)
{
    const struct config *config = &s->g->in->config;
    BUF_AUTO struct buf path = {0};
    int rc = migration_file(s->g->migration, "settings_map_file", &path, err);
    rc = rc ? rc : settings_map_read(&s->rules, buf_cstr(&path), err);
    rc = rc ? rc : map_new(&s->map, err);
    rc = rc ? rc : map_servers_new(&s->servers, config, s->map, s->g->own, err);
    return rc ? rc
              : map_settings_new(&s->handlers, s->rules, s->g->in->catalogue,
                                 map_servers_facts(s->servers), err);
}

static int open_step(struct settings_step *s, struct migrating *g, struct ds_error *err)
{
    *s = (struct settings_step){.g = g};
    int rc = open_rules(s, err);
    return rc ? rc : step_sides_open(&s->sides, &g->in->config, err);
}

/* --- integrity ------------------------------------------------------------------------------- */

static int has_columns(const struct table_plan *plan, const char *side, bool *good)
{
    BUF_AUTO struct buf missing = {0};
    int rc = 0;
    for (size_t i = 0; i <= SETTING_FIELDS; i++) {
        const char *name = i < SETTING_FIELDS ? map_setting_fields[i] : "config_id";
        bool found = false;
        for (uint32_t k = 0; k < plan->column_count; k++) {
            struct slice c = plan->described[k].name;
            found |= c.len == strlen(name) && strncasecmp((const char *)c.p, name, c.len) == 0;
        }
        if (!found)
            rc |= buf_printf(&missing, "%s%s", missing.len ? "," : "", name);
    }
    if (missing.len) {
        log_error("%s fields are missing. Document: %s. Fields: %s", side, document,
                  buf_cstr(&missing));
        *good = false;
    }
    return rc;
}

static int check_side(struct settings_step *s, bool source, bool *good, struct ds_error *err)
{
    const struct config *c = &s->g->in->config;
    struct table_plan plan = {0};
    BUF_AUTO struct buf name = {0};
    if (table_name(source ? &c->source : &c->destination, &name))
        return no_memory(err);
    int rc = table_plan_read(&plan, source ? &s->sides.source : &s->sides.destination,
                             buf_cstr(&name), 0, err);
    if (rc == DS_ERETRY) {
        log_error("Integrity check failed due to \"%s\" document does not exist in the %s resource "
                  "(table %s: is the prefix right?)",
                  document, source ? "source" : "destination", buf_cstr(&name));
        error_clear(err);
        *good = false;
        return 0;
    }
    if (rc == 0 && has_columns(&plan, source ? "Source" : "Destination", good))
        rc = no_memory(err);
    table_plan_free(&plan);
    return rc;
}

/* --- settings -------------------------------------------------------------------------------- */

static int make_key(struct settings_step *s, const struct map_value values[SETTING_FIELDS],
                    struct slice *out)
{
    BUF_AUTO struct buf key = {0};
    int rc = 0;
    for (int i = SETTING_SCOPE; i <= SETTING_PATH; i++)
        rc |= buf_append(&key, values[i].text.p, values[i].text.len) | buf_append(&key, "", 1);
    for (size_t i = 0; i < key.len; i++)
        if (key.data[i] >= 'A' && key.data[i] <= 'Z')
            key.data[i] = (uint8_t)(key.data[i] - 'A' + 'a');
    *out = (struct slice){arena_copy(&s->arena, key.data, key.len), key.len};
    return rc || !out->p ? DS_ENOMEM : 0;
}

static int add_setting(struct settings_step *s, struct settings *to,
                       const struct map_value values[SETTING_FIELDS], const char *origin,
                       struct ds_error *err)
{
    if (LIST_ROOM(to->items, to->count, to->capacity))
        return no_memory(err);
    struct setting *x = &to->items[to->count];
    *x = (struct setting){.order = to->count, .origin = origin};
    memcpy(x->values, values, sizeof x->values);
    to->count++;
    return make_key(s, values, &x->key) ? no_memory(err) : 0;
}

static int by_key(const void *a, const void *b)
{
    const struct setting *x = a, *y = b;
    size_t len = x->key.len < y->key.len ? x->key.len : y->key.len;
    int order = memcmp(x->key.p, y->key.p, len);
    return order ? order : (x->key.len > y->key.len) - (x->key.len < y->key.len);
}

static int by_key_and_order(const void *a, const void *b)
{
    const struct setting *x = a, *y = b;
    int order = by_key(a, b);
    return order ? order : (x->order > y->order) - (x->order < y->order);
}

static int split_row(struct settings_step *s, struct slice image, struct ds_error *err)
{
    return image_split(image, s->here.plan.column_count, s->values)
               ? error_set(err, DS_EFORMAT, "a row of %s is malformed", document)
               : 0;
}

static int read_row(struct settings_step *s, struct slice image,
                    struct map_value values[SETTING_FIELDS], struct ds_error *err)
{
    int rc = split_row(s, image, err);
    for (size_t i = 0; i < SETTING_FIELDS && rc == 0; i++) {
        const uint8_t *p = s->values[s->columns[i]];
        struct value v;
        if (value_read(&p, p + value_length(p), &v) || map_value_read(&v, &s->arena, &values[i]))
            rc = no_memory(err);
    }
    return rc;
}

static int read_destination(struct settings_step *s, struct ds_error *err)
{
    const struct config *c = &s->g->in->config;
    struct map_value values[SETTING_FIELDS];
    BUF_AUTO struct buf name = {0};
    if (table_name(&c->destination, &name))
        return no_memory(err);
    int rc =
        whole_table_read(&s->here, &s->sides.destination, buf_cstr(&name), 1, c->max_event, err);
    if (rc)
        return rc;
    s->values = calloc(s->here.plan.column_count + 1, sizeof *s->values);
    if (!s->values)
        return no_memory(err);
    for (size_t i = 0; i < SETTING_FIELDS; i++)
        s->columns[i] = whole_table_column(&s->here, map_setting_fields[i]);
    for (size_t i = 0; i < s->here.count && rc == 0; i++) {
        rc = read_row(s, s->here.rows[i], values, err);
        rc = rc ? rc : add_setting(s, &s->theirs, values, NULL, err);
    }
    if (rc == 0 && s->theirs.count)
        qsort(s->theirs.items, s->theirs.count, sizeof *s->theirs.items, by_key);
    return rc;
}

static const struct setting *there(const struct settings_step *s, const struct setting *x)
{
    return s->theirs.count ? bsearch(x, s->theirs.items, s->theirs.count, sizeof *x, by_key) : NULL;
}

/* --- of the source --------------------------------------------------------------------------- */

static int note(struct buf *paths, uint64_t *count, const char *path)
{
    return ++*count > 20 ? 0 : buf_printf(paths, "%s%s", paths->len ? "," : "", path);
}

/* What cannot be had leaves what is there; else its row comes, without a value. */
static int take_value(struct settings_step *s, struct map_value values[SETTING_FIELDS],
                      const char *path, const char *to, struct ds_error *err)
{
    enum map_setting_fate fate;
    struct map_value renamed[SETTING_FIELDS], result;
    struct setting key = {0};
    memcpy(renamed, values, sizeof renamed);
    renamed[SETTING_PATH].text = (struct slice){(const uint8_t *)to, strlen(to)};
    if (make_key(s, renamed, &key.key))
        return no_memory(err);
    const struct setting *was = there(s, &key);
    struct map_value earlier = was ? was->values[SETTING_VALUE] : (struct map_value){0};
    int rc = map_settings_value(s->handlers, values, was ? &earlier : NULL, &s->arena, &result,
                                &fate, err);
    if (rc == DS_ECONFLICT && s->findings) {
        error_at_key(err, path);
        return fit_refused(s->findings, document, s->read, err);
    }
    if (rc)
        return rc;
    if (fate == SETTING_NO_KEY)
        rc = note(&s->no_key, &s->no_keys, path);
    if (fate == SETTING_UNREADABLE)
        rc = note(&s->unreadable, &s->unreadables, path);
    renamed[SETTING_VALUE] = fate != SETTING_TAKEN && was ? earlier : result;
    return rc ? no_memory(err) : add_setting(s, &s->ours, renamed, path, err);
}

static int take_row(struct settings_step *s, MYSQL_ROW row, const unsigned long *lengths,
                    struct ds_error *err)
{
    struct map_value values[SETTING_FIELDS];
    for (size_t i = 0; i < SETTING_FIELDS; i++) {
        values[i] = (struct map_value){.set = true, .null = !row[i]};
        if (row[i])
            values[i].text = (struct slice){arena_copy(&s->arena, row[i], lengths[i]), lengths[i]};
        if (row[i] && !values[i].text.p)
            return no_memory(err);
    }
    const char *path = arena_strdup(&s->arena, row[SETTING_PATH]);
    if (!path)
        return no_memory(err);
    const char *to = settings_map_path(s->rules, path);
    s->read++;
    s->ignored += !to;
    return to ? take_value(s, values, path, to, err) : 0;
}

/* In the character set that the destination keeps them in. */
static int select_settings(struct settings_step *s, struct buf *sql, struct ds_error *err)
{
    const struct config *c = &s->g->in->config;
    BUF_AUTO struct buf table = {0}, name = {0}, charset = {0};
    bool found;
    if (table_name(&c->destination, &table) || sql_string(&name, table.data, table.len))
        return no_memory(err);
    int rc = db_scalar(s->sides.destination.db, &charset, &found, err,
                       "SELECT CHARACTER_SET_NAME FROM information_schema.COLUMNS WHERE "
                       "TABLE_SCHEMA = DATABASE() AND TABLE_NAME = %s AND COLUMN_NAME = 'value'",
                       buf_cstr(&name));
    if (rc)
        return rc;
    rc = buf_puts(sql, "SELECT ");
    for (size_t i = 0; i < SETTING_FIELDS; i++) {
        bool text = i != SETTING_SCOPE_ID && found;
        rc |= buf_printf(sql, text ? "%sCONVERT(%s USING %s)" : "%s%s", i ? ", " : "",
                         map_setting_fields[i], buf_cstr(&charset));
    }
    buf_clear(&table);
    rc |= table_name(&c->source, &table) | buf_puts(sql, " FROM ") |
          sql_identifier(sql, buf_cstr(&table)) | buf_puts(sql, " ORDER BY config_id");
    return rc ? no_memory(err) : 0;
}

static int read_source(struct settings_step *s, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    int rc = select_settings(s, &sql, err);
    if (rc)
        return rc;
    MYSQL_RES *rows = db_select(s->sides.source.db, err, "%s", buf_cstr(&sql));
    if (!rows)
        return err->code;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(rows));)
        rc = take_row(s, row, mysql_fetch_lengths(rows), err);
    mysql_free_result(rows);
    if (rc == 0 && s->ours.count)
        qsort(s->ours.items, s->ours.count, sizeof *s->ours.items, by_key_and_order);
    return rc;
}

/* Of two that come under one path the later one counts, as it did for that tool. */
static void leave_out_doubles(struct settings_step *s)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->ours.count; i++) {
        const struct setting *x = &s->ours.items[i], *next = x + 1;
        if (i + 1 < s->ours.count && by_key(x, next) == 0)
            log_write(s->findings ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN,
                      "Two settings of the source become %.*s: that of %s is left out, that of %s "
                      "is taken: ignore one in settings.xml",
                      (int)x->values[SETTING_PATH].text.len,
                      (const char *)x->values[SETTING_PATH].text.p, x->origin, next->origin);
        else
            s->ours.items[kept++] = *x;
    }
    s->ours.count = kept;
}

/* --- rows ------------------------------------------------------------------------------------ */

static const struct slice *text_of(const struct map_value *v)
{
    return v->set && !v->null ? &v->text : NULL;
}

static int make_image(struct settings_step *s, const struct setting *x, uint64_t new_id,
                      struct ds_error *err)
{
    BUF_AUTO struct buf image = {0};
    const struct setting *was = there(s, x);
    const uint32_t id = whole_table_column(&s->here, "config_id");
    const uint32_t count = s->here.plan.column_count;
    int rc = was ? split_row(s, s->here.rows[was->order], err) : 0;
    if (rc)
        return rc;
    rc = image_write_head(&image, count);
    for (uint32_t i = 0; i < count && rc == 0; i++) {
        size_t field = 0;
        while (field < SETTING_FIELDS && s->columns[field] != i)
            field++;
        bool is_new = !was && field < SETTING_FIELDS;
        if (field == SETTING_VALUE || is_new)
            rc = whole_table_put(&s->here, i, text_of(&x->values[field]), &image);
        else if (was)
            rc = buf_append(&image, s->values[i], value_length(s->values[i]));
        else
            rc = i == id ? value_write_uint(&image, new_id) : value_write_absent(&image);
    }
    struct slice *to = &s->images[s->image_count++];
    *to = (struct slice){arena_copy(&s->arena, image.data, image.len), image.len};
    return rc || !to->p ? no_memory(err) : 0;
}

static uint64_t highest_id(struct settings_step *s)
{
    const uint32_t column = whole_table_column(&s->here, "config_id");
    uint64_t highest = 0, id;
    for (size_t i = 0; i < s->here.count; i++)
        if (image_split(s->here.rows[i], s->here.plan.column_count, s->values) == 0 &&
            value_id((struct slice){s->values[column], value_length(s->values[column])}, &id) &&
            id > highest)
            highest = id;
    return highest;
}

static int make_images(struct settings_step *s, struct ds_error *err)
{
    uint64_t next = highest_id(s);
    int rc = 0;
    s->images = calloc(s->ours.count + 1, sizeof *s->images);
    if (!s->images)
        return no_memory(err);
    for (size_t i = 0; i < s->ours.count && rc == 0; i++) {
        next += !there(s, &s->ours.items[i]);
        rc = make_image(s, &s->ours.items[i], next, err);
    }
    return rc;
}

/* --- values that would get lost ---------------------------------------------------------------
 */

static int path_of(void *arg, struct slice image, struct buf *out, struct ds_error *err)
{
    struct map_value v[SETTING_FIELDS];
    int rc = read_row(arg, image, v, err);
    return rc                                                                  ? rc
           : buf_append(out, v[SETTING_PATH].text.p, v[SETTING_PATH].text.len) ? no_memory(err)
                                                                               : 0;
}

static int look_at_images(struct settings_step *s, struct fit *f, struct ds_error *err)
{
    const struct config *c = &s->g->in->config;
    const struct fit_document d = {
        .map = s->map, .document = document, .there = document, .out = s->findings};
    struct target *schema = NULL;
    struct row_list all = {0};
    BUF_AUTO struct buf name = {0};
    const struct wanted_rows wanted = {
        .here = &s->here, .rows = s->images, .count = s->image_count, .all = &all};
    int rc = table_name(&c->destination, &name) ? no_memory(err) : 0;
    rc = rc ? rc : row_changes_add(&s->changes, &wanted, err);
    rc = rc ? rc : target_new(&schema, s->sides.destination.db, c->destination.database, err);
    const struct target_table *to = rc ? NULL : target_find(schema, buf_cstr(&name), name.len);
    if (to)
        rc = fit_whole(f, to, &all, &d, err);
    target_free(schema);
    row_list_free(&all);
    return rc;
}

static int look_at_all(struct settings_step *s, bool *good, struct ds_error *err)
{
    struct map_findings findings = {0};
    struct fit f = {.key = path_of, .arg = s};
    s->findings = &findings;
    int rc = fit_open(&f, &s->g->in->config, err);
    rc = rc ? rc : read_destination(s, err);
    rc = rc ? rc : read_source(s, err);
    if (rc == 0) {
        leave_out_doubles(s);
        rc = make_images(s, err);
    }
    rc = rc ? rc : look_at_images(s, &f, err);
    rc = rc ? rc : step_tell_findings(s->g, &findings, good, err);
    s->findings = NULL;
    map_findings_free(&findings);
    fit_close(&f);
    return rc;
}

int migrate_settings_integrity(struct migrating *g, bool *good, struct ds_error *err)
{
    struct settings_step s;
    int rc = open_step(&s, g, err);
    rc = rc ? rc : check_side(&s, true, good, err);
    rc = rc ? rc : check_side(&s, false, good, err);
    if (rc == 0 && *good)
        rc = keys_check(s.sides.source.db, &g->in->config, g->in->catalogue, true, err);
    if (rc == 0 && *good)
        rc = look_at_all(&s, good, err);
    close_step(&s);
    return rc;
}

/* Never the value. */
static void tell_change(void *arg, enum change_op op, struct slice image)
{
    struct settings_step *s = arg;
    struct map_value v[SETTING_FIELDS];
    struct ds_error ignored;
    if (read_row(s, image, v, &ignored))
        return;
    log_write(s->tells_all ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG,
              "setting is %s path=%.*s scope=%.*s "
              "scope_id=%.*s",
              op == CHANGE_INSERT ? "new" : "changed", (int)v[SETTING_PATH].text.len,
              (const char *)v[SETTING_PATH].text.p, (int)v[SETTING_SCOPE].text.len,
              (const char *)v[SETTING_SCOPE].text.p, (int)v[SETTING_SCOPE_ID].text.len,
              (const char *)v[SETTING_SCOPE_ID].text.p);
}

static int compute(struct settings_step *s, struct ds_error *err)
{
    int rc = read_destination(s, err);
    rc = rc ? rc : read_source(s, err);
    if (rc)
        return rc;
    leave_out_doubles(s);
    rc = make_images(s, err);
    const struct wanted_rows wanted = {.here = &s->here,
                                       .rows = s->images,
                                       .count = s->image_count,
                                       .arg = s,
                                       .tell = tell_change};
    return rc ? rc : row_changes_add(&s->changes, &wanted, err);
}

/* --- stages ---------------------------------------------------------------------------------- */

static void tell_encrypted(struct settings_step *s)
{
    const struct config *c = &s->g->in->config;
    bool from = !*c->source.crypt_key, to = !*c->destination.crypt_key;
    if (s->no_keys)
        log_warn("settings are encrypted under the source's key and were left out: set %s%s%s "
                 "settings=%" PRIu64 " paths=%s%s",
                 from ? "source.crypt_key (<crypt_key> in config.xml)" : "",
                 from && to ? " and " : "", to ? "destination.crypt_key" : "", s->no_keys,
                 buf_cstr(&s->no_key), s->no_keys > 20 ? ",…" : "");
    if (s->unreadables)
        log_warn("settings could not be decrypted with source.crypt_key and were left out: is it "
                 "the source's key? settings=%" PRIu64 " paths=%s%s",
                 s->unreadables, buf_cstr(&s->unreadable), s->unreadables > 20 ? ",…" : "");
}

int migrate_settings_data(struct migrating *g, bool *good, struct ds_error *err)
{
    struct settings_step s;
    int rc = open_step(&s, g, err);
    s.tells_all = g->in->dry_run;
    rc = rc ? rc : compute(&s, err);
    if (rc == 0) {
        log_info("%s of the source's settings read=%" PRIu64 " ignored=%" PRIu64 " new=%" PRIu64
                 " changed=%" PRIu64 " as_they_are=%" PRIu64,
                 g->in->dry_run ? "what would become" : "what becomes", s.read, s.ignored,
                 s.changes.inserted, s.changes.updated,
                 (uint64_t)s.ours.count - s.changes.inserted - s.changes.updated);
        tell_encrypted(&s);
        step_sides_close(&s.sides); /* no lock of ours is in the applier's way */
        if (!g->in->dry_run)
            rc = row_changes_write(g, &s.changes, good, err);
    }
    close_step(&s);
    return rc;
}

int migrate_settings_volume(struct migrating *g, bool *good, struct ds_error *err)
{
    struct settings_step s;
    int rc = open_step(&s, g, err);
    s.tells_all = true;
    rc = rc ? rc : compute(&s, err);
    *good = rc == 0 && s.changes.inserted + s.changes.updated == 0;
    if (rc == 0 && !*good)
        log_error("Mismatch of entities in the document: %s: settings that the destination lacks, "
                  "see above: %" PRIu64 ", that have another value there: %" PRIu64,
                  document, s.changes.inserted, s.changes.updated);
    close_step(&s);
    return rc;
}
