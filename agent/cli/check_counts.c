#include "agent/cli/check_counts.h"

#include <inttypes.h>
#include <stdio.h>

#include "agent/cli/cli.h"
#include "applier/counts.h"
#include "schema/db.h"

struct listing {
    const struct filter *filter;
    struct buf differing; /* lines for the end */
    uint64_t tables, parts;
};

/* Both parts in one number. An odd factor loses nothing: where one part alone differs, so does
 * this. */
static uint64_t checksum(const struct table_sum *s)
{
    return s->hash ^ s->sum * 0x9e3779b97f4a7c15u;
}

/* "-" twice where there is no such table, or it could not be read. */
static int append_side(struct buf *line, const struct table_sum *s, bool known)
{
    if (!known)
        return buf_printf(line, " %12s %16s", "-", "-");
    return buf_printf(line, " %12" PRIu64 " %016" PRIx64, s->rows, checksum(s));
}

static int print(const struct buf *line, struct ds_error *err)
{
    return cli_output(line) ? error_set(err, DS_EIO, "the counts cannot be written to stdout") : 0;
}

static int print_table(void *arg, const struct counts_result *r, struct ds_error *err)
{
    struct listing *l = arg;
    BUF_AUTO struct buf line = {0};
    enum counts_verdict v = r->verdict;
    bool there = v != COUNTS_MISSING && v != COUNTS_DEFINITION_DIFFERS && v != COUNTS_EXTRA;
    l->tables++;
    int rc = buf_printf(&line, "%-40s", r->table);
    if (rc == 0)
        rc = append_side(&line, &r->source, v != COUNTS_EXTRA);
    if (rc == 0)
        rc = append_side(&line, &r->destination, there);
    if (rc == 0)
        rc = buf_printf(&line, "  %s\n", counts_verdict_text(v));
    if (rc == 0 && v != COUNTS_EQUAL)
        rc = buf_append(&l->differing, line.data, line.len);
    return rc ? error_set(err, DS_ENOMEM, "out of memory") : print(&line, err);
}

static int print_end(const struct listing *l, uint64_t different, struct ds_error *err)
{
    BUF_AUTO struct buf text = {0};
    int rc = different ? buf_printf(&text,
                                    "\n%" PRIu64 " of %" PRIu64
                                    " tables differ (or were changed while they were read):\n",
                                    different, l->tables)
                       : buf_printf(&text, "%" PRIu64 " tables, all equal\n", l->tables);
    if (rc == 0)
        rc = buf_append(&text, l->differing.data, l->differing.len);
    if (rc == 0 && l->parts)
        rc = buf_puts(&text,
                      "tables with a condition on rows or entities (where) were not compared\n");
    return rc ? error_set(err, DS_ENOMEM, "out of memory") : print(&text, err);
}

/* Of a table whose rows travel in part, the parts cannot be told by both servers alike. */
static bool wanted(void *arg, const char *table)
{
    struct listing *l = arg;
    struct filter_level level;
    bool part = filter_where(l->filter, table) || filter_level(l->filter, table, &level);
    l->parts += part;
    return !part && filter_keeps(l->filter, table);
}

/* Masked values differ on purpose. */
static bool rows_only(void *arg, const char *table)
{
    return mask_changes_table(filter_mask(((const struct listing *)arg)->filter), table);
}

static int compare(const struct config *c, struct listing *l, uint64_t *different,
                   struct ds_error *err)
{
    DB_AUTO MYSQL *source = NULL, *destination = NULL;
    struct db_endpoint from = config_endpoint(c, true), to = config_endpoint(c, false);
    to.database = NULL; /* may be missing: then all its tables are */
    int rc = db_connect(&source, &from, err);
    if (rc == 0)
        rc = db_connect(&destination, &to, err);
    if (rc)
        return rc;
    const struct counts_options o = {.source = source,
                                     .destination = destination,
                                     .source_database = c->source.database,
                                     .destination_database = c->destination.database,
                                     .checksums = true,
                                     .arg = l,
                                     .wanted = wanted,
                                     .rows_only = rows_only,
                                     .result = print_table};
    return counts_compare(&o, different, err);
}

int check_counts(const struct config *c, const struct filter *filter, uint64_t *different,
                 struct ds_error *err)
{
    BUF_AUTO struct buf head = {0};
    struct listing l = {.filter = filter};
    int rc =
        buf_printf(&head, "\n%-40s %12s %16s %12s %16s\n%-40s %12s %16s %12s %16s\n", "", "source",
                   "", "destination", "", "table", "rows", "checksum", "rows", "checksum");
    rc = rc ? error_set(err, DS_ENOMEM, "out of memory") : print(&head, err);
    if (rc == 0)
        rc = compare(c, &l, different, err);
    if (rc == 0)
        rc = print_end(&l, *different, err);
    buf_free(&l.differing);
    return rc;
}
