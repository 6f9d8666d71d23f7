/* Which attributes, sets and groups of the destination the source has made there: what it no longer
 * has may go then, and what it calls otherwise is not the destination's own. The registry keeps
 * them (applier/import/registry.h), by their ids and by what they were called. */
#include <stdio.h>
#include <string.h>

#include "agent/cli/migrate_eav.h"
#include "applier/import/registry.h"
#include "applier/state.h"
#include "schema/db.h"

static int failed(int rc, struct ds_error *err)
{
    return rc == DS_ENOMEM ? eav_no_memory(err) : rc;
}

int eav_memory_open(struct eav_step *s, struct ds_error *err)
{
    const struct config *c = &s->g->in->config;
    struct db_endpoint ep = config_endpoint(c, false);
    struct db_server server;
    int rc = db_connect(&s->memory_db, &ep, err);
    rc = rc ? rc : db_server_info(s->memory_db, &server, err);
    rc = rc ? rc : state_ensure(s->memory_db, c->state_database, err);
    rc = rc ? rc : registry_new(&s->memory, c->state_database, c->name, false, err);
    return rc ? rc : registry_attach(s->memory, s->memory_db, server.mariadb, err);
}

void eav_memory_close(struct eav_step *s)
{
    registry_free(s->memory);
    db_close(&s->memory_db);
}

/* "80/4/heel/" */
static int put_id(const struct eav_row *row, struct buf *out)
{
    buf_clear(out);
    return buf_printf(out, "%lu/", row->id) | buf_append(out, row->key.p, row->key.len);
}

int eav_memory_look(struct eav_step *s, enum eav_table table, struct ds_error *err)
{
    struct eav_rows *rows = &s->tables[table].theirs;
    const uint32_t type = s->memory ? registry_type(s->memory, eav_documents[table].name) : 0;
    BUF_AUTO struct buf id = {0};
    int rc = type == UINT32_MAX ? DS_ENOMEM : 0;
    for (size_t i = 0; i < rows->count; i++)
        rows->items[i].remembered = false;
    for (int load = 1; s->memory && load >= 0 && rc == 0; load--) {
        for (size_t i = 0; i < rows->count && rc == 0; i++) {
            struct eav_row *row = &rows->items[i];
            if (!eav_documents[table].id || !row->id || !row->key.p)
                continue;
            rc = put_id(row, &id);
            const struct slice key = {id.data, id.len};
            if (rc == 0 && load)
                rc = registry_want(s->memory, type, key);
            const struct registered *r = rc || load ? NULL : registry_find(s->memory, type, key);
            row->remembered = r && r->found;
        }
        if (rc == 0 && load)
            rc = registry_load(s->memory, err);
    }
    return failed(rc, err);
}

/* Did the source bring it, under an id of its own? */
static bool is_made(int table, const struct eav_row *row)
{
    return eav_documents[table].id && !row->dropped && !row->match;
}

/* Before the rows themselves: what is remembered and never came does no harm. */
int eav_memory_write(struct eav_step *s, struct ds_error *err)
{
    BUF_AUTO struct buf id = {0};
    int rc = db_exec(s->memory_db, err, "START TRANSACTION");
    for (int table = 0; table < EAV_TABLES && rc == 0; table++) {
        const struct eav_rows *rows = &s->tables[table].ours;
        const uint32_t type = registry_type(s->memory, eav_documents[table].name);
        if (type == UINT32_MAX)
            return eav_no_memory(err);
        for (size_t i = 0; i < rows->count && rc == 0; i++) {
            if (!is_made(table, &rows->items[i]))
                continue;
            rc = put_id(&rows->items[i], &id);
            rc = rc ? rc : registry_want(s->memory, type, (struct slice){id.data, id.len});
        }
        rc = rc ? failed(rc, err) : registry_load(s->memory, err);
        for (size_t i = 0; i < rows->count && rc == 0; i++) {
            const struct eav_row *row = &rows->items[i];
            if (!is_made(table, row))
                continue;
            rc = put_id(row, &id);
            const struct slice key = {id.data, id.len};
            const struct registered *r = rc ? NULL : registry_find(s->memory, type, key);
            if (rc == 0 && !(r && r->found))
                rc = registry_add(s->memory, type, key, row->id, ORIGIN_CREATED, (struct slice){0});
        }
    }
    rc = rc ? failed(rc, err) : registry_flush(s->memory, err);
    return rc ? rc : db_exec(s->memory_db, err, "COMMIT");
}
