/* The statements that read and write datasync_entity_registry. For registry.c, which knows what is
 * in memory. The same owner.
 *
 * Writing is done while the caller goes on (db_later.h): entries, and what they point to, must stay
 * until the connection is settled.
 */
#ifndef APPLIER_IMPORT_REGISTRY_STORE_H
#define APPLIER_IMPORT_REGISTRY_STORE_H

#include "applier/import/registry.h"

enum registry_pending { PENDING_NONE, PENDING_LOAD, PENDING_ADD, PENDING_REMOVE };

struct registry_type {
    uint32_t number;
    char *name;
    char *doubt; /* SQL that tells whether r.target_id exists; NULL: believed */
    bool ours;
    enum { NOT_ASKED, IS_HERE /* all that the registry has is in memory */, IS_MORE } known;
    uint32_t wanted;     /* to be loaded */
    uint32_t scanned;    /* ids read in their order, from the first on … */
    struct slice behind; /* … to this one */
    enum { TO_SCAN, ALL_SCANNED, TOO_MANY } scan;
};

struct registry_entry {
    struct registry_type *type;
    struct slice id;
    struct registered is;
    struct slice external_ref;
    enum registry_pending pending;
    bool there; /* the registry has it, or had it */
    uint64_t hash;
    struct registry_entry *next, *next_pending;
};

struct registry_lanes;
struct registry_statement { /* on its way */
    MYSQL *db;
    MYSQL_STMT *insert; /* of the rows in `lanes`; NULL: `sql` */
    struct registry_lanes *lanes;
    struct buf sql;
    uint32_t rows, new_rows; /* none of which may be there; 0: they may */
};

struct registry_store {
    MYSQL *db;
    bool missing; /* there is no such table yet, and a dry run makes none */
    const char *state_database, *source_system;
    struct registry_statement statements[2]; /* they take turns */
    uint32_t turn;
    bool mariadb;       /* it has array binding: half the time */
    MYSQL_STMT *insert; /* NULL: not prepared yet */
};

void registry_store_free(struct registry_store *s);
void registry_store_attach(struct registry_store *s, MYSQL *db, bool mariadb, bool missing);

/* --- reading --- */
/* Is anything of the type there? */
int registry_store_has(const struct registry_store *s, const struct registry_type *type, bool *has,
                       struct ds_error *err);
enum { REGISTRY_IDS_PER_QUERY = 4000, REGISTRY_BYTES_PER_QUERY = 256 << 10 /* of ids, about */ };
/* source_id, target_id, origin, and '0' where the type is doubted and the target is not there, of
 * the ids of `list`, all of the type, linked by next_pending. NULL: an error. */
MYSQL_RES *registry_store_read(const struct registry_store *s, const struct registry_type *type,
                               const struct registry_entry *list, struct ds_error *err);
/* The same columns of the type's next ids behind type->behind, `limit` of them. */
MYSQL_RES *registry_store_scan(const struct registry_store *s, const struct registry_type *type,
                               uint32_t limit, struct ds_error *err);
/* See registry_ids. */
MYSQL_RES *registry_store_ids(const struct registry_store *s, const struct registry_type *type,
                              struct slice behind, uint32_t limit, struct ds_error *err);
/* See registry_of_targets, registry_of_others, registry_shared and registry_condition; origin NULL:
 * any. */
MYSQL_RES *registry_store_of_targets(const struct registry_store *s,
                                     const struct registry_type *type, const char *ids,
                                     struct ds_error *err);
MYSQL_RES *registry_store_of_others(const struct registry_store *s,
                                    const struct registry_type *type, const char *ids,
                                    struct ds_error *err);
int registry_store_shared(const struct registry_store *s, const struct registry_type *type,
                          const char *ids, bool *shared, struct ds_error *err);
/* What of these rows came from this source, and another one has, came from that one. */
int registry_store_hand_over(const struct registry_store *s, const struct registry_type *type,
                             const char *ids, struct ds_error *err);
int registry_store_condition(const struct registry_store *s, const struct registry_type *type,
                             const enum origin *origin, struct buf *sql);
int registry_store_condition_others(const struct registry_store *s,
                                    const struct registry_type *type, struct buf *sql);

/* SQL: may the row of `r` be missing? */
int registry_store_may_be_missing(const struct registry_store *s, struct buf *sql);

/* --- writing --- */
/* All of the list, linked by next_pending, that are to be added, or that are to be removed. */
int registry_store_write(struct registry_store *s, struct registry_entry *list,
                         enum registry_pending pending, struct ds_error *err);

#endif
