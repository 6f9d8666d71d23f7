#include "schema/mask.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "schema/arena.h"
#include "schema/list.h"
#include "schema/mask_preset.h"
#include "schema/mask_value.h"
#include "schema/shop_table.h"

enum { KEY_MIN = 16, KEY_MAX = 4096, PARTIAL_MAX = 100, SHIFT_MAX = 3650 };

struct mask {
    const struct config *config;
    struct mask_rule *rules;
    size_t count, cap;
    struct buf key;
    bool unknown_null;
    struct arena arena;
};

static const char *const methods[MASK_METHODS] = {
    [MASK_KEEP] = "keep",
    [MASK_NULL] = "null",
    [MASK_FIXED] = "fixed",
    [MASK_HASH] = "hash",
    [MASK_EMAIL] = "email",
    [MASK_FIRST_NAME] = "first_name",
    [MASK_LAST_NAME] = "last_name",
    [MASK_NAME] = "name",
    [MASK_PHONE] = "phone",
    [MASK_STREET] = "street",
    [MASK_CITY] = "city",
    [MASK_POSTCODE] = "postcode",
    [MASK_COMPANY] = "company",
    [MASK_IP] = "ip",
    [MASK_DATE_SHIFT] = "date_shift",
    [MASK_PARTIAL] = "partial",
    [MASK_TEMPLATE] = "template",
    [MASK_ATTRIBUTE] = "attribute",
};

const char *mask_method_name(enum mask_method method)
{
    return methods[method];
}

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for the masks");
}

/* --- one rule ---------------------------------------------------------------- */

/* The next word of *text, cut off in place; "" at the end. */
static char *word(char **text)
{
    char *start = *text + strspn(*text, " \t");
    char *end = start + strcspn(start, " \t");
    *text = *end ? end + 1 : end;
    *end = 0;
    return start;
}

static bool number(const char *text, unsigned most, unsigned *out)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    unsigned long n = strtoul(text, &end, 10);
    *out = (unsigned)n;
    return !*end && n <= most;
}

/* "TABLES[column=pattern].COLUMNS" or "@TYPE.CODES", in place. NULL, or what is wrong. */
static const char *parse_target(struct mask_rule *r, char *target)
{
    char *dot = strrchr(target, '.');
    char *open = strchr(target, '['), *close = open ? strchr(open, ']') : NULL;
    r->attribute = *target == '@';
    target += r->attribute;
    if (open) { /* a pattern may have dots */
        char *equals = strchr(open, '=');
        if (r->attribute || !close || !equals || equals > close || close[1] != '.' ||
            equals == open + 1)
            return "a condition is written TABLE[column=pattern].COLUMN";
        dot = close + 1;
        *open = *equals = *close = 0;
        r->column = open + 1;
        r->pattern = equals + 1;
        for (const char *p = r->pattern; *p; p++)
            if ((unsigned char)*p >= 0x80)
                return "the pattern of a condition is ASCII; * stands for other letters, too";
    }
    if (!dot || dot == target || !dot[1])
        return "it does not begin with TABLE.COLUMN or @TYPE.CODE";
    *dot = 0;
    r->tables = target;
    r->columns = dot + 1;
    return !*target ? "it names no table" : NULL;
}

static const char *parse_arguments(struct mask_rule *r, char *rest)
{
    char *last;
    switch (r->method) {
    case MASK_FIXED:
    case MASK_TEMPLATE:
        r->text = rest + strspn(rest, " \t");
        return r->method == MASK_TEMPLATE ? mask_template_error(r->text) : NULL;
    case MASK_ATTRIBUTE:
        r->text = word(&rest);
        if (r->attribute || !*r->text || *word(&rest))
            return "`attribute` takes an entity type, and is for columns";
        return NULL;
    case MASK_DATE_SHIFT:
        r->first = MASK_SHIFT_DAYS;
        last = word(&rest);
        if ((*last && (!number(last, SHIFT_MAX, &r->first) || !r->first)) || *word(&rest))
            return "`date_shift` takes a number of days from 1 to 3650";
        return NULL;
    case MASK_PARTIAL:
        if (!number(word(&rest), PARTIAL_MAX, &r->first) ||
            !number(word(&rest), PARTIAL_MAX, &r->last) || *word(&rest))
            return "`partial` takes how many characters stay at the beginning and at the end";
        return NULL;
    default:
        return *word(&rest) ? "the method takes no argument" : NULL;
    }
}

static bool has_control(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' && *text != '\t')
            return true;
    return false;
}

/* `text` is not changed, and not kept. */
static int add_rule(struct mask *m, const char *where, const char *text, struct ds_error *err)
{
    if (LIST_ROOM(m->rules, m->count, m->cap))
        return no_memory(err);
    struct mask_rule *r = &m->rules[m->count];
    *r = (struct mask_rule){.method = MASK_METHODS, .where = arena_strdup(&m->arena, where)};
    char *rest = arena_strdup(&m->arena, text);
    if (!rest || !r->where)
        return no_memory(err);
    for (size_t n = strlen(rest); n && strchr(" \t\r\n", rest[n - 1]);)
        rest[--n] = 0;
    const char *why =
        has_control(rest) ? "it has control characters" : parse_target(r, word(&rest));
    const char *method = word(&rest);
    for (unsigned i = 0; i < MASK_METHODS; i++)
        if (strcmp(methods[i], method) == 0)
            r->method = i;
    if (!why && r->method == MASK_METHODS)
        why = *method ? "there is no such method" : "it has no method";
    if (!why)
        why = parse_arguments(r, rest);
    if (why)
        return error_set(err, DS_EUSAGE, "%s: '%.300s' is not a mask rule: %s", where, text, why);
    m->count++;
    return 0;
}

/* --- all of them --------------------------------------------------------------- */

static int read_preset(struct mask *m, const char *name, const char *text, struct ds_error *err)
{
    int rc = 0;
    unsigned line = 1;
    for (const char *p = text; *p && rc == 0; line++) {
        size_t len = strcspn(p, "\n"), kept = 0;
        while (kept < len && !(p[kept] == '#' && (kept == 0 || p[kept - 1] == ' ')))
            kept++;
        char where[80];
        snprintf(where, sizeof where, "%s:%u", name, line);
        BUF_AUTO struct buf rule = {0};
        if (buf_append(&rule, p, kept))
            return no_memory(err);
        if (strspn(buf_cstr(&rule), " \t\r") < kept)
            rc = add_rule(m, where, buf_cstr(&rule), err);
        p += len + (p[len] == '\n');
    }
    return rc;
}

static int read_rules(struct mask *m, struct ds_error *err)
{
    const struct config_list *list = &m->config->mask_rules;
    char where[700];
    config_where(m->config, "mask.rules", where, sizeof where);
    int rc = add_rule(m, "built in", "_*_ghc.id,last_update,hint,value keep", err);
    if (rc == 0)
        rc = m->config->mask_preset == MASK_PRESET_OPENMAGE
                 ? read_preset(m, "openmage.mask", mask_preset_openmage, err)
                 : 0;
    for (size_t i = 0; i < list->count && rc == 0; i++)
        rc = add_rule(m, where, list->items[i], err);
    return rc;
}

static int read_key_file(struct mask *m, const char *path, struct ds_error *err)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC), rc = 0;
    if (fd < 0 || fstat(fd, &st))
        rc = error_set(err, DS_EUSAGE, "mask.key_file: %s: %s", path, strerror(errno));
    else if (!S_ISREG(st.st_mode) || st.st_size > KEY_MAX)
        rc = error_set(err, DS_EUSAGE, "mask.key_file: %s is not a file of at most %d bytes", path,
                       KEY_MAX);
    else if (st.st_mode & S_IRWXO)
        rc = error_set(err, DS_EUSAGE, "mask.key_file: others can read %s: run chmod 600 %s", path,
                       path);
    else if (buf_reserve(&m->key, KEY_MAX))
        rc = no_memory(err);
    if (rc == 0) {
        ssize_t n = read(fd, m->key.data, KEY_MAX);
        if (n < 0)
            rc = error_set(err, DS_EUSAGE, "mask.key_file: %s: %s", path, strerror(errno));
        m->key.len = n > 0 ? (size_t)n : 0;
        while (m->key.len && strchr("\r\n", m->key.data[m->key.len - 1]))
            m->key.len--;
    }
    if (fd >= 0)
        close(fd);
    return rc;
}

static int read_key(struct mask *m, struct ds_error *err)
{
    const struct config *c = m->config;
    char where[700];
    const char *from = *c->mask_key_file ? "mask.key_file" : "mask.key";
    config_where(c, from, where, sizeof where);
    if (*c->mask_key && *c->mask_key_file)
        return error_set(err, DS_EUSAGE, "%s: give mask.key or mask.key_file, not both", where);
    int rc = *c->mask_key_file ? read_key_file(m, c->mask_key_file, err)
             : buf_append(&m->key, c->mask_key, strlen(c->mask_key)) ? no_memory(err)
                                                                     : 0;
    if (rc == 0 && m->key.len < KEY_MIN)
        rc = error_set(
            err, DS_EUSAGE,
            "%s: %s has %zu characters, masks need a secret of at least %d: `openssl rand "
            "-hex 32` makes one. Keep it: another key gives other masks",
            where, from, m->key.len, KEY_MIN);
    return rc;
}

int mask_new(struct mask **out, const struct config *c, struct ds_error *err)
{
    *out = NULL;
    if (c->mask_preset == MASK_PRESET_NONE && c->mask_rules.count == 0) {
        static const char *const keys[] = {"mask.key", "mask.key_file", "mask.unknown",
                                           "mask.rules"};
        char where[700];
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
            if (config_key_is_set(c, keys[i]))
                return error_set(
                    err, DS_EUSAGE,
                    "%s: there is %s, but neither mask.preset nor a rule: nothing would "
                    "be masked",
                    config_where(c, keys[i], where, sizeof where), keys[i]);
        return 0;
    }
    struct mask *m = calloc(1, sizeof *m);
    if (!m)
        return no_memory(err);
    m->config = c;
    m->unknown_null = c->mask_unknown == MASK_UNKNOWN_NULL;
    int rc = read_rules(m, err);
    if (rc == 0)
        rc = read_key(m, err);
    if (rc)
        mask_free(m);
    else
        *out = m;
    return rc;
}

void mask_free(struct mask *m)
{
    if (!m)
        return;
    OPENSSL_cleanse(m->key.data, m->key.cap);
    buf_free(&m->key);
    free(m->rules);
    arena_free(&m->arena);
    free(m);
}

/* --- which rule ------------------------------------------------------------------ */

/* Is `name` one of the comma-separated patterns? Columns have no case. */
static bool listed(const char *patterns, struct slice name)
{
    char one[200], text[200];
    if (name.len >= sizeof text)
        return false;
    memcpy(text, name.p, name.len);
    text[name.len] = 0;
    for (const char *p = patterns; *p;) {
        size_t len = strcspn(p, ",");
        if (len < sizeof one) {
            memcpy(one, p, len);
            one[len] = 0;
            if (fnmatch(one, text, FNM_NOESCAPE | FNM_CASEFOLD) == 0)
                return true;
        }
        p += len + (p[len] == ',');
    }
    return false;
}

/* What gh-ost notes about its work beside a table has columns of its own. */
static bool is_change_log(const char *table)
{
    size_t len = strlen(table);
    return *table == '_' && len > 5 && strcmp(table + len - 4, "_ghc") == 0;
}

static bool of_table(const struct mask *m, const struct mask_rule *r, const char *table)
{
    char scratch[SHOP_TABLE_SIZE];
    bool shops;
    if (!is_change_log(table))
        table = shop_table(m->config->source.prefix, table, scratch, &shops);
    return !r->attribute && fnmatch(r->tables, table, FNM_NOESCAPE) == 0;
}

const struct mask_rule *mask_column_rule(const struct mask *m, const char *table,
                                         struct slice column, size_t *next)
{
    for (size_t i = *next < m->count ? *next : m->count; i > 0; i--)
        if (of_table(m, &m->rules[i - 1], table) && listed(m->rules[i - 1].columns, column)) {
            *next = i - 1;
            return &m->rules[i - 1];
        }
    *next = 0;
    return NULL;
}

const struct mask_rule *mask_attribute_rule(const struct mask *m, const char *type,
                                            const char *code)
{
    const struct slice name = {(const uint8_t *)code, strlen(code)};
    for (size_t i = m->count; i > 0; i--) {
        const struct mask_rule *r = &m->rules[i - 1];
        if (r->attribute && fnmatch(r->tables, type, FNM_NOESCAPE) == 0 && listed(r->columns, name))
            return r;
    }
    return NULL;
}

bool mask_knows_table(const struct mask *m, const char *table)
{
    for (size_t i = m ? m->count : 0; i > 0; i--)
        if (of_table(m, &m->rules[i - 1], table))
            return true;
    return !m;
}

bool mask_changes_table(const struct mask *m, const char *table)
{
    for (size_t i = m ? m->count : 0; i > 0; i--)
        if (m->rules[i - 1].method != MASK_KEEP && of_table(m, &m->rules[i - 1], table))
            return true;
    return mask_unknown_null(m);
}

bool mask_changes_column(const struct mask *m, const char *table, struct slice column)
{
    const struct mask_rule *r;
    for (size_t next = SIZE_MAX; m && (r = mask_column_rule(m, table, column, &next));)
        if (r->method != MASK_KEEP || !r->column)
            return r->method != MASK_KEEP;
    return m != NULL; /* its values do not travel */
}

bool mask_unknown_null(const struct mask *m)
{
    return m && m->unknown_null;
}

struct slice mask_key(const struct mask *m)
{
    return (struct slice){m->key.data, m->key.len};
}

/* --- what it was, and is ------------------------------------------------------------ */

static int print_rule(const struct mask_rule *r, struct buf *out)
{
    int rc = buf_printf(out, "%s%s", r->attribute ? "@" : "", r->tables);
    if (r->column)
        rc |= buf_printf(out, "[%s=%s]", r->column, r->pattern);
    rc |= buf_printf(out, ".%s %s", r->columns, methods[r->method]);
    if (r->text && *r->text)
        rc |= buf_printf(out, " %s", r->text);
    if (r->method == MASK_DATE_SHIFT)
        rc |= buf_printf(out, " %u", r->first);
    if (r->method == MASK_PARTIAL)
        rc |= buf_printf(out, " %u %u", r->first, r->last);
    return rc | buf_puts(out, "\n");
}

int mask_print(const struct mask *m, struct buf *out)
{
    int rc = buf_puts(out, m->unknown_null ? "null\n" : "stop\n");
    for (size_t i = 0; i < m->count && rc == 0; i++)
        rc = print_rule(&m->rules[i], out);
    return rc;
}

int mask_parse(struct mask **out, const struct mask *like, const char *text, struct ds_error *err)
{
    struct mask *m = calloc(1, sizeof *m);
    if (!m)
        return no_memory(err);
    m->config = like->config;
    int rc = buf_append(&m->key, like->key.data, like->key.len) ? no_memory(err) : 0;
    size_t first = strcspn(text, "\n");
    m->unknown_null = first == 4 && memcmp(text, "null", 4) == 0;
    for (const char *p = text + first; *p && rc == 0;) {
        BUF_AUTO struct buf line = {0};
        size_t len = strcspn(++p, "\n");
        if (buf_append(&line, p, len))
            rc = no_memory(err);
        else if (len)
            rc = add_rule(m, "the recorded masks", buf_cstr(&line), err);
        p += len;
    }
    if (rc)
        mask_free(m);
    else
        *out = m;
    return rc;
}

static bool same_text(const char *a, const char *b)
{
    return (!a && !b) || (a && b && strcmp(a, b) == 0);
}

/* NULL: what mask.unknown says. */
static bool same_effect(const struct mask_rule *a, const struct mask_rule *b)
{
    static const struct mask_rule nothing = {.method = MASK_NULL};
    a = a ? a : &nothing;
    b = b ? b : &nothing;
    return a->method == b->method && a->first == b->first && a->last == b->last &&
           same_text(a->text, b->text) && same_text(a->column, b->column) &&
           same_text(a->pattern, b->pattern);
}

bool mask_alike(const struct mask *m, const char *table, struct slice column, const char *other,
                struct slice other_column)
{
    size_t i = SIZE_MAX, k = SIZE_MAX;
    const struct mask_rule *a = mask_column_rule(m, table, column, &i);
    const struct mask_rule *b = mask_column_rule(m, other, other_column, &k);
    return (!a || !a->column) && (!b || !b->column) && same_effect(a, b);
}

bool mask_agrees(const struct mask *was, const struct mask *is, const char *table,
                 struct slice column)
{
    size_t i = SIZE_MAX, k = SIZE_MAX;
    if (was->unknown_null && !mask_knows_table(was, table))
        return is->unknown_null && !mask_knows_table(is, table);
    const struct mask_rule *a = mask_column_rule(was, table, column, &i);
    if (!a && !was->unknown_null) /* nothing of it has come yet */
        return true;
    for (;;) {
        const struct mask_rule *b = mask_column_rule(is, table, column, &k);
        if (!same_effect(a, b) || (!b && !is->unknown_null))
            return false;
        if (!a || !a->column)
            return true;
        a = mask_column_rule(was, table, column, &i);
        if (!a && !was->unknown_null)
            return true;
    }
}

bool mask_attributes_agree(const struct mask *was, const struct mask *is)
{
    size_t i = 0, k = 0;
    for (;;) {
        while (i < was->count && !was->rules[i].attribute)
            i++;
        while (k < is->count && !is->rules[k].attribute)
            k++;
        if (i == was->count || k == is->count)
            return i == was->count && k == is->count;
        const struct mask_rule *a = &was->rules[i++], *b = &is->rules[k++];
        if (!same_effect(a, b) || strcmp(a->tables, b->tables) != 0 ||
            strcmp(a->columns, b->columns) != 0)
            return false;
    }
}

bool mask_agrees_on_attribute(const struct mask *was, const struct mask *is, const char *type,
                              const char *code)
{
    const struct mask_rule *a = mask_attribute_rule(was, type, code);
    const struct mask_rule *b = mask_attribute_rule(is, type, code);
    return (!a && !was->unknown_null) || (same_effect(a, b) && (b || is->unknown_null));
}

/* --- fingerprint -------------------------------------------------------------------- */

int mask_fingerprint(const struct mask *m, struct buf *whole, struct buf *readable)
{
    static const char about[] = "datasync mask key";
    uint8_t digest[EVP_MAX_MD_SIZE];
    if (!HMAC(EVP_sha256(), m->key.data, (int)m->key.len, (const uint8_t *)about, sizeof about - 1,
              digest, NULL))
        return DS_ENOMEM;
    int rc = buf_printf(readable, " mask=[preset=%s rules=%zu unknown=%s key=%02x%02x%02x%02x]",
                        m->config->mask_preset == MASK_PRESET_OPENMAGE ? "openmage" : "none",
                        m->config->mask_rules.count, mask_unknown_null(m) ? "null" : "stop",
                        digest[0], digest[1], digest[2], digest[3]);
    return rc | buf_append(whole, digest, 32) |
           buf_printf(whole, "\nprefix %s\n", m->config->source.prefix) | mask_print(m, whole);
}
