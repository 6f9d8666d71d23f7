/* Texts as the destination compares them. */
#include <ctype.h>
#include <string.h>

#include "agent/csv/nested.h"
#include "agent/csv/shop_internal.h"

/* "utf8mb4 utf8mb4_general_ci", of a column; asked once. */
static struct slice collation_of(struct shop *s, const char *table, const char *column)
{
    const char *prefix = s->o.config->destination.prefix;
    struct slice known, key = shop_format(s, "collation\n%s\n%s", table, column);
    bool found;
    if (shop_recall(s, key, &known))
        return known;
    known =
        shop_ask(s, &found,
                 (const char *)shop_format(
                     s,
                     "SELECT CONCAT(CHARACTER_SET_NAME, ' ', COLLATION_NAME) FROM "
                     "information_schema.COLUMNS WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s AND "
                     "COLUMN_NAME = %s",
                     shop_quote(s, slice_of(s->destination.database)),
                     shop_quote(s, shop_format(s, "%s%s", prefix ? prefix : "", table)),
                     shop_quote(s, slice_of(column)))
                     .p);
    shop_remember(s, key, known);
    return known;
}

/* What such text weighs in all collations that end in _general_ci; false: ask the server. */
static bool weigh_plain(struct slice collation, struct slice text, uint8_t *out)
{
    static const char digits[] = "0123456789ABCDEF", general[] = "_general_ci";
    size_t n = strlen(general);
    if (collation.len < n || memcmp(collation.p + collation.len - n, general, n) != 0)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        int c = toupper(text.p[i]);
        if (c >= 0x80)
            return false;
        const char weight[] = {'0', '0', digits[c >> 4], digits[c & 15]};
        memcpy(out + sizeof weight * i, weight, sizeof weight);
    }
    return true;
}

struct slice shop_weights(struct shop *s, const char *table, const char *column, struct slice text)
{
    struct slice charset, collation = collation_of(s, table, column);
    uint8_t *plain = arena_alloc(&s->arena, 4 * text.len + 1);
    bool found;
    if (!plain)
        shop_no_memory(s);
    if (s->rc || !collation.len || !nested_next(&collation, ' ', &charset))
        return text;
    if (weigh_plain(collation, text, plain))
        return (struct slice){plain, 4 * text.len};
    return shop_ask(s, &found,
                    (const char *)shop_format(
                        s, "SELECT HEX(WEIGHT_STRING(CONVERT(%s USING %.*s) COLLATE %.*s))",
                        shop_quote(s, text), (int)charset.len, (const char *)charset.p,
                        (int)collation.len, (const char *)collation.p)
                        .p);
}
