#include "agent/masker.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/masker_state.h"
#include "schema/arena.h"
#include "schema/log.h"

enum { CHOICES_MAX = 500 };
#define NO_COLUMN UINT32_MAX

/* One rule that may be a column's. */
struct choice {
    const struct mask_rule *rule;
    uint32_t condition; /* column that the rule asks for, NO_COLUMN: none */
};
struct column_plan {
    struct choice *choices; /* the last one has no condition */
    uint32_t choice_count;  /* 0: kept */
    struct mask_column column;
    const struct collation *collation;
};
struct mask_plan {
    struct arena arena;
    uint32_t count, attribute_id; /* column of an EAV table, else NO_COLUMN */
    struct column_plan *columns;
    char *table;
};

static const struct mask_rule rule_keep = {.method = MASK_KEEP, .where = "mask.unknown"};
static const struct mask_rule rule_null = {.method = MASK_NULL, .where = "mask.unknown"};

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for masks");
}

int masker_new(struct masker **out, const struct filter *filter, const struct config *config,
               struct ds_error *err)
{
    *out = NULL;
    if (!filter_mask(filter))
        return 0;
    struct masker *m = calloc(1, sizeof *m);
    if (!m)
        return no_memory(err);
    *m = (struct masker){.mask = filter_mask(filter), .filter = filter, .config = config};
    m->endpoint = config_endpoint(config, true);
    m->endpoint.read_timeout = config->connect_timeout;
    int rc = weights_new(&m->weights, mask_key(m->mask), err);
    if (rc)
        masker_free(m);
    else
        *out = m;
    return rc;
}

void masker_free(struct masker *m)
{
    if (!m)
        return;
    db_close(&m->db);
    weights_free(m->weights);
    free(m->attributes);
    arena_free(&m->arena);
    for (size_t i = 0; i < sizeof m->values / sizeof *m->values; i++)
        free(m->values[i]);
    free(m);
}

/* --- plans --------------------------------------------------------------------------- */

void mask_plan_free(struct mask_plan *p)
{
    if (!p)
        return;
    arena_free(&p->arena);
    free(p);
}

bool mask_plan_masks(const struct mask_plan *p, uint32_t column)
{
    return p && column < p->count && p->columns[column].choice_count;
}

static uint32_t column_named(const struct msg_column *columns, uint32_t count, const char *name)
{
    for (uint32_t i = 0; i < count; i++)
        if (columns[i].name.len == strlen(name) &&
            strncasecmp((const char *)columns[i].name.p, name, columns[i].name.len) == 0)
            return i;
    return NO_COLUMN;
}

static int unknown_column(const struct masker *m, const char *table, const struct msg_column *c,
                          struct ds_error *err)
{
    char scratch[SHOP_TABLE_SIZE];
    bool shops;
    return error_set(err, DS_ESCHEMA,
                     "no mask rule says whether column %.*s may leave the source as it is: put "
                     "`%s.%.*s keep` (or a method) into mask.rules, or set mask.unknown: null",
                     (int)c->name.len, c->name.p,
                     shop_table(m->config->source.prefix, table, scratch, &shops), (int)c->name.len,
                     c->name.p);
}

/* MariaDB's hash of a unique key on a long value, which only row events show: the destination makes
 * its own. */
static bool is_hidden(const struct msg_column *c)
{
    static const char name[] = "DB_ROW_HASH_";
    return c->name.len == 0 ||
           (c->name.len > sizeof name && memcmp(c->name.p, name, sizeof name - 1) == 0);
}

static int collect_choices(const struct masker *m, const char *table,
                           const struct msg_column *columns, uint32_t count, uint32_t i,
                           struct choice *choices, uint32_t *found, struct ds_error *err)
{
    const struct mask_rule *r = NULL;
    size_t next = SIZE_MAX;
    *found = 0;
    do {
        r = mask_column_rule(m->mask, table, columns[i].name, &next);
        if (!r)
            break;
        if (*found == CHOICES_MAX)
            return error_set(err, DS_EUSAGE,
                             "%s: more than %d rules with conditions for column %.*s", r->where,
                             CHOICES_MAX - 1, (int)columns[i].name.len, columns[i].name.p);
        choices[*found] = (struct choice){r, NO_COLUMN};
        if (r->column) {
            choices[*found].condition = column_named(columns, count, r->column);
            if (choices[*found].condition == NO_COLUMN)
                return error_set(err, DS_ESCHEMA,
                                 "%s: there is no column %s, which the rule for "
                                 "column %.*s asks for",
                                 r->where, r->column, (int)columns[i].name.len, columns[i].name.p);
        }
        ++*found;
    } while (r->column);
    if (r)
        return 0;
    if (!mask_unknown_null(m->mask) && !is_hidden(&columns[i]) && !m->passes_unknown)
        return unknown_column(m, table, &columns[i], err);
    if (m->passes_unknown)
        log_warn("no mask rule names this column, the stream will stop at its first row table=%s "
                 "column=%.*s",
                 table, (int)columns[i].name.len, columns[i].name.p);
    choices[(*found)++] = (struct choice){m->passes_unknown ? &rule_keep : &rule_null, NO_COLUMN};
    return 0;
}

static int check_fit(const struct choice *choices, uint32_t count, const struct mask_plan *p,
                     const struct msg_column *c, const struct mask_column *column,
                     struct ds_error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct mask_rule *r = choices[i].rule;
        if (r->method == MASK_ATTRIBUTE) {
            if (p->attribute_id == NO_COLUMN)
                return error_set(err, DS_ESCHEMA,
                                 "%s: `attribute` is for values of EAV tables, there is no column "
                                 "attribute_id beside %.*s",
                                 r->where, (int)c->name.len, c->name.p);
            continue;
        }
        const char *why = mask_refusal(r, column);
        if (why)
            return error_set(err, DS_ESCHEMA, "%s: `%s` cannot be used for column %.*s: %s",
                             r->where, mask_method_name(r->method), (int)c->name.len, c->name.p,
                             why);
    }
    return 0;
}

static int plan_column(struct masker *m, struct mask_plan *p, const struct msg_column *columns,
                       uint32_t i, struct ds_error *err)
{
    struct choice choices[CHOICES_MAX + 1];
    struct column_plan *plan = &p->columns[i];
    uint32_t count;
    int rc = collect_choices(m, p->table, columns, p->count, i, choices, &count, err);
    if (rc || (count == 1 && choices[0].rule->method == MASK_KEEP))
        return rc;
    const struct collation *collation = NULL;
    if (columns[i].collation && columns[i].collation != 63) {
        rc = masker_connect(m, err);
        if (rc == 0)
            rc = weights_collation(m->weights, m->db, columns[i].collation, &collation, err);
    }
    if (rc)
        return rc;
    mask_column_of(&columns[i], collation ? collation->char_max : 0,
                   collation ? collation->charset : "", &plan->column);
    plan->collation = plan->column.kind == MASK_OF_TEXT ? collation : NULL;
    plan->choices = arena_copy(&p->arena, choices, count * sizeof *choices);
    if (!plan->choices)
        return no_memory(err);
    plan->choice_count = count;
    return check_fit(choices, count, p, &columns[i], &plan->column, err);
}

/* Is the whole primary key in this unique key, as it is? Then nothing else in it has to be unique.
 */
static bool has_primary(const struct mask_plan *p, const struct msg_column *columns,
                        const struct unique_part *parts, size_t count, const char *key)
{
    bool any = false;
    for (size_t n = 0; n < count; n++) {
        if (strcmp(parts[n].key, "PRIMARY") != 0)
            continue;
        bool in = false;
        for (size_t k = 0; k < count; k++)
            in |= strcmp(parts[k].key, key) == 0 && !parts[k].prefix &&
                  strcasecmp(parts[k].column, parts[n].column) == 0;
        if (!in || mask_plan_masks(p, column_named(columns, p->count, parts[n].column)))
            return false;
        any = true;
    }
    return any;
}

static int check_part(const struct mask_plan *p, const struct msg_column *columns,
                      const struct unique_part *part, struct ds_error *err)
{
    uint32_t i = column_named(columns, p->count, part->column);
    for (uint32_t k = 0; i != NO_COLUMN && k < p->columns[i].choice_count; k++) {
        const struct mask_rule *r = p->columns[i].choices[k].rule;
        if (!mask_is_unique(r, &p->columns[i].column, part->prefix))
            return error_set(err, DS_ESCHEMA,
                             "%s: `%s` gives different values the same mask, and column %s is part "
                             "of the unique key %s: use hash, email, keep, or a template with "
                             "{hash:16}, that fits the column",
                             r->where, mask_method_name(r->method), part->column, part->key);
    }
    return 0;
}

/* A column of a unique key in which different values may come to be the same. */
static int check_unique(struct masker *m, const struct mask_plan *p,
                        const struct msg_column *columns, struct ds_error *err)
{
    bool doubtful = false;
    for (uint32_t i = 0; i < p->count; i++)
        for (uint32_t k = 0; k < p->columns[i].choice_count; k++)
            doubtful |= !mask_is_unique(p->columns[i].choices[k].rule, &p->columns[i].column, 1);
    if (!doubtful)
        return 0;
    struct unique_part *parts = NULL;
    size_t count = 0;
    int rc = masker_unique_parts(m, p->table, &parts, &count, err);
    for (size_t n = 0; n < count && rc == 0; n++)
        if (strcmp(parts[n].key, "PRIMARY") == 0 ||
            !has_primary(p, columns, parts, count, parts[n].key))
            rc = check_part(p, columns, &parts[n], err);
    free(parts);
    return rc;
}

/* What is computed from a masked column says what that was. The destination computes it again. */
static int check_generated(struct masker *m, const struct mask_plan *p,
                           const struct msg_column *columns, struct ds_error *err)
{
    struct generated *generated = NULL;
    size_t count = 0;
    int rc = masker_generated(m, p->table, &generated, &count, err);
    for (size_t n = 0; n < count && rc == 0; n++) {
        uint32_t g = column_named(columns, p->count, generated[n].column);
        for (uint32_t i = 0; g != NO_COLUMN && i < p->count && rc == 0; i++) {
            char name[300];
            snprintf(name, sizeof name, "`%.*s`", (int)columns[i].name.len,
                     (const char *)columns[i].name.p);
            if (mask_plan_masks(p, i) && !mask_plan_masks(p, g) &&
                strcasestr(generated[n].expression, name))
                rc = error_set(
                    err, DS_ESCHEMA,
                    "column %s is computed from %s, which is masked: give it a rule other "
                    "than keep, such as null (the destination computes it again)",
                    generated[n].column, name);
        }
    }
    free(generated);
    return rc;
}

/* Keys alone travel of a table that the filter leaves out: numbers that other tables hold, too,
 * need no rule. */
static bool key_passes(const struct masker *m, const char *table, const struct msg_column *c)
{
    size_t next = SIZE_MAX;
    struct mask_column column;
    mask_column_of(c, 0, "", &column);
    return column.kind == MASK_OF_INTEGER && !mask_column_rule(m->mask, table, c->name, &next);
}

static int make_plan(struct masker *m, struct mask_plan *p, const struct msg_column *columns,
                     const uint64_t *only, struct ds_error *err)
{
    int rc = 0;
    bool masks = false;
    for (uint32_t i = 0; i < p->count && rc == 0; i++) {
        if (only && (!(only[i / 64] >> (i % 64) & 1) || key_passes(m, p->table, &columns[i])))
            continue;
        rc = plan_column(m, p, columns, i, err);
        masks |= p->columns[i].choice_count > 0;
    }
    if (rc == 0 && masks)
        rc = check_unique(m, p, columns, err);
    if (rc == 0 && masks)
        rc = check_generated(m, p, columns, err);
    return rc ? rc : masks;
}

int masker_plan(struct masker *m, const char *table, const struct msg_column *columns,
                uint32_t count, uint32_t flags, const uint64_t *only, struct mask_plan **out,
                struct ds_error *err)
{
    *out = NULL;
    if (flags & TABLE_SEQUENCE)
        return 0;
    if (!(flags & TABLE_NAMES))
        return error_set(
            err, DS_ESCHEMA,
            "values are to be masked, and what the columns of this table are called is "
            "not known: SET GLOBAL binlog_row_metadata = FULL at the source, then "
            "copy again with --resnapshot");
    struct mask_plan *p = calloc(1, sizeof *p);
    if (!p)
        return no_memory(err);
    p->count = count;
    p->attribute_id = column_named(columns, count, "attribute_id");
    p->columns = arena_zalloc(&p->arena, (count + 1) * sizeof *p->columns);
    p->table = arena_strdup(&p->arena, table);
    int rc = p->columns && p->table ? make_plan(m, p, columns, only, err) : no_memory(err);
    if (rc > 0) {
        *out = p;
        return 0;
    }
    mask_plan_free(p);
    return rc;
}

/* --- the rule of a value ------------------------------------------------------------------ */

/* Value `i` of a row, where an after image says "as before" or nothing: of the one before. NULL:
 * nothing says it. */
static const uint8_t *row_value(const uint8_t **row, const uint8_t **before, uint32_t i)
{
    const uint8_t *v = row[i];
    if (before && (*v == VALUE_BYTE_SAME || *v == VALUE_BYTE_ABSENT))
        v = before[i];
    return *v == VALUE_BYTE_SAME || *v == VALUE_BYTE_ABSENT ? NULL : v;
}

static int not_there(const struct mask_plan *p, struct ds_error *err)
{
    error_set(err, DS_ESCHEMA,
              "a mask depends on a column that the binlog leaves out of this row: SET GLOBAL "
              "binlog_row_image = FULL at the source, then copy again with --resnapshot");
    error_at_table(err, "", p->table);
    return DS_ESCHEMA;
}

static bool value_matches(const uint8_t *raw, const char *pattern)
{
    struct value v;
    char text[512];
    const uint8_t *p = raw;
    if (value_read(&p, raw + value_length(raw), &v))
        return false;
    switch (v.kind) {
    case VALUE_INT:
        snprintf(text, sizeof text, "%" PRId64, v.i);
        break;
    case VALUE_UINT:
        snprintf(text, sizeof text, "%" PRIu64, v.u);
        break;
    case VALUE_TEXT:
    case VALUE_BYTES:
        snprintf(text, sizeof text, "%.*s", (int)(v.bytes.len < 511 ? v.bytes.len : 511),
                 (const char *)v.bytes.p);
        break;
    default:
        return false;
    }
    return fnmatch(pattern, text, FNM_NOESCAPE | FNM_CASEFOLD) == 0;
}

static int rule_of(struct masker *m, const struct mask_plan *p, const struct column_plan *c,
                   const uint8_t **row, const uint8_t **before, const struct mask_rule **out,
                   struct ds_error *err)
{
    const struct mask_rule *r = NULL;
    for (uint32_t k = 0; k < c->choice_count && !r; k++) {
        const struct choice *x = &c->choices[k];
        const uint8_t *v = x->condition == NO_COLUMN ? NULL : row_value(row, before, x->condition);
        if (x->condition != NO_COLUMN && !v)
            return not_there(p, err);
        if (x->condition == NO_COLUMN || value_matches(v, x->rule->pattern))
            r = x->rule;
    }
    if (r && r->method == MASK_ATTRIBUTE) {
        struct value id;
        const uint8_t *v = row_value(row, before, p->attribute_id);
        if (!v)
            return not_there(p, err);
        const uint8_t *at = v;
        if (value_read(&at, v + value_length(v), &id) || id.kind != VALUE_UINT)
            return error_set(err, DS_EFORMAT, "a value of an EAV table is of no attribute");
        int rc = masker_attribute_rule(m, r->text, id.u, &c->column, &r, err);
        if (rc)
            return rc;
    }
    *out = r ? r : &rule_null; /* the last one has no condition */
    return 0;
}

/* Does the row itself decide what becomes of the column? Then the image after a change of what
 * decides cannot say "as before". */
static bool depends_on_row(const struct mask_plan *p, const struct column_plan *c,
                           const uint8_t **row)
{
    for (uint32_t k = 0; k < c->choice_count; k++) {
        uint32_t condition = c->choices[k].condition;
        if (c->choices[k].rule->method == MASK_ATTRIBUTE)
            condition = p->attribute_id;
        if (condition != NO_COLUMN && *row[condition] != VALUE_BYTE_SAME &&
            *row[condition] != VALUE_BYTE_ABSENT)
            return true;
    }
    return false;
}

/* --- rows ------------------------------------------------------------------------------------ */

static int split(struct masker *m, int which, struct slice image, uint32_t count,
                 struct ds_error *err)
{
    if (count > m->values_cap[which]) {
        const uint8_t **grown = realloc(m->values[which], count * sizeof *grown);
        if (!grown)
            return no_memory(err);
        m->values[which] = grown;
        m->values_cap[which] = count;
    }
    return image_split(image, count, m->values[which])
               ? error_set(err, DS_EFORMAT, "a row image has not as many values as columns")
               : 0;
}

static int split_both(struct masker *m, const struct mask_plan *p, struct slice image,
                      struct slice before, struct ds_error *err)
{
    int rc = split(m, 0, image, p->count, err);
    return rc || !before.len ? rc : split(m, 1, before, p->count, err);
}

/* The value that column `i` of the row has, as far as it is masked; NULL: as it stands. */
static const uint8_t *value_to_mask(const struct mask_plan *p, uint32_t i, const uint8_t **row,
                                    const uint8_t **before)
{
    const struct column_plan *c = &p->columns[i];
    const uint8_t *v = row[i];
    if (!c->choice_count || *v == VALUE_BYTE_ABSENT || *v == VALUE_BYTE_NULL)
        return NULL;
    if (*v == VALUE_BYTE_SAME) {
        v = before && depends_on_row(p, c, row) ? row_value(row, before, i) : NULL;
        return v && *v != VALUE_BYTE_NULL ? v : NULL;
    }
    return v;
}

/* What of a value its digest is of: texts as they are, numbers as text in `scratch`. */
static struct slice digested(const struct value *v, char scratch[32])
{
    if (v->kind == VALUE_TEXT || v->kind == VALUE_BYTES)
        return v->bytes;
    int n = v->kind == VALUE_INT ? snprintf(scratch, 32, "%" PRId64, v->i)
                                 : snprintf(scratch, 32, "%" PRIu64, v->u);
    return (struct slice){(const uint8_t *)scratch, (size_t)n};
}

static bool is_text(const struct value *v)
{
    return v->kind == VALUE_TEXT || v->kind == VALUE_BYTES;
}

void masker_begin(struct masker *m)
{
    weights_begin(m->weights);
}

int masker_look(struct masker *m, const struct mask_plan *p, struct slice image,
                struct slice before, bool *full, struct ds_error *err)
{
    *full = false;
    if (!image.len)
        return 0;
    int rc = split_both(m, p, image, before, err);
    const uint8_t **row = m->values[0], **was = before.len ? m->values[1] : NULL;
    for (uint32_t i = 0; i < p->count && rc == 0; i++) {
        const uint8_t *raw = value_to_mask(p, i, row, was), *at = raw;
        const struct column_plan *c = &p->columns[i];
        const struct mask_rule *r;
        struct value v;
        char scratch[32];
        bool now_full = false;
        if (!raw)
            continue;
        rc = rule_of(m, p, c, row, was, &r, err);
        if (rc || !mask_needs_digest(r))
            continue;
        if (value_read(&at, raw + value_length(raw), &v))
            return error_set(err, DS_EFORMAT, "a row image cannot be read");
        rc = weights_note(m->weights, c->collation, r->method == MASK_EMAIL, digested(&v, scratch),
                          &now_full, err);
        *full |= now_full;
    }
    return rc;
}

int masker_ask(struct masker *m, struct ds_error *err)
{
    if (!weights_asks(m->weights))
        return 0;
    int rc = masker_connect(m, err);
    if (rc == 0)
        rc = weights_ask(m->weights, m->db, err);
    if (rc)
        db_close(&m->db);
    return rc;
}

static int mask_one(struct masker *m, const struct column_plan *c, const struct mask_rule *r,
                    const uint8_t *raw, struct buf *out)
{
    uint8_t digest[MASK_DIGEST] = {0};
    char scratch[32];
    struct value v;
    const uint8_t *at = raw;
    if (r->method == MASK_KEEP)
        return buf_append(out, raw, value_length(raw));
    if (value_read(&at, raw + value_length(raw), &v))
        return DS_EFORMAT;
    bool needs = mask_needs_digest(r);
    if (is_text(&v) && v.bytes.len == 0 && r->method != MASK_NULL)
        return buf_append(out, raw, value_length(raw));
    if (needs && !weights_digest(m->weights, c->collation, r->method == MASK_EMAIL,
                                 digested(&v, scratch), digest))
        return value_write_bytes(out, "", 0);
    return mask_write(r, &c->column, digest, &v, out);
}

int masker_mask(struct masker *m, const struct mask_plan *p, struct slice image,
                struct slice before, struct buf *out, struct ds_error *err)
{
    if (!image.len)
        return 0;
    int rc = split_both(m, p, image, before, err);
    if (rc)
        return rc;
    const uint8_t **row = m->values[0], **was = before.len ? m->values[1] : NULL;
    rc = image_write_head(out, p->count);
    for (uint32_t i = 0; i < p->count && rc == 0; i++) {
        const uint8_t *raw = value_to_mask(p, i, row, was);
        const struct mask_rule *r;
        if (!raw) {
            rc = buf_append(out, row[i], value_length(row[i]));
            continue;
        }
        rc = rule_of(m, p, &p->columns[i], row, was, &r, err);
        if (rc)
            return rc;
        rc = mask_one(m, &p->columns[i], r, raw, out);
    }
    return rc == 0            ? 0
           : rc == DS_EFORMAT ? error_set(err, rc, "a row image cannot be read")
                              : no_memory(err);
}

/* One round: as many images as there is room for, from *p on. */
static int mask_round(struct masker *m, const struct mask_plan *plan, const uint8_t **p,
                      const uint8_t *end, uint32_t *left, struct buf *out, struct ds_error *err)
{
    static const struct slice none;
    const uint8_t *first = *p, *at = first;
    uint32_t count = 0;
    bool full = false;
    int rc = 0;
    masker_begin(m);
    while (rc == 0 && count < *left && !full) {
        const uint8_t *start = at;
        if (value_skip(&at, end))
            return error_set(err, DS_EFORMAT, "rows of a copy cannot be read");
        rc = masker_look(m, plan, (struct slice){start, (size_t)(at - start)}, none, &full, err);
        count++;
    }
    if (rc == 0)
        rc = masker_ask(m, err);
    at = first;
    for (uint32_t i = 0; i < count && rc == 0; i++) {
        const uint8_t *start = at;
        if (value_skip(&at, end))
            return error_set(err, DS_EFORMAT, "rows of a copy cannot be read");
        rc = masker_mask(m, plan, (struct slice){start, (size_t)(at - start)}, none, out, err);
    }
    *left -= count;
    *p = at;
    return rc;
}

int masker_rows(struct masker *m, const struct mask_plan *p, struct slice rows, struct buf *out,
                struct ds_error *err)
{
    const uint8_t *at = rows.p, *end = rows.p + rows.len;
    uint32_t left;
    if (array_read_head(&at, end, &left))
        return error_set(err, DS_EFORMAT, "rows of a copy cannot be read");
    int rc = image_write_head(out, left) ? no_memory(err) : 0;
    while (rc == 0 && left)
        rc = mask_round(m, p, &at, end, &left, out, err);
    return rc;
}
