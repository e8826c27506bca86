/*
 * question - the text of an ask with the facts of its incident in it: `\(.incident.title)`.
 *
 * Shape:   template -> text in the moment's arena. Facts: number title severity priority state policy group source
 *          owner cause opened_at resolved_at eta_at last_backup. One that is not there reads "unknown".
 * Units:   times as the site's zone shows them.
 * Fails:   question_check: -1 for a fact that there is not, or an open bracket.
 * Source:  DESIGN section 5, `question`.
 */
#ifndef ESCALATED_POLICIES_QUESTION_H
#define ESCALATED_POLICIES_QUESTION_H

#include "gateway/base/err.h"
#include "policies/act.h"
#include "policies/incident.h"

int question_check(const char *text, struct err *err);
const char *question_write(const char *text, const struct incident *incident,
                           const struct moment *moment);

#endif
