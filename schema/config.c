#include "schema/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

#include "schema/config_table.h"
#include "schema/position.h"

#define FILE_HERE   "./datasync.yaml"
#define FILE_SYSTEM "/etc/datasync/datasync.yaml"

/* What is being loaded, and where each value came from. */
struct loader {
    struct config *c;
    const char *file; /* as the user gave it; "" none */
    struct config_env env;
    yaml_document_t *document;
    struct ds_error *err;
};

static size_t setting_index(const struct setting *s)
{
    return (size_t)(s - config_settings);
}

/* "datasync.yaml:12", the beginning of an error about a node. */
static const char *where_node(const struct loader *l, const yaml_node_t *node, char *out,
                              size_t size)
{
    snprintf(out, size, "%s:%zu", l->file, node->start_mark.line + 1);
    return out;
}

bool config_key_is_secret(const char *key, size_t len)
{
    const struct setting *s = config_setting_find(key, len);
    return s && s->type == SETTING_SECRET;
}

bool config_key_is_set(const struct config *c, const char *key)
{
    const struct setting *s = config_setting_find(key, strlen(key));
    return s && (c->line[setting_index(s)] || c->option[setting_index(s)]);
}

/* Options are in small letters; what is in capitals is an argument of the command, and what has a
 * point, slash or colon a place in another file. */
static const char *dashes(const char *option)
{
    return (*option >= 'A' && *option <= 'Z') || strpbrk(option, "./:") ? "" : "--";
}

const char *config_where(const struct config *c, const char *key, char *out, size_t size)
{
    const struct setting *s = config_setting_find(key, strlen(key));
    size_t i = s ? setting_index(s) : 0;
    if (s && c->option[i])
        snprintf(out, size, "%s%s", dashes(c->option[i]), c->option[i]);
    else if (s && c->line[i])
        snprintf(out, size, "%s:%u", c->path, c->line[i]);
    else
        snprintf(out, size, "%s", *c->path ? c->path : "configuration");
    return out;
}

/* --- the document -------------------------------------------------------- */

static const char *scalar_text(const yaml_node_t *node)
{
    return (const char *)node->data.scalar.value;
}

static bool scalar_is_null(const yaml_node_t *node)
{
    const char *text = scalar_text(node);
    return node->type == YAML_SCALAR_NODE && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (!*text || strcmp(text, "~") == 0 || strcmp(text, "null") == 0);
}

static int check_scalar(struct loader *l, const yaml_node_t *node, const char *key)
{
    char where[700];
    if (node->type != YAML_SCALAR_NODE)
        return error_set(l->err, DS_EUSAGE, "%s: %s: one value is wanted here, not a %s",
                         where_node(l, node, where, sizeof where), key,
                         node->type == YAML_SEQUENCE_NODE ? "list" : "mapping");
    if (strlen(scalar_text(node)) != node->data.scalar.length)
        return error_set(l->err, DS_EUSAGE, "%s: %s: a NUL character is not allowed",
                         where_node(l, node, where, sizeof where), key);
    return 0;
}

static int read_list(struct loader *l, const struct setting *s, const yaml_node_t *node)
{
    const char *items[1024];
    struct buf texts[1024] = {{0}};
    char where[700];
    size_t count = 0;
    int rc = 0;
    for (yaml_node_item_t *i = node->data.sequence.items.start;
         rc == 0 && i < node->data.sequence.items.top; i++) {
        const yaml_node_t *item = yaml_document_get_node(l->document, *i);
        where_node(l, item, where, sizeof where);
        if (count == sizeof items / sizeof *items)
            rc = error_set(l->err, DS_EUSAGE, "%s: %s: more than %zu items", where, s->key, count);
        if (rc == 0)
            rc = check_scalar(l, item, s->key);
        if (rc == 0)
            rc =
                config_env_expand(&l->env, where, s->key, scalar_text(item), &texts[count], l->err);
        if (rc == 0) {
            items[count] = buf_cstr(&texts[count]);
            count++;
        }
    }
    if (rc == 0)
        rc = setting_set_list(s, l->c, items, count, l->err);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        buf_free(&texts[i]);
    return rc;
}

static int check_duplicate(struct loader *l, const yaml_node_t *map, const yaml_node_pair_t *pair,
                           const char *path);

static int read_map(struct loader *l, const struct setting *s, const yaml_node_t *node)
{
    int rc = 0;
    for (yaml_node_pair_t *p = node->data.mapping.pairs.start;
         rc == 0 && p < node->data.mapping.pairs.top; p++) {
        const yaml_node_t *key = yaml_document_get_node(l->document, p->key);
        const yaml_node_t *value = yaml_document_get_node(l->document, p->value);
        BUF_AUTO struct buf text = {0};
        char where[700], path[300];
        rc = check_scalar(l, key, s->key);
        if (rc)
            break;
        where_node(l, value, where, sizeof where);
        snprintf(path, sizeof path, "%s.%s", s->key, scalar_text(key));
        rc = check_duplicate(l, node, p, path);
        if (rc == 0)
            rc = check_scalar(l, value, path);
        if (rc == 0)
            rc = config_env_expand(&l->env, where, path, scalar_text(value), &text, l->err);
        if (rc == 0)
            rc = setting_set_entry(s, l->c, where, scalar_text(key), buf_cstr(&text), l->err);
    }
    return rc;
}

static int read_setting(struct loader *l, const struct setting *s, const yaml_node_t *node)
{
    BUF_AUTO struct buf text = {0};
    char where[700];
    l->c->line[setting_index(s)] = (uint32_t)node->start_mark.line + 1;
    if ((s->type == SETTING_LIST || s->type == SETTING_LINES) && node->type == YAML_SEQUENCE_NODE)
        return read_list(l, s, node);
    if ((s->type == SETTING_MAP || s->type == SETTING_CHOICES) && node->type == YAML_MAPPING_NODE)
        return read_map(l, s, node);
    int rc = check_scalar(l, node, s->key);
    if (rc || scalar_is_null(node)) /* `key:` with nothing behind it keeps the default */
        return rc;
    where_node(l, node, where, sizeof where);
    rc = config_env_expand(&l->env, where, s->key, scalar_text(node), &text, l->err);
    return rc ? rc : setting_parse(s, l->c, where, buf_cstr(&text), l->err);
}

static bool is_group(const char *path)
{
    size_t len = strlen(path);
    for (size_t i = 0; i < config_setting_count; i++)
        if (strncmp(config_settings[i].key, path, len) == 0 && config_settings[i].key[len] == '.')
            return true;
    return false;
}

static int unknown_key(struct loader *l, const char *where, const char *group, const char *path)
{
    BUF_AUTO struct buf known = {0};
    size_t len = strlen(group);
    const char *last = NULL;
    size_t last_len = 0;
    for (size_t i = 0; i < config_setting_count; i++) {
        const char *key = config_settings[i].key;
        if (strncmp(key, group, len) != 0 || (len && key[len] != '.'))
            continue;
        key += len ? len + 1 : 0;
        size_t n = strcspn(key, ".");
        if (last && n == last_len && strncmp(last, key, n) == 0)
            continue;
        if (buf_printf(&known, "%s%.*s", last ? ", " : "", (int)n, key))
            return error_set(l->err, DS_ENOMEM, "out of memory for the configuration");
        last = key;
        last_len = n;
    }
    return error_set(l->err, DS_EUSAGE, "%s: unknown key '%s'; known here: %s", where, path,
                     buf_cstr(&known));
}

static int check_duplicate(struct loader *l, const yaml_node_t *map, const yaml_node_pair_t *pair,
                           const char *path)
{
    const yaml_node_t *key = yaml_document_get_node(l->document, pair->key);
    for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < pair; p++) {
        const yaml_node_t *before = yaml_document_get_node(l->document, p->key);
        char where[700];
        if (strcmp(scalar_text(before), scalar_text(key)) == 0)
            return error_set(l->err, DS_EUSAGE, "%s: key '%s' was given before, in line %zu",
                             where_node(l, key, where, sizeof where), path,
                             before->start_mark.line + 1);
    }
    return 0;
}

static int read_mapping(struct loader *l, const yaml_node_t *map, const char *group)
{
    for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top;
         p++) {
        const yaml_node_t *key = yaml_document_get_node(l->document, p->key);
        const yaml_node_t *value = yaml_document_get_node(l->document, p->value);
        char path[200], where[700];
        int rc = check_scalar(l, key, "key");
        if (rc)
            return rc;
        where_node(l, key, where, sizeof where);
        snprintf(path, sizeof path, "%s%s%s", group, *group ? "." : "", scalar_text(key));
        const struct setting *s =
            strchr(scalar_text(key), '.') ? NULL : config_setting_find(path, strlen(path));
        rc = check_duplicate(l, map, p, path);
        if (rc == 0 && s)
            rc = read_setting(l, s, value);
        else if (rc == 0 && (strchr(scalar_text(key), '.') || !is_group(path)))
            rc = unknown_key(l, where, group, path);
        else if (rc == 0 && value->type == YAML_MAPPING_NODE)
            rc = read_mapping(l, value, path);
        else if (rc == 0 && !scalar_is_null(value))
            rc = error_set(l->err, DS_EUSAGE, "%s: %s: a mapping is wanted here, such as {%s}",
                           where, path, "key: value");
        if (rc)
            return rc;
    }
    return 0;
}

static int yaml_failed(struct loader *l, const yaml_parser_t *parser)
{
    if (parser->error == YAML_MEMORY_ERROR)
        return error_set(l->err, DS_ENOMEM, "out of memory for %s", l->file);
    size_t line =
        parser->error == YAML_READER_ERROR ? parser->mark.line : parser->problem_mark.line;
    return error_set(l->err, DS_EUSAGE, "%s:%zu: not valid YAML: %s", l->file, line + 1,
                     parser->problem ? parser->problem : "unreadable");
}

static int read_document(struct loader *l, yaml_parser_t *parser)
{
    yaml_document_t document, second;
    char where[700];
    if (!yaml_parser_load(parser, &document))
        return yaml_failed(l, parser);
    l->document = &document;
    int rc = 0;
    yaml_node_t *root = yaml_document_get_root_node(&document);
    if (root && root->type == YAML_MAPPING_NODE)
        rc = read_mapping(l, root, "");
    else if (root && !scalar_is_null(root))
        rc = error_set(l->err, DS_EUSAGE, "%s: the file must hold 'key: value' lines",
                       where_node(l, root, where, sizeof where));
    if (rc == 0 && root) {
        if (!yaml_parser_load(parser, &second)) {
            rc = yaml_failed(l, parser);
        } else {
            yaml_node_t *more = yaml_document_get_root_node(&second);
            if (more)
                rc = error_set(l->err, DS_EUSAGE, "%s: a second document is not allowed",
                               where_node(l, more, where, sizeof where));
            yaml_document_delete(&second);
        }
    }
    yaml_document_delete(&document);
    l->document = NULL;
    return rc;
}

static int read_file(struct loader *l)
{
    yaml_parser_t parser;
    FILE *file = fopen(l->file, "re");
    struct stat st;
    if (file && fstat(fileno(file), &st) == 0 && S_ISDIR(st.st_mode)) {
        (void)fclose(file);
        return error_set(l->err, DS_EUSAGE, "the configuration %s is a folder: name the file in it",
                         l->file);
    }
    if (!file)
        return error_set(l->err, DS_EUSAGE, "cannot read the configuration %s: %s", l->file,
                         strerror(errno));
    int rc;
    if (!yaml_parser_initialize(&parser)) {
        rc = error_set(l->err, DS_ENOMEM, "out of memory for %s", l->file);
    } else {
        yaml_parser_set_input_file(&parser, file);
        rc = read_document(l, &parser);
        yaml_parser_delete(&parser);
    }
    (void)fclose(file); /* only read */
    return rc;
}

/* --- defaults and overrides ---------------------------------------------- */

static int set_defaults(struct loader *l)
{
    for (size_t i = 0; i < config_setting_count; i++) {
        const struct setting *s = &config_settings[i];
        const char *value = s->environment ? config_env_get(&l->env, s->environment) : NULL;
        int rc = setting_parse(s, l->c, value ? s->environment : "default",
                               value ? value : s->value, l->err);
        if (rc)
            return rc;
    }
    return 0;
}

/* The mapping that "KEY.NAME" is an entry of, NULL: none. */
static const struct setting *map_of(const char *key)
{
    for (size_t i = 0; i < config_setting_count; i++) {
        size_t n = strlen(config_settings[i].key);
        if ((config_settings[i].type == SETTING_MAP ||
             config_settings[i].type == SETTING_CHOICES) &&
            strncmp(key, config_settings[i].key, n) == 0 && key[n] == '.')
            return &config_settings[i];
    }
    return NULL;
}

static int set_override(struct loader *l, const struct config_override *o)
{
    size_t len = strcspn(o->text, "=");
    const struct setting *s = config_setting_find(o->text, len);
    const char *value = o->text + len + 1;
    char key[200], where[600];
    snprintf(key, sizeof key, "%.*s", (int)(len < 199 ? len : 199), o->text);
    snprintf(where, sizeof where, "%s%s", dashes(o->option), o->option);
    if (!o->text[len])
        return error_set(l->err, DS_EUSAGE, "%s %s: write KEY=VALUE", where, key);
    const struct setting *map = s ? NULL : map_of(key);
    if (!s && !map)
        return error_set(l->err, DS_EUSAGE,
                         "%s: unknown key '%s'; `datasync config --help` lists all", where, key);
    int rc = map ? setting_set_entry(map, l->c, where, key + strlen(map->key) + 1, value, l->err)
                 : setting_parse(s, l->c, where, value, l->err);
    size_t i = setting_index(s ? s : map);
    if (rc == 0 && (s || !l->c->line[i])) /* other entries of a mapping may be the file's */
        l->c->option[i] = o->option;
    return rc;
}

static int set_overrides(struct loader *l, const struct config_override *overrides, size_t count)
{
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = set_override(l, &overrides[i]);
    return rc;
}

static int derive_state_dir(struct loader *l)
{
    BUF_AUTO struct buf path = {0};
    const char *base = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    int rc;
    if (geteuid() == 0)
        rc = buf_puts(&path, "/var/lib/datasync");
    else if (base && *base == '/')
        rc = buf_printf(&path, "%s/datasync", base);
    else if (home && *home == '/')
        rc = buf_printf(&path, "%s/.local/state/datasync", home);
    else
        return error_set(l->err, DS_EUSAGE, "state_dir is not set, and neither is $HOME");
    if (rc || !(l->c->state_dir = arena_strdup(&l->c->arena, buf_cstr(&path))))
        return error_set(l->err, DS_ENOMEM, "out of memory for the configuration");
    return 0;
}

static const char *option_of(const struct config *c, const char *key)
{
    return c->option[setting_index(config_setting_find(key, strlen(key)))];
}

/* A host that the command line names is asked, whatever socket the file has. */
static void choose_host(struct config *c)
{
    if ((option_of(c, "source.host") || option_of(c, "source.port")) &&
        !option_of(c, "source.socket"))
        *c->source.socket = '\0';
    if ((option_of(c, "destination.host") || option_of(c, "destination.port")) &&
        !option_of(c, "destination.socket"))
        *c->destination.socket = '\0';
}

/* Defaults that depend on other values. */
static int derive(struct loader *l)
{
    struct config *c = l->c;
    choose_host(c);
    if (!*c->destination.database)
        c->destination.database = c->source.database;
    if (!*c->source_system)
        c->source_system = c->name;
    return *c->state_dir ? 0 : derive_state_dir(l);
}

/* --- checks of the whole ------------------------------------------------- */

static int refuse(struct loader *l, const char *key, const char *text)
{
    char where[700];
    return error_set(l->err, DS_EUSAGE, "%s: %s: %s", config_where(l->c, key, where, sizeof where),
                     key, text);
}

/* As applier/import/crypt.h tells them apart. */
static bool is_crypt_key(const char *key)
{
    size_t len = strlen(key);
    return len <= 56 || (len == 64 && strspn(key, "0123456789abcdefABCDEF") == len);
}

static int check_server(struct loader *l, const struct config_server *s, bool source)
{
    const char *side = source ? "source" : "destination";
    char key[64];
    if (!*s->host && !*s->socket) {
        snprintf(key, sizeof key, "%s.host", side);
        return refuse(l, key, "is empty; give a host, or a socket");
    }
    if (!*s->user) {
        snprintf(key, sizeof key, "%s.user", side);
        return refuse(l, key, "is empty");
    }
    snprintf(key, sizeof key, "%s.crypt_key", side);
    if (!is_crypt_key(s->crypt_key))
        return refuse(l, key,
                      "is no shop's key: 64 hexadecimal digits (Maho), or up to 56 other "
                      "characters (Magento 1, OpenMage), as in its app/etc/local.xml");
    snprintf(key, sizeof key, "%s.tls.ca", side);
    if (s->tls_mode == TLS_VERIFY_CA && !*s->tls_ca)
        return refuse(l, key, "tls.mode verify_ca needs a file of CA certificates");
    snprintf(key, sizeof key, "%s.tls.key", side);
    if (!*s->tls_cert != !*s->tls_key)
        return refuse(l, key, "tls.cert and tls.key must be set together");
    return 0;
}

/* What the command has made of `mode`: it is not a stream's. */
static bool is_sync(const struct config *c, const char *how)
{
    const char *option = option_of(c, "mode");
    return option && strcmp(option, how) == 0;
}

static int check_servers(struct loader *l)
{
    const struct config *c = l->c;
    bool from_file = is_sync(c, CONFIG_SYNC_FILE);
    const char *database = from_file ? c->destination.database : c->source.database;
    int rc = from_file ? 0 : check_server(l, &c->source, true);
    if (rc == 0)
        rc = check_server(l, &c->destination, false);
    if (rc)
        return rc;
    if (!*database && *l->file)
        return error_set(l->err, DS_EUSAGE, "%s: %s.database is not set", l->file,
                         from_file ? "destination" : "source");
    if (!*database)
        return error_set(l->err, DS_EUSAGE,
                         "no configuration found (" FILE_HERE ", " FILE_SYSTEM "): give one with "
                         "--config; `datasync config --example` prints one to begin with");
    if (from_file) /* no server is the source */
        return 0;
    bool same = *c->source.socket || *c->destination.socket
                    ? strcmp(c->source.socket, c->destination.socket) == 0
                    : c->source.port == c->destination.port &&
                          strcasecmp(c->source.host, c->destination.host) == 0;
    if (same && strcmp(c->source.database, c->destination.database) == 0)
        return refuse(l, "destination.database",
                      "source and destination are the same database of the same server");
    if (same && strcmp(c->source.database, c->state_database) == 0)
        return refuse(l, "state_database", "this is the source's own database");
    return 0;
}

/* What a mirror does and an import does not yet. */
static int check_import(struct loader *l)
{
    const struct config *c = l->c;
    bool sync = is_sync(c, CONFIG_SYNC) || is_sync(c, CONFIG_SYNC_FILE);
    if (c->on_invalid == INVALID_QUARANTINE)
        return refuse(l, "on_invalid",
                      "quarantine does not go with mode: import, whose rows cannot wait: choose "
                      "error or skip");
    if (!sync && c->on_conflict != CONFLICT_STOP)
        return refuse(l, "on_conflict", "does not go with mode: import in this version");
    if (!sync && c->where.count)
        return refuse(l, "where",
                      "does not go with mode: import in this version, only with datasync sync");
    return 0;
}

/* What a later version will do must not be ignored by this one. */
static int check_supported(struct loader *l)
{
    const struct config *c = l->c;
    int rc = c->mode == MODE_IMPORT ? check_import(l) : 0;
    if (rc)
        return rc;
    if (c->mode == MODE_MIRROR && !c->map.count && !is_sync(c, CONFIG_SETTINGS) &&
        strcmp(c->source.prefix, c->destination.prefix) != 0)
        return refuse(l, "destination.prefix", "must be source.prefix in mirror mode without map");
    return 0;
}

/* As wide as the registry's column. */
static int check_source_system(struct loader *l)
{
    enum { MAX = 64 };
    char text[160];
    size_t length = 0;
    for (const char *p = l->c->source_system; *p; p++)
        length += ((unsigned char)*p & 0xc0) != 0x80;
    if (length <= MAX)
        return 0;
    snprintf(text, sizeof text, "has %zu characters, and the registry's column holds %d", length,
             MAX);
    return refuse(l, "source_system", text);
}

static int check_start(struct loader *l)
{
    const char *start = l->c->start;
    struct gtid_set set = {0};
    struct file_position file;
    if (strcmp(start, "snapshot") == 0 || strcmp(start, "current") == 0)
        return 0;
    if (*start && gtid_set_parse(&set, start, NULL) == 0) {
        gtid_set_free(&set);
        return 0;
    }
    if (*start && file_position_parse(&file, start, NULL) == 0)
        return 0;
    return refuse(l, "start", "must be snapshot, current, a GTID set, or FILE:POSITION");
}

/* An address with a host, and without a password, which would be in logs. */
static int check_url(struct loader *l, const char *key, const char *url, const char *instead)
{
    bool tls = strncasecmp(url, "https://", 8) == 0;
    if (!*url)
        return 0;
    if (!tls && strncasecmp(url, "http://", 7) != 0)
        return refuse(l, key, "must begin with http:// or https://");
    const char *host = url + (tls ? 8 : 7);
    if (memchr(host, '@', strcspn(host, "/?#")))
        return refuse(l, key, instead);
    return !*host || strchr(":/?#", *host) ? refuse(l, key, "names no host") : 0;
}

static int check_hooks(struct loader *l)
{
    const struct config *c = l->c;
    int rc = check_url(l, "hooks.url", c->hooks_url,
                       "must not hold a user or password; hooks.secret signs");
    if (rc == 0 && c->hooks_command.count && c->hooks_command.items[0][0] != '/')
        return refuse(l, "hooks.command", "must begin with the program's absolute path");
    return rc;
}

static int check_images(struct loader *l)
{
    const struct config *c = l->c;
    const struct {
        const char *key;
        bool set;
    } wants[] = {{"images.base_path", *c->images_base_path},
                 {"images.base_url", *c->images_base_url},
                 {"images.replace", c->images_replace}};
    for (size_t i = 0; i < sizeof wants / sizeof *wants && !*c->images_media_dir; i++)
        if (wants[i].set)
            return refuse(l, wants[i].key,
                          "needs images.media_dir, the media folder of the destination's shop, "
                          "where the files are to go");
    if (strpbrk(c->images_base_url, "?#"))
        return refuse(l, "images.base_url", "must be the address of a folder, without ? and #");
    return check_url(l, "images.base_url", c->images_base_url,
                     "must not hold a user or password; set images.user and images.password");
}

static int validate(struct loader *l)
{
    const struct config *c = l->c;
    int rc = check_servers(l);
    if (rc == 0)
        rc = check_supported(l);
    if (rc == 0)
        rc = check_source_system(l);
    if (rc == 0)
        rc = check_start(l);
    if (rc == 0)
        rc = check_hooks(l);
    if (rc == 0)
        rc = check_images(l);
    if (rc == 0 && !*c->state_database)
        rc = refuse(l, "state_database", "is empty");
    if (rc == 0 && c->state_dir[0] != '/' && c->state_dir[0] != '.')
        rc = refuse(l, "state_dir", "must be an absolute path, or begin with ./");
    return rc;
}

static int load(struct loader *l, const struct config_override *overrides, size_t override_count)
{
    int rc = config_env_load(&l->env, l->file, l->err);
    if (rc == 0)
        rc = set_defaults(l);
    if (rc == 0 && *l->file)
        rc = read_file(l);
    if (rc == 0)
        rc = set_overrides(l, overrides, override_count);
    if (rc == 0)
        rc = derive(l);
    if (rc == 0)
        rc = validate(l);
    config_env_free(&l->env);
    return rc;
}

const char *config_file(const char *path)
{
    return path                             ? path
           : access(FILE_HERE, F_OK) == 0   ? FILE_HERE
           : access(FILE_SYSTEM, F_OK) == 0 ? FILE_SYSTEM
                                            : "";
}

int config_load(struct config *out, const char *path, const struct config_override *overrides,
                size_t override_count, struct ds_error *err)
{
    memset(out, 0, sizeof *out);
    path = config_file(path);
    struct ds_error own;
    struct loader l = {.c = out, .file = path, .err = err ? err : &own};
    out->path = arena_strdup(&out->arena, path);
    int rc = out->path ? load(&l, overrides, override_count)
                       : error_set(err, DS_ENOMEM, "out of memory for the configuration");
    if (rc)
        config_free(out);
    return rc;
}

void config_free(struct config *c)
{
    arena_free(&c->arena);
    memset(c, 0, sizeof *c);
}

struct db_endpoint config_endpoint(const struct config *c, bool source)
{
    const struct config_server *s = source ? &c->source : &c->destination;
    const char *key = source ? "source.database" : "destination.database";
    const char *option = c->option[setting_index(config_setting_find(key, strlen(key)))];
    return (struct db_endpoint){
        .role = source ? "source" : "destination",
        .place = option && strchr(option, ':') ? option : NULL,
        .host = s->host,
        .socket = s->socket,
        .user = s->user,
        .password = s->password,
        .database = s->database,
        .port = s->port,
        .tls = s->tls_mode,
        .tls_ca = s->tls_ca,
        .tls_cert = s->tls_cert,
        .tls_key = s->tls_key,
        .connect_timeout = c->connect_timeout,
    };
}
