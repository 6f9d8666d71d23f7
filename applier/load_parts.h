/* Between load.c (messages, row counts, crash safety) and load_objects.c (definitions). Nobody else
 * includes it. */
#ifndef APPLIER_LOAD_PARTS_H
#define APPLIER_LOAD_PARTS_H

#include <mysql.h>
#include <stdbool.h>

#include "applier/load.h"
#include "schema/buf.h"

struct load_context {
    MYSQL *db;
    const struct db_server *server;
    const struct load_options *options;
    char *source_database; /* from the snapshot's first definition */
    struct buf position;   /* of the snapshot, printable */
    bool replace;          /* existing rows may be replaced */
    bool fresh;            /* the destination has no tables of ours yet */
};

/* A definition: the source's text, and the session that it is to be run under. */
struct definition {
    struct slice kind, name; /* "table", "orders" */
    struct slice text, session;
};

int load_no_memory(struct ds_error *err);
/* Session state for rows: no conversion, no checks, values as they come. */
int load_session_rows(struct load_context *c, struct ds_error *err);
/* `database`.`name` into out. */
int load_table_name(const struct load_context *c, struct slice name, struct buf *out);
/* Bring a definition into the destination. *later: it names something that is not there yet, to be
 * tried again (views). */
int load_definition(struct load_context *c, const struct definition *d, bool *later,
                    struct ds_error *err);
/* A trigger, an event, or a view that the source itself could not read any more. */
int load_record(struct load_context *c, const struct definition *d, struct ds_error *err);
/* Does the value of `key` stand in the session's lines? */
bool load_session_value(struct slice session, const char *key, struct slice *value);
/* Bits of its sql_mode that change how a statement is read. */
uint64_t load_session_mode(struct slice session);

/* load_mapped.c: into tables that stay as they are. */
/* May all that rows go to be emptied? DS_EUSAGE names those that may not. */
int load_mapped_check(struct load_context *c, const struct target *target, struct ds_error *err);
/* Its rows have come. */
int load_mapped_copied(struct load_context *c, const struct target_table *t, struct ds_error *err);
/* It is empty, and noted as ours. */
int load_mapped_empty(struct load_context *c, struct slice table, struct ds_error *err);

/* load_values.c: columns of rows that are there (an array of images); what is absent of one stays.
 * The table has a key. DS_ECONFLICT: the server changed a value. */
int load_values(struct load_context *c, const struct target_table *table, struct slice rows,
                struct ds_error *err);

/* datasync_snapshot: one row per table that this stream's copies have made or emptied, one per view
 * and routine, and one with an empty table name for the copy as a whole. */
int load_state_begin(struct load_context *c, struct ds_error *err);
/* May the copy that did not come to its end replace rows of others? */
int load_state_replacing(struct load_context *c, bool *replacing, struct ds_error *err);
int load_state_set(struct load_context *c, struct slice table, const char *state, uint64_t rows,
                   struct ds_error *err);
int load_state_has(struct load_context *c, struct slice table, bool *ours, struct ds_error *err);
/* What is kept beside a table's note. */
int load_state_high(struct load_context *c, struct slice table, const struct buf *high,
                    struct ds_error *err);
/* A view or a routine is about to be made; kind: "VIEW", "FUNCTION" … as DROP takes it. */
int load_state_object(struct load_context *c, const char *kind, struct slice name,
                      struct ds_error *err);
/* Drop what an earlier copy made and this one does not have. */
/* … with `takes`: what an earlier one has filled stays as it is. */
int load_state_end(struct load_context *c, uint64_t rows, struct ds_error *err);

#endif
