/* Rows that the destination does not have byte by byte, but with texts that it calls equal: labels,
 * codes and names in another case. Its unique keys would not take them beside, nor would people.
 *
 * What is still open on both sides goes by the weights that the server gives to its texts, as many
 * with a query as fit. Trailing spaces do not count: few collations know them.
 */
#include <string.h>
#include <xxhash.h>

#include "applier/import/match.h"

enum { TEXTS_PER_QUERY = 500, BUCKETS = 1 << 12 };

/* A row, or a candidate. */
struct side {
    struct import_row *row;
    struct candidate *candidate;
    struct slice *parts; /* p NULL: it is NULL. Texts become their weights */
    uint64_t hash;
    struct side *next;
};

struct sides {
    struct side *all;
    uint32_t count;
};

struct alike {
    struct matching *m;
    const struct target_column **columns; /* by part: the column of a text, NULL: another value */
    struct sides rows, candidates;
    struct slice **texts; /* that are asked for now */
    const struct target_column **of;
    uint32_t text_count;
};

/* --- who comes into question ------------------------------------------------------------------ */

static int prepare(struct alike *a, uint32_t candidates)
{
    struct matching *m = a->m;
    struct arena *arena = &m->im->arena;
    a->columns = arena_zalloc(arena, m->t->part_count * sizeof *a->columns);
    a->rows.all = arena_zalloc(arena, (m->end - m->first) * sizeof(struct side));
    a->candidates.all = arena_zalloc(arena, candidates * sizeof(struct side));
    a->texts = arena_alloc(arena, TEXTS_PER_QUERY * sizeof *a->texts);
    a->of = arena_alloc(arena, TEXTS_PER_QUERY * sizeof *a->of);
    if (!a->columns || !a->rows.all || !a->candidates.all || !a->texts || !a->of)
        return DS_ENOMEM;
    for (uint32_t i = 0; i < m->t->part_count; i++) {
        const struct target_column *c = match_part_column(m, i, false);
        a->columns[i] = c && c->class == TARGET_TEXT ? c : NULL;
    }
    return 0;
}

static uint64_t hash_parts(const struct alike *a, const struct side *s, bool texts)
{
    uint64_t hash = 0;
    for (uint32_t i = 0; i < a->m->t->part_count; i++)
        if (texts || !a->columns[i])
            hash = XXH3_64bits_withSeed(s->parts[i].p, s->parts[i].len, hash + !s->parts[i].p);
    return hash;
}

static struct slice *new_parts(struct alike *a)
{
    return arena_alloc(&a->m->im->arena, a->m->t->part_count * sizeof(struct slice));
}

static int add_candidate(struct alike *a, struct candidate *c)
{
    struct side *s = &a->candidates.all[a->candidates.count++];
    const uint8_t *at = c->key.p;
    *s = (struct side){.candidate = c, .parts = new_parts(a)};
    for (uint32_t i = 0; s->parts && i < a->m->t->part_count; i++)
        s->parts[i] = match_next_part(&at);
    return s->parts ? 0 : DS_ENOMEM;
}

static int add_row(struct alike *a, struct import_row *row)
{
    struct side *s = &a->rows.all[a->rows.count++];
    *s = (struct side){.row = row, .parts = new_parts(a)};
    for (uint32_t i = 0; s->parts && i < a->m->t->part_count; i++) {
        char scratch[32];
        bool null;
        struct slice text = import_text(match_identity_value(a->m, row, i), scratch, &null);
        const uint8_t *p =
            text.len ? arena_copy(&a->m->im->arena, text.p, text.len) : (const uint8_t *)"";
        if (!p)
            return DS_ENOMEM;
        s->parts[i] = (struct slice){null ? NULL : p, text.len};
    }
    return s->parts ? 0 : DS_ENOMEM;
}

/* Only those remain with which one of the others agrees in what is no text. */
static void keep_likely(const struct alike *a, struct sides *of, const struct sides *others,
                        uint64_t *seen)
{
    uint32_t kept = 0;
    memset(seen, 0, BUCKETS / 8);
    for (uint32_t i = 0; i < others->count; i++) {
        uint64_t bit = hash_parts(a, &others->all[i], false) % BUCKETS;
        seen[bit / 64] |= 1ull << (bit % 64);
    }
    for (uint32_t i = 0; i < of->count; i++) {
        uint64_t bit = hash_parts(a, &of->all[i], false) % BUCKETS;
        if (seen[bit / 64] >> (bit % 64) & 1)
            of->all[kept++] = of->all[i];
    }
    of->count = kept;
}

static int collect(struct alike *a)
{
    struct matching *m = a->m;
    uint32_t count = 0;
    for (struct candidate *c = m->candidates; c; c = c->after)
        count += !c->taken;
    int rc = count ? prepare(a, count) : 0;
    for (struct candidate *c = m->candidates; c && rc == 0; c = c->after)
        rc = c->taken ? 0 : add_candidate(a, c);
    for (uint32_t i = m->first; i < m->end && count && rc == 0; i++)
        rc = match_may_be_there(m, m->im->rows[i]) ? add_row(a, m->im->rows[i]) : 0;
    uint64_t *seen = arena_alloc(&m->im->arena, BUCKETS / 8);
    if (rc || !seen)
        return DS_ENOMEM;
    keep_likely(a, &a->rows, &a->candidates, seen);
    keep_likely(a, &a->candidates, &a->rows, seen);
    return 0;
}

/* --- weights ------------------------------------------------------------------------------------
 */

static int ask_weights(struct alike *a, struct ds_error *err)
{
    struct matching *m = a->m;
    buf_clear(&m->sql);
    int rc = buf_puts(&m->sql, "SELECT ") ? import_no_memory(err) : 0;
    for (uint32_t i = 0; i < a->text_count && rc == 0; i++) {
        rc =
            buf_printf(&m->sql, "%sWEIGHT_STRING(RTRIM(", i ? "," : "") ? import_no_memory(err) : 0;
        rc = rc ? rc : import_sql_text(&m->sql, a->of[i], *a->texts[i], err);
        rc = rc || !buf_puts(&m->sql, ")) AS w") ? rc : import_no_memory(err);
    }
    MYSQL_RES *rows = rc ? NULL : db_select(m->im->db, err, "%s", buf_cstr(&m->sql));
    if (!rows)
        return err->code;
    MYSQL_ROW row = mysql_fetch_row(rows);
    const unsigned long *lengths = mysql_fetch_lengths(rows);
    for (uint32_t i = 0; row && lengths && i < a->text_count && rc == 0; i++) {
        if (!row[i]) /* too long to be weighed: by its bytes */
            continue;
        const uint8_t *p = arena_copy(&m->im->arena, row[i], lengths[i] + 1);
        *a->texts[i] = (struct slice){p, lengths[i]};
        rc = p ? 0 : import_no_memory(err);
    }
    mysql_free_result(rows);
    a->text_count = 0;
    return rc;
}

static int weigh(struct alike *a, struct sides *s, struct ds_error *err)
{
    int rc = 0;
    for (uint32_t n = 0; n < s->count; n++)
        for (uint32_t i = 0; i < a->m->t->part_count && rc == 0; i++) {
            struct slice *part = &s->all[n].parts[i];
            if (!a->columns[i] || !part->p)
                continue;
            a->texts[a->text_count] = part;
            a->of[a->text_count++] = a->columns[i];
            rc = a->text_count == TEXTS_PER_QUERY ? ask_weights(a, err) : 0;
        }
    return rc;
}

/* --- one by one
 * ----------------------------------------------------------------------------------- */

static bool same_parts(const struct alike *a, const struct side *x, const struct side *y)
{
    for (uint32_t i = 0; i < a->m->t->part_count; i++) {
        const struct slice *p = &x->parts[i], *q = &y->parts[i];
        if (!p->p || !q->p ? p->p != q->p : p->len != q->len || memcmp(p->p, q->p, p->len) != 0)
            return false;
    }
    return true;
}

static int pair(struct alike *a, struct ds_error *err)
{
    struct matching *m = a->m;
    struct side **buckets = arena_zalloc(&m->im->arena, BUCKETS * sizeof *buckets);
    if (!buckets)
        return import_no_memory(err);
    for (uint32_t i = a->candidates.count; i-- > 0;) { /* the first one is found first */
        struct side *s = &a->candidates.all[i], **head;
        s->hash = hash_parts(a, s, true);
        head = &buckets[s->hash % BUCKETS];
        s->next = *head;
        *head = s;
    }
    int rc = 0;
    for (uint32_t i = 0; i < a->rows.count && rc == 0; i++) {
        struct side *row = &a->rows.all[i], *s;
        row->hash = hash_parts(a, row, true);
        for (s = buckets[row->hash % BUCKETS]; s; s = s->next)
            if (s->hash == row->hash && same_parts(a, s, row) &&
                match_is_free(m, s->candidate, row->row))
                break;
        rc = s ? match_recognised(m, row->row, s->candidate, err) : 0;
    }
    return rc;
}

int match_alike(struct matching *m, struct ds_error *err)
{
    struct alike a = {.m = m};
    if (collect(&a))
        return import_no_memory(err);
    if (!a.rows.count)
        return 0;
    int rc = weigh(&a, &a.rows, err);
    rc = rc ? rc : weigh(&a, &a.candidates, err);
    rc = rc || !a.text_count ? rc : ask_weights(&a, err);
    return rc ? rc : pair(&a, err);
}
