#include "policies/follow.h"

#include "gateway/base/assert.h"
#include "gateway/base/text.h"
#include "policies/marks.h"
#include "policies/quiet.h"
#include "policies/reach.h"

static bool belongs_to_opening(const struct incident *incident, const struct notification *n)
{
    return n->climb >= incident->ladder.first_climb;
}

static bool is_informing(const struct notification *n)
{
    return n->kind == KIND_INFORM || n->kind == KIND_ASK;
}

/* The first notification that reached this receiver since the opening; one a provider took is
 * better than one under way, and that better than one that is still to inform. `pages_only`: what
 * must wake somebody does not follow a mail. */
static const struct notification *reached_by(const struct incident *incident, const char *receiver,
                                             bool pages_only)
{
    const struct notification *best = NULL;
    for (const struct notification *n = incident->notifications; n != NULL; n = n->next) {
        bool handed_over = reach_was_handed_over(n);
        bool comes = handed_over || (is_informing(n) && n->state == NOTIFICATION_PENDING);
        if (!belongs_to_opening(incident, n) || !comes || !text_equal(n->contact, receiver) ||
            (pages_only && n->kind != KIND_PAGE))
            continue;
        if (n->state == NOTIFICATION_ACCEPTED || n->state == NOTIFICATION_DELIVERED)
            return n;
        if (best == NULL || (handed_over && !reach_was_handed_over(best)))
            best = n;
    }
    return best;
}

static const char *step_name(const struct incident *incident, const struct notification *followed)
{
    if (followed != NULL)
        return followed->step;
    if (incident->ladder.latest == LADDER_FALLBACK)
        return "fallback";
    return incident->ladder.latest >= 0 ? incident->policy->steps[incident->ladder.latest].name
                                        : "";
}

static const struct method *method_of(const struct contact *contact, const struct rulebook *book,
                                      const char *channel)
{
    for (size_t i = 0; i < contact->method_count; i++) {
        const struct method *method = &contact->methods[i];
        if (text_equal(method->channel, channel) && rulebook_has_channel(book, channel))
            return method;
    }
    return NULL;
}

static bool is_stopped(const struct contact *contact, const struct method *method,
                       const struct moment *moment)
{
    return marks_is_stopped(moment->marks_or_null, contact->name, method->channel, method->address);
}

static const struct method *first_page_method(const struct contact *contact,
                                              const struct moment *moment)
{
    for (size_t i = 0; i < contact->page_count; i++) {
        const struct method *method = &contact->methods[contact->page[i].method];
        if (rulebook_has_channel(moment->book, method->channel) &&
            !is_stopped(contact, method, moment))
            return method;
    }
    return NULL;
}

static void send_to(struct incident *incident, struct moment *moment, enum notification_kind kind,
                    const char *step, const char *receiver, const struct method *method,
                    const char *text)
{
    bool urgent = kind == KIND_ANSWER || incident_is_urgent(incident);
    int64_t due_at_ms =
        quiet_out_ms(rulebook_contact(moment->book, receiver), moment, urgent, moment->now_ms);
    incident->ladder.serial++;
    moment_send(moment, &(struct message){.kind = kind,
                                          .step = step,
                                          .climb = incident->ladder.climb,
                                          .repetition = incident->ladder.serial,
                                          .contact = receiver,
                                          .channel = method->channel,
                                          .address = method->address,
                                          .due_at_ms = due_at_ms,
                                          .urgent = urgent,
                                          .deferred = due_at_ms > moment->now_ms,
                                          .text = text});
}

static bool send_to_audience(struct incident *incident, struct moment *moment,
                             enum notification_kind kind, const char *step, const char *receiver,
                             const char *text)
{
    const struct audience *audience = rulebook_audience(moment->book, receiver + 1);
    if (audience == NULL || !rulebook_has_channel(moment->book, audience->channel))
        return false;
    for (size_t i = 0; i < audience->address_count; i++) {
        struct method method = {.channel = audience->channel, .address = audience->addresses[i]};
        send_to(incident, moment, kind, step, receiver, &method, text);
    }
    return audience->address_count > 0;
}

bool follow_send(struct incident *incident, struct moment *moment, enum notification_kind kind,
                 const char *receiver, const char *text)
{
    return follow_send_about(incident, moment, kind, "", receiver, text);
}

bool follow_send_about(struct incident *incident, struct moment *moment,
                       enum notification_kind kind, const char *about, const char *receiver,
                       const char *text)
{
    bool pages_only = kind == KIND_PAGE || kind == KIND_REMINDER;
    const struct notification *followed = reached_by(incident, receiver, pages_only);
    const char *step = about[0] != '\0' ? about : step_name(incident, followed);
    if (receiver[0] == '&')
        return send_to_audience(incident, moment, kind, step, receiver, text);
    if (text_starts_with(receiver, "channel:")) {
        struct method method = {.channel = receiver + sizeof("channel:") - 1, .address = ""};
        if (!rulebook_has_channel(moment->book, method.channel))
            return false;
        send_to(incident, moment, kind, step, receiver, &method, text);
        return true;
    }
    const struct contact *contact = rulebook_contact(moment->book, receiver);
    if (contact == NULL)
        return false;
    const struct method *method = NULL;
    if (followed != NULL)
        method = method_of(contact, moment->book, followed->channel);
    if (method == NULL || is_stopped(contact, method, moment))
        method = first_page_method(contact, moment);
    if (method == NULL)
        return false;
    send_to(incident, moment, kind, step, contact->name, method, text);
    return true;
}

/* By the medium that the reply came through; `by_any`: where that cannot answer, as they are paged. */
static const struct method *answer_method(const struct contact *person_or_null,
                                          const struct moment *moment, const char *channel,
                                          bool by_any)
{
    if (person_or_null == NULL)
        return NULL;
    const struct method *method = method_of(person_or_null, moment->book, channel);
    return method == NULL && by_any ? first_page_method(person_or_null, moment) : method;
}

bool follow_answer(struct incident *incident, struct moment *moment, const char *contact,
                   const char *channel, bool by_any, const char *text)
{
    const struct contact *person = rulebook_contact(moment->book, contact);
    const struct notification *followed = reached_by(incident, contact, false);
    const struct method *method = answer_method(person, moment, channel, false);
    if (method == NULL && by_any && followed != NULL)
        method = answer_method(person, moment, followed->channel, false);
    if (method == NULL)
        method = answer_method(person, moment, channel, by_any);
    if (method == NULL)
        return false;
    send_to(incident, moment, KIND_ANSWER, step_name(incident, followed), person->name, method,
            text);
    return true;
}

bool follow_answer_closed(const struct incident *closed, int32_t serial, struct moment *moment,
                          const char *contact, const char *channel, bool by_any, const char *text)
{
    const struct contact *person = rulebook_contact(moment->book, contact);
    const struct method *method = answer_method(person, moment, channel, by_any);
    if (method == NULL)
        return false;
    moment_send(moment, &(struct message){.kind = KIND_ANSWER,
                                          .step = "",
                                          .climb = closed->ladder.climb,
                                          .repetition = serial,
                                          .contact = person->name,
                                          .channel = method->channel,
                                          .address = method->address,
                                          .due_at_ms = moment->now_ms,
                                          .text = text});
    return true;
}

static bool was_told(const struct incident *incident, const struct notification *n, bool informed)
{
    if (!belongs_to_opening(incident, n))
        return false;
    if (n->kind == KIND_PAGE)
        return reach_was_handed_over(n);
    /* What informs is not cancelled: who is still to hear that it broke also hears how it ended. */
    return informed && is_informing(n) &&
           (reach_was_handed_over(n) || n->state == NOTIFICATION_PENDING);
}

/* Audiences make long runs of notifications with one receiver, so the list of receivers stays
 * short. */
void follow_tell(struct incident *incident, struct moment *moment, bool informed,
                 const char *but_not, const char *text)
{
    size_t count = 0;
    size_t capacity = 0;
    const char *last = "";
    for (const struct notification *n = incident->notifications; n != NULL; n = n->next)
        capacity += was_told(incident, n, informed) ? 1 : 0;
    const char **receivers = arena_alloc_array(moment->arena, capacity + 1, sizeof(*receivers));
    for (const struct notification *n = incident->notifications; n != NULL; n = n->next) {
        if (!was_told(incident, n, informed) || text_equal(n->contact, but_not) ||
            text_equal(n->contact, last))
            continue;
        last = n->contact;
        size_t i = 0;
        while (i < count && !text_equal(receivers[i], n->contact))
            i++;
        if (i < count)
            continue;
        receivers[count++] = n->contact;
        (void)follow_send(incident, moment, KIND_NOTICE, n->contact, text);
    }
    ASSERT(count <= capacity);
}
