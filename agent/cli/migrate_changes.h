/* What a step of a migration makes of tables of the destination: the rows that are to be there,
 * compared with those that are, as one transaction for the applier. Main thread.
 */
#ifndef CLI_MIGRATE_CHANGES_H
#define CLI_MIGRATE_CHANGES_H

#include "agent/cli/migrate.h"
#include "agent/whole_table.h"
#include "applier/map/map_row.h"
#include "applier/target.h"
#include "schema/message.h"

/* Both servers, each as of one moment. */
struct step_sides {
    struct snapshot_source source, destination;
};
/* To be closed in any case. `at`: NULL, or gets the position that the source is read at. */
int step_sides_open_at(struct step_sides *s, const struct config *config, struct position *at,
                       struct ds_error *err);
int step_sides_open(struct step_sides *s, const struct config *config, struct ds_error *err);
void step_sides_close(struct step_sides *s);
/* Documents that a side lacks are told. *good: none. */
int step_side_check(struct snapshot_source *side, bool source, const char *prefix,
                    const char *const *documents, bool *good, struct ds_error *err);

struct map_findings;
/* Told as what does not fit, with --auto as warnings; sorts them. *good: false if any is no warning
 * without. DS_ENOMEM. */
int step_tell_findings(const struct migrating *g, struct map_findings *findings, bool *good,
                       struct ds_error *err);
/* Structures of these documents of the source (NULL behind the last), and of what they become, by
 * the map of a step: what has no place is told. schema: by enum map_side; of it only these tables
 * are there afterwards. */
int step_compare_structure(const struct migrating *g, const struct map *map,
                           struct target *const schema[2], const char *const *documents, bool *good,
                           struct ds_error *err);

/* A document at both sides, whole, and what makes rows of the one rows of the other. */
struct step_table {
    struct whole_table from, here;
    const struct target_table *target;
    struct map_row *row;
};

struct step_table_options {
    struct step_sides *sides;
    const struct target *schema; /* of the destination */
    const struct config *config;
    const struct map *map;
    const struct map_facts *facts;
    const char *document; /* of the source */
    uint32_t number;      /* of its table at the destination, another one for each */
    const char *where[2]; /* by enum map_side: conditions on rows; NULL: all */
    bool alone; /* rows that handlers give of other documents are left out, else they fail */
};

/* To be freed in any case. DS_ERETRY: it was dropped meanwhile. */
int step_table_open(struct step_table *t, const struct step_table_options *o, struct ds_error *err);
/* What the source's rows are at the destination. They live in the arena. */
int step_table_images(struct step_table *t, struct arena *arena, struct slice **images,
                      struct ds_error *err);
void step_table_free(struct step_table *t);

struct row_changes {
    struct buf statements; /* of DDL, each with a NUL behind it: run one by one before the rows */
    struct buf messages, deletes; /* one behind the other; deletes of later tables first */
    uint64_t inserted, updated, deleted;
};

struct wanted_rows {
    const struct whole_table *here;
    const struct slice *rows; /* images, each of another key; what is absent of one stays as it is,
                                 or gets its default */
    size_t count;
    bool only;                         /* rows of other keys go */
    bool without_keys;                 /* foreign keys do nothing: what they lead to is here, too */
    bool deletes_cascade;              /* … but when rows go */
    const struct target_table *target; /* NULL: no value that is unique moves to another row */
    void *arg;
    /* For each row that is not as it is to be, with its image as it will be, or has been; NULL:
     * nobody asks. */
    void (*tell)(void *arg, enum change_op op, struct slice image);
};

/* CREATE TABLE and the like; names are the destination's, without a database. */
int row_changes_add_statement(struct row_changes *c, const char *sql, struct ds_error *err);
int row_changes_add(struct row_changes *c, const struct wanted_rows *w, struct ds_error *err);
/* Have the applier write them, whatever else the configuration says of filters and maps, which is
 * about the source's rows; nothing if there is nothing to write. g->code, g->stopped and *good say
 * how it went. */
int row_changes_write(struct migrating *g, const struct row_changes *c, bool *good,
                      struct ds_error *err);
void row_changes_free(struct row_changes *c);

#endif
