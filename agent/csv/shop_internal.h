/* Inside the made-up shop: what its parts share. Not for others. */
#ifndef AGENT_CSV_SHOP_INTERNAL_H
#define AGENT_CSV_SHOP_INTERNAL_H

#include "agent/csv/shop.h"
#include "agent/snapshot_rows.h"
#include "agent/snapshot_source.h"
#include "schema/message.h"

struct shop_text {                   /* a column that holds text; charset empty: it does not */
    struct slice charset, collation; /* NUL behind each */
    uint64_t characters, bytes;      /* at most */
};

struct shop_table {
    const struct catalogue_entity *entity;
    const struct catalogue_table *entry;
    char name[300];
    struct table_plan plan;
    struct shop_text *texts; /* as many as columns */
    bool exists, sent;
    struct shop_table *next;
};

/* Something known under a text. */
struct known {
    struct slice key, value;
    uint64_t hash;
    struct known *next;
};
struct named { /* a row of a table that codes or names tell */
    struct slice number, code, extra;
};

struct shop {
    struct shop_options o;
    struct snapshot_source destination; /* read only */
    bool has_registry;
    struct ds_error err;
    int rc;
    struct shop_table *tables;
    uint32_t next_table_id;
    uint32_t image_table; /* its number, 0: not told yet */
    uint64_t number;      /* transactions handed out */
    char now[32];
    char record[MESSAGE_MAX_RECORD + 1]; /* in hand */
    struct buf scratch;

    struct arena arena;              /* of the record */
    struct buf references, rows;     /* messages, each behind its length; length 0: commit here */
    struct slice key, reference_key; /* raw, of the entity begun */
    bool referring;                  /* between shop_refer_begin and shop_refer_end */

    struct arena kept; /* for the whole run */
    struct known **known;
    struct known **order; /* in which they were learnt; from `settled` on by this record */
    size_t known_count, known_cap, settled;

    struct shop_attribute *attributes;
    size_t attribute_count;
    struct named *names[NAME_COUNT];
    size_t name_count[NAME_COUNT];
    bool names_loaded[NAME_COUNT];
};

struct slice shop_vformat(struct shop *s, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));
struct known *shop_find(const struct shop *s, struct slice key);
/* Learn it, until the record turns out to be invalid. */
struct known *shop_learn(struct shop *s, struct slice key, struct slice value);
void shop_fail(struct shop *s, int code); /* s->err is filled */
struct slice shop_keep(struct shop *s, const void *p, size_t len);
int shop_load_attributes(struct shop *s);
/* The ordinal of a column that a file may set; UINT32_MAX: there is none. */
uint32_t shop_column(const struct shop_table *t, const char *name);
struct shop_table *shop_table_find(struct shop *s, const char *name);
/* --- shop_text.c --- */
void shop_load_texts(struct shop *s, struct shop_table *t, const char *name);
/* Can the column hold it? */
void shop_check_text(struct shop *s, const struct shop_table *t, uint32_t i, struct slice v,
                     const char *what);
struct slice shop_raw_id(struct shop *s, struct slice id);
/* What is in the scratch becomes a message of the entity begun. */
void shop_stage_row(struct shop *s);

#endif
