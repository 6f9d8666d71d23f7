/* datasync.yaml: one typed table of settings (config.c) gives parsing, defaults, validation,
 * documentation and printing.
 *
 * The structure is filled once by config_load, then read-only and shared by all threads. Strings
 * are owned by it. Errors are DS_EUSAGE and name file, line and key.
 */
#ifndef SCHEMA_CONFIG_H
#define SCHEMA_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "arena.h"
#include "buf.h"
#include "db.h"
#include "error.h"

enum { CONFIG_MAX_SETTINGS = 96 };
enum config_mode { MODE_MIRROR, MODE_IMPORT };
enum config_stock { STOCK_INCLUDE, STOCK_EXCLUDE, STOCK_ONLY };
enum config_ddl { DDL_APPLY, DDL_IGNORE, DDL_STOP };
enum config_triggers { TRIGGERS_REFUSE, TRIGGERS_ALLOW };
enum config_preset { MASK_PRESET_NONE, MASK_PRESET_OPENMAGE };
enum config_unknown { MASK_UNKNOWN_STOP, MASK_UNKNOWN_NULL };
enum config_conflict { CONFLICT_STOP, CONFLICT_QUARANTINE, CONFLICT_OVERWRITE };
enum config_duplicate { DUPLICATE_SKIP, DUPLICATE_UPDATE, DUPLICATE_MERGE, DUPLICATE_ERROR };
enum config_options_mode { OPTIONS_AUTO, OPTIONS_REPLACE, OPTIONS_MERGE, OPTIONS_APPEND };
enum config_missing { MISSING_CREATE, MISSING_ERROR };
enum config_delete { DELETE_HARD, DELETE_SOFT, DELETE_IGNORE };
enum config_invalid { INVALID_IGNORE, INVALID_ERROR, INVALID_SKIP, INVALID_QUARANTINE };

/* In a mapping of entities: those that it does not name. */
#define CONFIG_ALL "all"
struct config_list { /* of a mapping: key, value, key, value … */
    char **items;
    size_t count;
};

struct config_server {
    char *host, *socket, *user, *password, *database, *prefix;
    uint16_t port;
    uint32_t server_id; /* source only, 0: chosen */
    char *crypt_key;    /* "" none */
    enum tls_mode tls_mode;
    char *tls_ca, *tls_cert, *tls_key;
};

struct config {
    char *path; /* file it came from, "" for none */
    char *name; /* the stream's identity: [A-Za-z0-9_-]{1,48} */
    struct config_server source, destination;
    enum config_mode mode;
    char *source_system; /* in the registry of an import; default: name */
    enum config_duplicate on_duplicate;
    enum config_options_mode options_mode;
    struct config_list reference_missing; /* entity, text of an enum config_missing */
    struct config_list deletes;           /* entity, text of an enum config_delete */
    enum config_delete delete_matched;
    char *images_media_dir, *images_base_path, *images_base_url; /* "" none */
    char *images_user, *images_password, *images_ca;
    uint64_t images_max_size;
    uint32_t images_timeout, images_parallel; /* seconds; files at once */
    bool images_allow_private, images_replace;
    char *start;             /* snapshot | current | GTID set | FILE:POSITION */
    char *state_dir;         /* resolved default */
    char *state_database;    /* default "datasync" */
    uint64_t spool_max_size; /* bytes */
    bool spool_durable;
    uint64_t batch_max_rows, batch_max_bytes;
    uint32_t batch_max_age_ms;
    struct config_list entities;
    enum config_stock stock;
    struct config_list tables_include, tables_exclude;
    struct config_list where;
    enum config_preset mask_preset;
    struct config_list mask_rules;
    char *mask_key, *mask_key_file;
    enum config_unknown mask_unknown;
    char *entities_dir; /* user's own entity files, "" none */
    enum config_ddl ddl;
    enum config_triggers triggers;
    enum config_conflict on_conflict;
    enum config_invalid on_invalid;
    struct config_list map;      /* paths */
    struct config_list handlers; /* "PATH" or "PATH OPTIONS" */
    struct config_list lua_allow;
    uint64_t lua_memory, lua_instructions;
    uint64_t max_event;
    struct config_list hooks_command; /* program and arguments; empty: none */
    char *hooks_url, *hooks_secret;   /* "" none */
    struct config_list hooks_entities;
    uint32_t hooks_timeout, hooks_max_pause; /* seconds */
    uint32_t connect_timeout;                /* seconds, default 30 */
    /* where each key came from, by its place in the table of settings */
    uint32_t line[CONFIG_MAX_SETTINGS];      /* in the file, 0: not there */
    const char *option[CONFIG_MAX_SETTINGS]; /* of the command line, NULL: none */
    struct arena arena;                      /* owns all strings */
};

/* From the command line. */
struct config_override {
    char *text; /* "key.path=value" */
    /* that gave it, for messages: "set", "entity"; arguments: "SOURCE"; "config.xml:12" */
    const char *option;
};
/* What gives `mode` for a copy of entities out of a stream: from the source, or from a file, which
 * needs no source. */
#define CONFIG_SYNC      "sync"
#define CONFIG_SYNC_FILE "sync --file"
/* What gives it for steps that make rows of the destination's tables themselves. */
#define CONFIG_SETTINGS "migrate settings"
/* The file that config_load takes for `path`; "" none. */
const char *config_file(const char *path);
/* Load `path` (NULL: ./datasync.yaml, then /etc/datasync/datasync.yaml; none of them: defaults and
 * environment only). `overrides` are applied last; their options must outlive it. Then validates.
 */
int config_load(struct config *out, const char *path, const struct config_override *overrides,
                size_t override_count, struct ds_error *err);
void config_free(struct config *c);
/* Effective configuration as YAML; passwords as "********". With `comments`, the documentation of
 * each key. c NULL: the example file; what it need not set is commented out. */
int config_print(const struct config *c, bool comments, struct buf *out);
/* Reference of all keys, for man page and --help: troff or plain text. */
int config_reference(bool troff, struct buf *out);
/* Is this the key of a password or alike, never to be shown? */
bool config_key_is_secret(const char *key, size_t len);
/* Was it given, in the file or on the command line? */
bool config_key_is_set(const struct config *c, const char *key);
/* The beginning of a message about a key: "datasync.yaml:12", "--entity", or the file. */
const char *config_where(const struct config *c, const char *key, char *out, size_t size);
/* The libraries' view of one side. role: "source" or "destination". */
struct db_endpoint config_endpoint(const struct config *c, bool source);
#endif
