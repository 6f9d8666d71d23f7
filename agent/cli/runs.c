/* The runs that one command consists of. A mirror's is one. Of an import's entities some may never
 * have been copied, and some could not be written whole while others were behind: these are copied
 * by runs of their own, so that all go on together.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/runner.h"
#include "applier/import/incomplete.h"
#include "applier/import/unfilled.h"
#include "applier/positions.h"
#include "applier/state.h"
#include "schema/db.h"
#include "schema/log.h"

enum { RETRIES = 20 };

/* The destination, if an earlier run has left something there; else *there is false. Waits
 * `patience` seconds for each answer, 0: as long as it takes. */
static int open_state_within(unsigned patience, const struct config *c, MYSQL **db, bool *there,
                             struct ds_error *err)
{
    struct db_endpoint ep = config_endpoint(c, false);
    ep.database = NULL;
    ep.read_timeout = patience;
    if (patience)
        ep.connect_timeout = patience;
    *there = false;
    int rc = db_connect(db, &ep, err);
    return rc ? rc : state_exists(*db, c->state_database, there, err);
}

/* May what has failed do so no more when it is tried again? */
static bool is_passing(const struct ds_error *err)
{
    return err->code == DS_ECONN || (err->code == DS_ERETRY && err->server_errno);
}

static int open_state(const struct config *c, MYSQL **db, bool *there, struct ds_error *err)
{
    return open_state_within(0, c, db, there, err);
}

/* A look at the destination has failed that comes again, or that only spares time: of one that
 * cannot be reached the applier finds out, and waits for it. */
static int look_failed(struct ds_error *err)
{
    if (!is_passing(err))
        return cli_fail(err);
    log_debug("the destination cannot be asked yet message=\"%s\"", err->message);
    return EXIT_DONE;
}

/* One that decides what is run has failed: it is to be tried again when this gives EXIT_DONE. The
 * applier waits for the destination, as long as the command does, and `status` tells. */
static int wait_for_destination(struct invocation *in, const struct runner_options *o,
                                struct ds_error *why, bool *stopped)
{
    bool met = false;
    const struct runner_options wait = {.command = o->command,
                                        .agent = true,
                                        .applier = true,
                                        .retry_forever = o->retry_forever,
                                        .no_lock = o->no_lock,
                                        .unfinished = true,
                                        .until_connected = true,
                                        .met = &met,
                                        .stop_at = {.kind = STOP_NEVER}};
    if (!is_passing(why))
        return cli_fail(why);
    log_warn("the destination cannot be asked, trying again message=\"%s\"", why->message);
    error_clear(why);
    return runner_once(in, &wait, stopped);
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

/* A copy, or a look at one, that is lost with a server cannot go on where it was. What goes on for
 * ever makes it again; it waits for the servers by itself. */
static int run_copy(struct invocation *in, const struct runner_options *o, bool *stopped)
{
    int code;
    do
        code = runner_once(in, o, stopped);
    while (code == EXIT_UNREACHABLE && o->retry_forever && !*stopped);
    return code;
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
    return filter_imports_all(in->filter) ? EXIT_DONE : run_copy(in, &look, stopped);
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

struct asked { /* for by the command, while others are */
    struct config_list entities, where;
    enum config_stock stock;
    struct filter *filter;
};

static bool is_table_of(const struct invocation *in, const char *table,
                        const struct config_list *kinds)
{
    const struct catalogue_entity *e;
    const struct catalogue_table *entry;
    bool known = catalogue_lookup(in->catalogue, table, &e, &entry);
    for (size_t i = 0; known && i < kinds->count; i++)
        if (catalogue_find(in->catalogue, kinds->items[i]) == e)
            return true;
    return false;
}

/* Conditions for tables of these kinds: others would be for nothing, which is an error. */
static int choose_where(const struct invocation *in, const struct config_list *kinds,
                        struct config_list *out, struct ds_error *err)
{
    const struct config_list *all = &in->config.where;
    out->items = calloc(all->count + 1, sizeof *out->items);
    if (!out->items)
        return error_set(err, DS_ENOMEM, "out of memory for conditions");
    for (size_t i = 0; i + 1 < all->count; i += 2)
        if (is_table_of(in, all->items[i], kinds)) {
            out->items[out->count++] = all->items[i];
            out->items[out->count++] = all->items[i + 1];
        }
    return 0;
}

/* Ask for these alone, until ask_again. `names` is changed, and stays in use. */
static int ask_for(struct invocation *in, char *names, struct asked *before, struct ds_error *err)
{
    struct config_list some = {0}, where = {0};
    *before = (struct asked){in->config.entities, in->config.where, in->config.stock, in->filter};
    int rc = cli_split_list(names, (const char ***)&some.items, &some.count, err);
    rc = rc ? rc : choose_where(in, &some, &where, err);
    if (rc == 0) {
        in->config.entities = some;
        in->config.where = where;
        in->config.stock = STOCK_INCLUDE;
        rc = filter_new_exactly(&in->filter, &in->config, in->catalogue, err);
    }
    if (rc) {
        in->config.entities = before->entities;
        in->config.where = before->where;
        in->config.stock = before->stock;
        in->filter = before->filter;
        free(some.items);
        free(where.items);
    }
    return rc;
}

static void ask_again(struct invocation *in, const struct asked *before)
{
    filter_free(in->filter);
    free(in->config.entities.items);
    free(in->config.where.items);
    in->config.entities = before->entities;
    in->config.where = before->where;
    in->config.stock = before->stock;
    in->filter = before->filter;
}

/* Run for these alone, up to where the source is now. `names` is changed. */
static int run_for(struct invocation *in, const struct runner_options *o, char *names,
                   bool *stopped)
{
    struct asked before;
    struct runner_options first = *o;
    struct ds_error err = {0};
    if (ask_for(in, names, &before, &err))
        return cli_fail(&err);
    first.ends_by_itself = first.unfinished = true;
    first.limit_rows = 0;
    first.stop_at = (struct agent_stop_at){.kind = STOP_AT_SOURCE_NOW};
    int code = decide_references(in, o, stopped);
    if (code == EXIT_DONE && !*stopped)
        code = runner_once(in, &first, stopped);
    ask_again(in, &before);
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
    while (look_for_new(in, &names, &none, &err)) {
        int code = wait_for_destination(in, o, &err, stopped);
        if (code != EXIT_DONE || *stopped)
            return code;
        buf_clear(&names);
    }
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
        code = run_copy(in, &again, stopped);
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

static MYSQL_RES *read_ready(const struct invocation *in, enum incomplete_kinds kinds,
                             unsigned patience, struct ds_error *err)
{
    DB_AUTO MYSQL *db = NULL;
    bool there;
    int rc = open_state_within(patience, &in->config, &db, &there, err);
    return rc || !there ? NULL : incomplete_ready(db, &in->config, in->filter, kinds, err);
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
        MYSQL_RES *rows = read_ready(in, INCOMPLETE_ASKED_FOR, 0, &err);
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

/* --- what a sync could not write whole ----------------------------------------------------------
 */

/* They are of one kind, and what came from there with others is the source's: what the destination
 * had before is merged. One that the source has no more stays: `sync` takes none away. */
static int copy_texts(struct invocation *in, const struct runner_options *o,
                      const struct entity_ids *kind, const char **ids, bool *stopped)
{
    const struct entity_selection selection = {.ids = ids, .id_count = kind->count};
    struct runner_options again = *o;
    enum config_duplicate policy = in->config.on_duplicate;
    struct ds_error err = {0};
    char name[64];
    struct asked before;
    for (size_t i = 0; i < kind->count; i++)
        ids[i] = kind->items[i].id;
    snprintf(name, sizeof name, "%s", kind->entity->name);
    if (ask_for(in, name, &before, &err))
        return cli_fail(&err);
    log_info("texts name what has come: they are copied again entity=%s count=%zu",
             kind->entity->name, kind->count);
    in->config.on_duplicate = DUPLICATE_MERGE;
    again.copy = &selection;
    again.again = true;
    int code = runner_once(in, &again, stopped);
    in->config.on_duplicate = policy;
    ask_again(in, &before);
    return code;
}

static int copy_all_texts(struct invocation *in, const struct runner_options *o, MYSQL_RES *rows,
                          bool *stopped)
{
    struct entity_selection listed = {0};
    size_t count = mysql_num_rows(rows);
    struct entity_ids *kinds = calloc(count, sizeof *kinds);
    struct changed_id *items = calloc(count, sizeof *items);
    const char **ids = calloc(count, sizeof *ids);
    struct ds_error err = {0};
    int code = EXIT_DONE;
    if (kinds && items && ids) {
        list_kinds(in->catalogue, rows, kinds, items, &listed);
        for (size_t i = 0; i < listed.kind_count && goes_on(code, *stopped); i++)
            code = copy_texts(in, o, &kinds[i], ids, stopped);
    } else {
        error_set(&err, DS_ENOMEM, "out of memory for entities that are not complete");
        code = cli_fail(&err);
    }
    free(kinds);
    free(items);
    free(ids);
    return code;
}

/* Behind a sync: texts that named what has come since they were copied, by this one or by one that
 * was killed here. */
static int complete_texts(struct invocation *in, const struct runner_options *o, bool *stopped)
{
    struct ds_error err = {0};
    int code = EXIT_DONE;
    for (bool more = true; more && goes_on(code, *stopped);) {
        /* but texts, what lacks others stays so: an order that was copied without its customer */
        MYSQL_RES *rows = read_ready(in, INCOMPLETE_WITH_TEXTS, 0, &err);
        more = rows && mysql_num_rows(rows);
        if (more)
            code = copy_all_texts(in, o, rows, stopped);
        if (more && goes_on(code, *stopped))
            (void)forget(&in->config, rows, &err);
        mysql_free_result(rows);
        if (err.code)
            return cli_fail(&err);
    }
    return code;
}

/* --- all of them ---------------------------------------------------------------------------- */

struct watch { /* of a stream that goes on for ever */
    struct invocation *in;
    unsigned seconds;
    bool come; /* what something waits for */
};

/* Signals and `status` wait for the answer. */
enum { WATCH_SECONDS = 5, WATCH_PATIENCE = 3 };

static bool has_come(void *arg)
{
    struct watch *w = arg;
    struct ds_error err = {0};
    if (w->seconds++ % WATCH_SECONDS)
        return false;
    MYSQL_RES *rows = read_ready(w->in, INCOMPLETE_ASKED_FOR, WATCH_PATIENCE, &err);
    w->come = rows && mysql_num_rows(rows);
    mysql_free_result(rows);
    if (err.code)
        log_debug("what waits is looked for again later message=\"%s\"", err.message);
    return w->come;
}

/* Copies are of the source as it is now: not where a run is to stop before. */
static int run_import(struct invocation *in, const struct runner_options *o)
{
    struct watch watch = {.in = in};
    struct runner_options goes = *o;
    bool stopped = false, completes = !o->dry_run;
    int before = bring_new(in, o, &stopped), code = before, after = EXIT_DONE;
    if (goes_on(code, stopped) && completes && o->stop_at.kind == STOP_NEVER)
        code = catch_up(in, o, &stopped);
    if (!goes_on(code, stopped))
        return code;
    if (completes && o->stop_at.kind == STOP_NEVER) {
        goes.alongside = has_come;
        goes.alongside_arg = &watch;
        goes.when_waits = true;
    }
    do {
        watch.come = false;
        code = runner_once(in, &goes, &stopped);
        bool ends = completes && o->stop_at.kind == STOP_AT_SOURCE_NOW;
        if (goes_on(code, stopped) && (watch.come || ends))
            after = complete(in, o, &stopped);
        goes.resnapshot = false; /* that has been done */
    } while (watch.come && goes_on(code, stopped) && goes_on(after, stopped));
    code = code == EXIT_DONE && o->ends_by_itself ? before : code;
    return after == EXIT_DONE ? code : after;
}

/* Of servers that cannot be reached those find out who go on trying. */
static int check_columns(const struct invocation *in, const struct runner_options *o)
{
    struct ds_error err = {0};
    bool both = o->agent && o->applier && !o->csv && !o->file_count;
    int rc = 0, tries = 0;
    do
        rc = both && in->config.mode == MODE_IMPORT ? unfilled_check(&in->config, in->filter, &err)
                                                    : 0;
    while (rc == DS_ERETRY && ++tries < RETRIES);
    return rc && !is_passing(&err) ? cli_fail(&err) : EXIT_DONE;
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
    if (import)
        return run_import(in, o);
    code = runner_once(in, o, &stopped);
    if (!copies || !goes_on(code, stopped))
        return code;
    int after = complete_texts(in, o, &stopped);
    return after == EXIT_DONE ? code : after;
}
