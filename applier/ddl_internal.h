/* Between the files of ddl: ddl.c (what to do), ddl_route.c (what concerns us, and how it reads at
 * the destination), ddl_session.c (session state), ddl_print.c (fingerprints and dry runs),
 * ddl_objects.c (datasync_objects, whole databases), ddl_certain.c (statements whose effect on rows
 * is uncertain). Nobody else includes it.
 */
#ifndef APPLIER_DDL_INTERNAL_H
#define APPLIER_DDL_INTERNAL_H

#include "applier/ddl.h"
#include "schema/sql.h"

enum ddl_action {
    ACTION_PASS,
    ACTION_RUN,      /* with an intent */
    ACTION_REPEAT,   /* without: harmless when it runs twice */
    ACTION_RECORD,   /* triggers and events */
    ACTION_EMPTY,    /* DROP DATABASE: drop what is in it */
    ACTION_DATABASE, /* CREATE DATABASE: take over its default character set */
};
struct ddl_job {
    const struct ddl_context *c;
    const struct message *message;
    const char *position;
    bool continues;
    struct msg_session session;
    struct slice original;   /* the statement in utf8mb4 */
    struct slice sql;        /* as it reads at the destination */
    struct sql_statement st; /* of sql */
    enum ddl_action action;
    const char **names; /* objects that it names, at the destination */
    size_t name_count;
    struct arena *arena;
    const char *state;  /* state database, quoted */
    const char *stream; /* the stream's name, as a literal */
};

/* ddl_route.c: fills everything behind `session`. */
int ddl_route(struct ddl_job *job, struct ds_error *err);
char *ddl_text(struct arena *arena, struct slice s); /* NUL-terminated copy; NULL: no memory */
/* A literal for SQL; NULL: no memory. */
const char *ddl_literal(struct arena *arena, const void *p, size_t len);
/* The statement for messages: shortened, and without literals when it may hold row values. */
const char *ddl_shown(const struct ddl_job *job);
int ddl_no_memory(struct ds_error *err);

/* ddl_session.c */
struct ddl_saved {
    struct buf restore; /* SET statement */
    char database[260]; /* default database, "" none */
};
/* Set what the event says, with `database` as the default one. `checks`: false turns foreign key
 * checks off whatever the event says. ddl_session_leave also after a failure. */
int ddl_session_enter(const struct ddl_job *job, const char *database, bool checks,
                      struct ddl_saved *saved, struct ds_error *err);
int ddl_session_leave(const struct ddl_context *c, struct ddl_saved *saved, struct ds_error *err);

/* ddl_print.c */
struct ddl_print {
    const char *name;
    struct slice
        definition;   /* without the auto-increment counter; len 0: there is no such object */
    struct slice ids; /* InnoDB table ids, also of partitions; len 0: unknown */
};
int ddl_prints_read(const struct ddl_job *job, const char *database, struct ddl_print **out,
                    struct ds_error *err);
int ddl_prints_write(const struct ddl_print *prints, size_t count, struct buf *out);
int ddl_prints_parse(struct slice stored, struct arena *arena, struct ddl_print **out,
                     size_t *count, struct ds_error *err);
/* Does the definition of the first object hold expressions? See sql_has_expressions. */
int ddl_has_expressions(const struct ddl_job *job, bool *has, struct ds_error *err);
/* What would the statement make of these objects? *possible false: it failed on the copies. */
int ddl_dry_run(const struct ddl_job *job, const struct ddl_print *before, bool *possible,
                struct ddl_print **after, struct ds_error *err);

/* ddl_certain.c */
/* Would the statement give rows that are there something else than at the source? DS_EDDL. */
int ddl_check_certain(const struct ddl_job *job, struct ds_error *err);

/* ddl_objects.c: all inside the transaction that closes the statement, apart from ddl_empty. */
int ddl_record(const struct ddl_job *job, struct ds_error *err);
int ddl_record_followups(const struct ddl_job *job, struct ds_error *err);
int ddl_empty(const struct ddl_job *job, struct ds_error *err);
int ddl_record_emptied(const struct ddl_job *job, struct ds_error *err);
int ddl_take_database(const struct ddl_job *job, struct ds_error *err);

#endif
