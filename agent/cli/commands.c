/* Every command and option: what is parsed, what --help says, what the man pages say. */
#include "agent/cli/cli.h"

#define FIELD(f) .offset = offsetof(struct invocation, f)
#define LAST                                                                                       \
    {                                                                                              \
        .name = NULL                                                                               \
    }
#define STOP_HELP                                                                                  \
    "a GTID (set), FILE:POSITION, or a time such as '2026-05-31 22:00:00' (local; add Z for UTC)"

const struct option cli_common_options[] = {
    {"config", 'c', OPTION_TEXT, "FILE", FIELD(config_path),
     .doc = "Configuration. Without it ./datasync.yaml, then /etc/datasync/datasync.yaml."},
    {"set", 0, OPTION_SET, "KEY=VALUE",
     .doc = "Set one key of the configuration, such as --set "
            "source.port=3307. May be repeated."},
    {"db-host", 0, OPTION_SETTING, "HOST", .setting = "source.host",
     .doc = "The same as --set source.host=HOST."},
    {"db-port", 0, OPTION_SETTING, "PORT", .setting = "source.port",
     .doc = "The same as --set source.port=PORT."},
    {"db-socket", 0, OPTION_SETTING, "FILE", .setting = "source.socket",
     .doc = "The same as --set source.socket=FILE: instead of host and port."},
    {"db-user", 0, OPTION_SETTING, "USER", .setting = "source.user",
     .doc = "The same as --set source.user=USER."},
    {"db-pass", 0, OPTION_SETTING, "PASSWORD", .setting = "source.password", .secret = true,
     .doc = "The same as --set source.password=PASSWORD. Better kept in the environment or in "
            ".env.local."},
    {"db-name", 0, OPTION_SETTING, "DATABASE", .setting = "source.database",
     .doc = "The same as --set source.database=DATABASE."},
    {"db-tls", 0, OPTION_SETTING, "MODE", .setting = "source.tls.mode",
     .doc = "The same as --set source.tls.mode=MODE: preferred, disabled, required, verify_ca or "
            "verify_identity."},
    {"db-tls-ca", 0, OPTION_SETTING, "FILE", .setting = "source.tls.ca",
     .doc = "The same as --set source.tls.ca=FILE."},
    {"entity", 'e', OPTION_ITEM, "NAME", .setting = "entities",
     .doc =
         "The same as --set entities=NAME: only rows of these entities travel (NAME,NAME for "
         "several), and in mode import of what they bring along. May be repeated. Not with sync, "
         "whose first argument says it."},
    {"stock", 0, OPTION_SETTING, "include|exclude|only", .setting = "stock",
     .doc = "The same as --set stock=…: with stock rows, without, or only these."},
    {"verbose", 'v', OPTION_COUNT, NULL, FIELD(verbosity),
     .doc = "Say more: -v debug, -vv trace. Of an import -vv names each entity and what became of "
            "it."},
    {"log-format", 0, OPTION_TEXT, "text|json", FIELD(log_format),
     .doc = "Form of the log lines on stderr."},
    {"help", 'h', OPTION_FLAG, NULL, FIELD(help), .doc = "Show this help."},
    {"version", 0, OPTION_FLAG, NULL, FIELD(version), .doc = "Show the version."},
    LAST,
};

static const struct option none[] = {LAST};

#define RESNAPSHOT                                                                                 \
    {"resnapshot",                                                                                 \
     0,                                                                                            \
     OPTION_FLAG,                                                                                  \
     NULL,                                                                                         \
     FIELD(resnapshot),                                                                            \
     .doc = "Drop the stream's checkpoint and spool and copy everything again. Asks first."},      \
    {                                                                                              \
        "yes", 'y', OPTION_FLAG, NULL, FIELD(yes), .doc = "Do not ask."                            \
    }

static const struct option run_options[] = {
    {"stop-at", 0, OPTION_TEXT, "WHERE", FIELD(stop_at),
     .doc = "End with exit 0 when this is applied: " STOP_HELP "."},
    RESNAPSHOT,
    LAST,
};
static const struct option agent_options[] = {
    {"stop-at", 0, OPTION_TEXT, "WHERE", FIELD(stop_at),
     .doc = "End with exit 0 when this is read: " STOP_HELP "."},
    LAST,
};
static const struct option incremental_options[] = {
    {"tracker", 0, OPTION_FLAG, NULL, FIELD(tracker),
     .doc = "Instead of the binlog, what the table datasync_change_tracker of the source names "
            "(mode: import): copies the entities of its pending rows as they are now, and deletes "
            "those that the source has no more."},
    {"limit", 'l', OPTION_NUMBER, "ROWS", FIELD(limit),
     .doc = "End at the last whole transaction before so many changed rows; the next run goes on "
            "there. A first transaction that is larger is not applied: exit 1. A first copy is "
            "made whole. With --tracker: no more than so many of its rows of each type. 0: no "
            "limit."},
    {"dry-run", 0, OPTION_FLAG, NULL, FIELD(dry_run),
     .doc = "Count and plan, write nothing. Before the first copy there is nothing to plan; into a "
            "shop with ids of its own, datasync sync all SOURCE --dry-run looks at what a copy "
            "would do."},
    {"mark-synced", 0, OPTION_FLAG, NULL, FIELD(mark_synced),
     .doc = "With --tracker: mark its rows, when the destination has committed what they name; "
            "without it the next run copies the same again. Otherwise accepted for old crontabs: "
            "data and position always commit together."},
    {"json", 0, OPTION_FLAG, NULL, FIELD(json),
     .doc = "Mode import: the summary at the end as lines of JSON."},
    {"no-lock", 0, OPTION_FLAG, NULL, FIELD(no_lock),
     .doc = "Do not take the stream's lock. What it protects is then yours to see to."},
    RESNAPSHOT,
    LAST,
};
static const struct option replay_options[] = {
    {"file", 'f', OPTION_LIST, "BINLOG", FIELD(files),
     .doc = "Read this binlog file instead of asking the server. May be repeated."},
    {"from", 0, OPTION_TEXT, "WHERE", FIELD(from), .doc = "Begin after this: " STOP_HELP "."},
    {"to", 0, OPTION_TEXT, "WHERE", FIELD(to), .doc = "End with this: " STOP_HELP "."},
    {"dry-run", 0, OPTION_FLAG, NULL, FIELD(dry_run), .doc = "Count and plan, write nothing."},
    LAST,
};
static const struct option sync_options[] = {
    {"adapter", 'a', OPTION_TEXT, "NAME", FIELD(adapter),
     .doc = "What SOURCE is. csv (default with --file): a file. openmage (default without): the "
            "source database of the configuration, or of --db-host and its kin."},
    {"file", 'f', OPTION_TEXT, "FILE", FIELD(file),
     .doc = "The CSV file: its first line names the columns. Not with --db-host and its kin."},
    {"delimiter", 0, OPTION_TEXT, "CHARACTER|tab", FIELD(delimiter),
     .doc = "What stands between the file's fields. Default: a comma."},
    {"encoding", 0, OPTION_TEXT, "NAME", FIELD(encoding),
     .doc = "Of the file's text, as iconv names it: latin1, cp1252 …. Default: UTF-8, or UTF-16 "
            "where the file begins so."},
    {"auto-link-configurables", 0, OPTION_FLAG, NULL, FIELD(auto_link),
     .doc = "Simple products of the file belong to the configurable one that they follow, if they "
            "have its attribute set."},
    {"on-duplicate", 'd', OPTION_TEXT, "skip|update|merge|error", FIELD(on_duplicate),
     .doc = "An entity that the destination has already: leave it; make it as the source's; the "
            "same, but keep what the source has empty; stop (default)."},
    {"options-mode", 0, OPTION_TEXT, "replace|merge|append", FIELD(options_mode),
     .doc = "Custom options of a product that the destination has already: make them the source's "
            "(replace); change those with the same title, add the others, let no other option "
            "go (merge); leave what is there, add those with other titles (append). Without it: "
            "merge with --on-duplicate merge, else replace."},
    {"skip-invalid", 0, OPTION_FLAG, NULL, FIELD(skip_invalid),
     .doc = "An entity that breaks a rule of the catalogue, that a handler calls invalid, or that "
            "does not fit the destination is left out and logged with its key and the reason (of a "
            "file, with its line); the run ends with exit 3. Without it the run stops there, with "
            "exit 1."},
    {"dry-run", 0, OPTION_FLAG, NULL, FIELD(dry_run),
     .doc = "Look for everything and count, write nothing. Takes memory for each row's id."},
    {"json", 0, OPTION_FLAG, NULL, FIELD(json), .doc = "The summary as lines of JSON."},
    {"limit", 'l', OPTION_NUMBER, "N", FIELD(limit),
     .doc = "No more than so many of each kind of entity. 0: no limit."},
    {"date-from", 0, OPTION_TEXT, "YYYY-MM-DD", FIELD(date_from),
     .doc = "Only what was modified on this day or later, or does not say when. With all, kinds of "
            "which nothing tells when they were modified (attributes, groups …) come whole."},
    {"date-to", 0, OPTION_TEXT, "YYYY-MM-DD", FIELD(date_to),
     .doc = "Only what was modified on this day or before; the same holds."},
    {"entity-ids", 0, OPTION_TEXT, "ID,ID", FIELD(entity_ids),
     .doc = "Only entities with these ids at the source. Not with all."},
    {"increment-ids", 0, OPTION_TEXT, "NUMBER,NUMBER", FIELD(increment_ids),
     .doc = "Only orders, invoices, shipments, credit memos or customers with these numbers. With "
            "all, kinds that have none are left aside."},
    {"image-base-path", 0, OPTION_SETTING, "FOLDER", .setting = "images.base_path",
     .doc = "The same as --set images.base_path=FOLDER: copy images that products and categories "
            "name from there into images.media_dir."},
    {"image-base-url", 0, OPTION_SETTING, "URL", .setting = "images.base_url",
     .doc = "The same as --set images.base_url=URL: download them from there."},
    {"force-image-import", 0, OPTION_FLAG, NULL, FIELD(force_images),
     .doc = "The same as --set images.replace=true: also those that images.media_dir has already; "
            "what differs is replaced."},
    {"db-prefix", 0, OPTION_SETTING, "PREFIX", .setting = "source.prefix",
     .doc = "The same as --set source.prefix=PREFIX."},
    {"url", 'u', OPTION_TEXT, "URL", FIELD(url),
     .doc = "Address of a shop's API, for the adapters woocommerce, shopify and magento2, which "
            "follow in a later version: refused until then."},
    {"api-key", 'k', OPTION_SECRET, "KEY", FIELD(api_key), .doc = "Its key; the same holds."},
    {"api-secret", 0, OPTION_SECRET, "SECRET", FIELD(api_secret),
     .doc = "Its secret; the same holds."},
    LAST,
};
static const struct option migrate_options[] = {
    {"reset", 'r', OPTION_FLAG, NULL, FIELD(resnapshot),
     .doc = "data: forget where it stands, empty the destination's tables, and begin anew. "
            "settings: delete websites, store groups and stores that the source has not."},
    {"document", 0, OPTION_LIST, "NAME", FIELD(documents),
     .doc = "data, with --reset: only of this document of the source, by its name in map.xml. Its "
            "tables are emptied and it is copied again; all others stay, and go on. May be "
            "repeated."},
    {"step", 0, OPTION_LIST, "TITLE", FIELD(steps),
     .doc = "data, with --reset: only of the documents of this step of config.xml. May be "
            "repeated."},
    {"auto", 'a', OPTION_FLAG, NULL, FIELD(automatic),
     .doc = "settings, data: go on although something is not mapped, which is left out then, or is "
            "at the destination alone. It is warned of."},
    {"dry-run", 0, OPTION_FLAG, NULL, FIELD(dry_run),
     .doc = "Write nothing. data: check integrity. settings: tell what would change, too."},
    {"suggest", 0, OPTION_TEXT, "FILE", FIELD(suggest),
     .doc = "settings, data: write the rules that would settle what is not mapped, or does not "
            "fit, to a new file, and those for the map of a step beside it: rules.xml, "
            "rules.STEP.xml."},
    {"once", 0, OPTION_FLAG, NULL, FIELD(once), .doc = "delta: end where the source is now."},
    {"file", 'f', OPTION_LIST, "BINLOG", FIELD(files),
     .doc = "delta: read this binlog file of the source instead of asking the server, and end with "
            "it. May be repeated: none may be missing between where data or an earlier delta has "
            "come to and the last one."},
    {"changelog", 0, OPTION_FLAG, NULL, FIELD(changelog),
     .doc = "delta: instead of the binlog, what the tables m2_cl_… of the source name, which that "
            "tool's triggers fill, until they are empty."},
    {"yes", 'y', OPTION_FLAG, NULL, FIELD(yes), .doc = "Do not ask before --reset."},
    LAST,
};

#define OF_MIGRATION                                                                               \
    {                                                                                              \
        "migration", 0, OPTION_TEXT, "CONFIG.xml", FIELD(migration),                               \
            .doc = "Of the stream of `datasync migrate data|delta CONFIG.xml`."                    \
    }
static const struct option skip_options[] = {
    OF_MIGRATION,
    {"reason", 0, OPTION_TEXT, "TEXT", FIELD(reason), .doc = "Why, for the record."},
    {"yes", 'y', OPTION_FLAG, NULL, FIELD(yes), .doc = "Do not ask."},
    LAST,
};
static const struct option check_options[] = {
    {"tracker", 0, OPTION_FLAG, NULL, FIELD(tracker),
     .doc = "For `incremental --tracker`: look at the tracker's table instead of the binlog."},
    {"counts", 0, OPTION_FLAG, NULL, FIELD(counts),
     .doc = "Then read all tables of both sides and compare their rows and checksums. Exit 1 when "
            "one differs, which it may for as long as changes are on their way."},
    LAST,
};
static const struct option status_options[] = {
    OF_MIGRATION,
    {"json", 0, OPTION_FLAG, NULL, FIELD(json), .doc = "One line of JSON."},
    {"watch", 'w', OPTION_FLAG, NULL, FIELD(watch),
     .doc = "Again every second, until interrupted."},
    LAST,
};
static const struct option quarantine_options[] = {
    OF_MIGRATION,
    {"json", 0, OPTION_FLAG, NULL, FIELD(json), .doc = "One line of JSON per change."},
    {"yes", 'y', OPTION_FLAG, NULL, FIELD(yes), .doc = "Do not ask."},
    LAST,
};
static const struct option dump_options[] = {
    {"file", 'f', OPTION_TEXT, "BINLOG", FIELD(file),
     .doc = "Read this binlog file instead of the stream's spool."},
    {"summary", 's', OPTION_FLAG, NULL, FIELD(summary),
     .doc = "Count the messages instead: what fills the binlog, or the spool, table by table."},
    LAST,
};
static const struct option entities_options[] = {
    {"json", 0, OPTION_FLAG, NULL, FIELD(json),
     .doc = "One line of JSON per entity and group, with all that is known of it."},
    {"graph", 0, OPTION_FLAG, NULL, FIELD(graph),
     .doc = "What refers to what, for Graphviz: solid lines are required, dashed ones optional, "
            "dotted ones deferred."},
    {"plain", 0, OPTION_FLAG, NULL, FIELD(plain), .doc = "Names only."},
    LAST,
};
static const struct option config_options[] = {
    {"example", 0, OPTION_FLAG, NULL, FIELD(example),
     .doc = "Print a commented example to begin with."},
    {"reference", 0, OPTION_FLAG, NULL, FIELD(reference), .doc = "Print what every key means."},
    {"man", 0, OPTION_FLAG, NULL, FIELD(man), .doc = "Print the reference as a man page."},
    LAST,
};
static const struct option help_options[] = {
    {"man", 0, OPTION_FLAG, NULL, FIELD(man), .doc = "As a man page."},
    LAST,
};

const struct command cli_commands[] = {
    {.name = "run",
     .arguments = "",
     .options = run_options,
     .run = command_run,
     .summary = "Keep the destination in step, for ever.",
     .text = "Agent and applier in one process: copies everything if there is no checkpoint, then "
             "follows the source's binlog until it is stopped (SIGTERM, SIGINT: exit 0). Waits for "
             "servers that cannot be reached."},
    {.name = "agent",
     .arguments = "",
     .options = agent_options,
     .run = command_agent,
     .summary = "The source's half of run alone.",
     .text = "Reads the source and fills the spool. Waits for an `apply` of the same stream on "
             "this machine to say where to begin."},
    {.name = "apply",
     .arguments = "",
     .options = none,
     .run = command_apply,
     .summary = "The destination's half of run alone.",
     .text = "Takes what `agent` put into the spool and writes it to the destination."},
    {.name = "incremental",
     .arguments = "",
     .options = incremental_options,
     .run = command_incremental,
     .summary = "Catch up with the source once, then end: for cron.",
     .text =
         "Does what `run` does, first copy included, up to the source's position read at the "
         "start, then ends with exit 0, or 3 when changes wait in quarantine or `datasync skip` "
         "had a transaction passed over. Exit 4 while another one or `run` is at work. In mode "
         "import it prints a summary at its end, as `sync` does.\n\n"
         "With --tracker it copies what a module of the source's shop has noted as changed, for "
         "sources whose binlog cannot be had. What the module does not see, such as direct SQL, "
         "does not come then. The account at the source needs SELECT on the shop, and for "
         "--mark-synced UPDATE and DELETE on that one table; `datasync check --tracker` tells."},
    {.name = "replay",
     .arguments = "[BINLOG…]",
     .max_arguments = 10000,
     .options = replay_options,
     .run = command_replay,
     .summary = "Apply a range of the binlog.",
     .text = "From the server, or from the files named, with or without --file. Files are read in "
             "the order of their numbers; all of the range must be there."},
    {.name = "sync",
     .arguments = "ENTITY|all SOURCE",
     .min_arguments = 2,
     .max_arguments = 2,
     .options = sync_options,
     .run = command_sync,
     .summary = "Import entities into a shop that has ids of its own.",
     .text =
         "Reads all entities of a kind, or of all kinds in order of dependency, from the source "
         "and writes them to the destination under the destination's own ids. What they refer "
         "to (websites, stores, customer groups, attributes and their options, categories …) is "
         "found by code or name. SOURCE is the name under which the registry at the destination "
         "remembers which of its rows came from which of the source's, so that the next sync "
         "finds them again; it has up to 64 characters. Orders and carts bring along the gift "
         "messages that they name.\n\n"
         "ENTITY is any of `datasync entities`, but those that the shop derives. A file can carry "
         "cms_block, cms_page, attribute, category, product, customer, newsletter, order, invoice, "
         "shipment and creditmemo, one kind each; which columns, README.md says under \"From a CSV "
         "file\". A file needs no source in the configuration.\n\n"
         "Files of images come along where images.media_dir is set, from images.base_path or "
         "images.base_url; without it the rows alone are imported.\n\n"
         "At the end, also where an error ends the run, it prints what became of how many. Exit 0: "
         "done, or stopped by SIGTERM or SIGINT. 1: an entity did not fit, was not valid, or was "
         "there already (--on-duplicate error); what came before is written. 2: wrong usage or "
         "configuration, such as an entity whose table the source does not have, or refused by a "
         "server. 3: done, but entities were left out (--skip-invalid) or images are missing. 4: "
         "another run of the stream is at work. 5: a server cannot be reached."},
    {.name = "migrate",
     .arguments = "settings|data|delta CONFIG.xml",
     .min_arguments = 2,
     .max_arguments = 2,
     .options = migrate_options,
     .run = command_migrate,
     .summary = "Migrate to another schema, by the files of the Magento Data Migration Tool.",
     .text =
         "Reads config.xml and the files that it names as they are, and runs its steps: `settings` "
         "brings core_config_data over by the rules of settings_map_file, and websites, store "
         "groups and stores by those of stores_map_file; run again it changes nothing. `data` "
         "checks that every table and column has a place at the other side, and by a sample of "
         "rows "
         "that values fit (integrity), copies "
         "what is there by the rules of map.xml, and counts (volume). `delta` goes on from there, "
         "when data's last step is done, with what the source's binlog has, without a pause, until "
         "SIGTERM; nothing is installed "
         "at the source, whose binlog needs binlog_row_metadata = FULL. With --file it reads "
         "binlog files, and the source is asked nothing: volume, SalesIncrement, attributes, sets "
         "and groups, and values of multiselect attributes, for which rows of the source are "
         "compared, wait for a delta --once without it; what PostProcessing deletes goes. "
         "With --changelog it reads the tables m2_cl_… that the other "
         "tool has made, where its triggers go on: rows that they name become as the source has "
         "them now, and are deleted from them (GRANT DELETE) when the destination has committed "
         "and they have not changed since.\n\n"
         "Of the steps it has Settings, Stores, Data Integrity, EAV, Map, SalesIncrement and "
         "PostProcessing. Url Rewrite is left out, with a warning. Others are yours: a file of "
         "`handlers:` has them, in Lua or C, by the PHP namespace of their classes, and handlers "
         "of map rules by their class. One that is not there is refused, with the line that "
         "names it. With delta_document_groups_file, delta follows what the groups of its steps "
         "name. Settings that are encrypted need both shops' keys: <crypt_key> of config.xml, "
         "and destination.crypt_key.\n\n"
         "Servers, prefixes and the log file are those of config.xml, all else (state_dir, batch, "
         "spool …) those of the configuration. Log lines look as that tool's, on stdout. Where the "
         "stream stands is kept at the destination, under the name `migrate`: for several "
         "migrations to one server give each --set name=NAME.\n\n"
         "Exit 0: done. 1: integrity or volume is not as it should be, or a row did not fit. 2: "
         "wrong usage, files or privileges. 5: a server cannot be reached."},
    {.name = "skip",
     .arguments = "POSITION",
     .min_arguments = 1,
     .max_arguments = 1,
     .options = skip_options,
     .run = command_skip,
     .summary = "Pass over one transaction that cannot be applied.",
     .text = "POSITION is the transaction's GTID, or FILE:POSITION where it ends, as the error "
             "named it. It is passed over when the stream comes to it, and this is recorded at "
             "the destination, with the reason. Its changes are lost there. Exit 2 for what is "
             "applied already. Where no transaction has that position nothing is passed over, and "
             "the log says so."},
    {.name = "check",
     .arguments = "",
     .options = check_options,
     .run = command_check,
     .summary = "Find everything that would stop it, beforehand.",
     .text = "Looks at both servers, their settings, privileges and tables, loads the handlers, "
             "and changes nothing. "
             "Exit 0: nothing, or warnings only. Exit 1: something would stop it.\n\n"
             "With --counts, also whether both sides hold the same: per table the number of rows "
             "and a checksum over all columns, which does not depend on the order of the rows. "
             "Each table is read in full, at both sides as it is at that moment. Under a map what "
             "rows become is compared, but for what handlers and masks change, and what differs is "
             "told with its keys."},
    {.name = "status",
     .arguments = "",
     .options = status_options,
     .run = command_status,
     .summary = "Positions, lag, rates, counts, conflicts.",
     .text = "Asks the running process, or reads the checkpoint at the destination when there is "
             "none; the state is then `stopped`."},
    {.name = "quarantine",
     .arguments = "list | show ID | retry ID|all | drop ID",
     .min_arguments = 1,
     .max_arguments = 2,
     .options = quarantine_options,
     .run = command_quarantine,
     .summary = "Changes that were set aside.",
     .text =
         "With on_conflict: quarantine, a change that does not fit and all that depends on it, "
         "with later changes of the same entity, wait here; with on_invalid: quarantine, an entity "
         "that breaks a validation rule. A later change that makes all of "
         "them fit, taken together, releases them by itself. `list` shows them, `show` one with "
         "its rows, `retry` applies one and those that wait behind it (exit 3 if they still do "
         "not fit), `drop` forgets them: the destination's rows are then yours to put right. A "
         "DDL statement about a table with a waiting change, or which its cascades reach, stops "
         "the stream until there is none."},
    {.name = "dump",
     .arguments = "",
     .options = dump_options,
     .run = command_dump,
     .summary = "Messages of the stream, or of a binlog file, as JSON lines.",
     .text = "One object per message on stdout. Bytes are a string where they are valid UTF-8 and "
             "the column holds text, else {\"base64\": …}.\n\n"
             "Rows are those that would travel: entities, stock and tables of the configuration, "
             "--entity and --stock choose them, and, of a file, where. Conditions need a binlog "
             "that names columns (binlog_row_metadata=FULL). One on the root of an entity chooses "
             "rows of the root alone: which rows of its other tables go with them, only the "
             "destination knows, so all are printed. In the spool is what the agent's filter has "
             "left. Without a configuration all rows of a file are printed.\n\n"
             "With --summary, one object per table of which there are rows: inserts, updates, "
             "deletes, rows copied by a snapshot, and bytes of the row images, most bytes first. "
             "Then one of totals, with the position and the time at which the first and the last "
             "transaction end. Every row is read in full, but only counted. Savepoints and "
             "transactions that were rolled back count as they stand there. After an error nothing "
             "is printed, since half a count looks like a whole one."},
    {.name = "entities",
     .arguments = "[NAME]",
     .max_arguments = 1,
     .options = entities_options,
     .run = command_entities,
     .summary = "The entity catalogue.",
     .text =
         "Which entities there are, what others refer to first, then the groups of tables that "
         "filters may name (@derived, @log, @session, @quote …). With NAME, an entity's tables, "
         "references and validation rules, or what a group holds. What comes along is "
         "imported with the entity: by sync as far as it is named, in a stream all of it.\n\n"
         "Kinds of entities: data; reference, which is set up at each side, so that an import "
         "maps to it and changes nothing; derived, which the shop makes from other tables.\n\n"
         "Entities of your own go into the folder that entities_dir names, one YAML file each, "
         "in the form of the built-in ones (schema/entities/ in the sources). A file whose name: "
         "is that of a built-in entity, or whose group: is that of a built-in group, replaces "
         "it; two files of your own cannot have one name."},
    {.name = "config",
     .arguments = "",
     .options = config_options,
     .run = command_config,
     .summary = "The effective configuration.",
     .text = "As YAML, defaults included, passwords hidden."},
    {.name = "help",
     .arguments = "[COMMAND]",
     .max_arguments = 1,
     .options = help_options,
     .run = command_help,
     .summary = "Help about a command.",
     .text = "The same as datasync COMMAND --help."},
    {.name = NULL},
};
