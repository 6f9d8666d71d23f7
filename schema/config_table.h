/* The typed table of settings: what config*.c share, nobody else's business.
 *
 * Read-only data. A setting's text form is the same in the file, in --set, in defaults and in what
 * `datasync config` prints.
 */
#ifndef SCHEMA_CONFIG_TABLE_H
#define SCHEMA_CONFIG_TABLE_H

#include <stddef.h>

#include "schema/config.h"

enum setting_type {
    SETTING_TEXT,     /* char * */
    SETTING_SECRET,   /* char *, never printed */
    SETTING_NAME,     /* char *, [A-Za-z0-9_-]{1,48} */
    SETTING_PREFIX,   /* char *, [A-Za-z0-9_]* */
    SETTING_DATABASE, /* char *, 1 to 64 characters, or "" for not set */
    SETTING_PORT,     /* uint16_t */
    SETTING_NUMBER32, /* uint32_t */
    SETTING_NUMBER64, /* uint64_t */
    SETTING_SIZE,     /* uint64_t, bytes: 10, 10B, 10KiB, 10MiB, 10GiB */
    SETTING_MILLIS,   /* uint32_t, milliseconds: 10 (seconds), 10ms, 10s, 10m, 10h */
    SETTING_SECONDS,  /* uint32_t, the same forms, whole seconds */
    SETTING_BOOL,     /* bool: true, false */
    SETTING_CHOICE,   /* enum, by position in `choices` */
    SETTING_LIST,     /* struct config_list */
    SETTING_LINES,    /* struct config_list whose items may hold blanks: a list, or lines */
    SETTING_MAP,      /* struct config_list, any keys with one text each; --set KEY.NAME=TEXT */
    SETTING_CHOICES,  /* the same, each text one of `choices`; one text alone is that of "all" */
};

struct setting {
    const char *key; /* full path: "source.tls.mode" */
    enum setting_type type;
    size_t offset;       /* in struct config */
    const char *value;   /* default, in text form; "" empty */
    const char *example; /* value of the example file where it differs, NULL: commented out */
    const char *const *choices; /* SETTING_CHOICE, SETTING_CHOICES; NULL-terminated */
    uint64_t min, max;          /* numbers; both 0: any */
    const char *environment;    /* variable that gives the default, or NULL */
    const char *shown; /* default as the reference says it where `value` does not, or NULL */
    const char *doc;   /* one or more sentences */
};
extern const struct setting config_settings[];
extern const size_t config_setting_count;
const struct setting *config_setting_find(const char *key, size_t len);

/* config_value.c. `where` ("file:line" or "--entity") begins every error. */
int setting_parse(const struct setting *s, struct config *c, const char *where, const char *text,
                  struct ds_error *err);
/* A list from its items. */
int setting_set_list(const struct setting *s, struct config *c, const char *const *items,
                     size_t count, struct ds_error *err);
/* One more entry of a mapping, or another value for one. */
int setting_set_entry(const struct setting *s, struct config *c, const char *where, const char *key,
                      const char *value, struct ds_error *err);
/* The value in text form; lists as "a, b". Secrets as they are: the caller hides them. */
int setting_format(const struct setting *s, const struct config *c, struct buf *out);
/* "text", "size", "snapshot | current" … for the reference. */
const char *setting_type_text(const struct setting *s, struct buf *scratch);

/* config_env.c: ${NAME}, from the environment or from .env.local. */
struct config_env {
    char *path; /* .env.local beside the configuration; NULL: none there */
    struct config_env_entry {
        char *name, *value;
    } * entries;
    size_t count;
};
/* `config_path` may be "": the current folder's. */
int config_env_load(struct config_env *env, const char *config_path, struct ds_error *err);
const char *config_env_get(const struct config_env *env, const char *name);
/* Replaces ${NAME} in `text`; $${ stands for ${. */
int config_env_expand(const struct config_env *env, const char *where, const char *key,
                      const char *text, struct buf *out, struct ds_error *err);
void config_env_free(struct config_env *env);

#endif
