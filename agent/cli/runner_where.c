#include <string.h>
#include <time.h>

#include "agent/cli/runner.h"

/* 0-1-6 is a GTID, though strptime finds a day of the year 0 in it; 2026-13-01 is neither. */
static bool looks_like_time(const char *text)
{
    static const char digits[] = "0123456789";
    return strspn(text, digits) == 4 && text[4] == '-' && strspn(text + 5, digits) == 2 &&
           text[7] == '-' && strspn(text + 8, digits) == 2;
}

/* "2026-05-31", "2026-05-31 22:00[:00]", with T for the blank, and Z for UTC. */
static bool parse_time(const char *text, uint64_t *out)
{
    static const char *const forms[] = {"%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M",
                                        "%Y-%m-%dT%H:%M", "%Y-%m-%d"};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct tm tm = {.tm_isdst = -1};
        const char *end = strptime(text, forms[i], &tm);
        bool utc = end && strcmp(end, "Z") == 0;
        if (!end || (*end && !utc))
            continue;
        time_t t = utc ? timegm(&tm) : mktime(&tm);
        if (t <= 0)
            return false;
        *out = (uint64_t)t;
        return true;
    }
    return false;
}

int runner_parse_where(const char *option, const char *text, struct agent_stop_at *out,
                       struct ds_error *err)
{
    memset(out, 0, sizeof *out);
    if (looks_like_time(text)) {
        out->kind = STOP_AT_TIME;
        return parse_time(text, &out->time)
                   ? 0
                   : error_set(err, DS_EUSAGE, "--%s: there is no time '%.200s'", option, text);
    }
    out->kind = STOP_AT_POSITION;
    if (*text && gtid_set_parse(&out->position.gtid, text, NULL) == 0)
        return 0;
    memset(&out->position, 0, sizeof out->position);
    if (*text && file_position_parse(&out->position.file, text, NULL) == 0)
        return 0;
    return error_set(err, DS_EUSAGE,
                     "--%s: '%.200s' is neither a GTID (set), nor FILE:POSITION, nor a time "
                     "(YYYY-MM-DD HH:MM:SS, with Z for UTC)",
                     option, text);
}
