/* Is a map whole: does it lead every table and column of the source to one of the destination, and
 * can the rows be written there as they come? Asked of both servers before anything is written.
 *
 * Tables that the filter leaves out, and what they would become, are none of it. One thread.
 */
#ifndef APPLIER_MAP_MAP_INTEGRITY_H
#define APPLIER_MAP_MAP_INTEGRITY_H

#include <mysql.h>

#include "applier/handlers.h"
#include "applier/map/map_check.h"
#include "applier/target.h"
#include "schema/filter.h"

enum map_told {
    MAP_TOLD_WARNING,
    MAP_TOLD_FAILS, /* the stream must not start with it */
    MAP_TOLD_RULE,  /* … nor can it: a rule that cannot be followed */
};

struct map_integrity {
    const struct config *config;
    const struct filter *filter; /* with a map */
    MYSQL *source, *destination; /* in the source's database; is in the destination's then */
    /* Called for each line. */
    void (*tell)(void *arg, enum map_told told, const char *line);
    /* Called for a foreign key of the source that does more than to forbid, which the destination's
     * table could have, too, and has not: under the destination's names. NULL: nobody asks. */
    int (*missing)(void *arg, const struct derived_key *key, struct ds_error *err);
    /* Called once, with both sides as far as they are asked about: adds what rows show. NULL: none
     * are looked at. */
    int (*look)(void *arg, const struct map_side_schema sides[2], struct map_findings *findings,
                struct ds_error *err);
    bool keys_alone; /* nothing is told: only `missing` is asked, of all documents, those of steps,
                        too */
    /* An import tells itself, table by table, what does not fit: rules alone are looked at, and
     * what one side alone has needs none. */
    bool imports;
    void *arg;
    const char *step;           /* its documents alone; NULL: those that no step has */
    const struct handlers *own; /* of the user; NULL: none */
    struct buf *suggest; /* gets a map.xml with the rules that settle what rules can; NULL: none */
};

/* *fails: how many lines were told that must not be. Errors of the servers; DS_ENOMEM. */
int map_integrity_check(const struct map_integrity *o, unsigned *fails, struct ds_error *err);

#endif
