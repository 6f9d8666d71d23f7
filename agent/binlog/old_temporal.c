/* TIME, DATETIME and TIMESTAMP in the formats from before MySQL 5.6, as MariaDB still writes them
 * for tables made with mysql56_temporal_format=OFF or by 5.5 and older.
 *
 * Without a fraction they are the plain numbers of MySQL 5.5. With a fraction MariaDB stores other
 * numbers of another length under the same type, and tells the precision nowhere in the binlog.
 * What can be told is whether the rows of an event can be walked to their exact end with possible
 * values everywhere: if they can with precision 0 and not with any other lengths, precision 0 is
 * certain for the columns that held a value. A DATETIME that reads as a date of 14 decimal digits
 * is certain by itself: other bytes do so once in ten million times. That is found out once per
 * table map; a table with a fraction, or a row that leaves doubt, stops with the way to convert the
 * table.
 */
#include "decoder.h"

#include <assert.h>

#define OLD_MAX_DOUBTS 5 /* columns in doubt at once: four forms each */
#define OLD_FORMS      4

/* What may stand behind a type: bytes, and the most fraction digits they hold. The first is the one
 * without a fraction; all others are big endian. */
struct old_form {
    uint8_t length, digits;
};
static const struct old_form forms_time[OLD_FORMS] = {{3, 0}, {4, 2}, {5, 5}, {6, 6}};
static const struct old_form forms_datetime[OLD_FORMS] = {{8, 0}, {6, 2}, {7, 5}, {8, 6}};
static const struct old_form forms_timestamp[OLD_FORMS] = {{4, 0}, {5, 2}, {6, 4}, {7, 6}};

struct old_walk {
    struct table_slot *slot;
    const struct rows_event *ev;
    uint32_t columns[OLD_MAX_DOUBTS]; /* in doubt */
    uint8_t form[OLD_MAX_DOUBTS];     /* tried for each */
    bool nonzero[OLD_MAX_DOUBTS];     /* held a value that tells something */
    uint32_t count;
};

static const struct old_form *old_forms(const struct column_plan *plan)
{
    switch (plan->kind) {
    case PLAN_OLD_TIME:
        return forms_time;
    case PLAN_OLD_DATETIME:
        return forms_datetime;
    case PLAN_OLD_TIMESTAMP:
        return forms_timestamp;
    default:
        return NULL;
    }
}

static uint64_t power10_of(unsigned digits)
{
    uint64_t v = 1;
    while (digits-- > 0)
        v *= 10;
    return v;
}

/* Could these bytes be a value of the column's type in that form? */
static bool old_possible(const struct column_plan *plan, const uint8_t *p,
                         const struct old_form *form)
{
    uint8_t scratch[64];
    if (form->digits == 0)
        return value_put(scratch, plan, p) != NULL;
    uint64_t v = be_n(p, form->length), unit = power10_of(form->digits);
    if (plan->kind == PLAN_OLD_TIMESTAMP) {
        assert(form->length > 4 && form->length < 8);
        return (v & ((1ULL << 8 * (form->length - 4u)) - 1)) < unit;
    }
    if (plan->kind == PLAN_OLD_TIME) /* from -838:59:59 on */
        return v < 2 * 839ULL * 3600 * unit;
    return v < 10000ULL * 13 * 32 * 86400 * unit && (v || form->length != plan->width);
}

static const struct old_form *old_form_of(const struct old_walk *o, uint32_t column)
{
    const struct old_form *forms = old_forms(&o->slot->plan[column]);
    for (uint32_t k = 0; forms && k < o->count; k++)
        if (o->columns[k] == column)
            return &forms[o->form[k]];
    return forms;
}

static bool old_walk_image(const struct old_walk *o, bool after, struct cursor *c)
{
    const struct table_slot *slot = o->slot;
    const uint8_t *bits = after ? o->ev->present_after.p : o->ev->present_before.p, *nulls;
    uint32_t present = after ? o->ev->columns_after : o->ev->columns_before, bit = 0;
    if (!cursor_take(c, (present + 7) / 8, &nulls))
        return false;
    for (uint32_t i = 0; i < slot->map.column_count; i++) {
        const struct column_plan *plan = &slot->plan[i];
        if (!bit_get(bits, i) || bit_get(nulls, bit++))
            continue;
        const struct old_form *form = old_form_of(o, i);
        size_t n = form ? form->length : value_wire_length(plan, c->p, c->end);
        if (n > cursor_left(c) || (form && !old_possible(plan, c->p, form)))
            return false;
        c->p += n;
    }
    return true;
}

/* Do the rows end exactly where the event does? */
static bool old_walk_rows(const struct old_walk *o)
{
    struct cursor c = {o->ev->rows.p, o->ev->rows.p + o->ev->rows.len};
    bool after = o->ev->op == CHANGE_INSERT;
    while (cursor_left(&c)) {
        if (!old_walk_image(o, after, &c))
            return false;
        if (o->ev->op == CHANGE_UPDATE)
            after = !after;
    }
    return o->ev->op != CHANGE_UPDATE || !after;
}

/* Note a column in doubt; false when there are too many. */
static bool old_note(struct old_walk *o, uint32_t column, const uint8_t *p)
{
    static const uint8_t zeros[8];
    uint32_t k = 0;
    while (k < o->count && o->columns[k] != column)
        k++;
    if (k == OLD_MAX_DOUBTS)
        return false;
    if (k == o->count)
        o->columns[o->count++] = column;
    o->nonzero[k] |= memcmp(p, zeros, o->slot->plan[column].width) != 0;
    return true;
}

/* Columns of old types not proved yet that hold a value in some row, walking with precision 0. */
static bool old_in_doubt(struct old_walk *o)
{
    const struct table_slot *slot = o->slot;
    struct cursor c = {o->ev->rows.p, o->ev->rows.p + o->ev->rows.len};
    bool after = o->ev->op == CHANGE_INSERT;
    while (cursor_left(&c)) {
        const uint8_t *bits = after ? o->ev->present_after.p : o->ev->present_before.p;
        uint32_t present = after ? o->ev->columns_after : o->ev->columns_before, bit = 0;
        const uint8_t *nulls = c.p, *p = c.p + (present + 7) / 8;
        if (!old_walk_image(o, after, &c))
            return false;
        for (uint32_t i = 0; i < slot->map.column_count; i++) {
            if (!bit_get(bits, i) || bit_get(nulls, bit++))
                continue;
            const struct column_plan *plan = &slot->plan[i];
            if (old_forms(plan) && !bit_get(slot->old_proved, i) && !old_note(o, i, p))
                return false;
            p += value_wire_length(plan, p, c.end);
        }
        if (o->ev->op == CHANGE_UPDATE)
            after = !after;
    }
    return true;
}

/* Step to the next combination of forms; false after the last. */
static bool old_next(struct old_walk *o)
{
    for (uint32_t k = 0; k < o->count; k++) {
        if (o->nonzero[k] && o->slot->plan[o->columns[k]].kind == PLAN_OLD_DATETIME)
            continue;
        if (++o->form[k] < OLD_FORMS)
            return true;
        o->form[k] = 0;
    }
    return false;
}

static int old_doubt(const struct old_walk *o, struct ds_error *err)
{
    uint32_t i = o->count ? o->columns[0] : 0;
    if (!o->count)
        while (!old_forms(&o->slot->plan[i]))
            i++;
    const struct slice name = o->slot->map.columns[i].name;
    return error_set(
        err, DS_EUNSUPPORTED,
        "column %u %.*s is a date or time in the format from before MySQL 5.6, and the "
        "binlog does not tell its precision: at the source set "
        "mysql56_temporal_format=ON and run ALTER TABLE `%s`.`%s` FORCE",
        i + 1, (int)name.len, (const char *)name.p, o->slot->map.database, o->slot->map.name);
}

int old_temporals_prove(struct table_slot *slot, const struct rows_event *ev, struct ds_error *err)
{
    struct old_walk o = {.slot = slot, .ev = ev};
    if (!old_in_doubt(&o))
        return old_doubt(&o, err);
    if (o.count == 0)
        return 0;
    while (old_next(&o))
        if (old_walk_rows(&o))
            return old_doubt(&o, err);
    for (uint32_t k = 0; k < o.count; k++)
        if (o.nonzero[k])
            slot->old_proved[o.columns[k] >> 3] |= (uint8_t)(1u << (o.columns[k] & 7));
    return 0;
}
