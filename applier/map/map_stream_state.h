/* What map_stream*.c share.
 *
 * map_stream.c          tables, and messages of which each becomes one
 * map_stream_watched.c  rows of watched documents
 * map_stream_import.c   rows of an import
 * map_stream_several.c  rows of steps, and values that are columns: their messages become several
 */
#ifndef APPLIER_MAP_MAP_STREAM_STATE_H
#define APPLIER_MAP_MAP_STREAM_STATE_H

#include "applier/map/map_flat.h"
#include "applier/map/map_split.h"
#include "applier/map/map_stream.h"
#include "schema/buf.h"

enum { OWN_IDS = 1U << 30 }; /* of tables in the stream; the source's count from 1 */
enum { ROW_FLAGS = CHANGE_NO_FK_CHECKS | CHANGE_NO_UNIQUE_CHECKS | CHANGE_NO_CHECK_CONSTRAINTS };

struct mapped { /* a table by its id in the stream */
    uint32_t id;
    bool ignored;
    bool plain;                      /* of an import: it passes as it came */
    const struct map_watched *whole; /* it is compared as a whole; NULL: it is not */
    bool follows;                    /* its changes come, and not its copy alone */
    struct msg_table source;         /* in `arena`: it may be compiled again */
    struct slice raw;                /* … as it came */
    struct map_row *row;             /* NULL: ignored, or not compiled yet */
    struct map_split *split;         /* rows of other documents with its own; NULL: none */
    struct map_flat *flat;           /* of values that are columns; NULL: there are none */
    uint64_t copied;                 /* rows of it, in a copy */
    struct target_table *target;     /* NULL: it leads nowhere, only the step's rows do */
    uint64_t version;                /* of the target that it is compiled for */
    bool watched;                    /* handlers look up its rows */
    bool claimed;                    /* rows count whose attribute the destination has */
    bool told;                       /* what it has become is known */
    struct arena arena;
};

struct map_stream {
    struct map_stream_options options;
    const struct target *target;
    struct mapped **tables;
    struct mapped *last; /* rows of a table come one after the other */
    uint32_t count, capacity;
    struct buf made;           /* the message in hand */
    const uint8_t *next, *end; /* what is left of several */
    uint32_t own_ids;
};

int map_stream_no_memory(struct ds_error *err);
/* Rows of a piece of a copy, one by one. DS_EFORMAT: they are malformed. */
struct piece {
    const uint8_t *next, *end;
    uint32_t count;
};
int piece_open(struct piece *p, const struct msg_snapshot *m, struct ds_error *err);
int piece_row(struct piece *p, struct slice *row, struct ds_error *err);
/* Append the change under the destination's names. */
int map_stream_own_change(struct mapped *t, const struct msg_change *c, struct buf *out,
                          struct ds_error *err);
/* The raw value of the source's column; NULL: there is none, or the image has other columns. */
const uint8_t *map_stream_value(const struct mapped *t, struct slice image, const char *column);
/* Handlers may look the row up. */
int map_stream_saw(struct map_stream *s, struct mapped *t, struct slice image, struct slice before,
                   struct ds_error *err);

/* map_stream_import.c. Is there a rule for the document, or for that of the destination? */
bool import_has_rules(const struct map *map, const char *document, const char *there);
/* Append the change under the destination's names, with the entity's key. */
int import_change(struct mapped *t, const struct msg_change *c, struct buf *out,
                  struct ds_error *err);

/* What a change, a piece of a copy, or the definition of a table with a split or a flat becomes:
 * comes one by one from map_stream_next. */
int several_change(struct map_stream *s, struct mapped *t, const struct msg_change *c,
                   struct arena *arena, struct ds_error *err);
int several_snapshot(struct map_stream *s, struct mapped *t, const struct msg_snapshot *m,
                     struct arena *arena, struct ds_error *err);
/* map_stream_watched.c: of a row of a watched document. DS_EMET: the stream is to end before it. */
int watched_change(struct map_stream *s, struct mapped *t, const struct msg_change *c,
                   struct arena *arena, struct ds_error *err);
int map_stream_queue(struct map_stream *s, struct arena *arena, struct ds_error *err);
int several_define(struct map_stream *s, struct mapped *t, struct arena *arena,
                   struct ds_error *err);

#endif
