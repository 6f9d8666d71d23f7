/* Columns of a file that are attributes. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "agent/csv/kinds.h"
#include "schema/log.h"

/* --- cells -------------------------------------------------------------------------------------
 */

bool has_column(const struct csv_import *in, const char *column)
{
    return records_column_find(in->file, column) != UINT32_MAX;
}

bool cell(const struct csv_import *in, const char *column, struct slice *out)
{
    uint32_t i = records_column_find(in->file, column);
    *out = i == UINT32_MAX ? slice_of("") : in->record->fields[i];
    return i != UINT32_MAX;
}

bool cell_filled(const struct csv_import *in, const char *column, struct slice *out)
{
    cell(in, column, out);
    *out = slice_trim(*out);
    return out->len > 0;
}

static bool is_word(struct slice v, const char *const *words)
{
    for (; *words; words++)
        if (slice_is(v, *words))
            return true;
    return false;
}

bool is_yes(struct slice v)
{
    static const char *const no[] = {"0", "n", "no", "false", "off", NULL};
    return v.len > 0 && !is_word(v, no);
}

void column_unknown(const struct csv_import *in, const char *column)
{
    log_warn("column is left out: it is nothing that the entity has at the destination file=%s "
             "column=%s entity=%s",
             records_path(in->file), column, in->kind->entity);
}

void key_unknown(struct csv_import *in, const char *column, const char *key)
{
    if (shop_once(in->shop, shop_format(in->shop, "unknown key\n%s\n%s", column, key)))
        log_warn("key is left out: it is nothing that the entity has at the destination file=%s "
                 "column=%s key=%s entity=%s",
                 records_path(in->file), column, key, in->kind->entity);
}

void nested_keys_check(struct csv_import *in, const struct nested *list, const char *column,
                       const char *const *known)
{
    for (uint32_t i = 0; i < list->count; i++)
        for (uint32_t k = 0; k < list->items[i].count; k++) {
            struct slice name = list->items[i].values[k].name;
            if (!is_word(name, known))
                key_unknown(
                    in, column,
                    (const char *)shop_format(in->shop, "%.*s", (int)name.len, (const char *)name.p)
                        .p);
        }
}

/* --- which --------------------------------------------------------------------------------------
 */

void eav_open(struct eav *e, struct csv_import *in, const char *type, const char *table,
              bool (*other)(const char *column))
{
    uint32_t count = records_column_count(in->file);
    *e = (struct eav){.type = type, .table = table};
    e->columns = calloc(count + 1, sizeof *e->columns);
    if (!e->columns)
        shop_no_memory(in->shop);
    for (uint32_t i = 0; e->columns && i < count; i++) {
        const char *name = records_column(in->file, i);
        const struct shop_attribute *a = shop_attribute(in->shop, type, slice_of(name));
        bool value = a && !slice_is(a->backend, "static");
        if (!*name || other(name))
            continue;
        if (value || shop_has_column(in->shop, table, name))
            e->columns[e->count++] = (struct eav_column){i, name, value ? a : NULL};
        else
            column_unknown(in, name);
    }
}

void eav_close(struct eav *e)
{
    free(e->columns);
    e->columns = NULL;
}

void eav_set_root(const struct eav *e, struct csv_import *in, struct shop_row *root)
{
    for (uint32_t i = 0; i < e->count; i++)
        if (!e->columns[i].attribute)
            row_set(root, e->columns[i].name, in->record->fields[e->columns[i].index],
                    e->columns[i].name);
}

/* --- values -------------------------------------------------------------------------------------
 */

/* Values that stand for something by their number, and in the words of the shop's own pages. */
struct choice {
    const char *word, *number;
};
static const struct {
    const char *source;
    const struct choice *choices; /* until one without a word */
} choices_of[] = {
    {"catalog/product_status",
     (const struct choice[]){{"enabled", "1"}, {"disabled", "2"}, {NULL, NULL}}},
    {"catalog/product_visibility", (const struct choice[]){{"not visible individually", "1"},
                                                           {"catalog", "2"},
                                                           {"search", "3"},
                                                           {"catalog, search", "4"},
                                                           {"both", "4"},
                                                           {NULL, NULL}}},
};

static struct slice pick(struct shop *s, const struct choice *choices, struct slice v,
                         const char *what)
{
    struct slice all = slice_of("");
    int64_t n;
    bool number = shop_whole_number(v, &n);
    for (const struct choice *c = choices; c->word; c++) {
        if (slice_is(v, c->word) || (number && n == *c->number - '0'))
            return slice_of(c->number);
        all = shop_format(s, "%.*s%s%s (%s)", (int)all.len, (const char *)all.p,
                          all.len ? "; " : "", c->number, c->word);
    }
    shop_invalid(s, "%s: '%.*s' is none of %.*s", what, (int)v.len, (const char *)v.p, (int)all.len,
                 (const char *)all.p);
    return v;
}

static struct slice number_of(struct shop *s, const struct shop_attribute *a, struct slice v,
                              const char *what)
{
    for (size_t i = 0; i < sizeof choices_of / sizeof *choices_of; i++)
        if (slice_is(a->source, choices_of[i].source))
            return pick(s, choices_of[i].choices, slice_trim(v), what);
    return v;
}

static bool is_of_groups(const struct shop_attribute *a)
{
    return slice_is(a->source, "customer/customer_attribute_source_group");
}

/* Of options, or of customer groups. */
static struct slice id_list(struct shop *s, const struct shop_attribute *a, struct slice v,
                            const char *what)
{
    static const char *const names[] = {"label", NULL};
    const struct nested list = nested_read(s, v, names, what);
    struct slice ids = slice_of(""), label;
    for (uint32_t i = 0; i < list.count; i++) {
        if (!nested_get(&list.items[i], &label, "label", "value", NULL) || !slice_trim(label).len)
            continue;
        struct slice id = is_of_groups(a)
                              ? shop_refer(s, NAME_CUSTOMER_GROUP, slice_trim(label), what)
                              : shop_refer_option(s, a, label);
        if (memchr(id.p, ',', id.len))
            shop_invalid(s, "'%.*s': labels of several choices may have no comma", (int)label.len,
                         (const char *)label.p);
        ids = shop_format(s, "%.*s%s%.*s", (int)ids.len, (const char *)ids.p, ids.len ? "," : "",
                          (int)id.len, (const char *)id.p);
    }
    return ids;
}

/* The shop has 1 and 2 for its first two options of this one. */
static struct slice gender_label(struct shop *s, const struct shop_attribute *a, struct slice v)
{
    struct slice label;
    if (!slice_is(a->code, "gender") || v.len != 1 || !isdigit(*v.p))
        return v;
    if (*v.p == '0')
        return slice_of("");
    if (shop_option_label(s, a, (unsigned)(*v.p - '0'), &label))
        return label;
    shop_invalid(s, "gender: '%c' is none of 0, 1, 2", *v.p);
    return v;
}

static void set_option(struct shop *s, struct shop_row *r, const struct shop_attribute *a,
                       struct slice v)
{
    if (slice_is(a->input, "multiselect")) {
        row_set(r, "value", id_list(s, a, v, "options"), "options");
        return;
    }
    v = gender_label(s, a, v);
    if (v.len)
        row_id(r, "value", shop_refer_option(s, a, v));
    else
        row_set(r, "value", v, "value");
}

/* Are its values ids of rows elsewhere? */
static bool is_id(const struct shop_attribute *a)
{
    static const char *const codes[] = {"default_billing", "default_shipping", "region_id", NULL};
    for (size_t i = 0; codes[i]; i++)
        if (slice_is(a->code, codes[i]))
            return true;
    return slice_is(a->source, "catalog/category_attribute_source_page");
}

static bool is_general(struct slice store)
{
    return !store.len || slice_is(store, "0");
}

/* An empty value is a row with NULL, but not where the column takes none, nor at a store view,
 * where it means the general value. */
static bool is_kept_empty(const struct shop_row *r, struct slice store)
{
    return row_may_be_null(r, "value") && is_general(store);
}

/* What an entity has to have, or gets when it is new and the cell is empty, cannot be emptied. */
static bool stays(const struct shop_attribute *a, struct slice value, struct slice store)
{
    static const char *const codes[] = {"url_key", "options_container", "is_anchor",
                                        "display_mode"};
    bool any = a->required;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        any |= slice_is(a->code, codes[i]);
    return any && !slice_trim(value).len && is_general(store);
}

/* Is it the name of a file in the media folder? */
static bool is_image(const struct eav *e, const struct shop_attribute *a, enum image_kind *kind)
{
    bool product = strcmp(e->type, "catalog_product") == 0;
    *kind = product ? IMAGE_PRODUCT : IMAGE_CATEGORY;
    return product ? slice_is(a->input, "media_image")
                   : strcmp(e->type, "catalog_category") == 0 && slice_is(a->input, "image");
}

static void put_value(struct csv_import *in, const struct eav *e, const struct shop_attribute *a,
                      struct slice id, struct slice store, struct slice value, const char *what)
{
    struct shop *s = in->shop;
    struct slice trimmed = slice_trim(value);
    enum image_kind kind;
    struct slice attribute = shop_refer_attribute(s, a);
    struct shop_row r = shop_row(
        s, (const char *)shop_format(s, "%s_%.*s", e->table, (int)a->backend.len, a->backend.p).p);
    row_id(&r, "entity_type_id", shop_refer_type(s, e->type));
    row_id(&r, "attribute_id", attribute);
    if (store.len)
        row_id(&r, "store_id", store);
    row_id(&r, "entity_id", id);
    if (!trimmed.len && !is_kept_empty(&r, store)) {
        if (in->o->config->on_duplicate != DUPLICATE_MERGE)
            row_delete(&r);
        return;
    }
    if (!trimmed.len)
        row_set(&r, "value", slice_of(""), what);
    else if (a->options)
        set_option(s, &r, a, trimmed);
    else if (is_of_groups(a) && slice_is(a->backend, "int"))
        row_id(&r, "value", shop_refer(s, NAME_CUSTOMER_GROUP, trimmed, what));
    else if (is_of_groups(a))
        row_set(&r, "value", id_list(s, a, trimmed, what), what);
    else if (slice_is(a->code, "tax_class_id") || slice_is(a->source, "tax/class_source_product"))
        row_id(&r, "value",
               slice_is(trimmed, "0") || slice_is(trimmed, "none")
                   ? slice_of("0")
                   : shop_refer(s, NAME_PRODUCT_TAX_CLASS, trimmed, what));
    else if (is_id(a))
        row_id(&r, "value", trimmed);
    else if (is_image(e, a, &kind))
        row_set(&r, "value", shop_image_place(s, kind, trimmed, what), what);
    else
        row_set(&r, "value", number_of(s, a, value, what), what);
    row_put(&r);
}

void eav_put_values(const struct eav *e, struct csv_import *in, struct slice id, struct slice store)
{
    for (uint32_t i = 0; i < e->count; i++)
        if (e->columns[i].attribute &&
            !stays(e->columns[i].attribute, in->record->fields[e->columns[i].index], store))
            put_value(in, e, e->columns[i].attribute, id, store,
                      in->record->fields[e->columns[i].index], e->columns[i].name);
}

void eav_put(struct csv_import *in, const char *type, const char *table, const char *code,
             struct slice id, struct slice store, struct slice value, const char *what)
{
    const struct eav e = {.type = type, .table = table};
    const struct shop_attribute *a = shop_attribute(in->shop, type, slice_of(code));
    if (a && !slice_is(a->backend, "static"))
        put_value(in, &e, a, id, store, value, what);
}

/* Letters of Latin-1 and Latin Extended-A, from U+00C0 on, as the shop writes them in addresses. */
static const char *const letters[] = {
    "a", "a", "a", "a", "a", "a", "ae", "c", "e", "e", "e", "e", "i", "i", "i",  "i",
    "d", "n", "o", "o", "o", "o", "o",  "x", "o", "u", "u", "u", "u", "y", "th", "ss",
    "a", "a", "a", "a", "a", "a", "ae", "c", "e", "e", "e", "e", "i", "i", "i",  "i",
    "d", "n", "o", "o", "o", "o", "o",  "",  "o", "u", "u", "u", "u", "y", "th", "y"};
static const char extended[] =
    "aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiiijjjjkkklllllllllln"
    "nnnnnnnnoooooooorrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs";

/* What the character at the text's beginning is written with; *len: its bytes. */
static struct slice plain_letter(struct slice text, size_t *len)
{
    unsigned c = *text.p;
    *len = 1;
    if (c < 0x80)
        return (struct slice){text.p, isalnum(c) ? 1 : 0};
    if ((c & 0xe0) != 0xc0 || text.len < 2)
        return slice_of("");
    *len = 2;
    c = (c & 0x1f) << 6 | (text.p[1] & 0x3f);
    if (c >= 0xc0 && c < 0x100)
        return slice_of(letters[c - 0xc0]);
    return c >= 0x100 && c < 0x180 ? (struct slice){(const uint8_t *)extended + c - 0x100, 1}
                                   : slice_of("");
}

struct slice url_key_of(struct shop *s, struct slice name)
{
    char key[200];
    size_t n = 0, len;
    for (; name.len && n + 2 < sizeof key; name.p += len, name.len -= len) {
        struct slice letter = plain_letter(name, &len);
        for (size_t i = 0; i < letter.len; i++)
            key[n++] = (char)tolower(letter.p[i]);
        if (!letter.len && n && key[n - 1] != '-')
            key[n++] = '-';
    }
    while (n && key[n - 1] == '-')
        n--;
    return shop_format(s, "%.*s", (int)n, key);
}
