/*
 * store_world - rows with a value in every field, batches of them, and a store's whole answer as text to compare.
 *
 * Shape:   batch_begin -> batch_* -> batch_commit (or batch_end); world_text before and after.
 * Owns:    rows given to a batch are copied into its arena; world_text and row_text_* give heap text.
 * Fails:   a helper that cannot do its work fails the running cmocka test.
 */
#ifndef ESCALATED_TESTS_STORE_WORLD_H
#define ESCALATED_TESTS_STORE_WORLD_H

#include "gateway/base/text.h"
#include "gateway/store/store.h"

/* A folder of the test's own; removed with all files in it. */
char *test_folder_make(void);
void test_folder_remove(char *folder);

/* Opened, and the engine lease taken for long where the store has one. */
struct store *store_open_held(const char *url, const char *folder);

struct incident_row sample_incident(uint64_t number);
struct alert_row sample_alert(uint64_t id, uint64_t incident);
struct notification_row sample_notification(uint64_t id, uint64_t incident);
struct event_row sample_event(uint64_t incident);
struct timeline_row sample_timeline(uint64_t incident);
struct policy_row sample_policy(const char *hash);
struct claim_row sample_claim(uint64_t notification, int64_t attempt);
struct outcome_row sample_outcome(uint64_t notification, enum notification_state state);

struct batch {
    struct arena arena;
    struct effects effects;
    struct store_meta meta;
    const uint64_t *applied; /* items of the inbox; the caller's */
    size_t applied_count;
};

void batch_begin(struct batch *batch, struct store *store); /* meta as the store has it */
void batch_event(struct batch *batch, struct event_row row);
void batch_alert(struct batch *batch, bool insert, struct alert_row row);
void batch_incident(struct batch *batch, bool insert, struct incident_row row);
void batch_notification(struct batch *batch, struct notification_row row);
void batch_claim(struct batch *batch, struct claim_row row);
void batch_outcome(struct batch *batch, struct outcome_row row);
void batch_timeline(struct batch *batch, struct timeline_row row);
void batch_quarantine(struct batch *batch, struct quarantine_row row);
void batch_policy(struct batch *batch, struct policy_row row);
void batch_heartbeat(struct batch *batch, struct heartbeat_row row);
void batch_mark(struct batch *batch, struct mark_row row);
void batch_silence(struct batch *batch, struct silence_row row);
enum store_verdict batch_commit(struct batch *batch, struct store *store); /* and ends it */
void batch_end(struct batch *batch);

/* One line for each row, all of its fields. */
void dump_incident(struct strbuf *out, const struct incident_row *row);
void dump_alert(struct strbuf *out, const struct alert_row *row);
void dump_notification(struct strbuf *out, const struct notification_row *row);

/* Everything that load gives, in its order, without the epoch. */
char *world_text(struct store *store);

#endif
