#include "policies/repolicy.h"

#include "gateway/base/assert.h"
#include "gateway/base/text.h"
#include "policies/climb.h"
#include "policies/updates.h"

enum { HASH_SHOWN = 12 };

/* What a step that is gone has not sent yet it will not send. Pages outside the steps stay. */
static void cancel_gone(const struct incident *incident, const struct policy *policy,
                        struct moment *moment)
{
    for (struct notification *n = incident->notifications; n != NULL; n = n->next) {
        if (n->kind != KIND_PAGE || n->repetition > 0 || n->state != NOTIFICATION_PENDING)
            continue;
        int32_t step = ladder_find_step(policy, n->step);
        if (step < 0 || policy->steps[step].kind != STEP_PAGE)
            moment_cancel(moment, n, "the policy no longer has this step");
    }
}

/* Steps of the new version by whose name something was sent: pages in this climb, others since the
 * opening. The ladder alone does not know what a version before the last one has run. */
static uint64_t sent_steps(const struct incident *incident, const struct policy *policy)
{
    const struct ladder *ladder = &incident->ladder;
    uint64_t sent = 0;
    for (const struct notification *n = incident->notifications; n != NULL; n = n->next) {
        bool is_page = n->kind == KIND_PAGE;
        bool is_told = n->kind == KIND_INFORM || n->kind == KIND_ASK;
        if (!(is_page || is_told) || n->repetition > 0 ||
            n->climb < (is_page ? ladder->climb : ladder->first_climb))
            continue;
        int32_t step = ladder_find_step(policy, n->step);
        if (step >= 0)
            sent |= UINT64_C(1) << step;
    }
    /* An update that has sent nothing yet has run all the same. */
    const struct update *update =
        incident->later->talks != NULL ? incident->later->talks->updates : NULL;
    for (; update != NULL; update = update->next) {
        int32_t step = ladder_find_step(policy, update->step);
        if (step >= 0)
            sent |= UINT64_C(1) << step;
    }
    return sent;
}

void repolicy(struct incident *incident, const struct move *move, struct moment *moment)
{
    const struct policy *old = incident->policy;
    const struct policy *policy = move->policy;
    struct ladder *ladder = &incident->ladder;
    ASSERT(policy != NULL);
    if (text_equal(old->hash, policy->hash)) {
        moment->refused = true;
        moment->answer =
            arena_printf(moment->arena, "#%llu already runs the current version of policy %s.",
                         (unsigned long long)incident->number, policy->name);
        return;
    }
    bool reaching = ladder->latest >= 0 && ladder->reach_until_ms != 0;
    cancel_gone(incident, policy, moment);
    incident->policy = policy;
    ladder_repolicy(ladder, &incident->later->ladder, old, policy, sent_steps(incident, policy),
                    moment->now_ms);
    updates_repolicy(incident, moment);
    struct facts facts = {
        .policy = policy->name, .by = move->by, .from = old->hash, .to = policy->hash};
    moment_notef(moment, "repolicy", &facts,
                 "%s moves it from version %.*s of policy %s to %.*s of %s", move->by, HASH_SHOWN,
                 old->hash, old->name, HASH_SHOWN, policy->hash, policy->name);
    moment->answer =
        arena_printf(moment->arena, "#%llu now runs version %.*s of policy %s.",
                     (unsigned long long)incident->number, HASH_SHOWN, policy->hash, policy->name);
    /* Nobody has been reached yet, and by a step that is gone nobody will be. */
    if (reaching && ladder->latest == LADDER_NOBODY)
        climb_pass_by(incident, moment, "the policy has changed");
}
