/* For the tests of the spool inside one process: a store of its own for each. */
#ifndef TESTS_UNIT_SPOOL_FIXTURE_H
#define TESTS_UNIT_SPOOL_FIXTURE_H

#include "tests/unit/spool_helper.h"

#define MiB ((uint64_t)1 << 20)

struct fixture {
    char path[256];
    struct spool *s;
};

static inline struct spool *open_spool(const char *path, uint64_t max_size, bool durable)
{
    struct spool *s = NULL;
    assert_ok(spool_open(&s, &(struct spool_options){path, max_size, durable, false}, err));
    return s;
}

static inline int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    if (!f)
        return -1;
    folder_make(f->path, sizeof f->path);
    f->s = open_spool(f->path, 64 * MiB, false);
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;
    spool_close(f->s);
    folder_remove(f->path);
    free(f);
    return 0;
}

static inline void put(struct spool *s, uint64_t number, size_t len, bool last)
{
    BUF_AUTO struct buf b = {0};
    note_fill(&b, number, len, last);
    assert_ok(spool_put(s, b.data, b.len, err));
    if (last) {
        char text[40];
        assert_int_equal(spool_mark_raw(s, gtid_text(number, text), (struct slice){0}, 0), 0);
    }
}

/* Read chunks until message `until`, checking that numbers follow each other from *next. */
static inline uint64_t read_until(struct spool *s, uint64_t *next, uint64_t until, bool *at_end)
{
    BUF_AUTO struct buf out = {0};
    uint64_t seq = 0;
    while (*next <= until) {
        assert_ok(spool_read(s, &out, &seq, at_end, err));
        assert_true(out.len > 0);
        for (const uint8_t *p = out.data, *end = p + out.len; p < end;) {
            struct note n = {0};
            assert_true(note_take(&p, end, &n));
            assert_int_equal(n.number, *next);
            (*next)++;
        }
    }
    return seq;
}

static inline void assert_position(const struct position *p, const char *expected)
{
    BUF_AUTO struct buf b = {0};
    assert_int_equal(position_print(p, &b), 0);
    assert_string_equal(buf_cstr(&b), expected);
}

static inline void assert_state(struct spool *s, const char *base, const char *tail,
                                const char *applied)
{
    struct spool_state st;
    assert_ok(spool_state_get(s, &st, err));
    assert_int_equal(st.tail_known, tail != NULL);
    assert_int_equal(st.applier_known, applied != NULL);
    if (base)
        assert_position(&st.base, base);
    if (tail)
        assert_position(&st.tail, tail);
    if (applied)
        assert_position(&st.applied, applied);
    spool_state_free(&st);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
