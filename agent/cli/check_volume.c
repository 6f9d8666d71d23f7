/* datasync check --counts under a map: are the rows that it leads to the destination there? */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/cli/check_counts.h"
#include "agent/cli/cli.h"
#include "applier/map/map_volume.h"
#include "applier/target.h"
#include "schema/db.h"

struct comparing {
    const struct config *config;
    const struct filter *filter;
    MYSQL *db[2]; /* source, destination */
    struct target *schema[2];
    struct buf text;
    uint64_t different;
    int rc; /* of memory */
};

static int open_sides(struct comparing *c, struct ds_error *err)
{
    int rc = 0;
    for (size_t i = 0; i < 2 && rc == 0; i++) {
        const struct db_endpoint ep = config_endpoint(c->config, i == MAP_SOURCE);
        rc = db_connect(&c->db[i], &ep, err);
        if (rc == 0)
            rc = db_exec(c->db[i], err, "SET SESSION sql_mode = '', time_zone = '+00:00'");
        rc = rc ? rc : target_new(&c->schema[i], c->db[i], ep.database, err);
    }
    return rc;
}

static void close_sides(struct comparing *c)
{
    for (size_t i = 0; i < 2; i++) {
        target_free(c->schema[i]);
        db_close(&c->db[i]);
    }
    buf_free(&c->text);
}

static bool wanted(void *arg, const char *document)
{
    const struct comparing *c = arg;
    char table[300];
    snprintf(table, sizeof table, "%s%s", c->config->source.prefix, document);
    return filter_keeps(c->filter, table);
}

static int add(struct buf *text, const char *what, const char *list)
{
    return *list ? buf_printf(text, "  %s: %s", what, list) : 0;
}

static void found(void *arg, const struct map_volume_difference *d)
{
    struct comparing *c = arg;
    c->different++;
    c->rc |=
        buf_printf(&c->text, "%-40s %12" PRIu64 " %12" PRIu64, d->document, d->source,
                   d->destination) |
        add(&c->text, "missing", d->missing) | add(&c->text, "not at the source", d->more) |
        (d->values && !*d->changed && !*d->columns ? buf_puts(&c->text, "  other values") : 0) |
        add(&c->text, "other values", d->changed) | add(&c->text, "in", d->columns) |
        buf_puts(&c->text, "\n");
}

static int compare(struct comparing *c, size_t *documents, struct ds_error *err)
{
    const struct config *config = c->config;
    const struct map_volume_options o = {
        .map = filter_map(c->filter),
        .mask = filter_mask(c->filter),
        .source = {c->db[MAP_SOURCE],
                   config->source.database,
                   {c->schema[MAP_SOURCE], config->source.prefix}},
        .destination = {c->db[MAP_DESTINATION],
                        config->destination.database,
                        {c->schema[MAP_DESTINATION], config->destination.prefix}},
        .arg = c,
        .wanted = wanted,
        .found = found};
    int rc = map_volume(&o, documents, err);
    return rc || !c->rc ? rc : error_set(err, DS_ENOMEM, "out of memory");
}

int check_volume(const struct config *config, const struct filter *filter, uint64_t *different,
                 struct ds_error *err)
{
    struct comparing c = {.config = config, .filter = filter};
    size_t documents = 0;
    int rc = open_sides(&c, err);
    rc = rc ? rc : compare(&c, &documents, err);
    BUF_AUTO struct buf text = {0};
    if (rc == 0 &&
        (c.different
             ? buf_printf(&text,
                          "\n%" PRIu64 " of %zu documents differ (or were changed while they were "
                          "read):\n%-40s %12s %12s\n",
                          c.different, documents, "document", "source", "destination") |
                   buf_append(&text, c.text.data, c.text.len)
             : buf_printf(&text, "\n%zu documents, all equal\n", documents)))
        rc = error_set(err, DS_ENOMEM, "out of memory");
    if (rc == 0 && cli_output(&text))
        rc = error_set(err, DS_EIO, "the counts cannot be written to stdout");
    *different = c.different;
    close_sides(&c);
    return rc;
}
