#include "agent/tracker.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/arena.h"
#include "schema/crash.h"
#include "schema/list.h"
#include "schema/log.h"

#define TRACKER_TABLE "datasync_change_tracker"

enum {
    ROWS_PER_STATEMENT = 200, /* few: the shop waits for a row while a statement holds it */
    LOCK_WAIT_SECONDS = 1,
    IN_HAND = 2, /* of sync_completed */
};

/* Rows of these types name a member of an entity, not its root. */
static const struct {
    const char *type, *table;
} members[] = {
    {"customer_address", "customer_address_entity"},
    {"order_comment", "sales_flat_order_status_history"},
};

struct tracked_kind {
    uint64_t *numbers; /* of its rows */
    size_t number_count, number_cap;
    struct changed_id *items;
    size_t item_count, item_cap;
};

struct tracker {
    const struct config *config;
    const struct catalogue *catalogue;
    const struct filter *filter;
    struct tracker_options options;
    MYSQL *db;
    struct buf table; /* quoted */
    bool has_names;   /* the table has source_identifier */
    uint64_t pending; /* rows */
    struct arena arena;
    struct tracked_kind *kinds; /* by the entity's place in the catalogue */
    struct entity_ids *listed;
    size_t listed_count;
};

static int out_of_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for the tracker's rows");
}

static const char *prefix_of(const struct tracker *t)
{
    return t->config->source.prefix ? t->config->source.prefix : "";
}

/* --- the table -------------------------------------------------------------------------------- */

static int count_columns(struct tracker *t, const char *names, uint64_t *count,
                         struct ds_error *err)
{
    BUF_AUTO struct buf name = {0}, literal = {0};
    bool found;
    if (buf_printf(&name, "%s" TRACKER_TABLE, prefix_of(t)) ||
        sql_string(&literal, name.data, name.len))
        return out_of_memory(err);
    return db_scalar_u64(t->db, count, &found, err,
                         "SELECT COUNT(*) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = "
                         "DATABASE() AND TABLE_NAME = %s AND COLUMN_NAME IN (%s)",
                         buf_cstr(&literal), names);
}

static int find_table(struct tracker *t, struct ds_error *err)
{
    static const char needed[] =
        "'tracker_id', 'entity_type', 'entity_id', 'action', 'synced_at', 'sync_completed'";
    BUF_AUTO struct buf name = {0};
    uint64_t columns, names = 0;
    int rc = count_columns(t, needed, &columns, err);
    rc = rc ? rc : count_columns(t, "'source_identifier'", &names, err);
    if (rc)
        return rc;
    t->has_names = names > 0;
    if (buf_printf(&name, "%s" TRACKER_TABLE, prefix_of(t)) ||
        sql_identifier(&t->table, buf_cstr(&name)))
        return out_of_memory(err);
    if (columns == 6)
        return 0;
    return error_set(err, DS_EUSAGE,
                     columns ? "table %s of the source has not the columns %s: it is not that of "
                               "the module DataSyncTracker"
                             : "the source has no table %s that this account may read (with the "
                               "columns %s): install the module DataSyncTracker there, or follow "
                               "the binlog, without --tracker",
                     buf_cstr(&name), needed);
}

/* Asks the server for the privileges, changes nothing. */
static int may_write(struct tracker *t, struct ds_error *err)
{
    int rc = db_exec(t->db, err, "UPDATE %s SET sync_completed = 1, synced_at = NOW() WHERE FALSE",
                     buf_cstr(&t->table));
    rc = rc ? rc : db_exec(t->db, err, "DELETE FROM %s WHERE FALSE", buf_cstr(&t->table));
    if (rc != DS_EACCESS)
        return rc;
    return error_set_server(err, rc, err->server_errno,
                            "the source's account may not mark the tracker's rows: GRANT UPDATE, "
                            "DELETE ON %s.%s to it, or leave --mark-synced away",
                            t->config->source.database, buf_cstr(&t->table));
}

static int connect_source(struct tracker *t, struct ds_error *err)
{
    struct db_endpoint ep = config_endpoint(t->config, true);
    int rc = db_connect(&t->db, &ep, err);
    /* names of entities come in their column's character set, as in the shop's tables */
    rc = rc ? rc : db_exec(t->db, err, "SET NAMES utf8mb4");
    rc = rc ? rc : db_exec(t->db, err, "SET SESSION character_set_results = NULL");
    rc = rc ? rc : db_exec(t->db, err, "SET SESSION wait_timeout = 86400");
    /* a lower one cannot write where the binlog, which others may need, holds statements */
    rc = rc ? rc : db_exec(t->db, err, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ");
    return rc ? rc
              : db_exec(t->db, err, "SET SESSION innodb_lock_wait_timeout = %d", LOCK_WAIT_SECONDS);
}

int tracker_open(struct tracker **out, const struct config *config,
                 const struct catalogue *catalogue, const struct filter *filter,
                 const struct tracker_options *options, struct ds_error *err)
{
    struct tracker *t = calloc(1, sizeof *t);
    size_t entities = catalogue_count(catalogue);
    if (!t)
        return out_of_memory(err);
    *t = (struct tracker){
        .config = config, .catalogue = catalogue, .filter = filter, .options = *options};
    t->kinds = calloc(entities + 1, sizeof *t->kinds);
    t->listed = calloc(entities + 1, sizeof *t->listed);
    int rc = t->kinds && t->listed ? connect_source(t, err) : out_of_memory(err);
    rc = rc ? rc : find_table(t, err);
    rc = rc || !options->mark ? rc : may_write(t, err);
    if (rc)
        tracker_free(t);
    else
        *out = t;
    return rc;
}

void tracker_free(struct tracker *t)
{
    if (!t)
        return;
    for (size_t i = 0; t->kinds && i < catalogue_count(t->catalogue); i++) {
        free(t->kinds[i].numbers);
        free(t->kinds[i].items);
    }
    free(t->kinds);
    free(t->listed);
    db_close(&t->db);
    buf_free(&t->table);
    arena_free(&t->arena);
    free(t);
}

/* --- what the rows are of ----------------------------------------------------------------------
 */

/* The entity of a type, and the table whose id the rows hold, NULL: the root's; NULL: nothing that
 * is ever imported. */
static const struct catalogue_entity *entity_of(const struct tracker *t, const char *type,
                                                const struct catalogue_table **member)
{
    const struct catalogue_entity *e = catalogue_find(t->catalogue, type);
    *member = NULL;
    for (size_t i = 0; !e && i < sizeof members / sizeof *members; i++)
        if (strcmp(members[i].type, type) == 0 &&
            (!catalogue_lookup(t->catalogue, members[i].table, &e, member) || (*member)->through))
            e = NULL;
    return e && e->kind != KIND_DERIVED ? e : NULL;
}

static struct tracked_kind *kind_of(const struct tracker *t, const struct catalogue_entity *e)
{
    size_t at = 0;
    while (catalogue_at(t->catalogue, at) != e)
        at++;
    return &t->kinds[at];
}

/* Is everything asked for, so that a type which is nothing is somebody's mistake? */
static bool asks_for_all(const struct tracker *t)
{
    const struct config_list *l = &t->config->entities;
    for (size_t i = 0; i < l->count; i++)
        if (strcmp(l->items[i], "all") == 0)
            return true;
    return false;
}

static int unknown_types(const struct tracker *t, struct buf *types, struct ds_error *err)
{
    if (!types->len)
        return 0;
    if (asks_for_all(t))
        return error_set(err, DS_ESCHEMA,
                         "%s has pending rows of types that are no entity here: %s. Describe them "
                         "in a file of entities_dir, or say with --entity which others are wanted",
                         TRACKER_TABLE, buf_cstr(types));
    log_warn("the tracker has pending rows of types that are no entity here types=\"%s\"",
             buf_cstr(types));
    return 0;
}

/* A row of the result; [1] NULL: what the row names is gone, and its entity cannot be told. */
static int take_row(struct tracker *t, struct tracked_kind *k, MYSQL_ROW row)
{
    if (LIST_ROOM(k->numbers, k->number_count, k->number_cap))
        return DS_ENOMEM;
    k->numbers[k->number_count++] = strtoull(row[0], NULL, 10);
    t->pending++;
    if (!row[1])
        return 0;
    if (LIST_ROOM(k->items, k->item_count, k->item_cap))
        return DS_ENOMEM;
    struct changed_id x = {.id = arena_strdup(&t->arena, row[1]),
                           .name = row[2] ? arena_strdup(&t->arena, row[2]) : NULL};
    if (!x.id || (row[2] && !x.name))
        return DS_ENOMEM;
    k->items[k->item_count++] = x;
    return 0;
}

static int select_rows(const struct tracker *t, const char *type,
                       const struct catalogue_table *member, struct buf *sql)
{
    int rc = buf_puts(sql, "SELECT t.tracker_id, ");
    rc |= member ? buf_puts(sql, "m.") | sql_identifier(sql, member->link)
                 : buf_puts(sql, "t.entity_id");
    rc |= buf_puts(sql, t->has_names ? ", IF(t.action = 'delete', t.source_identifier, NULL)"
                                     : ", NULL") |
          buf_printf(sql, " FROM %.*s t", (int)t->table.len, (const char *)t->table.data);
    if (member) {
        char name[300];
        snprintf(name, sizeof name, "%s%s", prefix_of(t), member->there);
        rc |= buf_puts(sql, " LEFT JOIN ") | sql_identifier(sql, name) | buf_puts(sql, " m ON m.") |
              sql_identifier(sql, member->key) | buf_puts(sql, " = t.entity_id");
    }
    rc |= buf_puts(sql, " WHERE t.entity_type = ") | sql_string(sql, type, strlen(type)) |
          buf_printf(sql, " AND t.sync_completed IN (0, %d) ORDER BY t.tracker_id", IN_HAND);
    return t->options.limit ? rc | buf_printf(sql, " LIMIT %lu", t->options.limit) : rc;
}

static int read_type(struct tracker *t, const char *type, struct buf *unknown, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    const struct catalogue_table *member;
    const struct catalogue_entity *e = entity_of(t, type, &member);
    if (!e)
        return buf_printf(unknown, "%s%.50s", unknown->len ? ", " : "", *type ? type : "''")
                   ? out_of_memory(err)
                   : 0;
    if (!filter_imports(t->filter, e))
        return 0;
    if (select_rows(t, type, member, &sql))
        return out_of_memory(err);
    MYSQL_RES *rows = db_select(t->db, err, "%s", buf_cstr(&sql));
    if (!rows)
        return err->code;
    int rc = 0;
    log_info("the tracker's rows type=%s count=%llu", type,
             (unsigned long long)mysql_num_rows(rows));
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(rows));)
        rc = take_row(t, kind_of(t, e), row);
    mysql_free_result(rows);
    return rc ? out_of_memory(err) : 0;
}

static int by_id(const void *x, const void *y)
{
    const struct changed_id *a = x, *b = y;
    int order = strcmp(a->id, b->id);
    return order ? order : !a->name - !b->name; /* with a name first */
}

/* Each entity once. */
static void list_kinds(struct tracker *t)
{
    for (size_t i = 0; i < catalogue_count(t->catalogue); i++) {
        struct tracked_kind *k = &t->kinds[i];
        size_t kept = 0;
        if (!k->number_count)
            continue;
        if (k->item_count)
            qsort(k->items, k->item_count, sizeof *k->items, by_id);
        for (size_t n = 0; n < k->item_count; n++)
            if (!kept || strcmp(k->items[kept - 1].id, k->items[n].id) != 0)
                k->items[kept++] = k->items[n];
        k->item_count = kept;
        t->listed[t->listed_count++] = (struct entity_ids){
            .entity = catalogue_at(t->catalogue, i), .items = k->items, .count = kept};
    }
}

const struct entity_ids *tracker_kinds(const struct tracker *t, size_t *count)
{
    *count = t->listed_count;
    return t->listed;
}

/* --- in hand, and done --------------------------------------------------------------------------
 */

/* "UPDATE … WHERE tracker_id IN (1,2,3) AND sync_completed = `state`". */
static int update_rows(struct tracker *t, const char *set, const uint64_t *numbers, size_t count,
                       int state, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    int rc =
        buf_printf(&sql, "UPDATE IGNORE %s SET %s WHERE tracker_id IN (", buf_cstr(&t->table), set);
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = buf_printf(&sql, "%s%lu", i ? "," : "", numbers[i]);
    rc |= buf_printf(&sql, ") AND sync_completed = %d", state);
    return rc ? out_of_memory(err) : db_exec_len(t->db, (const char *)sql.data, sql.len, err);
}

/* IGNORE: an entity may have a row in hand since an earlier run; then this one waits for the next
 * run, which is also what becomes of a row that the shop holds. */
static int take_in_hand(struct tracker *t, const struct tracked_kind *k, struct ds_error *err)
{
    static const char set[] = "sync_completed = 2";
    int rc = 0;
    for (size_t i = 0, n; i < k->number_count && rc == 0; i += n) {
        n = k->number_count - i < ROWS_PER_STATEMENT ? k->number_count - i : ROWS_PER_STATEMENT;
        rc = update_rows(t, set, k->numbers + i, n, 0, err);
        if (rc != DS_ERETRY)
            continue;
        rc = 0;
        for (size_t one = i; one < i + n && rc == 0; one++) {
            rc = update_rows(t, set, k->numbers + one, 1, 0, err);
            if (rc == DS_ERETRY)
                log_debug("the shop holds a row of the tracker: it waits for the next run "
                          "tracker_id=%lu",
                          k->numbers[one]);
            rc = rc == DS_ERETRY ? 0 : rc;
        }
    }
    return rc;
}

int tracker_read(struct tracker *t, struct ds_error *err)
{
    BUF_AUTO struct buf unknown = {0};
    MYSQL_RES *types =
        db_select(t->db, err,
                  "SELECT DISTINCT entity_type FROM %s WHERE sync_completed IN (0, %d) ORDER BY 1",
                  buf_cstr(&t->table), IN_HAND);
    if (!types)
        return err->code;
    int rc = 0;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(types));)
        rc = read_type(t, row[0] ? row[0] : "", &unknown, err);
    mysql_free_result(types);
    rc = rc ? rc : unknown_types(t, &unknown, err);
    if (rc)
        return rc;
    list_kinds(t);
    if (!t->pending)
        log_info("the tracker has no pending rows of what is asked for");
    for (size_t i = 0; t->options.mark && i < catalogue_count(t->catalogue) && rc == 0; i++)
        rc = take_in_hand(t, &t->kinds[i], err);
    crash_point("tracker.in_hand");
    return rc;
}

/* A row that is done already would be in the way: of each entity there is one. */
static int mark_rows(struct tracker *t, const uint64_t *numbers, size_t count, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    const char *table = buf_cstr(&t->table);
    int rc = buf_printf(&sql,
                        "DELETE d FROM %s d JOIN %s h ON h.entity_type = d.entity_type AND "
                        "h.entity_id = d.entity_id WHERE d.sync_completed = 1 AND "
                        "h.sync_completed = %d AND h.tracker_id IN (",
                        table, table, IN_HAND);
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = buf_printf(&sql, "%s%lu", i ? "," : "", numbers[i]);
    rc |= buf_puts(&sql, ")");
    if (rc)
        return out_of_memory(err);
    rc = db_exec(t->db, err, "START TRANSACTION");
    rc = rc ? rc : db_exec_len(t->db, (const char *)sql.data, sql.len, err);
    rc = rc ? rc
            : update_rows(t, "sync_completed = 1, synced_at = NOW()", numbers, count, IN_HAND, err);
    if (rc == 0)
        return db_exec(t->db, err, "COMMIT");
    struct ds_error ignored;
    (void)db_exec(t->db, &ignored, "ROLLBACK"); /* if this fails the connection is lost anyway */
    return rc;
}

/* What the shop holds, or a deadlock hits, stays in hand: the next run copies it again. */
static int mark_chunk(struct tracker *t, const uint64_t *numbers, size_t count,
                      struct ds_error *err)
{
    int rc = mark_rows(t, numbers, count, err);
    if (rc != DS_ERETRY)
        return rc;
    rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++) {
        rc = mark_rows(t, numbers + i, 1, err);
        if (rc == DS_ERETRY)
            log_debug("the shop holds a row of the tracker: it is not marked tracker_id=%lu",
                      numbers[i]);
        rc = rc == DS_ERETRY ? 0 : rc;
    }
    return rc;
}

int tracker_mark(struct tracker *t, const struct catalogue_entity *e, struct ds_error *err)
{
    const struct tracked_kind *k = kind_of(t, e);
    for (size_t i = 0, n; i < k->number_count; i += n) {
        n = k->number_count - i < ROWS_PER_STATEMENT ? k->number_count - i : ROWS_PER_STATEMENT;
        int rc = mark_chunk(t, k->numbers + i, n, err);
        if (rc)
            return rc;
        crash_point("tracker.marked");
    }
    return 0;
}

/* --- beforehand ------------------------------------------------------------------------------- */

static void tell(finding_callback found, void *arg, enum finding_level level, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static void tell(finding_callback found, void *arg, enum finding_level level, const char *fmt, ...)
{
    char detail[1600];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(detail, sizeof detail, fmt, ap);
    va_end(ap);
    found(arg, &(struct finding){.level = level, .what = "tracker", .detail = detail});
}

int tracker_check(const struct config *config, const struct catalogue *catalogue,
                  const struct filter *filter, finding_callback found, void *arg,
                  struct ds_error *err)
{
    const struct tracker_options look = {0};
    struct tracker *t = NULL;
    struct ds_error why = {0};
    int rc = tracker_open(&t, config, catalogue, filter, &look, &why);
    if (rc == DS_ECONN) {
        *err = why;
        return rc;
    }
    rc = rc ? rc : tracker_read(t, &why);
    if (rc)
        tell(found, arg, FINDING_STOP, "%s", why.message);
    else
        tell(found, arg, FINDING_OK, "%lu rows are pending", t->pending);
    if (rc == 0 && may_write(t, &why))
        tell(found, arg, FINDING_WARNING, "%s", why.message);
    tracker_free(t);
    return 0;
}
