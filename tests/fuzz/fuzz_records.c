/* Any bytes as a CSV file: it ends, lines only grow, and a width that is wrong is said to be. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/csv/records.h"

static void check(bool ok)
{
    if (!ok)
        abort();
}

static bool has_nul(const struct record *r)
{
    bool has = false;
    for (uint32_t i = 0; i < r->count; i++)
        has |= r->fields[i].len && memchr(r->fields[i].p, 0, r->fields[i].len);
    return has;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const encodings[] = {NULL, "latin1", "UTF-16LE", "SHIFT_JIS"};
    struct records_options o = {.max_record = 4096};
    struct records *r = NULL;
    const struct record *record;
    struct ds_error err;
    char path[40];
    int file = memfd_create("csv", 0);
    if (size < 2 || file < 0)
        return file < 0 ? 0 : close(file);
    o.delimiter = data[0] % 2 ? ',' : ';';
    o.encoding = encodings[data[1] % 4];
    check(write(file, data + 2, size - 2) == (ssize_t)(size - 2) && lseek(file, 0, SEEK_SET) == 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    o.path = path;
    uint64_t line = 0, count = 0;
    if (records_open(&r, &o, &err) == 0) {
        int rc;
        while ((rc = records_next(r, &record, &err)) == 0 || (rc == DS_EFORMAT && record)) {
            if (!record)
                break;
            check(record->line > line);
            check((record->count == records_column_count(r) && !has_nul(record)) == (rc == 0));
            line = record->line;
            check(++count <= size);
        }
    }
    records_close(r);
    close(file);
    return 0;
}
