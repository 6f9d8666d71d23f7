/* What handlers may ask of a change, and of the call that they are in. */
#include <float.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "applier/apply.h"
#include "applier/handlers.h"
#include "schema/json.h"
#include "schema/log.h"

void handler_clean_text(char *text)
{
    size_t left = strlen(text);
    for (uint8_t *p = (uint8_t *)text; left;) {
        size_t n = utf8_character(p, left);
        if (n == 0)
            *p = '?';
        else if (*p < ' ' || *p == 0x7f)
            *p = ' ';
        n = n ? n : 1;
        p += n;
        left -= n;
    }
}

/* The shortest that is the same number: 12.1, not 12.0999999999999996. */
static size_t double_text(char room[HANDLER_NUMBER_ROOM], double d)
{
    int n = 0;
    for (int digits = DBL_DIG; digits <= DBL_DECIMAL_DIG; digits++) {
        n = snprintf(room, HANDLER_NUMBER_ROOM, "%.*g", digits, d);
        if (strtod(room, NULL) == d)
            break;
    }
    return (size_t)n;
}

void handler_number_text(struct ds_value *v, char room[HANDLER_NUMBER_ROOM])
{
    size_t n = 0;
    if (v->kind == DS_INT)
        n = decimal_signed(room, v->i);
    else if (v->kind == DS_UINT)
        n = decimal_unsigned(room, v->u);
    else if (v->kind == DS_DOUBLE)
        n = double_text(room, v->d);
    else
        return;
    v->text = room;
    v->length = n;
}

static const char *change_entity(const struct ds_change *change)
{
    return change->entity;
}

static bool change_key(const struct ds_change *change, struct ds_value *out)
{
    return entity_key_value(change->key, out);
}

static size_t change_rows(const struct ds_change *change)
{
    return change->row_count;
}

static const struct ds_row *change_row(const struct ds_change *change, size_t i)
{
    return i < change->row_count ? change->rows[i] : NULL;
}

static const char *row_table(const struct ds_row *row)
{
    return row->table->target->name;
}

static const char *row_role(const struct ds_row *row)
{
    return row->role;
}

static enum ds_operation row_operation(const struct ds_row *row)
{
    return !row->before ? DS_INSERT : row->after ? DS_UPDATE : DS_DELETE;
}

static size_t row_columns(const struct ds_row *row)
{
    return row->table->target->column_count;
}

static const char *row_column(const struct ds_row *row, size_t i)
{
    return i < row_columns(row) ? row->table->target->columns[i].name : NULL;
}

static int row_find(const struct ds_row *row, const char *column)
{
    const struct target_table *t = row->table->target;
    for (uint32_t i = 0; i < t->column_count; i++) {
        const char *name = t->columns[i].name;
        if (((name[0] ^ column[0]) & ~0x20) == 0 && strcasecmp(name, column) == 0)
            return (int)i;
    }
    return -1;
}

static bool image_value(struct ds_call *call, const struct ds_row *row, const uint8_t **image,
                        size_t i, struct ds_value *out)
{
    *out = (struct ds_value){.kind = DS_NULL};
    return image && i < row_columns(row) && image[i] &&
           entity_value(&row->table->target->columns[i], image[i], call->arena, out) == 0;
}

static bool row_before(struct ds_call *call, const struct ds_row *row, size_t i,
                       struct ds_value *out)
{
    return image_value(call, row, row->before, i, out);
}

static bool row_after(struct ds_call *call, const struct ds_row *row, size_t i,
                      struct ds_value *out)
{
    return image_value(call, row, row->after, i, out);
}

static const char *why(const struct ds_call *call)
{
    return call->statement.code ? call->statement.message : "";
}

static const char *position(const struct ds_call *call)
{
    return call->position;
}

static uint64_t commit_time(const struct ds_call *call)
{
    return call->commit_time;
}

static bool partial(const struct ds_call *call)
{
    return call->partial;
}

static void *alloc(struct ds_call *call, size_t size)
{
    return arena_zalloc(call->arena, size ? size : 1);
}

__attribute__((format(printf, 2, 3))) static int reason(struct ds_call *call, const char *format,
                                                        ...)
{
    va_list ap;
    va_start(ap, format);
    vsnprintf(call->reason, sizeof call->reason, format, ap);
    va_end(ap);
    handler_clean_text(call->reason);
    call->has_reason = true;
    return DS_HANDLER_ERROR;
}

static void log_text(struct ds_call *call, enum ds_log_level level, const char *text)
{
    static const enum log_level levels[] = {[DS_LOG_ERROR] = LOG_LEVEL_ERROR,
                                            [DS_LOG_WARN] = LOG_LEVEL_WARN,
                                            [DS_LOG_INFO] = LOG_LEVEL_INFO,
                                            [DS_LOG_DEBUG] = LOG_LEVEL_DEBUG};
    char line[1000];
    snprintf(line, sizeof line, "%s", text);
    handler_clean_text(line);
    log_write(level >= DS_LOG_ERROR && level <= DS_LOG_DEBUG ? levels[level] : LOG_LEVEL_INFO,
              "handler=%s message=\"%s\"", call->handler ? call->handler->h.name : "", line);
}

static bool target(struct ds_call *call, const char *entity, const char *table, struct ds_value id,
                   struct ds_value *out)
{
    struct import *im = call->a ? call->a->import : NULL;
    char room[HANDLER_NUMBER_ROOM];
    bool found;
    *out = im ? (struct ds_value){.kind = DS_UINT} : id;
    if (!im)
        return true;
    handler_number_text(&id, room);
    const struct slice text = {(const uint8_t *)id.text, id.length};
    return import_target_id(im, entity, table, text, &found, &out->u, &call->broken) == 0 && found;
}

const struct ds_api handler_api = {
    .size = sizeof handler_api,
    .abi = DS_HANDLER_ABI_VERSION,
    .change_entity = change_entity,
    .change_key = change_key,
    .change_rows = change_rows,
    .change_row = change_row,
    .row_table = row_table,
    .row_role = row_role,
    .row_operation = row_operation,
    .row_columns = row_columns,
    .row_column = row_column,
    .row_find = row_find,
    .row_before = row_before,
    .row_after = row_after,
    .query = handler_query,
    .result_rows = handler_result_rows,
    .result_columns = handler_result_columns,
    .result_column = handler_result_column,
    .result_value = handler_result_value,
    .exec = handler_exec,
    .why = why,
    .position = position,
    .commit_time = commit_time,
    .partial = partial,
    .alloc = alloc,
    .reason = reason,
    .log = log_text,
    .target = target,
    .record_fields = handler_record_fields,
    .record_field = handler_record_field,
    .record_find = handler_record_find,
    .record_value = handler_record_value,
    .emit = handler_emit,
};
