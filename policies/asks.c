#include "policies/asks.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/ledger.h"
#include "gateway/base/text.h"
#include "policies/backup.h"
#include "policies/climb.h"
#include "policies/question.h"
#include "policies/quiet.h"
#include "policies/saying.h"

static unsigned long long number_of(const struct incident *incident)
{
    return (unsigned long long)incident->number;
}

/* Its step as the policy has it now, or NULL. */
static const struct step *step_of(const struct incident *incident, const struct ask *ask)
{
    int32_t index = ladder_find_step(incident->policy, ask->step);
    const struct step *step = index >= 0 ? &incident->policy->steps[index] : NULL;
    return step != NULL && step->kind == STEP_ASK ? step : NULL;
}

/* Somebody who is no longer configured cannot answer. */
static size_t silent_count(const struct ask *ask, const struct moment *moment)
{
    size_t count = 0;
    for (const struct asked *person = ask->asked; person != NULL; person = person->next) {
        if (!person->answered && rulebook_contact(moment->book, person->name) != NULL)
            count++;
    }
    return count;
}

/* When its first message goes out. */
static int64_t send_question(struct incident *incident, const struct ask *ask,
                             enum notification_kind kind, int32_t repetition,
                             const struct receivers *receivers, const char *text,
                             struct moment *moment)
{
    struct message message = {.kind = kind,
                              .step = arena_strdup(moment->arena, ask->step),
                              .climb = incident->ladder.climb,
                              .urgent = incident_is_urgent(incident),
                              .repetition = repetition,
                              .text = text};
    struct sent sent = reach_send(receivers, &message, moment);
    return sent.all_deferred ? sent.first_due_ms : moment->now_ms;
}

void asks_begin(struct incident *incident, const struct step *step,
                const struct receivers *receivers, struct moment *moment)
{
    struct talks *talks = talks_of(incident);
    struct ask *ask = talks_ask(talks, step->name);
    struct facts facts = {.step = step->name, .climb = incident->ladder.climb};
    if (ask == NULL)
        ask = talks_add_ask(talks, step->name);
    /* Asked again after a reopening: the list goes on, and everybody is asked anew. */
    for (struct asked *person = ask->asked; person != NULL; person = person->next)
        person->answered = false;
    for (size_t i = 0; i < receivers->count; i++) {
        const struct contact *contact = receivers->items[i].contact_or_null;
        if (contact != NULL && ask_find_person(ask, contact->name) == NULL)
            (void)ask_add_person(talks, ask, contact->name);
    }
    talks_set_text(talks, &ask->question, question_write(step->question, incident, moment));
    ask->asked_at_ms = moment->now_ms;
    ask->closed_at_ms = 0;
    moment_notef(moment, "step", &facts, "step %s asks", step->name);
    int64_t from_ms = send_question(incident, ask, KIND_ASK, 0, receivers,
                                    arena_strdup(moment->arena, ask->question), moment);
    ask->deadline_at_ms = from_ms + step->deadline_ms;
    ask->remind_at_ms = step->remind_ms > 0 ? from_ms + step->remind_ms : 0;
}

void asks_hear_sooner(struct incident *incident, const struct notification *notification,
                      int64_t at_ms)
{
    struct ask *ask = notification->kind == KIND_ASK
                          ? talks_ask(incident->later->talks, notification->step)
                          : NULL;
    const struct step *step = ask != NULL ? step_of(incident, ask) : NULL;
    if (step == NULL || ask->closed_at_ms != 0)
        return;
    if (at_ms + step->deadline_ms < ask->deadline_at_ms)
        ask->deadline_at_ms = at_ms + step->deadline_ms;
    if (step->remind_ms > 0 && at_ms + step->remind_ms < ask->remind_at_ms)
        ask->remind_at_ms = at_ms + step->remind_ms;
}

static void cancel_pending(struct incident *incident, const struct ask *ask, const char *by_or_null,
                           const char *reason, struct moment *moment)
{
    for (struct notification *n = incident->notifications; n != NULL; n = n->next) {
        bool asks = n->kind == KIND_ASK || n->kind == KIND_REMINDER;
        if (asks && n->state == NOTIFICATION_PENDING && text_equal(n->step, ask->step) &&
            (by_or_null == NULL || text_equal(n->contact, by_or_null)))
            moment_cancel(moment, n, reason);
    }
}

/* The list. */

struct entry {
    int64_t at_ms;
    size_t place; /* where it came in, for what stands at one time */
    const char *by;
    const char *text;
};

static int compare_entries(const void *a, const void *b)
{
    const struct entry *left = a;
    const struct entry *right = b;
    if (left->at_ms != right->at_ms)
        return left->at_ms < right->at_ms ? -1 : 1;
    return (left->place > right->place) - (left->place < right->place);
}

/* What has changed around the time that the question is about. */
static size_t add_changes(const struct incident *incident, const struct moment *moment,
                          struct entry *entries, size_t count)
{
    const struct ledger *marks = moment->marks_or_null;
    struct backup backup = backup_find(incident->policy, moment);
    int64_t from_ms = backup.at_ms != 0 ? backup.at_ms : incident->opened_at_ms - ASKS_CHANGES_MS;
    for (size_t i = 0; marks != NULL && i < marks->count; i++) {
        const struct ledger_entry *mark = &marks->items[i];
        if (mark->kind != MARK_CHANGE || mark->at_ms < from_ms)
            continue;
        entries[count] = (struct entry){
            .at_ms = mark->at_ms, .place = count, .by = "change", .text = mark->value};
        count++;
    }
    return count;
}

static const char *list_text(const struct incident *incident, const struct ask *ask,
                             const struct moment *moment)
{
    size_t change_count = moment->marks_or_null != NULL ? moment->marks_or_null->count : 0;
    struct entry *entries =
        arena_alloc_array(moment->arena, ask->line_count + change_count + 1, sizeof(*entries));
    size_t count = 0;
    for (const struct answer_line *line = ask->lines; line != NULL; line = line->next) {
        entries[count] = (struct entry){
            .at_ms = line->sort_ms, .place = count, .by = line->by, .text = line->text};
        count++;
    }
    count = add_changes(incident, moment, entries, count);
    qsort(entries, count, sizeof(*entries), compare_entries);
    struct strbuf text;
    strbuf_init(&text, 2 * ASKS_LIST_BYTES_MAX);
    for (size_t i = 0; i < count; i++) {
        if (text.length > ASKS_LIST_BYTES_MAX) {
            strbuf_printf(&text, "\n... and %zu more, on the incident's page", count - i);
            break;
        }
        strbuf_printf(&text, "\n%s %s: %.*s",
                      moment_local_time(moment, moment->book->zone, entries[i].at_ms),
                      entries[i].by, ASKS_LINE_BYTES_MAX, entries[i].text);
    }
    const char *copy = arena_strndup(moment->arena, strbuf_text(&text), text.length);
    strbuf_clear(&text);
    return copy;
}

/* To the owner, else the fallback; by mail where they have it, for a list is long. */
static void send_list(struct incident *incident, const struct ask *ask, struct moment *moment)
{
    const struct contact *owner = rulebook_contact(moment->book, incident->later->owner);
    struct receivers receivers = {.arena = moment->arena};
    const struct target target = {.kind = TARGET_CONTACT, .name = incident->later->owner};
    if (owner != NULL)
        reach_resolve(incident, &target, 1, moment, &receivers);
    if (!reach_is_possible(&receivers, KIND_NOTICE, moment) &&
        !climb_fallback(incident, moment, KIND_NOTICE, &receivers)) {
        moment_note(moment, "nobody", &(struct facts){.step = ask->step},
                    "there is nobody to send the list to");
        return;
    }
    size_t silent = silent_count(ask, moment);
    const char *text =
        arena_printf(moment->arena, "#%llu: %zu answers to \"%s\"%s%s", number_of(incident),
                     ask->line_count, ask->question,
                     silent > 0 ? arena_printf(moment->arena, ", %zu did not answer", silent) : "",
                     list_text(incident, ask, moment));
    (void)send_question(incident, ask, KIND_NOTICE, ++incident->ladder.serial, &receivers, text,
                        moment);
}

static void close_ask(struct incident *incident, struct ask *ask, const char *why,
                      struct moment *moment)
{
    ask->closed_at_ms = moment->now_ms;
    ask->remind_at_ms = 0;
    cancel_pending(incident, ask, NULL, "the list is closed", moment);
    moment_notef(moment, "ask-closed", &(struct facts){.step = ask->step},
                 "the list of step %s is closed: %s", ask->step, why);
    send_list(incident, ask, moment);
}

static void remind_silent(struct incident *incident, struct ask *ask, struct moment *moment)
{
    const struct step *step = step_of(incident, ask);
    struct receivers receivers = {.arena = moment->arena};
    ask->remind_at_ms = step != NULL && step->remind_ms > 0 ? moment->now_ms + step->remind_ms : 0;
    if (step == NULL)
        return;
    for (const struct asked *person = ask->asked; person != NULL; person = person->next) {
        const struct target target = {.kind = TARGET_CONTACT, .name = person->name};
        /* Who sleeps has not been asked yet, or is reminded once, in the morning. */
        bool waits = quiet_is_put_off(incident, KIND_ASK, ask->step, person->name) ||
                     quiet_is_put_off(incident, KIND_REMINDER, ask->step, person->name);
        if (!person->answered && !waits)
            reach_resolve(incident, &target, 1, moment, &receivers);
    }
    if (!reach_is_possible(&receivers, KIND_REMINDER, moment))
        return;
    moment_notef(moment, "ask-reminder", &(struct facts){.step = ask->step},
                 "step %s reminds %zu who have not answered", ask->step, receivers.count);
    (void)send_question(incident, ask, KIND_REMINDER, ++incident->ladder.serial, &receivers,
                        arena_printf(moment->arena, "Still open: %s", ask->question), moment);
}

void asks_run_due(struct incident *incident, struct moment *moment)
{
    for (struct ask *ask = incident->later->talks->asks; ask != NULL; ask = ask->next) {
        if (ask->closed_at_ms != 0)
            continue;
        if (ask->deadline_at_ms <= moment->now_ms)
            close_ask(incident, ask, "its time is over", moment);
        else if (ask->remind_at_ms != 0 && ask->remind_at_ms <= moment->now_ms)
            remind_silent(incident, ask, moment);
    }
}

void asks_close_all(struct incident *incident, struct moment *moment)
{
    struct ask *ask = incident->later->talks != NULL ? incident->later->talks->asks : NULL;
    for (; ask != NULL; ask = ask->next) {
        if (ask->closed_at_ms == 0)
            close_ask(incident, ask, "too many resolved incidents are waiting", moment);
    }
}

/* Answers. */

struct ask *asks_answered_by(const struct incident *incident, const struct notification *answers)
{
    bool asks = answers != NULL && (answers->kind == KIND_ASK || answers->kind == KIND_REMINDER);
    return asks ? talks_ask(incident->later->talks, answers->step) : NULL;
}

struct ask *asks_latest_of(const struct incident *incident, const char *by)
{
    struct ask *latest = NULL;
    struct ask *ask = incident->later->talks != NULL ? incident->later->talks->asks : NULL;
    for (; ask != NULL; ask = ask->next) {
        if (ask->closed_at_ms == 0 && ask_find_person(ask, by) != NULL &&
            (latest == NULL || ask->asked_at_ms >= latest->asked_at_ms))
            latest = ask;
    }
    return latest;
}

static int64_t lines_of(const struct ask *ask, const char *by)
{
    int64_t count = 0;
    for (const struct answer_line *line = ask->lines; line != NULL; line = line->next)
        count += text_equal(line->by, by) ? 1 : 0;
    return count;
}

struct taking {
    struct incident *incident;
    struct ask *ask;
    const char *by;
    int64_t most; /* lines of one person */
    int64_t have;
    size_t taken;
    size_t left_out;
};

static void take_line(struct taking *taking, const char *text, size_t length,
                      const struct moment *moment)
{
    struct talks *talks = taking->incident->later->talks;
    if (taking->have >= taking->most ||
        talks->answer_bytes + length + TALKS_LINE_BYTES > TALKS_ANSWER_BYTES_MAX) {
        taking->left_out++;
        return;
    }
    while (length > ASKS_LINE_BYTES_MAX || (length > 0 && text_utf8_step(text, length) == 0))
        length--;
    struct answer_line *line = ask_add_line(talks, taking->ask, taking->by, text, length);
    line->at_ms = moment->now_ms;
    line->sort_ms = saying_time(line->text, moment_zone_of(moment, taking->by), moment);
    taking->have++;
    taking->taken++;
}

static void take_lines(struct taking *taking, const char *text, const struct moment *moment)
{
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        size_t from = strspn(text, " \t\r");
        size_t end = length;
        while (end > from && strchr(" \t\r", text[end - 1]) != NULL)
            end--;
        if (from < end)
            take_line(taking, text + from, end - from, moment);
        text += length + (text[length] == '\n' ? 1 : 0);
    }
}

static const char *thanks(const struct taking *taking, const struct moment *moment)
{
    const struct ask *ask = taking->ask;
    const char *left_out = "";
    if (taking->left_out > 0 && taking->have >= taking->most)
        left_out =
            arena_printf(moment->arena, " %zu more were only noted: the list takes %lld a person.",
                         taking->left_out, (long long)taking->most);
    else if (taking->left_out > 0)
        left_out = arena_printf(moment->arena, " %zu more were only noted: the list is full.",
                                taking->left_out);
    const char *text = arena_printf(
        moment->arena, "#%llu: %zu line%s of yours added to the list.%s",
        number_of(taking->incident), taking->taken, taking->taken == 1 ? "" : "s", left_out);
    if (ask->closed_at_ms == 0)
        return text;
    return arena_printf(
        moment->arena, "%s The list was sent at %s.", text,
        moment_local_time(moment, moment_zone_of(moment, taking->by), ask->closed_at_ms));
}

void asks_take_answer(struct incident *incident, const struct move *move, struct moment *moment)
{
    struct ask *ask = asks_answered_by(incident, move->answers);
    if (ask == NULL)
        ask = asks_latest_of(incident, move->by);
    if (ask == NULL) {
        moment->refused = true;
        moment->answer = arena_printf(moment->arena, "#%llu asks nothing.", number_of(incident));
        return;
    }
    const struct step *step = step_of(incident, ask);
    struct taking taking = {.incident = incident,
                            .ask = ask,
                            .by = move->by,
                            .most = step != NULL ? step->answers : ASK_ANSWERS_MAX,
                            .have = lines_of(ask, move->by)};
    moment_note(moment, "answer", &(struct facts){.step = ask->step, .by = move->by}, move->text);
    take_lines(&taking, move->text, moment);
    struct asked *person = ask_find_person(ask, move->by);
    if (person != NULL && taking.have > 0)
        person->answered = true;
    moment->answer = thanks(&taking, moment);
    if (ask->closed_at_ms == 0 && silent_count(ask, moment) == 0)
        close_ask(incident, ask, "all have answered", moment);
    else
        cancel_pending(incident, ask, move->by, "answered", moment);
}
