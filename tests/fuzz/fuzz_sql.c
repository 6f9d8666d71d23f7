/* Any bytes as a statement: names lie inside the statement, and another database name changes
 * neither the kind of statement nor the number of its names. */
#include <stdlib.h>
#include <string.h>

#include "schema/sql.h"

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void pair(void *arg, struct slice a, struct slice b)
{
    (void)arg;
    check(a.p && b.p);
}

/* What single kinds of statement are asked, of any. */
static void ask(struct slice statement, uint64_t mode)
{
    struct sql_redefinition r;
    const uint8_t *end = statement.p + statement.len;
    if (sql_redefines(statement, mode, &r))
        check(r.head.p == statement.p && r.tail.p + r.tail.len == end && r.columns > 0 &&
              r.column.p >= statement.p && r.column.p + r.column.len <= end);
    sql_alter_uncertain(statement, mode);
    sql_has_expressions(statement);
    check(sql_references(statement, mode, pair, NULL) == 0);
    check(sql_renamed_columns(statement, mode, pair, NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    uint64_t mode = (data[0] & 1 ? 1 << 2 : 0) | (data[0] & 2 ? 1 << 20 : 0);
    struct slice statement = {data + 1, size - 1};
    struct arena arena = {0};
    BUF_AUTO struct buf renamed = {0}, replaced = {0};
    struct sql_statement st, again;
    check(sql_classify(statement, mode, &arena, &st) == 0);
    const uint8_t *from = statement.p, *end = statement.p + statement.len;
    for (size_t i = 0; i < st.name_count; i++) {
        struct slice text = st.names[i].text;
        check(text.p >= from && text.p + text.len <= end);
        from = text.p + text.len;
    }
    check(st.xid.len == 0 || (st.xid.p >= statement.p && st.xid.p + st.xid.len <= end));
    sql_concerns(&st, (struct slice){NULL, 0}, "shop");
    ask(statement, mode);

    check(sql_rename_database(statement, mode, "shop", "copy", &renamed) == 0);
    check(sql_classify((struct slice){renamed.data, renamed.len}, mode, &arena, &again) == 0);
    check(again.kind == st.kind && again.name_count == st.name_count);
    for (size_t i = 0; i < st.name_count; i++)
        check(again.names[i].name.len == st.names[i].name.len);

    check(sql_replace_names(statement, &st, st.names, &replaced) == 0);
    check(sql_classify((struct slice){replaced.data, replaced.len}, mode, &arena, &again) == 0);
    /* quoted, a DELETE may look like the one by which a server empties MEMORY tables */
    check(again.kind == st.kind || (st.kind == SQL_DML && again.kind == SQL_TRUNCATE));
    BUF_AUTO struct buf prefixed = {0};
    check(sql_classify(statement, mode, &arena, &st) == 0);
    check(sql_replace_prefix(statement, mode, &st, "t", "tt", &prefixed) == 0);
    arena_free(&arena);
    return 0;
}
