/* The entity catalogue: which table belongs to which entity, how its rows reach the entity's root,
 * what they refer to, and which groups of tables a filter may name.
 *
 * One YAML file per entity or group, built in (schema/entities/, compiled into the library) or from
 * a user's folder, which adds to these or overrides them by name; no two files there have the same
 * one. Errors: DS_EUSAGE with file and line. Read-only after loading, shared by all threads. Names
 * compare byte by byte; tables are without the shop's prefix.
 *
 * A table belongs to one entity at most. Where it has two roots (a product in a category), it
 * belongs to one and declares the other as a reference.
 *
 * Entities stand in order of dependency: what others refer to comes first. Every reference between
 * different entities counts for it, required or not: a column that may be NULL, or that a foreign
 * key sets to NULL, is mostly filled, and then its row has to find the other one in place. Only a
 * `deferred` reference does not count: it is filled in when both rows are there, and breaks the
 * circles that a schema has (a website's default group, which belongs to that website). Any other
 * circle is an error that names its path. References within an entity do not order entities.
 */
#ifndef SCHEMA_CATALOGUE_H
#define SCHEMA_CATALOGUE_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"
#include "error.h"

/* Part of what identifies a row: a column of its own table; or of a member table (at the default
 * scope, store 0, where that has one); or the value of an attribute, the same way. */
struct catalogue_part {
    const char *column;    /* NULL: an attribute */
    const char *table;     /* NULL: its own */
    const char *attribute; /* code; NULL: a column */
    const char *either; /* attribute, or column of its own table, that does as well where that one
                           finds nothing; NULL: none */
};

/* How an import finds a row at a destination that has ids of its own. */
enum catalogue_identity {
    IDENTITY_NONE,     /* not said: the table can only be mirrored */
    IDENTITY_SAME,     /* by the same primary key: codes, no numbers */
    IDENTITY_COLUMNS,  /* by these, references among them translated first */
    IDENTITY_REGISTRY, /* by the registry, which maps the table's key */
};

struct catalogue_table {
    const char *table;
    const char *there; /* what the source of an import calls it (catalogue_call); else the same */
    const char *role; /* "root", "member", "item", "grid" …: free text for people, and for groups;
                         "root" has a meaning */
    const char *key;  /* its id, which others hold; NULL: none, or of several columns */
    const char *link; /* the root: column of the entity's key in messages. Others: column that
                         holds that, or with `through` the key of that table */
    const char *through; /* table before it in the list; NULL: `link` leads to the root */
    enum catalogue_identity identity;
    const struct catalogue_part *parts; /* with IDENTITY_COLUMNS */
    size_t part_count;
    bool stock;    /* rows take the stock fast path */
    unsigned line; /* in the entity's file */
};

/* Only rows with one of these values in this column. */
struct catalogue_when {
    const char *column;        /* NULL: all rows */
    const char *const *values; /* NULL-terminated */
};

enum catalogue_form {
    REFERENCE_ONE,
    REFERENCE_LIST,
    REFERENCE_PATH,
    REFERENCE_WORD, /* one; what is no number is a word of its own, and stays */
};
struct catalogue_reference {
    const char *table, *column;
    const char *entity;    /* whose row it names; maybe by alias, maybe the entity itself */
    const char *to;        /* table of that entity; NULL: its root */
    const char *by;        /* column of that table; NULL: its key */
    const char *attribute; /* only in rows of the attribute with this code; NULL: all */
    /* "select" or "multiselect": only in rows of attributes with that frontend_input which have
     * options of their own in eav_attribute_option; it then leads there. NULL: all */
    const char *input;
    /* Only in rows of attributes that have this source_model (the shop's PHP class that knows their
     * choices); NULL: all. Of the three only one is said. */
    const char *source_model;
    /* Of a column that is a reference itself, to roots with a natural key of one column: by that.
     */
    struct catalogue_when when;
    bool required; /* a row without it makes no sense: NOT NULL, or 0 is no value */
    bool deferred; /* does not count for the order, see above; never with `required` */
    bool brings;   /* an import of this entity takes along those that it names: an entity of
                      its own, which others may name, too. Plain, to the root of another one */
    enum catalogue_form form; /* one key, keys separated by commas, or by slashes */
    unsigned line;            /* in the entity's file */
};

/* Values of this column are encrypted under the shop's key. */
struct catalogue_encrypted {
    const char *table, *column;
    struct catalogue_when when;
};

/* Of the rows of this table that have the same values in `within`, only one has anything but 0 in
 * this column: what is the default. An import leaves the one that the destination has. */
struct catalogue_single {
    const char *table, *column;
    const char *const *within; /* columns, NULL-terminated, empty: of all rows */
};

/* What a row must satisfy where on_invalid asks (applier/validate.c). All but `required` is asked
 * only of values that are neither NULL nor empty. Unset limits are NULL. */
struct catalogue_rule {
    const char *table;
    const char *column;    /* NULL: an attribute */
    const char *attribute; /* code; NULL: a column */
    const char *either; /* column, or attribute, that will do as well for `required`; NULL: none */
    struct catalogue_when when, unless_root; /* the latter: not in entities with such a root */
    bool required;                           /* neither NULL nor empty */
    const char *pattern;                     /* POSIX extended regular expression, compiles */
    const char *min, *max, *more_than;       /* decimal numbers */
    const char *const *one_of;               /* NULL-terminated, empty: anything */
};

/* What is set in an entity that is gone at the source, where an import switches it off instead of
 * deleting it: of the root, or a value for all stores. */
struct catalogue_soft {
    const char *column;    /* NULL: an attribute */
    const char *attribute; /* code */
    const char *value;     /* NULL: NULL, where there is a value */
};

enum catalogue_kind {
    KIND_DATA,
    KIND_REFERENCE, /* set up at each side; an import maps to it and changes nothing */
    KIND_DERIVED,   /* the shop makes it from other tables; mirrored, never imported */
};

struct catalogue_entity {
    const char *name;
    enum catalogue_kind kind;
    const char *const *aliases; /* NULL-terminated */
    const struct catalogue_table
        *tables; /* the root first, each after what it is reached through */
    size_t table_count;
    const struct catalogue_part *natural_key; /* of the root: what people know it by */
    size_t natural_key_count;                 /* 0: none */
    const char *const *fixed; /* ids of roots that every shop has; NULL-terminated */
    const struct catalogue_reference *references;
    size_t reference_count;
    const struct catalogue_encrypted *encrypted;
    size_t encrypted_count;
    const struct catalogue_single *singles;
    size_t single_count;
    const struct catalogue_rule *rules;
    size_t rule_count;
    const struct catalogue_soft *softs; /* none: it cannot be switched off */
    size_t soft_count;
    const char *file;            /* it came from: "product.yaml" when built in, else a path */
    unsigned line, aliases_line; /* there, of its name and of the first alias */
};

/* Tables that filters name together. A group claims the tables that no entity does; beside them it
 * may hold whole entities, and all tables that have certain roles. */
struct catalogue_group {
    const char *name;            /* with its "@" */
    const char *const *tables;   /* names or patterns ("*" any text); all NULL-terminated */
    const char *const *entities; /* maybe by alias */
    const char *const *roles;
    const char *file;                         /* as an entity's */
    unsigned line, entities_line, roles_line; /* there */
};

struct catalogue;
/* `user_dir` may be NULL or "". */
int catalogue_load(struct catalogue **out, const char *user_dir, struct ds_error *err);
void catalogue_free(struct catalogue *c);
size_t catalogue_count(const struct catalogue *c);
const struct catalogue_entity *catalogue_at(const struct catalogue *c, size_t i);
const struct catalogue_entity *catalogue_find(const struct catalogue *c,
                                              const char *name); /* also by alias */
/* Entity and table entry of `table`; false: of no entity (messages say "table"). For each table
 * definition, not for each row. */
bool catalogue_lookup(const struct catalogue *c, const char *table,
                      const struct catalogue_entity **entity, const struct catalogue_table **entry);
/* The source calls the table otherwise (a map's rule), and is to be asked for it so;
 * catalogue_lookup knows both names. Before any thread asks. DS_EUSAGE: the table has such a name
 * already, or that is another one's; a table of no entity: nothing is done. */
int catalogue_call(struct catalogue *c, const char *table, const char *there, struct ds_error *err);
size_t catalogue_group_count(const struct catalogue *c);
const struct catalogue_group *catalogue_group_at(const struct catalogue *c, size_t i);
/* `name` with or without its "@"; NULL: there is none. */
const struct catalogue_group *catalogue_group_find(const struct catalogue *c, const char *name);
/* Is `table` in the group: by pattern, or by its entity or role? As seldom as catalogue_lookup. */
bool catalogue_group_has(const struct catalogue *c, const struct catalogue_group *group,
                         const char *table);
const char *catalogue_kind_name(enum catalogue_kind kind);
/* Do rows of the entity's table have the same key at both sides? Also where a root's natural key is
 * its key, a code, and no other entity's. */
bool catalogue_same_key(const struct catalogue_entity *e, const struct catalogue_table *t);
/* Does the reference hold in rows of some attributes only? */
bool catalogue_asks_attribute(const struct catalogue_reference *r);
const char *catalogue_identity_name(enum catalogue_identity identity);
const char *catalogue_form_name(enum catalogue_form form);
/* Do its rows travel by an import? What the shop's indexers make of others is theirs to make. */
bool catalogue_is_imported(const struct catalogue_table *t);

#endif
