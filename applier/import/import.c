/* The import's life, and the order in which a segment's tables are written. */
#include "applier/import/import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "applier/apply.h"
#include "applier/import/delete.h"
#include "applier/import/documents.h"
#include "applier/import/drop.h"
#include "applier/import/files.h"
#include "applier/import/import_internal.h"
#include "applier/import/left.h"
#include "applier/import/options.h"
#include "applier/import/resolve.h"
#include "applier/import/seen.h"
#include "applier/import/unfinished.h"
#include "applier/media/media.h"
#include "schema/db_later.h"
#include "schema/log.h"

static bool refers(const struct import *im, const struct catalogue_entity *e,
                   const struct catalogue_entity *to)
{
    for (size_t i = 0; i < e->reference_count; i++)
        if (catalogue_find(im->options.catalogue, e->references[i].entity) == to)
            return true;
    return filter_names(e, to);
}

/* What is asked for, what that maps to, and, to be recognised only, whatever else it refers to. */
static void set_scope(struct import *im)
{
    const struct catalogue *c = im->options.catalogue;
    size_t count = catalogue_count(c);
    filter_import_scope(im->options.filter, im->scope);
    memcpy(im->makes, im->scope, count * sizeof *im->makes);
    for (size_t i = 0; i < count; i++) {
        const struct catalogue_entity *e = catalogue_at(c, i);
        if (!filter_imports(im->options.filter, e))
            continue;
        filter_add_recognised(im->options.filter, e, im->scope);
        for (size_t n = 0; n < count; n++)
            im->scope[n] |=
                catalogue_at(c, n)->kind == KIND_DATA && refers(im, e, catalogue_at(c, n));
    }
}

int import_new(struct import **out, const struct import_options *options, struct ds_error *err)
{
    struct import *im = calloc(1, sizeof *im);
    size_t entities = catalogue_count(options->catalogue);
    if (!im)
        return import_no_memory(err);
    im->options = *options;
    im->counts = calloc(entities + 1, sizeof *im->counts);
    im->pending = calloc(entities + 1, sizeof *im->pending);
    im->marked = calloc(entities + 1, sizeof *im->marked);
    im->scope = calloc(entities + 1, sizeof *im->scope);
    im->makes = calloc(entities + 1, sizeof *im->makes);
    int rc = im->counts && im->pending && im->marked && im->scope && im->makes &&
                     import_aftermath_new(im) == 0 && import_seen_new(im) == 0 &&
                     import_large_new(im) == 0 && import_unsure_new(im) == 0 &&
                     import_unfinished_new(im) == 0 && import_orphans_new(im) == 0 &&
                     import_nameless_new(im) == 0 && import_freed_new(im) == 0 &&
                     import_namesakes_new(im) == 0 && import_come_new(im) == 0 &&
                     import_postponed_new(im) == 0
                 ? 0
                 : import_no_memory(err);
    for (size_t i = 0; i < entities && rc == 0; i++)
        snprintf(im->counts[i].entity, sizeof im->counts[i].entity, "%s",
                 catalogue_at(options->catalogue, i)->name);
    rc = rc ? rc
            : registry_new(&im->registry, options->config->state_database,
                           options->config->source_system, options->dry_run, err);
    if (rc == 0 && (im->attribute_type = registry_type(im->registry, "attribute")) == UINT32_MAX)
        rc = import_no_memory(err);
    rc = rc ? rc : import_policies_new(im, err);
    rc = rc ? rc : import_encryption_new(im, err);
    rc = rc ? rc : import_files_new(im, err);
    im->made_up = IMPORT_MADE_UP;
    if (rc == 0)
        set_scope(im);
    if (rc)
        import_free(im);
    else
        *out = im;
    return rc;
}

void import_free(struct import *im)
{
    if (!im)
        return;
    db_close(&im->source);
    import_tables_free(im);
    import_aftermath_free(im);
    import_seen_free(im);
    import_large_free(im);
    import_unsure_free(im);
    import_unfinished_free(im);
    import_orphans_free(im);
    import_encryption_free(im);
    import_nameless_free(im);
    import_freed_free(im);
    import_namesakes_free(im);
    import_postponed_free(im);
    import_come_free(im);
    media_free(im->media);
    registry_free(im->registry);
    buf_free(&im->became);
    buf_free(&im->told_options);
    buf_free(&im->shown_options);
    arena_free(&im->arena);
    arena_free(&im->rekeyed);
    free(im->attributes);
    free(im->dying);
    free(im->entity_list);
    free(im->rows);
    free(im->counts);
    free(im->pending);
    free(im->marked);
    free(im->scope);
    free(im->makes);
    free(im->deletions);
    free(im->missing);
    buf_free(&im->incomplete);
    buf_free(&im->elsewhere);
    import_left_free(im);
    free(im);
}

int import_attach(struct import *im, MYSQL *db, const struct db_server *server,
                  struct target *target, struct writer *writer, struct ds_error *err)
{
    bool found;
    im->db = db;
    im->server = server;
    im->target = target;
    im->writer = writer;
    im->attributes_known = false;
    int rc = registry_attach(im->registry, db, server->mariadb, err);
    /* a live shop writes beside us: its rows are seen when they are committed, and its own
     * numbering of new rows is kept to */
    rc = rc ? rc : db_exec(db, err, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED");
    if (rc == 0)
        rc = db_exec(db, err,
                     "SET SESSION auto_increment_increment = DEFAULT, auto_increment_offset = "
                     "DEFAULT");
    rc = rc ? rc
            : db_scalar_u64(db, &im->increment, &found, err,
                            "SELECT @@SESSION.auto_increment_increment");
    return rc ? rc : import_look_for_keys(im, err);
}

void import_look_at(struct import *im, struct target *target)
{
    im->target = target;
}

int import_resolve_table(struct import *im, struct source_table *t, bool has_rows,
                         struct ds_error *err)
{
    if (t->import_known && (!t->import || t->target_version == t->target->version))
        return 0;
    int rc = import_table_find(im, t, has_rows, &t->import, err);
    if (rc)
        return rc;
    t->import_known = t->import || has_rows; /* else they may still come */
    t->target = t->import ? t->import->target : NULL;
    t->target_version = t->target ? t->target->version : 0;
    return 0;
}

/* --- counts -------------------------------------------------------------------------------- */

static struct import_counts *counts_of(const struct import *im, const struct import_entity *e)
{
    return &im->pending[e->table->place];
}

static uint64_t now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

void import_forget_counts(struct import *im)
{
    memset(im->pending, 0, catalogue_count(im->options.catalogue) * sizeof *im->pending);
}

void import_mark(struct import *im)
{
    size_t n = catalogue_count(im->options.catalogue);
    memcpy(im->marked, im->pending, n * sizeof *im->marked);
    im->became_at_mark = im->became.len;
    import_count_mark(im);
    import_postponed_mark(im);
}

void import_go_back(struct import *im)
{
    size_t n = catalogue_count(im->options.catalogue);
    registry_forget(im->registry);
    import_unfinished_rolled_back(im);
    import_aftermath_clear(im);
    import_options_clear(im);
    buf_clear(&im->incomplete);
    im->attributes_known = false;
    memcpy(im->pending, im->marked, n * sizeof *im->marked);
    im->became.len = im->became_at_mark;
    import_count_go_back(im);
    import_postponed_go_back(im);
}

void import_rolled_back(struct import *im)
{
    registry_forget(im->registry);
    registry_believe(im->registry);
    im->doubts = im->collides = false;
    import_seen_rolled_back(im);
    import_postponed_rolled_back(im);
    import_large_forget(im);
    import_unsure_rolled_back(im);
    import_unfinished_rolled_back(im);
    import_aftermath_clear(im);
    buf_clear(&im->incomplete);
    import_options_clear(im);
    import_encryption_rolled_back(im);
    import_freed_clear(im);
    im->attributes_known = false;
    import_left_again(im);
    import_forget_counts(im);
    buf_clear(&im->became);
    im->became_at_mark = 0;
}

void import_begins_anew(struct import *im)
{
    import_seen_clear(im);
}

void import_committed(struct import *im)
{
    for (size_t i = 0; i < catalogue_count(im->options.catalogue); i++) {
        const struct import_counts *p = &im->pending[i];
        struct import_counts *c = &im->counts[i];
        if (p->created + p->updated + p->merged + p->skipped + p->invalid + p->deleted +
            p->missing + p->members) {
            c->first_ms = c->first_ms ? c->first_ms : im->begun_ms;
            c->last_ms = now_ms();
        }
        c->created += p->created;
        c->updated += p->updated;
        c->merged += p->merged;
        c->skipped += p->skipped;
        c->invalid += p->invalid;
        c->deleted += p->deleted;
        c->missing += p->missing;
        c->members += p->members;
    }
    import_forget_counts(im);
    import_log_became(im);
    im->became_at_mark = 0;
    registry_believe(im->registry);
    im->doubts = im->collides = false;
    import_seen_committed(im);
    import_postponed_committed(im);
    import_unsure_committed(im);
    import_left_committed(im);
    import_encryption_committed(im);
    registry_trim(im->registry);
    if (im->media)
        media_committed(im->media);
}

const struct import_counts *import_counts_get(const struct import *im, size_t *count)
{
    *count = catalogue_count(im->options.catalogue);
    return im->counts;
}

const uint64_t *import_rows_written(const struct import *im, size_t *place, const char **entity)
{
    while (*place < catalogue_count(im->options.catalogue)) {
        *entity = im->counts[*place].entity;
        const uint64_t *rows = im->pending[(*place)++].rows;
        if (rows[0] + rows[1] + rows[2])
            return rows;
    }
    return NULL;
}

/* --- what is done with an entity -----------------------------------------------------------------
 */

bool import_is_asked_for(const struct import_entity *e)
{
    const struct import_row *row = e->root ? e->root : e->rows;
    bool named = row && row->op != CHANGE_DELETE && row->origin->flags & CHANGE_NAMED;
    return e->table->selected && !named;
}

static int know_entities(struct import *im, struct ds_error *err)
{
    const bool skips = im->options.config->on_duplicate == DUPLICATE_SKIP;
    for (uint32_t i = 0; i < im->entity_count; i++) {
        struct import_entity *e = im->entity_list[i];
        e->type = registry_type(im->registry, e->entity->name);
        if (e->key.len && registry_want(im->registry, e->type, e->key))
            return import_no_memory(err);
    }
    int rc = registry_load(im->registry, err);
    for (uint32_t i = 0; i < im->entity_count && rc == 0; i++) {
        struct import_entity *e = im->entity_list[i];
        const struct registered *r = registry_find(im->registry, e->type, e->key);
        e->here = r && r->found;
        e->target = e->here ? r->target : 0;
        e->matched = e->here && r->origin == ORIGIN_MATCHED;
        bool makes = filter_maps(e->entity) && im->makes[e->table->place];
        e->policy = import_is_asked_for(e) ? IMPORT_WRITE : makes ? IMPORT_REFER : IMPORT_MATCH;
        bool skipped = e->matched || (e->here && import_was_finished(im, e) &&
                                      import_passed_over(im, e->type, e->target));
        if (skips && skipped && e->policy == IMPORT_WRITE)
            e->policy = filter_maps(e->entity) ? IMPORT_REFER : IMPORT_MATCH;
        import_large_decided(im, e);
    }
    return rc;
}

static int duplicate(struct import *im, const struct import_entity *e, struct ds_error *err)
{
    bool earlier = e->here && !e->matched;
    im->duplicate = true;
    return error_set(err, DS_ECONFLICT,
                     "%s %.*s is at the destination already, %sand on_duplicate is error: choose "
                     "skip%s, update or merge",
                     e->entity->name, (int)e->key.len, (const char *)e->key.p,
                     earlier ? "from an earlier run, " : "",
                     earlier ? " (which goes on where that one ended)" : "");
}

/* A change of a row is not all that there is of its entity, if that has other tables. */
static bool is_part(const struct import_row *row)
{
    return import_has_members(row->entity->entity) && row->op == CHANGE_UPDATE &&
           import_is_asked_for(row->entity) && row->entity->policy != IMPORT_REFER;
}

bool import_is_merged(const struct import *im, const struct import_entity *e)
{
    return im->options.config->on_duplicate == DUPLICATE_MERGE &&
           (e->matched || (e->here && !im->options.follows));
}

bool import_comes_again(const struct import_row *row)
{
    return row->origin->flags & CHANGE_COPIED && !row->entity->whole;
}

/* What comes along with others may have come with another one of them. */
static enum config_duplicate policy_for_duplicate(const struct import *im,
                                                  const struct import_entity *e)
{
    enum config_duplicate policy = im->options.config->on_duplicate;
    bool along = filter_comes_along(im->options.filter, e->entity);
    return policy == DUPLICATE_ERROR && along ? DUPLICATE_SKIP : policy;
}

/* A stream makes it, and finds it here by its natural key: all that the source has of it comes now,
 * or later, and in its place goes what is here. */
static int replace_found(struct import *im, const struct import_row *row, struct ds_error *err)
{
    struct import_entity *e = row->entity;
    if (!im->options.follows || row->op != CHANGE_INSERT || row->origin->flags & CHANGE_COPIED ||
        e->here || import_is_merged(im, e) || !import_has_members(e->entity))
        return 0;
    e->whole = true;
    return import_look_below(im, e->entity, err);
}

/* The root's row has been looked for. Whole entities ask the policy; a change of one that was
 * imported has asked it then. */
static int decide(struct import *im, struct import_row *row, struct ds_error *err)
{
    struct import_entity *e = row->entity;
    struct import_counts none = {0}, *counts = counts_of(im, e);
    if (import_comes_again(row))
        counts = &none;
    if (row->state == ROW_NEW && is_part(row))
        return import_leave_part(im, row, err);
    if (row->state == ROW_NEW) {
        if (e->policy == IMPORT_REFER)
            return import_missing(im, row, counts, err);
        if (e->policy == IMPORT_MATCH && import_is_asked_for(e))
            e->policy = IMPORT_WRITE; /* what it matched is gone */
        counts->created += e->policy != IMPORT_MATCH;
        return 0;
    }
    if (row->state == ROW_FOUND && import_check_attribute(im, row, err))
        return err->code;
    if (row->state != ROW_FOUND || e->policy == IMPORT_REFER || !import_is_asked_for(e))
        return 0;
    bool own = im->options.follows && e->here && !e->matched;
    /* a record of a file, which mostly does not have all of an entity */
    bool record =
        !im->options.follows && row->op == CHANGE_INSERT && !(row->origin->flags & CHANGE_COPIED);
    if (((e->whole || record) && !own) || e->matched) {
        switch (policy_for_duplicate(im, e)) {
        case DUPLICATE_ERROR:
            return duplicate(im, e, err);
        case DUPLICATE_SKIP:
            /* what other entities need of it is made all the same: options, groups */
            e->policy = filter_maps(e->entity) ? IMPORT_REFER : IMPORT_MATCH;
            counts->skipped++;
            import_tell_renamed(im, row);
            return import_pass_over(im, e->type, row->target_id) ? import_no_memory(err) : 0;
        case DUPLICATE_MERGE:
            counts->merged++;
            return 0;
        case DUPLICATE_UPDATE:
            break;
        }
    }
    counts->updated++;
    return replace_found(im, row, err);
}

/* --- a segment -----------------------------------------------------------------------------------
 */

static uint32_t table_end(const struct import *im, uint32_t first)
{
    uint32_t end = first + 1;
    while (end < im->row_count && im->rows[end]->table == im->rows[first]->table)
        end++;
    return end;
}

static int translate_rows(struct import *im, uint32_t first, uint32_t end, bool deletes, bool *any,
                          struct ds_error *err)
{
    int rc = 0;
    *any = false;
    im->turn++;
    for (uint32_t i = first; i < end && rc == 0; i++) {
        struct import_row *row = im->rows[i];
        if (row->state != ROW_WAITS || (row->op == CHANGE_DELETE) != deletes)
            continue;
        rc = import_translate(im, row, err);
        rc = rc ? rc : import_incomplete_write(im, false, err);
        *any |= row->state == ROW_OPEN;
    }
    return rc;
}

static int delete_table(struct import *im, uint32_t first, uint32_t end, struct ds_error *err)
{
    bool any;
    int rc = import_incomplete_gone(im, first, end, err);
    rc = rc ? rc : translate_rows(im, first, end, true, &any, err);
    if (rc == 0 && any)
        rc = import_match(im, first, end, err);
    if (rc || !any)
        return rc;
    return import_delete_rows(im, first, end, err);
}

static int decide_roots(struct import *im, uint32_t first, uint32_t end, struct ds_error *err)
{
    int rc = 0;
    for (uint32_t i = first; i < end && rc == 0; i++) {
        struct import_row *row = im->rows[i];
        if (row->table->root && row->op != CHANGE_DELETE &&
            (row->state == ROW_NEW || row->state == ROW_FOUND)) {
            import_orphan_came(im, row->entity);
            struct import_counts *counts = counts_of(im, row->entity), before = *counts;
            rc = decide(im, row, err);
            if (log_enabled(LOG_LEVEL_TRACE))
                import_note_became(row->entity, counts, &before);
            if (rc == 0 && import_count_root(im, row, counts, &before))
                rc = import_no_memory(err);
        }
    }
    return rc;
}

static bool is_attributes(const struct import_table *t)
{
    return strcmp(t->entry->table, "eav_attribute") == 0;
}

static int write_table(struct import *im, uint32_t first, uint32_t end, struct ds_error *err)
{
    bool any = true;
    /* what attributes are decides which columns hold ids */
    int rc = im->attributes_written ? import_want(im, first, end, err) : 0;
    for (int pass = 0; rc == 0 && any; pass++) {
        rc = translate_rows(im, first, end, false, &any, err);
        if (rc == 0 && !any && pass == 0) /* all are left out: what is there goes all the same */
            rc = import_drop_rest(im, im->rows[first]->table, first, end, err);
        if (rc || !any)
            break;
        rc = import_match(im, first, end, err);
        rc = rc || import_made_again(im, first, end) == 0 ? rc : import_no_memory(err);
        rc = rc ? rc : import_inherit(im, first, end, err);
        rc = rc ? rc : import_leave_known_options(im, first, end, err);
        rc = rc ? rc : import_tell_namesakes(im, first, end, err);
        rc = rc ? rc : decide_roots(im, first, end, err);
        rc = rc ? rc : import_leave_parts(im, first, end, err);
        rc = rc ? rc : import_missing_members(im, first, end, err);
        rc = rc ? rc : import_large_begin(im, first, end, err);
        rc = rc ? rc : import_drop_rest(im, im->rows[first]->table, first, end, err);
        rc = rc ? rc : import_write_rows(im, first, end, err);
        if (is_attributes(im->rows[first]->table)) {
            im->attributes_known = false;
            im->attributes_written = true;
        }
    }
    return rc;
}

static bool has_rows(const struct import *im, const struct import_table *t)
{
    for (uint32_t i = 0; i < im->row_count; i = table_end(im, i))
        if (im->rows[i]->table->entry == t->entry)
            return true;
    return false;
}

/* Tables of which whole entities have no row at all; those that lead to others first. */
static int drop_empty(struct import *im, struct ds_error *err)
{
    int rc = 0;
    for (struct import_table *t = im->tables; t && rc == 0; t = t->next)
        if (t->target_version == t->target->version && import_has_all(im, t) && !has_rows(im, t))
            rc = import_drop_rest(im, t, 0, 0, err);
    return rc;
}

static int delete_tables(struct import *im, struct ds_error *err)
{
    int rc = 0;
    for (uint32_t end = im->row_count, first; end > 0 && rc == 0; end = first) {
        for (first = end - 1; first > 0 && im->rows[first - 1]->table == im->rows[end - 1]->table;)
            first--;
        rc = delete_table(im, first, end, err);
    }
    return rc;
}

static int run_segment(struct import *im, struct ds_error *err)
{
    int rc = import_rows_end(im, err);
    if (rc || (!im->row_count && !im->entity_count))
        return rc;
    rc = know_entities(im, err);
    im->attributes_written = false;
    im->codes = NULL;
    rc = rc ? rc : import_incomplete_again(im, err);
    rc = rc || import_want_unchecked(im) == 0 ? rc : import_no_memory(err);
    rc = rc ? rc : import_want(im, 0, im->row_count, err);
    rc = rc ? rc : delete_tables(im, err);
    for (uint32_t first = 0, end; first < im->row_count && rc == 0; first = end) {
        end = table_end(im, first);
        rc = write_table(im, first, end, err);
    }
    rc = rc ? rc : drop_empty(im, err);
    rc = rc ? rc : delete_tables(im, err); /* which are told by what was only known since then */
    rc = rc ? rc : import_resolve_deferred(im, err);
    rc = rc || import_note_options(im) == 0 ? rc : import_no_memory(err);
    rc = rc || import_count_members(im) == 0 ? rc : import_no_memory(err);
    if (rc == 0 && log_enabled(LOG_LEVEL_TRACE) && import_write_became(im))
        rc = import_no_memory(err);
    return rc ? rc : db_settle(im->db, err); /* what is on its way is in the segment's memory */
}

/* Add the change, after the segment before it when it begins another one. */
static int take_one(struct import *im, const struct change *c, struct ds_error *err)
{
    bool full;
    int rc = import_rows_add(im, c, &full, err);
    im->begins = false;
    if (rc || !full)
        return rc;
    rc = run_segment(im, err);
    rc = rc ? rc : import_rows_begin(im, err);
    return rc ? rc : import_rows_add(im, c, &full, err);
}

static int take(struct import *im, const struct change *c, struct ds_error *err)
{
    struct change *gone, *made;
    int rc = import_rekeyed(im, c, &gone, &made, err);
    if (rc || !gone)
        return rc ? rc : take_one(im, c, err);
    rc = take_one(im, gone, err);
    return rc ? rc : take_one(im, made, err);
}

static int write_range(struct import *im, const struct batch *batch,
                       const struct positions *positions, uint32_t first, uint32_t count, bool part,
                       struct ds_error *err)
{
    int rc = import_unfinished_begin(im, err);
    rc = rc ? rc : import_rows_begin(im, err);
    arena_reset(&im->rekeyed, 1 << 20);
    if (!part)
        import_freed_clear(im);
    for (uint32_t n = first; n < first + count && rc == 0; n++) {
        const struct transaction *tx = &batch->transactions[n];
        const struct change *own = &batch->changes[tx->first];
        uint32_t count_own = tx->rolled_back ? 0 : tx->count;
        rc = import_remade_begin(im, own, count_own, err);
        rc = rc ? rc : import_dying_begin(im, own, count_own, err);
        im->begins = true;
        for (uint32_t i = tx->first; i < tx->first + tx->count && rc == 0; i++) {
            const struct change *c = &batch->changes[i];
            const struct import_table *t = c->table->import;
            if (!t)
                rc = import_files_source(im, c, err);
            if (!t || c->skip || c->left_out || import_is_remade(im, c) ||
                (tx->rolled_back && t->target->transactional) ||
                (positions && !positions_new_for(positions, t->place, tx->front)))
                continue;
            im->counters->rows++;
            rc = take(im, c, err);
        }
        im->counters->transactions += !tx->position_only;
    }
    rc = rc ? rc : run_segment(im, err);
    rc = rc ? rc : registry_flush(im->registry, err);
    rc = rc ? rc : import_incomplete_write(im, true, err);
    rc = rc ? rc : import_finish_options(im, err);
    rc = rc || part || im->goes_on ? rc : import_aftermath(im, err);
    return rc ? rc : import_files_end(im, part, err);
}

int import_settle(struct import *im, uint64_t *left, struct ds_error *err)
{
    *left = im->options.follows ? 0 : import_tell_orphans(im);
    int rc = import_settle_postponed(im, err);
    rc = rc ? rc : import_settle_unsure(im, err);
    return rc ? rc : import_unfinished_end(im, err);
}

int import_end_parts(struct import *im, struct counters *extra, struct ds_error *err)
{
    im->counters = extra;
    import_freed_clear(im);
    int rc = import_large_drop(im, err);
    rc = rc ? rc : registry_flush(im->registry, err);
    rc = rc ? rc : import_aftermath(im, err);
    return rc ? rc : db_settle(im->db, err);
}

void import_goes_on(struct import *im, bool more)
{
    im->goes_on = more;
}

int import_write(struct import *im, const struct batch *batch, const struct positions *positions,
                 uint32_t first, uint32_t count, bool part, struct counters *extra,
                 struct ds_error *err)
{
    int rc = import_derive_keys(im, err);
    if (rc)
        return rc;
    im->counters = extra;
    im->part = part;
    im->duplicate = false;
    bool returns = (positions || im->options.completes) && !im->options.dry_run;
    im->remembers = returns && !filter_imports_all(im->options.filter);
    im->remembers_texts = returns || (im->options.asks_source && !im->options.dry_run);
    im->remembers_unchecked = positions && !im->options.dry_run;
    im->begun_ms = now_ms();
    import_files_begin(im);
    writer_later(im->writer, true);
    rc = write_range(im, batch, positions, first, count, part, err);
    if (rc == 0 && im->goes_on)
        return 0;
    int settled = db_settle(im->db, rc ? NULL : err);
    db_recover(im->db);
    writer_later(im->writer, false);
    return rc ? rc : settled;
}
