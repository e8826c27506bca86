/*
 * store_read - what the API, the reply edge and the command line may look up, without the engine.
 *
 * Shape:   one read-only connection per reader; each call is one consistent snapshot of committed state.
 * Owns:    rows and their texts are allocated in the caller's arena.
 * Threads: one thread at a time per reader; any number of readers.
 * Limits:  lists are cut at `limit` (at most STORE_READ_LIMIT_MAX), newest first, keyset paging by number. Notifications in
 *          lists come without snapshot and body (""/NULL); a call waits at most 200 ms for a lock.
 * Fails:   -1 with *err; ERR_NOT_FOUND for an unknown number; ERR_BUSY may work later.
 */
#ifndef ESCALATED_STORE_STORE_READ_H
#define ESCALATED_STORE_STORE_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/arena.h"
#include "gateway/base/err.h"
#include "policies/row.h"

#define STORE_READ_LIMIT_MAX 1000

struct heartbeats; /* policies/heartbeat.h */
struct policy;
struct rulebook;
struct store_reader;

int store_reader_open(const char *url, const char *state_dir, struct store_reader **out_reader,
                      struct err *err);
void store_reader_close(struct store_reader *reader);

struct incident_filter {
    bool open_only;
    uint64_t before; /* numbers below this; 0: from the newest */
    size_t limit;
    const char *policy_or_null;
};

int store_read_incidents(struct store_reader *reader, const struct incident_filter *filter,
                         struct arena *arena, struct incident_row **out_rows, size_t *out_count,
                         struct err *err);
int store_read_incident(struct store_reader *reader, uint64_t number, struct arena *arena,
                        struct incident_row *out_row, struct err *err);
int store_read_alerts(struct store_reader *reader, uint64_t incident, size_t limit,
                      struct arena *arena, struct alert_row **out_rows, size_t *out_count,
                      struct err *err);
int store_read_timeline(struct store_reader *reader, uint64_t incident, size_t limit,
                        struct arena *arena, struct timeline_row **out_rows, size_t *out_count,
                        struct err *err);
/* incident 0: of all incidents. */
int store_read_notifications(struct store_reader *reader, uint64_t incident, uint64_t before,
                             size_t limit, struct arena *arena, struct notification_row **out_rows,
                             size_t *out_count, struct err *err);
int store_read_notification(struct store_reader *reader, uint64_t id, struct arena *arena,
                            struct notification_row *out_row, struct err *err);
int store_read_attempts(struct store_reader *reader, uint64_t notification, struct arena *arena,
                        struct attempt_row **out_rows, size_t *out_count, struct err *err);
/* Newest first; before: as for incidents. */
int store_read_quarantine(struct store_reader *reader, uint64_t before, size_t limit,
                          struct arena *arena, struct quarantine_row **out_rows, size_t *out_count,
                          struct err *err);
/* Newest first; before: as for incidents. */
int store_read_silences(struct store_reader *reader, bool held_only, uint64_t before, size_t limit,
                        struct arena *arena, struct silence_row **out_rows, size_t *out_count,
                        struct err *err);
/* A version of a policy that some incident runs by; ERR_NOT_FOUND. */
int store_read_policy(struct store_reader *reader, const char *hash, struct arena *arena,
                      struct policy_row *out_row, struct err *err);
/* By source and key, from behind that pair on. */
struct heartbeat_filter {
    const char *source;                   /* "": of all */
    const char *after_source, *after_key; /* "" both: from the first */
    size_t limit;
};
int store_read_heartbeats(struct store_reader *reader, const struct heartbeat_filter *filter,
                          struct arena *arena, struct heartbeat_row **out_rows, size_t *out_count,
                          struct err *err);
/* What is known of the backup jobs of this policy; NULL: of all that any may look at. heartbeats_clear frees it, also after a
 * failure. */
int store_read_backup_jobs(struct store_reader *reader, const struct rulebook *book,
                           const struct policy *policy_or_null, struct arena *arena,
                           struct heartbeats *out_jobs, struct err *err);
/* What an incident is held back by as a person reads it, with reason and author: suppression_text. */
int store_read_mark_text(struct store_reader *reader, const char *mark, struct arena *arena,
                         const char **out_text, struct err *err);
/* What is known of a broker's session; `found` false: nothing. */
struct known_session {
    bool found;
    unsigned char id[16];
    const char *filters;
    const unsigned char *marks; /* of the messages taken last in it, the oldest first */
    size_t mark_count;
};
int store_read_session(struct store_reader *reader, const char *broker, struct arena *arena,
                       struct known_session *out_session, struct err *err);
/* All of one kind, by name, at most STORE_READ_LIMIT_MAX. */
int store_read_marks(struct store_reader *reader, enum mark_kind kind, struct arena *arena,
                     struct mark_row **out_rows, size_t *out_count, struct err *err);
/* Timeline rows of all incidents with an id above `after`, oldest first: what /v1/stream follows. Ids rise in the order of
 * the commits and are never given twice. */
int store_read_timeline_after(struct store_reader *reader, uint64_t after, size_t limit,
                              struct arena *arena, struct timeline_row **out_rows,
                              uint64_t **out_ids, size_t *out_count, struct err *err);
/* The newest id of the timeline, the place where a new follower starts; 0: there is none. */
int store_read_timeline_last(struct store_reader *reader, uint64_t *out_last, struct err *err);

#endif
