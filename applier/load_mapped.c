/* Copies into tables that stay as they are: the destination's structure is its own under a map.
 * What was there is refused, or goes, by the rule of load_objects.c; rows of others are not
 * touched. */
#include <stdlib.h>
#include <string.h>

#include "applier/load_parts.h"
#include "applier/state.h"

/* Has it rows of others? */
static int look_into(struct load_context *c, const char *table, bool *others, struct ds_error *err)
{
    const struct slice name = {(const uint8_t *)table, strlen(table)};
    BUF_AUTO struct buf quoted = {0}, value = {0};
    bool rows = false, ours = false;
    if (load_table_name(c, name, &quoted))
        return load_no_memory(err);
    int rc = db_scalar(c->db, &value, &rows, err, "SELECT 1 FROM %s LIMIT 1", buf_cstr(&quoted));
    if (rc == 0 && rows && !c->fresh)
        rc = load_state_has(c, name, &ours, err);
    *others = rows && !ours;
    return rc;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int list_others(struct load_context *c, const struct target *target, struct buf *names,
                       struct ds_error *err)
{
    const char **list = calloc(target_count(target) + 1, sizeof *list);
    size_t count = 0;
    int rc = 0;
    if (!list)
        return load_no_memory(err);
    for (uint32_t i = 0; rc == 0 && i < target_count(target); i++) {
        const struct target_table *t = target_at(target, i);
        bool others = t->exists && !t->view;
        rc = others ? c->options->takes(c->options->arg, t->name, &others, err) : 0;
        rc = rc || !others ? rc : look_into(c, t->name, &others, err);
        if (rc == 0 && others)
            list[count++] = t->name;
    }
    if (count)
        qsort(list, count, sizeof *list, by_name);
    for (size_t i = 0; i < count && rc == 0; i++)
        if (buf_printf(names, "%s%s", i ? ", " : "", list[i]))
            rc = load_no_memory(err);
    free(list);
    return rc;
}

int load_rows_of_others(MYSQL *db, const struct target *target, const struct load_options *options,
                        struct buf *names, struct ds_error *err)
{
    struct load_context c = {.db = db, .options = options};
    bool noted = false, replacing = false;
    int rc = state_exists(db, options->state_database, &noted, err);
    c.fresh = !noted;
    if (rc == 0 && noted)
        rc = load_state_replacing(&c, &replacing, err);
    return rc || replacing ? rc : list_others(&c, target, names, err);
}

int load_mapped_check(struct load_context *c, const struct target *target, struct ds_error *err)
{
    BUF_AUTO struct buf names = {0};
    int rc = c->replace ? 0 : list_others(c, target, &names, err);
    if (rc || !names.len)
        return rc;
    return error_set(
        err, DS_EUSAGE,
        "rows that no copy of stream %s wrote are in the destination's tables to which "
        "the map leads rows: empty them, or use --resnapshot, which does: %s",
        c->options->name, buf_cstr(&names));
}

int load_mapped_empty(struct load_context *c, struct slice table, struct ds_error *err)
{
    BUF_AUTO struct buf quoted = {0};
    int rc = load_table_name(c, table, &quoted) ? load_no_memory(err) : 0;
    rc = rc ? rc : load_state_set(c, table, "copying", 0, err);
    return rc ? rc : db_exec(c->db, err, "TRUNCATE TABLE %s", buf_cstr(&quoted));
}
