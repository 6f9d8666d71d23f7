/* Which rows of the destination has this run met, and which of them has it left as they are?
 *
 * Two rows of the source may have the same natural key (price rules of one name, subscribers of one
 * e-mail). The first of them takes the destination's row that has it; the second must not, even
 * when it comes in a later batch. What an earlier run has registered may be taken: a copy is not
 * told what the source has deleted since, and made again under another id.
 *
 * What `skip` has passed over comes once more at a copy's end, if what it names comes behind it: it
 * is passed over again, unlike what the run has made.
 *
 * Which of the source's, by their ids there, has a copy brought (missed.c)? That it begins to read
 * again does not change it.
 *
 * And which entities has it counted? One that a stream changes again and again is one.
 *
 * A bit for each id, in pages as they are needed: ids are counted up, so there are few empty ones.
 */
#include <stdlib.h>

#include "applier/import/import_internal.h"
#include "applier/import/seen.h"
#include "schema/list.h"

enum { PAGE_BITS = 1 << 15, PAGES_MAX = 1 << 20 };

enum what { MET, PASSED_OVER, COUNTED, COME, WHATS };

struct seen_type { /* of the registry, for each of what is noted */
    uint64_t **pages;
    uint32_t page_count;
};

struct seen {
    struct seen_type *types;
    uint32_t type_count;
    struct seen_bit {
        uint64_t *word, bit;
    } * pending; /* of the transaction that is open: to be set when it commits */
    uint32_t pending_count, pending_cap;
    struct seen_bit *counted; /* … and those that are set, to be taken back if it does not */
    uint32_t counted_count, counted_cap, counted_at_mark;
};

int import_seen_new(struct import *im)
{
    im->seen = calloc(1, sizeof *im->seen);
    return im->seen ? 0 : DS_ENOMEM;
}

static void clear_type(struct seen_type *t)
{
    for (uint32_t k = 0; k < t->page_count; k++)
        free(t->pages[k]);
    free(t->pages);
    *t = (struct seen_type){0};
}

void import_seen_clear(struct import *im)
{
    struct seen *s = im->seen;
    for (uint32_t i = 0; i < s->type_count; i++)
        if (i % WHATS != COME)
            clear_type(&s->types[i]);
    s->pending_count = s->counted_count = s->counted_at_mark = 0;
}

void import_seen_free(struct import *im)
{
    struct seen *s = im->seen;
    if (!s)
        return;
    for (uint32_t i = 0; i < s->type_count; i++)
        clear_type(&s->types[i]);
    free(s->types);
    free(s->pending);
    free(s->counted);
    free(s);
}

/* A dry run's made-up ids are nobody's, and no shop comes to what PAGES_MAX cannot hold. */
static bool is_kept(uint64_t id)
{
    return id / PAGE_BITS < PAGES_MAX;
}

static bool has(const struct import *im, uint32_t type, enum what what, uint64_t id)
{
    const struct seen *s = im->seen;
    type = type * WHATS + what;
    uint64_t page = id / PAGE_BITS, bit = id % PAGE_BITS;
    if (!is_kept(id) || type >= s->type_count || page >= s->types[type].page_count ||
        !s->types[type].pages[page])
        return false;
    return s->types[type].pages[page][bit / 64] >> (bit % 64) & 1;
}

bool import_seen(const struct import *im, uint32_t type, uint64_t id)
{
    return has(im, type, MET, id);
}

bool import_passed_over(const struct import *im, uint32_t type, uint64_t id)
{
    return has(im, type, PASSED_OVER, id);
}

static void *grow(void *p, uint32_t *count, uint32_t wanted, size_t size)
{
    char *bigger = realloc(p, wanted * size);
    for (size_t i = *count * size; bigger && i < wanted * size; i++)
        bigger[i] = 0;
    if (bigger)
        *count = wanted;
    return bigger;
}

/* The word that has the id's bit. NULL: out of memory. */
static uint64_t *word_of(struct seen *s, uint32_t type, uint64_t id)
{
    uint32_t page = (uint32_t)(id / PAGE_BITS);
    if (type >= s->type_count) {
        void *bigger = grow(s->types, &s->type_count, type + 1, sizeof *s->types);
        if (!bigger)
            return NULL;
        s->types = bigger;
    }
    struct seen_type *t = &s->types[type];
    if (page >= t->page_count) {
        void *bigger = grow(t->pages, &t->page_count, page + 1, sizeof *t->pages);
        if (!bigger)
            return NULL;
        t->pages = bigger;
    }
    if (!t->pages[page])
        t->pages[page] = calloc(PAGE_BITS / 64, sizeof(uint64_t));
    return t->pages[page] ? &t->pages[page][id % PAGE_BITS / 64] : NULL;
}

static int note(struct import *im, uint32_t type, enum what what, uint64_t id)
{
    struct seen *s = im->seen;
    if (!is_kept(id))
        return 0;
    uint64_t *word = word_of(s, type * WHATS + what, id);
    if (!word)
        return DS_ENOMEM;
    if (LIST_ROOM(s->pending, s->pending_count, s->pending_cap))
        return DS_ENOMEM;
    s->pending[s->pending_count++] = (struct seen_bit){word, 1ull << (id % 64)};
    return 0;
}

int import_see(struct import *im, uint32_t type, uint64_t id)
{
    return note(im, type, MET, id);
}

int import_pass_over(struct import *im, uint32_t type, uint64_t id)
{
    return note(im, type, PASSED_OVER, id);
}

/* --- what comes --------------------------------------------------------------------------------
 */

bool import_seen_keeps(uint64_t id)
{
    return is_kept(id);
}

int import_come_number(struct import *im, uint32_t type, uint64_t id)
{
    uint64_t *word = word_of(im->seen, type * WHATS + COME, id);
    if (word)
        *word |= 1ull << (id % 64);
    return word ? 0 : DS_ENOMEM;
}

bool import_number_has_come(const struct import *im, uint32_t type, uint64_t id)
{
    return has(im, type, COME, id);
}

void import_come_clear(struct import *im)
{
    for (uint32_t i = COME; i < im->seen->type_count; i += WHATS)
        clear_type(&im->seen->types[i]);
}

/* --- what is counted ---------------------------------------------------------------------------
 */

int import_count_once(struct import *im, uint32_t type, uint64_t id, bool *first)
{
    struct seen *s = im->seen;
    const uint64_t bit = 1ull << (id % 64);
    *first = true;
    if (!is_kept(id))
        return 0;
    uint64_t *word = word_of(s, type * WHATS + COUNTED, id);
    if (!word || LIST_ROOM(s->counted, s->counted_count, s->counted_cap))
        return DS_ENOMEM;
    *first = !(*word & bit);
    *word |= bit;
    if (*first)
        s->counted[s->counted_count++] = (struct seen_bit){word, bit};
    return 0;
}

static void take_back(struct seen *s, uint32_t down_to)
{
    while (s->counted_count > down_to) {
        const struct seen_bit *b = &s->counted[--s->counted_count];
        *b->word &= ~b->bit;
    }
}

void import_count_mark(struct import *im)
{
    im->seen->counted_at_mark = im->seen->counted_count;
}

void import_count_go_back(struct import *im)
{
    take_back(im->seen, im->seen->counted_at_mark);
}

/* --- the transaction's end -----------------------------------------------------------------------
 */

void import_seen_committed(struct import *im)
{
    struct seen *s = im->seen;
    for (uint32_t i = 0; i < s->pending_count; i++)
        *s->pending[i].word |= s->pending[i].bit;
    s->pending_count = s->counted_count = s->counted_at_mark = 0;
}

void import_seen_rolled_back(struct import *im)
{
    take_back(im->seen, 0);
    im->seen->pending_count = im->seen->counted_at_mark = 0;
}
