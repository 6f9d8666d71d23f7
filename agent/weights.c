#include "agent/weights.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "schema/arena.h"
#include "schema/db.h"
#include "schema/list.h"

enum {
    SLOTS = 1 << 16, /* of the table, a power of two */
    FULL = SLOTS / 2,
    ROUND = SLOTS / 8,         /* values asked for in one round, about */
    VALUES_PER_QUERY = 500,    /* a server's row has at most 4096 columns */
    BYTES_PER_QUERY = 1 << 18, /* of values */
    LONG_VALUE = 8192,         /* bytes; longer ones are compared by nobody */
};
/* What a digest is of: the first byte of what is hashed. */
enum { OF_BYTES = 'b', OF_WEIGHTS = 'w', OF_EMAIL = 'e' };

struct slot {
    XXH128_hash_t value; /* with its collation; both 0: free */
    bool known, empty;   /* the digest is; the weights are */
    uint8_t digest[MASK_DIGEST];
};
struct asked {
    uint32_t slot;
    bool email;
    const struct collation *collation;
    size_t at, len; /* in `bytes` */
};

struct weights {
    EVP_MAC_CTX *mac;
    uint64_t seed;
    struct slot *slots;
    uint32_t used;
    struct asked *asked;
    size_t asked_count, asked_cap;
    struct buf bytes; /* of the asked values */
    struct collation *collations;
    size_t collation_count;
    struct arena names;
};

static int no_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for masks");
}

int weights_new(struct weights **out, struct slice key, struct ds_error *err)
{
    struct weights *w = calloc(1, sizeof *w);
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    const OSSL_PARAM how[] = {OSSL_PARAM_utf8_string("digest", (char *)"SHA256", 6),
                              OSSL_PARAM_END};
    if (w && hmac)
        w->mac = EVP_MAC_CTX_new(hmac);
    EVP_MAC_free(hmac);
    if (w)
        w->slots = calloc(SLOTS, sizeof *w->slots);
    if (!w || !w->slots || !w->mac || !EVP_MAC_init(w->mac, key.p, key.len, how)) {
        weights_free(w);
        return no_memory(err);
    }
    w->seed = XXH3_64bits(key.p, key.len);
    *out = w;
    return 0;
}

void weights_free(struct weights *w)
{
    if (!w)
        return;
    EVP_MAC_CTX_free(w->mac);
    free(w->slots);
    free(w->asked);
    buf_free(&w->bytes);
    free(w->collations);
    arena_free(&w->names);
    free(w);
}

/* --- collations ------------------------------------------------------------- */

static int read_collations(struct weights *w, MYSQL *source, struct ds_error *err)
{
    struct db_server server;
    int rc = db_server_info(source, &server, err);
    if (rc)
        return rc;
    /* MariaDB from 10.10.1 on has collations that many character sets share */
    bool shared = server.mariadb && server.version >= 101001;
    MYSQL_RES *res = db_select(
        source, err,
        shared ? "SELECT k.ID, k.FULL_COLLATION_NAME, k.CHARACTER_SET_NAME, s.MAXLEN FROM "
                 "information_schema.COLLATION_CHARACTER_SET_APPLICABILITY k JOIN "
                 "information_schema.CHARACTER_SETS s USING (CHARACTER_SET_NAME)"
               : "SELECT k.ID, k.COLLATION_NAME, k.CHARACTER_SET_NAME, s.MAXLEN FROM "
                 "information_schema.COLLATIONS k JOIN information_schema.CHARACTER_SETS s USING "
                 "(CHARACTER_SET_NAME)");
    if (!res)
        return err->code;
    struct collation *all = calloc(mysql_num_rows(res) + 1, sizeof *all);
    bool ok = all != NULL;
    w->collations = all;
    for (MYSQL_ROW row; all && ok && (row = mysql_fetch_row(res));) {
        struct collation *c = &all[w->collation_count++];
        c->id = (uint16_t)(row[0] ? strtoul(row[0], NULL, 10) : 0);
        c->name = arena_strdup(&w->names, row[1] ? row[1] : "");
        c->charset = arena_strdup(&w->names, row[2] ? row[2] : "");
        c->char_max = (unsigned)(row[3] ? strtoul(row[3], NULL, 10) : 1);
        ok = c->name && c->charset;
    }
    mysql_free_result(res);
    return ok ? 0 : no_memory(err);
}

/* Collations that do not compare blanks at the end as if they were not there. */
static bool pads(const char *collation)
{
    return !strstr(collation, "nopad") && !strstr(collation, "_0900_");
}

/* What a blank weighs where blanks at the end do not count. */
static int read_padding(MYSQL *source, struct collation *c, struct ds_error *err)
{
    BUF_AUTO struct buf weight = {0};
    bool found = false;
    c->pad_read = true;
    if (!pads(c->name))
        return 0;
    int rc =
        db_scalar(source, &weight, &found, err,
                  "SELECT WEIGHT_STRING(CONVERT(X'20' USING %s) COLLATE %s)", c->charset, c->name);
    if (rc == 0 && found && weight.len <= sizeof c->pad) {
        memcpy(c->pad, weight.data, weight.len);
        c->pad_len = weight.len;
    }
    return rc;
}

int weights_collation(struct weights *w, MYSQL *source, uint16_t id, const struct collation **out,
                      struct ds_error *err)
{
    int rc = w->collations ? 0 : read_collations(w, source, err);
    struct collation *all = rc ? NULL : w->collations, *found = NULL;
    for (size_t i = 0; all && i < w->collation_count; i++)
        if (id && all[i].id == id)
            found = &all[i];
    if (found && !found->pad_read)
        rc = read_padding(source, found, err);
    *out = rc ? NULL : found;
    return rc;
}

/* --- what is known ------------------------------------------------------------ */

static XXH128_hash_t hash_of(const struct weights *w, const struct collation *c, bool email,
                             struct slice value)
{
    XXH128_hash_t h = XXH3_128bits_withSeed(
        value.p, value.len, w->seed ^ ((uint64_t)(c ? c->id : 0) << 1 | (uint64_t)email));
    h.low64 |= !h.low64 && !h.high64;
    return h;
}

/* Where the value is, or would be. */
static struct slot *find(const struct weights *w, XXH128_hash_t h)
{
    for (uint64_t i = h.low64;; i++) {
        struct slot *s = &w->slots[i & (SLOTS - 1)];
        if (XXH128_isEqual(s->value, h) || (!s->value.low64 && !s->value.high64))
            return s;
    }
}

static int digest_of(struct weights *w, uint8_t about, struct slice bytes, struct slot *slot,
                     struct ds_error *err)
{
    size_t len;
    slot->empty = bytes.len == 0;
    slot->known = true;
    if (!EVP_MAC_init(w->mac, NULL, 0, NULL) || !EVP_MAC_update(w->mac, &about, 1) ||
        !EVP_MAC_update(w->mac, bytes.p, bytes.len) ||
        !EVP_MAC_final(w->mac, slot->digest, &len, sizeof slot->digest))
        return no_memory(err);
    return 0;
}

static void forget(struct weights *w)
{
    memset(w->slots, 0, SLOTS * sizeof *w->slots);
    w->used = 0;
    w->asked_count = 0;
}

void weights_begin(struct weights *w)
{
    if (w->used > FULL || w->asked_count) /* what was wanted may never have been asked for */
        forget(w);
    buf_clear(&w->bytes);
}

int weights_note(struct weights *w, const struct collation *c, bool email, struct slice value,
                 bool *full, struct ds_error *err)
{
    XXH128_hash_t h = hash_of(w, c, email, value);
    struct slot *slot = find(w, h);
    *full = w->asked_count >= ROUND || w->used >= FULL + ROUND;
    if (XXH128_isEqual(slot->value, h))
        return 0;
    if (w->used >= SLOTS - 1)
        return error_set(err, DS_ELIMIT, "more values in one row than masks have room for");
    slot->value = h;
    w->used++;
    if (!c || value.len > LONG_VALUE)
        return digest_of(w, OF_BYTES, value, slot, err);
    if (LIST_ROOM(w->asked, w->asked_count, w->asked_cap))
        return no_memory(err);
    w->asked[w->asked_count++] = (struct asked){.slot = (uint32_t)(slot - w->slots),
                                                .email = email,
                                                .collation = c,
                                                .at = w->bytes.len,
                                                .len = value.len};
    return buf_append(&w->bytes, value.p, value.len) ? no_memory(err) : 0;
}

int weights_digest(const struct weights *w, const struct collation *c, bool email,
                   struct slice value, uint8_t digest[MASK_DIGEST], bool *empty,
                   struct ds_error *err)
{
    const struct slot *slot = find(w, hash_of(w, c, email, value));
    if (!slot->known) /* a mask made of nothing would be the same for everybody */
        return error_set(err, DS_EFORMAT, "a value is to be masked that was not asked for");
    memcpy(digest, slot->digest, MASK_DIGEST);
    *empty = slot->empty;
    return 0;
}

/* --- asking --------------------------------------------------------------------- */

bool weights_asks(const struct weights *w)
{
    return w->asked_count > 0;
}

static int append_hex(struct buf *sql, const uint8_t *p, size_t len)
{
    static const char digits[] = "0123456789ABCDEF";
    if (buf_reserve(sql, 2 * len))
        return DS_ENOMEM;
    for (size_t i = 0; i < len; i++) {
        sql->data[sql->len++] = (uint8_t)digits[p[i] >> 4];
        sql->data[sql->len++] = (uint8_t)digits[p[i] & 15];
    }
    return 0;
}

static int append_question(struct buf *sql, const struct weights *w, const struct asked *a)
{
    const struct collation *c = a->collation;
    const char *before = a->email        ? "TRIM(CONVERT(CONVERT(X'"
                         : pads(c->name) ? "RTRIM(CONVERT(X'"
                                         : "(CONVERT(X'";
    return buf_printf(sql, "%sWEIGHT_STRING(%s", sql->len > 7 ? "," : "", before) |
           append_hex(sql, w->bytes.data + a->at, a->len) |
           (a->email ? buf_printf(sql, "' USING %s) USING utf8mb4)) COLLATE utf8mb4_general_ci)",
                                  c->charset)
                     : buf_printf(sql, "' USING %s)) COLLATE %s)", c->charset, c->name));
}

/* Blanks are not all that stands for nothing at the end: where they count as nothing, so does what
 * weighs the same. */
static void drop_padding(const struct collation *c, struct slice *weight)
{
    while (c->pad_len && weight->len >= c->pad_len &&
           memcmp(weight->p + weight->len - c->pad_len, c->pad, c->pad_len) == 0)
        weight->len -= c->pad_len;
}

/* One row with the answers. What is no text of its character set has none: its bytes count. */
static int take_answers(struct weights *w, MYSQL *source, size_t first, size_t count,
                        struct ds_error *err)
{
    MYSQL_RES *res = mysql_store_result(source);
    MYSQL_ROW row = res ? mysql_fetch_row(res) : NULL;
    if (!row || mysql_num_fields(res) != count) {
        mysql_free_result(res);
        return db_fail(err, source, "asking for the weights of values that are masked");
    }
    const unsigned long *lengths = mysql_fetch_lengths(res);
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++) {
        const struct asked *a = &w->asked[first + i];
        struct slice weight = {(const uint8_t *)row[i], lengths[i]};
        struct slice bytes = {w->bytes.data + a->at, a->len};
        if (row[i] && !a->email)
            drop_padding(a->collation, &weight);
        rc = digest_of(w,
                       !row[i]    ? OF_BYTES
                       : a->email ? OF_EMAIL
                                  : OF_WEIGHTS,
                       row[i] ? weight : bytes, &w->slots[a->slot], err);
    }
    mysql_free_result(res);
    return rc;
}

int weights_ask(struct weights *w, MYSQL *source, struct ds_error *err)
{
    BUF_AUTO struct buf sql = {0};
    int rc = 0;
    for (size_t first = 0; first < w->asked_count && rc == 0;) {
        size_t count = 0, bytes = 0;
        buf_clear(&sql);
        rc = buf_puts(&sql, "SELECT ");
        for (; first + count < w->asked_count && count < VALUES_PER_QUERY &&
               bytes < BYTES_PER_QUERY && rc == 0;
             count++) {
            bytes += w->asked[first + count].len;
            rc = append_question(&sql, w, &w->asked[first + count]);
        }
        if (rc)
            rc = no_memory(err);
        else if (mysql_real_query(source, (const char *)sql.data, sql.len))
            rc = db_fail(err, source, "asking for the weights of values that are masked");
        else
            rc = take_answers(w, source, first, count, err);
        first += count;
    }
    if (rc)
        forget(w);
    else
        w->asked_count = 0;
    return rc;
}
