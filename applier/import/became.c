/* Log lines, with -vv, of what became of each entity: told when that is committed. */
#include <string.h>

#include "applier/import/import_internal.h"
#include "schema/log.h"

/* What has been counted since. */
static const char *counted(const struct import_counts *c, const struct import_counts *before)
{
    return c->created > before->created   ? "created"
           : c->updated > before->updated ? "updated"
           : c->merged > before->merged   ? "merged"
           : c->skipped > before->skipped ? "skipped"
                                          : NULL;
}

void import_note_became(struct import_entity *e, const struct import_counts *c,
                        const struct import_counts *before)
{
    const char *what = counted(c, before);
    e->became = what ? what : e->became;
}

int import_write_became(struct import *im)
{
    int rc = 0;
    for (uint32_t i = 0; i < im->entity_count && rc == 0; i++) {
        const struct import_entity *e = im->entity_list[i];
        uint64_t id = e->root && e->root->target_id ? e->root->target_id : e->target;
        if (e->became)
            rc = buf_printf(&im->became, "%s entity=%s key=%.*s id=%lu\n", e->became,
                            e->entity->name, (int)e->key.len,
                            e->key.len ? (const char *)e->key.p : "", id);
    }
    return rc;
}

void import_log_became(struct import *im)
{
    const char *line = im->became.len ? buf_cstr(&im->became) : "";
    for (size_t n; *line; line += n + (line[n] == '\n')) {
        n = strcspn(line, "\n");
        log_write(LOG_LEVEL_TRACE, "%.*s", (int)n, line);
    }
    buf_clear(&im->became);
}
