/* CSV files: RFC 4180 to the letter, other delimiters and encodings, and each error with its line.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/csv/records.h"

struct file {
    char path[64];
    struct records *records;
    struct ds_error err;
};

static int open_file(struct file *f, const void *text, size_t len, struct records_options o)
{
    snprintf(f->path, sizeof f->path, "/tmp/datasync-csv-XXXXXX");
    int fd = mkstemp(f->path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), len);
    close(fd);
    o.path = f->path;
    f->records = NULL;
    error_clear(&f->err);
    return records_open(&f->records, &o, &f->err);
}

static void close_file(struct file *f)
{
    records_close(f->records);
    unlink(f->path);
}

/* Records as one text: fields in <>, each record behind its line. */
static char *all(struct file *f, struct buf *out)
{
    const struct record *r;
    int rc;
    buf_clear(out);
    while ((rc = records_next(f->records, &r, &f->err)) == 0 || (rc == DS_EFORMAT && r)) {
        if (!r)
            break;
        buf_printf(out, "%lu%s", r->line, rc ? "!" : "");
        for (uint32_t i = 0; i < r->count; i++)
            buf_printf(out, "<%.*s>", (int)r->fields[i].len, (const char *)r->fields[i].p);
    }
    if (rc)
        buf_puts(out, " failed");
    return (char *)buf_cstr(out);
}

static void check(const char *text, struct records_options o, const char *wanted)
{
    struct file f;
    BUF_AUTO struct buf out = {0};
    if (open_file(&f, text, strlen(text), o))
        fail_msg("%s", f.err.message);
    assert_string_equal(all(&f, &out), wanted);
    close_file(&f);
}

static const struct records_options plain = {0};

static void fields_come_as_they_stand(void **state)
{
    (void)state;
    check("a,b\n1,2\n", plain, "2<1><2>");
    check("a,b\r\n1,2\r\n3,4", plain, "2<1><2>3<3><4>");
    check("a,b\r1,2\r3,4\r", plain, "2<1><2>3<3><4>");
    check("a,b\r1,2\n3,4\r\n5,6", plain, "2<1><2>3<3><4>4<5><6>");
    check("a,b\n 1 ,\t2\n", plain, "2< 1 ><\t2>");
    check("a,b\n\"1,1\",\"say \"\"yes\"\"\"\n", plain, "2<1,1><say \"yes\">");
    check("a,b\n,x\n\"\",y\n", plain, "2<><x>3<><y>");
    check("a\n0\n", plain, "2<0>");
    check(" a ,\tb\n1,2\n", plain, "2<1><2>");
}

static void quoted_fields_hold_lines(void **state)
{
    (void)state;
    check("a,b\n\"one\ntwo\r\n\nthree\",x\n2,y\n", plain, "2<one\ntwo\r\n\nthree><x>6<2><y>");
}

static void blank_lines_are_passed_over(void **state)
{
    (void)state;
    check("\n\na,b\n\n1,2\n\r\n,\n\"\",\n0,0\n", plain, "5<1><2>9<0><0>");
    check("a\n\n\"\"\n1\n", plain, "4<1>");
}

static void emptiness_excuses_no_width(void **state)
{
    (void)state;
    check("a,b,c\n,\n,,\n,,,,,\n\"\"\n1,2,3\n", plain, "2!<><>4!<><><><><><>5!<>6<1><2><3>");
}

static void another_width_is_told_with_its_line(void **state)
{
    (void)state;
    struct file f;
    BUF_AUTO struct buf out = {0};
    const char *text = "a,b,c\n1,\"2\n2\",3\n1,2\n1,2,3\n1,2,3,4\n";
    check(text, plain, "2<1><2\n2><3>4!<1><2>5<1><2><3>6!<1><2><3><4>");
    assert_int_equal(open_file(&f, text, strlen(text), plain), 0);
    all(&f, &out);
    assert_non_null(strstr(f.err.message, " line 6: 4 fields where the header has 3"));
    assert_non_null(strstr(f.err.message, f.path));
    close_file(&f);
}

static void delimiters(void **state)
{
    (void)state;
    check("a;b\n1;2,5\n", (struct records_options){.delimiter = ';'}, "2<1><2,5>");
    check("a\tb\n1\t 2\n", (struct records_options){.delimiter = '\t'}, "2<1>< 2>");
}

static void encodings(void **state)
{
    (void)state;
    struct file f;
    BUF_AUTO struct buf out = {0};
    static const char wide[] = "\xff\xfe"
                               "a\0,\0b\0\n\0\xfc\0,\0\x3d\xd8\x00\xde\n"; /* ü, a smile */
    check("\xef\xbb\xbf"
          "a,b\n1,2\n",
          plain, "2<1><2>");
    check("a\nm\xfc"
          "de\n",
          (struct records_options){.encoding = "latin1"},
          "2<m\xc3\xbc"
          "de>");
    assert_int_equal(open_file(&f, wide, sizeof wide, plain), 0);
    assert_string_equal(records_column(f.records, 0), "a");
    assert_string_equal(all(&f, &out), "2<\xc3\xbc><\xf0\x9f\x98\x80>");
    close_file(&f);
    assert_int_equal(open_file(&f, "a\n", 2, (struct records_options){.encoding = "martian"}),
                     DS_EUSAGE);
    close_file(&f);
}

static void check_failure(const char *text, const char *records, int code, const char *message)
{
    struct file f;
    const struct record *r;
    BUF_AUTO struct buf out = {0};
    assert_int_equal(
        open_file(&f, text, strlen(text), (struct records_options){.max_record = 5000}), 0);
    assert_string_equal(all(&f, &out), records);
    assert_int_equal(f.err.code, code);
    if (!strstr(f.err.message, message))
        fail_msg("'%s' is not in '%s'", message, f.err.message);
    assert_true(records_next(f.records, &r, &f.err) || !r);
    close_file(&f);
}

static void what_is_no_csv_is_refused_with_its_line(void **state)
{
    (void)state;
    char *huge = malloc(20000);
    assert_non_null(huge);
    check_failure("a,b\n1,2\n1\",2\n", "2<1><2> failed", DS_EUNSUPPORTED, " line 3: a quote");
    check_failure("a,b\n1,2\n\"1\"x,2\n", "2<1><2> failed", DS_EUNSUPPORTED, " line 3: a quote");
    check_failure("a,b\n1,2\n\n3,\"4\n5,6\n", "2<1><2> failed", DS_EUNSUPPORTED,
                  " line 4: a quote is opened");
    check_failure("a\n1\nm\xfc"
                  "de\n",
                  "2<1> failed", DS_EUNSUPPORTED, " line 3: bytes");
    check_failure("a\n1\nm\xc3", "2<1> failed", DS_EUNSUPPORTED, " line 3: bytes");
    memset(huge, 'x', 20000);
    memcpy(huge, "a\n1\n\"", 5);
    huge[19999] = '\0';
    check_failure(huge, "2<1> failed", DS_ELIMIT, " line 3: a record of more than 5000 bytes");
    free(huge);
}

static void a_header_is_needed(void **state)
{
    (void)state;
    struct file f;
    assert_int_equal(open_file(&f, "\n\n", 2, plain), DS_EFORMAT);
    close_file(&f);
    assert_int_equal(open_file(&f, "a,b,a\n", 6, plain), DS_EFORMAT);
    assert_non_null(strstr(f.err.message, "column a twice"));
    close_file(&f);
    assert_int_equal(
        records_open(&f.records, &(struct records_options){.path = "/nowhere/x.csv"}, &f.err),
        DS_EIO);
}

/* Lines, characters and records that lie across what is read at once. */
static void long_files(void **state)
{
    (void)state;
    struct file f;
    const struct record *r;
    BUF_AUTO struct buf text = {0};
    uint64_t count = 0;
    buf_puts(&text, "number,text\r\n");
    for (int i = 0; i < 20000; i++)
        buf_printf(&text, "%d,\"\xc3\xa4\r\n\"\"%d\"\"\"\r\n", i, i);
    assert_int_equal(open_file(&f, text.data, text.len, plain), 0);
    while (records_next(f.records, &r, &f.err) == 0 && r) {
        char wanted[40];
        int n = snprintf(wanted, sizeof wanted, "\xc3\xa4\r\n\"%lu\"", count);
        assert_int_equal(r->line, 2 + 2 * count);
        assert_int_equal(r->fields[1].len, n);
        assert_memory_equal(r->fields[1].p, wanted, n);
        count++;
    }
    assert_int_equal(count, 20000);
    close_file(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_come_as_they_stand),
        cmocka_unit_test(quoted_fields_hold_lines),
        cmocka_unit_test(blank_lines_are_passed_over),
        cmocka_unit_test(emptiness_excuses_no_width),
        cmocka_unit_test(another_width_is_told_with_its_line),
        cmocka_unit_test(delimiters),
        cmocka_unit_test(encodings),
        cmocka_unit_test(what_is_no_csv_is_refused_with_its_line),
        cmocka_unit_test(a_header_is_needed),
        cmocka_unit_test(long_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
