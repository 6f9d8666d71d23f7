#include "applier/positions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/db.h"

struct entity_position {
    const char *name; /* of the catalogue; "": all that have none of their own */
    struct position at;
    bool known;      /* else not copied yet, or its copy has not ended */
    uint32_t before; /* its place before they were sorted */
};

struct positions {
    bool whole; /* all entities are asked for */
    struct entity_position *items;
    uint32_t count; /* those that are not known first, then from the oldest on */
    uint32_t front; /* the first so many stand where the stream is */
    uint32_t *of;   /* by place of the entity in the catalogue */
    struct buf to_copy;
};

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for the positions of entities");
}

void positions_free(struct positions *p)
{
    if (!p)
        return;
    for (uint32_t i = 0; i < p->count; i++)
        position_free(&p->items[i].at);
    free(p->items);
    free(p->of);
    buf_free(&p->to_copy);
    free(p);
}

/* --- reading ------------------------------------------------------------------------------- */

static int parse_row(MYSQL_ROW row, struct position *out, struct ds_error *err)
{
    const struct checkpoint cp = {
        .gtid_set = row[1], .file = row[2], .pos = strtoull(row[3], NULL, 10)};
    return checkpoint_position(&cp, out, err);
}

/* The row of this entity; false: there is none. */
static bool find_row(MYSQL_RES *rows, const char *entity, MYSQL_ROW *out)
{
    mysql_data_seek(rows, 0);
    while ((*out = mysql_fetch_row(rows)))
        if ((*out)[0] && strcmp((*out)[0], entity) == 0)
            return true;
    return false;
}

static uint32_t item_named(struct positions *p, const char *name)
{
    uint32_t i = 0;
    while (i < p->count && strcmp(p->items[i].name, name) != 0)
        i++;
    if (i == p->count)
        p->items[p->count++].name = name;
    return i;
}

static int by_age(const void *a, const void *b)
{
    const struct entity_position *x = a, *y = b;
    if (x->known != y->known)
        return x->known ? 1 : -1;
    if (!x->known) /* that of a copy first: the next one has another number */
        return position_empty(&x->at) - position_empty(&y->at);
    bool xy = position_reached(&x->at, &y->at), yx = position_reached(&y->at, &x->at);
    return xy && yx ? 0 : xy ? -1 : 1;
}

/* An entity without a position of its own has the stream's. A run for some of them gives each one
 * of its own, so that the others' stays. */
static int take_rows(struct positions *p, MYSQL_RES *rows, const struct filter *filter,
                     struct ds_error *err)
{
    const struct catalogue *c = filter_catalogue(filter);
    uint32_t *item_of = p->of;
    int rc = 0;
    for (uint32_t place = 0; place < catalogue_count(c) && rc == 0; place++) {
        const struct catalogue_entity *e = catalogue_at(c, place);
        MYSQL_ROW row;
        item_of[place] = UINT32_MAX;
        if (!filter_imports(filter, e))
            continue;
        bool own = find_row(rows, e->name, &row);
        uint32_t known = p->count, i = item_named(p, own || !p->whole ? e->name : "");
        item_of[place] = i;
        if (i == known && (own || find_row(rows, "", &row)))
            rc = parse_row(row, &p->items[i].at, err);
        p->items[i].known = !position_empty(&p->items[i].at) && !position_of_copy(&p->items[i].at);
    }
    return rc;
}

static int sort_items(struct positions *p, const struct filter *filter)
{
    uint32_t *now = calloc(p->count + 1, sizeof *now);
    if (!now)
        return DS_ENOMEM;
    for (uint32_t i = 0; i < p->count; i++)
        p->items[i].before = i;
    qsort(p->items, p->count, sizeof *p->items, by_age);
    for (uint32_t i = 0; i < p->count; i++)
        now[p->items[i].before] = i;
    for (uint32_t place = 0; place < catalogue_count(filter_catalogue(filter)); place++)
        if (p->of[place] != UINT32_MAX)
            p->of[place] = now[p->of[place]];
    free(now);
    return 0;
}

static int list_to_copy(struct positions *p, const struct filter *filter)
{
    const struct catalogue *c = filter_catalogue(filter);
    int rc = 0;
    bool any = false;
    for (uint32_t i = 0; i < p->count; i++)
        any |= p->items[i].known;
    for (uint32_t place = 0; any && place < catalogue_count(c) && rc == 0; place++)
        if (p->of[place] != UINT32_MAX && !p->items[p->of[place]].known)
            rc = buf_printf(&p->to_copy, "%s%s", p->to_copy.len ? "," : "",
                            catalogue_at(c, place)->name);
    return rc;
}

/* Those that a copy is to bring, or that stand where the oldest does. */
static uint32_t count_front(const struct positions *p)
{
    uint32_t n = p->count > 0;
    while (n < p->count && (!p->items[n].known || by_age(&p->items[n - 1], &p->items[n]) == 0))
        n++;
    return n;
}

static int read_rows(struct positions *p, MYSQL *db, const char *state_database, const char *name,
                     const struct filter *filter, struct ds_error *err)
{
    BUF_AUTO struct buf table = {0}, key = {0};
    if (sql_table(&table, state_database, "datasync_checkpoint") ||
        sql_string(&key, name, strlen(name)))
        return no_memory(err);
    MYSQL_RES *rows =
        db_select(db, err, "SELECT entity, gtid_set, file, pos FROM %s WHERE name = %s",
                  buf_cstr(&table), buf_cstr(&key));
    if (!rows)
        return err->code;
    int rc = take_rows(p, rows, filter, err);
    mysql_free_result(rows);
    return rc;
}

int positions_read(struct positions **out, MYSQL *db, const char *state_database, const char *name,
                   const struct filter *filter, struct checkpoint *cp, struct ds_error *err)
{
    size_t entities = catalogue_count(filter_catalogue(filter));
    struct positions *p = calloc(1, sizeof *p);
    if (!p)
        return no_memory(err);
    p->whole = filter_imports_all(filter);
    p->items = calloc(entities + 2, sizeof *p->items);
    p->of = calloc(entities + 1, sizeof *p->of);
    int rc = p->items && p->of ? 0 : no_memory(err);
    rc = rc ? rc : read_rows(p, db, state_database, name, filter, err);
    if (rc == 0 && (sort_items(p, filter) || list_to_copy(p, filter)))
        rc = no_memory(err);
    p->front = rc ? 0 : count_front(p);
    rc = rc ? rc : positions_checkpoint(p, db, state_database, name, false, cp, err);
    if (rc == 0 && positions_assign(p, p->front, cp))
        rc = no_memory(err);
    if (rc)
        positions_free(p);
    else
        *out = p;
    return rc;
}

const char *positions_to_copy(struct positions *p)
{
    return p->to_copy.len ? buf_cstr(&p->to_copy) : NULL;
}

int positions_checkpoint(const struct positions *p, MYSQL *db, const char *state_database,
                         const char *name, bool lock, struct checkpoint *out, struct ds_error *err)
{
    return checkpoint_read(db, state_database, name, p->count ? p->items[0].name : "", lock, out,
                           err);
}

/* --- the stream ------------------------------------------------------------------------------ */

bool positions_apart(const struct positions *p)
{
    return p->front < p->count;
}

int positions_front(const struct positions *p, const struct position *after, struct slice gtid,
                    uint32_t *front, struct ds_error *err)
{
    struct gtid own = {.flavour = GTID_NONE};
    char text[GTID_TEXT_SIZE];
    *front = p->front;
    if (!positions_apart(p) || (after && position_of_copy(after)))
        return 0;
    snprintf(text, sizeof text, "%.*s", (int)gtid.len, (const char *)gtid.p);
    if (!after && gtid_parse(&own, text, NULL))
        return error_set(err, DS_EUNSUPPORTED,
                         "entities stand at different positions, and a transaction without a GTID "
                         "is larger than a batch: raise batch.max_bytes above its size");
    for (; *front < p->count; ++*front) {
        const struct position *at = &p->items[*front].at;
        bool is_new = after ? position_reached(at, after) && !position_reached(after, at)
                            : !gtid_set_contains(&at->gtid, &own);
        if (!is_new)
            break;
    }
    return 0;
}

bool positions_new_for(const struct positions *p, uint32_t place, uint32_t front)
{
    return p->of[place] == UINT32_MAX || p->of[place] < front || p->of[place] < p->front;
}

/* All have come to one place. */
static bool are_one(const struct positions *p, uint32_t front)
{
    return p->whole && front == p->count;
}

int positions_assign(const struct positions *p, uint32_t front, struct checkpoint *cp)
{
    BUF_AUTO struct buf rows = {0};
    struct position at = {0};
    struct ds_error ignored;
    int rc = 0;
    front = front > p->front ? front : p->front;
    if (front < p->count && cp->found)
        rc = checkpoint_position(cp, &at, &ignored);
    while (front < p->count && !position_empty(&at) &&
           position_reached(&p->items[front].at, &at)) /* it ends where that one stands */
        front++;
    position_free(&at);
    bool one = are_one(p, front);
    for (uint32_t i = 0; i < front && !one && rc == 0; i++)
        rc = buf_printf(&rows, "%s\n", p->items[i].name);
    free(cp->rows);
    cp->rows = rc || one ? NULL : strdup(buf_cstr(&rows));
    return rc || (!one && !cp->rows) ? DS_ENOMEM : 0;
}

int positions_settle(const struct positions *p, MYSQL *db, const char *state_database,
                     const char *name, const struct checkpoint *cp, struct ds_error *err)
{
    bool own = p->count > 1 || (p->count && p->items[0].name[0]);
    if (!cp->found || !own || !are_one(p, p->front))
        return 0;
    int rc = db_exec(db, err, "START TRANSACTION");
    rc = rc ? rc : checkpoint_update(db, state_database, name, cp, err);
    rc = rc ? rc : checkpoint_settle(db, state_database, name, err);
    return rc ? rc : db_exec(db, err, "COMMIT");
}

void positions_committed(struct positions *p, const struct checkpoint *cp)
{
    uint32_t front = cp->rows ? 0 : p->count;
    for (const char *line = cp->rows; line && *line; line = strchr(line, '\n') + 1)
        front++;
    p->front = front;
}

int positions_look(MYSQL *db, const struct config *c, const struct filter *filter,
                   struct checkpoint *cp, struct buf *to_copy, struct ds_error *err)
{
    struct positions *p = NULL;
    if (c->mode != MODE_IMPORT)
        return checkpoint_read(db, c->state_database, c->name, NULL, false, cp, err);
    int rc = positions_read(&p, db, c->state_database, c->name, filter, cp, err);
    const char *names = rc ? NULL : positions_to_copy(p);
    if (names && to_copy && buf_puts(to_copy, names))
        rc = no_memory(err);
    positions_free(p);
    return rc;
}
