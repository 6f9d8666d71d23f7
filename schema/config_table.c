#include "schema/config_table.h"

#include <string.h>

static const char *const modes[] = {"mirror", "import", NULL};
static const char *const stocks[] = {"include", "exclude", "only", NULL};
static const char *const ddls[] = {"apply", "ignore", "stop", NULL};
static const char *const triggers[] = {"refuse", "allow", NULL};
static const char *const conflicts[] = {"stop", "quarantine", "overwrite", NULL};
static const char *const presets[] = {"none", "openmage", NULL};
static const char *const unknowns[] = {"stop", "null", NULL};
static const char *const duplicates[] = {"skip", "update", "merge", "error", NULL};
static const char *const options_modes[] = {"auto", "replace", "merge", "append", NULL};
static const char *const missings[] = {"create", "error", NULL};
static const char *const deletes[] = {"hard", "soft", "ignore", NULL};
static const char *const invalids[] = {"ignore", "error", "skip", "quarantine", NULL};
static const char *const tls_modes[] = {"preferred", "disabled",        "required",
                                        "verify_ca", "verify_identity", NULL};

#define AT(field) .offset = offsetof(struct config, field)
#define AT_SERVER(side, field)                                                                     \
    .offset = offsetof(struct config, side) + offsetof(struct config_server, field)
#define MAX32 0xffffffffU
#define KIB   1024ULL
#define MIB   (1024ULL * 1024)
#define TIB   (1024ULL * 1024 * MIB)

#define TLS_SETTINGS(side)                                                                         \
    {.key = #side ".tls.mode",                                                                     \
     .type = SETTING_CHOICE,                                                                       \
     AT_SERVER(side, tls_mode),                                                                    \
     .value = "preferred",                                                                         \
     .choices = tls_modes,                                                                         \
     .doc = "preferred: TLS, and plain text only if the server offers none. disabled. required: "  \
            "TLS or nothing. verify_ca: and the certificate is signed by tls.ca. "                 \
            "verify_identity: and it is for this host."},                                          \
        {.key = #side ".tls.ca",                                                                   \
         .type = SETTING_TEXT,                                                                     \
         AT_SERVER(side, tls_ca),                                                                  \
         .value = "",                                                                              \
         .doc = "File of CA certificates. Needed by verify_ca; verify_identity takes the "         \
                "system's without it."},                                                           \
        {.key = #side ".tls.cert",                                                                 \
         .type = SETTING_TEXT,                                                                     \
         AT_SERVER(side, tls_cert),                                                                \
         .value = "",                                                                              \
         .doc = "File of the client's own certificate."},                                          \
    {                                                                                              \
        .key = #side ".tls.key", .type = SETTING_TEXT, AT_SERVER(side, tls_key), .value = "",      \
        .doc = "File of the client's private key."                                                 \
    }

/* In the order of the example file. A group's keys stand together. */
const struct setting config_settings[] = {
    {.key = "name",
     .type = SETTING_NAME,
     AT(name),
     .value = "default",
     .doc = "The stream's identity: checkpoints, locks and spool are kept by it, never by host. 1 "
            "to 48 letters, digits, '_' and '-'."},

    {.key = "source.host",
     .type = SETTING_TEXT,
     AT(source.host),
     .value = "127.0.0.1",
     .example = "127.0.0.1",
     .environment = "DATASYNC_LIVE_HOST",
     .doc = "The shop's database server. Needs row binlogs (log_bin, binlog_format=ROW, "
            "binlog_row_image=FULL)."},
    {.key = "source.port",
     .type = SETTING_PORT,
     AT(source.port),
     .value = "3306",
     .example = "3306",
     .min = 1,
     .max = 65535,
     .doc = "TCP port."},
    {.key = "source.socket",
     .type = SETTING_TEXT,
     AT(source.socket),
     .value = "",
     .doc = "Local socket; replaces host and port."},
    {.key = "source.user",
     .type = SETTING_TEXT,
     AT(source.user),
     .value = "datasync",
     .example = "datasync",
     .environment = "DATASYNC_LIVE_USER",
     .doc = "Account with REPLICATION SLAVE, REPLICATION CLIENT and SELECT on the database "
            "(`datasync check` lists what is missing)."},
    {.key = "source.password",
     .type = SETTING_SECRET,
     AT(source.password),
     .value = "",
     .example = "${DATASYNC_LIVE_PASS}",
     .environment = "DATASYNC_LIVE_PASS",
     .doc = "Its password, best as ${NAME}."},
    {.key = "source.database",
     .type = SETTING_DATABASE,
     AT(source.database),
     .value = "",
     .example = "shop",
     .environment = "DATASYNC_LIVE_DB",
     .shown = "none, must be set",
     .doc = "Database to follow."},
    {.key = "source.prefix",
     .type = SETTING_PREFIX,
     AT(source.prefix),
     .value = "",
     .doc = "Table prefix of the shop, so that tables are recognised as entities."},
    {.key = "source.crypt_key",
     .type = SETTING_SECRET,
     AT(source.crypt_key),
     .value = "",
     .doc = "Import, and migrate: the key under which the shop encrypts values, global/crypt/key "
            "of its "
            "app/etc/local.xml, best as ${NAME}. With the keys of both shops such values are "
            "encrypted again; else they are left empty, which is told. 64 hexadecimal digits are "
            "a key of Maho's, up to 56 other characters one of Magento's or OpenMage's. A process "
            "that has a key writes no core file."},
    {.key = "source.server_id",
     .type = SETTING_NUMBER32,
     AT(source.server_id),
     .value = "0",
     .max = MAX32,
     .doc = "Number that the agent registers with as a replica; no other server of the topology "
            "may have it. 0: chosen at random at each start."},
    TLS_SETTINGS(source),

    {.key = "destination.host",
     .type = SETTING_TEXT,
     AT(destination.host),
     .value = "127.0.0.1",
     .example = "127.0.0.1",
     .doc = "Server to write to."},
    {.key = "destination.port",
     .type = SETTING_PORT,
     AT(destination.port),
     .value = "3306",
     .example = "3307",
     .min = 1,
     .max = 65535,
     .doc = "TCP port."},
    {.key = "destination.socket",
     .type = SETTING_TEXT,
     AT(destination.socket),
     .value = "",
     .doc = "Local socket; replaces host and port."},
    {.key = "destination.user",
     .type = SETTING_TEXT,
     AT(destination.user),
     .value = "datasync",
     .example = "datasync",
     .doc = "Account with all privileges on the database and on state_database."},
    {.key = "destination.password",
     .type = SETTING_SECRET,
     AT(destination.password),
     .value = "",
     .example = "${DATASYNC_DEST_PASS}",
     .doc = "Its password, best as ${NAME}."},
    {.key = "destination.database",
     .type = SETTING_DATABASE,
     AT(destination.database),
     .value = "",
     .example = "shop",
     .shown = "the name of source.database",
     .doc = "Database to keep equal to the source's."},
    {.key = "destination.prefix",
     .type = SETTING_PREFIX,
     AT(destination.prefix),
     .value = "",
     .doc = "Table prefix there; in mirror mode the source's, unless there is a map."},
    {.key = "destination.crypt_key",
     .type = SETTING_SECRET,
     AT(destination.crypt_key),
     .value = "",
     .doc = "Import, and migrate: the key under which the shop there encrypts values, see "
            "source.crypt_key. Of Magento 2 it is crypt/key of app/etc/env.php."},
    TLS_SETTINGS(destination),

    {.key = "mode",
     .type = SETTING_CHOICE,
     AT(mode),
     .value = "mirror",
     .choices = modes,
     .doc = "mirror: same keys, every table, DDL applied. import: entities go into a shop that has "
            "keys of its own, as `datasync sync` does it, which needs no setting."},
    {.key = "source_system",
     .type = SETTING_TEXT,
     AT(source_system),
     .value = "",
     .shown = "name",
     .doc = "Import: the name under which the registry at the destination keeps the source's ids. "
            "A stream keeps to it. No more than 64 characters."},
    {.key = "on_duplicate",
     .type = SETTING_CHOICE,
     AT(on_duplicate),
     .value = "merge",
     .choices = duplicates,
     .doc =
         "Import: an entity that the destination has already. skip: leave it. update: make it as "
         "the source's. merge: the same, but keep what the source has empty. error: stop."},
    {.key = "options_mode",
     .type = SETTING_CHOICE,
     AT(options_mode),
     .value = "auto",
     .choices = options_modes,
     .doc = "Import: custom options of a product that the destination has already. replace: they "
            "become the source's; what both have keeps its ids, the rest goes. merge: those with "
            "the same title become the source's, others are added, what the source has not stays. "
            "append: "
            "what is there stays as it is, options with other titles are added. auto: merge with "
            "on_duplicate: merge, else replace."},
    {.key = "reference_missing",
     .type = SETTING_CHOICES,
     AT(reference_missing),
     .value = "create",
     .choices = missings,
     .doc = "Import: a website, store, attribute or alike to which entities refer, and which the "
            "destination does not have: create it, or stop with an error. For all, or by entity: "
            "{all: create, website: error}."},
    {.key = "delete",
     .type = SETTING_CHOICES,
     AT(deletes),
     .value = "hard",
     .choices = deletes,
     .doc =
         "Import: what came from the source, and is deleted there. hard: delete it. soft: switch "
         "it off, as the entity's soft_delete says (products, categories, customers, pages, "
         "blocks, price rules, subscribers, reviews); what cannot be, stays. ignore: leave it. "
         "For all, or by entity: {all: hard, product: soft}."},
    {.key = "delete_matched",
     .type = SETTING_CHOICE,
     AT(delete_matched),
     .value = "ignore",
     .choices = deletes,
     .doc = "Import: the same for what the destination had before the source's was imported into "
            "it."},
    {.key = "images.media_dir",
     .type = SETTING_TEXT,
     AT(images_media_dir),
     .value = "",
     .doc = "Import: the media folder of the destination's shop, as it is mounted here. Files that "
            "imported products and categories name are looked for in it, and brought there from "
            "images.base_path or images.base_url, or from the address in a CSV file. Empty: rows "
            "are imported, files are not."},
    {.key = "images.base_path",
     .type = SETTING_TEXT,
     AT(images_base_path),
     .value = "",
     .doc = "A local folder to copy files from: the source's media folder, or one that holds them "
            "under their own names."},
    {.key = "images.base_url",
     .type = SETTING_TEXT,
     AT(images_base_url),
     .value = "",
     .doc = "An address (http or https) to download files from that images.base_path does not "
            "have: that of the source's media folder, or of a folder with them."},
    {.key = "images.user",
     .type = SETTING_TEXT,
     AT(images_user),
     .value = "",
     .doc = "User for images.base_url, if that asks for one."},
    {.key = "images.password",
     .type = SETTING_SECRET,
     AT(images_password),
     .value = "",
     .doc = "Its password, best as ${NAME}. Both are sent to the host of images.base_url only."},
    {.key = "images.ca",
     .type = SETTING_TEXT,
     AT(images_ca),
     .value = "",
     .shown = "the system's",
     .doc = "File of CA certificates that https servers are verified with."},
    {.key = "images.max_size",
     .type = SETTING_SIZE,
     AT(images_max_size),
     .value = "32MiB",
     .min = KIB,
     .max = 1024 * MIB,
     .doc = "A larger file is not taken."},
    {.key = "images.timeout",
     .type = SETTING_SECONDS,
     AT(images_timeout),
     .value = "60s",
     .min = 1,
     .max = 3600,
     .doc = "How long one attempt at a download may take."},
    {.key = "images.parallel",
     .type = SETTING_NUMBER32,
     AT(images_parallel),
     .value = "4",
     .min = 1,
     .max = 64,
     .doc = "How many files are downloaded at once."},
    {.key = "images.allow_private",
     .type = SETTING_BOOL,
     AT(images_allow_private),
     .value = "false",
     .doc = "Also download from addresses of private networks, of this machine and the like, and "
            "by the proxy that the environment names. Otherwise no address in a file, no name and "
            "no redirection can lead there."},
    {.key = "images.replace",
     .type = SETTING_BOOL,
     AT(images_replace),
     .value = "false",
     .doc = "Fetch files that the media folder has already, too, and replace those that differ."},
    {.key = "start",
     .type = SETTING_TEXT,
     AT(start),
     .value = "snapshot",
     .doc = "Where to begin when there is no checkpoint: snapshot (copy, then follow), current "
            "(only what changes from now on), a GTID set, or FILE:POSITION."},
    {.key = "state_dir",
     .type = SETTING_TEXT,
     AT(state_dir),
     .value = "",
     .shown = "/var/lib/datasync as root, else $XDG_STATE_HOME/datasync",
     .doc = "Folder of spool, locks and status socket, on a local file system. Created with mode "
            "0700."},
    {.key = "state_database",
     .type = SETTING_DATABASE,
     AT(state_database),
     .value = "datasync",
     .doc = "Database at the destination for checkpoints and quarantine; may be the shop's own."},
    {.key = "spool.max_size",
     .type = SETTING_SIZE,
     AT(spool_max_size),
     .value = "1GiB",
     .min = MIB,
     .max = 64 * TIB,
     .doc = "Room for messages between agent and applier. When it is full, the agent waits."},
    {.key = "spool.durable",
     .type = SETTING_BOOL,
     AT(spool_durable),
     .value = "false",
     .doc = "Sync each commit of the spool to disk: for a source whose binlogs may vanish before "
            "they are applied."},
    {.key = "batch.max_rows",
     .type = SETTING_NUMBER64,
     AT(batch_max_rows),
     .value = "50000",
     .min = 1,
     .max = 100000000,
     .doc = "A batch is written when it holds so many rows …"},
    {.key = "batch.max_bytes",
     .type = SETTING_SIZE,
     AT(batch_max_bytes),
     .value = "16MiB",
     .min = 64 * KIB,
     .max = 64 * KIB * MIB,
     .doc = "… or so many bytes …"},
    {.key = "batch.max_age",
     .type = SETTING_MILLIS,
     AT(batch_max_age_ms),
     .value = "1s",
     .min = 1,
     .max = 3600000,
     .doc = "… or when its oldest transaction is so old. Whole transactions always."},
    {.key = "entities",
     .type = SETTING_LIST,
     AT(entities),
     .value = "all",
     .doc =
         "Entities whose rows travel: names of the catalogue, `table` for all tables of none, or "
         "all; in mode import also those that these bring along (order and quote: gift_message). "
         "The structure of all tables is kept in step."},
    {.key = "entities_dir",
     .type = SETTING_TEXT,
     AT(entities_dir),
     .value = "",
     .doc = "Folder of your own entity and group files (*.yaml), one each, which add to the "
            "built-in ones or replace those of the same name. datasync entities shows the result."},
    {.key = "stock",
     .type = SETTING_CHOICE,
     AT(stock),
     .value = "include",
     .choices = stocks,
     .doc = "Rows of stock tables: include them, exclude them, or let only them travel."},
    {.key = "tables.include",
     .type = SETTING_LIST,
     AT(tables_include),
     .value = "*",
     .doc = "Tables whose rows travel: names without prefix, with * for any text, or groups of the "
            "catalogue such as @derived."},
    {.key = "tables.exclude",
     .type = SETTING_LIST,
     AT(tables_exclude),
     .value = "",
     .doc = "Tables whose rows do not travel, the same way: what is left out of the others. A "
            "filter is kept to: another one needs a new copy."},
    {.key = "where",
     .type = SETTING_MAP,
     AT(where),
     .value = "",
     .doc =
         "Conditions on rows, by table without prefix: only rows for which one is true travel, "
         "such as {sales_flat_order: \"created_at >= '2024-01-01'\"}. On the root of an entity "
         "it holds for all of the entity's rows: what comes into it is copied, what leaves it is "
         "deleted. Not for other tables that foreign keys refer to. In imports for sync only, "
         "which "
         "copies what is in. COLUMN = VALUE (<>, <, <=, >, "
         ">=), BETWEEN, IN, LIKE, IS NULL, joined "
         "by AND, OR, NOT; texts compare byte by byte."},
    {.key = "mask.preset",
     .type = SETTING_CHOICE,
     AT(mask_preset),
     .value = "none",
     .choices = presets,
     .doc = "Rules for what must not leave the source as it is. openmage: everything of a shop's "
            "own tables that says who somebody is. none: only mask.rules."},
    {.key = "mask.rules",
     .type = SETTING_LINES,
     AT(mask_rules),
     .value = "",
     .doc = "Your own rules, which win over the preset's, as a list or as lines: TABLE.COLUMN "
            "METHOD, or @TYPE.CODE METHOD "
            "for values of an EAV attribute, with * for any text and commas between columns. "
            "Methods: keep, null, fixed TEXT, hash, email, first_name, last_name, name, phone, "
            "street, city, postcode, company, ip, date_shift DAYS, partial FIRST LAST, template "
            "TEXT, attribute TYPE. With any mask every column needs a rule."},
    {.key = "mask.key",
     .type = SETTING_SECRET,
     AT(mask_key),
     .value = "",
     .doc = "Secret of at least 16 characters that the masks are made with, best as ${NAME}. The "
            "same key gives the same masks."},
    {.key = "mask.key_file",
     .type = SETTING_TEXT,
     AT(mask_key_file),
     .value = "",
     .doc = "File with that secret instead, which others must not be able to read."},
    {.key = "mask.unknown",
     .type = SETTING_CHOICE,
     AT(mask_unknown),
     .value = "stop",
     .choices = unknowns,
     .doc =
         "A column, table or attribute that no rule names, such as a new one: stop before it, or "
         "null: its values do not travel."},
    {.key = "map",
     .type = SETTING_LINES,
     AT(map),
     .value = "",
     .doc =
         "Files of rules (map.xml as the Magento Data Migration Tool has it) by which tables and "
         "columns are left out, called something else at the destination, or changed on their "
         "way; relative to this file's folder. All of them hold together. The destination's "
         "tables are its own then: ddl must be ignore or stop. Needs binlog_row_metadata = FULL "
         "at the source. Not with where; in mode mirror not with hooks of handlers and on_invalid. "
         "In mode import the rules come before ids are translated, and the catalogue has the "
         "destination's names of tables. A map is kept to: another one needs a new copy."},
    {.key = "ddl",
     .type = SETTING_CHOICE,
     AT(ddl),
     .value = "apply",
     .choices = ddls,
     .doc = "Changes of table structure: apply them, ignore them (you change the destination), or "
            "stop."},
    {.key = "triggers",
     .type = SETTING_CHOICE,
     AT(triggers),
     .value = "refuse",
     .choices = triggers,
     .doc = "Triggers found on destination tables would run a second time: refuse to start, or "
            "allow."},
    {.key = "on_conflict",
     .type = SETTING_CHOICE,
     AT(on_conflict),
     .value = "stop",
     .choices = conflicts,
     .doc = "A change that does not fit the destination: stop; quarantine (set it and what "
            "depends on it aside); overwrite (make the destination's row fit)."},
    {.key = "on_invalid",
     .type = SETTING_CHOICE,
     AT(on_invalid),
     .value = "ignore",
     .choices = invalids,
     .doc =
         "An entity that breaks a validation rule of the catalogue, or that a handler calls "
         "invalid. ignore: no rule is asked. error: stop. quarantine: set it aside with all "
         "later changes, until one makes it valid. skip: drop what the batch changes of it, "
         "for good; later changes of rows that are missing then are conflicts. Rows that a mirror "
         "copies are not asked; those that an import copies are, and it knows no quarantine."},
    {.key = "handlers",
     .type = SETTING_LIST,
     AT(handlers),
     .value = "",
     .doc = "Files of handlers: shared objects (.so) and Lua files (.lua), called in this order; "
            "relative to this file's folder. What stands behind a blank is handed to the handler "
            "as its options. In imports they see the source's ids, and can ask for the "
            "destination's. Under a map they have handlers of its rules and steps of migrations "
            "instead of hooks."},
    {.key = "lua.allow",
     .type = SETTING_LIST,
     AT(lua_allow),
     .value = "",
     .doc = "Libraries that Lua handlers may use beside the harmless ones: io, os. What they do "
            "with them is not rolled back, and may be done twice."},
    {.key = "lua.memory",
     .type = SETTING_SIZE,
     AT(lua_memory),
     .value = "64MiB",
     .min = MIB,
     .max = 64 * KIB * MIB,
     .doc = "Memory that each Lua handler may take."},
    {.key = "lua.instructions",
     .type = SETTING_NUMBER64,
     AT(lua_instructions),
     .value = "10000000",
     .min = 1000,
     .max = 1000000000000,
     .doc = "Instructions of Lua's machine that one call of a Lua handler may take."},
    {.key = "max_event",
     .type = SETTING_SIZE,
     AT(max_event),
     .value = "256MiB",
     .min = MIB,
     .max = 2 * 1024 * MIB,
     .doc = "Largest binlog event; a larger one stops with a clear error. Memory is a fixed part "
            "plus three times the largest event."},
    {.key = "hooks.command",
     .type = SETTING_LIST,
     AT(hooks_command),
     .value = "",
     .doc =
         "Program to run after each batch, with its arguments as a list: [/usr/local/bin/refresh, "
         "--all] (one text is split at blanks and commas). An absolute path; there is no shell. It "
         "gets what has changed as JSON on its "
         "standard input, and an environment of its own, without passwords."},
    {.key = "hooks.url",
     .type = SETTING_TEXT,
     AT(hooks_url),
     .value = "",
     .doc =
         "Address (http or https) that the same JSON is sent to, by POST. Both hooks may be set."},
    {.key = "hooks.secret",
     .type = SETTING_SECRET,
     AT(hooks_secret),
     .value = "",
     .doc = "Signs what is sent to hooks.url, best as ${NAME}. The header X-Datasync-Signature is "
            "sha256= and the HMAC-SHA256, in hex digits, of X-Datasync-Timestamp, a full stop, and "
            "the body. Empty: not signed."},
    {.key = "hooks.entities",
     .type = SETTING_LIST,
     AT(hooks_entities),
     .value = "all",
     .doc = "Entities that hooks are told of: names of the catalogue, `table` for all tables of "
            "none, or all. Their keys are the destination's."},
    {.key = "hooks.timeout",
     .type = SETTING_SECONDS,
     AT(hooks_timeout),
     .value = "30s",
     .min = 1,
     .max = 3600,
     .doc = "How long one attempt may take."},
    {.key = "hooks.max_pause",
     .type = SETTING_SECONDS,
     AT(hooks_max_pause),
     .value = "5m",
     .min = 1,
     .max = 86400,
     .doc = "A failed attempt is made again, for ever, after pauses that grow from 1s to this."},
    {.key = "connect_timeout",
     .type = SETTING_SECONDS,
     AT(connect_timeout),
     .value = "30s",
     .min = 1,
     .max = 3600,
     .doc = "How long to try to reach a server before exit 5. `run`, `agent` and `apply` try for "
            "ever, so long at a time. The others give up a server that has not answered for so "
            "long after SIGTERM or SIGINT."},
};
_Static_assert(sizeof config_settings / sizeof *config_settings <= CONFIG_MAX_SETTINGS,
               "room for every setting");
const size_t config_setting_count = sizeof config_settings / sizeof *config_settings;

const struct setting *config_setting_find(const char *key, size_t len)
{
    for (size_t i = 0; i < config_setting_count; i++)
        if (strlen(config_settings[i].key) == len && memcmp(config_settings[i].key, key, len) == 0)
            return &config_settings[i];
    return NULL;
}
