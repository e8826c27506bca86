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
