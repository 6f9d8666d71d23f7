"""Customers and their addresses."""

from lib.suite import expect, expect_contains, expect_equal

from base import shop, suite

CUSTOMER = "(SELECT entity_id FROM customer_entity WHERE email = '%s@example.com')"


def value(s, code, name):
    return s.value("customer", code, CUSTOMER % name)


def address(s, which, name, *codes):
    """Values of the default billing or shipping address."""
    where = value(s, "default_" + which, name)
    return s.rows("SELECT " + ", ".join(s.value("customer_address", code, where) for code in codes))


@suite.case("csv-customers", "the small example of the old module: gender by its option, groups, dates")
def _():
    with shop() as s:
        for _ in range(2):
            s.sync("customer", "customers_basic.csv")
            s.expect("SELECT email, group_id, website_id, store_id, is_active FROM customer_entity ORDER BY entity_id",
                     ("anna@example.com", "1", "1", "1", "1"), ("ben@example.com", "2", "1", "1", "1"),
                     ("chris@example.com", "1", "1", "1", "1"), ("dora@example.com", "3", "1", "1", "1"))
            label = "(SELECT value FROM eav_attribute_option_value WHERE store_id = 0 AND option_id = %s)"
            s.expect("SELECT %s, %s, %s, %s" % (label % value(s, "gender", "anna"), label % value(s, "gender", "ben"),
                                                value(s, "gender", "chris"), value(s, "dob", "anna")),
                     ("Female", "Male", None, "1980-05-17 00:00:00"))
            s.expect("SELECT COUNT(*) FROM customer_address_entity", "0")
        s.text("customer", "entity_id,email,gender,dob\n1,anna@example.com,,\n2,ben@example.com,,\n", duplicate="merge")
        s.expect("SELECT %s IS NULL, %s" % (value(s, "gender", "ben"), value(s, "dob", "anna")), ("0", "1980-05-17 00:00:00"))
        s.text("customer", "entity_id,email,gender,dob\n1,anna@example.com,,\n2,ben@example.com,1,\n")
        s.expect("SELECT %s, %s, %s IS NULL" % (value(s, "gender", "anna"), value(s, "dob", "anna"), value(s, "gender", "ben")),
                 (None, None, "0"))
        for text, reason in (("email,firstname,lastname\nnobody,N,N\n", "no e-mail address"),
                             ("email,firstname,lastname\nx@example.com,,N\n", "firstname or lastname is empty"),
                             ("email,firstname,lastname,group_id\nx@example.com,X,Y,Nobles\n", "no customer group 'Nobles'"),
                             ("email,firstname,lastname,dob\nx@example.com,X,Y,1999-02-29\n", "'1999-02-29' is no date"),
                             ("email,firstname,lastname,gender\nx@example.com,X,Y,7\n", "gender: '7'")):
            out = s.text("customer", text, code=1)
            expect(reason in out and "line 2" in out, "%r is not in: %s" % (reason, out))


@suite.case("csv-customers-addresses", "billing and shipping, one for both, streets of several lines, regions by name; again, and none is added")
def _():
    with shop() as s:
        for _ in range(2):
            s.sync("customer", "customers_with_addresses.csv")
            s.expect("SELECT email, COUNT(a.entity_id) FROM customer_entity c LEFT JOIN customer_address_entity a ON a.parent_id = "
                     "c.entity_id GROUP BY email ORDER BY email", ("eva@example.com", "2"), ("finn@example.com", "1"),
                     ("gina@example.com", "2"), ("hugo@example.com", "1"), ("ines@example.com", "0"))
            fields = ("street", "city", "region", "postcode", "country_id", "company")
            expect_equal(address(s, "billing", "eva", *fields),
                         [("Hauptstr. 1", "Berlin", "Berlin", "10115", "DE", "Falk KG")], "billing of eva")
            expect_equal(address(s, "shipping", "eva", *fields),
                         [("Nebenweg 2", "Potsdam", "Brandenburg", "14467", "DE", None)], "shipping of eva")
            expect_equal(address(s, "billing", "gina", "street"), [("Unit 3\nThe Old Mill\n4 River Road",)], "street of gina")
            region = s.rows("SELECT code, default_name FROM directory_country_region WHERE region_id = %s"
                            % s.value("customer_address", "region_id", value(s, "default_billing", "finn")))
            expect_equal(region, [("TX", "Texas")], "region of finn")
            for name in ("finn", "hugo"):
                s.expect("SELECT %s = %s" % (value(s, "default_billing", name), value(s, "default_shipping", name)), "1")
            s.expect("SELECT %s, %s, %s" % (value(s, "prefix", "eva"), value(s, "taxvat", "eva"), value(s, "suffix", "finn")),
                     ("Dr.", "DE123", "Jr."))


@suite.case("csv-customers-numbered-addresses", "address1_ to address10_; text ids; found by e-mail in the next file")
def _():
    with shop() as s:
        s.text("customer", "entity_id,email,firstname,lastname,address1_street,address1_city,address1_country_id,address2_street,"
                           "address2_city,address2_country_id,address2_default_shipping\n"
                           "C-0007,kim@example.com,Kim,Lee,A 1,Aa,NL,B 2,Bb,NL,1\n")
        expect_equal(address(s, "billing", "kim", "street", "city"), [("A 1", "Aa")], "billing")
        expect_equal(address(s, "shipping", "kim", "street", "city"), [("B 2", "Bb")], "shipping")
        s.expect("SELECT source_id FROM datasync.datasync_entity_registry WHERE entity_type = 'customer'", "C-0007")
        s.text("customer", "email,firstname\nKIM@example.com,Kimberly\n", source="mailing")
        s.expect("SELECT COUNT(*), MIN(%s) FROM customer_entity" % value(s, "firstname", "kim"), ("1", "Kimberly"))
        s.expect("SELECT %s" % value(s, "lastname", "kim"), "Lee")


@suite.case("csv-customers-incomplete-addresses", "one without street and city, and columns that no address has, are told")
def _():
    with shop() as s:
        head = "email,firstname,lastname,%s\n"
        text = head % "billing_country_id,billing_postcode,billing_street,billing_city" + "kim@example.com,Kim,Lee,NL,1234,,\nann@example.com,A,L,NL,1,,Aa\n"
        out = s.text("customer", text)
        expect("address is left out: it has neither street nor city" in out and "line=2 columns=billing_" in out and "line=3" not in out, out)
        s.expect("SELECT email FROM customer_entity JOIN customer_address_entity a ON parent_id = customer_entity.entity_id", "ann@example.com")
        columns = ("billing_bogus", "shipping_default_billing", "address11_street", "address2_bogus", "address_street")
        known = ("billing_street", "address10_city", "address2_default_billing", "billing_is_shipping", "shipping_region_id", "address1_vat_id")
        out = s.text("customer", head % ",".join(columns + known) + "kim@example.com,K,L" + "," * len(columns + known) + "\n")
        for column in columns + known:
            expect(("column=%s " % column in out) == (column in columns), "%s: %s" % (column, out))


@suite.case("csv-customers-regions", "a region that is emptied or is none of the country's leaves no other behind; countries are those of the shop")
def _():
    with shop() as s:
        text = "entity_id,email,firstname,lastname,billing_street,billing_city,billing_country_id,billing_region,billing_region_id\n1,kim@example.com,Kim,Lee,One 1,X,%s,%s,%s\n"
        texas = str(s.one("SELECT region_id FROM directory_country_region WHERE code = 'TX'"))
        address = "(SELECT entity_id FROM customer_address_entity)"
        region = "SELECT %s, %s" % (s.value("customer_address", "region", address), s.value("customer_address", "region_id", address))
        for cells, wanted in ((("US", "Texas", "12"), ("Texas", texas)), (("US", "", ""), (None, None)), (("US", "", "TX"), ("Texas", texas)),
                              (("FR", "Elsewhere", ""), ("Elsewhere", None))):
            s.text("customer", text % cells)
            s.expect(region, wanted)
        out = s.text("customer", text % ("Germany", "", ""), code=1)
        expect_contains(out, " line 2: country_id: 'Germany' is no country that the destination has (codes such as GB)", "error")
