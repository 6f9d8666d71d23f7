/* Copies into tables that stay as they are: the destination's structure is its own under a map.
 * What was there is refused, or goes, by the rule of load_objects.c; rows of others are not
 * touched. */
#include <string.h>

#include "applier/load_parts.h"

static int may_empty(struct load_context *c, const char *table, struct ds_error *err)
{
    const struct slice name = {(const uint8_t *)table, strlen(table)};
    BUF_AUTO struct buf quoted = {0}, value = {0};
    bool rows = false, ours = false;
    if (load_table_name(c, name, &quoted))
        return load_no_memory(err);
    int rc = db_scalar(c->db, &value, &rows, err, "SELECT 1 FROM %s LIMIT 1", buf_cstr(&quoted));
    if (rc == 0 && rows)
        rc = load_state_has(c, name, &ours, err);
    if (rc || !rows || ours)
        return rc;
    return error_set(err, DS_EUSAGE,
                     "the destination's table %s, to which the map leads rows, has rows that no "
                     "copy of stream %s wrote: empty it, or use --resnapshot, which does",
                     table, c->options->name);
}

int load_mapped_check(struct load_context *c, const struct target *target, struct ds_error *err)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && !c->replace && i < target_count(target); i++) {
        const struct target_table *t = target_at(target, i);
        if (t->exists && !t->view && c->options->takes(c->options->arg, t->name))
            rc = may_empty(c, t->name, err);
    }
    return rc;
}

int load_mapped_empty(struct load_context *c, struct slice table, struct ds_error *err)
{
    BUF_AUTO struct buf quoted = {0};
    int rc = load_table_name(c, table, &quoted) ? load_no_memory(err) : 0;
    rc = rc ? rc : load_state_set(c, table, "copying", 0, err);
    return rc ? rc : db_exec(c->db, err, "TRUNCATE TABLE %s", buf_cstr(&quoted));
}
