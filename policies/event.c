#include "policies/event.h"

#include <stdio.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/text.h"

static const char *const action_names[EVENT_ACTION_COUNT] = {
    [EVENT_TRIGGER] = "trigger", [EVENT_ACKNOWLEDGE] = "acknowledge",
    [EVENT_RESOLVE] = "resolve", [EVENT_HEARTBEAT] = "heartbeat",
    [EVENT_CHANGE] = "change",
};

static const char *const severity_names[SEVERITY_COUNT] = {
    [SEVERITY_INFO] = "info",
    [SEVERITY_WARNING] = "warning",
    [SEVERITY_ERROR] = "error",
    [SEVERITY_CRITICAL] = "critical",
};

static const char *const signal_names[HEARTBEAT_SIGNAL_COUNT] = {
    [HEARTBEAT_SUCCESS] = "success", [HEARTBEAT_START] = "start",   [HEARTBEAT_FAIL] = "fail",
    [HEARTBEAT_LOG] = "log",         [HEARTBEAT_FORGET] = "forget",
};

const char *event_action_name(enum event_action action)
{
    ASSERT(action < EVENT_ACTION_COUNT);
    return action_names[action];
}

int event_action_parse(const char *name, enum event_action *out_action)
{
    for (int i = 0; i < EVENT_ACTION_COUNT; i++) {
        if (text_equal(name, action_names[i])) {
            *out_action = (enum event_action)i;
            return 0;
        }
    }
    return -1;
}

const char *severity_name(enum severity severity)
{
    ASSERT(severity < SEVERITY_COUNT);
    return severity_names[severity];
}

int severity_parse(const char *name, enum severity *out_severity)
{
    for (int i = 0; i < SEVERITY_COUNT; i++) {
        if (text_equal(name, severity_names[i])) {
            *out_severity = (enum severity)i;
            return 0;
        }
    }
    return -1;
}

const char *heartbeat_signal_name(enum heartbeat_signal signal)
{
    ASSERT(signal < HEARTBEAT_SIGNAL_COUNT);
    return signal_names[signal];
}

int heartbeat_signal_parse(const char *name, enum heartbeat_signal *out_signal)
{
    for (int i = 0; i < HEARTBEAT_SIGNAL_COUNT; i++) {
        if (text_equal(name, signal_names[i])) {
            *out_signal = (enum heartbeat_signal)i;
            return 0;
        }
    }
    return -1;
}

/* Adds text unless it would pass the plain part of a derived key; from then on only the hash tells
 * keys apart. */
static size_t key_add(char *out, size_t used, const char *text, size_t limit)
{
    size_t length = strlen(text);
    if (used + length > limit)
        length = limit - used;
    memcpy(out + used, text, length);
    return used + length;
}

void event_derive_key(const struct label *labels, size_t label_count,
                      char out[EVENT_DERIVED_KEY_BYTES])
{
    enum { PLAIN_MAX = 512, SEED_A = 0x6b65, SEED_B = 0x7931 };
    uint64_t a = SEED_A;
    uint64_t b = SEED_B;
    size_t total = strlen("labels:");
    size_t used = key_add(out, 0, "labels:", PLAIN_MAX);
    for (size_t i = 0; i < label_count; i++) {
        const char *parts[] = {i > 0 ? "," : "", labels[i].name, "=\"", labels[i].value, "\""};
        for (size_t p = 0; p < sizeof(parts) / sizeof(parts[0]); p++) {
            used = key_add(out, used, parts[p], PLAIN_MAX);
            total += strlen(parts[p]);
        }
        /* The NUL is hashed too, so that no name and value can run into each other. */
        a = text_hash(text_hash(a, labels[i].name, strlen(labels[i].name) + 1), labels[i].value,
                      strlen(labels[i].value) + 1);
        b = text_hash(text_hash(b, labels[i].value, strlen(labels[i].value) + 1), labels[i].name,
                      strlen(labels[i].name) + 1);
    }
    if (total > PLAIN_MAX) {
        int written = snprintf(out + used, EVENT_DERIVED_KEY_BYTES - used, "#%016llx%016llx",
                               (unsigned long long)a, (unsigned long long)b);
        ASSERT(written == 33);
        return;
    }
    out[used] = '\0';
}

const char *event_identity(const struct event *event, char out[EVENT_DERIVED_KEY_BYTES])
{
    if (event->key[0] != '\0')
        return event->key;
    if (event->action == EVENT_HEARTBEAT && event->label_count == 0)
        return event->source;
    event_derive_key(event->labels, event->label_count, out);
    return out;
}
