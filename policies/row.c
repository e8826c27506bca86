#include "policies/row.h"

#include "gateway/base/assert.h"
#include "gateway/base/text.h"

static const char *const disposition_names[DISPOSITION_COUNT] = {
    [DISPOSITION_OPENED] = "opened",
    [DISPOSITION_JOINED] = "joined",
    [DISPOSITION_COUNTED] = "counted",
    [DISPOSITION_RESOLVED] = "resolved",
    [DISPOSITION_ACKED] = "acked",
    [DISPOSITION_REOPENED] = "reopened",
    [DISPOSITION_UNKNOWN_KEY] = "unknown-key",
    [DISPOSITION_HEARTBEAT] = "heartbeat",
    [DISPOSITION_CHANGE] = "change",
    [DISPOSITION_REPLAYED] = "replayed",
    [DISPOSITION_OVERFLOW] = "overflow",
    [DISPOSITION_REFUSED] = "refused",
};

static const char *const incident_states[INCIDENT_STATE_COUNT] = {
    [INCIDENT_HELD] = "held",
    [INCIDENT_TRIGGERED] = "triggered",
    [INCIDENT_ACKNOWLEDGED] = "acknowledged",
    [INCIDENT_RESOLVED] = "resolved",
};

static const char *const kind_names[KIND_COUNT] = {
    [KIND_PAGE] = "page",       [KIND_INFORM] = "inform",     [KIND_ASK] = "ask",
    [KIND_APPROVE] = "approve", [KIND_REMINDER] = "reminder", [KIND_NOTICE] = "notice",
    [KIND_DIGEST] = "digest",   [KIND_ANSWER] = "answer",
};

static const char *const notification_states[NOTIFICATION_STATE_COUNT] = {
    [NOTIFICATION_PENDING] = "pending",   [NOTIFICATION_CLAIMED] = "claimed",
    [NOTIFICATION_ACCEPTED] = "accepted", [NOTIFICATION_DELIVERED] = "delivered",
    [NOTIFICATION_FAILED] = "failed",     [NOTIFICATION_CANCELLED] = "cancelled",
    [NOTIFICATION_EXPIRED] = "expired",
};

static const char *const mark_kinds[MARK_KIND_COUNT] = {
    [MARK_STOPPED] = "stopped",   [MARK_ERRORS] = "errors", [MARK_CODES] = "codes",
    [MARK_RECEIPT] = "receipt",   [MARK_BUCKET] = "bucket", [MARK_HEARD] = "heard",
    [MARK_OVERRIDE] = "override", [MARK_DUTY] = "duty",     [MARK_COUNTER] = "counter",
    [MARK_CHANGE] = "change",
};

static const char *const heartbeat_states[HEARTBEAT_STATE_COUNT] = {
    [HEARTBEAT_NEW] = "new",
    [HEARTBEAT_UP] = "up",
    [HEARTBEAT_MISSED] = "missed",
    [HEARTBEAT_FAILED] = "failed",
};

static int find_name(const char *name, const char *const *names, int count)
{
    for (int i = 0; i < count; i++) {
        if (text_equal(name, names[i]))
            return i;
    }
    return -1;
}

const char *disposition_name(enum disposition disposition)
{
    ASSERT(disposition < DISPOSITION_COUNT);
    return disposition_names[disposition];
}

const char *incident_state_name(enum incident_state state)
{
    ASSERT(state < INCIDENT_STATE_COUNT);
    return incident_states[state];
}

int incident_state_parse(const char *name, enum incident_state *out_state)
{
    int found = find_name(name, incident_states, INCIDENT_STATE_COUNT);
    if (found >= 0)
        *out_state = (enum incident_state)found;
    return found >= 0 ? 0 : -1;
}

const char *notification_kind_name(enum notification_kind kind)
{
    ASSERT(kind < KIND_COUNT);
    return kind_names[kind];
}

int notification_kind_parse(const char *name, enum notification_kind *out_kind)
{
    int found = find_name(name, kind_names, KIND_COUNT);
    if (found >= 0)
        *out_kind = (enum notification_kind)found;
    return found >= 0 ? 0 : -1;
}

const char *notification_state_name(enum notification_state state)
{
    ASSERT(state < NOTIFICATION_STATE_COUNT);
    return notification_states[state];
}

int notification_state_parse(const char *name, enum notification_state *out_state)
{
    int found = find_name(name, notification_states, NOTIFICATION_STATE_COUNT);
    if (found >= 0)
        *out_state = (enum notification_state)found;
    return found >= 0 ? 0 : -1;
}

const char *mark_kind_name(enum mark_kind kind)
{
    ASSERT(kind < MARK_KIND_COUNT);
    return mark_kinds[kind];
}

int mark_kind_parse(const char *name, enum mark_kind *out_kind)
{
    int found = find_name(name, mark_kinds, MARK_KIND_COUNT);
    if (found >= 0)
        *out_kind = (enum mark_kind)found;
    return found >= 0 ? 0 : -1;
}

const char *heartbeat_state_name(enum heartbeat_state state)
{
    ASSERT(state < HEARTBEAT_STATE_COUNT);
    return heartbeat_states[state];
}

int heartbeat_state_parse(const char *name, enum heartbeat_state *out_state)
{
    int found = find_name(name, heartbeat_states, HEARTBEAT_STATE_COUNT);
    if (found >= 0)
        *out_state = (enum heartbeat_state)found;
    return found >= 0 ? 0 : -1;
}
