/* What a step of a migration reads: both servers, and documents of both, whole. Main thread. */
#ifndef CLI_MIGRATE_SIDES_H
#define CLI_MIGRATE_SIDES_H

#include "agent/cli/migrate.h"
#include "agent/whole_table.h"
#include "applier/map/map_row.h"
#include "applier/target.h"

/* Both servers, each as of one moment. */
struct step_sides {
    struct snapshot_source source, destination;
};
/* To be closed in any case. `at`: NULL, or gets the position that the source is read at. */
int step_sides_open_at(struct step_sides *s, const struct config *config, struct position *at,
                       struct ds_error *err);
int step_sides_open(struct step_sides *s, const struct config *config, struct ds_error *err);
void step_sides_close(struct step_sides *s);
/* Has the connection's database a table with this name behind the prefix? */
int step_has_table(MYSQL *db, const char *prefix, const char *document, bool *has,
                   struct ds_error *err);
/* Documents that a side lacks are told. *good: none. */
int step_side_check(struct snapshot_source *side, bool source, const char *prefix,
                    const char *const *documents, bool *good, struct ds_error *err);

struct map_findings;
/* Told as what does not fit, with --auto as warnings; sorts them. *good: false if any is no warning
 * without; g->stuck: --auto does not go past one. DS_ENOMEM. */
int step_tell_findings(struct migrating *g, struct map_findings *findings, bool *good,
                       struct ds_error *err);
/* What a step goes by. */
struct step_rules {
    const char *step, *option; /* its class, and what names the map in config.xml */
    const struct map *map;
    struct target *const *schema; /* by enum map_side */
    const char *const *documents; /* of the source; NULL behind the last */
};
/* Told together: what has no place in the structures of these documents and of what they become,
 * and what rows have shown. --suggest writes rules for it. *good as above. Of the schema only these
 * tables are there afterwards. */
int step_compare_structure(struct migrating *g, const struct step_rules *r,
                           const struct map_findings *rows, bool *good, struct ds_error *err);

/* A document at both sides, whole, and what makes rows of the one rows of the other. */
struct step_table {
    const char *document; /* of the source */
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
struct step_images {
    struct slice *rows;
    size_t count;
};
/* What the source's rows are at the destination; they live in the arena. refused: gets those that a
 * handler refuses, which are left out; NULL: they fail. */
int step_table_images(struct step_table *t, struct arena *arena, struct map_findings *refused,
                      struct step_images *out, struct ds_error *err);
void step_table_free(struct step_table *t);

#endif
