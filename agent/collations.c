#include "agent/collations.h"

#include <stdlib.h>
#include <string.h>

#include "schema/arena.h"
#include "schema/db.h"

struct collation {
    const char *name;
    uint16_t id;
};

struct collations {
    struct arena arena;
    struct collation *items; /* sorted by name */
    size_t count;
};

static int by_name(const void *x, const void *y)
{
    return strcmp(((const struct collation *)x)->name, ((const struct collation *)y)->name);
}

uint16_t collation_id(const struct collations *all, const char *name)
{
    const struct collation key = {.name = name};
    const struct collation *found =
        all && all->count ? bsearch(&key, all->items, all->count, sizeof key, by_name) : NULL;
    return found ? found->id : 0;
}

void collations_free(struct collations *all)
{
    if (all)
        arena_free(&all->arena);
    free(all);
}

static struct collations *take(MYSQL_RES *res)
{
    struct collations *all = calloc(1, sizeof *all);
    bool ok = all != NULL;
    if (ok)
        all->items = arena_alloc(&all->arena, (mysql_num_rows(res) + 1) * sizeof *all->items);
    ok = ok && all->items;
    for (MYSQL_ROW row; ok && (row = mysql_fetch_row(res));) {
        struct collation *c = &all->items[all->count];
        if (!row[0] || !row[1])
            continue;
        all->count++;
        c->name = arena_strdup(&all->arena, row[0]);
        c->id = (uint16_t)strtoul(row[1], NULL, 10);
        ok = c->name != NULL;
    }
    if (ok) {
        qsort(all->items, all->count, sizeof *all->items, by_name);
        return all;
    }
    collations_free(all);
    return NULL;
}

/* MariaDB from 10.10.1 on has collations that many character sets share; their full names are in
 * another table. */
int collations_read(struct collations **out, MYSQL *db, struct ds_error *err)
{
    struct db_server server;
    int rc = db_server_info(db, &server, err);
    if (rc)
        return rc;
    MYSQL_RES *res =
        db_select(db, err, "%s",
                  server.mariadb && server.version >= 101001
                      ? "SELECT FULL_COLLATION_NAME, ID FROM "
                        "information_schema.COLLATION_CHARACTER_SET_APPLICABILITY"
                      : "SELECT COLLATION_NAME, ID FROM information_schema.COLLATIONS");
    if (!res)
        return err->code;
    *out = take(res);
    mysql_free_result(res);
    return *out ? 0 : error_set(err, DS_ENOMEM, "out of memory");
}
