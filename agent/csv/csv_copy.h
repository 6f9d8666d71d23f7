/* Records of a CSV file as entities, in messages: for imports.
 *
 * What it hands out is as entity_copy.h says, but that records mostly do not have all that an
 * entity has: then the mark of whole entities is left out, and what the file does not name stays
 * as it is. The destination is asked for its attributes, codes and columns, and never written.
 *
 * A record with an error is logged with file, line and reason. With skip_invalid it is passed over
 * and counted; else it ends the run, and nothing of it is handed out.
 *
 * Blocks on the caller's thread. Memory: one record, what the file's other records refer to it by,
 * and labels; of categories all records, since a parent may come behind its children; of products
 * with several records, or with images or options at the destination that the file does not name,
 * those that it names.
 */
#ifndef AGENT_CSV_COPY_H
#define AGENT_CSV_COPY_H

#include "agent/entity_copy.h"

struct csv_options {
    const char *file;
    char delimiter;       /* 0: comma */
    const char *encoding; /* NULL: UTF-8 */
    bool skip_invalid;
    bool auto_link; /* simple products belong to the configurable one before them */
};

/* *invalid: records that were passed over. As of entity_copy; DS_EUSAGE: an entity that a file
 * cannot carry, or more than one; DS_EFORMAT: a record with an error. */
int csv_copy(const struct csv_options *csv, const struct entity_copy_options *o, uint64_t *invalid,
             struct position *end, struct ds_error *err);
/* Before anything is begun: can a file carry this entity? DS_EUSAGE. */
int csv_check_entity(const struct catalogue *catalogue, const char *entity, struct ds_error *err);

#endif
