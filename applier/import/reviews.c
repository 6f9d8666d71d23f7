/* Summaries of reviews: how many of a product are approved and what they rate it, by store, and
 * what each rating got. No index of a shop makes them; it does when a review is saved. So they are
 * made anew for what was reviewed in the range, from all reviews that the destination has of it by
 * then: as the shop counts, with a row for each of its stores.
 */
#include <stdlib.h>
#include <string.h>

#include "applier/import/import_internal.h"

struct reviews {
    struct buf of;      /* what they are about, "1,2,15" … */
    struct buf written; /* … or reviews of which that is not told */
};

int import_reviews_new(struct import *im)
{
    im->reviews = calloc(1, sizeof *im->reviews);
    return im->reviews ? 0 : DS_ENOMEM;
}

void import_reviews_clear(struct import *im)
{
    buf_clear(&im->reviews->of);
    buf_clear(&im->reviews->written);
}

void import_reviews_free(struct import *im)
{
    if (!im->reviews)
        return;
    buf_free(&im->reviews->of);
    buf_free(&im->reviews->written);
    free(im->reviews);
}

/* --- noted while rows are written ------------------------------------------------------------ */

static bool is_review(const struct import_table *t)
{
    return strcmp(t->entity->name, "review") == 0;
}

static int append_id(struct buf *list, const uint8_t *value)
{
    char scratch[32];
    bool null;
    struct slice id = import_text(value, scratch, &null);
    if (null || !id.len)
        return 0;
    return (list->len ? buf_puts(list, ",") : 0) | buf_append(list, id.p, id.len);
}

int import_note_review(struct import *im, const struct import_row *row)
{
    const struct import_table *t = row->table;
    if (!is_review(t))
        return 0;
    const uint8_t *const *images[] = {(const uint8_t *const *)row->was,
                                      (const uint8_t *const *)row->values};
    int of = target_column_ordinal(t->target, "entity_pk_value");
    struct reviews *r = im->reviews;
    int rc = 0;
    for (size_t i = 0; i < 2; i++) {
        if (of >= 0 && images[i])
            rc |= append_id(&r->of, images[i][of]);
        if (!t->root && images[i])
            rc |= append_id(&r->written, images[i][t->link_target]);
    }
    if (t->root && row->target_id)
        rc |= (r->written.len ? buf_puts(&r->written, ",") : 0) |
              buf_unsigned(&r->written, row->target_id);
    return rc ? DS_ENOMEM : 0;
}

/* What are the reviews with these ids about? */
static int look_up(struct import *im, const char *reviews, struct ds_error *err)
{
    const struct target_table *t = import_shop_table(im, "review");
    MYSQL_RES *rows =
        db_select(im->db, err, "SELECT DISTINCT entity_pk_value FROM `%s` WHERE review_id IN (%s)",
                  t->name, reviews);
    struct buf *of = &im->reviews->of;
    int rc = 0;
    if (!rows)
        return err->code;
    for (MYSQL_ROW row; rc == 0 && (row = mysql_fetch_row(rows));)
        rc = (of->len ? buf_puts(of, ",") : 0) | buf_puts(of, row[0]);
    mysql_free_result(rows);
    return rc ? import_no_memory(err) : 0;
}

int import_note_review_gone(struct import *im, const struct import_row *row, struct ds_error *err)
{
    int of = target_column_ordinal(row->table->target, "entity_pk_value");
    char id[24];
    if (!is_review(row->table) || !row->table->root || (row->was && of >= 0 && row->was[of]))
        return 0;
    id[decimal_unsigned(id, row->target_id)] = 0;
    return look_up(im, id, err);
}

int import_note_reviews(struct import *im, const struct catalogue_entity *e, const char *ids,
                        struct ds_error *err)
{
    return strcmp(e->name, "review") == 0 ? look_up(im, ids, err) : 0;
}

int import_note_votes_gone(struct import *im, const struct import_table *t, const uint8_t ***places,
                           uint32_t count, struct ds_error *err)
{
    const struct target_table *votes = import_shop_table(im, "rating_option_vote"),
                              *options = import_shop_table(im, "rating_option");
    bool rating = strcmp(t->entry->table, "rating") == 0;
    BUF_AUTO struct buf ids = {0}, reviews = {0};
    int rc = 0;
    if ((!rating && strcmp(t->entry->table, "rating_option") != 0) || !votes || !options ||
        t->target->row_key->count != 1)
        return 0;
    for (uint32_t i = 0; i < count && rc == 0; i++)
        rc = append_id(&ids, places[i][0]);
    rc |=
        buf_printf(&reviews,
                   "SELECT v.review_id FROM `%s` v JOIN `%s` o ON o.option_id = v.option_id "
                   "WHERE o.%s IN (%s)",
                   votes->name, options->name, rating ? "rating_id" : "option_id", buf_cstr(&ids));
    if (rating) /* whose stores go, too */
        rc |= buf_printf(&reviews, " OR v.rating_id IN (%s)", buf_cstr(&ids));
    return rc ? import_no_memory(err) : look_up(im, buf_cstr(&reviews), err);
}

/* --- done at the end ----------------------------------------------------------------------------
 */

enum table { REVIEW, IN_STORE, SUMMARY, VOTE, RATED_IN, VOTED, STORE, TABLES };

static bool find_tables(const struct import *im, const char *names[TABLES])
{
    static const char *const all[TABLES] = {
        [REVIEW] = "review",
        [IN_STORE] = "review_store",
        [SUMMARY] = "review_entity_summary",
        [VOTE] = "rating_option_vote",
        [RATED_IN] = "rating_store",
        [VOTED] = "rating_option_vote_aggregated",
        [STORE] = "core_store",
    };
    for (int i = 0; i < TABLES; i++) {
        const struct target_table *t = import_shop_table(im, all[i]);
        if (!t)
            return false;
        names[i] = t->name;
    }
    return true;
}

/* Votes with their review `r` and each store `x` where both it and the rating are shown. */
static int add_votes(struct buf *sql, const char *const names[TABLES], const char *of)
{
    return buf_printf(sql,
                      " FROM `%s` v JOIN `%s` r ON r.review_id = v.review_id JOIN `%s` x ON "
                      "x.review_id = v.review_id JOIN `%s` y ON y.rating_id = v.rating_id AND "
                      "y.store_id = x.store_id WHERE r.entity_pk_value IN (%s)",
                      names[VOTE], names[REVIEW], names[IN_STORE], names[RATED_IN], of);
}

/* By what was reviewed, kind of that and store: approved reviews, and the mean of their votes, NULL
 * without. 1 is approved in every shop. */
static int add_summaries(struct buf *sql, const char *const names[TABLES], const char *of)
{
    int rc = buf_printf(sql,
                        "(SELECT p.pk, p.kind, s.store_id, m.rating, (SELECT COUNT(*) FROM `%s` r "
                        "WHERE r.entity_pk_value = p.pk AND r.entity_id = p.kind AND r.status_id = "
                        "1 AND (s.store_id = 0 OR EXISTS (SELECT 1 FROM `%s` x WHERE x.review_id = "
                        "r.review_id AND x.store_id = s.store_id))) AS reviews",
                        names[REVIEW], names[IN_STORE]);
    rc |= buf_printf(sql,
                     " FROM (SELECT entity_pk_value AS pk, entity_id AS kind FROM `%s` WHERE "
                     "entity_pk_value IN (%s) UNION SELECT entity_pk_value, entity_type FROM `%s` "
                     "WHERE entity_pk_value IN (%s)) p JOIN `%s` s",
                     names[REVIEW], of, names[SUMMARY], of, names[STORE]);
    rc |= buf_puts(sql, " LEFT JOIN (SELECT r.entity_pk_value AS pk, r.entity_id AS kind, "
                        "x.store_id, ROUND(SUM(v.percent) / COUNT(*)) AS rating") |
          add_votes(sql, names, of) |
          buf_puts(sql, " AND r.status_id = 1 GROUP BY 1, 2, 3) m ON m.pk = p.pk AND m.kind = "
                        "p.kind AND m.store_id = s.store_id) d");
    return rc;
}

static int run(struct import *im, const struct buf *sql, int rc, struct ds_error *err)
{
    return rc ? import_no_memory(err) : db_exec_len(im->db, (const char *)sql->data, sql->len, err);
}

static int write_summaries(struct import *im, const char *const names[TABLES], const char *of,
                           struct ds_error *err)
{
    static const char on[] = " ON s.entity_pk_value = d.pk AND s.entity_type = d.kind AND "
                             "s.store_id = d.store_id";
    BUF_AUTO struct buf update = {0}, insert = {0};
    int rc = buf_printf(&update, "UPDATE `%s` s JOIN ", names[SUMMARY]) |
             add_summaries(&update, names, of) | buf_puts(&update, on) |
             buf_puts(&update,
                      " SET s.reviews_count = d.reviews, s.rating_summary = COALESCE(d.rating, 0) "
                      "WHERE s.reviews_count <> d.reviews OR s.rating_summary <> "
                      "COALESCE(d.rating, 0)");
    rc = run(im, &update, rc, err);
    if (rc)
        return rc;
    rc = buf_printf(&insert,
                    "INSERT INTO `%s` (entity_pk_value, entity_type, reviews_count, "
                    "rating_summary, store_id) SELECT d.pk, d.kind, d.reviews, "
                    "COALESCE(d.rating, 0), d.store_id FROM ",
                    names[SUMMARY]) |
         add_summaries(&insert, names, of) |
         buf_printf(&insert, " LEFT JOIN `%s` s", names[SUMMARY]) | buf_puts(&insert, on) |
         buf_puts(&insert, " WHERE s.primary_id IS NULL AND (d.store_id > 0 OR d.rating IS NOT "
                           "NULL)");
    return run(im, &insert, rc, err);
}

/* By rating, what was reviewed, and store: all votes, and those of approved reviews. */
static int add_voted(struct buf *sql, const char *const names[TABLES], const char *of)
{
    return buf_puts(sql, "(SELECT v.rating_id, r.entity_pk_value AS pk, x.store_id, COUNT(*) AS n, "
                         "SUM(v.value) AS total, ROUND(AVG(v.value) * 20) AS percent, "
                         "COALESCE(ROUND(AVG(IF(r.status_id = 1, v.value, NULL)) * 20), 0) AS "
                         "approved") |
           add_votes(sql, names, of) | buf_puts(sql, " GROUP BY 1, 2, 3) d");
}

static int write_voted(struct import *im, const char *const names[TABLES], const char *of,
                       struct ds_error *err)
{
    static const char on[] = " ON a.rating_id = d.rating_id AND a.entity_pk_value = d.pk AND "
                             "a.store_id = d.store_id";
    BUF_AUTO struct buf gone = {0}, update = {0}, insert = {0};
    int rc = buf_printf(&gone, "DELETE a FROM `%s` a LEFT JOIN ", names[VOTED]) |
             add_voted(&gone, names, of) | buf_puts(&gone, on) |
             buf_printf(&gone, " WHERE a.entity_pk_value IN (%s) AND d.pk IS NULL", of);
    rc = run(im, &gone, rc, err);
    if (rc)
        return rc;
    rc = buf_printf(&update, "UPDATE `%s` a JOIN ", names[VOTED]) | add_voted(&update, names, of) |
         buf_puts(&update, on) |
         buf_puts(&update, " SET a.vote_count = d.n, a.vote_value_sum = d.total, a.percent = "
                           "d.percent, a.percent_approved = d.approved WHERE (a.vote_count, "
                           "a.vote_value_sum, a.percent) <> (d.n, d.total, d.percent) OR NOT "
                           "a.percent_approved <=> d.approved");
    rc = run(im, &update, rc, err);
    if (rc)
        return rc;
    rc = buf_printf(&insert,
                    "INSERT INTO `%s` (rating_id, entity_pk_value, vote_count, vote_value_sum, "
                    "percent, percent_approved, store_id) SELECT d.rating_id, d.pk, d.n, d.total, "
                    "d.percent, d.approved, d.store_id FROM ",
                    names[VOTED]) |
         add_voted(&insert, names, of) | buf_printf(&insert, " LEFT JOIN `%s` a", names[VOTED]) |
         buf_puts(&insert, on) | buf_puts(&insert, " WHERE a.primary_id IS NULL");
    return run(im, &insert, rc, err);
}

int import_reviews(struct import *im, struct ds_error *err)
{
    struct reviews *r = im->reviews;
    const char *names[TABLES];
    if ((!r->of.len && !r->written.len) || !find_tables(im, names))
        return 0;
    int rc = r->written.len ? look_up(im, buf_cstr(&r->written), err) : 0;
    if (rc || !r->of.len)
        return rc;
    rc = write_summaries(im, names, buf_cstr(&r->of), err);
    return rc ? rc : write_voted(im, names, buf_cstr(&r->of), err);
}
