/* Has every row that a map leads to the destination come there? Counts of both sides, document by
 * document, and where they differ the keys that one side lacks, if a key of one number leads from
 * one to the other.
 *
 * Each side is read at its own moment. One thread.
 */
#ifndef APPLIER_MAP_MAP_VOLUME_H
#define APPLIER_MAP_MAP_VOLUME_H

#include <mysql.h>

#include "applier/map/map_check.h"

struct map_volume_side {
    MYSQL *db; /* in the database of `schema` */
    struct map_side_schema tables;
};

struct map_volume_difference {
    const char *document; /* of the destination, without prefix */
    uint64_t source, destination;
    const char *missing, *more; /* keys that the destination lacks, and has alone: up to 20 of each;
                                   "": not known, or none */
};

struct map_volume_options {
    const struct map *map;
    struct map_volume_side source, destination;
    void *arg;                                       /* of both */
    bool (*wanted)(void *arg, const char *document); /* of the source; NULL: all */
    void (*found)(void *arg, const struct map_volume_difference *d);
};

/* *documents: of the destination that were counted. */
int map_volume(const struct map_volume_options *o, size_t *documents, struct ds_error *err);

#endif
