/* Rows as a step would write them, into a temporary table of the destination that has the columns
 * of the real one: what the server changes or refuses there it would in the table itself, too. It
 * knows lengths, ranges, character sets, the values of an ENUM and all else. Nothing else is
 * written. Main thread.
 */
#ifndef CLI_MIGRATE_FIT_H
#define CLI_MIGRATE_FIT_H

#include <mysql.h>

#include "agent/cli/migrate_changes.h"
#include "applier/map/map_check.h"
#include "applier/target.h"
#include "schema/buf.h"
#include "schema/config.h"
#include "schema/map.h"

struct fit_row {
    struct slice from;  /* by which `key` tells it */
    struct slice image; /* as the destination gets it */
};

enum {
    FIT_REFUSED = -1,    /* the row is refused; told once, whatever is said of it */
    FIT_ELSEWHERE = -2,  /* a column of another table is meant, which `why` names */
    FIT_REFUSED_BY = -3, /* … by the first handler of the table, and below by the next; so, too */
};

/* Rows that have the same thing wrong. */
struct misfit {
    int32_t column; /* of the destination; or one of the above */
    char why[sizeof((struct ds_error *)0)->message];
    uint64_t rows;
    struct buf keys;
};

struct fit {
    MYSQL *db;
    uint64_t max_packet;
    bool refused; /* temporary tables are not to be had, which was told */
    /* of the table in hand */
    const struct target_table *to;
    struct misfit *misfits;
    size_t count, capacity;
    uint64_t looked_at;
    /* Append the key by which people know a row. */
    int (*key)(void *arg, struct slice from, struct buf *out, struct ds_error *err);
    void *arg;
};

/* To be closed in any case. Errors of the server. */
int fit_open(struct fit *f, const struct config *c, struct ds_error *err);
void fit_close(struct fit *f);
/* The table that rows are for from now on; nothing is known of it. */
int fit_table(struct fit *f, const struct target_table *to, struct ds_error *err);
/* Try them. Errors of the server; DS_EFORMAT, DS_ENOMEM. */
int fit_rows(struct fit *f, const struct fit_row *rows, size_t count, struct ds_error *err);
/* What the caller has found himself. */
int fit_note(struct fit *f, int32_t column, const char *why, struct slice from,
             struct ds_error *err);
/* To the findings all that is wrong with rows of `document`, and forget it. `from`: its table at
 * the source, to name fields; NULL: they have none, nor would a rule help. DS_ENOMEM. */
int fit_findings(struct fit *f, const struct map *map, const char *document,
                 const struct target_table *from, const char *there, struct map_findings *out,
                 struct ds_error *err);
/* A key that an image of the destination's table has itself, for `key`; arg: struct fit. */
int fit_own_key(void *arg, struct slice image, struct buf *out, struct ds_error *err);
/* A finding of one row that a handler refuses, or whose value has no form for its column, of which
 * `err` tells; that is cleared. DS_ENOMEM. */
int fit_refused(struct map_findings *out, const char *document, uint64_t looked_at,
                struct ds_error *err);
/* All rows of a document of a step, through its map. */
int fit_step_table(struct fit *f, const struct step_table *t, const struct map *map,
                   const char *document, const struct target_table *from, const char *there,
                   struct map_findings *out, struct ds_error *err);

#endif
