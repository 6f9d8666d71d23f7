/* Has every row that a map leads to the destination come there, and every value that travels as it
 * is? Counts of both sides, document by document, and sums of the columns that no handler changes;
 * where they differ, the keys, if a unique key of the destination's has such columns alone.
 *
 * Each side is read at the moment of its connection, which may be in a consistent snapshot; its
 * session has sql_mode = '', time_zone = '+00:00' and NAMES binary. One thread.
 */
#ifndef APPLIER_MAP_MAP_VOLUME_H
#define APPLIER_MAP_MAP_VOLUME_H

#include <mysql.h>

#include "applier/handlers.h"
#include "applier/map/map_check.h"
#include "schema/mask.h"

struct map_volume_side {
    MYSQL *db; /* in `database` */
    const char *database;
    struct map_side_schema tables;
};

struct map_volume_difference {
    const char *document; /* of the destination, without prefix */
    uint64_t source, destination;
    /* keys that the destination lacks, has alone, and has with other values: the first 20 of each;
       "": not known, or none */
    const char *missing, *more, *changed;
    bool values;         /* some values differ */
    const char *columns; /* … of these columns of the destination; "": not known */
};

struct map_volume_options {
    const struct map *map;
    const struct mask *mask; /* what it changes is not compared; NULL: none */
    struct map_volume_side source, destination;
    void *arg;                                       /* of all */
    bool (*wanted)(void *arg, const char *document); /* of the source; NULL: all */
    /* A condition of SQL: which rows of a document of the destination, and of those that go there,
     * are counted and compared. NULL, also of a document: all. */
    const char *(*rows)(void *arg, const char *document);
    /* Were rows copied into this table of the destination, which is not there? NULL: not known. */
    bool (*had)(void *arg, const char *table);
    void (*found)(void *arg, const struct map_volume_difference *d);
    void (*progress)(void *arg, uint64_t done, uint64_t all); /* tables; NULL: nobody asks */
    const char *step; /* its documents alone, and what it gives for them; NULL: those of none */
    const struct handlers *own; /* with the step */
};

/* *documents: of the destination that were counted. */
int map_volume(const struct map_volume_options *o, size_t *documents, struct ds_error *err);

/* A list of keys that are told: 20 of them, and that there are more. DS_ENOMEM. */
int map_volume_add_key(struct buf *list, uint32_t *count, const char *key);
/* map_recount.c: of rows that the step gives. */
int map_recount(const struct map_volume_options *o, size_t *documents, struct ds_error *err);
/* map_flat_volume.c: which rows of a document with values of attributes stay rows (a condition of
 * SQL), if some are columns at the destination; else nothing. */
int map_flat_condition(const struct map_volume_options *o, const char *document, struct buf *out,
                       struct ds_error *err);
/* … and do columns of entities hold the values? */
int map_flat_volume(const struct map_volume_options *o, const struct map_columns *columns,
                    struct ds_error *err);
/* Is the source's document left as it was copied, since its changes are not followed? What else
 * leads to where its rows are is not compared: nobody can tell which rows are whose. */
bool map_volume_leaves(const struct map_volume_options *o, const char *document);

#endif
