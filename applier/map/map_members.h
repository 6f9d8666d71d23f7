/* Values of ENUM and SET columns by their names, as handlers see them and as they go to columns of
 * other types, or with other values. Messages hold numbers: of an ENUM which of its values, from 1,
 * 0 for none of them; of a SET a bit for each of its values. One thread.
 */
#ifndef APPLIER_MAP_MAP_MEMBERS_H
#define APPLIER_MAP_MAP_MEMBERS_H

#include "applier/map/map_handler.h"
#include "applier/target.h"
#include "schema/message.h"

struct map_members {
    struct slice *names; /* UTF-8 */
    uint32_t count;
    bool is_set;
};

bool map_members_has(uint8_t type); /* of a column: an ENUM or a SET */
/* *out NULL: it is neither, or its names are not known. In the arena, names too. DS_EUNSUPPORTED:
 * its character set is not known; DS_ENOMEM. */
int map_members_of_source(const struct msg_column *c, struct arena *arena, struct map_members **out,
                          struct ds_error *err);
int map_members_of_target(const struct target_column *c, struct arena *arena,
                          struct map_members **out);
/* A number becomes the name of what it stands for, in the arena; one without a name stays. */
int map_members_name(const struct map_members *m, struct arena *arena, struct map_value *v);
/* … and back. A number that is no name stands for itself, as at the server. False: it is none of
 * them. */
bool map_members_number(const struct map_members *m, struct slice name, uint64_t *out);

#endif
