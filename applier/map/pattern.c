#define PCRE2_CODE_UNIT_WIDTH 8
#include "applier/map/pattern.h"

#include <ctype.h>
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

struct pattern {
    pcre2_code *code;
    pcre2_match_data *match;
};

/* What ends a pattern that begins so; 0: it cannot begin so. */
static char closing(char opening)
{
    static const char pairs[] = "()[]{}<>";
    const char *at = opening ? strchr(pairs, opening) : NULL;
    if (!opening || isalnum((unsigned char)opening) || isspace((unsigned char)opening) ||
        opening == '\\')
        return 0;
    return at && (at - pairs) % 2 == 0 ? at[1] : opening;
}

static bool read_modifiers(const char *at, uint32_t *options)
{
    static const struct {
        char letter;
        uint32_t option;
    } all[] = {
        {'i', PCRE2_CASELESS},
        {'m', PCRE2_MULTILINE},
        {'s', PCRE2_DOTALL},
        {'x', PCRE2_EXTENDED},
        {'u', PCRE2_UTF},
        {'A', PCRE2_ANCHORED},
        {'U', PCRE2_UNGREEDY},
        {'S', 0},
        {'D', PCRE2_DOLLAR_ENDONLY},
    };
    for (; *at; at++) {
        size_t i = 0;
        while (i < sizeof all / sizeof *all && all[i].letter != *at)
            i++;
        if (i == sizeof all / sizeof *all)
            return false;
        *options |= all[i].option;
    }
    return true;
}

int pattern_open(struct pattern **out, const char *text, struct ds_error *err)
{
    uint32_t options = 0;
    int number;
    PCRE2_SIZE offset;
    PCRE2_UCHAR why[200];
    const char *start = text + strspn(text, " \t\r\n");
    char close = closing(*start);
    const char *end = close ? strrchr(start + 1, close) : NULL;
    *out = NULL;
    if (!end)
        return error_set(err, DS_EUSAGE,
                         "\"%s\" is no pattern: it begins and ends with the same character, such "
                         "as /…/",
                         text);
    if (!read_modifiers(end + 1, &options))
        return error_set(err, DS_EUSAGE,
                         "\"%s\" ends with a modifier that is not known: there are imsxuAUDS",
                         text);
    struct pattern *p = calloc(1, sizeof *p);
    if (!p)
        return error_set(err, DS_ENOMEM, "out of memory for a pattern");
    p->code = pcre2_compile((PCRE2_SPTR)start + 1, (PCRE2_SIZE)(end - start - 1), options, &number,
                            &offset, NULL);
    p->match = p->code ? pcre2_match_data_create_from_pattern(p->code, NULL) : NULL;
    if (p->match) {
        *out = p;
        return 0;
    }
    int rc = p->code ? error_set(err, DS_ENOMEM, "out of memory for a pattern") : 0;
    if (rc == 0) {
        pcre2_get_error_message(number, why, sizeof why);
        rc = error_set(err, DS_EUSAGE, "\"%s\" is no pattern: %s at its character %zu", text,
                       (const char *)why, (size_t)(start - text) + offset + 2);
    }
    pattern_close(p);
    return rc;
}

void pattern_close(struct pattern *p)
{
    if (!p)
        return;
    pcre2_match_data_free(p->match);
    pcre2_code_free(p->code);
    free(p);
}

/* As in PHP, a text that is not UTF-8 does not match under the modifier u. */
int pattern_match(const struct pattern *p, struct slice text, bool *matches, struct ds_error *err)
{
    int rc = pcre2_match(p->code, text.p, text.len, 0, 0, p->match, NULL);
    *matches = rc >= 0;
    if (rc == PCRE2_ERROR_MATCHLIMIT || rc == PCRE2_ERROR_DEPTHLIMIT || rc == PCRE2_ERROR_HEAPLIMIT)
        return error_set(err, DS_ELIMIT, "the pattern takes too long");
    return rc == PCRE2_ERROR_NOMEMORY ? error_set(err, DS_ENOMEM, "out of memory for a pattern")
                                      : 0;
}
