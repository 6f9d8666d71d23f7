#include "schema/image_place.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>
#include <xxhash.h>

#include "schema/error.h"

enum { STEM_MAX = 80 };

const char *image_folder(enum image_kind kind)
{
    return kind == IMAGE_PRODUCT ? "catalog/product" : "catalog/category";
}

static bool begins(struct slice text, const char *with)
{
    size_t len = strlen(with);
    return text.len >= len && strncasecmp((const char *)text.p, with, len) == 0;
}

bool image_is_url(struct slice text)
{
    return begins(text, "http://") || begins(text, "https://");
}

/* Has it a scheme, such as ftp://? */
static bool has_scheme(struct slice text)
{
    size_t i = 0;
    while (i < text.len && isalnum(text.p[i]))
        i++;
    return i && i + 2 < text.len && memcmp(text.p + i, "://", 3) == 0;
}

/* One part of a path: a hidden file, and what some system takes for a separator, are none. */
static bool is_name(const uint8_t *p, size_t len)
{
    if (!len || len > 255 || *p == '.')
        return false;
    for (size_t i = 0; i < len; i++)
        if (p[i] < 0x20 || p[i] == 0x7f || p[i] == '\\' || p[i] == '/')
            return false;
    return true;
}

static bool is_path(struct slice path)
{
    size_t from = 0;
    for (size_t i = 0; i <= path.len; i++)
        if (i == path.len || path.p[i] == '/') {
            if (!is_name(path.p + from, i - from))
                return false;
            from = i + 1;
        }
    return path.len < IMAGE_PATH_SIZE;
}

enum image_value image_value_path(struct slice value, char path[IMAGE_PATH_SIZE])
{
    if (!value.len || (value.len == 12 && memcmp(value.p, "no_selection", 12) == 0) ||
        has_scheme(value))
        return IMAGE_NONE;
    if (*value.p == '/') {
        value.p++;
        value.len--;
    }
    if (!is_path(value))
        return IMAGE_ASTRAY;
    memcpy(path, value.p, value.len);
    path[value.len] = '\0';
    return IMAGE_FILE;
}

static char folder_letter(char c)
{
    return isalnum((unsigned char)c) ? (char)tolower((unsigned char)c) : '_';
}

const char *image_dispersed_name(const char *path)
{
    size_t len = strlen(path);
    return len > 4 && path[1] == '/' && path[3] == '/' && !strchr(path + 4, '/') &&
                   path[0] == folder_letter(path[4]) &&
                   path[2] == (path[5] ? folder_letter(path[5]) : '_')
               ? path + 4
               : NULL;
}

/* --- from a cell ----------------------------------------------------------------------------- */

static int put_dispersed(enum image_kind kind, struct slice name, struct buf *place)
{
    if (kind == IMAGE_PRODUCT && buf_printf(place, "/%c/%c/", folder_letter((char)name.p[0]),
                                            name.len > 1 ? folder_letter((char)name.p[1]) : '_'))
        return DS_ENOMEM;
    return buf_append(place, name.p, name.len);
}

static struct slice rest_behind(struct slice text, size_t at)
{
    return (struct slice){text.p + at, text.len - at};
}

static size_t length_before(struct slice text, const char *any)
{
    size_t i = 0;
    while (i < text.len && !strchr(any, text.p[i]))
        i++;
    return i;
}

static bool is_image_name(struct slice name)
{
    static const char *const ends[] = {".jpg", ".jpeg", ".jpe", ".png", ".gif", ".webp"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t len = strlen(ends[i]);
        if (name.len > len && begins(rest_behind(name, name.len - len), ends[i]))
            return true;
    }
    return false;
}

static int hex_value(uint8_t c)
{
    return isdigit(c) ? c - '0' : isxdigit(c) ? tolower(c) - 'a' + 10 : -1;
}

/* %20 → blank → '_': letters, digits, '.', '-' and '_' stay. */
static size_t clean(struct slice name, char *out, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < name.len && n + 1 < size; i++) {
        int c = name.p[i];
        if (c == '%' && i + 2 < name.len && hex_value(name.p[i + 1]) >= 0 &&
            hex_value(name.p[i + 2]) >= 0) {
            c = hex_value(name.p[i + 1]) * 16 + hex_value(name.p[i + 2]);
            i += 2;
        }
        if (c < 0x80 && (isalnum(c) || c == '-' || c == '_' || (c == '.' && n)))
            out[n++] = (char)c;
        else if (n && out[n - 1] != '_')
            out[n++] = '_';
    }
    out[n] = '\0';
    return n;
}

static int place_of_url(enum image_kind kind, struct slice url, struct buf *place, const char **why)
{
    char stem[STEM_MAX + 1], end[12] = "";
    url.len = length_before(url, "#");
    size_t scheme = length_before(url, ":") + 3;
    size_t path = scheme + length_before(rest_behind(url, scheme), "/?");
    struct slice before_query = {url.p, path + length_before(rest_behind(url, path), "?")};
    size_t from = before_query.len;
    while (from > path && url.p[from - 1] != '/')
        from--;
    struct slice name = rest_behind(before_query, from);
    *why = "it names no file";
    if (!name.len || path == scheme)
        return DS_EFORMAT;
    struct slice told = is_image_name(name) ? before_query : url;
    size_t dot = name.len;
    while (dot > 0 && name.p[dot - 1] != '.')
        dot--;
    if (dot > 1 && name.len - dot < sizeof end - 1) {
        end[0] = '.';
        clean(rest_behind(name, dot), end + 1, sizeof end - 1);
        name.len = dot - 1;
    }
    if (!clean(name, stem, sizeof stem))
        memcpy(stem, "image", sizeof "image");
    BUF_AUTO struct buf made = {0};
    unsigned number = (unsigned)XXH3_64bits(told.p, told.len);
    if (buf_printf(&made, "%s_%08x%s", stem, number, end))
        return DS_ENOMEM;
    return put_dispersed(kind, (struct slice){made.data, made.len}, place);
}

int image_place(enum image_kind kind, struct slice cell, struct buf *place, const char **why)
{
    *why = NULL;
    if (image_is_url(cell))
        return place_of_url(kind, cell, place, why);
    *why = "only addresses with http and https can be read";
    if (has_scheme(cell))
        return DS_EFORMAT;
    bool rooted = cell.len && *cell.p == '/';
    if (rooted)
        cell = rest_behind(cell, 1);
    *why = "it leads out of the folder of images, or is no name of a file";
    if (!is_path(cell))
        return DS_EFORMAT;
    if (!rooted && !memchr(cell.p, '/', cell.len))
        return put_dispersed(kind, cell, place);
    return (kind == IMAGE_PRODUCT && buf_puts(place, "/")) || buf_append(place, cell.p, cell.len)
               ? DS_ENOMEM
               : 0;
}
