/*
 * backup - the last good backup, as far as anybody knows: what would be lost by going back to it.
 *
 * Shape:   policy + what heartbeats are known at the moment -> the backup that counts, and a sentence about it.
 * Units:   *_at_ms engine time.
 * Owns:    sentences lie in the moment's arena; names are the rulebook's and the heartbeats'.
 * Source:  DESIGN section 4, rule 19; section 6.
 */
#ifndef ESCALATED_POLICIES_BACKUP_H
#define ESCALATED_POLICIES_BACKUP_H

#include "policies/act.h"
#include "policies/incident.h"

struct json_out; /* gateway/base/json.h */

struct backup {
    bool is_expected;   /* there are backup jobs at all; else nothing is said of backups */
    int64_t at_ms;      /* the oldest of the last successes of all jobs; 0: none is known */
    const char *source; /* whose it is; "" none */
    const char *key;
    const char *silent; /* a job of which no success is known at all, "" none */
    bool is_stale;      /* that job is overdue, or failed last time */
    bool has_failed;
};

/* The jobs are those that the policy names, else all sources with `backup = yes`. */
struct backup backup_find(const struct policy *policy, const struct moment *moment);

/* "Sat 2026-02-28 22:00 (UTC), 4h before it began (nightly)": what a reader in this zone is told, "" where backups are not
 * expected. */
const char *backup_text(const struct incident *incident, const struct moment *moment,
                        const struct zone *zone);
/* The same as a member "backup" of the object that is being written: source key at stale silent text; null where backups are
 * not expected. Of no incident: all jobs with `backup = yes`, without the text and the zone. */
void backup_add(struct json_out *json, const struct incident *incident_or_null,
                const struct moment *moment, const struct zone *zone);

/* Of a row out of the store, as much of the incident as these functions look at, by the policy as it is configured now. */
struct incident backup_incident(const struct incident_row *row, const struct rulebook *book);

#endif
