/*
 * memory - what the files of the memory store share; nobody outside this folder includes it.
 *
 * Shape:   memory.c commits and keeps house, memory_load.c gives back, memory_table.c and
 *          memory_keys.c hold.
 * Limits:  a simulation's world; nothing is checked here that the engine does not bound.
 */
#ifndef ESCALATED_STORE_MEMORY_H
#define ESCALATED_STORE_MEMORY_H

#include "gateway/store/memory_keys.h"
#include "gateway/store/memory_table.h"
#include "gateway/store/store.h"
#include "policies/heartbeat.h"
#include "policies/marks.h"

struct id_list {
    uint64_t *ids;
    size_t count;
    size_t capacity;
};

/* Alerts and notifications may come before their incident within a batch: until then it has no row.
 */
struct memory_incident {
    struct incident_row *row; /* or NULL */
    struct id_list alerts;
    struct id_list notifications;
};

struct memory_store {
    struct store store;
    struct store_meta meta;
    struct memory_table incidents;     /* struct memory_incident */
    struct memory_table alerts;        /* struct alert_row */
    struct memory_table notifications; /* struct notification_row, its body a block of its own */
    struct memory_table inbox;         /* struct store_inbox_item, its bytes a block of its own */
    struct memory_table policies;      /* struct policy_row, numbered as they came */
    struct memory_keys open_groups;    /* policy and group of open incidents: each once */
    struct memory_keys unfinished;     /* keys of notifications still to be sent: each once */
    struct memory_keys over; /* source and key of alerts -> newest incident no longer live */
    struct ledger marks;
    struct memory_table silences; /* struct silence_row */
    struct heartbeats heartbeats;
    uint64_t inbox_last; /* highest sequence given */
    bool broken;
};

static inline void *memory_row(const struct memory_table *table, uint64_t id)
{
    const struct memory_entry *entry = memory_table_find(table, id);
    return entry == NULL ? NULL : entry->row;
}

static inline bool memory_is_live(const struct memory_store *memory, uint64_t number)
{
    const struct memory_incident *incident = memory_row(&memory->incidents, number);
    return incident != NULL && incident->row != NULL && incident->row->live;
}

static inline bool notification_is_over(enum notification_state state)
{
    return state != NOTIFICATION_PENDING && state != NOTIFICATION_CLAIMED;
}

int memory_read_meta(void *self, struct store_meta *out_meta, struct err *err);
int memory_load(void *self, const struct store_sink *sink, struct err *err);
int memory_find_alert(void *self, const char *source, const char *key, uint64_t *out_incident,
                      struct err *err);
int memory_last_alert(void *self, const char *source, const char *key, struct arena *arena,
                      struct alert_row *out_row, struct err *err);
int memory_closed(void *self, uint64_t number, struct arena *arena, struct incident_row *out_row,
                  bool *out_found, struct err *err);
int memory_last_told(void *self, const char *contact, struct store_told *out_told, struct err *err);
int memory_notifications(void *self, const uint64_t *ids, size_t count, struct arena *arena,
                         struct stored_notification *out_items, struct err *err);
int memory_find_provider_id(void *self, const char *channel, const char *provider_id,
                            uint64_t *out_notification, struct err *err);
int memory_find_mark(void *self, enum mark_kind kind, const char *name, struct arena *arena,
                     struct mark_row *out_row, struct err *err);
void memory_load_marks(const struct memory_store *memory, const struct store_sink *sink);
void memory_put_silence(struct memory_store *memory, const struct silence_row *row);
void memory_load_silences(const struct memory_store *memory, const struct store_sink *sink);
void memory_sweep_silences(struct memory_store *memory, int64_t keep_before_ms);
void memory_clear_silences(struct memory_store *memory);
void memory_sweep_marks(struct memory_store *memory);
void memory_load_heartbeats(const struct memory_store *memory, const struct store_sink *sink);

#endif
