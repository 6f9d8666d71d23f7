/* Inside the import: what its parts share. Not for others. */
#ifndef APPLIER_IMPORT_INTERNAL_H
#define APPLIER_IMPORT_INTERNAL_H

#include "applier/import/import.h"
#include "applier/import/registry.h"
#include "schema/arena.h"
#include "schema/document.h"

#define NO_COLUMN UINT32_MAX
/* Attributes with this source model, or none, have options of their own. */
#define IMPORT_OPTIONS_MODEL "eav/entity_attribute_source_table"
#define IMPORT_GALLERY       "catalog_product_entity_media_gallery"
/* Ids that a dry run gives are above: no shop has come so far. */
#define IMPORT_MADE_UP (UINT64_C(1) << 62)

/* A column of ids that are the source's, and are to be the destination's. */
struct import_reference {
    const struct catalogue_reference *rule; /* NULL: the column that links a row to its parent */
    uint32_t source, target;                /* ordinals */
    uint32_t type;                          /* in the registry */
    enum catalogue_form form;
    bool required; /* a row without it makes no sense */
    bool parent;   /* the link */
    bool own;      /* names a row of the same table */
    bool word;     /* what is no number stays */
    uint32_t when; /* source ordinal of the column that `when` asks, NO_COLUMN: none */
    const struct catalogue_entity *when_of; /* what that column names, told by its natural key … */
    uint32_t when_type;                     /* … in the registry; NULL: `when` says values */
    /* Rows that follow each other often name the same one. As of im->turn: */
    uint64_t turn;
    const uint8_t *last;    /* the value that was looked up, NULL none … */
    const uint8_t *last_to; /* … or resolved, and to what */
};

/* A column whose values hold ids. */
struct import_document {
    const struct document_format *format;
    uint32_t source, target;
    uint32_t beside, beside_target; /* the column that is needed, too; NO_COLUMN: none */
};

/* A column whose values are encrypted under the source's key. */
struct import_encrypted {
    const struct catalogue_encrypted *rule;
    uint32_t source, target;
    uint32_t when; /* source ordinal of the column that `when` asks, NO_COLUMN: none */
};

/* How the destination's row is told: a column of the table's own, or a value that belongs to the
 * row in another table. */
struct import_part {
    const struct catalogue_part *rule;
    uint32_t source, target; /* ordinals, own columns only */
    /* Two parts of which one does: the catalogue's `or`, in identities. */
    enum { PART_ALONE, PART_FIRST, PART_SECOND } place;
};

struct import_table {
    struct import *im;
    const struct catalogue_entity *entity;
    const struct catalogue_table *entry;
    struct target_table *target;
    uint64_t target_version;
    uint32_t source_count; /* columns at the source, that it was compiled for */
    char **names;          /* … theirs */
    uint8_t *flags;
    bool root;
    uint32_t place; /* of the entity in the catalogue */
    bool selected;  /* the filter asks for the entity */
    uint32_t order; /* place among all tables of the catalogue */
    bool may_round; /* decimals come that some column has fewer of */
    /* by checks, triggers or other columns, which see what a row has for a moment */
    enum { LOOKED_AT_NOT_KNOWN, LOOKED_AT, NOT_LOOKED_AT } looked_at;
    uint32_t *from; /* per column of the target: source ordinal, or NO_COLUMN */
    uint32_t *key;  /* source ordinals that tell rows apart there */
    uint32_t key_count;
    bool has_key;                  /* … by a key of the source's; else by `parts` */
    uint32_t id_source, id_target; /* its own id, which others hold; NO_COLUMN: none */
    uint32_t type;      /* of these ids in the registry; UINT32_MAX: they are not in it */
    uint32_t root_type; /* … of the ids of the entity's roots */
    bool new_ids;       /* the destination gives the ids */
    uint32_t link_source, link_target; /* NO_COLUMN: a root */
    uint32_t parent_type;
    uint32_t attribute; /* source ordinal of attribute_id in tables of values, else NO_COLUMN */
    struct {            /* in the list of attributes: source ordinals; code NO_COLUMN elsewhere */
        uint32_t code, input, model;
    } own_attribute;
    uint32_t store; /* source ordinal of store_id, else NO_COLUMN */
    uint32_t value; /* … of value */
    /* of the target, worked out here when rows are written; NO_COLUMN: none */
    uint32_t children, has_options, required_options;
    struct import_document *documents;
    uint32_t document_count;
    uint32_t *unsigned_here; /* ordinals of the target, of columns that are signed at the source */
    uint32_t unsigned_count;
    struct import_encrypted *encrypted;
    uint32_t encrypted_count;
    struct import_reference *references;
    uint32_t reference_count;
    struct import_part
        *parts; /* what tells rows apart at the destination; none: the registry alone */
    uint32_t part_count;
    struct outbox_table *told; /* for hooks, NULL: not yet */
    struct source_table *seen; /* with the source's columns, of view.c; NULL: not yet */
    struct arena arena;
    struct import_table *next;
};

enum row_state {
    ROW_WAITS,   /* for another row of its table */
    ROW_OPEN,    /* translated, not yet looked for */
    ROW_NEW,     /* is not at the destination */
    ROW_FOUND,   /* is; `place` tells where */
    ROW_WRITTEN, /* done, or nothing to do */
    ROW_LEFT,    /* is not written: what it refers to is not here, or its entity is left as it is */
};

struct import_row {
    struct import_table *table;
    const struct change *origin; /* the last change that went into it */
    struct import_entity *entity;
    enum change_op op;
    enum row_state state;
    bool fresh;                      /* was ROW_NEW */
    bool gone;                       /* it is registered, and the destination has deleted it */
    bool written;                    /* by us: it was not only found */
    bool removed;                    /* … or deleted, as the source did */
    bool waits;                      /* something of it is deferred */
    bool dying;                      /* its entity is deleted in the same transaction */
    bool filled_in;                  /* `changed` is what was deferred */
    bool retyped;                    /* an option, found by its title under another type */
    uint32_t emptied;                /* encrypted values that could not be */
    const uint8_t **before, **after; /* by source ordinal; NULL pointers: not sent */
    const uint8_t **was, **values; /* by target ordinal, in the destination's ids; NULL: not set */
    uint64_t *same;        /* bits by target ordinal: the destination has the value, NULL none */
    uint64_t *changed;     /* of an update that is not whole: bits by target ordinal */
    const uint8_t **place; /* values of the target's row_key */
    const char *namesake;  /* another id of the source, whose row has its natural key; NULL none */
    struct slice id;       /* its own, as text; len 0 none */
    uint64_t target_id;
    uint64_t old_id;            /* that it had here before it was deleted there, or here; 0: none:
                                   rows may hang on it still */
    struct import_row *parent;  /* in the segment; NULL: it is not */
    struct import_row *next;    /* in the segment's table of rows by their key … */
    struct import_row *next_id; /* … and by their id */
    struct import_row *next_of_entity;
    uint64_t hash;
};

enum import_policy {
    IMPORT_WRITE,
    IMPORT_REFER, /* rows that are there stay as they are, others are made */
    IMPORT_MATCH, /* nothing is written; what is there is registered, so that others find it */
};

/* A table whose rows are all here, of an entity that is not whole. */
struct import_whole_table {
    const struct catalogue_table *entry;
    const uint8_t **values; /* … which have these, by source ordinal; NULL pointers: any */
    struct import_whole_table *next;
};

struct import_entity {
    const struct catalogue_entity *entity;
    const struct import_table *table; /* one of its tables */
    struct slice key;                 /* as text */
    struct import_row *root;
    struct import_row *rows; /* all of it in the segment */
    bool found;              /* its root's row is at the destination */
    bool whole;              /* its rows are all that it has; in parts, these with what comes */
    bool matched;            /* the destination's own, found by its natural key, now or earlier */
    uint32_t type;           /* of the registry */
    bool here;               /* the registry has it … */
    uint64_t target;         /* … as this row of the destination, before the segment */
    bool left;               /* its root cannot be written */
    const char *became;      /* created …, where that is logged; NULL: not told */
    enum { USE_NOT_ASKED, IS_NOT_USED, IS_USED } use; /* of one that the source deletes */
    struct import_whole_table *whole_tables;
    enum import_policy policy;
    struct import_entity *next;
    uint64_t hash;
};

/* An attribute of EAV as the destination has it. */
struct import_attribute {
    uint64_t id;
    char type[64];                                     /* of entity: catalog_product … */
    char code[64], input[32], backend[16], model[128]; /* the latter: source_model */
    bool options;                                      /* has its own */
};

/* What a row of the destination is known by, where `when` asks for that. */
struct import_known_code {
    const struct catalogue_entity *entity;
    uint64_t id;
    char code[64];
    struct import_known_code *next;
};

/* A column that is filled in when the row that it names is there. */
struct deferred {
    struct import_row *row;
    const struct import_reference *reference; /* or */
    const struct import_document *document;
    bool held; /* the row has a number in the place of the one to come */
    struct deferred *next;
};

struct aftermath;
struct sequences;
struct reviews;
struct seen;
struct come;
struct large;
struct unsure;
struct unfinished;
struct orphans;
struct encryption;
struct nameless;
struct freed_ids;
struct import_left;
struct media;
struct namesakes;
struct postponed;

enum {
    IMPORT_LEFT_BUCKETS = 1 << 12,
    IMPORT_TOLD_DOCUMENTS = 1 << 12,
    IMPORT_DUPLICATE = 1062, /* of a unique value: the server's number */
};

struct import {
    struct import_options options;
    struct aftermath *aftermath;
    struct sequences *sequences;
    struct reviews *reviews;
    struct seen *seen;
    struct come *come;
    struct large *large;
    struct unsure *unsure;
    struct unfinished *unfinished;
    struct orphans *orphans;
    struct encryption *encryption;
    struct nameless *nameless;
    struct freed_ids *freed;
    struct namesakes *namesakes;
    struct postponed *postponed;
    struct media *media; /* files that rows name; NULL: they are not looked at */
    bool files_due;      /* the range was written, but for files, and is to be rolled back */
    MYSQL *source;       /* to ask it what it has; NULL: not yet */
    bool keys_known;     /* foreign keys that only it has are derived */
    MYSQL *db;
    const struct db_server *server;
    struct target *target;
    struct writer *writer;
    uint64_t increment; /* of the destination's own numbering */
    struct registry *registry;
    uint32_t attribute_type; /* of ids of attributes there */
    struct import_table *tables;
    struct import_attribute *attributes; /* by id */
    uint32_t attribute_count;
    bool attributes_known;
    bool attributes_written;         /* … by the segment in hand */
    struct import_known_code *codes; /* that it asks for */
    bool *scope;                     /* by place of the entity: is it imported, or referred to? */
    bool *makes;                     /* … and is what it is mapped to made where it is missing? */
    unsigned *deletions, *missing;   /* by place: enum config_delete, enum config_missing */
    struct import_counts *counts, *pending; /* by place of the entity in the catalogue */
    struct import_counts *marked;           /* `pending` at import_mark */
    const struct import_view *view;         /* of the range in hand, NULL none */
    struct import_left *left[IMPORT_LEFT_BUCKETS];
    uint32_t held; /* of these, with `why` */
    /* values that cannot be read, of which it was told: hashes, each at its own place */
    uint64_t told_documents[IMPORT_TOLD_DOCUMENTS];

    /* the segment in hand, in `arena` */
    struct arena arena;
    struct arena rekeyed;     /* … and what lasts as long as the range */
    struct import_row **rows; /* in the order of tables, then of coming */
    uint32_t row_count, row_cap;
    struct import_row **buckets, **by_id;
    struct import_entity **entities;
    struct import_entity **entity_list;
    uint32_t entity_count, entity_cap;
    struct deferred *deferred;
    /* products of the range, "1,2,3", of whose custom options something is told, and those of both
     * shops which got some */
    struct buf told_options, shown_options;
    struct buf became;     /* log lines, until the commit */
    size_t became_at_mark; /* how much of it */
    bool part;             /* the range is part of a transaction */
    bool goes_on;          /* another range follows in the destination's */
    bool begins;           /* nothing is taken yet of the transaction in hand */
    uint64_t begun_ms;     /* the range in hand */
    bool duplicate;        /* the error is one of on_duplicate */
    bool doubts;           /* the range is tried again, and the registry is not believed */
    bool collides;         /* … and a unique value was another row's */
    bool keys_unchecked;   /* statements are run with foreign key checks off */
    uint64_t *dying;       /* entities that the transaction in hand deletes: hashes, sorted */
    uint32_t dying_count, dying_cap;
    uint64_t turn;        /* see import_reference */
    uint64_t made_up;     /* the last id that a dry run has given */
    uint64_t left_rows;   /* rows that were left out since what they refer to is not here */
    bool remembers;       /* what may come by another run: see incomplete.h */
    bool remembers_texts; /* … of what texts name, that which may come at all */
    /* does datasync_incomplete have anything of the source's system? */
    enum { INCOMPLETE_NOT_ASKED, NONE_INCOMPLETE, SOME_INCOMPLETE } incomplete_rows;
    bool remembers_unchecked; /* … and later, as it is named with foreign key checks off */
    struct buf incomplete;    /* … values of rows for datasync_incomplete */
    struct buf elsewhere;     /* by type of the registry: enum elsewhere, a byte each */
    struct counters *counters;
};

/* Are its rows to be as they come? Else it is only referred to. */
bool import_is_asked_for(const struct import_entity *e);
/* Does what the destination has of it stay where the source has nothing? What a stream follows was
 * merged, if at all, when it was copied. */
bool import_is_merged(const struct import *im, const struct import_entity *e);
/* A copy brings it for the second time: it was counted at the first. */
bool import_comes_again(const struct import_row *row);
int import_no_memory(struct ds_error *err);

/* --- values: raw ones are as in messages, NULL: not set --- */
/* As text: numbers in decimal, NULL as nothing. *null tells. `scratch` may hold it. */
struct slice import_text(const uint8_t *raw, char scratch[32], bool *null);
bool import_is_null(const uint8_t *raw);              /* also: not set */
bool import_is_zero(const uint8_t *raw);              /* NULL, 0, or empty */
bool import_same(const uint8_t *x, const uint8_t *y); /* both set, and the same bytes */
const uint8_t *import_number(struct arena *arena, uint64_t v);
const uint8_t *import_string(struct arena *arena, const void *p, size_t len, bool binary);
extern const uint8_t import_null[1];

/* --- table.c --- */
/* NULL in *out: rows of the table are not imported. */
uint32_t import_source_column(const struct import_table *t, const char *name);
/* The destination's table that the shop calls so; NULL: there is none. */
const struct target_table *import_shop_table(const struct import *im, const char *name);
/* NULL: it is none of the entity's. */
const struct catalogue_table *import_catalogue_table(const struct catalogue_entity *e,
                                                     const char *name);
/* The table through which its rows hang on the entity. */
const struct catalogue_table *import_parent(const struct catalogue_entity *e,
                                            const struct catalogue_table *entry);
/* Ids of that table are in the registry: under which name? NULL: they are the same at both sides.
 */
const char *import_type_name(const struct catalogue_entity *e, const struct catalogue_table *t);
/* Of other tables than the entity's root? */
bool import_has_members(const struct catalogue_entity *e);
/* has_rows: some come, else the destination may lack the table. */
int import_table_find(struct import *im, const struct source_table *source, bool has_rows,
                      struct import_table **out, struct ds_error *err);
void import_tables_free(struct import *im);
const struct import_attribute *import_attribute_by_id(const struct import *im, uint64_t id);
/* The attribute of the entity's type that has this code at the destination. */
const struct import_attribute *
import_attribute_by_code(const struct import *im, const struct import_table *t, const char *code);
int import_attributes_load(struct import *im, struct ds_error *err);
/* The row is an attribute that the destination has: are its values in the same table there, and of
 * the same kind? */
int import_check_attribute(struct import *im, const struct import_row *row, struct ds_error *err);

/* --- rows.c --- */
int import_rows_begin(struct import *im, struct ds_error *err);
/* Add a change to the segment. *full: it begins the next one instead. */
int import_rows_add(struct import *im, const struct change *c, bool *full, struct ds_error *err);
/* Sort, find parents and entities' roots. */
int import_rows_end(struct import *im, struct ds_error *err);
struct import_row *import_row_by_id(const struct import *im, uint32_t type, struct slice id);

/* The entity's key that a change says, as text. */
int import_change_key(struct import *im, const struct change *c, struct slice *key,
                      char scratch[32], bool *null, struct ds_error *err);
/* With foreign key checks off a row that gets another id leaves all that hangs on it where it is:
 * it is deleted, and another one is made. Both last until the range is written. NULL: no such
 * change.
 */
int import_rekeyed(struct import *im, const struct change *c, struct change **gone,
                   struct change **made, struct ds_error *err);
/* The source's id of the row that it is about, as text; *null: it has none. */
int import_change_id(struct import *im, const struct change *c, struct slice *id, char scratch[32],
                     bool *null, struct ds_error *err);

/* --- tell.c --- */
/* Hooks are told that the row is written. What goes with a whole entity that comes (drop.c) is told
 * by its root. DS_ENOMEM. */
int import_tell(struct import *im, const struct import_row *row, enum change_op op);

/* What is counted of the transaction in hand. */
void import_forget_counts(struct import *im);

/* --- missing.c --- */
/* Others refer to the entity of the root's row, and it is not here. */
int import_missing(struct import *im, const struct import_row *row, struct import_counts *counts,
                   struct ds_error *err);
/* The same of rows of other tables in [first, end), looked for, of entities that are. */
int import_missing_members(struct import *im, uint32_t first, uint32_t end, struct ds_error *err);

/* --- gone.c --- */
/* The change is of something that is not here, and is not all that there is of it: it is left out.
 */
int import_leave_part(struct import *im, struct import_row *row, struct ds_error *err);
/* Those of rows [first, end), of one table, looked for, that are members and registered. */
int import_leave_parts(struct import *im, uint32_t first, uint32_t end, struct ds_error *err);

/* --- same.c --- */
/* `same` of those of these rows, of one table and found, that come whole. */
int import_compare(struct import *im, struct import_row *const *rows, uint32_t count,
                   struct ds_error *err);

/* --- match.c --- */
/* Which of the open rows in [first, end), of one table, the destination has. */
int import_match(struct import *im, uint32_t first, uint32_t end, struct ds_error *err);
/* The columns of the target's key of table `t`, as a select list, and what that gives. */
int import_select_place(struct buf *sql, const struct import_table *t);
const uint8_t **import_read_place(struct arena *arena, const struct import_table *t, MYSQL_ROW row,
                                  const unsigned long *lengths);
/* A value of the row in another table, from the segment. NULL: there is none. */
const uint8_t *import_value_elsewhere(struct import *im, const struct import_row *row,
                                      const struct catalogue_part *part, const char *attribute);

/* --- match_source.c --- */
/* Has the source a row of this id in the table? */
int match_source_has(struct import *im, const struct import_table *t, struct slice id, bool *has,
                     struct ds_error *err);
/* im->source, which who gets DS_ECONN from it closes. */
int import_connect_source(struct import *im, struct ds_error *err);

/* --- foreign_keys.c --- */
/* Once, when the destination's tables are known. A source that is not there yet may come later … */
int import_look_for_keys(struct import *im, struct ds_error *err);
/* … but before anything is written. */
int import_derive_keys(struct import *im, struct ds_error *err);

/* --- fit.c --- */
/* Does the row fit, as far as the server does not tell, or is not asked (a dry run)? As of
 * writer_step. */
int import_check_fit(const struct import *im, const struct import_row *row, struct ds_error *err);

/* --- namesakes.c --- */
int import_namesakes_new(struct import *im); /* DS_ENOMEM */
void import_namesakes_free(struct import *im);
/* [first, end): rows of a table that were looked for. */
int import_tell_namesakes(struct import *im, uint32_t first, uint32_t end, struct ds_error *err);

/* --- renamed.c --- */
/* The root's row is passed over. */
void import_tell_renamed(const struct import *im, const struct import_row *row);

/* --- incomplete.c --- */
/* May what the row names, and is not here, come later? */
bool import_remembers(const struct import *im, const struct import_row *row);
/* The row names something of the type that is not here; written: in a text. DS_ENOMEM. */
int import_incomplete(struct import *im, const struct import_row *row, uint32_t type,
                      struct slice id, bool written);
/* The entity is to be copied again behind the run. DS_ENOMEM. */
int import_copy_again(struct import *im, const struct import_row *row);
/* Write what is remembered by now, or, unless it is the last, only if it fills a statement. */
int import_incomplete_write(struct import *im, bool last, struct ds_error *err);

/* Rows [first, end), of one table: those that the source deletes wait for nothing, and do not come.
 */
int import_incomplete_gone(struct import *im, uint32_t first, uint32_t end, struct ds_error *err);
/* Entities of the segment that come whole wait for what they name now. */
int import_incomplete_again(struct import *im, struct ds_error *err);

/* --- given_again.c --- */
int import_freed_new(struct import *im); /* DS_ENOMEM */
void import_freed_free(struct import *im);
void import_freed_clear(struct import *im);
/* The row is deleted here. DS_ENOMEM. */
int import_note_freed(struct import *im, const struct import_row *row);
/* The id that the row of the same id had here, which its transaction has deleted; 0: it has not. */
uint64_t import_freed_id(struct import *im, const struct import_row *row);
/* For each transaction, with the changes of it that are at hand, before the first of them. */
int import_remade_begin(struct import *im, const struct change *changes, uint32_t count,
                        struct ds_error *err);
/* A deletion with foreign key checks off of a row that the transaction makes again. */
bool import_is_remade(const struct import *im, const struct change *c);

/* --- unchecked.c --- */
/* Logged with foreign key checks off. */
bool import_is_unchecked(const struct import_row *row);
/* Such a deletion is done: its row is gone here, too, or (stays) is not. DS_ENOMEM. */
int import_note_unchecked(struct import *im, const struct import_row *row, bool stays);
/* It is named so, is not here, and may come. DS_ENOMEM. */
int import_await_unchecked(struct import *im, uint32_t type, struct slice id);
/* What the registry has to be asked for the rows of a segment. DS_ENOMEM. */
int import_want_unchecked(struct import *im);
/* Has the source so deleted the entity, which stays here? Then its other rows do, too. */
bool import_stays_unchecked(const struct import *im, const struct import_entity *e);
/* Rows [first, end), of one table, looked for: those that are made again are as others. */
int import_made_again(struct import *im, uint32_t first, uint32_t end);
/* It is not registered any more. DS_ENOMEM. */
int import_forget_unchecked(struct import *im, const struct import_row *row);
/* Statements from now on: with foreign key checks, or without. */
int import_check_keys(struct import *im, bool check, struct ds_error *err);

/* --- write.c --- */
/* Is the column to be set, of a row that is there already? */
bool import_sets(const struct import *im, const struct import_row *row, uint32_t i);
/* Rows of one table: new ones are inserted and learn their ids, others are updated. */
int import_write_rows(struct import *im, uint32_t first, uint32_t end, struct ds_error *err);
int import_delete_places(struct import *im, const struct import_table *t, const uint8_t ***places,
                         uint32_t count, struct ds_error *err);
/* The same with foreign key checks off: nothing goes with them, and they stay registered. */
int import_delete_alone(struct import *im, const struct import_table *t, const uint8_t ***places,
                        uint32_t count, struct ds_error *err);
/* Update columns of rows that are written. */
int import_update_columns(struct import *im, struct import_row *const *rows, uint32_t count,
                          struct ds_error *err);

/* --- exchange.c --- */
/* The same of rows of one table, which may give each other unique values. */
int import_update_exchanging(struct import *im, struct import_row *const *rows, uint32_t count,
                             struct ds_error *err);

/* --- postponed.c --- */
int import_postponed_new(struct import *im); /* DS_ENOMEM */
void import_postponed_free(struct import *im);
void import_postponed_mark(struct import *im);
void import_postponed_go_back(struct import *im);
void import_postponed_committed(struct import *im);
void import_postponed_rolled_back(struct import *im);
/* Rows of one table, to be updated: what others have still is left out of `changed`, and rows which
 * that leaves nothing to, out of the list. */
int import_postpone_updates(struct import *im, struct import_row **rows, uint32_t *count,
                            struct ds_error *err);
/* … to be inserted: they get a value that is nobody's. */
int import_postpone_inserts(struct import *im, struct import_row *const *rows, uint32_t count,
                            struct ds_error *err);
/* These have their ids. */
void import_postponed_inserted(struct import *im);

/* --- missed.c --- */
int import_come_new(struct import *im); /* DS_ENOMEM */
void import_come_free(struct import *im);

/* --- counted.c --- */
/* It is decided what becomes of the root's entity, and counted, since `before`: that does not count
 * if this run of a stream has counted it already. DS_ENOMEM. */
int import_count_root(struct import *im, const struct import_row *row, struct import_counts *counts,
                      const struct import_counts *before);
/* The segment is written: entities of which only members have changed are counted. DS_ENOMEM. */
int import_count_members(struct import *im);

/* became.c: what is logged of each entity, with -vv */
void import_note_became(struct import_entity *e, const struct import_counts *c,
                        const struct import_counts *before);
/* Of the segment's entities. DS_ENOMEM. */
int import_write_became(struct import *im);
void import_log_became(struct import *im);

#include "applier/import/aftermath.h"

/* places.c */
/* By which an id of a kind is known again without itself: a kind for a seed would make one number
 * of "12" of one kind and "13" of the next. */
uint64_t import_hash(uint64_t kind, struct slice id);

#endif
