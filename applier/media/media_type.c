/* Kinds of images, by their first bytes and by the end of their name. SVG is none of them: it can
 * hold scripts. Nor is what a web server may take for a program by a part of its name, whatever
 * its bytes and its end are: shell.php.jpg. */
#include <string.h>
#include <strings.h>

#include "applier/media/media_internal.h"

struct kind {
    const char *ends[4];
    const char *refused; /* what is said of a file that has the name and not the bytes */
};

static const struct kind jpeg = {{".jpg", ".jpeg", ".jpe"}, "it is no JPEG, as its name says"},
                         png = {{".png"}, "it is no PNG, as its name says"},
                         gif = {{".gif"}, "it is no GIF, as its name says"},
                         webp = {{".webp"}, "it is no WebP, as its name says"};
static const struct kind *const kinds[] = {&jpeg, &png, &gif, &webp};

static const struct kind *kind_of(const uint8_t *p, size_t len)
{
    if (len < MEDIA_HEAD)
        return NULL;
    if (memcmp(p, "\xff\xd8\xff", 3) == 0)
        return &jpeg;
    if (memcmp(p, "\x89PNG\r\n\x1a\n", 8) == 0)
        return &png;
    if (memcmp(p, "GIF87a", 6) == 0 || memcmp(p, "GIF89a", 6) == 0)
        return &gif;
    return memcmp(p, "RIFF", 4) == 0 && memcmp(p + 8, "WEBP", 4) == 0 ? &webp : NULL;
}

static const struct kind *kind_named(const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        for (const char *const *end = kinds[i]->ends; *end; end++)
            if (len > strlen(*end) && strcasecmp(name + len - strlen(*end), *end) == 0)
                return kinds[i];
    return NULL;
}

/* Does the part of the name begin with letters that some server runs, as php or php7? */
static bool is_program(const char *part, size_t len)
{
    static const char *const ends[] = {"php", "phtml", "phar", "phps", "pht",  "cgi", "fcgi", "pl",
                                       "py",  "rb",    "sh",   "asp",  "aspx", "jsp", "shtml"};
    while (len && part[len - 1] >= '0' && part[len - 1] <= '9')
        len--;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (len == strlen(ends[i]) && strncasecmp(part, ends[i], len) == 0)
            return true;
    return false;
}

static bool names_program(const char *name)
{
    for (const char *dot = strchr(name, '.'); dot; dot = strchr(dot + 1, '.'))
        if (is_program(dot + 1, strcspn(dot + 1, ".")))
            return true;
    return false;
}

const char *media_type_refused(const char *name, const uint8_t *head, size_t len)
{
    const struct kind *named = kind_named(name);
    if (!named)
        return "its name does not end in jpg, jpeg, jpe, png, gif or webp";
    if (names_program(name))
        return "a part of its name is that of a program, which a web server may run";
    return kind_of(head, len) == named ? NULL : named->refused;
}

static uint64_t riff_size(const uint8_t *head)
{
    return 8 + ((uint64_t)head[4] | (uint64_t)head[5] << 8 | (uint64_t)head[6] << 16 |
                (uint64_t)head[7] << 24);
}

bool media_type_is_whole(const uint8_t head[MEDIA_HEAD], const uint8_t *tail, size_t len,
                         uint64_t size)
{
    const struct kind *kind = kind_of(head, MEDIA_HEAD);
    if (kind == &webp)
        return size >= riff_size(head);
    if (kind == &gif) {
        while (len && !tail[len - 1])
            len--;
        return len && tail[len - 1] == ';';
    }
    return kind == &png ? memmem(tail, len, "IEND\xae\x42\x60\x82", 8) != NULL
                        : memmem(tail, len, "\xff\xd9", 2) != NULL;
}
