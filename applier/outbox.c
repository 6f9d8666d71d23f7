#include "applier/outbox.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <xxhash.h>

#include "applier/hooks.h"
#include "schema/db.h"
#include "schema/log.h"

enum {
    MUCH = 100000,             /* entries that a transaction may hold back */
    STATEMENT_BYTES = 1 << 20, /* of one INSERT */
};

struct outbox {
    const struct config *config;
    const struct catalogue *catalogue;
    struct hooks *hooks;
    struct outbox_table *tables;
    struct outbox_noted noted;
    uint32_t entry_cap;
    uint32_t *places, place_cap; /* hash of entries: number + 1, 0 free; a power of two */
    struct arena arena;          /* keys */
    const struct checkpoint *from;
    char what[800];  /* see outbox_begin */
    char digest[33]; /* of the idempotency keys, "" not yet made */
    struct timespec started;
    bool open;   /* rows are written that lack their end */
    bool failed; /* out of memory since outbox_begin */
    uint64_t written;
};

static int out_of_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for what hooks are told");
}

bool outbox_wanted(const struct config *c)
{
    return c->hooks_command.count || *c->hooks_url;
}

int outbox_check_entities(const struct config *c, const struct catalogue *catalogue,
                          struct ds_error *err)
{
    const struct config_list *list = &c->hooks_entities;
    char where[700];
    if (!list->count)
        return error_set(err, DS_EUSAGE, "%s: hooks.entities: is empty; [all] is everything",
                         config_where(c, "hooks.entities", where, sizeof where));
    for (size_t i = 0; i < list->count; i++) {
        const char *name = list->items[i];
        if (strcmp(name, "all") != 0 && strcmp(name, "table") != 0 &&
            !catalogue_find(catalogue, name))
            return error_set(err, DS_EUSAGE,
                             "%s: hooks.entities: there is no entity '%s'; datasync entities "
                             "--plain lists them, and `table` stands for all tables of none",
                             config_where(c, "hooks.entities", where, sizeof where), name);
    }
    return 0;
}

int outbox_check(const struct config *c, const struct catalogue *catalogue, struct ds_error *err)
{
    char where[700];
    int rc = outbox_check_entities(c, catalogue, err);
    if (rc)
        return rc;
    if (*c->hooks_url && !hooks_can_send())
        return error_set(err, DS_EUSAGE,
                         "%s: hooks.url: this datasync was built without libcurl (meson option "
                         "curl): use hooks.command, or a build with it",
                         config_where(c, "hooks.url", where, sizeof where));
    return 0;
}

int outbox_new(struct outbox **out, const struct config *c, const struct catalogue *catalogue,
               struct hooks *hooks, struct ds_error *err)
{
    int rc = outbox_check(c, catalogue, err);
    if (rc)
        return rc;
    struct outbox *o = calloc(1, sizeof *o);
    if (!o)
        return out_of_memory(err);
    o->config = c;
    o->catalogue = catalogue;
    o->hooks = hooks;
    o->noted.stream = c->name;
    clock_gettime(CLOCK_REALTIME, &o->started);
    *out = o;
    return 0;
}

void outbox_free(struct outbox *o)
{
    if (!o)
        return;
    while (o->tables) {
        struct outbox_table *next = o->tables->next;
        free(o->tables->name);
        free(o->tables);
        o->tables = next;
    }
    arena_free(&o->arena);
    free(o->noted.entries);
    free(o->noted.about);
    free(o->places);
    free(o);
}

struct outbox_noted *outbox_noted(struct outbox *o)
{
    return &o->noted;
}

/* --- tables ------------------------------------------------------------------- */

/* table: without the shop's prefix; "" where it has not got it. */
static bool is_told(const struct outbox *o, const struct catalogue_entity *entity,
                    const char *table)
{
    static const char *const left_out[] = {"@derived", "@log", "@session"};
    const struct config_list *list = &o->config->hooks_entities;
    bool named = false, all = false;
    for (size_t i = 0; i < list->count; i++) {
        named |= entity ? catalogue_find(o->catalogue, list->items[i]) == entity
                        : strcmp(list->items[i], "table") == 0;
        all |= strcmp(list->items[i], "all") == 0;
    }
    for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++) {
        const struct catalogue_group *g = catalogue_group_find(o->catalogue, left_out[i]);
        if (g && catalogue_group_has(o->catalogue, g, table))
            return false;
    }
    return named || (all && !(entity && entity->kind == KIND_DERIVED));
}

static uint32_t order_of(const struct outbox *o, const struct catalogue_entity *entity)
{
    uint32_t i = 0;
    while (i < catalogue_count(o->catalogue) && catalogue_at(o->catalogue, i) != entity)
        i++;
    return i;
}

static struct outbox_table *table_of(struct outbox *o, const char *name)
{
    for (struct outbox_table *t = o->tables; t; t = t->next)
        if (strcmp(t->name, name) == 0)
            return t;
    struct outbox_table *t = calloc(1, sizeof *t);
    char *copy = strdup(name);
    if (!t || !copy) {
        free(t);
        free(copy);
        o->failed = true;
        return NULL;
    }
    const char *prefix = o->config->destination.prefix ? o->config->destination.prefix : "";
    size_t skip = strlen(prefix);
    bool shops = strncmp(name, prefix, skip) == 0;
    name += shops ? skip : 0;
    if (!shops || !catalogue_lookup(o->catalogue, name, &t->entity, &t->entry))
        t->entity = NULL;
    t->name = copy;
    t->root = t->entity && t->entry == t->entity->tables;
    t->order = order_of(o, t->entity);
    t->told = is_told(o, t->entity, shops ? name : "");
    t->key_column = UINT32_MAX;
    t->version = UINT64_MAX;
    t->next = o->tables;
    o->tables = t;
    o->noted.tables = t;
    return t;
}

/* --- noting ------------------------------------------------------------------- */

static void clear(struct outbox *o)
{
    o->noted.entry_count = 0;
    o->noted.kind = OUTBOX_CHANGES;
    o->noted.about_count = 0;
    o->noted.everything = false;
    arena_reset(&o->arena, 1 << 20);
    if (o->places)
        memset(o->places, 0, o->place_cap * sizeof *o->places);
    for (struct outbox_table *t = o->tables; t; t = t->next)
        t->changes = 0;
}

void outbox_begin(struct outbox *o, const struct checkpoint *from, const char *what)
{
    clear(o);
    o->from = from;
    o->noted.parts = 0;
    o->digest[0] = 0;
    o->open = o->failed = false;
    o->written = 0;
    snprintf(o->what, sizeof o->what, "%s", what);
}

void outbox_drop(struct outbox *o)
{
    clear(o);
}

static uint64_t hash(uint32_t order, struct slice key)
{
    return XXH3_64bits_withSeed(key.p, key.len, order);
}

static int grow(struct outbox *o)
{
    uint32_t cap = o->place_cap ? o->place_cap * 2 : 1024;
    uint32_t *places = calloc(cap, sizeof *places);
    struct outbox_entry *entries =
        places ? realloc(o->noted.entries, cap / 2 * sizeof *entries) : NULL;
    if (!entries) {
        free(places);
        return DS_ENOMEM;
    }
    for (uint32_t i = 0; i < o->noted.entry_count; i++) {
        const struct outbox_entry *e = &entries[i];
        uint64_t at = hash(e->order, (struct slice){e->key, e->len});
        while (places[at & (cap - 1)])
            at++;
        places[at & (cap - 1)] = i + 1;
    }
    free(o->places);
    o->places = places;
    o->place_cap = cap;
    o->noted.entries = entries;
    o->entry_cap = cap / 2;
    return 0;
}

/* The entry of an entity, made when it is new, then *fresh. NULL: out of memory. */
static struct outbox_entry *entry_of(struct outbox *o, const struct outbox_table *t,
                                     struct slice key, bool *fresh)
{
    struct outbox_noted *n = &o->noted;
    if (n->entry_count == o->entry_cap && grow(o))
        return NULL;
    uint64_t at = hash(t->order, key);
    for (uint32_t i; (i = o->places[at & (o->place_cap - 1)]); at++) {
        struct outbox_entry *e = &n->entries[i - 1];
        *fresh = false;
        if (e->order == t->order && e->len == key.len && memcmp(e->key, key.p, key.len) == 0)
            return e;
    }
    const uint8_t *copy = arena_copy(&o->arena, key.p, key.len);
    if (!copy)
        return NULL;
    struct outbox_entry *e = &n->entries[n->entry_count];
    *e = (struct outbox_entry){.order = t->order,
                               .number = n->entry_count,
                               .len = (uint32_t)key.len,
                               .state = OUTBOX_CHANGED,
                               .table = t,
                               .key = copy};
    o->places[at & (o->place_cap - 1)] = ++n->entry_count;
    *fresh = true;
    return e;
}

/* A root that comes and goes is told as deleted: somebody may know it from an earlier message. */
static void note_root(struct outbox_entry *e, enum change_op op, bool fresh)
{
    switch (op) {
    case CHANGE_INSERT:
        e->state = fresh || e->state == OUTBOX_CHANGED || e->state == OUTBOX_INSERTED
                       ? OUTBOX_INSERTED
                       : OUTBOX_UPDATED;
        break;
    case CHANGE_UPDATE:
        e->state = e->state == OUTBOX_INSERTED ? OUTBOX_INSERTED : OUTBOX_UPDATED;
        break;
    case CHANGE_DELETE:
        e->state = OUTBOX_DELETED;
        break;
    }
}

static void note_key(struct outbox *o, const struct outbox_table *t, struct slice key,
                     enum change_op op)
{
    bool fresh;
    struct outbox_entry *e = entry_of(o, t, key, &fresh);
    if (!e)
        o->failed = true;
    else if (t->root)
        note_root(e, op, fresh);
}

/* Is it the key of a root, and not, as text TABLE=ID, that of a row on the way to it? */
static bool known(struct slice key)
{
    struct value v;
    const uint8_t *p = key.p;
    return key.len && value_read(&p, key.p + key.len, &v) == 0 && v.kind != VALUE_NULL &&
           v.kind != VALUE_ABSENT && !(v.kind == VALUE_TEXT && memchr(v.bytes.p, '=', v.bytes.len));
}

/* The key of the entity that an update brings the row to; len 0: it stays what it was. */
static struct slice moved_key(struct outbox_table *t, const struct change *c)
{
    const struct target_table *target = c->table->target;
    const uint8_t *p = c->after.p, *end = c->after.p + c->after.len, *start;
    uint32_t count;
    if (t->version != target->version) {
        t->version = target->version;
        t->key_column = UINT32_MAX;
        for (uint32_t i = 0; i < target->column_count && t->entry->link; i++)
            if (strcasecmp(target->columns[i].name, t->entry->link) == 0)
                t->key_column = i;
    }
    if (t->key_column == UINT32_MAX || array_read_head(&p, end, &count) || t->key_column >= count)
        return (struct slice){0};
    for (uint32_t i = 0; i < t->key_column; i++)
        if (value_skip(&p, end))
            return (struct slice){0};
    start = p;
    bool same = p < end && *p == VALUE_BYTE_SAME;
    return same || value_skip(&p, end) ? (struct slice){0}
                                       : (struct slice){start, (size_t)(p - start)};
}

static bool equal(struct slice x, struct slice y)
{
    return x.len == y.len && memcmp(x.p, y.p, x.len) == 0;
}

void outbox_note(struct outbox *o, const struct change *c, struct slice key)
{
    struct source_table *s = c->table;
    if (!s->told)
        s->told = table_of(o, s->target->name);
    struct outbox_table *t = s->told;
    if (!t || !t->told)
        return;
    if (!t->entity || !known(key)) {
        t->changes++;
        return;
    }
    bool may_move = c->op == CHANGE_UPDATE && t->entry && !t->entry->through;
    struct slice moved = may_move ? moved_key(t, c) : (struct slice){0};
    if (moved.len && known(moved) && !equal(moved, key)) { /* of a member: to another root */
        note_key(o, t, key, CHANGE_DELETE);
        note_key(o, t, moved, CHANGE_INSERT);
    } else {
        note_key(o, t, key, c->op);
    }
}

void outbox_note_row(struct outbox *o, struct outbox_table **told, const char *table,
                     enum change_op op, struct slice key)
{
    if (!*told)
        *told = table_of(o, table);
    if (!*told || !(*told)->told)
        return;
    if ((*told)->entity && known(key))
        note_key(o, *told, key, op);
    else
        (*told)->changes++;
}

static void is_of(struct outbox *o, struct timespec when)
{
    snprintf(o->what, sizeof o->what, "snapshot %ld.%09ld", (long)when.tv_sec, when.tv_nsec);
}

void outbox_note_copy(struct outbox *o)
{
    is_of(o, o->started);
}

void outbox_note_tables(struct outbox *o, enum outbox_kind kind, const char *const *tables,
                        size_t count, bool everything)
{
    struct outbox_noted *n = &o->noted;
    const struct outbox_table **about = realloc(n->about, (count + 1) * sizeof(void *));
    if (!about) {
        o->failed = true;
        return;
    }
    n->about = about;
    n->about_count = 0;
    n->kind = kind;
    n->everything = everything;
    for (size_t i = 0; i < count; i++) {
        const struct outbox_table *t = table_of(o, tables[i]);
        if (t && t->told)
            about[n->about_count++] = t;
    }
    if (kind == OUTBOX_SNAPSHOT) { /* another one may be of the same place, and is told again */
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        is_of(o, now);
    }
}

/* --- writing ------------------------------------------------------------------ */

int outbox_digest(struct outbox *o, const char **out, struct ds_error *err)
{
    BUF_AUTO struct buf text = {0};
    unsigned char bytes[EVP_MAX_MD_SIZE];
    const struct checkpoint *cp = o->from;
    *out = o->digest;
    if (o->digest[0])
        return 0;
    if (buf_printf(&text, "%s\n%s\n%s:%lu\n%lu\n%s", o->config->name, cp->found ? cp->gtid_set : "",
                   cp->found ? cp->file : "", cp->found ? cp->pos : 0,
                   cp->found ? cp->counters.batches : 0, o->what) ||
        !EVP_Digest(text.data, text.len, bytes, NULL, EVP_sha256(), NULL))
        return out_of_memory(err);
    for (int i = 0; i < 16; i++)
        snprintf(o->digest + (ptrdiff_t)2 * i, 3, "%02x", bytes[i]);
    return 0;
}

struct insertion {
    struct outbox *o;
    MYSQL *db;
    struct buf sql;
};

static int insert(struct insertion *in, struct ds_error *err)
{
    if (!in->sql.len)
        return 0;
    /* the same may wait from before, when a stream is made to begin where it began once */
    if (buf_puts(&in->sql, " ON DUPLICATE KEY UPDATE payload = VALUES(payload), attempts = 0, "
                           "next_attempt = NULL"))
        return out_of_memory(err);
    int rc = db_exec_len(in->db, (const char *)in->sql.data, in->sql.len, err);
    buf_clear(&in->sql);
    return rc;
}

static int add_row(struct insertion *in, const char *hook, uint32_t part, const struct buf *payload,
                   struct ds_error *err)
{
    struct outbox *o = in->o;
    const char *name = o->config->name;
    struct buf *sql = &in->sql;
    const char *digest;
    int rc = outbox_digest(o, &digest, err);
    if (rc)
        return rc;
    rc = sql->len ? buf_puts(sql, ", (")
                  : buf_puts(sql, "INSERT INTO ") |
                        sql_table(sql, o->config->state_database, "datasync_outbox") |
                        buf_puts(sql, " (name, idempotency_key, hook, payload) VALUES (");
    rc |= sql_string(sql, name, strlen(name)) |
          buf_printf(sql, ", '%s-%016lx-%u-%s', '%s', ", digest,
                     (unsigned long)XXH3_64bits(payload->data, payload->len), part, hook, hook) |
          sql_string(sql, payload->data, payload->len) | buf_puts(sql, ")");
    if (rc)
        return out_of_memory(err);
    o->written++;
    return sql->len >= STATEMENT_BYTES ? insert(in, err) : 0;
}

static int add_part(void *arg, uint32_t part, const struct buf *payload, struct ds_error *err)
{
    struct insertion *in = arg;
    const struct config *c = in->o->config;
    int rc = c->hooks_command.count ? add_row(in, HOOK_COMMAND, part, payload, err) : 0;
    return rc == 0 && *c->hooks_url ? add_row(in, HOOK_URL, part, payload, err) : rc;
}

/* Put their end behind the messages that were written before it was known. */
static int close_open(struct outbox *o, MYSQL *db, const struct outbox_place *place,
                      struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0}, end = {0};
    const char *name = o->config->name;
    if (outbox_message_end(place, &end) | buf_puts(&sql, "UPDATE ") |
        sql_table(&sql, o->config->state_database, "datasync_outbox") |
        buf_puts(&sql, " SET payload = CONCAT(payload, ") | sql_string(&sql, end.data, end.len) |
        buf_puts(&sql, ") WHERE name = ") | sql_string(&sql, name, strlen(name)) |
        buf_printf(&sql, " AND idempotency_key LIKE '%s-%%' AND RIGHT(payload, 1) = ','",
                   o->digest))
        return out_of_memory(err);
    o->open = false;
    return db_exec_len(db, (const char *)sql.data, sql.len, err);
}

static int write_noted(struct outbox *o, MYSQL *db, const struct outbox_place *place,
                       struct ds_error *err)
{
    struct insertion in = {.o = o, .db = db};
    int rc = o->failed ? out_of_memory(err) : 0;
    rc = rc ? rc : outbox_messages(&o->noted, place, add_part, &in, err);
    rc = rc ? rc : insert(&in, err);
    buf_free(&in.sql);
    clear(o);
    return rc;
}

int outbox_flush(struct outbox *o, MYSQL *db, bool all, struct ds_error *err)
{
    uint32_t before = o->noted.parts;
    if (!all && o->noted.entry_count < MUCH && !o->failed)
        return 0;
    int rc = write_noted(o, db, NULL, err);
    o->open |= o->noted.parts > before;
    return rc;
}

int outbox_write(struct outbox *o, MYSQL *db, const struct outbox_place *place,
                 struct ds_error *err)
{
    int rc = o->open ? close_open(o, db, place, err) : 0;
    return rc ? rc : write_noted(o, db, place, err);
}

void outbox_committed(struct outbox *o)
{
    if (o->hooks && o->written)
        hooks_added(o->hooks, o->written);
    o->written = 0;
}

int outbox_tell_left(const struct config *c, MYSQL *db, struct ds_error *err)
{
    BUF_AUTO struct buf table = {0}, name = {0};
    if (sql_table(&table, c->state_database, "datasync_outbox") ||
        sql_string(&name, c->name, strlen(c->name)))
        return out_of_memory(err);
    MYSQL_RES *res =
        db_select(db, err, "SELECT hook, COUNT(*) FROM %s WHERE name = %s GROUP BY hook",
                  buf_cstr(&table), buf_cstr(&name));
    if (!res)
        return err->code;
    for (MYSQL_ROW row; (row = mysql_fetch_row(res));) {
        bool served = strcmp(row[0], HOOK_COMMAND) == 0
                          ? c->hooks_command.count > 0
                          : strcmp(row[0], HOOK_URL) == 0 && *c->hooks_url;
        if (!served)
            log_warn("messages wait for a hook that is not configured any more: they are "
                     "delivered when it is again; to forget them, delete these rows of %s.%s "
                     "hook=%s messages=%s",
                     c->state_database, "datasync_outbox", row[0], row[1]);
    }
    mysql_free_result(res);
    return 0;
}
