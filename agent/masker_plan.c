/* What becomes of the columns of a table: which rules, and whether they fit. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/masker_state.h"
#include "schema/log.h"

enum { CHOICES_MAX = 500 };

static const struct mask_rule rule_keep = {.method = MASK_KEEP, .where = "mask.unknown"};
const struct mask_rule mask_rule_null = {.method = MASK_NULL, .where = "mask.unknown"};

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for masks");
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

static int unknown_key(const struct masker *m, const char *table, const struct msg_column *c,
                       struct ds_error *err)
{
    char scratch[SHOP_TABLE_SIZE];
    bool shops;
    return error_set(
        err, DS_ESCHEMA,
        "rows of this table are left out, but what foreign keys do when they go must be "
        "told, by column %.*s, which no mask rule names: put `%s.%.*s` into mask.rules, "
        "with the rule of the columns that refer to it",
        (int)c->name.len, c->name.p, shop_table(m->config->source.prefix, table, scratch, &shops),
        (int)c->name.len, c->name.p);
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
           (c->name.len >= sizeof name && memcmp(c->name.p, name, sizeof name - 1) == 0);
}

/* How a column's values are equal, and what masks have to know of it. */
static int describe(struct masker *m, const struct msg_column *c, struct mask_column *out,
                    const struct collation **collation, struct ds_error *err)
{
    int rc = 0;
    *collation = NULL;
    if (c->collation && c->collation != 63) {
        rc = masker_connect(m, err);
        if (rc == 0)
            rc = weights_collation(m->weights, m->db, c->collation, collation, err);
    }
    const struct collation *k = rc ? NULL : *collation;
    mask_column_of(c, k ? k->char_max : 0, k ? k->charset : "", k ? k->name : "", out);
    if (out->kind != MASK_OF_TEXT)
        *collation = NULL;
    return rc;
}

/* A condition that never holds would let pass what it is to mask. */
static int check_condition(struct masker *m, const struct mask_rule *r, const struct msg_column *c,
                           struct ds_error *err)
{
    struct mask_column column;
    const struct collation *ignored;
    int rc = describe(m, c, &column, &ignored, err);
    bool asked = (column.kind == MASK_OF_TEXT && !column.wide) || column.kind == MASK_OF_BYTES ||
                 column.kind == MASK_OF_INTEGER;
    return rc || asked ? rc
                       : error_set(err, DS_ESCHEMA,
                                   "%s: column %s cannot be asked for in a condition, which is for "
                                   "texts and whole numbers",
                                   r->where, r->column);
}

static int collect_choices(struct masker *m, const char *table, const struct msg_column *columns,
                           uint32_t count, uint32_t i, struct choice *choices, uint32_t *found,
                           struct ds_error *err)
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
            choices[*found].condition = message_column(columns, count, r->column);
            if (choices[*found].condition != NO_COLUMN) {
                int rc = check_condition(m, r, &columns[choices[*found].condition], err);
                if (rc)
                    return rc;
            }
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
    choices[(*found)++] =
        (struct choice){m->passes_unknown ? &rule_keep : &mask_rule_null, NO_COLUMN};
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
    rc = describe(m, &columns[i], &plan->column, &plan->collation, err);
    if (rc)
        return rc;
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
        if (!in || mask_plan_masks(p, message_column(columns, p->count, parts[n].column)))
            return false;
        any = true;
    }
    return any;
}

static int check_part(const struct mask_plan *p, const struct msg_column *columns,
                      const struct unique_part *part, struct ds_error *err)
{
    uint32_t i = message_column(columns, p->count, part->column);
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
        uint32_t g = message_column(columns, p->count, generated[n].column);
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

/* A key of a table whose rows are left out, without a rule: needed, unless all that refers to it is
 * left out as well. */
static int plan_unruled_key(struct masker *m, struct mask_plan *p, const struct msg_column *columns,
                            uint32_t i, struct ds_error *err)
{
    const struct choice nothing = {&mask_rule_null, NO_COLUMN};
    struct column_plan *plan = &p->columns[i];
    bool needed = true;
    int rc = masker_key_needed(m, p->table, columns[i].name, &needed, err);
    if (rc == 0 && needed)
        rc = unknown_key(m, p->table, &columns[i], err);
    if (rc)
        return rc;
    mask_column_of(&columns[i], 1, "", "", &plan->column);
    plan->choices = arena_copy(&p->arena, &nothing, sizeof nothing);
    plan->choice_count = plan->choices != NULL;
    return plan->choices ? 0 : no_memory(err);
}

static int make_plan(struct masker *m, struct mask_plan *p, const struct msg_column *columns,
                     const uint64_t *only, struct ds_error *err)
{
    int rc = 0;
    bool masks = false;
    for (uint32_t i = 0; i < p->count && rc == 0; i++) {
        size_t next = SIZE_MAX;
        if (only && !(only[i / 64] >> (i % 64) & 1))
            continue;
        if (only && !mask_column_rule(m->mask, p->table, columns[i].name, &next)) {
            rc = plan_unruled_key(m, p, columns, i, err);
            masks = true;
            continue;
        }
        rc = plan_column(m, p, columns, i, err);
        masks |= p->columns[i].choice_count > 0;
    }
    if (rc == 0 && masks && !only)
        rc = check_unique(m, p, columns, err);
    if (rc == 0 && masks && !only)
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
    p->attribute_id = message_column(columns, count, "attribute_id");
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

int masker_refuse_link(struct slice column, struct ds_error *err)
{
    return error_set(err, DS_EUSAGE,
                     "column %.*s says to which entity a row belongs, and cannot be masked: give "
                     "it the rule keep in mask.rules",
                     (int)column.len, (const char *)column.p);
}
