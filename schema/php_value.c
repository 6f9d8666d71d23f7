#include "schema/php_value.h"

#include <stdio.h>
#include <string.h>

/* What r and R count: every value as it comes, arrays and objects before what is in them, but
 * neither keys nor R itself (php_add_var_hash() and var_push() of PHP). */

struct reader {
    struct php_tree *tree;
    struct slice text;
    size_t at;
    unsigned depth;
    struct ds_error *err;
};

static int broken(struct reader *r, size_t at, const char *what)
{
    r->at = at;
    return error_set(r->err, DS_EFORMAT, "serialised PHP value: %s at byte %zu of %zu", what, at,
                     r->text.len);
}

static size_t left(const struct reader *r)
{
    return r->text.len - r->at;
}

static bool take(struct reader *r, char c)
{
    if (left(r) == 0 || r->text.p[r->at] != (uint8_t)c)
        return false;
    r->at++;
    return true;
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static size_t digits(const uint8_t *p, size_t len)
{
    size_t n = 0;
    while (n < len && is_digit(p[n]))
        n++;
    return n;
}

/* A length or count and the character after it, without a zero in front. */
static int read_length(struct reader *r, char after, uint32_t *out)
{
    size_t start = r->at, n = digits(r->text.p + start, left(r));
    uint64_t value = 0;
    for (size_t i = 0; i < n && value <= PHP_MAX_BYTES; i++)
        value = value * 10 + (unsigned)(r->text.p[start + i] - '0');
    if (n == 0 || (n > 1 && r->text.p[start] == '0'))
        return broken(r, start, "no length");
    if (value > PHP_MAX_BYTES)
        return broken(r, start, "a length beyond the end");
    r->at += n;
    if (!take(r, after))
        return broken(r, r->at, "something after a length");
    *out = (uint32_t)value;
    return 0;
}

/* LENGTH:"bytes" */
static int read_string(struct reader *r, struct slice *out)
{
    uint32_t len;
    size_t start = r->at;
    int rc = read_length(r, ':', &len);
    if (rc)
        return rc;
    if (!take(r, '"'))
        return broken(r, r->at, "no quote before a string");
    if (len > left(r))
        return broken(r, start, "a length beyond the end");
    *out = (struct slice){r->text.p + r->at, len};
    r->at += len;
    if (!take(r, '"'))
        return broken(r, r->at, "no quote where the length says that a string ends");
    return 0;
}

/* As PHP writes a whole number: no zero in front, no "-0", and within 64 bits. */
static bool is_number(struct slice text)
{
    static const char most[] = "9223372036854775807", least[] = "9223372036854775808";
    bool negative = text.len > 0 && text.p[0] == '-';
    const uint8_t *p = text.p + negative;
    size_t len = text.len - negative;
    if (len == 0 || digits(p, len) != len)
        return false;
    if (p[0] == '0')
        return len == 1 && !negative;
    return len < 19 || (len == 19 && memcmp(p, negative ? least : most, 19) <= 0);
}

/* WHOLE NUMBER; */
static int read_int(struct reader *r, struct slice *out)
{
    size_t start = r->at;
    take(r, '-');
    r->at += digits(r->text.p + r->at, left(r));
    *out = (struct slice){r->text.p + start, r->at - start};
    if (!is_number(*out) || !take(r, ';'))
        return broken(r, start, "no whole number");
    return 0;
}

static bool take_word(struct reader *r, const char *word)
{
    size_t len = strlen(word);
    if (left(r) < len || memcmp(r->text.p + r->at, word, len) != 0)
        return false;
    r->at += len;
    return true;
}

static int read_double(struct reader *r, struct php_value *v)
{
    size_t start = r->at;
    if (!take_word(r, "NAN;") && !take_word(r, "INF;") && !take_word(r, "-INF;")) {
        take(r, '-');
        size_t whole = digits(r->text.p + r->at, left(r)), part = 0;
        r->at += whole;
        if (take(r, '.')) {
            part = digits(r->text.p + r->at, left(r));
            r->at += part;
        }
        bool good = whole + part > 0;
        if (good && (take(r, 'e') || take(r, 'E'))) {
            if (!take(r, '-'))
                take(r, '+');
            size_t exponent = digits(r->text.p + r->at, left(r));
            r->at += exponent;
            good = exponent > 0;
        }
        if (!good || !take(r, ';'))
            return broken(r, start, "no number");
    }
    v->text = (struct slice){r->text.p + start, r->at - start - 1};
    return 0;
}

static int read_value(struct reader *r, struct php_value *v);

static int read_key(struct reader *r, struct php_entry *entry)
{
    int rc;
    if (take_word(r, "i:")) {
        entry->key_is_int = true;
        return read_int(r, &entry->key);
    }
    if (!take_word(r, "s:"))
        return broken(r, r->at, "neither a number nor a string as a key");
    rc = read_string(r, &entry->key);
    return rc ? rc : take(r, ';') ? 0 : broken(r, r->at, "no semicolon after a key");
}

/* COUNT:{key value …}. Entries are allocated as they come: a count is only a claim. */
static int read_entries(struct reader *r, struct php_value *v)
{
    struct php_entry **last = &v->first;
    int rc = read_length(r, ':', &v->count);
    if (rc)
        return rc;
    if (!take(r, '{'))
        return broken(r, r->at, "no brace before entries");
    if (r->depth == PHP_MAX_DEPTH)
        return error_set(r->err, DS_ELIMIT, "serialised PHP value: deeper than %d at byte %zu",
                         PHP_MAX_DEPTH, r->at);
    r->depth++;
    for (uint32_t i = 0; i < v->count; i++) {
        struct php_entry *entry = arena_zalloc(r->tree->arena, sizeof *entry);
        if (!entry)
            return error_set(r->err, DS_ENOMEM, "out of memory");
        if ((rc = read_key(r, entry)) || (rc = read_value(r, &entry->value)))
            return rc;
        *last = entry;
        last = &entry->next;
    }
    r->depth--;
    return take(r, '}') ? 0 : broken(r, r->at, "more entries than were counted");
}

/* LENGTH:"class": */
static int read_class(struct reader *r, struct php_value *v)
{
    int rc = read_string(r, &v->text);
    return rc ? rc : take(r, ':') ? 0 : broken(r, r->at, "no colon after the name of a class");
}

static int read_custom(struct reader *r, struct php_value *v)
{
    uint32_t len;
    int rc = read_class(r, v);
    size_t start = r->at;
    if (rc || (rc = read_length(r, ':', &len)))
        return rc;
    if (!take(r, '{'))
        return broken(r, r->at, "no brace before the body of an object");
    if (len > left(r))
        return broken(r, start, "a length beyond the end");
    v->body = (struct slice){r->text.p + r->at, len};
    r->at += len;
    r->tree->custom = true;
    return take(r, '}') ? 0 : broken(r, r->at, "no brace where the body of an object ends");
}

/* Strings and names of cases: LENGTH:"…"; */
static int read_text(struct reader *r, struct php_value *v)
{
    int rc = read_string(r, &v->text);
    return rc ? rc : take(r, ';') ? 0 : broken(r, r->at, "no semicolon after a string");
}

static int read_bool(struct reader *r, struct php_value *v)
{
    size_t start = r->at;
    v->text = (struct slice){r->text.p + start, 1};
    return (take(r, '0') || take(r, '1')) && take(r, ';') ? 0 : broken(r, start, "neither 0 nor 1");
}

static int read_whole(struct reader *r, struct php_value *v)
{
    return read_int(r, &v->text);
}

static int read_same(struct reader *r, struct php_value *v)
{
    r->tree->references = true;
    if (left(r) == 0 || !is_digit(r->text.p[r->at]) || r->text.p[r->at] == '0')
        return broken(r, r->at, "no number of a value");
    return read_int(r, &v->text);
}

static int read_object(struct reader *r, struct php_value *v)
{
    int rc = read_class(r, v);
    return rc ? rc : read_entries(r, v);
}

static int read_null(struct reader *r, struct php_value *v)
{
    (void)r, (void)v;
    return 0;
}

static const struct {
    const char *head;
    enum php_type type;
    int (*read)(struct reader *r, struct php_value *v);
} kinds[] = {
    {"s:", PHP_STRING, read_text},   {"i:", PHP_INT, read_whole},
    {"a:", PHP_ARRAY, read_entries}, {"N;", PHP_NULL, read_null},
    {"b:", PHP_BOOL, read_bool},     {"d:", PHP_DOUBLE, read_double},
    {"O:", PHP_OBJECT, read_object}, {"C:", PHP_CUSTOM, read_custom},
    {"r:", PHP_SAME, read_same},     {"R:", PHP_REFERENCE, read_same},
    {"E:", PHP_ENUM, read_text},
};

static int read_value(struct reader *r, struct php_value *v)
{
    if (left(r) < 2)
        return broken(r, r->at, "the end of the text");
    const uint8_t *head = r->text.p + r->at;
    if (head[0] != 'R')
        v->slot = ++r->tree->slots;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (head[0] == (uint8_t)kinds[i].head[0] && head[1] == (uint8_t)kinds[i].head[1]) {
            r->at += 2;
            v->type = kinds[i].type;
            return kinds[i].read(r, v);
        }
    return broken(r, r->at, "no known type");
}

static bool has_entries(const struct php_value *v)
{
    return v->type == PHP_ARRAY || v->type == PHP_OBJECT;
}

static bool is_reference(const struct php_value *v)
{
    return v->type == PHP_SAME || v->type == PHP_REFERENCE;
}

static void list_slots(struct php_value *v, struct php_value **slots)
{
    if (v->slot)
        slots[v->slot - 1] = v;
    if (has_entries(v))
        for (struct php_entry *e = v->first; e; e = e->next)
            list_slots(&e->value, slots);
}

/* Every r and R names a value that began before it. */
static int resolve(struct reader *r, struct php_value *v, struct php_value **slots, uint32_t *seen)
{
    int rc = 0;
    if (v->slot)
        *seen = v->slot;
    if (is_reference(v)) {
        uint64_t number = 0;
        for (size_t i = 0; i < v->text.len && number <= UINT32_MAX; i++)
            number = number * 10 + (unsigned)(v->text.p[i] - '0');
        if (number > *seen || slots[number - 1] == v)
            return broken(r, (size_t)(v->text.p - r->text.p), "a reference to no value");
        v->target = slots[number - 1];
    }
    if (has_entries(v))
        for (struct php_entry *e = v->first; e && rc == 0; e = e->next)
            rc = resolve(r, &e->value, slots, seen);
    return rc;
}

int php_parse(struct php_tree *tree, struct slice text, struct arena *arena, size_t *offset,
              struct ds_error *err)
{
    int rc;
    struct reader r = {.tree = tree, .text = text, .err = err};
    *tree = (struct php_tree){.arena = arena};
    if (text.len > PHP_MAX_BYTES) {
        rc = error_set(err, DS_ELIMIT, "serialised PHP value: %zu bytes, more than %d", text.len,
                       PHP_MAX_BYTES);
    } else {
        rc = read_value(&r, &tree->root);
        if (rc == 0 && left(&r) > 0)
            rc = broken(&r, r.at, "something after the value");
    }
    if (rc == 0 && tree->references) {
        uint32_t seen = 0;
        struct php_value **slots = arena_alloc(arena, tree->slots * sizeof *slots + 1);
        if (slots) {
            list_slots(&tree->root, slots);
            rc = resolve(&r, &tree->root, slots, &seen);
        } else {
            rc = error_set(err, DS_ENOMEM, "out of memory");
        }
    }
    if (offset)
        *offset = r.at;
    return rc;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* After a removal: new numbers. The first reference to a value that was removed takes the value
 * over, and the others then refer to it there, as in PHP after unset(). */
static void count_slots(struct php_value *v, uint32_t *slots)
{
    if (is_reference(v)) {
        struct php_value *to = v->target;
        while (to->slot == 0 && is_reference(to))
            to = to->target;
        if (to->slot == 0) {
            *v = *to;
            *to = (struct php_value){.type = PHP_SAME, .target = v};
        } else {
            v->target = to;
        }
    }
    if (v->type != PHP_REFERENCE)
        v->slot = ++*slots;
    if (has_entries(v))
        for (struct php_entry *e = v->first; e; e = e->next)
            count_slots(&e->value, slots);
}

/* `head`, colon, number, `tail`. By hand: printf would take most of the time. */
static int write_number(struct buf *out, char head, size_t number, const char *tail)
{
    char text[32], *p = text + sizeof text - strlen(tail);
    memcpy(p, tail, strlen(tail));
    do {
        *--p = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    *--p = ':';
    *--p = head;
    return buf_append(out, p, (size_t)(text + sizeof text - p));
}

static int write_sized(struct buf *out, char head, struct slice text, const char *tail)
{
    int rc = write_number(out, head, text.len, ":\"");
    if (rc == 0)
        rc = buf_append(out, text.p, text.len);
    return rc ? rc : buf_puts(out, tail);
}

static int write_plain(struct buf *out, const char *head, struct slice text)
{
    int rc = buf_puts(out, head);
    if (rc == 0)
        rc = buf_append(out, text.p, text.len);
    return rc ? rc : buf_puts(out, ";");
}

static int write_value(const struct php_value *v, struct buf *out);

static int write_entries(const struct php_value *v, char head, struct buf *out)
{
    int rc = write_number(out, head, v->count, ":{");
    for (const struct php_entry *e = v->first; e && rc == 0; e = e->next) {
        rc = e->key_is_int ? write_plain(out, "i:", e->key) : write_sized(out, 's', e->key, "\";");
        if (rc == 0)
            rc = write_value(&e->value, out);
    }
    return rc ? rc : buf_puts(out, "}");
}

static int write_custom(const struct php_value *v, struct buf *out)
{
    int rc = write_sized(out, 'C', v->text, "");
    if (rc == 0)
        rc = write_number(out, '"', v->body.len, ":{");
    if (rc == 0)
        rc = buf_append(out, v->body.p, v->body.len);
    return rc ? rc : buf_puts(out, "}");
}

static int write_value(const struct php_value *v, struct buf *out)
{
    int rc;
    switch (v->type) {
    case PHP_NULL:
        return buf_puts(out, "N;");
    case PHP_BOOL:
        return write_plain(out, "b:", v->text);
    case PHP_INT:
        return write_plain(out, "i:", v->text);
    case PHP_DOUBLE:
        return write_plain(out, "d:", v->text);
    case PHP_STRING:
        return write_sized(out, 's', v->text, "\";");
    case PHP_ENUM:
        return write_sized(out, 'E', v->text, "\";");
    case PHP_SAME:
    case PHP_REFERENCE:
        return write_number(out, v->type == PHP_SAME ? 'r' : 'R', v->target->slot, ";");
    case PHP_CUSTOM:
        return write_custom(v, out);
    case PHP_OBJECT:
        rc = write_sized(out, 'O', v->text, "");
        return rc ? rc : write_entries(v, '"', out);
    case PHP_ARRAY:
        return write_entries(v, 'a', out);
    }
    return DS_EFORMAT;
}

int php_write(struct php_tree *tree, struct buf *out, struct ds_error *err)
{
    uint32_t slots = 0;
    if (tree->removed && tree->references && tree->custom)
        return error_set(err, DS_EUNSUPPORTED,
                         "serialised PHP value: nothing can be removed from one that holds both "
                         "references and objects of their own format");
    if (tree->removed && tree->references)
        count_slots(&tree->root, &slots);
    int rc = write_value(&tree->root, out);
    return rc ? error_set(err, rc, "out of memory") : 0;
}

/* --- reading and changing the tree ------------------------------------------------------------ */

struct php_entry *php_find(const struct php_value *in, const char *key)
{
    size_t len = strlen(key);
    if (has_entries(in))
        for (struct php_entry *e = in->first; e; e = e->next)
            if (e->key.len == len && memcmp(e->key.p, key, len) == 0)
                return e;
    return NULL;
}

const struct php_value *php_behind(const struct php_value *v)
{
    while (is_reference(v)) /* each names one that began before it */
        v = v->target;
    return v;
}

bool php_text(const struct php_value *v, struct slice *text)
{
    if (v->type != PHP_STRING && v->type != PHP_INT &&
        !(v->type == PHP_DOUBLE && is_number(v->text)))
        return false;
    *text = v->text;
    return true;
}

void php_set_text(struct php_value *v, struct slice text)
{
    if (!is_number(text))
        v->type = PHP_STRING;
    v->text = text;
}

void php_set_key(struct php_entry *entry, struct slice text)
{
    if (!is_number(text))
        entry->key_is_int = false;
    entry->key = text;
}

static void forget(struct php_value *v)
{
    v->slot = 0;
    if (has_entries(v))
        for (struct php_entry *e = v->first; e; e = e->next)
            forget(&e->value);
}

void php_set_null(struct php_value *v)
{
    v->type = PHP_NULL;
}

void php_remove(struct php_tree *tree, struct php_value *from, struct php_entry *entry)
{
    struct php_entry **link = &from->first;
    while (*link != entry)
        link = &(*link)->next;
    *link = entry->next;
    from->count--;
    tree->removed = true;
    if (tree->references)
        forget(&entry->value);
}

bool php_is_list(const struct php_value *v)
{
    size_t i = 0;
    char number[24];
    if (!has_entries(v))
        return false;
    for (const struct php_entry *e = v->first; e; e = e->next, i++) {
        size_t len = (size_t)snprintf(number, sizeof number, "%zu", i);
        if (!e->key_is_int || e->key.len != len || memcmp(e->key.p, number, len) != 0)
            return false;
    }
    return true;
}

int php_renumber(struct php_tree *tree, struct php_value *v)
{
    size_t i = 0;
    char number[24];
    for (struct php_entry *e = v->first; e; e = e->next, i++) {
        size_t len = (size_t)snprintf(number, sizeof number, "%zu", i);
        e->key = (struct slice){arena_copy(tree->arena, number, len), len};
        e->key_is_int = true;
        if (!e->key.p)
            return DS_ENOMEM;
    }
    return 0;
}
