#include "applier/map/map_members.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "applier/map/map_charset.h"
#include "schema/members.h"

enum { SET_MOST = 64, NUMBER_ROOM = 21 };

bool map_members_has(uint8_t type)
{
    return type == MYSQL_TYPE_ENUM || type == MYSQL_TYPE_SET;
}

/* --- names ----------------------------------------------------------------------------------- */

static int make(struct slice list, uint8_t type, struct arena *arena, struct map_members **out)
{
    struct map_members *m = arena_zalloc(arena, sizeof *m);
    if (!m || members_read(list, arena, &m->names, &m->count))
        return DS_ENOMEM;
    m->is_set = type == MYSQL_TYPE_SET;
    *out = m->count ? m : NULL;
    return 0;
}

int map_members_of_source(const struct msg_column *c, struct arena *arena, struct map_members **out,
                          struct ds_error *err)
{
    struct map_charset *set = NULL;
    *out = NULL;
    if (!map_members_has(c->type) || !c->members.len)
        return 0;
    struct slice list = {arena_copy(arena, c->members.p, c->members.len), c->members.len};
    int rc = list.p ? make(list, c->type, arena, out) : DS_ENOMEM;
    if (rc == 0 && !c->members_utf8)
        rc = map_charset_open(&set, map_charset_name(c->collation), err);
    for (uint32_t i = 0; rc == 0 && *out && i < (*out)->count; i++)
        rc = map_charset_read(set, &(*out)->names[i], arena);
    map_charset_close(set);
    if (rc == DS_ENOMEM || rc == DS_ECONFLICT)
        error_set(err, rc, "the names of the values of an ENUM or SET cannot be read");
    return rc;
}

int map_members_of_target(const struct target_column *c, struct arena *arena,
                          struct map_members **out)
{
    BUF_AUTO struct buf list = {0};
    *out = NULL;
    if (!map_members_has(c->type))
        return 0;
    int rc = members_of_type(&list, c->type_text);
    struct slice kept = {rc ? NULL : arena_copy(arena, list.data, list.len), list.len};
    return kept.p ? make(kept, c->type, arena, out) : DS_ENOMEM;
}

/* What an ENUM has that is none of its values: not the empty text that may be one of them. */
static const uint8_t no_value[1];

/* --- values ---------------------------------------------------------------------------------- */

static bool number_of(struct slice text, uint64_t *out)
{
    char room[NUMBER_ROOM];
    if (!text.len || text.len >= sizeof room)
        return false;
    memcpy(room, text.p, text.len);
    room[text.len] = 0;
    *out = strtoull(room, NULL, 10);
    return strspn(room, "0123456789") == text.len;
}

static int join(const struct map_members *m, uint64_t bits, struct arena *arena,
                struct map_value *v)
{
    BUF_AUTO struct buf text = {0};
    int rc = 0;
    for (uint32_t i = 0; i < m->count && i < SET_MOST; i++)
        if (bits >> i & 1)
            rc |= (text.len ? buf_puts(&text, ",") : 0) |
                  buf_append(&text, m->names[i].p, m->names[i].len);
    const uint8_t *copy =
        rc ? NULL : arena_copy(arena, text.len ? text.data : (const void *)"", text.len);
    v->text = (struct slice){copy, text.len};
    return copy ? 0 : DS_ENOMEM;
}

int map_members_name(const struct map_members *m, struct arena *arena, struct map_value *v)
{
    uint64_t n;
    if (!v->set || v->null || !number_of(v->text, &n))
        return 0;
    if (m->is_set)
        return m->count >= SET_MOST || n >> m->count == 0 ? join(m, n, arena, v) : 0;
    if (n <= m->count)
        v->text = n ? m->names[n - 1] : (struct slice){no_value, 0};
    return 0;
}

/* From 1; 0: none. Case counts only where nothing is written just so. */
static uint32_t find(const struct map_members *m, struct slice name)
{
    for (int exact = 1; exact >= 0; exact--)
        for (uint32_t i = 0; i < m->count; i++) {
            const struct slice x = m->names[i];
            if (x.len == name.len &&
                (name.len == 0 ||
                 (exact ? memcmp(x.p, name.p, name.len)
                        : strncasecmp((const char *)x.p, (const char *)name.p, name.len)) == 0))
                return i + 1;
        }
    return 0;
}

static bool bits_of(const struct map_members *m, struct slice names, uint64_t *out)
{
    const uint8_t *p = names.p, *end = names.p + names.len;
    *out = 0;
    while (p < end) {
        const uint8_t *comma = memchr(p, ',', (size_t)(end - p));
        const struct slice one = {p, (size_t)((comma ? comma : end) - p)};
        const uint32_t i = find(m, one);
        if (!i)
            return false;
        *out |= UINT64_C(1) << (i - 1);
        p = comma ? comma + 1 : end;
    }
    return true;
}

bool map_members_number(const struct map_members *m, struct slice name, uint64_t *out)
{
    *out = m->is_set || name.p == no_value ? 0 : find(m, name);
    if (*out || !name.len || (m->is_set && bits_of(m, name, out)))
        return true;
    return number_of(name, out) &&
           (m->is_set ? m->count >= SET_MOST || *out >> m->count == 0 : *out <= m->count);
}
