/* What entity_*.c share; nobody else includes it. */
#ifndef AGENT_ENTITY_COPY_INTERNAL_H
#define AGENT_ENTITY_COPY_INTERNAL_H

#include "agent/entity_copy.h"
#include "agent/snapshot_rows.h"
#include "agent/snapshot_source.h"
#include "schema/message.h"

enum { ROOTS_PER_CHUNK = 500 };

enum pass {
    FIRST,     /* everything */
    REFERRING, /* rows that refer to entities of the same kind, which may come behind them */
    TEXTS,     /* everything of kinds whose texts name entities of later kinds */
    DEFERRED,  /* rows with references to entities that come later; of a root, all that it has */
};

struct copied_row { /* of the chunk in hand */
    struct slice image;
    uint32_t table;
    struct copied_row *next; /* of the same entity */
};

struct copied_table;
struct copied_id { /* of a row that others lead to → its entity in the chunk */
    struct slice value;
    uint32_t root;
    struct referred_row *rows;        /* of copy.referred: what hangs on it */
    struct copied_id *next, *earlier; /* of its bucket; of all */
};

struct id_set {
    struct copied_id **buckets;
    struct copied_id *last;
};

struct referred_row { /* below a root that is only recognised */
    const struct copied_table *table;
    struct slice image;
    const struct copied_id *id; /* NULL: nothing hangs on it */
    struct referred_row *next;
};

struct condition { /* only rows that have one of `values` there; UINT32_MAX: all */
    uint32_t column;
    const char *const *values;
};

struct referring_column {
    uint32_t column;
    bool list, words; /* ids separated by commas; ids that are no numbers */
    struct condition when;
    struct id_set *to; /* of copy.referred, or of copy.brought */
};

struct document_format;
struct named_document { /* a column of whose values ids may be of copy.referred */
    const struct document_format *format;
    uint32_t column, beside; /* UINT32_MAX: none beside */
    struct condition when;
};

struct copied_table {
    const struct catalogue_entity *entity;
    const struct catalogue_table *entry;
    struct copied_table
        *through; /* NULL: its link leads to the root; of copy.referred: it is one */
    bool tells;   /* of copy.referred: which row it is that its link leads to */
    char name[300];
    struct table_plan plan;
    struct mask_plan *mask;    /* NULL: all values are kept */
    struct where_bound *where; /* NULL: all rows come */
    uint32_t flags;            /* of its rows as changes */
    uint32_t link, key;        /* ordinals, UINT32_MAX: none */
    const char *index;         /* of the link; NULL: none */
    bool has_members;
    bool again; /* its rows refer to entities of the same kind, or lead through such a table; of a
                   pass DEFERRED: to those that come later */
    bool leads; /* to one of which that is true */
    struct referring_column *referring;
    uint32_t referring_count;
    struct named_document *documents;
    uint32_t document_count;
    struct id_set ids; /* of the chunk: rows that others lead to; of copy.referred: what the chunk's
                          rows refer to, not open if that is nothing */
};

/* A kind that comes along with the one in hand. */
struct brought {
    const struct catalogue_entity *entity;
    struct copy *copy;  /* of it, open as long as the one in hand */
    struct id_set ids;  /* what the chunk's rows name */
    struct id_set came; /* what has come with earlier chunks, here: */
    struct arena arena;
};

struct copied_kind {  /* what the source has of it */
    bool there;       /* its root's table */
    bool passed_over; /* the selection cannot be asked of it */
    uint64_t count;   /* roots, about */
};

struct copy_shared {           /* by a kind and those that it brings along */
    struct copied_kind *kinds; /* in the catalogue's order; NULL: not looked at */
    uint64_t to_come;          /* roots of kinds behind the one in hand, about */
    struct snapshot_source source;
    uint32_t next_table_id;
    uint64_t number;    /* entities handed out */
    struct position at; /* the same, as a position */
    struct buf message;
};

struct copy {
    const struct entity_copy_options *o;
    struct copy_shared *shared;
    bool along; /* of a kind that comes along with another one */

    /* the kind in hand */
    const struct catalogue_entity *entity;
    struct copied_table *tables;
    uint32_t table_count;
    char **keys; /* of its roots, as text; of those that a condition leaves out, too */
    size_t key_count;
    uint64_t left;                 /* of --limit, in this pass */
    struct copied_table *referred; /* of other kinds that it refers to, and nobody has asked for */
    uint32_t referred_count;
    struct brought *brought;
    uint32_t brought_count;

    /* the chunk in hand */
    const struct catalogue_entity *naming; /* asked for, but now all of it is only referred to */
    enum pass pass;
    struct arena arena, reading; /* the latter: while one value is read */
    size_t first, end;           /* in keys */
    struct copied_row *heads[ROOTS_PER_CHUNK], *tails[ROOTS_PER_CHUNK];
    struct slice root_keys[ROOTS_PER_CHUNK]; /* raw */
    uint32_t current;                        /* table that is being read */
};

/* entity_pick.c */
/* "`column` IN (…)", or ranges: of the ids from *id on, which is moved behind them; without id, of
 * the chunk's keys. DS_ENOMEM. */
int entity_pick(const struct copy *c, const struct copied_table *t, const char *column,
                const struct copied_id **id, struct buf *sql);

/* entity_copy.c */
/* put_… hand out messages of a transaction; entity_put_commit ends an entity. */
int entity_put_begin(struct copy *c, struct ds_error *err);
int entity_put_change(struct copy *c, const struct copied_table *t, enum change_op op,
                      uint32_t flags, struct slice key, struct slice image, struct ds_error *err);
int entity_put_commit(struct copy *c, struct ds_error *err);
/* A key as text, behind `out`; of other types nothing. DS_ENOMEM. */
int entity_key_text(struct slice key, struct buf *out);
/* Begin with a kind; entity_close_kind ends it, also after an error. */
int entity_open_kind(struct copy *c, const struct catalogue_entity *e, enum pass pass,
                     struct ds_error *err);
/* Hand out those that c->keys says. */
int entity_copy_roots(struct copy *c, enum pass pass, struct ds_error *err);
/* Sets of raw values, in an arena that outlives them. DS_ENOMEM. */
int entity_open_ids(struct arena *arena, struct id_set *ids);
struct copied_id *entity_find_id(const struct id_set *ids, struct slice value);
int entity_keep_id(struct arena *arena, struct id_set *ids, struct slice value, uint32_t root);

/* Read rows of which the column is one of these ids, by the index (NULL: as the server likes). */
typedef int (*entity_take)(struct copy *c, struct copied_table *t, struct slice image,
                           const uint8_t **columns, struct ds_error *err);
int entity_read_by_ids(struct copy *c, struct copied_table *t, const char *column,
                       const char *index, const struct id_set *ids, entity_take take,
                       struct ds_error *err);
/* A row of what is only referred to. */
int entity_put_named(struct copy *c, const struct copied_table *t, struct slice key,
                     struct slice image, struct ds_error *err);

/* By place of the kind: what is asked for, what comes along, and what these map to. */
void entity_set_needed(const struct copy *c, bool *needed);

/* entity_referred.c */
/* What rows of this kind refer to in other ones, and what comes along with it. */
int entity_open_referred(struct copy *c, struct ds_error *err);
/* Tables of other kinds that may be read for rows of kind `from`, to recognise what these refer to;
 * some more than once. */
int entity_each_referred(const struct copy *c, const struct catalogue_entity *from,
                         int (*tell)(void *arg, const struct catalogue_entity *e,
                                     const struct catalogue_table *entry, struct ds_error *err),
                         void *arg, struct ds_error *err);
/* A row of root `root` of the chunk. DS_ENOMEM. */
int entity_note_referred(struct copy *c, const struct copied_table *t, const uint8_t **columns,
                         uint32_t root);
int entity_put_referred(struct copy *c, struct ds_error *err);

/* entity_brought.c */
/* Does what this reference names come along, so far as it does not come anyway? */
bool entity_brings(const struct copy *c, const struct catalogue_reference *r);
int entity_open_brought(struct copy *c, struct ds_error *err);
/* What the first `count` roots of the chunk bring along, as entities of their own. */
int entity_put_brought(struct copy *c, uint32_t count, struct ds_error *err);
void entity_close_brought(struct copy *c);
/* What its rows name of the kind to which this reference is; NULL: nothing of it is brought along.
 */
struct id_set *entity_brought_ids(struct copy *c, const struct catalogue_reference *r);

/* entity_kinds.c */
/* DS_EUSAGE: what is asked for is not in that database, under that prefix. */
int entity_look_at_kinds(struct copy *c, MYSQL *source, struct ds_error *err);
/* The table of the kind's roots at the source. */
void entity_root_name(const struct copy *c, const struct catalogue_entity *e, char *out,
                      size_t size);
/* Is it one of all kinds, and has nothing by which the selection chooses? Then it is not asked for.
 */
bool entity_is_passed_over(const struct copy *c, const struct catalogue_entity *e);
bool entity_asks_for_all(const struct copy *c);
/* Roots of the kinds behind this place of the catalogue that will be copied, about. */
uint64_t entity_to_come(const struct copy *c, const bool *needed, size_t place);

/* entity_gone.c */
/* What is listed and the source has no more. */
int entity_put_gone(struct copy *c, struct ds_error *err);

/* entity_tables.c */
int entity_no_memory(struct ds_error *err);
/* Is it copied, or only referred to? */
bool entity_is_asked_for(const struct copy *c, const struct catalogue_entity *e);
/* NULL: nothing of the kind is listed. */
const struct entity_ids *entity_listed(const struct copy *c, const struct catalogue_entity *e);
bool entity_is_listed(const struct entity_ids *ids, const char *id);
/* Does the kind come behind the other one? */
bool entity_is_later(const struct copy *c, const struct catalogue_entity *e,
                     const struct catalogue_entity *than);
/* Has the kind (`table` not NULL: has that table of it) references to what may be copied behind it,
 * which are filled in when both are there? */
bool entity_refers_later(const struct copy *c, const struct catalogue_entity *e, const char *table);
/* Its ordinal; UINT32_MAX: there is none, or name is NULL. */
uint32_t entity_column(const struct table_plan *plan, const char *name);
/* Add a table of the kind in hand, if the source has it; its `table` message goes out. */
int entity_open_table(struct copy *c, const struct catalogue_table *entry, struct ds_error *err);
/* A table of another kind, of which *t says entity and entry. */
int entity_open_referred_table(struct copy *c, struct copied_table *t, bool *exists,
                               struct ds_error *err);
/* A row_output of the table's rows. */
struct row_output entity_output(const struct copy *c, const struct copied_table *t);
void entity_forget_keys(struct copy *c);
void entity_close_kind(struct copy *c);
/* Of tables at the source; "": none. */
const char *entity_prefix(const struct copy *c);
/* Is it the path by which a tree's roots stand below each other? */
bool entity_is_path(const struct catalogue_entity *e, const struct catalogue_reference *r);
/* The kind that a reference is to, and the form of a table's values, if what they name may be
 * copied behind the row; else NULL. */
const struct catalogue_entity *entity_later_kind(const struct copy *c,
                                                 const struct catalogue_entity *e,
                                                 const struct catalogue_reference *r);
const struct document_format *
entity_later_format(const struct copy *c, const struct catalogue_entity *e, const char *table);

/* entity_absent.c */
/* Of the kind in hand, if it is the one that is named, and of which roots have been read. */
int entity_tell_absent(const struct copy *c, struct ds_error *err);
/* Of all kinds: numbers that none of them has. */
int entity_tell_absent_numbers(const struct copy *c, struct ds_error *err);

/* entity_hidden.c */
/* Of a table that information_schema does not show. DS_EACCESS: it may be there, and hidden from
 * our account; 0: it is not there. */
int entity_ask_hidden(const struct copy *c, MYSQL *source, const struct catalogue_entity *e,
                      const char *name, struct ds_error *err);
/* Before anything is written: DS_EACCESS names a table of these that is hidden from our account, or
 * columns of which are. */
int entity_ask_needed(const struct copy *c, const bool *needed, struct ds_error *err);

/* entity_roots.c */
/* Keys of the kind's roots; selected: those of the selection. */
int entity_read_roots(struct copy *c, bool selected, struct ds_error *err);
int entity_add_order(const struct copy *c, struct buf *sql); /* ORDER BY of roots */
bool entity_key_is_number(const struct copied_table *t);

#endif
