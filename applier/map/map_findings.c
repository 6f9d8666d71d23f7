/* What a check of a map has found, for people: lines of a log, and rules that settle it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "applier/map/map_check.h"

static const struct {
    bool fails;
    const char *text;   /* after "Source " or "Destination " where `side` */
    bool side, details; /* details: how the columns differ, one line each */
} problems[MAP_PROBLEMS] = {
    [MAP_UNMAPPED_DOCUMENT] = {true, "documents are not mapped: ", true, false},
    [MAP_UNMAPPED_FIELD] = {true, "fields are not mapped. Document: ", true, false},
    [MAP_FIELDS_COLLIDE] = {true, "fields go to one field: ", true, true},
    [MAP_OTHER_TYPE] = {false, "Mismatch of data types. Source document: ", false, false},
    [MAP_TOO_SHORT] = {false, "Values may not fit: ", false, true},
    [MAP_NULL_REFUSED] = {false, "NULL is refused at the destination: ", false, true},
    [MAP_NEEDS_VALUE] = {false, "A value is needed, and nothing goes there: ", false, true},
    [MAP_UNIQUE_IS_NEW] = {false, "Unique at the destination alone: ", false, true},
    [MAP_VALUE_LOST] = {true, "Values do not fit: ", false, true},
    [MAP_KEY_TWICE] = {true, "Rows would have the same key: ", false, true},
    [MAP_NO_PARENT] = {true, "Rows would refer to what is not there: ", false, true},
};
#define FIT "\\Datasync\\Handler\\Fit"

static const char *const side_names[] = {"Source ", "Destination "};

bool map_problem_fails(enum map_problem p)
{
    return problems[p].fails;
}

bool map_problem_stops(enum map_problem p)
{
    return p == MAP_KEY_TWICE || p == MAP_NO_PARENT;
}

static bool goes_along(const struct map_finding *a, const struct map_finding *b)
{
    return a->problem == b->problem && a->side == b->side &&
           (a->problem == MAP_UNMAPPED_DOCUMENT || strcmp(a->document, b->document) == 0);
}

/* With the rule that settles it. */
static int print_lost(const struct map_finding *f, struct buf *line)
{
    int rc = f->field ? buf_printf(line, "%s.%s %s, there %s.%s %s", f->document, f->field, f->type,
                                   f->other_document, f->other_field, f->other_type)
             : f->other_field ? buf_printf(line, "%s, there %s.%s %s", f->document,
                                           f->other_document, f->other_field, f->other_type)
                              : buf_puts(line, f->document);
    rc |= buf_printf(line, ": %s (%" PRIu64 " of %" PRIu64 " rows that were looked at, keys: %s)",
                     f->why, f->rows, f->looked_at, f->keys);
    return rc |
           (f->of_key ? buf_puts(line, ": rows are found, or referred to, by it: make the column "
                                       "larger, or correct the source")
            : f->other_field
                ? buf_printf(line,
                             ": make the column larger, correct the source, or have what fits "
                             "by a transform of %s.%s at the destination with " FIT,
                             f->other_document, f->other_field)
                : buf_puts(line, ": correct the source, or the rule"));
}

static int print_details(const struct map_finding *f, struct buf *line)
{
    switch (f->problem) {
    case MAP_VALUE_LOST:
        return print_lost(f, line);
    case MAP_KEY_TWICE:
        return buf_printf(line, "%s (%s), key %s, rows: %s: rename one, or leave it out",
                          f->document, f->field, f->type, f->keys);
    case MAP_NO_PARENT:
        return buf_printf(line,
                          "%s (%s), which is of %s, rows: %s: correct them, or leave them out",
                          f->document, f->field, f->other_document, f->keys);
    case MAP_FIELDS_COLLIDE:
        return buf_printf(line, "%s.%s and %s.%s, there %s.%s: ignore one of them, or move it",
                          f->document, f->type, f->document, f->field, f->other_document,
                          f->other_field);
    case MAP_NEEDS_VALUE:
        return buf_printf(line, "%s.%s %s NOT NULL without a default", f->document, f->field,
                          f->type);
    case MAP_UNIQUE_IS_NEW:
        return buf_printf(line, "%s (%s), key %s", f->document, f->field, f->type);
    default:
        return buf_printf(line, "%s.%s %s, there %s.%s %s", f->document, f->field, f->type,
                          f->other_document, f->other_field, f->other_type);
    }
}

bool map_findings_line(const struct map_findings *f, size_t *at, struct buf *line, bool *fails)
{
    if (*at >= f->count)
        return false;
    const struct map_finding *first = &f->items[*at];
    bool whole = problems[first->problem].details;
    buf_clear(line);
    *fails = problems[first->problem].fails;
    int rc = (problems[first->problem].side ? buf_puts(line, side_names[first->side]) : 0) |
             buf_puts(line, problems[first->problem].text);
    if (whole) {
        rc |= print_details(first, line);
        ++*at;
    } else {
        if (first->field)
            rc |= buf_printf(line, "%s. Fields: ", first->document);
        for (const char *comma = ""; *at < f->count && goes_along(first, &f->items[*at]); ++*at) {
            const struct map_finding *x = &f->items[*at];
            rc |= buf_puts(line, comma) | buf_puts(line, x->field ? x->field : x->document);
            comma = ",";
        }
    }
    if (rc)
        buf_clear(line);
    return true;
}

/* --- rules ----------------------------------------------------------------------------------- */

/* Names of tables may hold what XML does not. */
static int put_text(struct buf *xml, const char *text)
{
    int rc = 0;
    for (; *text; text++)
        rc |= *text == '<'   ? buf_puts(xml, "&lt;")
              : *text == '>' ? buf_puts(xml, "&gt;")
              : *text == '&' ? buf_puts(xml, "&amp;")
                             : buf_append(xml, text, 1);
    return rc;
}

/* Rules name no white space, and one dot between document and field: a * stands for white space of
 * a document, and a field that cannot be named gets none. */
static bool has_no_name(const char *document, const char *field)
{
    return document[strcspn(document, " \t\r\n.")] || field[strcspn(field, " \t\r\n.")];
}

static int put_document(struct buf *xml, const char *document)
{
    int rc = buf_puts(xml, "            <ignore><document>");
    for (const char *p = document; *p;) {
        const size_t len = strcspn(p, " \t\r\n"), space = strspn(p + len, " \t\r\n");
        char *part = strndup(p, len);
        rc |= part ? put_text(xml, part) : DS_ENOMEM;
        free(part);
        if (space)
            rc |= buf_puts(xml, "*");
        p += len + space;
    }
    return rc | buf_puts(xml, "</document></ignore>\n");
}

static int put_rule(struct buf *xml, const char *element, const char *document, const char *field)
{
    if (has_no_name(document, field))
        return 0;
    return buf_printf(xml, "            <ignore><%s>", element) | put_text(xml, document) |
           buf_puts(xml, ".") | put_text(xml, field) | buf_printf(xml, "</%s></ignore>\n", element);
}

/* The last of a document's field alone: one handler does for all. */
static int put_fit(struct buf *xml, const struct map_findings *f, size_t i)
{
    const struct map_finding *x = &f->items[i], *next = i + 1 < f->count ? x + 1 : NULL;
    if (!x->other_field || x->of_key || has_no_name(x->other_document, x->other_field) ||
        (next && next->problem == MAP_VALUE_LOST && next->other_field &&
         strcmp(next->other_document, x->other_document) == 0 &&
         strcmp(next->other_field, x->other_field) == 0))
        return 0;
    return buf_puts(xml, "            <transform><field>") | put_text(xml, x->other_document) |
           buf_puts(xml, ".") | put_text(xml, x->other_field) |
           buf_puts(xml, "</field><handler class=\"" FIT "\"/></transform>\n");
}

static int put_rules(struct buf *xml, const struct map_findings *f, enum map_side side, bool fields)
{
    int rc = buf_printf(xml, "        <%s_rules>\n", fields ? "field" : "document");
    for (size_t i = 0; i < f->count; i++) {
        const struct map_finding *x = &f->items[i];
        if (!fields && x->problem == MAP_UNMAPPED_DOCUMENT && x->side == side)
            rc |= put_document(xml, x->document);
        if (fields && x->problem == MAP_UNMAPPED_FIELD && x->side == side)
            rc |= put_rule(xml, "field", x->document, x->field);
        if (fields && x->problem == MAP_OTHER_TYPE)
            rc |= side == MAP_SOURCE ? put_rule(xml, "datatype", x->document, x->field)
                                     : put_rule(xml, "datatype", x->other_document, x->other_field);
        if (fields && x->problem == MAP_VALUE_LOST && side == MAP_DESTINATION)
            rc |= put_fit(xml, f, i);
    }
    return rc | buf_printf(xml, "        </%s_rules>\n", fields ? "field" : "document");
}

int map_findings_suggest(const struct map_findings *f, struct buf *xml)
{
    int rc = buf_puts(xml, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<map>\n");
    for (enum map_side side = MAP_SOURCE; side <= MAP_DESTINATION; side++) {
        const char *name = side == MAP_SOURCE ? "source" : "destination";
        rc |= buf_printf(xml, "    <%s>\n", name) | put_rules(xml, f, side, false) |
              put_rules(xml, f, side, true) | buf_printf(xml, "    </%s>\n", name);
    }
    return rc | buf_puts(xml, "</map>\n");
}
