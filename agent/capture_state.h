/* What the capture's files share; nobody else includes it. */
#ifndef AGENT_CAPTURE_STATE_H
#define AGENT_CAPTURE_STATE_H

#include "agent/capture.h"
#include "agent/table.h"
#include "schema/arena.h"

/* The event group being read. Zero between groups. */
struct group {
    bool open;
    bool begun;           /* its begin message is out */
    bool skip;            /* it only moves the position */
    bool mariadb;         /* which rule ends a group after a lone statement */
    bool standalone;      /* MariaDB: one statement, no terminator */
    bool explicit_begin;  /* BEGIN or XA START was seen: a terminator will come */
    bool alter_announced; /* MariaDB START or ROLLBACK ALTER: its statement has no effect here */
    struct gtid gtid;     /* flavour GTID_NONE: anonymous */
    uint32_t flags;       /* enum begin_flag */
    uint64_t time;        /* seconds */
    uint32_t server_id;
    uint64_t handed_out; /* messages to the sink, definitions not counted */
    uint64_t hash;       /* of them */
};

struct mapped_table {
    struct captured_table *table;
    bool used; /* rows of it were seen in this statement */
};

struct capture {
    struct capture_options options;
    struct decoder *decoder;
    struct tables tables;
    struct mapped_table *mapped; /* of the statement being read */
    size_t mapped_count, mapped_cap;

    struct position at;  /* end of the last whole group */
    bool gtid_complete;  /* at.gtid holds everything before */
    bool file_current;   /* at.file.file is `file` */
    struct buf set_text; /* at.gtid as text, when gtid_complete */
    char file[512];      /* being read */
    uint64_t offset;     /* behind the event being read */
    uint64_t event_start;

    struct group group;
    bool pending;         /* groups without content have moved the position */
    char last_gtid[128];  /* of the last such group */
    uint32_t last_server; /* and its server */

    bool resuming; /* the next group must be this one: */
    bool diverged;
    struct gtid resume_gtid;
    uint64_t resume_left, resume_hash; /* messages of it to swallow, their hash */

    bool skip_on;
    struct position skip_to;
    uint64_t skip_time;
    bool stop_on, stopped;
    struct position stop_at;
    uint64_t stop_time;

    uint64_t epoch;       /* of table definitions */
    uint64_t epoch_bytes; /* handed out since it began */
    uint64_t epoch_place; /* in the store */
    struct buf message, begin, before, after, masked;
    const uint8_t **columns; /* of a before image */
    const uint8_t **columns_after;
    uint32_t columns_cap, columns_after_cap;
    size_t looked_up_at; /* where in `message` it stands, 0: nowhere */
    struct buf key;      /* of the entity of a row that leads there through others */
    uint64_t *links;     /* of the rows of an event */
    size_t links_cap;
    struct arena arena; /* of one statement */
    struct capture_counts counts;
};

int capture_no_memory(struct ds_error *err);
/* Hand out one message that is no content of a group: a definition, begin, commit. */
int capture_put(struct capture *c, const struct buf *message, struct ds_error *err);
/* Write the group's begin message, unless it is out. Keeps c->message. */
int capture_begin(struct capture *c, struct ds_error *err);
/* Hand out c->message as content of the group; writes the begin message first. */
int capture_emit(struct capture *c, struct ds_error *err);
/* The group whose events are coming; opened without a GTID if none is open. */
int capture_open_group(struct capture *c, const struct event_header *header, struct ds_error *err);
/* The group is complete. */
int capture_end_group(struct capture *c, const struct event_header *header, bool rollback,
                      struct ds_error *err);
int capture_table_map(struct capture *c, struct event *ev, struct ds_error *err);
int capture_rows(struct capture *c, struct event *ev, struct ds_error *err);
/* Hint at tables that were mapped without rows; drop the maps. */
int capture_end_statement(struct capture *c, struct ds_error *err);
/* A QUERY or XA_PREPARE event. */
int capture_query(struct capture *c, struct event *ev, struct ds_error *err);
int capture_xa_prepare(struct capture *c, struct event *ev, struct ds_error *err);
/* MariaDB's and MySQL's sets as text, appended; without formatted printing, as it runs once per
 * transaction. DS_ENOMEM. */
int capture_print_set(const struct gtid_set *set, struct buf *out);
void capture_print_gtid(const struct gtid *gtid, char *out, size_t size);

#endif
