#include "applier/map/map_charset.h"

#include <errno.h>
#include <iconv.h>
#include <mysql.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 4 /* bytes of a character, in any set */ };

struct map_charset {
    iconv_t read, write;
};

const char *map_charset_name(uint16_t collation)
{
    const MARIADB_CHARSET_INFO *known = collation ? mariadb_get_charset_by_nr(collation) : NULL;
    return known ? known->csname : NULL;
}

static bool passes(const char *name)
{
    static const char *const alike[] = {"utf8", "utf8mb3", "utf8mb4", "ascii", "binary", ""};
    for (size_t i = 0; i < sizeof alike / sizeof *alike; i++)
        if (strcmp(name, alike[i]) == 0)
            return true;
    return false;
}

/* As iconv calls it, where that is not the server's name. */
static const char *iconv_name(const char *name)
{
    static const struct {
        const char *server, *iconv;
    } names[] = {{"latin1", "CP1252"},      {"latin2", "ISO-8859-2"},  {"latin5", "ISO-8859-9"},
                 {"latin7", "ISO-8859-13"}, {"greek", "ISO-8859-7"},   {"hebrew", "ISO-8859-8"},
                 {"koi8r", "KOI8-R"},       {"koi8u", "KOI8-U"},       {"ujis", "EUC-JP"},
                 {"eucjpms", "EUC-JP-MS"},  {"sjis", "SHIFT_JIS"},     {"euckr", "EUC-KR"},
                 {"tis620", "TIS-620"},     {"macroman", "MACINTOSH"}, {"ucs2", "UCS-2BE"},
                 {"utf16", "UTF-16BE"},     {"utf16le", "UTF-16LE"},   {"utf32", "UTF-32BE"},
                 {"armscii8", "ARMSCII-8"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i].server, name) == 0)
            return names[i].iconv;
    return name;
}

static bool is_open(iconv_t cd)
{
    return cd != (iconv_t)-1; /* NOLINT(performance-no-int-to-ptr) */
}

int map_charset_open(struct map_charset **out, const char *name, struct ds_error *err)
{
    *out = NULL;
    if (!name || passes(name))
        return 0;
    struct map_charset *c = malloc(sizeof *c);
    if (!c)
        return error_set(err, DS_ENOMEM, "out of memory for a character set");
    c->read = iconv_open("UTF-8", iconv_name(name));
    c->write = iconv_open(iconv_name(name), "UTF-8");
    *out = c;
    if (is_open(c->read) && is_open(c->write))
        return 0;
    return error_set(err, DS_EUNSUPPORTED,
                     "iconv does not know the character set %s here (iconv -l lists all)", name);
}

void map_charset_close(struct map_charset *c)
{
    if (!c)
        return;
    if (is_open(c->read))
        iconv_close(c->read);
    if (is_open(c->write))
        iconv_close(c->write);
    free(c);
}

static int convert(iconv_t cd, struct slice *text, struct arena *arena)
{
    size_t left = text->len, room = text->len * MOST + 1;
    char *out = left ? arena_alloc(arena, room) : NULL, *in = (char *)text->p, *to = out;
    if (!text->len)
        return 0;
    if (!out)
        return DS_ENOMEM;
    (void)iconv(cd, NULL, NULL, NULL, NULL);
    if (iconv(cd, &in, &left, &to, &room) != 0) /* also where something else would stand for it */
        return DS_ECONFLICT;
    *text = (struct slice){(const uint8_t *)out, (size_t)(to - out)};
    return 0;
}

int map_charset_read(const struct map_charset *c, struct slice *text, struct arena *arena)
{
    return c ? convert(c->read, text, arena) : 0;
}

int map_charset_write(const struct map_charset *c, struct slice *text, struct arena *arena)
{
    return c ? convert(c->write, text, arena) : 0;
}
