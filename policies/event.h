/*
 * event - one inbound message after mapping, whatever monitor it came from.
 *
 * Owns:    texts are borrowed from the input that carries the event; absent text is "".
 * Limits:  64 labels, 1 KB a label text, 1 KB key, 4 KB summary, 64 KB details (checked at the edge).
 */
#ifndef ESCALATED_POLICIES_EVENT_H
#define ESCALATED_POLICIES_EVENT_H

#include <stddef.h>
#include <stdint.h>

#define EVENT_LABELS_MAX 64
#define EVENT_LABEL_BYTES_MAX 1024
#define EVENT_KEY_BYTES_MAX 1024
#define EVENT_SUMMARY_BYTES_MAX 4096
#define EVENT_DETAILS_BYTES_MAX 65536
#define EVENT_LINKS_MAX 16
#define EVENT_RUN_BYTES_MAX 64

enum event_action {
    EVENT_TRIGGER,
    EVENT_ACKNOWLEDGE,
    EVENT_RESOLVE,
    EVENT_HEARTBEAT,
    EVENT_CHANGE,
    EVENT_ACTION_COUNT,
};

/* Is it new, or a state that a broker shows again? */
enum event_standing {
    EVENT_IS_NEWS,
    EVENT_IS_REPLAYED,           /* shown again; nothing can have been missed */
    EVENT_IS_REPLAYED_AFTER_GAP, /* shown again; what came in between is lost */
};

/* Higher is worse, so that severities compare as numbers. */
enum severity {
    SEVERITY_INFO,
    SEVERITY_WARNING,
    SEVERITY_ERROR,
    SEVERITY_CRITICAL,
    SEVERITY_COUNT
};

struct label {
    const char *name; /* [a-zA-Z_][a-zA-Z0-9_]* */
    const char *value;
};

/* What a heartbeat says. */
enum heartbeat_signal {
    HEARTBEAT_SUCCESS,
    HEARTBEAT_START,
    HEARTBEAT_FAIL,
    HEARTBEAT_LOG,    /* nothing but that somebody is there */
    HEARTBEAT_FORGET, /* an operator's: nothing is expected any more */
    HEARTBEAT_SIGNAL_COUNT,
};

struct event {
    enum event_action action;
    enum severity severity;
    enum event_standing standing;
    const char *source; /* name of the [source] section */
    const char *key;    /* "": derived from the sorted labels by the engine */
    const char *summary;
    const struct label *labels; /* sorted by name, names unique */
    size_t label_count;
    const char *details; /* JSON object text, or "" */
    const char *links;   /* JSON array text of {"href","text"}, or "" */
    int64_t at_ms;       /* what the sender says; 0 when absent */
    /* Of a heartbeat. */
    enum heartbeat_signal signal;
    int32_t exit_status;     /* with HEARTBEAT_FAIL, from 1; 0: none given */
    const char *run_or_null; /* pairs a start with its end, at most EVENT_RUN_BYTES_MAX */
};

const char *event_action_name(enum event_action action); /* "trigger" … */
int event_action_parse(const char *name, enum event_action *out_action);
const char *severity_name(enum severity severity); /* "critical" … */
int severity_parse(const char *name, enum severity *out_severity);
const char *heartbeat_signal_name(enum heartbeat_signal signal); /* "success" … */
int heartbeat_signal_parse(const char *name, enum heartbeat_signal *out_signal);

/* "labels:" and name="value" pairs joined by ",", the key of an event that has none; length-bounded by hashing past 512
 * bytes. Written to out (NUL-terminated). */
#define EVENT_DERIVED_KEY_BYTES 640
void event_derive_key(const struct label *labels, size_t label_count,
                      char out[EVENT_DERIVED_KEY_BYTES]);
/* The key, or the derived one; a heartbeat with neither key nor labels is that of the source itself. */
const char *event_identity(const struct event *event, char out[EVENT_DERIVED_KEY_BYTES]);

#endif
