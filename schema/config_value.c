#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "schema/config_table.h"

struct unit {
    const char *name;
    uint64_t factor;
};
static const struct unit size_units[] = {
    {"", 1}, {"B", 1}, {"KiB", 1ULL << 10}, {"MiB", 1ULL << 20}, {"GiB", 1ULL << 30}, {NULL, 0}};
/* In milliseconds; largest first is what printing looks for, so in rising order here. */
static const struct unit time_units[] = {{"", 1000},   {"ms", 1},      {"s", 1000},
                                         {"m", 60000}, {"h", 3600000}, {NULL, 0}};

static void *field(const struct setting *s, struct config *c)
{
    return (char *)c + s->offset;
}

static const void *field_const(const struct setting *s, const struct config *c)
{
    return (const char *)c + s->offset;
}

static const char *expected(const struct setting *s)
{
    switch (s->type) {
    case SETTING_PORT:
    case SETTING_NUMBER32:
    case SETTING_NUMBER64:
        return "a whole number";
    case SETTING_SIZE:
        return "a size such as 512KiB, 16MiB or 1GiB";
    case SETTING_MILLIS:
    case SETTING_SECONDS:
        return "a duration such as 500ms, 30s, 5m or 1h";
    case SETTING_BOOL:
        return "true or false";
    case SETTING_NAME:
        return "1 to 48 letters, digits, '_' or '-'";
    case SETTING_PREFIX:
        return "letters, digits and '_'";
    case SETTING_DATABASE:
        return "the name of a database, at most 64 characters";
    default:
        return "a text";
    }
}

static int wrong(struct ds_error *err, const struct setting *s, const char *where, const char *text)
{
    return error_set(err, DS_EUSAGE, "%s: %s: '%.100s' is not %s", where, s->key, text,
                     expected(s));
}

/* A number to its end, with one of the units. */
static bool parse_number(const char *text, const struct unit *units, uint64_t *out)
{
    if (*text < '0' || *text > '9')
        return false;
    char *end;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    if (errno)
        return false;
    for (const struct unit *u = units; u->name; u++)
        if (strcmp(end, u->name) == 0)
            return !__builtin_mul_overflow((uint64_t)n, u->factor, out);
    return false;
}

static int parse_numeric(const struct setting *s, struct config *c, const char *where,
                         const char *text, struct ds_error *err)
{
    static const struct unit none[] = {{"", 1}, {NULL, 0}};
    const struct unit *units = s->type == SETTING_SIZE ? size_units
                               : s->type == SETTING_MILLIS || s->type == SETTING_SECONDS
                                   ? time_units
                                   : none;
    uint64_t n;
    if (!parse_number(text, units, &n))
        return wrong(err, s, where, text);
    if (s->type == SETTING_SECONDS) {
        if (n % 1000)
            return error_set(err, DS_EUSAGE, "%s: %s: '%.100s' must be whole seconds", where,
                             s->key, text);
        n /= 1000;
    }
    if ((s->min || s->max) && (n < s->min || n > s->max))
        return error_set(err, DS_EUSAGE,
                         "%s: %s: '%.100s' is out of range (%" PRIu64 " to %" PRIu64 "%s)", where,
                         s->key, text, s->min, s->max,
                         s->type == SETTING_SIZE      ? " bytes"
                         : s->type == SETTING_MILLIS  ? " milliseconds"
                         : s->type == SETTING_SECONDS ? " seconds"
                                                      : "");
    switch (s->type) {
    case SETTING_PORT: {
        uint16_t v = (uint16_t)n;
        memcpy(field(s, c), &v, sizeof v);
        break;
    }
    case SETTING_SIZE:
    case SETTING_NUMBER64:
        memcpy(field(s, c), &n, sizeof n);
        break;
    default: {
        uint32_t v = (uint32_t)n;
        memcpy(field(s, c), &v, sizeof v);
        break;
    }
    }
    return 0;
}

static int find_choice(const struct setting *s, const char *where, const char *text, unsigned *out,
                       struct ds_error *err)
{
    BUF_AUTO struct buf list = {0};
    for (*out = 0; s->choices[*out]; ++*out)
        if (strcmp(text, s->choices[*out]) == 0)
            return 0;
    return error_set(err, DS_EUSAGE, "%s: %s: '%.100s' is not one of: %s", where, s->key, text,
                     setting_type_text(s, &list));
}

static int parse_choice(const struct setting *s, struct config *c, const char *where,
                        const char *text, struct ds_error *err)
{
    unsigned choice;
    int rc = find_choice(s, where, text, &choice, err);
    if (rc == 0)
        memcpy(field(s, c), &choice, sizeof choice);
    return rc;
}

static bool only(const char *text, const char *extra)
{
    for (; *text; text++)
        if (!((*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') ||
              (*text >= '0' && *text <= '9') || strchr(extra, *text)))
            return false;
    return true;
}

/* A list in one scalar: "order, invoice", with or without brackets. */
static int parse_lines(const struct setting *s, struct config *c, const char *text,
                       struct ds_error *err)
{
    const char *items[1024];
    size_t count = 0;
    char *copy = arena_strdup(&c->arena, text), *save;
    if (!copy)
        return error_set(err, DS_ENOMEM, "out of memory for the configuration");
    for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        line += strspn(line, " \t\r");
        if (!*line || *line == '#')
            continue;
        if (count == sizeof items / sizeof *items)
            return error_set(err, DS_EUSAGE, "%s: more than %zu items", s->key, count);
        items[count++] = line;
    }
    return setting_set_list(s, c, items, count, err);
}

int setting_set_entry(const struct setting *s, struct config *c, const char *where, const char *key,
                      const char *value, struct ds_error *err)
{
    struct config_list list;
    const char *items[512] = {NULL};
    size_t at = 0;
    memcpy(&list, field(s, c), sizeof list);
    unsigned choice;
    if (!*key)
        return error_set(err, DS_EUSAGE, "%s: %s: the name is empty", where, s->key);
    if (s->type == SETTING_CHOICES && find_choice(s, where, value, &choice, err))
        return err->code;
    for (size_t i = 0; i < list.count; i++)
        items[i] = list.items[i];
    while (at < list.count && strcmp(items[at], key) != 0)
        at += 2;
    if (at + 2 > sizeof items / sizeof *items)
        return error_set(err, DS_EUSAGE, "%s: %s: more than %zu entries", where, s->key, at / 2);
    items[at] = key;
    items[at + 1] = value;
    return setting_set_list(s, c, items, at < list.count ? list.count : at + 2, err);
}

static int parse_list(const struct setting *s, struct config *c, const char *text,
                      struct ds_error *err)
{
    const char *items[256];
    size_t count = 0;
    char *copy = arena_strdup(&c->arena, text);
    if (!copy)
        return error_set(err, DS_ENOMEM, "out of memory for the configuration");
    size_t len = strlen(copy);
    if (len >= 2 && copy[0] == '[' && copy[len - 1] == ']') {
        copy[len - 1] = 0;
        copy++;
    }
    for (;;) {
        copy += strspn(copy, ", \t");
        size_t n = strcspn(copy, ", \t");
        if (n == 0)
            break;
        if (count == sizeof items / sizeof *items)
            return error_set(err, DS_EUSAGE, "%s: more than %zu items", s->key, count);
        items[count++] = copy;
        copy += n;
        if (*copy)
            *copy++ = 0;
    }
    return setting_set_list(s, c, items, count, err);
}

int setting_set_list(const struct setting *s, struct config *c, const char *const *items,
                     size_t count, struct ds_error *err)
{
    struct config_list list = {.items = arena_alloc(&c->arena, (count + 1) * sizeof(char *)),
                               .count = count};
    if (!list.items)
        return error_set(err, DS_ENOMEM, "out of memory for the configuration");
    for (size_t i = 0; i < count; i++)
        if (!(list.items[i] = arena_strdup(&c->arena, items[i])))
            return error_set(err, DS_ENOMEM, "out of memory for the configuration");
    list.items[count] = NULL;
    memcpy(field(s, c), &list, sizeof list);
    return 0;
}

static int parse_choice_of_all(const struct setting *s, struct config *c, const char *where,
                               const char *text, struct ds_error *err)
{
    const char *const items[] = {CONFIG_ALL, text};
    unsigned choice;
    int rc = find_choice(s, where, text, &choice, err);
    return rc ? rc : setting_set_list(s, c, items, 2, err);
}

static int set_text(const struct setting *s, struct config *c, const char *text,
                    struct ds_error *err)
{
    char *copy = arena_strdup(&c->arena, text);
    if (!copy)
        return error_set(err, DS_ENOMEM, "out of memory for the configuration");
    memcpy(field(s, c), &copy, sizeof copy);
    return 0;
}

int setting_parse(const struct setting *s, struct config *c, const char *where, const char *text,
                  struct ds_error *err)
{
    size_t len = strlen(text);
    switch (s->type) {
    case SETTING_NAME:
        if (len < 1 || len > 48 || !only(text, "_-"))
            return wrong(err, s, where, text);
        return set_text(s, c, text, err);
    case SETTING_PREFIX:
        if (len > 32 || !only(text, "_"))
            return wrong(err, s, where, text);
        return set_text(s, c, text, err);
    case SETTING_DATABASE:
        if (len > 256)
            return wrong(err, s, where, text);
        return set_text(s, c, text, err);
    case SETTING_TEXT:
    case SETTING_SECRET:
        return set_text(s, c, text, err);
    case SETTING_BOOL: {
        bool on = strcmp(text, "true") == 0;
        if (!on && strcmp(text, "false") != 0)
            return wrong(err, s, where, text);
        memcpy(field(s, c), &on, sizeof on);
        return 0;
    }
    case SETTING_CHOICE:
        return parse_choice(s, c, where, text, err);
    case SETTING_LIST:
        return parse_list(s, c, text, err);
    case SETTING_LINES:
        return parse_lines(s, c, text, err);
    case SETTING_MAP:
        return *text ? error_set(err, DS_EUSAGE,
                                 "%s: %s: a mapping is wanted here, such as {NAME: text}, or --set "
                                 "%s.NAME=TEXT",
                                 where, s->key, s->key)
                     : setting_set_list(s, c, NULL, 0, err);
    case SETTING_CHOICES:
        return parse_choice_of_all(s, c, where, text, err);
    default:
        return parse_numeric(s, c, where, text, err);
    }
}

/* The largest unit that leaves no rest. */
static int format_unit(struct buf *out, uint64_t n, const struct unit *units)
{
    const struct unit *best = NULL;
    for (const struct unit *u = units; u->name; u++)
        if (*u->name && n % u->factor == 0 && (!best || u->factor > best->factor) &&
            (n || u->factor == 1000))
            best = u;
    return best ? buf_printf(out, "%" PRIu64 "%s", n / best->factor, best->name)
                : buf_printf(out, "%" PRIu64, n);
}

int setting_format(const struct setting *s, const struct config *c, struct buf *out)
{
    const void *p = field_const(s, c);
    switch (s->type) {
    case SETTING_PORT: {
        uint16_t v;
        memcpy(&v, p, sizeof v);
        return buf_printf(out, "%u", v);
    }
    case SETTING_NUMBER32:
    case SETTING_MILLIS:
    case SETTING_SECONDS: {
        uint32_t v;
        memcpy(&v, p, sizeof v);
        if (s->type == SETTING_NUMBER32)
            return buf_printf(out, "%" PRIu32, v);
        return format_unit(out, s->type == SETTING_SECONDS ? (uint64_t)v * 1000 : v, time_units);
    }
    case SETTING_NUMBER64:
    case SETTING_SIZE: {
        uint64_t v;
        memcpy(&v, p, sizeof v);
        return s->type == SETTING_SIZE ? format_unit(out, v, size_units)
                                       : buf_printf(out, "%" PRIu64, v);
    }
    case SETTING_BOOL: {
        bool v;
        memcpy(&v, p, sizeof v);
        return buf_puts(out, v ? "true" : "false");
    }
    case SETTING_CHOICE: {
        unsigned v;
        memcpy(&v, p, sizeof v);
        return buf_puts(out, s->choices[v]);
    }
    case SETTING_LIST:
    case SETTING_LINES:
    case SETTING_MAP:
    case SETTING_CHOICES: {
        struct config_list list;
        memcpy(&list, p, sizeof list);
        int rc = 0;
        for (size_t i = 0; i < list.count && rc == 0; i++)
            rc = buf_printf(out, "%s%s", i ? ", " : "", list.items[i]);
        return rc;
    }
    default: {
        char *v;
        memcpy(&v, p, sizeof v);
        return buf_puts(out, v ? v : "");
    }
    }
}

const char *setting_type_text(const struct setting *s, struct buf *scratch)
{
    switch (s->type) {
    case SETTING_PORT:
    case SETTING_NUMBER32:
    case SETTING_NUMBER64:
        return "number";
    case SETTING_SIZE:
        return "size (B, KiB, MiB, GiB)";
    case SETTING_MILLIS:
    case SETTING_SECONDS:
        return "duration (ms, s, m, h)";
    case SETTING_BOOL:
        return "true | false";
    case SETTING_LIST:
    case SETTING_LINES:
        return "list";
    case SETTING_MAP:
        return "mapping";
    case SETTING_CHOICE:
    case SETTING_CHOICES:
        buf_clear(scratch);
        for (size_t i = 0; s->choices[i]; i++)
            if (buf_printf(scratch, "%s%s", i ? " | " : "", s->choices[i]))
                return "";
        return s->type == SETTING_CHOICES &&
                       buf_puts(scratch, ", or a mapping of entities to these")
                   ? ""
                   : buf_cstr(scratch);
    default:
        return "text";
    }
}
