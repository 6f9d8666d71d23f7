/* Messages to hooks, as JSON. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "applier/outbox.h"
#include "schema/json.h"

static int out_of_memory(struct ds_error *err)
{
    return error_set(err, DS_ENOMEM, "out of memory for what hooks are told");
}

struct making {
    struct outbox_noted *n;
    const struct outbox_place *place;
    int (*each)(void *arg, uint32_t part, const struct buf *payload, struct ds_error *err);
    void *arg;
    struct buf text;
    struct json j;
    bool open;
    uint32_t keys;
    const struct outbox_entry *last; /* whose entity and list are open in this part */
};

static void begin_part(struct making *m, const char *kind)
{
    buf_clear(&m->text);
    m->j = (struct json){.out = &m->text};
    m->open = true;
    m->keys = 0;
    m->last = NULL;
    json_object(&m->j, NULL);
    json_text(&m->j, "stream", m->n->stream);
    json_text(&m->j, "kind", kind);
    json_uint(&m->j, "part", m->n->parts + 1);
}

static void put_end(struct json *j, const struct outbox_place *p)
{
    char text[40];
    struct tm tm;
    time_t t = (time_t)p->time;
    bool timed = p->time && gmtime_r(&t, &tm) && strftime(text, sizeof text, "%FT%TZ", &tm);
    if (p->gtid_set.len)
        json_text_len(j, "gtid", p->gtid_set.p, p->gtid_set.len);
    else
        json_null(j, "gtid");
    if (p->file.len) {
        json_text_len(j, "file", p->file.p, p->file.len);
        json_uint(j, "position", p->pos);
    } else {
        json_null(j, "file");
        json_null(j, "position");
    }
    json_text(j, "time", timed ? text : NULL);
    json_end(j);
}

int outbox_message_end(const struct outbox_place *place, struct buf *out)
{
    BUF_AUTO struct buf text = {0};
    struct json j = {.out = &text};
    json_object(&j, NULL);
    put_end(&j, place);
    return j.failed ? j.failed : buf_append(out, text.data + 1, text.len - 1);
}

static int end_part(struct making *m, struct ds_error *err)
{
    int rc = m->j.failed;
    if (m->place) {
        put_end(&m->j, m->place);
        rc = m->j.failed;
    } else {
        rc = rc ? rc : buf_puts(&m->text, ",");
    }
    m->open = false;
    m->n->parts++;
    return rc ? out_of_memory(err) : m->each(m->arg, m->n->parts, &m->text, err);
}

static void put_table(struct json *j, const struct outbox_table *t)
{
    json_text(j, "table", t->name);
    json_text(j, "entity", t->entity ? t->entity->name : NULL);
}

/* --- changes ------------------------------------------------------------------ */

static int by_entity(const void *x, const void *y)
{
    const struct outbox_entry *a = x, *b = y;
    if (a->order != b->order)
        return a->order < b->order ? -1 : 1;
    if (a->state != b->state)
        return a->state < b->state ? -1 : 1;
    return a->number < b->number ? -1 : a->number > b->number;
}

static void put_key(struct json *j, const struct outbox_entry *e)
{
    struct value v;
    const uint8_t *p = e->key;
    if (value_read(&p, e->key + e->len, &v)) {
        json_base64(j, NULL, e->key, e->len);
        return;
    }
    switch (v.kind) {
    case VALUE_INT:
        json_int(j, NULL, v.i);
        break;
    case VALUE_UINT:
        json_uint(j, NULL, v.u);
        break;
    case VALUE_FLOAT:
        json_double(j, NULL, (double)v.f);
        break;
    case VALUE_DOUBLE:
        json_double(j, NULL, v.d);
        break;
    case VALUE_TEXT:
    case VALUE_BYTES:
        json_bytes(j, NULL, v.bytes.p, v.bytes.len);
        break;
    default:
        json_null(j, NULL);
    }
}

/* Close what is open of the entities, and the object of them all. */
static void end_entities(struct making *m)
{
    if (m->last) {
        json_end(&m->j);
        json_end(&m->j);
    }
    json_end(&m->j);
}

static void put_entry(struct making *m, const struct outbox_entry *e)
{
    static const char *const states[] = {"inserted", "updated", "deleted", "changed"};
    const struct outbox_entry *last = m->last;
    bool entity = last && last->order == e->order, state = entity && last->state == e->state;
    if (last && !state)
        json_end(&m->j);
    if (last && !entity)
        json_end(&m->j);
    if (!entity)
        json_object(&m->j, e->table->entity->name);
    if (!state)
        json_array(&m->j, states[e->state]);
    put_key(&m->j, e);
    m->keys++;
    m->last = e;
}

static void begin_changes(struct making *m)
{
    begin_part(m, "changes");
    json_object(&m->j, "entities");
}

static int end_changes(struct making *m, bool with_tables, struct ds_error *err)
{
    end_entities(m);
    json_array(&m->j, "tables");
    for (const struct outbox_table *t = m->n->tables; t && with_tables; t = t->next) {
        if (!t->changes)
            continue;
        json_object(&m->j, NULL);
        put_table(&m->j, t);
        json_uint(&m->j, "changes", t->changes);
        json_end(&m->j);
    }
    json_end(&m->j);
    return end_part(m, err);
}

static int put_changes(struct making *m, struct ds_error *err)
{
    struct outbox_noted *n = m->n;
    bool tables = false;
    int rc = 0;
    for (const struct outbox_table *t = n->tables; t; t = t->next)
        tables |= t->changes > 0;
    if (n->entry_count)
        qsort(n->entries, n->entry_count, sizeof *n->entries, by_entity);
    for (uint32_t i = 0; i < n->entry_count && rc == 0; i++) {
        if (m->open && (m->keys >= OUTBOX_PART_KEYS || m->text.len >= OUTBOX_PART_BYTES))
            rc = end_changes(m, false, err);
        if (!m->open)
            begin_changes(m);
        put_entry(m, &n->entries[i]);
    }
    if (rc == 0 && !m->open && tables)
        begin_changes(m);
    return rc || !m->open ? rc : end_changes(m, true, err);
}

/* --- the others --------------------------------------------------------------- */

static int put_statement(struct making *m, struct ds_error *err)
{
    static const char *const kinds[] = {"changes", "ddl", "truncate", "copied", "snapshot"};
    const struct outbox_noted *n = m->n;
    if (n->kind == OUTBOX_CHANGES || (!n->about_count && !n->everything))
        return 0;
    begin_part(m, kinds[n->kind]);
    if (n->everything)
        json_bool(&m->j, "everything", true);
    if (n->kind != OUTBOX_SNAPSHOT) {
        json_array(&m->j, "tables");
        for (size_t i = 0; i < n->about_count; i++) {
            json_object(&m->j, NULL);
            put_table(&m->j, n->about[i]);
            json_end(&m->j);
        }
        json_end(&m->j);
    }
    return end_part(m, err);
}

int outbox_messages(struct outbox_noted *n, const struct outbox_place *place,
                    int (*each)(void *arg, uint32_t part, const struct buf *payload,
                                struct ds_error *err),
                    void *arg, struct ds_error *err)
{
    struct making m = {.n = n, .place = place, .each = each, .arg = arg};
    int rc = put_statement(&m, err);
    rc = rc ? rc : put_changes(&m, err);
    buf_free(&m.text);
    return rc;
}
