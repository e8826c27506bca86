/*
 * follow - messages that follow what somebody was sent before: reminders, notices, answers.
 *
 * Shape:   a person -> one message, by the method that reached them (pages and reminders: by a page
 *          that did), else by the first of their page methods; an audience or channel -> its
 *          current addresses.
 * Limits:  once per person, however many methods were used.
 * Source:  DESIGN section 4, rules 7, 8, 12.
 */
#ifndef ESCALATED_POLICIES_FOLLOW_H
#define ESCALATED_POLICIES_FOLLOW_H

#include <stdbool.h>

#include "policies/act.h"
#include "policies/incident.h"

/* False: this receiver cannot be sent anything (any more). */
bool follow_send(struct incident *incident, struct moment *moment, enum notification_kind kind,
                 const char *receiver, const char *text);

/* The same about a step of its own. */
bool follow_send_about(struct incident *incident, struct moment *moment,
                       enum notification_kind kind, const char *step, const char *receiver,
                       const char *text);

/* An answer by the medium a reply came in on; where the contact has no such method, by the one that reached them or that
 * pages them, if `by_any` says so. False: there is no method. */
bool follow_answer(struct incident *incident, struct moment *moment, const char *contact,
                   const char *channel, bool by_any, const char *text);

/* The same about an incident that is no longer in memory; `serial` makes the message's key unique. */
bool follow_answer_closed(const struct incident *closed, int32_t serial, struct moment *moment,
                          const char *contact, const char *channel, bool by_any, const char *text);

/* Tell each receiver of a handed-over page (and with `informed` also of an inform or ask) of this
 * opening once, except `but_not`. */
void follow_tell(struct incident *incident, struct moment *moment, bool informed,
                 const char *but_not, const char *text);

#endif
