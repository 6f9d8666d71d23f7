/* datasync check: what would stop a stream, found beforehand. Changes nothing. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/cli/check_counts.h"
#include "agent/cli/check_import.h"
#include "agent/cli/cli.h"
#include "agent/cli/lock.h"
#include "agent/entity_copy.h"
#include "agent/masker.h"
#include "agent/parents.h"
#include "agent/source.h"
#include "agent/tracker.h"
#include "agent/where_check.h"
#include "applier/handlers.h"
#include "applier/import/keys.h"
#include "applier/map/map_integrity.h"
#include "applier/media/media.h"
#include "applier/outbox.h"
#include "applier/positions.h"
#include "applier/record.h"
#include "schema/db.h"

#include <errno.h>
#include <sys/statvfs.h>
#include <unistd.h>

struct report {
    struct invocation *in;
    struct buf text;
    unsigned stops, warnings;
    const char *side;
    struct buf zone;    /* the destination's SYSTEM time zone, as an offset now */
    struct buf account; /* there, as the server knows it */
    bool has_role;      /* it may have more privileges than can be seen */
    bool sets_definer;  /* it may create views and routines of other definers */
    bool copies;        /* there is no checkpoint, and `start` asks for a snapshot */
    bool failed;        /* out of memory */
};

static void found(void *arg, const struct finding *f)
{
    static const char *const words[] = {"ok", "warn", "STOP"};
    struct report *r = arg;
    r->stops += f->level == FINDING_STOP;
    r->warnings += f->level == FINDING_WARNING;
    if (buf_printf(&r->text, "%-5s %s %s: %s\n", words[f->level], r->side, f->what, f->detail))
        r->failed = true;
}

static void report(struct report *r, enum finding_level level, const char *what, const char *fmt,
                   ...) __attribute__((format(printf, 4, 5)));

static void report(struct report *r, enum finding_level level, const char *what, const char *fmt,
                   ...)
{
    char detail[1400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(detail, sizeof detail, fmt, ap);
    va_end(ap);
    found(r, &(struct finding){.level = level, .what = what, .detail = detail});
}

/* --- destination ---------------------------------------------------------- */

static int quoted(struct buf *out, const char *text, struct ds_error *err)
{
    buf_clear(out);
    return sql_string(out, text, strlen(text)) ? error_set(err, DS_ENOMEM, "out of memory") : 0;
}

static int system_zone(MYSQL *db, struct buf *out, struct ds_error *err)
{
    bool known;
    return db_scalar(db, out, &known, err,
                     "SELECT TIME_FORMAT(TIMEDIFF(CONVERT_TZ(UTC_TIMESTAMP(), '+00:00', 'SYSTEM'), "
                     "UTC_TIMESTAMP()), '%%H:%%i')");
}

static int check_settings(struct report *r, MYSQL *db, struct ds_error *err)
{
    uint64_t packet, read_only;
    bool known;
    int rc = system_zone(db, &r->zone, err);
    rc = rc ? rc : db_scalar_u64(db, &read_only, &known, err, "SELECT @@GLOBAL.read_only + 0");
    rc = rc ? rc : db_scalar_u64(db, &packet, &known, err, "SELECT @@GLOBAL.max_allowed_packet");
    if (rc)
        return rc;
    report(r, read_only ? FINDING_WARNING : FINDING_OK, "read_only",
           read_only ? "is on: writing needs a privilege to pass it (READ ONLY ADMIN, SUPER)"
                     : "is off");
    bool small = packet < r->in->config.batch_max_bytes;
    report(r, small ? FINDING_WARNING : FINDING_OK, "max_allowed_packet",
           small ? "%" PRIu64 " bytes: rows larger than that cannot be written; raise it to the "
                   "source's"
                 : "%" PRIu64 " bytes",
           packet);
    return 0;
}

static int check_database(struct report *r, MYSQL *db, const char *name, struct ds_error *err)
{
    BUF_AUTO struct buf quote = {0};
    uint64_t tables, triggers, exists;
    bool known;
    int rc = quoted(&quote, name, err);
    rc = rc ? rc
            : db_scalar_u64(db, &exists, &known, err,
                            "SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = "
                            "%s",
                            buf_cstr(&quote));
    rc = rc ? rc
            : db_scalar_u64(db, &tables, &known, err,
                            "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = "
                            "%s AND TABLE_TYPE = 'BASE TABLE' AND TABLE_NAME NOT LIKE "
                            "'datasync\\_%%'",
                            buf_cstr(&quote));
    rc = rc ? rc
            : db_scalar_u64(db, &triggers, &known, err,
                            "SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE "
                            "EVENT_OBJECT_SCHEMA = %s",
                            buf_cstr(&quote));
    if (rc)
        return rc;
    if (!exists)
        report(r, FINDING_OK, "database",
               "%s does not exist yet, or is not visible to this user; "
               "the first copy creates it",
               name);
    else
        report(r, FINDING_OK, "database", "%s has %" PRIu64 " tables", name, tables);
    if (triggers && r->in->config.triggers == TRIGGERS_REFUSE)
        report(r, FINDING_STOP, "triggers",
               "%" PRIu64 " on tables of %s would run a second time; drop them, or set triggers: "
               "allow",
               triggers, name);
    else
        report(r, triggers ? FINDING_WARNING : FINDING_OK, "triggers",
               triggers ? "%" PRIu64 " on tables of %s run a second time (triggers: allow)"
                        : "%" PRIu64 " on tables of %s",
               triggers, name);
    return 0;
}

/* Is one granted to the account itself? Those of roles cannot be seen here. */
static int has_privilege(MYSQL *db, const char *privilege, const char *schema, bool *has,
                         struct ds_error *err)
{
    uint64_t count = 0;
    bool known;
    int rc = db_scalar_u64(
        db, &count, &known, err,
        "SELECT (SELECT COUNT(*) FROM information_schema.USER_PRIVILEGES WHERE PRIVILEGE_TYPE = "
        "'%s' AND REPLACE(GRANTEE, '''', '') = CURRENT_USER()) + (SELECT COUNT(*) FROM "
        "information_schema.SCHEMA_PRIVILEGES WHERE PRIVILEGE_TYPE = '%s' AND REPLACE(GRANTEE, "
        "'''', '') = CURRENT_USER() AND %s LIKE TABLE_SCHEMA)",
        privilege, privilege, schema);
    *has = count > 0;
    return rc;
}

struct needed {
    const char *privilege;
    bool rows; /* else only definitions need it */
};

static int check_privileges(struct report *r, MYSQL *db, const char *database,
                            const struct needed *needed, struct ds_error *err)
{
    BUF_AUTO struct buf quote = {0};
    BUF_AUTO struct buf missing = {0};
    bool stops = false;
    int rc = quoted(&quote, database, err);
    for (; rc == 0 && needed->privilege; needed++) {
        bool has;
        rc = has_privilege(db, needed->privilege, buf_cstr(&quote), &has, err);
        if (rc || has)
            continue;
        stops |= needed->rows || r->in->config.ddl == DDL_APPLY;
        if (buf_printf(&missing, "%s%s", missing.len ? ", " : "", needed->privilege))
            rc = error_set(err, DS_ENOMEM, "out of memory");
    }
    if (rc)
        return rc;
    char what[120];
    snprintf(what, sizeof what, "privileges on %.80s", database);
    if (missing.len)
        report(r, stops && !r->has_role ? FINDING_STOP : FINDING_WARNING, what,
               "not granted to this account itself: %s. GRANT them on it%s", buf_cstr(&missing),
               r->has_role ? ", unless its role has them" : "");
    else
        report(r, FINDING_OK, what, "all that are needed");
    return 0;
}

static int check_all_privileges(struct report *r, MYSQL *db, struct ds_error *err)
{
    static const struct needed mirrored[] = {
        {"SELECT", true},      {"INSERT", true},       {"UPDATE", true},          {"DELETE", true},
        {"CREATE", false},     {"DROP", false},        {"ALTER", false},          {"INDEX", false},
        {"REFERENCES", false}, {"CREATE VIEW", false}, {"CREATE ROUTINE", false}, {NULL, false}};
    static const struct needed state[] = {
        {"SELECT", true}, {"INSERT", true}, {"UPDATE", true}, {"DELETE", true}, {NULL, false}};
    static const struct needed new_state[] = {{"SELECT", true}, {"INSERT", true}, {"UPDATE", true},
                                              {"DELETE", true}, {"CREATE", true}, {NULL, false}};
    static const char *const setters[] = {"SET USER", "SUPER", "SET_USER_ID", "SET_ANY_DEFINER"};
    const struct config *c = &r->in->config;
    BUF_AUTO struct buf role = {0};
    bool known, exists;
    /* older servers know neither the function nor roles */
    r->has_role = db_scalar(db, &role, &known, NULL, "SELECT CURRENT_ROLE()") == 0 && known &&
                  strcmp(buf_cstr(&role), "NONE") != 0;
    int rc = db_scalar(db, &r->account, &known, err, "SELECT CURRENT_USER()");
    for (size_t i = 0; rc == 0 && !r->sets_definer && i < sizeof setters / sizeof *setters; i++)
        rc = has_privilege(db, setters[i], "''", &r->sets_definer, err);
    rc = rc ? rc : check_privileges(r, db, c->destination.database, mirrored, err);
    if (rc || strcmp(c->state_database, c->destination.database) == 0)
        return rc;
    rc = state_exists(db, c->state_database, &exists, err);
    return rc ? rc : check_privileges(r, db, c->state_database, exists ? state : new_state, err);
}

static int check_system(struct report *r, MYSQL *db, const struct position *at,
                        struct ds_error *err)
{
    const struct config *c = &r->in->config;
    bool found;
    int rc = c->mode == MODE_IMPORT ? record_system_compare(db, c, &found, err) : 0;
    if (rc == 0 && c->mode == MODE_IMPORT && !position_of_copy(at))
        rc = record_registry_check(db, c, err);
    if (rc != DS_EUSAGE)
        return rc;
    report(r, FINDING_STOP, "source_system", "%s", err->message);
    return 0;
}

static int check_databases(struct report *r, MYSQL *db, struct ds_error *err)
{
    bool found;
    int rc = record_databases_compare(db, &r->in->config, &found, err);
    if (rc != DS_EUSAGE)
        return rc;
    report(r, FINDING_STOP, "databases", "%s", err->message);
    error_clear(err);
    return 0;
}

/* *other: what is there is an import's, and a mirror is configured. */
static int check_mode(struct report *r, MYSQL *db, bool *other, struct ds_error *err)
{
    int rc = record_mode_check(db, &r->in->config, r->in->config.name, err);
    *other = rc == DS_EUSAGE;
    if (!*other)
        return rc;
    report(r, FINDING_STOP, "mode", "%s", err->message);
    error_clear(err);
    return 0;
}

/* What the stream has left at the destination. */
static int check_state(struct report *r, MYSQL *db, struct position *position, bool *has_position,
                       struct ds_error *err)
{
    const struct config *c = &r->in->config;
    bool exists, known, other = false;
    struct checkpoint cp = {0};
    uint64_t quarantined = 0;
    BUF_AUTO struct buf table = {0};
    int rc = state_exists(db, c->state_database, &exists, err);
    if (rc == 0 && exists)
        rc = check_mode(r, db, &other, err);
    if (rc == 0 && exists)
        rc = positions_look(db, c, r->in->filter, &cp, NULL, err);
    if (rc == 0 && cp.found) {
        char filter[33];
        BUF_AUTO struct buf readable = {0};
        rc = checkpoint_position(&cp, position, err);
        *has_position = rc == 0;
        report(r, FINDING_OK, "checkpoint", "stream %s stands at %s", c->name,
               cp.gtid_set && *cp.gtid_set ? cp.gtid_set : cp.file);
        if (rc == 0 && filter_fingerprint(r->in->filter, filter, &readable))
            rc = error_set(err, DS_ENOMEM, "out of memory");
        if (rc == 0 && !other && strcmp(filter, cp.filter) != 0)
            report(r, FINDING_STOP, "filter",
                   "the stream was started with another one (%s, now %s): change it back, or "
                   "start with --resnapshot",
                   cp.filter_text, buf_cstr(&readable));
        rc = rc ? rc : check_system(r, db, position, err);
        rc = rc ? rc : check_databases(r, db, err);
        if (rc == 0 && sql_table(&table, c->state_database, "datasync_quarantine"))
            rc = error_set(err, DS_ENOMEM, "out of memory");
        rc = rc ? rc
                : db_scalar_u64(db, &quarantined, &known, err,
                                "SELECT COUNT(*) FROM %s WHERE name = '%s' AND operation <> 'skip'",
                                buf_cstr(&table), c->name);
        if (rc == 0)
            report(r, quarantined ? FINDING_WARNING : FINDING_OK, "quarantine",
                   "%" PRIu64 " changes wait", quarantined);
    } else if (rc == 0) {
        r->copies = strcmp(c->start, "snapshot") == 0;
        report(r, FINDING_OK, "checkpoint", "none yet: the stream will begin with '%s'", c->start);
    }
    checkpoint_free(&cp);
    return rc;
}

static int check_key(struct report *r, MYSQL *db, bool source, struct ds_error *err)
{
    const struct config *c = &r->in->config;
    int rc = c->mode == MODE_IMPORT ? keys_check(db, c, r->in->catalogue, source, err) : 0;
    if (rc == DS_EUSAGE || rc == DS_EUNSUPPORTED) {
        report(r, FINDING_STOP, "crypt_key", "%s", err->message);
        rc = 0;
    }
    return rc;
}

static int check_destination(struct report *r, struct position *position, bool *has_position,
                             char *identity, size_t size, struct ds_error *err)
{
    const struct config *c = &r->in->config;
    DB_AUTO MYSQL *db = NULL;
    struct db_server server;
    struct db_endpoint ep = config_endpoint(c, false);
    ep.database = NULL;
    ep.read_timeout = 60;
    r->side = "destination";
    int rc = db_connect(&db, &ep, err);
    rc = rc ? rc : db_server_info(db, &server, err);
    if (rc)
        return rc;
    snprintf(identity, size, "%s", server.identity);
    report(r, FINDING_OK, "server", "%s, %s", server.text,
           mysql_get_ssl_cipher(db)  ? "TLS"
           : ep.socket && *ep.socket ? "local socket"
                                     : "no TLS");
    rc = check_settings(r, db, err);
    rc = rc ? rc : check_database(r, db, c->destination.database, err);
    rc = rc ? rc : check_all_privileges(r, db, err);
    rc = rc ? rc : check_key(r, db, false, err);
    return rc ? rc : check_state(r, db, position, has_position, err);
}

/* --- both, and this machine ----------------------------------------------- */

/* Views and routines keep their definer, which takes a privilege at the destination. */
static int check_definers(struct report *r, MYSQL *source, struct ds_error *err)
{
    BUF_AUTO struct buf schema = {0}, account = {0}, list = {0};
    bool known;
    if (r->sets_definer || r->has_role)
        return 0;
    int rc = quoted(&schema, r->in->config.source.database, err);
    rc = rc ? rc : quoted(&account, buf_cstr(&r->account), err);
    rc = rc ? rc
            : db_scalar(source, &list, &known, err,
                        "SELECT GROUP_CONCAT(w SEPARATOR ', ') FROM (SELECT CONCAT(TABLE_NAME, ' "
                        "of ', DEFINER) AS w FROM information_schema.VIEWS WHERE TABLE_SCHEMA = "
                        "%s AND DEFINER <> %s UNION ALL SELECT CONCAT(ROUTINE_NAME, ' of ', "
                        "DEFINER) FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = %s AND "
                        "DEFINER <> %s) AS others",
                        buf_cstr(&schema), buf_cstr(&account), buf_cstr(&schema),
                        buf_cstr(&account));
    if (rc == 0 && list.len)
        report(r, r->copies ? FINDING_STOP : FINDING_WARNING, "definers",
               "the destination's account %s may not create views and routines of other definers: "
               "%.800s. GRANT SET USER ON *.* to it (MySQL: SET_USER_ID, SET_ANY_DEFINER)",
               buf_cstr(&r->account), buf_cstr(&list));
    return rc;
}

static int check_hidden(struct report *r, MYSQL *source, struct ds_error *err)
{
    r->side = "source";
    int rc =
        entity_check_hidden(&r->in->config, r->in->catalogue, r->in->filter, source, found, r, err);
    r->side = "both";
    return rc;
}

/* A filter by which nothing travels is no filter that anybody wants. */
static int check_kept(struct report *r, MYSQL *source, struct ds_error *err)
{
    BUF_AUTO struct buf schema = {0};
    unsigned kept = 0, all = 0;
    if (filter_is_all(r->in->filter))
        return 0;
    int rc = quoted(&schema, r->in->config.source.database, err);
    MYSQL_RES *tables = rc ? NULL
                           : db_select(source, err,
                                       "SELECT TABLE_NAME FROM information_schema.TABLES WHERE "
                                       "TABLE_SCHEMA = %s AND TABLE_TYPE = 'BASE TABLE'",
                                       buf_cstr(&schema));
    if (!tables)
        return err->code;
    for (MYSQL_ROW row; (row = mysql_fetch_row(tables)); all++)
        kept += row[0] && filter_keeps(r->in->filter, row[0]);
    mysql_free_result(tables);
    bool nothing = all && !kept;
    report(r, nothing ? FINDING_WARNING : FINDING_OK, "filter", "rows of %u of %u tables travel%s",
           kept, all, nothing ? ": entities, stock, tables or mask.unknown leave out all" : "");
    return 0;
}

/* Rows that are left out, and others that go with them: what the binlog has to tell for that. */
static int check_filter(struct report *r, MYSQL *source, struct ds_error *err)
{
    BUF_AUTO struct buf list = {0}, metadata = {0}, image = {0};
    struct parents *parents = NULL;
    bool known;
    if (filter_is_all(r->in->filter))
        return 0;
    int rc = parents_new(&parents, r->in->filter, err);
    rc = rc ? rc : parents_read(parents, source, r->in->config.source.database, err);
    for (size_t i = 0; rc == 0 && parents_at(parents, i); i++)
        if (buf_printf(&list, "%s%s", i ? ", " : "", parents_at(parents, i)->table))
            rc = error_set(err, DS_ENOMEM, "out of memory");
    parents_free(parents);
    if (rc)
        return rc;
    /* a server without the variable sends no names */
    bool full = db_scalar(source, &metadata, &known, NULL, "SELECT @@binlog_row_metadata") == 0 &&
                strcmp(buf_cstr(&metadata), "FULL") == 0;
    rc = db_scalar(source, &image, &known, err, "SELECT @@binlog_row_image");
    full &= strcmp(buf_cstr(&image), "FULL") == 0;
    if (rc == 0 && list.len && !full)
        report(
            r, FINDING_WARNING, "filter",
            "it leaves out tables to which others refer: %.600s. Where their rows are deleted, "
            "the stream may stop: SET GLOBAL binlog_row_metadata = FULL, binlog_row_image = FULL "
            "at the source",
            buf_cstr(&list));
    else if (rc == 0)
        report(r, FINDING_OK, "filter",
               list.len ? "it leaves out tables to which others refer: %.900s; their foreign keys "
                          "are taken out at the destination, and what they do is done"
                        : "nothing refers to the tables that it leaves out%s",
               list.len ? buf_cstr(&list) : "");
    return rc;
}

static int check_conditions(struct report *r, MYSQL *source, struct ds_error *err)
{
    struct ds_error why;
    int rc = where_check(r->in->filter, &r->in->config, source, r->copies, &why);
    if (rc == DS_EUSAGE)
        report(r, FINDING_STOP, "where", "%s", why.message);
    else if (rc)
        *err = why;
    else if (filter_where_table(r->in->filter, 0))
        report(r, FINDING_OK, "where", "no rows of other tables depend on what it leaves out");
    return rc == DS_EUSAGE ? 0 : rc;
}

/* Do the rules fit the source, and will the binlog tell what they need? */
static int check_mask(struct report *r, MYSQL *source, struct ds_error *err)
{
    BUF_AUTO struct buf metadata = {0};
    struct masker *masker = NULL;
    struct ds_error why;
    bool known;
    int rc = masker_new(&masker, r->in->filter, &r->in->config, err);
    if (rc || !masker)
        return rc;
    rc = masker_check(masker, true, &why);
    masker_free(masker);
    bool full = db_scalar(source, &metadata, &known, NULL, "SELECT @@binlog_row_metadata") == 0 &&
                strcmp(buf_cstr(&metadata), "FULL") == 0;
    if (rc == DS_EUSAGE)
        report(r, FINDING_STOP, "mask", "%s", why.message);
    else if (rc)
        *err = why;
    else
        report(r, full ? FINDING_OK : FINDING_WARNING, "mask",
               full ? "every column that travels has a rule"
                    : "every column that travels has a rule, but after an ALTER TABLE the stream "
                      "stops, as the binlog does not name columns: SET GLOBAL binlog_row_metadata "
                      "= FULL at the source");
    return rc == DS_EUSAGE ? 0 : rc;
}

static void found_of_map(void *arg, enum map_told told, const char *line)
{
    report(arg, told == MAP_TOLD_WARNING ? FINDING_WARNING : FINDING_STOP, "map", "%s", line);
}

static int check_map(struct report *r, MYSQL *source, struct ds_error *err)
{
    const struct config *c = &r->in->config;
    DB_AUTO MYSQL *destination = NULL;
    struct db_endpoint ep = config_endpoint(c, false);
    struct ds_error why = {0};
    unsigned fails = 0;
    if (!filter_map(r->in->filter))
        return 0;
    ep.database = NULL;
    ep.read_timeout = 60;
    int rc = db_connect(&destination, &ep, err);
    if (rc)
        return rc;
    struct handlers *own = NULL;
    (void)handlers_new(&own, c, r->in->catalogue, &why); /* check_handlers tells what is wrong */
    const struct map_integrity o = {.config = c,
                                    .filter = r->in->filter,
                                    .source = source,
                                    .destination = destination,
                                    .tell = found_of_map,
                                    .imports = c->mode == MODE_IMPORT,
                                    .own = own,
                                    .arg = r};
    rc = map_integrity_check(&o, &fails, &why);
    handlers_free(own);
    if (rc == DS_EUSAGE)
        report(r, FINDING_STOP, "map", "%s", why.message);
    else if (rc)
        *err = why;
    else if (!fails)
        report(r, FINDING_OK, "map",
               o.imports ? "its rules can be followed"
                         : "all documents and fields lead to one of the other side");
    return rc == DS_EUSAGE ? 0 : rc;
}

static int check_pair(struct report *r, const char *destination, struct ds_error *err)
{
    const struct config *c = &r->in->config;
    DB_AUTO MYSQL *db = NULL;
    struct db_server server;
    struct db_endpoint ep = config_endpoint(c, true);
    ep.read_timeout = 60;
    r->side = "both";
    int rc = db_connect(&db, &ep, err);
    rc = rc ? rc : db_server_info(db, &server, err);
    if (rc)
        return rc;
    BUF_AUTO struct buf zone = {0};
    rc = system_zone(db, &zone, err);
    rc = rc ? rc : check_definers(r, db, err);
    rc = rc ? rc : check_hidden(r, db, err);
    rc = rc ? rc : check_kept(r, db, err);
    rc = rc ? rc : check_filter(r, db, err);
    rc = rc ? rc : check_conditions(r, db, err);
    rc = rc ? rc : check_mask(r, db, err);
    rc = rc ? rc : check_map(r, db, err);
    rc = rc ? rc : check_key(r, db, true, err);
    if (rc == 0 && c->mode == MODE_IMPORT)
        rc = check_import(c, r->in->catalogue, r->in->filter, db, &server, found, r, err);
    if (rc)
        return rc;
    bool zones = strcmp(buf_cstr(&zone), buf_cstr(&r->zone)) == 0;
    report(
        r, zones ? FINDING_OK : FINDING_WARNING, "time zone",
        zones ? "both systems are %s from UTC now"
              : "the source's system is %s from UTC now, the destination's %s: ALTER TABLE between "
                "DATETIME and TIMESTAMP, and literal TIMESTAMP defaults, come out different; use "
                "the same system time zone",
        buf_cstr(&zone), buf_cstr(&r->zone));
    bool same = strcmp(server.identity, destination) == 0;
    if (same && strcmp(c->source.database, c->destination.database) == 0)
        report(r, FINDING_STOP, "servers",
               "source and destination are the same database of the "
               "same server");
    else
        report(r, FINDING_OK, "servers",
               same ? "the same server, different databases" : "two different servers");
    return 0;
}

static void check_hooks(struct report *r)
{
    const struct config *c = &r->in->config;
    struct ds_error err;
    if (!outbox_wanted(c))
        return;
    if (outbox_check(c, r->in->catalogue, &err))
        report(r, FINDING_STOP, "hooks", "%s", err.message);
    else if (c->hooks_command.count && access(c->hooks_command.items[0], X_OK))
        report(r, FINDING_WARNING, "hooks.command", "%s: %s", c->hooks_command.items[0],
               strerror(errno));
    else
        report(r, FINDING_OK, "hooks", "%s%s", c->hooks_command.count ? "hooks.command " : "",
               *c->hooks_url ? "hooks.url" : "");
}

static void check_images(struct report *r)
{
    const struct config *c = &r->in->config;
    struct media *media;
    struct ds_error err;
    if (!*c->images_media_dir || c->mode != MODE_IMPORT)
        return;
    if (media_new(&media, c, false, NULL, &err)) {
        report(r, FINDING_STOP, "images", "%s", err.message);
        return;
    }
    report(r, FINDING_OK, "images", "files go to %s", c->images_media_dir);
    media_free(media);
}

static void check_handlers(struct report *r)
{
    struct handlers *handlers;
    struct ds_error err;
    const struct config *c = &r->in->config;
    if (handlers_new(&handlers, c, r->in->catalogue, &err))
        report(r, FINDING_STOP, "handlers", "%s", err.message);
    else if (handlers)
        report(r, FINDING_OK, "handlers", "%zu files loaded%s", c->handlers.count,
               c->on_invalid == INVALID_IGNORE ? "" : ", and the rules of the catalogue");
    handlers_free(handlers);
}

/* The nearest folder that exists is what can be looked at: check creates nothing. */
static void check_machine(struct report *r)
{
    const struct config *c = &r->in->config;
    char path[4096];
    struct statvfs vfs;
    r->side = "here";
    check_hooks(r);
    check_images(r);
    snprintf(path, sizeof path, "%s", c->state_dir);
    for (char *slash; access(path, F_OK) && errno == ENOENT && (slash = strrchr(path, '/'));)
        slash[slash == path ? 1 : 0] = 0;
    if (access(path, W_OK | X_OK)) {
        report(r, FINDING_STOP, "state_dir", "%s: %s: %s", c->state_dir, path, strerror(errno));
        return;
    }
    report(r, FINDING_OK, "state_dir", "%s", c->state_dir);
    if (statvfs(path, &vfs))
        return;
    uint64_t room = (uint64_t)vfs.f_bavail * vfs.f_frsize;
    bool small = room < c->spool_max_size;
    report(r, small ? FINDING_WARNING : FINDING_OK, "spool",
           small ? "%" PRIu64 " MiB free, spool.max_size is %" PRIu64 " MiB"
                 : "%" PRIu64 " MiB free for %" PRIu64 " MiB",
           room >> 20, c->spool_max_size >> 20);
}

int command_check(struct invocation *in)
{
    struct ds_error err = {0};
    struct report r = {.in = in};
    struct position position = {0};
    bool has_position = false;
    char identity[80] = "";
    if (cli_open(in, &err))
        return cli_fail(&err);
    if (in->counts && filter_map(in->filter) && in->config.mode == MODE_IMPORT) {
        error_set(&err, DS_EUSAGE,
                  "--counts does not go with map in mode import: rows that the destination had "
                  "before stand among those that have come");
        return cli_fail(&err);
    }
    int rc = check_destination(&r, &position, &has_position, identity, sizeof identity, &err);
    r.side = "source";
    if (rc == 0)
        rc = in->tracker
                 ? tracker_check(&in->config, in->catalogue, in->filter, found, &r, &err)
                 : source_check(&in->config, has_position ? &position : NULL, found, &r, &err);
    rc = rc ? rc : check_pair(&r, identity, &err);
    if (rc == 0)
        check_machine(&r);
    if (rc == 0)
        check_handlers(&r);
    position_free(&position);
    if (rc == 0 &&
        (r.failed || buf_printf(&r.text, "%u would stop it, %u warnings\n", r.stops, r.warnings)))
        rc = error_set(&err, DS_ENOMEM, "out of memory");
    int code = cli_output(&r.text);
    buf_free(&r.text);
    buf_free(&r.zone);
    buf_free(&r.account);
    uint64_t different = 0;
    if (rc == 0 && code == EXIT_DONE && in->counts)
        rc = (filter_map(in->filter) ? check_volume : check_counts)(&in->config, in->filter,
                                                                    &different, &err);
    if (rc)
        return cli_fail(&err);
    return code ? code : r.stops || different ? EXIT_FAILED : EXIT_DONE;
}
