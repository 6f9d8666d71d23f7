#include "agent/csv/csv_copy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/absent.h"
#include "agent/csv/kinds.h"
#include "schema/log.h"
#include "schema/time_text.h"

static const struct csv_kind *const kinds[] = {
    &csv_blocks,     &csv_pages,  &csv_attributes, &csv_categories, &csv_products,   &csv_customers,
    &csv_newsletter, &csv_orders, &csv_invoices,   &csv_shipments,  &csv_creditmemos};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* --- which kind --------------------------------------------------------------------------------
 */

static const struct csv_kind *kind_of(const struct catalogue *catalogue, const char *name)
{
    const struct catalogue_entity *e = catalogue_find(catalogue, name);
    for (int i = 0; e && i < KINDS; i++)
        if (strcmp(kinds[i]->entity, e->name) == 0)
            return kinds[i];
    return NULL;
}

int csv_check_entity(const struct catalogue *catalogue, const char *entity, struct ds_error *err)
{
    char list[400] = "";
    if (kind_of(catalogue, entity))
        return 0;
    for (int i = 0; i < KINDS; i++)
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", i ? ", " : "",
                 kinds[i]->entity);
    return error_set(err, DS_EUSAGE, "a CSV file cannot carry '%.60s': these it can: %s", entity,
                     list);
}

/* --- which records -----------------------------------------------------------------------------
 */

static bool is_listed(struct slice v, const char *const *list, size_t count, bool *met)
{
    bool any = false;
    for (size_t i = 0; i < count; i++)
        if (v.len == strlen(list[i]) && memcmp(v.p, list[i], v.len) == 0)
            any = met[i] = true;
    return any;
}

static void tell_absent(const struct csv_import *in, const char *option, const char *const *list,
                        size_t count, const bool *met)
{
    struct absent absent = {0};
    for (size_t i = 0; i < count; i++)
        if (!met[i])
            absent_add(&absent, list[i]);
    absent_tell(&absent, in->kind->entity, option);
}

static const char *date_column(const struct csv_import *in)
{
    static const char *const columns[] = {"updated_at", "update_time", "change_status_at",
                                          "created_at"};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        if (has_column(in, columns[i]))
            return columns[i];
    return NULL;
}

static int check_selection(const struct csv_import *in, struct ds_error *err)
{
    const struct entity_selection *s = &in->o->selection;
    bool has_id = has_column(in, in->kind->id) || has_column(in, "entity_id");
    const char *missing = (s->date_from || s->date_to) && !date_column(in) ? "updated_at"
                          : s->id_count && !has_id                         ? "entity_id"
                          : s->increment_id_count && !has_column(in, "increment_id")
                              ? "increment_id"
                              : NULL;
    return missing ? error_set(err, DS_EUSAGE,
                               "%s has no column %s, by which its records are to be chosen",
                               records_path(in->file), missing)
                   : 0;
}

static int check_header(const struct csv_import *in, struct ds_error *err)
{
    const char *const *needed = in->kind->needed;
    if (!needed[0] || has_column(in, needed[0]) || (needed[1] && has_column(in, needed[1])))
        return 0;
    return error_set(err, DS_EFORMAT, "%s has no column %s, which every %s needs%s",
                     records_path(in->file), needed[0], in->kind->entity,
                     records_column_count(in->file) > 1
                         ? ""
                         : ": its first line names one column alone, is --delimiter another one?");
}

/* Was it modified on one of the days? */
static int choose_by_date(const struct csv_import *in, bool *chosen, struct ds_error *err)
{
    const struct entity_selection *s = &in->o->selection;
    const char *column = date_column(in);
    char time[TIME_TEXT_SIZE];
    struct slice v;
    cell_filled(in, column, &v);
    if (!time_text_read(v, time))
        return error_set(err, DS_EFORMAT,
                         "%s: '%.*s' is no date YYYY-MM-DD, or time YYYY-MM-DD HH:MM:SS, by which "
                         "the record is to be chosen",
                         column, (int)(v.len < 60 ? v.len : 60), (const char *)v.p);
    *chosen = (!s->date_from || memcmp(time, s->date_from, 10) >= 0) &&
              (!s->date_to || memcmp(time, s->date_to, 10) <= 0);
    return 0;
}

/* Is the record one of those that are asked for? */
static int choose(const struct csv_import *in, bool *chosen, struct ds_error *err)
{
    const struct entity_selection *s = &in->o->selection;
    struct slice id, number;
    if (!cell_filled(in, in->kind->id, &id))
        cell_filled(in, "entity_id", &id);
    cell_filled(in, "increment_id", &number);
    bool by_id = is_listed(id, s->ids, s->id_count, in->met);
    bool by_number =
        is_listed(number, s->increment_ids, s->increment_id_count, in->met + s->id_count);
    *chosen = (!s->id_count || by_id) && (!s->increment_id_count || by_number);
    return *chosen && (s->date_from || s->date_to) ? choose_by_date(in, chosen, err) : 0;
}

/* --- the file ------------------------------------------------------------------------------------
 */

/* A record has an error. 0: it is passed over. */
static int refuse(const struct csv_import *in, uint64_t line, int rc, uint64_t *invalid,
                  struct ds_error *err)
{
    char where[600], why[sizeof err->message];
    if (rc != DS_EFORMAT)
        return rc;
    snprintf(where, sizeof where, "%.500s line %lu: ", records_path(in->file), line);
    if (line && strncmp(err->message, where, strlen(where)) != 0) {
        memcpy(why, err->message, sizeof why);
        error_set(err, rc, "%s%s", where, why);
    }
    if (!in->csv->skip_invalid)
        return rc;
    log_warn("%s left out entity=%s reason=\"%s\"", line ? "record" : "links", in->kind->entity,
             err->message);
    ++*invalid;
    error_clear(err);
    return 0;
}

static int end_record(struct csv_import *in, uint64_t *invalid, struct ds_error *err)
{
    int rc = shop_end_record(in->shop, err);
    return rc ? refuse(in, in->record ? in->record->line : 0, rc, invalid, err) : 0;
}

/* The kind's records may come together at the end. */
static void tell_progress(const struct csv_import *in, uint64_t records)
{
    uint64_t done = shop_count(in->shop), met = done > records ? done : records;
    double part = records_part_read(in->file);
    if (in->o->progress)
        in->o->progress(in->o->arg, in->kind->entity, done,
                        part > 0 ? (uint64_t)((double)met / part) : 0);
}

/* As many entities as are asked for have had a record. */
static bool is_full(const struct csv_import *in)
{
    return in->o->selection.limit && in->entities == in->o->selection.limit;
}

/* The record is of none of these; what has come of it is forgotten, and others may follow that are.
 */
static int pass_over(struct csv_import *in, struct ds_error *err)
{
    shop_invalid(in->shop, "beyond the limit");
    int rc = shop_end_record(in->shop, err);
    if (rc != DS_EFORMAT)
        return rc;
    error_clear(err);
    return 0;
}

static int take_record(struct csv_import *in, uint64_t *taken, uint64_t *invalid,
                       struct ds_error *err)
{
    bool chosen, full = is_full(in);
    int rc = choose(in, &chosen, err);
    if (rc)
        return full ? pass_over(in, err) : refuse(in, in->record->line, rc, invalid, err);
    if (!chosen)
        return 0;
    in->again = false;
    shop_at_line(in->shop, in->record->line);
    in->kind->record(in);
    if (full && !in->again)
        return pass_over(in, err);
    ++*taken;
    return end_record(in, invalid, err);
}

/* Of which entity they are, nobody knows. */
static void tell_unread(const struct csv_import *in, uint64_t unread, const struct ds_error *first)
{
    if (unread)
        log_warn("records behind what --limit takes cannot be read, and are passed over: should "
                 "they be of an entity that was taken, it lacks them file=%s records=%lu "
                 "first=\"%s\"",
                 records_path(in->file), unread, first->message);
}

static int read_records(struct csv_import *in, uint64_t *invalid, struct ds_error *err)
{
    struct ds_error first = {0};
    uint64_t taken = 0, unread = 0;
    bool more = in->kind->end != NULL;
    int rc = 0;
    while (rc == 0) {
        if (in->o->stop_requested && in->o->stop_requested(in->o->arg))
            return error_set(err, DS_ESTOPPED, "asked to stop during the copy");
        rc = records_next(in->file, &in->record, err);
        if (rc && in->record && is_full(in)) {
            first = unread++ ? first : *err;
            rc = pass_over(in, err);
        } else if (rc && in->record)
            rc = refuse(in, in->record->line, rc, invalid, err);
        else if (rc == 0 && !in->record)
            break;
        else if (rc == 0)
            rc = take_record(in, &taken, invalid, err);
        tell_progress(in, taken);
    }
    in->record = NULL;
    tell_unread(in, unread, &first);
    while (more && rc == 0) {
        more = in->kind->end(in);
        rc = end_record(in, invalid, err);
        tell_progress(in, taken);
    }
    return rc;
}

static int read_file(struct csv_import *in, uint64_t *invalid, struct position *end,
                     struct ds_error *err)
{
    int rc = check_header(in, err);
    rc = rc ? rc : check_selection(in, err);
    if (rc == 0) {
        in->kind->open(in);
        rc = shop_end_record(in->shop, err);
        rc = rc ? rc : read_records(in, invalid, err);
        in->kind->close(in);
    }
    if (rc)
        return rc;
    const struct entity_selection *s = &in->o->selection;
    tell_absent(in, "entity-ids", s->ids, s->id_count, in->met);
    tell_absent(in, "increment-ids", s->increment_ids, s->increment_id_count,
                in->met + s->id_count);
    return shop_end(in->shop, end, err);
}

int csv_copy(const struct csv_options *csv, const struct entity_copy_options *o, uint64_t *invalid,
             struct position *end, struct ds_error *err)
{
    const struct config_list *entities = &o->config->entities;
    struct csv_import in = {.csv = csv, .o = o};
    const struct records_options file = {.path = csv->file,
                                         .delimiter = csv->delimiter,
                                         .encoding = csv->encoding,
                                         .max_record = o->config->max_event};
    const struct shop_options shop = {.file = csv->file,
                                      .config = o->config,
                                      .catalogue = o->catalogue,
                                      .arg = o->arg,
                                      .put = o->put,
                                      .mark = o->mark};
    memset(end, 0, sizeof *end);
    *invalid = 0;
    int rc = entities->count ? csv_check_entity(o->catalogue, entities->items[0], err)
                             : error_set(err, DS_EUSAGE, "no entity is named");
    if (rc == 0) {
        in.kind = kind_of(o->catalogue, entities->items[0]);
        rc = records_open(&in.file, &file, err);
    }
    in.met = calloc(o->selection.id_count + o->selection.increment_id_count + 1, sizeof *in.met);
    if (rc == 0 && !in.met)
        rc = error_set(err, DS_ENOMEM, "out of memory for a CSV file");
    rc = rc ? rc : shop_open(&in.shop, &shop, err);
    rc = rc ? rc : read_file(&in, invalid, end, err);
    shop_close(in.shop);
    records_close(in.file);
    free(in.met);
    return rc;
}
