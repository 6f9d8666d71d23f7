/* The registry: which row of the destination a source's row became (datasync_entity_registry).
 *
 * Look-ups are in batches: `want` what will be asked for, `load`, then `find`. What was found is
 * kept, up to a bound; what is added is known at once and written by `flush`, in the open
 * transaction, which must come before its COMMIT. After a roll-back nothing that was kept counts
 * (registry_forget). Ids are text, compared byte by byte, and written as registry_key.h says. One
 * owner, the applier's thread.
 *
 * A type is what ids are of: an entity's name for its root, a table's name for other tables.
 */
#ifndef APPLIER_IMPORT_REGISTRY_H
#define APPLIER_IMPORT_REGISTRY_H

#include <mysql.h>
#include <stdbool.h>
#include <stdint.h>

#include "schema/buf.h"
#include "schema/error.h"

enum origin { ORIGIN_CREATED, ORIGIN_MATCHED };

struct registered {
    bool found; /* false: the registry has not got it … */
    bool gone;  /* … any more: it was doubted */
    enum origin origin;
    uint64_t target;
};

struct registry;
/* Both names are kept as pointers. */
/* dry: what is added is known and never written, and nothing is forgotten. */
int registry_new(struct registry **out, const char *state_database, const char *source_system,
                 bool dry, struct ds_error *err);
void registry_free(struct registry *r);
/* A new connection. A dry run may find no registry there: it is empty then. */
int registry_attach(struct registry *r, MYSQL *db, bool mariadb, struct ds_error *err);

/* The number of a type, from 0; its name is copied. UINT32_MAX: out of memory. */
uint32_t registry_type(struct registry *r, const char *name);

/* As long as the registry lives, nobody else adds ids of the type. */
void registry_own(struct registry *r, uint32_t type);
/* NULL: there is no such type. */
const char *registry_type_name(const struct registry *r, uint32_t type);
/* A type for each of others, with ids of theirs whose rows may be missing at the destination: its
 * name with this behind it. */
#define REGISTRY_UNCHECKED ":unchecked"
/* Until the next registry_believe, what is loaded of the type must exist in this table at the
 * destination, by this column; what does not, and may not be missing, is removed from the registry,
 * with a warning. */
int registry_doubt(struct registry *r, uint32_t type, const char *table, const char *column);
void registry_believe(struct registry *r);

int registry_want(struct registry *r, uint32_t type, struct slice id);
int registry_load(struct registry *r, struct ds_error *err);
/* What load has found or add has said; NULL: never asked for. Valid until forget. */
const struct registered *registry_find(const struct registry *r, uint32_t type, struct slice id);
/* external_ref may be NULL. */
int registry_add(struct registry *r, uint32_t type, struct slice id, uint64_t target,
                 enum origin origin, struct slice external_ref);
/* The row is gone. */
int registry_remove(struct registry *r, uint32_t type, struct slice id);
/* "EXISTS (SELECT … WHERE … AND r.target_id = ": some source id of the type became that row; the
 * value and a ")" are to follow. */
int registry_condition(const struct registry *r, uint32_t type, struct buf *sql);
/* The same, with this origin. */
int registry_condition_origin(const struct registry *r, uint32_t type, enum origin origin,
                              struct buf *sql);
/* The same: some id of another source did. */
int registry_condition_others(const struct registry *r, uint32_t type, struct buf *sql);
/* The next source ids of the type in their order, behind this one: source_id. Flushes. NULL: an
 * error. */
MYSQL_RES *registry_ids(struct registry *r, uint32_t type, struct slice behind, uint32_t limit,
                        struct ds_error *err);
/* Source ids of the type whose rows at the destination are in `ids`, "1,2,3" or a SELECT:
 * source_id, origin, target_id. Flushes. NULL: an error. */
MYSQL_RES *registry_of_targets(struct registry *r, uint32_t type, const char *ids,
                               struct ds_error *err);
/* Which of these rows ("1,2,3") another source has, too: target_id, source_system. NULL: an error.
 */
MYSQL_RES *registry_of_others(const struct registry *r, uint32_t type, const char *ids,
                              struct ds_error *err);
/* Has one of these rows several source ids? Flushes. */
int registry_shared(struct registry *r, uint32_t type, const char *ids, bool *shared,
                    struct ds_error *err);
/* Remove all source ids of the type whose rows at the destination are in `ids`: "1,2,3", or a
 * SELECT. Another source that has one of them, too, is from now on the one that it came from.
 * Flushes. */
int registry_remove_targets(struct registry *r, uint32_t type, const char *ids,
                            struct ds_error *err);
/* Is there anything to write? */
bool registry_waits(const struct registry *r);
/* Write what was added and removed: when it returns, that may still be on its way (db_later.h). */
int registry_flush(struct registry *r, struct ds_error *err);
/* The transaction was rolled back, or much is kept: forget all. */
void registry_forget(struct registry *r);
/* After COMMIT: forget if much is kept. */
void registry_trim(struct registry *r);

#endif
