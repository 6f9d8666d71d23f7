/* An audit trail: one row for each row that datasync changes, written in the same transaction.
 *
 * Create its table at the destination (it must not exist at the source):
 *
 *   CREATE TABLE change_audit (id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, entity VARCHAR(64)
 * NOT NULL, entity_key VARCHAR(255) NOT NULL, table_name VARCHAR(64) NOT NULL, operation VARCHAR(6)
 * NOT NULL, position VARCHAR(700) NOT NULL, committed_at BIGINT UNSIGNED NOT NULL) ENGINE = InnoDB;
 *
 * and in datasync.yaml:
 *
 *   handlers: ["audit.so table=change_audit"]
 *
 * It shows what a handler needs: options, a state, values, a statement, and errors.
 */
#include <datasync/ds_handler.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct audit {
    const struct ds_api *api;
    char sql[400];
};

static int audit_open(const struct ds_api *api, const char *options, void **state, char *why,
                      size_t why_size)
{
    static const char name[] = "table=";
    const char *table =
        strncmp(options, name, strlen(name)) == 0 ? options + strlen(name) : "change_audit";
    if (strspn(table, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.") !=
            strlen(table) ||
        !*table) {
        snprintf(why, why_size, "option table: '%s' is no name of a table", table);
        return DS_HANDLER_ERROR;
    }
    struct audit *a = calloc(1, sizeof *a);
    if (!a) {
        snprintf(why, why_size, "out of memory");
        return DS_HANDLER_ERROR;
    }
    a->api = api;
    snprintf(
        a->sql, sizeof a->sql,
        "INSERT INTO %.200s (entity, entity_key, table_name, operation, position, committed_at) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        table);
    *state = a;
    return DS_HANDLER_OK;
}

static void audit_close(void *state)
{
    free(state);
}

static struct ds_value text(const char *s)
{
    return (struct ds_value){.kind = DS_TEXT, .text = s, .length = strlen(s)};
}

/* The key as text: a number, or what the shop's own keys are. "" where it is not known. */
static struct ds_value key_text(const struct ds_api *api, const struct ds_change *change,
                                char *room, size_t size)
{
    struct ds_value key;
    if (!api->change_key(change, &key))
        return text("");
    if (key.kind == DS_TEXT)
        return key;
    if (key.kind == DS_UINT)
        snprintf(room, size, "%" PRIu64, key.u);
    else
        snprintf(room, size, "%" PRId64, key.i);
    return text(room);
}

static int audit_after_apply(void *state, struct ds_call *call, const struct ds_change *change)
{
    static const char *const operations[] = {
        [DS_INSERT] = "insert", [DS_UPDATE] = "update", [DS_DELETE] = "delete"};
    const struct audit *a = state;
    char room[32];
    struct ds_value params[6] = {text(a->api->change_entity(change)),
                                 key_text(a->api, change, room, sizeof room),
                                 {.kind = DS_NULL},
                                 {.kind = DS_NULL},
                                 text(a->api->position(call)),
                                 {.kind = DS_UINT, .u = a->api->commit_time(call)}};
    for (size_t i = 0; i < a->api->change_rows(change); i++) {
        const struct ds_row *row = a->api->change_row(change, i);
        params[2] = text(a->api->row_table(row));
        params[3] = text(operations[a->api->row_operation(row)]);
        if (a->api->exec(call, a->sql, params, 6, NULL))
            return a->api->reason(call, "the audit trail cannot be written: %s", a->api->why(call));
    }
    return DS_HANDLER_OK;
}

static const char *const entities[] = {"*", NULL};

static const struct ds_handler handler = {
    .size = sizeof handler,
    .abi = DS_HANDLER_ABI_VERSION,
    .name = "audit",
    .entities = entities,
    .open = audit_open,
    .close = audit_close,
    .after_apply = audit_after_apply,
};

__attribute__((visibility("default"))) const struct ds_handler *ds_handler_v1(void)
{
    return &handler;
}
