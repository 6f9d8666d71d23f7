/* What the shop's hooks are to be told of, written into datasync_outbox in the destination
 * transaction that it is about (delivery: hooks.h).
 *
 * While a transaction is made, the applier notes each change that is part of it; before COMMIT
 * these become messages, one row for each hook and message, of at most 1000 keys or about 64 KiB
 * of JSON. What is rolled back is never told, what waits in quarantine when it is applied. A
 * transaction that is too large to hold is told in pieces as it is written: their end, which says
 * where the stream stands, is put behind them when that is known.
 *
 *   {"stream", "kind", "part", …, "gtid", "file", "position", "time"}
 *   changes    "entities": {NAME: {"inserted": [KEY…], "updated", "deleted", "changed"}}: by what
 *              became of the root's row, `changed` where only other rows of the entity did;
 *              "tables": [{"table", "entity", "changes"}]: rows that are not told by key, of no
 *              entity (null), or whose root is not known
 *   ddl, truncate, copied    "tables": [{"table", "entity"}], "everything": true where it may be
 *              any (DROP DATABASE)
 *   snapshot   "everything": true: all rows are copied anew
 *
 * Keys are the destination's: a mirror's are the source's too, an import says which ones they
 * became. It tells of rows that it has written, copied ones as well, which then stand for
 * `snapshot`.
 *
 * Left out: tables of the groups @derived, @log and @session, entities that the shop derives from
 * others, rows that cascades take away (the root's deletion is told), and what hooks.entities
 * leaves out. A key that is no text or number is {"base64": …}.
 *
 * The idempotency key comes from the stream's name, the checkpoint that the transaction starts
 * from, the message, the part and the hook: a batch that is made again gets the same ones, one that
 * has become another (a destination that was restored, say) has others.
 *
 * Belongs to the applier's thread. Nothing is done, and none of this exists, without hooks.
 */
#ifndef APPLIER_OUTBOX_H
#define APPLIER_OUTBOX_H

#include <mysql.h>
#include <stdbool.h>
#include <stdint.h>

#include "applier/batch.h"
#include "applier/state.h"
#include "schema/catalogue.h"
#include "schema/config.h"
#include "schema/error.h"

struct outbox;
struct outbox_table;
struct hooks;

/* Are any hooks configured? */
bool outbox_wanted(const struct config *c);
/* Is all that hooks.entities names in the catalogue? DS_EUSAGE. To be asked without hooks, too. */
int outbox_check_entities(const struct config *c, const struct catalogue *catalogue,
                          struct ds_error *err);
/* Can they be used? DS_EUSAGE: as above, or hooks.url is set and this program was built without
 * libcurl. */
int outbox_check(const struct config *c, const struct catalogue *catalogue, struct ds_error *err);
/* `hooks`: told of what is committed, may be NULL. All must outlive it. Checks as above. */
int outbox_new(struct outbox **out, const struct config *c, const struct catalogue *catalogue,
               struct hooks *hooks, struct ds_error *err);
void outbox_free(struct outbox *o);

/* A destination transaction begins at this checkpoint; what was noted before is forgotten. `what`
 * tells transactions from each other that begin at the same one. */
void outbox_begin(struct outbox *o, const struct checkpoint *from, const char *what);
/* A change is part of it. key: of its entity, as in its message; len 0: unknown. */
void outbox_note(struct outbox *o, const struct change *c, struct slice key);
enum outbox_kind { OUTBOX_CHANGES, OUTBOX_DDL, OUTBOX_TRUNCATE, OUTBOX_COPIED, OUTBOX_SNAPSHOT };
/* So is this row of that destination table; `told` keeps what is known of the table, NULL at first.
 * key: of its entity at the destination, as a value of messages; len 0: unknown. */
void outbox_note_row(struct outbox *o, struct outbox_table **told, const char *table,
                     enum change_op op, struct slice key);
/* What is noted comes from a copy: the next one, which may begin at the same checkpoint, is told
 * anew. */
void outbox_note_copy(struct outbox *o);
/* So is something else, about these tables; one at most, told before the changes. */
void outbox_note_tables(struct outbox *o, enum outbox_kind kind, const char *const *tables,
                        size_t count, bool everything);

/* Where the stream stands after the transaction. */
struct outbox_place {
    struct slice gtid_set, file;
    uint64_t pos, time; /* commit time at the source, seconds; 0 unknown */
};
/* Write what was noted so far, if it is much (or `all`): its end is put behind it later. */
int outbox_flush(struct outbox *o, MYSQL *db, bool all, struct ds_error *err);
/* The transaction has rolled back to where all was flushed. */
void outbox_drop(struct outbox *o);
/* Write what was noted: the last thing before COMMIT. */
int outbox_write(struct outbox *o, MYSQL *db, const struct outbox_place *place,
                 struct ds_error *err);
/* It has committed: deliveries may begin. */
void outbox_committed(struct outbox *o);
/* Say so in the log where rows wait for a hook that is configured no more. */
int outbox_tell_left(const struct config *c, MYSQL *db, struct ds_error *err);

/* --- between outbox.c and outbox_message.c, and for their tests ------------------------------ */

enum { OUTBOX_PART_KEYS = 1000, OUTBOX_PART_BYTES = 60 << 10 };
enum outbox_state { OUTBOX_INSERTED, OUTBOX_UPDATED, OUTBOX_DELETED, OUTBOX_CHANGED };
/* A destination table, as the catalogue sees it. */
struct outbox_table {
    char *name;
    const struct catalogue_entity *entity; /* NULL: of none */
    const struct catalogue_table *entry;
    uint32_t order; /* of the entity */
    bool told, root;
    uint64_t version;    /* of the target when … */
    uint32_t key_column; /* … the root's key was found, UINT32_MAX: not */
    uint64_t changes;    /* noted, without a key */
    struct outbox_table *next;
};
struct outbox_entry {
    uint32_t order, number; /* of the entity; of the entry */
    uint32_t len;
    uint8_t state; /* enum outbox_state */
    const struct outbox_table *table;
    const uint8_t *key; /* a value of messages */
};
struct outbox_noted {
    const char *stream;
    enum outbox_kind kind;
    bool everything;
    const struct outbox_table **about;
    size_t about_count;
    struct outbox_entry *entries; /* put in order by outbox_messages */
    uint32_t entry_count;
    const struct outbox_table *tables;
    uint32_t parts; /* so far */
};
/* Make the messages and count them on. `place` NULL: not known yet, they end in a comma. */
int outbox_messages(struct outbox_noted *n, const struct outbox_place *place,
                    int (*each)(void *arg, uint32_t part, const struct buf *payload,
                                struct ds_error *err),
                    void *arg, struct ds_error *err);
/* What is put behind such an end. */
int outbox_message_end(const struct outbox_place *place, struct buf *out);
/* For tests: the messages that outbox_write would write, and 32 hex digits that begin their
 * idempotency keys. */
struct outbox_noted *outbox_noted(struct outbox *o);
int outbox_digest(struct outbox *o, const char **out, struct ds_error *err);

#endif
