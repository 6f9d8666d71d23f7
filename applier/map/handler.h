/* Inside applier/map: what the files of handlers share. */
#ifndef APPLIER_MAP_HANDLER_H
#define APPLIER_MAP_HANDLER_H

#include "applier/map/map_handler.h"
#include "schema/time_text.h"

enum { HANDLER_COLUMNS = 3 };

struct map_class {
    const char *name;                /* below Migration\Handler\; NULL: the end of a list */
    const char *required, *optional; /* parameters, between spaces; NULL: none */
    /* Columns of the record that it reads beside its own, between spaces: names, or $ and the
     * parameter that has the name. */
    const char *columns;
    const char
        *looks_up[3];   /* document of the source, column of the value and of the key: so, too */
    const char *writes; /* the document that it writes rows to, named so, too; NULL: none */
    bool any_params;    /* none of them is looked at */
    int (*open)(struct map_handler *h, struct ds_error *err); /* may be NULL */
    int (*call)(const struct map_handler *h, struct map_call *c, struct ds_error *err);
    void (*close)(struct map_handler *h); /* may be NULL */
};

struct map_handler {
    const struct map_class *class;
    const struct map_rule *rule;
    const struct map_table *table;
    size_t field;                    /* of the rule, in the table */
    size_t columns[HANDLER_COLUMNS]; /* where those of its class are */
    struct arena arena;
    void *state; /* of its class */
};

/* Lists of classes, each of one file; the last of those that are ours, below Datasync\Handler\. */
extern const struct map_class handlers_of_values[], handlers_of_attributes[], handlers_of_lookups[],
    handlers_of_outputs[], handlers_of_json[], handlers_of_texts[], handlers_of_keys[],
    handlers_of_ours[];

int map_handler_open_class(struct map_handler **out, const struct map_class *class,
                           const struct map_rule *rule, const struct map_table *table,
                           struct ds_error *err);

/* --- while opening -------------------------------------------------------------------------- */

/* NULL: not given. */
const char *handler_param(const struct map_handler *h, const char *name);
/* "true", "1", "false" or "0", or `otherwise`. */
int handler_flag(const struct map_handler *h, const char *name, bool otherwise, bool *out,
                 struct ds_error *err);
/* DS_EUSAGE with file, line and the class in front. */
int handler_wrong(const struct map_handler *h, struct ds_error *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* In its arena, zeroed, as h->state; NULL: out of memory, which is told. */
void *handler_state(struct map_handler *h, size_t size, struct ds_error *err);
/* The texts of "[a,b]", without white space around; one that is empty is left out. */
int handler_list(struct map_handler *h, const char *text, char separator, struct slice **out,
                 size_t *count, struct ds_error *err);

/* --- while handling ------------------------------------------------------------------------- */

static inline struct slice slice_of(const char *text)
{
    return (struct slice){(const uint8_t *)text, __builtin_strlen(text)};
}
bool text_is(struct slice s, const char *text);
bool slice_same(struct slice a, struct slice b);
struct slice text_trim(struct slice s); /* of white space */

/* NULL counts as "". */
static inline struct slice value_text(const struct map_value *v)
{
    return v->set && !v->null ? v->text : slice_of("");
}
static inline bool value_is_null(const struct map_value *v)
{
    return !v->set || v->null;
}
bool value_is_empty(const struct map_value *v); /* as PHP sees it: NULL, "" and "0" */

static inline struct map_value *handler_value(const struct map_call *c)
{
    return &c->record->values[c->field];
}
/* The i-th of the class' columns. */
static inline const struct map_value *handler_column(const struct map_handler *h,
                                                     const struct map_call *c, size_t i)
{
    return &c->record->values[h->columns[i]];
}
/* NULL: the record is none, or has no such field. */
struct map_value *handler_find(const struct map_record *r, const char *field);
/* The opposite record's field of the same name. */
struct map_value *handler_opposite(const struct map_call *c);

/* Without a copy: lives in the rule or the arena. */
void handler_set(struct map_call *c, struct slice text);
void handler_set_null(struct map_call *c);
int handler_set_copy(struct map_call *c, const void *p, size_t len, struct ds_error *err);
/* All parts in a row, into the arena. */
int handler_join(const struct map_call *c, const struct slice *parts, size_t count,
                 struct slice *out, struct ds_error *err);
int handler_set_joined(struct map_call *c, const struct slice *parts, size_t count,
                       struct ds_error *err);
int handler_set_number(struct map_call *c, int64_t number, struct ds_error *err);
/* YYYY-MM-DD HH:MM:SS in UTC; false: the year does not have four digits. */
bool handler_print_time(int64_t seconds, char out[TIME_TEXT_SIZE]);

enum { RECORD_ID_SIZE = 160 };
/* " with record id 5" or "… 5,7"; "": the key is not known. Returns out. */
const char *handler_record_id(const struct map_call *c, char out[RECORD_ID_SIZE]);
int handler_no_memory(struct ds_error *err);
/* DS_ECONFLICT with table and field in front. */
int handler_refuse(const struct map_handler *h, struct ds_error *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
#define handler_warn(h, c, ...)                                                                    \
    do {                                                                                           \
        if ((c)->facts->warn)                                                                      \
            (c)->facts->warn((c)->facts->arg, (h)->rule, __VA_ARGS__);                             \
    } while (0)
/* By what is in column attribute_id, which is `id`. */
int handler_attribute(const struct map_call *c, const struct map_value *id,
                      struct map_attribute *out, bool *found, struct ds_error *err);
/* facts->lookup; not found: unset. */
int handler_lookup(const struct map_call *c, const char *table, const char *value, const char *key,
                   struct slice id, struct map_value *out, struct ds_error *err);

#endif
