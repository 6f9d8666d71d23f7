/* Source positions: GTID sets of MariaDB and MySQL, and binlog file and offset.
 *
 * A MariaDB set ("gtid position") has one GTID per domain: the last one applied
 * there; it holds every sequence number of the domain up to that one. A MySQL set
 * has intervals per source UUID (and tag, from 8.3). Text is what the servers
 * print. Caller owns what *_parse, *_copy and *_subtract fill and frees it: they overwrite what was
 * there without freeing it, and leave the empty set on error. No globals.
 * Sources: mariadb.com/kb/en/gtid, dev.mysql.com "replication-gtids-concepts".
 */
#ifndef SCHEMA_POSITION_H
#define SCHEMA_POSITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "error.h"

enum gtid_flavour { GTID_NONE, GTID_MARIADB, GTID_MYSQL };

struct gtid {
    enum gtid_flavour flavour;
    uint32_t domain, server; /* MariaDB */
    uint64_t seq;            /* MariaDB sequence number; MySQL GNO (1 … 2^63-2) */
    uint8_t uuid[16];        /* MySQL */
    char tag[33];            /* MySQL, lower case, "" without a tag */
};

struct gtid_interval {
    uint64_t first, last;
}; /* both inside */
struct gtid_member {
    uint32_t domain, server; /* MariaDB: with seq, the last GTID of the domain */
    uint64_t seq;
    uint8_t uuid[16]; /* MySQL: sorted, disjoint, non-adjacent intervals */
    char tag[33];
    struct gtid_interval *intervals;
    size_t count;
};
struct gtid_set {
    enum gtid_flavour flavour;   /* GTID_NONE: empty */
    struct gtid_member *members; /* sorted by domain, or by uuid and tag */
    size_t count;
};

/* Flavour is told from the text; white space and newlines are allowed as the
 * servers print them; "" is the empty set. DS_EUSAGE with the offending piece. */
int gtid_set_parse(struct gtid_set *set, const char *text, struct ds_error *err);
int gtid_parse(struct gtid *gtid, const char *text, struct ds_error *err);
enum { GTID_TEXT_SIZE = 96 }; /* room for the text of any one GTID */
/* "0-1-5", "uuid:5", "uuid:tag:5"; DS_ELIMIT (and "") if it does not fit. */
int gtid_print(const struct gtid *gtid, char *out, size_t size);
/* Appends the text as the servers print it, on one line ("0-1-5,7-1-2"; "uuid:1-5:7:tag:1"). */
int gtid_set_print(const struct gtid_set *set, struct buf *out);
int gtid_set_copy(struct gtid_set *to, const struct gtid_set *from);
void gtid_set_free(struct gtid_set *set);
/* Add one GTID. MariaDB: replaces the domain's GTID, whatever its number was
 * (a source may restart numbering). MySQL: union. DS_EUSAGE on mixed flavours or GTID_NONE. */
int gtid_set_add(struct gtid_set *set, const struct gtid *gtid);
bool gtid_set_contains(const struct gtid_set *set, const struct gtid *gtid);
/* Is everything in `sub` also in `super`? The empty set is in every set. */
bool gtid_set_subset(const struct gtid_set *sub, const struct gtid_set *super);
bool gtid_set_equal(const struct gtid_set *a, const struct gtid_set *b);
/* *out = a minus b (MariaDB: the GTIDs of a that are ahead of b). Caller frees. */
int gtid_set_subtract(struct gtid_set *out, const struct gtid_set *a, const struct gtid_set *b);

/* A binlog file name and offset. Names compare by base name, then number:
 * "bin.999999" < "bin.1000000". */
struct file_position {
    char file[512]; /* "" unknown */
    uint64_t pos;
};
int file_position_parse(struct file_position *fp, const char *text,
                        struct ds_error *err); /* FILE:POS */
int file_position_compare(const struct file_position *a, const struct file_position *b);
/* Are they files of one binlog? A server whose log_bin was renamed begins another one. */
bool file_position_same_series(const struct file_position *a, const struct file_position *b);

/* Where a stream is: both forms, as far as known. */
struct position {
    struct gtid_set gtid;
    struct file_position file;
};
void position_free(struct position *p);
int position_copy(struct position *to, const struct position *from);
bool position_empty(const struct position *p); /* nothing known; NULL allowed */
/* A copy of entities counts them in a file of its own, "copy.000001", which is in no order with a
 * binlog's. */
#define POSITION_COPY_FILE "copy."
bool position_of_copy(const struct position *p);
/* Has everything up to `a` been seen at `b`? By GTID where both have one, else by file. */
bool position_reached(const struct position *a, const struct position *b);
/* Appends "gtid=0-1-5 file=bin.000002:1234", only what is known, "none" for nothing. */
int position_print(const struct position *p, struct buf *out);
/* What position_print wrote, or a GTID set, or FILE:POSITION. DS_EUSAGE. */
int position_parse(struct position *p, const char *text, struct ds_error *err);
/* As position_print for logs and errors, cut to `size` ("…" inside the GTID set); returns out. */
char *position_format(const struct position *p, char *out, size_t size);

#endif
