/* Rows as a step would write them, into temporary tables of the destination that have the columns
 * of the real ones: what the server changes or refuses there it would in the table itself, too. It
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

/* A table whose rows are all known. */
struct fit_tried {
    const struct target_table *table;
    const char *document;
    char sample[40];
};

struct fit {
    MYSQL *db;
    uint64_t max_packet;
    char sample[40]; /* the temporary table, quoted */
    struct fit_tried *tried;
    size_t tried_count, tried_capacity;
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
/* What the rows of a table are of. */
struct fit_document {
    const struct map *map;
    const char *document;            /* of the source */
    const struct target_table *from; /* NULL: its rows have no fields, nor would a rule help */
    const char *there;               /* at the destination; it outlives the fit */
    bool without_keys;               /* they are written without foreign keys */
    struct map_findings *out;
};
/* All rows that a table will have: besides, those that have one key, and those that refer to none
 * of a table that was tried before in this way. Errors of the server, DS_ENOMEM. */
int fit_whole(struct fit *f, const struct target_table *to, const struct row_list *rows,
              const struct fit_document *d, struct ds_error *err);
/* Rows that were tried: those that a CHECK of their table would refuse. Errors as above. */
int fit_checks(struct fit *f, const struct fit_document *d, struct ds_error *err);
/* Are the rows of a table made by nobody here? */
typedef int fit_elsewhere(void *arg, const struct target_table *parent, bool *is,
                          struct ds_error *err);
/* Rows that were tried: those that refer to none of such a table. Errors as above, and those of
 * `elsewhere`. */
int fit_parents(struct fit *f, const struct fit_document *d, fit_elsewhere *elsewhere, void *arg,
                struct ds_error *err);
/* A finding of one row that a handler refuses, or whose value has no form for its column, of which
 * `err` tells; that is cleared. DS_ENOMEM. */
int fit_refused(struct map_findings *out, const char *document, uint64_t looked_at,
                struct ds_error *err);

#endif
