/* One entity file, read: what catalogue.c and catalogue_read.c share.
 *
 * Everything is allocated in the arena given. Errors are DS_EUSAGE, "FILE:LINE: …".
 */
#ifndef SCHEMA_CATALOGUE_READ_H
#define SCHEMA_CATALOGUE_READ_H

#include "schema/arena.h"
#include "schema/catalogue.h"

/* The built-in files, made from schema/entities/ at build time. */
struct catalogue_file {
    const char *name, *text;
};
extern const struct catalogue_file catalogue_builtin[];
extern const size_t catalogue_builtin_count;

/* `file`: how errors call it. */
int catalogue_read(struct catalogue_entity *out, struct arena *arena, const char *file,
                   const char *text, size_t len, struct ds_error *err);

#endif
