/* The masks that the destination's rows came under.
 *
 * They are recorded (record.h). When a stream goes on with other rules, each column of the
 * destination is asked whether its values would be the same: then only what had no rule, of which
 * nothing can have come, has one now.
 */
#include <stdio.h>
#include <string.h>

#include "applier/apply.h"
#include "applier/record.h"
#include "schema/log.h"

static const char mask_kind[] = "mask";

static int out_of_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for the masks");
}

int mask_record_store(struct applier *a, struct ds_error *err)
{
    BUF_AUTO struct buf rules = {0};
    if (mask_print(filter_mask(a->options.filter), &rules))
        return out_of_memory(err);
    return record_store(a->db, a->state_database, a->name, mask_kind,
                        (struct slice){rules.data, rules.len}, err);
}

static int differs(const char *what, const char *of, const char *name, struct ds_error *err)
{
    return error_set(err, DS_EUSAGE,
                     "the rules of the mask differ for %s %s%s%s, of which the destination has "
                     "values already: set them back, or copy again with --resnapshot",
                     what, of, *name ? "." : "", name);
}

/* Nothing of a column without a rule can have come, unless it had another name then. */
static int check_unruled(struct applier *a, const struct target_table *t, const char *column,
                         struct ds_error *err)
{
    BUF_AUTO struct buf table = {0}, name = {0};
    uint64_t different = 0;
    bool found;
    if (sql_table(&table, a->database, t->name) || sql_identifier(&name, column))
        return out_of_memory(err);
    int rc = db_scalar_u64(a->db, &different, &found, err,
                           "SELECT COUNT(*) FROM (SELECT DISTINCT %s FROM %s LIMIT 2) x",
                           buf_cstr(&name), buf_cstr(&table));
    if (rc == 0 && different > 1)
        rc = error_set(
            err, DS_EUSAGE,
            "column %s.%s had no mask rule, and has values: it had another name, or was in "
            "another table, when they came; set the rules back, or copy again with "
            "--resnapshot",
            t->name, column);
    return rc;
}

static int compare_columns(struct applier *a, const struct mask *was, struct ds_error *err)
{
    const struct mask *is = filter_mask(a->options.filter);
    for (uint32_t i = 0; i < target_count(a->target); i++) {
        const struct target_table *t = target_at(a->target, i);
        if (!t || !t->exists || t->view || t->sequence || !filter_keeps(a->options.filter, t->name))
            continue;
        for (uint32_t k = 0; k < t->column_count; k++) {
            const char *name = t->columns[k].name;
            const struct slice column = {(const uint8_t *)name, strlen(name)};
            size_t next = SIZE_MAX;
            if (!mask_agrees(was, is, t->name, column))
                return differs("column", t->name, name, err);
            int rc = !mask_unknown_null(was) && !mask_column_rule(was, t->name, column, &next)
                         ? check_unruled(a, t, name, err)
                         : 0;
            if (rc)
                return rc;
        }
    }
    return 0;
}

static int compare_attributes(struct applier *a, const struct mask *was, struct ds_error *err)
{
    BUF_AUTO struct buf attributes = {0}, types = {0};
    const char *prefix = a->config->source.prefix;
    if (buf_printf(&attributes, "%seav_attribute", prefix) ||
        buf_printf(&types, "%seav_entity_type", prefix))
        return out_of_memory(err);
    const struct target_table *t = target_find(a->target, buf_cstr(&attributes), attributes.len);
    const struct target_table *u = target_find(a->target, buf_cstr(&types), types.len);
    if (!t || !t->exists || !u || !u->exists || !filter_keeps(a->options.filter, t->name) ||
        !filter_keeps(a->options.filter, u->name)) /* which ones there are cannot be told */
        return mask_attributes_agree(was, filter_mask(a->options.filter))
                   ? 0
                   : differs("attributes", "of EAV tables", "", err);
    MYSQL_RES *res =
        db_select(a->db, err,
                  "SELECT t.entity_type_code, a.attribute_code FROM `%s` a JOIN `%s` t "
                  "ON t.entity_type_id = a.entity_type_id",
                  buf_cstr(&attributes), buf_cstr(&types));
    if (!res)
        return err->code;
    int rc = 0;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(res));)
        if (row[0] && row[1] &&
            !mask_agrees_on_attribute(was, filter_mask(a->options.filter), row[0], row[1]))
            rc = differs("attribute", row[0], row[1], err);
    mysql_free_result(res);
    return rc;
}

int mask_record_compare(struct applier *a, bool *same, struct ds_error *err)
{
    BUF_AUTO struct buf rules = {0}, readable = {0};
    const struct mask *is = filter_mask(a->options.filter);
    struct mask *was = NULL;
    char fingerprint[33];
    bool found = false;
    *same = false;
    int rc = is && !filter_map(a->options.filter)
                 ? record_read(a->db, a->state_database, a->name, mask_kind, &rules, &found, err)
                 : 0;
    if (rc || !found)
        return rc;
    rc = mask_parse(&was, is, buf_cstr(&rules), err);
    if (rc == 0 && filter_fingerprint_with(a->options.filter, was, fingerprint, &readable))
        rc = out_of_memory(err);
    if (rc == 0 && strcmp(fingerprint, a->cp.filter) == 0) { /* nothing else differs, nor the key */
        rc = compare_columns(a, was, err);
        if (rc == 0)
            rc = compare_attributes(a, was, err);
        *same = rc == 0;
    }
    mask_free(was);
    if (*same)
        log_info("mask rules were added for what had none; everything else is masked as before");
    return rc;
}
