/* Which entities of the source has the destination already? For a copy, which need not bring along
 * what the import knows by its id.
 *
 * Asks the registry and the entity's table, of what is committed, by a connection of its own that
 * it opens when first asked. What cannot be asked is not known. One thread, the agent's.
 */
#ifndef APPLIER_IMPORT_KNOWN_H
#define APPLIER_IMPORT_KNOWN_H

#include "agent/entity_copy.h"
#include "schema/config.h"

struct import_known;
/* `config` is kept as a pointer. NULL: out of memory. */
struct import_known *import_known_new(const struct config *config);
void import_known_free(struct import_known *k); /* NULL allowed */
/* entity_known.ask, for which this is the argument */
void import_known_ask(void *arg, const struct catalogue_entity *e, const struct slice *ids,
                      bool *is, size_t count);

#endif
