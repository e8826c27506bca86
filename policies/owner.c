#include "policies/owner.h"

#include "gateway/base/text.h"
#include "policies/fields.h"
#include "policies/follow.h"
#include "policies/quiet.h"
#include "policies/suppression.h"

static unsigned long long number_of(const struct incident *incident)
{
    return (unsigned long long)incident->number;
}

void owner_note_severity(struct incident *incident, struct moment *moment)
{
    moment_notef(moment, "severity", NULL, "the severity rose to %s",
                 severity_name((enum severity)incident->severity));
    if (incident_is_urgent(incident))
        quiet_release(incident, moment);
}

void owner_page(struct incident *incident, struct moment *moment)
{
    struct ladder *ladder = &incident->ladder;
    if (incident->severity <= ladder->acked_severity || suppression_holds(incident))
        return;
    ladder->acked_severity = (int8_t)incident->severity;
    int32_t first = ladder_first_page(incident->policy);
    int64_t wait_ms = first >= 0 ? incident->policy->steps[first].wait_ms : OWNER_REMIND_BEFORE_MS;
    /* A source or an operator has no address. */
    const char *owner = incident->later->owner;
    const char *whom = fields_whom(incident, moment);
    const char *how =
        text_equal(whom, owner)
            ? "reply anything to keep it."
            : arena_printf(moment->arena, "%s has it; reply \"take\" to take it over.", owner);
    const char *text = arena_printf(moment->arena, "#%llu has become %s: %s", number_of(incident),
                                    severity_name((enum severity)incident->severity), how);
    bool is_sent = follow_send(incident, moment, KIND_PAGE, whom, text);
    incident->later->ladder.answer_until_ms =
        (is_sent ? quiet_due_ms(moment) : moment->now_ms) + wait_ms;
}
