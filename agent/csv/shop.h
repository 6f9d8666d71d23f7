/* The source shop that a CSV file stands for.
 *
 * An import takes messages with a source's rows and ids. A file has records; from these the kinds
 * of entities (kinds.h) make up the rows that a shop with them would have. Ids are what the file
 * gives (entity_id), or text made of what people know the row by ("sku:WIDGET-A"), so that they
 * are the same in the next run. What rows refer to (attributes and their options, stores, groups …)
 * is put before them, once each, with the columns that identify it, so that the applier finds it
 * by code or name. Tables, attributes and codes are those of the destination, which is only read.
 *
 * Nothing leaves before shop_end_record: a record with an error leaves no trace. Errors stick in
 * the shop until then; after one all other calls do nothing. DS_EFORMAT is an error of the record,
 * any other one is final.
 *
 * One owner, one thread: the agent's.
 */
#ifndef AGENT_CSV_SHOP_H
#define AGENT_CSV_SHOP_H

#include <mysql.h>
#include <stdbool.h>
#include <stdint.h>

#include "schema/arena.h"
#include "schema/catalogue.h"
#include "schema/config.h"
#include "schema/image_place.h"
#include "schema/position.h"

struct shop_options {
    const char *file; /* its path */
    const struct config *config;
    const struct catalogue *catalogue;
    /* as in entity_copy_options */
    void *arg;
    int (*put)(void *arg, const void *message, size_t len, struct ds_error *err);
    int (*mark)(void *arg, const struct position *at, struct ds_error *err);
};

struct shop;
int shop_open(struct shop **out, const struct shop_options *o, struct ds_error *err);
void shop_close(struct shop *s); /* NULL allowed */

/* --- records --- */
/* Hand out what the record has led to, or drop it if there was an error, which is given. */
int shop_end_record(struct shop *s, struct ds_error *err);
/* A transaction that is only a position: moves it even if there is nothing. */
int shop_end(struct shop *s, struct position *end, struct ds_error *err);
/* What is begun from here on is of the file's record that stands there. */
void shop_at_line(struct shop *s, uint64_t line);
uint64_t shop_count(const struct shop *s); /* transactions that were handed out */
/* The record has an error. */
void shop_invalid(struct shop *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void shop_no_memory(struct shop *s);
bool shop_failed(const struct shop *s);
struct arena *shop_arena(struct shop *s); /* until the record's end */

/* Remembered until the end, unless the record has an error. */
bool shop_once(struct shop *s, struct slice key); /* true the first time */
void shop_remember(struct shop *s, struct slice key, struct slice value);
bool shop_recall(const struct shop *s, struct slice key, struct slice *value);

/* --- text --- */
struct slice slice_of(const char *text);
bool slice_is(struct slice s, const char *text); /* … without regard to the case of ASCII */
struct slice slice_trim(struct slice s);         /* without blanks around it */
/* In the arena; "" and an error where there is no memory. */
struct slice shop_format(struct shop *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Made of parts with ':' between them; what is too long for the registry ends in a hash. */
struct slice shop_id(struct shop *s, const char *kind, struct slice a, struct slice b);
/* Digits, also with a fraction of zeros, and yes, no and their like. */
bool shop_whole_number(struct slice v, int64_t *out);
struct slice shop_now(struct shop *s); /* as of the start, UTC */

/* --- rows --- */
struct shop_table;
struct shop_row {
    struct shop *shop;
    struct shop_table *table; /* NULL: the destination has no such table, nothing is put */
    struct slice *values;
    bool reference;
};
/* One entity: its rows come as one transaction. */
void shop_begin(struct shop *s, struct slice key);
void shop_commit(struct shop *s);
struct shop_row shop_row(struct shop *s, const char *table);
/* How many digits the column has behind the point; 4 where that is not known. */
int row_scale(const struct shop_row *r, const char *column);
/* A value as the column has it; empty: NULL, or the column's default where it has to have one.
 * `what` names it for people. */
void row_set(struct shop_row *r, const char *column, struct slice value, const char *what);
void row_text(struct shop_row *r, const char *column, const char *value);
void row_number(struct shop_row *r, const char *column, uint64_t value);
/* An id of the source: a number where it is one, else text. */
void row_id(struct shop_row *r, const char *column, struct slice id);
/* `column` becomes what `from` is, if the former is not set and the latter is. */
void row_copy(struct shop_row *r, const char *column, const char *from);
bool row_has(const struct shop_row *r, const char *column);
bool row_may_be_null(const struct shop_row *r, const char *column);
void row_put(struct shop_row *r);
/* The row, told by what is set of it, is to go if it is there. */
void row_delete(struct shop_row *r);
/* Of this table the entity has no other rows than those that follow; if more is set than what links
 * them to it, none with these values. */
void row_no_others(struct shop_row *r);
/* The file that rows of the entity begun call `place` is to be had there. */
void shop_image(struct shop *s, enum image_kind kind, struct slice place, struct slice url);
/* What a cell with the name, path or address of an image is in rows; an address is told, too. Of no
 * image "no_selection"; an error where it names no file. `what` is for people. */
struct slice shop_image_place(struct shop *s, enum image_kind kind, struct slice cell,
                              const char *what);
/* Has the destination's table such a column? */
bool shop_has_column(struct shop *s, const char *table, const char *column);

/* --- what the destination has --- */
struct shop_attribute {
    struct slice type, code; /* catalog_product, color */
    struct slice backend, input, source;
    uint64_t id;
    bool options; /* its values are ids of options of its own */
    bool required;
};
/* NULL: there is none. */
const struct shop_attribute *shop_attribute(struct shop *s, const char *type, struct slice code);
/* One value of a query with one column; *found tells. Texts in queries: shop_quote. */
struct slice shop_ask(struct shop *s, bool *found, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* … that is a number, or 0: is there one? */
bool shop_ask_number(struct shop *s, uint64_t *out, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Rows of a query, to be freed with mysql_free_result; NULL: an error. */
MYSQL_RES *shop_select(struct shop *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same for texts that are the same for a column, as to its collation. */
struct slice shop_weights(struct shop *s, const char *table, const char *column, struct slice text);
const char *shop_quote(struct shop *s, struct slice text);
const char *shop_table_name(struct shop *s, const char *table); /* quoted, with its prefix */
/* The destination's id of what SOURCE calls `id`, if the row is still there; type: as in the
 * registry. */
bool shop_registered(struct shop *s, const char *type, struct slice id, uint64_t *target);
/* … if SOURCE has made that row. */
bool shop_made(struct shop *s, const char *type, struct slice id, uint64_t *target);
/* What SOURCE calls the destination's row; false: it has not come from there. */
bool shop_source_id(struct shop *s, const char *type, uint64_t target, struct slice *id);

/* --- references: rows that only name; each gives the id by which others hold it --- */
enum shop_name {
    NAME_STORE,
    NAME_WEBSITE,
    NAME_CUSTOMER_GROUP,
    NAME_PRODUCT_TAX_CLASS,
    NAME_CUSTOMER_TAX_CLASS,
    NAME_PRODUCT_SET, /* attribute sets, by type */
    NAME_CATEGORY_SET,
    NAME_CUSTOMER_SET,
    NAME_ADDRESS_SET,
    NAME_STOCK,
    NAME_COUNT,
};
/* By code or name, or by the destination's number. An error where there is none. */
struct slice shop_refer(struct shop *s, enum shop_name name, struct slice value, const char *what);
/* The destination's default website, set …; `code` may be NULL. */
struct slice shop_refer_default(struct shop *s, enum shop_name name, struct slice *code);
/* Number of them, and the i-th one's number and code. */
size_t shop_name_count(struct shop *s, enum shop_name name);
void shop_name_at(struct shop *s, enum shop_name name, size_t i, struct slice *number,
                  struct slice *code);
struct slice shop_refer_type(struct shop *s, const char *code);
struct slice shop_refer_attribute(struct shop *s, const struct shop_attribute *a);
/* By the label for the admin, without regard to case. */
struct slice shop_refer_option(struct shop *s, const struct shop_attribute *a, struct slice label);
/* The n-th option (from 1), by the order that the destination has them in. */
bool shop_option_label(struct shop *s, const struct shop_attribute *a, unsigned n,
                       struct slice *label);
/* An error where the destination has no such country; `what` is for people. */
void shop_check_country(struct shop *s, struct slice country, const char *what);
/* By id, code or name; false: the country has no such region. */
bool shop_refer_region(struct shop *s, struct slice country, struct slice region, struct slice *id,
                       struct slice *name);
/* One that the destination has, by what SOURCE calls it where it has come from there; false: there
 * is none. */
bool shop_refer_product(struct shop *s, struct slice sku, struct slice *id);
bool shop_refer_customer(struct shop *s, struct slice email, struct slice website,
                         struct slice *id);
/* Any other row: begin it, fill and put it. False: it has been put before. */
bool shop_refer_begin(struct shop *s, const char *entity, struct slice id);
struct shop_row shop_refer_row(struct shop *s, const char *table);
void shop_refer_end(struct shop *s);

#endif
