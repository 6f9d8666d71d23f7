/* Collations that MySQL has and MariaDB has not, or the other way round.
 *
 * MySQL from 8.0 on makes everything utf8mb4_0900_ai_ci unless told otherwise, MariaDB from 11.5 on
 * utf8mb4_uca1400_ai_ci; no server knows the other's (newer MariaDB takes the first for what this
 * gives). Both compare by the same algorithm, with weights of Unicode 9 and of Unicode 14: so a
 * definition gets the other server's nearest one. What has none is left as it is, and the server
 * says that it does not know it.
 *
 * Pure: text in, text out.
 */
#ifndef SCHEMA_SQL_COLLATION_H
#define SCHEMA_SQL_COLLATION_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"

/* The server that is to know the names. */
struct collation_target {
    bool mariadb;
    unsigned version; /* as struct db_server has it */
};
enum { COLLATION_NAME_SIZE = 96 };

/* The name that `to` has for collation `name`: `out` holds it, or `name` itself. */
void collation_translate(struct collation_target to, struct slice name,
                         char out[COLLATION_NAME_SIZE]);
/* The name of the collation that utf8mb4 without COLLATE means, by its id in the session of a
 * statement (0: not told), where it is another one at `to`, which has its own for it; else NULL. */
const char *collation_of_utf8mb4(struct collation_target to, unsigned id);
/* The statement with every name behind COLLATE translated. `utf8mb4`: a name that is put behind
 * each CHARACTER SET utf8mb4 without COLLATE, casts excepted; NULL: none. 0 or DS_ENOMEM. */
int sql_translate_collations(struct slice statement, uint64_t sql_mode, struct collation_target to,
                             const char *utf8mb4, struct buf *out);

/* A table's definition as MySQL shows it, without the character set in front of a column's COLLATE,
 * which names it, too: MySQL shows both for a column that was given either and one alone for a
 * column that has the table's, so a copy made from its definition shows another text. 0 or
 * DS_ENOMEM. */
int sql_drop_implied_charsets(struct slice definition, struct buf *out);

#endif
