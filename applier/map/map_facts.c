#include "applier/map/map_facts.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "applier/map/map_seen.h"
#include "schema/db.h"
#include "schema/list.h"
#include "schema/log.h"

enum { PATIENCE = 60 /* seconds for an answer */ };

struct attribute { /* texts in the arena */
    uint64_t id;
    struct map_attribute is;
};

struct map_servers {
    const struct config *config;
    const struct map *map;
    const struct target *target;
    MYSQL *source; /* NULL: not asked yet */
    struct map_facts facts;
    struct map_seen *seen;
    struct attribute *attributes; /* by id */
    size_t attribute_count, attribute_capacity;
    struct arena arena;
    const struct map_rule **warned;
    size_t warned_count, warned_capacity;
};

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for the facts of a map");
}

static int connect_source(struct map_servers *s, struct ds_error *err)
{
    if (s->source)
        return 0;
    struct db_endpoint ep = config_endpoint(s->config, true);
    ep.read_timeout = PATIENCE;
    return db_connect(&s->source, &ep, err);
}

/* A connection that has failed is made again at the next question. */
static MYSQL_RES *ask(struct map_servers *s, struct buf *sql, struct ds_error *err)
{
    MYSQL_RES *res = connect_source(s, err) ? NULL : db_select(s->source, err, "%s", buf_cstr(sql));
    if (!res && err->code == DS_ECONN)
        db_close(&s->source);
    return res;
}

static int put_table(const struct map_servers *s, struct buf *sql, const char *table)
{
    BUF_AUTO struct buf name = {0};
    return buf_printf(&name, "%s%s", s->config->source.prefix, table) |
           sql_identifier(sql, buf_cstr(&name));
}

/* The first value of the first row. */
static int read_value(struct map_servers *s, struct buf *sql, struct map_value *out,
                      struct arena *arena, bool *found, struct ds_error *err)
{
    MYSQL_RES *res = ask(s, sql, err);
    if (!res)
        return err->code;
    MYSQL_ROW row = mysql_fetch_row(res);
    int rc = 0;
    *found = row != NULL;
    *out = (struct map_value){.set = row != NULL, .null = row && !row[0]};
    if (row && row[0]) {
        size_t len = mysql_fetch_lengths(res)[0];
        out->text = (struct slice){arena_copy(arena, row[0], len), len};
        rc = len && !out->text.p ? no_memory(err) : 0;
    }
    mysql_free_result(res);
    return rc;
}

/* --- attributes ------------------------------------------------------------------------------ */

static int by_id(const void *a, const void *b)
{
    const struct attribute *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

static int keep_attribute(struct map_servers *s, MYSQL_ROW row, struct ds_error *err)
{
    if (LIST_ROOM(s->attributes, s->attribute_count, s->attribute_capacity))
        return no_memory(err);
    const char *texts[4] = {0};
    for (size_t i = 0; i < 4; i++)
        if (row[i + 1] && !(texts[i] = arena_strdup(&s->arena, row[i + 1])))
            return no_memory(err);
    s->attributes[s->attribute_count++] =
        (struct attribute){.id = strtoull(row[0], NULL, 10),
                           .is = {.entity_type = texts[0] ? texts[0] : "",
                                  .code = texts[1] ? texts[1] : "",
                                  .frontend_input = texts[2],
                                  .backend_type = texts[3]}};
    return 0;
}

static int read_attributes(struct map_servers *s, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    s->attribute_count = 0;
    arena_reset(&s->arena, 1 << 16);
    if (buf_puts(&sql, "SELECT a.attribute_id, t.entity_type_code, a.attribute_code, "
                       "a.frontend_input, a.backend_type FROM ") |
        put_table(s, &sql, "eav_attribute") | buf_puts(&sql, " a JOIN ") |
        put_table(s, &sql, "eav_entity_type") |
        buf_puts(&sql, " t ON t.entity_type_id = a.entity_type_id"))
        return no_memory(err);
    MYSQL_RES *res = ask(s, &sql, err);
    if (!res)
        return err->code;
    int rc = 0;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(res));)
        rc = keep_attribute(s, row, err);
    mysql_free_result(res);
    if (s->attribute_count)
        qsort(s->attributes, s->attribute_count, sizeof *s->attributes, by_id);
    return rc;
}

static const struct attribute *find_attribute(const struct map_servers *s, uint64_t id)
{
    const struct attribute key = {.id = id};
    return s->attribute_count
               ? bsearch(&key, s->attributes, s->attribute_count, sizeof *s->attributes, by_id)
               : NULL;
}

/* One that is not known may be new. */
static int attribute(void *arg, struct slice id, struct map_attribute *out, bool *found,
                     struct ds_error *err)
{
    struct map_servers *s = arg;
    char text[24];
    snprintf(text, sizeof text, "%.*s", (int)id.len, (const char *)id.p);
    uint64_t number = strtoull(text, NULL, 10);
    const struct attribute *a = find_attribute(s, number);
    int rc = a ? 0 : read_attributes(s, err);
    a = a ? a : find_attribute(s, number);
    *found = rc == 0 && a;
    if (*found)
        *out = a->is;
    return rc;
}

/* --- values ---------------------------------------------------------------------------------- */

static int setting(void *arg, const char *path, struct map_value *out, struct arena *arena,
                   bool *found, struct ds_error *err)
{
    struct map_servers *s = arg;
    BUF_AUTO struct buf sql = {0};
    if (buf_puts(&sql, "SELECT value FROM ") | put_table(s, &sql, "core_config_data") |
        buf_puts(&sql, " WHERE path = ") | sql_string(&sql, path, strlen(path)) |
        buf_puts(&sql, " ORDER BY config_id LIMIT 1"))
        return no_memory(err);
    return read_value(s, &sql, out, arena, found, err);
}

static int lookup(void *arg, const char *table, const char *value, const char *key, struct slice id,
                  struct map_value *out, struct arena *arena, bool *found, struct ds_error *err)
{
    struct map_servers *s = arg;
    const struct map_lookup l = {table, value, key};
    BUF_AUTO struct buf sql = {0};
    *found = map_seen_find(s->seen, &l, id, out);
    if (*found)
        return 0;
    if (buf_puts(&sql, "SELECT ") | sql_identifier(&sql, value) | buf_puts(&sql, " FROM ") |
        put_table(s, &sql, table) | buf_puts(&sql, " WHERE ") | sql_identifier(&sql, key) |
        buf_puts(&sql, " = ") | sql_string(&sql, id.p, id.len) | buf_puts(&sql, " LIMIT 1"))
        return no_memory(err);
    return read_value(s, &sql, out, arena, found, err);
}

static bool watches(void *arg, const char *name)
{
    const struct map_servers *s = arg;
    return map_seen_watches(s->seen, name);
}

static int saw(void *arg, const struct map_record *row, struct ds_error *err)
{
    const struct map_servers *s = arg;
    return map_seen_note(s->seen, row, err);
}

int map_servers_has_table(struct map_servers *s, const char *name, bool *has, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    struct map_value ignored;
    struct arena arena = {0};
    if (buf_puts(&sql, "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() "
                       "AND TABLE_NAME = ") |
        sql_string(&sql, name, strlen(name)))
        return no_memory(err);
    int rc = read_value(s, &sql, &ignored, &arena, has, err);
    arena_free(&arena);
    return rc;
}

/* --- the destination ------------------------------------------------------------------------- */

static int document(void *arg, struct slice name, struct slice *out, struct arena *arena,
                    bool *found, struct ds_error *err)
{
    const struct map_servers *s = arg;
    char table[256], there[300];
    size_t prefix = strlen(s->config->source.prefix);
    snprintf(table, sizeof table, "%.*s", (int)name.len, (const char *)name.p);
    const char *to = strncmp(table, s->config->source.prefix, prefix) == 0
                         ? map_document(s->map, MAP_SOURCE, table + prefix)
                         : NULL;
    int len = snprintf(there, sizeof there, "%s%s", s->config->destination.prefix, to ? to : "");
    *found = to && target_find(s->target, there, (size_t)len);
    if (!*found)
        return 0;
    *out = (struct slice){arena_copy(arena, there, (size_t)len), (size_t)len};
    return out->p ? 0 : no_memory(err);
}

static int has_field(void *arg, const char *table, const char *field, bool *found,
                     struct ds_error *err)
{
    const struct map_servers *s = arg;
    char name[300];
    int len = snprintf(name, sizeof name, "%s%s", s->config->destination.prefix, table);
    const struct target_table *x = target_find(s->target, name, (size_t)len);
    (void)err;
    *found = x && target_column_ordinal(x, field) >= 0;
    return 0;
}

/* --- what handlers tell ----------------------------------------------------------------------- */

static void warn(void *arg, const struct map_rule *rule, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void warn(void *arg, const struct map_rule *rule, const char *fmt, ...)
{
    struct map_servers *s = arg;
    char text[600];
    va_list ap;
    for (size_t i = 0; i < s->warned_count; i++)
        if (s->warned[i] == rule)
            return;
    if (LIST_ROOM(s->warned, s->warned_count, s->warned_capacity) == 0)
        s->warned[s->warned_count++] = rule;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    log_warn("%s table=%s field=%s rule=%s:%u (told once)", text, rule->document, rule->field,
             rule->file, rule->line);
}

/* --- life ------------------------------------------------------------------------------------ */

int map_servers_new(struct map_servers **out, const struct config *c, const struct map *map,
                    const struct handlers *own, struct ds_error *err)
{
    struct map_servers *s = calloc(1, sizeof *s);
    *out = s;
    if (!s)
        return no_memory(err);
    s->config = c;
    s->map = map;
    s->facts = (struct map_facts){.arg = s,
                                  .attribute = attribute,
                                  .setting = setting,
                                  .lookup = lookup,
                                  .watches = watches,
                                  .saw = saw,
                                  .document = document,
                                  .has_field = has_field,
                                  .warn = warn,
                                  .own = own,
                                  .source_key = c->source.crypt_key,
                                  .destination_key = c->destination.crypt_key};
    return map_seen_new(&s->seen, map, err);
}

void map_servers_free(struct map_servers *s)
{
    if (!s)
        return;
    db_close(&s->source);
    map_seen_free(s->seen);
    arena_free(&s->arena);
    free(s->attributes);
    free((void *)s->warned);
    free(s);
}

void map_servers_attach(struct map_servers *s, const struct target *target)
{
    s->target = target;
    s->attribute_count = 0;
    map_seen_forget(s->seen);
    db_close(&s->source);
}

const struct map_facts *map_servers_facts(struct map_servers *s)
{
    s->facts.now = (int64_t)time(NULL);
    return &s->facts;
}
