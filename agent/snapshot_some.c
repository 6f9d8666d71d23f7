/* A copy of some tables as of a position that the destination has been brought to. */
#include <stdlib.h>

#include "agent/snapshot_internal.h"

int snapshot_some_open(struct snapshot **out, const struct snapshot_options *o, struct position *at,
                       struct ds_error *err)
{
    struct snapshot *s = *out = calloc(1, sizeof *s);
    if (!s)
        return error_set(err, DS_ENOMEM, "out of memory for a copy of tables");
    *s = (struct snapshot){.o = o, .next_id = o->first_table_id};
    int rc = snapshot_open(s, err);
    if (rc == 0 && position_copy(at, &s->at))
        rc = error_set(err, DS_ENOMEM, "out of memory for a position");
    return rc;
}

int snapshot_some_copy(struct snapshot *s, struct ds_error *err)
{
    s->begun = true;
    int rc = snapshot_put_position(s, snapshot_put, SNAPSHOT_BEGIN, 0, &s->at, err);
    for (size_t i = 0; i < s->objects.count && rc == 0; i++)
        if (snapshot_has_rows(&s->objects.items[i]))
            rc = snapshot_copy_table(s, &s->objects.items[i], err);
    return rc ? rc : snapshot_put_position(s, snapshot_put, SNAPSHOT_END, 0, &s->at, err);
}

void snapshot_some_free(struct snapshot *s)
{
    if (!s)
        return;
    snapshot_clean(s);
    buf_free(&s->message);
    free(s);
}
