/* Base64 as shops write it: with =, without line breaks. Pure functions. */
#ifndef APPLIER_BASE64_H
#define APPLIER_BASE64_H

#include <stdbool.h>

#include "schema/buf.h"

bool base64_is(struct slice s); /* and not empty */
/* Of what is base64, into s.len bytes: how many it is. */
size_t base64_decode(struct slice s, uint8_t *out);
int base64_append(struct buf *out, const uint8_t *p, size_t len); /* 0 or DS_ENOMEM */

#endif
