#include "agent/absent.h"

#include <stdio.h>
#include <string.h>

#include "schema/log.h"

enum { NAMED_MAX = 20 };

void absent_add(struct absent *a, const char *item)
{
    size_t len = strlen(a->first);
    if (a->count++ < NAMED_MAX)
        snprintf(a->first + len, sizeof a->first - len, "%s%.32s", len ? ", " : "", item);
}

void absent_tell(const struct absent *a, const char *entity, const char *option)
{
    if (a->count)
        log_warn("not at the source, and not copied entity=%s option=--%s count=%zu first=\"%s\"",
                 entity, option, a->count, a->first);
}
