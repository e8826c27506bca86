/*
 * rig - an engine over the memory store with a stand-in for delivery, and a log of what it decided.
 *
 * Shape:   rig_event, rig_reply, rig_run -> rig->log: one line for each timeline entry and message,
 *          times in seconds since the start: "60 page lead ann sms", "60 triggered".
 * Owns:    everything; rig_clear checks nothing and frees all.
 * Fails:   a broken invariant fails the running cmocka test: world equal after a reload, orders in
 *          protocol, keys unique.
 */
#ifndef ESCALATED_TESTS_RIG_H
#define ESCALATED_TESTS_RIG_H

#include "gateway/base/arena.h"
#include "gateway/base/text.h"
#include "gateway/engine/engine.h"

#define RIG_START_MS INT64_C(1772330400000) /* 2026-03-01T02:00:00Z */
#define RIG_POLICIES 4

struct rig_order { /* what delivery holds for one notification */
    uint64_t notification;
    int64_t attempt;
    bool offered; /* an answer is owed */
    bool ready;   /* PREPARED was given: START or DROP is owed */
    bool started;
    bool recalled; /* asked back after its START */ /* RESULT is owed */
};

struct rig {
    struct zone *zone;
    struct rulebook book;
    struct policy policies[RIG_POLICIES];
    struct rulebook book_again; /* with another version of `shop`, and `crew` under another name */
    struct policy policies_again[RIG_POLICIES];
    const struct rulebook *current;
    struct source_rule sources[2];
    struct contact contacts[3];
    struct store *store;
    struct engine *engine;
    int64_t now_ms;
    struct arena arena;
    struct strbuf log;
    struct strbuf answer; /* text of the last answer */
    enum answer_status answer_status;
    uint64_t answer_incident;
    enum outcome outcomes[8]; /* by channel index of the rulebook */
    bool holds_offers;        /* delivery does not answer by itself */
    bool holds_results;
    bool checks_reload;
    struct rig_order *orders;
    size_t order_count;
    struct input *waiting; /* what delivery will say next */
    size_t waiting_count;
    uint64_t next_id;
    const char **keys;
    size_t key_count;
    uint64_t start_count;
    enum store_verdict verdict; /* of the last step */
    struct secret token_key;
    struct channel_rule rules[4]; /* of the channels; give the rulebook channel_rules to use them */
};

void rig_init(struct rig *rig);
void rig_clear(struct rig *rig);

/* One step with these inputs at now, then everything delivery and engine say to each other at this
 * instant. */
void rig_apply(struct rig *rig, struct input *inputs, size_t count);
void rig_settle(struct rig *rig);
/* Let time pass, timer by timer. */
void rig_run(struct rig *rig, int64_t seconds);
/* Let time pass as one jump: an outage. */
void rig_jump(struct rig *rig, int64_t seconds);
/* Throw the engine away and start another over the same store. */
void rig_restart(struct rig *rig);

struct input rig_event_input(struct rig *rig, enum event_action action, const char *key,
                             enum severity severity, const char *service);
void rig_event(struct rig *rig, enum event_action action, const char *key, enum severity severity,
               const char *service);
/* Commands as a list of verbs; a 0-terminated list of `struct reply_command` is given as array and
 * count. */
void rig_reply(struct rig *rig, const char *from, uint64_t incident,
               const struct reply_command *commands, size_t count);
/* Words alone, in answer to a notification; 0: to none. */
void rig_tell(struct rig *rig, const char *from, uint64_t notification, const char *text);
void rig_say(struct rig *rig, const char *from, uint64_t incident, enum verb verb);
void rig_reload(struct rig *rig, bool again);
/* Before its first incident: the page steps of a policy ask for these (bits of enum need). */
void rig_ask_for(struct rig *rig, size_t policy, uint8_t needs);
/* What `from` (a contact, else an operator) knows before any alert: JSON text (policies/report.h), and an ETA or 0. */
void rig_report(struct rig *rig, const char *from, const char *report, int64_t eta_ms);
/* As an operator over the API. */
void rig_command(struct rig *rig, uint64_t incident, enum verb verb);
/* The JSON of an override, as an operator over the API. */
void rig_override(struct rig *rig, const char *text);
void rig_clock(struct rig *rig, int64_t wall_offset_ms);
void rig_receipt(struct rig *rig, uint64_t notification, bool delivered);
/* A message by `sms` from an address, as the edge makes it: "" has no code; id NULL names none. */
struct input rig_sms_input(struct rig *rig, const char *from, const char *address, const char *id,
                           enum verb verb);
void rig_sms(struct rig *rig, const char *from, const char *address, const char *id,
             enum verb verb);
/* From now on: `per_contact` messages a minute to one person, and `critical` with those that are urgent. */
void rig_limit(struct rig *rig, int64_t per_contact, int64_t critical);
/* Quiet hours 22:00-07:00 for ann and bob. */
void rig_quiet(struct rig *rig);
void rig_receipt_input(struct rig *rig, struct receipt receipt);

/* The log since the last call, emptied. */
const char *rig_log(struct rig *rig);

#endif
