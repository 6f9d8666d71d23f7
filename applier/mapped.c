/* A stream whose tables are called something else at the destination (map rules).
 *
 * Each message is rewritten as it is read (map/map_stream.h); behind that everything knows the
 * destination's tables alone. What asks the filter asks for the source's: the source's rows are
 * filtered before they come. The destination's structure is its own: no statement changes it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "applier/apply.h"
#include "applier/load.h"
#include "applier/map/map_facts.h"
#include "applier/map/map_integrity.h"
#include "applier/map/map_stream.h"
#include "applier/map/map_takes.h"
#include "schema/log.h"

struct mapped {
    struct map_servers *servers;
    struct map_stream *stream;
    struct load_noted *noted; /* what the copy has filled */
    uint64_t *attributes;     /* that the destination has, in order, if anybody asks */
    size_t attribute_count;
    bool checked;
};

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for a map");
}

/* A copy begins anew with what there is. */
static bool had(void *arg, const char *table, const char *column)
{
    const struct applier *a = arg;
    return !a->in_snapshot && load_noted_has(a->mapped->noted, table, column);
}

/* --- attributes of the destination ----------------------------------------------------------- */

static int by_number(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static bool has_attribute(void *arg, uint64_t id)
{
    const struct mapped *m = arg;
    return m->attribute_count &&
           bsearch(&id, m->attributes, m->attribute_count, sizeof id, by_number);
}

/* As the stream begins: it ends before a change of theirs. */
static int read_attributes(struct applier *a, struct ds_error *err)
{
    struct mapped *m = a->mapped;
    BUF_AUTO struct buf name = {0}, table = {0};
    free(m->attributes);
    m->attributes = NULL;
    m->attribute_count = 0;
    if (!map_any_claimed(filter_map(a->options.filter)))
        return 0;
    if (buf_printf(&name, "%seav_attribute", a->config->destination.prefix) ||
        sql_table(&table, a->database, buf_cstr(&name)))
        return no_memory(err);
    MYSQL_RES *rows =
        db_select(a->db, err, "SELECT attribute_id FROM %s ORDER BY 1", buf_cstr(&table));
    m->attributes = rows ? calloc(mysql_num_rows(rows) + 1, sizeof *m->attributes) : NULL;
    for (MYSQL_ROW row; m->attributes && (row = mysql_fetch_row(rows));)
        m->attributes[m->attribute_count++] = strtoull(row[0], NULL, 10);
    mysql_free_result(rows);
    return m->attributes ? 0 : rows ? no_memory(err) : err->code;
}

int mapped_open(struct applier *a, struct ds_error *err)
{
    const struct map *map = filter_map(a->options.filter);
    if (!map)
        return 0;
    a->mapped = calloc(1, sizeof *a->mapped);
    if (!a->mapped)
        return no_memory(err);
    int rc = map_servers_new(&a->mapped->servers, a->config, map, a->handlers, err);
    if (rc)
        return rc;
    const struct map_stream_options o = {.map = map,
                                         .facts = map_servers_facts(a->mapped->servers),
                                         .prefix = a->config->source.prefix,
                                         .target_prefix = a->config->destination.prefix,
                                         .imports = a->import != NULL,
                                         .skip_unmapped = a->options.map_in_part || a->import,
                                         .had = had,
                                         .had_arg = a,
                                         .leftovers = a->import == NULL,
                                         .has_attribute = has_attribute,
                                         .attributes = a->mapped,
                                         .passing = a->options.passing,
                                         .ends_at_watched = a->options.ends_at_watched};
    return map_stream_new(&a->mapped->stream, &o, err);
}

void mapped_free(struct applier *a)
{
    if (!a->mapped)
        return;
    map_stream_free(a->mapped->stream);
    load_noted_free(a->mapped->noted);
    map_servers_free(a->mapped->servers);
    free(a->mapped->attributes);
    free(a->mapped);
}

/* --- before the stream starts ---------------------------------------------------------------- */

static void tell(void *arg, enum map_told told, const char *line)
{
    (void)arg;
    if (told != MAP_TOLD_WARNING)
        log_error("%s", line);
    else
        log_warn("%s", line);
}

/* What the source's foreign keys delete or change is in no binlog (law 3). */
static int derive(void *arg, const struct derived_key *key, struct ds_error *err)
{
    struct applier *a = arg;
    int rc = a->target ? 0 : target_new(&a->target, a->db, a->database, err);
    if (rc)
        return rc;
    log_info("the destination lacks a foreign key of the source, what it does is done table=%s "
             "name=%s parent=%s",
             key->child, key->name, key->parent);
    return target_derive(a->target, key) ? no_memory(err) : 0;
}

int mapped_check(struct applier *a, struct ds_error *err)
{
    DB_AUTO MYSQL *source = NULL;
    struct db_endpoint ep = config_endpoint(a->config, true);
    unsigned fails = 0;
    const bool looked = a->import && a->options.schema && *a->options.schema; /* a moment ago */
    if (!a->mapped || a->mapped->checked || a->options.no_source || looked)
        return 0;
    ep.read_timeout = 60;
    int rc = db_connect(&source, &ep, err);
    a->source_is_away = rc == DS_ECONN;
    if (rc)
        return rc;
    const struct map_integrity o = {.config = a->config,
                                    .filter = a->options.filter,
                                    .source = source,
                                    .destination = a->db,
                                    .tell = tell,
                                    .missing = derive,
                                    .keys_alone = a->options.map_in_part,
                                    .imports = a->import != NULL,
                                    .own = a->handlers,
                                    .arg = a};
    rc = map_integrity_check(&o, &fails, err);
    a->mapped->checked = rc == 0;
    if (rc == 0 && fails)
        rc = error_set(err, DS_EUSAGE,
                       "the map does not fit source and destination, see above (%u findings), and "
                       "nothing was written: settle them by rules of the map, or at the "
                       "destination",
                       fails);
    return rc;
}

/* --- the stream --------------------------------------------------------------------------------
 */

int mapped_attach(struct applier *a, struct ds_error *err)
{
    const struct load_options o = {
        .name = a->name, .database = a->database, .state_database = a->state_database};
    if (!a->mapped)
        return 0;
    map_servers_attach(a->mapped->servers, a->target);
    map_stream_attach(a->mapped->stream, a->target);
    int rc = read_attributes(a, err);
    load_noted_free(a->mapped->noted);
    a->mapped->noted = NULL;
    return rc || a->import ? rc : load_noted_read(&a->mapped->noted, a->db, &o, err);
}

/* The destination's table is another one than when the stream defined it: what is made for it now
 * has other columns. */
static int define_anew(struct applier *a, uint32_t id, struct ds_error *err)
{
    const struct msg_table *table = map_stream_redefined(a->mapped->stream, id);
    BUF_AUTO struct buf made = {0};
    struct message m;
    if (!table)
        return 0;
    if (message_write_table(&made, table))
        return no_memory(err);
    const uint8_t *p = made.data;
    int rc = message_read(&p, made.data + made.len, &a->batch.arena, &m, err);
    return rc ? rc : source_table_define(a, &m, err);
}

static int failed(struct applier *a, int rc, struct ds_error *err)
{
    const struct transaction open = {.gtid = a->open_begin.gtid};
    char text[sizeof err->position];
    if (!a->open)
        return rc;
    transaction_place(&open, text, sizeof text);
    error_at_position(err, text);
    return rc;
}

int mapped_message(struct applier *a, struct message *m, bool *ours, struct ds_error *err)
{
    struct map_stream *s = a->mapped->stream;
    (void)map_servers_facts(a->mapped->servers); /* the time is now */
    int rc = map_stream_message(s, m, &a->batch.arena, ours, err);
    if (rc == 0 && *ours && m->type == MSG_CHANGE)
        rc = define_anew(a, m->change.table_id, err);
    if (rc == 0 && *ours && m->type == MSG_SNAPSHOT)
        rc = define_anew(a, m->snapshot.table_id, err);
    return rc ? failed(a, rc, err) : 0;
}

bool mapped_next(struct applier *a, struct message *m, int *rc, struct ds_error *err)
{
    *rc = 0;
    return a->mapped && map_stream_next(a->mapped->stream, m, &a->batch.arena, rc, err);
}

/* --- a table of the source that was emptied ------------------------------------------------------
 */

static struct map_takes takes_of(const struct applier *a)
{
    return (struct map_takes){.config = a->config,
                              .filter = a->options.filter,
                              .servers = a->options.no_source ? NULL : a->mapped->servers};
}

/* A document beside `own` whose rows go to the same one; NULL: none. */
static int find_other(struct applier *a, const char *own, const char *there, const char **other,
                      struct ds_error *err)
{
    const struct map *map = filter_map(a->options.filter);
    const struct map_takes o = takes_of(a);
    bool does = false;
    int rc = strcmp(there, own) == 0 ? 0 : map_leads_to(&o, there, there, &does, err);
    *other = rc == 0 && does ? there : NULL;
    for (size_t i = 0; rc == 0 && !*other && i < map_count(map); i++) {
        const struct map_rule *r = map_at(map, i);
        if (r->kind != MAP_RENAME || strcmp(r->document, own) == 0)
            continue;
        rc = map_leads_to(&o, r->document, there, &does, err);
        *other = rc == 0 && does ? r->document : NULL;
    }
    return rc;
}

/* TRUNCATE asks no foreign key. The session's checks are as the writer believes that they are. */
static int empty(struct applier *a, const char *table, struct ds_error *err)
{
    uint64_t checks = 1;
    bool found;
    int rc = db_scalar_u64(a->db, &checks, &found, err, "SELECT @@foreign_key_checks");
    rc = rc ? rc : db_exec(a->db, err, "SET SESSION foreign_key_checks = 0");
    rc = rc ? rc : db_exec(a->db, err, "DELETE FROM %s", table);
    struct ds_error ignored;
    int left = db_exec(a->db, rc ? &ignored : err, "SET SESSION foreign_key_checks = %lu", checks);
    return rc ? rc : left;
}

/* *name: the destination's table. */
static int empty_document(struct applier *a, const char *own, const char *to, const char **name,
                          struct arena *arena, struct ds_error *err)
{
    BUF_AUTO struct buf there = {0}, quoted = {0};
    if (buf_printf(&there, "%s%s", a->config->destination.prefix, to) ||
        sql_table(&quoted, a->database, buf_cstr(&there)) ||
        !(*name = arena_strdup(arena, buf_cstr(&there))))
        return no_memory(err);
    uint64_t waiting = held_first(a, *name);
    if (waiting)
        return error_set(err, DS_ECONFLICT,
                         "the source has emptied table %s (TRUNCATE), and changes of it wait in "
                         "quarantine (the first is %lu): release or drop them first",
                         own, waiting);
    return empty(a, buf_cstr(&quoted), err);
}

/* What handlers of its rows have written goes, too. */
static int truncate_written(struct applier *a, const char *own, struct arena *arena,
                            struct ds_error *err)
{
    const struct map *map = filter_map(a->options.filter);
    const char *name;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < map_count(map); i++) {
        const struct map_rule *r = map_at(map, i), *other = NULL;
        const char *to = strcmp(r->document, own) == 0 ? map_handler_writes(r) : NULL;
        if (!to)
            continue;
        while ((other = map_handler_writing(map, to, other)))
            if (strcmp(other->document, own) != 0)
                return error_set(err, DS_EUNSUPPORTED,
                                 "the source has emptied table %s (TRUNCATE), and the rows of %s "
                                 "that a handler has written for it cannot be told from those for "
                                 "%s: delete them at the destination, and pass over the statement "
                                 "with `datasync skip`",
                                 own, to, other->document);
        rc = empty_document(a, own, to, &name, arena, err);
    }
    return rc;
}

/* All that the step has written goes. */
static int truncate_step(struct applier *a, const char *own, const char *step, const char **name,
                         struct arena *arena, struct ds_error *err)
{
    const struct handler *whose;
    const struct ds_step *s = handlers_step(a->handlers, step, &whose);
    if (!s || s->source[1])
        return error_set(err, DS_EUNSUPPORTED,
                         "the source has emptied table %s (TRUNCATE), and which rows step %s has "
                         "written for it cannot be told: delete them at the destination, and pass "
                         "over the statement with `datasync skip`",
                         own, step);
    int rc = 0;
    for (size_t i = 0; rc == 0 && s->destination[i]; i++)
        rc = empty_document(a, own, s->destination[i], name, arena, err);
    return rc;
}

int mapped_truncate(struct applier *a, struct slice table, const char **name, struct arena *arena,
                    struct ds_error *err)
{
    const struct map *map = filter_map(a->options.filter);
    const char *prefix = a->config->source.prefix;
    char document[256];
    *name = NULL;
    snprintf(document, sizeof document, "%.*s", (int)table.len, (const char *)table.p);
    const char *own =
        strncmp(document, prefix, strlen(prefix)) == 0 ? document + strlen(prefix) : NULL;
    const char *to = own ? map_document(map, MAP_SOURCE, own) : NULL;
    const char *step = own ? map_step_gives(map, own) : NULL;
    if (!(to || step) || !filter_keeps(a->options.filter, document) || !map_follows(map, own))
        return 0;
    if (step)
        return truncate_step(a, own, step, name, arena, err);
    if (map_columns_of(map, own, true))
        return error_set(err, DS_EUNSUPPORTED,
                         "the source has emptied table %s (TRUNCATE), of which values are columns "
                         "of other rows at the destination: copy again, or delete them there, and "
                         "pass over the statement with `datasync skip`",
                         own);
    const char *other;
    int rc = find_other(a, own, to, &other, err);
    if (rc)
        return rc;
    if (other)
        return error_set(err, DS_EUNSUPPORTED,
                         "the source has emptied table %s (TRUNCATE), whose rows cannot be told "
                         "from those of %s in table %s at the destination: delete them there, and "
                         "pass over the statement with `datasync skip`",
                         own, other, to);
    rc = truncate_written(a, own, arena, err);
    return rc ? rc : empty_document(a, own, to, name, arena, err);
}

/* --- a copy
 * --------------------------------------------------------------------------------------- */

int mapped_takes(void *arg, const char *table, bool *takes, struct ds_error *err)
{
    const struct map_takes o = takes_of(arg);
    return map_takes(&o, table, takes, err);
}

bool mapped_doubles(void *arg, const char *table)
{
    const struct applier *a = arg;
    const char *prefix = a->config->destination.prefix;
    return a->mapped && strncmp(table, prefix, strlen(prefix)) == 0 &&
           map_is_double(filter_map(a->options.filter), table + strlen(prefix));
}
