/* What the capture knows of a mapped table: is it ours, its id in messages, entity, key columns.
 *
 * A table_map that the decoder hands out keeps a pointer to its captured_table in `user`, so that
 * rows of a known table cost no lookup. One owner (the capture), one thread. Captured tables live
 * until tables_free: a decoder may keep a pointer for as long.
 */
#ifndef AGENT_TABLE_H
#define AGENT_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/binlog/binlog.h"
#include "agent/history.h"
#include "agent/masker.h"
#include "agent/parents.h"
#include "agent/roots.h"
#include "schema/catalogue.h"
#include "schema/filter.h"
#include "schema/message.h"

#define TABLE_NO_COLUMN UINT32_MAX

struct captured_table {
    struct captured_table *next;
    bool ours;       /* its rows travel */
    bool parent;     /* not all of them do, and what foreign keys do when they go must be told */
    bool root;       /* `where` decides about its entity: what comes in has to be copied */
    bool keys_known; /* … and `keys` says which columns these refer to */
    uint64_t *keys;  /* bit per column of the map */
    uint64_t parents_version;
    bool attributes;             /* the shop's list of EAV attributes */
    struct where_bound *where;   /* which of its rows travel, NULL: all */
    struct mask_plan *mask;      /* NULL: its values travel as they are */
    bool stock;                  /* its rows are stock items */
    uint32_t id;                 /* in messages: one per definition */
    uint32_t column_count;       /* of the map */
    uint32_t key_column;         /* ordinal of the entity key, TABLE_NO_COLUMN: not known */
    const struct level *through; /* the key is that of this level's row, which link_column names */
    const struct level *level;   /* others lead through this table, by id_column to link_column */
    uint32_t id_column, link_column; /* ordinals */
    uint64_t map_version;            /* of the table_map that it was made from */
    uint64_t history_version;        /* of the history that it was made with; names were missing */
    bool names_wanted;               /* the source sends no names: ask the history */
    uint64_t sent;                   /* epoch in which its definition was last written; 0 never */
    struct buf definition;           /* the `table` message */
};

struct tables {
    const struct catalogue *catalogue;
    const struct filter *filter;
    const struct parents *parents; /* may be NULL */
    const char *database;          /* NULL: all */
    const char *prefix;
    const struct roots *roots; /* may be NULL */
    struct masker *masker;     /* may be NULL */
    bool fold_case;            /* the source's names are lower case whatever the setting says */
    struct history *history;   /* may be NULL */
    uint32_t next_id;          /* for the next definition */
    uint64_t missing_names;    /* maps of ours without names so far */
    struct captured_table *head;
};

/* The captured table of a map; made, or made anew when the map or the names that the history has
 * for it changed. `at`: where the stream is, for the history. DS_ENOMEM; of the masker. */
int tables_resolve(struct tables *t, struct table_map *map, const struct position *at,
                   struct captured_table **out, struct ds_error *err);
bool tables_is_ours(const struct tables *t, struct slice database);
void tables_free(struct tables *t);

#endif
