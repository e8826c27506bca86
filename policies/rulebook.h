/*
 * rulebook - everything of one configuration that decisions need: people, schedules, audiences, sources, policies.
 *
 * Shape:   plain immutable structs; `gateway/config` builds them, `policies/` and the engine read them.
 * Units:   *_ms milliseconds; instants Unix UTC.
 * Owns:    everything lies in the configuration's arena and lives as long as that (reference-counted) object.
 * Threads: read-only, any.
 */
#ifndef ESCALATED_POLICIES_RULEBOOK_H
#define ESCALATED_POLICIES_RULEBOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/arena.h"
#include "gateway/base/regex.h"
#include "gateway/base/zone.h"
#include "policies/event.h"
#include "policies/hours.h"

/* One way to reach a contact: the channel of this name with this address. */
struct method {
    const char *channel;
    const char *address;
};

/* One line of `page = sms, voice after 3m, email`. */
struct reach_rule {
    size_t method;    /* index into contact.methods */
    int64_t after_ms; /* counted from the step's run */
};

struct contact {
    const char *name;             /* section name */
    const char *full_name;        /* `name =`, else the section name */
    const struct method *methods; /* in file order */
    size_t method_count;
    const struct reach_rule
        *page; /* never empty when method_count > 0: defaults are filled in by config */
    size_t page_count;
    const struct reach_rule *inform; /* the same: email, else the first */
    size_t inform_count;
    const struct zone *zone;
    const struct hours *quiet; /* NULL: none; what is not urgent waits for their end */
};

struct team {
    const char *name;
    const char *const *members; /* contact names */
    size_t member_count;
};

/* A stretch of a calendar in which the same people have duty. */
struct shift {
    int64_t from_ms; /* wall clock */
    int64_t until_ms;
    const char *const *names; /* contacts; never none */
    size_t name_count;
};

/* Who has duty at an instant: the first of `layers` that has somebody then; else, within `during`, who the calendar
 * says, or whose turn it is, or all members. */
struct schedule {
    const char *name;
    const struct schedule *const *layers;
    size_t layer_count;
    const struct hours *during; /* NULL: always */
    bool has_calendar;          /* then `shifts` says all, up to shifts_until_ms */
    const struct shift *shifts; /* rising, never overlapping */
    size_t shift_count;
    int64_t shifts_until_ms;
    bool is_remote;       /* its calendar comes over the network */
    bool awaits_calendar; /* and was never there: who has duty is not known */
    bool tells_handover;  /* handover = yes */
    const char *const *members;
    size_t member_count;
    int64_t rotate_days; /* 0: fixed; 1: daily, or several a day; 7: weekly */
    int rotate_hours;    /* between turns of a day, a divisor of 24; 0: one a day */
    int rotate_weekday;  /* 0 = Sunday, for weekly */
    int rotate_hour, rotate_minute;
    const struct zone *zone;
};

struct audience {
    const char *name;
    const char *channel; /* default "email" */
    const char *const *addresses;
    size_t address_count;
};

enum target_kind {
    TARGET_CONTACT,
    TARGET_TEAM,
    TARGET_SCHEDULE, /* @name */
    TARGET_AUDIENCE, /* &name */
    TARGET_CHANNEL,  /* channel:NAME */
    TARGET_EVERYONE,
};

struct target {
    enum target_kind kind;
    const char *name; /* without its sign; resolved in the current rulebook when the step runs */
};

/* What an acknowledgement is asked to say: bits 1 << need of `ask_for`. */
enum need { NEED_ETA, NEED_CAUSE, NEED_PRIORITY, NEED_LOSS, NEED_COUNT };
extern const char *const need_names[NEED_COUNT + 1]; /* "eta" …; NULL ends it */

enum step_kind { STEP_PAGE, STEP_INFORM, STEP_ASK };
enum step_when { WHEN_UNACKED, WHEN_UNRESOLVED, WHEN_ACKED, WHEN_RESOLVED };

/* What a statement to affected parties is made of. */
enum part { PART_WHAT, PART_DOING, PART_AVOID, PART_COUNT };
const char *part_name(enum part part); /* "what" … */

/* What happens to an update that nobody has approved or rejected in time. */
enum approve_then { APPROVE_ESCALATE, APPROVE_SEND, APPROVE_DROP };

#define ASK_ANSWERS_MAX 100 /* lines of one person */

struct step {
    const char *name;
    enum step_kind kind;
    enum step_when when;
    int64_t wait_ms;
    const struct target *targets;
    size_t target_count;
    uint32_t require;               /* inform: parts without which it is not sent, one bit each */
    const struct target *approvers; /* inform with `require`: none: it needs no approval */
    size_t approver_count;
    int64_t within_ms;
    enum approve_then then;
    int64_t every_ms;     /* inform with `require`: 0: no next update is promised */
    const char *question; /* ask; may name facts: \(.incident.title) */
    int64_t remind_ms;    /* ask; 0: never */
    int64_t deadline_ms;  /* ask */
    int64_t answers;      /* ask: lines that one person may put into the list */
    uint8_t ask_for;      /* page steps: their own, else the policy's */
};

enum match_op { MATCH_EQUAL, MATCH_NOT_EQUAL, MATCH_REGEX, MATCH_NOT_REGEX };

struct matcher {
    const char *label; /* also: source, key, severity */
    enum match_op op;
    const char *value;
    const struct regex *regex; /* for the regex ops */
};

struct match_line { /* all of a line must match; several lines are alternatives */
    const struct matcher *matchers;
    size_t matcher_count;
};

enum resolve_mode { RESOLVE_AUTO, RESOLVE_MANUAL };

#define POLICY_HASH_BYTES 65 /* SHA-256 in hex, with NUL */

struct policy {
    const char *name;
    char hash[POLICY_HASH_BYTES]; /* of `text` */
    const char
        *text; /* canonical INI of this policy and its steps: parses back to the same policy */
    const struct match_line
        *match; /* none: matches nothing, except `default`, which matches everything */
    size_t match_count;
    bool goes_on;                /* continue = yes */
    const char *const *group_by; /* none: every alert is its own incident */
    size_t group_by_count;
    int64_t hold_ms;
    int64_t repeat;
    int64_t ack_timeout_ms;
    int64_t eta_grace_ms;
    int64_t eta_max_ms;
    int64_t reach_within_ms;
    int64_t reopen_within_ms;
    int64_t fallback_every_ms;
    int64_t flap_count; /* more transitions than this within flap_ms: flapping; 0: never */
    int64_t flap_ms;
    enum resolve_mode resolve;
    const struct target *fallback;
    size_t fallback_count;
    const struct step *steps;
    size_t step_count;
    uint8_t ask_for;           /* of the fallback too */
    const char *const *backup; /* names of sources; none: all with `backup = yes` */
    size_t backup_count;
};

/* When a maintenance holds: hours of the week, or once. */
struct maintenance_window {
    const struct hours *hours_or_null;
    int64_t from_ms; /* wall clock; without hours */
    int64_t until_ms;
};

struct maintenance {
    const char *name;
    const struct match_line *match;
    size_t match_count;
    const struct maintenance_window *windows;
    size_t window_count;
};

/* While an alert that fits `when` fires, those that fit `mute` and have the same values of `equal` are held back. */
struct inhibit {
    const char *name;
    const struct match_line *when;
    size_t when_count;
    const struct match_line *mute;
    size_t mute_count;
    const char *const *equal;
    size_t equal_count;
};

#define FLAP_COUNT_MAX 20
#define INHIBITS_MAX 100
#define MAINTENANCES_MAX 500
#define WINDOWS_MAX 64

struct source_rule { /* what the engine needs to know of a [source] */
    const char *name;
    int64_t incidents_max; /* open incidents of this source */
    int64_t alerts_max;    /* alerts of it in memory; 0: no limit */
    /* Heartbeats; all of it 0 and NULL for a source from which nothing is expected. */
    int64_t expect_every_ms;
    int64_t grace_ms;
    int64_t keys_max;
    const char *const *expect; /* keys expected before they were ever heard */
    size_t expect_count;
    enum severity severity; /* of the alert when one is missed or has failed */
    const char *summary;    /* and what it says: heartbeat_summary; NULL: the default */
    bool is_pings;          /* format = heartbeat: else each of its events is a sign of life, too */
    bool backup;            /* its heartbeats are those of a backup job */
};

#define CHANNEL_ATTEMPTS_DEFAULT 8
#define CHANNEL_HORIZON_DEFAULT_MS INT64_C(1800000)

enum channel_code { CHANNEL_CODE_OFF, CHANNEL_CODE_CRITICAL, CHANNEL_CODE_ALWAYS };

struct channel_rule { /* how long the engine tries on a [channel] */
    int64_t attempts_max;
    enum channel_code code; /* which replies have to carry the code of a message */
    int64_t horizon_ms;     /* no attempt starts later than this after a message was due */
    int64_t per_contact;    /* messages a minute to one person; 0: as many as there are */
    int64_t
        per_contact_critical; /* with those about what is urgent, and not fewer; 0: no limit for them */
};

struct rulebook {
    const struct contact *contacts;
    size_t contact_count;
    const struct team *teams;
    size_t team_count;
    const struct schedule *schedules;
    size_t schedule_count;
    const struct audience *audiences;
    size_t audience_count;
    const struct source_rule *sources;
    size_t source_count;
    const char *const *channels;              /* names of the [channel] sections */
    const struct channel_rule *channel_rules; /* one for each name; NULL: the defaults for all */
    size_t channel_count;
    const struct policy *policies; /* reading order; `default` is last */
    size_t policy_count;
    const struct maintenance *maintenances; /* reading order */
    size_t maintenance_count;
    const struct inhibit *inhibits;
    size_t inhibit_count;
    const struct policy *default_policy; /* always there; pages at least one contact or team */
    const struct zone *zone;             /* [gateway] time_zone */
    const char *site_name;               /* [gateway] name */
    const char *public_url;              /* without trailing slash, "" when not set */
    int64_t incidents_max;
    int64_t incident_alerts_max; /* alerts of one incident; 0: no limit */
    int64_t keep_ms; /* what is no longer configured is remembered for so long; 0: for ever */
    int64_t outbox_trouble_ms; /* a notification that waits for so long is trouble of our own */
    bool expects_heartbeats;   /* any of the sources does */
    /* Contacts and sources by name, as rulebook_sort leaves them; NULL: they are walked through. */
    const uint32_t *contact_order;
    const uint32_t *source_order;
};

/* Once both lists are complete: looking a contact or source up then takes a few steps, however many there are. */
void rulebook_sort(struct rulebook *book, struct arena *arena);

/* Look-ups by name; NULL when it is not (or no longer) there. */
const struct contact *rulebook_contact(const struct rulebook *book, const char *name);
const struct team *rulebook_team(const struct rulebook *book, const char *name);
const struct schedule *rulebook_schedule(const struct rulebook *book, const char *name);
const struct audience *rulebook_audience(const struct rulebook *book, const char *name);
const struct source_rule *rulebook_source(const struct rulebook *book, const char *name);
const struct policy *rulebook_policy(const struct rulebook *book, const char *name);
/* The defaults for a channel that is not (or no longer) there. */
struct channel_rule rulebook_channel_rule(const struct rulebook *book, const char *name);
bool rulebook_has_channel(const struct rulebook *book, const char *name);

#endif
