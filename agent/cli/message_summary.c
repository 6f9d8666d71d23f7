#include "agent/cli/message_summary.h"

#include <stdlib.h>
#include <string.h>

#include "agent/cli/known_tables.h"
#include "schema/json.h"
#include "schema/list.h"
#include "schema/message.h"

/* What is counted of one table, whatever ids it has had. */
struct table_count {
    struct slice database, table, entity; /* in the summary's `names` */
    uint64_t rows[CHANGE_DELETE + 1];     /* by enum change_op; [0]: rows of copies */
    uint64_t bytes;
};
/* Where a transaction ended. */
struct place {
    struct buf gtid_set, file;
    uint64_t pos, timestamp; /* seconds */
};
struct message_summary {
    struct known_tables known; /* own: struct table_count */
    struct table_count **list; /* sorted by database and table, until it is printed */
    size_t count, capacity;
    struct arena names; /* of the list's members, and themselves */
    struct arena arena; /* of one message */
    uint64_t transactions, ddl, truncates;
    bool in_transaction; /* something was met since the last commit */
    bool any_commit;
    struct place first, last;
    const uint8_t *before[MESSAGE_MAX_COLUMNS]; /* values of one before image */
};

int message_summary_new(struct message_summary **out, const struct filter *filter,
                        struct ds_error *err)
{
    *out = calloc(1, sizeof **out);
    if (!*out)
        return error_set(err, DS_ENOMEM, "out of memory");
    (*out)->known.filter = filter;
    return 0;
}

static void place_free(struct place *p)
{
    buf_free(&p->gtid_set);
    buf_free(&p->file);
}

void message_summary_free(struct message_summary *s)
{
    if (!s)
        return;
    known_tables_free(&s->known);
    arena_free(&s->names);
    arena_free(&s->arena);
    place_free(&s->first);
    place_free(&s->last);
    free(s->list);
    free(s);
}

/* --- tables --------------------------------------------------------------- */

static int compare_slices(struct slice a, struct slice b)
{
    size_t shorter = a.len < b.len ? a.len : b.len;
    int order = shorter ? memcmp(a.p, b.p, shorter) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_names(const struct table_count *a, const struct table_count *b)
{
    int order = compare_slices(a->database, b->database);
    return order ? order : compare_slices(a->table, b->table);
}

static bool keep_slice(struct arena *a, struct slice from, struct slice *to)
{
    *to = (struct slice){arena_copy(a, from.p, from.len), from.len};
    return to->p;
}

static int insert(struct message_summary *s, size_t at, const struct table_count *wanted,
                  struct table_count **out)
{
    struct table_count *t = arena_zalloc(&s->names, sizeof *t);
    if (!t || LIST_ROOM(s->list, s->count, s->capacity) ||
        !keep_slice(&s->names, wanted->database, &t->database) ||
        !keep_slice(&s->names, wanted->table, &t->table) ||
        !keep_slice(&s->names, wanted->entity, &t->entity))
        return DS_ENOMEM;
    memmove(&s->list[at + 1], &s->list[at], (s->count - at) * sizeof(struct table_count *));
    s->list[at] = t;
    s->count++;
    *out = t;
    return 0;
}

/* The table of that name, made when it is new. */
static int find(struct message_summary *s, const struct table_count *wanted,
                struct table_count **out)
{
    size_t low = 0, high = s->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_names(s->list[middle], wanted);
        if (order == 0) {
            *out = s->list[middle];
            return 0;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return insert(s, low, wanted, out);
}

static int define(struct message_summary *s, const struct message *m, struct ds_error *err)
{
    struct known_table *known;
    struct table_count *count;
    const struct table_count wanted = {
        .database = m->table.database, .table = m->table.name, .entity = m->table.entity};
    int rc = known_tables_add(&s->known, m, &known, err);
    if (rc)
        return rc;
    if (find(s, &wanted, &count))
        return error_set(err, DS_ENOMEM, "out of memory");
    known->own = count;
    return 0;
}

/* --- rows ----------------------------------------------------------------- */

/* Read the image at *p, or nil, value by value. before: the values that it may call the same
 * as, NULL none: such are counted again, as the binlog holds them again. columns_out: where the
 * values stand, or NULL. */
static int take_image(const uint8_t **p, const uint8_t *end, uint32_t columns,
                      const uint8_t *const *before, const uint8_t **columns_out, uint64_t *bytes)
{
    const uint8_t *at = *p;
    uint32_t n;
    if (at < end && *at == VALUE_BYTE_NULL) {
        *p = at + 1;
        return 0;
    }
    if (array_read_head(&at, end, &n) || n != columns)
        return DS_EFORMAT;
    for (uint32_t i = 0; i < n; i++) {
        struct value v;
        if (columns_out)
            columns_out[i] = at;
        if (value_read(&at, end, &v))
            return DS_EFORMAT;
        if (v.kind == VALUE_SAME && before)
            *bytes += value_length(before[i]) - 1;
    }
    *bytes += (uint64_t)(at - *p);
    *p = at;
    return 0;
}

static int take_number(const uint8_t **p, const uint8_t *end, uint64_t most, uint64_t *out)
{
    struct value v;
    if (value_read(p, end, &v) || v.kind != VALUE_UINT || v.u > most)
        return DS_EFORMAT;
    *out = v.u;
    return 0;
}

/* A change message, of which there are more than of all others: read once, from behind its type.
 * `left`: elements. */
static int count_change(struct message_summary *s, const uint8_t **p, const uint8_t *end,
                        uint32_t left, struct ds_error *err)
{
    const struct known_table *known;
    uint64_t id, op, flags;
    if (left < 6 || take_number(p, end, UINT32_MAX, &id) ||
        take_number(p, end, CHANGE_DELETE, &op) || op == 0 ||
        take_number(p, end, UINT32_MAX, &flags) || value_skip(p, end))
        return error_set(err, DS_EFORMAT, "malformed change message in the stream");
    int rc = known_tables_need(&s->known, (uint32_t)id, &known, err);
    if (rc)
        return rc;
    bool left_out = known->left_out && !(flags & CHANGE_CASCADE);
    struct table_count passed_over = {0};
    struct table_count *count = left_out ? &passed_over : known->own;
    uint32_t columns = known->table.column_count;
    bool has_before = *p < end && **p != VALUE_BYTE_NULL;
    rc = take_image(p, end, columns, NULL, s->before, &count->bytes);
    if (rc == 0)
        rc = take_image(p, end, columns, has_before ? s->before : NULL, NULL, &count->bytes);
    for (left -= 6; rc == 0 && left; left--)
        rc = value_skip(p, end);
    count->rows[op]++;
    s->in_transaction |= !left_out;
    return rc ? known_table_bad_row(known, rc, err) : 0;
}

static int count_copied(struct message_summary *s, const struct msg_snapshot *m,
                        struct ds_error *err)
{
    const struct known_table *known;
    const uint8_t *at = m->rows.p, *end = at + m->rows.len;
    uint32_t n = 0;
    if (m->rows.len == 0)
        return 0;
    int rc = known_tables_need(&s->known, m->table_id, &known, err);
    if (rc)
        return rc;
    struct table_count *count = known->own;
    if (known->left_out)
        return 0;
    rc = array_read_head(&at, end, &n);
    for (uint32_t i = 0; i < n && rc == 0; i++)
        rc = take_image(&at, end, known->table.column_count, NULL, NULL, &count->bytes);
    count->rows[0] += n;
    return rc ? known_table_bad_row(known, rc, err) : 0;
}

/* --- transactions --------------------------------------------------------- */

static int set_place(struct place *p, const struct msg_commit *c)
{
    buf_clear(&p->gtid_set);
    buf_clear(&p->file);
    p->pos = c->pos;
    p->timestamp = c->timestamp;
    int rc = buf_append(&p->gtid_set, c->gtid_set.p, c->gtid_set.len);
    return rc ? rc : buf_append(&p->file, c->file.p, c->file.len);
}

/* A commit without anything before it only tells the position. */
static int count_commit(struct message_summary *s, const struct msg_commit *c, struct ds_error *err)
{
    s->transactions += s->in_transaction;
    s->in_transaction = false;
    int rc = s->any_commit ? 0 : set_place(&s->first, c);
    s->any_commit = true;
    rc = rc ? rc : set_place(&s->last, c);
    return rc ? error_set(err, DS_ENOMEM, "out of memory") : 0;
}

static int count_one(struct message_summary *s, const struct message *m, struct ds_error *err)
{
    switch (m->type) {
    case MSG_TABLE:
        return define(s, m, err);
    case MSG_BEGIN:
    case MSG_HEARTBEAT:
        return 0;
    case MSG_COMMIT:
        return count_commit(s, &m->commit, err);
    case MSG_SNAPSHOT:
        s->in_transaction = true;
        return count_copied(s, &m->snapshot, err);
    case MSG_DDL:
        s->ddl++;
        break;
    case MSG_TRUNCATE:
        s->truncates++;
        break;
    case MSG_CHANGE: /* count_change */
    case MSG_SAVEPOINT:
    case MSG_XA:
    case MSG_TABLE_HINT:
    case MSG_GAP:
        break;
    }
    s->in_transaction = true;
    return 0;
}

int message_summary_add(struct message_summary *s, struct slice messages, struct ds_error *err)
{
    const uint8_t *at = messages.p, *end = at + messages.len;
    int rc = 0;
    while (at < end && rc == 0) {
        struct message m;
        const uint8_t *p = at;
        uint32_t elements;
        if (array_read_head(&p, end, &elements) == 0 && elements && *p == MSG_CHANGE) {
            at = p + 1;
            rc = count_change(s, &at, end, elements - 1, err);
            continue;
        }
        rc = message_read(&at, end, &s->arena, &m, err);
        rc = rc ? rc : count_one(s, &m, err);
        arena_reset(&s->arena, 1 << 20);
    }
    return rc;
}

/* --- printing ------------------------------------------------------------- */

static void print_text(struct json *j, const char *key, struct slice text)
{
    json_text_len(j, key, text.p, text.len);
}

static void print_table(struct json *j, const struct table_count *t)
{
    json_text(j, "type", "table");
    print_text(j, "database", t->database);
    print_text(j, "table", t->table);
    print_text(j, "entity", t->entity);
    json_uint(j, "inserts", t->rows[CHANGE_INSERT]);
    json_uint(j, "updates", t->rows[CHANGE_UPDATE]);
    json_uint(j, "deletes", t->rows[CHANGE_DELETE]);
    json_uint(j, "copied", t->rows[0]);
    json_uint(j, "bytes", t->bytes);
}

static void print_place(struct json *j, const char *key, const struct place *p)
{
    json_object(j, key);
    if (p->gtid_set.len)
        json_text_len(j, "gtid_set", p->gtid_set.data, p->gtid_set.len);
    if (p->file.len) {
        json_text_len(j, "file", p->file.data, p->file.len);
        json_uint(j, "position", p->pos);
    }
    json_uint(j, "timestamp", p->timestamp);
    json_end(j);
}

static void print_total(struct json *j, const struct message_summary *s)
{
    uint64_t tables = 0, changes = 0, copied = 0, bytes = 0;
    for (size_t i = 0; i < s->count; i++) {
        const struct table_count *t = s->list[i];
        tables += t->bytes > 0;
        changes += t->rows[CHANGE_INSERT] + t->rows[CHANGE_UPDATE] + t->rows[CHANGE_DELETE];
        copied += t->rows[0];
        bytes += t->bytes;
    }
    json_text(j, "type", "total");
    json_uint(j, "tables", tables);
    json_uint(j, "transactions", s->transactions);
    json_uint(j, "changes", changes);
    json_uint(j, "copied", copied);
    json_uint(j, "ddl", s->ddl);
    json_uint(j, "truncates", s->truncates);
    json_uint(j, "bytes", bytes);
    if (!s->any_commit)
        return;
    print_place(j, "first", &s->first);
    print_place(j, "last", &s->last);
}

/* t NULL: the totals */
static int print_line(const struct message_summary *s, const struct table_count *t, struct buf *out)
{
    struct json j = {.out = out};
    json_object(&j, NULL);
    if (t)
        print_table(&j, t);
    else
        print_total(&j, s);
    json_end(&j);
    return j.failed ? j.failed : buf_puts(out, "\n");
}

static int by_bytes(const void *a, const void *b)
{
    const struct table_count *left = *(const struct table_count *const *)a;
    const struct table_count *right = *(const struct table_count *const *)b;
    int order = (left->bytes < right->bytes) - (left->bytes > right->bytes);
    return order ? order : compare_names(left, right);
}

int message_summary_print(struct message_summary *s, struct buf *out, struct ds_error *err)
{
    int rc = 0;
    if (s->count)
        qsort(s->list, s->count, sizeof(struct table_count *), by_bytes);
    for (size_t i = 0; i < s->count && s->list[i]->bytes > 0 && rc == 0; i++)
        rc = print_line(s, s->list[i], out);
    rc = rc ? rc : print_line(s, NULL, out);
    return rc ? error_set(err, DS_ENOMEM, "out of memory") : 0;
}
