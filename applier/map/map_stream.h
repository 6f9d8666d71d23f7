/* A stream of messages as the destination's tables need it: the transform of map rules.
 *
 * Messages pass one by one, before anything else reads them. Tables take the destination's names
 * and columns, rows become the destination's; what the map ignores is not ours. All that comes
 * behind (copying, coalescing, planning, what is set aside) then knows the destination's tables
 * alone.
 *
 * Belongs to the applier's thread. What it makes lives in the arena that it is given.
 */
#ifndef APPLIER_MAP_MAP_STREAM_H
#define APPLIER_MAP_MAP_STREAM_H

#include "applier/map/map_row.h"

struct map_stream;

/* Which rows of watched documents (schema/map.h) were at the source only for a while: others
 * referred to them then. For these a row with their key stands at the destination as long. */
struct map_passing {
    void *arg;
    bool (*is)(void *arg, const char *document, uint64_t id);
};

struct map_stream_options {
    const struct map *map;
    const struct map_facts *facts;
    const char *prefix, *target_prefix; /* of tables at the source and the destination; "": none */
    const struct map_passing *passing;  /* NULL: none */
    bool ends_at_watched;               /* a change of a document that the map watches is DS_EMET */
    /* Rows go to an import, which knows tables by the source's prefix, and rows by entities and
     * their keys. What no rule is for passes as it came. */
    bool imports;
    bool skip_unmapped; /* what the destination has no table for is not ours; else an error */
    /* … but one that it had (column NULL), and columns, as map_row has it. */
    bool (*had)(void *arg, const char *table, const char *column);
    void *had_arg;
    /* A rule for a field that the source's table has not is told and passed over, as maps that are
     * shipped have some; it is an error still when the field goes while the stream is read. */
    bool leftovers;
    /* Of documents whose rows are left out where the destination has not their attribute
     * (map_is_claimed). */
    bool (*has_attribute)(void *arg, uint64_t id);
    void *attributes;
};

int map_stream_new(struct map_stream **out, const struct map_stream_options *o,
                   struct ds_error *err);
void map_stream_free(struct map_stream *s);
/* The destination's schema, a new one. A table of it that has been read again since is compiled
 * again when it is needed. */
void map_stream_attach(struct map_stream *s, const struct target *target);
/* What a table by its number in the stream has become, once after each time that it was compiled
 * again without being defined anew; else NULL. */
const struct msg_table *map_stream_redefined(struct map_stream *s, uint32_t id);
/* Rewrite a message. *ours: false, it is to be passed over: of a table that the map ignores; or
 * map_stream_next gives what it has become.
 * DS_EUSAGE: a table or a rule that cannot be followed; else errors as of map_row_image, with the
 * table. DS_EFORMAT: a row of a table that was not defined. */
int map_stream_message(struct map_stream *s, struct message *m, struct arena *arena, bool *ours,
                       struct ds_error *err);

/* Where rows of other documents come with the row: one more message that the last one has become.
 * False: no more. */
bool map_stream_next(struct map_stream *s, struct message *m, struct arena *arena, int *rc,
                     struct ds_error *err);

#endif
