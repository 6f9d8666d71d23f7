/* delta --changelog: what the other tool's triggers have written down at the source, in tables
 * m2_cl_DOCUMENT: keys of rows that were written or deleted. For sources whose binlog cannot be
 * had.
 *
 * A row of such a table says no more than that something has happened to the rows of its key: the
 * source's tables tell what they are now. The column `processed` is not looked at, since triggers
 * leave it as it is when the row changes again.
 *
 * No change gets lost between the reading of rows and the deletion of what has led to them: when
 * the destination has committed, the rows of the log are locked, the source's rows read once more,
 * and only those of the log deleted whose rows are still what was read before. A trigger that waits
 * for the lock writes its row anew. One that was faster has changed the row, so that it stays for
 * the next pass. Killed at any moment, the log still has all that the destination may lack.
 *
 * Keys there are whole numbers, cut to the log's type. Columns of other types are not asked for:
 * then all rows are compared that have the rest of the key. Rows that no key tells, since several
 * documents go to one table, a step or handler gives them, or values are columns of others, are
 * compared all of them (migrate_changelog_whole.c).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "agent/cli/migrate_changelog.h"
#include "schema/crash.h"
#include "schema/list.h"
#include "schema/log.h"

enum {
    KEYS_AT_ONCE = 2000,    /* of one document */
    KEYS_PER_WRITE = 20000, /* … of all, in one transaction of the destination */
    KEYS_PER_LOCK = 200,    /* few: the shop waits for them */
    PASSES = 10,
    LOCK_WAIT_SECONDS = 5,
};
#define BYTES_PER_WRITE (64u << 20)

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for change logs");
}

/* --- which logs there are -------------------------------------------------------------------- */

const struct target_table *changelog_table(const struct draining *d, enum map_side side,
                                           const char *name)
{
    const struct target_table *t = target_find(d->schema[side], name, strlen(name));
    return t && t->exists ? t : NULL;
}

static uint64_t highest_of(const struct target_column *c)
{
    return UINT64_MAX >> (64 - c->width * 8 + !c->is_unsigned);
}

/* Does a handler make another value of it? */
static bool is_handled(const struct map *map, const char *document, const char *field,
                       const char *there, const char *to)
{
    return map_next_handler(map, MAP_SOURCE, document, field, NULL) ||
           map_next_handler(map, MAP_DESTINATION, there, to, NULL);
}

/* A whole number in the log and in the source's table; NULL: it is none of both. */
static const struct target_column *number_of(const struct target_column *in_log,
                                             const struct target_table *from)
{
    const int32_t ordinal = target_column_ordinal(from, in_log->name);
    const struct target_column *c = ordinal < 0 ? NULL : &from->columns[ordinal];
    return c && c->class == TARGET_INT && in_log->class == TARGET_INT && c->width && in_log->width
               ? c
               : NULL;
}

/* Is it there in the destination's rows, too? */
static bool is_there(const struct draining *d, const char *document, const char *field,
                     const struct target_table *to)
{
    const struct map *map = filter_map(d->g->in->filter);
    const char *there = map_document(map, MAP_SOURCE, document);
    const char *name = map_field(map, MAP_SOURCE, document, field);
    return name && target_column_ordinal(to, name) >= 0 &&
           !is_handled(map, document, field, there, name);
}

bool changelog_tells_rows(const struct draining *d, const struct log_table *log,
                          const struct target_table *to)
{
    const struct target_table *x = changelog_table(d, MAP_SOURCE, log->name),
                              *from = changelog_table(d, MAP_SOURCE, log->table);
    bool tells = !x || !from, numbers = false;
    for (uint32_t i = 0; !tells && i < x->column_count; i++) {
        const struct target_column *c = number_of(&x->columns[i], from);
        numbers |= c != NULL;
        tells = c && is_there(d, log->document, c->name, to);
    }
    return tells || !numbers;
}

static void take_column(const struct draining *d, struct log_table *log,
                        const struct target_column *in_log, const struct target_table *from,
                        const struct target_table *to)
{
    const struct target_column *c = number_of(in_log, from);
    if (!c || log->count == CHANGELOG_KEY ||
        (!log->whole_place && !is_there(d, log->document, c->name, to)))
        return;
    log->columns[log->count++] = (struct log_column){
        c->name, map_field(filter_map(d->g->in->filter), MAP_SOURCE, log->document, c->name),
        highest_of(c) > highest_of(in_log) ? highest_of(in_log) : 0, in_log->is_unsigned};
}

static int take_columns(const struct draining *d, struct log_table *log,
                        const struct target_table *x, const struct target_table *from,
                        const struct target_table *to, struct ds_error *err)
{
    if (target_column_ordinal(x, "operation") < 0 || target_column_ordinal(x, "processed") < 0)
        return error_set(err, DS_EUSAGE,
                         "--changelog: table %s of the source is no change log: it has no columns "
                         "`operation` and `processed`",
                         x->name);
    for (uint32_t i = 0; i < x->column_count; i++)
        if (strcmp(x->columns[i].name, "operation") != 0 &&
            strcmp(x->columns[i].name, "processed") != 0)
            take_column(d, log, &x->columns[i], from, to);
    log->whole = x->row_key && x->row_key->primary && x->row_key->count == log->count;
    for (uint32_t i = 0; log->whole && i < log->count; i++)
        log->whole = target_column_ordinal(x, log->columns[i].name) == (int32_t)i;
    if (log->count)
        return 0;
    return error_set(err, DS_EUNSUPPORTED,
                     "--changelog: none of the columns of table %s, which are to tell the rows of "
                     "%s, is a whole number of both servers that no rule ignores or changes: "
                     "follow the binlog, or ignore the document in the map",
                     x->name, log->document);
}

static int check_log(const struct draining *d, const struct log_table *log, struct ds_error *err)
{
    for (size_t i = 0; i < d->log_count; i++)
        if (strcmp(d->logs[i].name, log->name) == 0)
            return error_set(err, DS_EUNSUPPORTED,
                             "--changelog: documents %s and %s have one log, %s: follow the binlog",
                             log->document, d->logs[i].document, log->name);
    return 0;
}

/* Rows are told apart by the destination's primary key: the source has to give it. */
static int check_key(const struct draining *d, const struct log_table *log,
                     const struct target_table *from, const struct target_table *to,
                     struct ds_error *err)
{
    const struct map *map = filter_map(d->g->in->filter);
    const char *there = map_document(map, MAP_SOURCE, log->document);
    for (uint32_t i = 0; i < to->key_count; i++)
        for (uint32_t k = 0; to->keys[i].primary && k < to->keys[i].count; k++) {
            const char *field = to->columns[to->keys[i].columns[k]].name;
            bool given = map_next_handler(map, MAP_DESTINATION, there, field, NULL);
            for (uint32_t c = 0; c < from->column_count && !given; c++) {
                const char *name = map_field(map, MAP_SOURCE, log->document, from->columns[c].name);
                given = name && strcmp(name, field) == 0;
            }
            if (!given)
                return error_set(err, DS_EUNSUPPORTED,
                                 "--changelog: %s.%s is part of the destination's primary key, and "
                                 "nothing of document %s goes there: follow the binlog",
                                 there, field, log->document);
        }
    return 0;
}

/* What is marked later is asked for before anything is written. */
static int may_delete(const struct draining *d, const struct log_table *log, struct ds_error *err)
{
    BUF_AUTO struct buf name = {0};
    if (sql_identifier(&name, log->name))
        return no_memory(err);
    int rc = db_exec(d->locks, err, "DELETE FROM %s WHERE FALSE", buf_cstr(&name));
    if (rc != DS_EACCESS)
        return rc;
    return error_set_server(err, rc, err->server_errno,
                            "--changelog: the source's account may not delete what is done: GRANT "
                            "DELETE ON %s.%s to it",
                            d->g->in->config.source.database, buf_cstr(&name));
}

/* A log that the groups ask for has to be there; without groups those are drained that are. */
static int missing_log(const struct draining *d, const struct log_table *log, struct ds_error *err)
{
    if (!d->g->deltalog && !changelog_leads_to_place(d, log->document))
        return 0;
    return error_set(err, DS_EUSAGE,
                     "Deltalog for %s is not installed: --changelog needs the table %s at the "
                     "source, which %s asks for",
                     log->document, log->name,
                     d->g->deltalog ? buf_cstr(&d->g->deltalog_path)
                                    : "another document that goes to the same table");
}

/* False: it is none of the documents that the delta follows. */
bool changelog_name(const struct migrating *g, const struct target_table *from,
                    struct log_table *out)
{
    const char *prefix = g->in->config.source.prefix;
    const struct map *map = filter_map(g->in->filter);
    char name[2 * CHANGELOG_NAME];
    *out = (struct log_table){.document = from->name + strlen(prefix)};
    if (!from->exists || from->view || strncmp(from->name, prefix, strlen(prefix)) != 0 ||
        !(map_document(map, MAP_SOURCE, out->document) ||
          map_step(map, MAP_SOURCE, out->document)) ||
        !map_follows(map, out->document) || !filter_keeps(g->in->filter, from->name))
        return false;
    snprintf(name, sizeof name, "m2_cl_%s", out->document);
    snprintf(out->name, sizeof out->name, "%s%.*s", prefix, CHANGELOG_NAME, name);
    snprintf(out->table, sizeof out->table, "%s", from->name);
    return true;
}

static int take_table(struct draining *d, const struct target_table *from, struct ds_error *err)
{
    struct log_table log;
    char name[2 * CHANGELOG_NAME] = "";
    if (!changelog_name(d->g, from, &log))
        return 0;
    const char *there = map_document(filter_map(d->g->in->filter), MAP_SOURCE, log.document);
    if (there)
        snprintf(name, sizeof name, "%s%s", d->g->in->config.destination.prefix, there);
    const struct target_table *x = changelog_table(d, MAP_SOURCE, log.name),
                              *to = changelog_table(d, MAP_DESTINATION, name);
    if (there && !to)
        return 0;
    if (!x)
        return missing_log(d, &log, err);
    log.whole_place = !there || changelog_place(d, there);
    log.rank = to ? d->ranks[to->index] : 0;
    int rc = check_log(d, &log, err);
    if (rc == 0 && !log.whole_place)
        rc = check_key(d, &log, from, to, err);
    rc = rc ? rc : take_columns(d, &log, x, from, to, err);
    rc = rc ? rc : may_delete(d, &log, err);
    if (rc == 0 && LIST_ROOM(d->logs, d->log_count, d->log_capacity))
        rc = no_memory(err);
    if (rc == 0)
        d->logs[d->log_count++] = log;
    return rc;
}

static int by_rank(const void *a, const void *b)
{
    const struct log_table *x = a, *y = b;
    int order = (x->rank > y->rank) - (x->rank < y->rank);
    return order ? order : strcmp(x->document, y->document);
}

/* Deletes of later ones come first. */
static int find_logs(struct draining *d, struct ds_error *err)
{
    int rc = changelog_find_places(d, err);
    for (uint32_t i = 0; i < target_count(d->schema[MAP_SOURCE]) && rc == 0; i++)
        rc = take_table(d, target_at(d->schema[MAP_SOURCE], i), err);
    if (rc == 0 && d->log_count)
        qsort(d->logs, d->log_count, sizeof *d->logs, by_rank);
    else if (rc == 0)
        rc = error_set(err, DS_EUSAGE,
                       "--changelog: database %s of the source has no table m2_cl_… for a document "
                       "that is migrated",
                       d->g->in->config.source.database);
    return rc;
}

/* --- keys ------------------------------------------------------------------------------------ */

static int by_values(const void *a, const void *b)
{
    return memcmp(((const struct log_key *)a)->values, ((const struct log_key *)b)->values,
                  sizeof((const struct log_key *)a)->values);
}

/* Whole numbers as they stand in messages; false: NULL. */
static bool read_values(const struct log_table *log, const struct whole_table *t,
                        const uint8_t **columns, struct log_key *out)
{
    *out = (struct log_key){0};
    for (uint32_t i = 0; i < log->count; i++) {
        const uint32_t at = whole_table_column(t, log->columns[i].name);
        const uint8_t *p = at == UINT32_MAX ? NULL : columns[at];
        struct value v;
        if (!p || value_read(&p, p + value_length(p), &v) ||
            (v.kind != VALUE_INT && v.kind != VALUE_UINT))
            return false;
        out->values[i] = v.kind == VALUE_INT ? v.i : (int64_t)v.u;
    }
    return true;
}

static int put_number(struct buf *out, const struct log_column *c, int64_t v)
{
    return c->is_unsigned ? buf_printf(out, "%" PRIu64, (uint64_t)v)
                          : buf_printf(out, "%" PRId64, v);
}

/* "5", or "(5,7)". */
static int put_key(struct buf *out, const struct log_table *log, const struct log_key *k)
{
    int rc = log->count > 1 ? buf_puts(out, "(") : 0;
    for (uint32_t i = 0; i < log->count; i++)
        rc |= (i ? buf_puts(out, ",") : 0) | put_number(out, &log->columns[i], k->values[i]);
    return rc | (log->count > 1 ? buf_puts(out, ")") : 0);
}

static int put_names(struct buf *out, const struct log_table *log, enum map_side side)
{
    int rc = buf_puts(out, "(");
    for (uint32_t i = 0; i < log->count; i++) {
        const struct log_column *c = &log->columns[i];
        rc |= (i ? buf_puts(out, ",") : 0) |
              sql_identifier(out, side == MAP_SOURCE ? c->name : c->there);
    }
    return rc | buf_puts(out, ")");
}

/* "(`a`,`b`) IN ((5,7),(6,7))" */
static int put_condition(struct buf *out, const struct log_table *log, enum map_side side,
                         const struct log_key *keys, size_t count, struct ds_error *err)
{
    int rc = put_names(out, log, side) | buf_puts(out, " IN (");
    for (size_t i = 0; i < count; i++)
        rc |= (i ? buf_puts(out, ",") : 0) | put_key(out, log, &keys[i]);
    return rc | buf_puts(out, ")") ? no_memory(err) : 0;
}

static int check_cut(const struct log_table *log, const struct log_key *k, struct ds_error *err)
{
    for (uint32_t i = 0; i < log->count; i++)
        if (log->columns[i].most && (uint64_t)k->values[i] == log->columns[i].most)
            return error_set(err, DS_EUNSUPPORTED,
                             "--changelog: table %s has the key %s = %" PRIu64
                             ", to which its type "
                             "cuts higher ones: which row of %s has changed cannot be told; follow "
                             "the binlog",
                             log->name, log->columns[i].name, log->columns[i].most, log->document);
    return 0;
}

static size_t each_once(struct log_key *keys, size_t count)
{
    size_t kept = 0;
    if (count)
        qsort(keys, count, sizeof *keys, by_values);
    for (size_t i = 0; i < count; i++)
        if (!kept || by_values(&keys[i], &keys[kept - 1]) != 0)
            keys[kept++] = keys[i];
    return kept;
}

/* The next keys of a log behind `last`, which is moved on; *first: from the first. Where they are
 * not the log's own key no order leads from some to the next: all. */
static int read_keys(struct draining *d, const struct log_table *log, bool *first,
                     struct log_key *last, struct log_key **keys, size_t *count,
                     struct ds_error *err)
{
    BUF_AUTO struct buf behind = {0};
    struct whole_table t = {0};
    *count = 0;
    if (!*first && (put_names(&behind, log, MAP_SOURCE) | buf_puts(&behind, " > (") |
                    put_key(&behind, log, last) | buf_puts(&behind, ")")))
        return no_memory(err);
    int rc = whole_table_read_where(&t, &d->sides.source, log->name, 0,
                                    behind.len ? buf_cstr(&behind) : NULL,
                                    log->whole ? KEYS_AT_ONCE : 0, d->g->in->config.max_event, err);
    const uint8_t **columns = calloc(t.plan.column_count + 1, sizeof *columns);
    *keys = calloc(t.count + 1, sizeof **keys);
    if (!columns || !*keys)
        rc = rc ? rc : no_memory(err);
    for (size_t i = 0; i < t.count && rc == 0; i++) {
        struct log_key *k = &(*keys)[(*count)++];
        if (image_split(t.rows[i], t.plan.column_count, columns) ||
            !read_values(log, &t, columns, k))
            rc = error_set(err, DS_EFORMAT, "a row of table %s has no key", log->name);
        rc = rc ? rc : check_cut(log, k, err);
        *last = *k;
    }
    *first = false;
    *count = each_once(*keys, *count);
    d->read += *count;
    free(columns);
    whole_table_free(&t);
    return rc;
}

/* What the rows are that have them. */
static int digest(const struct log_table *log, const struct whole_table *t, struct log_key *keys,
                  size_t count, struct ds_error *err)
{
    const uint8_t **columns = calloc(t->plan.column_count + 1, sizeof *columns);
    int rc = columns ? 0 : no_memory(err);
    for (size_t i = 0; i < t->count && rc == 0; i++) {
        struct log_key like, *k;
        if (image_split(t->rows[i], t->plan.column_count, columns))
            rc = error_set(err, DS_EFORMAT, "a row of table %s is malformed", t->plan.name);
        if (rc || !read_values(log, t, columns, &like))
            continue;
        k = bsearch(&like, keys, count, sizeof *keys, by_values);
        if (k)
            k->digest += XXH3_64bits(t->rows[i].p, t->rows[i].len) | 1;
    }
    free(columns);
    return rc;
}

/* --- rows ------------------------------------------------------------------------------------ */

/* What they come to is told by all rows of their documents (migrate_changelog_whole.c). */
static int add_whole(struct draining *d, const struct log_part *p, struct ds_error *err)
{
    BUF_AUTO struct buf from = {0};
    struct whole_table t = {0};
    int rc = put_condition(&from, p->log, MAP_SOURCE, p->keys, p->count, err);
    rc = rc ? rc
            : whole_table_read_where(&t, &d->sides.source, p->log->table, 0, buf_cstr(&from), 0,
                                     d->g->in->config.max_event, err);
    rc = rc ? rc : digest(p->log, &t, p->keys, p->count, err);
    whole_table_free(&t);
    return rc;
}

static int add_rows(struct draining *d, const struct log_part *p, struct ds_error *err)
{
    BUF_AUTO struct buf from = {0}, here = {0};
    struct arena arena = {0};
    struct step_table both = {0};
    struct step_images images;
    int rc = put_condition(&from, p->log, MAP_SOURCE, p->keys, p->count, err);
    rc = rc ? rc : put_condition(&here, p->log, MAP_DESTINATION, p->keys, p->count, err);
    if (rc)
        return rc;
    const struct step_table_options o = {.sides = &d->sides,
                                         .schema = d->schema[MAP_DESTINATION],
                                         .config = &d->g->in->config,
                                         .map = filter_map(d->g->in->filter),
                                         .facts = map_servers_facts(d->servers),
                                         .document = p->log->document,
                                         .number = (uint32_t)(p->log - d->logs) + 1,
                                         .where = {buf_cstr(&from), buf_cstr(&here)},
                                         .alone = true};
    rc = step_table_open(&both, &o, err);
    rc = rc ? rc : digest(p->log, &both.from, p->keys, p->count, err);
    rc = rc ? rc : step_table_images(&both, &arena, NULL, &images, err);
    if (rc == 0) {
        const struct wanted_rows wanted = {.here = &both.here,
                                           .rows = images.rows,
                                           .count = images.count,
                                           .only = true,
                                           .without_keys = true,
                                           .deletes_cascade = true,
                                           .target = both.target};
        rc = row_changes_add(&d->changes, &wanted, err);
    }
    step_table_free(&both);
    arena_free(&arena);
    return rc;
}

/* --- what is done ---------------------------------------------------------------------------- */

static int lock_keys(struct draining *d, const char *log, const char *condition,
                     struct ds_error *err)
{
    int rc = db_exec(d->locks, err, "START TRANSACTION");
    if (rc)
        return rc;
    MYSQL_RES *rows =
        db_select(d->locks, err, "SELECT 1 FROM %s WHERE %s FOR UPDATE", log, condition);
    mysql_free_result(rows);
    return rows ? 0 : err->code;
}

/* Are the rows still what was read? *kept: how many keys are, moved to the front. */
static int compare_again(struct draining *d, const struct log_table *log, const char *condition,
                         struct log_key *keys, size_t count, size_t *kept, struct ds_error *err)
{
    struct whole_table t = {0};
    struct log_key now[KEYS_PER_LOCK];
    *kept = 0;
    for (size_t i = 0; i < count; i++) {
        now[i] = keys[i];
        now[i].digest = 0;
    }
    int rc = source_begin_alone(&d->sides.source, err);
    rc = rc ? rc
            : whole_table_read_where(&t, &d->sides.source, log->table, 0, condition, 0,
                                     d->g->in->config.max_event, err);
    rc = rc ? rc : digest(log, &t, now, count, err);
    for (size_t i = 0; i < count && rc == 0; i++)
        if (now[i].digest == keys[i].digest)
            keys[(*kept)++] = keys[i];
    whole_table_free(&t);
    return rc;
}

static int settle_some(struct draining *d, const struct log_table *log, struct log_key *keys,
                       size_t count, struct ds_error *err)
{
    BUF_AUTO struct buf name = {0}, condition = {0}, done = {0};
    size_t kept = 0;
    if (sql_identifier(&name, log->name))
        return no_memory(err);
    int rc = put_condition(&condition, log, MAP_SOURCE, keys, count, err);
    rc = rc ? rc : lock_keys(d, buf_cstr(&name), buf_cstr(&condition), err);
    rc = rc ? rc : compare_again(d, log, buf_cstr(&condition), keys, count, &kept, err);
    if (rc == 0 && kept) {
        rc = put_condition(&done, log, MAP_SOURCE, keys, kept, err);
        rc = rc ? rc
                : db_exec(d->locks, err, "DELETE FROM %s WHERE %s", buf_cstr(&name),
                          buf_cstr(&done));
    }
    rc = rc ? rc : db_exec(d->locks, err, "COMMIT");
    if (rc == DS_ERETRY) { /* the shop holds them: the next pass */
        log_debug("rows of a change log are locked: they wait for the next pass table=%s",
                  log->name);
        return db_exec(d->locks, err, "ROLLBACK");
    }
    d->settled += rc ? 0 : kept;
    return rc;
}

static int settle(struct draining *d, struct ds_error *err)
{
    int rc = 0;
    for (size_t i = 0; i < d->part_count && rc == 0; i++) {
        struct log_part *p = &d->parts[i];
        for (size_t at = 0, n; at < p->count && rc == 0; at += n) {
            n = p->count - at < KEYS_PER_LOCK ? p->count - at : KEYS_PER_LOCK;
            rc = settle_some(d, p->log, p->keys + at, n, err);
        }
    }
    return rc;
}

/* --- passes ---------------------------------------------------------------------------------- */

static void forget_parts(struct draining *d)
{
    for (size_t i = 0; i < d->part_count; i++)
        free(d->parts[i].keys);
    d->part_count = d->keys = 0;
    row_changes_free(&d->changes);
}

static int open_sides(struct draining *d, struct ds_error *err)
{
    if (d->open)
        return 0;
    d->open = true;
    return step_sides_open(&d->sides, &d->g->in->config, err);
}

/* What was gathered goes to the destination, then out of the logs. */
static int write_rows(struct draining *d, bool *good, struct ds_error *err)
{
    int rc = changelog_add_places(d, err);
    rc = rc ? rc : row_changes_write(d->g, &d->changes, good, err);
    crash_point("changelog.written");
    if (rc == 0 && *good && !d->g->stopped)
        rc = settle(d, err);
    forget_parts(d);
    step_sides_close(&d->sides);
    d->open = false;
    return rc;
}

static int drain_log(struct draining *d, const struct log_table *log, bool *good,
                     struct ds_error *err)
{
    struct log_key last = {0};
    bool first = true, more = true;
    int rc = 0;
    while (rc == 0 && more && *good && !d->g->stopped) {
        struct log_part p = {.log = log};
        rc = open_sides(d, err);
        rc = rc ? rc : read_keys(d, log, &first, &last, &p.keys, &p.count, err);
        more = rc == 0 && p.count && log->whole;
        if (rc || !p.count || LIST_ROOM(d->parts, d->part_count, d->part_capacity)) {
            free(p.keys);
            return rc || !p.count ? rc : no_memory(err);
        }
        if (!d->part_count || d->parts[d->part_count - 1].log != log)
            log_debug("%s has changes", log->document);
        d->parts[d->part_count++] = p;
        d->keys += p.count;
        changelog_touch(d, log->document);
        rc = log->whole_place ? add_whole(d, &p, err) : add_rows(d, &p, err);
        if (rc == 0 && (d->keys >= KEYS_PER_WRITE || d->changes.messages.len > BYTES_PER_WRITE))
            rc = write_rows(d, good, err);
    }
    return rc;
}

/* Until a pass finds nothing: of a source that goes on writing some may stay for the next run. */
static int drain(struct draining *d, bool *good, struct ds_error *err)
{
    int rc = 0;
    uint64_t left = 1;
    for (unsigned pass = 0; pass < PASSES && rc == 0 && left && *good && !d->g->stopped; pass++) {
        d->read = d->settled = 0;
        for (size_t i = 0; i < d->log_count && rc == 0 && *good && !d->g->stopped; i++)
            rc = drain_log(d, &d->logs[i], good, err);
        if (rc == 0 && *good && !d->g->stopped && d->keys)
            rc = write_rows(d, good, err);
        left = d->read;
        if (rc == 0 && *good && d->read)
            log_info("change logs keys=%" PRIu64 " done=%" PRIu64, d->read, d->settled);
    }
    if (rc == 0 && *good && !d->g->stopped && left)
        log_info("the source goes on changing: what its triggers have logged since stays for the "
                 "next run");
    return rc;
}

static int open_all(struct draining *d, struct ds_error *err)
{
    const struct config *c = &d->g->in->config;
    struct db_endpoint source = config_endpoint(c, true);
    int rc = db_connect(&d->locks, &source, err);
    rc =
        rc ? rc
           : db_exec(d->locks, err, "SET SESSION innodb_lock_wait_timeout = %d", LOCK_WAIT_SECONDS);
    rc =
        rc ? rc : db_exec(d->locks, err, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ");
    rc = rc ? rc : open_sides(d, err);
    rc = rc ? rc : target_new(&d->schema[MAP_SOURCE], d->sides.source.db, c->source.database, err);
    rc = rc ? rc
            : target_new(&d->schema[MAP_DESTINATION], d->sides.destination.db,
                         c->destination.database, err);
    rc = rc ? rc : map_servers_new(&d->servers, c, filter_map(d->g->in->filter), d->g->own, err);
    if (rc == 0)
        map_servers_attach(d->servers, d->schema[MAP_DESTINATION]);
    return rc ? rc : find_logs(d, err);
}

static void close_all(struct draining *d)
{
    forget_parts(d);
    free(d->parts);
    free(d->logs);
    free(d->places);
    free(d->ranks);
    if (d->open)
        step_sides_close(&d->sides);
    map_servers_free(d->servers);
    target_free(d->schema[MAP_SOURCE]);
    target_free(d->schema[MAP_DESTINATION]);
    db_close(&d->locks);
}

int migrate_changelog(struct migrating *g, bool *good, struct ds_error *err)
{
    struct draining d = {.g = g};
    *good = true;
    int rc = open_all(&d, err);
    rc = rc ? rc : drain(&d, good, err);
    close_all(&d);
    return rc;
}

/* --- is there more? -------------------------------------------------------------------------- */

int migrate_changelog_pending(const struct migrating *g, MYSQL *db, const struct target *source,
                              uint64_t *rows, struct ds_error *err)
{
    int rc = 0;
    *rows = 0;
    for (uint32_t i = 0; i < target_count(source) && rc == 0; i++) {
        BUF_AUTO struct buf name = {0};
        struct log_table log;
        uint64_t count = 0;
        bool found;
        if (!changelog_name(g, target_at(source, i), &log) ||
            !target_find(source, log.name, strlen(log.name)))
            continue;
        if (sql_identifier(&name, log.name))
            return no_memory(err);
        rc = db_scalar_u64(db, &count, &found, err, "SELECT COUNT(*) FROM %s", buf_cstr(&name));
        *rows += count;
    }
    return rc;
}
