/* Row counts and checksums of tables, to tell whether both sides hold the same.
 *
 * Each side is read as it is now: equal content means equal tables only while nothing is written,
 * or when the destination has caught up and waits. Connections belong to the caller; their
 * sql_mode, time_zone and character set are changed. One thread.
 */
#ifndef APPLIER_COUNTS_H
#define APPLIER_COUNTS_H

#include <mysql.h>
#include <stdbool.h>
#include <stdint.h>

#include "schema/error.h"
#include "schema/table_sum.h"

enum counts_verdict {
    COUNTS_EQUAL,
    COUNTS_ROWS_DIFFER,        /* numbers of rows */
    COUNTS_CONTENT_DIFFERS,    /* as many rows, other values */
    COUNTS_DEFINITION_DIFFERS, /* the destination lacks columns of the source */
    COUNTS_MISSING,            /* no such table at the destination */
    COUNTS_EXTRA,              /* no such table at the source; its rows are not counted */
};
struct counts_result {
    const char *table; /* valid during the call */
    enum counts_verdict verdict;
    struct table_sum source, destination;
};
struct counts_options {
    MYSQL *source, *destination;
    const char *source_database, *destination_database;
    bool checksums; /* else row counts alone */
    void *arg;
    bool (*wanted)(void *arg, const char *table);    /* NULL: all tables of the source */
    bool (*rows_only)(void *arg, const char *table); /* no checksum of this one; NULL: none */
    /* Called for each table; non-zero ends the comparison with that code. */
    int (*result)(void *arg, const struct counts_result *r, struct ds_error *err);
};

/* Compare all base tables and sequences; views are not read, tables of datasync's own neither.
 * *different: tables whose verdict is not COUNTS_EQUAL. Errors: of the servers; what `result`
 * returns. */
int counts_compare(const struct counts_options *o, uint64_t *different, struct ds_error *err);
/* "equal", "rows differ" … */
const char *counts_verdict_text(enum counts_verdict v);

#endif
