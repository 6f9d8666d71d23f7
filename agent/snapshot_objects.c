#include "agent/snapshot_objects.h"

#include <mysqld_error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "schema/list.h"
#include "schema/log.h"

/* How SHOW CREATE … answers for each kind: ordinals of its columns, 0 for what it does not tell. */
static const struct kind_form {
    const char *name, *show;
    unsigned text, sql_mode, client, connection, database, time_zone;
} forms[] = {
    [OBJECT_DATABASE] = {"database", "DATABASE", .text = 1},
    [OBJECT_SEQUENCE] = {"sequence", "SEQUENCE", .text = 1},
    [OBJECT_TABLE] = {"table", "TABLE", .text = 1},
    [OBJECT_FUNCTION] = {"function", "FUNCTION", 2, 1, 3, 4, 5, 0},
    [OBJECT_PROCEDURE] = {"procedure", "PROCEDURE", 2, 1, 3, 4, 5, 0},
    [OBJECT_PACKAGE] = {"package", "PACKAGE", 2, 1, 3, 4, 5, 0},
    [OBJECT_PACKAGE_BODY] = {"package body", "PACKAGE BODY", 2, 1, 3, 4, 5, 0},
    [OBJECT_VIEW] = {"view", "VIEW", .text = 1, .client = 2, .connection = 3},
    [OBJECT_TRIGGER] = {"trigger", "TRIGGER", 2, 1, 3, 4, 5, 0},
    [OBJECT_EVENT] = {"event", "EVENT", 3, 1, 4, 5, 6, 2},
};

const char *object_kind_name(enum object_kind kind)
{
    return forms[kind].name;
}

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory while the source's definitions are read");
}

void objects_free(struct object_list *list)
{
    free(list->items);
    arena_free(&list->arena);
    memset(list, 0, sizeof *list);
}

static struct object *objects_add(struct object_list *list, enum object_kind kind, const char *name)
{
    if (LIST_ROOM(list->items, list->count, list->cap))
        return NULL;
    struct object *o = &list->items[list->count];
    *o = (struct object){.kind = kind, .name = arena_strdup(&list->arena, name)};
    if (!o->name)
        return NULL;
    list->count++;
    return o;
}

/* --- SHOW CREATE --------------------------------------------------------- */

/* Gone, or not to be opened at this moment: another look at the whole will tell. */
static bool is_gone(unsigned server_errno)
{
    return server_errno == ER_NO_SUCH_TABLE || server_errno == ER_SP_DOES_NOT_EXIST ||
           server_errno == ER_TRG_DOES_NOT_EXIST || server_errno == ER_EVENT_DOES_NOT_EXIST ||
           server_errno == ER_BAD_TABLE_ERROR || server_errno == 4091 /* unknown sequence */;
}

static MYSQL_RES *show_create(struct snapshot_source *s, enum object_kind kind, const char *name,
                              struct ds_error *err)
{
    BUF_AUTO struct buf quoted = {0};
    int rc = kind == OBJECT_DATABASE ? sql_identifier(&quoted, name)
                                     : sql_table(&quoted, s->database, name);
    if (rc) {
        no_memory(err);
        return NULL;
    }
    MYSQL_RES *res =
        db_select(s->db, err, "SHOW CREATE %s %s", forms[kind].show, buf_cstr(&quoted));
    if (!res) {
        if (is_gone(err->server_errno))
            error_set_server(err, DS_ERETRY, err->server_errno,
                             "%s %s was dropped while the snapshot was taken", forms[kind].name,
                             name);
        error_at_table(err, s->database, name);
    }
    return res;
}

static const char *cell(MYSQL_RES *res, MYSQL_ROW row, unsigned column)
{
    return column && column < mysql_num_fields(res) && row[column] ? row[column] : NULL;
}

static int session_line(struct buf *out, const char *key, const char *value)
{
    return value ? buf_printf(out, "%s=%s\n", key, value) : 0;
}

/* What the statement is to be run under. Tables print the same whatever the session was. */
static int session_text(struct buf *out, const struct kind_form *form, MYSQL_RES *res,
                        MYSQL_ROW row)
{
    const char *client = cell(res, row, form->client);
    int rc = session_line(out, "sql_mode", cell(res, row, form->sql_mode));
    rc |= session_line(out, "client", client ? client : "utf8mb4");
    rc |= session_line(out, "connection", cell(res, row, form->connection));
    rc |= session_line(out, "database", cell(res, row, form->database));
    return rc | session_line(out, "time_zone", cell(res, row, form->time_zone));
}

static int read_definition(struct object_list *list, size_t index, const char *extra,
                           struct snapshot_source *s, struct ds_error *err)
{
    struct object *o = &list->items[index];
    const struct kind_form *form = &forms[o->kind];
    MYSQL_RES *res = show_create(s, o->kind, o->name, err);
    if (!res)
        return err->code;
    BUF_AUTO struct buf session = {0};
    MYSQL_ROW row = mysql_fetch_row(res);
    int rc = 0;
    if (!row || !cell(res, row, form->text)) {
        rc = error_set(err, DS_EACCESS,
                       "the source does not show the definition of %s %s: GRANT SELECT ON "
                       "mysql.proc (MariaDB) or SHOW_ROUTINE (MySQL) to the source user",
                       form->name, o->name);
    } else {
        size_t len = mysql_fetch_lengths(res)[form->text];
        o->text = (struct slice){arena_copy(&list->arena, row[form->text], len), len};
        rc = session_text(&session, form, res, row);
        rc |= extra ? buf_puts(&session, extra) : 0;
        o->session = arena_strdup(&list->arena, buf_cstr(&session));
        rc = rc || !o->text.p || !o->session ? no_memory(err) : 0;
    }
    mysql_free_result(res);
    return rc;
}

int object_table_text(struct snapshot_source *s, enum object_kind kind, const char *name,
                      struct buf *out, struct ds_error *err)
{
    buf_clear(out);
    MYSQL_RES *res = show_create(s, kind, name, err);
    if (!res)
        return err->code;
    MYSQL_ROW row = mysql_fetch_row(res);
    const char *text = row ? cell(res, row, forms[kind].text) : NULL;
    int rc = text ? buf_append(out, text, mysql_fetch_lengths(res)[forms[kind].text])
                  : error_set(err, DS_ESERVER, "the source sent no definition of %s", name);
    mysql_free_result(res);
    return rc == DS_ENOMEM ? no_memory(err) : rc;
}

/* --- comparing ----------------------------------------------------------- */

bool object_text_equal(struct slice a, struct slice b)
{
    static const char counter[] = "AUTO_INCREMENT=";
    size_t i = 0, j = 0;
    while (i < a.len && j < b.len) {
        if (a.p[i] == 'A' && a.len - i >= sizeof counter - 1 && b.len - j >= sizeof counter - 1 &&
            memcmp(a.p + i, counter, sizeof counter - 1) == 0 &&
            memcmp(b.p + j, counter, sizeof counter - 1) == 0) {
            for (i += sizeof counter - 1; i < a.len && a.p[i] >= '0' && a.p[i] <= '9';)
                i++;
            for (j += sizeof counter - 1; j < b.len && b.p[j] >= '0' && b.p[j] <= '9';)
                j++;
            continue;
        }
        if (a.p[i] != b.p[j])
            break;
        i++;
        j++;
    }
    return i == a.len && j == b.len;
}

/* A table gets its first AUTO_INCREMENT=… with its first row: cut out what one side lacks. */
bool object_counter_appeared(struct slice a, struct slice b)
{
    static const char counter[] = " AUTO_INCREMENT=";
    const struct slice longer = a.len > b.len ? a : b, shorter = a.len > b.len ? b : a;
    const uint8_t *at = memmem(longer.p, longer.len, counter, sizeof counter - 1);
    if (!at || memmem(shorter.p, shorter.len, counter, sizeof counter - 1))
        return false;
    const uint8_t *rest = at + sizeof counter - 1, *end = longer.p + longer.len;
    while (rest < end && *rest >= '0' && *rest <= '9')
        rest++;
    size_t head = (size_t)(at - longer.p), tail = (size_t)(end - rest);
    return head + tail == shorter.len && memcmp(shorter.p, longer.p, head) == 0 &&
           memcmp(shorter.p + head, rest, tail) == 0;
}

static bool same_definition(const struct object *x, const struct object *y)
{
    return x->kind == y->kind && x->rows == y->rows && x->engine_id == y->engine_id &&
           strcmp(x->name, y->name) == 0 && strcmp(x->session, y->session) == 0 &&
           (object_text_equal(x->text, y->text) || object_counter_appeared(x->text, y->text));
}

const char *objects_difference(const struct object_list *a, const struct object_list *b)
{
    size_t n = a->count < b->count ? a->count : b->count;
    for (size_t i = 0; i < n; i++)
        if (!same_definition(&a->items[i], &b->items[i]))
            return b->items[i].name;
    if (a->count != b->count)
        return a->count > b->count ? a->items[n].name : b->items[n].name;
    return NULL;
}

/* --- InnoDB's ids -------------------------------------------------------- */

int object_engine_id(struct snapshot_source *s, const char *name, uint64_t *id, bool *known,
                     struct ds_error *err)
{
    BUF_AUTO struct buf path = {0};
    if (sql_innodb_name(&path, &s->server, s->database, name))
        return no_memory(err);
    /* the sum over all partitions: any exchange of one changes it */
    int rc = db_scalar_u64(
        s->db, id, known, err,
        "SELECT CAST(SUM(t.TABLE_ID) AS UNSIGNED) FROM (SELECT %s AS n) x JOIN "
        "information_schema.%s t ON CAST(t.NAME AS BINARY) = x.n OR LEFT(CAST(t.NAME AS BINARY), "
        "LENGTH(x.n) + 3) IN (CONCAT(x.n, '#P#'), CONCAT(x.n, '#p#'))",
        buf_cstr(&path), sql_innodb_view(&s->server));
    if (rc == DS_ESERVER || rc == DS_EACCESS) { /* without PROCESS */
        *known = false;
        *id = 0;
        error_clear(err);
        return 0;
    }
    return rc;
}

static int read_engine_ids(struct object_list *list, struct snapshot_source *s,
                           struct ds_error *err)
{
    list->engine_ids = true;
    for (size_t i = 0; i < list->count && list->engine_ids; i++) {
        struct object *o = &list->items[i];
        if (o->kind != OBJECT_TABLE || o->rows != ROWS_SNAPSHOT)
            continue;
        int rc = object_engine_id(s, o->name, &o->engine_id, &list->engine_ids, err);
        if (rc)
            return rc;
    }
    for (size_t i = 0; i < list->count && !list->engine_ids; i++)
        list->items[i].engine_id = 0;
    return 0;
}

/* --- listing ------------------------------------------------------------- */

static enum object_rows rows_of_engine(const char *engine)
{
    static const char *const none[] = {"MRG_MyISAM", "MRG_MYISAM", "FEDERATED",
                                       "CONNECT",    "SPIDER",     "BLACKHOLE"};
    if (strcasecmp(engine, "InnoDB") == 0)
        return ROWS_SNAPSHOT;
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (strcasecmp(engine, none[i]) == 0)
            return ROWS_NONE;
    return ROWS_LOCKED;
}

static bool is_state_table(const char *name, const char *comment)
{
    return strncmp(name, "datasync_", 9) == 0 && comment &&
           strncmp(comment, "datasync format ", 16) == 0;
}

/* One row of information_schema.TABLES: name, type, engine, rows, comment. */
static int add_table(struct object_list *list, const struct snapshot_options *o, MYSQL_ROW row,
                     struct ds_error *err)
{
    const char *name = row[0], *type = row[1], *engine = row[2];
    if (strcmp(type, "VIEW") == 0)
        return objects_add(list, OBJECT_VIEW, name) ? 0 : no_memory(err);
    bool versioned = strcmp(type, "SYSTEM VERSIONED") == 0;
    bool wanted = !o->wanted || o->wanted(o->arg, name);
    if (versioned && wanted)
        return error_set(err, DS_EUNSUPPORTED,
                         "table %s is system-versioned, its history cannot be copied: leave it out "
                         "with tables.exclude, or ALTER TABLE … DROP SYSTEM VERSIONING",
                         name);
    bool sequence = strcmp(type, "SEQUENCE") == 0;
    if ((!sequence && !versioned && strcmp(type, "BASE TABLE") != 0) ||
        is_state_table(name, row[4]))
        return 0;
    if (!engine)
        return error_set(err, DS_EUNSUPPORTED,
                         "table %s cannot be opened at the source (%s): repair or drop it", name,
                         row[4] ? row[4] : "no engine");
    struct object *table = objects_add(list, sequence ? OBJECT_SEQUENCE : OBJECT_TABLE, name);
    if (!table)
        return no_memory(err);
    table->rows = wanted ? rows_of_engine(engine) : ROWS_NONE;
    table->rows_estimate = row[3] ? strtoull(row[3], NULL, 10) : 0;
    return 0;
}

static int list_tables(struct object_list *list, struct snapshot_source *s,
                       const struct snapshot_options *o, const char *database, const char *types,
                       struct ds_error *err)
{
    MYSQL_RES *res = db_select(s->db, err,
                               "SELECT TABLE_NAME, TABLE_TYPE, ENGINE, TABLE_ROWS, TABLE_COMMENT "
                               "FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s AND "
                               "TABLE_TYPE %s ORDER BY TABLE_NAME",
                               database, types);
    if (!res)
        return err->code;
    int rc = 0;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(res));) {
        rc = add_table(list, o, row, err);
        if (rc)
            error_at_table(err, s->database, row[0]);
    }
    mysql_free_result(res);
    return rc;
}

static int kind_of_routine(const char *type)
{
    for (enum object_kind k = OBJECT_FUNCTION; k <= OBJECT_PACKAGE_BODY; k++)
        if (strcasecmp(forms[k].show, type) == 0)
            return (int)k;
    return -1;
}

static int list_routines(struct object_list *list, struct snapshot_source *s, const char *database,
                         struct ds_error *err)
{
    MYSQL_RES *res = db_select(s->db, err,
                               "SELECT ROUTINE_NAME, ROUTINE_TYPE FROM "
                               "information_schema.ROUTINES WHERE ROUTINE_SCHEMA = %s ORDER BY "
                               "FIELD(ROUTINE_TYPE, 'FUNCTION', 'PROCEDURE', 'PACKAGE', 'PACKAGE "
                               "BODY'), ROUTINE_NAME",
                               database);
    if (!res)
        return err->code;
    int rc = 0;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(res));) {
        int kind = kind_of_routine(row[1]);
        if (kind < 0)
            log_warn("routine of unknown kind is not copied name=%s kind=%s", row[0], row[1]);
        else if (!objects_add(list, (enum object_kind)kind, row[0]))
            rc = no_memory(err);
    }
    mysql_free_result(res);
    return rc;
}

static int list_names(struct object_list *list, struct snapshot_source *s, enum object_kind kind,
                      const char *sql, const char *database, struct ds_error *err)
{
    BUF_AUTO struct buf statement = {0};
    if (buf_puts(&statement, sql) || buf_puts(&statement, " = ") ||
        buf_puts(&statement, database) ||
        buf_puts(&statement, kind == OBJECT_TRIGGER
                                 ? " ORDER BY EVENT_OBJECT_TABLE, ACTION_ORDER, TRIGGER_NAME"
                                 : " ORDER BY 1"))
        return no_memory(err);
    MYSQL_RES *res = db_select(s->db, err, "%s", buf_cstr(&statement));
    if (!res)
        return err->code;
    int rc = 0;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(res));) {
        struct object *o = objects_add(list, kind, row[0]);
        if (!o)
            rc = no_memory(err);
        else if (row[1]) /* a trigger's table, or the database's collation: into the session */
            rc = (o->session = arena_strdup(&list->arena, row[1])) ? 0 : no_memory(err);
    }
    mysql_free_result(res);
    return rc;
}

static int list_all(struct object_list *list, struct snapshot_source *s,
                    const struct snapshot_options *o, struct ds_error *err)
{
    BUF_AUTO struct buf database = {0};
    if (sql_string(&database, s->database, strlen(s->database)))
        return no_memory(err);
    const char *name = buf_cstr(&database);
    int rc = list_names(list, s, OBJECT_DATABASE,
                        "SELECT SCHEMA_NAME, DEFAULT_COLLATION_NAME FROM "
                        "information_schema.SCHEMATA WHERE SCHEMA_NAME",
                        name, err);
    if (rc == 0 && list->count != 1)
        rc = error_set(err, DS_EUSAGE,
                       "the source has no database '%s' (or does not show it to the user): "
                       "correct source.database",
                       s->database);
    if (rc == 0)
        rc = list_tables(list, s, o, name, "= 'SEQUENCE'", err);
    if (rc == 0)
        rc = list_tables(list, s, o, name, "NOT IN ('SEQUENCE', 'VIEW')", err);
    if (rc == 0)
        rc = list_routines(list, s, name, err);
    if (rc == 0)
        rc = list_tables(list, s, o, name, "= 'VIEW'", err);
    if (rc == 0)
        rc = list_names(list, s, OBJECT_TRIGGER,
                        "SELECT TRIGGER_NAME, EVENT_OBJECT_TABLE FROM information_schema.TRIGGERS "
                        "WHERE TRIGGER_SCHEMA",
                        name, err);
    if (rc == 0)
        rc = list_names(list, s, OBJECT_EVENT,
                        "SELECT EVENT_NAME, NULL FROM information_schema.EVENTS WHERE EVENT_SCHEMA",
                        name, err);
    return rc;
}

/* --- order of views ------------------------------------------------------ */

/* Does the view's text mention the other one? The server prints every name quoted. */
static bool mentions(const struct object *view, const struct object *other)
{
    BUF_AUTO struct buf quoted = {0};
    if (sql_identifier(&quoted, other->name)) /* no memory: order is only a help, see load */
        return false;
    return memmem(view->text.p, view->text.len, quoted.data, quoted.len) != NULL;
}

/* Bring items[from, to) into an order in which each comes after those that it mentions. */
static void order_views(struct object *items, size_t from, size_t to)
{
    while (from < to) {
        size_t pick = from; /* a false cycle (an alias named like a view): as they come */
        for (size_t i = from; i < to; i++) {
            bool waits = false;
            for (size_t j = from; j < to && !waits; j++)
                waits = j != i && mentions(&items[i], &items[j]);
            if (!waits) {
                pick = i;
                break;
            }
        }
        struct object first = items[pick];
        memmove(&items[from + 1], &items[from], (pick - from) * sizeof *items);
        items[from++] = first;
    }
}

int objects_read(struct object_list *list, struct snapshot_source *s,
                 const struct snapshot_options *o, struct ds_error *err)
{
    int rc = list_all(list, s, o, err);
    for (size_t i = 0; i < list->count && rc == 0; i++) {
        BUF_AUTO struct buf extra = {0};
        const struct object *x = &list->items[i];
        if (x->session && buf_printf(&extra, "%s=%s\n",
                                     x->kind == OBJECT_DATABASE ? "database" : "table", x->session))
            return no_memory(err);
        rc = read_definition(list, i, buf_cstr(&extra), s, err);
    }
    if (rc)
        return rc;
    size_t from = 0, to;
    while (from < list->count && list->items[from].kind != OBJECT_VIEW)
        from++;
    for (to = from; to < list->count && list->items[to].kind == OBJECT_VIEW;)
        to++;
    order_views(list->items, from, to);
    return read_engine_ids(list, s, err);
}
