/* Patterns as PHP's preg_match() takes them: /PATTERN/modifiers, by libpcre2. Without that none can
 * be opened. One owner, one thread.
 */
#ifndef APPLIER_MAP_PATTERN_H
#define APPLIER_MAP_PATTERN_H

#include <stdbool.h>

#include "schema/buf.h"
#include "schema/error.h"

struct pattern;

/* DS_EUSAGE: it is none, and why; DS_EUNSUPPORTED: built without libpcre2. The message begins with
 * the pattern. */
int pattern_open(struct pattern **out, const char *text, struct ds_error *err);
void pattern_close(struct pattern *p); /* NULL allowed */
/* Does it match anywhere in it? DS_ELIMIT: it cannot be told with a bearable effort. */
int pattern_match(const struct pattern *p, struct slice text, bool *matches, struct ds_error *err);

#endif
