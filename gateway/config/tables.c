#include "gateway/config/tables.h"

#include "policies/heartbeat.h"

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define MEMBERS_MAX 1000
#define TARGETS_MAX 100

static const char *const log_names[] = {"logfmt", "json", NULL};
static const char *const log_level_names[] = {"error", "warning", "info", "debug", NULL};
static const char *const access_names[] = {"read", "write", NULL};
static const char *const code_names[] = {"off", "critical", "always", NULL};
static const char *const past_rate_names[] = {"429", "503", NULL};
static const char *const resolve_names[] = {"auto", "manual", NULL};
static const char *const when_names[] = {"unacked", "unresolved", "acked", "resolved", NULL};
static const char *const mqtt_versions[] = {"5", "3.1.1", NULL};
const char *const source_formats[] = {"native", "heartbeat", NULL};
static const char *const severity_names[] = {"info", "warning", "error", "critical", NULL};

/* A row is read across, like a line of a table. */
/* clang-format off */
#define AT(type, field) .offset = offsetof(struct type, field)

static const struct option gateway_options[] = {
    {.key = "name", .type = OPTION_TEXT, AT(gateway_values, name), .max = 200,
     .default_text = "escalated", .help = "What messages call this installation."},
    {.key = "public_url", .type = OPTION_TEXT, AT(gateway_values, public_url), .max = 500,
     .default_text = "",
     .help = "Where people reach the HTTP side from outside; without it messages carry no links."},
    {.key = "time_zone", .type = OPTION_TEXT, AT(gateway_values, time_zone), .max = 64,
     .default_text = "UTC", .help = "Zone of contacts and schedules that name none."},
    {.key = "keep", .type = OPTION_DURATION, AT(gateway_values, keep_ms), .min = MINUTE,
     .max = 36500 * DAY, .default_text = "400d", .help = "How long resolved incidents are kept."},
    {.key = "incidents_max", .type = OPTION_INTEGER, AT(gateway_values, incidents_max), .min = 1,
     .max = 1000000, .default_text = "100000", .help = "Open incidents in all."},
    {.key = "incident_alerts_max", .type = OPTION_INTEGER,
     AT(gateway_values, incident_alerts_max), .min = 1, .max = 1000000, .default_text = "10000",
     .help = "Alerts of one incident; past it they are counted in the overflow incident."},
    {.key = "own_troubles", .type = OPTION_BOOL, AT(gateway_values, own_troubles),
     .default_text = "yes",
     .help = "Whether trouble of our own opens incidents, as alerts of the source escalated."},
    {.key = "outbox_trouble_after", .type = OPTION_DURATION,
     AT(gateway_values, outbox_trouble_after_ms), .min = SECOND, .max = DAY, .default_text = "5m",
     .help = "A channel whose messages wait for so long is trouble of our own."},
    {.key = "log", .type = OPTION_CHOICE, AT(gateway_values, log), .choices = log_names,
     .default_text = "logfmt", .help = "Form of the log lines on stderr: logfmt or json."},
    {.key = "log_level", .type = OPTION_CHOICE, AT(gateway_values, log_level),
     .choices = log_level_names, .default_text = "info",
     .help = "The least important lines shown: error, warning, info or debug."},
    {.key = "token_key_file", .type = OPTION_FILE, AT(gateway_values, token_key_file),
     .max = 4095, .default_text = "",
     .help = "Key of the reply tokens; without it token.key in the state folder, made at first "
             "start."},
    {.key = "control_group", .type = OPTION_TEXT, AT(gateway_values, control_group), .max = 32,
     .default_text = "", .help = "Group that may use the control socket; absent: the group the daemon runs with."},
    {.key = NULL},
};

static const struct option http_options[] = {
    {.key = "listen", .type = OPTION_TEXT, AT(http_values, listen), .max = 300,
     .default_text = "127.0.0.1:8080",
     .help = "HOST:PORT, [IPv6]:PORT, port 0 for any free one, or none."},
    {.key = "tls_cert_file", .type = OPTION_FILE, AT(http_values, tls_cert_file), .max = 4095,
     .default_text = "", .help = "Certificate chain (PEM), with tls_key_file; without both: plain."},
    {.key = "tls_key_file", .type = OPTION_FILE, AT(http_values, tls_key_file), .max = 4095,
     .default_text = "", .help = "Private key (PEM) of tls_cert_file."},
    {.key = "connections_max", .type = OPTION_INTEGER, AT(http_values, connections_max), .min = 1,
     .max = 100000, .default_text = "2048", .help = "Open connections in all."},
    {.key = "connections_per_ip_max", .type = OPTION_INTEGER,
     AT(http_values, connections_per_ip_max), .min = 1, .max = 100000, .default_text = "1024",
     .help = "Open connections of one address."},
    {.key = "streams_max", .type = OPTION_INTEGER, AT(http_values, streams_max), .min = 0,
     .max = 10000, .default_text = "128", .help = "Open streams of events; past it 503."},
    {.key = "body_bytes_max", .type = OPTION_SIZE, AT(http_values, body_bytes_max), .min = 1024,
     .max = INT64_C(64) << 20, .default_text = "1M", .help = "Largest request body; past it 413."},
    {.key = "events_per_request_max", .type = OPTION_INTEGER,
     AT(http_values, events_per_request_max), .min = 1, .max = 10000, .default_text = "100",
     .help = "Events in one request; past it 413."},
    {.key = "header_timeout", .type = OPTION_DURATION, AT(http_values, header_timeout_ms),
     .min = SECOND / 10, .max = 10 * MINUTE, .default_text = "10s",
     .help = "Time for a request's header; past it 408."},
    {.key = "body_timeout", .type = OPTION_DURATION, AT(http_values, body_timeout_ms),
     .min = SECOND / 10, .max = HOUR, .default_text = "30s",
     .help = "Time for a request's body; past it 408."},
    {.key = NULL},
};

static const struct option store_options[] = {
    {.key = "url", .type = OPTION_TEXT, AT(store_values, url), .max = 1000,
     .default_text = "sqlite:escalated.db", .help = "sqlite:FILE, relative to the state folder, or postgresql://USER@HOST/DATABASE."},
    {.key = "lease", .type = OPTION_DURATION, AT(store_values, lease_ms), .min = SECOND,
     .max = 5 * MINUTE, .default_text = "10s",
     .help = "PostgreSQL: a node that is silent for so long loses the engine to another."},
    {.key = NULL},
};

static const struct option channel_options[] = {
    {.key = "plugin", .type = OPTION_NAME, AT(channel_values, plugin), .default_text = NULL,
     .help = "Which plugin serves it (NAME.so in the plugin folder): email, file, mqtt, sms, "
             "webhook."},
    {.key = "in_flight", .type = OPTION_INTEGER, AT(channel_values, in_flight), .min = 1,
     .max = 1024, .default_text = "32", .help = "Attempts at once."},
    {.key = "per_target", .type = OPTION_INTEGER, AT(channel_values, per_target), .min = 1,
     .max = 1024, .default_text = "4", .help = "Attempts at once towards one destination (plugin email: as in_flight)."},
    {.key = "attempts", .type = OPTION_INTEGER, AT(channel_values, attempts), .min = 1, .max = 100,
     .default_text = "8", .help = "Attempts per notification; then it has failed."},
    {.key = "horizon", .type = OPTION_DURATION, AT(channel_values, horizon_ms), .min = SECOND,
     .max = 7 * DAY, .default_text = "30m",
     .help = "No attempt starts when a notification has been due for longer."},
    {.key = "attempt_timeout", .type = OPTION_DURATION, AT(channel_values, attempt_timeout_ms),
     .min = SECOND / 10, .max = MINUTE, .default_text = "20s",
     .help = "Longest one attempt may take (plugin email: 60s)."},
    {.key = "per_contact", .type = OPTION_INTEGER, AT(channel_values, per_contact), .min = 0,
     .max = 60000, .default_text = "6",
     .help = "Messages a minute to one person; what exceeds them goes out in a digest. 0: no limit."},
    {.key = "per_contact_critical", .type = OPTION_INTEGER,
     AT(channel_values, per_contact_critical), .min = 0, .max = 60000, .default_text = "12",
     .help = "The same for what is critical or p1, with the others counted; 0: no limit."},
    {.key = "sms_code", .type = OPTION_CHOICE, AT(channel_values, sms_code), .choices = code_names,
     .default_text = "off",
     .help = "Which replies by SMS must carry the short code of a message: off, critical or always."},
    {.key = NULL},
};

static const struct option contact_options[] = {
    {.key = "name", .type = OPTION_TEXT, AT(contact_values, full_name), .max = 200,
     .default_text = "", .help = "How messages call the person; else the section's name."},
    {.key = "time_zone", .type = OPTION_TEXT, AT(contact_values, time_zone), .max = 64,
     .default_text = "", .help = "Zone of the person; else that of [gateway]."},
    {.key = "page", .type = OPTION_LIST, AT(contact_values, page), .min = 1, .max = 32,
     .default_text = "",
     .help = "How a page reaches the person: sms, voice after 3m, email. Else all ways at once."},
    {.key = "inform", .type = OPTION_LIST, AT(contact_values, inform), .min = 1, .max = 32,
     .default_text = "", .help = "The same for what is no page. Else email, else the first way."},
    {.key = "quiet", .type = OPTION_TEXT, AT(contact_values, quiet), .max = 400,
     .default_text = "",
     .help = "What is neither critical nor p1 waits for the end of these hours: 22:00-07:00, sat,sun "
             "22:00-10:00 [ZONE]."},
    {.key = NULL},
};

static const struct option team_options[] = {
    {.key = "members", .type = OPTION_LIST, AT(team_values, members), .min = 1, .max = MEMBERS_MAX,
     .default_text = NULL, .help = "Names of contacts."},
    {.key = NULL},
};

static const struct option schedule_options[] = {
    {.key = "members", .type = OPTION_LIST, AT(schedule_values, members), .min = 1,
     .max = MEMBERS_MAX, .default_text = "",
     .help = "Names of contacts, in the order of duty. With a calendar: who may have duty at all."},
    {.key = "rotate", .type = OPTION_TEXT, AT(schedule_values, rotate), .max = 200,
     .default_text = "",
     .help = "daily HH:MM [ZONE], weekly mon HH:MM [ZONE], or a number of hours as in 8h 06:00 [ZONE]. "
             "Without it all members, always."},
    {.key = "calendar", .type = OPTION_TEXT, AT(schedule_values, calendar), .max = 4095,
     .default_text = "",
     .help = "An iCalendar file or https address: who has duty are the attendees, else who the summary names."},
    {.key = "calendar_url", .type = OPTION_SECRET, AT(schedule_values, calendar_url),
     .max = 2000, .default_text = "",
     .help = "Instead of calendar: an https address that is a secret (or calendar_url_file)."},
    {.key = "calendar_ca_file", .type = OPTION_FILE, AT(schedule_values, calendar_ca_file),
     .max = 4095, .default_text = "",
     .help = "Authorities (PEM) that may vouch for the calendar's server; without it those of the system."},
    {.key = "refresh", .type = OPTION_DURATION, AT(schedule_values, refresh_ms), .min = MINUTE,
     .max = DAY, .default_text = "15m", .help = "How often it is looked whether the calendar has changed."},
    {.key = "trouble_after", .type = OPTION_DURATION, AT(schedule_values, trouble_after_ms),
     .min = SECOND, .max = 90 * DAY, .default_text = "1d",
     .help = "A calendar that cannot be read for so long is trouble of our own."},
    {.key = "handover", .type = OPTION_BOOL, AT(schedule_values, handover), .default_text = "no",
     .help = "Whether who comes on duty and who goes is told."},
    {.key = "time_zone", .type = OPTION_TEXT, AT(schedule_values, time_zone), .max = 64,
     .default_text = "", .help = "Of times that name no zone; else that of [gateway]."},
    {.key = "during", .type = OPTION_TEXT, AT(schedule_values, during), .max = 400,
     .default_text = "",
     .help = "Only then has anybody duty: mon-fri 09:00-17:00, sat,sun 10:00-14:00 [ZONE]."},
    {.key = "layers", .type = OPTION_LIST, AT(schedule_values, layers), .min = 1, .max = 16,
     .default_text = "",
     .help = "Other schedules: the first that has somebody goes before what this one says."},
    {.key = NULL},
};

static const struct option audience_options[] = {
    {.key = "addresses", .type = OPTION_LIST, AT(audience_values, addresses), .min = 1,
     .max = 10000, .default_text = "", .help = "Outside addresses; or addresses_file."},
    {.key = "addresses_file", .type = OPTION_FILE, AT(audience_values, addresses_file),
     .max = 4095, .default_text = "",
     .help = "One address a line, the first CSV column; a first line without @ is a header."},
    {.key = "channel", .type = OPTION_NAME, AT(audience_values, channel), .default_text = "email",
     .help = "The channel that serves these addresses."},
    {.key = NULL},
};

static const struct option mqtt_options[] = {
    {.key = "url", .type = OPTION_TEXT, AT(mqtt_values, url), .max = 300, .default_text = NULL,
     .help = "mqtt://HOST:PORT (1883), or mqtts://HOST:PORT (8883) for TLS."},
    {.key = "username", .type = OPTION_TEXT, AT(mqtt_values, username), .max = 200,
     .default_text = "", .help = "Who we are to the broker."},
    {.key = "password", .type = OPTION_SECRET, AT(mqtt_values, password), .max = 1000,
     .default_text = "", .help = "Of the user (or password_file)."},
    {.key = "ca_file", .type = OPTION_FILE, AT(mqtt_values, ca_file), .max = 4095,
     .default_text = "",
     .help = "Authorities (PEM) that may vouch for the broker; without it those of the system."},
    {.key = "tls_cert_file", .type = OPTION_FILE, AT(mqtt_values, tls_cert_file), .max = 4095,
     .default_text = "", .help = "Our own certificate (PEM) for a broker that wants one, with tls_key_file."},
    {.key = "tls_key_file", .type = OPTION_FILE, AT(mqtt_values, tls_key_file), .max = 4095,
     .default_text = "", .help = "Private key (PEM) of tls_cert_file."},
    {.key = "version", .type = OPTION_CHOICE, AT(mqtt_values, version), .choices = mqtt_versions,
     .default_text = "5", .help = "Of the protocol: 5 or 3.1.1."},
    {.key = "client_id", .type = OPTION_TEXT, AT(mqtt_values, client_id), .max = 200,
     .default_text = "",
     .help = "Under which the broker keeps our session; else the name of [gateway] and that of the section."},
    {.key = "prefix", .type = OPTION_TEXT, AT(mqtt_values, prefix), .max = 200,
     .default_text = "escalated", .help = "What we publish begins with it; replies come in at PREFIX/reply."},
    {.key = "keepalive", .type = OPTION_DURATION, AT(mqtt_values, keepalive_ms), .min = 5 * SECOND,
     .max = 18 * HOUR, .default_text = "60s", .help = "A connection that is silent for so long is tried."},
    {.key = "session_expiry", .type = OPTION_DURATION, AT(mqtt_values, session_expiry_ms),
     .min = MINUTE, .max = 36500 * DAY, .default_text = "30d",
     .help = "Version 5: how long the broker keeps for us what comes while we are away."},
    {.key = "connect_timeout", .type = OPTION_DURATION, AT(mqtt_values, connect_timeout_ms),
     .min = SECOND / 10, .max = 5 * MINUTE, .default_text = "10s",
     .help = "Until the broker has let us in."},
    {.key = "in_flight", .type = OPTION_INTEGER, AT(mqtt_values, in_flight), .min = 1, .max = 1000,
     .default_text = "1000", .help = "Messages taken at once before the first is confirmed."},
    {.key = "message_bytes_max", .type = OPTION_SIZE, AT(mqtt_values, message_bytes_max),
     .min = 1024, .max = INT64_C(16) << 20, .default_text = "1M",
     .help = "Largest payload; a larger one goes into quarantine."},
    {.key = "show_resolved", .type = OPTION_DURATION, AT(mqtt_values, show_resolved_ms), .min = 0,
     .max = 30 * DAY, .default_text = "1h",
     .help = "How long PREFIX/incidents/N stands after its incident is resolved."},
    {.key = "trouble_after", .type = OPTION_DURATION, AT(mqtt_values, trouble_after_ms),
     .min = SECOND, .max = 30 * DAY, .default_text = "5m",
     .help = "A broker that cannot be reached for so long is trouble of our own."},
    {.key = NULL},
};

static const struct option source_options[] = {
    {.key = "broker", .type = OPTION_TEXT, AT(source_values, broker), .max = 64,
     .default_text = "", .help = "Name of the [mqtt] section over which it comes in."},
    {.key = "topic", .type = OPTION_TEXT, AT(source_values, topic), .default_text = "",
     .repeats = true,
     .help = "Which topics of the broker are its own, with wildcards; several lines for several."},
    {.key = "format", .type = OPTION_CHOICE, AT(source_values, format), .choices = source_formats,
     .default_text = "native", .help = "What the monitor sends: native events, or heartbeat for bare pings."},
    {.key = "token", .type = OPTION_SECRET, AT(source_values, token), .max = 1000,
     .default_text = "",
     .help = "What the monitor proves itself with (or token_file); without it the source takes "
             "nothing over the network."},
    {.key = "rate", .type = OPTION_INTEGER, AT(source_values, rate_per_minute),
     .min = 1, .max = 1000000000, .default_text = "600000",
     .help = "Events a minute; past it what past_rate says."},
    {.key = "burst", .type = OPTION_INTEGER, AT(source_values, burst), .min = 1,
     .max = 1000000000, .default_text = "60000", .help = "Events at once above the rate."},
    {.key = "past_rate", .type = OPTION_CHOICE, AT(source_values, past_rate),
     .choices = past_rate_names, .default_text = "429",
     .help = "What is answered past the rate: 429, or 503 to a monitor that gives up at 429."},
    {.key = "incidents_max", .type = OPTION_INTEGER, AT(source_values, incidents_max), .min = 1,
     .max = 1000000, .default_text = "20000", .help = "Open incidents of this source."},
    {.key = "alerts_max", .type = OPTION_INTEGER, AT(source_values, alerts_max), .min = 1,
     .max = 10000000, .default_text = "50000",
     .help = "Alerts of this source that are kept in mind, in open and lately resolved incidents."},
    {.key = "expect_every", .type = OPTION_DURATION, AT(source_values, expect_every_ms),
     .max = 366 * DAY, .default_text = "0s",
     .help = "How often a success is expected of each key; 0s: nothing is expected."},
    {.key = "grace", .type = OPTION_DURATION, AT(source_values, grace_ms), .max = 366 * DAY,
     .default_text = "5m",
     .help = "How much later than that it may come, and how long a run may take that reports its start."},
    {.key = "expect", .type = OPTION_LIST, AT(source_values, expect), .min = 1, .max = 10000,
     .default_text = "",
     .help = "Keys that are expected from the start; others from their first heartbeat on."},
    {.key = "severity", .type = OPTION_CHOICE, AT(source_values, severity),
     .choices = severity_names, .default_text = "error",
     .help = "Of the alert when a heartbeat is missed or reports a failure: critical, error, warning or info."},
    {.key = "summary", .type = OPTION_TEXT, AT(source_values, summary), .max = 1000,
     .default_text = HEARTBEAT_SUMMARY_DEFAULT,
     .help = "What the incident of a missed or failed heartbeat is called: {source}, {key}, {what} and {last} stand for what they say."},
    {.key = "keys_max", .type = OPTION_INTEGER, AT(source_values, keys_max), .min = 1,
     .max = 10000, .default_text = "1000", .help = "Keys of which heartbeats are expected."},
    {.key = "backup", .type = OPTION_BOOL, AT(source_values, backup), .default_text = "no",
     .help = "Whether its heartbeats are those of a backup job: messages state the last good one."},
    {.key = NULL},
};

static const struct option token_options[] = {
    {.key = "secret", .type = OPTION_SECRET, AT(token_values, secret), .max = 1000,
     .default_text = NULL, .help = "The token itself (or secret_file)."},
    {.key = "access", .type = OPTION_CHOICE, AT(token_values, access), .choices = access_names,
     .default_text = "read", .help = "read, or write: also acknowledge, resolve and so on."},
    {.key = NULL},
};

static const struct option policy_options[] = {
    {.key = "match", .type = OPTION_TEXT, AT(policy_values, match), .default_text = "",
     .repeats = true,
     .help = "Which alerts: label=\"value\", source=~\"a|b\", severity!=\"info\". All must hold; "
             "several lines are alternatives."},
    {.key = "continue", .type = OPTION_BOOL, AT(policy_values, goes_on), .default_text = "no",
     .help = "Whether later policies get the same alert too."},
    {.key = "group_by", .type = OPTION_LIST, AT(policy_values, group_by), .min = 1, .max = 16,
     .default_text = "",
     .help = "Alerts with equal values of these labels share an incident; else each is its own."},
    {.key = "hold", .type = OPTION_DURATION, AT(policy_values, hold_ms), .max = 7 * DAY,
     .default_text = "0s", .help = "The deep breath: what resolves within it is told to nobody."},
    {.key = "repeat", .type = OPTION_INTEGER, AT(policy_values, repeat), .max = 100,
     .default_text = "0", .help = "How often the page steps are climbed again."},
    {.key = "ack_timeout", .type = OPTION_DURATION, AT(policy_values, ack_timeout_ms),
     .min = SECOND, .max = 30 * DAY, .default_text = "30m",
     .help = "How long an acknowledgement without an ETA holds."},
    {.key = "eta_grace", .type = OPTION_DURATION, AT(policy_values, eta_grace_ms), .max = 7 * DAY,
     .default_text = "5m", .help = "How long past its ETA an acknowledgement holds."},
    {.key = "eta_max", .type = OPTION_DURATION, AT(policy_values, eta_max_ms), .min = SECOND,
     .max = 30 * DAY, .default_text = "24h", .help = "The furthest ETA that is taken."},
    {.key = "reach_within", .type = OPTION_DURATION, AT(policy_values, reach_within_ms),
     .min = SECOND, .max = 7 * DAY, .default_text = "2m",
     .help = "A page step of which nothing was accepted in this time has reached nobody."},
    {.key = "resolve", .type = OPTION_CHOICE, AT(policy_values, resolve), .choices = resolve_names,
     .default_text = "auto",
     .help = "auto: the source's resolve ends the incident; manual: only people do."},
    {.key = "reopen_within", .type = OPTION_DURATION, AT(policy_values, reopen_within_ms),
     .max = 7 * DAY, .default_text = "5m",
     .help = "The same alert firing again within this time reopens the incident."},
    {.key = "flap", .type = OPTION_TEXT, AT(policy_values, flap), .max = 40,
     .default_text = "5 in 10m",
     .help = "More changes between firing and resolved than this are flapping: resolves are then "
             "only counted until it has been quiet for the time. Or off."},
    {.key = "fallback", .type = OPTION_LIST, AT(policy_values, fallback), .min = 1,
     .max = TARGETS_MAX, .default_text = "",
     .help = "Whom to page when the ladder has reached nobody; else that of [policy default]."},
    {.key = "fallback_every", .type = OPTION_DURATION, AT(policy_values, fallback_every_ms),
     .min = SECOND, .max = 30 * DAY, .default_text = "1h",
     .help = "How often the fallback is paged again after the ladder is exhausted."},
    {.key = "page", .type = OPTION_LIST, AT(policy_values, page), .min = 1, .max = TARGETS_MAX,
     .default_text = "", .help = "The only step, for a policy without [step] sections."},
    {.key = "ask_for", .type = OPTION_LIST, AT(policy_values, ask_for), .min = 1, .max = 4,
     .default_text = "",
     .help = "What an acknowledgement should say: eta, cause, priority, loss. For all its steps."},
    {.key = "backup", .type = OPTION_LIST, AT(policy_values, backup), .min = 1, .max = 16,
     .default_text = "",
     .help = "Sources whose heartbeats are those of its backup jobs; else all with backup = yes."},
    {.key = NULL},
};

static const struct option step_options[] = {
    {.key = "page", .type = OPTION_LIST, AT(step_values, page), .min = 1, .max = TARGETS_MAX,
     .default_text = "",
     .help = "Whom to page: CONTACT, TEAM, @SCHEDULE, channel:NAME, everyone."},
    {.key = "inform", .type = OPTION_LIST, AT(step_values, inform), .min = 1, .max = TARGETS_MAX,
     .default_text = "",
     .help = "Whom to tell: the same, and &AUDIENCE. A step has one of page, inform and ask."},
    {.key = "ask", .type = OPTION_LIST, AT(step_values, ask), .min = 1, .max = TARGETS_MAX,
     .default_text = "", .help = "Whom to ask: CONTACT, TEAM, @SCHEDULE, everyone."},
    {.key = "when", .type = OPTION_CHOICE, AT(step_values, when), .choices = when_names,
     .default_text = "unresolved",
     .help = "For inform and ask: unresolved, acked or resolved. A page is always unacked."},
    {.key = "wait", .type = OPTION_DURATION, AT(step_values, wait_ms), .max = 7 * DAY,
     .default_text = "5m", .help = "Time until the next step (inform and ask: 0s)."},
    {.key = "require", .type = OPTION_LIST, AT(step_values, require), .min = 1, .max = 3,
     .default_text = "",
     .help = "For inform: parts without which nothing is sent: what, doing, avoid. Its owner is asked for them."},
    {.key = "approve", .type = OPTION_TEXT, AT(step_values, approve), .max = 4000,
     .default_text = "",
     .help = "With require: WHOM [within 15m] [then escalate]: who releases the update, in what time, and else: escalate, send or drop."},
    {.key = "every", .type = OPTION_DURATION, AT(step_values, every_ms), .min = 0,
     .max = 30 * DAY, .default_text = "0s",
     .help = "With require: promises the next update in this time and reminds its author 5m before; 0s: no promise."},
    {.key = "question", .type = OPTION_TEXT, AT(step_values, question), .max = 2000,
     .default_text = "",
     .help = "For ask: what is asked. \\(.incident.title) and the like stand for facts."},
    {.key = "remind", .type = OPTION_DURATION, AT(step_values, remind_ms), .min = 0,
     .max = 30 * DAY, .default_text = "4h",
     .help = "For ask: how often those who have not answered are reminded; where it is not given, a quarter of the deadline if that is less; 0s: never."},
    {.key = "deadline", .type = OPTION_DURATION, AT(step_values, deadline_ms), .min = MINUTE,
     .max = 90 * DAY, .default_text = "24h",
     .help = "For ask: when the list goes out though not all have answered."},
    {.key = "answers", .type = OPTION_INTEGER, AT(step_values, answers), .min = 1,
     .max = 100, .default_text = "100", .help = "For ask: lines that one person may put into the list."},
    {.key = "ask_for", .type = OPTION_LIST, AT(step_values, ask_for), .min = 1, .max = 4,
     .default_text = "",
     .help = "For page: what an acknowledgement should say, in place of the policy's."},
    {.key = NULL},
};

static const struct option maintenance_options[] = {
    {.key = "match", .type = OPTION_TEXT, AT(maintenance_values, match), .default_text = NULL,
     .repeats = true, .help = "Which alerts, as in a policy; several lines are alternatives."},
    {.key = "during", .type = OPTION_TEXT, AT(maintenance_values, during), .default_text = NULL,
     .repeats = true,
     .help = "When: sun 02:00-04:00 [ZONE], or once: 2026-03-01T02:00/2026-03-01T04:00 [ZONE]; "
             "several lines for several windows."},
    {.key = "time_zone", .type = OPTION_TEXT, AT(maintenance_values, time_zone), .max = 64,
     .default_text = "", .help = "Of windows that name no zone; else that of [gateway]."},
    {.key = NULL},
};

static const struct option inhibit_options[] = {
    {.key = "when", .type = OPTION_TEXT, AT(inhibit_values, when), .default_text = NULL,
     .repeats = true, .help = "While such an alert fires, as in a policy's match ..."},
    {.key = "mute", .type = OPTION_TEXT, AT(inhibit_values, mute), .default_text = NULL,
     .repeats = true, .help = "... these are held back."},
    {.key = "equal", .type = OPTION_LIST, AT(inhibit_values, equal), .min = 1, .max = 16,
     .default_text = "", .help = "Labels whose values both must share; absent is the empty text."},
    {.key = NULL},
};

static const struct later no_later[] = {{.word = NULL}};

static const struct later channel_later[] = {
    {.word = "fallback", .what = "this version has no fallback channels"},
    {.word = NULL},
};

static const struct later source_later[] = {
    {.word = "map", .what = "this version has no mapping programs; it reads the native format"},
    {.word = NULL},
};

static const struct later policy_later[] = {
    {.word = "inform", .what = "an inform step needs a [step POLICY/NAME] of its own"},
    {.word = "wait", .what = "a step with a wait needs a [step POLICY/NAME] of its own"},
    {.word = NULL},
};

const struct later later_sections[] = {
    {.word = "mailbox", .what = "this version reads no mailboxes"},
    {.word = "silence", .what = "silences are made at run time, not configured"},
    {.word = NULL},
};

const struct section_type section_types[SECTION_KIND_COUNT] = {
    [SECTION_GATEWAY] = {.word = "gateway", .name_shape = "", .options = gateway_options,
                         .later = no_later, .free_keys = "",
                         .help = "The installation as a whole."},
    [SECTION_HTTP] = {.word = "http", .name_shape = "", .options = http_options,
                      .later = no_later, .free_keys = "",
                      .help = "Where monitors and people come in."},
    [SECTION_STORE] = {.word = "store", .name_shape = "", .options = store_options,
                       .later = no_later, .free_keys = "", .help = "Where incidents live."},
    [SECTION_CHANNEL] = {.word = "channel", .name_shape = "NAME", .options = channel_options,
                         .later = channel_later, .free_keys = "the options of the plugin",
                         .help = "A way out. A contact's key of the same name is the address."},
    [SECTION_CONTACT] = {.word = "contact", .name_shape = "NAME", .options = contact_options,
                         .later = no_later,
                         .free_keys = "CHANNEL = ADDRESS, one line for each way to reach the person",
                         .help = "A person."},
    [SECTION_TEAM] = {.word = "team", .name_shape = "NAME", .options = team_options,
                      .later = no_later, .free_keys = "", .help = "Several contacts at once."},
    [SECTION_SCHEDULE] = {.word = "schedule", .name_shape = "NAME", .options = schedule_options,
                          .later = no_later, .free_keys = "",
                          .help = "Who of a list is on call; @NAME in a step."},
    [SECTION_AUDIENCE] = {.word = "audience", .name_shape = "NAME", .options = audience_options,
                          .later = no_later, .free_keys = "",
                          .help = "Affected parties outside; &NAME in an inform step."},
    [SECTION_MQTT] = {.word = "mqtt", .name_shape = "NAME", .options = mqtt_options,
                      .later = no_later, .free_keys = "", .help = "An MQTT broker."},
    [SECTION_SOURCE] = {.word = "source", .name_shape = "NAME", .options = source_options,
                        .later = source_later, .free_keys = "", .help = "A monitor that feeds us."},
    [SECTION_TOKEN] = {.word = "token", .name_shape = "NAME", .options = token_options,
                       .later = no_later, .free_keys = "",
                       .help = "Access to the operations API over the network."},
    [SECTION_POLICY] = {.word = "policy", .name_shape = "NAME", .options = policy_options,
                        .later = policy_later, .free_keys = "",
                        .help = "Which alerts, and their ladder. [policy default] is required."},
    [SECTION_STEP] = {.word = "step", .name_shape = "POLICY/NAME", .options = step_options,
                      .later = no_later, .free_keys = "",
                      .help = "One rung of a ladder, in the order they stand."},
    [SECTION_MAINTENANCE] = {.word = "maintenance", .name_shape = "NAME",
                             .options = maintenance_options, .later = no_later, .free_keys = "",
                             .help = "Planned work: matching alerts run no steps then."},
    [SECTION_INHIBIT] = {.word = "inhibit", .name_shape = "NAME", .options = inhibit_options,
                         .later = no_later, .free_keys = "",
                         .help = "One alert holds back others that follow from it."},
};

/* clang-format on */

const struct later *later_find(const struct later *table, const char *word)
{
    for (; table->word != NULL; table++) {
        if (text_equal(table->word, word)) {
            return table;
        }
    }
    return NULL;
}
