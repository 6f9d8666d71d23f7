/* The shop's number sequences, eav_entity_store: for a kind of entity and a store, a prefix and the
 * last number that was given out.
 *
 * They are the destination's own. What the source's stand at comes with its stores, as members of
 * these, and is only looked at: a store that has no sequence gets one, with the source's prefix or,
 * where another store has that, with one of its own, and it begins behind all numbers that are
 * taken with it. One that is there moves past the numbers that come, and never back.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "applier/import/import_internal.h"
#include "schema/db.h"

enum { NUMBER_SIZE = 52, PREFIX_SIZE = 24 };

/* The last increment id that came of those which one sequence could have given: of a kind, a length
 * and a beginning. */
struct number {
    const char *type;
    char text[NUMBER_SIZE];
    struct number *next;
};

/* One of the source's, of a store that is here. */
struct counter {
    uint64_t type, store;
    const char *prefix, *last;
    bool raises; /* the store is asked for */
    struct counter *next;
};

struct sequences {
    struct number *numbers;
    struct counter *counters;
    struct arena arena;
};

int import_sequences_new(struct import *im)
{
    im->sequences = calloc(1, sizeof *im->sequences);
    return im->sequences ? 0 : DS_ENOMEM;
}

void import_sequences_clear(struct import *im)
{
    im->sequences->numbers = NULL;
    im->sequences->counters = NULL;
    arena_reset(&im->sequences->arena, 1 << 16);
}

void import_sequences_free(struct import *im)
{
    if (im->sequences)
        arena_free(&im->sequences->arena);
    free(im->sequences);
}

/* --- noted while rows are written ------------------------------------------------------------ */

static bool has_sequence(const char *entity)
{
    static const char *const names[] = {"order", "invoice", "shipment", "creditmemo", "customer"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], entity) == 0)
            return true;
    return false;
}

/* Sequences count with eight digits behind the number of their store. */
static size_t beginning(size_t len)
{
    return len > 9 ? len - 8 : 1;
}

static struct number *find_number(const struct sequences *s, const char *type, struct slice text)
{
    struct number *n = s->numbers;
    while (n && !(strcmp(n->type, type) == 0 && strlen(n->text) == text.len &&
                  memcmp(n->text, text.p, beginning(text.len)) == 0))
        n = n->next;
    return n;
}

static int note_number(struct import *im, const struct import_row *row)
{
    struct sequences *s = im->sequences;
    uint32_t column = import_source_column(row->table, "increment_id");
    char scratch[32];
    bool null;
    if (column == NO_COLUMN)
        return 0;
    struct slice text = import_text(row->after[column], scratch, &null);
    if (null || !text.len || text.len >= NUMBER_SIZE)
        return 0;
    for (size_t i = beginning(text.len); i < text.len; i++)
        if (!isdigit(text.p[i]))
            return 0;
    const char *type = row->table->entity->name;
    struct number *n = find_number(s, type, text);
    if (!n) {
        n = arena_zalloc(&s->arena, sizeof *n);
        if (!n)
            return DS_ENOMEM;
        *n = (struct number){.type = type, .next = s->numbers};
        s->numbers = n;
    } else if (memcmp(n->text, text.p, text.len) >= 0) {
        return 0;
    }
    snprintf(n->text, sizeof n->text, "%.*s", (int)text.len, (const char *)text.p);
    return 0;
}

int import_note_number(struct import *im, const struct import_row *row)
{
    return row->table->root && row->after && has_sequence(row->table->entity->name)
               ? note_number(im, row)
               : 0;
}

bool import_is_sequence(const struct import_table *t)
{
    return strcmp(t->entry->table, "eav_entity_store") == 0;
}

static const uint8_t *value_of(const struct import_row *row, const char *column)
{
    int ordinal = target_column_ordinal(row->table->target, column);
    return ordinal >= 0 ? row->values[ordinal] : NULL;
}

static uint64_t number_of(const struct import_row *row, const char *column)
{
    const uint8_t *raw = value_of(row, column);
    uint64_t number;
    return raw && value_id((struct slice){raw, value_length(raw)}, &number) ? number : 0;
}

static const char *text_of(struct arena *arena, const struct import_row *row, const char *column)
{
    char scratch[32];
    bool null;
    struct slice text = import_text(value_of(row, column), scratch, &null);
    char *copy = arena_alloc(arena, text.len + 1);
    if (copy) {
        if (text.len)
            memcpy(copy, text.p, text.len);
        copy[text.len] = '\0';
    }
    return copy;
}

int import_note_sequences(struct import *im, uint32_t first, uint32_t end)
{
    struct sequences *s = im->sequences;
    for (uint32_t i = first; i < end; i++) {
        struct import_row *row = im->rows[i];
        if (row->op == CHANGE_DELETE || (row->state != ROW_NEW && row->state != ROW_FOUND))
            continue;
        row->state = ROW_WRITTEN;
        if (row->entity->left || row->entity->policy == IMPORT_MATCH)
            continue;
        struct counter *c = arena_zalloc(&s->arena, sizeof *c);
        if (!c)
            return DS_ENOMEM;
        *c = (struct counter){.type = number_of(row, "entity_type_id"),
                              .store = number_of(row, "store_id"),
                              .prefix = text_of(&s->arena, row, "increment_prefix"),
                              .last = text_of(&s->arena, row, "increment_last_id"),
                              .raises = row->entity->policy == IMPORT_WRITE,
                              .next = s->counters};
        if (!c->prefix || !c->last)
            return DS_ENOMEM;
        s->counters = c;
    }
    return 0;
}

/* --- those that are there -------------------------------------------------------------------- */

struct sequence_tables {
    const char *sequences, *types, *stores;
};

/* Would a sequence with this prefix come to the number, later than where it stands? */
static bool is_ahead(const char *number, const char *prefix, const char *last)
{
    size_t head = strlen(prefix), len = strlen(number);
    if (len != strlen(last) || strncmp(number, prefix, head) != 0 || strcmp(number, last) <= 0)
        return false;
    return strspn(number + head, "0123456789") == len - head;
}

enum { TYPE_CODE, TYPE_ID, SEQUENCE_ID, PREFIX, LAST, STORE };

static int raise_sequence(struct import *im, const char *table, MYSQL_ROW row, struct ds_error *err)
{
    const char *best = row[LAST];
    uint64_t type = strtoull(row[TYPE_ID], NULL, 10), store = strtoull(row[STORE], NULL, 10);
    BUF_AUTO struct buf value = {0};
    for (const struct number *n = im->sequences->numbers; n; n = n->next)
        if (strcmp(n->type, row[TYPE_CODE]) == 0 && is_ahead(n->text, row[PREFIX], best))
            best = n->text;
    for (const struct counter *c = im->sequences->counters; c; c = c->next)
        if (c->raises && c->type == type && c->store == store &&
            strcmp(c->prefix, row[PREFIX]) == 0 && is_ahead(c->last, row[PREFIX], best))
            best = c->last;
    if (best == row[LAST])
        return 0;
    if (sql_string(&value, best, strlen(best)))
        return import_no_memory(err);
    return db_exec(im->db, err,
                   "UPDATE `%s` SET increment_last_id = %s WHERE entity_store_id = %s AND "
                   "increment_last_id < %s",
                   table, buf_cstr(&value), row[SEQUENCE_ID], buf_cstr(&value));
}

static int raise_all(struct import *im, const struct sequence_tables *t, struct ds_error *err)
{
    MYSQL_RES *rows =
        db_select(im->db, err,
                  "SELECT t.entity_type_code, t.entity_type_id, s.entity_store_id, "
                  "COALESCE(s.increment_prefix, ''), COALESCE(s.increment_last_id, ''), s.store_id "
                  "FROM `%s` s JOIN `%s` t USING (entity_type_id) ORDER BY 3",
                  t->sequences, t->types);
    int rc = 0;
    if (!rows)
        return err->code;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(rows));)
        rc = raise_sequence(im, t->sequences, row, err);
    mysql_free_result(rows);
    return rc;
}

/* --- new ones -------------------------------------------------------------------------------- */

struct beginning {
    uint64_t type, store;
    const char *code; /* of the type */
    size_t digits;    /* behind the prefix */
    char prefix[PREFIX_SIZE];
};

static int is_taken(struct import *im, const struct sequence_tables *t, const struct beginning *b,
                    bool *taken, struct ds_error *err)
{
    BUF_AUTO struct buf prefix = {0};
    uint64_t count;
    bool found;
    if (sql_string(&prefix, b->prefix, strlen(b->prefix)))
        return import_no_memory(err);
    int rc = db_scalar_u64(im->db, &count, &found, err,
                           "SELECT COUNT(*) FROM `%s` WHERE entity_type_id = %lu AND store_id <> "
                           "%lu AND increment_prefix = %s",
                           t->sequences, b->type, b->store, buf_cstr(&prefix));
    *taken = rc == 0 && count > 0;
    return rc;
}

/* The source's; else the number of the store, as the shop does, with zeros behind it if need be. */
static int choose_prefix(struct import *im, const struct sequence_tables *t,
                         const struct counter *source, struct beginning *b, bool *theirs,
                         struct ds_error *err)
{
    bool taken = true;
    int rc = 0;
    *theirs = false;
    if (source && *source->prefix && strlen(source->prefix) < PREFIX_SIZE) {
        snprintf(b->prefix, sizeof b->prefix, "%s", source->prefix);
        rc = is_taken(im, t, b, &taken, err);
        *theirs = !taken;
    }
    if (rc || !taken)
        return rc;
    snprintf(b->prefix, sizeof b->prefix, "%lu", b->store);
    rc = is_taken(im, t, b, &taken, err);
    for (size_t len = strlen(b->prefix); rc == 0 && taken && len + 1 < PREFIX_SIZE; len++) {
        b->prefix[len] = '0';
        b->prefix[len + 1] = '\0';
        rc = is_taken(im, t, b, &taken, err);
    }
    return rc;
}

/* "(SELECT MAX(…) …)": the last that any store has with the prefix. */
static int print_last(struct import *im, const struct beginning *b, struct buf *sql)
{
    const struct catalogue_entity *e = catalogue_find(im->options.catalogue, b->code);
    const struct target_table *t = e ? import_shop_table(im, e->tables[0].table) : NULL;
    if (!t || target_column_ordinal(t, "increment_id") < 0)
        return buf_puts(sql, "NULL");
    BUF_AUTO struct buf like = {0};
    int rc = buf_puts(sql, "(SELECT MAX(increment_id) FROM ") | sql_identifier(sql, t->name) |
             buf_printf(&like, "%s%%", b->prefix) | buf_puts(sql, " WHERE increment_id LIKE ") |
             sql_string(sql, buf_cstr(&like), like.len);
    return rc | buf_printf(sql,
                           " AND LENGTH(increment_id) = %zu AND increment_id REGEXP "
                           "_utf8mb4'^[0-9]+$')",
                           strlen(b->prefix) + b->digits);
}

/* Where the source's stands, if the new one can go on from there. */
static const char *stands_at(const struct counter *source, struct beginning *b)
{
    size_t head = strlen(b->prefix), len = strlen(source->last);
    if (len < head + b->digits || strncmp(source->last, b->prefix, head) != 0 ||
        strspn(source->last, "0123456789") != len)
        return "";
    b->digits = len - head; /* it may have outgrown them */
    return source->last;
}

static int begin(struct import *im, const struct sequence_tables *t, const struct counter *source,
                 struct beginning *b, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    bool theirs;
    int rc = choose_prefix(im, t, source, b, &theirs, err);
    if (rc)
        return rc;
    const char *last = theirs ? stands_at(source, b) : "";
    rc = buf_puts(&sql, "INSERT INTO ") | sql_identifier(&sql, t->sequences) |
         buf_printf(&sql,
                    " (entity_type_id, store_id, increment_prefix, increment_last_id) SELECT %lu, "
                    "%lu, ",
                    b->type, b->store) |
         sql_string(&sql, b->prefix, strlen(b->prefix)) | buf_puts(&sql, ", NULLIF(GREATEST(") |
         sql_string(&sql, last, strlen(last)) | buf_puts(&sql, ", COALESCE(") |
         print_last(im, b, &sql) |
         buf_puts(&sql, ", '')), '') FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM ") |
         sql_identifier(&sql, t->sequences) |
         buf_printf(&sql, " s WHERE s.entity_type_id = %lu AND s.store_id = %lu)", b->type,
                    b->store);
    return rc ? import_no_memory(err) : db_exec_len(im->db, (const char *)sql.data, sql.len, err);
}

static const struct counter *counter_of(const struct import *im, uint64_t type, uint64_t store)
{
    const struct counter *c = im->sequences->counters;
    while (c && !(c->type == type && c->store == store))
        c = c->next;
    return c;
}

/* Has a number come with which the shop would count on? */
static bool counts_on(const struct import *im, const struct beginning *b)
{
    char prefix[PREFIX_SIZE];
    int head = snprintf(prefix, sizeof prefix, "%lu", b->store);
    for (const struct number *n = im->sequences->numbers; n; n = n->next)
        if (strcmp(n->type, b->code) == 0 && strlen(n->text) == (size_t)head + b->digits &&
            strspn(n->text, "0123456789") == strlen(n->text) &&
            strncmp(n->text, prefix, (size_t)head) == 0)
            return true;
    return false;
}

/* A shop makes the row of a sequence with its first number, which begins with the number of the
 * store: one that has taken no order yet has none. */
static int begin_all(struct import *im, const struct sequence_tables *t, struct ds_error *err)
{
    MYSQL_RES *rows = db_select(
        im->db, err,
        "SELECT t.entity_type_code, t.entity_type_id, t.increment_pad_length, c.store_id FROM `%s` "
        "t JOIN `%s` c ON t.increment_per_store = 1 OR c.store_id = 0 WHERE t.increment_model > '' "
        "AND NOT EXISTS (SELECT 1 FROM `%s` s WHERE s.entity_type_id = t.entity_type_id AND "
        "s.store_id = c.store_id) ORDER BY 2, 4",
        t->types, t->stores, t->sequences);
    int rc = 0;
    if (!rows)
        return err->code;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(rows));) {
        struct beginning b = {.code = row[0],
                              .type = strtoull(row[1], NULL, 10),
                              .digits = strtoul(row[2], NULL, 10),
                              .store = strtoull(row[3], NULL, 10)};
        const struct counter *source = counter_of(im, b.type, b.store);
        if (source || counts_on(im, &b))
            rc = begin(im, t, source, &b, err);
    }
    mysql_free_result(rows);
    return rc;
}

int import_sequences(struct import *im, struct ds_error *err)
{
    const struct target_table *sequences = import_shop_table(im, "eav_entity_store"),
                              *types = import_shop_table(im, "eav_entity_type"),
                              *stores = import_shop_table(im, "core_store");
    if ((!im->sequences->numbers && !im->sequences->counters) || !sequences || !types || !stores)
        return 0;
    struct sequence_tables t = {sequences->name, types->name, stores->name};
    int rc = raise_all(im, &t, err);
    return rc ? rc : begin_all(im, &t, err);
}
