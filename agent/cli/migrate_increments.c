/* The SalesIncrement step: numbers of orders, invoices, shipments and credit memos go on where the
 * source's shop has come to. That keeps the last one of each kind and store in eav_entity_store;
 * the destination's has a table of numbers for each, sequence_KIND_STORE. */
#include <inttypes.h>
#include <mysqld_error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/logging.h"
#include "agent/cli/migrate_changes.h"
#include "agent/cli/migrate_fit.h"
#include "agent/cli/migrate_sides.h"
#include "schema/list.h"
#include "schema/log.h"

enum { META_ID = 1, PROFILE_ID, FIRST_SEQUENCE_ID, TEXT = 70, ALONGSIDE_SECONDS = 5 };
static const char *const kinds[] = {"order", "invoice", "creditmemo", "shipment", "rma_item"};
enum { KINDS = sizeof kinds / sizeof *kinds };

struct counter { /* at the source */
    char kind[TEXT], prefix[TEXT];
    bool per_store;
    uint64_t store, last;
};

struct sequence {                  /* at the destination */
    const struct counter *counter; /* NULL: nothing was counted */
    const char *kind;
    uint64_t store, meta, profile; /* 0: there is none */
    uint64_t made;                 /* a profile that it gets; 0: none */
    uint64_t last;
    bool exists, prefixed;
    char table[TEXT];
};

struct increments_step {
    struct migrating *g;
    struct step_sides sides;
    struct counter *counters;
    size_t counter_count, counter_capacity;
    struct sequence *sequences;
    size_t sequence_count, sequence_capacity;
    struct whole_table metas, profiles;
    struct row_list all_metas, all_profiles; /* as these will be, if somebody asks */
    bool looks;                              /* he does */
    struct row_changes changes;
    struct arena arena;
};

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for increment counters");
}

static void close_step(struct increments_step *s)
{
    step_sides_close(&s->sides);
    whole_table_free(&s->metas);
    whole_table_free(&s->profiles);
    row_list_free(&s->all_metas);
    row_list_free(&s->all_profiles);
    row_changes_free(&s->changes);
    free(s->counters);
    free(s->sequences);
    arena_free(&s->arena);
}

static const char *prefix_of(const struct increments_step *s, bool source)
{
    const struct config *c = &s->g->in->config;
    return source ? c->source.prefix : c->destination.prefix;
}

/* --- what the source has counted ------------------------------------------------------------- */

/* "100000233" with the prefix "1" is 233; without anything behind it none was given yet. */
static bool read_number(const char *text, const char *prefix, uint64_t *out)
{
    size_t len = strlen(prefix);
    if (len && strncmp(text, prefix, len) == 0)
        text += len;
    const uint64_t number = strtoull(text, NULL, 10);
    const bool good = text[strspn(text, "0123456789")] == '\0' && number <= UINT32_MAX;
    *out = good ? number : 0;
    return good;
}

/* Row: kind, are there numbers of each store, store, prefix, last number. */
static int take_counter(struct increments_step *s, MYSQL_ROW row, struct ds_error *err)
{
    struct counter c = {.per_store = row[1] && *row[1] != '0', .store = strtoull(row[2], NULL, 10)};
    snprintf(c.kind, sizeof c.kind, "%s", row[0]);
    snprintf(c.prefix, sizeof c.prefix, "%s", row[3] ? row[3] : "");
    if (!read_number(row[4] ? row[4] : "", c.prefix, &c.last))
        log_warn("The last increment id of %s in store %s is no number behind its prefix: %s: the "
                 "counter is not migrated, set it in sequence_%s_%s",
                 c.kind, row[2], row[4], c.kind, row[2]);
    if (LIST_ROOM(s->counters, s->counter_count, s->counter_capacity))
        return no_memory(err);
    s->counters[s->counter_count++] = c;
    return 0;
}

static int read_counters(struct increments_step *s, struct ds_error *err)
{
    const char *prefix = prefix_of(s, true);
    int rc = 0;
    MYSQL_RES *rows =
        db_select(s->sides.source.db, err,
                  "SELECT t.entity_type_code, t.increment_per_store, s.store_id, "
                  "s.increment_prefix, s.increment_last_id FROM `%seav_entity_store` s JOIN "
                  "`%seav_entity_type` t ON t.entity_type_id = s.entity_type_id",
                  prefix, prefix);
    if (!rows)
        return err->code;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(rows));)
        rc = take_counter(s, row, err);
    mysql_free_result(rows);
    return rc;
}

/* One for all stores is that of store 0. Of several the highest: no number comes twice. */
static const struct counter *counter_of(const struct increments_step *s, const char *kind,
                                        uint64_t store)
{
    const struct counter *found = NULL;
    for (size_t i = 0; i < s->counter_count; i++) {
        const struct counter *c = &s->counters[i];
        if (strcmp(c->kind, kind) == 0 && (c->store == store || !c->per_store) &&
            (!found || c->last > found->last))
            found = c;
    }
    return found;
}

/* --- what the destination has ---------------------------------------------------------------- */

static int find_in_meta(struct increments_step *s, struct sequence *q, struct ds_error *err)
{
    const char *prefix = prefix_of(s, false);
    MYSQL_RES *rows = db_select(
        s->sides.destination.db, err,
        "SELECT m.meta_id, m.sequence_table, p.profile_id, p.prefix FROM `%ssales_sequence_meta` m "
        "LEFT JOIN "
        "`%ssales_sequence_profile` p ON p.meta_id = m.meta_id AND p.is_active = 1 WHERE "
        "m.entity_type = '%s' AND m.store_id = %" PRIu64 " ORDER BY p.profile_id DESC LIMIT 1",
        prefix, prefix, q->kind, q->store);
    MYSQL_ROW row = rows ? mysql_fetch_row(rows) : NULL;
    if (row) {
        q->meta = strtoull(row[0], NULL, 10);
        q->profile = row[2] ? strtoull(row[2], NULL, 10) : 0;
        q->prefixed = row[3] && *row[3];
        snprintf(q->table, sizeof q->table, "%s", row[1]);
    }
    mysql_free_result(rows);
    return rows ? 0 : err->code;
}

static int read_last(struct increments_step *s, struct sequence *q, struct ds_error *err)
{
    BUF_AUTO struct buf name = {0};
    bool found;
    if (sql_identifier(&name, q->table))
        return no_memory(err);
    int rc = db_scalar_u64(s->sides.destination.db, &q->last, &found, err,
                           "SELECT MAX(sequence_value) FROM %s", buf_cstr(&name));
    q->exists = rc == 0;
    q->last = rc == 0 && found ? q->last : 0;
    if (rc == DS_ESERVER && err->server_errno == ER_NO_SUCH_TABLE) {
        error_clear(err);
        rc = 0;
    }
    return rc;
}

static int add_sequence(struct increments_step *s, const char *kind, uint64_t store,
                        struct ds_error *err)
{
    struct sequence q = {.kind = kind, .store = store, .counter = counter_of(s, kind, store)};
    if (strcmp(kind, "rma_item") == 0 && !q.counter)
        return 0;
    snprintf(q.table, sizeof q.table, "%ssequence_%s_%" PRIu64, prefix_of(s, false), kind, store);
    int rc = find_in_meta(s, &q, err);
    rc = rc ? rc : read_last(s, &q, err);
    if (rc == 0 && LIST_ROOM(s->sequences, s->sequence_count, s->sequence_capacity))
        rc = no_memory(err);
    if (rc == 0)
        s->sequences[s->sequence_count++] = q;
    return rc;
}

static int read_sequences(struct increments_step *s, struct ds_error *err)
{
    int rc = 0;
    MYSQL_RES *stores = db_select(s->sides.destination.db, err,
                                  "SELECT store_id FROM `%sstore` ORDER BY 1", prefix_of(s, false));
    if (!stores)
        return err->code;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(stores));)
        for (size_t i = 0; i < KINDS && rc == 0; i++)
            rc = add_sequence(s, kinds[i], strtoull(row[0], NULL, 10), err);
    mysql_free_result(stores);
    return rc;
}

static int open_step(struct increments_step *s, struct migrating *g, struct ds_error *err)
{
    *s = (struct increments_step){.g = g};
    return step_sides_open(&s->sides, &g->in->config, err);
}

static int read_all(struct increments_step *s, struct ds_error *err)
{
    int rc = read_counters(s, err);
    return rc ? rc : read_sequences(s, err);
}

/* --- rows ------------------------------------------------------------------------------------ */

struct cell {
    const char *column, *text; /* NULL text: NULL */
};

/* What is not said of a row that is there stays, of a new one it is the default. */
static int make_row(struct increments_step *s, const struct whole_table *t,
                    const struct cell *cells, struct slice *out, struct ds_error *err)
{
    BUF_AUTO struct buf image = {0};
    int rc = image_write_head(&image, t->plan.column_count);
    for (uint32_t i = 0; i < t->plan.column_count && rc == 0; i++) {
        const struct cell *c = cells;
        while (c->column && whole_table_column(t, c->column) != i)
            c++;
        const struct slice text = {(const uint8_t *)c->text, c->text ? strlen(c->text) : 0};
        rc = c->column ? whole_table_put(t, i, c->text ? &text : NULL, &image)
                       : value_write_absent(&image);
    }
    *out = (struct slice){arena_copy(&s->arena, image.data, image.len), image.len};
    return rc || !out->p ? no_memory(err) : 0;
}

static uint64_t highest(struct increments_step *s, const char *table, const char *column,
                        struct ds_error *err)
{
    uint64_t id = 0;
    bool found;
    int rc = db_scalar_u64(s->sides.destination.db, &id, &found, err, "SELECT MAX(%s) FROM `%s%s`",
                           column, prefix_of(s, false), table);
    return rc || !found ? 0 : id;
}

struct making {
    struct slice *metas, *profiles;
    size_t meta_count, profile_count;
    uint64_t meta, profile; /* the highest */
};

/* New numbers have the source's prefix; else the store's, as that had it. A profile that has one,
 * or whose numbers the destination's shop has begun to use, stays as it is. */
static int make_profile(struct increments_step *s, struct sequence *q, uint64_t meta,
                        struct making *m, struct ds_error *err)
{
    char id[24], of[24], prefix[TEXT];
    if (q->profile && (q->last || q->prefixed))
        return 0;
    q->made = q->profile ? q->profile : ++m->profile;
    snprintf(id, sizeof id, "%" PRIu64, q->made);
    snprintf(of, sizeof of, "%" PRIu64, meta);
    if (q->counter && *q->counter->prefix && q->counter->per_store)
        snprintf(prefix, sizeof prefix, "%s", q->counter->prefix);
    else
        snprintf(prefix, sizeof prefix, "%" PRIu64, q->store);
    const struct cell cells[] = {{"profile_id", id},
                                 {"meta_id", of},
                                 {"prefix", prefix},
                                 {"start_value", "1"},
                                 {"step", "1"},
                                 {"max_value", "4294967295"},
                                 {"warning_value", "4294966295"},
                                 {"is_active", "1"},
                                 {NULL, NULL}};
    return make_row(s, &s->profiles, cells, &m->profiles[m->profile_count++], err);
}

static int make_meta(struct increments_step *s, struct sequence *q, struct making *m,
                     struct ds_error *err)
{
    char id[24], store[24];
    uint64_t meta = q->meta ? q->meta : ++m->meta;
    int rc = 0;
    snprintf(id, sizeof id, "%" PRIu64, meta);
    snprintf(store, sizeof store, "%" PRIu64, q->store);
    const struct cell cells[] = {{"meta_id", id},
                                 {"entity_type", q->kind},
                                 {"store_id", store},
                                 {"sequence_table", q->table},
                                 {NULL, NULL}};
    if (!q->meta)
        rc = make_row(s, &s->metas, cells, &m->metas[m->meta_count++], err);
    return rc ? rc : make_profile(s, q, meta, m, err);
}

/* The table, if need be, and in it the last number. */
static int make_sequence(struct increments_step *s, const struct sequence *q, uint32_t id,
                         struct ds_error *err)
{
    struct msg_column column = {.name = {(const uint8_t *)"sequence_value", 14},
                                .type = MYSQL_TYPE_LONG,
                                .flags = COLUMN_UNSIGNED | COLUMN_KEY};
    const struct whole_table table = {
        .plan = {.id = id, .name = q->table, .column_count = 1, .described = &column},
        .database = s->sides.destination.database};
    BUF_AUTO struct buf sql = {0}, image = {0};
    const uint64_t last = q->counter ? q->counter->last : 0;
    if (!q->exists) {
        if (buf_puts(&sql, "CREATE TABLE ") || sql_identifier(&sql, q->table) ||
            buf_puts(&sql, " (`sequence_value` int(10) unsigned NOT NULL AUTO_INCREMENT, PRIMARY "
                           "KEY (`sequence_value`)) ENGINE=InnoDB"))
            return no_memory(err);
        int rc = row_changes_add_statement(&s->changes, buf_cstr(&sql), err);
        if (rc)
            return rc;
    }
    if (last <= q->last)
        return 0;
    if (image_write_head(&image, 1) || value_write_uint(&image, last))
        return no_memory(err);
    const struct slice row = {image.data, image.len};
    const struct wanted_rows wanted = {.here = &table, .rows = &row, .count = 1};
    return row_changes_add(&s->changes, &wanted, err);
}

static int add_rows(struct increments_step *s, const struct making *m, struct ds_error *err)
{
    const struct wanted_rows metas = {.here = &s->metas,
                                      .rows = m->metas,
                                      .count = m->meta_count,
                                      .all = s->looks ? &s->all_metas : NULL};
    const struct wanted_rows profiles = {.here = &s->profiles,
                                         .rows = m->profiles,
                                         .count = m->profile_count,
                                         .all = s->looks ? &s->all_profiles : NULL};
    int rc = row_changes_add(&s->changes, &metas, err);
    rc = rc ? rc : row_changes_add(&s->changes, &profiles, err);
    for (size_t i = 0; i < s->sequence_count && rc == 0; i++)
        rc = make_sequence(s, &s->sequences[i], FIRST_SEQUENCE_ID + (uint32_t)i, err);
    return rc;
}

static int read_table(struct increments_step *s, struct whole_table *t, const char *name,
                      uint32_t id, struct ds_error *err)
{
    char whole[TEXT];
    snprintf(whole, sizeof whole, "%s%s", prefix_of(s, false), name);
    const char *kept = arena_strdup(&s->arena, whole);
    return kept ? whole_table_read(t, &s->sides.destination, kept, id, s->g->in->config.max_event,
                                   err)
                : no_memory(err);
}

static int compute(struct increments_step *s, struct ds_error *err)
{
    struct making m = {0};
    int rc = read_all(s, err);
    rc = rc ? rc : read_table(s, &s->metas, "sales_sequence_meta", META_ID, err);
    rc = rc ? rc : read_table(s, &s->profiles, "sales_sequence_profile", PROFILE_ID, err);
    if (rc)
        return rc;
    m.meta = highest(s, "sales_sequence_meta", "meta_id", err);
    m.profile = highest(s, "sales_sequence_profile", "profile_id", err);
    m.metas = calloc(s->sequence_count + 1, sizeof *m.metas);
    m.profiles = calloc(s->sequence_count + 1, sizeof *m.profiles);
    if (!m.metas || !m.profiles)
        rc = no_memory(err);
    for (size_t i = 0; i < s->sequence_count && rc == 0; i++)
        rc = make_meta(s, &s->sequences[i], &m, err);
    rc = rc ? rc : add_rows(s, &m, err);
    free(m.metas);
    free(m.profiles);
    return rc;
}

/* --- what would not fit ---------------------------------------------------------------------- */

/* New rows have no number that anybody knows. */
static int name_profile(void *arg, struct slice image, struct buf *out, struct ds_error *err)
{
    struct increments_step *s = arg;
    const uint32_t count = s->profiles.plan.column_count;
    const uint8_t **values = calloc(count + 1, sizeof *values);
    uint64_t id = 0;
    int rc = values ? 0 : no_memory(err);
    if (rc == 0 && image_split(image, count, values) == 0) {
        const uint8_t *raw = values[whole_table_column(&s->profiles, "profile_id")];
        (void)value_id((struct slice){raw, value_length(raw)}, &id);
    }
    free(values);
    for (size_t i = 0; i < s->sequence_count && rc == 0; i++)
        if (id && s->sequences[i].made == id)
            return buf_printf(out, "%s of store %" PRIu64, s->sequences[i].kind,
                              s->sequences[i].store)
                       ? no_memory(err)
                       : 0;
    return rc ? rc : buf_printf(out, "%" PRIu64, id) ? no_memory(err) : 0;
}

static int look_at(struct increments_step *s, struct fit *f, const struct target *schema,
                   const char *document, const struct row_list *rows, struct map_findings *findings,
                   struct ds_error *err)
{
    const struct fit_document d = {.document = document, .there = document, .out = findings};
    char name[TEXT];
    int len = snprintf(name, sizeof name, "%s%s", prefix_of(s, false), document);
    const struct target_table *to = target_find(schema, name, (size_t)len);
    return to ? fit_whole(f, to, rows, &d, err) : 0;
}

static int look_at_all(struct increments_step *s, bool *good, struct ds_error *err)
{
    const struct config *c = &s->g->in->config;
    struct map_findings findings = {0};
    struct target *schema = NULL;
    struct fit f = {.key = fit_own_key, .arg = &f};
    s->looks = true;
    int rc = fit_open(&f, c, err);
    rc = rc ? rc : compute(s, err);
    rc = rc ? rc : target_new(&schema, s->sides.destination.db, c->destination.database, err);
    rc = rc ? rc : look_at(s, &f, schema, "sales_sequence_meta", &s->all_metas, &findings, err);
    f.key = name_profile;
    f.arg = s;
    rc = rc ? rc
            : look_at(s, &f, schema, "sales_sequence_profile", &s->all_profiles, &findings, err);
    rc = rc ? rc : step_tell_findings(s->g, &findings, good, err);
    map_findings_free(&findings);
    target_free(schema);
    fit_close(&f);
    return rc;
}

/* --- stages ---------------------------------------------------------------------------------- */

int migrate_increments_integrity(struct migrating *g, bool *good, struct ds_error *err)
{
    static const char *const source[] = {"eav_entity_store", "eav_entity_type", NULL},
                             *const destination[] = {"store", "sales_sequence_meta",
                                                     "sales_sequence_profile", NULL};
    struct increments_step s;
    int rc = open_step(&s, g, err);
    rc = rc ? rc : step_side_check(&s.sides.source, true, prefix_of(&s, true), source, good, err);
    rc = rc ? rc
            : step_side_check(&s.sides.destination, false, prefix_of(&s, false), destination, good,
                              err);
    if (rc == 0 && *good)
        rc = look_at_all(&s, good, err);
    close_step(&s);
    return rc;
}

/* Its numbers are the source's own. */
static bool is_left_out(const struct migrating *g)
{
    if (migrate_asks_source(g))
        return false;
    log_warn("left out: with --file the source is not asked for its counters; `datasync migrate "
             "delta --once` without it brings them");
    return true;
}

int migrate_increments_data(struct migrating *g, bool *good, struct ds_error *err)
{
    struct increments_step s;
    if (is_left_out(g))
        return 0;
    int rc = open_step(&s, g, err);
    rc = rc ? rc : compute(&s, err);
    if (rc == 0) {
        log_info("increment counters read=%zu sequences=%zu changes=%" PRIu64, s.counter_count,
                 s.sequence_count, s.changes.inserted + s.changes.updated);
        step_sides_close(&s.sides);
        rc = row_changes_write(g, &s.changes, good, err);
    }
    close_step(&s);
    return rc;
}

/* --- alongside a delta that does not end -------------------------------------------------------
 */

static const struct migration_step *delta_step(const struct migrating *g)
{
    for (size_t i = 0; i < migration_step_count(g->migration, MIGRATION_DELTA); i++) {
        const struct migration_step *s = migration_step_at(g->migration, MIGRATION_DELTA, i);
        if (s->classes[STAGE_DELTA] &&
            migrate_stage_find(g, s->classes[STAGE_DELTA], STAGE_DELTA) == migrate_increments_data)
            return s;
    }
    return NULL;
}

bool migrate_increments_follow(const struct migrating *g)
{
    return delta_step(g) != NULL;
}

static int print_counters(const struct increments_step *s, struct buf *out)
{
    int rc = 0;
    for (size_t i = 0; i < s->counter_count; i++)
        rc |= buf_printf(out, "%s %" PRIu64 " %" PRIu64 " %s\n", s->counters[i].kind,
                         s->counters[i].store, s->counters[i].last, s->counters[i].prefix);
    return rc;
}

/* Have the source's counters changed since they were brought? Then `counters` says what they are.
 */
static int look(struct migrating *g, struct buf *counters, bool *changed, struct ds_error *err)
{
    struct increments_step s = {.g = g};
    int rc = source_open(&s.sides.source, &g->in->config, err);
    rc = rc ? rc : read_counters(&s, err);
    if (rc == 0 && print_counters(&s, counters))
        rc = no_memory(err);
    *changed =
        rc == 0 && (counters->len != g->counted.len ||
                    (counters->len && memcmp(counters->data, g->counted.data, counters->len) != 0));
    close_step(&s);
    return rc;
}

/* Under a name of its own: that of the stream is locked, and its configuration in use. */
static int bring(struct migrating *g, bool *good, struct ds_error *err)
{
    struct invocation in = *g->in;
    struct migrating beside = *g;
    char name[300];
    snprintf(name, sizeof name, "%s.increments", in.config.name);
    in.config.name = name;
    beside.in = &in;
    return migrate_increments_data(&beside, good, err);
}

bool migrate_increments_alongside(void *arg)
{
    struct migrating *g = arg;
    const struct migration_step *step = g->step, *own = delta_step(g);
    BUF_AUTO struct buf counters = {0};
    struct ds_error err = {0};
    bool changed = false, good = true;
    if (g->seconds++ % ALONGSIDE_SECONDS)
        return false;
    logging_at_stage(&(struct logging_stage){migration_mode_name(g->mode),
                                             migrate_stage_title(STAGE_DELTA), own->title});
    int rc = look(g, &counters, &changed, &err);
    if (rc == 0 && changed)
        rc = bring(g, &good, &err);
    if (rc == 0 && changed && good) {
        buf_free(&g->counted);
        g->counted = counters;
        counters = (struct buf){0};
    }
    if (rc && rc != DS_ECONN) /* of that the stream tells */
        log_warn("increment counters could not be brought, and are tried again: %s", err.message);
    logging_at_stage(&(struct logging_stage){migration_mode_name(g->mode),
                                             migrate_stage_title(STAGE_DELTA), step->title});
    return false;
}

int migrate_increments_volume(struct migrating *g, bool *good, struct ds_error *err)
{
    struct increments_step s;
    if (!migrate_asks_source(g))
        return 0;
    int rc = open_step(&s, g, err);
    rc = rc ? rc : read_all(&s, err);
    for (size_t i = 0; i < s.sequence_count && rc == 0; i++) {
        const struct sequence *q = &s.sequences[i];
        if (q->exists && (!q->counter || q->counter->last <= q->last))
            continue;
        log_error("Mismatch in last increment id of %s entity: Source: %" PRIu64
                  " Destination: %" PRIu64 " (store %" PRIu64 ", table %s%s)",
                  q->kind, q->counter ? q->counter->last : 0, q->last, q->store, q->table,
                  q->exists ? "" : ", which is not there");
        *good = false;
    }
    close_step(&s);
    return rc;
}
