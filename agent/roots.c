#include "agent/roots.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <xxhash.h>

#include "schema/arena.h"
#include "schema/key_condition.h"
#include "schema/log.h"
#include "schema/message.h"
#include "schema/sql.h"

enum {
    SETS = 1 << 14, /* of the cache */
    WAYS = 8,
    IDS_PER_LOOKUP = 1000,
    LEVELS_MAX = 8,
    SILENCE_SECONDS = 60, /* before what failed, or was not found, is asked for again */
    BLOCK = 256,          /* neighbours of a row are mostly wanted next */
    BLOCKS_PER_LOOKUP = 16,
};

struct level {
    const char *name; /* as the server knows it */
    const struct catalogue_table *entry;
    const struct level *up; /* NULL: `link` holds the root's key */
    uint32_t number;        /* from 1 */
    time_t failed;          /* when it could not be asked for, 0 it could */
};

#define NOT_FOUND UINT32_MAX
/* Where a row leads to: to a row of another level, `to` 0: to the root, NOT_FOUND: it was not there
 * at the time `there`. */
struct place {
    uint32_t level, to; /* level 0: free */
    uint64_t id, there;
};

struct roots {
    struct arena arena;
    struct level *levels;
    size_t level_count;
    const struct db_endpoint *source;
    MYSQL *db;
    time_t failed;        /* when the source could not be asked, 0 it could */
    struct place *places; /* sets of WAYS, what was used last comes first */
};

/* --- levels --------------------------------------------------------------- */

const struct level *roots_level(const struct roots *r, const char *table)
{
    for (size_t i = 0; i < r->level_count; i++)
        if (strcmp(r->levels[i].entry->table, table) == 0)
            return &r->levels[i];
    return NULL;
}

static const struct catalogue_table *member(const struct catalogue_entity *e, const char *name)
{
    for (size_t i = 0; i < e->table_count; i++)
        if (strcmp(e->tables[i].table, name) == 0)
            return &e->tables[i];
    return NULL;
}

static int add_level(struct roots *r, const struct catalogue_table *entry, const char *prefix)
{
    size_t room = strlen(prefix) + strlen(entry->there) + 1;
    struct level *l = &r->levels[r->level_count];
    char *name = arena_alloc(&r->arena, room);
    if (!name)
        return DS_ENOMEM;
    snprintf(name, room, "%s%s", prefix, entry->there);
    *l = (struct level){.name = name, .entry = entry, .number = (uint32_t)++r->level_count};
    return 0;
}

/* Every table that another one of its entity names as the way. */
static int collect(struct roots *r, const struct catalogue *c, const char *prefix)
{
    size_t tables = 0;
    int rc = 0;
    for (size_t i = 0; i < catalogue_count(c); i++)
        tables += catalogue_at(c, i)->table_count;
    r->levels = calloc(tables + 1, sizeof *r->levels);
    if (!r->levels)
        return DS_ENOMEM;
    for (size_t i = 0; i < catalogue_count(c) && rc == 0; i++) {
        const struct catalogue_entity *e = catalogue_at(c, i);
        for (size_t t = 0; t < e->table_count && rc == 0; t++) {
            const char *through = e->tables[t].through;
            const struct catalogue_table *entry = through ? member(e, through) : NULL;
            if (entry && entry->key && entry->link && !roots_level(r, through))
                rc = add_level(r, entry, prefix);
        }
    }
    for (size_t i = 0; i < r->level_count; i++)
        if (r->levels[i].entry->through)
            r->levels[i].up = roots_level(r, r->levels[i].entry->through);
    return rc;
}

int roots_new(struct roots **out, const struct catalogue *c, const char *prefix,
              const struct db_endpoint *source, struct ds_error *err)
{
    struct roots *r = calloc(1, sizeof *r);
    if (r)
        r->places = calloc((size_t)SETS * WAYS, sizeof *r->places);
    if (!r || !r->places || (c && collect(r, c, prefix ? prefix : ""))) {
        roots_free(r);
        return error_set(err, DS_ENOMEM, "out of memory for keys of entities");
    }
    r->source = source;
    *out = r;
    return 0;
}

void roots_free(struct roots *r)
{
    if (!r)
        return;
    db_close(&r->db);
    arena_free(&r->arena);
    free(r->levels);
    free(r->places);
    free(r);
}

/* --- what is known -------------------------------------------------------- */

static struct place *set_of(const struct roots *r, uint32_t level, uint64_t id)
{
    uint64_t key[2] = {level, id};
    return r->places + (XXH3_64bits(key, sizeof key) % SETS) * WAYS;
}

/* Put it first, in the place of set[at]. */
static struct place *put_first(struct place *set, int at, struct place p)
{
    memmove(set + 1, set, (size_t)at * sizeof *set);
    set[0] = p;
    return set;
}

static const struct place *find(const struct roots *r, uint32_t level, uint64_t id)
{
    struct place *set = set_of(r, level, id);
    for (int i = 0; i < WAYS; i++)
        if (set[i].level == level && set[i].id == id)
            return put_first(set, i, set[i]);
    return NULL;
}

static void learn(struct roots *r, uint32_t level, uint64_t id, uint32_t to, uint64_t there)
{
    struct place *set = set_of(r, level, id);
    put_first(set, find(r, level, id) ? 0 : WAYS - 1,
              (struct place){.level = level, .to = to, .id = id, .there = there});
}

void roots_learn(struct roots *r, const struct level *l, uint64_t id, uint64_t link)
{
    learn(r, l->number, id, l->up ? l->up->number : 0, link);
}

/* --- at the source -------------------------------------------------------- */

/* Is it known where this row leads, all the way? */
static bool is_known(const struct roots *r, uint32_t level, uint64_t id)
{
    for (int steps = 0; level && steps < LEVELS_MAX; steps++) {
        const struct place *p = find(r, level, id);
        if (!p)
            return false;
        if (p->to == NOT_FOUND)
            return (uint64_t)time(NULL) - p->there < SILENCE_SECONDS;
        level = p->to;
        id = p->there;
    }
    return true;
}

/* " WHERE key IN (…)", or whole blocks of neighbours, where they are few. ids are sorted. */
static int where_ids(const struct level *l, const uint64_t *ids, size_t count, struct buf *sql)
{
    uint64_t blocks[BLOCKS_PER_LOOKUP];
    size_t n = 0;
    for (size_t i = 0; i < count && n <= BLOCKS_PER_LOOKUP; i++) {
        if (n && blocks[n - 1] == ids[i] / BLOCK)
            continue;
        if (n < BLOCKS_PER_LOOKUP)
            blocks[n] = ids[i] / BLOCK;
        n++;
    }
    int rc = 0;
    for (size_t i = 0; i < n && n <= BLOCKS_PER_LOOKUP; i++)
        rc |= buf_puts(sql, i ? " OR t0." : " WHERE t0.") | sql_identifier(sql, l->entry->key) |
              buf_printf(sql, " BETWEEN %lu AND %lu", blocks[i] * BLOCK,
                         blocks[i] * BLOCK + (BLOCK - 1));
    if (n <= BLOCKS_PER_LOOKUP)
        return rc;
    rc = buf_puts(sql, " WHERE t0.") | sql_identifier(sql, l->entry->key);
    for (size_t i = 0; i < count; i++)
        rc |= buf_printf(sql, "%s%lu", i ? ", " : " IN (", ids[i]);
    return rc | buf_puts(sql, ")");
}

/* SELECT the ids, and the links of each level up to the root. */
static int lookup_sql(const struct level *l, const char *database, const uint64_t *ids,
                      size_t count, struct buf *sql)
{
    int rc = buf_puts(sql, "SELECT t0.") | sql_identifier(sql, l->entry->key);
    int n = 0;
    for (const struct level *at = l; at && n < LEVELS_MAX; at = at->up, n++)
        rc |= buf_printf(sql, ", t%d.", n) | sql_identifier(sql, at->entry->link);
    rc |= buf_puts(sql, " FROM ") | sql_table(sql, database, l->name) | buf_puts(sql, " t0");
    n = 0;
    for (const struct level *at = l; at->up && n + 1 < LEVELS_MAX; at = at->up, n++)
        rc |= buf_puts(sql, " LEFT JOIN ") | sql_table(sql, database, at->up->name) |
              buf_printf(sql, " t%d ON t%d.", n + 1, n + 1) |
              sql_identifier(sql, at->up->entry->key) | buf_printf(sql, " = t%d.", n) |
              sql_identifier(sql, at->entry->link);
    return rc | where_ids(l, ids, count, sql);
}

/* Whole numbers alone are followed. */
static bool parse_id(const char *text, uint64_t *id)
{
    char *end;
    if (!text || *text < '0' || *text > '9')
        return false;
    *id = strtoull(text, &end, 10);
    return !*end;
}

static void take_row(struct roots *r, const struct level *l, MYSQL_ROW row, uint64_t now)
{
    uint64_t id, link;
    if (!parse_id(row[0], &id))
        return;
    for (int i = 1; l && i <= LEVELS_MAX && parse_id(row[i], &link); i++, l = l->up) {
        roots_learn(r, l, id, link);
        id = link;
    }
    if (l) /* here the way ends */
        learn(r, l->number, id, NOT_FOUND, now);
}

/* ids are sorted. */
static int ask(struct roots *r, const struct level *l, const uint64_t *ids, size_t count,
               struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    uint64_t now = (uint64_t)time(NULL);
    bool answered[IDS_PER_LOOKUP] = {false};
    if (!r->db) {
        int rc = db_connect(&r->db, r->source, err);
        if (rc == 0) /* an ALTER TABLE may wait for somebody, and we for it */
            rc = db_exec(r->db, err, "SET SESSION lock_wait_timeout = 1");
        if (rc)
            return rc;
    }
    if (lookup_sql(l, r->source->database, ids, count, &sql))
        return error_set(err, DS_ENOMEM, "out of memory for a look-up");
    MYSQL_RES *rows = db_select(r->db, err, "%s", buf_cstr(&sql));
    if (!rows)
        return err->code;
    for (MYSQL_ROW row; (row = mysql_fetch_row(rows));) {
        uint64_t id;
        const uint64_t *at =
            parse_id(row[0], &id) ? bsearch(&id, ids, count, sizeof *ids, key_compare) : NULL;
        if (at)
            answered[at - ids] = true;
        take_row(r, l, row, now);
    }
    int rc = mysql_errno(r->db) ? db_fail(err, r->db, "looking up whose rows these are") : 0;
    mysql_free_result(rows);
    for (size_t i = 0; i < count && rc == 0; i++)
        if (!answered[i])
            learn(r, l->number, ids[i], NOT_FOUND, now);
    return rc;
}

/* A connection that was idle for long may be gone: once more with a new one. */
static void ask_again(struct roots *r, struct level *l, const uint64_t *ids, size_t count)
{
    struct ds_error err;
    time_t began = time(NULL);
    bool was_open = r->db != NULL;
    int rc = ask(r, l, ids, count, &err);
    if (rc == DS_ECONN && was_open && time(NULL) == began) {
        db_close(&r->db);
        rc = ask(r, l, ids, count, &err);
    }
    if (rc == 0)
        return;
    bool of_table = rc == DS_ESERVER || rc == DS_ERETRY || (rc == DS_EACCESS && r->db);
    *(of_table ? &l->failed : &r->failed) = time(NULL);
    db_close(&r->db);
    log_warn("the source cannot be asked whose rows these are, the nearest known ones stand for it "
             "table=%s reason=\"%s\"",
             l->name, err.message);
}

static bool is_silent(time_t *failed)
{
    if (*failed && time(NULL) - *failed < SILENCE_SECONDS)
        return true;
    *failed = 0;
    return false;
}

void roots_look_up(struct roots *r, const struct level *level, uint64_t *ids, size_t count)
{
    struct level *l = &r->levels[level->number - 1];
    uint64_t wanted[IDS_PER_LOOKUP];
    size_t n = 0;
    if (!r->source || is_silent(&r->failed) || is_silent(&l->failed))
        return;
    qsort(ids, count, sizeof *ids, key_compare);
    for (size_t i = 0; i < count && !r->failed && !l->failed; i++) {
        if ((i == 0 || ids[i] != ids[i - 1]) && !is_known(r, l->number, ids[i]))
            wanted[n++] = ids[i];
        if (n && (n == IDS_PER_LOOKUP || i + 1 == count)) {
            ask_again(r, l, wanted, n);
            n = 0;
        }
    }
}

int roots_key(struct roots *r, const struct level *l, uint64_t id, struct buf *out)
{
    uint32_t level = l->number;
    bool looked = false;
    for (int steps = 0; level && steps < LEVELS_MAX; steps++) {
        const struct place *p = find(r, level, id);
        if (!p && !looked) { /* its event's other rows have put it out */
            uint64_t one = id;
            looked = true;
            roots_look_up(r, &r->levels[level - 1], &one, 1);
            p = find(r, level, id);
        }
        if (!p || p->to == NOT_FOUND)
            break;
        level = p->to;
        id = p->there;
    }
    if (!level)
        return value_write_uint(out, id);
    BUF_AUTO struct buf text = {0};
    return buf_printf(&text, "%s=%lu", r->levels[level - 1].entry->table, id) ||
                   value_write_text(out, text.data, text.len)
               ? DS_ENOMEM
               : 0;
}
