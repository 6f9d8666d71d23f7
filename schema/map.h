/* Map rules: which tables and columns of the source are left out, called something else at the
 * destination, or changed on their way.
 *
 * Read from map.xml files as users of the Magento Data Migration Tool have them (grammar: its
 * etc/map.xsd): a "document" is a table, a "field" a column. Names are without table prefix, and
 * are told apart by the case of their letters. A `*` in the name of a document that is ignored
 * stands for any characters, none of them included.
 *
 * Once read, a map does not change; any thread may ask it. What it returns lives as long as it.
 */
#ifndef SCHEMA_MAP_H
#define SCHEMA_MAP_H

#include <stdbool.h>
#include <stddef.h>

#include "schema/error.h"

enum map_side { MAP_SOURCE, MAP_DESTINATION };

enum map_kind {
    MAP_IGNORE_DOCUMENT,
    MAP_RENAME,
    MAP_IGNORE_FIELD,
    MAP_IGNORE_DATATYPE, /* the types of both sides may differ */
    MAP_MOVE,
    MAP_TRANSFORM,
};

struct map_param {
    const char *name, *value;
};

struct map_rule {
    enum map_kind kind;
    enum map_side side;
    const char *document;     /* may have a * if it is to be ignored */
    const char *field;        /* NULL: a rule for the document */
    const char *to_document;  /* of MAP_RENAME and MAP_MOVE, else NULL */
    const char *to_field;     /* of MAP_MOVE */
    bool by_source;           /* of MAP_MOVE: <to> names the table as the source does */
    const char *handler;      /* of MAP_TRANSFORM: the name of its class, as it is written */
    struct map_param *params; /* of the handler */
    size_t param_count;
    const char *file; /* where it stands */
    unsigned line;
};

struct map;

/* No rules at all: everything is called the same. */
int map_new(struct map **out, struct ds_error *err);
void map_free(struct map *m);
/* Add the rules of a file. DS_EUSAGE names file and line: not readable, not such a file. */
int map_read(struct map *m, const char *path, struct ds_error *err);
/* Do the rules agree with each other? DS_EUSAGE "Document has ambiguous configuration: …" or
 * "Field has ambiguous configuration: …" names both rules. To be called once all are read. Rules
 * for a document that is ignored are not looked at: maps that are shipped have some left over. */
int map_check(struct map *m, struct ds_error *err);
/* The same of a move into a document that is ignored, which is wrong only where the source has the
 * document: maps that are shipped have rules for what other versions of the shop have. */
int map_check_document(const struct map *m, const struct map_rule *r, struct ds_error *err);

size_t map_count(const struct map *m);
const struct map_rule *map_at(const struct map *m, size_t i); /* in the order they are written */

/* The rule by which a document of that side is ignored; NULL: none. */
const struct map_rule *map_ignored(const struct map *m, enum map_side side, const char *document);
/* What a document of that side is called at the other side; NULL: it is ignored. Where several of
 * the source have one name at the destination, the first rule tells its name at the source. */
const char *map_document(const struct map *m, enum map_side side, const char *document);
/* The rule by which a field of that side is ignored; NULL: none. */
const struct map_rule *map_ignored_field(const struct map *m, enum map_side side,
                                         const char *document, const char *field);
/* What a field of that side is called at the other side; NULL: it is ignored. */
const char *map_field(const struct map *m, enum map_side side, const char *document,
                      const char *field);
/* May its type differ from that at the other side? */
bool map_ignores_type(const struct map *m, enum map_side side, const char *document,
                      const char *field);
/* The next rule that changes a field of that side behind the rule `last` (NULL: the first), in the
 * order they are written; NULL: no more. */
const struct map_rule *map_next_handler(const struct map *m, enum map_side side,
                                        const char *document, const char *field,
                                        const struct map_rule *last);

/* --- documents that a step has for its own (migrate) ------------------------------------------ */

/* Of these documents, by enum map_side, lists that NULL ends, counts what `rules` say, which m
 * takes over, and nothing that m itself says. The lists must outlive m; no thread may ask m yet. */
int map_add_step(struct map *m, const char *name, const char *const *const documents[2],
                 struct map *rules, struct ds_error *err);
/* The same of a step of ours, which has no rows of further documents to give: map_step_gives is
 * NULL for its documents. */
int map_add_documents(struct map *m, const char *name, const char *const *const documents[2],
                      struct map *rules, struct ds_error *err);
/* A column of the source that a document of this step has no place for may not stay behind. */
void map_take_all(struct map *m, const char *step);
bool map_takes_all(const struct map *m, const char *document); /* of the source */
/* No other documents are taken than those of steps. */
int map_leave_rest(struct map *m, const char *file, struct ds_error *err);
/* The name of the step that has the document; NULL: none has. */
const char *map_step(const struct map *m, enum map_side side, const char *document);
/* … if it gives rows of further documents for those of this one of the source. */
const char *map_step_gives(const struct map *m, const char *document);
/* Behind a copy, of the documents of this step (NULL: of those that no step has) only those are
 * followed that map_follow names. */
void map_follow_some(struct map *m, const char *step);
int map_follow(struct map *m, const char *document, struct ds_error *err);
bool map_follows(const struct map *m, const char *document); /* of the source */

/* --- attributes that are columns at the destination (migrate) ---------------------------------
 *
 * The source keeps values of an entity's attributes as rows, in a table for each type of value; the
 * destination has a column of the entity's table for some of them, under the attribute's code. */
struct map_columns {
    const char *document;      /* of the source: the entity's rows, by entity_id */
    const char *type;          /* entity_type_code of its attributes */
    const char *const *codes;  /* that are columns; NULL ends them */
    const char *const *values; /* documents with values; NULL ends them */
    bool upgrade_passwords;    /* of the attribute password_hash: into Magento 2's form */
};
/* All of it must outlive m; no thread may ask m yet. */
int map_add_columns(struct map *m, const struct map_columns *c, struct ds_error *err);
/* Of the document with the entity's rows, or (values) of one with values; NULL: there are none. */
const struct map_columns *map_columns_of(const struct map *m, const char *document, bool values);

/* --- documents that are compared as a whole (migrate) ------------------------------------------
 *
 * No row of them comes by the stream, which can end before a change of one (map_stream.h). */
struct map_watched {
    const char *document; /* of the source; called the same at the destination */
    const char *id;       /* its key */
    const char *name;     /* a text that tells its rows apart; NULL: nothing else refers to them */
};
/* All of it must outlive m. */
int map_watch(struct map *m, const struct map_watched *w, struct ds_error *err);
/* NULL: it is none of them. */
const struct map_watched *map_watches(const struct map *m, const char *document);

/* --- documents of which the source may have a row twice (migrate) ------------------------------
 */

/* … by a key that is unique at the destination alone: there the first one stays. */
int map_add_double(struct map *m, const char *document,
                   struct ds_error *err); /* of the destination */
bool map_is_double(const struct map *m, const char *document);

/* --- values of attributes that the destination may not have (migrate) ---------------------------
 */

/* A change in the stream of a row that names another attribute than the destination has is left
 * out. */
int map_add_claimed(struct map *m, const char *document,
                    struct ds_error *err); /* of the destination */
bool map_is_claimed(const struct map *m, const char *document);
bool map_any_claimed(const struct map *m);

/* Does `name` match a pattern in which each * stands for at least `least` characters? */
bool map_matches(const char *pattern, const char *name, size_t least);

#endif
