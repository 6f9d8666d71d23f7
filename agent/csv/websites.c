/* Websites: the same e-mail address may be another customer in each. */
#include "agent/csv/kinds.h"

/* The answer to a question that has one for each of its `key`, asked once. */
static struct slice ask_once(struct shop *s, const char *what, struct slice key, const char *sql)
{
    struct slice value, name = shop_format(s, "%s\n%.*s", what, (int)key.len, (const char *)key.p);
    bool found;
    if (!shop_recall(s, name, &value)) {
        value = shop_ask(s, &found, "%s", sql);
        shop_remember(s, name, value);
    }
    return value;
}

struct slice website_store(struct shop *s, struct slice website)
{
    struct slice store = ask_once(
        s, "store of website", website,
        (const char *)shop_format(
            s,
            "SELECT x.code FROM %s x JOIN %s w USING (website_id) LEFT JOIN %s g ON g.group_id = "
            "w.default_group_id WHERE w.code = %s ORDER BY x.store_id <> g.default_store_id, "
            "x.sort_order, x.store_id LIMIT 1",
            shop_table_name(s, "core_store"), shop_table_name(s, "core_website"),
            shop_table_name(s, "core_store_group"), shop_quote(s, website))
            .p);
    return store.len ? shop_refer(s, NAME_STORE, store, "store_id")
                     : shop_refer_default(s, NAME_STORE, NULL);
}

/* Of the store x, its group g and its website w. */
static struct slice ask_of_store(struct shop *s, struct slice store, const char *sql)
{
    return ask_once(s, sql, store,
                    (const char *)shop_format(
                        s,
                        "SELECT %s FROM %s x JOIN %s g USING (group_id) JOIN %s w ON "
                        "w.website_id = x.website_id WHERE x.code = %s AND x.store_id > 0",
                        sql, shop_table_name(s, "core_store"),
                        shop_table_name(s, "core_store_group"), shop_table_name(s, "core_website"),
                        shop_quote(s, store))
                        .p);
}

struct slice store_full_name(struct shop *s, struct slice store)
{
    return ask_of_store(s, store, "LEFT(CONCAT_WS('\\n', w.name, g.name, x.name), 255)");
}

static struct slice website_of(struct shop *s, struct slice store)
{
    struct slice website = ask_of_store(s, store, "w.code");
    if (!website.len)
        shop_refer_default(s, NAME_WEBSITE, &website);
    return website;
}

static bool accounts_are_shared(struct shop *s)
{
    struct slice scope =
        ask_once(s, "customer accounts", slice_of(""),
                 (const char *)shop_format(s,
                                           "SELECT value FROM %s WHERE path = "
                                           "'customer/account_share/scope' AND scope = 'default'",
                                           shop_table_name(s, "core_config_data"))
                     .p);
    return slice_is(scope, "0");
}

bool customer_by_email(struct shop *s, struct slice email, struct slice store, struct slice *id)
{
    bool found = false;
    if (shop_refer_customer(s, email, website_of(s, store), id))
        return true;
    if (!accounts_are_shared(s))
        return false;
    struct slice website = shop_ask(s, &found,
                                    "SELECT w.code FROM %s c JOIN %s w USING (website_id) WHERE "
                                    "c.email = %s ORDER BY c.entity_id LIMIT 1",
                                    shop_table_name(s, "customer_entity"),
                                    shop_table_name(s, "core_website"), shop_quote(s, email));
    return found && shop_refer_customer(s, email, website, id);
}
