/* Source positions: GTID sets of MariaDB and MySQL, and binlog file and offset.
 *
 * A MariaDB set ("gtid position") has one GTID per domain: the last one applied
 * there; it holds every sequence number of the domain up to that one. A MySQL set
 * has intervals per source UUID (and tag, from 8.3). Text is what the servers
 * print. Caller owns what *_parse and *_copy fill and frees it. No globals.
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
int gtid_print(const struct gtid *gtid, char *out, size_t size);
/* Appends the canonical text ("0-1-5,7-1-2"; "uuid:1-5:7,uuid:tag:1"). */
int gtid_set_print(const struct gtid_set *set, struct buf *out);
int gtid_set_copy(struct gtid_set *to, const struct gtid_set *from);
void gtid_set_free(struct gtid_set *set);
/* Add one GTID. MariaDB: replaces the domain's GTID, whatever its number was
 * (a source may restart numbering). MySQL: union. DS_EUSAGE on mixed flavours. */
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

/* Where a stream is: both forms, as far as known. */
struct position {
    struct gtid_set gtid;
    struct file_position file;
};
void position_free(struct position *p);
int position_copy(struct position *to, const struct position *from);
bool position_empty(const struct position *p);
/* Has everything up to `a` been seen at `b`? By GTID where both have one, else by file. */
bool position_reached(const struct position *a, const struct position *b);
/* "gtid=0-1-5 file=bin.000002:1234" for logs and errors; returns out. */
char *position_format(const struct position *p, char *out, size_t size);

#endif
