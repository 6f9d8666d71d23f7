/* Rows of a mapped table: the destination's images of the source's. */
#include "map_helper.h"

#include "applier/map/map_row.h"

/* source: id int, title varchar, body text, priority int, price decimal, at datetime */
enum { ID, TITLE, BODY, PRIORITY, PRICE, AT, SOURCE_COLUMNS };
static struct msg_column source_columns[] = {
    {.name = {(const uint8_t *)"id", 2},
     .type = MYSQL_TYPE_LONG,
     .metadata = 0,
     .flags = COLUMN_KEY,
     .collation = 0},
    {.name = {(const uint8_t *)"title", 5},
     .type = MYSQL_TYPE_VARCHAR,
     .metadata = 255,
     .flags = 0,
     .collation = 45},
    {.name = {(const uint8_t *)"body", 4},
     .type = MYSQL_TYPE_BLOB,
     .metadata = 2,
     .flags = 0,
     .collation = 45},
    {.name = {(const uint8_t *)"priority", 8},
     .type = MYSQL_TYPE_LONG,
     .metadata = 0,
     .flags = 0,
     .collation = 0},
    {.name = {(const uint8_t *)"price", 5},
     .type = MYSQL_TYPE_NEWDECIMAL,
     .metadata = 0,
     .flags = 0,
     .collation = 0},
    {.name = {(const uint8_t *)"at", 2},
     .type = MYSQL_TYPE_DATETIME2,
     .metadata = 0,
     .flags = 0,
     .collation = 0},
};
static const struct msg_table source = {.id = 7,
                                        .name = {(const uint8_t *)"m_post", 6},
                                        .flags = TABLE_NAMES,
                                        .column_count = SOURCE_COLUMNS,
                                        .columns = source_columns};

static struct target_column id = {
    .name = "id", .type_text = "int(11)", .class = TARGET_INT, .type = MYSQL_TYPE_LONG, .width = 4};
static struct target_column headline = {.name = "headline",
                                        .type_text = "varchar(255)",
                                        .class = TARGET_TEXT,
                                        .type = MYSQL_TYPE_VARCHAR};
static struct target_column body = {
    .name = "body", .type_text = "text", .class = TARGET_TEXT, .type = 252};
static struct target_column rank = {.name = "priority",
                                    .type_text = "varchar(9)",
                                    .class = TARGET_TEXT,
                                    .type = MYSQL_TYPE_VARCHAR};
static struct target_column price = {.name = "price",
                                     .type_text = "smallint(6)",
                                     .class = TARGET_INT,
                                     .type = MYSQL_TYPE_SHORT,
                                     .width = 2};
static struct target_column day = {
    .name = "at", .type_text = "date", .class = TARGET_TEMPORAL, .type = MYSQL_TYPE_DATE};
static struct target_column extra = {.name = "extra",
                                     .type_text = "int(11)",
                                     .class = TARGET_INT,
                                     .type = MYSQL_TYPE_LONG,
                                     .width = 4};

struct fixture {
    struct map *map;
    struct map_row *row;
    struct target_table table;
    struct target_column columns[8];
    struct buf image, before, out;
};

static void begin(struct fixture *f, const char *source_rules, const char *destination_rules)
{
    char text[4000];
    int len = snprintf(text, sizeof text,
                       "<map><source><document_rules><rename><document>post</document><to>item"
                       "</to></rename></document_rules><field_rules>%s</field_rules></source>"
                       "<destination><field_rules>%s</field_rules></destination></map>",
                       source_rules, destination_rules);
    assert_true(len > 0 && (size_t)len < sizeof text);
    memset(f, 0, sizeof *f);
    f->map = reads(text);
    f->table = (struct target_table){.name = "t_item", .exists = true, .columns = f->columns};
}

static int compile(struct fixture *f, struct ds_error *err)
{
    static const struct map_facts facts = {0};
    const struct map_row_options o = {.map = f->map,
                                      .facts = &facts,
                                      .prefix = "m_",
                                      .target_prefix = "t_",
                                      .source = &source,
                                      .target = &f->table};
    return map_row_new(&f->row, &o, err);
}

static void add(struct fixture *f, struct target_column c)
{
    f->columns[f->table.column_count++] = c;
}

static void end(struct fixture *f)
{
    map_row_free(f->row);
    map_free(f->map);
    buf_free(&f->image);
    buf_free(&f->before);
    buf_free(&f->out);
}

static void put_row(struct buf *out, uint64_t number, const char *title, const char *price_text)
{
    buf_clear(out);
    image_write_head(out, SOURCE_COLUMNS);
    value_write_uint(out, number);
    value_write_text(out, title, strlen(title));
    value_write_null(out);
    value_write_int(out, -3);
    value_write_text(out, price_text, strlen(price_text));
    value_write_text(out, "2026-02-03 04:05:06", 19);
}

static struct slice slice_of(const struct buf *b)
{
    return (struct slice){b->data, b->len};
}

static int make(struct fixture *f, struct ds_error *err)
{
    buf_clear(&f->out);
    return map_row_image(f->row, slice_of(&f->image), slice_of(&f->before), &f->out, err);
}

/* "id=1 headline=…" of the image that was made. */
static void expect_image(struct fixture *f, const char *wanted)
{
    const uint8_t *values[8];
    char text[400] = "";
    if (image_split(slice_of(&f->out), f->table.column_count, values))
        fail_msg("not an image of %u columns", f->table.column_count);
    for (uint32_t i = 0; i < f->table.column_count; i++) {
        const uint8_t *p = values[i];
        size_t at = strlen(text);
        struct value v;
        assert_int_equal(value_read(&p, p + value_length(p), &v), 0);
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%s=", i ? " " : "",
                               f->columns[i].name);
        if (v.kind == VALUE_TEXT || v.kind == VALUE_BYTES)
            snprintf(text + at, sizeof text - at, "'%.*s'", (int)v.bytes.len,
                     (const char *)v.bytes.p);
        else if (v.kind == VALUE_UINT || v.kind == VALUE_INT)
            snprintf(text + at, sizeof text - at, "%ld", v.i);
        else
            snprintf(text + at, sizeof text - at, "%s",
                     v.kind == VALUE_NULL     ? "NULL"
                     : v.kind == VALUE_ABSENT ? "absent"
                     : v.kind == VALUE_SAME   ? "same"
                                              : "?");
    }
    assert_string_equal(text, wanted);
}

#define MOVE   "<move><field>post.title</field><to>item.headline</to></move>"
#define IGNORE "<ignore><field>post.body</field></ignore>"
#define HANDLER(field, class, param, value)                                                        \
    "<transform><field>" field                                                                     \
    "</field><handler class=\"\\Migration\\Handler\\" class "\"><param name=\"" param              \
                                                            "\" value=\"" value                    \
                                                            "\"/></handler></transform>"

static void test_columns(void **state)
{
    (void)state;
    struct fixture f;
    struct ds_error err = {0};
    begin(&f, MOVE IGNORE, "");
    add(&f, headline);
    add(&f, id);
    add(&f, extra);
    add(&f, rank);
    add(&f, price);
    add(&f, day);
    add(&f, body);
    assert_int_equal(compile(&f, &err), 0);
    assert_false(map_row_is_same(f.row));
    assert_int_equal(map_row_table(f.row)->id, 7);
    assert_int_equal(map_row_table(f.row)->column_count, 7);
    assert_memory_equal(map_row_table(f.row)->name.p, "t_item", 6);
    put_row(&f.image, 41, "One", "12.0000");
    assert_int_equal(make(&f, &err), 0);
    expect_image(
        &f, "headline='One' id=41 extra=absent priority='-3' price=12 at='2026-02-03' body=absent");
    end(&f);
}

/* What an update does not say again is looked for in the image before. */
static void test_updates(void **state)
{
    (void)state;
    struct fixture f;
    struct ds_error err = {0};
    begin(&f, MOVE, "");
    add(&f, id);
    add(&f, headline);
    add(&f, price);
    assert_int_equal(compile(&f, &err), 0);
    put_row(&f.before, 41, "One", "12.0000");
    image_write_head(&f.image, SOURCE_COLUMNS);
    value_write_same(&f.image);
    value_write_text(&f.image, "Two", 3);
    for (int i = BODY; i < SOURCE_COLUMNS; i++)
        value_write_same(&f.image);
    assert_int_equal(make(&f, &err), 0);
    expect_image(&f, "id=41 headline='Two' price=12");
    buf_clear(&f.before); /* what is the same as nothing is malformed */
    assert_int_equal(make(&f, &err), DS_EFORMAT);
    end(&f);
}

static void test_same(void **state)
{
    (void)state;
    struct fixture f;
    struct ds_error err = {0};
    struct target_column title = headline, at = day, number = rank, decimal = price;
    begin(&f, "", "");
    title.name = "title";
    at.type = MYSQL_TYPE_DATETIME2;
    number.class = TARGET_INT;
    number.type = MYSQL_TYPE_LONG;
    decimal.class = TARGET_DECIMAL;
    decimal.type = MYSQL_TYPE_NEWDECIMAL;
    for (int i = 0; i < SOURCE_COLUMNS; i++)
        add(&f, (struct target_column[]){id, title, body, number, decimal, at}[i]);
    assert_int_equal(compile(&f, &err), 0);
    assert_true(map_row_is_same(f.row));
    put_row(&f.image, 41, "One", "12.0000");
    assert_int_equal(make(&f, &err), 0);
    assert_int_equal(f.out.len, f.image.len);
    assert_memory_equal(f.out.data, f.image.data, f.out.len);
    end(&f);
    begin(&f, IGNORE, ""); /* the other tool copies it all the same if no handler is there */
    for (int i = 0; i < SOURCE_COLUMNS; i++)
        add(&f, (struct target_column[]){id, title, body, number, decimal, at}[i]);
    assert_int_equal(compile(&f, &err), 0);
    assert_false(map_row_is_same(f.row));
    end(&f);
}

/* Of the source's side before the copy, of the destination's side after it, in order. */
static void test_handlers(void **state)
{
    (void)state;
    struct fixture f;
    struct ds_error err = {0};
    begin(&f,
          MOVE HANDLER("post.title", "AddPrefix", "prefix", "a-")
              HANDLER("post.title", "AddPrefix", "prefix", "b-"),
          HANDLER("item.headline", "AddPrefix", "prefix", "c-")
              HANDLER("item.extra", "SetValue", "value", "5"));
    add(&f, id);
    add(&f, headline);
    add(&f, extra);
    assert_int_equal(compile(&f, &err), 0);
    put_row(&f.image, 41, "One", "12.0000");
    assert_int_equal(make(&f, &err), 0);
    expect_image(&f, "id=41 headline='c-b-a-One' extra=5");
    buf_clear(&f.image);
    image_write_head(&f.image, SOURCE_COLUMNS);
    value_write_uint(&f.image, 1);
    for (int i = TITLE; i < SOURCE_COLUMNS; i++)
        value_write_absent(&f.image);
    assert_int_equal(make(&f, &err), DS_EUNSUPPORTED);
    assert_non_null(strstr(err.message, "binlog_row_image = FULL"));
    end(&f);
}

static void fits(struct fixture *f, const char *text, const char *wanted)
{
    struct ds_error err = {0};
    put_row(&f->image, 1, "t", text);
    int rc = make(f, &err);
    if (wanted) {
        assert_int_equal(rc, 0);
        expect_image(f, wanted);
        return;
    }
    assert_int_equal(rc, DS_ECONFLICT);
    assert_non_null(strstr(err.message, "a value of post.price does not fit into item.price"));
    assert_null(strstr(err.message, text));
}

static void test_values(void **state)
{
    (void)state;
    struct fixture f;
    struct ds_error err = {0};
    begin(&f, "", "");
    add(&f, price);
    assert_int_equal(compile(&f, &err), 0);
    fits(&f, "32767", "price=32767");
    fits(&f, "-32768.00", "price=-32768");
    fits(&f, "32768", NULL);
    fits(&f, "-32769", NULL);
    fits(&f, "12.5000", NULL);
    fits(&f, "99999999999999999999999", NULL);
    fits(&f, "12x", NULL);
    map_row_free(f.row);
    f.columns[0].is_unsigned = true;
    assert_int_equal(compile(&f, &err), 0);
    fits(&f, "65535", "price=65535");
    fits(&f, "65536", NULL);
    fits(&f, "-1", NULL);
    end(&f);
}

static void test_refused(void **state)
{
    (void)state;
    struct fixture f;
    struct ds_error err = {0};
    begin(&f, MOVE, "");
    add(&f, id);
    assert_int_equal(compile(&f, &err), DS_EUSAGE);
    assert_non_null(strstr(err.message, "moves post.title to item.headline"));
    end(&f);
    begin(&f, HANDLER("post.title", "Nothing", "a", "b"), "");
    add(&f, id);
    assert_int_equal(compile(&f, &err), DS_EUSAGE);
    assert_non_null(strstr(err.message, "Nothing"));
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns), cmocka_unit_test(test_updates),
        cmocka_unit_test(test_same),    cmocka_unit_test(test_handlers),
        cmocka_unit_test(test_values),  cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
