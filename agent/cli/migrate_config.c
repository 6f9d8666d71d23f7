/* config.xml → the configuration that the rest of the program knows. */
#include <stdlib.h>
#include <string.h>

#include "agent/cli/migrate.h"
#include "schema/log.h"

static int set(struct migrating *g, const char *side, const char *key, const char *value,
               struct ds_error *err)
{
    char name[60];
    const bool source = strcmp(side, "source") == 0;
    const char *place =
        *side ? migration_database(g->migration, source)->place : migration_path(g->migration);
    snprintf(name, sizeof name, "%s%s%s", side, *side ? "." : "", key);
    return value ? cli_preset(g->in, name, value, place, err) : 0;
}

/* "db.example.com", "db.example.com:3307", "/run/mysqld/mysqld.sock" */
static int set_host(struct migrating *g, const char *side, const struct migration_database *d,
                    struct ds_error *err)
{
    char host[300];
    const char *colon = strchr(d->host, ':'), *port = d->port;
    if (strchr(d->host, '/'))
        return set(g, side, "socket", d->host, err);
    bool is_port = colon && colon[1] && !colon[1 + strspn(colon + 1, "0123456789")];
    snprintf(host, sizeof host, "%.*s", is_port ? (int)(colon - d->host) : 299, d->host);
    if (is_port)
        port = colon + 1;
    int rc = set(g, side, "host", host, err);
    return rc ? rc : set(g, side, "port", port && *port ? port : NULL, err);
}

static int set_server(struct migrating *g, bool source, struct ds_error *err)
{
    const struct migration_database *d = migration_database(g->migration, source);
    const char *side = source ? "source" : "destination";
    const char *prefix = migration_option(g->migration, source ? "source_prefix" : "dest_prefix");
    int rc = set_host(g, side, d, err);
    rc = rc ? rc : set(g, side, "database", d->name, err);
    rc = rc ? rc : set(g, side, "user", d->user, err);
    rc = rc ? rc : set(g, side, "password", d->password, err);
    rc = rc ? rc : set(g, side, "tls.ca", d->ssl_ca, err);
    rc = rc ? rc : set(g, side, "tls.cert", d->ssl_cert, err);
    rc = rc ? rc : set(g, side, "tls.key", d->ssl_key, err);
    if (rc == 0 && d->ssl_ca && *d->ssl_ca)
        rc = set(g, side, "tls.mode", "verify_ca", err);
    return rc ? rc : set(g, side, "prefix", prefix && *prefix ? prefix : NULL, err);
}

/* Statements between semicolons. */
static bool only_sets_names(const char *text)
{
    static const char blanks[] = " \t\r\n;", names[] = "SET NAMES ";
    for (text += strspn(text, blanks); *text; text += strspn(text, blanks)) {
        if (strncasecmp(text, names, sizeof names - 1) != 0)
            return false;
        text += strcspn(text, ";");
    }
    return true;
}

/* What the other tool's users have set and what means nothing here is said once. */
static void tell_unused(const struct migration *m)
{
    static const char *const options[] = {"init_statements_source", "init_statements_destination",
                                          "resource_adapter_class_name"};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        const char *value = migration_option(m, options[i]);
        if (value && !only_sets_names(value))
            log_warn("%s: <%s> has no effect: sessions are set up for binary-safe copies",
                     migration_path(m), options[i]);
    }
}

int migrate_configure(struct migrating *g, struct ds_error *err)
{
    int rc = g->mode == MIGRATION_SETTINGS
                 ? cli_preset(g->in, "mode", "mirror", CONFIG_SETTINGS, err)
                 : set(g, "", "mode", "mirror", err);
    rc = rc ? rc : set(g, "", "name", "migrate", err);
    rc = rc ? rc : set(g, "", "ddl", "ignore", err);
    /* rows that were deleted come again when the source changes them */
    if (rc == 0 && g->leftovers)
        rc = set(g, "", "on_conflict", "overwrite", err);
    rc = rc ? rc : set_server(g, true, err);
    rc = rc ? rc : set_server(g, false, err);
    const char *key = migration_option(g->migration, "crypt_key");
    if (rc == 0 && key && *key)
        rc = set(g, "source", "crypt_key", key, err);
    const char *automatic = migration_option(g->migration, "auto_resolve");
    if (automatic && *automatic && strcmp(automatic, "0") != 0 && g->mode != MIGRATION_DELTA)
        g->in->automatic = true;
    if (rc == 0)
        tell_unused(g->migration);
    return rc;
}
