/* Which kinds has a run begun to copy, and not come to their end?
 *
 * What names an entity that comes behind it is written without that, and once more at the copy's
 * end. on_duplicate: skip leaves such as they are where an earlier run has made them whole; if that
 * one did not come to its end, they are finished now.
 *
 * A row of datasync_objects for each source system, of kind `unfinished` and of no stream: the
 * kinds, each as ",name,".
 */
#include "applier/import/unfinished.h"

#include <stdlib.h>
#include <string.h>

#include "schema/db.h"
#include "schema/log.h"

struct unfinished {
    bool read, noted;
    bool kinds[]; /* left by another run, by their place */
};

int import_unfinished_new(struct import *im)
{
    size_t count = catalogue_count(im->options.catalogue);
    im->unfinished = calloc(1, sizeof *im->unfinished + count * sizeof(bool));
    return im->unfinished ? 0 : DS_ENOMEM;
}

void import_unfinished_free(struct import *im)
{
    free(im->unfinished);
}

void import_unfinished_rolled_back(struct import *im)
{
    im->unfinished->noted = false;
}

bool import_was_finished(const struct import *im, const struct import_entity *e)
{
    return !im->options.follows && !im->unfinished->kinds[e->table->place];
}

static int add_table(const struct import *im, struct buf *sql)
{
    return sql_table(sql, im->options.config->state_database, "datasync_objects");
}

static int add_where(const struct import *im, struct buf *sql)
{
    const char *system = im->options.config->source_system;
    return buf_puts(sql, " WHERE name = '' AND kind = 'unfinished' AND object = ") |
           sql_string(sql, system, strlen(system));
}

/* ",name,", as SQL */
static int add_kind(const struct catalogue_entity *e, struct buf *sql)
{
    BUF_AUTO struct buf text = {0};
    return buf_printf(&text, ",%s,", e->name) | sql_string(sql, text.data, text.len);
}

static int read_mark(struct import *im, struct ds_error *err)
{
    const struct catalogue *c = im->options.catalogue;
    BUF_AUTO struct buf sql = {0}, kinds = {0};
    bool found;
    if (buf_puts(&sql, "SELECT statement FROM ") | add_table(im, &sql) | add_where(im, &sql))
        return import_no_memory(err);
    int rc = db_scalar(im->db, &kinds, &found, err, "%s", buf_cstr(&sql));
    for (size_t i = 0; i < catalogue_count(c) && rc == 0 && found; i++) {
        const struct catalogue_entity *e = catalogue_at(c, i);
        BUF_AUTO struct buf name = {0};
        if (buf_printf(&name, ",%s,", e->name))
            return import_no_memory(err);
        im->unfinished->kinds[i] = strstr(buf_cstr(&kinds), buf_cstr(&name));
        if (im->unfinished->kinds[i] && filter_imports(im->options.filter, e) &&
            im->options.config->on_duplicate == DUPLICATE_SKIP)
            log_warn("an earlier copy did not come to its end: what came with it, and names others "
                     "that come behind it, is written once more, and not skipped entity=%s",
                     e->name);
    }
    im->unfinished->read = rc == 0;
    return rc;
}

int import_unfinished_begin(struct import *im, struct ds_error *err)
{
    const struct catalogue *c = im->options.catalogue;
    const char *system = im->options.config->source_system;
    BUF_AUTO struct buf kinds = {0}, sql = {0};
    if (im->options.follows || im->options.dry_run || im->unfinished->noted)
        return 0;
    int rc = im->unfinished->read ? 0 : read_mark(im, err);
    if (rc)
        return rc;
    rc = buf_puts(&kinds, "CONCAT(''");
    for (size_t i = 0; i < catalogue_count(c) && rc == 0; i++)
        if (filter_imports(im->options.filter, catalogue_at(c, i)))
            rc = buf_puts(&kinds, ", ") | add_kind(catalogue_at(c, i), &kinds);
    rc |= buf_puts(&sql, "INSERT INTO ") | add_table(im, &sql) |
          buf_puts(&sql, " SET name = '', kind = 'unfinished', session = '', position = '', "
                         "object = ") |
          sql_string(&sql, system, strlen(system)) | buf_puts(&sql, ", statement = ") |
          buf_append(&sql, kinds.data, kinds.len) |
          buf_puts(&sql, ") ON DUPLICATE KEY UPDATE statement = CONCAT(statement, ") |
          buf_append(&sql, kinds.data, kinds.len) | buf_puts(&sql, "))");
    rc = rc ? import_no_memory(err) : db_exec_len(im->db, buf_cstr(&sql), sql.len, err);
    im->unfinished->noted = rc == 0;
    return rc;
}

/* Of kinds of which only some were asked for, the others remain. */
static bool ends(const struct import *im, size_t place)
{
    return filter_imports(im->options.filter, catalogue_at(im->options.catalogue, place)) &&
           (!im->options.some || !im->unfinished->kinds[place]);
}

int import_unfinished_end(struct import *im, struct ds_error *err)
{
    const struct catalogue *c = im->options.catalogue;
    BUF_AUTO struct buf sql = {0}, without = {0}, drop = {0};
    int rc = buf_puts(&without, "statement");
    if (!im->unfinished->noted)
        return 0;
    rc |= buf_puts(&sql, "UPDATE ") | add_table(im, &sql) | buf_puts(&sql, " SET statement = ");
    for (size_t i = 0; i < catalogue_count(c) && rc == 0; i++)
        if (ends(im, i))
            rc = buf_puts(&sql, "REPLACE(") | buf_puts(&without, ", ") |
                 add_kind(catalogue_at(c, i), &without) | buf_puts(&without, ", '')");
    rc |= buf_append(&sql, without.data, without.len) | add_where(im, &sql);
    rc |= buf_puts(&drop, "DELETE FROM ") | add_table(im, &drop) | add_where(im, &drop) |
          buf_puts(&drop, " AND statement = ''");
    rc = rc ? import_no_memory(err) : db_exec_len(im->db, buf_cstr(&sql), sql.len, err);
    return rc ? rc : db_exec_len(im->db, buf_cstr(&drop), drop.len, err);
}
