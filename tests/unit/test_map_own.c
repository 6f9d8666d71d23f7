/* Steps and handlers of a user's own, in C: what they see and give, and what a change comes to. */
#include "map_helper.h"

#include "applier/map/map_own.h"
#include "applier/map/map_stream.h"
#include "applier/target_internal.h"

/* source: m_post (id, words); destination: t_word (id, word, level; key id, word), t_log (word) */
static struct target_table *buckets[1], *by_index[2];
static struct target_column word_columns[] = {
    {.name = "id",
     .type_text = "int(11)",
     .class = TARGET_INT,
     .type = MYSQL_TYPE_LONG,
     .width = 4},
    {.name = "word", .type_text = "varchar(9)", .class = TARGET_TEXT, .type = MYSQL_TYPE_VARCHAR},
    {.name = "level",
     .type_text = "int(11)",
     .class = TARGET_INT,
     .type = MYSQL_TYPE_LONG,
     .width = 4}};
static struct target_column log_columns[] = {
    {.name = "word", .type_text = "varchar(9)", .class = TARGET_TEXT, .type = MYSQL_TYPE_VARCHAR}};
static uint32_t key_columns[] = {0, 1};
static struct target_key key = {
    .name = "PRIMARY", .columns = key_columns, .count = 2, .primary = true, .unique = true};
static struct target_table tables[] = {
    {.name = "t_word", .exists = true, .column_count = 3, .columns = word_columns, .row_key = &key},
    {.name = "t_log", .exists = true, .column_count = 1, .columns = log_columns}};
static struct target target = {
    .buckets = buckets, .bucket_count = 1, .by_index = by_index, .count = 2};
static struct msg_column source_columns[] = {{.name = {(const uint8_t *)"id", 2},
                                              .type = MYSQL_TYPE_LONG,
                                              .metadata = 0,
                                              .flags = COLUMN_KEY,
                                              .collation = 0},
                                             {.name = {(const uint8_t *)"words", 5},
                                              .type = MYSQL_TYPE_VARCHAR,
                                              .metadata = 255,
                                              .flags = 0,
                                              .collation = 45}};

/* --- the user's ------------------------------------------------------------------------------ */

static const struct ds_api *const api = &handler_api;

/* Each letter is a word; its place is the level, but for small ones, which have none. '!' fails,
 * '?' leaves the key out, '~' does not look whether a row was taken. All go to the log, too. */
static int rows(void *state, struct ds_call *call, const struct ds_step *self, const char *document,
                const struct ds_record *record)
{
    static const char *const fields[] = {"word", "id", "level"};
    struct ds_value words = api->record_value(record, (size_t)api->record_find(record, "words"));
    assert_null(state);
    assert_string_equal(self->name, "My\\Step");
    assert_string_equal(document, "post");
    assert_int_equal(api->record_fields(record), 2);
    assert_int_equal(api->record_find(record, "none"), -1);
    for (size_t i = 0; words.kind == DS_TEXT && i < words.length; i++) {
        const char *at = &words.text[i];
        struct ds_value values[] = {{.kind = DS_TEXT, .text = at, .length = 1},
                                    api->record_value(record, 0),
                                    {.kind = DS_INT, .i = (int64_t)i}};
        if (*at == '!')
            return api->reason(call, "no %c", *at);
        if (*at == '~')
            (void)api->emit(call, "nowhere", fields, values, 1);
        size_t count = *at == '?' ? 1 : *at >= 'a' ? 2 : 3;
        if (api->emit(call, "word", fields, values, count) ||
            api->emit(call, "log", fields, values, 1))
            return DS_HANDLER_ERROR;
    }
    return DS_HANDLER_OK;
}

static int twice(void *state, struct ds_call *call, const struct ds_map_handler *self,
                 const struct ds_field *field, struct ds_value *value)
{
    (void)state;
    assert_string_equal(self->name, "My\\Twice");
    assert_string_equal(field->name, "n");
    assert_string_equal(field->params[0], "by");
    assert_string_equal(field->params[1], "2");
    assert_null(field->params[2]);
    if (value->kind != DS_UINT)
        return api->reason(call, "no number");
    *value = (struct ds_value){.kind = DS_UINT, .u = value->u * 2};
    return DS_HANDLER_OK;
}

static const char *const from[] = {"post", NULL}, *const to[] = {"word", "log", NULL};
static const struct ds_step steps[] = {
    {.name = "My\\Step", .source = from, .destination = to, .rows = rows}, {0}};
static const struct ds_map_handler map_handlers[] = {{.name = "My\\Twice", .handle = twice}, {0}};
static struct handler mine = {.h = {.steps = steps, .map_handlers = map_handlers}};
static const struct handlers own = {.items = &mine, .count = 1};

/* --- through the stream ---------------------------------------------------------------------- */

struct fixture {
    struct map *map;
    struct map_stream *stream;
    struct map_facts facts;
    struct arena arena;
    struct buf message, images[2], told;
};

static void begin(struct fixture *f)
{
    static const char *const *const documents[2] = {from, to};
    struct ds_error err;
    buckets[0] = by_index[0] = &tables[0];
    tables[0].next = by_index[1] = &tables[1];
    memset(f, 0, sizeof *f);
    f->facts.own = &own;
    f->map = reads("<map><source><document_rules><ignore><document>po*</document></ignore>"
                   "</document_rules></source></map>");
    assert_int_equal(map_add_step(f->map, "My\\Step", documents,
                                  reads("<map><source><document_rules><ignore><document>post"
                                        "</document></ignore></document_rules></source></map>"),
                                  &err),
                     0);
    const struct map_stream_options o = {
        .map = f->map, .facts = &f->facts, .prefix = "m_", .target_prefix = "t_"};
    assert_int_equal(map_stream_new(&f->stream, &o, &err), 0);
    map_stream_attach(f->stream, &target);
}

static void end(struct fixture *f)
{
    map_stream_free(f->stream);
    map_free(f->map);
    arena_free(&f->arena);
    buf_free(&f->message);
    buf_free(&f->images[0]);
    buf_free(&f->images[1]);
    buf_free(&f->told);
}

static void tell_image(struct fixture *f, const uint8_t **p, const uint8_t *end_of)
{
    uint32_t n;
    struct value v;
    assert_int_equal(array_read_head(p, end_of, &n), 0);
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(value_read(p, end_of, &v), 0);
        if (v.kind == VALUE_UINT)
            buf_printf(&f->told, "%s%lu", i ? "," : "", v.u);
        else
            buf_printf(&f->told, "%s%.*s", i ? "," : "", (int)v.bytes.len, (const char *)v.bytes.p);
    }
}

static void tell(struct fixture *f, const struct message *m)
{
    const uint8_t *p;
    switch (m->type) {
    case MSG_TABLE:
        buf_printf(&f->told, "%.*s ", (int)m->table.name.len, (const char *)m->table.name.p);
        return;
    case MSG_CHANGE:
        buf_printf(&f->told, "%u:", m->change.table_id - (1U << 30));
        if (m->change.before.len) {
            p = m->change.before.p;
            buf_puts(&f->told, "-");
            tell_image(f, &p, p + m->change.before.len);
        }
        if (m->change.after.len) {
            p = m->change.after.p;
            buf_puts(&f->told, "+");
            tell_image(f, &p, p + m->change.after.len);
        }
        buf_puts(&f->told, " ");
        return;
    default:
        buf_printf(&f->told, "%u/%d/%u ", m->snapshot.table_id - (1U << 30), m->snapshot.kind,
                   m->snapshot.row_count);
    }
}

/* What f->message becomes. */
static int pass(struct fixture *f, struct ds_error *err)
{
    const uint8_t *p = f->message.data;
    struct message m;
    bool ours;
    assert_int_equal(message_read(&p, p + f->message.len, &f->arena, &m, err), 0);
    int rc = map_stream_message(f->stream, &m, &f->arena, &ours, err);
    buf_clear(&f->told);
    assert_false(rc == 0 && ours);
    while (rc == 0 && map_stream_next(f->stream, &m, &f->arena, &rc, err))
        tell(f, &m);
    return rc;
}

static struct slice image(struct buf *out, const char *words)
{
    buf_clear(out);
    image_write_head(out, 2);
    value_write_uint(out, 7);
    value_write_text(out, words, strlen(words));
    return (struct slice){out->data, out->len};
}

static int change(struct fixture *f, const char *before, const char *after, struct ds_error *err)
{
    const struct msg_change c = {.table_id = 3,
                                 .op = !before ? CHANGE_INSERT
                                       : after ? CHANGE_UPDATE
                                               : CHANGE_DELETE,
                                 .before =
                                     before ? image(&f->images[0], before) : (struct slice){0},
                                 .after = after ? image(&f->images[1], after) : (struct slice){0}};
    buf_clear(&f->message);
    assert_int_equal(message_write_change(&f->message, &c), 0);
    return pass(f, err);
}

static void becomes(struct fixture *f, const char *before, const char *after, const char *wanted)
{
    struct ds_error err = {0};
    if (change(f, before, after, &err))
        fail_msg("%s → %s: %s", before ? before : "nothing", after ? after : "an error",
                 err.message);
    assert_string_equal(buf_cstr(&f->told), wanted);
}

static void define(struct fixture *f)
{
    const struct msg_table t = {.id = 3,
                                .database = {(const uint8_t *)"shop", 4},
                                .name = {(const uint8_t *)"m_post", 6},
                                .flags = TABLE_NAMES,
                                .column_count = 2,
                                .columns = source_columns};
    struct ds_error err;
    buf_clear(&f->message);
    assert_int_equal(message_write_table(&f->message, &t), 0);
    assert_int_equal(pass(f, &err), 0);
    assert_string_equal(buf_cstr(&f->told), "t_word t_log ");
}

/* --- tests ----------------------------------------------------------------------------------- */

static void a_change_is_what_the_rows_differ_in(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    define(&f);
    becomes(&f, NULL, "AB", "0:+7,A,0 0:+7,B,1 1:+A 1:+B ");
    becomes(&f, "AB", NULL, "1:-A 1:-B 0:-7,A,0 0:-7,B,1 ");
    becomes(&f, "AB", "AB", "");
    becomes(&f, "AB", "BAC", "0:-7,B,1+7,B,0 0:-7,A,0+7,A,1 0:+7,C,2 1:+C ");
    becomes(&f, "AB", "", "1:-A 1:-B 0:-7,A,0 0:-7,B,1 ");
    /* what is left to its default is deleted before it is made: no update leads there */
    becomes(&f, "Ab", "AB", "1:-b 0:-7,b, 0:+7,B,1 1:+B ");
    end(&f);
}

static void errors_name_document_step_and_key(void **state)
{
    (void)state;
    struct fixture f;
    struct ds_error err = {0};
    begin(&f);
    define(&f);
    assert_int_equal(change(&f, NULL, "A!", &err), DS_ECONFLICT);
    assert_string_equal(err.message, "post: no ! (step My\\Step)");
    assert_string_equal(err.key, "7");
    error_clear(&err);
    assert_int_equal(change(&f, NULL, "AA", &err), DS_ECONFLICT);
    assert_non_null(strstr(err.message, "two rows of word have the same key"));
    error_clear(&err);
    assert_int_equal(change(&f, NULL, "?", &err), DS_ECONFLICT);
    assert_non_null(strstr(err.message, "a row of word comes without id, which is of the key"));
    error_clear(&err);
    assert_int_equal(change(&f, NULL, "~", &err), DS_ECONFLICT);
    assert_non_null(strstr(err.message, "nowhere is no document of the step's"));
    becomes(&f, NULL, "A", "0:+7,A,0 1:+A ");
    end(&f);
}

static void copies_come_in_pieces(void **state)
{
    (void)state;
    struct fixture f;
    struct ds_error err = {0};
    struct msg_snapshot m = {.kind = SNAPSHOT_TABLE_BEGIN, .table_id = 3};
    begin(&f);
    define(&f);
    assert_int_equal(message_write_snapshot((buf_clear(&f.message), &f.message), &m), 0);
    assert_int_equal(pass(&f, &err), 0); /* both are emptied, whatever comes */
    assert_string_equal(buf_cstr(&f.told), "0/3/0 0/5/0 1/3/0 1/5/0 ");
    image_write_head((buf_clear(&f.images[1]), &f.images[1]), 1);
    struct slice row = image(&f.images[0], "AB");
    buf_append(&f.images[1], row.p, row.len);
    m.kind = SNAPSHOT_ROWS;
    m.rows = (struct slice){f.images[1].data, f.images[1].len};
    assert_int_equal(message_write_snapshot((buf_clear(&f.message), &f.message), &m), 0);
    assert_int_equal(pass(&f, &err), 0);
    assert_string_equal(buf_cstr(&f.told), "0/3/0 0/4/2 0/5/0 1/3/0 1/4/2 1/5/0 ");
    m = (struct msg_snapshot){
        .kind = SNAPSHOT_TABLE_END, .table_id = 3, .text = {(const uint8_t *)"2", 1}};
    assert_int_equal(message_write_snapshot((buf_clear(&f.message), &f.message), &m), 0);
    assert_int_equal(pass(&f, &err), DS_ECONFLICT); /* one has come */
    end(&f);
}

static void handlers_change_values(void **state)
{
    (void)state;
    struct map_param by = {"by", "2"};
    struct map_rule rule = {.document = "t",
                            .field = "n",
                            .handler = "\\My\\Twice",
                            .params = &by,
                            .param_count = 1,
                            .file = "map.xml",
                            .line = 4};
    const struct map_field fields[] = {{.name = "n", .kind = MAP_FIELD_NUMBER}};
    const struct map_table table = {.name = "t", .fields = fields, .count = 1};
    struct map_value value = {.set = true, .text = {(const uint8_t *)"21", 2}};
    struct map_record record = {&table, &value};
    struct arena arena = {0};
    static const struct map_facts facts = {0};
    struct map_call call = {.record = &record, .facts = &facts, .arena = &arena};
    struct map_handler *h;
    struct ds_error err = {0};
    assert_int_equal(map_own_open(&h, &own, &rule, &table, &err), 0);
    assert_int_equal(map_handler_call(h, &call, &err), 0);
    assert_int_equal(value.text.len, 2);
    assert_memory_equal(value.text.p, "42", 2);
    value = (struct map_value){.set = true, .null = true};
    assert_int_equal(map_handler_call(h, &call, &err), DS_ECONFLICT);
    assert_string_equal(err.message, "t.n: no number (handler \\My\\Twice, map.xml:4)");
    map_handler_close(h);
    rule.handler = "My\\Thrice";
    assert_int_equal(map_own_open(&h, &own, &rule, &table, &err), 0);
    assert_null(h);
    arena_free(&arena);
}

static void maps_know_what_is_whose(void **state)
{
    (void)state;
    struct fixture f;
    struct ds_error err = {0};
    static const char *const *const documents[2] = {from, to};
    begin(&f);
    assert_string_equal(map_step(f.map, MAP_SOURCE, "post"), "My\\Step");
    assert_null(map_step(f.map, MAP_DESTINATION, "post"));
    assert_string_equal(map_step(f.map, MAP_DESTINATION, "word"), "My\\Step");
    assert_null(map_document(f.map, MAP_SOURCE, "poll"));
    assert_string_equal(map_document(f.map, MAP_SOURCE, "word"), "word");
    assert_int_equal(map_add_step(f.map, "My\\Other", documents, reads("<map/>"), &err), DS_EUSAGE);
    assert_non_null(strstr(err.message, "both have the source's document post"));
    assert_true(map_follows(f.map, "post") && map_follows(f.map, "other"));
    map_follow_some(f.map, NULL);
    assert_true(map_follows(f.map, "post"));
    assert_false(map_follows(f.map, "other"));
    map_follow_some(f.map, "My\\Step");
    assert_false(map_follows(f.map, "post"));
    assert_int_equal(map_follow(f.map, "post", &err), 0);
    assert_true(map_follows(f.map, "post"));
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_is_what_the_rows_differ_in),
        cmocka_unit_test(errors_name_document_step_and_key),
        cmocka_unit_test(copies_come_in_pieces),
        cmocka_unit_test(handlers_change_values),
        cmocka_unit_test(maps_know_what_is_whose),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
