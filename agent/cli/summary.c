#include "agent/cli/summary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- adding up ------------------------------------------------------------------------------- */

static void add_counts(struct import_counts *to, const struct import_counts *c, bool looked)
{
    to->errors += c->errors + c->missing;
    if (looked)
        return;
    if (c->last_ms && (!to->last_ms || c->first_ms < to->first_ms))
        to->first_ms = c->first_ms;
    to->last_ms = c->last_ms > to->last_ms ? c->last_ms : to->last_ms;
    to->created += c->created;
    to->updated += c->updated;
    to->merged += c->merged;
    to->skipped += c->skipped;
    to->invalid += c->invalid;
    to->deleted += c->deleted;
}

static int open_counts(struct summary *s, const struct invocation *in)
{
    size_t count = catalogue_count(in->catalogue);
    if (s->count)
        return 0;
    s->entities = calloc(count + 1, sizeof *s->entities);
    if (!s->entities)
        return DS_ENOMEM;
    s->count = count;
    for (size_t i = 0; i < count; i++)
        snprintf(s->entities[i].entity, sizeof s->entities[i].entity, "%s",
                 catalogue_at(in->catalogue, i)->name);
    snprintf(s->other.entity, sizeof s->other.entity, "%s", CONFIG_ALL);
    return 0;
}

/* Also of an entity by another name of it. */
static struct import_counts *counts_of(struct summary *s, const struct invocation *in,
                                       const char *entity)
{
    const struct catalogue_entity *e = catalogue_find(in->catalogue, entity);
    for (size_t i = 0; e && i < s->count; i++)
        if (catalogue_at(in->catalogue, i) == e)
            return &s->entities[i];
    return &s->other;
}

static uint64_t errors_of(const struct summary *s)
{
    uint64_t errors = s->other.errors;
    for (size_t i = 0; i < s->count; i++)
        errors += s->entities[i].errors;
    return errors;
}

int summary_add(struct summary *s, const struct invocation *in, const struct applier *applier,
                struct agent *agent, bool looked, int rc)
{
    struct agent_status st = {0};
    if (open_counts(s, in))
        return DS_ENOMEM;
    uint64_t before = errors_of(s);
    size_t count = 0;
    const struct import_counts *counts = applier ? applier_import_counts(applier, &count) : NULL;
    for (size_t i = 0; i < count && i < s->count; i++)
        add_counts(&s->entities[i], &counts[i], looked);
    const struct media_counts *images = applier ? applier_import_files(applier) : NULL;
    if (images && !looked) {
        s->images.copied += images->copied;
        s->images.downloaded += images->downloaded;
        s->images.kept += images->kept;
        s->images.missing += images->missing;
    }
    if (agent)
        agent_status_get(agent, &st);
    const char *asked = in->config.entities.count ? in->config.entities.items[0] : CONFIG_ALL;
    counts_of(s, in, asked)->invalid += st.invalid; /* a file is of one kind */
    if (rc && errors_of(s) == before)
        counts_of(s, in, strcmp(asked, CONFIG_ALL) == 0 ? st.snapshot_table : asked)->errors++;
    if (agent)
        agent_status_free(&st);
    return 0;
}

/* --- printing -------------------------------------------------------------------------------- */

static bool is_told(const struct import_counts *c)
{
    return c->created + c->updated + c->merged + c->skipped + c->invalid + c->deleted + c->errors >
           0;
}

static double rate_of(const struct import_counts *c)
{
    uint64_t ms = c->last_ms > c->first_ms ? c->last_ms - c->first_ms : 1;
    return (double)(c->created + c->updated + c->merged + c->skipped) * 1000.0 / (double)ms;
}

static int print_counts(const struct import_counts *c, bool json, struct buf *out)
{
    if (json)
        return buf_printf(out,
                          "{\"entity\":\"%s\",\"created\":%lu,\"updated\":%lu,\"merged\":%lu,"
                          "\"skipped\":%lu,\"deleted\":%lu,\"invalid\":%lu,\"errors\":%lu,"
                          "\"per_second\":%.1f}\n",
                          c->entity, c->created, c->updated, c->merged, c->skipped, c->deleted,
                          c->invalid, c->errors, rate_of(c));
    return buf_printf(out, "%-20s %9lu %9lu %9lu %9lu %9lu %9lu %9lu %9.0f\n", c->entity,
                      c->created, c->updated, c->merged, c->skipped, c->deleted, c->invalid,
                      c->errors, rate_of(c));
}

static int print_images(const struct media_counts *c, bool json, struct buf *out)
{
    return buf_printf(out,
                      json ? "{\"images\":{\"copied\":%lu,\"downloaded\":%lu,\"kept\":%lu,"
                             "\"missing\":%lu}}\n"
                           : "images: %lu copied, %lu downloaded, %lu there already, %lu missing\n",
                      c->copied, c->downloaded, c->kept, c->missing);
}

/* What the command names has a line if nothing else has. */
static const struct import_counts *alone(struct summary *s, const struct invocation *in)
{
    const struct import_counts *named =
        in->argument_count ? counts_of(s, in, in->arguments[0]) : &s->other;
    for (size_t i = 0; i < s->count; i++)
        if (is_told(&s->entities[i]))
            return NULL;
    return named == &s->other ? NULL : named;
}

static int print(struct summary *s, const struct invocation *in, struct buf *out)
{
    int rc = in->json
                 ? 0
                 : buf_printf(out, "%-20s %9s %9s %9s %9s %9s %9s %9s %9s%s\n", "entity", "created",
                              "updated", "merged", "skipped", "deleted", "invalid", "errors", "/s",
                              s->dry_run ? "   (dry run: nothing was written)" : "");
    const struct import_counts *named = alone(s, in);
    for (size_t i = 0; i < s->count && rc == 0; i++)
        if (is_told(&s->entities[i]) || &s->entities[i] == named)
            rc = print_counts(&s->entities[i], in->json, out);
    if (rc == 0 && is_told(&s->other))
        rc = print_counts(&s->other, in->json, out);
    const struct media_counts *images = &s->images;
    if (rc == 0 && images->copied + images->downloaded + images->kept + images->missing)
        rc = print_images(images, in->json, out);
    return rc;
}

static bool has_written(const struct summary *s)
{
    uint64_t written = 0;
    for (size_t i = 0; i < s->count; i++) {
        const struct import_counts *c = &s->entities[i];
        written += c->created + c->updated + c->merged + c->skipped + c->deleted;
    }
    return written > 0 && !s->dry_run;
}

void summary_explain_lost(const struct summary *s, const struct invocation *in,
                          struct ds_error *err)
{
    size_t len = strlen(err->message);
    const char *how = ": what is there already is only compared";
    if (!has_written(s))
        return;
    if (in->config.on_duplicate == DUPLICATE_SKIP)
        how = ": what is there already is passed over";
    else if (in->config.on_duplicate == DUPLICATE_ERROR && in->on_duplicate)
        how = ", but with --on-duplicate skip: error would end it at what is there already";
    snprintf(err->message + len, sizeof err->message - len,
             "; what had come until then is written, and stays (the summary counts it). To go on, "
             "start the same command again%s",
             how);
}

int summary_of_run(struct invocation *in, const struct runner_options *o)
{
    struct summary s = {.dry_run = o->dry_run};
    BUF_AUTO struct buf out = {0};
    in->imported = &s;
    int code = runner_run(in, o);
    in->imported = NULL;
    int printed = !s.count ? EXIT_DONE : print(&s, in, &out) ? EXIT_FAILED : cli_output(&out);
    free(s.entities);
    return code == EXIT_DONE ? printed : code;
}
