/* Whole entities, read from the source's tables, as messages: for imports.
 *
 * Like a snapshot, entity_copy reads as of one position. What it hands out is a stream of
 * transactions, one per entity: begin; a delete of the root, flagged CHANGE_COPIED, which says that
 * what follows is all that the entity has; its rows as inserts, what others lead to first; commit.
 * Positions count the entities: file "copy.000001", offset n. Entities stand in order of
 * dependency; of one kind in the order of their keys, or of their depth in a tree. What rows refer
 * to in entities of the same kind (a configurable product's children) may come later than they:
 * such rows come once more at the end of their kind, without the delete. So do, at the end of all,
 * pages and blocks, whose texts name products and categories.
 *
 * What rows refer to in kinds that are not asked for comes before them, the root's row alone: an
 * import recognises it by its natural key. What it knows by its id is left out.
 *
 * What they bring along (`brings` of the catalogue), and nobody has asked for as such, comes before
 * them, too, whole.
 *
 * A condition on a root's table holds for the whole entity, one on another table for its rows.
 *
 * Before what is asked for comes what it refers to and an import maps by code or name (websites,
 * stores, attributes, categories …), so that the applier can tell their ids.
 *
 * Of a selection that lists entities kind by kind, those come first that the source has no more, as
 * deletions of their roots, what hangs on others before these. Then the rest as above; what is not
 * listed is then only referred to, also where the filter asks for its kind.
 *
 * Blocks on the caller's thread; memory is bounded by some hundred entities at a time, and the ids
 * that are listed.
 */
#ifndef AGENT_ENTITY_COPY_H
#define AGENT_ENTITY_COPY_H

#include "agent/snapshot.h"
#include "agent/source.h"

/* One that may have changed, or gone. */
struct changed_id {
    const char *id;   /* key of its root */
    const char *name; /* what it was called (SKU …) when it went; NULL: not known */
};

struct entity_ids {
    const struct catalogue_entity *entity;
    const struct changed_id *items; /* by id, in the order of strcmp, each once */
    size_t count;
};

struct entity_selection {
    bool listed; /* these, and nothing else below */
    const struct entity_ids *kinds;
    size_t kind_count;

    bool references; /* what others refer to and an import maps, and nothing of what is asked for */

    const char *const *ids; /* keys of roots; NULL: all */
    size_t id_count;
    const char *const *increment_ids;
    size_t increment_id_count;
    const char *date_from, *date_to; /* YYYY-MM-DD, modified within; NULL: any time */
    uint64_t limit;                  /* per kind of entity; 0: none */
};
/* Does it leave out some of a kind that is asked for? */
bool entity_selection_takes_some(const struct entity_selection *s);

/* Which of these does the destination know, by the ids of their roots? They need not come to be
 * recognised. is[0…count): set by it. On the caller's thread. */
struct entity_known {
    void *arg;
    void (*ask)(void *arg, const struct catalogue_entity *e, const struct slice *ids, bool *is,
                size_t count);
};

struct entity_copy_options {
    const struct config *config;
    const struct catalogue *catalogue;
    const struct filter *filter; /* which entities and tables, and of these which rows */
    struct masker *masker;       /* NULL: values travel as they are */
    struct entity_selection selection;
    uint32_t number; /* of the copy: its positions are in file "copy.00000n", so behind all of those
                        of copies with lower numbers; from 1 */
    bool follows;    /* a stream follows: the last commit stands at the source's position */
    const struct entity_known *known; /* NULL: not known; all that is referred to comes */
    /* as in snapshot_options */
    void *arg;
    int (*put)(void *arg, const void *message, size_t len, struct ds_error *err);
    /* An entity ends: what came so far is whole as of this position. */
    int (*mark)(void *arg, const struct position *at, struct ds_error *err);
    /* All that is listed of this kind is handed out, as of this position. May be NULL. */
    int (*kind_done)(void *arg, const struct catalogue_entity *e, const struct position *at,
                     struct ds_error *err);
    bool (*stop_requested)(void *arg);
    /* The kind in hand, entities that have been handed out, of all kinds, and how many it will have
     * been, about; 0: not known. */
    void (*progress)(void *arg, const char *entity, uint64_t done, uint64_t count);
};

/* The number of the copy that this position is of; 0: it is of none. */
uint32_t entity_copy_number(const struct position *p);

/* *end: the position after the last entity, or the source's, (caller: position_free). Errors as of
 * snapshot_run; DS_EUSAGE: a selection that the entity has no column for. */
int entity_copy(const struct entity_copy_options *o, struct position *end, struct ds_error *err);

/* Tables and columns that the source's account may not read, of all that is to be copied, by an
 * import or a mirror (config->mode): each is told as what would stop it, or be missing. `source`: a
 * connection to its database. */
int entity_check_hidden(const struct config *config, const struct catalogue *catalogue,
                        const struct filter *filter, MYSQL *source, finding_callback found,
                        void *arg, struct ds_error *err);

#endif
