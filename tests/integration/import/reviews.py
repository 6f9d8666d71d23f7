"""Summaries of reviews, which no index of a shop makes."""

from collections import defaultdict

from lib.suite import expect, expect_equal
from lib.twoshops import TwoShops
from moved import STREAM
from syncs import registered_target, rows, same_rows, sync


def table(server, sql):
    return [tuple(row) for row in server.query(sql, "openmage")]


def half_up(total, count):
    return int(total / count + 0.5)


def counted(server):
    """Both tables as the shop counts: {(product, store): (reviews, rating)}, {(rating, product, store): (votes, sum, percent, of approved)}."""
    stores = [row[0] for row in table(server, "SELECT store_id FROM core_store")]
    shown, rated = defaultdict(set), defaultdict(set)
    for review, store in table(server, "SELECT review_id, store_id FROM review_store"):
        shown[review].add(store)
    for rating, store in table(server, "SELECT rating_id, store_id FROM rating_store"):
        rated[rating].add(store)
    reviews = {row[0]: row[1:] for row in table(
        server, "SELECT review_id, entity_pk_value, status_id FROM review JOIN review_entity USING (entity_id) WHERE entity_code = 'product'")}
    percents, votes, summaries = defaultdict(list), defaultdict(list), {}
    for review, rating, percent, value in table(server, "SELECT review_id, rating_id, percent, value FROM rating_option_vote"):
        for store in shown[review] & rated[rating]:
            product, status = reviews[review]
            votes[rating, product, store].append((value, status))
            if status == 1:
                percents[product, store].append(percent)
    for product in {of for of, _status in reviews.values()}:
        for store in stores:
            count = sum(1 for review, (of, status) in reviews.items() if (of, status) == (product, 1) and (store == 0 or store in shown[review]))
            mean = percents[product, store]
            if store or mean:
                summaries[product, store] = count, half_up(sum(mean), len(mean)) if mean else 0
    voted = {}
    for key, given in votes.items():
        good = [value for value, status in given if status == 1]
        total = sum(value for value, _status in given)
        voted[key] = len(given), total, half_up(total * 20, len(given)), half_up(sum(good) * 20, len(good)) if good else 0
    return summaries, voted


def told(server):
    return ({row[:2]: row[2:] for row in table(server, "SELECT entity_pk_value, store_id, reviews_count, rating_summary FROM review_entity_summary")},
            {row[:3]: row[3:] for row in table(server, "SELECT rating_id, entity_pk_value, store_id, vote_count, vote_value_sum, percent, "
                                                       "percent_approved FROM rating_option_vote_aggregated")})


def of(both, products):
    """Of these products, of which there is something to tell."""
    summaries, voted = both
    return ({key: value for key, value in summaries.items() if key[0] in products and any(value)},
            {key: value for key, value in voted.items() if key[1] in products})


def define(suite):
    @suite.case("review-summaries", "what is reviewed is counted anew from all reviews that the destination has of it, and nothing else is")
    def _():
        with TwoShops(settings=STREAM) as shops:
            source, destination, program = shops.source, shops.destination, shops.lab.program
            incremental = lambda *sql: (source.run("BEGIN", *sql, "COMMIT", database="openmage"), program.incremental(timeout=240))
            before = told(destination)
            own = [row[0] for row in table(destination, "SELECT MIN(entity_id) FROM catalog_product_entity WHERE LEFT(sku, 4) = 'OWN-'")]
            destination.run("INSERT INTO review_entity_summary (entity_pk_value, entity_type, reviews_count, rating_summary, store_id) VALUES "
                            "(%d, 1, 77, 77, 0)" % own[0], database="openmage")
            program.incremental(timeout=240)

            def right(what):
                here = {registered_target(shops, "product", row[0], STREAM["source_system"]) for row in table(
                    source, "SELECT DISTINCT entity_pk_value FROM review JOIN review_entity USING (entity_id) WHERE entity_code = 'product'")}
                found = of(told(destination), here)
                expect(found[0] and found[1], "nothing is told: " + what)
                expect_equal(found, of(counted(destination), here), what)
            right("a copy")
            expect_equal(told(destination)[0][own[0], 0], (77, 77), "what was not reviewed")
            expect(before != told(destination), "nothing has changed")
            review, other, third = (row[0] for row in table(
                source, "SELECT review_id FROM review JOIN rating_option_vote USING (review_id) JOIN review_entity r ON r.entity_id = review.entity_id "
                        "WHERE entity_code = 'product' AND status_id = 1 GROUP BY 1 ORDER BY 1 LIMIT 3"))
            incremental("UPDATE review SET status_id = 2 WHERE review_id = %d" % review)
            right("one that is not approved any more")
            incremental("DELETE FROM review_store WHERE review_id = %d AND store_id > 0" % other,
                        "UPDATE rating_option_vote SET value = 1, percent = 20 WHERE review_id = %d" % third)
            right("stores and votes")
            incremental("DELETE FROM review WHERE review_id = %d" % other)
            right("one that is gone")
            program.configure({"delete": "soft", "delete_matched": "soft"})
            incremental("DELETE FROM review WHERE review_id = %d" % third)
            right("one that is switched off")
            after = rows(shops)
            sync(shops, "review", "-d", "update", system=STREAM["source_system"])
            same_rows(shops, after, "again")
