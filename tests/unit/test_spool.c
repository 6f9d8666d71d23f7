/* The spool, inside one process. */
#include "tests/unit/spool_fixture.h"

#include <pthread.h>
#include <semaphore.h>

static void messages_arrive_in_order(void **state)
{
    struct fixture *f = *state;
    struct position base = gtid_at(0);
    uint64_t next = 1, seq;
    bool at_end;
    BUF_AUTO struct buf out = {0};
    assert_int_equal(spool_put(f->s, "x", 1, err), DS_EIO); /* not open for writing */
    assert_int_equal(spool_read(f->s, &out, &seq, &at_end, err), DS_EIO);
    assert_ok(spool_writer_open(f->s, err));
    assert_ok(spool_consumer_open(f->s, NULL, err));
    assert_ok(spool_writer_reset(f->s, &base, "1@here:3306", NULL, err));
    assert_int_equal(spool_read(f->s, &out, &seq, &at_end, err), DS_EPOSITION);
    assert_int_equal(spool_read(f->s, &out, &seq, &at_end, err), DS_EAGAIN);
    for (uint64_t n = 1; n <= 20000; n++) {
        put(f->s, n, 16 + n % 300, n % 3 == 0);
        assert_true(spool_unflushed(f->s) > 0);
        if (n % 1000 == 0) {
            assert_ok(spool_flush(f->s, err));
            assert_int_equal(spool_unflushed(f->s), 0);
        }
    }
    assert_state(f->s, "gtid=0-1-0", "gtid=0-1-19998", "none");
    seq = read_until(f->s, &next, 20000, &at_end);
    assert_true(at_end);
    assert_int_equal(spool_read(f->s, &out, &seq, &at_end, err), DS_EAGAIN);
    struct position applied = gtid_at(20000);
    assert_ok(spool_trim(f->s, seq, &applied, err));
    struct spool_state st;
    assert_ok(spool_state_get(f->s, &st, err));
    assert_int_equal(st.first_seq, st.next_seq);
    assert_int_equal(st.bytes, 0);
    assert_string_equal(st.source_id, "1@here:3306");
    spool_state_free(&st);
    assert_state(f->s, "gtid=0-1-20000", "gtid=0-1-19998", "gtid=0-1-20000");
    position_free(&applied);
    position_free(&base);
}

static void a_flush_without_news_does_nothing(void **state)
{
    struct fixture *f = *state;
    struct spool_state a, b;
    assert_ok(spool_writer_open(f->s, err));
    put(f->s, 1, 100, true);
    assert_ok(spool_flush(f->s, err));
    assert_ok(spool_state_get(f->s, &a, err));
    for (int i = 0; i < 10; i++)
        assert_ok(spool_flush(f->s, err));
    assert_ok(spool_state_get(f->s, &b, err));
    assert_int_equal(a.next_seq, b.next_seq);
    spool_state_free(&a);
    spool_state_free(&b);
    char text[40];
    assert_int_equal(spool_mark_raw(f->s, gtid_text(7, text),
                                    (struct slice){(const uint8_t *)"bin.000001", 10}, 1234),
                     0);
    assert_ok(spool_flush(f->s, err)); /* a position alone is news */
    assert_state(f->s, NULL, "gtid=0-1-7 file=bin.000001:1234", NULL);
    struct position p = at("file=bin.000002:4");
    assert_ok(spool_mark(f->s, &p, err));
    assert_ok(spool_flush(f->s, err));
    assert_state(f->s, NULL, "file=bin.000002:4", NULL);
    position_free(&p);
}

static void long_messages_are_put_together(void **state)
{
    struct fixture *f = *state;
    static const size_t sizes[] = {65511, 65512, 65513, 131024, 131025, 300000, 5 * MiB, 20 * MiB};
    uint64_t next = 1, n = 0;
    bool at_end;
    assert_ok(spool_writer_open(f->s, err));
    assert_ok(spool_consumer_open(f->s, NULL, err));
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        put(f->s, ++n, 100, false);
        put(f->s, ++n, sizes[i], false);
        put(f->s, ++n, 16, true);
    }
    assert_ok(spool_flush(f->s, err));
    read_until(f->s, &next, n, &at_end);
    assert_true(at_end);

    BUF_AUTO struct buf out = {0};
    uint64_t seq = 0, seen = 0;
    while (spool_peek(f->s, &seq, &out, err) == 0) {
        const uint8_t *p = out.data, *end = p + out.len;
        struct note note;
        while (p < end) {
            assert_true(note_take(&p, end, &note));
            assert_int_equal(note.number, ++seen);
        }
        seq++;
    }
    assert_int_equal(seen, n);
}

static void a_long_message_is_stored_to_its_end(void **state)
{
    struct fixture *f = *state;
    BUF_AUTO struct buf big = {0}, out = {0};
    uint64_t seq, next = 1;
    bool at_end;
    assert_ok(spool_writer_open(f->s, err));
    assert_ok(spool_consumer_open(f->s, NULL, err));
    note_fill(&big, 1, 9 * MiB, true);
    assert_int_equal(spool_read(f->s, &out, &seq, &at_end, err), DS_EAGAIN);
    assert_int_equal(spool_wait(f->s, 0), DS_EAGAIN);
    assert_ok(spool_put(f->s, big.data, big.len, err)); /* stored at once, to its end */
    struct spool_state st;
    assert_ok(spool_state_get(f->s, &st, err));
    assert_int_equal(st.bytes, 9 * MiB);
    assert_false(st.tail_known); /* there was no mark */
    spool_state_free(&st);
    assert_int_equal(spool_unflushed(f->s), 0);
    assert_int_equal(spool_wait(f->s, 0), 0);
    read_until(f->s, &next, 1, &at_end);
    assert_true(at_end);
}

static int give_up(void *arg)
{
    return ++*(int *)arg >= 3;
}

static void a_full_spool_holds_the_writer(void **state)
{
    struct fixture *f = *state;
    spool_close(f->s);
    f->s = open_spool(f->path, 2 * MiB, false);
    BUF_AUTO struct buf b = {0};
    int calls = 0, rc = 0;
    uint64_t n = 0, next = 1;
    bool at_end;
    assert_ok(spool_writer_open(f->s, err));
    assert_ok(spool_consumer_open(f->s, NULL, err));
    spool_on_wait(f->s, give_up, &calls);
    while (rc == 0 && n < 10000) {
        note_fill(&b, ++n, 1000, true);
        rc = spool_put(f->s, b.data, b.len, err);
    }
    assert_int_equal(rc, DS_ESTOPPED);
    assert_int_equal(calls, 3);
    struct spool_state st;
    assert_ok(spool_state_get(f->s, &st, err));
    assert_true(st.bytes <= 2 * MiB && st.bytes > MiB);
    assert_true(st.writer_waits);
    spool_state_free(&st);
    /* the message that met the wait was not taken: all before it are there after some room */
    uint64_t seq = read_until(f->s, &next, 1, &at_end);
    struct position applied = gtid_at(next - 1);
    assert_ok(spool_trim(f->s, seq, &applied, err));
    position_free(&applied);
    while (next < n) {
        calls = 0;
        (void)spool_flush(f->s, err);
        uint64_t before = next;
        seq = read_until(f->s, &next, next, &at_end);
        applied = gtid_at(next - 1);
        assert_ok(spool_trim(f->s, seq, &applied, err));
        position_free(&applied);
        assert_true(next > before);
    }
    assert_ok(spool_flush(f->s, err));
    assert_ok(spool_state_get(f->s, &st, err));
    assert_false(st.writer_waits);
    spool_state_free(&st);
}

static void a_message_longer_than_the_spool_passes(void **state)
{
    struct fixture *f = *state;
    spool_close(f->s);
    f->s = open_spool(f->path, MiB, false);
    uint64_t next = 1;
    bool at_end;
    assert_ok(spool_writer_open(f->s, err));
    assert_ok(spool_consumer_open(f->s, NULL, err));
    put(f->s, 1, 1000, false);
    put(f->s, 2, 20 * MiB, true);
    assert_ok(spool_flush(f->s, err));
    uint64_t seq = read_until(f->s, &next, 2, &at_end);
    struct position applied = gtid_at(2);
    assert_ok(spool_trim(f->s, seq, &applied, err));
    put(f->s, 3, 3 * MiB, true);
    assert_ok(spool_flush(f->s, err));
    read_until(f->s, &next, 3, &at_end);
    position_free(&applied);
    assert_int_equal(spool_put(f->s, f, (size_t)MiB + ((size_t)1 << 29) + 1, err), DS_ELIMIT);
}

static void pages_are_used_again(void **state)
{
    struct fixture *f = *state;
    const uint64_t max_size = 4 * MiB;
    spool_close(f->s);
    f->s = open_spool(f->path, max_size, false);
    uint64_t n = 0, next = 1, seq;
    bool at_end;
    unsigned seed = 1;
    assert_ok(spool_writer_open(f->s, err));
    assert_ok(spool_consumer_open(f->s, NULL, err));
    for (int round = 0; round < 400; round++) {
        for (uint64_t bytes = 0; bytes < max_size / 8;) {
            seed = seed * 1103515245u + 12345u;
            size_t len = 16 + (seed >> 16) % (round % 4 == 0 ? 100000 : 900);
            put(f->s, ++n, len, true);
            bytes += len;
            if (round % 7 == 0)
                assert_ok(spool_flush(f->s, err)); /* many small chunks */
        }
        assert_ok(spool_flush(f->s, err));
        if (round % 3 == 2) { /* keep some behind */
            seq = read_until(f->s, &next, n - 50, &at_end);
            struct position applied = gtid_at(next - 1);
            assert_ok(spool_trim(f->s, seq, &applied, err));
            position_free(&applied);
        }
    }
    assert_true(n > 10000);
    uint64_t size = file_size(f->path, "data.mdb");
    if (size > 3 * max_size)
        fail_msg("the file has grown to %" PRIu64 " for max_size %" PRIu64, size, max_size);
}

static void rewind_and_restart_read_again(void **state)
{
    struct fixture *f = *state;
    uint64_t next = 1, seq;
    bool at_end;
    assert_ok(spool_writer_open(f->s, err));
    assert_ok(spool_consumer_open(f->s, NULL, err));
    for (uint64_t n = 1; n <= 5; n++) {
        put(f->s, n, 50, true);
        assert_ok(spool_flush(f->s, err));
    }
    seq = read_until(f->s, &next, 2, &at_end);
    assert_false(at_end);
    struct position two = gtid_at(2);
    assert_ok(spool_trim(f->s, seq, &two, err));
    read_until(f->s, &next, 5, &at_end);
    assert_ok(spool_rewind(f->s, err));
    next = 3;
    read_until(f->s, &next, 5, &at_end);

    spool_close(f->s);
    f->s = open_spool(f->path, 64 * MiB, false);
    assert_state(f->s, "gtid=0-1-2", "gtid=0-1-5", "gtid=0-1-2");
    assert_ok(spool_consumer_open(f->s, &two, err));
    next = 3;
    read_until(f->s, &next, 5, &at_end);
    assert_true(at_end);
    position_free(&two);
}

static void an_open_transaction_is_cut_off(void **state)
{
    struct fixture *f = *state;
    struct spool_state before, after;
    BUF_AUTO struct buf out = {0};
    uint64_t next = 1, seq;
    bool at_end;
    assert_ok(spool_writer_open(f->s, err));
    put(f->s, 1, 500, false);
    put(f->s, 2, 500, true);
    put(f->s, 3, 500, false); /* in the same chunk as the end of the last one */
    assert_ok(spool_flush(f->s, err));
    put(f->s, 4, 200000, false);
    put(f->s, 5, 500, false);
    assert_ok(spool_flush(f->s, err));
    assert_ok(spool_state_get(f->s, &before, err));
    spool_close(f->s);

    f->s = open_spool(f->path, 64 * MiB, false);
    assert_ok(spool_consumer_open(f->s, NULL, err));
    read_until(f->s, &next, 5, &at_end); /* not cut yet: there is no writer */
    assert_ok(spool_writer_open(f->s, err));
    assert_ok(spool_state_get(f->s, &after, err));
    assert_int_equal(after.generation, before.generation + 1);
    assert_int_equal(after.resets, before.resets);
    assert_int_equal(after.bytes, 1000);
    assert_int_equal(spool_read(f->s, &out, &seq, &at_end, err), DS_EPOSITION);
    next = 1;
    read_until(f->s, &next, 2, &at_end);
    assert_int_equal(next, 3);
    assert_true(at_end);
    assert_state(f->s, NULL, "gtid=0-1-2", "none");
    put(f->s, 3, 700, true); /* and on it goes */
    assert_ok(spool_flush(f->s, err));
    read_until(f->s, &next, 3, &at_end);
    spool_state_free(&before);
    spool_state_free(&after);

    spool_close(f->s); /* nothing to cut: nothing changes */
    f->s = open_spool(f->path, 64 * MiB, false);
    assert_ok(spool_state_get(f->s, &before, err));
    assert_ok(spool_writer_open(f->s, err));
    assert_ok(spool_state_get(f->s, &after, err));
    assert_int_equal(after.generation, before.generation);
    assert_int_equal(after.next_seq, before.next_seq);
    spool_state_free(&before);
    spool_state_free(&after);
}

static void a_reset_starts_a_generation(void **state)
{
    struct fixture *f = *state;
    BUF_AUTO struct buf out = {0};
    struct position base = gtid_at(100);
    uint64_t next = 1, seq;
    bool at_end;
    assert_ok(spool_writer_open(f->s, err));
    assert_ok(spool_consumer_open(f->s, &base, err));
    put(f->s, 1, 100, true);
    assert_ok(spool_flush(f->s, err));
    seq = read_until(f->s, &next, 1, &at_end);
    put(f->s, 2, 100, true); /* buffered: thrown away too */
    assert_ok(spool_writer_reset(f->s, &base, "other", NULL, err));
    assert_state(f->s, "gtid=0-1-100", "gtid=0-1-100", "gtid=0-1-100");
    put(f->s, 50, 100, true);
    assert_ok(spool_flush(f->s, err));
    /* a trim that comes too late removes nothing of the new generation */
    assert_ok(spool_trim(f->s, seq, &base, err));
    assert_int_equal(spool_wait(f->s, 0), 0);
    assert_int_equal(spool_read(f->s, &out, &seq, &at_end, err), DS_EPOSITION);
    next = 50;
    read_until(f->s, &next, 50, &at_end);
    assert_ok(spool_writer_reset(f->s, NULL, "other", NULL, err));
    assert_state(f->s, "none", NULL, "gtid=0-1-100");
    struct spool_state st;
    assert_ok(spool_state_get(f->s, &st, err));
    assert_int_equal(st.resets, 2);
    spool_state_free(&st);
    position_free(&base);
}

/* What the applier has said decides; it may say something else before the store is emptied. */
static void a_reset_for_another_checkpoint_is_refused(void **state)
{
    struct fixture *f = *state;
    struct position one = gtid_at(1), nine = gtid_at(9), copying = at("file=copy.000001:3");
    const struct {
        const struct position *decided, *said;
        int rc;
    } cases[] = {
        {NULL, NULL, 0},
        {NULL, &one, DS_EAGAIN},
        {&one, NULL, DS_EAGAIN},
        {&one, &one, 0},
        {&one, &nine, 0},
        {&nine, &one, DS_EAGAIN},
        {&copying, &copying, 0},
        {&copying, &one, DS_EAGAIN},
        {&one, &copying, DS_EAGAIN},
    };
    assert_ok(spool_writer_open(f->s, err));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct spool_state decided, before, after;
        put(f->s, i + 1, 100, true);
        assert_ok(spool_flush(f->s, err));
        assert_ok(spool_consumer_open(f->s, cases[i].decided, err));
        assert_ok(spool_state_get(f->s, &decided, err));
        assert_ok(spool_consumer_open(f->s, cases[i].said, err));
        assert_ok(spool_state_get(f->s, &before, err));
        put(f->s, 100, 100, false);
        assert_int_equal(spool_writer_reset(f->s, &nine, "s", &decided, err), cases[i].rc);
        assert_ok(spool_flush(f->s, err));
        assert_ok(spool_state_get(f->s, &after, err));
        bool kept = cases[i].rc != 0;
        assert_int_equal(after.resets, before.resets + !kept);
        assert_int_equal(after.generation, before.generation + !kept);
        assert_int_equal(after.next_seq, before.next_seq + kept); /* what was buffered */
        assert_int_equal(after.first_seq, kept ? before.first_seq : before.next_seq);
        spool_state_free(&decided);
        spool_state_free(&before);
        spool_state_free(&after);
    }
    position_free(&one);
    position_free(&nine);
    position_free(&copying);
}

static void a_reset_is_what_refetch_asks_for(void **state)
{
    struct fixture *f = *state;
    BUF_AUTO struct buf text = {0};
    struct position base = gtid_at(1);
    struct spool_state st;
    uint64_t number;
    assert_ok(spool_writer_open(f->s, err));
    static const char *const asked[] = {"refetch", "stale a", "refetch", "refetched", "refetch"};
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++)
        assert_ok(spool_request(f->s, asked[i], err));
    assert_ok(spool_writer_reset(f->s, &base, "s", NULL, err));
    assert_ok(spool_request_get(f->s, &text, &number, err));
    assert_string_equal(buf_cstr(&text), "stale a");
    assert_ok(spool_request_next(f->s, number, &text, &number, err));
    assert_string_equal(buf_cstr(&text), "refetched");
    assert_ok(spool_request_next(f->s, number, &text, &number, err));
    assert_int_equal(number, 0);
    assert_ok(spool_state_get(f->s, &st, err));
    assert_int_equal(st.request, 5);
    assert_int_equal(st.request_done, 5);
    spool_state_free(&st);
    assert_ok(spool_request(f->s, "refetch", err));
    assert_ok(spool_request_finish(f->s, 2, err));
    assert_ok(spool_request_finish(f->s, 4, err));
    assert_ok(spool_request_get(f->s, &text, &number, err));
    assert_string_equal(buf_cstr(&text), "refetch");
    assert_int_equal(number, 6);
    position_free(&base);
}

static void opening_anew_asks_with_the_checkpoint(void **state)
{
    struct fixture *f = *state;
    BUF_AUTO struct buf text = {0};
    struct position one = gtid_at(1);
    struct spool_state decided, now;
    uint64_t number, resets = 99;
    assert_ok(spool_writer_open(f->s, err));
    assert_ok(spool_consumer_open(f->s, &one, err));
    assert_ok(spool_state_get(f->s, &decided, err));
    assert_ok(spool_writer_reset(f->s, &one, "s", &decided, err));
    assert_ok(spool_consumer_open_anew(f->s, NULL, &resets, err));
    assert_int_equal(resets, 1);
    assert_state(f->s, NULL, "gtid=0-1-1", "none");
    assert_ok(spool_request_get(f->s, &text, &number, err));
    assert_string_equal(buf_cstr(&text), "refetch");
    assert_int_equal(spool_writer_reset(f->s, &one, "s", &decided, err), DS_EAGAIN);
    assert_ok(spool_request_get(f->s, &text, &number, err)); /* still there */
    assert_string_equal(buf_cstr(&text), "refetch");
    assert_ok(spool_state_get(f->s, &now, err));
    assert_ok(spool_writer_reset(f->s, NULL, "s", &now, err));
    assert_ok(spool_request_get(f->s, &text, &number, err));
    assert_int_equal(number, 0);
    spool_state_free(&decided);
    spool_state_free(&now);
    position_free(&one);
}

static void requests_are_served_in_order(void **state)
{
    struct fixture *f = *state;
    BUF_AUTO struct buf text = {0};
    uint64_t number, first;
    struct spool_state st;
    assert_ok(spool_request_get(f->s, &text, &number, err));
    assert_int_equal(number, 0);
    assert_ok(spool_request(f->s, "stale a,b", err));
    assert_ok(spool_request(f->s, "refetch", err));
    for (int i = 0; i < 2; i++) {
        assert_ok(spool_request_get(f->s, &text, &first, err));
        assert_string_equal(buf_cstr(&text), "stale a,b");
    }
    assert_ok(spool_request_next(f->s, first, &text, &number, err));
    assert_string_equal(buf_cstr(&text), "refetch");
    assert_ok(spool_request_next(f->s, number, &text, &number, err));
    assert_int_equal(number, 0);
    assert_ok(spool_request_get(f->s, &text, &number, err)); /* still there */
    assert_int_equal(number, first);
    assert_ok(spool_request_finish(f->s, first, err));
    assert_ok(spool_request_get(f->s, &text, &number, err));
    assert_string_equal(buf_cstr(&text), "refetch");
    assert_int_equal(number, first + 1);
    assert_ok(spool_state_get(f->s, &st, err));
    assert_int_equal(st.request, number);
    assert_int_equal(st.request_done, first);
    assert_ok(spool_request_finish(f->s, number, err));
    for (int i = 0; i < 2; i++) {
        assert_ok(spool_request_get(f->s, &text, &number, err));
        assert_int_equal(number, 0);
        assert_int_equal(text.len, 0);
    }
    assert_ok(spool_request(f->s, "stale c", err)); /* after a quiet time */
    assert_ok(spool_request_get(f->s, &text, &number, err));
    assert_string_equal(buf_cstr(&text), "stale c");
    spool_state_free(&st);
}

static void chunks_of_an_open_destination_transaction(void **state)
{
    struct fixture *f = *state;
    BUF_AUTO struct buf out = {0}, text = {0};
    struct position base = gtid_at(0);
    uint64_t next = 1, seq, number;
    bool at_end;
    assert_ok(spool_writer_open(f->s, err));
    assert_ok(spool_writer_reset(f->s, &base, "s", NULL, err));
    assert_ok(spool_consumer_open(f->s, &base, err));
    put(f->s, 1, 1000, false);
    assert_ok(spool_flush(f->s, err));
    put(f->s, 2, 1000, true);
    assert_ok(spool_flush(f->s, err));
    seq = read_until(f->s, &next, 1, &at_end);
    assert_ok(spool_trim(f->s, seq, NULL, err)); /* handed to the destination, not committed */
    assert_state(f->s, "gtid=0-1-0", NULL, "gtid=0-1-0"); /* the store has lost its beginning */
    assert_ok(spool_rewind(f->s, err));
    assert_ok(spool_rewind(f->s, err)); /* asks only once */
    assert_ok(spool_request_get(f->s, &text, &number, err));
    assert_string_equal(buf_cstr(&text), "refetch");
    assert_int_equal(spool_read(f->s, &out, &seq, &at_end, err), DS_EAGAIN);
    assert_int_equal(spool_wait(f->s, 0), DS_EAGAIN);
    assert_ok(spool_writer_reset(f->s, &base, "s", NULL, err));
    assert_ok(spool_request_finish(f->s, number, err));
    assert_ok(spool_request_get(f->s, &text, &number, err));
    assert_int_equal(number, 0);
    assert_int_equal(spool_read(f->s, &out, &seq, &at_end, err), DS_EPOSITION);
    put(f->s, 1, 1000, false);
    assert_ok(spool_flush(f->s, err));
    put(f->s, 2, 1000, true);
    assert_ok(spool_flush(f->s, err));
    next = 1;
    seq = read_until(f->s, &next, 1, &at_end);
    assert_ok(spool_trim(f->s, seq, NULL, err));
    assert_state(f->s, "gtid=0-1-0", NULL, "gtid=0-1-0");

    spool_close(f->s); /* killed now: the next one asks */
    f->s = open_spool(f->path, 64 * MiB, false);
    assert_ok(spool_consumer_open(f->s, &base, err));
    assert_ok(spool_request_get(f->s, &text, &number, err));
    assert_string_equal(buf_cstr(&text), "refetch");
    assert_int_equal(spool_read(f->s, &out, &seq, &at_end, err), DS_EAGAIN);
    assert_ok(spool_writer_open(f->s, err));
    assert_ok(spool_writer_reset(f->s, &base, "s", NULL, err));
    assert_int_equal(spool_read(f->s, &out, &seq, &at_end, err), DS_EPOSITION);
    put(f->s, 3, 1000, true);
    assert_ok(spool_flush(f->s, err));
    next = 3;
    seq = read_until(f->s, &next, 3, &at_end);
    struct position three = gtid_at(3);
    assert_ok(spool_trim(f->s, seq, &three, err));
    assert_state(f->s, "gtid=0-1-3", "gtid=0-1-3", "gtid=0-1-3");
    position_free(&base);
    position_free(&three);
}

static void one_writer_one_consumer(void **state)
{
    struct fixture *f = *state;
    char file[300];
    assert_ok(spool_writer_open(f->s, err));
    assert_ok(spool_writer_open(f->s, err)); /* its own lock is no obstacle */
    assert_ok(spool_consumer_open(f->s, NULL, err));
    for (int i = 0; i < 2; i++) {
        struct stat st;
        snprintf(file, sizeof file, "%s/%s", f->path, i ? "writer.lock" : "consumer.lock");
        assert_int_equal(stat(file, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
    struct stat st;
    snprintf(file, sizeof file, "%s/deeper/name.spool", f->path);
    struct spool *other = open_spool(file, MiB, false);
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    spool_close(other);
    folder_remove(file);
    snprintf(file, sizeof file, "%s/deeper", f->path);
    assert_int_equal(rmdir(file), 0);
    assert_int_equal(spool_open(&other, &(struct spool_options){file, 0, false, false}, err),
                     DS_EUSAGE);
}

/* --- two threads -------------------------------------------------------- */

static void two_threads_with_a_small_store(void **state)
{
    struct fixture *f = *state;
    spool_close(f->s);
    f->s = open_spool(f->path, 2 * MiB, false);
    struct consumer_job job = {.s = f->s, .until = 60000};
    pthread_t thread;
    assert_ok(spool_writer_open(f->s, err));
    assert_ok(spool_consumer_open(f->s, NULL, err));
    assert_int_equal(pthread_create(&thread, NULL, consume, &job), 0);
    for (uint64_t n = 1; n <= job.until && !job.failed; n++) {
        put(f->s, n, n % 5000 == 0 ? 3 * MiB : 16 + n % 1500, true);
        if (n % 777 == 0)
            assert_ok(spool_flush(f->s, err));
    }
    assert_ok(spool_flush(f->s, err));
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(job.failed, 0);
    assert_int_equal(job.seen, job.until);
}

enum { WAKES = 500 };

struct waker_job {
    struct spool *s;
    sem_t woken; /* up: the one before has arrived */
};

static void *wake_often(void *arg)
{
    struct waker_job *job = arg;
    for (int i = 0; i < WAKES; i++) {
        sem_wait(&job->woken);
        spool_wake(job->s);
    }
    return NULL;
}

static void a_waiting_consumer_can_be_woken(void **state)
{
    struct fixture *f = *state;
    pthread_t thread;
    assert_ok(spool_writer_open(f->s, err));
    assert_ok(spool_consumer_open(f->s, NULL, err));
    struct waker_job job = {.s = f->s};
    assert_int_equal(sem_init(&job.woken, 0, 0), 0);
    assert_int_equal(pthread_create(&thread, NULL, wake_often, &job), 0);
    for (int i = 0; i < WAKES; i++) { /* before the wait, at its start, in the middle of it */
        sem_post(&job.woken);
        assert_int_equal(spool_wait(f->s, -1), DS_EAGAIN); /* for ever, but for the wake */
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    sem_destroy(&job.woken);
    spool_wake(f->s); /* before the wait: not lost */
    assert_int_equal(spool_wait(f->s, -1), DS_EAGAIN);
    assert_int_equal(spool_wait(f->s, 1), DS_EAGAIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(messages_arrive_in_order),
        TEST(a_flush_without_news_does_nothing),
        TEST(long_messages_are_put_together),
        TEST(a_long_message_is_stored_to_its_end),
        TEST(a_full_spool_holds_the_writer),
        TEST(a_message_longer_than_the_spool_passes),
        TEST(pages_are_used_again),
        TEST(rewind_and_restart_read_again),
        TEST(an_open_transaction_is_cut_off),
        TEST(a_reset_starts_a_generation),
        TEST(a_reset_for_another_checkpoint_is_refused),
        TEST(a_reset_is_what_refetch_asks_for),
        TEST(opening_anew_asks_with_the_checkpoint),
        TEST(requests_are_served_in_order),
        TEST(chunks_of_an_open_destination_transaction),
        TEST(one_writer_one_consumer),
        TEST(two_threads_with_a_small_store),
        TEST(a_waiting_consumer_can_be_woken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
