/* Values as messages carry them: agreement with msgpack-c, and hostile input. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <msgpack.h>

#include "schema/message.h"
#include "tests/unit/msgpack_helper.h"

static const int64_t boundaries[] = {0,
                                     1,
                                     31,
                                     32,
                                     127,
                                     128,
                                     255,
                                     256,
                                     32767,
                                     32768,
                                     65535,
                                     65536,
                                     INT32_MAX,
                                     (int64_t)INT32_MAX + 1,
                                     UINT32_MAX,
                                     (int64_t)UINT32_MAX + 1,
                                     INT64_MAX,
                                     -1,
                                     -31,
                                     -32,
                                     -33,
                                     -127,
                                     -128,
                                     -129,
                                     -32767,
                                     -32768,
                                     -32769,
                                     INT32_MIN,
                                     (int64_t)INT32_MIN - 1,
                                     INT64_MIN};

static void integers_are_written_as_msgpack_c_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof boundaries / sizeof *boundaries; i++) {
        BUF_AUTO struct buf ours = {0}, theirs = {0};
        int64_t v = boundaries[i];
        msgpack_packer pk;
        msgpack_packer_init(&pk, &theirs, pack_to_buf);
        assert_int_equal(value_write_int(&ours, v), 0);
        assert_int_equal(msgpack_pack_int64(&pk, v), 0);
        assert_int_equal(value_write_uint(&ours, (uint64_t)v), 0);
        assert_int_equal(msgpack_pack_uint64(&pk, (uint64_t)v), 0);
        assert_int_equal(ours.len, theirs.len);
        assert_memory_equal(ours.data, theirs.data, ours.len);

        const uint8_t *p = ours.data, *end = ours.data + ours.len;
        struct value out;
        size_t first = value_length(p);
        assert_int_equal(value_read(&p, end, &out), 0);
        assert_int_equal(p - ours.data, first);
        assert_int_equal(out.kind, v < 0 ? VALUE_INT : VALUE_UINT);
        assert_true(out.i == v);
        assert_int_equal(value_read(&p, end, &out), 0);
        assert_int_equal(out.kind, VALUE_UINT);
        assert_true(out.u == (uint64_t)v);
        assert_ptr_equal(p, end);
    }
}

static void integers_in_wider_encodings_are_understood(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[9], len;
        int64_t v;
    } cases[] = {
        {{0xd0, 0x05}, 2, 5},
        {{0xd1, 0x00, 0x05}, 3, 5},
        {{0xd2, 0xff, 0xff, 0xff, 0xfe}, 5, -2},
        {{0xd3, 0, 0, 0, 0, 0, 0, 0, 9}, 9, 9},
        {{0xcf, 0, 0, 0, 0, 0, 0, 0, 9}, 9, 9},
        {{0xcc, 0x01}, 2, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const uint8_t *p = cases[i].bytes;
        struct value out;
        assert_int_equal(value_read(&p, p + cases[i].len, &out), 0);
        assert_true(out.i == cases[i].v);
        assert_int_equal(out.kind, cases[i].v < 0 ? VALUE_INT : VALUE_UINT);
    }
}

static void floats_keep_their_bits(void **state)
{
    (void)state;
    static const uint64_t bits[] = {
        0, 0x8000000000000000u, 0x3ff0000000000000u, 0x7ff0000000000000u, 0x7ff8000000000001u,
        1, 0xffefffffffffffffu};
    static const uint32_t bits32[] = {0, 0x80000000u, 0x3dcccccdu, 0x7f800000u, 1, 0xff7fffffu};
    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++) {
        BUF_AUTO struct buf b = {0};
        double d;
        memcpy(&d, &bits[i], sizeof d);
        assert_int_equal(value_write_double(&b, d), 0);
        const uint8_t *p = b.data;
        struct value out;
        assert_int_equal(value_read(&p, b.data + b.len, &out), 0);
        assert_int_equal(out.kind, VALUE_DOUBLE);
        assert_memory_equal(&out.d, &bits[i], sizeof d);
        assert_int_equal(value_length(b.data), 9);
    }
    for (size_t i = 0; i < sizeof bits32 / sizeof *bits32; i++) {
        BUF_AUTO struct buf b = {0};
        float f;
        memcpy(&f, &bits32[i], sizeof f);
        assert_int_equal(value_write_float(&b, f), 0);
        const uint8_t *p = b.data;
        struct value out;
        assert_int_equal(value_read(&p, b.data + b.len, &out), 0);
        assert_int_equal(out.kind, VALUE_FLOAT);
        assert_memory_equal(&out.f, &bits32[i], sizeof f);
        assert_int_equal(value_length(b.data), 5);
    }
}

static void strings_are_written_as_msgpack_c_does(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 31, 32, 255, 256, 65535, 65536, 1 << 20};
    uint8_t *data = malloc(1 << 20);
    assert_non_null(data);
    for (size_t i = 0; i < 1 << 20; i++)
        data[i] = (uint8_t)(i * 7);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        BUF_AUTO struct buf ours = {0}, theirs = {0};
        size_t n = sizes[i];
        msgpack_packer pk;
        msgpack_packer_init(&pk, &theirs, pack_to_buf);
        assert_int_equal(value_write_text(&ours, data, n), 0);
        assert_int_equal(msgpack_pack_str(&pk, n), 0);
        assert_int_equal(msgpack_pack_str_body(&pk, data, n), 0);
        assert_int_equal(value_write_bytes(&ours, data, n), 0);
        assert_int_equal(msgpack_pack_bin(&pk, n), 0);
        assert_int_equal(msgpack_pack_bin_body(&pk, data, n), 0);
        assert_int_equal(ours.len, theirs.len);
        assert_memory_equal(ours.data, theirs.data, ours.len);

        const uint8_t *p = ours.data, *end = ours.data + ours.len;
        struct value out;
        for (int round = 0; round < 2; round++) {
            size_t length = value_length(p);
            const uint8_t *from = p, *over = p;
            assert_int_equal(value_skip(&over, end), 0);
            assert_int_equal(value_read(&p, end, &out), 0);
            assert_int_equal(out.kind, round ? VALUE_BYTES : VALUE_TEXT);
            assert_int_equal(out.bytes.len, n);
            assert_memory_equal(out.bytes.p, data, n);
            assert_ptr_equal(p, from + length);
            assert_ptr_equal(over, p);
        }
        assert_ptr_equal(p, end);
    }
    BUF_AUTO struct buf b = {0};
    assert_int_equal(value_write_text(&b, data, (size_t)UINT32_MAX + 1), DS_ELIMIT);
    assert_int_equal(b.len, 0);
    free(data);
}

static void images_split_into_their_values(void **state)
{
    (void)state;
    static const uint32_t counts[] = {0, 1, 15, 16, 4096, 65535, 65536};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        BUF_AUTO struct buf b = {0};
        uint32_t n = counts[i];
        assert_int_equal(image_write_head(&b, n), 0);
        for (uint32_t c = 0; c < n; c++) {
            int rc = c % 5 == 0   ? value_write_null(&b)
                     : c % 5 == 1 ? value_write_absent(&b)
                     : c % 5 == 2 ? value_write_same(&b)
                     : c % 5 == 3 ? value_write_int(&b, -(int64_t)c * c)
                                  : value_write_bytes(&b, "abcdefgh", c % 9);
            assert_int_equal(rc, 0);
        }
        msgpack_unpacked their = {0};
        size_t off = 0;
        assert_int_equal(msgpack_unpack_next(&their, (const char *)b.data, b.len, &off),
                         MSGPACK_UNPACK_SUCCESS);
        assert_int_equal(off, b.len);
        assert_int_equal(their.data.type, MSGPACK_OBJECT_ARRAY);
        assert_int_equal(their.data.via.array.size, n);
        const uint8_t **columns = calloc(n + 1, sizeof *columns);
        assert_non_null(columns);
        struct slice image = {b.data, b.len};
        assert_int_equal(image_split(image, n, columns), 0);
        for (uint32_t c = 0; c < n; c++) {
            const uint8_t *p = columns[c];
            struct value v;
            assert_int_equal(value_read(&p, b.data + b.len, &v), 0);
            const msgpack_object *o = &their.data.via.array.ptr[c];
            switch (c % 5) {
            case 0:
                assert_int_equal(v.kind, VALUE_NULL);
                assert_int_equal(o->type, MSGPACK_OBJECT_NIL);
                break;
            case 1:
                assert_int_equal(v.kind, VALUE_ABSENT);
                assert_int_equal(o->type, MSGPACK_OBJECT_BOOLEAN);
                assert_false(o->via.boolean);
                break;
            case 2:
                assert_int_equal(v.kind, VALUE_SAME);
                assert_true(o->via.boolean);
                break;
            case 3:
                assert_true(v.i == o->via.i64);
                break;
            default:
                assert_int_equal(v.bytes.len, c % 9);
                assert_int_equal(o->via.bin.size, c % 9);
            }
        }
        msgpack_unpacked_destroy(&their);
        assert_int_equal(image_split(image, n + 1, columns), DS_EFORMAT);
        if (n)
            assert_int_equal(image_split(image, n - 1, columns), DS_EFORMAT);
        image.len--;
        assert_int_equal(image_split(image, n, columns), DS_EFORMAT);
        free(columns);
    }
    static const uint8_t nested[] = {0x91, 0x91, 0x01}, ext[] = {0x91, 0xd4, 1, 2},
                         trailing[] = {0x91, 1, 2}, reserved[] = {0x91, 0xc1};
    const uint8_t *column;
    assert_int_equal(image_split((struct slice){nested, sizeof nested}, 1, &column), DS_EFORMAT);
    assert_int_equal(image_split((struct slice){ext, sizeof ext}, 1, &column), DS_EFORMAT);
    assert_int_equal(image_split((struct slice){trailing, sizeof trailing}, 1, &column),
                     DS_EFORMAT);
    assert_int_equal(image_split((struct slice){reserved, sizeof reserved}, 1, &column),
                     DS_EFORMAT);
}

static void skipping_passes_over_any_object(void **state)
{
    (void)state;
    BUF_AUTO struct buf b = {0};
    msgpack_packer pk;
    msgpack_packer_init(&pk, &b, pack_to_buf);
    static const size_t ext_sizes[] = {1, 2, 3, 4, 8, 16, 17, 300, 70000};
    static const uint8_t zeros[70000];
    msgpack_pack_array(&pk, 4);
    msgpack_pack_map(&pk, 20);
    for (int i = 0; i < 20; i++) {
        msgpack_pack_int(&pk, i);
        msgpack_pack_array(&pk, 2);
        msgpack_pack_map(&pk, 0);
        msgpack_pack_double(&pk, i);
    }
    msgpack_pack_map(&pk, 70000);
    for (int i = 0; i < 140000; i++)
        msgpack_pack_nil(&pk);
    msgpack_pack_array(&pk, 9);
    for (int i = 0; i < 9; i++) {
        msgpack_pack_ext(&pk, ext_sizes[i], 5);
        msgpack_pack_ext_body(&pk, zeros, ext_sizes[i]);
    }
    msgpack_pack_float(&pk, 1.5f);
    const uint8_t *p = b.data;
    assert_int_equal(value_skip(&p, b.data + b.len), 0);
    assert_ptr_equal(p, b.data + b.len);
    for (size_t cut = 0; cut < b.len; cut += cut < 400 ? 1 : 997) {
        p = b.data;
        assert_int_equal(value_skip(&p, b.data + cut), DS_EFORMAT);
        assert_ptr_equal(p, b.data);
    }
    /* a promise of 2^32-1 pairs, nested: refused at once, not walked */
    uint8_t bomb[64];
    for (size_t i = 0; i + 5 <= sizeof bomb; i += 5)
        memcpy(bomb + i, "\xdf\xff\xff\xff\xff", 5);
    p = bomb;
    assert_int_equal(value_skip(&p, bomb + 60), DS_EFORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_written_as_msgpack_c_does),
        cmocka_unit_test(integers_in_wider_encodings_are_understood),
        cmocka_unit_test(floats_keep_their_bits),
        cmocka_unit_test(strings_are_written_as_msgpack_c_does),
        cmocka_unit_test(images_split_into_their_values),
        cmocka_unit_test(skipping_passes_over_any_object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
