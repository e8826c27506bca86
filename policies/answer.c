#include "policies/answer.h"

#include "gateway/base/assert.h"
#include "gateway/base/text.h"
#include "policies/backup.h"

static unsigned long long number_of(const struct incident *incident)
{
    return (unsigned long long)incident->number;
}

static const char *eta_part(const struct incident *incident, const struct moment *moment,
                            const struct zone *zone)
{
    if (incident->later->eta_at_ms == 0)
        return "";
    return arena_printf(moment->arena, ", back expected %s",
                        moment_local_time(moment, zone, incident->later->eta_at_ms));
}

const char *answer_owner(const struct incident *incident, const struct moment *moment,
                         const char *reader)
{
    const struct zone *zone = moment_zone_of(moment, reader);
    const char *until = moment_local_time(moment, zone, incident->later->ack_until_ms);
    const char *eta = eta_part(incident, moment, zone);
    if (text_equal(incident->later->owner, reader))
        return arena_printf(moment->arena, "#%llu is yours until %s%s.", number_of(incident), until,
                            eta);
    return arena_printf(moment->arena, "%s has #%llu until %s%s.", incident->later->owner,
                        number_of(incident), until, eta);
}

const char *answer_resolved(const struct incident *incident, const struct moment *moment,
                            const char *reader)
{
    ASSERT(incident->state == INCIDENT_RESOLVED);
    return arena_printf(
        moment->arena, "#%llu was resolved at %s.", number_of(incident),
        moment_local_time(moment, moment_zone_of(moment, reader), incident->later->resolved_at_ms));
}

const char *answer_status(const struct incident *incident, const struct moment *moment,
                          const char *reader)
{
    if (incident->state == INCIDENT_RESOLVED)
        return answer_resolved(incident, moment, reader);
    const char *head = arena_printf(moment->arena, "#%llu is %s, %s, p%u: %s", number_of(incident),
                                    incident_state_name((enum incident_state)incident->state),
                                    severity_name((enum severity)incident->severity),
                                    (unsigned)incident->priority, incident_title(incident));
    if (incident->state == INCIDENT_ACKNOWLEDGED)
        head = arena_printf(moment->arena, "%s. %s", head, answer_owner(incident, moment, reader));
    const char *backup = backup_text(incident, moment, moment_zone_of(moment, reader));
    if (backup[0] == '\0')
        return head;
    return arena_printf(moment->arena, "%s%s Last good backup: %s.", head,
                        incident->state == INCIDENT_ACKNOWLEDGED ? "" : ".", backup);
}

const char *answer_help(void)
{
    return "Reply with: ack, known, eta 45m, p1..p5, cause …, note …, loss …, restored …, take, "
           "escalate, pass, "
           "snooze 30m, resolve, status; put #N first to name an incident.";
}
