#include "applier/import/registry.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "applier/import/registry_store.h"
#include "applier/state.h"
#include "schema/arena.h"
#include "schema/db.h"
#include "schema/log.h"
#include "schema/registry_key.h"

enum {
    BUCKETS = 1 << 18, /* at first */
    KEPT = 500000,     /* entries, before they are forgotten at the next chance */
    /* To look one up takes as long as to read a dozen that follow one another. */
    SCAN_MIN = 500, /* wanted at once */
    SCAN_FACTOR = 16,
    SCAN_MAX = 100000,
};

struct registry {
    struct registry_store store;
    bool dry;
    struct registry_type **types;   /* by number */
    uint32_t type_count, last_type; /* asked for last */
    struct registry_entry **buckets;
    size_t bucket_count; /* a power of two */
    struct registry_entry *to_load, *to_write, **write_end;
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
        r->buckets = calloc(r->bucket_count = BUCKETS, sizeof(struct registry_entry *));
    if (!r || !r->buckets) {
        registry_free(r);
        return out_of_memory(err);
    }
    r->store.state_database = state_database;
    r->store.source_system = source_system;
    r->dry = dry;
    r->write_end = &r->to_write;
    *out = r;
    return 0;
}

static void free_type(struct registry_type *t)
{
    free(t->name);
    free(t->doubt);
    free(t);
}

void registry_free(struct registry *r)
{
    if (!r)
        return;
    for (uint32_t i = 0; i < r->type_count; i++)
        free_type(r->types[i]);
    free(r->types);
    registry_store_free(&r->store);
    free(r->buckets);
    arena_free(&r->arena);
    free(r);
}

int registry_attach(struct registry *r, MYSQL *db, bool mariadb, struct ds_error *err)
{
    bool exists = true;
    int rc = r->dry ? state_exists(db, r->store.state_database, &exists, err) : 0;
    registry_forget(r);
    registry_store_attach(&r->store, db, mariadb, !exists);
    return rc;
}

/* Of a dry run only what was not flushed yet is undone. */
static void forget_unwritten(struct registry *r)
{
    for (struct registry_entry *e = r->to_write; e; e = e->next_pending) {
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
    for (uint32_t i = 0; i < r->type_count; i++) {
        r->types[i]->known = NOT_ASKED;
        r->types[i]->scanned = r->types[i]->wanted = 0;
        r->types[i]->behind = (struct slice){0};
        if (r->types[i]->scan == ALL_SCANNED)
            r->types[i]->scan = TO_SCAN;
    }
    memset(r->buckets, 0, r->bucket_count * sizeof(struct registry_entry *));
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
    if (r->last_type < r->type_count && strcmp(r->types[r->last_type]->name, name) == 0)
        return r->last_type; /* a batch has many of the same */
    for (uint32_t i = 0; i < r->type_count; i++)
        if (strcmp(r->types[i]->name, name) == 0)
            return r->last_type = i;
    struct registry_type **bigger = realloc(r->types, (r->type_count + 1) * sizeof *bigger);
    if (!bigger)
        return UINT32_MAX;
    r->types = bigger;
    struct registry_type *t = calloc(1, sizeof *t);
    if (!t || !(t->name = strdup(name))) {
        free(t);
        return UINT32_MAX;
    }
    t->number = r->type_count;
    bigger[r->type_count] = t;
    return r->type_count++;
}

const char *registry_type_name(const struct registry *r, uint32_t type)
{
    return type < r->type_count ? r->types[type]->name : NULL;
}

void registry_own(struct registry *r, uint32_t type)
{
    r->types[type]->ours = true;
}

int registry_doubt(struct registry *r, uint32_t type, const char *table, const char *column)
{
    BUF_AUTO struct buf sql = {0};
    if (buf_puts(&sql, "(EXISTS (SELECT 1 FROM ") || sql_identifier(&sql, table) ||
        buf_puts(&sql, " d WHERE d.") || sql_identifier(&sql, column) ||
        buf_puts(&sql, " = r.target_id) OR ") || registry_store_may_be_missing(&r->store, &sql) ||
        buf_puts(&sql, ")"))
        return DS_ENOMEM;
    free(r->types[type]->doubt);
    r->types[type]->doubt = strdup(buf_cstr(&sql));
    return r->types[type]->doubt ? 0 : DS_ENOMEM;
}

void registry_believe(struct registry *r)
{
    for (uint32_t i = 0; i < r->type_count; i++) {
        free(r->types[i]->doubt);
        r->types[i]->doubt = NULL;
    }
}

static struct registry_entry **bucket(const struct registry *r, uint64_t hash)
{
    return &r->buckets[hash & (r->bucket_count - 1)];
}

struct sought {
    struct slice id;
    uint64_t hash;
    char scratch[REGISTRY_KEY_MAX + 1];
};

static void seek(struct sought *s, uint32_t type, struct slice id)
{
    s->id = registry_key(id, s->scratch);
    s->hash = XXH3_64bits_withSeed(s->id.p, s->id.len, type);
}

static struct registry_entry *find(const struct registry *r, uint32_t type, const struct sought *s)
{
    struct registry_entry *e = *bucket(r, s->hash);
    while (e && !(e->hash == s->hash && e->type->number == type && e->id.len == s->id.len &&
                  (s->id.len == 0 || memcmp(e->id.p, s->id.p, s->id.len) == 0)))
        e = e->next;
    return e;
}

/* Half as many entries as buckets at most; without memory for that, chains get longer. */
static void grow(struct registry *r)
{
    size_t count = r->bucket_count * 4;
    struct registry_entry **bigger =
        r->count < r->bucket_count / 2 ? NULL : calloc(count, sizeof *bigger);
    if (!bigger)
        return;
    for (size_t i = 0; i < r->bucket_count; i++)
        for (struct registry_entry *e = r->buckets[i], *next; e; e = next) {
            next = e->next;
            e->next = bigger[e->hash & (count - 1)];
            bigger[e->hash & (count - 1)] = e;
        }
    free(r->buckets);
    r->buckets = bigger;
    r->bucket_count = count;
}

static struct registry_entry *add(struct registry *r, uint32_t type, const struct sought *s)
{
    struct registry_entry *e = arena_zalloc(&r->arena, sizeof *e);
    uint8_t *copy = arena_copy(&r->arena, s->id.p, s->id.len);
    if (!e || (s->id.len && !copy))
        return NULL;
    grow(r);
    struct registry_entry **head = bucket(r, s->hash);
    *e = (struct registry_entry){
        .type = r->types[type], .id = {copy, s->id.len}, .hash = s->hash, .next = *head};
    *head = e;
    r->count++;
    return e;
}

static struct registry_entry *make(struct registry *r, uint32_t type, struct slice id)
{
    struct sought s;
    seek(&s, type, id);
    struct registry_entry *e = find(r, type, &s);
    return e ? e : add(r, type, &s);
}

int registry_want(struct registry *r, uint32_t type, struct slice id)
{
    struct sought s;
    seek(&s, type, id);
    if (find(r, type, &s))
        return 0;
    struct registry_entry *e = add(r, type, &s);
    if (!e)
        return DS_ENOMEM;
    e->pending = PENDING_LOAD;
    e->type->wanted++;
    e->next_pending = r->to_load;
    r->to_load = e;
    return 0;
}

const struct registered *registry_find(const struct registry *r, uint32_t type, struct slice id)
{
    struct sought s;
    seek(&s, type, id);
    const struct registry_entry *e = find(r, type, &s);
    return e ? &e->is : NULL;
}

/* The entry is to be written; one that waits to be loaded need not be any more. */
static void mark(struct registry *r, struct registry_entry *e, enum registry_pending pending)
{
    if (e->pending == PENDING_LOAD) {
        struct registry_entry **at = &r->to_load;
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

static void take_row(struct registry_entry *e, MYSQL_ROW row)
{
    e->there = true;
    e->is = (struct registered){.found = true,
                                .target = strtoull(row[1], NULL, 10),
                                .origin = strcmp(row[2], "matched") == 0 ? ORIGIN_MATCHED
                                                                         : ORIGIN_CREATED};
}

static int take_rows(struct registry *r, MYSQL_RES *rows, const struct registry_type *type)
{
    for (MYSQL_ROW row; (row = mysql_fetch_row(rows));) {
        unsigned long *lengths = mysql_fetch_lengths(rows);
        struct registry_entry *e =
            make(r, type->number, (struct slice){(const uint8_t *)row[0], lengths[0]});
        if (!e)
            return DS_ENOMEM;
        if (row[3] && *row[3] == '0') {
            log_warn("was deleted at the destination: what the source changes of it is left out "
                     "until it is copied again type=%s source_id=%s target_id=%s",
                     type->name, row[0], row[1]);
            e->is.gone = true;
            mark(r, e, PENDING_REMOVE);
            continue;
        }
        take_row(e, row);
    }
    return 0;
}

/* Of a type that comes for the first time, and only from here, there is nothing to look up. */
static int ask_type(struct registry *r, struct registry_type *type, struct ds_error *err)
{
    bool has;
    if (!type->ours || type->known != NOT_ASKED)
        return 0;
    int rc = registry_store_has(&r->store, type, &has, err);
    if (rc == 0)
        type->known = has ? IS_MORE : IS_HERE;
    return rc;
}

/* Look up `list`, which are ids of one type. */
static int load_type(struct registry *r, const struct registry_entry *list, struct ds_error *err)
{
    if (list->type->doubt && registry_flush(r, err)) /* which it asks */
        return err->code;
    MYSQL_RES *rows = registry_store_read(&r->store, list->type, list, err);
    if (!rows)
        return err->code;
    int rc = take_rows(r, rows, list->type);
    mysql_free_result(rows);
    return rc ? out_of_memory(err) : 0;
}

/* Take as many entries of the first one's type out of to_load as one query asks for. */
static struct registry_entry *take_type(struct registry *r)
{
    struct registry_entry *list = NULL, **at = &r->to_load;
    const struct registry_type *type = r->to_load->type;
    uint32_t count = 0;
    size_t bytes = 0;
    while (*at && count < REGISTRY_IDS_PER_QUERY && bytes < REGISTRY_BYTES_PER_QUERY) {
        struct registry_entry *e = *at;
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

/* What is in memory already may be newer, and wait to be written. */
static int take_scanned(struct registry *r, MYSQL_RES *rows, struct registry_type *type)
{
    struct registry_entry *e = NULL;
    for (MYSQL_ROW row; (row = mysql_fetch_row(rows));) {
        struct sought s;
        seek(&s, type->number,
             (struct slice){(const uint8_t *)row[0], mysql_fetch_lengths(rows)[0]});
        e = find(r, type->number, &s);
        if (e && e->pending != PENDING_LOAD)
            continue;
        if (!e && !(e = add(r, type->number, &s)))
            return DS_ENOMEM;
        e->pending = PENDING_NONE;
        take_row(e, row);
    }
    type->scanned += (uint32_t)mysql_num_rows(rows);
    type->behind = e ? e->id : type->behind;
    return 0;
}

/* Of a type of which many are wanted, and there are not many more, all are read, some at each load.
 */
static int scan_type(struct registry *r, struct registry_type *type, struct ds_error *err)
{
    uint32_t limit = type->wanted < SCAN_MAX / SCAN_FACTOR ? type->wanted * SCAN_FACTOR : SCAN_MAX;
    if (type->wanted < SCAN_MIN || type->scan != TO_SCAN || type->known == IS_HERE || type->doubt)
        return 0;
    MYSQL_RES *rows = registry_store_scan(&r->store, type, limit, err);
    if (!rows)
        return err->code;
    int rc = take_scanned(r, rows, type);
    if (mysql_num_rows(rows) < limit) {
        type->known = type->ours ? IS_HERE : type->known;
        type->scan = ALL_SCANNED;
    } else if (type->scanned >= SCAN_MAX) {
        type->scan = TOO_MANY;
    }
    mysql_free_result(rows);
    return rc ? out_of_memory(err) : 0;
}

static int scan(struct registry *r, struct ds_error *err)
{
    int rc = 0;
    for (uint32_t i = 0; i < r->type_count && rc == 0; i++) {
        rc = r->types[i]->wanted ? ask_type(r, r->types[i], err) : 0;
        rc = rc ? rc : scan_type(r, r->types[i], err);
        r->types[i]->wanted = 0;
    }
    return rc;
}

int registry_load(struct registry *r, struct ds_error *err)
{
    int rc = scan(r, err);
    while (r->to_load && rc == 0) {
        struct registry_entry *list = take_type(r);
        if (list && rc == 0 && list->type->known != IS_HERE)
            rc = load_type(r, list, err);
    }
    return rc;
}

int registry_add(struct registry *r, uint32_t type, struct slice id, uint64_t target,
                 enum origin origin, struct slice external_ref)
{
    struct registry_entry *e = make(r, type, id);
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
    struct registry_entry *e = make(r, type, id);
    if (!e)
        return DS_ENOMEM;
    e->is = (struct registered){0};
    mark(r, e, PENDING_REMOVE);
    return 0;
}

int registry_condition(const struct registry *r, uint32_t type, struct buf *sql)
{
    return registry_store_condition(&r->store, r->types[type], NULL, sql);
}

int registry_condition_origin(const struct registry *r, uint32_t type, enum origin origin,
                              struct buf *sql)
{
    return registry_store_condition(&r->store, r->types[type], &origin, sql);
}

int registry_condition_others(const struct registry *r, uint32_t type, struct buf *sql)
{
    return registry_store_condition_others(&r->store, r->types[type], sql);
}

MYSQL_RES *registry_ids(struct registry *r, uint32_t type, struct slice behind, uint32_t limit,
                        struct ds_error *err)
{
    if (registry_flush(r, err))
        return NULL;
    return registry_store_ids(&r->store, r->types[type], behind, limit, err);
}

MYSQL_RES *registry_of_targets(struct registry *r, uint32_t type, const char *ids,
                               struct ds_error *err)
{
    if (registry_flush(r, err))
        return NULL;
    return registry_store_of_targets(&r->store, r->types[type], ids, err);
}

MYSQL_RES *registry_of_others(const struct registry *r, uint32_t type, const char *ids,
                              struct ds_error *err)
{
    return registry_store_of_others(&r->store, r->types[type], ids, err);
}

int registry_shared(struct registry *r, uint32_t type, const char *ids, bool *shared,
                    struct ds_error *err)
{
    int rc = registry_flush(r, err);
    return rc ? rc : registry_store_shared(&r->store, r->types[type], ids, shared, err);
}

int registry_remove_targets(struct registry *r, uint32_t type, const char *ids,
                            struct ds_error *err)
{
    if (r->dry)
        return 0;
    MYSQL_RES *rows = registry_of_targets(r, type, ids, err);
    if (!rows)
        return err->code;
    bool any = mysql_num_rows(rows) > 0;
    int rc = 0;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(rows));)
        rc = registry_remove(r, type,
                             (struct slice){(const uint8_t *)row[0], mysql_fetch_lengths(rows)[0]});
    mysql_free_result(rows);
    if (rc)
        return out_of_memory(err);
    return any ? registry_store_hand_over(&r->store, r->types[type], ids, err) : 0;
}

bool registry_waits(const struct registry *r)
{
    return r->to_write && !r->dry;
}

int registry_flush(struct registry *r, struct ds_error *err)
{
    int rc = 0;
    if (!r->dry)
        rc = registry_store_write(&r->store, r->to_write, PENDING_REMOVE, err);
    if (!r->dry && rc == 0)
        rc = registry_store_write(&r->store, r->to_write, PENDING_ADD, err);
    if (rc)
        return rc;
    for (struct registry_entry *e = r->to_write; e; e = e->next_pending)
        e->pending = PENDING_NONE;
    r->to_write = NULL;
    r->write_end = &r->to_write;
    return 0;
}
