#include "policies/advance.h"

#include "gateway/base/text.h"
#include "policies/answer.h"
#include "policies/climb.h"
#include "policies/reach.h"
#include "policies/suppression.h"

static unsigned long long number_of(const struct incident *incident)
{
    return (unsigned long long)incident->number;
}

/* An escalate or pass that answers a page which a later one has overtaken would skip somebody. */
static bool answers_overtaken(const struct incident *incident, const struct move *move)
{
    return move->answers != NULL && move->answers->kind == KIND_PAGE &&
           !reach_is_latest(incident, move->answers);
}

static void advance(struct incident *incident, const struct move *move, struct moment *moment)
{
    moment_notef(moment, "escalate", &(struct facts){.by = move->by}, "%s escalates", move->by);
    climb_advance(incident, moment, arena_printf(moment->arena, "%s escalated it", move->by));
    if (suppression_holds(incident))
        moment->answer = arena_printf(moment->arena, "#%llu: no step runs while %s holds it.",
                                      number_of(incident), incident->later->mark);
    else
        moment->answer = arena_printf(moment->arena, "#%llu: the next step is being paged.",
                                      number_of(incident));
}

void advance_escalate(struct incident *incident, const struct move *move, struct moment *moment)
{
    if (answers_overtaken(incident, move)) {
        moment_notef(moment, "note", &(struct facts){.by = move->by},
                     "%s escalated a step that is no longer the latest", move->by);
        moment->answer = arena_printf(moment->arena, "#%llu: that step is no longer the latest.",
                                      number_of(incident));
        return;
    }
    advance(incident, move, moment);
}

/* A page of before the reopening may be answered during the hold. */
void advance_escalate_held(struct incident *incident, const struct move *move,
                           struct moment *moment)
{
    if (!answers_overtaken(incident, move))
        climb_trigger(incident, moment);
    advance_escalate(incident, move, moment);
}

void advance_escalate_acked(struct incident *incident, const struct move *move,
                            struct moment *moment)
{
    if (answers_overtaken(incident, move)) {
        advance_escalate(incident, move, moment);
        return;
    }
    moment_notef(moment, "ack-ended", &(struct facts){.by = move->by},
                 "%s ends the acknowledgement of %s", move->by, incident->later->owner);
    climb_end_ack(incident, moment);
    advance(incident, move, moment);
}

void advance_pass(struct incident *incident, const struct move *move, struct moment *moment)
{
    if (answers_overtaken(incident, move)) {
        advance_escalate(incident, move, moment);
        return;
    }
    moment_notef(moment, "pass", &(struct facts){.by = move->by}, "%s: not me", move->by);
    for (struct notification *n = incident->notifications; n != NULL; n = n->next) {
        if (n->kind == KIND_PAGE && n->state == NOTIFICATION_PENDING &&
            text_equal(n->contact, move->by))
            moment_cancel(moment, n, "passed");
    }
    moment->answer =
        arena_printf(moment->arena, "#%llu: noted, others have been paged.", number_of(incident));
    if (reach_everybody_passed(incident, move->by))
        advance(incident, move, moment);
}

void advance_pass_acked(struct incident *incident, const struct move *move, struct moment *moment)
{
    if (text_equal(incident->later->owner, move->by)) {
        advance_escalate_acked(incident, move, moment);
        return;
    }
    moment_notef(moment, "pass", &(struct facts){.by = move->by}, "%s: not me", move->by);
    moment->answer = answer_owner(incident, moment, move->by);
}
