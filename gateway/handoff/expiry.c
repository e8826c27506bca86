#include "gateway/handoff/expiry.h"

#include <stdio.h>

#include "gateway/base/text.h"

#define DAY_MS INT64_C(86400000)

static const struct {
    int64_t left_ms; /* or less */
    enum severity severity;
    const char *how;
} stages[] = {
    {.left_ms = 0, .severity = SEVERITY_CRITICAL, .how = "ended at"},
    {.left_ms = DAY_MS, .severity = SEVERITY_CRITICAL, .how = "ends within a day, at"},
    {.left_ms = 7 * DAY_MS, .severity = SEVERITY_ERROR, .how = "ends within 7 days, at"},
    {.left_ms = 30 * DAY_MS, .severity = SEVERITY_WARNING, .how = "ends within 30 days, at"},
};

void expiry_tell(struct troubles *troubles, const struct expiry *expiry, int64_t now_ms)
{
    enum { STAGES = sizeof(stages) / sizeof(stages[0]) };
    char text[TROUBLES_TEXT_BYTES];
    char at[TEXT_RFC3339_BYTES];
    size_t i = 0;
    while (i < STAGES && expiry->ends_at_ms - now_ms > stages[i].left_ms)
        i++;
    if (expiry->ends_at_ms == 0 || i == STAGES) {
        troubles_end(troubles, TROUBLE_CERTIFICATE, expiry->name);
        return;
    }
    (void)snprintf(text, sizeof(text), "%s %s %s: %s", expiry->whose, stages[i].how,
                   text_rfc3339(expiry->ends_at_ms, at), expiry->advice);
    troubles_begin(troubles, &(struct trouble){.kind = TROUBLE_CERTIFICATE,
                                               .name = expiry->name,
                                               .severity = stages[i].severity,
                                               .summary = text});
}
