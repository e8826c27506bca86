/*
 * config - a folder of *.ini files -> one immutable object, or every problem at once.
 *
 * Shape:   config_load(folder) -> struct config; config_retain/config_release count its users.
 * Owns:    everything reachable from it lives until the last release.
 * Threads: read-only; retain and release from any thread.
 * Limits:  256 files, 1 MiB a file, 198 bytes a line (inih cuts longer ones; they are refused here), names of 49 bytes.
 * Fails:   -1; *problems lists all of them as `file:line: what is wrong (what would be right)`.
 * Source:  DEPENDENCIES: inih r55.
 */
#ifndef ESCALATED_CONFIG_CONFIG_H
#define ESCALATED_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "channels/channel.h"
#include "gateway/base/arena.h"
#include "gateway/base/err.h"
#include "gateway/base/text.h"
#include "gateway/system/secret.h"
#include "policies/rulebook.h"

#define CONFIG_BROKERS_MAX 16
#define CONFIG_TOPICS_MAX 64 /* filters of a source */
#define CONFIG_TOPIC_BYTES_MAX 512
#define CONFIG_PING_KEY_BYTES_MAX 200 /* a key that stands in a URL */

struct config_broker { /* [mqtt NAME] */
    const char *name;
    const char *host;
    int port;
    bool is_tls;
    const char *username; /* "": none */
    const char *password; /* in clear, never printed */
    const char *ca_file;  /* "": the authorities of the system */
    const char *cert_file, *key_file;
    bool is_v5; /* else 3.1.1 */
    const char *client_id;
    const char *prefix; /* what we publish begins with it; PREFIX/reply is read */
    int64_t keepalive_ms;
    int64_t session_expiry_ms; /* how long the broker keeps what we miss; v5 */
    int64_t connect_timeout_ms;
    int64_t in_flight;         /* messages without PUBACK at once */
    int64_t message_bytes_max; /* larger ones go into quarantine */
    int64_t show_resolved_ms;  /* how long PREFIX/incidents/N outlives its incident */
    int64_t trouble_after_ms;  /* not reached for so long: trouble of our own */
};

struct config_source {
    const char *name;
    const char *format;      /* "native" or "heartbeat" */
    struct secret token;     /* count 0: none, the source takes nothing over the network */
    bool is_watched;         /* heartbeats are expected of it */
    bool is_pings;           /* format = heartbeat */
    int64_t rate_per_minute; /* events; past it `past_rate_503 ? 503 : 429` */
    int64_t burst;
    bool past_rate_503; /* the monitor gives up at 429 */
    int64_t incidents_max;
    int64_t alerts_max;
    const char *broker; /* name of its [mqtt] section; "": none */
    const char *const *topics;
    size_t topic_count;
};

struct config_channel {
    const char *name;
    const char *plugin;
    const struct channel_ops *ops; /* from the resolver; NULL when loaded without one */
    const char *const *values;     /* for struct channel_config: secrets in clear, never printed */
    size_t value_count;
    int64_t in_flight;            /* at once, per channel (default 32) */
    int64_t per_target;           /* at once, per destination (default 4) */
    int64_t attempts;             /* per notification (default 8) */
    int64_t horizon_ms;           /* after this no attempt starts (default 30m) */
    int64_t attempt_timeout_ms;   /* default 20s */
    int64_t per_contact;          /* messages a minute to one person (default 6); 0: no limit */
    int64_t per_contact_critical; /* default 12 */
    enum channel_code code;       /* sms_code: who replies has to name a message */
};

struct config_http {
    const char *host;                       /* numeric or name; "" listens nowhere */
    int port;                               /* 0: any free one (tests); the daemon logs which */
    const char *tls_cert_pem, *tls_key_pem; /* checked, a pair, valid when loaded; "" both: plain */
    int64_t tls_expires_at_ms;
    int64_t connections_max;        /* default 2048 */
    int64_t connections_per_ip_max; /* default 1024 */
    int64_t streams_max;            /* default 128 */
    int64_t body_bytes_max;         /* 1 MB */
    int64_t events_per_request_max; /* 100 */
    int64_t header_timeout_ms;      /* 10 s */
    int64_t body_timeout_ms;        /* 30 s */
};

/* Where the calendar of a schedule is, and how often to look. */
struct config_calendar {
    const char *schedule;
    const char *url;     /* https://..., often a secret, so never logged; "": a file */
    const char *ca_file; /* "": the authorities of the system */
    int64_t refresh_ms;
    int64_t trouble_after_ms; /* not read for so long: trouble of our own */
    const char
        *path; /* the file, or the copy of what the server gave last; "": no copies are kept */
    const char *bytes; /* what was read of it; NULL: nothing */
    size_t byte_count;
    const struct zone *zone; /* of times that name none */
};

struct config_api_token { /* [token NAME]: for the operations API over the network */
    const char *name;
    struct secret secret;
    bool may_write;
};

struct config {
    struct arena arena;
    struct rulebook rulebook;
    const char *folder;
    const char *store_url;
    int64_t lease_ms;
    const char *token_key_file; /* "": state folder's token.key */
    const char *public_url;
    int64_t calendars_until_ms; /* schedules know who has duty until then; 0: no calendars */
    int64_t keep_ms;
    bool own_troubles; /* open incidents */
    bool log_json;
    int64_t log_level;         /* enum log_level */
    const char *control_group; /* group of RUN/control.sock */
    struct config_http http;
    const struct config_broker *brokers;
    size_t broker_count;
    const struct config_source *sources;
    size_t source_count;
    const struct config_channel *channels;
    size_t channel_count;
    const struct config_api_token *api_tokens;
    size_t api_token_count;
    struct config_calendar *calendars;
    size_t calendar_count;
    const char *const *warnings; /* what is no reason to refuse the whole, one sentence each */
    size_t warning_count;
};

/* Finds a plugin's option table while loading. NULL answer: *err says why. */
struct config_plugins {
    void *self;
    const struct channel_ops *(*find)(void *self, const char *plugin, struct err *err);
};

/* For which time calendars are read. */
struct config_span {
    int64_t from_ms; /* wall clock */
    int64_t until_ms;
    const char *copies_dir; /* of calendars that come over the network; NULL: none are kept here */
};
#define CONFIG_WARNINGS_MAX 50
#define CONFIG_CALENDARS_BEFORE_MS (INT64_C(2) * 86400000)
#define CONFIG_CALENDARS_AHEAD_MS (INT64_C(90) * 86400000)
#define CONFIG_CALENDARS_RENEW_MS (INT64_C(7) * 86400000) /* read anew when older than this */

/* plugins NULL: [channel] sections are accepted with any keys and secret files are not read (check,
 * simulate and explain on a machine without them). All or nothing: on failure *out_config is
 * untouched. */
int config_load(const char *folder, const struct config_plugins *plugins,
                struct config **out_config, struct strbuf *problems);
/* The same with calendars for another time than from now; for simulation. */
int config_load_for(const char *folder, const struct config_plugins *plugins,
                    const struct config_span *span, struct config **out_config,
                    struct strbuf *problems);
/* Would the calendar of this schedule say something else with these bytes? -1: they cannot be read. `*out_is_empty`: it
 * would say nothing at all, but says something now. */
int config_calendar_compare(const struct config_calendar *calendar, const char *bytes,
                            size_t byte_count, bool *out_differs, bool *out_is_empty,
                            struct err *err);
struct config *config_retain(struct config *config);
void config_release(struct config *config);

const struct config_source *config_find_source(const struct config *config, const char *name);
const struct config_broker *config_find_broker(const struct config *config, const char *name);
const struct config_channel *config_find_channel(const struct config *config, const char *name);
/* The value of a plugin's option; "" where the plugin has none of this name. */
const char *config_channel_value(const struct config_channel *channel, const char *key);

/* Canonical policy text back into a policy (its hash included), allocated in the arena; for incidents that opened under
 * an older configuration. Targets that no longer exist are kept by name. Compiled patterns are the caller's: freed with
 * config_policy_clear. */
int config_policy_parse(const char *name, const char *text, struct arena *arena,
                        struct policy *out_policy, struct err *err);
void config_policy_clear(struct policy *policy);

/* Every option with its default, as an INI text with comments. */
void config_print_defaults(struct strbuf *out);

#endif
