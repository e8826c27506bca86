/* The gates of an update: who approves it, what happens when nobody does, how it goes out. */
#include "gateway/base/text.h"
#include "policies/climb.h"
#include "policies/follow.h"
#include "policies/quiet.h"
#include "policies/reach.h"
#include "policies/updates_internal.h"

static unsigned long long number_of(const struct incident *incident)
{
    return (unsigned long long)incident->number;
}

/* Its step as the policy has it now, or NULL. */
const struct step *update_step(const struct incident *incident, const struct update *update)
{
    int32_t index = ladder_find_step(incident->policy, update->step);
    const struct step *step = index >= 0 ? &incident->policy->steps[index] : NULL;
    return step != NULL && step->kind == STEP_INFORM && step->require != 0 ? step : NULL;
}

void update_cancel(struct incident *incident, const struct update *update,
                   enum notification_kind kind, const char *reason, struct moment *moment)
{
    for (struct notification *n = incident->notifications; n != NULL; n = n->next) {
        if (n->kind == kind && n->state == NOTIFICATION_PENDING &&
            text_equal(n->step, update->step))
            moment_cancel(moment, n, reason);
    }
}

/* Who writes: the author of what there is, else the owner, else whoever was paged last. */
const char *update_writer(const struct incident *incident, bool author_first,
                          const struct moment *moment)
{
    const char *author = incident->later->talks->author;
    if (author_first && rulebook_contact(moment->book, author) != NULL)
        return author;
    if (rulebook_contact(moment->book, incident->later->owner) != NULL)
        return incident->later->owner;
    return climb_last_paged(incident);
}

void update_ask_writer(struct incident *incident, const struct update *update, const char *whom,
                       const char *text, struct moment *moment)
{
    struct facts facts = {.step = update->step, .by = whom};
    /* Who sleeps is asked once, in the morning; what waits for somebody who is no longer meant is not sent. */
    for (struct notification *n = incident->notifications; n != NULL; n = n->next) {
        if (n->kind == KIND_REMINDER && quiet_waits(n, moment->now_ms) &&
            text_equal(n->step, update->step) && !text_equal(n->contact, whom))
            moment_cancel(moment, n, "somebody else is asked");
    }
    if (quiet_is_put_off(incident, KIND_REMINDER, update->step, whom))
        return;
    if (whom[0] == '\0' ||
        !follow_send_about(incident, moment, KIND_REMINDER, update->step, whom, text)) {
        moment_note(moment, "nobody", &(struct facts){.step = update->step},
                    "there is nobody to ask for the update");
        return;
    }
    moment_note(moment, "update-asked", &facts, text);
}

static const char *statement_line(const char *text, const char *name, const char *part,
                                  const struct moment *moment)
{
    if (part[0] == '\0')
        return text;
    return arena_printf(moment->arena, "%s%s%s: %s", text, text[0] != '\0' ? "\n" : "", name, part);
}

/* What those affected read. */
static const char *statement(const struct incident *incident, const struct step *step,
                             const struct moment *moment)
{
    static const char *const names[PART_COUNT] = {
        [PART_WHAT] = "What happened",
        [PART_DOING] = "What is being done",
        [PART_AVOID] = "How it will be avoided",
    };
    const struct zone *zone = moment->book->zone;
    const char *text = "";
    if (incident->state == INCIDENT_RESOLVED)
        text = arena_printf(moment->arena, "This was resolved at %s.",
                            moment_local_time(moment, zone, incident->later->resolved_at_ms));
    for (int i = 0; i < PART_COUNT; i++)
        text = statement_line(text, names[i], incident->later->talks->parts[i], moment);
    if (incident->state != INCIDENT_RESOLVED && step->every_ms != 0)
        text = arena_printf(moment->arena, "%s\nNext update by %s", text,
                            moment_local_time(moment, zone, moment->now_ms + step->every_ms));
    return text;
}

void update_drop(struct incident *incident, struct update *update, const char *why,
                 struct moment *moment)
{
    update_cancel(incident, update, KIND_APPROVE, why, moment);
    update_cancel(incident, update, KIND_REMINDER, why, moment);
    update->state = UPDATE_DROPPED;
    update->due_at_ms = 0;
    update->remind_at_ms = 0;
    update->promised_at_ms = 0;
    moment_notef(moment, "update-dropped", &(struct facts){.step = update->step},
                 "the update of step %s was dropped: %s", update->step, why);
}

static void promise_next(const struct incident *incident, struct update *update,
                         const struct step *step, const struct moment *moment)
{
    update->remind_at_ms = 0;
    update->promised_at_ms = 0;
    if (step->every_ms == 0 || incident->state == INCIDENT_RESOLVED)
        return;
    update->promised_at_ms = moment->now_ms + step->every_ms;
    update->remind_at_ms = update->promised_at_ms - UPDATES_REMIND_BEFORE_MS;
}

static void send_out(struct incident *incident, struct update *update, const struct step *step,
                     struct moment *moment)
{
    struct receivers receivers = {.arena = moment->arena};
    struct facts facts = {.step = step->name, .climb = incident->ladder.climb};
    update_cancel(incident, update, KIND_APPROVE, "the update goes out", moment);
    update_cancel(incident, update, KIND_REMINDER, "the update goes out", moment);
    update->state = UPDATE_SENT;
    update->due_at_ms = 0;
    update->round = 0;
    reach_resolve(incident, step->targets, step->target_count, moment, &receivers);
    if (!reach_is_possible(&receivers, KIND_INFORM, moment)) {
        moment_notef(moment, "nobody", &facts, "step %s names nobody who can be told now",
                     step->name);
        return;
    }
    struct message message = {.kind = KIND_INFORM,
                              .step = step->name,
                              .climb = incident->ladder.climb,
                              .urgent = incident_is_urgent(incident),
                              .repetition = update->sent_count > 0 ? ++incident->ladder.serial : 0,
                              .text = statement(incident, step, moment)};
    update->sent_count++;
    update->sent_at_ms = moment->now_ms;
    promise_next(incident, update, step, moment);
    moment_note(moment, "update-sent", &facts, message.text);
    (void)reach_send(&receivers, &message, moment);
}

/* The same messages in each round but for whom they go to. */
static void send_for_approval(struct incident *incident, struct update *update,
                              const struct step *step, const struct receivers *receivers,
                              struct moment *moment)
{
    int32_t serial = ++incident->ladder.serial;
    const char *text = arena_printf(moment->arena, "May this go out to those affected?\n%s",
                                    statement(incident, step, moment));
    struct message message = {.kind = KIND_APPROVE,
                              .step = step->name,
                              .climb = incident->ladder.climb,
                              .urgent = incident_is_urgent(incident),
                              .repetition = serial,
                              .text = text};
    update_cancel(incident, update, KIND_REMINDER, "the update is complete", moment);
    if (update->round == 0)
        update->round = serial;
    update->state = UPDATE_HELD;
    struct sent sent = reach_send(receivers, &message, moment);
    update->due_at_ms = (sent.all_deferred ? sent.first_due_ms : moment->now_ms) + step->within_ms;
}

void updates_hear_sooner(struct incident *incident, const struct notification *notification,
                         int64_t at_ms)
{
    struct update *update = notification->kind == KIND_APPROVE
                                ? talks_update(incident->later->talks, notification->step)
                                : NULL;
    const struct step *step = update != NULL ? update_step(incident, update) : NULL;
    if (step == NULL || update->state != UPDATE_HELD ||
        !talks_want(incident->later->talks, notification))
        return;
    if (at_ms + step->within_ms < update->due_at_ms)
        update->due_at_ms = at_ms + step->within_ms;
}

/* Nobody has approved or rejected it in time, or can be asked to. */
void update_pass_unanswered(struct incident *incident, struct update *update,
                            const struct step *step, struct moment *moment)
{
    struct facts facts = {.step = step->name};
    struct receivers receivers = {.arena = moment->arena};
    if (step->then == APPROVE_SEND && !update->escalated) {
        moment_notef(moment, "unapproved", &facts,
                     "nobody has approved the update of step %s: "
                     "it goes out as the policy says",
                     step->name);
        send_out(incident, update, step, moment);
        return;
    }
    if (step->then == APPROVE_DROP || update->escalated) {
        update_drop(incident, update, "nobody has approved it in time", moment);
        return;
    }
    update->escalated = true;
    if (!climb_fallback(incident, moment, KIND_APPROVE, &receivers)) {
        update_drop(incident, update, "nobody has approved it, and no fallback can be asked",
                    moment);
        return;
    }
    moment_notef(moment, "update-escalated", &facts,
                 "nobody has approved the update of step %s: the fallback is asked", step->name);
    send_for_approval(incident, update, step, &receivers, moment);
}

void update_pass_gates(struct incident *incident, struct update *update, const struct step *step,
                       struct moment *moment)
{
    struct facts facts = {.step = step->name};
    struct receivers receivers = {.arena = moment->arena};
    update->escalated = false;
    update->round = 0;
    if (step->approver_count == 0) {
        send_out(incident, update, step, moment);
        return;
    }
    reach_resolve(incident, step->approvers, step->approver_count, moment, &receivers);
    if (!reach_is_possible(&receivers, KIND_APPROVE, moment)) {
        moment_notef(moment, "nobody", &facts, "step %s names nobody who can approve now",
                     step->name);
        update_pass_unanswered(incident, update, step, moment);
        return;
    }
    moment_notef(moment, "approval", &facts, "the update of step %s waits for approval",
                 step->name);
    send_for_approval(incident, update, step, &receivers, moment);
}

/* Only who was asked in this round decides, and whoever may write over the API as themselves. */
static bool may_decide(const struct incident *incident, const struct update *update,
                       const struct move *move)
{
    if (move->by_operator)
        return true;
    for (const struct notification *n = incident->notifications; n != NULL; n = n->next) {
        if (n->kind == KIND_APPROVE && n->repetition >= update->round &&
            text_equal(n->step, update->step) && text_equal(n->contact, move->by))
            return true;
    }
    return false;
}

/* The answer to a request of a round that is over means nothing for this one. */
static bool is_stale(const struct update *update, const struct move *move)
{
    return move->answers != NULL && move->answers->kind == KIND_APPROVE &&
           text_equal(move->answers->step, update->step) &&
           move->answers->repetition < update->round;
}

static bool is_meant(const struct update *update, const struct move *move)
{
    return move->answers == NULL || move->answers->kind != KIND_APPROVE ||
           text_equal(move->answers->step, update->step);
}

/* The next update from `update` on that `move` may decide; *why says what stood in the way. */
static struct update *next_to_decide(const struct incident *incident, struct update *update,
                                     const struct move *move, const char **why)
{
    for (; update != NULL; update = update->next) {
        if (!is_meant(update, move))
            continue;
        if (update->state != UPDATE_HELD || update_step(incident, update) == NULL)
            continue;
        if (is_stale(update, move))
            *why = "that version was changed; the latest one was sent to you";
        else if (!may_decide(incident, update, move))
            *why = "the update is not yours to approve";
        else
            return update;
    }
    return NULL;
}

static void refuse_decision(const struct incident *incident, const struct move *move,
                            const char *word, const char *why, struct moment *moment)
{
    moment_notef(moment, "note", &(struct facts){.by = move->by}, "%s: %s, but %s", move->by, word,
                 why);
    moment->refused = true;
    moment->answer = arena_printf(moment->arena, "#%llu: %s.", number_of(incident), why);
}

void updates_approve(struct incident *incident, const struct move *move, struct moment *moment)
{
    const char *why = "no update waits for approval";
    struct update *first = incident->later->talks != NULL ? incident->later->talks->updates : NULL;
    struct update *update = next_to_decide(incident, first, move, &why);
    if (update == NULL) {
        refuse_decision(incident, move, "approve", why, moment);
        return;
    }
    for (; update != NULL; update = next_to_decide(incident, update->next, move, &why)) {
        moment_notef(moment, "approved", &(struct facts){.step = update->step, .by = move->by},
                     "%s approved the update of step %s", move->by, update->step);
        send_out(incident, update, update_step(incident, update), moment);
    }
    moment->answer =
        arena_printf(moment->arena, "#%llu: the update goes out.", number_of(incident));
}

static void give_back(struct incident *incident, struct update *update, const struct move *move,
                      struct moment *moment)
{
    struct facts facts = {.step = update->step, .by = move->by};
    const char *reason = move->text[0] != '\0' ? move->text : "no reason given";
    moment_note(moment, "rejected", &facts,
                arena_printf(moment->arena, "%s returned the update of step %s: %s", move->by,
                             update->step, reason));
    update_cancel(incident, update, KIND_APPROVE, "rejected", moment);
    update->state = UPDATE_RETURNED;
    update->round = 0;
    update->due_at_ms = moment->now_ms + UPDATES_ASK_MS;
    update_ask_writer(
        incident, update, update_writer(incident, true, moment),
        arena_printf(moment->arena,
                     "#%llu: %s returned the update: %s. Reply \"what ...\", \"doing ...\" "
                     "or \"avoid ...\" with what is to change.",
                     number_of(incident), move->by, reason),
        moment);
}

void updates_reject(struct incident *incident, const struct move *move, struct moment *moment)
{
    const char *why = "no update waits for approval";
    struct update *first = incident->later->talks != NULL ? incident->later->talks->updates : NULL;
    struct update *update = next_to_decide(incident, first, move, &why);
    if (update == NULL) {
        refuse_decision(incident, move, "reject", why, moment);
        return;
    }
    for (; update != NULL; update = next_to_decide(incident, update->next, move, &why))
        give_back(incident, update, move, moment);
    moment->answer = arena_printf(moment->arena, "#%llu: the update goes back to its author.",
                                  number_of(incident));
}
