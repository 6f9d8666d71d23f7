/* Rows that the destination does not have byte by byte, but with texts that it calls equal: labels,
 * codes and names in another case. Its unique keys would not take them beside, nor would people.
 * And rows that agree in one of two parts of which one does (a region's code, or its name), if that
 * is not empty, and only one row of the destination agrees in it.
 *
 * What is still open on both sides goes by the weights that the server gives to its texts, as many
 * with a query as fit. Trailing spaces do not count: few collations know them.
 */
#include <string.h>
#include <xxhash.h>

#include "applier/import/match.h"
#include "applier/import/resolve.h"

enum { TEXTS_PER_QUERY = 500, BUCKETS = 1 << 12 };

/* A row, or a candidate. */
struct side {
    struct import_row *row;
    struct candidate *candidate;
    struct slice *bytes, *weights; /* by part; p NULL: it is NULL */
    bool doubtful;                 /* several differing rows of the destination agree in a part */
    uint64_t hash;
    struct side *next;
};

struct sides {
    struct side *all;
    uint32_t count;
};

/* In which parts do two agree? */
enum agreeing { IN_ALL, IN_FIRST, IN_SECOND };

struct alike {
    struct matching *m;
    bool has_two, has_texts;
    const struct target_column **columns; /* by part: the column of a text, NULL: another value */
    struct sides rows, candidates;
    struct slice **texts; /* that are asked for now */
    const struct target_column **of;
    uint32_t text_count;
};

/* --- who comes into question ------------------------------------------------------------------ */

static int prepare(struct alike *a, uint32_t rows, uint32_t candidates)
{
    struct matching *m = a->m;
    struct arena *arena = &m->im->arena;
    a->columns = arena_zalloc(arena, m->t->part_count * sizeof *a->columns);
    a->rows.all = arena_zalloc(arena, rows * sizeof(struct side));
    a->candidates.all = arena_zalloc(arena, candidates * sizeof(struct side));
    a->texts = arena_alloc(arena, TEXTS_PER_QUERY * sizeof *a->texts);
    a->of = arena_alloc(arena, TEXTS_PER_QUERY * sizeof *a->of);
    if (!a->columns || !a->rows.all || !a->candidates.all || !a->texts || !a->of)
        return DS_ENOMEM;
    for (uint32_t i = 0; i < m->t->part_count; i++) {
        const struct target_column *c = match_part_column(m, i, false);
        a->columns[i] = c && c->class == TARGET_TEXT ? c : NULL;
        a->has_texts |= a->columns[i] != NULL;
        a->has_two |= m->t->parts[i].place == PART_SECOND;
    }
    return 0;
}

static bool is_asked(const struct alike *a, uint32_t i, enum agreeing in)
{
    static const int other[] = {-1, PART_SECOND, PART_FIRST};
    return (int)a->m->t->parts[i].place != other[in];
}

static uint64_t hash_part(uint64_t hash, const struct slice *part)
{
    return XXH3_64bits_withSeed(part->p, part->len, hash + !part->p);
}

/* Of what must agree in any case, byte by byte. */
static uint64_t hash_rest(const struct alike *a, const struct side *s)
{
    uint64_t hash = 0;
    for (uint32_t i = 0; i < a->m->t->part_count; i++)
        if (!a->columns[i] && a->m->t->parts[i].place == PART_ALONE)
            hash = hash_part(hash, &s->bytes[i]);
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
    *s = (struct side){.candidate = c, .bytes = new_parts(a)};
    for (uint32_t i = 0; s->bytes && i < a->m->t->part_count; i++)
        s->bytes[i] = match_next_part(&at);
    return s->bytes ? 0 : DS_ENOMEM;
}

static int add_row(struct alike *a, struct import_row *row)
{
    struct side *s = &a->rows.all[a->rows.count++];
    *s = (struct side){.row = row, .bytes = new_parts(a)};
    for (uint32_t i = 0; s->bytes && i < a->m->t->part_count; i++) {
        char scratch[32];
        bool null;
        struct slice text = import_text(match_identity_value(a->m, row, i), scratch, &null);
        const uint8_t *p =
            text.len ? arena_copy(&a->m->im->arena, text.p, text.len) : (const uint8_t *)"";
        if (!p)
            return DS_ENOMEM;
        s->bytes[i] = (struct slice){null ? NULL : p, text.len};
    }
    return s->bytes ? 0 : DS_ENOMEM;
}

/* Only those remain with which one of the others agrees in what is no text. */
static void keep_likely(const struct alike *a, struct sides *of, const struct sides *others,
                        uint64_t *seen)
{
    uint32_t kept = 0;
    memset(seen, 0, BUCKETS / 8);
    for (uint32_t i = 0; i < others->count; i++) {
        uint64_t bit = hash_rest(a, &others->all[i]) % BUCKETS;
        seen[bit / 64] |= 1ull << (bit % 64);
    }
    for (uint32_t i = 0; i < of->count; i++) {
        uint64_t bit = hash_rest(a, &of->all[i]) % BUCKETS;
        if (seen[bit / 64] >> (bit % 64) & 1)
            of->all[kept++] = of->all[i];
    }
    of->count = kept;
}

static int collect(struct alike *a)
{
    struct matching *m = a->m;
    uint32_t rows = 0, candidates = 0;
    for (uint32_t i = m->first; i < m->end; i++)
        rows += match_may_be_there(m, m->im->rows[i]);
    for (struct candidate *c = m->candidates; c && rows; c = c->after)
        candidates += !c->taken;
    if (!candidates)
        return 0;
    int rc = prepare(a, rows, candidates);
    for (struct candidate *c = m->candidates; c && rc == 0; c = c->after)
        rc = c->taken ? 0 : add_candidate(a, c);
    for (uint32_t i = m->first; i < m->end && rc == 0; i++)
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

/* What the column's character set cannot hold is not there; its server would not even read it. */
static bool is_readable(const struct target_column *c, const struct slice *text)
{
    bool short_utf8 = strcmp(c->charset, "utf8") == 0 || strcmp(c->charset, "utf8mb3") == 0;
    for (size_t i = 0; short_utf8 && i < text->len; i++)
        if (text->p[i] >= 0xf0) /* begins a character of four bytes */
            return false;
    return true;
}

static int weigh(struct alike *a, struct sides *s, struct ds_error *err)
{
    int rc = 0;
    for (uint32_t n = 0; n < s->count && rc == 0; n++) {
        struct side *side = &s->all[n];
        side->weights =
            arena_copy(&a->m->im->arena, side->bytes, a->m->t->part_count * sizeof *side->bytes);
        if (!side->weights)
            return import_no_memory(err);
        for (uint32_t i = 0; i < a->m->t->part_count && rc == 0; i++) {
            struct slice *part = &side->weights[i];
            if (!a->columns[i] || !part->p || !is_readable(a->columns[i], part))
                continue;
            a->texts[a->text_count] = part;
            a->of[a->text_count++] = a->columns[i];
            rc = a->text_count == TEXTS_PER_QUERY ? ask_weights(a, err) : 0;
        }
    }
    return rc;
}

/* --- one by one
 * ----------------------------------------------------------------------------------- */

static const struct slice *shown(const struct side *s, bool weighed)
{
    return weighed ? s->weights : s->bytes;
}

static bool agree(const struct alike *a, const struct side *x, const struct side *y,
                  enum agreeing in, bool weighed)
{
    for (uint32_t i = 0; i < a->m->t->part_count; i++) {
        const struct slice *p = &shown(x, weighed)[i], *q = &shown(y, weighed)[i];
        if (!is_asked(a, i, in))
            continue;
        if (!p->p || !q->p ? p->p != q->p : p->len != q->len || memcmp(p->p, q->p, p->len) != 0)
            return false;
    }
    return true;
}

/* Where one of two parts does, nothing in it tells nothing. */
static bool tells(const struct alike *a, const struct side *s, enum agreeing in)
{
    for (uint32_t i = 0; in != IN_ALL && i < a->m->t->part_count; i++)
        if (is_asked(a, i, in) && a->m->t->parts[i].place != PART_ALONE && !s->bytes[i].len)
            return false;
    return true;
}

static uint64_t hash_asked(const struct alike *a, const struct side *s, enum agreeing in,
                           bool weighed)
{
    uint64_t hash = 0;
    for (uint32_t i = 0; i < a->m->t->part_count; i++)
        if (is_asked(a, i, in))
            hash = hash_part(hash, &shown(s, weighed)[i]);
    return hash;
}

/* The next one in the bucket, from s on, that the row may be. */
static struct side *find(const struct alike *a, const struct side *row, struct side *s,
                         enum agreeing in, bool weighed)
{
    while (s && !(s->hash == row->hash && agree(a, s, row, in, weighed) &&
                  match_is_free(a->m, s->candidate, row->row)))
        s = s->next;
    return s;
}

/* All of those that agree with the row are the same to people. */
static bool is_sure(const struct alike *a, const struct side *row, const struct side *found,
                    enum agreeing in, bool weighed)
{
    struct side *s = found->next;
    while (in != IN_ALL && (s = find(a, row, s, in, weighed))) {
        if (!agree(a, s, found, IN_ALL, false))
            return false;
        s = s->next;
    }
    return true;
}

static int pair(struct alike *a, enum agreeing in, bool weighed, struct ds_error *err)
{
    struct matching *m = a->m;
    struct side **buckets = arena_zalloc(&m->im->arena, BUCKETS * sizeof *buckets);
    if (!buckets)
        return import_no_memory(err);
    for (uint32_t i = a->candidates.count; i-- > 0;) { /* the first one is found first */
        struct side *s = &a->candidates.all[i], **head;
        if (s->candidate->taken || !tells(a, s, in))
            continue;
        s->hash = hash_asked(a, s, in, weighed);
        head = &buckets[s->hash % BUCKETS];
        s->next = *head;
        *head = s;
    }
    int rc = 0;
    for (uint32_t i = 0; i < a->rows.count && rc == 0; i++) {
        struct side *row = &a->rows.all[i], *s;
        if (row->row->state != ROW_OPEN || !tells(a, row, in))
            continue;
        row->hash = hash_asked(a, row, in, weighed);
        s = find(a, row, buckets[row->hash % BUCKETS], in, weighed);
        if (s && !is_sure(a, row, s, in, weighed))
            row->doubtful = true;
        else if (s)
            rc = match_recognised(m, row->row, s->candidate, err);
    }
    return rc;
}

static int pair_all(struct alike *a, struct ds_error *err)
{
    static const enum agreeing parts[] = {IN_ALL, IN_FIRST, IN_SECOND};
    int rc = 0;
    for (uint32_t i = 0; i < (a->has_two ? 3u : 1u); i++)
        for (int weighed = i == 0; weighed < 1 + a->has_texts && rc == 0; weighed++)
            rc = pair(a, parts[i], weighed, err); /* byte by byte all have been compared */
    for (uint32_t i = 0; i < a->rows.count && rc == 0; i++) {
        const struct import_row *row = a->rows.all[i].row;
        if (!a->rows.all[i].doubtful || row->state != ROW_OPEN || row->op == CHANGE_DELETE)
            continue;
        error_set(err, DS_ECONFLICT,
                  "several rows of the destination may be row %.*s of %s %.*s: which one it is "
                  "cannot be told; make one of them what the source has",
                  (int)row->id.len, (const char *)row->id.p, a->m->t->entity->name,
                  (int)row->entity->key.len, (const char *)row->entity->key.p);
        error_at_table(err, NULL, a->m->t->target->name);
        rc = DS_ECONFLICT;
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
    return rc ? rc : pair_all(&a, err);
}
