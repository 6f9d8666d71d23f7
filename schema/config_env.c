#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "schema/config_table.h"

#define ENV_FILE ".env.local"

static bool name_char(char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (!first && c >= '0' && c <= '9');
}

static int env_add(struct config_env *env, const char *name, size_t name_len, const char *value,
                   size_t value_len)
{
    struct config_env_entry *more = realloc(env->entries, (env->count + 1) * sizeof *env->entries);
    if (!more)
        return DS_ENOMEM;
    env->entries = more;
    struct config_env_entry *e = &env->entries[env->count];
    e->name = strndup(name, name_len);
    e->value = strndup(value, value_len);
    if (!e->name || !e->value) {
        free(e->name);
        free(e->value);
        return DS_ENOMEM;
    }
    env->count++;
    return 0;
}

/* NAME=value, `export` allowed before it, the value bare or in one kind of quotes. */
static int env_line(struct config_env *env, char *line, unsigned number, struct ds_error *err)
{
    line += strspn(line, " \t");
    line[strcspn(line, "\r\n")] = 0;
    if (!*line || *line == '#')
        return 0;
    if (strncmp(line, "export ", 7) == 0)
        line += 7 + strspn(line + 7, " \t");
    size_t n = 0;
    while (name_char(line[n], n == 0))
        n++;
    const char *value = line + n + strspn(line + n, " \t");
    if (n == 0 || *value != '=')
        return error_set(err, DS_EUSAGE, "%s:%u: not a NAME=value line", env->path, number);
    value++;
    value += strspn(value, " \t");
    size_t len = strlen(value);
    while (len && (value[len - 1] == ' ' || value[len - 1] == '\t'))
        len--;
    if (len && (*value == '"' || *value == '\'')) {
        if (len < 2 || value[len - 1] != *value)
            return error_set(err, DS_EUSAGE, "%s:%u: the quote is not closed", env->path, number);
        value++;
        len -= 2;
    }
    if (env_add(env, line, n, value, len))
        return error_set(err, DS_ENOMEM, "out of memory for %s", env->path);
    return 0;
}

static int env_read(struct config_env *env, FILE *file, struct ds_error *err)
{
    struct stat st;
    if (fstat(fileno(file), &st))
        return error_set(err, DS_EUSAGE, "%s: %s", env->path, strerror(errno));
    if (st.st_mode & S_IRWXO)
        return error_set(err, DS_EUSAGE,
                         "%s holds passwords and others can read it (mode %04o): run chmod 600 %s",
                         env->path, (unsigned)(st.st_mode & 07777), env->path);
    char *line = NULL;
    size_t size = 0;
    int rc = 0;
    for (unsigned number = 1; rc == 0 && getline(&line, &size, file) >= 0; number++)
        rc = env_line(env, line, number, err);
    if (rc == 0 && ferror(file))
        rc = error_set(err, DS_EUSAGE, "%s: cannot be read", env->path);
    free(line);
    return rc;
}

int config_env_load(struct config_env *env, const char *config_path, struct ds_error *err)
{
    memset(env, 0, sizeof *env);
    const char *slash = strrchr(config_path, '/');
    int folder = slash ? (int)(slash - config_path + 1) : 0;
    if (asprintf(&env->path, "%.*s" ENV_FILE, folder, config_path) < 0) {
        env->path = NULL;
        return error_set(err, DS_ENOMEM, "out of memory for the configuration");
    }
    FILE *file = fopen(env->path, "re");
    if (!file && errno == ENOENT) {
        free(env->path);
        env->path = NULL;
        return 0;
    }
    int rc = file ? env_read(env, file, err)
                  : error_set(err, DS_EUSAGE, "%s: %s", env->path, strerror(errno));
    if (file)
        (void)fclose(file); /* only read */
    if (rc)
        config_env_free(env);
    return rc;
}

const char *config_env_get(const struct config_env *env, const char *name)
{
    const char *value = getenv(name);
    for (size_t i = env->count; !value && i-- > 0;)
        if (strcmp(env->entries[i].name, name) == 0)
            value = env->entries[i].value;
    return value;
}

int config_env_expand(const struct config_env *env, const char *where, const char *key,
                      const char *text, struct buf *out, struct ds_error *err)
{
    int rc = 0;
    while (*text && rc == 0) {
        if (strncmp(text, "$${", 3) == 0) {
            rc = buf_puts(out, "${");
            text += 3;
            continue;
        }
        if (strncmp(text, "${", 2) != 0) {
            rc = buf_append(out, text++, 1);
            continue;
        }
        size_t n = 0;
        while (name_char(text[2 + n], n == 0))
            n++;
        if (n == 0 || text[2 + n] != '}')
            return error_set(err, DS_EUSAGE,
                             "%s: %s: '${' must be followed by a NAME and '}' (write $${ for the "
                             "characters themselves)",
                             where, key);
        char *name = strndup(text + 2, n);
        const char *value = name ? config_env_get(env, name) : NULL;
        if (name && !value)
            rc = error_set(err, DS_EUSAGE,
                           "%s: %s: variable %s is neither in the environment nor in %s", where,
                           key, name, env->path ? env->path : ENV_FILE " beside the file");
        else
            rc = name ? buf_puts(out, value) : DS_ENOMEM;
        free(name);
        if (rc == DS_EUSAGE)
            return rc;
        text += n + 3;
    }
    return rc ? error_set(err, DS_ENOMEM, "out of memory for the configuration") : 0;
}

void config_env_free(struct config_env *env)
{
    for (size_t i = 0; i < env->count; i++) {
        free(env->entries[i].name);
        free(env->entries[i].value);
    }
    free(env->entries);
    free(env->path);
    memset(env, 0, sizeof *env);
}
