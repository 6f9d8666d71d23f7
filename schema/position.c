/* Binlog file positions, and positions in both forms. */
#include "schema/position.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int bad_file_position(struct ds_error *err, const char *text)
{
    return error_set(err, DS_EUSAGE,
                     "not a binlog position: \"%.200s\"; write FILE:POSITION as SHOW MASTER STATUS "
                     "gives them, for example mysql-bin.000042:1234",
                     text);
}

int file_position_parse(struct file_position *fp, const char *text, struct ds_error *err)
{
    memset(fp, 0, sizeof *fp);
    const char *colon = strrchr(text, ':');
    if (!colon || colon == text || (size_t)(colon - text) >= sizeof fp->file || !colon[1])
        return bad_file_position(err, text);
    uint64_t pos = 0;
    for (const char *p = colon + 1; *p; p++)
        if (*p < '0' || *p > '9' || __builtin_mul_overflow(pos, (uint64_t)10, &pos) ||
            __builtin_add_overflow(pos, (uint64_t)(*p - '0'), &pos))
            return bad_file_position(err, text);
    for (const char *p = text; p < colon; p++)
        if ((unsigned char)*p < ' ' || (*p == ' ' && p == text))
            return bad_file_position(err, text);
    memcpy(fp->file, text, (size_t)(colon - text));
    fp->pos = pos;
    return 0;
}

/* Length of the base name; *number: the digits behind it without leading zeros, NULL if none. */
static size_t split_file(const char *file, const char **number)
{
    const char *dot = strrchr(file, '.');
    *number = NULL;
    if (!dot || !dot[1] || dot[1 + strspn(dot + 1, "0123456789")])
        return strlen(file);
    *number = dot + 1 + strspn(dot + 1, "0");
    return (size_t)(dot - file);
}

static int sign(int v)
{
    return v < 0 ? -1 : v > 0;
}

static int file_compare(const char *a, const char *b)
{
    const char *na, *nb;
    size_t la = split_file(a, &na), lb = split_file(b, &nb);
    if (!na || !nb || la != lb || memcmp(a, b, la) != 0)
        return sign(strcmp(a, b));
    size_t da = strlen(na), db = strlen(nb);
    if (da != db)
        return da < db ? -1 : 1;
    return sign(strcmp(na, nb));
}

bool file_position_same_series(const struct file_position *a, const struct file_position *b)
{
    const char *na, *nb;
    size_t la = split_file(a->file, &na), lb = split_file(b->file, &nb);
    return na && nb && la == lb && memcmp(a->file, b->file, la) == 0;
}

int file_position_compare(const struct file_position *a, const struct file_position *b)
{
    int d = file_compare(a->file, b->file);
    if (d)
        return d;
    return a->pos < b->pos ? -1 : a->pos > b->pos;
}

void position_free(struct position *p)
{
    gtid_set_free(&p->gtid);
    memset(&p->file, 0, sizeof p->file);
}

int position_copy(struct position *to, const struct position *from)
{
    to->file = from->file;
    return gtid_set_copy(&to->gtid, &from->gtid);
}

bool position_empty(const struct position *p)
{
    return !p || (p->gtid.count == 0 && !p->file.file[0]);
}

bool position_of_copy(const struct position *p)
{
    return p->gtid.count == 0 &&
           strncmp(p->file.file, POSITION_COPY_FILE, sizeof POSITION_COPY_FILE - 1) == 0;
}

bool position_reached(const struct position *a, const struct position *b)
{
    if (position_empty(a))
        return true;
    if (a->gtid.count && b->gtid.count)
        return gtid_set_subset(&a->gtid, &b->gtid);
    if (position_of_copy(a) != position_of_copy(b))
        return false;
    if (!a->file.file[0] || !b->file.file[0])
        return false;
    return file_position_compare(&a->file, &b->file) <= 0;
}

int position_print(const struct position *p, struct buf *out)
{
    size_t start = out->len;
    int rc = 0;
    if (p->gtid.count) {
        rc = buf_puts(out, "gtid=");
        if (rc == 0)
            rc = gtid_set_print(&p->gtid, out);
    }
    if (rc == 0 && p->file.file[0])
        rc = buf_printf(out, "%sfile=%s:%" PRIu64, p->gtid.count ? " " : "", p->file.file,
                        p->file.pos);
    if (rc == 0 && out->len == start)
        rc = buf_puts(out, "none");
    if (rc)
        out->len = start;
    return rc;
}

/* "gtid=SET file=FILE:POS", either part alone. A set may hold white space, so the file is looked
 * for first. */
static int parse_fields(struct position *p, const char *text, struct ds_error *err)
{
    const char *file = strncmp(text, "file=", 5) == 0 ? text : strstr(text, " file=");
    if (strncmp(text, "gtid=", 5) == 0) {
        size_t len = file ? (size_t)(file - text) - 5 : strlen(text) - 5;
        char *set = strndup(text + 5, len);
        if (!set)
            return error_set(err, DS_ENOMEM, "out of memory for a position");
        int rc = gtid_set_parse(&p->gtid, set, err);
        free(set);
        if (rc)
            return rc;
    }
    if (!file)
        return 0;
    int rc = file_position_parse(&p->file, strchr(file, '=') + 1, err);
    if (rc)
        position_free(p);
    return rc;
}

int position_parse(struct position *p, const char *text, struct ds_error *err)
{
    memset(p, 0, sizeof *p);
    if (strcmp(text, "none") == 0)
        return 0;
    if (strncmp(text, "gtid=", 5) == 0 || strncmp(text, "file=", 5) == 0)
        return parse_fields(p, text, err);
    if (gtid_set_parse(&p->gtid, text, err) == 0 ||
        file_position_parse(&p->file, text, NULL) == 0) {
        error_clear(err);
        return 0;
    }
    return error_set(err, DS_EUSAGE,
                     "not a position: \"%.200s\"; write a GTID set (0-1-5, or UUID:1-5) or "
                     "FILE:POSITION (mysql-bin.000042:1234)",
                     text);
}

char *position_format(const struct position *p, char *out, size_t size)
{
    struct buf text = {0};
    if (size == 0)
        return out;
    out[0] = 0;
    if (position_print(p, &text)) {
        buf_free(&text);
        return out;
    }
    const char *all = buf_cstr(&text);
    if (text.len < size) {
        snprintf(out, size, "%s", all);
    } else {
        /* the file is short and says most to a person: keep it, cut the set */
        const char *file = p->gtid.count ? strstr(all, " file=") : NULL;
        size_t tail = file ? strlen(file) : 0;
        static const char dots[] = "…";
        if (tail + sizeof dots + 16 > size)
            tail = 0;
        size_t keep = size > sizeof dots ? size - sizeof dots - tail : 0;
        snprintf(out, size, "%.*s%s%s", (int)keep, all, size > sizeof dots ? dots : "",
                 tail ? file : "");
    }
    buf_free(&text);
    return out;
}
