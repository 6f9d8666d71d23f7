/* Are source.crypt_key and destination.crypt_key the shops' keys?
 *
 * Asked before an import writes anything, and by `check`, of the values that a shop has encrypted
 * itself: the newest of each column that the catalogue names (`encrypted`). Where there is none of
 * a key's form, nothing can be told. Any thread.
 */
#ifndef APPLIER_IMPORT_KEYS_H
#define APPLIER_IMPORT_KEYS_H

#include <mysql.h>
#include <stdbool.h>

#include "schema/catalogue.h"
#include "schema/config.h"
#include "schema/error.h"

/* `db`: a connection to that side. 0 also without a key. DS_EUSAGE: it is not the shop's key, none
 * of its values can be read with it. At the destination those under the source's key do not count:
 * an earlier import may have left them. Other errors: it cannot be asked. */
int keys_check(MYSQL *db, const struct config *config, const struct catalogue *catalogue,
               bool source, struct ds_error *err);

#endif
