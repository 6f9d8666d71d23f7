/* Digests of values, such that values that are equal at the source have the same one.
 *
 * Whether two texts are equal only their collation knows, and only the server knows the collation:
 * it is asked for the weights (WEIGHT_STRING), many values at a time, and the digest is a keyed
 * hash (HMAC-SHA256) of them. E-mail addresses are brought into one form first, whatever collation
 * their column has. What has been asked is remembered as hashes alone, so that no value stays in
 * memory; bounded: when there is no room, all is forgotten and asked again.
 *
 * Used in rounds: weights_note for all values that are wanted, until it says that the round is
 * full; weights_ask; weights_digest for each of them. One owner (the masker), one thread.
 */
#ifndef AGENT_WEIGHTS_H
#define AGENT_WEIGHTS_H

#include <mysql.h>
#include <stdbool.h>
#include <stdint.h>

#include "schema/buf.h"
#include "schema/error.h"
#include "schema/mask_value.h"

struct weights;
/* How a column's values are equal. */
struct collation {
    uint16_t id; /* 0: bytes, numbers, dates: by themselves */
    const char *name, *charset;
    unsigned char_max; /* bytes of a character, at most */
    uint8_t pad[16];   /* what a blank weighs, where blanks at the end do not count */
    size_t pad_len;
    bool pad_read;
};

/* DS_ENOMEM. */
int weights_new(struct weights **out, struct slice key, struct ds_error *err);
void weights_free(struct weights *w);
/* A collation of the source by its id; NULL and no error: there is none. Reads all of them once. */
int weights_collation(struct weights *w, MYSQL *source, uint16_t id, const struct collation **out,
                      struct ds_error *err);
/* Begin a round; what an earlier one noted and did not ask for is forgotten. */
void weights_begin(struct weights *w);
/* The value will be wanted. `c` NULL: by its bytes. *full: no more values in this round. DS_ENOMEM.
 */
int weights_note(struct weights *w, const struct collation *c, bool email, struct slice value,
                 bool *full, struct ds_error *err);
/* Is there anything to ask for? */
bool weights_asks(const struct weights *w);
int weights_ask(struct weights *w, MYSQL *source, struct ds_error *err);
/* Of a value that was noted in this round, and asked for; else an error. *empty: it has no
 * character that counts, as an empty text has none. */
int weights_digest(const struct weights *w, const struct collation *c, bool email,
                   struct slice value, uint8_t digest[MASK_DIGEST], bool *empty,
                   struct ds_error *err);

#endif
