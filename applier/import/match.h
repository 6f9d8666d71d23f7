/* Inside the look-up of rows at the destination (match*.c). Not for others.
 *
 * match.c knows the order in which a row is looked for; match_parts.c what tells it;
 * match_identity.c looks in memory, among the rows of the same parents, match_natural.c asks the
 * server; match_nameless.c knows roots that have no natural key.
 */
#ifndef APPLIER_IMPORT_MATCH_H
#define APPLIER_IMPORT_MATCH_H

#include "applier/import/claims.h"
#include "applier/import/import_internal.h"
#include "applier/import/key_list.h"

enum { KEYS_PER_QUERY = 4000 };

/* A row of the destination. */
struct candidate {
    struct slice key; /* its parts */
    const uint8_t **place;
    uint64_t id;
    bool taken, registered;
    bool kept; /* by another id that the source still has */
    uint64_t hash;
    struct candidate *next;  /* in its bucket */
    struct candidate *after; /* as they came */
};

struct matching {
    struct import *im;
    struct import_table *t;
    uint32_t first, end;
    struct claims claims; /* empty: rows have no id by which they can be told */
    struct candidate **buckets, *candidates, **last;
    uint32_t common; /* column of the target, of whose values in rows the candidates are */
    struct buf sql, key;
    struct key_list keys; /* of the query in hand */
    bool loose;           /* own columns but the link to the parent are not asked for */
};

/* --- match.c --- */
/* Found by what it is, not by the registry, which learns it. */
int match_recognised(struct matching *m, struct import_row *row, struct candidate *c,
                     struct ds_error *err);
/* May the row be this one? */
bool match_is_free(struct matching *m, const struct candidate *c, const struct import_row *row);
/* A stream has told of all that is gone at the source: what is registered is another row, even if
 * that is not in the segment. A copy has not. */
bool match_asks_registry(const struct matching *m);
/* `, is it registered?` */
int match_select_registered(const struct matching *m, struct buf *sql);
/* Its parent, if it has one, was there before: it may have rows. */
bool match_has_old_parent(const struct import_row *row);

/* --- match_source.c --- */
/* Is the source to be asked whether it has what the registry knows? */
bool match_asks_source(const struct matching *m);
/* … of a row that has the natural key of one which it knows? */
bool match_asks_source_of(const struct matching *m, const struct import_row *row);
/* Says c->kept of a registered one that has the row's natural key, and row->namesake. */
int match_ask_source(struct matching *m, struct candidate *c, struct import_row *row,
                     struct ds_error *err);

/* --- match_parts.c --- */
int match_sql_column(struct buf *sql, const char *alias, const char *name);
/* Raw value of part i, NULL: there is none. `second`: of what does as well. */
const uint8_t *match_part_value(const struct matching *m, const struct import_row *row, uint32_t i,
                                bool second);
/* `x`, and the JOIN that x needs. DS_ESCHEMA: the destination has no such thing. */
int match_part_expression(const struct matching *m, uint32_t i, bool second, const char *join,
                          struct buf *select, struct buf *joins, struct ds_error *err);
/* The column that part i is compared with; NULL: none there. */
const struct target_column *match_part_column(const struct matching *m, uint32_t i, bool second);

/* --- match_identity.c --- */
int match_identity(struct matching *m, struct ds_error *err);
/* The next part of a candidate's key; p NULL: it is NULL. */
struct slice match_next_part(const uint8_t **at);
/* What the row has in part i; NULL: nothing. */
const uint8_t *match_identity_value(const struct matching *m, const struct import_row *row,
                                    uint32_t i);
/* Is the row still to be looked for among the candidates? */
bool match_may_be_there(const struct matching *m, const struct import_row *row);

/* --- match_alike.c --- */
int match_alike(struct matching *m, struct ds_error *err);

/* --- match_nameless.c --- */
/* Has it no natural key? */
bool match_is_nameless(const struct matching *m, const struct import_row *row);
int match_nameless(struct matching *m, struct ds_error *err);

/* --- match_natural.c --- */
int match_natural(struct matching *m, struct ds_error *err);

#endif
