/*
 * tables - every section and option of the configuration, one row each; parser, --check,
 * --print-defaults and the manual test read them.
 *
 * Shape:   section_types[kind].options + one section -> its values struct below.
 * Units:   *_ms milliseconds.
 * Limits:  the bounds in the rows.
 */
#ifndef ESCALATED_CONFIG_TABLES_H
#define ESCALATED_CONFIG_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/options.h"

enum section_kind {
    SECTION_GATEWAY,
    SECTION_HTTP,
    SECTION_STORE,
    SECTION_CHANNEL,
    SECTION_CONTACT,
    SECTION_TEAM,
    SECTION_SCHEDULE,
    SECTION_AUDIENCE,
    SECTION_MQTT,
    SECTION_SOURCE,
    SECTION_TOKEN,
    SECTION_POLICY,
    SECTION_STEP,
    SECTION_MAINTENANCE,
    SECTION_INHIBIT,
    SECTION_KIND_COUNT,
};

/* A key or section that the manual of a later version has: refused with a sentence, never ignored.
 */
struct later {
    const char *word; /* NULL ends a table */
    const char *what; /* "this version has no ..." */
};

struct section_type {
    const char *word;
    const char *name_shape; /* "" for a section without a name: [http] */
    const struct option *options;
    const struct later *later;
    const char *free_keys; /* what else may stand in it, for --print-defaults; "" nothing */
    const char *help;
};

extern const struct section_type section_types[SECTION_KIND_COUNT];
extern const struct later later_sections[];

const struct later *later_find(const struct later *table, const char *word);

struct gateway_values {
    const char *name;
    const char *public_url;
    const char *time_zone;
    int64_t keep_ms;
    int64_t incidents_max;
    int64_t incident_alerts_max;
    bool own_troubles;
    int64_t outbox_trouble_after_ms;
    int64_t log; /* 0 logfmt, 1 json */
    int64_t log_level;
    const char *token_key_file;
    const char *control_group;
};

struct http_values {
    const char *listen;
    const char *tls_cert_file, *tls_key_file;
    int64_t connections_max;
    int64_t connections_per_ip_max;
    int64_t streams_max;
    int64_t body_bytes_max;
    int64_t events_per_request_max;
    int64_t header_timeout_ms;
    int64_t body_timeout_ms;
};

struct store_values {
    const char *url;
    int64_t lease_ms;
};

struct channel_values {
    const char *plugin;
    int64_t in_flight;
    int64_t per_target;
    int64_t attempts;
    int64_t horizon_ms;
    int64_t attempt_timeout_ms;
    int64_t per_contact;
    int64_t per_contact_critical;
    int64_t sms_code; /* enum channel_code */
};

struct contact_values {
    const char *full_name;
    const char *time_zone;
    struct option_list page;
    struct option_list inform;
    const char *quiet;
};

struct team_values {
    struct option_list members;
};

struct schedule_values {
    struct option_list members;
    const char *rotate;
    const char *calendar;
    const char *calendar_url;
    const char *calendar_ca_file;
    int64_t refresh_ms;
    int64_t trouble_after_ms;
    bool handover;
    const char *time_zone;
    const char *during;
    struct option_list layers;
};

struct audience_values {
    struct option_list addresses;
    const char *addresses_file;
    const char *channel;
};

struct mqtt_values {
    const char *url;
    const char *username, *password;
    const char *ca_file, *tls_cert_file, *tls_key_file;
    int64_t version; /* 0: 5, 1: 3.1.1 */
    const char *client_id;
    const char *prefix;
    int64_t keepalive_ms;
    int64_t session_expiry_ms;
    int64_t connect_timeout_ms;
    int64_t in_flight;
    int64_t message_bytes_max;
    int64_t show_resolved_ms;
    int64_t trouble_after_ms;
};

struct source_values {
    const char *broker;
    const char *topic; /* unused: the lines are read one by one */
    int64_t format;
    const char *token;
    int64_t rate_per_minute;
    int64_t burst;
    int64_t past_rate; /* 0: 429, 1: 503 */
    int64_t incidents_max;
    int64_t alerts_max;
    int64_t expect_every_ms;
    int64_t grace_ms;
    struct option_list expect;
    int64_t severity; /* enum severity */
    const char *summary;
    int64_t keys_max;
    bool backup;
};

struct token_values {
    const char *secret;
    int64_t access; /* 0 read, 1 write */
};

struct policy_values {
    bool goes_on;
    struct option_list group_by;
    int64_t hold_ms;
    int64_t repeat;
    int64_t ack_timeout_ms;
    int64_t eta_grace_ms;
    int64_t eta_max_ms;
    int64_t reach_within_ms;
    int64_t resolve; /* enum resolve_mode */
    const char *flap;
    int64_t reopen_within_ms;
    struct option_list fallback;
    int64_t fallback_every_ms;
    struct option_list page;
    struct option_list ask_for;
    struct option_list backup;
    const char *match; /* unused: the lines are read one by one */
};

struct step_values {
    struct option_list page;
    struct option_list inform;
    struct option_list ask;
    int64_t when; /* enum step_when */
    int64_t wait_ms;
    struct option_list require; /* names of parts */
    const char *approve;
    int64_t every_ms;
    const char *question;
    int64_t remind_ms;
    int64_t deadline_ms;
    int64_t answers;
    struct option_list ask_for;
};

struct maintenance_values {
    const char *match, *during; /* unused: the lines are read one by one */
    const char *time_zone;
};

struct inhibit_values {
    const char *when, *mute; /* unused: the lines are read one by one */
    struct option_list equal;
};

extern const char *const source_formats[];

#endif
