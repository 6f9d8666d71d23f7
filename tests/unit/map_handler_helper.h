/* A record, another opposite to it, and what a handler may ask: for tests of handlers of map rules.
 * The column that they handle is f. Included after cmocka.h. */
#ifndef TESTS_UNIT_MAP_HANDLER_HELPER_H
#define TESTS_UNIT_MAP_HANDLER_HELPER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "applier/map/map_handler.h"

enum { FIELDS = 8, PARAMS = 4 };

/* Of the source: SELECT value FROM table WHERE key = id. */
struct known {
    const char *table, *value, *key, *id, *result;
};

static struct {
    struct map_field fields[2][FIELDS];
    struct map_value values[2][FIELDS];
    struct map_table tables[2];
    struct map_record records[2];
    struct map_param params[PARAMS];
    char text[2000]; /* of the parameters */
    struct arena arena;
    struct map_facts facts;
    int (*emit)(void *arg, const struct map_output *output, struct ds_error *err);
    const struct known *known; /* to one without a table */
    const char *setting;       /* NULL: there is none */
    const char *staged;        /* the table that has row_id */
    unsigned warnings;
    char warning[500];
    struct buf output;
    struct buf result;
} t;

static struct slice slice(const char *text)
{
    return (struct slice){(const uint8_t *)text, text ? strlen(text) : 0};
}

static bool same(struct slice s, const char *text)
{
    return s.len == strlen(text) && memcmp(s.p, text, s.len) == 0;
}

/* --- what is known ------------------------------------------------------------------------------
 */

static int know_attribute(void *arg, struct slice id, struct map_attribute *out, bool *found,
                          struct ds_error *err)
{
    static const struct {
        const char *id;
        struct map_attribute attribute;
    } all[] = {
        {"1", {"catalog_product", "url_key", "text", "varchar"}},
        {"2", {"catalog_product", "color", "multiselect", "text"}},
        {"3", {"catalog_category", "url_path", "text", "varchar"}},
        {"4", {"customer", "middlename", "text", "varchar"}},
        {"5", {"customer", "tags", "multiselect", "text"}},
        {"6", {"catalog_product", "plain", NULL, "static"}},
    };
    (void)arg, (void)err;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (same(id, all[i].id)) {
            *out = all[i].attribute;
            *found = true;
        }
    return 0;
}

static int know_setting(void *arg, const char *path, struct map_value *out, struct arena *arena,
                        bool *found, struct ds_error *err)
{
    (void)arg, (void)arena, (void)err;
    assert_string_equal(path, "catalog/seo/product_url_suffix");
    *found = t.setting != NULL;
    *out = (struct map_value){.set = true, .text = slice(t.setting)};
    return 0;
}

static int know_lookup(void *arg, const char *table, const char *value, const char *key,
                       struct slice id, struct map_value *out, struct arena *arena, bool *found,
                       struct ds_error *err)
{
    (void)arg, (void)arena, (void)err;
    for (const struct known *k = t.known; k && k->table && !*found; k++)
        if (strcmp(k->table, table) == 0 && strcmp(k->value, value) == 0 &&
            strcmp(k->key, key) == 0 && same(id, k->id)) {
            *found = true;
            *out = (struct map_value){.set = true, .null = !k->result, .text = slice(k->result)};
        }
    return 0;
}

static int know_document(void *arg, struct slice name, struct slice *out, struct arena *arena,
                         bool *found, struct ds_error *err)
{
    (void)arg, (void)arena, (void)err;
    *found = same(name, "m1_sales_flat_order") || same(name, "m1_customer_entity");
    if (*found)
        *out = slice(same(name, "m1_sales_flat_order") ? "m2_sales_order" : "m2_customer_entity");
    return 0;
}

static int know_field(void *arg, const char *table, const char *field, bool *found,
                      struct ds_error *err)
{
    (void)arg, (void)err;
    *found = t.staged && strcmp(t.staged, table) == 0 && strcmp(field, "row_id") == 0;
    return 0;
}

static void print_value(const struct map_value *v)
{
    if (!v->set)
        buf_puts(&t.output, "unset");
    else if (v->null)
        buf_puts(&t.output, "NULL");
    else
        buf_printf(&t.output, "'%.*s'", (int)v->text.len, (const char *)v->text.p);
}

/* table: field='…' field='…'; … */
static int take_output(void *arg, const struct map_output *output, struct ds_error *err)
{
    (void)arg, (void)err;
    buf_puts(&t.output, output->table);
    for (size_t row = 0; row < output->row_count; row++)
        for (size_t i = 0; i < output->field_count; i++) {
            buf_printf(&t.output, "%s%s=", i ? " " : row ? "; " : ": ", output->fields[i]);
            print_value(&output->values[row * output->field_count + i]);
        }
    return 0;
}

__attribute__((format(printf, 3, 4))) static void
take_warning(void *arg, const struct map_rule *rule, const char *fmt, ...)
{
    va_list ap;
    (void)arg;
    assert_non_null(rule);
    va_start(ap, fmt);
    vsnprintf(t.warning, sizeof t.warning, fmt, ap);
    va_end(ap);
    t.warnings++;
}

/* --- records ------------------------------------------------------------------------------------
 */

static void start(void)
{
    arena_free(&t.arena);
    buf_free(&t.output);
    buf_free(&t.result);
    memset(&t, 0, sizeof t);
    t.facts = (struct map_facts){.attribute = know_attribute,
                                 .setting = know_setting,
                                 .lookup = know_lookup,
                                 .document = know_document,
                                 .has_field = know_field,
                                 .warn = take_warning};
    t.emit = take_output;
    for (size_t i = 0; i < 2; i++) {
        t.tables[i] = (struct map_table){.name = i ? "there" : "t", .fields = t.fields[i]};
        t.records[i] = (struct map_record){.table = &t.tables[i], .values = t.values[i]};
    }
}

static void put_bytes(unsigned record, const char *name, enum map_field_kind kind,
                      struct slice value)
{
    struct map_table *table = &t.tables[record];
    size_t i = 0;
    while (i < table->count && strcmp(table->fields[i].name, name) != 0)
        i++;
    assert_true(i < FIELDS);
    table->count += i == table->count;
    t.fields[record][i] = (struct map_field){.name = name, .kind = kind};
    t.values[record][i] = (struct map_value){.set = true, .null = !value.p, .text = value};
}

/* Of the record, of the opposite one; NULL: NULL. */
static void here(const char *name, const char *value)
{
    put_bytes(0, name, MAP_FIELD_TEXT, slice(value));
}

__attribute__((unused)) static void there(const char *name, const char *value)
{
    put_bytes(1, name, MAP_FIELD_TEXT, slice(value));
}

/* --- handlers -----------------------------------------------------------------------------------
 */

/* "name=value", one a line. */
static void set_params(struct map_rule *rule, const char *text)
{
    snprintf(t.text, sizeof t.text, "%s", text ? text : "");
    for (char *next = t.text, *at; (at = strsep(&next, "\n")) && *at;) {
        char *equals = strchr(at, '=');
        assert_non_null(equals);
        assert_true(rule->param_count < PARAMS);
        *equals = '\0';
        t.params[rule->param_count++] = (struct map_param){at, equals + 1};
    }
    rule->params = t.params;
}

static int try_open(const char *class, const char *params, struct map_handler **h,
                    struct ds_error *err)
{
    static struct map_rule rule;
    static char name[100];
    snprintf(name, sizeof name, "\\Migration\\Handler\\%s", class);
    rule = (struct map_rule){.kind = MAP_TRANSFORM,
                             .document = "t",
                             .field = "f",
                             .handler = strncmp(class, "\\", 1) == 0 ? class + 1 : name,
                             .file = "map.xml",
                             .line = 7};
    set_params(&rule, params);
    return map_handler_open(h, &rule, &t.tables[0], err);
}

static size_t own_field(void)
{
    size_t i = 0;
    while (strcmp(t.fields[0][i].name, "f") != 0)
        i++;
    return i;
}

static int call(const struct map_handler *h, struct ds_error *err)
{
    struct map_call c = {.record = &t.records[0],
                         .field = own_field(),
                         .opposite = t.tables[1].count ? &t.records[1] : &t.records[0],
                         .facts = &t.facts,
                         .arena = &t.arena,
                         .emit = t.emit};
    return map_handler_call(h, &c, err);
}

/* What column f is then, "NULL" where it is NULL. */
static const char *result(void)
{
    const struct map_value *v = &t.values[0][own_field()];
    buf_clear(&t.result);
    buf_append(&t.result, v->text.p, v->null ? 0 : v->text.len);
    return !v->set ? "nothing" : v->null ? "NULL" : buf_cstr(&t.result);
}

static void run(const char *class, const char *params)
{
    struct map_handler *h;
    struct ds_error err = {0};
    if (try_open(class, params, &h, &err) || call(h, &err))
        fail_msg("%s", err.message);
    map_handler_close(h);
}

static void becomes(const char *class, const char *params, const char *value)
{
    run(class, params);
    assert_string_equal(result(), value);
}

/* f was `from`. */
__attribute__((unused)) static void makes(const char *class, const char *params, const char *from,
                                          const char *to)
{
    here("f", from);
    becomes(class, params, to);
}

/* When it is opened. */
__attribute__((unused)) static void cannot_be(const char *class, const char *params,
                                              const char *part)
{
    struct map_handler *h;
    struct ds_error err = {0};
    if (try_open(class, params, &h, &err) != DS_EUSAGE)
        fail_msg("%s opens", class);
    assert_null(h);
    if (strncmp(err.message, "map.xml:7: ", 11) != 0 || !strstr(err.message, part))
        fail_msg("'%s' lacks '%s'", err.message, part);
}

/* When it is called; the value stays. */
__attribute__((unused)) static void cannot(const char *class, const char *params, int code,
                                           const char *part)
{
    struct map_handler *h;
    struct ds_error err = {0};
    if (try_open(class, params, &h, &err))
        fail_msg("%s", err.message);
    if (call(h, &err) != code || !strstr(err.message, part))
        fail_msg("'%s' lacks '%s'", err.message, part);
    map_handler_close(h);
}

__attribute__((unused)) static void warns(unsigned times, const char *part)
{
    if (t.warnings != times || (times && !strstr(t.warning, part)))
        fail_msg("%u warnings, '%s'", t.warnings, t.warning);
}

#endif
