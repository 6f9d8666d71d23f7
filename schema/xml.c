#include "schema/xml.h"

#include <libxml/xmlreader.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "schema/arena.h"
#include "schema/buf.h"

enum { DEPTH = 16 };

struct level {
    struct xml_node node;
    struct buf text;
    struct arena arena;
};

struct reading {
    xmlTextReaderPtr reader;
    const char *path;
    const struct xml_rule *root;
    void *arg;
    struct level levels[DEPTH];
    size_t depth;
    struct ds_error *err; /* where libxml2 finds something */
    bool malformed;
};

static int vat(struct ds_error *err, const char *file, unsigned line, const char *fmt, va_list ap)
{
    char text[sizeof err->message];
    vsnprintf(text, sizeof text, fmt, ap);
    return error_set(err, DS_EUSAGE, "%s:%u: %s", file, line, text);
}

int xml_error(struct ds_error *err, const struct xml_node *n, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int rc = vat(err, n->file, n->line, fmt, ap);
    va_end(ap);
    return rc;
}

/* Of what is in hand: the parser is some lines ahead. */
static unsigned line_of(const struct reading *r)
{
    long line = xmlGetLineNo(xmlTextReaderCurrentNode(r->reader));
    return line > 0 ? (unsigned)line : 1;
}

static int here(struct reading *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int here(struct reading *r, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int rc = vat(r->err, r->path, line_of(r), fmt, ap);
    va_end(ap);
    return rc;
}

/* The first thing that is wrong is what the reader is told. */
static void on_error(void *arg, xmlErrorPtr e)
{
    struct reading *r = arg;
    if (r->malformed || e->level < XML_ERR_ERROR)
        return;
    r->malformed = true;
    const char *what = e->code == XML_ERR_DOCUMENT_END /* whose words are of the latter alone */
                           ? "it ends too early, or goes on behind its end"
                           : e->message;
    error_set(r->err, DS_EUSAGE, "%s:%d: not well-formed XML: %.*s", r->path,
              e->line > 0 ? e->line : 1, (int)strcspn(what, "\n"), what);
}

const char *xml_attribute(const struct xml_node *n, const char *name)
{
    for (size_t i = 0; i < n->attribute_count; i++)
        if (strcmp(n->attributes[i].name, name) == 0)
            return n->attributes[i].value;
    return NULL;
}

/* --- grammar --------------------------------------------------------------------------------- */

static bool in_list(const char *list, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = list; at && *at; at += strcspn(at, " "), at += *at == ' ')
        if (strcspn(at, " ") == len && memcmp(at, name, len) == 0)
            return true;
    return false;
}

static const struct xml_rule *rule_of(const struct xml_rule *rules, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(rules[i].name, name) == 0 || strcmp(rules[i].name, "*") == 0)
            return &rules[i];
    return NULL;
}

static int unknown_element(struct reading *r, const struct level *parent, const char *name)
{
    BUF_AUTO struct buf may = {0};
    const struct xml_rule *rule = parent ? parent->node.rule : NULL;
    for (size_t i = 0; rule && i < rule->child_count; i++)
        (void)buf_printf(&may, "%s<%s>", may.len ? ", " : "", rule->children[i].name);
    if (!parent)
        return here(r, "the file begins with <%s>, expected <%s>", name, r->root->name);
    if (!may.len)
        return here(r, "<%s> cannot stand in <%s>, which holds text alone", name,
                    parent->node.name);
    return here(r, "<%s> cannot stand in <%s>: there may be %s", name, parent->node.name,
                buf_cstr(&may));
}

static int missing_attribute(struct reading *r, const struct xml_node *n)
{
    const char *list = n->rule->required;
    for (const char *at = list; at && *at; at += strcspn(at, " "), at += *at == ' ') {
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(at, " "), at);
        if (!xml_attribute(n, name))
            return here(r, "<%s> needs the attribute %s", n->name, name);
    }
    return 0;
}

/* --- elements -------------------------------------------------------------------------------- */

static int out_of_memory(struct reading *r)
{
    return error_set(r->err, DS_ENOMEM, "out of memory for %s", r->path);
}

static int read_attributes(struct reading *r, struct level *l)
{
    int count = xmlTextReaderAttributeCount(r->reader);
    struct xml_attribute *all =
        arena_zalloc(&l->arena, (size_t)(count > 0 ? count : 1) * sizeof *all);
    if (!all)
        return out_of_memory(r);
    l->node.attributes = all;
    while (xmlTextReaderMoveToNextAttribute(r->reader) == 1) {
        const char *name = (const char *)xmlTextReaderConstName(r->reader);
        const char *value = (const char *)xmlTextReaderConstValue(r->reader);
        if (xmlTextReaderIsNamespaceDecl(r->reader) == 1 || strchr(name, ':'))
            continue;
        if (!in_list(l->node.rule->required, name) && !in_list(l->node.rule->optional, name))
            return here(r, "<%s> has an attribute %s that is not known", l->node.name, name);
        struct xml_attribute *a = &all[l->node.attribute_count++];
        a->name = arena_strdup(&l->arena, name);
        a->value = arena_strdup(&l->arena, value ? value : "");
        if (!a->name || !a->value)
            return out_of_memory(r);
    }
    xmlTextReaderMoveToElement(r->reader);
    return missing_attribute(r, &l->node);
}

static int end_element(struct reading *r)
{
    struct level *l = &r->levels[r->depth - 1];
    const struct xml_rule *rule = l->node.rule;
    char *text = (char *)(l->text.len ? l->text.data : NULL);
    size_t from = 0, to = l->text.len;
    while (from < to && strchr(" \t\r\n", text[from]))
        from++;
    while (to > from && strchr(" \t\r\n", text[to - 1]))
        to--;
    if (rule->children && to > from)
        return here(r, "<%s> holds the text \"%.*s\", expected elements alone", l->node.name,
                    (int)(to - from > 40 ? 40 : to - from), text + from);
    char *copy = arena_alloc(&l->arena, to - from + 1);
    if (!copy)
        return out_of_memory(r);
    if (to > from)
        memcpy(copy, text + from, to - from);
    copy[to - from] = 0;
    l->node.text = copy;
    int rc = rule->end ? rule->end(r->arg, &l->node, r->err) : 0;
    r->depth--;
    return rc;
}

static int begin_element(struct reading *r)
{
    const char *name = (const char *)xmlTextReaderConstLocalName(r->reader);
    struct level *parent = r->depth ? &r->levels[r->depth - 1] : NULL;
    const struct xml_rule *rule =
        parent ? rule_of(parent->node.rule->children, parent->node.rule->child_count, name)
               : rule_of(r->root, 1, name);
    bool empty = xmlTextReaderIsEmptyElement(r->reader) == 1;
    if (!rule)
        return unknown_element(r, parent, name);
    if (r->depth == DEPTH)
        return here(r, "elements are nested too deeply");
    struct level *l = &r->levels[r->depth++];
    arena_reset(&l->arena, 1 << 16);
    buf_clear(&l->text);
    l->node = (struct xml_node){.rule = rule,
                                .name = arena_strdup(&l->arena, name),
                                .text = "",
                                .file = r->path,
                                .line = line_of(r),
                                .parent = parent ? &parent->node : NULL};
    if (!l->node.name)
        return out_of_memory(r);
    int rc = read_attributes(r, l);
    if (rc == 0 && rule->begin)
        rc = rule->begin(r->arg, &l->node, r->err);
    return rc || !empty ? rc : end_element(r);
}

static int take(struct reading *r)
{
    const char *value;
    switch (xmlTextReaderNodeType(r->reader)) {
    case XML_READER_TYPE_ELEMENT:
        return begin_element(r);
    case XML_READER_TYPE_END_ELEMENT:
        return end_element(r);
    case XML_READER_TYPE_TEXT:
    case XML_READER_TYPE_CDATA:
        value = (const char *)xmlTextReaderConstValue(r->reader);
        return r->depth && value && buf_puts(&r->levels[r->depth - 1].text, value)
                   ? out_of_memory(r)
                   : 0;
    case XML_READER_TYPE_DOCUMENT_TYPE:
        return here(r, "a DOCTYPE is refused: the file has to say everything itself");
    default: /* comments, white space, processing instructions */
        return 0;
    }
}

int xml_read(const char *path, const struct xml_rule *root, void *arg, struct ds_error *err)
{
    struct ds_error own = {0};
    struct reading r = {.path = path, .root = root, .arg = arg, .err = err ? err : &own};
    struct stat is;
    FILE *file = fopen(path, "rb");
    if (!file)
        return error_set(err, DS_EUSAGE, "cannot read %s: %m", path);
    if (fstat(fileno(file), &is) == 0 && S_ISDIR(is.st_mode)) {
        (void)fclose(file);
        return error_set(err, DS_EUSAGE, "cannot read %s: it is a folder", path);
    }
    r.reader = xmlReaderForFd(fileno(file), path, NULL, XML_PARSE_NONET | XML_PARSE_BIG_LINES);
    int rc = r.reader ? 0 : error_set(err, DS_ENOMEM, "out of memory for %s", path);
    if (rc == 0)
        xmlTextReaderSetStructuredErrorHandler(r.reader, on_error, &r);
    for (int more; rc == 0 && (more = xmlTextReaderRead(r.reader)) != 0;) {
        if (more < 0 || r.malformed)
            rc = r.malformed ? DS_EUSAGE : here(&r, "not well-formed XML");
        else
            rc = take(&r);
    }
    for (size_t i = 0; i < DEPTH; i++) {
        buf_free(&r.levels[i].text);
        arena_free(&r.levels[i].arena);
    }
    if (r.reader)
        xmlFreeTextReader(r.reader);
    (void)fclose(file);
    return rc;
}
