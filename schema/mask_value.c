#include "schema/mask_value.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/mask_column.h"

enum {
    HASH_CHARS = 40,
    EMAIL_CHARS = 20, /* hexadecimal digits of an address: 80 bits */
    UNIQUE_CHARS = 16,
    RESULT_MAX = 400,
    FORM_MAX = 255, /* characters of a phone number that are replaced, later ones are cut */
};
static const char EMAIL_DOMAIN[] = "@example.com";

/* --- made of the digest ---------------------------------------------------------------- */

/* Bytes without end, one after the other. */
struct stream {
    uint8_t seed[MASK_DIGEST + 5], block[SHA256_DIGEST_LENGTH];
    size_t used;
};

static void stream_refill(struct stream *s)
{
    SHA256(s->seed, sizeof s->seed, s->block);
    for (size_t i = sizeof s->seed; i-- > MASK_DIGEST + 1 && ++s->seed[i] == 0;)
        ;
    s->used = 0;
}

/* Each method has bytes of its own. */
static struct stream stream_of(const uint8_t digest[MASK_DIGEST], enum mask_method method)
{
    struct stream s = {0};
    memcpy(s.seed, digest, MASK_DIGEST);
    s.seed[MASK_DIGEST] = (uint8_t)method;
    stream_refill(&s);
    return s;
}

static unsigned next_byte(struct stream *s)
{
    if (s->used == sizeof s->block)
        stream_refill(s);
    return s->block[s->used++];
}

static unsigned below(struct stream *s, unsigned n)
{
    unsigned high = next_byte(s) << 8;
    return (high | next_byte(s)) % n;
}

struct text {
    char bytes[RESULT_MAX];
    size_t len;
};

static void put_char(struct text *t, char c)
{
    if (t->len < sizeof t->bytes)
        t->bytes[t->len++] = c;
}

static void put_text(struct text *t, const char *text)
{
    for (; *text; text++)
        put_char(t, *text);
}

static void put_hex(struct text *t, struct stream *s, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        put_char(t, "0123456789abcdef"[next_byte(s) & 15]);
}

static void put_digits(struct text *t, struct stream *s, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        put_char(t, (char)('0' + below(s, 10)));
}

/* A word that nobody is called, but that can be said. */
static void put_word(struct text *t, struct stream *s, unsigned syllables)
{
    for (unsigned i = 0; i < syllables; i++) {
        char first = "bdfghjklmnprstvw"[next_byte(s) & 15];
        put_char(t, i ? first : (char)(first - 'a' + 'A'));
        put_char(t, "aeiou"[below(s, 5)]);
    }
}

static void put_first_name(struct text *t, const uint8_t digest[MASK_DIGEST])
{
    struct stream s = stream_of(digest, MASK_FIRST_NAME);
    put_word(t, &s, 3);
}

static void put_last_name(struct text *t, const uint8_t digest[MASK_DIGEST])
{
    struct stream s = stream_of(digest, MASK_LAST_NAME);
    put_word(t, &s, 3);
    put_char(t, "nrslt"[below(&s, 5)]);
}

/* --- templates */

static const struct placeholder {
    const char *name;
    bool counted;
    unsigned usual, most;
} placeholders[] = {
    {"hash", true, EMAIL_CHARS, HASH_CHARS},
    {"digits", true, 8, HASH_CHARS},
    {"first_name", false, 0, 6},
    {"last_name", false, 0, 7},
};

/* What *p, behind a "{", begins; *p goes behind its "}". NULL: nothing that is known. */
static const struct placeholder *placeholder_at(const char **p, unsigned *count)
{
    size_t len = strcspn(*p, ":}");
    for (size_t i = 0; i < sizeof placeholders / sizeof *placeholders; i++) {
        const struct placeholder *x = &placeholders[i];
        if (strlen(x->name) != len || memcmp(x->name, *p, len) != 0)
            continue;
        char *end = (char *)*p + len;
        *count = x->counted ? x->usual : x->most;
        if (*end == ':' && x->counted) {
            unsigned long n = strtoul(end + 1, &end, 10);
            *count = n >= 1 && n <= x->most ? (unsigned)n : 0;
        }
        if (*end != '}' || !*count)
            return NULL;
        *p = end + 1;
        return x;
    }
    return NULL;
}

/* Characters that it gives at most; *unique: how many bits of the digest, in characters. */
static size_t template_length(const char *text, unsigned *unique)
{
    size_t len = 0;
    *unique = 0;
    for (const char *p = text; *p;) {
        if (*p++ != '{') {
            len++;
            continue;
        }
        unsigned count = 0;
        const struct placeholder *x = placeholder_at(&p, &count);
        len += count;
        if (x == &placeholders[0] && count > *unique)
            *unique = count;
    }
    return len;
}

const char *mask_template_error(const char *text)
{
    unsigned count, unique;
    if (!*text)
        return "`template` takes a text";
    for (const char *p = text; *p;)
        if (*p++ == '{' && !placeholder_at(&p, &count))
            return "in a template, {…} is one of {hash}, {hash:1-40}, {digits:1-40}, {first_name}, "
                   "{last_name}";
    if (!mask_is_ascii(text))
        return "a template is ASCII";
    return template_length(text, &unique) > RESULT_MAX ? "the template is too long" : NULL;
}

static void put_template(struct text *t, const char *text, const uint8_t digest[MASK_DIGEST])
{
    struct stream s = stream_of(digest, MASK_TEMPLATE);
    for (const char *p = text; *p;) {
        if (*p != '{') {
            put_char(t, *p++);
            continue;
        }
        unsigned count = 0;
        p++;
        const struct placeholder *x = placeholder_at(&p, &count);
        if (!x)
            continue;
        switch (x - placeholders) {
        case 0:
            put_hex(t, &s, count);
            break;
        case 1:
            put_digits(t, &s, count);
            break;
        case 2:
            put_first_name(t, digest);
            break;
        default:
            put_last_name(t, digest);
        }
    }
}

/* --- one that keeps its form */

static size_t character_length(const struct mask_column *c, const uint8_t *p, size_t left)
{
    size_t n = 1;
    while (c->utf8 && n < left && (p[n] & 0xc0) == 0x80)
        n++;
    return n;
}

/* Digits become digits, letters letters, whatever else ASCII has stays. */
static void put_form(struct text *t, const struct mask_column *c, struct stream *s, struct slice v)
{
    while (v.len && v.p[v.len - 1] == ' ')
        v.len--;
    for (size_t i = 0; i < v.len && t->len < FORM_MAX;) {
        uint8_t x = v.p[i];
        unsigned letter = below(s, 26), digit = below(s, 10);
        if (x >= '0' && x <= '9')
            put_char(t, (char)('0' + digit));
        else if (x >= 'A' && x <= 'Z')
            put_char(t, (char)('A' + letter));
        else if (x >= 0x80 || (x >= 'a' && x <= 'z'))
            put_char(t, (char)('a' + letter));
        else
            put_char(t, x < ' ' ? ' ' : (char)x);
        i += character_length(c, v.p + i, v.len - i);
    }
}

/* --- days */

/* Days since 0000-03-01 and back (Howard Hinnant's calendar algorithms, which are public). */
static long day_number(int y, int m, int d)
{
    y -= m <= 2;
    long era = (y >= 0 ? y : y - 399) / 400;
    unsigned yoe = (unsigned)(y - era * 400);
    unsigned doy = (153u * (unsigned)(m + (m > 2 ? -3 : 9)) + 2) / 5 + (unsigned)d - 1;
    return era * 146097 + (long)(yoe * 365 + yoe / 4 - yoe / 100 + doy);
}

static void day_of(long n, int *y, int *m, int *d)
{
    long era = n / 146097;
    unsigned doe = (unsigned)(n - era * 146097);
    unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    *d = (int)(doy - (153 * mp + 2) / 5 + 1);
    *m = (int)(mp < 10 ? mp + 3 : mp - 9);
    *y = (int)(yoe + (unsigned)(era * 400)) + (*m <= 2);
}

static int two(const char *p)
{
    return (p[0] - '0') * 10 + p[1] - '0';
}

/* Moves the date at the head of `text` in place. `narrow`: a TIMESTAMP ends in 2038 and begins in
 * 1970. False: it is no date of the calendar, or cannot be moved. */
static bool shift_date(char *text, unsigned days, struct stream *s, bool narrow)
{
    int y = two(text) * 100 + two(text + 2), m = two(text + 5), d = two(text + 8);
    if (m < 1 || m > 12 || d < 1)
        return false;
    long by = 1 + (long)(below(s, 0xffff) % days);
    long from = day_number(y, m, d), low = narrow ? day_number(1970, 1, 2) : day_number(1, 1, 1);
    long high = day_number(narrow ? 2037 : 9999, 12, 31);
    bool back = next_byte(s) & 1;
    long to = back ? from - by : from + by;
    if (to < low || to > high)
        to = back ? from + by : from - by;
    if (to < low || to > high)
        return false;
    day_of(to, &y, &m, &d);
    char date[40];
    snprintf(date, sizeof date, "%04d-%02d-%02d", y, m, d);
    memcpy(text, date, 10);
    return true;
}

static int write_shifted(const struct mask_rule *r, const struct mask_column *c,
                         const uint8_t digest[MASK_DIGEST], const struct value *v, struct buf *out)
{
    char text[40];
    struct stream s = stream_of(digest, MASK_DATE_SHIFT);
    size_t len = v->bytes.len;
    if (len < sizeof text)
        memcpy(text, v->bytes.p, len);
    if (len >= sizeof text || !mask_is_date(text, len))
        return mask_write_nothing(c, out);
    if (c->kind == MASK_OF_TEXT && len != 10 && !(len == 19 && mask_is_datetime(text, len)))
        return mask_write_nothing(c, out);
    static const char zero[] = "0000-00-00"; /* says nothing */
    if (memcmp(text, zero, 10) != 0 &&
        !shift_date(text, r->first, &s, c->kind == MASK_OF_TIMESTAMP))
        return mask_write_nothing(c, out);
    return c->kind == MASK_OF_TEXT ? value_write_bytes(out, text, len)
                                   : value_write_text(out, text, len);
}

/* --- addresses of machines */

static int write_ip(const struct mask_column *c, struct stream *s, const struct value *v,
                    struct buf *out)
{
    uint8_t net[16] = {10};
    for (size_t i = 1; i < sizeof net; i++)
        net[i] = (uint8_t)next_byte(s);
    char text[64];
    size_t colons = 0;
    if (c->kind == MASK_OF_INTEGER)
        return value_write_uint(out, 10u << 24 | (uint32_t)net[1] << 16 | (uint32_t)net[2] << 8 |
                                         net[3]);
    if (c->kind == MASK_OF_BYTES && v->bytes.len == 4)
        return value_write_bytes(out, net, 4);
    if (c->kind == MASK_OF_BYTES && v->bytes.len == 16) {
        net[0] = 0xfd;
        return value_write_bytes(out, net, 16);
    }
    for (size_t i = 0; i < v->bytes.len; i++)
        colons += v->bytes.p[i] == ':';
    int n = colons > 1 ? snprintf(text, sizeof text, "fd00::%x:%x", net[1] << 8 | net[2],
                                  net[3] << 8 | net[4])
                       : snprintf(text, sizeof text, "10.%u.%u.%u", net[1], net[2], net[3]);
    return value_write_bytes(out, text, (size_t)n < c->size ? (size_t)n : c->size);
}

/* --- characters at the ends */

static int write_partial(const struct mask_rule *r, const struct mask_column *c, struct slice v,
                         struct buf *out)
{
    size_t count = 0, at = 0;
    BUF_AUTO struct buf text = {0};
    for (size_t i = 0; i < v.len; i += character_length(c, v.p + i, v.len - i))
        count++;
    bool all = count <= (size_t)r->first + r->last;
    int rc = 0;
    for (size_t i = 0; i < v.len && rc == 0; at++) {
        size_t n = character_length(c, v.p + i, v.len - i);
        bool stays = !all && (at < r->first || at >= count - r->last);
        rc = stays ? buf_append(&text, v.p + i, n) : buf_puts(&text, "*");
        i += n;
    }
    return rc ? rc : value_write_bytes(out, text.data ? text.data : (const uint8_t *)"", text.len);
}

/* --- all of them ---------------------------------------------------------------------------- */

const char *mask_refusal(const struct mask_rule *r, const struct mask_column *c)
{
    bool text = c->kind == MASK_OF_TEXT;
    if (r->method == MASK_KEEP)
        return NULL;
    if (text && c->wide && r->method != MASK_NULL)
        return "columns in UTF-16 or UTF-32 cannot be masked";
    if (text && !c->size && r->method != MASK_NULL)
        return "the column's character set is not known";
    switch (r->method) {
    case MASK_NULL:
        return c->kind == MASK_OF_OTHER && !c->nullable ? "a column of this type has no empty value"
                                                        : NULL;
    case MASK_FIXED:
        return mask_fixed_refusal(r, c);
    case MASK_HASH:
        return text || c->kind == MASK_OF_BYTES || c->kind == MASK_OF_INTEGER
                   ? NULL
                   : "`hash` is for texts, bytes and whole numbers";
    case MASK_IP:
        return text || (c->kind == MASK_OF_BYTES && c->size >= 4) ||
                       (c->kind == MASK_OF_INTEGER && c->size >= 4)
                   ? NULL
                   : "`ip` is for texts, and for bytes and whole numbers of at least four bytes";
    case MASK_DATE_SHIFT:
        return text || c->kind == MASK_OF_DATE || c->kind == MASK_OF_DATETIME ||
                       c->kind == MASK_OF_TIMESTAMP
                   ? NULL
                   : "`date_shift` is for dates";
    case MASK_EMAIL:
        return !text                               ? "`email` is for texts"
               : c->size < sizeof EMAIL_DOMAIN + 4 ? "the column is too short for an address"
                                                   : NULL;
    case MASK_PARTIAL:
        return text && (c->one_byte || c->utf8) ? NULL
                                                : "`partial` is for texts in UTF-8 or of one byte "
                                                  "per character";
    default:
        return text ? NULL : "the method is for texts";
    }
}

bool mask_is_unique(const struct mask_rule *r, const struct mask_column *c, uint32_t prefix)
{
    uint32_t room = prefix && prefix < c->size ? prefix : c->size;
    unsigned unique;
    switch (r->method) {
    case MASK_KEEP:
        return true;
    case MASK_NULL: /* NULLs are never equal */
        return c->nullable;
    case MASK_HASH:
        return (c->kind == MASK_OF_TEXT && room >= UNIQUE_CHARS) ||
               (c->kind == MASK_OF_BYTES && room >= UNIQUE_CHARS / 2);
    case MASK_EMAIL: /* 'A@b' and 'a@b' are one */
        return c->kind == MASK_OF_TEXT && c->no_case && room >= 1 + UNIQUE_CHARS &&
               c->size >= 1 + UNIQUE_CHARS + sizeof EMAIL_DOMAIN - 1;
    case MASK_TEMPLATE:
        return template_length(r->text, &unique) <= room && unique >= UNIQUE_CHARS;
    default:
        return false;
    }
}

bool mask_needs_digest(const struct mask_rule *r)
{
    return r->method != MASK_KEEP && r->method != MASK_NULL && r->method != MASK_FIXED &&
           r->method != MASK_PARTIAL;
}

static void put_result(struct text *t, const struct mask_rule *r, const struct mask_column *c,
                       const uint8_t digest[MASK_DIGEST], struct slice v)
{
    struct stream s = stream_of(digest, r->method);
    char street[12];
    switch (r->method) {
    case MASK_HASH:
        put_hex(t, &s, c->size < HASH_CHARS ? c->size : HASH_CHARS);
        break;
    case MASK_EMAIL: {
        size_t room = c->size - sizeof EMAIL_DOMAIN;
        put_char(t, 'u');
        put_hex(t, &s, room < EMAIL_CHARS ? (unsigned)room : EMAIL_CHARS);
        put_text(t, EMAIL_DOMAIN);
        break;
    }
    case MASK_FIRST_NAME:
        put_first_name(t, digest);
        break;
    case MASK_LAST_NAME:
        put_last_name(t, digest);
        break;
    case MASK_NAME:
        put_first_name(t, digest);
        put_char(t, ' ');
        put_last_name(t, digest);
        break;
    case MASK_PHONE:
    case MASK_POSTCODE:
        put_form(t, c, &s, v);
        break;
    case MASK_STREET:
        snprintf(street, sizeof street, "%u ", 1 + below(&s, 199));
        put_text(t, street);
        put_word(t, &s, 3);
        put_text(t, " Street");
        break;
    case MASK_CITY:
        put_word(t, &s, 3);
        put_text(t, "ville");
        break;
    case MASK_COMPANY:
        put_word(t, &s, 3);
        put_text(t, " Ltd");
        break;
    case MASK_TEMPLATE:
        put_template(t, r->text, digest);
        break;
    default:
        break;
    }
}

int mask_write(const struct mask_rule *r, const struct mask_column *c,
               const uint8_t digest[MASK_DIGEST], const struct value *v, struct buf *out)
{
    struct text t = {.len = 0};
    struct stream s;
    switch (r->method) {
    case MASK_NULL:
        return mask_write_nothing(c, out);
    case MASK_FIXED:
        return mask_write_fixed(r, c, out);
    case MASK_PARTIAL:
        return write_partial(r, c, v->bytes, out);
    case MASK_DATE_SHIFT:
        return write_shifted(r, c, digest, v, out);
    case MASK_IP:
        s = stream_of(digest, MASK_IP);
        return write_ip(c, &s, v, out);
    default:
        break;
    }
    if (r->method == MASK_HASH && c->kind != MASK_OF_TEXT) {
        uint8_t bytes[20];
        s = stream_of(digest, MASK_HASH);
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (uint8_t)next_byte(&s);
        if (c->kind == MASK_OF_BYTES)
            return value_write_bytes(out, bytes, c->size < sizeof bytes ? c->size : sizeof bytes);
        uint64_t n;
        memcpy(&n, bytes, sizeof n);
        return value_write_uint(out, n >> (65 - 8 * c->size)); /* positive, signed or not */
    }
    put_result(&t, r, c, digest, v->bytes);
    return value_write_bytes(out, t.bytes, t.len < c->size ? t.len : c->size);
}
