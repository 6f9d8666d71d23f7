/* A batch for tests of handlers, without a server: tables of a model, changes as messages. */
#ifndef HANDLER_HELPER_H
#define HANDLER_HELPER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "applier/handlers.h"
#include "applier/images.h"

enum { MODEL_COLUMNS = 4, MODEL_CHANGES = 64 };

/* id INT UNSIGNED, n BIGINT UNSIGNED, d DECIMAL, t VARCHAR */
struct model_table {
    struct target_column columns[MODEL_COLUMNS];
    uint32_t key_columns[1];
    struct target_key key;
    struct target_table target;
    struct source_table source;
};

struct model {
    struct model_table tables[3];
    struct change changes[MODEL_CHANGES];
    struct buf raw[MODEL_CHANGES], before[MODEL_CHANGES], after[MODEL_CHANGES];
    struct transaction tx;
    struct batch batch;
    struct arena arena;
};

static inline void model_table(struct model_table *t, const char *name, const char *entity,
                               bool has_key, uint32_t index)
{
    memset(t, 0, sizeof *t);
    t->columns[0] =
        (struct target_column){.name = "id", .class = TARGET_INT, .width = 4, .is_unsigned = true};
    t->columns[1] =
        (struct target_column){.name = "n", .class = TARGET_INT, .width = 8, .is_unsigned = true};
    t->columns[2] = (struct target_column){.name = "d", .class = TARGET_DECIMAL, .scale = 4};
    t->columns[3] = (struct target_column){.name = "t", .class = TARGET_TEXT};
    t->key = (struct target_key){
        .name = "PRIMARY", .columns = t->key_columns, .count = 1, .primary = true, .unique = true};
    t->target = (struct target_table){.name = name,
                                      .exists = true,
                                      .transactional = true,
                                      .column_count = MODEL_COLUMNS,
                                      .columns = t->columns,
                                      .keys = &t->key,
                                      .key_count = has_key,
                                      .row_key = has_key ? &t->key : NULL,
                                      .index = index};
    t->source = (struct source_table){.entity = strdup(entity), .target = &t->target};
    t->source.def.role = (struct slice){(const uint8_t *)"root", 4};
}

static inline struct model *model_new(void)
{
    struct model *m = calloc(1, sizeof *m);
    assert_non_null(m);
    model_table(&m->tables[0], "catalog_product_entity", "product", true, 0);
    model_table(&m->tables[1], "sales_flat_order", "order", true, 1);
    model_table(&m->tables[2], "plain", "table", false, 2);
    m->batch.changes = m->changes;
    m->batch.transactions = &m->tx;
    m->batch.transaction_count = 1;
    return m;
}

static inline void model_free(struct model *m)
{
    for (int i = 0; i < 3; i++)
        free(m->tables[i].source.entity);
    for (int i = 0; i < MODEL_CHANGES; i++) {
        buf_free(&m->raw[i]);
        buf_free(&m->before[i]);
        buf_free(&m->after[i]);
    }
    arena_free(&m->arena);
    free(m);
}

/* "7 1 -12.50 text", "-" for NULL */
static inline struct slice model_image(struct buf *out, const char *text)
{
    char copy[200], *save = NULL;
    if (!text)
        return (struct slice){0};
    snprintf(copy, sizeof copy, "%s", text);
    assert_int_equal(image_write_head(out, MODEL_COLUMNS), 0);
    char *word = strtok_r(copy, " ", &save);
    for (int i = 0; i < MODEL_COLUMNS; i++, word = strtok_r(NULL, " ", &save)) {
        assert_non_null(word);
        int rc = strcmp(word, "-") == 0 ? value_write_null(out)
                 : i < 2                ? value_write_uint(out, strtoull(word, NULL, 10))
                 : i == 2               ? value_write_text(out, word, strlen(word))
                                        : value_write_bytes(out, word, strlen(word));
        assert_int_equal(rc, 0);
    }
    return (struct slice){out->data, out->len};
}

/* key 0: unknown. Images as for model_image; which there are tells the operation. */
static inline struct change *model_change(struct model *m, int table, uint64_t key,
                                          const char *before, const char *after)
{
    uint32_t i = m->batch.change_count++;
    struct change *c = &m->changes[i];
    BUF_AUTO struct buf key_text = {0};
    assert_true(i < MODEL_CHANGES);
    *c = (struct change){.table = &m->tables[table].source,
                         .op = !before  ? CHANGE_INSERT
                               : !after ? CHANGE_DELETE
                                        : CHANGE_UPDATE,
                         .before = model_image(&m->before[i], before),
                         .after = model_image(&m->after[i], after)};
    if (key)
        assert_int_equal(value_write_uint(&key_text, key), 0);
    const struct msg_change msg = {.table_id = 1,
                                   .op = c->op,
                                   .entity_key = {key_text.data, key_text.len},
                                   .before = c->before,
                                   .after = c->after};
    assert_int_equal(message_write_change(&m->raw[i], &msg), 0);
    c->raw = (struct slice){m->raw[i].data, m->raw[i].len};
    const uint8_t *p = c->raw.p;
    struct arena scratch = {0};
    struct message read;
    assert_int_equal(message_read(&p, p + c->raw.len, &scratch, &read, NULL), 0);
    arena_free(&scratch);
    c->entity_key = read.change.entity_key; /* in raw */
    m->tx.count = m->batch.change_count;
    return c;
}

static inline bool model_wanted(void *arg, const char *entity)
{
    return !arg || strcmp(arg, entity) == 0;
}

static inline uint32_t model_rank(void *arg, const char *entity)
{
    (void)arg;
    return strcmp(entity, "product") == 0 ? 0 : strcmp(entity, "order") == 0 ? 1 : 2;
}

static inline struct entity_changes model_group(struct model *m)
{
    struct entity_changes set;
    struct ds_error err = {0};
    const struct entity_choice choice = {model_wanted, model_rank, NULL};
    if (entity_changes_build(&set, &m->batch, 0, 1, &choice, &m->arena, &err))
        fail_msg("%s", err.message);
    return set;
}

static inline void put_file(const char *path, const char *text)
{
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    assert_int_equal(fclose(out), 0);
}

#endif
