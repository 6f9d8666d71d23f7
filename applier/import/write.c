/* Rows → statements: inserts, which give the new ids, updates and deletes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "applier/bind.h"
#include "applier/import/documents.h"
#include "applier/import/drop.h"
#include "applier/import/files.h"
#include "applier/import/import_internal.h"
#include "applier/import/options.h"
#include "applier/import/resolve.h"
#include "applier/import/seen.h"
#include "schema/db.h"
#include "schema/db_later.h"

enum { ROWS_PER_INSERT = 1000, BYTES_PER_INSERT = 1 << 20 };

/* --- steps -------------------------------------------------------------------------------- */

static struct net *net_of(struct import *im, const struct import_row *row, enum net_op op,
                          const uint64_t *changed)
{
    struct slice none = {NULL, 0};
    struct net *n = arena_zalloc(&im->arena, sizeof *n);
    if (n)
        *n = (struct net){.table = row->origin->table,
                          .origin = row->origin,
                          .key = row->place,
                          .after = row->values,
                          .changed = (uint64_t *)changed,
                          .op = op,
                          .source_id = row->place ? none : row->id};
    return n;
}

static void count_rows(struct import *im, const struct import_table *t, enum net_op op,
                       uint32_t count)
{
    uint64_t *rows = im->pending[t->place].rows;
    rows[op == NET_INSERT ? 0 : op == NET_UPDATE ? 1 : 2] += count;
}

static int run_step(struct import *im, const struct import_table *t, enum net_op op,
                    struct net **nets, uint32_t count, uint64_t *ids, struct ds_error *err)
{
    struct step step = {.target = t->target,
                        .op = op,
                        .flags = im->keys_unchecked ? CHANGE_NO_FK_CHECKS : 0,
                        .bulk = im->server->mariadb,
                        .nets = nets,
                        .count = count,
                        .ids = ids};
    if (im->options.dry_run)
        im->counters->rows_written += count;
    count_rows(im, t, op, count);
    return count && !im->options.dry_run
               ? writer_step(im->writer, &step, &im->counters->rows_written, err)
               : 0;
}

static struct net **room(struct import *im, uint32_t count)
{
    return arena_alloc(&im->arena, (count + 1) * sizeof(struct net *));
}

/* --- inserts --------------------------------------------------------------------------------- */

static bool is_set(const struct import_row *row, uint32_t i)
{
    return row->values[i] && !row->table->target->columns[i].generated;
}

static bool same_shape(const struct import_row *x, const struct import_row *y)
{
    for (uint32_t i = 0; i < x->table->target->column_count; i++)
        if (is_set(x, i) != is_set(y, i))
            return false;
    return true;
}

static int insert_head(const struct import_row *row, struct buf *sql)
{
    const struct target_table *t = row->table->target;
    int rc = buf_puts(sql, "INSERT INTO ") | sql_identifier(sql, t->name) | buf_puts(sql, " (");
    bool first = true;
    for (uint32_t i = 0; i < t->column_count; i++) {
        if (!is_set(row, i))
            continue;
        rc |= (first ? 0 : buf_puts(sql, ", ")) | sql_identifier(sql, t->columns[i].name);
        first = false;
    }
    return rc | buf_puts(sql, ") VALUES ");
}

static int insert_row(const struct import_row *row, struct buf *sql, struct ds_error *err)
{
    const struct target_table *t = row->table->target;
    const char *between = "(";
    int rc = 0;
    for (uint32_t i = 0; i < t->column_count && rc == 0; i++) {
        if (!is_set(row, i))
            continue;
        rc = buf_puts(sql, between) ? import_no_memory(err)
                                    : bind_literal(sql, &t->columns[i], row->values[i], err);
        between = ", ";
    }
    return rc ? rc : buf_puts(sql, *between == '(' ? "()" : ")") ? import_no_memory(err) : 0;
}

static int registered(struct import *im, struct import_row *row, uint64_t id, struct ds_error *err)
{
    struct slice none = {NULL, 0};
    row->target_id = id;
    if (row->table->root && row->table->new_ids && import_see(im, row->table->type, id))
        return import_no_memory(err);
    return row->table->type != UINT32_MAX && row->id.p &&
                   registry_add(im->registry, row->table->type, row->id, id, ORIGIN_CREATED, none)
               ? import_no_memory(err)
               : 0;
}

static int learn_id(struct import *im, struct import_row *row, uint64_t id, struct ds_error *err)
{
    row->place = arena_alloc(&im->arena, sizeof *row->place);
    if (row->place)
        row->place[0] = import_number(&im->arena, id);
    if (!row->place || !row->place[0])
        return import_no_memory(err);
    row->state = ROW_WRITTEN;
    return row->table->new_ids ? registered(im, row, id, err) : 0;
}

/* The column that the destination counts; NO_COLUMN: none. */
static uint32_t counted_column(const struct import_table *t)
{
    const struct target_key *key = t->target->row_key;
    bool counts = t->target->auto_increment >= 0 && key->count == 1 &&
                  key->columns[0] == (uint32_t)t->target->auto_increment;
    return counts ? key->columns[0] : NO_COLUMN;
}

static int explain(const struct import_row *row, uint32_t count, int rc, struct ds_error *err)
{
    if (rc == DS_ESERVER)
        rc = err->code = DS_ECONFLICT;
    error_at_table(err, NULL, row->table->target->name);
    if (count == 1 && row->id.p) {
        char key[100];
        snprintf(key, sizeof key, "source id %.*s", (int)row->id.len, (const char *)row->id.p);
        error_at_key(err, key);
    }
    return rc;
}

/* MySQL tells the first new id; the others follow it at its increment, since the statement has its
 * rows as a plain list. A dry run makes ids up. */
static int insert_counted(struct import *im, struct import_row *const *rows, uint32_t count,
                          const struct buf *sql, struct ds_error *err)
{
    uint64_t step = im->options.dry_run ? 1 : im->increment, next = im->made_up + 1;
    int rc = 0;
    if (im->options.dry_run) {
        im->made_up += count;
    } else {
        rc = db_exec_len(im->db, (const char *)sql->data, sql->len, err);
        next = mysql_insert_id(im->db);
        rc = rc ? rc : writer_check(im->writer, rows[0]->table->target, err);
    }
    if (rc)
        return explain(rows[0], count, rc, err);
    for (uint32_t i = 0; i < count && rc == 0; i++, next += step)
        rc = learn_id(im, rows[i], next, err);
    return rc;
}

/* As many rows as go into a statement, all of one shape. */
static int make_statement(struct import_row *const *rows, uint32_t count, struct buf *sql,
                          uint32_t *used, struct ds_error *err)
{
    uint32_t alike = 1, n = 0;
    while (alike < count && alike < ROWS_PER_INSERT && same_shape(rows[0], rows[alike]))
        alike++;
    buf_clear(sql);
    int rc = insert_head(rows[0], sql) ? import_no_memory(err) : 0;
    while (n < alike && sql->len < BYTES_PER_INSERT && rc == 0) {
        rc = n && buf_puts(sql, ",") ? import_no_memory(err) : 0;
        rc = rc ? rc : insert_row(rows[n++], sql, err);
    }
    *used = n;
    return rc ? explain(rows[0], n, rc, err) : 0;
}

static int insert_lists(struct import *im, struct import_row *const *rows, uint32_t count,
                        struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    int rc = 0;
    for (uint32_t at = 0, n; at < count && rc == 0; at += n) {
        rc = make_statement(rows + at, count - at, &sql, &n, err);
        rc = rc ? rc : insert_counted(im, rows + at, n, &sql, err);
        im->counters->rows_written += rc ? 0 : n;
        count_rows(im, rows[0]->table, NET_INSERT, n);
    }
    return rc;
}

static struct net **nets_of(struct import *im, struct import_row *const *rows, uint32_t count,
                            enum net_op op)
{
    struct net **nets = arena_alloc(&im->arena, (count + 1) * sizeof *nets);
    for (uint32_t i = 0; nets && i < count; i++)
        if (!(nets[i] = net_of(im, rows[i], op, rows[i]->changed)))
            return NULL;
    return nets;
}

/* New rows that are to get ids. */
static int insert_returning(struct import *im, struct import_row *const *rows, uint32_t count,
                            struct ds_error *err)
{
    if (!im->server->mariadb || im->options.dry_run)
        return insert_lists(im, rows, count, err);
    int rc = import_hold_places(im, rows[0]->table, err);
    if (rc)
        return rc;
    for (uint32_t i = 0; i < count; i++) /* a row may have nothing else that is not NULL */
        rows[i]->values[counted_column(rows[i]->table)] = import_null;
    struct net **nets = nets_of(im, rows, count, NET_INSERT);
    uint64_t *ids = arena_zalloc(&im->arena, count * sizeof *ids);
    if (!nets || !ids)
        return import_no_memory(err);
    rc = run_step(im, rows[0]->table, NET_INSERT, nets, count, ids, err);
    /* what was registered before goes while the last of them are inserted, which are then */
    rc = rc                             ? rc
         : registry_waits(im->registry) ? registry_flush(im->registry, err)
                                        : db_settle(im->db, err);
    for (uint32_t i = 0; i < count && rc == 0; i++)
        rc = learn_id(im, rows[i], ids[i], err);
    return rc;
}

/* The values of the target's key, where the row has them all. */
static int place_from_values(struct import *im, struct import_row *row, struct ds_error *err)
{
    const struct target_key *key = row->table->target->row_key;
    const uint8_t **place = arena_alloc(&im->arena, key->count * sizeof *place);
    if (!place)
        return import_no_memory(err);
    for (uint32_t i = 0; i < key->count; i++)
        if (!(place[i] = row->values[key->columns[i]]))
            return 0;
    row->place = place;
    return 0;
}

static int insert_plain(struct import *im, struct import_row *const *rows, uint32_t count,
                        struct ds_error *err)
{
    struct net **nets = nets_of(im, rows, count, NET_INSERT);
    if (!nets)
        return import_no_memory(err);
    int rc = run_step(im, rows[0]->table, NET_INSERT, nets, count, NULL, err);
    for (uint32_t i = 0; i < count && rc == 0; i++) {
        const struct import_table *t = rows[i]->table;
        char scratch[32];
        bool null;
        rows[i]->state = ROW_WRITTEN;
        rc = place_from_values(im, rows[i], err);
        if (rc || t->type == UINT32_MAX)
            continue;
        struct slice id = import_text(rows[i]->values[t->id_target], scratch, &null);
        char number[32];
        snprintf(number, sizeof number, "%.*s", (int)id.len, (const char *)id.p);
        rc = registered(im, rows[i], strtoull(number, NULL, 10), err);
    }
    return rc;
}

static bool waits(const struct import_row *row)
{
    return row->waits;
}

static bool has_old_id(const struct import_row *row)
{
    return row->old_id != 0;
}

/* Those come first of which `is` is true. */
static uint32_t put_first(struct import_row **rows, uint32_t count,
                          bool (*is)(const struct import_row *row))
{
    uint32_t first = 0;
    for (uint32_t i = 0; i < count; i++)
        if (is(rows[i])) {
            struct import_row *row = rows[i];
            rows[i] = rows[first];
            rows[first++] = row;
        }
    return first;
}

/* New rows that get the ids that they had before. */
static int insert_again(struct import *im, struct import_row *const *rows, uint32_t count,
                        struct ds_error *err)
{
    for (uint32_t i = 0; i < count; i++)
        if (!(rows[i]->values[rows[i]->table->id_target] =
                  import_number(&im->arena, rows[i]->old_id)))
            return import_no_memory(err);
    return count ? insert_plain(im, rows, count, err) : 0;
}

/* The value is another's that the source has, too. */
static void add_namesake(const struct import_row *row, struct ds_error *err)
{
    size_t len = strlen(err->message);
    if (!row->namesake || err->server_errno != IMPORT_DUPLICATE)
        return;
    snprintf(err->message + len, sizeof err->message - len,
             "; the destination has it in the row of source id %s, which the source has, too: sync "
             "that first, or both together",
             row->namesake);
}

static int insert_rows(struct import *im, struct import_row **rows, uint32_t count,
                       struct ds_error *err)
{
    const struct import_row *only = count == 1 ? rows[0] : NULL;
    uint32_t again = put_first(rows, count, has_old_id);
    int rc = import_postpone_inserts(im, rows, count, err);
    rc = rc ? rc : insert_again(im, rows, again, err);
    rows += again;
    count -= rc ? count : again;
    if (count && !rows[0]->table->new_ids) {
        bool counts = counted_column(rows[0]->table) != NO_COLUMN;
        uint32_t waiting = counts ? put_first(rows, count, waits) : 0;
        if (waiting < count)
            rc = insert_plain(im, rows + waiting, count - waiting, err);
        count = waiting;
    }
    rc = rc || !count ? rc : insert_returning(im, rows, count, err);
    import_postponed_inserted(im);
    if (rc && only)
        add_namesake(only, err);
    return rc;
}

/* --- updates ------------------------------------------------------------------------------------
 */

static bool in_row_key(const struct target_table *t, uint32_t column)
{
    for (uint32_t i = 0; i < t->row_key->count; i++)
        if (t->row_key->columns[i] == column)
            return true;
    return false;
}

/* A date of zeros is none. */
static bool is_empty(const struct target_column *c, const uint8_t *raw)
{
    static const char zero[] = "0000-00-00";
    char scratch[32];
    bool null;
    struct slice text = import_text(raw, scratch, &null);
    return text.len == 0 || (c->class == TARGET_TEMPORAL && text.len >= sizeof zero - 1 &&
                             memcmp(text.p, zero, sizeof zero - 1) == 0);
}

/* Where both shops are merged, what the source has empty stays. */
static bool is_merged(const struct import *im, const struct import_row *row)
{
    bool replaced =
        import_is_option(row->table) && import_options_mode(im, row->entity) == OPTIONS_REPLACE;
    return import_is_merged(im, row->entity) && !replaced;
}

/* Written, it would be put right again: the number of children (aftermath.c), and that a product
 * has no options, where those of both shops come together (options.c). */
static bool is_worked_out(const struct import *im, const struct import_row *row, uint32_t i)
{
    const struct import_table *t = row->table;
    bool option = i == t->has_options || i == t->required_options;
    return i == t->children || (option && import_is_zero(row->values[i]) &&
                                import_options_mode(im, row->entity) != OPTIONS_REPLACE);
}

/* Which columns are to be set? Of a row that comes whole all of them, of a change what it changes;
 * where both shops are merged, what the source has. */
bool import_sets(const struct import *im, const struct import_row *row, uint32_t i)
{
    const struct import_table *t = row->table;
    bool merged = is_merged(im, row);
    if (!row->values[i] || t->target->columns[i].generated || i == t->id_target ||
        (in_row_key(t->target, i) && row->op != CHANGE_UPDATE))
        return false;
    if ((row->was && import_same(row->was[i], row->values[i])) || is_worked_out(im, row, i))
        return false;
    return !merged || !is_empty(&t->target->columns[i], row->values[i]);
}

static bool is_there(const struct import_row *row, uint32_t i)
{
    return row->same && row->same[i / 64] >> (i % 64) & 1;
}

int import_update_columns(struct import *im, struct import_row *const *rows, uint32_t count,
                          struct ds_error *err)
{
    int rc = 0;
    for (uint32_t first = 0, end; first < count && rc == 0; first = end) {
        for (end = first; end < count && rows[end]->table == rows[first]->table;)
            end++;
        struct net **nets = nets_of(im, rows + first, end - first, NET_UPDATE);
        if (!nets)
            return import_no_memory(err);
        /* what else the row has is as it was inserted */
        rc = run_step(im, rows[first]->table, NET_UPDATE, nets, end - first, NULL, err);
    }
    return rc;
}

/* Its id has changed at the source; the destination's row stays the same. */
static int follow_id(struct import *im, struct import_row *row, struct ds_error *err)
{
    const struct import_table *t = row->table;
    char scratch[32];
    bool null;
    struct slice none = {NULL, 0};
    if (t->type == UINT32_MAX || !row->before || !row->after[t->id_source])
        return 0;
    struct slice id = import_text(row->after[t->id_source], scratch, &null);
    if (null || (id.len == row->id.len && memcmp(id.p, row->id.p, id.len) == 0))
        return 0;
    enum origin origin = row->entity->matched ? ORIGIN_MATCHED : ORIGIN_CREATED;
    return registry_remove(im->registry, t->type, row->id) ||
                   registry_add(im->registry, t->type, id, row->target_id, origin, none)
               ? import_no_memory(err)
               : 0;
}

static int update_rows(struct import *im, struct import_row **rows, uint32_t count,
                       struct ds_error *err)
{
    uint32_t changing = 0;
    int rc = import_compare(im, rows, count, err);
    for (uint32_t i = 0; i < count && rc == 0; i++) {
        struct import_row *row = rows[i];
        const struct target_table *t = row->table->target;
        uint64_t *changed = arena_zalloc(&im->arena, (t->column_count + 63) / 64 * 8);
        bool any = false;
        if (!changed)
            return import_no_memory(err);
        for (uint32_t c = 0; c < t->column_count; c++)
            if (!import_sets(im, row, c)) {
                row->values[c] = NULL;
            } else if (!is_there(row, c)) { /* else it may be written along with other rows */
                changed[c / 64] |= 1ull << (c % 64);
                any = true;
            }
        row->changed = changed;
        row->state = ROW_WRITTEN;
        rc = follow_id(im, row, err);
        if (any)
            rows[changing++] = row;
        if ((any || row->same) && rc == 0 && import_tell(im, row, CHANGE_UPDATE))
            rc = import_no_memory(err);
    }
    rc = rc ? rc : import_postpone_updates(im, rows, &changing, err);
    return rc ? rc : import_update_exchanging(im, rows, changing, err);
}

/* A value of something that stays as it is. */
static bool is_value_of_old(const struct import_row *row)
{
    const struct import_table *t = row->table;
    return t->attribute != NO_COLUMN && t->value != NO_COLUMN &&
           !(row->parent && row->parent->fresh);
}

static int write_checked(struct import *im, struct import_row **old, uint32_t old_count,
                         struct import_row **new, uint32_t new_count, struct ds_error *err)
{
    int rc = update_rows(im, old, old_count, err);
    return rc ? rc : insert_rows(im, new, new_count, err);
}

/* Rows may name others that the source has deleted with foreign key checks off. That is found out
 * when the server refuses them: then the registry knows only those, and what is there. */
static int write_lists(struct import *im, struct import_row **old, uint32_t old_count,
                       struct import_row **new, uint32_t new_count, struct ds_error *err)
{
    struct ds_error other = {0};
    uint32_t o = im->doubts ? put_first(old, old_count, import_is_unchecked) : 0,
             n = im->doubts ? put_first(new, new_count, import_is_unchecked) : 0;
    if (o + n) {
        int rc = import_check_keys(im, false, err);
        rc = rc ? rc : write_checked(im, old, o, new, n, err);
        int back = import_check_keys(im, true, rc ? &other : err);
        if (rc || back)
            return rc ? rc : back;
    }
    return write_checked(im, old + o, old_count - o, new + n, new_count - n, err);
}

int import_write_rows(struct import *im, uint32_t first, uint32_t end, struct ds_error *err)
{
    struct import_row **new = arena_alloc(&im->arena, (end - first + 1) * sizeof(void *));
    struct import_row **old = arena_alloc(&im->arena, (end - first + 1) * sizeof(void *));
    uint32_t new_count = 0, old_count = 0;
    if (import_is_sequence(im->rows[first]->table))
        return import_note_sequences(im, first, end) ? import_no_memory(err) : 0;
    if (!new || !old)
        return import_no_memory(err);
    for (uint32_t i = first; i < end; i++) {
        struct import_row *row = im->rows[i];
        if (row->op == CHANGE_DELETE || (row->state != ROW_NEW && row->state != ROW_FOUND))
            continue;
        enum import_policy policy = row->entity->policy;
        bool stays = import_option_stays(im, row);
        bool writes =
            !row->entity->left && !stays && (policy == IMPORT_WRITE || row->state == ROW_NEW);
        if (policy == IMPORT_REFER && is_value_of_old(row))
            writes = false;
        if (writes && policy != IMPORT_MATCH && import_note(im, row))
            return import_no_memory(err);
        if (import_note_number(im, row))
            return import_no_memory(err);
        row->written = writes && policy != IMPORT_MATCH;
        if (row->written && !import_comes_again(row) && import_count_emptied(im, row))
            return import_no_memory(err);
        if (row->written && import_note_file(im, row, err))
            return err->code;
        if (row->entity->left || (row->state == ROW_NEW && !row->written))
            row->state = ROW_LEFT;
        else if (row->state == ROW_NEW)
            new[new_count++] = row;
        else if (policy == IMPORT_WRITE && !stays)
            old[old_count++] = row;
        else
            row->state = ROW_WRITTEN; /* as it is */
    }
    int rc = 0;
    for (uint32_t i = 0; i < new_count && rc == 0; i++)
        rc = import_check_fit(im, new[i], err);
    for (uint32_t i = 0; i < old_count && rc == 0; i++)
        rc = import_check_fit(im, old[i], err);
    /* a new row may have what an old one had before: a SKU, an id */
    rc = rc ? rc : import_note_moves(im, old, old_count, err);
    rc = rc ? rc : import_keep_singles(im, old, old_count, new, new_count, err);
    rc = rc ? rc : write_lists(im, old, old_count, new, new_count, err);
    for (uint32_t i = 0; i < new_count && rc == 0; i++)
        rc = import_tell(im, new[i], CHANGE_INSERT) || import_note_placed(im, new[i])
                 ? import_no_memory(err)
                 : 0;
    return rc;
}

/* --- deletes
 * ---------------------------------------------------------------------------------------- */

/* Where its id is the key, it is in its place. */
static int forget_places(struct import *im, const struct import_table *t, const uint8_t ***places,
                         uint32_t count, struct ds_error *err)
{
    BUF_AUTO struct buf ids = {0};
    if (t->target->row_key->count != 1 || t->target->row_key->columns[0] != t->id_target)
        return 0;
    for (uint32_t i = 0; i < count; i++) {
        char scratch[32];
        bool null;
        struct slice id = import_text(places[i][0], scratch, &null);
        if ((i && buf_puts(&ids, ",")) || buf_append(&ids, id.p, id.len))
            return import_no_memory(err);
    }
    return import_forget(im, t->entity, t->entry, buf_cstr(&ids), err);
}

static int delete_places(struct import *im, const struct import_table *t, const uint8_t ***places,
                         uint32_t count, uint32_t flags, struct ds_error *err)
{
    struct source_table *table = arena_zalloc(&im->arena, sizeof *table); /* for messages */
    struct net **nets = room(im, count);
    struct net *all = arena_zalloc(&im->arena, (count + 1) * sizeof *all);
    if (!nets || !all || !table)
        return import_no_memory(err);
    table->target = t->target;
    count_rows(im, t, NET_DELETE, count);
    for (uint32_t i = 0; i < count; i++) {
        all[i] = (struct net){.table = table, .key = places[i], .op = NET_DELETE};
        nets[i] = &all[i];
    }
    struct step step = {.target = t->target,
                        .op = NET_DELETE,
                        .flags = flags,
                        .uncounted = true,
                        .nets = nets,
                        .count = count};
    return count && !im->options.dry_run
               ? writer_step(im->writer, &step, &im->counters->rows_written, err)
               : 0;
}

int import_delete_places(struct import *im, const struct import_table *t, const uint8_t ***places,
                         uint32_t count, struct ds_error *err)
{
    int rc = count ? import_note_votes_gone(im, t, places, count, err) : 0;
    if (rc == 0 && count && t->type != UINT32_MAX)
        rc = forget_places(im, t, places, count, err);
    return rc ? rc : delete_places(im, t, places, count, 0, err);
}

int import_delete_alone(struct import *im, const struct import_table *t, const uint8_t ***places,
                        uint32_t count, struct ds_error *err)
{
    struct ds_error other = {0};
    int rc = delete_places(im, t, places, count, CHANGE_NO_FK_CHECKS, err);
    int back = import_check_keys(im, true, rc ? &other : err);
    return rc ? rc : back;
}
