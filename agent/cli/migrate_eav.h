/* What migrate_eav*.c share: the EAV step.
 *
 * migrate_eav.c        how the rows of both shops become one
 * migrate_eav_names.c  which names are one to the destination
 * migrate_eav_memory.c what the source has made at the destination
 * migrate_eav_step.c   files, servers and stages
 * migrate_eav_delta.c  while `delta` follows the source
 */
#ifndef CLI_MIGRATE_EAV_H
#define CLI_MIGRATE_EAV_H

#include "agent/cli/migrate_changes.h"
#include "agent/cli/migrate_sides.h"
#include "applier/map/map_facts.h"
#include "applier/map/map_row.h"
#include "schema/migration/class_map.h"
#include "schema/migration/groups.h"

/* What others refer to first. */
enum eav_table {
    EAV_TYPES,
    EAV_SETS,
    EAV_GROUPS,
    EAV_ATTRIBUTES,
    EAV_CATALOG,
    EAV_CUSTOMER,
    EAV_ASSIGNMENTS,
    EAV_TABLES,
};
enum { EAV_KEYS = 2, EAV_REFERENCES = 4 };

struct eav_reference {
    const char *column;
    enum eav_table table;
};
struct eav_document {
    const char *name, *id;     /* id NULL: its rows have none of their own */
    const char *key[EAV_KEYS]; /* by which they are the same in both shops */
    struct eav_reference references[EAV_REFERENCES];
};
extern const struct eav_document eav_documents[EAV_TABLES];

struct eav_row {
    struct slice image, key;
    struct slice raw; /* of the source's: the key that it has there, where handlers make another */
    uint64_t id, final; /* now, and as it will be */
    bool ours;          /* the source's */
    bool dropped;    /* it is not migrated; of the destination's: the source calls it otherwise */
    bool remembered; /* of the destination's: the source has made it */
    bool gone;       /* … and has it no more, nor what it belongs to */
    bool stands;     /* … while another one has its name: until it goes under one of its own */
    size_t match;    /* the row of the other shop, from 1; 0: none */
    uint64_t set;    /* of a copy: the set that it is for, and … */
    size_t group;    /* … the group, from 1 */
};

struct eav_rows {
    struct eav_row *items;
    size_t count, capacity;
};

struct eav_merge { /* of one table */
    struct step_table both;
    struct eav_rows ours, theirs;
    struct slice *wanted;
    size_t wanted_count;
    uint64_t orphans;    /* of the source: they refer to nothing, and are left out */
    struct row_list all; /* as the table will be, while findings are asked for */
};

struct eav_step {
    struct migrating *g;
    struct step_sides sides;
    struct target *schema[2]; /* by enum map_side */
    struct map *map;
    struct class_map *classes;
    struct groups *attributes; /* NULL: the option is not there */
    struct map_servers *servers;
    struct map_facts facts;
    struct eav_merge tables[EAV_TABLES];
    const uint8_t *values[256]; /* of the row in hand */
    struct row_changes changes;
    struct map_findings *findings; /* rows that are refused go there; NULL: they end the step */
    struct registry *memory;       /* NULL: nothing is remembered */
    MYSQL *memory_db;
    struct arena arena;
};

int eav_no_memory(struct ds_error *err);
/* "~80~": what a row is called that stands for one that the source has no more. */
enum { EAV_STANDING_NAME = 24 };
void eav_standing_name(uint64_t id, char out[EAV_STANDING_NAME]);
bool eav_is_standing(const struct eav_row *row);
/* The first row that is not dropped; NULL: none. */
struct eav_row *eav_find_key(const struct eav_rows *rows, struct slice key);
/* Letters' case and the like: what the destination's key holds to be the same gets one key. What
 * the source has made is known by its id. */
int eav_fold_names(struct eav_step *s, enum eav_table table, struct ds_error *err);
/* With both servers and all tables; at: NULL, or gets the source's position. To be closed if not
 * NULL, also after an error. */
int eav_step_open(struct eav_step **out, struct migrating *g, struct position *at,
                  struct ds_error *err);
void eav_step_close(struct eav_step *s);
int eav_memory_open(struct eav_step *s, struct ds_error *err);
void eav_memory_close(struct eav_step *s);
/* Which rows of the destination are remembered? Their keys are made. */
int eav_memory_look(struct eav_step *s, enum eav_table table, struct ds_error *err);
/* Remember what the destination has not and will have. */
int eav_memory_write(struct eav_step *s, struct ds_error *err);
/* Is the attribute in this group of eav_attribute_groups_file? */
bool eav_group_has(const struct eav_step *s, const char *group, struct slice code,
                   struct slice type);
/* The row's columns come to s->values. */
int eav_split(struct eav_step *s, const struct whole_table *t, struct slice image,
              struct ds_error *err);
/* A column of the row in hand; p NULL: there is none. */
struct slice eav_raw(const struct eav_step *s, const struct whole_table *t, const char *column);
/* What is to be changed, in s->changes. */
int eav_compute(struct eav_step *s, struct ds_error *err);

#endif
