#include "applier/import/registry.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "applier/state.h"
#include "schema/arena.h"
#include "schema/db.h"
#include "schema/db_later.h"
#include "schema/log.h"
#include "schema/registry_key.h"

enum {
    BUCKETS = 1 << 16, /* at first */
    IDS_PER_QUERY = 4000,
    BYTES_PER_QUERY = 256 << 10, /* … at most, of ids */
    KEPT = 500000,               /* entries, before they are forgotten at the next chance */
    ROWS_PER_INSERT = 1000,      /* of a list, and of what is bound: */
    ROWS_BOUND = 4000,
};

enum pending { PENDING_NONE, PENDING_LOAD, PENDING_ADD, PENDING_REMOVE };

struct entry {
    uint32_t type;
    struct slice id;
    struct registered is;
    struct slice external_ref;
    enum pending pending;
    bool written; /* by us, since it is in memory */
    uint64_t hash;
    struct entry *next, *next_pending;
};

enum known { NOT_ASKED, IS_HERE /* all that the registry has is in memory */, IS_MORE };

struct type {
    char *name;
    char *doubt; /* SQL that tells whether r.target_id exists; NULL: believed */
    bool ours;
    enum known known;
};

/* What is bound. */
struct lanes {
    const char *type[ROWS_BOUND], *id[ROWS_BOUND], *origin[ROWS_BOUND], *external_ref[ROWS_BOUND];
    unsigned long type_len[ROWS_BOUND], id_len[ROWS_BOUND], origin_len[ROWS_BOUND],
        external_ref_len[ROWS_BOUND];
    char has_ref[ROWS_BOUND];
    uint64_t target[ROWS_BOUND];
};

struct statement { /* on its way */
    MYSQL *db;
    MYSQL_STMT *insert; /* of the rows in `lanes`; NULL: `sql` */
    struct lanes *lanes;
    struct buf sql;
    uint32_t rows, new_rows; /* none of which may be there; 0: they may */
};

struct registry {
    MYSQL *db;
    bool dry;
    bool missing; /* there is no such table yet, and a dry run makes none */
    const char *state_database, *source_system;
    struct type *types;
    uint32_t type_count;
    struct statement statements[2]; /* they take turns */
    uint32_t turn;
    bool mariadb;       /* it has array binding: half the time */
    MYSQL_STMT *insert; /* NULL: not prepared yet */
    struct entry **buckets;
    size_t bucket_count; /* a power of two */
    struct entry *to_load, *to_write, **write_end;
    size_t count;
    struct arena arena;
};

static int out_of_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for the registry");
}

int registry_new(struct registry **out, const char *state_database, const char *source_system,
                 bool dry, struct ds_error *err)
{
    struct registry *r = calloc(1, sizeof *r);
    if (r)
        r->buckets = calloc(r->bucket_count = BUCKETS, sizeof(struct entry *));
    if (!r || !r->buckets) {
        registry_free(r);
        return out_of_memory(err);
    }
    r->state_database = state_database;
    r->source_system = source_system;
    r->dry = dry;
    r->write_end = &r->to_write;
    *out = r;
    return 0;
}

void registry_free(struct registry *r)
{
    if (!r)
        return;
    registry_believe(r);
    for (uint32_t i = 0; i < r->type_count; i++)
        free(r->types[i].name);
    free(r->types);
    if (r->insert)
        mysql_stmt_close(r->insert);
    for (int i = 0; i < 2; i++) {
        buf_free(&r->statements[i].sql);
        free(r->statements[i].lanes);
    }
    free(r->buckets);
    arena_free(&r->arena);
    free(r);
}

int registry_attach(struct registry *r, MYSQL *db, bool mariadb, struct ds_error *err)
{
    bool exists = true;
    int rc = r->dry ? state_exists(db, r->state_database, &exists, err) : 0;
    registry_forget(r);
    if (r->insert)
        mysql_stmt_close(r->insert);
    r->insert = NULL;
    r->db = db;
    r->mariadb = mariadb;
    r->missing = !exists;
    return rc;
}

static int from_registry(const struct registry *r, struct buf *sql)
{
    return r->missing ? buf_puts(sql, "(SELECT '' AS source_system, '' AS entity_type, '' AS "
                                      "source_id, 0 AS target_id, '' AS origin FROM DUAL WHERE "
                                      "FALSE) r")
                      : sql_table(sql, r->state_database, "datasync_entity_registry") |
                            buf_puts(sql, " r");
}

/* Of a dry run only what was not flushed yet is undone. */
static void forget_unwritten(struct registry *r)
{
    for (struct entry *e = r->to_write; e; e = e->next_pending) {
        e->is = (struct registered){0};
        e->pending = PENDING_NONE;
    }
    r->to_write = NULL;
    r->write_end = &r->to_write;
}

void registry_forget(struct registry *r)
{
    if (r->dry) {
        forget_unwritten(r);
        return;
    }
    for (uint32_t i = 0; i < r->type_count; i++)
        r->types[i].known = NOT_ASKED;
    memset(r->buckets, 0, r->bucket_count * sizeof(struct entry *));
    r->to_load = r->to_write = NULL;
    r->write_end = &r->to_write;
    r->count = 0;
    arena_reset(&r->arena, 4 << 20);
}

void registry_trim(struct registry *r)
{
    if (r->count > KEPT)
        registry_forget(r);
}

uint32_t registry_type(struct registry *r, const char *name)
{
    for (uint32_t i = 0; i < r->type_count; i++)
        if (strcmp(r->types[i].name, name) == 0)
            return i;
    struct type *bigger = realloc(r->types, (r->type_count + 1) * sizeof *bigger);
    char *copy = bigger ? strdup(name) : NULL;
    if (bigger)
        r->types = bigger;
    if (!copy)
        return UINT32_MAX;
    r->types[r->type_count] = (struct type){.name = copy};
    return r->type_count++;
}

const char *registry_type_name(const struct registry *r, uint32_t type)
{
    return type < r->type_count ? r->types[type].name : NULL;
}

void registry_own(struct registry *r, uint32_t type)
{
    r->types[type].ours = true;
}

int registry_doubt(struct registry *r, uint32_t type, const char *table, const char *column)
{
    BUF_AUTO struct buf sql = {0};
    if (buf_puts(&sql, "EXISTS (SELECT 1 FROM ") || sql_identifier(&sql, table) ||
        buf_puts(&sql, " d WHERE d.") || sql_identifier(&sql, column) ||
        buf_puts(&sql, " = r.target_id)"))
        return DS_ENOMEM;
    free(r->types[type].doubt);
    r->types[type].doubt = strdup(buf_cstr(&sql));
    return r->types[type].doubt ? 0 : DS_ENOMEM;
}

void registry_believe(struct registry *r)
{
    for (uint32_t i = 0; i < r->type_count; i++) {
        free(r->types[i].doubt);
        r->types[i].doubt = NULL;
    }
}

static struct entry **bucket(const struct registry *r, uint64_t hash)
{
    return &r->buckets[hash & (r->bucket_count - 1)];
}

static struct entry *lookup(const struct registry *r, uint32_t type, struct slice of)
{
    char scratch[REGISTRY_KEY_MAX + 1];
    struct slice id = registry_key(of, scratch);
    uint64_t hash = XXH3_64bits_withSeed(id.p, id.len, type);
    struct entry *e = *bucket(r, hash);
    while (e && !(e->hash == hash && e->type == type && e->id.len == id.len &&
                  (id.len == 0 || memcmp(e->id.p, id.p, id.len) == 0)))
        e = e->next;
    return e;
}

/* No more entries than buckets; without memory for that, chains get longer. */
static void grow(struct registry *r)
{
    size_t count = r->bucket_count * 4;
    struct entry **bigger = r->count < r->bucket_count ? NULL : calloc(count, sizeof *bigger);
    if (!bigger)
        return;
    for (size_t i = 0; i < r->bucket_count; i++)
        for (struct entry *e = r->buckets[i], *next; e; e = next) {
            next = e->next;
            e->next = bigger[e->hash & (count - 1)];
            bigger[e->hash & (count - 1)] = e;
        }
    free(r->buckets);
    r->buckets = bigger;
    r->bucket_count = count;
}

static struct entry *make(struct registry *r, uint32_t type, struct slice of)
{
    char scratch[REGISTRY_KEY_MAX + 1];
    struct slice id = registry_key(of, scratch);
    struct entry *e = lookup(r, type, id);
    if (e)
        return e;
    e = arena_zalloc(&r->arena, sizeof *e);
    uint8_t *copy = arena_copy(&r->arena, id.p, id.len);
    if (!e || (id.len && !copy))
        return NULL;
    grow(r);
    uint64_t hash = XXH3_64bits_withSeed(id.p, id.len, type);
    struct entry **head = bucket(r, hash);
    *e = (struct entry){.type = type, .id = {copy, id.len}, .hash = hash, .next = *head};
    *head = e;
    r->count++;
    return e;
}

int registry_want(struct registry *r, uint32_t type, struct slice id)
{
    if (lookup(r, type, id))
        return 0;
    struct entry *e = make(r, type, id);
    if (!e)
        return DS_ENOMEM;
    e->pending = PENDING_LOAD;
    e->next_pending = r->to_load;
    r->to_load = e;
    return 0;
}

const struct registered *registry_find(const struct registry *r, uint32_t type, struct slice id)
{
    const struct entry *e = lookup(r, type, id);
    return e ? &e->is : NULL;
}

/* The entry is to be written; one that waits to be loaded need not be any more. */
static void mark(struct registry *r, struct entry *e, enum pending pending)
{
    if (e->pending == PENDING_LOAD) {
        struct entry **at = &r->to_load;
        while (*at && *at != e)
            at = &(*at)->next_pending;
        if (*at)
            *at = e->next_pending;
        e->pending = PENDING_NONE;
    }
    if (e->pending == PENDING_NONE) {
        e->next_pending = NULL;
        *r->write_end = e;
        r->write_end = &e->next_pending;
    }
    e->pending = pending;
}

static int take_rows(struct registry *r, MYSQL_RES *rows, uint32_t type)
{
    for (MYSQL_ROW row; (row = mysql_fetch_row(rows));) {
        unsigned long *lengths = mysql_fetch_lengths(rows);
        struct entry *e = make(r, type, (struct slice){(const uint8_t *)row[0], lengths[0]});
        if (!e)
            return DS_ENOMEM;
        if (row[3] && *row[3] == '0') {
            log_warn("was deleted at the destination: what the source changes of it is left out "
                     "until it is copied again type=%s source_id=%s target_id=%s",
                     r->types[type].name, row[0], row[1]);
            mark(r, e, PENDING_REMOVE);
            continue;
        }
        e->is = (struct registered){.found = true,
                                    .target = strtoull(row[1], NULL, 10),
                                    .origin = strcmp(row[2], "matched") == 0 ? ORIGIN_MATCHED
                                                                             : ORIGIN_CREATED};
    }
    return 0;
}

static int add_type(const struct registry *r, uint32_t type, struct buf *sql)
{
    const char *name = r->types[type].name;
    return sql_string(sql, name, strlen(name));
}

/* Of a type that comes for the first time, and only from here, there is nothing to look up. */
static int ask_type(struct registry *r, uint32_t type, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    uint64_t one;
    bool found;
    if (!r->types[type].ours || r->types[type].known != NOT_ASKED)
        return 0;
    if (buf_puts(&sql, "SELECT 1 FROM ") | from_registry(r, &sql) |
        buf_puts(&sql, " WHERE source_system = ") |
        sql_string(&sql, r->source_system, strlen(r->source_system)) |
        buf_puts(&sql, " AND entity_type = ") | add_type(r, type, &sql) |
        buf_puts(&sql, " LIMIT 1"))
        return out_of_memory(err);
    int rc = db_scalar_u64(r->db, &one, &found, err, "%s", buf_cstr(&sql));
    if (rc == 0)
        r->types[type].known = found ? IS_MORE : IS_HERE;
    return rc;
}

/* Look up `list`, which are ids of one type. */
static int load_type(struct registry *r, struct entry *list, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    uint32_t type = list->type;
    int rc = buf_puts(&sql, "SELECT source_id, target_id, origin, ") |
             buf_puts(&sql, r->types[type].doubt ? r->types[type].doubt : "1") |
             buf_puts(&sql, " FROM ") | from_registry(r, &sql) |
             buf_puts(&sql, " WHERE source_system = ") |
             sql_string(&sql, r->source_system, strlen(r->source_system)) |
             buf_puts(&sql, " AND entity_type = ") | add_type(r, type, &sql) |
             buf_puts(&sql, " AND source_id IN (");
    for (struct entry *e = list; e && rc == 0; e = e->next_pending)
        rc = (e == list ? 0 : buf_puts(&sql, ",")) | sql_string(&sql, e->id.p, e->id.len);
    rc |= buf_puts(&sql, ")");
    if (rc)
        return out_of_memory(err);
    MYSQL_RES *rows = db_select(r->db, err, "%s", buf_cstr(&sql));
    if (!rows)
        return err->code;
    rc = take_rows(r, rows, type);
    mysql_free_result(rows);
    return rc ? out_of_memory(err) : 0;
}

/* Take as many entries of the first one's type out of to_load as one query asks for. */
static struct entry *take_type(struct registry *r)
{
    struct entry *list = NULL, **at = &r->to_load;
    uint32_t type = r->to_load->type, count = 0;
    size_t bytes = 0;
    while (*at && count < IDS_PER_QUERY && bytes < BYTES_PER_QUERY) {
        struct entry *e = *at;
        if (e->type != type) {
            at = &e->next_pending;
            continue;
        }
        *at = e->next_pending;
        if (e->pending != PENDING_LOAD) /* added in between */
            continue;
        e->pending = PENDING_NONE;
        e->next_pending = list;
        list = e;
        bytes += e->id.len;
        count++;
    }
    return list;
}

int registry_load(struct registry *r, struct ds_error *err)
{
    int rc = 0;
    while (r->to_load && rc == 0) {
        struct entry *list = take_type(r);
        rc = list ? ask_type(r, list->type, err) : 0;
        if (list && rc == 0 && r->types[list->type].known != IS_HERE)
            rc = load_type(r, list, err);
    }
    return rc;
}

int registry_add(struct registry *r, uint32_t type, struct slice id, uint64_t target,
                 enum origin origin, struct slice external_ref)
{
    struct entry *e = make(r, type, id);
    uint8_t *copy = e ? arena_copy(&r->arena, external_ref.p, external_ref.len) : NULL;
    if (!e || (external_ref.len && !copy))
        return DS_ENOMEM;
    bool known = e->is.found && e->is.target == target && e->is.origin == origin &&
                 (e->pending == PENDING_NONE || e->pending == PENDING_ADD);
    if (known && !external_ref.p)
        return 0;
    e->is = (struct registered){.found = true, .target = target, .origin = origin};
    e->external_ref = (struct slice){external_ref.p ? copy : NULL, external_ref.len};
    mark(r, e, PENDING_ADD);
    return 0;
}

int registry_remove(struct registry *r, uint32_t type, struct slice id)
{
    struct entry *e = make(r, type, id);
    if (!e)
        return DS_ENOMEM;
    e->is = (struct registered){0};
    mark(r, e, PENDING_REMOVE);
    return 0;
}

static const char *name_of(enum origin origin)
{
    return origin == ORIGIN_MATCHED ? "'matched'" : "'created'";
}

static int exists(const struct registry *r, uint32_t type, const char *origin, struct buf *sql)
{
    return buf_puts(sql, "EXISTS (SELECT 1 FROM ") | from_registry(r, sql) |
           buf_puts(sql, " WHERE r.source_system = ") |
           sql_string(sql, r->source_system, strlen(r->source_system)) |
           buf_puts(sql, " AND r.entity_type = ") | add_type(r, type, sql) |
           (origin ? buf_printf(sql, " AND r.origin = %s", origin) : 0) |
           buf_puts(sql, " AND r.target_id = ");
}

int registry_condition(const struct registry *r, uint32_t type, struct buf *sql)
{
    return exists(r, type, NULL, sql);
}

int registry_condition_origin(const struct registry *r, uint32_t type, enum origin origin,
                              struct buf *sql)
{
    return exists(r, type, name_of(origin), sql);
}

static int where_targets(const struct registry *r, uint32_t type, const char *ids, struct buf *sql)
{
    return buf_puts(sql, " FROM ") | from_registry(r, sql) |
           buf_puts(sql, " WHERE r.source_system = ") |
           sql_string(sql, r->source_system, strlen(r->source_system)) |
           buf_puts(sql, " AND r.entity_type = ") | add_type(r, type, sql) |
           buf_puts(sql, " AND r.target_id IN (") | buf_puts(sql, ids) | buf_puts(sql, ")");
}

MYSQL_RES *registry_of_targets(struct registry *r, uint32_t type, const char *ids,
                               struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    if (registry_flush(r, err))
        return NULL;
    if (buf_puts(&sql, "SELECT r.source_id, r.origin") | where_targets(r, type, ids, &sql)) {
        (void)out_of_memory(err);
        return NULL;
    }
    return db_select(r->db, err, "%s", buf_cstr(&sql));
}

int registry_shared(struct registry *r, uint32_t type, const char *ids, bool *shared,
                    struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    uint64_t more = 0;
    bool found;
    int rc = registry_flush(r, err);
    if (rc)
        return rc;
    rc = buf_puts(&sql, "SELECT COUNT(*) - COUNT(DISTINCT r.target_id)") |
         where_targets(r, type, ids, &sql);
    rc = rc ? out_of_memory(err) : db_scalar_u64(r->db, &more, &found, err, "%s", buf_cstr(&sql));
    *shared = more > 0;
    return rc;
}

int registry_remove_targets(struct registry *r, uint32_t type, const char *ids,
                            struct ds_error *err)
{
    if (r->dry)
        return 0;
    MYSQL_RES *rows = registry_of_targets(r, type, ids, err);
    if (!rows)
        return err->code;
    int rc = 0;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(rows));)
        rc = registry_remove(r, type,
                             (struct slice){(const uint8_t *)row[0], mysql_fetch_lengths(rows)[0]});
    mysql_free_result(rows);
    return rc ? out_of_memory(err) : 0;
}

/* --- writing ----------------------------------------------------------------- */

static int identity(struct registry *r, const struct entry *e, struct buf *sql)
{
    return sql_string(sql, r->source_system, strlen(r->source_system)) | buf_puts(sql, ",") |
           add_type(r, e->type, sql) | buf_puts(sql, ",") | sql_string(sql, e->id.p, e->id.len);
}

static int added_row(struct registry *r, const struct entry *e, struct buf *sql)
{
    int rc = buf_puts(sql, "(") | identity(r, e, sql) | buf_puts(sql, ",") |
             buf_unsigned(sql, e->is.target) | buf_printf(sql, ",%s,", name_of(e->is.origin));
    rc |= e->external_ref.p ? sql_string(sql, e->external_ref.p, e->external_ref.len)
                            : buf_puts(sql, "NULL");
    return rc | buf_puts(sql, ")");
}

static MYSQL_BIND text_lane(const char **text, unsigned long *length)
{
    return (MYSQL_BIND){.buffer_type = MYSQL_TYPE_STRING, .buffer = (void *)text, .length = length};
}

static int run_insert(struct statement *s, struct ds_error *err)
{
    struct lanes *l = s->lanes;
    unsigned rows = s->rows;
    MYSQL_BIND binds[] = {
        text_lane(l->type, l->type_len),
        text_lane(l->id, l->id_len),
        {.buffer_type = MYSQL_TYPE_LONGLONG, .buffer = l->target, .is_unsigned = true},
        text_lane(l->origin, l->origin_len),
        text_lane(l->external_ref, l->external_ref_len)};
    binds[4].u.indicator = l->has_ref;
    if (mysql_stmt_attr_set(s->insert, STMT_ATTR_ARRAY_SIZE, &rows) ||
        mysql_stmt_bind_param(s->insert, binds) || mysql_stmt_execute(s->insert))
        return db_fail_stmt(err, s->insert, "registering entities");
    return 0;
}

static int run_statement(void *arg, struct ds_error *err)
{
    struct statement *s = arg;
    uint64_t affected;
    int rc = 0;
    if (s->insert) {
        rc = run_insert(s, err);
        affected = rc ? 0 : mysql_stmt_affected_rows(s->insert);
    } else {
        rc = db_exec_len(s->db, (const char *)s->sql.data, s->sql.len, err);
        affected = rc ? 0 : mysql_affected_rows(s->db);
    }
    if (rc == 0 && s->new_rows && affected > s->new_rows) /* 2 of one that was */
        rc = error_set(err, DS_ERETRY, "another datasync registers entities of the same source");
    return rc;
}

static int insert_head(const struct registry *r, struct buf *sql)
{
    return buf_puts(sql, "INSERT INTO ") |
           sql_table(sql, r->state_database, "datasync_entity_registry") |
           buf_puts(sql, " (source_system, entity_type, source_id, target_id, origin, "
                         "external_ref) VALUES ");
}

/* The table has no other unique key, so that an entry that is there is this one. */
static int insert_tail(struct buf *sql)
{
    return buf_puts(sql, " ON DUPLICATE KEY UPDATE target_id = VALUES(target_id), origin = "
                         "VALUES(origin), external_ref = VALUES(external_ref), synced_at = "
                         "CURRENT_TIMESTAMP");
}

/* Row n of the statement; n 0 begins it. */
static int list_row(struct registry *r, struct entry *e, struct statement *s, uint32_t n)
{
    bool add = e->pending == PENDING_ADD;
    int rc = n     ? buf_puts(&s->sql, ",")
             : add ? insert_head(r, &s->sql)
                   : buf_puts(&s->sql, "DELETE FROM ") |
                         sql_table(&s->sql, r->state_database, "datasync_entity_registry") |
                         buf_puts(&s->sql, " WHERE (source_system, entity_type, source_id) IN (");
    return rc | (add ? added_row(r, e, &s->sql)
                     : buf_puts(&s->sql, "(") | identity(r, e, &s->sql) | buf_puts(&s->sql, ")"));
}

static int bind_row(const struct registry *r, const struct entry *e, struct statement *s,
                    uint32_t n)
{
    if (!s->lanes && !(s->lanes = malloc(sizeof *s->lanes)))
        return DS_ENOMEM;
    struct lanes *l = s->lanes;
    bool matched = e->is.origin == ORIGIN_MATCHED;
    l->type[n] = r->types[e->type].name;
    l->type_len[n] = strlen(l->type[n]);
    l->id[n] = (const char *)e->id.p;
    l->id_len[n] = e->id.len;
    l->target[n] = e->is.target;
    l->origin[n] = matched ? "matched" : "created";
    l->origin_len[n] = 7;
    l->external_ref[n] = (const char *)e->external_ref.p;
    l->external_ref_len[n] = e->external_ref.len;
    l->has_ref[n] = e->external_ref.p ? STMT_INDICATOR_NONE : STMT_INDICATOR_NULL;
    return 0;
}

static int prepare_insert(struct registry *r, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    if (r->insert)
        return 0;
    if (insert_head(r, &sql) | buf_puts(&sql, "(") |
        sql_string(&sql, r->source_system, strlen(r->source_system)) |
        buf_puts(&sql, ",?,?,?,?,?)") | insert_tail(&sql))
        return out_of_memory(err);
    int rc = db_settle(r->db, err);
    MYSQL_STMT *stmt = rc ? NULL : mysql_stmt_init(r->db);
    if (!stmt)
        return rc ? rc : out_of_memory(err);
    if (mysql_stmt_prepare(stmt, buf_cstr(&sql), sql.len)) {
        rc = db_fail_stmt(err, stmt, "preparing the registry's statement");
        mysql_stmt_close(stmt);
        return rc;
    }
    r->insert = stmt;
    return 0;
}

/* A statement of one kind for as many of the entries from *at on as go into one. */
static int write_some(struct registry *r, enum pending pending, struct entry **at,
                      struct ds_error *err)
{
    struct statement *s = &r->statements[r->turn];
    bool add = pending == PENDING_ADD, bound = add && r->mariadb, here = add;
    uint32_t count = 0, most = bound ? ROWS_BOUND : ROWS_PER_INSERT;
    int rc = 0;
    buf_clear(&s->sql);
    for (; *at && count < most && rc == 0; *at = (*at)->next_pending) {
        if ((*at)->pending != pending)
            continue;
        here &= r->types[(*at)->type].known == IS_HERE && !(*at)->written;
        (*at)->written = true;
        rc = bound ? bind_row(r, *at, s, count) : list_row(r, *at, s, count);
        count++;
    }
    if (rc == 0 && count && !bound)
        rc = add ? insert_tail(&s->sql) : buf_puts(&s->sql, ")");
    if (rc)
        return out_of_memory(err);
    rc = count && bound ? prepare_insert(r, err) : 0;
    if (rc || !count)
        return rc;
    s->db = r->db;
    s->insert = bound ? r->insert : NULL;
    s->rows = count;
    s->new_rows = here ? count : 0;
    r->turn ^= 1;
    return db_later(r->db, run_statement, s, err);
}

static int write_all(struct registry *r, enum pending pending, struct ds_error *err)
{
    struct entry *at = r->to_write;
    int rc = 0;
    while (at && rc == 0)
        rc = write_some(r, pending, &at, err);
    return rc;
}

bool registry_waits(const struct registry *r)
{
    return r->to_write && !r->dry;
}

int registry_flush(struct registry *r, struct ds_error *err)
{
    int rc = r->dry ? 0 : write_all(r, PENDING_REMOVE, err);
    rc = rc || r->dry ? rc : write_all(r, PENDING_ADD, err);
    if (rc)
        return rc;
    for (struct entry *e = r->to_write; e; e = e->next_pending)
        e->pending = PENDING_NONE;
    r->to_write = NULL;
    r->write_end = &r->to_write;
    return 0;
}
