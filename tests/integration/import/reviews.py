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

    @suite.case("ratings-of-both", "a rating that both have: votes name its options here; when the source has deleted it, the source's votes go and are counted no more, others stay")
    def _():
        with TwoShops(settings=STREAM) as shops:
            source, destination, program = shops.source, shops.destination, shops.lab.program
            run = lambda *sql: (source.run(*sql, database="openmage"), program.incremental(timeout=240))
            kept, theirs = (row[0] for row in table(source, "SELECT rating_id FROM rating ORDER BY rating_id LIMIT 2"))
            # one of the two comes from the source: the destination calls its own otherwise
            destination.run("UPDATE rating SET rating_code = 'Ours alone' WHERE rating_code = (SELECT * FROM (SELECT rating_code FROM rating WHERE rating_code = "
                            "'%s') x)" % source.scalar("SELECT rating_code FROM openmage.rating WHERE rating_id = %d" % theirs), database="openmage")
            program.incremental(timeout=240)
            here = {number: registered_target(shops, "rating", number, STREAM["source_system"]) for number in (kept, theirs)}
            named = ("SELECT vote_id, g.rating_code, h.rating_code, o.value, v.value FROM rating_option_vote v LEFT JOIN rating g ON g.rating_id = v.rating_id "
                     "LEFT JOIN rating_option o USING (option_id) LEFT JOIN rating h ON h.rating_id = o.rating_id WHERE ")
            brought = dict(destination.query("SELECT source_id, target_id FROM datasync.datasync_entity_registry WHERE entity_type = 'rating_option_vote'"))
            there, here_named = ({row[0]: row[1:] for row in table(server, named + "1")} for server in (source, destination))
            expect_equal({number: here_named.get(brought.get(str(number))) for number in there}, there, "votes")
            # a review of the destination's own beside one that came
            other = destination.scalar("SELECT MIN(v.review_id) FROM openmage.rating_option_vote v JOIN openmage.review USING (review_id, entity_pk_value) WHERE "
                                       "v.rating_id = %s AND vote_id IN (%s)" % (here[kept], ", ".join(str(number) for number in brought.values())))
            own = 99001
            destination.run("INSERT INTO review (review_id, created_at, entity_id, entity_pk_value, status_id) SELECT %d, created_at, entity_id, entity_pk_value, "
                            "status_id FROM review WHERE review_id = %d" % (own, other), "INSERT INTO review_store SELECT %d, store_id FROM review_store WHERE "
                            "review_id = %d" % (own, other), "INSERT INTO rating_option_vote (option_id, rating_id, review_id, entity_pk_value, percent, value) "
                            "SELECT option_id, rating_id, %d, (SELECT entity_pk_value FROM review WHERE review_id = %d), 20, 1 FROM rating_option WHERE "
                            "rating_id = %s AND value = 1" % (own, own, here[kept]), database="openmage")
            products = {registered_target(shops, "product", row[0], STREAM["source_system"]) for row in table(
                source, "SELECT DISTINCT entity_pk_value FROM review JOIN review_entity USING (entity_id) WHERE entity_code = 'product'")}

            def right(what):
                wrong = [{key: (now.get(key), wanted.get(key)) for key in {**now, **wanted} if now.get(key) != wanted.get(key)} for now, wanted in zip(
                    of(told(destination), products), of(counted(destination), products))]
                expect_equal(wrong, [{}, {}], what)
            votes = lambda rating, of_own: destination.scalar("SELECT COUNT(*) FROM openmage.rating_option_vote JOIN openmage.rating_option USING (option_id) WHERE rating_option.rating_id = %s AND review_id %s %d" % (
                here[rating], "=" if of_own else "<>", own))
            run("UPDATE review_detail SET nickname = CONCAT(nickname, '!')")
            right("reviews")
            expect(votes(kept, False) and votes(theirs, False), "nobody votes")
            run("DELETE FROM rating WHERE rating_id = %d" % theirs)
            right("a rating that came from the source, and is gone")
            before = votes(kept, False)
            run("DELETE FROM rating WHERE rating_id = %d" % kept)
            expect_equal((votes(kept, True), votes(kept, False) < before), (1, True), "votes for a rating that stays")
            left = table(destination, named + "o.rating_id = %s AND vote_id IN (%s)" % (here[kept], ", ".join(str(number) for number in brought.values())))
            expect_equal(left, [], "… of the source's reviews")
            expect_equal(destination.scalar("SELECT COUNT(*) FROM openmage.rating_option WHERE rating_id = %s" % here[kept]), 5, "options of it")
            right("a rating that stays")
