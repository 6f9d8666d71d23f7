/* Which columns of tables that the filter leaves out, or of which it leaves rows out (roots of
 * entities with a condition), other tables refer to.
 *
 * Foreign keys act inside the storage engine (law 3). When a row goes whose table is left out, the
 * applier has to know, for what it took along may be in tables that travel: of such tables the keys
 * are decoded, and nothing else (law 13). The applier knows exactly what matters at its position;
 * here more may be known than does, never less: what the applier says, what the source's schema is
 * now, and what statements of the stream add.
 *
 * Used by the agent's thread, which owns it.
 */
#ifndef AGENT_PARENTS_H
#define AGENT_PARENTS_H

#include <mysql.h>
#include <stdbool.h>
#include <stdint.h>

#include "schema/buf.h"
#include "schema/error.h"
#include "schema/filter.h"
#include "schema/sql.h"

struct parent {
    char *table;
    char **columns;
    size_t column_count;
};
struct parents;

/* The filter must outlive it. DS_ENOMEM. */
int parents_new(struct parents **out, const struct filter *filter, struct ds_error *err);
void parents_free(struct parents *p);
/* NULL: nothing refers to it, or all its rows travel. Also for p NULL. */
const struct parent *parents_find(const struct parents *p, const char *table);
/* The i-th one, NULL behind the last. */
const struct parent *parents_at(const struct parents *p, size_t i);
/* Grows with each change. */
uint64_t parents_version(const struct parents *p);
/* Lines "table TAB column", as the applier posts them, or "table TAB column TAB child": it matters
 * when rows that travel depend on the child. DS_ENOMEM. */
int parents_parse(struct parents *p, const char *text, struct ds_error *err);
/* All that is known, as parents_parse reads it. DS_ENOMEM. */
int parents_print(const struct parents *p, struct buf *out);
/* From the source's schema. */
int parents_read(struct parents *p, MYSQL *source, const char *database, struct ds_error *err);
/* A statement of the stream about the mirrored database. DS_ENOMEM. */
int parents_ddl(struct parents *p, struct slice statement, uint64_t sql_mode,
                const struct sql_statement *st, struct ds_error *err);

#endif
