/* What the source has deleted while nobody followed it.
 *
 * Between two first copies of a stream (its checkpoint was lost, binlogs were purged, --resnapshot)
 * deletions are in no stream. A copy brings all that the source has of its kinds: what the registry
 * knows of them beyond that is gone there. The applier asks for it behind the last entity of the
 * copy, and before the position that follows it, and deletes as a stream would (copied.c).
 *
 * The applier's thread.
 */
#ifndef APPLIER_IMPORT_MISSED_H
#define APPLIER_IMPORT_MISSED_H

#include "applier/import/import.h"
#include "schema/buf.h"
#include "schema/registry_key.h"

enum { MISSED_AT_A_TIME = 500 };

/* Some of those of a kind, in the registry's order. Zero at first; then the next ones. */
struct missed {
    uint32_t count;
    char ids[MISSED_AT_A_TIME][REGISTRY_KEY_MAX + 1];
    bool more; /* the registry has not been read to its end */
    char behind[REGISTRY_KEY_MAX + 1];
};

/* A copy begins, and brings everything, or has come to its end: nothing has come. */
void import_copy_begins(struct import *im);
/* Transactions [first, first + count) come: which entities do they bring whole? Before they are
 * written, or left out; they may come more than once. DS_ENOMEM. */
int import_note_come(struct import *im, const struct batch *batch, uint32_t first, uint32_t count);
/* Has all come that the source has of the kind, whose root's table this is? Never so if nothing has
 * come at all. */
bool import_has_come_whole(const struct import *im, const struct source_table *root,
                           const struct catalogue_entity *e);
int import_missed(struct import *im, const struct source_table *root, struct missed *m,
                  struct ds_error *err);
/* The change by which the source would have deleted it. In `arena`. DS_ENOMEM. */
int import_missed_change(const struct source_table *root, const char *id, struct arena *arena,
                         struct change *out);

#endif
