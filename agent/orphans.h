/* Rows of a database that name, by a foreign key, rows that are not there. Foreign keys are not
 * checked in sessions that say so, and shops have written in such for years. Main thread.
 */
#ifndef AGENT_ORPHANS_H
#define AGENT_ORPHANS_H

#include <mysql.h>
#include <stdbool.h>
#include <stdint.h>

#include "schema/error.h"

enum { ORPHANS_TOLD = 100 };

struct orphans { /* of one foreign key */
    const char *child, *parent;
    const char *columns; /* of the child, as SQL */
    const char
        *ids; /* up to ORPHANS_TOLD of those that are missing: "3,7"; of several columns "3/7" */
    uint64_t rows, missing; /* rows that name one; different ones that they name */
};

/* All foreign keys between tables of the database that the connection is in. found: for each that
 * has orphans; valid during the call. Both sides of each key are read whole. */
struct orphans_options {
    MYSQL *db;
    void *arg;
    void (*found)(void *arg, const struct orphans *o);
};
int orphans_find(const struct orphans_options *o, struct ds_error *err);

#endif
