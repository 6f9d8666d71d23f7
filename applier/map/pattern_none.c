/* Built without libpcre2. */
#include "applier/map/pattern.h"

int pattern_open(struct pattern **out, const char *text, struct ds_error *err)
{
    *out = NULL;
    return error_set(err, DS_EUNSUPPORTED,
                     "\"%s\" is a pattern, and this datasync was built without libpcre2 (-Dpcre2)",
                     text);
}

void pattern_close(struct pattern *p)
{
    (void)p;
}

int pattern_match(const struct pattern *p, struct slice text, bool *matches, struct ds_error *err)
{
    (void)p;
    (void)text;
    *matches = false;
    return error_set(err, DS_EUNSUPPORTED, "built without libpcre2");
}
