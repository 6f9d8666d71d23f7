/* What filter.c and filter_fingerprint.c share; nobody else includes it. */
#ifndef SCHEMA_FILTER_INTERNAL_H
#define SCHEMA_FILTER_INTERNAL_H

#include "schema/filter.h"

/* A list in the one form that all that mean the same have: sorted, each once, entities by their own
 * names; what takes everything stands alone. */
struct names {
    const char **items; /* of configuration and catalogue */
    size_t count;
};

struct filter {
    const struct config *config;
    const struct catalogue *catalogue;
    struct names entities, include, exclude;
    struct names along;   /* those of `entities` that come along with others, and are not named */
    struct where **where; /* at the places of config->where's tables */
    struct mask *mask;    /* NULL: values travel as they are */
    struct map *map;      /* NULL: tables and columns are called the same at both sides */
    uint64_t map_hash;    /* of its files' bytes */
    bool all;             /* tables are left out by the mask at most */
    bool levels;          /* a condition is on the root of an entity */
};

bool filter_all_tables(const struct filter *f);
/* On rows of this table itself; NULL: none. Without prefix. */
const struct where *filter_condition(const struct filter *f, const char *table);
/* filter_map.c */
int filter_map_read(struct filter *f, struct ds_error *err);
/* filter_map_import.c: rules that an import could not follow. DS_EUSAGE, with file and line. */
int filter_map_check_import(const struct filter *f, struct ds_error *err);
/* " map=[FILE,…] HASH": two that differ in it have other rules. */
int filter_map_print(const struct filter *f, struct buf *out);
int filter_by_text(const void *a, const void *b); /* for qsort: char * */

#endif
