"""The quickstart's first data: stores, attributes, categories, products, customers and pages of the shop."""
from shop import ATTRIBUTES, COLORS, THINGS, TYPES, Shop, now

CATEGORIES, PRODUCTS, CUSTOMERS = 24, 400, 80


def stores(shop):
    # the "admin" website, store and customer group have number 0
    shop.run("SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO'")
    for number, code in enumerate(["admin", "base"]):
        shop.insert("core_website", website_id=number, code=code, name=code.title(), default_group_id=number)
        shop.insert("core_store_group", group_id=number, website_id=number, name=code.title(), root_category_id=number)
    for number, (code, website) in enumerate([("admin", 0), ("en", 1), ("de", 1)]):
        shop.insert("core_store", store_id=number, code=code, website_id=website, group_id=website, name=code,
                    is_active=1)
    for number, code in enumerate(["NOT LOGGED IN", "General", "Wholesale"]):
        shop.insert("customer_group", customer_group_id=number, customer_group_code=code, tax_class_id=3)
    shop.run("SET SESSION sql_mode = ''")
    for path, value in [("general/locale/code", "en_US"), ("currency/options/base", "EUR"),
                        ("web/unsecure/base_url", "http://shop.example/")]:
        shop.insert("core_config_data", path=path, value=value)


def attributes(shop):
    for code, number in TYPES.items():
        shop.insert("eav_entity_type", entity_type_id=number, entity_type_code=code, entity_model=code,
                    default_attribute_set_id=number)
        shop.insert("eav_attribute_set", attribute_set_id=number, entity_type_id=number, attribute_set_name="Default")
        group = shop.insert("eav_attribute_group", attribute_set_id=number, attribute_group_name="General")
        for backend, codes in ATTRIBUTES.get(code, {}).items():
            for attribute in codes:
                aid = shop.insert("eav_attribute", entity_type_id=number, attribute_code=attribute,
                                  backend_type=backend, frontend_label=attribute.replace("_", " ").title())
                shop.insert("eav_entity_attribute", entity_type_id=number, attribute_set_id=number,
                            attribute_group_id=group, attribute_id=aid)
                if code.startswith("catalog"):
                    shop.insert("catalog_eav_attribute", attribute_id=aid)
        if number >= TYPES["order"]:
            shop.insert("eav_entity_store", entity_type_id=number, store_id=1, increment_prefix="1",
                        increment_last_id="100000000")
    color, _ = shop.attribute("catalog_product", "color")
    for position, name in enumerate(COLORS):
        option = shop.insert("eav_attribute_option", attribute_id=color, sort_order=position)
        shop.insert("eav_attribute_option_value", option_id=option, store_id=0, value=name)


def categories(shop):
    paths = {}
    for number in range(1, CATEGORIES + 1):
        # 1 root, 2 the store's root, 3 to 8 main categories, the others below those
        parent = 0 if number == 1 else 1 if number == 2 else 2 if number <= 8 else 3 + number % 6
        paths[number] = f"{paths[parent]}/{number}" if parent else "1"
        shop.insert("catalog_category_entity", entity_id=number, entity_type_id=3, attribute_set_id=3,
                    parent_id=parent, path=paths[number], position=number, level=paths[number].count("/"),
                    created_at=now(), updated_at=now(), children_count=0)
        shop.run("UPDATE catalog_category_entity SET children_count = children_count + 1 WHERE entity_id = %s", parent)
        shop.set_values("catalog_category", number, {"name": f"Category {number}", "is_active": 1, "is_anchor": 1,
                                                     "url_key": f"category-{number}"})


def products(shop):
    colors = [row["option_id"] for row in shop.rows("SELECT option_id FROM eav_attribute_option")]
    gallery, _ = shop.attribute("catalog_product", "media_gallery")
    for number in range(1, PRODUCTS + 1):
        name = f"{THINGS[number % len(THINGS)]} No. {number}"
        price = shop.rng.randint(500, 60000) / 100
        shop.insert("catalog_product_entity", entity_id=number, entity_type_id=4, attribute_set_id=4,
                    type_id="simple", sku=f"sku-{number:05d}", created_at=now(), updated_at=now())
        shop.set_values("catalog_product", number, {
            "name": name, "url_key": f"product-{number}", "image": f"/p/r/product-{number}.jpg", "price": price,
            "special_price": None, "cost": round(price / 2, 2), "weight": 1, "status": 1, "visibility": 4,
            "tax_class_id": 2, "color": colors[number % len(colors)], "description": f"{name}, für jeden Raum.",
            "short_description": name})
        image = shop.insert("catalog_product_entity_media_gallery", attribute_id=gallery, entity_id=number,
                            value=f"/p/r/product-{number}.jpg")
        shop.insert("catalog_product_entity_media_gallery_value", value_id=image, store_id=0, position=1)
        shop.insert("catalog_product_website", product_id=number, website_id=1)
        shop.insert("catalog_category_product", category_id=3 + number % (CATEGORIES - 2), product_id=number,
                    position=number)
        shop.insert("cataloginventory_stock_item", product_id=number, stock_id=1, qty=shop.rng.randint(20, 500),
                    is_in_stock=1)
        shop.insert("cataloginventory_stock_status", product_id=number, website_id=1, stock_id=1, qty=100,
                    stock_status=1)
        shop.insert("core_url_rewrite", store_id=1, id_path=f"product/{number}", request_path=f"product-{number}.html",
                    target_path=f"catalog/product/view/id/{number}", is_system=1, product_id=number)
        if number > 10 and number % 5 == 0:
            shop.insert("catalog_product_link", product_id=number, linked_product_id=number - 7, link_type_id=1)
            shop.insert("catalog_product_entity_tier_price", entity_id=number, all_groups=1, qty=10,
                        value=round(price * 0.9, 2), website_id=0)
        shop.insert("catalogsearch_fulltext", product_id=number, store_id=1, data_index=name)
    shop.db.commit()
    shop.reindex(1, PRODUCTS)


def seed(socket):
    """Fill the empty shop at `socket`."""
    shop = Shop(socket, 1)
    stores(shop)
    attributes(shop)
    shop.insert("cataloginventory_stock", stock_id=1, stock_name="Default")
    shop.insert("catalog_product_link_type", link_type_id=1, code="relation")
    categories(shop)
    products(shop)
    for number in range(CUSTOMERS):
        shop.register()
    for number, name in enumerate(["Home", "About us", "Delivery", "Returns"], 1):
        shop.insert("cms_page", page_id=number, title=name, identifier=name.lower().replace(" ", "-"),
                    content=f"<h1>{name}</h1>", creation_time=now(), update_time=now())
        shop.insert("cms_page_store", page_id=number, store_id=0)
        shop.insert("cms_block", block_id=number, title=name, identifier=f"block-{number}", content=f"<p>{name}</p>")
        shop.insert("cms_block_store", block_id=number, store_id=0)
    shop.db.commit()
    for _ in range(20):
        shop.checkout()
    shop.close()
