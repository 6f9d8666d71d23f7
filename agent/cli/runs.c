/* The runs that one command consists of. A mirror's is one. Of an import's entities some may never
 * have been copied, and some could not be written whole while others were behind: these are copied
 * by runs of their own, so that all go on together.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/cli/runner.h"
#include "applier/import/incomplete.h"
#include "applier/import/unfilled.h"
#include "applier/positions.h"
#include "applier/state.h"
#include "schema/db.h"
#include "schema/log.h"

/* The destination, if an earlier run has left something there; else *there is false. */
static int open_state(const struct config *c, MYSQL **db, bool *there, struct ds_error *err)
{
    struct db_endpoint ep = config_endpoint(c, false);
    ep.database = NULL;
    *there = false;
    int rc = db_connect(db, &ep, err);
    return rc ? rc : state_exists(*db, c->state_database, there, err);
}

/* A look at the destination, before a run, has failed: of one that cannot be reached the applier
 * finds out, and waits for it. */
static int look_failed(struct ds_error *err)
{
    if (err->code != DS_ECONN)
        return cli_fail(err);
    log_debug("the destination cannot be asked yet message=\"%s\"", err->message);
    return EXIT_DONE;
}

void runner_tell_unseen(const struct invocation *in, const char *why)
{
    const struct config_list *asked = &in->config.entities;
    const char *entity = asked->count == 1 ? asked->items[0] : CONFIG_ALL;
    if (in->config.mode == MODE_IMPORT)
        log_warn("dry run: nothing was looked at: %s. datasync sync %s %s --dry-run looks at it, "
                 "and tells what a copy would do",
                 why, entity, in->config.source_system);
    else
        log_warn("dry run: nothing was looked at: %s", why);
}

static bool goes_on(int code, bool stopped)
{
    return !stopped && (code == EXIT_DONE || code == EXIT_INCOMPLETE);
}

/* --- what is referred to --------------------------------------------------------------------- */

/* Before a copy: what it refers to and is not at the destination is told, and decided upon, before
 * anything is written. */
static int decide_references(struct invocation *in, const struct runner_options *o, bool *stopped)
{
    const struct entity_selection selection = {.references = true};
    const struct runner_options look = {.command = o->command,
                                        .agent = true,
                                        .applier = true,
                                        .ends_by_itself = true,
                                        .retry_forever = o->retry_forever,
                                        .no_lock = o->no_lock,
                                        .unfinished = true,
                                        .range = true,
                                        .dry_run = true,
                                        .skip_invalid = o->skip_invalid,
                                        .references = true,
                                        .copy = &selection,
                                        .stop_at = {.kind = STOP_NEVER}};
    return filter_imports_all(in->filter) ? EXIT_DONE : runner_once(in, &look, stopped);
}

/* --- what has never been copied ------------------------------------------------------------- */

/* *none: of the entities that are asked for none has been copied. */
static int look_for_new(struct invocation *in, struct buf *names, bool *none, struct ds_error *err)
{
    const struct config *c = &in->config;
    DB_AUTO MYSQL *db = NULL;
    struct checkpoint cp = {0};
    bool there;
    *none = true;
    int rc = open_state(c, &db, &there, err);
    if (rc || !there)
        return rc;
    rc = positions_look(db, c, in->filter, &cp, names, err);
    *none = !cp.found;
    checkpoint_free(&cp);
    return rc;
}

/* Run for these alone, up to where the source is now. `names` is changed. */
static int run_for(struct invocation *in, const struct runner_options *o, char *names,
                   bool *stopped)
{
    struct config_list asked = in->config.entities, some = {0};
    enum config_stock stock = in->config.stock;
    struct filter *filter = in->filter;
    struct runner_options first = *o;
    struct ds_error err = {0};
    if (cli_split_list(names, (const char ***)&some.items, &some.count, &err))
        return cli_fail(&err);
    in->config.entities = some;
    in->config.stock = STOCK_INCLUDE;
    first.ends_by_itself = first.unfinished = true;
    first.limit_rows = 0;
    first.stop_at = (struct agent_stop_at){.kind = STOP_AT_SOURCE_NOW};
    int rc = filter_new_exactly(&in->filter, &in->config, in->catalogue, &err);
    int code = rc ? cli_fail(&err) : decide_references(in, o, stopped);
    if (code == EXIT_DONE && !*stopped)
        code = runner_once(in, &first, stopped);
    if (rc == 0)
        filter_free(in->filter);
    in->config.entities = asked;
    in->config.stock = stock;
    in->filter = filter;
    free(some.items);
    return code;
}

/* These are brought to where the source is. */
static int bring_new(struct invocation *in, const struct runner_options *o, bool *stopped)
{
    BUF_AUTO struct buf names = {0};
    struct ds_error err = {0};
    bool none;
    if (o->resnapshot)
        return o->dry_run ? EXIT_DONE : decide_references(in, o, stopped);
    if (look_for_new(in, &names, &none, &err))
        return look_failed(&err);
    if (!names.len)
        return none && !o->dry_run ? decide_references(in, o, stopped) : EXIT_DONE;
    log_info("entities have not been copied yet, and come first entities=%s", buf_cstr(&names));
    if (!o->dry_run)
        return run_for(in, o, (char *)names.data, stopped);
    runner_tell_unseen(in, "the copy of these has to be made before the others go on");
    *stopped = true;
    return EXIT_DONE;
}

/* --- what could not be written whole --------------------------------------------------------- */

static int look_for_incomplete(const struct invocation *in, bool *any, struct ds_error *err)
{
    DB_AUTO MYSQL *db = NULL;
    bool there;
    *any = false;
    int rc = open_state(&in->config, &db, &there, err);
    rc = rc || !there ? rc : state_ensure(db, in->config.state_database, err);
    return rc || !there ? rc : incomplete_any(db, &in->config, in->filter, any, err);
}

/* Of rows kind, id, in order: the ids of each kind, each once. */
static void list_kinds(const struct catalogue *catalogue, MYSQL_RES *rows, struct entity_ids *kinds,
                       struct changed_id *items, struct entity_selection *out)
{
    struct changed_id *end = items;
    out->listed = true;
    out->kinds = kinds;
    for (MYSQL_ROW row; (row = mysql_fetch_row(rows));) {
        const struct catalogue_entity *e = catalogue_find(catalogue, row[0]);
        if (!out->kind_count || kinds[out->kind_count - 1].entity != e)
            kinds[out->kind_count++] = (struct entity_ids){.entity = e, .items = end};
        struct entity_ids *k = &kinds[out->kind_count - 1];
        if (k->count && strcmp(k->items[k->count - 1].id, row[1]) == 0)
            continue;
        *end++ = (struct changed_id){.id = row[1]};
        k->count++;
    }
}

/* Copy these again, as the source has them now. */
static int copy_again(struct invocation *in, const struct runner_options *o, MYSQL_RES *rows,
                      bool *stopped)
{
    struct entity_selection selection = {0};
    const struct runner_options again = {.command = o->command,
                                         .agent = true,
                                         .applier = true,
                                         .ends_by_itself = true,
                                         .retry_forever = o->retry_forever,
                                         .no_lock = o->no_lock,
                                         .range = true,
                                         .again = true,
                                         .unfinished = true,
                                         .copy = &selection,
                                         .stop_at = {.kind = STOP_NEVER}};
    size_t count = mysql_num_rows(rows);
    struct entity_ids *kinds = calloc(count, sizeof *kinds);
    struct changed_id *items = calloc(count, sizeof *items);
    struct ds_error err = {0};
    int code;
    if (kinds && items) {
        list_kinds(in->catalogue, rows, kinds, items, &selection);
        log_info("what entities refer to has come since: they are copied again missing=%zu", count);
        code = runner_once(in, &again, stopped);
    } else {
        error_set(&err, DS_ENOMEM, "out of memory for entities that are not complete");
        code = cli_fail(&err);
    }
    free(kinds);
    free(items);
    return code;
}

static int forget(const struct config *c, MYSQL_RES *rows, struct ds_error *err)
{
    DB_AUTO MYSQL *db = NULL;
    bool there;
    int rc = open_state(c, &db, &there, err);
    return rc ? rc : incomplete_forget(db, c, rows, err);
}

static MYSQL_RES *read_ready(const struct invocation *in, struct ds_error *err)
{
    DB_AUTO MYSQL *db = NULL;
    bool there;
    int rc = open_state(&in->config, &db, &there, err);
    return rc || !there ? NULL : incomplete_ready(db, &in->config, in->filter, err);
}

static int clear(const struct invocation *in, struct ds_error *err)
{
    DB_AUTO MYSQL *db = NULL;
    bool there;
    int rc = open_state(&in->config, &db, &there, err);
    return rc || !there ? rc : incomplete_clear(db, &in->config, in->filter, err);
}

/* One that comes may be what another one waits for. */
static int complete(struct invocation *in, const struct runner_options *o, bool *stopped)
{
    struct ds_error err = {0};
    int code = EXIT_DONE;
    for (bool more = true; more && code == EXIT_DONE && !*stopped;) {
        MYSQL_RES *rows = read_ready(in, &err);
        more = rows && mysql_num_rows(rows);
        if (more)
            code = copy_again(in, o, rows, stopped);
        if (more && goes_on(code, *stopped))
            (void)forget(&in->config, rows, &err);
        mysql_free_result(rows);
        if (err.code)
            return o->retry_forever ? look_failed(&err) : cli_fail(&err);
    }
    if (code == EXIT_DONE && !*stopped && clear(in, &err))
        return o->retry_forever ? look_failed(&err) : cli_fail(&err);
    return code;
}

/* Before what goes on for ever: as far as the source is now, and then what that has completed. */
static int catch_up(struct invocation *in, const struct runner_options *o, bool *stopped)
{
    struct runner_options first = *o;
    struct ds_error err = {0};
    bool any;
    if (look_for_incomplete(in, &any, &err))
        return look_failed(&err);
    if (!any)
        return EXIT_DONE;
    first.ends_by_itself = first.unfinished = true;
    first.stop_at = (struct agent_stop_at){.kind = STOP_AT_SOURCE_NOW};
    int code = runner_once(in, &first, stopped);
    return goes_on(code, *stopped) ? complete(in, o, stopped) : code;
}

/* --- all of them ---------------------------------------------------------------------------- */

/* Copies are of the source as it is now: not where a run is to stop before. */
static int run_import(struct invocation *in, const struct runner_options *o)
{
    bool stopped = false, completes = !o->dry_run;
    int before = bring_new(in, o, &stopped), code = before, after = EXIT_DONE;
    if (goes_on(code, stopped) && completes && o->stop_at.kind == STOP_NEVER)
        code = catch_up(in, o, &stopped);
    if (!goes_on(code, stopped))
        return code;
    code = runner_once(in, o, &stopped);
    if (goes_on(code, stopped) && completes && o->stop_at.kind == STOP_AT_SOURCE_NOW)
        after = complete(in, o, &stopped);
    code = code == EXIT_DONE && o->ends_by_itself ? before : code;
    return after == EXIT_DONE ? code : after;
}

/* Of servers that cannot be reached those find out who go on trying. */
static int check_columns(const struct invocation *in, const struct runner_options *o)
{
    struct ds_error err = {0};
    bool both = o->agent && o->applier && !o->csv && !o->file_count;
    int rc =
        both && in->config.mode == MODE_IMPORT ? unfilled_check(&in->config, in->filter, &err) : 0;
    return rc && rc != DS_ECONN ? cli_fail(&err) : EXIT_DONE;
}

int runner_run(struct invocation *in, const struct runner_options *o)
{
    int refused = check_columns(in, o);
    if (refused)
        return refused;
    bool stopped = false;
    bool copies = o->copy && !o->csv && !o->tracker && !o->dry_run;
    int code = copies ? decide_references(in, o, &stopped) : EXIT_DONE;
    if (code != EXIT_DONE || stopped)
        return code;
    bool import = in->config.mode == MODE_IMPORT && o->agent && o->applier && !o->range;
    return import ? run_import(in, o) : runner_once(in, o, &stopped);
}
