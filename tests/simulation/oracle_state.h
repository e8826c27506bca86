/*
 * oracle_state - the inside of the oracle, shared by its own files only.
 *
 * Shape:   oracle.c reads inputs and effects, oracle_ladder.c knows the ladder, oracle_people.c who is meant by a step.
 *          Where the engine keeps a base and adds waits, this one writes down a plan: every page step of every climb with
 *          its absolute time, and moves the entries as the rules say.
 */
#ifndef ESCALATED_SIMULATION_ORACLE_STATE_H
#define ESCALATED_SIMULATION_ORACLE_STATE_H

#include <stdbool.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/text.h"
#include "policies/report.h"
#include "tests/simulation/oracle.h"

#define PLAN_MAX 64
#define STEPS_MAX 16
#define OPEN_END (-1) /* a planned entry: the ladder is exhausted */

struct o_message {
    struct o_message *next;
    uint64_t id; /* 0: made in this step, not yet seen among the effects */
    enum notification_kind kind;
    int32_t climb;
    int64_t paging; /* which paging it belongs to; 0: none */
    const char *contact, *channel, *address;
    int64_t due_ms, horizon_ms, claimed_at_ms;
    int64_t
        next_ms; /* of the first attempt: moves when it is brought forward or waits for a digest */
    int64_t after_ms; /* its distance from the run of its step */
    int64_t gain_ms;  /* by how much it is being brought forward */
    enum notification_state state;
    enum severity severity; /* when it was made */
    int attempts;
    bool deferred; /* quiet hours have put it off */
    bool admitted; /* its reader's limit has let it out */
    bool passed;   /* when it came due there was no limit; it is looked at again after a start */
    uint64_t digest, seen_digest; /* in which it goes out; as the engine says in this step */
    bool seen, seen_admitted;
    bool is_new;      /* sent by what is being decided */
    int64_t move;     /* in which it was made */
    int64_t let_go;   /* the move, from 1, in which it came forward last */
    int talk;         /* the step, from 1, whose update or ask it belongs to; 0: none */
    int64_t round;    /* of approval */
    int64_t batch;    /* messages that were sent together */
    const char *line; /* as it is expected among the effects */
    const char
        *step; /* pages: whose; the engine's own for a page to an owner; NULL: not seen yet */
};

struct o_found {
    struct o_incident *incident;
    struct o_message *message;
};

struct o_planned {
    int64_t at_ms;
    int step; /* or OPEN_END */
    int32_t climb;
};

struct o_silence {
    struct o_silence *next; /* by id */
    uint64_t id;
    const char *label, *value;
    int64_t until_ms;
    bool ended;
};

struct o_change {
    struct o_change *next; /* older */
    int64_t at_ms;
};

struct o_name {
    struct o_name *next;
    const char *name;
};

enum o_update_state { O_MISSING, O_CHANGED, O_HELD, O_RETURNED, O_SENT, O_DROPPED };

struct o_update {
    enum o_update_state state;
    int64_t due_ms, remind_ms, promised_ms, round;
    int64_t batch; /* of those who were asked last to approve it */
    bool escalated;
};

struct o_ask {
    bool has_run, is_open;
    int64_t asked_ms, deadline_ms, remind_ms;
    struct o_name *asked, *answered;
};

struct o_incident {
    struct o_incident *next;
    uint64_t number;
    const struct policy *policy;
    const char *group, *source;
    bool watched, live;
    enum incident_state state;
    enum severity severity;
    int acked_severity; /* below every severity: whatever it is now is news */
    const char *owner;  /* "" nobody */
    int64_t acked_at_ms, resolved_at_ms, ack_until_ms, eta_ms;
    int64_t slips;
    bool by_person, left_held, reminded, exhausted;
    int64_t reach_until_ms, fallback_at_ms, reminder_at_ms, answer_until_ms, ask_at_ms;
    bool has_cause, has_loss, has_priority;
    int priority;                    /* as a person has set it; 0: nobody has */
    bool was_urgent;                 /* at any moment of this step */
    struct o_planned plan[PLAN_MAX]; /* pages to come, the next first */
    size_t plan_count;
    int64_t told_at_ms[STEPS_MAX];
    bool told[STEPS_MAX];
    int64_t hold_until_ms;
    int64_t looked_at_ms; /* at what time it was last looked back at an outage */
    int64_t row_at_ms;    /* when its last row says that it was looked at */
    bool looks_back;
    int32_t climb, first_climb;
    int64_t paging; /* the latest of this climb; 0: none */
    bool was_paged; /* anybody, since the opening */
    int latest_step;
    int64_t latest_at_ms; /* its time, moved with those of the steps below */
    int latest_level;     /* -1: a step's; else of the fallback chain */
    struct o_message *messages, **last_message;
    const char *mark;         /* "" nothing holds it back */
    struct o_change *changes; /* between firing and resolved, newest first */
    int64_t calm_at_ms;       /* 0: it does not flap */
    struct o_name *passed;    /* of the latest paging */
    struct o_name *repliers;  /* since ever */
    const char *parts[PART_COUNT];
    const char *author;
    struct o_update updates[STEPS_MAX];
    size_t update_order[STEPS_MAX]; /* in which they ran in this opening */
    size_t update_count;
    struct o_ask asks[STEPS_MAX];
};

struct o_alert {
    struct o_alert *next;
    const char *source, *key;
    const char *service, *region;
    struct o_incident *incident;
    bool firing;
    enum severity severity;
    uint64_t count;
};

struct o_beat { /* rule 16 */
    struct o_beat *next;
    const char *source, *key, *run;
    int64_t counts_from_ms; /* its silence */
    int64_t started_at_ms;
    bool is_running, is_troubled, was_heard;
    bool is_gone; /* its source is no longer configured */
};

struct o_lines {
    const char **items;
    const struct o_incident **whose;
    size_t count, capacity;
};

#define O_OVERRIDES_MAX 256
#define O_SCHEDULES_MAX 8

struct o_override {
    uint64_t number;
    const char *schedule, *who, *instead_of; /* "": of whoever has duty */
    int64_t from_ms, until_ms;
    bool gone;
};

struct o_duty {
    const char *names[32];
    size_t count;
};

struct oracle {
    struct arena arena;
    const struct rulebook *book;
    int64_t now_ms, started_at_ms;
    uint64_t process, load; /* process: one more, 0 is none */
    int64_t wall_offset_ms;
    struct o_incident *incidents; /* newest first */
    struct o_alert *alerts;       /* newest first */
    struct o_silence *silences;
    struct o_beat *beats; /* by source and key */
    int64_t committed_at_ms;
    uint64_t next_number;
    int64_t pagings, rounds, batches;
    int64_t moves; /* one each time that an incident was moved and everything due then has run */
    bool all_wait; /* for the morning: what was sent last */
    bool is_off;
    struct o_found *by_id; /* messages by their numbers */
    size_t by_id_count;
    bool *was_given; /* of this step's effects; NULL: none */
    struct o_bucket *buckets;
    struct o_digest *digests;                     /* newest first */
    struct o_incident nobodys;                    /* number 0: what is done about no incident */
    struct o_override overrides[O_OVERRIDES_MAX]; /* all that were ever made */
    size_t override_count;
    struct o_duty told[O_SCHEDULES_MAX]; /* of the schedules in their order */
    bool is_told[O_SCHEDULES_MAX];
    struct o_lines expected, observed;
    struct strbuf complaint;
};

/* oracle.c */
void oracle_expect(struct oracle *oracle, const struct o_incident *incident, const char *line);
void oracle_expectf(struct oracle *oracle, const struct o_incident *incident, const char *format,
                    ...) __attribute__((format(printf, 3, 4)));
struct o_message *oracle_send(struct oracle *oracle, struct o_incident *incident,
                              const struct o_message *message);

/* It was made in this very move, and is not: nobody ever sees it. */
void oracle_unsend(struct oracle *oracle, const struct o_incident *incident,
                   struct o_message *message);

struct o_incident *oracle_incident(struct oracle *oracle, uint64_t number);
struct o_found oracle_message(const struct oracle *oracle, uint64_t id);
void oracle_reply(struct oracle *oracle, const struct input *input); /* oracle_replies.c */

/* oracle_notes.c */
const char *oracle_note_line(struct oracle *oracle, const struct timeline_row *row);

/* oracle_people.c */
struct o_people {
    const struct contact *contacts[32];
    size_t contact_count;
    const struct audience *audiences[8];
    size_t audience_count;
    const char *channels[8];
    size_t channel_count;
};
void people_find(struct oracle *oracle, const struct o_incident *incident,
                 const struct target *targets, size_t count, struct o_people *out);
bool people_is_empty(const struct o_people *people);
bool reply_has(const struct reply *reply, enum verb verb);
bool names_have(const struct o_name *names, const char *name);
void names_add(struct oracle *oracle, struct o_name **names, const char *name);

/* oracle_duty.c */
void duty_begin(struct oracle *oracle);
void duty_command(struct oracle *oracle, const char *text);
void duty_find(const struct oracle *oracle, const struct schedule *schedule, int64_t wall_ms,
               struct o_duty *out);
void duty_settle(struct oracle *oracle); /* at the end of a step */
/* Each contact by its own rules; `step` NULL: what follows somebody. */
int64_t ladder_send_all(struct oracle *oracle, struct o_incident *incident,
                        const struct o_people *people, enum notification_kind kind,
                        const char *step);
struct o_people people_of_level(struct oracle *oracle, const struct o_incident *incident,
                                int level);
/* The first level of the fallback chain that has anybody; false: none has. */
bool ladder_fallback(struct oracle *oracle, const struct o_incident *incident,
                     struct o_people *out_people);

/* oracle_talks.c: updates and asks. */
struct o_reply;
void talks_begin(struct oracle *oracle, struct o_incident *incident, size_t step,
                 const struct o_people *people);
int64_t talks_next_ms(const struct o_incident *incident);
void talks_time(struct oracle *oracle, struct o_incident *incident);
void talks_resolve(struct oracle *oracle, struct o_incident *incident);
void talks_reopen(struct oracle *oracle, struct o_incident *incident);
void talks_say(struct oracle *oracle, struct o_incident *incident, const char *by,
               const char *const parts[PART_COUNT]);
void talks_decide(struct oracle *oracle, struct o_incident *incident, const struct o_reply *reply,
                  bool approve);
/* False: the reply answers no question. */
bool talks_answer(struct oracle *oracle, struct o_incident *incident, const struct o_reply *reply,
                  bool free_text);
/* A message of an update or ask that waited for the morning goes out sooner. */
void talks_sooner(struct o_incident *incident, const struct o_message *message);
void talks_failed(struct oracle *oracle, struct o_incident *incident,
                  const struct o_message *message);

/* oracle_ladder.c: what time and alerts do to one incident; oracle_replies.c: what people do. */
void ladder_advance(struct oracle *oracle, struct o_incident *incident);
void ladder_end_ack(struct oracle *oracle, struct o_incident *incident);
void ladder_cancel(struct oracle *oracle, struct o_incident *incident, enum notification_kind kind,
                   const char *contact_or_null);
void ladder_stop_pages(struct oracle *oracle, struct o_incident *incident);
void ladder_tell_all(struct oracle *oracle, struct o_incident *incident, bool informed,
                     const char *but_not);

/* The page steps to come, and the time of the latest. */
void ladder_move_plan(struct o_incident *incident, int64_t by_ms);
/* A new climb from now on, and `left` more after it. */
void ladder_new_climb(struct oracle *oracle, struct o_incident *incident, int64_t left);
bool ladder_is_somebody_left(const struct o_incident *incident);
/* Rule 11, where the severity is above what was acknowledged. */
void ladder_page_owner(struct oracle *oracle, struct o_incident *incident);
/* The hold is over, although its time is not. */
void ladder_start_now(struct oracle *oracle, struct o_incident *incident);
/* All its alerts have resolved, and that counts. */
void ladder_clear(struct oracle *oracle, struct o_incident *incident, const char *by);

/* oracle_suppression.c: the mark of one incident, or of all, as it is now; a resolved one; what commands say. */
void suppression_look(struct oracle *oracle, struct o_incident *incident);
void suppression_look_at_all(struct oracle *oracle);
void suppression_time(struct oracle *oracle);
void suppression_resolved(struct o_incident *incident);
void suppression_command(struct oracle *oracle, const struct reply_command *command);
/* Between firing and resolved. True: it flaps. */
bool flapping_change(struct oracle *oracle, struct o_incident *incident);
void flapping_calm(struct oracle *oracle, struct o_incident *incident);
/* Does one alert fire, and no other, after all had resolved? The first of what people have reported opens nothing again. */
bool flapping_is_again(const struct oracle *oracle, const struct o_incident *incident);

struct o_reply {
    const char *by;
    bool known;
    int64_t eta_ms; /* 0: none */
    const struct o_message *answers;
};
/* Everything as at an opening, the steps at their times from the anchor. */
void ladder_prepare(struct o_incident *incident, int64_t anchor_ms);
void ladder_begin(struct oracle *oracle, struct o_incident *incident, bool again);
/* After an outage, before anything else. */
void ladder_look_back(struct oracle *oracle, struct o_incident *incident);
void ladder_time(struct oracle *oracle, struct o_incident *incident); /* what is due by now */
int64_t ladder_next_ms(const struct o_incident *incident);
void ladder_quiet(struct oracle *oracle, struct o_incident *incident, const char *by);
void ladder_resolve(struct oracle *oracle, struct o_incident *incident, const char *by,
                    bool by_person);
void ladder_ack(struct oracle *oracle, struct o_incident *incident, const struct o_reply *reply);
void ladder_take(struct oracle *oracle, struct o_incident *incident, const struct o_reply *reply);
void ladder_escalate(struct oracle *oracle, struct o_incident *incident,
                     const struct o_reply *reply);
void ladder_pass(struct oracle *oracle, struct o_incident *incident, const struct o_reply *reply);
void ladder_failed(struct oracle *oracle, struct o_incident *incident, struct o_message *message);
void ladder_accepted(struct oracle *oracle, struct o_incident *incident,
                     const struct o_message *message);

/* oracle_fields.c: rule 19. */
void fields_begin(struct oracle *oracle,
                  struct o_incident *incident); /* somebody has it from now on */
void fields_end(struct o_incident *incident);   /* nobody has it any more */
/* Once nothing is missing nothing is asked for any more. */
void fields_less(struct oracle *oracle, struct o_incident *incident);
void fields_promised(struct oracle *oracle,
                     struct o_incident *incident); /* its owner is reminded of the promise */
void fields_said(struct oracle *oracle, struct o_incident *incident,
                 const struct reply_command *command);
/* The owner; where that has no address, whoever was paged last. */
const char *fields_whom_of(const struct oracle *oracle, const struct o_incident *incident);
const char *fields_note_line(struct oracle *oracle, const char *by, const char *what);
void fields_ask(struct oracle *oracle, struct o_incident *incident);
/* False: it reports nothing. */
bool oracle_report(struct oracle *oracle, const struct input *input, const struct o_reply *said);
void ladder_report(struct oracle *oracle, struct o_incident *incident, const struct o_reply *said,
                   bool any_severity);
void ladder_tell(struct oracle *oracle, struct o_incident *incident, enum notification_kind kind,
                 const char *receiver);
void ladder_send_to(struct oracle *oracle, struct o_incident *incident, struct o_message *message);
struct o_incident *events_report(struct oracle *oracle, const struct report *report,
                                 bool *out_is_new);

#endif
