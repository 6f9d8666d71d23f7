/* Handlers of attributes and their values, and of settings. */
#include <string.h>

#include "applier/map/handler.h"

/* --- TruncateSuffix, CleanMultiselect --------------------------------------------------------- */

struct codes {
    struct slice *items;
    size_t count;
};

static int open_truncate(struct map_handler *h, struct ds_error *err)
{
    struct codes *codes = handler_state(h, sizeof *codes, err);
    return codes ? handler_list(h, handler_param(h, "attributeCodes"), ',', &codes->items,
                                &codes->count, err)
                 : DS_ENOMEM;
}

static bool ends_with(struct slice text, struct slice end)
{
    return end.len && text.len >= end.len &&
           memcmp(text.p + text.len - end.len, end.p, end.len) == 0;
}

static int call_truncate(const struct map_handler *h, struct map_call *c, struct ds_error *err)
{
    const struct codes *codes = h->state;
    struct map_attribute attribute;
    struct map_value suffix = {0};
    bool found, among = false;
    int rc = handler_attribute(c, handler_column(h, c, 0), &attribute, &found, err);
    if (rc || !found || value_is_null(handler_value(c)) ||
        strcmp(attribute.entity_type, handler_param(h, "entityTypeCode")) != 0)
        return rc;
    for (size_t i = 0; i < codes->count; i++)
        among |= text_is(codes->items[i], attribute.code);
    if (!among)
        return 0;
    found = false;
    if (c->facts->setting)
        rc = c->facts->setting(c->facts->arg, handler_param(h, "suffixPath"), &suffix, c->arena,
                               &found, err);
    if (rc)
        return rc;
    struct slice text = handler_value(c)->text,
                 end = found ? value_text(&suffix) : slice_of(".html");
    if (!ends_with(text, end))
        return 0;
    text.len -= end.len;
    /* shops that write the suffix without its point mean one */
    if (*end.p != '.' && ends_with(text, slice_of(".")))
        text.len--;
    handler_set(c, text);
    return 0;
}

static int call_clean(const struct map_handler *h, struct map_call *c, struct ds_error *err)
{
    struct map_attribute attribute;
    struct slice text = value_text(handler_value(c));
    bool found;
    int rc = handler_attribute(c, handler_column(h, c, 0), &attribute, &found, err);
    if (rc || !found || text.len == 0 || !attribute.frontend_input ||
        strcmp(attribute.entity_type, "catalog_product") != 0 ||
        strcmp(attribute.frontend_input, "multiselect") != 0)
        return rc;
    uint8_t *to = arena_alloc(c->arena, text.len);
    size_t len = 0;
    if (!to)
        return handler_no_memory(err);
    for (size_t i = 0; i < text.len; i++) {
        bool comma = text.p[i] == ',';
        if (!comma || (len && to[len - 1] != ','))
            to[len++] = text.p[i];
    }
    handler_set(c, (struct slice){to, len - (len && to[len - 1] == ',')});
    return 0;
}

/* --- EavAttribute\… --------------------------------------------------------------------------- */

/* Of an attribute that the destination does not have it is NULL. */
static int call_apply_to(const struct map_handler *h, struct map_call *c, struct ds_error *err)
{
    const struct map_value *there = handler_opposite(c);
    (void)h, (void)err;
    if (there && !value_is_null(there))
        handler_set(c, there->text);
    else
        handler_set_null(c);
    return 0;
}

static int call_backend_type(const struct map_handler *h, struct map_call *c, struct ds_error *err)
{
    struct map_attribute attribute;
    bool found;
    int rc = handler_attribute(c, handler_column(h, c, 0), &attribute, &found, err);
    if (rc == 0 && found && attribute.frontend_input &&
        strcmp(attribute.entity_type, "catalog_product") == 0 &&
        strcmp(attribute.frontend_input, "multiselect") == 0)
        handler_set(c, slice_of("varchar"));
    return rc;
}

/* --- settings --------------------------------------------------------------------------------- */

static int call_root_category(const struct map_handler *h, struct map_call *c, struct ds_error *err)
{
    (void)h, (void)err;
    if (text_is(value_text(handler_value(c)), "2"))
        handler_set_null(c);
    return 0;
}

static int call_url_suffix(const struct map_handler *h, struct map_call *c, struct ds_error *err)
{
    struct slice text = value_text(handler_value(c));
    (void)h;
    if (text.len == 0 || *text.p == '.')
        return 0;
    return handler_set_joined(c, (const struct slice[]){slice_of("."), text}, 2, err);
}

static int call_template(const struct map_handler *h, struct map_call *c, struct ds_error *err)
{
    const struct map_value *there = handler_opposite(c);
    struct slice text = value_text(handler_value(c));
    size_t digits = 0;
    (void)h, (void)err;
    while (digits < text.len && text.p[digits] >= '0' && text.p[digits] <= '9')
        digits++;
    if ((digits == 0 || digits < text.len) && there && value_text(there).len)
        handler_set(c, there->text);
    return 0;
}

/* --- VisualMerchandiser\… --------------------------------------------------------------------- */

static int call_merchandiser(const struct map_handler *h, struct map_call *c, struct ds_error *err)
{
    static const char sku[] = "SKU";
    struct slice text = value_text(handler_value(c));
    (void)h;
    for (size_t i = 0, start = 0; i <= text.len; i++)
        if (i == text.len || text.p[i] == ',') {
            if (i - start == 3 && strncasecmp((const char *)text.p + start, sku, 3) == 0)
                return 0; /* also as the first */
            start = i + 1;
        }
    /* an empty list becomes "SKU", without a comma */
    struct slice parts[] = {text, slice_of(text.len ? "," : ""), slice_of(sku)};
    return handler_set_joined(c, parts, 3, err);
}

static int call_insert_mode(const struct map_handler *h, struct map_call *c, struct ds_error *err)
{
    struct slice text = value_text(handler_value(c));
    (void)h, (void)err;
    if (text_is(text, "1") || text_is(text, "2"))
        handler_set(c, slice_of(*text.p == '1' ? "0" : "1"));
    return 0;
}

/* --- what other columns say --------------------------------------------------------------------
 */

static int call_visible(const struct map_handler *h, struct map_call *c, struct ds_error *err)
{
    struct slice status = value_text(handler_column(h, c, 0)),
                 state = value_text(handler_column(h, c, 1));
    bool hidden = text_is(state, "pending_payment") ||
                  (text_is(status, "processed_ogone") && text_is(state, "processing"));
    (void)err;
    handler_set(c, slice_of(hidden ? "0" : "1"));
    return 0;
}

/* Without a start it has begun, without an end it does not end. */
static int call_event_status(const struct map_handler *h, struct map_call *c, struct ds_error *err)
{
    char now[TIME_TEXT_SIZE];
    const struct map_value *start = handler_column(h, c, 0), *end = handler_column(h, c, 1);
    if (!handler_print_time(c->facts->now, now))
        return handler_refuse(h, err, "the clock is wrong");
    struct slice from = value_text(start), to = value_text(end);
    const char *status = "0";
    if (to.len && memcmp(to.p, now, to.len < sizeof now - 1 ? to.len : sizeof now - 1) <= 0)
        status = "2";
    else if (from.len &&
             memcmp(from.p, now, from.len < sizeof now - 1 ? from.len : sizeof now - 1) > 0)
        status = "1";
    handler_set(c, slice_of(status));
    return 0;
}

const struct map_class handlers_of_attributes[] = {
    {.name = "TruncateSuffix",
     .required = "suffixPath attributeCodes entityTypeCode",
     .columns = "attribute_id",
     .open = open_truncate,
     .call = call_truncate},
    {.name = "CleanMultiselect", .columns = "attribute_id", .call = call_clean},
    {.name = "EavAttribute\\ApplyTo", .call = call_apply_to},
    {.name = "EavAttribute\\BackendTypeForMultiselect",
     .columns = "attribute_id",
     .call = call_backend_type},
    {.name = "Settings\\CategoryRootId", .call = call_root_category},
    {.name = "Settings\\UrlSuffix", .call = call_url_suffix},
    {.name = "Settings\\Template", .call = call_template},
    {.name = "VisualMerchandiser\\Attribute", .call = call_merchandiser},
    {.name = "VisualMerchandiser\\InsertMode", .call = call_insert_mode},
    /* as older files name them */
    {.name = "Settings\\VisualMerchandiserAttribute", .call = call_merchandiser},
    {.name = "Settings\\VisualMerchandiserInsertMode", .call = call_insert_mode},
    {.name = "SalesOrderStatusState\\SetVisibleOnFront",
     .columns = "status state",
     .call = call_visible},
    {.name = "GetEventStatus", .columns = "date_start date_end", .call = call_event_status},
    {0},
};
