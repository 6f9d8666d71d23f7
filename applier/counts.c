#include "applier/counts.h"

#include <mysqld_error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "applier/state.h"
#include "schema/arena.h"
#include "schema/buf.h"
#include "schema/db.h"
#include "schema/list.h"
#include "schema/table_sum.h"

struct name_list {
    struct arena arena;
    const char **names;
    size_t count, cap;
};

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory while tables are compared");
}

const char *counts_verdict_text(enum counts_verdict v)
{
    static const char *const texts[] = {
        [COUNTS_EQUAL] = "equal",
        [COUNTS_ROWS_DIFFER] = "row counts differ",
        [COUNTS_CONTENT_DIFFERS] = "content differs",
        [COUNTS_DEFINITION_DIFFERS] = "definitions differ",
        [COUNTS_MISSING] = "missing at the destination",
        [COUNTS_EXTRA] = "only at the destination",
    };
    return texts[v];
}

static int session_set(MYSQL *db, struct ds_error *err)
{
    int rc = db_exec(db, err, "SET SESSION sql_mode='', time_zone='+00:00'");
    return rc ? rc : db_exec(db, err, "SET NAMES binary");
}

/* --- names --------------------------------------------------------------- */

static void names_free(struct name_list *list)
{
    free(list->names);
    arena_free(&list->arena);
}

static int names_add(struct name_list *list, const char *name)
{
    if (LIST_ROOM(list->names, list->count, list->cap))
        return DS_ENOMEM;
    list->names[list->count] = arena_strdup(&list->arena, name);
    return list->names[list->count++] ? 0 : DS_ENOMEM;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool names_has(const struct name_list *list, const char *name)
{
    return list->count &&
           bsearch(&name, list->names, list->count, sizeof *list->names, compare_names);
}

static int names_read(struct name_list *list, MYSQL *db, const char *database, struct ds_error *err)
{
    BUF_AUTO struct buf quoted = {0};
    if (sql_string(&quoted, database, strlen(database)))
        return no_memory(err);
    MYSQL_RES *res = db_select(db, err,
                               "SELECT TABLE_NAME FROM information_schema.TABLES WHERE "
                               "TABLE_SCHEMA = %s AND TABLE_TYPE IN ('BASE TABLE', 'SEQUENCE', "
                               "'SYSTEM VERSIONED')",
                               buf_cstr(&quoted));
    if (!res)
        return err->code;
    int rc = 0;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(res));)
        if (!state_is_own_table(row[0], strlen(row[0])))
            rc = names_add(list, row[0]);
    mysql_free_result(res);
    if (list->count)
        qsort(list->names, list->count, sizeof *list->names, compare_names);
    return rc ? no_memory(err) : 0;
}

/* --- comparing ----------------------------------------------------------- */

static enum counts_verdict judge(const struct table_sum *a, const struct table_sum *b)
{
    if (a->rows != b->rows)
        return COUNTS_ROWS_DIFFER;
    return a->hash == b->hash && a->sum == b->sum ? COUNTS_EQUAL : COUNTS_CONTENT_DIFFERS;
}

static int compare_table(const struct counts_options *o, const char *table, bool there,
                         struct counts_result *r, struct ds_error *err)
{
    BUF_AUTO struct buf head = {0};
    bool sums = o->checksums && !(o->rows_only && o->rows_only(o->arg, table));
    const struct buf *use = sums ? &head : NULL;
    *r = (struct counts_result){.table = table, .verdict = COUNTS_MISSING};
    int rc = sums ? table_sum_statement(o->source, o->source_database, table, true, &head, err) : 0;
    if (rc == 0)
        rc = table_sum_read(o->source, use, o->source_database, table, &r->source, err);
    if (rc || !there)
        return rc;
    rc = table_sum_read(o->destination, use, o->destination_database, table, &r->destination, err);
    if (rc && err->server_errno == ER_BAD_FIELD_ERROR) {
        error_clear(err);
        r->verdict = COUNTS_DEFINITION_DIFFERS;
        return 0;
    }
    r->verdict = judge(&r->source, &r->destination);
    return rc;
}

static int compare_all(const struct counts_options *o, const struct name_list *here,
                       const struct name_list *there, uint64_t *different, struct ds_error *err)
{
    int rc = 0;
    for (size_t i = 0; i < here->count && rc == 0; i++) {
        struct counts_result r;
        const char *table = here->names[i];
        if (o->wanted && !o->wanted(o->arg, table))
            continue;
        rc = compare_table(o, table, names_has(there, table), &r, err);
        *different += rc == 0 && r.verdict != COUNTS_EQUAL;
        if (rc == 0)
            rc = o->result(o->arg, &r, err);
    }
    for (size_t i = 0; i < there->count && rc == 0; i++) {
        const struct counts_result r = {.table = there->names[i], .verdict = COUNTS_EXTRA};
        if (names_has(here, r.table) || (o->wanted && !o->wanted(o->arg, r.table)))
            continue;
        ++*different;
        rc = o->result(o->arg, &r, err);
    }
    return rc;
}

int counts_compare(const struct counts_options *o, uint64_t *different, struct ds_error *err)
{
    struct name_list here = {0}, there = {0};
    *different = 0;
    int rc = session_set(o->source, err);
    if (rc == 0)
        rc = session_set(o->destination, err);
    if (rc == 0)
        rc = names_read(&here, o->source, o->source_database, err);
    if (rc == 0)
        rc = names_read(&there, o->destination, o->destination_database, err);
    if (rc == 0)
        rc = compare_all(o, &here, &there, different, err);
    names_free(&here);
    names_free(&there);
    return rc;
}
