/*
 * message - the snapshot a notification carries: everything its renderer needs, fixed when the row
 * is made.
 *
 * Shape:   incident + message -> one flat JSON object. Keys, always there, texts "" and times null
 *          when absent: incident (number) uuid title summary severity priority state policy group
 *          source key labels{} step kind climb repetition contact contact_name channel time_zone
 *          text owner owner_name known cleared cause loss restored eta_at ack_until opened_at acked_at
 *          resolved_at slips linked missing[] backup{source key at stale silent text} (null where no job is
 *          configured; outsiders get neither this nor loss, restored; missing has what the reader is asked to say:
 *          in a page, and in a reminder to whoever has it) firing_count alert_count occurrences site_name public_url
 *          local{eta_at ack_until opened_at resolved_at} Units: times are RFC 3339; `local` holds
 *          them as the receiver reads them ("Sun 2026-03-01 14:30 (Europe/Berlin)").
 * Limits:  MESSAGE_BYTES_MAX; labels are left out (an empty object) where they would pass it.
 */
#ifndef ESCALATED_POLICIES_MESSAGE_H
#define ESCALATED_POLICIES_MESSAGE_H

#include "gateway/base/text.h"
#include "policies/act.h"
#include "policies/incident.h"

#define MESSAGE_BYTES_MAX 131072

/* `out` is emptied first. */
void message_write(const struct incident *incident, const struct message *message,
                   const struct moment *moment, struct strbuf *out);

/* The idempotency key: (incident, climb, step, contact, method, repetition), with a digest of the
 * address where one receiver stands for many. Letters, digits, `-`, `_` and `~` only, so that it
 * may stand in mail and HTTP headers; `_` and `~` occur in no name, so no two notifications share a
 * key. */
void message_key(const struct incident *incident, const struct message *message,
                 char out[NOTIFICATION_KEY_BYTES]);

#endif
