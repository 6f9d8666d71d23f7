/* Does a map lead every table and column of the source to one of the destination, and the other
 * way round? What does not is told all at once, with the rule that would settle it.
 *
 * Asks both servers' structure, no rows: whoever looks at these adds what he finds. One thread.
 */
#ifndef APPLIER_MAP_MAP_CHECK_H
#define APPLIER_MAP_MAP_CHECK_H

#include "applier/target.h"
#include "schema/map.h"

enum map_problem {
    MAP_UNMAPPED_DOCUMENT, /* the other side has not what it is called there */
    MAP_UNMAPPED_FIELD,
    MAP_FIELDS_COLLIDE, /* two of a document go to one; type: the name of the other one */
    MAP_OTHER_TYPE,     /* from here on a warning */
    MAP_TOO_SHORT,      /* a longer text, a larger number would be cut */
    MAP_NULL_REFUSED,   /* NULL at the source, NOT NULL at the destination */
    MAP_NEEDS_VALUE,    /* NOT NULL and without a default at the destination, nothing goes there */
    MAP_UNIQUE_IS_NEW,  /* unique at the destination, not at the source */
    MAP_VALUE_LOST,     /* of rows that were looked at; fails */
    MAP_KEY_TWICE,      /* of all rows that a table will have; stops */
    MAP_NO_PARENT,      /* rows refer to what will not be there; stops what writes with keys on */
    MAP_PROBLEMS,
};

struct map_finding {
    enum map_problem problem;
    enum map_side side;
    const char *document; /* of that side, without prefix */
    const char *field;    /* of it; NULL: the document. Of a key: "a,b" */
    const char *other_document,
        *other_field;              /* what it is called at the other side; NULL: nothing */
    const char *type, *other_type; /* of the columns; of a key its name; NULL: no column */
    /* MAP_VALUE_LOST; without a field where a handler refuses the row */
    const char *why;
    const char *keys; /* also of rows that have one key, or no parent */
    uint64_t rows, looked_at;
    bool of_key; /* the other field is of a key: another value is another row */
};

struct map_side_schema {
    const struct target *schema;
    const char *prefix; /* of tables; "": none */
};

struct map_findings {
    struct map_finding *items; /* by problem, side, document, field */
    size_t count, capacity;
    struct arena arena;
};

/* DS_ENOMEM. To be freed by map_findings_free in any case. */
int map_compare(const struct map *m, const struct map_side_schema *source,
                const struct map_side_schema *destination, struct map_findings *out,
                struct ds_error *err);
/* One more, of what others have found; the texts are copied. They are in no order until they are
 * sorted. DS_ENOMEM. */
int map_findings_add(struct map_findings *f, const struct map_finding *found);
void map_findings_sort(struct map_findings *f);
void map_findings_free(struct map_findings *f);
bool map_problem_fails(enum map_problem p);
/* Would the server refuse it, whatever the user agrees to? A copy of all, without foreign keys, may
 * go on. */
bool map_problem_stops(enum map_problem p);
/* Of values that would get lost: which are of keys? */
void map_findings_mark_keys(struct map_findings *f, const struct map_side_schema *destination);
/* The lines that users of the other tool know: "Source fields are not mapped. Document: t. Fields:
 * a,b", one for each call; *at: from 0, moved on. False: no more. DS_ENOMEM: an empty line. */
bool map_findings_line(const struct map_findings *f, size_t *at, struct buf *line, bool *fails);
/* A map.xml with the rules that settle all findings that rules can settle. DS_ENOMEM. */
int map_findings_suggest(const struct map_findings *f, struct buf *xml);

#endif
