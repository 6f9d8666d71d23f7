/* Texts and the destination's columns: what they can hold, and which are the same to them. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "agent/csv/shop_internal.h"

void shop_load_texts(struct shop *s, struct shop_table *t, const char *name)
{
    MYSQL_RES *rows = shop_select(s,
                                  "SELECT COLUMN_NAME, CHARACTER_SET_NAME, COLLATION_NAME, "
                                  "CHARACTER_MAXIMUM_LENGTH, CHARACTER_OCTET_LENGTH FROM "
                                  "information_schema.COLUMNS WHERE TABLE_SCHEMA = %s AND "
                                  "TABLE_NAME = %s AND COLLATION_NAME IS NOT NULL",
                                  shop_quote(s, slice_of(s->destination.database)),
                                  shop_quote(s, slice_of(name)));
    t->texts = arena_zalloc(&s->kept, (t->plan.column_count + 1) * sizeof *t->texts);
    if (!t->texts)
        shop_no_memory(s);
    for (MYSQL_ROW row; rows && t->texts && (row = mysql_fetch_row(rows));) {
        uint32_t i = shop_column(t, row[0]);
        if (i != UINT32_MAX)
            t->texts[i] = (struct shop_text){.charset = shop_keep(s, row[1], strlen(row[1]) + 1),
                                             .collation = shop_keep(s, row[2], strlen(row[2]) + 1),
                                             .characters = strtoull(row[3], NULL, 10),
                                             .bytes = strtoull(row[4], NULL, 10)};
    }
    mysql_free_result(rows);
}

/* Bytes of the UTF-8 character at the text's beginning. */
static size_t character(struct slice v)
{
    size_t n = *v.p < 0xc0 ? 1 : *v.p < 0xe0 ? 2 : *v.p < 0xf0 ? 3 : 4;
    return n < v.len ? n : v.len;
}

void shop_check_text(struct shop *s, const struct shop_table *t, uint32_t i, struct slice v,
                     const char *what)
{
    const struct shop_text *text = &t->texts[i];
    const struct slice *name = &t->plan.described[i].name;
    if (!text->charset.len)
        return;
    const char *charset = (const char *)text->charset.p;
    bool utf8 = strncmp(charset, "utf8", 4) == 0, short_ones = utf8 && !strstr(charset, "mb4");
    uint64_t count = 0;
    for (struct slice rest = v; rest.len; count++) {
        size_t n = character(rest);
        if (short_ones && n > 3)
            shop_invalid(s,
                         "%s: '%.*s' is a character that column %.*s of %s cannot hold, whose "
                         "character set is %s",
                         what, (int)n, (const char *)rest.p, (int)name->len, (const char *)name->p,
                         t->name, charset);
        rest = (struct slice){rest.p + n, rest.len - n};
    }
    if (count > text->characters || (utf8 && v.len > text->bytes))
        shop_invalid(s, "%s: %lu characters are more than column %.*s of %s takes (%lu)", what,
                     count, (int)name->len, (const char *)name->p, t->name, text->characters);
}

/* What such text weighs in all collations that end in _general_ci; false: ask the server. */
static bool weigh_plain(const char *collation, struct slice text, uint8_t *out)
{
    static const char digits[] = "0123456789ABCDEF", general[] = "_general_ci";
    size_t n = strlen(general), length = strlen(collation);
    if (length < n || strcmp(collation + length - n, general) != 0)
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
    const struct shop_table *t = shop_table_find(s, table);
    uint32_t i = t && t->exists ? shop_column(t, column) : UINT32_MAX;
    uint8_t *plain = arena_alloc(&s->arena, 4 * text.len + 1);
    bool found;
    if (!plain)
        shop_no_memory(s);
    if (s->rc || i == UINT32_MAX || !t->texts[i].charset.len)
        return text;
    const char *charset = (const char *)t->texts[i].charset.p,
               *collation = (const char *)t->texts[i].collation.p;
    if (weigh_plain(collation, text, plain))
        return (struct slice){plain, 4 * text.len};
    return shop_ask(s, &found, "SELECT HEX(WEIGHT_STRING(CONVERT(%s USING %s) COLLATE %s))",
                    shop_quote(s, text), charset, collation);
}
