#include "policies/updates.h"

#include "gateway/base/assert.h"
#include "gateway/base/text.h"
#include "policies/answer.h"
#include "policies/climb.h"
#include "policies/quiet.h"
#include "policies/reach.h"
#include "policies/updates_internal.h"

static unsigned long long number_of(const struct incident *incident)
{
    return (unsigned long long)incident->number;
}

/* One bit each. */
static uint32_t missing(const struct talks *talks, const struct step *step)
{
    uint32_t parts = 0;
    for (int i = 0; i < PART_COUNT; i++) {
        if ((step->require >> i & 1) != 0 && talks->parts[i][0] == '\0')
            parts |= UINT32_C(1) << i;
    }
    return parts;
}

/* "what, avoid". */
static const char *missing_text(const struct talks *talks, const struct step *step,
                                const struct moment *moment)
{
    uint32_t parts = missing(talks, step);
    const char *text = "";
    for (int i = 0; i < PART_COUNT; i++) {
        if ((parts >> i & 1) != 0)
            text = arena_printf(moment->arena, "%s%s%s", text, text[0] != '\0' ? ", " : "",
                                part_name((enum part)i));
    }
    return text;
}

/* Another update has asked for all of this in the same moment. */
static bool is_asked_by_another(const struct incident *incident, const struct update *update,
                                uint32_t parts)
{
    const struct update *other = incident->later->talks->updates;
    for (; other != NULL; other = other->next) {
        const struct step *step = update_step(incident, other);
        if (other != update && step != NULL && other->state == UPDATE_INCOMPLETE &&
            other->due_at_ms == update->due_at_ms &&
            (missing(incident->later->talks, step) & parts) == parts)
            return true;
    }
    return false;
}

static void ask_for_parts(struct incident *incident, struct update *update, const struct step *step,
                          struct moment *moment)
{
    update->due_at_ms = moment->now_ms + UPDATES_ASK_MS;
    if (is_asked_by_another(incident, update, missing(incident->later->talks, step)))
        return;
    const char *text = arena_printf(
        moment->arena,
        "#%llu: the update to those affected lacks: %s. Reply \"what ...\" (what happened), "
        "\"doing ...\" (what is being done), \"avoid ...\" (how it will be avoided).",
        number_of(incident), missing_text(incident->later->talks, step, moment));
    update_ask_writer(incident, update, update_writer(incident, false, moment), text, moment);
}

static void ask_again_returned(struct incident *incident, struct update *update,
                               struct moment *moment)
{
    update->due_at_ms = moment->now_ms + UPDATES_ASK_MS;
    update_ask_writer(incident, update, update_writer(incident, true, moment),
                      arena_printf(moment->arena,
                                   "#%llu: the update was returned to you. Reply \"what ...\", "
                                   "\"doing ...\" or \"avoid ...\" with what is to change.",
                                   number_of(incident)),
                      moment);
}

static void pass_or_ask(struct incident *incident, struct update *update, const struct step *step,
                        struct moment *moment)
{
    if (missing(incident->later->talks, step) == 0) {
        update_pass_gates(incident, update, step, moment);
        return;
    }
    update->state = UPDATE_INCOMPLETE;
    ask_for_parts(incident, update, step, moment);
}

void updates_begin(struct incident *incident, const struct step *step, struct moment *moment)
{
    struct talks *talks = talks_of(incident);
    struct update *update = talks_update(talks, step->name);
    if (update == NULL)
        update = talks_add_update(talks, step->name);
    moment_notef(moment, "step", &(struct facts){.step = step->name}, "step %s: an update is due",
                 step->name);
    pass_or_ask(incident, update, step, moment);
}

/* We were down and nobody has been asked yet: they get their full time. */
static bool was_never_asked(const struct incident *incident, const struct update *update,
                            const struct moment *moment)
{
    if (moment->now_ms - update->due_at_ms <= LADDER_LATE_MS)
        return false;
    for (const struct notification *n = incident->notifications; n != NULL; n = n->next) {
        if (n->kind == KIND_APPROVE && text_equal(n->step, update->step) &&
            n->repetition >= update->round && reach_was_handed_over(n))
            return false;
    }
    return true;
}

/* Nobody is asked for ever about what is over. */
static bool is_given_up(const struct incident *incident, const struct update *update,
                        const struct step *step, const struct moment *moment)
{
    bool waits = update->state == UPDATE_RETURNED ||
                 (update->state == UPDATE_INCOMPLETE && missing(incident->later->talks, step) != 0);
    return waits && incident->state == INCIDENT_RESOLVED &&
           moment->now_ms >= incident->later->resolved_at_ms + incident->policy->reopen_within_ms +
                                 UPDATES_AFTER_MS;
}

static void run_state(struct incident *incident, struct update *update, const struct step *step,
                      struct moment *moment)
{
    if (is_given_up(incident, update, step, moment)) {
        update_drop(incident, update, "nobody has completed it since the resolution", moment);
        return;
    }
    switch (update->state) {
    case UPDATE_INCOMPLETE:
    case UPDATE_CHANGED:
        pass_or_ask(incident, update, step, moment);
        break;
    case UPDATE_HELD:
        if (was_never_asked(incident, update, moment))
            update->due_at_ms = moment->now_ms + step->within_ms;
        else
            update_pass_unanswered(incident, update, step, moment);
        break;
    case UPDATE_RETURNED:
        ask_again_returned(incident, update, moment);
        break;
    case UPDATE_SENT:
    case UPDATE_DROPPED:
    case UPDATE_STATE_COUNT:
        update->due_at_ms = 0;
        break;
    }
}

static void remind_author(struct incident *incident, struct update *update, struct moment *moment)
{
    int64_t promised_at_ms = update->promised_at_ms;
    update->remind_at_ms = 0;
    /* The next one is on its way, or we were down and the time is over anyway. */
    if (update->state != UPDATE_SENT || promised_at_ms <= moment->now_ms)
        return;
    const char *whom = update_writer(incident, true, moment);
    const char *at = moment_local_time(moment, moment_zone_of(moment, whom), promised_at_ms);
    update_ask_writer(incident, update, whom,
                      arena_printf(moment->arena,
                                   "#%llu: the next update is promised for %s. Reply \"what ...\", "
                                   "\"doing ...\" or \"avoid ...\".",
                                   number_of(incident), at),
                      moment);
}

void updates_run_due(struct incident *incident, struct moment *moment)
{
    for (struct update *update = incident->later->talks->updates; update != NULL;
         update = update->next) {
        const struct step *step = update_step(incident, update);
        if (step == NULL) {
            update->due_at_ms = 0;
            update->remind_at_ms = 0;
            update->promised_at_ms = 0;
            continue;
        }
        if (update->due_at_ms != 0 && update->due_at_ms <= moment->now_ms)
            run_state(incident, update, step, moment);
        if (update->remind_at_ms != 0 && update->remind_at_ms <= moment->now_ms)
            remind_author(incident, update, moment);
        if (update->promised_at_ms != 0 && update->promised_at_ms <= moment->now_ms) {
            update->promised_at_ms = 0;
            moment_notef(moment, "update-overdue", &(struct facts){.step = update->step},
                         "the update promised by step %s did not come in time", update->step);
        }
    }
}

void updates_end(struct incident *incident, struct moment *moment)
{
    struct update *update = incident->later->talks != NULL ? incident->later->talks->updates : NULL;
    for (; update != NULL; update = update->next) {
        update->remind_at_ms = 0;
        update->promised_at_ms = 0;
        if (update->state == UPDATE_INCOMPLETE)
            update_drop(incident, update, "it was incomplete at the resolution", moment);
        else if (update->state == UPDATE_RETURNED)
            update_drop(incident, update, "it was with its author at the resolution", moment);
        else
            update_cancel(incident, update, KIND_REMINDER, "resolved", moment);
    }
}

void updates_give_up(struct incident *incident, struct moment *moment)
{
    struct update *update = incident->later->talks != NULL ? incident->later->talks->updates : NULL;
    for (; update != NULL; update = update->next) {
        if (update->state != UPDATE_SENT && update->state != UPDATE_DROPPED)
            update_drop(incident, update, "too many resolved incidents are waiting", moment);
    }
}

void updates_restart(struct incident *incident, struct moment *moment)
{
    if (incident->later->talks == NULL)
        return;
    for (struct update *update = incident->later->talks->updates; update != NULL;
         update = update->next) {
        if (update->state != UPDATE_SENT && update->state != UPDATE_DROPPED)
            update_drop(incident, update, "the incident opened again", moment);
        else
            update_cancel(incident, update, KIND_REMINDER, "the incident opened again", moment);
    }
    talks_forget_updates(incident->later->talks);
}

void updates_repolicy(struct incident *incident, struct moment *moment)
{
    struct update *update = incident->later->talks != NULL ? incident->later->talks->updates : NULL;
    for (; update != NULL; update = update->next) {
        if (update_step(incident, update) == NULL && update->state != UPDATE_DROPPED)
            update_drop(incident, update, "the policy no longer has this step", moment);
    }
}

void updates_hear_failed(struct incident *incident, const struct notification *failed,
                         struct moment *moment)
{
    if (failed->kind != KIND_APPROVE || !talks_own(incident->later->talks, failed) ||
        !talks_want(incident->later->talks, failed))
        return;
    struct notification *next = reach_next_method(incident, failed);
    if (next != NULL && next->next_at_ms > moment->now_ms)
        quiet_hasten(incident, moment, next, "the method before failed");
}

/* A request that waits for the morning names parts that are there now: the next one names what is missing then. */
static void withdraw_waiting(struct incident *incident, const struct update *update,
                             struct moment *moment)
{
    for (struct notification *n = incident->notifications; n != NULL; n = n->next) {
        if (n->kind == KIND_REMINDER && quiet_waits(n, moment->now_ms) &&
            text_equal(n->step, update->step))
            moment_cancel(moment, n, "a part of it has come");
    }
}

/* What is done with an update when the statement changes. */
static void hear_change(struct incident *incident, struct update *update, struct moment *moment)
{
    const struct step *step = update_step(incident, update);
    if (step == NULL)
        return;
    if (update->state == UPDATE_INCOMPLETE) {
        if (missing(incident->later->talks, step) == 0)
            update_pass_gates(incident, update, step, moment);
        else
            withdraw_waiting(incident, update, moment);
        return;
    }
    update_cancel(incident, update, KIND_APPROVE, "the update was changed", moment);
    update_cancel(incident, update, KIND_REMINDER, "the update was changed", moment);
    update->state = UPDATE_CHANGED;
    update->due_at_ms = moment->now_ms + UPDATES_QUIET_MS;
}

/* After the resolution only what is still on its way: what an after-care step asks for, or was held then. */
static bool may_change(const struct incident *incident, const struct update *update)
{
    bool is_over = update->state == UPDATE_SENT || update->state == UPDATE_DROPPED;
    return incident->state != INCIDENT_RESOLVED || !is_over;
}

static bool may_still_go_out(const struct incident *incident)
{
    if (incident->state != INCIDENT_RESOLVED)
        return true;
    const struct update *update =
        incident->later->talks != NULL ? incident->later->talks->updates : NULL;
    for (; update != NULL; update = update->next) {
        if (may_change(incident, update))
            return true;
    }
    return false;
}

/* What the writer reads: what became of it, or what is still missing. */
static const char *part_answer(const struct incident *incident, const char *part,
                               const struct moment *moment)
{
    const char *text = arena_printf(moment->arena, "#%llu: %s recorded", number_of(incident), part);
    const struct update *update =
        incident->later->talks != NULL ? incident->later->talks->updates : NULL;
    for (; update != NULL; update = update->next) {
        const struct step *step = update_step(incident, update);
        if (step == NULL)
            continue;
        if (update->state == UPDATE_INCOMPLETE)
            return arena_printf(moment->arena, "%s; still missing: %s.", text,
                                missing_text(incident->later->talks, step, moment));
        if (update->state == UPDATE_HELD)
            return arena_printf(moment->arena, "%s; the update waits for approval.", text);
        if (update->state == UPDATE_CHANGED)
            return arena_printf(moment->arena, "%s; it goes on 2 minutes after the last change.",
                                text);
        if (update->state == UPDATE_SENT)
            return arena_printf(moment->arena, "%s; the update is on its way.", text);
    }
    return arena_printf(moment->arena, "%s.", text);
}

/* Notes what was said; true when something of it is new. */
static bool take_parts(struct incident *incident, const struct move *move, bool keeps,
                       struct moment *moment)
{
    bool changed = false;
    for (int i = 0; i < PART_COUNT; i++) {
        const char *text = move->parts[i];
        if (text == NULL || text[0] == '\0')
            continue;
        moment_note(moment, part_name((enum part)i), &(struct facts){.by = move->by}, text);
        if (!keeps || text_equal(talks_of(incident)->parts[i], text))
            continue;
        talks_set_text(incident->later->talks, &incident->later->talks->parts[i], text);
        talks_set_text(incident->later->talks, &incident->later->talks->author, move->by);
        changed = true;
    }
    return changed;
}

/* "what, doing", those without a text in `without`. */
static const char *parts_said(const struct move *move, bool with_text, const struct moment *moment)
{
    const char *said = "";
    for (int i = 0; i < PART_COUNT; i++) {
        const char *text = move->parts[i];
        if (text != NULL && (text[0] != '\0') == with_text)
            said = arena_printf(moment->arena, "%s%s%s", said, said[0] != '\0' ? ", " : "",
                                part_name((enum part)i));
    }
    return said;
}

void updates_write_parts(struct incident *incident, const struct move *move, struct moment *moment)
{
    const char *empty = parts_said(move, false, moment);
    bool keeps = may_still_go_out(incident);
    bool changed = take_parts(incident, move, keeps, moment);
    if (empty[0] != '\0') {
        moment->refused = true;
        moment->answer = arena_printf(
            moment->arena, "%s: the text is missing, as in \"what the shop is down\".", empty);
    }
    if (!keeps) {
        moment->refused = true;
        moment->answer =
            arena_printf(moment->arena, "%s No update goes out any more; it was noted.",
                         answer_resolved(incident, moment, move->by));
        return;
    }
    struct update *update = incident->later->talks != NULL ? incident->later->talks->updates : NULL;
    for (; update != NULL && changed; update = update->next) {
        if (may_change(incident, update))
            hear_change(incident, update, moment);
    }
    const char *said = parts_said(move, true, moment);
    if (said[0] != '\0')
        moment->answer =
            arena_printf(moment->arena, "%s%s%s", moment->answer,
                         moment->answer[0] != '\0' ? " " : "", part_answer(incident, said, moment));
}
