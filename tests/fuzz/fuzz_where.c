/* Any bytes as a condition on rows, and as the row that it is about: what is taken is printed as it
 * came, and no row breaks it. The first byte: how long the condition is. */
#include <stdlib.h>
#include <string.h>

#include <mysql.h>

#include "schema/where.h"

#define NAME(text)                                                                                 \
    {                                                                                              \
        (const uint8_t *)(text), sizeof(text) - 1                                                  \
    }
static const struct msg_column columns[] = {{.name = NAME("i"), .type = MYSQL_TYPE_LONGLONG},
                                            {.name = NAME("d"), .type = MYSQL_TYPE_NEWDECIMAL},
                                            {.name = NAME("f"), .type = MYSQL_TYPE_DOUBLE},
                                            {.name = NAME("t"), .type = MYSQL_TYPE_VARCHAR},
                                            {.name = NAME("a"), .type = MYSQL_TYPE_DATETIME2}};
enum { COLUMNS = sizeof columns / sizeof *columns };

static void check(bool ok)
{
    if (!ok)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[256];
    struct where *w = NULL;
    struct where_bound *b = NULL;
    struct ds_error err;
    const uint8_t *row[COLUMNS];
    bool in;
    if (size == 0)
        return 0;
    size_t len = data[0] < size ? data[0] : size - 1;
    memcpy(text, data + 1, len);
    text[len] = 0;
    if (where_parse(&w, text, "fuzz", &err))
        return 0;
    check(strcmp(where_text(w), text) == 0);
    if (where_bind(&b, w, columns, COLUMNS, TABLE_NAMES, &err) == 0 &&
        image_split((struct slice){data + 1 + len, size - 1 - len}, COLUMNS, row) == 0)
        where_test(b, row, NULL, &in, &err);
    where_bound_free(b);
    where_free(w);
    return 0;
}
