#include "schema/shop_table.h"

#include <stdio.h>
#include <string.h>

/* The table that a tool for online changes of `name` works for, in `out`; `name` itself if none. */
static const char *base_table(const char *name, char out[SHOP_TABLE_SIZE])
{
    static const char *const endings[] = {"_gho", "_ghc", "_del", "_new", "_old"};
    size_t len = strlen(name);
    for (size_t i = 0; name[0] == '_' && len > 5 && i < sizeof endings / sizeof *endings; i++)
        if (strcmp(name + len - 4, endings[i]) == 0) {
            snprintf(out, SHOP_TABLE_SIZE, "%.*s", (int)(len - 5), name + 1);
            return out;
        }
    return name;
}

const char *shop_table(const char *prefix, const char *table, char scratch[SHOP_TABLE_SIZE],
                       bool *shops)
{
    size_t skip = prefix ? strlen(prefix) : 0;
    table = base_table(table, scratch);
    *shops = !skip || strncmp(table, prefix, skip) == 0;
    return *shops ? table + skip : table;
}
