/* Messages of a mapped stream: tables, rows, copies. */
#include "map_helper.h"

#include "applier/map/map_stream.h"
#include "applier/target_internal.h"

/* The destination: t_item with a headline and an id, t_same as at the source. */
static struct target_table *buckets[1], *by_index[3];
static struct target_column item_columns[] = {{.name = "headline",
                                               .type_text = "varchar(255)",
                                               .class = TARGET_TEXT,
                                               .type = MYSQL_TYPE_VARCHAR},
                                              {.name = "id",
                                               .type_text = "int(11)",
                                               .class = TARGET_INT,
                                               .type = MYSQL_TYPE_LONG,
                                               .width = 4}};
static struct target_column same_columns[] = {{.name = "id",
                                               .type_text = "int(11)",
                                               .class = TARGET_INT,
                                               .type = MYSQL_TYPE_LONG,
                                               .width = 4},
                                              {.name = "title",
                                               .type_text = "varchar(255)",
                                               .class = TARGET_TEXT,
                                               .type = MYSQL_TYPE_VARCHAR}};
static struct target_table tables[] = {{.name = "t_item",
                                        .exists = true,
                                        .column_count = 2,
                                        .columns = item_columns,
                                        .auto_increment = -1},
                                       {.name = "t_same",
                                        .exists = true,
                                        .column_count = 2,
                                        .columns = same_columns,
                                        .auto_increment = -1}};
static struct target target = {
    .buckets = buckets, .bucket_count = 1, .by_index = by_index, .count = 2};

static struct msg_column source_columns[] = {{.name = {(const uint8_t *)"id", 2},
                                              .type = MYSQL_TYPE_LONG,
                                              .metadata = 0,
                                              .flags = COLUMN_KEY,
                                              .collation = 0},
                                             {.name = {(const uint8_t *)"title", 5},
                                              .type = MYSQL_TYPE_VARCHAR,
                                              .metadata = 255,
                                              .flags = 0,
                                              .collation = 45}};

struct fixture {
    struct map *map;
    struct map_stream *stream;
    struct arena arena;
    struct buf message, image, second;
};

static int prepare(void **state)
{
    buckets[0] = &tables[0];
    tables[0].next = &tables[1];
    by_index[0] = &tables[0];
    by_index[1] = &tables[1];
    return setup(state);
}

static void begin(struct fixture *f, bool skip_unmapped)
{
    static const char rules[] =
        "<map><source><document_rules><rename><document>post</document><to>item</to></rename>"
        "<ignore><document>log_*</document></ignore></document_rules><field_rules><move>"
        "<field>post.title</field><to>item.headline</to></move></field_rules></source></map>";
    static const struct map_facts facts = {0};
    struct ds_error err = {0};
    memset(f, 0, sizeof *f);
    f->map = reads(rules);
    const struct map_stream_options o = {.map = f->map,
                                         .facts = &facts,
                                         .prefix = "m_",
                                         .target_prefix = "t_",
                                         .skip_unmapped = skip_unmapped};
    assert_int_equal(map_stream_new(&f->stream, &o, &err), 0);
    map_stream_attach(f->stream, &target);
}

static void end(struct fixture *f)
{
    map_stream_free(f->stream);
    map_free(f->map);
    arena_free(&f->arena);
    buf_free(&f->message);
    buf_free(&f->image);
    buf_free(&f->second);
}

/* What was written into f->message, through the stream. */
static int pass(struct fixture *f, struct message *m, bool *ours, struct ds_error *err)
{
    const uint8_t *p = f->message.data;
    assert_int_equal(message_read(&p, p + f->message.len, &f->arena, m, err), 0);
    return map_stream_message(f->stream, m, &f->arena, ours, err);
}

static int define(struct fixture *f, uint32_t id, const char *name, struct message *m, bool *ours,
                  struct ds_error *err)
{
    const struct msg_table t = {.id = id,
                                .database = {(const uint8_t *)"shop", 4},
                                .name = {(const uint8_t *)name, strlen(name)},
                                .flags = TABLE_NAMES,
                                .column_count = 2,
                                .columns = source_columns};
    buf_clear(&f->message);
    assert_int_equal(message_write_table(&f->message, &t), 0);
    return pass(f, m, ours, err);
}

static struct slice image(struct buf *out, uint64_t id, const char *title)
{
    buf_clear(out);
    image_write_head(out, 2);
    value_write_uint(out, id);
    title ? value_write_text(out, title, strlen(title)) : value_write_same(out);
    return (struct slice){out->data, out->len};
}

static int change(struct fixture *f, uint32_t id, enum change_op op, struct slice before,
                  struct slice after, struct message *m, bool *ours, struct ds_error *err)
{
    const struct msg_change c = {
        .table_id = id, .op = op, .flags = CHANGE_STOCK, .before = before, .after = after};
    buf_clear(&f->message);
    assert_int_equal(message_write_change(&f->message, &c), 0);
    return pass(f, m, ours, err);
}

/* headline, id */
static void expect_item(struct slice made, const char *headline, uint64_t id)
{
    const uint8_t *values[2];
    struct value v;
    assert_int_equal(image_split(made, 2, values), 0);
    const uint8_t *p = values[0];
    assert_int_equal(value_read(&p, values[1], &v), 0);
    assert_int_equal(v.bytes.len, strlen(headline));
    assert_memory_equal(v.bytes.p, headline, v.bytes.len);
    p = values[1];
    assert_int_equal(value_read(&p, made.p + made.len, &v), 0);
    assert_int_equal(v.u, id);
}

static void test_rows(void **state)
{
    (void)state;
    struct fixture f;
    struct ds_error err = {0};
    struct message m;
    bool ours;
    begin(&f, false);
    assert_int_equal(define(&f, 5, "m_post", &m, &ours, &err), 0);
    assert_true(ours);
    assert_int_equal(m.type, MSG_TABLE);
    assert_int_equal(m.table.id, 5);
    assert_memory_equal(m.table.name.p, "t_item", 6);
    assert_memory_equal(m.table.database.p, "shop", 4);
    assert_memory_equal(m.table.columns[0].name.p, "headline", 8);
    struct slice none = {0};
    assert_int_equal(change(&f, 5, CHANGE_INSERT, none, image(&f.image, 7, "One"), &m, &ours, &err),
                     0);
    assert_true(ours);
    assert_int_equal(m.change.flags, CHANGE_STOCK);
    assert_int_equal(m.change.before.len, 0);
    expect_item(m.change.after, "One", 7);
    assert_true(m.raw.len > 0 && m.raw.p != f.message.data); /* what is set aside is ours, too */
    assert_int_equal(change(&f, 5, CHANGE_UPDATE, image(&f.image, 7, "One"),
                            image(&f.second, 8, NULL), &m, &ours, &err),
                     0);
    expect_item(m.change.before, "One", 7);
    expect_item(m.change.after, "One", 8);
    assert_int_equal(change(&f, 5, CHANGE_DELETE, image(&f.image, 7, "One"), none, &m, &ours, &err),
                     0);
    expect_item(m.change.before, "One", 7);
    assert_int_equal(m.change.after.len, 0);
    map_stream_attach(f.stream, &target); /* another connection: the same again */
    assert_int_equal(change(&f, 5, CHANGE_INSERT, none, image(&f.image, 9, "Two"), &m, &ours, &err),
                     0);
    expect_item(m.change.after, "Two", 9);
    end(&f);
}

static void test_others(void **state)
{
    (void)state;
    struct fixture f;
    struct ds_error err = {0};
    struct message m;
    struct slice none = {0};
    bool ours;
    begin(&f, false);
    assert_int_equal(define(&f, 6, "m_same", &m, &ours, &err), 0);
    assert_true(ours);
    assert_memory_equal(m.table.name.p, "t_same", 6);
    assert_int_equal(change(&f, 6, CHANGE_INSERT, none, image(&f.image, 7, "One"), &m, &ours, &err),
                     0);
    assert_true(ours);
    assert_ptr_equal(m.raw.p, f.message.data); /* as it came */
    for (const char *const *name = (const char *const[]){"m_log_url", "x_same", NULL}; *name;
         name++) {
        assert_int_equal(define(&f, 7, *name, &m, &ours, &err), 0);
        assert_false(ours);
        assert_int_equal(
            change(&f, 7, CHANGE_INSERT, none, image(&f.image, 7, "One"), &m, &ours, &err), 0);
        assert_false(ours);
    }
    assert_int_equal(define(&f, 7, "m_none", &m, &ours, &err), DS_EUSAGE);
    assert_non_null(strstr(err.message, "leads table m_none to t_none"));
    assert_int_equal(
        change(&f, 99, CHANGE_INSERT, none, image(&f.image, 7, "One"), &m, &ours, &err),
        DS_EFORMAT);
    end(&f);
    begin(&f, true);
    assert_int_equal(define(&f, 7, "m_none", &m, &ours, &err), 0);
    assert_false(ours);
    end(&f);
}

/* What comes of a row is no entity's, also where it is as it was. */
static void test_no_entity(void **state)
{
    (void)state;
    struct fixture f;
    struct ds_error err = {0};
    struct message m;
    bool ours;
    begin(&f, false);
    for (uint32_t id = 5; id <= 6; id++) {
        assert_int_equal(define(&f, id, id == 5 ? "m_post" : "m_same", &m, &ours, &err), 0);
        const uint8_t key[] = {7};
        const struct msg_change c = {.table_id = id,
                                     .op = CHANGE_INSERT,
                                     .after = image(&f.image, 7, "One"),
                                     .entity_key = {key, 1}};
        buf_clear(&f.message);
        assert_int_equal(message_write_change(&f.message, &c), 0);
        assert_int_equal(pass(&f, &m, &ours, &err), 0);
        assert_true(ours);
        assert_int_equal(m.change.entity_key.len, 0);
        const uint8_t *p = m.raw.p;
        assert_int_equal(message_read(&p, p + m.raw.len, &f.arena, &m, &err), 0);
        assert_int_equal(m.change.entity_key.len, 0);
    }
    end(&f);
}

/* A table of the destination that was read again may have other columns. */
static void test_read_again(void **state)
{
    (void)state;
    struct fixture f;
    struct ds_error err = {0};
    struct message m;
    struct slice none = {0};
    bool ours;
    begin(&f, false);
    assert_int_equal(define(&f, 5, "m_post", &m, &ours, &err), 0);
    assert_null(map_stream_redefined(f.stream, 5));
    assert_int_equal(define(&f, 5, "m_post", &m, &ours, &err), 0); /* once more, nothing is new */
    assert_memory_equal(m.table.name.p, "t_item", 6);
    tables[0].version++;
    tables[0].column_count = 1; /* the headline alone */
    assert_int_equal(change(&f, 5, CHANGE_INSERT, none, image(&f.image, 7, "One"), &m, &ours, &err),
                     0);
    const struct msg_table *now = map_stream_redefined(f.stream, 5);
    tables[0].column_count = 2;
    assert_non_null(now);
    assert_int_equal(now->column_count, 1);
    assert_null(map_stream_redefined(f.stream, 5));
    assert_null(map_stream_redefined(f.stream, 99));
    end(&f);
}

static void snapshot(struct fixture *f, enum snapshot_kind kind, struct slice rows,
                     struct message *m, bool *ours)
{
    struct ds_error err = {0};
    const struct msg_snapshot s = {.kind = kind, .table_id = 5, .rows = rows};
    buf_clear(&f->message);
    assert_int_equal(message_write_snapshot(&f->message, &s), 0);
    if (pass(f, m, ours, &err))
        fail_msg("%s", err.message);
}

static void test_copies(void **state)
{
    (void)state;
    struct fixture f;
    struct ds_error err = {0};
    struct message m;
    bool ours;
    BUF_AUTO struct buf rows = {0};
    begin(&f, false);
    assert_int_equal(define(&f, 5, "m_post", &m, &ours, &err), 0);
    snapshot(&f, SNAPSHOT_BEGIN, (struct slice){0}, &m, &ours);
    assert_true(ours);
    snapshot(&f, SNAPSHOT_DDL, (struct slice){0}, &m, &ours); /* tables are the destination's own */
    assert_false(ours);
    snapshot(&f, SNAPSHOT_TABLE_BEGIN, (struct slice){0}, &m, &ours);
    assert_true(ours);
    image_write_head(&rows, 2);
    for (uint64_t id = 1; id <= 2; id++) {
        struct slice row = image(&f.image, id, id == 1 ? "One" : "Two");
        buf_append(&rows, row.p, row.len);
    }
    snapshot(&f, SNAPSHOT_ROWS, (struct slice){rows.data, rows.len}, &m, &ours);
    assert_true(ours);
    assert_int_equal(m.snapshot.row_count, 2);
    const uint8_t *p = m.snapshot.rows.p, *last = p + m.snapshot.rows.len;
    uint32_t count;
    assert_int_equal(array_read_head(&p, last, &count), 0);
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *row = p;
        assert_int_equal(value_skip(&p, last), 0);
        expect_item((struct slice){row, (size_t)(p - row)}, i ? "Two" : "One", i + 1);
    }
    end(&f);
}

static void test_truncate(void **state)
{
    (void)state;
    struct fixture f;
    struct ds_error err = {0};
    struct message m;
    bool ours;
    begin(&f, false);
    for (int ignored = 0; ignored < 2; ignored++) {
        const char *name = ignored ? "m_log_x" : "m_post";
        const struct msg_truncate t = {.database = {(const uint8_t *)"shop", 4},
                                       .table = {(const uint8_t *)name, strlen(name)}};
        buf_clear(&f.message);
        assert_int_equal(message_write_truncate(&f.message, &t), 0);
        assert_int_equal(pass(&f, &m, &ours, &err), 0);
        assert_int_equal(ours, !ignored);
    }
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),      cmocka_unit_test(test_others),
        cmocka_unit_test(test_no_entity), cmocka_unit_test(test_read_again),
        cmocka_unit_test(test_copies),    cmocka_unit_test(test_truncate)};
    return cmocka_run_group_tests(tests, prepare, teardown);
}
