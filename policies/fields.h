/*
 * fields - what people say about an incident besides that they have it: priority, cause, loss and restore, what an
 * acknowledgement should have said and did not, and how urgent all of it is.
 *
 * Shape:   a move puts a new `fields` in the incident's place for them, never changes the one that stands there.
 * Units:   *_at_ms engine time, 0 when it has not happened.
 * Owns:    what a move puts there lies in the moment's arena; the engine replaces it by its own copy afterwards.
 * Source:  DESIGN section 4, rule 19.
 */
#ifndef ESCALATED_POLICIES_FIELDS_H
#define ESCALATED_POLICIES_FIELDS_H

#include "gateway/base/err.h"
#include "gateway/base/text.h"
#include "policies/act.h"
#include "policies/incident.h"

#define FIELDS_AGAIN_MS                                                                            \
    INT64_C(300000) /* what an ack lacks is asked for once more, so long after it */

struct fields {
    const char *loss;     /* "" until somebody has said it */
    const char *restored; /* the same */
    int64_t restored_at_ms;
    int64_t
        ask_again_at_ms; /* what the ack lacks; 0: it has been asked for, or nobody has the incident */
};

/* Severity as rules 14 and 15 see it: p1 counts as critical. */
enum severity incident_urgency(const struct incident *incident);

const char *fields_loss(const struct incident *incident);
const char *fields_restored(const struct incident *incident);
int64_t fields_ask_again_ms(const struct incident *incident); /* INT64_MAX: not */

/* Whom questions about the acknowledgement go to: its owner, else (a source, an operator) whoever was paged last; "" nobody. */
const char *fields_whom(const struct incident *incident, const struct moment *moment);

/* Bits of enum need: what the step by which they were paged asks for, without what is known. */
uint8_t fields_missing(const struct incident *incident, const struct moment *moment);
/* The same for whoever a page of this step reaches. */
uint8_t fields_missing_of(const struct incident *incident, const char *step);
/* "eta, cause" */
const char *fields_names(uint8_t needs, struct arena *arena);
/* "Still missing: eta, cause. Reply \"eta 45m cause WHY\"." or "" */
const char *fields_sentence(uint8_t needs, struct arena *arena);

/* MOVE_FIELD */
void fields_record(struct incident *incident, const struct move *move, struct moment *moment);
/* Somebody has it from now on: what is still missing in five minutes is asked for once more. */
void fields_expect(struct incident *incident, struct moment *moment);
/* Something has been said: where nothing is missing any more, nothing is to be asked for. */
void fields_expect_less(struct incident *incident, struct moment *moment);
void fields_expect_no_more(struct incident *incident, struct moment *moment);
/* We were down: the acknowledgement ends in this very moment, so there is nothing left to ask for. */
bool fields_ack_ends(const struct incident *incident, const struct moment *moment);
void fields_ask_again(struct incident *incident, struct moment *moment);
/* Its sentence with a blank before it, for the end of a reminder: what was to be asked for by now has been, then. */
const char *fields_remind(struct incident *incident, struct moment *moment);
/* Its sentence for whoever has said something, "" unless they are asked. */
const char *fields_answer(const struct incident *incident, const struct moment *moment,
                          const char *reader);

/* JSON object text, absent ones left out; nothing at all for NULL. The same fields always give the same text. */
void fields_write(const struct fields *fields_or_null, struct strbuf *out);
/* *out_fields is NULL for ""; else it and its texts lie in the arena. */
int fields_read(const char *text, struct arena *arena, const struct fields **out_fields,
                struct err *err);

#endif
