/* Which records of a file are one entity: its id and what people know it by go together. */
#include <inttypes.h>
#include <string.h>
#include <xxhash.h>

#include "agent/csv/kinds.h"

/* A key under which a text is remembered, of the same length for all. */
static struct slice digest(struct shop *s, const char *what, struct slice scope, struct slice text)
{
    struct slice all = shop_format(s, "%.*s\n%.*s", (int)scope.len, (const char *)scope.p,
                                   (int)text.len, (const char *)text.p);
    XXH128_hash_t h = XXH3_128bits(all.p, all.len);
    return shop_format(s, "%s\n%016" PRIx64 "%016" PRIx64, what, h.high64, h.low64);
}

static bool is_same(struct slice a, struct slice b)
{
    return a.len == b.len && (!a.len || memcmp(a.p, b.p, a.len) == 0);
}

/* What an earlier record has had under `key`, behind its line. False: none has. */
static bool recall(struct csv_import *in, struct slice key, struct slice value, struct slice *line,
                   struct slice *earlier)
{
    bool known = shop_recall(in->shop, key, earlier);
    if (known)
        nested_next(earlier, '\n', line);
    else
        shop_remember(in->shop, key,
                      shop_format(in->shop, "%lu\n%.*s", in->record->line, (int)value.len,
                                  (const char *)value.p));
    return known;
}

/* One id, and another natural key. */
static bool check_id(struct csv_import *in, const struct natural_key *k, struct slice id,
                     struct slice weights)
{
    struct slice line, earlier, given;
    if (!cell_filled(in, in->kind->id, &given) && !cell_filled(in, "entity_id", &given))
        return false; /* made of the natural key */
    struct slice value = digest(in->shop, "key", slice_of(""), weights);
    bool known =
        recall(in, digest(in->shop, "id in the file", slice_of(""), id), value, &line, &earlier);
    if (known && !is_same(earlier, value))
        shop_invalid(in->shop, "%s: '%.*s' stands in line %.*s, too, with another %s than '%.*s'",
                     in->kind->id, (int)id.len, (const char *)id.p, (int)line.len,
                     (const char *)line.p, k->name, (int)k->value.len, (const char *)k->value.p);
    return known;
}

/* One natural key, and another id. */
static bool check_key(struct csv_import *in, const struct natural_key *k, struct slice id,
                      struct slice scope, struct slice weights)
{
    struct shop *s = in->shop;
    struct slice line, earlier, other,
        value = shop_format(s, "%.*s\n%.*s", (int)id.len, (const char *)id.p, (int)k->value.len,
                            (const char *)k->value.p);
    if (!recall(in, digest(s, "key in the file", scope, weights), value, &line, &earlier))
        return false;
    nested_next(&earlier, '\n', &other);
    if (is_same(other, id))
        return true;
    bool spelled_alike = is_same(earlier, k->value);
    struct slice what = spelled_alike ? other : earlier;
    shop_invalid(s, "%s: '%.*s' stands in line %.*s, too, %s '%.*s'", k->name, (int)k->value.len,
                 (const char *)k->value.p, (int)line.len, (const char *)line.p,
                 spelled_alike ? "under the other id" : "written", (int)what.len,
                 (const char *)what.p);
    return false;
}

bool entity_known(struct csv_import *in, const struct natural_key *k, struct slice id)
{
    struct slice weights = shop_weights(in->shop, k->table, k->column, k->value);
    bool known = check_id(in, k, id, weights);
    if (!k->scope_count)
        known |= check_key(in, k, id, slice_of(""), weights);
    for (uint32_t i = 0; i < k->scope_count; i++)
        known |= check_key(in, k, id, k->scopes[i], weights);
    return known;
}

void entity_count(struct csv_import *in, bool again)
{
    uint64_t limit = in->o->selection.limit;
    in->again = again;
    if (!again && limit && in->entities == limit)
        shop_invalid(in->shop, "beyond the limit");
    else if (!again)
        in->entities++;
}

bool entity_again(struct csv_import *in, const struct natural_key *k, struct slice id)
{
    bool known = entity_known(in, k, id);
    entity_count(in, known);
    return known;
}
