/* What earlier runs have left at the destination: where this one goes on, and whether it may. */
#include <stdlib.h>
#include <string.h>

#include "applier/apply.h"
#include "applier/record.h"

static int out_of_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory");
}

static int load_entities(struct applier *a)
{
    struct entity_counts counts;
    const char *line = a->cp.entities;
    a->entity_count = 0;
    while ((line = entity_counts_read(line, &counts))) {
        uint32_t i = gather_entity(a, counts.name);
        if (i == UINT32_MAX)
            return DS_ENOMEM;
        a->entities[i] = counts;
    }
    return 0;
}

static int check_filter(struct applier *a, struct ds_error *err)
{
    bool same = false;
    a->mask_recorded = a->cp.row && strcmp(a->cp.filter, a->filter) == 0;
    if (!a->cp.row || a->mask_recorded)
        return 0;
    int rc = mask_record_compare(a, &same, err);
    a->mask_differs = same;
    if (rc || same)
        return rc;
    if (strcmp(a->cp.filter_text, a->filter_text) == 0)
        return error_set(err, DS_EUSAGE,
                         "%s than when stream %s was copied (\"%s\"): set it back, or copy again "
                         "with --resnapshot",
                         filter_mask(a->options.filter)
                             ? "rules of the mask are others, or the catalogue gives names of the "
                               "filter another meaning,"
                             : "the catalogue gives names of the filter another meaning",
                         a->name, a->filter_text);
    return error_set(
        err, DS_EUSAGE,
        "the filter differs from the one that stream %s was copied with: it was \"%s\", now "
        "it is \"%s\"; set it back, or copy again with --resnapshot",
        a->name, a->cp.filter_text, a->filter_text);
}

/* A copy by itself may be of another one each time. */
static int check_databases(struct applier *a, struct ds_error *err)
{
    a->databases_recorded = false;
    return a->cp.row && !a->options.checkpoint
               ? record_databases_compare(a->db, a->config, &a->databases_recorded, err)
               : 0;
}

static int check_source_system(struct applier *a, struct ds_error *err)
{
    struct position at = {0};
    a->system_recorded = false;
    if (!a->positions || !a->cp.row)
        return 0;
    int rc = record_system_compare(a->db, a->config, &a->system_recorded, err);
    rc = rc || !a->cp.found ? rc : checkpoint_position(&a->cp, &at, err);
    if (rc == 0 && a->cp.found && !position_of_copy(&at))
        rc = record_registry_check(a->db, a->config, err);
    position_free(&at);
    return rc;
}

/* A dry run makes no table. */
int resume_open(struct applier *a, struct ds_error *err)
{
    bool exists = true;
    if (!a->options.dry_run)
        return state_ensure(a->db, a->state_database, err);
    int rc = state_exists(a->db, a->state_database, &exists, err);
    a->stateless = !exists;
    return rc || a->stateless ? rc : state_ensure(a->db, a->state_database, err);
}

static int read_checkpoint(struct applier *a, struct ds_error *err)
{
    checkpoint_free(&a->cp);
    if (!a->import || a->options.checkpoint) /* one for all of what is copied */
        return checkpoint_read(a->db, a->state_database, a->name, NULL, false, &a->cp, err);
    positions_free(a->positions); /* of a connection that did not last */
    a->positions = NULL;
    int rc = positions_read(&a->positions, a->db, a->state_database, a->name, a->options.filter,
                            &a->cp, err);
    if (rc == 0 && !a->options.dry_run)
        rc = positions_settle(a->positions, a->db, a->state_database, a->name, &a->cp, err);
    const char *missing = rc ? NULL : positions_to_copy(a->positions);
    return missing ? error_set(err, DS_EUSAGE,
                               "some entities have not been copied yet: begin with `datasync "
                               "incremental --entity %s`",
                               missing)
                   : rc;
}

/* What the checkpoint of earlier runs says, and the schema that it belongs to. */
int resume_read(struct applier *a, struct ds_error *err)
{
    int rc = 0;
    if (a->options.dry_run && (a->options.resnapshot || a->stateless))
        return 0; /* as if there were none */
    if (a->options.resnapshot) {
        rc = checkpoint_delete(a->db, a->state_database, a->name, err);
        rc = rc ? rc : record_mode_forget(a->db, a->config, a->name, err);
        a->options.resnapshot = false;
        a->replace_rows = true;
    }
    if (rc == 0)
        rc = record_mode_check(a->db, a->config, a->name, err);
    if (rc == 0)
        rc = read_checkpoint(a, err);
    if (rc == 0)
        rc = check_databases(a, err);
    if (rc == 0)
        rc = check_filter(a, err);
    if (rc == 0)
        rc = check_source_system(a, err);
    if (rc == 0 && load_entities(a))
        rc = out_of_memory(err);
    if (rc == 0 && a->cp.found) {
        char *copy = strdup(a->cp.source_identity);
        free(a->source_identity);
        a->source_identity = copy;
        rc = copy ? 0 : out_of_memory(err);
    }
    return rc;
}
