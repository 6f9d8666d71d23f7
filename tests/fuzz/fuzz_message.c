/* libFuzzer target: any bytes as a stream of messages. Whatever is read must also split, and what
 * was read and written again must be read the same. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "schema/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void walk_image(struct slice image)
{
    const uint8_t *p = image.p, *columns[64];
    uint32_t n;
    if (image.len == 0)
        return;
    check(array_read_head(&p, image.p + image.len, &n) == 0);
    if (n > 64 || image_split(image, n, columns))
        return;
    for (uint32_t i = 0; i < n; i++) {
        struct value v;
        const uint8_t *at = columns[i];
        check(value_read(&at, image.p + image.len, &v) == 0);
        check((size_t)(at - columns[i]) == value_length(columns[i]));
    }
}

static int write_again(struct buf *out, const struct message *m)
{
    switch (m->type) {
    case MSG_TABLE:
        return message_write_table(out, &m->table);
    case MSG_BEGIN:
        return message_write_begin(out, &m->begin);
    case MSG_COMMIT:
        return message_write_commit(out, &m->commit);
    case MSG_CHANGE:
        return message_write_change(out, &m->change);
    case MSG_TRUNCATE:
        return message_write_truncate(out, &m->truncate);
    case MSG_DDL:
        return message_write_ddl(out, &m->ddl);
    case MSG_SNAPSHOT:
        return message_write_snapshot(out, &m->snapshot);
    case MSG_HEARTBEAT:
        return message_write_heartbeat(out, &m->heartbeat);
    case MSG_SAVEPOINT:
        return message_write_savepoint(out, &m->savepoint);
    case MSG_XA:
        return message_write_xa(out, &m->xa);
    case MSG_TABLE_HINT:
        return message_write_table_hint(out, m->hint_table_id);
    case MSG_GAP:
        return message_write_gap(out, m->gap_reason);
    }
    return -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *p = data, *end = data + size;
    struct arena arena = {0};
    struct message m, again;
    while (p < end && message_read(&p, end, &arena, &m, NULL) == 0) {
        BUF_AUTO struct buf first = {0}, second = {0};
        if (m.type == MSG_CHANGE) {
            walk_image(m.change.before);
            walk_image(m.change.after);
        }
        check(write_again(&first, &m) == 0);
        const uint8_t *q = first.data;
        check(message_read(&q, first.data + first.len, &arena, &again, NULL) == 0);
        check(q == first.data + first.len);
        check(write_again(&second, &again) == 0);
        check(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
        arena_reset(&arena, 1 << 20);
    }
    arena_free(&arena);
    return 0;
}
