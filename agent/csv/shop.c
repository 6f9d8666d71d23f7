/* The made-up shop's life, its tables and messages. */
#include "agent/csv/shop.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <xxhash.h>

#include "agent/csv/shop_internal.h"
#include "schema/list.h"
#include "schema/registry_key.h"

enum { BUCKETS = 1 << 16, ARENA_KEEP = 1 << 20 };

/* --- errors -------------------------------------------------------------------------------- */

void shop_fail(struct shop *s, int code)
{
    if (!s->rc)
        s->rc = code;
}

void shop_invalid(struct shop *s, const char *fmt, ...)
{
    va_list ap;
    if (s->rc)
        return;
    va_start(ap, fmt);
    s->rc = error_vset(&s->err, DS_EFORMAT, fmt, ap);
    va_end(ap);
}

void shop_no_memory(struct shop *s)
{
    if (!s->rc)
        s->rc = error_set(&s->err, DS_ENOMEM, "out of memory for an import from CSV");
}

bool shop_failed(const struct shop *s)
{
    return s->rc != 0;
}

/* --- text ------------------------------------------------------------------------------------ */

struct slice slice_of(const char *text)
{
    return (struct slice){(const uint8_t *)text, strlen(text)};
}

bool slice_is(struct slice s, const char *text)
{
    return s.len == strlen(text) && strncasecmp((const char *)s.p, text, s.len) == 0;
}

struct slice slice_trim(struct slice s)
{
    while (s.len && strchr(" \t\r\n", *s.p) && *s.p) {
        s.p++;
        s.len--;
    }
    while (s.len && s.p[s.len - 1] && strchr(" \t\r\n", s.p[s.len - 1]))
        s.len--;
    return s;
}

struct arena *shop_arena(struct shop *s)
{
    return &s->arena;
}

struct slice shop_keep(struct shop *s, const void *p, size_t len)
{
    const uint8_t *copy = arena_copy(&s->kept, p, len);
    if (!copy && len)
        shop_no_memory(s);
    return copy ? (struct slice){copy, len} : slice_of("");
}

struct slice shop_vformat(struct shop *s, const char *fmt, va_list ap)
{
    char *text = NULL;
    int n = vasprintf(&text, fmt, ap);
    uint8_t *copy = n < 0 ? NULL : arena_copy(&s->arena, text, (size_t)n + 1);
    if (n >= 0)
        free(text);
    if (copy)
        return (struct slice){copy, (size_t)n};
    shop_no_memory(s);
    return slice_of("");
}

struct slice shop_format(struct shop *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct slice text = shop_vformat(s, fmt, ap);
    va_end(ap);
    return text;
}

struct slice shop_id(struct shop *s, const char *kind, struct slice a, struct slice b)
{
    struct slice id =
        shop_format(s, "%s%s%.*s%s%.*s", kind, *kind ? ":" : "", (int)a.len, (const char *)a.p,
                    b.len ? ":" : "", (int)b.len, (const char *)b.p);
    char scratch[REGISTRY_KEY_MAX + 1];
    struct slice key = registry_key(id, scratch);
    return key.p == id.p ? id : shop_format(s, "%.*s", (int)key.len, scratch);
}

struct slice shop_now(struct shop *s)
{
    return slice_of(s->now);
}

/* --- what is known ------------------------------------------------------------------------- */

struct known *shop_find(const struct shop *s, struct slice key)
{
    uint64_t hash = XXH3_64bits(key.p, key.len);
    struct known *k = s->known[hash % BUCKETS];
    while (k && (k->hash != hash || k->key.len != key.len || memcmp(k->key.p, key.p, key.len) != 0))
        k = k->next;
    return k;
}

struct known *shop_learn(struct shop *s, struct slice key, struct slice value)
{
    struct known *k = arena_zalloc(&s->kept, sizeof *k);
    if (LIST_ROOM(s->order, s->known_count, s->known_cap)) {
        shop_no_memory(s);
        return NULL;
    }
    if (!k) {
        shop_no_memory(s);
        return NULL;
    }
    k->key = shop_keep(s, key.p, key.len);
    k->value = shop_keep(s, value.p, value.len);
    k->hash = XXH3_64bits(key.p, key.len);
    k->next = s->known[k->hash % BUCKETS];
    s->known[k->hash % BUCKETS] = k;
    s->order[s->known_count++] = k;
    return k;
}

void shop_remember(struct shop *s, struct slice key, struct slice value)
{
    if (!s->rc)
        shop_learn(s, key, value);
}

bool shop_recall(const struct shop *s, struct slice key, struct slice *value)
{
    const struct known *k = shop_find(s, key);
    *value = k ? k->value : slice_of("");
    return k != NULL;
}

bool shop_once(struct shop *s, struct slice key)
{
    if (s->rc || shop_find(s, key))
        return false;
    shop_learn(s, key, slice_of(""));
    return true;
}

static void forget_record(struct shop *s)
{
    while (s->known_count > s->settled) {
        struct known *k = s->order[--s->known_count];
        s->known[k->hash % BUCKETS] = k->next; /* the last one learnt stands first */
    }
}

/* --- life ------------------------------------------------------------------------------------ */

static int connect_destination(struct shop *s, struct ds_error *err)
{
    const struct config *config = s->o.config;
    const struct db_endpoint endpoint = config_endpoint(config, false);
    struct snapshot_source *d = &s->destination;
    BUF_AUTO struct buf literal = {0};
    uint64_t n = 0;
    bool found;
    d->database = config->destination.database;
    int rc = db_connect(&d->db, &endpoint, err);
    rc = rc ? rc : db_server_info(d->db, &d->server, err);
    rc = rc ? rc : db_exec(d->db, err, "SET NAMES utf8mb4");
    rc = rc ? rc : db_exec(d->db, err, "SET SESSION sql_mode = '', time_zone = '+00:00'");
    if (rc == 0 && sql_string(&literal, config->state_database, strlen(config->state_database)))
        rc = error_set(err, DS_ENOMEM, "out of memory");
    if (rc == 0)
        rc = db_scalar_u64(d->db, &n, &found, err,
                           "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s "
                           "AND TABLE_NAME = 'datasync_entity_registry'",
                           buf_cstr(&literal));
    s->has_registry = n > 0;
    return rc;
}

int shop_open(struct shop **out, const struct shop_options *o, struct ds_error *err)
{
    struct shop *s = calloc(1, sizeof *s);
    time_t now = time(NULL);
    struct tm tm;
    int rc = 0;
    if (s)
        s->known = calloc(BUCKETS, sizeof *s->known);
    if (!s || !s->known)
        rc = error_set(err, DS_ENOMEM, "out of memory for an import from CSV");
    if (rc == 0) {
        s->o = *o;
        s->next_table_id = 1;
        gmtime_r(&now, &tm);
        strftime(s->now, sizeof s->now, "%Y-%m-%d %H:%M:%S", &tm);
        rc = connect_destination(s, err);
    }
    if (rc == 0 && shop_load_attributes(s)) {
        *err = s->err;
        rc = s->rc;
    }
    if (rc)
        shop_close(s);
    else
        *out = s;
    return rc;
}

void shop_close(struct shop *s)
{
    if (!s)
        return;
    while (s->tables) {
        struct shop_table *t = s->tables;
        s->tables = t->next;
        if (t->exists)
            table_plan_free(&t->plan);
        free(t);
    }
    source_close(&s->destination);
    for (int i = 0; i < NAME_COUNT; i++)
        free(s->names[i]);
    free(s->attributes);
    free(s->known);
    free(s->order);
    buf_free(&s->references);
    buf_free(&s->rows);
    buf_free(&s->scratch);
    arena_free(&s->arena);
    arena_free(&s->kept);
    free(s);
}

/* --- tables ------------------------------------------------------------------------------------
 */

static bool is_key(const struct shop_table *t, struct slice name)
{
    const struct catalogue_table *entry = t->entry;
    bool root = entry == &t->entity->tables[0];
    if (root || entry->key)
        return slice_is(name, root ? entry->link : entry->key);
    for (size_t i = 0; i < entry->part_count; i++)
        if (entry->parts[i].column && !entry->parts[i].table &&
            slice_is(name, entry->parts[i].column))
            return true;
    return false;
}

static struct shop_table *open_table(struct shop *s, const char *name)
{
    struct shop_table *t = calloc(1, sizeof *t);
    const struct config *config = s->o.config;
    const char *here = config->destination.prefix, *told = config->source.prefix;
    char full[sizeof t->name];
    if (!t) {
        shop_no_memory(s);
        return NULL;
    }
    t->next = s->tables;
    s->tables = t;
    snprintf(full, sizeof full, "%s%s", here ? here : "", name);
    snprintf(t->name, sizeof t->name, "%s%s", told ? told : "", name);
    if (!catalogue_lookup(s->o.catalogue, name, &t->entity, &t->entry)) {
        shop_fail(s,
                  error_set(&s->err, DS_EUSAGE, "no entity of the catalogue has table %s", name));
        return t;
    }
    int rc = table_plan_read(&t->plan, &s->destination, full, s->next_table_id, &s->err);
    if (rc && rc != DS_ERETRY) {
        shop_fail(s, rc);
        return t;
    }
    t->exists = rc == 0;
    for (uint32_t i = 0; t->exists && i < t->plan.column_count; i++) {
        struct msg_column *c = &t->plan.described[i];
        c->flags = (uint8_t)((c->flags & ~COLUMN_KEY) | (is_key(t, c->name) ? COLUMN_KEY : 0));
    }
    if (t->exists)
        shop_load_texts(s, t, full);
    s->next_table_id += t->exists;
    return t;
}

/* The entry of a table, opened once; `exists` tells whether the destination has it. NULL: an
 * error. */
struct shop_table *shop_table_find(struct shop *s, const char *name)
{
    struct shop_table *t = s->tables;
    while (t && !(t->entry && strcmp(t->entry->table, name) == 0))
        t = t->next;
    t = t ? t : open_table(s, name);
    return s->rc ? NULL : t;
}

/* Under the shop's key, which files have nothing to do with. */
static bool is_encrypted(const struct shop_table *t, const char *name)
{
    for (size_t i = 0; i < t->entity->encrypted_count; i++)
        if (strcmp(t->entity->encrypted[i].table, t->entry->table) == 0 &&
            strcmp(t->entity->encrypted[i].column, name) == 0)
            return true;
    return false;
}

uint32_t shop_column(const struct shop_table *t, const char *name)
{
    size_t len = strlen(name);
    if (is_encrypted(t, name))
        return UINT32_MAX;
    for (uint32_t i = 0; i < t->plan.column_count; i++) {
        const struct slice *c = &t->plan.described[i].name;
        if (c->len == len && memcmp(c->p, name, len) == 0)
            return i;
    }
    return UINT32_MAX;
}

bool shop_has_column(struct shop *s, const char *table, const char *column)
{
    const struct shop_table *t = s->rc ? NULL : shop_table_find(s, table);
    return t && t->exists && shop_column(t, column) != UINT32_MAX;
}

const char *shop_table_name(struct shop *s, const char *table)
{
    BUF_AUTO struct buf name = {0}, quoted = {0};
    const char *prefix = s->o.config->destination.prefix;
    int rc = buf_printf(&name, "%s%s", prefix ? prefix : "", table) |
             sql_identifier(&quoted, buf_cstr(&name));
    if (rc)
        shop_no_memory(s);
    return (const char *)shop_format(s, "%s", buf_cstr(&quoted)).p;
}

/* --- messages ----------------------------------------------------------------------------------
 */

/* What `write` appends to the scratch becomes a message of the stage. */
static void stage(struct shop *s, struct buf *to)
{
    uint32_t n = (uint32_t)s->scratch.len;
    if (!s->rc && (buf_append(to, &n, sizeof n) || buf_append(to, s->scratch.data, n)))
        shop_no_memory(s);
}

void shop_stage_row(struct shop *s)
{
    stage(s, &s->rows);
}

static void stage_begin(struct shop *s, struct buf *to)
{
    const struct msg_begin m = {.server_id = s->destination.server.server_id,
                                .flags = BEGIN_SNAPSHOT,
                                .record = slice_of(s->record)};
    buf_clear(&s->scratch);
    if (message_write_begin(&s->scratch, &m))
        shop_no_memory(s);
    stage(s, to);
}

static void stage_commit(struct shop *s, struct buf *to)
{
    buf_clear(&s->scratch);
    stage(s, to);
}

/* Of a long path its end. */
void shop_at_line(struct shop *s, uint64_t line)
{
    enum { LINE_MAX_SIZE = 32 };
    const char *path = s->o.file;
    size_t len = strlen(path), room = sizeof s->record - LINE_MAX_SIZE;
    snprintf(s->record, sizeof s->record, "%s line %lu", path + (len > room ? len - room : 0),
             line);
}

void shop_begin(struct shop *s, struct slice key)
{
    s->key = shop_raw_id(s, key);
    stage_begin(s, &s->rows);
}

void shop_commit(struct shop *s)
{
    stage_commit(s, &s->rows);
}

bool shop_refer_begin(struct shop *s, const char *entity, struct slice id)
{
    struct slice key = shop_format(s, "%s\n%.*s", entity, (int)id.len, (const char *)id.p);
    if (s->rc || shop_find(s, key))
        return false;
    assert(!s->referring); /* what a reference refers to comes before it */
    s->referring = true;
    shop_learn(s, key, slice_of(""));
    s->reference_key = shop_raw_id(s, id);
    stage_begin(s, &s->references);
    return true;
}

struct shop_row shop_refer_row(struct shop *s, const char *table)
{
    struct shop_row r = shop_row(s, table);
    r.reference = true;
    return r;
}

void shop_refer_end(struct shop *s)
{
    s->referring = false;
    stage_commit(s, &s->references);
}

struct shop_row shop_row(struct shop *s, const char *table)
{
    struct shop_row r = {.shop = s};
    struct shop_table *t = s->rc ? NULL : shop_table_find(s, table);
    if (!t || !t->exists)
        return r;
    r.values = arena_zalloc(&s->arena, (t->plan.column_count + 1) * sizeof *r.values);
    if (r.values)
        r.table = t;
    else
        shop_no_memory(s);
    return r;
}

static void write_table(struct shop *s, const struct shop_table *t)
{
    const char *role = t->entry->role ? t->entry->role : "";
    const struct msg_table m = {
        .id = t->plan.id,
        .database = slice_of(s->destination.database),
        .name = slice_of(t->name),
        .entity = slice_of(t->entity->name),
        .role = slice_of(role),
        .flags = TABLE_NAMES | TABLE_SIGNEDNESS | TABLE_KEYS,
        .column_count = t->plan.column_count,
        .columns = t->plan.described,
    };
    buf_clear(&s->scratch);
    if (message_write_table(&s->scratch, &m))
        shop_no_memory(s);
}

/* Definitions are not part of a record: they stay said when it is dropped. */
static void tell_table(struct shop *s, struct shop_table *t)
{
    if (t->sent || s->rc)
        return;
    write_table(s, t);
    int rc = s->rc ? s->rc : s->o.put(s->o.arg, s->scratch.data, s->scratch.len, &s->err);
    if (rc)
        shop_fail(s, rc);
    t->sent = true;
}

static void put_change(struct shop_row *r, enum change_op op, unsigned flags)
{
    struct shop *s = r->shop;
    struct shop_table *t = r->table;
    BUF_AUTO struct buf image = {0};
    if (!t || s->rc)
        return;
    tell_table(s, t);
    int rc = image_write_head(&image, t->plan.column_count);
    for (uint32_t i = 0; i < t->plan.column_count && rc == 0; i++)
        rc = r->values[i].len ? buf_append(&image, r->values[i].p, r->values[i].len)
                              : value_write_absent(&image);
    struct msg_change m = {.table_id = t->plan.id,
                           .op = op,
                           .flags = (r->reference ? CHANGE_COPIED | CHANGE_NAMED : flags) |
                                    (t->entry->stock ? CHANGE_STOCK : 0u),
                           .entity_key = r->reference ? s->reference_key : s->key};
    *(op == CHANGE_INSERT ? &m.after : &m.before) = (struct slice){image.data, image.len};
    buf_clear(&s->scratch);
    if (rc || message_write_change(&s->scratch, &m))
        shop_no_memory(s);
    stage(s, r->reference ? &s->references : &s->rows);
}

void row_put(struct shop_row *r)
{
    put_change(r, CHANGE_INSERT, 0);
}

void row_delete(struct shop_row *r)
{
    put_change(r, CHANGE_DELETE, 0);
}

void row_no_others(struct shop_row *r)
{
    put_change(r, CHANGE_DELETE, CHANGE_COPIED);
}

/* --- records ------------------------------------------------------------------------------- */

static int put_commit(struct shop *s, struct ds_error *err)
{
    struct position at = {.file.pos = ++s->number};
    snprintf(at.file.file, sizeof at.file.file, "copy.000001");
    const struct msg_commit m = {.server_id = s->destination.server.server_id,
                                 .file = slice_of(at.file.file),
                                 .pos = at.file.pos};
    buf_clear(&s->scratch);
    if (message_write_commit(&s->scratch, &m))
        return error_set(err, DS_ENOMEM, "out of memory for an import from CSV");
    int rc = s->o.put(s->o.arg, s->scratch.data, s->scratch.len, err);
    return rc ? rc : s->o.mark(s->o.arg, &at, err);
}

static int put_stage(struct shop *s, const struct buf *stage, struct ds_error *err)
{
    int rc = 0;
    for (size_t at = 0; at < stage->len && rc == 0;) {
        uint32_t n;
        memcpy(&n, stage->data + at, sizeof n);
        at += sizeof n;
        rc = n ? s->o.put(s->o.arg, stage->data + at, n, err) : put_commit(s, err);
        at += n;
    }
    return rc;
}

int shop_end_record(struct shop *s, struct ds_error *err)
{
    int rc = s->rc;
    if (rc) {
        *err = s->err;
        forget_record(s);
    } else {
        rc = put_stage(s, &s->references, err);
        rc = rc ? rc : put_stage(s, &s->rows, err);
        s->settled = s->known_count;
    }
    buf_clear(&s->references);
    buf_clear(&s->rows);
    arena_reset(&s->arena, ARENA_KEEP);
    s->rc = 0;
    s->referring = false;
    error_clear(&s->err);
    return rc;
}

uint64_t shop_count(const struct shop *s)
{
    return s->number;
}

int shop_end(struct shop *s, struct position *end, struct ds_error *err)
{
    int rc = put_commit(s, err);
    *end = (struct position){.file.pos = s->number};
    snprintf(end->file.file, sizeof end->file.file, "copy.000001");
    return rc;
}
