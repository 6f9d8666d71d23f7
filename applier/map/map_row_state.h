/* What map_row.c (compiled) and map_row_image.c (image by image) share. Nobody else includes it. */
#ifndef APPLIER_MAP_MAP_ROW_STATE_H
#define APPLIER_MAP_MAP_ROW_STATE_H

#include "applier/map/map_charset.h"
#include "applier/map/map_members.h"
#include "applier/map/map_row.h"

enum { NOWHERE = UINT32_MAX };

struct step { /* a handler, and the field that it is for */
    struct map_handler *handler;
    uint32_t field;
    const char *writes; /* another document; NULL: none, or one that a step before writes, too */
};

struct steps {
    struct step *items;
    uint32_t count, capacity;
};

/* A column of the destination. */
struct place {
    uint32_t from; /* column of the source; NOWHERE: its default, or a handler's */
    bool passes;   /* values need no other form */
    bool empties;  /* of a new row it is empty: a value of an attribute may come behind it */
};

struct map_row {
    const struct map_facts *facts;
    int (*emit)(void *arg, const struct map_output *output, struct ds_error *err);
    void *emit_arg;
    const struct target_table *target;
    uint32_t source_count;
    uint32_t *keys, key_count;       /* columns of the source's key */
    struct map_table from, to;       /* as handlers see them */
    struct map_charset **sets[2];    /* by enum map_side, by column; NULL: UTF-8, or no text */
    struct map_members **members[2]; /* of columns that are an ENUM or a SET, the same way */
    struct place *places;            /* by column of the destination */
    struct steps steps[2];           /* by enum map_side */
    struct msg_table table;          /* as the destination has it */
    bool same;
    map_row_note *note; /* NULL: what does not fit is an error */
    void *note_arg;
    /* of the image in hand */
    const uint8_t **values, **earlier;
    const uint8_t **there; /* of the destination's row; NULL: it has none */
    bool is_new, in_part;
    struct map_value *from_values, *to_values;
    struct arena kept, arena;
};

#endif
