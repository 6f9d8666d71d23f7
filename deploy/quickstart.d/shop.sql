-- The quickstart's shop: the core tables of an OpenMage / Magento 1 shop with their real names, columns, keys,
-- foreign keys and engines. It is loaded into an empty database; its data is invented by shop.py.
--
-- sql_mode is empty because the shop's own connections set it so: its TIMESTAMP columns default to zero dates.

SET SESSION sql_mode = '';

-- Websites and stores

CREATE TABLE core_website (
    website_id SMALLINT UNSIGNED NOT NULL AUTO_INCREMENT, code VARCHAR(32), name VARCHAR(64),
    sort_order SMALLINT UNSIGNED NOT NULL DEFAULT 0, default_group_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    is_default SMALLINT UNSIGNED DEFAULT 0,
    PRIMARY KEY (website_id), UNIQUE (code), KEY (sort_order), KEY (default_group_id)
);

CREATE TABLE core_store_group (
    group_id SMALLINT UNSIGNED NOT NULL AUTO_INCREMENT, website_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    name VARCHAR(255) NOT NULL, root_category_id INT UNSIGNED NOT NULL DEFAULT 0,
    default_store_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    PRIMARY KEY (group_id), KEY (website_id), KEY (default_store_id),
    FOREIGN KEY (website_id) REFERENCES core_website (website_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE core_store (
    store_id SMALLINT UNSIGNED NOT NULL AUTO_INCREMENT, code VARCHAR(32),
    website_id SMALLINT UNSIGNED NOT NULL DEFAULT 0, group_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    name VARCHAR(255) NOT NULL, sort_order SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    is_active SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    PRIMARY KEY (store_id), UNIQUE (code), KEY (website_id), KEY (is_active,sort_order), KEY (group_id),
    FOREIGN KEY (group_id) REFERENCES core_store_group (group_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (website_id) REFERENCES core_website (website_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE core_config_data (
    config_id INT UNSIGNED NOT NULL AUTO_INCREMENT, scope VARCHAR(8) NOT NULL DEFAULT 'default',
    scope_id INT NOT NULL DEFAULT 0, path VARCHAR(255) NOT NULL DEFAULT 'general', value TEXT,
    updated_at TIMESTAMP NULL,
    PRIMARY KEY (config_id), UNIQUE (scope,scope_id,path)
);

-- EAV: types, attribute sets, attributes, options

CREATE TABLE eav_entity_type (
    entity_type_id SMALLINT UNSIGNED NOT NULL AUTO_INCREMENT, entity_type_code VARCHAR(50) NOT NULL,
    entity_model VARCHAR(255) NOT NULL, attribute_model VARCHAR(255), entity_table VARCHAR(255),
    value_table_prefix VARCHAR(255), entity_id_field VARCHAR(255),
    is_data_sharing SMALLINT UNSIGNED NOT NULL DEFAULT 1, data_sharing_key VARCHAR(100) DEFAULT 'default',
    default_attribute_set_id SMALLINT UNSIGNED NOT NULL DEFAULT 0, increment_model VARCHAR(255) DEFAULT '',
    increment_per_store SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    increment_pad_length SMALLINT UNSIGNED NOT NULL DEFAULT 8, increment_pad_char VARCHAR(1) NOT NULL DEFAULT '0',
    additional_attribute_table VARCHAR(255) DEFAULT '', entity_attribute_collection VARCHAR(255),
    PRIMARY KEY (entity_type_id), KEY (entity_type_code)
);

CREATE TABLE eav_attribute_set (
    attribute_set_id SMALLINT UNSIGNED NOT NULL AUTO_INCREMENT, entity_type_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    attribute_set_name VARCHAR(255), sort_order SMALLINT NOT NULL DEFAULT 0,
    PRIMARY KEY (attribute_set_id), UNIQUE (entity_type_id,attribute_set_name), KEY (entity_type_id,sort_order),
    FOREIGN KEY (entity_type_id) REFERENCES eav_entity_type (entity_type_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE eav_attribute_group (
    attribute_group_id SMALLINT UNSIGNED NOT NULL AUTO_INCREMENT,
    attribute_set_id SMALLINT UNSIGNED NOT NULL DEFAULT 0, attribute_group_name VARCHAR(255),
    sort_order SMALLINT NOT NULL DEFAULT 0, default_id SMALLINT UNSIGNED DEFAULT 0,
    PRIMARY KEY (attribute_group_id), UNIQUE (attribute_set_id,attribute_group_name),
    KEY (attribute_set_id,sort_order),
    FOREIGN KEY (attribute_set_id) REFERENCES eav_attribute_set (attribute_set_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE eav_attribute (
    attribute_id SMALLINT UNSIGNED NOT NULL AUTO_INCREMENT, entity_type_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    attribute_code VARCHAR(255), attribute_model VARCHAR(255), backend_model VARCHAR(255),
    backend_type VARCHAR(8) NOT NULL DEFAULT 'static', backend_table VARCHAR(255), frontend_model VARCHAR(255),
    frontend_input VARCHAR(50), frontend_label VARCHAR(255), frontend_class VARCHAR(255), source_model VARCHAR(255),
    is_required SMALLINT UNSIGNED NOT NULL DEFAULT 0, is_user_defined SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    default_value TEXT, is_unique SMALLINT UNSIGNED NOT NULL DEFAULT 0, note VARCHAR(255),
    PRIMARY KEY (attribute_id), UNIQUE (entity_type_id,attribute_code), KEY (entity_type_id),
    FOREIGN KEY (entity_type_id) REFERENCES eav_entity_type (entity_type_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE eav_entity_attribute (
    entity_attribute_id INT UNSIGNED NOT NULL AUTO_INCREMENT, entity_type_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    attribute_set_id SMALLINT UNSIGNED NOT NULL DEFAULT 0, attribute_group_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    attribute_id SMALLINT UNSIGNED NOT NULL DEFAULT 0, sort_order SMALLINT NOT NULL DEFAULT 0,
    PRIMARY KEY (entity_attribute_id), UNIQUE (attribute_set_id,attribute_id),
    UNIQUE (attribute_group_id,attribute_id), KEY (attribute_set_id,sort_order), KEY (attribute_id),
    FOREIGN KEY (attribute_id) REFERENCES eav_attribute (attribute_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (attribute_group_id) REFERENCES eav_attribute_group (attribute_group_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE eav_attribute_label (
    attribute_label_id INT UNSIGNED NOT NULL AUTO_INCREMENT, attribute_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    store_id SMALLINT UNSIGNED NOT NULL DEFAULT 0, value VARCHAR(255),
    PRIMARY KEY (attribute_label_id), KEY (attribute_id), KEY (store_id), KEY (attribute_id,store_id),
    FOREIGN KEY (attribute_id) REFERENCES eav_attribute (attribute_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (store_id) REFERENCES core_store (store_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE eav_attribute_option (
    option_id INT UNSIGNED NOT NULL AUTO_INCREMENT, attribute_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    sort_order SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    PRIMARY KEY (option_id), KEY (attribute_id),
    FOREIGN KEY (attribute_id) REFERENCES eav_attribute (attribute_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE eav_attribute_option_value (
    value_id INT UNSIGNED NOT NULL AUTO_INCREMENT, option_id INT UNSIGNED NOT NULL DEFAULT 0,
    store_id SMALLINT UNSIGNED NOT NULL DEFAULT 0, value VARCHAR(255),
    PRIMARY KEY (value_id), KEY (option_id), KEY (store_id),
    FOREIGN KEY (store_id) REFERENCES core_store (store_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (option_id) REFERENCES eav_attribute_option (option_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE eav_entity_store (
    entity_store_id INT UNSIGNED NOT NULL AUTO_INCREMENT, entity_type_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    store_id SMALLINT UNSIGNED NOT NULL DEFAULT 0, increment_prefix VARCHAR(20), increment_last_id VARCHAR(50),
    PRIMARY KEY (entity_store_id), KEY (entity_type_id), KEY (store_id),
    FOREIGN KEY (store_id) REFERENCES core_store (store_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (entity_type_id) REFERENCES eav_entity_type (entity_type_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE catalog_eav_attribute (
    attribute_id SMALLINT UNSIGNED NOT NULL, frontend_input_renderer VARCHAR(255),
    is_global SMALLINT UNSIGNED NOT NULL DEFAULT 1, is_visible SMALLINT UNSIGNED NOT NULL DEFAULT 1,
    is_searchable SMALLINT UNSIGNED NOT NULL DEFAULT 0, is_filterable SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    is_comparable SMALLINT UNSIGNED NOT NULL DEFAULT 0, is_visible_on_front SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    is_html_allowed_on_front SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    is_used_for_price_rules SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    is_filterable_in_search SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    used_in_product_listing SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    used_for_sort_by SMALLINT UNSIGNED NOT NULL DEFAULT 0, is_configurable SMALLINT UNSIGNED NOT NULL DEFAULT 1,
    apply_to VARCHAR(255), is_visible_in_advanced_search SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    position INT NOT NULL DEFAULT 0, is_wysiwyg_enabled SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    is_used_for_promo_rules SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    PRIMARY KEY (attribute_id), KEY (used_for_sort_by), KEY (used_in_product_listing),
    FOREIGN KEY (attribute_id) REFERENCES eav_attribute (attribute_id) ON DELETE CASCADE ON UPDATE CASCADE
);

-- Customers

CREATE TABLE customer_group (
    customer_group_id SMALLINT UNSIGNED NOT NULL AUTO_INCREMENT, customer_group_code VARCHAR(32) NOT NULL,
    tax_class_id INT UNSIGNED NOT NULL DEFAULT 0,
    PRIMARY KEY (customer_group_id)
);

CREATE TABLE customer_entity (
    entity_id INT UNSIGNED NOT NULL AUTO_INCREMENT, entity_type_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    attribute_set_id SMALLINT UNSIGNED NOT NULL DEFAULT 0, website_id SMALLINT UNSIGNED, email VARCHAR(255),
    group_id SMALLINT UNSIGNED NOT NULL DEFAULT 0, increment_id VARCHAR(50), store_id SMALLINT UNSIGNED DEFAULT 0,
    created_at TIMESTAMP NOT NULL DEFAULT 0, updated_at TIMESTAMP NOT NULL DEFAULT 0,
    is_active SMALLINT UNSIGNED NOT NULL DEFAULT 1, disable_auto_group_change SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    PRIMARY KEY (entity_id), UNIQUE (email,website_id), KEY (store_id), KEY (entity_type_id), KEY (email,website_id),
    KEY (website_id),
    FOREIGN KEY (store_id) REFERENCES core_store (store_id) ON DELETE SET NULL ON UPDATE CASCADE,
    FOREIGN KEY (website_id) REFERENCES core_website (website_id) ON DELETE SET NULL ON UPDATE CASCADE
);

CREATE TABLE customer_entity_datetime (
    value_id INT NOT NULL AUTO_INCREMENT, entity_type_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    attribute_id SMALLINT UNSIGNED NOT NULL DEFAULT 0, entity_id INT UNSIGNED NOT NULL DEFAULT 0,
    value DATETIME NOT NULL DEFAULT 0,
    PRIMARY KEY (value_id), UNIQUE (entity_id,attribute_id), KEY (entity_type_id), KEY (attribute_id),
    KEY (entity_id), KEY (entity_id,attribute_id,value),
    FOREIGN KEY (attribute_id) REFERENCES eav_attribute (attribute_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (entity_type_id) REFERENCES eav_entity_type (entity_type_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (entity_id) REFERENCES customer_entity (entity_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE customer_entity_decimal (
    value_id INT NOT NULL AUTO_INCREMENT, entity_type_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    attribute_id SMALLINT UNSIGNED NOT NULL DEFAULT 0, entity_id INT UNSIGNED NOT NULL DEFAULT 0,
    value DECIMAL(12,4) NOT NULL DEFAULT 0,
    PRIMARY KEY (value_id), UNIQUE (entity_id,attribute_id), KEY (entity_type_id), KEY (attribute_id),
    KEY (entity_id), KEY (entity_id,attribute_id,value),
    FOREIGN KEY (attribute_id) REFERENCES eav_attribute (attribute_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (entity_type_id) REFERENCES eav_entity_type (entity_type_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (entity_id) REFERENCES customer_entity (entity_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE customer_entity_int (
    value_id INT NOT NULL AUTO_INCREMENT, entity_type_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    attribute_id SMALLINT UNSIGNED NOT NULL DEFAULT 0, entity_id INT UNSIGNED NOT NULL DEFAULT 0,
    value INT NOT NULL DEFAULT 0,
    PRIMARY KEY (value_id), UNIQUE (entity_id,attribute_id), KEY (entity_type_id), KEY (attribute_id),
    KEY (entity_id), KEY (entity_id,attribute_id,value),
    FOREIGN KEY (entity_type_id) REFERENCES eav_entity_type (entity_type_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (attribute_id) REFERENCES eav_attribute (attribute_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (entity_id) REFERENCES customer_entity (entity_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE customer_entity_text (
    value_id INT NOT NULL AUTO_INCREMENT, entity_type_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    attribute_id SMALLINT UNSIGNED NOT NULL DEFAULT 0, entity_id INT UNSIGNED NOT NULL DEFAULT 0, value TEXT NOT NULL,
    PRIMARY KEY (value_id), UNIQUE (entity_id,attribute_id), KEY (entity_type_id), KEY (attribute_id),
    KEY (entity_id),
    FOREIGN KEY (entity_type_id) REFERENCES eav_entity_type (entity_type_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (attribute_id) REFERENCES eav_attribute (attribute_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (entity_id) REFERENCES customer_entity (entity_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE customer_entity_varchar (
    value_id INT NOT NULL AUTO_INCREMENT, entity_type_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    attribute_id SMALLINT UNSIGNED NOT NULL DEFAULT 0, entity_id INT UNSIGNED NOT NULL DEFAULT 0, value VARCHAR(255),
    PRIMARY KEY (value_id), UNIQUE (entity_id,attribute_id), KEY (entity_type_id), KEY (attribute_id),
    KEY (entity_id), KEY (entity_id,attribute_id,value),
    FOREIGN KEY (attribute_id) REFERENCES eav_attribute (attribute_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (entity_type_id) REFERENCES eav_entity_type (entity_type_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (entity_id) REFERENCES customer_entity (entity_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE customer_address_entity (
    entity_id INT UNSIGNED NOT NULL AUTO_INCREMENT, entity_type_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    attribute_set_id SMALLINT UNSIGNED NOT NULL DEFAULT 0, increment_id VARCHAR(50), parent_id INT UNSIGNED,
    created_at TIMESTAMP NOT NULL DEFAULT 0, updated_at TIMESTAMP NOT NULL DEFAULT 0,
    is_active SMALLINT UNSIGNED NOT NULL DEFAULT 1,
    PRIMARY KEY (entity_id), KEY (parent_id),
    FOREIGN KEY (parent_id) REFERENCES customer_entity (entity_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE customer_address_entity_datetime (
    value_id INT NOT NULL AUTO_INCREMENT, entity_type_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    attribute_id SMALLINT UNSIGNED NOT NULL DEFAULT 0, entity_id INT UNSIGNED NOT NULL DEFAULT 0,
    value DATETIME NOT NULL DEFAULT 0,
    PRIMARY KEY (value_id), UNIQUE (entity_id,attribute_id), KEY (entity_type_id), KEY (attribute_id),
    KEY (entity_id), KEY (entity_id,attribute_id,value),
    FOREIGN KEY (attribute_id) REFERENCES eav_attribute (attribute_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (entity_id) REFERENCES customer_address_entity (entity_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (entity_type_id) REFERENCES eav_entity_type (entity_type_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE customer_address_entity_decimal (
    value_id INT NOT NULL AUTO_INCREMENT, entity_type_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    attribute_id SMALLINT UNSIGNED NOT NULL DEFAULT 0, entity_id INT UNSIGNED NOT NULL DEFAULT 0,
    value DECIMAL(12,4) NOT NULL DEFAULT 0,
    PRIMARY KEY (value_id), UNIQUE (entity_id,attribute_id), KEY (entity_type_id), KEY (attribute_id),
    KEY (entity_id), KEY (entity_id,attribute_id,value),
    FOREIGN KEY (attribute_id) REFERENCES eav_attribute (attribute_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (entity_id) REFERENCES customer_address_entity (entity_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (entity_type_id) REFERENCES eav_entity_type (entity_type_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE customer_address_entity_int (
    value_id INT NOT NULL AUTO_INCREMENT, entity_type_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    attribute_id SMALLINT UNSIGNED NOT NULL DEFAULT 0, entity_id INT UNSIGNED NOT NULL DEFAULT 0,
    value INT NOT NULL DEFAULT 0,
    PRIMARY KEY (value_id), UNIQUE (entity_id,attribute_id), KEY (entity_type_id), KEY (attribute_id),
    KEY (entity_id), KEY (entity_id,attribute_id,value),
    FOREIGN KEY (attribute_id) REFERENCES eav_attribute (attribute_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (entity_id) REFERENCES customer_address_entity (entity_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (entity_type_id) REFERENCES eav_entity_type (entity_type_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE customer_address_entity_text (
    value_id INT NOT NULL AUTO_INCREMENT, entity_type_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    attribute_id SMALLINT UNSIGNED NOT NULL DEFAULT 0, entity_id INT UNSIGNED NOT NULL DEFAULT 0, value TEXT NOT NULL,
    PRIMARY KEY (value_id), UNIQUE (entity_id,attribute_id), KEY (entity_type_id), KEY (attribute_id),
    KEY (entity_id),
    FOREIGN KEY (attribute_id) REFERENCES eav_attribute (attribute_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (entity_id) REFERENCES customer_address_entity (entity_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (entity_type_id) REFERENCES eav_entity_type (entity_type_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE customer_address_entity_varchar (
    value_id INT NOT NULL AUTO_INCREMENT, entity_type_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    attribute_id SMALLINT UNSIGNED NOT NULL DEFAULT 0, entity_id INT UNSIGNED NOT NULL DEFAULT 0, value VARCHAR(255),
    PRIMARY KEY (value_id), UNIQUE (entity_id,attribute_id), KEY (entity_type_id), KEY (attribute_id),
    KEY (entity_id), KEY (entity_id,attribute_id,value),
    FOREIGN KEY (attribute_id) REFERENCES eav_attribute (attribute_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (entity_id) REFERENCES customer_address_entity (entity_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (entity_type_id) REFERENCES eav_entity_type (entity_type_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE newsletter_subscriber (
    subscriber_id INT UNSIGNED NOT NULL AUTO_INCREMENT, store_id SMALLINT UNSIGNED DEFAULT 0,
    change_status_at TIMESTAMP NULL, customer_id INT UNSIGNED NOT NULL DEFAULT 0, subscriber_email VARCHAR(150),
    subscriber_status INT NOT NULL DEFAULT 0, subscriber_confirm_code VARCHAR(32) DEFAULT 'NULL',
    PRIMARY KEY (subscriber_id), KEY (customer_id), KEY (store_id),
    FOREIGN KEY (store_id) REFERENCES core_store (store_id) ON DELETE SET NULL ON UPDATE CASCADE
);

-- Categories

CREATE TABLE catalog_category_entity (
    entity_id INT UNSIGNED NOT NULL AUTO_INCREMENT, entity_type_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    attribute_set_id SMALLINT UNSIGNED NOT NULL DEFAULT 0, parent_id INT UNSIGNED NOT NULL DEFAULT 0,
    created_at TIMESTAMP NULL, updated_at TIMESTAMP NULL, path VARCHAR(255) NOT NULL, position INT NOT NULL,
    level INT NOT NULL DEFAULT 0, children_count INT NOT NULL,
    PRIMARY KEY (entity_id), KEY (level), KEY (path,entity_id)
);

CREATE TABLE catalog_category_entity_datetime (
    value_id INT NOT NULL AUTO_INCREMENT, entity_type_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    attribute_id SMALLINT UNSIGNED NOT NULL DEFAULT 0, store_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    entity_id INT UNSIGNED NOT NULL DEFAULT 0, value DATETIME,
    PRIMARY KEY (value_id), UNIQUE (entity_type_id,entity_id,attribute_id,store_id), KEY (entity_id),
    KEY (attribute_id), KEY (store_id),
    FOREIGN KEY (store_id) REFERENCES core_store (store_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (attribute_id) REFERENCES eav_attribute (attribute_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (entity_id) REFERENCES catalog_category_entity (entity_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE catalog_category_entity_decimal (
    value_id INT NOT NULL AUTO_INCREMENT, entity_type_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    attribute_id SMALLINT UNSIGNED NOT NULL DEFAULT 0, store_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    entity_id INT UNSIGNED NOT NULL DEFAULT 0, value DECIMAL(12,4),
    PRIMARY KEY (value_id), UNIQUE (entity_type_id,entity_id,attribute_id,store_id), KEY (entity_id),
    KEY (attribute_id), KEY (store_id),
    FOREIGN KEY (store_id) REFERENCES core_store (store_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (attribute_id) REFERENCES eav_attribute (attribute_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (entity_id) REFERENCES catalog_category_entity (entity_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE catalog_category_entity_int (
    value_id INT NOT NULL AUTO_INCREMENT, entity_type_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    attribute_id SMALLINT UNSIGNED NOT NULL DEFAULT 0, store_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    entity_id INT UNSIGNED NOT NULL DEFAULT 0, value INT,
    PRIMARY KEY (value_id), UNIQUE (entity_type_id,entity_id,attribute_id,store_id), KEY (entity_id),
    KEY (attribute_id), KEY (store_id),
    FOREIGN KEY (store_id) REFERENCES core_store (store_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (attribute_id) REFERENCES eav_attribute (attribute_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (entity_id) REFERENCES catalog_category_entity (entity_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE catalog_category_entity_text (
    value_id INT NOT NULL AUTO_INCREMENT, entity_type_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    attribute_id SMALLINT UNSIGNED NOT NULL DEFAULT 0, store_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    entity_id INT UNSIGNED NOT NULL DEFAULT 0, value TEXT,
    PRIMARY KEY (value_id), UNIQUE (entity_type_id,entity_id,attribute_id,store_id), KEY (entity_id),
    KEY (attribute_id), KEY (store_id),
    FOREIGN KEY (store_id) REFERENCES core_store (store_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (attribute_id) REFERENCES eav_attribute (attribute_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (entity_id) REFERENCES catalog_category_entity (entity_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE catalog_category_entity_varchar (
    value_id INT NOT NULL AUTO_INCREMENT, entity_type_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    attribute_id SMALLINT UNSIGNED NOT NULL DEFAULT 0, store_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    entity_id INT UNSIGNED NOT NULL DEFAULT 0, value VARCHAR(255),
    PRIMARY KEY (value_id), UNIQUE (entity_type_id,entity_id,attribute_id,store_id), KEY (entity_id),
    KEY (attribute_id), KEY (store_id),
    FOREIGN KEY (store_id) REFERENCES core_store (store_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (attribute_id) REFERENCES eav_attribute (attribute_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (entity_id) REFERENCES catalog_category_entity (entity_id) ON DELETE CASCADE ON UPDATE CASCADE
);

-- Products

CREATE TABLE catalog_product_entity (
    entity_id INT UNSIGNED NOT NULL AUTO_INCREMENT, entity_type_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    attribute_set_id SMALLINT UNSIGNED NOT NULL DEFAULT 0, type_id VARCHAR(32) NOT NULL DEFAULT 'simple',
    sku VARCHAR(64), has_options SMALLINT NOT NULL DEFAULT 0, required_options SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    created_at TIMESTAMP NULL, updated_at TIMESTAMP NULL,
    PRIMARY KEY (entity_id), KEY (entity_type_id), KEY (attribute_set_id), KEY (sku),
    FOREIGN KEY (attribute_set_id) REFERENCES eav_attribute_set (attribute_set_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (entity_type_id) REFERENCES eav_entity_type (entity_type_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE catalog_product_entity_datetime (
    value_id INT NOT NULL AUTO_INCREMENT, entity_type_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    attribute_id SMALLINT UNSIGNED NOT NULL DEFAULT 0, store_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    entity_id INT UNSIGNED NOT NULL DEFAULT 0, value DATETIME,
    PRIMARY KEY (value_id), UNIQUE (entity_id,attribute_id,store_id), KEY (attribute_id), KEY (store_id),
    KEY (entity_id),
    FOREIGN KEY (store_id) REFERENCES core_store (store_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (attribute_id) REFERENCES eav_attribute (attribute_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (entity_id) REFERENCES catalog_product_entity (entity_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE catalog_product_entity_decimal (
    value_id INT NOT NULL AUTO_INCREMENT, entity_type_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    attribute_id SMALLINT UNSIGNED NOT NULL DEFAULT 0, store_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    entity_id INT UNSIGNED NOT NULL DEFAULT 0, value DECIMAL(12,4),
    PRIMARY KEY (value_id), UNIQUE (entity_id,attribute_id,store_id), KEY (store_id), KEY (entity_id),
    KEY (attribute_id),
    FOREIGN KEY (store_id) REFERENCES core_store (store_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (attribute_id) REFERENCES eav_attribute (attribute_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (entity_id) REFERENCES catalog_product_entity (entity_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE catalog_product_entity_int (
    value_id INT NOT NULL AUTO_INCREMENT, entity_type_id INT UNSIGNED NOT NULL DEFAULT 0,
    attribute_id SMALLINT UNSIGNED NOT NULL DEFAULT 0, store_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    entity_id INT UNSIGNED NOT NULL DEFAULT 0, value INT,
    PRIMARY KEY (value_id), UNIQUE (entity_id,attribute_id,store_id), KEY (attribute_id), KEY (store_id),
    KEY (entity_id),
    FOREIGN KEY (store_id) REFERENCES core_store (store_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (attribute_id) REFERENCES eav_attribute (attribute_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (entity_id) REFERENCES catalog_product_entity (entity_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE catalog_product_entity_text (
    value_id INT NOT NULL AUTO_INCREMENT, entity_type_id INT UNSIGNED NOT NULL DEFAULT 0,
    attribute_id SMALLINT UNSIGNED NOT NULL DEFAULT 0, store_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    entity_id INT UNSIGNED NOT NULL DEFAULT 0, value TEXT,
    PRIMARY KEY (value_id), UNIQUE (entity_id,attribute_id,store_id), KEY (attribute_id), KEY (store_id),
    KEY (entity_id),
    FOREIGN KEY (store_id) REFERENCES core_store (store_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (attribute_id) REFERENCES eav_attribute (attribute_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (entity_id) REFERENCES catalog_product_entity (entity_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE catalog_product_entity_varchar (
    value_id INT NOT NULL AUTO_INCREMENT, entity_type_id INT UNSIGNED NOT NULL DEFAULT 0,
    attribute_id SMALLINT UNSIGNED NOT NULL DEFAULT 0, store_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    entity_id INT UNSIGNED NOT NULL DEFAULT 0, value VARCHAR(255),
    PRIMARY KEY (value_id), UNIQUE (entity_id,attribute_id,store_id), KEY (attribute_id), KEY (store_id),
    KEY (entity_id),
    FOREIGN KEY (store_id) REFERENCES core_store (store_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (attribute_id) REFERENCES eav_attribute (attribute_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (entity_id) REFERENCES catalog_product_entity (entity_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE catalog_product_entity_tier_price (
    value_id INT NOT NULL AUTO_INCREMENT, entity_id INT UNSIGNED NOT NULL DEFAULT 0,
    all_groups SMALLINT UNSIGNED NOT NULL DEFAULT 1, customer_group_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    qty DECIMAL(12,4) NOT NULL DEFAULT 1.0000, value DECIMAL(12,4) NOT NULL DEFAULT 0,
    website_id SMALLINT UNSIGNED NOT NULL,
    PRIMARY KEY (value_id), UNIQUE (entity_id,all_groups,customer_group_id,qty,website_id), KEY (entity_id),
    KEY (customer_group_id), KEY (website_id),
    FOREIGN KEY (customer_group_id) REFERENCES customer_group (customer_group_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (entity_id) REFERENCES catalog_product_entity (entity_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (website_id) REFERENCES core_website (website_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE catalog_product_entity_media_gallery (
    value_id INT UNSIGNED NOT NULL AUTO_INCREMENT, attribute_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    entity_id INT UNSIGNED NOT NULL DEFAULT 0, value VARCHAR(255),
    PRIMARY KEY (value_id), KEY (attribute_id), KEY (entity_id),
    FOREIGN KEY (attribute_id) REFERENCES eav_attribute (attribute_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (entity_id) REFERENCES catalog_product_entity (entity_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE catalog_product_entity_media_gallery_value (
    value_id INT UNSIGNED NOT NULL DEFAULT 0, store_id SMALLINT UNSIGNED NOT NULL DEFAULT 0, label VARCHAR(255),
    position INT UNSIGNED, disabled SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    PRIMARY KEY (value_id,store_id), KEY (store_id),
    FOREIGN KEY (store_id) REFERENCES core_store (store_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (value_id) REFERENCES catalog_product_entity_media_gallery (value_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE catalog_product_website (
    product_id INT UNSIGNED NOT NULL, website_id SMALLINT UNSIGNED NOT NULL,
    PRIMARY KEY (product_id,website_id), KEY (website_id),
    FOREIGN KEY (website_id) REFERENCES core_website (website_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (product_id) REFERENCES catalog_product_entity (entity_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE catalog_category_product (
    category_id INT UNSIGNED NOT NULL DEFAULT 0, product_id INT UNSIGNED NOT NULL DEFAULT 0,
    position INT NOT NULL DEFAULT 0,
    PRIMARY KEY (category_id,product_id), KEY (product_id),
    FOREIGN KEY (category_id) REFERENCES catalog_category_entity (entity_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (product_id) REFERENCES catalog_product_entity (entity_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE catalog_product_link_type (
    link_type_id SMALLINT UNSIGNED NOT NULL AUTO_INCREMENT, code VARCHAR(32),
    PRIMARY KEY (link_type_id)
);

CREATE TABLE catalog_product_link (
    link_id INT UNSIGNED NOT NULL AUTO_INCREMENT, product_id INT UNSIGNED NOT NULL DEFAULT 0,
    linked_product_id INT UNSIGNED NOT NULL DEFAULT 0, link_type_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    PRIMARY KEY (link_id), UNIQUE (link_type_id,product_id,linked_product_id), KEY (product_id),
    KEY (linked_product_id), KEY (link_type_id),
    FOREIGN KEY (linked_product_id) REFERENCES catalog_product_entity (entity_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (link_type_id) REFERENCES catalog_product_link_type (link_type_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (product_id) REFERENCES catalog_product_entity (entity_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE core_url_rewrite (
    url_rewrite_id INT UNSIGNED NOT NULL AUTO_INCREMENT, store_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    id_path VARCHAR(255), request_path VARCHAR(255), target_path VARCHAR(255), is_system SMALLINT UNSIGNED DEFAULT 1,
    options VARCHAR(255), description VARCHAR(255), category_id INT UNSIGNED, product_id INT UNSIGNED,
    PRIMARY KEY (url_rewrite_id), UNIQUE (request_path,store_id), UNIQUE (id_path,is_system,store_id),
    KEY (target_path,store_id), KEY (id_path), KEY (store_id), KEY (category_id), KEY (product_id),
    FOREIGN KEY (category_id) REFERENCES catalog_category_entity (entity_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (product_id) REFERENCES catalog_product_entity (entity_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (store_id) REFERENCES core_store (store_id) ON DELETE CASCADE ON UPDATE CASCADE
);

-- Stock

CREATE TABLE cataloginventory_stock (
    stock_id SMALLINT UNSIGNED NOT NULL AUTO_INCREMENT, stock_name VARCHAR(255),
    PRIMARY KEY (stock_id)
);

CREATE TABLE cataloginventory_stock_item (
    item_id INT UNSIGNED NOT NULL AUTO_INCREMENT, product_id INT UNSIGNED NOT NULL DEFAULT 0,
    stock_id SMALLINT UNSIGNED NOT NULL DEFAULT 0, qty DECIMAL(12,4) NOT NULL DEFAULT 0,
    min_qty DECIMAL(12,4) NOT NULL DEFAULT 0, use_config_min_qty SMALLINT UNSIGNED NOT NULL DEFAULT 1,
    is_qty_decimal SMALLINT UNSIGNED NOT NULL DEFAULT 0, backorders SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    use_config_backorders SMALLINT UNSIGNED NOT NULL DEFAULT 1, min_sale_qty DECIMAL(12,4) NOT NULL DEFAULT 1.0000,
    use_config_min_sale_qty SMALLINT UNSIGNED NOT NULL DEFAULT 1, max_sale_qty DECIMAL(12,4) NOT NULL DEFAULT 0,
    use_config_max_sale_qty SMALLINT UNSIGNED NOT NULL DEFAULT 1, is_in_stock SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    low_stock_date TIMESTAMP NULL, notify_stock_qty DECIMAL(12,4),
    use_config_notify_stock_qty SMALLINT UNSIGNED NOT NULL DEFAULT 1,
    manage_stock SMALLINT UNSIGNED NOT NULL DEFAULT 0, use_config_manage_stock SMALLINT UNSIGNED NOT NULL DEFAULT 1,
    stock_status_changed_auto SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    use_config_qty_increments SMALLINT UNSIGNED NOT NULL DEFAULT 1, qty_increments DECIMAL(12,4) NOT NULL DEFAULT 0,
    use_config_enable_qty_inc SMALLINT UNSIGNED NOT NULL DEFAULT 1,
    enable_qty_increments SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    is_decimal_divided SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    PRIMARY KEY (item_id), UNIQUE (product_id,stock_id), KEY (product_id), KEY (stock_id),
    FOREIGN KEY (product_id) REFERENCES catalog_product_entity (entity_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (stock_id) REFERENCES cataloginventory_stock (stock_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE cataloginventory_stock_status (
    product_id INT UNSIGNED NOT NULL, website_id SMALLINT UNSIGNED NOT NULL, stock_id SMALLINT UNSIGNED NOT NULL,
    qty DECIMAL(12,4) NOT NULL DEFAULT 0, stock_status SMALLINT UNSIGNED NOT NULL,
    PRIMARY KEY (product_id,website_id,stock_id), KEY (stock_id), KEY (website_id),
    FOREIGN KEY (product_id) REFERENCES catalog_product_entity (entity_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (stock_id) REFERENCES cataloginventory_stock (stock_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (website_id) REFERENCES core_website (website_id) ON DELETE CASCADE ON UPDATE CASCADE
);

-- Index tables: InnoDB, MEMORY and MyISAM, as in a real shop

CREATE TABLE catalog_product_index_price (
    entity_id INT UNSIGNED NOT NULL, customer_group_id SMALLINT UNSIGNED NOT NULL,
    website_id SMALLINT UNSIGNED NOT NULL, tax_class_id SMALLINT UNSIGNED DEFAULT 0, price DECIMAL(12,4),
    final_price DECIMAL(12,4), min_price DECIMAL(12,4), max_price DECIMAL(12,4), tier_price DECIMAL(12,4),
    group_price DECIMAL(12,4),
    PRIMARY KEY (entity_id,customer_group_id,website_id), KEY (customer_group_id), KEY (website_id), KEY (min_price),
    KEY (website_id,customer_group_id,min_price),
    FOREIGN KEY (customer_group_id) REFERENCES customer_group (customer_group_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (entity_id) REFERENCES catalog_product_entity (entity_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (website_id) REFERENCES core_website (website_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE catalog_product_index_price_tmp (
    entity_id INT UNSIGNED NOT NULL, customer_group_id SMALLINT UNSIGNED NOT NULL,
    website_id SMALLINT UNSIGNED NOT NULL, tax_class_id SMALLINT UNSIGNED DEFAULT 0, price DECIMAL(12,4),
    final_price DECIMAL(12,4), min_price DECIMAL(12,4), max_price DECIMAL(12,4), tier_price DECIMAL(12,4),
    group_price DECIMAL(12,4),
    PRIMARY KEY (entity_id,customer_group_id,website_id), KEY (customer_group_id), KEY (website_id), KEY (min_price)
) ENGINE=MEMORY;

CREATE TABLE catalogsearch_fulltext (
    fulltext_id INT UNSIGNED NOT NULL AUTO_INCREMENT, product_id INT UNSIGNED NOT NULL,
    store_id SMALLINT UNSIGNED NOT NULL, data_index LONGTEXT,
    PRIMARY KEY (fulltext_id), UNIQUE (product_id,store_id),
    FULLTEXT KEY FTI_CATALOGSEARCH_FULLTEXT_DATA_INDEX (data_index)
) ENGINE=MyISAM;

-- Carts

CREATE TABLE sales_flat_quote (
    entity_id INT UNSIGNED NOT NULL AUTO_INCREMENT, store_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    created_at TIMESTAMP NOT NULL DEFAULT 0, updated_at TIMESTAMP NOT NULL DEFAULT 0, converted_at TIMESTAMP NULL,
    is_active SMALLINT UNSIGNED DEFAULT 1, is_virtual SMALLINT UNSIGNED DEFAULT 0,
    is_multi_shipping SMALLINT UNSIGNED DEFAULT 0, items_count INT UNSIGNED DEFAULT 0,
    items_qty DECIMAL(12,4) DEFAULT 0, orig_order_id INT UNSIGNED DEFAULT 0,
    store_to_base_rate DECIMAL(12,4) DEFAULT 0, store_to_quote_rate DECIMAL(12,4) DEFAULT 0,
    base_currency_code VARCHAR(255), store_currency_code VARCHAR(255), quote_currency_code VARCHAR(255),
    grand_total DECIMAL(12,4) DEFAULT 0, base_grand_total DECIMAL(12,4) DEFAULT 0, checkout_method VARCHAR(255),
    customer_id INT UNSIGNED DEFAULT 0, customer_tax_class_id INT UNSIGNED DEFAULT 0,
    customer_group_id INT UNSIGNED DEFAULT 0, customer_email VARCHAR(255), customer_prefix VARCHAR(40),
    customer_firstname VARCHAR(255), customer_middlename VARCHAR(40), customer_lastname VARCHAR(255),
    customer_suffix VARCHAR(40), customer_dob DATETIME, customer_note VARCHAR(255),
    customer_note_notify SMALLINT UNSIGNED DEFAULT 1, customer_is_guest SMALLINT UNSIGNED DEFAULT 0,
    remote_ip VARCHAR(255), applied_rule_ids VARCHAR(255), reserved_order_id VARCHAR(64), password_hash VARCHAR(255),
    coupon_code VARCHAR(255), global_currency_code VARCHAR(255), base_to_global_rate DECIMAL(12,4),
    base_to_quote_rate DECIMAL(12,4), customer_taxvat VARCHAR(255), customer_gender VARCHAR(255),
    subtotal DECIMAL(12,4), base_subtotal DECIMAL(12,4), subtotal_with_discount DECIMAL(12,4),
    base_subtotal_with_discount DECIMAL(12,4), is_changed INT UNSIGNED,
    trigger_recollect SMALLINT NOT NULL DEFAULT 0, ext_shipping_info TEXT, gift_message_id INT,
    is_persistent SMALLINT UNSIGNED DEFAULT 0,
    PRIMARY KEY (entity_id), KEY (customer_id,store_id,is_active), KEY (store_id),
    FOREIGN KEY (store_id) REFERENCES core_store (store_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE sales_flat_quote_address (
    address_id INT UNSIGNED NOT NULL AUTO_INCREMENT, quote_id INT UNSIGNED NOT NULL DEFAULT 0,
    created_at TIMESTAMP NOT NULL DEFAULT 0, updated_at TIMESTAMP NOT NULL DEFAULT 0, customer_id INT UNSIGNED,
    save_in_address_book SMALLINT DEFAULT 0, customer_address_id INT UNSIGNED, address_type VARCHAR(255),
    email VARCHAR(255), prefix VARCHAR(40), firstname VARCHAR(255), middlename VARCHAR(40), lastname VARCHAR(255),
    suffix VARCHAR(40), company VARCHAR(255), street VARCHAR(255), city VARCHAR(255), region VARCHAR(255),
    region_id INT UNSIGNED, postcode VARCHAR(255), country_id VARCHAR(255), telephone VARCHAR(255), fax VARCHAR(255),
    same_as_billing SMALLINT UNSIGNED NOT NULL DEFAULT 0, free_shipping SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    collect_shipping_rates SMALLINT UNSIGNED NOT NULL DEFAULT 0, shipping_method VARCHAR(255),
    shipping_description VARCHAR(255), weight DECIMAL(12,4) NOT NULL DEFAULT 0,
    subtotal DECIMAL(12,4) NOT NULL DEFAULT 0, base_subtotal DECIMAL(12,4) NOT NULL DEFAULT 0,
    subtotal_with_discount DECIMAL(12,4) NOT NULL DEFAULT 0,
    base_subtotal_with_discount DECIMAL(12,4) NOT NULL DEFAULT 0, tax_amount DECIMAL(12,4) NOT NULL DEFAULT 0,
    base_tax_amount DECIMAL(12,4) NOT NULL DEFAULT 0, shipping_amount DECIMAL(12,4) NOT NULL DEFAULT 0,
    base_shipping_amount DECIMAL(12,4) NOT NULL DEFAULT 0, shipping_tax_amount DECIMAL(12,4),
    base_shipping_tax_amount DECIMAL(12,4), discount_amount DECIMAL(12,4) NOT NULL DEFAULT 0,
    base_discount_amount DECIMAL(12,4) NOT NULL DEFAULT 0, grand_total DECIMAL(12,4) NOT NULL DEFAULT 0,
    base_grand_total DECIMAL(12,4) NOT NULL DEFAULT 0, customer_notes TEXT, applied_taxes TEXT,
    discount_description VARCHAR(255), shipping_discount_amount DECIMAL(12,4),
    base_shipping_discount_amount DECIMAL(12,4), subtotal_incl_tax DECIMAL(12,4),
    base_subtotal_total_incl_tax DECIMAL(12,4), hidden_tax_amount DECIMAL(12,4),
    base_hidden_tax_amount DECIMAL(12,4), shipping_hidden_tax_amount DECIMAL(12,4),
    base_shipping_hidden_tax_amnt DECIMAL(12,4), shipping_incl_tax DECIMAL(12,4),
    base_shipping_incl_tax DECIMAL(12,4), vat_id TEXT, vat_is_valid SMALLINT, vat_request_id TEXT,
    vat_request_date TEXT, vat_request_success SMALLINT, gift_message_id INT,
    PRIMARY KEY (address_id), KEY (quote_id),
    FOREIGN KEY (quote_id) REFERENCES sales_flat_quote (entity_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE sales_flat_quote_item (
    item_id INT UNSIGNED NOT NULL AUTO_INCREMENT, quote_id INT UNSIGNED NOT NULL DEFAULT 0,
    created_at TIMESTAMP NOT NULL DEFAULT 0, updated_at TIMESTAMP NOT NULL DEFAULT 0, product_id INT UNSIGNED,
    store_id SMALLINT UNSIGNED, parent_item_id INT UNSIGNED, is_virtual SMALLINT UNSIGNED, sku VARCHAR(255),
    name VARCHAR(255), description TEXT, applied_rule_ids TEXT, additional_data TEXT,
    free_shipping SMALLINT UNSIGNED NOT NULL DEFAULT 0, is_qty_decimal SMALLINT UNSIGNED,
    no_discount SMALLINT UNSIGNED DEFAULT 0, weight DECIMAL(12,4) DEFAULT 0, qty DECIMAL(12,4) NOT NULL DEFAULT 0,
    price DECIMAL(12,4) NOT NULL DEFAULT 0, base_price DECIMAL(12,4) NOT NULL DEFAULT 0, custom_price DECIMAL(12,4),
    discount_percent DECIMAL(12,4) DEFAULT 0, discount_amount DECIMAL(12,4) DEFAULT 0,
    base_discount_amount DECIMAL(12,4) DEFAULT 0, tax_percent DECIMAL(12,4) DEFAULT 0,
    tax_amount DECIMAL(12,4) DEFAULT 0, base_tax_amount DECIMAL(12,4) DEFAULT 0,
    row_total DECIMAL(12,4) NOT NULL DEFAULT 0, base_row_total DECIMAL(12,4) NOT NULL DEFAULT 0,
    row_total_with_discount DECIMAL(12,4) DEFAULT 0, row_weight DECIMAL(12,4) DEFAULT 0, product_type VARCHAR(255),
    base_tax_before_discount DECIMAL(12,4), tax_before_discount DECIMAL(12,4), original_custom_price DECIMAL(12,4),
    redirect_url VARCHAR(255), base_cost DECIMAL(12,4), price_incl_tax DECIMAL(12,4),
    base_price_incl_tax DECIMAL(12,4), row_total_incl_tax DECIMAL(12,4), base_row_total_incl_tax DECIMAL(12,4),
    hidden_tax_amount DECIMAL(12,4), base_hidden_tax_amount DECIMAL(12,4), gift_message_id INT,
    weee_tax_disposition DECIMAL(12,4), weee_tax_row_disposition DECIMAL(12,4),
    base_weee_tax_disposition DECIMAL(12,4), base_weee_tax_row_disposition DECIMAL(12,4), weee_tax_applied TEXT,
    weee_tax_applied_amount DECIMAL(12,4), weee_tax_applied_row_amount DECIMAL(12,4),
    base_weee_tax_applied_amount DECIMAL(12,4), base_weee_tax_applied_row_amnt DECIMAL(12,4),
    PRIMARY KEY (item_id), KEY (parent_item_id), KEY (product_id), KEY (quote_id), KEY (store_id),
    FOREIGN KEY (parent_item_id) REFERENCES sales_flat_quote_item (item_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (product_id) REFERENCES catalog_product_entity (entity_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (quote_id) REFERENCES sales_flat_quote (entity_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (store_id) REFERENCES core_store (store_id) ON DELETE SET NULL ON UPDATE CASCADE
);

CREATE TABLE sales_flat_quote_item_option (
    option_id INT UNSIGNED NOT NULL AUTO_INCREMENT, item_id INT UNSIGNED NOT NULL, product_id INT UNSIGNED NOT NULL,
    code VARCHAR(255) NOT NULL, value TEXT,
    PRIMARY KEY (option_id), KEY (item_id),
    FOREIGN KEY (item_id) REFERENCES sales_flat_quote_item (item_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE sales_flat_quote_payment (
    payment_id INT UNSIGNED NOT NULL AUTO_INCREMENT, quote_id INT UNSIGNED NOT NULL DEFAULT 0,
    created_at TIMESTAMP NOT NULL DEFAULT 0, updated_at TIMESTAMP NOT NULL DEFAULT 0, method VARCHAR(255),
    cc_type VARCHAR(255), cc_number_enc VARCHAR(255), cc_last4 VARCHAR(255), cc_cid_enc VARCHAR(255),
    cc_owner VARCHAR(255), cc_exp_month SMALLINT UNSIGNED DEFAULT 0, cc_exp_year SMALLINT UNSIGNED DEFAULT 0,
    cc_ss_owner VARCHAR(255), cc_ss_start_month SMALLINT UNSIGNED DEFAULT 0,
    cc_ss_start_year SMALLINT UNSIGNED DEFAULT 0, po_number VARCHAR(255), additional_data TEXT,
    cc_ss_issue VARCHAR(255), additional_information TEXT, paypal_payer_id VARCHAR(255),
    paypal_payer_status VARCHAR(255), paypal_correlation_id VARCHAR(255),
    PRIMARY KEY (payment_id), KEY (quote_id),
    FOREIGN KEY (quote_id) REFERENCES sales_flat_quote (entity_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE sales_flat_quote_shipping_rate (
    rate_id INT UNSIGNED NOT NULL AUTO_INCREMENT, address_id INT UNSIGNED NOT NULL DEFAULT 0,
    created_at TIMESTAMP NOT NULL DEFAULT 0, updated_at TIMESTAMP NOT NULL DEFAULT 0, carrier VARCHAR(255),
    carrier_title VARCHAR(255), code VARCHAR(255), method VARCHAR(255), method_description TEXT,
    price DECIMAL(12,4) NOT NULL DEFAULT 0, error_message TEXT, method_title TEXT,
    PRIMARY KEY (rate_id), KEY (address_id),
    FOREIGN KEY (address_id) REFERENCES sales_flat_quote_address (address_id) ON DELETE CASCADE ON UPDATE CASCADE
);

-- Orders

CREATE TABLE sales_flat_order (
    entity_id INT UNSIGNED NOT NULL AUTO_INCREMENT, state VARCHAR(32), status VARCHAR(32), coupon_code VARCHAR(255),
    protect_code VARCHAR(255), shipping_description VARCHAR(255), is_virtual SMALLINT UNSIGNED,
    store_id SMALLINT UNSIGNED, customer_id INT UNSIGNED, base_discount_amount DECIMAL(12,4),
    base_discount_canceled DECIMAL(12,4), base_discount_invoiced DECIMAL(12,4), base_discount_refunded DECIMAL(12,4),
    base_grand_total DECIMAL(12,4), base_shipping_amount DECIMAL(12,4), base_shipping_canceled DECIMAL(12,4),
    base_shipping_invoiced DECIMAL(12,4), base_shipping_refunded DECIMAL(12,4),
    base_shipping_tax_amount DECIMAL(12,4), base_shipping_tax_refunded DECIMAL(12,4), base_subtotal DECIMAL(12,4),
    base_subtotal_canceled DECIMAL(12,4), base_subtotal_invoiced DECIMAL(12,4), base_subtotal_refunded DECIMAL(12,4),
    base_tax_amount DECIMAL(12,4), base_tax_canceled DECIMAL(12,4), base_tax_invoiced DECIMAL(12,4),
    base_tax_refunded DECIMAL(12,4), base_to_global_rate DECIMAL(12,4), base_to_order_rate DECIMAL(12,4),
    base_total_canceled DECIMAL(12,4), base_total_invoiced DECIMAL(12,4), base_total_invoiced_cost DECIMAL(12,4),
    base_total_offline_refunded DECIMAL(12,4), base_total_online_refunded DECIMAL(12,4),
    base_total_paid DECIMAL(12,4), base_total_qty_ordered DECIMAL(12,4), base_total_refunded DECIMAL(12,4),
    discount_amount DECIMAL(12,4), discount_canceled DECIMAL(12,4), discount_invoiced DECIMAL(12,4),
    discount_refunded DECIMAL(12,4), grand_total DECIMAL(12,4), shipping_amount DECIMAL(12,4),
    shipping_canceled DECIMAL(12,4), shipping_invoiced DECIMAL(12,4), shipping_refunded DECIMAL(12,4),
    shipping_tax_amount DECIMAL(12,4), shipping_tax_refunded DECIMAL(12,4), store_to_base_rate DECIMAL(12,4),
    store_to_order_rate DECIMAL(12,4), subtotal DECIMAL(12,4), subtotal_canceled DECIMAL(12,4),
    subtotal_invoiced DECIMAL(12,4), subtotal_refunded DECIMAL(12,4), tax_amount DECIMAL(12,4),
    tax_canceled DECIMAL(12,4), tax_invoiced DECIMAL(12,4), tax_refunded DECIMAL(12,4), total_canceled DECIMAL(12,4),
    total_invoiced DECIMAL(12,4), total_offline_refunded DECIMAL(12,4), total_online_refunded DECIMAL(12,4),
    total_paid DECIMAL(12,4), total_qty_ordered DECIMAL(12,4), total_refunded DECIMAL(12,4),
    can_ship_partially SMALLINT UNSIGNED, can_ship_partially_item SMALLINT UNSIGNED,
    customer_is_guest SMALLINT UNSIGNED, customer_note_notify SMALLINT UNSIGNED, billing_address_id INT,
    customer_group_id SMALLINT, edit_increment INT, email_sent SMALLINT UNSIGNED,
    forced_shipment_with_invoice SMALLINT UNSIGNED, payment_auth_expiration INT, quote_address_id INT, quote_id INT,
    shipping_address_id INT, adjustment_negative DECIMAL(12,4), adjustment_positive DECIMAL(12,4),
    base_adjustment_negative DECIMAL(12,4), base_adjustment_positive DECIMAL(12,4),
    base_shipping_discount_amount DECIMAL(12,4), base_subtotal_incl_tax DECIMAL(12,4), base_total_due DECIMAL(12,4),
    payment_authorization_amount DECIMAL(12,4), shipping_discount_amount DECIMAL(12,4),
    subtotal_incl_tax DECIMAL(12,4), total_due DECIMAL(12,4), weight DECIMAL(12,4), customer_dob DATETIME,
    increment_id VARCHAR(50), applied_rule_ids VARCHAR(255), base_currency_code VARCHAR(3),
    customer_email VARCHAR(255), customer_firstname VARCHAR(255), customer_lastname VARCHAR(255),
    customer_middlename VARCHAR(255), customer_prefix VARCHAR(255), customer_suffix VARCHAR(255),
    customer_taxvat VARCHAR(255), discount_description VARCHAR(255), ext_customer_id VARCHAR(255),
    ext_order_id VARCHAR(255), global_currency_code VARCHAR(3), hold_before_state VARCHAR(255),
    hold_before_status VARCHAR(255), order_currency_code VARCHAR(255), original_increment_id VARCHAR(50),
    relation_child_id VARCHAR(32), relation_child_real_id VARCHAR(32), relation_parent_id VARCHAR(32),
    relation_parent_real_id VARCHAR(32), remote_ip VARCHAR(255), shipping_method VARCHAR(255),
    store_currency_code VARCHAR(3), store_name VARCHAR(255), x_forwarded_for VARCHAR(255), customer_note TEXT,
    created_at TIMESTAMP NULL, updated_at TIMESTAMP NULL, total_item_count SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    customer_gender INT, hidden_tax_amount DECIMAL(12,4), base_hidden_tax_amount DECIMAL(12,4),
    shipping_hidden_tax_amount DECIMAL(12,4), base_shipping_hidden_tax_amnt DECIMAL(12,4),
    hidden_tax_invoiced DECIMAL(12,4), base_hidden_tax_invoiced DECIMAL(12,4), hidden_tax_refunded DECIMAL(12,4),
    base_hidden_tax_refunded DECIMAL(12,4), shipping_incl_tax DECIMAL(12,4), base_shipping_incl_tax DECIMAL(12,4),
    coupon_rule_name VARCHAR(255), paypal_ipn_customer_notified INT DEFAULT 0, gift_message_id INT,
    PRIMARY KEY (entity_id), UNIQUE (increment_id), KEY (status), KEY (state), KEY (store_id), KEY (created_at),
    KEY (customer_id), KEY (ext_order_id), KEY (quote_id), KEY (updated_at), KEY (customer_email(15)),
    FOREIGN KEY (customer_id) REFERENCES customer_entity (entity_id) ON DELETE SET NULL ON UPDATE CASCADE,
    FOREIGN KEY (store_id) REFERENCES core_store (store_id) ON DELETE SET NULL ON UPDATE CASCADE
);

CREATE TABLE sales_flat_order_address (
    entity_id INT UNSIGNED NOT NULL AUTO_INCREMENT, parent_id INT UNSIGNED, customer_address_id INT,
    quote_address_id INT, region_id INT, customer_id INT, fax VARCHAR(255), region VARCHAR(255),
    postcode VARCHAR(255), lastname VARCHAR(255), street VARCHAR(255), city VARCHAR(255), email VARCHAR(255),
    telephone VARCHAR(255), country_id VARCHAR(2), firstname VARCHAR(255), address_type VARCHAR(255),
    prefix VARCHAR(255), middlename VARCHAR(255), suffix VARCHAR(255), company VARCHAR(255), vat_id TEXT,
    vat_is_valid SMALLINT, vat_request_id TEXT, vat_request_date TEXT, vat_request_success SMALLINT,
    PRIMARY KEY (entity_id), KEY (parent_id),
    FOREIGN KEY (parent_id) REFERENCES sales_flat_order (entity_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE sales_flat_order_item (
    item_id INT UNSIGNED NOT NULL AUTO_INCREMENT, order_id INT UNSIGNED NOT NULL DEFAULT 0,
    parent_item_id INT UNSIGNED, quote_item_id INT UNSIGNED, store_id SMALLINT UNSIGNED,
    created_at TIMESTAMP NOT NULL DEFAULT 0, updated_at TIMESTAMP NOT NULL DEFAULT 0, product_id INT UNSIGNED,
    product_type VARCHAR(255), product_options TEXT, weight DECIMAL(12,4) DEFAULT 0, is_virtual SMALLINT UNSIGNED,
    sku VARCHAR(255), name VARCHAR(255), description TEXT, applied_rule_ids TEXT, additional_data TEXT,
    free_shipping SMALLINT UNSIGNED NOT NULL DEFAULT 0, is_qty_decimal SMALLINT UNSIGNED,
    no_discount SMALLINT UNSIGNED NOT NULL DEFAULT 0, qty_backordered DECIMAL(12,4) DEFAULT 0,
    qty_canceled DECIMAL(12,4) DEFAULT 0, qty_invoiced DECIMAL(12,4) DEFAULT 0, qty_ordered DECIMAL(12,4) DEFAULT 0,
    qty_refunded DECIMAL(12,4) DEFAULT 0, qty_shipped DECIMAL(12,4) DEFAULT 0, base_cost DECIMAL(12,4) DEFAULT 0,
    price DECIMAL(12,4) NOT NULL DEFAULT 0, base_price DECIMAL(12,4) NOT NULL DEFAULT 0,
    original_price DECIMAL(12,4), base_original_price DECIMAL(12,4), tax_percent DECIMAL(12,4) DEFAULT 0,
    tax_amount DECIMAL(12,4) DEFAULT 0, base_tax_amount DECIMAL(12,4) DEFAULT 0,
    tax_invoiced DECIMAL(12,4) DEFAULT 0, base_tax_invoiced DECIMAL(12,4) DEFAULT 0,
    discount_percent DECIMAL(12,4) DEFAULT 0, discount_amount DECIMAL(12,4) DEFAULT 0,
    base_discount_amount DECIMAL(12,4) DEFAULT 0, discount_invoiced DECIMAL(12,4) DEFAULT 0,
    base_discount_invoiced DECIMAL(12,4) DEFAULT 0, amount_refunded DECIMAL(12,4) DEFAULT 0,
    base_amount_refunded DECIMAL(12,4) DEFAULT 0, row_total DECIMAL(12,4) NOT NULL DEFAULT 0,
    base_row_total DECIMAL(12,4) NOT NULL DEFAULT 0, row_invoiced DECIMAL(12,4) NOT NULL DEFAULT 0,
    base_row_invoiced DECIMAL(12,4) NOT NULL DEFAULT 0, row_weight DECIMAL(12,4) DEFAULT 0,
    base_tax_before_discount DECIMAL(12,4), tax_before_discount DECIMAL(12,4), ext_order_item_id VARCHAR(255),
    locked_do_invoice SMALLINT UNSIGNED, locked_do_ship SMALLINT UNSIGNED, price_incl_tax DECIMAL(12,4),
    base_price_incl_tax DECIMAL(12,4), row_total_incl_tax DECIMAL(12,4), base_row_total_incl_tax DECIMAL(12,4),
    hidden_tax_amount DECIMAL(12,4), base_hidden_tax_amount DECIMAL(12,4), hidden_tax_invoiced DECIMAL(12,4),
    base_hidden_tax_invoiced DECIMAL(12,4), hidden_tax_refunded DECIMAL(12,4),
    base_hidden_tax_refunded DECIMAL(12,4), is_nominal INT NOT NULL DEFAULT 0, tax_canceled DECIMAL(12,4),
    hidden_tax_canceled DECIMAL(12,4), tax_refunded DECIMAL(12,4), base_tax_refunded DECIMAL(12,4),
    discount_refunded DECIMAL(12,4), base_discount_refunded DECIMAL(12,4), gift_message_id INT,
    gift_message_available INT, base_weee_tax_applied_amount DECIMAL(12,4),
    base_weee_tax_applied_row_amnt DECIMAL(12,4), weee_tax_applied_amount DECIMAL(12,4),
    weee_tax_applied_row_amount DECIMAL(12,4), weee_tax_applied TEXT, weee_tax_disposition DECIMAL(12,4),
    weee_tax_row_disposition DECIMAL(12,4), base_weee_tax_disposition DECIMAL(12,4),
    base_weee_tax_row_disposition DECIMAL(12,4),
    PRIMARY KEY (item_id), KEY (order_id), KEY (store_id), KEY (product_id),
    FOREIGN KEY (order_id) REFERENCES sales_flat_order (entity_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (store_id) REFERENCES core_store (store_id) ON DELETE SET NULL ON UPDATE CASCADE
);

CREATE TABLE sales_flat_order_payment (
    entity_id INT UNSIGNED NOT NULL AUTO_INCREMENT, parent_id INT UNSIGNED NOT NULL,
    base_shipping_captured DECIMAL(12,4), shipping_captured DECIMAL(12,4), amount_refunded DECIMAL(12,4),
    base_amount_paid DECIMAL(12,4), amount_canceled DECIMAL(12,4), base_amount_authorized DECIMAL(12,4),
    base_amount_paid_online DECIMAL(12,4), base_amount_refunded_online DECIMAL(12,4),
    base_shipping_amount DECIMAL(12,4), shipping_amount DECIMAL(12,4), amount_paid DECIMAL(12,4),
    amount_authorized DECIMAL(12,4), base_amount_ordered DECIMAL(12,4), base_shipping_refunded DECIMAL(12,4),
    shipping_refunded DECIMAL(12,4), base_amount_refunded DECIMAL(12,4), amount_ordered DECIMAL(12,4),
    base_amount_canceled DECIMAL(12,4), quote_payment_id INT, additional_data TEXT, cc_exp_month VARCHAR(255),
    cc_ss_start_year VARCHAR(255), echeck_bank_name VARCHAR(255), method VARCHAR(255),
    cc_debug_request_body VARCHAR(255), cc_secure_verify VARCHAR(255), protection_eligibility VARCHAR(255),
    cc_approval VARCHAR(255), cc_last4 VARCHAR(255), cc_status_description VARCHAR(255), echeck_type VARCHAR(255),
    cc_debug_response_serialized VARCHAR(255), cc_ss_start_month VARCHAR(255), echeck_account_type VARCHAR(255),
    last_trans_id VARCHAR(255), cc_cid_status VARCHAR(255), cc_owner VARCHAR(255), cc_type VARCHAR(255),
    po_number VARCHAR(255), cc_exp_year VARCHAR(255), cc_status VARCHAR(255), echeck_routing_number VARCHAR(255),
    account_status VARCHAR(255), anet_trans_method VARCHAR(255), cc_debug_response_body VARCHAR(255),
    cc_ss_issue VARCHAR(255), echeck_account_name VARCHAR(255), cc_avs_status VARCHAR(255),
    cc_number_enc VARCHAR(255), cc_trans_id VARCHAR(255), paybox_request_number VARCHAR(255),
    address_status VARCHAR(255), additional_information TEXT,
    PRIMARY KEY (entity_id), KEY (parent_id),
    FOREIGN KEY (parent_id) REFERENCES sales_flat_order (entity_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE sales_flat_order_status_history (
    entity_id INT UNSIGNED NOT NULL AUTO_INCREMENT, parent_id INT UNSIGNED NOT NULL, is_customer_notified INT,
    is_visible_on_front SMALLINT UNSIGNED NOT NULL DEFAULT 0, comment TEXT, status VARCHAR(32),
    created_at TIMESTAMP NULL, entity_name VARCHAR(32),
    PRIMARY KEY (entity_id), KEY (parent_id), KEY (created_at),
    FOREIGN KEY (parent_id) REFERENCES sales_flat_order (entity_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE sales_flat_order_grid (
    entity_id INT UNSIGNED NOT NULL, status VARCHAR(32), store_id SMALLINT UNSIGNED, store_name VARCHAR(255),
    customer_id INT UNSIGNED, base_grand_total DECIMAL(12,4), base_total_paid DECIMAL(12,4),
    grand_total DECIMAL(12,4), total_paid DECIMAL(12,4), increment_id VARCHAR(50), base_currency_code VARCHAR(3),
    order_currency_code VARCHAR(255), shipping_name VARCHAR(255), billing_name VARCHAR(255),
    created_at TIMESTAMP NULL, updated_at TIMESTAMP NULL,
    PRIMARY KEY (entity_id), UNIQUE (increment_id), KEY (status), KEY (store_id), KEY (base_grand_total),
    KEY (base_total_paid), KEY (grand_total), KEY (total_paid), KEY (shipping_name), KEY (billing_name),
    KEY (created_at), KEY (customer_id), KEY (updated_at),
    FOREIGN KEY (customer_id) REFERENCES customer_entity (entity_id) ON DELETE SET NULL ON UPDATE CASCADE,
    FOREIGN KEY (entity_id) REFERENCES sales_flat_order (entity_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (store_id) REFERENCES core_store (store_id) ON DELETE SET NULL ON UPDATE CASCADE
);

CREATE TABLE sales_payment_transaction (
    transaction_id INT UNSIGNED NOT NULL AUTO_INCREMENT, parent_id INT UNSIGNED,
    order_id INT UNSIGNED NOT NULL DEFAULT 0, payment_id INT UNSIGNED NOT NULL DEFAULT 0, txn_id VARCHAR(100),
    parent_txn_id VARCHAR(100), txn_type VARCHAR(15), is_closed SMALLINT UNSIGNED NOT NULL DEFAULT 1,
    additional_information BLOB, created_at TIMESTAMP NULL,
    PRIMARY KEY (transaction_id), UNIQUE (order_id,payment_id,txn_id), KEY (order_id), KEY (parent_id),
    KEY (payment_id),
    FOREIGN KEY (parent_id) REFERENCES sales_payment_transaction (transaction_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (payment_id) REFERENCES sales_flat_order_payment (entity_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (order_id) REFERENCES sales_flat_order (entity_id) ON DELETE CASCADE ON UPDATE CASCADE
);

-- Invoices

CREATE TABLE sales_flat_invoice (
    entity_id INT UNSIGNED NOT NULL AUTO_INCREMENT, store_id SMALLINT UNSIGNED, base_grand_total DECIMAL(12,4),
    shipping_tax_amount DECIMAL(12,4), tax_amount DECIMAL(12,4), base_tax_amount DECIMAL(12,4),
    store_to_order_rate DECIMAL(12,4), base_shipping_tax_amount DECIMAL(12,4), base_discount_amount DECIMAL(12,4),
    base_to_order_rate DECIMAL(12,4), grand_total DECIMAL(12,4), shipping_amount DECIMAL(12,4),
    subtotal_incl_tax DECIMAL(12,4), base_subtotal_incl_tax DECIMAL(12,4), store_to_base_rate DECIMAL(12,4),
    base_shipping_amount DECIMAL(12,4), total_qty DECIMAL(12,4), base_to_global_rate DECIMAL(12,4),
    subtotal DECIMAL(12,4), base_subtotal DECIMAL(12,4), discount_amount DECIMAL(12,4), billing_address_id INT,
    is_used_for_refund SMALLINT UNSIGNED, order_id INT UNSIGNED NOT NULL, email_sent SMALLINT UNSIGNED,
    can_void_flag SMALLINT UNSIGNED, state INT, shipping_address_id INT, store_currency_code VARCHAR(3),
    transaction_id VARCHAR(255), order_currency_code VARCHAR(3), base_currency_code VARCHAR(3),
    global_currency_code VARCHAR(3), increment_id VARCHAR(50), created_at TIMESTAMP NULL, updated_at TIMESTAMP NULL,
    hidden_tax_amount DECIMAL(12,4), base_hidden_tax_amount DECIMAL(12,4), shipping_hidden_tax_amount DECIMAL(12,4),
    base_shipping_hidden_tax_amnt DECIMAL(12,4), shipping_incl_tax DECIMAL(12,4),
    base_shipping_incl_tax DECIMAL(12,4), base_total_refunded DECIMAL(12,4), discount_description VARCHAR(255),
    PRIMARY KEY (entity_id), UNIQUE (increment_id), KEY (store_id), KEY (grand_total), KEY (order_id), KEY (state),
    KEY (created_at),
    FOREIGN KEY (order_id) REFERENCES sales_flat_order (entity_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (store_id) REFERENCES core_store (store_id) ON DELETE SET NULL ON UPDATE CASCADE
);

CREATE TABLE sales_flat_invoice_item (
    entity_id INT UNSIGNED NOT NULL AUTO_INCREMENT, parent_id INT UNSIGNED NOT NULL, base_price DECIMAL(12,4),
    tax_amount DECIMAL(12,4), base_row_total DECIMAL(12,4), discount_amount DECIMAL(12,4), row_total DECIMAL(12,4),
    base_discount_amount DECIMAL(12,4), price_incl_tax DECIMAL(12,4), base_tax_amount DECIMAL(12,4),
    base_price_incl_tax DECIMAL(12,4), qty DECIMAL(12,4), base_cost DECIMAL(12,4), price DECIMAL(12,4),
    base_row_total_incl_tax DECIMAL(12,4), row_total_incl_tax DECIMAL(12,4), product_id INT, order_item_id INT,
    additional_data TEXT, description TEXT, sku VARCHAR(255), name VARCHAR(255), hidden_tax_amount DECIMAL(12,4),
    base_hidden_tax_amount DECIMAL(12,4), base_weee_tax_applied_amount DECIMAL(12,4),
    base_weee_tax_applied_row_amnt DECIMAL(12,4), weee_tax_applied_amount DECIMAL(12,4),
    weee_tax_applied_row_amount DECIMAL(12,4), weee_tax_applied TEXT, weee_tax_disposition DECIMAL(12,4),
    weee_tax_row_disposition DECIMAL(12,4), base_weee_tax_disposition DECIMAL(12,4),
    base_weee_tax_row_disposition DECIMAL(12,4),
    PRIMARY KEY (entity_id), KEY (parent_id),
    FOREIGN KEY (parent_id) REFERENCES sales_flat_invoice (entity_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE sales_flat_invoice_comment (
    entity_id INT UNSIGNED NOT NULL AUTO_INCREMENT, parent_id INT UNSIGNED NOT NULL,
    is_customer_notified SMALLINT UNSIGNED, is_visible_on_front SMALLINT UNSIGNED NOT NULL DEFAULT 0, comment TEXT,
    created_at TIMESTAMP NULL,
    PRIMARY KEY (entity_id), KEY (created_at), KEY (parent_id),
    FOREIGN KEY (parent_id) REFERENCES sales_flat_invoice (entity_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE sales_flat_invoice_grid (
    entity_id INT UNSIGNED NOT NULL, store_id SMALLINT UNSIGNED, base_grand_total DECIMAL(12,4),
    grand_total DECIMAL(12,4), order_id INT UNSIGNED NOT NULL, state INT, store_currency_code VARCHAR(3),
    order_currency_code VARCHAR(3), base_currency_code VARCHAR(3), global_currency_code VARCHAR(3),
    increment_id VARCHAR(50), order_increment_id VARCHAR(50), created_at TIMESTAMP NULL,
    order_created_at TIMESTAMP NULL, billing_name VARCHAR(255),
    PRIMARY KEY (entity_id), UNIQUE (increment_id), KEY (store_id), KEY (grand_total), KEY (order_id), KEY (state),
    KEY (order_increment_id), KEY (created_at), KEY (order_created_at), KEY (billing_name),
    FOREIGN KEY (entity_id) REFERENCES sales_flat_invoice (entity_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (store_id) REFERENCES core_store (store_id) ON DELETE SET NULL ON UPDATE CASCADE
);

-- Shipments

CREATE TABLE sales_flat_shipment (
    entity_id INT UNSIGNED NOT NULL AUTO_INCREMENT, store_id SMALLINT UNSIGNED, total_weight DECIMAL(12,4),
    total_qty DECIMAL(12,4), email_sent SMALLINT UNSIGNED, order_id INT UNSIGNED NOT NULL, customer_id INT,
    shipping_address_id INT, billing_address_id INT, shipment_status INT, increment_id VARCHAR(50),
    created_at TIMESTAMP NULL, updated_at TIMESTAMP NULL, packages TEXT, shipping_label MEDIUMBLOB,
    PRIMARY KEY (entity_id), UNIQUE (increment_id), KEY (store_id), KEY (total_qty), KEY (order_id),
    KEY (created_at), KEY (updated_at),
    FOREIGN KEY (order_id) REFERENCES sales_flat_order (entity_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (store_id) REFERENCES core_store (store_id) ON DELETE SET NULL ON UPDATE CASCADE
);

CREATE TABLE sales_flat_shipment_item (
    entity_id INT UNSIGNED NOT NULL AUTO_INCREMENT, parent_id INT UNSIGNED NOT NULL, row_total DECIMAL(12,4),
    price DECIMAL(12,4), weight DECIMAL(12,4), qty DECIMAL(12,4), product_id INT, order_item_id INT,
    additional_data TEXT, description TEXT, name VARCHAR(255), sku VARCHAR(255),
    PRIMARY KEY (entity_id), KEY (parent_id),
    FOREIGN KEY (parent_id) REFERENCES sales_flat_shipment (entity_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE sales_flat_shipment_track (
    entity_id INT UNSIGNED NOT NULL AUTO_INCREMENT, parent_id INT UNSIGNED NOT NULL, weight DECIMAL(12,4),
    qty DECIMAL(12,4), order_id INT UNSIGNED NOT NULL, track_number TEXT, description TEXT, title VARCHAR(255),
    carrier_code VARCHAR(32), created_at TIMESTAMP NULL, updated_at TIMESTAMP NULL,
    PRIMARY KEY (entity_id), KEY (parent_id), KEY (order_id), KEY (created_at),
    FOREIGN KEY (parent_id) REFERENCES sales_flat_shipment (entity_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE sales_flat_shipment_comment (
    entity_id INT UNSIGNED NOT NULL AUTO_INCREMENT, parent_id INT UNSIGNED NOT NULL, is_customer_notified INT,
    is_visible_on_front SMALLINT UNSIGNED NOT NULL DEFAULT 0, comment TEXT, created_at TIMESTAMP NULL,
    PRIMARY KEY (entity_id), KEY (created_at), KEY (parent_id),
    FOREIGN KEY (parent_id) REFERENCES sales_flat_shipment (entity_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE sales_flat_shipment_grid (
    entity_id INT UNSIGNED NOT NULL, store_id SMALLINT UNSIGNED, total_qty DECIMAL(12,4),
    order_id INT UNSIGNED NOT NULL, shipment_status INT, increment_id VARCHAR(50), order_increment_id VARCHAR(50),
    created_at TIMESTAMP NULL, order_created_at TIMESTAMP NULL, shipping_name VARCHAR(255),
    PRIMARY KEY (entity_id), UNIQUE (increment_id), KEY (store_id), KEY (total_qty), KEY (order_id),
    KEY (shipment_status), KEY (order_increment_id), KEY (created_at), KEY (order_created_at), KEY (shipping_name),
    FOREIGN KEY (entity_id) REFERENCES sales_flat_shipment (entity_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (store_id) REFERENCES core_store (store_id) ON DELETE SET NULL ON UPDATE CASCADE
);

-- Credit memos

CREATE TABLE sales_flat_creditmemo (
    entity_id INT UNSIGNED NOT NULL AUTO_INCREMENT, store_id SMALLINT UNSIGNED, adjustment_positive DECIMAL(12,4),
    base_shipping_tax_amount DECIMAL(12,4), store_to_order_rate DECIMAL(12,4), base_discount_amount DECIMAL(12,4),
    base_to_order_rate DECIMAL(12,4), grand_total DECIMAL(12,4), base_adjustment_negative DECIMAL(12,4),
    base_subtotal_incl_tax DECIMAL(12,4), shipping_amount DECIMAL(12,4), subtotal_incl_tax DECIMAL(12,4),
    adjustment_negative DECIMAL(12,4), base_shipping_amount DECIMAL(12,4), store_to_base_rate DECIMAL(12,4),
    base_to_global_rate DECIMAL(12,4), base_adjustment DECIMAL(12,4), base_subtotal DECIMAL(12,4),
    discount_amount DECIMAL(12,4), subtotal DECIMAL(12,4), adjustment DECIMAL(12,4), base_grand_total DECIMAL(12,4),
    base_adjustment_positive DECIMAL(12,4), base_tax_amount DECIMAL(12,4), shipping_tax_amount DECIMAL(12,4),
    tax_amount DECIMAL(12,4), order_id INT UNSIGNED NOT NULL, email_sent SMALLINT UNSIGNED, creditmemo_status INT,
    state INT, shipping_address_id INT, billing_address_id INT, invoice_id INT, store_currency_code VARCHAR(3),
    order_currency_code VARCHAR(3), base_currency_code VARCHAR(3), global_currency_code VARCHAR(3),
    transaction_id VARCHAR(255), increment_id VARCHAR(50), created_at TIMESTAMP NULL, updated_at TIMESTAMP NULL,
    hidden_tax_amount DECIMAL(12,4), base_hidden_tax_amount DECIMAL(12,4), shipping_hidden_tax_amount DECIMAL(12,4),
    base_shipping_hidden_tax_amnt DECIMAL(12,4), shipping_incl_tax DECIMAL(12,4),
    base_shipping_incl_tax DECIMAL(12,4), discount_description VARCHAR(255),
    PRIMARY KEY (entity_id), UNIQUE (increment_id), KEY (store_id), KEY (order_id), KEY (creditmemo_status),
    KEY (state), KEY (created_at),
    FOREIGN KEY (order_id) REFERENCES sales_flat_order (entity_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (store_id) REFERENCES core_store (store_id) ON DELETE SET NULL ON UPDATE CASCADE
);

CREATE TABLE sales_flat_creditmemo_item (
    entity_id INT UNSIGNED NOT NULL AUTO_INCREMENT, parent_id INT UNSIGNED NOT NULL, base_price DECIMAL(12,4),
    tax_amount DECIMAL(12,4), base_row_total DECIMAL(12,4), discount_amount DECIMAL(12,4), row_total DECIMAL(12,4),
    base_discount_amount DECIMAL(12,4), price_incl_tax DECIMAL(12,4), base_tax_amount DECIMAL(12,4),
    base_price_incl_tax DECIMAL(12,4), qty DECIMAL(12,4), base_cost DECIMAL(12,4), price DECIMAL(12,4),
    base_row_total_incl_tax DECIMAL(12,4), row_total_incl_tax DECIMAL(12,4), product_id INT, order_item_id INT,
    additional_data TEXT, description TEXT, sku VARCHAR(255), name VARCHAR(255), hidden_tax_amount DECIMAL(12,4),
    base_hidden_tax_amount DECIMAL(12,4), weee_tax_disposition DECIMAL(12,4), weee_tax_row_disposition DECIMAL(12,4),
    base_weee_tax_disposition DECIMAL(12,4), base_weee_tax_row_disposition DECIMAL(12,4), weee_tax_applied TEXT,
    base_weee_tax_applied_amount DECIMAL(12,4), base_weee_tax_applied_row_amnt DECIMAL(12,4),
    weee_tax_applied_amount DECIMAL(12,4), weee_tax_applied_row_amount DECIMAL(12,4),
    PRIMARY KEY (entity_id), KEY (parent_id),
    FOREIGN KEY (parent_id) REFERENCES sales_flat_creditmemo (entity_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE sales_flat_creditmemo_comment (
    entity_id INT UNSIGNED NOT NULL AUTO_INCREMENT, parent_id INT UNSIGNED NOT NULL, is_customer_notified INT,
    is_visible_on_front SMALLINT UNSIGNED NOT NULL DEFAULT 0, comment TEXT, created_at TIMESTAMP NULL,
    PRIMARY KEY (entity_id), KEY (created_at), KEY (parent_id),
    FOREIGN KEY (parent_id) REFERENCES sales_flat_creditmemo (entity_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE sales_flat_creditmemo_grid (
    entity_id INT UNSIGNED NOT NULL, store_id SMALLINT UNSIGNED, store_to_order_rate DECIMAL(12,4),
    base_to_order_rate DECIMAL(12,4), grand_total DECIMAL(12,4), store_to_base_rate DECIMAL(12,4),
    base_to_global_rate DECIMAL(12,4), base_grand_total DECIMAL(12,4), order_id INT UNSIGNED NOT NULL,
    creditmemo_status INT, state INT, invoice_id INT, store_currency_code VARCHAR(3), order_currency_code VARCHAR(3),
    base_currency_code VARCHAR(3), global_currency_code VARCHAR(3), increment_id VARCHAR(50),
    order_increment_id VARCHAR(50), created_at TIMESTAMP NULL, order_created_at TIMESTAMP NULL,
    billing_name VARCHAR(255),
    PRIMARY KEY (entity_id), UNIQUE (increment_id), KEY (store_id), KEY (grand_total), KEY (base_grand_total),
    KEY (order_id), KEY (creditmemo_status), KEY (state), KEY (order_increment_id), KEY (created_at),
    KEY (order_created_at), KEY (billing_name),
    FOREIGN KEY (entity_id) REFERENCES sales_flat_creditmemo (entity_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (store_id) REFERENCES core_store (store_id) ON DELETE SET NULL ON UPDATE CASCADE
);

-- Content

CREATE TABLE cms_block (
    block_id SMALLINT NOT NULL AUTO_INCREMENT, title VARCHAR(255) NOT NULL, identifier VARCHAR(255) NOT NULL,
    content MEDIUMTEXT, creation_time TIMESTAMP NULL, update_time TIMESTAMP NULL,
    is_active SMALLINT NOT NULL DEFAULT 1,
    PRIMARY KEY (block_id)
);

CREATE TABLE cms_block_store (
    block_id SMALLINT NOT NULL, store_id SMALLINT UNSIGNED NOT NULL,
    PRIMARY KEY (block_id,store_id), KEY (store_id),
    FOREIGN KEY (block_id) REFERENCES cms_block (block_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (store_id) REFERENCES core_store (store_id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE cms_page (
    page_id SMALLINT NOT NULL AUTO_INCREMENT, title VARCHAR(255), root_template VARCHAR(255), meta_keywords TEXT,
    meta_description TEXT, identifier VARCHAR(100), content_heading VARCHAR(255), content MEDIUMTEXT,
    creation_time TIMESTAMP NULL, update_time TIMESTAMP NULL, is_active SMALLINT NOT NULL DEFAULT 1,
    sort_order SMALLINT NOT NULL DEFAULT 0, layout_update_xml TEXT, custom_theme VARCHAR(100),
    custom_root_template VARCHAR(255), custom_layout_update_xml TEXT, custom_theme_from DATE, custom_theme_to DATE,
    PRIMARY KEY (page_id), KEY (identifier)
);

CREATE TABLE cms_page_store (
    page_id SMALLINT NOT NULL, store_id SMALLINT UNSIGNED NOT NULL,
    PRIMARY KEY (page_id,store_id), KEY (store_id),
    FOREIGN KEY (page_id) REFERENCES cms_page (page_id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (store_id) REFERENCES core_store (store_id) ON DELETE CASCADE ON UPDATE CASCADE
);
