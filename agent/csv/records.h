/* A CSV file, record by record (RFC 4180, by libcsv).
 *
 * The first record is the header; its names are trimmed. The text is converted to UTF-8; a byte
 * order mark is passed over, and so are blank lines and records that have as many fields as the
 * header and nothing in any.
 * Fields are as they stand, blanks included. Lines end in LF, CR LF or CR; quoted fields may hold
 * them. Streaming: one record is in memory.
 *
 * Called by csv_copy.c. One owner, one thread. Errors name file and line.
 */
#ifndef AGENT_CSV_RECORDS_H
#define AGENT_CSV_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/buf.h"
#include "schema/error.h"

struct records_options {
    const char *path;
    char delimiter;       /* 0: comma */
    const char *encoding; /* as iconv names it; NULL: UTF-8, or UTF-16 where the file begins so */
    uint64_t max_record;  /* bytes; a longer one is DS_ELIMIT. 0: no limit */
};

struct record {
    uint64_t line;              /* where it begins, from 1 */
    uint32_t count;             /* of fields */
    const struct slice *fields; /* until the next call */
};

struct records;
/* Opens the file and reads the header. DS_EIO; DS_EUSAGE: an unknown encoding; DS_EFORMAT: no
 * header, a name twice, or one with a NUL byte. */
int records_open(struct records **out, const struct records_options *o, struct ds_error *err);
void records_close(struct records *r); /* NULL allowed */

uint32_t records_column_count(const struct records *r);
const char *records_column(const struct records *r, uint32_t i);         /* "": has no name */
uint32_t records_column_find(const struct records *r, const char *name); /* UINT32_MAX: none */

/* The next record; *out NULL: there is no more. DS_EFORMAT with *out set: it has not as many fields
 * as the header, or a NUL byte in one, and the next one may be asked for. Any other error is final:
 * DS_EUNSUPPORTED (a quote where none may be, or not closed; bytes that are not of the encoding),
 * DS_ELIMIT, DS_EIO, DS_ENOMEM. */
int records_next(struct records *r, const struct record **out, struct ds_error *err);
const char *records_path(const struct records *r);
/* How much of the file has been read, from 0 to 1; 0: not known. */
double records_part_read(const struct records *r);

#endif
