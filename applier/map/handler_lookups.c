/* Handlers whose value stands elsewhere: in other tables of the source, or in a name. */
#include <ctype.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "applier/map/handler.h"

/* --- one value of another table ----------------------------------------------------------------
 */

/* `otherwise`: what is set where there is none. NULL: nothing is said, a new row gets the column's
 * default, another one keeps what it has: the source has deleted the row that this one names, and
 * this one will go, too. */
static int set_found(const struct map_handler *h, struct map_call *c, const char *table,
                     const char *value, const char *key, const struct map_value *id,
                     const char *otherwise, struct ds_error *err)
{
    struct map_value found = {0};
    int rc = value_is_null(id) ? 0 : handler_lookup(c, table, value, key, id->text, &found, err);
    (void)h;
    if (rc)
        return rc;
    if (!value_is_null(&found))
        *handler_value(c) = found;
    else if (otherwise)
        handler_set(c, slice_of(otherwise));
    else
        *handler_value(c) = (struct map_value){0};
    return 0;
}

static int call_bundle_parent(const struct map_handler *h, struct map_call *c, struct ds_error *err)
{
    return set_found(h, c, handler_param(h, "documentWithProductId"),
                     handler_param(h, "fieldWithProductId"), handler_param(h, "parentField"),
                     handler_column(h, c, 0), "0", err);
}

/* The default store of the default group of its website. */
static int call_alert_store(const struct map_handler *h, struct map_call *c, struct ds_error *err)
{
    const struct map_value *website = handler_column(h, c, 0);
    struct map_value group = {0};
    int rc = value_is_null(website) ? 0
                                    : handler_lookup(c, "core_website", "default_group_id",
                                                     "website_id", website->text, &group, err);
    return rc ? rc
              : set_found(h, c, "core_store_group", "default_store_id", "group_id", &group, NULL,
                          err);
}

static int call_quote_store(const struct map_handler *h, struct map_call *c, struct ds_error *err)
{
    return set_found(h, c, "sales_flat_quote_item", "store_id", "item_id", handler_column(h, c, 0),
                     NULL, err);
}

static int call_gallery_entity(const struct map_handler *h, struct map_call *c,
                               struct ds_error *err)
{
    return set_found(h, c, "catalog_product_entity_media_gallery", "entity_id", "value_id",
                     handler_column(h, c, 0), NULL, err);
}

static int call_default_website(const struct map_handler *h, struct map_call *c,
                                struct ds_error *err)
{
    struct map_value yes = {.set = true, .text = slice_of("1")};
    return set_found(h, c, "core_website", h->table->fields[h->field].name, "is_default", &yes,
                     NULL, err);
}

/* --- StoreGroupCode ----------------------------------------------------------------------------
 */

/* Codes that were given, of which each is one group's. */
struct given {
    struct given *next;
    struct slice code, group;
};

struct group_codes {
    struct given *first;
    struct arena *arena;
};

static int open_group_code(struct map_handler *h, struct ds_error *err)
{
    struct group_codes *codes = handler_state(h, sizeof *codes, err);
    if (!codes)
        return DS_ENOMEM;
    codes->arena = &h->arena;
    return 0;
}

/* Letters, digits, - and _, beginning with a letter; white space becomes _. */
static size_t code_of_name(struct slice name, char *out)
{
    size_t len = 0;
    for (size_t i = 0; i < name.len; i++) {
        uint8_t byte = name.p[i];
        bool letter = byte < 0x80 && isalpha(byte);
        if (isspace(byte) && i && isspace(name.p[i - 1]))
            continue;
        char c = (char)(isspace(byte) ? '_' : letter ? tolower(byte) : byte);
        bool taken = letter || (len && (isdigit(byte) || c == '-' || c == '_'));
        if (taken)
            out[len++] = c;
    }
    return len;
}

/* Has another group this code? Remembers it. */
static int is_taken(struct group_codes *codes, struct slice code, struct slice group, bool *taken,
                    struct ds_error *err)
{
    for (const struct given *g = codes->first; g; g = g->next)
        if (slice_same(g->code, code)) {
            *taken |= !slice_same(g->group, group);
            return 0;
        }
    struct given *g = arena_alloc(codes->arena, sizeof *g);
    if (!g)
        return handler_no_memory(err);
    *g = (struct given){codes->first,
                        {arena_copy(codes->arena, code.p, code.len), code.len},
                        {arena_copy(codes->arena, group.p, group.len), group.len}};
    codes->first = g;
    return g->code.p && g->group.p ? 0 : handler_no_memory(err);
}

/* Of two groups with one name the later one's code ends in its id: the same each time. */
static int call_group_code(const struct map_handler *h, struct map_call *c, struct ds_error *err)
{
    struct slice id = value_text(handler_column(h, c, 0)),
                 name = value_text(handler_column(h, c, 1)), code;
    struct map_value namesake;
    char *text = arena_alloc(c->arena, name.len + id.len + sizeof "store_group-");
    if (!text)
        return handler_no_memory(err);
    code = (struct slice){(uint8_t *)text, code_of_name(name, text)};
    if (!code.len) {
        memcpy(text, "store_group", sizeof "store_group");
        code.len = sizeof "store_group" - 1;
    }
    int rc = handler_lookup(c, "core_store_group", "group_id", "name", name, &namesake, err);
    bool taken = rc == 0 && !value_is_null(&namesake) && !slice_same(namesake.text, id);
    if (rc == 0 && !taken)
        rc = is_taken(h->state, code, id, &taken, err);
    if (rc)
        return rc;
    if (taken) {
        handler_warn(h, c, "Duplicated code in %s.%s Record id %.*s", h->table->name,
                     h->rule->field, (int)id.len, (const char *)id.p);
        text[code.len++] = '-';
        memcpy(text + code.len, id.p, id.len);
        code.len += id.len;
    }
    handler_set(c, code);
    return 0;
}

/* --- EavAttributeGroup\SetGroupCode ------------------------------------------------------------
 */

/* Letters of U+00C0 to U+017F without their marks, and of U+0410 to U+044F in Latin ones. */
static const char *const latin[] = {
    "a", "a", "a",  "a",  "a", "a", "ae", "c",  "e", "e", "e", "e", "i", "i",  "i", "i", "d", "n",
    "o", "o", "o",  "o",  "o", "",  "o",  "u",  "u", "u", "u", "y", "p", "ss", "a", "a", "a", "a",
    "a", "a", "ae", "c",  "e", "e", "e",  "e",  "i", "i", "i", "i", "d", "n",  "o", "o", "o", "o",
    "o", "",  "o",  "u",  "u", "u", "u",  "y",  "p", "y", "a", "a", "a", "a",  "a", "a", "c", "c",
    "c", "c", "c",  "c",  "c", "c", "d",  "d",  "d", "d", "e", "e", "e", "e",  "e", "e", "e", "e",
    "e", "e", "g",  "g",  "g", "g", "g",  "g",  "g", "g", "h", "h", "h", "h",  "i", "i", "i", "i",
    "i", "i", "i",  "i",  "i", "i", "ij", "ij", "j", "j", "k", "k", "k", "l",  "l", "l", "l", "l",
    "l", "l", "l",  "l",  "l", "n", "n",  "n",  "n", "n", "n", "n", "n", "n",  "o", "o", "o", "o",
    "o", "o", "oe", "oe", "r", "r", "r",  "r",  "r", "r", "s", "s", "s", "s",  "s", "s", "s", "s",
    "t", "t", "t",  "t",  "t", "t", "u",  "u",  "u", "u", "u", "u", "u", "u",  "u", "u", "u", "u",
    "w", "w", "y",  "y",  "y", "z", "z",  "z",  "z", "z", "z", "s"};
static const char *const cyrillic[] = {"a", "b",  "v",  "g",   "d", "e", "zh", "z", "i",  "y", "k",
                                       "l", "m",  "n",  "o",   "p", "r", "s",  "t", "u",  "f", "kh",
                                       "c", "ch", "sh", "shh", "",  "y", "",   "e", "yu", "ya"};
_Static_assert(sizeof latin / sizeof *latin == 0x180 - 0xc0, "a letter for each");
_Static_assert(sizeof cyrillic / sizeof *cyrillic == 32, "a letter for each");

/* NULL: no letter that is known. */
static const char *plain_letters(uint32_t code)
{
    if (code >= 0xc0 && code < 0x180)
        return latin[code - 0xc0];
    return code >= 0x410 && code < 0x450 ? cyrillic[(code - 0x410) % 32] : NULL;
}

static int call_attribute_group_code(const struct map_handler *h, struct map_call *c,
                                     struct ds_error *err)
{
    struct slice name = value_text(handler_column(h, c, 0));
    uint8_t hash[EVP_MAX_MD_SIZE];
    unsigned hash_len;
    char *out = arena_alloc(c->arena, 2 * name.len + 2 * sizeof hash + 1); /* of 2 bytes up to 3 */
    size_t len = 0;
    if (!out)
        return handler_no_memory(err);
    for (size_t i = 0; i < name.len; i++) {
        uint8_t byte = name.p[i];
        bool two = byte >= 0xc2 && byte < 0xe0 && i + 1 < name.len;
        const char *letters =
            two ? plain_letters((uint32_t)(byte & 0x1f) << 6 | (name.p[i + 1] & 0x3f)) : NULL;
        if (letters) {
            while (*letters)
                out[len++] = *letters++;
            i++;
        } else if (byte < 0x80 && isalnum(byte)) {
            out[len++] = (char)tolower(byte);
        } else if (len && out[len - 1] != '-') {
            out[len++] = '-';
        }
    }
    len -= len && out[len - 1] == '-';
    if (len == 0) { /* of the name, so that two groups without such letters differ */
        if (!EVP_Digest(name.p, name.len, hash, &hash_len, EVP_md5(), NULL))
            return error_set(err, DS_EUNSUPPORTED, "OpenSSL has no MD5 here");
        for (unsigned i = 0; i < hash_len; i++)
            len += (size_t)snprintf(out + len, 3, "%02x", hash[i]);
    }
    handler_set(c, (struct slice){(uint8_t *)out, len});
    return 0;
}

const struct map_class handlers_of_lookups[] = {
    {.name = "BundleParentProduct",
     .required = "parentField documentWithProductId fieldWithProductId",
     .columns = "$parentField",
     .looks_up = {"$documentWithProductId", "$fieldWithProductId", "$parentField"},
     .call = call_bundle_parent},
    {.name = "ProductAlertStoreId", .columns = "website_id", .call = call_alert_store},
    {.name = "QuoteMultiAddressStoreId",
     .columns = "quote_item_id",
     .looks_up = {"sales_flat_quote_item", "store_id", "item_id"},
     .call = call_quote_store},
    {.name = "Gallery\\SetEntityId",
     .columns = "value_id",
     .looks_up = {"catalog_product_entity_media_gallery", "entity_id", "value_id"},
     .call = call_gallery_entity},
    {.name = "SetDefaultWebsiteId", .call = call_default_website},
    {.name = "StoreGroupCode",
     .columns = "group_id name",
     .open = open_group_code,
     .call = call_group_code},
    {.name = "EavAttributeGroup\\SetGroupCode",
     .columns = "attribute_group_name",
     .call = call_attribute_group_code},
    {0},
};
