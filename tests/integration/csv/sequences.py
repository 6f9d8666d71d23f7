"""Number sequences of the shop."""

from base import DATABASE, shop, suite

SEQUENCES = "SELECT entity_type_code, store_id, increment_prefix, increment_last_id FROM eav_entity_store JOIN eav_entity_type USING (entity_type_id) ORDER BY 1, 2"
ORDER = "increment_id,items,grand_total,status\n"


@suite.case("csv-sequences", "sequences go past imported numbers, also of a shop that has taken no order yet")
def _():
    with shop() as s:
        s.server.run("DELETE FROM eav_entity_store", "INSERT INTO core_store (code, website_id, group_id, name) VALUES ('second', 1, 1, 'Second')",
                     "UPDATE eav_entity_type SET increment_per_store = 0 WHERE entity_type_code = 'creditmemo'", database=DATABASE)
        second = s.one("SELECT MAX(store_id) FROM core_store")
        s.text("order", ORDER + "".join("%s,A:1:1,1,pending\n" % number for number in (
            "100009998", "100009999", "100000007", "1000100001", "19", "OLD-7", "1-00009999")))
        s.expect(SEQUENCES, ("order", "1", "1", "100009999"))
        s.text("order", "store_id," + ORDER + "second,%d00000012,A:1:1,1,pending\nsecond,100055555,A:1:1,1,pending\n" % second)
        s.expect(SEQUENCES, ("order", "1", "1", "100055555"), ("order", str(second), str(second), "%d00000012" % second))
        s.text("invoice", "order_id,increment_id,grand_total\n100009998,100000003,1\n")
        s.text("creditmemo", "order_id,increment_id,grand_total\n100009998,100000004,1\n")
        s.expect(SEQUENCES, ("invoice", "1", "1", "100000003"), ("order", "1", "1", "100055555"),
                 ("order", str(second), str(second), "%d00000012" % second))
        s.text("order", ORDER + "100060000,A:1:1,1,pending\n")
        s.expect(SEQUENCES.replace("ORDER BY", "WHERE entity_type_code = 'order' AND store_id = 1 ORDER BY"), ("order", "1", "1", "100060000"))
        s.server.run("INSERT INTO eav_entity_store (entity_type_id, store_id, increment_prefix, increment_last_id) SELECT entity_type_id, 0, '0', '000000005' "
                     "FROM eav_entity_type WHERE entity_type_code = 'customer'", database=DATABASE)
        s.text("customer", "increment_id,email,firstname,lastname\n000000064,a@example.com,A,B\n000000009,b@example.com,A,B\n")
        s.expect(SEQUENCES.replace("ORDER BY", "WHERE entity_type_code = 'customer' ORDER BY"), ("customer", "0", "0", "000000064"))
