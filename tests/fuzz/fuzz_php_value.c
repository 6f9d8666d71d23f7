/* Any bytes as a serialised PHP value: what is taken is written as it came; with its first entry
 * removed it is taken again, and written as it then is. */
#include <stdlib.h>
#include <string.h>

#include "schema/php_value.h"

static void check(bool ok)
{
    if (!ok)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct php_tree tree;
    struct ds_error err;
    size_t offset = 0;
    BUF_AUTO struct buf out = {0}, again = {0};
    int rc = php_parse(&tree, (struct slice){data, size}, &arena, &offset, &err);
    check(offset <= size);
    if (rc == 0) {
        check(php_write(&tree, &out, &err) == 0);
        check(out.len == size && (size == 0 || memcmp(out.data, data, size) == 0));
    }
    if (rc == 0 && tree.root.count > 0) {
        php_remove(&tree, &tree.root, tree.root.first);
        buf_clear(&out);
        rc = php_write(&tree, &out, &err);
        check(rc == 0 || rc == DS_EUNSUPPORTED);
        if (rc == 0) {
            rc = php_parse(&tree, (struct slice){out.data, out.len}, &arena, NULL, &err);
            check(rc == 0 || rc == DS_ELIMIT); /* a value may have moved deeper */
        }
        if (rc == 0) {
            check(php_write(&tree, &again, &err) == 0);
            check(again.len == out.len && memcmp(again.data, out.data, out.len) == 0);
        }
    }
    arena_free(&arena);
    return 0;
}
