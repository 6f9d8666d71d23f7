/* The file is a sequence of messages after a line that names it: a commit message says "as of this
 * position", the table messages behind it are what is known from there on (no columns: nothing is).
 * A commit alone says how far the stream was followed. A tail that was cut by a crash is
 * passed over.
 */
#include "agent/history.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/collations.h"
#include "schema/arena.h"
#include "schema/list.h"
#include "schema/log.h"

static const char magic[] = "datasync history 1\n";
enum {
    NOTE_SECONDS = 10,   /* between two notes of how far the stream was followed */
    LOAD_SECONDS = 5,    /* between two readings of the source's schema */
    ALTERED_SECONDS = 1, /* the same, when a table was altered in between */
    FILE_MOST = 16 << 20,
    COLLATION_BINARY = 63,
};

struct entry {
    struct position at;
    bool pending;   /* read from the source, the stream is not there yet */
    bool known;     /* else: no longer as before, from `at` on */
    struct buf raw; /* the table message */
    struct arena arena;
    struct msg_table table; /* parsed from raw */
};

struct history {
    char *path; /* NULL: memory only */
    char *database;
    int fd; /* -1: memory only */
    struct entry **entries;
    size_t count, cap;
    uint64_t version;
    bool loading;        /* pending entries wait for `now` */
    struct position now; /* of the source, after the last reading */
    bool missing;        /* names were asked for in vain */
    bool altered;        /* a table was altered since the last reading */
    time_t loaded_at, noted_at;
    uint64_t file_bytes;
    struct buf noted; /* the last position written */
};

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for the schema history");
}

static time_t clock_seconds(void)
{
    struct timespec now;
    return clock_gettime(CLOCK_MONOTONIC_COARSE, &now) ? 0 : now.tv_sec + LOAD_SECONDS;
}

/* --- entries -------------------------------------------------------------- */

static void entry_free(struct entry *e)
{
    position_free(&e->at);
    buf_free(&e->raw);
    arena_free(&e->arena);
    free(e);
}

static void remove_entry(struct history *h, size_t i)
{
    entry_free(h->entries[i]);
    memmove(h->entries + i, h->entries + i + 1, (h->count - i - 1) * sizeof *h->entries);
    h->count--;
}

static int parse_entry(struct entry *e)
{
    struct message m;
    const uint8_t *p = e->raw.data;
    int rc = message_read(&p, p + e->raw.len, &e->arena, &m, NULL);
    if (rc || m.type != MSG_TABLE)
        return rc ? rc : DS_EFORMAT;
    e->table = m.table;
    e->known = m.table.column_count > 0;
    return 0;
}

/* Takes over nothing; copies the raw message. */
static int add_entry(struct history *h, const struct position *at, struct slice raw, bool pending)
{
    if (LIST_ROOM(h->entries, h->count, h->cap))
        return DS_ENOMEM;
    struct entry *e = calloc(1, sizeof *e);
    if (!e)
        return DS_ENOMEM;
    e->pending = pending;
    int rc = position_copy(&e->at, at);
    rc = rc ? rc : buf_append(&e->raw, raw.p, raw.len);
    rc = rc ? rc : parse_entry(e);
    if (rc) {
        entry_free(e);
        return rc;
    }
    h->entries[h->count++] = e;
    return 0;
}

static bool same_name(const struct entry *e, struct slice table)
{
    return e->table.name.len == table.len &&
           strncasecmp((const char *)e->table.name.p, (const char *)table.p, table.len) == 0;
}

/* --- the file ------------------------------------------------------------- */

static int write_all(int fd, const void *data, size_t len)
{
    for (const char *p = data; len > 0;) {
        ssize_t n = write(fd, p, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return DS_EIO;
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

static int io_failed(const struct history *h, const char *doing, struct ds_error *err)
{
    return error_set(err, DS_EIO, "cannot %s the schema history %s: %s", doing, h->path,
                     strerror(errno));
}

static int put_position(struct buf *out, const struct position *at)
{
    BUF_AUTO struct buf set = {0};
    if (gtid_set_print(&at->gtid, &set))
        return DS_ENOMEM;
    struct msg_commit m = {.gtid_set = {set.data, set.len},
                           .file = {(const uint8_t *)at->file.file, strlen(at->file.file)},
                           .pos = at->file.pos};
    return message_write_commit(out, &m);
}

static int read_position(const struct msg_commit *m, struct position *out)
{
    BUF_AUTO struct buf set = {0};
    memset(out, 0, sizeof *out);
    if (m->file.len >= sizeof out->file.file || buf_append(&set, m->gtid_set.p, m->gtid_set.len))
        return DS_EFORMAT;
    if (m->file.len)
        memcpy(out->file.file, m->file.p, m->file.len);
    out->file.pos = m->pos;
    return gtid_set_parse(&out->gtid, buf_cstr(&set), NULL);
}

/* Everything of the file that can be read; *covered: how far the stream was followed. */
static void parse_file(struct history *h, const struct buf *content, struct position *covered)
{
    const uint8_t *p = content->data + sizeof magic - 1, *end = content->data + content->len;
    struct arena arena = {0};
    struct message m;
    while (p < end && message_read(&p, end, &arena, &m, NULL) == 0) {
        if (m.type == MSG_COMMIT) {
            position_free(covered);
            if (read_position(&m.commit, covered))
                break;
        } else if (m.type == MSG_TABLE && add_entry(h, covered, m.raw, false)) {
            break;
        }
        arena_reset(&arena, 4096);
    }
    arena_free(&arena);
}

static int slurp(int fd, struct buf *out)
{
    for (;;) {
        if (buf_reserve(out, 65536))
            return DS_ENOMEM;
        ssize_t n = read(fd, out->data + out->len, 65536);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? DS_EIO : 0;
        out->len += (size_t)n;
    }
}

static int load_file(struct history *h, struct position *covered, struct ds_error *err)
{
    BUF_AUTO struct buf content = {0};
    int fd = open(h->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : io_failed(h, "open", err);
    int rc = slurp(fd, &content);
    if (rc)
        rc = rc == DS_ENOMEM ? no_memory(err) : io_failed(h, "read", err);
    close(fd);
    if (rc)
        return rc;
    if (content.len >= sizeof magic - 1 && memcmp(content.data, magic, sizeof magic - 1) == 0)
        parse_file(h, &content, covered);
    return 0;
}

/* What no position from `at` on needs. */
static void drop_superseded(struct history *h, const struct position *at)
{
    for (size_t i = h->count; i-- > 0;)
        for (size_t j = i + 1; j < h->count; j++)
            if (same_name(h->entries[j], h->entries[i]->table.name) &&
                position_reached(&h->entries[j]->at, at)) {
                remove_entry(h, i);
                break;
            }
}

static int replace_file(struct history *h, const struct buf *content, struct ds_error *err)
{
    BUF_AUTO struct buf fresh = {0};
    if (buf_printf(&fresh, "%s.new", h->path))
        return no_memory(err);
    int fd = open(buf_cstr(&fresh), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_APPEND, 0600);
    if (fd < 0)
        return io_failed(h, "create", err);
    if (write_all(fd, content->data, content->len) || fsync(fd) ||
        rename(buf_cstr(&fresh), h->path)) {
        int rc = io_failed(h, "write", err);
        close(fd);
        return rc;
    }
    if (h->fd >= 0)
        close(h->fd);
    h->fd = fd;
    h->file_bytes = content->len;
    return 0;
}

static int rewrite(struct history *h, const struct position *at, struct ds_error *err)
{
    BUF_AUTO struct buf content = {0};
    int rc = buf_puts(&content, magic);
    for (size_t i = 0; i < h->count && rc == 0; i++) {
        const struct entry *e = h->entries[i];
        if (e->pending)
            continue;
        rc = put_position(&content, &e->at);
        rc = rc ? rc : buf_append(&content, e->raw.data, e->raw.len);
    }
    rc = rc ? rc : put_position(&content, at);
    return rc ? no_memory(err) : replace_file(h, &content, err);
}

static int append(struct history *h, const struct buf *bytes, struct ds_error *err)
{
    if (h->fd < 0)
        return 0;
    h->file_bytes += bytes->len;
    return write_all(h->fd, bytes->data, bytes->len) ? io_failed(h, "write", err) : 0;
}

/* --- life ----------------------------------------------------------------- */

int history_open(struct history **out, const char *path, const char *database,
                 const struct position *at, struct ds_error *err)
{
    *out = NULL;
    struct history *h = calloc(1, sizeof *h);
    if (!h)
        return no_memory(err);
    h->fd = -1;
    h->version = 1;
    h->path = path ? strdup(path) : NULL;
    h->database = strdup(database);
    struct position covered = {0};
    int rc = !h->database || (path && !h->path) ? no_memory(err) : 0;
    if (rc == 0 && path) {
        rc = load_file(h, &covered, err);
        bool ours = rc == 0 && !position_empty(&covered) && position_reached(at, &covered);
        while (!ours && h->count)
            remove_entry(h, h->count - 1);
        drop_superseded(h, at);
        if (rc == 0)
            rc = rewrite(h, ours ? &covered : at, err);
    }
    position_free(&covered);
    if (rc) {
        history_close(h);
        return rc;
    }
    *out = h;
    return 0;
}

int history_clear(struct history *h, struct ds_error *err)
{
    static const struct position nowhere;
    while (h->count)
        remove_entry(h, h->count - 1);
    h->loading = false;
    h->version++;
    return h->path ? rewrite(h, &nowhere, err) : 0;
}

void history_close(struct history *h)
{
    if (!h)
        return;
    while (h->count)
        remove_entry(h, h->count - 1);
    if (h->fd >= 0)
        close(h->fd);
    position_free(&h->now);
    buf_free(&h->noted);
    free(h->entries);
    free(h->path);
    free(h->database);
    free(h);
}

uint64_t history_version(const struct history *h)
{
    return h->version;
}

/* --- asking --------------------------------------------------------------- */

const struct msg_table *history_get(struct history *h, struct slice table,
                                    const struct position *at)
{
    for (size_t i = h->count; i-- > 0;) {
        const struct entry *e = h->entries[i];
        if (e->pending || !same_name(e, table) || !position_reached(&e->at, at))
            continue;
        if (!e->known)
            break;
        return &e->table;
    }
    h->missing = true;
    return NULL;
}

bool history_wants_load(struct history *h)
{
    time_t pause = h->altered ? ALTERED_SECONDS : LOAD_SECONDS;
    if (!h->missing || h->loading || clock_seconds() - h->loaded_at < pause)
        return false;
    h->loaded_at = clock_seconds(); /* also if it cannot be done */
    return true;
}

/* --- changing ------------------------------------------------------------- */

static bool alters_columns(enum sql_kind kind)
{
    switch (kind) {
    case SQL_CREATE_TABLE:
    case SQL_CREATE_TABLE_LIKE:
    case SQL_ALTER_TABLE:
    case SQL_DROP_TABLE:
    case SQL_RENAME_TABLE:
    case SQL_CREATE_SEQUENCE:
    case SQL_ALTER_SEQUENCE:
    case SQL_DROP_SEQUENCE:
    case SQL_DROP_DATABASE:
        return true;
    default:
        return false;
    }
}

static int forget(struct history *h, struct slice table, const struct position *at,
                  struct ds_error *err)
{
    bool was_known = false;
    for (size_t i = h->count; i-- > 0;) {
        const struct entry *e = h->entries[i];
        if (!same_name(e, table))
            continue;
        if (e->pending)
            remove_entry(h, i);
        else
            was_known |= e->known;
    }
    h->version++;
    h->altered = true;
    if (!was_known)
        return 0;
    BUF_AUTO struct buf raw = {0}, bytes = {0};
    struct msg_table gone = {.database = {(const uint8_t *)h->database, strlen(h->database)},
                             .name = table};
    int rc = message_write_table(&raw, &gone);
    rc = rc ? rc : put_position(&bytes, at);
    rc = rc ? rc : buf_append(&bytes, raw.data, raw.len);
    rc = rc ? rc : add_entry(h, at, (struct slice){raw.data, raw.len}, false);
    return rc ? no_memory(err) : append(h, &bytes, err);
}

static int forget_all(struct history *h, const struct position *at, struct ds_error *err)
{
    int rc = 0;
    for (size_t i = 0, n = h->count; i < n && i < h->count && rc == 0; i++) {
        BUF_AUTO struct buf name = {0}; /* the entry may go */
        struct slice table = h->entries[i]->table.name;
        if (buf_append(&name, table.p, table.len))
            return no_memory(err);
        rc = forget(h, (struct slice){name.data, name.len}, at, err);
    }
    return rc;
}

int history_ddl(struct history *h, const struct sql_statement *st, struct slice default_database,
                const struct position *at, struct ds_error *err)
{
    int rc = 0;
    if (!alters_columns(st->kind))
        return 0;
    if (st->kind == SQL_DROP_DATABASE)
        return forget_all(h, at, err);
    size_t len = strlen(h->database);
    for (size_t i = 0; i < st->name_count && rc == 0; i++) {
        struct slice database =
            st->names[i].database.len ? st->names[i].database : default_database;
        if (database.len == len && strncasecmp((const char *)database.p, h->database, len) == 0)
            rc = forget(h, st->names[i].name, at, err);
    }
    return rc;
}

/* --- reading the source --------------------------------------------------- */

enum column_of_result { R_TABLE, R_COLUMN, R_DATA_TYPE, R_TYPE, R_KEY, R_EXTRA, R_COLLATION };

static bool is_binary_type(const char *type)
{
    return strstr(type, "blob") || strstr(type, "binary");
}

static struct slice text_slice(const char *text)
{
    return (struct slice){(const uint8_t *)text, strlen(text)};
}

static struct msg_column column_of(MYSQL_ROW row, const struct collations *collations)
{
    struct msg_column c = {.name = text_slice(row[R_COLUMN])};
    if (row[R_TYPE] && strcasestr(row[R_TYPE], "unsigned"))
        c.flags |= COLUMN_UNSIGNED;
    if (row[R_KEY] && strcmp(row[R_KEY], "PRI") == 0)
        c.flags |= COLUMN_KEY;
    if (row[R_EXTRA] && strcasestr(row[R_EXTRA], "INVISIBLE"))
        c.flags |= COLUMN_INVISIBLE;
    if (row[R_COLLATION])
        c.collation = collation_id(collations, row[R_COLLATION]);
    else if (row[R_DATA_TYPE] && is_binary_type(row[R_DATA_TYPE]))
        c.collation = COLLATION_BINARY;
    return c;
}

static int add_pending(struct history *h, const char *table, struct msg_column *columns,
                       uint32_t count)
{
    static const struct position nowhere;
    BUF_AUTO struct buf raw = {0};
    struct msg_table m = {.database = text_slice(h->database),
                          .name = text_slice(table),
                          .flags = TABLE_NAMES | TABLE_SIGNEDNESS | TABLE_KEYS,
                          .column_count = count,
                          .columns = columns};
    int rc = message_write_table(&raw, &m);
    return rc ? rc : add_entry(h, &nowhere, (struct slice){raw.data, raw.len}, true);
}

/* Rows come sorted by table, and stay valid until the result is freed. */
static int take_rows(struct history *h, MYSQL_RES *rows, const struct collations *collations)
{
    struct msg_column *columns = calloc(MESSAGE_MAX_COLUMNS, sizeof *columns);
    const char *table = NULL;
    uint32_t n = 0;
    int rc = columns ? 0 : DS_ENOMEM;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(rows));) {
        if (table && strcmp(table, row[R_TABLE]) != 0) {
            rc = add_pending(h, table, columns, n);
            n = 0;
        }
        table = row[R_TABLE];
        if (n < MESSAGE_MAX_COLUMNS)
            columns[n++] = column_of(row, collations);
    }
    if (rc == 0 && table)
        rc = add_pending(h, table, columns, n);
    free(columns);
    return rc;
}

int history_load(struct history *h, MYSQL *source, struct ds_error *err)
{
    BUF_AUTO struct buf name = {0};
    if (sql_string(&name, h->database, strlen(h->database)))
        return no_memory(err);
    for (size_t i = h->count; i-- > 0;)
        if (h->entries[i]->pending)
            remove_entry(h, i);
    h->missing = h->altered = false;
    struct collations *collations = NULL;
    int rc = collations_read(&collations, source, err);
    MYSQL_RES *rows =
        rc ? NULL
           : db_select(source, err,
                       "SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, COLUMN_KEY, EXTRA, "
                       "COLLATION_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %s "
                       "ORDER BY TABLE_NAME, ORDINAL_POSITION",
                       buf_cstr(&name));
    if (rows && take_rows(h, rows, collations))
        rc = no_memory(err);
    else if (!rows)
        rc = err->code;
    mysql_free_result(rows);
    collations_free(collations);
    return rc;
}

/* What was read and not altered since holds from `at` on. */
static int confirm(struct history *h, const struct position *at, struct ds_error *err)
{
    BUF_AUTO struct buf bytes = {0};
    if (put_position(&bytes, at))
        return no_memory(err);
    for (size_t i = 0; i < h->count; i++) {
        struct entry *e = h->entries[i];
        if (!e->pending)
            continue;
        position_free(&e->at);
        if (position_copy(&e->at, at) || buf_append(&bytes, e->raw.data, e->raw.len))
            return no_memory(err);
        e->pending = false;
    }
    h->loading = false;
    h->version++;
    return append(h, &bytes, err);
}

int history_loaded(struct history *h, const struct position *now, const struct position *at,
                   struct ds_error *err)
{
    position_free(&h->now);
    if (position_copy(&h->now, now))
        return no_memory(err);
    h->loading = true;
    return history_advance(h, at, false, err);
}

int history_define(struct history *h, struct slice messages, const struct position *at,
                   struct ds_error *err)
{
    const uint8_t *p = messages.p, *end = messages.p + messages.len;
    struct arena arena = {0};
    BUF_AUTO struct buf bytes = {0};
    struct message m;
    int rc = put_position(&bytes, at) ? no_memory(err) : 0;
    while (rc == 0 && p < end) {
        rc = message_read(&p, end, &arena, &m, err);
        if (rc)
            break;
        if (add_entry(h, at, m.raw, false) || buf_append(&bytes, m.raw.p, m.raw.len))
            rc = no_memory(err);
        arena_reset(&arena, 65536);
    }
    arena_free(&arena);
    h->version++;
    return rc ? rc : append(h, &bytes, err);
}

int history_advance(struct history *h, const struct position *at, bool force, struct ds_error *err)
{
    int rc = 0;
    if (h->loading && position_reached(&h->now, at))
        rc = confirm(h, at, err);
    time_t now = clock_seconds();
    if (rc || h->fd < 0 || (!force && now - h->noted_at < NOTE_SECONDS))
        return rc;
    h->noted_at = now;
    BUF_AUTO struct buf bytes = {0};
    if (put_position(&bytes, at))
        return no_memory(err);
    if (bytes.len == h->noted.len && memcmp(bytes.data, h->noted.data, bytes.len) == 0)
        return 0;
    buf_clear(&h->noted);
    if (buf_append(&h->noted, bytes.data, bytes.len))
        return no_memory(err);
    if (h->file_bytes > FILE_MOST) {
        drop_superseded(h, at);
        return rewrite(h, at, err);
    }
    return append(h, &bytes, err);
}
