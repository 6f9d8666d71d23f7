#include "agent/csv/records.h"

#include <csv.h>
#include <errno.h>
#include <fcntl.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 64 << 10 };

struct records {
    struct records_options o;
    char *path;
    int file;
    uint64_t file_size, file_read; /* bytes; 0: not known (a pipe) */
    struct csv_parser parser;
    bool parser_open;
    iconv_t conversion;
    bool converting; /* conversion is open */
    bool is_utf16;   /* … since the file begins so */

    char raw[CHUNK]; /* read, not yet converted */
    size_t raw_len;
    bool file_ended, any_text;
    const char *unreadable; /* why what follows the text at hand cannot be had; NULL: it can */
    char text[4 * CHUNK];   /* converted */
    size_t at, len;

    uint64_t line;   /* of the byte at hand */
    bool after_cr;   /* … just behind a CR: a LF does not count again */
    bool in_record;  /* and where it begins: */
    uint64_t begins; /* line */
    uint64_t size;   /* of the record so far, bytes */
    bool complete, out_of_memory;
    struct buf data; /* fields, one behind the other */
    size_t *ends;    /* of fields, in data */
    struct slice *fields;
    uint32_t count, cap;

    char **columns;
    uint32_t column_count;
    struct record record;
};

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for a CSV file");
}

/* --- what libcsv calls ------------------------------------------------------------------- */

static int no_space(unsigned char c) /* blanks belong to their field */
{
    (void)c;
    return 0;
}

static void take_field(void *field, size_t len, void *arg)
{
    struct records *r = arg;
    if (r->count == r->cap) {
        uint32_t cap = r->cap ? r->cap * 2 : 64;
        size_t *ends = realloc(r->ends, cap * sizeof *ends);
        struct slice *fields = ends ? realloc(r->fields, cap * sizeof *fields) : NULL;
        r->ends = ends ? ends : r->ends;
        r->fields = fields ? fields : r->fields;
        if (!ends || !fields) {
            r->out_of_memory = true;
            return;
        }
        r->cap = cap;
    }
    r->out_of_memory |= len && buf_append(&r->data, field, len);
    r->ends[r->count++] = r->data.len;
}

static void take_record(int end, void *arg)
{
    struct records *r = arg;
    (void)end;
    r->complete = true;
}

/* --- text ---------------------------------------------------------------------------------- */

static int open_conversion(struct records *r, struct ds_error *err)
{
    const char *from = r->o.encoding;
    bool wide = r->raw_len >= 2 && (memcmp(r->raw, "\xff\xfe", 2) == 0 || //
                                    memcmp(r->raw, "\xfe\xff", 2) == 0);
    r->is_utf16 = !from && wide;
    if (!from)
        from = wide ? "UTF-16" : "UTF-8";
    r->conversion = iconv_open("UTF-8", from);
    r->converting = r->conversion != (iconv_t)-1; /* NOLINT(performance-no-int-to-ptr) */
    if (!r->converting)
        return error_set(err, DS_EUSAGE,
                         "--encoding: '%.60s' is not known here (iconv -l lists all)", from);
    return 0;
}

static int read_raw(struct records *r, struct ds_error *err)
{
    while (!r->file_ended && r->raw_len < sizeof r->raw) {
        ssize_t n = read(r->file, r->raw + r->raw_len, sizeof r->raw - r->raw_len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_set(err, DS_EIO, "%s: %s", r->path, strerror(errno));
        r->file_ended = n == 0;
        r->raw_len += (size_t)n;
        r->file_read += (uint64_t)n;
    }
    return 0;
}

/* More text; r->len 0: there is none. */
static int read_text(struct records *r, struct ds_error *err)
{
    r->at = r->len = 0;
    if (r->unreadable)
        return error_set(err, DS_EUNSUPPORTED, "%s line %lu: %s", r->path, r->line, r->unreadable);
    int rc = read_raw(r, err);
    if (rc)
        return rc;
    char *in = r->raw, *out = r->text;
    size_t in_left = r->raw_len, out_left = sizeof r->text;
    if (in_left && iconv(r->conversion, &in, &in_left, &out, &out_left) == (size_t)-1) {
        bool partial = errno == EINVAL && !r->file_ended;
        if (errno == EILSEQ || (errno == EINVAL && !partial))
            r->unreadable =
                r->o.encoding ? "bytes that are no characters of the encoding: another --encoding?"
                : r->is_utf16 ? "bytes that are no UTF-16, as which the file begins: is a part of "
                                "it missing?"
                              : "bytes that are no UTF-8: give the file's encoding, for example "
                                "--encoding latin1";
    }
    memmove(r->raw, in, in_left);
    r->raw_len = in_left;
    r->len = sizeof r->text - out_left;
    if (!r->any_text && r->len >= 3 && memcmp(r->text, "\xef\xbb\xbf", 3) == 0)
        r->at = 3;
    r->any_text |= r->len > 0;
    return r->len == 0 && r->unreadable ? read_text(r, err) : 0;
}

static void count_line(struct records *r, char last)
{
    if (last == '\r' || (last == '\n' && !r->after_cr))
        r->line++;
    r->after_cr = last == '\r';
}

static int bad_quote(const struct records *r, struct ds_error *err)
{
    if (csv_error((struct csv_parser *)&r->parser) == CSV_ENOMEM)
        return no_memory(err);
    return error_set(err, DS_EUNSUPPORTED,
                     "%s line %lu: a quote stands where none may be (a field with quotes in it is "
                     "put in quotes, and these are doubled)",
                     r->path, r->line);
}

/* The next line, or what is there of it. */
static int feed(struct records *r, struct ds_error *err)
{
    const char *start = r->text + r->at, *p = start, *end = r->text + r->len;
    while (p < end && *p != '\n' && *p != '\r')
        p++;
    bool ended = p<end, any = p> start;
    size_t n = (size_t)(p - start) + ended;
    r->after_cr &= !any;
    if (!r->in_record && any) {
        r->in_record = true;
        r->begins = r->line;
        r->size = 0;
    }
    r->size += n;
    if (r->o.max_record && r->size > r->o.max_record)
        return error_set(
            err, DS_ELIMIT,
            "%s line %lu: a record of more than %lu bytes: raise max_event, or a quote "
            "is missing",
            r->path, r->begins, r->o.max_record);
    if (csv_parse(&r->parser, start, n, take_field, take_record, r) != n)
        return bad_quote(r, err);
    r->at += n;
    if (ended)
        count_line(r, *p);
    return r->out_of_memory ? no_memory(err) : 0;
}

/* The last record need not end in a line's end. */
static int finish(struct records *r, struct ds_error *err)
{
    if (!r->parser_open)
        return 0;
    r->parser_open = false;
    int failed = csv_fini(&r->parser, take_field, take_record, r);
    csv_free(&r->parser);
    if (failed)
        return error_set(err, DS_EUNSUPPORTED,
                         "%s line %lu: a quote is opened in this record and not closed up to the "
                         "file's end",
                         r->path, r->begins);
    return r->out_of_memory ? no_memory(err) : 0;
}

/* --- records ------------------------------------------------------------------------------- */

static bool is_empty(const struct records *r)
{
    return r->data.len == 0;
}

/* r->complete: the next record, empty ones not passed over. */
static int read_record(struct records *r, struct ds_error *err)
{
    int rc = 0;
    r->complete = false;
    r->in_record = false;
    r->count = 0;
    buf_clear(&r->data);
    while (!r->complete && rc == 0 && r->parser_open) {
        if (r->at == r->len)
            rc = read_text(r, err);
        if (rc == 0)
            rc = r->len ? feed(r, err) : finish(r, err);
    }
    for (uint32_t i = 0; i < r->count; i++) {
        size_t start = i ? r->ends[i - 1] : 0;
        const uint8_t *p = r->data.data ? r->data.data + start : (const uint8_t *)"";
        r->fields[i] = (struct slice){p, r->ends[i] - start};
    }
    return rc;
}

static int wrong_width(const struct records *r, struct ds_error *err)
{
    return error_set(err, DS_EFORMAT, "%s line %lu: %u fields where the header has %u", r->path,
                     r->begins, r->count, r->column_count);
}

static bool has_nul(struct slice s)
{
    return s.len && memchr(s.p, 0, s.len);
}

/* No text of a shop has one, and what compares texts may stop at it. */
static int refuse_nul(const struct records *r, struct ds_error *err)
{
    for (uint32_t i = 0; i < r->count; i++)
        if (has_nul(r->fields[i]))
            return error_set(err, DS_EFORMAT, "%s line %lu: %s: there is a NUL byte in it", r->path,
                             r->begins, *r->columns[i] ? r->columns[i] : "a column without a name");
    return 0;
}

int records_next(struct records *r, const struct record **out, struct ds_error *err)
{
    int rc;
    *out = NULL;
    do
        rc = read_record(r, err);
    while (rc == 0 && r->complete && is_empty(r) && r->count == r->column_count);
    if (rc || !r->complete)
        return rc;
    r->record = (struct record){.line = r->begins, .count = r->count, .fields = r->fields};
    *out = &r->record;
    return r->count == r->column_count ? refuse_nul(r, err) : wrong_width(r, err);
}

static char *trimmed(struct slice s)
{
    while (s.len && (*s.p == ' ' || *s.p == '\t')) {
        s.p++;
        s.len--;
    }
    while (s.len && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t'))
        s.len--;
    return strndup((const char *)s.p, s.len);
}

static int read_header(struct records *r, struct ds_error *err)
{
    int rc;
    do
        rc = read_record(r, err);
    while (rc == 0 && r->complete && is_empty(r));
    if (rc)
        return rc;
    if (!r->complete)
        return error_set(err, DS_EFORMAT,
                         "%s: the file is empty: its first line is to name the columns", r->path);
    r->columns = calloc(r->count + 1, sizeof *r->columns);
    for (uint32_t i = 0; r->columns && i < r->count; i++) {
        if (has_nul(r->fields[i]))
            return error_set(err, DS_EFORMAT,
                             "%s line %lu: the name of column %u has a NUL byte in it: is the "
                             "file's encoding another one (--encoding)?",
                             r->path, r->begins, i + 1);
        char *name = trimmed(r->fields[i]);
        if (!name)
            return no_memory(err);
        bool twice = *name && records_column_find(r, name) != UINT32_MAX;
        r->columns[r->column_count++] = name;
        if (twice)
            return error_set(err, DS_EFORMAT, "%s: the header has column %.60s twice", r->path,
                             name);
    }
    return r->columns ? 0 : no_memory(err);
}

int records_open(struct records **out, const struct records_options *o, struct ds_error *err)
{
    struct records *r = calloc(1, sizeof *r);
    if (!r)
        return no_memory(err);
    r->o = *o;
    r->line = 1;
    r->path = strdup(o->path);
    r->file = open(o->path, O_RDONLY | O_CLOEXEC);
    int rc = r->path ? 0 : no_memory(err);
    struct stat st;
    if (rc == 0 && (r->file < 0 || fstat(r->file, &st)))
        rc = error_set(err, DS_EIO, "%s: %s", o->path, strerror(errno));
    if (rc == 0 && S_ISREG(st.st_mode))
        r->file_size = (uint64_t)st.st_size;
    rc = rc ? rc : read_raw(r, err);
    rc = rc ? rc : open_conversion(r, err);
    if (rc == 0 && csv_init(&r->parser, CSV_STRICT | CSV_STRICT_FINI))
        rc = no_memory(err);
    if (rc == 0) {
        r->parser_open = true;
        csv_set_delim(&r->parser, (unsigned char)(o->delimiter ? o->delimiter : ','));
        csv_set_space_func(&r->parser, no_space);
        rc = read_header(r, err);
    }
    if (rc)
        records_close(r);
    else
        *out = r;
    return rc;
}

void records_close(struct records *r)
{
    if (!r)
        return;
    if (r->parser_open)
        csv_free(&r->parser);
    if (r->converting)
        iconv_close(r->conversion);
    if (r->file >= 0)
        close(r->file);
    for (uint32_t i = 0; i < r->column_count; i++)
        free(r->columns[i]);
    free(r->columns);
    free(r->ends);
    free(r->fields);
    buf_free(&r->data);
    free(r->path);
    free(r);
}

uint32_t records_column_count(const struct records *r)
{
    return r->column_count;
}

const char *records_column(const struct records *r, uint32_t i)
{
    return r->columns[i];
}

uint32_t records_column_find(const struct records *r, const char *name)
{
    for (uint32_t i = 0; i < r->column_count; i++)
        if (r->columns[i] && strcmp(r->columns[i], name) == 0)
            return i;
    return UINT32_MAX;
}

const char *records_path(const struct records *r)
{
    return r->path;
}

double records_part_read(const struct records *r)
{
    uint64_t waiting = r->raw_len + (r->len - r->at);
    if (!r->file_size || r->file_read <= waiting)
        return 0;
    double part = (double)(r->file_read - waiting) / (double)r->file_size;
    return part < 1 ? part : 1;
}
