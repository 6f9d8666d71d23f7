/* Rows of the destination that name another entity of their own kind (a product's links), which the
 * source has not got, and of which it could not be said when they were met whether the source can
 * speak of them: that other entity may come later. They are remembered, and when all has come, what
 * names something that the source has, too, goes. */
#include <stdlib.h>

#include "applier/bind.h"
#include "applier/import/drop.h"
#include "applier/import/places.h"
#include "schema/db.h"
#include "schema/db_later.h"
#include "schema/log.h"

enum { REMEMBERED_MAX = 500000, PLACES_PER_QUERY = 1000 };

struct unsure {
    struct arena arena;
    struct places rows;
    uint32_t committed; /* of them */
    bool full;
};

int import_unsure_new(struct import *im)
{
    im->unsure = calloc(1, sizeof *im->unsure);
    return im->unsure ? 0 : DS_ENOMEM;
}

static void clear(struct unsure *u)
{
    places_free(&u->rows);
    arena_free(&u->arena);
    *u = (struct unsure){0};
}

void import_unsure_free(struct import *im)
{
    if (im->unsure)
        clear(im->unsure);
    free(im->unsure);
}

int import_unsure_add(struct import *im, const struct import_table *t, MYSQL_ROW row,
                      const unsigned long *lengths)
{
    struct unsure *u = im->unsure;
    if (u->rows.count == REMEMBERED_MAX) {
        u->full = true;
        return 0;
    }
    const uint8_t **place = import_read_place(&u->arena, t, row, lengths);
    return place ? places_add(&u->rows, t, place) : DS_ENOMEM;
}

void import_unsure_stays(struct import *im, uint32_t first, uint32_t end)
{
    places_stay(&im->unsure->rows, im, first, end);
}

/* What belongs to a transaction that was rolled back is none. */
void import_unsure_rolled_back(struct import *im)
{
    im->unsure->rows.count = im->unsure->committed;
}

/* An entity may have come twice. */
void import_unsure_committed(struct import *im)
{
    places_sort(&im->unsure->rows);
    im->unsure->committed = im->unsure->rows.count;
}

/* --- when all has come --------------------------------------------------------------------- */

static int add_place(const struct import_table *t, const uint8_t *const *place, struct buf *sql,
                     struct ds_error *err)
{
    const struct target_key *key = t->target->row_key;
    int rc = buf_puts(sql, sql->len ? ",(" : "(") ? import_no_memory(err) : 0;
    for (uint32_t i = 0; i < key->count && rc == 0; i++) {
        rc = i && buf_puts(sql, ",") ? import_no_memory(err) : 0;
        rc = rc ? rc : bind_literal(sql, &t->target->columns[key->columns[i]], place[i], err);
    }
    return rc ? rc : buf_puts(sql, ")") ? import_no_memory(err) : 0;
}

static int drop_known(struct import *im, const struct import_table *t, const char *list,
                      struct ds_error *err)
{
    uint32_t count = 0;
    MYSQL_RES *rows = import_rows_at(im, t, list, err);
    if (!rows)
        return err->code;
    const uint8_t ***places = arena_alloc(&im->arena, (mysql_num_rows(rows) + 1) * sizeof *places);
    bool ok = places != NULL;
    for (MYSQL_ROW row; ok && (row = mysql_fetch_row(rows)); count++) {
        places[count] = import_read_place(&im->arena, t, row, mysql_fetch_lengths(rows));
        ok = places[count] != NULL;
    }
    mysql_free_result(rows);
    if (!ok)
        return import_no_memory(err);
    int rc = import_keep_used(im, t, places, &count, err);
    return rc ? rc : import_delete_places(im, t, places, count, err);
}

static int by_table(const void *x, const void *y)
{
    const struct place *a = x, *b = y;
    return (a->table->order > b->table->order) - (a->table->order < b->table->order);
}

static int drop_all(struct import *im, struct ds_error *err)
{
    const struct places *rows = &im->unsure->rows;
    BUF_AUTO struct buf list = {0};
    int rc = 0;
    uint32_t count = 0;
    for (uint32_t i = 0; i < rows->count && rc == 0; i++) {
        const struct import_table *t = rows->list[i].table;
        if (!rows->list[i].stays) {
            rc = add_place(t, rows->list[i].values, &list, err);
            count++;
        }
        bool last = i + 1 == rows->count || rows->list[i + 1].table->entry != t->entry;
        if (rc || !count || !(last || count == PLACES_PER_QUERY))
            continue;
        rc = drop_known(im, t, buf_cstr(&list), err);
        buf_clear(&list);
        count = 0;
    }
    return rc;
}

int import_settle_unsure(struct import *im, struct ds_error *err)
{
    struct unsure *u = im->unsure;
    struct counters counted = {0};
    if (!u->rows.count || im->options.dry_run)
        return 0;
    if (u->full)
        log_warn("more than %d rows name entities that came later: some that the source has not "
                 "may stay until the next sync",
                 REMEMBERED_MAX);
    qsort(u->rows.list, u->rows.count, sizeof *u->rows.list, by_table);
    im->counters = &counted;
    int rc = import_rows_begin(im, err);
    rc = rc ? rc : db_exec(im->db, err, "START TRANSACTION");
    rc = rc ? rc : drop_all(im, err);
    rc = rc ? rc : registry_flush(im->registry, err);
    rc = rc ? rc : db_settle(im->db, err);
    rc = rc ? rc : db_exec(im->db, err, "COMMIT");
    if (rc) { /* it may be tried again */
        struct ds_error ignored;
        (void)db_exec(im->db, &ignored, "ROLLBACK");
        import_rolled_back(im);
        return rc;
    }
    clear(u);
    return 0;
}
