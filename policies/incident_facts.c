/* What is read off an alert or incident as it stands. */
#include "gateway/base/assert.h"
#include "policies/incident.h"

const char *alert_key(const struct alert *alert)
{
    return alert->text;
}

const char *alert_summary(const struct alert *alert)
{
    return alert->text + alert->summary_offset;
}

const char *alert_labels(const struct alert *alert)
{
    return alert->text + alert->labels_offset;
}

const char *incident_title(const struct incident *incident)
{
    return incident->title_offset != 0 ? incident->text + incident->title_offset
                                       : alert_summary(incident->alerts);
}

const char *incident_group_key(const struct incident *incident)
{
    return incident->text;
}

bool incident_is_open(const struct incident *incident)
{
    return incident->state != INCIDENT_RESOLVED;
}

uint32_t incident_firing_count(const struct incident *incident)
{
    uint32_t count = 0;
    for (int i = 0; i < SEVERITY_COUNT; i++)
        count += incident->firing[i];
    return count;
}

int incident_default_priority(enum severity severity)
{
    static const int priorities[SEVERITY_COUNT] = {
        [SEVERITY_CRITICAL] = 1,
        [SEVERITY_ERROR] = 2,
        [SEVERITY_WARNING] = 3,
        [SEVERITY_INFO] = 4,
    };
    ASSERT(severity < SEVERITY_COUNT);
    return priorities[severity];
}

const struct alert_later alert_blank = {.mark = ""};

struct alert_later *alert_without_later(void)
{
    return (struct alert_later *)(uintptr_t)&alert_blank;
}

const struct incident_later incident_blank = {.owner = "", .cause = "", .mark = "", .flap = ""};

struct incident_later *incident_without_later(void)
{
    return (struct incident_later *)(uintptr_t)&incident_blank;
}

bool incident_later_is_blank(const struct incident_later *later)
{
    const struct ladder_later *ladder = &later->ladder;
    bool has_text = later->owner[0] != '\0' || later->cause[0] != '\0' || later->mark[0] != '\0' ||
                    later->flap[0] != '\0';
    bool has_part = later->fields != NULL || later->repliers != NULL || later->talks != NULL ||
                    ladder->promises != NULL;
    int64_t times = later->acked_at_ms | later->resolved_at_ms | later->ack_until_ms |
                    later->eta_at_ms | ladder->fallback_at_ms | ladder->reminder_at_ms |
                    ladder->answer_until_ms | ladder->told_from_ms;
    uint64_t numbers =
        later->linked | later->slip_count | ladder->passed | (uint32_t)ladder->fallback_count;
    return !has_text && !has_part && times == 0 && numbers == 0;
}
