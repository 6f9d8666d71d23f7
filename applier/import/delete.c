/* What the source has deleted: deleted here, switched off, or left.
 *
 * What this source has created goes as `delete` says, the destination's own as `delete_matched`.
 * What stays is not the source's any more: its id may come to be another row's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "applier/import/claims.h"
#include "applier/import/delete.h"
#include "applier/import/drop.h"
#include "applier/import/import_internal.h"
#include "applier/import/options.h"
#include "applier/import/seen.h"
#include "schema/db.h"
#include "schema/log.h"
#include "schema/registry_key.h"

/* --- policies ----------------------------------------------------------------------------------
 */

static const char *const deletions[] = {"hard", "soft", "ignore", NULL};
static const char *const missings[] = {"create", "error", NULL};

static unsigned number_of(const char *text, const char *const *texts)
{
    unsigned n = 0;
    while (texts[n] && strcmp(texts[n], text) != 0)
        n++;
    return texts[n] ? n : 0; /* the configuration has been checked */
}

/* By place of the entity, from "all" and entities by their names. */
static int spread(struct import *im, const char *key, const struct config_list *list,
                  const char *const *texts, unsigned *out, struct ds_error *err)
{
    const struct catalogue *all = im->options.catalogue;
    char where[300];
    for (size_t i = 0; i < list->count; i += 2) {
        bool every = strcmp(list->items[i], CONFIG_ALL) == 0;
        const struct catalogue_entity *e = every ? NULL : catalogue_find(all, list->items[i]);
        if (!every && !e)
            return error_set(
                err, DS_EUSAGE, "%s: %s: '%.100s' is no entity; `datasync entities` lists them",
                config_where(im->options.config, key, where, sizeof where), key, list->items[i]);
        for (size_t n = 0; n < catalogue_count(all) && every; n++)
            out[n] = number_of(list->items[i + 1], texts);
    }
    for (size_t i = 0; i < list->count; i += 2) /* which win over all, wherever that stands */
        for (size_t n = 0; n < catalogue_count(all); n++)
            if (catalogue_find(all, list->items[i]) == catalogue_at(all, n))
                out[n] = number_of(list->items[i + 1], texts);
    return 0;
}

static int check_soft(struct import *im, struct ds_error *err)
{
    const struct config_list *list = &im->options.config->deletes;
    char where[300];
    for (size_t i = 0; i < list->count; i += 2) {
        const struct catalogue_entity *e = catalogue_find(im->options.catalogue, list->items[i]);
        if (e && !e->soft_count && strcmp(list->items[i + 1], "soft") == 0)
            return error_set(err, DS_EUSAGE,
                             "%s: delete: %s cannot be switched off (its entity file has no "
                             "soft_delete): choose hard or ignore",
                             config_where(im->options.config, "delete", where, sizeof where),
                             e->name);
    }
    return 0;
}

int import_policies_new(struct import *im, struct ds_error *err)
{
    size_t count = catalogue_count(im->options.catalogue) + 1;
    const struct config *c = im->options.config;
    im->deletions = calloc(count, sizeof *im->deletions);
    im->missing = calloc(count, sizeof *im->missing);
    if (!im->deletions || !im->missing)
        return import_no_memory(err);
    int rc = spread(im, "reference_missing", &c->reference_missing, missings, im->missing, err);
    rc = rc ? rc : spread(im, "delete", &c->deletes, deletions, im->deletions, err);
    return rc ? rc : check_soft(im, err);
}

/* --- switching off -----------------------------------------------------------------------------
 */

static int literal(struct buf *sql, const char *value)
{
    return value ? sql_string(sql, value, strlen(value)) : buf_puts(sql, "NULL");
}

static int set_column(struct import *im, const struct import_table *t,
                      const struct catalogue_soft *soft, const char *ids, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    if (target_column_ordinal(t->target, soft->column) < 0)
        return 0;
    int rc = buf_puts(&sql, "UPDATE ") | sql_identifier(&sql, t->target->name) |
             buf_puts(&sql, " SET ") | sql_identifier(&sql, soft->column) | buf_puts(&sql, " = ") |
             literal(&sql, soft->value) | buf_puts(&sql, " WHERE ") |
             sql_identifier(&sql, t->target->columns[t->id_target].name) |
             buf_printf(&sql, " IN (%s)", ids);
    return rc ? import_no_memory(err) : db_exec_len(im->db, (const char *)sql.data, sql.len, err);
}

/* Everywhere that it has a value, and at the default scope if it has none there. */
static int set_attribute(struct import *im, const struct import_table *t,
                         const struct catalogue_soft *soft, const char *ids, struct ds_error *err)
{
    BUF_AUTO struct buf update = {0}, insert = {0}, value = {0};
    int rc = import_attributes_load(im, err);
    const struct import_attribute *a = rc ? NULL : import_attribute_by_code(im, t, soft->attribute);
    char name[200];
    if (rc || !a)
        return rc;
    int n = snprintf(name, sizeof name, "%s_%s", t->target->name, a->backend);
    const struct target_table *values = target_find(im->target, name, (size_t)n);
    if (!values || !values->exists)
        return 0;
    bool stores = target_column_ordinal(values, "store_id") >= 0;
    bool types = target_column_ordinal(values, "entity_type_id") >= 0;
    rc = literal(&value, soft->value) |
         buf_printf(&update,
                    "UPDATE `%s` SET value = %s WHERE attribute_id = %lu AND entity_id IN "
                    "(%s)",
                    name, buf_cstr(&value), a->id, ids);
    rc |=
        buf_printf(&insert,
                   "INSERT INTO `%s` (%s%sattribute_id, entity_id, value) SELECT %s%s%lu, "
                   "e.entity_id, %s FROM `%s` e WHERE e.entity_id IN (%s) AND NOT EXISTS (SELECT "
                   "1 FROM `%s` v WHERE v.entity_id = e.entity_id AND v.attribute_id = %lu%s)",
                   name, types ? "entity_type_id, " : "", stores ? "store_id, " : "",
                   types ? "e.entity_type_id, " : "", stores ? "0, " : "", a->id, buf_cstr(&value),
                   t->target->name, ids, name, a->id, stores ? " AND v.store_id = 0" : "");
    if (rc)
        return import_no_memory(err);
    rc = db_exec_len(im->db, (const char *)update.data, update.len, err);
    return rc || !soft->value ? rc
                              : db_exec_len(im->db, (const char *)insert.data, insert.len, err);
}

int import_switch_off(struct import *im, const struct import_table *t, const char *ids,
                      struct ds_error *err)
{
    int rc = 0;
    for (size_t i = 0; i < t->entity->soft_count && !im->options.dry_run && rc == 0; i++) {
        const struct catalogue_soft *soft = &t->entity->softs[i];
        rc =
            soft->column ? set_column(im, t, soft, ids, err) : set_attribute(im, t, soft, ids, err);
    }
    return rc;
}

/* --- rows ---------------------------------------------------------------------------------------
 */

/* Is it the source's to change? What is only referred to is, if it was made for that. */
static bool may_change(const struct import_entity *e)
{
    return e->policy == IMPORT_WRITE || (e->policy == IMPORT_REFER && e->here && !e->matched);
}

static enum config_delete deletion_of(const struct import *im, const struct import_row *row)
{
    const struct import_entity *e = row->entity;
    enum config_delete how =
        e->matched ? im->options.config->delete_matched : im->deletions[row->table->place];
    return !may_change(e) || (how == DELETE_SOFT && !e->entity->soft_count) ? DELETE_IGNORE : how;
}

/* Its deletion is for a run that moves the position of its kind; to this one it only tells what the
 * source's foreign keys have taken along. A run for all leaves nothing to another one: what it only
 * maps has no other. */
static bool is_passed(const struct import *im, const struct import_row *row)
{
    return !row->table->selected && !may_change(row->entity) &&
           !filter_imports_all(im->options.filter);
}

struct deleting {
    uint32_t first, end;
    bool shared;                       /* of some root's row the registry has several ids */
    const uint8_t ***places, ***alone; /* … with foreign key checks off */
    uint32_t count, alone_count;
    struct buf off, gone; /* ids of roots that are switched off; of all that stay */
    struct buf passed;    /* … of those that are passed */
    struct import_used used;
    struct import_used shared_options; /* parents of the rows */
};

static int add_id(struct buf *list, uint64_t id)
{
    return buf_printf(list, "%s%lu", list->len ? "," : "", id);
}

static int delete_row(struct import *im, struct import_row *row, struct deleting *d,
                      struct ds_error *err)
{
    bool unchecked = import_is_unchecked(row);
    if (unchecked)
        d->alone[d->alone_count++] = row->place;
    else
        d->places[d->count++] = row->place;
    row->removed = true;
    return import_note(im, row) || import_tell(im, row, CHANGE_DELETE) ||
                   import_note_freed(im, row) ||
                   (unchecked ? import_note_unchecked(im, row, false)
                              : row->table->type != UINT32_MAX &&
                                    registry_remove(im->registry, row->table->type, row->id))
               ? import_no_memory(err)
               : 0;
}

/* Is it the row's id that the registry writes like this? */
static bool is_id(struct slice written, const struct import_row *row)
{
    char scratch[REGISTRY_KEY_MAX + 1];
    struct slice id = registry_key(row->id, scratch);
    return written.len == id.len && (!id.len || memcmp(written.p, id.p, id.len) == 0);
}

/* Does the source delete this one now, too? */
static bool is_deleted(const struct import *im, const struct deleting *d, struct slice id)
{
    for (uint32_t i = d->first; i < d->end; i++)
        if (im->rows[i]->op == CHANGE_DELETE && is_id(id, im->rows[i]))
            return true;
    return false;
}

static MYSQL_RES *registered_as(struct import *im, const struct import_row *row,
                                struct ds_error *err)
{
    char target[24];
    snprintf(target, sizeof target, "%lu", row->target_id);
    return registry_of_targets(im->registry, row->table->type, target, err);
}

/* Found by its name: is it this source's, under whatever id? */
static int ask_origin(struct import *im, struct import_row *row, bool *stays, struct ds_error *err)
{
    bool created = false;
    *stays = true;
    MYSQL_RES *rows = row->table->type == UINT32_MAX ? NULL : registered_as(im, row, err);
    if (!rows)
        return row->table->type == UINT32_MAX ? 0 : err->code;
    for (MYSQL_ROW r; (r = mysql_fetch_row(rows)); *stays = false)
        created |= strcmp(r[1], "created") == 0;
    mysql_free_result(rows);
    row->entity->matched = !created;
    return 0;
}

/* A row that is another one's of the source, too (a SKU that was used again), is that one's now. */
static int give_away(struct import *im, const struct import_row *row, const struct deleting *d,
                     bool *stays, struct ds_error *err)
{
    uint32_t type = row->table->type;
    int rc = 0;
    MYSQL_RES *rows = registered_as(im, row, err);
    if (!rows)
        return err->code;
    for (MYSQL_ROW r; rc == 0 && (r = mysql_fetch_row(rows));) {
        struct slice id = {(const uint8_t *)r[0], mysql_fetch_lengths(rows)[0]};
        if (is_id(id, row) || is_deleted(im, d, id))
            continue;
        *stays = true;
        if (!row->entity->matched && !is_passed(im, row))
            rc = registry_add(im->registry, type, id, row->target_id, ORIGIN_CREATED,
                              (struct slice){NULL, 0});
    }
    mysql_free_result(rows);
    if (rc == 0 && *stays && !is_passed(im, row))
        rc = registry_remove(im->registry, type, row->id);
    return rc ? import_no_memory(err) : 0;
}

static int find_shared(struct import *im, struct deleting *d, struct ds_error *err)
{
    const struct import_table *t = im->rows[d->first]->table;
    BUF_AUTO struct buf ids = {0};
    for (uint32_t i = d->first; i < d->end && t->type != UINT32_MAX; i++)
        if (im->rows[i]->op == CHANGE_DELETE && im->rows[i]->state == ROW_FOUND &&
            add_id(&ids, im->rows[i]->target_id))
            return import_no_memory(err);
    return ids.len ? registry_shared(im->registry, t->type, buf_cstr(&ids), &d->shared, err) : 0;
}

/* --- what is in use stays ------------------------------------------------------------------------
 */

static bool would_go(const struct import *im, const struct import_row *row)
{
    return row->op == CHANGE_DELETE && row->state == ROW_FOUND &&
           (row->table->root ? deletion_of(im, row) == DELETE_HARD : may_change(row->entity));
}

static bool would_be_off(const struct import *im, const struct import_row *row)
{
    return row->op == CHANGE_DELETE && row->state == ROW_FOUND && row->table->root &&
           deletion_of(im, row) == DELETE_SOFT;
}

static uint64_t parent_id(const struct import_row *row)
{
    uint64_t id = 0;
    const uint8_t *raw = row->was ? row->was[row->table->link_target] : NULL;
    return raw && value_id((struct slice){raw, value_length(raw)}, &id) ? id : 0;
}

static int find_shared_options(struct import *im, struct deleting *d, struct ds_error *err)
{
    const struct import_table *t = im->rows[d->first]->table;
    BUF_AUTO struct buf ids = {0};
    for (uint32_t i = d->first; i < d->end && import_option_is_told(im, t); i++)
        if (would_go(im, im->rows[i]) && add_id(&ids, parent_id(im->rows[i])))
            return import_no_memory(err);
    return ids.len ? import_find_shared(im, t->entity, import_parent(t->entity, t->entry),
                                        buf_cstr(&ids), &d->shared_options, err)
                   : 0;
}

static int find_used(struct import *im, struct deleting *d, struct ds_error *err)
{
    const struct import_table *t = im->rows[d->first]->table;
    BUF_AUTO struct buf ids = {0}, off = {0};
    for (uint32_t i = d->first; i < d->end && t->type != UINT32_MAX; i++) {
        struct buf *list = would_go(im, im->rows[i])       ? &ids
                           : would_be_off(im, im->rows[i]) ? &off
                                                           : NULL;
        if (list && add_id(list, im->rows[i]->target_id))
            return import_no_memory(err);
    }
    int rc = ids.len ? import_find_used(im, t->entity, t->entry, buf_cstr(&ids), &d->used, err) : 0;
    rc = rc ? rc : find_shared_options(im, d, err);
    return rc || !off.len
               ? rc
               : import_find_shared(im, t->entity, t->entry, buf_cstr(&off), &d->used, err);
}

/* Rows of its members come first. */
static int ask_use(struct import *im, struct import_entity *first, struct ds_error *err)
{
    BUF_AUTO struct buf ids = {0};
    struct import_used used = {0};
    int rc = 0;
    for (uint32_t i = 0; i < im->entity_count && rc == 0; i++) {
        struct import_entity *e = im->entity_list[i];
        if (e->entity == first->entity && e->here && import_is_dying(im, e))
            rc = add_id(&ids, e->target);
    }
    rc = rc         ? import_no_memory(err)
         : !ids.len ? 0
                    : import_find_used(im, first->entity, &first->entity->tables[0], buf_cstr(&ids),
                                       &used, err);
    for (uint32_t i = 0; i < im->entity_count && rc == 0; i++) {
        struct import_entity *e = im->entity_list[i];
        if (e->entity == first->entity)
            e->use = e->here && import_is_used(&used, e->target) ? IS_USED : IS_NOT_USED;
    }
    import_used_free(&used);
    return rc;
}

/* It is not the source's any more, unless it is made again there with all that it had. */
static int let_stay(struct import *im, const struct import_row *row, struct deleting *d)
{
    if (row->table->type == UINT32_MAX)
        return 0;
    return import_is_unchecked(row) ? import_note_unchecked(im, row, true)
                                    : add_id(&d->gone, row->target_id);
}

static int keep_used(struct import *im, const struct import_row *row, struct deleting *d)
{
    const struct import_table *t = row->table;
    import_tell_used(&d->used, t->entity, t->entry, row->target_id);
    return let_stay(im, row, d);
}

static int delete_root(struct import *im, struct import_row *row, struct deleting *d,
                       struct ds_error *err)
{
    bool stays = false;
    int rc = import_goes_by_name(row) && !row->entity->here ? ask_origin(im, row, &stays, err)
             : d->shared                                    ? give_away(im, row, d, &stays, err)
                                                            : 0;
    if (rc)
        return rc;
    if (stays)
        return 0;
    if (is_passed(im, row))
        return !import_is_unchecked(row) && add_id(&d->passed, row->target_id)
                   ? import_no_memory(err)
                   : 0;
    enum config_delete how = deletion_of(im, row);
    if (how != DELETE_IGNORE && import_is_used(&d->used, row->target_id))
        return keep_used(im, row, d) ? import_no_memory(err) : 0;
    if (how != DELETE_HARD) {
        bool off = how == DELETE_SOFT;
        im->pending[row->table->place].deleted += off;
        if ((off && (add_id(&d->off, row->target_id) || import_note_off(im, row) ||
                     import_note(im, row) || import_tell(im, row, CHANGE_UPDATE))) ||
            let_stay(im, row, d))
            return import_no_memory(err);
        return 0;
    }
    im->pending[row->table->place].deleted++;
    return import_note_gone(im, row, err) ? err->code : delete_row(im, row, d, err);
}

static bool has_origin(const struct import *im, const struct import_row *row, enum origin origin)
{
    const struct import_table *t = row->table;
    const struct registered *r =
        t->type != UINT32_MAX && row->id.p ? registry_find(im->registry, t->type, row->id) : NULL;
    return r && r->found && r->origin == origin;
}

/* An option that the destination had before, of an attribute that is set up at each side. */
static bool is_of_both(const struct import *im, const struct import_row *row)
{
    return filter_maps(row->table->entity) && has_origin(im, row, ORIGIN_MATCHED) &&
           im->options.config->delete_matched != DELETE_HARD;
}

/* Of an entity that is merged, which has rows of its own: this may be one. */
static bool is_merged(const struct import *im, const struct import_row *row)
{
    return import_is_merged(im, row->entity) && !import_is_option(row->table) &&
           !has_origin(im, row, ORIGIN_CREATED);
}

/* Of an entity that stays though the source has deleted it, with a statement for each table, all
 * stays. So do options of products that are merged or appended. */
static int delete_member(struct import *im, struct import_row *row, struct deleting *d,
                         struct ds_error *err)
{
    struct import_entity *e = row->entity;
    if (!may_change(e) || (row->dying && deletion_of(im, row) != DELETE_HARD) ||
        import_is_sequence(row->table) /* which goes with its store */ ||
        import_stays_unchecked(im, e))
        return 0;
    if (row->dying && e->use == USE_NOT_ASKED && ask_use(im, e, err))
        return err->code;
    if (row->dying && e->use == IS_USED)
        return 0;
    if (d->shared_options.ids.len && import_is_used(&d->shared_options, parent_id(row)))
        return 0;
    if (import_is_used(&d->used, row->target_id))
        return keep_used(im, row, d) ? import_no_memory(err) : 0;
    if (!row->dying &&
        (import_option_is_kept(im, row) || is_of_both(im, row) || is_merged(im, row)))
        return let_stay(im, row, d) ? import_no_memory(err) : 0;
    return delete_row(im, row, d, err);
}

int import_delete_rows(struct import *im, uint32_t first, uint32_t end, struct ds_error *err)
{
    struct import_table *t = im->rows[first]->table;
    struct deleting d = {.first = first,
                         .end = end,
                         .places = arena_alloc(&im->arena, (end - first + 1) * sizeof *d.places),
                         .alone = arena_alloc(&im->arena, (end - first + 1) * sizeof *d.alone)};
    if (!d.places || !d.alone)
        return import_no_memory(err);
    int rc = t->root ? find_shared(im, &d, err) : 0;
    rc = rc ? rc : find_used(im, &d, err);
    for (uint32_t i = first; i < end && rc == 0; i++) {
        struct import_row *row = im->rows[i];
        bool registered = t->root && row->entity->here && t->type != UINT32_MAX;
        if (row->op == CHANGE_DELETE && row->state == ROW_NEW && registered &&
            (registry_remove(im->registry, t->type, row->id) || import_forget_unchecked(im, row)))
            rc = import_no_memory(err);
        if (row->op != CHANGE_DELETE || row->state != ROW_FOUND)
            continue;
        row->state = ROW_WRITTEN;
        rc = (t->root ? delete_root : delete_member)(im, row, &d, err);
    }
    if (rc == 0 && d.off.len)
        rc = import_switch_off(im, t, buf_cstr(&d.off), err);
    rc = rc ? rc : import_delete_places(im, t, d.places, d.count, err);
    rc = rc || !d.alone_count ? rc : import_delete_alone(im, t, d.alone, d.alone_count, err);
    if (rc == 0 && d.gone.len)
        rc = import_cascade(im, t->entity, t->entry, buf_cstr(&d.gone), err);
    if (rc == 0 && d.passed.len)
        rc = import_cascade_passed(im, t->entity, buf_cstr(&d.passed), err);
    buf_free(&d.off);
    buf_free(&d.gone);
    buf_free(&d.passed);
    import_used_free(&d.used);
    import_used_free(&d.shared_options);
    return rc;
}
