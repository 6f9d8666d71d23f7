/* What migrate_changelog.c and migrate_changelog_whole.c share. Main thread. */
#ifndef CLI_MIGRATE_CHANGELOG_H
#define CLI_MIGRATE_CHANGELOG_H

#include <xxhash.h>

#include "agent/cli/migrate_changes.h"
#include "agent/cli/migrate_sides.h"
#include "applier/map/map_facts.h"

enum {
    CHANGELOG_KEY = 8, /* columns */
    CHANGELOG_NAME = 64,
};

struct log_column {
    const char *name, *there; /* at the source and in the log; at the destination */
    uint64_t most;            /* to which the log cuts numbers; 0: it holds all */
    bool is_unsigned;         /* there */
};

struct log_table {
    const char *document;
    char name[2 * CHANGELOG_NAME], table[2 * CHANGELOG_NAME]; /* of the log, of the document */
    struct log_column columns[CHANGELOG_KEY];
    uint32_t count;
    uint32_t rank;    /* of the table that the rows go to: parents come before their children */
    bool whole;       /* they are the log's primary key */
    bool whole_place; /* the document's rows go nowhere themselves, or to a place below */
};

struct log_key {
    int64_t values[CHANGELOG_KEY];
    XXH64_hash_t digest; /* of the source's rows that have it, in any order */
};

/* Keys of one document whose rows are in what is written next. */
struct log_part {
    const struct log_table *log;
    struct log_key *keys; /* in order */
    size_t count;
};

/* A document of the destination that is compared as a whole. */
struct log_place {
    const char *document;
    const struct target_table *target;
    uint32_t rank; /* as of logs */
    bool due;      /* rows that lead there have changed */
};

struct draining {
    struct migrating *g;
    struct target *schema[2]; /* by enum map_side */
    struct map_servers *servers;
    uint32_t *ranks; /* by index of the destination's tables */
    struct log_table *logs;
    size_t log_count, log_capacity;
    struct log_place *places;
    size_t place_count, place_capacity;
    MYSQL *locks;
    /* of what is written next */
    struct step_sides sides;
    bool open;
    struct row_changes changes;
    struct log_part *parts;
    size_t part_count, part_capacity, keys;
    /* of a pass */
    uint64_t read, settled;
};

/* NULL: that side has no table of that name. */
const struct target_table *changelog_table(const struct draining *d, enum map_side side,
                                           const char *name);
/* The log of a table of the source, without columns. False: it is none of the documents that the
 * delta follows. */
bool changelog_name(const struct migrating *g, const struct target_table *from,
                    struct log_table *out);
/* Do numbers in the log tell rows of `to`, where the document's go? True also where there is no
 * log, or nothing in it is a number. */
bool changelog_tells_rows(const struct draining *d, const struct log_table *log,
                          const struct target_table *to);

/* Before the logs: which documents of the destination are compared as a whole. DS_EUNSUPPORTED: one
 * cannot be. */
int changelog_find_places(struct draining *d, struct ds_error *err);
/* Is the document of the destination one of them? */
bool changelog_place(const struct draining *d, const char *document);
/* Does the document of the source lead to any of them? */
bool changelog_leads_to_place(const struct draining *d, const char *document);
/* Rows of a document of the source have changed. */
void changelog_touch(struct draining *d, const char *document);
/* Into d->changes all that differs in places that rows have changed of. */
int changelog_add_places(struct draining *d, struct ds_error *err);

#endif
