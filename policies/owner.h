/*
 * owner - what a severity means to whoever has acknowledged an incident.
 *
 * Source:  DESIGN section 4, rules 8 and 11.
 */
#ifndef ESCALATED_POLICIES_OWNER_H
#define ESCALATED_POLICIES_OWNER_H

#include "policies/incident.h"

#define OWNER_REMIND_BEFORE_MS INT64_C(300000) /* of an ack without an ETA */

void owner_note_severity(struct incident *incident, struct moment *moment);

/* A higher severity than the one acknowledged pages the owner, who must answer within the first wait; where that is a source
 * or an operator, whoever was paged last is paged. Under a mark nobody is: then when it ends. */
void owner_page(struct incident *incident, struct moment *moment);

#endif
