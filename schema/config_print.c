/* The table of settings as YAML, and as reference documentation. */
#include <string.h>

#include "schema/config_table.h"

#define HIDDEN "********"

static bool plain_text(const char *text)
{
    static const char *const words[] = {"true", "false", "null", "yes", "no", "on", "off"};
    size_t dots = 0;
    if (!*text || (!strchr("/.", *text) && !(*text >= '0' && *text <= '9') &&
                   !((*text | 32) >= 'a' && (*text | 32) <= 'z')))
        return false;
    for (const char *p = text; *p; p++) {
        dots += *p == '.';
        if (!(((*p | 32) >= 'a' && (*p | 32) <= 'z') || (*p >= '0' && *p <= '9') ||
              strchr("/._-", *p)))
            return false;
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasecmp(text, words[i]) == 0)
            return false;
    return !(*text >= '0' && *text <= '9') || dots > 1; /* an address, not a number */
}

/* `keep`: ${NAME} stays one, as in the example; else it is a value that holds these characters. */
static int print_text(struct buf *out, const char *text, bool keep)
{
    if (plain_text(text))
        return buf_puts(out, text);
    int rc = buf_puts(out, "\"");
    for (const char *p = text; *p && rc == 0; p++) {
        unsigned char ch = (unsigned char)*p;
        if (ch == '"' || ch == '\\')
            rc = buf_printf(out, "\\%c", ch);
        else if (strncmp(p, "\xc2\x85", 2) == 0 || strncmp(p, "\xe2\x80\xa8", 3) == 0 ||
                 strncmp(p, "\xe2\x80\xa9", 3) == 0) { /* line breaks to YAML */
            rc = buf_puts(out, ch == 0xc2 ? "\\N" : p[2] == '\xa8' ? "\\L" : "\\P");
            p += ch == 0xc2 ? 1 : 2;
        } else if (ch < 0x20 || ch == 0x7f)
            rc = buf_printf(out, "\\x%02X", ch);
        else if (!keep && ch == '$' && p[1] == '{')
            rc = buf_puts(out, "$$");
        else
            rc = buf_append(out, p, 1);
    }
    return rc ? rc : buf_puts(out, "\"");
}

static int print_list(struct buf *out, const struct setting *s, const struct config *c)
{
    struct config_list list;
    memcpy(&list, (const char *)c + s->offset, sizeof list);
    bool map = s->type != SETTING_LIST && s->type != SETTING_LINES;
    if (s->type == SETTING_CHOICES && list.count == 2 && strcmp(list.items[0], CONFIG_ALL) == 0)
        return buf_puts(out, list.items[1]);
    int rc = buf_puts(out, map ? "{" : "[");
    for (size_t i = 0; i < list.count && rc == 0; i++) {
        rc = i ? buf_puts(out, map && i % 2 ? ": " : ", ") : 0;
        if (rc == 0)
            rc = print_text(out, list.items[i], false);
    }
    return rc ? rc : buf_puts(out, map ? "}" : "]");
}

static bool is_text(const struct setting *s)
{
    return s->type == SETTING_TEXT || s->type == SETTING_SECRET || s->type == SETTING_NAME ||
           s->type == SETTING_PREFIX || s->type == SETTING_DATABASE;
}

/* c NULL: the example's value. */
static int print_value(struct buf *out, const struct setting *s, const struct config *c)
{
    BUF_AUTO struct buf text = {0};
    if (!c) {
        const char *value = s->example ? s->example : s->value;
        if (s->type == SETTING_MAP)
            return buf_puts(out, "{}");
        if (s->type == SETTING_LIST || s->type == SETTING_LINES)
            return *value ? buf_printf(out, strcmp(value, "*") == 0 ? "[\"%s\"]" : "[%s]", value)
                          : buf_puts(out, "[]");
        return is_text(s) ? print_text(out, value, true) : buf_puts(out, value);
    }
    if (s->type == SETTING_LIST || s->type == SETTING_LINES || s->type == SETTING_MAP ||
        s->type == SETTING_CHOICES)
        return print_list(out, s, c);
    int rc = setting_format(s, c, &text);
    if (rc)
        return rc;
    if (s->type == SETTING_SECRET)
        return buf_puts(out, text.len ? "\"" HIDDEN "\"" : "\"\"");
    return is_text(s) ? print_text(out, buf_cstr(&text), false) : buf_puts(out, buf_cstr(&text));
}

/* Words of `text` as lines of at most `width` bytes, each beginning with `head`. */
static int print_wrapped(struct buf *out, const char *head, const char *text, size_t width)
{
    size_t at = 0;
    int rc = 0;
    while (*text && rc == 0) {
        size_t n = strcspn(text, " ");
        if (at && at + 1 + n > width) {
            rc = buf_puts(out, "\n");
            at = 0;
        }
        if (rc == 0 && at == 0) {
            rc = buf_puts(out, head);
            at = strlen(head);
        } else if (rc == 0) {
            rc = buf_puts(out, " ");
            at++;
        }
        if (rc == 0)
            rc = buf_append(out, text, n);
        at += n;
        text += n + strspn(text + n, " ");
    }
    return rc ? rc : buf_puts(out, "\n");
}

/* Does the example set anything in the group that is the first `len` bytes of `key`? */
static bool group_active(const char *key, size_t len)
{
    for (size_t i = 0; i < config_setting_count; i++)
        if (strncmp(config_settings[i].key, key, len + 1) == 0 && config_settings[i].example)
            return true;
    return false;
}

/* Lines "group:" for the groups of `key` that `before` was not in. */
static int print_groups(struct buf *out, const char *key, const char *before, bool example)
{
    int depth = 0;
    int rc = 0;
    for (const char *dot = strchr(key, '.'); dot && rc == 0; dot = strchr(dot + 1, '.'), depth++) {
        size_t len = (size_t)(dot - key);
        if (before && strncmp(before, key, len + 1) == 0)
            continue;
        const char *start = dot;
        while (start > key && start[-1] != '.')
            start--;
        rc = buf_printf(out, "%s%*s%.*s:\n", example && !group_active(key, len) ? "#" : "",
                        2 * depth, "", (int)(dot - start), start);
    }
    return rc;
}

int config_print(const struct config *c, bool comments, struct buf *out)
{
    const char *before = NULL;
    int rc = 0;
    if (comments)
        rc = buf_puts(out, "# datasync.yaml. Keys that are commented out show their defaults.\n"
                           "# ${NAME} is taken from the environment, or from .env.local beside "
                           "this file.\n");
    for (size_t i = 0; i < config_setting_count && rc == 0; i++) {
        const struct setting *s = &config_settings[i];
        const char *last = strrchr(s->key, '.');
        int depth = 0;
        char head[32];
        for (const char *p = s->key; *p; p++)
            depth += *p == '.';
        if (comments &&
            (depth == 0 || !before || strncmp(before, s->key, strcspn(s->key, ".") + 1) != 0))
            rc = buf_puts(out, "\n");
        if (rc == 0)
            rc = print_groups(out, s->key, before, !c);
        snprintf(head, sizeof head, "%*s# ", 2 * depth, "");
        if (rc == 0 && comments)
            rc = print_wrapped(out, head, s->doc, 98);
        if (rc == 0)
            rc = buf_printf(out, "%s%*s%s: ", !c && !s->example ? "#" : "", 2 * depth, "",
                            last ? last + 1 : s->key);
        if (rc == 0)
            rc = print_value(out, s, c);
        if (rc == 0)
            rc = buf_puts(out, "\n");
        before = s->key;
    }
    return rc;
}

/* --- reference ----------------------------------------------------------- */

static int puts_troff(struct buf *out, const char *text)
{
    int rc = 0;
    for (const char *p = text; *p && rc == 0; p++) {
        if (*p == '\\')
            rc = buf_puts(out, "\\e");
        else if (*p == '-')
            rc = buf_puts(out, "\\-");
        else if (*p == '\'' || (*p == '.' && p == text))
            rc = buf_printf(out, "\\&%c", *p);
        else
            rc = buf_append(out, p, 1);
    }
    return rc;
}

static int describe_default(const struct setting *s, struct buf *out)
{
    int rc = buf_puts(out, s->shown ? s->shown : *s->value ? s->value : "empty");
    if (rc == 0 && s->environment)
        rc = buf_printf(out, ", or $%s", s->environment);
    return rc;
}

int config_reference(bool troff, struct buf *out)
{
    int rc = 0;
    for (size_t i = 0; i < config_setting_count && rc == 0; i++) {
        const struct setting *s = &config_settings[i];
        BUF_AUTO struct buf type = {0};
        BUF_AUTO struct buf fallback = {0};
        BUF_AUTO struct buf head = {0};
        const char *kind = setting_type_text(s, &type);
        rc = describe_default(s, &fallback);
        if (rc == 0)
            rc = buf_printf(&head, "(%s; default: %s)", kind, buf_cstr(&fallback));
        if (rc == 0 && troff) {
            rc = buf_puts(out, ".TP\n.B ");
            rc = rc ? rc : puts_troff(out, s->key);
            rc = rc ? rc : buf_puts(out, "\n");
            rc = rc ? rc : puts_troff(out, buf_cstr(&head));
            rc = rc ? rc : buf_puts(out, "\n.br\n");
            rc = rc ? rc : puts_troff(out, s->doc);
            rc = rc ? rc : buf_puts(out, "\n");
        } else if (rc == 0) {
            rc = buf_printf(out, "%s  %s\n", s->key, buf_cstr(&head));
            rc = rc ? rc : print_wrapped(out, "    ", s->doc, 98);
        }
    }
    return rc;
}
