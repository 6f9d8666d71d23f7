#include "agent/cli/migrate_changes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/runner.h"
#include "schema/list.h"
#include "schema/log.h"

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for rows of a step");
}

/* --- rows by key ----------------------------------------------------------------------------- */

struct keyed {
    struct slice key, image;
};

struct comparing {
    struct row_changes *changes;
    const struct wanted_rows *wanted;
    uint32_t columns;
    const uint8_t **was, **is; /* by column, of the rows in hand */
    struct arena arena;
    bool defined;
};

static bool read_column(const uint8_t *raw, struct value *v)
{
    const uint8_t *p = raw;
    return value_read(&p, raw + value_length(raw), v) == 0;
}

static bool is_text(const struct value *v)
{
    return v->kind == VALUE_TEXT || v->kind == VALUE_BYTES;
}

/* A text may be in either form (map_value.h, snapshot_rows.h). */
static bool same_value(const uint8_t *x, const uint8_t *y)
{
    size_t len = value_length(x);
    struct value a, b;
    if (len == value_length(y) && memcmp(x, y, len) == 0)
        return true;
    return read_column(x, &a) && read_column(y, &b) && is_text(&a) && is_text(&b) &&
           a.bytes.len == b.bytes.len &&
           (!a.bytes.len || memcmp(a.bytes.p, b.bytes.p, a.bytes.len) == 0);
}

static int split(const struct comparing *c, struct slice image, const uint8_t **columns,
                 struct ds_error *err)
{
    return image_split(image, c->columns, columns)
               ? error_set(err, DS_EFORMAT, "a row of table %s is malformed",
                           c->wanted->here->plan.name)
               : 0;
}

static int take_key(struct comparing *c, struct slice image, struct keyed *out,
                    struct ds_error *err)
{
    BUF_AUTO struct buf key = {0};
    int rc = split(c, image, c->is, err);
    for (uint32_t i = 0; rc == 0 && i < c->columns; i++) {
        struct value v;
        if (!(c->wanted->here->plan.described[i].flags & COLUMN_KEY))
            continue;
        bool text = read_column(c->is[i], &v) && is_text(&v);
        if (text ? value_write_bytes(&key, v.bytes.p, v.bytes.len)
                 : buf_append(&key, c->is[i], value_length(c->is[i])))
            rc = no_memory(err);
    }
    if (rc)
        return rc;
    *out = (struct keyed){{arena_copy(&c->arena, key.data, key.len), key.len}, image};
    return out->key.p ? 0 : no_memory(err);
}

static int by_key(const void *a, const void *b)
{
    const struct keyed *x = a, *y = b;
    size_t len = x->key.len < y->key.len ? x->key.len : y->key.len;
    int order = memcmp(x->key.p, y->key.p, len);
    return order ? order : (x->key.len > y->key.len) - (x->key.len < y->key.len);
}

static int sort_rows(struct comparing *c, const struct slice *rows, size_t count,
                     struct keyed **out, struct ds_error *err)
{
    int rc = 0;
    *out = calloc(count + 1, sizeof **out);
    if (!*out)
        return no_memory(err);
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = take_key(c, rows[i], &(*out)[i], err);
    if (rc == 0)
        qsort(*out, count, sizeof **out, by_key);
    return rc;
}

/* The row of that key; NULL: there is none. */
static struct keyed *find_row(struct keyed *rows, size_t count, const struct keyed *like)
{
    return count ? bsearch(like, rows, count, sizeof *rows, by_key) : NULL;
}

int row_list_add(struct row_list *l, struct slice image, struct ds_error *err)
{
    uint8_t *kept = arena_copy(&l->arena, image.p, image.len);
    if (!kept || LIST_ROOM(l->items, l->count, l->capacity))
        return no_memory(err);
    l->items[l->count++] = (struct slice){kept, image.len};
    return 0;
}

void row_list_free(struct row_list *l)
{
    free(l->items);
    arena_free(&l->arena);
    *l = (struct row_list){0};
}

/* The table will have this row. */
static int keep(const struct comparing *c, struct slice image, struct ds_error *err)
{
    return c->wanted->all ? row_list_add(c->wanted->all, image, err) : 0;
}

/* --- messages -------------------------------------------------------------------------------- */

static int define(struct comparing *c, struct ds_error *err)
{
    const struct msg_table table = whole_table_definition(c->wanted->here);
    if (c->defined)
        return 0;
    c->defined = true;
    return message_write_table(&c->changes->messages, &table) ? no_memory(err) : 0;
}

static int put_silently(struct comparing *c, struct buf *to, enum change_op op, struct slice before,
                        struct slice after, struct ds_error *err)
{
    const bool keys =
        !c->wanted->without_keys || (op == CHANGE_DELETE && c->wanted->deletes_cascade);
    const struct msg_change m = {.table_id = c->wanted->here->plan.id,
                                 .op = op,
                                 .flags = keys ? 0 : CHANGE_NO_FK_CHECKS,
                                 .before = before,
                                 .after = after};
    int rc = define(c, err);
    return rc ? rc : message_write_change(to, &m) ? no_memory(err) : 0;
}

static int put(struct comparing *c, struct buf *to, enum change_op op, struct slice before,
               struct slice after, struct ds_error *err)
{
    if (c->wanted->tell)
        c->wanted->tell(c->wanted->arg, op, op == CHANGE_DELETE ? before : after);
    return put_silently(c, to, op, before, after, err);
}

static int insert(struct comparing *c, struct slice image, struct ds_error *err)
{
    int rc = keep(c, image, err);
    c->changes->inserted++;
    return rc ? rc : put(c, &c->changes->messages, CHANGE_INSERT, (struct slice){0}, image, err);
}

/* *gone: deletes of this table. */
static int delete (struct comparing *c, struct slice image, struct buf *gone, struct ds_error *err)
{
    if (!c->wanted->only)
        return keep(c, image, err);
    c->changes->deleted++;
    return put(c, gone, CHANGE_DELETE, image, (struct slice){0}, err);
}

/* Whole after images, since who tells of them reads them. */
static int update(struct comparing *c, struct slice was, struct slice is, struct ds_error *err)
{
    BUF_AUTO struct buf after = {0};
    bool same = true;
    int rc = split(c, was, c->was, err);
    rc = rc ? rc : split(c, is, c->is, err);
    if (rc)
        return rc;
    rc = image_write_head(&after, c->columns);
    for (uint32_t i = 0; i < c->columns && rc == 0; i++) {
        bool stays = *c->is[i] == VALUE_BYTE_ABSENT || same_value(c->was[i], c->is[i]);
        const uint8_t *raw = stays ? c->was[i] : c->is[i];
        same &= stays;
        rc = buf_append(&after, raw, value_length(raw));
    }
    const struct slice image = {after.data, after.len};
    rc = rc ? no_memory(err) : keep(c, image, err);
    if (rc || same)
        return rc;
    c->changes->updated++;
    return put(c, &c->changes->messages, CHANGE_UPDATE, was, image, err);
}

/* --- unique values that move to another row ----------------------------------------------------
 *
 * The row that has it now gives it up first: no order of the other changes would do for rows that
 * exchange theirs. */

/* Texts that differ in letters' case may be the same to the key. */
static void fold_case(struct buf *text)
{
    for (size_t i = 0; i < text->len; i++)
        if (text->data[i] >= 'A' && text->data[i] <= 'Z')
            text->data[i] = (uint8_t)(text->data[i] - 'A' + 'a');
}

/* *has false: it has none, a part is NULL or not told. `alike`: by what it may collide with others.
 */
static int take_unique(struct comparing *c, const struct target_key *k, const struct keyed *row,
                       bool alike, struct keyed *out, bool *has, struct ds_error *err)
{
    BUF_AUTO struct buf values = {0};
    int rc = split(c, row->image, c->is, err);
    *has = true;
    for (uint32_t i = 0; i < k->count && rc == 0 && *has; i++) {
        const uint8_t *raw = c->is[k->columns[i]];
        struct value v;
        *has = *raw != VALUE_BYTE_NULL && *raw != VALUE_BYTE_ABSENT;
        bool text = read_column(raw, &v) && is_text(&v);
        if (text ? value_write_bytes(&values, v.bytes.p, v.bytes.len)
                 : buf_append(&values, raw, value_length(raw)))
            rc = no_memory(err);
    }
    if (rc || !*has)
        return rc;
    if (alike)
        fold_case(&values);
    *out = (struct keyed){{arena_copy(&c->arena, values.data, values.len), values.len}, row->key};
    return out->key.p ? 0 : no_memory(err);
}

/* What may be said in its place for a while; UINT32_MAX: nothing. */
static uint32_t free_column(const struct target_table *t, const struct target_key *k,
                            bool without_keys)
{
    for (uint32_t i = 0; i < k->count; i++)
        if (t->columns[k->columns[i]].nullable)
            return k->columns[i];
    for (uint32_t i = 0; i < k->count; i++)
        if (t->columns[k->columns[i]].class == TARGET_TEXT)
            return k->columns[i];
    for (uint32_t i = 0; i < k->count; i++)
        if (without_keys && t->columns[k->columns[i]].class == TARGET_INT &&
            t->columns[k->columns[i]].width)
            return k->columns[i];
    return UINT32_MAX;
}

/* NULL, a text, or one of the highest numbers. */
static int put_aside(const struct target_column *c, size_t number, struct buf *out)
{
    char text[40];
    if (c->nullable)
        return value_write_null(out);
    if (c->class == TARGET_INT)
        return value_write_uint(out,
                                (UINT64_MAX >> (64 - c->width * 8 + !c->is_unsigned)) - number);
    int len = snprintf(text, sizeof text, "~%zu~", number);
    return value_write_bytes(out, text, (size_t)len);
}

static int step_aside(struct comparing *c, uint32_t column, struct keyed *row, size_t number,
                      struct ds_error *err)
{
    BUF_AUTO struct buf after = {0};
    int rc = split(c, row->image, c->was, err);
    if (rc)
        return rc;
    rc = image_write_head(&after, c->columns);
    for (uint32_t i = 0; i < c->columns && rc == 0; i++)
        rc = i != column ? buf_append(&after, c->was[i], value_length(c->was[i]))
                         : put_aside(&c->wanted->target->columns[i], number, &after);
    struct slice image = {arena_copy(&c->arena, after.data, after.len), after.len};
    if (rc || !image.p)
        return no_memory(err);
    rc = put_silently(c, &c->changes->messages, CHANGE_UPDATE, row->image, image, err);
    row->image = image;
    return rc;
}

/* Does the row lose its value, or go? */
static int gives_up(struct comparing *c, const struct target_key *k, const struct keyed *row,
                    const struct keyed *becomes, bool *gives, struct ds_error *err)
{
    struct keyed now = {0}, next = {0};
    bool has = false;
    *gives = !becomes && c->wanted->only;
    if (!becomes)
        return 0;
    int rc = take_unique(c, k, row, false, &now, &has, err);
    rc = rc ? rc : take_unique(c, k, becomes, false, &next, gives, err);
    *gives = rc == 0 && has && *gives && by_key(&next, &now) != 0;
    return rc;
}

static int free_values(struct comparing *c, const struct target_key *k, struct keyed *is,
                       struct keyed *was, struct ds_error *err)
{
    const size_t count = c->wanted->count;
    const uint32_t column = free_column(c->wanted->target, k, c->wanted->without_keys);
    struct keyed *taken = calloc(count + 1, sizeof *taken);
    size_t n = 0;
    bool has = false;
    int rc = taken ? 0 : no_memory(err);
    for (size_t i = 0; i < count && rc == 0; i++) {
        rc = take_unique(c, k, &is[i], true, &taken[n], &has, err);
        n += rc == 0 && has;
    }
    if (rc == 0)
        qsort(taken, n, sizeof *taken, by_key);
    for (size_t i = 0; i < c->wanted->here->count && rc == 0 && column != UINT32_MAX; i++) {
        struct keyed value;
        bool gives = false;
        rc = take_unique(c, k, &was[i], true, &value, &has, err);
        if (rc == 0 && has && find_row(taken, n, &value))
            rc = gives_up(c, k, &was[i], find_row(is, count, &was[i]), &gives, err);
        if (rc == 0 && gives)
            rc = step_aside(c, column, &was[i], i, err);
    }
    free(taken);
    return rc;
}

static int free_all_values(struct comparing *c, struct keyed *is, struct keyed *was,
                           struct ds_error *err)
{
    const struct target_table *t = c->wanted->target;
    int rc = 0;
    for (uint32_t i = 0; t && i < t->key_count && rc == 0; i++)
        if (t->keys[i].unique && !t->keys[i].primary)
            rc = free_values(c, &t->keys[i], is, was, err);
    return rc;
}

static int compare(struct comparing *c, const struct keyed *is, const struct keyed *was,
                   struct buf *gone, struct ds_error *err)
{
    size_t i = 0, k = 0, count = c->wanted->count, have = c->wanted->here->count;
    int rc = 0;
    while ((i < count || k < have) && rc == 0) {
        int order = i == count ? 1 : k == have ? -1 : by_key(&is[i], &was[k]);
        rc = order < 0   ? insert(c, is[i].image, err)
             : order > 0 ? delete (c, was[k].image, gone, err)
                         : update(c, was[k].image, is[i].image, err);
        i += order <= 0;
        k += order >= 0;
    }
    return rc;
}

int row_changes_add(struct row_changes *c, const struct wanted_rows *w, struct ds_error *err)
{
    struct comparing x = {.changes = c, .wanted = w, .columns = w->here->plan.column_count};
    struct keyed *is = NULL, *was = NULL;
    BUF_AUTO struct buf gone = {0};
    x.was = calloc(x.columns + 1, sizeof *x.was);
    x.is = calloc(x.columns + 1, sizeof *x.is);
    int rc = x.was && x.is ? 0 : no_memory(err);
    rc = rc ? rc : sort_rows(&x, w->rows, w->count, &is, err);
    rc = rc ? rc : sort_rows(&x, w->here->rows, w->here->count, &was, err);
    rc = rc ? rc : free_all_values(&x, is, was, err);
    rc = rc ? rc : compare(&x, is, was, &gone, err);
    if (rc == 0 && gone.len) { /* before those of the tables that this one may refer to */
        struct buf earlier = c->deletes;
        if (buf_append(&gone, earlier.data, earlier.len))
            rc = no_memory(err);
        if (rc == 0) {
            c->deletes = gone;
            gone = earlier;
        }
    }
    free(is);
    free(was);
    free(x.was);
    free(x.is);
    arena_free(&x.arena);
    return rc;
}

int row_changes_add_statement(struct row_changes *c, const char *sql, struct ds_error *err)
{
    return buf_append(&c->statements, sql, strlen(sql) + 1) ? no_memory(err) : 0;
}

void row_changes_free(struct row_changes *c)
{
    buf_free(&c->statements);
    buf_free(&c->messages);
    buf_free(&c->deletes);
    *c = (struct row_changes){0};
}

/* --- to the applier -------------------------------------------------------------------------- */

static int put_all(const struct entity_copy_options *o, const struct buf *messages,
                   struct ds_error *err)
{
    const uint8_t *p = messages->data, *end = p + messages->len;
    int rc = 0;
    while (p < end && rc == 0) {
        const uint8_t *start = p;
        rc = value_skip(&p, end) ? error_set(err, DS_EFORMAT, "a message of a step is malformed")
                                 : o->put(o->arg, start, (size_t)(p - start), err);
    }
    return rc;
}

struct producing {
    const struct row_changes *changes;
    const struct config *config;
    const struct entity_copy_options *o;
    struct position at;
};

static int put_begin(const struct producing *p, uint32_t flags, struct ds_error *err)
{
    const struct msg_begin m = {.flags = flags};
    BUF_AUTO struct buf message = {0};
    return message_write_begin(&message, &m) ? no_memory(err) : put_all(p->o, &message, err);
}

static int put_commit(struct producing *p, struct ds_error *err)
{
    const struct file_position *at = &p->at.file;
    BUF_AUTO struct buf message = {0};
    p->at.file.pos++;
    const struct msg_commit m = {.file = {(const uint8_t *)at->file, strlen(at->file)},
                                 .pos = at->pos};
    if (message_write_commit(&message, &m))
        return no_memory(err);
    int rc = put_all(p->o, &message, err);
    return rc ? rc : p->o->mark(p->o->arg, &p->at, err);
}

static int put_statement(struct producing *p, const char *sql, struct ds_error *err)
{
    const char *database = p->config->source.database;
    const struct msg_ddl m = {.statement = {(const uint8_t *)sql, strlen(sql)},
                              .session = {.client_charset = 45, /* utf8mb4_general_ci */
                                          .connection_collation = 45,
                                          .database = {(const uint8_t *)database, strlen(database)},
                                          .explicit_defaults_for_timestamp = -1,
                                          .check_constraint_checks = -1}};
    BUF_AUTO struct buf message = {0};
    if (message_write_ddl(&message, &m))
        return no_memory(err);
    int rc = put_begin(p, BEGIN_SNAPSHOT | BEGIN_DDL, err);
    rc = rc ? rc : put_all(p->o, &message, err);
    return rc ? rc : put_commit(p, err);
}

static int produce(void *arg, const struct entity_copy_options *o, struct position *end,
                   struct ds_error *err)
{
    struct producing *p = arg;
    const struct row_changes *c = p->changes;
    int rc = 0;
    p->o = o;
    snprintf(p->at.file.file, sizeof p->at.file.file, POSITION_COPY_FILE "%06u", o->number);
    for (size_t at = 0; at < c->statements.len && rc == 0;) {
        const char *sql = (const char *)c->statements.data + at;
        rc = put_statement(p, sql, err);
        at += strlen(sql) + 1;
    }
    rc = rc ? rc : put_begin(p, BEGIN_SNAPSHOT, err);
    rc = rc ? rc : put_all(o, &c->messages, err);
    rc = rc ? rc : put_all(o, &c->deletes, err);
    rc = rc ? rc : put_commit(p, err);
    if (rc == 0 && position_copy(end, &p->at))
        rc = no_memory(err);
    return rc;
}

/* Of tables that are the destination's own: nothing is left out of them, nor called otherwise. */
static struct config plain_config(const struct config *c)
{
    static char *everything[] = {"*"}, *all[] = {CONFIG_ALL};
    struct config plain = *c;
    plain.source.prefix = plain.destination.prefix;
    plain.map.count = plain.where.count = plain.mask_rules.count = plain.handlers.count = 0;
    plain.tables_exclude.count = 0;
    plain.tables_include = (struct config_list){everything, 1};
    plain.entities = (struct config_list){all, 1};
    plain.stock = STOCK_INCLUDE;
    plain.mask_preset = MASK_PRESET_NONE;
    plain.ddl = DDL_APPLY;
    return plain;
}

static void write_plainly(struct migrating *g, struct producing *p)
{
    static const struct entity_selection none = {0};
    const struct producer producer = {p, produce};
    const struct runner_options o = {.command = "migrate",
                                     .agent = true,
                                     .applier = true,
                                     .ends_by_itself = true,
                                     .range = true,
                                     .copy = &none,
                                     .producer = &producer,
                                     .stop_at = {.kind = STOP_NEVER}};
    (void)migrate_run(g, &o);
}

int row_changes_write(struct migrating *g, const struct row_changes *c, bool *good,
                      struct ds_error *err)
{
    const struct config config = g->in->config;
    struct filter *filter = g->in->filter;
    struct producing p = {.changes = c, .config = &g->in->config};
    *good = true;
    if (!c->statements.len && !c->messages.len && !c->deletes.len)
        return 0;
    g->in->config = plain_config(&config);
    int rc = filter_new(&g->in->filter, &g->in->config, g->in->catalogue, err);
    if (rc == 0) {
        write_plainly(g, &p);
        filter_free(g->in->filter);
        *good = g->code == EXIT_DONE;
    }
    g->in->config = config;
    g->in->filter = filter;
    return rc;
}
