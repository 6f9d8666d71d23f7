/* What migrate*.c share: a run of `datasync migrate`. Main thread.
 *
 * migrate.c             the command: modes, their order, exit codes
 * migrate_config.c      config.xml → the configuration that the rest of the program knows
 * migrate_steps.c       classes of that tool → what does their work here
 * migrate_sides.c       what a step reads of both servers
 * migrate_changes.c     rows that it makes → the applier
 * migrate_map.c         the Map step
 * migrate_reset.c       documents that are copied again by themselves
 * migrate_servers.c     what would stop it at either server
 * migrate_sample.c      values that would get lost, by a sample of rows
 * migrate_fit….c        … tried in temporary tables, and what keys would refuse
 * migrate_settings.c    the Settings step
 * migrate_stores.c      the Stores step
 * migrate_increments.c  the SalesIncrement step
 * migrate_eav….c        the EAV step
 * migrate_leftovers.c   the PostProcessing step
 * migrate_multiselect.c … of values of multiselect attributes
 * migrate_customer.c    the Customer step
 * migrate_custom.c      the Custom Customer Attributes step
 * migrate_doubles.c     documents of which the source may have a row twice
 * migrate_own.c         steps of the user's own
 * migrate_delta.c       which documents a delta follows
 * migrate_changelog….c  a delta from the other tool's change logs
 */
#ifndef CLI_MIGRATE_H
#define CLI_MIGRATE_H

#include "agent/cli/cli.h"
#include "agent/cli/runner.h"
#include "applier/handlers.h"
#include "applier/target.h"
#include "schema/map.h"
#include "schema/migration/groups.h"
#include "schema/migration/migration.h"

#define CUSTOMER_STEP "Migration\\Step\\Customer"

#define CUSTOM_STEP "Migration\\Step\\CustomCustomerAttributes"

struct migrating {
    struct invocation *in;
    struct migration *migration;
    enum migration_mode mode;
    const struct migration_step *step; /* in hand */
    struct handlers *own;              /* the user's; NULL: none */
    bool streamed;                     /* the rows of all steps have come, with the first of them */
    struct groups *deltalog;           /* NULL: no file says what is followed */
    struct buf deltalog_path;
    struct groups *leftovers;  /* what the PostProcessing step deletes; NULL: there is none */
    bool cleaned;              /* it may have, in an earlier run */
    struct customer *customer; /* files of the Customer step; NULL: there is none */
    struct custom *custom;     /* of the Custom Customer Attributes step; NULL: there is none */
    bool stopped;              /* by a signal */
    bool stuck;                /* a rule cannot be followed, which was told: --auto does not help */
    bool different;            /* a volume check has found something */
    bool incomplete;           /* a run has passed something over, or set it aside */
    struct buf counted;        /* counters of the source that were brought alongside the stream */
    unsigned seconds;          /* … since they were looked at */
    int code; /* of a run that did not end well, which it has logged; else EXIT_DONE */
};

/* Does the work of one stage of g->step. *good: it is as it should be, else what is wrong has been
 * logged. */
typedef int migrate_stage(struct migrating *g, bool *good, struct ds_error *err);

/* As log lines name it. */
const char *migrate_stage_title(enum migration_stage stage);
/* NULL: there is none for that class in that place. */
migrate_stage *migrate_stage_find(const struct migrating *g, const char *class,
                                  enum migration_stage stage);
/* Why a class is left out, which the user is told; NULL: it is not. */
const char *migrate_stage_left_out(const char *class);

/* Of `datasync migrate data` with the config.xml that in->migration names, for other commands. */
int migrate_open_stream(struct invocation *in, struct ds_error *err);
void migrate_close_stream(struct invocation *in);

int migrate_open_own(struct migrating *g, struct ds_error *err);
/* The step in whose namespace the class is; NULL: none. */
const struct ds_step *migrate_own_step(const struct migrating *g, const char *class);
/* Into the map the documents of such steps, with their rules; `text` as for migrate_follow. */
int migrate_add_own(struct migrating *g, struct map *map, struct buf *text, struct ds_error *err);
/* Does the class belong to a step that config.xml has in mode data or delta? "Migration\\Step\\X\\"
 */
bool migrate_has_step(const struct migrating *g, const char *classes);
/* Stages of a step with documents of its own, which come with the stream of all steps. option: of
 * the map with their rules. */
int migrate_step_integrity(struct migrating *g, const char *step, const char *option, bool *good,
                           struct ds_error *err);
int migrate_step_volume(struct migrating *g, const char *step, bool *good, struct ds_error *err);
/* --suggest: rules for the map of a step, which the option names, beside rules.xml in
 * rules.GreatBlog.xml; no file if there are none. */
int migrate_suggest_for(const struct migrating *g, const char *step, const char *option,
                        struct buf *xml, struct ds_error *err);
/* Into the map a step of ours with the documents of `source` (NULL ends them), by the rules that
 * the option names; of the destination's kept by `documents`, which must outlive the map. */
int migrate_add_step(struct migrating *g, struct map *map, const char *step, const char *option,
                     const char *const *source, struct arena *arena, struct buf *text,
                     struct ds_error *err);
/* A file's bytes behind a text that tells maps apart. */
int migrate_add_text(struct buf *text, const char *what, const char *path, struct ds_error *err);

/* If config.xml has a Customer step, and the user none of that name: what its groups say. */
int migrate_customer_open(struct migrating *g, struct ds_error *err);
void migrate_customer_free(struct customer *c);
int migrate_add_customer(struct migrating *g, struct map *map, struct buf *text,
                         struct ds_error *err);
/* Attributes that are columns, document by document; NULL: no more. */
const struct map_columns *migrate_customer_columns(const struct migrating *g, size_t i);
/* Is the attribute a column at the destination? */
bool migrate_customer_has(const struct migrating *g, struct slice type, struct slice code);
int migrate_customer_integrity(struct migrating *g, bool *good, struct ds_error *err);
int migrate_customer_data(struct migrating *g, bool *good, struct ds_error *err);
int migrate_customer_volume(struct migrating *g, bool *good, struct ds_error *err);

/* The same of the Custom Customer Attributes step. */
int migrate_custom_open(struct migrating *g, struct ds_error *err);
void migrate_custom_free(struct custom *c);
int migrate_add_custom(struct migrating *g, struct map *map, struct buf *text,
                       struct ds_error *err);
/* Before rows come: tables of the destination get the columns that they lack. */
int migrate_custom_prepare(struct migrating *g, bool *good, struct ds_error *err);
int migrate_custom_integrity(struct migrating *g, bool *good, struct ds_error *err);
int migrate_custom_volume(struct migrating *g, bool *good, struct ds_error *err);

/* Into the map what the file of the option map_document_groups says. */
int migrate_add_doubles(struct migrating *g, struct map *map, struct buf *text,
                        struct ds_error *err);
/* Have the destination's tables such a key? */
int migrate_check_doubles(struct migrating *g, struct ds_error *err);

int migrate_own_integrity(struct migrating *g, bool *good, struct ds_error *err);
int migrate_own_volume(struct migrating *g, bool *good, struct ds_error *err);

/* The group of deltalog.xml with what that class of mode delta follows, and the step whose own its
 * documents are (NULL: nobody's). False: it has none. */
bool migrate_group(const struct migrating *g, const char *class, const char **step,
                   const char **group);

/* Into the map what deltalog.xml says; `text`: what makes the map another one by that. */
int migrate_follow(struct migrating *g, struct map *map, struct buf *text, struct ds_error *err);
/* Compare it with the source, and tell what is not followed. */
int migrate_check_followed(struct migrating *g, struct ds_error *err);

/* Do both servers let it run? --auto does not go past what they do not. */
int migrate_servers_check(struct migrating *g, bool *good, struct ds_error *err);
/* … and are the tables that a first copy would fill empty? */
int migrate_check_empty(struct migrating *g, bool *good, struct ds_error *err);

/* Settings of the run, by what config.xml says. */
int migrate_configure(struct migrating *g, struct ds_error *err);
/* Does the delta come to an end, and does it ask the source? */
bool migrate_ends(const struct migrating *g);
bool migrate_asks_source(const struct migrating *g);

/* delta --changelog: all documents that are followed, until their logs are empty. */
int migrate_changelog(struct migrating *g, bool *good, struct ds_error *err);
/* How many rows their logs have, as `db` sees them. */
int migrate_changelog_pending(const struct migrating *g, MYSQL *db, const struct target *source,
                              uint64_t *rows, struct ds_error *err);

/* Of a run that follows the source through the map, as far as the map leads; to be added to. */
struct runner_options migrate_run_options(void);
/* Has an earlier run copied? */
int migrate_look_for_copy(struct migrating *g, bool *there, struct ds_error *err);
/* A delta that goes on for ever waits for servers that cannot be reached, or that were interrupted:
 * between runs, where a signal ends it at once. *seconds: from 0, for the next time. False: it does
 * not wait for what `err` says. */
bool migrate_waits(const struct migrating *g, unsigned *seconds, struct ds_error *err);
/* One run; its exit code, and g->code, which do not tell that it was incomplete: what comes behind
 * it has to be done all the same. */
int migrate_run(struct migrating *g, const struct runner_options *o);
/* The stream up to a position of the source; the same. */
int migrate_follow_to(struct migrating *g, const struct position *at);
/* --reset of what --document and --step name, or of all. */
bool migrate_resets_some(const struct migrating *g);
bool migrate_resets_all(const struct migrating *g);
/* Data mode copies now, and its last step is done: between these delta is refused. */
int migrate_data_begins(struct migrating *g, struct ds_error *err);
int migrate_data_ends(struct migrating *g, struct ds_error *err);
/* Before rows are followed: is nothing to be copied again, and data mode at its end? DS_EUSAGE. */
int migrate_reset_check(struct migrating *g, struct ds_error *err);
/* Copies again what is named, or what an earlier run has begun to. copied: there is a copy of all;
 * else nothing is. g->code and g->stopped say how it went. DS_EUSAGE: that cannot be by itself. */
int migrate_reset(struct migrating *g, bool copied, struct ds_error *err);
/* All has been copied. */
int migrate_reset_done(struct migrating *g, struct ds_error *err);

int migrate_map_integrity(struct migrating *g, bool *good, struct ds_error *err);
int migrate_map_data(struct migrating *g, bool *good, struct ds_error *err);
int migrate_map_volume(struct migrating *g, bool *good, struct ds_error *err);
int migrate_map_delta(struct migrating *g, bool *good, struct ds_error *err);
int migrate_settings_integrity(struct migrating *g, bool *good, struct ds_error *err);
int migrate_settings_data(struct migrating *g, bool *good, struct ds_error *err);
int migrate_settings_volume(struct migrating *g, bool *good, struct ds_error *err);
/* Is there such a step in data mode? What it has deleted, the source may change. */
int migrate_leftovers_open(struct migrating *g, struct ds_error *err);
/* Into the map: rows whose attributes are gone, which it deletes behind a copy, are left out of the
 * stream. */
int migrate_claim(const struct migrating *g, struct map *map, struct ds_error *err);
/* May the step delete rows of this document of the destination? */
bool migrate_leftovers_changes(const struct migrating *g, const char *document);
/* May a document of the destination hold values of multiselect attributes of products? Which rows
 * of it are of others, if there is such a step: a condition for either side, or nothing. `db`: the
 * destination's. */
bool migrate_multiselect_has(const char *document);
int migrate_multiselect_others(struct migrating *g, MYSQL *db, struct buf *condition,
                               struct ds_error *err);
int migrate_leftovers_data(struct migrating *g, bool *good, struct ds_error *err);
int migrate_eav_integrity(struct migrating *g, bool *good, struct ds_error *err);
int migrate_eav_data(struct migrating *g, bool *good, struct ds_error *err);
int migrate_eav_volume(struct migrating *g, bool *good, struct ds_error *err);
/* Does the EAV step run in data mode? Then delta brings what the source makes of attributes. */
bool migrate_has_eav(const struct migrating *g);
/* Into the map: the stream can end before their changes. */
int migrate_watch_eav(const struct migrating *g, struct map *map, struct ds_error *err);
struct runner_options;
/* Runs the stream by these options, with them. */
int migrate_eav_delta(struct migrating *g, const struct runner_options *o, bool *good,
                      struct ds_error *err);
int migrate_increments_integrity(struct migrating *g, bool *good, struct ds_error *err);
int migrate_increments_data(struct migrating *g, bool *good, struct ds_error *err);
/* Is there such a step in delta mode? Then, for runner_options: brings what has changed since the
 * last time, in a stream of its own, every few seconds. arg: struct migrating. */
bool migrate_increments_follow(const struct migrating *g);
bool migrate_increments_alongside(void *arg); /* false */
int migrate_increments_volume(struct migrating *g, bool *good, struct ds_error *err);
int migrate_stores_integrity(struct migrating *g, bool *good, struct ds_error *err);
int migrate_stores_data(struct migrating *g, bool *good, struct ds_error *err);
int migrate_stores_volume(struct migrating *g, bool *good, struct ds_error *err);

#endif
