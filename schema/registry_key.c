#include "schema/registry_key.h"

#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "schema/json.h"

enum { DIGITS = 16 };

static bool is_kept(struct slice id)
{
    return id.len <= REGISTRY_KEY_MAX && utf8_valid(id.p, id.len) &&
           !(id.len && id.p[id.len - 1] == ' ');
}

struct slice registry_key(struct slice id, char scratch[REGISTRY_KEY_MAX + 1])
{
    if (is_kept(id))
        return id;
    size_t most = REGISTRY_KEY_MAX - 1 - DIGITS, len = 0;
    for (size_t n; (n = utf8_character(id.p + len, id.len - len)) && len + n <= most;)
        len += n;
    memcpy(scratch, id.p, len);
    snprintf(scratch + len, DIGITS + 2, "#%016lx", XXH3_64bits(id.p, id.len));
    return (struct slice){(const uint8_t *)scratch, len + 1 + DIGITS};
}
