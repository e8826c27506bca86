#include "gateway/base/when.h"

#include <string.h>

#include "gateway/base/parse.h"
#include "gateway/base/text.h"

enum { HOUR_MINUTES = 60, MINUTE_AT = 16 /* where "2026-03-01T14:30" ends */, RFC3339_MOST = 64 };

static const int64_t ahead_ms = INT64_C(3660) * 86400000;

/* What RFC 3339 does not allow and everybody writes: no seconds. */
static int read_instant(const char *text, int64_t *out_at_ms)
{
    char whole[RFC3339_MOST];
    size_t length = strlen(text);
    bool is_short =
        length > MINUTE_AT && length < sizeof(whole) - 3 && strchr("Zz+-", text[MINUTE_AT]) != NULL;
    if (!is_short)
        return parse_rfc3339(text, out_at_ms, NULL);
    memcpy(whole, text, MINUTE_AT);
    memcpy(whole + MINUTE_AT, ":00", 3);
    memcpy(whole + MINUTE_AT + 3, text + MINUTE_AT, length - MINUTE_AT + 1);
    return parse_rfc3339(whole, out_at_ms, NULL);
}

int when_parse(const char *text, const struct when *when, int64_t *out_at_ms, struct err *err)
{
    int64_t ahead = 0;
    int minute = 0;
    if (text[0] == '+' && parse_duration(text + 1, 0, ahead_ms, &ahead, NULL) == 0) {
        *out_at_ms = when->now_ms + ahead;
        return 0;
    }
    if (parse_clock(text, &minute)) {
        *out_at_ms = zone_next_clock(when->zone, when->after_ms, minute / HOUR_MINUTES,
                                     minute % HOUR_MINUTES);
        return 0;
    }
    if (read_instant(text, out_at_ms) == 0)
        return 0;
    char got[TEXT_EXCERPT_BYTES];
    return err_set(err, ERR_INVALID,
                   "got '%s', want a time from now like +2h, a time of day like 14:30 (in %s), or "
                   "RFC 3339 like 2026-03-01T14:30Z",
                   text_excerpt(text, got), zone_name(when->zone));
}
