/*
 * answer - the sentences people get back: who has an incident and until when, and what state it is
 * in.
 *
 * Owns:    texts lie in the moment's arena.
 * Units:   times are shown with date and zone of the person who reads them.
 * Source:  DESIGN section 4, rules 7 and 8; section 7.
 */
#ifndef ESCALATED_POLICIES_ANSWER_H
#define ESCALATED_POLICIES_ANSWER_H

#include "policies/act.h"
#include "policies/incident.h"

/* "#142 is yours until …", or "ann has #142 until …" for another reader; with the ETA when there is
 * one. */
const char *answer_owner(const struct incident *incident, const struct moment *moment,
                         const char *reader);
const char *answer_resolved(const struct incident *incident, const struct moment *moment,
                            const char *reader);
/* State, severity, owner and what is known, in one or two sentences. */
const char *answer_status(const struct incident *incident, const struct moment *moment,
                          const char *reader);
const char *answer_help(void);

#endif
