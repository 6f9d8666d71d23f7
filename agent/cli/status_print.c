#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <yaml.h>

#include "agent/cli/status.h"
#include "schema/json.h"

static const char *const state_names[] = {"starting",  "snapshot",       "catching_up",
                                          "streaming", "waiting_source", "waiting_destination",
                                          "stopped",   "failed"};

const char *stream_state_name(enum stream_state state)
{
    return state_names[state];
}

static const char *iso_time(uint64_t seconds, char *out, size_t size)
{
    struct tm tm;
    time_t t = (time_t)seconds;
    if (!seconds || !gmtime_r(&t, &tm) || !strftime(out, size, "%Y-%m-%dT%H:%M:%SZ", &tm))
        return NULL;
    return out;
}

static void position_json(struct json *j, const char *file, uint64_t pos)
{
    json_text(j, "file", file);
    if (file)
        json_uint(j, "position", pos);
    else
        json_null(j, "position");
}

static void lag_json(struct json *j, int64_t seconds)
{
    if (seconds < 0)
        json_null(j, "lag_seconds");
    else
        json_int(j, "lag_seconds", seconds);
}

int stream_status_json(const struct stream_status *s, struct buf *out)
{
    struct json j = {.out = out};
    char time[40];
    json_object(&j, NULL);
    json_text(&j, "name", s->name);
    json_text(&j, "mode", s->mode);
    json_text(&j, "state", stream_state_name(s->state));
    if (s->error)
        json_text(&j, "error", s->error);
    json_object(&j, "source");
    json_text(&j, "gtid", s->source_gtid);
    position_json(&j, s->source_file, s->source_position);
    json_end(&j);
    json_object(&j, "applied");
    json_text(&j, "gtid", s->applied_gtid);
    position_json(&j, s->applied_file, s->applied_position);
    json_text(&j, "time", iso_time(s->applied_time, time, sizeof time));
    json_end(&j);
    lag_json(&j, s->lag_seconds);
    json_bool(&j, "caught_up", s->caught_up);
    json_uint(&j, "transactions", s->transactions);
    json_uint(&j, "rows", s->rows);
    json_uint(&j, "rows_written", s->rows_written);
    json_uint(&j, "batches", s->batches);
    json_uint(&j, "conflicts", s->conflicts);
    json_uint(&j, "quarantined", s->quarantined);
    json_uint(&j, "entering", s->entering);
    json_array(&j, "stale_tables");
    for (size_t i = 0; i < s->stale_count; i++)
        json_text(&j, NULL, s->stale_tables[i]);
    json_end(&j);
    json_object(&j, "hooks");
    json_uint(&j, "pending", s->hooks.pending);
    json_uint(&j, "oldest", s->hooks.oldest);
    json_uint(&j, "attempts", s->hooks.attempts);
    json_text(&j, "last_error", s->hooks.last_error[0] ? s->hooks.last_error : NULL);
    json_end(&j);
    json_object(&j, "entities");
    for (size_t i = 0; i < s->entity_count; i++) {
        json_object(&j, s->entities[i].name);
        json_uint(&j, "inserted", s->entities[i].inserted);
        json_uint(&j, "updated", s->entities[i].updated);
        json_uint(&j, "deleted", s->entities[i].deleted);
        json_uint(&j, "folded", s->entities[i].folded);
        json_text(&j, "time", iso_time(s->entities[i].time, time, sizeof time));
        lag_json(&j, s->lag_seconds);
        json_end(&j);
    }
    json_end(&j);
    if (s->position_count)
        json_object(&j, "positions");
    for (size_t i = 0; i < s->position_count; i++) {
        json_object(&j, s->positions[i].entity);
        json_text(&j, "gtid", s->positions[i].gtid);
        position_json(&j, s->positions[i].file, s->positions[i].position);
        json_end(&j);
    }
    if (s->position_count)
        json_end(&j);
    if (s->state == STREAM_SNAPSHOT) {
        json_object(&j, "snapshot");
        if (s->copying) {
            json_text(&j, "entity", s->copying);
            json_uint(&j, "entities", s->copied);
            json_uint(&j, "entities_estimate", s->copied_estimate);
        }
        json_uint(&j, "rows", s->snapshot_rows);
        json_uint(&j, "rows_estimate", s->snapshot_estimate);
        json_uint(&j, "tables_done", s->snapshot_tables_done);
        json_uint(&j, "tables", s->snapshot_tables);
        json_end(&j);
    }
    json_end(&j);
    return j.failed ? j.failed : buf_puts(out, "\n");
}

static int text_position(struct buf *out, const char *head, const char *gtid, const char *file,
                         uint64_t pos)
{
    int rc = buf_printf(out, "%-12s %s", head, gtid ? gtid : file ? "" : "unknown");
    if (rc == 0 && file)
        rc = buf_printf(out, "%s%s:%" PRIu64, gtid ? "  " : "", file, pos);
    return rc ? rc : buf_puts(out, "\n");
}

static int text_positions(const struct stream_status *s, struct buf *out)
{
    int rc = 0;
    for (size_t i = 0; i < s->position_count && rc == 0; i++) {
        char head[100];
        snprintf(head, sizeof head, "  %s", s->positions[i].entity);
        rc = text_position(out, head, s->positions[i].gtid, s->positions[i].file,
                           s->positions[i].position);
    }
    return rc;
}

static int text_entity(struct buf *out, const struct entity_counts *e)
{
    char time[40];
    const char *at = iso_time(e->time, time, sizeof time);
    return buf_printf(out,
                      "  %-24s %12" PRIu64 " inserted %12" PRIu64 " updated %12" PRIu64
                      " deleted %12" PRIu64 " folded%s%s\n",
                      e->name, e->inserted, e->updated, e->deleted, e->folded, at ? "  as of " : "",
                      at ? at : "");
}

static int text_hooks(struct buf *out, const struct hooks_status *h)
{
    int rc = 0;
    if (h->pending)
        rc = buf_printf(out,
                        "%-12s %" PRIu64 " messages wait, the oldest for %" PRIu64
                        " s, after %" PRIu64 " attempts\n",
                        "hooks", h->pending, h->oldest, h->attempts);
    if (rc == 0 && h->last_error[0])
        rc = buf_printf(out, "%-12s %s\n", "", h->last_error);
    return rc;
}

int stream_status_text(const struct stream_status *s, struct buf *out)
{
    char time[40];
    const char *at = iso_time(s->applied_time, time, sizeof time);
    int rc = buf_printf(out, "%-12s %s (%s)\n%-12s %s%s\n", "stream", s->name, s->mode, "state",
                        stream_state_name(s->state), s->caught_up ? ", caught up" : "");
    if (rc == 0 && s->error)
        rc = buf_printf(out, "%-12s %s\n", "error", s->error);
    rc = rc ? rc : text_position(out, "source", s->source_gtid, s->source_file, s->source_position);
    rc = rc ? rc
            : text_position(out, "applied", s->applied_gtid, s->applied_file, s->applied_position);
    rc = rc ? rc : text_positions(s, out);
    if (rc == 0 && at)
        rc = buf_printf(out, "%-12s %s\n", "as of", at);
    if (rc == 0 && s->lag_seconds >= 0)
        rc = buf_printf(out, "%-12s %" PRId64 " s\n", "lag", s->lag_seconds);
    if (rc == 0 && s->state == STREAM_SNAPSHOT && s->copying)
        rc = buf_printf(out, "%-12s %s, %" PRIu64 " of about %" PRIu64 " entities\n", "copy",
                        s->copying, s->copied, s->copied_estimate);
    else if (rc == 0 && s->state == STREAM_SNAPSHOT)
        rc = buf_printf(
            out, "%-12s %" PRIu64 " of %" PRIu64 " tables, %" PRIu64 " of about %" PRIu64 " rows\n",
            "snapshot", s->snapshot_tables_done, s->snapshot_tables, s->snapshot_rows,
            s->snapshot_estimate);
    rc = rc ? rc
            : buf_printf(out,
                         "%-12s %" PRIu64 " transactions, %" PRIu64 " rows, %" PRIu64
                         " rows written in %" PRIu64 " batches\n%-12s %" PRIu64 ", %" PRIu64
                         " in quarantine\n",
                         "so far", s->transactions, s->rows, s->rows_written, s->batches,
                         "conflicts", s->conflicts, s->quarantined);
    if (rc == 0 && s->entering)
        rc = buf_printf(out, "%-12s %" PRIu64 " entities wait for their copy\n", "entering",
                        s->entering);
    for (size_t i = 0; i < s->stale_count && rc == 0; i++)
        rc = buf_printf(out, "%s%s%s", i ? ", " : "stale        ", s->stale_tables[i],
                        i + 1 == s->stale_count ? "\n" : "");
    rc = rc ? rc : text_hooks(out, &s->hooks);
    for (size_t i = 0; i < s->entity_count && rc == 0; i++)
        rc = text_entity(out, &s->entities[i]);
    return rc;
}

/* --- reading it back ------------------------------------------------------ */

static const char *scalar(const yaml_node_t *node)
{
    return node && node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : NULL;
}

static const yaml_node_t *member(yaml_document_t *d, const yaml_node_t *map, const char *key)
{
    if (!map || map->type != YAML_MAPPING_NODE)
        return NULL;
    for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top;
         p++) {
        const char *name = scalar(yaml_document_get_node(d, p->key));
        if (name && strcmp(name, key) == 0)
            return yaml_document_get_node(d, p->value);
    }
    return NULL;
}

static bool is_null(const yaml_node_t *node)
{
    return node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && strcmp(scalar(node), "null") == 0;
}

static int take_text(yaml_document_t *d, const yaml_node_t *map, const char *key, char **out)
{
    const yaml_node_t *node = member(d, map, key);
    if (!scalar(node) || is_null(node))
        return 0;
    *out = strdup(scalar(node));
    return *out ? 0 : DS_ENOMEM;
}

static uint64_t take_number(yaml_document_t *d, const yaml_node_t *map, const char *key)
{
    const char *text = scalar(member(d, map, key));
    return text ? strtoull(text, NULL, 10) : 0;
}

static uint64_t take_time(yaml_document_t *d, const yaml_node_t *map, const char *key)
{
    struct tm tm = {0};
    const char *text = scalar(member(d, map, key));
    return text && strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm) ? (uint64_t)timegm(&tm) : 0;
}

static int take_lists(yaml_document_t *d, const yaml_node_t *root, struct stream_status *s)
{
    const yaml_node_t *stale = member(d, root, "stale_tables");
    const yaml_node_t *entities = member(d, root, "entities");
    size_t stale_count =
        stale && stale->type == YAML_SEQUENCE_NODE
            ? (size_t)(stale->data.sequence.items.top - stale->data.sequence.items.start)
            : 0;
    size_t entity_count =
        entities && entities->type == YAML_MAPPING_NODE
            ? (size_t)(entities->data.mapping.pairs.top - entities->data.mapping.pairs.start)
            : 0;
    s->stale_tables = calloc(stale_count + 1, sizeof *s->stale_tables);
    s->entities = calloc(entity_count + 1, sizeof *s->entities);
    if (!s->stale_tables || !s->entities)
        return DS_ENOMEM;
    for (size_t i = 0; i < stale_count; i++) {
        const char *name = scalar(yaml_document_get_node(d, stale->data.sequence.items.start[i]));
        if (name && !(s->stale_tables[s->stale_count++] = strdup(name)))
            return DS_ENOMEM;
    }
    for (size_t i = 0; i < entity_count; i++) {
        yaml_node_pair_t *p = &entities->data.mapping.pairs.start[i];
        const char *name = scalar(yaml_document_get_node(d, p->key));
        const yaml_node_t *counts = yaml_document_get_node(d, p->value);
        if (!name)
            continue;
        struct entity_counts *e = &s->entities[s->entity_count++];
        e->inserted = take_number(d, counts, "inserted");
        e->updated = take_number(d, counts, "updated");
        e->deleted = take_number(d, counts, "deleted");
        e->folded = take_number(d, counts, "folded");
        e->time = take_time(d, counts, "time");
        snprintf(e->name, sizeof e->name, "%s", name);
    }
    return 0;
}

static int take_all(yaml_document_t *d, struct stream_status *s, struct ds_error *err)
{
    const yaml_node_t *root = yaml_document_get_root_node(d);
    const yaml_node_t *source = member(d, root, "source"), *applied = member(d, root, "applied");
    const char *state = scalar(member(d, root, "state"));
    const char *lag = scalar(member(d, root, "lag_seconds"));
    const char *caught_up = scalar(member(d, root, "caught_up"));
    unsigned i = 0;
    while (state && i < sizeof state_names / sizeof *state_names &&
           strcmp(state_names[i], state) != 0)
        i++;
    if (!state || i == sizeof state_names / sizeof *state_names)
        return error_set(err, DS_EFORMAT, "the running process gave no state that is known");
    s->state = i;
    s->caught_up = caught_up && strcmp(caught_up, "true") == 0;
    s->lag_seconds = lag && *lag >= '0' && *lag <= '9' ? (int64_t)strtoll(lag, NULL, 10) : -1;
    s->source_position = take_number(d, source, "position");
    s->applied_position = take_number(d, applied, "position");
    s->applied_time = take_time(d, applied, "time");
    s->transactions = take_number(d, root, "transactions");
    s->rows = take_number(d, root, "rows");
    s->rows_written = take_number(d, root, "rows_written");
    s->batches = take_number(d, root, "batches");
    s->conflicts = take_number(d, root, "conflicts");
    s->quarantined = take_number(d, root, "quarantined");
    s->entering = take_number(d, root, "entering");
    const yaml_node_t *hooks = member(d, root, "hooks"), *error = member(d, hooks, "last_error");
    s->hooks.pending = take_number(d, hooks, "pending");
    s->hooks.oldest = take_number(d, hooks, "oldest");
    s->hooks.attempts = take_number(d, hooks, "attempts");
    if (scalar(error) && !is_null(error))
        snprintf(s->hooks.last_error, sizeof s->hooks.last_error, "%s", scalar(error));
    const yaml_node_t *snapshot = member(d, root, "snapshot");
    s->snapshot_rows = take_number(d, snapshot, "rows");
    s->snapshot_estimate = take_number(d, snapshot, "rows_estimate");
    s->snapshot_tables = take_number(d, snapshot, "tables");
    s->snapshot_tables_done = take_number(d, snapshot, "tables_done");
    s->copied = take_number(d, snapshot, "entities");
    s->copied_estimate = take_number(d, snapshot, "entities_estimate");
    int rc = take_text(d, root, "name", &s->name);
    rc = rc ? rc : take_text(d, root, "mode", &s->mode);
    rc = rc ? rc : take_text(d, root, "error", &s->error);
    rc = rc ? rc : take_text(d, snapshot, "entity", &s->copying);
    rc = rc ? rc : take_text(d, source, "gtid", &s->source_gtid);
    rc = rc ? rc : take_text(d, source, "file", &s->source_file);
    rc = rc ? rc : take_text(d, applied, "gtid", &s->applied_gtid);
    rc = rc ? rc : take_text(d, applied, "file", &s->applied_file);
    rc = rc ? rc : take_lists(d, root, s);
    return rc ? error_set(err, DS_ENOMEM, "out of memory for the status") : 0;
}

int stream_status_parse(struct stream_status *out, const char *text, size_t len,
                        struct ds_error *err)
{
    yaml_parser_t parser;
    yaml_document_t document;
    memset(out, 0, sizeof *out);
    if (!yaml_parser_initialize(&parser)) /* JSON as we print it is YAML */
        return error_set(err, DS_ENOMEM, "out of memory for the status");
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
    int rc;
    if (yaml_parser_load(&parser, &document)) {
        rc = take_all(&document, out, err);
        yaml_document_delete(&document);
    } else {
        rc = error_set(err, DS_EFORMAT, "the running process did not answer with its status");
    }
    yaml_parser_delete(&parser);
    if (rc)
        stream_status_free(out);
    return rc;
}
