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

/* Letters of ASCII without case, blanks at the end do not count. */
static int value_matches(const uint8_t *raw, const char *pattern, bool *matches,
                         struct ds_error *err)
{
    struct value v;
    BUF_AUTO struct buf text = {0};
    const uint8_t *p = raw;
    *matches = false;
    if (value_read(&p, raw + value_length(raw), &v))
        return error_set(err, DS_EFORMAT, "a row image cannot be read");
    int rc = v.kind == VALUE_INT    ? buf_printf(&text, "%" PRId64, v.i)
             : v.kind == VALUE_UINT ? buf_printf(&text, "%" PRIu64, v.u)
             : v.kind == VALUE_TEXT || v.kind == VALUE_BYTES
                 ? buf_append(&text, v.bytes.p, v.bytes.len)
                 : 0;
    if (rc)
        return no_memory(err);
    if (v.kind == VALUE_NULL)
        return 0;
    for (size_t i = 0; i < text.len; i++) /* so that nothing ends it */
        text.data[i] = text.data[i] ? text.data[i] : ' ';
    while (text.len && text.data[text.len - 1] == ' ')
        text.len--;
    *matches = fnmatch(pattern, buf_cstr(&text), FNM_NOESCAPE | FNM_CASEFOLD) == 0;
    return 0;
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
        bool matches = true;
        int rc = v ? value_matches(v, x->rule->pattern, &matches, err) : 0;
        if (rc)
            return rc;
        r = matches ? x->rule : NULL;
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
    *out = r ? r : &mask_rule_null; /* the last one has no condition */
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

/* *out: the value that column `i` of the row has, as far as it is masked; NULL: as it stands. */
static int value_to_mask(const struct mask_plan *p, uint32_t i, const uint8_t **row,
                         const uint8_t **before, const uint8_t **out, struct ds_error *err)
{
    const struct column_plan *c = &p->columns[i];
    const uint8_t *v = row[i];
    *out = NULL;
    if (!c->choice_count)
        return 0;
    if (*v == VALUE_BYTE_SAME || *v == VALUE_BYTE_ABSENT) {
        if (!before || !depends_on_row(p, c, row))
            return 0; /* it stays what it has become */
        v = row_value(row, before, i);
        if (!v)
            return not_there(p, err);
    }
    *out = *v == VALUE_BYTE_NULL ? NULL : v;
    return 0;
}

/* What of a value its digest is of: texts as they are, days without the time of day, numbers as
 * text in `scratch`. */
static struct slice digested(const struct mask_rule *r, const struct value *v, char scratch[32])
{
    if (v->kind == VALUE_TEXT || v->kind == VALUE_BYTES)
        return r->method == MASK_DATE_SHIFT && v->bytes.len > 10 ? (struct slice){v->bytes.p, 10}
                                                                 : v->bytes;
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
        const uint8_t *raw, *at;
        const struct column_plan *c = &p->columns[i];
        const struct mask_rule *r;
        struct value v;
        char scratch[32];
        bool now_full = false;
        rc = value_to_mask(p, i, row, was, &raw, err);
        if (rc || !raw)
            continue;
        at = raw;
        rc = rule_of(m, p, c, row, was, &r, err);
        if (rc || !mask_needs_digest(r))
            continue;
        if (value_read(&at, raw + value_length(raw), &v))
            return error_set(err, DS_EFORMAT, "a row image cannot be read");
        rc = weights_note(m->weights, c->collation, r->method == MASK_EMAIL,
                          digested(r, &v, scratch), &now_full, err);
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
                    const uint8_t *raw, struct buf *out, struct ds_error *err)
{
    uint8_t digest[MASK_DIGEST] = {0};
    char scratch[32];
    struct value v;
    bool empty = false;
    const uint8_t *at = raw;
    int rc = 0;
    if (value_read(&at, raw + value_length(raw), &v))
        return error_set(err, DS_EFORMAT, "a row image cannot be read");
    if (mask_needs_digest(r))
        rc = weights_digest(m->weights, c->collation, r->method == MASK_EMAIL,
                            digested(r, &v, scratch), digest, &empty, err);
    if (rc)
        return rc;
    bool nothing = is_text(&v) && v.bytes.len == 0 && r->method != MASK_NULL;
    if (r->method == MASK_KEEP || nothing)
        rc = buf_append(out, raw, value_length(raw));
    else
        rc = empty ? value_write_bytes(out, "", 0) : mask_write(r, &c->column, digest, &v, out);
    return rc ? no_memory(err) : 0;
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
        const uint8_t *raw;
        const struct mask_rule *r;
        rc = value_to_mask(p, i, row, was, &raw, err);
        if (rc)
            return rc;
        if (!raw) {
            rc = buf_append(out, row[i], value_length(row[i]));
            continue;
        }
        rc = rule_of(m, p, &p->columns[i], row, was, &r, err);
        rc = rc ? rc : mask_one(m, &p->columns[i], r, raw, out, err);
        if (rc)
            return rc;
    }
    return rc ? no_memory(err) : 0;
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
