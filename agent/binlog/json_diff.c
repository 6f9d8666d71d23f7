/* Partial JSON updates: the binary value before, and a list of changes to it.
 *
 * The document stays as it came, unread, but for the containers on the changed paths, which are
 * opened into lists of members. Printing mixes both. A change is: operation(1), path, and but for
 * REMOVE a binary value; path and value with length-encoded lengths in front.
 */
#include "json.h"

#include <stdlib.h>

#include "schema/arena.h"

enum diff_operation { DIFF_REPLACE, DIFF_INSERT, DIFF_REMOVE };

struct json_node {
    struct json_ref ref; /* while not opened */
    bool opened, object;
    uint32_t count, capacity;
    struct json_member *members;
};
struct json_member {
    struct slice key;
    struct json_node *node;
};
struct json_leg {
    bool index; /* [n], else .key */
    struct slice key;
    uint64_t position;
};

static struct json_node *node_new(struct arena *a, struct json_ref ref)
{
    struct json_node *node = arena_zalloc(a, sizeof *node);
    if (node)
        node->ref = ref;
    return node;
}

static int members_reserve(struct arena *a, struct json_node *node, uint32_t count)
{
    if (count <= node->capacity)
        return 0;
    uint32_t capacity = count < 8 ? 8 : count + count / 2;
    struct json_member *members = arena_alloc(a, capacity * sizeof *members);
    if (!members)
        return DS_ENOMEM;
    if (node->count)
        memcpy(members, node->members, node->count * sizeof *members);
    node->members = members;
    node->capacity = capacity;
    return 0;
}

static int node_open(struct arena *a, struct json_node *node)
{
    struct json_container c;
    if (node->opened)
        return 0;
    if (!json_open(node->ref, &c))
        return DS_EFORMAT;
    if (members_reserve(a, node, c.count))
        return DS_ENOMEM;
    for (uint32_t i = 0; i < c.count; i++) {
        struct json_member *m = &node->members[i];
        struct json_ref ref;
        *m = (struct json_member){0};
        if (!json_element(&c, i, &ref) || (c.object && !json_key(&c, i, &m->key)))
            return DS_EFORMAT;
        m->node = node_new(a, ref);
        if (!m->node)
            return DS_ENOMEM;
    }
    node->count = c.count;
    node->object = c.object;
    node->opened = true;
    return 0;
}

static size_t put_utf8(uint8_t *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (uint8_t)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (uint8_t)(0x80 | (c & 0x3f));
    out[0] = (uint8_t)(0xf00u >> n | c);
    return n;
}

static bool read_hex4(struct cursor *c, uint32_t *out)
{
    const uint8_t *p;
    *out = 0;
    if (!cursor_take(c, 4, &p))
        return false;
    for (int i = 0; i < 4; i++) {
        int digit = p[i] >= '0' && p[i] <= '9'                 ? p[i] - '0'
                    : (p[i] | 32) >= 'a' && (p[i] | 32) <= 'f' ? (p[i] | 32) - 'a' + 10
                                                               : -1;
        if (digit < 0)
            return false;
        *out = *out << 4 | (uint32_t)digit;
    }
    return true;
}

/* What follows a backslash; at most 4 bytes, fewer than it took to write. */
static bool read_escape(struct cursor *c, uint8_t *out, size_t *n)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    uint32_t high, low;
    const uint8_t *p;
    if (!cursor_take(c, 1, &p))
        return false;
    const char *at = *p ? strchr(from, *p) : NULL;
    if (at) {
        *out = (uint8_t)to[at - from];
        *n = 1;
        return true;
    }
    if (*p != 'u' || !read_hex4(c, &high))
        return false;
    if (high >= 0xd800 && high < 0xdc00) {
        if (!cursor_take(c, 2, &p) || p[0] != '\\' || p[1] != 'u' || !read_hex4(c, &low) ||
            low < 0xdc00 || low > 0xdfff)
            return false;
        high = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
    }
    *n = put_utf8(out, high);
    return true;
}

static int read_quoted_key(struct arena *a, struct cursor *c, struct slice *out)
{
    uint8_t *text = arena_alloc(a, cursor_left(c) + 4);
    size_t length = 0;
    if (!text)
        return DS_ENOMEM;
    while (cursor_left(c)) {
        uint8_t b = *c->p++;
        size_t n = 1;
        if (b == '"') {
            *out = (struct slice){text, length};
            return 0;
        }
        if (b != '\\')
            text[length] = b;
        else if (!read_escape(c, text + length, &n))
            return DS_EFORMAT;
        length += n;
    }
    return DS_EFORMAT;
}

static int read_key(struct arena *a, struct cursor *c, struct slice *out)
{
    if (cursor_left(c) && *c->p == '"') {
        c->p++;
        return read_quoted_key(a, c, out);
    }
    const uint8_t *start = c->p;
    while (cursor_left(c) && *c->p != '.' && *c->p != '[')
        c->p++;
    *out = (struct slice){start, (size_t)(c->p - start)};
    return out->len ? 0 : DS_EFORMAT;
}

static int read_leg(struct arena *a, struct cursor *c, struct json_leg *leg)
{
    *leg = (struct json_leg){0};
    uint8_t kind = *c->p++;
    if (kind == '.')
        return read_key(a, c, &leg->key);
    if (kind != '[')
        return DS_EFORMAT;
    leg->index = true;
    const uint8_t *start = c->p;
    while (cursor_left(c) && *c->p >= '0' && *c->p <= '9' && c->p - start < 10)
        leg->position = leg->position * 10 + (uint64_t)(*c->p++ - '0');
    if (c->p == start || !cursor_left(c) || *c->p++ != ']')
        return DS_EFORMAT;
    return 0;
}

/* Objects keep their members by length of the key, then by its bytes. */
static int key_compare(struct slice a, struct slice b)
{
    if (a.len != b.len)
        return a.len < b.len ? -1 : 1;
    return a.len ? memcmp(a.p, b.p, a.len) : 0;
}

/* Where the leg leads in an opened container: an index, *found or where it would be inserted. */
static int leg_find(const struct json_node *node, const struct json_leg *leg, uint32_t *at,
                    bool *found)
{
    if (leg->index == node->object)
        return DS_EFORMAT;
    if (leg->index) {
        *found = leg->position < node->count;
        *at = *found ? (uint32_t)leg->position : node->count;
        return 0;
    }
    *found = false;
    for (*at = 0; *at < node->count; (*at)++) {
        int order = key_compare(node->members[*at].key, leg->key);
        *found = order == 0;
        if (order >= 0)
            break;
    }
    return 0;
}

static int member_insert(struct arena *a, struct json_node *parent, uint32_t at,
                         struct json_member member)
{
    if (members_reserve(a, parent, parent->count + 1))
        return DS_ENOMEM;
    memmove(parent->members + at + 1, parent->members + at,
            (parent->count - at) * sizeof *parent->members);
    parent->members[at] = member;
    parent->count++;
    return 0;
}

static int diff_change(struct arena *a, struct json_node *parent, const struct json_leg *leg,
                       uint8_t operation, struct json_node *value)
{
    uint32_t at;
    bool found;
    int rc = leg_find(parent, leg, &at, &found);
    if (rc)
        return rc;
    switch (operation) {
    case DIFF_REPLACE:
        if (!found)
            return DS_EFORMAT;
        parent->members[at].node = value;
        return 0;
    case DIFF_INSERT: /* of an array element: before the one that is there */
        if (found && parent->object)
            return DS_EFORMAT;
        return member_insert(a, parent, at, (struct json_member){leg->key, value});
    case DIFF_REMOVE:
        if (!found)
            return DS_EFORMAT;
        parent->count--;
        memmove(parent->members + at, parent->members + at + 1,
                (parent->count - at) * sizeof *parent->members);
        return 0;
    default:
        return DS_EFORMAT;
    }
}

static int diff_apply(struct arena *a, struct json_node **root, struct cursor path,
                      uint8_t operation, struct json_node *value)
{
    struct json_node *node = *root;
    if (!cursor_left(&path) || *path.p++ != '$')
        return DS_EFORMAT;
    if (!cursor_left(&path)) {
        if (operation != DIFF_REPLACE)
            return DS_EFORMAT;
        *root = value;
        return 0;
    }
    for (int depth = 0; depth < JSON_MAX_DEPTH; depth++) {
        struct json_leg leg;
        uint32_t at;
        bool found;
        int rc = read_leg(a, &path, &leg);
        if (rc == 0)
            rc = node_open(a, node);
        if (rc)
            return rc;
        if (!cursor_left(&path))
            return diff_change(a, node, &leg, operation, value);
        rc = leg_find(node, &leg, &at, &found);
        if (rc || !found)
            return DS_EFORMAT;
        node = node->members[at].node;
    }
    return DS_EFORMAT;
}

static int diffs_apply(struct arena *a, struct json_node **root, struct slice diffs)
{
    struct cursor c = {diffs.p, diffs.p + diffs.len};
    while (cursor_left(&c)) {
        uint8_t operation = *c.p++;
        uint64_t length;
        struct slice path, bytes;
        struct json_ref ref;
        struct json_node *value = NULL;
        if (!cursor_lenenc(&c, &length) || !cursor_slice(&c, length, &path))
            return DS_EFORMAT;
        if (operation != DIFF_REMOVE) {
            if (!cursor_lenenc(&c, &length) || !cursor_slice(&c, length, &bytes) ||
                !json_document(bytes, &ref))
                return DS_EFORMAT;
            value = node_new(a, ref);
            if (!value)
                return DS_ENOMEM;
        }
        struct cursor p = {path.p, path.p + path.len};
        int rc = diff_apply(a, root, p, operation, value);
        if (rc)
            return rc;
    }
    return 0;
}

static int node_write(struct json_writer *w, const struct json_node *node, int depth)
{
    if (!node->opened)
        return json_write(w, node->ref, depth);
    if (depth >= JSON_MAX_DEPTH)
        return DS_EFORMAT;
    int rc = json_write_raw(w, node->object ? "{" : "[", 1);
    for (uint32_t i = 0; rc == 0 && i < node->count; i++) {
        if (i)
            rc = json_write_raw(w, ", ", 2);
        if (rc == 0 && node->object)
            rc = json_write_quoted(w, node->members[i].key);
        if (rc == 0 && node->object)
            rc = json_write_raw(w, ": ", 2);
        if (rc == 0)
            rc = node_write(w, node->members[i].node, depth + 1);
    }
    return rc ? rc : json_write_raw(w, node->object ? "}" : "]", 1);
}

int json_print_patched(struct slice before, struct slice diffs, uint64_t max, struct buf *out)
{
    struct arena a = {0};
    struct json_ref ref;
    struct json_writer w = {.out = out};
    if (__builtin_add_overflow(out->len, max, &w.limit))
        w.limit = UINT64_MAX;
    int rc = json_document(before, &ref) ? 0 : DS_EFORMAT;
    struct json_node *root = rc ? NULL : node_new(&a, ref);
    if (rc == 0 && !root)
        rc = DS_ENOMEM;
    if (rc == 0)
        rc = diffs_apply(&a, &root, diffs);
    if (rc == 0)
        rc = node_write(&w, root, 0);
    arena_free(&a);
    return rc;
}
