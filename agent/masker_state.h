/* What masker.c, masker_plan.c and masker_source.c share; nobody else includes it. */
#ifndef AGENT_MASKER_STATE_H
#define AGENT_MASKER_STATE_H

#include <mysql.h>
#include <time.h>

#include "agent/masker.h"
#include "agent/weights.h"
#include "schema/arena.h"
#include "schema/db.h"
#include "schema/shop_table.h"

struct attribute {
    uint64_t id;
    const char *type, *code; /* in the masker's arena */
};

#define NO_COLUMN UINT32_MAX

/* One rule that may be a column's. */
struct choice {
    const struct mask_rule *rule;
    uint32_t condition; /* column that the rule asks for, NO_COLUMN: none */
};
struct column_plan {
    struct choice *choices; /* the last one has no condition */
    uint32_t choice_count;  /* 0: kept */
    struct mask_column column;
    const struct collation *collation;
};
struct mask_plan {
    struct arena arena;
    uint32_t count, attribute_id; /* column of an EAV table, else NO_COLUMN */
    struct column_plan *columns;
    char *table;
};

extern const struct mask_rule mask_rule_null; /* what mask.unknown: null says */

struct masker {
    const struct mask *mask;
    const struct filter *filter;
    const struct config *config;
    struct db_endpoint endpoint;
    MYSQL *db;   /* NULL: not connected */
    time_t used; /* the last time */
    struct weights *weights;
    struct attribute *attributes; /* by id */
    size_t attribute_count;
    bool attributes_read; /* as they are now */
    struct arena arena;   /* of their names */
    bool passes_unknown;  /* during masker_check: what has no rule is only reported */
    const uint8_t **values[2];
    uint32_t values_cap[2];
};

struct unique_part { /* a column of a unique key */
    char key[200], column[200];
    uint32_t prefix; /* characters, 0: all */
};

struct generated {                      /* a generated column */
    char column[200], expression[2000]; /* names of columns in backticks */
};

/* masker_source.c */
int masker_connect(struct masker *m, struct ds_error *err);
/* Caller: free. */
int masker_unique_parts(struct masker *m, const char *table, struct unique_part **out,
                        size_t *count, struct ds_error *err);
int masker_generated(struct masker *m, const char *table, struct generated **out, size_t *count,
                     struct ds_error *err);
/* Does a column that travels, and is not masked away, refer to this one? */
int masker_key_needed(struct masker *m, const char *table, struct slice column, bool *needed,
                      struct ds_error *err);
/* The rule for values of attribute `id` in a table of entity type `type`. */
int masker_attribute_rule(struct masker *m, const char *type, uint64_t id,
                          const struct mask_column *column, const struct mask_rule **out,
                          struct ds_error *err);

#endif
