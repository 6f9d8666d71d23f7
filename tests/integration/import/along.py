"""What comes along with entities that name it (`brings` of the catalogue): gift messages of orders and carts, and others."""

import os

from lib.suite import expect, expect_contains, expect_equal
from lib.twoshops import TwoShops
from positions import rows as positions, run
from syncs import registered_target, rows, same_rows, summary, sync
from tracker import Noted

STREAM = {"mode": "import", "source_system": "shop", "on_duplicate": "update"}
NAMING = ("sales_flat_order", "sales_flat_order_item", "sales_flat_quote", "sales_flat_quote_address", "sales_flat_quote_item")
OF_ORDER, OF_ITEM, OF_CART, OF_TWO, OF_NOBODY = range(9001, 9006)


class Messages:
    """Three orders and two carts with messages: the first order names that of its cart, and by its item another one, as does the third;
    the second names one by its item alone, the other cart one that no order names."""

    def __init__(self, shops):
        self.shops = shops
        source = shops.source
        known = "'%s'" % "','".join(row[0] for row in shops.destination.query("SELECT increment_id FROM openmage.sales_flat_order"))
        # those that the destination has not, so that nothing stops at them
        orders = source.query("SELECT entity_id, increment_id FROM openmage.sales_flat_order WHERE increment_id NOT IN (%s) ORDER BY 1 LIMIT 3" % known)
        (self.first, self.number), (self.second, _), (self.third, _) = orders
        self.cart, self.other = (row[0] for row in source.query("SELECT entity_id FROM openmage.sales_flat_quote ORDER BY 1 LIMIT 2"))
        customer = source.scalar("SELECT customer_id FROM openmage.sales_flat_order WHERE customer_id IS NOT NULL LIMIT 1")
        source.run(*("UPDATE %s SET gift_message_id = NULL" % table for table in NAMING), "DELETE FROM gift_message",
                   *("INSERT INTO gift_message VALUES (%d, %d, 'me', 'you', 'number %d')" % (message, customer, message)
                     for message in range(OF_ORDER, OF_NOBODY + 1)),
                   "UPDATE sales_flat_order SET gift_message_id = %d, quote_id = %d WHERE entity_id = %d" % (OF_ORDER, self.cart, self.first),
                   "UPDATE sales_flat_quote SET gift_message_id = %d WHERE entity_id = %d" % (OF_ORDER, self.cart),
                   "UPDATE sales_flat_order_item SET gift_message_id = %d WHERE order_id = %d LIMIT 1" % (OF_TWO, self.first),
                   "UPDATE sales_flat_order_item SET gift_message_id = %d WHERE order_id = %d LIMIT 1" % (OF_ITEM, self.second),
                   "UPDATE sales_flat_order SET gift_message_id = %d, updated_at = '2031-05-05' WHERE entity_id = %d" % (OF_TWO, self.third),
                   "UPDATE sales_flat_quote SET gift_message_id = %d WHERE entity_id = %d" % (OF_CART, self.other), database="openmage")

    def here(self, system):
        """Those that have come, by their text."""
        return {row[0]: row[1] for row in self.shops.destination.query(
            "SELECT CAST(source_id AS UNSIGNED), message FROM datasync.datasync_entity_registry r LEFT JOIN openmage.gift_message g ON "
            "g.gift_message_id = r.target_id WHERE source_system = '%s' AND entity_type = 'gift_message'" % system)}

    def named(self, entity, number, system):
        """The text that the entity names at the destination, and its sender's e-mail address."""
        table = {"order": "sales_flat_order", "quote": "sales_flat_quote"}[entity]
        return self.shops.destination.query(
            "SELECT message, c.email FROM openmage.%s x JOIN openmage.gift_message g USING (gift_message_id) LEFT JOIN openmage.customer_entity c ON "
            "c.entity_id = g.customer_id WHERE x.entity_id = %d" % (table, registered_target(self.shops, entity, number, system)))


def expect_here(messages, system, *expected):
    expect_equal(messages.here(system), {number: "number %d" % number for number in expected}, "messages of " + system)


def place(messages, number, order, source):
    """A message, and then the order names it."""
    source.run("INSERT INTO gift_message VALUES (%d, 0, 'me', 'you', 'number %d')" % (number, number),
               "UPDATE sales_flat_order SET gift_message_id = %d WHERE entity_id = %d" % (number, order), database="openmage")


# --- a shop's own entities: a ticket brings vouchers with their uses, and these bring designs ---------------------------

ENTITIES = {
    "ticket": """
natural_key: [code]
tables:
  - {table: ticket, role: root, link: ticket_id}
  - {table: ticket_line, role: item, link: ticket_id, key: line_id, identity: [ticket_id, position]}
references:
  - {column: voucher_id, entity: voucher, table: ticket_line, brings: true}
""",
    "voucher": """
natural_key: [code]
tables:
  - {table: voucher, role: root, link: voucher_id}
  - {table: voucher_use, role: member, link: voucher_id, key: use_id, identity: [voucher_id, day]}
references:
  - {column: design_id, entity: design, brings: true}
  - {column: store_id, entity: store, table: voucher_use}
""",
    "design": """
natural_key: [title]
tables: [{table: design, role: root, link: design_id}]
"""}
TABLES = (
    "CREATE TABLE ticket (ticket_id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, code VARCHAR(20) UNIQUE)",
    "CREATE TABLE ticket_line (line_id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, ticket_id INT UNSIGNED, position INT, voucher_id INT UNSIGNED, "
    "KEY (ticket_id))",
    "CREATE TABLE voucher (voucher_id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, code VARCHAR(20) UNIQUE, design_id INT UNSIGNED)",
    "CREATE TABLE voucher_use (use_id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, voucher_id INT UNSIGNED, day DATE, store_id SMALLINT UNSIGNED, "
    "KEY (voucher_id))",
    "CREATE TABLE design (design_id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, title VARCHAR(20) UNIQUE)")
# 1200 tickets, so that there are several chunks; a voucher for each two of them, 40 designs
FILL = (
    "INSERT INTO design SELECT seq, CONCAT('d', seq) FROM seq_1_to_50",
    "INSERT INTO voucher SELECT seq, CONCAT('v', seq), 1 + seq % 40 FROM seq_1_to_700",
    "INSERT INTO voucher_use SELECT seq, 1 + seq % 700, '2030-01-01' + INTERVAL seq DAY, 1 FROM seq_1_to_1400",
    "INSERT INTO ticket SELECT seq, CONCAT('t', seq) FROM seq_1_to_1200",
    "INSERT INTO ticket_line SELECT seq, seq, 1, 1 + seq % 600 FROM seq_1_to_1200")


def set_up(shops):
    folder = shops.work.path("mine")
    os.makedirs(folder)
    for name, text in ENTITIES.items():
        with open(os.path.join(folder, name + ".yaml"), "w", encoding="utf-8") as out:
            out.write("name: %s%s" % (name, text))
    shops.lab.program.configure({"entities_dir": folder})
    for server in (shops.source, shops.destination):
        server.run(*TABLES, database="openmage")
    shops.source.run(*FILL, database="openmage")
    shops.destination.run("INSERT INTO design VALUES (7000, 'd7')", "INSERT INTO voucher VALUES (7000, 'own', 7000), (7001, 'v9', 7000)",
                          database="openmage")


def tickets(server, ids):
    """What these tickets say by names alone, down to the designs."""
    return server.query(
        "SELECT t.code, position, v.code, d.title, GROUP_CONCAT(CONCAT(day, ' ', s.code) ORDER BY day) FROM ticket t JOIN ticket_line l USING "
        "(ticket_id) LEFT JOIN voucher v USING (voucher_id) LEFT JOIN design d USING (design_id) LEFT JOIN voucher_use u ON u.voucher_id = "
        "v.voucher_id LEFT JOIN core_store s USING (store_id) WHERE t.code IN (%s) GROUP BY t.code, position, v.code, d.title ORDER BY 1, 2, 3"
        % ", ".join("'t%d'" % number for number in ids), "openmage")


def define(suite):
    @suite.case("along-orders", "the messages that the chosen orders and their items name come with them, and no others")
    def _():
        with TwoShops(settings={}) as shops:
            messages, program = Messages(shops), shops.lab.program
            order = lambda system, *options: sync(shops, "order", "-d", "update", *options, system=system)
            order("number", "--increment-ids", messages.number)
            expect_here(messages, "number", OF_ORDER, OF_TWO)
            order("id", "--entity-ids", str(messages.second))
            expect_here(messages, "id", OF_ITEM)
            order("date", "--date-from", "2031-01-01")
            expect_here(messages, "date", OF_TWO)
            order("excluded", "--increment-ids", messages.number, "--set", "tables.exclude=gift_message")
            expect_equal((messages.here("excluded"), messages.named("order", messages.first, "excluded")), ({}, ()), "of a table that is left out")
            found = [messages.first, messages.second, messages.third]
            program.configure({"where": {"sales_flat_order": "entity_id IN (%d, %d, %d)" % tuple(found)}})
            order("limit", "--limit", "1")
            expect_here(messages, "limit", OF_ORDER, OF_TWO)
            program.configure({"where": {"sales_flat_order": "entity_id IN (%d, %d)" % (messages.second, messages.third)}})
            order("where")
            expect_here(messages, "where", OF_ITEM, OF_TWO)
            program.configure({"where": {"sales_flat_order": "entity_id > 0", "gift_message": "gift_message_id <> %d" % OF_ITEM}})
            order("where-message")
            expect_here(messages, "where-message", OF_ORDER, OF_TWO)

    @suite.case("along-shared", "an order and its cart name one message at the destination, too, in whatever order they come; again: nothing changes")
    def _():
        with TwoShops(settings={}) as shops:
            messages = Messages(shops)
            before = shops.destination.scalar("SELECT COUNT(*) FROM openmage.gift_message")
            dry, _err = sync(shops, "order", "-d", "update", "--dry-run", "--json")
            out, _err = sync(shops, "order", "-d", "update", "--json")
            expect_equal(summary(dry), summary(out), "what a dry run foretells")
            expect_equal(summary(out)["gift_message"], {"created": 3}, "summary")
            expect_here(messages, "legacy", OF_ORDER, OF_ITEM, OF_TWO)
            email = shops.source.scalar("SELECT email FROM openmage.gift_message g JOIN openmage.customer_entity c ON c.entity_id = g.customer_id LIMIT 1")
            known = shops.destination.scalar("SELECT COUNT(*) FROM openmage.customer_entity WHERE email = '%s'" % email)
            text = (("number %d" % OF_ORDER, email if known else None),)
            expect_equal(messages.named("order", messages.first, "legacy"), text, "what the order names")
            # nobody has asked for messages: on_duplicate error is about carts
            out, _err = sync(shops, "quote", "--json")
            expect_equal(summary(out)["gift_message"], {"created": 1, "skipped": 1}, "summary of the carts")
            expect_here(messages, "legacy", OF_ORDER, OF_ITEM, OF_CART, OF_TWO)
            expect_equal(messages.named("quote", messages.cart, "legacy"), text, "what the cart names")
            expect_equal(shops.destination.scalar("SELECT COUNT(*) FROM openmage.gift_message"), before + 4, "messages in all")
            _out, err = sync(shops, "gift_message", expect_code=1)
            expect_contains(err, "gift_message %d is at the destination already" % OF_ORDER, "asked for by themselves")
            sync(shops, "order", "-d", "update")  # of which the carts are there by now
            after = rows(shops)
            for entity in ("order", "quote", "order"):
                sync(shops, entity, "-d", "update")
                same_rows(shops, after, entity + " again")
            order = "SELECT COUNT(*) FROM openmage.gift_message g JOIN openmage.sales_flat_order USING (gift_message_id) WHERE message = '%s'"
            sync(shops, "quote", system="other")
            sync(shops, "order", "-d", "update", "--entity-ids", str(messages.first), system="other")
            expect_equal((messages.named("order", messages.first, "other"), shops.destination.scalar(order % text[0][0])), (text, 1), "the cart came first")

    @suite.case("along-stream", "a stream for orders and carts brings messages, follows them, and keeps that of a cart whose order is deleted")
    def _():
        with TwoShops(settings=dict(STREAM, entities=["order", "quote"])) as shops:
            messages, source = Messages(shops), shops.source
            run(shops)
            expect_equal(set(positions(shops)) - {""}, {"gift_message", "order", "quote"}, "positions")
            expect_here(messages, "shop", *range(OF_ORDER, OF_NOBODY + 1))  # another order may name it later
            expect_equal(messages.named("order", messages.first, "shop")[0][0], "number %d" % OF_ORDER, "what the order names")
            place(messages, 9010, messages.second, source)
            source.run("DELETE FROM sales_flat_order WHERE entity_id = %d" % messages.first,
                       "UPDATE gift_message SET message = 'number 9004, again' WHERE gift_message_id = %d" % OF_TWO, database="openmage")
            order = registered_target(shops, "order", messages.first, "shop")
            run(shops)
            expect_equal(shops.destination.scalar("SELECT COUNT(*) FROM openmage.sales_flat_order WHERE entity_id = %d" % order), 0, "the order")
            expect_equal([messages.named(*what, "shop")[0][0] for what in (("quote", messages.cart), ("order", messages.second), ("order", messages.third))],
                         ["number %d" % OF_ORDER, "number 9010", "number 9004, again"], "what the cart and the other orders name")
            source.run("DELETE FROM gift_message WHERE gift_message_id = %d" % OF_NOBODY, database="openmage")
            run(shops)
            expect(OF_NOBODY not in messages.here("shop"), "a message that is gone")

    @suite.case("along-positions", "messages have a position of their own, which a run for orders moves, and nothing of them is lost between runs")
    def _():
        with TwoShops(settings=STREAM) as shops:
            messages, source = Messages(shops), shops.source
            run(shops, "--entity", "gift_message")
            expect_equal(set(positions(shops)) - {""}, {"gift_message"}, "positions of messages alone")
            source.run("UPDATE gift_message SET message = 'number 9001, meanwhile' WHERE gift_message_id = %d" % OF_ORDER, database="openmage")
            place(messages, 9010, messages.second, source)
            _out, err = run(shops, "--entity", "order")
            expect_contains(err, "come first entities=order\n", "log")
            text = lambda order: [row[0] for row in messages.named("order", order, "shop")]
            expect_equal((text(messages.first), text(messages.second)), (["number 9001, meanwhile"], ["number 9010"]),
                         "what changed before orders were copied, and after messages were")
            expect_equal({positions(shops)[entity] for entity in ("gift_message", "order")}, {source.gtid()}, "where they stand")
            place(messages, 9011, messages.third, source)
            run(shops, "--entity", "order")
            expect_equal(text(messages.third), ["number 9011"], "a run for orders")
            expect_equal({positions(shops)[entity] for entity in ("gift_message", "order")}, {source.gtid()}, "where they stand then")
            # as a datasync that did not bring messages has left it
            shops.destination.run("DELETE FROM datasync_checkpoint WHERE entity = 'gift_message'", database="datasync")
            place(messages, 9012, messages.third, source)
            _out, err = run(shops, "--entity", "order")
            expect_contains(err, "come first entities=gift_message\n", "log")
            expect_equal(text(messages.third), ["number 9012"], "after it was copied again")
            run(shops)
            expect_equal(positions(shops), {"": source.gtid()}, "after a run for all")

    @suite.case("along-tracker", "an order's row in the tracker brings its messages")
    def _():
        with TwoShops(settings=STREAM) as shops:
            messages, noted = Messages(shops), Noted(shops)
            for options, number, order, first in (((), 9010, messages.first, (OF_TWO,)), (("--entity", "order"), 9011, messages.second, ())):
                place(messages, number, order, shops.source)
                noted.change("order", order)
                noted.run("--mark-synced", *options)
                expect_equal(messages.named("order", order, "shop")[0][0], "number %d" % number, "what the order names")
                expect(set(messages.here("shop")) >= {number, *first}, "messages of the order and its items")
                expect(not {OF_CART, OF_NOBODY} & set(messages.here("shop")), "messages that nobody asked for")
            # one that is noted itself, and one that is not
            noted.change("gift_message", 9010, "UPDATE gift_message SET message = 'number 9010, again' WHERE gift_message_id = 9010")
            noted.change("order", messages.first)  # which names it
            noted.change("order", messages.third)
            shops.source.run("UPDATE gift_message SET message = 'by the order' WHERE gift_message_id = %d" % OF_TWO, database="openmage")
            out, _err = noted.run("--mark-synced", "--json")
            expect_equal(summary(out)["gift_message"], {"updated": 2}, "messages")
            expect_equal((messages.here("shop")[9010], messages.named("order", messages.third, "shop")[0][0]), ("number 9010, again", "by the order"), "texts")
            expect_equal(set(noted.states()), {1}, "all is marked")

    @suite.case("along-own", "entities of a shop's own bring others whole, which bring others in turn, each of them once")
    def _():
        with TwoShops(settings={}) as shops:
            set_up(shops)
            code, out, _err = shops.lab.program.command("entities", "ticket")
            expect_equal(code, 0, out)
            expect_contains(out, "voucher            by ticket_line.voucher_id, which comes along", "entities")
            ask = lambda sql: shops.destination.scalar(sql, "openmage")
            sync(shops, "ticket", "--entity-ids", "8,20")
            # on_duplicate error is about tickets: a voucher that the destination has already stays as it is
            expect_equal(tickets(shops.destination, (8, 20)), (tickets(shops.source, (20,))[0], ("t8", 1, "v9", "d7", None)), "two tickets")
            expect_equal([ask("SELECT COUNT(*) FROM " + table) for table in ("voucher", "voucher_use", "design")], [3, 2, 3], "rows")
            out, _err = sync(shops, "ticket", "-d", "update", "--json")
            expect_equal({name: counts for name, counts in summary(out).items() if name in ENTITIES},
                         {"ticket": {"created": 1198, "updated": 2}, "voucher": {"created": 598, "updated": 2},
                          "design": {"created": 37, "updated": 3}}, "summary")
            everything = range(1, 1201)
            expect_equal(tickets(shops.destination, everything), tickets(shops.source, everything), "all tickets")
            expect_equal([ask("SELECT COUNT(*) FROM " + table) for table in ("voucher", "voucher_use", "design")], [601, 1200, 40], "rows of all")
            after = rows(shops)
            sync(shops, "ticket", "-d", "update")
            same_rows(shops, after, "again")
