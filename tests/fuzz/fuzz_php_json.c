/* Any serialised PHP value as JSON: it is ASCII, balanced, and bounded. */
#include <stdlib.h>

#include "schema/php_json.h"

static void check(bool ok)
{
    if (!ok)
        abort();
}

/* Brackets close what they open, and texts end. */
static void check_json(const uint8_t *p, size_t len)
{
    uint8_t open[PHP_JSON_MAX_DEPTH];
    size_t depth = 0;
    for (size_t i = 0; i < len; i++) {
        check(p[i] >= ' ' && p[i] < 0x80);
        if (p[i] == '[' || p[i] == '{') {
            check(depth < PHP_JSON_MAX_DEPTH);
            open[depth++] = p[i] == '[' ? ']' : '}';
        } else if (p[i] == ']' || p[i] == '}') {
            check(depth > 0 && open[--depth] == p[i]);
        } else if (p[i] == '"') {
            for (i++; i < len && p[i] != '"'; i++)
                i += p[i] == '\\';
            check(i < len);
        }
    }
    check(depth == 0 && len > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct php_tree tree;
    struct ds_error err;
    BUF_AUTO struct buf out = {0};
    if (php_parse(&tree, (struct slice){data, size}, &arena, NULL, &err) == 0) {
        int rc = php_json_write(&tree.root, &out, &err);
        if (rc == 0)
            check_json(out.data, out.len);
        else
            check(out.len == 0 && (rc == DS_EFORMAT || rc == DS_ELIMIT));
    }
    arena_free(&arena);
    return 0;
}
